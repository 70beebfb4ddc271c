# shellhistory.tcl -- the built-in history: what ran, from the journals of
# deployer::runs, and what was typed.
#
# Layer T3. Of the journals those of the root's class are meant; 1 is the newest.

namespace eval ::deployer::shell {}

proc ::deployer::shell::DoHistory {shell text} {
    set words [BuiltinWords history $text 0 3]
    set words [lassign $words word]
    set known {list {0 1} show {1 1} replay {1 2} resume {1 1} lines {0 1}}
    if {$word eq "" || [string is digit -strict $word]} {
        set words [list {*}$word {*}$words]
        set word list
    }
    if {![dict exists $known $word]} {
        Fail [list ARGUMENT $word] "unknown word \"[Shorten $word 40]\": must be\
            [join [lsort [dict keys $known]] {, }]"
    }
    lassign [dict get $known $word] least most
    if {[llength $words] < $least || [llength $words] > $most} {
        FailUsage "history [dict get {
            list "list ?N?" show "show N" replay "replay N ?SPEED?"
            resume "resume N" lines "lines ?N?"
        } $word]"
    }
    tailcall History[string totitle $word] $shell {*}$words
}

proc ::deployer::shell::Number word {
    if {![string is digit -strict $word] || [scan $word %d number] != 1} {
        Fail [list ARGUMENT $word] "a number is expected, not\
            \"[Shorten $word 40]\""
    }
    return $number
}

# The lines that were typed, or the last so many.
proc ::deployer::shell::HistoryLines {shell {count ""}} {
    upvar #0 $shell S
    set lines [$S(reader) history]
    set from 0
    if {$count ne ""} {
        set from [expr {[llength $lines] - [Number $count]}]
    }
    set number 0
    set shown {}
    foreach line $lines {
        if {[incr number] > $from} {
            lappend shown [format "%5d  %s" $number \
                [core::text show -lines $line]]
        }
    }
    if {[llength $shown]} {
        Page $shell [join $shown \n]
    }
}

# The runs of this tree, newest first.
proc ::deployer::shell::HistoryRuns shell {
    upvar #0 $shell S
    if {[info commands ::deployer::runs] eq ""
            && ![auto_load ::deployer::runs]} {
        Fail {ARGUMENT history} "there is no journal of runs in this version:\
            \"history lines\" shows what was typed"
    }
    set class [string trimleft [info object class $S(root)] :]
    return [lmap run [::deployer::runs list] {
        if {[string trimleft [dict get $run root] :] ne $class} {
            continue
        }
        set run
    }]
}

# The run that WORD names: its number in the list, or its id.
proc ::deployer::shell::HistoryRun {shell word} {
    set runs [HistoryRuns $shell]
    if {[string is digit -strict $word] && [scan $word %d number] == 1
            && $number <= [llength $runs]} {
        if {$number > 0} {
            return [dict get [lindex $runs $number-1] id]
        }
    } elseif {[string match *-* $word]} {
        return $word
    }
    Fail [list ARGUMENT $word] "there is no run \"[Shorten $word 40]\":\
        \"history list\" shows their numbers"
}

proc ::deployer::shell::HistoryList {shell {count 20}} {
    set count [Number $count]
    set rows {}
    set number 0
    # Where there is little room, less is told of the time.
    set width [Columns $shell]
    set narrow [expr {$width && $width < 60}]
    set today [clock format [clock seconds] -format %Y%m%d]
    foreach run [lrange [HistoryRuns $shell] 0 $count-1] {
        set call ""
        if {[dict get $run sandbox]} {
            set call "sandbox "
        }
        append call [string trimright [dict get $run path] /]/
        append call [dict get $run action]
        foreach argument [dict get $run arguments] {
            append call " " [list $argument]
        }
        set state [dict get $run state]
        if {[dict get $run failed]} {
            append state " ([dict get $run failed] of [dict get $run hosts])"
        }
        set time [expr {int([dict get $run time])}]
        set format "%Y-%m-%d %H:%M:%S"
        if {$narrow} {
            set format [expr {[clock format $time -format %Y%m%d] eq $today
                ? "%H:%M" : "%d %b"}]
        }
        lappend rows [list [incr number] [clock format $time -format $format] \
            {*}[expr {$narrow ? {} : [list [BarsTime [dict get $run seconds]]]}] \
            $state $call]
    }
    if {[llength $rows]} {
        Page $shell [Table $shell $rows]
    } else {
        Print $shell "nothing ran yet\n"
    }
}

proc ::deployer::shell::HistoryShow {shell word} {
    Page $shell [::deployer::runs show [HistoryRun $shell $word]]
}

proc ::deployer::shell::HistoryReplay {shell word {speed 1}} {
    ::deployer::runs replay [HistoryRun $shell $word] -speed $speed
}

# The action runs again where it did not end well.
proc ::deployer::shell::HistoryResume {shell word} {
    upvar #0 $shell S
    set result [::deployer::runs resume [HistoryRun $shell $word] $S(root)]
    Result $shell [dict create target $S(root) background 0] $result 0
}

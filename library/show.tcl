# show.tcl -- `my console`: what an action shows a human.
#
# Layer T2. It goes to the terminal, between what others show there, where that is
# the instance's and standard output is it; else to standard output. Escapes in
# texts are shown and not obeyed.

namespace eval ::deployer {
    # Reads a file that is gone as soon as it is read.
    variable PagerScript {exec <"$1" && rm -f "$1" && eval "$2"}
}

# Whether the terminal is the instance's to be written to.
proc ::deployer::ConsoleOnScreen ns {
    set options [set [set ${ns}::Root]::Options]
    return [expr {[dict get $options terminal] ne "none"
        && [OnTerminal stdout]
        && [dict get [core::terminal info] state] eq "front"}]
}

proc ::deployer::ConsolePrint {ns text} {
    if {[ConsoleOnScreen $ns]} {
        TerminalPrint $text
        TerminalDrain
    } else {
        puts -nonewline stdout $text
        flush stdout
    }
}

# Columns of the lines of what is printed; 0 where there is no end.
proc ::deployer::ConsoleWidth {ns options} {
    if {[dict exists $options width]} {
        return [dict get $options width]
    }
    if {[ConsoleOnScreen $ns]} {
        return [dict get [core::terminal info] cols]
    }
    return 0
}

# Prints TEXT, or returns it where -result says so.
proc ::deployer::ConsoleGive {ns options text} {
    if {[dict exists $options result] && [dict get $options result] eq "text"} {
        return [string trimright $text \n]
    }
    ConsolePrint $ns $text
}

# table ?-from lists|dicts|dict|pairs? ?-columns LIST? ?-headers LIST?
# ?-align LIST? ?-width N? ?-result text|none? ROWS
proc ::deployer::ConsoleTable {ns args} {
    set options [ConsoleOptions {
        -from lists|dicts|dict|pairs -columns list -headers list -align list
        -width count0 -result text|none
    } table args ROWS]
    lassign $args rows
    set from lists
    if {[dict exists $options from]} {
        set from [dict get $options from]
    }
    if {$from in {lists dicts} && ![string is list $rows]
            || $from in {dict pairs} && [catch {dict size $rows}]} {
        Fail {ARGUMENT rows} "console table: with -from $from the rows must be\
            a [expr {$from in {lists dicts} ? "list" : "dict"}], not\
            \"[Shorten $rows 40]\""
    }
    if {$from eq "lists"} {
        set number -1
        foreach row $rows {
            incr number
            if {![string is list $row]} {
                Fail {ARGUMENT rows} "console table: row $number is no list:\
                    \"[Shorten $row 40]\""
            }
        }
    }
    lassign [TableRows $from $rows $options] rows titles
    if {[dict exists $options headers]} {
        set titles [dict get $options headers]
    }
    set style [dict create width [ConsoleWidth $ns $options] \
        ellipsis [TerminalEllipsis] \
        rule [expr {[TerminalUnicode] ? "\u2500" : "-"}]]
    if {[llength $titles]} {
        dict set style headers $titles
    }
    if {[dict exists $options align]} {
        foreach word [dict get $options align] {
            if {$word ni {auto left right center}} {
                Fail {OPTION -align} "-align must be a list of auto, left,\
                    right and center, not \"[Shorten $word 40]\""
            }
        }
        dict set style aligns [dict get $options align]
    }
    if {[ConsoleOnScreen $ns] && [TerminalColors]
            && (![dict exists $options result]
                || [dict get $options result] ne "text")} {
        dict set style bold \033\[1m
        dict set style plain \033\[m
    }
    ConsoleGive $ns $options [core::text table $rows $style]
}

# {rows titles}: ROWS as a list of lists.
proc ::deployer::TableRows {from rows options} {
    set picked [dict exists $options columns]
    if {$picked} {
        set columns [dict get $options columns]
    }
    switch -- $from {
        lists {
            if {$picked} {
                foreach at $columns {
                    if {![string is digit -strict $at]} {
                        Fail {OPTION -columns} "-columns of rows that are lists\
                            must be positions, not \"[Shorten $at 40]\""
                    }
                }
                set rows [lmap row $rows {
                    lmap at $columns {lindex $row $at}
                }]
            }
            return [list $rows {}]
        }
        pairs {
            set pairs {}
            dict for {key value} $rows {
                lappend pairs [list $key $value]
            }
            return [list $pairs {}]
        }
    }
    set keys {}
    if {$from eq "dict"} {
        set keys [dict keys $rows]
        set rows [dict values $rows]
    }
    set seen {}
    set number -1
    foreach row $rows {
        incr number
        if {[catch {dict size $row}]} {
            Fail {ARGUMENT rows} "console table: with -from $from each row must\
                be a dict, and row $number is \"[Shorten $row 40]\""
        }
        if {!$picked} {
            set seen [dict merge $seen $row]
        }
    }
    if {!$picked} {
        set columns [dict keys $seen]
    }
    set lists {}
    foreach row $rows {
        set list {}
        foreach column $columns {
            lappend list [expr {[dict exists $row $column]
                ? [dict get $row $column] : ""}]
        }
        lappend lists $list
    }
    if {$from eq "dict"} {
        set lists [lmap key $keys list $lists {linsert $list 0 $key}]
        set columns [linsert $columns 0 {}]
    }
    return [list $lists $columns]
}

# columns ?-width N? ?-result text|none? NAMES: as ls; one on each line where
# there is no terminal.
proc ::deployer::ConsoleColumns {ns args} {
    set options [ConsoleOptions {-width count0 -result text|none} columns args \
        NAMES]
    lassign $args names
    if {![string is list $names]} {
        Fail {ARGUMENT names} "console columns needs a list of names, not\
            \"[Shorten $names 40]\""
    }
    ConsoleGive $ns $options [core::text columns $names \
        [ConsoleWidth $ns $options] [TerminalEllipsis]]
}

# page ?-pager COMMAND? ?-colors BOOL? TEXT: a screen at a time where somebody
# sits there, else at once.
proc ::deployer::ConsolePage {ns args} {
    set options [ConsoleOptions {-pager text -colors bool} page args TEXT]
    lassign $args text
    set flags -lines
    if {[dict exists $options colors] && [dict get $options colors]} {
        lappend flags -colors
    }
    # What ends the colours stands before the end of the last line.
    if {$text ne ""} {
        if {[string index $text end] eq "\n"} {
            set text [string range $text 0 end-1]
        }
        set text [core::text show {*}$flags $text]\n
    }
    if {![ConsoleIsOpen $ns] || ![ConsoleOnScreen $ns]} {
        ConsolePrint $ns $text
        return
    }
    set info [core::terminal info]
    if {[PageLines $text [dict get $info cols]] < [dict get $info rows]} {
        ConsolePrint $ns $text
        return
    }
    set pager [PagerOf $options]
    if {$pager eq "" || ![PageThrough $pager $text]} {
        PageSimply $ns $text
    }
    return
}

# Lines of the screen that TEXT takes.
proc ::deployer::PageLines {text width} {
    set count 0
    foreach line [split [string trimright $text \n] \n] {
        incr count [expr {max(1,
            ([core::text width $line] + $width - 1) / $width)}]
    }
    return $count
}

# The command of a pager, "" for ours.
proc ::deployer::PagerOf options {
    if {[dict exists $options pager]} {
        return [dict get $options pager]
    }
    # On a dumb terminal less only complains, and it is what PAGER mostly says.
    if {[info exists ::env(PAGER)] && [string trim $::env(PAGER)] ne ""
            && ([TerminalSmart]
                || ![regexp {^\s*(\S*/)?less(\s|$)} $::env(PAGER)])} {
        return $::env(PAGER)
    }
    if {[TerminalSmart] && [auto_execok less] ne ""} {
        return less
    }
    return ""
}

# Lends the terminal to PAGER, a command of the shell. 0: there is none.
proc ::deployer::PageThrough {pager text} {
    variable PagerScript
    set info [TerminalNeed "console page"]
    set channel [file tempfile path [file join [TempFolder] deployer-page]]
    try {
        chan configure $channel -translation lf
        puts -nonewline $channel $text
        close $channel
        set env {}
        foreach {name value} {LESS FRX LV -c} {
            if {![info exists ::env($name)]} {
                dict set env $name $value
            }
        }
        TerminalLock Command
        try {
            TerminalLock
            try {
                set p [core::spawn [list /bin/sh -c $PagerScript sh $path \
                    $pager] [dict merge [TerminalType $info 1 ""] \
                    [dict create pty 1 slug localhost env $env]]]
                try {
                    set outcome [Await [core::proc run $p \
                        {terminal 1 keys 1 stdinopen 1 discard 1}]]
                } finally {
                    core::proc close $p
                }
            } finally {
                TerminalUnlock
            }
        } finally {
            TerminalUnlock Command
        }
    } finally {
        file delete $path
    }
    return [expr {[dict get $outcome status] ni {126 127}}]
}

proc ::deployer::TempFolder {} {
    if {[info exists ::env(TMPDIR)] && [file isdirectory $::env(TMPDIR)]} {
        return $::env(TMPDIR)
    }
    return /tmp
}

# A pager for terminals that can do nothing: Enter shows more.
proc ::deployer::PageSimply {ns text} {
    set lines [split [string trimright $text \n] \n]
    set count [llength $lines]
    set next 0
    set terminal [AskOpen]
    try {
        while 1 {
            set info [core::terminal info]
            set room [expr {max(2, [dict get $info rows]) - 1}]
            while {$next < $count} {
                set line [lindex $lines $next]
                set room [expr {$room - [PageLines $line \
                    [dict get $info cols]]}]
                if {$room < 0 && $room < [dict get $info rows] - 2} {
                    break
                }
                puts $terminal $line
                incr next
            }
            if {$next >= $count} {
                return
            }
            lassign [AskTyped $terminal "-- more ([expr {100 * $next / $count}]%,\
                Enter, or q to end): " 0] ended answer
            if {$ended || [string tolower [string index $answer 0]] eq "q"} {
                return
            }
        }
    } finally {
        AskClose $terminal
    }
}

# Progress.

# progress ?-total N? ?-unit NOUN|bytes? ?-delay SECONDS? ?LABEL?: an object that
# shows how far something is, and a command prefix for -progress. It dies with the
# action.
proc ::deployer::ConsoleProgress {ns args} {
    set options [TakeOptions {-total amount -unit text -delay seconds0} args]
    if {[llength $args] > 1} {
        WrongArgs "my console progress ?-total N? ?-unit NOUN? ?-delay SECONDS?\
            ?LABEL?"
    }
    return [Own [Progress new $ns [lindex $args 0] $options]]
}

oo::class create ::deployer::Progress {
    variable Bar

    constructor {ns label options} {
        set delay 200
        if {[dict exists $options delay]} {
            set delay [expr {round([dict get $options delay] * 1000)}]
        }
        set bar [dict create label $label \
            shown [expr {[clock milliseconds] + $delay}]]
        foreach name {total unit} {
            if {[dict exists $options $name]} {
                dict set bar $name [dict get $options $name]
            }
        }
        set instance [set [set ${ns}::Root]::Options]
        if {[dict get $instance terminal] eq "none"} {
            dict set bar say [list ::deployer::Report $ns]
        }
        set Bar [::deployer::BarsBegin {*}$bar]
    }

    destructor {
        if {[info exists Bar]} {
            ::deployer::BarsEnd $Bar
        }
    }

    # A call with a dict is one of -progress.
    method unknown {word args} {
        if {![llength $args] && ![catch {dict exists $word bytes} told]
                && $told} {
            if {[::deployer::BarsGet $Bar unit] eq ""} {
                ::deployer::BarsSet $Bar unit bytes
            }
            ::deployer::BarsFlow $Bar $word
            return
        }
        ::deployer::Fail [list ARGUMENT $word] "unknown word\
            \"[::deployer::Shorten $word 40]\": must be add, begin, destroy,\
            end, finish, label, set, text or total, or a dict as -progress\
            gives it"
    }

    method add {{count 1}} {
        ::deployer::BarsAdd $Bar [my Number $count]
    }

    method set count {
        ::deployer::BarsSet $Bar done [my Number $count]
    }

    method total count {
        ::deployer::BarsSet $Bar total \
            [expr {$count eq "" ? "" : [my Number $count]}]
    }

    method label text {
        ::deployer::BarsSet $Bar label $text
    }

    method text text {
        ::deployer::BarsSet $Bar text $text
    }

    # One of many, told by its name, has begun and ended.
    method begin name {
        ::deployer::BarsOne $Bar $name
    }

    method end {name {state ok}} {
        if {$state ni {ok failed}} {
            ::deployer::Fail [list ARGUMENT $state] "\"[::deployer::Shorten \
                $state 40]\" must be ok or failed"
        }
        ::deployer::BarsOneEnded $Bar $name [expr {$state eq "failed"}]
    }

    # TEXT stays where the bar was.
    method finish {{text {}}} {
        ::deployer::BarsEnd $Bar $text
        my destroy
    }

    method Number count {
        if {![string is entier -strict $count]} {
            ::deployer::Fail [list ARGUMENT $count] "a number is expected, not\
                \"[::deployer::Shorten $count 40]\""
        }
        return $count
    }
}

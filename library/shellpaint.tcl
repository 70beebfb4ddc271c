# shellpaint.tcl -- the colours of a line of the shell while it is typed.
#
# Layer T3. Words have those that completion lists them in, what is not known has
# none. That is looked up at each key: no host is asked, no script of the tree's
# runs, and nobody looks for what is nearest.

namespace eval ::deployer::shell {}

# The spans of TEXT, {START END SGR ...}, as a Reader takes them.
proc ::deployer::shell::Spans {shell text} {
    set spans {}
    set at 0
    # A place may have gone meanwhile.
    catch {
        set place [Place $shell]
        foreach line [LinesOf $text] {
            foreach {start end sgr} [SpansOf $place $line] {
                lappend spans [expr {$start + $at}] [expr {$end + $at}] $sgr
            }
            incr at [expr {[string length $line] + 1}]
        }
    }
    return $spans
}

# Those of one line at PLACE.
proc ::deployer::shell::SpansOf {place line} {
    variable Builtins
    set words [Split $line]
    if {![llength $words]} {
        return {}
    }
    lassign [lindex $words 0] - start end
    set name [string range $line $start $end-1]
    if {[string index $name 0] eq "#"} {
        return {}
    }
    if {$name ne "--help" && ![dict exists $Builtins $name]} {
        return [SpansPath $place $line $words action]
    }
    set spans [list $start $end 36]
    set words [lrange $words 1 end]
    lassign [lindex $words 0] word start end
    if {[llength $words] == 1 && ($word eq "--help"
            || ($name in {help --help} && [dict exists $Builtins $word]))} {
        return [lappend spans $start $end 36]
    }
    switch -- $name {
        help - --help - --inspect - --source-code {
            set mode member
        }
        default {
            set mode [dict get $Builtins $name complete]
        }
    }
    if {$name eq "ls" && $word eq "-l"} {
        set words [lrange $words 1 end]
    }
    if {$mode in {path action member}} {
        lappend spans {*}[SpansPath $place $line $words $mode]
    }
    return $spans
}

# Those of WORDS, which Split has made of LINE, as far as they lead from PLACE. MODE
# says where: path (to services and cells), action or member (also to these).
proc ::deployer::shell::SpansPath {place line words mode} {
    set spans {}
    set spot [SpotOf $place]
    while {[llength $words]} {
        set words [lassign $words word]
        lassign $word value start end whole
        if {!$whole} {
            break
        }
        set raw [string range $line $start $end-1]
        set at {}
        if {$value eq "at" && [SpotIsArray $spot]} {
            set at [list $start $end]
            set words [lassign $words word]
            lassign $word value start end whole
            if {$word eq "" || !$whole} {
                break
            }
            set parts [list [list at $value]]
        } else {
            set parts [PathParts $value]
        }
        set sgr ""
        # Where quotes are in it, a word has one colour.
        set single [expr {$at ne "" || $raw ne $value}]
        set from 0
        foreach part $parts {
            lassign [SpanStep $spot $place $part] what found
            if {$what eq "" || ($what eq "action" && $mode eq "path")} {
                return $spans
            }
            if {$what eq "spot"} {
                set spot $found
            }
            set sgr [GroupColor [SpotGroup $spot]]
            if {!$single} {
                set from [string first $part $value $from]
                set to [expr {$from + [string length $part]}]
                if {$sgr ne ""} {
                    lappend spans [expr {$start + $from}] \
                        [expr {$start + $to}] $sgr
                }
                set from $to
            }
            if {$what eq "action"} {
                break
            }
        }
        if {$single && $sgr ne ""} {
            if {$at ne ""} {
                lappend spans {*}$at $sgr
            }
            lappend spans $start $end $sgr
        }
        if {$what eq "action"} {
            break
        }
    }
    return $spans
}

# As SpotStep, but {} for what is not known.
proc ::deployer::shell::SpanStep {spot place part} {
    if {[string match :* $part]} {
        return [SpanCells $spot [lrange [split $part :] 1 end]]
    }
    if {[PathIsAt $part]} {
        set index [lindex $part 1]
        return [SpanCells $spot [expr {[string is list $index] ? $index
            : [list $index]}]]
    }
    if {$part ni {/ . .. -} && [Member [dict get $spot class] $part] eq ""} {
        return {}
    }
    set step [SpotStep $spot $place $part]
    return [expr {[lindex $step 0] eq "unknown" ? {} : $step}]
}

proc ::deployer::shell::SpanCells {spot words} {
    foreach word $words {
        if {![SpotIsArray $spot] || ![SpanMay $spot]
                || [catch {SpotIndex $spot $word} index] || $index eq ""} {
            return {}
        }
        dict lappend spot given $index
    }
    return [list spot $spot]
}

# Whether the array of SPOT is there, or is made without a constructor that is not
# ours.
proc ::deployer::shell::SpanMay spot {
    set level [lindex [dict get $spot dims] [llength [dict get $spot given]]]
    set space [info object namespace [dict get $spot root]]
    set class [info object class [dict get $spot root]]
    foreach name [lrange [dict get $spot names] 0 $level-1] {
        set class [dict get [Member $class $name] class]
        if {$space ne ""} {
            set object [namespace which -command ${space}::kids::$name]
            set space [expr {$object eq "" ? ""
                : [info object namespace $object]}]
        }
        if {$space eq "" && [dict get [Summary $class] begin] eq "slow"} {
            return 0
        }
    }
    return 1
}

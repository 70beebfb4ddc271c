# pick.tcl -- `my console select_host` and `select_service`: one of many, found by
# typing a part of its name.
#
# Layer T2. On a terminal that can do nothing lines have numbers.

# select_host ?-default HOST? ?-roles ROLES? ?QUESTION?: a host of the instance,
# as an object.
proc ::deployer::ConsoleSelectHost {ns args} {
    set options [TakeOptions {-default text -roles list} args]
    if {[llength $args] > 1} {
        WrongArgs "my console select_host ?-default HOST? ?-roles ROLES?\
            ?QUESTION?"
    }
    set question "Which host?"
    if {[llength $args]} {
        set question [lindex $args 0]
    }
    set set [HostsSet [ViewOf $ns]]
    if {[dict exists $options roles]} {
        set set [core::hostset pick $set [dict get $options roles] ::]
    }
    set slugs [core::hostset slugs $set]
    set default ""
    if {[dict exists $options default]} {
        set name [dict get $options default]
        set default [core::hostset index $set $name {} ::]
        if {$default < 0 || [string is digit -strict $name]} {
            Fail {OPTION -default} "console select_host: the default\
                \"[Shorten $name 40]\" is no host of [PathOf $ns]"
        }
    }
    if {![llength $slugs]} {
        Fail {HOSTS COUNT 0} "\"$question\" has no answer: [PathOf $ns] has no\
            such hosts"
    }
    return [core::hostset host $set [PickOne $ns $question $slugs $default]]
}

# select_service ?-default PATH? ?QUESTION?: the instance or one nested in it.
proc ::deployer::ConsoleSelectService {ns args} {
    set options [TakeOptions {-default text} args]
    if {[llength $args] > 1} {
        WrongArgs "my console select_service ?-default PATH? ?QUESTION?"
    }
    set question "Which service?"
    if {[llength $args]} {
        set question [lindex $args 0]
    }
    # One that cannot be made hides no other.
    set found [lmap each [inspect walk [ObjectOf $ns] -bad bad] {
        if {[string match */_* [PathOf [info object namespace $each]]]} continue
        set each
    }]
    set paths [lmap each $found {PathOf [info object namespace $each]}]
    set default ""
    if {[dict exists $options default]} {
        set name [dict get $options default]
        set default [lsearch -exact $paths $name]
        if {$default < 0 && [info object isa object $name]} {
            set default [lsearch -exact $found [namespace which $name]]
        }
        if {$default < 0} {
            Fail {OPTION -default} "console select_service: the default\
                \"[Shorten $name 40]\" is no service below [PathOf $ns]"
        }
    }
    return [lindex $found [PickOne $ns $question $paths $default]]
}

# The position of one of LABELS; DEFAULT is one, or "".
proc ::deployer::PickOne {ns question labels default} {
    if {![ConsoleIsOpen $ns]} {
        if {$default ne ""} {
            return $default
        }
        ConsoleNobody $question
    }
    set terminal [AskOpen]
    try {
        if {[TerminalSmart]
                && [dict get [core::terminal info] rows] >= 5} {
            chan configure $terminal -encoding [encoding system]
            set picked [PickKeys $terminal $question $labels $default]
        } else {
            set picked [PickTyped $terminal $question $labels $default]
        }
    } finally {
        AskClose $terminal
    }
    lassign $picked ended index
    if {$ended} {
        ConsoleAbort $ns $question $ended
    }
    return $index
}

# The positions of the LABELS that hold all words of TEXT, in any case.
proc ::deployer::PickMatches {labels text} {
    set words [split [string trim [string tolower $text]]]
    set matches {}
    set at -1
    foreach label $labels {
        incr at
        set label [string tolower $label]
        set holds 1
        foreach word $words {
            if {[string first $word $label] < 0} {
                set holds 0
                break
            }
        }
        if {$holds} {
            lappend matches $at
        }
    }
    return $matches
}

# Numbers; what is no number and no label shows those that hold it.
proc ::deployer::PickTyped {terminal question labels default} {
    set matches [PickMatches $labels ""]
    set most 50
    while 1 {
        set text ""
        foreach at [lrange $matches 0 $most-1] {
            append text [format "%4d  %s\n" $at \
                [core::text show [lindex $labels $at]]]
        }
        if {[llength $matches] > $most} {
            append text "      [expr {[llength $matches] - $most}] more: type a\
                part of a name\n"
        }
        append text [core::text show -lines $question]
        if {$default ne ""} {
            append text " \[[core::text show [lindex $labels $default]]\]"
        }
        while 1 {
            lassign [AskTyped $terminal "$text " 0] ended answer
            set answer [string trim $answer]
            if {$ended} {
                return [list $ended ""]
            }
            if {$answer eq "" && $default ne ""} {
                return [list 0 $default]
            }
            if {$answer ne ""} {
                break
            }
        }
        set at [lsearch -exact $labels $answer]
        if {$at < 0 && [string is digit -strict $answer]
                && [scan $answer %d number] == 1
                && $number < [llength $labels]} {
            set at $number
        }
        if {$at >= 0} {
            return [list 0 $at]
        }
        set matches [PickMatches $labels $answer]
        if {[llength $matches] == 1} {
            return [list 0 [lindex $matches 0]]
        }
        if {![llength $matches]} {
            puts $terminal "Nothing has [core::text show $answer] in its name."
            set matches [PickMatches $labels ""]
        }
    }
}

# Each key changes what is to be seen.
proc ::deployer::PickKeys {terminal question labels default} {
    set lines [split [core::text show -lines $question] \n]
    set question [lindex $lines end]
    foreach line [lrange $lines 0 end-1] {
        puts $terminal $line
    }
    set typed ""
    set matches [PickMatches $labels ""]
    set at [expr {$default eq "" ? 0 : $default}]
    set ended 0
    core::echo keys
    try {
        while 1 {
            puts -nonewline $terminal \
                [PickPicture $question $typed $labels $matches $at]
            lassign [PickRead $terminal] ended keys
            if {$ended} {
                return [list $ended ""]
            }
            set before $typed
            set page [expr {min(10, [dict get [core::terminal info] rows] - 3)}]
            foreach key [PickSplit $keys] {
                switch -- $key {
                    \r - \n {
                        if {$typed ne $before} {
                            set matches [PickMatches $labels $typed]
                            set before $typed
                            set at 0
                        }
                        if {[llength $matches]} {
                            return [list 0 [lindex $matches $at]]
                        }
                    }
                    \x03 {
                        return [list [set ended 2] ""]
                    }
                    \x04 {
                        if {$typed eq ""} {
                            return [list [set ended 1] ""]
                        }
                    }
                    \033 - \x15 {
                        set typed ""
                    }
                    \x7f - \b {
                        set typed [string range $typed 0 end-1]
                    }
                    \x17 {
                        set typed [regsub {\S*\s*$} $typed {}]
                    }
                    \033\[A - \033OA - \x10 {
                        incr at -1
                    }
                    \033\[B - \033OB - \x0e - \t {
                        incr at
                    }
                    \033\[5~ {
                        incr at -$page
                    }
                    \033\[6~ {
                        incr at $page
                    }
                    \033\[H - \033OH - \033\[1~ {
                        set at 0
                    }
                    \033\[F - \033OF - \033\[4~ {
                        set at [llength $matches]
                    }
                    default {
                        if {[string is print -strict $key]} {
                            append typed $key
                        }
                    }
                }
            }
            if {$typed ne $before} {
                set matches [PickMatches $labels $typed]
                set at 0
                if {$typed eq "" && $default ne ""} {
                    set at $default
                }
            }
            set at [expr {max(0, min($at, [llength $matches] - 1))}]
        }
    } finally {
        core::echo on
        set shown ""
        if {!$ended && [llength $matches]} {
            set shown [core::text show [lindex $labels [lindex $matches $at]]]
        }
        # The terminal may have gone.
        catch {puts $terminal "\r\033\[J$question $shown"}
    }
}

# Keys of one read: an escape sequence is one, and so is each other character.
proc ::deployer::PickSplit keys {
    return [regexp -all -inline \
        {\033\[[0-?]*[ -/]*[@-~]|\033O.|\033|[^\033]} $keys]
}

# {ended keys}
proc ::deployer::PickRead terminal {
    set w [core::waiter new]
    chan event $terminal readable [list ::deployer::PickReady $terminal $w]
    return [Await $w]
}

# Called from the event loop when there is input on the terminal.
proc ::deployer::PickReady {terminal w} {
    chan event $terminal readable {}
    if {[catch {read $terminal} keys] || $keys eq "" && [eof $terminal]} {
        core::waiter finish $w {1 {}}
    } else {
        core::waiter finish $w [list 0 $keys]
    }
}

# What is drawn, from the beginning of the line of the question; the cursor is
# left behind what was typed.
proc ::deployer::PickPicture {question typed labels matches at} {
    set info [core::terminal info]
    set width [expr {[dict get $info cols] - 1}]
    set room [expr {max(1, min(10, [dict get $info rows] - 3))}]
    set ellipsis [TerminalEllipsis]
    set line [core::text fit $question [expr {$width / 2}] $ellipsis]
    append line " "
    set rest [expr {$width - [core::text width $line]}]
    set shown $typed
    while {[core::text width $shown] > $rest} {
        set shown [string range $shown 1 end]
    }
    append line $shown
    set first [expr {max(0, min($at - $room / 2, [llength $matches] - $room))}]
    set below {}
    set number $first
    foreach index [lrange $matches $first [expr {$first + $room - 1}]] {
        set text [core::text show [lindex $labels $index]]
        if {$number == $at} {
            set text [core::text fit "> $text" $width $ellipsis]
            if {[TerminalColors]} {
                set text \033\[1m$text\033\[m
            }
        } else {
            set text [core::text fit "  $text" $width $ellipsis]
        }
        lappend below $text
        incr number
    }
    set count [llength $matches]
    set all [llength $labels]
    if {!$count} {
        lappend below [core::text fit "  nothing has that in its name" $width]
    } elseif {$count > $room || $count < $all} {
        lappend below [core::text fit "  $count of $all" $width]
    }
    set lines [llength $below]
    return [string cat \r\033\[J [string repeat \033D $lines] \
        \033\[ $lines A $line \0337\r\n [join $below \r\n] \0338]
}

# ask.tcl -- questions of connections to a human, one at a time.
#
# Layer T1.

namespace eval ::deployer {
    variable Questions {}       ;# {session id kind info prompt} ... that wait
    variable Questioning 0      ;# whether one is being asked
    variable AskFor             ;# session -> asides (see aside.tcl) of those who
                                ;# wait for it; "" is somebody at the front. Kept
                                ;# while it has a question, if nobody waits either
    array set AskFor {}
}

# Puts a question at the end of the queue. PROMPT is the -prompt of the host,
# "" for the terminal.
proc ::deployer::AskLater {session id kind info prompt} {
    variable Questions
    lappend Questions [list $session $id $kind $info $prompt]
    AskAgain
}

# Asks what waits and may be asked now.
proc ::deployer::AskAgain {} {
    variable Questions
    variable Questioning
    if {!$Questioning && [llength $Questions]} {
        set Questioning 1
        Detach [Job ::deployer::AskAll {}]
    }
}

proc ::deployer::AskAll {} {
    variable Questioning
    while {[set question [AskNext]] ne ""} {
        lassign $question session id kind info prompt
        if {[catch {AskOne $session $kind $info $prompt} answer options]} {
            # No answer: the connection says what it lacks. The fault of a
            # -prompt command is reported as one of an event handler.
            after 0 [list return -options $options $answer]
            set answer [expr {$kind eq "hostkey" ? "no" : {}}]
        }
        catch {core::ssh answer $session $id $answer}
    }
    set Questioning 0
}

# Takes the next question that may be asked from the queue; "" for none. Those of
# connections that jobs beside the prompt alone wait for stay there.
proc ::deployer::AskNext {} {
    variable Questions
    variable AskFor
    set held {}
    set found ""
    foreach question $Questions {
        lassign $question session - - - prompt
        if {$found ne ""} {
            lappend held $question
        } elseif {[AskOver $session]} {
            # Nobody need answer for a connection that has gone meanwhile.
            unset -nocomplain AskFor($session)
            continue
        } elseif {$prompt ne "" || [AskMay $session]} {
            set found $question
        } else {
            lappend held $question
        }
    }
    set Questions $held
    return $found
}

# Whether somebody at the front waits for SESSION, or nobody ever did. Else what waits
# is told to have something to ask.
proc ::deployer::AskMay session {
    variable AskFor
    if {![info exists AskFor($session)]} {
        return 1
    }
    foreach id $AskFor($session) {
        if {$id eq "" || ![AsideIsBack $id]} {
            return 1
        }
    }
    foreach id $AskFor($session) {
        AsideTell $id
    }
    return 0
}

# Whether a connection for the aside ID has a question that is held back.
proc ::deployer::AskHeld id {
    variable Questions
    variable AskFor
    foreach question $Questions {
        lassign $question session - - - prompt
        if {$prompt eq "" && [info exists AskFor($session)]
                && $id in $AskFor($session) && ![AskOver $session]} {
            return 1
        }
    }
    return 0
}

# Whether SESSION has a question that waits.
proc ::deployer::AskHas session {
    variable Questions
    return [expr {[lsearch -exact -index 0 $Questions $session] >= 0}]
}

# Waits until SESSION stands; meanwhile its questions are those of this code.
proc ::deployer::AskWhile session {
    variable AskFor
    set id [AsideNow]
    lappend AskFor($session) $id
    AskAgain
    try {
        return [Await [core::ssh opened $session]]
    } finally {
        set at [lsearch -exact $AskFor($session) $id]
        set AskFor($session) [lreplace $AskFor($session) $at $at]
        if {$AskFor($session) eq "" && ![AskHas $session]} {
            unset AskFor($session)
        }
    }
}

# Whether a connection has ended.
proc ::deployer::AskOver session {
    return [expr {[catch {core::ssh state $session} state]
        || $state eq "closed"}]
}

# The answer to one question, as core::ssh answer takes it.
proc ::deployer::AskOne {session kind info prompt} {
    set question [dict create slug [dict get $info slug] \
        host [dict get $info host] kind $kind name {} instruction {} \
        prompts {} echo {}]
    set question [dict merge $question $info]
    switch $kind {
        hostkey {
            dict set question name "Unknown host key"
            dict set question instruction "[dict get $info host] shows a key\
                of type [dict get $info type] that is not in the file of known\
                hosts. Its fingerprint is [dict get $info fingerprint]."
            dict set question prompts \
                [list "Do you want to connect to it (yes/no)? "]
            dict set question echo 1
        }
        passphrase {
            dict set question name ""
            if {[dict get $question prompts] eq ""} {
                dict set question prompts [list "Passphrase for the key\
                    [dict get $info file] (host [dict get $info slug]): "]
            }
            dict set question echo 0
        }
    }
    if {$prompt ne ""} {
        set answers [uplevel #0 [list {*}$prompt $question]]
    } elseif {[HasTerminal]} {
        set answers [AskTerminal $session $question]
    } else {
        set answers {}
    }
    if {$kind eq "hostkey"} {
        if {[string tolower [string trim [lindex $answers 0]]] eq "yes"} {
            return yes
        }
        return no
    }
    return $answers
}

# Whether somebody sits at a terminal of this process.
proc ::deployer::HasTerminal {} {
    if {[catch {open /dev/tty r+} terminal]} {
        return 0
    }
    close $terminal
    return 1
}

# Asks on the terminal, with echo off where a prompt says so; the event loop
# goes on meanwhile. Returns the answers, {} at end of file and where SESSION
# ends before they are given.
proc ::deployer::AskTerminal {session question} {
    set terminal [AskOpen]
    set answers {}
    set watch ""
    try {
        if {[AskOver $session]} {
            # Another had the terminal for so long.
            return {}
        }
        set watch [core::ssh opened $session]
        # The questions of several hosts follow each other.
        puts $terminal [core::text show "Host [dict get $question slug]\
            ([dict get $question host])"]
        foreach key {name instruction} {
            if {[dict get $question $key] ne ""} {
                puts $terminal [AskShown [dict get $question $key]]
            }
        }
        foreach text [dict get $question prompts] \
                echo [dict get $question echo] {
            lassign [AskTyped $terminal [AskShown $text] \
                [expr {![string is true -strict $echo]}] $watch] ended line
            if {[AskOver $session]} {
                puts $terminal "The connection to [dict get $question slug] has\
                    ended; an answer is no longer needed."
                return {}
            }
            if {$ended} {
                return {}
            }
            lappend answers $line
        }
    } finally {
        if {$watch ne ""} {
            core::waiter drop $watch
        }
        AskClose $terminal
    }
    return $answers
}

# TEXT of a server, which may be anybody's: it is shown and not obeyed.
proc ::deployer::AskShown text {
    return [core::text show -lines [string map {\r\n \n} $text]]
}

# The terminal, which a question has to itself until AskClose.
proc ::deployer::AskOpen {} {
    TerminalLock
    try {
        set terminal [open /dev/tty r+]
        chan configure $terminal -blocking 0 -buffering none
    } on error {message options} {
        TerminalUnlock
        return -options $options $message
    }
    return $terminal
}

proc ::deployer::AskClose terminal {
    close $terminal
    TerminalUnlock
}

# Shows TEXT and reads a line, SECRET ones without echo: {ended line}. ended: 0, 1
# at the end of the input, 2 where it was interrupted (Ctrl-C). The end of the
# waiter WATCH is the end of the input. A line that was typed ahead is shown behind
# TEXT.
proc ::deployer::AskTyped {terminal text secret {watch {}}} {
    # Echo is off before anybody is asked to type.
    core::echo [expr {$secret ? "off" : "line"}] $text
    set ended 0
    try {
        set w [core::waiter new]
        chan event $terminal readable [list ::deployer::AskRead $terminal $w]
        # What is there before the question is was echoed somewhere above.
        AskRead $terminal $w
        set isAhead [core::waiter ready $w]
        puts -nonewline $terminal $text
        if {$watch ne ""} {
            core::waiter call $watch [list ::deployer::AskGone $terminal $w]
        }
        set typed [Await $w]
        set ended [lindex $typed 0]
        if {$isAhead && !$ended && !$secret} {
            puts $terminal [core::text show [lindex $typed 1]]
        }
        if {$watch ne ""} {
            core::waiter call $watch {}
        }
        return $typed
    } finally {
        core::echo on
        if {$secret || $ended} {
            # The terminal may have gone.
            catch {puts $terminal ""}
        }
    }
}

# Called from the event loop when the connection of a question has ended.
proc ::deployer::AskGone {terminal w} {
    chan event $terminal readable {}
    core::waiter finish $w {1 {}}
}

# Called from the event loop when there is input on the terminal. BEFORE is the
# beginning of the line, where Ctrl-D has sent it without an end.
proc ::deployer::AskRead {terminal w {before {}}} {
    set line ""
    set ended 0
    if {[catch {gets $terminal line} count]} {
        set count -1
        set ended 1
    } elseif {$count < 0} {
        set ended [eof $terminal]
        # One by one: the rest of the line may come meanwhile, and what is behind
        # it is for others. The interrupt character ends a line, see core::echo.
        while {!$ended && $count < 0 && [chan pending input $terminal]
                && ![catch {read $terminal 1} char] && $char ne ""} {
            switch -- $char {
                \n {
                    set count 0
                }
                \x03 {
                    set ended 2
                }
                default {
                    append before $char
                }
            }
        }
        if {!$ended && $count < 0} {
            chan event $terminal readable \
                [list ::deployer::AskRead $terminal $w $before]
        }
    }
    if {$count >= 0 || $ended} {
        chan event $terminal readable {}
        core::waiter finish $w [list $ended $before$line]
    }
}

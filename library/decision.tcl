# decision.tcl -- what a human decides when a command has failed: again, without
# it, without this host, another command, a look at the host, or the end.
#
# Layer T2. The context of actions of an interactive instance has the key -decide,
# a dict: id (of the call from outside, key of Decisions) and ns (the namespace of
# the instance whose action runs). A class is mixed into that of hosts; it runs
# the command again as the answers say. One question is on the terminal at a
# time; one that waits for its turn may find that it is answered already.
#
# {DEPLOYER SKIPPED slug} goes up to the nearest fan-out, which then has neither
# a result nor a failure for that key.

namespace eval ::deployer {
    # id -> dict: skipped (slug 1 ...), all (what fails alike -> {answer line}),
    # used (slug and what fails alike, where such an answer to do it again was
    # taken), over (1 after an abort).
    variable Decisions
    variable DecisionCount 0
    variable TerminalQueues
    array set Decisions {}

    # From the question to the end of a shell or an editor that it leads to.
    set TerminalQueues(Question) {}
}

# CONTEXT for METHOD of the instance of namespace NS, where that may ask.
proc ::deployer::DecideEnter {context ns} {
    variable Decisions
    variable DecisionCount
    set id [incr DecisionCount]
    set Decisions($id) {skipped {} all {} used {} over 0}
    dict set context -decide [dict create id $id ns $ns]
    return $context
}

proc ::deployer::DecideLeave context {
    variable Decisions
    unset -nocomplain Decisions([dict get $context -decide id])
}

# The action that runs from here on in this job is one of namespace NS.
proc ::deployer::DecideAt ns {
    set context [ContextGet]
    if {[dict exists $context -decide]} {
        dict set context -decide ns $ns
        ContextSet $context
    }
}

# Whether a human could be asked about a command with OPTS.
proc ::deployer::DecideMay opts {
    set context [ContextGet]
    return [expr {[dict exists $context -decide]
        && ![dict exists $context -sandbox] && ![dict exists $opts plain]}]
}

oo::class create ::deployer::Deciding {
    variable Slug

    method Run {line opts} {
        if {[::deployer::ContextGet] eq "" || ![::deployer::DecideMay $opts]} {
            return [next $line $opts]
        }
        set host [self]
        set slug $Slug
        while 1 {
            ::deployer::DecideSkipped $slug
            if {![catch {next $line $opts} result options]} {
                return $result
            }
            lassign [::deployer::Decide $host $slug $line $opts $result \
                $options] answer line
            switch $answer {
                skip {
                    return [::deployer::DecideEmpty $opts]
                }
                fail {
                    return -options [dict incr options -level] $result
                }
            }
            if {![::deployer::IsHost $host]} {
                return -options [dict incr options -level] $result
            }
        }
    }
}
oo::define ::deployer::host mixin -append ::deployer::Deciding

# The result of a command that is skipped.
proc ::deployer::DecideEmpty opts {
    if {![dict exists $opts result] || [dict get $opts result] eq "text"} {
        return ""
    }
    return {stdout {} stderr {} status 0 signal {} seconds 0.0}
}

# Raises {DEPLOYER SKIPPED slug} where a fan-out goes on without host SLUG.
proc ::deployer::DecideSkipped slug {
    variable Decisions
    set context [ContextGet]
    set id [dict get $context -decide id]
    if {[dict exists $context -fan] && [info exists Decisions($id)]
            && [dict exists $Decisions($id) skipped $slug]} {
        DecideSkip $slug
    }
}

proc ::deployer::DecideSkip slug {
    Fail [list SKIPPED $slug] "host $slug is skipped, as was answered"
}

# What becomes of LINE, which failed on HOST with OPTS: {retry LINE}, {skip},
# {fail}; or it raises that the host is skipped or all is over.
proc ::deployer::Decide {host slug line opts message options} {
    variable Decisions
    set code [dict get $options -errorcode]
    set context [ContextGet]
    set id [dict get $context -decide id]
    set ns [dict get $context -decide ns]
    if {[lindex $code 0] ne "DEPLOYER"
            || [lindex $code 1] ni {EXEC SUDO CONNECT AUTH HOSTKEY}
            || ![info exists Decisions($id)] || [dict get $Decisions($id) over]
            || ![namespace exists $ns] || ![ConsoleIsOpen $ns]} {
        return fail
    }
    # Alike: the same command, the same way to fail.
    set alike [list $line \
        [lsearch -all -inline -exact -not $code $slug]]
    set path [PathOf $ns]
    set many [dict exists $context -fan]
    # What was read is gone.
    set again [expr {![dict exists $opts stdinchannel]}]
    if {[catch {TerminalLock Question} why failure]} {
        if {[lrange [dict get $failure -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $failure $why
        }
        # Plain code below has it.
        return fail
    }
    try {
        lassign [DecideTalk $id $host $slug $line $alike $many $again \
            [DecideText $path $message $many $again]] answer all new
    } finally {
        TerminalUnlock Question
    }
    if {[info exists Decisions($id)]} {
        if {$all eq "1"} {
            dict set Decisions($id) all $alike [list $answer $new]
        }
        switch $answer {
            retry - edit {
                if {$all ne "0"} {
                    dict set Decisions($id) used [list $slug $alike] 1
                }
            }
            host {
                dict set Decisions($id) skipped $slug 1
            }
            abort {
                dict set Decisions($id) over 1
            }
        }
    }
    switch $answer {
        skip - fail {
            return $answer
        }
        host {
            DecideSkip $slug
        }
        abort {
            Fail [list ABORT $path] "$path was ended by the answer to a failure:\
                $message" -abort 1
        }
    }
    return [list retry $new]
}

# Asks, and does what leads to another question, until there is an answer:
# {ANSWER ALL LINE}, as of DecideAsk, with the command to be run.
proc ::deployer::DecideTalk {id host slug line alike many again about} {
    variable Decisions
    while 1 {
        lassign [DecideAsk $id $slug $alike $about $many $again] answer all
        switch $answer {
            edit {
                if {$all eq "known"} {
                    set line [lindex [dict get $Decisions($id) all $alike] 1]
                    return [list $answer $all $line]
                }
                set new [DecideEdit $line]
                if {$new ne ""} {
                    return [list $answer $all $new]
                }
            }
            shell {
                DecideShell $host $slug
                if {![IsHost $host]} {
                    return [list fail 0 $line]
                }
            }
            default {
                return [list $answer $all $line]
            }
        }
    }
}

# The question's text. What comes from a host is shown and not obeyed.
proc ::deployer::DecideText {path message many again} {
    set text "\n$path:"
    foreach line [split $message \n] {
        append text " [core::text show $line]\n"
    }
    set choices {}
    if {$again} {
        lappend choices "r retry"
    }
    lappend choices "s skip"
    if {$many} {
        lappend choices "h skip this host"
    }
    if {$again} {
        lappend choices "e edit and retry"
    }
    lappend choices "! shell" "f fail" "a abort"
    append text "  [join $choices {  }]\n"
    if {$many} {
        append text "  (a capital letter: the same for all that fail alike)\n"
    }
    return $text
}

# Asks until there is an answer: {retry|skip|host|edit|shell|abort|fail ALL},
# where ALL is 1 for all that fail alike, known where that was said before.
proc ::deployer::DecideAsk {id slug alike about many again} {
    variable Decisions
    if {[catch {AskOpen} terminal options]} {
        if {[lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $options $terminal
        }
        # There is none any more, or plain code below has it.
        return {fail 0}
    }
    try {
        if {![info exists Decisions($id)] || [dict get $Decisions($id) over]} {
            return {fail 0}
        }
        set known [DecideKnown $id $slug $alike]
        if {$known ne ""} {
            return [list $known known]
        }
        set text $about
        while 1 {
            lassign [AskTyped $terminal "${text}What now? " 0] ended typed
            if {$ended} {
                return {abort 0}
            }
            set answer [DecideRead [string trim $typed] $many $again]
            if {$answer ne ""} {
                return $answer
            }
            set text "Please answer one of the letters above.\n"
        }
    } on error {message options} {
        if {[lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $options $message
        }
        # The terminal has gone in the middle of the question.
        return {abort 0}
    } finally {
        catch {AskClose $terminal}
    }
}

# The answer that was given for all that fail alike; "" where there is none, or
# this host has tried it.
proc ::deployer::DecideKnown {id slug alike} {
    variable Decisions
    if {![dict exists $Decisions($id) all $alike]} {
        return ""
    }
    set answer [lindex [dict get $Decisions($id) all $alike] 0]
    if {$answer in {retry edit}
            && [dict exists $Decisions($id) used [list $slug $alike]]} {
        return ""
    }
    return $answer
}

# What TYPED means, as DecideAsk has it; "" for nothing.
proc ::deployer::DecideRead {typed many again} {
    set all [expr {$many && [regexp {^[A-Z]} $typed]}]
    switch -- [string tolower $typed] {
        r - retry {
            set answer [expr {$again ? "retry" : ""}]
        }
        s - skip {
            set answer skip
        }
        h - host {
            set answer [expr {$many ? "host" : ""}]
        }
        e - edit {
            set answer [expr {$again ? "edit" : ""}]
        }
        ! - shell {
            set answer shell
            set all 0
        }
        f - fail {
            set answer fail
        }
        a - abort - q - quit {
            set answer abort
            set all 0
        }
        default {
            return ""
        }
    }
    return [expr {$answer eq "" ? "" : [list $answer $all]}]
}

# A shell on the host, in the context of the command.
proc ::deployer::DecideShell {host slug} {
    try {
        [info object namespace $host]::my Shell {} {}
    } on error {message options} {
        if {[lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $options $message
        }
        TerminalPrint "[core::text show [Shorten $message 300]]\n"
    }
}

# LINE as somebody wants it instead, by an editor where one is set; "" for no
# other than it was.
proc ::deployer::DecideEdit line {
    foreach name {VISUAL EDITOR} {
        if {[info exists ::env($name)] && $::env($name) ne ""} {
            return [DecideEditor $::env($name) $line]
        }
    }
    set text ""
    foreach part [split $line \n] {
        append text "  [core::text show $part]\n"
    }
    lassign [AskLine "The command was\n${text}New command (empty: back): " 0] \
        ended typed
    if {$ended} {
        return ""
    }
    return [string trim $typed]
}

# The same by the command EDITOR, on a file that nobody else can read.
proc ::deployer::DecideEditor {editor line} {
    set channel [file tempfile path]
    set local [localhost new -slug editor]
    try {
        # Private already, by mkstemp.
        file attributes $path -permissions 0600
        chan configure $channel -encoding utf-8 -translation lf
        puts $channel $line
        close $channel
        set channel ""
        [info object namespace $local]::my Shell "$editor [Quoted $path]" {}
        set channel [open $path r]
        chan configure $channel -encoding utf-8 -translation lf
        return [string trimright [read $channel] \n]
    } on error {message options} {
        if {[lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $options $message
        }
        TerminalPrint "The editor failed:\
            [core::text show [Shorten $message 300]]\n"
        return ""
    } finally {
        if {$channel ne ""} {
            close $channel
        }
        file delete $path
        $local destroy
    }
}

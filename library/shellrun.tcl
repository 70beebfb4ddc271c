# shellrun.tcl -- the shell runs a line: in the foreground until it ends or
# Ctrl-C ends it, or in the background.
#
# Layer T3.

namespace eval ::deployer::shell {}

# Runs one line as it was typed.
proc ::deployer::shell::Line {shell text} {
    upvar #0 $shell S
    if {[string trim $text] eq ""} {
        return
    }
    # What begins with a space is not kept.
    $S(reader) history add $text
    set lines [lsearch -all -inline -not [LinesOf $text] {}]
    while {[llength $lines]} {
        set lines [lassign $lines line]
        LineOf $shell $line
        if {$S(over) ne ""} {
            return
        }
        if {$S(status) && [llength $lines]} {
            # What was pasted counted on it.
            set count [llength $lines]
            Warn $shell "[expr {$count == 1 ? "the line behind it was"
                : "the $count lines behind it were"}] not run\n"
            return
        }
    }
}

# One line of what was typed.
proc ::deployer::shell::LineOf {shell text} {
    variable Builtins
    upvar #0 $shell S
    set text [string trim $text]
    if {$text eq "" || [string index $text 0] eq "#"} {
        return
    }
    set before $S(status)
    set S(status) 0
    set word ""
    set rest ""
    regexp {^(\S+)\s*(.*)$} $text -> word rest
    # As programs have it. Words of actions are theirs.
    if {$word eq "--help"} {
        set word help
    } elseif {$rest eq "--help" && [dict exists $Builtins $word]} {
        set rest $word
        set word help
    }
    if {[dict exists $Builtins $word]} {
        lassign [RunFront $shell [list [namespace current]::CallBuiltin \
            $shell $word $rest] {} $text] code result options
        if {$code} {
            Failed $shell $result $options
        }
        if {$S(bring) ne ""} {
            set number $S(bring)
            set S(bring) ""
            FrontJob $shell $number
        }
        if {$S(leave)} {
            set S(leave) 0
            set S(status) $before
            Exit $shell
        }
        return
    }
    if {[catch {
        Understand $shell $text [dict keys $Builtins]
    } call options]} {
        Failed $shell $call $options
        return
    }
    if {[dict get $call background]} {
        JobStart $shell $call
    } else {
        Call $shell $call
    }
}

# Runs the built-in NAME with the text REST behind it. Those that run an action read
# the & behind that, and what stands behind -- is not ours.
proc ::deployer::shell::CallBuiltin {shell name rest} {
    variable Builtins
    if {$name ne "sandbox" && [regexp {(?:^|\s)&\s*$} $rest]
            && ![regexp {(?:^|\s)--\s} $rest]} {
        Fail {ARGUMENT &} "\"$name\" does not run in the background: \"&\" is for\
            actions"
    }
    tailcall {*}[dict get $Builtins $name proc] $shell $rest
}

# What TEXT, which is no built-in, calls: a dict of target, name, arguments,
# path, quiet, text and background. It raises what is wrong with it. OTHERS is as for
# Resolve.
proc ::deployer::shell::Understand {shell text {others {}}} {
    set found [Resolve [Place $shell] [Split $text] $others]
    set place [dict get $found place]
    switch -- [dict get $found what] {
        action {
            set name [dict get $found action]
            set arguments [dict get $found arguments]
            set target [PlaceTarget $place]
        }
        place {
            set target [PlaceTarget $place]
            set name [inspect default $target]
            set arguments {}
            if {$name eq ""} {
                FailNoDefault [Place $shell] $place
            }
        }
        default {
            FailUnknown $found
        }
    }
    CheckArguments $target $name $arguments
    set member [Member [info object class $target] $name]
    if {$member ne "" && [dict get $member kind] eq "alias"} {
        set member [Member [info object class $target] \
            [dict get $member target]]
    }
    return [dict create target $target name $name arguments $arguments \
        path [PlacePath $place] text $text \
        quiet [expr {[dict exists $member quiet] && [dict get $member quiet]}] \
        background [dict get $found background]]
}

# PLACE alone was typed at HERE, and there is nothing that it would run.
proc ::deployer::shell::FailNoDefault {here place} {
    set path [PlacePath $place]
    set message "$path has no default action: name one (ls"
    if {[dict get $place root] eq [dict get $here root]
            && [dict get $place steps] eq [dict get $here steps]} {
        append message " shows them)"
    } else {
        # Below a subshell the way there is not the path.
        set way [regsub -all {/:} [join [dict get $place steps] /] :]
        append message " [expr {[llength [dict get $here steps]] ? "/" : ""}]$way\
            shows them), or enter it with cd"
    }
    Fail [list ARGUMENT $path] $message
}

# {DEPLOYER ARGUMENT name} where an action takes other arguments.
proc ::deployer::shell::CheckArguments {target name arguments} {
    set class [info object class $target]
    set member [Member $class $name]
    if {$member ne "" && [dict get $member kind] eq "alias"} {
        set member [Member $class [dict get $member target]]
    }
    if {$member eq ""} {
        return
    }
    set formals {}
    if {[dict get $member kind] eq "action"} {
        set formals [dict get $member formals]
    }
    set most [llength $formals]
    if {[lindex $formals end] eq "args"} {
        set most Inf
        set formals [lrange $formals 0 end-1]
    }
    set least [llength [lsearch -all -exact -integer [lmap formal $formals {
        llength $formal
    }] 1]]
    set count [llength $arguments]
    if {$count < $least || $count > $most} {
        FailUsage [Usage $name $member]
    }
}

# A mistake of whoever types is none of a script.
proc ::deployer::shell::FailUsage usage {
    Fail [list ARGUMENT [lindex [split $usage] 0]] \
        "wrong # args: should be \"$usage\""
}

# Runs CALL in the foreground, and shows what comes of it.
proc ::deployer::shell::Call {shell call} {
    upvar #0 $shell S
    set shown [ShownBegin]
    try {
        lassign [RunFront $shell [list [namespace current]::Perform $call] \
            [ShownContext $shell $shown] [JobText $call]] code result options
        Outcome $shell $call $shown $code $result $options
    } finally {
        ShownEnd $shown
    }
}

# The context of what runs, whose outputs are noted in SHOWN. Without a terminal what a
# sandbox tells goes to standard error.
proc ::deployer::shell::ShownContext {shell shown} {
    upvar #0 $shell S
    set context [dict create -shown $shown]
    if {![ConsoleOnScreen [info object namespace $S(root)]]} {
        dict set context -says [list [namespace current]::Warn $shell]
    }
    return $context
}

proc ::deployer::shell::Perform call {
    return [[dict get $call target] [dict get $call name] \
        {*}[dict get $call arguments]]
}

# Shows what came of CALL.
proc ::deployer::shell::Outcome {shell call shown code result options} {
    if {$code} {
        if {![dict get $call quiet] && [dict exists $options -results]} {
            Result $shell $call [dict get $options -results] $shown
        }
        # Of a call on many cells only we know what was called.
        Failed $shell $result [dict merge [dict create \
            -path [dict get $call path] -action [dict get $call name]] $options]
    } elseif {[IsInstance $result]} {
        Enter $shell $result
    } elseif {![dict get $call quiet]} {
        Result $shell $call $result $shown
    }
}

# The foreground.

# Runs PREFIX as a job with CONTEXT and waits for its end: {CODE RESULT OPTIONS}.
# Ctrl-C ends it, and asks the second time whether to wait no more. TEXT says what it
# is.
proc ::deployer::shell::RunFront {shell prefix {context {}} {text {}}} {
    set aside [AsideBegin front]
    dict set context -aside $aside
    tailcall WaitFront $shell \
        [Job [list [namespace current]::Soon $prefix] $context] $aside $text
}

# What waits in an event loop of its own, by vwait, would else be in it before
# anybody knows that it runs.
proc ::deployer::shell::Soon prefix {
    Await [Delay 0]
    tailcall {*}$prefix
}

# The same for the job with the waiter W and the number ASIDE of aside.tcl.
proc ::deployer::shell::WaitFront {shell w aside text} {
    upvar #0 $shell S
    set over [core::waiter new]
    core::waiter call $w [list [namespace current]::Ended $w $over]
    set before $S(running)
    set S(running) [dict create w $w over $over ending 0 asked 0 aside $aside \
        text $text start [clock milliseconds]]
    set breaks [BreakOn [PathNow $shell]]
    try {
        return [Await $over]
    } on error {message options} {
        # The loop itself is ended: nothing goes on without it.
        JobCancel $w
        core::waiter call $w [list [namespace current]::Forget $w]
        return -options $options $message
    } finally {
        BreakOff $breaks
        set S(told) [dict get $S(running) ending]
        set S(running) $before
        AskedOver $shell
        if {![AsideMute $aside]} {
            AsideEnd $aside
        }
    }
}

# Called from the event loop at the end of a job.
proc ::deployer::shell::Ended {w over} {
    set code [catch {core::waiter take $w} result options]
    core::waiter finish $over [list $code $result $options]
}

proc ::deployer::shell::Forget w {
    catch {core::waiter take $w}
}

# Ctrl-C.

# The signals are the shell's as long as it runs, and somebody else's before and
# after.
proc ::deployer::shell::SignalsOn shell {
    upvar #0 $shell S
    set S(signals) [list $::deployer::Interrupt $::deployer::Hangup]
    set here [namespace current]
    # Another interpreter may have them.
    catch {::deployer::pty interrupt [list ${here}::Interrupt $shell]}
    # Whoever holds the keys down means the action and not the shell.
    core::interrupt patience 5000
    catch {::deployer::Hangup [list ${here}::HungUp $shell]}
    set S(faults) [interp bgerror {}]
    interp bgerror {} [list ${here}::Fault $shell]
}

proc ::deployer::shell::SignalsOff shell {
    variable Shells
    upvar #0 $shell S
    lassign $S(signals) interrupt hangup
    if {[llength $Shells] == 1} {
        core::interrupt patience 0
    }
    catch {::deployer::pty interrupt $interrupt}
    catch {::deployer::Hangup $hangup}
    interp bgerror {} $S(faults)
}

# An error that nobody waits for.
proc ::deployer::shell::Fault {shell message options} {
    upvar #0 $shell S
    if {[array exists S]} {
        set status $S(status)
        Detach [Job [list [namespace current]::Failed $shell $message $options] {}]
        set S(status) $status
    }
}

# Called from the event loop when the terminal has gone, or this process is told
# to end: so does all that runs.
proc ::deployer::shell::HungUp shell {
    upvar #0 $shell S
    if {![array exists S] || $S(over) eq "hangup"} {
        return
    }
    set S(over) hangup
    if {$S(running) eq ""} {
        JobCancel $S(loop) /
        return
    }
    set running $S(running)
    JobCancel [dict get $running w] /
    set S(patience) [after 10000 \
        [list catch [list [namespace current]::Abandon $shell $running]]]
}

# Called from the event loop on Ctrl-C: ends what runs in the foreground.
proc ::deployer::shell::Interrupt shell {
    upvar #0 $shell S
    if {![array exists S]} {
        return
    }
    if {$S(running) eq ""} {
        if {$S(over) ne ""} {
            set S(hurry) 1
            if {[info exists S(last)]} {
                catch {core::waiter finish $S(last) {}}
            }
        }
        return
    }
    set w [dict get $S(running) w]
    if {[JobOf $w] eq ""} {
        # It has ended, which is about to be told.
        return
    }
    if {![dict get $S(running) ending]} {
        dict set S(running) ending 1
        JobCancel $w [PathNow $shell]
        if {$S(asks)} {
            # What runs here may be below an event loop of somebody who has nothing
            # to say.
            Detach [Job [list ::deployer::TerminalPrint \
                " ending what runs ...\n"] {}]
        }
    } elseif {![dict get $S(running) asked]} {
        dict set S(running) asked 1
        Detach [Job [list [namespace current]::AskAbandon $shell] {}]
    }
}

proc ::deployer::shell::PathNow shell {
    if {[catch {PlacePath [Place $shell]} path]} {
        return /
    }
    return $path
}

# What was interrupted has not ended yet. The question goes when it has.
proc ::deployer::shell::AskAbandon shell {
    upvar #0 $shell S
    set running $S(running)
    set watch [core::waiter new]
    set S(asking) $watch
    set answer ""
    catch {
        set terminal [AskOpen]
        try {
            if {$S(asking) eq $watch} {
                lassign [AskTyped $terminal "It is still ending. Wait for it\
                    (w), or abandon it (a)? " 0 $watch] ended answer
            }
        } finally {
            AskClose $terminal
        }
    }
    catch {core::waiter drop $watch}
    if {![array exists S] || $S(asking) ne $watch} {
        return
    }
    set S(asking) ""
    dict set S(running) asked 0
    if {[string tolower [string index [string trim $answer] 0]] eq "a"} {
        Abandon $shell $running
    }
}

# What ran in the foreground has ended.
proc ::deployer::shell::AskedOver shell {
    upvar #0 $shell S
    if {$S(asking) ne ""} {
        set watch $S(asking)
        set S(asking) ""
        catch {core::waiter finish $watch {}}
    }
}

# The loop is over. What was abandoned may be an event loop of its own (vwait),
# above which nothing returns: then the program is ended here.
proc ::deployer::shell::LoopOver shell {
    upvar #0 $shell S
    if {$S(abandoned)} {
        set S(stuck) [after 1000 [list [namespace current]::Stuck $shell]]
    }
}

proc ::deployer::shell::Stuck shell {
    upvar #0 $shell S
    # This may be called below what has nothing to say.
    foreach number [dict keys $S(jobs)] {
        AsideEnd [dict get $S(jobs) $number aside]
    }
    catch {
        Warn $shell "what was abandoned does not return: the program ends\n"
    }
    exit $S(status)
}

# Waits no longer for what RUNNING describes.
proc ::deployer::shell::Abandon {shell running} {
    upvar #0 $shell S
    set w [dict get $running w]
    set S(abandoned) 1
    JobAbandoned $shell $running
    JobCancel $w [PathNow $shell]
    core::waiter finish [dict get $running over] [list 1 \
        "abandoned: what it began may still be ending, see \"jobs\"" [list -code 1 -level 0 \
        -errorcode [list DEPLOYER CANCELLED [PathNow $shell]] -abandoned 1]]
}

# shelljobs.tcl -- what the shell runs in the background.
#
# Layer T3. A job is a dict: call (as of Understand; {} for what was abandoned),
# text (what it is, in a few words), w (the waiter of its job), start (ms), shown (as
# of ShownBegin), aside (as of aside.tcl), over (waiters of those who wait for it),
# killed and abandoned (0 or 1).

namespace eval ::deployer::shell {}

# Runs CALL beside the prompt. Its commands get no terminal, and their lines are
# marked with the host.
proc ::deployer::shell::JobStart {shell call} {
    set number [JobNew $shell]
    set shown [ShownBegin]
    set aside [AsideBegin back [list [namespace current]::JobAsks $shell $number]]
    # Who asks at once is to be known by then.
    set w [Job [list [namespace current]::Soon \
        [list [namespace current]::Perform $call]] \
        [dict replace [ShownContext $shell $shown] -crowd 1 -aside $aside]]
    JobKeep $shell $number [dict create call $call text [JobText $call] w $w \
        shown $shown aside $aside start [clock milliseconds]]
    Warn $shell "[Paint 36 "\[$number\]"] [JobText $call]\n"
    core::waiter call $w [list [namespace current]::JobEnded $shell $number $w]
}

# The lowest number that no job has.
proc ::deployer::shell::JobNew shell {
    upvar #0 $shell S
    for {set number 1} {[dict exists $S(jobs) $number]} {incr number} {}
    return $number
}

proc ::deployer::shell::JobKeep {shell number job} {
    upvar #0 $shell S
    dict set S(jobs) $number \
        [dict merge {over {} killed 0 abandoned 0} $job]
}

# Job NUMBER has something to ask. Nobody is disturbed by more than a line.
proc ::deployer::shell::JobAsks {shell number} {
    upvar #0 $shell S
    if {[array exists S] && [dict exists $S(jobs) $number]} {
        set text [dict get $S(jobs) $number text]
        Detach [Job [list [namespace current]::Warn $shell [AtWords $shell \
            "[Paint 36 "\[$number\]"] $text waits for an answer: \"fg $number\"\
            shows what it asks"]\n] {}]
    }
}

# What was abandoned (RUNNING) is a job from here on: one without a word.
proc ::deployer::shell::JobAbandoned {shell running} {
    upvar #0 $shell S
    if {[dict exists $running job]} {
        set number [dict get $running job]
    } else {
        set number [JobNew $shell]
        set w [dict get $running w]
        JobKeep $shell $number [dict create call {} \
            text [core::text show [Shorten [dict get $running text] 200]] \
            w $w shown "" aside [dict get $running aside] \
            start [dict get $running start]]
        core::waiter call $w \
            [list [namespace current]::JobEnded $shell $number $w]
    }
    if {[dict exists $S(jobs) $number]} {
        dict set S(jobs) $number abandoned 1
        AsideState [dict get $S(jobs) $number aside] gone
    }
}

# Numbers of the jobs that somebody may still want something of.
proc ::deployer::shell::JobsLive shell {
    upvar #0 $shell S
    return [lmap number [dict keys $S(jobs)] {
        if {[dict get $S(jobs) $number abandoned]} {
            continue
        }
        set number
    }]
}

# How job NUMBER stands.
proc ::deployer::shell::JobState {shell number} {
    upvar #0 $shell S
    set job [dict get $S(jobs) $number]
    if {[dict get $job abandoned]} {
        return abandoned
    } elseif {[dict get $job killed]} {
        return ending
    } elseif {[AsideAsks [dict get $job aside]]} {
        return "waits for an answer"
    }
    return running
}

# What CALL is, in a few words.
proc ::deployer::shell::JobText call {
    set words [list [dict get $call name] {*}[dict get $call arguments]]
    set before ""
    if {[lindex $words 0] eq "sandbox"} {
        set words [lrange $words 1 end]
        set before "sandbox "
    }
    return [core::text show [Shorten \
        "$before[string trimright [dict get $call path] /]/$words" 200]]
}

# Called from the event loop at the end of a job.
proc ::deployer::shell::JobEnded {shell number w} {
    upvar #0 $shell S
    set code [catch {core::waiter take $w} result options]
    if {![array exists S] || ![dict exists $S(jobs) $number]} {
        return
    }
    set job [dict get $S(jobs) $number]
    dict unset S(jobs) $number
    AsideEnd [dict get $job aside]
    if {$S(reader) ne ""} {
        $S(reader) prompt [Prompt $shell]
    }
    if {[dict get $job abandoned]} {
        JobOver $job
        return
    }
    # The terminal may let it wait.
    Detach [Job [list [namespace current]::JobTell $shell $number $job $code \
        $result $options] {}]
}

proc ::deployer::shell::JobTell {shell number job code result options} {
    upvar #0 $shell S
    set call [dict get $job call]
    set state [expr {$code ? "failed" : "done"}]
    if {$code && [lrange [dict get $options -errorcode] 0 1]
            eq {DEPLOYER CANCELLED}} {
        set state ended
    }
    set took [BarsTime \
        [expr {([clock milliseconds] - [dict get $job start]) / 1000.0}] 1]
    try {
        Warn $shell "[Paint [expr {$code ? 31 : 36}] "\[$number\]"] $state\
            after $took: [dict get $job text]\n"
        if {$state ne "ended"} {
            if {!$code && [IsInstance $result]} {
                # A subshell would come in the middle of a line.
                set result ""
            }
            set status $S(status)
            Outcome $shell $call [dict get $job shown] $code $result $options
            set S(status) $status
        }
    } on error {} {
        # The shell or its terminal has gone meanwhile.
    }
    JobOver $job
}

# Nothing is left of JOB.
proc ::deployer::shell::JobOver job {
    ShownEnd [dict get $job shown]
    foreach over [dict get $job over] {
        # Somebody may have given up waiting.
        catch {core::waiter finish $over {}}
    }
}

# Waits for job NUMBER; Ctrl-C ends that.
proc ::deployer::shell::FrontJob {shell number} {
    upvar #0 $shell S
    if {![dict exists $S(jobs) $number]} {
        return
    }
    set over [core::waiter new]
    dict set S(jobs) $number over \
        [list {*}[dict get $S(jobs) $number over] $over]
    set job [dict get $S(jobs) $number]
    set before $S(running)
    set S(running) [dict create w [dict get $job w] over $over \
        ending [dict get $job abandoned] asked 0 job $number]
    AsideState [dict get $job aside] front
    set breaks [BreakOn [PathNow $shell]]
    try {
        Await $over
    } finally {
        BreakOff $breaks
        set S(running) $before
        AskedOver $shell
    }
}

# The job that WORD names, as 1 or %1; "" is the last one.
proc ::deployer::shell::JobNumber {shell word} {
    upvar #0 $shell S
    if {$word eq ""} {
        if {![dict size $S(jobs)]} {
            Fail {ARGUMENT {}} "nothing runs in the background"
        }
        return [lindex [lsort -integer [dict keys $S(jobs)]] end]
    }
    set number [string trimleft $word %]
    if {![dict exists $S(jobs) $number]} {
        Fail [list ARGUMENT $word] "there is no job \"[Shorten $word 40]\":\
            \"jobs\" shows what runs in the background"
    }
    return $number
}

proc ::deployer::shell::JobKill {shell number} {
    upvar #0 $shell S
    dict set S(jobs) $number killed 1
    JobCancel [dict get $S(jobs) $number w] [PathNow $shell]
}

# Ends all jobs, and waits for that so long, or until Ctrl-C. What was abandoned
# is not waited for.
proc ::deployer::shell::JobsEnd {shell {seconds 10}} {
    upvar #0 $shell S
    foreach number [dict keys $S(jobs)] {
        JobKill $shell $number
    }
    set limit [expr {[clock milliseconds] + $seconds * 1000}]
    # Who has asked for it is told why it takes its time.
    set tell [expr {$S(asks) && $S(over) eq "exit"
        ? [clock milliseconds] + 1000 : $limit}]
    while {[llength [set live [JobsLive $shell]]]
            && [clock milliseconds] < $limit && !$S(hurry)} {
        if {[clock milliseconds] >= $tell} {
            set tell $limit
            Warn $shell "ending what runs ... (Ctrl-C does not wait for it)\n"
        }
        set number [lindex $live 0]
        set over [core::waiter new]
        dict set S(jobs) $number over \
            [list {*}[dict get $S(jobs) $number over] $over]
        set timer [after [expr {max(0, $tell - [clock milliseconds])}] \
            [list catch [list ::deployer::core::waiter finish $over {}]]]
        set S(last) $over
        catch {Await $over}
        after cancel $timer
    }
}

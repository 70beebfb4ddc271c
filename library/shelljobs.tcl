# shelljobs.tcl -- what the shell runs in the background.
#
# Layer T3. A job is a dict: call (as of Understand), w (the waiter of its job),
# start (ms), shown (as of ShownBegin), over (waiters of those who wait for it).

namespace eval ::deployer::shell {}

# Runs CALL beside the prompt. Its commands get no terminal, and their lines are
# marked with the host.
proc ::deployer::shell::JobStart {shell call} {
    upvar #0 $shell S
    for {set number 1} {[dict exists $S(jobs) $number]} {incr number} {}
    set shown [ShownBegin]
    set w [Job [list [namespace current]::Perform $call] \
        [dict replace [ShownContext $shell $shown] -crowd 1]]
    dict set S(jobs) $number [dict create call $call w $w shown $shown \
        start [clock milliseconds] over {} killed 0]
    Warn $shell "[Paint 36 "\[$number\]"] [JobText $call]\n"
    core::waiter call $w [list [namespace current]::JobEnded $shell $number $w]
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
    if {$S(reader) ne ""} {
        $S(reader) prompt [Prompt $shell]
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
    set seconds [format %.1f \
        [expr {([clock milliseconds] - [dict get $job start]) / 1000.0}]]
    try {
        Warn $shell "[Paint [expr {$code ? 31 : 36}] "\[$number\]"] $state\
            after $seconds s: [JobText $call]\n"
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
    set before $S(running)
    set S(running) [dict create w [dict get $S(jobs) $number w] over $over \
        ending 0 asked 0 job $number]
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

# Ends all jobs, and waits for that so long, or until Ctrl-C.
proc ::deployer::shell::JobsEnd {shell {seconds 10}} {
    upvar #0 $shell S
    foreach number [dict keys $S(jobs)] {
        JobKill $shell $number
    }
    set limit [expr {[clock milliseconds] + $seconds * 1000}]
    while {[dict size $S(jobs)] && [clock milliseconds] < $limit
            && !$S(hurry)} {
        set number [lindex [dict keys $S(jobs)] 0]
        set over [core::waiter new]
        dict set S(jobs) $number over \
            [list {*}[dict get $S(jobs) $number over] $over]
        set timer [after [expr {$limit - [clock milliseconds]}] \
            [list catch [list ::deployer::core::waiter finish $over {}]]]
        set S(last) $over
        catch {Await $over}
        after cancel $timer
    }
}

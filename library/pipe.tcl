# pipe.tcl -- one stream into one or many, with all that became of it.
#
# Layer T1. The bytes flow in C (core::pump). A sink gets its end of input only
# once the source is known to have succeeded; else it is ended, so that it does
# not take a half for the whole.

namespace eval ::deployer {}

# deployer::pipe ?options? SOURCE SINK ?SINK ...?: see doc/process.man. Returns
# a dict of bytes, seconds, checksum and statuses.
proc ::deployer::pipe args {
    set opts [TakeOptions {
        -progress command -checksum text -stop bool
    } args]
    if {[llength $args] < 2} {
        WrongArgs "deployer::pipe ?options? SOURCE SINK ?SINK ...?"
    }
    set ends {}
    foreach word $args {
        set object [uplevel 1 [list ::namespace which -command $word]]
        lappend ends [PipeEnd $word $object [llength $ends]]
    }
    if {[SandboxMode] ne ""} {
        return [SandboxPipe $ends]
    }
    set span [EventNow]
    if {$span eq ""} {
        tailcall PipeRun $ends $opts
    }
    # What the processes run is told by their own events.
    set names [lmap end $ends {
        dict get $end [expr {[dict get $end slug] ne "" ? "slug" : "channel"}]
    }]
    set facts [list command [list pipe {*}$names]]
    foreach end $ends {
        if {[dict get $end slug] ne ""} {
            lappend facts host [dict get $end slug]
            break
        }
    }
    set span [core::event begin $span file $facts]
    set code [catch {PipeRun $ends $opts} result options]
    set outcome $result
    if {$code && [dict exists $options -results]} {
        set outcome [dict get $options -results]
    }
    EventOutcome $span $code $result $options [EventBytes $outcome]
    dict incr options -level
    return -options $options $result
}

# Lets the bytes flow between ENDS, as PipeEnd gives them, with OPTS of pipe.
proc ::deployer::PipeRun {ends opts} {
    JobMay
    set pumpOpts {}
    foreach name {progress checksum stop} {
        if {[dict exists $opts $name]} {
            dict set pumpOpts $name [dict get $opts $name]
        }
    }
    set begin [clock microseconds]
    set pump [core::pump start [dict get [lindex $ends 0] channel] \
        [lmap end [lrange $ends 1 end] {dict get $end channel}] $pumpOpts]
    foreach end $ends {
        GiveChannel [dict get $end channel]
        KeepErrors [dict get $end process]
    }
    try {
        set info [Await [core::pump done $pump]]
        core::pump close $pump
        set pump ""
        set stopped [expr {[dict exists $opts stop] && [dict get $opts stop]
            && ![dict get $info complete]}]
        lassign [PipeSource [lindex $ends 0] $info] statuses failures
        lassign [PipeSinks [lrange $ends 1 end] $info \
            [expr {$failures ne "" || $stopped}]] sinkStatuses sinkFailures
    } on error {message options} {
        # Cancelled: nothing of it may stand.
        if {$pump ne ""} {
            core::pump close $pump
        }
        PipeGiveUp $ends [dict get $options -errorcode]
        return -options $options $message
    }
    set result [dict create bytes [dict get $info bytes] \
        seconds [expr {([clock microseconds] - $begin) / 1e6}] \
        checksum [dict get $info checksum] \
        statuses [concat $statuses $sinkStatuses]]
    set failures [concat $failures $sinkFailures]
    if {[llength $failures]} {
        lassign [lindex $failures 0] message code
        if {[llength $failures] > 1} {
            append message " (and [expr {[llength $failures] - 1}] more of the\
                pipe failed)"
        }
        return -code error -errorcode $code -results $result $message
    }
    return $result
}

# What stands at one end: dict of process ("" for none), slug, command, channel.
proc ::deployer::PipeEnd {word object isSink} {
    variable ProcessChannels
    set end [dict create process "" slug "" command "" channel $word]
    if {$object ne "" && [IsProcess $object]} {
        set channel [expr {$isSink ? [$object stdin] : [$object stdout]}]
        if {$channel eq ""} {
            Fail [list ARGUMENT $word] "pipe: the [expr {$isSink ? "input" :
                "output"}] of process $word goes elsewhere or is closed"
        }
        dict set end channel $channel
    } elseif {[catch {chan configure $word -blocking}]} {
        Fail [list ARGUMENT $word] \
            "pipe: \"[Shorten $word 40]\" is neither a process nor a channel"
    }
    set channel [dict get $end channel]
    if {[info exists ProcessChannels($channel)]} {
        set object $ProcessChannels($channel)
    }
    if {$object ne "" && [IsProcess $object]} {
        set end [dict merge $end [PipeProcess $object]]
    }
    return $end
}

proc ::deployer::PipeProcess process {
    lassign [[info object namespace $process]::my Describe] slug command
    return [dict create process $process slug $slug command $command]
}

# The status of one end. It does not name the object of a process: a result that
# did would keep it beyond the action that made it.
proc ::deployer::PipeStatus {end bytes error} {
    set process [dict get $end process]
    set status [dict create slug [dict get $end slug] \
        command [dict get $end command] channel "" status "" signal "" \
        seconds "" bytes $bytes stderr "" error $error]
    if {$process eq ""} {
        return [dict replace $status channel [dict get $end channel]]
    }
    if {![IsProcess $process]} {
        return $status
    }
    set ns [info object namespace $process]
    return [dict merge $status [$process status] \
        [dict create stderr [${ns}::my Errors]]]
}

# {code message} as an error of this package, with the message first.
proc ::deployer::PipeTrouble {end doing error} {
    lassign $error code message
    set name [dict get $end channel]
    if {[lindex $code 0] ne "DEPLOYER"} {
        set message "pipe: cannot $doing $name: $message"
    }
    return [list $message [ChannelCode $code [dict get $end slug] $name]]
}

# The failure of a process whose STATUS is not 0, as {message code}.
proc ::deployer::PipeFailure {end status} {
    set ns [info object namespace [dict get $end process]]
    catch {${ns}::my FailEnded $status} message options
    return [list $message [dict get $options -errorcode]]
}

# Waits for the end of process PROCESS: "" or how that failed, {message code}.
# Being cancelled is an error.
proc ::deployer::PipeWait process {
    if {[catch {$process wait} message options]} {
        set code [dict get $options -errorcode]
        if {[string match {DEPLOYER CANCELLED*} $code]
                || [string match {DEPLOYER WAIT*} $code]} {
            return -options $options $message
        }
        return [list $message $code]
    }
    return ""
}

# Waits for the source and those that feed it: {statuses failures}. Where nobody
# read on to its end, its own end tells nothing.
proc ::deployer::PipeSource {end info} {
    set complete [dict get $info complete]
    set error [dict get $info source error]
    set bytes [dict get $info source bytes]
    set process [dict get $end process]
    set failures {}
    if {$process eq ""} {
        if {$error ne ""} {
            lappend failures [PipeTrouble $end read $error]
        }
        return [list [list [PipeStatus $end $bytes $error]] $failures]
    }
    set channel [dict get $end channel]
    if {!$complete && $error eq ""} {
        BreakPipe $process $channel
    }
    set lost [PipeWait $process]
    if {$complete || $error ne ""} {
        CloseProcessChannel $channel
    }
    if {![IsProcess $process]} {
        set lost [list "pipe: the process $process was destroyed" \
            [list DEPLOYER EXEC LOST [dict get $end slug]]]
    }
    if {$lost ne ""} {
        lappend failures $lost
    } elseif {$error ne ""} {
        lappend failures [PipeTrouble $end read $error]
    }
    set statuses {}
    set chain [PipeChain $process]
    if {$chain eq ""} {
        lappend statuses [PipeStatus $end $bytes $error]
    }
    foreach member $chain {
        set one [PipeProcess $member]
        set isLast [expr {$member eq [lindex $chain end]}]
        set status [PipeStatus $one [expr {$isLast ? $bytes : ""}] \
            [expr {$isLast ? $error : ""}]]
        lappend statuses $status
        if {$complete && $failures eq "" && [PipeIsBad $status $isLast]} {
            lappend failures [PipeFailure $one $status]
        }
    }
    return [list $statuses $failures]
}

# The processes that end in PROCESS, the first one first.
proc ::deployer::PipeChain process {
    set chain {}
    while {$process ne "" && [IsProcess $process]} {
        set chain [linsert $chain 0 $process]
        set process [[info object namespace $process]::my Feeder]
    }
    return $chain
}

# One whose reader has had enough ends as in a shell's pipe.
proc ::deployer::PipeIsBad {status isLast} {
    set code [dict get $status status]
    set signal [dict get $status signal]
    if {!$isLast && ($signal eq "PIPE" || $code == 141)} {
        return 0
    }
    return [expr {$signal ne "" || $code != 0}]
}

# Lets the sinks end, or ends them where the source FAILED: {statuses failures}.
proc ::deployer::PipeSinks {ends info failed} {
    set jobs {}
    foreach end $ends fate [dict get $info sinks] {
        set process [dict get $end process]
        set channel [dict get $end channel]
        if {!$failed} {
            if {$process ne ""} {
                CloseProcessChannel $channel
            }
        } elseif {$process eq ""} {
            catch {chan configure $channel -commit 0}
        } elseif {[dict get $fate error] eq "" && [IsProcess $process]} {
            set ns [info object namespace $process]
            lappend jobs [Job [list ${ns}::my End] {}]
        }
    }
    foreach job $jobs {
        Await $job
    }
    set statuses {}
    set failures {}
    foreach end $ends fate [dict get $info sinks] {
        set process [dict get $end process]
        set error [dict get $fate error]
        set wasEnded [expr {$failed && $error eq ""}]
        set lost ""
        if {$process ne "" && [IsProcess $process]} {
            set lost [PipeWait $process]
            CloseProcessChannel [dict get $end channel]
        }
        set status [PipeStatus $end [dict get $fate bytes] $error]
        lappend statuses $status
        if {$wasEnded} {
            continue
        }
        if {$lost ne ""} {
            lappend failures $lost
        } elseif {$process eq ""} {
            if {$error ne ""} {
                lappend failures [PipeTrouble $end "write to" $error]
                catch {chan configure [dict get $end channel] -commit 0}
            }
        } elseif {![IsProcess $process]} {
            lappend failures [list "pipe: the process $process was destroyed" \
                [list DEPLOYER EXEC LOST [dict get $end slug]]]
        } elseif {[PipeIsBad $status 1]} {
            lappend failures [PipeFailure $end $status]
        }
    }
    return [list $statuses $failures]
}

# Ends all that takes part, before its time: nothing may be committed.
proc ::deployer::PipeGiveUp {ends code} {
    set jobs {}
    foreach end $ends {
        set process [dict get $end process]
        if {$process eq ""} {
            catch {chan configure [dict get $end channel] -commit 0}
            continue
        }
        if {$end eq [lindex $ends 0]} {
            # What it has still to say is thrown away.
            CloseProcessChannel [dict get $end channel]
        }
        foreach member [PipeChain $process] {
            # In jobs of their own: cancelling again must not stop them.
            lappend jobs [Job [list [info object namespace $member]::my End] {}]
        }
    }
    foreach job $jobs {
        if {[string match {DEPLOYER WAIT*} $code]} {
            Detach $job
        } else {
            catch {Await $job}
        }
    }
}

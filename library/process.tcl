# process.tcl -- a command that runs while the script goes on.
#
# Layer T1.

namespace eval ::deployer {
    variable ProcessChannels    ;# channel -> the process object it belongs to
    variable Gathered           ;# channel -> what communicate has read
    variable GatheredSize       ;# channel -> how many bytes that are
    array set ProcessChannels {}
    array set Gathered {}
    array set GatheredSize {}
    # So many bytes communicate keeps of each output, in Tcl's form; Tcl 8.6 ends
    # the program at twice as many.
    variable GatherLimit 1073741760
    # So much of the standard error of a process in a pipe is kept, from its
    # end, where nobody reads it.
    variable TailSize 65536
    # So many ms a signal waits for its command to be started: sudo may ask.
    variable StartLimit 15000
    # What hosts may know: a wrong name would do nothing, and nobody hear of it.
    variable Signals {
        ABRT ALRM BUS CHLD CLD CONT EMT FPE HUP ILL INFO INT IO IOT KILL LOST
        PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM THR TRAP TSTP TTIN
        TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ
    }
    # So many ms a command that is being ended may take to be over.
    variable EndLimit 10000
    # Sends a signal to what sudo runs. That leads no process group where sudo
    # gives it no terminal, and sudo itself, which is in the group, would hand
    # the signal on once more: the command and its descendants are meant.
    variable SudoKillScript {
        kill -%name -%pid 2>/dev/null && exit
        kill -%name $(ps -e -o pid= -o ppid= 2>/dev/null | awk -v top=%pid '
            function tell(id, list, count, i) {
                print id
                count = split(below[id], list, " ")
                for (i = 1; i <= count; i++) tell(list[i])
            }
            { below[$2] = below[$2] " " $1 }
            END { tell(top) }' || echo %pid)
    }
    # ms after the signal PIPE in which a process may still write.
    variable BreakGrace 2000
}

proc ::deployer::IsProcess word {
    return [expr {[info object isa object $word]
        && [info object isa typeof $word ::deployer::Process]}]
}

proc ::deployer::ProcessOptions argsVar {
    upvar 1 $argsVar words
    set opts [TakeOptions {
        -stdin text -stdout channel -stderr text -pty bool -sudo flag
        -user text
    } words]
    if {[llength $words] != 1} {
        WrongArgs "process ?options? COMMAND"
    }
    if {[dict exists $opts user] && [dict get $opts user] ne ""
            && ![dict exists $opts sudo]} {
        Fail {OPTION -user} "-user needs -sudo"
    }
    if {[dict exists $opts pty]} {
        if {[dict get $opts pty] && [dict exists $opts stderr]
                && [dict get $opts stderr] ne "merge"} {
            Fail {OPTION -stderr} "-stderr: a command with -pty 1 has one\
                output, its terminal"
        }
    }
    if {[dict exists $opts stdin]} {
        set source [dict get $opts stdin]
        if {[IsProcess $source]} {
            dict set opts stdin [$source stdout]
            if {[dict get $opts stdin] eq ""} {
                Fail {OPTION -stdin} "-stdin: the output of that process goes\
                    elsewhere"
            }
        }
        CheckChannel -stdin [dict get $opts stdin]
    }
    if {[dict exists $opts stdout]} {
        CheckChannel -stdout [dict get $opts stdout]
    }
    if {[dict exists $opts stderr]} {
        if {[dict get $opts stderr] eq "merge"} {
            dict unset opts stderr
            dict set opts merge 1
        } else {
            CheckChannel -stderr [dict get $opts stderr]
        }
    }
    return $opts
}

oo::class create ::deployer::Process {
    # Proc: handle of core::proc. In, Out, Err: channels, "" where their bytes
    # go elsewhere; Ports: all that were made. Source: the process whose output
    # is our input, "" for none. Copies: the pumps of ours that still run, into
    # our input (in) and from our outputs (out): kind -> pump -> sink. Idle:
    # waiters of each kind that finish when none does. Trouble: {message code}, the first
    # thing that kept a channel's bytes from being read or written.
    variable Host Slug Proc Line Opts In Out Err Ports Source Copies
    variable Idle Trouble

    constructor {host slug p line opts} {
        set Host $host
        set Slug $slug
        set Proc $p
        set Line $line
        set Opts $opts
        set Source ""
        set Trouble ""
        set Copies {in {} out {}}
        set Idle {in {} out {}}
        lassign [::deployer::core::proc channels $p] In Out Err
        set Ports [lsearch -all -inline -exact -not [list $In $Out $Err] {}]
        foreach channel $Ports {
            set ::deployer::ProcessChannels($channel) [self]
            chan configure $channel -blocking 0 -encoding utf-8 -translation lf
        }
        if {[dict exists $opts terminal]} {
            # Lines of a terminal end in CR LF, and there is one output.
            chan configure $Out -translation crlf
            ::deployer::CloseProcessChannel $Err
            set Err ""
        }
        if {[dict exists $opts stdin]} {
            set Source [my Copy [dict get $opts stdin] $In]
            set In ""
        }
        if {[dict exists $opts stdout]} {
            my Copy $Out [dict get $opts stdout]
            set Out ""
        }
        if {[dict exists $opts stderr]} {
            my Copy $Err [dict get $opts stderr]
            set Err ""
        }
    }

    destructor {
        # Not all of these exist where the constructor failed.
        if {![info exists Copies]} {
            return
        }
        foreach w [concat {*}[dict values $Idle]] {
            ::deployer::core::waiter finish $w {}
        }
        foreach channel $Ports {
            ::deployer::CloseProcessChannel $channel
        }
        foreach sink [dict values [dict get $Copies out]] {
            # Who closes it next must not make a file of a half.
            catch {chan configure $sink -commit 0}
        }
        if {[dict get [::deployer::core::proc info $Proc] ended]} {
            ::deployer::core::proc close $Proc
        } else {
            ::deployer::Detach [::deployer::Job \
                [list ::deployer::Kill $Proc] {}]
        }
    }

    method stdin {} {
        return [my Open $In]
    }

    method stdout {} {
        return [my Open $Out]
    }

    method stderr {} {
        return [my Open $Err]
    }

    # CHANNEL, or "" where the script has closed it.
    method Open channel {
        if {$channel eq "" || [catch {chan configure $channel -blocking}]} {
            return ""
        }
        return $channel
    }

    # The id on the host of the session that the command runs in; "" while, or
    # where, it is not known.
    method pid {} {
        set pid [dict get [::deployer::core::proc info $Proc] pid]
        if {$pid == 0} {
            return ""
        }
        return $pid
    }

    # dict: status signal seconds. The first two are empty while it runs.
    method status {} {
        set info [::deployer::core::proc info $Proc]
        set status [dict create status "" signal "" \
            seconds [dict get $info seconds]]
        if {[dict get $info ended]} {
            dict set status status [dict get $info status]
            dict set status signal [dict get $info signal]
        }
        return $status
    }

    # The status of each process of the chain that ends here, the first one
    # first: those of `status` and slug.
    method statuses {} {
        set statuses {}
        if {[my Feeder] ne ""} {
            set statuses [$Source statuses]
        }
        return [lappend statuses [dict create slug $Slug {*}[my status]]]
    }

    # The process that feeds this one, "" where it is none or gone.
    method Feeder {} {
        if {[info exists Source] && $Source ne ""
                && [::deployer::IsProcess $Source]} {
            return $Source
        }
        return ""
    }

    # The size of its terminal, in rows and columns.
    method resize {rows cols} {
        ::deployer::CheckOption -size size [list $rows $cols]
        if {![dict exists $Opts terminal]} {
            ::deployer::Fail {ARGUMENT resize} \
                "this process has no terminal: -pty 1 gives it one"
        }
        ::deployer::core::proc resize $Proc $cols $rows
    }

    # Waits until the command, and each that feeds it, has ended and what is
    # copied for it has arrived; returns its status. What nobody reads can keep
    # a command from ending.
    method wait {} {
        ::deployer::JobMay
        set failed [catch {
            ::deployer::Await [::deployer::core::proc ended $Proc]
        } status options]
        if {$failed && [lrange [dict get $options -errorcode] 0 1]
                ne {DEPLOYER EXEC}} {
            # Cancelled.
            return -options $options $status
        }
        # Channels that it wrote to are the script's again in any case.
        foreach kind [expr {$failed ? {out} : {in out}}] {
            if {[info exists Copies] && [dict size [dict get $Copies $kind]]} {
                set w [::deployer::core::waiter new]
                dict lappend Idle $kind $w
                ::deployer::Await $w
            }
        }
        if {$failed} {
            return -options $options $status
        }
        if {[my Feeder] ne ""} {
            $Source wait
        }
        if {[info exists Trouble] && $Trouble ne ""} {
            lassign $Trouble message code
            return -code error -errorcode $code $message
        }
        return $status
    }

    # Gives DATA to the command and ends its input, reads all that it prints
    # and waits for its end. Returns {stdout stderr}.
    method communicate args {
        if {[llength $args] > 1} {
            ::deployer::WrongArgs "[self] communicate ?DATA?"
        }
        ::deployer::JobMay
        set in [my Open $In]
        if {$in eq "" && [llength $args]} {
            ::deployer::Fail {ARGUMENT communicate} \
                "the input of this process is not open any more"
        }
        set waiters {}
        foreach channel [list [my Open $Out] [my Open $Err]] {
            lappend waiters [::deployer::GatherStart $channel]
        }
        if {$in ne ""} {
            set In ""
            catch {puts -nonewline $in [lindex $args 0]}
            ::deployer::CloseProcessChannel $in
        }
        set texts {}
        try {
            foreach w $waiters {
                lappend texts [::deployer::Await $w]
            }
        } trap {DEPLOYER EXEC SIZE} message {
            ::deployer::Detach [lindex $waiters end]
            set slug $Slug
            set line $Line
            my End
            ::deployer::Fail [list EXEC SIZE $slug] "command\
                \"[::deployer::Shorten $line]\" on host $slug was ended:\
                $message"
        }
        my wait
        return $texts
    }

    # Sends the signal NAME (TERM, HUP, ...) to the command and what it started;
    # one that is still being started is waited for.
    method signal name {
        set name [string toupper $name]
        regsub {^SIG} $name {} name
        if {$name ni $::deployer::Signals} {
            ::deployer::Fail [list ARGUMENT $name] \
                "there is no signal \"$name\""
        }
        set info [::deployer::AwaitStart $Proc]
        if {[dict get $info ended]} {
            return
        }
        set pid [dict get $info pid]
        # A signal request of SSH comes second: nobody tells whether it was
        # obeyed, and sshd ignores it in a session of root.
        if {$pid == 0 || (!([dict exists $Opts sudo])
                && ![info object isa typeof $Host ::deployer::sshhost])} {
            if {[::deployer::core::proc signal $Proc $name]} {
                return
            }
        }
        set slug $Slug
        if {$pid == 0} {
            ::deployer::Fail [list EXEC SIGNAL $slug $name] \
                "the process on host $slug has no known id to send a signal to"
        }
        set opts {plain 1 check 0}
        foreach option {sudo user} {
            if {[dict exists $Opts $option]} {
                dict set opts $option [dict get $Opts $option]
            }
        }
        [info object namespace $Host]::my Run [expr {[dict exists $opts sudo]
            ? [string map [list %name $name %pid $pid] \
                $::deployer::SudoKillScript]
            : "sh -c 'kill -$name -$pid 2>/dev/null ||\
                kill -$name $pid'"}] $opts
        return
    }

    # Lets the bytes of SOURCE flow to SINK. A channel of a process, this one or
    # another, is closed at the end: when either end dies, so does the other.
    # Returns the process that SOURCE belongs to, "" for none.
    method Copy {source sink} {
        set pump [::deployer::core::pump start $source [list $sink] {closein 1}]
        set kind [expr {$sink eq $In ? "in" : "out"}]
        dict set Copies $kind $pump $sink
        set writer [::deployer::GiveChannel $source]
        ::deployer::GiveChannel $sink
        if {$writer eq [self]} {
            set writer ""
        }
        ::deployer::KeepErrors $writer
        set w [::deployer::core::pump done $pump]
        ::deployer::core::waiter call $w \
            [list ::deployer::Copied [self] $kind $pump $source $writer $sink $w]
        return $writer
    }

    # CHANNEL, one of ours, is out of the script's hands.
    method Give channel {
        foreach name {In Out Err} {
            if {[set $name] eq $channel} {
                set $name ""
            }
        }
    }

    # Nobody may ever read standard error: it must not stop the command.
    method KeepErrors {} {
        if {$Err ne ""} {
            ::deployer::core::pump tail $Err $::deployer::TailSize
        }
    }

    # What is there of standard error, the end of it, where no script has it.
    method Errors {} {
        if {$Err eq "" || [catch {chan event $Err readable} script]
                || $script ne "" || [catch {read $Err} text]} {
            return ""
        }
        return $text
    }

    # A pump of ours is over.
    method CopyEnded {kind pump trouble} {
        if {$Trouble eq ""} {
            set Trouble $trouble
        }
        dict unset Copies $kind $pump
        if {![dict size [dict get $Copies $kind]]} {
            set idle [dict get $Idle $kind]
            dict set Idle $kind {}
            foreach w $idle {
                ::deployer::core::waiter finish $w {}
            }
        }
    }

    method Describe {} {
        return [list $Slug $Line]
    }

    # Raises what it means that the command ended with STATUS.
    method FailEnded status {
        ::deployer::FailCommand $Host $Slug $Line $status
    }

    # Ends what runs on the host, and waits for that.
    method End {} {
        ::deployer::EndProcess $Proc [list $Out $Err]
    }

    # What a pump has met at CHANNEL, as {message code}; ERROR is {code message}
    method TroubleOf {doing channel error} {
        lassign $error code message
        return [list "$doing command \"[::deployer::Shorten $Line]\" on host\
            $Slug: $message ($channel)" \
            [::deployer::ChannelCode $code $Slug $channel]]
    }
}

# Waits until the command of P runs, has ended, or does not begin in time.
# Returns what core::proc tells of it; one that is closed meanwhile has ended.
proc ::deployer::AwaitStart p {
    variable StartLimit
    set end [expr {[clock milliseconds] + $StartLimit}]
    while 1 {
        if {[catch {core::proc info $p} info]} {
            return {ended 1}
        }
        if {[dict get $info started] || [dict get $info ended]
                || [clock milliseconds] >= $end} {
            return $info
        }
        Await [Delay 10]
    }
}

# Ends what process P runs, and waits for its end. What it has printed to
# CHANNELS and nobody reads must not keep it from that; but before it is ended its
# flood could keep the command that ends it from being heard.
proc ::deployer::EndProcess {p channels} {
    variable TailSize
    variable EndLimit
    set ended [core::proc ended $p]
    # One that is still being started cannot be ended.
    for {set i 0} {$i < 600} {incr i} {
        if {[core::waiter ready $ended]
                || [dict get [core::proc info $p] begun]} {
            break
        }
        Await [Delay 25]
    }
    # What was not found in time is looked for once more.
    for {set try 0} {$try < 2} {incr try} {
        EndSession $p
        if {$i == 600} {
            core::proc close $p
        }
        foreach channel $channels {
            if {$channel ne ""} {
                catch {core::pump tail $channel $TailSize}
            }
        }
        set timer [after $EndLimit \
            [list ::deployer::core::waiter finish $ended late]]
        set outcome ""
        catch {set outcome [Await $ended]}
        after cancel $timer
        if {$outcome ne "late" || [catch {core::proc ended $p} ended]} {
            return
        }
    }
    # Nobody waits for ever for what can't be ended.
    core::waiter finish $ended {}
    Await $ended
    core::proc signal $p KILL
}

# The error code of a channel that failed with CODE.
proc ::deployer::ChannelCode {code slug channel} {
    if {[lindex $code 0] eq "DEPLOYER"} {
        return $code
    }
    set name [expr {[lindex $code 0] eq "POSIX" ? [lindex $code 1] : "EIO"}]
    return [list DEPLOYER FILE $name $slug $channel]
}

# The process whose channel this is, after it has been told that a pump has it;
# "" for another channel.
proc ::deployer::GiveChannel channel {
    variable ProcessChannels
    if {![info exists ProcessChannels($channel)]} {
        return ""
    }
    set process $ProcessChannels($channel)
    if {[IsProcess $process]} {
        [info object namespace $process]::my Give $channel
    }
    return $process
}

proc ::deployer::KeepErrors process {
    if {[IsProcess $process]} {
        [info object namespace $process]::my KeepErrors
    }
}

# Called from the event loop when PUMP is over, which copied SOURCE, a channel
# of process WRITER ("" for none), to SINK for PROCESS, as one of KIND there; W
# has its outcome.
proc ::deployer::Copied {process kind pump source writer sink w} {
    variable ProcessChannels
    set info [core::waiter take $w]
    core::pump close $pump
    set readError [dict get $info source error]
    set writeError [dict get [lindex [dict get $info sinks] 0] error]
    set trouble ""
    set alive [info object isa object $process]
    if {[info exists ProcessChannels($source)]} {
        if {$readError eq "" && ![dict get $info complete]} {
            BreakPipe $ProcessChannels($source) $source
        } else {
            CloseProcessChannel $source
        }
    } elseif {$readError ne "" && $alive} {
        if {$writer ne "" && ![IsProcess $writer]} {
            set readError [list [list DEPLOYER EXEC LOST [lindex \
                [[info object namespace $process]::my Describe] 0]] \
                "the process that it came from was destroyed"]
        }
        set trouble [[info object namespace $process]::my TroubleOf \
            "cannot read the input of" $source $readError]
    }
    if {![info exists ProcessChannels($sink)]} {
        if {$readError ne ""} {
            # Nor must a half become a file of a host.
            catch {chan configure $sink -commit 0}
        }
        if {$writeError ne "" && $alive} {
            set trouble [[info object namespace $process]::my TroubleOf \
                "cannot write the output of" $sink $writeError]
        }
    } elseif {$readError ne ""} {
        # A half must not look like the whole.
        Detach [Job [list ::deployer::EndReader $sink] {}]
    } else {
        CloseProcessChannel $sink
    }
    if {$alive} {
        [info object namespace $process]::my CopyEnded $kind $pump $trouble
    }
}

# Ends the process that reads from SINK, and then its input.
proc ::deployer::EndReader sink {
    variable ProcessChannels
    set reader $ProcessChannels($sink)
    if {[IsProcess $reader]} {
        [info object namespace $reader]::my End
    }
    CloseProcessChannel $sink
}

# Nobody reads what the process WRITER still writes to CHANNEL: it gets the
# signal that a pipe would give, as closing a stream alone does not reach a
# host. One that goes on writing, as it would not with a pipe, is ended.
proc ::deployer::BreakPipe {writer channel} {
    variable BreakGrace
    if {![IsProcess $writer]} {
        CloseProcessChannel $channel
        return
    }
    Detach [Job [list $writer signal PIPE] {}]
    set until [expr {[clock milliseconds] + $BreakGrace}]
    chan configure $channel -blocking 0 -translation binary
    chan event $channel readable \
        [list ::deployer::BrokenWrites $writer $channel $until]
}

proc ::deployer::BrokenWrites {writer channel until} {
    set failed [catch {read $channel 65536} bytes]
    if {!$failed && ![eof $channel] && [clock milliseconds] < $until} {
        return
    }
    if {!$failed && ![eof $channel] && [IsProcess $writer]} {
        Detach [Job [list [info object namespace $writer]::my End] {}]
    }
    CloseProcessChannel $channel
}

proc ::deployer::CloseProcessChannel channel {
    variable ProcessChannels
    unset -nocomplain ProcessChannels($channel)
    catch {chan close $channel}
}

# A waiter of all that CHANNEL ("" is none) gives until its end.
proc ::deployer::GatherStart channel {
    variable Gathered
    set w [core::waiter new]
    if {$channel eq ""} {
        core::waiter finish $w {}
        return $w
    }
    set Gathered($channel) ""
    set ::deployer::GatheredSize($channel) 0
    chan configure $channel -blocking 0
    chan event $channel readable [list ::deployer::Gather $channel $w]
    return $w
}

proc ::deployer::Gather {channel w} {
    variable Gathered
    variable GatheredSize
    variable GatherLimit
    set failed [catch {
        set text [read $channel]
        incr GatheredSize($channel) [expr {
            [chan configure $channel -encoding] eq "binary"
            ? [string length $text] : [string bytelength $text]}]
        if {$GatheredSize($channel) <= $GatherLimit} {
            append Gathered($channel) $text
        }
        eof $channel
    } ended]
    if {$GatheredSize($channel) > $GatherLimit} {
        catch {chan event $channel readable {}}
        core::waiter finish $w "its output is above [expr {
            $GatherLimit == 1073741760 ? "1 GiB" : "$GatherLimit bytes"}]:\
            deployer::pipe keeps nothing" \
            {-code 1 -level 0 -errorcode {DEPLOYER EXEC SIZE}}
    } elseif {$failed || $ended} {
        catch {chan event $channel readable {}}
        core::waiter finish $w $Gathered($channel)
    } else {
        return
    }
    unset Gathered($channel) GatheredSize($channel)
}

# The result of W is of no interest: forget it when it comes.
proc ::deployer::Detach w {
    if {[core::waiter ready $w]} {
        core::waiter drop $w
        return
    }
    core::waiter call $w [list ::deployer::core::waiter drop $w]
}

# process.tcl -- a command that runs while the script goes on.
#
# Layer T1.

namespace eval ::deployer {
    variable ProcessChannels    ;# channel -> the process object it belongs to
    variable Gathered           ;# channel -> what communicate has read
    array set ProcessChannels {}
    array set Gathered {}
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
    if {[dict exists $opts pty]} {
        if {[dict get $opts pty] && [dict exists $opts stderr]
                && [dict get $opts stderr] ne "merge"} {
            Fail {OPTION -stderr} "-stderr: a command with -pty 1 has one\
                output, its terminal"
        }
    }
    if {[dict exists $opts stdin]} {
        set source [dict get $opts stdin]
        if {[info object isa object $source]
                && [info object isa typeof $source ::deployer::Process]} {
            dict set opts stdin [$source stdout]
        }
        CheckChannel -stdin [dict get $opts stdin]
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
    # Proc: handle of core::proc. In, Out, Err: channels, "" where somebody
    # else's was given. Copies: how many of those are still being copied. Idle:
    # waiters that finish when none is.
    variable Host Slug Proc Token Opts In Out Err Copies Idle

    constructor {host slug p token line opts} {
        set Host $host
        set Slug $slug
        set Proc $p
        set Token $token
        set Opts $opts
        set Copies 0
        set Idle {}
        lassign [::deployer::core::proc channels $p] In Out Err
        foreach channel [list $In $Out $Err] {
            if {$channel ne ""} {
                set ::deployer::ProcessChannels($channel) [self]
                chan configure $channel -blocking 0 -encoding utf-8 \
                    -translation lf
            }
        }
        if {[dict exists $opts terminal]} {
            # Lines of a terminal end in CR LF, and there is one output.
            chan configure $Out -translation crlf
            ::deployer::CloseProcessChannel $Err
            set Err ""
        }
        if {[dict exists $opts stdin]} {
            my Copy [dict get $opts stdin] $In
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
        foreach w $Idle {
            ::deployer::core::waiter finish $w {}
        }
        foreach channel [list $In $Out $Err] {
            if {$channel ne ""} {
                ::deployer::CloseProcessChannel $channel
            }
        }
        if {[dict get [::deployer::core::proc info $Proc] ended]} {
            ::deployer::core::proc close $Proc
        } else {
            ::deployer::Detach [::deployer::Job \
                [list ::deployer::Kill $Host $Proc $Token $Opts] {}]
        }
    }

    method stdin {} {
        return $In
    }

    method stdout {} {
        return $Out
    }

    method stderr {} {
        return $Err
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

    # The size of its terminal, in rows and columns.
    method resize {rows cols} {
        ::deployer::CheckOption -size size [list $rows $cols]
        if {![dict exists $Opts terminal]} {
            ::deployer::Fail {ARGUMENT resize} \
                "this process has no terminal: -pty 1 gives it one"
        }
        ::deployer::core::proc resize $Proc $cols $rows
    }

    # Waits until the command has ended and what is copied for it has arrived;
    # returns its status. What nobody reads can keep a command from ending.
    method wait {} {
        set status [::deployer::Await [::deployer::core::proc ended $Proc]]
        if {[info exists Copies] && $Copies > 0} {
            set w [::deployer::core::waiter new]
            lappend Idle $w
            ::deployer::Await $w
        }
        return $status
    }

    # Gives DATA to the command and ends its input, reads all that it prints
    # and waits for its end. Returns {stdout stderr}.
    method communicate args {
        if {[llength $args] > 1} {
            ::deployer::WrongArgs "[self] communicate ?DATA?"
        }
        set waiters {}
        foreach channel [list $Out $Err] {
            lappend waiters [::deployer::GatherStart $channel]
        }
        if {$In ne ""} {
            set in $In
            set In ""
            catch {puts -nonewline $in [lindex $args 0]}
            ::deployer::CloseProcessChannel $in
        } elseif {[llength $args]} {
            ::deployer::Fail {ARGUMENT communicate} \
                "the input of this process is not open any more"
        }
        set texts {}
        foreach w $waiters {
            lappend texts [::deployer::Await $w]
        }
        my wait
        return $texts
    }

    # Sends the signal NAME (TERM, HUP, ...) to the command.
    method signal name {
        set name [string toupper $name]
        regsub {^SIG} $name {} name
        if {![regexp {^[A-Z][A-Z0-9]*$} $name]} {
            ::deployer::Fail [list ARGUMENT $name] "there is no signal \"$name\""
        }
        set info [::deployer::core::proc info $Proc]
        if {[dict get $info ended]} {
            return
        }
        set pid [dict get $info pid]
        if {$pid == 0 || !([dict exists $Opts sudo])} {
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
        [info object namespace $Host]::my Run \
            "kill -$name -$pid 2>/dev/null || kill -$name $pid" $opts
        return
    }

    # Copies SOURCE to SINK in the background. A channel of a process, this one
    # or another, is closed at the end of the copy: when either end dies, so
    # does the other.
    method Copy {source sink} {
        set blocking [chan configure $sink -blocking]
        foreach channel [list $source $sink] {
            chan configure $channel -blocking 0 -translation binary
        }
        incr Copies
        chan copy $source $sink -command \
            [list ::deployer::Copied [self] $source $sink $blocking]
    }

    method CopyEnded {} {
        if {[incr Copies -1] == 0} {
            set idle $Idle
            set Idle {}
            foreach w $idle {
                ::deployer::core::waiter finish $w {}
            }
        }
    }
}

# Called from the event loop at the end of a copy; ARGS ends in an error text
# where that did not come to the source's end. The command that writes then has
# nobody to write to: closing a stream alone does not reach a host, so it gets
# the signal that a pipe would give.
proc ::deployer::Copied {process source sink blocking bytes args} {
    variable ProcessChannels
    if {[info exists ProcessChannels($source)]} {
        set writer $ProcessChannels($source)
        CloseProcessChannel $source
        if {[llength $args] && [info object isa object $writer]} {
            Detach [Job [list $writer signal PIPE] {}]
        }
    }
    if {[info exists ProcessChannels($sink)]} {
        CloseProcessChannel $sink
    } else {
        catch {flush $sink}
        catch {chan configure $sink -blocking $blocking}
    }
    if {[info object isa object $process]} {
        [info object namespace $process]::my CopyEnded
    }
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
    chan configure $channel -blocking 0
    chan event $channel readable [list ::deployer::Gather $channel $w]
    return $w
}

proc ::deployer::Gather {channel w} {
    variable Gathered
    set failed [catch {
        append Gathered($channel) [read $channel]
        eof $channel
    } ended]
    if {$failed || $ended} {
        catch {chan event $channel readable {}}
        core::waiter finish $w $Gathered($channel)
        unset Gathered($channel)
    }
}

# The result of W is of no interest: forget it when it comes.
proc ::deployer::Detach w {
    if {[core::waiter ready $w]} {
        core::waiter drop $w
        return
    }
    core::waiter call $w [list ::deployer::core::waiter drop $w]
}

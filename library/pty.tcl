# pty.tcl -- pseudo terminals: deployer::pty, and spawn on a host.
#
# Layer T1. What a command behind a terminal is known by is one word: the name
# of a Tcl channel on the terminal's master, and of an object with the methods
# of a process. So what `spawn` returns can be handed to Expect, and lives as
# long as the action that it was made in.

namespace eval ::deployer {
    namespace ensemble create -command ::deployer::pty -map [dict create \
        interrupt ::deployer::PtyInterrupt \
        open ::deployer::PtyOpen \
        play ::deployer::PtyPlay \
        record ::deployer::PtyRecord \
        spawn ::deployer::PtySpawn]

    variable Interrupt ""       ;# what the signal INT calls
    variable Hangup ""          ;# what HUP and TERM call
}

# A pseudo terminal with nobody on it: dict of master, slave (channels) and name
# (the path of the slave).
proc ::deployer::PtyOpen args {
    set opts [TakeOptions {-size size} args]
    if {[llength $args]} {
        WrongArgs "pty open ?-size {ROWS COLS}?"
    }
    set size {24 80}
    if {[dict exists $opts size]} {
        set size [dict get $opts size]
    }
    lassign [core::pty open {*}$size] master slave name
    return [dict create master $master slave $slave name $name]
}

# The signal INT calls PREFIX from the event loop, twice where more than one has
# come; "": it ends the process, as without this.
proc ::deployer::PtyInterrupt args {
    variable Interrupt
    if {[llength $args] != 1} {
        WrongArgs "pty interrupt PREFIX"
    }
    lassign $args prefix
    if {$prefix eq ""} {
        core::interrupt off
    } elseif {$Interrupt eq ""} {
        core::interrupt on
        InterruptNext
    }
    set Interrupt $prefix
    return
}

proc ::deployer::InterruptNext {} {
    set w [core::interrupt wait]
    core::waiter call $w [list ::deployer::Interrupted $w]
}

proc ::deployer::Interrupted w {
    variable Interrupt
    set count [core::waiter take $w]
    if {!$count} {
        return
    }
    InterruptNext
    for {set i 0} {$i < min(2, $count) && $Interrupt ne ""} {incr i} {
        if {[catch {uplevel #0 $Interrupt} message options] == 1} {
            after 0 [list return -options $options $message]
        }
    }
}

# From here on Ctrl-C breaks off scripts that compute without end: those of what
# somebody at PATH waits for. Returns what BreakOff takes.
proc ::deployer::BreakOn path {
    if {[catch {core::interrupt break [list ::deployer::Break $path]} before]} {
        # No thread is left for it.
        return ""
    }
    return $before
}

# The twin.
proc ::deployer::BreakOff before {
    catch {core::interrupt break $before}
}

# Called in the midst of a script that does not let the event loop serve Ctrl-C
# (IS TOLD: 1), or go on afterwards: fails there, unless that is code of ours, which
# may be in the middle of something and soon returns to code that is not. Who was
# cancelled and has not noticed is to be told in the second case.
proc ::deployer::Break {path isTold} {
    variable Jobs
    variable Doomed
    variable Cancelled
    variable Broken
    set co [info coroutine]
    if {!$isTold && ![info exists Doomed($co)]} {
        return
    }
    if {$co eq "" && [info level] < 2} {
        # What calls from the event loop has ended already.
        return
    }
    # The class of a method; else the namespace.
    if {[catch {uplevel 1 {::oo::Helpers::self class}} place]} {
        set place [uplevel 1 {::namespace current}]::
    }
    if {[string match ::deployer::* $place] || [string match *::<*> $place]} {
        return
    }
    if {$isTold && [info exists Jobs($co)]} {
        # Who cleans up behind the error has a moment for that.
        set now [clock milliseconds]
        if {[info exists Broken($co)] && $now < $Broken($co)} {
            return
        }
        set Broken($co) [expr {$now + 200}]
    }
    unset -nocomplain Doomed($co)
    if {[info exists Jobs($co)] && ![info exists Cancelled($co)]} {
        JobMark $co $path
    }
    Fail [list CANCELLED $path] "interrupted" -abort 1 -broken 1
}

# The signals HUP and TERM call PREFIX from the event loop, once for each; "":
# they end the process, as without this.
proc ::deployer::Hangup prefix {
    variable Hangup
    if {$prefix eq ""} {
        core::hangup off
    } elseif {$Hangup eq ""} {
        core::hangup on
        HangupNext
    }
    set Hangup $prefix
}

proc ::deployer::HangupNext {} {
    set w [core::hangup wait]
    core::waiter call $w [list ::deployer::HangupCame $w]
}

proc ::deployer::HangupCame w {
    variable Hangup
    if {![core::waiter take $w]} {
        return
    }
    HangupNext
    if {[catch {uplevel #0 $Hangup} message options] == 1} {
        after 0 [list return -options $options $message]
    }
}

# A local process in a pseudo terminal.
proc ::deployer::PtySpawn args {
    set opts [TakeOptions {-size size -env env -cwd text} args]
    if {[llength $args] != 1 || ![string is list [lindex $args 0]]} {
        WrongArgs "pty spawn ?-size {ROWS COLS}? ?-env DICT? ?-cwd DIR? ARGV"
    }
    set argv [lindex $args 0]
    set object [Terminal new]
    set spec [dict merge [TerminalSpec ""] [list pty 1 channel $object]]
    if {[dict exists $opts size]} {
        lassign [dict get $opts size] rows cols
        dict set spec rows $rows
        dict set spec cols $cols
    }
    foreach name {env cwd} {
        if {[dict exists $opts $name]} {
            dict set spec $name [dict get $opts $name]
        }
    }
    if {[catch {core::spawn $argv $spec} p options]} {
        $object destroy
        Again $p $options
    }
    $object Started "" localhost $p {} session
    return [Own $object]
}

# The terminal of a command that nobody looks at: the options of core::spawn and
# core::ssh exec. TERM is its type, "" that of the terminal of this process.
proc ::deployer::TerminalSpec term {
    if {$term eq "" && [info exists ::env(TERM)]} {
        set term $::env(TERM)
    }
    return [dict create term $term rows 24 cols 80]
}

oo::class create ::deployer::Terminal {
    superclass ::deployer::Process

    # Those of Process. Way: how it is ended, as in HangUp.
    variable Host Slug Proc Opts In Out Err Copies Way

    # Not that of Process; an empty body would be none.
    constructor {} {
        set Copies {in {} out {}}
    }

    destructor {
        my CloseChannel
        if {![info exists Proc]} {
            return
        }
        if {[dict get [::deployer::core::proc info $Proc] ended]} {
            ::deployer::core::proc close $Proc
        } else {
            ::deployer::Detach [::deployer::Job \
                [list ::deployer::HangUp $Proc $Way] {}]
        }
    }

    # Not where Expect has the channel, which closes it with its spawn id.
    method CloseChannel {} {
        catch {chan close [self]}
    }

    # Process P of HOST is behind the channel of our name.
    method Started {host slug p opts way} {
        set Host $host
        set Slug $slug
        set Proc $p
        set Opts $opts
        set In [self]
        set Out [self]
        set Err ""
        set Way $way
        set w [::deployer::core::pty over $p]
        ::deployer::core::waiter call $w \
            [list ::deployer::TerminalOver [self] $w]
    }
    export Started

    # Types DATA and the end of input, reads all that comes back until the end
    # and waits for it. Returns {output {}}.
    method communicate args {
        if {[llength $args] > 1} {
            ::deployer::WrongArgs "[self] communicate ?DATA?"
        }
        set w [::deployer::GatherStart [self]]
        set data [lindex $args 0]
        if {$data ne "" && [string index $data end] ne "\n"} {
            append data \4
        }
        catch {puts -nonewline [self] $data\4}
        set text [::deployer::Await $w]
        my wait
        return [list $text {}]
    }

    # The size of the terminal, in rows and columns.
    method resize {rows cols} {
        ::deployer::CheckOption -size size [list $rows $cols]
        catch {chan configure [self] -size [list $rows $cols]}
        ::deployer::core::proc resize $Proc $cols $rows
    }
}

# From the event loop: the channel of OBJECT is closed, and nobody else has the
# terminal or the command has ended. One that still runs is ended; else there
# may be somebody who wants its status.
proc ::deployer::TerminalOver {object w} {
    if {[core::waiter take $w] && [info object isa object $object]} {
        catch {rename $object {}}
    }
}

# Ends process P, whose terminal is gone, and closes P. WAY is `session`: all of
# its session; `client`: the local program that reaches the host; `shell`: no more
# than the hangup, as when ssh is closed. The hangup comes first: editors save then.
proc ::deployer::HangUp {p way} {
    set ending [core::ending begin $p]
    set info [core::proc info $p]
    if {$way eq "client"} {
        set w [core::proc ended $p]
        set timers {}
        foreach {signal delay} {HUP 0 TERM 500 KILL 3000} {
            lappend timers [after $delay [list catch \
                [list ::deployer::core::proc signal $p $signal]]]
        }
        catch {Await $w}
        foreach timer $timers {
            after cancel $timer
        }
    }
    core::proc close $p
    if {$way eq "session" && [dict get $info begun]} {
        Await [Delay 300]
        # What is left after the hangup.
        catch {Await [core::ending end $ending]}
    }
    core::ending done $ending
}

oo::define ::deployer::host {
    # How a command is to be ended whose terminal is that of the local program
    # itself; "" where the program is elsewhere, so that a bridge is needed.
    method Direct {} {
        return ""
    }

    # The line that becomes a login shell in place of the shell that runs it.
    method LoginLine {} {
        if {$Shell ni {{} ?}} {
            return "exec [::deployer::Quoted $Shell] -l"
        }
        return {exec $SHELL -l}
    }

    # A channel on a pseudo terminal, behind which COMMAND, or the login shell,
    # runs on the host.
    method spawn args {
        if {[llength $args] > 1} {
            ::deployer::WrongArgs "[self] spawn ?COMMAND?"
        }
        my Look
        set line [lindex $args 0]
        set object [::deployer::Terminal new]
        set slug $Slug
        set spec [dict create channel $object \
            {*}[::deployer::TerminalSpec [my Get -term]]]
        set opts {}
        set way [my Direct]
        if {$way ne ""} {
            dict set opts bare 1
        } else {
            set way session
        }
        if {![llength $args]} {
            if {[my InContext :] eq ":"} {
                dict set spec shell 1
                dict set opts bare 1
                if {[my Direct] eq ""} {
                    set way shell
                }
            } else {
                set line [my LoginLine]
            }
        }
        dict set opts terminal $spec
        if {[catch {my Begin $line $opts} started options]} {
            $object destroy
            return -options $options $started
        }
        lassign $started p
        $object Started [self] $slug $p {} $way
        return [::deployer::Own $object]
    }
}

oo::define ::deployer::localhost {
    method Direct {} {
        return session
    }
}

oo::define ::deployer::exechost {
    method Direct {} {
        return client
    }
}

namespace eval ::deployer {
    dict set HostsWords spawn {::deployer::HostsVerb spawn}
    DefineHostsWord spawn
}

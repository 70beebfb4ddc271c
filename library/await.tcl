# await.tcl -- waiting written as sequential code, and jobs.
#
# Layer T1. A waiter is the one result of something that goes on in the event
# loop. Await turns it into a plain return value: in a coroutine by yielding,
# elsewhere by a nested event loop. A job is a coroutine of ours whose result
# is a waiter.

namespace eval ::deployer {
    variable JobCount 0
    variable Jobs               ;# coroutine -> waiter of its result
    variable JobsByWaiter       ;# the reverse
    variable Waiting            ;# coroutine of a job -> waiter it waits for
    variable Doomed             ;# coroutine -> path: cancelled while it ran
    variable Owned              ;# coroutine -> objects that die with the job
    array set Jobs {}
    array set JobsByWaiter {}
    array set Waiting {}
    array set Doomed {}
    array set Owned {}

    namespace eval jobs {}
}

# The result of waiter W, or its error. W is gone afterwards, also on errors.
proc ::deployer::Await w {
    variable Jobs
    variable Waiting
    variable Doomed
    set co [info coroutine]
    if {$co eq ""} {
        tailcall Block $w $co
    }
    if {[info exists Doomed($co)]} {
        set path $Doomed($co)
        unset Doomed($co)
        core::waiter drop $w
        Fail [list CANCELLED $path] "cancelled"
    }
    if {[core::waiter ready $w]} {
        tailcall core::waiter take $w
    }
    set isJob [info exists Jobs($co)]
    if {$isJob} {
        set Waiting($co) $w
    }
    core::waiter call $w [list ::deployer::Resume $co $w]
    # Somebody else may resume the coroutine: it goes on waiting.
    while {![core::waiter ready $w]} {
        if {[catch {yield}]} {
            # Below code that cannot yield, as lsort -command or a trace.
            core::waiter call $w {}
            try {
                return [Block $w $co]
            } finally {
                if {$isJob} {
                    unset -nocomplain Waiting($co)
                }
            }
        }
    }
    if {$isJob} {
        unset -nocomplain Waiting($co)
    }
    tailcall core::waiter take $w
}

# Waits in a nested event loop. What runs there is not in the body of a cd, env
# or prefix of this code, so its context is out of sight meanwhile.
proc ::deployer::Block {w co} {
    variable Contexts
    if {[core::waiter ready $w]} {
        tailcall core::waiter take $w
    }
    set hidden [info exists Contexts($co)]
    if {$hidden} {
        set context $Contexts($co)
        unset Contexts($co)
    }
    set failed [catch {core::waiter block $w} message options]
    if {$hidden} {
        set Contexts($co) $context
    }
    if {$failed} {
        core::waiter drop $w
        return -options $options $message
    }
    tailcall core::waiter take $w
}

# Called from the event loop when W, for which coroutine CO waits, is finished.
proc ::deployer::Resume {co w} {
    if {[namespace which -command $co] eq ""} {
        core::waiter drop $w
        return
    }
    $co
}

# A waiter that finishes with "" after so many milliseconds.
proc ::deployer::Delay milliseconds {
    set w [core::waiter new]
    after $milliseconds [list ::deployer::core::waiter finish $w {}]
    return $w
}

# Runs PREFIX in a coroutine of its own, at once up to its first wait, and
# returns the waiter of its result. The context (cd, env, prefix) is the
# caller's unless CONTEXT is given. The caller's variables are out of reach.
proc ::deployer::Job {prefix args} {
    variable JobCount
    variable Jobs
    variable JobsByWaiter
    variable Contexts
    set parent [info coroutine]
    if {[llength $args]} {
        set context [lindex $args 0]
    } elseif {[info exists Contexts($parent)]} {
        set context $Contexts($parent)
    } else {
        set context {}
    }
    set w [core::waiter new]
    set co ::deployer::jobs::[incr JobCount]
    set Jobs($co) $w
    set JobsByWaiter($w) $co
    if {$context ne ""} {
        set Contexts($co) $context
    }
    coroutine $co ::deployer::JobMain $co $w $parent $prefix
    return $w
}

proc ::deployer::JobMain {co w parent prefix} {
    variable Jobs
    variable JobsByWaiter
    variable Contexts
    variable Waiting
    variable Doomed
    variable Owned
    set code [catch {uplevel #0 $prefix} result options]
    if {[info exists Owned($co)]} {
        Disown $co $parent $result
    }
    unset -nocomplain Jobs($co) JobsByWaiter($w) Contexts($co) Waiting($co)
    unset -nocomplain Doomed($co)
    if {$code == 2} {
        # A script that ends by `return`.
        dict set options -level 0
        set code [dict get $options -code]
    }
    if {$code} {
        core::waiter finish $w $result $options
    } else {
        core::waiter finish $w $result
    }
}

# The coroutine of the job whose result is W; "" once it has ended.
proc ::deployer::JobOf w {
    variable JobsByWaiter
    if {[info exists JobsByWaiter($w)]} {
        return $JobsByWaiter($w)
    }
    return ""
}

# Ends what the job of W waits for, or will wait for next, with the error
# {DEPLOYER CANCELLED PATH}; the code that waits there ends what it started on
# the hosts. Returns 0 where the job has ended already.
proc ::deployer::JobCancel {w {path {}}} {
    variable JobsByWaiter
    variable Waiting
    variable Doomed
    if {![info exists JobsByWaiter($w)]} {
        return 0
    }
    set co $JobsByWaiter($w)
    if {[info exists Waiting($co)] && ![core::waiter ready $Waiting($co)]} {
        core::waiter finish $Waiting($co) cancelled \
            [list -code 1 -level 0 \
                -errorcode [list DEPLOYER CANCELLED $path]]
    } else {
        set Doomed($co) $path
    }
    return 1
}

# Whether this code runs in a job, so that something can hold until it returns.
proc ::deployer::InJob {} {
    variable Jobs
    return [info exists Jobs([info coroutine])]
}

# OBJECT dies with the job that this code runs in; outside one nothing happens.
proc ::deployer::Own object {
    variable Jobs
    variable Owned
    set co [info coroutine]
    if {[info exists Jobs($co)]} {
        lappend Owned($co) $object
    }
    return $object
}

# OBJECT outlives the job that this code runs in.
proc ::deployer::Keep object {
    variable Owned
    set co [info coroutine]
    if {[info exists Owned($co)]} {
        set Owned($co) [lsearch -all -inline -exact -not $Owned($co) $object]
    }
    return $object
}

# The end of job CO: its objects die, but for those in its result (itself, or
# an element of it), which pass to the job that started this one.
proc ::deployer::Disown {co parent result} {
    variable Jobs
    variable Owned
    set objects $Owned($co)
    unset Owned($co)
    if {[catch {llength $result}]} {
        set result {}
    }
    foreach object $objects {
        if {$object in $result} {
            if {[info exists Jobs($parent)]} {
                lappend Owned($parent) $object
            }
        } elseif {[info object isa object $object]} {
            catch {$object destroy}
        }
    }
}

# await.tcl -- waiting written as sequential code, and jobs.
#
# Layer T1. A waiter is the one result of something that goes on in the event
# loop. Await turns it into a plain return value: in a coroutine by yielding,
# elsewhere by a nested event loop. A job is a coroutine of ours whose result
# is a waiter.

namespace eval ::deployer {
    variable JobCount 0
    variable Jobs               ;# coroutine -> {parent end} while it runs
    variable JobsByWaiter       ;# waiter of a result -> coroutine
    variable Waiting            ;# coroutine of a job -> waiter it waits for
    variable Doomed             ;# coroutine -> path: cancelled while it ran
    variable Begun              ;# coroutine -> what it began last, as of JobMay
    variable Cancelled          ;# coroutine -> {path what when}, once it was
                                ;# cancelled: what it had begun then; ms
    variable Refused            ;# coroutine -> {count since}: it is to begin nothing
                                ;# more, and tried so often since then (ms)
    variable Broken             ;# coroutine -> when (ms) Ctrl-C may break it off
                                ;# again, having done that in the midst of it
    variable Owned              ;# coroutine -> objects that die with the job
    variable Ends               ;# coroutine -> what to call before they do
    variable Ending             ;# coroutine -> waiter to finish afterwards
    variable ShownAs            ;# object -> what else a result may call it
    array set Jobs {}
    array set JobsByWaiter {}
    array set Waiting {}
    array set Doomed {}
    array set Begun {}
    array set Cancelled {}
    array set Refused {}
    array set Broken {}
    array set Owned {}
    array set Ends {}
    array set Ending {}
    array set ShownAs {}
    # A job that is to begin nothing more, and goes on to try that so often and for
    # so long (ms), catches all errors without end.
    variable RefusedCount 1000
    variable RefusedTime 1000
    # So long (ms) a job that was cancelled may begin what cleans up.
    variable CleanTime 60000
    # A part of an error trace that ends in a procedure or method; one that is
    # a call of ours. Kept as values, so that they are compiled once.
    variable TraceFrame \
        {\n    \((procedure|class) "([^"\n]*)" [^\n]*line \d+\)$}
    variable TraceInside [join {
        {^"(?:core::waiter |::deployer::[A-Z]|::oo::Obj\d+::(?:my |[a-z]+::)|}
        {\$\{ns\}::my |\$class create \$nested |next \$line \$opts")}
    } {}]
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
        core::waiter drop $w
        JobDoom $co
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
    if {[core::waiter ready $w]} {
        tailcall core::waiter take $w
    }
    set context [ContextGet]
    if {$context ne ""} {
        unset -nocomplain ::deployer::Contexts($co) ::deployer::Plains($co)
    }
    set failed [catch {core::waiter block $w} message options]
    ContextStart $co $context
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
    if {[llength $args]} {
        set context [lindex $args 0]
    } else {
        set context [ContextGet]
    }
    set parent [info coroutine]
    set w [core::waiter new]
    # Tcl 8.6 forgets a coroutine that waits with its interpreter, but not where
    # its name stands in a namespace within another one.
    set co ::deployer::@[incr JobCount]
    set end [list ::deployer::JobFinish $w]
    set Jobs($co) [list $parent $end]
    set JobsByWaiter($w) $co
    ContextStart $co $context
    coroutine $co ::deployer::JobMain $co $parent $prefix $end
    return $w
}

# The same, for many: has no waiter; at its end {*}END CODE RESULT OPTIONS is
# called. Returns the coroutine.
proc ::deployer::JobCalling {prefix end} {
    variable JobCount
    variable Jobs
    variable Contexts
    variable Plains
    set parent [info coroutine]
    set co ::deployer::@[incr JobCount]
    set Jobs($co) [list $parent $end]
    if {[info exists Contexts($parent)]} {
        set Contexts($co) $Contexts($parent)
    } elseif {[info exists Plains($parent)]} {
        set Plains($co) $Plains($parent)
    }
    coroutine $co ::deployer::JobMain $co $parent $prefix $end
    return $co
}

proc ::deployer::JobMain {co parent prefix end} {
    variable Jobs
    variable Contexts
    variable Plains
    variable Waiting
    variable Doomed
    variable Begun
    variable Cancelled
    variable Refused
    variable Broken
    variable Owned
    variable Ending
    set code [catch {uplevel #0 $prefix} result options]
    if {$code == 1} {
        # It has the words of every call, and those of the failures below.
        dict unset options -errorstack
    }
    if {[info exists Owned($co)]} {
        JobLeave $co $parent code result options
    }
    if {$code == 1} {
        set journal [EventsFailed $co $result $options]
        if {$journal ne ""} {
            catch {JournalFailed $journal $options}
        }
    } elseif {[set ended [core::event over $co]] ne ""} {
        catch {JournalEnded {*}$ended}
    }
    unset -nocomplain Jobs($co) Contexts($co) Plains($co) Waiting($co) \
        Doomed($co) Begun($co) Cancelled($co) Refused($co) Broken($co)
    if {[info exists Ending($co)]} {
        core::waiter finish $Ending($co) {}
    }
    if {$code == 2} {
        # A script that ends by `return`.
        dict set options -level 0
        set code [dict get $options -code]
    }
    {*}$end $code $result $options
}

proc ::deployer::JobFinish {w code result options} {
    variable JobsByWaiter
    unset -nocomplain JobsByWaiter($w)
    if {$code} {
        core::waiter finish $w $result $options
    } else {
        core::waiter finish $w $result
    }
}

# An error trace without the frames of ours: those between the code of a job and
# whoever waits for it, and those below the words that the code called.
proc ::deployer::TrimTrace trace {
    variable TraceFrame
    variable TraceInside
    if {[string first \x01 $trace] >= 0} {
        return $trace
    }
    set parts [lassign [split [string map [list \
        "\n    while executing\n" \x01w "\n    invoked from within\n" \x01i] \
        $trace] \x01] message]
    # The job itself, and whatever waited for it.
    set last [lsearch -exact $parts "i\"uplevel #0 \$prefix\""]
    if {$last >= 0} {
        set parts [lrange $parts 0 $last-1]
        if {$last > 0} {
            lset parts end [regsub {\n    \("uplevel" body line \d+\)$} \
                [lindex $parts end] {}]
        }
    }
    # From the outermost: a name without namespace is one of ours only where it
    # is called from one of ours.
    set kept {}
    set inside 1
    foreach part [lreverse $parts] {
        if {[regexp -- $TraceFrame $part - kind name]} {
            set inside [expr {[string match ::deployer::* $name]
                || [regexp {::<(?:array|guard)>$} $name]
                || $inside && $kind eq "procedure"
                    && [namespace which -command ::deployer::$name] ne ""}]
            set ours $inside
        } else {
            set ours [regexp -- $TraceInside [string range $part 1 end]]
        }
        if {!$ours} {
            lappend kept [string range $part 1 end]
        }
    }
    set trace $message
    set how "while executing"
    foreach part [lreverse $kept] {
        append trace "\n    $how\n" $part
        set how "invoked from within"
    }
    return $trace
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
# the hosts. What the job begins then is its cleaning up, which may wait. Once it
# begins what was ended, as a loop does that catches all errors, or is cancelled once
# more, or a minute has gone, all that it begins fails in the same way. Returns 0
# where the job has ended already.
proc ::deployer::JobCancel {w {path {}}} {
    variable JobsByWaiter
    if {![info exists JobsByWaiter($w)]} {
        return 0
    }
    JobStop $JobsByWaiter($w) $path
    return 1
}

# The same for the job of coroutine CO, which runs. One that Ctrl-C has broken off
# already has had that: what it does since then is not ended as well.
proc ::deployer::JobStop {co {path {}}} {
    variable Waiting
    variable Doomed
    variable Broken
    variable Cancelled
    variable Refused
    if {[info exists Broken($co)]} {
        unset Broken($co)
        return
    }
    if {![info exists Cancelled($co)]} {
        JobMark $co $path
    } elseif {![info exists Refused($co)]} {
        set Refused($co) {0 0}
    }
    if {[info exists Waiting($co)] && ![core::waiter ready $Waiting($co)]} {
        core::waiter finish $Waiting($co) cancelled \
            [list -code 1 -level 0 \
                -errorcode [list DEPLOYER CANCELLED $path]]
    } else {
        set Doomed($co) $path
    }
}

# Notes that job CO was cancelled.
proc ::deployer::JobMark {co path} {
    variable Begun
    variable Cancelled
    set Cancelled($co) [list $path \
        [expr {[info exists Begun($co)] ? $Begun($co) : ""}] \
        [clock milliseconds]]
}

# Raises in job CO that it was cancelled while it ran.
proc ::deployer::JobDoom co {
    variable Doomed
    set path $Doomed($co)
    unset Doomed($co)
    Fail [list CANCELLED $path] "cancelled"
}

# Job CO, if it was cancelled just now, had begun WHAT. For those who don't say so
# before, as that takes longer than what they do.
proc ::deployer::JobHad {co what} {
    variable Cancelled
    variable Refused
    if {[info exists Cancelled($co)] && ![info exists Refused($co)]} {
        lset Cancelled($co) 1 $what
    }
}

# Called where a script begins something that takes its time. WHAT tells it, but not
# the host where it is; "" tells nothing. Raises {DEPLOYER CANCELLED path} where the
# job was cancelled and is to begin nothing more.
proc ::deployer::JobMay {{what {}}} {
    variable Jobs
    variable Begun
    variable Cancelled
    set co [info coroutine]
    if {[info exists Cancelled($co)]} {
        JobCheck $co $what
    }
    if {$what ne "" && [info exists Jobs($co)]} {
        set Begun($co) $what
    }
}

proc ::deployer::JobCheck {co what} {
    variable Doomed
    variable Cancelled
    variable Refused
    variable CleanTime
    lassign $Cancelled($co) path ended when
    if {![info exists Refused($co)]} {
        if {[info exists Doomed($co)]} {
            JobDoom $co
        }
        if {($what eq "" || $what ne $ended)
                && [clock milliseconds] - $when < $CleanTime} {
            return
        }
        set Refused($co) {0 0}
    }
    JobRefuse $co
    Fail [list CANCELLED $path] "cancelled"
}

# Job CO has tried once more what it may not. One that does so without end is
# ended here: nothing returns then.
proc ::deployer::JobRefuse co {
    variable Refused
    variable RefusedCount
    variable RefusedTime
    lassign $Refused($co) count since
    set now [clock milliseconds]
    if {!$count} {
        set since $now
    }
    set Refused($co) [list [incr count] $since]
    if {$count % 10} {
        return
    }
    if {$count >= $RefusedCount && $now - $since >= $RefusedTime} {
        set timer [after 0 [list ::deployer::JobRid $co]]
        while {![catch {yield}]} {
            # Nothing that it waited for is of interest any more.
        }
        # Below code that cannot yield, as lsort -command.
        after cancel $timer
        return
    }
    # The others go on.
    catch {Await [Delay 0]}
}

# From the event loop: ends job CO, which waits, without another word of its own.
proc ::deployer::JobRid co {
    variable Jobs
    variable Cancelled
    if {![info exists Jobs($co)] || [namespace which -command $co] eq ""} {
        return
    }
    lassign $Jobs($co) parent end
    set path [lindex $Cancelled($co) 0]
    rename $co {}
    # Another one comes to its end in its place.
    coroutine ${co}over ::deployer::JobMain $co $parent \
        [list ::deployer::Fail [list CANCELLED $path] "cancelled"] $end
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

# The end of job CO: its objects die, but for those that its result holds, which
# pass to the job that started this one.
proc ::deployer::JobLeave {co parent codeVar resultVar optionsVar} {
    upvar 1 $codeVar code $resultVar result $optionsVar options
    variable Jobs
    variable Owned
    variable Ends
    set ends ""
    if {[info exists Ends($co)]} {
        # {prefix objects code result options}: code, result and options may
        # become others.
        set ends $Ends($co)
        lassign [{*}$ends $Owned($co) $code $result $options] \
            code result options
        unset Ends($co)
    }
    set objects $Owned($co)
    unset Owned($co)
    foreach object $objects {
        if {![info object isa object $object]} {
            continue
        }
        if {$result ne "" && [Holds $result $object]} {
            if {[info exists Jobs($parent)]} {
                lappend Owned($parent) $object
                if {$ends ne ""} {
                    set Ends($parent) $ends
                }
            }
        } else {
            # No filter of the user's runs for that.
            catch {rename $object {}}
        }
    }
}

# Whether RESULT names OBJECT, or something that lives in it, at any depth.
proc ::deployer::Holds {result object} {
    variable ShownAs
    if {[string first [info object namespace $object]:: $result] >= 0} {
        return 1
    }
    if {[info exists ShownAs($object)]} {
        set object $ShownAs($object)
    }
    set at 0
    while {[set at [string first $object $result $at]] >= 0} {
        incr at [string length $object]
        if {![string is wordchar -strict [string index $result $at]]} {
            return 1
        }
    }
    return 0
}

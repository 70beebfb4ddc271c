# fork.tcl -- what actions make besides their result: jobs and instances.
#
# Layer T2. Both belong to the job that makes them (Own of await.tcl) and end
# with it, unless its result hands them on or they are kept.

namespace eval ::deployer {
    variable MadeCount 0
    namespace export keep
}

# deployer::keep OBJECT -- what this action has made outlives it. Returns the
# object. A file that is open is known by its channel.
proc ::deployer::keep object {
    if {[FileHolder $object] ne ""} {
        Keep [FileHolder $object]
        return $object
    }
    set found [uplevel 1 [list ::namespace which -command $object]]
    if {$found eq "" || ![info object isa object $found]} {
        Fail [list ARGUMENT $object] \
            "there is no object \"[Shorten $object 80]\" to keep"
    }
    return [Keep $found]
}

# An action that goes on beside the one that started it.
oo::class create ::deployer::Fork {
    # Home: namespace of the instance; State: running ok error; Waiters: of
    # those who wait for the end; Job: the waiter of the job.
    variable Home Action State Result ReturnOptions Waiters Job Joined

    constructor {home words} {
        set Home $home
        set Action [lindex $words 0]
        set State running
        set Waiters {}
        set Joined 0
        set Job [::deployer::Job \
            [list ::deployer::ForkMain [self namespace] $home $words]]
    }

    # A job that is thrown away is ended.
    destructor {
        if {$State eq "running"} {
            ::deployer::JobCancel $Job [my Path]
            # Nothing of the fork is there for these when they go on.
            set path [my Path]
            foreach w $Waiters {
                ::deployer::core::waiter finish $w \
                    "fork of $Action was destroyed before it ended" \
                    [list -code 1 -level 0 -errorcode \
                        [list DEPLOYER CANCELLED $path]]
            }
        } else {
            my Complain
        }
        ::deployer::Detach $Job
    }

    # The result of the action, or its error; waits for its end.
    method join {} {
        ::deployer::JobMay
        my Wait
        set Joined 1
        if {$State eq "ok"} {
            return $Result
        }
        return -options [dict replace $ReturnOptions -level \
            [expr {[dict get $ReturnOptions -level] + 1}]] $Result
    }

    method result {} {
        tailcall my join
    }

    # Ends the action, wherever it waits, and waits until it has ended.
    method cancel {} {
        set Joined 1
        if {$State eq "running"} {
            ::deployer::JobCancel $Job [my Path]
            set ns [self namespace]
            if {[catch {my Wait} message options]
                    && [namespace exists $ns]} {
                return -options [dict incr options -level] $message
            }
        }
        return
    }

    method Wait {} {
        if {$State eq "running"} {
            set w [::deployer::core::waiter new]
            lappend Waiters $w
            ::deployer::Await $w
        }
    }

    # Called by the job at its end.
    method Ended {state result options} {
        set State $state
        set Result $result
        if {$state eq "error"} {
            dict unset options -errorstack
            dict set options -errorinfo [::deployer::TrimTrace \
                [dict get $options -errorinfo]]
        }
        set ReturnOptions $options
        set waiters $Waiters
        set Waiters {}
        foreach w $waiters {
            ::deployer::core::waiter finish $w {}
        }
    }

    # Waits; then returns {} or, where it failed and nobody joined it, its error
    # as {message options}, of which the loggers hear.
    method Settle {} {
        my Wait
        if {![my Complain]} {
            return {}
        }
        return [list $Result $ReturnOptions]
    }

    method Complain {} {
        if {$State ne "error" || $Joined} {
            return 0
        }
        set Joined 1
        if {[namespace exists $Home]} {
            ::deployer::Report $Home \
                "fork of $Action failed and was not joined: $Result"
        }
        return 1
    }

    method Path {} {
        if {[namespace exists $Home]} {
            return [::deployer::PathOf $Home]
        }
        return ""
    }
}

# `my fork WORDS` in the instance of namespace NS.
proc ::deployer::StartFork {ns words} {
    variable Ends
    set fork [Own [Fork new $ns $words]]
    if {[InJob]} {
        set Ends([info coroutine]) ::deployer::SettleForks
    }
    return $fork
}

# The job of a fork whose object has namespace FORK.
proc ::deployer::ForkMain {fork ns words} {
    ContextSet [dict replace [ContextGet] -fork 1]
    variable Listening
    if {$Listening} {
        EventJob $ns fork [lindex $words 0]
    }
    set code [catch {${ns}::my {*}$words} result options]
    if {[namespace exists $fork]} {
        ${fork}::my Ended [expr {$code ? "error" : "ok"}] $result $options
    }
    # So that what the result holds passes to the action that forked.
    return $result
}

# Called by await.tcl before a job ends with CODE, RESULT and OPTIONS: it waits
# for those of OBJECTS, its own, that are forks and that RESULT does not hand
# on. Returns the three as they are then: a fork that failed fails a job that
# did not.
proc ::deployer::SettleForks {objects code result options} {
    set forks [lmap object $objects {
        if {![info object isa object $object]
                || [info object class $object] ne "::deployer::Fork"
                || [Holds $result $object]} {
            continue
        }
        set object
    }]
    if {$code == 1 && [string match {DEPLOYER CANCELLED*} \
            [dict get $options -errorcode]]} {
        foreach fork $forks {
            catch {$fork cancel}
        }
    }
    foreach fork $forks {
        if {![info object isa object $fork]} {
            continue
        }
        if {[catch {[info object namespace $fork]::my Settle} failure given]} {
            if {![info object isa object $fork]} {
                # Somebody destroyed it meanwhile, which ends it as well.
                continue
            }
            # The wait was ended from outside: so are they.
            if {$code != 1} {
                set code 1
                set result $failure
                set options $given
            }
            catch {$fork cancel}
        } elseif {$failure ne "" && $code != 1} {
            set code 1
            lassign $failure result options
        }
    }
    return [list $code $result $options]
}

# `my initialize CLASS WORDS` in the instance of namespace UP; names resolve in
# namespace SPACE. FOUND is the command that CLASS means.
proc ::deployer::Initialize {up found class space words} {
    if {![IsService $found]} {
        Fail [list ARGUMENT $class] "\"[Shorten $class 80]\" is no service"
    }
    set given {}
    if {[lindex $words 0] eq "-hosts"} {
        if {[llength $words] < 2} {
            Fail {OPTION -hosts} "value for \"-hosts\" missing"
        }
        if {[catch {dict size [lindex $words 1]}]} {
            Fail {OPTION -hosts} "-hosts must be a dict of roles and lists, not\
                \"[Shorten [lindex $words 1] 40]\""
        }
        set given [list [lindex $words 1] $space]
        set words [lrange $words 2 end]
    }
    namespace upvar [info object namespace $found] Facts facts
    set object [MakeBelow $found $up [dict get $facts name] $given]
    if {![llength $words]} {
        return $object
    }
    # Made for these words alone, unless their result hands it on.
    set code [catch {$object {*}$words} result options]
    if {[info object isa object $object]
            && ($code || ![Holds $result $object])} {
        Keep $object
        $object destroy
    }
    dict incr options -level
    return -options $options $result
}

# An instance NAME of CLASS in the one of namespace UP that is no member of its
# class, and dies with the job.
proc ::deployer::MakeBelow {class up name given} {
    variable MadeCount
    set object [$class create ${up}::made::[incr MadeCount] \
        <nested> $up $name $given]
    set [info object namespace $object]::Made 1
    return [Own $object]
}

# The namespace of what ARRAY, made by `my initialize`, is in the cell UP.
proc ::deployer::MakeAgain {array up} {
    set given {}
    if {[info exists ${array}::Given]} {
        set given [set ${array}::Given]
    }
    return [info object namespace [MakeBelow [ServiceOf $array] $up \
        [lindex [set ${array}::Kin] 1] $given]]
}

# resume.tcl -- a run goes on that did not end well.
#
# Layer T2. Loaded with runs.tcl. The key -resume of the context is the number of
# such a run: it is there in code that is in no cell yet. A call on an array there
# leaves the cells out that ended well in the run before, as long as nothing but
# cells was run on hosts: what an action does itself it does again, and who
# knows what that undoes.

namespace eval ::deployer {
    # Number -> dict: id (of the run before), calls ({path action arguments} ->
    # the ends of its cells, one dict for each time that it was called), first
    # (1 until the outermost call has been met), cells (that is one on an array),
    # touched (1 when something was run on a host).
    variable Resumes
    variable ResumeCount 0
    array set Resumes {}
}

# The id of the run that NUMBER goes on with.
proc ::deployer::RunsResumed number {
    variable Resumes
    return [dict get $Resumes($number) id]
}

# Something begins on a host.
proc ::deployer::ResumeTouch {} {
    variable Resumes
    set context [ContextGet]
    if {[dict exists $context -resume]} {
        dict set Resumes([dict get $context -resume]) touched 1
    }
}

# PerformFan with OPTIONS, without the cells of INDEXES that ended well before.
# Returns words for `return`.
proc ::deployer::ResumeFan {ns method arguments indexes options} {
    variable Resumes
    set before [ContextGet]
    set number [dict get $before -resume]
    set shown {}
    catch {
        set shown [JournalArguments [dict get [Member [ServiceOf $ns] \
            $method] formals] $arguments -]
    }
    set key [list [PathOf $ns] $method $shown]
    set outermost [dict get $Resumes($number) first]
    dict set Resumes($number) first 0
    set ended {}
    if {[dict exists $Resumes($number) calls $key]
            && ![dict get $Resumes($number) touched]} {
        set times [lassign [dict get $Resumes($number) calls $key] ended]
        dict set Resumes($number) calls $key $times
    }
    set again {}
    set results {}
    foreach index $indexes {
        if {![dict exists $ended $index]} {
            lappend again $index
            continue
        }
        lassign [dict get $ended $index] good result
        # Who called needs the result, unless that is for people.
        set known [expr {[llength [dict get $ended $index]] > 1}]
        if {!$good || !$known && !$outermost} {
            lappend again $index
            continue
        }
        if {!$outermost} {
            dict set results $index $result
        }
        if {[dict exists $options journal]} {
            core::journal cell {*}[dict get $options journal] $index 1 \
                {*}[expr {$known ? [list $result] : {}}]
        }
    }
    # What runs in a cell belongs to it.
    ContextSet [dict remove $before -resume]
    set code [catch {
        Fanout $again ::deployer::CellRun $options
    } made given]
    ContextSet $before
    if {$code} {
        dict unset given -errorstack
        dict set given -errorinfo $made
        if {[dict exists $given -results]} {
            dict set given -results [ResumeOrder $indexes \
                [dict merge $results [dict get $given -results]]]
        }
        dict incr given -level
        return [list -options $given $made]
    }
    return [list [ResumeOrder $indexes [dict merge $results $made]]]
}

# RESULTS in the order of INDEXES.
proc ::deployer::ResumeOrder {indexes results} {
    set ordered {}
    foreach index $indexes {
        if {[dict exists $results $index]} {
            dict set ordered $index [dict get $results $index]
        }
    }
    return $ordered
}

# resume ID ?INSTANCE? ?-all BOOL? ?-plan BOOL? ?-arguments LIST?
proc ::deployer::RunsResume {space args} {
    set options [dict merge {all 0 plan 0} [RunsOptions {
        -all flag -plan flag -arguments list
    } args 1 2 "resume ID ?INSTANCE? ?-all? ?-plan? ?-arguments LIST?"]]
    set id [RunsId [lindex $args 0]]
    set run [RunsOpen $id]
    if {[dict get $run state] eq "running"} {
        Fail [list RUNS RUNNING $id] "the run $id goes on: what has not ended\
            yet may still end well"
    }
    set root [ResumeRoot $id $run [lindex $args 1] $space]
    if {[dict exists $options arguments]} {
        dict set run arguments [dict get $options arguments]
    } elseif {[lsearch -glob [dict get $run arguments] {*\*\*\**}] >= 0
            && ![dict get $options plan]} {
        Fail [list RUNS SECRET $id] "an argument of [dict get $run action] was\
            secret and is not in the journal of the run $id: give all arguments\
            again with -arguments"
    }
    set target [ResumeTarget $id $run $root]
    set tree [RunsTree $id]
    set plan [ResumePlan $run $tree $target [dict get $options all]]
    if {[dict get $options plan]} {
        return [dict remove $plan calls]
    }
    ResumeTell $id $root $plan [dict get $options all]
    if {[dict get $plan array] && ![llength [dict get $plan cells]]} {
        return {}
    }
    set words [list [dict get $run action] {*}[dict get $run arguments]]
    if {[dict get $run sandbox]} {
        set words [list sandbox {*}$words]
    }
    if {[dict get $options all]} {
        tailcall $target {*}$words
    }
    return [ResumeCall $id $plan $target $words]
}

# Calls TARGET with WORDS, as the run ID went on.
proc ::deployer::ResumeCall {id plan target words} {
    variable Resumes
    variable ResumeCount
    variable Resuming
    set number [incr ResumeCount]
    set Resumes($number) [dict create id $id touched 0 \
        calls [dict get $plan calls] first [dict get $plan array]]
    incr Resuming
    EventNotes
    set before [ContextGet]
    ContextSet [dict replace $before -resume $number]
    set code [catch {$target {*}$words} result given]
    ContextSet $before
    incr Resuming -1
    EventNotes
    unset Resumes($number)
    dict incr given -level
    return -options $given $result
}

# The root that a run goes on in.
proc ::deployer::ResumeRoot {id run name space} {
    set class [dict get $run root]
    if {$name ne ""} {
        set object [namespace eval $space \
            [list ::namespace which -command $name]]
        if {$object eq "" || ![info object isa object $object]
                || ![info object isa typeof $object ::deployer::Service]} {
            Fail [list ARGUMENT $name] "\"[Shorten $name 80]\" is no instance\
                of a service"
        }
        set object [$object root]
        if {[info object class $object] ne $class} {
            Fail [list RUNS TREE $id] "the run $id was one of a $class, and\
                $name belongs to a [info object class $object]"
        }
        return $object
    }
    set roots {}
    if {[info object isa class $class] && [IsService $class]} {
        set roots [lmap object [info class instances $class] {
            if {[set [info object namespace $object]::Root]
                    ne [info object namespace $object]} {
                continue
            }
            set object
        }]
    }
    if {[llength $roots] != 1} {
        Fail [list RUNS TREE $id] "the run $id was one of a $class, and there\
            are [llength $roots] of these: say which one is to go on"
    }
    return [lindex $roots 0]
}

# What the path of a run leads to from ROOT.
proc ::deployer::ResumeTarget {id run root} {
    set path [dict get $run path]
    set target $root
    if {[catch {
        foreach step [split $path /] {
            set slugs [lassign [split $step :] name]
            if {$name ne ""} {
                set target [$target $name]
            }
            foreach slug $slugs {
                set target [$target at $slug]
            }
        }
        if {![EventIsAction [info object namespace $target] \
                [dict get $run action]]} {
            Fail {ARGUMENT action} "there is no action\
                \"[dict get $run action]\""
        }
    } why]} {
        Fail [list RUNS TREE $id] "[logger::ShowLine $path] of the run $id is\
            not there any more: $why"
    }
    return $target
}

# What a resume would do, as a dict: id, path, action, arguments, array (1 where
# the run was a call on an array, whose cells can go on alone), cells (those that
# are to run), done (how many ended well), underway (steps without an end), and
# calls, as Resumes has them.
proc ::deployer::ResumePlan {run tree target all} {
    set plan {}
    foreach key {id path action arguments} {
        dict set plan $key [dict get $run $key]
    }
    set calls {}
    set outer [lindex [dict get $tree tops] 0]
    foreach event [dict get $tree order] {
        if {![dict exists $tree nodes $event begin path]
                || ![dict exists $tree nodes $event begin command]} {
            continue
        }
        set begin [dict get $tree nodes $event begin]
        set call [dict get $tree cells $event]
        dict lappend calls [list [dict get $begin path] \
            [dict get $begin command] [dict get $call arguments]] \
            [dict get $call ended]
    }
    set ns [info object namespace $target]
    set array [expr {[dict exists $tree cells $outer]
        && [PerformerOf $ns [dict get $run action]] eq "PerformFan"
        && [lindex [set ${ns}::Kin] 2]}]
    set cells {}
    set done 0
    if {$array} {
        set ended [dict get $tree cells $outer ended]
        foreach index [IndexesOf $ns] {
            if {!$all && [dict exists $ended $index]
                    && [lindex [dict get $ended $index] 0]} {
                incr done
            } else {
                lappend cells $index
            }
        }
    }
    return [dict merge $plan [dict create array $array cells $cells done $done \
        underway [RunsUnderWay $tree] calls $calls]]
}

# Says what will be done, and asks where there is somebody to ask.
proc ::deployer::ResumeTell {id root plan all} {
    set ns [info object namespace $root]
    set texts [ResumeLeft [dict get $plan underway]]
    set asks [expr {[llength $texts] && [ConsoleIsOpen $ns]
        && [dict get [set ${ns}::Options] interactive]}]
    lappend texts [ResumeText $plan $all]
    foreach text $texts {
        if {$asks} {
            # The loggers hear of a warning, too.
            Console $ns [list warn $text]
        } else {
            Report $ns "resume $id: $text"
        }
    }
    if {$asks && ![Console $ns [list confirm -default 0 "Go on?"]]} {
        Fail [list ABORT [dict get $plan path]] "the run $id was not gone\
            on with, as was answered"
    }
}

# Texts about the steps that were under way, one for those that differ in names
# of hosts, numbers and the like alone.
proc ::deployer::ResumeLeft steps {
    # Commands that one host has at the same time are told one after the other.
    set rounds {}
    set seen {}
    foreach step $steps {
        dict with step {
            dict incr seen [list $type $host]
            set round [list $type [dict get $seen [list $type $host]]]
            dict set rounds $round $host $command
        }
    }
    set texts {}
    dict for {round commands} $rounds {
        # Who has no terminal is not told that the connection has gone.
        set how [expr {[lindex $round 0] eq "run"
            ? ", or still go on there" : ""}]
        foreach group [logger::Groups $commands] {
            lassign $group hosts what
            lappend texts "on [logger::Names $hosts] this was under way when\
                the deployer was killed, and may be done in part$how:\
                [logger::ShowLine $what]"
        }
    }
    return $texts
}

# What will run, in one sentence.
proc ::deployer::ResumeText {plan all} {
    set call "[string trimright [dict get $plan path] /]/[dict get $plan action]"
    set count [llength [dict get $plan cells]]
    if {[dict get $plan array]} {
        return "$call goes on in $count of [expr {$count
            + [dict get $plan done]}] cells"
    }
    set well 0
    dict for {key times} [dict get $plan calls] {
        foreach ended $times {
            dict for {index end} $ended {
                incr well [expr {[lindex $end 0] && [llength $end] > 1}]
            }
        }
    }
    if {$all || !$well} {
        return "$call runs again, whole"
    }
    return "$call runs again, without $well [expr {$well == 1
        ? "cell that" : "cells that"}] ended well; once it has run something\
        on a host outside of cells, all cells run"
}

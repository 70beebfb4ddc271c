# journal.tcl -- each run from outside keeps a journal of what it did, and where.
#
# Layer T2. The lines are made and written in C (core::journal), which stands
# among the sinks of the events of a run. The key -journal of the context is that
# of the run that something belongs to. What reads journals is in runs.tcl, which
# is loaded when it is first needed.

namespace eval ::deployer {
    variable RunsOn ""          ;# 0 or 1; "": as the environment says
    variable JournalWarned 0
    variable JournalCount 0     ;# files that this process has made
    variable RunsPlace [file dirname [info script]]
    # Of runs that go on where another one had stopped; see resume.tcl.
    variable Resuming 0

    # After the first and then every so many journals old ones are looked for.
    variable JournalOften 16

    # What `runs forget` leaves: so many, of so many days, of so many bytes.
    variable RunsKeep {keep 200 days 90 size 536870912}

    # Parameters of actions whose values are nobody's business.
    variable JournalSecrets {(?i)pass(?!ive|ing|enger|age)|secret|token|pwd|credential|(api|private|access|auth).?key|^pin$}
}

# deployer::runs list|show|replay|resume|forget|record ?arg ...?
proc ::deployer::runs args {
    variable RunsPlace
    if {![llength [info procs ::deployer::RunsWord]]} {
        foreach name {runs resume} {
            namespace eval ::deployer [list source -encoding utf-8 \
                [file join $RunsPlace $name.tcl]]
        }
    }
    tailcall RunsWord {*}$args
}

# Whether runs keep a journal.
proc ::deployer::RunsRecording {} {
    variable RunsOn
    if {$RunsOn eq ""} {
        set RunsOn 1
        if {[info exists ::env(DEPLOYER_RUNS)]
                && [string is false -strict $::env(DEPLOYER_RUNS)]} {
            set RunsOn 0
        }
    }
    return $RunsOn
}

# Where journals are; nothing is made there.
proc ::deployer::RunsDirectory {} {
    # Not from ::env, where a look costs more than a command's journal.
    set directory [core::journal directory]
    if {$directory eq ""} {
        set directory [file join [logger::StatePath] runs]
        core::journal directory $directory
    }
    return $directory
}

# CONTEXT for a call of METHOD of the instance of namespace NS with ARGUMENTS,
# which comes from outside of any run; for core::journal enter when it is called the
# next time.
proc ::deployer::JournalEnter {context ns method arguments} {
    variable Generation
    if {![EventIsAction $ns $method]} {
        return $context
    }
    lassign [EventPlace $ns] path host
    set root [set ${ns}::Root]
    set facts [list user $::tcl_platform(user) \
        root [info object class [ObjectOf $root]] path $path action $method]
    set inside [dict get [set ${root}::Options] sandbox]
    set secret 0
    set hidden {}
    set call {{} {} {} {}}
    # A journal must not fail the run: Launch goes on without.
    if {[llength $arguments]} {
        set hidden [JournalSecretsOf $ns]
        # Plain oo::define may put another method in its place.
        set object [ObjectOf $ns]
        set call [list $object [info object call $object $method] $Generation \
            $hidden]
        set formals [dict get [Member [ServiceOf $ns] $method] formals]
        if {[JournalMayHide $formals]} {
            set arguments [JournalArguments $formals $arguments hidden]
            set secret 1
        }
    }
    set directory [RunsDirectory]
    # One is often called again. The slug of a cell may change.
    core::event keep run $ns $method {*}[expr {$host eq "" && !$secret
        ? [list [list $facts $root $inside {*}$call]] : ""}]
    set journal [core::journal new $directory [list {*}$facts \
        arguments $arguments \
        sandbox [expr {$inside || [dict exists $context -sandbox]}] \
        {*}[JournalResumes $context]] $hidden $root]
    dict set context -journal $journal
    return $context
}

# The run that the one of CONTEXT goes on with, as a fact.
proc ::deployer::JournalResumes context {
    if {[dict exists $context -resume]} {
        return [list resumes [RunsResumed [dict get $context -resume]]]
    }
    return {}
}

# What the hosts of the instance of namespace NS keep secret. There may be many.
proc ::deployer::JournalSecretsOf ns {
    variable Generation
    namespace upvar $ns JournalHidden kept
    if {[info exists kept] && [lindex $kept 0] == $Generation} {
        return [lindex $kept 1]
    }
    set secrets {}
    foreach host [core::hostset hosts [HostsSet [ViewOf $ns]]] {
        if {[IsHost $host]} {
            lappend secrets {*}[[info object namespace $host]::my Hidden {}]
        }
    }
    set kept [list $Generation [lsort -unique $secrets]]
    return [lindex $kept 1]
}

# Whether any of FORMALS is secret by its name.
proc ::deployer::JournalMayHide formals {
    variable JournalSecrets
    foreach formal $formals {
        if {[regexp -- $JournalSecrets [lindex $formal 0]]} {
            return 1
        }
    }
    return 0
}

# ARGUMENTS for FORMALS with *** for those that are secret by their names, which
# HIDDENVAR gets.
proc ::deployer::JournalArguments {formals arguments hiddenVar} {
    variable JournalSecrets
    upvar 1 $hiddenVar hidden
    set shown {}
    foreach argument $arguments {
        set name [lindex $formals 0 0]
        if {$name ne "args" || [llength $formals] > 1} {
            set formals [lrange $formals 1 end]
        }
        if {$argument ne "" && [regexp -- $JournalSecrets $name]} {
            lappend hidden $argument
            set argument ***
        }
        lappend shown $argument
    }
    return $shown
}

# TEXT, which must not get into the journal of this run.
proc ::deployer::JournalHide text {
    set context [ContextGet]
    if {[dict exists $context -journal]} {
        catch {core::journal hide [dict get $context -journal] [list $text]}
    }
    return $text
}

# The run of JOURNAL has failed, with the return OPTIONS.
proc ::deployer::JournalFailed {journal options} {
    set error [dict get $options -errorcode]
    set state failed
    if {[lindex $error 0] eq "DEPLOYER" && [lindex $error 1]
            in {CONNECT HOSTKEY AUTH EXEC SUDO FILE}} {
        set at [expr {[lindex $error 1] eq "AUTH" ? 2 : 3}]
        if {[lindex $error $at] ne ""} {
            core::journal failed $journal [lindex $error $at]
        }
    } elseif {[lrange $error 0 1] eq {DEPLOYER CANCELLED}} {
        set state interrupted
    }
    JournalEnded {*}[core::journal close $journal $state]
}

# A run below ROOT has ended, and its journal, ID ("": there is no file), is closed;
# ERROR says why it is not complete. Old journals are looked for now and then.
proc ::deployer::JournalEnded {root id error} {
    variable JournalCount
    variable JournalOften
    variable Listening
    variable RunsKeep
    incr Listening -1
    if {$error ne ""} {
        JournalWarn $root $error
    }
    if {$id ne "" && ([incr JournalCount] == 1
            || $JournalCount % $JournalOften == 0)} {
        JournalForget $RunsKeep
    }
}

# Deletes what is more than LIMITS, a dict as RunsKeep. Returns how many are gone.
proc ::deployer::JournalForget limits {
    RunsDirectory
    return [core::journal tidy [dict get $limits keep] \
        [dict get $limits days] [dict get $limits size]]
}

# Once: what is wrong with journals is no reason to be told again and again.
proc ::deployer::JournalWarn {root error} {
    variable JournalWarned
    if {$JournalWarned} {
        return
    }
    set where "it"
    catch {
        set where [RunsDirectory]
    }
    set text "the journal of this run is not complete, as\
        $where cannot be written: $error. Runs go on without\
        (DEPLOYER_RUNS=0 turns journals off)"
    catch {
        if {[llength [SinksOf $root]]} {
            Report $root $text
            set JournalWarned 1
        } elseif {[dict get [set ${root}::Options] interactive]} {
            Console $root [list warn $text]
            set JournalWarned 1
        }
    }
}

# The call of METHOD with ARGUMENTS on so many cells of the array of namespace NS
# begins. Returns the option journal of a fan-out, as a dict.
proc ::deployer::JournalCells {ns method arguments count} {
    set context [ContextGet]
    if {![dict exists $context -journal]} {
        return {}
    }
    set journal [dict get $context -journal]
    set span [EventNow]
    set hidden {}
    if {[llength $arguments]} {
        set member [Member [ServiceOf $ns] $method]
        if {[dict exists $member formals]} {
            set arguments [JournalArguments [dict get $member formals] \
                $arguments hidden]
        }
    }
    # The run may be over.
    if {[catch {
        core::journal hide $journal $hidden
        core::journal cells $journal $span $arguments $count
    }]} {
        return {}
    }
    return [list journal [list $journal $span]]
}

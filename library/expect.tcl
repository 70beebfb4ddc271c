# expect.tcl -- spawn ids of Expect for hosts, and dialogues with many of them.
#
# Layer T3. The package deployer::expect. A spawn id of ours is one of Expect's
# own, made by `spawn -open` from the channel of a command's terminal, so that
# all that Expect has works with it. Expect copies the descriptor, remembers the
# channel by its address, and closes both when the id is closed: until then the
# channel must not be closed by anybody else. It does so by the command `close`
# of the namespace that it is called in, which is not ours.

apply {{} {
    if {[catch {package require Expect 5.45} message]} {
        ::deployer::Fail {STATE expect} "deployer::expect needs Expect 5.45,\
            and it is not there (on Debian and Ubuntu: apt-get install\
            expect): $message"
    }
}}

namespace eval ::deployer::expect {
    namespace path ::deployer
    # What takes the place of Expect's own, for those who want that.
    namespace export wait

    variable Ids {}             ;# id -> {process channel name shell}
    variable SweepAt 64         ;# number of ids at which those left are sought
    variable Hit ""             ;# which pattern matched last, see Once
    variable EventCount 0
    variable Events             ;# number -> {key what} ... that came
    variable EventWaiters       ;# number -> waiter for them, while one waits
    variable Logs               ;# id -> {kind channel path}
    variable LogRests           ;# id -> bytes of a line that is not whole
    array set Events {}
    array set EventWaiters {}
    array set Logs {}
    array set LogRests {}

    # Descriptors from here on are out of reach of Tcl's select.
    variable SelectLimit 1024

    # As Tcl and Expect say it.
    variable SignalTexts {
        HUP hangup INT interrupt QUIT {quit signal} ILL {illegal instruction}
        TRAP {trace trap} ABRT SIGABRT BUS {bus error}
        FPE {floating-point exception} KILL {kill signal}
        USR1 {user-defined signal 1} USR2 {user-defined signal 2}
        SEGV {segmentation violation} PIPE {write on pipe with no readers}
        ALRM {alarm clock} TERM {software termination signal}
    }
    # The directory of this file, by which the shell finds the package.
    variable Dir [file dirname [file normalize [info script]]]

    source -encoding utf-8 [file join $Dir expecttalk.tcl]
}

# Ids.

# A spawn id for TARGET: a host, a process on a terminal, or an instance that is
# a cell; this becomes the caller's spawn_id. Several hosts, as those of a
# container, an array or any other instance: a dict of slug or index -> id. One
# host that fails makes an error and ends the others, unless -failures takes it.
proc ::deployer::expect::spawn args {
    set opts [TakeOptions {-failures text -parallel count} args]
    if {[llength $args] ni {1 2}} {
        WrongArgs "deployer::expect::spawn ?-failures VARNAME?\
            ?-parallel N? TARGET ?COMMAND?"
    }
    set command [lassign $args target]
    set space [uplevel 1 {::namespace current}]
    lassign [Target $target $space] kind object
    if {$kind eq "many"} {
        lassign [Many $object $space $command $opts] ids failures
        if {[dict exists $opts failures]} {
            uplevel 1 [list ::set [dict get $opts failures] $failures]
        }
        return $ids
    }
    if {[dict exists $opts failures]} {
        Fail {OPTION -failures} "-failures is for several hosts, and\
            \"[Shorten $target]\" is one: its failure is an error"
    }
    if {$kind eq "process"} {
        if {[llength $command]} {
            WrongArgs "deployer::expect::spawn PROCESS"
        }
        set id [Take $object [SlugOfProcess $object]]
    } else {
        set slug [$object cget -slug]
        set id [TakeNew [$object spawn {*}$command] $slug]
    }
    uplevel 1 [list ::set spawn_id $id]
    return $id
}

# What WORD means in namespace SPACE: {KIND OBJECT}, where KIND is host (also of
# a cell, or a container of one), process or many (a container, an instance, or
# a list of hosts).
proc ::deployer::expect::Target {word space} {
    set object [namespace eval $space [list ::namespace which -command $word]]
    if {$object eq "" || ![info object isa object $object]} {
        if {![catch {llength $word} count] && $count > 1} {
            return [list many $word]
        }
        Fail [list HOSTS UNKNOWN $word] \
            "there is no host, process, container or instance\
            \"[Shorten $word]\""
    }
    if {[info object isa typeof $object ::deployer::host]} {
        return [list host $object]
    }
    if {[info object isa typeof $object ::deployer::Process]} {
        return [list process $object]
    }
    if {[info object isa typeof $object ::deployer::Service]} {
        set ns [info object namespace $object]
        set cell [IsolatedBy $ns]
        if {[lindex [set ${ns}::Kin] 2] || $cell eq ""} {
            return [list many $object]
        }
        return [list host [CellHost $cell]]
    }
    if {[info object isa typeof $object ::deployer::hosts]} {
        lassign [[info object namespace $object]::my View] set - single
        if {$single} {
            return [list host [core::hostset host $set 0]]
        }
        return [list many $object]
    }
    Fail [list HOSTS UNKNOWN $word] "\"[Shorten $word]\" is no host, process,\
        container or instance"
}

# Starts COMMAND ({} is the login shell) on the hosts of OBJECT, all at once:
# {IDS FAILURES}. With -failures in OPTS, what fails is no error.
proc ::deployer::expect::Many {object space command opts} {
    set words [list spawn {*}$command]
    set isInstance [expr {[info object isa object $object]
        && [info object isa typeof $object ::deployer::Service]}]
    set code {HOSTS FAILED}
    if {$isInstance} {
        set ns [info object namespace $object]
        set view [ViewOf $ns]
        set fan [HostsOptions [ViewOf [set ${ns}::Root]]]
    } elseif {[info object isa object $object]} {
        set view [[info object namespace $object]::my View]
        set fan [HostsOptions $view]
    } else {
        set view [HostsView [list host $object] {} $space]
        set fan {}
    }
    if {[dict exists $opts parallel]} {
        dict set fan parallel [dict get $opts parallel]
    }
    if {$isInstance && [lindex [set ${ns}::Kin] 2]} {
        set code {CELLS FAILED}
        set keys [IndexesOf $ns]
        dict set fan data [list {*}[StepsOf $ns] host $words]
        set call ::deployer::CellRun
    } else {
        set set [HostsSet $view]
        set keys [core::hostset slugs $set]
        dict set fan data [list $set $words]
        set call ::deployer::HostsCallOne
    }
    dict set fan code $code
    set failures {}
    set skipped {}
    if {[catch {Fanout $keys $call $fan} objects given]} {
        if {![dict exists $given -failures]} {
            return -options $given $objects
        }
        set objects [dict get $given -results]
        set failures [dict get $given -failures]
        set skipped [dict get $given -skipped]
    }
    set ids {}
    dict for {key object} $objects {
        if {[catch {TakeNew $object $key} id options]} {
            dict set failures $key [Failure $id $options]
        } else {
            dict set ids $key $id
        }
    }
    if {[dict exists $opts failures]} {
        foreach key $skipped {
            dict set failures $key [dict create message "not begun" \
                errorcode [list DEPLOYER CANCELLED $key] \
                errorinfo "not begun" options {}]
        }
    } elseif {[dict size $failures]} {
        set next [expr {[llength $keys] - [llength $skipped]}]
        set words [FanFail $keys $next $ids $failures [list code $code]]
        close [dict values $ids]
        # Nothing is left of those that could be started.
        return {*}[lreplace $words 5 5 {}]
    }
    return [list $ids $failures]
}

# The same for a process that was made for it, and is nobody else's: it lives as
# long as its id, also where an action has made it.
proc ::deployer::expect::TakeNew {object name} {
    if {[catch {Take $object $name} id options]} {
        catch {$object destroy}
        return -options $options $id
    }
    Keep $object
    return $id
}

# Makes a spawn id of a process.
proc ::deployer::expect::Take {object name {shell 0}} {
    variable Ids
    variable SelectLimit
    set channel [$object stdout]
    if {$channel eq "" || [$object stdin] ne $channel} {
        Fail [list ARGUMENT $object] "the process $object on host $name has no\
            terminal here that Expect could take: start it by \"spawn\""
    }
    Sweep
    set full "there are too many descriptors for one more spawn id: Tcl reaches\
        $SelectLimit, and each id takes two. Close some"
    if {[catch {::exp_spawn -noecho -open $channel} message]} {
        if {$message eq ""} {
            Fail {STATE descriptors} $full
        }
        Fail {STATE expect} "Expect takes no terminal of host $name: $message"
    }
    set id $spawn_id
    if {[string range $id 3 end] >= $SelectLimit} {
        # To watch it would write outside of select's set.
        uplevel #0 [list ::exp_close -i $id]
        ::exp_wait -i $id
        Fail {STATE descriptors} $full
    }
    oo::objdefine $object method CloseChannel {} {}
    if {[dict exists $Ids $id]} {
        Forget $id
    }
    dict set Ids $id [list $object $channel $name $shell]
    return $id
}

proc ::deployer::expect::SlugOfProcess object {
    namespace upvar [info object namespace $object] Slug slug
    return $slug
}

# What ID is: open or closed, of ours, or foreign. An id of ours that is closed,
# and that Expect has made anew for somebody else, is foreign from then on.
proc ::deployer::expect::State id {
    variable Ids
    if {![dict exists $Ids $id]} {
        return foreign
    }
    set channel [lindex [dict get $Ids $id] 1]
    set isThere [expr {![catch {chan eof $channel}]}]
    if {[IsOpen $id]} {
        if {$isThere} {
            return open
        }
        Forget $id
        return foreign
    }
    if {$isThere} {
        # Expect has found another `close`.
        catch {chan close $channel}
    }
    return closed
}

# Whether Expect has ID open, which `send` looks at before it sends nothing.
proc ::deployer::expect::IsOpen id {
    return [expr {![catch {::exp_send -i $id -- ""}]}]
}

# The record of ID, one of ours.
proc ::deployer::expect::Known id {
    variable Ids
    if {[State $id] eq "foreign"} {
        Fail [list ARGUMENT $id] "\"[Shorten $id]\" is no spawn id of\
            deployer::expect"
    }
    return [dict get $Ids $id]
}

# Ends what is known of ID.
proc ::deployer::expect::Forget id {
    variable Ids
    lassign [dict get $Ids $id] object
    dict unset Ids $id
    if {[info object isa object $object]} {
        catch {$object destroy}
    }
}

# Forgets the closed ids that Expect's own `wait` has been called for. Called
# now and then, so that many ids cost no more than few.
proc ::deployer::expect::Sweep {} {
    variable Ids
    variable SweepAt
    if {[dict size $Ids] < $SweepAt} {
        return
    }
    set channels {}
    foreach channel [file channels exp*] {
        dict set channels $channel 1
    }
    foreach id [dict keys $Ids] {
        if {![dict exists $channels $id]} {
            Forget $id
        }
    }
    set SweepAt [expr {max(64, 2 * [dict size $Ids])}]
}

# The ids of ours that are open, the oldest first.
proc ::deployer::expect::ids {} {
    variable Ids
    return [lmap id [dict keys $Ids] {
        if {[State $id] ne "open"} continue
        set id
    }]
}

# The slug or index that ID was made for.
proc ::deployer::expect::name id {
    return [lindex [Known $id] 2]
}

# The process behind ID, for `resize`, `signal`, `pid` and `status`.
proc ::deployer::expect::process id {
    set object [lindex [Known $id] 0]
    if {![info object isa object $object]} {
        Fail [list ARGUMENT $id] "the process of $id on host [name $id] was\
            ended when $id was closed"
    }
    return $object
}

# WORDS, a dict of names and ids or a list of ids, as {IDS KEYS}. The keys of a
# list are the names.
proc ::deployer::expect::IdsOf words {
    variable Ids
    set isList 1
    foreach id $words {
        if {![dict exists $Ids $id]} {
            set isList 0
            break
        }
    }
    if {!$isList && [llength $words] % 2 == 0} {
        set keys [dict keys $words]
        set words [dict values $words]
        foreach id $words {
            Known $id
        }
    } else {
        set keys [lmap id $words {name $id}]
    }
    return [list $words $keys]
}

# The same as a dict of key -> id.
proc ::deployer::expect::Pairs words {
    set pairs {}
    lassign [IdsOf $words] words keys
    foreach id $words key $keys {
        if {[dict exists $pairs $key] && [dict get $pairs $key] ne $id} {
            Fail [list HOSTS DUPLICATE $key] "[dict get $pairs $key] and $id\
                are both of $key: give a dict of names and ids"
        }
        dict set pairs $key $id
    }
    return $pairs
}

# Ends.

# Expect's `wait`, which tells of ids of ours how the command on the host ended.
proc ::deployer::expect::wait args {
    set nowait 0
    set id ""
    foreach word $args {
        switch -- $word {
            -nowait {
                set nowait 1
            }
            -i {}
            default {
                set id $word
            }
        }
    }
    if {$id eq ""} {
        upvar 1 spawn_id current
        if {[info exists current]} {
            set id $current
        } elseif {[info exists ::spawn_id]} {
            set id $::spawn_id
        }
    }
    if {[State $id] eq "foreign"} {
        tailcall ::exp_wait {*}$args
    }
    lassign [Known $id] object - name
    if {$nowait} {
        set result [list 0 $id 0 0]
    } elseif {![info object isa object $object]} {
        set result [list 0 $id 0 0 CHILDKILLED SIGHUP hangup]
    } elseif {[catch {$object wait} status options]} {
        if {![info object isa object $object]} {
            # It was closed a moment ago.
            set result [list 0 $id 0 0 CHILDKILLED SIGHUP hangup]
        } else {
            # EIO, the one number that all systems have for it.
            set result [list 0 $id -1 5 DEPLOYER \
                [lrange [dict get $options -errorcode] 1 end] $status]
        }
    } else {
        variable SignalTexts
        set result [list 0 $id 0 [dict get $status status]]
        set signal [dict get $status signal]
        if {$signal ne ""} {
            set text "unknown signal"
            if {[dict exists $SignalTexts $signal]} {
                set text [dict get $SignalTexts $signal]
            }
            set result [list 0 $id 0 0 CHILDKILLED SIG$signal $text]
        }
    }
    # One that is open keeps its name until it is closed.
    catch {::exp_wait -i $id}
    if {[State $id] eq "closed"} {
        Forget $id
    }
    return $result
}

# Closes the ids of WORDS and forgets them: what runs on the hosts is ended.
proc ::deployer::expect::close words {
    foreach id [lindex [IdsOf $words] 0] {
        if {[State $id] eq "open"} {
            CloseOne $id
        }
        catch {::exp_wait -i $id}
        if {[State $id] eq "closed"} {
            Forget $id
        }
    }
    return
}

# Expect writes what is pending before it closes, and nothing else happens
# meanwhile. To a command that reads no more that would be forever: it is ended,
# and what was sent to it is read here.
proc ::deployer::expect::CloseOne id {
    variable Ids
    lassign [dict get $Ids $id] object channel name
    if {[Pending $id]} {
        if {[info object isa object $object]} {
            $object destroy
        }
        catch {
            set slave [open [chan configure $channel -name] \
                {RDWR NOCTTY NONBLOCK}]
        }
        try {
            chan configure $slave -blocking 0 -translation binary
            set idle 0
            while {[Pending $id] && [incr idle] < 1000} {
                while {[string length [read $slave 65536]]} {
                    set idle 0
                }
                Await [Delay 5]
            }
        } finally {
            catch {chan close $slave}
        }
    }
    if {[IsOpen $id]} {
        uplevel #0 [list ::exp_close -i $id]
    }
}

# Whether something that was sent to ID is on its way still.
proc ::deployer::expect::Pending id {
    variable Ids
    foreach channel [list $id [lindex [dict get $Ids $id] 1]] {
        if {![catch {chan pending output $channel} count] && $count > 0} {
            return 1
        }
    }
    return 0
}

# Waits a few seconds until nothing is; 0 where something still is.
proc ::deployer::expect::AllSent id {
    for {set i 0} {$i < 250 && [Pending $id]} {incr i} {
        Await [Delay 20]
    }
    return [expr {![Pending $id]}]
}

# Events.

# The number of a queue of events.
proc ::deployer::expect::EventsNew {} {
    variable EventCount
    variable Events
    set queue [incr EventCount]
    set Events($queue) {}
    return $queue
}

# Called from the event loop: WHAT happened to KEY, to whose ID we listened.
proc ::deployer::expect::Event {queue key what {id {}}} {
    variable Events
    variable EventWaiters
    if {$id ne ""} {
        Unlisten $id
    }
    if {![info exists Events($queue)]} {
        return
    }
    lappend Events($queue) $key $what
    if {[info exists EventWaiters($queue)]} {
        core::waiter finish $EventWaiters($queue) {}
    }
}

# Waits until something is in the queue, and takes it.
proc ::deployer::expect::EventsTake queue {
    variable Events
    variable EventWaiters
    if {![llength $Events($queue)]} {
        ::deployer::JobMay
        set EventWaiters($queue) [core::waiter new]
        try {
            Await $EventWaiters($queue)
        } finally {
            unset EventWaiters($queue)
        }
    }
    set events $Events($queue)
    set Events($queue) {}
    return $events
}

proc ::deployer::expect::Listen {queue key id} {
    chan event $id readable \
        [list ::deployer::expect::Event $queue $key data $id]
}

proc ::deployer::expect::Unlisten id {
    catch {chan event $id readable {}}
}

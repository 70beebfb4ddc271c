# loggers.tcl -- the loggers of instances, and what actions tell them.
#
# Layer T2. Each logger has a sink (core::sink), whatever the number of
# instances that it is attached to. An instance that has loggers of its own has,
# in its namespace, the variable Loggers: logger -> sink. Its parents' hear of
# it as well.

namespace eval ::deployer {
    # How many loggers instances have, and those of others than roots.
    variable Listening 0
    variable ListeningBelow 0
    variable LoggerSinks        ;# logger -> {sink uses}
    variable LoggerHomes        ;# namespace -> its loggers
    variable EventKinds         ;# class,method -> whether that is an action
    variable LoggersHidden      ;# logger that no list shows -> its namespace
    array set LoggersHidden {}
    array set LoggerSinks {}
    array set LoggerHomes {}
    array set EventKinds {}

    # So many ms the end of an outermost action waits for slow loggers.
    variable LoggerPatience 1000

    # Those that have a name, each in a package of its own.
    variable LoggersReady {
        asciicast console file json onhost syslog trace tree
    }
}

# The classes of these are loaded when a script first names one.
apply {names {
    foreach name $names {
        set ::auto_index(::deployer::logger::$name) \
            [list package require deployer::logger::$name]
    }
}} $::deployer::LoggersReady

# The loggers of the instance of namespace NS alone.
proc ::deployer::LoggersOf ns {
    variable LoggersHidden
    if {[info exists ${ns}::Loggers]} {
        return [lsearch -all -inline -exact -not [lmap logger \
            [dict keys [set ${ns}::Loggers]] {
                expr {[info exists LoggersHidden($logger)] ? "" : $logger}
            }] {}]
    }
    return {}
}

# The commands that NAMES mean in namespace SPACE; what means nothing stays. The
# name of a ready-made one means that, also where a command has it, as `file`.
proc ::deployer::LoggerNames {names space} {
    variable LoggersReady
    if {![namespace exists $space]} {
        set space ::
    }
    return [lmap name $names {
        if {$name in $LoggersReady} {
            set found ""
        } else {
            set found [namespace eval $space \
                [list ::namespace which -command $name]]
        }
        expr {$found eq "" ? $name : $found}
    }]
}

# The same, where each must mean something.
proc ::deployer::KnownLoggers {{names {}} {space ::}} {
    variable LoggersReady
    set commands [LoggerNames $names $space]
    foreach name $names command $commands {
        if {$command ni $LoggersReady
                && [namespace which -command $command] eq ""} {
            Fail [list ARGUMENT $name] "there is no command \"[Shorten $name]\"\
                to be a logger: define it before the instance that uses it, or\
                use one of [join $LoggersReady {, }]"
        }
    }
    return $commands
}

# The instance of namespace NS gets those of LOGGERS, as KnownLoggers gives
# them, that it has not. One that is meant by name is made for it.
proc ::deployer::LoggersUse {ns loggers} {
    variable LoggersReady
    foreach logger $loggers {
        if {$logger in $LoggersReady} {
            if {[LoggersMade $ns $logger] ne ""} {
                continue
            }
            LoggerLoad $logger
            set name $logger
            set logger [logger::$name new]
            [info object namespace $logger]::my MadeFor $ns
        }
        LoggersAdd $ns [list $logger]
    }
}

proc ::deployer::LoggerLoad name {
    package require -exact deployer::logger::$name [package present deployer]
}

# The logger that the instance of namespace NS got by the name of a ready-made
# one; "" where there is none.
proc ::deployer::LoggersMade {ns name} {
    foreach logger [LoggersOf $ns] {
        if {[info object isa object $logger]
                && [info object class $logger] eq "::deployer::logger::$name"
                && [[info object namespace $logger]::my IsMadeFor $ns]} {
            return $logger
        }
    }
    return ""
}

# `loggers WORD ARGS` of the instance of namespace NS; names resolve in SPACE.
proc ::deployer::LoggersWord {ns space word names} {
    variable LoggersReady
    switch -- $word {
        list {
            return [LoggersHearing $ns]
        }
        add {
            LoggersUse $ns [KnownLoggers $names $space]
            return
        }
        remove {
            LoggersRemove $ns [lmap logger [LoggerNames $names $space] {
                if {$logger in $LoggersReady} {
                    set logger [LoggersMade $ns $logger]
                }
                set logger
            }]
            return
        }
    }
    Fail [list ARGUMENT $word] \
        "unknown word \"[Shorten $word 40]\": must be add, list or remove"
}

# The instance of namespace NS gets LOGGERS, commands.
proc ::deployer::LoggersAdd {ns loggers} {
    variable Listening
    variable ListeningBelow
    variable LoggerHomes
    variable LoggerSinks
    core::event changed
    namespace upvar $ns Loggers own
    foreach logger $loggers {
        if {[info exists own] && [dict exists $own $logger]} {
            continue
        }
        if {![info exists LoggerSinks($logger)]} {
            set LoggerSinks($logger) [list [LoggerSink $logger] 0]
        }
        lassign $LoggerSinks($logger) sink uses
        set LoggerSinks($logger) [list $sink [incr uses]]
        if {![info exists own]} {
            set own {}
            trace add variable own unset [list ::deployer::LoggersGone $ns \
                [expr {[set ${ns}::Root] ne $ns}]]
        }
        dict set own $logger $sink
        lappend LoggerHomes($ns) $logger
        incr Listening
        if {[set ${ns}::Root] ne $ns} {
            incr ListeningBelow
        }
    }
}

# A sink for LOGGER: its own, where it has one in C.
proc ::deployer::LoggerSink logger {
    if {[IsLogger $logger Lines]} {
        return [[info object namespace $logger]::my Sink]
    }
    if {[IsLogger $logger Base]} {
        # This works while it is being destroyed, too.
        return [core::sink logger [list [info object namespace $logger]::my]]
    }
    return [core::sink logger [list $logger]]
}

# The instance of namespace NS loses LOGGERS; what they have not got yet they
# get before. BELOW: it is none of the roots.
proc ::deployer::LoggersRemove {ns loggers {below ""}} {
    variable Listening
    variable ListeningBelow
    variable LoggerHomes
    variable LoggerSinks
    core::event changed
    if {$below eq ""} {
        set below [expr {[set ${ns}::Root] ne $ns}]
    }
    foreach logger $loggers {
        if {![info exists LoggerHomes($ns)] || $logger ni $LoggerHomes($ns)} {
            continue
        }
        lassign $LoggerSinks($logger) sink
        LoggerFlush $sink
        # That may have run anything.
        if {![info exists LoggerHomes($ns)] || $logger ni $LoggerHomes($ns)} {
            continue
        }
        set LoggerHomes($ns) [lsearch -all -inline -exact -not \
            $LoggerHomes($ns) $logger]
        if {![llength $LoggerHomes($ns)]} {
            unset LoggerHomes($ns)
        }
        if {[info exists ${ns}::Loggers]} {
            dict unset ${ns}::Loggers $logger
        }
        core::event changed
        incr Listening -1
        if {$below} {
            incr ListeningBelow -1
        }
        LoggerLeave $logger
    }
}

# One use less of LOGGER.
proc ::deployer::LoggerLeave logger {
    variable LoggerSinks
    variable LoggersHidden
    lassign $LoggerSinks($logger) sink uses
    if {[incr uses -1] > 0} {
        set LoggerSinks($logger) [list $sink $uses]
        return
    }
    unset LoggerSinks($logger)
    if {[info exists LoggersHidden($logger)]} {
        DecideForgetTrace $LoggersHidden($logger)
        unset LoggersHidden($logger)
    }
    # The sink of one that writes lines lives as long as itself.
    set lines [IsLogger $logger Lines]
    if {[IsLogger $logger Base]} {
        [info object namespace $logger]::my Left
    }
    if {!$lines} {
        core::sink close $sink
    }
}

# Whether LOGGER is one of ours, of CLASS.
proc ::deployer::IsLogger {logger class} {
    return [expr {[info object isa object $logger]
        && [info object isa typeof $logger ::deployer::logger::$class]}]
}

# LOGGER for people, to whom ::oo::Obj17 says nothing.
proc ::deployer::LoggerTitle logger {
    if {![string match ::oo::Obj* $logger]
            || ![info object isa object $logger]} {
        return $logger
    }
    set title [namespace tail [info object class $logger]]
    if {[IsLogger $logger Channel]
            && [set file [[info object namespace $logger]::my File]] ne ""} {
        append title " to " [logger::Show $file]
    }
    return "$title ($logger)"
}

proc ::deployer::LoggerFlush sink {
    variable LoggerPatience
    catch {core::sink flush $sink $LoggerPatience}
}

# An instance dies.
proc ::deployer::LoggersGone {ns below args} {
    variable LoggerHomes
    if {[info exists LoggerHomes($ns)]} {
        LoggersRemove $ns $LoggerHomes($ns) $below
    }
}

# A logger object is being destroyed: it hears what there is, and no more.
proc ::deployer::LoggerDies logger {
    variable LoggerHomes
    foreach ns [array names LoggerHomes] {
        if {[info exists LoggerHomes($ns)] && $logger in $LoggerHomes($ns)} {
            LoggersRemove $ns [list $logger]
        }
    }
}

# Called by C: a sink takes no more. The other loggers hear of it; where there
# are none, it is an error in the background.
proc ::deployer::SinkFailed {sink message} {
    variable LoggersHidden
    variable LoggerHomes
    variable LoggerSinks
    set failed ""
    foreach logger [array names LoggerSinks] {
        if {[lindex $LoggerSinks($logger) 0] eq $sink} {
            set failed $logger
        }
    }
    if {$failed eq ""} {
        return
    }
    set hidden [lmap logger [array names LoggersHidden] {
        expr {[info exists LoggerSinks($logger)]
            ? [lindex $LoggerSinks($logger) 0] : ""}
    }]
    set text "logger [LoggerTitle $failed] failed and is dropped: $message"
    set told 0
    foreach ns [array names LoggerHomes] {
        if {$failed ni $LoggerHomes($ns)} {
            continue
        }
        LoggersRemove $ns [list $failed]
        set sinks [lmap sink [SinksOf $ns] {
            # Nobody would see it there.
            if {$sink in $hidden} continue
            set sink
        }]
        if {[llength $sinks]} {
            set told 1
            core::event tell "" message \
                [list path [PathOf $ns] data $text] $sinks
        }
    }
    if {!$told} {
        after 0 [list ::deployer::Fail [list LOGGER $failed] $text]
    }
}

# Whether a logger of the tree of namespace ROOT shows on a terminal what happens.
proc ::deployer::LoggersShow root {
    variable LoggerHomes
    foreach ns [array names LoggerHomes] {
        if {![info exists ${ns}::Root] || [set ${ns}::Root] ne $root} {
            continue
        }
        foreach logger $LoggerHomes($ns) {
            if {[namespace which ::deployer::logger::console] ne ""
                    && [IsLogger $logger console]
                    && [[info object namespace $logger]::my OnTerminal]} {
                return 1
            }
        }
    }
    return 0
}

# A message of LOGGER to the others of its instances.
proc ::deployer::LoggerSays {logger text} {
    variable LoggerHomes
    variable LoggerSinks
    foreach ns [array names LoggerHomes] {
        if {$logger in $LoggerHomes($ns)} {
            core::event tell "" message [list path [PathOf $ns] data $text] \
                [lsearch -all -inline -exact -not [SinksOf $ns] \
                    [lindex $LoggerSinks($logger) 0]]
        }
    }
}

# The sinks that hear of the instance of namespace NS: those of the ones above
# it first.
proc ::deployer::SinksOf ns {
    variable ListeningBelow
    set sinks {}
    if {$ListeningBelow} {
        foreach each [lreverse [HomesOf $ns]] {
            if {[info exists ${each}::Loggers]} {
                lappend sinks {*}[dict values [set ${each}::Loggers]]
            }
        }
        return $sinks
    }
    set root [set ${ns}::Root]
    if {[info exists ${root}::Loggers]} {
        return [dict values [set ${root}::Loggers]]
    }
    return {}
}

# The namespaces of the instance of NS and of all that it is a part of: a cell
# is one of its array.
proc ::deployer::HomesOf ns {
    set homes {}
    while {$ns ne ""} {
        lappend homes $ns
        namespace upvar $ns Kin kin Self self Root root
        if {[regexp {^(.*)::(?:cells|named)::\d+$} $self - array]
                && [info exists ${array}::Kin]} {
            set ns $array
            continue
        }
        set up [lindex $kin 0]
        if {$up eq "" && $root ne $ns} {
            set up $root
        }
        set ns $up
    }
    return $homes
}

# Those that hear of it, as commands.
proc ::deployer::LoggersHearing ns {
    set loggers {}
    foreach each [lreverse [HomesOf $ns]] {
        foreach logger [LoggersOf $each] {
            if {$logger ni $loggers} {
                lappend loggers $logger
            }
        }
    }
    return $loggers
}

# Events.

# The job that this code is begins something of TYPE in the instance of
# namespace NS, NAME, which ends with the job. For each cell: no more calls than
# there must be.
proc ::deployer::EventJob {ns type name} {
    variable ListeningBelow
    namespace upvar [set ${ns}::Root] Options options Loggers loggers
    set context [ContextGet]
    set parent ""
    if {[dict exists $context -event]} {
        set parent [dict get $context -event]
    }
    if {$ListeningBelow} {
        set sinks [SinksOf $ns]
    } elseif {[info exists loggers]} {
        set sinks [dict values $loggers]
    } else {
        set sinks {}
    }
    set journal {}
    if {$parent eq ""} {
        if {[dict exists $context -journal]} {
            set journal [list [dict get $context -journal]]
            lappend sinks {*}$journal
        } elseif {![llength $sinks]} {
            return
        }
    }
    lassign [EventPlace $ns] path host
    set facts [list path $path command $name \
        sandbox [EventInSandbox $context $options] \
        interactive [dict get $options interactive]]
    if {$host ne ""} {
        lappend facts host $host
    }
    set span [core::event begin $parent $type $facts $sinks]
    set co [info coroutine]
    core::event job $co $span {*}$journal
    ContextEvent $co $span
}

# What the cells of the array of namespace NS tell of their action METHOD, for
# core::event cell; {} where it has to be found out for each.
proc ::deployer::EventCells {ns method} {
    variable ListeningBelow
    set context [ContextGet]
    if {$ListeningBelow || ![dict exists $context -event]
            || ![EventIsAction $ns $method]} {
        return {}
    }
    namespace upvar [set ${ns}::Root] Options options Loggers loggers
    return [list [core::event changes] [dict get $context -event] \
        [expr {[info exists loggers] ? [dict values $loggers] : ""}] \
        [PathOf $ns] [EventInSandbox $context $options] \
        [dict get $options interactive]]
}

# Whether what runs in CONTEXT, below a root with OPTIONS, is in a sandbox.
proc ::deployer::EventInSandbox {context options} {
    return [expr {[dict exists $context -sandbox]
        && [dict get $context -sandbox mode] ne ""
        || [dict get $options sandbox]}]
}

# {PATH SLUG}: what PathOf gives of the instance of namespace NS, and the host of
# the cell that it is in, "" where there is none.
proc ::deployer::EventPlace ns {
    namespace upvar $ns EventPlace kept
    if {[info exists kept]} {
        return $kept
    }
    set path ""
    set host ""
    set looking 1
    set changes 0
    while {$ns ne ""} {
        lassign [set ${ns}::Kin] up name open role one base position
        if {$open} {
            set looking 0
        }
        if {$base ne ""} {
            # A host may get another slug.
            set changes 1
            set slug [core::hostset slug [lindex $base 0] $position $role]
            if {$looking} {
                set host $slug
                set looking 0
            }
            if {!$one} {
                set path :$slug$path
            }
        }
        if {$up ne ""} {
            set path /$name$path
        }
        set ns $up
    }
    if {[string index $path 0] ne "/"} {
        set path /$path
    }
    if {!$changes} {
        set kept [list $path $host]
    }
    return [list $path $host]
}

# The job that this code is performs METHOD of the instance of namespace NS.
proc ::deployer::EventPerform {ns method} {
    set co [info coroutine]
    set event [core::event again $co $ns $method [ContextGet]]
    if {$event eq ""} {
        EventAction $ns $method
    } elseif {$event ne "0"} {
        ContextEvent $co $event
    }
}

# The same where that has to be found out; for core::event again when it is
# called the next time.
proc ::deployer::EventAction {ns method} {
    variable ListeningBelow
    if {![EventIsAction $ns $method]} {
        core::event keep action $ns $method {}
        return
    }
    EventJob $ns action $method
    namespace upvar $ns EventPlace place
    if {!$ListeningBelow && [info exists place] && [lindex $place 1] eq ""} {
        # No host of its path gets another slug.
        namespace upvar [set ${ns}::Root] Options options
        core::event keep action $ns $method [list [SinksOf $ns] \
            [lindex $place 0] [expr {[dict get $options sandbox] ? 1 : 0}] \
            [dict get $options interactive]]
    }
}

proc ::deployer::EventIsAction {ns method} {
    variable EventKinds
    set class [ServiceOf $ns]
    if {![info exists EventKinds($class,$method)]} {
        set member [Member $class $method]
        set EventKinds($class,$method) [expr {$member ne ""
            && [dict get $member kind] eq "action"}]
    }
    return $EventKinds($class,$method)
}

proc ::deployer::EventKindsForget args {
    variable EventKinds
    array unset EventKinds
    core::event changed
}
trace add variable ::deployer::Epoch write ::deployer::EventKindsForget

# An outermost action has ended: loggers get what there is.
proc ::deployer::EventsDeliver {} {
    variable LoggerPatience
    variable LoggerSinks
    foreach logger [array names LoggerSinks] {
        if {[info exists LoggerSinks($logger)]} {
            catch {
                core::sink flush [lindex $LoggerSinks($logger) 0] \
                    $LoggerPatience
            }
        }
    }
}

# A message of the instance of namespace NS.
proc ::deployer::Report {ns text} {
    variable Listening
    if {!$Listening} {
        return
    }
    set event [EventNow]
    set sinks [SinksOf $ns]
    if {$event ne "" || [llength $sinks]} {
        core::event tell $event message [list path [PathOf $ns] data $text] \
            $sinks
        if {[info coroutine] eq ""} {
            EventsDeliver
        }
    }
    return
}

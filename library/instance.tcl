# instance.tcl -- instances: options, roles, nesting, and how actions run.
#
# Layer T2. Instances are told by their namespaces here, which outlast a rename.

namespace eval ::deployer {
    # Coroutine -> {namespace method} of the action that it is about to enter.
    variable Entering
    array set Entering {}
    variable Guards             ;# guard -> the filters that it stands before
    array set Guards {}
}

# The prologue of an action asks whether this call is to be launched: yes where
# it comes from outside, no where Perform makes it or `next` did. NS is the
# object's namespace, CALL what `self call` gives.
proc ::deployer::Entry {ns call} {
    variable Entering
    lassign $call chain index
    set co [info coroutine]
    if {[info exists Entering($co)]
            && $Entering($co) eq [list $ns [lindex $chain $index 1]]} {
        unset Entering($co)
        return 0
    }
    while {$index > 0} {
        if {[lindex $chain [incr index -1] 0] ne "filter"} {
            return 0
        }
    }
    return 1
}

# Runs METHOD of the object of namespace NS as a job. Returns words for `return`
# to end the method with, so that an error leaves no frame of ours behind.
# PERFORMER is the procedure that the job is.
proc ::deployer::Launch {ns method arguments {performer Perform}} {
    variable Ending
    variable Listening
    variable Cancelled
    if {[info exists Cancelled([set caller [info coroutine]])]} {
        JobCheck $caller [list $method $arguments]
    }
    if {$performer eq "Perform" && [lindex [set ${ns}::Kin] 2]} {
        # It is -onceforall, or somebody took our methods away from the array.
        set performer [PerformerOf $ns $method]
    }
    set context [ContextGet]
    set rootOptions [set [set ${ns}::Root]::Options]
    # What only looks something up for a human shows nothing and asks nobody.
    set hidden [dict exists $context -hidden]
    if {[dict get $rootOptions terminal] eq "own" && !$hidden} {
        dict set context -terminal own
        if {[dict get [set [set ${ns}::Root]::Options] interactive]
                && ![dict exists $context -bars]} {
            dict set context -bars 1
        }
    }
    set enters 0
    if {[dict get $rootOptions sandbox] || [dict exists $context -sandbox]} {
        set enters [expr {![dict exists $context -sandbox]}]
        set context [SandboxEnter $context [SandboxModeOf $ns $method] \
            [list ::deployer::SandboxReport [set ${ns}::Root]]]
    }
    set decides 0
    if {[dict get $rootOptions interactive] && !$hidden
            && ![dict exists $context -decide]} {
        set decides 1
        set context [DecideEnter $context $ns]
    }
    if {![dict exists $context -event] && ![dict exists $context -journal]
            && [RunsRecording]} {
        # It mostly was called before.
        if {[catch {
            set entered [core::journal enter $context $ns $method $arguments]
            if {$entered eq ""} {
                set entered [JournalEnter $context $ns $method $arguments]
            }
        } message]} {
            JournalWarn [set ${ns}::Root] $message
        } else {
            set context $entered
            if {[dict exists $context -journal]} {
                incr Listening
            }
        }
    }
    set w [Job [list ::deployer::$performer $ns $method $arguments] $context]
    set code [catch {Await $w} result options]
    if {$enters} {
        SandboxLeave $context
    }
    if {$decides} {
        DecideLeave $context
    }
    if {$Listening && [info coroutine] eq ""} {
        EventsDeliver
    }
    if {!$code} {
        return [list $result]
    }
    while {[set co [JobOf $w]] ne ""} {
        # It was the waiting that failed: nobody else will wait for the job. Who
        # is cancelled once more passes that on.
        JobHad $caller [list $method $arguments]
        set Ending($co) [core::waiter new]
        JobCancel $w [lindex [dict get $options -errorcode] 2]
        set failed [catch {Await $Ending($co)} - given]
        unset -nocomplain Ending($co)
        if {!$failed || ![string match {DEPLOYER CANCELLED*} \
                [dict get $given -errorcode]]} {
            break
        }
    }
    if {$code == 1} {
        dict set options -errorinfo \
            [TrimTrace [dict get $options -errorinfo]]
    }
    dict incr options -level
    return [list -options $options $result]
}

# In which mode METHOD of the object of namespace NS runs in a sandbox.
proc ::deployer::SandboxModeOf {ns method} {
    set member [Member [ServiceOf $ns] $method]
    if {[dict exists $member safe] && [dict get $member safe]} {
        return safe
    }
    return check
}

# Tells the loggers of the tree of namespace ROOT. Returns whether one of them
# shows it on a terminal.
proc ::deployer::SandboxReport {root text} {
    Report $root $text
    return [LoggersShow $root]
}

# `my sandbox WORDS` in the instance of namespace NS.
proc ::deployer::SandboxDo {ns words} {
    set before [ContextGet]
    set context [SandboxEnter $before check \
        [list ::deployer::SandboxReport [set ${ns}::Root]]]
    ContextSet $context
    set code [catch {[ObjectOf $ns] {*}$words} result options]
    ContextSet $before
    if {![dict exists $before -sandbox]} {
        SandboxLeave $context
    }
    dict incr options -level
    return -options $options $result
}

# The same for a filter, which must be left before the job begins.
proc ::deployer::LaunchFiltered {ns method arguments} {
    return {*}[Launch $ns $method $arguments]
}

# The job of an action; TOLD: its event has begun.
proc ::deployer::Perform {ns method arguments {told 0}} {
    variable Entering
    variable Listening
    set co [info coroutine]
    if {$Listening && !$told} {
        EventPerform $ns $method
    }
    set Entering($co) [list $ns $method]
    set kin [KinOf $ns]
    DecideAt $ns $method
    set code [catch {${ns}::my $method {*}$arguments} result options]
    unset -nocomplain Entering($co)
    if {!$code} {
        return $result
    }
    if {$code == 1 && ![namespace exists $ns]
            && ![string match DEPLOYER* [dict get $options -errorcode]]} {
        # Whatever failed, it did because what it was called on is gone.
        FailDestroyed $kin $method
    }
    if {$code == 1} {
        lassign [ErrorPlace $kin $method $result $options] result options
    }
    dict incr options -level
    return -options $options $result
}

# An error of METHOD of what has KIN, as {message options}: where it is one of a
# host, the message says where in the tree it happened, and the options have
# -path and -action. That is said once, by the innermost.
proc ::deployer::ErrorPlace {kin method message options} {
    set code [dict get $options -errorcode]
    if {[dict exists $options -path] || [lindex $code 0] ne "DEPLOYER"
            || [lindex $code 1] ni {CONNECT HOSTKEY AUTH EXEC SUDO FILE}
                && [lrange $code 1 2] ne {HOSTS FAILED}} {
        return [list $message $options]
    }
    set path [PathThrough $kin]
    set text "[string trimright $path /]/$method: $message"
    set trace [dict get $options -errorinfo]
    if {[string first $message $trace] == 0} {
        dict set options -errorinfo \
            $text[string range $trace [string length $message] end]
    }
    dict set options -path $path
    dict set options -action $method
    return [list $text $options]
}

# TclOO runs filters before a method, so they would run once outside the job and
# once more inside. The guard of CLASS, a class that is mixed into it before all
# others, has a method of the filter's name. It stands in the namespace of CLASS
# and dies with it.
proc ::deployer::GuardFilters {class filters} {
    variable Guards
    set guard [info object namespace $class]::<guard>
    if {$filters eq "" && ![info exists Guards($guard)]} {
        return
    }
    set mixins [info class mixins $class]
    if {[info exists Guards($guard)] && $Guards($guard) eq $filters
            && [lindex $mixins 0] eq $guard} {
        return
    }
    set others [lsearch -all -inline -exact -not $mixins $guard]
    if {[namespace which -command $guard] ne ""} {
        KeepClass $guard
        oo::define $class mixin -set {*}$others
        $guard destroy
    }
    unset -nocomplain Guards($guard)
    if {$filters eq ""} {
        return
    }
    set listed [info class methods $class -all]
    oo::class create $guard
    foreach name $filters {
        oo::define $guard method $name args {
            set action [::deployer::Filtered [self namespace] [self call]]
            if {$action ne ""} {
                tailcall ::deployer::LaunchFiltered [self namespace] $action \
                    $args
            }
            next {*}$args
        }
        oo::define $guard [expr {$name in $listed ? "export" : "unexport"}] \
            $name
    }
    foreach name [array names Guards] {
        if {[namespace which -command $name] eq ""} {
            unset Guards($name)
        }
    }
    set Guards($guard) $filters
    oo::define $class mixin -set $guard {*}$others
}

# The action that is called from outside where the first filter of CALL, what
# `self call` gives, stands before one; else "".
proc ::deployer::Filtered {ns call} {
    variable Entering
    lassign $call chain index
    if {$index != 0 || [lindex $chain 0 0] ne "filter"} {
        return ""
    }
    foreach link $chain {
        lassign $link kind method class
        if {$kind ne "filter"} {
            break
        }
    }
    if {$kind ne "method" || ![IsService $class]} {
        return ""
    }
    namespace upvar [info object namespace $class] Facts facts
    if {![dict exists $facts members $method kind]} {
        return ""
    }
    if {[dict get $facts members $method kind] ni {action getter query}} {
        return ""
    }
    set co [info coroutine]
    if {[info exists Entering($co)] && $Entering($co) eq [list $ns $method]} {
        return ""
    }
    return $method
}

# The object of namespace NS, or what it answers to ARGS.
proc ::deployer::Onward {ns args} {
    set object [ObjectOf $ns]
    if {![llength $args]} {
        return $object
    }
    tailcall $object {*}$args
}

# The command of the object whose namespace is NS. No method is called for that,
# because a filter of the user's would see it.
proc ::deployer::ObjectOf ns {
    namespace upvar $ns Self object
    if {[info object isa object $object]
            && [info object namespace $object] eq $ns} {
        return $object
    }
    # It was renamed.
    set classes ::deployer::Service
    for {set i 0} {$i < [llength $classes]} {incr i} {
        set class [lindex $classes $i]
        foreach object [info class instances $class] {
            if {[info object namespace $object] eq $ns} {
                return $object
            }
        }
        lappend classes {*}[info class subclasses $class]
    }
}

# The service class of the object whose namespace is NS.
proc ::deployer::ServiceOf ns {
    return [info object class [ObjectOf $ns]]
}

# What `unknown` says of the method NAME of the object of namespace NS, called
# from namespace SPACE.
proc ::deployer::NoMethod {ns name space} {
    set names [info object methods [ObjectOf $ns] -all {*}[expr {
        $space eq $ns ? "-private" : ""}]]
    set names [lsort [lmap each $names {
        if {[string match <* $each] || $each in {eval unknown varname}} {
            continue
        }
        set each
    }]]
    return "unknown method \"[Shorten $name 80]\": must be\
        [join [lrange $names 0 end-1] {, }] or [lindex $names end]"
}

# Words for `return` to end a procedure or method of ours with, in which an
# error was caught that is the caller's.
proc ::deployer::Outward {message options} {
    dict unset options -errorstack
    dict set options -errorinfo [TrimTrace [dict get $options -errorinfo]]
    dict incr options -level
    return [list -options $options $message]
}

# The nested instance NAME, of CLASS, of the object of namespace NS, or what it
# answers to WORDS. It is made when first asked for.
proc ::deployer::Nested {ns name class words} {
    set nested ${ns}::kids::$name
    set known [namespace which -command $nested]
    if {$known ne "" && [info object class $nested] ne $class} {
        # The class was given another nested service of that name.
        rename $nested {}
        set known ""
    }
    if {$known eq "" && [catch {
        $class create $nested <nested> $ns $name
    } message options]} {
        return {*}[Outward $message $options]
    }
    if {![llength $words]} {
        return $nested
    }
    tailcall $nested {*}$words
}

# The beginning of a root OBJECT, given WORDS in namespace SPACE.
proc ::deployer::BeginRoot {object ns summary words space} {
    foreach part {Root View Options} {
        namespace upvar $ns $part $part
    }
    set Root $ns
    set Options [InstanceOptions $words]
    set loggers [list {*}[KnownLoggers {*}[dict get $summary loggers]] \
        {*}[KnownLoggers [dict get $Options loggers] $space]]
    set View [RootView $summary $Options $space]
    BeginIsolated $ns $summary "" [RootName $object $ns] 0
    LoggersUse $ns $loggers
}

# The beginning of the instance NAME in the one of namespace UP. GIVEN is {DICT
# NAMESPACE} where it was given hosts of its own.
proc ::deployer::BeginNested {ns summary up name {given {}}} {
    namespace upvar $ns Root Root Given Given
    set Root [set ${up}::Root]
    if {$given ne ""} {
        set Given $given
    }
    BeginIsolated $ns $summary $up $name [lindex [set ${up}::Kin] 2]
    if {[lindex [SourceOf $ns $summary] 0] eq "hosts"} {
        # Names that mean nothing are told at once.
        ViewOf $ns
    }
}

proc ::deployer::RootName {object ns} {
    if {$object eq $ns} {
        return [namespace tail [info object class $object]]
    }
    return [namespace tail $object]
}

# The path of an instance, as in messages: /production/web:web1/git.
proc ::deployer::PathOf ns {
    return [PathThrough [KinOf $ns]]
}

# Kin of the instance of namespace NS and of those above it.
proc ::deployer::KinOf ns {
    while {$ns ne ""} {
        lappend kin [set ${ns}::Kin]
        set ns [lindex $kin end 0]
    }
    return $kin
}

# The path of what has these, which may be gone.
proc ::deployer::PathThrough kin {
    set path ""
    foreach each $kin {
        lassign $each up name - role one base position
        if {$base ne "" && !$one} {
            set path :[SlugOf [core::hostset host [HostsSet $base] $position \
                $role]]$path
        }
        if {$up ne ""} {
            set path /$name$path
        }
    }
    return [expr {[string index $path 0] eq "/" ? $path : "/$path"}]
}

proc ::deployer::FailDestroyed {kin method} {
    set path [PathThrough $kin]
    Fail [list CANCELLED $path] "$path was destroyed while $method was running\
        in it, so that could not go on: destroy an instance when its actions\
        have ended"
}

# The slug of HOST, also of one that is gone.
proc ::deployer::SlugOf host {
    if {[IsHost $host]} {
        # For each cell: cget takes longer.
        return [set [info object namespace $host]::Slug]
    }
    return [namespace tail $host]
}

# The group of an instance: the nearest that its class or a parent's says.
proc ::deployer::GroupOf ns {
    while {$ns ne ""} {
        set group [dict get [Summary [ServiceOf $ns]] group]
        if {$group ne ""} {
            return $group
        }
        set ns [lindex [set ${ns}::Kin] 0]
    }
    return other
}

# `my info WORD`.
proc ::deployer::InstanceInfo {ns word args} {
    if {$word eq "trace" ? [llength $args] != 1 : [llength $args]} {
        WrongArgs "info $word[expr {$word eq "trace" ? " QUERY" : ""}]"
    }
    switch -- $word {
        path {
            return [PathOf $ns]
        }
        name {
            return [lindex [set ${ns}::Kin] 1]
        }
        group {
            return [GroupOf $ns]
        }
        isolated {
            return [expr {[IsolatedBy $ns] ne ""}]
        }
        array {
            return [lindex [set ${ns}::Kin] 2]
        }
        isolations {
            return [expr {[lindex [set ${ns}::Kin] 2] ? [IndexesOf $ns] : {}}]
        }
        sandboxed {
            return [expr {[SandboxMode] ne ""
                || [dict get [set [set ${ns}::Root]::Options] sandbox]}]
        }
        trace {
            if {[lindex [set ${ns}::Kin] 2]} {
                return {*}[Launch $ns info [list trace {*}$args] PerformFan]
            }
            tailcall TraceQuery $ns {*}$args
        }
    }
    Fail [list ARGUMENT $word] "unknown word \"[Shorten $word 40]\": must be\
        array, group, isolated, isolations, name, path, sandboxed or trace"
}

# The options of a root as a dict of names without dash.
proc ::deployer::InstanceOptions words {
    variable Terminals
    set given [TakeOptions [dict create -hosts dict -parallel count \
        -sandbox bool -loggers list -interactive bool \
        -terminal [join $Terminals |] -batch share1 -maxfail share0 \
        -pause seconds0] words]
    if {[llength $words]} {
        Fail [list ARGUMENT [lindex $words 0]] \
            "unexpected word \"[Shorten [lindex $words 0] 40]\": options have\
            a name, as -hosts DICT"
    }
    set options [dict merge {
        parallel 32 sandbox 0 loggers {} interactive 0 terminal none
        batch {} maxfail {} pause 0
    } $given]
    if {[dict exists $options hosts]} {
        dict for {role list} [dict get $options hosts] {
            if {![string is list $list]} {
                Fail {OPTION -hosts} "-hosts: role $role must have a list of\
                    hosts, not \"[Shorten $list 40]\""
            }
        }
    }
    return $options
}

# Hosts. Views are the business of hosts.tcl.

# The view of a root of which OPTIONS are given; names in them resolve in
# namespace SPACE.
proc ::deployer::RootView {summary options space} {
    set fanout {}
    foreach name {parallel batch maxfail pause} {
        if {[dict get $options $name] ne ""} {
            dict set fanout $name [dict get $options $name]
        }
    }
    if {[dict exists $options hosts]} {
        return [HostsView [dict get $options hosts] $fanout $space]
    }
    return [NestedView [dict get $summary source] [HostsView {} $fanout ::]]
}

# What stands between the hosts of the instance of namespace NS and those of
# its parent: {}, {map DICT NAMESPACE} or {hosts DICT NAMESPACE}.
proc ::deployer::SourceOf {ns {summary {}}} {
    namespace upvar $ns Given given
    if {[info exists given]} {
        return [list hosts {*}$given]
    }
    if {$summary eq ""} {
        set summary [Summary [ServiceOf $ns]]
    }
    return [dict get $summary source]
}

# The view of an instance whose parent has VIEW.
proc ::deployer::NestedView {source view} {
    lassign $source kind dict space
    switch -- $kind {
        hosts {
            return [HostsOwn $view $dict $space]
        }
        map {
            return [HostsMapped $view $dict $space]
        }
    }
    return $view
}

# The view of the instance of namespace NS. Only classes without instances can
# change their hosts, so what was found once holds.
proc ::deployer::ViewOf ns {
    namespace upvar $ns View view
    if {![info exists view]} {
        lassign [set ${ns}::Kin] up - - role one base position
        if {$base ne "" && !$one} {
            set view [HostsCell $base $role $position]
        } else {
            set view [NestedView [SourceOf $ns] [ViewOf $up]]
        }
    }
    return $view
}

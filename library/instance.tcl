# instance.tcl -- instances: options, roles, nesting, and how actions run.
#
# Layer T2. Instances are told by their namespaces here, which outlast a rename.

namespace eval ::deployer {
    # Coroutine -> {namespace method} of the action that it is about to enter.
    variable Entering
    array set Entering {}
    # Coroutine -> waiter to finish when the action of that coroutine ends.
    variable Ending
    array set Ending {}
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
proc ::deployer::Launch {ns method arguments} {
    variable Ending
    set w [Job [list ::deployer::Perform $ns $method $arguments]]
    set code [catch {Await $w} result options]
    if {!$code} {
        return [list $result]
    }
    if {[set co [JobOf $w]] ne ""} {
        # It was the waiting that failed: nobody else will wait for the job.
        set Ending($co) [core::waiter new]
        JobCancel $w [lindex [dict get $options -errorcode] 2]
        catch {Await $Ending($co)}
        unset -nocomplain Ending($co)
    }
    if {$code == 1} {
        dict set options -errorinfo \
            [TrimTrace [dict get $options -errorinfo]]
    }
    dict incr options -level
    return [list -options $options $result]
}

# The same for a filter, which must be left before the job begins.
proc ::deployer::LaunchFiltered {ns method arguments} {
    return {*}[Launch $ns $method $arguments]
}

# The job of an action.
proc ::deployer::Perform {ns method arguments} {
    variable Entering
    variable Ending
    set co [info coroutine]
    set Entering($co) [list $ns $method]
    set code [catch {${ns}::my $method {*}$arguments} result options]
    unset -nocomplain Entering($co)
    if {[info exists Ending($co)]} {
        core::waiter finish $Ending($co) {}
    }
    if {!$code} {
        return $result
    }
    if {$code == 1} {
        dict set options -errorinfo [string map [list \
            "\n    invoked from within\n\"\${ns}::my \$method {*}\$arguments\"" {} \
            "\n    while executing\n\"\${ns}::my \$method {*}\$arguments\"" {}] \
            [dict get $options -errorinfo]]
    }
    dict incr options -level
    return -options $options $result
}

# An error trace without the frames that lie between the method and its caller.
proc ::deployer::TrimTrace trace {
    set at [string last \
        "\n    invoked from within\n\"::deployer::Perform " $trace]
    if {$at < 0} {
        return $trace
    }
    return [string range $trace 0 $at-1]
}

# TclOO runs filters before a method, so they would run once outside the job and
# once more inside. On OBJECT, a method of the filter's name comes before it.
proc ::deployer::GuardFilters {object filters} {
    set listed [info object methods $object -all]
    foreach name $filters {
        oo::objdefine $object method $name args {
            set action [::deployer::Filtered [self namespace] [self call]]
            if {$action ne ""} {
                tailcall ::deployer::LaunchFiltered [self namespace] $action \
                    $args
            }
            next {*}$args
        }
        if {$name ni $listed} {
            oo::objdefine $object unexport $name
        }
    }
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
    if {![dict exists $facts members $method kind]
            || [dict get $facts members $method kind] ni {action getter}} {
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

# The command of the object whose namespace is NS.
proc ::deployer::ObjectOf ns {
    return [${ns}::my <self>]
}

# The nested instance NAME, of CLASS, of the object of namespace NS, or what it
# answers to WORDS. It is made when first asked for.
proc ::deployer::Nested {ns name class words} {
    set nested ${ns}::kids::$name
    if {[namespace which -command $nested] eq ""} {
        namespace eval ${ns}::kids {}
        $class create $nested <nested> $ns $name
    } elseif {[info object class $nested] ne $class} {
        # The class was given another nested service of that name.
        $nested destroy
        $class create $nested <nested> $ns $name
    }
    if {![llength $words]} {
        return $nested
    }
    tailcall $nested {*}$words
}

proc ::deployer::RootName {object ns} {
    if {$object eq $ns} {
        return [namespace tail [info object class $object]]
    }
    return [namespace tail $object]
}

# The path of an instance, as in messages: /production/web.
proc ::deployer::PathOf ns {
    set path ""
    while 1 {
        namespace upvar $ns Up up Name name
        if {$up eq ""} {
            return [expr {$path eq "" ? "/" : $path}]
        }
        set path /$name$path
        set ns $up
    }
}

# The group of an instance: the nearest that its class or a parent's says.
proc ::deployer::GroupOf ns {
    while {$ns ne ""} {
        set group [dict get \
            [Summary [info object class [ObjectOf $ns]]] group]
        if {$group ne ""} {
            return $group
        }
        set ns [set ${ns}::Up]
    }
    return other
}

# `my info WORD`.
proc ::deployer::InstanceInfo {ns word args} {
    if {[llength $args] && $word ne "trace"} {
        WrongArgs "info $word"
    }
    switch -- $word {
        path {
            return [PathOf $ns]
        }
        name {
            return [set ${ns}::Name]
        }
        group {
            return [GroupOf $ns]
        }
        isolated - array {
            return 0
        }
        isolations {
            return {}
        }
        sandboxed {
            return [dict get [set [set ${ns}::Root]::Options] sandbox]
        }
        trace {
            FailUnavailable trace
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
    if {[dict get $options sandbox]} {
        Fail {OPTION -sandbox} "-sandbox 1 is not available yet"
    }
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

# Hosts. A view is the value that a container stands for: {roles members options
# single}, roles being role -> list of host objects.

# The view of a root of which OPTIONS are given; names in them resolve in
# namespace SPACE.
proc ::deployer::RootView {summary options space} {
    set fanout {}
    foreach name {parallel batch maxfail pause} {
        if {[dict get $options $name] ne ""} {
            dict set fanout $name [dict get $options $name]
        }
    }
    set view [list {} {} $fanout 0]
    if {[dict exists $options hosts]} {
        return [RolesView [ResolveRoles [dict get $options hosts] $space] $view]
    }
    return [NestedView $summary $view]
}

# The view of an instance whose parent has VIEW.
proc ::deployer::NestedView {summary view} {
    lassign [dict get $summary source] kind dict space
    switch -- $kind {
        hosts {
            return [RolesView [ResolveRoles $dict $space] $view]
        }
        map {
            return [RolesView [MapRoles $dict $space $view] $view]
        }
    }
    return $view
}

# VIEW with other ROLES. {DEPLOYER HOSTS DUPLICATE slug}.
proc ::deployer::RolesView {roles view} {
    return [list $roles [HostMembers [concat {*}[dict values $roles]]] \
        [lindex $view 2] 0]
}

# DICT of role -> names of hosts and containers, seen from namespace SPACE, as
# role -> host objects. {DEPLOYER HOSTS UNKNOWN name}.
proc ::deployer::ResolveRoles {dict space} {
    set roles {}
    dict for {role words} $dict {
        set hosts {}
        foreach word $words {
            set found [HostsNamed $word $space]
            if {![llength $found]} {
                Fail [list HOSTS UNKNOWN $word] \
                    "there is no host \"[Shorten $word 80]\" (role $role)"
            }
            lappend hosts {*}[lindex $found 0]
        }
        dict set roles $role [Distinct $hosts]
    }
    return $roles
}

# Each role of MAP gets the hosts of the roles in the parent's VIEW that it
# lists; `*` is all of them, a role that the parent lacks is empty.
proc ::deployer::MapRoles {map space view} {
    lassign $view roles members
    set mapped {}
    dict for {role words} $map {
        set hosts {}
        foreach word $words {
            if {$word eq "*"} {
                lappend hosts {*}[dict values $members]
            } elseif {[dict exists $roles $word]} {
                lappend hosts {*}[dict get $roles $word]
            } else {
                lappend hosts {*}[lindex [HostsNamed $word $space] 0]
            }
        }
        dict set mapped $role [Distinct $hosts]
    }
    return $mapped
}

# {} where WORD means no host and no container in namespace SPACE, else a list
# of one element, the list of hosts.
proc ::deployer::HostsNamed {word space} {
    if {[namespace exists $space]} {
        set command [namespace eval $space \
            [list ::namespace which -command $word]]
    } else {
        set command [namespace which -command ::$word]
    }
    if {$command eq "" || ![info object isa object $command]} {
        return {}
    }
    if {[info object isa typeof $command ::deployer::host]} {
        return [list [list $command]]
    }
    if {[info object isa typeof $command ::deployer::hosts]} {
        set view [[info object namespace $command]::my View]
        return [list [dict values [lindex $view 1]]]
    }
    return {}
}

# LIST with each element once, in the order of the first.
proc ::deployer::Distinct list {
    set seen {}
    foreach element $list {
        dict set seen $element 1
    }
    return [dict keys $seen]
}

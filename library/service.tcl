# service.tcl -- the base class of all services, and what classes add up to.
#
# Layer T2. An instance is an object of the user's class. Its parts:
#
#   Root      the namespace of its root; a root keeps Options
#   Loggers   those of its own, see loggers.tcl; not there where it has none
#   Kin       one list, because a cell shall be cheap:
#      UP        the namespace of its parent; "" for a root and its cells
#      NAME      its name in the parent; of a root that of its command
#      OPEN      1 where it is an array: calls fan out over its cells
#      ROLE      where its class isolates, the role of which an array makes
#                cells and a cell holds one host; else ""
#      ONE       1 where its class isolates with -justone
#      BASE POSITION   of a cell (and -justone): its host is the one at POSITION
#                of ROLE in the view BASE; else BASE is ""
#   View      its hosts: the value that a container stands for (see hosts.tcl);
#             not there before somebody needs it
#   Given     of one that `my initialize` made with -hosts: {DICT NAMESPACE}
#   Made      there in what `my initialize` made
#   Cells     of an array, host -> the cell that was asked for by name
#
# Nested instances are commands in the namespace `kids` below the parent's, so
# that they die with it, and their names stay out of sight of actions. The same
# holds for an array's `named` cells, for its `cells` of calls that run now, and
# for what `my initialize` has `made`.

namespace eval ::deployer {
    variable Terminals {none own tmux xterm gnome-terminal}
}

oo::class create ::deployer::Service {
    variable Root Kin Self

    # CLASS create NAME ?options?. Of our own: <nested> UP NAME ?GIVEN?, and
    # <cell> ROOT KIN NAME BEGIN, where BEGIN is that of the summary.
    constructor args {
        set kind [lindex $args 0]
        if {$kind eq "<cell>"} {
            lassign $args - Root Kin Self begin
            if {$begin ne "slow"} {
                if {$begin ne ""} {
                    ::namespace path $begin
                }
                return
            }
        } else {
            set Self [self]
        }
        set summary [::deployer::Summary [info object class [self]]]
        if {$kind eq "<nested>"} {
            ::deployer::BeginNested [self namespace] $summary \
                {*}[lrange $args 1 end]
        } elseif {$kind ne "<cell>" && [catch {
            ::deployer::BeginRoot [self] [self namespace] $summary $args \
                [uplevel 1 {::namespace current}]
        } message options]} {
            return {*}[::deployer::Outward $message $options]
        }
        if {[dict get $summary path] ne ""} {
            ::namespace path [list ::oo::Helpers {*}[dict get $summary path]]
        }
        if {[lindex $Kin 2]} {
            oo::objdefine [self] mixin \
                [::deployer::ShadowOf [info object class [self]]]
        }
        # That of a plain class among the superclasses.
        if {[self next] ne ""} {
            next
        }
    }

    # Without a word the default action runs. Names that begin with "_" are not
    # exported, yet may be called.
    method unknown args {
        if {![llength $args]} {
            set name [dict get \
                [::deployer::Summary [info object class [self]]] default]
            if {$name ne ""} {
                tailcall my $name
            }
            return -code error -errorcode {TCL WRONGARGS} \
                "wrong # args: should be \"[self] method ?arg ...?\""
        }
        set name [lindex $args 0]
        switch -glob -- $name {
            _* {
                if {$name in [info object methods [self] -all -private]} {
                    tailcall my {*}$args
                }
            }
            :* {
                tailcall my at [string range $name 1 end] \
                    {*}[lrange $args 1 end]
            }
        }
        return -code error -errorcode [list TCL LOOKUP METHOD $name] \
            [::deployer::NoMethod [self namespace] $name \
                [uplevel 1 {::namespace current}]]
    }

    method hosts args {
        if {[llength $args]} {
            tailcall ::deployer::HostsDo [::deployer::ViewOf [self namespace]] \
                {*}$args
        }
        # One command, made when first asked for; it dies with the instance.
        set container [self namespace]::<hosts>
        if {[namespace which -command $container] eq ""} {
            ::deployer::hosts create $container {}
            [info object namespace $container]::my SetView \
                [::deployer::ViewOf [self namespace]]
        }
        return $container
    }

    method host args {
        tailcall ::deployer::HostOf [self namespace] $args
    }

    method parent args {
        set up [lindex $Kin 0]
        if {$up eq ""} {
            if {![llength $args]} {
                return ""
            }
            set path [::deployer::PathOf [self namespace]]
            ::deployer::Fail {ARGUMENT parent} \
                "$path is the root and has no parent"
        }
        tailcall ::deployer::Onward $up {*}$args
    }

    method root args {
        tailcall ::deployer::Onward $Root {*}$args
    }

    method at {index args} {
        if {[catch {
            ::deployer::CellAt [self namespace] $index \
                [uplevel 1 {::namespace current}]
        } cell options]} {
            return {*}[::deployer::Outward $cell $options]
        }
        tailcall ::deployer::Onward $cell {*}$args
    }

    method info {word args} {
        tailcall ::deployer::InstanceInfo [self namespace] $word {*}$args
    }

    method loggers {{word list} args} {
        return [::deployer::LoggersWord [self namespace] \
            [uplevel 1 {::namespace current}] $word $args]
    }

    method report text {
        ::deployer::Report [self namespace] $text
    }

    method sandbox args {
        tailcall ::deployer::SandboxDo [self namespace] $args
    }

    method fork {action args} {
        tailcall ::deployer::StartFork [self namespace] [list $action {*}$args]
    }

    method initialize {class args} {
        tailcall ::deployer::Initialize [self namespace] \
            [uplevel 1 [list ::namespace which -command $class]] $class \
            [uplevel 1 {::namespace current}] $args
    }

    method console args {
        tailcall ::deployer::Console [self namespace] $args
    }

    method variable args {
        ::deployer::FailState [lindex $args 0]
    }

    method varname name {
        ::deployer::FailState $name
    }

    method <cloned> from {
        ::deployer::Fail [list ARGUMENT $from] "$from cannot be copied, because\
            the parts of an instance belong to one root: make another one with\
            \"create\""
    }

    # Inside actions alone, by `my`.
    unexport unknown <cloned> report fork initialize console variable varname
}

proc ::deployer::FailUnavailable word {
    Fail [list ARGUMENT $word] "\"$word\" is not available yet"
}

proc ::deployer::FailState name {
    Fail [list STATE $name] "a service keeps no state between calls, so it has\
        no variable \"$name\": pass values, or use a property"
}

proc ::deployer::FailRequired {class name} {
    Fail [list PROPERTY REQUIRED $class $name] "property \"$name\" of service\
        $class is required and has no value: a class derived from it must give\
        one"
}

# The classes that make up CLASS, itself first, in the order in which TclOO looks
# for methods: the mixins of a class before it, its superclasses after it, and
# one that is met again moves to the end.
proc ::deployer::Lineage class {
    set lineage {}
    AddLineage $class lineage
    return $lineage
}

proc ::deployer::AddLineage {class lineageVar} {
    upvar 1 $lineageVar lineage
    foreach mixin [info class mixins $class] {
        if {![string match *::<guard> $mixin]} {
            AddLineage $mixin lineage
        }
    }
    if {[set at [lsearch -exact $lineage $class]] >= 0} {
        set lineage [lreplace $lineage $at $at]
    }
    lappend lineage $class
    foreach super [info class superclasses $class] {
        if {$super ne "::oo::object"} {
            AddLineage $super lineage
        }
    }
}

# What CLASS knows about its member NAME, as a dict with the key owner added; {}
# where there is none.
proc ::deployer::Member {class name} {
    foreach owner [Lineage $class] {
        namespace upvar [info object namespace $owner] Facts facts
        if {[info exists facts] && [dict exists $facts members $name]} {
            return [dict replace [dict get $facts members $name] owner $owner]
        }
    }
    return {}
}

# What CLASS and the classes it is made of say together, as a dict: path (the
# namespaces that actions see besides the global one), source ({}, {map DICT
# NAMESPACE} or {hosts DICT NAMESPACE}), isolate (a role or ""), justone, roles,
# group, describe, loggers ({LIST NAMESPACE}), default, filters; begin, which is
# how a cell begins: slow where there is a constructor of a plain class, else
# the path of its namespace or "". The nearest class decides.
proc ::deployer::Summary class {
    variable Epoch
    namespace upvar [info object namespace $class] Summary kept
    set lineage [Lineage $class]
    if {[info exists kept]} {
        lassign $kept epoch seen summary
        # Plain oo::define changes the lineage, our own words the epoch.
        if {$epoch == $Epoch && $seen eq $lineage} {
            # Plain oo::define takes the guard away as well.
            GuardFilters $class [dict get $summary filters]
            return $summary
        }
    }
    set summary {
        path {} source {} isolate {} justone 0 roles host group {} describe {}
        loggers {} default {} filters {} begin {}
    }
    set known {}
    foreach owner $lineage {
        foreach name [info class filters $owner] {
            if {$name ni [dict get $summary filters]} {
                dict lappend summary filters $name
            }
        }
        namespace upvar [info object namespace $owner] Facts facts
        if {![info exists facts]} {
            if {$owner ne "::deployer::Service"
                    && [info class constructor $owner] ne ""} {
                dict set summary begin slow
            }
            continue
        }
        set space [dict get $facts space]
        if {$space ne "::" && $space ni [dict get $summary path]
                && [namespace exists $space]} {
            dict lappend summary path $space
        }
        # Own hosts stand above a mapping of the same class, which stands above
        # whatever an inherited class says.
        if {[dict get $summary source] eq ""} {
            foreach key {hosts map} {
                if {[dict exists $facts $key]} {
                    dict set summary source [list $key \
                        {*}[dict get $facts $key]]
                    break
                }
            }
        }
        foreach key {isolate justone roles group describe loggers default} {
            if {![dict exists $known $key] && [dict exists $facts $key]} {
                set value [dict get $facts $key]
                if {$key eq "loggers"} {
                    set value [list $value $space]
                }
                dict set summary $key $value
                dict set known $key 1
            }
        }
    }
    if {[dict get $summary path] ne "" && [dict get $summary begin] eq ""} {
        dict set summary begin [list ::oo::Helpers {*}[dict get $summary path]]
    }
    GuardFilters $class [dict get $summary filters]
    set kept [list $Epoch $lineage $summary]
    return $summary
}

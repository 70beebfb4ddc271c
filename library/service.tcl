# service.tcl -- the base class of all services, and what classes add up to.
#
# Layer T2. An instance is an object of the user's class. Its parts:
#
#   Up        the namespace of its parent, "" for a root
#   Name      its name in the parent; of a root that of its command
#   Root      the namespace of its root; a root keeps Options and Loggers
#   View      its hosts: the value that a container stands for (see hosts.tcl)
#
# Nested instances are commands in the namespace `kids` below the parent's, so
# that they die with it, and their names stay out of sight of actions.

namespace eval ::deployer {
    variable Terminals {none own tmux xterm gnome-terminal}
}

oo::class create ::deployer::Service {
    variable Up Name Root View Options Loggers

    # CLASS create NAME ?options?; the form <nested> UP NAME is Nested's.
    constructor args {
        set summary [::deployer::Summary [info object class [self]]]
        if {[lindex $args 0] eq "<nested>"} {
            lassign $args - Up Name
            namespace upvar $Up Root root View view
            set Root $root
            set View [::deployer::NestedView $summary $view]
        } else {
            set Up ""
            set Root [self namespace]
            set Name [::deployer::RootName [self] [self namespace]]
            set Options [::deployer::InstanceOptions $args]
            set Loggers [concat [dict get $summary loggers] \
                [dict get $Options loggers]]
            set View [::deployer::RootView $summary $Options \
                [uplevel 1 {::namespace current}]]
        }
        if {[dict get $summary isolate] ne ""} {
            ::deployer::Fail {ARGUMENT isolate} "service\
                [info object class [self]] isolates, which is not available yet"
        }
        if {[dict get $summary path] ne ""} {
            namespace eval [self namespace] [list ::namespace path \
                [list ::oo::Helpers {*}[dict get $summary path]]]
        }
        if {[dict get $summary filters] ne ""} {
            ::deployer::GuardFilters [self] [dict get $summary filters]
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
        next {*}$args
    }

    method hosts args {
        if {[llength $args]} {
            tailcall ::deployer::HostsDo $View {*}$args
        }
        # One command, made when first asked for; it dies with the instance.
        set container [self namespace]::<hosts>
        if {[namespace which -command $container] eq ""} {
            ::deployer::hosts create $container {}
            [info object namespace $container]::my SetView $View
        }
        return $container
    }

    method host args {
        set path [::deployer::PathOf [self namespace]]
        ::deployer::Fail [list ISOLATE NOCELL $path] "$path is no cell, so there\
            is no one host of it: use \"my hosts\""
    }

    method parent args {
        if {$Up eq ""} {
            if {![llength $args]} {
                return ""
            }
            ::deployer::Fail {ARGUMENT parent} "/ is the root and has no parent"
        }
        tailcall ::deployer::Onward $Up {*}$args
    }

    method root args {
        tailcall ::deployer::Onward $Root {*}$args
    }

    method at {index args} {
        set path [::deployer::PathOf [self namespace]]
        ::deployer::Fail [list ISOLATE INDEX $path $index] "$path is no array,\
            so it has no cell \"$index\""
    }

    method info {word args} {
        tailcall ::deployer::InstanceInfo [self namespace] $word {*}$args
    }

    method loggers {{word list} args} {
        namespace upvar $Root Loggers loggers
        switch -- $word {
            list {
                return $loggers
            }
            add {
                foreach logger $args {
                    if {$logger ni $loggers} {
                        lappend loggers $logger
                    }
                }
                return
            }
            remove {
                foreach logger $args {
                    set loggers [lsearch -all -inline -exact -not \
                        $loggers $logger]
                }
                return
            }
        }
        ::deployer::Fail [list ARGUMENT $word] "unknown word\
            \"[::deployer::Shorten $word 40]\": must be add, list or remove"
    }

    # To the loggers, once there are any.
    method report text {}

    method sandbox args {
        ::deployer::FailUnavailable sandbox
    }

    method fork args {
        ::deployer::FailUnavailable fork
    }

    method initialize args {
        ::deployer::FailUnavailable initialize
    }

    method console args {
        ::deployer::FailUnavailable console
    }

    method variable args {
        ::deployer::FailState [lindex $args 0]
    }

    method varname name {
        ::deployer::FailState $name
    }

    method <self> {} {
        return [self]
    }

    # Inside actions alone, by `my`.
    unexport unknown report fork initialize console variable varname
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
        AddLineage $mixin lineage
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
# group, describe, loggers, default, filters. The nearest class decides.
proc ::deployer::Summary class {
    variable Epoch
    namespace upvar [info object namespace $class] Summary kept
    set lineage [Lineage $class]
    if {[info exists kept]} {
        lassign $kept epoch seen summary
        # Plain oo::define changes the lineage, our own words the epoch.
        if {$epoch == $Epoch && $seen eq $lineage} {
            return $summary
        }
    }
    set summary {
        path {} source {} isolate {} justone 0 roles host group {} describe {}
        loggers {} default {} filters {}
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
                dict set summary $key [dict get $facts $key]
                dict set known $key 1
            }
        }
    }
    set kept [list $Epoch $lineage $summary]
    return $summary
}

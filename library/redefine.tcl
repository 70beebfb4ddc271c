# redefine.tcl -- deployer::define as a whole: done, or undone.
#
# Layer T2. A deal is one deployer::define at work. It remembers what the class
# and its nested classes were, and keeps the nested classes that are replaced
# aside, under other names, until all went well.

namespace eval ::deployer {
    variable DealCount 0
    # deal -> dict: states (class -> ClassState), aside (name -> name meanwhile)
    variable Deals
    array set Deals {}

    namespace eval aside {}
}

# Begins a deal about CLASS and returns its id.
proc ::deployer::DealBegin class {
    variable DealCount
    variable Deals
    set states {}
    foreach member [ClassTree $class] {
        dict set states $member [ClassState $member]
    }
    set deal [incr DealCount]
    set Deals($deal) [dict create class $class states $states aside {}]
    return $deal
}

# All went well: classes that derive from a replaced one derive from its
# successor, then the old ones die with their instances, which are made anew
# when next asked for. {DEPLOYER DEFINE name} where a successor is missing.
proc ::deployer::DealEnd deal {
    variable Deals
    variable Epoch
    set aside [dict get $Deals($deal) aside]
    set moves {}
    dict for {name old} $aside {
        foreach derived [lsort -unique [info class subclasses $old]] {
            if {$derived in [dict values $aside]} {
                continue
            }
            if {![IsService $name]} {
                Fail [list DEFINE $name] "service $name cannot go: $derived is\
                    derived from it"
            }
            lappend moves $derived $old $name
        }
        # Instances of those live on, with what they run of the old one.
        KeepClass $old
    }
    set done {}
    foreach {derived old name} $moves {
        if {[catch {
            Rederive $derived $old $name
        } message]} {
            foreach {derived old name} [lreverse $done] {
                catch {Rederive $derived $old $name}
            }
            Fail [list DEFINE $name] "service $name cannot be replaced:\
                $message"
        }
        # Read backwards: the new name gives way to the old one.
        lappend done $old $name $derived
    }
    # From here on nothing fails.
    set Deals($deal) [dict replace $Deals($deal) aside {}]
    dict for {name old} $aside {
        namespace upvar [info object namespace $old] Facts facts
        dict set facts nested {}
    }
    foreach old [dict values $aside] {
        # One may have been derived from another.
        if {[IsService $old]} {
            $old destroy
        }
    }
    unset Deals($deal)
    incr Epoch
}

# Puts everything back.
proc ::deployer::DealUndo deal {
    variable Deals
    variable Epoch
    set states [dict get $Deals($deal) states]
    set aside [dict get $Deals($deal) aside]
    set class [dict get $Deals($deal) class]
    unset Deals($deal)
    incr Epoch
    if {![IsService $class]} {
        # Its own body has destroyed it.
        foreach old [dict values $aside] {
            if {[IsService $old]} {
                $old destroy
            }
        }
        return
    }
    foreach nested [lrange [ClassTree $class] 1 end] {
        if {[IsService $nested] && (![dict exists $states $nested]
                || [dict exists $aside $nested])} {
            $nested destroy
        }
    }
    dict for {name old} $aside {
        if {[IsService $old]} {
            rename $old $name
        }
    }
    dict for {name state} $states {
        if {[IsService $name]} {
            ClassRestore $name $state
        }
    }
    incr Epoch
}

# The nested CLASS gives way to another member of its name. DEAL is "" where the
# class around it is only being made: then nobody needs it any more.
proc ::deployer::PutAside {deal class} {
    variable Deals
    if {$deal eq ""} {
        $class destroy
        return
    }
    foreach name [ClassTree $class] {
        set old ::deployer::aside::$deal.[dict size \
            [dict get $Deals($deal) aside]]
        rename $name $old
        dict set Deals($deal) aside $name $old
    }
}

# CLASS and all that is nested in it, itself first.
proc ::deployer::ClassTree class {
    set tree [list $class]
    namespace upvar [info object namespace $class] Facts facts
    foreach nested [dict get $facts nested] {
        if {[IsService $nested]} {
            lappend tree {*}[ClassTree $nested]
        }
    }
    return $tree
}

# Lets NEW take the place of OLD among the classes that CLASS derives from.
proc ::deployer::Rederive {class old new} {
    foreach {word list} {superclass superclasses mixin mixins} {
        set classes [info class $list $class]
        set changed [lmap each $classes {
            expr {$each eq $old ? $new : $each}
        }]
        if {$changed ne $classes} {
            ::oo::define $class $word -set {*}$changed
        }
    }
}

# What CLASS is, as far as TclOO tells, for ClassRestore.
proc ::deployer::ClassState class {
    set state {}
    foreach list {superclasses mixins filters destructor} {
        dict set state $list [info class $list $class]
    }
    foreach kind {class object} {
        dict set state $kind [MethodState $kind $class]
    }
    dict set state facts [set [info object namespace $class]::Facts]
    return $state
}

proc ::deployer::ClassRestore {class state} {
    foreach {word list} {
        superclass superclasses mixin mixins filter filters
    } {
        set wanted [dict get $state $list]
        if {[info class $list $class] ne $wanted} {
            # A class that has died meanwhile cannot come back.
            catch {::oo::define $class $word -set {*}$wanted}
        }
    }
    if {[info class destructor $class] ne [dict get $state destructor]} {
        ::oo::define $class destructor [dict get $state destructor]
    }
    foreach {kind define} {class ::oo::define object ::oo::objdefine} {
        set wanted [dict get $state $kind]
        set present [MethodState $kind $class]
        foreach name [dict keys $present] {
            if {![dict exists $wanted $name]} {
                $define $class deletemethod $name
            }
        }
        dict for {name entry} $wanted {
            lassign $entry public type words
            if {[dict exists $present $name]
                    && [dict get $present $name] eq $entry} {
                continue
            }
            $define $class $type $name {*}$words
            $define $class [expr {$public ? "export" : "unexport"}] $name
        }
    }
    set [info object namespace $class]::Facts [dict get $state facts]
}

# name -> {public method|forward words} of a class, or of an object by itself.
proc ::deployer::MethodState {kind thing} {
    set methods {}
    set public [info $kind methods $thing]
    foreach name [info $kind methods $thing -private] {
        # Nothing is known about a method that is written in C.
        if {![catch {info $kind methodtype $thing $name} type]
                && $type in {method forward}} {
            set word [expr {$type eq "method" ? "definition" : "forward"}]
            dict set methods $name [list [expr {$name in $public}] $type \
                [info $kind $word $thing $name]]
        }
    }
    return $methods
}

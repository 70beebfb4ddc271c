# aside.tcl -- jobs beside a prompt: what they have to ask waits until somebody
# brings them to the front, and what was abandoned has nothing to say any more.
#
# Layer T1. The key -aside of the context is the number of such a job; all that it
# calls inherits it. Without it nothing waits.

namespace eval ::deployer {
    variable AsideCount 0
    variable Asides             ;# number -> dict: state (front, back, gone), tell
                                ;# (a prefix, called once where it has something to
                                ;# ask), told, waits (waiters of those who would)
    variable AsideGone          ;# number -> 1 in the state gone
    array set Asides {}
    array set AsideGone {}
}

# A new one, in STATE; its number.
proc ::deployer::AsideBegin {state {tell {}}} {
    variable AsideCount
    variable Asides
    set Asides([incr AsideCount]) \
        [dict create state $state tell $tell told 0 waits {}]
    return $AsideCount
}

# The twin.
proc ::deployer::AsideEnd id {
    variable Asides
    variable AsideGone
    if {[info exists Asides($id)]} {
        AsideState $id gone
        unset -nocomplain Asides($id) AsideGone($id)
    }
}

# Another STATE: at the front all may ask, what is gone gets no answer.
proc ::deployer::AsideState {id state} {
    variable Asides
    variable AsideGone
    if {![info exists Asides($id)] || [info exists AsideGone($id)]} {
        return
    }
    set waits [dict get $Asides($id) waits]
    set Asides($id) [dict replace $Asides($id) state $state told 0 waits {}]
    if {$state eq "gone"} {
        set AsideGone($id) 1
    }
    foreach w $waits {
        # It may have been cancelled meanwhile.
        catch {core::waiter finish $w {}}
    }
    AskAgain
}

# The number that this code belongs to; "" for none.
proc ::deployer::AsideNow {} {
    set context [ContextGet]
    if {[dict exists $context -aside]} {
        return [dict get $context -aside]
    }
    return ""
}

# The context of a job that works for this one, and has nothing else of it.
proc ::deployer::AsideContext {} {
    set id [AsideNow]
    return [expr {$id eq "" ? {} : [list -aside $id]}]
}

# Whether ID must not ask now.
proc ::deployer::AsideIsBack id {
    variable Asides
    return [expr {[info exists Asides($id)]
        && [dict get $Asides($id) state] ne "front"}]
}

# Whether this code, or ID, has nothing to say any more.
proc ::deployer::AsideMute args {
    variable AsideGone
    if {![array size AsideGone]} {
        return 0
    }
    return [info exists AsideGone([expr {[llength $args]
        ? [lindex $args 0] : [AsideNow]}])]
}

# Whether something of ID waits to be asked.
proc ::deployer::AsideAsks id {
    variable Asides
    return [expr {[info exists Asides($id)]
        && ([llength [dict get $Asides($id) waits]] || [AskHeld $id])}]
}

# ID has something to ask: that is told, once.
proc ::deployer::AsideTell id {
    variable Asides
    if {![info exists Asides($id)] || [dict get $Asides($id) told]
            || [dict get $Asides($id) state] ne "back"} {
        return
    }
    dict set Asides($id) told 1
    set tell [dict get $Asides($id) tell]
    if {$tell ne ""} {
        {*}$tell
    }
}

# Before somebody is asked, or something takes the terminal: waits until this job
# is at the front. {DEPLOYER CANCELLED path} where that cannot be any more.
proc ::deployer::AsideGate {} {
    variable Asides
    set id [AsideNow]
    while {$id ne "" && [AsideIsBack $id]} {
        if {[AsideMute $id]} {
            Fail {CANCELLED {}} "nobody is to be asked any more"
        }
        set w [core::waiter new]
        dict lappend Asides($id) waits $w
        AsideTell $id
        try {
            Await $w
        } finally {
            if {[info exists Asides($id)]} {
                dict set Asides($id) waits [lsearch -all -inline -exact -not \
                    [dict get $Asides($id) waits] $w]
            }
        }
    }
}

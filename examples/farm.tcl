# farm.tcl -- hosts for the examples: real ones, or a private sshd.
#
#     farm::open ::demo {web1 web2}              ;# ::demo::web1, ::demo::web2
#     farm::open ::demo {web1 web2} {a me@b}     ;# on real machines
#     farm::close
#
# Without addresses the hosts are a private sshd on loopback addresses, with
# keys and configuration of its own, which are gone when it is closed.

package require deployer

namespace eval ::farm {
    variable Farm ""
    variable Hosts {}
    source [file join [file dirname [file normalize [info script]]] \
        .. tests sshd.tcl]
}

# Makes a host for each of SLUGS in namespace SPACE, and returns their names.
# ADDRESSES are ?USER@?ADDRESS?:PORT?; fewer than hosts are used in turn.
proc ::farm::open {space slugs {addresses {}}} {
    variable Farm
    variable Hosts
    if {![llength $addresses]} {
        set Farm [::sshd::farm new -count [llength $slugs] -athome 1]
    }
    set made {}
    for {set i 0} {$i < [llength $slugs]} {incr i} {
        if {$Farm ne ""} {
            set options [list -address [lindex [$Farm addresses] $i] \
                {*}[$Farm options]]
        } else {
            set at [lindex $addresses [expr {$i % [llength $addresses]}]]
            regexp {^(?:(.*)@)?(.*)$} $at -> user address
            set options {}
            if {$user ne ""} {
                lappend options -username $user
            }
            if {[regexp {^([^:]+):(\d+)$} $address -> address port]} {
                lappend options -port $port
            }
            lappend options -address $address
        }
        lappend made [deployer::sshhost create \
            ${space}::[lindex $slugs $i] {*}$options]
    }
    lappend Hosts {*}$made
    return $made
}

# Closes the connections, and ends the private sshd.
proc ::farm::close {} {
    variable Farm
    variable Hosts
    foreach host $Hosts {
        $host destroy
    }
    set Hosts {}
    if {$Farm ne ""} {
        $Farm destroy
        set Farm ""
    }
}

# Prints what was called, and the answer of each host or cell.
proc ::farm::show {call answers} {
    puts $call
    set width [tcl::mathfunc::max 6 {*}[lmap index [dict keys $answers] {
        string length $index
    }]]
    dict for {index text} $answers {
        puts [format "    %-*s %s" $width $index [string map [list \
            \n "\n[string repeat { } [expr {$width + 5}]]"] $text]]
    }
}

# demo.tcl -- the first example of the README on three SSH hosts and this one.
#
# The SSH hosts are a private sshd on loopback addresses with keys and
# configuration of its own, which are gone when the demo ends. ./quickstart
# opens it; by hand: TCLLIBPATH=build tclsh8.6 examples/demo.tcl ?ACTION ...?

package require deployer

namespace eval ::demo {
    source [file join [file dirname [file normalize [info script]]] farm.tcl]

    deployer::service create AptGet {
        property packages {}
        action update  {} { my hosts sudo {apt-get update} }
        action install {} {
            my hosts sudo \
                "apt-get install -y [deployer::quote {*}[my packages]]"
        }
    }

    deployer::service create MyWebApplication {
        service packages AptGet {
            property packages {python3 gcc}
        }
        action setup     {} { my packages install }
        action say_hello {} { my hosts run {echo hello world} }
        action start     {} { my hosts run {~/start-application.sh} }
        action uptime    {} { my hosts run uptime }
    }

    # Makes the hosts web1 web2 web3 and here, and returns a service instance
    # that stands for the application on them.
    proc Application {} {
        set hosts [::farm::open ::demo {web1 web2 web3}]
        lappend hosts [deployer::localhost create ::demo::here]
        return [MyWebApplication create ::demo::app -hosts [list host $hosts]]
    }

    # Without arguments: with a terminal two actions, else the first one.
    proc Main {actions} {
        if {[llength $actions] == 0} {
            set actions say_hello
            # Only a terminal has a -mode.
            if {![catch {chan configure stdin -mode}]} {
                lappend actions uptime
            }
        }
        puts "Three SSH hosts on a private sshd, and this machine."
        try {
            set app [Application]
            foreach action $actions {
                ::farm::show "app $action" [$app $action]
            }
        } finally {
            ::farm::close
        }
    }
}

try {
    ::demo::Main $argv
} on error {message} {
    puts stderr "demo: $message"
    exit 1
}

# demo.tcl -- the first example of the README on three SSH hosts and this one, and
# the shell on it.
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

    # What the shell of the demo shows: all hosts at once, one of them, a terminal,
    # what takes its time, what fails, and a place where care is due.
    deployer::service create Demo {
        superclass MyWebApplication
        describe "a web application on three SSH hosts and this machine"
        group local
        roles host web

        action slow -doc "takes so many seconds on all hosts: try Ctrl-C" \
                {{seconds 30}} {
            my hosts run "sleep [deployer::quote $seconds]; echo done"
        }
        action broken -doc "fails on one of the hosts: it is asked what to do" \
                {} {
            my hosts run {test "$DEMO" != web2 && echo fine}
        }

        service machine -isolate {
            describe "one machine: a cell for each, as in machine :web1 uptime"
            action uptime -doc "how long it has been running" {} {
                my host run uptime
            }
            action command -doc "runs a line of the shell" {line} {
                my host run $line
            }
            action edit -oneonly -doc "edits a file with vim" \
                    {{file /tmp/deployer-demo.txt}} {
                my host run "\$(command -v vim || echo vi)\
                    [deployer::quote $file]"
            }
            action login -oneonly -doc "a shell on the machine" {} {
                my host shell
            }
            action send -doc "copies a file to it" {file to {limit 1G}} {
                my host put -limit $limit $file $to
                return
            }
            action fetch -doc "copies a file of it to a directory here" \
                    {file directory {limit 1G}} {
                my host get -limit $limit $file \
                    [file join $directory [my host slugs]]
                return
            }
        }

        service production -map {host web} {
            describe "the servers that others rely on"
            group production
            action status -default -doc "what runs there" {} {
                my hosts run {uname -s; uptime}
            }
            action deploy -doc "one server after the other" {version} {
                if {![my console confirm -default no \
                        "Deploy $version to [join [my hosts slugs] {, }]?"]} {
                    return "nothing was deployed"
                }
                my hosts run -batch 1 \
                    "sleep 1; echo \$DEMO: [deployer::quote $version] is up"
            }
        }
    }

    # Makes the hosts web1 web2 web3 and here, and returns an instance on them.
    # OPTIONS are those of an instance.
    proc Application args {
        set web [::farm::open ::demo {web1 web2 web3}]
        set here [deployer::localhost create ::demo::here]
        foreach host [list {*}$web $here] {
            $host configure -env [list DEMO [$host cget -slug]]
        }
        return [Demo create ::demo::app \
            -hosts [list host [list {*}$web $here] web $web] {*}$args]
    }

    # Without arguments: with a terminal the shell, else one action.
    proc Main {actions} {
        # Only a terminal has a -mode.
        set asks [expr {[llength $actions] == 0
            && ![catch {chan configure stdin -mode}]}]
        if {[llength $actions] == 0} {
            set actions say_hello
        }
        puts "Three SSH hosts on a private sshd, and this machine."
        try {
            if {$asks} {
                puts {Try: say_hello, machine :web1 uptime, machine :web1 edit,\
                    broken, slow}
                deployer::shell start \
                    [Application -terminal own -interactive 1]
            } else {
                set app [Application]
                foreach action $actions {
                    ::farm::show "app $action" [$app $action]
                }
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

#!/usr/bin/env tclsh
# custom_logger.tcl -- a logger of one's own: how often, and for how long, each
# command ran, and where it failed.
#
#     tclsh examples/custom_logger.tcl

package require deployer

# A logger is an object with the method `event`, which gets a dict.
oo::class create Times {
    # Command -> {runs seconds failed}, where failed is a list of hosts.
    variable Commands

    constructor {} {
        set Commands {}
    }

    method event event {
        if {[dict get $event type] ne "run" || [dict get $event phase] ne "end"} {
            return
        }
        set command [dict get $event command]
        set entry {0 0 {}}
        if {[dict exists $Commands $command]} {
            set entry [dict get $Commands $command]
        }
        lassign $entry runs seconds failed
        set seconds [expr {$seconds + [dict get $event seconds]}]
        # A command that was lost has an error and no status.
        if {![dict exists $event status] || [dict get $event status] != 0} {
            lappend failed [dict get $event host]
        }
        dict set Commands $command [list [incr runs] $seconds $failed]
    }

    method print {} {
        foreach command [lsort [dict keys $Commands]] {
            lassign [dict get $Commands $command] runs seconds failed
            puts [format "%-24s %d runs%s" $command $runs [expr {
                [llength $failed] ? ", failed on [join [lsort $failed] {, }]"
                    : ""}]]
        }
    }
}

foreach name {web1 web2 web3} {
    deployer::localhost create $name
}

deployer::service create Site {
    hosts {host {web1 web2 web3}}
    service checks -isolate {
        action all {} {
            my host run true
            # One of them is in trouble.
            my host run "test [deployer::quote [my host slugs]] != web2"
        }
    }
    action check {} {my checks all}
}

Times create times
Site create site -loggers times

try {
    site check
} trap {DEPLOYER CELLS FAILED} {message options} {
    puts "failed: [dict keys [dict get $options -failures]]"
}

# It hears of one part alone, when it is attached there.
site loggers remove times
[site checks] loggers add times
catch {site checks :web1 all}

times print
site destroy
times destroy

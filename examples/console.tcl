# console.tcl -- questions, a table and progress on the terminal.
#
#     tclsh8.6 examples/console.tcl
#
# The hosts are this machine. Without a terminal the questions have their defaults
# as answers, and nothing is drawn.

package require deployer

namespace eval ::console {
    foreach name {web1 web2 web3 db1} {
        deployer::localhost create $name -env [dict create NAME $name]
    }

    deployer::service create Site {
        hosts {host {web1 web2 web3 db1}}

        # Several hosts at once: a bar appears if it takes longer than a second.
        action measure seconds {
            set results [my hosts run -result dict \
                "sleep [deployer::quote $seconds]; echo \"I am \$NAME\""]
            my console table -from dict -columns {stdout status} \
                -headers {Host Output Status} $results
        }

        # Many small steps, counted by the action itself.
        action unpack count {
            set progress [my console progress -total $count -unit files \
                "Unpacking"]
            for {set i 0} {$i < $count} {incr i} {
                my hosts at web1 run -pty no {sleep 0.01}
                $progress add
            }
            $progress finish
            my console columns -width 40 [lmap host [dict keys \
                [my hosts run hostname]] {string cat $host .tar}]
        }

        action restart {} {
            set host [my console select_host -default web2 \
                "Restart which host?"]
            if {[my console confirm -default yes \
                    "Restart [$host cget -slug]?"]} {
                puts "[$host cget -slug] would be restarted now."
            }
        }
    }

    Site create site -interactive 1 -terminal own
    site measure [expr {[llength $::argv] ? [lindex $::argv 0] : 2}]
    site unpack 50
    site restart
}

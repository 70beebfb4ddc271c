# resume.tcl -- a run fails on some hosts; when that is mended it goes on there.
#
#     tclsh8.6 examples/resume.tcl
#
# The hosts are this machine, what they "install" are files in a directory that
# is removed at the end, and the journals are in it as well.

package require deployer

namespace eval ::resume {
    variable Directory [exec mktemp -d]
    set ::env(XDG_STATE_HOME) $Directory/state
    deployer::runs record 1

    foreach name {web1 web2 web3} {
        deployer::localhost create $name -cwd $Directory
    }

    deployer::service create Site {
        hosts {host {web1 web2 web3}}
        service web -isolate {
            action install {} {
                set name [deployer::quote {*}[my host slugs]]
                my host run "test ! -e $name.broken"
                my host run "echo installed >> $name"
            }
        }
    }

    # How often each was installed.
    proc Count {} {
        variable Directory
        return [lmap name {web1 web2 web3} {
            expr {[file exists $Directory/$name]
                ? [file size $Directory/$name] / [string length "installed\n"]
                : 0}
        }]
    }

    Site create site
    close [open $Directory/web2.broken w]
    if {[catch {site web install} message]} {
        puts $message
    }
    puts "installed: [Count]"

    set plan [deployer::runs resume last site -plan]
    puts "to do: [dict get $plan cells], done: [dict get $plan done]"

    file delete $Directory/web2.broken
    deployer::runs resume last site
    puts "installed: [Count]"

    foreach run [deployer::runs list] {
        puts "[dict get $run path] [dict get $run action]:\
            [dict get $run state], [dict get $run hosts] hosts"
    }
    file delete -force $Directory
}

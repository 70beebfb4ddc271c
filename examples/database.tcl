# database.tcl -- roles, mapping and isolation: a master and its slaves.
#
#     tclsh8.6 examples/database.tcl                  ;# on a private sshd
#     tclsh8.6 examples/database.tcl ADDRESS ...      ;# the first is the master
#
# Nothing is done to the hosts but that files are written, and deleted again,
# below .deployer-database in the home directory.

package require deployer

namespace eval ::database {
    source [file join [file dirname [file normalize [info script]]] farm.tcl]

    deployer::service create Database {
        roles master slaves
        property folder .deployer-database

        # The slaves once more, by the name that this service has for them.
        service worker_things -map {worker slaves} {
            roles worker
            action list_workers {} { my hosts filter worker run {echo working} }
        }

        # An array: one cell for each slave. The master is in all of them.
        service config_on_slaves -map {host slaves source master} -isolate {
            roles host source
            getter file { return "[my root folder]/[my host slugs].conf" }

            action setup {} {
                set file [deployer::quote [my file]]
                my host run -stdin "follow [my hosts one source slugs]\n" \
                    "mkdir -p \"\$(dirname $file)\" && cat > $file"
                return "[my info path] is set up"
            }
            action show {} { my host run "cat [deployer::quote [my file]]" }
        }

        action do_something {} { my hosts filter master run {echo hello} }
        action clean {} {
            my hosts run "rm -rf [deployer::quote [my folder]]"
        }
    }

    proc Main addresses {
        set count [expr {max(3, [llength $addresses])}]
        set slugs {}
        for {set i 1} {$i <= $count} {incr i} {
            lappend slugs db$i
        }
        try {
            set slaves [lassign [::farm::open ::database $slugs $addresses] \
                master]
            Database create ::database::db \
                -hosts [dict create master $master slaves $slaves]
            ::farm::show "db do_something" [db do_something]
            ::farm::show "db worker_things list_workers" \
                [db worker_things list_workers]
            try {
                ::farm::show "db config_on_slaves setup" \
                    [db config_on_slaves setup]
                ::farm::show "db config_on_slaves show" \
                    [db config_on_slaves show]
                puts "db config_on_slaves :db3 show"
                puts "    [db config_on_slaves :db3 show]"
            } finally {
                db clean
            }
        } finally {
            ::farm::close
        }
    }
}

try {
    ::database::Main $argv
} on error {message} {
    puts stderr "database: $message"
    exit 1
}

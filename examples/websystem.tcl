# websystem.tcl -- a whole system: load balancer, web servers, cache, queue,
# master and slave databases; once on one host, once on many.
#
#     tclsh8.6 examples/websystem.tcl                 ;# on a private sshd
#     tclsh8.6 examples/websystem.tcl ADDRESS ...     ;# hosts, used in turn
#
# Nothing is done to the hosts but that files are written, and deleted again,
# below .deployer-websystem in the home directory.

package require deployer

namespace eval ::websystem {
    source [file join [file dirname [file normalize [info script]]] farm.tcl]

    # What all servers have in common; each works in a cell of its own.
    deployer::service create Server {
        property software
        property port
        getter address  { return [my host slugs]:[my port] }
        getter settings { return {} }
        getter file {
            return "[my root folder]/[my parent info name]/[
                my host slugs]/[my software].conf"
        }

        action setup {} {
            set file [deployer::quote [my file]]
            my host run \
                -stdin [join [list "listen [my port]" {*}[my settings] {}] \n] \
                "mkdir -p \"\$(dirname $file)\" && cat > $file"
            return "[my software] at [my address]"
        }
        action show {} { my host run "cat [deployer::quote [my file]]" }
    }

    deployer::service create System {
        roles balancer web cache queue master slaves

        service database Server -map {host master} -isolate -justone {
            property software postgres
            property port 5432
        }
        service replicas Server -map {host slaves} -isolate {
            property software postgres-replica
            property port 5433
            query source {parent database address}
            getter settings { list "follow [my source]" }
        }
        service cache Server -map {host cache} -isolate -justone {
            property software redis
            property port 6379
        }
        service queue Server -map {host queue} -isolate -justone {
            property software rabbitmq
            property port 5672
        }
        service web Server -map {host web} -isolate {
            property software gunicorn
            property port 8000
            property workers 1
            query database {parent database address}
            query cache    {parent cache address}
            query queue    {parent queue address}
            getter settings {
                list "workers [my workers]" "database [my database]" \
                    "cache [my cache]" "queue [my queue]"
            }
        }
        service balancer Server -map {host balancer} -isolate -justone {
            property software haproxy
            property port 80
            # An array gives a dict: the address of each web server.
            query backends {parent web address}
            getter settings {
                lmap address [dict values [my backends]] {
                    string cat "server $address"
                }
            }
        }

        # From the data to the door: {service what-it-did ...}. An array sets
        # its cells up in parallel.
        action deploy {} {
            set done {}
            foreach name {database replicas cache queue web balancer} {
                set result [my $name setup]
                if {[my $name info array]} {
                    set result [join [dict values $result] {, }]
                }
                dict set done $name $result
            }
            return $done
        }
    }

    # The same system twice. What differs stands here.
    deployer::service create Company {
        property folder .deployer-websystem

        service staging System {
            group staging
            hosts {
                balancer stage web stage cache stage queue stage
                master stage slaves stage
            }
        }
        service production System {
            group production
            hosts {
                balancer lb1 web {web1 web2 web3} cache mem1 queue mem1
                master db1 slaves {db2 db3}
            }
            property web.workers 8
        }
        action clean {} {
            foreach system {staging production} {
                my $system hosts run "rm -rf [deployer::quote [my folder]]"
            }
        }
    }

    proc Main addresses {
        try {
            ::farm::open ::websystem \
                {stage lb1 web1 web2 web3 mem1 db1 db2 db3} $addresses
            Company create ::websystem::company
            try {
                foreach system {staging production} {
                    ::farm::show "company $system deploy   (group [
                        company $system info group], hosts: [
                        company $system hosts count])" \
                        [company $system deploy]
                }
                ::farm::show "company production web show" \
                    [company production web show]
                puts "company production balancer show"
                puts [company production balancer show]
                puts "company staging web :stage workers"
                puts [company staging web :stage workers]
            } finally {
                company clean
            }
        } finally {
            ::farm::close
        }
    }
}

try {
    ::websystem::Main $argv
} on error {message} {
    puts stderr "websystem: $message"
    exit 1
}

# cells.tcl -- what it costs to call an action on an array.
#
#     tclsh tests/bench/cells.tcl ?COUNT ...?
#
# For each COUNT of hosts (1000 10000), at -parallel 32: microseconds for each
# cell of an action that does nothing, of one in a service below the array, of a
# property and of one that asks for its host, then of an action that does
# nothing in a class that stands in a namespace, and of one with a filter; the
# same for a plain coroutine with a TclOO object, as a measure of this machine;
# one error for each cell; and the resident memory before and after ten more
# calls.

package require deployer

namespace eval ::bench {}

deployer::service create ::bench::App {
    service cells -isolate {
        property constant 1
        action nothing {} {}
        action fail {} {error no}
        action slug {} {my host slugs}
        service below {
            action nothing {} {}
        }
    }
}

namespace eval ::bench::inner {
    deployer::service create App {
        isolate
        action nothing {} {}
    }
}

deployer::service create ::FilteredApp {
    isolate
    action nothing {} {}
    method watch args {next {*}$args}
    filter watch
}

oo::class create ::bench::Plain {
    method nothing {} {}
}

# The least of seven measurements, in microseconds for each of COUNT.
proc ::bench::cost {count script} {
    set best ""
    for {set i 0} {$i < 7} {incr i} {
        set cost [expr {double([lindex [uplevel 1 [list time $script]] 0])
            / $count}]
        if {$best eq "" || $cost < $best} {
            set best $cost
        }
    }
    return $best
}

proc ::bench::plain count {
    for {set i 0} {$i < $count} {incr i} {
        coroutine ::bench::job apply {{} {
            set object [::bench::Plain new]
            $object nothing
            $object destroy
        }}
    }
}

# Resident kilobytes of this process.
proc ::bench::memory {} {
    set channel [open /proc/self/statm]
    set pages [lindex [read $channel] 1]
    close $channel
    return [expr {$pages * 4}]
}

proc ::bench::main counts {
    if {![llength $counts]} {
        set counts {1000 10000}
    }
    puts [format "%8s%s %10s %10s" cells [join [lmap name {
        nothing below property host space filter plain fail
    } {format "%9s" $name}] {}] "before kB" "after kB"]
    foreach count $counts {
        set hosts {}
        for {set i 0} {$i < $count} {incr i} {
            lappend hosts [deployer::localhost create ::bench::h$i]
        }
        App create app -hosts [list host $hosts] -parallel 32
        set row {}
        foreach words {nothing {below nothing} constant slug} {
            lappend row [cost $count [list app cells {*}$words]]
        }
        foreach class {::bench::inner::App ::FilteredApp} {
            $class create other -hosts [list host $hosts] -parallel 32
            lappend row [cost $count {other nothing}]
            other destroy
        }
        lappend row [cost $count [list ::bench::plain $count]]
        lappend row [cost $count {catch {app cells fail}}]
        set before [memory]
        for {set i 0} {$i < 10} {incr i} {
            app cells nothing
        }
        puts [format "%8d%s %10d %10d" $count \
            [join [lmap cost $row {format "%9.2f" $cost}] {}] $before [memory]]
        app destroy
        foreach host $hosts {
            $host destroy
        }
    }
}

namespace eval ::bench {
    main $::argv
}

# journal.tcl -- what the journal of a run costs for each command.
#
# usage: tclsh journal.tcl PORT USER KEYFILE KNOWNHOSTS ADDRESS ?PAIRS?
#
# One action runs `true` on a warm host again and again, and an array does in 100
# cells; small turns with and without a journal take turns, PAIRS (100) of each.
# Processor time of this process; medians. One line comes out, a Tcl dict of
# microseconds: run and cells without, and how much more with a journal.

package require deployer

namespace eval journal {
    variable Turn 20
}

deployer::service create journal::App {
    action many count {
        for {set i 0} {$i < $count} {incr i} {
            my hosts at host run true
        }
    }
    service cells -isolate {
        action one {} {my host run true}
    }
}

# Nanoseconds of a processor.
proc journal::Now {} {
    set channel [open /proc/self/schedstat]
    set used [lindex [read $channel] 0]
    close $channel
    return $used
}

proc journal::Median values {
    return [lindex [lsort -real $values] [expr {[llength $values] / 2}]]
}

# {WITHOUT MORE} for SCRIPT, which runs COUNT commands.
proc journal::Pairs {pairs count script} {
    for {set i -2} {$i < $pairs} {incr i} {
        # Neither is always the first one.
        foreach on [expr {$i % 2 ? {0 1} : {1 0}}] {
            deployer::runs record $on
            set begin [Now]
            uplevel #0 $script
            set used($on) [expr {([Now] - $begin) / 1000.0 / $count}]
        }
        if {$i >= 0} {
            lappend without $used(0)
            lappend more [expr {$used(1) - $used(0)}]
        }
    }
    return [list [Median $without] [Median $more]]
}

proc journal::main {port user key knownhosts address {pairs 100}} {
    variable Turn
    set common [list -address $address -port $port -username $user \
        -keyfile [list $key] -knownhosts $knownhosts -agent 0 -config {}]
    set hosts [deployer::sshhost new -slug host {*}$common]
    App create app -hosts [list host $hosts] -parallel 1
    for {set i 0} {$i < 100} {incr i} {
        lappend cells [deployer::localhost new -slug c$i]
    }
    App create cells -hosts [list host $cells] -parallel 1
    lassign [Pairs $pairs $Turn [list journal::app many $Turn]] run runMore
    lassign [Pairs [expr {$pairs / 5}] 100 {journal::cells cells one}] \
        cell cellMore
    return [list mode journal run $run runMore $runMore cell $cell \
        cellMore $cellMore]
}

puts [journal::main {*}$argv]
exit

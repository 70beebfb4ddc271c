# client.tcl -- the deployer's side of the benchmarks, through its public API.
#
# usage: client.tcl MODE PORT USER KEYFILE KNOWNHOSTS COUNT ADDRESS ...
#
# The modes are those of l2.c; one line comes out, a Tcl dict as there.

package require deployer

namespace eval client {
    variable Common {}
}

proc client::Now {} {
    return [expr {[clock microseconds] / 1000.0}]
}

proc client::Host {slug address} {
    variable Common
    return [deployer::sshhost new -slug $slug -address $address {*}$Common]
}

proc client::ResidentKb {} {
    set file [open /proc/self/status]
    set text [read $file]
    close $file
    regexp {VmRSS:\s+(\d+)} $text -> kb
    return $kb
}

# `true` on every address, all cold.
proc client::fan {count addresses} {
    set hosts {}
    foreach address $addresses {
        lappend hosts [Host $address $address]
    }
    deployer::hosts create all [list host $hosts]
    set start [Now]
    set results [all run -parallel 32 true]
    return [list ok [dict size $results] wall [expr {[Now] - $start}]]
}

# One cold host: from nothing to the first result.
proc client::one {count addresses} {
    set start [Now]
    set host [Host one [lindex $addresses 0]]
    $host run true
    return [list ok 1 wall [expr {[Now] - $start}]]
}

proc client::seq {count addresses} {
    set host [Host one [lindex $addresses 0]]
    $host connect
    set start [Now]
    for {set i 0} {$i < $count} {incr i} {
        $host run true
    }
    return [list ok $i wall [expr {[Now] - $start}]]
}

# Eight coroutines share one connection.
proc client::par8 {count addresses} {
    variable Left $count
    variable Running 8
    set host [Host one [lindex $addresses 0]]
    $host connect
    set start [Now]
    for {set i 0} {$i < 8} {incr i} {
        coroutine ::client::worker$i ::client::Worker $host
    }
    while {$Running > 0} {
        vwait ::client::Running
    }
    return [list ok [expr {$count - $Left}] wall [expr {[Now] - $start}]]
}

proc client::Worker {host} {
    variable Left
    variable Running
    while {$Left > 0} {
        incr Left -1
        $host run true
    }
    incr Running -1
}

# COUNT connections to each address stay open; meanwhile Tcl's own means,
# which are bound to descriptors below 1024, must go on working.
proc client::idle {count addresses} {
    set hosts {}
    set i 0
    foreach address $addresses {
        for {set j 0} {$j < $count} {incr j} {
            lappend hosts [Host h[incr i] $address]
        }
    }
    deployer::hosts create all [list host $hosts]
    set before [ResidentKb]
    set start [Now]
    set results [all run -parallel 32 true]
    set wall [expr {[Now] - $start}]
    set connected 0
    foreach host $hosts {
        incr connected [$host connected]
    }
    set kb [expr {([ResidentKb] - $before) / double([llength $hosts])}]
    return [list ok [dict size $results] connected $connected wall $wall \
        kbeach [format %.1f $kb] exec [ExecWorks] fileevent [FileeventWorks] \
        again [expr {[[lindex $hosts end] run {echo again}] eq "again"}]]
}

proc client::ExecWorks {} {
    return [expr {![catch {exec true}]
        && ![catch {exec echo word} word] && $word eq "word"}]
}

proc client::FileeventWorks {} {
    variable Lines 0
    set file [open [info script]]
    fileevent $file readable [list client::Line $file]
    set timer [after 5000 {set ::client::Lines -1}]
    vwait ::client::Lines
    after cancel $timer
    close $file
    return [expr {$Lines == 1}]
}

proc client::Line {file} {
    variable Lines
    incr Lines [expr {[gets $file] ne ""}]
}

proc client::main {mode port user key knownhosts count args} {
    variable Common [list -port $port -username $user -keyfile [list $key] \
        -knownhosts $knownhosts -hostkey strict -config {} -agent 0]
    puts [list mode $mode {*}[$mode $count $args]]
}

client::main {*}$argv

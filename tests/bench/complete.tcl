# complete.tcl -- what Tab costs in the shell on 10,000 hosts. Sourced by run.tcl.

# The words that are offered are made in this process; what the editor does with
# them is in the rows of keys.
proc bench::complete {} {
    package require deployer::shell
    set count 10000
    set hosts {}
    for {set i 0} {$i < $count} {incr i} {
        lappend hosts [deployer::sshhost create ::bench::many[format %05d $i] \
            -address 10.0.[expr {$i / 256}].[expr {$i % 256}]]
    }
    deployer::service create ::bench::Many {
        roles host few
        service web -isolate {
            action restart {} {}
            action on {host} {}
            service below -map {host few} -isolate { action x {} {} }
        }
    }
    ::bench::Many create ::bench::tree \
        -hosts [list host $hosts few [lrange $hosts 0 1]]
    set place [deployer::shell::PlaceAt ::bench::tree]
    foreach {line what} {
        {web } "a list without cells"
        {web :} "all cells"
        {web :many0} "all cells, with a part of their names"
        {web :many00123 re} "an action of one"
        {web at many} "all indexes"
        {web on } "all hosts, as an argument"
        {web below :many00123:} "cells of a second dimension"
    } {
        set length [string length $line]
        set times {}
        for {set i 0} {$i < ([Opt -quick] ? 5 : 50)} {incr i} {
            set begin [clock microseconds]
            set found [deployer::shell::CompleteAt "" $place $line $length]
            lappend times [expr {([clock microseconds] - $begin) / 1000.0}]
        }
        Row "Tab on 10,000 hosts: $what ([llength [dict get $found words]]\
            offered) / 10 ms" [MedianOf $times] 10 {<= 1.0}
    }
    ::bench::tree destroy
    ::bench::Many destroy
    foreach host $hosts {
        $host destroy
    }
}

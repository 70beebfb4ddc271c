# sets.tcl -- large containers: build, filter, map, all cells; node sets.
#
# usage: tclsh sets.tcl ?MAXCOUNT?
#
# 1,000, 10,000 and 100,000 hosts, each size in a process of its own. Smaller
# sizes are done as many times as make up the largest, all results kept, so that
# times and bytes are means. Host objects and lists of them are made beforehand
# and not counted; the first look at them is. The limits are 1 s in total and
# 200 bytes for each host and level at the largest size.

package require Tcl 8.6
package require deployer

namespace eval bench {
    variable Missed 0
    variable Levels 5           ;# sets that hold all hosts: one of each step
}

proc bench::ResidentBytes {} {
    set file [open /proc/self/statm]
    set pages [lindex [read $file] 1]
    close $file
    return [expr {$pages * 4096}]
}

# Evaluates SCRIPT in the caller's frame and adds its microseconds to the key
# STEP of the dict TIMES there.
proc bench::Step {step script} {
    upvar 1 times times
    set begin [clock microseconds]
    uplevel 1 $script
    dict incr times $step [expr {[clock microseconds] - $begin}]
}

proc bench::Limit {text value limit unit} {
    variable Missed
    set met [expr {$value <= $limit}]
    if {!$met} {
        set Missed 1
    }
    puts [format "  %-44s %10.1f %s  limit %g: %s" $text $value $unit $limit \
        [expr {$met ? "met" : "MISSED"}]]
}

# Two roles that share a fifth of HOSTS, as MAP takes them; the views through
# which a tree of three nested services sees them; the cells of the array whose
# innermost service has one dimension, and of one that has two.
proc bench::Round {hosts keepVar timesVar} {
    upvar 1 $keepVar keep $timesVar times
    set count [llength $hosts]
    set web [lrange $hosts 0 [expr {$count * 6 / 10 - 1}]]
    set db [lrange $hosts [expr {$count * 4 / 10}] end]
    set few [lrange $hosts 0 9]
    Step build {
        set all [deployer::hosts new [list web $web db $db few $few]]
    }
    Step filter {
        set part [$all filter {db web}]
    }
    set view [[info object namespace $part]::my View]
    set maps {{node * db db} {x {db node} y db} {z y host {x y}}}
    Step map {
        set views {}
        foreach map $maps {
            set view [deployer::HostsMapped $view $map ::]
            lappend views $view
        }
    }
    set set [deployer::HostsSet [[info object namespace $all]::my View]]
    set levels [lmap map $maps path {/a /a/b /a/b/c} role {{} {} host} {
        list [list map $map ::] $role $path
    }]
    Step cells {
        set one [deployer::core::hostset cells $set $levels]
    }
    if {[llength $one] != $count} {
        error "[llength $one] cells of $count hosts"
    }
    # The few of the first level times a tenth of the hosts of the third.
    set tenth [deployer::core::hostset make \
        [list own [lrange $hosts 0 [expr {$count / 10 - 1}]]] ::]
    Step cells2 {
        set two [deployer::core::hostset cells $set [list {{} few /} \
            {{map {few few host *} ::} {} /a} \
            [list [list hosts $tenth] own /a/b]]]
    }
    if {[llength $two] != $count} {
        error "[llength $two] cells in two dimensions of $count hosts"
    }
    lappend keep $all $part $views
    return [list $one $two]
}

# One size, in this process: prints its rows and returns the microseconds of a
# host.
proc bench::Size {count largest} {
    variable Levels
    set rounds [expr {$largest / $count}]
    set hosts {}
    for {set i 0} {$i < $count} {incr i} {
        lappend hosts [deployer::localhost create ::bench::h$i]
    }
    set times {}
    set keep {}
    set before [ResidentBytes]
    for {set i 0} {$i < $rounds} {incr i} {
        Round $hosts keep times
    }
    set bytes [expr {([ResidentBytes] - $before)
        / double($count * $rounds * $Levels)}]
    puts "$count hosts (mean of $rounds):"
    set total 0
    dict for {step microseconds} $times {
        set each [expr {$microseconds / double($rounds)}]
        puts [format "  %-44s %10.2f ms  %7.3f us a host" $step \
            [expr {$each / 1000.0}] [expr {$each / $count}]]
        set total [expr {$total + $each}]
    }
    if {$count == $largest} {
        Limit "in total" [expr {$total / 1000.0}] 1000 ms
        Limit "memory, for each host and level" $bytes 200 bytes
    } else {
        puts [format "  %-44s %10.1f ms" "in total" [expr {$total / 1000.0}]]
        puts [format "  %-44s %10.1f bytes" "memory, for each host and level" \
            $bytes]
    }
    return [expr {$total / $count}]
}

proc bench::Sets largest {
    variable Missed
    set costs {}
    foreach count [list [expr {$largest / 100}] [expr {$largest / 10}] \
            $largest] {
        set lines [split [exec [info nameofexecutable] [info script] \
            -size $count $largest] \n]
        puts [join [lrange $lines 0 end-1] \n]
        lassign [lindex $lines end] cost missed
        lappend costs [format %.3f $cost]
        set Missed [expr {$Missed || $missed}]
    }
    puts "cost of a host at each size: [join $costs {, }] us"
}

# Milliseconds of the quickest of five.
proc bench::Quickest script {
    set best 1e9
    for {set i 0} {$i < 5} {incr i} {
        set begin [clock microseconds]
        uplevel 1 $script
        set best [expr {min($best, ([clock microseconds] - $begin) / 1000.0)}]
    }
    return $best
}

# Names of one pattern; tests/bench/nodeset.tcl has more cases.
proc bench::Nodesets count {
    set program [auto_execok nodeset]
    if {$program eq ""} {
        puts "nodeset: left out, ClusterShell's program is not installed"
        return
    }
    for {set i 0} {$i < $count} {incr i} {
        lappend names node[format %06d [expr {$i * 7 % ($count * 2)}]]
    }
    set text [deployer::nodeset fold $names]
    # From a file: nodeset takes what one read of a pipe gives for all.
    set chan [file tempfile file]
    puts "$count names, the quickest of five; nodeset is a whole process:"
    foreach {word input ours theirs} [list \
            fold [join $names \n] {deployer::nodeset fold $names} -f \
            expand $text {deployer::nodeset expand $text} -e] {
        seek $chan 0
        chan truncate $chan
        puts $chan $input
        flush $chan
        set us [Quickest $ours]
        set them [Quickest {exec {*}$program $theirs < $file}]
        puts [format "  %-8s deployer %8.1f ms, nodeset %8.1f ms, ratio %.3f" \
            $word $us $them [expr {$us / $them}]]
        if {$us >= $them} {
            variable Missed 1
        }
    }
    puts [format "  %-8s nodeset  %8.1f ms" "no names" \
        [Quickest {exec {*}$program -f x}]]
    close $chan
    file delete $file
}

if {[lindex $argv 0] eq "-size"} {
    puts [list [bench::Size {*}[lrange $argv 1 end]] $bench::Missed]
    exit
}
set count [expr {[llength $argv] ? [lindex $argv 0] : 100000}]
bench::Sets $count
bench::Nodesets $count
exit $bench::Missed

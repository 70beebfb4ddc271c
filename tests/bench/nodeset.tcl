# nodeset.tcl -- folding and expanding names: deployer against ClusterShell.
#
# usage: tclsh nodeset.tcl ?COUNT? ?ROUNDS?
#
# COUNT (100000) names, ROUNDS (5) in turn after one for warming up; medians.
# For `nodeset` the whole process is measured, and beside it an empty call, so
# that what Python takes to start can be seen; for deployer the call alone, and
# beside it a process that loads the package, reads the names and prints.

package require Tcl 8.6
package require deployer

namespace eval bench {
    variable Samples {}         ;# row -> list of milliseconds
}

# Evaluates SCRIPT once and adds what it took to ROW.
proc bench::Sample {row script} {
    variable Samples
    set begin [clock microseconds]
    uplevel 1 $script
    dict lappend Samples $row [expr {([clock microseconds] - $begin) / 1000.0}]
}

proc bench::Median {row} {
    variable Samples
    set counted [lsort -real [lrange [dict get $Samples $row] 1 end]]
    return [lindex $counted [expr {[llength $counted] / 2}]]
}

proc bench::Write {dir name text} {
    set chan [open [file join $dir $name] w]
    puts $chan $text
    close $chan
}

# Names in mixed order, so that nobody profits from sorted ones.
proc bench::Mixed {names} {
    expr {srand(1)}
    return [lmap pair [lsort -real -index 0 [lmap name $names {
        list [expr {rand()}] $name
    }]] {lindex $pair 1}]
}

proc bench::Process {word file} {
    return [exec [info nameofexecutable] << [format {
        package require deployer
        set chan [open {%s}]
        puts [join [deployer::nodeset %s [read $chan]] \n]
    } $file $word]]
}

proc bench::Case {title names dir rounds} {
    variable Samples {}
    set text [deployer::nodeset fold $names]
    Write $dir names [join $names \n]
    Write $dir text $text
    for {set i 0} {$i <= $rounds} {incr i} {
        Sample "fold    deployer" {deployer::nodeset fold $names}
        Sample "fold    deployer, process" {Process fold $dir/names}
        Sample "fold    nodeset" {exec nodeset -f < $dir/names}
        Sample "expand  deployer" {deployer::nodeset expand $text}
        Sample "expand  deployer, process" {Process expand $dir/text}
        Sample "expand  nodeset" {exec nodeset -e -S \n < $dir/text}
        Sample "        nodeset, empty" {exec nodeset -e x}
    }
    puts "$title: [llength $names] names,\
        [string length $text] characters folded"
    foreach row [dict keys $Samples] {
        set reference [string range $row 0 7]nodeset
        if {![dict exists $Samples $reference]} {
            puts [format {  %-28s %10.1f ms} $row [Median $row]]
            continue
        }
        puts [format {  %-28s %10.1f ms  1 : %.1f} $row [Median $row] \
            [expr {[Median $reference] / [Median $row]}]]
    }
}

proc bench::Main {{count 100000} {rounds 5}} {
    close [file tempfile name]
    file delete $name
    file mkdir $name
    try {
        set names [deployer::nodeset expand web\[1-$count\]]
        Case "one range, in order" $names $name $rounds
        Case "one range, mixed" [Mixed $names] $name $rounds
        Case "every other number, mixed" [Mixed [deployer::nodeset expand \
            web\[1-[expr {2 * $count}]/2\]]] $name $rounds
        Case "racks and nodes, mixed" [Mixed [deployer::nodeset expand \
            r\[1-100\]n\[1-[expr {$count / 100}]\]]] $name $rounds
    } finally {
        file delete -force $name
    }
}

bench::Main {*}$argv

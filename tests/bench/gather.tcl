# gather.tcl -- grouping the outputs of 10,000 hosts.
#
# usage: tclsh gather.tcl ?COUNT? ?BYTES? ?ROUNDS?
#
# COUNT (10000) hosts with BYTES (1024) or a little more of output each, ROUNDS
# (5) after one for warming up; medians of processor time. Cases: all equal; each
# with its own name, times and numbers in an output like that of several
# commands; all different. The limit is 100 ms for the text. Where clubak of
# ClusterShell is there it is measured beside it on the first case, once, as a
# whole process.

package require Tcl 8.6
package require deployer

namespace eval bench {
    variable Missed 0
    variable Limit 100.0
}

# What this thread has had of a processor, in milliseconds; else the time.
proc bench::Now {} {
    if {[catch {open /proc/thread-self/schedstat} chan]} {
        return [expr {[clock microseconds] / 1000.0}]
    }
    set used [lindex [read $chan] 0]
    close $chan
    return [expr {$used / 1e6}]
}

proc bench::Median {rounds script} {
    set times {}
    for {set i 0} {$i <= $rounds} {incr i} {
        set begin [Now]
        uplevel 1 $script
        lappend times [expr {[Now] - $begin}]
    }
    return [lindex [lsort -real [lrange $times 1 end]] [expr {$rounds / 2}]]
}

# Lines as of uname, date, uptime, df, ls and a log, up to so many bytes.
proc bench::Output {host i bytes} {
    set second [format %02d [expr {$i % 60}]]
    set text "Linux $host 6.1.0-18-amd64 #1 SMP Debian 6.1.76-1\n"
    append text "Mon Nov 23 05:21:$second UTC 2026\n"
    append text " 05:29:$second up 3 days, 1:$second, 2 users,\
        load average: 0.$second, 0.08, 0.01\n"
    append text "Filesystem      Size  Used Avail Use% Mounted on\n"
    append text "/dev/sda1        20G  [expr {$i % 19}]G   11G  45% /\n"
    while {[string length $text] < $bytes} {
        append text "Nov 23 05:20:$second $host sshd\[[expr {$i + 1000}]\]:\
            Accepted publickey for deploy from 10.0.[expr {$i / 250}].7\n"
        append text "the service is configured as it should be and all of\
            its files are in their places\n"
    }
    return $text
}

proc bench::Case {title results rounds} {
    variable Missed
    variable Limit
    set time [Median $rounds {set text [deployer::gather -width 80 $results]}]
    set list [Median $rounds {
        set groups [deployer::gather -result list $results]
    }]
    set met [expr {$time <= $Limit}]
    if {!$met} {
        set Missed 1
    }
    puts [format {  %-34s %5d groups  text %7.1f ms  list %7.1f ms  %s} \
        $title [llength $groups] $time $list [expr {$met ? "met" : "MISSED"}]]
}

proc bench::Clubak {results} {
    if {[auto_execok clubak] eq ""} {
        return
    }
    set lines {}
    dict for {host text} $results {
        foreach line [split $text \n] {
            lappend lines "$host: $line"
        }
    }
    set file [file tempfile name]
    puts $file [join $lines \n]
    close $file
    set begin [clock milliseconds]
    exec clubak -b < $name
    set time [expr {[clock milliseconds] - $begin + 0.0}]
    file delete $name
    puts [format {  %-34s                text %7.1f ms} \
        "all equal, clubak -b, its process" $time]
}

proc bench::Main {{count 10000} {bytes 1024} {rounds 5}} {
    variable Missed
    variable Limit
    set equal {}
    set varied {}
    set different {}
    for {set i 1} {$i <= $count} {incr i} {
        dict set equal web$i [Output web 7 $bytes]
        dict set varied web$i [Output web$i $i $bytes]
        set word [string map {0 q 1 w 2 e 3 r 4 t 5 y 6 u 7 i 8 o 9 p} $i]
        dict set different web$i $word[Output web $i $bytes]
    }
    puts "$count hosts with $bytes bytes each, limit $Limit ms"
    Case "all equal" $equal $rounds
    Case "names, times and numbers differ" $varied $rounds
    Case "all different" $different $rounds
    Clubak $equal
    exit $Missed
}

bench::Main {*}$argv

# journal.tcl -- what the journal of a run costs, and for each command of it.
#
# usage: tclsh journal.tcl PORT USER KEYFILE KNOWNHOSTS ADDRESS ?PAIRS?
#
# One action runs `true` on a warm host so many times, over SSH ("run"), or an
# array of so many cells does on this machine ("cell"). Single runs with and
# without a journal take turns, PAIRS (100) of them and up to twice as many, until
# the median of their differences is known to 3 us a command. Processor time of this
# process, all of its threads.
#
# One line comes out, a Tcl dict of microseconds. For KIND run and cell and COUNT
# commands a run: KIND,COUNT is what a command costs without a journal,
# KIND,COUNT,more how much more with one, KIND,COUNT,spread how far off that may
# be. The line through runs of 20 and 200 parts this into that of each command and
# that of a run: KIND,slope and KIND,own. And file: what the file system takes to make
# a file there; tidy: what a run has of the looking for old journals, where there
# are as many as are kept.

package require deployer

namespace eval journal {
    variable Counts {1 20 200}
    variable Close 3.0
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

# Nanoseconds of a processor. They are counted when a thread leaves it, else every
# few ms.
proc journal::Now {} {
    after 1
    set used 0
    foreach file [glob /proc/self/task/*/schedstat] {
        # A thread may have ended.
        catch {
            set channel [open $file]
            incr used [lindex [read $channel] 0]
            close $channel
        }
    }
    return $used
}

# Microseconds of SCRIPT.
proc journal::Used script {
    set begin [Now]
    uplevel #0 $script
    return [expr {([Now] - $begin) / 1000.0}]
}

proc journal::At {values part} {
    return [lindex [lsort -real $values] [expr {int([llength $values] * $part)}]]
}

proc journal::Median values {
    return [At $values 0.5]
}

# How far off the median of VALUES may be, 19 times out of 20.
proc journal::Spread values {
    return [expr {1.8 * ([At $values 0.75] - [At $values 0.25])
        / sqrt([llength $values])}]
}

# {WITHOUT MORE SPREAD} for SCRIPT, which runs COUNT commands; of each.
proc journal::Pairs {pairs count script} {
    variable Close
    set limit [expr {2 * $pairs}]
    for {set i -2} {$i < $pairs} {incr i} {
        # Neither is always the first one.
        foreach on [expr {$i % 2 ? {0 1} : {1 0}}] {
            deployer::runs record $on
            set used($on) [expr {[Used $script] / $count}]
        }
        if {$i >= 0} {
            lappend without $used(0)
            lappend more [expr {$used(1) - $used(0)}]
        }
        if {$i == $pairs - 1 && $pairs < $limit && [Spread $more] > $Close} {
            incr pairs 10
        }
    }
    return [list [Median $without] [Median $more] [Spread $more]]
}

# To make a file beside the journals, and not only to open it.
proc journal::File pairs {
    set path [file join $::env(XDG_STATE_HOME) deployer runs bench]
    for {set i 0} {$i < $pairs} {incr i} {
        foreach which {made there} {
            lappend $which [Used [list close [open $path-$i a 0600]]]
        }
    }
    set made [Median $made]
    file delete {*}[glob $path-*]
    return [expr {$made - [Median $there]}]
}

# The looking for old journals, of which so many are too many as are made between
# two looks.
proc journal::Tidy times {
    set directory [file join $::env(XDG_STATE_HOME) deployer runs]
    set often $deployer::JournalOften
    set keep [dict get $deployer::RunsKeep keep]
    deployer::runs forget -keep 0
    for {set i 0} {$i <= $times} {incr i} {
        for {set at [llength [glob -nocomplain -directory $directory *.jsonl]]
        } {$at < $keep + $often} {incr at} {
            set channel [open [file join $directory [clock format \
                [expr {[clock seconds] - 100000 + [incr made]}] \
                -format %Y%m%d-%H%M%S]-[format %06d $made].jsonl] w 0600]
            puts $channel [string repeat {{"journal":1,"state":"done"} } 150]
            close $channel
        }
        lappend used [Used [list deployer::JournalForget $deployer::RunsKeep]]
    }
    return [expr {[Median [lrange $used 1 end]] / $often}]
}

proc journal::main {port user key knownhosts address {pairs 100}} {
    variable Counts
    set common [list -address $address -port $port -username $user \
        -keyfile [list $key] -knownhosts $knownhosts -agent 0 -config {}]
    set hosts [deployer::sshhost new -slug host {*}$common]
    App create app -hosts [list host $hosts] -parallel 1
    foreach count $Counts {
        while {[llength [lappend cells]] < $count} {
            lappend cells [deployer::localhost new -slug c[llength $cells]]
        }
        App create cells$count -hosts [list host $cells] -parallel 1
    }
    set results {mode journal}
    foreach kind {run cell} script {{journal::app many %d}
        {journal::cells%d cells one}} {
        foreach count $Counts {
            lassign [Pairs [expr {$count > 100 ? $pairs / 4 : $pairs}] $count \
                [format $script $count]] without more spread
            lappend results $kind,$count $without $kind,$count,more $more \
                $kind,$count,spread $spread
            set total($count) [expr {$more * $count}]
        }
        set slope [expr {($total(200) - $total(20)) / 180.0}]
        lappend results $kind,slope $slope \
            $kind,own [expr {$total(20) - 20 * $slope}]
    }
    return [list {*}$results file [File $pairs] tidy [Tidy 10]]
}

puts [journal::main {*}$argv]
exit

# fanout.tcl -- one job for each key, so many at once, in batches.
#
# Layer T1.

namespace eval ::deployer {
    variable FanCount 0
    variable Fans               ;# id -> keys of jobs that ended, not collected
    variable FanSignals         ;# id -> waiter of the fan-out, while it waits
    array set Fans {}
    array set FanSignals {}
}

# Runs `{*}PREFIX KEY` as a job for each of KEYS and returns the dict key ->
# result in the order of KEYS. OPTS is a dict: parallel N (32), batch N|N%,
# maxfail N|N% (more failures than that, and no further job begins), pause
# SECONDS between batches, code WORDS ({HOSTS FAILED}), noun.
# One failure does not stop the others. When all have ended they make one error
# {DEPLOYER WORDS nfailed ntried} with return options -results, -failures (key
# -> message errorcode errorinfo options) and -skipped (keys not begun).
proc ::deployer::Fanout {keys prefix {opts {}}} {
    variable FanCount
    variable Fans
    variable FanSignals
    set total [llength $keys]
    if {!$total} {
        return {}
    }
    lassign [FanLimits $total $opts] parallel batch maxfail pause
    set id [incr FanCount]
    set Fans($id) {}
    set waiters {}              ;# key -> waiter of a job that runs
    set results {}
    set failures {}
    set next 0
    set bound $batch            ;# no key from here on in this batch
    set stop {}                 ;# error of ours that ends everything
    while 1 {
        # Jobs are begun from here alone, never by one that ends: else a long
        # list of short jobs would recurse.
        while {$next < $bound && $next < $total && $stop eq ""
                && [dict size $waiters] < $parallel
                && [dict size $failures] <= $maxfail} {
            set key [lindex $keys $next]
            incr next
            set w [Job [list {*}$prefix $key]]
            if {[core::waiter ready $w]} {
                FanCollect $key $w results failures
            } else {
                dict set waiters $key $w
                core::waiter call $w [list ::deployer::FanEnded $id $key]
            }
        }
        if {![dict size $waiters]} {
            if {$next >= $total || $stop ne ""
                    || [dict size $failures] > $maxfail} {
                break
            }
            incr bound $batch
            set signal [Delay [expr {round($pause * 1000)}]]
        } else {
            if {[llength $Fans($id)]} {
                set signal ""
            } else {
                set signal [core::waiter new]
                set FanSignals($id) $signal
            }
        }
        if {$signal ne "" && [catch {Await $signal} message options]} {
            set stop [list $options $message]
            dict for {key w} $waiters {
                JobCancel $w
            }
            if {![string match {DEPLOYER CANCELLED*} \
                    [dict get $options -errorcode]]} {
                # No waiting is possible here: leave them to themselves.
                dict for {key w} $waiters {
                    core::waiter drop $w
                }
                break
            }
        }
        unset -nocomplain FanSignals($id)
        set ended $Fans($id)
        set Fans($id) {}
        foreach key $ended {
            FanCollect $key [dict get $waiters $key] results failures
            dict unset waiters $key
        }
    }
    unset -nocomplain Fans($id) FanSignals($id)
    if {$stop ne ""} {
        lassign $stop options message
        return -options $options $message
    }
    set ordered {}
    foreach key $keys {
        if {[dict exists $results $key]} {
            dict set ordered $key [dict get $results $key]
        }
    }
    if {[dict size $failures]} {
        tailcall FanFail $keys $next $ordered $failures $opts
    }
    return $ordered
}

# {parallel batch maxfail pause} as numbers for so many keys.
proc ::deployer::FanLimits {total opts} {
    set parallel 32
    set batch $total
    set maxfail $total
    set pause 0
    foreach name {parallel batch maxfail pause} {
        if {[dict exists $opts $name] && [dict get $opts $name] ne ""} {
            set $name [dict get $opts $name]
        }
    }
    # A share is rounded up for a batch, so that it is never empty, and down
    # for failures.
    if {[string match *% $batch]} {
        set batch [expr {max(1,
            int(ceil($total * [string trimright $batch %] / 100.0)))}]
    }
    if {[string match *% $maxfail]} {
        set maxfail [expr {int($total * [string trimright $maxfail %] / 100.0)}]
    }
    return [list $parallel $batch $maxfail $pause]
}

# Called from the event loop when a job of fan-out ID has ended.
proc ::deployer::FanEnded {id key} {
    variable Fans
    variable FanSignals
    if {[info exists Fans($id)]} {
        lappend Fans($id) $key
        if {[info exists FanSignals($id)]} {
            core::waiter finish $FanSignals($id) {}
        }
    }
}

proc ::deployer::FanCollect {key w resultsVar failuresVar} {
    upvar 1 $resultsVar results $failuresVar failures
    if {![catch {core::waiter take $w} value options]} {
        dict set results $key $value
        return
    }
    set failure [dict create message $value errorcode NONE errorinfo $value]
    foreach name {errorcode errorinfo} {
        if {[dict exists $options -$name]} {
            dict set failure $name [dict get $options -$name]
        }
    }
    dict set failure options $options
    dict set failures $key $failure
}

proc ::deployer::FanFail {keys next results failures opts} {
    set words {HOSTS FAILED}
    if {[dict exists $opts code]} {
        set words [dict get $opts code]
    }
    set failed [dict size $failures]
    set tried [expr {$failed + [dict size $results]}]
    set noun [expr {[lindex $words 0] eq "CELLS" ? "cell" : "host"}]
    set message "$failed of $tried ${noun}s failed"
    # In the order of the keys, as the results are.
    set ordered {}
    foreach key $keys {
        if {[dict exists $failures $key]} {
            dict set ordered $key [dict get $failures $key]
        }
    }
    set shown 0
    dict for {key failure} $ordered {
        if {[incr shown] > 3} {
            append message "; ..."
            break
        }
        append message [expr {$shown == 1 ? ": " : "; "}] $key ": " \
            [Shorten [dict get $failure message] 300]
    }
    Fail [list {*}$words $failed $tried] $message -results $results \
        -failures $ordered -skipped [lrange $keys $next end]
}

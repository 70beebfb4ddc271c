# fanout.tcl -- one job for each key, so many at once, in batches.
#
# Layer T1.

namespace eval ::deployer {
    variable FanCount 0
    variable Fans               ;# id -> {key code result options} ... of jobs
                                ;# that ended and are not collected
    variable FanSignals         ;# id -> waiter of the fan-out, while it waits
    variable FanData            ;# id -> what all jobs of the fan-out share
    array set Fans {}
    array set FanSignals {}
    variable FanBars            ;# id -> its bar, where there is one
    array set FanData {}
    array set FanBars {}
}

# Runs `{*}PREFIX KEY` as a job for each of KEYS and returns the dict key ->
# result in the order of KEYS. OPTS is a dict: parallel N (32), batch N|N%,
# maxfail N|N% (more failures than that, and no further job begins), pause
# SECONDS between batches, code WORDS ({HOSTS FAILED}), data VALUE: PREFIX then
# gets the number of the fan-out before KEY, and at the beginning of the job
# FanData(number) is the value. As a word of PREFIX, something large would be
# written out for the trace of each failure.
# One failure does not stop the others. When all have ended they make one error
# {DEPLOYER WORDS nfailed ntried} with return options -results, -failures (key
# -> message errorcode errorinfo options) and -skipped (keys not begun).
proc ::deployer::Fanout {keys prefix {opts {}}} {
    variable FanCount
    variable Fans
    variable FanSignals
    variable Jobs
    set total [llength $keys]
    if {!$total} {
        return {}
    }
    lassign [FanLimits $total $opts] parallel batch maxfail pause
    set id [incr FanCount]
    set Fans($id) {}
    if {[dict exists $opts data]} {
        variable FanData
        set FanData($id) [dict get $opts data]
        lappend prefix $id
    }
    set running {}              ;# key -> coroutine of a job that runs
    set results {}
    set failures {}
    set next 0
    set bound $batch            ;# no key from here on in this batch
    set stop {}                 ;# error of ours that ends everything
    set inOrder 1               ;# whether results came in the order of keys
    set context [TerminalCrowd [expr {min($total, $parallel, $batch)}]]
    if {[dict exists $context -decide]} {
        # There are others to go on with.
        ContextSet [dict replace [ContextGet] -fan 1]
    }
    set bar [BarsForFan $total $opts]
    if {$bar ne ""} {
        variable FanBars
        set FanBars($id) $bar
    }
    set journal [expr {[dict exists $opts journal]}]
    if {$journal || [dict exists $context -journal]} {
        # The run may be over.
        catch {
            core::journal fan $id {*}[expr {$journal
                ? [dict get $opts journal]
                : [list [dict get $context -journal] ""]}]
            set journal 1
        }
    }
    while 1 {
        # Jobs are begun from here alone, never by one that ends: else a long
        # list of short jobs would recurse.
        while {$next < $bound && $next < $total && $stop eq ""
                && [dict size $running] < $parallel
                && [dict size $failures] <= $maxfail} {
            set key [lindex $keys $next]
            incr next
            if {$bar ne ""} {
                BarsOne $bar $key
            }
            set co [JobCalling [list {*}$prefix $key] \
                [list ::deployer::FanEnded $id $key]]
            if {[info exists Jobs($co)]} {
                dict set running $key $co
                set inOrder 0
            }
            if {[llength $Fans($id)] == 4 && ![lindex $Fans($id) 1]
                    && [lindex $Fans($id) 0] eq $key} {
                # This one, done already.
                dict set results $key [lindex $Fans($id) 2]
                set Fans($id) {}
            } elseif {[llength $Fans($id)]} {
                FanAbort [FanCollect $id running results failures] \
                    $running stop
            }
        }
        if {![dict size $running]} {
            if {$next >= $total || $stop ne ""
                    || [dict size $failures] > $maxfail} {
                break
            }
            incr bound $batch
            set signal [Delay [expr {round($pause * 1000)}]]
        } else {
            set signal [core::waiter new]
            set FanSignals($id) $signal
        }
        if {[catch {Await $signal} message options]} {
            set stop [list $options $message]
            dict for {key co} $running {
                if {[info exists Jobs($co)]} {
                    JobStop $co [lindex [dict get $options -errorcode] 2]
                }
            }
            if {![string match {DEPLOYER CANCELLED*} \
                    [dict get $options -errorcode]]} {
                # No waiting is possible here: leave them to themselves.
                break
            }
        }
        unset -nocomplain FanSignals($id)
        FanAbort [FanCollect $id running results failures] $running stop
    }
    ContextSet $context
    unset -nocomplain Fans($id) FanSignals($id) FanData($id) FanBars($id)
    if {$journal} {
        core::journal fan $id
    }
    BarsEnd $bar
    if {$stop ne ""} {
        lassign $stop options message
        return -options $options $message
    }
    if {!$inOrder} {
        set ordered {}
        foreach key $keys {
            if {[dict exists $results $key]} {
                dict set ordered $key [dict get $results $key]
            }
        }
        set results $ordered
    }
    if {[dict size $failures]} {
        return {*}[FanFail $keys $next $results $failures $opts]
    }
    return $results
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

# Called when the job for KEY of fan-out ID has ended.
proc ::deployer::FanEnded {id key code result options} {
    variable Fans
    variable FanSignals
    variable FanBars
    if {[info exists FanBars($id)]} {
        BarsOneEnded $FanBars($id) $key $code
    }
    core::journal key $id $key $code $result $options
    if {[info exists Fans($id)]} {
        lappend Fans($id) $key $code $result $options
        if {[info exists FanSignals($id)]} {
            core::waiter finish $FanSignals($id) {}
        }
    }
}

# ABORT is what FanCollect gives: somebody answered that all is to end.
proc ::deployer::FanAbort {abort running stopVar} {
    variable Jobs
    upvar 1 $stopVar stop
    if {$abort eq "" || $stop ne ""} {
        return
    }
    set stop $abort
    set path [lindex [dict get [lindex $abort 0] -errorcode] 2]
    dict for {key co} $running {
        if {[info exists Jobs($co)]} {
            JobStop $co $path
        }
    }
}

# Takes what ended meanwhile. Returns "", or {options message} of one that ends
# all others.
proc ::deployer::FanCollect {id runningVar resultsVar failuresVar} {
    variable Fans
    upvar 1 $runningVar running $resultsVar results $failuresVar failures
    set ended $Fans($id)
    set Fans($id) {}
    set abort ""
    foreach {key code result options} $ended {
        dict unset running $key
        if {!$code} {
            dict set results $key $result
            continue
        }
        if {$code == 1 && [lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER SKIPPED}} {
            continue
        }
        if {[dict exists $options -abort]} {
            set abort [list $options $result]
        }
        if {[dict exists $options -errorinfo]} {
            dict set options -errorinfo \
                [TrimTrace [dict get $options -errorinfo]]
        }
        set failure [dict create message $result errorcode NONE \
            errorinfo $result]
        foreach name {errorcode errorinfo} {
            if {[dict exists $options -$name]} {
                dict set failure $name [dict get $options -$name]
            }
        }
        dict set failure options $options
        dict set failures $key $failure
    }
    return $abort
}

# Words for `return` to end a fan-out with that had FAILURES. To raise the error
# here would write out all of the arguments.
proc ::deployer::FanFail {keys next results failures opts} {
    set words {HOSTS FAILED}
    if {[dict exists $opts code]} {
        set words [dict get $opts code]
    }
    set failed [dict size $failures]
    set tried [expr {$failed + [dict size $results]}]
    set noun [expr {[lindex $words 0] eq "CELLS" ? "cell" : "host"}]
    set message "$failed of $tried ${noun}s failed"
    if {$next < [llength $keys]} {
        append message " ([expr {[llength $keys] - $next}] were not begun)"
    }
    # In the order of the keys, as the results are.
    set ordered {}
    foreach key $keys {
        if {[dict exists $failures $key]} {
            dict set ordered $key [dict get $failures $key]
        }
    }
    set shown 0
    foreach {name text} [FanReasons $ordered] {
        if {[incr shown] > 3} {
            append message "; ..."
            break
        }
        append message [expr {$shown == 1 ? ": " : "; "}] $name ": " \
            [Shorten $text 300]
    }
    return [list -code error \
        -errorcode [list DEPLOYER {*}$words $failed $tried] -results $results \
        -failures $ordered -skipped [lrange $keys $next end] $message]
}

# {names text ...} of FAILURES: each by itself, of many those that failed alike
# together, the most of them first.
proc ::deployer::FanReasons failures {
    set reasons {}
    if {[dict size $failures] <= 3} {
        dict for {key failure} $failures {
            lappend reasons $key [dict get $failure message]
        }
        return $reasons
    }
    set gather [core::gather new]
    try {
        core::gather put $gather [dict map {key failure} $failures {
            dict create message [Shorten [dict get $failure message] 400] \
                errorcode [dict get $failure errorcode]
        }]
        foreach group [lreverse [core::gather groups $gather]] {
            set names [Shorten [dict get $group hosts] 100]
            if {[dict get $group count] > 1} {
                append names " ([dict get $group count])"
            }
            lappend reasons $names [dict get $group [expr {
                [dict get $group variants] > 1 ? "mask" : "text"}]]
        }
    } finally {
        core::gather close $gather
    }
    return $reasons
}

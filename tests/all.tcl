# all.tcl -- runs test files, each in a process of its own, and sums up.
#
#     tclsh tests/all.tcl ?-file PATTERN? ?-match PATTERN? ?-limit SECONDS?
#                         ?FILE ...?
#
# PATTERN and FILE name test files (default *.test beside this file); -match
# and every other option go to tcltest. A file that runs longer than -limit
# (600) is ended and counts as failed. The last line is
# "N passed, N failed, N skipped"; the exit code is 1 if anything failed.
# No file has the terminal of whoever runs this; Ctrl-C ends all of it.

package require Tcl 8.6

namespace eval ::all {
    variable dir [file dirname [file normalize [info script]]]
}

# Starts a shell that outlives us, in a session that hears no Ctrl-C. When this
# process ends before it has written an empty line, the test process whose id it
# wrote last is ended; the servers that hang on that end themselves then, and
# after them whatever else is left of its session. "" where there is no setsid.
proc ::all::Watch {} {
    variable watch ""
    if {[auto_execok setsid] eq ""} {
        return
    }
    set watch [open |[list setsid sh -c {
        process=
        while read line; do process=$line; done
        [ -n "$process" ] || exit
        kill -KILL "$process"
        sleep 2
        pkill -KILL -s "$process"
    } >/dev/null 2>/dev/null] w]
    chan configure $watch -buffering line
}

# Notes PROCESS, the one that runs now; "" is none.
proc ::all::Watched process {
    variable watch
    if {$watch ne ""} {
        puts $watch $process
    }
}

# Runs one file. Returns a dict: passed failed reasons (of skipped tests).
proc ::all::Run {file limit options} {
    variable line
    set result {passed 0 failed 0 reasons {}}
    set command [list [info nameofexecutable] $file -verbose {body error skip start} \
            {*}$options]
    if {[info exists ::env(DEPLOYER_PRELOAD)]} {
        # The address sanitizer, for the test process alone.
        set command [list env LD_PRELOAD=$::env(DEPLOYER_PRELOAD) {*}$command]
    }
    if {[auto_execok setsid] ne ""} {
        # In a session of its own, where there is no terminal.
        set command [list setsid {*}$command]
    }
    set chan [open |[list {*}$command < /dev/null 2>@1] r]
    Watched [pid $chan]
    chan configure $chan -blocking 0 -encoding utf-8
    set ended [after [expr {int($limit * 1000)}] \
            [list ::all::Expired $chan]]
    chan event $chan readable [list ::all::Ready $chan]
    set complete 0
    set running "before its first test"
    while {1} {
        vwait ::all::line
        lassign $line kind text
        if {$kind ne "line"} {
            break
        }
        if {[regexp {^---- (\S+) start$} $text -> name]} {
            set running "in or after $name"
        } elseif {[regexp {^\+\+\+\+ (\S+) SKIPPED: (.*)$} $text -> name reason]} {
            if {$reason ni {userSpecifiedSkip userSpecifiedNonMatch}} {
                dict lappend result reasons [string trim $reason]
                puts "  skipped $name: [string trim $reason]"
            }
        } elseif {[regexp {^\S+:\tTotal\t\d+\tPassed\t(\d+)\tSkipped\t\d+\tFailed\t(\d+)} \
                $text -> passed failed]} {
            dict incr result passed $passed
            dict incr result failed $failed
            set complete 1
            # What it left running may still hold its output open.
            after cancel $ended
            set ended [after 60000 [list ::all::Expired $chan]]
        } elseif {$text ne "" && ![Noise $text]} {
            puts "  $text"
        }
    }
    after cancel $ended
    Watched ""
    chan configure $chan -blocking 1
    if {$kind eq "expired"} {
        puts [expr {$complete ? "  did not end after its last test" :
                "  ended after $limit seconds, $running"}]
        dict incr result failed
        catch {close $chan}
    } elseif {[catch {close $chan} message options]} {
        puts "  $message ([dict get $options -errorcode])"
        if {!$complete} {
            puts "  ended $running"
        }
        dict incr result failed
    } elseif {!$complete} {
        puts "  ended $running"
        dict incr result failed
    }
    return $result
}

# Whether a line of tcltest's tells nothing that is not told here.
proc ::all::Noise {text} {
    return [regexp {^(Number of tests skipped|\t\d+\t|Files with failing|Warning: files left|\S+:\t)} $text]
}

proc ::all::Ready {chan} {
    variable line
    if {[gets $chan text] >= 0} {
        set line [list line $text]
    } elseif {[eof $chan]} {
        chan event $chan readable {}
        set line eof
    }
}

proc ::all::Expired {chan} {
    variable line
    chan event $chan readable {}
    foreach process [pid $chan] {
        catch {exec kill -KILL $process}
    }
    set line expired
}

# The test files that the arguments name, in order of name.
proc ::all::Files {patterns} {
    variable dir
    set files {}
    foreach pattern $patterns {
        set found [glob -nocomplain -directory $dir -- [file tail $pattern]]
        if {[llength $found] == 0} {
            puts stderr "all.tcl: no test file $pattern"
            exit 1
        }
        lappend files {*}$found
    }
    return [lsort -unique $files]
}

proc ::all::Main {arguments} {
    variable dir
    set patterns {}
    set options {}
    set limit 600
    while {[llength $arguments] > 0} {
        set arguments [lassign $arguments word]
        switch -glob -- $word {
            -file {
                set arguments [lassign $arguments list]
                lappend patterns {*}$list
            }
            -limit {
                set arguments [lassign $arguments limit]
            }
            -* {
                set arguments [lassign $arguments value]
                lappend options $word $value
            }
            default {
                lappend patterns $word
            }
        }
    }
    if {[llength $patterns] == 0} {
        set patterns [list *.test]
    }
    # Without a TCLLIBPATH this is the build that ./quickstart makes.
    set build [file join [file dirname $dir] build]
    if {![info exists ::env(TCLLIBPATH)] && [file isdirectory $build]} {
        set ::env(TCLLIBPATH) [list $build]
    }
    # The same results in every locale.
    set ::env(LC_ALL) C.UTF-8
    set passed 0
    set failed 0
    set reasons {}
    Watch
    foreach file [Files $patterns] {
        set start [clock milliseconds]
        puts "[file tail $file]"
        flush stdout
        set result [Run $file $limit $options]
        set skipped [llength [dict get $result reasons]]
        puts [format "  %d ok, %d bad, %d left out, %.1f s" \
                [dict get $result passed] [dict get $result failed] $skipped \
                [expr {([clock milliseconds] - $start) / 1000.0}]]
        flush stdout
        incr passed [dict get $result passed]
        incr failed [dict get $result failed]
        lappend reasons {*}[dict get $result reasons]
        if {[dict get $result failed] > 0} {
            lappend bad [file tail $file]
        }
    }
    if {[llength $reasons] > 0} {
        puts "skipped for want of:"
        foreach reason [lsort -unique $reasons] {
            puts "  $reason ([llength [lsearch -all -exact $reasons $reason]])"
        }
    }
    if {[info exists bad]} {
        puts "failures in: $bad"
    }
    puts "$passed passed, $failed failed, [llength $reasons] skipped"
    exit [expr {$failed > 0}]
}

::all::Main $argv

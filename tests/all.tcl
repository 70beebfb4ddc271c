# all.tcl -- runs test files, each in a process of its own, and sums up.
#
#     tclsh tests/all.tcl ?-jobs N? ?-file PATTERN? ?-match PATTERN?
#                         ?-limit SECONDS? ?FILE ...?
#
# PATTERN and FILE name test files (default *.test beside this file); -match
# and every other option go to tcltest. A file that runs longer than -limit
# (600) is ended and counts as failed. N files run at a time (1); one in whose
# head there is a line "# Runs alone: WHY" has the machine for itself, after
# the others. What a file prints is shown whole, in the order of their names.
# The last line is "N passed, N failed, N skipped"; the exit code is 1 if
# anything failed. No file has the terminal of whoever runs this; Ctrl-C ends
# all of it.

package require Tcl 8.6

namespace eval ::all {
    variable dir [file dirname [file normalize [info script]]]
    # The jobs that have ended and were not looked at yet.
    variable ended {}
    # Whether a file can have a session of its own, and so a process group.
    variable setsid [expr {[auto_execok setsid] ne ""}]
}

# Starts a shell that outlives us, in a session that hears no Ctrl-C. When this
# process ends before it has written an empty line, the test processes whose ids
# it wrote last are ended; the servers that hang on those end themselves then,
# and after them whatever else is left of their sessions. "" where there is no
# setsid.
proc ::all::Watch {} {
    variable watch ""
    variable setsid
    if {!$setsid} {
        return
    }
    set watch [open |[list setsid sh -c {
        processes=
        while read line; do processes=$line; done
        [ -n "$processes" ] || exit
        kill -KILL $processes
        sleep 2
        for process in $processes; do
            pkill -KILL -s "$process"
        done
    } >/dev/null 2>/dev/null] w]
    chan configure $watch -buffering line
}

# Notes the processes of JOBS, those that run now.
proc ::all::Watched jobs {
    variable watch
    if {$watch ne ""} {
        puts $watch [lmap job $jobs {$job process}]
    }
}

# Whether PROCESS has ended, so that reaping it does not wait; also "yes" where
# there is no /proc to tell.
proc ::all::Over process {
    if {[catch {open /proc/$process/stat} chan]} {
        return 1
    }
    set line [read $chan]
    close $chan
    return [regexp {\) [ZX] } $line]
}

# Whether a line of tcltest's tells nothing that is not told here.
proc ::all::Noise {text} {
    return [regexp {^(Number of tests skipped|\t\d+\t|Files with failing|Warning: files left|\S+:\t)} $text]
}

# A test file and the process that runs it. It is in ::all::ended once that has
# ended.
oo::class create ::all::job {
    variable File Limit Chan Process Start Timer Lines Shown Running Complete \
        Result Reasons Why

    constructor {file limit options} {
        set File $file
        set Limit $limit
        set Lines {}
        set Shown 0
        set Running "before its first test"
        set Complete 0
        set Result {passed 0 failed 0}
        set Reasons {}
        set Why ""
        set command [list [info nameofexecutable] $file \
                -verbose {body error skip start} {*}$options]
        if {[info exists ::env(DEPLOYER_PRELOAD)]} {
            # The address sanitizer, for the test process alone.
            set command [list env LD_PRELOAD=$::env(DEPLOYER_PRELOAD) \
                    {*}$command]
        }
        if {$::all::setsid} {
            # In a session of its own, where there is no terminal.
            set command [list setsid {*}$command]
        }
        my Say [file tail $file]
        set Start [clock milliseconds]
        set Chan [open |[list {*}$command < /dev/null 2>@1] r]
        set Process [pid $Chan]
        chan configure $Chan -blocking 0 -encoding utf-8
        set Timer [after [expr {int($limit * 1000)}] [namespace code {
            my Expired
        }]]
        chan event $Chan readable [namespace code {my Ready}]
    }

    method file {} {return $File}
    method process {} {return $Process}
    method passed {} {return [dict get $Result passed]}
    method failed {} {return [dict get $Result failed]}
    method reasons {} {return $Reasons}

    # How long it ran, in seconds; once it has ended.
    method seconds {} {return [dict get $Result seconds]}

    # Shows what it has printed, and what it prints from now on.
    method show {} {
        set Shown 1
        foreach text $Lines {
            puts $text
        }
        flush stdout
        set Lines {}
    }

    method Say text {
        if {$Shown} {
            puts $text
            flush stdout
        } else {
            lappend Lines $text
        }
    }

    method Ready {} {
        if {[gets $Chan text] >= 0} {
            my Line $text
        } elseif {[eof $Chan]} {
            chan event $Chan readable {}
            my AwaitEnd
        }
    }

    method Line text {
        if {[regexp {^---- (\S+) start$} $text -> name]} {
            set Running "in or after $name"
        } elseif {[regexp {^\+\+\+\+ (\S+) SKIPPED: (.*)$} $text -> name reason]} {
            if {$reason ni {userSpecifiedSkip userSpecifiedNonMatch}} {
                lappend Reasons [string trim $reason]
                my Say "  skipped $name: [string trim $reason]"
            }
        } elseif {[regexp {^\S+:\tTotal\t\d+\tPassed\t(\d+)\tSkipped\t\d+\tFailed\t(\d+)} \
                $text -> passed failed]} {
            dict incr Result passed $passed
            dict incr Result failed $failed
            set Complete 1
            # What it left running may still hold its output open.
            if {$Why eq ""} {
                after cancel $Timer
                set Timer [after 60000 [namespace code {my Expired}]]
            }
        } elseif {$text ne "" && ![::all::Noise $text]} {
            my Say "  $text"
        }
    }

    # Its output has ended; the process may hang yet, and others wait for us.
    method AwaitEnd {} {
        if {$Why ne ""} {
            return
        }
        if {[::all::Over $Process]} {
            my End
        } else {
            after 10 [namespace code {my AwaitEnd}]
        }
    }

    # The process first: the servers that hang on it then end themselves. What
    # else is in its group follows. It is not reaped before that, so that the
    # number of the group is nobody else's.
    method Expired {} {
        set Why [expr {$Complete ? "did not end after its last test" :
                "ended after $Limit seconds, $Running"}]
        catch {exec kill -KILL $Process}
        set Timer [after 2000 [namespace code {
            if {$::all::setsid} {
                catch {exec kill -KILL -- -$Process}
            }
            my End
        }]]
    }

    # Reaps the process, and notes how it has ended.
    method End {} {
        after cancel $Timer
        chan event $Chan readable {}
        chan configure $Chan -blocking 1
        set bad [catch {close $Chan} message options]
        if {$Why ne ""} {
            my Say "  $Why"
        } elseif {$bad} {
            my Say "  $message ([dict get $options -errorcode])"
        }
        if {$Why eq "" && !$Complete} {
            my Say "  ended $Running"
        }
        if {$Why ne "" || $bad || !$Complete} {
            dict incr Result failed
        }
        dict set Result seconds [expr {([clock milliseconds] - $Start) / 1000.0}]
        my Say [format "  %d ok, %d bad, %d left out, %.1f s" [my passed] \
                [my failed] [llength $Reasons] [my seconds]]
        lappend ::all::ended [self]
    }
}

# Runs FILES, as many at a time as JOBS says. Returns their jobs, in order; the
# first that has not ended is shown as it runs.
proc ::all::Run {files jobs limit options} {
    variable ended
    set all {}
    set running {}
    set shown 0
    while {[llength $files] > 0 || [llength $running] > 0} {
        while {[llength $files] > 0 && [llength $running] < $jobs} {
            set files [lassign $files file]
            set job [job new $file $limit $options]
            lappend all $job
            lappend running $job
            Watched $running
        }
        while {$shown < [llength $all]} {
            set job [lindex $all $shown]
            $job show
            if {$job in $running} {
                break
            }
            incr shown
        }
        vwait ::all::ended
        set running [lmap job $running {
            if {$job in $ended} continue
            set job
        }]
        set ended {}
        Watched $running
    }
    foreach job [lrange $all $shown end] {
        $job show
    }
    return $all
}

# Whether a file wants the machine for itself.
proc ::all::Alone file {
    set chan [open $file]
    set head [read $chan 4000]
    close $chan
    return [regexp -line {^# Runs alone: } $head]
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

# What all JOBS have come to; the exit code.
proc ::all::Sum {jobs seconds} {
    set passed 0
    set failed 0
    set reasons {}
    set bad {}
    set times {}
    foreach job $jobs {
        incr passed [$job passed]
        incr failed [$job failed]
        lappend reasons {*}[$job reasons]
        if {[$job failed] > 0} {
            lappend bad [file tail [$job file]]
        }
        lappend times [list [file tail [$job file]] [$job seconds]]
    }
    if {[llength $reasons] > 0} {
        puts "skipped for want of:"
        foreach reason [lsort -unique $reasons] {
            puts "  $reason ([llength [lsearch -all -exact $reasons $reason]])"
        }
    }
    if {[llength $times] > 1} {
        puts "slowest:"
        foreach pair [lrange [lsort -real -decreasing -index 1 $times] 0 9] {
            puts [format "  %6.1f s  %s" [lindex $pair 1] [lindex $pair 0]]
        }
        puts [format "  %6.1f s  all %d files" $seconds [llength $times]]
    }
    if {[llength $bad] > 0} {
        puts "failures in: $bad"
    }
    puts "$passed passed, $failed failed, [llength $reasons] skipped"
    return [expr {$failed > 0}]
}

proc ::all::Main {arguments} {
    variable dir
    set patterns {}
    set options {}
    set limit 600
    set jobs 1
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
            -jobs {
                set arguments [lassign $arguments jobs]
                if {![string is integer -strict $jobs] || $jobs < 1} {
                    puts stderr "all.tcl: -jobs wants a number from 1 on"
                    exit 1
                }
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
    set files [Files $patterns]
    set alone {}
    if {$jobs > 1} {
        set alone [lmap file $files {
            if {![Alone $file]} continue
            set file
        }]
    }
    Watch
    set start [clock milliseconds]
    set all [Run [lmap file $files {
        if {$file in $alone} continue
        set file
    }] $jobs $limit $options]
    lappend all {*}[Run $alone 1 $limit $options]
    exit [Sum $all [expr {([clock milliseconds] - $start) / 1000.0}]]
}

::all::Main $argv

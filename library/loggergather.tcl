# loggergather.tcl -- the outputs of many hosts in one place, for loggers.
#
# Layer T2. The runs of one command are gathered until none of them goes on any
# more, and no further one has begun for a moment: hosts come a few at a time.

namespace eval ::deployer::logger {
    variable GatherQuiet 300    ;# ms without a run until groups are printed
    variable GatherTell 5000    ;# ms until it is told what goes on
}

# A logger hands the events of runs to `event` and gets text for {*}PRINT TEXT.
oo::class create ::deployer::logger::Gatherer {
    # Style: command prefix that gives the style of core::gather show. Gathers:
    # {NUMBER COMMAND} -> gather, in the order in which they began. Runs: event
    # id -> {key name}, of runs that go on. Hosts: key -> name -> 1 while it
    # runs, else 0. Timers: key -> of the next look.
    variable Print Style Gathers Runs Hosts Timers

    constructor {print style} {
        set Print $print
        set Style $style
        set Gathers {}
        set Runs {}
        set Hosts {}
        set Timers {}
    }

    destructor {
        dict for {key timer} $Timers {
            after cancel $timer
        }
        dict for {key gather} $Gathers {
            ::deployer::core::gather close $gather
        }
    }

    # An event of the type run.
    method event event {
        set id [dict get $event id]
        switch [dict get $event phase] {
            begin {
                my Begin $id $event
            }
            output {
                my Output $id $event
            }
            end {
                my End $id $event
            }
        }
    }

    # All that is over is printed now.
    method flush {} {
        foreach key [dict keys $Gathers] {
            if {![my Running $key]} {
                my Finish $key
            }
        }
    }

    method Running key {
        set count 0
        dict for {name runs} [dict get $Hosts $key] {
            incr count $runs
        }
        return $count
    }

    # A host that runs the command once more is in the next gather of it; one
    # that runs it twice at a time, as in two cells, has its path as well.
    method Begin {id event} {
        set command [dict get $event command]
        if {[dict exists $event sudo] && [dict get $event sudo]} {
            set command "sudo ([dict get $event user]) $command"
        }
        set name [dict get $event host]
        for {set number 0} 1 {incr number} {
            set key [list $number $command]
            if {![dict exists $Gathers $key]} {
                dict set Gathers $key [::deployer::core::gather new]
                dict set Hosts $key {}
                my Later $key $::deployer::logger::GatherTell
                break
            }
            if {![dict exists $Hosts $key $name]} {
                break
            }
            if {[dict get $Hosts $key $name] && [dict exists $event path]} {
                append name " " [dict get $event path]
                if {![dict exists $Hosts $key $name]} {
                    break
                }
            }
        }
        dict set Hosts $key $name 1
        dict set Runs $id [list $key $name]
        ::deployer::core::gather add [dict get $Gathers $key] $name stdout ""
    }

    method Output {id event} {
        if {![dict exists $Runs $id]} {
            return
        }
        lassign [dict get $Runs $id] key name
        if {[dict exists $event binary]} {
            set data "([dict get $event bytes] bytes that are no text)\n"
        } else {
            set data [dict get $event data]
        }
        set stream [expr {[dict exists $event stream]
            && [dict get $event stream] eq "stderr" ? "stderr" : "stdout"}]
        ::deployer::core::gather add [dict get $Gathers $key] $name $stream \
            $data
    }

    method End {id event} {
        if {![dict exists $Runs $id]} {
            return
        }
        lassign [dict get $Runs $id] key name
        dict unset Runs $id
        dict set Hosts $key $name 0
        set gather [dict get $Gathers $key]
        set status ""
        set signal ""
        foreach word {status signal} {
            if {[dict exists $event $word]} {
                set $word [dict get $event $word]
            }
        }
        if {$status eq "" && $signal eq "" && [dict exists $event error]} {
            ::deployer::core::gather fail $gather $name {} \
                [dict get $event error]
        } else {
            ::deployer::core::gather end $gather $name $status $signal
        }
        if {![my Running $key]} {
            my Later $key $::deployer::logger::GatherQuiet
        }
    }

    method Later {key ms} {
        if {[dict exists $Timers $key]} {
            after cancel [dict get $Timers $key]
        }
        dict set Timers $key [after $ms [namespace code [list my Look $key]]]
    }

    method Look key {
        dict unset Timers $key
        if {[my Running $key]} {
            my Tell $key
            my Later $key $::deployer::logger::GatherTell
        } else {
            my Finish $key
        }
    }

    # What goes on, in one line.
    method Tell key {
        set gather [dict get $Gathers $key]
        set running [dict keys [::deployer::core::gather running $gather]]
        set ended [expr {[dict get [::deployer::core::gather info $gather] \
            hosts] - [llength $running]}]
        set names [join [lrange $running 0 9] ,]
        catch {
            set names [::deployer::core::nodeset fold $running]
        }
        {*}$Print "\$ [::deployer::logger::ShowLine [lindex $key 1]]:\
            $ended ended, [llength $running] running:\
            [::deployer::Shorten [::deployer::logger::ShowLine $names] 60]"
    }

    method Finish key {
        set gather [dict get $Gathers $key]
        dict unset Gathers $key
        dict unset Hosts $key
        if {[dict exists $Timers $key]} {
            after cancel [dict get $Timers $key]
            dict unset Timers $key
        }
        try {
            {*}$Print "\$ [::deployer::logger::ShowLine [lindex $key 1]]"
            {*}$Print [::deployer::core::gather show $gather [{*}$Style]]
        } finally {
            ::deployer::core::gather close $gather
        }
    }
}

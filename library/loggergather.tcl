# loggergather.tcl -- the outputs of many hosts in one place, for loggers.
#
# Layer T2. The runs of one command are gathered until none of them goes on any
# more, and no further one has begun for a moment: hosts come a few at a time.
# Meanwhile a terminal shows at its foot which groups there are, and a log gets a
# line now and then.

namespace eval ::deployer::logger {
    variable GatherQuiet 300    ;# ms without a run until groups are printed
    variable GatherTell 5000    ;# ms until it is told what goes on
    variable GatherLive 500     ;# ms until it is shown at the foot
}

# A logger hands the events of runs to `event` and gets text for {*}PRINT TEXT.
oo::class create ::deployer::logger::Gatherer {
    # Style: command prefix that gives the style of core::gather show. Live:
    # whether the foot of the terminal shows what goes on. Gathers: {NUMBER
    # COMMAND} -> gather, in the order in which they began. Runs: event id ->
    # {key name}, of runs that go on. Hosts: key -> name -> 1 while it runs, else
    # 0. Alike: command without the name of its host -> the command of its
    # gather. Titles: key -> what its runs are shown as. Timers: key -> of the
    # next look. Bar: of the foot, or "".
    variable Print Style Live Gathers Runs Hosts Alike Titles Timers Bar

    constructor {print style {live 0}} {
        set Print $print
        set Style $style
        set Live $live
        set Gathers {}
        set Runs {}
        set Hosts {}
        set Alike {}
        set Titles {}
        set Timers {}
        set Bar ""
    }

    destructor {
        dict for {key timer} $Timers {
            after cancel $timer
        }
        dict for {key gather} $Gathers {
            ::deployer::core::gather close $gather
        }
        ::deployer::BarsEnd $Bar
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

    # Whether ID is a run whose end is to come.
    method has id {
        return [dict exists $Runs $id]
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

    # The command that EVENT is gathered by: its own, or another one that
    # differs from it in the name of the host alone.
    method Command event {
        set command [dict get $event command]
        if {[dict exists $event sudo] && [dict get $event sudo]} {
            set command "sudo ([dict get $event user]) $command"
        }
        set name [regsub -all {[^\w]} [dict get $event host] {\\&}]
        regsub -all "\\m$name\\M" $command <host> alike
        if {$alike eq $command || [dict exists $Titles [list 0 $command]]} {
            return $command
        }
        if {![dict exists $Alike $alike]} {
            dict set Alike $alike $command
            return $command
        }
        set command [dict get $Alike $alike]
        foreach key [dict keys $Titles] {
            if {[lindex $key 1] eq $command} {
                dict set Titles $key $alike
            }
        }
        return $command
    }

    # A host that runs the command once more is in the next gather of it; one
    # that runs it twice at a time, as in two cells, has its path as well.
    method Begin {id event} {
        set command [my Command $event]
        set name [dict get $event host]
        for {set number 0} 1 {incr number} {
            set key [list $number $command]
            if {![dict exists $Gathers $key]} {
                dict set Gathers $key [::deployer::core::gather new]
                dict set Hosts $key {}
                dict set Titles $key $command
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
        if {$Live && $Bar eq ""} {
            set Bar [::deployer::BarsBegin draw [namespace code {my Foot}] \
                shown [expr {[clock milliseconds]
                    + $::deployer::logger::GatherLive}]]
        }
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
        if {$status in {"" -1} && $signal eq "" && [dict exists $event error]} {
            ::deployer::core::gather fail $gather $name {} \
                [dict get $event error]
        } else {
            if {[::deployer::logger::IsChecked $event]} {
                ::deployer::core::gather add $gather $name stdout \
                    "(checked in the sandbox, and not run)\n"
            }
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
            if {!$Live} {
                {*}$Print [my Going $key]
            }
            my Later $key $::deployer::logger::GatherTell
        } else {
            my Finish $key
        }
    }

    method Title key {
        return "\$ [::deployer::logger::ShowLine [dict get $Titles $key]]"
    }

    # What goes on, in one line.
    method Going {key {columns 0}} {
        set gather [dict get $Gathers $key]
        set running [dict keys [::deployer::core::gather running $gather]]
        set ended [expr {[dict get [::deployer::core::gather info $gather] \
            hosts] - [llength $running]}]
        if {[catch {::deployer::core::nodeset fold $running} names]} {
            set names [join $running ,]
        }
        set title [my Title $key]
        set text ": $ended ended, [llength $running] running"
        set names [expr {[llength $running] ? ": [::deployer::core::text fit \
            [::deployer::logger::Show $names] 60 ...]" : ""}]
        if {$columns} {
            # What the hosts do is less than who they are.
            set title [::deployer::core::text fit $title \
                [expr {max(12, $columns / 3)}] ...]
            return [::deployer::core::text fit $title$text$names $columns ...]
        }
        return $title$text$names
    }

    # The lines of the foot: for each command what goes on, and the groups that
    # have come about. No more than MOST in COLUMNS; the newest commands.
    method Foot {columns most} {
        set lines {}
        foreach key [lreverse [dict keys $Gathers]] {
            set more [list [my Going $key $columns]]
            foreach group [::deployer::core::gather groups \
                    [dict get $Gathers $key]] {
                lappend more [::deployer::core::text fit \
                    "  [my Group $group]" $columns ...]
            }
            if {[llength $lines] + [llength $more] > $most} {
                set more [lrange $more 0 [expr {
                    max(0, $most - [llength $lines] - 1)}]]
            }
            if {[llength $lines] >= $most} {
                break
            }
            set lines [concat $more $lines]
        }
        return $lines
    }

    # A group of those that have ended, in a line.
    method Group group {
        set names [::deployer::logger::Show [dict get $group hosts]]
        if {[dict get $group count] > 1} {
            append names " ([dict get $group count])"
        }
        set text ""
        if {[dict get $group signal] ne ""} {
            set text "signal [dict get $group signal]: "
        } elseif {[dict get $group status] ni {"" 0}} {
            set text "status [dict get $group status]: "
        }
        set said [string trim [dict get $group \
            [expr {[dict get $group variants] > 1 ? "mask" : "text"}]]]
        if {[string trim [dict get $group stderr]] ne ""
                && ($text ne "" || $said eq "")} {
            set said [string trim [dict get $group stderr]]
        }
        # The last line of it tells most.
        append text [::deployer::logger::Show \
            [lindex [split $said \n] end]]
        return "[::deployer::core::text fit $names 40 ...]: $text"
    }

    method Finish key {
        set gather [dict get $Gathers $key]
        set title [my Title $key]
        dict unset Gathers $key
        dict unset Hosts $key
        dict unset Titles $key
        if {![dict exists $Titles [list 0 [lindex $key 1]]]} {
            set Alike [dict filter $Alike script {alike command} {
                expr {$command ne [lindex $key 1]}
            }]
        }
        if {[dict exists $Timers $key]} {
            after cancel [dict get $Timers $key]
            dict unset Timers $key
        }
        if {![dict size $Gathers]} {
            ::deployer::BarsEnd $Bar
            set Bar ""
        }
        try {
            set columns [dict get [{*}$Style] width]
            {*}$Print [::deployer::core::text fit $title \
                [expr {max(20, $columns * 2)}] ...]
            {*}$Print [::deployer::core::gather show $gather [{*}$Style]]
        } finally {
            ::deployer::core::gather close $gather
        }
    }
}

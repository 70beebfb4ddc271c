# loggerconsole.tcl -- the logger console: what happens, for somebody who looks
# on.
#
# Layer T2. A command is one line, with its state at the right margin, when it
# has ended; one that prints something gets a line before that, and each line of
# its output the slug in front.

oo::class create ::deployer::logger::console {
    superclass ::deployer::logger::Channel
    # Terminal: lines go to the terminal of this process, whoever uses it.
    # Width: "" is that of the terminal. Shown: ids that have a line already.
    # Rest: id,stream -> a line that is not whole. Depth: id -> of actions.
    # Gatherer: of the runs, or "".
    variable Channel Terminal Width Colours Output Shown Rest Depth Gatherer

    # console new ?-channel CHANNEL | -file PATH? ?-width N?
    #     ?-colours auto|yes|no? ?-output BOOL? ?-gather BOOL?
    constructor args {
        set options [::deployer::logger::Options {
            -channel text -file text -width count -colours auto|yes|no
            -output bool -gather bool
        } $args {width {} colours auto output 1 gather 0}]
        set Terminal [expr {![dict exists $options channel]
            && ![dict exists $options file] && [my IsTerminal stderr]}]
        if {$Terminal} {
            set Owned 0
        } else {
            my Open $options
        }
        set Width [dict get $options width]
        set Output [dict get $options output]
        set Colours [dict get $options colours]
        if {$Colours eq "auto"} {
            set Colours [expr {([my IsTerminal stderr] && $Terminal
                    || [dict exists $options channel]
                    && [my IsTerminal [dict get $options channel]])
                && (![info exists ::env(NO_COLOR)] || $::env(NO_COLOR) eq "")
                && [info exists ::env(TERM)] && $::env(TERM) ne "dumb"}]
        } else {
            set Colours [expr {$Colours eq "yes"}]
        }
        set Shown {}
        set Depth {}
        array set Rest {}
        set Gatherer ""
        if {[dict get $options gather]} {
            set Gatherer [::deployer::logger::Gatherer new \
                [namespace code {my Print}] [namespace code {my Style}]]
        }
    }

    destructor {
        if {[info exists Gatherer] && $Gatherer ne ""} {
            $Gatherer destroy
        }
        next
    }

    method flush {} {
        if {$Gatherer ne ""} {
            $Gatherer flush
        }
        next
    }

    # Of the groups of gathered outputs.
    method Style {} {
        return [dict create width [my Columns] color $Colours]
    }

    method IsTerminal channel {
        return [expr {![catch {chan configure $channel -mode}]}]
    }

    method Columns {} {
        if {$Width ne ""} {
            return $Width
        }
        if {$Terminal} {
            set info [::deployer::core::terminal info]
            if {[dict exists $info cols] && [dict get $info cols] > 0} {
                return [dict get $info cols]
            }
        }
        if {[info exists ::env(COLUMNS)] && [string is integer -strict \
                $::env(COLUMNS)] && $::env(COLUMNS) > 0} {
            return $::env(COLUMNS)
        }
        return 80
    }

    method Print line {
        if {$Terminal} {
            ::deployer::TerminalPrint $line\n
        } else {
            puts $Channel $line
            flush $Channel
        }
    }

    method flush {} {
        if {$Terminal} {
            catch {::deployer::TerminalDrain}
        }
    }

    method Colour {code text} {
        if {!$Colours || $text eq ""} {
            return $text
        }
        return "\033\[${code}m$text\033\[m"
    }

    # WHAT, cut where it is too long, and STATE at the right margin.
    method PrintState {what state colour} {
        set columns [expr {[my Columns] - 1}]
        set room [expr {max(10, $columns - [string length $state] - 1)}]
        if {$state ne "" && [string length $what] > $room} {
            set what [string range $what 0 $room-4]...
        }
        if {$state eq ""} {
            my Print $what
            return
        }
        my Print "$what[string repeat " " [expr {max(1, $columns
            - [string length $what] - [string length $state])}]][my Colour \
            $colour $state]"
    }

    method Where event {
        set text ""
        if {[dict exists $event path]} {
            set text [::deployer::logger::Show [dict get $event path]]
        }
        if {[dict exists $event host]
                && [dict get $event type] in {run file connect}
                && [string first :[dict get $event host]/ $text/] < 0} {
            append text " " [::deployer::logger::Show [dict get $event host]]
        }
        return $text
    }

    method Headline event {
        set mark [expr {[dict get $event type] eq "run" ? "$" : ":"}]
        return "[my Where $event]$mark [::deployer::logger::What $event]"
    }

    method event event {
        if {![dict exists $event id]} {
            my Print [my Colour 33 [dict get $event data]]
            return
        }
        set id [dict get $event id]
        set type [dict get $event type]
        if {$Gatherer ne ""} {
            if {$type eq "run"} {
                $Gatherer event $event
                return
            }
            # What is said of outputs stands below them.
            if {$type in {message error} || [dict get $event phase] eq "end"
                    && ![dict exists $event parent]} {
                $Gatherer flush
            }
        }
        switch [dict get $event phase] {
            begin {
                if {$type in {action fork}} {
                    my Print [my Colour 1 [my Headline $event]]
                } else {
                    dict set Shown $id [my Headline $event]
                }
            }
            output {
                if {$type eq "message"} {
                    foreach line [split [dict get $event data] \n] {
                        my Print "[my Where $event]:\
                            [::deployer::logger::Show $line]"
                    }
                } elseif {$type eq "error"} {
                    my Print [my Colour 31 "[my Where $event]:\
                        [::deployer::logger::ShowLine [dict get $event error]]"]
                } elseif {$Output} {
                    my Lines $id $event
                }
            }
            end {
                my Rest $id $event
                my End $id $type $event
            }
        }
    }

    method End {id type event} {
        lassign [::deployer::logger::State $event] good state
        set colour [expr {$good ? 32 : 31}]
        if {$type in {action fork}} {
            if {$good && [dict exists $event parent]} {
                return
            }
            my PrintState [my Headline $event] $state $colour
        } else {
            # Again where its line has scrolled away.
            my PrintState [my Headline $event] $state $colour
            if {[dict exists $event error] && $type ne "run"} {
                my Print [my Colour 31 "  [::deployer::logger::ShowLine \
                    [dict get $event error]]"]
            }
        }
        dict unset Shown $id
    }

    # Whole lines of an output, with the slug in front.
    method Lines {id event} {
        if {[dict exists $event shown]} {
            return
        }
        if {[dict exists $Shown $id] && [dict get $Shown $id] ne ""} {
            my PrintState [dict get $Shown $id] ... 33
            dict set Shown $id ""
        }
        if {[dict exists $event binary]} {
            my Line $event "([dict get $event bytes] bytes that are no text)"
            return
        }
        set key $id,[dict get $event stream]
        append Rest($key) [dict get $event data]
        set lines [split $Rest($key) \n]
        set rest [lindex $lines end]
        set lines [lrange $lines 0 end-1]
        if {[string length $rest] > 8192} {
            lappend lines $rest
            set rest ""
        }
        set Rest($key) $rest
        foreach line $lines {
            my Line $event $line
        }
    }

    method Line {event line} {
        set colour [expr {[dict exists $event stream]
            && [dict get $event stream] eq "stderr" ? 33 : 36}]
        my Print "[my Colour $colour \
            "[::deployer::logger::Show [dict get $event host]]:"]\
            [::deployer::logger::Show [string trimright $line \r]]"
    }

    # What is left of the last lines of ID.
    method Rest {id event} {
        foreach key [lsort [array names Rest $id,*]] {
            if {$Rest($key) ne ""} {
                my Line [dict replace $event stream \
                    [lindex [split $key ,] 1]] $Rest($key)
            }
            unset Rest($key)
        }
    }
}

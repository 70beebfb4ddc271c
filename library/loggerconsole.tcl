# loggerconsole.tcl -- the logger console: what happens, for somebody who looks
# on.
#
# Layer T2. A command is one line when it has ended, with its state at the right
# margin, and below it what it printed, the slug in front of each line. One that
# goes on for longer has its line at once and its output as it comes, and a line
# with its state at the end. Of the many cells of an array only what they do is
# shown, not their calls.

namespace eval ::deployer::logger {
    variable ConsoleLive 500    ;# ms until output is shown as it comes
    variable ConsoleKept 16384  ;# characters that are kept for that long
    variable ConsoleGroups 12   ;# groups of hosts in a summary
}

oo::class create ::deployer::logger::console {
    superclass ::deployer::logger::Channel
    # Terminal: lines go to the terminal of this process, whoever uses it.
    # Width: "" is that of the terminal. Wraps: long texts are broken at words.
    # Runs: id -> dict of line (the headline), begun (ms), live, kept (lines),
    # size, of what goes on. Rest: id,stream -> a line that is not whole. Bad: id
    # of an action -> 1 where a command of it was shown to have failed. Told: id
    # -> 1 where its error was. Said: host -> its last error. Timer: of the next look
    # at Runs. Gatherer: of the runs, or "". Outer: id of an action that was called
    # from outside -> 1, where Errors does not want their errors.
    variable Channel Terminal Width Wraps Colours Output Runs Rest Bad Told \
        Said Timer Gatherer Errors Outer

    # console new ?-channel CHANNEL | -file PATH? ?-width N?
    #     ?-colours auto|yes|no? ?-output BOOL? ?-gather BOOL? ?-errors BOOL?
    constructor args {
        set options [::deployer::logger::Options {
            -channel text -file text -width count -colours auto|yes|no
            -output bool -gather bool -errors bool
        } $args {width {} colours auto output 1 gather 0 errors 1}]
        set Terminal [expr {![dict exists $options channel]
            && ![dict exists $options file] && [my IsTerminal stderr]}]
        set Wraps [expr {$Terminal || [dict exists $options channel]
            && [my IsTerminal [dict get $options channel]]}]
        if {$Terminal} {
            set Owned 0
        } else {
            my Open $options
        }
        set Width [dict get $options width]
        set Output [dict get $options output]
        set Errors [dict get $options errors]
        set Outer {}
        set Colours [dict get $options colours]
        if {$Colours eq "auto"} {
            set Colours [expr {$Wraps && [::deployer::TerminalColors]}]
        } else {
            set Colours [expr {$Colours eq "yes"}]
        }
        set Runs {}
        set Bad {}
        set Told {}
        set Said {}
        set Timer ""
        array set Rest {}
        set Gatherer ""
        if {[dict get $options gather]} {
            set Gatherer [::deployer::logger::Gatherer new \
                [namespace code {my Print}] [namespace code {my Style}] \
                [expr {$Terminal && [::deployer::TerminalSmart]}]]
        }
    }

    destructor {
        if {[info exists Timer]} {
            after cancel $Timer
        }
        if {[info exists Gatherer] && $Gatherer ne ""} {
            $Gatherer destroy
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
        } elseif {$Wraps} {
            return [::deployer::logger::ChannelColumns $Channel]
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
            my Put $line
        }
    }

    method flush {} {
        if {$Gatherer ne ""} {
            $Gatherer flush
        }
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
    method PrintState {what state colour {style {}}} {
        set columns [expr {[my Columns] - 1}]
        set room [expr {max(10,
            $columns - [::deployer::core::text width $state] - 1)}]
        set what [::deployer::core::text fit $what $room ...]
        set gap [expr {max(1, $columns - [::deployer::core::text width $what]
            - [::deployer::core::text width $state])}]
        my Print [string cat [expr {$style eq "" ? $what
            : [my Colour $style $what]}] [string repeat " " $gap] \
            [my Colour $colour $state]]
    }

    # TEXT, which is one line, on as many as a terminal needs.
    method PrintLong {colour text {indent 2}} {
        foreach line [::deployer::TextWrap $text \
                [expr {$Wraps ? [my Columns] - 1 : 0}] $indent] {
            my Print [my Colour $colour $line]
        }
    }

    # The path of EVENT, of a long one the end. NEXT: nothing else is on its line
    # than a name of so many characters and a state.
    method Path {event {next 0}} {
        set path ""
        if {[dict exists $event path]} {
            set path [::deployer::logger::Show [dict get $event path]]
        }
        set most [expr {max(16, $next ? [my Columns] - $next - 20
            : [my Columns] / 3)}]
        while {[::deployer::core::text width $path] > $most
                && [set at [string first / $path 4]] > 0} {
            set path ...[string range $path $at end]
        }
        return $path
    }

    method Where event {
        set text [my Path $event]
        if {[dict exists $event host]
                && [dict get $event type] in {run file connect}
                && [string first :[dict get $event host]/ $text/] < 0} {
            append text " " [::deployer::logger::Show [dict get $event host]]
        }
        return $text
    }

    method Headline event {
        set what [::deployer::logger::What $event]
        switch [dict get $event type] {
            action {
                return "[string trimright [my Path $event \
                    [string length $what]] /]/$what"
            }
            fork {
                return "[string trimright [my Path $event \
                    [string length $what]] /]/[string range $what 5 end] (fork)"
            }
            run {
                return "[my Where $event]\$ $what"
            }
        }
        return "[my Where $event]: $what"
    }

    # Whether it is one of the calls in the cells of an array.
    method IsOfMany event {
        return [expr {[dict exists $event host] && [dict exists $event parent]}]
    }

    method event event {
        if {![dict exists $event id]} {
            my Print [my Colour 35 [dict get $event data]]
            return
        }
        set id [dict get $event id]
        set type [dict get $event type]
        if {$Gatherer ne ""} {
            if {$type eq "run"} {
                $Gatherer event $event
                if {[dict get $event phase] eq "end"} {
                    my Failed $event
                }
                return
            }
            # What is said of outputs stands below them; a cell speaks of its
            # own alone, and others go on.
            if {$type in {message error} && ![dict exists $event host]
                    || [dict get $event phase] eq "end"
                    && ![dict exists $event parent]} {
                $Gatherer flush
            }
        }
        switch [dict get $event phase] {
            begin {
                if {$type ni {action fork}} {
                    if {[dict exists $event host]} {
                        dict unset Said [dict get $event host]
                    }
                    dict set Runs $id [dict create line [my Headline $event] \
                        begun [clock milliseconds] live 0 kept {} size 0]
                    my Watch
                } elseif {![my IsOfMany $event]} {
                    my Print [my Colour 1 [my Headline $event]]
                    if {!$Errors && ![dict exists $event parent]} {
                        dict set Outer $id 1
                    }
                }
            }
            output {
                if {$type eq "message"} {
                    # A difference ends in a newline.
                    foreach line [split [regsub {\n$} \
                            [dict get $event data] {}] \n] {
                        my Print "[my Path $event]:\
                            [::deployer::logger::Show $line]"
                    }
                } elseif {$type eq "error"} {
                    my Error $event
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

    # A command of an action has failed, and that was shown.
    method Failed event {
        if {[dict exists $event parent]
                && ![lindex [::deployer::logger::State $event] 0]} {
            dict set Bad [dict get $event parent] 1
        }
    }

    method Error event {
        set parent ""
        if {[dict exists $event parent]} {
            set parent [dict get $event parent]
            if {$Gatherer ne "" && [$Gatherer has $parent]} {
                # Its group tells it.
                return
            }
            dict set Told $parent 1
            if {[dict exists $Outer $parent]} {
                return
            }
        }
        set code [dict get $event data]
        if {$Output && [dict exists $Bad $parent]
                && ([string match {DEPLOYER EXEC STATUS *} $code]
                    || [string match {DEPLOYER EXEC SIGNAL *} $code])} {
            # It would be said twice.
            return
        }
        set text [::deployer::logger::ShowLine [dict get $event error]]
        if {[dict exists $Runs $parent]} {
            # A connection that fails is what a file verb fails of.
            set host [expr {[dict exists $event host]
                ? [dict get $event host] : ""}]
            if {[dict exists $Said $host] && [dict get $Said $host] eq $text} {
                return
            }
            dict set Said $host $text
        }
        if {[string index $text 0] ne "/"} {
            set text "[my Path $event]: $text"
        }
        if {![dict exists $event failures]} {
            my PrintLong 31 $text
            return
        }
        # What failed alike, together.
        regsub {( failed(?: \([^()]*\))?):.*} $text {\1} text
        my PrintLong 31 "$text:"
        set groups [::deployer::logger::Alike [dict get $event failures]]
        set most $::deployer::logger::ConsoleGroups
        foreach group [lrange $groups 0 $most-1] {
            lassign $group keys text
            set names [::deployer::core::text fit \
                [::deployer::logger::Names $keys] \
                [expr {max(20, [my Columns] / 2)}] ...]
            my PrintLong 31 "  $names: [::deployer::Shorten $text 400]" 6
        }
        set left 0
        foreach group [lrange $groups $most end] {
            incr left [llength [lindex $group 0]]
        }
        incr left [expr {[lindex $code end-1]
            - [dict size [dict get $event failures]]}]
        if {$left > 0} {
            my Print [my Colour 31 "  and $left more"]
        }
    }

    method End {id type event} {
        lassign [::deployer::logger::State $event] good state
        set colour [expr {$good ? 32 : 31}]
        set told [dict exists $Told $id]
        dict unset Told $id
        dict unset Bad $id
        dict unset Outer $id
        if {$type in {action fork}} {
            if {![my IsOfMany $event]
                    && (!$good || ![dict exists $event parent])} {
                my PrintState [my Headline $event] $state $colour 1
            }
            return
        }
        if {![dict exists $Runs $id]} {
            return
        }
        set run [dict get $Runs $id]
        dict unset Runs $id
        if {$type eq "connect" && $good || $type ne "run" && $told} {
            return
        }
        my Failed $event
        my PrintState [dict get $run line] $state $colour
        foreach line [dict get $run kept] {
            my Print $line
        }
        if {[dict exists $event error] && $type ne "run"} {
            my PrintLong 31 "  [::deployer::logger::ShowLine \
                [dict get $event error]]"
        }
    }

    # Whole lines of an output.
    method Lines {id event} {
        if {[dict exists $event shown] || ![dict exists $Runs $id]} {
            return
        }
        if {[dict exists $event binary]} {
            my Line $id $event \
                "([dict get $event bytes] bytes that are no text)"
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
            my Line $id $event $line
        }
    }

    # LINE of the output of ID, with the slug in front.
    method Line {id event line} {
        set colour [expr {[dict exists $event stream]
            && [dict get $event stream] eq "stderr" ? 35 : 36}]
        # As it looks at its end.
        set line [lindex [split [string trimright $line \r] \r] end]
        set line "[my Colour $colour \
            "[::deployer::logger::Show [dict get $event host]]:"]\
            [::deployer::logger::Show $line]"
        if {[dict get $Runs $id live]} {
            my Print $line
            return
        }
        set kept [dict get $Runs $id kept]
        dict set Runs $id kept [lappend kept $line]
        dict set Runs $id size \
            [expr {[dict get $Runs $id size] + [string length $line]}]
        if {[dict get $Runs $id size] > $::deployer::logger::ConsoleKept} {
            my Live $id
        }
    }

    # Whether somebody sees on a terminal what it prints.
    method OnTerminal {} {
        return $Wraps
    }

    # What ID prints is shown as it comes from here on.
    method Live id {
        my PrintState [dict get $Runs $id line] ... 2
        foreach line [dict get $Runs $id kept] {
            my Print $line
        }
        dict set Runs $id kept {}
        dict set Runs $id live 1
    }

    method Watch {} {
        if {$Timer eq ""} {
            set Timer [after [expr {$::deployer::logger::ConsoleLive / 2}] \
                [namespace code {my Look}]]
        }
    }

    # Commands that go on for long are shown, where they print something or
    # nothing else goes on.
    method Look {} {
        set Timer ""
        set early [expr {[clock milliseconds]
            - $::deployer::logger::ConsoleLive}]
        set waits 0
        dict for {id run} $Runs {
            if {[dict get $run live]} {
                continue
            }
            set waits 1
            if {[dict get $run begun] <= $early
                    && ([dict get $run size] || [dict size $Runs] == 1)} {
                my Live $id
            }
        }
        if {$waits} {
            my Watch
        }
    }

    # What is left of the last lines of ID.
    method Rest {id event} {
        foreach key [lsort [array names Rest $id,*]] {
            if {$Rest($key) ne ""} {
                my Line $id [dict replace $event stream \
                    [lindex [split $key ,] 1]] $Rest($key)
            }
            unset Rest($key)
        }
    }
}

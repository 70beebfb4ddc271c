# reader.tcl -- lines that a human types at a prompt: editing keys, history,
# completion.
#
# Layer T3. deployer::Reader. Where there is a terminal that can do it, core::edit
# reads; else lines come as they are, and nothing but text is written. A reader
# that waits holds no lock: whoever takes the screen has it whole, and the line
# is shown again afterwards. What is printed meanwhile comes to stand above it.

oo::class create ::deployer::Reader {
    # Edit: handle of core::edit, "" none yet. Busy: whether it reads. Wait: what
    # a plain one waits for. Channel: where a plain one reads. Typed: what a plain
    # one has of a line. Shown: whether a plain one listens. Lines: the history;
    # Seen: what its file was like then; Warned: whether it was complained about.
    # Job: waiter of a completion, KeyWait: of the key that it wants. Last: text
    # and cursor of a Tab that found several words. Silent: a plain one that reads
    # from no terminal writes no prompts. Above: stands above its next one. Painted:
    # the text that was painted last.
    variable Edit Busy Keys File Complete More Prompt Prompt2 Wait Channel Typed \
        Shown Lines Seen Warned Job KeyWait Last Error Silent Above Paint Painted

    constructor args {
        set opts [dict merge {history {} complete {} more {} prompt2 {... } \
            keys {} silent 0 paint {}} [::deployer::TakeOptions {
            -history text -complete text -more text -paint text -prompt2 text
            -keys text -silent bool} args]]
        if {[llength $args]} {
            ::deployer::WrongArgs "Reader new ?-history FILE? ?-complete\
                PREFIX? ?-more PREFIX? ?-paint PREFIX? ?-prompt2 TEXT?\
                ?-keys emacs|vi? ?-silent BOOL?"
        }
        set Keys [dict get $opts keys]
        if {$Keys ni {{} emacs vi}} {
            ::deployer::Fail {OPTION -keys} "-keys must be emacs or vi"
        }
        set File [dict get $opts history]
        if {$File ne ""} {
            set File [::deployer::LocalPath $File]
            catch {
                set dir [file dirname $File]
                if {![file exists $dir]} {
                    file mkdir $dir
                    file attributes $dir -permissions 0700
                }
            }
        }
        set Complete [dict get $opts complete]
        set Silent [dict get $opts silent]
        set More [dict get $opts more]
        set Paint [dict get $opts paint]
        set Prompt2 [dict get $opts prompt2]
        set Edit ""
        set Busy 0
        set Lines {}
        set Seen ""
        set Warned 0
        set Typed ""
        set Job ""
        set KeyWait ""
        set Last ""
        set Error ""
    }

    destructor {
        if {![info exists Edit]} {
            return
        }
        my Leave
        if {$Edit ne ""} {
            ::deployer::core::edit close $Edit
        }
    }

    # Reads a line (or several, where -more says so) behind PROMPT: {line TEXT},
    # {eof {}} or {interrupt {}}.
    method read prompt {
        if {$Busy || $::deployer::TerminalReader ne ""} {
            ::deployer::Fail {STATE reader} "somebody is asked for a line\
                already"
        }
        set self [self]
        set Busy 1
        set Prompt $prompt
        set Error ""
        set Last ""
        set ::deployer::TerminalReader [list [namespace current]::my]
        try {
            if {[my Smart]} {
                return [my ReadKeys]
            }
            return [my ReadPlain]
        } finally {
            # One that was destroyed meanwhile has left already.
            if {[info object isa object $self]} {
                my Leave
            }
        }
    }

    # Another prompt for the line that is read. A plain one keeps its own: that
    # has been written.
    method prompt prompt {
        if {$Busy && ![info exists Channel]} {
            set Prompt $prompt
            if {$Edit ne ""} {
                ::deployer::core::edit prompt $Edit $prompt
            }
        }
        return
    }

    # The end of a line, however that came.
    method Leave {} {
        if {!$Busy} {
            return
        }
        set Busy 0
        my Drop
        if {$Edit ne ""} {
            ::deployer::core::edit drop $Edit
        }
        if {[info exists Channel]} {
            my PlainHide
            unset Channel
        }
        set ::deployer::TerminalReader ""
        ::deployer::BarsPop
        if {[info exists Wait]} {
            ::deployer::core::waiter finish $Wait {eof {}}
            unset Wait
        }
    }

    # Whether there is a terminal with a cursor that moves, and who moves it.
    method Smart {} {
        return [expr {[::deployer::core::edit there]
            && [::deployer::TerminalSmart] && [::deployer::OnTerminal stdin]
            && [::deployer::OnTerminal stdout] && [dict get \
                [::deployer::core::terminal info] state] ne "none"}]
    }

    # Part: with keys.

    method ReadKeys {} {
        set self [self]
        if {$Edit eq ""} {
            set Edit [::deployer::core::edit open $Keys]
        }
        my Recall
        if {[dict get [::deployer::core::terminal info] state] eq "back"} {
            # Stops until the shell has this in the foreground, as a read does.
            ::deployer::core::echo line
            ::deployer::core::echo on
        }
        catch {flush stdout}
        set Painted ""
        ::deployer::core::edit paint $Edit [expr {$Paint ne ""
            && [::deployer::TerminalColors]}]
        ::deployer::core::edit begin $Edit $Prompt $Prompt2
        ::deployer::BarsPush
        ::deployer::TerminalReaderShow
        while 1 {
            set Wait [::deployer::core::edit next $Edit]
            if {$Error ne ""} {
                ::deployer::core::waiter finish $Wait {*}$Error
            }
            set event [::deployer::Await $Wait]
            if {![info object isa object $self]} {
                return {eof {}}
            }
            unset -nocomplain Wait
            switch [lindex $event 0] {
                enter {
                    my Entered [lindex $event 1]
                }
                complete {
                    my Tab {*}[lrange $event 1 end]
                }
                dropped {
                    my Drop
                }
                paint {
                    my Colors [lindex $event 1]
                }
                key {
                    ::deployer::core::waiter finish $KeyWait [lindex $event 1]
                }
                done {
                    return [list line [lindex $event 1]]
                }
                interrupt {
                    return {interrupt {}}
                }
                default {
                    return {eof {}}
                }
            }
        }
    }

    # The key Enter: whether TEXT is all. What stays on the screen has its colours.
    method Entered text {
        set self [self]
        set more [my WantsMore $text]
        if {!$more && [info object isa object $self] && $text ne $Painted} {
            my Colors $text
        }
        if {[info object isa object $self]} {
            ::deployer::core::edit reply $Edit [expr {$more ? "more" : "done"}]
        }
    }

    # TEXT gets its colours, {START END SGR ...} by {*}Paint TEXT, which must not wait.
    # One that fails is told once, and asked no more.
    method Colors text {
        set self [self]
        try {
            set spans {}
            if {$Paint ne "" && [::deployer::TerminalColors]
                    && [string length $text] <= 1000} {
                set spans [uplevel #0 [list {*}$Paint $text]]
            }
            if {[info object isa object $self]} {
                set Painted $text
                ::deployer::core::edit painted $Edit $text $spans
            }
        } on error {message options} {
            after 0 [list return -options $options $message]
            if {[info object isa object $self]} {
                set Paint ""
                ::deployer::core::edit paint $Edit 0
            }
        }
    }

    method WantsMore text {
        if {$More eq ""} {
            return 0
        }
        if {[catch {uplevel #0 [list {*}$More $text]} more options]} {
            after 0 [list return -options $options $more]
            return 0
        }
        return [string is true -strict $more]
    }

    # Called by those who use the terminal, also of a plain one: the line is taken
    # from the screen; comes back; cannot, because of MESSAGE; text above it; the
    # same as bytes of a channel. The last two say whether they have done it.
    method Hide {} {
        if {[info exists Channel]} {
            my PlainHide
        } elseif {$Edit ne ""} {
            ::deployer::core::edit hide $Edit
        }
    }

    method Show {} {
        if {[info exists Channel]} {
            my PlainShow
        } else {
            ::deployer::core::edit show $Edit
        }
    }

    method Failed {message options} {
        set Error [list $message $options]
        if {[info exists Wait]} {
            ::deployer::core::waiter finish $Wait $message $options
        }
    }

    method Print text {
        if {[info exists Channel]} {
            if {$Shown} {
                my PlainPrint $text
                return 1
            }
        } elseif {$Edit ne "" && [::deployer::core::edit shown $Edit]} {
            ::deployer::core::edit print $Edit $text 0
            return 1
        }
        return 0
    }

    method Output bytes {
        if {![info exists Channel] && $Edit ne ""
                && [::deployer::core::edit shown $Edit]} {
            ::deployer::core::edit output $Edit $bytes
            return 1
        }
        return 0
    }

    # TEXT above the line that is being edited; without one it is printed.
    method print text {
        if {[string index $text end] ne "\n"} {
            append text \n
        }
        if {!$Busy || ![my Print $text]} {
            if {[::deployer::OnTerminal stdout] && [dict get \
                    [::deployer::core::terminal info] state] eq "front"} {
                ::deployer::TerminalPrint $text
            } else {
                puts -nonewline stdout $text
                flush stdout
            }
        }
        return
    }

    # Part: without.

    method ReadPlain {} {
        set self [self]
        set Shown 0
        set Above ""
        # Whole lines, and what of the last one stands before the cursor.
        set text ""
        set begin ""
        set prompt [::deployer::TerminalPlainPrompt $Prompt]
        set Channel ""
        while 1 {
            set Wait [::deployer::core::waiter new]
            set w $Wait
            set Prompt $prompt$begin
            if {![info exists ::deployer::TerminalHolders(Screen)]} {
                my PlainShow
            }
            lassign [::deployer::Await $w] what line
            if {![info object isa object $self]} {
                return {eof {}}
            }
            unset -nocomplain Wait
            set typed [expr {$Channel ne "stdin"}]
            my PlainHide
            if {$what eq "eof" && $typed && $begin ne ""} {
                # Nobody has run that: Ctrl-D drops it, and ends the input the
                # next time.
                set begin ""
                continue
            }
            if {$what ne "line"} {
                append text $begin
                if {$what eq "eof" && $text ne ""} {
                    return [list line [string trimright $text \n]]
                }
                return [list $what {}]
            }
            set line $begin$line
            set begin ""
            if {$typed && $Complete ne "" && [string index $line end] eq "\t"} {
                set begin [my PlainTab $text [string trimright $line \t]]
                if {![info object isa object $self]} {
                    return {eof {}}
                }
                continue
            }
            append text $line
            if {![my WantsMore $text] || ![info object isa object $self]} {
                return [list line $text]
            }
            append text \n
            set prompt [::deployer::TerminalPlainPrompt $Prompt2]
        }
    }

    # Tab and Enter, where no key comes by itself: tells what may stand behind LINE,
    # the last one of TEXT, and returns it with what is certain. A list has no more
    # lines than are to be seen.
    method PlainTab {text line} {
        set self [self]
        if {[catch {
            dict merge {start 0 words {} hint {}} [uplevel #0 \
                [list {*}$Complete $text$line [string length $text$line]]]
        } found options]} {
            if {[info object isa object $self]} {
                after 0 [list return -options $options $found]
            }
            return $line
        }
        if {![info object isa object $self]} {
            return $line
        }
        set words [dict get $found words]
        set start [expr {[dict get $found start] - [string length $text]}]
        if {![llength $words]} {
            set hint [dict get $found hint]
            set Above [::deployer::core::text show \
                [expr {$hint eq "" ? "nothing to complete" : $hint}]]\n
            return $line
        }
        set common [::deployer::ReaderCommon $words]
        if {[llength $words] == 1} {
            append common [lindex $words 0 3]
        } else {
            set info [::deployer::core::terminal info]
            set most [expr {max(2, [dict get $info rows] - 3)}]
            set lines [::deployer::ReaderColumns [lrange $words 0 $most-1] \
                [dict get $info cols] [expr {$most + 2}]]
            if {[llength $words] > $most} {
                lappend lines "and [expr {[llength $words] - $most}] more: type\
                    how they begin"
            }
            set Above [join $lines \n]\n
        }
        if {[string length $common] < [string length $line] - $start} {
            return $line
        }
        return [string range $line 0 $start-1]$common
    }

    # Listens, where it does not.
    method PlainShow {} {
        if {$Shown} {
            return
        }
        set Shown 1
        if {[::deployer::OnTerminal stdin]
                && ![catch {open /dev/tty r+} Channel]} {
            ::deployer::core::echo line
            set out $Channel
            chan configure $Channel -buffering none
        } else {
            set Channel stdin
            set out stdout
        }
        chan configure $Channel -blocking 0 -encoding utf-8
        my PlainPrompt $out $Above$Prompt
        set Above ""
        if {![my PlainTyped]} {
            chan event $Channel readable \
                [list [namespace current]::my PlainReady]
        }
    }

    method PlainHide {} {
        if {!$Shown} {
            return
        }
        set Shown 0
        catch {chan event $Channel readable {}}
        if {$Channel ne "stdin"} {
            ::deployer::core::echo on
            close $Channel
        } else {
            catch {chan configure stdin -blocking 1}
        }
        set Channel ""
    }

    # Who reads it may be gone.
    method PlainPrompt {out text} {
        if {$Channel ne "stdin" || !$Silent} {
            catch {
                puts -nonewline $out $text
                flush $out
            }
        }
    }

    # A prompt, where there is one, stands on the line of the cursor.
    method PlainPrint text {
        set out [expr {$Channel eq "stdin" ? "stdout" : $Channel}]
        my PlainPrompt $out \n
        catch {
            puts -nonewline $out $text
            flush $out
        }
        my PlainPrompt $out $Prompt
    }

    # Whether a line has come with the one before.
    method PlainTyped {} {
        set at [string first \n $Typed]
        if {$at < 0} {
            return 0
        }
        set line [string range $Typed 0 $at-1]
        set Typed [string range $Typed $at+1 end]
        my PlainEnd [expr {[string index $line end] eq "\3"
            ? {interrupt {}} : [list line $line]}]
        return 1
    }

    # From the event loop: there is something to read.
    method PlainReady {} {
        set before $Typed
        set Typed ""
        set terminal [expr {$Channel ne "stdin"}]
        if {[catch {gets $Channel line} count]} {
            my PlainEnd [list eof {}]
            return
        }
        if {$count >= 0} {
            if {$terminal && [string index $line end] eq "\3"} {
                my PlainEnd {interrupt {}}
            } else {
                my PlainEnd [list line $before$line]
            }
            return
        }
        if {[eof $Channel]} {
            if {$before ne ""} {
                my PlainEnd [list line $before]
            } else {
                if {$terminal} {
                    catch {puts $Channel ""}
                }
                my PlainEnd {eof {}}
            }
            return
        }
        if {$terminal && [chan pending input $Channel]} {
            # The key that interrupts ends a line, and so does Ctrl-D in one.
            append before [read $Channel]
            if {[string first \n $before] >= 0} {
                set Typed $before
                my PlainTyped
                return
            }
            if {[string first \3 $before] >= 0} {
                catch {puts $Channel ""}
                my PlainEnd {interrupt {}}
                return
            }
        }
        if {[string length $before] + [chan pending input $Channel]
                > 1048576} {
            read $Channel
            my Failed "a line of more than 1 MiB" [list -code 1 -level 0 \
                -errorcode {DEPLOYER STATE line}]
            return
        }
        set Typed $before
    }

    method PlainEnd event {
        catch {chan event $Channel readable {}}
        if {[info exists Wait]} {
            ::deployer::core::waiter finish $Wait $event
        }
    }

    # Part: completion.

    # The key Tab: words are looked for in a job, and keys are kept meanwhile.
    method Tab {text cursor} {
        if {$Complete eq ""} {
            ::deployer::core::edit reply $Edit beep
            return
        }
        set Job [::deployer::Job [list [namespace current]::my Find $text \
            $cursor]]
        set w $Job
        ::deployer::core::waiter call $w [list [namespace current]::my Found $w]
    }

    method Find {text cursor} {
        set found [dict merge {start 0 words {} hint {}} \
            [uplevel #0 [list {*}$Complete $text $cursor]]]
        set words [dict get $found words]
        set start [dict get $found start]
        set old [string range $text $start $cursor-1]
        if {![llength $words]} {
            set hint [dict get $found hint]
            if {$hint eq "" || $Last ne [list $text $cursor]} {
                set Last [list $text $cursor]
                return beep
            }
            ::deployer::core::edit print $Edit \
                [::deployer::core::text show $hint]\n 1
            return none
        }
        if {[llength $words] == 1} {
            set Last ""
            lassign [lindex $words 0] word - - ends
            if {$ends ne "" && [string index $text $cursor] eq $ends} {
                set ends ""
            }
            ::deployer::core::edit replace $Edit $old $word$ends
            return none
        }
        set common [::deployer::ReaderCommon $words]
        if {$common ne $old && [string length $common]
                >= [string length $old]} {
            # Not by string replace, which puts nothing where nothing stood.
            set Last [list [string range $text 0 $start-1]$common[string \
                range $text $cursor end] [expr {$start + [string length $common]}]]
            ::deployer::core::edit replace $Edit $old $common
            return none
        }
        # Who has typed nothing at all wants to see what there is.
        if {$Last ne [list $text $cursor]
                && ($text ne "" || [llength $words] > 100)} {
            set Last [list $text $cursor]
            return beep
        }
        my List $words
        return none
    }

    # A completion has come to its end.
    method Found w {
        if {$w ne $Job} {
            ::deployer::core::waiter drop $w
            return
        }
        set Job ""
        set KeyWait ""
        if {[catch {::deployer::core::waiter take $w} reply options]} {
            after 0 [list return -options $options $reply]
            set reply beep
        }
        ::deployer::core::edit reply $Edit $reply
    }

    # Nobody waits for it any more.
    method Drop {} {
        if {$Job ne ""} {
            set w $Job
            set Job ""
            set KeyWait ""
            ::deployer::core::edit ask $Edit ""
            ::deployer::core::waiter call $w {}
            ::deployer::JobCancel $w
            ::deployer::Detach $w
        }
    }

    # Shows WORDS below the line, page by page where they are many. Thousands are
    # laid out piece by piece, so that no key waits for all of them.
    method List words {
        set info [::deployer::core::terminal info]
        set rows [dict get $info rows]
        set cols [dict get $info cols]
        set print [list ::deployer::core::edit print $Edit]
        # No screen shows more of the shortest ones.
        set most [expr {max(2, $rows - 1) * max(1, ($cols + 1) / 3)}]
        set rest $words
        set lines {}
        if {[llength $words] <= $most} {
            set rest {}
            set lines [::deployer::ReaderColumns $words $cols $rows]
            if {[llength $lines] < $rows - 1} {
                {*}$print [join $lines \n]\n 1
                return
            }
        }
        set key [my Key "Display all [llength $words] possibilities? (y or n) "]
        if {$key ni {121 89 32 9}} {
            return
        }
        set count [expr {$rows - 2}]
        set keep 1
        while 1 {
            while {[llength $lines] < $count && [llength $rest]} {
                lappend lines {*}[::deployer::ReaderColumns \
                    [lrange $rest 0 $most-1] $cols $rows]
                set rest [lrange $rest $most end]
            }
            {*}$print [join [lrange $lines 0 $count-1] \n]\n $keep
            set keep 0
            set lines [lrange $lines $count end]
            if {![llength $lines] && ![llength $rest]} {
                return
            }
            switch [my Key "--More-- (space, Enter, q) "] {
                121 - 89 - 32 - 9 {
                    set count [expr {$rows - 2}]
                }
                13 - 10 {
                    set count 1
                }
                default {
                    return
                }
            }
        }
    }

    # The next key that is typed, as the number of its character. QUESTION stands
    # in the place of the line.
    method Key question {
        set KeyWait [::deployer::core::waiter new]
        ::deployer::core::edit ask $Edit $question
        ::deployer::core::edit reply $Edit key
        set key [::deployer::Await $KeyWait]
        ::deployer::core::edit ask $Edit ""
        return $key
    }

    # Part: the history.

    # The lines, oldest first; or adds one.
    method history args {
        if {$args ne {} && ([llength $args] != 2
                || [lindex $args 0] ne "add")} {
            ::deployer::WrongArgs "[self] history ?add TEXT?"
        }
        my Recall
        if {$args eq {}} {
            return $Lines
        }
        set text [string trim [lindex $args 1] \n]
        if {[string trim $text] eq "" || [string index $text 0] eq " "
                || $text eq [lindex $Lines end]} {
            return
        }
        lappend Lines $text
        if {$Edit ne ""} {
            ::deployer::core::edit remember $Edit [list $text]
        }
        if {$File ne "" && !$Warned} {
            set bytes [encoding convertto utf-8 \
                [string map {\\ \\\\ \n \\n \r \\r} $text]\n]
            set name [::deployer::core::edit append $File $bytes \
                $::deployer::ReaderLines]
            if {$name ne ""} {
                my Warn $name
            }
            # Where nobody else has added anything, that is all there is.
            set stat [my Stat]
            if {$Seen ne "" && $stat ne "" && [lindex $stat 0]
                    eq [lindex $Seen 0] && [lindex $stat 1]
                    == [lindex $Seen 1] + [string length $bytes]} {
                set Seen $stat
            }
        }
        return
    }

    # What tells that the file has changed.
    method Stat {} {
        if {[catch {file stat $File stat}]} {
            return ""
        }
        return [list $stat(ino) $stat(size) $stat(mtime)]
    }

    # The history as its file has it now.
    method Recall {} {
        if {$File ne "" && !$Warned} {
            set stat [my Stat]
            if {$stat ne $Seen} {
                my Load
                set Seen $stat
            } elseif {$Edit eq "" || [my Known]} {
                return
            }
        }
        if {$Edit ne ""} {
            ::deployer::core::edit forget $Edit
            ::deployer::core::edit remember $Edit $Lines
            set Known 1
        }
    }

    # Whether the editor has the lines already.
    method Known {} {
        variable Known
        return [info exists Known]
    }

    method Load {} {
        if {![file exists $File]} {
            return
        }
        if {[catch {
            set chan [open $File r]
            try {
                chan configure $chan -encoding utf-8 -translation lf
                read $chan
            } finally {
                close $chan
            }
        } text options]} {
            my Warn [lindex [dict get $options -errorcode] 1]
            return
        }
        set Lines [lrange [lmap line [split $text \n] {
            if {$line eq ""} {
                continue
            }
            string map {\\\\ \\ \\n \n \\r \r} $line
        }] end-[expr {$::deployer::ReaderLines - 1}] end]
    }

    # Once: the history cannot be kept.
    method Warn name {
        set Warned 1
        set text "The history $File cannot be used ($name): what is typed is\
            not kept."
        if {!$Busy || ![my Print $text\n]} {
            catch {
                puts stderr $text
                flush stderr
            }
        }
    }
}

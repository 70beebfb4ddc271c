# terminal.tcl -- who has the terminal of this process, and what it shows.
#
# Layer T1. A command that has the terminal has it whole; the bytes pass in C.
# Two keys of the context decide who may have it, both inherited by jobs:
#
#   -terminal own     the terminal of this process is for these actions
#   -crowd 1          several commands may run at once
#
# A third one, -aside, tells whether they may have it now; see aside.tcl.
#
# Two locks keep its users apart. Command: one command that has the terminal,
# from before it begins to its end. Screen: whoever uses the terminal right now,
# that command or a question; a connection that is made for the command may ask.

namespace eval ::deployer {
    variable TerminalHolders    ;# lock -> coroutine ("" is plain code)
    variable TerminalQueues     ;# lock -> waiters of those who want it
    variable TerminalLate ""    ;# lines that wait for the screen
    variable TerminalChannel "" ;# on the terminal, while lines are written
    variable TerminalFlushed {} ;# waiters for its end
    variable TerminalLines      ;# process,stream -> line that is not whole
    variable TerminalReader ""  ;# prefix of the methods of the reader that waits
    variable RecordingCount 0
    variable RecordingNow       ;# number -> 1 while its body runs
    variable Recordings         ;# number,file -> handle of core::cast
    array set TerminalHolders {}
    array set TerminalQueues {Command {} Screen {}}
    array set TerminalLines {}
    array set RecordingNow {}
    array set Recordings {}
}

# Waits until the terminal is free and takes it. One who waits in a nested event
# loop for plain code below it would wait for ever.
proc ::deployer::TerminalLock {{lock Screen}} {
    variable TerminalHolders
    variable TerminalQueues
    JobMay
    AsideGate
    set co [info coroutine]
    if {![info exists TerminalHolders($lock)]} {
        set TerminalHolders($lock) $co
        if {$lock eq "Screen"} {
            try {
                TerminalReaderHide
                BarsHide
                TerminalDrain
            } on error {message options} {
                TerminalUnlock
                return -options $options $message
            }
        }
        return
    }
    if {$co eq $TerminalHolders($lock) || $co eq ""
            && $TerminalHolders($lock) eq ""} {
        Fail {STATE terminal} "the terminal can't be used: a command that was\
            begun before has it, and waits for this one to return"
    }
    set w [core::waiter new]
    lappend TerminalQueues($lock) $w $co
    try {
        Await $w
    } on error {message options} {
        set at [lsearch -exact $TerminalQueues($lock) $w]
        if {$at >= 0} {
            set TerminalQueues($lock) \
                [lreplace $TerminalQueues($lock) $at $at+1]
        } else {
            # It was handed over already.
            TerminalUnlock $lock
        }
        return -options $options $message
    }
}

# Waits until all lines are on the terminal.
proc ::deployer::TerminalDrain {} {
    variable TerminalChannel
    variable TerminalFlushed
    if {$TerminalChannel eq ""} {
        return
    }
    set w [core::waiter new]
    lappend TerminalFlushed $w
    try {
        Await $w
    } finally {
        set TerminalFlushed [lsearch -all -inline -exact -not \
            $TerminalFlushed $w]
    }
}

proc ::deployer::TerminalUnlock {{lock Screen}} {
    variable TerminalHolders
    variable TerminalQueues
    unset TerminalHolders($lock)
    while {[llength $TerminalQueues($lock)]} {
        set TerminalQueues($lock) [lassign $TerminalQueues($lock) w co]
        if {$co ne "" && [namespace which -command $co] eq ""} {
            # Nobody waits there any more.
            core::waiter drop $w
            continue
        }
        set TerminalHolders($lock) $co
        core::waiter finish $w {}
        return
    }
    if {$lock eq "Screen"} {
        TerminalFlush
        TerminalReaderShow
    }
}

# A line that is being read (library/reader.tcl) makes room for whoever takes the
# screen, and comes back when all is written.
proc ::deployer::TerminalReaderHide {} {
    variable TerminalReader
    if {$TerminalReader ne ""} {
        {*}$TerminalReader Hide
    }
}

proc ::deployer::TerminalReaderShow {} {
    variable TerminalReader
    variable TerminalHolders
    variable TerminalChannel
    variable BarsDrawn
    if {$TerminalReader eq "" || [info exists TerminalHolders(Screen)]} {
        return
    }
    if {$BarsDrawn ne ""} {
        BarsHide
    }
    if {$TerminalChannel eq ""
            && [catch {{*}$TerminalReader Show} message options]} {
        {*}$TerminalReader Failed $message $options
    }
}

# Notes for the jobs that are made from here on that COUNT of them may run at
# once, and returns the context to be put back by ContextSet.
proc ::deployer::TerminalCrowd count {
    set context [ContextGet]
    if {$count > 1} {
        ContextSet [dict replace $context -crowd 1]
    }
    return $context
}

# What core::terminal info tells, of a terminal that can be used now; else
# {DEPLOYER STATE terminal}. WHAT needs it.
proc ::deployer::TerminalNeed what {
    set info [core::terminal info]
    switch [dict get $info state] {
        none {
            Fail {STATE terminal} "$what needs a terminal, and this process has\
                none"
        }
        back {
            Fail {STATE terminal} "$what needs the terminal, and this process\
                runs in the background of its shell: bring it to the\
                foreground first"
        }
    }
    return $info
}

# How a command with OPTS (those of `run`) on host SLUG runs, as OPTS with two
# more keys where they apply. show: its output is shown as it comes, the value
# in front of each line. terminal: its pseudo terminal, as in Begin; with own,
# it has the terminal of this process. TERM is -term of the host.
proc ::deployer::TerminalOptions {slug opts term} {
    set context [ContextGet]
    set mine [expr {[dict exists $context -terminal]
        && [dict get $context -terminal] eq "own"}]
    set crowd [expr {[dict exists $context -crowd]
        && [dict get $context -crowd]}]
    set pty auto
    if {[dict exists $opts pty]} {
        set pty [dict get $opts pty]
    }
    set state [dict get [set info [core::terminal info]] state]
    if {$pty eq "auto"} {
        # Data that is fed would be echoed, and some of it taken for keys.
        set pty [expr {$mine && !$crowd && $state eq "front"
            && ![dict exists $opts stdin] && ![dict exists $opts stdinchannel]
            && !([dict exists $opts encoding]
                && [dict get $opts encoding] eq "binary") ? "yes" : "no"}]
    }
    set own 0
    if {$pty eq "yes"} {
        set own [expr {!$crowd && $state ne "none"}]
        if {$own} {
            set info [TerminalNeed "-pty yes"]
            dict set opts own 1
        }
        dict set opts terminal [TerminalType $info $own $term]
    }
    if {!$own && $mine && $state eq "front"} {
        dict set opts show [expr {$crowd ? "$slug: " : ""}]
    }
    return $opts
}

# The options of a pseudo terminal. What nobody looks at is not made colourful.
proc ::deployer::TerminalType {info own term} {
    if {$term eq "" && $own && [info exists ::env(TERM)]} {
        set term $::env(TERM)
    }
    set terminal [dict create term $term]
    if {$own} {
        foreach key {cols rows modes} {
            dict set terminal $key [dict get $info $key]
        }
    }
    return $terminal
}

# The options of core::proc run for a command with a pseudo terminal; where it
# has the terminal of this process, that is taken here.
proc ::deployer::TerminalRun {slug opts encoding keys} {
    set run [dict create newlines [expr {$encoding ne "binary"}]]
    set cast [RecordingFor $slug [dict get $opts terminal]]
    if {$cast ne ""} {
        dict set run cast $cast
    }
    if {[dict exists $opts own]} {
        TerminalLock
        dict set run terminal 1
        dict set run keys $keys
    }
    if {[dict exists $opts discard]} {
        dict set run discard 1
    }
    return $run
}

# The last lines of a terminal's output, for messages.
proc ::deployer::TerminalText text {
    set lines {}
    foreach line [split [string range $text end-4000 end] \n] {
        lappend lines [TerminalPlain $line]
    }
    return [join $lines \n]
}

# What a terminal can show.

# A dumb one has neither colours nor a cursor that moves.
proc ::deployer::TerminalSmart {} {
    return [expr {[info exists ::env(TERM)] && $::env(TERM) ni {{} dumb}}]
}

proc ::deployer::TerminalColors {} {
    return [expr {[TerminalSmart] && (![info exists ::env(NO_COLOR)]
        || $::env(NO_COLOR) eq "")}]
}

proc ::deployer::TerminalUnicode {} {
    return [expr {[string match utf-* [encoding system]]}]
}

proc ::deployer::TerminalEllipsis {} {
    return [expr {[TerminalUnicode] ? "\u2026" : "..."}]
}

# TEXT, which is one line as it is shown, as lines of so many COLUMNS, broken at
# words where a terminal would do it anywhere; those behind the first one are
# INDENTed. A word that is longer is left to the terminal.
proc ::deployer::TextWrap {text columns {indent 2}} {
    if {$columns < 20 || [core::text width $text] <= $columns} {
        return [list $text]
    }
    regexp {^( *)(.*)$} $text - line text
    set lines {}
    set empty 1
    foreach word [split $text " "] {
        if {!$empty && [core::text width "$line $word"] > $columns} {
            lappend lines $line
            set line [string repeat " " $indent]
            set empty 1
        }
        append line [expr {$empty ? "" : " "}] $word
        set empty 0
    }
    return [lappend lines $line]
}

# Whether CHANNEL is a terminal.
proc ::deployer::OnTerminal channel {
    return [expr {![catch {chan configure $channel} options]
        && [dict exists $options -mode]}]
}

# What is shown.

# Prints TEXT on the terminal, now or when the screen is free. What comes in
# the meantime, or while Ctrl-S holds the terminal, is kept up to a limit.
proc ::deployer::TerminalPrint text {
    variable TerminalHolders
    variable TerminalLate
    variable TerminalReader
    if {[AsideMute]} {
        return
    }
    if {$TerminalReader ne "" && $TerminalLate eq ""
            && [{*}$TerminalReader Print $text]} {
        return
    }
    append TerminalLate $text
    if {[string length $TerminalLate] > 262144} {
        set TerminalLate "(...)\n[string range $TerminalLate end-131071 end]"
    }
    if {![info exists TerminalHolders(Screen)]} {
        TerminalFlush
    }
}

# Writes what is kept, without waiting for the terminal: the channel stays open
# until it has taken all.
proc ::deployer::TerminalFlush {} {
    variable TerminalLate
    variable TerminalChannel
    variable TerminalFlushed
    variable BarsDue
    if {$TerminalChannel eq ""} {
        if {$TerminalLate eq "" && !$BarsDue} {
            return
        }
        catch {flush stdout}
        if {[catch {open /dev/tty w} TerminalChannel]} {
            set TerminalChannel ""
            set TerminalLate ""
            set BarsDue 0
            return
        }
        chan configure $TerminalChannel -blocking 0 -buffering none
    }
    # An error means that the terminal has gone.
    if {[catch {
        if {![chan pending output $TerminalChannel]} {
            set text $TerminalLate
            set TerminalLate ""
            puts -nonewline $TerminalChannel [BarsAround $text]
        }
        chan pending output $TerminalChannel
    } pending]} {
        set pending 0
        set TerminalLate ""
    }
    if {$pending || $TerminalLate ne "" || $BarsDue} {
        chan event $TerminalChannel writable ::deployer::TerminalFlush
        return
    }
    catch {close $TerminalChannel}
    set TerminalChannel ""
    foreach w $TerminalFlushed {
        core::waiter finish $w {}
    }
    TerminalReaderShow
}

# For -onoutput: shows CHUNK, each line behind PREFIX, and calls USER. There is no
# terminal there that the output is meant for, so that nothing in it is obeyed but
# colours.
proc ::deployer::TerminalShow {p prefix user aside stream chunk} {
    variable TerminalLines
    append TerminalLines($p,$stream) [expr {[AsideMute $aside] ? "" : $chunk}]
    set lines $TerminalLines($p,$stream)
    if {$prefix eq ""} {
        # At once, but for what may be the half of something.
        set rest ""
        regexp {(?:\r|\033(?:\[[0-9;:]{0,30})?)$} $lines rest
        TerminalPrint [TerminalRaw [string range $lines 0 \
            end-[string length $rest]]]
    } else {
        set lines [split $lines \n]
        set rest [lindex $lines end]
        if {[string length $rest] > 65536} {
            lappend lines [set rest ""]
        }
        set text ""
        foreach line [lrange $lines 0 end-1] {
            append text $prefix [TerminalLine $line] \n
        }
        TerminalPrint $text
    }
    set TerminalLines($p,$stream) $rest
    if {$user ne ""} {
        uplevel #0 [list {*}$user $stream $chunk]
    }
}

# Output of a command that was alone, as it is shown. What would be written over
# the line gets one of its own.
proc ::deployer::TerminalRaw text {
    return [core::text show -lines -colors \
        [string map {\r\n \n \r \n} $text]]
}

# A line as it would look at its end.
proc ::deployer::TerminalLine line {
    return [core::text show -colors \
        [lindex [split [string trimright $line \r] \r] end]]
}

# The same of a terminal's output, without what that has obeyed.
proc ::deployer::TerminalPlain line {
    set line [lindex [split [string trimright $line \r] \r] end]
    regsub -all {\033\[[0-?]*[ -/]*[@-~]|\033[^\[]} $line {} line
    regsub -all {[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f]} $line {} line
    return $line
}

# The command of process P has ended: what is left of its last lines.
proc ::deployer::TerminalShown {p prefix} {
    variable TerminalLines
    foreach name [lsort [array names TerminalLines $p,*]] {
        if {$TerminalLines($name) ne ""} {
            TerminalPrint [expr {$prefix eq ""
                ? [TerminalRaw $TerminalLines($name)]
                : "$prefix[TerminalLine $TerminalLines($name)]\n"}]
        }
        unset TerminalLines($name)
    }
}

oo::define ::deployer::host {
    # Runs LINE with the terminal. The connection is made before that is taken,
    # because it may have something to ask.
    method RunOwn {line opts} {
        set host [self]
        set slug $Slug
        while 1 {
            my Look
            my Reach [::deployer::EventNow]
            ::deployer::TerminalLock Command
            if {![::deployer::IsHost $host]} {
                ::deployer::TerminalUnlock Command
                ::deployer::Fail [list CONNECT CLOSED $slug] "host $slug was\
                    destroyed while its command waited for the terminal"
            }
            if {[my connected]} {
                break
            }
            ::deployer::TerminalUnlock Command
        }
        try {
            catch {flush stdout}
            if {[dict exists $opts sudo] && [my SudoPassword] eq ""} {
                dict set opts typed 1
            }
            return [my Execute $line $opts]
        } finally {
            # RunWith took it. By now the command is gone from the terminal.
            if {[info exists ::deployer::TerminalHolders(Screen)]
                    && $::deployer::TerminalHolders(Screen)
                        eq [info coroutine]} {
                ::deployer::TerminalUnlock Screen
            }
            ::deployer::TerminalUnlock Command
        }
    }

    method shell args {
        set opts [::deployer::TakeOptions {-input text} args]
        if {[llength $args] > 1} {
            ::deployer::WrongArgs "[self] shell ?-input TEXT? ?COMMAND?"
        }
        my Shell [lindex $args 0] $opts
    }

    method Shell {line opts} {
        set host [self]
        set slug $Slug
        set info [::deployer::TerminalNeed "shell on host $slug"]
        set given [expr {$line ne ""}]
        dict set opts own 1
        dict set opts discard 1
        dict set opts slug $slug
        dict set opts terminal \
            [::deployer::TerminalType $info 1 [my Get -term]]
        if {!$given} {
            my Look
            if {[my InContext :] eq ":"} {
                dict set opts bare 1
                dict set opts terminal shell 1
            } else {
                set line [my LoginLine]
            }
        }
        set outcome [my RunOwn $line $opts]
        if {$given && [dict get $outcome status] != 0} {
            ::deployer::FailCommand $host $slug $line $outcome
        }
        return
    }
}

# The shells of several hosts follow each other.
proc ::deployer::HostsShell {view args} {
    set opts [TakeOptions {-input text} args]
    if {[llength $args] > 1} {
        WrongArgs "shell ?-input TEXT? ?COMMAND?"
    }
    lset view 1 [dict replace [lindex $view 1] parallel 1]
    tailcall HostsCall $view [list Shell [lindex $args 0] $opts]
}
dict set ::deployer::HostsWords shell ::deployer::HostsShell
::deployer::DefineHostsWord shell

# Recordings.

# deployer::pty record FILE BODY: records each pseudo terminal of a command that
# runs in BODY, in FILE, one after the other; %h in its name is the slug, for
# commands that run at the same time.
proc ::deployer::PtyRecord {file body} {
    variable RecordingCount
    variable RecordingNow
    set number [incr RecordingCount]
    set RecordingNow($number) 1
    set context [ContextGet]
    set old [expr {[dict exists $context -record]
        ? [dict get $context -record] : ""}]
    dict set context -record [list $number $file]
    ContextSet $context
    set code [catch {uplevel 1 $body} result options]
    set context [ContextGet]
    if {$old ne ""} {
        dict set context -record $old
    } else {
        dict unset context -record
    }
    ContextSet $context
    set failure [RecordingEnd $number]
    if {$failure ne "" && !$code} {
        lassign $failure path name
        Fail [list FILE $name localhost $path] \
            "the recording $path is not complete: it could not be written\
            ($name)"
    }
    dict incr options -level
    return -options $options $result
}

# The recording for a command on host SLUG with terminal TTY, made where it is
# not there; "" where none is wanted, or the body has ended.
proc ::deployer::RecordingFor {slug tty} {
    variable RecordingNow
    variable Recordings
    set context [ContextGet]
    if {![dict exists $context -record]} {
        return ""
    }
    lassign [dict get $context -record] number file
    if {![info exists RecordingNow($number)]} {
        # A job that goes on behind it would begin the file anew.
        return ""
    }
    set path [LocalPath [string map [list %% % %h $slug] $file]]
    if {![info exists Recordings($number,$path)]} {
        set tty [dict merge {cols 80 rows 24} $tty]
        if {[file isfile $path]} {
            # One that is written over becomes private as well.
            catch {file attributes $path -permissions 0600}
        }
        if {[catch {
            core::cast open $path [dict get $tty cols] [dict get $tty rows] \
                [dict get $tty term]
        } cast options]} {
            Fail [list FILE [lindex [dict get $options -errorcode] 1] \
                localhost $path] "the recording cannot be made: $cast"
        }
        set Recordings($number,$path) $cast
    }
    return $Recordings($number,$path)
}

# Closes the recordings of a body. "" or {path POSIXNAME} of one that failed.
proc ::deployer::RecordingEnd number {
    variable RecordingNow
    variable Recordings
    unset RecordingNow($number)
    set failure ""
    foreach key [array names Recordings $number,*] {
        set name [core::cast close $Recordings($key)]
        if {$name ne ""} {
            set failure [list [string range $key \
                [string length $number,] end] $name]
        }
        unset Recordings($key)
    }
    return $failure
}

# deployer::pty play FILE ?-speed N? ?-maxwait SEC?: shows a recording on the
# terminal; q, Escape and Ctrl-C end it, the space bar stops it.
proc ::deployer::PtyPlay {file args} {
    set opts [dict merge {speed 1 maxwait 0} \
        [TakeOptions {-speed seconds -maxwait seconds0} args]]
    if {[llength $args]} {
        WrongArgs "deployer::pty play FILE ?-speed N? ?-maxwait SEC?"
    }
    set path [LocalPath $file]
    if {[catch {open $path rb} channel options]} {
        Fail [list FILE [lindex [dict get $options -errorcode] 1] localhost \
            $path] $channel
    }
    try {
        set bytes [read $channel]
    } finally {
        close $channel
    }
    TerminalNeed "pty play"
    TerminalLock Command
    try {
        TerminalLock
        try {
            set p [core::cast play $file $bytes \
                [dict get $opts speed] [dict get $opts maxwait]]
            try {
                Await [core::proc run $p \
                    {terminal 1 keys 1 discard 1 stdinopen 1}]
            } finally {
                core::proc close $p
            }
        } finally {
            TerminalUnlock
        }
    } finally {
        TerminalUnlock Command
    }
    return
}

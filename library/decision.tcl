# decision.tcl -- what a human decides when a command or a file verb has failed:
# again, without it, without this host, another command, a look at the host or at
# what ran before, or the end.
#
# Layer T2. The context of actions of an interactive instance has the key -decide,
# a dict: id (of the call from outside, key of Decisions), ns (the namespace of
# the instance whose action runs) and action (its name, "" where there is none). A
# class is mixed into that of hosts; it runs the command again as the answers say. One question is on the terminal at a
# time; one that waits for its turn may find that it is answered already.
#
# {DEPLOYER SKIPPED slug} goes up to the nearest fan-out, which then has neither
# a result nor a failure for that key.

namespace eval ::deployer {
    # id -> dict: skipped (slug 1 ...), all (what fails alike -> {answer new
    # command}),
    # used (slug and what fails alike, where such an answer to do it again was
    # taken), over (1 after an abort).
    variable Decisions
    variable DecisionCount 0
    variable TerminalQueues
    array set Decisions {}

    # From the question to the end of a shell or an editor that it leads to.
    set TerminalQueues(Question) {}

    # Namespace of a root -> the logger that keeps what ran there.
    variable DecideTraces
    array set DecideTraces {}
}

# CONTEXT for METHOD of the instance of namespace NS, where that may ask.
proc ::deployer::DecideEnter {context ns} {
    variable Decisions
    variable DecisionCount
    set id [incr DecisionCount]
    set Decisions($id) {skipped {} all {} used {} over 0}
    dict set context -decide [dict create id $id ns $ns action {}]
    DecideKeepTrace [set ${ns}::Root]
    return $context
}

# The root of namespace NS keeps what runs from here on, within bounds, for who
# is asked about it. No list of loggers shows that.
proc ::deployer::DecideKeepTrace ns {
    variable DecideTraces
    variable LoggersHidden
    if {[info exists DecideTraces($ns)] || ![ConsoleIsOpen $ns]} {
        return
    }
    LoggerLoad trace
    set logger [logger::trace new -print 0 -limit 500 -tail 400 -keep 2]
    set DecideTraces($ns) $logger
    set LoggersHidden($logger) $ns
    [info object namespace $logger]::my MadeFor $ns
    LoggersAdd $ns [list $logger]
}

# The twin, when that logger goes.
proc ::deployer::DecideForgetTrace ns {
    variable DecideTraces
    unset -nocomplain DecideTraces($ns)
}

# Shows what ran before, as far as it is kept.
proc ::deployer::DecideTrace ns {
    variable DecideTraces
    variable LoggerSinks
    set root [set ${ns}::Root]
    set text ""
    if {[info exists DecideTraces($root)]
            && [info exists LoggerSinks($DecideTraces($root))]} {
        set logger $DecideTraces($root)
        LoggerFlush [lindex $LoggerSinks($logger) 0]
        catch {set text [$logger text [PathOf $ns]]}
    }
    if {$text eq ""} {
        TerminalPrint "Nothing is known of what ran before.\n"
        return
    }
    try {
        ConsolePage $ns $text
    } on error {message options} {
        if {[lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $options $message
        }
        TerminalPrint "[core::text show [Shorten $message 300]]\n"
    }
}

proc ::deployer::DecideLeave context {
    variable Decisions
    unset -nocomplain Decisions([dict get $context -decide id])
}

# The action that runs from here on in this job is METHOD of namespace NS.
proc ::deployer::DecideAt {ns method} {
    set context [ContextMore]
    if {[dict exists $context -decide]} {
        dict set context -decide ns $ns
        dict set context -decide action $method
        ContextSet $context
    }
}

# Whether a human could be asked about a command with OPTS.
proc ::deployer::DecideMay opts {
    set context [ContextMore]
    return [expr {[dict exists $context -decide]
        && ![dict exists $context -sandbox] && ![dict exists $opts plain]}]
}

oo::class create ::deployer::Deciding {
    variable Slug

    method Run {line opts} {
        if {![::deployer::ContextSays]
                || ![::deployer::DecideMay $opts]} {
            return [next $line $opts]
        }
        set may {retry skip edit}
        if {[dict exists $opts stdinchannel]} {
            # What was read is gone.
            set may skip
        }
        return [::deployer::DecideRepeat [self] $Slug line $may \
            [::deployer::DecideEmpty $opts] {next $line $opts}]
    }
}

# The verbs that change files or transfer them. Those that only look fail as ever:
# that something is not there is an answer.
apply {{} {
    foreach {method word} {
        FileGet get FilePut put FileOpen open FileMkdir mkdir
        FileRemove remove FileRename rename FileSymlink symlink FileLink link
        FileSetstat setstat FileCopy copy
    } {
        # Without a channel the script could not go on.
        set may [expr {$word eq "open" ? "retry" : "retry skip"}]
        oo::define ::deployer::Deciding method $method {opts args} \
            [string map [list %word $word %may [list $may]] {
                if {![::deployer::ContextSays]
                        || ![::deployer::DecideMay $opts]} {
                    return [next $opts {*}$args]
                }
                set what [list %word {*}$args]
                return [::deployer::DecideRepeat [self] $Slug what %may {} \
                    {next $opts {*}$args}]
            }]
        oo::define ::deployer::Deciding unexport $method
    }
}}

# Evaluates SCRIPT in the caller's frame until it does not fail, or the answer is
# another one than to do it again. LINEVAR is the variable of the command, which
# SCRIPT reads and editing changes. MAY: which answers make sense, besides those
# that always do. EMPTY is the result where it is skipped.
proc ::deployer::DecideRepeat {host slug lineVar may empty script} {
    upvar 1 $lineVar line
    while 1 {
        DecideSkipped $slug
        if {![catch {uplevel 1 $script} result options]} {
            return $result
        }
        lassign [Decide $host $slug $line $may $result $options] answer line
        switch $answer {
            skip {
                return $empty
            }
            fail {
                return -options [dict incr options -level] $result
            }
        }
        if {![IsHost $host]} {
            return -options [dict incr options -level] $result
        }
    }
}
oo::define ::deployer::host mixin -append ::deployer::Deciding

# The result of a command that is skipped.
proc ::deployer::DecideEmpty opts {
    if {![dict exists $opts result] || [dict get $opts result] eq "text"} {
        return ""
    }
    return {stdout {} stderr {} status 0 signal {} seconds 0.0}
}

# Raises {DEPLOYER SKIPPED slug} where a fan-out goes on without host SLUG.
proc ::deployer::DecideSkipped slug {
    variable Decisions
    set context [ContextGet]
    set id [dict get $context -decide id]
    if {[dict exists $context -fan] && [info exists Decisions($id)]
            && [dict exists $Decisions($id) skipped $slug]} {
        DecideSkip $slug
    }
}

proc ::deployer::DecideSkip slug {
    Fail [list SKIPPED $slug] "host $slug is skipped, as was answered"
}

# What becomes of LINE, which failed on HOST: {retry LINE}, {skip LINE}, {fail
# LINE}; or it raises that the host is skipped or all is over. MAY as above.
proc ::deployer::Decide {host slug line may message options} {
    variable Decisions
    set code [dict get $options -errorcode]
    set context [ContextGet]
    set id [dict get $context -decide id]
    set ns [dict get $context -decide ns]
    if {[lindex $code 0] ne "DEPLOYER"
            || [lindex $code 1] ni {EXEC SUDO CONNECT AUTH HOSTKEY FILE}
            || ![info exists Decisions($id)] || [dict get $Decisions($id) over]
            || ![namespace exists $ns] || ![ConsoleIsOpen $ns]} {
        return [list fail $line]
    }
    # Alike: the same command, the same way to fail, as they are or without the
    # name of the host in them.
    set code [lsearch -all -inline -exact -not $code $slug]
    set alike [list [list $line $code] [list [DecideWithout $line $slug] \
        [lmap word $code {DecideWithout $word $slug}] <host>]]
    set path [PathOf $ns]
    # As loggers and messages name what runs.
    set what $path
    if {[dict get $context -decide action] ne ""} {
        set what [string trimright $path /]/[dict get $context -decide action]
    }
    set many [dict exists $context -fan]
    lappend may shell fail abort
    if {$many} {
        lappend may host
    }
    if {[info exists ::deployer::DecideTraces([set ${ns}::Root])]} {
        lappend may trace
    }
    if {[catch {TerminalLock Question} why failure]} {
        if {[lrange [dict get $failure -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $failure $why
        }
        # Plain code below has it.
        return [list fail $line]
    }
    try {
        lassign [DecideTalk $id $host $slug $line $alike $may $ns \
            [DecideText $what $message $may]] answer all new
    } finally {
        TerminalUnlock Question
    }
    if {[info exists Decisions($id)]} {
        if {$all eq "1"} {
            foreach each $alike {
                dict set Decisions($id) all $each [list $answer $new $line]
            }
        }
        switch $answer {
            retry - edit {
                if {$all ne "0"} {
                    dict set Decisions($id) used [list $slug $alike] 1
                }
            }
            host {
                dict set Decisions($id) skipped $slug 1
            }
            abort {
                dict set Decisions($id) over 1
            }
        }
    }
    switch $answer {
        skip - fail {
            return [list $answer $line]
        }
        host {
            DecideSkip $slug
        }
        abort {
            Fail [list ABORT $path] "$what was ended by the answer to a failure:\
                $message" -abort 1 {*}[expr {$all eq "key"
                    ? {-interrupted 1} : {}}]
        }
    }
    return [list retry $new]
}

# TEXT without the name of its host.
proc ::deployer::DecideWithout {text slug} {
    set name [regsub -all {\W} $slug {\\&}]
    if {[catch {regsub -all "\\m$name\\M" $text <host> text}]} {
        return $text
    }
    return $text
}

# Asks, and does what leads to another question, until there is an answer:
# {ANSWER ALL LINE}, as of DecideAsk, with the command to be run.
proc ::deployer::DecideTalk {id host slug line alike may ns about} {
    variable Decisions
    while 1 {
        lassign [DecideAsk $id $slug $line $alike $about $may] answer all
        switch $answer {
            edit {
                if {$all eq "known"} {
                    set line [lindex [dict get $Decisions($id) all \
                        [lindex $alike 0]] 1]
                    return [list $answer $all $line]
                }
                set new [DecideEdit $line]
                if {$new ne ""} {
                    return [list $answer $all $new]
                }
            }
            shell {
                DecideShell $host $slug
                if {![IsHost $host]} {
                    return [list fail 0 $line]
                }
            }
            trace {
                DecideTrace $ns
                if {![namespace exists $ns]} {
                    return [list fail 0 $line]
                }
            }
            default {
                return [list $answer $all $line]
            }
        }
    }
}

# The question's text. What comes from a host is shown and not obeyed.
proc ::deployer::DecideText {what message may} {
    # It may have the place already.
    set place [expr {[string index $message 0] eq "/" ? "" : "$what: "}]
    set columns [expr {[dict get [core::terminal info] cols] - 1}]
    set text "\n"
    foreach line [split $place$message \n] {
        append text [join [TextWrap [core::text show $line] $columns] \n] \n
    }
    set line ""
    foreach {answer choice} {
        retry {r retry} skip {s skip} host {h skip host}
        edit {e edit} shell {! shell} trace {t trace} fail {f fail}
        abort {a abort}
    } {
        if {$answer in $may} {
            if {$line ne "" && [string length "$line  $choice"] > $columns} {
                append text $line \n
                set line ""
            }
            append line "  " $choice
        }
    }
    append text $line \n
    if {"host" in $may} {
        append text [join [TextWrap "  (a capital letter: the same for all that\
            fail alike)" $columns 3] \n] \n
    }
    return $text
}

# Asks until there is an answer: {retry|skip|host|edit|shell|trace|abort|fail
# ALL}, where ALL is 1 for all that fail alike, known where that was said before.
proc ::deployer::DecideAsk {id slug line alike about may} {
    variable Decisions
    if {[catch {AskOpen} terminal options]} {
        if {[lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $options $terminal
        }
        # There is none any more, or plain code below has it.
        return {fail 0}
    }
    try {
        if {![info exists Decisions($id)] || [dict get $Decisions($id) over]} {
            return {fail 0}
        }
        set known [DecideKnown $id $slug $line $alike]
        if {$known ne ""} {
            return [list $known known]
        }
        set text $about
        while 1 {
            lassign [AskTyped $terminal "${text}What now? " 0] ended typed
            if {$ended} {
                return [list abort [expr {$ended == 2 ? "key" : 0}]]
            }
            set answer [DecideRead [string trim $typed] $may]
            if {$answer ne ""} {
                return $answer
            }
            set text "Please answer one of the letters above.\n"
        }
    } on error {message options} {
        if {[lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $options $message
        }
        # The terminal has gone in the middle of the question.
        return {abort 0}
    } finally {
        catch {AskClose $terminal}
    }
}

# The answer that was given for all that fail alike; "" where there is none, or
# this host has tried it, or its command was another one than what was edited.
proc ::deployer::DecideKnown {id slug line alike} {
    variable Decisions
    foreach each $alike {
        if {[dict exists $Decisions($id) all $each]} {
            lassign [dict get $Decisions($id) all $each] answer new old
            if {$answer eq "edit" && $old ne $line
                    || $answer in {retry edit} && [dict exists \
                        $Decisions($id) used [list $slug $alike]]} {
                return ""
            }
            return $answer
        }
    }
    return ""
}

# What TYPED means, as DecideAsk has it; "" for nothing.
proc ::deployer::DecideRead {typed may} {
    set words {
        r retry s skip h host e edit ! shell t trace f fail a abort q abort
        quit abort
    }
    set answer [string tolower $typed]
    if {[dict exists $words $answer]} {
        set answer [dict get $words $answer]
    }
    if {$answer ni $may} {
        return ""
    }
    set all [expr {"host" in $may && $answer ni {shell trace abort}
        && [regexp {^[A-Z]} $typed]}]
    return [list $answer $all]
}

# A shell on the host, in the context of the command.
proc ::deployer::DecideShell {host slug} {
    try {
        [info object namespace $host]::my Shell {} {}
    } on error {message options} {
        if {[lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $options $message
        }
        TerminalPrint "[core::text show [Shorten $message 300]]\n"
    }
}

# LINE as somebody wants it instead, by an editor where one is set; "" for no
# other than it was.
proc ::deployer::DecideEdit line {
    foreach name {VISUAL EDITOR} {
        if {[info exists ::env($name)] && $::env($name) ne ""} {
            return [DecideEditor $::env($name) $line]
        }
    }
    set text ""
    foreach part [split $line \n] {
        append text "  [core::text show $part]\n"
    }
    lassign [AskLine "The command was\n${text}New command (empty: back): " 0] \
        ended typed
    if {$ended} {
        return ""
    }
    return [string trim $typed]
}

# The same by the command EDITOR, on a file that nobody else can read.
proc ::deployer::DecideEditor {editor line} {
    set channel [file tempfile path]
    set local [localhost new -slug editor]
    try {
        # Private already, by mkstemp.
        file attributes $path -permissions 0600
        chan configure $channel -encoding utf-8 -translation lf
        puts $channel $line
        close $channel
        set channel ""
        [info object namespace $local]::my Shell "$editor [Quoted $path]" {}
        set channel [open $path r]
        chan configure $channel -encoding utf-8 -translation lf
        return [string trimright [read $channel] \n]
    } on error {message options} {
        if {[lrange [dict get $options -errorcode] 0 1]
                eq {DEPLOYER CANCELLED}} {
            return -options $options $message
        }
        TerminalPrint "The editor failed:\
            [core::text show [Shorten $message 300]]\n"
        return ""
    } finally {
        if {$channel ne ""} {
            close $channel
        }
        file delete $path
        $local destroy
    }
}

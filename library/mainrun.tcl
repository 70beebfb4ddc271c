# mainrun.tcl -- deployer::main: runs an action and shows what comes of it, and
# starts the shells.
#
# Layer T3. A result is by host where its keys are hosts, or cells, of the place
# that was asked.

namespace eval ::deployer::program {
    variable Job ""             ;# what runs, for Ctrl-C
    variable Interrupts 0

    variable JsonMap [apply {{} {
        set map [list \\ \\\\ \" \\\" \n \\n \r \\r \t \\t \b \\b \f \\f]
        # What ends a line for somebody, too.
        set codes {0x7f 0x2028 0x2029}
        for {set code 0} {$code < 32} {incr code} {
            lappend codes $code
        }
        foreach code $codes {
            lappend map [format %c $code] [format \\u%04x $code]
        }
        return $map
    }}]
}

# Whether somebody sits there who can be asked.
proc ::deployer::program::Asks options {
    return [expr {![dict exists $options --non-interactive]
        && [OnTerminal stdin]
        && [dict get [core::terminal info] state] ne "none"}]
}

# OPTIONS as those of an instance.
proc ::deployer::program::InstanceWords options {
    set words {}
    if {[dict exists $options --sandbox]} {
        lappend words -sandbox 1
    }
    if {[dict exists $options --parallel]} {
        lappend words -parallel [dict get $options --parallel]
    }
    set loggers {}
    if {[dict exists $options --log]} {
        lappend loggers [LogTo [dict get $options --log]]
    }
    return [list $words $loggers]
}

# A logger that writes to the file PATH.
proc ::deployer::program::LogTo path {
    if {[file extension $path] in {.json .jsonl}} {
        return [::deployer::logger::json new -file $path]
    }
    return [::deployer::logger::file new -file $path]
}

# The tree of CLASS as OPTIONS say. ASKS: somebody sits there.
proc ::deployer::program::Root {class options asks} {
    lassign [InstanceWords $options] words loggers
    if {$asks} {
        lappend words -terminal own -interactive 1
    } else {
        # What happens is told, but not what commands print: that is the result. The
        # error of the action is told at the end.
        lappend loggers [::deployer::logger::console new -channel stderr \
            -output 0 -errors 0]
    }
    return [$class new {*}$words -loggers $loggers]
}

# The place that --path names.
proc ::deployer::program::PlaceFor {root options} {
    set place [PlaceAt $root]
    if {![dict exists $options --path]} {
        return $place
    }
    set path [dict get $options --path]
    set found [Resolve $place [AsWords [list $path]]]
    if {[dict get $found what] eq "place"} {
        return [dict get $found place]
    }
    if {[dict get $found what] eq "action"} {
        Usage "--path [Shorten $path 80]: \"[dict get $found action]\" is an\
            [dict get $found kind], and no service"
    }
    Usage "--path [Shorten $path 80]: [dict get $found message]"
}

# The shells.

proc ::deployer::program::RunShell {class options rest name} {
    lassign [InstanceWords $options] words loggers
    if {[llength $loggers]} {
        lappend words -loggers $loggers
    }
    if {[dict exists $options --non-interactive]} {
        lappend words -interactive 0
    }
    if {[dict exists $options --path]} {
        # Before anything is shown.
        set root [$class new]
        PlaceFor $root $options
        $root destroy
        lappend words -path [dict get $options --path]
    }
    return [::deployer::shell start $class {*}$words]
}

proc ::deployer::program::RunScp {class options rest name} {
    set root [Root $class $options [Asks $options]]
    try {
        return [::deployer::shell::Scp "" [PlaceFor $root $options] \
            [dict exists $options --non-interactive]]
    } finally {
        $root destroy
    }
}

proc ::deployer::program::RunTclsh {class options rest name} {
    set root [Root $class $options [Asks $options]]
    try {
        return [::deployer::shell::Tclsh [PlaceFor $root $options]]
    } finally {
        if {[info object isa object $root]} {
            $root destroy
        }
    }
}

# An action.

proc ::deployer::program::RunAction {class options rest name} {
    set root [Root $class $options [Asks $options]]
    try {
        set call [Understand [PlaceFor $root $options] $rest $name]
        set shown [ShownBegin]
        set since [clock milliseconds]
        if {[dict exists $options --json]} {
            AsideBegin
        }
        set code [catch {Perform $call $shown} result state]
        AsideEnd
        dict set call seconds [expr {([clock milliseconds] - $since) / 1000.0}]
        if {$code == 1} {
            dict unset state -errorstack
        }
        if {[dict exists $options --json]} {
            PrintJson $call $code $result $state
        } elseif {$code} {
            if {[dict exists $state -results] && ![dict get $call quiet]} {
                PrintResult $call [dict get $state -results] $shown
            }
        } elseif {![dict get $call quiet]} {
            PrintResult $call $result $shown
        }
    } finally {
        # Loggers tell what they have to before that is told.
        $root destroy
    }
    if {!$code} {
        return 0
    }
    Tell $name $result $state \
        [string trimright [dict get $call path] /]/[dict get $call name]
    return [expr {[Interrupted $state] ? 130 : 1}]
}

# What an action prints goes to standard error until AsideEnd: standard output is
# for the object alone.
proc ::deployer::program::AsideBegin {} {
    variable Aside [chan configure stdout -encoding]
    chan push stdout ::deployer::program::aside
}

proc ::deployer::program::AsideEnd {} {
    variable Aside
    if {$Aside ne ""} {
        # What is left comes through it first.
        catch {chan pop stdout}
        set Aside ""
    }
}

# The transformation of standard output, as of chan push.
namespace eval ::deployer::program::aside {
    namespace export initialize finalize write flush
    namespace ensemble create

    proc initialize {handle mode} {
        return {initialize finalize write flush}
    }

    proc finalize handle {}

    proc write {handle bytes} {
        set encoding $::deployer::program::Aside
        puts -nonewline stderr [expr {$encoding eq "binary" ? $bytes
            : [encoding convertfrom $encoding $bytes]}]
        return ""
    }

    proc flush handle {
        return ""
    }
}

proc ::deployer::program::Interrupted state {
    variable Interrupts
    return [expr {($Interrupts || [dict exists $state -broken]
            || [dict exists $state -interrupted])
        && [dict exists $state -errorcode]
        && [lrange [dict get $state -errorcode] 0 1]
            in {{DEPLOYER CANCELLED} {DEPLOYER ABORT}}}]
}

# What WORDS call at PLACE: a dict of place, target, name, arguments and quiet.
proc ::deployer::program::Understand {place words name} {
    set found [Resolve $place [AsWords $words]]
    set place [dict get $found place]
    set path [PlacePath $place]
    switch -- [dict get $found what] {
        action {
            set action [dict get $found action]
            set arguments [dict get $found arguments]
        }
        place {
            set action [dict get $found default]
            set arguments {}
            if {$action eq ""} {
                set target [PlaceTarget $place]
                set names [concat [inspect actions $target] \
                    [lmap child [inspect children $target] {string cat $child /}]]
                Usage "$path is a service and has no default action:\
                    [expr {[llength $names]
                        ? "name one of [Shorten [join $names {, }] 300]"
                        : "there is nothing to run in it"}]"
            }
        }
        default {
            Usage [dict get $found message]
        }
    }
    set target [PlaceTarget $place]
    try {
        CheckArguments $target $action $arguments
    } trap {DEPLOYER ARGUMENT} message {
        Usage $message[OptionHint $arguments]
    } trap {TCL WRONGARGS} message {
        Usage $message[OptionHint $arguments]
    }
    set class [info object class $target]
    set member [Member $class $action]
    if {$member ne "" && [dict get $member kind] eq "alias"} {
        set member [Member $class [dict get $member target]]
    }
    return [dict create place $place path $path target $target name $action \
        arguments $arguments \
        quiet [expr {[dict exists $member quiet] && [dict get $member quiet]}]]
}

# Where one of ARGUMENTS, which are too many, was meant for us.
proc ::deployer::program::OptionHint arguments {
    variable Options
    foreach word $arguments {
        if {[dict exists $Options [lindex [split $word =] 0]]} {
            return "; $word is taken for an argument: options stand before the\
                action"
        }
    }
    return ""
}

# Runs CALL as a job that Ctrl-C ends; the second one ends the program.
proc ::deployer::program::Perform {call shown} {
    variable Job
    set context [dict create -shown $shown]
    set before $::deployer::Interrupt
    pty interrupt ::deployer::program::Interrupt
    set breaks [BreakOn [dict get $call path]]
    set Job [Job [list ::deployer::shell::Soon [list [dict get $call target] \
        [dict get $call name] {*}[dict get $call arguments]]] $context]
    try {
        return [Await $Job]
    } finally {
        BreakOff $breaks
        set Job ""
        pty interrupt $before
    }
}

proc ::deployer::program::Interrupt {} {
    variable Job
    variable Interrupts
    if {[incr Interrupts] > 1} {
        PrintJsonError interrupted {-errorcode {DEPLOYER CANCELLED {}}}
        Leave 130
    }
    puts stderr "interrupted: ends what runs (Ctrl-C again does not wait for\
        that)"
    JobCancel $Job
}

# Results.

# RESULT of CALL on standard output: by host, or as it is. What the terminal has
# shown already is not shown there again.
proc ::deployer::program::PrintResult {call result shown} {
    if {[OnTerminal stdout] && [WasShown $shown $result]} {
        return
    }
    set target [dict get $call target]
    if {[IsInstance $result]} {
        set result [InstancePath $result]
    }
    set known [KeysOf $target]
    if {$result eq ""} {
        return
    }
    # Not by expr, which would take a text for a number.
    if {[IsByKey $known $result]} {
        set text [ByLine $known {} $result]
    } else {
        set text [WholeLine $result]
    }
    if {[OnTerminal stdout]} {
        set text [core::text show -lines $text]
    }
    puts -nonewline $text
    flush stdout
}

proc ::deployer::program::WholeLine text {
    if {[string index $text end] ne "\n"} {
        append text \n
    }
    return $text
}

# A line for each line of text, the names of its host and cell in front.
proc ::deployer::program::ByLine {known names result} {
    set text ""
    dict for {key value} $result {
        set here [concat $names $key]
        if {[IsByKey $known $value]} {
            append text [ByLine $known $here $value]
            continue
        }
        foreach line [split [string trimright $value \n] \n] {
            append text [string trimright "[join $here :]: $line"] \n
        }
    }
    return $text
}

# JSON.

proc ::deployer::program::PrintJson {call code result state} {
    set known [KeysOf [dict get $call target]]
    set parts [list ok [expr {$code ? "false" : "true"}] \
        path [JsonString [dict get $call path]] \
        action [JsonString [dict get $call name]] \
        seconds [format %.3f [dict get $call seconds]]]
    if {!$code} {
        if {[IsInstance $result]} {
            set result [InstancePath $result]
        }
        lappend parts result [JsonValue $known $result]
    } else {
        lappend parts error [JsonError $result $state]
        if {[dict exists $state -results]} {
            lappend parts results [JsonByKey $known [dict get $state -results]]
        }
        if {[dict exists $state -failures]} {
            set failures {}
            dict for {key failure} [dict get $state -failures] {
                lappend failures [join $key :] [JsonError \
                    [dict get $failure message] [dict get $failure options]]
            }
            lappend parts failures [JsonObject $failures]
        }
        if {[dict exists $state -skipped]} {
            lappend parts skipped [JsonList [lmap key \
                [dict get $state -skipped] {join $key :}]]
        }
    }
    PutJson $parts
}

proc ::deployer::program::PutJson parts {
    variable JsonWanted 0
    chan configure stdout -encoding utf-8
    puts [JsonObject $parts]
    flush stdout
}

# What has gone wrong elsewhere than in the action, where --json was given and
# nothing has been printed.
proc ::deployer::program::PrintJsonError {message options} {
    variable JsonWanted
    if {$JsonWanted} {
        # Who reads it may be gone.
        catch {PutJson [list ok false error [JsonError $message $options]]}
    }
}

proc ::deployer::program::JsonError {message state} {
    set code {}
    if {[dict exists $state -errorcode]} {
        set code [dict get $state -errorcode]
    }
    set parts [list message [JsonString $message] code [JsonList $code]]
    set host [HostOfCode $code]
    if {$host ne ""} {
        lappend parts host [JsonString $host]
    }
    foreach key {path action} {
        if {[dict exists $state -$key]} {
            lappend parts $key [JsonString [dict get $state -$key]]
        }
    }
    return [JsonObject $parts]
}

# The slug in an error code, "" where there is none.
proc ::deployer::program::HostOfCode code {
    switch -- [lindex $code 1] {
        CONNECT - HOSTKEY - EXEC - SUDO - FILE {
            return [lindex $code 3]
        }
        AUTH {
            return [lindex $code 2]
        }
    }
    return ""
}

# Tcl does not tell what a value is meant to be: all are strings but those by
# host.
proc ::deployer::program::JsonValue {known value} {
    if {[IsByKey $known $value]} {
        return [JsonByKey $known $value]
    }
    return [JsonString $value]
}

proc ::deployer::program::JsonByKey {known dict} {
    set parts {}
    dict for {key value} $dict {
        lappend parts [join $key :] [JsonValue $known $value]
    }
    return [JsonObject $parts]
}

proc ::deployer::program::JsonObject parts {
    return "{[join [lmap {key value} $parts {
        string cat [JsonString $key] : $value
    }] ,]}"
}

proc ::deployer::program::JsonList words {
    return "\[[join [lmap word $words {JsonString $word}] ,]\]"
}

proc ::deployer::program::JsonString text {
    variable JsonMap
    set text [string map $JsonMap $text]
    # Halves of a pair, which are no characters by themselves.
    if {[regexp {[\ud800-\udfff]} $text]} {
        set parts {}
        foreach char [split $text {}] {
            scan $char %c number
            if {$number >= 0xd800 && $number <= 0xdfff} {
                set char [format \\u%04x $number]
            }
            lappend parts $char
        }
        set text [join $parts {}]
    }
    return \"$text\"
}

# Errors.

proc ::deployer::program::Complain {name message} {
    set text "$name: [core::text show -lines $message]"
    if {[OnTerminal stderr] && [TerminalColors]} {
        set text "\033\[31m$text\033\[m"
    }
    # Who reads it may be gone.
    catch {
        puts stderr $text
        flush stderr
    }
}

# Tells of an error; of one of many hosts or cells, of each of them. WHAT has
# failed, where the message does not begin with that.
proc ::deployer::program::Tell {name message options {what {}}} {
    if {$what ne "" && [string first $what: $message] != 0} {
        append name ": " $what
    }
    set code {}
    if {[dict exists $options -errorcode]} {
        set code [dict get $options -errorcode]
    }
    if {[dict exists $options -failures] && [dict exists $options -skipped]} {
        # The message has the first one of them.
        if {![regexp {^.*?\m\d+ of \d+ \w+ failed} $message head]} {
            set head $message
        }
        Complain $name $head
        dict for {key failure} [dict get $options -failures] {
            Complain "  [join $key :]" [dict get $failure message]
        }
        if {[llength [dict get $options -skipped]]} {
            Complain "  not begun" [join [lmap key \
                [dict get $options -skipped] {join $key :}] {, }]
        }
        return
    }
    Complain $name $message
    if {[lindex $code 0] ne "DEPLOYER" && [dict exists $options -errorinfo]} {
        # A fault of the script: where it is.
        set trace [TrimTrace [dict get $options -errorinfo]]
        if {[string first $message $trace] == 0} {
            set trace [string range $trace [string length $message] end]
        }
        set at [string first ::deployer::program:: $trace]
        if {$at > 0} {
            set trace [string range $trace 0 [string last \n $trace $at]]
        }
        set trace [regsub {\n[^\n]*\n"::oo::Obj\d+ [^\n]*"$} \
            [string trim $trace \n] {}]
        if {$trace ne ""} {
            catch {puts stderr [core::text show -lines $trace]}
        }
    }
}

# main.tcl -- deployer::main: the command line of a program around a tree of
# services.
#
# Layer T3. Here: sub-commands, options, help. What runs an action and shows its
# result is in mainrun.tcl, what answers the shell's Tab in maincomplete.tcl.

namespace eval ::deployer::shell {}
namespace eval ::deployer::program {
    namespace path {::deployer ::deployer::shell}

    variable Name ""            ;# what the program is called by; "": argv0
    variable JsonWanted 0       ;# whether one object is to be printed yet
    variable Aside ""           ;# see AsideBegin: the encoding; "": not now

    # option -> {short value text}; value "" is a switch.
    variable Options {
        --path            {"" PATH {where to begin, as web or /web:db1/config}}
        --non-interactive {"" "" {ask nothing: questions take their default, or fail}}
        --sandbox         {"" "" {change nothing: check what would be done}}
        --parallel        {"" N {so many hosts at once (32)}}
        --log             {"" FILE {write a log, to *.json or *.jsonl as JSON Lines}}
        --json            {"" "" {the result as JSON on standard output}}
        --scp             {"" "" {the scp shell, as the sub-command scp}}
        --socket          {-s SOCKET {of a server}}
        --port            {"" PORT {to listen on}}
        --help            {-h "" {this text}}
        --version         {"" "" {the version}}
    }

    # sub-command -> {options words text more}; options without --help.
    variable Commands {
        run {
            {--path --non-interactive --sandbox --parallel --log --json --scp
                --socket}
            {?--? ?ACTION ARG ...?}
            {run an action; without one, the shell}
            {ACTION is a path and the name of an action, as in the shell:
"web restart now", "web/restart now" or "web:db1 restart". All words
behind it are its arguments. The result goes to standard output,
everything else to standard error or to the terminal. A result by host
is a line "HOST: TEXT" for each line of text.

Without ACTION it is the shell. Where standard input is no terminal, that
reads lines from it.

The exit status is 0, 1 where the action has failed, 2 where the words
mean nothing (nothing was run), and 130 after Ctrl-C.

--json prints one object on one line: ok, path, action, seconds and
result; what hosts or cells have answered is an object by their names.
After a failure ok is false, and error has message, code (a list) and,
where it was one host, host; of many, results, failures and skipped tell
about each. Where nothing was run there is nothing but ok and error.}
        }
        tclsh {
            {--path --sandbox --parallel --log}
            {}
            {a prompt of Tcl with the tree as the command root}
            {}
        }
        scp {
            {--path --sandbox --log}
            {}
            {the scp shell: files of a host and of this machine}
            {}
        }
        listen {{--socket} {} {a server for clients} {}}
        connect {
            {--socket --path} {?--? ?ACTION ARG ...?}
            {a client of a server} {}
        }
        list-sessions {{} {} {the servers that run} {}}
        telnet {{--port} {} {a server for telnet} {}}
        web {{--port} {} {a server for browsers} {}}
    }

    # Those that are only named yet, and --socket with them.
    variable Later {listen connect list-sessions telnet web}
}

# deployer::main CLASS ?ARGV?: does what the words of ARGV (those of the program)
# say with the tree of CLASS, and ends the program.
proc ::deployer::main args {
    if {[llength $args] ni {1 2}} {
        WrongArgs "deployer::main CLASS ?ARGV?"
    }
    set args [lassign $args class]
    set found [uplevel 1 [list ::namespace which -command $class]]
    if {![IsService $found]} {
        Fail [list ARGUMENT $class] "\"[Shorten $class 80]\" is no service"
    }
    # Not by expr, which would take a word for a number.
    if {[llength $args]} {
        lassign $args argv
    } else {
        set argv $::argv
    }
    set name $program::Name
    if {$name eq ""} {
        set name [expr {[info exists ::argv0]
            ? [file tail $::argv0] : "deployer"}]
    }
    program::Leave [program::Main $found $argv $name]
}

# Ends the program. Who reads standard output may be gone.
proc ::deployer::program::Leave status {
    foreach channel {stdout stderr} {
        catch {
            chan configure $channel -blocking 1
            flush $channel
        }
    }
    exit $status
}

# The exit status.
proc ::deployer::program::Main {class argv name} {
    variable JsonWanted 0
    try {
        return [Dispatch $class $argv $name]
    } trap {DEPLOYER USAGE} {message options} {
        PrintJsonError $message $options
        Complain $name $message
        return 2
    } trap {POSIX EPIPE} {} {
        return 1
    } on error {message options} {
        PrintJsonError $message $options
        Tell $name $message $options
        return 1
    }
}

proc ::deployer::program::Dispatch {class argv name} {
    variable Commands
    variable Later
    set words [lassign $argv command]
    if {$command eq "--complete"} {
        package require deployer::shell
        return [CompleteMain $class $words]
    }
    if {![llength $argv]} {
        set command run
    }
    switch -- $command {
        --help - -h - help {
            if {$command eq "help" && [dict exists $Commands [lindex $words 0]]} {
                puts -nonewline [HelpOf $name [lindex $words 0]]
            } else {
                puts -nonewline [Help $name $class]
            }
            return 0
        }
        --version {
            puts [Version $class]
            return 0
        }
    }
    if {![dict exists $Commands $command]} {
        Usage [UnknownCommand $name $command $class]
    }
    lassign [Parse $name $command $words] options rest
    if {[dict exists $options --help]} {
        puts -nonewline [HelpOf $name $command]
        return 0
    }
    if {$command in $Later || [dict exists $options --socket]} {
        Usage "[expr {$command in $Later ? $command : "--socket"}] comes with a\
            later version of deployer; this one, [package present deployer],\
            does not have it yet"
    }
    if {[llength $rest] && $command ne "run"} {
        Usage "$command takes no further words, but there is\
            \"[Shorten [lindex $rest 0] 40]\""
    }
    package require deployer::shell
    if {$command eq "run" && [dict exists $options --scp]} {
        if {[llength $rest]} {
            Usage "--scp is a shell and takes no action, but there is\
                \"[Shorten [lindex $rest 0] 40]\""
        }
        set command scp
    }
    if {$command eq "run" && ![llength $rest]} {
        if {[dict exists $options --json]} {
            Usage "--json needs an action"
        }
        set command shell
    }
    return [[dict get {
        run RunAction shell RunShell scp RunScp tclsh RunTclsh
    } $command] $class $options $rest $name]
}

# {options rest}: WORDS of COMMAND taken apart.
proc ::deployer::program::Parse {name command words} {
    variable Commands
    variable Options
    variable JsonWanted
    set known [concat [lindex [dict get $Commands $command] 0] --help]
    set options {}
    while {[llength $words]} {
        set word [lindex $words 0]
        if {[string index $word 0] ne "-" || $word eq "-"} {
            break
        }
        set words [lrange $words 1 end]
        if {$word eq "--"} {
            break
        }
        set given [regexp {^(--[^=]+)=(.*)$} $word -> word value]
        foreach option $known {
            if {$word eq [lindex [dict get $Options $option] 0]} {
                set word $option
            }
        }
        if {$word ni $known} {
            if {"--json" in $known && "--json" in $words} {
                set JsonWanted 1
            }
            set near [Near $word $known]
            Usage "$command has no option \"[Shorten $word 40]\"[expr {
                $near eq "" ? "" : " (did you mean $near?)"}]: $name $command\
                --help lists them"
        }
        lassign [dict get $Options $word] - kind
        if {$kind eq ""} {
            if {$given} {
                Usage "$word takes no value"
            }
            if {$word eq "--json"} {
                # Whatever is wrong with other words.
                set JsonWanted 1
            }
            dict set options $word 1
            continue
        }
        if {!$given} {
            if {![llength $words]} {
                Usage "$word needs a value: $word $kind"
            }
            set words [lassign $words value]
        }
        dict set options $word $value
    }
    if {[dict exists $options --parallel]
            && (![string is digit -strict [dict get $options --parallel]]
                || [scan [dict get $options --parallel] %lld] < 1)} {
        Usage "--parallel must be a number above 0, not\
            \"[Shorten [dict get $options --parallel] 40]\""
    }
    return [list $options $words]
}

proc ::deployer::program::Usage message {
    Fail {USAGE} $message
}

# The one of NAMES that WORD was meant to be, "" where none is like it.
proc ::deployer::program::Near {word names} {
    package require deployer::shell
    return [Nearest $word $names]
}

proc ::deployer::program::UnknownCommand {name word class} {
    variable Commands
    set commands [dict keys $Commands]
    if {[string index $word 0] eq "-"} {
        if {[lindex [split $word =] 0] in [lindex [dict get $Commands run] 0]
                || $word in {-s --}} {
            return "options stand behind a sub-command, as in \"$name run\
                $word\""
        }
        set near [Near $word {--help --version}]
    } else {
        set near [Near $word [concat $commands help]]
    }
    set text "there is no sub-command \"[Shorten $word 40]\""
    if {[Member $class $word] ne ""} {
        # Somebody has left out "run".
        return "$text (did you mean \"$name run [Shorten $word 40]\"?)"
    }
    if {$near ne ""} {
        return "$text (did you mean $near?)"
    }
    return "$text: must be [join [lrange $commands 0 end-1] {, }] or\
        [lindex $commands end]"
}

proc ::deployer::program::Version class {
    return "deployer [package present deployer] on [info hostname], Tcl\
        [info patchlevel], tree [string trimleft $class :]"
}

# Help.

proc ::deployer::program::Help {name class} {
    variable Commands
    variable Later
    set rows {}
    dict for {command spec} $Commands {
        set text [lindex $spec 2]
        if {$command in $Later} {
            append text " (not yet)"
        }
        lappend rows [format "  %-15s %s" $command $text]
    }
    set about [inspect doc $class]
    return "Usage: $name SUB-COMMAND ?options? ?word ...?
[expr {$about eq "" ? "" : "\n[core::text show -lines $about]\n"}]
[join $rows \n]

Without a sub-command it is the shell, as \"$name run\".
\"$name SUB-COMMAND --help\" tells about each; also: --version.
[HelpActions $name $class]"
}

# What there is to run at the root.
proc ::deployer::program::HelpActions {name class} {
    package require deployer::shell
    set rows {}
    foreach kind {actions children} mark {"" /} {
        foreach action [inspect $kind $class] {
            set doc [lindex [split [inspect doc $class $action] \n] 0]
            set words $action$mark
            if {$mark eq ""} {
                set words [::deployer::shell::Usage $action \
                    [Member $class $action]]
            }
            lappend rows [string trimright [format "  %-22s %s" \
                [core::text show $words] [core::text show $doc]]]
        }
    }
    if {![llength $rows]} {
        return ""
    }
    set most 30
    set more [expr {[llength $rows] - $most}]
    if {$more > 0} {
        set rows [lrange $rows 0 $most-1]
        lappend rows "  and $more more"
    }
    return "
Actions, and services (with a slash), that \"$name run\" finds here:
[join $rows \n]
"
}

proc ::deployer::program::HelpOf {name command} {
    variable Commands
    variable Options
    variable Later
    lassign [dict get $Commands $command] options words text more
    set usage "Usage: $name $command ?options?"
    if {$words ne ""} {
        append usage " $words"
    }
    append usage "\n\n" [string toupper [string index $text 0]] \
        [string range $text 1 end] ".\n"
    if {$command in $Later} {
        append usage "It comes with a later version of deployer.\n"
    }
    append usage \n
    foreach option [concat $options --help] {
        lassign [dict get $Options $option] short value what
        if {$option eq "--socket" && $command eq "run"} {
            append what " (not yet)"
        }
        set left [expr {$short eq "" ? "    " : "$short, "}]$option
        append usage [format "  %-26s %s\n" [string trimright "$left $value"] \
            $what]
    }
    if {$more ne ""} {
        append usage \n $more \n
    }
    return $usage
}

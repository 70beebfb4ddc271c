# errors.tcl -- errors of the library: one sentence and a code each.
#
# Layer T1. The codes are those of the reference page; those that end in a
# wrong word of the caller are {DEPLOYER OPTION -name} for an option and
# {DEPLOYER ARGUMENT word} for anything else.

namespace eval ::deployer {}

# Raises an error. CODE is the list of words behind DEPLOYER; ARGS are further
# return options, as -results.
proc ::deployer::Fail {code message args} {
    return -code error -errorcode [list DEPLOYER {*}$code] {*}$args $message
}

# TEXT on one line and at most LIMIT characters long, for messages.
proc ::deployer::Shorten {text {limit 80}} {
    set text [string map {\n { } \t { }} [string trim $text]]
    if {[string length $text] > $limit} {
        set text [string range $text 0 $limit-4]...
    }
    return $text
}

# PATH for messages: of a very long one the begin and the end.
proc ::deployer::ShortPath path {
    if {[string length $path] <= 240} {
        return $path
    }
    return [string range $path 0 119]...[string range $path end-119 end]
}

# The last lines of a command's standard error, for messages.
proc ::deployer::LastLines {text {count 5}} {
    set text [string range [string trimright $text] end-2000 end]
    return [join [lrange [split $text \n] end-[expr {$count - 1}] end] \n]
}

# TEXT without the secrets of HOST. These are no arguments anywhere, because
# arguments stand in the errorstack.
proc ::deployer::MaskFor {host text} {
    if {[IsHost $host]} {
        foreach secret [[info object namespace $host]::my Secrets] {
            if {$secret ne ""} {
                set text [string map [list $secret ***] $text]
            }
        }
    }
    return $text
}

# Raises what a command that ended badly means. OUTCOME is the dict that
# core::proc run gives, ARGS are further return options.
proc ::deployer::FailCommand {host slug line outcome args} {
    set signal [dict get $outcome signal]
    set status [dict get $outcome status]
    set what "command \"[Shorten $line]\" on host $slug"
    if {$signal ne ""} {
        set code [list EXEC SIGNAL $slug $signal]
        append what " was ended by signal $signal"
    } else {
        set code [list EXEC STATUS $slug $status]
        append what " failed with status $status"
    }
    set tail [LastLines [dict get $outcome stderr]]
    if {$tail ne ""} {
        append what ": $tail"
    }
    Fail $code [MaskFor $host $what] {*}$args
}

# Raises a caught error once more, without the arguments that led to it.
proc ::deployer::Again {message options} {
    return -code error -errorcode [dict get $options -errorcode] $message
}

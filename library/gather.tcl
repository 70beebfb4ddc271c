# gather.tcl -- deployer::gather: outputs of many hosts, equal ones together.
#
# Layer T1. All of it is core::gather; a live one is for loggers.

namespace eval ::deployer {
    namespace export gather

    variable GatherOptions {
        -mask bool -diff bool -color auto|yes|no -width count -limit count
        -result text|list
    }
}

# gather ?options? RESULTS: the groups of a dict of slug -> text, dict of a
# command's result, or failure.
proc ::deployer::gather args {
    variable GatherOptions
    set none [expr {![llength $args]}]
    # Looked at as a word, the results would be written out.
    set results [lindex $args end]
    set words [lrange $args 0 end-1]
    set opts [TakeOptions $GatherOptions words]
    if {[llength $words] || $none} {
        WrongArgs "deployer::gather ?options? RESULTS"
    }
    if {[catch {dict size $results}]} {
        Fail {ARGUMENT results} "the results must be a dict of slug and output"
    }
    set spec {}
    foreach name {mask limit} {
        if {[dict exists $opts $name]} {
            dict set spec $name [dict get $opts $name]
        }
    }
    set gather [core::gather new $spec]
    try {
        core::gather put $gather $results
        if {[dict exists $opts result] && [dict get $opts result] eq "list"} {
            return [core::gather groups $gather]
        }
        return [core::gather show $gather [GatherStyle $opts]]
    } finally {
        core::gather close $gather
    }
}

# The style of core::gather show for the options of the command.
proc ::deployer::GatherStyle opts {
    set info [core::terminal info]
    # Its sizes are those of a guess where there is no terminal.
    set shown [expr {[dict get $info state] ne "none"
        && ![catch {chan configure stdout -mode}]}]
    set style [dict create width 80 color $shown]
    if {$shown} {
        dict set style width [dict get $info cols]
    }
    if {[info exists ::env(NO_COLOR)] && $::env(NO_COLOR) ne ""
            || ![info exists ::env(TERM)] || $::env(TERM) in {{} dumb}} {
        dict set style color 0
    }
    foreach name {width diff} {
        if {[dict exists $opts $name]} {
            dict set style $name [dict get $opts $name]
        }
    }
    if {[dict exists $opts color] && [dict get $opts color] ne "auto"} {
        dict set style color [expr {[dict get $opts color] eq "yes"}]
    }
    return $style
}

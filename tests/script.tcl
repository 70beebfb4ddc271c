# script.tcl -- programs that run on a terminal whose other end is ours.
#
# script(1) gives a program of its own a controlling terminal.

namespace eval ::script {
    variable Seen               ;# channel -> what has been on its screen
    array set Seen {}
    ::tcltest::testConstraint terminal \
        [expr {[auto_execok script] ne ""}]
}

# start DIR SCRIPT ?NAME VALUE ...?: runs SCRIPT, with the package loaded and
# those variables set, on a terminal, from a file in DIR. Returns the channel of
# what a human sees and types. END is printed when the script has ended.
proc ::script::start {dir script args} {
    variable Seen
    set path [file join $dir program.tcl]
    set file [open $path w]
    puts $file {package require deployer}
    foreach {name value} $args {
        puts $file [list set $name $value]
    }
    puts $file $script
    puts $file {puts END; exit}
    close $file
    package require deployer
    set line [deployer::quote {*}[::kit::subTclsh] $path]
    set chan [open |[list script -qefc $line /dev/null 2>@1] r+]
    chan configure $chan -blocking 0 -buffering none
    set Seen($chan) ""
    return $chan
}

# Waits until PATTERN is on the screen; returns all that has been there.
proc ::script::see {chan pattern} {
    variable Seen
    ::kit::waitFor [string map [list %c [list $chan] %p [list *$pattern*]] {
        append ::script::Seen(%c) [read %c]
        expr {[string match %p $::script::Seen(%c)] || [eof %c]}
    }] 10000
    return [string map {\r ""} $Seen($chan)]
}

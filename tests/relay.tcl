# relay.tcl -- a line between a client and a server that a test can cut.
#
# It is the relay of fakeserver.tcl in a process of its own: it goes on while
# the test waits in C, where no event of Tcl's is served.
#
#   set r [relay::start ADDRESS PORT]     where the server listens
#   relay::port $r                        where the relay does, on 127.0.0.1
#   relay::tell $r cut                    all connections, now
#   relay::tell $r cutafter down|up N     when the Nth byte from now on passes
#   relay::tell $r stall BOOL             holds all bytes back
#   relay::tell $r bytes down|up          how many went through
#   relay::stop $r

package require Tcl 8.6

namespace eval relay {
    variable File [file normalize [info script]]
    variable Ports {}
}

proc relay::start {address port} {
    variable File
    variable Ports
    set pipe [open [list |[info nameofexecutable] $File $address $port] r+]
    chan configure $pipe -buffering line
    dict set Ports $pipe [gets $pipe]
    return $pipe
}

proc relay::port pipe {
    variable Ports
    return [dict get $Ports $pipe]
}

# Returns when it is done.
proc relay::tell {pipe args} {
    puts $pipe $args
    return [gets $pipe]
}

proc relay::stop pipe {
    variable Ports
    dict unset Ports $pipe
    close $pipe
}

# In the process of the relay.
proc relay::Serve {address port} {
    variable Relay [fake::start relay -host $address -to $port]
    chan configure stdout -buffering line
    puts [fake::port $Relay]
    chan configure stdin -blocking 0
    chan event stdin readable relay::Command
    vwait forever
}

proc relay::Command {} {
    variable Relay
    if {[gets stdin line] >= 0} {
        set args [lassign $line command]
        puts [fake::$command $Relay {*}$args]
    } elseif {[eof stdin]} {
        exit
    }
}

if {[info exists ::argv0] && [file normalize $::argv0] eq $relay::File} {
    source [file join [file dirname $relay::File] fakeserver.tcl]
    relay::Serve {*}$argv
}

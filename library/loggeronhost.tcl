# loggeronhost.tcl -- the logger onhost: a line for each command in the file
# ~/.deployer/history of the host on which it ran.
#
# Layer T2. The lines go through the host's own connection, as a command that is
# no event. Those of commands that end while one is on its way go together.

oo::class create ::deployer::logger::onhost {
    superclass ::deployer::logger::Base
    # Lines: host -> lines that wait. Busy: host -> the waiter of the job that
    # writes there. Failed: hosts that did not take any. File: on the hosts.
    variable Lines Busy Failed Who

    constructor args {
        ::deployer::logger::Options {} $args
        array set Lines {}
        array set Busy {}
        set Failed {}
        set Who $::tcl_platform(user)@[info hostname]
        incr ::deployer::EventHostsWanted
        ::deployer::EventNotes
    }

    destructor {
        incr ::deployer::EventHostsWanted -1
        ::deployer::EventNotes
    }

    method event event {
        if {[dict get $event phase] ne "end"
                || [dict get $event type] ni {run file}
                || ![dict exists $event host]
                || [dict get $event sandbox]} {
            return
        }
        set slug [dict get $event host]
        if {![info exists ::deployer::EventHosts($slug)]} {
            return
        }
        set host $::deployer::EventHosts($slug)
        if {$host in $Failed || ![::deployer::IsHost $host]
                || ![$host connected]} {
            return
        }
        lassign [::deployer::logger::State $event] good state
        set seconds [expr {round([dict get $event time])}]
        lappend Lines($host) [join [list \
            [clock format $seconds -gmt 1 -format %Y-%m-%dT%H:%M:%SZ] $Who \
            [::deployer::logger::Show [dict get $event path]] \
            "\[$state\]" [string range [::deployer::logger::What $event] \
                0 4000]]]
        my Write $host
    }

    method Write host {
        if {[info exists Busy($host)] || ![info exists Lines($host)]} {
            return
        }
        set text [join $Lines($host) \n]\n
        unset Lines($host)
        set w [::deployer::Job \
            [list ::deployer::logger::OnHostWrite $host $text] {}]
        set Busy($host) $w
        ::deployer::core::waiter call $w [list ::deployer::logger::OnHostDone \
            [self namespace] $host $w]
    }

    method Done {host message} {
        unset -nocomplain Busy($host)
        if {$message ne ""} {
            lappend Failed $host
            unset -nocomplain Lines($host)
            ::deployer::LoggerSays [self] "logger onhost writes nothing on\
                host [::deployer::SlugOf $host] any more: $message"
        }
        my Write $host
    }

    # Waits until all lines are on the hosts, though not for ever.
    method flush {} {
        set end [expr {[clock milliseconds] + 5000}]
        while {[array size Busy] && [clock milliseconds] < $end} {
            if {[catch {::deployer::Await [::deployer::Delay 10]}]} {
                break
            }
        }
    }
}

proc ::deployer::logger::OnHostWrite {host text} {
    $host run -stdin $text -timeout 60 {sh -c 'umask 077;\
        mkdir -p "$HOME/.deployer" && cat >>"$HOME/.deployer/history"'}
}

proc ::deployer::logger::OnHostDone {ns host w} {
    set message ""
    if {[catch {::deployer::core::waiter take $w} result]} {
        set message $result
    }
    if {[namespace exists $ns]} {
        ${ns}::my Done $host $message
    }
}

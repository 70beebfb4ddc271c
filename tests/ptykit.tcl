# ptykit.tcl -- what the tests of pseudo terminals share.

namespace eval ::ptykit {
    namespace import ::kit::waitFor
    namespace export failure Plain All Until Turn Gone

    # {message errorcode} of a script that must fail.
    proc failure script {
        if {![catch {uplevel 1 $script} message options]} {
            return "no error"
        }
        return [list $message [dict get $options -errorcode]]
    }

    proc Plain text {
        return [string map {\r\n \n} $text]
    }

    # All that a channel gives until its end.
    proc All channel {
        variable Got
        variable Ended
        set Got($channel) ""
        chan event $channel readable \
            [list [namespace current]::Readable $channel]
        waitFor {info exists Ended($channel)} 30000
        set text $Got($channel)
        unset Got($channel) Ended($channel)
        return [Plain $text]
    }
    proc Readable channel {
        variable Got
        variable Ended
        append Got($channel) [read $channel]
        if {[eof $channel]} {
            chan event $channel readable {}
            set Ended($channel) 1
        }
    }

    # Reads CHANNEL until what came matches PATTERN, and returns it.
    proc Until {channel pattern} {
        set text ""
        waitFor {
            append text [read $channel]
            string match $pattern $text
        } 10000
        return [Plain $text]
    }

    # Runs the event loop for so many milliseconds: for what must not happen.
    proc Turn {milliseconds} {
        variable Tick
        after $milliseconds [list set [namespace current]::Tick 1]
        vwait [namespace current]::Tick
    }

    # Whether object ID, and process PID, are gone.
    proc Gone {id {process 0}} {
        waitFor {
            expr {![llength [info commands $id]]
                && !($process && [sshd::Alive $process])}
        } 10000
        return gone
    }
}

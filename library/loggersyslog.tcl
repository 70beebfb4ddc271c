# loggersyslog.tcl -- the logger syslog: what ran and how it ended, in the
# system's log.
#
# Layer T2. The program logger(1) takes the lines: it knows where each system's
# log is, and can wait for it without this process.

oo::class create ::deployer::logger::syslog {
    superclass ::deployer::logger::Base
    variable Command Pipe

    # syslog new ?-tag TEXT? ?-priority FACILITY.LEVEL? ?-program PATH?
    constructor args {
        set options [::deployer::logger::Options {
            -tag text -priority text -program text
        } $args {tag deployer priority user.info program logger}]
        set Command [list [dict get $options program] \
            -t [dict get $options tag] -p [dict get $options priority]]
        if {[auto_execok [lindex $Command 0]] eq ""} {
            ::deployer::Fail {OPTION -program} "there is no program\
                \"[lindex $Command 0]\" to write to the system's log"
        }
        set Pipe ""
    }

    method event event {
        if {[dict get $event phase] eq "output"
                && [dict get $event type] ni {message error}} {
            return
        }
        if {$Pipe eq ""} {
            # A word that begins with ">" or "|" would mean something to open.
            set Pipe [open |[list sh -c {exec "$@" >/dev/null 2>&1} sh \
                {*}$Command] w]
            chan configure $Pipe -blocking 0 -buffering line -encoding utf-8
        }
        if {[chan pending output $Pipe] > 1048576} {
            error "it takes no more lines"
        }
        foreach line [::deployer::logger::Describe [my Once $event]] {
            puts $Pipe [string range $line 0 1000]
        }
    }

    # The program ends by itself when it has read all.
    destructor {
        if {[info exists Pipe] && $Pipe ne ""} {
            catch {chan close $Pipe}
        }
    }
}

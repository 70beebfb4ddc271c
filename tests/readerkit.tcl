# readerkit.tcl -- what the tests of lines that are typed share.

package require Tcl 8.6

namespace eval ::readerkit {
    namespace import ::kit::* ::tmux::*
    namespace export Reader Typed
}

proc ::readerkit::Constraints {} {
    foreach name {tmux sshd expect} {
        tcltest::testConstraint $name [expr {[::sshd::Program $name] ne ""}]
    }
    tcltest::testConstraint linux [expr {$::tcl_platform(os) eq "Linux"}]
    tcltest::testConstraint sanitized [info exists ::env(DEPLOYER_SANITIZED)]
    tcltest::testConstraint libedit [deployer::core::edit there]
}

# A window that reads lines until the end of the input; after line N it saves
# lineN. INIT comes before, and has the prompt in `prompt`; the reader is `r`.
proc ::readerkit::Reader {options {init {}} args} {
    file delete {*}[glob -nocomplain [Place line*]]
    set window [Window "
        set prompt {> }
        set number 0
        $init
        set r \[deployer::Reader new $options\]
        while 1 {
            set got \[\$r read \$prompt\]
            # Whole, also a long one.
            save part \$got
            file rename \[file join \$dir part\] \
                \[file join \$dir line\[incr number\]\]
            if {\[lindex \$got 0\] eq {eof}} break
            if {\[lindex \$got 0\] eq {line}} {
                \$r history add \[lindex \$got 1\]
            }
        }
        \$r destroy
        save stats \[deployer::core::stats\]
    " {*}$args]
    $window wait {(?n)^(>|in:)}
    return $window
}

# The line that comes of these keys (as for `keys`, but {type TEXT}, {hex
# BYTES} and {wait EXPRESSION} are so called).
proc ::readerkit::Typed {window number args} {
    foreach key $args {
        switch [lindex $key 0] {
            type - wait {
                $window {*}$key
            }
            hex {
                $window bytes {*}[lrange $key 1 end]
            }
            default {
                $window keys $key
            }
        }
    }
    return [Saved line$number]
}

namespace eval ::readerkit {
    # Completes the last word of the text among these.
    variable complete {
        proc words {text cursor} {
            regexp -indices {\S*$} [string range $text 0 $cursor-1] where
            set start [lindex $where 0]
            set begin [string range $text $start $cursor-1]
            set words {}
            foreach word {apple apricot banana} ends {{ } { } /} {
                if {[string match $begin* $word]} {
                    lappend words [list $word "what $word is" 36 $ends]
                }
            }
            return [dict create start $start words $words]
        }
    }

    variable braces {
        proc unbalanced text {
            return [expr {![info complete $text]}]
        }
    }
}

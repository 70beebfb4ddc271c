# demo.tcl -- the first example of the README on three SSH hosts and this one.
#
# The SSH hosts are a private sshd on loopback addresses with keys and
# configuration of its own, which are gone when the demo ends. ./quickstart
# opens it; by hand: TCLLIBPATH=build tclsh8.6 examples/demo.tcl ?ACTION ...?

package require deployer

namespace eval ::demo {
    source [file join [file dirname [file normalize [info script]]] farm.tcl]

    deployer::service create AptGet {
        property packages {}
        action update  {} { my hosts sudo {apt-get update} }
        action install {} {
            my hosts sudo \
                "apt-get install -y [deployer::quote {*}[my packages]]"
        }
    }

    deployer::service create MyWebApplication {
        service packages AptGet {
            property packages {python3 gcc}
        }
        action setup     {} { my packages install }
        action say_hello {} { my hosts run {echo hello world} }
        action start     {} { my hosts run {~/start-application.sh} }
        action uptime    {} { my hosts run uptime }
    }

    # The application, with a cell for each host that evaluates scripts: in it
    # `my host` is that one, `my hosts` are all.
    deployer::service create Demo {
        superclass MyWebApplication
        service machine -map {one host host host} -isolate one {
            roles one host
            action evaluate script {
                ::demo::Evaluate [namespace which my] $script
            }
            # In a job of its own, so that Ctrl-C can cancel it.
            action attempt script {
                set ::demo::Job [my fork evaluate $script]
                try {
                    return [$::demo::Job join]
                } finally {
                    set ::demo::Job ""
                }
            }
        }
    }

    # What runs at the prompt; "": a line is awaited.
    variable Job ""

    # What is typed at the prompt is evaluated here: variables stay.
    namespace eval prompt {
        namespace path {::demo ::deployer}
    }

    # Makes the hosts web1 web2 web3 and here, and returns a service instance
    # that stands for the application on them.
    proc Application {} {
        set hosts [::farm::open ::demo {web1 web2 web3}]
        lappend hosts [deployer::localhost create ::demo::here]
        return [Demo create ::demo::app -hosts [list host $hosts]]
    }

    # Evaluates a line of the prompt; MY is the `my` of the action around it.
    proc Evaluate {my script} {
        interp alias {} ::demo::prompt::my {} ::demo::My $my
        namespace eval prompt $script
    }

    # At the prompt the words of a command can be written as behind ssh:
    # `my host run ls -l` is `my host run {ls -l}`.
    proc My {my args} {
        set at [lsearch -regexp $args {^(run|sudo|shell)$}]
        if {[lindex $args 0] in {host hosts} && $at > 0} {
            incr at
            while {[string match -* [lindex $args $at]]} {
                incr at [expr {[lindex $args $at] eq "--" ? 1 : 2}]
            }
            if {$at < [llength $args] - 1} {
                set args [lreplace $args $at end [join [lrange $args $at end]]]
            }
        }
        tailcall $my {*}$args
    }

    # Reads a line and waits in the event loop meanwhile, for connections live
    # on. What is typed behind it is left to the command.
    proc ReadLine {} {
        variable Line
        set Line ""
        chan event stdin readable {set ::demo::Line [gets stdin]}
        vwait ::demo::Line
        chan event stdin readable {}
        return $Line
    }

    # Ctrl-C, while no command has the terminal: ends what runs, and what it
    # has begun on the hosts is taken back. A line half typed is gone already.
    proc Interrupt {} {
        variable Job
        if {$Job ne ""} {
            $Job cancel
        } else {
            variable Line
            set Line ""
            variable Interrupted 1
        }
    }

    # Evaluates lines in the cell of web1 until there is no more. The output of
    # commands is on the screen already; other results are printed.
    proc Prompt {app} {
        puts {
A line is Tcl, as in an action of a service; `my host` is web1, `my hosts` are
all. A command that is alone has this terminal:
    my host run vim /tmp/x
    my host shell
    my hosts run uptime
    app say_hello
Ctrl-C ends what runs, Ctrl-D or exit the demo.}
        set script ""
        deployer::pty interrupt ::demo::Interrupt
        while 1 {
            puts -nonewline [expr {$script eq "" ? "demo> " : "    > "}]
            flush stdout
            variable Interrupted 0
            append script [ReadLine] \n
            if {$Interrupted} {
                puts ""
                set script ""
                continue
            }
            if {[eof stdin] || [string trim $script] in {exit quit}} {
                return
            }
            if {![info complete $script]} {
                continue
            }
            try {
                set result [$app machine :web1 attempt $script]
                if {$result ne "" && ![Shown $script]} {
                    puts $result
                }
            } trap {DEPLOYER CANCELLED} {} {
                puts "interrupted"
            } on error message {
                puts "error: $message"
            }
            set script ""
        }
    }

    # Whether what SCRIPT returns is what its commands showed.
    proc Shown script {
        set shown {run sudo shell setup say_hello start uptime}
        return [regexp "\\m([join $shown |])\\M" $script]
    }

    # Without arguments: with a terminal two actions and a prompt, else the
    # first one.
    proc Main {actions} {
        # Only a terminal has a -mode.
        set prompts [expr {[llength $actions] == 0
            && ![catch {chan configure stdin -mode}]}]
        if {$prompts} {
            set actions {say_hello uptime}
        } elseif {[llength $actions] == 0} {
            set actions say_hello
        }
        puts "Three SSH hosts on a private sshd, and this machine."
        try {
            set app [Application]
            foreach action $actions {
                ::farm::show "app $action" [$app $action]
            }
            if {$prompts} {
                set hosts [$app hosts dict]
                $app destroy
                Prompt [Demo create ::demo::app -hosts $hosts -terminal own \
                    -interactive 1]
            }
        } finally {
            ::farm::close
        }
    }
}

try {
    ::demo::Main $argv
} on error {message} {
    puts stderr "demo: $message"
    exit 1
}

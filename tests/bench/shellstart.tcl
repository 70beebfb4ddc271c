# shellstart.tcl -- from the begin of a program to the first prompt of its shell.
#
# A suite of run.tcl. Both programs run on a pseudo terminal; what is told is what
# the package, its shell and the demo's tree add to tclsh with a prompt of its own.

# Milliseconds until WORDS show a prompt, once.
proc bench::UntilPrompt words {
    set begin [clock microseconds]
    set terminal [deployer::pty spawn -env {TERM screen} $words]
    chan configure $terminal -encoding utf-8
    set seen ""
    while {![regexp {> } [regsub -all {\033\[[0-9;?]*[a-zA-Z]} $seen {}]]} {
        chan event $terminal readable [list set ::bench::Ready 1]
        vwait ::bench::Ready
        append seen [read $terminal]
        if {[eof $terminal]} {
            error "no prompt: $seen"
        }
    }
    set time [expr {([clock microseconds] - $begin) / 1000.0}]
    $terminal destroy
    return $time
}

proc bench::shellstart {} {
    variable Farm
    package require deployer
    set dir [$Farm dir]
    foreach {name text} [list bare {
        puts -nonewline "> "
        flush stdout
        gets stdin
    } shell {
        package require deployer
        deployer::localhost create here
        deployer::service create Site {
            hosts {host here}
            action hello {} { my hosts run {echo hello} }
            service web -isolate {
                action status {} { my host run uptime }
            }
        }
        deployer::shell start Site
    }] {
        set file [open [file join $dir $name.tcl] w]
        puts $file $text
        close $file
    }
    # No line of a human's.
    set ::env(XDG_STATE_HOME) [file join $dir state]
    for {set i 0} {$i <= ([Opt -quick] ? 5 : 25)} {incr i} {
        foreach name {bare shell} {
            lappend $name [UntilPrompt \
                [list [info nameofexecutable] [file join $dir $name.tcl]]]
        }
    }
    foreach name {bare shell} {
        set $name [MedianOf [lrange [set $name] 1 end]]
    }
    Row "first prompt of the shell: added to tclsh" [expr {$shell - $bare}] 60 \
        {<= 1.0}
    Row "  ... tclsh with a prompt" $bare $shell {}
}

# recorder.tcl -- hosts for tests of services: they record what they are asked
# to run, and answer without a process or a network.
#
#     echo TEXT        answers TEXT
#     fail N           ends with status N
#     hold NAME        waits until ::recorder::release NAME ?TEXT?
#     anything else    answers nothing
#
# ::recorder::log returns what was run since it was last called, as a list of
# {slug command}, where the command of a `sudo` begins with "sudo ".

package require deployer

namespace eval ::recorder {
    variable Log {}
    variable Held
    array set Held {}
    namespace export log release held failure code objects here
}

oo::class create ::recorder::host {
    superclass ::deployer::host

    method Connect {} {
        return 0
    }

    method Start {line opts} {
        error "a recording host starts no process"
    }

    method Execute {line opts} {
        my Look
        set slug [my Get -slug]
        set text [my InContext $line]
        if {[dict exists $opts sudo]} {
            set text "sudo $text"
        }
        lappend ::recorder::Log [list $slug $text]
        set outcome {stdout {} stderr {} status 0 signal {} seconds 0 pid 1
            started 1 rest {}}
        lassign [split $line] word rest
        switch -- $word {
            echo {
                dict set outcome stdout [string range $line 5 end]\n
            }
            fail {
                dict set outcome status $rest
            }
            hold {
                set w [::deployer::core::waiter new]
                lappend ::recorder::Held($rest) $w
                dict set outcome stdout [::deployer::Await $w]\n
            }
        }
        return $outcome
    }
}

proc ::recorder::log {} {
    variable Log
    set log $Log
    set Log {}
    return $log
}

# Ends the commands `hold NAME` that run now, on one host after another.
proc ::recorder::release {name {text {}}} {
    variable Held
    set waiters {}
    if {[info exists Held($name)]} {
        set waiters $Held($name)
        unset Held($name)
    }
    foreach w $waiters {
        ::deployer::core::waiter finish $w $text
    }
    return [llength $waiters]
}

# How many commands `hold NAME` run now.
proc ::recorder::held name {
    variable Held
    return [expr {[info exists Held($name)] ? [llength $Held($name)] : 0}]
}

# The error code and message of SCRIPT.
proc ::recorder::failure script {
    if {![catch {uplevel 1 $script} message options]} {
        return "no error: $message"
    }
    return [list [dict get $options -errorcode] $message]
}

proc ::recorder::code script {
    return [lindex [uplevel 1 [list ::recorder::failure $script]] 0]
}

# All service classes and unnamed objects that exist now.
proc ::recorder::objects {} {
    return [lsort [concat [info class instances ::deployer::service] \
        [info commands ::oo::Obj*]]]
}

# NAME in the namespace of the test.
proc ::recorder::here name {
    return [uplevel 1 {::namespace current}]::$name
}

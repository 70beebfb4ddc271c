# eventkit.tcl -- for tests of events: a logger that keeps them, and trees that
# are built from them or from their lines of JSON.

package require deployer
# Their classes stay.
foreach name {asciicast console file json onhost syslog trace tree} {
    package require deployer::logger::$name
}
tcltest::testConstraint json [expr {![catch {package require json}]}]

namespace eval ::eventkit {
    namespace export Log Lines Tree Sound script
}

# Keeps events. Words are keys and values that events must have.
oo::class create ::eventkit::Log {
    variable Events

    constructor {} {
        set Events {}
    }

    method event event {
        lappend Events $event
    }

    method events {} {
        return $Events
    }

    method now args {
        set found {}
        foreach event $Events {
            set good 1
            foreach {key value} $args {
                if {![dict exists $event $key]
                        || [dict get $event $key] ne $value} {
                    set good 0
                }
            }
            if {$good} {
                lappend found $event
            }
        }
        return $found
    }

    method type {type args} {
        return [my now type $type {*}$args]
    }

    method tree {} {
        return [::eventkit::Tree $Events]
    }
}

# The events of a file of JSON Lines.
proc ::eventkit::Lines file {
    set channel [open $file]
    chan configure $channel -encoding utf-8
    set text [read $channel]
    close $channel
    return [lmap line [lrange [split $text \n] 0 end-1] {
        ::json::json2dict $line
    }]
}

# The tree of EVENTS: {type name ?children?} of each in order of their begins.
# An error where something has no end, or ends before what is inside of it.
proc ::eventkit::Tree events {
    set problem [Sound $events]
    if {$problem ne ""} {
        error $problem
    }
    set roots {}
    set below {}
    foreach event $events {
        if {[dict get $event phase] eq "begin"
                || [dict get $event type] in {message error}} {
            set id [dict get $event id]
            dict set names $id [Name $event]
            if {[dict exists $event parent]
                    && [dict exists $names [dict get $event parent]]} {
                dict lappend below [dict get $event parent] $id
            } else {
                lappend roots $id
            }
        }
    }
    return [lmap id $roots {Branch $id $names $below}]
}

proc ::eventkit::Branch {id names below} {
    set branch [dict get $names $id]
    if {[dict exists $below $id]} {
        lappend branch [lmap child [dict get $below $id] {
            Branch $child $names $below
        }]
    }
    return $branch
}

proc ::eventkit::Name event {
    set type [dict get $event type]
    switch $type {
        connect {
            return [list connect [dict get $event host]]
        }
        message - error {
            return [list $type [dict get $event data]]
        }
    }
    return [list $type [dict get $event command]]
}

# "" or what is wrong with EVENTS as a whole.
proc ::eventkit::Sound events {
    set open {}
    set seen {}
    foreach event $events {
        set id [dict get $event id]
        switch [dict get $event phase] {
            begin {
                if {[dict exists $seen $id]} {
                    return "id $id begins twice"
                }
                dict set seen $id 1
                dict set open $id 0
                if {[dict exists $event parent]
                        && [dict exists $seen [dict get $event parent]]} {
                    set parent [dict get $event parent]
                    if {![dict exists $open $parent]} {
                        return "$event begins below one that has ended"
                    }
                    dict incr open $parent
                }
            }
            output {
                if {[dict get $event type] ni {message error}
                        && ![dict exists $open $id]} {
                    return "output outside of its event: $event"
                }
            }
            end {
                if {![dict exists $open $id]} {
                    return "an end without a begin: $event"
                }
                if {[dict get $open $id]} {
                    return "ends with something open in it: $event"
                }
                dict unset open $id
                if {[dict exists $event parent]
                        && [dict exists $open [dict get $event parent]]} {
                    dict incr open [dict get $event parent] -1
                }
            }
        }
    }
    if {[dict size $open]} {
        return "no end: [dict keys $open]"
    }
    return ""
}

# The name of a file with BODY, for another tclsh: there `here` is a host, and
# `log` prints type and phase of each event.
proc ::eventkit::script body {
    set file [uplevel 1 {set Dir}]/script.tcl
    set channel [open $file w]
    puts $channel {
        package require deployer
        deployer::localhost create here
        proc log {word event} {
            puts "[dict get $event type] [dict get $event phase]"
        }
    }
    puts $channel $body
    close $channel
    return $file
}

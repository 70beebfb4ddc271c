# context.tcl -- what cd, env and prefix hold, for each coroutine.
#
# Layer T1. A context is a dict: host object -> dict with the keys cwd (a
# path), env (list of shell texts that export) and prefix (list of command lines). It is a value: a job starts with its parent's and changes its own.
# Keys that begin with "-" belong to the layers above and are inherited alike.

namespace eval ::deployer {
    variable Contexts           ;# coroutine ("" is plain code) -> context
    array set Contexts {}
    # coroutine -> {EVENT JOURNAL} of a context with no more than the event and the
    # run that all belongs to: most have only these, and most code asks for
    # anything else.
    variable Plains
    array set Plains {}
}

# The context of the running coroutine; "" where nothing is set.
proc ::deployer::ContextGet {} {
    variable Contexts
    variable Plains
    set co [info coroutine]
    if {[info exists Contexts($co)]} {
        return $Contexts($co)
    }
    set context {}
    if {[info exists Plains($co)]} {
        foreach value $Plains($co) key {-event -journal} {
            if {$value ne ""} {
                dict set context $key $value
            }
        }
    }
    return $context
}

# The same, where there is more in it than the event and the run; else "".
proc ::deployer::ContextMore {} {
    variable Contexts
    set co [info coroutine]
    if {[info exists Contexts($co)]} {
        return $Contexts($co)
    }
    return {}
}

# Whether there is.
proc ::deployer::ContextSays {} {
    variable Contexts
    return [info exists Contexts([info coroutine])]
}

# Makes CONTEXT the one of the running coroutine. One that is not a job of ours
# may be deleted at any moment, so its context goes with the command.
proc ::deployer::ContextSet context {
    variable Contexts
    variable Plains
    variable Jobs
    set co [info coroutine]
    set had [expr {[info exists Contexts($co)] || [info exists Plains($co)]}]
    if {$co ne "" && ![info exists Jobs($co)]
            && $had != ($context ne "")} {
        trace [expr {$had ? "remove" : "add"}] command $co {rename delete} \
            ::deployer::ContextMoved
    }
    unset -nocomplain Contexts($co) Plains($co)
    ContextStart $co $context
}

# CONTEXT is that of CO, which has none.
proc ::deployer::ContextStart {co context} {
    variable Contexts
    variable Plains
    if {$context eq ""} {
        return
    }
    set plain [core::event plain $context]
    if {$plain ne ""} {
        set Plains($co) $plain
    } else {
        set Contexts($co) $context
    }
}

# The code of CO belongs to EVENT from here on.
proc ::deployer::ContextEvent {co event} {
    variable Contexts
    variable Plains
    if {[info exists Contexts($co)]} {
        dict set Contexts($co) -event $event
    } elseif {[info exists Plains($co)]} {
        set Plains($co) [list $event [lindex $Plains($co) 1]]
    } else {
        ContextSet [list -event $event]
    }
}

proc ::deployer::ContextMoved {old new op} {
    foreach name {Contexts Plains} {
        upvar 0 ::deployer::${name}($old) from ::deployer::${name}($new) to
        if {[info exists from]} {
            if {$new ne ""} {
                set to $from
            }
            unset from
        }
    }
}

# Changes the context of HOSTS and, where BODIES holds a body, evaluates it in
# the caller's frame, undoes the change and gives the body's outcome, whatever
# its return code. Without a body the change holds until the job ends. CHANGE is
# a command prefix that is called with the entry of a host and the host, and
# returns {newEntry undo}; undo is a prefix that takes an entry and undoes it.
proc ::deployer::ContextRun {hosts verb change bodies} {
    if {![llength $bodies] && ![InJob]} {
        Fail [list ARGUMENT $verb] \
            "$verb without a body holds until the action returns, and this is\
            outside of any action"
    }
    set undos {}
    set context [ContextGet]
    foreach host $hosts {
        set entry {}
        if {[dict exists $context $host]} {
            set entry [dict get $context $host]
        }
        lassign [{*}$change $entry $host] entry undo
        dict set context $host $entry
        lappend undos $host $undo
    }
    ContextSet $context
    if {![llength $bodies]} {
        return
    }
    set code [catch {uplevel 1 [lindex $bodies 0]} result options]
    # What the body set without a body of its own, or for other hosts, stays.
    set context [ContextGet]
    foreach {host undo} $undos {
        if {[dict exists $context $host]} {
            set entry [{*}$undo [dict get $context $host]]
            if {[dict size $entry]} {
                dict set context $host $entry
            } else {
                dict unset context $host
            }
        }
    }
    ContextSet $context
    if {!$code} {
        return $result
    }
    dict incr options -level
    return -options $options $result
}

# The changes, for ContextRun. An outer value of a variable stays in the list:
# an inner one may refer to it.

proc ::deployer::ChangeCwd {dir entry host} {
    set old {}
    if {[dict exists $entry cwd]} {
        set old [list [dict get $entry cwd]]
        set base [lindex $old 0]
    } else {
        set base [$host cget -cwd]
    }
    dict set entry cwd [JoinPath $base $dir]
    return [list $entry [list ::deployer::UndoCwd $old]]
}

# KEY is env or prefix, to whose list TEXT is added.
proc ::deployer::ChangeList {key text entry host} {
    dict lappend entry $key $text
    return [list $entry [list ::deployer::UndoList $key $text]]
}

# Puts back what the directory was: OLD is a list of one value, or empty for
# none.
proc ::deployer::UndoCwd {old entry} {
    if {[llength $old]} {
        return [dict replace $entry cwd [lindex $old 0]]
    }
    return [dict remove $entry cwd]
}

# Takes the last TEXT out of a list again.
proc ::deployer::UndoList {key text entry} {
    if {![dict exists $entry $key]} {
        return $entry
    }
    set texts [dict get $entry $key]
    set index [lindex [lsearch -all -exact $texts $text] end]
    if {$index ne ""} {
        set texts [lreplace $texts $index $index]
    }
    if {[llength $texts]} {
        return [dict replace $entry $key $texts]
    }
    return [dict remove $entry $key]
}

# Shell text that exports NAME; with RAW, VALUE is what the shell reads after
# the equals sign.
proc ::deployer::ExportText {name value {raw 0}} {
    CheckEnvName $name
    if {$raw} {
        # Not in one command: export would split an unquoted expansion.
        return "$name=$value && export $name"
    }
    return "export $name=[Quoted $value]"
}

proc ::deployer::CheckEnvName name {
    if {![regexp {^[A-Za-z_][A-Za-z0-9_]*$} $name]} {
        Fail [list ARGUMENT $name] \
            "\"$name\" cannot be the name of an environment variable"
    }
}

# LINE as it runs in a context: directory CWD ("" is the login directory), the
# export texts EXPORTS and the command lines PREFIXES. Without any of them it is
# LINE itself. Else it stands in braces, so that `a || b` binds as it should, and
# has a newline behind it, because it may end in a comment or a here-document.
proc ::deployer::ContextLine {cwd exports prefixes line} {
    set parts {}
    if {$cwd ne ""} {
        lappend parts "cd [QuotedPath $cwd]"
    }
    lappend parts {*}$exports
    foreach prefix $prefixes {
        lappend parts [Braced $prefix]
    }
    if {![llength $parts]} {
        return $line
    }
    return [join [lappend parts [Braced $line]] { && }]
}

proc ::deployer::Braced line {
    set start "\{ "
    if {[regexp {^\s*(?:#|$)} $line]} {
        # Braces around nothing but a comment are a syntax error.
        append start ":\n"
    }
    if {[string index $line end] eq "\\"} {
        # The backslash would join the brace to the line.
        append line \n
    }
    return "$start$line\n\}"
}

# query.tcl -- queries: values that are read by a path through the services.
#
# Layer T2. A query is a method that runs as a job, as a getter does. The
# queries at work stand in the context of the running coroutine, under -query,
# so that those that another one reads, by whatever way, know of it: a dict of
#
#   chain   list of frames, the innermost last, each {key class name coroutine
#           id}; key tells a query of an instance from all others
#   trace   the list of steps that TraceQuery wants, an id, or ""
#   depth   frames of the chain that are none of the trace's business

namespace eval ::deployer {
    variable QueryCount 0
    variable Traces             ;# id -> list of steps
    array set Traces {}

    # Q lives there to be imported by the objects whose queries have a body.
    namespace eval queries {
        namespace export Q
    }
}

# The value at the end of a path that begins at the instance in which the query
# runs. Elsewhere a command Q of the user's comes to its right.
proc ::deployer::queries::Q args {
    set ns [uplevel 1 {::namespace current}]
    set frame [::deployer::QueryFrame]
    if {[lindex $frame 3] eq [info coroutine] && $frame ne ""} {
        return {*}[::deployer::QueryWalk $ns $frame $args]
    }
    foreach space [list {*}[namespace eval $ns {::namespace path}] ""] {
        if {[namespace which -command ${space}::Q] ne ""} {
            tailcall ${space}::Q {*}$args
        }
    }
    return -code error -errorcode {TCL LOOKUP COMMAND Q} \
        "invalid command name \"Q\""
}

# The frame of the innermost query at work, "" where there is none.
proc ::deployer::QueryFrame {} {
    set context [ContextGet]
    if {[dict exists $context -query]} {
        return [lindex [dict get $context -query chain] end]
    }
    return {}
}

# Makes Q known in the object of namespace NS.
proc ::deployer::QueryOpen ns {
    if {[namespace which -command ${ns}::Q] eq ""} {
        namespace eval $ns {::namespace import ::deployer::queries::Q}
    }
}

# Query NAME, which CLASS defines, begins in the object of namespace NS.
# {DEPLOYER QUERY class name name} where it is at work already.
proc ::deployer::QueryBegin {ns class name} {
    variable QueryCount
    set context [ContextGet]
    set state {chain {} trace {} depth 0}
    if {[dict exists $context -query]} {
        set state [dict get $context -query]
    }
    # Cells may be made anew for each call, their paths stay.
    set key [list [set ${ns}::Root] [PathOf $ns] $class $name]
    set chain [dict get $state chain]
    set met [lsearch -exact -index 0 $chain $key]
    if {$met >= 0} {
        set names [lmap frame [lrange $chain $met end] {lindex $frame 2}]
        Fail [list QUERY $class $name $name] "[QueryTitle $class $name \
            [PathOf $ns]] reads itself: [join [list {*}$names $name] { -> }]"
    }
    dict lappend state chain \
        [list $key $class $name [info coroutine] [incr QueryCount]]
    dict set context -query $state
    ContextSet $context
}

proc ::deployer::QueryEnd {} {
    set context [ContextGet]
    if {[dict exists $context -query]} {
        dict set context -query chain \
            [lrange [dict get $context -query chain] 0 end-1]
        ContextSet $context
    }
}

# Words for `return`: the end of a walk along WORDS from the object of NS.
proc ::deployer::QueryWalk {ns frame words} {
    lassign $frame key class name
    set value [ObjectOf $ns]
    foreach word $words {
        if {[catch {QueryStep $value $word $class} next options]} {
            QueryTrace $frame $word error $next
            return [QueryError $frame $word $next $options]
        }
        set value $next
        QueryTrace $frame $word value $value
    }
    return [list $value]
}

# What the word WORD of a query of CLASS makes of VALUE.
proc ::deployer::QueryStep {value word class} {
    if {![IsInstance $value]} {
        return [QueryPart $value $word]
    }
    if {[string is list $word] && [llength $word] == 2} {
        switch -- [lindex $word 0] {
            parent {
                return [QueryClimb $value [lindex $word 1] $class]
            }
            at {
                return [$value at [lindex $word 1]]
            }
        }
    }
    switch -glob -- $word {
        :* {
            return [$value at [string range $word 1 end]]
        }
        parent {
            if {[set parent [$value parent]] eq ""} {
                Fail {ARGUMENT parent} "/ is the root and has no parent"
            }
            return $parent
        }
        root - host - hosts {
            return [$value $word]
        }
    }
    set member [Member [info object class $value] $word]
    if {$member eq "" && [$value info array]} {
        if {![catch {$value at $word} cell options]} {
            return $cell
        }
        if {[lrange [dict get $options -errorcode] 0 2]
                ne {DEPLOYER ISOLATE INDEX}} {
            return -options $options $cell
        }
        Fail [list ARGUMENT $word] "[InstancePath $value] has neither a\
            \"[Shorten $word 40]\" nor a cell of that index"
    }
    if {$member eq ""} {
        Fail [list ARGUMENT $word] "[InstancePath $value] has no\
            \"[Shorten $word 40]\""
    }
    if {[dict get $member kind] ni {service property getter query}} {
        Fail [list ARGUMENT $word] "\"$word\" of [InstancePath $value] is an\
            action, and a query only reads: make it a getter, or use -expr"
    }
    return [$value $word]
}

# The key WORD of a dict, else the index WORD of a list.
proc ::deployer::QueryPart {value word} {
    if {![catch {dict exists $value $word} there] && $there} {
        return [dict get $value $word]
    }
    if {![catch {llength $value} length]
            && [regexp {^(?:end(?:-\d{1,9})?|0|[1-9]\d{0,9})$} $word]} {
        set index [string map [list end [expr {$length - 1}]] $word]
        set index [expr $index]
        if {$index >= 0 && $index < $length} {
            return [lindex $value $index]
        }
    }
    Fail [list ARGUMENT $word] "\"[Shorten $word 40]\" is neither a key nor an\
        index of \"[Shorten $value 60]\""
}

# The nearest instance above OBJECT whose class is NAME, or is derived from it;
# NAME is seen from where CLASS was defined, or is a simple name.
proc ::deployer::QueryClimb {object name class} {
    set space [dict get [set [info object namespace $class]::Facts] space]
    set wanted ""
    if {[namespace exists $space]} {
        set wanted [namespace eval $space \
            [list ::namespace which -command $name]]
    }
    set met {}
    for {set at [$object parent]} {$at ne ""} {set at [$at parent]} {
        foreach ancestor [Lineage [info object class $at]] {
            if {$ancestor eq $wanted || [SimpleName $ancestor] eq $name} {
                return $at
            }
        }
        lappend met [SimpleName [info object class $at]]
    }
    if {![llength $met]} {
        Fail [list ARGUMENT $name] "there is no service \"[Shorten $name 40]\"\
            above [InstancePath $object], which is the root"
    }
    Fail [list ARGUMENT $name] "there is no service \"[Shorten $name 40]\"\
        above [InstancePath $object], only [join $met {, }]"
}

proc ::deployer::SimpleName class {
    namespace upvar [info object namespace $class] Facts facts
    if {[info exists facts]} {
        return [dict get $facts name]
    }
    return [namespace tail $class]
}

# Whether VALUE is the command of an instance of a service.
proc ::deployer::IsInstance value {
    return [expr {[string match ::* $value] && [info object isa object $value]
        && [info object isa typeof $value ::deployer::Service]}]
}

proc ::deployer::InstancePath object {
    return [PathOf [info object namespace $object]]
}

# Words for `return`: the error of a query, where MESSAGE and OPTIONS are those
# of what went wrong at WORD. One that ends the whole run stays as it is.
proc ::deployer::QueryError {frame word message options} {
    lassign $frame key class name co id
    set code NONE
    if {[dict exists $options -errorcode]} {
        set code [dict get $options -errorcode]
    }
    if {[lrange $code 0 1] in {{DEPLOYER CANCELLED} {DEPLOYER ABORT}}} {
        return [list -options $options $message]
    }
    set cause $code
    if {[dict exists $options -cause]} {
        set cause [dict get $options -cause]
    }
    set where [AtPlace [QueryPlace $class $name]]
    set title "[QueryTitle $class $name [lindex $key 1]] failed at\
        \"[Shorten $word 40]\"$where"
    # Of many queries that read each other the outermost and the innermost tell
    # most.
    set levels 0
    set root $message
    if {[dict exists $options -levels]} {
        set levels [dict get $options -levels]
        set root [dict get $options -root]
    }
    incr levels
    if {$levels > 4} {
        set message "([expr {$levels - 2}] queries between) $root"
    }
    if {$levels == 1} {
        set root "$title: $message"
    }
    return [list -code error -errorcode [list DEPLOYER QUERY $class $name \
        $word] -cause $cause -query $id -levels $levels -root $root \
        "$title: $message"]
}

# Where query NAME of CLASS was defined. The class may have died in the query.
proc ::deployer::QueryPlace {class name} {
    if {[IsService $class] && [set member [Member $class $name]] ne ""} {
        return [dict get $member place]
    }
    return {{} 0}
}

proc ::deployer::QueryTitle {class name path} {
    return "query \"$name\" of service $class at $path"
}

# Words for `return` where the body of query NAME of CLASS ended in an error.
proc ::deployer::QueryFail {class name message options} {
    set frame [QueryFrame]
    if {[dict exists $options -query]
            && [dict get $options -query] eq [lindex $frame 4]} {
        # That of Q itself.
        return [list -options [dict replace $options -level 1] $message]
    }
    return [QueryError $frame -expr $message $options]
}

# The same where it ended by `return`, which may be one of an error.
proc ::deployer::QueryReturn {class name message options} {
    if {[dict get $options -code] == 1} {
        return [QueryFail $class $name $message $options]
    }
    return [list -options $options $message]
}

# Tracing.

# The steps of query NAME of the object of namespace NS, in the order in which
# they ended, as a list of dicts: depth path class query word value file line;
# in place of value, error where one failed. {DEPLOYER ARGUMENT NAME}.
proc ::deployer::TraceQuery {ns name} {
    variable QueryCount
    variable Traces
    set member [Member [info object class [ObjectOf $ns]] $name]
    if {$member eq "" || [dict get $member kind] ne "query"} {
        Fail [list ARGUMENT $name] "[PathOf $ns] has no query\
            \"[Shorten $name 40]\""
    }
    set context [ContextGet]
    set chain {}
    if {[dict exists $context -query]} {
        set chain [dict get $context -query chain]
    }
    set id [incr QueryCount]
    dict set context -query \
        [dict create chain $chain trace $id depth [llength $chain]]
    set Traces($id) {}
    try {
        Await [Job [list ::deployer::TraceRun $ns $name $member $id] $context]
        return $Traces($id)
    } finally {
        unset -nocomplain Traces($id)
    }
}

proc ::deployer::TraceRun {ns name member id} {
    variable Traces
    set failed [catch {[ObjectOf $ns] $name} value options]
    if {$failed && [lrange [dict get $options -errorcode] 0 1]
            in {{DEPLOYER CANCELLED} {DEPLOYER ABORT}}} {
        return -options $options $value
    }
    if {$failed ? ![TraceFailed $id] : [dict exists $member body]} {
        lappend Traces($id) [TraceRow 0 [PathOf $ns] \
            [dict get $member owner] $name -expr \
            [expr {$failed ? "error" : "value"}] $value]
    }
    return
}

# Whether a step of the trace says why it ended.
proc ::deployer::TraceFailed id {
    variable Traces
    return [dict exists [lindex $Traces($id) end] error]
}

# A step of the query of FRAME ended: KIND is value or error.
proc ::deployer::QueryTrace {frame word kind value} {
    variable Traces
    set context [ContextGet]
    set id [dict get $context -query trace]
    if {$id eq "" || ![info exists Traces($id)]} {
        return
    }
    lassign $frame key class name
    set depth [expr {[llength [dict get $context -query chain]] - 1
        - [dict get $context -query depth]}]
    lappend Traces($id) [TraceRow $depth [lindex $key 1] $class $name $word \
        $kind $value]
}

proc ::deployer::TraceRow {depth path class name word kind value} {
    lassign [QueryPlace $class $name] file line
    return [dict create depth $depth path $path class $class query $name \
        word $word $kind $value file $file line $line]
}

# inspect.tcl -- what services and their instances are made of.
#
# Layer T2. A target is a class or an instance; inside, it is the list {CLASS
# INSTANCE}, INSTANCE being "" where the class itself is meant. Nothing that is
# listed here is made for it, so that a bad nested service hides no other; only
# walks and `child` make instances.

namespace eval ::deployer {
    # word -> {procedure usage}; each is called with the target and the rest.
    variable InspectWords {}
    apply {{} {
        upvar 1 InspectWords words
        foreach {word kinds} {
            children service actions {action alias} properties property
            getters getter queries query
        } {
            dict set words $word [list [list InspectList $kinds] \
                "?-public|-private|-all?" 0 1]
        }
        foreach {word proc usage least most} {
            child       InspectChild     NAME   1 1
            member      InspectMember    NAME   1 1
            place       InspectPlace     ?NAME? 0 1
            source      InspectSource    ?NAME? 0 1
            doc         InspectDoc       ?NAME? 0 1
            path        InspectPath      {}     0 0
            name        InspectName      {}     0 0
            group       InspectGroup     {}     0 0
            classes     InspectClasses   {}     0 0
            default     InspectDefault   {}     0 0
            roles       InspectRoles     {}     0 0
            map         InspectMap       {}     0 0
            isolate     InspectIsolate   {}     0 0
            hosts       InspectHosts     {}     0 0
            isolations  InspectIsolations {}    0 0
        } {
            dict set words $word [list $proc $usage $least $most]
        }
        set usage "?-filter EXPR? ?-prefer INDEX? ?-bad VARNAME?"
        dict set words walk [list InspectWalk $usage 0 6]
        append usage " ?--? ACTION ?arg ...?"
        dict set words call [list InspectCall $usage 1 Inf]
    }}

    namespace export inspect
}

# deployer::inspect WORD TARGET ?arg ...?. {DEPLOYER ARGUMENT word} where a word
# is wrong or TARGET is neither a service nor an instance of one.
proc ::deployer::inspect {word args} {
    variable InspectWords
    if {![dict exists $InspectWords $word]} {
        Fail [list ARGUMENT $word] "unknown word \"[Shorten $word 40]\": must\
            be [join [lsort [dict keys $InspectWords]] {, }]"
    }
    lassign [dict get $InspectWords $word] procedure usage least most
    set count [expr {[llength $args] - 1}]
    if {$count < $least || $count > $most} {
        WrongArgs [string trimright "deployer::inspect $word TARGET $usage"]
    }
    set rest [lassign $args name]
    set found [uplevel 1 [list ::namespace which -command $name]]
    if {[IsService $found] || $found eq "::deployer::Service"} {
        set target [list $found ""]
    } elseif {[IsInstance $found]} {
        set target [list [info object class $found] $found]
    } else {
        Fail [list ARGUMENT $name] "\"[Shorten $name 40]\" is neither a service\
            nor an instance of one"
    }
    tailcall {*}$procedure $target {*}$rest
}

# The members of CLASS, those that it inherits too, as name -> dict of what is
# known and owner, in the order in which they were defined. The nearest class
# decides what a name is.
proc ::deployer::Members class {
    set members {}
    foreach owner [Lineage $class] {
        namespace upvar [info object namespace $owner] Facts facts
        if {![info exists facts]} {
            continue
        }
        dict for {name entry} [dict get $facts members] {
            if {![dict exists $members $name]} {
                dict set members $name [dict replace $entry owner $owner]
            }
        }
    }
    set sorted {}
    foreach pair [lsort -integer -index 0 [lmap {name entry} $members {
        list [dict get $entry serial] $name
    }]] {
        set name [lindex $pair 1]
        dict set sorted $name [dict get $members $name]
    }
    return $sorted
}

# The entry of member NAME of TARGET, which must be there.
proc ::deployer::InspectEntry {target name} {
    set entry [Member [lindex $target 0] $name]
    if {$entry eq ""} {
        Fail [list ARGUMENT $name] "service [lindex $target 0] has no\
            \"[Shorten $name 40]\""
    }
    return $entry
}

# The words.

proc ::deployer::InspectList {kinds target {which -public}} {
    if {$which ni {-public -private -all}} {
        Fail [list ARGUMENT $which] "\"[Shorten $which 40]\" must be -public,\
            -private or -all"
    }
    set names {}
    dict for {name entry} [Members [lindex $target 0]] {
        set private [string match _* $name]
        if {[dict get $entry kind] in $kinds && ($which eq "-all"
                || $private == ($which eq "-private"))} {
            lappend names $name
        }
    }
    return $names
}

# The class of a nested service, or the nested instance.
proc ::deployer::InspectChild {target name} {
    set entry [InspectEntry $target $name]
    if {[dict get $entry kind] ne "service"} {
        Fail [list ARGUMENT $name] \
            "\"$name\" of service [lindex $target 0] is no nested service"
    }
    set instance [lindex $target 1]
    if {$instance ne ""} {
        return [$instance $name]
    }
    return [dict get $entry class]
}

# All that is known about a member but what stands in its source: a dict of
# kind, class (which defines it), file, line, doc; and for a service service
# (its class), for an alias action, for an action args, default, onceforall,
# oneonly, quiet, complete and aliases, for a property required, for a getter
# safe.
proc ::deployer::InspectMember {target name} {
    set entry [InspectEntry $target $name]
    lassign [dict get $entry place] file line
    set kind [dict get $entry kind]
    set member [dict create kind $kind class [dict get $entry owner] \
        file $file line $line doc [InspectDoc $target $name]]
    foreach {key known} {
        service class action target args formals default default
        onceforall onceforall oneonly oneonly quiet quiet complete complete
        aliases alias required required safe safe
    } {
        if {[dict exists $entry $known]} {
            dict set member $key [dict get $entry $known]
        }
    }
    return $member
}

proc ::deployer::InspectFacts target {
    if {[lindex $target 0] eq "::deployer::Service"} {
        return {place {{} 0} source {} name Service outer {} describe {}}
    }
    return [set [info object namespace [lindex $target 0]]::Facts]
}

# {FILE LINE}, "" and 0 where they are not known.
proc ::deployer::InspectPlace {target args} {
    if {[llength $args]} {
        set place [dict get [InspectEntry $target [lindex $args 0]] place]
    } else {
        set place [dict get [InspectFacts $target] place]
    }
    return [lrange $place 0 1]
}

# The words of a definition, as a command.
proc ::deployer::InspectSource {target args} {
    if {[llength $args]} {
        return [dict get [InspectEntry $target [lindex $args 0]] source]
    }
    return [join [dict get [InspectFacts $target] source] \n]
}

proc ::deployer::InspectDoc {target args} {
    if {![llength $args]} {
        return [dict get [Summary [lindex $target 0]] describe]
    }
    set entry [InspectEntry $target [lindex $args 0]]
    switch -- [dict get $entry kind] {
        alias {
            return [InspectDoc $target [dict get $entry target]]
        }
        service {
            return [dict get [Summary [dict get $entry class]] describe]
        }
    }
    if {[dict exists $entry doc]} {
        return [dict get $entry doc]
    }
    return ""
}

# Of a class, the way from the outermost class to it.
proc ::deployer::InspectPath target {
    lassign $target class instance
    if {$instance ne ""} {
        return [InstancePath $instance]
    }
    set path ""
    foreach class [InspectOuter $class] {
        set path /[SimpleName $class]$path
    }
    return [expr {$path eq "" ? "/" : $path}]
}

# CLASS and the classes around it, without the outermost one.
proc ::deployer::InspectOuter class {
    set classes {}
    while {[set outer [InspectAround $class]] ne ""} {
        lappend classes $class
        set class $outer
    }
    return $classes
}

# The class around CLASS, "" where there is none. One that was renamed is not
# found.
proc ::deployer::InspectAround class {
    set outer [dict get [InspectFacts [list $class]] outer]
    return [expr {[IsService $outer] ? $outer : ""}]
}

proc ::deployer::InspectName target {
    lassign $target class instance
    if {$instance ne ""} {
        return [$instance info name]
    }
    return [SimpleName $class]
}

proc ::deployer::InspectGroup target {
    lassign $target class instance
    if {$instance ne ""} {
        return [GroupOf [info object namespace $instance]]
    }
    while {$class ne ""} {
        if {[set group [dict get [Summary $class] group]] ne ""} {
            return $group
        }
        set class [InspectAround $class]
    }
    return other
}

# In the order in which methods are looked for.
proc ::deployer::InspectClasses target {
    return [lsearch -all -inline -exact -not [Lineage [lindex $target 0]] \
        ::deployer::Service]
}

# The name of the default action, "" without one.
proc ::deployer::InspectDefault target {
    return [dict get [Summary [lindex $target 0]] default]
}

# Those that it declares.
proc ::deployer::InspectRoles target {
    return [dict get [Summary [lindex $target 0]] roles]
}

proc ::deployer::InspectMap target {
    lassign [dict get [Summary [lindex $target 0]] source] kind dict
    return [expr {$kind eq "map" ? $dict : ""}]
}

# The role, "" where it does not isolate, and whether it says -justone.
proc ::deployer::InspectIsolate target {
    set summary [Summary [lindex $target 0]]
    return [list [dict get $summary isolate] [dict get $summary justone]]
}

# Role -> host objects; of a class, role -> names as they stand in its `hosts`.
proc ::deployer::InspectHosts target {
    lassign $target class instance
    if {$instance ne ""} {
        return [$instance hosts dict]
    }
    lassign [dict get [Summary $class] source] kind dict
    return [expr {$kind eq "hosts" ? $dict : ""}]
}

proc ::deployer::InspectIsolations target {
    lassign $target class instance
    if {$instance eq ""} {
        Fail {ARGUMENT isolations} "isolations are those of an instance, and\
            $class is a class"
    }
    return [$instance info isolations]
}

# Walks.

# The targets that a walk finds, as commands.
proc ::deployer::InspectWalk {target args} {
    lassign [WalkOptions args] filter prefer bad
    if {[llength $args]} {
        Fail [list ARGUMENT [lindex $args 0]] "unexpected word\
            \"[Shorten [lindex $args 0] 40]\": must be -filter, -prefer or -bad"
    }
    CheckFilter $filter
    set failures {}
    set found [Walk $target $filter $prefer failures]
    if {[llength $bad]} {
        upvar 1 [lindex $bad 0] variable
        set variable $failures
    }
    return $found
}

# Calls an action of all that a walk finds, one after another, and returns path
# -> result. A failure does not stop the others; those, and the nested services
# that cannot be made, end in {DEPLOYER CELLS FAILED nfailed ntried} with
# -results and -failures (path -> dict) as that of an array.
# {DEPLOYER ARGUMENT action} where one found has no such action.
proc ::deployer::InspectCall {target args} {
    lassign $target class instance
    if {$instance eq ""} {
        Fail {ARGUMENT call} "actions run in an instance, and $class is a class"
    }
    lassign [WalkOptions args] filter prefer bad
    if {![llength $args]} {
        WrongArgs "deployer::inspect call TARGET\
            [lindex [dict get $::deployer::InspectWords call] 1]"
    }
    CheckFilter $filter
    set words [lassign $args action]
    set failures {}
    set found [Walk $target $filter $prefer failures]
    foreach each $found {
        set entry [Member [info object class $each] $action]
        if {$entry eq "" || [dict get $entry kind] eq "service"} {
            Fail [list ARGUMENT $action] "[InstancePath $each] has no action\
                \"[Shorten $action 40]\": nothing was called (a filter\
                \"{has-action [Shorten $action 40]}\" finds those that have it)"
        }
    }
    if {[llength $bad]} {
        upvar 1 [lindex $bad 0] variable
        set variable $failures
        set failures {}
    }
    set results {}
    foreach each $found {
        set path [InstancePath $each]
        if {![catch {$each $action {*}$words} value options]} {
            dict set results $path $value
            continue
        }
        if {[lrange [dict get $options -errorcode] 0 1]
                in {{DEPLOYER CANCELLED} {DEPLOYER ABORT}}} {
            return -options $options $value
        }
        dict set failures $path [WalkFailure $value $options]
    }
    if {![dict size $failures]} {
        return $results
    }
    set failed [dict size $failures]
    set tried [expr {$failed + [dict size $results]}]
    set path [lindex $failures 0]
    Fail [list CELLS FAILED $failed $tried] "$failed of $tried services failed:\
        $path: [Shorten [dict get $failures $path message] 300]" \
        -results $results -failures $failures -skipped {}
}

proc ::deployer::WalkFailure {message options} {
    return [dict create message $message \
        errorcode [dict get $options -errorcode] \
        errorinfo [dict get $options -errorinfo] options $options]
}

# Takes the options off the words in ARGSVAR: {filter prefer bad}, prefer and
# bad being lists of one element where they are given.
proc ::deployer::WalkOptions argsVar {
    upvar 1 $argsVar words
    set found [dict create -filter {} -prefer {} -bad {}]
    while {[string match -* [lindex $words 0]]} {
        set option [lindex $words 0]
        if {$option eq "--"} {
            set words [lrange $words 1 end]
            break
        }
        if {![dict exists $found $option]} {
            Fail [list ARGUMENT $option] "unknown option\
                \"[Shorten $option 40]\": must be -filter, -prefer or -bad"
        }
        if {[llength $words] < 2} {
            Fail [list ARGUMENT $option] "value for \"$option\" missing"
        }
        dict set found $option [list [lindex $words 1]]
        set words [lrange $words 2 end]
    }
    # Names of classes in a filter are seen from where the caller stands.
    set space [uplevel 2 {::namespace current}]
    set filter [lindex [dict get $found -filter] 0]
    return [list [list $filter $space] [dict get $found -prefer] \
        [dict get $found -bad]]
}

# Breadth first, TARGET itself included, arrays as one. What cannot be made goes
# to the dict in BADVAR, path -> dict. Instances that were made here and lead to
# nothing are gone afterwards.
proc ::deployer::Walk {target filter prefer badVar} {
    upvar 1 $badVar bad
    set found {}
    set made {}
    set wanted {}
    # Each is {target public classes}, classes being those on the way to it: a
    # class that is nested in itself has no end.
    set queue [list [list $target 1 {} {}]]
    for {set i 0} {$i < [llength $queue]} {incr i} {
        lassign [lindex $queue $i] target public classes above
        lassign $target class instance
        set here [expr {$instance eq "" ? $class : $instance}]
        if {[FilterHolds [lindex $filter 0] [lindex $filter 1] $target \
                $public]} {
            set taken [WalkPrefer $target $prefer]
            # A class may stand in several places.
            if {$taken ne "" && ($instance ne "" || $taken ni $found)} {
                lappend found $taken
                lappend wanted $here {*}$above
            }
        }
        lappend classes $class
        dict for {name entry} [Members $class] {
            if {[dict get $entry kind] ne "service"
                    || [dict get $entry class] in $classes} {
                continue
            }
            set nested ""
            if {$instance ne ""} {
                set kid [info object namespace $instance]::kids::$name
                set new [expr {[namespace which -command $kid] eq ""}]
                if {[catch {$instance $name} nested options]} {
                    set path [string trimright [InstancePath $instance] /]/$name
                    dict set bad $path [WalkFailure $nested $options]
                    continue
                }
                if {$new} {
                    lappend made $nested
                }
            }
            lappend queue [list [list [dict get $entry class] $nested] \
                [expr {$public && ![string match _* $name]}] $classes \
                [concat $above [list $here]]]
        }
    }
    foreach instance [lreverse $made] {
        if {$instance ni $wanted && $instance ni $found
                && [info object isa object $instance]} {
            $instance destroy
        }
    }
    return $found
}

# TARGET as a command; where it is an array and an index is preferred, that cell
# of it, or "".
proc ::deployer::WalkPrefer {target prefer} {
    lassign $target class instance
    if {$instance eq ""} {
        return $class
    }
    if {![llength $prefer] || ![$instance info array]} {
        return $instance
    }
    if {[catch {$instance at [lindex $prefer 0]} cell options]} {
        if {[lrange [dict get $options -errorcode] 0 2]
                ne {DEPLOYER ISOLATE INDEX}} {
            return -options $options $cell
        }
        return ""
    }
    return $cell
}

# Filters. A filter is a list: {} or public, private, {is-a CLASS}, {has-action
# NAME}, {in-group GROUP}, {and F ...}, {or F ...}, {not F}.

# {DEPLOYER ARGUMENT word} unless FILTER, a list of it and the namespace in
# which its names are seen, is sound.
proc ::deployer::CheckFilter filter {
    variable Groups
    lassign $filter filter space
    if {$filter eq ""} {
        return
    }
    if {[catch {llength $filter} count]} {
        Fail [list ARGUMENT $filter] \
            "filter \"[Shorten $filter 40]\" is no list"
    }
    set rest [lassign $filter word]
    switch -- $word {
        public - private {
            set right [expr {$count == 1}]
        }
        is-a - has-action - in-group - not {
            set right [expr {$count == 2}]
        }
        and - or {
            set right 1
        }
        default {
            Fail [list ARGUMENT $word] "unknown filter \"[Shorten $word 40]\":\
                must be public, private, is-a, has-action, in-group, and, or,\
                not"
        }
    }
    if {!$right} {
        Fail [list ARGUMENT $word] \
            "filter \"[Shorten $filter 40]\" has the wrong number of words"
    }
    switch -- $word {
        is-a {
            if {[FilterClass [lindex $rest 0] $space] eq ""} {
                Fail [list ARGUMENT [lindex $rest 0]] \
                    "\"[Shorten [lindex $rest 0] 40]\" is no class"
            }
        }
        in-group {
            if {[lindex $rest 0] ni $Groups} {
                Fail [list ARGUMENT [lindex $rest 0]] \
                    "\"[Shorten [lindex $rest 0] 40]\" is no group: must be\
                    [join $Groups {, }]"
            }
        }
        and - or - not {
            foreach each $rest {
                if {$each eq ""} {
                    Fail {ARGUMENT {}} "filter \"[Shorten $filter 40]\" has an\
                        empty filter in it"
                }
                CheckFilter [list $each $space]
            }
        }
    }
}

proc ::deployer::FilterClass {name space} {
    set found [namespace eval $space [list ::namespace which -command $name]]
    if {$found ne "" && [info object isa object $found]
            && [info object isa class $found]} {
        return $found
    }
    return ""
}

proc ::deployer::FilterHolds {filter space target public} {
    if {$filter eq ""} {
        return 1
    }
    set rest [lassign $filter word]
    switch -- $word {
        public {
            return $public
        }
        private {
            return [expr {!$public}]
        }
        is-a {
            set class [FilterClass [lindex $rest 0] $space]
            return [expr {$class in [Lineage [lindex $target 0]]}]
        }
        has-action {
            set entry [Member [lindex $target 0] [lindex $rest 0]]
            return [expr {$entry ne ""
                && [dict get $entry kind] in {action alias}}]
        }
        in-group {
            return [expr {[InspectGroup $target] eq [lindex $rest 0]}]
        }
        not {
            return [expr {![FilterHolds [lindex $rest 0] $space $target \
                $public]}]
        }
    }
    # The first that decides ends an `and` or an `or`.
    set decides [expr {$word eq "or"}]
    foreach each $rest {
        if {[FilterHolds $each $space $target $public] == $decides} {
            return $decides
        }
    }
    return [expr {!$decides}]
}

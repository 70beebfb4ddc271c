# shellinspect.tcl -- the shell tells what a service is made of.
#
# Layer T3. Nothing runs on hosts for that: constants are taken from their
# definitions, and only queries that read nothing else are read. What somebody
# asks for by name is read: a query, and a getter that is -safe.

namespace eval ::deployer::shell {
    # Hosts of a role that are listed with their addresses.
    variable InspectHosts 20
}

# --inspect: what stands at PLACE, or its member NAME.
proc ::deployer::shell::Inspect {shell place {name {}}} {
    Page $shell [InspectShown $shell $place $name]
}

proc ::deployer::shell::InspectShown {shell place name} {
    set spot [SpotOf $place]
    if {$name eq ""} {
        return [InspectAll $shell $place $spot]
    }
    return [InspectOne $shell $place $spot $name]
}

# All about the service of SPOT.
proc ::deployer::shell::InspectAll {shell place spot} {
    set class [dict get $spot class]
    set summary [Summary $class]
    set group [SpotGroup $spot]
    set text "[Paint [join [list 1 {*}[GroupColor $group]] \;] \
        [core::text show [PlacePath $place]]]\n"
    append text [InspectText $shell [dict get $summary describe]]
    set trouble ""
    if {[catch {PlaceTarget $place} target]} {
        set trouble $target
        set target ""
    }
    set rows [list [list group $group]]
    set key class
    foreach each [InspectClasses [list $class ""]] {
        lappend rows [list $key [InspectPlaced $each {*}[ClassPlace $each]]]
        set key ""
    }
    lappend rows {*}[InspectCells $spot $target]
    if {[dict get $summary default] ne ""} {
        lappend rows [list default [dict get $summary default]]
    }
    lassign [dict get $summary source] kind map
    if {$kind eq "map"} {
        lappend rows [list map $map]
    }
    append text [InspectRows $shell $rows]
    if {$trouble ne ""} {
        append text [InspectText $shell $trouble 31]
    }
    append text [InspectRoles $shell $summary $target]
    append text [InspectServices $shell $spot $group]
    foreach {title kinds} {
        Actions action Properties property Getters getter Queries query
    } {
        append text [InspectMembers $shell $spot $target $title $kinds]
    }
    return $text
}

# File and line of CLASS; of one that is no service they are not known.
proc ::deployer::shell::ClassPlace class {
    if {[IsService $class]} {
        return [lrange [dict get [InspectFacts [list $class ""]] place] 0 1]
    }
    return {{} 0}
}

proc ::deployer::shell::InspectPlaced {name file line} {
    if {$file eq ""} {
        return $name
    }
    return "$name  [InspectFile $file]:$line"
}

# A path as short as it can be told here.
proc ::deployer::shell::InspectFile file {
    set here [pwd]/
    if {[string match $here?* $file]} {
        return [string range $file [string length $here] end]
    }
    return $file
}

proc ::deployer::shell::InspectCells {spot target} {
    set class [dict get $spot class]
    lassign [InspectIsolate [list $class ""]] role one
    set rows {}
    if {$role ne ""} {
        lappend rows [list isolates [expr {$one
            ? "for the one host of the role $role"
            : "one cell for each host of the role $role"}]]
    }
    if {[llength [dict get $spot given]]} {
        lappend rows [list cell [join [dict get $spot given] :]]
    }
    if {[SpotIsArray $spot]} {
        if {[catch {SpotIndexes $spot} indexes]} {
            set indexes {}
        }
        lappend rows [list cells [expr {[llength $indexes]
            ? "[llength $indexes]: [core::text show \
                [nodeset fold $indexes]]" : "none: it has no hosts"}]]
    }
    return $rows
}

proc ::deployer::shell::InspectRoles {shell summary target} {
    variable InspectHosts
    set dict {}
    if {$target ne ""} {
        set dict [$target hosts dict]
    }
    foreach role [dict get $summary roles] {
        if {![dict exists $dict $role]} {
            dict set dict $role {}
        }
    }
    set rows {}
    dict for {role hosts} $dict {
        if {![llength $hosts]} {
            set value "no hosts"
        } elseif {[llength $hosts] > $InspectHosts} {
            set value "[llength $hosts]:\
                [nodeset fold [lmap host $hosts {SlugOf $host}]]"
        } else {
            set value [join [lmap host $hosts {InspectHost $host}] {, }]
        }
        lappend rows [list $role $value]
    }
    return [InspectBlock $shell Roles $rows]
}

proc ::deployer::shell::InspectHost host {
    set slug [SlugOf $host]
    if {[catch {$host cget -address} address] || $address eq ""} {
        return $slug
    }
    return "$slug ($address)"
}

# The nested services, those of a group of their own behind a title of it.
proc ::deployer::shell::InspectServices {shell spot group} {
    set groups {}
    dict for {name entry} [Members [dict get $spot class]] {
        if {[dict get $entry kind] ne "service"} {
            continue
        }
        set own [dict get [Summary [dict get $entry class]] group]
        if {$own eq ""} {
            set own $group
        }
        dict lappend groups $own \
            [list $name [CompleteAbout $spot $name $entry]]
    }
    set text ""
    dict for {own rows} $groups {
        set title Services
        if {$own ne $group || [dict size $groups] > 1} {
            append title " ($own)"
        }
        append text [InspectBlock $shell $title $rows [GroupColor $own]]
    }
    return $text
}

# The members of KIND under TITLE, private ones last.
proc ::deployer::shell::InspectMembers {shell spot target title kind} {
    set color [GroupColor [SpotGroup $spot]]
    set rows {}
    foreach which {-public -private} {
        foreach name [SpotNames $spot $kind $which] {
            set entry [Member [dict get $spot class] $name]
            set label $name
            switch -- $kind {
                action {
                    set label [Usage $name $entry]
                    set value [InspectAction $spot $name $entry]
                }
                property {
                    set value [InspectConstant $entry]
                }
                getter {
                    set value [expr {[dict get $entry safe]
                        ? "read when asked for, in a sandbox too"
                        : "read when asked for"}]
                }
                query {
                    set value [InspectQuery $spot $target $name $entry]
                }
            }
            lappend rows [list $label $value]
        }
    }
    return [InspectBlock $shell $title $rows $color]
}

# What an action says of itself, and what is special about it.
proc ::deployer::shell::InspectAction {spot name entry} {
    set notes {}
    if {[dict get [Summary [dict get $spot class]] default] eq $name} {
        lappend notes "default"
    }
    foreach {key note} {
        onceforall "once for all cells" oneonly "in one cell"
        quiet "result not shown"
    } {
        if {[dict get $entry $key]} {
            lappend notes $note
        }
    }
    if {[llength [dict get $entry alias]]} {
        lappend notes "also [join [dict get $entry alias] {, }]"
    }
    set text [InspectDoc [list [dict get $spot class] ""] $name]
    if {[llength $notes]} {
        append text "[expr {$text eq "" ? "" : " "}](" [join $notes {; }] )
    }
    return $text
}

proc ::deployer::shell::InspectConstant entry {
    if {[dict get $entry required]} {
        return "(no value yet: a derived service must give one)"
    }
    set value [PropertyValue $entry]
    if {$value eq ""} {
        return "(empty)"
    }
    if {[string length $value] > 400} {
        set value "[string range $value 0 398]..."
    }
    return $value
}

# How a query is defined and, where it reads constants alone, what it gives.
proc ::deployer::shell::InspectQuery {spot target name entry} {
    set text [expr {[dict exists $entry body]
        ? "-expr" : "{[dict get $entry path]}"}]
    if {$target eq "" || [SpotIsArray $spot]
            || ![QueryIsPlain $spot $name {}]} {
        return $text
    }
    lassign [InspectRead $target $name] failed value
    if {$failed} {
        return "$text failed: $value"
    }
    return "$text = [Shorten $value 200]"
}

# {FAILED VALUE} of a member that is read; nobody is asked.
proc ::deployer::shell::InspectRead {target name} {
    set before [ContextGet]
    ContextSet [dict replace $before -hidden 1]
    try {
        return [list 0 [$target $name]]
    } on error {message options} {
        if {[lrange [dict get $options -errorcode] 0 1]
                in {{DEPLOYER CANCELLED} {DEPLOYER ABORT}}} {
            return -options [dict incr options -level] $message
        }
        return [list 1 $message]
    } finally {
        ContextSet $before
    }
}

# Whether query NAME at SPOT reads constants alone, as far as its words tell.
# SEEN are the queries on the way to it.
proc ::deployer::shell::QueryIsPlain {spot name seen} {
    set entry [Member [dict get $spot class] $name]
    if {[dict exists $entry body] || [list $spot $name] in $seen} {
        return 0
    }
    lappend seen [list $spot $name]
    set words [dict get $entry path]
    foreach word $words {
        set words [lrange $words 1 end]
        if {$word eq "parent"} {
            set spot [SpotUp $spot]
            if {$spot eq ""} {
                return 0
            }
            continue
        }
        if {[llength $word] == 2 && [lindex $word 0] eq "parent"} {
            set spot [SpotUpTo $spot [lindex $word 1]]
            if {$spot eq ""} {
                return 0
            }
            continue
        }
        if {[SpotIsArray $spot] || [llength $word] != 1} {
            return 0
        }
        set entry [Member [dict get $spot class] $word]
        if {$entry eq ""} {
            return 0
        }
        switch -- [dict get $entry kind] {
            service {
                set spot [SpotBelow $spot $word [dict get $entry class]]
            }
            property {
                return 1
            }
            query {
                return [expr {![llength $words]
                    && [QueryIsPlain $spot $word $seen]}]
            }
            default {
                return 0
            }
        }
    }
    return 1
}

# The spot of the parent, "" where that is above the root of the place. A cell
# has the parent's cell.
proc ::deployer::shell::SpotUp spot {
    set names [dict get $spot names]
    if {![llength $names]} {
        return ""
    }
    set place [SpotPlace $spot]
    set steps [dict get $place steps]
    while {[string match :* [lindex $steps end]]} {
        set steps [lrange $steps 0 end-1]
    }
    return [SpotOf [dict replace $place steps [lrange $steps 0 end-1]]]
}

proc ::deployer::shell::SpotUpTo {spot name} {
    while {[set spot [SpotUp $spot]] ne ""} {
        foreach class [Lineage [dict get $spot class]] {
            if {[SimpleName $class] eq $name} {
                return $spot
            }
        }
    }
    return ""
}

# All about the member NAME.
proc ::deployer::shell::InspectOne {shell place spot name} {
    set class [dict get $spot class]
    set entry [Member $class $name]
    if {$entry eq ""} {
        Fail [list ARGUMENT $name] "there is no \"[Shorten $name 40]\" in\
            [PlacePath $place]"
    }
    set color [GroupColor [SpotGroup $spot]]
    set path [string trimright [PlacePath $place] /]/$name
    set text "[Paint [join [list 1 {*}$color] \;] [core::text show $path]]\n"
    append text [InspectText $shell [InspectDoc [list $class ""] $name]]
    set rows [list [list kind [dict get $entry kind]]]
    set key defined
    foreach owner [Lineage $class] {
        if {![IsService $owner]} {
            continue
        }
        set members [dict get [InspectFacts [list $owner ""]] members]
        if {[dict exists $members $name]} {
            lappend rows [list $key [InspectPlaced $owner \
                {*}[lrange [dict get $members $name place] 0 1]]]
            set key overrides
        }
    }
    switch -- [dict get $entry kind] {
        alias {
            lappend rows [list "stands for" [dict get $entry target]]
        }
        action {
            lappend rows [list usage [Usage $name $entry]]
            foreach formal [dict get $entry formals] {
                if {[llength $formal] > 1} {
                    lappend rows [list "[string toupper [lindex $formal 0]]" \
                        "[list [lindex $formal 1]] by default"]
                }
            }
            if {[dict get $entry complete] ne ""} {
                lappend rows [list "completed by" [dict get $entry complete]]
            }
            foreach {key note} {
                default "runs where the service is called without a word"
                onceforall "runs once, and not in each cell"
                oneonly "runs in one cell, which is asked for"
                quiet "the shell does not show its result"
            } {
                if {[dict get $entry $key]} {
                    lappend rows [list $key $note]
                }
            }
            if {[llength [dict get $entry alias]]} {
                lappend rows [list aliases [join [dict get $entry alias] {, }]]
            }
        }
        property {
            lappend rows [list value [expr {[dict get $entry required]
                ? [InspectConstant $entry] : [PropertyValue $entry]}]]
        }
        getter {
            if {[dict get $entry safe] && ![SpotIsArray $spot]} {
                lappend rows [InspectValue $place $name]
            } else {
                lappend rows [list value "read when asked for:\
                    \"$name\" reads it"]
            }
        }
        query {
            lappend rows [list query [expr {[dict exists $entry body]
                ? [Dedent "-expr {[dict get $entry body]}"]
                : "{[dict get $entry path]}"}]]
            if {[SpotIsArray $spot]} {
                lappend rows [list value "one in each cell: choose one, as\
                    :INDEX, to see how it is found"]
            } else {
                set trace [InspectTrace $place $name]
                lappend rows [lindex $trace 0]
            }
        }
        service {
            lappend rows [list class [InspectPlaced [dict get $entry class] \
                {*}[ClassPlace [dict get $entry class]]]]
        }
    }
    append text [InspectRows $shell $rows]
    if {[dict get $entry kind] eq "query" && ![SpotIsArray $spot]} {
        append text [InspectBlock $shell Steps [lrange $trace 1 end]]
    }
    return $text
}

proc ::deployer::shell::InspectValue {place name} {
    lassign [InspectRead [PlaceTarget $place] $name] failed value
    return [list [expr {$failed ? "failed" : "value"}] $value]
}

# The value of a query and the steps that led to it, as rows; the first one is
# what came of it.
proc ::deployer::shell::InspectTrace {place name} {
    set target [PlaceTarget $place]
    set before [ContextGet]
    ContextSet [dict replace $before -hidden 1]
    try {
        set steps [$target info trace $name]
    } finally {
        ContextSet $before
    }
    set last [lindex $steps end]
    set rows [list [expr {[dict exists $last error]
        ? [list failed [dict get $last error]]
        : [list value [InspectGiven [dict get $last value]]]}]]
    foreach step $steps {
        set found [expr {[dict exists $step value]
            ? "= [Shorten [InspectGiven [dict get $step value]] 200]"
            : "failed: [Shorten [dict get $step error] 200]"}]
        set at [InspectPlaced [dict get $step query] [dict get $step file] \
            [dict get $step line]]
        lappend rows [list "[string repeat {  } [dict get $step depth]][
            dict get $step word]" "$found  ([dict get $step path] $at)"]
    }
    return $rows
}

# An instance is told by its path.
proc ::deployer::shell::InspectGiven value {
    if {[IsInstance $value]} {
        return [InstancePath $value]
    }
    return $value
}

# Layout.

# TEXT below the title, as paragraphs.
proc ::deployer::shell::InspectText {shell text {color {}}} {
    set text [string trim $text]
    if {$text eq ""} {
        return ""
    }
    set width [InspectWidth $shell]
    set lines {}
    foreach line [InspectFold $text [expr {$width ? $width - 2 : 0}]] {
        lappend lines "  [Paint $color $line]"
    }
    return [join $lines \n]\n
}

# Rows of {LABEL VALUE} under a title; nothing where there are none.
proc ::deployer::shell::InspectBlock {shell title rows {color {}}} {
    if {![llength $rows]} {
        return ""
    }
    return "\n[Paint 1 $title]\n[InspectRows $shell $rows $color]"
}

# Labels in a column, values beside them; a label that is too long has a line of
# its own.
proc ::deployer::shell::InspectRows {shell rows {color {}}} {
    set width [InspectWidth $shell]
    set most [expr {$width ? max(8, $width / 3) : 30}]
    set column 0
    foreach row $rows {
        set long [core::text width [core::text show [lindex $row 0]]]
        if {$long <= $most} {
            set column [expr {max($column, $long)}]
        }
    }
    set lines {}
    foreach row $rows {
        lassign $row label value
        set label [core::text show $label]
        set values [InspectFold $value \
            [expr {$width ? max(10, $width - $column - 4) : 0}]]
        set line "  [Paint $color $label]"
        set room [expr {$column - [core::text width $label]}]
        if {[llength $values] && $room < 0} {
            lappend lines $line
            set line "  [string repeat { } $column]"
            set room 0
        }
        if {[llength $values]} {
            append line [string repeat { } $room] "  " [lindex $values 0]
        }
        lappend lines $line
        foreach more [lrange $values 1 end] {
            lappend lines "  [string repeat { } $column]  $more"
        }
    }
    return [join $lines \n]\n
}

# Columns that lines may take, at most as many as are pleasant to read; 0 where
# there is no end.
proc ::deployer::shell::InspectWidth shell {
    set columns [Columns $shell]
    return [expr {$columns ? min(100, $columns - 1) : 0}]
}

# The lines of TEXT, none wider than WIDTH (0: no end), broken at spaces where
# there are some; as they are shown.
proc ::deployer::shell::InspectFold {text width} {
    set lines {}
    foreach line [split [core::text show -lines $text] \n] {
        set line [string trimright $line]
        if {!$width || [core::text width $line] <= $width} {
            lappend lines $line
            continue
        }
        regexp {^ *} $line indent
        set now ""
        foreach word [split [string trimleft $line] " "] {
            set next [expr {$now eq "" ? "$indent$word" : "$now $word"}]
            if {[core::text width $next] <= $width} {
                set now $next
                continue
            }
            if {[string trim $now] ne ""} {
                lappend lines $now
            }
            set now $indent$word
            while {[core::text width $now] > $width} {
                set part [core::text fit $now $width ""]
                if {$part eq ""} {
                    break
                }
                lappend lines $part
                set now [string range $now [string length $part] end]
            }
        }
        lappend lines $now
    }
    return [expr {$lines eq {{}} ? {} : $lines}]
}

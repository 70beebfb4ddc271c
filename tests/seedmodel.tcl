# seedmodel.tcl -- random trees of services, and a slow, obvious model of what
# they must be.
#
#     seedmodel::check SPEC     "" or what is wrong with the tree SPEC
#     seedmodel::random SEED    a tree
#     seedmodel::script SPEC    its definition, as a user would type it
#
# A SPEC is a dict: hosts (how many), given (-hosts of the root), parallel,
# bases (name -> DEF, each may derive from those before it), root (DEF). A DEF
# is a dict of what a service says: super (a base), roles, map, hosts, isolate
# (a role), justone, kids (name -> DEF), reach (kid -> hosts).

package require deployer

namespace eval ::seedmodel {
    variable State 1
    variable Roles {host r0 r1 r2}
    variable Space ::seedmodel::space
}

# The generator.

proc ::seedmodel::Dice n {
    variable State
    set State [expr {($State * 25214903917 + 11) & 0xffffffffffff}]
    return [expr {($State >> 17) % $n}]
}

proc ::seedmodel::Chance percent {
    return [expr {[Dice 100] < $percent}]
}

proc ::seedmodel::Pick list {
    return [lindex $list [Dice [llength $list]]]
}

# Up to N different elements of LIST, in a random order.
proc ::seedmodel::Some {list n} {
    set result {}
    for {set i [Dice [expr {$n + 1}]]} {$i > 0 && [llength $list]} {incr i -1} {
        set at [Dice [llength $list]]
        lappend result [lindex $list $at]
        set list [lreplace $list $at $at]
    }
    return $result
}

proc ::seedmodel::Names n {
    set names {}
    for {set i 0} {$i < $n} {incr i} {
        lappend names h$i
    }
    return $names
}

proc ::seedmodel::random seed {
    variable State
    variable Roles
    set State [expr {($seed ^ 0x5deece66d) & 0xffffffffffff}]
    Dice 2
    set count [expr {1 + [Dice 6]}]
    set names [Names $count]
    set given {}
    foreach role $Roles {
        if {[Chance 88]} {
            dict set given $role [Some $names 4]
        }
    }
    set bases {}
    foreach base {Base0 Base1 Base2} {
        if {[Chance 50]} {
            set def [RandomDef $names [expr {1 + [Dice 2]}] b \
                [dict keys $bases] $bases $Roles 0]
            dict set bases $base $def
        }
    }
    set root [RandomDef $names 4 k [dict keys $bases] $bases \
        [dict keys $given] 0]
    # What a root makes of a map is nothing: most have none.
    if {[Chance 80]} {
        dict unset root map
    }
    if {[Chance 70]} {
        dict unset root isolate
    }
    return [dict create hosts $count given $given \
        parallel [Pick {1 2 3 32}] bases $bases root $root]
}

# A DEF of so many levels. AVAILABLE: the roles that its parent probably has.
proc ::seedmodel::RandomDef {names depth letter supers bases available nested} {
    variable Roles
    set def {}
    if {[llength $supers] && [Chance 30]} {
        dict set def super [Pick $supers]
        set flat [Flat $bases $def]
    } else {
        set flat [Flat $bases {}]
    }
    if {[Chance 30]} {
        dict set def roles [Some $Roles 4]
        if {![llength [dict get $def roles]]} {
            dict unset def roles
        }
    }
    if {[Chance 45]} {
        dict set def isolate [expr {[Chance 93] && [llength $available]
            ? [Pick $available] : [Pick $Roles]}]
        if {$nested && [Chance 25]} {
            dict set def justone 1
        }
    }
    if {[Chance 20]} {
        dict set def hosts {}
        foreach role [Some $Roles 3] {
            dict set def hosts $role [Some $names 3]
        }
        set available [dict keys [dict get $def hosts]]
    }
    if {$nested && [Chance 35]} {
        # Only roles that are declared, or the isolated one.
        set flat [Flat $bases $def]
        set keys [dict get $flat roles]
        if {[dict get $flat isolate] ni [concat {{}} $keys]} {
            lappend keys [dict get $flat isolate]
        }
        dict set def map {}
        foreach role $keys {
            if {[Chance 85]} {
                dict set def map $role [Some \
                    [concat $Roles * zz $available [lrange $names 0 1]] 2]
            }
        }
        if {![dict exists $def hosts]} {
            set available [dict keys [dict get $def map]]
        }
    }
    if {$depth > 1} {
        set kids [expr {[Chance 10] ? 0 : 1 + [Dice 3]}]
        for {set i 0} {$i < $kids} {incr i} {
            dict set def kids $letter$i [RandomDef $names \
                [expr {$depth - 1}] $letter $supers $bases $available 1]
        }
    }
    set inherited [dict keys [dict get [Flat $bases $def] kids] b*]
    if {[dict exists $def super] && [llength $inherited] && [Chance 40]} {
        dict set def reach [Pick $inherited] \
            [dict create [Pick $Roles] [Some $names 2]]
    }
    return $def
}

# DEF with all that it inherits: source ({}, {hosts DICT} or {map DICT}), roles,
# isolate, justone, kids.
proc ::seedmodel::Flat {bases def} {
    set flat {source {} roles host isolate {} justone 0 kids {}}
    if {[dict exists $def super]} {
        set flat [Flat $bases [dict get $bases [dict get $def super]]]
    } elseif {[dict exists $def under]} {
        set flat [Flat $bases [dict get $def under]]
    }
    foreach key {map hosts} {
        if {[dict exists $def $key]} {
            dict set flat source [list $key [dict get $def $key]]
        }
    }
    foreach key {roles isolate justone} {
        if {[dict exists $def $key]} {
            dict set flat $key [dict get $def $key]
        }
    }
    if {[dict exists $def kids]} {
        dict for {name kid} [dict get $def kids] {
            dict set flat kids $name $kid
        }
    }
    if {[dict exists $def reach]} {
        dict for {name hosts} [dict get $def reach] {
            dict set flat kids $name [dict create \
                under [dict get $flat kids $name] hosts $hosts]
        }
    }
    return $flat
}

# The definition in Tcl.

proc ::seedmodel::script spec {
    set lines {}
    foreach name [Names [dict get $spec hosts]] {
        lappend lines "deployer::localhost create $name"
    }
    lappend lines {deployer::service create Common {
    property tag here
    action probe {} {
        set roles [dict map {role hosts} [my hosts dict] {
            lmap host $hosts {$host cget -slug}
        }]
        if {[catch {my host slugs} host options]} {
            set host [lrange [dict get $options -errorcode] 0 2]
        }
        list [my info isolated] $roles [my hosts slugs] $host
    }
    action whole -onceforall {} { my hosts slugs }
    action down kid { my $kid probe }
    getter seen { my hosts slugs }
    query up {parent seen}
}}
    dict for {name def} [dict get $spec bases] {
        lappend lines "deployer::service create $name \{[Body $def 0]\n\}"
    }
    lappend lines "deployer::service create Root \{[
        Body [dict get $spec root] 0]\n\}"
    lappend lines [list Root create root -hosts [dict get $spec given] \
        -parallel [dict get $spec parallel]]
    return [join $lines \n]
}

# The body of DEF; NESTED: map and isolation stand in front of it.
proc ::seedmodel::Body {def nested} {
    set lines {}
    if {!$nested} {
        lappend lines "superclass [expr {[dict exists $def super]
            ? [dict get $def super] : "Common"}]"
    }
    if {[dict exists $def roles]} {
        lappend lines "roles [dict get $def roles]"
    }
    if {!$nested && [dict exists $def isolate]} {
        lappend lines "isolate [dict get $def isolate]"
    }
    if {!$nested && [dict exists $def map]} {
        lappend lines [list map [dict get $def map]]
    }
    if {[dict exists $def hosts]} {
        lappend lines [list hosts [dict get $def hosts]]
    }
    if {[dict exists $def kids]} {
        dict for {name kid} [dict get $def kids] {
            set words [list service $name [expr {[dict exists $kid super]
                ? [dict get $kid super] : "Common"}]]
            if {[dict exists $kid map]} {
                lappend words -map [dict get $kid map]
            }
            if {[dict exists $kid isolate]} {
                lappend words -isolate [dict get $kid isolate]
                if {[dict exists $kid justone]} {
                    lappend words -justone
                }
            }
            lappend lines "$words \{[Body $kid 1]\n\}"
        }
    }
    if {[dict exists $def reach]} {
        dict for {name hosts} [dict get $def reach] {
            lappend lines [list hosts $name $hosts]
        }
    }
    set text ""
    foreach line $lines {
        append text "\n    [string map [list \n "\n    "] $line]"
    }
    return $text
}

# The model. A set is {MEMBERS ROLES}. An instance is a dict: flat, name, up (an
# instance or ""), path, set, open (whether it is an array), dims (how many are
# not fixed), own (whether one of them is its own), isolated, host, error (a
# code, or "").

proc ::seedmodel::Once list {
    set result {}
    foreach element $list {
        if {$element ni $result} {
            lappend result $element
        }
    }
    return $result
}

proc ::seedmodel::Set roles {
    set members {}
    dict for {role hosts} $roles {
        set hosts [Once $hosts]
        dict set roles $role $hosts
        lappend members {*}$hosts
    }
    return [list [Once $members] $roles]
}

proc ::seedmodel::Mapped {set map names} {
    lassign $set members roles
    set mapped {}
    dict for {role words} $map {
        set hosts {}
        foreach word $words {
            if {$word eq "*"} {
                lappend hosts {*}$members
            } elseif {[dict exists $roles $word]} {
                lappend hosts {*}[dict get $roles $word]
            } elseif {$word in $names} {
                lappend hosts $word
            }
        }
        dict set mapped $role $hosts
    }
    return [Set $mapped]
}

# The other roles stay whole; hosts stay in their order.
proc ::seedmodel::Reduced {set role host} {
    lassign $set members roles
    dict set roles $role [list $host]
    set left {}
    foreach member $members {
        if {$member in [concat {*}[dict values $roles]]} {
            lappend left $member
        }
    }
    return [list $left $roles]
}

proc ::seedmodel::Root spec {
    set flat [Flat [dict get $spec bases] [dict get $spec root]]
    return [Instance $spec $flat root "" / [Set [dict get $spec given]]]
}

proc ::seedmodel::Child {spec m name} {
    set flat [Flat [dict get $spec bases] [dict get $m flat kids $name]]
    set set [dict get $m set]
    lassign [dict get $flat source] kind dict
    switch $kind {
        hosts {
            set set [Set $dict]
        }
        map {
            set set [Mapped $set $dict [Names [dict get $spec hosts]]]
        }
    }
    set path [string trimright [dict get $m path] /]/$name
    return [Instance $spec $flat $name $m $path $set]
}

proc ::seedmodel::Instance {spec flat name up path set} {
    set m [dict create flat $flat name $name up $up path $path set $set open 0 \
        dims 0 own 0 isolated 0 host "" error ""]
    if {$up ne ""} {
        foreach key {open dims isolated host error} {
            dict set m $key [dict get $up $key]
        }
    }
    set role [dict get $flat isolate]
    if {$role eq ""} {
        return $m
    }
    if {![dict exists [lindex $set 1] $role] && [dict get $m error] eq ""} {
        dict set m error [list DEPLOYER ISOLATE NOROLE $path $role]
    }
    if {![dict get $flat justone]} {
        dict set m open 1
        dict set m own 1
        dict incr m dims
        return $m
    }
    if {[dict get $m open]} {
        # Its cells are looked at one by one.
        return $m
    }
    dict set m isolated 1
    if {[dict get $m error] eq ""} {
        set hosts [dict get [lindex $set 1] $role]
        dict set m host [lindex $hosts 0]
        if {[llength $hosts] != 1} {
            dict set m error \
                [list DEPLOYER ISOLATE JUSTONE $path [llength $hosts]]
        }
    }
    return $m
}

# The cell or smaller array of the instance for a list of hosts, one for each of
# its first dimensions: the child of what its parent gives for the same, and
# where the last one is its own dimension, that with one host in its role.
proc ::seedmodel::At {spec m hosts} {
    if {![llength $hosts]} {
        return $m
    }
    set up [dict get $m up]
    set last [expr {[dict get $m own]
        && [llength $hosts] == [dict get $m dims]}]
    if {$up ne ""} {
        set m [Child $spec [At $spec $up \
            [expr {$last ? [lrange $hosts 0 end-1] : $hosts}]] \
            [dict get $m name]]
    }
    if {!$last} {
        return $m
    }
    set host [lindex $hosts end]
    dict set m set [Reduced [dict get $m set] [dict get $m flat isolate] $host]
    dict set m open 0
    dict set m dims 0
    dict set m own 0
    dict set m isolated 1
    dict set m host $host
    dict append m path :$host
    return $m
}

# All lists of hosts, one for each dimension, in order.
proc ::seedmodel::Indexes {spec m} {
    if {![dict get $m open]} {
        return [list {}]
    }
    set up [dict get $m up]
    set before [expr {$up eq "" ? [list {}] : [Indexes $spec $up]}]
    if {![dict get $m own]} {
        return $before
    }
    set indexes {}
    foreach index $before {
        foreach host [Choices $spec $m $index] {
            lappend indexes [concat $index [list $host]]
        }
    }
    return $indexes
}

# The hosts of an instance's own dimension, the dimensions above being fixed.
proc ::seedmodel::Choices {spec m index} {
    set up [dict get $m up]
    if {$up ne ""} {
        set m [Child $spec [At $spec $up $index] [dict get $m name]]
    }
    set role [dict get $m flat isolate]
    if {![dict exists [lindex [dict get $m set] 1] $role]} {
        return {}
    }
    return [dict get [lindex [dict get $m set] 1] $role]
}

# The nearest instance, this one or above, that has the dimension NUMBER.
proc ::seedmodel::Level {m number} {
    while {![dict get $m own] || [dict get $m dims] != $number + 1} {
        set m [dict get $m up]
    }
    return $m
}

# An index as the user sees it.
proc ::seedmodel::Shown {m index} {
    return [expr {[dict get $m dims] == 1 ? [lindex $index 0] : $index}]
}

# What a call gives: {ok VALUE}, or {error CODE ?RESULTS FAILURES?}, failures
# being index -> code. FUNCTION gets a closed instance and gives {ok VALUE} or
# {error CODE}.
proc ::seedmodel::Outcome {spec m function} {
    if {[dict get $m error] ne ""} {
        return [list error [dict get $m error]]
    }
    if {![dict get $m open]} {
        return [{*}$function $spec $m]
    }
    set results {}
    set failures {}
    foreach index [Indexes $spec $m] {
        set shown [Shown $m $index]
        lassign [Outcome $spec [At $spec $m $index] $function] kind value
        dict set [expr {$kind eq "ok" ? "results" : "failures"}] $shown $value
    }
    set failed [dict size $failures]
    if {!$failed} {
        return [list ok $results]
    }
    return [list error [list DEPLOYER CELLS FAILED $failed \
        [expr {$failed + [dict size $results]}]] $results $failures]
}

proc ::seedmodel::Probe {spec m} {
    lassign [dict get $m set] members roles
    set host [dict get $m host]
    if {![dict get $m isolated]} {
        set host {DEPLOYER ISOLATE NOCELL}
    }
    return [list ok [list [dict get $m isolated] $roles $members $host]]
}

proc ::seedmodel::Seen {spec m} {
    return [list ok [lindex [dict get $m set] 0]]
}

proc ::seedmodel::Tag {spec m} {
    return {ok here}
}

proc ::seedmodel::Up {spec m} {
    return [Seen $spec [dict get $m up]]
}

proc ::seedmodel::Down {kid spec m} {
    return [lrange [Outcome $spec [Child $spec $m $kid] ::seedmodel::Probe] 0 1]
}

# The comparison.

# Makes the tree and compares all of it with the model. "" where it is right,
# else what is wrong; that begins with "definition:" where it cannot be made.
proc ::seedmodel::check spec {
    variable Space
    variable State
    set State 4711
    namespace eval $Space {}
    try {
        set model [Root $spec]
        set code [catch {namespace eval $Space [script $spec]} message options]
        if {$code} {
            set got [dict get $options -errorcode]
            if {$got eq [dict get $model error]} {
                return
            }
            return "definition: $got\n[dict get $options -errorinfo]"
        }
        CheckTree $spec $model root
        for {set i 0} {$i < 8} {incr i} {
            Walk $spec $model
        }
        return
    } trap {SEEDMODEL WRONG} message {
        return $message
    } finally {
        namespace delete $Space
    }
}

# Compares what WORDS give with EXPECTED, an outcome.
proc ::seedmodel::Same {spec words expected} {
    variable Space
    set failed [catch {namespace eval $Space $words} result options]
    set got [list ok $result]
    if {$failed} {
        set got [list error [dict get $options -errorcode]]
        if {[dict exists $options -results]} {
            lappend got [dict get $options -results] \
                [dict map {index failure} [dict get $options -failures] {
                    dict get $failure errorcode
                }]
        }
    }
    if {[llength $expected] == 2} {
        set got [lrange $got 0 1]
    }
    if {[Canonical $spec $got] eq [Canonical $spec $expected]} {
        return
    }
    set text "$words\n    should be: $expected\n    is:        $got"
    if {$failed} {
        append text "\n    " [string map {\n "\n    "} \
            [dict get $options -errorinfo]]
    }
    return -code error -errorcode {SEEDMODEL WRONG} $text
}

# An outcome with its lists and dicts in one form. How the path of a root's own
# cell is written is left open.
proc ::seedmodel::Canonical {spec outcome} {
    lassign $outcome kind value results failures
    if {$kind eq "ok"} {
        return [list ok [list {*}$value]]
    }
    set failures [dict map {index code} $failures {Code $spec $code}]
    return [list error [Code $spec $value] [list {*}$results] $failures]
}

proc ::seedmodel::Code {spec code} {
    if {[lindex $code 1] eq "ISOLATE"
            && [dict get [Flat [dict get $spec bases] [dict get $spec root]] \
                isolate] ne ""} {
        lset code 3 ""
    }
    return [list {*}$code]
}

# All instances that names lead to.
proc ::seedmodel::CheckTree {spec m words} {
    CheckOne $spec $m $words
    if {[dict get $m error] ne "" && ![dict get $m open]} {
        return
    }
    foreach kid [dict keys [dict get $m flat kids]] {
        CheckTree $spec [Child $spec $m $kid] [list {*}$words $kid]
    }
}

proc ::seedmodel::CheckOne {spec m words} {
    set probe [Outcome $spec $m ::seedmodel::Probe]
    if {[dict get $m error] ne ""} {
        # At the latest when it is used.
        Same $spec [list {*}$words probe] $probe
        return
    }
    set indexes [Indexes $spec $m]
    set shown [expr {[dict get $m open]
        ? [lmap index $indexes {Shown $m $index}] : {}}]
    Same $spec [list {*}$words info array] [list ok [dict get $m open]]
    Same $spec [list {*}$words info isolations] [list ok $shown]
    Same $spec [list {*}$words info isolated] [list ok [expr {
        ![dict get $m open] && [dict get $m isolated]}]]
    if {[dict get [Flat [dict get $spec bases] [dict get $spec root]] \
            isolate] eq ""} {
        Same $spec [list {*}$words info path] [list ok [dict get $m path]]
    }
    if {[llength $indexes] > 100} {
        return
    }
    Same $spec [list {*}$words probe] $probe
    Same $spec [list {*}$words whole] [Seen $spec $m]
    foreach {word function} {seen Seen tag Tag up Up} {
        if {($word ne "up" || [dict get $m up] ne "") && [Chance 50]} {
            Same $spec [list {*}$words $word] \
                [Outcome $spec $m ::seedmodel::$function]
        }
    }
    if {[dict get $m up] ne ""} {
        Same $spec [list {*}$words parent info array] \
            [list ok [dict get $m up open]]
        if {[Chance 30]} {
            Same $spec [list {*}$words parent probe] \
                [Outcome $spec [dict get $m up] ::seedmodel::Probe]
        }
    }
    set kids [dict keys [dict get $m flat kids]]
    if {[llength $kids]} {
        set kid [Pick $kids]
        Same $spec [list {*}$words down $kid] \
            [Outcome $spec $m [list ::seedmodel::Down $kid]]
    }
    CheckBad $spec $m $words
}

# Indexes that are none.
proc ::seedmodel::CheckBad {spec m words} {
    set path [dict get $m path]
    set bad [list nosuch]
    if {[dict get $m open]} {
        # What is too long for a cell that cannot be reached has two faults.
        set indexes [lmap index [Indexes $spec $m] {
            if {[dict get [At $spec $m $index] error] ne ""} continue
            set index
        }]
        if {[llength $indexes]} {
            lappend bad [concat [Pick $indexes] h0] [concat [Pick $indexes] 0]
        }
        lappend bad [llength [Choices $spec [Level $m 0] {}]]
    } else {
        lappend bad 0 h0
    }
    set index [Pick $bad]
    Same $spec [list {*}$words at $index] \
        [list error [list DEPLOYER ISOLATE INDEX $path $index]]
}

# Random steps from the root, down into services and into cells.
proc ::seedmodel::Walk {spec m} {
    set words root
    set names {}
    set top $m
    for {set step 0} {$step < 9} {incr step} {
        if {[dict get $m error] ne "" && ![dict get $m open]} {
            break
        }
        set kids [dict keys [dict get $m flat kids]]
        if {[dict get $m open] && [dict get $m error] eq "" && [Chance 50]} {
            set host [RandomIndex $spec $m]
            if {[llength $host]} {
                lassign $host hosts given
                set m [At $spec $m $hosts]
                lappend words {*}$given
            }
        } elseif {[llength $kids]} {
            set kid [Pick $kids]
            set m [Child $spec $m $kid]
            lappend words $kid
            lappend names $kid
        }
    }
    CheckOne $spec $m $words
    if {[dict get $m error] ne ""} {
        return
    }
    # Climbing to the root and down again gives all of it again.
    foreach name $names {
        set top [Child $spec $top $name]
    }
    Same $spec [list {*}$words root {*}$names info isolations] \
        [expr {[dict get $top error] ne "" ? [list error [dict get $top error]]
            : [list ok [expr {[dict get $top open] ? [lmap index \
                [Indexes $spec $top] {Shown $top $index}] : {}}]]}]
}

# {HOSTS WORDS} for one or more of the first dimensions, WORDS being the words
# that select them; {} where there are no hosts.
proc ::seedmodel::RandomIndex {spec m} {
    variable Space
    set dims [dict get $m dims]
    set hosts {}
    set given {}
    set count [expr {[Chance 60] ? $dims : 1 + [Dice $dims]}]
    for {set i 0} {$i < $count} {incr i} {
        set choices [Choices $spec [Level $m $i] $hosts]
        if {![llength $choices]} {
            return {}
        }
        set at [Dice [llength $choices]]
        set host [lindex $choices $at]
        lappend hosts $host
        lappend given [Pick [list $host $at ${Space}::$host]]
    }
    if {$count == 1 && [Chance 50]} {
        return [list $hosts [list :[lindex $hosts 0]]]
    }
    return [list $hosts [list at [expr {$count == 1
        ? [lindex $given 0] : $given}]]]
}

# isolate.tcl -- arrays and cells: levels, indexes, and calls on all cells.
#
# Layer T2. An array is an instance that is open: it stands for its cells, and a
# call on it becomes one call on each. Its levels are those of the arrays above
# it and its own; each whose class isolates (without -justone) adds a dimension.
# A cell is an object of the same class as its array. Its parent is the parent's
# cell, so that what is below a cell is made as below any other instance.
#
# A call on an array comes to a shadow: a class with a method for each action,
# property, getter and query, that is mixed into the array and stands before all
# other methods, also those of the user's mixins, which belong into the cells.

namespace eval ::deployer {
    variable CellCount 0
    variable Shadows            ;# shadow -> its methods, see ShadowMethods
    array set Shadows {}
    variable ShadowStamps       ;# shadow -> {epoch lineage} that it is right for
    array set ShadowStamps {}
}

# What an instance is: an array, a cell, or neither.

# Sets Kin of the instance of namespace NS, NAME in UP, which is open or not.
# {DEPLOYER ISOLATE NOROLE path role}, {DEPLOYER ISOLATE JUSTONE path n}.
proc ::deployer::BeginIsolated {ns summary up name open} {
    namespace upvar $ns Kin Kin
    set role [dict get $summary isolate]
    set one [dict get $summary justone]
    set open [expr {$open || $role ne "" && !$one}]
    set Kin [list $up $name $open $role $one {} {}]
    if {$role eq ""} {
        return
    }
    if {$role ni [RolesOf $ns]} {
        set path [PathOf $ns]
        Fail [list ISOLATE NOROLE $path $role] "$path has one cell for each\
            host of the role \"$role\", but neither its parent passes that role\
            on nor has it hosts of its own in it"
    }
    if {!$open} {
        set view [ViewOf $ns]
        set count [core::hostset count [HostsSet $view] $role]
        if {$count != 1} {
            set path [PathOf $ns]
            Fail [list ISOLATE JUSTONE $path $count] "$path is for just one\
                host in the role \"$role\", and there are $count"
        }
        lset Kin 5 $view
        lset Kin 6 0
    }
}

# The roles of the instance of namespace NS; nothing is mapped for that.
proc ::deployer::RolesOf ns {
    while 1 {
        namespace upvar $ns View view
        lassign [set ${ns}::Kin] up - - - - base
        if {[info exists view] || $base ne ""} {
            return [core::hostset roles [HostsSet [ViewOf $ns]]]
        }
        lassign [SourceOf $ns] kind dict
        if {$kind ne ""} {
            return [dict keys $dict]
        }
        set ns $up
    }
}

# The namespace of the nearest isolating instance at or above that of NS, which
# has one host; "" where there is none.
proc ::deployer::IsolatedBy ns {
    while {$ns ne ""} {
        lassign [set ${ns}::Kin] up - open - - base
        if {$open} {
            return ""
        }
        if {$base ne ""} {
            return $ns
        }
        set ns $up
    }
    return ""
}

# The host of the cell of namespace NS.
proc ::deployer::CellHost ns {
    lassign [set ${ns}::Kin] - - - role - base position
    return [core::hostset host [HostsSet $base] $position $role]
}

# `my host WORDS` in the instance of namespace NS.
proc ::deployer::HostOf {ns words} {
    variable HostsWords
    set cell [IsolatedBy $ns]
    if {$cell eq ""} {
        set path [PathOf $ns]
        Fail [list ISOLATE NOCELL $path] "$path is no cell, so there is no one\
            host of it: use \"my hosts\""
    }
    set host [CellHost $cell]
    if {![IsHost $host]} {
        set slug [SlugOf $host]
        Fail [list HOSTS UNKNOWN $slug] "host $slug no longer exists"
    }
    if {[llength $words] && ![dict exists $HostsWords [lindex $words 0]]} {
        # What only a host has, as cget.
        tailcall $host {*}$words
    }
    tailcall HostsDo [ViewOf $cell] at $host {*}$words
}

# Indexes.

# {SET LEVELS} of an array, as core::hostset cells takes them.
proc ::deployer::LevelsOf ns {
    set levels {}
    while 1 {
        lassign [set ${ns}::Kin] up - - role one
        if {$one} {
            set role ""
        }
        if {$up eq ""} {
            set levels [linsert $levels 0 [list {} $role [PathOf $ns]]]
            return [list [HostsSet [ViewOf $ns]] $levels]
        }
        set source [SourceOf $ns]
        if {[lindex $source 0] eq "hosts"} {
            set source [list hosts [HostsSet [ViewOf $ns]]]
        }
        set levels [linsert $levels 0 [list $source $role [PathOf $ns]]]
        if {![lindex [set ${up}::Kin] 2]} {
            return [list [HostsSet [ViewOf $up]] $levels]
        }
        set ns $up
    }
}

# All indexes of an array, in host order. No instance is made.
proc ::deployer::IndexesOf ns {
    return [core::hostset cells {*}[LevelsOf $ns]]
}

# The namespaces of the arrays from the outermost to the one of namespace NS.
proc ::deployer::ArraysOf ns {
    set arrays {}
    while {$ns ne "" && [lindex [set ${ns}::Kin] 2]} {
        set arrays [linsert $arrays 0 $ns]
        set ns [lindex [set ${ns}::Kin] 0]
    }
    return $arrays
}

# The namespace of the instance at INDEX of the one of namespace NS: a cell, or
# for the first dimensions alone an array of the others. Names of hosts resolve
# in namespace SPACE. {DEPLOYER ISOLATE INDEX path index}.
proc ::deployer::CellAt {ns index space} {
    set arrays [ArraysOf $ns]
    set words [IndexWords $arrays $index]
    set given [llength $words]
    set here ""
    foreach array $arrays {
        lassign [set ${array}::Kin] - - - role one
        set here [expr {$here eq "" ? $array : [BelowCell $array $here]}]
        if {$role ne "" && !$one && [llength $words]} {
            set words [lassign $words word]
            set here [NamedCell $here $word $space]
            if {$here eq ""} {
                break
            }
        }
    }
    if {$here ne "" && $given && ![llength $words]} {
        return $here
    }
    set path [PathOf $ns]
    if {![llength $arrays]} {
        set why "is no array, so it has no cell"
    } elseif {$here eq "" || !$given} {
        set why "has no cell"
    } else {
        set why "has fewer dimensions, so it has no cell"
    }
    set cells ""
    if {[llength $arrays] == 1} {
        set names [IndexesOf $ns]
        set cells [expr {[llength $names]
            ? ": there [expr {[llength $names] == 1 ? "is" : "are"}]\
                [NamesFolded $names]" : ": there is none at all"}]
    }
    Fail [list ISOLATE INDEX $path $index] \
        "$path $why \"[Shorten $index 80]\"$cells"
}

# The words of INDEX, one for each dimension of ARRAYS or of the first of them.
# What is no list is one word, and so is a slug that a list spells otherwise.
proc ::deployer::IndexWords {arrays index} {
    if {[catch {llength $index} count]} {
        return [list $index]
    }
    if {$count == 1 && [lindex $index 0] ne $index && [llength $arrays]} {
        set first [lindex $arrays 0]
        set set [HostsSet [ViewOf $first]]
        if {[core::hostset index $set $index \
                [lindex [set ${first}::Kin] 3]] >= 0} {
            return [list $index]
        }
    }
    return $index
}

# The namespace of the cell at INDEX, one word, of an array below an instance
# that is none; "" where there is no such cell. It lives as long as the array.
proc ::deployer::NamedCell {array index space} {
    variable CellCount
    namespace upvar $array Cells cells
    set role [lindex [set ${array}::Kin] 3]
    if {[info object isa object $index]
            && [info object isa typeof $index ::deployer::hosts]} {
        # A container of one host, as `my host` gives.
        set view [[info object namespace $index]::my View]
        if {[core::hostset count [HostsSet $view]] != 1} {
            return ""
        }
        set index [core::hostset host [HostsSet $view] 0]
    }
    set view [ViewOf $array]
    set position [core::hostset index [HostsSet $view] $index $role]
    if {$position < 0} {
        set found [namespace eval $space \
            [list ::namespace which -command $index]]
        if {$found eq "" || [set position [core::hostset index \
                [HostsSet $view] $found $role]] < 0} {
            return ""
        }
    }
    set host [core::hostset host [HostsSet $view] $position $role]
    if {[info exists cells] && [dict exists $cells $host]} {
        set cell [dict get $cells $host]
        if {[namespace exists $cell]} {
            return $cell
        }
    }
    lassign [FirstStep $array] - class root - - kin begin
    set cell ${array}::named::[incr CellCount]
    $class create $cell <cell> $root [lappend kin $position] $cell $begin
    set cell [info object namespace $cell]
    dict set cells $host $cell
    return $cell
}

# Cells.

# What a cell of ARRAY, one below an instance that is none, is made from:
# {ARRAY CLASS ROOT ROLE SET KIN BEGIN PATH}, where KIN lacks the position.
proc ::deployer::FirstStep array {
    lassign [set ${array}::Kin] up name - role
    set view [ViewOf $array]
    set class [ServiceOf $array]
    return [list $array $class [set ${array}::Root] $role [HostsSet $view] \
        [list $up $name 0 $role 0 $view] [dict get [Summary $class] begin] \
        [PathOf $array]]
}

# {FIRST REST MANY}: how a cell of the array of namespace NS is made. FIRST is
# the step of the outermost array, REST has {ARRAY ROLE CLASS ROOT NAME BEGIN}
# for each further one, CLASS being "" where there is more to it than an object
# that shares its parent's hosts. MANY is 1 where an index is a list.
proc ::deployer::StepsOf ns {
    set many 0
    set rest {}
    foreach array [lassign [ArraysOf $ns] outermost] {
        lassign [set ${array}::Kin] - name - role one
        set class [ServiceOf $array]
        if {$role ne "" || [info exists ${array}::Made]
                || [lindex [SourceOf $array] 0] eq "hosts"} {
            set class ""
        }
        if {$one} {
            set role ""
        }
        if {$role ne ""} {
            set many 1
        }
        lappend rest [list $array $role $class [set ${array}::Root] $name \
            [dict get [Summary [ServiceOf $array]] begin]]
    }
    return [list [FirstStep $outermost] $rest $many]
}

# Runs METHOD in the cell of INDEX, in a job of ours: the cell dies with the
# job, unless the result hands it on. FanData(FAN) has what StepsOf gives, METHOD,
# its arguments, and what EventCells gives.
proc ::deployer::CellRun {fan index} {
    variable Owned
    variable CellCount
    variable FanData
    variable Plains
    lassign $FanData($fan) first rest many method arguments told
    lassign $first array class root role set kin begin path
    if {![namespace exists $array]} {
        Fail [list CANCELLED $path] \
            "$path was destroyed while $method was being called on it"
    }
    if {$many} {
        set more [lassign $index index]
    }
    set position [core::hostset index $set $index $role]
    if {$position < 0} {
        FailGone $array $index
    }
    set cell ${array}::cells::[incr CellCount]
    set co [info coroutine]
    $class create $cell <cell> $root [lappend kin $position] $cell $begin
    lappend Owned($co) $cell
    set ns [info object namespace $cell]
    if {$told ne ""} {
        set event [core::event cell $told $index $method $co]
        if {$event ne ""} {
            if {[info exists Plains($co)]} {
                set Plains($co) [list $event [lindex $Plains($co) 1]]
            } else {
                ContextEvent $co $event
            }
            tailcall ::deployer::Perform $ns $method $arguments 1
        }
    }
    foreach step $rest {
        lassign $step array role class root name begin
        if {$class ne ""} {
            set cell ${ns}::kids::$name
            $class create $cell <cell> $root [list $ns $name 0 {} 0 {} {}] \
                $cell $begin
            set ns [info object namespace $cell]
        } elseif {$role eq ""} {
            set ns [BelowCell $array $ns]
        } else {
            set more [lassign $more index]
            set ns [CellBelow $array $ns $role $index]
        }
    }
    tailcall ::deployer::Perform $ns $method $arguments
}

# The namespace of what ARRAY, whose class adds no dimension, is in the cell UP.
proc ::deployer::BelowCell {array up} {
    if {[info exists ${array}::Made]} {
        return [MakeAgain $array $up]
    }
    return [info object namespace [Nested $up \
        [lindex [set ${array}::Kin] 1] [ServiceOf $array] {}]]
}

# The namespace of the cell INDEX of what ARRAY is in the cell UP.
proc ::deployer::CellBelow {array up role index} {
    variable CellCount
    set class [ServiceOf $array]
    set summary [Summary $class]
    set view [NestedView [SourceOf $array $summary] [ViewOf $up]]
    set position [core::hostset index [HostsSet $view] $index $role]
    if {$position < 0} {
        FailGone $array $index
    }
    set cell ${up}::cells::[incr CellCount]
    $class create $cell <cell> [set ${array}::Root] \
        [list $up [lindex [set ${array}::Kin] 1] 0 $role 0 $view $position] \
        $cell [dict get $summary begin]
    return [info object namespace $cell]
}

proc ::deployer::FailGone {array index} {
    set path [PathOf $array]
    Fail [list ISOLATE INDEX $path $index] \
        "$path has no cell \"[Shorten $index 80]\" any more"
}

# Calls.

# The job of a call on an array: METHOD in all cells. The dict of index ->
# result, in host order. {DEPLOYER CELLS FAILED nfailed n}.
proc ::deployer::PerformFan {ns method arguments} {
    variable Listening
    variable Resuming
    if {$Listening} {
        EventPerform $ns $method
    }
    set indexes [CellsFor $ns $method]
    if {![llength $indexes]} {
        return {}
    }
    set options [HostsOptions [ViewOf [set ${ns}::Root]]]
    dict set options code {CELLS FAILED}
    set steps [StepsOf $ns]
    set told {}
    if {$Listening && [lindex $steps 1] eq ""} {
        set told [EventCells $ns $method]
    }
    dict set options data [list {*}$steps $method $arguments $told]
    set options [dict merge $options \
        [JournalCells $ns $method $arguments [llength $indexes]]]
    if {$Resuming && [dict exists [ContextGet] -resume]} {
        return {*}[ResumeFan $ns $method $arguments $indexes $options]
    }
    if {[catch {
        Fanout $indexes ::deployer::CellRun $options
    } result given]} {
        dict unset given -errorstack
        dict set given -errorinfo $result
        dict incr given -level
    }
    return -options $given $result
}

# The job of an -oneonly action on an array: METHOD in one cell, and its plain
# result. {DEPLOYER INPUT question} where there are more and nobody to ask.
proc ::deployer::PerformOne {ns method arguments} {
    variable Listening
    if {$Listening} {
        EventPerform $ns $method
    }
    variable FanCount
    variable FanData
    set indexes [CellsFor $ns $method]
    if {![llength $indexes]} {
        return {}
    }
    set index [lindex $indexes 0]
    if {[llength $indexes] > 1} {
        set index [AskCell $ns $method $indexes]
    }
    set fan [incr FanCount]
    set FanData($fan) [list {*}[StepsOf $ns] $method $arguments]
    try {
        return [CellRun $fan $index]
    } finally {
        unset FanData($fan)
    }
}

# The indexes of an array that METHOD is called on; the loggers hear of none.
proc ::deployer::CellsFor {ns method} {
    set indexes [IndexesOf $ns]
    if {![llength $indexes]} {
        Report $ns "$method did nothing: there are no hosts for [PathOf $ns]"
    }
    return $indexes
}

# The index that somebody at the terminal chooses.
proc ::deployer::AskCell {ns method indexes} {
    set question "Which cell of [PathOf $ns] shall run $method?"
    if {![ConsoleIsOpen $ns]} {
        Fail [list INPUT $question] "$question There are [llength $indexes],\
            and nobody can be asked: choose one with \"at\", as\
            \"at [list [lindex $indexes 0]]\""
    }
    tailcall ConsoleChoice $ns $question $indexes
}

# Shadows.

# The shadow of CLASS. It stands in the namespace of the class and dies with it.
proc ::deployer::ShadowOf class {
    variable Shadows
    set shadow [info object namespace $class]::<array>
    if {[namespace which -command $shadow] eq ""} {
        oo::class create $shadow
        set Shadows($shadow) {}
    }
    RefreshShadow $shadow $class
    return $shadow
}

# Called when classes have changed: arrays that live know it at once.
proc ::deployer::RefreshShadows args {
    variable Shadows
    variable ShadowStamps
    foreach shadow [array names Shadows] {
        if {[namespace which -command $shadow] eq ""} {
            unset -nocomplain Shadows($shadow) ShadowStamps($shadow)
            continue
        }
        # A class may have another name than it had.
        set array [lindex [info class instances $shadow] 0]
        if {$array ne ""} {
            # It fails where a class dies whose superclass is half gone; then
            # the array dies too.
            catch {RefreshShadow $shadow [info object class $array]}
        }
    }
}

proc ::deployer::RefreshShadow {shadow class} {
    variable Epoch
    variable Shadows
    variable ShadowStamps
    set stamp [list $Epoch [Lineage $class]]
    if {[info exists ShadowStamps($shadow)]
            && $ShadowStamps($shadow) eq $stamp} {
        return
    }
    set wanted [ShadowMethods $class]
    dict for {name words} $Shadows($shadow) {
        if {![dict exists $wanted $name]} {
            oo::define $shadow deletemethod $name
        }
    }
    dict for {name words} $wanted {
        if {[dict exists $Shadows($shadow) $name]
                && [dict get $Shadows($shadow) $name] eq $words} {
            continue
        }
        lassign $words formals body public
        oo::define $shadow method $name $formals $body
        oo::define $shadow [expr {$public ? "export" : "unexport"}] $name
    }
    set Shadows($shadow) $wanted
    set ShadowStamps($shadow) $stamp
}

# The methods of the shadow of CLASS: name -> {formals body public}. Where the
# user's own method comes first, its formal arguments are unknown.
proc ::deployer::ShadowMethods class {
    set methods {}
    dict for {name member} [FanMembers $class] {
        set formals {}
        if {[dict get $member kind] eq "action"} {
            set formals [dict get $member formals]
        }
        foreach link [info class call $class $name] {
            lassign $link kind - owner
            if {$kind eq "method"} {
                if {$owner ne [dict get $member owner]} {
                    set formals args
                }
                break
            }
        }
        set values {}
        foreach formal $formals {
            append values " \[[list set [lindex $formal 0]]\]"
        }
        if {[lindex $formals end 0] eq "args"} {
            set values "[string range $values 0 end-11] {*}\[set args\]"
        }
        # An object's own method comes before those of its class.
        dict set methods $name [list $formals "if {\[lindex \[self next\] 0\]\
            eq \[self\]} {return \[next$values\]}; return\
            {*}\[::deployer::Launch \[self namespace\] [list $name]\
            \[list$values\] [FanPerformer $member]\]" \
            [expr {[string index $name 0] ne "_"}]]
    }
    # A filter stands before all: the call goes past it.
    foreach name [dict get [Summary $class] filters] {
        set otherwise {next {*}$args}
        if {[dict exists $methods $name]} {
            set otherwise "return {*}\[::deployer::Launch\
                \[self namespace\] [list $name] \$args PerformFan\]"
        }
        dict set methods $name [list args "if {\[lindex \[self call\] 0\
            \[lindex \[self call\] 1\] 0\] eq {filter}} {return \[uplevel 1\
            \[list \[self namespace\]::my \[lindex \[self target\] 1\]\
            {*}\$args\]\]}; $otherwise" \
            [expr {$name in [info class methods $class -all]}]]
    }
    return $methods
}

# The members of CLASS that an array calls in its cells: name -> entry.
proc ::deployer::FanMembers class {
    return [dict filter [Members $class] script {name member} {
        expr {[FanPerformer $member] ne "Perform"}
    }]
}

# What performs METHOD, called on the array of namespace NS: PerformFan in all
# cells, PerformOne in one, Perform on the array itself.
proc ::deployer::PerformerOf {ns method} {
    return [FanPerformer [Member [ServiceOf $ns] $method]]
}

# The same for a MEMBER, which may be {}.
proc ::deployer::FanPerformer member {
    if {$member eq ""
            || [dict get $member kind] ni {action getter property query}
            || [dict exists $member onceforall]
                && [dict get $member onceforall]} {
        return Perform
    }
    if {[dict exists $member oneonly] && [dict get $member oneonly]} {
        return PerformOne
    }
    return PerformFan
}

trace add variable ::deployer::Epoch write ::deployer::RefreshShadows

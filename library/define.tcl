# define.tcl -- the metaclass deployer::service and the words of its bodies.
#
# Layer T2. What a body says becomes methods of a real TclOO class, so that
# `next`, `mixin` and `info class` tell the truth, and facts that are no
# methods, in the variable Facts of the class's own namespace: a dict with
#
#   space      namespace in which the class was defined
#   name       its simple name; outer: the class that it is nested in, or ""
#   place      {file line}, "" and 0 where they are not known
#   members    name -> dict kind place ..., in the order of definition
#   nested     the nested classes, which die with this one
#   roles isolate justone map hosts group describe loggers default
#              only those that this very class sets; map and hosts are
#              {DICT NAMESPACE}, names of hosts resolve in NAMESPACE

namespace eval ::deployer {
    # Counts the bodies that have ended, so that summaries know when to look.
    variable Epoch 0
    variable BodyCount 0
    variable Bodies             ;# namespace of a body at work -> dict
    array set Bodies {}

    variable CoreWords {}       ;# commands of oo::define that were looked at

    variable ReservedNames {
        hosts host parent root at info fork initialize console report loggers
        sandbox destroy unknown eval variable varname
    }
    # Kept as one value, so that it is compiled once.
    variable NamePattern {^[[:alpha:]_][^\s:/,;*?"$\\{}()\[\]]*$}
    variable Groups {production staging beta local utility other}

    # Bodies are evaluated in namespaces of their own below bodies, which find
    # the definers first, then the user's namespace, then the global one.
    namespace eval bodies {}
    namespace eval definers {}

    namespace export service define
}

oo::class create ::deployer::service {
    superclass oo::class

    # create NAME ?BODY?; the form <nested> FACTS SUPER BODY is for the definer
    # `service` alone.
    constructor args {
        next
        set facts [dict create space [uplevel 1 {::namespace current}] \
            name [namespace tail [self]] outer "" members {} nested {}]
        set super ::deployer::Service
        if {[lindex $args 0] eq "<nested>"} {
            lassign $args - given super body
            set facts [dict merge $facts $given]
        } elseif {[llength $args] > 1} {
            ::deployer::WrongArgs "deployer::service create NAME ?BODY?"
        } else {
            set body [lindex $args 0]
            dict set facts place [::deployer::BodyPlace [info frame -1] $body]
        }
        variable Facts $facts
        oo::define [self] superclass $super
        ::deployer::EvalBody [self] [dict get $facts space] \
            [dict get $facts place] $body
    }

    # A class that failed in its body dies here as well.
    destructor {
        variable Facts
        incr ::deployer::Epoch
        if {[info exists Facts]} {
            foreach class [dict get $Facts nested] {
                if {[info object isa object $class]} {
                    $class destroy
                }
            }
        }
        if {[self next] ne ""} {
            next
        }
    }
}

# deployer::define CLASS BODY -- adds to a service. {DEPLOYER DEFINE word}.
proc ::deployer::define {class body} {
    set found [uplevel 1 [list ::namespace which -command $class]]
    if {![IsService $found]} {
        Fail [list DEFINE $class] "\"$class\" is no service"
    }
    EvalBody $found [uplevel 1 {::namespace current}] \
        [BodyPlace [info frame -1] $body] $body
}

proc ::deployer::IsService class {
    return [expr {[info object isa object $class]
        && [info object isa typeof $class ::deployer::service]}]
}

# Evaluates BODY for CLASS with the definers at hand. SPACE is the user's
# namespace, PLACE the {file line} where BODY begins. WITHIN is given for what an
# outer class says about this one: the dotted name of this one, as it stands on
# the line PLACE. An error of the body becomes that of our caller.
proc ::deployer::EvalBody {class space place body {within {}}} {
    variable Bodies
    variable BodyCount
    variable Epoch
    AdoptWords
    set ns ::deployer::bodies::[incr BodyCount]
    set path ::deployer::definers
    if {$space ne "::"} {
        lappend path $space
    }
    namespace eval $ns [list ::namespace path $path]
    set Bodies($ns) [dict create class $class space $space place $place \
        at $place within $within reaches {}]
    set code [catch {namespace eval $ns $body} result options]
    if {$code in {0 2}} {
        set code [catch {EndBody $ns} result options]
    }
    unset Bodies($ns)
    namespace delete $ns
    incr Epoch
    if {!$code} {
        return
    }
    if {$code == 1} {
        dict set options -errorinfo [BodyTrace $ns $class $options]
    }
    dict incr options -level 2
    return -options $options $result
}

# The error trace of OPTIONS, of the body NS of CLASS, without our own frames.
proc ::deployer::BodyTrace {ns class options} {
    set trace [dict get $options -errorinfo]
    set tag "\n    (in namespace eval \"$ns\" script line "
    set here ""
    if {[set at [string last $tag $trace]] >= 0} {
        set line [scan [string range $trace \
            [expr {$at + [string length $tag]}] end] %d]
        set trace [string range $trace 0 $at-1]
        set here "\n    (body of service \"$class\" line $line)"
    }
    if {[string match {DEPLOYER DEFINE*} [dict get $options -errorcode]]
            || [string match {DEPLOYER STATE*} \
                [dict get $options -errorcode]]} {
        set inner [regexp -all -inline \
            {\n    \(body of service "[^\n]*" line \d+\)} $trace]
        set at [string first "\n    while executing\n" $trace]
        if {$at < 0} {
            set at [string first "\n    (" $trace]
        }
        if {$at >= 0} {
            set trace [string range $trace 0 $at-1][join $inner {}]
        }
    }
    return $trace$here
}

# What can be looked at only when the body NS has ended.
proc ::deployer::EndBody ns {
    variable Bodies
    variable Epoch
    set class [ClassOf $ns]
    set space [dict get $Bodies($ns) space]
    foreach reach [dict get $Bodies($ns) reaches] {
        lassign $reach definer path words at
        dict set Bodies($ns) at $at
        set rest [lassign $path name]
        set within [string trimleft [dict get $Bodies($ns) within].$name .]
        set nested [OwnNested $ns $name [join [list $within {*}$rest] .]]
        if {[llength $rest]} {
            set words [linsert $words 0 [join $rest .]]
        }
        EvalBody $nested $space $at [list $definer {*}$words] $within
    }
    namespace upvar [info object namespace $class] Facts facts
    incr Epoch
    if {[dict exists $facts map]} {
        set summary [Summary $class]
        set declared [dict get $summary roles]
        lappend declared [dict get $summary isolate]
        foreach role [dict keys [lindex [dict get $facts map] 0]] {
            if {$role ni $declared} {
                FailDefine $ns $role "service $class does not declare the role\
                    \"$role\" that -map names"
            }
        }
    }
    if {[dict exists $facts justone]
            && [dict get [Summary $class] isolate] eq ""} {
        FailDefine $ns -justone "service $class does not isolate, so -justone\
            means nothing"
    }
}

# The nested service NAME of the class of body NS; an inherited one is first
# derived from, so that its own class stays as it is. PATH is for the error.
proc ::deployer::OwnNested {ns name path} {
    variable Bodies
    set class [ClassOf $ns]
    set member [Member $class $name]
    if {[dict exists $member class]} {
        set nested [dict get $member class]
        if {[dict get $member owner] eq $class} {
            return $nested
        }
        AddNested $ns $name $nested [dict create \
            space [dict get $Bodies($ns) space] name $name outer $class \
            place [dict get $Bodies($ns) at]] {}
        return $class.$name
    }
    FailDefine $ns $path "\"$path\" reaches into \"$name\", which is no nested\
        service of $class"
}

# Words that other packages add to oo::define work in bodies too.
proc ::deployer::AdoptWords {} {
    variable CoreWords
    set commands [info commands ::oo::define::*]
    if {$commands eq $CoreWords} {
        return
    }
    set CoreWords $commands
    foreach command $commands {
        set word [namespace tail $command]
        if {[namespace which -command ::deployer::definers::$word] eq ""} {
            interp alias {} ::deployer::definers::$word \
                {} ::deployer::WordOfCore $word
        }
    }
}

# {file line} where BODY begins in the command of FRAME, a result of `info
# frame`; BASE is the place of the body that the command stands in.
proc ::deployer::BodyPlace {frame body {base {{} 0}}} {
    lassign [FramePlace $frame $base] file line
    if {$file eq ""} {
        return {{} 0}
    }
    set at [string first $body [dict get $frame cmd]]
    if {$body ne "" && $at > 0} {
        set before [string range [dict get $frame cmd] 0 $at-1]
        incr line [regexp -all \n $before]
    }
    return [list $file $line]
}

proc ::deployer::FramePlace {frame base} {
    if {[dict exists $frame file]} {
        return [list [dict get $frame file] [dict get $frame line]]
    }
    lassign $base file line
    if {$file eq "" || ![dict exists $frame line]} {
        return {{} 0}
    }
    return [list $file [expr {$line + [dict get $frame line] - 1}]]
}

# Called by a definer, itself called from a body: the body's namespace.
proc ::deployer::BodyOf word {
    variable Bodies
    set ns [uplevel 2 {::namespace current}]
    if {![info exists Bodies($ns)]} {
        Fail [list DEFINE $word] \
            "\"$word\" works only in the body of a service"
    }
    # The line goes into the entry of a member and into errors.
    if {[dict get $Bodies($ns) within] eq ""} {
        dict set Bodies($ns) at [FramePlace [info frame -2] \
            [dict get $Bodies($ns) place]]
    }
    return $ns
}

# Raises {DEPLOYER DEFINE WORD}; the sentence ends in the file and line.
proc ::deployer::FailDefine {ns word message} {
    variable Bodies
    lassign [dict get $Bodies($ns) at] file line
    if {$file ne ""} {
        append message " (file \"$file\" line $line)"
    }
    return -level 2 -code error -errorcode [list DEPLOYER DEFINE $word] $message
}

# Sets facts of the class that the body NS is about.
proc ::deployer::SetFact {ns key value} {
    variable Bodies
    namespace upvar [info object namespace [dict get $Bodies($ns) class]] \
        Facts facts
    dict set facts $key $value
}

# Adds member NAME of KIND; ENTRY holds what else is known about it. A class has
# one member of a name, the last.
proc ::deployer::AddMember {ns kind name entry} {
    variable Bodies
    set class [dict get $Bodies($ns) class]
    namespace upvar [info object namespace $class] Facts facts
    dict set facts members $name \
        [dict create kind $kind place [dict get $Bodies($ns) at] {*}$entry]
    # TclOO alone goes by the first letter.
    if {[string index $name 0] eq "_"} {
        ::oo::define $class unexport $name
    } else {
        ::oo::define $class export $name
    }
}

# Checks a name that a definer is to give; ALIAS allows dots.
proc ::deployer::CheckName {ns name {alias 0}} {
    variable ReservedNames
    variable NamePattern
    if {$name in $ReservedNames} {
        FailDefine $ns $name "\"$name\" is reserved and cannot be redefined"
    }
    if {![regexp -- $NamePattern $name] || !$alias && [string match *.* $name]} {
        FailDefine $ns $name "\"[Shorten $name 40]\" cannot be a name: it must\
            begin with a letter or \"_\" and have no white space or any of\
            :/.,;*?\"\$\\{}()\[\]"
    }
}

# A definer whose NAME has dots reaches into nested services; it is looked at
# when the body ends. Returns whether it is one.
proc ::deployer::Reaches {ns definer name words} {
    variable Bodies
    if {[string first . $name] < 0} {
        return 0
    }
    set path [split $name .]
    foreach part $path {
        if {$part eq ""} {
            FailDefine $ns $name "\"$name\" cannot be a name: a word between\
                dots is empty"
        }
    }
    dict update Bodies($ns) reaches reaches {
        lappend reaches [list $definer $path $words [dict get $Bodies($ns) at]]
    }
    return 1
}

# The method that launches itself as a job: a line of ours stands before the
# body, on the same line, and only the call that comes from outside takes it.
# Values go on in the order of the formal arguments.
proc ::deployer::AddAction {class name formals body} {
    set values {}
    foreach formal $formals {
        append values " \[[list set [lindex $formal 0]]\]"
    }
    if {[lindex $formals end 0] eq "args"} {
        set values "[string range $values 0 end-11] {*}\[set args\]"
    }
    ::oo::define $class method $name $formals "if {\[::deployer::Entry\
        \[self namespace\] \[self call\]\]} {return {*}\[::deployer::Launch\
        \[self namespace\] \[self method\] \[list$values\]\]}; $body"
}

# The definers.

proc ::deployer::WordProperty args {
    set ns [BodyOf property]
    if {[llength $args] ni {1 2}} {
        FailDefine $ns property "should be \"property NAME ?VALUE?\""
    }
    set name [lindex $args 0]
    if {[Reaches $ns property $name [lrange $args 1 end]]} {
        return
    }
    CheckName $ns $name
    set class [ClassOf $ns]
    if {[llength $args] == 2} {
        ::oo::define $class method $name {} [list return [lindex $args 1]]
    } else {
        ::oo::define $class method $name {} \
            [list tailcall ::deployer::FailRequired $class $name]
    }
    AddMember $ns property $name [list required [expr {[llength $args] == 1}]]
}

proc ::deployer::WordGetter args {
    set ns [BodyOf getter]
    set words [lassign $args name]
    set safe 0
    if {[llength $words] == 2 && [lindex $words 0] eq "-safe"} {
        set safe 1
        set words [lrange $words 1 end]
    } elseif {[string match -* [lindex $words 0]] && [llength $words] > 1} {
        FailDefine $ns [lindex $words 0] "getter $name: unknown option\
            \"[lindex $words 0]\": must be -safe"
    }
    if {[llength $words] != 1} {
        FailDefine $ns getter "should be \"getter NAME ?-safe? BODY\""
    }
    if {[Reaches $ns getter $name [lrange $args 1 end]]} {
        return
    }
    CheckName $ns $name
    AddAction [ClassOf $ns] $name {} [lindex $words 0]
    AddMember $ns getter $name [list safe $safe body [lindex $words 0]]
}

proc ::deployer::WordAction args {
    variable Bodies
    set ns [BodyOf action]
    if {[llength $args] < 3} {
        FailDefine $ns action "should be \"action NAME ?options? ARGS BODY\""
    }
    set name [lindex $args 0]
    lassign [lrange $args end-1 end] formals body
    set entry [ActionOptions $ns $name [lrange $args 1 end-2]]
    if {[Reaches $ns action $name [lrange $args 1 end]]} {
        return
    }
    CheckName $ns $name
    foreach alias [dict get $entry alias] {
        CheckName $ns $alias 1
        if {$alias eq $name} {
            FailDefine $ns $alias "action $name cannot be its own alias"
        }
    }
    set class [ClassOf $ns]
    if {![string is list $formals]
            || [catch {AddAction $class $name $formals $body} message]} {
        if {![string is list $formals]} {
            set message "the arguments are no list"
        }
        FailDefine $ns $name "action $name: $message"
    }
    AddMember $ns action $name \
        [dict merge $entry [list formals $formals body $body]]
    foreach alias [dict get $entry alias] {
        ::oo::define $class forward $alias my $name
        AddMember $ns alias $alias [list target $name]
    }
    if {[dict get $entry default]} {
        SetFact $ns default $name
    }
}

# The dict of an action's options, each with its default.
proc ::deployer::ActionOptions {ns name words} {
    set entry {
        alias {} default 0 onceforall 0 oneonly 0 quiet 0 complete {} doc {}
    }
    for {set i 0} {$i < [llength $words]} {incr i} {
        set option [lindex $words $i]
        switch -- $option {
            -default - -onceforall - -oneonly - -quiet {
                dict set entry [string range $option 1 end] 1
            }
            -alias - -complete - -doc {
                if {[incr i] >= [llength $words]} {
                    FailDefine $ns $option \
                        "action $name: value for \"$option\" missing"
                }
                set value [lindex $words $i]
                if {$option ne "-doc" && ![string is list $value]} {
                    FailDefine $ns $option "action $name: $option must be a\
                        list, not \"[Shorten $value 40]\""
                }
                dict set entry [string range $option 1 end] $value
            }
            default {
                FailDefine $ns $option "action $name: unknown option\
                    \"[Shorten $option 40]\": must be -alias, -complete,\
                    -default, -doc, -onceforall, -oneonly or -quiet"
            }
        }
    }
    return $entry
}

proc ::deployer::WordService args {
    variable Bodies
    set ns [BodyOf service]
    if {[llength $args] < 2} {
        FailDefine $ns service "should be \"service NAME ?SUPER? ?-map DICT?\
            ?-isolate ?ROLE?? ?-justone? BODY\""
    }
    set name [lindex $args 0]
    set body [lindex $args end]
    set words [lrange $args 1 end-1]
    if {[Reaches $ns service $name [lrange $args 1 end]]} {
        return
    }
    CheckName $ns $name
    set super ::deployer::Service
    if {[llength $words] && ![string match -* [lindex $words 0]]} {
        set words [lassign $words super]
        set super [SuperOf $ns $super]
    }
    set class [ClassOf $ns]
    set facts [ServiceOptions $ns $name $words]
    dict set facts space [dict get $Bodies($ns) space]
    dict set facts name $name
    dict set facts outer $class
    dict set facts place [BodyPlace [info frame -1] $body \
        [dict get $Bodies($ns) place]]
    AddNested $ns $name $super $facts $body
}

# The facts that the options of the definer `service` give.
proc ::deployer::ServiceOptions {ns name words} {
    variable Bodies
    set facts {}
    for {set i 0} {$i < [llength $words]} {incr i} {
        set option [lindex $words $i]
        switch -- $option {
            -map {
                if {[incr i] >= [llength $words]} {
                    FailDefine $ns -map \
                        "service $name: value for \"-map\" missing"
                }
                dict set facts map [list [CheckRoleDict $ns -map \
                    [lindex $words $i]] [dict get $Bodies($ns) space]]
            }
            -isolate {
                set role host
                set next [lindex $words $i+1]
                if {$i + 1 < [llength $words] && ![string match -* $next]} {
                    set role $next
                    incr i
                }
                dict set facts isolate $role
            }
            -justone {
                dict set facts justone 1
            }
            default {
                FailDefine $ns $option "service $name: unknown option\
                    \"[Shorten $option 40]\": must be -isolate, -justone or\
                    -map"
            }
        }
    }
    return $facts
}

# The service class that WORD means as SUPER: a name that resolves where the
# body stands, else the name of a service nested in the same class.
proc ::deployer::SuperOf {ns word} {
    set found [namespace eval $ns [list ::namespace which -command $word]]
    if {![IsService $found]} {
        set found [ClassOf $ns].$word
        if {![IsService $found]} {
            FailDefine $ns $word "\"$word\" is no service"
        }
    }
    return $found
}

# Makes the nested class NAME of the class of body NS.
proc ::deployer::AddNested {ns name super facts body} {
    variable Bodies
    set class [ClassOf $ns]
    set nested $class.$name
    if {[namespace which -command $nested] ne ""} {
        FailDefine $ns $name "service $name is defined in $class already"
    }
    if {[catch {
        ::deployer::service create $nested <nested> $facts $super $body
    } message options]} {
        # The error's own code and place; our frames say nothing.
        dict incr options -level 2
        return -options $options $message
    }
    namespace upvar [info object namespace $class] Facts outer
    dict lappend outer nested $nested
    ::oo::define $class method $name args "tailcall ::deployer::Nested\
        \[self namespace\] [list $name $nested] \$args"
    AddMember $ns service $name [list class $nested]
}

proc ::deployer::WordRoles args {
    set ns [BodyOf roles]
    foreach role $args {
        if {$role eq "" || $role eq "*" || [regexp {\s} $role]} {
            FailDefine $ns $role "\"$role\" cannot be the name of a role"
        }
    }
    SetFact $ns roles $args
}

proc ::deployer::WordIsolate args {
    set ns [BodyOf isolate]
    if {[llength $args] > 1} {
        FailDefine $ns isolate "should be \"isolate ?ROLE?\""
    }
    SetFact $ns isolate [expr {[llength $args] ? [lindex $args 0] : "host"}]
}

proc ::deployer::WordMap args {
    variable Bodies
    set ns [BodyOf map]
    if {[llength $args] != 1} {
        FailDefine $ns map "should be \"map DICT\""
    }
    set map [CheckRoleDict $ns map [lindex $args 0]]
    SetFact $ns map [list $map [dict get $Bodies($ns) space]]
}

proc ::deployer::WordHosts args {
    variable Bodies
    set ns [BodyOf hosts]
    if {[llength $args] == 2} {
        # hosts A.B DICT: the name of what is set there is `hosts` itself.
        lassign $args name value
        CheckRoleDict $ns hosts $value
        dict update Bodies($ns) reaches reaches {
            lappend reaches [list hosts [split $name .] [list $value] \
                [dict get $Bodies($ns) at]]
        }
        return
    }
    if {[llength $args] != 1} {
        FailDefine $ns hosts "should be \"hosts ?A.B? DICT\""
    }
    set hosts [CheckRoleDict $ns hosts [lindex $args 0]]
    SetFact $ns hosts [list $hosts [dict get $Bodies($ns) space]]
}

# VALUE, which must be a dict of role -> list.
proc ::deployer::CheckRoleDict {ns word value} {
    if {[catch {dict size $value}]} {
        FailDefine $ns $word "$word must be a dict of roles and lists, not\
            \"[Shorten $value 40]\""
    }
    dict for {role list} $value {
        if {![string is list $list]} {
            FailDefine $ns $word "$word: role $role must have a list, not\
                \"[Shorten $list 40]\""
        }
    }
    return $value
}

proc ::deployer::WordGroup args {
    variable Groups
    set ns [BodyOf group]
    if {[llength $args] != 1} {
        FailDefine $ns group "should be \"group NAME\""
    }
    set group [lindex $args 0]
    if {$group ni $Groups} {
        FailDefine $ns $group \
            "\"[Shorten $group 40]\" is no group: must be [join $Groups {, }]"
    }
    SetFact $ns group $group
}

proc ::deployer::WordDescribe args {
    set ns [BodyOf describe]
    if {[llength $args] != 1} {
        FailDefine $ns describe "should be \"describe TEXT\""
    }
    SetFact $ns describe [lindex $args 0]
}

proc ::deployer::WordLoggers args {
    set ns [BodyOf loggers]
    if {[llength $args] != 1 || ![string is list [lindex $args 0]]} {
        FailDefine $ns loggers "should be \"loggers LIST\""
    }
    SetFact $ns loggers [lindex $args 0]
}

proc ::deployer::WordQuery args {
    set ns [BodyOf query]
    FailDefine $ns query "queries are not available yet"
}

proc ::deployer::WordConstructor args {
    set ns [BodyOf constructor]
    FailDefine $ns constructor "a service cannot have a constructor: its\
        instances are made by the deployer"
}

proc ::deployer::WordVariable args {
    set ns [BodyOf variable]
    set name [lindex $args 0]
    Fail [list STATE $name] "a service keeps no state between calls, so it\
        has no variable \"$name\": pass values, or use a property"
}

# Words of oo::define itself.

proc ::deployer::WordOfCore {word args} {
    set ns [BodyOf $word]
    uplevel 1 [list ::oo::define [ClassOf $ns] $word {*}$args]
}

# method, forward, renamemethod, deletemethod: not with reserved names.
proc ::deployer::WordOfMethod {word args} {
    variable ReservedNames
    set ns [BodyOf $word]
    foreach name [lrange $args 0 [expr {$word eq "renamemethod"}]] {
        if {$name in $ReservedNames} {
            FailDefine $ns $name "\"$name\" is reserved and cannot be redefined"
        }
    }
    set class [ClassOf $ns]
    uplevel 1 [list ::oo::define $class $word {*}$args]
    if {$word in {renamemethod deletemethod}} {
        namespace upvar [info object namespace $class] Facts facts
        lassign $args old new
        if {[dict exists $facts members $old]} {
            if {$word eq "renamemethod"} {
                dict set facts members $new [dict get $facts members $old]
            }
            dict unset facts members $old
        }
    }
}

# Whatever the superclasses are, one of them must be a service.
proc ::deployer::WordSuperclass args {
    set ns [BodyOf superclass]
    set class [ClassOf $ns]
    uplevel 1 [list ::oo::define $class superclass {*}$args]
    set supers [info class superclasses $class]
    foreach super $supers {
        if {$super eq "::deployer::Service" || [IsService $super]} {
            return
        }
    }
    set supers [lsearch -all -inline -exact -not $supers ::oo::object]
    ::oo::define $class superclass ::deployer::Service {*}$supers
}

proc ::deployer::ClassOf ns {
    variable Bodies
    return [dict get $Bodies($ns) class]
}

apply {{} {
    foreach {word command} {
        property WordProperty getter WordGetter action WordAction
        service WordService roles WordRoles isolate WordIsolate map WordMap
        hosts WordHosts group WordGroup describe WordDescribe
        loggers WordLoggers query WordQuery constructor WordConstructor
        variable WordVariable superclass WordSuperclass
    } {
        interp alias {} ::deployer::definers::$word {} ::deployer::$command
    }
    foreach word {method forward renamemethod deletemethod} {
        interp alias {} ::deployer::definers::$word \
            {} ::deployer::WordOfMethod $word
    }
}}
::deployer::AdoptWords

# definers.tcl -- the words of the body of a service.
#
# Layer T2. Each word is a procedure that is called from a body (BodyOf gives
# its namespace) and changes the body's class, whose facts are described in
# define.tcl. All errors are {DEPLOYER DEFINE word}, with file and line.

namespace eval ::deployer {
    variable ReservedNames {
        hosts host parent root at info fork initialize console report loggers
        sandbox destroy unknown eval variable varname
    }
    # Kept as one value, so that it is compiled once.
    variable NamePattern {^[[:alpha:]_][^\s:/,;*?"$\\{}()\[\]]*$}
    variable Groups {production staging beta local utility other}
}

# Checks a name that a definer is to give; ALIAS allows dots.
proc ::deployer::CheckName {ns name {alias 0}} {
    variable ReservedNames
    variable NamePattern
    if {$name in $ReservedNames} {
        FailDefine $ns $name "\"$name\" is reserved and cannot be redefined"
    }
    if {![regexp -- $NamePattern $name]
            || !$alias && [string match *.* $name]} {
        FailDefine $ns $name "\"[Shorten $name 40]\" cannot be a name: it must\
            begin with a letter or \"_\" and have no white space or any of\
            :/.,;*?\"\$\\{}()\[\]"
    }
}

# A definer whose NAME has dots reaches into nested services; it is looked at
# when the body ends. Returns whether it is one.
proc ::deployer::Reaches {ns definer name words} {
    if {[string first . $name] < 0} {
        return 0
    }
    LaterReach $ns $definer [ReachPath $ns $name] $words
    return 1
}

# The words between the dots of NAME.
proc ::deployer::ReachPath {ns name} {
    set path [split $name .]
    if {"" in $path || ![llength $path]} {
        FailDefine $ns $name "\"[Shorten $name 40]\" cannot be a name: a word\
            between dots is empty"
    }
    return $path
}

proc ::deployer::LaterReach {ns definer path words} {
    variable Bodies
    dict update Bodies($ns) reaches reaches {
        lappend reaches [list $definer $path $words \
            [dict get $Bodies($ns) at] [dict get $Bodies($ns) source]]
    }
}

# The method that launches itself as a job: what is ours stands on the lines of
# the body, and only the call that comes from outside takes it. Values go on in
# the order of the formal arguments.
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
        \[self namespace\] \[self method\] \[list$values\]\]};\
        [SafeBody $class $name $body]"
}

# BODY of METHOD of CLASS, with something behind it. The body may be the end of
# the class, and Tcl 8.6 looks at the class of each method that an error leaves,
# alive or not. KeepClass holds it, but its name is lost then, and it is freed
# where its own namespace is deleted or where the object had left it before: so
# the error leaves as a return. All but a plain end or `return` is left to
# LeaveAction.
proc ::deployer::SafeBody {class method body} {
    set word [list $body\n]
    if {[string index $word 0] ne "\{"} {
        # It cannot stand in braces: lines would be counted wrongly.
        return $body
    }
    return "catch $word {deployer result} {deployer options}; if\
        {!\[dict get \${deployer options} -code\] &&\
        \[dict get \${deployer options} -level\] < 2} {return\
        \${deployer result}}; return {*}\[::deployer::LeaveAction\
        [list $class $method [info object namespace $class]]\
        \${deployer result} \${deployer options}\]"
}

# Words for `return` where METHOD of CLASS, whose namespace is or was NS, ended
# with MESSAGE and OPTIONS. Its error trace becomes what it is without `catch`.
proc ::deployer::LeaveAction {class method ns message options} {
    if {[dict get $options -level] > 0} {
        return [list -options $options $message]
    }
    set code [dict get $options -code]
    if {$code == 1} {
        lassign [dict get $options -errorstack] - inner
        if {![catch {lindex $inner 0} word] && $word eq "syntax"} {
            # The body itself cannot be parsed: Tcl knows no more than `catch`.
            set given [lindex $inner 2]
            set trace [dict get $given -errorinfo]
            if {[string match "\n    invoked from within\n\"catch *" \
                    [string range [dict get $options -errorinfo] \
                        [string length $trace] end]]} {
                dict set options -errorinfo $trace
                dict set options -errorline [dict get $given -errorline]
            }
        }
    }
    if {[namespace exists $ns]} {
        return [list -options $options $message]
    }
    if {$code in {3 4}} {
        set message "invoked \"[expr {$code == 3 ? "break" : "continue"}]\"\
            outside of a loop"
        set code 1
        set options [list -code 1 -level 0 -errorinfo $message -errorline 1 \
            -errorcode {TCL RESULT UNEXPECTED}]
    }
    if {$code == 1} {
        # The frame that Tcl would have added.
        dict append options -errorinfo "\n    (class \"$class\" method\
            \"$method\" line [dict get $options -errorline])"
    }
    return [list -options [dict replace $options -level 1] $message]
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
    if {$name in [dict get $Bodies($ns) made]} {
        FailDefine $ns $name "service $name is defined twice in this body"
    }
    set class [ClassOf $ns]
    set super ::deployer::Service
    if {[llength $words] && ![string match -* [lindex $words 0]]} {
        set words [lassign $words word]
        set super [SuperOf $ns $word]
        set old [Member $class $name]
        if {[dict exists $old class] && [dict get $old owner] eq $class
                && $super in [ClassTree [dict get $old class]]} {
            FailDefine $ns $word "service $name cannot be derived from\
                \"$word\", which it replaces: add to that one with\
                deployer::define"
        }
    }
    set facts [ServiceOptions $ns $name $words]
    dict set facts space [dict get $Bodies($ns) space]
    dict set facts name $name
    dict set facts outer $class
    dict set facts place [BodyPlace [info frame -1] $body \
        [dict get $Bodies($ns) place]]
    dict set facts source [list [dict get $Bodies($ns) source]]
    AddNested $ns $name $super $facts $body
    dict update Bodies($ns) made made {
        lappend made $name
    }
    return
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
                CheckRole $ns $role
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

# Makes the nested class NAME of the class of body NS. SERIAL is its place among
# the members where it stands for an inherited one.
proc ::deployer::AddNested {ns name super facts body {serial {}}} {
    variable Bodies
    set class [ClassOf $ns]
    set nested $class.$name
    DropMember $ns $name
    if {[namespace which -command $nested] ne ""} {
        FailDefine $ns $name "service $name cannot be made: there is a command\
            $nested already"
    }
    if {[catch {
        ::deployer::service create $nested <nested> $facts $super $body \
            [dict get $Bodies($ns) deal]
    } message options]} {
        # The error's own code and place; our frames say nothing.
        dict incr options -level 2
        return -options $options $message
    }
    namespace upvar [info object namespace $class] Facts outer
    dict lappend outer nested $nested
    ::oo::define $class method $name args "tailcall ::deployer::Nested\
        \[self namespace\] [list $name $nested] \$args"
    set entry [list class $nested]
    if {$serial ne ""} {
        lappend entry serial $serial
    }
    AddMember $ns service $name $entry
}

proc ::deployer::WordRoles args {
    set ns [BodyOf roles]
    foreach role $args {
        CheckRole $ns $role
    }
    if {[llength [lsort -unique $args]] < [llength $args]} {
        FailDefine $ns roles "roles: a role stands twice in\
            \"[Shorten $args 40]\""
    }
    SetFact $ns roles $args
}

proc ::deployer::WordIsolate args {
    set ns [BodyOf isolate]
    if {[llength $args] > 1} {
        FailDefine $ns isolate "should be \"isolate ?ROLE?\""
    }
    set role [expr {[llength $args] ? [lindex $args 0] : "host"}]
    CheckRole $ns $role
    SetFact $ns isolate $role
}

proc ::deployer::CheckRole {ns role} {
    if {$role eq "" || $role eq "*" || [regexp {\s} $role]} {
        FailDefine $ns $role "\"[Shorten $role 40]\" cannot be the name of a\
            role: it must be one word, and not \"*\""
    }
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
        LaterReach $ns hosts [ReachPath $ns $name] [list $value]
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
    if {[llength $value] != 2 * [dict size $value]} {
        FailDefine $ns $word "$word: a role stands twice in\
            \"[Shorten $value 40]\""
    }
    dict for {role list} $value {
        CheckRole $ns $role
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
    set words [lassign $args name]
    set expression [expr {[llength $words] == 2
        && [lindex $words 0] eq "-expr"}]
    if {!$expression && [llength $words] != 1} {
        if {[llength $words] > 1 && [string match -* [lindex $words 0]]} {
            FailDefine $ns [lindex $words 0] "query $name: unknown option\
                \"[Shorten [lindex $words 0] 40]\": must be -expr"
        }
        FailDefine $ns query \
            "should be \"query NAME PATH\" or \"query NAME -expr BODY\""
    }
    set last [lindex $words end]
    if {!$expression} {
        CheckPath $ns $name $last
    }
    if {[Reaches $ns query $name $words]} {
        return
    }
    CheckName $ns $name
    set class [ClassOf $ns]
    if {$expression} {
        set body "::deployer::QueryOpen \[self namespace\]; $last"
    } else {
        set body [list ::deployer::queries::Q {*}$last]
    }
    # On one line, so that lines of the body are counted as they stand.
    AddAction $class $name {} "::deployer::QueryBegin \[self namespace\]\
        [list $class $name]; try [list $body] on error {message options}\
        {return {*}\[::deployer::QueryFail [list $class $name] \$message\
        \$options\]} on return {message options}\
        {return {*}\[::deployer::QueryReturn [list $class $name] \$message\
        \$options\]} finally {::deployer::QueryEnd}"
    AddMember $ns query $name [list \
        [expr {$expression ? "body" : "path"}] $last]
}

# PATH of query NAME must be a list; words of several words say what they are.
proc ::deployer::CheckPath {ns name path} {
    if {[catch {llength $path} length] || !$length} {
        FailDefine $ns $name "query $name: \"[Shorten $path 40]\" is no path:\
            it must be a list of words, and not empty"
    }
    foreach word $path {
        if {[string is list $word] && [llength $word] != 2
                && [lindex $word 0] in {parent at} && [llength $word] > 1} {
            FailDefine $ns $word "query $name: \"[Shorten $word 40]\" should be\
                \"{[lindex $word 0]\
                [expr {[lindex $word 0] eq "at" ? "INDEX" : "NAME"}]}\""
        }
    }
}

proc ::deployer::WordConstructor args {
    set ns [BodyOf constructor]
    FailDefine $ns constructor "a service cannot have a constructor: its\
        instances are made by the deployer"
}

proc ::deployer::WordVariable args {
    variable Bodies
    set ns [BodyOf variable]
    set name [lindex $args 0]
    Fail [list STATE $name] "a service keeps no state between calls, so it\
        has no variable \"$name\": pass values, or use a\
        property[AtPlace [dict get $Bodies($ns) at]]"
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
    namespace upvar [info object namespace $class] Facts facts
    if {$word eq "renamemethod"} {
        lassign $args old new
        uplevel 1 [list ::oo::define $class renamemethod {*}$args]
        if {[dict exists $facts members $old]} {
            dict set facts members $new [dict get $facts members $old]
            dict unset facts members $old
            if {[dict exists $facts default]
                    && [dict get $facts default] eq $old} {
                dict set facts default $new
            }
        }
        return
    }
    uplevel 1 [list ::oo::define $class $word {*}$args]
    foreach name [expr {$word eq "deletemethod" ? $args : [lrange $args 0 0]}] {
        DropMember $ns $name
        dict unset facts members $name
    }
}

# superclass, mixin. Whatever the superclasses are, one of them must be a
# service.
proc ::deployer::WordOfLineage {word list fault args} {
    set ns [BodyOf $word]
    set class [ClassOf $ns]
    CheckClasses $ns $word $args
    set before [PlacesBelow $ns]
    set old [info class $list $class]
    if {[catch {
        uplevel 1 [list ::oo::define $class $word {*}$args]
    } message]} {
        FailDefine $ns $word "$word: service $class $fault\
            \"[Shorten $args 80]\": $message"
    }
    set supers [info class superclasses $class]
    if {![llength [lmap super $supers {
        if {$super ne "::deployer::Service" && ![IsService $super]} continue
        set super
    }]]} {
        set supers [lsearch -all -inline -exact -not $supers ::oo::object]
        ::oo::define $class superclass ::deployer::Service {*}$supers
    }
    if {[PlacesBelow $ns] ne $before} {
        ::oo::define $class $word -set {*}$old
        FailPlaces $ns $word
    }
}

# What the class of the body NS, and each one derived from it, says about hosts,
# where it has instances: these were made with it. {} while it is being made.
proc ::deployer::PlacesBelow ns {
    variable Bodies
    set places {}
    if {[dict get $Bodies($ns) again]} {
        set pending [list [ClassOf $ns]]
        while {[llength $pending]} {
            set pending [lassign $pending class]
            lappend pending {*}[info class subclasses $class]
            if {[IsService $class] && [llength [info class instances $class]]} {
                foreach key {source isolate justone roles} {
                    dict set places $class $key \
                        [dict get [Summary $class] $key]
                }
            }
        }
    }
    return $places
}

proc ::deployer::FailPlaces {ns word} {
    set class [ClassOf $ns]
    FailDefine $ns $word "$word would change hosts, roles or isolation of\
        service $class, which has instances, as [FirstInstance $class]: destroy\
        them before"
}

# Each of WORDS must be a class where the body NS stands, though none of
# classes, or an operation of a slot, as -append.
proc ::deployer::CheckClasses {ns definer words} {
    foreach word $words {
        if {[string match -* $word]} {
            continue
        }
        set found [namespace eval $ns [list ::namespace which -command $word]]
        if {$found eq "" || ![info object isa object $found]
                || ![info object isa class $found]} {
            FailDefine $ns $word \
                "$definer: \"[Shorten $word 80]\" is no class"
        }
        if {[info object isa metaclass $found]} {
            FailDefine $ns $word "$definer: \"[Shorten $word 80]\" is a class\
                of classes, and instances of a service are none"
        }
    }
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
        variable WordVariable
    } {
        interp alias {} ::deployer::definers::$word {} ::deployer::$command
    }
    foreach {word list fault} {
        superclass superclasses "cannot be derived from"
        mixin mixins "cannot take in"
    } {
        interp alias {} ::deployer::definers::$word \
            {} ::deployer::WordOfLineage $word $list $fault
    }
    foreach word {method forward renamemethod deletemethod} {
        interp alias {} ::deployer::definers::$word \
            {} ::deployer::WordOfMethod $word
    }
}}
::deployer::AdoptWords

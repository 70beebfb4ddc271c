# hosts.tcl -- containers: many hosts in roles, and the verbs on all of them.
#
# Layer T1. What a container stands for is a value, a view: the list {set
# options single}. set: a value of core::hostset, the hosts in their roles;
# options: dict of parallel, batch, maxfail, pause; single: 1 where results are
# those of the one host. Words are procedures on views, so that a sequence of words makes
# no object; only a result that is a container becomes one. Names of hosts in
# words resolve in the namespace of the caller.

namespace eval ::deployer {
    # word -> procedure {view args}. The layers above may add to it.
    variable HostsWords {}

    foreach word {
        filter one at without select roles slugs count contains dict nodeset
        each cd env prefix run sudo process
    } {
        dict set HostsWords $word ::deployer::Hosts[string totitle $word]
    }
    foreach word {
        expand getcwd home hostname ipaddress hascommand is64bit
    } {
        dict set HostsWords $word [list ::deployer::HostsVerb $word]
    }
    unset word

    # word -> {least most usage}: how many words may follow, "" without an end.
    # Those that are not here check it themselves.
    variable HostsUsage {
        filter {1 {} "ROLES ?word ...?"} one {1 {} "ROLES ?word ...?"}
        at {1 {} "INDEX ?word ...?"} without {1 {} "SLUGS ?word ...?"}
        select {1 {} "NODESET ?word ...?"}
        roles {0 0 {}} slugs {0 0 {}} count {0 0 {}} dict {0 0 {}}
        nodeset {0 0 {}} contains {1 1 HOST} each {2 2 "VARNAME BODY"}
        expand {1 1 PATH} hascommand {1 1 NAME}
        getcwd {0 0 {}} hostname {0 0 {}} is64bit {0 0 {}}
        home {0 1 ?USER?} ipaddress {0 1 ?INTERFACE?}
    }
}

oo::class create ::deployer::hosts {
    variable View

    # ROLES: role -> hosts and containers. OPTIONS: dict of parallel, batch,
    # maxfail, pause for the verbs, and single 1 where it is to stand for the
    # one host that it holds.
    constructor {roles {options {}}} {
        my SetView [::deployer::HostsView $roles $options \
            [uplevel 1 {::namespace current}]]
    }

    method View {} {
        return $View
    }

    # C knows the set as well, for lists of hosts that name the container.
    method SetView view {
        set View $view
        ::deployer::core::hostset carry [lindex $view 0] [self]
    }

    method unknown args {
        tailcall ::deployer::HostsDo $View {*}$args
    }
    unexport unknown
}

# The words are methods, so that they are listed; `tailcall` keeps the frame of
# the caller the one that bodies run in.
proc ::deployer::DefineHostsWord word {
    oo::define ::deployer::hosts method $word args \
        "tailcall ::deployer::HostsDo \$View [list $word] {*}\$args"
}
apply {{} {
    foreach word [dict keys $::deployer::HostsWords] {
        ::deployer::DefineHostsWord $word
    }
}}

# Evaluates a sequence of words on a view.
proc ::deployer::HostsDo {view args} {
    variable HostsWords
    variable HostsUsage
    set word [lindex $args 0]
    if {![dict exists $HostsWords $word]} {
        Fail [list ARGUMENT $word] "unknown word \"$word\": must be\
            [join [lsort [dict keys $HostsWords]] {, }]"
    }
    if {[dict exists $HostsUsage $word]} {
        lassign [dict get $HostsUsage $word] least most usage
        set count [expr {[llength $args] - 1}]
        if {$count < $least || $most ne "" && $count > $most} {
            WrongArgs [string trimright "hosts $word $usage"]
        }
    }
    tailcall {*}[dict get $HostsWords $word] $view {*}[lrange $args 1 end]
}

# The rest of a sequence: on VIEW where words follow, else a container of it.
proc ::deployer::HostsGo {view words} {
    if {[llength $words]} {
        tailcall ::deployer::HostsDo $view {*}$words
    }
    return [HostsObject $view]
}

# A container object of a view, which dies with the action that makes it.
proc ::deployer::HostsObject view {
    set container [hosts new {}]
    [info object namespace $container]::my SetView $view
    return [Own $container]
}

# A view of ROLES (role -> hosts and containers), whose names resolve in
# namespace SPACE, the caller's without it. OPTIONS as for a container.
# {DEPLOYER HOSTS UNKNOWN|DUPLICATE} where a name is no host or two hosts have
# one slug.
proc ::deployer::HostsView {roles {options {}} {space {}}} {
    if {$space eq ""} {
        set space [uplevel 1 {::namespace current}]
    }
    set single [expr {[dict exists $options single]
        && [dict get $options single]}]
    return [list [core::hostset make $roles $space] \
        [dict remove $options single] $single]
}

# The same with the options of VIEW.
proc ::deployer::HostsOwn {view roles space} {
    return [list [core::hostset make $roles $space] [lindex $view 1] 0]
}

# The view in which each role of MAP has the hosts of the roles in VIEW that it
# lists; `*` is all of them, what is unknown is empty.
proc ::deployer::HostsMapped {view map space} {
    return [list [core::hostset map [lindex $view 0] $map $space] \
        [lindex $view 1] 0]
}

# The view in which ROLE holds only its host at POSITION.
proc ::deployer::HostsCell {view role position} {
    return [list [core::hostset cell [lindex $view 0] $role $position] \
        [lindex $view 1] 0]
}

proc ::deployer::HostsSet view {
    return [lindex $view 0]
}

proc ::deployer::HostsOptions view {
    return [lindex $view 1]
}

# The words. Each runs, by tailcall, in the frame of the caller.

proc ::deployer::HostsFilter {view roles args} {
    tailcall ::deployer::HostsGo [list \
        [core::hostset pick [lindex $view 0] $roles \
        [uplevel 1 {::namespace current}]] [lindex $view 1] 0] $args
}

# Raises that WHAT, the hosts of SET, is not exactly one. ROLES are those that
# there are.
proc ::deployer::FailCount {what set {roles {}}} {
    set count [core::hostset count $set]
    if {$count} {
        set text "\"[Shorten $what]\" are $count hosts, not exactly one:\
            [NamesFolded [core::hostset slugs $set]]"
    } else {
        set text "\"[Shorten $what]\" has no host, where exactly one is wanted"
        if {[llength $roles]} {
            append text ": there [expr {[llength $roles] == 1
                ? "is the role" : "are the roles"}]\
                [Shorten [join $roles {, }] 200]"
        }
    }
    Fail [list HOSTS COUNT $count] $text
}

# The names of hosts or cells for messages.
proc ::deployer::NamesFolded names {
    if {[llength $names] < 2 || [catch {core::nodeset fold $names} folded]} {
        set folded [join [lmap name [lrange $names 0 100] {join $name}] {, }]
    }
    return [Shorten $folded 200]
}

proc ::deployer::HostsOne {view roles args} {
    set set [core::hostset pick [lindex $view 0] $roles \
        [uplevel 1 {::namespace current}]]
    set count [core::hostset count $set]
    if {$count != 1} {
        FailCount $roles $set [core::hostset roles [lindex $view 0]]
    }
    tailcall ::deployer::HostsGo [list $set [lindex $view 1] 1] $args
}

proc ::deployer::HostsAt {view index args} {
    lassign $view set options
    set set [core::hostset only $set [list $index] \
        [uplevel 1 {::namespace current}]]
    if {![core::hostset count $set]} {
        Fail [list HOSTS UNKNOWN $index] \
            "there is no host \"[Shorten $index]\" among [NamesFolded \
                [core::hostset slugs [lindex $view 0]]]"
    }
    tailcall ::deployer::HostsGo [list $set $options 1] $args
}

proc ::deployer::HostsWithout {view slugs args} {
    tailcall ::deployer::HostsGo [list \
        [core::hostset without [lindex $view 0] $slugs \
        [uplevel 1 {::namespace current}]] [lindex $view 1] 0] $args
}

proc ::deployer::HostsSelect {view nodeset args} {
    # Not a list of the names that NODESET stands for: they can be millions.
    set set [lindex $view 0]
    set slugs [core::nodeset among $nodeset [core::hostset slugs $set]]
    tailcall ::deployer::HostsGo [list [core::hostset select $set $slugs] \
        [lindex $view 1] 0] $args
}

proc ::deployer::HostsRoles view {
    return [core::hostset roles [lindex $view 0]]
}

proc ::deployer::HostsSlugs view {
    return [core::hostset slugs [lindex $view 0]]
}

proc ::deployer::HostsCount view {
    return [core::hostset count [lindex $view 0]]
}

proc ::deployer::HostsContains {view host} {
    return [expr {![regexp {^\d+$} $host]
        && [core::hostset index [lindex $view 0] $host {} \
            [uplevel 1 {::namespace current}]] >= 0}]
}

proc ::deployer::HostsDict view {
    return [core::hostset dict [lindex $view 0]]
}

proc ::deployer::HostsNodeset view {
    return [nodeset fold [core::hostset slugs [lindex $view 0]]]
}

# The loop itself runs in the frame of the caller, so that `return` in BODY is
# the caller's.
proc ::deployer::HostsEach {view varName body} {
    tailcall ::foreach $varName [core::hostset hosts [lindex $view 0]] $body
}

proc ::deployer::HostsCd {view args} {
    tailcall ::deployer::VerbCd [core::hostset hosts [lindex $view 0]] {*}$args
}

proc ::deployer::HostsEnv {view args} {
    tailcall ::deployer::VerbEnv [core::hostset hosts [lindex $view 0]] {*}$args
}

proc ::deployer::HostsPrefix {view args} {
    tailcall ::deployer::VerbPrefix [core::hostset hosts [lindex $view 0]] \
        {*}$args
}

proc ::deployer::HostsRun {view args} {
    tailcall ::deployer::HostsRunVerb $view [RunOptions run args] \
        [lindex $args 0]
}

proc ::deployer::HostsSudo {view args} {
    set opts [RunOptions sudo args]
    dict set opts sudo 1
    tailcall ::deployer::HostsRunVerb $view $opts [lindex $args 0]
}

proc ::deployer::HostsRunVerb {view opts line} {
    foreach name {parallel batch maxfail pause} {
        if {[dict exists $opts $name]} {
            lset view 1 [dict replace [lindex $view 1] \
                $name [dict get $opts $name]]
        }
    }
    if {[dict exists $opts stdinchannel]
            && [core::hostset count [lindex $view 0]] > 1} {
        # Each host reads all of it.
        set channel [dict get $opts stdinchannel]
        dict unset opts stdinchannel
        dict set opts stdin [Await [GatherStart $channel]]
    }
    tailcall ::deployer::HostsCall $view [list Run $line $opts]
}

proc ::deployer::HostsProcess {view args} {
    set opts [ProcessOptions args]
    if {[core::hostset count [lindex $view 0]] > 1} {
        foreach name {stdin stdout stderr} {
            if {[dict exists $opts $name]} {
                Fail [list OPTION -$name] \
                    "-$name takes one channel, and these are several hosts"
            }
        }
    }
    tailcall ::deployer::HostsCall $view [list Process [lindex $args 0] $opts]
}

proc ::deployer::HostsVerb {verb view args} {
    tailcall ::deployer::HostsCall $view [list $verb {*}$args]
}

# Calls a method of the hosts: the value of the one host of a single view, else
# a dict slug -> value.
proc ::deployer::HostsCall {view words} {
    JobMay $words
    lassign $view set options single
    if {$single} {
        set host [core::hostset host $set 0]
        tailcall [info object namespace $host]::my {*}$words
    }
    dict set options data [list $set $words]
    tailcall ::deployer::Fanout [core::hostset slugs $set] \
        ::deployer::HostsCallOne $options
}

proc ::deployer::HostsCallOne {fan slug} {
    variable FanData
    lassign $FanData($fan) set words
    set position [core::hostset index $set $slug]
    if {$position < 0} {
        Fail [list HOSTS UNKNOWN $slug] "host $slug no longer has that slug"
    }
    set host [core::hostset host $set $position]
    tailcall [info object namespace $host]::my {*}$words
}

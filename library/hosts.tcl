# hosts.tcl -- containers: many hosts in roles, and the verbs on all of them.
#
# Layer T1. What a container stands for is a value, a view: the list {roles
# members options single}. roles: role -> list of host objects; members: slug ->
# host object, each once, in the order of definition; options: dict of
# parallel, batch, maxfail, pause; single: 1 where results are those of the one
# host. Words are procedures on views, so that a sequence of words makes no
# object; only a result that is a container becomes one.

namespace eval ::deployer {
    # word -> procedure {view args}. The layers above may add to it.
    variable HostsWords {}

    foreach word {
        filter one at without roles slugs count contains dict each cd env prefix
        run sudo process
    } {
        dict set HostsWords $word ::deployer::Hosts[string totitle $word]
    }
    foreach word {
        expand getcwd home hostname ipaddress hascommand is64bit exists
    } {
        dict set HostsWords $word [list ::deployer::HostsVerb $word]
    }
    unset word
}

oo::class create ::deployer::hosts {
    variable View

    # ROLES: role -> hosts and containers. OPTIONS: dict of parallel, batch,
    # maxfail, pause for the verbs, and single 1 where it is to stand for the
    # one host that it holds.
    constructor {roles {options {}}} {
        set View [::deployer::HostsView $roles $options]
    }

    method View {} {
        return $View
    }

    method SetView view {
        set View $view
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
    set word [lindex $args 0]
    if {![dict exists $HostsWords $word]} {
        Fail [list ARGUMENT $word] "unknown word \"$word\": must be\
            [join [lsort [dict keys $HostsWords]] {, }]"
    }
    tailcall {*}[dict get $HostsWords $word] $view {*}[lrange $args 1 end]
}

# The rest of a sequence: on VIEW where words follow, else a container of it.
proc ::deployer::HostsGo {view words} {
    if {[llength $words]} {
        tailcall HostsDo $view {*}$words
    }
    return [HostsObject $view]
}

# A container object of a view, which dies with the action that makes it.
proc ::deployer::HostsObject view {
    set container [hosts new {}]
    [info object namespace $container]::my SetView $view
    return [Own $container]
}

# A view of ROLES (role -> hosts and containers).
# {DEPLOYER HOSTS UNKNOWN|DUPLICATE} where a name is no host or two hosts have
# one slug.
proc ::deployer::HostsView {roles {options {}}} {
    if {[catch {dict size $roles}]} {
        Fail {ARGUMENT roles} "roles must be a dict of role and list of hosts"
    }
    set clean {}
    set all {}
    dict for {role words} $roles {
        if {![string is list $words]} {
            Fail [list ARGUMENT $role] "role $role must be a list of hosts"
        }
        set hosts [HostList $words]
        dict set clean $role $hosts
        lappend all {*}$hosts
    }
    set single [expr {[dict exists $options single]
        && [dict get $options single]}]
    return [list $clean [HostMembers $all] [dict remove $options single] \
        $single]
}

# The host objects that WORDS (hosts and containers) stand for, each once.
proc ::deployer::HostList words {
    set hosts {}
    foreach word $words {
        set object [WhichObject $word]
        if {[info object isa typeof $object ::deployer::host]} {
            dict set hosts $object 1
            continue
        }
        set view [[info object namespace $object]::my View]
        foreach host [dict values [lindex $view 1]] {
            dict set hosts $host 1
        }
    }
    return [dict keys $hosts]
}

# slug -> host for a list of hosts.
proc ::deployer::HostMembers hosts {
    set members {}
    foreach host $hosts {
        set slug [$host cget -slug]
        if {![dict exists $members $slug]} {
            dict set members $slug $host
        } elseif {[dict get $members $slug] ne $host} {
            Fail [list HOSTS DUPLICATE $slug] \
                "two different hosts have the slug \"$slug\""
        }
    }
    return $members
}

# The view with only HOSTS in it, in their old order. ROLES: only these roles
# stay ("*" is all).
proc ::deployer::HostsSubset {view hosts {keep *}} {
    lassign $view roles members options single
    set wanted {}
    foreach host $hosts {
        dict set wanted $host 1
    }
    set subset {}
    dict for {role list} $roles {
        set left {}
        foreach host $list {
            if {[dict exists $wanted $host]} {
                lappend left $host
            }
        }
        if {$keep eq "*" ? [llength $left] : $role in $keep} {
            dict set subset $role $left
        }
    }
    set order {}
    dict for {slug host} $members {
        if {[dict exists $wanted $host]} {
            dict set order $slug $host
        }
    }
    return [list $subset $order $options $single]
}

# The view of the hosts in one of WORDS: roles, hosts, containers. Hosts that
# were named themselves keep all of their roles.
proc ::deployer::HostsPick {view words} {
    lassign $view roles members options
    if {![string is list $words]} {
        Fail [list ARGUMENT $words] "\"$words\" is no list of roles"
    }
    set picked {}
    set named {}
    foreach word $words {
        if {[dict exists $roles $word]} {
            lappend picked {*}[dict get $roles $word]
            lappend named $word
        } elseif {$word eq "*"} {
            return $view
        } elseif {![catch {HostList [list $word]} hosts]} {
            foreach host $hosts {
                if {$host in [dict values $members]} {
                    lappend picked $host
                    dict for {role list} $roles {
                        if {$host in $list} {
                            lappend named $role
                        }
                    }
                }
            }
        }
    }
    return [HostsSubset $view $picked $named]
}

# The words.

proc ::deployer::HostsFilter {view roles args} {
    tailcall HostsGo [lreplace [HostsPick $view $roles] 3 3 0] $args
}

proc ::deployer::HostsOne {view roles args} {
    set view [HostsPick $view $roles]
    set count [dict size [lindex $view 1]]
    if {$count != 1} {
        Fail [list HOSTS COUNT $count] \
            "\"$roles\" are $count hosts, not exactly one"
    }
    tailcall HostsGo [lreplace $view 3 3 1] $args
}

proc ::deployer::HostsAt {view index args} {
    set host [HostsIndex $view $index]
    if {$host eq ""} {
        Fail [list HOSTS UNKNOWN $index] \
            "there is no host \"$index\" among\
            [Shorten [join [dict keys [lindex $view 1]] {, }]]"
    }
    tailcall HostsGo [lreplace [HostsSubset $view [list $host]] 3 3 1] $args
}

# The host at a position, with a slug, or itself; "" where it is not there.
proc ::deployer::HostsIndex {view index} {
    set members [lindex $view 1]
    if {[string is entier -strict $index] && $index >= 0
            && $index < [dict size $members]} {
        return [lindex $members [expr {$index * 2 + 1}]]
    }
    if {[dict exists $members $index]} {
        return [dict get $members $index]
    }
    if {![catch {WhichHost $index} host] && $host in [dict values $members]} {
        return $host
    }
    return ""
}

proc ::deployer::HostsWithout {view slugs args} {
    set gone {}
    foreach slug $slugs {
        lappend gone [HostsIndex $view $slug]
    }
    set left {}
    foreach host [dict values [lindex $view 1]] {
        if {$host ni $gone} {
            lappend left $host
        }
    }
    tailcall HostsGo [lreplace [HostsSubset $view $left] 3 3 0] $args
}

proc ::deployer::HostsRoles view {
    return [dict keys [lindex $view 0]]
}

proc ::deployer::HostsSlugs view {
    return [dict keys [lindex $view 1]]
}

proc ::deployer::HostsCount view {
    return [dict size [lindex $view 1]]
}

proc ::deployer::HostsContains {view host} {
    if {[dict exists [lindex $view 1] $host]} {
        return 1
    }
    return [expr {![string is entier -strict $host]
        && [HostsIndex $view $host] ne ""}]
}

proc ::deployer::HostsDict view {
    return [lindex $view 0]
}

proc ::deployer::HostsEach {view varName body} {
    uplevel 1 [list foreach $varName [dict values [lindex $view 1]] $body]
    return
}

proc ::deployer::HostsCd {view args} {
    tailcall VerbCd [dict values [lindex $view 1]] {*}$args
}

proc ::deployer::HostsEnv {view args} {
    tailcall VerbEnv [dict values [lindex $view 1]] {*}$args
}

proc ::deployer::HostsPrefix {view args} {
    tailcall VerbPrefix [dict values [lindex $view 1]] {*}$args
}

proc ::deployer::HostsRun {view args} {
    tailcall HostsRunVerb $view [RunOptions run args] [lindex $args 0]
}

proc ::deployer::HostsSudo {view args} {
    set opts [RunOptions sudo args]
    dict set opts sudo 1
    tailcall HostsRunVerb $view $opts [lindex $args 0]
}

proc ::deployer::HostsRunVerb {view opts line} {
    foreach name {parallel batch maxfail pause} {
        if {[dict exists $opts $name]} {
            lset view 2 [dict replace [lindex $view 2] \
                $name [dict get $opts $name]]
        }
    }
    if {[dict exists $opts stdinchannel]
            && [dict size [lindex $view 1]] > 1} {
        # Each host reads all of it.
        set channel [dict get $opts stdinchannel]
        dict unset opts stdinchannel
        dict set opts stdin [Await [GatherStart $channel]]
    }
    tailcall HostsCall $view [list Run $line $opts]
}

proc ::deployer::HostsProcess {view args} {
    set opts [ProcessOptions args]
    if {[dict size [lindex $view 1]] > 1} {
        foreach name {stdin stdout stderr} {
            if {[dict exists $opts $name]} {
                Fail [list OPTION -$name] \
                    "-$name takes one channel, and these are several hosts"
            }
        }
    }
    tailcall HostsCall $view [list Process [lindex $args 0] $opts]
}

proc ::deployer::HostsVerb {verb view args} {
    tailcall HostsCall $view [list $verb {*}$args]
}

# Calls a method of the hosts: the value of the one host of a single view, else
# a dict slug -> value.
proc ::deployer::HostsCall {view words} {
    lassign $view roles members options single
    if {$single} {
        set host [lindex $members 1]
        tailcall [info object namespace $host]::my {*}$words
    }
    tailcall Fanout [dict keys $members] \
        [list ::deployer::HostsCallOne $members $words] $options
}

proc ::deployer::HostsCallOne {members words slug} {
    set host [dict get $members $slug]
    if {![IsHost $host]} {
        Fail [list HOSTS UNKNOWN $slug] "host $slug no longer exists"
    }
    tailcall [info object namespace $host]::my {*}$words
}

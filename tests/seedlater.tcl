# seedlater.tcl -- features that the original got later (sections 1A to 1D of
# its inventory) and that no scenario has.
#
# Part of seed.test, which has the hosts h1 to h6 and `scene`.

# Services and actions.

test seed-4.1 {what a class is given later, its instances have} -body {
    scene {
        deployer::service create S { service child {} }
        S create s -hosts {host h1}
        s child
        deployer::define S {
            property p 1
            getter g { return g[my p] }
            query q {child c}
            action a {} { list [my p] [my g] [my q] }
            service other { action go {} { my hosts slugs } }
        }
        deployer::define S.child { property c 2 }
        list [s a] [s other go] [s child c]
    }
} -result {{1 g1 2} h1 2}

test seed-4.2 {errors at definition name the word, the file and the line} \
        -body {
    scene {
        set script {
            deployer::service create S {
                service inner {
                    roles host
                    hosts 4
                }
            }
        }
        set file [file join [tempDir] define.tcl]
        set chan [open $file w]
        puts $chan $script
        close $chan
        catch {source $file} message options
        file delete -force [file dirname $file]
        list [dict get $options -errorcode] \
            [string match "*hosts*\"$file\" line 5*" $message]
    }
} -result {{DEPLOYER DEFINE hosts} 1}

test seed-4.3 {the loggers of a class and of an instance} -setup {
    foreach name {one two three} {
        proc $name args {}
    }
} -body {
    scene {
        deployer::service create S { loggers {one two} }
        S create s -loggers three
        lmap logger [s loggers list] {namespace tail $logger}
    }
} -cleanup {
    foreach name {one two three} {
        rename $name {}
    }
} -result {one two three}

test seed-4.4 {an array of no hosts, and of one} -body {
    scene {
        deployer::service create S {
            service cells -map {host r} -isolate {
                property p 1
                action go {} { return result }
            }
        }
        S create none -hosts {r {}}
        S create one -hosts {r h1}
        list [none cells go] [none cells p] [none cells info isolations] \
            [one cells go] [one cells p]
    }
} -result {{} {} {} {h1 result} {h1 1}}

test seed-4.5 {properties, getters and queries of an array, without a
        terminal} -body {
    scene {
        deployer::service create S {
            property up above
            service cells -isolate {
                property p value
                getter g { my host slugs }
                query q {parent up}
                query e -expr { format %s-%s [Q g] [Q parent up] }
            }
        }
        S create s -hosts {host {h2 h1}}
        set before [lsort [file channels]]
        list [s cells p] [s cells g] [s cells q] [s cells e] \
            [expr {[lsort [file channels]] eq $before}]
    }
} -result {{h2 value h1 value} {h2 h2 h1 h1} {h2 above h1 above}\
    {h2 h2-above h1 h1-above} 1}

test seed-4.6 {a required property is told by its name and its class} -body {
    scene {
        deployer::service create S {
            property needed
            service cells -isolate { property here }
        }
        S create s -hosts {host {h1 h2}}
        lassign [failure {s needed}] code message
        catch {s cells here} - options
        list [tails [lrange $code 3 4]] [string match *needed*S* $message] \
            [dict get $options -errorcode] \
            [lrange [dict get $options -failures h2 errorcode] 0 2]
    }
} -result {{S needed} 1 {DEPLOYER CELLS FAILED 2 2}\
    {DEPLOYER PROPERTY REQUIRED}}

test seed-4.7 {the default action is inherited; without one a word is wanted} \
        -body {
    scene {
        deployer::service create A { action go -default {} { return went } }
        deployer::service create B { superclass A; service plain {} }
        B create b
        list [b] [lrange [code {[b plain]}] 0 1]
    }
} -result {went {TCL WRONGARGS}}

test seed-4.8 {a quiet action gives its callers the result} -body {
    scene {
        deployer::service create S {
            action quiet -quiet {} { return result }
            action caller {} { my quiet }
        }
        S create s
        list [s quiet] [s caller]
    }
} -result {result result}

test seed-4.9 {for one cell only: no question where there is one} -body {
    scene {
        deployer::service create S {
            service cells -isolate {
                action go -oneonly {} { my host slugs }
            }
        }
        S create one -hosts {host h1}
        S create many -hosts {host {h1 h2}}
        list [one cells go] [many cells :h2 go] \
            [lrange [code {many cells go}] 0 1]
    }
} -result {h1 h2 {DEPLOYER INPUT}}

test seed-4.10 {initialize: hosts, lists, containers, the class's own} -body {
    scene {
        deployer::service create Own {
            hosts {host h4}
            action seen {} { list [my hosts slugs] [my info path] }
        }
        deployer::service create S {
            action go {class args} { my initialize $class {*}$args seen }
            action filtered class {
                my initialize $class -hosts [list host [my hosts filter b]] seen
            }
        }
        S create s -hosts {a h1 b {h2 h3}}
        list [lindex [s go Own] 0] \
            [lindex [s go Own -hosts {host h5}] 0] \
            [lindex [s go Own -hosts {host {h5 h6} x h1}] 0] \
            [lindex [s filtered Own] 0]
    }
} -result {h4 h5 {h5 h6 h1} {h2 h3}}

test seed-4.11 {what is initialized is gone when the action returns} -body {
    scene {
        deployer::service create Other { action go {} { return went } }
        deployer::service create S {
            action go {} {
                set other [my initialize Other]
                list $other [$other go]
            }
            action name {} {
                lindex [my go] 0
                return
            }
        }
        S create s
        s name
        set before [llength [info class instances Other]]
        for {set i 0} {$i < 100} {incr i} {
            s name
        }
        list $before [llength [info class instances Other]]
    }
} -result {0 0}

test seed-4.12 {fork: at once, joined, with results} -body {
    ::recorder::host create r1
    scene {
        deployer::service create S {
            action slow {name} { my hosts run "hold $name"; return did-$name }
            action go {} {
                set a [my fork slow a]
                set b [my fork slow b]
                my hosts run {hold main}
                $b join
                list [$a result] [$b result]
            }
        }
        S create s -hosts {host r1}
        set w [deployer::Job [list [namespace which s] go]]
        set held [list [held a] [held b] [held main]]
        release main
        release b
        release a
        list $held [deployer::Await $w]
    }
} -cleanup {
    r1 destroy
} -result {{1 1 1} {did-a did-b}}

test seed-4.13 {fork: cancelled} -body {
    ::recorder::host create r1
    scene {
        deployer::service create S {
            action slow {} { my hosts run {hold gate} }
            action go {} {
                set job [my fork slow]
                $job cancel
                catch {$job result} - options
                lrange [dict get $options -errorcode] 0 1
            }
        }
        S create s -hosts {host r1}
        s go
    }
} -cleanup {
    release gate
    r1 destroy
} -result {DEPLOYER CANCELLED}

test seed-4.14 {fork: one that fails and is not joined fails the action} -body {
    scene {
        deployer::service create S {
            action bad {} {
                return -code error -errorcode {MY CODE} "went wrong"
            }
            action never {} { my fork bad; return fine }
            action joined {} {
                set job [my fork bad]
                catch {$job join}
                catch {$job result} message options
                list $message [dict get $options -errorcode]
            }
        }
        S create s
        list [failure {s never}] [s joined]
    }
} -match glob -result {{{MY CODE} *went wrong*} {{went wrong} {MY CODE}}}

test seed-4.15 {groups: of its own, else its parent's, also of cells} -body {
    scene {
        deployer::service create S {
            group production
            service a { service b -isolate { service c {} } }
            service d { group staging; service e {} }
        }
        deployer::service create T { superclass S }
        deployer::service create U {}
        T create t -hosts {host h1}
        U create u
        list [t info group] [t a b :h1 c info group] [t a b info group] \
            [t d e info group] [u info group] \
            [code {deployer::service create V { group purple }}]
    }
} -result {production production production staging other\
    {DEPLOYER DEFINE purple}}

test seed-4.16 {no more than -maxfail cells fail before the rest is left out} \
        -body {
    scene {
        deployer::service create S {
            isolate
            action go {} { my host run {test $ME != h2} }
        }
        S create s -hosts {host {h1 h2 h3 h4}} -parallel 1 -maxfail 0
        catch {s go} message options
        list [dict get $options -errorcode] [dict keys [
            dict get $options -results]] [dict keys [
            dict get $options -failures]] [dict get $options -skipped]
    }
} -result {{DEPLOYER CELLS FAILED 1 2} h1 h2 {h3 h4}}

test seed-4.17 {private names are not listed, and may be called} -body {
    scene {
        deployer::service create S {
            action _hidden {} { return found }
            action go {} { my _hidden }
            service _inner { action go {} { return inner } }
            service cells -isolate { action _hidden {} { my host slugs } }
        }
        S create s -hosts {host h1}
        set listed [info object methods s -all]
        list [s go] [s _hidden] [s _inner go] [s cells _hidden] \
            [expr {"_hidden" in $listed || "_inner" in $listed}]
    }
} -result {found found inner {h1 h1} 0}

test seed-4.18 {what fans out: actions by all of their names, no methods} \
        -body {
    scene {
        deployer::service create S {
            isolate
            action go -alias {a.go other} {} { my host slugs }
            method plain {} { list [my info array] [my go] }
        }
        S create s -hosts {host {h1 h2}}
        list [s a.go] [s other] [s plain] [s :h2 plain]
    }
} -result {{h1 h1 h2 h2} {h1 h1 h2 h2} {1 {h1 h1 h2 h2}} {0 h2}}

# Hosts, roles, isolation.

test seed-4.20 {hosts of inherited classes count} -body {
    scene {
        deployer::service create A { hosts {host h1 db h2} }
        deployer::service create B { superclass A }
        deployer::service create C { superclass A; hosts {host h3} }
        list [[B new] hosts slugs] [[C new] hosts slugs] \
            [[B new -hosts {x h4}] hosts dict]
    }
} -result [list {h1 h2} h3 [list x [namespace current]::h4]]

test seed-4.21 {a mapping to hosts and containers} -body {
    scene {
        deployer::hosts create both {x {h5 h6}}
        deployer::service create S {
            service a -map {one h3 two {r h3} three both four {* h5}} {
                roles one two three four
            }
        }
        S create s -hosts {r {h1 h2}}
        list [dict map {role hosts} [s a hosts dict] { tails $hosts }] \
            [s a hosts slugs]
    }
} -result {{one h3 two {h1 h2 h3} three {h5 h6} four {h1 h2 h5}}\
    {h3 h1 h2 h5 h6}}

test seed-4.22 {how many cells, and one after the other} -body {
    scene {
        deployer::service create S {
            service cells -isolate { action go {} { my host slugs } }
            action each_cell {} {
                lmap index [my cells info isolations] {
                    my cells at $index go
                }
            }
        }
        S create s -hosts {host {h3 h1 h2}}
        s cells
        set before [llength [info class instances S.cells]]
        set count [llength [s cells info isolations]]
        set made [llength [info class instances S.cells]]
        list $count [expr {$made - $before}] [s each_cell]
    }
} -result {3 0 {h3 h1 h2}}

test seed-4.23 {two different hosts with one slug} -body {
    scene {
        deployer::localhost create twin -slug h1
        deployer::service create S {
            service a -map {host {host twin}} {}
        }
        S create s -hosts {host h1}
        list [code {S new -hosts {a h1 b twin}}] [code {s a hosts slugs}] \
            [[S new -hosts {a h1 b h1}] hosts count]
    }
} -result {{DEPLOYER HOSTS DUPLICATE h1} {DEPLOYER HOSTS DUPLICATE h1} 1}

test seed-4.24 {filter: several roles, unknown ones; contexts are shared} \
        -body {
    scene {
        deployer::service create S {
            action go {} {
                my hosts filter a cd / {
                    list [my hosts run pwd] [my hosts filter b at 0 run pwd]
                }
            }
        }
        S create s -hosts {a {h1} b {h1}}
        list [s hosts filter {a b} count] [s hosts filter nosuch count] \
            [s hosts filter nosuch run true] [s go]
    }
} -result {1 0 {} {{h1 /} /}}

test seed-4.25 {one} -body {
    scene {
        deployer::service create S {}
        S create s -hosts {a h1 b {h1 h2}}
        list [s hosts one a slugs] [s hosts one a run {echo $ME}] \
            [code {s hosts one b}] [code {s hosts one nosuch run true}]
    }
} -result {h1 h1 {DEPLOYER HOSTS COUNT 2} {DEPLOYER HOSTS COUNT 0}}

test seed-4.26 {cd, env and prefix nest and are undone on errors} -body {
    scene {
        deployer::service create S {
            action go {} {
                set seen {}
                catch {
                    my hosts cd / {
                        my hosts env WORD inner {
                            my hosts prefix {echo before} {
                                lappend seen [my hosts run {pwd; echo $WORD}]
                                error out
                            }
                        }
                    }
                }
                lappend seen [my hosts run {echo "<$WORD>"}] [expr {
                    [dict get [my hosts run pwd] h1] ne "/"}]
            }
        }
        S create s -hosts {host h1}
        s go
    }
} -result [list [list h1 "before\n/\ninner"] {h1 <>} 1]

test seed-4.27 {questions to many hosts give dicts, to one the value} -body {
    scene {
        deployer::service create S {}
        S create s -hosts {host {h1 h2}}
        set one [s hosts at 0]
        list [s hosts exists /] [$one exists /nosuch] \
            [s hosts hascommand sh] [$one hascommand no-such-command] \
            [$one expand /tmp] [expr {[$one getcwd] eq [
            dict get [s hosts getcwd] h1]}] [$one destroy]
    }
} -result {{h1 1 h2 1} 0 {h1 1 h2 1} 0 /tmp 1 {}}

test seed-4.28 {what a container tells about itself} -body {
    scene {
        deployer::service create S {}
        S create s -hosts {a {h1 h2} b {h2 h3}}
        set seen {}
        s hosts each host { lappend seen [$host cget -slug] }
        list [s hosts roles] [s hosts slugs] [s hosts count] \
            [s hosts contains h3] [s hosts contains [namespace which h4]] \
            [s hosts without h2 slugs] [tails [dict get [s hosts dict] b]] \
            $seen [s hosts nodeset] [s hosts select {h[2-3]} slugs]
    }
} -result {{a b} {h1 h2 h3} 3 1 0 {h1 h3} {h2 h3} {h1 h2 h3} {h[1-3]} {h2 h3}}

test seed-4.29 {10,000 calls leave nothing behind} -body {
    scene {
        deployer::service create S {
            service cells -isolate {
                service below {
                    action go {} { my hosts filter host; my parent }
                }
            }
            action go {} {
                my cells below go
                my hosts one host
                my cells :h1 below go
                return
            }
        }
        S create s -hosts {host h1}
        s go
        set before [list [objects] [living] [deployer::core::stats] \
            [llength [info commands ::deployer::*]]]
        for {set i 0} {$i < 3400} {incr i} {
            s go
        }
        expr {[list [objects] [living] [deployer::core::stats] \
            [llength [info commands ::deployer::*]]] eq $before}
    }
} -result 1

test seed-4.28.1 {what an action makes, it may keep} -body {
    scene {
        deployer::service create S {
            action made {} { list [my hosts filter a] [my hosts filter b] }
            action kept {} {
                set container [deployer::keep [my hosts filter a]]
                my hosts filter b
                return "it is $container."
            }
        }
        S create s -hosts {a {h1 h2} b h3}
        set before [llength [info class instances ::deployer::hosts]]
        regexp {it is (.*)\.$} [s kept] -> container
        set after [llength [info class instances ::deployer::hosts]]
        set result [list [$container slugs] [expr {$after - $before}]]
        $container destroy
        set result
    }
} -result {{h1 h2} 1}

test seed-4.40 {a cell stays the same, and dies with its root} -body {
    scene {
        deployer::service create S {
            service cells -isolate { service below {} }
        }
        set before [living]
        S create s -hosts {host {h1 h2}}
        set below [s cells :h2 below]
        set same [list [expr {[s cells :h2] eq [s cells at 1]}] \
            [expr {$below eq [s cells below at h2]}] \
            [expr {[s cells :h1] eq [s cells :h2]}] \
            [expr {[$below parent] eq [s cells :h2]}]]
        s destroy
        list $same [info object isa object $below] [expr {[living] eq $before}]
    }
} -result {{1 1 0 1} 0 1}

test seed-4.41 {a fan-out leaves nothing but what its result hands on} -body {
    scene {
        deployer::service create S {
            service cells -isolate {
                action me {} { self }
                action some {} { my hosts filter host }
                action slug {} { my host slugs }
            }
            action cells_of {} {
                dict map {slug cell} [my cells me] { $cell slug }
            }
            action containers_of {} {
                dict map {slug container} [my cells some] { $container slugs }
            }
        }
        S create s -hosts {host {h1 h2}}
        s cells slug
        set before [living]
        set results [list [s cells_of] [s containers_of] [s cells slug]]
        list $results [expr {[living] eq $before}]
    }
} -result {{{h1 h1 h2 h2} {h1 h1 h2 h2} {h1 h1 h2 h2}} 1}

test seed-4.42 {no more cells at once than -parallel says} -body {
    set hosts {}
    for {set i 1} {$i <= 5} {incr i} {
        lappend hosts [::recorder::host create r$i]
    }
    scene {
        variable hosts
        deployer::service create S {
            isolate
            action go {} { my host run {hold gate} }
        }
        S create s -hosts [list host $hosts] -parallel 2
        set w [deployer::Job [list [namespace which s] go]]
        set seen {}
        foreach name {a b c} {
            lappend seen [held gate]
            release gate $name
            waitFor {expr {[held gate] || [deployer::core::waiter ready $w]}}
        }
        list $seen [deployer::Await $w]
    }
} -cleanup {
    foreach host $hosts {
        $host destroy
    }
    unset hosts host i
} -result {{2 2 1} {r1 a r2 a r3 b r4 b r5 c}}

test seed-4.43 {two calls of one array at once} -body {
    ::recorder::host create r1
    ::recorder::host create r2
    scene {
        deployer::service create S {
            service cells -isolate {
                action go name { list $name [my host run "hold $name"] }
            }
        }
        S create s -hosts {host {r1 r2}}
        set one [deployer::Job [list [namespace which s] cells go a]]
        set two [deployer::Job [list [namespace which s] cells go b]]
        release b second
        set late [deployer::Await $two]
        release a first
        list [deployer::Await $one] $late
    }
} -cleanup {
    r1 destroy
    r2 destroy
} -result {{r1 {a first} r2 {a first}} {r1 {b second} r2 {b second}}}

test seed-4.44 {cancelled: all cells end, and nothing is left} -body {
    ::recorder::host create r1
    ::recorder::host create r2
    set ended {}
    scene {
        deployer::service create S {
            service cells -isolate {
                action go {} {
                    try {
                        my host run {hold gate}
                    } finally {
                        lappend ::tests::seed::ended [my info path]
                    }
                }
            }
            action go {} { my cells go }
        }
        S create s -hosts {host {r1 r2}}
        s cells
        set before [living]
        set w [deployer::Job [list [namespace which s] go]]
        deployer::JobCancel $w here
        catch {deployer::Await $w} - options
        release gate
        list [lrange [dict get $options -errorcode] 0 1] \
            [lsort $::tests::seed::ended] [expr {[living] eq $before}]
    }
} -cleanup {
    r1 destroy
    r2 destroy
    unset ended
} -result {{DEPLOYER CANCELLED} {/cells:r1 /cells:r2} 1}

test seed-4.45 {what one cell sets up does not reach another} -body {
    scene {
        deployer::service create S {
            isolate
            action go {} {
                if {[my host slugs] eq "h1"} {
                    my host cd /
                    my host env WORD h1
                }
                my host run {echo "$PWD:$WORD"}
            }
        }
        S create s -hosts {host {h1 h2}}
        set results [s go]
        list [dict get $results h1] [string match /?*: [dict get $results h2]]
    }
} -result {/:h1 1}

test seed-4.46 {a slug that means something to a list} -body {
    foreach {name slug} {odd1 a\\b odd2 {{x}} odd3 a\{} {
        deployer::localhost create $name -slug $slug
    }
    scene {
        deployer::service create S {
            isolate
            action go {} { lindex [my host slugs] 0 }
        }
        S create s -hosts {host {odd1 odd2 odd3}}
        set results [s go]
        list [dict size $results] {*}[lmap index [s info isolations] {
            expr {[s at $index go] eq $index && [s :$index go] eq $index
                && [dict get $results $index] eq $index}
        }]
    }
} -cleanup {
    odd1 destroy
    odd2 destroy
    odd3 destroy
} -result {3 1 1 1}

# Queries.

test seed-4.30 {keys and indexes, also computed ones} -body {
    scene {
        deployer::service create S {
            property data {colours {red green blue} 2 two}
            property key colours
            query third {data colours 2}
            query by_key -expr { Q data [Q key] 0 }
            query number {data 2}
            query last {data colours end}
        }
        S create s
        list [s third] [s by_key] [s number] [s last]
    }
} -result {blue red two blue}

test seed-4.31 {literals and operators are Tcl} -body {
    scene {
        deployer::service create S {
            property a 7
            property b 2
            property on 1
            query sum -expr { expr {[Q a] + [Q b] * 2 - 1} }
            query rest -expr { expr {[Q a] % [Q b]} }
            query both -expr { expr {[Q on] && ![Q a]} }
            query made -expr { list [Q a] [dict create x [Q b]] literal }
        }
        S create s
        list [s sum] [s rest] [s both] [s made]
    }
} -result {10 1 0 {7 {x 2} literal}}

test seed-4.32 {the parent of a class, or of one derived from it} -body {
    scene {
        deployer::service create Top { property name top }
        deployer::service create Web { superclass Top }
        Web create web
        deployer::define Web {
            service a { property name a; service b {
                query top {{parent Top} name}
                query same {{parent Web} name}
                query near {{parent Web.a} name}
                query none {{parent AptGet} name}
            } }
        }
        list [web a b top] [web a b same] [web a b near] \
            [lrange [code {web a b none}] 0 1]
    }
} -result {top top a {DEPLOYER QUERY}}

test seed-4.33 {a query that fails names the class, the query and the word} \
        -body {
    scene {
        deployer::service create S {
            property p {k v}
            query none {nosuch x}
            query key {p missing}
            query above {parent parent p}
            query bad -expr { Q p missing }
            service in { query through {parent key} }
        }
        S create s
        list {*}[lmap word {none key above bad} {
            lassign [failure {s $word}] code message
            list [tails [lindex $code 2]] [lreplace $code 2 2] \
                [string match *$word*S*[lindex $code 4]* $message]
        }] [lrange [code {s in through}] 0 1]
    }
} -result {{S {DEPLOYER QUERY none nosuch} 1}\
    {S {DEPLOYER QUERY key missing} 1} {S {DEPLOYER QUERY above parent} 1}\
    {S {DEPLOYER QUERY bad missing} 1}\
    {DEPLOYER QUERY}}

test seed-4.34 {the error of a query says where it was defined} -setup {
    set file [file join [tempDir] query.tcl]
    set chan [open $file w]
    puts $chan {deployer::service create Where {
        property p value
        query q {p missing}
    }}
    close $chan
} -body {
    scene {
        variable file
        source $file
        [Where new] q
    }
} -cleanup {
    file delete -force [file dirname $file]
} -returnCodes error -match glob -result {*missing*query.tcl*line 3*}

test seed-4.35 {trace lists each step with its value} -body {
    scene {
        deployer::service create S {
            property p {k {a b}}
            query inner {p k}
            service a { query q {parent inner 1} }
        }
        S create s
        set steps [s a info trace q]
        list [lmap step $steps { dict get $step word }] \
            [tails [lmap step $steps { dict get $step value }]]
    }
} -result {{parent p k inner 1} {s {k {a b}} {a b} {a b} b}}

# seedscenes.tcl -- the acceptance scenarios of the original, in its order, by
# the rules of section 7: arrays give dicts, everything else plain values.
#
# Part of seed.test, which has the hosts h1 to h6 and `scene`.

test seed-2.1 {a class given to a service is the one that it nests} -body {
    scene {
        deployer::service create Plain { action go {} { my hosts slugs } }
        deployer::service create Root {}
        deployer::define Root { service plain Plain {} }
        Root create root -hosts {host h1}
        list [tails [info class superclasses Root.plain]] \
            [tails [info object class [root plain]]] \
            [info object isa typeof [root plain] Plain] [root plain go]
    }
} -result {Plain Root.plain 1 h1}

test seed-2.2 {a root with two roles} -body {
    scene {
        deployer::service create S {}
        S create s -hosts {role2 {h1 h2} role1 {h3 h4}}
        list [s hosts roles] [s hosts slugs] [s hosts filter role1 slugs]
    }
} -result {{role2 role1} {h1 h2 h3 h4} {h3 h4}}

test seed-2.3 {plain children see the roles and hosts unchanged} -body {
    scene {
        deployer::service create S { service a {}; service b {} }
        S create s -hosts {role1 {h1 h2} role2 {h2 h4}}
        expr {[s a hosts dict] eq [s hosts dict]
            && [s b hosts dict] eq [s hosts dict] && [s a hosts count] == 3}
    }
} -result 1

test seed-2.4 {mapping: renames, unions, unknown roles, own hosts} -body {
    scene {
        deployer::service create Own { hosts {host h6} }
        deployer::service create S {
            service renamed -map {one role1} { roles one; service below {} }
            service union -map {one {role1 role2} two role2} { roles one two }
            service strange -map {one nosuch} { roles one }
            service own { hosts {host h5} }
            service both -map {host role1} { hosts {host h5} }
            service around Own -map {host role2} {}
            service all -map {host *} {}
        }
        S create s -hosts {role1 {h1 h2} role2 {h2 h4}}
        lmap name {renamed union strange own both around all} {
            dict map {role hosts} [s $name hosts dict] { tails $hosts }
        }
    }
} -result {{one {h1 h2}} {one {h1 h2 h4} two {h2 h4}} {one {}} {host h5}\
    {host h5} {host {h2 h4}} {host {h1 h2 h4}}}

test seed-2.4.1 {a grandchild inherits the mapped roles} -body {
    scene {
        deployer::service create S {
            service renamed -map {one role1} { roles one; service below {} }
        }
        S create s -hosts {role1 {h1 h2} role2 {h2 h4}}
        list [s renamed below hosts roles] [s renamed below hosts slugs]
    }
} -result {one {h1 h2}}

test seed-2.5 {what is no service cannot be mapped to} -body {
    scene {
        list [code {deployer::service create S {
            service x ::oo::object -map {host host} {}
        }}] [code {deployer::service create S {
            service x nosuch -map {host host} {}
        }}] [info commands S*]
    }
} -result {{DEPLOYER DEFINE ::oo::object} {DEPLOYER DEFINE nosuch} {}}

test seed-2.6 {inside an action} -body {
    scene {
        deployer::service create S {
            action result {} { return result }
            action self_ {} { list [self] [my root] }
            action all {} { my hosts run {echo $ME} }
            action some {} { my hosts filter role1 run {echo $ME} }
            action first {} { my hosts filter role1 at 0 run {echo $ME} }
            action is {class} { info object isa typeof [self] $class }
        }
        S create s -hosts {role1 {h1 h2} role2 {h3 h4}}
        list [s result] [tails [s self_]] [s all] [s some] [s first] \
            [s is [namespace which S]] [info object isa typeof s S]
    }
} -result {result {s s} {h1 h1 h2 h2 h3 h3 h4 h4} {h1 h1 h2 h2} h1 1 1}

test seed-2.7 {a command that fails fails the action} -body {
    scene {
        deployer::service create S {
            action all {} { my hosts run /bin/false }
            action one {} { my hosts at 1 run /bin/false }
        }
        S create s -hosts {role1 {h1 h2}}
        catch {s all} message options
        list [dict get $options -errorcode] \
            [dict get $options -failures h2 errorcode] [code {s one}]
    }
} -result {{DEPLOYER HOSTS FAILED 2 2} {DEPLOYER EXEC STATUS h2 1}\
    {DEPLOYER EXEC STATUS h2 1}}

test seed-2.8 {arguments pass through: positional, default, any number} -body {
    scene {
        deployer::service create S {
            action three {a b {c 3}} { list $a $b $c }
            action any {a args} { list $a $args }
            action named options { dict get $options key }
            service cells -isolate {
                action any {a args} { list $a $args }
            }
        }
        S create s -hosts {host h1}
        list [s three 1 {2 2}] [s three 1 2 {}] [s any 1] \
            [s any 1 {2 $x} \[3\]] [s named {key {a value}}] \
            [s cells any 1 {2 $x} \[3\]] \
            [lrange [code {s three 1}] 0 1]
    }
} -result [list {1 {2 2} 3} {1 2 {}} {1 {}} [list 1 [list {2 $x} \[3\]]] \
    {a value} [list h1 [list 1 [list {2 $x} \[3\]]]] {TCL WRONGARGS}]

test seed-2.9 {an action three levels deep} -body {
    scene {
        deployer::service create S {
            service a { service b { service c {
                action go {} { list deep [my hosts slugs] }
            } } }
            action down {} { my a b c go }
        }
        S create s -hosts {host h1}
        list [s a b c go] [s down] [[[[s a] b] c] go]
    }
} -result [lrepeat 3 {deep h1}]

test seed-2.10 {a property in an action} -body {
    scene {
        deployer::service create S {
            property p value
            getter computed { return [my p]2 }
            action go {} { list [my p] [my computed] }
        }
        S create s
        s go
    }
} -result {value value2}

test seed-2.11 {the middle service has its inherited hosts} -body {
    scene {
        deployer::service create S {
            service mid { service leaf {} }
        }
        S create s -hosts {host {h1 h2}}
        list [s mid hosts count] [[s mid] hosts slugs] [s mid leaf hosts count]
    }
} -result {2 {h1 h2} 2}

test seed-2.12 {a nested service is reached into, its own class stays} -body {
    scene {
        deployer::service create Base {
            service O {
                property value 1
                action func {} { return base }
                getter got { return base }
            }
        }
        deployer::service create Derived {
            superclass Base
            property O.value 2
            action O.func {} { list derived [next] }
            getter O.got { return derived }
            hosts O {host h2}
        }
        Base create base -hosts {host h1}
        Derived create derived -hosts {host h1}
        lmap s {base derived} {
            list [$s O value] [$s O func] [$s O got] [$s O hosts slugs] \
                [$s hosts slugs]
        }
    }
} -result {{1 base base h1 h1} {2 {derived base} derived h2 h1}}

test seed-2.13 {reached into four levels deep} -body {
    scene {
        deployer::service create Base {
            service a { service b { service c { service d {
                property value 1
                action go {} { my value }
            } } } }
        }
        deployer::service create Derived {
            superclass Base
            property a.b.c.d.value 2
        }
        list [[Base new] a b c d go] [[Derived new] a b c d go]
    }
} -result {1 2}

test seed-2.14 {reaching for what is not there} -body {
    scene {
        deployer::service create Base { service a { property value 1 } }
        foreach word {nosuch.value a.nosuch.value a.value.x} {
            lappend result [code {deployer::service create Bad "
                superclass Base
                property $word 2
            "}]
        }
        list $result [info commands Bad*]
    }
} -match glob -result {{{DEPLOYER DEFINE nosuch*} {DEPLOYER DEFINE a.nosuch*}\
    {DEPLOYER DEFINE a.value*}} {}}

test seed-2.15 {an isolating root with two hosts gives two results} -body {
    scene {
        deployer::service create S {
            isolate
            action go {} { list [my info isolated] [my host slugs] }
        }
        S create s -hosts {host {h2 h1}}
        list [s go] [s info array] [s info isolated] [s info isolations]
    }
} -result {{h2 {1 h2} h1 {1 h1}} 1 0 {h2 h1}}

test seed-2.16 {cells by position and by host} -body {
    scene {
        deployer::service create S { isolate; action go {} { my host slugs } }
        S create s -hosts {host {h2 h1}}
        list [s at 0 go] [s at 1 go] [s at [namespace which h1] go] \
            [s at h1 go] [s :h2 go] [s at 0 info isolated] \
            [code {s at 2}] [code {s at -1}] \
            [lrange [code [list s at [namespace which h3]]] 0 3] \
            [code {s :h3 go}]
    }
} -result {h2 h1 h1 h1 h2 1 {DEPLOYER ISOLATE INDEX / 2}\
    {DEPLOYER ISOLATE INDEX / -1} {DEPLOYER ISOLATE INDEX /}\
    {DEPLOYER ISOLATE INDEX / h3}}

test seed-2.17 {a normal service has no cells} -body {
    scene {
        deployer::service create S { service a { action go {} {} } }
        S create s -hosts {host {h1 h2}}
        list [code {s at 0}] [code {s a at 0 go}] [code {s a :h1 go}]
    }
} -result {{DEPLOYER ISOLATE INDEX / 0} {DEPLOYER ISOLATE INDEX /a 0}\
    {DEPLOYER ISOLATE INDEX /a h1}}

test seed-2.18 {a sibling array is indexed by one's own host} -body {
    scene {
        deployer::service create S {
            service a -isolate {
                action go {} {
                    set host [lindex [dict get [my host dict] host] 0]
                    list [my parent b at [my host slugs] go] \
                        [my parent b at $host go]
                }
            }
            service b -isolate { action go {} { return b-[my host slugs] } }
        }
        S create s -hosts {host {h1 h2}}
        s a go
    }
} -result {h1 {b-h1 b-h1} h2 {b-h2 b-h2}}

test seed-2.19 {once for all} -body {
    scene {
        deployer::service create S {
            isolate
            action once -onceforall {} {
                list [my hosts slugs] [my each_one] [my info array]
            }
            action each_one {} { my hosts slugs }
        }
        S create s -hosts {host {h1 h2}}
        list [s once] [s :h2 once]
    }
} -result {{{h1 h2} {h1 h1 h2 h2} 1} {h2 h2 0}}

test seed-2.20 {below an array that stands for all, all hosts} -body {
    scene {
        deployer::service create S { isolate; service x {
            isolate
            action whole -onceforall {} { my hosts slugs }
        } }
        S create s -hosts {host {h1 h2}}
        list [s x hosts slugs] [s x whole]
    }
} -result {{h1 h2} {h1 h2}}

# A service with an array M, which has a plain service X.
proc array-of-two {} {
    uplevel 1 {
        deployer::service create N {
            service M -map {host role1} -isolate {
                action f {} { list [my hosts filter host slugs] M }
                service X {
                    action f {} { list [my hosts filter host slugs] X }
                    action up {} {
                        list [my parent info path] [my parent f] \
                            [my parent parent info path] \
                            [my parent parent M f]
                    }
                    action down {} { list [my root M X f] [my root M :h2 X f] }
                }
                action inner {} { my X f }
            }
            action inside {} {
                list [my M f] [my M at 0 f] [my M X f] [my M at 0 X f] \
                    [my M X at 0 f]
            }
        }
        N create n -hosts {role1 {h1 h2} role2 {h3}}
    }
}

test seed-2.21 {an array in a service, with a service in it} -body {
    scene {
        array-of-two
        list [n M f] [n M at 0 f] [n M X f] [n M at 0 X f] [n M X at 0 f]
    }
} -result {{h1 {h1 M} h2 {h2 M}} {h1 M} {h1 {h1 X} h2 {h2 X}} {h1 X} {h1 X}}

test seed-2.22 {the same from inside actions; parents of cells} -body {
    scene {
        array-of-two
        list [n inside] [n M inner] [n M :h1 X up] [n M :h1 X down]
    }
} -result {{{h1 {h1 M} h2 {h2 M}} {h1 M} {h1 {h1 X} h2 {h2 X}} {h1 X} {h1 X}}\
    {h1 {h1 X} h2 {h2 X}} {/M:h1 {h1 M} / {h1 {h1 M} h2 {h2 M}}}\
    {{h1 {h1 X} h2 {h2 X}} {h2 X}}}

test seed-2.23 {names} -body {
    scene {
        deployer::service create Git {}
        deployer::service create Root {
            service production {
                service web -isolate {
                    service git Git {}
                    service shards -isolate role2 { service x {} }
                }
            }
        }
        Root create root -hosts {host {web1 h1} role2 h2}
        set web [root production web :web1]
        list [root info path] [root production info path] \
            [root production web info path] [$web info path] \
            [$web git info path] [root production web git info path] \
            [root production web shards x at {h1 h2} info path] \
            [root production info name] [root production web git info name] \
            [tails [list Root [info object class [$web git]] \
            [info object class [root production web]]]]
    }
} -setup {
    deployer::localhost create web1
} -cleanup {
    web1 destroy
} -result {/ /production /production/web /production/web:web1\
    /production/web:web1/git /production/web/git\
    /production/web:h1/shards:h2/x production git\
    {Root Root.production.web.git Root.production.web}}

test seed-2.24 {an array over all roles; over its own hosts; just one} -body {
    scene {
        deployer::service create Own { hosts {host h6} }
        deployer::service create N {
            service all -map {host *} -isolate { action f {} { my host slugs } }
            service own -isolate {
                hosts {host h5}
                action f {} { my host slugs }
            }
            service plain -isolate { action f {} { my host slugs } }
            service one -map {host role3} -isolate -justone {
                action f {} { my host slugs }
            }
            service two -map {host role1} -isolate -justone {
                action f {} { my host slugs }
            }
        }
        N create n -hosts {role1 {h1 h2} role2 {h3 h4} role3 h3}
        list [n all f] [n own f] [code {n plain f}] [n one f] [code {n two}] \
            [code {n two f}]
    }
} -result {{h1 h1 h2 h2 h3 h3 h4 h4} {h5 h5}\
    {DEPLOYER ISOLATE NOROLE /plain host} h3 {DEPLOYER ISOLATE JUSTONE /two 2}\
    {DEPLOYER ISOLATE JUSTONE /two 2}}

test seed-2.25 {an action knows its name, its class and its object} -body {
    scene {
        deployer::service create N {
            action f {} { list [self method] [self class] [self] }
            service M { action f {} { list [self method] [self class] } }
        }
        deployer::service create Derived { superclass N }
        Derived create n
        list [tails [n f]] [tails [n M f]] [lsort [info class methods N]]
    }
} -result {{f N n} {f N.M} {M f}}

test seed-2.26 {arrays in arrays are dimensions; just one needs isolation} \
        -body {
    scene {
        deployer::service create N {
            service a -map {host role1} -isolate {
                service b -isolate { action f {} { my host slugs } }
                service c -map {host host} -isolate {
                    hosts {host {h3 h4}}
                    action f {} { my host slugs }
                }
            }
        }
        N create n -hosts {role1 {h1 h2}}
        list [n a b f] [n a c f] [code {deployer::service create Bad {
            service a -justone {}
        }}]
    }
} -result {{{h1 h1} h1 {h2 h2} h2}\
    {{h1 h3} h3 {h1 h4} h4 {h2 h3} h3 {h2 h4} h4} {DEPLOYER DEFINE -justone}}

test seed-2.27 {hosts that are no roles} -body {
    scene {
        list [code {deployer::service create Bad {hosts 4}}] \
            [code {deployer::service create Bad {service x {hosts {a b c}}}}] \
            [info commands Bad*]
    }
} -result {{DEPLOYER DEFINE hosts} {DEPLOYER DEFINE hosts} {}}

test seed-2.28 {an action cannot keep state in its object} -body {
    scene {
        deployer::service create S {
            action set_it {} { my variable x; set x 1 }
            action other {} { my varname x }
        }
        S create s
        list [code {s set_it}] [code {s other}] \
            [code {deployer::service create Bad {variable x}}] \
            [info commands Bad]
    }
} -result {{DEPLOYER STATE x} {DEPLOYER STATE x} {DEPLOYER STATE x} {}}

test seed-2.29 {a constructor} -body {
    scene {
        list [code {deployer::service create Bad {constructor {} {}}}] \
            [info commands Bad]
    }
} -result {{DEPLOYER DEFINE constructor} {}}

test seed-2.30 {reserved names} -body {
    scene {
        set wrong {}
        foreach name {hosts host parent root at info fork initialize console
                report loggers sandbox destroy unknown eval variable varname} {
            foreach definition {{action $name {} {}} {property $name 1}
                    {getter $name {}} {query $name {x}} {service $name {}}} {
                set got [code {
                    deployer::service create Bad [subst $definition]
                }]
                if {$got ne [list DEPLOYER DEFINE $name]} {
                    lappend wrong [subst $definition] $got
                }
            }
        }
        list $wrong [info commands Bad*]
    }
} -result {{} {}}

test seed-2.31 {an action is called on an instance, not on the class} -body {
    scene {
        deployer::service create S { action go {} {} }
        code {S go}
    }
} -result {TCL LOOKUP METHOD go}

test seed-2.32 {a required property} -body {
    scene {
        deployer::service create S {
            property needed
            action go {} { my needed }
            service inner { property needed }
        }
        deployer::service create T {
            superclass S
            property needed given
            property inner.needed {given too}
        }
        list [tails [code {[S new] go}]] \
            [tails [code {[S new] inner needed}]] \
            [[T new] go] [[T new] inner needed]
    }
} -result {{DEPLOYER PROPERTY REQUIRED S needed}\
    {DEPLOYER PROPERTY REQUIRED S.inner needed} given {given too}}

test seed-2.33 {several aliases} -body {
    scene {
        deployer::service create S {
            action go -alias {run.it again} {x} { list $x [my info path] }
        }
        S create s
        list [s go 1] [s run.it 2] [s again 3]
    }
} -result {{1 /} {2 /} {3 /}}

test seed-2.34 {from a cell by the parent to a sibling with its own hosts} \
        -body {
    scene {
        deployer::service create N {
            service a -isolate {
                action go {} { my parent b seen }
            }
            service b { hosts {host h3}; action seen {} { my hosts slugs } }
        }
        N create n -hosts {host {h1 h2}}
        list [n a go] [n a :h2 go]
    }
} -result {{h1 h3 h2 h3} h3}

test seed-2.35 {calling what a superclass says} -body {
    scene {
        deployer::service create A {
            action f {} { return [list A [my p]] }
            property p a
        }
        deployer::service create B {
            superclass A
            action f {} { list B [next] }
        }
        deployer::service create C {
            superclass B
            property p c
            isolate
            action f {} { list C [next] [nextto [lindex [
                info class superclasses [lindex [info class superclasses [
                self class]] 0]] 0]] }
        }
        C create c -hosts {host h1}
        list [c :h1 f] [c f]
    }
} -result {{C {B {A c}} {A c}} {h1 {C {B {A c}} {A c}}}}

test seed-2.36 {default actions of a root, a child, an array and a cell} -body {
    scene {
        deployer::service create D {
            action go -default {} { list [my info path] [my hosts slugs] }
        }
        deployer::service create N {
            superclass D
            service child D {}
            service cells D -isolate {}
        }
        N create n -hosts {host {h1 h2}}
        list [n] [[n child]] [[n cells]] [[n cells :h2]] \
            [info object isa object [n cells]]
    }
} -result {{/ {h1 h2}} {/child {h1 h2}} {h1 {/cells:h1 h1} h2 {/cells:h2 h2}}\
    {/cells:h2 h2} 1}

test seed-2.37 {the parent of what is nested in a cell is the cell} -body {
    scene {
        deployer::service create N {
            service a -isolate {
                service b {
                    action up {} {
                        list [my parent info isolated] [my parent hosts slugs] \
                            [my parent host slugs]
                    }
                }
            }
        }
        N create n -hosts {host {h1 h2}}
        n a b up
    }
} -result {h1 {1 h1 h1} h2 {1 h2 h2}}

test seed-2.38 {a query by the parent stays in the cell; from the root, all
        cells} -body {
    scene {
        deployer::service create N {
            service m -isolate {
                service x {
                    query same {parent y where}
                    query all {parent parent m y where}
                }
                service y { getter where { my host slugs } }
            }
        }
        N create n -hosts {host {h1 h2}}
        list [n m x same] [n m :h2 x same] [n m :h2 x all]
    }
} -result {{h1 h1 h2 h2} h2 {h1 h1 h2 h2}}

test seed-2.39 {a service made inside an action, with hosts of a filter} -body {
    scene {
        deployer::service create N {
            action go {} {
                deployer::service create Inner {
                    action seen {} { list [my hosts roles] [my hosts slugs] }
                }
                try {
                    set some [my hosts filter {role2 role3}]
                    set other [my initialize Inner \
                        -hosts [list a [my hosts one role2]]]
                    list [my initialize Inner -hosts [list role $some] seen] \
                        [$other seen]
                } finally {
                    Inner destroy
                }
            }
        }
        N create n -hosts {role1 h1 role2 h2 role3 h3}
        list [n go] [n go]
    }
} -result [lrepeat 2 {{role {h2 h3}} {a h2}}]

test seed-2.40 {a further role stays whole} -body {
    scene {
        deployer::service create N {
            service a -isolate {
                action seen {} {
                    list [my hosts filter host slugs] \
                        [my hosts filter role2 slugs]
                }
                service b {
                    action seen {} {
                        list [my hosts filter host count] \
                            [my hosts filter role2 count]
                    }
                }
                service c -isolate role2 {
                    action seen {} { my host slugs }
                }
            }
        }
        N create n -hosts {host {h1 h2} role2 {h3 h4 h5}}
        list [n a :h1 seen] [n a :h1 b seen] [dict size [n a c seen]] \
            [n a :h2 c seen]
    }
} -result {{h1 {h3 h4 h5}} {1 3} 6 {h3 h3 h4 h4 h5 h5}}

# Service, array, service, service, array, service, array: three dimensions.
proc three-dimensions {} {
    uplevel 1 {
        deployer::service create N {
            service A -isolate r1 { service B { service C {
                service D -isolate r2 { service E {
                    service F -isolate r3 {
                        action go {} { lmap role {r1 r2 r3} {
                            my hosts filter $role slugs
                        } }
                    }
                } }
            } } }
        }
        N create n -hosts {r1 {h1 h2} r2 {h3 h4} r3 {h5 h6}}
    }
}

test seed-2.41 {three dimensions: all cells} -body {
    scene {
        three-dimensions
        set results [n A B C D E F go]
        list [n A B C D E F info isolations] \
            [expr {[dict keys $results] eq [dict values $results]}] \
            [n A B C D info isolations]
    }
} -result {{{h1 h3 h5} {h1 h3 h6} {h1 h4 h5} {h1 h4 h6} {h2 h3 h5} {h2 h3 h6}\
    {h2 h4 h5} {h2 h4 h6}} 1 {{h1 h3} {h1 h4} {h2 h3} {h2 h4}}}

test seed-2.41.1 {three dimensions: full indexes} -body {
    scene {
        three-dimensions
        list [n A B C D E F at {h1 h3 h5} go] [n A B C D E F at {0 1 1} go] \
            [n A B C D E F at [list 1 h3 [namespace which h6]] go] \
            [n A :h2 B C D at 1 E F :h5 go] [n A at 0 B C D E F at {0 0} go]
    }
} -result {{h1 h3 h5} {h1 h4 h6} {h2 h3 h6} {h2 h4 h5} {h1 h3 h5}}

test seed-2.41.2 {three dimensions: shorter indexes} -body {
    scene {
        three-dimensions
        list [n A :h1 B C D E F go] [n A B C D E F at h1 info isolations] \
            [n A B C D E F at {h1 1} go] [n A B C D E F :h1 :h4 :h6 go] \
            [n A B C D at {0 1} E F at 1 go] \
            [n A B C D E at h2 info isolations]
    }
} -result {{{h3 h5} {h1 h3 h5} {h3 h6} {h1 h3 h6} {h4 h5} {h1 h4 h5} {h4 h6}\
    {h1 h4 h6}} {{h3 h5} {h3 h6} {h4 h5} {h4 h6}} {h5 {h1 h4 h5} h6\
    {h1 h4 h6}} {h1 h4 h6} {h1 h4 h6} {h3 h4}}

test seed-2.41.3 {three dimensions: indexes that are none} -body {
    scene {
        three-dimensions
        lmap {words index} {
            {A B C D E F} {h1 h3 h5 h1}  {A B C D E F} {h1 h5}
            {A B C D E F} nosuch  {A :h1 B C} 0  {A :h1} 0
            {A B C D E F :h1} h2  {A B C D E F} {h1 h3 2}
        } {
            set got [code {n {*}$words at $index}]
            expr {[lrange $got 0 2] eq {DEPLOYER ISOLATE INDEX}
                && [lindex $got 4] eq $index ? [lindex $got 3] : $got}
        }
    }
} -match glob -result {/A/B/C/D/E/F /A/B/C/D/E/F /A/B/C/D/E/F /A:h1/B/C /A:h1\
    /A:h1/B/C/D/E/F /A/B/C/D/E/F}

test seed-2.42 {just one: isolated at once, a plain result} -body {
    scene {
        deployer::service create N {
            service one -isolate -justone {
                service below { action go {} { my host slugs } }
                action go {} { list [my info isolated] [my host slugs] }
            }
        }
        N create n -hosts {host h2}
        list [n one go] [n one below go] [n one info array] \
            [n one info isolated] [n one info isolations] [code {n one at 0}]
    }
} -result {{1 h2} h2 0 1 {} {DEPLOYER ISOLATE INDEX /one 0}}

test seed-2.43 {cd in cd} -body {
    scene {
        deployer::service create S {
            action go {} {
                my hosts cd / {
                    set inner [my hosts cd usr {
                        list [my hosts getcwd] [my hosts run pwd] \
                            [my hosts at 0 getcwd]
                    }]
                    list $inner [my hosts run pwd] [my hosts at 1 run pwd]
                }
            }
            service cells -isolate {
                action go {} {
                    my host cd / { my host cd usr { my host run pwd } }
                }
            }
        }
        S create s -hosts {host {h1 h2}}
        list [s go] [s cells go]
    }
} -result {{{{h1 /usr h2 /usr} {h1 /usr h2 /usr} /usr} {h1 / h2 /} /}\
    {h1 /usr h2 /usr}}

test seed-2.44 {isolating what isolates already is still one dimension} -body {
    scene {
        deployer::service create Array {
            isolate
            action go {} { my host slugs }
        }
        deployer::service create N {
            service twice Array -isolate {}
            service one Array -isolate -justone {}
            service late Array -justone {}
            service deeper twice {}
        }
        N create n -hosts {host h1}
        list [n twice go] [n one go] [n late go] [n deeper go]
    }
} -result {{h1 h1} h1 h1 {h1 h1}}

test seed-2.45 {an alias with a dot} -body {
    scene {
        deployer::service create S {
            action manage -alias manage.py args { list $args }
        }
        S create s
        list [s manage.py migrate app] [s manage migrate app] \
            [expr {"manage.py" in [info object methods s -all]}]
    }
} -result {{{migrate app}} {{migrate app}} 1}

testConstraint console [expr {![catch {
    scene {
        deployer::service create S { action ask {} { my console confirm x } }
        [S new] ask
    }
} message options] || [lindex [dict get $options -errorcode] 1] ne "ARGUMENT"}]
unset -nocomplain message options

test seed-2.46 {the console is as interactive as the instance} \
        -constraints console -body {
    scene {
        deployer::service create S {
            action ask {} { my console input {What now?} }
        }
        S create s -interactive 0
        code {s ask}
    }
} -result {DEPLOYER INPUT {What now?}}

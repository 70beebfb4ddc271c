# runskit.tcl -- for tests of journals: a tree, its hosts, and what stands in
# files. Sourced in the namespace of the tests, which has Dir.

package require deployer
# The classes and hosts of the tests, also for other processes.
variable Tree {
    deployer::service create App {
        action run line {my hosts at h1 run $line}
        action quiet {} {}
        action say text {my report $text}
        action login {user password} {
            my report "as $user with $password"
            my hosts at h1 run "echo $user $password $password"
        }
        action fails line {my hosts at h1 run $line; my hosts at h2 run {exit 3}}
        # These do nothing themselves.
        action both dir {
            set first [my cells mark $dir first]
            dict set first all [my cells mark $dir second]
            return $first
        }
        action mixed dir {
            my cells mark $dir first
            my hosts at h1 run "echo mixed >> $dir/mixed"
            my cells mark $dir second
        }
        service cells -isolate {
            # Waits, where there is to be something to wait for.
            action step dir {
                set slug [lindex [my host slugs] 0]
                my host run "echo x >> $dir/$slug.marks"
                my host run "echo y >> $dir/$slug.marks; while test -e\
                    $dir/wait && ! test -e $dir/$slug.go; do sleep 0.05;\
                    done; echo z >> $dir/$slug.marks"
            }
            action mark {dir word} {
                set slug [lindex [my host slugs] 0]
                my host run "echo $word $slug >> $dir/marks"
                my host run "! test -e $dir/bad.$word.$slug"
                return "$word of $slug"
            }
            action fail {} {
                set how [my host data how]
                switch $how {
                    fine {my host run {echo fine}}
                    status {my host run {echo oops >&2; exit 3}}
                    signal {my host run {kill -KILL $$}}
                    timeout {my host run -timeout 0.3 {exec sleep 1000}}
                    refused {my host run true}
                    lost {my host run {kill -KILL $PPID; sleep 5}}
                    sudo {my host sudo id}
                }
            }
        }
    }
    proc Hosts count {
        set hosts {}
        for {set i 1} {$i <= $count} {incr i} {
            lappend hosts [deployer::localhost create h$i]
        }
        return $hosts
    }
}
eval $Tree

# App `app` on so many hosts; undone by Done.
proc Make {count args} {
    variable Made [Hosts $count]
    App create app -hosts [list host $Made] {*}$args
}
proc Done {} {
    variable Made
    app destroy
    foreach host $Made {
        $host destroy
    }
    Forget
}
proc Forget {} {
    variable Dir
    file delete -force $Dir/state $Dir/work
    file mkdir $Dir/work
}
Forget

proc Journals {} {
    variable Dir
    return [lsort [glob -nocomplain $Dir/state/deployer/runs/*]]
}
proc Read file {
    set channel [open $file]
    chan configure $channel -encoding utf-8
    set text [read $channel]
    close $channel
    return $text
}
proc Write {file text} {
    set channel [open $file w]
    puts -nonewline $channel $text
    close $channel
}
proc Records file {
    return [lmap line [lrange [split [Read $file] \n] 0 end-1] {
        deployer::core::json decode $line
    }]
}
# Values of the newest run.
proc Last args {
    set run [lindex [deployer::runs list -limit 1] 0]
    return [lmap key $args {dict get $run $key}]
}
proc Failure script {
    if {![catch {uplevel 1 $script} message options]} {
        return "no error"
    }
    return [dict get $options -errorcode]
}

# A process that runs SCRIPT with the tree and 100 hosts; it lives until its
# channel is closed, or is killed.
proc Child script {
    variable Dir
    variable Tree
    variable ChildCount
    set file $Dir/child[incr ChildCount].tcl
    Write $file [string cat "package require deployer\n" \
        "deployer::runs record 1\n" \
        "namespace eval [namespace current] {\n" $Tree \
        "App create app -hosts \[list host \[Hosts 100\]\] -parallel 10\n" \
        [list variable Dir $Dir] "\n$script\n}\n"]
    return [open |[list {*}[subTclsh] $file 2>@stderr] r+]
}

# The journals are in Dir from here on, and are kept.
proc Begin {} {
    variable Dir
    variable OldState [array get ::env XDG_STATE_HOME]
    set ::env(XDG_STATE_HOME) $Dir/state
    deployer::runs record 1
}

proc End {} {
    variable Dir
    variable OldState
    App destroy
    unset ::env(XDG_STATE_HOME)
    if {[llength $OldState]} {
        set ::env(XDG_STATE_HOME) [lindex $OldState 1]
    }
    deployer::runs record 0
    file delete -force $Dir
}

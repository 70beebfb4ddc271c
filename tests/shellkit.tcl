# shellkit.tcl -- what the tests of the shell share: a tree of services, and ways
# to type at it.

namespace eval ::shellkit {
    namespace import ::kit::subTclsh ::kit::tempDir
    namespace export begin end Typed TreeFile Place

    variable Dir ""

    # The hosts are this machine. $D is the directory of the tests.
    variable Tree {
        package require deployer
        foreach name {web1 web2 web3 db1} {
            deployer::localhost create $name -env [list NAME $name D $dir]
        }
        deployer::service create App {
            describe "an application"
            roles host db
            property version 1.2
            query current {version}
            action hello -alias hi -doc "says hello everywhere" {} {
                my hosts filter host run {echo hello $NAME}
            }
            action one -doc "on one host" {} {
                my hosts at web1 run {echo one; echo two}
            }
            action add -doc "a sum" {a {b 2} args} { expr {$a + $b} }
            action words args { join [lmap word $args {string cat < $word >}] "" }
            action fails {} {
                my hosts filter host run {echo $NAME; test $NAME != web2}
            }
            action bug {} { nosuchcommand }
            action slow {{file never}} {
                my hosts filter host run "until test -e $::dir/$file; do sleep 0.05; done; echo \$NAME"
            }
            action slowone {{file never}} {
                my hosts at web1 run "until test -e $::dir/$file; do sleep 0.05; done; echo end"
            }
            action loud -quiet {} { return nothing }
            action make {} { my initialize Extra }
            action pick {} { my web at web2 }
            action touch file {
                my hosts at web1 run "echo x >[deployer::quote $::dir/$file]"
            }
            action ask {} { my console input Name? }
            action long count {
                set text ""
                for {set i 1} {$i <= $count} {incr i} { append text "line $i\n" }
                return $text
            }
            action _hidden {} { return hidden }
            service web -isolate {
                describe "what serves"
                group production
                action status -default -doc "how it is" {} { my host run {echo up} }
                action both {} { my host run {echo one; echo two} }
                action count text { string length $text[my host slugs] }
                action which -oneonly {} { my host slugs }
                action fails {} { my host run {test $NAME = web2} }
                action nothing {} {}
                action twice {} {
                    my host run "echo \$NAME >>[deployer::quote $::dir/resumed]; test \$NAME != web2 || test -e [deployer::quote $::dir/again]"
                }
                service git {
                    action pull {} { my host run {echo pulled} }
                    action facts {} { my hosts run -result dict {echo x} }
                }
            }
            service staging { group staging; action x {} { my hosts slugs } }
        }
        deployer::service create Extra {
            action inside {} { return in }
        }
        set hosts {host {web1 web2 web3} db db1}
    }

    proc begin {} {
        variable Dir [tempDir]
    }

    # A shell whose window is gone may be writing its history still.
    proc end {} {
        variable Dir
        ::kit::waitFor {expr {![catch {file delete -force $::shellkit::Dir}]}} \
            20000
    }

    proc Place name {
        variable Dir
        return [file join $Dir $name]
    }

    # The path of a script that makes the tree and then evaluates BODY.
    proc TreeFile body {
        variable Dir
        variable Tree
        set file [Place script[incr ::shellkit::Number].tcl]
        set chan [open $file w]
        chan configure $chan -encoding utf-8
        # What it starts shall run without the sanitizer.
        puts $chan {unset -nocomplain env(LD_PRELOAD)}
        puts $chan [list set auto_path $::auto_path]
        puts $chan [list set dir $Dir]
        puts $chan $Tree
        puts $chan $body
        close $chan
        return $file
    }

    # What the shell prints on both outputs when LINES are its input, without a
    # terminal. WORDS start it, and its status stands at the end. ENV: NAME=VALUE.
    proc Typed {lines {words {App -hosts $hosts}} {env {}}} {
        set file [TreeFile "puts \"status \[deployer::shell start $words\]\""]
        set input [Place input]
        set chan [open $input w]
        chan configure $chan -encoding utf-8
        puts -nonewline $chan $lines
        close $chan
        set chan [open |[list env LC_ALL=C.UTF-8 XDG_STATE_HOME=[Place state] \
            {*}$env setsid -w {*}[subTclsh] $file <$input 2>@1]]
        chan configure $chan -encoding utf-8
        set text [read $chan]
        if {[catch {close $chan}]} {
            error $text
        }
        # The last prompt and the status have a line each.
        return [regsub {> \n(status \d+)$} [string trimright $text \n] {> \1}]
    }
}

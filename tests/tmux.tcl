# tmux.tcl -- a private tmux for tests of terminals: a server on a socket of its
# own in a temporary directory, with one window and no configuration.
#
#     set screen [tmux::window new {bash --norc} -cols 80 -rows 24]
#     $screen type "vim file" Enter
#     $screen wait {All}
#     $screen text
#     $screen destroy
#
# And what tests of the package share: a host of the farm, scripts that run in a
# window and leave their results in files, the same command by ssh.
#
#     tmux::start
#     set window [Window {save text [web run -pty yes {stty size}]}]
#     Saved text
#     $window destroy
#     tmux::stop

package require Tcl 8.6

namespace eval ::tmux {}

oo::class create ::tmux::window {
    variable Dir Socket Pid Watch

    # Runs COMMAND, a list of words, in a new window. -env DICT is put over the
    # environment.
    constructor {command args} {
        set opts [dict merge {-cols 80 -rows 24 -env {}} $args]
        set Dir [::sshd::TempDir]
        set Socket [file join $Dir socket]
        set env {-u TMUX -u TMUX_PANE -u LD_PRELOAD LC_ALL=C.UTF-8}
        dict for {name value} [dict get $opts -env] {
            lappend env $name=$value
        }
        # It gives what runs in it a TERM of its own.
        set term screen
        if {[dict exists $opts -env TERM]} {
            set term [dict get $opts -env TERM]
        }
        set set {set-option -g}
        exec env {*}$env tmux -f /dev/null -u -S $Socket start-server \; \
            {*}$set status off \; {*}$set remain-on-exit on \; \
            {*}$set remain-on-exit-format {} \; \
            {*}$set default-terminal $term \; {*}$set escape-time 0 \; {*}$set history-limit 50000 \; \
            new-session -d -x [dict get $opts -cols] \
            -y [dict get $opts -rows] {*}$command 2>@1
        set Pid [my display {#{pid}}]
        # The server is nobody's child: a shell ends it after a killed test.
        set Watch [open |[list sh -c {
            trap '' INT QUIT HUP TERM
            read line && exit
            tmux -S "$1" kill-server
            rm -rf "$2"
        } sh $Socket $Dir >/dev/null 2>/dev/null] w]
        my resize [dict get $opts -cols] [dict get $opts -rows]
    }

    destructor {
        if {[info exists Pid]} {
            catch {my tmux kill-server}
            if {![::sshd::Until 5000 {expr {![::sshd::Alive $Pid]}}]} {
                exec kill -KILL $Pid
            }
            if {[info exists Watch]} {
                catch {puts $Watch ""}
                catch {close $Watch}
            }
        }
        file delete -force $Dir
    }

    method tmux args {
        return [exec tmux -S $Socket {*}$args 2>@1]
    }

    method display format {
        return [my tmux display-message -p $format]
    }

    # Process id of what runs in the window, and the name of its terminal.
    method pid {} {
        return [my display {#{pane_pid}}]
    }

    method tty {} {
        return [my display {#{pane_tty}}]
    }

    # Whether the program in the window has ended.
    method dead {} {
        return [my display {#{pane_dead}}]
    }

    # Types keys by their names of tmux (Enter, C-c, M-x, F5); a word that is no
    # such name is typed as it is.
    method keys args {
        my tmux send-keys -- {*}$args
    }

    # Types TEXT as it is, and then the keys.
    method type {text args} {
        my tmux send-keys -l -- $text
        if {[llength $args]} {
            my keys {*}$args
        }
    }

    # Types bytes, each two hexadecimal digits.
    method bytes args {
        my tmux send-keys -H {*}$args
    }

    # Pastes a file; as a terminal does it where the program asked for brackets.
    method paste file {
        my tmux load-buffer $file
        my tmux paste-buffer -p -r
    }

    method resize {cols rows} {
        my tmux resize-window -x $cols -y $rows
    }

    # What is on the screen: lines without the white space at their ends, and
    # without the empty ones at the end. With -history all that scrolled off.
    method text {args} {
        set from [expr {"-history" in $args ? {-S -} : {}}]
        return [string trimright [my tmux capture-pane -p {*}$from] \n]
    }

    # The same with colours and attributes, and where the cursor is.
    method picture {} {
        return [list [my display {#{cursor_x} #{cursor_y} #{cursor_flag}\
            #{alternate_on}}] [my tmux capture-pane -p -e]]
    }

    # Waits until the screen holds something that matches EXPRESSION.
    method wait {expression {limit 15000}} {
        set seen ""
        set end [expr {[clock milliseconds] + $limit}]
        while {[clock milliseconds] < $end} {
            set seen [my text]
            if {[regexp -- $expression $seen]} {
                return $seen
            }
            my Pause
        }
        return -code error -errorcode {TEST TIMEOUT} \
            "waited $limit ms for $expression on the screen:\n$seen"
    }

    # Waits until the screen has not changed for a while, for programs that
    # paint it in several steps.
    method settle {} {
        set last ""
        set same 0
        while {$same < 6} {
            set now [my picture]
            set same [expr {$now eq $last ? $same + 1 : 0}]
            set last $now
            my Pause
        }
        return $last
    }

    # The event loop goes on: what the window reaches may live in this process.
    method Pause {} {
        after 25 [list set [namespace which -variable ::tmux::tick] 1]
        vwait ::tmux::tick
    }
}

namespace eval ::tmux {
    variable tick 0
    variable Dir ""             ;# of scripts and what they save
    variable Farm ""
    variable Number 0           ;# of scripts
    namespace export Action Both Child Line Modes Saved Script Shell Ssh Window \
        ReadUtf8 Place
}

# Sets the constraint `screen`: whether such tests can run here; and those of the
# programs that they are about.
proc ::tmux::start {} {
    variable Dir
    variable Farm
    foreach name {less nano emacs dialog python3 top} {
        tcltest::testConstraint $name [expr {[::sshd::Program $name] ne ""}]
    }
    tcltest::testConstraint screen [expr {[tcltest::testConstraint tmux]
        && [tcltest::testConstraint sshd] && [tcltest::testConstraint linux]}]
    if {![tcltest::testConstraint screen]} {
        return
    }
    set Dir [::sshd::TempDir]
    set Farm [::sshd::farm new]
    set chan [open [file join $Dir hosts.tcl] w]
    puts $chan [list set auto_path $::auto_path]
    if {[tcltest::testConstraint sanitized]} {
        # What is found in those that run in windows stands in files.
        set ::env(ASAN_OPTIONS) [join [list {*}[lsearch -all -inline -not \
            [split $::env(ASAN_OPTIONS) :] log_path=*] \
            log_path=[file join $Dir asan]] :]
    }
    puts $chan {package require deployer}
    puts $chan [list deployer::sshhost create web \
        -address [lindex [$Farm addresses] 0] {*}[$Farm options]]
    puts $chan {deployer::localhost create here}
    puts $chan [list set dir $Dir]
    puts $chan {proc save {name text} {
        set chan [open [file join $::dir $name] w]
        chan configure $chan -encoding utf-8 -translation lf
        puts -nonewline $chan $text
        close $chan
    }}
    close $chan
}

# The twin. Returns what sanitizers complained of in windows.
proc ::tmux::stop {} {
    variable Dir
    variable Farm
    foreach window [info class instances ::tmux::window] {
        $window destroy
    }
    if {$Dir eq ""} {
        return
    }
    set complaints {}
    foreach file [glob -nocomplain -directory $Dir asan.*] {
        lappend complaints [ReadUtf8 $file]
    }
    $Farm destroy
    file delete -force $Dir
    set Dir ""
    return [join $complaints \n]
}

# The path of file NAME in the directory that `save` writes to.
proc ::tmux::Place name {
    variable Dir
    return [file join $Dir $name]
}

# The words that run BODY with the hosts `web` (the farm's) and `here`;
# `save NAME TEXT` leaves something for Saved.
proc ::tmux::Script body {
    variable Number
    set file [Place script[incr Number].tcl]
    set chan [open $file w]
    puts $chan [list source [Place hosts.tcl]]
    puts $chan $body
    close $chan
    return [list {*}[::kit::subTclsh] $file]
}

# The content of file NAME, once there is some; the file is gone then.
proc ::tmux::Saved name {
    set file [Place $name]
    ::kit::waitFor {file exists $file} 15000
    ::kit::waitFor {expr {[file size $file] > 0}} 15000
    set text [ReadUtf8 $file]
    file delete $file
    return $text
}

proc ::tmux::ReadUtf8 file {
    set chan [open $file]
    chan configure $chan -encoding utf-8 -translation lf
    set text [read $chan]
    close $chan
    return $text
}

# A window in which BODY runs, and nothing else.
proc ::tmux::Window {body args} {
    return [window new [Script $body] {*}$args]
}

# A window with a shell that has job control, whose prompt is "ready>".
proc ::tmux::Shell args {
    set window [window new {bash --norc --noprofile} {*}$args]
    $window type {PS1='ready> '; clear} Enter
    $window wait {^ready>$}
    return $window
}

# The words of a command for Shell.
proc ::tmux::Line body {
    return [join [Script $body]]
}

# LINE on the farm by ssh, in a window.
proc ::tmux::Ssh {line args} {
    variable Farm
    set options [$Farm options]
    return [window new [list ssh -tt -q -F /dev/null \
        -p [$Farm port] -l [$Farm user] \
        -i [lindex [dict get $options -keyfile] 0] \
        -o IdentitiesOnly=yes -o IdentityAgent=none \
        -o UserKnownHostsFile=[$Farm knownhosts] \
        [lindex [$Farm addresses] 0] $line] {*}$args]
}

# A window in which an action has the terminal, and evaluates BODY in a cell of
# host web.
proc ::tmux::Action {body args} {
    return [Window "
        deployer::service create Session {
            isolate
            action evaluate {} [list $body]
        }
        Session create session -hosts {host web} -terminal own
        session at web evaluate
    " {*}$args]
}

# Evaluates STEPS, a list of methods of a window, for LINE by ssh and by `my host
# run`, and compares the screens after each `compare EXPRESSION`, which waits for
# that. Returns "" or both of what is not equal.
proc ::tmux::Both {line steps args} {
    set pictures {}
    foreach way {ssh run} {
        if {$way eq "ssh"} {
            set window [Ssh $line {*}$args]
        } else {
            set window [Action [list my host run $line] {*}$args]
        }
        try {
            set seen {}
            foreach step $steps {
                if {[lindex $step 0] eq "compare"} {
                    $window wait [lindex $step 1]
                    lappend seen [$window settle]
                } else {
                    $window {*}$step
                }
            }
            lappend pictures $seen
        } on error {message options} {
            return -options $options "by $way: $message"
        } finally {
            $window destroy
        }
    }
    lassign $pictures ssh ours
    set number 0
    foreach one $ssh other $ours {
        incr number
        if {$one ne $other} {
            return "picture $number by ssh:\n[join $one \n]\nand by run:\n[
                join $other \n]"
        }
    }
    return [expr {[llength $ssh] == 0 ? "no pictures" : ""}]
}

# What stty tells of the terminal of a window; without the size.
proc ::tmux::Modes window {
    return [exec stty -g -F [$window tty]]
}

# The process id of what runs in the shell of a window.
proc ::tmux::Child window {
    set shell [$window pid]
    set child ""
    ::kit::waitFor {
        dict for {process fields} [::sshd::Processes] {
            if {[lindex $fields 0] == $shell
                    && [lindex $fields 1] ni {Z X}} {
                set child $process
            }
        }
        expr {$child ne ""}
    }
    return $child
}

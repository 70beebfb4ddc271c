# verbs.tcl -- what a host does: run, sudo, process, contexts and questions.
#
# Layer T1. Each verb is a method of deployer::host; hosts.tcl makes the same
# verbs work on many.

oo::define ::deployer::host {
    method run args {
        set opts {}
        if {[llength $args] != 1
                || [string index [lindex $args 0] 0] eq "-"} {
            set opts [::deployer::RunOptions run args]
        }
        return [my Run [lindex $args 0] $opts]
    }

    method sudo args {
        set opts [::deployer::RunOptions sudo args]
        return [my Run [lindex $args 0] [dict set opts sudo 1]]
    }

    # OPTS as in Execute, checked. Who has the terminal is decided here.
    method Run {line opts} {
        set host [self]
        set slug $Slug
        if {($opts ne "" || [::deployer::ContextSays])
                && ![dict exists $opts plain]} {
            set opts [::deployer::TerminalOptions $slug $opts [my Get -term]]
        }
        if {$opts eq ""} {
            return [my Quiet $line]
        }
        dict set opts slug $slug
        if {[dict exists $opts own]} {
            set outcome [my RunOwn $line $opts]
        } else {
            set outcome [my Execute $line $opts]
        }
        return [::deployer::RunResult $host $slug $line $opts $outcome]
    }

    # Runs LINE without options, on no terminal.
    method Quiet line {
        set host [self]
        set slug $Slug
        set outcome [my Execute $line {}]
        if {[dict get $outcome status] == 0} {
            return [::deployer::core::text chop [dict get $outcome stdout]]
        }
        return [::deployer::RunResult $host $slug $line {} $outcome]
    }

    method process args {
        set opts [::deployer::ProcessOptions args]
        return [my Process [lindex $args 0] $opts]
    }

    method Process {line opts} {
        if {[dict exists $opts pty] && [dict get $opts pty]} {
            dict set opts terminal \
                [::deployer::TerminalType {} 0 [my Get -term]]
        }
        lassign [my Begin $line $opts] p reused
        return [::deployer::Own [::deployer::Process new \
            [self] $Slug $p $line $opts]]
    }

    method cd args {
        tailcall ::deployer::VerbCd [list [self]] {*}$args
    }

    method env args {
        tailcall ::deployer::VerbEnv [list [self]] {*}$args
    }

    method prefix args {
        tailcall ::deployer::VerbPrefix [list [self]] {*}$args
    }

    # The output of a question of ours, which must succeed.
    method Answer line {
        return [my Quiet $line]
    }

    # The output of SCRIPT, run by sh with ARGS whatever the login shell is.
    method Script {script args} {
        return [my Quiet [join [list sh -c \
            {*}[lmap word [list $script sh {*}$args] {my Quoted $word}]] { }]]
    }

    # PATH as the host sees it: absolute, ~ and ~user expanded.
    method expand path {
        if {[string index $path 0] eq "~"} {
            if {[regexp {^(~[A-Za-z0-9._@+-]*)(?:/(.*))?$} $path -> user rest]} {
                set home [my Home $user]
                if {$rest eq ""} {
                    return $home
                }
                return [::deployer::JoinPath $home $rest]
            }
        } elseif {[string index $path 0] eq "/"} {
            return $path
        }
        if {$path eq ""} {
            ::deployer::Fail {ARGUMENT {}} "an empty string is no path"
        }
        set cwd [my getcwd]
        if {$path eq "."} {
            return $cwd
        }
        return [string trimright $cwd /]/$path
    }

    method getcwd {} {
        return [my Answer pwd]
    }

    method home {{user {}}} {
        if {![regexp {^[A-Za-z0-9._@+-]*$} $user]} {
            ::deployer::Fail [list ARGUMENT $user] \
                "\"$user\" cannot be the name of a user"
        }
        return [my Home ~$user]
    }

    method Home word {
        set slug $Slug
        set outcome [my Execute "echo $word" {}]
        set home [string trimright [dict get $outcome stdout] \n]
        if {[dict get $outcome status] || [string index $home 0] ne "/"} {
            ::deployer::Fail [list FILE ENOENT $slug $word] \
                "there is no home directory $word on host $slug"
        }
        return $home
    }

    method hostname {} {
        return [my Answer {uname -n}]
    }

    # The first IPv4 address, of interface IFACE or of any but the loopback.
    method ipaddress {{iface {}}} {
        set slug $Slug
        set text [my Script {
            PATH=$PATH:/sbin:/usr/sbin
            if [ "$1" ]; then ip -4 -o addr show dev "$1" || ifconfig "$1"
            else ip -4 -o addr show || ifconfig -a; fi 2>/dev/null || :
        } $iface]
        foreach {match address} \
                [regexp -all -inline {inet (?:addr:)?(\d+\.\d+\.\d+\.\d+)} $text] {
            if {$iface ne "" || ![string match 127.* $address]} {
                return $address
            }
        }
        ::deployer::Fail [list FILE ENODEV $slug $iface] \
            "host $slug has no address[expr {$iface eq "" ? {} : { on }}]$iface"
    }

    method hascommand name {
        set text [my Script \
            {command -v "$1" >/dev/null 2>&1 && echo 1 || echo 0} $name]
        return [expr {$text eq "1"}]
    }

    method is64bit {} {
        set text [my Script {getconf LONG_BIT 2>/dev/null || uname -m}]
        return [expr {[string match *64* $text] || $text eq "s390x"}]
    }
}

# The verbs that change the context of HOSTS; a BODY runs in the caller's frame.

proc ::deployer::VerbCd {hosts args} {
    if {[llength $args] ni {1 2}} {
        WrongArgs "cd DIR ?BODY?"
    }
    set dir [lindex $args 0]
    QuotedPath $dir
    tailcall ContextRun $hosts cd [list ::deployer::ChangeCwd $dir] \
        [lrange $args 1 end]
}

proc ::deployer::VerbEnv {hosts args} {
    set words $args
    set raw [expr {[lindex $words 0] eq "-noescape"}]
    if {$raw || [lindex $words 0] eq "--"} {
        set words [lrange $words 1 end]
    }
    if {[llength $words] ni {2 3}} {
        WrongArgs "env ?-noescape? NAME VALUE ?BODY?"
    }
    lassign $words name value
    tailcall ContextRun $hosts env \
        [list ::deployer::ChangeList env [ExportText $name $value $raw]] \
        [lrange $words 2 end]
}

proc ::deployer::VerbPrefix {hosts args} {
    if {[llength $args] ni {1 2}} {
        WrongArgs "prefix COMMAND ?BODY?"
    }
    tailcall ContextRun $hosts prefix \
        [list ::deployer::ChangeList prefix [lindex $args 0]] [lrange $args 1 end]
}

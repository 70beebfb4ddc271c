# sandbox.tcl -- what hosts do in a sandbox: commands are parsed and not run,
# files are looked at and not changed.
#
# Layer T1. The context (context.tcl) of actions in a sandbox has the key
# -sandbox, a dict:
#
#   mode      check: nothing is run; safe: in a getter that is -safe, `run` is
#             as elsewhere, and whatever writes is still only looked at
#   tell      command prefix that gets a text for the user; its result is whether
#             that is on the terminal by that
#   id        the call that entered it: key of SandboxMade
#
# The key -says is a prefix that gets what is told as lines, where there is no
# terminal.
#
# One class is mixed into that of hosts. It holds for each method that changes
# something, or sends the password of sudo, what stands for it in a sandbox, and
# one procedure is asked which it is to be. Our own questions, as for a home
# directory, are asked in a sandbox as well: they only look.

namespace eval ::deployer {
    # Method of a host -> the modes in which Sandboxed<method> stands for it.
    # With sudo no command runs in either. Those of files are the inner methods of
    # events.tcl, so that what would be done is an event as well.
    variable SandboxVerbs {
        Run check Process check Shell {check safe} spawn {check safe}
        FileMkdirUntold {check safe} FileRemoveUntold {check safe}
        FileRenameUntold {check safe} FileSymlinkUntold {check safe}
        FileLinkUntold {check safe}
        FileSetstatUntold {check safe} FileOpenUntold {check safe}
    }

    # Shells whose -n parses without running anything.
    variable SandboxShells {
        sh bash dash ash ksh ksh93 mksh lksh pdksh oksh zsh busybox yash posh
        csh tcsh fish
    }

    # Id -> slug -> path -> what file verbs would have made of it: directory, gone,
    # or 1 where it may be anything.
    variable SandboxMade
    variable SandboxCount 0
    array set SandboxMade {}
}

# The mode of the running code, "" outside of a sandbox.
proc ::deployer::SandboxMode {} {
    variable Contexts
    set co [info coroutine]
    if {![info exists Contexts($co)]
            || ![dict exists $Contexts($co) -sandbox]} {
        return ""
    }
    return [dict get $Contexts($co) -sandbox mode]
}

# CONTEXT in a sandbox; what goes on there is told by {*}TELL TEXT. One that is
# in one already stays in that, in MODE.
proc ::deployer::SandboxEnter {context mode tell} {
    variable SandboxCount
    variable SandboxMade
    if {[dict exists $context -sandbox]} {
        dict set context -sandbox mode $mode
        return $context
    }
    set id [incr SandboxCount]
    set SandboxMade($id) {}
    dict set context -sandbox [dict create mode $mode tell $tell id $id]
    return $context
}

# The end of the call that entered the sandbox of CONTEXT.
proc ::deployer::SandboxLeave context {
    variable SandboxMade
    unset -nocomplain SandboxMade([dict get $context -sandbox id])
}

# Says TEXT about host SLUG to who watches.
proc ::deployer::SandboxTell {slug text} {
    set context [ContextGet]
    SandboxSay [dict get $context -sandbox tell] $slug $text \
        [SandboxShows $context]
}

# How code in CONTEXT shows what it says itself: {OWN SAYS}, whether it has the
# terminal, and else a command prefix that gets the text, or "".
proc ::deployer::SandboxShows context {
    return [list [expr {[dict exists $context -terminal]
        && [dict get $context -terminal] eq "own"}] [expr {
        [dict exists $context -says] ? [dict get $context -says] : ""}]]
}

proc ::deployer::SandboxSay {tell slug text shows} {
    if {[{*}$tell "sandbox: $slug: $text"]} {
        # Somebody has seen it.
        return
    }
    lassign $shows own says
    if {$own && [dict get [core::terminal info] state] eq "front"} {
        set says ::deployer::TerminalPrint
    }
    if {$says ne ""} {
        set lines {}
        foreach line [split [string trimright $text \n] \n] {
            lappend lines "$slug: [TerminalLine $line]"
        }
        {*}$says "[join $lines \n]\n"
    }
}

# Notes that a file verb would have made PATH on host SLUG, which was not there, or
# removed it (KIND is gone).
proc ::deployer::SandboxNote {slug path {kind 1}} {
    variable SandboxMade
    set id [dict get [ContextGet] -sandbox id]
    if {[info exists SandboxMade($id)]} {
        dict set SandboxMade($id) $slug [Unslashed $path] $kind
    }
}

# What was noted of PATH, or else of the nearest directory above it; "" for nothing.
proc ::deployer::SandboxNotedAs {slug path} {
    variable SandboxMade
    set id [dict get [ContextGet] -sandbox id]
    if {![info exists SandboxMade($id)]
            || ![dict exists $SandboxMade($id) $slug]} {
        return ""
    }
    set made [dict get $SandboxMade($id) $slug]
    set path [Unslashed $path]
    while {![dict exists $made $path]} {
        set path [PathAbove $path]
        if {$path in {"" /}} {
            return ""
        }
    }
    return [dict get $made $path]
}

# Whether PATH would have been made: what lies below something made is taken as
# made.
proc ::deployer::SandboxNoted {slug path} {
    return [expr {[SandboxNotedAs $slug $path] ni {{} gone}}]
}

# Whether PATH itself would have been made as a directory.
proc ::deployer::SandboxIsDirectory {slug path} {
    variable SandboxMade
    set id [dict get [ContextGet] -sandbox id]
    set path [Unslashed $path]
    return [expr {[info exists SandboxMade($id)]
        && [dict exists $SandboxMade($id) $slug $path]
        && [dict get $SandboxMade($id) $slug $path] eq "directory"}]
}

oo::class create ::deployer::Sandbox {
    variable Slug Shell Posix Cwd

    # Whether METHOD, called with ARGUMENTS, is to be stood in for.
    method SandboxHas {method arguments} {
        set mode [::deployer::SandboxMode]
        if {$mode eq ""} {
            return 0
        }
        if {$mode in [dict get $::deployer::SandboxVerbs $method]} {
            return 1
        }
        # A line and the options.
        return [dict exists [lindex $arguments 1] sudo]
    }

    # What our own questions need of the context. Its prefixes are commands of
    # the user's, and so may be what stands in an -noescape value; the directory
    # may be one that is yet to be made.
    method InContext line {
        if {[::deployer::SandboxMode] ne "check"} {
            return [next $line]
        }
        my Look
        set entry {}
        set context [::deployer::ContextGet]
        if {[dict exists $context [self]]} {
            set entry [dict get $context [self]]
        }
        set cwd [expr {[dict exists $entry cwd] ? [dict get $entry cwd] : $Cwd}]
        set parts {}
        if {$cwd ne ""} {
            lappend parts "\{ cd [::deployer::QuotedPath $cwd] 2>/dev/null ||\
                :; \}"
        }
        if {[dict exists $entry env]} {
            lappend parts {*}[lsearch -all -inline [dict get $entry env] \
                "export *"]
        }
        if {![llength $parts]} {
            return $line
        }
        return [join [lappend parts [::deployer::Braced $line]] { && }]
    }

    # LINE as it would be sent.
    method SandboxLine line {
        set context [::deployer::ContextGet]
        ::deployer::ContextSet [dict remove $context -sandbox]
        try {
            return [my InContext $line]
        } finally {
            ::deployer::ContextSet $context
        }
    }

    # The last line of defence: by no way is sudo begun.
    method Begin {line opts} {
        if {[dict exists $opts sudo] && [::deployer::SandboxMode] ne ""} {
            set slug $Slug
            ::deployer::Fail {STATE sandbox} "sudo is not used on host $slug in\
                a sandbox"
        }
        next $line $opts
    }

    # Files are looked at with the rights of the login user.

    method Fs args {
        if {[::deployer::SandboxMode] ne ""} {
            return [next]
        }
        next {*}$args
    }

    method FsOptions key {
        if {[::deployer::SandboxMode] ne ""} {
            return {plain 1}
        }
        next $key
    }

    method RemotePath {path {sudo 0} {user {}}} {
        if {$sudo && [::deployer::SandboxMode] ne ""} {
            # The home that it would be.
            if {$path eq "~" || [string match ~/* $path]} {
                set path ~[expr {$user eq "" ? "root" : $user}][string range \
                    $path 1 end]
            }
            return [next $path]
        }
        next $path $sudo $user
    }

    # `cd` may have gone to what does not exist yet.
    method getcwd {} {
        if {[::deployer::SandboxMode] eq "check"} {
            return [::deployer::LogicalPath [my RemotePath .]]
        }
        next
    }

    # Commands.

    # Gives LINE, with its context, to the shell that would run it, to be parsed.
    # {DEPLOYER EXEC STATUS slug status} where that finds a syntax error.
    method SandboxCheck {line opts} {
        my Look
        # What we ask for that is no event.
        set context [::deployer::ContextGet]
        ::deployer::ContextSet [dict remove $context -event]
        try {
            my SandboxCheckUntold $line $opts
        } finally {
            ::deployer::ContextSet $context
        }
    }

    method SandboxCheckUntold {line opts} {
        if {$Shell eq ""} {
            my Execute : {plain 1}
        }
        set whole [my SandboxLine $line]
        set login [expr {$Shell in {"" ?} ? "/bin/sh" : $Shell}]
        if {[dict exists $opts sudo]} {
            set texts [list /bin/sh $whole]
        } elseif {$Posix || $login eq "/bin/sh"} {
            set texts [list $login $whole]
        } else {
            set texts [list $login $line]
            if {$whole ne $line} {
                lappend texts /bin/sh [my SandboxLine :]
            }
        }
        foreach {shell text} $texts {
            my SandboxParse $shell $text $line $opts
        }
    }

    method SandboxParse {shell text line opts} {
        set host [self]
        set slug $Slug
        if {[file tail $shell] ni $::deployer::SandboxShells} {
            ::deployer::SandboxTell $slug "the syntax of the next command is not\
                checked, as $shell has no known way to"
            return
        }
        # In UTF-8, as the line would come, whatever its outputs are in.
        set check [dict create plain 1 stdin $text\n]
        if {[dict exists $opts timeout]} {
            dict set check timeout [dict get $opts timeout]
        }
        set which [expr {[file tail $shell] eq "busybox" ? " sh" : ""}]
        # The text comes as input: no quoting, and no limit of its length.
        set outcome [my Execute "exec [my Quoted $shell]$which -n" $check]
        if {[dict get $outcome status] == 0
                && [dict get $outcome signal] eq ""} {
            return
        }
        set status [dict get $outcome status]
        ::deployer::Fail [list EXEC STATUS $slug $status] \
            [::deployer::MaskFor $host "command\
            \"[::deployer::Shorten $line]\" on host $slug was not run (sandbox)\
            and cannot be: [file tail $shell] -n, its shell's check, says:\
            [::deployer::LastLines [dict get $outcome stderr]]"]
    }

    method SandboxedRun {line opts} {
        set span [::deployer::EventNow]
        if {$span eq ""} {
            return [my SandboxedRunUntold $line $opts]
        }
        set facts [list host $Slug command $line sandbox 1]
        if {[dict exists $opts sudo]} {
            lappend facts sudo 1 user [expr {[dict exists $opts user]
                && [dict get $opts user] ne "" ? [dict get $opts user]
                : "root"}]
        }
        my Noted
        set span [::deployer::core::event begin $span run $facts {} \
            [my Hidden {}]]
        set code [catch {my SandboxedRunUntold $line $opts} result options]
        ::deployer::EventOutcome $span $code $result $options \
            [expr {$code ? {} : {status 0}}]
        dict incr options -level
        return -options $options $result
    }

    method SandboxedRunUntold {line opts} {
        set slug $Slug
        set begin [clock microseconds]
        my SandboxCheck $line $opts
        set who ""
        if {[dict exists $opts sudo]} {
            set who " as [expr {[dict exists $opts user]
                && [dict get $opts user] ne "" ? [dict get $opts user]
                : "root"}]"
        }
        ::deployer::SandboxTell $slug \
            "would run$who: [::deployer::MaskFor [self] $line]"
        if {![dict exists $opts result] || [dict get $opts result] eq "text"} {
            return ""
        }
        return [dict create stdout {} stderr {} status 0 signal {} \
            seconds [expr {([clock microseconds] - $begin) / 1e6}]]
    }

    # A process that says nothing and ends well.
    method SandboxedProcess {line opts} {
        my SandboxedRun $line $opts
        set opts [dict remove $opts sudo user pty]
        dict set opts plain 1
        set context [::deployer::ContextGet]
        ::deployer::ContextSet [dict remove $context -event]
        try {
            lassign [my Begin : $opts] p reused
        } finally {
            ::deployer::ContextSet $context
        }
        return [::deployer::Own [::deployer::Process new \
            [self] $Slug $p $line $opts]]
    }

    method SandboxedShell {line opts} {
        set slug $Slug
        if {$line ne ""} {
            my SandboxedRun $line {}
            return
        }
        my connect
        ::deployer::SandboxTell $slug "would open a shell"
    }

    # A terminal on which nothing is said.
    method Sandboxedspawn args {
        if {[llength $args] > 1} {
            ::deployer::WrongArgs "[self] spawn ?COMMAND?"
        }
        my SandboxedShell [lindex $args 0] {}
        return :
    }
}

apply {{} {
    foreach method [dict keys $::deployer::SandboxVerbs] {
        if {$method eq "spawn"} {
            continue
        }
        oo::define ::deployer::Sandbox method $method args [string map \
            [list %m $method %s Sandboxed[string map {Untold {}} $method]] {
            if {[::deployer::SandboxMode] eq ""
                    || ![my SandboxHas %m $args]} {
                return [next {*}$args]
            }
            tailcall my %s {*}$args
        }]
    }
}}

oo::define ::deployer::Sandbox method spawn args {
    if {[my SandboxHas spawn $args]} {
        set args [list [my Sandboxedspawn {*}$args]]
    }
    next {*}$args
}

oo::define ::deployer::host mixin ::deployer::Sandbox

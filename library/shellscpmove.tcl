# shellscpmove.tcl -- the scp shell: get, put, edit and connect.
#
# Layer T3.

namespace eval ::deployer::shell {
    # Runs the user's editor on a file.
    variable ScpEditScript {
        eval "${VISUAL:-${EDITOR:-vi}} \"\$1\""
    }
}

oo::define ::deployer::shell::ScpShell {
    # Of the words in WORDSVAR, which keeps the sources, the options and the target.
    # What is there decides whether one source becomes it or goes into it; several
    # go into what is a directory, or is made one as its name ends in a slash.
    method Transfer {side other name wordsVar} {
        upvar 1 $wordsVar words
        set kinds [dict map {option spec} \
            $::deployer::shell::ScpTransferOptions {
            lindex $spec 0
        }]
        # The rights are those on the host, whatever the way.
        set opts [my Options there $name $kinds words]
        if {![llength $words]} {
            my Count $name $words 1 1000
        }
        if {[llength $words] == 1} {
            set target [string trimright $Dirs($other) /]/
        } else {
            lassign [lindex $words end] value
            set words [lrange $words 0 end-1]
            set rights [expr {$other eq "there" ? $opts : ""}]
            set target [my Place $other $value $rights]
            if {[string index $value end] ne "/" && [llength $words] > 1
                    && [my Type $other $target $rights]
                    ni {directory made unknown}} {
                ::deployer::FailDirectory [$Hosts($other) cget -slug] $target \
                    [llength $words] [expr {[my Type $other $target $rights]
                        eq ""}]
            }
            if {[string index $value end] eq "/" || [llength $words] > 1} {
                set target [string trimright $target /]/
            }
        }
        return [list $opts [my Given $opts -recursive -preserve -resume \
            -checksum -update -limit -special -sudo -user] $target]
    }

    method Get {side name words} {
        lassign [my Transfer there here $name words] opts given target
        my Copy $opts there $words [list $Hosts(there) get {*}$given --] \
            [ScpNoSlug $target]
    }

    method Put {side name words} {
        lassign [my Transfer here there $name words] opts given target
        my Copy $opts here $words [list $Hosts(there) put {*}$given --] $target
    }

    # Copies what WORDS of SIDE mean, and says how much that was.
    method Copy {opts side words prefix target} {
        set counts {}
        foreach word $words {
            lassign $word value - - - pattern
            set path [my Place $side $value \
                [expr {$side eq "there" ? $opts : ""}]]
            if {[string match {*/[.]} $value] || $value eq "."} {
                # The content, into the directory itself.
                set path [string trimright [regsub {/\.$} $path {}] /]/.
            }
            if {$pattern ne ""} {
                set literal $path
                set path [my PlacePattern $side $pattern]
                if {[$Hosts($side) exists {*}[expr {$side eq "there"
                        ? [my Given $opts -sudo -user] : ""}] -- $literal]} {
                    # A transfer would take it for that. Two stars are one.
                    set path [string map {\\\\ \\\\ \\* \\* * **} $path]
                }
            } elseif {[HasWildcard $path]} {
                set path [ScpLiteral $path]
            }
            set lost 0
            my Try {
                try {
                    set counts [TransferAdd $counts [{*}$prefix $path $target]]
                } trap {DEPLOYER FILE} {message options} {
                    set lost [my Lost $side $path $target $opts $options]
                    return -options $options $message
                }
            }
            if {$lost} {
                set name [ScpQuote $value]
                lappend Failures "nothing of $name is kept, as a new tree comes\
                    whole or not at all; with $name/. and a directory as the\
                    target comes what can" [lindex $Failures end]
            }
        }
        array unset Listed
        if {$counts ne ""} {
            my Print [ScpCounts $counts]\n
        }
        my Told
    }

    # Whether files of PATH came and went again, as others could not be copied.
    method Lost {side path target opts options} {
        set other [expr {$side eq "there" ? "here" : "there"}]
        set rights [expr {$other eq "there" ? $opts : ""}]
        if {![dict exists $options -counts]
                || ![dict get $options -counts files]} {
            return 0
        }
        set bare [Unslashed $target]
        if {[string index $target end] eq "/"
                || [my Type $other $bare $rights] eq "directory"} {
            set bare [PathBelow $bare [TransferTail $path]]
        }
        return [expr {[my Type $other $bare $rights] eq ""}]
    }

    # A private directory of this machine.
    method Private {} {
        set host $Hosts(here)
        set fs [[info object namespace $host]::my Fs -sudo 0 -user {} -write 0]
        while 1 {
            set path [file join [TempFolder] \
                deployer-[format %08x%08x [expr {int(rand() * 0x7fffffff)}] \
                [expr {[clock clicks] & 0xffffffff}]]]
            try {
                Await [core::fs mkdir $fs $path {mode 448}]
                return $path
            } trap {DEPLOYER FILE EEXIST} {} {}
        }
    }

    # Copies a file of SIDE to the private COPY, in a sandbox too, where there is no
    # sudo.
    method Fetch {side path copy opts} {
        set context [ContextGet]
        set given [my Given $opts -sudo -user]
        if {$Sandbox ne ""} {
            set given {}
            ContextSet [dict remove $context -sandbox]
        }
        try {
            $Hosts($side) get {*}$given -- [ScpLiteral $path] [ScpNoSlug $copy]
        } finally {
            ContextSet $context
        }
    }

    # The bytes of a file.
    method Fetched {side path opts} {
        if {$side eq "here"} {
            return [ScpRead $path]
        }
        set dir [my Private]
        try {
            my Fetch $side $path [file join $dir content] $opts
            return [ScpRead [file join $dir content]]
        } finally {
            file delete -force -- $dir
        }
    }

    # A file of the host, or in a sandbox any, is edited as a copy, which goes back
    # where it was changed, and where the file was not.
    method Edit {side name words} {
        set opts [my Options $side $name {} words]
        my Count $name $words 1 1
        set found [my Found $side [lindex $words 0] $opts]
        lassign $found path shown
        if {[llength $found] > 2} {
            ::deployer::Fail [list ARGUMENT $shown] "[expr {
                [llength $found] / 2}] files match [Shorten \
                [lindex $words 0 0] 80], and edit takes one"
        }
        set new [my Editable $side $path $opts]
        if {$side eq "here" && $Sandbox eq ""} {
            my Editor $path
            return
        }
        set host $Hosts($side)
        set given [my Given $opts -sudo -user]
        set dir [my Private]
        set keep 0
        # Not by file join, for which a tilde is no name's.
        set copy $dir/[lindex [split $path /] end]
        try {
            if {!$new} {
                my Fetch $side $path $copy $opts
                file attributes $copy -permissions 0600
                set old [ScpRead $copy]
            } else {
                close [open $copy {WRONLY CREAT EXCL} 0600]
                set old ""
            }
            my Editor $copy
            if {![file exists $copy]} {
                my Print "[core::text show $shown] was not written\n"
                return
            }
            set edited [ScpRead $copy]
            if {$edited eq $old} {
                my Print "[core::text show $shown] was not changed\n"
                return
            }
            # From here on it is somebody's work.
            set keep 1
            my Unchanged $side $path $new $old $opts
            if {$new} {
                # A new file is as private as the host makes it, not as the copy.
                set channel [$host open {*}$given -- $path \
                    {WRONLY CREAT EXCL BINARY}]
                try {
                    puts -nonewline $channel $edited
                } on ok {} {
                    close $channel
                }
            } else {
                $host put {*}$given -- [ScpLiteral $copy] $path
            }
            set keep 0
            array unset Listed
            if {$Sandbox eq ""} {
                my Print "[core::text show $shown] is written\n"
            }
        } on error {message options} {
            if {$keep} {
                append message "; what you wrote is in $copy"
            }
            return -options $options $message
        } finally {
            if {!$keep} {
                file delete -force -- $dir
            }
        }
    }

    # Whether PATH is new. An error, before anybody's work is lost, where it is no
    # file or cannot become one.
    method Editable {side path opts} {
        set type [my Type $side $path $opts]
        if {$type eq "directory"} {
            my FailFile EISDIR $side $path "is a directory, and edit takes a\
                file"
        }
        if {$type ni {"" file made unknown}} {
            my FailFile EINVAL $side $path "is no file"
        }
        set new [expr {$type eq ""}]
        set full [Unslashed $path]
        if {!$new && $side eq "there" && $type eq "file"} {
            # A link stays, what it leads to is replaced.
            set full [[info object namespace $Hosts($side)]::my FileAsk \
                [dict create sudo [dict exists $opts -sudo] \
                user [lindex [my Given $opts -user] end]] realpath $path]
        }
        set above [PathAbove $full]
        if {$above eq ""} {
            return $new
        }
        if {$new && $side eq "there" && [my Type $side $full $opts lstat]
                eq "link"} {
            my FailFile ENOENT $side $full "is a symbolic link that leads\
                nowhere"
        }
        if {$new} {
            my NeedDirectory $side $above $opts " ([expr {$side eq "here"
                ? "lmkdir" : "mkdir"}] makes it)"
        }
        if {($new || $side eq "there") && ![my Writable $side $above $opts]} {
            my FailFile EACCES $side $full "cannot be written: there is no\
                permission to write in its directory"
        }
        return $new
    }

    # Whether something can be made in DIR.
    method Writable {side dir opts} {
        if {$Sandbox ne ""} {
            return 1
        }
        if {$side eq "here"} {
            return [file writable $dir]
        }
        set my [info object namespace $Hosts($side)]::my
        set sudo [dict exists $opts -sudo]
        set user [lindex [my Given $opts -user] end]
        set said ""
        try {
            set key [$my FsKey $sudo $user]
            set script {if test -w "$1"; then echo yes; else echo no; fi}
            set outcome [$my Execute "sh -c [Quoted $script] sh\
                [$my Quoted $dir $key]" [dict merge [$my FsOptions $key] \
                {untold 1 timeout 10}]]
            set said [string trim [dict get $outcome stdout]]
        } trap {DEPLOYER CANCELLED} {message options} {
            return -options $options $message
        } trap DEPLOYER {} {}
        if {$said in {yes no}} {
            return [expr {$said eq "yes"}]
        }
        # An account for files alone: it is tried.
        set fs [$my Fs -sudo $sudo -user $user]
        set path [PathBelow $dir .edit.[format %08x \
            [expr {[clock clicks] & 0xffffffff}]].deployer]
        try {
            Await [core::fs mkdir $fs $path {mode 448}]
            Await [core::fs rmdir $fs $path]
        } trap {DEPLOYER FILE} {message options} {
            return [expr {[lindex [dict get $options -errorcode] 2]
                ni {EACCES EPERM EROFS}}]
        }
        return 1
    }

    # An error where the file of SIDE is not what was edited.
    method Unchanged {side path new old opts} {
        set host $Hosts($side)
        set slug [$host cget -slug]
        set given [my Given $opts -sudo -user]
        if {[$host exists {*}$given -- $path] == $new
                || !$new && [my Fetched $side $path $opts] ne $old} {
            ::deployer::Fail [list FILE EBUSY $slug $path] "[ShortPath $path] on\
                host $slug was changed by somebody else meanwhile, and is left\
                as it is"
        }
    }

    # Lends the terminal to the editor.
    method Editor path {
        set info [TerminalNeed edit]
        TerminalLock Command
        try {
            TerminalLock
            try {
                set p [core::spawn [list /bin/sh -c \
                    $::deployer::shell::ScpEditScript sh $path] \
                    [dict merge [TerminalType $info 1 ""] \
                        [dict create pty 1 slug localhost cwd $Dirs(here)]]]
                try {
                    set outcome [Await [core::proc run $p \
                        {terminal 1 keys 1 stdinopen 1 discard 1}]]
                } finally {
                    core::proc close $p
                }
            } finally {
                TerminalUnlock
            }
        } finally {
            TerminalUnlock Command
        }
        if {[dict get $outcome status] != 0 || [dict get $outcome signal] ne ""} {
            FailCommand $Hosts(here) localhost [ScpEditor] \
                [dict replace $outcome stderr ""]
        }
    }

    # A shell, where we are.
    method Connect {side name words} {
        my Count $name $words 0 0
        set host $Hosts($side)
        $host cd $Dirs($side) [list $host shell]
    }
}

proc ::deployer::shell::ScpEditor {} {
    foreach name {VISUAL EDITOR} {
        if {[info exists ::env($name)] && $::env($name) ne ""} {
            return $::env($name)
        }
    }
    return vi
}

# The local path PATH for `get`, to which %h means the slug.
proc ::deployer::shell::ScpNoSlug path {
    if {[string first %h $path] >= 0} {
        return [string map {% %%} $path]
    }
    return $path
}

proc ::deployer::shell::ScpRead path {
    set channel [open $path rb]
    try {
        return [read $channel]
    } finally {
        close $channel
    }
}

# What a transfer has done, for people.
proc ::deployer::shell::ScpCounts counts {
    set parts {}
    foreach {key one many} {
        files file files links link links dirs directory directories
    } {
        set count [dict get $counts $key]
        if {$count || $key eq "files"} {
            lappend parts "$count [expr {$count == 1 ? $one : $many}]"
        }
    }
    lappend parts [BarsSize [dict get $counts bytes]]
    set seconds [dict get $counts seconds]
    if {$seconds >= 1} {
        lappend parts [BarsTime $seconds]
        lappend parts "[BarsSize [expr {
            wide([dict get $counts bytes] / $seconds)}]]/s"
    }
    foreach {key text} {
        skipped "the same already" special "special and left out"
    } {
        if {[dict get $counts $key]} {
            lappend parts "[dict get $counts $key] $text"
        }
    }
    return [join $parts ", "]
}

# files.tcl -- the file systems of a host: how its files are reached, and where
# a path leads.
#
# Layer T1. A host has one file system (core::fs) for its login user and one for
# each user that it becomes by sudo. It is made when first used, shared by all,
# made anew when it is found dead, and closed with the host. The ways, best
# first: what the kind of host has of its own (method FsOwn: system calls, the
# subsystem sftp), an sftp-server run as a command, shell commands.

namespace eval ::deployer {
    # Where systems keep the program.
    variable SftpServers {
        /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server
        /usr/lib/ssh/sftp-server /usr/libexec/ssh/sftp-server
        /usr/libexec/sftp-server /usr/lib/sftp-server
        /usr/lib64/misc/sftp-server /usr/lib/misc/sftp-server
        /usr/local/libexec/sftp-server /usr/local/lib/sftp-server
        /usr/pkg/libexec/sftp-server
    }

    # ~ and ~user at the front of a path, and what follows.
    variable TildePath {^(~[A-Za-z0-9._@+-]*)(?:/+(.*))?$}

    # After so many ms without an answer a command is taken for no sftp-server;
    # so long a file system that needs a process may be idle.
    variable FsPatience 20000
    variable FsIdle 30000
}

oo::define ::deployer::host {
    # Files: key of a user (see FsKey) -> record, a dict: fs (handle), stamp,
    # way (own, program or shell), proc and guard (handles or ""), guarded, used
    # (milliseconds); waits and guarding, while it is made or gets its guard:
    # the number of the job that does it and the waiters of those who wait.
    # FileFacts: what was found out with the connection of FileStamp: {way KEY},
    # {home KEY ~USER}, {start KEY}.
    variable Slug Shell Cwd Files FileFacts FileStamp FileTimer FileJobs

    # Fs ?-sudo BOOL? ?-user NAME? ?-write BOOL? -- the handle of the file
    # system. Waits where it has to be made, and with -write for its guard.
    method Fs args {
        set sudo 0
        set user ""
        set write 0
        foreach {option value} $args {
            set [string range $option 1 end] $value
        }
        set key [my FsKey $sudo $user]
        ::deployer::JobMay
        my Look
        if {[info exists Files] && [dict exists $Files $key]} {
            set record [dict get $Files $key]
            if {[dict exists $record fs]} {
                if {![my FsGood $record]} {
                    my FsForget $key
                } elseif {!$write || [dict get $record guarded]} {
                    dict set Files $key used [clock milliseconds]
                    return [dict get $record fs]
                }
            }
        }
        set span [::deployer::EventNow]
        if {$span ne "" && ![my connected]} {
            # The job below tells nobody.
            my Reach $span
        }
        set w [::deployer::core::waiter new]
        set kind [expr {$write ? "guarding" : "waits"}]
        if {[info exists Files] && [dict exists $Files $key $kind]} {
            dict set Files $key $kind \
                [linsert [dict get $Files $key $kind] end $w]
            return [::deployer::Await $w]
        }
        # In a job of its own: others may wait for it, too, when this caller is
        # cancelled.
        dict set Files $key $kind [list [incr FileJobs] $w]
        ::deployer::Detach [::deployer::Job \
            [list ::deployer::FsMake [self] $key $kind $FileJobs] \
            [::deployer::AsideContext]]
        return [::deployer::Await $w]
    }

    # "" is the login user.
    method FsKey {sudo user} {
        if {!$sudo} {
            return ""
        }
        return [list sudo $user]
    }

    # The options of Execute for the user of KEY. Where sudo refuses, its error
    # is to tell what was wanted, and not the command of ours.
    method FsOptions key {
        set opts {plain 1}
        if {$key ne ""} {
            dict set opts sudo 1
            if {[lindex $key 1] ne ""} {
                dict set opts user [lindex $key 1]
            }
            dict set opts title "access to files as\
                [expr {[lindex $key 1] eq "" ? "root" : [lindex $key 1]}]"
        }
        return $opts
    }

    # What a file system of today belongs to; another one is out of date.
    method FsStamp {} {
        return ""
    }

    # A file system of the login user that needs no command, or "".
    method FsOwn options {
        return ""
    }

    method FsGood record {
        if {[dict get $record stamp] ne [my FsStamp]
                || [dict get [::deployer::core::fs info \
                    [dict get $record fs]] lost]} {
            return 0
        }
        set p [dict get $record proc]
        return [expr {$p eq ""
            || ![dict get [::deployer::core::proc info $p] ended]}]
    }

    # What was found out of the host, which holds as long as its connection is
    # the same; "" where it was not.
    method FsKnown fact {
        set stamp [my FsStamp]
        if {![info exists FileStamp] || $FileStamp ne $stamp} {
            set FileStamp $stamp
            set FileFacts {}
        }
        if {[dict exists $FileFacts $fact]} {
            return [dict get $FileFacts $fact]
        }
        return ""
    }

    method FsLearn {fact value} {
        my FsKnown $fact
        dict set FileFacts $fact $value
    }

    # Makes the file system of KEY and returns its record.
    method FsOpen key {
        for {set try 0} 1 {incr try} {
            set reused [my Connect]
            try {
                return [my FsOpenNow $key]
            } trap {DEPLOYER CONNECT} {message options} {
            } trap {DEPLOYER EXEC LOST} {message options} {
            }
            # A connection that died while nobody used it costs one more try.
            if {!$reused || $try} {
                return -options $options $message
            }
        }
    }

    method FsOpenNow key {
        set slug $Slug
        set way [my FsKnown [list way $key]]
        set stamp [my FsStamp]
        set record [dict create stamp $stamp proc "" guard "" guarded 0 \
            used [clock milliseconds]]
        set options [dict create slug $slug]
        if {$way in {"" own} && $key eq ""} {
            set fs [my FsOwn $options]
            if {$fs ne ""} {
                if {[::deployer::FsReady $fs]} {
                    return [dict replace $record fs $fs way own]
                }
                if {[my FsStamp] ne $stamp} {
                    ::deployer::Fail [list CONNECT CLOSED $slug] \
                        "the connection to host $slug was closed"
                }
            }
        }
        if {$way in {"" program}} {
            lassign [my FsProgram $key $options] fs p
            if {$fs ne ""} {
                return [dict replace $record fs $fs proc $p way program]
            }
        }
        set prefix [::deployer::ShellFs [self] $key]
        if {[info exists Files]} {
            # For the guard that it may get.
            dict set options tenant [my FsTenant]
        }
        set fs [::deployer::core::fs script $prefix $options]
        return [dict replace $record fs $fs way shell]
    }

    # An sftp-server as a command: {fs proc}, or {} where there is none.
    method FsProgram {key options} {
        set host [self]
        set slug $Slug
        # No quote, newline, backslash or "!" in it: any login shell takes it.
        set line "exec sh -c 'for p in [join $::deployer::SftpServers { }];\
            do test -x \$p && exec \$p; done; exit 127'"
        if {$key ne ""} {
            dict set options adopt [::deployer::ShellAdopt $host $key]
        }
        lassign [my Begin $line [my FsOptions $key]] p
        dict set options tenant [my FsTenant]
        try {
            set fs [::deployer::core::fs sftp $p $options]
            if {[::deployer::FsReady $fs $::deployer::FsPatience]} {
                return [list $fs $p]
            }
            ::deployer::FsRefused $host $p $key
        } on error {message failure} {
            ::deployer::core::proc close $p
            return -options $failure $message
        }
        # It may be something that does not mind the end of its input.
        ::deployer::Detach [::deployer::Job [list ::deployer::Kill $p] {}]
        return {}
    }

    # Gives KEY the guard that removes temporary files when we vanish, where
    # there is to be one.
    method FsWatchOver key {
        set slug $Slug
        set fs [my Fs -sudo [expr {$key ne ""}] -user [lindex $key 1]]
        set record [dict get $Files $key]
        if {[dict get $record guarded] || $key eq "" && ![my FsGuarded]} {
            dict set Files $key guarded 1
            return $fs
        }
        set line "exec sh -c [my Quoted $::deployer::GuardScript $key]"
        lassign [my Begin $line [my FsOptions $key]] p
        if {[catch {
            ::deployer::core::fs guard $fs $p
        } message options]} {
            ::deployer::core::proc close $p
            return -options $options $message
        }
        ::deployer::FsGuardBegun $p
        if {![info exists Files] || ![dict exists $Files $key fs]
                || [dict get $Files $key fs] ne $fs} {
            ::deployer::core::proc close $p
            ::deployer::Fail [list CONNECT CLOSED $slug] \
                "the connection to host $slug was closed"
        }
        dict set Files $key guard $p
        dict set Files $key guarded 1
        return $fs
    }

    # The session whose channels our commands take, "" where these have no end.
    method FsTenant {} {
        return ""
    }

    # Whether the login user's file system gets a guard, too.
    method FsGuarded {} {
        return 1
    }

    # KEY has no file system from now on.
    method FsForget key {
        set record [dict get $Files $key]
        if {[dict exists $record guarding]} {
            # Somebody is about to have it made anew.
            dict set Files $key [dict filter $record key guarding]
        } else {
            dict unset Files $key
        }
        ::deployer::FsClose $record
    }

    # Closes all of them; those who wait for one get an error.
    method FsShut {} {
        if {![info exists Files]} {
            return
        }
        set files $Files
        set Files {}
        if {[info exists FileTimer]} {
            after cancel $FileTimer
            unset FileTimer
        }
        dict for {key record} $files {
            ::deployer::FsClose $record
            foreach kind {waits guarding} {
                if {[dict exists $record $kind]} {
                    ::deployer::FsTell [lrange [dict get $record $kind] 1 end] \
                        "the connection to host $Slug was closed" \
                        [list -code 1 -level 0 -errorcode \
                            [list DEPLOYER CONNECT CLOSED $Slug]]
                }
            }
        }
    }

    # A copy has file systems of its own.
    method FsClone {} {
        unset -nocomplain Files FileFacts FileStamp FileTimer FileJobs
    }

    # The end of job NUMBER for those who wait for KIND; RESULT is a record, or,
    # with a guard, the file system.
    method FsMade {key kind number failed result options} {
        if {![dict exists $Files $key $kind]
                || [lindex [dict get $Files $key $kind] 0] != $number} {
            # Closed meanwhile.
            if {!$failed && $kind eq "waits"} {
                ::deployer::FsClose $result
            }
            return
        }
        set record [dict get $Files $key]
        set waits [lrange [dict get $record $kind] 1 end]
        dict unset record $kind
        if {!$failed && $kind eq "waits"} {
            set record [dict merge $record $result]
            set result [dict get $record fs]
            my FsLearn [list way $key] [dict get $record way]
        }
        if {[dict size $record]} {
            dict set Files $key $record
        } else {
            dict unset Files $key
        }
        my FsWatch
        if {$failed} {
            ::deployer::FsTell $waits $result $options
        } else {
            ::deployer::FsTell $waits $result
        }
    }

    # Looks now and then for processes that nobody needs any more.
    method FsWatch {} {
        if {[info exists FileTimer]} {
            return
        }
        dict for {key record} $Files {
            if {[dict exists $record fs] && ([dict get $record way] ne "own"
                    || [dict get $record guard] ne "")} {
                set FileTimer [after [expr {$::deployer::FsIdle / 2}] \
                    [list [namespace which my] FsSweep]]
                return
            }
        }
    }

    method FsSweep {} {
        unset FileTimer
        set old [expr {[clock milliseconds] - $::deployer::FsIdle}]
        dict for {key record} $Files {
            if {![dict exists $record fs] || [dict get $record used] > $old
                    || [::deployer::FsBusy $record]} {
                continue
            }
            if {[dict get $record way] ne "own"} {
                my FsForget $key
            } elseif {[dict get $record guard] ne ""} {
                ::deployer::FsGuardEnd [dict get $record guard]
                dict set Files $key guard ""
                dict set Files $key guarded 0
            }
        }
        my FsWatch
    }

    # Where relative paths begin: the directory in which commands start; ""
    # where that cannot be told.
    method FsStart key {
        set start [my FsKnown [list start $key]]
        if {$start eq ""} {
            set fs [my Fs -sudo [expr {$key ne ""}] -user [lindex $key 1]]
            try {
                set start [::deployer::Await \
                    [::deployer::core::fs realpath $fs .]]
            } trap {DEPLOYER FILE} {message options} {
                if {[lindex [dict get $options -errorcode] 2]
                        in {ECONNRESET ECONNABORTED}} {
                    return -options $options $message
                }
                return ""
            }
            my FsLearn [list start $key] $start
        }
        return $start
    }

    # The directory that ~ or ~USER means for the user of KEY.
    method FsHome {key word} {
        set fact [list home $key $word]
        set home [my FsKnown $fact]
        if {$home eq ""} {
            set home [my FsHomeAsked $key $word]
            my FsLearn $fact $home
        }
        return $home
    }

    method FsHomeAsked {key word} {
        set slug $Slug
        set host [self]
        set opts [my FsOptions [expr {$word eq "~" ? $key : ""}]]
        set line "echo $word"
        set outcome [my Execute $line $opts]
        if {[dict exists $opts sudo] && ![dict get $outcome started]} {
            # It says why sudo refused, where it did.
            ::deployer::RunResult $host $slug $line \
                [dict replace $opts check 0] $outcome
        }
        set home [string trimright [dict get $outcome stdout] \n]
        if {[dict get $outcome status] || [string index $home 0] ne "/"} {
            ::deployer::Fail [list FILE ENOENT $slug $word] \
                "there is no home directory $word on host $slug"
        }
        return $home
    }

    # PATH as the file system takes it: seen from the directory of cd and -cwd,
    # ~ and ~user expanded; with SUDO ~ is the home of USER. Absolute, save
    # where the host does not tell where it begins.
    method RemotePath {path {sudo 0} {user {}}} {
        if {$path eq ""} {
            ::deployer::Fail {ARGUMENT {}} "an empty string is no path"
        }
        if {[string index $path 0] eq "/"} {
            return $path
        }
        my Look
        set key [my FsKey $sudo $user]
        set cwd $Cwd
        set context [::deployer::ContextGet]
        if {$context ne "" && [dict exists $context [self] cwd]} {
            set cwd [dict get $context [self] cwd]
        }
        if {$cwd ne "" && ![regexp -- $::deployer::TildePath $path]} {
            set path [::deployer::PathBelow [::deployer::LogicalPath $cwd] \
                $path]
            if {[string index $path 0] eq "/"} {
                return $path
            }
        }
        if {[regexp -- $::deployer::TildePath $path -> word rest]} {
            return [::deployer::PathBelow [my FsHome $key $word] $rest]
        }
        return [::deployer::PathBelow [my FsStart $key] $path]
    }
}

# Job NUMBER: makes the file system of KEY, or its guard, for all who wait.
proc ::deployer::FsMake {host key kind number} {
    set my [info object namespace $host]::my
    set method [expr {$kind eq "waits" ? "FsOpen" : "FsWatchOver"}]
    set failed [catch {$my $method $key} result options]
    if {[IsHost $host]} {
        $my FsMade $key $kind $number $failed $result $options
    } elseif {!$failed && $kind eq "waits"} {
        FsClose $result
    }
}

# Gives all of WAITS the result, also those that nobody waits for any more.
proc ::deployer::FsTell {waits result {options {}}} {
    foreach w $waits {
        if {$options eq ""} {
            catch {core::waiter finish $w $result}
        } else {
            catch {core::waiter finish $w $result $options}
        }
    }
}

# Waits until FS can be used and returns 1. Where it proves to be none, or gives
# no answer within LIMIT milliseconds, it is closed and the result 0.
proc ::deployer::FsReady {fs {limit 0}} {
    set w [core::fs ready $fs]
    set timer ""
    if {$limit > 0} {
        set timer [after $limit [list ::deployer::core::waiter finish $w {} \
            {-code 1 -level 0 -errorcode {DEPLOYER FILE ENOSYS}}]]
    }
    try {
        Await $w
    } trap {DEPLOYER FILE} {} {
        core::fs close $fs
        return 0
    } on error {message options} {
        core::fs close $fs
        return -options $options $message
    } finally {
        after cancel $timer
    }
    return 1
}

# Raises why process P did not become an sftp-server, where that is sudo's or
# the connection's fault.
proc ::deployer::FsRefused {host p key} {
    if {![dict get [core::proc info $p] ended]} {
        return
    }
    Await [core::proc ended $p]
    if {$key ne "" && ![dict get [core::proc info $p] started]} {
        # sudo says it once more, and then what it says is read.
        set my [info object namespace $host]::my
        $my Run : [$my FsOptions $key]
    }
}

# Waits until the guard P runs, or cannot. Files are as safe without as they can
# be there.
proc ::deployer::FsGuardBegun p {
    set end [expr {[clock milliseconds] + 10000}]
    while {![dict get [core::proc info $p] started]
            && ![dict get [core::proc info $p] ended]
            && [clock milliseconds] < $end} {
        Await [Delay 5]
    }
}

proc ::deployer::FsClose record {
    if {[dict exists $record fs]} {
        # What is being written must not stay on the host.
        core::file stop [dict get $record fs]
        core::fs close [dict get $record fs]
        if {[dict get $record proc] ne ""} {
            core::proc close [dict get $record proc]
        }
        if {[dict get $record guard] ne ""} {
            FsGuardEnd [dict get $record guard]
        }
    }
}

# Lets guard P see to what is left, and go.
proc ::deployer::FsGuardEnd p {
    core::proc eof $p
    set w [core::proc ended $p]
    core::waiter call $w [list ::deployer::FsGuardEnded $p $w]
}

proc ::deployer::FsGuardEnded {p w} {
    core::waiter drop $w
    core::proc close $p
}

# Whether somebody uses the files of a record.
proc ::deployer::FsBusy record {
    set info [core::fs info [dict get $record fs]]
    return [expr {[dict get $info ops] || [dict get $info files]}]
}

# PATH as a directory has it; ~ in it is no home. "" is where commands start.
proc ::deployer::PathBelow {dir path} {
    # Not the root's: //x may be something else than /x.
    while {[regsub {^\./+} $path {} path]} {}
    if {$path in {"" .}} {
        return [expr {$dir eq "" ? "." : $dir}]
    }
    if {$dir in {"" .}} {
        return $path
    }
    return [string trimright $dir /]/$path
}

# What `cd PATH` of a shell makes of it: .. goes back to where a symbolic link
# was found.
proc ::deployer::LogicalPath path {
    if {![regexp {(?:^|/)\.\.(?:/|$)} $path]} {
        return $path
    }
    set words {}
    foreach word [split $path /] {
        if {$word in {"" .} && [llength $words]} {
            continue
        }
        if {$word eq ".." && [llength $words]} {
            set last [lindex $words end]
            if {$last eq "" || $last ne ".."
                    && ![string match ~* $last]} {
                if {$last ne ""} {
                    set words [lrange $words 0 end-1]
                }
                continue
            }
        }
        lappend words $word
    }
    if {$words eq {{}}} {
        return /
    }
    if {![llength $words]} {
        return .
    }
    return [join $words /]
}

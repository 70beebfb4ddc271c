# sandboxcopy.tcl -- transfers and pipes in a sandbox: what would be copied.
#
# Layer T1. What a transfer (dpCopy*.c) decides is decided here in the same way:
# which links are followed, what is left out, what fails. One failure does not keep
# the rest from being told; the error comes at the end.

namespace eval ::deployer {
    # Directories inside each other.
    variable SandboxDepth 1000
}

# Transfer (transfer.tcl) in a sandbox: the counts that it would have.
proc ::deployer::SandboxTransfer {opts slug from to sources target} {
    set begin [clock microseconds]
    # Found: what is in the directory that was met last: {source attributes target
    # fresh here depth} ...; fresh: its directory is not there yet; here: where that
    # of the source really is. First: {message code} of a failure.
    set copy [dict create opts $opts hidden [dict get $opts sudo] \
        from [dict replace [{*}$from] key {}] \
        to [dict replace [{*}$to] key {}] failures {} first {} found {}]
    foreach name {files dirs links bytes skipped special failed resumed} {
        dict set copy counts $name 0
    }
    set inside [SandboxTarget copy $target [llength $sources]]
    foreach source $sources {
        set source [Unslashed $source]
        set into [Unslashed $target]
        set tail [TransferTail $source]
        if {$inside && $tail ne ""} {
            set into [PathBelow $into $tail]
        }
        SandboxTry copy $source {SandboxCopyTop copy $source $into}
        SandboxCopyFound copy
    }
    set counts [dict get $copy counts]
    dict set counts seconds [expr {([clock microseconds] - $begin) / 1e6}]
    if {[dict get $copy first] eq ""} {
        return $counts
    }
    lassign [dict get $copy first] message code
    if {[dict get $counts failed] > 1} {
        append message " (and [expr {[dict get $counts failed] - 1}] more\
            failures)"
    }
    return -code error -errorcode $code -counts $counts \
        -failures [dict get $copy failures] $message
}

# Evaluates SCRIPT in the caller's frame; where it fails, SOURCE has failed. That a
# connection is lost ends all.
proc ::deployer::SandboxTry {copyVar source script} {
    upvar 1 $copyVar copy
    try {
        uplevel 1 $script
    } trap {DEPLOYER FILE} {message options} {
        set code [dict get $options -errorcode]
        if {[lindex $code 2] in {ECONNRESET ECONNABORTED}} {
            return -options $options $message
        }
        SandboxCount copy failed
        dict set copy failures $source \
            [dict create message $message errorcode $code]
        if {[dict get $copy first] eq ""} {
            dict set copy first [list $message $code]
        }
    }
}

proc ::deployer::SandboxCount {copyVar name {count 1}} {
    upvar 1 $copyVar copy
    dict set copy counts $name [expr {[dict get $copy counts $name] + $count}]
}

# Raises that PATH of SIDE cannot be treated so.
proc ::deployer::SandboxFail {side posix doing path why} {
    set slug [dict get $side slug]
    Fail [list FILE $posix $slug $path] \
        "cannot $doing $path on host $slug: $why"
}

# Whether so many files go into TARGET, which has to be a directory where they are
# several, and is made one where its name ends in a slash.
proc ::deployer::SandboxTarget {copyVar target count} {
    upvar 1 $copyVar copy
    set fs [dict get $copy to fs]
    set slug [dict get $copy to slug]
    set path [Unslashed $target]
    set slash [expr {[string index $target end] eq "/"}]
    set asked [expr {$slash || $count > 1}]
    set facts [SandboxSee $fs $slug $path [dict get $copy hidden]]
    if {$facts eq "unknown"} {
        return $asked
    }
    if {$facts eq ""} {
        if {[SandboxNoted $slug $path]} {
            return [expr {$asked || [SandboxIsDirectory $slug $path]}]
        }
        if {$slash} {
            SandboxTell $slug "would make the directory $path[SandboxAbove \
                $fs $slug $path]"
            SandboxNote $slug $path directory
            return 1
        }
    } elseif {[FileType $facts] eq "directory"} {
        return 1
    }
    if {$asked} {
        FailDirectory $slug $path $count [expr {$facts eq ""}]
    }
    return 0
}

# A path that was given as the source. It is followed, as is the target.
proc ::deployer::SandboxCopyTop {copyVar source target} {
    upvar 1 $copyVar copy
    set from [dict get $copy from]
    set to [dict get $copy to]
    set hidden [dict get $copy hidden]
    set facts [SandboxSee [dict get $from fs] [dict get $from slug] $source \
        $hidden]
    if {$facts in {{} unknown}} {
        if {$facts eq "" && ![SandboxNoted [dict get $from slug] $source]} {
            SandboxFail $from ENOENT copy $source "there is no such file or\
                directory, and nothing in this sandbox would have made it"
        }
        SandboxUnseen $copy $source $target $facts
        return
    }
    set type [FileType $facts]
    set isTree [expr {$type eq "directory"}]
    if {$isTree && ![dict exists $copy opts recursive]} {
        SandboxFail $from EISDIR copy $source "it is a directory, which\
            -recursive copies"
    }
    if {$type ni {directory file ""}} {
        SandboxFail $from ENOTSUP copy $source "it is neither a file nor a\
            directory"
    }
    set old [SandboxSee [dict get $to fs] [dict get $to slug] $target $hidden]
    set there [expr {$old in {{} unknown} ? "" : [FileType $old]}]
    if {$isTree && $there ni {directory ""}} {
        SandboxFail $to ENOTDIR "copy a directory to" $target "it exists and is\
            no directory"
    }
    if {!$isTree && $there eq "directory"} {
        SandboxFail $to EISDIR "copy a file to" $target "it is a directory"
    }
    if {$there ni {file directory ""}} {
        SandboxFail $to ENOTSUP "write to" $target "it is neither a file nor a\
            directory, and nothing replaces it"
    }
    set above [expr {$old eq "" ? [SandboxAbove [dict get $to fs] \
        [dict get $to slug] $target] : ""}]
    if {!$isTree} {
        SandboxCopyFile copy $source $facts $target $old $above
        return
    }
    set real [SandboxReal $from $source]
    SandboxInside $from $to $real $target $old
    SandboxCopyTree copy $source $facts $target $old $real 0 $above
}

# What is said of a source that is not there yet or cannot be seen.
proc ::deployer::SandboxUnseen {copy source target facts} {
    set there [dict get $copy to slug]
    if {[SandboxLook [dict get $copy to fs] $target 1 lstat] eq ""} {
        SandboxNote $there $target
    }
    SandboxTell $there "would get $target from [dict get $copy from \
        slug]:$source, which [expr {$facts eq "" ? "is not there yet"
            : "cannot be seen without sudo"}]"
}

# Where PATH of SIDE really is; "" where nobody tells.
proc ::deployer::SandboxReal {side path} {
    try {
        return [Await [core::fs realpath [dict get $side fs] $path]]
    } trap {DEPLOYER FILE} {} {
        return ""
    }
}

# Whether PATH is DIRECTORY or lies in it.
proc ::deployer::SandboxIsIn {path directory} {
    return [expr {$path eq $directory || [string first \
        [string trimright $directory /]/ $path] == 0}]
}

# A tree that is copied into itself would have no end.
proc ::deployer::SandboxInside {from to real target old} {
    set native 1
    foreach side [list $from $to] {
        set host [dict get $side host]
        if {$host ne "" && !([IsHost $host] && [info object isa typeof $host \
                ::deployer::localhost])} {
            set native 0
        }
    }
    if {$real eq "" || !$native && [dict get $from fs] ne [dict get $to fs]} {
        return
    }
    set path [SandboxReal $to [expr {$old eq "" ? [PathAbove $target]
        : $target}]]
    if {$path ne "" && [SandboxIsIn $path $real]} {
        SandboxFail $to EINVAL "copy a directory to" $target "it is in the\
            directory that is to be copied"
    }
}

# A directory and what is in it. HERE is where it really is, ABOVE is said of a new
# one.
proc ::deployer::SandboxCopyTree {copyVar source facts target old here depth \
        {above {}}} {
    variable SandboxDepth
    upvar 1 $copyVar copy
    set there [dict get $copy to slug]
    if {$depth > $SandboxDepth} {
        SandboxFail [dict get $copy from] ELOOP "copy directory" $source \
            "there are too many directories inside each other"
    }
    if {$old eq ""} {
        if {![SandboxIsDirectory $there $target]} {
            SandboxTell $there "would make the directory $target$above"
            SandboxNote $there $target directory
            SandboxCount copy dirs
        }
    } else {
        SandboxChange $copy $facts $target $old
    }
    try {
        set found [Await [core::fs list [dict get $copy from fs] $source]]
    } trap {DEPLOYER FILE EACCES} {message options} {
        if {![dict get $copy hidden]} {
            return -options $options $message
        }
        SandboxTell $there "would fill $target from [dict get $copy from \
            slug]:$source, which cannot be listed without sudo"
        return
    }
    dict set copy found [lmap {name attributes} [lsort -stride 2 $found] {
        list $source $name $attributes $target [expr {$old eq ""}] $here $depth
    }]
}

# What was found in directories, one after the other: they may lie deeper in each
# other than procedures can.
proc ::deployer::SandboxCopyFound copyVar {
    upvar 1 $copyVar copy
    set levels {}
    set at {}                   ;# the next of each
    while 1 {
        if {[llength [dict get $copy found]]} {
            lappend levels [dict get $copy found]
            lappend at 0
            dict set copy found {}
        }
        if {![llength $levels]} {
            return
        }
        set next [lindex $at end]
        if {$next >= [llength [lindex $levels end]]} {
            set levels [lrange $levels 0 end-1]
            set at [lrange $at 0 end-1]
            continue
        }
        lset at end [expr {$next + 1}]
        lassign [lindex $levels end $next] source name attributes target fresh \
            here depth
        SandboxTry copy [PathBelow $source $name] {
            if {$name eq "" || [string first / $name] >= 0} {
                SandboxFail [dict get $copy from] EPROTO "read directory" \
                    $source "the host names a file in it that cannot be in a\
                    directory; nothing of that name would be copied"
            }
            SandboxCopyOne copy [PathBelow $source $name] $attributes \
                [PathBelow $target $name] $fresh \
                [expr {$here eq "" ? "" : [PathBelow $here $name]}] $here $depth
        }
    }
}

# Something that was found in a directory, which really is HERE. REAL is where it
# is, as long as it is no link.
proc ::deployer::SandboxCopyOne {copyVar source attributes target fresh real here \
        depth} {
    upvar 1 $copyVar copy
    set from [dict get $copy from]
    set to [dict get $copy to]
    set hidden [dict get $copy hidden]
    if {[FileType $attributes] eq ""} {
        set attributes [SandboxLook [dict get $from fs] $source $hidden lstat]
    }
    if {$attributes ni {{} unknown} && [FileType $attributes] eq "link"} {
        if {[dict exists $copy opts preserve]} {
            SandboxCopyLink copy $source $target $fresh
            return
        }
        set attributes [SandboxLook [dict get $from fs] $source $hidden]
        if {$attributes eq ""} {
            SandboxFail $from ENOENT read $source "it is a symbolic link that\
                leads nowhere (-preserve copies links as links)"
        }
        set real [SandboxReal $from $source]
        if {$attributes ne "unknown" && [FileType $attributes] eq "directory"
                && $here ne "" && $real ne "" && [SandboxIsIn $here $real]} {
            SandboxFail $from ELOOP "follow link" $source "the link leads to a\
                directory above it (-preserve copies links as links)"
        }
    }
    if {$attributes in {{} unknown}} {
        SandboxUnseen $copy $source $target $attributes
        return
    }
    set type [FileType $attributes]
    if {$type ni {file directory ""}} {
        if {![dict exists $copy opts special]
                || [dict get $copy opts special] ne "skip"} {
            SandboxFail $from ENOTSUP copy $source "it is a socket, a FIFO or a\
                device (-special skip leaves these out)"
        }
        SandboxCount copy special
        return
    }
    set old [expr {$fresh ? "" : [SandboxSee [dict get $to fs] \
        [dict get $to slug] $target $hidden lstat]}]
    set there [expr {$old in {{} unknown} ? "" : [FileType $old]}]
    if {$type eq "directory"} {
        if {$there ni {directory ""}} {
            SandboxFail $to ENOTDIR "make directory" $target [expr {
                $there eq "link" ? "there is a symbolic link, which is not\
                    followed inside of a tree" : "there is something else of\
                    that name"}]
        }
        SandboxCopyTree copy $source $attributes $target $old $real \
            [expr {$depth + 1}]
        return
    }
    if {$there eq "directory"} {
        SandboxFail $to EISDIR "write to" $target "there is a directory of that\
            name"
    }
    if {$there ni {file link ""}} {
        SandboxFail $to ENOTSUP "write to" $target "it is neither a file nor a\
            directory, and nothing replaces it"
    }
    SandboxCopyFile copy $source $attributes $target $old ""
}

# A file whose place is free, or taken by a file or a link. ABOVE is said of it.
proc ::deployer::SandboxCopyFile {copyVar source facts target old above} {
    upvar 1 $copyVar copy
    set from [dict get $copy from]
    set to [dict get $copy to]
    set there [dict get $to slug]
    if {$old ni {{} unknown} && [FileType $old] eq "link"} {
        # In a tree a link is not followed: it could lead anywhere.
        set old ""
        set above " (in place of a symbolic link)"
    }
    if {[SandboxIsSame $copy $source $facts $target $old]} {
        SandboxCount copy skipped
        return
    }
    set new [SandboxContent [dict get $from fs] $source $facts \
        [dict get $copy hidden] $from]
    set before [SandboxContent [dict get $to fs] $target $old 1 $to]
    SandboxCount copy files
    SandboxCount copy bytes [dict get $new size]
    set text [SandboxCompare $before $new [list $there $target] \
        [list [dict get $from slug] $source]]
    if {$text eq ""} {
        SandboxChange $copy $facts $target $old
    } else {
        # That its time is another one then is no news.
        set changes [SandboxChanges [dict get $copy opts] $facts $old 0]
        if {$changes ne ""} {
            append above " ($changes)"
        }
        SandboxTell $there "would write $target$above\n$text"
    }
    if {$old eq ""} {
        SandboxNote $there $target
    }
}

# Whether -update leaves the file out.
proc ::deployer::SandboxIsSame {copy source facts target old} {
    if {![dict exists $copy opts update] || $old in {{} unknown}
            || ![dict exists $facts size] || ![dict exists $old size]
            || [dict get $facts size] != [dict get $old size]} {
        return 0
    }
    switch [dict get $copy opts update] {
        size {
            return 1
        }
        time {
            return [expr {[dict exists $facts mtime]
                && [dict exists $old mtime]
                && [dict get $facts mtime] == [dict get $old mtime]}]
        }
    }
    try {
        return [expr {[TransferSum [dict get $copy from] $source -1]
            eq [TransferSum [dict get $copy to] $target -1]}]
    } trap {DEPLOYER FILE EACCES} {message options} {
        if {![dict get $copy hidden]} {
            return -options $options $message
        }
        return 0
    }
}

# What a transfer with OPTS of what FACTS tell changes of OLD, besides what it
# holds, as text; TIMES: also of its times.
proc ::deployer::SandboxChanges {opts facts old times} {
    set changes {}
    if {$old in {{} unknown}} {
        return ""
    }
    set preserve [dict exists $opts preserve]
    if {$preserve && [dict exists $facts mode] && [dict exists $old mode]} {
        # Of setuid and setgid only the host of a user knows.
        set was [expr {[dict get $old mode] & 0o1777}]
        set new [expr {[dict get $facts mode] & 0o1777}]
        if {$was != $new} {
            lappend changes [format "mode %04o -> %04o" $was $new]
        }
    }
    if {$times && ($preserve || [dict exists $opts update]
            && [dict get $opts update] eq "time")
            && [dict exists $facts mtime] && [dict exists $old mtime]
            && [dict get $facts mtime] != [dict get $old mtime]} {
        lappend changes "mtime [dict get $old mtime] -> [dict get $facts mtime]"
    }
    return [join $changes {, }]
}

# The same of TARGET, told.
proc ::deployer::SandboxChange {copy facts target old} {
    set changes [SandboxChanges [dict get $copy opts] $facts $old 1]
    if {$changes ne ""} {
        SandboxTell [dict get $copy to slug] \
            "would change of $target: $changes"
    }
}

# A link that is copied as such.
proc ::deployer::SandboxCopyLink {copyVar source target fresh} {
    upvar 1 $copyVar copy
    set to [dict get $copy to]
    set there [dict get $to slug]
    set text [Await [core::fs readlink [dict get $copy from fs] $source]]
    set old [expr {$fresh ? "" : [SandboxSee [dict get $to fs] $there $target \
        [dict get $copy hidden] lstat]}]
    set more ""
    if {$old ni {{} unknown}} {
        switch [FileType $old] {
            directory {
                SandboxFail $to EISDIR "make link" $target "there is a\
                    directory of that name"
            }
            link {
                if {[Await [core::fs readlink [dict get $to fs] $target]]
                        eq $text} {
                    SandboxCount copy skipped
                    return
                }
            }
        }
        set more ", which replaces what is there"
    }
    SandboxCount copy links
    SandboxNote $there $target
    SandboxTell $there "would make the symbolic link $target to $text$more"
}

# A pipe in a sandbox: no byte flows, and no sink is committed.
proc ::deployer::SandboxPipe ends {
    foreach end $ends {
        set process [dict get $end process]
        if {$process eq ""} {
            catch {chan configure [dict get $end channel] -commit 0}
            continue
        }
        CloseProcessChannel [dict get $end channel]
        $process wait
    }
    return [dict create bytes 0 seconds 0.0 checksum {} \
        statuses [lmap end $ends {PipeStatus $end 0 {}}]]
}

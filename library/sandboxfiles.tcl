# sandboxfiles.tcl -- file verbs in a sandbox: what would change, as differences.
#
# Layer T1. What is read is read with the rights of the login user, as no
# password of sudo is sent; what these do not reach is said to be so.

namespace eval ::deployer {
    # Texts of up to so many bytes are compared line by line; of larger ones and
    # of what is no text the sizes are told, and SHA-256 up to the second limit.
    variable SandboxText 1048576
    variable SandboxSum 67108864

    # Lines of one difference.
    variable SandboxLines 1000
}

# What FS has at PATH: the attributes, {} where nothing is, unknown where it
# cannot be seen and HIDDEN allows that.
proc ::deployer::SandboxLook {fs path {hidden 0} {op stat}} {
    try {
        return [Await [core::fs $op $fs $path]]
    } trap {DEPLOYER FILE ENOENT} {} - trap {DEPLOYER FILE ENOTDIR} {} {
        return {}
    } trap {DEPLOYER FILE EACCES} {message options} {
        if {!$hidden} {
            return -options $options $message
        }
        return unknown
    }
}

# The same of PATH on host SLUG as it would be by now: where this sandbox would have
# made or removed something there is nothing to be seen.
proc ::deployer::SandboxSee {fs slug path {hidden 0} {op stat}} {
    if {[SandboxNotedAs $slug $path] ne ""} {
        return {}
    }
    return [SandboxLook $fs $path $hidden $op]
}

# What the file PATH of FS holds, as a dict: kind (text, data, none, unknown),
# size, bytes (of a text, and of small data) and sum (of data, where it was made).
proc ::deployer::SandboxContent {fs path attributes hidden {side {}}} {
    variable SandboxText
    variable SandboxSum
    if {$attributes eq ""} {
        return {kind none size 0 bytes {}}
    }
    if {$attributes eq "unknown"} {
        return {kind unknown size 0}
    }
    set size [expr {[dict exists $attributes size]
        ? [dict get $attributes size] : 0}]
    try {
        if {$size > $SandboxText} {
            set content [dict create kind data size $size]
            if {$size <= $SandboxSum} {
                dict set content sum [expr {$side ne ""
                    ? [TransferSum $side $path -1]
                    : [Await [core::copy digest $fs $path -1]]}]
            } else {
                # Whether it can be read.
                Await [core::fs read $fs $path 0 1]
            }
            return $content
        }
        set content [SandboxBytes \
            [lindex [Await [core::fs load $fs $path]] 0]]
        if {[dict get $content kind] eq "data"} {
            dict set content sum [Await [core::copy digest $fs $path -1]]
        }
        return $content
    } trap {DEPLOYER FILE EACCES} {message options} {
        if {!$hidden} {
            return -options $options $message
        }
        return [dict create kind unknown size $size]
    }
}

# The same of BYTES.
proc ::deployer::SandboxBytes bytes {
    set kind [expr {[string first \0 $bytes] >= 0 ? "data" : "text"}]
    return [dict create kind $kind size [string length $bytes] bytes $bytes]
}

# What becomes of a file: "" where OLD and NEW, as above, are the same, else the
# text to be shown. OLDNAME and NEWNAME are {slug path}.
proc ::deployer::SandboxCompare {old new oldName newName} {
    variable SandboxLines
    if {[dict exists $old bytes] && [dict exists $new bytes]} {
        if {[dict get $old kind] ne "none"
                && [dict get $old bytes] eq [dict get $new bytes]} {
            return ""
        }
        if {[dict get $old kind] eq "none" && [dict get $new size] == 0} {
            return "--- /dev/null\n+++ [SandboxName $new $newName]\n"
        }
        if {"data" ni [list [dict get $old kind] [dict get $new kind]]} {
            return [core::diff \
                [encoding convertfrom utf-8 [dict get $old bytes]] \
                [encoding convertfrom utf-8 [dict get $new bytes]] \
                [dict create lines $SandboxLines \
                    old [SandboxName $old $oldName] \
                    new [SandboxName $new $newName]]]
        }
    }
    if {[dict exists $old sum] && [dict exists $new sum]
            && [dict get $old sum] eq [dict get $new sum]
            && [dict get $old size] == [dict get $new size]} {
        return ""
    }
    return "--- [SandboxName $old $oldName]  [SandboxFacts $old]\n+++\
        [SandboxName $new $newName]  [SandboxFacts $new]\n"
}

# What is to be said of a new file PATH on host SLUG: that its directory is
# missing, which a command in this sandbox may be meant to make. It fails where
# what is above is no directory.
proc ::deployer::SandboxAbove {fs slug path} {
    set text ""
    set above $path
    while {[set above [PathAbove $above]] ne ""
            && ![SandboxNoted $slug $above]} {
        set facts [SandboxSee $fs $slug $above 1]
        if {$facts ne ""} {
            if {$facts ne "unknown" && [FileType $facts] ni {directory ""}} {
                Fail [list FILE ENOTDIR $slug $path] "cannot make $path on host\
                    $slug: $above is no directory"
            }
            break
        }
        set text " (whose directory is not there yet)"
        if {$above eq "/"} {
            break
        }
    }
    return $text
}

proc ::deployer::SandboxName {content name} {
    if {[dict get $content kind] eq "none"} {
        return /dev/null
    }
    lassign $name slug path
    return $slug:[string map {\n ? \r ? \t ?} $path]
}

# What is told instead of a difference.
proc ::deployer::SandboxFacts content {
    switch [dict get $content kind] {
        none {
            return "no file"
        }
        unknown {
            return "cannot be read without sudo"
        }
    }
    set facts "[dict get $content size] bytes"
    if {[dict exists $content sum]} {
        append facts ", sha256 [dict get $content sum]"
    }
    return $facts
}

# How many entries the directory PATH of host SLUG has that this sandbox would not
# have removed; "" where that cannot be seen.
proc ::deployer::SandboxEntries {fs slug path} {
    try {
        set names [dict keys [Await [core::fs list $fs $path]]]
    } trap {DEPLOYER FILE EACCES} {} {
        return ""
    }
    set count 0
    foreach name $names {
        if {[SandboxNotedAs $slug [PathBelow $path $name]] ne "gone"} {
            incr count
        }
    }
    return $count
}

oo::define ::deployer::Sandbox {
    # {fs path ...} as FilePlace, and whether what is not seen may be there.
    method SandboxPlace {opts args} {
        return [linsert [my FilePlace [dict remove $opts write] {*}$args] 1 \
            [dict get $opts sudo]]
    }

    method SandboxGone {full doing} {
        set slug $Slug
        ::deployer::Fail [list FILE ENOENT $slug $full] "cannot $doing $full on\
            host $slug: there is no such file or directory, and nothing in this\
            sandbox would have made it"
    }

    method SandboxedFileMkdir {opts path} {
        set slug $Slug
        lassign [my SandboxPlace $opts $path] fs hidden full
        set full [::deployer::Unslashed $full]
        if {[::deployer::SandboxIsDirectory $slug $full]} {
            return
        }
        set facts [::deployer::SandboxSee $fs $slug $full $hidden]
        if {$facts eq ""} {
            # A link that leads nowhere.
            set facts [::deployer::SandboxSee $fs $slug $full $hidden lstat]
        }
        if {$facts ni {{} unknown}} {
            if {[::deployer::FileType $facts] ne "directory"} {
                ::deployer::Fail [list FILE EEXIST $slug $full] "cannot make the\
                    directory $full on host $slug: a file of that name exists"
            }
            return
        }
        ::deployer::SandboxAbove $fs $slug $full
        ::deployer::SandboxNote $slug $full directory
        ::deployer::SandboxTell $slug "would make the directory $full"
        return
    }

    method SandboxedFileRemove {opts path} {
        set slug $Slug
        set recursive [dict exists $opts recursive]
        if {$recursive} {
            my FileRefuse $path
            set homes [my FileHomes $opts]
        }
        lassign [my SandboxPlace $opts $path] fs hidden full
        set full [::deployer::Unslashed $full]
        if {$recursive && [::deployer::LogicalPath $full] eq "/"} {
            my FileRefuse /
        }
        set facts [::deployer::SandboxSee $fs $slug $full $hidden lstat]
        if {$facts eq ""} {
            if {[::deployer::SandboxNoted $slug $full]} {
                ::deployer::SandboxNote $slug $full gone
                ::deployer::SandboxTell $slug "would remove $full"
            }
            return
        }
        if {$facts eq "unknown"} {
            ::deployer::SandboxNote $slug $full gone
            ::deployer::SandboxTell $slug "would remove $full, which cannot be\
                seen without sudo"
            return
        }
        if {[::deployer::FileType $facts] ne "directory"} {
            ::deployer::SandboxNote $slug $full gone
            ::deployer::SandboxTell $slug \
                "would remove $full ([::deployer::FileType $facts],\
                [dict get [::deployer::FileFacts $facts] size] bytes)"
            return
        }
        set inside [::deployer::SandboxEntries $fs $slug $full]
        if {!$recursive} {
            if {$inside ni {"" 0}} {
                ::deployer::Fail [list FILE ENOTEMPTY $slug $full] "cannot\
                    remove the directory $full on host $slug: it is not empty\
                    ($inside entries), and only -recursive removes all of it"
            }
            ::deployer::SandboxNote $slug $full gone
            ::deployer::SandboxTell $slug "would remove the directory $full"
            return
        }
        my FileKeep $path $homes [::deployer::Await \
            [::deployer::core::fs realpath $fs $full]]
        ::deployer::SandboxNote $slug $full gone
        ::deployer::SandboxTell $slug "would remove the directory $full with\
            all that is in it[expr {$inside eq "" ? "" : " ($inside entries)"}]"
        return
    }

    method SandboxedFileRename {opts from to} {
        set slug $Slug
        lassign [my SandboxPlace $opts $from $to] fs hidden from to
        set facts [::deployer::SandboxSee $fs $slug $from $hidden lstat]
        set made [::deployer::SandboxNoted $slug $from]
        if {$facts eq "" && !$made} {
            my SandboxGone $from rename
        }
        if {[::deployer::Unslashed $from] eq [::deployer::Unslashed $to]} {
            return
        }
        set isTree [expr {[::deployer::SandboxIsDirectory $slug $from]
            || $facts ni {{} unknown}
                && [::deployer::FileType $facts] eq "directory"}]
        set there [::deployer::SandboxSee $fs $slug $to 1]
        if {$there ni {{} unknown} && (!$made || $isTree)} {
            my SandboxReplaces $fs $from $isTree $to $there
        }
        if {$isTree && [string first [::deployer::Unslashed $from]/ $to] == 0} {
            ::deployer::Fail [list FILE EINVAL $slug $to] "cannot rename $from\
                to $to on host $slug: that is in the directory itself"
        }
        set above [expr {$there eq ""
            ? [::deployer::SandboxAbove $fs $slug $to] : ", which it replaces"}]
        ::deployer::SandboxNote $slug $from gone
        ::deployer::SandboxNote $slug $to [expr {$isTree ? "directory" : 1}]
        ::deployer::SandboxTell $slug "would rename $from to $to$above"
        return
    }

    # Whether FROM, a directory or not, can take the place of TO, which FACTS tell
    # of.
    method SandboxReplaces {fs from isTree to facts} {
        set slug $Slug
        set isDirectory [expr {[::deployer::FileType $facts] eq "directory"}]
        if {$isDirectory && !$isTree} {
            ::deployer::Fail [list FILE EISDIR $slug $to] "cannot rename $from\
                to $to on host $slug: that is a directory; name the new file\
                itself"
        }
        if {$isTree && !$isDirectory} {
            ::deployer::Fail [list FILE ENOTDIR $slug $to] "cannot rename $from\
                to $to on host $slug: that is no directory"
        }
        if {$isTree && [::deployer::SandboxEntries $fs $slug $to] ni {"" 0}} {
            ::deployer::Fail [list FILE ENOTEMPTY $slug $to] "cannot rename\
                $from to $to on host $slug: that directory is not empty"
        }
    }

    method SandboxedFileSymlink {opts target path} {
        my SandboxNewName $opts $path "the symbolic link" " to $target"
    }

    method SandboxedFileLink {opts path new} {
        set slug $Slug
        lassign [my SandboxPlace $opts $path] fs hidden full
        set facts [::deployer::SandboxSee $fs $slug $full $hidden lstat]
        if {$facts eq "" && ![::deployer::SandboxNoted $slug $full]} {
            my SandboxGone $full link
        }
        if {$facts ni {{} unknown}
                && [::deployer::FileType $facts] eq "directory"} {
            ::deployer::Fail [list FILE EPERM $slug $full] "cannot link $full on\
                host $slug: it is a directory"
        }
        my SandboxNewName $opts $new "the link" " to $full"
    }

    method SandboxNewName {opts path what more} {
        set slug $Slug
        lassign [my SandboxPlace $opts $path] fs hidden full
        if {[::deployer::SandboxSee $fs $slug $full 1 lstat] ni {{} unknown}} {
            ::deployer::Fail [list FILE EEXIST $slug $full] "cannot make $what\
                $full on host $slug: a file of that name exists"
        }
        append more [::deployer::SandboxAbove $fs $slug $full]
        ::deployer::SandboxNote $slug $full
        ::deployer::SandboxTell $slug "would make $what $full$more"
        return
    }

    method SandboxedFileSetstat {opts path} {
        set slug $Slug
        lassign [my SandboxPlace $opts $path] fs hidden full
        set facts [::deployer::SandboxSee $fs $slug $full $hidden]
        if {$facts eq "" && ![::deployer::SandboxNoted $slug $full]} {
            my SandboxGone $full "change the attributes of"
        }
        if {[dict exists $opts size] && $facts ni {{} unknown}
                && [::deployer::FileType $facts] eq "directory"} {
            ::deployer::Fail [list FILE EISDIR $slug $full] "cannot change the\
                size of $full on host $slug: it is a directory"
        }
        set changes {}
        set known [expr {$facts ni {{} unknown}}]
        foreach {name key} {owner uid group gid} {
            if {[dict exists $opts $name]} {
                set id [my FileId $name [dict get $opts $name]]
                if {!$known || [dict get $facts $key] != $id} {
                    lappend changes "$name [dict get $opts $name] ($key\
                        [expr {$known ? "[dict get $facts $key] -> " : ""}]$id)"
                }
            }
        }
        if {[dict exists $opts mode]} {
            set new [format %04o [dict get $opts mode]]
            if {!$known} {
                lappend changes "mode $new"
            } elseif {[dict get $facts mode] % 0o10000
                    != [dict get $opts mode]} {
                lappend changes [format "mode %04o -> %s" \
                    [expr {[dict get $facts mode] % 0o10000}] $new]
            }
        }
        foreach name {size atime mtime} {
            if {![dict exists $opts $name]} {
                continue
            }
            if {!$known || [dict get $facts $name] != [dict get $opts $name]} {
                lappend changes "$name [expr {$known
                    ? "[dict get $facts $name] -> " : ""}][dict get $opts $name]"
            }
        }
        if {![dict size [dict filter $opts key \
                mode owner group size atime mtime]]} {
            ::deployer::Fail {ARGUMENT setstat} \
                "setstat needs an option that says what to set"
        }
        if {[llength $changes]} {
            ::deployer::SandboxTell $slug \
                "would change of $full: [join $changes {, }]"
        }
        return
    }

    # A channel that keeps what is written, and tells the difference at its end.
    method SandboxedFileOpen {opts path {access r}} {
        set slug $Slug
        set modes [::deployer::SandboxAccess $access]
        lassign [my SandboxPlace $opts $path] fs hidden full
        if {"write" ni $modes} {
            try {
                set channel [::deployer::Await \
                    [::deployer::core::file open $fs $full $access {}]]
            } trap {DEPLOYER FILE EACCES} {message options} {
                if {!$hidden} {
                    return -options $options $message
                }
                ::deployer::Fail [list FILE EACCES $slug $full] "$message (in a\
                    sandbox sudo is not used: what only sudo reads cannot be\
                    read)"
            }
            return [::deployer::OwnFile $channel]
        }
        set facts [::deployer::SandboxSee $fs $slug $full $hidden]
        set made [::deployer::SandboxNoted $slug $full]
        if {$facts eq "" && !$made && "create" ni $modes} {
            my SandboxGone $full open
        }
        if {$facts ne "" && "excl" in $modes} {
            ::deployer::Fail [list FILE EEXIST $slug $full] "cannot open $full\
                on host $slug: the file exists"
        }
        if {$facts ni {{} unknown}
                && [::deployer::FileType $facts] eq "directory"} {
            ::deployer::Fail [list FILE EISDIR $slug $full] "cannot open $full\
                on host $slug for writing: it is a directory"
        }
        set type [expr {$facts in {{} unknown} ? ""
            : [::deployer::FileType $facts]}]
        if {$type in {file ""}} {
            set old [::deployer::SandboxContent $fs $full $facts $hidden]
        } else {
            # To read it would take something away, or have no end.
            set old {kind none size 0 bytes {}}
        }
        if {[dict get $old kind] eq "data" && ![dict exists $old bytes]
                && "trunc" ni $modes} {
            # Its end is all that could be shown, and reading needs the rest.
            if {"read" in $modes} {
                ::deployer::Fail [list FILE EFBIG $slug $full] "cannot open\
                    $full on host $slug for reading and writing in a sandbox:\
                    it has more than $::deployer::SandboxText bytes"
            }
        }
        set above [expr {$facts eq "" && !$made
            ? [::deployer::SandboxAbove $fs $slug $full]
            : $type in {file ""} ? "" : " (a $type)"}]
        if {$facts eq ""} {
            ::deployer::SandboxNote $slug $full
        }
        set file [::deployer::SandboxFile new $slug $full $above $old \
            $modes [::deployer::ContextGet]]
        return [[::deployer::Own $file] channel]
    }
}

# The words read, write, append, create, trunc and excl of an access mode.
proc ::deployer::SandboxAccess access {
    core::file access $access
    if {[regexp {^[rwa]} $access]} {
        switch -glob -- [string map {b {}} $access] {
            r {return read}
            r+ {return {read write}}
            w {return {write create trunc}}
            w+ {return {read write create trunc}}
            a {return {write create append}}
            a+ {return {read write create append}}
        }
    }
    set modes {}
    foreach {flag words} {
        RDONLY read WRONLY write RDWR {read write} APPEND append CREAT create
        TRUNC trunc EXCL excl
    } {
        if {$flag in $access} {
            lappend modes {*}$words
        }
    }
    return $modes
}

# What is written to a file in a sandbox, as a channel (refchan(n)).
oo::class create ::deployer::SandboxFile {
    # Old: as SandboxContent; Bytes: the file as it would be, from Skipped on;
    # At: the place of the next byte; Commit: whether its end tells anything.
    variable Channel Slug Path Above Old Modes Tell Shows Bytes At Size Lost Commit

    constructor {slug path above old modes context} {
        set Slug $slug
        set Path $path
        set Above $above
        set Old $old
        set Modes $modes
        set Tell [dict get $context -sandbox tell]
        set Shows [::deployer::SandboxShows $context]
        set Commit 1
        set Lost 0
        set Bytes ""
        if {"trunc" ni $modes && [dict exists $old bytes]} {
            set Bytes [dict get $old bytes]
        }
        set Size [expr {"trunc" in $modes ? 0 : [dict get $old size]}]
        set At 0
        set Channel [chan create [expr {"read" in $modes ? {read write}
            : "write"}] [self]]
        set ::deployer::ShownAs([self]) $Channel
    }

    # Left open when its job ends: what was written is not committed.
    destructor {
        unset -nocomplain ::deployer::ShownAs([self])
        if {$Channel ne ""} {
            set Commit 0
            set channel $Channel
            set Channel ""
            catch {chan close $channel}
        }
    }

    method channel {} {
        return $Channel
    }

    method initialize {channel mode} {
        set methods {initialize finalize watch write seek configure cget cgetall}
        if {"read" in $mode} {
            lappend methods read
        }
        return $methods
    }

    method finalize channel {
        my Ended
        if {$Channel ne ""} {
            set Channel ""
            my destroy
        }
    }

    method Ended {} {
        if {!$Commit} {
            return
        }
        set new [dict create kind data size $Size]
        if {!$Lost && ([dict exists $Old bytes] || "trunc" in $Modes)} {
            set new [::deployer::SandboxBytes $Bytes]
        }
        set text [::deployer::SandboxCompare $Old $new [list $Slug $Path] \
            [list $Slug $Path]]
        ::deployer::SandboxSay $Tell $Slug [expr {$text eq ""
            ? "would write $Path, which has that content already"
            : "would write $Path$Above\n$text"}] $Shows
    }

    method watch {channel events} {}

    method read {channel count} {
        set bytes [string range $Bytes $At [expr {$At + $count - 1}]]
        incr At [string length $bytes]
        return $bytes
    }

    method write {channel bytes} {
        set count [string length $bytes]
        if {"append" in $Modes} {
            set At $Size
        }
        if {$At + $count > $::deployer::SandboxText} {
            # Too much to be shown line by line: only its size counts from here.
            set Lost 1
            set Bytes ""
        }
        if {!$Lost} {
            set gap [expr {$At - [string length $Bytes]}]
            if {$gap > 0} {
                append Bytes [string repeat \0 $gap]
            }
            set Bytes [string replace $Bytes $At [expr {$At + $count - 1}] \
                $bytes]
            if {$At == [string length $Bytes]} {
                append Bytes $bytes
            }
        }
        incr At $count
        set Size [expr {max($Size, $At)}]
        return $count
    }

    method seek {channel offset base} {
        set At [expr {max(0, $offset + [dict get \
            [dict create start 0 current $At end $Size] $base])}]
        return $At
    }

    method configure {channel option value} {
        if {$option ne "-commit"} {
            return -code error "bad option \"$option\": should be one of\
                -blocking, -buffering, -buffersize, -encoding, -eofchar,\
                -translation, or -commit"
        }
        set Commit [::deployer::CheckOption -commit bool $value]
    }

    method cget {channel option} {
        if {$option ne "-commit"} {
            return -code error "bad option \"$option\": should be -commit"
        }
        return $Commit
    }

    method cgetall channel {
        return [list -commit $Commit]
    }
}

# transfer.tcl -- get, put and copy: files and trees between hosts.
#
# Layer T1. The transfers themselves are in C (core::copy). Here: options, which
# files are meant, where they go, and what many hosts do. A side is the dict of
# fs (handle), path, slug, and host and key (see FsKey) where checksums can be
# made by commands.

namespace eval ::deployer {
    namespace export copy

    variable TransferKinds {
        -recursive flag -preserve flag -resume flag -checksum flag
        -progress command -update size|time|checksum -limit bytes
        -special fail|skip
    }
    variable TransferCrowdKinds {
        -parallel count -batch share1 -maxfail share0 -pause seconds0
    }

    # So many sources of one call are on their way at once.
    variable TransferFlight 16

    # Bytes of content that all hosts of one call may have under way, and that
    # each of them has at least and at most.
    variable TransferWindow {67108864 1048576 16777216}

    variable TransferCount 0
    variable TransferTold       ;# call -> {prefix source-number dict ...}
    array set TransferTold {}

    # Prints the SHA-256 of the first $2 bytes of $1, -1: of all. It is made one
    # line, as not every login shell takes another.
    variable TransferSumScript {
        if command -v sha256sum >/dev/null 2>&1; then s() { sha256sum; }
        elif command -v shasum >/dev/null 2>&1; then s() { shasum -a 256; }
        elif command -v openssl >/dev/null 2>&1; then
            s() { openssl dgst -sha256 -r; }
        else exit 127; fi;
        if [ "$2" -lt 0 ]; then s <"$1"; else head -c "$2" <"$1" | s; fi
    }
}

# Takes the options of command WHO from the front of the list in ARGSVAR, and
# leaves COUNT words. Returns a dict. A path that begins with a dash needs no
# `--` where it cannot be an option.
proc ::deployer::TransferOptions {who kinds count usage argsVar} {
    variable TransferKinds
    upvar 1 $argsVar words
    set kinds [dict merge $TransferKinds {-sudo flag -user text} $kinds]
    set opts {sudo 0 user {}}
    while {[llength $words] > $count || [dict exists $kinds [lindex $words 0]]
            || [lindex $words 0] eq "--"} {
        set option [lindex $words 0]
        if {[string index $option 0] ne "-"} {
            break
        }
        set words [lrange $words 1 end]
        if {$option eq "--"} {
            break
        }
        if {![dict exists $kinds $option]} {
            Fail [list OPTION $option] "unknown option\
                \"[Shorten $option 40]\": must be\
                [join [lsort [dict keys $kinds]] {, }] or --"
        }
        set name [string range $option 1 end]
        set kind [dict get $kinds $option]
        if {$kind eq "flag"} {
            dict set opts $name 1
            continue
        }
        if {![llength $words]} {
            Fail [list OPTION $option] "value for \"$option\" missing"
        }
        set words [lassign $words value]
        if {$kind eq "bytes"} {
            dict set opts $name [TransferRate $option $value]
        } elseif {$kind eq "text"} {
            dict set opts $name $value
        } else {
            dict set opts $name [CheckOption $option $kind $value]
        }
    }
    if {[llength $words] != $count} {
        WrongArgs "$who ?options? $usage"
    }
    foreach word $words {
        if {$word eq ""} {
            Fail {ARGUMENT {}} "an empty string is no path"
        }
        if {[string first \0 $word] >= 0} {
            Fail {ARGUMENT {}} "a path cannot hold a NUL character"
        }
    }
    if {[dict get $opts user] ne "" && ![dict get $opts sudo]} {
        Fail {OPTION -user} "-user needs -sudo"
    }
    return $opts
}

# Bytes a second; K, M and G stand for the powers of 1024.
proc ::deployer::TransferRate {option value} {
    if {[regexp {^([0-9]{1,15})([KMG]?)$} $value -> number unit]} {
        scan $number %lld number
        set number [expr {$number << [dict get {"" 0 K 10 M 20 G 30} $unit]}]
        if {$number > 0} {
            return $number
        }
    }
    Fail [list OPTION $option] "$option must be bytes a second above 0, as\
        500K or 20M, not \"[Shorten $value 40]\""
}

# Paths.

# A path of this machine, absolute; a slash at its end stays.
proc ::deployer::LocalPath path {
    if {[string index $path 0] eq "~"} {
        regexp {^(~[^/]*)(.*)$} $path -> user rest
        if {[catch {file normalize $user} home]} {
            Fail [list FILE ENOENT localhost $path] \
                "there is no home directory $user on this machine"
        }
        return $home$rest
    }
    if {[string index $path 0] eq "/"} {
        return $path
    }
    return [string trimright [pwd] /]/$path
}

# The name that a copy of PATH gets in a directory; "" where it is the content
# of a directory that is meant, as in "dir/.".
proc ::deployer::TransferTail path {
    set tail [lindex [split [string trimright $path /] /] end]
    if {$tail in {. ..}} {
        return ""
    }
    return $tail
}

# LOCAL for one of several hosts.
proc ::deployer::LocalFor {local slug} {
    if {[string first %h $local] >= 0} {
        if {$slug in {. ..}} {
            Fail [list ARGUMENT $slug] \
                "slug \"$slug\" cannot be the name of a file"
        }
        return [string map [list %% % %h $slug] $local]
    }
    return $local
}

proc ::deployer::HasWildcard path {
    return [regexp {[][*?\\{}]} $path]
}

# The local files that PATH means: itself where it exists, else as a pattern.
proc ::deployer::LocalSources path {
    set full [LocalPath $path]
    if {![HasWildcard $path] || ![catch {file lstat $full facts}]} {
        return [list $full]
    }
    # The directory that it is seen from is none, whatever is in its name.
    regsub {^~[^/]*} $path {} pattern
    set above [string range $full 0 end-[string length $pattern]]
    set pattern [regsub -all {[][*?\\{}]} $above {\\&}]$pattern
    if {[catch {
        lsort [glob -nocomplain -- $pattern]
    } found]} {
        Fail [list ARGUMENT $path] "\"[Shorten $path]\" is no pattern: $found"
    }
    if {![llength $found]} {
        Fail [list FILE ENOENT localhost $path] \
            "nothing on this machine matches \"[Shorten $path 200]\""
    }
    return $found
}

oo::define ::deployer::host {
    method get args {
        set opts [::deployer::TransferOptions "[self] get" \
            $::deployer::TransferCrowdKinds 2 "REMOTE LOCAL" args]
        return [my FileGet $opts {*}$args]
    }

    method put args {
        set opts [::deployer::TransferOptions "[self] put" \
            $::deployer::TransferCrowdKinds 2 "LOCAL REMOTE" args]
        return [my FilePut $opts {*}$args]
    }

    method FileGet {opts remote local} {
        set slug $Slug
        set local [::deployer::LocalPath [::deployer::LocalFor $local $slug]]
        set sources [my FileSources $opts $remote]
        lassign [::deployer::LocalFiles 1] fs guard
        try {
            return [::deployer::Transfer $opts $slug \
                [list [namespace which my] FileSide $opts] \
                [list ::deployer::LocalSide $fs] $sources $local]
        } finally {
            ::deployer::LocalFilesEnd $fs $guard
        }
    }

    method FilePut {opts local remote} {
        set slug $Slug
        set sources [::deployer::LocalSources $local]
        lassign [::deployer::LocalFiles 0] fs guard
        try {
            return [::deployer::Transfer $opts $slug \
                [list ::deployer::LocalSide $fs] \
                [list [namespace which my] FileSide \
                    [dict replace $opts write 1]] \
                $sources [my FileTarget $opts $remote]]
        } finally {
            ::deployer::LocalFilesEnd $fs $guard
        }
    }

    # The target as the file system takes it; a slash at its end stays.
    method FileTarget {opts path} {
        set full [my RemotePath $path [dict get $opts sudo] \
            [dict get $opts user]]
        if {[string index $path end] eq "/"
                && [string index $full end] ne "/"} {
            append full /
        }
        return $full
    }

    # The files that PATH means, as the file system takes them.
    method FileSources {opts path} {
        set slug $Slug
        set full [my FileTarget $opts $path]
        if {![::deployer::HasWildcard $path]} {
            return [list $full]
        }
        try {
            my FileAsk $opts lstat $path
            return [list $full]
        } trap {DEPLOYER FILE ENOENT} {} {
        } trap {DEPLOYER FILE ENOTDIR} {} {
        } trap {DEPLOYER FILE ENAMETOOLONG} {} {}
        set found [my FileGlob $opts $path]
        if {![llength $found]} {
            ::deployer::Fail [list FILE ENOENT $slug $path] \
                "nothing on host $slug matches\
                \"[::deployer::Shorten $path 200]\""
        }
        return [lmap path $found {my FileTarget $opts $path}]
    }

    # This host as a side of a transfer.
    method FileSide opts {
        set fs [my Fs -sudo [dict get $opts sudo] -user [dict get $opts user] \
            -write [dict exists $opts write]]
        set key [my FsKey [dict get $opts sudo] [dict get $opts user]]
        return [dict create fs $fs slug $Slug host [self] key $key \
            owner [my FsKnown [list newfiles $key]]]
    }

    # What a transfer has found out about new files here.
    method FileLearn {key result} {
        if {[dict get $result umask] >= 0 && [dict get $result uid] >= 0} {
            my FsLearn [list newfiles $key] \
                [dict filter $result key umask uid]
        }
    }

    # The SHA-256 of a file by a command, "" where that cannot be.
    method FileSum {key path count} {
        if {[string index $path 0] ne "/"} {
            set path ./$path
        }
        set script [regsub -all {\s+} \
            [string trim $::deployer::TransferSumScript] { }]
        set line "sh -c [::deployer::Quoted $script] sh\
            [my Quoted $path $key] $count"
        set outcome [my Execute $line [my FsOptions $key]]
        if {[dict get $outcome status] == 0 && [regexp {\m[0-9a-f]{64}\M} \
                [dict get $outcome stdout] sum]} {
            return $sum
        }
        return ""
    }
}

# A file system of this machine for one call, and with WRITE a guard that
# removes temporary files should we be killed: {fs guard}.
proc ::deployer::LocalFiles write {
    variable GuardScript
    set fs [core::fs local {slug localhost}]
    set guard ""
    if {$write && ![catch {
        core::spawn [list /bin/sh -c $GuardScript] {slug localhost stays 1}
    } p]} {
        core::fs guard $fs $p
        set guard $p
    }
    return [list $fs $guard]
}

proc ::deployer::LocalFilesEnd {fs guard} {
    core::fs close $fs
    if {$guard ne ""} {
        core::proc close $guard
    }
}

# This machine as a side of a transfer.
proc ::deployer::LocalSide fs {
    return [dict create fs $fs slug localhost host {} key {} owner {}]
}

# One of two files with one name would be lost in the directory that they go to.
proc ::deployer::TransferNames sources {
    set seen {}
    foreach source $sources {
        set tail [TransferTail $source]
        if {$tail ne "" && [dict exists $seen $tail]} {
            Fail [list ARGUMENT $tail] "[ShortPath [dict get $seen $tail]] and\
                [ShortPath $source] have one name, and would be one file in the\
                directory that they are to be copied to"
        }
        dict set seen $tail $source
    }
}

# Copies SOURCES, paths of one side, to TARGET of the other. FROM and TO are
# command prefixes that give the sides, once more after a connection that was
# found dead. SLUG is told to whom progress is told. Returns the counts.
proc ::deployer::Transfer {opts slug from to sources target} {
    TransferNames $sources
    if {[SandboxMode] ne ""} {
        tailcall SandboxTransfer $opts $slug $from $to $sources $target
    }
    set bar [BarsForTransfer opts $sources]
    try {
        return [TransferTwice $opts $slug $from $to $sources $target]
    } finally {
        BarsEnd $bar
    }
}

proc ::deployer::TransferTwice {opts slug from to sources target} {
    set asked [expr {[llength $sources] > 1
        || [string index $target end] eq "/"}]
    set made {}
    for {set try 0} 1 {incr try} {
        set fromSide [{*}$from]
        set toSide [{*}$to]
        try {
            if {$asked} {
                TransferDirectory $toSide $target [llength $sources] made
            }
            return [TransferAll $opts $slug $fromSide $toSide $sources \
                $target]
        } on error {message options} {
            # A connection that died while nobody used it costs one more try.
            if {[lrange [dict get $options -errorcode] 0 2]
                    eq {DEPLOYER FILE ECONNRESET} && !$try
                    && !([dict exists $options -begun]
                    && [dict get $options -begun])} {
                continue
            }
            if {[llength $made]} {
                TransferUnmake [dict get $toSide fs] $made
            }
            return -options $options $message
        }
    }
}

# Nothing came into the directories MADE: they go again, but nobody waits for
# that for ever.
proc ::deployer::TransferUnmake {fs made} {
    # In a job of its own: cancelling again must not stop it.
    set w [Job [list ::deployer::FsUnmakeDirectory $fs $made] {}]
    set timer [after 5000 [list ::deployer::JobCancel $w]]
    if {[catch {Await $w}]} {
        catch {Detach $w}
    }
    after cancel $timer
}

# TARGET must be a directory; named with a slash it is made where it is missing.
# What is made is added to MADEVAR.
proc ::deployer::TransferDirectory {side target count madeVar} {
    upvar 1 $madeVar made
    set fs [dict get $side fs]
    set path [Unslashed $target]
    try {
        set attributes [Await [core::fs stat $fs $path]]
        if {[FileType $attributes] eq "directory"} {
            return
        }
    } trap {DEPLOYER FILE ENOENT} {} {
        if {[string index $target end] eq "/"} {
            FsMakeDirectory $fs $path "" made
            return
        }
    }
    FailDirectory [dict get $side slug] $path $count [expr {
        ![info exists attributes]}]
}

# PATH is no directory, but COUNT files are to be copied there. Whether it is MISSING.
proc ::deployer::FailDirectory {slug path count missing} {
    set why [expr {$count > 1 ? "$count files are to be copied there"
        : "its name ends in a slash"}]
    Fail [list FILE ENOTDIR $slug $path] "[ShortPath $path] on host $slug [expr {
        $missing ? "does not exist, but $why: with a slash at its end it is made"
        : "is no directory, but $why"}]"
}

# The options of core::copy.
proc ::deployer::TransferCore {opts slug fromSide toSide} {
    set core [dict filter $opts key recursive preserve resume update limit \
        special window]
    if {[dict exists $opts checksum]} {
        dict set core verify 1
    }
    dict set core slug $slug
    dict set core adopt 1
    if {[dict get $fromSide host] ne "" || [dict get $toSide host] ne ""} {
        dict set core same [list ::deployer::TransferSame $fromSide $toSide]
    }
    return [dict merge $core [dict get $toSide owner]]
}

# Copies all SOURCES, many at once.
proc ::deployer::TransferAll {opts slug fromSide toSide sources target} {
    variable TransferFlight
    variable TransferCount
    variable TransferTold
    set core [TransferCore $opts $slug $fromSide $toSide]
    set total [llength $sources]
    set flight [expr {[dict exists $opts limit] ? 1 : $TransferFlight}]
    set id ""
    if {[dict exists $opts progress] && [dict get $opts progress] ne ""} {
        if {$total == 1} {
            dict set core progress [dict get $opts progress]
        } else {
            set id [incr TransferCount]
            set TransferTold($id) {}
        }
    }
    if {$total > 1} {
        lassign $::deployer::TransferWindow - least most
        set window [expr {[dict exists $core window] ? [dict get $core window]
            : $most}]
        dict set core window \
            [expr {max($least, $window / min($total, $flight))}]
    }
    set running {}              ;# handle waiter source ...
    set counts {}
    set failures {}
    set first {}
    set next 0
    try {
        while {$next < $total || [llength $running]} {
            while {$next < $total && [llength $running] < 3 * $flight} {
                set source [lindex $sources $next]
                set words $core
                set tail [TransferTail $source]
                if {$tail ne ""} {
                    dict set words into $tail
                }
                if {$id ne ""} {
                    dict set words progress [list ::deployer::TransferTell \
                        $id [dict get $opts progress] $next]
                }
                set h [core::copy start [dict get $fromSide fs] \
                    [Unslashed $source] [dict get $toSide fs] \
                    [Unslashed $target] $words]
                lappend running $h [core::copy wait $h] $source
                incr next
            }
            lassign $running h w source
            set failed [catch {Await $w} result options]
            if {$failed && ![dict exists $options -counts]} {
                return -options $options $result
            }
            set running [lrange $running 3 end]
            core::copy close $h
            if {$failed} {
                set counts [TransferAdd $counts [dict get $options -counts]]
                set failures [dict merge $failures \
                    [dict get $options -failures]]
                if {$first eq ""} {
                    set first [list $options $result]
                }
                if {[lindex [dict get $options -errorcode] 2] in {
                        ECONNRESET ECONNABORTED ENOSPC EDQUOT EROFS}} {
                    set next $total
                }
                continue
            }
            set counts [TransferAdd $counts $result]
            if {[dict get $toSide host] ne ""
                    && [IsHost [dict get $toSide host]]} {
                [info object namespace [dict get $toSide host]]::my FileLearn \
                    [dict get $toSide key] $result
            }
        }
    } finally {
        if {[llength $running]} {
            TransferStop $running
        }
        if {$id ne ""} {
            unset -nocomplain TransferTold($id)
        }
    }
    if {$first ne ""} {
        lassign $first options message
        dict set options -failures $failures
        dict set options -counts $counts
        set more [expr {[dict size $failures] - 1}]
        if {$total > 1 && $more > 0} {
            regsub { \(and \d+ more failures\)$} $message {} message
            append message " (and $more more failures)"
        }
        return -options $options $message
    }
    if {$id ne ""} {
        TransferCall [dict get $opts progress] [dict merge [dict create \
            slug $slug file [lindex $sources end] \
            total [dict get $counts bytes] walked 1 done 1] $counts]
    }
    return $counts
}

# The counts of two transfers.
proc ::deployer::TransferAdd {counts result} {
    set sum {}
    foreach name {files dirs links bytes skipped special failed resumed} {
        dict set sum $name [expr {[dict get $result $name]
            + ($counts eq "" ? 0 : [dict get $counts $name])}]
    }
    dict set sum seconds [expr {max([dict get $result seconds],
        $counts eq "" ? 0 : [dict get $counts seconds])}]
    return $sum
}

# Progress of source NUMBER of call ID: PREFIX is told that of all together.
proc ::deployer::TransferTell {id prefix number dict} {
    variable TransferTold
    if {![info exists TransferTold($id)]} {
        return
    }
    dict set TransferTold($id) $number $dict
    set counts {}
    set total 0
    dict for {number told} $TransferTold($id) {
        set counts [TransferAdd $counts $told]
        incr total [dict get $told total]
    }
    TransferCall $prefix [dict merge $dict $counts \
        [dict create total $total walked 0 done 0]]
}

# Tells PREFIX of progress. Its error is no error of the transfer.
proc ::deployer::TransferCall {prefix dict} {
    if {[catch {uplevel #0 [linsert $prefix end $dict]} message options] == 1} {
        after 0 [list return -options $options $message]
    }
}

# Ends what runs and lets it remove what it began, but not for ever.
proc ::deployer::TransferStop running {
    foreach {h w source} $running {
        catch {core::copy cancel $h}
    }
    # In a job of its own: cancelling again must not stop it.
    set w [Job [list ::deployer::TransferStopped $running] {}]
    if {[catch {Await $w}]} {
        catch {Detach $w}
    }
}

proc ::deployer::TransferStopped running {
    foreach {h old source} $running {
        catch {core::waiter drop $old}
    }
    set waits [lmap {h old source} $running {core::copy wait $h}]
    set timer [after 5000 [list ::deployer::TransferGiveUp $waits]]
    foreach w $waits {
        catch {Await $w}
    }
    after cancel $timer
    foreach {h old source} $running {
        catch {core::copy close $h}
    }
}

proc ::deployer::TransferGiveUp waits {
    foreach w $waits {
        core::waiter finish $w {}
    }
}

# Questions of transfer COPY: whether the first COUNT bytes of SRC and DST are
# the same.
proc ::deployer::TransferSame {fromSide toSide copy ask src dst count} {
    Detach [Job [list ::deployer::TransferCompare $fromSide $toSide $copy \
        $ask $src $dst $count] {}]
}

proc ::deployer::TransferCompare {fromSide toSide copy ask src dst count} {
    set other [Job [list ::deployer::TransferSum $toSide $dst $count] {}]
    set failed [catch {TransferSum $fromSide $src $count} sum options]
    if {[catch {Await $other} sum2 options2] && !$failed} {
        set failed 1
        set sum $sum2
        set options $options2
    }
    # The transfer may be over.
    if {$failed} {
        catch {core::copy answer $copy $ask 0 $sum \
            [dict get $options -errorcode]}
    } else {
        catch {core::copy answer $copy $ask [expr {$sum eq $sum2}]}
    }
}

# By a command on the host where that can be, else the file is read.
proc ::deployer::TransferSum {side path count} {
    set host [dict get $side host]
    set sum ""
    if {$host ne "" && [IsHost $host]} {
        catch {
            set sum [[info object namespace $host]::my FileSum \
                [dict get $side key] $path $count]
        }
    }
    if {$sum eq ""} {
        set sum [Await [core::copy digest [dict get $side fs] $path $count]]
    }
    return $sum
}

# Many hosts.

dict set ::deployer::HostsWords get ::deployer::HostsGet
dict set ::deployer::HostsWords put ::deployer::HostsPut
::deployer::DefineHostsWord get
::deployer::DefineHostsWord put

# VIEW with the options of a fan-out that OPTS hold, which leave OPTSVAR.
proc ::deployer::TransferView {view optsVar} {
    variable TransferWindow
    upvar 1 $optsVar opts
    foreach name {parallel batch maxfail pause} {
        if {[dict exists $opts $name]} {
            lset view 1 [dict replace [lindex $view 1] \
                $name [dict get $opts $name]]
            dict unset opts $name
        }
    }
    set parallel 32
    if {[dict exists [lindex $view 1] parallel]} {
        set parallel [dict get [lindex $view 1] parallel]
    }
    lassign $TransferWindow all least most
    set many [expr {max(1, min($parallel,
        [core::hostset count [lindex $view 0]]))}]
    dict set opts window [expr {max($least, min($most, $all / $many))}]
    return $view
}

proc ::deployer::HostsGet {view args} {
    variable TransferCrowdKinds
    set opts [TransferOptions "hosts get" $TransferCrowdKinds 2 \
        "REMOTE LOCAL" args]
    lassign $args remote local
    set view [TransferView $view opts]
    if {![lindex $view 2] && [string first %h $local] < 0} {
        set path [LocalPath $local]
        if {[file isdirectory $path] || [string index $local end] eq "/"} {
            # A folder for each host.
            set local [string map {% %%} [string trimright $path /]]/%h/
        } elseif {[core::hostset count [lindex $view 0]] > 1} {
            Fail [list ARGUMENT $local] "several hosts would write to\
                \"[Shorten $local]\": it needs %h, which becomes the slug, or\
                must be a directory"
        }
    }
    tailcall ::deployer::HostsCall $view [list FileGet $opts $remote $local]
}

proc ::deployer::HostsPut {view args} {
    variable TransferCrowdKinds
    set opts [TransferOptions "hosts put" $TransferCrowdKinds 2 \
        "LOCAL REMOTE" args]
    set view [TransferView $view opts]
    # Before any host is begun with: it would be the same for all. Where somebody
    # is asked what to do, each host says it.
    foreach path [expr {[lindex $view 2] || [dict exists [ContextGet] -decide]
            ? {} : [LocalSources [lindex $args 0]]}] {
        if {[catch {file lstat $path facts} message options]} {
            set code [dict get $options -errorcode]
            Fail [list FILE [lindex $code 1] localhost $path] "cannot read\
                [ShortPath $path] on host localhost: [lindex $code 2]"
        }
    }
    tailcall ::deployer::HostsCall $view [list FilePut $opts {*}$args]
}

# copy ?options? FROMHOST PATH TOHOST PATH -- a file or a tree from one host to
# another, or to another place there. The bytes come through this process.
proc ::deployer::copy args {
    set opts [TransferOptions deployer::copy {} 4 \
        "FROMHOST PATH TOHOST PATH" args]
    lassign $args from path to target
    set from [uplevel 1 [list ::deployer::OneHost $from]]
    set to [uplevel 1 [list ::deployer::OneHost $to]]
    set fromMy [info object namespace $from]::my
    set toMy [info object namespace $to]::my
    set span [EventNow]
    if {$span eq ""} {
        tailcall $toMy FileCopy $opts $from $path $target
    }
    set slug [$to cget -slug]
    $toMy Noted
    set span [core::event begin $span file [list host $slug command \
        [list copy [$from cget -slug] $path $slug $target]] {} \
        [$fromMy Hidden [$toMy Hidden {}]]]
    set code [catch {
        $toMy FileCopy $opts $from $path $target
    } result options]
    EventOutcome $span $code $result $options [EventBytes $result]
    dict incr options -level
    return -options $options $result
}

oo::define ::deployer::host {
    # From host FROM to this one.
    method FileCopy {opts from path target} {
        set fromMy [info object namespace $from]::my
        set sources [$fromMy FileSources $opts $path]
        return [::deployer::Transfer $opts [$from cget -slug] \
            [list $fromMy FileSide $opts] \
            [list [namespace which my] FileSide [dict replace $opts write 1]] \
            $sources [my FileTarget $opts $target]]
    }
}

# The host that NAME means in the caller's frame: a host, or a container of one.
proc ::deployer::OneHost name {
    set object [uplevel 1 [list ::deployer::WhichObject $name]]
    if {[IsHost $object]} {
        return $object
    }
    set set [HostsSet [[info object namespace $object]::my View]]
    set count [core::hostset count $set]
    if {$count != 1} {
        FailCount $name $set
    }
    return [core::hostset host $set 0]
}

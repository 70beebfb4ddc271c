# filetree.tcl -- many operations of a file system at once: directories with
# those above them, whole trees, patterns.
#
# Layer T1. These take a handle of core::fs and paths as it takes them.

# Runs REQUESTS, {op path ?arg ...?} each, many at once. Returns the flat list
# request result ... of those that succeed. Failures with an error of IGNORE
# (POSIX names) are left out; others end it, or, where FAILURESVAR is given, are
# added there (message options ...) as long as the host can be reached.
proc ::deployer::FsAskAll {fs requests {ignore {}} {failuresVar {}}} {
    variable FileFlight
    if {$failuresVar ne ""} {
        upvar 1 $failuresVar failures
    }
    set results {}
    set flying {}
    set count [llength $requests]
    set next 0
    try {
        while {$next < $count || [llength $flying]} {
            while {$next < $count && [llength $flying] < 2 * $FileFlight} {
                set args [lassign [lindex $requests $next] op]
                lappend flying [lindex $requests $next] \
                    [core::fs $op $fs {*}$args]
                incr next
            }
            set flying [lassign $flying request w]
            try {
                lappend results $request [Await $w]
            } trap {DEPLOYER FILE} {message options} {
                set name [lindex [dict get $options -errorcode] 2]
                if {$name in $ignore} {
                    continue
                }
                if {$failuresVar eq ""
                        || $name in {ECONNRESET ECONNABORTED}} {
                    return -options $options $message
                }
                lappend failures $message $options
            }
        }
    } finally {
        foreach {request w} $flying {
            core::waiter drop $w
        }
    }
    return $results
}

# Makes directory PATH, and those above it that are missing. What it makes is added
# to the list in LISTVAR, the uppermost first.
proc ::deployer::FsMakeDirectory {fs path mode {listVar {}}} {
    if {$listVar ne ""} {
        upvar 1 $listVar list
    }
    set missing {}
    set at $path
    set made 0
    while 1 {
        set words {}
        if {$at eq $path && $mode ne ""} {
            set words [list [dict create mode $mode]]
        }
        try {
            Await [core::fs mkdir $fs $at {*}$words]
            lappend list $at
            set made [expr {$at eq $path}]
        } trap {DEPLOYER FILE ENOENT} {message options} {
            set above [PathAbove $at]
            if {$above eq ""} {
                return -options $options $message
            }
            lappend missing $at
            set at $above
            continue
        } trap {DEPLOYER FILE} {message options} {
            # Which error an existing one gives depends on the host.
            if {![FsIsDirectory $fs $at]} {
                return -options $options $message
            }
        }
        break
    }
    foreach at [lreverse $missing] {
        set words {}
        if {$at eq $path && $mode ne ""} {
            set words [list [dict create mode $mode]]
        }
        try {
            Await [core::fs mkdir $fs $at {*}$words]
            lappend list $at
            set made 1
        } trap {DEPLOYER FILE EEXIST} {message options} {
            # Somebody else was faster.
            if {![FsIsDirectory $fs $at]} {
                return -options $options $message
            }
            set made 0
        }
    }
    if {$made && $mode ne ""} {
        # The host's umask took bits away.
        Await [core::fs setstat $fs $path [dict create mode $mode]]
    }
}

# Removes the directories of LIST, as above, as long as nothing is in them.
proc ::deployer::FsUnmakeDirectory {fs list} {
    foreach path [lreverse $list] {
        try {
            Await [core::fs rmdir $fs $path]
        } trap {DEPLOYER FILE} {} {
            return
        }
    }
}

# The directory that PATH is in; "" where that is not known.
proc ::deployer::PathAbove path {
    if {![regexp {^(.*[^/])/+[^/]+$} $path -> above]} {
        if {[regexp {^/+[^/]+$} $path]} {
            return /
        }
        return ""
    }
    return $above
}

proc ::deployer::FsIsDirectory {fs path} {
    try {
        set attributes [Await [core::fs stat $fs $path]]
    } trap {DEPLOYER FILE} {} {
        return 0
    }
    return [expr {[FileType $attributes] eq "directory"}]
}

# Removes directory TOP and all that is in it, and follows no link. One failure
# does not keep the rest; at the end the first is raised.
proc ::deployer::FsRemoveTree {fs top} {
    set failures {}
    set gone {ENOENT}
    set levels {}
    set level [list $top]
    while {[llength $level]} {
        lappend levels $level
        set below {}
        # So many at once that what they hold is no burden.
        for {set i 0} {$i < [llength $level]} {incr i 64} {
            set requests [lmap dir [lrange $level $i $i+63] {list list $dir}]
            set entries {}
            foreach {request found} \
                    [FsAskAll $fs $requests $gone failures] {
                set dir [string trimright [lindex $request 1] /]
                foreach {name attributes} $found {
                    lappend entries $dir/$name [FileType $attributes]
                }
            }
            set files {}
            set unknown {}
            foreach {path type} $entries {
                switch -- $type {
                    directory {
                        lappend below $path
                    }
                    {} {
                        lappend unknown [list lstat $path]
                    }
                    default {
                        lappend files [list unlink $path]
                    }
                }
            }
            foreach {request attributes} \
                    [FsAskAll $fs $unknown $gone failures] {
                set path [lindex $request 1]
                if {[FileType $attributes] eq "directory"} {
                    lappend below $path
                } else {
                    lappend files [list unlink $path]
                }
            }
            FsAskAll $fs $files $gone failures
        }
        set level $below
    }
    # What could not be removed keeps the directories above it.
    set removed {}
    foreach level [lreverse $levels] {
        foreach {request result} [FsAskAll $fs [lmap dir $level {
            list rmdir $dir
        }] $gone failures] {
            dict set removed [lindex $request 1] 1
        }
    }
    # One that could not be listed and went was empty.
    set failures [concat {*}[lmap {message options} $failures {
        if {[dict exists $removed [lindex [dict get $options -errorcode] 4]]} {
            continue
        }
        list $message $options
    }]]
    if {[llength $failures]} {
        foreach {message options} $failures {
            lappend codes [lindex [dict get $options -errorcode] 2]
        }
        if {[lsort -unique $codes] eq "ENOTEMPTY"} {
            # Names that are no text here are not found again by what they seem
            # to be. There all goes by bytes.
            return [Await [core::copy remove $fs $top]]
        }
        lassign $failures message options
        set more [expr {[llength $failures] / 2 - 1}]
        if {$more} {
            append message " (and $more more could not be removed)"
        }
        return -options $options $message
    }
}

# Patterns.

# PATTERN without braces: a list of patterns.
proc ::deployer::GlobBraces pattern {
    set depth 0
    set length [string length $pattern]
    for {set i 0} {$i < $length} {incr i} {
        switch -- [string index $pattern $i] {
            \\ {
                incr i
            }
            \{ {
                if {[incr depth] == 1} {
                    set first $i
                    set starts [list [expr {$i + 1}]]
                }
            }
            , {
                if {$depth == 1} {
                    lappend starts [expr {$i + 1}]
                }
            }
            \} {
                if {!$depth} {
                    Fail [list ARGUMENT $pattern] \
                        "unmatched close-brace in \"$pattern\""
                }
                if {[incr depth -1]} {
                    continue
                }
                set before [string range $pattern 0 $first-1]
                set after [string range $pattern $i+1 end]
                set patterns {}
                foreach start $starts next [lrange $starts 1 end] {
                    set end [expr {$next eq "" ? $i - 1 : $next - 2}]
                    lappend patterns {*}[GlobBraces \
                        $before[string range $pattern $start $end]$after]
                }
                return $patterns
            }
        }
    }
    if {$depth} {
        Fail [list ARGUMENT $pattern] "unmatched open-brace in \"$pattern\""
    }
    return [list $pattern]
}

# The paths that WORDS, the parts of a pattern, match below BASE, which stands
# in front of them and is seen from directory HERE. A last word "" behind a
# wildcard asks for directories. LISTSVAR: dict of what was listed before.
proc ::deployer::FsGlob {fs here base words listsVar} {
    upvar 1 $listsVar lists
    set found [list $base]
    set wild 0
    set last [expr {[llength $words] - 1}]
    foreach word $words {
        set final [expr {$last == 0}]
        incr last -1
        if {![regexp {^(?:[^\\*?[]|\\.)*[*?[]} $word]} {
            # No wildcard.
            set word [regsub -all {\\(.)} $word {\1}]
            if {$final && $word eq ""} {
                return [FsGlobOnly $fs $here $found $wild]
            }
            set wild 0
            set found [lmap path $found {
                set path $path$word[expr {$final ? "" : "/"}]
            }]
            if {$final} {
                return [FsGlobOnly $fs $here $found 0]
            }
            continue
        }
        set wild 1
        set requests {}
        foreach path $found {
            set dir [PathBelow $here $path]
            if {[string index $path 0] eq "/"} {
                set dir $path
            }
            if {![dict exists $lists $dir]} {
                lappend requests [list list [Unslashed $dir]] $dir
            }
        }
        set asked [dict create {*}$requests]
        foreach {request entries} \
                [FsAskAll $fs [dict keys $asked] {ENOENT ENOTDIR ELOOP}] {
            dict set lists [dict get $asked $request] $entries
        }
        set matches {}
        set hidden [regexp {^\\?\.} $word]
        foreach path $found {
            set dir [PathBelow $here $path]
            if {[string index $path 0] eq "/"} {
                set dir $path
            }
            if {![dict exists $lists $dir]} {
                continue
            }
            foreach {name attributes} [dict get $lists $dir] {
                if {![string match $word $name]
                        || !$hidden && [string index $name 0] eq "."} {
                    continue
                }
                if {$final} {
                    lappend matches $path$name
                } elseif {[FileType $attributes] in {directory link {}}} {
                    lappend matches $path$name/
                }
            }
        }
        set found $matches
    }
    return $found
}

# Those of PATHS that are there; with DIRECTORY, that are directories.
proc ::deployer::FsGlobOnly {fs here paths directory} {
    set op [expr {$directory ? "stat" : "lstat"}]
    set asked {}
    foreach path $paths {
        set full $path
        if {[string index $path 0] ne "/"} {
            set full [PathBelow $here $path]
        }
        dict lappend asked [list $op [Unslashed $full]] $path
    }
    set found {}
    foreach {request attributes} [FsAskAll $fs [dict keys $asked] \
            {ENOENT ENOTDIR ELOOP EACCES ENAMETOOLONG}] {
        if {!$directory || [FileType $attributes] eq "directory"} {
            lappend found {*}[dict get $asked $request]
        }
    }
    return $found
}

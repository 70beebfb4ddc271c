# shellscpchange.tcl -- the scp shell: mkdir, rm and mv.
#
# Layer T3. What is refused is refused before anything is changed. One name that
# fails does not keep the others.

oo::define ::deployer::shell::ScpShell {
    # The type of what is at PATH, by a link or with OP lstat not: "" where nothing
    # is. In a sandbox also: directory, which mkdir would have made; made, by another
    # command of it; unknown without sudo.
    method Type {side path opts {op stat}} {
        set host $Hosts($side)
        try {
            return [dict get [$host $op {*}[my Given $opts -sudo -user] -- \
                $path] type]
        } trap {DEPLOYER FILE ENOENT} {} - trap {DEPLOYER FILE ENOTDIR} {} {
            if {$Sandbox eq "" || ![SandboxNoted [$host cget -slug] $path]} {
                return ""
            }
            return [expr {[dict exists $Made $side [Unslashed $path]]
                ? "directory" : "made"}]
        } trap {DEPLOYER FILE EACCES} {message options} {
            if {$Sandbox eq "" || ![dict exists $opts -sudo]} {
                return -options $options $message
            }
            return unknown
        }
    }

    method FailFile {code side path text} {
        set slug [$Hosts($side) cget -slug]
        ::deployer::Fail [list FILE $code $slug $path] \
            "[ShortPath $path] on [ScpMachine $slug] $text"
    }

    # An error where ABOVE, of SIDE, is no directory; MORE says what to do.
    method NeedDirectory {side above opts more} {
        set type [my Type $side $above $opts]
        if {$type eq ""} {
            set slug [$Hosts($side) cget -slug]
            ::deployer::Fail [list FILE ENOENT $slug $above] "there is no\
                directory [ShortPath $above] on [ScpMachine $slug]$more"
        }
        if {$type ni {directory made unknown}} {
            my FailFile ENOTDIR $side $above "is no directory"
        }
    }

    method Make {side name words} {
        set opts [my Options $side $name {-p flag} words]
        my Count $name $words 1 100000
        foreach word $words {
            if {[lindex $word 4] ne ""} {
                ::deployer::Fail [list ARGUMENT [lindex $word 0]] "$name makes\
                    directories of the very names that are given: quote\
                    [Shorten [lindex $word 0] 80] if that is one"
            }
        }
        foreach word $words {
            my Try {
                my MakeOne $side [Unslashed [my Place $side [lindex $word 0] \
                    $opts]] $opts
            }
        }
        array unset Listed
        my Told
    }

    method MakeOne {side path opts} {
        set parents [dict exists $opts -p]
        if {[my Type $side $path $opts lstat] ni {"" unknown}} {
            if {$parents && [my Type $side $path $opts]
                    in {directory made unknown}} {
                return
            }
            my FailFile EEXIST $side $path "exists already"
        }
        set above [PathAbove $path]
        if {!$parents && $above ne ""} {
            my NeedDirectory $side $above $opts " (-p makes it)"
        }
        $Hosts($side) mkdir {*}[my Given $opts -sudo -user] -- $path
        if {$Sandbox ne ""} {
            dict set Made $side $path 1
        }
    }

    # An error where WORD names, or PATH is, what nobody means to move or remove.
    method Refuse {side name word path} {
        set what ""
        if {[regexp {(?:^|/)(\.\.?)/*$} [lindex $word 0] -> last]} {
            set what "\"$last\""
        } else {
            set path [LogicalPath [Unslashed $path]]
            if {$path eq "/"} {
                set what "the root"
            } elseif {[string first [string trimright $path /]/ \
                    $Dirs($side)/] == 0} {
                set what [expr {$path eq $Dirs($side) ? "the directory that\
                    you are in" : "above the directory that you are in"}]
            }
        }
        if {$what ne ""} {
            ::deployer::Fail [list ARGUMENT [lindex $word 0]] "$name: [Shorten \
                [lindex $word 0] 80] is left as it is, as it is $what"
        }
    }

    method Remove {side name words} {
        set opts [my Options $side $name {-r flag -f flag} words]
        my Count $name $words 1 100000
        set given [my Given $opts -sudo -user]
        set force [dict exists $opts -f]
        set files {}
        set trees {}
        foreach word $words {
            my Refuse $side $name $word [my Place $side [lindex $word 0] $opts]
            set found {}
            my Try {
                set found [my Found $side $word $opts]
            } [expr {$force ? "ENOENT" : ""}]
            foreach {path shown} $found {
                my Refuse $side $name $word $path
                my Try {
                    lassign [my Removed $side $path $opts] path tree
                    lappend [expr {$tree ? "trees" : "files"}] $path
                } [expr {$force ? "ENOENT" : ""}]
            }
        }
        if {[llength $trees] && !$force && ![my Sure $side $trees]} {
            my Print "nothing was removed\n"
            my Told
            return
        }
        foreach path $files {
            my Try {
                $Hosts($side) remove {*}$given -- $path
            }
        }
        foreach path $trees {
            my Try {
                $Hosts($side) remove {*}$given -recursive -- $path
            }
        }
        array unset Listed
        my Told
    }

    # What of PATH is to be removed: {path tree}. Of a link itself; behind a slash
    # it would be what it leads to, which is not touched.
    method Removed {side path opts} {
        set bare [Unslashed $path]
        set type [my Type $side $bare $opts lstat]
        if {$type eq ""} {
            my FailFile ENOENT $side $bare "does not exist"
        }
        if {$type eq "directory"} {
            if {![dict exists $opts -r]} {
                my FailFile EISDIR $side $bare "is a directory: -r removes it\
                    with all that is in it"
            }
            return [list $bare 1]
        }
        if {[string index $path end] eq "/" && $type ni {made unknown}} {
            my FailFile ENOTDIR $side $bare [expr {$type eq "link"
                ? "is a symbolic link: without the slash the link is removed"
                : "is no directory"}]
        }
        # What a sandbox does not see may be one.
        return [list $bare [expr {$type in {made unknown}
            && [dict exists $opts -r]}]]
    }

    # Whether TREES are to go, as whoever sits there says.
    method Sure {side trees} {
        if {$Batch || $Sandbox ne "" || ![ConsoleIsOpen $Home]} {
            return 1
        }
        set machine [ScpMachine [$Hosts($side) cget -slug]]
        set count [llength $trees]
        if {$count == 1} {
            set question "Remove the directory [ShortPath [lindex $trees 0]] on\
                $machine with all that is in it?"
        } else {
            set names [lmap path [lrange $trees 0 4] {
                Shorten [lindex [split $path /] end] 40
            }]
            if {$count > 5} {
                lappend names ...
            }
            set question "Remove $count directories on $machine with all that\
                is in them ([join $names {, }])?"
        }
        try {
            return [ConsoleConfirm $Home -default 0 $question]
        } trap {DEPLOYER ABORT} {} {
            return 0
        }
    }

    method Move {side name words} {
        set opts [my Options $side $name {} words]
        my Count $name $words 2 100000
        set last [lindex $words end]
        set target [my Found $side $last $opts]
        if {[llength $target] > 2} {
            ::deployer::Fail [list ARGUMENT [lindex $last 0]] "[expr {
                [llength $target] / 2}] names match the target\
                [Shorten [lindex $last 0] 80]"
        }
        lassign $target target
        set sources {}
        foreach word [lrange $words 0 end-1] {
            my Refuse $side $name $word [my Place $side [lindex $word 0] $opts]
            my Try {
                foreach {path shown} [my Found $side $word $opts] {
                    my Refuse $side $name $word $path
                    lappend sources [Unslashed $path]
                }
            }
        }
        set several [expr {[llength $words] > 2 || [llength $sources] > 1}]
        set slash [expr {[string index $target end] eq "/"}]
        set target [Unslashed $target]
        set type [my Type $side $target $opts]
        set into [expr {$type eq "directory"
            || $type in {made unknown} && ($several || $slash)}]
        if {!$into && ($several || $slash)} {
            set why [expr {$several ? "several files are to be moved there"
                : "its name ends in a slash"}]
            my FailFile [expr {$type eq "" ? "ENOENT" : "ENOTDIR"}] $side \
                $target [expr {$type eq "" ? "does not exist, but $why: [expr {
                $side eq "here" ? "lmkdir" : "mkdir"}] makes it" : "is no directory, but $why"}]
        }
        foreach path $sources {
            my Try {
                my MoveOne $side $path [expr {$into ? [PathBelow $target \
                    [lindex [split $path /] end]] : $target}] $opts
            }
        }
        array unset Listed
        my Told
    }

    method MoveOne {side path target opts} {
        if {$path eq $target} {
            my FailFile EEXIST $side $path "is there already"
        }
        if {[string first $path/ $target/] == 0} {
            my FailFile EINVAL $side $path "cannot be moved into itself"
        }
        try {
            $Hosts($side) rename {*}[my Given $opts -sudo -user] -- $path \
                $target
        } trap {DEPLOYER FILE EXDEV} {} {
            my FailFile EXDEV $side $path "cannot be moved to [ShortPath \
                $target], which is on another file system: copy and remove it"
        }
    }
}

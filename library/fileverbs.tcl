# fileverbs.tcl -- what a host does with files: exists, stat, list, glob, mkdir,
# remove and the like.
#
# Layer T1. Each verb is a method of deployer::host and a word of containers;
# its options are taken apart once, whatever the number of hosts.

namespace eval ::deployer {
    # verb -> {options least most usage}: the options but -sudo and -user, and
    # how many words follow them.
    variable FileVerbs {
        exists {{} 1 1 PATH}
        stat {{} 1 1 PATH}
        lstat {{} 1 1 PATH}
        list {{-long flag} 0 1 "?-long? ?PATH?"}
        glob {{} 1 1 PATTERN}
        mkdir {{-mode mode} 1 1 "?-mode OCTAL? PATH"}
        remove {{-recursive flag} 1 1 "?-recursive? PATH"}
        rename {{} 2 2 "FROM TO"}
        symlink {{} 2 2 "TARGET PATH"}
        link {{} 2 2 "PATH NEWPATH"}
        readlink {{} 1 1 PATH}
        statvfs {{} 1 1 PATH}
        setstat {{
            -mode mode -owner name -group name -size size -atime time
            -mtime time
        } 1 1 "?-mode OCTAL? ?-owner USER? ?-group GROUP? ?-size BYTES?\
            ?-atime SECONDS? ?-mtime SECONDS? PATH"}
    }

    # Operations that are under way at once for one call.
    variable FileFlight 64
}

# Takes the options of VERB of WHO from the front of the list in ARGSVAR, and
# leaves the other words. Returns a dict. A last word that must be a path may
# begin with a dash.
proc ::deployer::FileOptions {who verb argsVar} {
    variable FileVerbs
    upvar 1 $argsVar words
    lassign [dict get $FileVerbs $verb] kinds least most usage
    set kinds [dict merge {-sudo flag -user text} $kinds]
    set opts {sudo 0 user {}}
    while {[llength $words] > $least || [dict exists $kinds [lindex $words 0]]
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
        set kind [dict get $kinds $option]
        if {$kind eq "flag"} {
            dict set opts [string range $option 1 end] 1
            continue
        }
        if {![llength $words]} {
            Fail [list OPTION $option] "value for \"$option\" missing"
        }
        set words [lassign $words value]
        dict set opts [string range $option 1 end] \
            [FileValue $option $kind $value]
    }
    if {[llength $words] < $least || [llength $words] > $most} {
        WrongArgs "$who $verb $usage"
    }
    foreach word $words {
        if {$word eq ""} {
            Fail {ARGUMENT {}} "an empty string is no path"
        }
    }
    if {[dict get $opts user] ne "" && ![dict get $opts sudo]} {
        Fail {OPTION -user} "-user needs -sudo"
    }
    return $opts
}

proc ::deployer::FileValue {option kind value} {
    switch -- $kind {
        mode {
            if {[regexp {^(?:0o)?([0-7]{1,5})$} $value -> digits]} {
                scan $digits %o mode
                if {$mode <= 0o7777} {
                    return $mode
                }
            }
            set must "be an octal number such as 0644"
        }
        name {
            if {[regexp {^[A-Za-z0-9._@+\\$-]+$} $value]
                    && [string index $value 0] ne "-"} {
                return $value
            }
            set must "be a name or a number"
        }
        size {
            if {[string is wideinteger -strict $value] && $value >= 0} {
                return [expr {$value + 0}]
            }
            set must "be a number of bytes"
        }
        time {
            # What SFTP 3 can tell: 32 bits without a sign.
            if {[string is wideinteger -strict $value] && $value >= 0
                    && $value <= 0xffffffff} {
                return [expr {$value + 0}]
            }
            set must "be a number of seconds from 0 to 4294967295, as\
                \[clock seconds\] gives"
        }
        default {
            return $value
        }
    }
    Fail [list OPTION $option] "$option must $must, not\
        \"[Shorten $value 40]\""
}

# The public methods and words.
apply {{} {
    foreach verb [dict keys $::deployer::FileVerbs] {
        oo::define ::deployer::host method $verb args [string map \
            [list %verb $verb %Verb File[string totitle $verb]] {
            set opts [::deployer::FileOptions [self] %verb args]
            ::deployer::JobMay [list %verb $args]
            return [my %Verb $opts {*}$args]
        }]
        dict set ::deployer::HostsWords $verb \
            [list ::deployer::HostsFileVerb $verb]
        ::deployer::DefineHostsWord $verb
    }
}}

proc ::deployer::HostsFileVerb {verb view args} {
    set opts [FileOptions hosts $verb args]
    tailcall ::deployer::HostsCall $view \
        [list File[string totitle $verb] $opts {*}$args]
}

oo::define ::deployer::host {
    # The file system for OPTS (sudo, user, and write where there may be
    # temporary files), and PATHS as it takes them: {fs path ...}.
    method FilePlace {opts args} {
        set sudo [dict get $opts sudo]
        set user [dict get $opts user]
        set place {}
        foreach path $args {
            lappend place [my RemotePath $path $sudo $user]
        }
        return [linsert $place 0 [my Fs -sudo $sudo -user $user \
            -write [dict exists $opts write]]]
    }

    # The result of an operation that only looks; a file system that died while
    # nobody used it costs one more try.
    method FileAsk {opts op path} {
        lassign [my FilePlace $opts $path] fs full
        try {
            return [::deployer::Await [::deployer::core::fs $op $fs $full]]
        } trap {DEPLOYER FILE ECONNRESET} {message options} {
            if {![info exists Files]} {
                return -options $options $message
            }
        }
        set fs [my Fs -sudo [dict get $opts sudo] -user [dict get $opts user]]
        return [::deployer::Await [::deployer::core::fs $op $fs $full]]
    }

    # An operation that changes something.
    method FileDo {opts op path args} {
        lassign [my FilePlace $opts $path] fs full
        ::deployer::Await [::deployer::core::fs $op $fs $full {*}$args]
        return
    }

    method FileExists {opts path} {
        try {
            my FileAsk $opts stat $path
        } trap {DEPLOYER FILE ENOENT} {} {
            return 0
        } trap {DEPLOYER FILE ENOTDIR} {} {
            return 0
        } trap {DEPLOYER FILE EACCES} {} {
            return 0
        } trap {DEPLOYER FILE ELOOP} {} {
            return 0
        } trap {DEPLOYER FILE ENAMETOOLONG} {} {
            return 0
        }
        return 1
    }

    method FileStat {opts path} {
        return [::deployer::FileFacts [my FileAsk $opts stat $path]]
    }

    method FileLstat {opts path} {
        return [::deployer::FileFacts [my FileAsk $opts lstat $path]]
    }

    method FileList {opts {path .}} {
        set entries [my FileAsk $opts list $path]
        if {![dict exists $opts long]} {
            return [lsort [dict keys $entries]]
        }
        lassign [my FilePlace $opts $path] fs full
        set unknown {}
        set facts {}
        foreach name [lsort [dict keys $entries]] {
            set attributes [dict get $entries $name]
            if {![dict exists $attributes mode]} {
                lappend unknown [list lstat [::deployer::PathBelow $full $name]]
            }
            dict set facts $name $attributes
        }
        foreach {request attributes} [::deployer::FsAskAll $fs $unknown] {
            dict set facts [file tail [lindex $request 1]] $attributes
        }
        return [dict map {name attributes} $facts {
            ::deployer::FileFacts $attributes
        }]
    }

    method FileReadlink {opts path} {
        set slug $Slug
        try {
            return [my FileAsk $opts readlink $path]
        } trap {DEPLOYER FILE EINVAL} {message options} {
            ::deployer::Fail [lrange [dict get $options -errorcode] 1 end] \
                "[::deployer::ShortPath $path] on host $slug is not a symbolic\
                link"
        }
    }

    method FileStatvfs {opts path} {
        return [my FileAsk $opts statvfs $path]
    }

    method FileRename {opts from to} {
        lassign [my FilePlace $opts $from $to] fs from to
        set slug $Slug
        try {
            ::deployer::Await [::deployer::core::fs rename $fs $from $to]
        } trap {DEPLOYER FILE EISDIR} {} {
            ::deployer::Fail [list FILE EISDIR $slug $to] "cannot rename\
                [::deployer::ShortPath $from] to [::deployer::ShortPath $to] on\
                host $slug: that is a directory; name the new file itself"
        }
        return
    }

    method FileSymlink {opts target path} {
        my FileDo $opts symlink $path $target
    }

    method FileLink {opts path new} {
        lassign [my FilePlace $opts $path $new] fs path new
        set slug $Slug
        try {
            ::deployer::Await [::deployer::core::fs link $fs $path $new]
        } trap {DEPLOYER FILE EEXIST} {} {
            ::deployer::Fail [list FILE EEXIST $slug $new] "cannot give\
                [::deployer::ShortPath $path] the name\
                [::deployer::ShortPath $new] on host $slug: a file of that name\
                exists"
        }
        return
    }

    method FileMkdir {opts path} {
        lassign [my FilePlace $opts $path] fs path
        ::deployer::FsMakeDirectory $fs [::deployer::Unslashed $path] \
            [expr {[dict exists $opts mode] ? [dict get $opts mode] : ""}]
        return
    }

    method FileGlob {opts pattern} {
        set found {}
        set lists {}
        foreach pattern [::deployer::GlobBraces $pattern] {
            lappend found {*}[my FileGlobOne $opts $pattern lists]
        }
        return [lsort -unique $found]
    }

    # A pattern without braces. Its begin without wildcards is where to look,
    # and stands in the results as it is, but for ~.
    method FileGlobOne {opts pattern listsVar} {
        upvar 1 $listsVar lists
        set base ""
        set words [split $pattern /]
        if {[regexp -- $::deployer::TildePath $pattern -> word]} {
            try {
                set base [my RemotePath $word [dict get $opts sudo] \
                    [dict get $opts user]]
            } trap {DEPLOYER FILE ENOENT} {} {
                return
            }
            set words [lrange $words 1 end]
            if {![llength $words]} {
                return [list $base]
            }
            set base [string trimright $base /]/
        } elseif {[string index $pattern 0] eq "/"} {
            set base /
        }
        set words [lsearch -all -inline -not -exact \
            [lrange $words 0 end-1] {}]
        lappend words [lindex [split $pattern /] end]
        lassign [my FilePlace $opts .] fs here
        return [::deployer::FsGlob $fs $here $base $words lists]
    }

    method FileRemove {opts path} {
        set recursive [dict exists $opts recursive]
        if {$recursive} {
            my FileRefuse $path
            # Before the file system is looked for: this may run a command, and
            # a host may have room for one of the two only.
            set homes [my FileHomes $opts]
        }
        lassign [my FilePlace $opts $path] fs full
        set full [::deployer::Unslashed $full]
        if {$recursive && [::deployer::LogicalPath $full] eq "/"} {
            my FileRefuse /
        }
        try {
            set facts [::deployer::Await [::deployer::core::fs lstat $fs $full]]
        } trap {DEPLOYER FILE ENOENT} {} {
            return
        } trap {DEPLOYER FILE ENOTDIR} {} {
            return
        }
        if {[::deployer::FileType $facts] ne "directory"} {
            ::deployer::Await [::deployer::core::fs unlink $fs $full]
            return
        }
        if {!$recursive} {
            ::deployer::Await [::deployer::core::fs rmdir $fs $full]
            return
        }
        my FileKeep $path $homes [::deployer::Await \
            [::deployer::core::fs realpath $fs $full]]
        if {[dict get $opts sudo]
                || [my FsKnown {way {}}] eq "shell"} {
            my FileRemoveTree $opts $full
        } else {
            ::deployer::FsRemoveTree $fs $full
        }
        return
    }

    # What a slip of the fingers would make of `remove -recursive`.
    method FileRefuse path {
        set last [lindex [split [string trimright $path /]  /] end]
        if {$last in {{} . ..} || [regexp -- $::deployer::TildePath $path \
                - - rest] && $rest in {{} .}} {
            ::deployer::Fail [list ARGUMENT $path] "\"$path\" is not removed\
                with all that is in it, as it is the root, \".\" or a home\
                directory: name what is in it instead"
        }
    }

    # The home directories of those who do what OPTS say. An account for files
    # alone runs no command; where its files begin is as good.
    method FileHomes opts {
        try {
            set homes [list [my RemotePath ~]]
        } trap {DEPLOYER FILE} {} - trap {DEPLOYER EXEC} {} {
            set homes [list [my FsStart {}]]
        }
        if {[dict get $opts sudo]} {
            lappend homes [my RemotePath ~ 1 [dict get $opts user]]
        }
        return $homes
    }

    # However it is spelled: REAL, which PATH leads to, is not a directory of the
    # system, nor a home directory or one above it.
    method FileKeep {path homes real} {
        set slug $Slug
        set what [::deployer::KeptDirectory $real $homes]
        if {$what ne ""} {
            ::deployer::Fail [list ARGUMENT $path] "\"$path\" on host $slug is\
                not removed with all that is in it, as it is $what: name what\
                is in it instead"
        }
    }

    # By the command rm: with sudo because it alone is safe from links that
    # somebody puts into the tree meanwhile, and without sftp because each
    # operation would be a command.
    method FileRemoveTree {opts path} {
        set host [self]
        set slug $Slug
        set key [my FsKey [dict get $opts sudo] [dict get $opts user]]
        if {[string index $path 0] ne "/"} {
            set path ./$path
        }
        set line "env LC_ALL=C rm -rf -- [my Quoted $path $key]"
        set outcome [my Run $line \
            [dict replace [my FsOptions $key] check 0 result dict]]
        if {[dict get $outcome status] != 0} {
            ::deployer::FailRemove $host $slug $path $line $outcome
        }
    }

    # Owner first: changing it takes the setuid bits away. Times last.
    method FileSetstat {opts path} {
        set steps {}
        lassign [my FilePlace $opts $path] fs full
        set had {}
        foreach {first second} {owner group atime mtime} {
            # The host takes both or none.
            if {[dict exists $opts $first] != [dict exists $opts $second]} {
                set had [::deployer::Await \
                    [::deployer::core::fs stat $fs $full]]
                break
            }
        }
        if {[dict exists $opts owner] || [dict exists $opts group]} {
            set ids {}
            foreach {name id} {owner uid group gid} {
                if {[dict exists $opts $name]} {
                    dict set ids $id [my FileId $name [dict get $opts $name]]
                } else {
                    dict set ids $id [dict get $had $id]
                }
            }
            lappend steps $ids
        }
        foreach name {size mode} {
            if {[dict exists $opts $name]} {
                lappend steps [dict create $name [dict get $opts $name]]
            }
        }
        if {[dict exists $opts atime] || [dict exists $opts mtime]} {
            lappend steps [dict merge \
                [dict filter $had key atime mtime] \
                [dict filter $opts key atime mtime]]
        }
        if {$steps eq ""} {
            ::deployer::Fail {ARGUMENT setstat} \
                "setstat needs an option that says what to set"
        }
        foreach step $steps {
            ::deployer::Await [::deployer::core::fs setstat $fs $full $step]
        }
        return
    }

    # The number of the user (KIND owner) or group NAME on the host.
    method FileId {kind name} {
        if {[string is digit -strict $name]} {
            return [scan $name %lld]
        }
        set slug $Slug
        set fact [list id $kind $name]
        if {[my FsKnown $fact] ne ""} {
            return [my FsKnown $fact]
        }
        if {$kind eq "owner"} {
            set script {id -u "$1"}
        } else {
            set script {
                { getent group "$1" 2>/dev/null || cat /etc/group; } |
                while IFS=: read name x id rest; do
                    if [ "$name" = "$1" ]; then echo "$id"; break; fi
                done
            }
        }
        set outcome [my Execute "sh -c [::deployer::Quoted [string map \
            {\n { }} $script]] sh [my Quoted $name]" {plain 1}]
        set id [string trim [dict get $outcome stdout]]
        if {![string is digit -strict $id]} {
            set noun [expr {$kind eq "owner" ? "user" : "group"}]
            ::deployer::Fail [list ARGUMENT $name] \
                "there is no $noun \"$name\" on host $slug"
        }
        my FsLearn $fact $id
        return $id
    }
}

# Raises what the errors of rm in OUTCOME say.
proc ::deployer::FailRemove {host slug path line outcome} {
    variable ShellErrors
    set lines [split [string trim [dict get $outcome stderr]] \n]
    foreach text $lines {
        foreach {words name} $ShellErrors {
            if {[string match "*: $words" $text]} {
                set more [expr {[llength $lines] > 1
                    ? " (and [expr {[llength $lines] - 1}] more)" : ""}]
                Fail [list FILE $name $slug $path] "cannot remove $path on\
                    host $slug: [Shorten $text 300]$more"
            }
        }
    }
    FailCommand $host $slug $line $outcome
}

# Facts.

# The dict that `file stat` would fill. What the host does not tell is 0.
proc ::deployer::FileFacts attributes {
    set facts {}
    foreach name {atime ctime dev gid ino mode mtime nlink size} {
        dict set facts $name [expr {[dict exists $attributes $name]
            ? [dict get $attributes $name] : 0}]
    }
    dict set facts type [FileType $attributes]
    dict set facts uid [expr {[dict exists $attributes uid]
        ? [dict get $attributes uid] : 0}]
    return $facts
}

# "" where the host does not tell.
proc ::deployer::FileType attributes {
    if {![dict exists $attributes mode]} {
        return ""
    }
    switch [expr {[dict get $attributes mode] >> 12 & 15}] {
        1 {return fifo}
        2 {return characterSpecial}
        4 {return directory}
        6 {return blockSpecial}
        8 {return file}
        10 {return link}
        12 {return socket}
    }
    return ""
}

proc ::deployer::Unslashed path {
    set bare [string trimright $path /]
    if {$bare eq ""} {
        return /
    }
    return $bare
}

# What PATH, without links, is that nobody means to remove as a whole: "" where
# it may go. HOMES are the home directories of those who remove it.
proc ::deployer::KeptDirectory {path homes} {
    set path [LogicalPath $path]
    if {$path eq "/"} {
        return "the root"
    }
    if {[core::mount keeps $path]} {
        return "a directory of the system"
    }
    foreach home $homes {
        set home [LogicalPath $home]
        if {$home eq $path} {
            return "a home directory"
        }
        if {[string first $path/ $home/] == 0} {
            return "above the home directory $home"
        }
    }
    return ""
}

# shellfs.tcl -- files of hosts without an sftp server, by shell commands.
#
# Layer T1. ShellFs gives the command prefix for core::fs script. Each operation
# is one command on the host; the scripts are for any POSIX shell with the tools
# of GNU, BusyBox or BSD. Paths stand in them as words that the shell cannot
# read anything into (ShellSet), contents come and go as bytes by standard
# input and output.

namespace eval ::deployer {
    # What programs say of errno in locale C, at the end of a line.
    variable ShellErrors {
        {cannot overwrite directory*} EISDIR
        {cannot overwrite non-directory*} ENOTDIR
        {No such file or directory} ENOENT {No such file} ENOENT
        {Directory nonexistent} ENOENT {nonexistent directory} ENOENT
        {Permission denied} EACCES {Operation not permitted} EPERM
        {File exists} EEXIST {cannot overwrite existing file} EEXIST
        {file exists} EEXIST {Not a directory} ENOTDIR
        {Is a directory} EISDIR {is a directory} EISDIR
        {Directory not empty} ENOTEMPTY
        {No space left on device} ENOSPC {Disk quota exceeded} EDQUOT
        {Quota exceeded} EDQUOT {Disc quota exceeded} EDQUOT
        {Read-only file system} EROFS {Invalid argument} EINVAL
        {File name too long} ENAMETOOLONG
        {Too many levels of symbolic links} ELOOP
        {Symbolic link loop} ELOOP {Device or resource busy} EBUSY
        {Resource busy} EBUSY {Text file busy} ETXTBSY
        {Input/output error} EIO {I/O error} EIO {File too large} EFBIG
        {Invalid cross-device link} EXDEV {Cross-device link} EXDEV
        {Too many links} EMLINK {Operation not supported} ENOTSUP
        {Not supported} ENOTSUP {No such device or address} ENXIO
        {Stale file handle} ESTALE {Cannot allocate memory} ENOMEM
        {Argument list too long} E2BIG
    }

    # How each tool is asked for attributes; what follows is read by ShellAttr.
    # L is -L (the target of a link) or nothing, "$@" the paths.
    variable ShellStat {
        gnu {stat $L -c "g %f %s %u %g %X %Y %Z %i %d %h" "$@"}
        bsd {stat $L -f "b %p %z %u %g %a %m %c %i %d %l" "$@"}
        perl {perl -e '$l = shift; for (@ARGV) {
            @s = $l eq "-L" ? stat $_ : lstat $_ or die "$_: $!\n";
            printf "g %x %s %s %s %s %s %s %s %s %s\n",
            @s[2,7,4,5,8,9,10,1,0,3]; }' -- "$L" "$@"}
        ls {for f; do l=$(ls -ldn $L "$f") || exit 1; set -f; set -- $l;
            echo "l $1 $2 $3 $4 $5"; done}
    }

    # Reads names, one a line as DpFsGuard writes them, and removes at the end
    # of its input what still has one of them. Quiet, and deaf to signals. Names
    # that nothing has any more are forgotten, save the last: what they stand
    # for may still be on its way.
    variable GuardScript [string map {"\n        " " "} [string trim {
        trap "" HUP INT TERM PIPE; set -f; a=; k=; n=0;
        real() { case $1 in *\\*) p=$(printf %b. "$1"); p=${p%.};;
        *) p=$1;; esac; };
        while read -r l; do a="$a $l"; n=$((n + 1));
        if [ $n -ge 512 ]; then b=$k; k=; for l in $b; do real "$l";
        if [ -e "$p" ]; then k="$k $l"; fi; done; b=$a; a=; for l in $b; do
        if [ $n -gt 256 ]; then n=$((n - 1)); real "$l";
        if [ -e "$p" ]; then k="$k $l"; fi; else a="$a $l"; fi; done; fi; done;
        for l in $k $a; do real "$l"; if [ -e "$p" ] || [ -L "$p" ]; then
        case $p in *.deployer) rm -rf -- "$p";; *) rm -f -- "$p";; esac; fi;
        done >/dev/null 2>&1
    }]]

    # Tells the tools of a host: a list of name and kind.
    variable ShellProbe {
        if stat -c %f / >/dev/null 2>&1; then echo stat gnu
        elif stat -f %p / >/dev/null 2>&1; then echo stat bsd
        elif perl -e 1 >/dev/null 2>&1; then echo stat perl
        else echo stat ls; fi
        if find / -prune -printf x >/dev/null 2>&1; then echo find printf; fi
        for t in mv ln; do if $t --help 2>&1 | grep no-target-dir >/dev/null
        then echo $t -T; fi; done
        if command -v unlink >/dev/null 2>&1; then echo unlink 1; fi
        if readlink -f / >/dev/null 2>&1; then echo readlink 1; fi
        if stat -f -c %S / >/dev/null 2>&1; then echo statvfs 1; fi
        getfacl -cpE / >/dev/null 2>&1 && command -v setfacl >/dev/null &&
        echo acl 1
        :
    }
}

oo::define ::deployer::host {
    # Runs SCRIPT, text for a POSIX shell, for the user of KEY ("" or {sudo
    # USER}) with INPUT, and returns the outcome of core::proc run, in bytes.
    method ShellRun {script key input} {
        set opts [dict replace [my FsOptions $key] \
            encoding binary stdin $input]
        set script "LC_ALL=C; export LC_ALL; unset LANGUAGE\n$script"
        if {$key ne ""} {
            return [my Execute $script $opts]
        }
        my Look
        if {![info exists Shell] || $Shell eq ""} {
            my Execute : {plain 1}
        }
        if {[file tail $Shell] ni {sh dash bash ash busybox}} {
            set script \
                "exec /bin/sh -c [::deployer::QuotedFor $Shell $script]"
        }
        return [my Execute $script $opts]
    }
}

# The prefix for `core::fs script` of HOST and the user of KEY ("" is the login
# user, {sudo USER} one by sudo). Waits: it asks the host what it has.
proc ::deployer::ShellFs {host {key {}}} {
    variable ShellProbe
    set slug [$host cget -slug]
    set outcome [ShellRun $host $key $ShellProbe]
    if {[dict get $outcome status] != 0} {
        RunResult $host $slug {look for the tools of the shell} \
            [[info object namespace $host]::my FsOptions $key] \
            [ShellText $outcome]
    }
    set tools {}
    foreach line [split [dict get $outcome stdout] \n] {
        if {[llength $line] == 2} {
            dict set tools {*}$line
        }
    }
    return [list ::deployer::ShellCall $host $slug $key $tools]
}

# The prefix of an `adopt` of another kind of file system.
proc ::deployer::ShellAdopt {host {key {}}} {
    return [list ::deployer::ShellCall $host [$host cget -slug] $key {}]
}

proc ::deployer::ShellRun {host key script {input {}}} {
    if {![info object isa object $host]} {
        Fail [list CONNECT CLOSED $host] "the host is gone"
    }
    return [[info object namespace $host]::my ShellRun $script $key $input]
}

# An outcome in bytes as one in text.
proc ::deployer::ShellText outcome {
    foreach stream {stdout stderr} {
        dict set outcome $stream \
            [encoding convertfrom utf-8 [dict get $outcome $stream]]
    }
    return $outcome
}

# Called by C: one operation, in a job of its own.
proc ::deployer::ShellCall {host slug key tools op arguments} {
    return [Job [list ::deployer::ShellOp [dict create host $host slug $slug \
        key $key tools $tools] $op $arguments] {}]
}

proc ::deployer::ShellOp {at op arguments} {
    dict set at path ""
    if {[dict exists $arguments path]} {
        dict set at path [dict get $arguments path]
    } elseif {[dict exists $arguments file]} {
        dict set at path [lindex [dict get $arguments file] 0]
    }
    tailcall ShellDo_$op $at $arguments
}

# An assignment of PATH to the shell's variable NAME. A relative path gets ./ in
# front, so that it is never an option.
proc ::deployer::ShellPath {name path} {
    if {[string index $path 0] ne "/"} {
        set path ./$path
    }
    return [ShellSet $name $path]
}

# What is not plain ASCII goes as octal numbers, whatever the encoding on the
# way; the dot keeps newlines at its end.
proc ::deployer::ShellSet {name text} {
    if {[regexp {^[\x20-\x7e]*$} $text]} {
        return "$name='[string map {' '\\''} $text]'\n"
    }
    set octal ""
    foreach byte [split [encoding convertto utf-8 $text] {}] {
        append octal [format \\0%03o [scan $byte %c]]
    }
    return "$name=\$(printf '%b.' '$octal'); $name=\${$name%.}\n"
}

# The output of SCRIPT for AT, or the error that it ended with.
proc ::deployer::ShellAsk {at script {input {}}} {
    set outcome [ShellRun [dict get $at host] [dict get $at key] $script $input]
    if {[dict get $outcome status] == 0} {
        return [dict get $outcome stdout]
    }
    ShellFail $at $outcome
}

proc ::deployer::ShellFail {at outcome} {
    variable ShellErrors
    set slug [dict get $at slug]
    set path [dict get $at path]
    set text [string trim [encoding convertfrom utf-8 \
        [dict get $outcome stderr]]]
    set line [lindex [split $text \n] end]
    foreach {words name} $ShellErrors {
        if {[string match *$words $line]} {
            Fail [list FILE $name $slug $path] ""
        }
    }
    if {[dict get $outcome signal] ne ""} {
        append line " (ended by signal [dict get $outcome signal])"
    } elseif {$line eq ""} {
        set line "a command ended with status [dict get $outcome status]"
    }
    Fail [list FILE EIO $slug $path] $line
}

proc ::deployer::ShellTool {at name} {
    if {[dict exists $at tools $name]} {
        return [dict get $at tools $name]
    }
    return ""
}

# --- attributes ---

# The attributes in LINE, as ShellStat has them printed.
proc ::deployer::ShellAttr {at line} {
    set fields [lassign [split [string trim $line]] kind]
    if {$kind eq "l" && [llength $fields] >= 5} {
        return [ShellAttrLs {*}[lrange $fields 0 4]]
    }
    if {[llength $fields] != 10 || [scan [lindex $fields 0] \
            [expr {$kind eq "g" ? "%x" : "%o"}] mode] != 1} {
        Fail [list FILE EIO [dict get $at slug] [dict get $at path]] \
            "unexpected words from stat: \"[Shorten $line]\""
    }
    set attr [list mode $mode]
    foreach name {size uid gid atime mtime ctime ino dev nlink} \
            value [lrange $fields 1 end] {
        # GNU's %X is whole seconds; others may have a fraction.
        lappend attr $name [lindex [split $value .] 0]
    }
    return $attr
}

# The same from the first words of `ls -ldn`, which tells no times.
proc ::deployer::ShellAttrLs {letters nlink uid gid size} {
    set types {- 0o100000 d 0o040000 l 0o120000 p 0o010000 s 0o140000
        b 0o060000 c 0o020000}
    set mode 0
    if {[dict exists $types [string index $letters 0]]} {
        set mode [dict get $types [string index $letters 0]]
    }
    set bits {r 4 w 2 x 1 s 1 t 1}
    foreach {at shift special} {1 6 0o4000 4 3 0o2000 7 0 0o1000} {
        foreach letter [split [string range $letters $at $at+2] {}] {
            if {[dict exists $bits [string tolower $letter]]
                    && $letter ni {S T}} {
                incr mode [expr {[dict get $bits $letter] << $shift}]
            }
            if {$letter in {s S t T}} {
                incr mode $special
            }
        }
    }
    set attr [list mode $mode uid $uid gid $gid]
    # A device has two numbers with a comma there.
    if {[string is digit -strict $size]} {
        lappend attr size $size
    } else {
        lappend attr size 0
    }
    return $attr
}

# Script text that prints the attributes of the path in $p.
proc ::deployer::ShellStatText {at follow {paths {"$p"}}} {
    variable ShellStat
    set kind [ShellTool $at stat]
    if {![dict exists $ShellStat $kind]} {
        set kind ls
    }
    return "L=[expr {$follow ? "-L" : ""}]\nset -- $paths\n[dict get \
        $ShellStat $kind]\n"
}

proc ::deployer::ShellDo_stat {at arguments} {
    return [ShellAttr $at [ShellAsk $at \
        [ShellPath p [dict get $at path]][ShellStatText $at 1]]]
}

proc ::deployer::ShellDo_lstat {at arguments} {
    return [ShellAttr $at [ShellAsk $at \
        [ShellPath p [dict get $at path]][ShellStatText $at 0]]]
}

proc ::deployer::ShellDo_fstat {at arguments} {
    return [ShellAttr $at [ShellAsk $at \
        [ShellFile $arguments][ShellStatText $at 1]]]
}

# Script text that gives the path in variable NAME the attributes ATTR, of a
# link itself where FOLLOW is 0. In an order in which nothing undoes what came
# before.
proc ::deployer::ShellSetText {attr {follow 1} {name p}} {
    set script ""
    set h [expr {$follow ? "" : "-h "}]
    set file "\"\$$name\""
    if {[dict exists $attr size]} {
        append script "dd if=/dev/null of=$file bs=1 seek=[dict get $attr \
            size] count=0 || exit 1\n"
    }
    if {[dict exists $attr uid]} {
        append script "chown $h[dict get $attr uid]:[dict get $attr gid]\
            $file || exit 1\n"
    }
    if {[dict exists $attr mode]} {
        append script [format "chmod %04o %s || exit 1\n" \
            [expr {[dict get $attr mode] & 0o7777}] $file]
    }
    foreach {name option} {atime a mtime m} {
        if {[dict exists $attr $name]} {
            append script "TZ=UTC0 touch $h-$option -t [clock format \
                [dict get $attr $name] -gmt 1 -format %Y%m%d%H%M.%S]\
                $file || exit 1\n"
        }
    }
    return $script
}

proc ::deployer::ShellDo_setstat {at arguments {follow 1}} {
    if {[dict exists $arguments file]} {
        set script [ShellFile $arguments]
    } else {
        set script [ShellPath p [dict get $at path]]
    }
    append script [ShellThere [expr {$follow ? "-L" : ""}]]
    if {[dict exists $arguments attr]} {
        append script [ShellSetText [dict get $arguments attr] $follow]
    }
    ShellAsk $at $script
    return
}

proc ::deployer::ShellDo_lsetstat {at arguments} {
    tailcall ShellDo_setstat $at $arguments 0
}

proc ::deployer::ShellDo_fsetstat {at arguments} {
    tailcall ShellDo_setstat $at $arguments
}

# Script text that ends with what the system says where $p is not there.
proc ::deployer::ShellThere {{option {}}} {
    return "\[ -e \"\$p\" ] || ls -d $option \"\$p\" >/dev/null || exit 1\n"
}

proc ::deployer::ShellDo_statvfs {at arguments} {
    set script [ShellPath p [dict get $at path]]
    if {[ShellTool $at statvfs] ne ""} {
        append script {stat -f -c "%S %s %b %f %a %c %d %l" "$p"}
        lassign [ShellAsk $at $script] fragment block blocks free available \
            files filesfree namemax
        return [list fragmentsize $fragment blocksize $block blocks $blocks \
            free $free available $available files $files filesfree $filesfree \
            filesavailable $filesfree namemax $namemax]
    }
    append script {df -Pk "$p"}
    # The name of the device may have spaces; the numbers have none.
    set line [lindex [split [string trim [ShellAsk $at $script]] \n] end]
    if {![regexp {\s(\d+)\s+(\d+)\s+(\d+)\s+\S+%} $line -> all used free]} {
        Fail [list FILE ENOTSUP [dict get $at slug] [dict get $at path]] ""
    }
    return [list fragmentsize 1024 blocksize 1024 blocks $all free \
        [expr {$all - $used}] available $free namemax 255]
}

# --- directories ---

proc ::deployer::ShellDo_list {at arguments} {
    set script [ShellPath p [string trimright [dict get $at path] /]/]
    if {[ShellTool $at find] eq "printf"} {
        append script {find "$p" -mindepth 1 -maxdepth 1 -printf } \
            {'%f\0%y %m %s %U %G %A@ %T@ %C@ %i %D %n\0'}
        set outcome [ShellRun [dict get $at host] [dict get $at key] $script]
        if {[dict get $outcome status] && ![ShellVanished $outcome]} {
            ShellFail $at $outcome
        }
        return [ShellFound [dict get $outcome stdout]]
    }
    # In the order of the names, each its line of attributes. Where something
    # went away in between, all are asked one by one.
    append script {ls "$p" >/dev/null || exit 1
        cd "$p" || exit 1
        set --
        for f in ./* ./.[!.]* ./..?*; do
        if [ -e "$f" ] || [ -L "$f" ]; then set -- "$@" "$f"; fi; done
        for f; do printf '%s\0' "$f"; done
        printf '\0'
        [ $# = 0 ] || }
    set stat [ShellStatText $at 0 {"$@"}]
    if {[ShellTool $at stat] in {gnu bsd}} {
        # There may be too many for one command.
        set stat [string map {{stat } {printf '%s\0' "$@" | xargs -0 stat } \
            { "$@"} {}} [ShellStatText $at 0 {"$@"}]]
    }
    append script "{ $stat } 2>/dev/null || :"
    set text [ShellAsk $at $script]
    set end [string first \0\0 \0$text]
    set names [split [string range $text 0 $end-2] \0]
    set lines [split [string trimright [string range $text $end+1 end] \n] \n]
    if {$end == 0} {
        return {}
    }
    set entries {}
    if {[llength $names] == [llength $lines]} {
        foreach name $names line $lines {
            lappend entries [encoding convertfrom utf-8 \
                [string range $name 2 end]] [ShellAttr $at $line]
        }
        return $entries
    }
    set dir [string trimright [dict get $at path] /]
    foreach name $names {
        set name [encoding convertfrom utf-8 [string range $name 2 end]]
        try {
            lappend entries $name \
                [ShellDo_lstat [dict replace $at path $dir/$name] {}]
        } trap {DEPLOYER FILE ENOENT} {} {
        }
    }
    return $entries
}

# Whether some entries of a list went away in between, and nothing else failed.
proc ::deployer::ShellVanished outcome {
    if {[dict get $outcome stdout] eq ""} {
        return 0
    }
    foreach line [split [string trim [dict get $outcome stderr]] \n] {
        if {![string match "*No such file or directory" $line]} {
            return 0
        }
    }
    return 1
}

# The entries in TEXT, as `find -printf` gives them.
proc ::deployer::ShellFound text {
    set types {f 0o100000 d 0o040000 l 0o120000 p 0o010000 s 0o140000
        b 0o060000 c 0o020000}
    set entries {}
    foreach {name line} [split [string range $text 0 end-1] \0] {
        lassign $line type perms size uid gid atime mtime ctime ino dev nlink
        scan $perms %o mode
        if {[dict exists $types $type]} {
            set mode [expr {$mode | [dict get $types $type]}]
        }
        set attr [list mode $mode size $size uid $uid gid $gid]
        foreach key {atime mtime ctime} value [list $atime $mtime $ctime] {
            lappend attr $key [expr {int(floor($value))}]
        }
        lappend entries [encoding convertfrom utf-8 $name] \
            [lappend attr ino $ino dev $dev nlink $nlink]
    }
    return $entries
}

proc ::deployer::ShellDo_mkdir {at arguments} {
    set script [ShellPath p [dict get $at path]]
    if {[dict exists $arguments attr mode]} {
        append script [format "u=\$(umask)\nm=\$(printf %%04o\
            \$((0%o & ~\$u)))\nmkdir -m \$m \"\$p\"" \
            [expr {[dict get $arguments attr mode] & 0o7777}]]
    } else {
        append script {mkdir "$p"}
    }
    ShellAsk $at $script
    return
}

proc ::deployer::ShellDo_rmdir {at arguments} {
    ShellAsk $at "[ShellPath p [dict get $at path]]rmdir \"\$p\""
    return
}

proc ::deployer::ShellDo_unlink {at arguments} {
    set script [ShellPath p [dict get $at path]]
    if {[ShellTool $at unlink] ne ""} {
        append script {unlink "$p"}
    } else {
        append script {[ -L "$p" ] || ls -d "$p" >/dev/null || exit 1
            rm -f "$p"}
    }
    ShellAsk $at $script
    return
}

# Script text that renames $p to $q. BusyBox has a -T, too, but its mv refuses
# then to replace a link to a directory.
proc ::deployer::ShellRename {at} {
    if {[ShellTool $at mv] ne ""} {
        return {mv -f -T "$p" "$q"}
    }
    # Never into a directory that is there.
    return {if [ -d "$q" ] && [ ! -L "$q" ]; then
        if [ -d "$p" ] && [ ! -L "$p" ]; then rmdir "$q" || exit 1
        else echo "$q: Is a directory" >&2; exit 1; fi
        elif [ -d "$q" ]; then rm -f "$q"; fi
        mv -f "$p" "$q"}
}

proc ::deployer::ShellDo_rename {at arguments} {
    set script [ShellPath p [dict get $at path]]
    append script [ShellPath q [dict get $arguments path2]] \
        [ShellOneDisk $at] [ShellRename $at]
    ShellAsk $at $script
    return
}

# Script text that refuses to rename $p to a directory of another file system:
# mv would copy it, and have removed what was there should that fail. Of files
# themselves overlays tell other numbers.
proc ::deployer::ShellOneDisk at {
    set option [string map {gnu -c bsd -f perl {} ls {}} [ShellTool $at stat]]
    if {$option eq ""} {
        return ""
    }
    return [string map [list OPTION $option] {
        if [ "${p%/*}" != "${q%/*}" ]; then
        set -- $(stat OPTION %d "${p%/*}/" "${q%/*}/" 2>/dev/null)
        if [ $# = 2 ] && [ "$1" != "$2" ]; then
        echo "$q: Invalid cross-device link" >&2; exit 1; fi; fi
    }]
}

# Script text that makes a link at $q and refuses to make it inside of $q.
proc ::deployer::ShellLinkText {at options text} {
    if {[ShellTool $at ln] ne ""} {
        return "ln $options-T -- $text \"\$q\""
    }
    return "if \[ -e \"\$q\" ] || \[ -L \"\$q\" ]; then\
        echo \"\$q: File exists\" >&2; exit 1; fi\nln $options-- $text \"\$q\""
}

proc ::deployer::ShellDo_link {at arguments} {
    set script [ShellPath p [dict get $at path]]
    append script [ShellPath q [dict get $arguments path2]] \
        [ShellLinkText $at {} {"$p"}]
    ShellAsk $at $script
    return
}

proc ::deployer::ShellDo_symlink {at arguments} {
    set script [ShellPath q [dict get $at path]]
    append script [ShellSet p [dict get $arguments path2]] \
        [ShellLinkText $at {-s } {"$p"}]
    ShellAsk $at $script
    return
}

proc ::deployer::ShellDo_readlink {at arguments} {
    set script [ShellPath p [dict get $at path]]
    append script {if [ ! -L "$p" ]; then ls -d "$p" >/dev/null || exit 1
        echo "$p: Invalid argument" >&2; exit 1; fi
        readlink -n "$p"}
    return [encoding convertfrom utf-8 [ShellAsk $at $script]]
}

proc ::deployer::ShellDo_realpath {at arguments} {
    set script [ShellPath p [dict get $at path]]
    if {[ShellTool $at readlink] ne ""} {
        append script {readlink -f "$p" && exit
            ls -d "$(dirname "$p")/." >/dev/null || exit 1
            echo "$p: No such file or directory" >&2; exit 1}
    } else {
        append script {n=0
            while [ -L "$p" ] && [ $n -lt 40 ]; do n=$((n + 1))
            l=$(readlink "$p"; echo .); l=${l%??}
            case $l in /*) p=$l;; *) p=${p%/*}/$l;; esac; done
            if [ -d "$p" ]; then cd "$p" && pwd -P; exit; fi
            d=$(dirname "$p."); ls -d "$d/." >/dev/null || exit 1
            cd "$d" || exit 1; d=$(pwd -P; echo .); d=${d%??}
            printf '%s\n' "${d%/}/${p##*/}"}
    }
    return [encoding convertfrom utf-8 \
        [string range [ShellAsk $at $script] 0 end-1]]
}

# --- files ---

# Script text for the file that was $p when its inode was INODE: opens it anew
# as 3, to which $p leads afterwards. Who may neither read it nor is root gets
# the path alone, but is also nobody whom a link in its place would lead astray.
proc ::deployer::ShellSame inode {
    return [string map [list INODE $inode] {
        if [ -r "$p" ] || [ "$(id -u)" = 0 ]; then
        exec 3<"$p" || exit 1
        set -- $(ls -diL /proc/self/fd/3 2>/dev/null)
        if [ $# != 0 ]; then
        if [ "$1" != INODE ]
        then echo "$p: Stale file handle" >&2; exit 1; fi
        p=/proc/self/fd/3; fi; fi
    }]
}

# Script text that sets $p to the file of the token in ARGUMENTS.
proc ::deployer::ShellFile arguments {
    lassign [dict get $arguments file] path flags inode
    set script [ShellPath p $path]
    if {$inode ne ""} {
        append script [ShellSame $inode]
    }
    return $script
}

# There is no open file between two commands: the token is {PATH FLAGS INODE}.
# Of a file that was made, and which is nobody else's, the inode must stay.
proc ::deployer::ShellDo_open {at arguments} {
    set path [dict get $at path]
    set flags [dict get $arguments flags]
    set script [ShellPath p $path]
    append script {
        if [ -d "$p" ]; then echo "$p: Is a directory" >&2; exit 1; fi
        if [ -p "$p" ]; then
        echo "a pipe: Operation not supported" >&2; exit 1; fi
    }
    set how >>
    if {"truncate" in $flags} {
        set how >
    }
    set make ""
    if {"create" in $flags} {
        set make [ShellMakeText $arguments {[ -e "$p" ] || [ -L "$p" ]} $how]
        if {"exclusive" in $flags} {
            set make [ShellMakeText $arguments false]
        }
    }
    if {$make ne ""} {
        append script $make
    } elseif {"write" in $flags} {
        append script [ShellThere -L] ": $how\"\$p\" || exit 1\n"
    }
    if {"read" in $flags} {
        append script ": <\"\$p\"\n"
    }
    if {"exclusive" in $flags} {
        append script "\[ \"\$f\" = \"\$p\" ] || ls -diL \"\$f\"\n"
    }
    scan [ShellAsk $at $script] " %\[0-9]" inode
    return [list $path $flags [expr {[info exists inode] ? $inode : ""}]]
}

# Script text that makes $p, which must not exist; where the command THERE says
# that it does, it is opened by HOW instead. The mode in ARGUMENTS is under the
# umask, as open(2) has it. What is new stays open as 3, and $f leads there: in
# a directory of somebody else's $p may be a link of theirs a moment later.
proc ::deployer::ShellMakeText {arguments there {how >>}} {
    set mode 0o666
    if {[dict exists $arguments attr mode]} {
        set mode [expr {[dict get $arguments attr mode] & 0o777}]
    }
    set script [format {if %s; then : %s"$p" || exit 1
        else u=$(umask); umask $(printf %%04o $((0%o | $u))); set -C
        exec 3>"$p" || exit 1
        made=1; set +C; umask $u; f=/proc/self/fd/3
        ls -d $f >/dev/null 2>&1 || f=$p
        %s
        fi
        } $there $how [expr {~$mode & 0o777}] \
        [expr {$mode & 0o111 ? [format \
            {chmod $(printf %%04o $((0%o & ~$u))) "$f" || exit 1} $mode] : ""}]]
    return $script
}

# A process that moves no byte places the offset for the one behind it.
proc ::deployer::ShellDo_read {at arguments} {
    set script [ShellFile $arguments]
    set offset [dict get $arguments offset]
    if {$offset > 0} {
        append script "\{ dd bs=1 skip=$offset count=0 of=/dev/null\
            2>/dev/null; "
    } else {
        append script "\{ "
    }
    append script "head -c [dict get $arguments count]; \} <\"\$p\""
    return [ShellAsk $at $script]
}

proc ::deployer::ShellDo_write {at arguments} {
    set flags [lindex [dict get $arguments file] 1]
    set bytes [dict get $arguments bytes]
    set offset [dict get $arguments offset]
    set script [ShellFile $arguments][ShellThere -L]
    if {"append" in $flags} {
        append script {cat >>"$p"}
    } elseif {$offset > 0} {
        append script "\{ dd bs=1 seek=$offset count=0 conv=notrunc\
            </dev/null 2>/dev/null; cat; \} 1<>\"\$p\""
    } else {
        append script {cat 1<>"$p"}
    }
    ShellAsk $at $script $bytes
    return
}

proc ::deployer::ShellDo_fsync {at arguments} {
    ShellAsk $at "[ShellFile $arguments]sync \"\$p\" 2>/dev/null ||\
        fsync \"\$p\" 2>/dev/null || sync"
    return
}

proc ::deployer::ShellDo_close {at arguments} {
    return
}

proc ::deployer::ShellDo_load {at arguments} {
    set most [dict get $arguments count]
    set script [ShellPath p [dict get $at path]]
    append script [ShellThere -L] {
        if [ -d "$p" ]; then echo "$p: Is a directory" >&2; exit 1; fi
        if [ ! -f "$p" ]; then echo "$p: Invalid argument" >&2; exit 1; fi
    } "{ [ShellStatText $at 1]} || exit 1\nhead -c [expr {$most + 1}] <\"\$p\""
    set text [ShellAsk $at $script]
    set end [string first \n $text]
    set attr [ShellAttr $at [string range $text 0 $end-1]]
    set bytes [string range $text $end+1 end]
    if {[string length $bytes] > $most} {
        Fail [list FILE EFBIG [dict get $at slug] [dict get $at path]] ""
    }
    return [list $bytes $attr]
}

# All of it in one command. Whatever cuts it short leaves nothing new: a count
# that is not the right one, a signal, an error.
proc ::deployer::ShellDo_store {at arguments} {
    set bytes [dict get $arguments bytes]
    set attr {}
    if {[dict exists $arguments attr]} {
        set attr [dict remove [dict get $arguments attr] size]
    }
    set make [dict create]
    if {[dict exists $attr mode]} {
        dict set make attr mode 0o600
        if {[dict get $arguments umask]} {
            dict set make attr mode [dict get $attr mode]
            dict unset attr mode
        }
    }
    set temp [expr {[dict exists $arguments path2]
        ? [dict get $arguments path2] : [dict get $at path]}]
    set script [ShellPath p $temp]
    append script [ShellPath q [dict get $at path]]
    append script {made=
        trap 'exit 1' HUP INT TERM PIPE
        trap '[ -z "$made" ] || rm -f "$p"' EXIT
    } [ShellMakeText $make false] {
        cat >&3 || exit 1
    } "n=\$(wc -c <\"\$f\") || exit 1\n\[ \$n -eq [string length $bytes] ] ||\
        \{ echo \"the contents were cut short\" >&2; exit 1; \}\n" \
        [expr {[dict exists $arguments path2] ? [ShellKeepText $at] : ""}] \
        [ShellSetText $attr 1 f] "exec 3>&-\n"
    if {[dict exists $arguments path2]} {
        append script "\{ [ShellRename $at]\n\} || exit 1\n"
    }
    append script "made=\n"
    ShellAsk $at $script $bytes
    return
}

# Script text that gives $f, open as 3, list of access and label of the file $q,
# if that is there. Its mode comes later: that of a list may be another one.
proc ::deployer::ShellKeepText at {
    set acl [expr {[ShellTool $at acl] eq "" ? ":"
        : {getfacl -cpE "$q" | setfacl --set-file=- "$f" || exit 1}}]
    return [string map [list ACL $acl] {
        if [ -f "$q" ] && [ ! -L "$q" ]; then ACL
        if [ -e /sys/fs/selinux/enforce ]; then
        chcon --reference="$q" "$f" || exit 1; fi; fi
    }]
}

# Lists of access and labels; where the first file has none, the second has none
# afterwards. Without the tools a list that `ls` shows is an error. The second
# is never reached by a link.
proc ::deployer::ShellDo_adopt {at arguments} {
    set script [ShellPath q [dict get $at path]]
    append script [ShellPath p [dict get $arguments path2]] {
        l=$(ls -ld "$q") || exit 1
        n=$(ls -di "$p") || exit 1
        n=$(echo "$n" | (read -r i l; echo "$i"))
    } [ShellSame {"$n"}] {
        if getfacl -cpE / >/dev/null 2>&1 && command -v setfacl >/dev/null
        then getfacl -cpE "$q" | setfacl --set-file=- "$p" || exit 1
        else case ${l%% *} in *+)
        echo "$q: Operation not supported" >&2; exit 1;; esac; fi
        if [ -e /sys/fs/selinux/enforce ]; then chcon --reference="$q" "$p"; fi
    }
    ShellAsk $at $script
    return
}

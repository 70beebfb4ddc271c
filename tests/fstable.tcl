# fstable.tcl -- what every kind of file system must do, for all of them.
#
# Layer: tests. fstable::run NAME KIND MAKE makes tests NAME-*.KIND, in the
# namespace that calls it. MAKE is a script that gives a fresh handle of core::fs
# for files of this machine, END one that runs at the end. PATTERNS choose from
# the numbers of the tests.

package require tcltest

namespace eval ::fstable {
    variable Kind ""
    variable Fs ""
    variable Dir ""

    # The result of `core::fs OP` for the file system under test, or "POSIXNAME"
    # of its error.
    proc do {op args} {
        variable Fs
        set w [::deployer::core::fs $op $Fs {*}$args]
        try {
            return [::deployer::Await $w]
        } trap {DEPLOYER FILE} {message options} {
            return [lindex [dict get $options -errorcode] 2]
        }
    }

    # Chosen attributes of a result.
    proc pick {attr args} {
        if {[llength $attr] == 1} {
            return $attr
        }
        set result {}
        foreach key $args {
            if {![dict exists $attr $key]} {
                lappend result none
            } elseif {$key eq "mode"} {
                lappend result [format %o [dict get $attr mode]]
            } else {
                lappend result [dict get $attr $key]
            }
        }
        return $result
    }

    proc put {path bytes} {
        set channel [open $path wb]
        puts -nonewline $channel $bytes
        close $channel
    }

    proc get path {
        set channel [open $path rb]
        set bytes [read $channel]
        close $channel
        return $bytes
    }

    # All byte values, many times over, with no period of a block.
    proc bytes count {
        set all ""
        for {set i 0} {$i < 256} {incr i} {
            append all [format %c $i]
        }
        append all [string range $all 0 250] [string range $all 0 100]
        return [string range \
            [string repeat $all [expr {$count / 600 + 1}]] 0 $count-1]
    }

    # Runs BODY in a fresh directory DIR with the file system FS.
    proc within {body} {
        variable Dir
        file delete -force $Dir
        file mkdir $Dir
        set dir $Dir
        variable Kind
        set kind $Kind
        return [eval $body]
    }
}

proc fstable::run {name kind make {end {}} {patterns *}} {
    variable Kind $kind
    variable Dir [::kit::tempDir]/t
    variable Fs [uplevel 1 $make]
    variable Table
    foreach {number description constraints body result} $Table {
        if {![llength [lmap pattern $patterns {
            if {![string match $pattern $number]} continue
            set number
        }]]} {
            continue
        }
        ::tcltest::test $name-$number.$kind $description \
            -constraints $constraints \
            -body [list ::fstable::within $body] -result $result
    }
    ::deployer::core::fs close $Fs
    uplevel 1 $end
    # A test may have left a directory that nobody may enter.
    file delete -force [file dirname $Dir]
}

# Number, description, constraints, body and result; in the body are $dir, $kind
# and the commands above.
set fstable::Table {
    1.1 {attributes of a file} {} {
        put $dir/a hello
        file attributes $dir/a -permissions 0640
        file mtime $dir/a 1000000000
        file stat $dir/a stat
        set attr [do stat $dir/a]
        list [pick $attr size mode] \
            [expr {[pick $attr uid gid] eq "$stat(uid) $stat(gid)"}] \
            [expr {[pick $attr mtime] in {1000000000 none}}]
    } {{5 100640} 1 1}

    1.2 {a link, and what it points to} {} {
        put $dir/a hello
        exec ln -s a $dir/l
        list [pick [do lstat $dir/l] mode size] [pick [do stat $dir/l] size]
    } {{120777 1} 5}

    1.3 {a link to nothing} {} {
        exec ln -s none $dir/l
        list [pick [do lstat $dir/l] mode] [do stat $dir/l]
    } {120777 ENOENT}

    1.4 {what is not there, or not a directory} {} {
        put $dir/a hello
        # OpenSSH's server does not tell the two apart.
        list [do stat $dir/none] [do lstat $dir/none] \
            [expr {[do stat $dir/a/b] in {ENOTDIR ENOENT}}] \
            [do stat $dir/[string repeat x 300]]
    } {ENOENT ENOENT 1 ENAMETOOLONG}

    1.5 {setting mode and times} {} {
        put $dir/a hello
        do setstat $dir/a {mode 0o600 mtime 1234567890 atime 1234567891}
        file stat $dir/a stat
        list [format %o $stat(mode)] $stat(mtime) $stat(atime)
    } {100600 1234567890 1234567891}

    1.6 {setting the size, shorter and longer} {} {
        put $dir/a hello
        do setstat $dir/a {size 3}
        set short [get $dir/a]
        do setstat $dir/a {size 5000000000}
        list $short [file size $dir/a] [do setstat $dir/none {size 3}] \
            [file exists $dir/none]
    } {hel 5000000000 ENOENT 0}

    1.7 {owner first, then mode: set-uid bits are kept} {root} {
        put $dir/a hello
        file attributes $dir/a -permissions 0644
        do setstat $dir/a {uid 1 gid 2}
        set first [pick [do stat $dir/a] uid gid mode]
        do setstat $dir/a {uid 3 gid 4 mode 0o4711}
        list $first [pick [do stat $dir/a] uid gid mode]
    } {{1 2 100644} {3 4 104711}}

    1.8 {times and owner of a link itself} {root} {
        put $dir/a hello
        file mtime $dir/a 1000000000
        exec ln -s a $dir/l
        list [do lsetstat $dir/l {mtime 1234567890 uid 3 gid 4}] \
            [pick [do lstat $dir/l] uid gid] [file mtime $dir/a] \
            [expr {[pick [do lstat $dir/l] mtime] in {1234567890 none}}]
    } {{} {3 4} 1000000000 1}

    1.9 {setting attributes of what is not there makes nothing} {} {
        list [do setstat $dir/none {mode 0o600}] \
            [do setstat $dir/none {mtime 1}] [glob -nocomplain $dir/*]
    } {ENOENT ENOENT {}}

    1.10 {space} {} {
        set space [do statvfs $dir]
        list [expr {[dict get $space blocks] > 0}] \
            [expr {[dict get $space fragmentsize] >= 512}] \
            [expr {[dict get $space available] <= [dict get $space blocks]}] \
            [do statvfs $dir/none]
    } {1 1 1 ENOENT}

    2.1 {a directory, its entries, sorted} {} {
        foreach name {b c A .hid ..more} {
            put $dir/$name $name
        }
        file attributes $dir/b -permissions 0604
        file mkdir $dir/sub
        exec ln -s none $dir/l
        set list [do list $dir]
        list [dict keys $list] [pick [dict get $list b] size mode] \
            [expr {[pick [dict get $list sub] nlink] in {2 none}}] \
            [format %o [expr {[dict get $list l mode] & 0o170000}]]
    } {{..more .hid A b c l sub} {1 100604} 1 120000}

    2.2 {an empty directory, a file, nothing} {} {
        put $dir/a hello
        file mkdir $dir/sub
        list [do list $dir/sub] [do list $dir/a] [do list $dir/none]
    } {{} ENOTDIR ENOENT}

    2.3 {a link to a directory is followed} {} {
        file mkdir $dir/sub
        put $dir/sub/x x
        exec ln -s sub $dir/l
        dict keys [do list $dir/l]
    } x

    2.4 {many entries} {} {
        for {set i 0} {$i < 2500} {incr i} {
            close [open $dir/[format "%04d some more of a name" $i] w]
        }
        set list [do list $dir]
        list [dict size $list] [lindex $list 0] [lindex $list end-1] \
            [llength [lsearch -all $list *size*]]
    } {2500 {0000 some more of a name} {2499 some more of a name} 2500}

    2.5 {making directories} {umask} {
        list [do mkdir $dir/a] [do mkdir $dir/b {mode 0o700}] \
            [do mkdir $dir/a] [do mkdir $dir/x/y] \
            [pick [do stat $dir/a] mode] [pick [do stat $dir/b] mode]
    } {{} {} EEXIST ENOENT 40755 40700}

    2.6 {removing directories} {} {
        file mkdir $dir/a/b
        put $dir/f x
        list [do rmdir $dir/a] [do rmdir $dir/a/b] [do rmdir $dir/a] \
            [do rmdir $dir/a] [do rmdir $dir/f] [glob -tails -directory $dir *]
    } {ENOTEMPTY {} {} ENOENT ENOTDIR f}

    2.7 {removing files and links} {} {
        put $dir/a x
        exec ln -s a $dir/l
        exec ln -s none $dir/m
        file mkdir $dir/sub
        list [do unlink $dir/l] [do unlink $dir/m] [file exists $dir/a] \
            [do unlink $dir/a] [do unlink $dir/a] \
            [expr {[do unlink $dir/sub] in {EISDIR EPERM}}] \
            [lmap path [glob $dir/*] {file tail $path}]
    } {{} {} 1 {} ENOENT 1 sub}

    2.8 {renaming replaces a file} {} {
        put $dir/a new
        put $dir/b old
        list [do rename $dir/a $dir/b] [get $dir/b] [file exists $dir/a] \
            [do rename $dir/none $dir/b] [get $dir/b]
    } {{} new 0 ENOENT new}

    2.9 {renaming never moves into a directory} {} {
        put $dir/a x
        file mkdir $dir/d/e $dir/f $dir/g
        list [expr {[do rename $dir/a $dir/d] in {EISDIR}}] \
            [do rename $dir/d $dir/a] [do rename $dir/g $dir/d] \
            [do rename $dir/d $dir/f] [lsort [glob -tails -directory $dir *]] \
            [glob -tails -directory $dir/f *]
    } {1 ENOTDIR ENOTEMPTY {} {a f g} e}

    2.10 {renaming a link, and onto one} {} {
        file mkdir $dir/d
        exec ln -s d $dir/l
        put $dir/a x
        do rename $dir/a $dir/l
        list [file type $dir/l] [glob -nocomplain $dir/d/*]
    } {file {}}

    2.11 {second names} {} {
        put $dir/a x
        file mkdir $dir/d
        list [do link $dir/a $dir/b] [do link $dir/a $dir/b] \
            [do link $dir/none $dir/c] [do link $dir/a $dir/d] \
            [file size $dir/b] [glob -nocomplain $dir/d/*]
    } {{} EEXIST ENOENT EEXIST 1 {}}

    2.12 {symbolic links and their texts} {} {
        file mkdir $dir/d
        set text "-n \\ ä\nb\n"
        list [do symlink $dir/l $text] [expr {[do readlink $dir/l] eq $text}] \
            [do symlink $dir/l x] [do symlink $dir/d x] \
            [glob -nocomplain $dir/d/*]
    } {{} 1 EEXIST EEXIST {}}

    2.13 {reading what is no link} {} {
        put $dir/a x
        list [do readlink $dir/a] [do readlink $dir/none]
    } {EINVAL ENOENT}

    2.14 {absolute paths; the last part may be missing} {} {
        put $dir/a x
        exec ln -s a $dir/l
        set real [exec realpath $dir]
        list [expr {[do realpath $dir/l] eq "$real/a"}] \
            [expr {[do realpath $dir/../t/./a] eq "$real/a"}] \
            [expr {[do realpath $dir/n] eq "$real/n"}] \
            [do realpath $dir/n/x] \
            [string index [do realpath .] 0]
    } {1 1 1 ENOENT /}

    3.1 {storing a new file, and loading it} {} {
        set bytes [bytes 100000]
        set empty [do store $dir/a $bytes]
        lassign [do load $dir/a] loaded attr
        list $empty [expr {$loaded eq $bytes}] [expr {[get $dir/a] eq $bytes}] \
            [pick $attr size] [do store $dir/a x]
    } {{} 1 1 100000 EEXIST}

    3.2 {storing by way of a temporary file} {} {
        put $dir/a old
        list [do store $dir/a new \
                [list temp $dir/.t attr {mode 0o640 mtime 1000000000}]] \
            [get $dir/a] [pick [do stat $dir/a] mode] [file mtime $dir/a] \
            [glob -tails -directory $dir * .t*]
    } {{} new 100640 1000000000 a}

    3.3 {a temporary name that is taken stays as it is} {} {
        put $dir/a old
        put $dir/.t mine
        list [do store $dir/a new [list temp $dir/.t]] [get $dir/a] \
            [get $dir/.t]
    } {EEXIST old mine}

    3.4 {the mode of a new file is under the umask} {umask} {
        list [do store $dir/a x {umask 1 attr {mode 0o777}}] \
            [do store $dir/b x {umask 1 attr {mode 0o666}}] \
            [do store $dir/c x {attr {mode 0o666}}] \
            [do store $dir/d {} {}] \
            [lmap name {a b c d} {pick [do stat $dir/$name] mode}]
    } {{} {} {} {} {100755 100644 100666 100644}}

    3.5 {owner and mode at once} {root} {
        list [do store $dir/a x \
                [list temp $dir/.t attr {uid 3 gid 4 mode 0o4755}]] \
            [pick [do stat $dir/a] uid gid mode]
    } {{} {3 4 104755}}

    3.6 {storing over a directory fails and leaves nothing} {} {
        file mkdir $dir/d/e
        list [do store $dir/d x [list temp $dir/.t]] \
            [lsort [glob -tails -directory $dir * .t*]]
    } {EISDIR d}

    3.7 {storing where there is no directory} {} {
        expr {[do store $dir/none/a x [list temp $dir/none/.t]] in {ENOENT}}
    } 1

    3.8 {loading too much, a directory, nothing, a pipe} {} {
        put $dir/a [bytes 1000]
        file mkdir $dir/d
        exec mkfifo $dir/p
        file attributes $dir/p -permissions 0644
        list [do load $dir/a 999] \
            [string length [lindex [do load $dir/a 1000] 0]] \
            [do load $dir/d] [do load $dir/none]
    } {EFBIG 1000 EISDIR ENOENT}

    3.9 {loading an empty file, and one without a size} {linux} {
        put $dir/a ""
        lassign [do load $dir/a] bytes attr
        lassign [do load /proc/version] version
        list $bytes [pick $attr size] [string match {Linux version*} $version] \
            [do load /proc/version 5]
    } {{} 0 1 EFBIG}

    3.10 {a large file} {} {
        set bytes [bytes 3000001]
        do store $dir/a $bytes [list temp $dir/.t]
        expr {[lindex [do load $dir/a] 0] eq $bytes && [get $dir/a] eq $bytes}
    } 1

    4.1 {reading parts} {} {
        put $dir/a [bytes 100000]
        set all [get $dir/a]
        list [expr {[do read $dir/a 0 100] eq [string range $all 0 99]}] \
            [expr {[do read $dir/a 4097 70001] eq
                [string range $all 4097 74097]}] \
            [expr {[do read $dir/a 99999 10] eq [string index $all end]}] \
            [do read $dir/a 100000 10] [do read $dir/a 200000 10]
    } {1 1 1 {} {}}

    4.2 {writing parts} {} {
        put $dir/a 0123456789
        do write $dir/a 3 abc
        set first [get $dir/a]
        do write $dir/a 12 XY
        list $first [string map {\0 .} [get $dir/a]]
    } {012abc6789 012abc6789..XY}

    4.3 {far behind 4 GiB, unaligned} {} {
        do write $dir/a 5000000001 [bytes 70000] create
        list [file size $dir/a] \
            [expr {[do read $dir/a 5000000001 70000] eq [bytes 70000]}] \
            [expr {[do read $dir/a 4999999999 3] eq "\0\0\0"}]
    } {5000070001 1 1}

    4.4 {making, making exclusively, truncating, appending} {} {
        list [do write $dir/a 0 x] [do write $dir/a 0 one create] \
            [do write $dir/a 0 x {create exclusive}] \
            [do write $dir/a 0 two append] [get $dir/a] \
            [do write $dir/a 0 3 truncate] [get $dir/a] \
            [do write $dir/b 0 x {create exclusive}] [get $dir/b]
    } {ENOENT {} EEXIST {} onetwo {} 3 {} x}

    4.5 {directories are no files} {} {
        file mkdir $dir/d
        list [do read $dir/d 0 10] [do write $dir/d 0 x] \
            [do write $dir/d 0 x create]
    } {EISDIR EISDIR EISDIR}

    4.6 {a full disk} {linux} {
        # A server says "Failure": why, its client has to guess.
        list [expr {[do write /dev/full 0 [bytes 70000]]
            in [list ENOSPC {*}[expr {$kind eq "sftp" ? "EDQUOT" : ""}]]}] \
            [do write /dev/null 0 x]
    } {1 {}}

    4.7 {an endless device} {linux} {
        string length [do read /dev/zero 0 300000]
    } 300000

    5.1 {names that are odd} {} {
        set bad {}
        foreach name [list { a b } -rf --help "new\nline" "end\n" ' {"} \\ {$x} \
                {`id`} * {?} {[a]} ~ ~root {!} {#} {;} & | {a\0041b} %b %% \
                "\x01\x7f" \u00e4\u20ac \u65e5\u672c [string repeat y 255]] {
            set path $dir/$name
            set bytes [encoding convertto utf-8 $name]
            set all [list [do store $path $bytes] [lindex [do load $path] 0] \
                [dict keys [do list $dir]] [do rename $path $dir/other] \
                [do rename $dir/other $path] [do read $path 0 2] \
                [pick [do lstat $path] size] [do unlink $path]]
            set must [list {} $bytes [list $name] {} {} \
                [string range $bytes 0 1] [string length $bytes] {}]
            if {$all ne $must} {
                lappend bad $name $all
            }
        }
        set bad
    } {}

    5.2 {an access list is taken over, and taken away} {setfacl} {
        put $dir/a x
        put $dir/b x
        put $dir/c x
        exec setfacl -m u:1:rw $dir/a
        list [do adopt $dir/a $dir/b] \
            [regexp {user:[^:]+:rw} [exec getfacl -cp $dir/b]] \
            [do adopt $dir/c $dir/b] \
            [regexp {user:[^:]+:rw} [exec getfacl -cp $dir/b]] \
            [do adopt $dir/none $dir/b]
    } {{} 1 {} 0 ENOENT}
}

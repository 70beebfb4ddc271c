# copykit.tcl -- file systems that go wrong, for the tests of transfers.
#
#     set disk [copykit::disk new]
#     set fs [$disk fs]
#     $disk before read {if {[incr n] > 3} {copykit::fail EIO}}
#
# A disk is this machine's, reached by Tcl commands (core::fs script). Scripts
# of `before OP SCRIPT` run before each such operation, in the namespace of
# who gave them, with the variable args (see dpFsScript.h); an error is the
# answer, and so is, by `return -code break`, a value.

namespace eval ::copykit {}

proc ::copykit::fail {name {message {}}} {
    return -code error -errorcode [list DEPLOYER FILE $name fake /] $message
}

# As where the connection is cut.
proc ::copykit::cut {} {
    return -code error -errorcode {DEPLOYER EXEC LOST fake} "the line was cut"
}

oo::class create ::copykit::disk {
    # Files: token -> {channel path}.
    variable Fs Hooks Files Count Log Held Holding

    constructor {{slug fake}} {
        set Hooks {}
        set Files {}
        set Count 0
        set Log {}
        set Held {}
        set Holding {}
        set Fs [::deployer::core::fs script [list [self] op] \
            [list slug $slug]]
    }

    destructor {
        ::deployer::core::fs close $Fs
        dict for {token file} $Files {
            close [lindex $file 0]
        }
    }

    method fs {} {
        return $Fs
    }

    method before {op script} {
        dict set Hooks $op [list [uplevel 1 {namespace current}] $script]
    }

    # Operations that came, and files that are open.
    method log {} {
        return $Log
    }

    method files {} {
        return [dict size $Files]
    }

    # From now on OPS are not answered until `release`.
    method hold args {
        set Holding $args
    }

    method held {} {
        return [llength $Held]
    }

    method release {} {
        set Holding {}
        set held $Held
        set Held {}
        foreach {w op args} $held {
            my Answer $w $op $args
        }
    }

    method op {op args} {
        set w [::deployer::core::waiter new]
        set args [lindex $args 0]
        lappend Log $op
        if {$op in $Holding} {
            lappend Held $w $op $args
        } else {
            my Answer $w $op $args
        }
        return $w
    }

    method Answer {w op args} {
        set args [lindex $args 0]
        set code 0
        if {[dict exists $Hooks $op]} {
            lassign [dict get $Hooks $op] space script
            set code [catch {apply [list args $script $space] {*}$args} \
                result options]
        }
        if {$code == 3} {
            ::deployer::core::waiter finish $w $result
            return
        }
        if {$code != 1} {
            set code [catch {my $op $args} result options]
        }
        if {$code != 1} {
            ::deployer::core::waiter finish $w $result
            return
        }
        set errorcode [dict get $options -errorcode]
        if {[lindex $errorcode 0] eq "POSIX"} {
            set errorcode [list DEPLOYER FILE [lindex $errorcode 1] fake /]
            set result [lindex $errorcode 2]
        } elseif {[lindex $errorcode 0] ne "DEPLOYER"} {
            puts stderr [dict get $options -errorinfo]
        }
        ::deployer::core::waiter finish $w $result \
            [list -code 1 -level 0 -errorcode $errorcode]
    }

    method Facts {array} {
        upvar 1 $array facts
        set attributes {}
        foreach name {size uid gid mode atime mtime ctime ino dev nlink} {
            dict set attributes $name $facts($name)
        }
        return $attributes
    }

    method stat args {
        file stat [dict get [lindex $args 0] path] facts
        return [my Facts facts]
    }

    method lstat args {
        file lstat [dict get [lindex $args 0] path] facts
        return [my Facts facts]
    }

    method list args {
        set path [dict get [lindex $args 0] path]
        set entries {}
        # An error of its own where it is no directory.
        file stat $path/. facts
        foreach name [glob -nocomplain -directory $path -tails * .*] {
            if {$name ni {. ..}} {
                file lstat $path/$name facts
                lappend entries $name [my Facts facts]
            }
        }
        return $entries
    }

    method mkdir args {
        exec mkdir -- [dict get [lindex $args 0] path]
        return
    }

    method rmdir args {
        file delete [dict get [lindex $args 0] path]
        return
    }

    method unlink args {
        set path [dict get [lindex $args 0] path]
        file lstat $path facts
        file delete $path
        return
    }

    method rename args {
        set args [lindex $args 0]
        exec mv -fT -- [dict get $args path] [dict get $args path2]
        return
    }

    method readlink args {
        return [file readlink [dict get [lindex $args 0] path]]
    }

    method realpath args {
        return [file normalize [dict get [lindex $args 0] path]]
    }

    method symlink args {
        set args [lindex $args 0]
        exec ln -s -- [dict get $args path2] [dict get $args path]
        return
    }

    method setstat args {
        set args [lindex $args 0]
        my Set [dict get $args path] [dict get $args attr]
    }

    method Set {path attributes} {
        if {[dict exists $attributes mode]} {
            file attributes $path -permissions \
                [format 0%o [expr {[dict get $attributes mode] & 0o7777}]]
        }
        if {[dict exists $attributes size]} {
            set channel [open $path r+]
            chan truncate $channel [dict get $attributes size]
            close $channel
        }
        if {[dict exists $attributes mtime]} {
            file mtime $path [dict get $attributes mtime]
        }
        return
    }

    method open args {
        set args [lindex $args 0]
        set access {}
        set flags [dict get $args flags]
        foreach {flag word} {create CREAT truncate TRUNC exclusive EXCL} {
            if {$flag in $flags} {
                lappend access $word
            }
        }
        lappend access [expr {"write" in $flags ? "RDWR" : "RDONLY"}]
        set channel [::open [dict get $args path] $access 0600]
        chan configure $channel -translation binary
        set token file[incr Count]
        dict set Files $token [list $channel [dict get $args path]]
        return $token
    }

    method read args {
        set args [lindex $args 0]
        set channel [my Open $args 0]
        seek $channel [dict get $args offset]
        return [::read $channel [dict get $args count]]
    }

    method write args {
        set args [lindex $args 0]
        set channel [my Open $args 0]
        seek $channel [dict get $args offset]
        puts -nonewline $channel [dict get $args bytes]
        flush $channel
        return
    }

    method fstat args {
        file stat [my Open [lindex $args 0] 1] facts
        return [my Facts facts]
    }

    method fsetstat args {
        set args [lindex $args 0]
        my Set [my Open $args 1] \
            [dict get $args attr]
    }

    method close args {
        set token [dict get [lindex $args 0] file]
        ::close [lindex [dict get $Files $token] 0]
        dict unset Files $token
        return
    }

    method Open {args index} {
        return [lindex [dict get $Files [dict get $args file]] $index]
    }

    method load args {
        set args [lindex $args 0]
        set path [dict get $args path]
        file stat $path facts
        if {$facts(type) ne "file"} {
            ::copykit::fail EISDIR
        }
        set bytes [::copykit::read $path]
        if {[string length $bytes] > [dict get $args count]} {
            ::copykit::fail EFBIG
        }
        return [list $bytes [my Facts facts]]
    }

    method store args {
        set args [lindex $args 0]
        set path [dict get $args path]
        set made $path
        if {[dict exists $args path2]} {
            set made [dict get $args path2]
        }
        set channel [::open $made {WRONLY CREAT EXCL} 0600]
        chan configure $channel -translation binary
        puts -nonewline $channel [dict get $args bytes]
        ::close $channel
        if {[dict exists $args attr]} {
            my Set $made [dict get $args attr]
        }
        if {$made ne $path} {
            exec mv -fT -- $made $path
        }
        return
    }

    method Missing args {
        ::copykit::fail ENOTSUP
    }
    foreach op {lsetstat link statvfs fsync adopt} {
        forward $op my Missing
    }
    unset -nocomplain op
    export op
}

# What a transfer comes to: its counts without seconds, or {message code
# failures}.
proc ::copykit::copy {fs src fs2 dst {opts {}}} {
    return [end [::deployer::core::copy start $fs $src $fs2 $dst $opts]]
}

proc ::copykit::end h {
    set w [::deployer::core::copy wait $h]
    set failed [catch {::deployer::Await $w} result options]
    catch {::deployer::core::copy close $h}
    if {$failed} {
        return [list $result [lrange [dict get $options -errorcode] 1 2] \
            [expr {[dict exists $options -failures]
                ? [dict get $options -failures] : ""}]]
    }
    return [short $result]
}

# Counts that are not 0.
proc ::copykit::short counts {
    set short {}
    foreach name {files dirs links bytes skipped special failed resumed} {
        if {[dict get $counts $name]} {
            dict set short $name [dict get $counts $name]
        }
    }
    return $short
}

proc ::copykit::write {path bytes {mode 0644}} {
    set channel [open $path w]
    chan configure $channel -translation binary
    puts -nonewline $channel $bytes
    close $channel
    file attributes $path -permissions $mode
}

proc ::copykit::read path {
    set channel [open $path]
    chan configure $channel -translation binary
    set bytes [::read $channel]
    close $channel
    return $bytes
}

# So many bytes without any repetition of length 1 MiB, from SEED.
proc ::copykit::bytes {count {seed 1}} {
    set block {}
    expr {srand($seed)}
    for {set i 0} {$i < 4096} {incr i} {
        append block [binary format i [expr {int(rand() * 2147483647)}]]
    }
    set bytes {}
    for {set i 0} {[string length $bytes] < $count} {incr i} {
        append bytes $block [binary format i $i]
    }
    return [string range $bytes 0 $count-1]
}

# All below DIR: lines of type, mode, and size or text, sorted by name.
proc ::copykit::tree dir {
    set lines {}
    foreach name [lsort [glob -nocomplain -directory $dir -tails * .*]] {
        if {$name in {. ..}} continue
        set path $dir/$name
        file lstat $path facts
        switch $facts(type) {
            link {
                lappend lines "$name -> [file readlink $path]"
            }
            directory {
                lappend lines "$name/"
                foreach line [tree $path] {
                    lappend lines "$name/$line"
                }
            }
            default {
                lappend lines "$name $facts(size)"
            }
        }
    }
    return $lines
}

# openkit.tcl -- what the tests of open share; sourced inside of runtests.
#
# Hosts by each way to files: vialocal, viasftp, viashell; kinds are those that
# this machine has. dir is a fresh directory.

namespace path ::deployer

variable dir [tempDir]

# {message errorcode} of a script that must fail.
proc Failure {script} {
    if {![catch {uplevel 1 $script} message options]} {
        return [list "no error" $message]
    }
    return [list $message [dict get $options -errorcode]]
}

proc Code {script} {
    return [lindex [uplevel 1 [list Failure $script]] 1]
}

proc Write {path {text text}} {
    set channel [open $path wb]
    puts -nonewline $channel $text
    close $channel
    return $path
}

proc Read {path} {
    set channel [open $path rb]
    set text [read $channel]
    close $channel
    return $text
}

# All names in a directory, also of what should not be there.
proc Names {path} {
    return [split [exec ls -A $path] \n]
}

proc Mode {path} {
    return [format %o [expr {[dict get [Stat $path] mode] & 07777}]]
}
proc Stat {path} {
    file lstat $path stat
    return [array get stat]
}

# What bytes of a large file are: the same everywhere, no period of 2^n.
proc Pattern {size} {
    set unit ""
    for {set i 0} {$i < 9973} {incr i} {
        append unit [binary format S [expr {($i * 7919) & 0xffff}]]
    }
    return [string range [string repeat $unit \
            [expr {$size / 19946 + 1}]] 0 $size-1]
}

# The file system of a host, as other commands of the package take it.
proc Fs {host} {
    return [[info object namespace $host]::my Fs]
}

# Without any sftp-server where they are looked for.
proc WithoutServers {script} {
    set servers $::deployer::SftpServers
    set ::deployer::SftpServers /nonexistent/sftp-server
    try {
        uplevel 1 $script
    } finally {
        set ::deployer::SftpServers $servers
    }
}

localhost create vialocal
exechost create viasftp -command {/bin/sh -c %s}
exechost create viashell -command {/bin/sh -c %s}
variable kinds vialocal
if {[lsearch -exact [lmap path $::deployer::SftpServers {
    file executable $path
}] 1] >= 0} {
    lappend kinds viasftp
}
lappend kinds viashell
WithoutServers {
    viashell exists /
}

# At the end of a file.
proc Over {} {
    variable dir
    variable kinds
    file delete -force $dir $dir.tcl
    foreach kind {vialocal viasftp viashell} {
        $kind destroy
    }
}

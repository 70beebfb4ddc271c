# sftpkit.tcl -- what tests of SFTP share.
#
# Layer: tests. Sourced inside of the body of runtests:
#
#     source [file join [kit::testsDir] sftpkit.tcl]
#     ...
#     SftpEnd

variable Dir [tempDir]
variable Farm [sshd::farm new -count 1]
variable Program ""
foreach path {
    /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server
    /usr/lib/ssh/sftp-server /usr/libexec/sftp-server
} {
    if {[file executable $path]} {
        set Program $path
    }
}
testConstraint sftpServer [expr {$Program ne ""}]
# Servers of OpenSSH before 8.5 lack some of the extensions.
testConstraint utf8 [expr {[encoding system] eq "utf-8"}]

proc fs {args} {
    tailcall ::deployer::core::fs {*}$args
}

proc Await w {
    return [::deployer::Await $w]
}

proc Host {args} {
    variable Farm
    return [deployer::sshhost new -slug h {*}[dict merge \
        [dict create -address 127.0.0.2] [$Farm options] $args]]
}

proc Session {host} {
    $host connect
    return [set [info object namespace $host]::Session]
}

# Channels of a session that run.
proc Channels {host} {
    return [dict get [deployer::core::ssh info [Session $host]] channels]
}

# WithFs KIND SCRIPT: runs SCRIPT with Fs set to a file system of the
# server KIND: ssh (in sshd), program.
proc WithFs {kind script} {
    variable Program
    variable Fs
    variable H
    if {$kind eq "ssh"} {
        set H [Host]
        set Fs [fs ssh [Session $H] {slug h}]
    } else {
        set P [deployer::core::spawn [list $Program] {slug h}]
        set Fs [fs sftp $P {slug h}]
    }
    try {
        Await [fs ready $Fs]
        uplevel 1 $script
    } finally {
        fs close $Fs
        if {$kind eq "ssh"} {
            $H destroy
        } else {
            deployer::core::proc close $P
        }
    }
}

# WithFake SERVER SCRIPT: the same with a server that does SERVER (see
# fakesftp.tcl); SCRIPT itself waits for `ready`.
proc WithFake {server script} {
    variable Fs
    variable P [deployer::core::spawn [list [info nameofexecutable] \
        [file join [kit::testsDir] fakesftp.tcl] $server] {slug h}]
    set Fs [fs sftp $P {slug h}]
    try {
        uplevel 1 $script
    } finally {
        fs close $Fs
        deployer::core::proc close $P
    }
}

# Code SCRIPT: the error code without DEPLOYER FILE, or {ok RESULT}. Message
# has the sentence.
proc Code {script} {
    variable Message ""
    set code [catch {uplevel 1 $script} result options]
    if {$code != 1} {
        return [list ok $result]
    }
    set Message $result
    set words [dict get $options -errorcode]
    if {[lrange $words 0 1] ne "DEPLOYER FILE"} {
        return [list other $words $result]
    }
    return [lindex $words 2]
}

# Op OP ?ARG ...?: Code of an operation of Fs.
proc Op {args} {
    variable Fs
    set args [linsert $args 1 $Fs]
    return [Code {Await [fs {*}$args]}]
}

# The bytes of FILE by Fs.
proc Load {file} {
    variable Fs
    return [lindex [Await [fs load $Fs $file]] 0]
}

# Names in DIR, in order.
proc Names {dir} {
    variable Fs
    return [dict keys [Await [fs list $Fs $dir]]]
}

proc Bytes {file} {
    set chan [open $file rb]
    set bytes [read $chan]
    close $chan
    return $bytes
}

proc Write {file bytes} {
    set chan [open $file wb]
    puts -nonewline $chan $bytes
    close $chan
    return $file
}

# A fresh empty directory.
proc Fresh {name} {
    variable Dir
    set dir [file join $Dir $name]
    file delete -force $dir
    file mkdir $dir
    return $dir
}

# Twin of this file.
proc SftpEnd {} {
    variable Farm
    variable Dir
    $Farm destroy
    file delete -force $Dir
}

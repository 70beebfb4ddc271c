# sshd.tcl -- a farm of private OpenSSH servers on loopback addresses, with
# keys and configuration of its own in a temporary directory. Needs only Tcl
# and the programs sshd and ssh-keygen; never touches the user's ~/.ssh.
#
#     set farm [sshd::farm new -count 3]
#     deployer::sshhost create web1 -address [lindex [$farm addresses] 0] \
#         {*}[$farm options]
#     $farm destroy

package require Tcl 8.6

namespace eval ::sshd {}

# Program NAME: its full path, also where PATH lacks the sbin directories; ""
# if there is none.
proc ::sshd::Program {name} {
    foreach dir [concat [split $::env(PATH) :] /usr/local/sbin /usr/sbin /sbin] {
        set path [file join $dir $name]
        if {[file executable $path] && [file isfile $path]} {
            return $path
        }
    }
    return ""
}

# SftpServer: the path of OpenSSH's sftp-server; "" if there is none.
proc ::sshd::SftpServer {} {
    foreach dir {lib/openssh libexec/openssh lib/ssh libexec lib} {
        foreach top {/usr /usr/local} {
            set path [file join $top $dir sftp-server]
            if {[file executable $path]} {
                return $path
            }
        }
    }
    return ""
}

# TempDir: a fresh directory below the system's temporary one.
proc ::sshd::TempDir {} {
    set base [expr {[info exists ::env(TMPDIR)] ? $::env(TMPDIR) : "/tmp"}]
    return [exec mktemp -d [file join $base deployer-XXXXXXXX]]
}

# Processes: dict of process id -> {parent state name session} of all
# processes; empty where there is no /proc.
proc ::sshd::Processes {} {
    set result {}
    foreach dir [glob -nocomplain -directory /proc {[0-9]*}] {
        if {[catch {
            set chan [open $dir/stat]
            set line [read $chan]
            close $chan
        }]} {
            catch {close $chan}
            continue
        }
        if {[regexp {^(\d+) \((.*)\) (\S) (\d+) \d+ (\d+)} $line \
                -> process name state parent session]} {
            dict set result $process [list $parent $state $name $session]
        }
    }
    return $result
}

# Descendants PID: the process ids of all processes below this one.
proc ::sshd::Descendants {process} {
    set all [Processes]
    set result {}
    set pending [list $process]
    while {[llength $pending] > 0} {
        set pending [lassign $pending parent]
        dict for {child fields} $all {
            if {[lindex $fields 0] == $parent} {
                lappend result $child
                lappend pending $child
            }
        }
    }
    return $result
}

# Alive PID: whether it runs (a zombie does not).
proc ::sshd::Alive {process} {
    # It may go after its file was opened.
    if {[catch {ReadFile /proc/$process/stat} line]} {
        return 0
    }
    return [expr {![regexp {\) [ZX] } $line]}]
}

# Until LIMIT SCRIPT: looks every 5 ms until SCRIPT (in the caller) is true;
# 0 if it does not become so within LIMIT milliseconds. Runs no events.
proc ::sshd::Until {limit script} {
    set end [expr {[clock milliseconds] + $limit}]
    while {![uplevel 1 $script]} {
        if {[clock milliseconds] > $end} {
            return 0
        }
        after 5
    }
    return 1
}

proc ::sshd::ReadFile {path} {
    set chan [open $path]
    try {
        return [read $chan]
    } finally {
        close $chan
    }
}

proc ::sshd::AppendFile {path text} {
    set chan [open $path a]
    puts -nonewline $chan $text
    close $chan
}

# Options of a new farm:
#   -count N           so many addresses from 127.0.0.2 on (1)
#   -addresses LIST    these addresses instead
#   -port N            a fixed port instead of a free one
#   -hostkeys LIST     of ed25519 ecdsa rsa (all three)
#   -maxsessions N     MaxSessions (10)
#   -sftp COMMAND      of the subsystem sftp (internal-sftp); "": there is none
#   -athome BOOL       commands begin in the private home directory, not in that
#                      of the user (0); -sftp is a program then
#   -config TEXT       further lines for sshd_config, in front of the others
#                      (the first value of a keyword holds)
#   -start BOOL        start at once (1)
oo::class create ::sshd::farm {
    constructor {args} {
        my variable Options Dir Port Addresses Servers
        set Options [dict merge {
            -count 1 -addresses {} -port 0 -hostkeys {ed25519 ecdsa rsa}
            -maxsessions 10 -sftp internal-sftp -config {} -start 1 -athome 0
        } $args]
        if {[dict get $Options -athome]} {
            dict set Options -sftp [::sshd::SftpServer]
        }
        set Servers {}
        set Port [dict get $Options -port]
        set Addresses [dict get $Options -addresses]
        if {[llength $Addresses] == 0} {
            for {set i 1} {$i <= [dict get $Options -count]} {incr i} {
                lappend Addresses \
                        127.0.[expr {$i / 250}].[expr {$i % 250 + 1}]
            }
        }
        set Dir [::sshd::TempDir]
        # Another user than root, logged in to, must reach authorized_keys.
        file attributes $Dir -permissions 0711
        close [open [file join $Dir authorized_keys] w]
        close [open [file join $Dir known_hosts] w]
        foreach type [dict get $Options -hostkeys] {
            my Keygen [file join $Dir host_$type] $type ""
        }
        my key ed25519
        if {[dict get $Options -start]} {
            my start
        }
    }

    destructor {
        my variable Dir
        my stop
        file delete -force $Dir
    }

    # The directory of keys, configuration and log.
    method dir {} {
        my variable Dir
        return $Dir
    }

    method addresses {} {
        my variable Addresses
        return $Addresses
    }

    method port {} {
        my variable Port
        return $Port
    }

    # Whom to log in as: the user who runs this.
    method user {} {
        return $::tcl_platform(user)
    }

    # The file of the servers' host keys.
    method knownhosts {} {
        my variable Dir
        return [file join $Dir known_hosts]
    }

    # What the servers have logged since the farm was made, all of them in one
    # file. It only grows, also when they are started anew.
    method log {} {
        my variable Dir
        set file [file join $Dir log]
        return [expr {[file exists $file] ? [::sshd::ReadFile $file] : ""}]
    }

    # Process ids of the listening servers.
    method pids {} {
        my variable Servers
        return [dict keys $Servers]
    }

    # Process ids of connections and of all that runs in them.
    method sessions {} {
        return [concat {*}[lmap process [my pids] {
            ::sshd::Descendants $process
        }]]
    }

    # key ?TYPE? ?PASSPHRASE? ?ARG ...?: a private key that the servers let
    # in, made on first use. ARGs go to ssh-keygen, as in -m PEM.
    method key {{type ed25519} {passphrase ""} args} {
        my variable Dir
        set path [file join $Dir user_$type]
        if {$passphrase ne "" || [llength $args] > 0} {
            append path _[format %x [zlib crc32 [list $passphrase $args]]]
        }
        if {![file exists $path]} {
            my Keygen $path $type $passphrase {*}$args
            my authorize $path.pub
        }
        return $path
    }

    # Lets the owner of a public key file in.
    method authorize {file} {
        my variable Dir
        ::sshd::AppendFile [file join $Dir authorized_keys] \
                [::sshd::ReadFile $file]
    }

    # Path of a host's private key; its public one has .pub behind.
    method hostkey {type} {
        my variable Dir
        return [file join $Dir host_$type]
    }

    # Options of deployer::sshhost for a server of the farm, all but -address.
    method options {args} {
        return [dict merge [dict create -port [my port] \
                -username [my user] -keyfile [list [my key]] \
                -knownhosts [my knownhosts] -hostkey strict -agent 0 \
                -config ""] $args]
    }

    # Starts the servers and waits until all of them listen.
    method start {} {
        my variable Port
        if {$::tcl_platform(user) eq "root" && ![file isdirectory /run/sshd]} {
            # sshd's privilege separation wants it; made at boot otherwise.
            file mkdir /run/sshd
            file attributes /run/sshd -permissions 0755
        }
        set fixed [expr {$Port != 0}]
        for {set try 1} {1} {incr try} {
            if {!$fixed} {
                set Port [my FreePort]
            }
            if {![catch {my StartAll} message options]} {
                break
            }
            my stop
            if {$fixed || $try == 5
                    || ![string match "*already in use*" $message]} {
                return -options $options $message
            }
        }
        my WriteKnownHosts
    }

    # Ends the servers and all connections. Port and keys stay, so that
    # `start` brings them back.
    method stop {} {
        my variable Servers
        set processes [concat [my sessions] [my pids]]
        foreach process $processes {
            catch {exec kill -KILL $process}
        }
        ::sshd::Until 5000 {
            expr {[llength [lmap process $processes {
                if {![::sshd::Alive $process]} continue
                set process
            }]] == 0}
        }
        dict for {process chan} $Servers {
            # Ends and reaps the shell that held the server.
            catch {puts $chan ""}
            catch {close $chan}
        }
        set Servers {}
    }

    method Keygen {path type passphrase args} {
        set bits [dict get {ed25519 {} ecdsa {-b 256} rsa {-b 2048}} $type]
        if {"-b" in $args} {
            set bits {}
        }
        exec [::sshd::Program ssh-keygen] -q -t $type {*}$bits -N $passphrase \
                -C deployer-test -f $path {*}$args < /dev/null
    }

    # A port that no one listens on at any of our addresses.
    method FreePort {} {
        my variable Addresses
        for {set try 0} {$try < 50} {incr try} {
            set sockets {}
            set port 0
            set free 1
            foreach address $Addresses {
                if {[catch {socket -server {} -myaddr $address $port} chan]} {
                    set free 0
                    break
                }
                lappend sockets $chan
                set port [lindex [chan configure $chan -sockname] 2]
            }
            foreach chan $sockets {
                close $chan
            }
            if {$free} {
                return $port
            }
        }
        error "no port is free on $Addresses"
    }

    # sshd takes at most 16 addresses in one process.
    method StartAll {} {
        my variable Addresses Servers
        set before [string length [my log]]
        set number 0
        for {set i 0} {$i < [llength $Addresses]} {incr i 16} {
            set group [lrange $Addresses $i $i+15]
            set config [my WriteConfig $number $group]
            dict set Servers {*}[my StartOne $config]
            incr number
        }
        my AwaitListening $before
    }

    method WriteConfig {number addresses} {
        my variable Dir Options Port
        set lines [split [string trim [dict get $Options -config]] \n]
        foreach address $addresses {
            lappend lines "ListenAddress [expr {[string match *:* $address] ?
                    "\[$address\]" : $address}]:$Port"
        }
        foreach type [dict get $Options -hostkeys] {
            lappend lines "HostKey [my hostkey $type]"
        }
        lappend lines "AuthorizedKeysFile [file join $Dir authorized_keys]" \
                "PidFile [file join $Dir pid$number]" \
                "MaxSessions [dict get $Options -maxsessions]" \
                "MaxStartups 1000:30:2000" "LoginGraceTime 60" \
                "UsePAM no" "StrictModes no" "UseDNS no" "PrintMotd no" \
                "PrintLastLog no" "PermitRootLogin yes" \
                "PasswordAuthentication no" "KbdInteractiveAuthentication no" \
                "X11Forwarding no"
        if {[dict get $Options -sftp] ne ""} {
            lappend lines "Subsystem sftp [dict get $Options -sftp]"
        }
        if {[dict get $Options -athome]} {
            lappend lines {ForceCommand cd || exit; if test -n\
                "$SSH_ORIGINAL_COMMAND"; then exec "$SHELL" -c\
                "$SSH_ORIGINAL_COMMAND"; else exec "$SHELL" -l; fi}
        }
        # The start files of the user who runs this are none of our business,
        # and may take longer than the command.
        file mkdir [file join $Dir home]
        lappend lines "SetEnv HOME=[file join $Dir home]"
        set path [file join $Dir config$number]
        file delete $path
        ::sshd::AppendFile $path [join $lines \n]\n
        # From 9.8 on sshd shuts out addresses with many failed log-ins.
        if {![catch {
            exec [::sshd::Program sshd] -t -f $path -o PerSourcePenalties=no
        }]} {
            ::sshd::AppendFile $path "PerSourcePenalties no\n"
        }
        return $path
    }

    # The server is the child of a shell that ends it, and removes our keys,
    # when our end of the pipe closes without a line: none outlives a test that
    # was killed, nor one that Ctrl-C or a closed terminal ended, which that
    # shell hears of as well. Returns process id and channel.
    method StartOne {config} {
        my variable Dir
        set log [file join $Dir log]
        set chan [open |[list sh -c {
            dir=$1
            shift
            "$@" >/dev/null &
            trap '' INT QUIT HUP TERM
            echo $!
            read line || killed=1
            kill $! 2>/dev/null
            wait
            [ -z "$killed" ] || rm -rf "$dir"
        } sh $Dir [::sshd::Program sshd] -D -e -f $config 2>> $log] r+]
        return [list [gets $chan] $chan]
    }

    # BEFORE: how much of the log is older than this start.
    method AwaitListening {before} {
        my variable Addresses Servers
        set wanted [llength $Addresses]
        set listening 0
        set ended 0
        ::sshd::Until 20000 {
            # The processes first: what an ended one logged is complete.
            set ended [expr {[llength [lmap process [dict keys $Servers] {
                if {[::sshd::Alive $process]} continue
                set process
            }]] > 0}]
            set listening [regexp -all {Server listening on} \
                    [string range [my log] $before end]]
            expr {$ended || $listening >= $wanted}
        }
        set log [string range [my log] $before end]
        if {[regexp {Address already in use} $log]} {
            error "sshd: the port is already in use"
        }
        if {$ended || $listening < $wanted} {
            error "sshd did not start: [string trim $log]"
        }
    }

    method WriteKnownHosts {} {
        my variable Addresses Options Port
        set lines {}
        foreach type [dict get $Options -hostkeys] {
            set key [lrange [::sshd::ReadFile [my hostkey $type].pub] 0 1]
            foreach address $Addresses {
                set name [expr {$Port == 22 ? $address : "\[$address\]:$Port"}]
                lappend lines "$name $key"
            }
        }
        set path [my knownhosts]
        file delete $path
        ::sshd::AppendFile $path [join $lines \n]\n
    }
}

# sudotree.tcl -- a tree in which sudo and sshd know users of the tests' own.
#
# Layer: tests. Needs root on Linux, changes nothing on the machine: a mount
# and process namespace of its own holds a copy of /etc with other users,
# sudoers and PAM files, and empty /run, /var/log and /var/lib/sudo. Process 1
# in there is a shell that ends when our pipe to it closes, even when that is
# because the tests were killed; all processes and mounts go with it.
#
#   sudotree::why              "", or why it cannot be had here
#   sudotree::start
#   sudotree::get NAME         port pamport key knownhosts dir
#   sudotree::inside SCRIPT    what a root shell in the tree prints for SCRIPT
#   sudotree::stop
#
# Users, all logging in with the key or with the password `geheim`:
#   dpuser   may sudo everything, with his password (shell: bash)
#   dppty    the same; sudo gives each command a terminal (use_pty)
#   dpfree   may sudo everything without a password (shell: dash)
#   dpdeny   is not in sudoers
#   dpother  somebody to become
#   dpoddsh  the same as dpuser with a login shell that is no POSIX shell: only
#            where there is csh, tcsh or fish (`get oddshell`, else "")
#   dpzsh dptcsh dpfish dpmksh dpash   as dpuser, with the login shell that they
#            are named after, as far as there is one (`get shells`: their names;
#            ash is BusyBox's)
# The sshd on `port` does without PAM; the one on `pamport` uses it and offers
# keyboard-interactive besides.

package require Tcl 8.6

namespace eval sudotree {
    variable State {}
    variable Password geheim
    variable Script {
        # One group, so that bash has read it all before the file goes.
        {
        set -e
        dir=$1 port=$2 pamport=$3
        password=$(cat $dir/password)
        rm $dir/password $dir/tree.sh
        mount --make-rprivate /
        mount -t proc proc /proc
        mount -t tmpfs -o mode=755 tmpfs /run
        mount -t tmpfs -o mode=755 tmpfs /var/log
        mount -t tmpfs -o mode=700 tmpfs /var/lib/sudo
        mkdir /run/sshd /run/etc /run/lock
        cp -a /etc/. /run/etc
        mount --bind /run/etc /etc
        umask 022
        # Without an answer here sudo waits for the name service each time.
        echo "127.0.0.1 localhost $(hostname)" >/etc/hosts
        rm -f /etc/ssh/sshrc /etc/sudoers.d/*
        cat >/etc/sudoers <<END
            Defaults env_reset, !syslog, logfile=/var/log/sudo.log
            Defaults secure_path=/usr/sbin:/usr/bin:/sbin:/bin
            Defaults:dppty use_pty
            Defaults:dpuser,dpfree,dpoddsh !use_pty
            Defaults:dpzsh,dptcsh,dpfish,dpmksh,dpash !use_pty
            root ALL=(ALL:ALL) ALL
            dpuser ALL=(ALL:ALL) ALL
            dppty ALL=(ALL:ALL) ALL
            dpoddsh ALL=(ALL:ALL) ALL
            dpzsh,dptcsh,dpfish,dpmksh,dpash ALL=(ALL:ALL) ALL
            dpfree ALL=(ALL:ALL) NOPASSWD: ALL
END
        chmod 440 /etc/sudoers
        # nodelay: PAM would wait two seconds before it refuses a password.
        for name in sudo sshd; do
            cat >/etc/pam.d/$name <<END
            auth required pam_unix.so nodelay
            account required pam_unix.so
            session required pam_unix.so
            session required pam_limits.so
END
        done
        oddshell=$(command -v tcsh || command -v csh || command -v fish || true)
        if command -v busybox >/dev/null; then
            ln -s "$(command -v busybox)" $dir/ash
        fi
        shells=
        for shell in zsh tcsh fish mksh $dir/ash; do
            if command -v $shell >/dev/null; then
                shells="$shells dp${shell##*/}:$shell"
            fi
        done
        for user in dpuser:bash dppty:bash dpdeny:bash dpother:sh dpfree:dash \
                dpoddsh:$oddshell $shells; do
            shell=${user#*:} user=${user%%:*}
            [ -n "$shell" ] || continue
            useradd -U -M -K MAIL_DIR=/run/lock -s "$(command -v $shell)" \
                -d $dir/home/$user $user 2>/dev/null
            echo "$user:$password" | chpasswd
            cp -r /etc/skel $dir/home/$user
            chown -R $user:$user $dir/home/$user
        done
        cat >$dir/sshd_config <<END
            ListenAddress 127.0.0.1
            HostKey $dir/hostkey
            AuthorizedKeysFile $dir/authorized_keys
            StrictModes no
            PermitRootLogin no
            PasswordAuthentication yes
            UseDNS no
            PrintMotd no
            LogLevel VERBOSE
            MaxStartups 100
            Subsystem sftp internal-sftp
END
        sshd=$(command -v sshd || echo /usr/sbin/sshd)
        # From 9.8 on sshd shuts out addresses with many failed log-ins.
        if $sshd -t -f $dir/sshd_config -o PerSourcePenalties=no 2>/dev/null
        then
            echo "PerSourcePenalties no" >>$dir/sshd_config
        fi
        $sshd -f $dir/sshd_config -E /var/log/sshd.log -p $port \
            -o UsePAM=no -o KbdInteractiveAuthentication=no \
            -o PidFile=/run/sshd.pid
        $sshd -f $dir/sshd_config -E /var/log/sshdpam.log -p $pamport \
            -o UsePAM=yes -o KbdInteractiveAuthentication=yes \
            -o PidFile=/run/sshdpam.pid
        set +e
        trap "" PIPE
        while [ ! -s /run/sshd.pid ] || [ ! -s /run/sshdpam.pid ]; do
            if [ $((tries += 1)) -gt 500 ]; then
                cat /var/log/sshd*.log
                exit 1
            fi
            sleep 0.01
        done
        echo "ready $shells $oddshell"
        while IFS= read -r script; do
            bash -c "$(printf %b "$script")" </dev/null 2>&1
            printf '\n%s\n' "end of answer"
        done
        # Also where the tests were killed and nobody else can.
        rm -rf "$dir"
        exit
        }
    }
}

# Why there can be no tree here; "" where there can.
proc sudotree::why {} {
    if {$::tcl_platform(os) ne "Linux"} {
        return "namespaces are Linux's"
    }
    if {[exec id -u] != 0} {
        return "needs root"
    }
    set ::env(PATH) $::env(PATH):/usr/sbin:/sbin
    foreach program {bash unshare mount useradd chpasswd sudo sshd ssh-keygen} {
        if {[auto_execok $program] eq ""} {
            return "there is no $program"
        }
    }
    if {[catch {
        exec unshare --mount --pid --fork --kill-child=KILL \
            mount -t tmpfs tmpfs /run 2>@1
    } message]} {
        return "no namespaces with mounts here: $message"
    }
    return ""
}

proc sudotree::get {name} {
    variable State
    return [dict get $State $name]
}

proc sudotree::start {} {
    variable State
    variable Script
    variable Password
    set dir [exec mktemp -d /tmp/dpsudo.XXXXXX]
    file attributes $dir -permissions 0755
    file mkdir [file join $dir home]
    exec ssh-keygen -q -t ed25519 -N {} -C sudotree -f [file join $dir key]
    exec ssh-keygen -q -t ed25519 -N {} -C sudotree -f [file join $dir hostkey]
    file copy [file join $dir key.pub] [file join $dir authorized_keys]
    # Not as arguments: tests look for the password among those.
    WriteFile [file join $dir password] $Password
    WriteFile [file join $dir tree.sh] $Script
    set port [FreePort]
    set pamport [FreePort]
    set pipe [open [list |unshare --mount --pid --fork --kill-child=KILL \
        bash [file join $dir tree.sh] $dir $port $pamport 2>@1] r+]
    chan configure $pipe -buffering line
    set State [dict create dir $dir pipe $pipe port $port pamport $pamport \
        key [file join $dir key] oddshell {} shells {}]
    set text ""
    while {[gets $pipe line] >= 0} {
        if {[string match "ready*" $line]} {
            # Pairs of a user and a path, and at last a path.
            dict set State oddshell [lsearch -inline -not [lrange $line 1 end] \
                *:*]
            dict set State shells [lmap pair [lsearch -all -inline \
                [lrange $line 1 end] *:*] {
                string range [lindex [split $pair :] 0] 2 end
            }]
            WriteKnownHosts
            return
        }
        append text $line\n
    }
    stop
    error "the tree for sudo does not start: $text"
}

proc sudotree::WriteFile {path text} {
    set file [open $path w 0600]
    puts -nonewline $file $text
    close $file
}

# A port that is free, below those that the kernel hands out: it is taken some
# time after this, and others ask for ports meanwhile.
proc sudotree::FreePort {} {
    for {set try 0} {$try < 100} {incr try} {
        set port [expr {10000 + int(rand() * 20000)}]
        if {![catch {socket -server list -myaddr 127.0.0.1 $port} socket]} {
            close $socket
            return $port
        }
    }
    error "no port is free: $socket"
}

proc sudotree::WriteKnownHosts {} {
    variable State
    set dir [get dir]
    set file [open [file join $dir hostkey.pub]]
    set key [lrange [gets $file] 0 1]
    close $file
    set knownhosts [file join $dir known_hosts]
    set lines {}
    foreach port [list [get port] [get pamport]] {
        append lines "\[127.0.0.1\]:$port $key\n"
    }
    WriteFile $knownhosts $lines
    dict set State knownhosts $knownhosts
}

# Runs SCRIPT in the tree's own first shell: not over SSH, as root. Blocks.
proc sudotree::inside {script} {
    puts [get pipe] [string map {\\ \\\\ \n \\n} $script]
    set lines {}
    while {[gets [get pipe] line] >= 0 && $line ne "end of answer"} {
        lappend lines $line
    }
    return [string trimright [join $lines \n] \n]
}

proc sudotree::stop {} {
    variable State
    if {$State eq ""} {
        return
    }
    # Process 1 ends at the end of its input, and everything with it.
    catch {close [get pipe]}
    file delete -force [get dir]
    set State {}
}

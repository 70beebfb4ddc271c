# sshhost.tcl -- class deployer::sshhost: a host behind SSH.
#
# Layer T1.

oo::class create ::deployer::sshhost {
    superclass ::deployer::host

    # Session: handle of core::ssh, "" for none. Login: the option values that
    # it was opened with. Retired: sessions opened with older values, on which
    # commands may still run. Serial, Asking: number of a connection -> its
    # session, for questions that come from it.
    variable Slug Shell Posix Session Login Retired Serial Asking

    constructor args {
        set Session ""
        set Login ""
        set Retired {}
        set Serial 0
        set Asking {}
        next {*}$args
    }

    destructor {
        my disconnect
        next
    }

    method DefaultSlug {} {
        set slug [next]
        if {$slug eq ""} {
            return [my Get -address]
        }
        return $slug
    }

    method Options {} {
        return [dict merge [next] {
            -address {address {}} -port {port 22} -username {text {}}
            -password {secret {}} -keyfile {list {}} -key {secret {}}
            -passphrase {secret {}} -agent {bool 1} -gateway {host {}}
            -knownhosts {text {}} -hostkey {ask|strict|accept-new|off {}}
            -config {text ~/.ssh/config} -timeout {seconds 10}
            -keepalive {seconds0 30} -compression {bool 0} -ciphers {text {}}
            -macs {text {}} -kex {text {}} -hostkeyalgorithms {text {}}
            -prompt {command {}}
        }]
    }

    method Configure words {
        set index [lsearch -exact $words -gateway]
        if {$index >= 0 && $index % 2 == 0
                && [lindex $words $index+1] ne ""} {
            ::deployer::Fail {OPTION -gateway} "-gateway is not available yet"
        }
        next $words
    }

    method effective {} {
        set effective [next]
        foreach option {-username -knownhosts -hostkey} {
            if {[dict get $effective $option] eq ""} {
                dict set effective $option [my Default $option]
            }
        }
        return $effective
    }

    # What an option means that is not given.
    method Default option {
        switch -- $option {
            -username {
                return $::tcl_platform(user)
            }
            -knownhosts {
                return [list [::deployer::LocalPath ~/.ssh/known_hosts]]
            }
            -hostkey {
                if {[::deployer::HasTerminal]} {
                    return ask
                }
                return strict
            }
        }
    }

    method connected {} {
        return [expr {$Session ne ""
            && [::deployer::core::ssh state $Session] eq "open"}]
    }

    method disconnect {} {
        set sessions $Retired
        if {$Session ne ""} {
            lappend sessions $Session
        }
        set Session ""
        set Retired {}
        set Asking {}
        next
        foreach session $sessions {
            ::deployer::core::ssh close $session
        }
    }

    # A connection with other options than those of now is not used any more.
    method Refresh values {
        next $values
        set login [dict remove $values \
            -slug -extends -cwd -env -term -sudopassword -data]
        if {$login ne $Login} {
            set Login $login
            if {$Session ne ""} {
                lappend Retired $Session
                set Session ""
            }
            set Shell ""
            set Posix 0
        }
    }

    method SudoPassword {} {
        set password [next]
        if {$password eq ""} {
            return [my Get -password]
        }
        return $password
    }

    method Connect {} {
        if {$Session ne ""} {
            switch [::deployer::core::ssh state $Session] {
                open {
                    return 1
                }
                closed {
                    my Forget $Session
                }
            }
        }
        if {$Session eq ""} {
            set config [my Config]
            incr Serial
            # Where nothing can answer, ways to log in that ask are not tried.
            set asked {}
            if {[my Get -prompt] ne "" || [dict exists $config password]
                    || [::deployer::HasTerminal]} {
                set asked [list [namespace which my] Asked $Serial]
            }
            # The config holds secrets, which an errorstack would show.
            if {[catch {
                ::deployer::core::ssh open $config $asked
            } session options]} {
                ::deployer::Again $session $options
            }
            set Session $session
            dict set Asking $Serial $Session
        }
        set session $Session
        set slug $Slug
        if {[catch {
            ::deployer::AskWhile $session
        } message options]} {
            if {[info exists Session] && $session eq $Session
                    && [::deployer::core::ssh state $session] eq "closed"} {
                my Forget $session
            }
            return -options $options $message
        }
        if {![info exists Session]} {
            ::deployer::Fail [list CONNECT CLOSED $slug] \
                "host $slug was destroyed"
        }
        return 0
    }

    # For each command: quick where there is nothing to do.
    method Reach span {
        if {$Session ne ""
                && [::deployer::core::ssh state $Session] eq "open"} {
            return 1
        }
        next $span
    }

    method Forget session {
        ::deployer::core::ssh close $session
        set Session ""
        dict for {serial other} $Asking {
            if {$other eq $session} {
                dict unset Asking $serial
            }
        }
    }

    method Start {line opts} {
        return [::deployer::core::ssh exec $Session $line $opts]
    }

    method FsStamp {} {
        if {[my connected]} {
            return $Session
        }
        return ""
    }

    method FsTenant {} {
        return $Session
    }

    method FsOwn options {
        return [::deployer::core::fs ssh $Session $options]
    }

    # It would hold a channel as long as there is something to write.
    method FsGuarded {} {
        return 0
    }

    # The subsystem begins in the home directory.
    method FsHomeAsked {key word} {
        if {$key eq "" && $word eq "~" && [my FsKnown {way {}}] in {"" own}} {
            set home [my FsStart ""]
            if {$home ne ""} {
                return $home
            }
        }
        return [next $key $word]
    }

    # The options as core::ssh takes them.
    method Config {} {
        set value {}
        set values [my Values]
        foreach option {
            -address -port -username -password -passphrase -key -agent -hostkey
            -timeout -keepalive -compression -ciphers -macs -kex
            -hostkeyalgorithms -keyfile -knownhosts
        } {
            dict set value [string range $option 1 end] [dict get $values $option]
        }
        if {[dict get $value address] eq ""} {
            ::deployer::Fail {OPTION -address} "host $Slug has no -address"
        }
        foreach option {username hostkey} {
            if {[dict get $value $option] eq ""} {
                dict set value $option [my Default -$option]
            }
        }
        dict set value slug $Slug
        dict set value timeout \
            [expr {round([dict get $value timeout] * 1000)}]
        dict set value keepalive [expr {round([dict get $value keepalive])}]
        dict set value keyfiles [my KeyFiles [dict get $value keyfile] \
            [expr {[dict get $value key] eq ""}]]
        dict set value knownhosts [my KnownHosts [dict get $value knownhosts]]
        dict set value keyfilesgiven \
            [expr {[llength [dict get $value keyfile]] > 0}]
        dict unset value keyfile
        if {[dict get $value agent] && [info exists ::env(SSH_AUTH_SOCK)]} {
            dict set value agentsocket $::env(SSH_AUTH_SOCK)
        }
        # What is empty is not given.
        return [dict filter $value script {key word} {expr {$word ne ""}}]
    }

    # The key files to try: those given, which must be readable, or, where
    # USUAL allows it, OpenSSH's usual ones as far as they exist.
    method KeyFiles {given usual} {
        set files {}
        foreach name $given {
            set file [::deployer::LocalPath $name]
            my CheckFile $file "key file"
            lappend files $file
        }
        if {![llength $given] && $usual} {
            foreach name {id_rsa id_ecdsa id_ed25519} {
                set file [::deployer::LocalPath ~/.ssh/$name]
                if {[file readable $file]} {
                    lappend files $file
                }
            }
        }
        return $files
    }

    method KnownHosts given {
        if {$given eq ""} {
            return [list {*}[my Default -knownhosts] /etc/ssh/ssh_known_hosts]
        }
        set file [::deployer::LocalPath $given]
        if {[file exists $file]} {
            my CheckFile $file "file of known hosts"
        }
        return [list $file]
    }

    method CheckFile {file what} {
        set problem ""
        if {![file exists $file]} {
            set problem {ENOENT "does not exist"}
        } elseif {[file isdirectory $file]} {
            set problem {EISDIR "is a directory"}
        } elseif {![file readable $file]} {
            set problem {EACCES "cannot be read"}
        }
        if {$problem ne ""} {
            lassign $problem name text
            ::deployer::Fail [list FILE $name $Slug $file] \
                "the $what $file of host $Slug $text"
        }
    }

    # A question of a connection, from the event loop; see core::ssh open.
    method Asked {serial id kind info} {
        if {[dict exists $Asking $serial]} {
            ::deployer::AskLater [dict get $Asking $serial] $id $kind \
                [dict replace $info host [my Get -address] slug $Slug] \
                [my Get -prompt]
        }
    }
}

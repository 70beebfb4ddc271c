# localhost.tcl -- class deployer::localhost: this machine.
#
# Layer T1.

oo::class create ::deployer::localhost {
    superclass ::deployer::host
    variable Shell

    constructor args {
        next {*}$args
        # Commands are for the user's shell, as they are on a remote host; one
        # that is no POSIX shell has nothing that says how to use it.
        set shell /bin/sh
        if {[info exists ::env(SHELL)]
                && [file tail $::env(SHELL)] in $::deployer::PosixShells
                && [file executable $::env(SHELL)]} {
            set shell $::env(SHELL)
        }
        my Learn $shell
    }

    method DefaultSlug {} {
        set slug [next]
        if {$slug eq ""} {
            return localhost
        }
        return $slug
    }

    method Connect {} {
        return 0
    }

    method Reach span {
        return 0
    }

    method Start {line opts} {
        if {[dict exists $opts shell]} {
            return [::deployer::core::spawn [list $Shell] $opts]
        }
        return [::deployer::core::spawn [list $Shell -c $line] $opts]
    }

    method FsOwn options {
        return [::deployer::core::fs local $options]
    }

    # Commands begin where this process is.
    method FsStart key {
        return [pwd]
    }

    method FsHomeAsked {key word} {
        if {$key eq "" && $word eq "~" && [info exists ::env(HOME)]
                && [string index $::env(HOME) 0] eq "/"} {
            return $::env(HOME)
        }
        return [next $key $word]
    }
}

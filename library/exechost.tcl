# exechost.tcl -- class deployer::exechost: whatever a local command reaches.
#
# Layer T1.

oo::class create ::deployer::exechost {
    superclass ::deployer::host
    variable Slug Shell Words

    method Options {} {
        return [dict merge [next] {-command {list {}}}]
    }

    method Configure words {
        next $words
        set command [my Own -command]
        if {[llength $command] && [lindex $command 0] ne ""
                && "%s" ni [lindex $command 0]} {
            ::deployer::Fail {OPTION -command} \
                "-command must be a list with the word %s"
        }
    }

    # Where the command names the shell that gets the line, it is known.
    method Refresh values {
        next $values
        set words [dict get $values -command]
        if {[info exists Words] && $words eq $Words} {
            return
        }
        set Words $words
        set Shell ""
        set index [lsearch -exact $words %s]
        if {$index > 1 && [lindex $words $index-1] eq "-c"
                && [file tail [lindex $words $index-2]]
                    in $::deployer::PosixShells} {
            my Learn [lindex $words $index-2]
        }
    }

    method Connect {} {
        if {![llength $Words]} {
            ::deployer::Fail {OPTION -command} "host $Slug has no -command"
        }
        return 0
    }

    method Start {line opts} {
        set argv {}
        if {[dict exists $opts shell]} {
            # The login shell is that of the target, not of this machine.
            set line [my LoginLine]
            dict unset opts shell
        }
        foreach word $Words {
            if {$word eq "%s"} {
                set word $line
            }
            lappend argv $word
        }
        return [::deployer::core::spawn $argv [dict replace $opts beside $Words]]
    }

    method FsStamp {} {
        return $Words
    }
}

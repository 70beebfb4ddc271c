# sync.tcl -- copies a database from one host to another, as a pipe.
#
#     tclsh8.6 examples/sync.tcl
#     tclsh8.6 examples/sync.tcl DUMP LOAD PRODUCTION STAGING
#
# Without arguments: an SQLite database between two servers of a private sshd,
# both gone afterwards. Else DUMP is the command that prints the database, LOAD
# the one that takes it, and the others are ?USER@?ADDRESS?:PORT?, as in
#
#     tclsh8.6 examples/sync.tcl 'mysqldump shop' 'mysql shop' db1 me@staging

package require deployer

namespace eval ::sync {
    source [file join [file dirname [file normalize [info script]]] farm.tcl]

    deployer::service create Sync {
        roles production staging
        property dump
        property load

        # The input of what loads ends once the dump is known to be whole. A
        # dump that breaks off ends the command there instead.
        action sync {} {
            set dump [my hosts one production process [my dump]]
            set load [my hosts one staging process [my load]]
            return [deployer::pipe -checksum sha256 $dump $load]
        }
    }

    # A small database in DIR: what dumps it, and what loads another one.
    proc Example dir {
        exec sqlite3 $dir/production.db << {
            create table fruit (name text, price real);
            insert into fruit values ('apple', 0.4), ('cherry', 3.2);
        }
        return [list \
            [deployer::quote sqlite3 $dir/production.db .dump] \
            [deployer::quote sqlite3 $dir/staging.db]]
    }

    proc Main argv {
        if {[llength $argv] ni {0 4}} {
            error "use: sync.tcl ?DUMP LOAD PRODUCTION STAGING?"
        }
        set dir ""
        lassign $argv dump load
        try {
            if {![llength $argv]} {
                set dir [::sshd::TempDir]
                lassign [Example $dir] dump load
            }
            deployer::define Sync "[list property dump $dump]
                [list property load $load]"
            lassign [::farm::open ::sync {production staging} \
                [lrange $argv 2 3]] production staging
            Sync create ::sync::app \
                -hosts [dict create production $production staging $staging]
            set result [app sync]
            puts "[dict get $result bytes] bytes, SHA-256\
                [string range [dict get $result checksum] 0 15]..."
            if {$dir ne ""} {
                puts [exec sqlite3 $dir/staging.db {select * from fruit}]
            }
        } finally {
            ::farm::close
            if {$dir ne ""} {
                file delete -force $dir
            }
        }
    }
}

if {[catch {::sync::Main $argv} message]} {
    puts stderr "sync: $message"
    exit 1
}

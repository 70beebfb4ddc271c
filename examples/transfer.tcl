# transfer.tcl -- files to hosts, from hosts, and from host to host.
#
#     tclsh8.6 examples/transfer.tcl                  ;# on a private sshd
#     tclsh8.6 examples/transfer.tcl ADDRESS ...
#
# Nothing is done to the hosts but that files are written, and deleted again,
# below .deployer-transfer in the home directory.

package require deployer

namespace eval ::transfer {
    source [file join [file dirname [file normalize [info script]]] farm.tcl]

    # One cell for each host: a site is put there, and its log fetched.
    deployer::service create Site {
        isolate
        property folder .deployer-transfer
        getter place { return "[my folder]/[my host slugs]" }

        action deploy source {
            my host mkdir [my place]
            set counts [my host put -recursive -update checksum \
                $source/. [my place]/site]
            return "[dict get $counts files] new,\
                [dict get $counts skipped] as they were"
        }
        action serve {} {
            my host run "echo served by [my host slugs] >[deployer::quote \
                [my place]/log]"
        }
        action logs folder {
            my host get [my place]/log $folder/%h.log
        }
        action clean {} {
            my host remove -recursive [my folder]
        }
    }

    proc Write {path text} {
        file mkdir [file dirname $path]
        set channel [::open $path w]
        puts $channel $text
        ::close $channel
    }

    proc Read path {
        set channel [::open $path]
        set text [read -nonewline $channel]
        ::close $channel
        return $text
    }

    proc Main addresses {
        set slugs {web1 web2}
        close [file tempfile here]
        file delete $here
        try {
            set hosts [::farm::open ::transfer $slugs $addresses]
            Site create ::transfer::site -hosts [dict create host $hosts]
            foreach page {index about/us about/them} {
                Write $here/site/$page.html "<p>$page</p>"
            }
            try {
                ::farm::show "site deploy" [site deploy $here/site]
                Write $here/site/index.html "<p>welcome</p>"
                ::farm::show "site deploy" [site deploy $here/site]
                site serve
                site logs $here
                puts "logs"
                foreach slug $slugs {
                    puts "    $slug   [Read $here/$slug.log]"
                }
                lassign $hosts first second
                set counts [deployer::copy -recursive \
                    $first [site :web1 place]/site \
                    $second [site :web2 place]/copy]
                puts "copied from web1 to web2: [dict get $counts files] files"
            } finally {
                site clean
            }
        } finally {
            file delete -force $here
            ::farm::close
        }
    }
}

if {[catch {::transfer::Main $argv} message]} {
    puts stderr "transfer: $message"
    exit 1
}

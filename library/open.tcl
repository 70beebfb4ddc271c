# open.tcl -- the verb open: files of a host as Tcl channels.
#
# Layer T1. The channels are made in C (core::file). One that is opened in a job
# is held by an object that dies with the job, and with the channel.

namespace eval ::deployer {
    variable FileVerbs
    dict set FileVerbs open {{-permissions mode} 1 2 \
        "?-permissions OCTAL? PATH ?ACCESS?"}
}

# What is left open when its job ends is closed; what was written there is not
# committed.
oo::class create ::deployer::File {
    variable Channel

    constructor channel {
        set Channel $channel
        ::deployer::core::file own $channel [self]
        set ::deployer::ShownAs([self]) $channel
    }

    destructor {
        unset -nocomplain ::deployer::ShownAs([self])
        # It is gone where its own end brought us here.
        if {![catch {::deployer::core::file abort $Channel}]} {
            catch {chan close $Channel}
        }
    }
}

oo::define ::deployer::host {
    variable Slug

    method open args {
        set opts [::deployer::OpenOptions [self] args]
        return [my FileOpen $opts {*}$args]
    }

    method FileOpen {opts path {access r}} {
        set options {}
        if {[dict exists $opts permissions]} {
            dict set options permissions [dict get $opts permissions]
        }
        if {$access ni {r rb} && "RDONLY" ni $access} {
            # The file system gets its guard first.
            dict set opts write 1
        }
        lassign [my FilePlace $opts $path] fs full
        try {
            set channel [::deployer::Await \
                [::deployer::core::file open $fs $full $access $options]]
        } trap {DEPLOYER FILE ECONNRESET} {message failure} {
            # A file system that died while nobody used it costs one more try.
            if {![info exists Slug] || "EXCL" in $access} {
                return -options $failure $message
            }
            lassign [my FilePlace $opts $path] fs
            set channel [::deployer::Await \
                [::deployer::core::file open $fs $full $access $options]]
        }
        return [::deployer::OwnFile $channel]
    }
}

dict set ::deployer::HostsWords open ::deployer::HostsOpen
::deployer::DefineHostsWord open

proc ::deployer::HostsOpen {view args} {
    set opts [OpenOptions hosts args]
    tailcall ::deployer::HostsCall $view [list FileOpen $opts {*}$args]
}

# As FileOptions; the access mode is looked at once for all hosts.
proc ::deployer::OpenOptions {who argsVar} {
    upvar 1 $argsVar words
    set opts [FileOptions $who open words]
    if {[llength $words] > 1} {
        core::file access [lindex $words 1]
    }
    return $opts
}

# CHANNEL is closed with the job that this code runs in, unless its result names
# it or it is kept.
proc ::deployer::OwnFile channel {
    if {[InJob]} {
        Own [File new $channel]
    }
    return $channel
}

# The object that holds CHANNEL for a job, "" where there is none.
proc ::deployer::FileHolder channel {
    variable ShownAs
    foreach {object shown} [array get ShownAs] {
        if {$shown eq $channel} {
            return $object
        }
    }
    return ""
}

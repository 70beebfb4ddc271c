# mount.tcl -- deployer::mount: the files of a host below a path of this
# process.
#
# Layer T1. The file system is C (core::mount); what stands here connects, asks
# the host who we are there, and translates names of users and groups.

namespace eval ::deployer {
    namespace export mount unmount mounts

    variable MountUsage "deployer::mount HOST PATH ?-sudo? ?-user NAME?\
        ?-cache SECONDS?"
    # {host kind word} -> name or number, of hosts where something is mounted.
    variable MountKnown {}
}

# mount HOST PATH ?-sudo? ?-user NAME? ?-cache SECONDS?: the options may stand
# in front as well. Returns the normalized path.
proc ::deployer::mount args {
    lassign [MountOptions args] sudo user cache
    if {[llength $args] != 2} {
        variable MountUsage
        WrongArgs $MountUsage
    }
    lassign $args host point
    set host [OneHost $host]
    set slug [$host cget -slug]
    MountCheck $slug $point
    set prefix [list ::deployer::MountFs $host $sudo $user]
    set options [list cache $cache data $host \
        names [list ::deployer::MountName $host] \
        guard ::deployer::SandboxMode event [list ::deployer::MountEvent $host]]
    # The first file system is made here, where waiting may yield.
    {*}$prefix
    set ids [MountIds $host $sudo $user]
    if {$ids ne ""} {
        lappend options ids $ids
    }
    return [core::mount add $point $prefix $options]
}

# unmount PATH: the path is one of this machine again.
proc ::deployer::unmount point {
    variable MountKnown
    set before [core::mount list]
    core::mount remove $point
    set left {}
    dict for {point about} [core::mount list] {
        dict set left [dict get $about data] 1
    }
    dict for {point about} $before {
        set host [dict get $about data]
        if {![dict exists $left $host]} {
            dict unset MountKnown $host
        }
    }
    return
}

# mounts: path -> host of what is mounted in this thread.
proc ::deployer::mounts {} {
    set result {}
    dict for {point about} [core::mount list] {
        dict set result $point [dict get $about data]
    }
    return [lsort -stride 2 $result]
}

# Takes the options out of the list in ARGSVAR: {sudo user cache}.
proc ::deployer::MountOptions argsVar {
    upvar 1 $argsVar words
    set sudo 0
    set user ""
    set cache 1
    set plain {}
    while {[llength $words]} {
        set words [lassign $words word]
        switch -glob -- $word {
            -sudo {
                set sudo 1
            }
            -user - -cache {
                if {![llength $words]} {
                    Fail [list OPTION $word] "value for \"$word\" missing"
                }
                set words [lassign $words value]
                if {$word eq "-cache"} {
                    set cache [CheckOption -cache seconds0 $value]
                } else {
                    set user [FileValue -user name $value]
                }
            }
            -- {
                lappend plain {*}$words
                break
            }
            -* {
                Fail [list OPTION $word] "unknown option\
                    \"[Shorten $word 40]\": must be -cache, -sudo, -user or --"
            }
            default {
                lappend plain $word
            }
        }
    }
    if {$user ne "" && !$sudo} {
        Fail {OPTION -user} "-user needs -sudo"
    }
    set words $plain
    return [list $sudo $user $cache]
}

# Something that is there must be an empty directory: what is below would be out
# of sight, but for its symbolic links, which Tcl would follow.
proc ::deployer::MountCheck {slug point} {
    if {$point eq ""} {
        Fail {ARGUMENT {}} "an empty string is no path"
    }
    if {[lindex [file system $point] 0] ne "native"
            || ![file exists $point]} {
        return
    }
    if {![file isdirectory $point]} {
        Fail [list STATE $point] \
            "cannot mount host $slug at $point: that is a file"
    }
    set names [lsearch -all -inline -not -regexp \
        [glob -nocomplain -tails -directory $point -- * .*] {^\.\.?$}]
    if {[llength $names]} {
        Fail [list STATE $point] "cannot mount host $slug at $point: that\
            directory is not empty (choose an empty one, or one that does\
            not exist)"
    }
}

# The handle of a live file system; called again when it has died.
proc ::deployer::MountFs {host sudo user} {
    if {![IsHost $host]} {
        Fail [list HOSTS UNKNOWN $host] "host $host no longer exists"
    }
    return [[info object namespace $host]::my Fs -sudo $sudo -user $user \
        -write 1]
}

# The event of the file PATH of HOST, which was opened through a mount, to write
# if WRITES; "" where nobody listens.
proc ::deployer::MountEvent {host path writes} {
    set span [EventNow]
    if {$span eq "" || ![IsHost $host]} {
        return ""
    }
    return [core::event begin $span file [list host [$host cget -slug] \
        command [list open $path [expr {$writes ? "w" : "r"}]]] {} \
        [[info object namespace $host]::my Hidden {}]]
}

# The numbers of our user and groups there, for `file readable` and the like; ""
# where no command can be run (an account for sftp alone).
proc ::deployer::MountIds {host sudo user} {
    set my [info object namespace $host]::my
    set opts [$my FsOptions [$my FsKey $sudo $user]]
    try {
        set outcome [$my Execute {sh -c 'id -u; id -G'} $opts]
        set ids [regexp -all -inline {\S+} [dict get $outcome stdout]]
    } on error {} {
        return ""
    }
    if {[llength $ids] < 2 || [lsearch -not -regexp $ids {^\d+$}] >= 0} {
        return ""
    }
    return $ids
}

# The name of the user or group (KIND) with number WORD, or the number of the
# one with that name; "" where the host knows none.
proc ::deployer::MountName {host kind word} {
    variable MountKnown
    if {[dict exists $MountKnown $host $kind $word]} {
        return [dict get $MountKnown $host $kind $word]
    }
    if {![IsHost $host]} {
        return ""
    }
    set script {
        f=$1; [ $1 = user ] && f=passwd;
        { getent $f "$2" 2>/dev/null || cat /etc/$f; } |
        while IFS=: read -r name x id rest; do
            if [ "$name" = "$2" ]; then echo "$id"; break; fi;
            if [ "$id" = "$2" ]; then echo "$name"; break; fi;
        done
    }
    try {
        set outcome [[info object namespace $host]::my Execute "sh -c\
            [Quoted [string map {\n { }} $script]] sh $kind\
            [[info object namespace $host]::my Quoted $word]" {plain 1}]
        set found [string trim [dict get $outcome stdout]]
        if {[dict get $outcome status] || ![string is digit $word]
                && ![string is digit $found]} {
            # An account for sftp alone says so, whatever it is asked.
            set found ""
        }
    } on error {} {
        return ""
    }
    dict set MountKnown $host $kind $word $found
    return $found
}

# disk.tcl -- disks that are full, over their quota, or not to be written to.
#
# They are mounted in the tree of sudotree.tcl, which must run (common.tcl is
# needed as well): the users there meet them by SSH, others by a path through
# /proc, and with the tree they go.
#
#   disk::why KIND       "", or why there can be none of this kind here
#   disk::make KIND      its directory in the tree; made on first use
#   disk::outside PATH   the same place seen from outside of the tree
#   disk::enter          words that run a command of root's in the tree
#
# Kinds, all with room for everybody (mode 1777):
#   full       1 MiB
#   inodes     room for bytes, for eight files
#   quota      of 2 MiB (btrfs on a loop device)
#   readonly   with the files `old`, "old content", and `private`, mode 0600
#   plain      none of this; a file system of its own

package require Tcl 8.6

namespace eval disk {
    variable Script {
        set -e
        dir=$1 kind=$2
        at=$dir/disks/$kind
        mkdir -p "$at"
        case $kind in
        full)
            mount -t tmpfs -o size=1m,mode=1777 tmpfs "$at" ;;
        inodes)
            # The directory is one of them.
            mount -t tmpfs -o nr_inodes=9,mode=1777 tmpfs "$at" ;;
        plain)
            mount -t tmpfs -o mode=1777 tmpfs "$at" ;;
        readonly)
            mount -t tmpfs -o mode=1777 tmpfs "$at"
            printf "old content" >"$at/old"
            (umask 077; echo private >"$at/private")
            mkdir -m 777 "$at/sub"
            mount -o remount,ro "$at" ;;
        quota)
            truncate -s 128M "$dir/quota.img"
            mkfs.btrfs -q "$dir/quota.img" >/dev/null 2>&1
            mkdir "$dir/quota"
            mount -o loop "$dir/quota.img" "$dir/quota"
            btrfs quota enable "$dir/quota"
            btrfs subvolume create "$dir/quota/sub" >/dev/null
            btrfs qgroup limit 2M "$dir/quota/sub"
            chmod 1777 "$dir/quota/sub"
            mount --bind "$dir/quota/sub" "$at" ;;
        esac
        echo "made $at"
    }
}

proc disk::why kind {
    if {[sudotree::why] ne ""} {
        return [sudotree::why]
    }
    if {$kind eq "quota"} {
        if {[auto_execok mkfs.btrfs] eq ""} {
            return "there is no mkfs.btrfs (Debian: btrfs-progs)"
        }
        # The module may only be there once somebody mounts one.
        catch {exec modprobe btrfs}
        set file [open /proc/filesystems]
        set known [read $file]
        close $file
        if {![regexp -line {\tbtrfs$} $known]} {
            return "the kernel has no btrfs"
        }
        if {![file exists /dev/loop-control]} {
            return "there are no loop devices"
        }
    }
    return ""
}

proc disk::make kind {
    variable Script
    set at [file join [sudotree::get dir] disks $kind]
    # Seen from outside it is never there: the mount is the tree's alone.
    if {[sudotree::inside "mountpoint -q $at && echo yes"] ne "yes"} {
        set answer [sudotree::inside "set -- [sudotree::get dir] $kind
            $Script"]
        if {$answer ne "made $at"} {
            error "disk $kind: $answer"
        }
    }
    return $at
}

proc disk::outside path {
    return /proc/[Process]/root$path
}

proc disk::enter {} {
    return [list nsenter -t [Process] -m -r]
}

# The first process of the tree, as this side counts.
proc disk::Process {} {
    return [lindex [sshd::Descendants [pid [sudotree::get pipe]]] 0]
}

# What tests of faults share.

namespace eval disk {
    namespace export Here Write Read Names Fresh Give Left Strays Removed
}

# The file of this name on disk KIND, as this process sees it.
proc disk::Here {kind args} {
    return [outside [file join [make $kind] {*}$args]]
}

proc disk::Write {path text} {
    set file [open $path wb]
    try {
        puts -nonewline $file $text
        flush $file
    } finally {
        catch {close $file}
    }
    return $path
}
proc disk::Read path {
    set file [open $path rb]
    set text [read $file]
    close $file
    return $text
}

# Names in a directory, also the hidden ones, by which temporary files
# would be found.
proc disk::Names dir {
    return [lsort [concat [glob -nocomplain -tails -directory $dir *] \
        [lsearch -all -inline -not -regexp \
            [glob -nocomplain -tails -directory $dir .*] {^\.\.?$}]]]
}

# An empty disk but for the file `old`.
proc disk::Fresh kind {
    foreach name [Names [Here $kind]] {
        file delete -force [Here $kind $name]
    }
    if {$kind eq "quota"} {
        # What they took is given back at some time after this.
        ::kit::waitFor {
            exec sync -f [Here $kind]
            expr {![catch {Write [Here $kind room] [string repeat x 500000]}]}
        } 20000
        file delete [Here $kind room]
        exec sync -f [Here $kind]
    }
    Give [Write [Here $kind old] "old content"]
}

# The user of the way `sftp` gets this file: owner and group are kept.
proc disk::Give path {
    variable User
    if {![info exists User]} {
        set User [sudotree::inside {echo $(id -u dpuser):$(id -g dpuser)}]
    }
    exec chown $User $path
    return $path
}

# What is left of Fresh: the names and the content of `old`. A temporary
# file may be on its way out yet.
proc disk::Left kind {
    catch {
        ::kit::waitFor {expr {![string match *.old.* [Names [Here $kind]]]}}
    }
    return [list [Names [Here $kind]] [Read [Here $kind old]]]
}

# What is left on disk `plain` besides NAMES where nobody was there to
# remove it: temporary files that nobody else can read. Else what it is.
proc disk::Strays args {
    foreach name [Names [Here plain]] {
        if {$name ni $args && (![string match .*.deployer $name]
                || [file attributes [Here plain $name] -permissions]
                    % 0100)} {
            return "$name: [file attributes [Here plain $name]]"
        }
    }
    return private
}

# "removed" once directory AT, below those of the disks, has nothing but
# NAMES; else what it has.
proc disk::Removed {at args} {
    set dir [Here {*}[file split $at]]
    catch {::kit::waitFor {expr {[Names $dir] eq $args}} 10000}
    set names [Names $dir]
    return [expr {$names eq $args ? "removed" : $names}]
}

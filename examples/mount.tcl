#!/usr/bin/env tclsh
# mount.tcl -- Tcl's own commands on the files of a host.
#
#     tclsh examples/mount.tcl

package require deployer

# Any host will do, as
#     deployer::sshhost create web1 -address 192.168.0.10
deployer::localhost create web1

# A directory of that host, to play in.
set dir [web1 run {mktemp -d}]

# Its files stand below this path now, for this process.
set mount [deployer::mount web1 [file join [pwd] web1.files]]
set site $mount$dir

file mkdir $site/releases/1
set chan [open $site/releases/1/index.html w]
puts $chan "<h1>hello</h1>"
close $chan
file copy $site/releases/1 $site/releases/2
file link -symbolic $site/current releases/2

foreach path [lsort [glob -directory $site/releases */*]] {
    puts "[string range $path [string length $site/] end]\
        [file size $path] bytes"
}
puts "current is [file readlink $site/current]"

# Code on the host, run here.
set chan [open $site/settings.tcl w]
puts $chan {set greeting "these are the settings of [info script]"}
close $chan
source $site/settings.tcl
puts [string map [list $site ...] $greeting]

file delete -force $site
deployer::unmount $mount
web1 destroy

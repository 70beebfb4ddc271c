# mountkit.tcl -- what the tests of mounts share: files, trees, errors.
#
# Sourced into the namespace of a test file; `disk` there is a directory.

proc put {path text} {
    set chan [open $path w]
    puts -nonewline $chan $text
    close $chan
}
proc get path {
    set chan [open $path]
    set text [read $chan]
    close $chan
    return $text
}
proc fails script {
    if {![catch {uplevel 1 $script} message options]} {
        return "no error: $message"
    }
    return [list $message [dict get $options -errorcode]]
}
proc code script {
    return [lindex [uplevel 1 [list fails $script]] 1]
}
# Sorted names below DIR, whatever mount it is in.
proc tree {dir {prefix {}}} {
    set result {}
    foreach name [lsort [glob -nocomplain -tails -directory $dir *]] {
        lappend result $prefix$name
        if {[file type $dir/$name] eq "directory"} {
            lappend result {*}[tree $dir/$name $prefix$name/]
        }
    }
    return $result
}
# A fresh empty directory of this machine.
proc fresh {{name work}} {
    variable disk
    file delete -force $disk/$name
    file mkdir $disk/$name
    return $disk/$name
}
# One attribute of what is mounted at POINT.
proc about {point key} {
    return [dict get [deployer::core::mount list] $point $key]
}

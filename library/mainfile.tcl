# mainfile.tcl -- the program `deployer`: runs the tree that a file defines.
#
# Layer T3.

namespace eval ::deployer::program {
    variable Directory [file dirname [file normalize [info script]]]
}

# What ARGV, the words behind `deployer`, say. Does not return where the file
# ends the program by deployer::main.
proc ::deployer::program::File argv {
    variable Name
    set words [lassign $argv first]
    switch -- $first {
        "" - --help - -h - help {
            set channel [expr {[llength $argv] ? "stdout" : "stderr"}]
            puts -nonewline $channel [FileHelp]
            return [expr {[llength $argv] ? 0 : 2}]
        }
        --version {
            puts "deployer [package present deployer] on [info hostname], Tcl\
                [info patchlevel]"
            return 0
        }
        init {
            return [FileCatch {FileInit $words}]
        }
        completion {
            return [FileCatch {FileCompletion $words}]
        }
        --complete {
            return [FileComplete $words]
        }
    }
    if {![file exists $first]} {
        set near [Near $first {init completion help}]
        Complain deployer [expr {
            [string index $first 0] eq "-"
            ? "there is no option \"[Shorten $first 40]\": must be --help or\
                --version"
            : "there is no file \"[Shorten $first 200]\"[expr {$near eq ""
                ? "" : " (did you mean $near?)"}]: the first word is a file,\
                as in \"deployer deploy.tcl run\"; \"deployer init\" writes one"}]
        return 2
    }
    set Name "deployer $first"
    return [FileRun $first $words]
}

proc ::deployer::program::FileCatch script {
    try {
        uplevel 1 $script
    } trap {DEPLOYER USAGE} message {
        Complain deployer $message
        return 2
    } trap {POSIX} message {
        Complain deployer $message
        return 1
    } trap {DEPLOYER FILE} message {
        Complain deployer $message
        return 1
    }
    return 0
}

proc ::deployer::program::FileHelp {} {
    return "Usage: deployer FILE ?SUB-COMMAND? ?options? ?word ...?
       deployer init ?FILE?
       deployer completion bash|zsh ?NAME ...?
       deployer --help | --version

FILE is a Tcl script that defines services. The tree is the one that
deployer::main is called with in it; else its last service.

  deployer FILE                 the shell
  deployer FILE --help          what there is to run in FILE
  deployer FILE run ACTION ...  run an action
  deployer FILE run --help      how, and its options
  init                          write a first file (deploy.tcl) that runs
  completion                    print a script that has the shell complete words

A file whose first line is \"#!/usr/bin/env deployer\" is a program.
For completion, in ~/.bashrc:  eval \"\$(deployer completion bash)\"
               or in ~/.zshrc:  eval \"\$(deployer completion zsh)\"
NAMEs are those of such programs.
"
}

# Evaluates FILE as tclsh would and does with its tree what ARGV says.
proc ::deployer::program::FileRun {file argv} {
    variable Name
    foreach {name value} [list argv0 $file argv $argv argc [llength $argv]] {
        uplevel #0 [list ::set $name $value]
    }
    set code [catch {
        uplevel #0 [list ::source -encoding utf-8 $file]
    } message options]
    if {$code == 1} {
        set trace [dict get $options -errorinfo]
        set at [string first "\n    invoked from within\n\"::source -encoding\
            utf-8 " $trace]
        if {$at >= 0} {
            set trace [string range $trace 0 $at-1]
        }
        Complain deployer $trace
        return 1
    }
    set class [FileRoot $file]
    if {$class eq ""} {
        Complain $Name "no service is defined in it: deployer::service create\
            makes one"
        return 2
    }
    return [Main $class $argv $Name]
}

# The last service that was defined in FILE, or in what it sources. One in
# another service is none.
proc ::deployer::program::FileRoot file {
    set path [file normalize $file]
    set best {}
    set classes ::deployer::service
    for {set i 0} {$i < [llength $classes]} {incr i} {
        lappend classes {*}[info class subclasses [lindex $classes $i]]
    }
    foreach meta $classes {
        foreach class [info class instances $meta] {
            namespace upvar [info object namespace $class] Facts facts
            if {![info exists facts] || [dict get $facts outer] ne ""} {
                continue
            }
            set here [expr {[file normalize [lindex [dict get $facts place] 0]]
                eq $path}]
            # Namespaces of objects are numbered as they are made.
            regexp {\d+$} [info object namespace $class] number
            lappend best [list $here $number $class]
        }
    }
    return [lindex [lsort -integer -index 0 [lsort -integer -index 1 $best]] \
        end 2]
}

# init ?FILE?

proc ::deployer::program::FileInit words {
    variable Directory
    set usage "init ?FILE?: writes a first file, deploy.tcl by default"
    if {[lindex $words 0] in {--help -h}} {
        puts "Usage: deployer $usage"
        return 0
    }
    if {[llength $words] > 1 || [string match -* [lindex $words 0]]} {
        Usage $usage
    }
    set file deploy.tcl
    if {[llength $words]} {
        lassign $words file
    }
    set in [open [file join $Directory start.txt]]
    chan configure $in -encoding utf-8
    set text [string map [list %FILE% [file tail $file]] [read $in]]
    close $in
    FileWrite $file $text
    puts "$file is written. What next:

  deployer $file                  the shell: Tab shows what there is
  deployer $file run hello        an action
  deployer $file --help           all of them

and look into it: it is commented."
}

# Writes TEXT to the new FILE, a program. What is there, a link that leads nowhere
# as well, is never overwritten.
proc ::deployer::program::FileWrite {file text} {
    if {$file eq ""} {
        Usage "init needs the name of a file, and it is empty"
    }
    if {[file isdirectory [LocalPath $file]]} {
        Usage "$file is a directory: name a file in it, as\
            [string trimright $file /]/deploy.tcl"
    }
    try {
        set out [open [LocalPath $file] {WRONLY CREAT EXCL} 0777]
    } trap {POSIX EEXIST} {} {
        Usage "$file is there already, and is left as it is"
    } trap {POSIX ENOENT} {message options} {
        set directory [file dirname $file]
        return -options [dict incr options -level] "$file cannot be written:\
            there is no directory $directory; \"mkdir -p\
            [Quoted $directory]\" makes it"
    } trap POSIX {message options} {
        return -options [dict incr options -level] "$file cannot be written:\
            [lindex [dict get $options -errorcode] 2]"
    }
    try {
        chan configure $out -encoding utf-8
        puts -nonewline $out $text
        close $out
    } trap POSIX {message options} {
        # Half of it is of no use.
        catch {close $out}
        file delete [LocalPath $file]
        return -options [dict incr options -level] "$file cannot be written:\
            [lindex [dict get $options -errorcode] 2]"
    }
}

# completion bash|zsh ?NAME ...?

proc ::deployer::program::FileCompletion words {
    variable Directory
    set names [lassign $words shell]
    set usage "completion bash|zsh ?NAME ...?: prints a script for that shell"
    if {$shell in {--help -h}} {
        puts "Usage: deployer $usage

In ~/.bashrc:               eval \"\$(deployer completion bash)\"
In ~/.zshrc:                eval \"\$(deployer completion zsh)\"
For a program of your own:  eval \"\$(deployer completion bash site.tcl)\""
        return 0
    }
    if {$shell ni {bash zsh}} {
        Usage $usage
    }
    set in [open [file join $Directory complete.$shell]]
    chan configure $in -encoding utf-8
    puts -nonewline [read $in]
    close $in
    foreach name $names {
        puts "[expr {$shell eq "bash" ? "complete -F" : "compdef"}] _deployer\
            [Quoted $name]"
    }
}

# As CompleteMain; the words are those behind `deployer`.
proc ::deployer::program::FileComplete words {
    if {[llength $words] <= 1} {
        PrintCandidates files [lindex $words end] {
            {init {write a first file}}
            {completion {completion for bash or zsh}}
            {--help {how it is used}}
            {--version {the version}}
        }
        return 0
    }
    set rest [lassign $words first]
    switch -- $first {
        init {
            PrintCandidates files [lindex $rest end] {}
        }
        completion {
            PrintCandidates words [lindex $rest end] {{bash {}} {zsh {}}}
        }
        default {
            if {[file isfile $first]} {
                catch {
                    return [FileRun $first [linsert $rest 0 --complete]]
                }
            }
        }
    }
    return 0
}

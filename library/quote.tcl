# quote.tcl -- words and paths as text for a shell.
#
# Layer T1.

namespace eval ::deployer {
    # Login shells that take the syntax of POSIX.
    variable PosixShells {sh bash dash ash ksh ksh93 mksh lksh pdksh oksh zsh
        busybox yash rbash posh}

    # Bare, the first word of a line would not be the name of a command.
    variable Reserved {if then else elif fi do done case esac while until for
        in function select time coproc}
}

# deployer::quote WORD ... -- a command line out of separate words. Every word
# reaches the command as it is; {DEPLOYER ARGUMENT} where one holds a NUL.
proc ::deployer::quote args {
    variable Reserved
    set line {}
    foreach word $args {
        lappend line [Quoted $word]
    }
    if {[lindex $args 0] in $Reserved} {
        lset line 0 '[lindex $args 0]'
    }
    return [join $line { }]
}

# One word, in quotes where a shell could read anything into it.
proc ::deployer::Quoted word {
    if {[regexp {^[A-Za-z0-9_./:,+-]+$} $word]} {
        return $word
    }
    if {[string first \0 $word] >= 0} {
        Fail {ARGUMENT {}} "a NUL character cannot be given to a command"
    }
    return '[string map {' '\\''} $word]'
}

# A path for a shell: ~ and ~user at the front are the shell's to expand, all
# else is literal. A relative one gets ./ in front, so that neither a leading
# dash nor CDPATH changes its meaning.
proc ::deployer::QuotedPath path {
    if {$path eq ""} {
        Fail {ARGUMENT {}} "an empty string is no path"
    }
    if {[regexp {^(~[A-Za-z0-9._@+-]*)(?:/+(.*))?$} $path -> user rest]} {
        if {$rest eq ""} {
            return $user
        }
        return $user/[Quoted $rest]
    }
    if {[string index $path 0] ne "/"} {
        set path ./$path
    }
    return [Quoted $path]
}

# WORD in quotes for the login shell SHELL. Unlike POSIX shells, fish takes
# backslashes in single quotes, csh history marks and newlines.
proc ::deployer::QuotedFor {shell word} {
    switch -- [file tail $shell] {
        fish {
            return '[string map {\\ \\\\ ' \\'} $word]'
        }
        csh - tcsh {
            return '[string map {' '\\'' ! \\! \n \\\n} $word]'
        }
    }
    return [Quoted $word]
}

# DIR seen from directory BASE ("" is the login directory).
proc ::deployer::JoinPath {base dir} {
    if {$base eq "" || [string index $dir 0] in {/ ~}} {
        return $dir
    }
    return [string trimright $base /]/$dir
}

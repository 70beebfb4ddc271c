# expectshell.tcl -- the program that deployer::expect::shell runs: a prompt.
#
# Layer T3. It reads commands from a terminal, whose echo it switches off, and
# prints "deployer> " before each and "deployer| " where one goes on. Between
# two commands the event loop runs. A line of control-A and a mark is the
# beginning of a script in base64 (RFC 4648), which a line of control-A ends;
# what is printed then stands at Exchange in expecttalk.tcl.

namespace eval ::deployer::expectshell {
    variable Typed ""           ;# what was typed, as long as it is no command
    variable Mark ""            ;# of the script that is being read, or ""
    variable Script ""          ;# its lines
    variable Over 0
}

proc ::deployer::expectshell::Prompt {} {
    variable Typed
    if {$Typed eq ""} {
        puts -nonewline "deployer> "
    } else {
        puts -nonewline "deployer| "
    }
    flush stdout
}

# From the event loop.
proc ::deployer::expectshell::Readable {} {
    variable Typed
    variable Mark
    variable Script
    variable Over
    if {[catch {gets stdin line} count] || $count < 0 && [eof stdin]} {
        set Over 1
        return
    }
    if {$count < 0} {
        return
    }
    if {$Mark eq "" && [string index $line 0] ne "\1"} {
        append Typed $line \n
        if {[info complete $Typed]} {
            set script $Typed
            set Typed ""
            Serve $script
        }
        Prompt
    } elseif {$line ne "\1"} {
        if {$Mark eq ""} {
            set Mark $line
            set Typed ""
        } else {
            append Script $line
        }
    } else {
        set script [encoding convertfrom utf-8 [binary decode base64 $Script]]
        set mark $Mark
        set Mark ""
        set Script ""
        puts $mark
        Reply $mark [Eval $script]
        Prompt
    }
}

# Runs a command that was typed, and shows what tclsh would show.
proc ::deployer::expectshell::Serve script {
    lassign [Eval $script] code result
    if {$code} {
        puts stderr $result
    } elseif {$result ne ""} {
        puts $result
    }
}

# {CODE RESULT OPTIONS} of SCRIPT, where code is 0 or 1. What it reads from the
# terminal, it waits for; what is typed meanwhile is for it.
proc ::deployer::expectshell::Eval script {
    chan event stdin readable {}
    chan configure stdin -blocking 1
    set code [catch {uplevel #0 $script} result options]
    catch {
        chan configure stdin -blocking 0
        chan event stdin readable ::deployer::expectshell::Readable
    }
    catch {flush stdout}
    if {$code == 2} {
        set code 0
    } elseif {$code == 3 || $code == 4} {
        set word [dict get {3 break 4 continue} $code]
        set code 1
        set result "invoked \"$word\" outside of a loop"
        set options [list -errorcode {TCL RESULT UNEXPECTED} \
            -errorinfo $result]
    } elseif {$code} {
        set code 1
    }
    foreach option {-errorstack -errorline -code -level} {
        dict unset options $option
    }
    return [list $code $result $options]
}

proc ::deployer::expectshell::Reply {mark reply} {
    puts -nonewline \
        "$mark[binary encode base64 [encoding convertto utf-8 $reply]]\1"
    flush stdout
}

apply {{} {
    set dir [file dirname [file normalize [info script]]]
    if {$dir ni $::auto_path} {
        lappend ::auto_path $dir
    }
    package require deployer
    # Without echo a script sees only what commands print.
    catch {exec stty -echo <@stdin}
    # Tcl writes CR and LF to a terminal, which makes CR CR LF of it.
    chan configure stdout -translation lf
    chan configure stderr -translation lf
    chan configure stdin -blocking 0
    chan event stdin readable ::deployer::expectshell::Readable
    ::deployer::expectshell::Prompt
    vwait ::deployer::expectshell::Over
    exit
}}

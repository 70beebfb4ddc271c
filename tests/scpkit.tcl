# scpkit.tcl -- what the tests of the scp shell share.
#
# The "host" web of the tree is this machine. What writes or removes does so below
# directories of the test's own, Dir/there and Dir/here, which all sessions begin
# by going to.

namespace eval ::scpkit {
    namespace import ::kit::* ::tcltest::testConstraint
    namespace export Editor Fresh Line Names Offered Read Session Tree Window \
        Write start stop

    variable Dir ""
    variable Farm ""
    variable Words {}           ;# that start the program

    # Makes the directories and the tree; sets constraints, and the variables
    # dir, there, here, tree, farm and odd of the caller.
    proc start {} {
        variable Dir
        variable Farm
        variable Words
        foreach name {dir there here tree farm odd} {
            uplevel 1 [list variable $name]
            upvar 1 $name $name
        }
        testConstraint sudoHere [expr {[testConstraint root]
            && [sshd::Program sudo] ne "" && ![catch {exec sudo -n true}]}]
        testConstraint farm [testConstraint sshd]
        testConstraint screen [expr {[testConstraint farm]
            && [testConstraint tmux]}]
        testConstraint expectHere [expr {[testConstraint farm]
            && [sshd::Program expect] ne ""
            && ![info exists ::env(DEPLOYER_SANITIZED)]}]
        set dir [set Dir [tempDir]]
        set there [file join $dir there]
        set here [file join $dir here]
        set ::env(XDG_STATE_HOME) [file join $dir state]
        set farm ""
        if {[testConstraint farm]} {
            set farm [set Farm [sshd::farm new]]
            # What it starts shall run without the sanitizer that is in it.
            Write [file join $dir tree.tcl] "
                unset -nocomplain env(LD_PRELOAD)
                package require deployer
                deployer::sshhost create web -address [lindex [$farm addresses] 0]\
                    [$farm options]
                deployer::sshhost create dead -address 127.0.0.99\
                    [dict merge [$farm options] {-port 1}]
                deployer::service create Files {
                    hosts {host web}
                    group production
                    service each { hosts {host {web dead}}; isolate }
                    service both { hosts {host {web dead}} }
                }
                deployer::main Files
            "
        }
        set tree [set Words [list {*}[subTclsh] [file join $dir tree.tcl]]]
        # Names that a line must quote, each with another content.
        set odd [list "a b" "new\nline" -dash -r ~tilde ~ 010 %h "q\"uote" it's \
            back\\slash "\{" "\}" "\[x\]" "*" "\$HOME" ";" "#hash" \u4e2d\u00e9 "a\tb" ...]
        # For what Tab offers, without a connection.
        ::deployer::localhost create ::scpkit::one
        ::deployer::service create ::scpkit::Tab {}
    }

    # The twin.
    proc stop {} {
        variable Dir
        variable Farm
        ::scpkit::one destroy
        ::scpkit::Tab destroy
        if {$Farm ne ""} {
            $Farm destroy
            set Farm ""
        }
        ::kit::waitFor {expr {![catch {file delete -force $::scpkit::Dir}]}} 20000
    }

    # A file, and the directories above it.
    proc Write {path text {mode 0644}} {
        file mkdir [file dirname $path]
        set chan [open $path wb]
        puts -nonewline $chan [encoding convertto utf-8 $text]
        close $chan
        file attributes $path -permissions $mode
    }

    proc Read path {
        set chan [open $path rb]
        set text [encoding convertfrom utf-8 [read $chan]]
        close $chan
        return $text
    }

    # Both directories anew.
    proc Fresh {} {
        variable Dir
        if {$Dir eq ""} {
            error "there is no directory to begin with"
        }
        set there $Dir/there
        set here $Dir/here
        file delete -force $there $here
        file mkdir $there $here
    }

    # What is below a directory, with what the files hold.
    proc Tree {path {below {}}} {
        set found {}
        foreach name [lsort [concat \
                [glob -nocomplain -tails -directory $path *] \
                [glob -nocomplain -tails -directory $path -types hidden *]]] {
            if {$name in {. ..}} continue
            set file [file join $path ./$name]
            if {[file isdirectory $file]} {
                lappend found $below$name/ {} {*}[Tree $file $below$name/]
            } else {
                lappend found $below$name [Read $file]
            }
        }
        return $found
    }

    # {STATUS OUTPUT ERRORS} of a session without a terminal, behind the lines that
    # go to both directories; the prompts are taken out.
    proc Session {lines args} {
        variable Dir
        variable Words
        set there $Dir/there
        set here $Dir/here
        set status 0
        set begin [list "cd [deployer::shell::ScpQuote $there]" \
            "lcd [deployer::shell::ScpQuote $here]"]
        if {[catch {
            exec -keepnewline -- {*}$Words scp {*}$args \
                << [join [concat $begin $lines [list ""]] \n] 2>$Dir/errors
        } output options]} {
            set code [dict get $options -errorcode]
            set status [expr {[lindex $code 0] eq "CHILDSTATUS"
                ? [lindex $code 2] : $code}]
            regsub {\n?child process exited abnormally$} $output {} output
        }
        regsub {(web:[^\n]*? \([^\n]*?\)> )\n$} $output {\1} output
        regsub -all {(?:sandbox )?web:[^\n]*? \([^\n]*?\)> } $output {} output
        return [list $status $output [Read $Dir/errors]]
    }

    # A window with the shell, in both directories. -words stand behind scp.
    proc Window args {
        variable Dir
        variable Words
        set there $Dir/there
        set here $Dir/here
        set args [dict merge {-cols 100 -rows 30 -words {}} $args]
        set env [dict merge [list TCLLIBPATH $::env(TCLLIBPATH) \
            XDG_STATE_HOME $::env(XDG_STATE_HOME)] \
            [expr {[dict exists $args -env] ? [dict get $args -env] : ""}]]
        set window [tmux::window new [list sh -c "cd [deployer::quote $here]\
            && [deployer::quote {*}$Words scp {*}[dict get $args -words]];\
            echo status \$?; read x"] \
            {*}[dict remove [dict replace $args -env $env] -words]]
        $window wait {> ?$} 60000
        Line $window "cd [deployer::shell::ScpQuote $there]"
        return $window
    }

    # Types a line, and waits for the next prompt and EXPRESSION before it; the
    # screen is clear afterwards.
    proc Line {window line {expression {}}} {
        $window type $line Enter
        set seen [$window wait "[regsub -all {\W} $line {\\&}].*$expression.*\\)> ?\$" 60000]
        $window type clear Enter
        $window wait {\A[^\n]*\)> ?\Z} 30000
        return $seen
    }

    # An editor that runs SCRIPT, with the file as $1.
    proc Editor script {
        variable Dir
        Write $Dir/editor "#!/bin/sh\n$script\n" 0755
        return $Dir/editor
    }

    # All names in a directory.
    proc Names path {
        return [lsort [concat [glob -nocomplain -tails -directory $path *] \
            [glob -nocomplain -tails -directory $path -types hidden *]]]
    }

    # What is offered for LINE, with the cursor at its end; START and the words
    # with what follows them.
    proc Offered {line host} {
        variable Dir
        set host [namespace which -command $host]
        set there $Dir/there
        set here $Dir/here
        set object [Tab new -hosts [list host [list $host]]]
        set scp [deployer::shell::ScpShell new $object $host]
        try {
            namespace upvar [info object namespace $scp] Dirs Dirs
            array set Dirs [list there $there here $here]
            set completion [::deployer::Await [::deployer::Job [list \
                [info object namespace $scp]::my Complete $line \
                [string length $line]]]]
        } finally {
            $scp destroy
            $object destroy
        }
        set words [lmap word [dict get $completion words] {
            string cat [lindex $word 0] [lindex $word 3]
        }]
        return [list [dict get $completion start] $words]
    }
}

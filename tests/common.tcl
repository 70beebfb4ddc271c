# common.tcl -- what every test file sources first.
#
#     source [file join [file dirname [info script]] common.tcl]
#     runtests {
#         test pty-1.1 {...} -body {...} -result ...
#     }
#
# runtests evaluates its body in a fresh namespace, deletes that namespace,
# and then proves, as the test NAME-leak, that channels, processes,
# descriptors, commands and the package's own counts are back where they were.

package require Tcl 8.6
package require tcltest 2.3

namespace eval ::kit {
    namespace export runtests waitFor tempDir subTclsh testsDir buildDir
}

# The address sanitizer is in this process already; the programs that it
# starts shall run without.
namespace eval ::kit {
    variable preload [expr {[info exists ::env(LD_PRELOAD)] ?
            $::env(LD_PRELOAD) : ""}]
    unset -nocomplain ::env(LD_PRELOAD)
}

# What tests run is nobody's history; runs.test turns that on for itself.
set ::env(DEPLOYER_RUNS) 0

# The directory of the test files, and that of the build (where the package
# is found), "" if it is not known.
proc ::kit::testsDir {} [list return [file dirname [file normalize \
        [info script]]]]
proc ::kit::buildDir {} {
    if {[info exists ::env(DEPLOYER_BUILDDIR)]} {
        return $::env(DEPLOYER_BUILDDIR)
    }
    return [lindex [array get ::env TCLLIBPATH] 1 0]
}

source [file join [file dirname [info script]] sshd.tcl]

# runtests ?-bare? BODY: the whole of a test file; -bare is for tests that
# need no package. Ends the file's tests with tcltest's summary line.
proc ::kit::runtests {args} {
    set body [lindex $args end]
    set bare [expr {[lindex $args 0] eq "-bare"}]
    set name [file rootname [file tail [info script]]]
    tcltest::configure {*}$::argv
    tcltest::testConstraint never 0
    if {!$bare} {
        package require deployer
    }
    Warm
    set before [Snapshot]
    set ns ::tests::$name
    namespace eval $ns {
        namespace import ::tcltest::* ::kit::*
    }
    if {[catch {namespace eval $ns $body} message options]} {
        puts [tcltest::outputChannel] "$name: [dict get $options -errorinfo]"
        tcltest::test $name-body {the file runs to its end} -body {
            error "it does not"
        }
    }
    namespace delete $ns
    foreach farm [info class instances ::sshd::farm] {
        $farm destroy
    }
    tcltest::test $name-leak {everything is back where it was} -body {
        ::kit::Leaks $before
    } -result {}
    tcltest::cleanupTests
}

# waitFor SCRIPT ?LIMIT?: runs the event loop until SCRIPT is true; an error
# after LIMIT milliseconds. What a test uses in place of a sleep.
proc ::kit::waitFor {script {limit 5000}} {
    variable tick
    set end [expr {[clock milliseconds] + $limit}]
    while {![uplevel 1 $script]} {
        if {[clock milliseconds] >= $end} {
            return -code error -errorcode {TEST TIMEOUT} \
                    "waited $limit ms for: [string trim $script]"
        }
        after 5 [list set [namespace which -variable tick] 1]
        vwait [namespace which -variable tick]
    }
    return
}

# tempDir: a fresh private directory; the caller deletes it.
proc ::kit::tempDir {} {
    return [::sshd::TempDir]
}

# subTclsh: the words that start another tclsh which finds the package (and
# which the sanitizer watches where it watches this one).
proc ::kit::subTclsh {} {
    variable preload
    if {$preload eq ""} {
        return [list [info nameofexecutable]]
    }
    return [list env LD_PRELOAD=$preload [info nameofexecutable]]
}

# Lets Tcl and the package make what they make once: the notifier's thread and
# pipe, the packages that are loaded on first use.
proc ::kit::Warm {} {
    waitFor {after 1; expr 1}
    after 0 {set ::kit::tick 1}
    vwait ::kit::tick
    clock format 0
    catch {exec true}
}

# Snapshot: dict of kind -> sorted list of what is there now.
proc ::kit::Snapshot {} {
    catch {exec true}
    set result [dict create channels [lsort [file channels]] \
            children [Children] descriptors [Descriptors] \
            commands [Commands] timers [llength [after info]]]
    if {[namespace which ::deployer::core::stats] ne ""} {
        dict set result stats [::deployer::core::stats]
    }
    return $result
}

# Leaks BEFORE: "" or what is different from that snapshot, once everything
# that is still on its way has had five seconds to end.
proc ::kit::Leaks {before} {
    catch {
        waitFor {expr {[::kit::Compare $before [::kit::Snapshot]] eq ""}} 5000
    }
    return [Compare $before [Snapshot]]
}

proc ::kit::Compare {before after} {
    set lines {}
    dict for {kind old} $before {
        set new [dict get $after $kind]
        if {$kind in {timers stats}} {
            if {$old ne $new} {
                lappend lines "$kind: were $old, are $new"
            }
            continue
        }
        foreach item $new {
            if {$item ni $old} {
                lappend lines "$kind: new: $item"
            }
        }
        foreach item $old {
            if {$item ni $new} {
                lappend lines "$kind: gone: $item"
            }
        }
    }
    return [join $lines \n]
}

# Processes whose parent is this one, zombies too, with state and name.
proc ::kit::Children {} {
    set result {}
    foreach {process fields} [::sshd::Processes] {
        lassign $fields parent state name
        if {$parent == [pid]} {
            lappend result "$process $state $name"
        }
    }
    return [lsort $result]
}

# Open descriptors as "number -> target", without the one that looks.
proc ::kit::Descriptors {} {
    set result {}
    foreach link [glob -nocomplain -directory /proc/self/fd *] {
        if {[catch {file readlink $link} target]
                || [string match /proc/* $target]} {
            continue
        }
        lappend result "[file tail $link] -> $target"
    }
    return [lsort $result]
}

# All commands of the package's namespaces and all unnamed objects.
proc ::kit::Commands {} {
    set result [info commands ::oo::Obj*]
    set pending ::deployer
    while {[llength $pending] > 0} {
        set pending [lassign $pending ns]
        if {![namespace exists $ns]} {
            continue
        }
        lappend result {*}[info commands ${ns}::*]
        lappend pending {*}[namespace children $ns]
    }
    return [lsort $result]
}

# Constraints: what this machine can do. Those that cost a process are probed
# when a test asks for them.
namespace eval ::kit {
    foreach {constraint program} {
        sshd sshd  sshKeygen ssh-keygen  sshAgent ssh-agent  tmux tmux
        expect expect  vim vim  sudo sudo  unshareProgram unshare
        debootstrap debootstrap  nm nm  objdump objdump
    } {
        tcltest::testConstraint $constraint \
                [expr {[::sshd::Program $program] ne ""}]
    }
    tcltest::testConstraint root [expr {$::tcl_platform(user) eq "root"}]
    tcltest::testConstraint linux [expr {$::tcl_platform(os) eq "Linux"}]
    tcltest::testConstraint proc [file isdirectory /proc/self/fd]
    tcltest::testConstraint ipv6 [expr {![catch {
        close [socket -server {} -myaddr ::1 0]
    }]}]
    tcltest::testConstraint sanitized [info exists ::env(DEPLOYER_SANITIZED)]
    tcltest::testConstraint notSanitized \
            [expr {![info exists ::env(DEPLOYER_SANITIZED)]}]
    unset constraint program
}

namespace import ::kit::runtests

# expectkit.tcl -- what the tests of Expect share: scripts on a farm.

namespace eval ::expectkit {
    namespace import ::kit::testsDir ::kit::tempDir
    namespace export start stop run

    variable Farm ""
    variable Dir ""

    # Makes a farm of three servers, where there can be one, and a directory;
    # sets the constraints expectHere (Expect can run, which it cannot with the
    # sanitizer) and farm (there are hosts as well).
    proc start {} {
        variable Farm
        variable Dir
        set Dir [tempDir]
        set here [expr {[sshd::Program expect] ne ""
            && ![info exists ::env(DEPLOYER_SANITIZED)]}]
        tcltest::testConstraint expectHere $here
        tcltest::testConstraint farm \
            [expr {$here && [sshd::Program sshd] ne ""}]
        if {[tcltest::testConstraint farm]} {
            set Farm [sshd::farm new -count 3]
        }
    }

    proc stop {} {
        variable Farm
        variable Dir
        file delete -force $Dir
        if {$Farm ne ""} {
            $Farm destroy
            set Farm ""
        }
    }

    # What SCRIPT prints, run by PROGRAM (expect, or tclsh) with hosts h1 h2 h3
    # on the farm, here, and dead, which nothing listens for, with the container
    # fleet of the first three; an error where it fails. There, `fds` and `left`
    # tell what is open, and `until SCRIPT` waits.
    proc run {script {program expect}} {
        variable Farm
        variable Dir
        set file [file join $Dir script.exp]
        file delete $file
        sshd::AppendFile $file "
            source -encoding utf-8 [list [file join [testsDir] sshd.tcl]]
            package require deployer::expect
            set timeout 20
            log_user 0
            set dir [list $Dir]
        "
        if {$Farm ne ""} {
            set n 0
            foreach address [$Farm addresses] {
                sshd::AppendFile $file "deployer::sshhost create ::h[incr n]\
                    -address $address -term dumb [$Farm options]\n"
            }
            sshd::AppendFile $file "
                deployer::sshhost create ::dead -address 127.0.0.99\
                    [$Farm options -port 1]
                deployer::hosts create ::fleet {host {h1 h2 h3}}
            "
        }
        sshd::AppendFile $file {
            deployer::localhost create ::here -term dumb
            proc until script {
                set end [expr {[clock milliseconds] + 15000}]
                while {![uplevel 1 $script]} {
                    if {[clock milliseconds] > $end} {
                        error "waited for: $script"
                    }
                    after 10 {set ::tick 1}
                    vwait ::tick
                }
            }
            proc fds {} {
                set fds {}
                foreach link [glob -directory /proc/self/fd *] {
                    if {![catch {file readlink $link} target]
                            && ![string match /proc/* $target]} {
                        lappend fds [file tail $link]
                    }
                }
                return [lsort -integer $fds]
            }
            proc failure script {
                if {![catch {uplevel 1 $script} message options]} {
                    return "no error: $message"
                }
                return [list $message [dict get $options -errorcode]]
            }
            proc code script {
                return [lindex [uplevel 1 [list failure $script]] 1]
            }
            # The processes and the counts of the package.
            proc left {} {
                return [list [llength [info class instances \
                    ::deployer::Terminal]] [llength [deployer::expect::ids]]]
            }
        }
        sshd::AppendFile $file $script
        if {$program eq "tclsh"} {
            set program [list [info nameofexecutable]]
        } else {
            set program [list [sshd::Program expect]]
        }
        return [exec {*}$program $file]
    }
}

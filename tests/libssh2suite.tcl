# libssh2suite.tcl -- libssh2's own tests, those that need no container.
#
# usage: tclsh libssh2suite.tcl DIR
#
# DIR is a libssh2 that was configured there (deps/libssh2 of a build directory,
# or any other). Its test programs are built and run: the ones that need no
# server, and, by libssh2's own test_sshd.test, all that log in. That fixture has
# one fixed port, keys that everybody knows, and would listen everywhere: here it
# is bound to 127.0.0.1, and writes nothing outside of a temporary directory.
# What needs the account that only upstream's container has is named and left
# out. Prints "N passed, N failed, N skipped"; exit code 0 if none failed, 77 if
# they cannot run here.

package require Tcl 8.6
source [file join [file dirname [file normalize [info script]]] sshd.tcl]

namespace eval suite {
    # They log in as libssh2, with a password or, the first, whoever runs it.
    variable Account {test_agent_forward_ok test_auth_keyboard_ok
        test_auth_password_ok}
    # What no test of it can be told.
    variable Address 127.0.0.1
    variable Port 4711
    # Seconds: for the port to become free, for each that logs in, for all.
    variable PortLimit 120
    variable Each 120
    variable Limit 900
    variable Counts {passed 0 failed 0 skipped 0}
}

# The words of NAME = ... in a Makefile, which may go on in further lines.
proc suite::List {makefile name} {
    if {![regexp -line "^$name *=((?:.*\\\\\\n)*.*)$" $makefile -> words]} {
        error "no $name in libssh2's tests/Makefile.inc"
    }
    return [string map {\\ {}} $words]
}

# KIND: passed failed skipped. OUTPUT is shown of what failed.
proc suite::Count {kind name {output {}}} {
    variable Counts
    dict incr Counts $kind
    puts "$kind: $name"
    if {$kind eq "failed"} {
        puts $output
    }
}

proc suite::Write {path text {mode 0644}} {
    file delete $path
    sshd::AppendFile $path $text
    file attributes $path -permissions $mode
}

# One that needs no server.
proc suite::Alone {name command} {
    set code [catch {exec {*}$command < /dev/null 2>@1} output options]
    set status [expr {$code ? [lindex [dict get $options -errorcode] 2] : 0}]
    Count [switch -- $status 0 {string cat passed} 77 {string cat skipped} \
        default {string cat failed}] $name $output
}

proc suite::PortIsFree {} {
    variable Address
    variable Port
    if {[catch {socket -server {} -myaddr $Address $Port} channel]} {
        return 0
    }
    close $channel
    return 1
}

# A script that runs PROGRAM with the variables of the list ENVIRONMENT, and ends:
# test_read, for one, says for ever that it can't read.
proc suite::Limited {path program environment} {
    variable Each
    Write $path [format {#!/bin/bash
set -o pipefail
env %s timeout %d ./%s 2>&1 </dev/null | tail -n 40
} [join $environment] $Each $program] 0755
    return $path
}

# All that need a server: the programs NAMES, and test_read with each of
# ALGORITHMS, as test_read_algos.test has it.
proc suite::LoggingIn {scratch names algorithms} {
    variable Address
    variable Port
    variable PortLimit
    variable Limit
    if {$::tcl_platform(user) eq "root" && ![file isdirectory /run/sshd]} {
        # sshd's privilege separation wants it; made at boot otherwise.
        file mkdir /run/sshd
        file attributes /run/sshd -permissions 0755
    }
    # The certificates are for "libssh2"; who runs this is let in for it. The
    # first value of an option holds, so these stand in front.
    Write [file join $scratch principals] libssh2\n
    set options [list PidFile=none ListenAddress=$Address:$Port UsePAM=no \
        AuthorizedPrincipalsFile=$scratch/principals]
    # From 9.8 on sshd shuts out addresses with many failed log-ins. It wants a
    # key to tell whether it knows that.
    set key [file join [pwd] openssh_server ssh_host_rsa_key]
    file attributes $key -permissions 0600
    if {![catch {
        exec [sshd::Program sshd] -t -f /dev/null -o PerSourcePenalties=no \
            -h $key
    }]} {
        lappend options PerSourcePenalties=no
    }
    Write [file join $scratch sshd] [format {#!/bin/sh
exec '%s' %s "$@"
} [sshd::Program sshd] [join [lmap option $options {
    string cat "-o '$option'"
}]]] 0755
    file attributes $scratch -permissions 0711
    set ::env(SSHD) [file join $scratch sshd]
    set ::env(TMPDIR) $scratch
    set ::env(USER) $::tcl_platform(user)
    set ::env(OPENSSH_SERVER_PORT) $Port
    unset -nocomplain ::env(SSH_AUTH_SOCK) ::env(PRIVKEY) ::env(PUBKEY)

    if {![sshd::Until [expr {1000 * $PortLimit}] {PortIsFree}]} {
        Count failed test_sshd.test "port $Port is not free"
        return
    }
    set tests [lmap name $names {
        Limited [file join $scratch $name] $name {}
    }]
    foreach algorithm $algorithms {
        set kind [expr {[string match *mac-* $algorithm] ? "MAC" : "CRYPT"}]
        lappend tests [Limited [file join $scratch test_read-$algorithm] \
            test_read FIXTURE_TEST_$kind=$algorithm]
    }
    # Nothing of it outlives this program.
    set command [list timeout -k 10 $Limit bash ./test_sshd.test {*}$tests]
    if {[sshd::Program setpriv] ne ""} {
        set command [linsert $command 0 setpriv --pdeathsig TERM]
    }
    set code [catch {exec {*}$command < /dev/null 2>@1} output]
    set seen {}
    foreach {- not name} [regexp -all -inline -line \
            {^(not )?ok \d+ - sshd-(.*)$} $output] {
        lappend seen $name
        Count [expr {$not eq "" ? "passed" : "failed"}] $name
    }
    set missing [lmap test $tests {
        if {[file tail $test] in $seen} continue
        file tail $test
    }]
    if {$missing ne ""} {
        Count failed "test_sshd.test: without a result: $missing"
    }
    if {$code} {
        puts $output
    }
}

proc suite::main {dir} {
    variable Account
    variable Counts
    cd [file join $dir tests]
    foreach program {sshd ssh timeout bash} {
        if {[sshd::Program $program] eq ""} {
            puts "$program is not here"
            return 77
        }
    }
    set make [expr {[info exists ::env(MAKE)] ? $::env(MAKE) : "make"}]
    if {[catch {
        exec $make -C ../src libssh2.la < /dev/null 2>@1
        exec $make check TESTS= < /dev/null 2>@1
    } output]} {
        puts $output
        Count failed "libssh2's test programs are built"
        set names {}
    } else {
        set makefile [sshd::ReadFile Makefile.inc]
        foreach list {DOCKER_TESTS DOCKER_TESTS_STATIC SSHD_TESTS} {
            lappend names {*}[List $makefile $list]
        }
    }
    set ::env(srcdir) .
    set scratch [sshd::TempDir]
    try {
        if {$names ne ""} {
            Alone mansyntax.sh [list env builddir=$scratch ./mansyntax.sh]
            foreach list {STANDALONE_TESTS STANDALONE_TESTS_STATIC} {
                foreach name [List $makefile $list] {
                    Alone $name ./$name
                }
            }
            LoggingIn $scratch [lmap name [lsort -unique $names] {
                if {$name in $Account} continue
                set name
            }] [sshd::ReadFile test_read_algos.txt]
            puts "not run, as they want the container's account:\
                [join $Account {, }]"
        }
    } finally {
        file delete -force $scratch
    }
    dict for {kind count} $Counts {
        lappend sums "$count $kind"
    }
    puts [join $sums {, }]
    return [expr {[dict get $Counts failed] > 0}]
}

if {[llength $argv] != 1} {
    puts stderr "usage: libssh2suite.tcl DIR"
    exit 2
}
exit [suite::main {*}$argv]

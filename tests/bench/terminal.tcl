# terminal.tcl -- the benchmarks of terminals and dialogues, for run.tcl.
#
# usage: terminal.tcl shell|dialogue PORT USER KEYFILE KNOWNHOSTS ADDRESSES
#            ?COMMAND?
#
# Sourced it has the suites keys, flood, stop and dialogue. Called it is the
# deployer's side of them: shell gives its terminal to the host, in an action;
# dialogue answers the five questions of COMMAND on all addresses and prints a
# dict as client.tcl does.

namespace eval termclient {}

proc termclient::Hosts {port user key knownhosts addresses} {
    set hosts {}
    foreach address $addresses {
        lappend hosts [deployer::sshhost new -slug h[llength $hosts] \
            -address $address -port $port -username $user \
            -keyfile [list $key] -knownhosts $knownhosts -hostkey strict \
            -config {} -agent 0]
    }
    return $hosts
}

proc termclient::shell {hosts args} {
    deployer::service create Login {
        isolate
        action login args {
            my host shell {*}$args
        }
    }
    Login create root -hosts [list host [lrange $hosts 0 0]]
    root at 0 login {*}$args
}

proc termclient::dialogue {hosts command} {
    deployer::hosts create all [list host $hosts]
    set start [clock microseconds]
    set results [all run -pty yes -answers {
        {name\? $} "Ada\n" {age\? $} "36\n" {town\? $} "London\n"
        {pet\? $} "cat\n" {sure\? $} "yes\n"
    } $command]
    set wall [expr {([clock microseconds] - $start) / 1e3}]
    set ok 0
    dict for {slug text} $results {
        incr ok [string match "*done Ada 36 London cat yes" $text]
    }
    puts [list mode dialogue ok $ok wall $wall]
}

if {[info exists ::argv0]
        && [file tail $::argv0] eq "terminal.tcl"} {
    package require deployer
    termclient::[lindex $argv 0] \
        [termclient::Hosts {*}[lrange $argv 1 5]] {*}[lrange $argv 6 end]
    exit
}

# The program that asks; the same for all contestants.
proc bench::DialogueCommand {} {
    return {set --; for q in name age town pet sure; do
        printf '%s? ' "$q"; read -r a; set -- "$@" "$a"; done; echo "done $*"}
}

# Whoever sits at the terminals.
proc bench::Holder {} {
    variable Farm
    variable Here
    set program [file join [$Farm dir] terminal]
    if {![file exists $program]} {
        set cc [expr {[info exists ::env(CC)] ? $::env(CC) : "cc"}]
        exec {*}$cc -std=c11 -O2 -o $program \
            [file join $Here terminal.c] -lutil
    }
    return $program
}

proc bench::TermClient {mode addresses args} {
    variable Farm
    variable Here
    return [list [info nameofexecutable] [file join $Here terminal.tcl] $mode \
        [$Farm port] [$Farm user] [$Farm key] [$Farm knownhosts] $addresses \
        {*}$args]
}

# Runs the holder and returns its dict.
proc bench::Hold {args} {
    set output [exec [Holder] {*}$args 2>@1]
    set line [lindex [split $output \n] end]
    if {[catch {dict size $line}]} {
        error $output
    }
    Keep [list $args $line]
    return $line
}

# The environment of both: no colours, no sequences.
proc bench::PlainTerminal {script} {
    set save [array get ::env]
    set ::env(TERM) dumb
    try {
        uplevel 1 $script
    } finally {
        array set ::env $save
    }
}

# A prompt at which the login shell of the host is known to listen.
variable bench::Prompt "PS1='> '; echo RE''ADY\n"

proc bench::keys {} {
    variable Farm
    variable Prompt
    set address [lindex [$Farm addresses] 0]
    set count [expr {[Opt -quick] ? 40 : 200}]
    set cat {echo READY; exec cat}
    foreach {what first command gap} [list \
            "at a shell's prompt, 5 ms apart" $Prompt {} 5 \
            "at a shell's prompt, 150 ms apart" $Prompt {} 150 \
            "at a shell's prompt, back to back" $Prompt {} 0 \
            "to a program (cat), 5 ms apart" {} $cat 5 \
            "to a program (cat), back to back" {} $cat 0] {
        set ours [TermClient shell [list $address] {*}[expr {
            $command eq "" ? "" : [list $command]}]]
        set ssh [Ssh -tt $address {*}[expr {
            $command eq "" ? "" : [list $command]}]]
        lassign {} a b ratios
        for {set round 0} {$round < [Opt -rounds]} {incr round} {
            PlainTerminal {
                if {$round % 2} {
                    set result [Hold keys $count $gap $first \
                        -- {*}$ssh -- {*}$ours]
                    lassign [list [dict get $result b] \
                        [dict get $result a]] one two
                } else {
                    set result [Hold keys $count $gap $first \
                        -- {*}$ours -- {*}$ssh]
                    lassign [list [dict get $result a] \
                        [dict get $result b]] one two
                }
            }
            lappend a [MedianOf $one]
            lappend b [MedianOf $two]
        }
        Row "key to echo, $what / ssh -t" [MedianOf $a] [MedianOf $b] \
            {<= 1.2} us
    }
}

# 512 MiB of lines from the host to the screen.
proc bench::flood {} {
    variable Farm
    set address [lindex [$Farm addresses] 0]
    set bytes [expr {([Opt -quick] ? 16 : 512) << 20}]
    set line "[Holder] write $bytes"
    set commands [dict create ours [TermClient shell [list $address] $line] \
        ssh [Ssh -tt $address $line]]
    set lengths {}
    for {set round 0} {$round < [Opt -rounds]} {incr round} {
        dict for {name command} $commands {
            PlainTerminal {
                set result [Hold flood {*}$command]
            }
            lappend lengths [dict get $result bytes]
            foreach key {stream wall cpu} {
                lappend $name,$key [dict get $result $key]
            }
        }
    }
    # Each newline has a CR before it.
    if {[lsort -unique $lengths] ne [expr {$bytes + $bytes / 80}]} {
        error "not all that was written was shown: [lsort -unique $lengths]"
    }
    set text "[expr {$bytes >> 20}] MiB to the screen"
    Row "$text: rate / ssh -t" \
        [expr {$bytes / 1048.576 / [MedianOf ${ours,stream}]}] \
        [expr {$bytes / 1048.576 / [MedianOf ${ssh,stream}]}] {>= 0.9} MiB/s
    Row "  ... wall, with the start of the process" \
        [MedianOf ${ours,wall}] [MedianOf ${ssh,wall}] {}
    Row "  ... client CPU" [MedianOf ${ours,cpu}] [MedianOf ${ssh,cpu}] {}
}

# `yes` at the shell's prompt, and Ctrl-C.
proc bench::stop {} {
    variable Farm
    set address [lindex [$Farm addresses] 0]
    set count [expr {[Opt -quick] ? 3 : 20}]
    set first "PS1=STOP''PED; yes\n"
    foreach {name command} [list ours [TermClient shell [list $address]] \
            ssh [Ssh -tt $address]] {
        PlainTerminal {
            set values [dict get [Hold stop $count $first {*}$command] stop]
        }
        set $name [MedianOf $values]
        set worst,$name [lindex [lsort -real $values] end]
    }
    Row "a flood of yes, Ctrl-C to silence: median / 200 ms" $ours 200 {<= 1.0}
    Row "  ... the worst of $count / 200 ms" ${worst,ours} 200 {<= 1.0}
    Row "  ... median / ssh -t" $ours $ssh {}
}

# Five questions on 200 hosts: one fan-out, and an Expect that has spawned an
# ssh for each. An Expect that has 32 at a time, as the fan-out has, needs less
# than one that begins with all of them: both stand here.
proc bench::dialogue {} {
    variable Farm
    variable Here
    set count [expr {[Opt -quick] ? 20 : 200}]
    set addresses [$Farm addresses]
    while {[llength $addresses] < $count} {
        lappend addresses {*}$addresses
    }
    set addresses [lrange $addresses 0 $count-1]
    if {[auto_execok expect] eq ""} {
        error "expect is not here (Debian: expect)"
    }
    set command [DialogueCommand]
    set kex [list -o KexAlgorithms=curve25519-sha256]
    set contestants [dict create \
        deployer [TermClient dialogue $addresses $command]]
    foreach {name width options} [list expect $count $kex \
            expect-32 32 $kex expect-default $count {}] {
        dict set contestants $name [list expect -n -N \
            [file join $Here terminal.exp] $width $addresses \
            {*}[Ssh -tt {*}$options %s $command]]
    }
    Rounds $contestants
    if {![Has deployer]} {
        return
    }
    foreach name [dict keys $contestants] {
        if {[Has $name] && [Median $name inner ok] != $count} {
            error "$name: [Median $name inner ok] of $count dialogues\
                ended well"
        }
    }
    set cpu [Median deployer cpu]
    foreach {name what limit} {
        expect "all at once" {<= 0.2} expect-32 "32 at a time" {<= 0.2}
        expect-default "all at once, ssh's own key exchange" {}
    } {
        if {[Has $name]} {
            Row "5 questions on $count hosts: CPU / Expect, $what" $cpu \
                [Median $name cpu] $limit
        }
    }
    if {[Has expect-32]} {
        Row "  ... wall / Expect, 32 at a time" [Median deployer wall] \
            [Median expect-32 wall] {}
    }
}

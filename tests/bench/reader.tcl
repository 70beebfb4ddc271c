# reader.tcl -- the benchmark of a line that is typed, for run.tcl.
#
# usage: reader.tcl prompt
#
# Sourced it has the suites key and words. Called it reads lines at a prompt.

if {[info exists ::argv0] && [file tail $::argv0] eq "reader.tcl"} {
    package require deployer
    set r [deployer::Reader new -keys emacs]
    puts READY
    while {[lindex [$r read "\033\[32mprompt\033\[m> "] 0] ne "eof"} {}
    exit
}

# Each key to its echo, against bash and its readline.
proc bench::key {} {
    variable Here
    set count [expr {[Opt -quick] ? 40 : 400}]
    set ours [list [info nameofexecutable] [file join $Here reader.tcl] prompt]
    set bash [list bash --norc --noprofile -i -c \
        {echo READY; while read -e -p "prompt> "; do :; done}]
    set save [array get ::env]
    set ::env(TERM) xterm
    try {
        foreach {what gap} {"5 ms apart" 5 "back to back" 0} {
            set a {}
            set b {}
            for {set round 0} {$round < [Opt -rounds]} {incr round} {
                set result [Hold keys $count $gap {} -- {*}$ours -- {*}$bash]
                lappend a {*}[dict get $result a]
                lappend b {*}[dict get $result b]
            }
            Row "key to its echo at the prompt, $what: median / 2 ms" \
                [MedianOf $a] 2000 {<= 1.0} us
            Row "  ... one of 100 is slower / 2 ms" \
                [lindex [lsort -real $a] end-[expr {[llength $a] / 100}]] \
                2000 {} us
            Row "  ... median / bash" [MedianOf $a] [MedianOf $b] {} us
        }
    } finally {
        array set ::env $save
    }
}

# What a Tab does with 10,000 words.
proc bench::words {} {
    package require deployer
    set words {}
    for {set i 0} {$i < 10000} {incr i} {
        lappend words [list host$i "about host $i" 36 " "]
    }
    set times {}
    set lists {}
    for {set round 0} {$round < 20} {incr round} {
        lappend times [lindex [time {::deployer::ReaderCommon $words}] 0]
        lappend lists [lindex [time {
            ::deployer::ReaderColumns $words 80 24
        }] 0]
    }
    Row "10,000 words, what they have in common / 10 ms" [MedianOf $times] \
        10000 {<= 1.0} us
    Row "  ... as a list of columns / 100 ms" [MedianOf $lists] 100000 \
        {<= 1.0} us
}

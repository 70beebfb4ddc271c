# run.tcl -- the benchmarks: deployer against plain libssh2 and known tools.
#
# usage: tclsh run.tcl ?-quick? ?-rounds N? ?-only SUITES? ?-bin DIR? ?-keep FILE?
#
# Suites: start fan one warm idle, those of terminals (terminal.tcl): keys
# flood stop dialogue, for which "terminal" stands, those of the shell: key
# (reader.tcl) complete (complete.tcl) shellstart (shellstart.tcl), and those of
# files (files.tcl): "files", "delay" and "pipe"; journal, which is what the journal
# of a run costs. Only by name: bulk (bulk.tcl), large streams and files beside
# OpenSSH. All contestants of a suite run in
# turn in each round (A B C A B C), one round for warming up and then the counted
# ones; medians are compared, as ratios. The servers are a farm of
# private sshds on the loopback addresses of this machine. -bin names a
# directory that holds l2 and rusage, maybe l2files, already built (for another
# libssh2); -keep a file that gets all single results.

package require Tcl 8.6

namespace eval bench {
    variable Here [file dirname [file normalize [info script]]]
    variable Options [dict create -quick 0 -rounds 5 -bin {} -keep {} \
        -only {start fan one warm idle terminal files delay pipe journal key
            complete shellstart}]
    variable Samples {}         ;# contestant -> list of dicts
    variable Table {}           ;# rows: text value reference ratio limit
    variable Missed 0
    variable Farm {}            ;# the servers
    variable Build {}           ;# what deployer::buildinfo says, and so
}
source [file join $bench::Here .. sshd.tcl]
source [file join $bench::Here terminal.tcl]
source [file join $bench::Here reader.tcl]
source [file join $bench::Here files.tcl]
source [file join $bench::Here bulk.tcl]
source [file join $bench::Here complete.tcl]
source [file join $bench::Here shellstart.tcl]

proc bench::ParseOptions {argv} {
    variable Options
    while {[llength $argv]} {
        set argv [lassign $argv name]
        if {$name eq "-quick"} {
            dict set Options -quick 1
            dict set Options -rounds 2
        } elseif {[dict exists $Options $name] && [llength $argv]} {
            set argv [lassign $argv value]
            dict set Options $name $value
        } else {
            error "unknown option \"$name\": should be [dict keys $Options]"
        }
    }
}

proc bench::Opt {name} {
    variable Options
    return [dict get $Options $name]
}

# What ssh and those on top of it read in place of the user's files.
proc bench::WriteSshConfig {} {
    variable Farm
    set file [open [file join [$Farm dir] ssh_config] w]
    puts $file [join [list "Port [$Farm port]" "User [$Farm user]" \
        "IdentityFile [$Farm key]" "IdentitiesOnly yes" \
        "IdentityAgent none" "UserKnownHostsFile [$Farm knownhosts]" \
        "GlobalKnownHostsFile /dev/null" "StrictHostKeyChecking yes" \
        "BatchMode yes" "LogLevel ERROR"] \n]
    close $file
}

# deployer::buildinfo of the package that is measured, and "so", the file of it.
proc bench::BuildInfo {} {
    variable Build
    if {$Build eq ""} {
        set Build [exec [info nameofexecutable] << {
            package require deployer
            foreach loaded [info loaded] {
                lassign $loaded path name
                if {$name eq "Deployer"} {
                    puts [list {*}[deployer::buildinfo] so $path]
                }
            }
        }]
    }
    return $Build
}

# How plain libssh2 is compiled and linked: the same that is in deployer, as the
# Makefile of its build directory has it.
proc bench::Ssh2Flags {} {
    set so [dict get [BuildInfo] so]
    catch {set so [file join [file dirname $so] [file readlink $so]]}
    set makefile [file join [file dirname $so] .. Makefile]
    if {[file exists $makefile]} {
        set text [sshd::ReadFile $makefile]
        return [concat {*}[lmap name {SSH2_CFLAGS SSH2_LIBS CRYPTO_LIBS} {
            if {![regexp -line "^$name = *(.*)$" $text -> words]} continue
            set words
        }]]
    }
    if {[dict get [BuildInfo] libssh2kind] eq "private"} {
        error "deployer's libssh2 is its own, and $makefile is not there:\
            measure one in its build directory, or give -bin"
    }
    if {[catch {exec pkg-config --cflags --libs libssh2} ssh2]} {
        return -lssh2
    }
    return $ssh2
}

# The two C programs, into the farm's directory.
proc bench::BuildPrograms {} {
    variable Farm
    variable Here
    if {[Opt -bin] ne ""} {
        return [Opt -bin]
    }
    set dir [$Farm dir]
    set cc [expr {[info exists ::env(CC)] ? $::env(CC) : "cc"}]
    set flags [list -std=c11 -O2]
    exec {*}$cc {*}$flags -o [file join $dir rusage] \
        [file join $Here rusage.c]
    exec {*}$cc {*}$flags -o [file join $dir l2] [file join $Here l2.c] \
        {*}[Ssh2Flags]
    return $dir
}

# Runs a command under rusage. Its last line of output is merged in where it
# is a dict.
proc bench::Measure {argv} {
    variable Farm
    variable Bin
    set file [file join [$Farm dir] usage]
    set code [catch {exec [file join $Bin rusage] $file {*}$argv 2>@1} output]
    set channel [open $file]
    set sample [gets $channel]
    close $channel
    if {$code} {
        error "[lrange $argv 0 2] ... failed: $output"
    }
    set line [lindex [split $output \n] end]
    set inner {}
    if {![catch {dict exists $line mode} is] && $is} {
        set inner $line
    }
    return [dict create wall [dict get $sample wall] \
        cpu [expr {[dict get $sample user] + [dict get $sample sys]}] \
        maxrss [dict get $sample maxrss] inner $inner]
}

# CONTESTANTS: name -> command. One round that does not count, then -rounds.
# A contestant that fails is told about and left out. BEFORE, and the name, are
# called in front of each.
proc bench::Rounds {contestants {before {}}} {
    variable Samples
    set rounds [Opt -rounds]
    for {set round 0} {$round <= $rounds} {incr round} {
        dict for {name argv} $contestants {
            if {$before ne ""} {
                {*}$before $name
            }
            if {[catch {Measure $argv} sample]} {
                puts "$name: $sample"
                dict unset contestants $name
                dict unset Samples $name
                incr ::bench::Missed
                continue
            }
            if {$round > 0} {
                dict lappend Samples $name $sample
            }
            Keep [list $name $round $sample]
        }
    }
}

proc bench::Keep {line} {
    if {[Opt -keep] ne ""} {
        set channel [open [Opt -keep] a]
        puts $channel $line
        close $channel
    }
}

proc bench::Has {name} {
    variable Samples
    return [dict exists $Samples $name]
}

# The median of one figure; "inner KEY" is what the program measured itself.
proc bench::Median {name args} {
    variable Samples
    set values {}
    foreach sample [dict get $Samples $name] {
        lappend values [dict get $sample {*}$args]
    }
    return [MedianOf $values]
}

proc bench::MedianOf {values} {
    set values [lsort -real $values]
    set n [llength $values]
    if {$n % 2} {
        return [lindex $values [expr {$n / 2}]]
    }
    return [expr {([lindex $values [expr {$n / 2 - 1}]]
        + [lindex $values [expr {$n / 2}]]) / 2.0}]
}

# A row of the table: VALUE against REFERENCE. LIMIT: {<= 1.5} or {>= 0.9},
# for the ratio; "" where the row is for information. UNIT of the two.
proc bench::Row {text value reference limit {unit ms}} {
    variable Table
    variable Missed
    set ratio [expr {$reference > 0 ? double($value) / $reference : 0.0}]
    set verdict ""
    if {$limit ne ""} {
        lassign $limit operator bound
        set verdict [expr [list $ratio $operator $bound]]
        if {!$verdict && ![Opt -quick]} {
            incr Missed
        }
        set verdict [expr {$verdict ? "ok"
            : [Opt -quick] ? "(missed)" : "MISSED"}]
    }
    lappend Table [list $text [format "%.1f $unit" $value] \
        [format "%.1f $unit" $reference] [format %.3f $ratio] $limit $verdict]
}

proc bench::PrintTable {} {
    variable Table
    set format "%-58s %12s %12s %8s %-9s %s"
    puts [format $format what measured against ratio limit {}]
    foreach row $Table {
        puts [format $format {*}$row]
    }
    set Table {}
}

# Command lines of the contestants.

proc bench::L2 {mode args} {
    variable Farm
    variable Bin
    return [list [file join $Bin l2] $mode -p [$Farm port] \
        -u [$Farm user] -k [$Farm key] -K [$Farm hostkey ed25519].pub {*}$args]
}

proc bench::Deployer {mode count addresses} {
    variable Farm
    variable Here
    return [list [info nameofexecutable] [file join $Here client.tcl] $mode \
        [$Farm port] [$Farm user] [$Farm key] \
        [$Farm knownhosts] $count {*}$addresses]
}

proc bench::Ssh {args} {
    variable Farm
    return [list ssh -F [file join [$Farm dir] ssh_config] {*}$args]
}

# Suites.

# Words that run a command with tcllib out of sight, whose 130 package indexes
# any `package require` reads; {} where that is not possible.
proc bench::WithoutTcllib {} {
    set hide {for d in /usr/share/tcltk/tcllib*; do
        mount -t tmpfs none "$d" || exit; done; exec "$@"}
    set words [list unshare -m sh -c $hide sh]
    if {[catch {exec {*}$words true}]} {
        return {}
    }
    return $words
}

# Tcl's own search for packages is most of it where many are installed, so an
# empty package is looked for as well.
proc bench::start {} {
    variable Farm
    set dir [$Farm dir]
    set index [file join $dir empty pkgIndex.tcl]
    file mkdir [file dirname $index]
    foreach {path text} [list \
            $index "package ifneeded empty 1.0 {package provide empty 1.0}" \
            [file join $dir bare.tcl] exit \
            [file join $dir search.tcl] \
                "lappend auto_path $dir; package require empty; exit" \
            [file join $dir required.tcl] "package require deployer; exit"] {
        set file [open $path w]
        puts $file $text
        close $file
    }
    set tclsh [info nameofexecutable]
    set hidden [WithoutTcllib]
    if {$hidden eq ""} {
        puts "tcllib cannot be hidden here (mount namespaces want root)"
    }
    for {set i 0} {$i < ([Opt -quick] ? 7 : 25)} {incr i} {
        foreach name {bare search required} {
            set command [list $tclsh [file join $dir $name.tcl]]
            foreach prefix [list {} $hidden] set {all base} {
                if {$set eq "base" && $prefix eq ""} {
                    continue
                }
                set sample [Measure [concat $prefix $command]]
                foreach kind {wall cpu} {
                    dict lappend samples $set,$name,$kind \
                        [dict get $sample $kind]
                }
            }
        }
    }
    foreach {set what limit} {
        base "tcllib not installed" {<= 1.0}
        all "as installed here" {<= 1.0}
    } {
        if {$set eq "base" && $hidden eq ""} {
            continue
        }
        foreach kind {wall cpu} {
            foreach name {bare search required} {
                set $name [MedianOf [dict get $samples $set,$name,$kind]]
            }
            Row "package require deployer, $what: added to tclsh, $kind" \
                [expr {$required - $bare}] 15 \
                [expr {$kind eq "wall" ? $limit : ""}]
            Row "  ... of which is Tcl's search for any package" \
                [expr {$search - $bare}] [expr {$required - $bare}] {}
        }
    }
}

# What a command of a run of 20 costs is limited; the rest tells where that goes. A
# cell is an action beside its command. Against: what the same takes without.
proc bench::journal {} {
    variable Farm
    variable Here
    set sample [Measure [list [info nameofexecutable] \
        [file join $Here journal.tcl] [$Farm port] [$Farm user] [$Farm key] \
        [$Farm knownhosts] [lindex [$Farm addresses] 0] \
        [expr {[Opt -quick] ? 10 : 100}]]]
    set found [dict get $sample inner]
    foreach {kind what} {
        run "a command over SSH" cell "a cell with one command, local"
    } {
        Row "journal of $what, 20 a run, CPU / 20 us" \
            [dict get $found $kind,20,more] 20 {<= 1.0} us
        Row "  ... give or take" [dict get $found $kind,20,spread] 20 {} us
        foreach count {1 20 200} {
            Row "  ... for each of $count a run / all of it" \
                [dict get $found $kind,$count,more] \
                [dict get $found $kind,$count] {} us
        }
        Row "  ... each more, from 20 to 200 a run / 20 us" \
            [dict get $found $kind,slope] 20 {} us
        Row "  ... and the run itself / 120 us" [dict get $found $kind,own] \
            120 {} us
    }
    Row "  of a run, to make a file on this disk / 120 us" \
        [dict get $found file] 120 {} us
    Row "  of a run, to look for old journals / 120 us" \
        [dict get $found tidy] 120 {} us
}

proc bench::fan {} {
    variable Farm
    set addresses [lrange [$Farm addresses] 0 \
        [expr {[Opt -quick] ? 29 : 99}]]
    set n [llength $addresses]
    set list [file join [$Farm dir] addresses]
    set file [open $list w]
    puts $file [join $addresses \n]
    close $file
    set xargs [list xargs -a $list -P32 -I%]
    set contestants [dict create \
        l2 [L2 fan -c 32 {*}$addresses] \
        deployer [Deployer fan 1 $addresses] \
        xargs-ssh-c25519 [concat $xargs \
            [Ssh -o KexAlgorithms=curve25519-sha256 % true]] \
        xargs-ssh [concat $xargs [Ssh % true]]]
    if {[auto_execok clush] ne ""} {
        dict set contestants clush [list clush -f 32 -w \
            [join $addresses ,] -o "-F [file join [$Farm dir] ssh_config]" true]
    } else {
        puts "clush is not here (Debian: clustershell): left out"
    }
    Rounds $contestants
    if {![Has l2] || ![Has deployer]} {
        return
    }
    set cpu [Median deployer cpu]
    Row "true on $n cold hosts, 32 at once: client CPU / plain libssh2" \
        $cpu [Median l2 cpu] {<= 1.5}
    foreach {name limit} {clush 60 xargs-ssh-c25519 8 xargs-ssh {}} {
        if {[Has $name]} {
            Row "  ... / $name" $cpu [Median $name cpu] \
                [expr {$limit eq "" ? "" : [format "<= %.4f" [expr {1.0 / $limit}]]}]
        }
    }
    Row "  ... wall / plain libssh2" [Median deployer wall] \
        [Median l2 wall] {<= 1.15}
    foreach name {xargs-ssh-c25519 xargs-ssh clush} {
        if {[Has $name]} {
            Row "  ... wall / $name" [Median deployer wall] \
                [Median $name wall] {}
        }
    }
    Row "  ... wall of the fan-out alone (without the process's start)" \
        [Median deployer inner wall] [Median l2 inner wall] {}
    Row "  ... peak memory" [Median deployer maxrss] [Median l2 maxrss] {} kB
}

proc bench::one {} {
    variable Farm
    set address [lindex [$Farm addresses] 0]
    set save [Opt -rounds]
    dict set ::bench::Options -rounds [expr {$save * 4}]
    Rounds [dict create \
        l2-one [L2 one $address] \
        deployer-one [Deployer one 1 [list $address]] \
        ssh-c25519-one [Ssh -o KexAlgorithms=curve25519-sha256 $address true] \
        ssh-one [Ssh $address true]]
    dict set ::bench::Options -rounds $save
    if {![Has l2-one] || ![Has deployer-one]} {
        return
    }
    set wall [Median deployer-one inner wall]
    Row "one cold host, connect to first result: wall / 40 ms" $wall 40 \
        {<= 1.0}
    # The same limit without the speed of the machine: 40 to its 34 ms.
    Row "  ... / plain libssh2" $wall [Median l2-one inner result] {<= 1.18}
    foreach name {ssh-c25519-one ssh-one} {
        if {[Has $name]} {
            Row "  ... with the process's start / $name" \
                [Median deployer-one wall] [Median $name wall] {}
        }
    }
}

proc bench::warm {} {
    variable Farm
    set address [lindex [$Farm addresses] 0]
    set count [expr {[Opt -quick] ? 200 : 1000}]
    set socket [file join [$Farm dir] master]
    set loop [format {i=0; while [ $i -lt %d ]; do %s; i=$((i+1)); done} \
        $count [Ssh -S $socket $address true]]
    exec {*}[Ssh -S $socket -fNM $address] >& /dev/null
    Rounds [dict create \
        l2-seq [L2 seq -n $count $address] \
        deployer-seq [Deployer seq $count [list $address]] \
        l2-par8 [L2 par8 -n $count $address] \
        deployer-par8 [Deployer par8 $count [list $address]] \
        controlmaster [list sh -c $loop]]
    catch {exec {*}[Ssh -S $socket -O exit $address] >& /dev/null}
    if {[Has l2-seq] && [Has deployer-seq]} {
        Row "$count true in turn on one connection: wall / plain libssh2" \
            [Median deployer-seq inner wall] [Median l2-seq inner wall] \
            {<= 1.2}
        Row "  ... client CPU / plain libssh2" [Median deployer-seq cpu] \
            [Median l2-seq cpu] {<= 3.0}
        if {[Has controlmaster]} {
            Row "  ... wall / ssh over ControlMaster" \
                [Median deployer-seq wall] [Median controlmaster wall] {}
            Row "  ... client CPU / ssh over ControlMaster" \
                [Median deployer-seq cpu] [Median controlmaster cpu] {}
        }
    }
    if {[Has l2-par8] && [Has deployer-par8]} {
        Row "$count true, eight at a time: rate / plain libssh2" \
            [expr {1e3 * $count / [Median deployer-par8 inner wall]}] \
            [expr {1e3 * $count / [Median l2-par8 inner wall]}] {>= 0.9} /s
        Row "  ... client CPU / plain libssh2" [Median deployer-par8 cpu] \
            [Median l2-par8 cpu] {}
    }
}

# Once: it takes the servers a minute.
proc bench::idle {} {
    variable Farm
    variable Missed
    set each [expr {[Opt -quick] ? 3 : 50}]
    set addresses [$Farm addresses]
    set n [expr {$each * [llength $addresses]}]
    set limit [lindex [exec sh -c {ulimit -n}] 0]
    if {$limit ne "unlimited" && $limit < $n + 200} {
        puts "$n connections need ulimit -n of [expr {$n + 200}]: $limit here"
        incr Missed
        return
    }
    if {[catch {Measure [Deployer idle $each $addresses]} sample]} {
        puts "idle: $sample"
        incr Missed
        return
    }
    Keep [list idle 0 $sample]
    set inner [dict get $sample inner]
    foreach {key want text} [list ok $n "commands that ran" \
            connected $n "connections that stand" \
            exec 1 "exec works meanwhile" \
            fileevent 1 "fileevent on an ordinary file works meanwhile" \
            again 1 "a command on a connection that was idle works"] {
        Row "$n connections in one interpreter: $text" \
            [dict get $inner $key] $want {== 1.0} ""
    }
    set plain [dict get [Measure [L2 idle -n 3 {*}$addresses]] inner]
    Row "  ... memory of each, idle / plain libssh2" \
        [dict get $inner kbeach] [dict get $plain kbeach] {} kB
    Row "  ... time to connect and run true on all / s" \
        [expr {[dict get $inner wall] / 1e3}] 1 {} s
}

# What stands under every figure: versions, and the key exchanges compared.
proc bench::PrintFacts {} {
    variable Farm
    set address [lindex [$Farm addresses] 0]
    catch {exec ssh -V 2>@1} version
    catch {exec {*}[Ssh -v -o LogLevel=DEBUG1 $address true] 2>@1} output
    set kex ?
    regexp {kex: algorithm: (\S+)} $output -> kex
    set plain [Measure [L2 one $address]]
    puts "$version, libssh2 [dict get $plain inner libssh2] and deployer's\
        [dict get [BuildInfo] libssh2] ([dict get [BuildInfo] libssh2kind]),\
        Tcl [info patchlevel], [exec nproc] cores\
        ([string trim [lindex [split [exec uptime] ,] end-2]])"
    puts "Servers and clients share these cores: wall time is mostly the\
        servers'; client CPU is the figure to compare."
    puts "The default key exchange of ssh here is $kex. libssh2 has no\
        post-quantum key exchange (curve25519-sha256 is its best), which is\
        a difference in security and not only in cost: where ssh runs with\
        its defaults (xargs-ssh, clush, ssh-one) the ratios owe most to that;\
        the c25519 rows are the same key exchange on both sides."
}

# The suites that -only names, groups taken apart.
proc bench::Suites {} {
    set groups {
        terminal {keys flood stop dialogue} key {key words} files {stream large channel small}
        delay {farlarge farsmall} pipe {hostpipe memory tee}
    }
    return [concat {*}[lmap name [Opt -only] {
        expr {[dict exists $groups $name] ? [dict get $groups $name] : $name}
    }]]
}

proc bench::main {argv} {
    variable Bin
    variable Missed
    variable Farm
    ParseOptions $argv
    set home [sshd::TempDir]
    # Runs keep their journals, as anywhere; these are nobody's.
    set ::env(XDG_STATE_HOME) [file join $home state]
    # The same for all: no start-up files of the user's, one kind of host key.
    set Farm [sshd::farm new -count 100 -hostkeys ed25519 -maxsessions 100 \
        -config "SetEnv HOME=$home\nMaxStartups 20000"]
    try {
        WriteSshConfig
        set Bin [BuildPrograms]
        PrintFacts
        foreach suite [Suites] {
            puts "\n== $suite"
            if {[catch $suite message]} {
                puts "$suite: $message"
                incr Missed
            }
            PrintTable
        }
    } finally {
        FileCleanup
        $Farm destroy
        file delete -force $home
    }
    if {[Opt -quick]} {
        puts "\nA quick run has too few hosts, commands and rounds for the\
            limits: they are not judged."
    }
    puts "\n$Missed missed"
    return [expr {$Missed > 0}]
}

exit [bench::main $argv]

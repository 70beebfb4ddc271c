# files.tcl -- the benchmarks of files, streams and pipes, for run.tcl.
#
# usage: files.tcl MODE PORT USER KEYFILE KNOWNHOSTS ADDRESSES ARG ...
#
# Sourced it has the suites stream large channel small (for which "files"
# stands), farlarge farsmall ("delay") and hostpipe memory tee ("pipe"). Called
# it is the deployer's side of them and prints a dict as client.tcl does: wall
# and cpu are those of the work alone, on connections that stand.
#
# All servers run on this machine. Files lie in memory where there is room, so
# that no disk is measured.

namespace eval fileclient {
    variable Done
}

proc fileclient::Hosts {port user key knownhosts addresses} {
    set hosts {}
    foreach address $addresses {
        lappend hosts [deployer::sshhost new -slug h[llength $hosts] \
            -address $address -port $port -username $user \
            -keyfile [list $key] -knownhosts $knownhosts -hostkey strict \
            -config {} -agent 0]
    }
    foreach host $hosts {
        $host connect
    }
    return $hosts
}

# What this process has used, in ms; counted in hundredths of a second.
proc fileclient::Cpu {} {
    set file [open /proc/self/stat]
    set line [read $file]
    close $file
    regexp {\) (.*)} $line -> fields
    return [expr {10 * ([lindex $fields 11] + [lindex $fields 12])}]
}

proc fileclient::Timed script {
    set cpu [Cpu]
    set start [clock microseconds]
    uplevel 1 $script
    return [list wall [expr {([clock microseconds] - $start) / 1e3}] \
        cpu [expr {[Cpu] - $cpu}]]
}

# fcopy to its end, in the event loop.
proc fileclient::Copy {from to args} {
    variable Done
    fcopy $from $to {*}$args -command {set ::fileclient::Done}
    vwait ::fileclient::Done
    if {[llength $Done] > 1} {
        error [lindex $Done 1]
    }
    return [lindex $Done 0]
}

# The cipher of a connection, for the others to use the same.
proc fileclient::cipher {hosts} {
    set info [deployer::core::ssh info \
        [set [info object namespace [lindex $hosts 0]]::Session]]
    return [list cipher [dict get $info cipher] mac [dict get $info mac]]
}

# BUFFER: what the file on this side is given by chan configure -buffersize.
proc fileclient::down {hosts bytes buffer} {
    return [Timed {
        set process [[lindex $hosts 0] process "head -c $bytes /dev/zero"]
        set sink [open /dev/null wb]
        chan configure $sink -buffersize $buffer
        chan configure [$process stdout] -translation binary
        if {[Copy [$process stdout] $sink] != $bytes} {
            error "not all came"
        }
        close $sink
        $process wait
    }]
}

proc fileclient::up {hosts bytes buffer {from /dev/zero}} {
    return [Timed {
        set process [[lindex $hosts 0] process {cat >/dev/null}]
        set source [open $from rb]
        chan configure $source -buffersize $buffer
        chan configure [$process stdin] -translation binary
        if {[Copy $source [$process stdin] -size $bytes] != $bytes} {
            error "not all went"
        }
        close $source
        close [$process stdin]
        $process wait
    }]
}

# A remote file as a channel.
proc fileclient::chanread {hosts path buffer} {
    set bytes [file size $path]
    return [Timed {
        set source [[lindex $hosts 0] open $path rb]
        set sink [open /dev/null wb]
        chan configure $sink -buffersize $buffer
        if {[Copy $source $sink] != $bytes} {
            error "not all came"
        }
        close $source
        close $sink
    }]
}

proc fileclient::chanwrite {hosts from to buffer} {
    set bytes [file size $from]
    return [Timed {
        set source [open $from rb]
        chan configure $source -buffersize $buffer
        set sink [[lindex $hosts 0] open $to wb]
        if {[Copy $source $sink] != $bytes} {
            error "not all went"
        }
        close $source
        close $sink
    }]
}

proc fileclient::get {hosts from to args} {
    return [Timed {
        [lindex $hosts 0] get {*}$args $from $to
    }]
}

proc fileclient::put {hosts from to args} {
    return [Timed {
        [lindex $hosts 0] put {*}$args $from $to
    }]
}

# COUNT pipes between two hosts, one after another.
proc fileclient::pipe {hosts bytes {count 1}} {
    return [Timed {
        for {set i 1} {$i <= $count} {incr i} {
            Pipe [lindex $hosts 0] $bytes [lindex $hosts $i]
        }
    }]
}

proc fileclient::pipes {hosts bytes count} {
    variable Done
    return [Timed {
        for {set i 1} {$i <= $count} {incr i} {
            coroutine pipe$i apply {{from bytes to} {
                ::fileclient::Pipe $from $bytes $to
                incr ::fileclient::Done
            } ::} [lindex $hosts 0] $bytes [lindex $hosts $i]
        }
        set Done 0
        while {$Done < $count} {
            vwait ::fileclient::Done
        }
    }]
}

# One source into all other hosts.
proc fileclient::tee {hosts bytes} {
    return [Timed {
        Pipe [lindex $hosts 0] $bytes {*}[lrange $hosts 1 end]
    }]
}

proc fileclient::Pipe {from bytes args} {
    set source [$from process "head -c $bytes /dev/zero"]
    set sinks [lmap host $args {$host process {cat >/dev/null}}]
    set result [deployer::pipe $source {*}$sinks]
    if {[dict get $result bytes] != $bytes} {
        error "not all went: $result"
    }
    foreach process [list $source {*}$sinks] {
        $process destroy
    }
}

# As much as a pipe before anything flows, for its memory.
proc fileclient::idle {hosts} {
    foreach host $hosts {
        $host run true
    }
    return [list wall 0 cpu 0]
}

if {[info exists ::argv0] && [file tail $::argv0] eq "files.tcl"} {
    package require deployer
    set ::hosts [fileclient::Hosts {*}[lrange $argv 1 5]]
    puts [list mode [lindex $argv 0] \
        {*}[fileclient::[lindex $argv 0] $::hosts {*}[lrange $argv 6 end]]]
    exit
}

# The suites. Work: directory of the files, made once.

namespace eval bench {
    variable Work {}
    variable Relay {}           ;# of the delay: dict of pipe, port, knownhosts
    variable Cipher {}
}

proc bench::FileWork {} {
    variable Work
    variable Farm
    if {$Work eq ""} {
        set base [$Farm dir]
        set room 0
        catch {set room [lindex [exec df -Pk /dev/shm | tail -n 1] 3]}
        if {$room > 2 << 20} {
            set base /dev/shm
        }
        set Work [exec mktemp -d [file join $base deployer-XXXXXXXX]]
    }
    return $Work
}

proc bench::FileCleanup {} {
    variable Work
    variable Relay
    if {$Relay ne ""} {
        close [dict get $Relay pipe]
        set Relay {}
    }
    if {$Work ne ""} {
        file delete -force $Work
        set Work {}
    }
}

# A file of random bytes, made on first use.
proc bench::BigFile {mib} {
    set path [file join [FileWork] big$mib]
    if {![file exists $path]} {
        exec head -c [expr {$mib << 20}] /dev/urandom > $path
    }
    return $path
}

# COUNT files of 4 KiB, 100 in a directory.
proc bench::SmallFiles {count} {
    set dir [file join [FileWork] small$count]
    if {[file exists $dir]} {
        return $dir
    }
    set random [open /dev/urandom rb]
    for {set i 0} {$i < $count} {incr i} {
        set sub [file join $dir dir[expr {$i / 100}]]
        file mkdir $sub
        set file [open [file join $sub file$i] wb]
        puts -nonewline $file [read $random 4096]
        close $file
    }
    close $random
    return $dir
}

proc bench::FileProgram {name args} {
    variable Farm
    variable Here
    set program [file join [$Farm dir] $name]
    if {![file exists $program]} {
        set cc [expr {[info exists ::env(CC)] ? $::env(CC) : "cc"}]
        exec {*}$cc -std=c11 -O2 -o $program [file join $Here $name.c] {*}$args
    }
    return $program
}

# The plain C loop, with deployer's cipher. PLACE: {port ?options?} of another
# way to the server.
proc bench::L2Files {mode options args} {
    variable Farm
    variable Cipher
    if {[file executable [file join [Opt -bin] l2files]] && [Opt -bin] ne ""} {
        set program [file join [Opt -bin] l2files]
    } else {
        set program [FileProgram l2files {*}[Ssh2Flags]]
    }
    if {$Cipher eq ""} {
        puts "Cipher of deployer and of the C loops: [dict get [CipherOf] cipher],\
            [dict get $Cipher mac]"
    }
    return [list $program $mode -u [$Farm user] -k [$Farm key] \
        -K [$Farm hostkey ed25519].pub -c [dict get $Cipher cipher] \
        -p [$Farm port] {*}$options {*}$args]
}

# What deployer takes of itself: dict of cipher and mac.
proc bench::CipherOf {} {
    variable Farm
    variable Cipher
    if {$Cipher eq ""} {
        set sample [Measure [FileClient cipher {} \
            [lrange [$Farm addresses] 0 0]]]
        set Cipher [dict get $sample inner]
    }
    return $Cipher
}

# PLACE: {} or {PORT KNOWNHOSTS} of a way around.
proc bench::FileClient {mode place addresses args} {
    variable Farm
    variable Here
    if {$place eq ""} {
        set place [list [$Farm port] [$Farm knownhosts]]
    }
    lassign $place port knownhosts
    return [list [info nameofexecutable] [file join $Here files.tcl] $mode \
        $port [$Farm user] [$Farm key] $knownhosts $addresses {*}$args]
}

# OpenSSH's sftp with the one command LINE.
proc bench::Sftp {name place address line args} {
    variable Farm
    set batch [file join [FileWork] batch-$name]
    set file [open $batch w]
    puts $file $line
    close $file
    set options {}
    if {$place ne ""} {
        set options [list -o Port=[lindex $place 0] \
            -o UserKnownHostsFile=[lindex $place 1]]
    }
    return [list sftp -q {*}$args {*}$options \
        -F [file join [$Farm dir] ssh_config] -b $batch $address]
}

# Options that give OpenSSH the cipher of the others.
proc bench::SameCipher {} {
    variable Cipher
    set options [list -o Ciphers=[dict get $Cipher cipher]]
    if {![string match *gcm* [dict get $Cipher cipher]]} {
        lappend options -o MACs=[dict get $Cipher mac]
    }
    return $options
}

# The smallest median of those of NAMES that ran; "" where none did.
proc bench::Best {names args} {
    set values [lmap name $names {
        if {![Has $name]} continue
        Median $name {*}$args
    }]
    return [lindex [lsort -real $values] 0]
}

# A row of rates from two times for the same bytes.
proc bench::RateRow {text mib ms reference limit} {
    if {$reference ne ""} {
        Row $text [expr {1e3 * $mib / $ms}] [expr {1e3 * $mib / $reference}] \
            $limit MiB/s
    }
}

# That a benchmark which copies nothing is not the fastest.
proc bench::SameFiles {a b} {
    if {[catch {exec diff -rq $a $b} message]} {
        error "a transfer is wrong: $message"
    }
}

# What streams carry, both ways, through fcopy: with a file whose buffer was
# made larger, and with Tcl's default of 4 KiB: fcopy reads a file by that much,
# and asks the notifier's thread before each of it.
proc bench::stream {} {
    variable Farm
    set address [lindex [$Farm addresses] 0]
    set mib [expr {[Opt -quick] ? 64 : 512}]
    set bytes [expr {$mib << 20}]
    set commands [dict create down "head -c $bytes /dev/zero" \
        up {cat >/dev/null}]
    set contestants {}
    foreach {way size} [list down {} up [list $bytes]] {
        set command [dict get $commands $way]
        dict set contestants l2-$way \
            [L2Files $way {} $address $command {*}$size]
        dict set contestants l2-poll-$way \
            [L2Files $way -n $address $command {*}$size]
        foreach buffer {4096 65536 1048576} {
            dict set contestants deployer-$way-$buffer \
                [FileClient $way {} [list $address] $bytes $buffer]
        }
    }
    dict set contestants ssh-down [list sh -c {exec "$@" >/dev/null} sh \
        {*}[Ssh $address [dict get $commands down]]]
    dict set contestants ssh-up [list sh -c {
        bytes=$1; shift; head -c $bytes /dev/zero | "$@"
    } sh $bytes {*}[Ssh $address [dict get $commands up]]]
    Rounds $contestants
    foreach way {down up} {
        set plain [list l2-$way l2-poll-$way]
        foreach {buffer text} {
            1048576 ", file buffer 1 MiB" 65536 ", file buffer 64 KiB"
            4096 ", file buffer 4 KiB (default)"
        } {
            set name deployer-$way-$buffer
            if {![Has $name]} continue
            RateRow "$mib MiB $way, fcopy$text: rate / plain libssh2" $mib \
                [Median $name inner wall] [Best $plain inner wall] {>= 0.9}
            Row "  ... client CPU / plain libssh2" \
                [Median $name inner cpu] [Best $plain inner cpu] {}
            RateRow "  ... with the process's start: rate / ssh" $mib \
                [Median $name wall] [Best ssh-$way wall] {}
        }
    }
}

# One large file. PLACE as for FileClient; LIMITS: against plain libssh2,
# against OpenSSH's sftp.
proc bench::LargeFile {place address mib text limits} {
    variable Farm
    set file [BigFile $mib]
    set target [file join [FileWork] target]
    set port [expr {$place eq "" ? {} : [list -p [lindex $place 0]]}]
    set tag [expr {$place eq "" ? "" : "-far"}]
    set contestants {}
    foreach way {get put} {
        # Enough under way for the delay, and once polling.
        foreach {name options} {l2 {-b 1048576} l2-poll {-n -b 1048576}
                l2-deep {-b 8388608}} {
            dict set contestants $name-$way$tag [L2Files $way \
                [concat $port $options] $address $file $target]
        }
        dict set contestants deployer-$way$tag \
            [FileClient $way $place [list $address] $file $target]
        dict set contestants sftp-$way$tag [Sftp $way $place $address \
            "$way $file $target"]
        dict set contestants sftp-same-$way$tag [Sftp $way $place $address \
            "$way $file $target" {*}[SameCipher]]
    }
    Rounds $contestants [list ::bench::FreshTarget $file $target]
    SameFiles $file $target
    file delete $target
    lassign $limits plainlimit sftplimit
    foreach way {get put} {
        set name deployer-$way$tag
        if {![Has $name]} continue
        set plain [list l2-$way$tag l2-poll-$way$tag l2-deep-$way$tag]
        RateRow "$way $mib MiB$text: rate / plain libssh2" $mib \
            [Median $name inner wall] [Best $plain inner wall] $plainlimit
        Row "  ... client CPU / plain libssh2" [Median $name inner cpu] \
            [Best $plain inner cpu] {}
        RateRow "  ... with the process's start: rate / sftp" $mib \
            [Median $name wall] [Best sftp-$way$tag wall] $sftplimit
        RateRow "  ... the same / sftp with this cipher" $mib \
            [Median $name wall] [Best sftp-same-$way$tag wall] {}
        if {[Has sftp-$way$tag]} {
            Row "  ... client CPU / sftp" [Median $name cpu] \
                [Median sftp-$way$tag cpu] {}
        }
        Row "  ... peak memory" [Median $name maxrss] \
            [Median l2-$way$tag maxrss] {} kB
    }
}

# Before each contestant: what the one before has made is compared and gone.
# Then a file of the target's size is written and removed: a virtual machine may
# give memory back to its host that has been free for some seconds, and whoever
# writes a file next pays for it. That would be the first of those that write
# one, after others that write none.
proc bench::FreshTarget {source target name} {
    if {[file exists $target]} {
        SameFiles $source $target
        file delete -force $target
    }
    file copy $source $target
    file delete -force $target
}

proc bench::large {} {
    variable Farm
    LargeFile {} [lindex [$Farm addresses] 0] \
        [expr {[Opt -quick] ? 32 : 256}] "" {{>= 0.95} {}}
}

# The same file as a channel of `open`, through fcopy. The C loop writes a file
# that it gets, so here it does.
proc bench::channel {} {
    variable Farm
    set address [lindex [$Farm addresses] 0]
    set mib [expr {[Opt -quick] ? 32 : 256}]
    set file [BigFile $mib]
    set target [file join [FileWork] target]
    set contestants [dict create \
        deployer-chanread [FileClient chanread {} [list $address] $file \
            1048576] \
        deployer-chanwrite [FileClient chanwrite {} [list $address] $file \
            $target 1048576]]
    foreach way {get put} {
        foreach {name options} {l2 {-b 1048576} l2-poll {-n -b 1048576}} {
            dict set contestants $name-chan$way [L2Files $way $options \
                $address $file $target]
        }
    }
    Rounds $contestants [list ::bench::FreshTarget $file $target]
    SameFiles $file $target
    file delete $target
    foreach {name way text} {
        deployer-chanread get "read from a channel of open"
        deployer-chanwrite put "written to a channel of open"
    } {
        if {![Has $name]} continue
        set plain [list l2-chan$way l2-poll-chan$way]
        RateRow "$mib MiB $text: rate / plain libssh2" $mib \
            [Median $name inner wall] [Best $plain inner wall] {}
        Row "  ... client CPU / plain libssh2" [Median $name inner cpu] \
            [Best $plain inner cpu] {}
    }
}

# Many small files. FACTOR: so many times faster than `sftp -r`.
proc bench::SmallTree {place address count text factor} {
    set dir [SmallFiles $count]
    set target [file join [FileWork] target]
    set tag [expr {$place eq "" ? "" : "-far"}]
    set contestants [dict create \
        sftp-nothing$tag [Sftp nothing $place $address pwd]]
    foreach way {get put} {
        dict set contestants deployer-$way-r$tag [FileClient $way $place \
            [list $address] $dir $target -recursive]
        dict set contestants sftp-$way-r$tag [Sftp $way-r $place $address \
            "$way -r $dir $target"]
    }
    Rounds $contestants [list ::bench::FreshTarget $dir $target]
    SameFiles $dir $target
    file delete -force $target
    foreach way {get put} {
        set name deployer-$way-r$tag
        if {![Has $name] || ![Has sftp-$way-r$tag]} continue
        Row "$way $count files of 4 KiB$text: wall / sftp -r" \
            [Median $name wall] [Median sftp-$way-r$tag wall] \
            [list <= [expr {1.0 / $factor}]]
        if {[Has sftp-nothing$tag]} {
            Row "  ... of the transfer alone" [Median $name inner wall] \
                [expr {[Median sftp-$way-r$tag wall]
                    - [Median sftp-nothing$tag wall]}] {}
        }
        Row "  ... client CPU" [Median $name cpu] \
            [Median sftp-$way-r$tag cpu] {}
    }
}

proc bench::small {} {
    variable Farm
    SmallTree {} [lindex [$Farm addresses] 0] \
        [expr {[Opt -quick] ? 200 : 2000}] "" 2
}

# The way to the first server through a line of 20 ms: {PORT KNOWNHOSTS}.
proc bench::LongLine {} {
    variable Farm
    variable Relay
    if {$Relay eq ""} {
        set pipe [open [list |[FileProgram relay] 20 127.0.0.1 \
            [lindex [$Farm addresses] 0] [$Farm port]] r+]
        set port [gets $pipe]
        set knownhosts [file join [FileWork] known_hosts]
        set key [open [$Farm hostkey ed25519].pub]
        set file [open $knownhosts w]
        puts $file "\[127.0.0.1\]:$port [lrange [gets $key] 0 1]"
        close $file
        close $key
        set Relay [dict create pipe $pipe port $port knownhosts $knownhosts]
    }
    return [list [dict get $Relay port] [dict get $Relay knownhosts]]
}

proc bench::farlarge {} {
    LargeFile [LongLine] 127.0.0.1 [expr {[Opt -quick] ? 32 : 256}] \
        ", 20 ms each way" {{} {>= 1.0}}
}

proc bench::farsmall {} {
    SmallTree [LongLine] 127.0.0.1 [expr {[Opt -quick] ? 40 : 200}] \
        ", 20 ms each way" 10
}

# From one host to another.
proc bench::hostpipe {} {
    variable Farm
    lassign [$Farm addresses] a b
    set mib [expr {[Opt -quick] ? 64 : 512}]
    set bytes [expr {$mib << 20}]
    set source "head -c $bytes /dev/zero"
    set sink {cat >/dev/null}
    set contestants [dict create \
        l2-pipe [L2Files pipe {} $a $source $b $sink] \
        deployer-pipe [FileClient pipe {} [list $a $b] $bytes]]
    # Quoted for the shell that joins them.
    foreach {name options} [list ssh-pipe {} ssh-same-pipe [SameCipher]] {
        dict set contestants $name [list sh -c [format {%s '%s' | %s '%s'} \
            [Ssh {*}$options $a] $source [Ssh {*}$options $b] $sink]]
    }
    Rounds $contestants
    if {![Has deployer-pipe] || ![Has l2-pipe]} {
        return
    }
    Row "$mib MiB from host to host: wall / plain libssh2" \
        [Median deployer-pipe inner wall] [Median l2-pipe inner wall] \
        {<= 1.15}
    Row "  ... client CPU / plain libssh2" [Median deployer-pipe inner cpu] \
        [Median l2-pipe inner cpu] {<= 1.15}
    foreach {name what} {ssh-pipe "ssh A | ssh B"
            ssh-same-pipe "ssh A | ssh B, this cipher"} {
        if {[Has $name]} {
            Row "  ... wall / $what" [Median deployer-pipe wall] \
                [Median $name wall] {}
            Row "  ... client CPU / $what" [Median deployer-pipe cpu] \
                [Median $name cpu] {}
        }
    }
}

# Once: 10 GiB take a minute or two.
proc bench::memory {} {
    variable Farm
    variable Missed
    set addresses [lrange [$Farm addresses] 0 1]
    set idle [dict get [Measure [FileClient idle {} $addresses]] maxrss]
    foreach mib [list 100 [expr {[Opt -quick] ? 1024 : 10240}]] {
        if {[catch {
            Measure [FileClient pipe {} $addresses [expr {$mib << 20}]]
        } sample]} {
            puts "memory: $sample"
            incr Missed
            return
        }
        Keep [list memory-$mib 0 $sample]
        Row "peak memory of a pipe of $mib MiB, above idle / 32 MiB" \
            [expr {[dict get $sample maxrss] - $idle}] 32768 {<= 1.0} kB
    }
    Row "  ... of the whole process / idle" [dict get $sample maxrss] $idle \
        {} kB
}

# One source to eight hosts, and eight pipes, which one process makes one after
# another on the same connections.
proc bench::tee {} {
    variable Farm
    set addresses [lrange [$Farm addresses] 0 8]
    set mib [expr {[Opt -quick] ? 16 : 128}]
    set bytes [expr {$mib << 20}]
    lassign $addresses a b
    Rounds [dict create \
        deployer-tee [FileClient tee {} $addresses $bytes] \
        deployer-pipes [FileClient pipe {} $addresses $bytes 8] \
        deployer-atonce [FileClient pipes {} $addresses $bytes 8] \
        l2-tee-down [L2Files down {} $a "head -c $bytes /dev/zero"] \
        l2-tee-up [L2Files up {} $b {cat >/dev/null} $bytes]]
    if {![Has deployer-tee]} {
        return
    }
    if {[Has l2-tee-down] && [Has l2-tee-up]} {
        # What nobody can save: the source is deciphered once, and for each
        # sink, which has a key of its own, all is enciphered.
        set down [Median l2-tee-down inner cpu]
        set up [Median l2-tee-up inner cpu]
        Row "... the same of plain libssh2: down once, up eight times, cpu" \
            [expr {$down + 8 * $up}] [expr {8 * ($down + $up)}] {}
    }
    foreach {name what limit} {
        deployer-pipes "eight pipes in turn" {<= 0.5}
        deployer-atonce "eight pipes at once" {}
    } {
        if {[Has $name]} {
            foreach kind {wall cpu} {
                Row "$mib MiB from one host to eight: $kind / $what" \
                    [Median deployer-tee inner $kind] \
                    [Median $name inner $kind] $limit
            }
        }
    }
}

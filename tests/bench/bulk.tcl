# bulk.tcl -- the benchmark of large streams and files beside OpenSSH, for run.tcl.
#
# The suite bulk: 512 MiB down and up through a process and fcopy, one file of
# 256 MiB by get and put, 512 MiB from host to host; against OpenSSH's ssh, sftp
# and scp with the cipher that deployer takes, and with their default. Wall and CPU
# are those of whole programs, from start to end, log-in included; of a pair of ssh
# both are counted. deployer's side is in files.tcl.

namespace eval bench {
    # Client CPU at most so many times that of OpenSSH: where Tcl's fcopy carries
    # the bytes, and where C does.
    variable BulkLimits {down 1.2 up 1.2 get 0.8 put 0.8 pipe 0.8}
}

# What stands in front of a command so that ssh reads FROM and writes TO: the
# shell becomes ssh, and nothing else is counted.
proc bench::Redirected {from to command} {
    return [list sh -c {from=$1 to=$2; shift 2; exec "$@" <"$from" >"$to"} sh \
        $from $to {*}$command]
}

proc bench::Scp {from to args} {
    variable Farm
    return [list scp -q {*}$args -F [file join [$Farm dir] ssh_config] $from $to]
}

# The name of the cipher that ssh takes with OPTIONS.
proc bench::SshCipher {address args} {
    catch {exec {*}[Ssh -v -o LogLevel=DEBUG1 {*}$args $address true] 2>@1} \
        output
    set cipher ?
    regexp {kex: server->client cipher: (\S+)} $output -> cipher
    return $cipher
}

# A file of MIB MiB that takes no room.
proc bench::SparseFile {mib} {
    set path [file join [FileWork] sparse$mib]
    set file [open $path wb]
    chan truncate $file [expr {$mib << 20}]
    close $file
    return $path
}

# NAME -> command of all that carry bytes one WAY with OpenSSH's OPTIONS.
proc bench::BulkOthers {way variant options a b stream file target} {
    set source "head -c [file size $stream] /dev/zero"
    set sink {cat >/dev/null}
    switch $way {
        down {
            return [list ssh-down-$variant [Redirected /dev/null /dev/null \
                [Ssh {*}$options $a $source]]]
        }
        up {
            return [list ssh-up-$variant [Redirected $stream /dev/null \
                [Ssh {*}$options $a $sink]]]
        }
        pipe {
            # Quoted for the shell that joins them.
            return [list ssh-pipe-$variant [list sh -c \
                [format {%s '%s' | %s '%s'} [Ssh {*}$options $a] $source \
                    [Ssh {*}$options $b] $sink]]]
        }
        get {
            set pair [list $a:$file $target]
        }
        put {
            set pair [list $file $a:$target]
        }
    }
    return [list sftp-$way-$variant \
        [Sftp $way {} $a "$way $file $target" {*}$options] \
        scp-$way-$variant [Scp {*}$pair {*}$options]]
}

proc bench::bulk {} {
    variable Farm
    variable BulkLimits
    lassign [$Farm addresses] a b
    set mib [dict create down [expr {[Opt -quick] ? 64 : 512}] \
        get [expr {[Opt -quick] ? 32 : 256}]]
    foreach {way as} {up down pipe down put get} {
        dict set mib $way [dict get $mib $as]
    }
    set bytes [expr {[dict get $mib down] << 20}]
    set stream [SparseFile [dict get $mib down]]
    set file [BigFile [dict get $mib get]]
    set target [file join [FileWork] target]
    set cipher [dict get [CipherOf] cipher]
    # How OpenSSH runs: name -> options. Its own key exchange costs what 100 MiB
    # do: "kex", for information, is without it.
    set kex [list -o KexAlgorithms=curve25519-sha256]
    set variants [dict create same [SameCipher] kex [concat [SameCipher] $kex]]
    if {![string match *gcm* $cipher]} {
        dict set variants gcm [list -o Ciphers=aes128-gcm@openssh.com]
    }
    dict set variants default {}
    set ours [dict create \
        down [FileClient down {} [list $a] $bytes 1048576] \
        up [FileClient up {} [list $a] $bytes 1048576 $stream] \
        get [FileClient get {} [list $a] $file $target] \
        put [FileClient put {} [list $a] $file $target] \
        pipe [FileClient pipe {} [list $a $b] $bytes]]
    dict for {way command} $ours {
        dict set contestants deployer-bulk-$way $command
        dict for {variant options} $variants {
            dict for {name other} [BulkOthers $way $variant $options $a $b \
                    $stream $file $target] {
                dict set contestants $name $other
            }
        }
    }
    set private [expr {[dict get [BuildInfo] libssh2kind] eq "private"}]
    puts "deployer's cipher is $cipher, that of OpenSSH by default\
        [SshCipher $a]."
    if {!$private} {
        puts "The limits are those of a deployer with its private libssh2. This\
            one has the system's, so there are none."
    }
    Rounds $contestants [list ::bench::FreshTarget $file $target]
    if {[file exists $target]} {
        SameFiles $file $target
        file delete $target
    }
    dict for {way command} $ours {
        BulkRows $way [dict get $mib $way] $cipher \
            [expr {$private ? [dict get $BulkLimits $way] : ""}]
    }
}

# The rows of one WAY. LIMIT is that of CPU; "": none, of the rate neither.
proc bench::BulkRows {way mib cipher limit} {
    set name deployer-bulk-$way
    if {![Has $name]} {
        return
    }
    set texts {
        down "down, process and fcopy" up "up, process and fcopy"
        get "file, get" put "file, put" pipe "host to host, pipe (two ssh)"
    }
    set cipher [lindex [split $cipher @] 0]
    set first "$mib MiB [dict get $texts $way]: "
    foreach program {ssh sftp scp} {
        foreach {variant text} [list same $cipher kex "$cipher, curve25519" \
                gcm aes128-gcm default default] {
            set other $program-$way-$variant
            if {![Has $other]} continue
            set judged [expr {$limit ne "" && $variant ne "kex"}]
            RateRow "${first}rate / $program, $text" $mib \
                [Median $name wall] [Median $other wall] \
                [expr {$judged ? {>= 1.0} : {}}]
            Row "  ... client CPU" [Median $name cpu] [Median $other cpu] \
                [expr {$judged ? [list <= $limit] : {}}]
            set first "  ... "
        }
    }
}

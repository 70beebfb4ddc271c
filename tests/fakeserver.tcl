# fakeserver.tcl -- bad SSH servers, and a relay in front of a good one.
#
# Layer: tests. They live in this process, are served by the event loop, listen
# on 127.0.0.1 and a free port. What is sent is the same in every run.
#
#   set f [fake::start MODE ?-option value ...?]
#   fake::port $f          the port
#   fake::count $f         connections accepted so far
#   fake::standing $f      those that stand now
#   fake::stop $f          closes it all
#
# Modes that never get as far as a key exchange:
#   silent       says nothing, keeps the connection
#   close        closes at once
#   random       64 KiB of noise, then silence
#   endless      megabytes without a line's end, as long as they are taken
#   lines        lines that are no banner, as long as they are taken
#   halfbanner   "SSH-2.0-Fa", then silence
#   version1     a server of protocol 1.5
#   closebanner  closes after its banner
#   badlength    banner, then a packet of 4 GiB
#   zerolength   banner, then a packet of length 0
#   bigpadding   banner, then a packet whose padding is longer than itself
#   midpacket    banner, half of its KEXINIT, closes
#   closekex     banner and KEXINIT, closes when the client's has come
#   stallkex     banner and KEXINIT, then silence
#   nokex        offers no key exchange that anyone knows
#   noisekex     KEXINIT, then noise where the key exchange's reply belongs
#
# Mode relay stands in front of a real server:
#   -to PORT ?-host ADDRESS?    where it is
#   -prefix BYTES               sent to the client before everything else
#   fake::cutafter $f down|up N closes the connection which takes or gives the
#                               Nth byte from now on: down is to the client
#   fake::flip $f down|up N     turns a bit of the Nth byte from now on
#   fake::stall $f BOOL         holds all bytes back, both ways, from now on
#   fake::delay $f MS           each byte takes so long from now on, each way
#   fake::cut $f                closes all its connections now
#   fake::bytes $f down|up      bytes that went through

package require Tcl 8.6

namespace eval fake {
    variable Id 0
    variable Servers {}         ;# handle -> dict of what start was given
    variable Conns {}           ;# channel -> handle
    variable Peers              ;# relay: channel -> the other one
    variable Bytes              ;# handle,direction -> count
    array set Peers {}
    array set Bytes {}
}

proc fake::start {mode args} {
    variable Id
    variable Servers
    variable Bytes
    set handle fake[incr Id]
    if {[info procs Mode.$mode] eq ""} {
        error "no such fake server: $mode"
    }
    set socket [socket -server [list fake::Accept $handle] \
        -myaddr 127.0.0.1 0]
    dict set Servers $handle [dict merge {-host 127.0.0.1 -prefix {}} $args [dict create mode $mode socket $socket count 0 \
        stalled 0 delay 0 cutdown -1 cutup -1 flipdown -1 flipup -1 \
        port [lindex [chan configure $socket -sockname] 2]]]
    set Bytes($handle,down) 0
    set Bytes($handle,up) 0
    return $handle
}

proc fake::stop {handle} {
    variable Servers
    variable Bytes
    close [dict get $Servers $handle socket]
    cut $handle
    dict unset Servers $handle
    array unset Bytes $handle,*
    return
}

proc fake::port {handle} {
    variable Servers
    return [dict get $Servers $handle port]
}

proc fake::count {handle} {
    variable Servers
    return [dict get $Servers $handle count]
}

proc fake::bytes {handle direction} {
    variable Bytes
    return $Bytes($handle,$direction)
}

proc fake::standing {handle} {
    variable Conns
    return [llength [lsearch -all -exact [dict values $Conns] $handle]]
}

proc fake::cut {handle} {
    variable Conns
    dict for {channel owner} $Conns {
        if {$owner eq $handle} {
            Close $channel
        }
    }
}

proc fake::stall {handle stalled} {
    variable Servers
    variable Conns
    variable Peers
    dict set Servers $handle stalled $stalled
    dict for {channel owner} $Conns {
        if {$owner eq $handle && [info exists Peers($channel)]} {
            Arm $channel
        }
    }
}

proc fake::delay {handle ms} {
    variable Servers
    dict set Servers $handle delay $ms
}

proc fake::cutafter {handle direction count} {
    variable Servers
    variable Bytes
    dict set Servers $handle cut$direction \
        [expr {$Bytes($handle,$direction) + $count}]
}

proc fake::flip {handle direction count} {
    variable Servers
    variable Bytes
    dict set Servers $handle flip$direction \
        [expr {$Bytes($handle,$direction) + $count}]
}

# Connections.

proc fake::Accept {handle channel address port} {
    variable Servers
    variable Conns
    dict set Servers $handle count \
        [expr {[dict get $Servers $handle count] + 1}]
    dict set Conns $channel $handle
    chan configure $channel -blocking 0 -translation binary -buffering full
    chan event $channel readable [list fake::Drop $channel]
    Mode.[dict get $Servers $handle mode] $handle $channel
}

proc fake::Close {channel} {
    variable Conns
    variable Peers
    if {![dict exists $Conns $channel]} {
        return
    }
    dict unset Conns $channel
    # What was not taken yet is dropped with the connection.
    catch {chan event $channel writable {}}
    catch {close $channel}
    if {[info exists Peers($channel)]} {
        set peer $Peers($channel)
        unset Peers($channel)
        Close $peer
    }
}

# Reads what comes and forgets it.
proc fake::Drop {channel} {
    if {[catch {read $channel}] || [eof $channel]} {
        Close $channel
    }
}

proc fake::Send {channel bytes} {
    if {[catch {
        puts -nonewline $channel $bytes
        flush $channel
    }]} {
        Close $channel
    }
}

# Calls PREFIX with what has come once the client sent more than COUNT bytes.
proc fake::After {channel count prefix} {
    chan event $channel readable [list fake::Gather $channel $count $prefix 0]
}

proc fake::Gather {channel count prefix have} {
    if {[catch {read $channel} bytes] || [eof $channel]} {
        Close $channel
        return
    }
    incr have [string length $bytes]
    if {$have > $count} {
        chan event $channel readable [list fake::Drop $channel]
        {*}$prefix
    } else {
        chan event $channel readable \
            [list fake::Gather $channel $count $prefix $have]
    }
}

# Sends BYTES again and again, as fast as they are taken.
proc fake::Pour {channel bytes} {
    chan event $channel writable [list fake::Send $channel $bytes]
}

# COUNT bytes of noise, the same in every run.
proc fake::Noise {count} {
    set seed 4711
    set bytes {}
    for {set i 0} {$i < $count} {incr i} {
        set seed [expr {($seed * 1103515245 + 12345) & 0x7fffffff}]
        lappend bytes [expr {$seed >> 16 & 255}]
    }
    return [binary format c* $bytes]
}

# An unencrypted packet (RFC 4253, 6) around PAYLOAD.
proc fake::Packet {payload} {
    set padding [expr {8 - (5 + [string length $payload]) % 8}]
    incr padding [expr {$padding < 4 ? 8 : 0}]
    return [binary format Ica*x$padding \
        [expr {1 + [string length $payload] + $padding}] $padding $payload]
}

# A KEXINIT (RFC 4253, 7.1) as a server of today sends it.
proc fake::Kexinit {{kex curve25519-sha256,ecdh-sha2-nistp256}} {
    set ciphers aes128-ctr,aes256-ctr
    set macs hmac-sha2-256
    set payload [binary format ca16 20 [Noise 16]]
    foreach names [list $kex ssh-ed25519,ecdsa-sha2-nistp256 \
            $ciphers $ciphers $macs $macs none none {} {}] {
        append payload [binary format Ia* [string length $names] $names]
    }
    append payload [binary format cI 0 0]
    return [Packet $payload]
}

# Modes.

proc fake::Banner {} {
    return "SSH-2.0-Fake_1.0\r\n"
}

proc fake::Mode.silent {handle channel} {}

proc fake::Mode.close {handle channel} {
    Close $channel
}

proc fake::Mode.random {handle channel} {
    Send $channel [Noise 65536]
}

proc fake::Mode.endless {handle channel} {
    Pour $channel [string repeat x 65536]
}

proc fake::Mode.lines {handle channel} {
    Pour $channel [string repeat "this is not the banner yet\r\n" 1000]
}

proc fake::Mode.halfbanner {handle channel} {
    Send $channel SSH-2.0-Fa
}

proc fake::Mode.version1 {handle channel} {
    Send $channel "SSH-1.5-Old_1.0\r\n"
}

proc fake::Mode.closebanner {handle channel} {
    Send $channel [Banner]
    Close $channel
}

proc fake::Mode.badlength {handle channel} {
    Send $channel [Banner][binary format Ic 0xffffffff 4][Noise 4096]
}

proc fake::Mode.zerolength {handle channel} {
    Send $channel [Banner][binary format Ic 0 0][Noise 64]
}

proc fake::Mode.bigpadding {handle channel} {
    Send $channel [Banner][binary format Ic 12 255][Noise 64]
}

proc fake::Mode.midpacket {handle channel} {
    set packet [Kexinit]
    Send $channel [Banner][string range $packet 0 \
        [expr {[string length $packet] / 2}]]
    Close $channel
}

# A client's banner is at most 255 bytes; its KEXINIT has more.
proc fake::Mode.closekex {handle channel} {
    Send $channel [Banner][Kexinit]
    After $channel 255 [list fake::Close $channel]
}

proc fake::Mode.stallkex {handle channel} {
    Send $channel [Banner][Kexinit]
}

proc fake::Mode.nokex {handle channel} {
    Send $channel [Banner][Kexinit nothing-sha1]
}

proc fake::Mode.noisekex {handle channel} {
    Send $channel [Banner][Kexinit]
    After $channel 255 [list fake::Send $channel \
        [Packet [binary format c 31][Noise 300]]]
}

proc fake::Mode.relay {handle channel} {
    variable Servers
    variable Conns
    variable Peers
    set options [dict get $Servers $handle]
    if {[catch {
        socket [dict get $options -host] [dict get $options -to]
    } peer]} {
        Close $channel
        return
    }
    chan configure $peer -blocking 0 -translation binary -buffering full
    dict set Conns $peer $handle
    set Peers($channel) $peer
    set Peers($peer) $channel
    Send $channel [dict get $options -prefix]
    Arm $channel
    Arm $peer
}

# Reads from CHANNEL unless stalled or the other side is far behind.
proc fake::Arm {channel} {
    variable Servers
    variable Conns
    set handle [dict get $Conns $channel]
    if {[dict get $Servers $handle stalled]} {
        chan event $channel readable {}
    } else {
        chan event $channel readable [list fake::Relay $channel]
    }
}

proc fake::Relay {channel} {
    variable Servers
    variable Conns
    variable Peers
    variable Bytes
    set handle [dict get $Conns $channel]
    set peer $Peers($channel)
    # The accepted side is the client.
    set direction [expr {[lindex [chan configure $channel -sockname] 2]
        == [port $handle] ? "up" : "down"}]
    if {[catch {read $channel 65536} bytes]} {
        Close $channel
        return
    }
    set index [expr {[dict get $Servers $handle flip$direction]
        - $Bytes($handle,$direction) - 1}]
    if {$index >= 0 && $index < [string length $bytes]} {
        binary scan [string index $bytes $index] c byte
        set bytes [string replace $bytes $index $index \
            [binary format c [expr {$byte ^ 1}]]]
    }
    set limit [dict get $Servers $handle cut$direction]
    set left [expr {$limit - $Bytes($handle,$direction)}]
    set cut [expr {$limit >= 0 && [string length $bytes] >= $left}]
    if {$cut} {
        set bytes [string range $bytes 0 [expr {$left - 1}]]
        dict set Servers $handle cut$direction -1
    }
    incr Bytes($handle,$direction) [string length $bytes]
    set delay [dict get $Servers $handle delay]
    if {$delay} {
        after $delay [list fake::Send $peer $bytes]
        if {[eof $channel]} {
            chan event $channel readable {}
            after $delay [list fake::Close $channel]
        }
        return
    }
    Send $peer $bytes
    if {![dict exists $Conns $channel]} {
        # The other side was gone, and with it this one.
        return
    }
    if {$cut || [eof $channel]} {
        Close $channel
        return
    }
    if {[dict exists $Conns $peer] && [chan pending output $peer] > 1048576} {
        chan event $channel readable {}
        chan event $peer writable [list fake::Resume $peer $channel]
    }
}

# PEER has taken enough of what is kept for it: CHANNEL is read again.
proc fake::Resume {peer channel} {
    if {[chan pending output $peer] < 262144} {
        chan event $peer writable {}
        Arm $channel
    }
}

# seeds.tcl -- first inputs for the fuzz targets, made with ssh-keygen.
#
#     tclsh seeds.tcl DIRECTORY
#
# fills DIRECTORY/known, DIRECTORY/key, DIRECTORY/agent, DIRECTORY/edit,
# DIRECTORY/gather, DIRECTORY/json, DIRECTORY/match, DIRECTORY/nodeset,
# DIRECTORY/play, DIRECTORY/sftp and DIRECTORY/width.

package require Tcl 8.6

namespace eval ::seeds {}

proc ::seeds::Write {file bytes} {
    set chan [open $file wb]
    puts -nonewline $chan $bytes
    close $chan
}

proc ::seeds::Read {file} {
    set chan [open $file rb]
    set bytes [read $chan]
    close $chan
    return $bytes
}

# A string of the SSH wire.
proc ::seeds::String {bytes} {
    return [binary format I [string length $bytes]]$bytes
}

# The bytes inside an armoured file.
proc ::seeds::Body {text} {
    return [binary decode base64 [join [lrange [split $text \n] 1 end-2] ""]]
}

proc ::seeds::Keys {dir} {
    set publics {}
    foreach {name options} {
        ed25519 {-t ed25519}
        ecdsa {-t ecdsa -b 256}
        ecdsa521 {-t ecdsa -b 521}
        rsa {-t rsa -b 1024}
        pem {-t rsa -b 1024 -m PEM}
        pkcs8 {-t ecdsa -b 384 -m PKCS8}
    } {
        set file $dir/work/$name
        exec ssh-keygen -q {*}$options -N {} -C seed -f $file
        lappend publics [Read $file.pub]
        Write $dir/key/$name-file \x00[Read $file]
        Write $dir/key/$name-public \x03[Read $file.pub]
        if {[string match *OPENSSH* [Read $file]]} {
            set body [Body [Read $file]]
            Write $dir/key/$name-body \x01$body
            # Behind magic, three empty words, count, blob and two checks.
            set type [lindex [split [Read $file.pub] " "] 0]
            set at [string last [String $type] $body]
            Write $dir/key/$name-secret \x02[string range $body $at end]
        }
        exec ssh-keygen -q -p -a 1 -P {} -N secret -f $file {*}[expr {
            "-m" in $options ? [list -m [lindex $options end]] : {}}]
        Write $dir/key/$name-locked \x00[Read $file]
    }
    foreach cipher {
        aes256-cbc aes256-gcm@openssh.com chacha20-poly1305@openssh.com
    } {
        set file $dir/work/$cipher
        if {![catch {exec ssh-keygen -q -t ed25519 -a 1 -Z $cipher -N secret \
                -f $file}]} {
            Write $dir/key/$cipher \x01[Body [Read $file]]
        }
    }
    return $publics
}

proc ::seeds::Known {dir publics} {
    lassign [split [lindex $publics 0] " "] type base64
    set text "# comment\n\n"
    set names {plain,alias *.example.com,!bad.example.com h?st
        [plain]:2222 {@revoked gone} {@cert-authority *} |1|a|b}
    foreach name $names public [lrange $publics 0 [llength $names]-1] {
        append text "$name [string trim $public]\n"
    }
    append text "alias $type $base64\n"
    # Hashed by ssh-keygen, which refuses a file with malformed lines.
    Write $dir/work/known [regsub -line {^\|1\|.*\n} $text {}]
    exec ssh-keygen -q -H -f $dir/work/known 2>@1
    foreach host {plain www.example.com host gone x} {
        Write $dir/known/$host "$host\n$base64\n$text"
        Write $dir/known/$host-hashed "$host\n$base64\n[Read $dir/work/known]"
    }
}

proc ::seeds::Agent {dir publics} {
    set list [binary format cI 12 [llength $publics]]
    foreach public $publics {
        lassign [split [string trim $public] " "] type base64 comment
        append list [String [binary decode base64 $base64]] [String $comment]
    }
    Write $dir/agent/list $list
    Write $dir/agent/failure \x05
    foreach type {ssh-ed25519 rsa-sha2-512 sk-ssh-ed25519@openssh.com} {
        Write $dir/agent/$type \x0e[String [String $type][String \
                [string repeat s 64]]]
    }
    Write $dir/agent/request [String id]\x32[String user][String \
            ssh-connection][String publickey]\x01[String ssh-ed25519][String b]
}

proc ::seeds::Nodeset {dir} {
    set count 0
    foreach text {
        "web\[1-100,200\],db\[01-03\]\nweb\[50-150\]!web7"
        "r\[1-4\]n\[01-32\]^r2n\[05-06\] & r1n1"
        "a\[0-20/5\] a1 a01 a001 a\[8-11\] a\[08-11\]\na\[ 9 , 10 - 12 \]"
        "10.0.0.1,10.0.0.2,10.0.1.1\n10.\[0-3\].\[0-3\].\[0-3\]"
        "123456789012345678\n1234567890123456789,\[1234567890123456789\]"
        "\u00e4\[1-2\]\u00f6\[1-2\]x" "a\[5-1\]" "a\[01-100\]" "a,,b" "@a"
    } {
        Write $dir/nodeset/[incr count] [encoding convertto utf-8 $text]
    }
    Write $dir/nodeset/last "a!b&c^d"
}

# Outputs of eight hosts, in pieces: see fuzzGather.c.
proc ::seeds::Gather {dir} {
    set count 0
    foreach text {
        "Mon Nov 23 05:21:07 UTC 2026 up 3 days, 2:04\n"
        "Nov  3 05:21:07 web1 sshd\[1234\]: from 10.0.0.17 port 22\n"
        "inet6 fe80::5054:ff:fe12:3456/64 52:54:00:12:34:56 ::1\n"
        "/dev/sda1  20G  1.2G  19G   6% /\n-5 1,234,567 1.5e-3 0xdead\n"
        "550e8400-e29b-41d4-a716-446655440000 a1b2c3d web2 db WEB13\n"
        "2026-11-23T05:21:07.123Z \[23/Nov/2026:05:21:07 +0000\]\r\n\t\033\[m"
    } {
        foreach choice {0 1 19 27 31} {
            set bytes [binary format c $choice]
            for {set host 0} {$host < 8} {incr host} {
                set one [string map [list 3 $host] $text]
                append bytes [binary format cc $host [string length $one]] \
                    $one [binary format cc [expr {$host + 8}] 3] err \
                    [binary format cc [expr {240 + $host}] [expr {$host % 3}]]
            }
            Write $dir/gather/[incr count] $bytes
        }
    }
}

proc ::seeds::Match {dir} {
    set count 0
    foreach {patterns stream} {
        "ePassword: \nryes/no\\?\\s*$" "Password: yes/no? Password: yes/no? y"
        "r(?n)^login: $\nelog" "xlogin: \nlogin: a\nlogin: log"
        "ra+b\nrb.*c\neab\nec" "aaabxbaaacabc"
        "r\\mfoo\\M\nr\[0-9\]{2,3}\\y" "foox foo xfoo 12 1234 123"
        "r(.)\\1\\1\nra\\Yb" "abcaaabab" "ra\\Y" "a abaa"
        "r(a|bc)d(?=e)\nrx(?!y)z?" "adadebcdexyxzx"
        "rq\u00e9\u00e9+$" "q\u00e9\u00e9"
    } {
        foreach flags {a1 a2 b3 b4} {
            Write $dir/match/[incr count] [encoding convertto utf-8 \
                "$flags$patterns\n\n$stream"]
        }
    }
}

proc ::seeds::Play {dir} {
    set count 0
    foreach {key events} {
        "\0q" {{[0.1, "o", "h\u00e9 \ud83d\ude00\r\n"]} {[0.2, "i", "x"]}}
        "\3 " {{[1e1,"o","\u001b[?1049h\u001b[?25;7l\u001b="]} {} {[9, "r", "80x24"]}}
        "\2q" {{[0,"o","\u001b[>4;2m\u001b[3;9r\t\"\\\/"]} {[0,"o","\u001bc"]}}
        "\0q" {{[0.1, "o", "broken}}
    } {
        foreach header {
            {{"version": 2, "width": 80, "height": 24}}
            {{"version":2,"idle_time_limit": 1.5}}
        } {
            Write $dir/play/[incr count] \
                $key[join [linsert $events 0 $header] \n]\n
        }
    }
}

# Steps of fuzzSftp.c: operations are numbers below 128, b0 brings bytes, c0 an
# answer to the oldest request.
proc ::seeds::Sftp {dir} {
    set plain [binary format IcI 5 2 3]
    set hello \x02[binary format I 3]
    foreach {name version} {
        posix-rename 1 statvfs 2 fstatvfs 2 hardlink 1 fsync 1 lsetstat 1
        limits 1
    } {
        append hello [String $name@openssh.com][String $version]
    }
    set hello [String $hello]
    set attr [binary format IWIIIII 15 5 1 2 0100644 3 4]
    set status [lmap code {0 1 2 3 4 5 8} {
        string cat e[binary format I $code][String Failure][String en]
    }]
    lassign $status ok eof missing denied failure
    set limits \xc9[binary format W4 {262144 261120 261120 1000}]
    set space \xc9[binary format W11 {4096 4096 9 0 0 9 9 9 1 0 255}]
    set names h[binary format I 2][String .][String l]$attr
    append names [String f] [String l] $attr
    set name h[binary format I 1][String x][String l]$attr
    set handle f[String h]
    set data g[String hello]
    set attrs i$attr
    set count 0
    foreach {steps answers} {
        {0 1} {$attrs $attrs}
        {4} {$handle $names $eof $eof $ok}
        {14 45 79 16 50 18 19} {$handle $ok}
        {14} {$handle}
        {11 12 13} {$name $missing $space}
        {20} {$handle $attrs $data $eof $ok}
        {21} {$handle $ok $ok $ok $ok}
        {5 6 7 8 9 10} {$failure $failure $failure $failure $failure $failure
            $attrs $attrs $space $space $missing $attrs}
    } {
        foreach first [list $plain $hello] {
            set text \xb0[format %c [string length $first]]$first
            if {$first eq $hello} {
                append text \xc0[format %c [string length $limits]]$limits
            }
            foreach step $steps {
                append text [format %c $step]
            }
            foreach answer $answers {
                set answer [subst $answer]
                append text \xc0[format %c [string length $answer]]$answer
                # Operations on the file that was opened.
                if {[string match f* $answer]} {
                    append text [join [lmap step [lrange $steps 1 end] {
                        format %c $step
                    }] ""]
                }
            }
            Write $dir/sftp/[incr count] $text
        }
    }
}

# Lines as journals have them, and what is none.
proc ::seeds::Json {dir} {
    set count 0
    foreach text {
        {{"journal":1,"state":"done",  "complete":true ,"seconds":   0.220,
            "id":"20261123-081247-304048","arguments":["a b","\u00e4\n"]}}
        {{"type":"run","id":3,"data":"\ud83d\ude00\\\"/\b","base64":"5A=="}}
        {[[],{},[null,true,false,-0.5e+3,0,[[{"":{"":""}}]]]]}
        {{"a":1,"a":{"b":[1,2,}}}
        "\\u12"
    } {
        Write $dir/json/[incr count] $text
    }
}

# Flags and columns, and the text.
proc ::seeds::Width {dir} {
    set count 0
    foreach text {
        "\3\12plain\ttext\r\n\033\[1;31mred\033\[m\033\[2J"
        "\2\5\u65e5\u672ce\u0301\ud83d\ude00\u202ex\u2066"
        "\1\4\u0085\u009b31m\t\t\x7f"
    } {
        Write $dir/width/[incr count] [encoding convertto utf-8 \
            [subst -nocommands -novariables $text]]
    }
}

# Columns and rows, and what is typed.
proc ::seeds::Edit {dir} {
    set count 0
    foreach text {
        "\1\3abc\u65e5\u0301\033\[D\033\[Dx\r\033\[3~\033\[200~aa\033\[201~"
        "\14\7\033OH\033b\033\[1;5C\t\1\x7f\033\[M !!\033\[<0;1;1m\033\]0;t\7y"
        "\0\0\u202e\u200bwide \u65e5\u65e5\u65e5\u65e5\u65e5\033\[H\033\[F"
    } {
        Write $dir/edit/[incr count] [encoding convertto utf-8 \
            [subst -nocommands -novariables $text]]
    }
}

proc ::seeds::Main {dir} {
    file mkdir $dir/known $dir/key $dir/agent $dir/edit $dir/gather $dir/json \
        $dir/match $dir/nodeset $dir/play $dir/sftp $dir/width $dir/work
    set publics [Keys $dir]
    Known $dir $publics
    Agent $dir $publics
    Edit $dir
    Gather $dir
    Json $dir
    Match $dir
    Nodeset $dir
    Play $dir
    Sftp $dir
    Width $dir
    file delete -force $dir/work
}

::seeds::Main [lindex $argv 0]

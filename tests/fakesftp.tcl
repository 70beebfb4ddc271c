# fakesftp.tcl -- an sftp-server that does what a test wants, and lies.
#
# Layer: tests. A program: speaks SFTP 3 on its standard input and output.
#
#   tclsh fakesftp.tcl SCRIPT
#
# SCRIPT may set `version` (what the VERSION message holds behind its type) and
# redefine `On`, which is called with the type, the id and the other bytes of
# each request; what it does not want to answer itself it gives to `Usual`, a
# server with one directory, "/", of one file, "f". Send and the procedures
# behind it make messages.

namespace eval server {
    variable version [binary format I 3]
    variable handles 0
    variable types {
        3 open 4 close 5 read 6 write 7 lstat 8 fstat 9 setstat 10 fsetstat
        11 opendir 12 readdir 13 remove 14 mkdir 15 rmdir 16 realpath 17 stat
        18 rename 19 readlink 20 symlink 200 extended
    }

    # The pieces of messages.
    proc String {bytes} {
        return [binary format I [string length $bytes]]$bytes
    }

    proc Extension {name version} {
        return [String $name][String $version]
    }

    # Of a file of so many bytes, or of a directory.
    proc Attr {{size 5} {mode 0100644}} {
        return [binary format IWIII 0x0d $size $mode 1000 2000]
    }

    proc Put {bytes} {
        puts -nonewline stdout $bytes
        flush stdout
    }

    # A message of these bytes, type first.
    proc Send {bytes} {
        Put [String $bytes]
    }

    proc Status {id code {text ""}} {
        Send [binary format cII 101 $id $code][String $text][String en]
    }

    proc Handle {id handle} {
        Send [binary format cI 102 $id][String $handle]
    }

    proc Data {id bytes} {
        Send [binary format cI 103 $id][String $bytes]
    }

    # ARGS: name, long name, attributes, ...
    proc Names {id args} {
        set body ""
        foreach {name long attr} $args {
            append body [String $name] [String $long] $attr
        }
        Send [binary format cII 104 $id [expr {[llength $args] / 3}]]$body
    }

    proc Attrs {id attr} {
        Send [binary format cI 105 $id]$attr
    }

    # Takes a string off the bytes in variable NAME.
    proc Take {name} {
        upvar 1 $name rest
        binary scan $rest I length
        set text [string range $rest 4 [expr {$length + 3}]]
        set rest [string range $rest [expr {$length + 4}] end]
        return $text
    }

    proc Usual {type id rest} {
        variable handles
        variable ended
        switch $type {
            stat - lstat - fstat {
                set path [Take rest]
                if {$path eq "/"} {
                    Attrs $id [binary format IWI 0x05 4096 040755]
                } elseif {$path in {/f} || $type eq "fstat"} {
                    Attrs $id [binary format IWIII 0x0d 5 0100644 1000 2000]
                } else {
                    Status $id 2 "No such file"
                }
            }
            open - opendir {
                set ended([incr handles]) 0
                Handle $id $handles
            }
            readdir {
                set handle [Take rest]
                if {$ended($handle)} {
                    Status $id 1 "End of file"
                } else {
                    set ended($handle) 1
                    Names $id . "drwxr-xr-x 1 a" [binary format I 0] \
                        .. "drwxr-xr-x 1 a" [binary format I 0] \
                        f "-rw-r--r-- 1 a" [binary format II 4 0644]
                }
            }
            read {
                Take rest
                binary scan $rest WI offset count
                if {$offset >= 5} {
                    Status $id 1 "End of file"
                } else {
                    Data $id [string range [string range hello $offset end] \
                        0 [expr {$count - 1}]]
                }
            }
            readlink - realpath {
                Names $id [Take rest] "" [binary format I 0]
            }
            default {
                Status $id 0 Success
            }
        }
    }

    proc On {type id rest} {
        Usual $type $id $rest
    }

    proc Serve {} {
        variable types
        variable version
        while {[string length [set head [read stdin 4]]] == 4} {
            binary scan $head I length
            set message [read stdin $length]
            binary scan $message cuI type id
            if {$type == 1} {
                Send \x02$version
            } else {
                On [dict get $types $type] $id [string range $message 5 end]
            }
        }
    }
}

chan configure stdin -translation binary
chan configure stdout -translation binary
namespace eval server [lindex $argv 0]
server::Serve

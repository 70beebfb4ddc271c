# shellscpcomplete.tcl -- the scp shell: what Tab offers.
#
# Layer T3. Listings of hosts are kept for a few seconds, so that a second Tab
# costs nothing. Nothing here makes a connection: a host that is gone has no names.

namespace eval ::deployer::shell {
    # How long a listing is good (ms), and how many are kept.
    variable ScpListedFor 5000
    variable ScpListedMost 64
}

oo::define ::deployer::shell::ScpShell {
    # Keeps the names that DIR has: dict of name -> facts.
    method Remember {side dir sudo entries} {
        variable ::deployer::shell::ScpListedMost
        if {[array size Listed] >= $ScpListedMost} {
            array unset Listed
        }
        set Listed([list $side $dir $sudo]) \
            [list [clock milliseconds] $entries]
    }

    # The names in DIR of SIDE with their facts; {} where they are not to be had.
    method Names {side dir sudo} {
        variable ::deployer::shell::ScpListedFor
        set key [list $side $dir $sudo]
        if {[info exists Listed($key)]} {
            lassign $Listed($key) then entries
            if {[clock milliseconds] - $then < $ScpListedFor} {
                return $entries
            }
            unset Listed($key)
        }
        set host $Hosts($side)
        try {
            set entries [$host list -long {*}[expr {$sudo ? "-sudo" : ""}] -- \
                $dir]
        } trap {DEPLOYER CANCELLED} {message options} {
            return -options $options $message
        } trap DEPLOYER {} {
            set entries {}
        }
        my Remember $side $dir $sudo $entries
        return $entries
    }

    # For the reader: what may stand at CURSOR in TEXT.
    method Complete {text cursor} {
        set none [dict create start $cursor words {}]
        set before [string range $text 0 $cursor-1]
        set words [ScpWords $before]
        # The word at the cursor; a new one behind a space.
        lassign [lindex $words end] value start end
        if {![llength $words] || $end < $cursor} {
            set value ""
            set start $cursor
        } else {
            set words [lrange $words 0 end-1]
        }
        set sudo 0
        if {[lindex $words 0 0] eq "sudo"} {
            set sudo 1
            set words [lrange $words 1 end]
        }
        if {![llength $words]} {
            return [dict create start $start words \
                [my CompleteCommand $value $sudo]]
        }
        set name [lindex $words 0 0]
        if {![dict exists $::deployer::shell::ScpCommands $name]} {
            return $none
        }
        lassign [dict get $::deployer::shell::ScpCommands $name] \
            - side arguments
        set words [lrange $words 1 end]
        if {[string index $value 0] eq "-"} {
            return [dict create start $start words \
                [my CompleteOption $name $side $value]]
        }
        if {[lindex $words end 0] eq "-update"} {
            return [dict create start $start words \
                [my CompleteWords $value {size time checksum}]]
        }
        if {[lindex $words end 0] eq "-special"} {
            return [dict create start $start words \
                [my CompleteWords $value {fail skip}]]
        }
        if {"-sudo" in [lmap word $words {lindex $word 0}]} {
            set sudo 1
        }
        switch -- $arguments {
            any {
                set found [my CompletePath $side $value $sudo 0]
            }
            directory {
                set found [my CompletePath $side $value $sudo 1]
            }
            here - there {
                set found [my CompletePath $arguments $value \
                    [expr {$sudo && $arguments eq "there"}] 0]
                if {[my Operands $words]} {
                    # It may be the target.
                    set other [expr {$arguments eq "here" ? "there" : "here"}]
                    lappend found {*}[my CompletePath $other $value \
                        [expr {$sudo && $other eq "there"}] 0]
                    set found [lsort -unique -index 0 $found]
                }
            }
            default {
                if {$name eq "help"} {
                    set found [my CompleteCommand $value 0]
                } else {
                    set found {}
                }
            }
        }
        return [dict create start $start words $found]
    }

    # Whether there is a path among WORDS.
    method Operands words {
        set count 0
        set skip 0
        foreach word $words {
            lassign $word value
            if {$skip} {
                set skip 0
            } elseif {$value in {-update -limit -special -user}} {
                set skip 1
            } elseif {[string index $value 0] ne "-"} {
                incr count
            }
        }
        return $count
    }

    method CompleteWords {begin words} {
        return [lmap word $words {
            if {![ScpBegins $begin $word]} continue
            list $word "" "" " "
        }]
    }

    method CompleteCommand {begin sudo} {
        set found {}
        dict for {word spec} $::deployer::shell::ScpCommands {
            if {[ScpBegins $begin $word]
                    && (!$sudo || $word in $::deployer::shell::ScpSudo)} {
                lappend found [list $word [lindex $spec 4] 36 " "]
            }
        }
        return $found
    }

    method CompleteOption {name side begin} {
        set options {}
        if {$name in {get put}} {
            dict for {option spec} $::deployer::shell::ScpTransferOptions {
                lappend options $option [lindex $spec 1]
            }
        }
        lappend options {*}[ScpOwnOptions $name]
        if {$name in $::deployer::shell::ScpSudo} {
            lappend options -sudo "with the rights of root" \
                -user "with those of a user (and -sudo)"
        }
        set found {}
        foreach {option text} $options {
            if {[ScpBegins $begin $option]} {
                lappend found [list $option $text 36 " "]
            }
        }
        return $found
    }

    # The paths of SIDE that begin with VALUE; with ONLYDIRS, directories.
    method CompletePath {side value sudo onlydirs} {
        set slash [string last / $value]
        set base [string range $value 0 $slash]
        set begin [string range $value $slash+1 end]
        if {$base eq "" && [string index $value 0] eq "~"
                || ![$Hosts($side) connected]} {
            return {}
        }
        try {
            set dir [my Place $side [expr {$base eq "" ? "." : $base}] \
                [expr {$sudo ? {-sudo {}} : {}}]]
        } trap DEPLOYER {} {
            return {}
        }
        set found {}
        set entries [my Names $side [Unslashed $dir] $sudo]
        foreach name [lsearch -all -inline -glob [dict keys $entries] \
                [GlobOf $begin]*] {
            if {$begin eq "" && [string index $name 0] eq "."} {
                continue
            }
            # What a link leads to would cost a question each.
            set type [dict get $entries $name type]
            set goes [expr {$type eq "directory"
                || $onlydirs && $type eq "link"}]
            if {$onlydirs && !$goes} {
                continue
            }
            set word $base$name
            if {$base eq "" && [string index $name 0] in {~ - #}} {
                set word ./$name
            }
            # The slash is seen where there are no colours, too.
            if {$goes} {
                lappend found [list [ScpQuote $word]/ "" 36 ""]
            } else {
                lappend found [list [ScpQuote $word] "" "" " "]
            }
        }
        return $found
    }
}

proc ::deployer::shell::ScpBegins {begin word} {
    return [string equal -length [string length $begin] $begin $word]
}

# shellscpwords.tcl -- the scp shell: words of its lines, and how files are listed.
#
# Layer T3.

# The words of a line: lists {VALUE START END WHOLE PATTERN}. Quoting is that of
# Tcl, without substitution; a backslash takes the next character as it is, or
# makes a character as \n does. WHOLE is 0 for one whose end is missing, -1 where
# it is what a backslash stands before.
# PATTERN: "" or, where wildcards are meant, VALUE as a pattern. Braces at the front
# are quotes, but {a,b} is a pattern as it is elsewhere.
proc ::deployer::shell::ScpWords text {
    set words {}
    set at 0
    set length [string length $text]
    while 1 {
        while {[string is space -strict [string index $text $at]]} {
            incr at
        }
        if {$at >= $length} {
            return $words
        }
        set start $at
        set value ""
        set pattern ""
        set wild 0
        set whole 1
        set quote ""
        switch -- [string index $text $at] {
            \" {
                set quote \"
                incr at
            }
            \{ {
                if {![llength [ScpAlternatives $text $at 0]]} {
                    set quote \}
                    set depth 1
                    incr at
                }
            }
        }
        # A tilde or dash that was quoted is a name's.
        set plain [expr {$quote eq ""
            && [string index $text $at] ne "\\"}]
        while {$at < $length} {
            set char [string index $text $at]
            if {$quote eq "" && [string is space $char]} {
                break
            }
            if {$quote eq "\}"} {
                if {$char eq "\\"} {
                    append value $char
                    set char [string index $text [incr at]]
                } elseif {$char eq "\{"} {
                    incr depth
                } elseif {$char eq "\}" && [incr depth -1] == 0} {
                    set quote ""
                    incr at
                    continue
                }
                append value $char
                append pattern [ScpPart $char]
                incr at
                continue
            }
            if {$quote eq "\"" && $char eq "\""} {
                set quote ""
                incr at
                continue
            }
            if {$char eq "\\"} {
                if {$at + 1 >= $length} {
                    set whole -1
                    incr at
                    break
                }
                regexp -start $at {\A\\(?:x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|.)} \
                    $text escape
                set char [subst -nocommands -novariables $escape]
                append value $char
                append pattern [ScpPart $char]
                incr at [string length $escape]
                continue
            }
            append value $char
            if {$quote eq "" && [string first $char "*?\[\]\{\}"] >= 0} {
                set wild 1
                append pattern $char
            } elseif {$quote eq "" && $char eq ","} {
                append pattern $char
            } else {
                append pattern [ScpPart $char]
            }
            incr at
        }
        if {$quote ne "" && $whole == 1} {
            set whole 0
        }
        if {!$plain && [string index $value 0] in {~ -}} {
            set value ./$value
            set pattern ./$pattern
        }
        if {!$wild || ![HasWildcard $value]} {
            set pattern ""
        }
        lappend words [list $value $start $at $whole $pattern]
    }
}

# What {a,b} at AT of PATTERN stands for: {END a b ...}, END being the place of the
# brace that closes it. {} where there is no comma, or without BLANKS where there are
# some between.
proc ::deployer::shell::ScpAlternatives {pattern at {blanks 1}} {
    set depth 0
    set parts {}
    set length [string length $pattern]
    set start [expr {$at + 1}]
    for {set i $at} {$i < $length} {incr i} {
        set char [string index $pattern $i]
        switch -- $char {
            \\ {
                incr i
            }
            \{ {
                incr depth
            }
            , {
                if {$depth == 1} {
                    lappend parts [string range $pattern $start $i-1]
                    set start [expr {$i + 1}]
                }
            }
            \} {
                if {![incr depth -1]} {
                    if {![llength $parts]} {
                        return
                    }
                    return [list $i {*}$parts \
                        [string range $pattern $start $i-1]]
                }
            }
            default {
                if {!$blanks && [string is space $char]} {
                    return
                }
            }
        }
    }
    return
}

# PATTERN without braces, as a shell does it: a list of patterns, whatever exists.
proc ::deployer::shell::ScpBraces pattern {
    set before ""
    set length [string length $pattern]
    for {set i 0} {$i < $length} {incr i} {
        set char [string index $pattern $i]
        switch -- $char {
            \\ {
                append before $char [string index $pattern [incr i]]
            }
            \{ {
                set parts [lassign [ScpAlternatives $pattern $i] end]
                if {[llength $parts]} {
                    set after [string range $pattern $end+1 end]
                    return [concat {*}[lmap part $parts {
                        lmap rest [ScpBraces $part$after] {
                            string cat $before $rest
                        }
                    }]]
                }
                append before \\\{
            }
            \} {
                append before \\\}
            }
            default {
                append before $char
            }
        }
    }
    return [list $before]
}

# What a word, as ScpWords gives it, stands for with its braces: a list of words.
proc ::deployer::shell::ScpExpanded word {
    lassign $word value start end whole pattern
    if {$pattern eq ""} {
        return [list $word]
    }
    set words {}
    foreach pattern [ScpBraces $pattern] {
        if {$pattern eq ""} {
            continue
        }
        lappend words [list [regsub -all {\\(.)} $pattern {\1}] $start $end \
            $whole [expr {[regexp {^(?:[^\\*?[]|\\.)*[*?[]} $pattern]
                ? $pattern : ""}]]
    }
    return $words
}

# TEXT as a pattern that matches nothing but itself.
proc ::deployer::shell::ScpLiteral text {
    return [string map {
        \\ \\\\ * \\* ? \\? [ \\[ ] \\] \{ \\\{ \} \\\}
    } $text]
}

# The same of a part of it, between which commas may have a meaning.
proc ::deployer::shell::ScpPart text {
    return [string map {, \\,} [ScpLiteral $text]]
}

# NAME as a word of a line. Without quotes around it, so that it can go on.
proc ::deployer::shell::ScpQuote name {
    if {[regexp {^[\w./,:@%=+-]+$} $name]} {
        return $name
    }
    set text ""
    foreach char [split $name {}] {
        switch -regexp -- $char {
            {[]\s\\"\{\}[;$*?&]} {
                append text [expr {[dict exists {\n 1 \t 1 \r 1} $char]
                    ? [string map {\n \\n \t \\t \r \\r} $char] : "\\$char"}]
            }
            {[[:cntrl:]]} {
                append text [format \\u%04x [scan $char %c]]
            }
            default {
                append text $char
            }
        }
    }
    return $text
}

# The options of a command that looks, makes or removes: option and text each.
proc ::deployer::shell::ScpOwnOptions name {
    variable ScpCommands
    variable ScpOptions
    lassign [dict get $ScpCommands $name] method
    foreach name [list $name [string range $name 1 end]] {
        if {[dict exists $ScpOptions $name]
                && [lindex [dict get $ScpCommands $name] 0] eq $method} {
            return [dict get $ScpOptions $name]
        }
    }
    return
}

# What is of this machine stands behind its twin.
proc ::deployer::shell::ScpOrder {one other} {
    set order {ls lls cd lcd pwd lpwd stat lstat view lview edit ledit get put
        mkdir lmkdir rm lrm mv lmv connect lconnect sudo clear help exit}
    return [expr {[lsearch -exact $order [lindex $one 0]]
        - [lsearch -exact $order [lindex $other 0]]}]
}

# PATH with ~ for HOME.
proc ::deployer::shell::ScpShort {path home} {
    if {$path eq $home} {
        return ~
    }
    if {$home ne "/" && [string first $home/ $path] == 0} {
        return ~[string range $path [string length $home] end]
    }
    return $path
}

# The end of TEXT that fits in COLUMNS.
proc ::deployer::shell::ScpTail {text columns} {
    set text [core::text show $text]
    if {[core::text width $text] <= $columns} {
        return $text
    }
    set ellipsis [TerminalEllipsis]
    set room [expr {$columns - [core::text width $ellipsis]}]
    while {$text ne "" && [core::text width $text] > $room} {
        set text [string range $text 1 end]
    }
    return $ellipsis$text
}

proc ::deployer::shell::ScpMachine slug {
    return [expr {$slug eq "localhost" ? "this machine" : "host $slug"}]
}

# The names of IDS, as {{user 0} {group 0}}, on HOST: {user 0} -> root.
proc ::deployer::shell::ScpLookUp {host ids} {
    set script {
        look() {
            { getent "$@" 2>/dev/null || cat "/etc/$1"; } | cut -d: -f1,3;
            echo :;
        };
    }
    foreach {kind file} {user passwd group group} {
        set numbers [lmap id $ids {
            if {[lindex $id 0] ne $kind} continue
            lindex $id 1
        }]
        # Without a number getent would give all that there are.
        if {[llength $numbers]} {
            append script "look $file [join $numbers];"
        } else {
            append script "echo :;"
        }
    }
    set outcome [[info object namespace $host]::my Execute \
        "sh -c [Quoted [regsub -all {\s+} [string trim $script] { }]]" \
        {plain 1 untold 1 timeout 10}]
    set kind user
    set found {}
    foreach line [split [dict get $outcome stdout] \n] {
        lassign [split $line :] name number
        if {$line eq ":"} {
            set kind group
        } elseif {$name ne "" && [list $kind $number] in $ids
                && ![dict exists $found [list $kind $number]]} {
            dict set found [list $kind $number] $name
        }
    }
    return $found
}

# The name in NAMES, as ScpLookUp gives them, or the number.
proc ::deployer::shell::ScpOwner {names kind number} {
    if {[dict exists $names [list $kind $number]]} {
        return [core::text show [dict get $names [list $kind $number]]]
    }
    return $number
}

# ENTRIES, a dict of name -> facts, as ls prints them.
proc ::deployer::shell::ScpListing {entries long width names} {
    if {![dict size $entries]} {
        return ""
    }
    set rows {}
    foreach name [lsort -dictionary [dict keys $entries]] {
        set facts [dict get $entries $name]
        set shown [core::text show $name][ScpMark $facts]
        if {$long} {
            lappend rows [list [ScpMode $facts] \
                [ScpOwner $names user [dict get $facts uid]] \
                [ScpOwner $names group [dict get $facts gid]] \
                [dict get $facts size] \
                [clock format [dict get $facts mtime] \
                    -format {%Y-%m-%d %H:%M}] $shown]
        } else {
            lappend rows $shown
        }
    }
    if {$long} {
        # Cut, it would tell nothing.
        return [core::text table $rows [dict create width 0 \
            aligns {left left left right left left}]]
    }
    return [core::text columns $rows $width [TerminalEllipsis]]
}

proc ::deployer::shell::ScpMark facts {
    switch -- [dict get $facts type] {
        directory {
            return /
        }
        link {
            return @
        }
        file {
            return [expr {[dict get $facts mode] & 0o111 ? "*" : ""}]
        }
        fifo {
            return |
        }
        socket {
            return =
        }
    }
    return ""
}

# As ls -l prints it.
proc ::deployer::shell::ScpMode facts {
    set type [dict get $facts type]
    set text [expr {[dict exists {
        directory d link l fifo p socket s characterSpecial c blockSpecial b
    } $type] ? [dict get {
        directory d link l fifo p socket s characterSpecial c blockSpecial b
    } $type] : "-"}]
    set mode [dict get $facts mode]
    foreach {shift bit set unset} {6 0o4000 s S 3 0o2000 s S 0 0o1000 t T} {
        set part [expr {$mode >> $shift & 7}]
        append text [expr {$part & 4 ? "r" : "-"}] [expr {$part & 2 ? "w" : "-"}]
        if {$mode & $bit} {
            append text [expr {$part & 1 ? $set : $unset}]
        } else {
            append text [expr {$part & 1 ? "x" : "-"}]
        }
    }
    return $text
}

# Rows of what `stat` shows. NAMES as ScpLookUp gives them.
proc ::deployer::shell::ScpFactRows {facts names} {
    set format {%Y-%m-%d %H:%M:%S}
    return [list \
        [list Type [dict get $facts type]] \
        [list Size "[dict get $facts size] bytes ([BarsSize \
            [dict get $facts size]])"] \
        [list Mode "[ScpMode $facts] ([format %04o \
            [expr {[dict get $facts mode] & 0o7777}]])"] \
        [list Owner [join [lmap {kind key} {user uid group gid} {
            set number [dict get $facts $key]
            set name [ScpOwner $names $kind $number]
            string cat "$kind $name" \
                [expr {$name eq $number ? "" : " ($number)"}]
        }] {, }]] \
        [list Changed [clock format [dict get $facts mtime] -format $format]] \
        [list Read [clock format [dict get $facts atime] -format $format]]]
}

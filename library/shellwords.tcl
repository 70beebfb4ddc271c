# shellwords.tcl -- the words of a line of the shell, and where they lead.
#
# Layer T3. A place is the dict {root OBJ steps LIST}, STEPS being what stands in
# its path below OBJ: {production web :web1}; where there is the key previous,
# a place, "-" leads there. Places are walked on classes: of the
# instances only arrays are made here, where an index of theirs is looked for.
#
# A spot is a place taken apart: root, class (of what is there), names (the
# steps that are no cells), dims (of each dimension that is open, how many names
# stand before its cell) and given (the indexes of the first of them).

namespace eval ::deployer::shell {
    namespace path ::deployer

    # What is typed by those who come from other shells.
    variable Habits {
        quit exit q exit bye exit logout exit ? help h help man help dir ls
        ll {ls -l} ssh --connect sudo --run-with-sudo scp --scp
    }
}

# The words of TEXT, as {VALUE START END WHOLE}: START is the index of the first
# character, END that behind the last one, WHOLE 0 where a quote is not closed.
# Quoting is that of Tcl, but nothing is substituted other than backslashes, and
# what is behind a closing quote still belongs to the word.
proc ::deployer::shell::Split text {
    set words {}
    set length [string length $text]
    set at 0
    while 1 {
        regexp -start $at -indices {\A(?:\s|\\\n)*} $text blank
        set at [expr {[lindex $blank 1] + 1}]
        if {$at >= $length} {
            return $words
        }
        set start $at
        set whole 1
        set value ""
        switch -- [string index $text $at] {
            "\{" {
                set at [SplitBraces $text $at value whole]
            }
            "\"" {
                regexp -start $at -indices {\A"(?:[^"\\]|\\.)*} $text part
                set at [expr {[lindex $part 1] + 1}]
                set value [SplitPlain [string range $text $start+1 $at-1]]
                if {$at < $length && [string index $text $at] eq "\""} {
                    incr at
                } else {
                    set whole 0
                    set at $length
                }
            }
        }
        if {$whole} {
            regexp -start $at -indices {\A(?:[^\s\\]|\\[^\n])*} $text part
            set end [lindex $part 1]
            append value [SplitPlain [string range $text $at $end]]
            set at [expr {$end + 1}]
            if {[string range $text $at end] eq "\\"} {
                set at $length
                set whole 0
            }
        }
        lappend words [list $value $start $at $whole]
    }
}

# The end of the word in braces that begins at AT.
proc ::deployer::shell::SplitBraces {text at valueVar wholeVar} {
    upvar 1 $valueVar value $wholeVar whole
    set start [expr {$at + 1}]
    set depth 0
    while {[regexp -start $at -indices {[{}]|\\.} $text found]} {
        set at [expr {[lindex $found 1] + 1}]
        switch -- [string index $text [lindex $found 0]] {
            "\{" {
                incr depth
            }
            "\}" {
                if {[incr depth -1] == 0} {
                    set value [string range $text $start $at-2]
                    return $at
                }
            }
        }
    }
    set whole 0
    set value [string range $text $start end]
    return [string length $text]
}

proc ::deployer::shell::SplitPlain text {
    if {[string first \\ $text] < 0} {
        return $text
    }
    return [subst -nocommands -novariables $text]
}

# Words of a program's arguments, as Split gives them.
proc ::deployer::shell::AsWords values {
    return [lmap value $values {list $value -1 -1 1}]
}

# VALUE as it is typed as one word.
proc ::deployer::shell::Quote value {
    if {$value eq "" || $value eq "&"} {
        return "{$value}"
    }
    set quoted [string map {
        \\ \\\\ { } {\ } \t \\t \n \\n \r \\r \f \\f \v \\v
    } $value]
    if {[string index $value 0] in {\{ \"}} {
        set quoted \\$quoted
    }
    return $quoted
}

# The same for many.
proc ::deployer::shell::QuoteAll values {
    # Few need it, and one look at all is quick.
    if {"" ni $values && "&" ni $values
            && ![regexp {[\\\s\{"]} [join $values :]]} {
        return $values
    }
    return [lmap value $values {Quote $value}]
}

# Places.

proc ::deployer::shell::PlaceAt object {
    return [dict create root $object steps {}]
}

# The object that is called there: an instance, an array or a cell.
proc ::deployer::shell::PlaceTarget place {
    set object [dict get $place root]
    foreach step [dict get $place steps] {
        if {[string match :* $step]} {
            set object [$object at [split [string range $step 1 end] :]]
        } else {
            set object [$object $step]
        }
    }
    return $object
}

# As /production/web:web1/git.
proc ::deployer::shell::PlacePath place {
    set path [InstancePath [dict get $place root]]
    foreach step [dict get $place steps] {
        if {[string match :* $step]} {
            append path $step
        } else {
            set path [string trimright $path /]/$step
        }
    }
    return $path
}

# The group whose colour its names have.
proc ::deployer::shell::PlaceGroup place {
    return [SpotGroup [SpotOf $place]]
}

# Spots.

proc ::deployer::shell::SpotOf place {
    set root [dict get $place root]
    set dims {}
    foreach array [ArraysOf [info object namespace $root]] {
        lassign [set ${array}::Kin] - - - role one
        if {$role ne "" && !$one} {
            lappend dims 0
        }
    }
    set spot [dict create root $root class [info object class $root] \
        names {} dims $dims given {}]
    foreach step [dict get $place steps] {
        if {[string match :* $step]} {
            dict lappend spot given {*}[split [string range $step 1 end] :]
            continue
        }
        set class [SpotChild $spot $step]
        if {$class eq ""} {
            Fail [list ARGUMENT $step] "there is no service\
                \"[Shorten $step 40]\" in [PlacePath [SpotPlace $spot]] any\
                more"
        }
        set spot [SpotBelow $spot $step $class]
    }
    return $spot
}

proc ::deployer::shell::SpotPlace spot {
    set steps {}
    set given [dict get $spot given]
    set dims [lrange [dict get $spot dims] 0 [llength $given]-1]
    set level 0
    foreach name [concat [dict get $spot names] [list {}]] {
        set cell ""
        while {[llength $dims] && [lindex $dims 0] <= $level} {
            set dims [lrange $dims 1 end]
            set given [lassign $given index]
            append cell :$index
        }
        if {$cell ne ""} {
            lappend steps $cell
        }
        if {$name ne ""} {
            lappend steps $name
        }
        incr level
    }
    return [dict create root [dict get $spot root] steps $steps]
}

# The class of the nested service NAME, "" where there is none.
proc ::deployer::shell::SpotChild {spot name} {
    set entry [Member [dict get $spot class] $name]
    if {$entry eq "" || [dict get $entry kind] ne "service"} {
        return ""
    }
    return [dict get $entry class]
}

proc ::deployer::shell::SpotBelow {spot name class} {
    dict set spot class $class
    dict lappend spot names $name
    set summary [Summary $class]
    if {[dict get $summary isolate] ne "" && ![dict get $summary justone]} {
        dict lappend spot dims [llength [dict get $spot names]]
    }
    return $spot
}

# Whether it stands for many cells.
proc ::deployer::shell::SpotIsArray spot {
    return [expr {[llength [dict get $spot dims]]
        > [llength [dict get $spot given]]}]
}

proc ::deployer::shell::SpotGroup spot {
    set root [dict get $spot root]
    set classes [list [info object class $root]]
    foreach name [dict get $spot names] {
        lappend classes [dict get [Member [lindex $classes end] $name] class]
    }
    foreach class [lreverse $classes] {
        if {[set group [dict get [Summary $class] group]] ne ""} {
            return $group
        }
    }
    return [GroupOf [info object namespace $root]]
}

# The array whose cells the next index of SPOT is one of. It is made where it is
# not there yet.
proc ::deployer::shell::SpotArray spot {
    set level [lindex [dict get $spot dims] [llength [dict get $spot given]]]
    set object [dict get $spot root]
    foreach name [lrange [dict get $spot names] 0 $level-1] {
        set object [$object $name]
    }
    return $object
}

# The indexes that may follow those given, in host order.
proc ::deployer::shell::SpotIndexes spot {
    set given [dict get $spot given]
    set indexes [IndexesOf [info object namespace [SpotArray $spot]]]
    set count [llength $given]
    if {!$count && [lindex [dict get $spot dims] 1]
            ne [lindex [dict get $spot dims] 0]} {
        return $indexes
    }
    for {set i 0} {$i < $count} {incr i} {
        set indexes [lsearch -all -inline -exact -index $i $indexes \
            [lindex $given $i]]
    }
    # The array may have dimensions behind it, where all are those of its root.
    set found {}
    foreach index $indexes {
        dict set found [lindex $index $count] 1
    }
    return [dict keys $found]
}

# The index that WORD means: a position, a slug or a host object; "" for none.
proc ::deployer::shell::SpotIndex {spot word} {
    set indexes [SpotIndexes $spot]
    if {[string is digit -strict $word] && [scan $word %d position] == 1} {
        return [lindex $indexes $position]
    }
    if {[IsHost $word]} {
        set word [$word cget -slug]
    }
    if {$word in $indexes} {
        return $word
    }
    return ""
}

# TEXT as a pattern of `string match` that matches nothing else.
proc ::deployer::shell::GlobOf text {
    return [string map {\\ \\\\ * \\* ? \\? \[ \\\[ \] \\\]} $text]
}

# Names.

# Those of the members of KINDS; private ones where WHICH is -private or -all.
proc ::deployer::shell::SpotNames {spot kinds {which -public}} {
    return [InspectList $kinds [list [dict get $spot class] ""] $which]
}

# Formal arguments as in a synopsis.
proc ::deployer::shell::FormalsUsage formals {
    set count [llength $formals]
    return [join [lmap formal $formals {
        if {[incr count -1] == 0 && $formal eq "args"} {
            string cat "?arg ...?"
        } elseif {[llength $formal] > 1} {
            string cat ? [string toupper [lindex $formal 0]] ?
        } else {
            string toupper [lindex $formal 0]
        }
    }]]
}

# What is nearest to WORD among NAMES, "" where nothing is near.
proc ::deployer::shell::Nearest {word names} {
    set length [string length $word]
    if {$length < 2 || $length > 60} {
        return ""
    }
    set nearest [lsearch -inline -glob -nocase $names [GlobOf $word]*]
    if {$nearest ne ""} {
        return $nearest
    }
    # Nobody mistypes more than that. What is many or long takes long.
    set least [expr {$length < 5 ? 2 : $length < 8 ? 3 : 4}]
    foreach name [lrange $names 0 399] {
        if {abs([string length $name] - $length) >= $least} {
            continue
        }
        set distance [Distance [string tolower $word] [string tolower $name]]
        if {$distance < $least} {
            set least $distance
            set nearest $name
        }
    }
    return $nearest
}

# How many letters are put in, left out, changed or exchanged between A and B.
proc ::deployer::shell::Distance {a b} {
    set before {}
    set row {}
    for {set j 0} {$j <= [string length $b]} {incr j} {
        lappend row $j
    }
    set i 0
    set last ""
    foreach x [split $a ""] {
        set above $row
        set row [list [incr i]]
        set j 0
        set left ""
        foreach y [split $b ""] {
            set best [expr {min([lindex $above $j+1] + 1, [lindex $row $j] + 1,
                [lindex $above $j] + ($x ne $y))}]
            if {$i > 1 && $j > 0 && $x eq $left && $last eq $y} {
                set best [expr {min($best, [lindex $before $j-1] + 1)}]
            }
            lappend row $best
            incr j
            set left $y
        }
        set before $above
        set last $x
    }
    return [lindex $row end]
}

# Where words lead.

# What WORDS (those of Split, or of AsWords) mean at PLACE: a dict of
#
#   what        place, action, incomplete (a quote or an index is missing) or
#               unknown
#   place       as far as they led; with the key previous
#   action      the name of the member that is to be called, kind what it is
#   arguments   the values of the words behind it
#   default     of a place, the name of its default action or ""
#   background  1 where an & ends them
#   word message code    of what is at fault
#
# Only words that lead somewhere are split by slashes. OTHERS are names that the
# first word may have been meant to be, besides what is there.
proc ::deployer::shell::Resolve {place words {others {}}} {
    set result [dict create what place action {} kind {} arguments {} \
        default {} background 0 word {} message {} code {}]
    lassign [lindex $words end] value start end whole
    if {[llength $words] > 1 && $value eq "&" && $end - $start == 1} {
        # What is quoted is longer.
        set words [lrange $words 0 end-1]
        dict set result background 1
    } elseif {[llength $words] && !$whole} {
        return [dict merge $result [dict create what incomplete place $place \
            word $value message "the quote of \"[Shorten $value 40]\" is not\
            closed" code {DEPLOYER ARGUMENT quote}]]
    }
    set spot [SpotOf $place]
    set before $place
    set count [llength $words]
    for {set i 0} {$i < $count} {incr i} {
        set value [lindex $words $i 0]
        if {$value eq "at" && [SpotIsArray $spot]} {
            if {[incr i] >= $count} {
                return [dict merge $result [dict create what incomplete \
                    place [SpotPlace $spot] word at message "an index must\
                    follow \"at\"" code {DEPLOYER ARGUMENT at}]]
            }
            set parts [list [list at [lindex $words $i 0]]]
        } else {
            set parts [PathParts $value]
        }
        set left [llength $parts]
        foreach part $parts {
            incr left -1
            lassign [SpotStep $spot $place $part $others] what found code
            set others {}
            switch $what {
                spot {
                    set spot $found
                    continue
                }
                action {
                    dict set result what action
                    dict set result action $part
                    dict set result kind $found
                    dict set result arguments [lmap word \
                        [lrange $words $i+1 end] {lindex $word 0}]
                    if {$left} {
                        dict set result arguments [linsert \
                            [dict get $result arguments] 0 \
                            [join [lrange $parts end-[expr {$left - 1}] end] /]]
                    }
                }
                unknown {
                    dict set result what unknown
                    dict set result word $part
                    dict set result message $found
                    dict set result code $code
                }
            }
            dict set result place [SpotPlaceFrom $spot $before]
            return $result
        }
    }
    dict set result place [SpotPlaceFrom $spot $before]
    dict set result default [dict get [Summary [dict get $spot class]] default]
    return $result
}

# The place of SPOT, which was reached from PLACE.
proc ::deployer::shell::SpotPlaceFrom {spot place} {
    set new [SpotPlace $spot]
    if {[dict get $new steps] eq [dict get $place steps]} {
        return $place
    }
    return [dict replace $new previous [dict remove $place previous]]
}

# The parts of a word of a path: names, "/", ".", "..", "-", ":INDEX", and
# {at INDEX}, which is a word by itself.
proc ::deployer::shell::PathParts value {
    if {[PathIsAt $value]} {
        return [list $value]
    }
    set parts {}
    if {[string match /* $value]} {
        lappend parts /
    }
    foreach part [split $value /] {
        set colon [string first : $part]
        if {$colon > 0} {
            lappend parts [string range $part 0 $colon-1]
            set part [string range $part $colon end]
        }
        if {$part ne ""} {
            lappend parts $part
        }
    }
    if {$parts eq ""} {
        # A word that is empty leads nowhere, and is no mistake that can pass.
        return [list $value]
    }
    return $parts
}

proc ::deployer::shell::PathIsAt part {
    return [expr {[string is list $part] && [llength $part] == 2
        && [lindex $part 0] eq "at"}]
}

# One step of PART from SPOT, on a line that began at PLACE: {spot SPOT},
# {action KIND} or {unknown MESSAGE CODE}.
proc ::deployer::shell::SpotStep {spot place part {others {}}} {
    switch -glob -- $part {
        / {
            return [list spot [SpotOf [dict replace $place steps {}]]]
        }
        . {
            return [list spot $spot]
        }
        .. {
            set steps [lrange [dict get [SpotPlace $spot] steps] 0 end-1]
            return [list spot [SpotOf [dict replace $place steps $steps]]]
        }
        - {
            if {![dict exists $place previous]} {
                return [list unknown "there is no previous place yet" \
                    {DEPLOYER ARGUMENT -}]
            }
            return [list spot [SpotOf [dict get $place previous]]]
        }
        :* {
            return [SpotCells $spot [lrange [split $part :] 1 end]]
        }
    }
    if {[PathIsAt $part]} {
        set index [lindex $part 1]
        if {![string is list $index]} {
            set index [list $index]
        }
        return [SpotCells $spot $index]
    }
    set entry [Member [dict get $spot class] $part]
    if {$entry eq ""} {
        return [SpotUnknown $spot $part $others]
    }
    if {[dict get $entry kind] eq "service"} {
        return [list spot [SpotBelow $spot $part [dict get $entry class]]]
    }
    return [list action [dict get $entry kind]]
}

proc ::deployer::shell::SpotUnknown {spot word others} {
    variable Builtins
    variable Habits
    set kinds {service action alias property getter query}
    set near ""
    # Who has gone somewhere types what was there before.
    for {set up $spot} {$near eq "" && [set up [SpotUp $up]] ne ""} {} {
        if {$word in [SpotNames $up {service action alias}]} {
            set near [regsub -all {/:} /[join [concat \
                [dict get [SpotPlace $up] steps] [list $word]] /] :]
        }
    }
    if {$near eq "" && $others ne "" && [dict exists $Habits $word]} {
        set near [dict get $Habits $word]
    }
    if {$near eq "" && $others eq "" && [dict exists $Builtins $word]
            && [string match *\?PATH\?* [dict get $Builtins $word usage]]} {
        # A built-in stands before its path.
        set near "$word [PlacePath [SpotPlace $spot]]"
    }
    if {$near eq ""} {
        set near [Nearest $word [concat [SpotNames $spot $kinds] $others]]
    }
    set message "no such action or service in [PlacePath [SpotPlace $spot]]:\
        \"[Shorten $word 40]\""
    if {$near ne ""} {
        append message " (did you mean \"$near\"?)"
    }
    return [list unknown $message [list DEPLOYER ARGUMENT $word]]
}

# The step to the cell of the indexes WORDS; a part of them leads to an array.
proc ::deployer::shell::SpotCells {spot words} {
    foreach word $words {
        set path [PlacePath [SpotPlace $spot]]
        set code [list DEPLOYER ISOLATE INDEX $path $word]
        if {![SpotIsArray $spot]} {
            set why "is no array"
            if {[llength [dict get $spot given]]} {
                set why "is a cell already"
            }
            return [list unknown "$path $why, so it has no\
                \":[Shorten $word 40]\"" $code]
        }
        if {[catch {SpotIndex $spot $word} index options]} {
            return [list unknown $index [dict get $options -errorcode]]
        }
        if {$index eq ""} {
            set message "no such cell in $path: \":[Shorten $word 40]\""
            set near [Nearest $word [SpotIndexes $spot]]
            if {$near ne ""} {
                append message " (did you mean \":$near\"?)"
            }
            return [list unknown $message $code]
        }
        dict lappend spot given $index
    }
    return [list spot $spot]
}

# shelllook.tcl -- what the shell tells of a place: ls, find and help.
#
# Layer T3. Nothing is made for that but the place itself. Names that begin with
# "_" are not listed.

namespace eval ::deployer::shell {}

# The text behind ls: {PLACE LONG}.
proc ::deployer::shell::LookOptions {shell text} {
    set long [regexp {^-l(?:\s+(.*))?$} [string trim $text] -> rest]
    return [list [PlaceOf $shell [expr {$long ? $rest : $text}]] $long]
}

proc ::deployer::shell::DoLs {shell text} {
    lassign [LookOptions $shell $text] place long
    set target [PlaceTarget $place]
    set color [GroupColor [PlaceGroup $place]]
    # title -> {name color words doc} ...
    set parts {}
    foreach name [inspect children $target] {
        dict lappend parts services [list $name \
            [GroupColor [MemberGroup $place $target $name]] {} \
            [inspect doc $target $name]]
    }
    foreach {title kinds} {
        actions {actions} properties {properties getters queries}
    } {
        foreach kind $kinds {
            foreach name [inspect $kind $target] {
                set member [inspect member $target $name]
                if {[dict get $member kind] eq "alias"} {
                    continue
                }
                dict lappend parts $title [list $name $color \
                    [MemberUsage $member] [dict get $member doc]]
            }
        }
    }
    set text ""
    foreach title {services actions properties} {
        if {![dict exists $parts $title]} {
            continue
        }
        append text [Paint 2 $title:] \n
        append text [expr {$long
            ? [LongLines $shell [dict get $parts $title]]
            : [ShortLines $shell [dict get $parts $title]]}]
    }
    append text [CellLines $shell $target $color]
    if {$text eq ""} {
        set text "nothing is here\n"
    }
    Page $shell $text
}

# The group of the nested service NAME: its own, or that of TARGET.
proc ::deployer::shell::MemberGroup {place target name} {
    set class [dict get [inspect member $target $name] service]
    set group [dict get [Summary $class] group]
    return [expr {$group eq "" ? [PlaceGroup $place] : $group}]
}

# The arguments of a member, as in a synopsis.
proc ::deployer::shell::MemberUsage member {
    if {![dict exists $member args]} {
        return ""
    }
    return [FormalsUsage [dict get $member args]]
}

# Of LIST, {name color words doc} ..., the names in columns as ls has them.
proc ::deployer::shell::ShortLines {shell list} {
    set width [Columns $shell]
    set widest 1
    foreach item $list {
        set widest [expr {max($widest, [core::text width [lindex $item 0]])}]
    }
    set columns [expr {$width
        ? max(1, ($width - 2 + 1) / ($widest + 2)) : 1}]
    set rows [expr {([llength $list] + $columns - 1) / $columns}]
    set text ""
    for {set row 0} {$row < $rows} {incr row} {
        set line ""
        for {set at $row} {$at < [llength $list]} {incr at $rows} {
            lassign [lindex $list $at] name color
            set name [core::text show $name]
            append line "  " [Paint $color $name]
            if {$at + $rows < [llength $list]} {
                append line [string repeat " " [expr {$widest
                    - [core::text width $name]}]]
            }
        }
        append text $line \n
    }
    return $text
}

# The same with one line for each, what it takes and what it says of itself. On a
# narrow screen that stands below.
proc ::deployer::shell::LongLines {shell list} {
    set width [Columns $shell]
    if {$width && $width < 60} {
        set text ""
        foreach item $list {
            lassign $item name color words doc
            set name [core::text show $name]
            append text [join [lmap line [TextWrap [string trimright \
                    "  $name [core::text show $words]"] [expr {$width - 1}] 4] {
                if {$color ne "" && [string first "  $name" $line] == 0} {
                    set line "  [Paint $color $name][string range $line \
                        [string length $name]+2 end]"
                }
                set line
            }] \n] \n
            if {[string trim $doc] ne ""} {
                append text [join [TextWrap "      [core::text show \
                    [string trim $doc]]" [expr {$width - 1}] 6] \n] \n
            }
        }
        return $text
    }
    set widest 1
    foreach item $list {
        set widest [expr {max($widest, [core::text width \
            [string trimright "[lindex $item 0] [lindex $item 2]"]])}]
    }
    set widest [expr {min($widest, $width ? max(12, $width / 2) : 40)}]
    set text ""
    foreach item $list {
        lassign $item name color words doc
        set head [string trimright "$name $words"]
        set used [core::text width $head]
        append text "  " [Paint $color [core::text show $name]] \
            [string range [core::text show $head] [string length $name] end]
        set doc [core::text show [string trim $doc]]
        if {$doc ne ""} {
            append text [string repeat " " [expr {max(0, $widest - $used)}]] \
                "  "
            if {$width} {
                set doc [core::text fit $doc [expr {max(10,
                    $width - max($widest, $used) - 5)}] [TerminalEllipsis]]
            }
            append text $doc
        }
        append text \n
    }
    return $text
}

# The cells of TARGET, many of them folded.
proc ::deployer::shell::CellLines {shell target color} {
    set ns [info object namespace $target]
    if {![lindex [set ${ns}::Kin] 2]} {
        return ""
    }
    set indexes [IndexesOf $ns]
    set text "[Paint 2 "cells:"]\n"
    if {![llength $indexes]} {
        return "$text  none: there are no hosts\n"
    }
    if {[llength $indexes] > 100} {
        if {![catch {nodeset fold $indexes} folded]} {
            return "$text  [Paint $color :[core::text show $folded]]\n"
        }
    }
    return $text[ShortLines $shell [lmap index $indexes {
        list :[join $index :] $color
    }]]
}

proc ::deployer::shell::DoFind {shell text} {
    set place [PlaceOf $shell $text]
    set class [info object class [PlaceTarget $place]]
    set lines {}
    FindBelow $class "" [PlaceGroup $place] {} lines
    if {![llength $lines]} {
        set lines [list {"no actions below this" {} {} {}}]
    }
    Page $shell [LongLines $shell $lines]
}

# Adds the actions of CLASS and below, whose path is PREFIX, to the list in
# LINESVAR. ABOVE are the classes on the way, because one may hold itself.
proc ::deployer::shell::FindBelow {class prefix group above linesVar} {
    upvar 1 $linesVar lines
    if {$class in $above || [llength $above] > 50} {
        return
    }
    set own [dict get [Summary $class] group]
    if {$own ne ""} {
        set group $own
    }
    set color [GroupColor $group]
    foreach name [inspect actions $class] {
        set member [inspect member $class $name]
        if {[dict get $member kind] ne "alias"} {
            lappend lines [list [string trimleft "$prefix $name"] $color \
                [MemberUsage $member] [dict get $member doc]]
        }
    }
    lappend above $class
    foreach name [inspect children $class] {
        FindBelow [inspect child $class $name] \
            [expr {$prefix eq "" ? $name : "$prefix/$name"}] $group $above lines
    }
}

# Help.

proc ::deployer::shell::DoHelp {shell text} {
    variable Builtins
    set text [string trim $text]
    if {$text eq ""} {
        Page $shell [HelpText $shell]
        return
    }
    if {[dict exists $Builtins $text]} {
        set about [dict get $Builtins $text]
        Print $shell "[string trim "$text [dict get $about usage]"]\n   \
            [dict get $about doc]\n"
        return
    }
    lassign [PlaceAndName $shell $text] place name
    set target [PlaceTarget $place]
    if {$name eq ""} {
        set doc [inspect doc $target]
        set head [PlacePath $place]
    } else {
        set member [inspect member $target $name]
        set doc [dict get $member doc]
        set head [string trim "$name [MemberUsage $member]"]
    }
    if {$doc eq ""} {
        set doc "says nothing of itself; --source-code shows what it is"
    }
    Page $shell "[core::text show $head]\n    [core::text show -lines $doc]\n"
}

proc ::deployer::shell::HelpText shell {
    variable Builtins
    set width [Columns $shell]
    # No longer lines than are pleasant to read.
    set room [expr {$width ? min(100, $width - 1) : 78}]
    set left [expr {$room < 60 ? 6 : 26}]
    append text [join [Wrap "A line is a path and an action with its arguments.\
        Words of a path stand behind spaces or slashes, a cell is :SLUG, arguments\
        are quoted as in Tcl:" $room] \n] \n\n
    foreach {line doc} {
        ACTION "an action of this place"
        "web deploy {a b} 2.1" "an action of the service web, with two arguments"
        "/web :web1 deploy" "from the root; one cell, that is one host"
        ".. ACTION" "of the service around this one"
        "web deploy ... &" "in the background: jobs, fg and kill tell of it"
    } {
        append text [HelpLine $line "  $line" $doc $left $room]
    }
    # Without keys there is no more than whole lines.
    append text \n [join [Wrap "[expr {[TerminalSmart]
        ? "Tab completes, once more lists. Ctrl-R looks for a line that was typed\
            before."
        : "Tab and Enter list what may follow, and the line goes on behind the\
            next prompt."}] Ctrl-C ends what runs, and what it began on the\
        hosts. Ctrl-D leaves." $room] \n] \n\n
    dict for {name about} $Builtins {
        set usage [dict get $about usage]
        set head [string trimright "$name $usage"]
        set shown [join [TextWrap "  $head" $room 4] \n]
        append text [HelpLine $head "  [Paint 36 $name][string range $shown \
            [string length $name]+2 end]" [dict get $about doc] $left $room]
    }
    return $text
}

# HEAD, shown as SHOWN, and behind it in column LEFT, or below, what DOC says.
proc ::deployer::shell::HelpLine {head shown doc left room} {
    set margin [string repeat " " $left]
    set gap [expr {$left - 2 - [string length $head]}]
    return $shown[expr {$gap > 1
        ? [string repeat " " $gap] : "\n$margin"}][join \
        [Wrap $doc [expr {$room - $left}]] \n$margin]\n
}

# The lines of TEXT, broken at white space to be no longer than COLUMNS.
proc ::deployer::shell::Wrap {text columns} {
    set lines {}
    set line ""
    foreach word [split $text] {
        if {$line ne "" && [string length "$line $word"] > $columns} {
            lappend lines $line
            set line $word
        } else {
            set line [string trimleft "$line $word"]
        }
    }
    return [lappend lines $line]
}

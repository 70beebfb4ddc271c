# readerlist.tcl -- words of a completion: what they have in common, and how they
# are listed.
#
# Layer T3. A word is {WORD DESCRIPTION SGR ENDS}.

namespace eval ::deployer {
    variable ReaderLines 10000  ;# that a history has
}

# The begin that WORDS have in common.
proc ::deployer::ReaderCommon words {
    set common [lindex $words 0 0]
    set length [string length $common]
    foreach word $words {
        set word [lindex $word 0]
        while {![string equal -length $length $common $word]} {
            set common [string range $common 0 [incr length -1]-1]
            if {$length <= 0} {
                return ""
            }
        }
    }
    return $common
}

# TEXT, of so many COLUMNS, as wide as WIDTH, in its colour.
proc ::deployer::ReaderCell {text columns sgr width colors} {
    set pad [string repeat " " [expr {max(0, $width - $columns)}]]
    if {$colors && $sgr ne "" && [regexp {^[0-9;:]+$} $sgr]} {
        set text "\033\[${sgr}m$text\033\[m"
    }
    return $text$pad
}

# The lines that show SHOWN, of {TEXT WIDTH SGR DESCRIPTION}, in so many columns
# ACROSS, read downwards, with room for WIDEST and the begin of a description.
proc ::deployer::ReaderDescribed {shown widest across cols colors} {
    set count [expr {([llength $shown] + $across - 1) / $across}]
    set room [expr {($cols - 1 - 2 * ($across - 1)) / $across - $widest - 2}]
    set lines {}
    for {set row 0} {$row < $count} {incr row} {
        set line ""
        for {set at $row} {$at < [llength $shown]} {incr at $count} {
            lassign [lindex $shown $at] text width sgr description
            set description [core::text fit \
                [core::text show [string map {\n { }} $description]] $room \
                [TerminalEllipsis]]
            if {$at + $count < [llength $shown]} {
                append description [string repeat " " \
                    [expr {$room + 2 - [core::text width $description]}]]
            }
            append line [ReaderCell $text $width $sgr $widest $colors] "  " \
                $description
        }
        lappend lines [string trimright $line]
    }
    return $lines
}

# The lines that show WORDS on a screen: with descriptions where there are some and
# all fit, in as few columns as that needs; else the words alone in columns, read
# downwards.
proc ::deployer::ReaderColumns {words cols rows} {
    set widest 0
    set described 0
    set shown {}
    set colors [TerminalColors]
    foreach word $words {
        lassign $word text description sgr
        if {[regexp {^[ -~]*$} $text]} {
            # Most are so, and there may be thousands.
            set width [string length $text]
        } else {
            set text [core::text show $text]
            set width [core::text width $text]
        }
        if {$width > $widest} {
            set widest $width
        }
        if {$description ne ""} {
            set described 1
        }
        lappend shown [list $text $width $sgr $description]
    }
    set count [llength $shown]
    set across [expr {max(1, ($count + $rows - 3) / max(1, $rows - 2))}]
    # What is left of a description should still tell something.
    set least [expr {$across == 1 ? 13 : 20}]
    if {$described && $across * ($widest + $least) <= $cols + 1} {
        return [ReaderDescribed $shown $widest $across $cols $colors]
    }
    set widest [expr {min($widest, $cols - 1)}]
    set across [expr {max(1, ($cols + 1) / ($widest + 2))}]
    set count [expr {([llength $shown] + $across - 1) / $across}]
    set lines {}
    for {set row 0} {$row < $count} {incr row} {
        set line ""
        for {set at $row} {$at < [llength $shown]} {incr at $count} {
            lassign [lindex $shown $at] text width sgr
            if {$width >= $cols} {
                set text [core::text fit $text [expr {$cols - 1}] \
                    [TerminalEllipsis]]
            }
            append line [ReaderCell $text $width $sgr [expr {
                $at + $count < [llength $shown] ? $widest + 2 : 0}] $colors]
        }
        lappend lines $line
    }
    return $lines
}

# PROMPT without colours.
proc ::deployer::TerminalPlainPrompt prompt {
    return [regsub -all {\033\[[0-9;:]*m} $prompt {}]
}

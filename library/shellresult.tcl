# shellresult.tcl -- what the shell shows: texts, results and failures.
#
# Layer T3. Results go to standard output, everything else to the terminal or to
# standard error. What comes from outside is shown and not obeyed. A result that a
# command has shown on the terminal while it ran is not shown twice; to know that,
# the key -shown of the context is the number of a set of fingerprints.

namespace eval ::deployer::shell {
    variable ShownCount 0
    variable Shown              ;# number -> dict of fingerprint -> 1
    array set Shown {}
}

# Texts.

# Shows TEXT, which may have colours: above the prompt, where there is one.
proc ::deployer::shell::Print {shell text} {
    upvar #0 $shell S
    ConsolePrint [info object namespace $S(root)] $text
}

# The same for what is no result.
proc ::deployer::shell::Warn {shell text} {
    upvar #0 $shell S
    if {[info object isa object $S(root)]
            && [ConsoleOnScreen [info object namespace $S(root)]]} {
        TerminalPrint $text
        catch {TerminalDrain}
    } else {
        # Who reads it may be gone.
        catch {
            puts -nonewline stderr $text
            flush stderr
        }
    }
}

# Shows TEXT, which may have colours, in a pager where it is longer than the
# screen.
proc ::deployer::shell::Page {shell text} {
    upvar #0 $shell S
    set text [string trimright $text \n]\n
    if {[dict get $S(options) page]} {
        ConsolePage [info object namespace $S(root)] -colors 1 $text
    } else {
        Print $shell $text
    }
}

# Columns of the screen; 0 where there is no end.
proc ::deployer::shell::Columns shell {
    upvar #0 $shell S
    return [ConsoleWidth [info object namespace $S(root)] {}]
}

# ROWS, a list of lists, as the text of a table.
proc ::deployer::shell::Table {shell rows {headers {}}} {
    set style [dict create width [Columns $shell] \
        ellipsis [TerminalEllipsis] \
        rule [expr {[TerminalUnicode] ? "\u2500" : "-"}]]
    if {[llength $headers]} {
        dict set style headers $headers
    }
    if {[HasColors]} {
        dict set style bold \033\[1m
        dict set style plain \033\[m
    }
    return [core::text table $rows $style]
}

# Results.

# Shows RESULT of CALL.
proc ::deployer::shell::Result {shell call result shown} {
    if {$result eq "" || [WasShown $shown $result]} {
        return
    }
    set known [KeysOf [dict get $call target]]
    if {[IsByKey $known $result]} {
        set text [ByKey $shell $known $result]
        if {$text eq ""} {
            return
        }
    } else {
        set text [core::text show -lines $result]
    }
    if {[dict get $call background]} {
        Print $shell [string trimright $text \n]\n
    } else {
        Page $shell $text
    }
}

# The keys that results of TARGET may have, as a dict: indexes of its cells and
# slugs of its hosts.
proc ::deployer::shell::KeysOf target {
    set known {}
    if {![info object isa object $target]} {
        return $known
    }
    set ns [info object namespace $target]
    catch {
        foreach slug [core::hostset slugs [HostsSet [ViewOf $ns]]] {
            dict set known $slug 1
        }
    }
    if {[lindex [set ${ns}::Kin] 2]} {
        catch {
            foreach index [IndexesOf $ns] {
                dict set known $index 1
            }
        }
    }
    return $known
}

# Whether RESULT is a dict with such keys alone.
proc ::deployer::shell::IsByKey {known result} {
    if {![string is list $result] || [llength $result] % 2
            || ![llength $result]} {
        return 0
    }
    foreach key [dict keys $result] {
        if {![dict exists $known $key]} {
            return 0
        }
    }
    return 1
}

# The table of such a dict; "" where all values are empty.
proc ::deployer::shell::ByKey {shell known result} {
    set columns {stdout stderr status signal seconds}
    # {cell host value} ...
    set found {}
    set nested 0
    dict for {key value} $result {
        # More than one dimension has a list of slugs.
        set key [join $key :]
        if {[IsByKey $known $value]} {
            set nested 1
            dict for {below text} $value {
                lappend found [list $key $below $text]
                set key ""
            }
        } else {
            lappend found [list $key {} $value]
        }
    }
    set whole 1
    set empty 1
    foreach row $found {
        set value [lindex $row 2]
        if {$value ne ""} {
            set empty 0
        }
        if {![string is list $value] || [llength $value] != 10
                || [dict keys $value] ne $columns} {
            set whole 0
            break
        }
    }
    if {$empty && !$whole} {
        return ""
    }
    set rows [lmap row $found {
        lassign $row key below value
        set row [expr {$nested ? [list $key $below] : [list $key]}]
        if {$whole} {
            dict set value seconds [format %.2f [dict get $value seconds]]
            lappend row {*}[dict values $value]
        } else {
            lappend row $value
        }
    }]
    set headers {}
    if {$whole} {
        set headers [list {} {*}[expr {$nested ? {{}} : {}}] {*}$columns]
    } elseif {![FitsTable $rows [Columns $shell]]} {
        return [LongRows $rows]
    }
    return [Table $shell $rows $headers]
}

# Whether all of ROWS is to be seen in a table of WIDTH columns.
proc ::deployer::shell::FitsTable {rows width} {
    if {!$width} {
        return 1
    }
    set keys 0
    set widest 0
    foreach row $rows {
        set used 0
        foreach key [lrange $row 0 end-1] {
            incr used [expr {[core::text width $key] + 2}]
        }
        set keys [expr {max($keys, $used)}]
        foreach line [split [core::text show -lines [lindex $row end]] \n] {
            set widest [expr {max($widest, [core::text width $line])}]
        }
    }
    return [expr {$keys + $widest <= $width}]
}

# ROWS with the keys in front of each line of their values, as commands on
# several hosts are shown.
proc ::deployer::shell::LongRows rows {
    set lines {}
    set cell ""
    foreach row $rows {
        # That of a cell stands in its first row alone.
        if {[llength $row] > 2} {
            if {[lindex $row 0] ne ""} {
                set cell [lindex $row 0]
            }
            lset row 0 $cell
        }
        set prefix [core::text show [join [lrange $row 0 end-1]]]
        foreach line [split [core::text show -lines [lindex $row end]] \n] {
            lappend lines "$prefix: $line"
        }
    }
    return [join $lines \n]
}

# What commands have shown.

oo::class create ::deployer::shell::Showing {
    variable Slug

    # Ctrl-C that a command had, because the terminal was its own, is meant for
    # the action around it as well.
    method Run {line opts} {
        set slug $Slug
        if {[catch {next $line $opts} result options]} {
            ::deployer::shell::ShownInterrupt $slug $opts $options
            return -options [dict incr options -level] $result
        }
        ::deployer::shell::ShownAdd $slug $opts $result
        return $result
    }
}
oo::define ::deployer::host mixin -append ::deployer::shell::Showing

proc ::deployer::shell::ShownBegin {} {
    variable ShownCount
    variable Shown
    set Shown([incr ShownCount]) {}
    return $ShownCount
}

proc ::deployer::shell::ShownEnd number {
    variable Shown
    unset -nocomplain Shown($number)
}

# TEXT is what a command with OPTS gave.
proc ::deployer::shell::ShownAdd {slug opts text} {
    variable Shown
    set context [ContextGet]
    if {![dict exists $context -shown]} {
        return
    }
    set number [dict get $context -shown]
    if {![info exists Shown($number)] || [dict size $Shown($number)] > 100000
            || [catch {TerminalOptions $slug $opts ""} seen]
            || ![dict exists $seen show] && ![dict exists $seen own]} {
        return
    }
    dict set Shown($number) [Fingerprint $text] 1
}

# Raises {DEPLOYER CANCELLED slug} where OPTIONS are those of a command that had
# the terminal and was ended by the keyboard.
proc ::deployer::shell::ShownInterrupt {slug opts options} {
    set code [dict get $options -errorcode]
    if {![dict exists [ContextGet] -shown]
            || [lrange $code 0 2] ne {DEPLOYER EXEC SIGNAL}
                && [lrange $code 0 2] ne {DEPLOYER EXEC STATUS}
            || [lindex $code 4] ni {INT 130}
            || [catch {TerminalOptions $slug $opts ""} seen]
            || ![dict exists $seen own]} {
        return
    }
    Fail [list CANCELLED $slug] "interrupted" -abort 1 -open \
        [dict get [dict merge {-open 0} $options] -open]
}

proc ::deployer::shell::Fingerprint text {
    set bytes [encoding convertto utf-8 $text]
    return "[string length $bytes] [zlib crc32 $bytes] [zlib adler32 $bytes]"
}

# Whether all of RESULT has been shown by commands: it is such a text, or a dict
# of such.
proc ::deployer::shell::WasShown {number result} {
    variable Shown
    if {$result eq ""} {
        return 1
    }
    if {![info exists Shown($number)] || ![dict size $Shown($number)]} {
        return 0
    }
    if {[dict exists $Shown($number) [Fingerprint $result]]} {
        return 1
    }
    if {![string is list $result] || [llength $result] < 2
            || [llength $result] % 2} {
        return 0
    }
    dict for {key value} $result {
        if {![WasShown $number $value]} {
            return 0
        }
    }
    return 1
}

# Failures.

# Tells of the error MESSAGE of a line.
proc ::deployer::shell::Failed {shell message options} {
    upvar #0 $shell S
    set S(status) 1
    set code {}
    if {[dict exists $options -errorcode]} {
        set code [dict get $options -errorcode]
    }
    set why [lrange $code 0 1]
    if {$why eq {DEPLOYER CANCELLED}} {
        set S(status) 130
        set text [BehindKey $shell $options][Paint 33 [expr {
            [dict exists $options -abandoned] ? $message : "interrupted"}]]
    } elseif {$why eq {DEPLOYER ABORT}} {
        if {[dict exists $options -interrupted]} {
            set S(status) 130
        }
        # What was answered is said once.
        regsub {^(/\S*) was ended by the answer to a failure:} $message {\1:} \
            message
        set text [Paint 33 [AtWords $shell \
            "ended: [core::text show -lines $message]"]]
    } elseif {[dict exists $options -failures]} {
        set text [FailureText $shell $message $options]
    } else {
        set text [Paint 31 [AtWords $shell \
            "error: [core::text show -lines $message]"]]
    }
    set ours [expr {[lindex $code 0] eq "DEPLOYER"}]
    if {[dict exists $options -errorinfo]
            && $why ni {{DEPLOYER CANCELLED} {DEPLOYER ABORT}}
            && ([dict get $S(options) error-trace]
                || !$ours)} {
        set trace [TraceText $message [dict get $options -errorinfo] \
            [expr {[dict get $S(options) error-trace] ? 1000 : 10}]]
        if {$trace ne ""} {
            append text \n [Paint 2 $trace]
        }
    }
    Warn $shell $text\n
}

# What stands before the word of an error with OPTIONS: what Ctrl-C has ended left
# the echo of the key on the line.
proc ::deployer::shell::BehindKey {shell options} {
    upvar #0 $shell S
    return [expr {$S(asks) && !$S(told) && ([dict exists $options -broken]
        || [dict exists $options -open] && [dict get $options -open])
        ? "\n" : ""}]
}

# TEXT, whose lines are broken at words where the screen ends. Who reads a plain
# terminal gets them whole.
proc ::deployer::shell::AtWords {shell text {indent 2}} {
    return [AtColumns $text [Columns $shell] $indent]
}

proc ::deployer::shell::AtColumns {text width {indent 2}} {
    if {!$width || ![TerminalSmart]} {
        return $text
    }
    return [join [lmap line [split $text \n] {
        join [TextWrap $line [expr {$width - 1}] $indent] \n
    }] \n]
}

# The message of one of several failures, without what stands in front of it in
# any case: where the cell is.
proc ::deployer::shell::FailureWhy {options kind key failure} {
    set why [string trim [dict get $failure message]]
    if {$kind eq "CELLS" && [dict exists $options -path]} {
        set place "[dict get $options -path]:[join $key :]/[dict get $options \
            -action]: "
        if {[string first $place $why] == 0} {
            return [string range $why [string length $place] end]
        }
    }
    return $why
}

# The failures of many: a line for each; of more than three, those that failed alike
# on one, and the rarest first, so that none of them is lost.
proc ::deployer::shell::FailureText {shell message options} {
    set failures [dict get $options -failures]
    lassign [dict get $options -errorcode] - kind - failed tried
    set width [Columns $shell]
    set head "$failed of $tried [expr {$kind eq "CELLS"
        ? "cells" : "hosts"}] failed"
    if {[dict exists $options -path]} {
        set head "[string trimright [dict get $options -path] /]/[dict get \
            $options -action]: $head"
    }
    set lines [list [Paint 31 "error: [core::text show $head]"]]
    set limit [expr {$width ? max(240, 2 * $width) : 400}]
    if {[dict size $failures] > 3} {
        set reasons [::deployer::logger::Alike [dict map {key failure} $failures {
            dict create errorcode [dict get $failure errorcode] message \
                [Shorten [FailureWhy $options $kind $key $failure] 400]
        }]]
    } else {
        set reasons [lmap key [dict keys $failures] {list [list $key]}]
    }
    foreach reason [lrange $reasons 0 19] {
        lassign $reason keys why
        if {[llength $keys] == 1} {
            set key [lindex $keys 0]
            set why [core::text show [Shorten [FailureWhy $options $kind $key \
                [dict get $failures $key]] $limit]]
        } else {
            # That is shown already.
            set why [Shorten $why $limit]
        }
        set names [::deployer::logger::Names [lmap key $keys {join $key :}]]
        if {$width} {
            set names [core::text fit $names [expr {max(20, $width / 2)}] ...]
        }
        lappend lines "  [Paint 31 $names]:[string range [AtWords $shell \
            "  $names: $why" 4] [string length "  $names:"] end]"
    }
    set left 0
    foreach reason [lrange $reasons 20 end] {
        incr left [llength [lindex $reason 0]]
    }
    if {$left} {
        lappend lines "  and $left more"
    }
    set skipped {}
    if {[dict exists $options -skipped]} {
        set skipped [dict get $options -skipped]
    }
    if {[llength $skipped]} {
        lappend lines "  not begun: [core::text show [Shorten [join \
            [lmap key $skipped {join $key :}] {, }] 300]]"
    }
    return [join $lines \n]
}

# The innermost lines of a trace that are not the shell's.
proc ::deployer::shell::TraceText {message trace most} {
    set trace [TrimTrace $trace]
    if {[string first $message $trace] == 0} {
        set trace [string range $trace [string length $message] end]
    }
    set lines [split [string trim $trace \n] \n]
    set at [lsearch -glob $lines {*::deployer::shell::*}]
    if {$at > 0} {
        set lines [lrange $lines 0 $at-1]
        if {[string match *invoked?from?within* [lindex $lines end]]} {
            set lines [lrange $lines 0 end-1]
        }
    }
    if {[llength $lines] > $most} {
        set lines [linsert [lrange $lines 0 $most-1] end \
            "    (set-option error-trace on shows all)"]
    }
    return [core::text show -lines [join $lines \n]]
}

# bars.tcl -- progress of what goes on: lines at the foot of the terminal, or a
# line now and then in a log.
#
# Layer T1. A bar is drawn below the line of the cursor, anew ten times a second,
# and leaves nothing behind. The cursor stays where it was, so that whatever else is
# printed, and the prompt of a shell after Ctrl-C, comes to stand in its place. All
# that this process shows passes by BarsAround. A command or question that takes
# the screen has it whole.
#
# The context has these keys, inherited by jobs:
#
#   -bars 1       calls on many hosts and transfers show a bar by themselves
#   -barsin ID    the bar of a call around this one, that shows for this as well
#
# Bars(id) is a dict: label, unit ("bytes" or a noun), say (a prefix that gets a
# line for a log; "" finds the way itself), start and shown (ms), total ("" is not
# known), done, failed, running (name -> ms), flows (slug -> {bytes total
# walked}), moved (bytes of flows that have ended), samples ({ms done} ...), text,
# and for a log said and next (ms). One with draw, a command prefix, is what that
# gives for COLUMNS and a number of lines, on a terminal alone.

namespace eval ::deployer {
    variable Bars
    variable BarCount 0
    variable BarTimer ""
    variable BarsDrawn ""       ;# what stands below the cursor
    variable BarsDue 0          ;# they are to be drawn, or wiped out
    variable BarsThen 0         ;# when that was done (ms)
    variable BarsPaint ""       ;# what drew them
    variable BarsPushed {}      ;# channels that pass by
    array set Bars {}

    # How long something takes that gets a bar by itself; how often a log gets a
    # line (ms).
    variable BarsAfter 1000
    variable BarsEvery 10000
}

# A new bar. WORDS are keys and values as above; its id. With -after MS in it, it
# is shown after so many milliseconds.
proc ::deployer::BarsBegin args {
    variable Bars
    variable BarCount
    variable BarTimer
    variable BarsEvery
    set now [clock milliseconds]
    set id [incr BarCount]
    set Bars($id) [dict merge [dict create label {} unit {} say {} start $now \
        shown $now total {} done 0 failed 0 running {} flows {} moved 0 \
        samples {} text {} fan 0 draw {} said 0 aside [AsideNow] \
        next [expr {$now + $BarsEvery}]] $args]
    if {$BarTimer eq ""} {
        set BarTimer [after 100 ::deployer::BarsTick]
    }
    return $id
}

# The twin; "" and what is gone are allowed. What it came to is told to a log
# that has heard of it, or where TEXT says it.
proc ::deployer::BarsEnd {id {text {}}} {
    variable Bars
    variable BarTimer
    variable BarsDue
    variable BarsDrawn
    if {$id eq "" || ![info exists Bars($id)]} {
        return
    }
    set bar $Bars($id)
    unset Bars($id)
    if {[dict get $bar said] && $text eq "" && [BarsMode $bar] ne "screen"} {
        set text [BarsLine $bar 0 1]
    }
    if {![array size Bars] && $BarTimer ne ""} {
        after cancel $BarTimer
        set BarTimer ""
    }
    if {$text ne ""} {
        BarsSay $bar $text
    }
    if {$BarsDrawn ne ""} {
        set BarsDue 1
        BarsDraw
    }
    if {![array size Bars]} {
        BarsPop
    }
    return
}

# Changes keys of a bar: KEY VALUE ...
proc ::deployer::BarsSet {id args} {
    variable Bars
    if {[info exists Bars($id)]} {
        set Bars($id) [dict replace $Bars($id) {*}$args]
    }
}

proc ::deployer::BarsGet {id key} {
    variable Bars
    if {[info exists Bars($id)]} {
        return [dict get $Bars($id) $key]
    }
    return ""
}

proc ::deployer::BarsAdd {id count} {
    variable Bars
    if {[info exists Bars($id)]} {
        dict set Bars($id) done [expr {[dict get $Bars($id) done] + $count}]
    }
}

# One of many has begun; has ended, well or not.
proc ::deployer::BarsOne {id name} {
    variable Bars
    if {[info exists Bars($id)]} {
        dict set Bars($id) running $name [clock milliseconds]
    }
}

proc ::deployer::BarsOneEnded {id name failed} {
    variable Bars
    if {[info exists Bars($id)]} {
        dict unset Bars($id) running $name
        dict incr Bars($id) [expr {$failed ? "failed" : "done"}]
        BarsFlowEnded $id $name
    }
}

# The progress of a transfer or a pipe, as their -progress tells it.
proc ::deployer::BarsFlow {id dict} {
    variable Bars
    if {![info exists Bars($id)]} {
        return
    }
    set slug ""
    set total ""
    set walked 0
    foreach name {slug total walked} {
        if {[dict exists $dict $name]} {
            set $name [dict get $dict $name]
        }
    }
    dict set Bars($id) flows $slug \
        [list [dict get $dict bytes] $total $walked]
    if {[dict exists $dict done] && [dict get $dict done]} {
        BarsFlowEnded $id $slug
    }
}

proc ::deployer::BarsFlowEnded {id slug} {
    variable Bars
    if {[dict exists $Bars($id) flows $slug]} {
        dict incr Bars($id) moved [lindex [dict get $Bars($id) flows $slug] 0]
        dict unset Bars($id) flows $slug
    }
}

# Bars that appear by themselves.

# Whether a call in this context may show one.
proc ::deployer::BarsWanted {} {
    set context [ContextGet]
    return [expr {[dict exists $context -bars] && [dict get $context -bars]}]
}

# The bar of a fan-out of TOTAL jobs with OPTS, "" without one. In it no other
# appears.
proc ::deployer::BarsForFan {total opts} {
    variable BarsAfter
    set context [ContextGet]
    if {$total < 2 || ![dict exists $opts data] || ![BarsWanted]
            || ![dict exists $context -crowd] || ![dict get $context -crowd]} {
        # Those that take turns have the screen to themselves.
        return ""
    }
    set data [dict get $opts data]
    set unit hosts
    if {[dict exists $opts code]} {
        set unit cells
        # See PerformFan.
        set label [lindex $data end-2]
    } else {
        set label [lassign [lindex $data 1] verb]
        if {$verb in {FileGet FilePut}
                && [dict exists [lindex $label 0] progress]} {
            return ""
        }
        switch -- $verb {
            Run {
                # Also a script of several lines has one here.
                set label [regsub -all {\s+} [string trim [lindex $label 0]] { }]
            }
            FileGet - FilePut {
                set verb [string tolower [string range $verb 4 end]]
                set label "$verb [join [lrange $label 1 end]]"
            }
            default {
                set label [string tolower $verb]
            }
        }
    }
    set id [BarsBegin label $label unit $unit total $total fan 1 \
        shown [expr {[clock milliseconds] + $BarsAfter}]]
    ContextSet [dict replace $context -bars 0 -barsin $id]
    return $id
}

# The bar of a transfer, "" without one. OPTSVAR gets the -progress that tells
# it, or the bar around.
proc ::deployer::BarsForTransfer {optsVar sources} {
    variable BarsAfter
    variable Bars
    upvar 1 $optsVar opts
    if {[dict exists $opts progress] && [dict get $opts progress] ne ""} {
        return ""
    }
    set context [ContextGet]
    if {[BarsWanted]} {
        set label [TransferTail [lindex $sources 0]]
        if {[llength $sources] > 1} {
            set label "[llength $sources] files"
        } elseif {$label eq ""} {
            set label [lindex $sources 0]
        }
        set id [BarsBegin label $label unit bytes \
            shown [expr {[clock milliseconds] + $BarsAfter}]]
        dict set opts progress [list ::deployer::BarsFlow $id]
        return $id
    }
    if {[dict exists $context -barsin]
            && [info exists Bars([dict get $context -barsin])]} {
        dict set opts progress \
            [list ::deployer::BarsFlow [dict get $context -barsin]]
    }
    return ""
}

# The line of a bar.

proc ::deployer::BarsSize bytes {
    if {$bytes < 1024} {
        return "$bytes B"
    }
    foreach unit {KiB MiB GiB TiB PiB} {
        set bytes [expr {$bytes / 1024.0}]
        if {$bytes < 999.5} {
            break
        }
    }
    return [format [expr {$bytes < 99.95 ? "%.1f %s" : "%.0f %s"}] $bytes $unit]
}

# How long something takes, for people: 4 s, 1 min 04 s, 2 h 03 min, 3 d 04 h. With
# TENTHS what is short is told as 4.2 s.
proc ::deployer::BarsTime {seconds {tenths 0}} {
    if {$tenths && $seconds < 9.95} {
        return [format "%.1f s" $seconds]
    }
    set seconds [expr {wide($seconds + 0.5)}]
    if {$seconds < 60} {
        return "$seconds s"
    }
    if {$seconds < 3600} {
        return [format "%d min %02d s" [expr {$seconds / 60}] \
            [expr {$seconds % 60}]]
    }
    if {$seconds < 86400} {
        return [format "%d h %02d min" [expr {$seconds / 3600}] \
            [expr {$seconds / 60 % 60}]]
    }
    return [format "%d d %02d h" [expr {$seconds / 86400}] \
        [expr {$seconds / 3600 % 24}]]
}

# {done total share}: what the bar counts, and from 0 to 1 how far it is; share
# is "" where that is not known.
proc ::deployer::BarsState bar {
    dict with bar {
        set bytes $moved
        set all $moved
        set known 1
        set part 0.0
        dict for {slug flow} $flows {
            lassign $flow count whole walked
            incr bytes $count
            if {$whole eq "" || !$walked} {
                set known 0
            } else {
                incr all $whole
                if {$whole > 0 && $unit eq "hosts"} {
                    set part [expr {$part + double($count) / $whole}]
                }
            }
        }
        if {$fan} {
            # What has ended counts whole, what runs by its bytes.
            set share [expr {min(1.0,
                ($done + $failed + $part) / max($total, 1))}]
            return [list [expr {$done + $failed}] $total $share]
        }
        if {[dict size $flows] || $moved} {
            set done $bytes
            if {$total eq "" && $known} {
                set total $all
            }
        } else {
            set done [expr {$done + $failed}]
        }
        if {$total eq ""} {
            return [list $done "" ""]
        }
        return [list $done $total [expr {$total > 0
            ? min(1.0, double($done) / $total) : 1.0}]]
    }
}

# Bytes of all that flows through the bar.
proc ::deployer::BarsBytes bar {
    set bytes [dict get $bar moved]
    dict for {slug flow} [dict get $bar flows] {
        incr bytes [lindex $flow 0]
    }
    return $bytes
}

# What it counts by, each second; "" at first.
proc ::deployer::BarsRate {bar now done} {
    lassign [dict get $bar samples] begin count
    if {$begin eq "" || $now - $begin < 500} {
        return ""
    }
    return [expr {($done - $count) * 1000.0 / ($now - $begin)}]
}

# A bar of so many columns.
proc ::deployer::BarsBlocks {share columns} {
    if {![TerminalUnicode]} {
        set full [expr {int($share * ($columns - 2))}]
        set text [string repeat = $full]
        if {$full < $columns - 2} {
            append text >
        }
        return "\[[format %-*s [expr {$columns - 2}] $text]\]"
    }
    set eighths [expr {int($share * $columns * 8)}]
    set text [string repeat \u2588 [expr {$eighths / 8}]]
    if {$eighths % 8} {
        append text [format %c [expr {0x2590 - $eighths % 8}]]
    }
    append text [string repeat \u2591 [expr {$columns - [string length $text]}]]
    return $text
}

# The line of a bar for WIDTH columns; 0: for a log. ENDED: what it came to.
# Parts that matter less are left out where there is no room.
proc ::deployer::BarsLine {bar width {ended 0}} {
    set now [clock milliseconds]
    lassign [BarsState $bar] done total share
    set unit [dict get $bar unit]
    set failed [dict get $bar failed]
    set elapsed [expr {($now - [dict get $bar start]) / 1000.0}]
    set bytes [BarsBytes $bar]
    set rate [BarsRate $bar $now [expr {$unit eq "bytes" ? $done : $bytes}]]
    # {rank text}, in the order in which they stand.
    set parts {}
    if {$share ne "" && !$ended} {
        lappend parts 1 [format %3d%% [expr {int($share * 100)}]]
        if {$width} {
            lappend parts 5 bar
        }
    }
    if {$unit eq "bytes"} {
        set text [BarsSize $done]
        if {$total ne "" && !$ended} {
            set text [string cat [BarsSize $done] / [BarsSize $total]]
        }
        lappend parts 2 $text
    } else {
        set text $done
        if {$total ne ""} {
            append text / $total
        }
        lappend parts 1 [string trimright "$text $unit"]
        if {$bytes} {
            lappend parts 7 [BarsSize $bytes]
        }
    }
    if {$failed} {
        lappend parts 1 [BarsColor $width 31 "$failed failed"]
    }
    if {[dict size [dict get $bar running]] && !$ended} {
        lappend parts 4 "[dict size [dict get $bar running]] running"
    }
    if {$ended} {
        set rate [expr {$elapsed > 0.05 ? $bytes / $elapsed : ""}]
    }
    if {$rate ne "" && ($unit eq "bytes" || $bytes)} {
        lappend parts 6 [BarsSize [expr {wide($rate)}]]/s
    }
    if {$ended} {
        lappend parts 1 "in [BarsTime $elapsed]"
    } else {
        set left ""
        if {$share ne "" && $share < 1} {
            if {$rate ne "" && $rate > 0 && $unit eq "bytes"} {
                set left [expr {($total - $done) / $rate}]
            } elseif {$share > 0 && $elapsed > 2} {
                set left [expr {$elapsed / $share * (1 - $share)}]
            }
        }
        if {$left ne ""} {
            lappend parts 3 "[BarsTime $left] left"
        } elseif {$share eq ""} {
            lappend parts 3 [BarsTime $elapsed]
        }
    }
    if {[dict get $bar text] ne "" && !$ended} {
        lappend parts 6 [core::text show [dict get $bar text]]
    }
    return [BarsFit [core::text show [dict get $bar label]] $parts $width \
        $share]
}

# Below the line: who has been running for long, in WIDTH columns; "" nobody. 0:
# no end.
proc ::deployer::BarsSlow {bar width} {
    set now [clock milliseconds]
    set line ""
    set count 0
    dict for {name began} [dict get $bar running] {
        if {$now - $began < 3000 || [incr count] > 5} {
            break
        }
        set more "[expr {$count == 1 ? "slowest:" : ","}]\
            [core::text show $name] [BarsTime [expr {($now - $began) / 1000.0}]]"
        if {$width && [core::text width $line$more] > $width - 3} {
            break
        }
        append line $more
    }
    return $line
}

proc ::deployer::BarsColor {width color text} {
    if {$width && [TerminalColors]} {
        return "\033\[${color}m$text\033\[m"
    }
    return $text
}

# Puts PARTS behind LABEL on one line.
proc ::deployer::BarsFit {label parts width share} {
    if {!$width} {
        set texts [lmap {rank text} $parts {string trim $text}]
        set line [join $texts {, }]
        return [expr {$label eq "" ? $line
            : "[core::text fit $label 60 [TerminalEllipsis]]: $line"}]
    }
    # Label and bar have the same width all the time, so that nothing jumps.
    set room [expr {$width - 1}]
    set blocks [expr {max(8, min(30, $width / 8))}]
    set columns [expr {min([core::text width $label], max(12, $width / 5))}]
    set used 0
    set at -1
    set ranked {}
    foreach {rank text} $parts {
        lappend ranked [list $rank [incr at] [expr {2 + ($text eq "bar" ? $blocks
            : [core::text width $text])}]]
    }
    set kept {}
    foreach part [lsort -dictionary $ranked] {
        lassign $part rank at size
        if {$used + $size + ($rank > 1 ? $columns : 0) <= $room} {
            incr used $size
            lappend kept $at
        }
    }
    set columns [expr {max(0, min($columns, $room - $used))}]
    set line [core::text fit $label $columns [TerminalEllipsis]]
    set at -1
    foreach {rank text} $parts {
        if {[incr at] ni $kept} {
            continue
        }
        if {$text eq "bar"} {
            set text [BarsColor $width 36 \
                [BarsBlocks $share $blocks]]
        }
        append line [expr {$line eq "" ? "" : "  "}] $text
    }
    return $line
}

# screen: drawn; log: a line now and then.
proc ::deployer::BarsMode bar {
    if {[dict get $bar say] eq "" && [TerminalSmart]
            && ([OnTerminal stdout] || [OnTerminal stderr])
            && [dict get [core::terminal info] state] ne "none"} {
        return screen
    }
    return log
}

# A line of a bar in a log.
proc ::deployer::BarsSay {bar text} {
    set say [dict get $bar say]
    if {$say ne ""} {
        {*}$say $text
    } elseif {[AsideMute [dict get $bar aside]]} {
        return
    } elseif {([OnTerminal stdout] || [OnTerminal stderr])
            && [dict get [core::terminal info] state] eq "front"} {
        TerminalPrint $text\n
    } else {
        # A log that takes nothing any more stops nothing.
        catch {
            puts stderr $text
            flush stderr
        }
    }
}

# Drawing.

proc ::deployer::BarsTick {} {
    variable Bars
    variable BarTimer
    variable BarsDue
    variable BarsDrawn
    variable BarsEvery
    set BarTimer [after 100 ::deployer::BarsTick]
    set now [clock milliseconds]
    set screen 0
    foreach id [array names Bars] {
        set bar $Bars($id)
        set done [expr {[dict get $bar unit] eq "bytes"
            && ![dict size [dict get $bar flows]] && ![dict get $bar moved]
            ? [dict get $bar done] : [BarsBytes $bar]}]
        # The rate of the last ten seconds.
        set samples [dict get $bar samples]
        if {[llength $samples] < 2 || $now - [lindex $samples end-1] >= 500} {
            lappend samples $now $done
            if {[llength $samples] > 42} {
                set samples [lrange $samples 2 end]
            }
            dict set Bars($id) samples $samples
        }
        if {[BarsMode $bar] eq "screen"} {
            set screen 1
            BarsPush
        } elseif {$now >= [dict get $bar next] && [dict get $bar draw] eq ""} {
            dict set Bars($id) next [expr {$now + $BarsEvery}]
            dict set Bars($id) said 1
            set slow [BarsSlow $bar 0]
            if {[catch {
                BarsSay $bar "[BarsLine $bar 0][expr {$slow eq "" ? ""
                    : ", $slow"}]"
            } message options]} {
                after 0 [list return -options $options $message]
            }
        }
    }
    if {$screen || $BarsDrawn ne ""} {
        set BarsDue 1
        BarsDraw
    }
}

proc ::deployer::BarsDraw {} {
    variable TerminalHolders
    if {![info exists TerminalHolders(Screen)]} {
        TerminalFlush
    }
}

# Somebody takes the screen, and must find it without bars.
proc ::deployer::BarsHide {} {
    variable BarsDrawn
    variable BarsDue
    if {$BarsDrawn ne ""} {
        set BarsDue 1
        TerminalFlush
    }
}

# The lines that are to be seen now.
proc ::deployer::BarsLines {} {
    variable Bars
    variable TerminalHolders
    variable TerminalReader
    # Below a line that is edited there is no room.
    if {![array size Bars] || [info exists TerminalHolders(Screen)]
            || $TerminalReader ne ""} {
        return {}
    }
    set info [core::terminal info]
    if {[dict get $info state] ne "front"} {
        return {}
    }
    set now [clock milliseconds]
    set shown {}
    foreach id [lsort -integer [array names Bars]] {
        if {[dict get $Bars($id) shown] <= $now
                && ![AsideMute [dict get $Bars($id) aside]]
                && [BarsMode $Bars($id)] eq "screen"} {
            lappend shown $id
        }
    }
    set width [dict get $info cols]
    set most [expr {max(1, min(8, [dict get $info rows] / 3))}]
    set lines {}
    foreach id [lrange $shown 0 $most-1] {
        if {[dict get $Bars($id) draw] ne ""} {
            lappend lines {*}[{*}[dict get $Bars($id) draw] \
                [expr {$width - 1}] [expr {max(1, $most - [llength $lines])}]]
            continue
        }
        lappend lines [BarsLine $Bars($id) $width]
        set slow [BarsSlow $Bars($id) $width]
        if {$slow ne "" && [llength $shown] + [llength $lines] <= $most} {
            lappend lines "  $slow"
        }
    }
    if {[llength $shown] > $most} {
        lset lines end [core::text fit \
            "and [expr {[llength $shown] - $most + 1}] more" \
            [expr {$width - 1}]]
    }
    return $lines
}

# TEXT, which is to be printed now, with what wipes out the bars before it and
# draws them behind it. "" where nothing is to be done.
proc ::deployer::BarsAround text {
    variable BarsDrawn
    variable BarsDue
    variable BarsThen
    variable BarsPaint
    variable TerminalHolders
    set now [clock milliseconds]
    if {$BarsDrawn ne "" && !$BarsDue && $now - $BarsThen < 200
            && ![info exists TerminalHolders(Screen)]} {
        # In a flood they are drawn as they were.
        return \033\[J$text$BarsPaint
    }
    set BarsDue 0
    set below ""
    foreach line [set lines [BarsLines]] {
        append below \r\n $line
    }
    # What others have printed over them is mended each second.
    if {$text eq "" && $below eq $BarsDrawn && $now - $BarsThen < 1000} {
        return ""
    }
    if {$BarsDrawn ne ""} {
        set text \033\[J$text
    }
    set paint ""
    if {$below ne ""} {
        # Index (ESC D) makes room below and, unlike a newline, keeps the column.
        set paint [string cat [string repeat \033D [llength $lines]] \
            \033\[[llength $lines]A\0337 $below \0338]
    }
    if {($below eq "") != ($BarsDrawn eq "")} {
        # Who stops this process by Ctrl-Z finds the screen without them.
        core::terminal atstop [expr {$below eq "" ? "" : "\033\[J"}]
    }
    set BarsDrawn $below
    set BarsThen $now
    set BarsPaint $paint
    return $text$paint
}

# While there are bars on the screen, what scripts print goes through here: a
# transformation of the channel.
proc ::deployer::BarsPush {} {
    variable BarsPushed
    if {$BarsPushed eq ""} {
        foreach channel {stdout stderr} {
            if {[OnTerminal $channel] && ![catch {
                chan push $channel ::deployer::BarsPass
            }]} {
                lappend BarsPushed $channel
            }
        }
        # What is in the buffers of such a channel at the end would be lost.
        catch {trace add execution ::exit enter ::deployer::BarsLeave}
    }
}

proc ::deployer::BarsPop {} {
    variable BarsPushed
    variable Bars
    variable TerminalReader
    if {$BarsPushed eq "" || [array size Bars] || $TerminalReader ne ""} {
        return
    }
    foreach channel $BarsPushed {
        catch {chan pop $channel}
    }
    set BarsPushed {}
    catch {trace remove execution ::exit enter ::deployer::BarsLeave}
}

# This process is about to end.
proc ::deployer::BarsLeave args {
    variable Bars
    variable TerminalReader
    foreach id [array names Bars] {
        BarsEnd $id
    }
    if {$TerminalReader ne ""} {
        {*}$TerminalReader Leave
    }
}

proc ::deployer::BarsPass {word handle args} {
    variable BarsDrawn
    variable BarsPaint
    variable TerminalReader
    switch -- $word {
        initialize {
            return {initialize finalize write}
        }
        write {
            set bytes [lindex $args 0]
            if {[AsideMute]} {
                return ""
            }
            if {$TerminalReader ne "" && [{*}$TerminalReader Output $bytes]} {
                return ""
            }
            if {$BarsDrawn ne "" && $bytes ne ""} {
                return \033\[J$bytes[encoding convertto $BarsPaint]
            }
            return $bytes
        }
    }
}

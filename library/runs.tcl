# runs.tcl -- the journals of runs: which there are, what they tell, and how a
# run goes on that did not end well.
#
# Layer T2. Loaded by deployer::runs when that is first called. A journal may
# have been written by anybody, or half: what is no line of ours is passed over.

namespace eval ::deployer {
    # A line that is longer is none of ours, and neither is a longer file.
    variable RunsLine 4194304
    variable RunsSize 1200000000
}

# deployer::runs WORD ...
proc ::deployer::RunsWord args {
    set words [lassign $args word]
    switch -- $word {
        list {
            tailcall RunsList {*}$words
        }
        show {
            tailcall RunsShow {*}$words
        }
        replay {
            tailcall RunsReplay {*}$words
        }
        resume {
            set space [uplevel 1 {::namespace current}]
            tailcall RunsResume $space {*}$words
        }
        forget {
            tailcall RunsForget {*}$words
        }
        record {
            tailcall RunsRecord {*}$words
        }
        "" {
            WrongArgs "deployer::runs list|show|replay|resume|forget|record\
                ?arg ...?"
        }
    }
    Fail [list ARGUMENT $word] "unknown word \"[Shorten $word 40]\": must be\
        forget, list, record, replay, resume or show"
}

# Takes the options from both ends of WORDSVAR, which keeps LEAST to MOST words.
proc ::deployer::RunsOptions {kinds wordsVar least most usage} {
    upvar 1 $wordsVar words
    set plain {}
    set options {}
    while {[llength $words]} {
        if {[string index [lindex $words 0] 0] eq "-"} {
            set options [dict merge $options [TakeOptions $kinds words]]
        } else {
            set words [lassign $words word]
            lappend plain $word
        }
    }
    if {[llength $plain] < $least || [llength $plain] > $most} {
        WrongArgs "deployer::runs $usage"
    }
    set words $plain
    return $options
}

# record ?BOOL? -- whether runs from here on keep a journal.
proc ::deployer::RunsRecord args {
    variable RunsOn
    if {[llength $args] > 1} {
        WrongArgs "deployer::runs record ?boolean?"
    }
    if {[llength $args]} {
        if {![string is boolean -strict [lindex $args 0]]} {
            Fail [list ARGUMENT [lindex $args 0]] "record must be a truth\
                value, not \"[Shorten [lindex $args 0] 40]\""
        }
        set RunsOn [expr {bool([lindex $args 0])}]
    }
    return [RunsRecording]
}

# Files.

# The ids of all journals, the newest first.
proc ::deployer::RunsIds {} {
    set ids [lmap file [glob -nocomplain -types f -tails \
            -directory [RunsDirectory] *.jsonl] {
        if {![regexp {^(\d{8}-\d{6}-\d{6})\.jsonl$} $file - id]} {
            continue
        }
        set id
    }]
    return [lsort -decreasing $ids]
}

proc ::deployer::RunsPath id {
    return [file join [RunsDirectory] $id.jsonl]
}

# The id that ID means: itself, `last`, or one that begins or ends so.
proc ::deployer::RunsId id {
    set ids [RunsIds]
    if {$id eq "last" && [llength $ids]} {
        return [lindex $ids 0]
    }
    if {$id in $ids} {
        return $id
    }
    set found {}
    if {[regexp {^[-0-9]+$} $id]} {
        set found [lsearch -all -inline -glob $ids $id*]
        if {![llength $found]} {
            set found [lsearch -all -inline -glob $ids *$id]
        }
    }
    if {[llength $found] == 1} {
        return [lindex $found 0]
    }
    set why "there is no run \"[Shorten $id 40]\""
    if {[llength $found]} {
        set why "[llength $found] runs are meant by \"[Shorten $id 40]\""
    }
    Fail [list RUNS UNKNOWN $id] "$why: \"deployer::runs list\" has those that\
        there are"
}

# Calls {*}PREFIX RECORD for each line of the journal ID, in their order. PREFIX
# ends it by `break`.
proc ::deployer::RunsEach {id prefix} {
    variable RunsLine
    variable RunsSize
    if {[catch {::open [RunsPath $id] {RDONLY NONBLOCK}} channel]} {
        Fail [list RUNS UNKNOWN $id] "the journal of the run $id cannot be\
            read: $channel"
    }
    try {
        chan configure $channel -encoding utf-8 -translation lf -blocking 1
        set rest ""
        set skips 0
        set left $RunsSize
        while {$left > 0 && [set chunk [read $channel 262144]] ne ""} {
            incr left -[string length $chunk]
            set lines [split $rest$chunk \n]
            set rest [lindex $lines end]
            foreach line [lrange $lines 0 end-1] {
                if {$skips} {
                    set skips 0
                    continue
                }
                if {[catch {core::json decode $line} record]
                        || [catch {dict size $record}]} {
                    continue
                }
                {*}$prefix $record
            }
            if {[string length $rest] > $RunsLine} {
                set rest ""
                set skips 1
            }
        }
    } on break {} {
        return
    } finally {
        close $channel
    }
}

# What the first line of the journal ID says, as `list` tells it; {} where that
# is no journal (or has only just been made).
proc ::deployer::RunsHead id {
    set channel [::open [RunsPath $id] {RDONLY NONBLOCK}]
    try {
        chan configure $channel -encoding utf-8 -translation lf -blocking 1
        set text [read $channel 1048576]
    } finally {
        close $channel
    }
    set end [string first \n $text]
    if {$end < 0 || [catch {
        core::json decode [string range $text 0 $end]
    } head] || [catch {dict get $head journal} journal] || $journal ne 1} {
        return {}
    }
    set run [dict create id $id]
    foreach {key default} {
        time 0 root "" path / action "" arguments {} state open hosts 0
        failed 0 seconds 0 sandbox 0 complete 1 user "" machine "" pid 0
        resumes ""
    } {
        dict set run $key [expr {[dict exists $head $key]
            ? [dict get $head $key] : $default}]
    }
    foreach {key default} {time 0 hosts 0 failed 0 seconds 0} {
        if {![RunsNumber [dict get $run $key]]} {
            dict set run $key $default
        }
    }
    foreach {key default} {sandbox 0 complete 1} {
        if {![string is boolean -strict [dict get $run $key]]} {
            dict set run $key $default
        }
    }
    if {![string is list [dict get $run arguments]]} {
        dict set run arguments {}
    }
    if {[dict get $run state] ni {done failed interrupted}} {
        RunsCount run
    }
    return $run
}

# RUNVAR is of one that has no end: what can be said of it.
proc ::deployer::RunsCount runVar {
    upvar 1 $runVar run
    set id [dict get $run id]
    dict set run state [expr {[core::journal open [RunsPath $id]]
        ? "running" : "killed"}]
    variable RunsCounts
    set RunsCounts {hosts {} failed {} last 0}
    RunsEach $id ::deployer::RunsCountOne
    dict set run hosts [dict size [dict get $RunsCounts hosts]]
    dict set run failed [dict size [dict get $RunsCounts failed]]
    set last [expr {[dict get $run state] eq "running"
        ? [clock microseconds] / 1e6 : [dict get $RunsCounts last]}]
    dict set run seconds [expr {max(0, $last - [dict get $run time])}]
    unset RunsCounts
}

proc ::deployer::RunsCountOne record {
    variable RunsCounts
    if {![dict exists $record type]} {
        return
    }
    if {[dict exists $record time]
            && [RunsNumber [dict get $record time]]} {
        dict set RunsCounts last [dict get $record time]
    }
    switch [dict get $record type] {
        run - file - connect {
            if {[dict exists $record host]} {
                dict set RunsCounts hosts [dict get $record host] 1
            }
        }
        cell {
            if {[dict exists $record good] && [dict exists $record key]
                    && ![string is true -strict [dict get $record good]]} {
                dict set RunsCounts failed [dict get $record key] 1
            }
        }
    }
}

# The head of the journal ID; {DEPLOYER RUNS BROKEN id} where it has none.
proc ::deployer::RunsOpen id {
    set run [RunsHead $id]
    if {$run eq ""} {
        Fail [list RUNS BROKEN $id] "[RunsPath $id] does not begin as a journal\
            does"
    }
    return $run
}

# list ?-limit N? ?-state STATE? -- dicts, the newest first.
proc ::deployer::RunsList args {
    set options [RunsOptions {-limit count -state done|failed|interrupted|killed|running} \
        args 0 0 "list ?-limit N? ?-state STATE?"]
    set runs {}
    foreach id [RunsIds] {
        # It may be forgotten meanwhile.
        if {[catch {RunsHead $id} run] || $run eq ""
                || [dict exists $options state]
                    && [dict get $run state] ne [dict get $options state]} {
            continue
        }
        lappend runs $run
        if {[dict exists $options limit]
                && [llength $runs] >= [dict get $options limit]} {
            break
        }
    }
    return $runs
}

# forget ?-keep N? ?-days N? ?-size BYTES? ?ID ...? -- how many are gone.
proc ::deployer::RunsForget args {
    variable RunsKeep
    set options [RunsOptions {-keep count0 -days count0 -size amount} args 0 \
        1000000 "forget ?-keep N? ?-days N? ?-size BYTES? ?ID ...?"]
    set gone 0
    if {[llength $args]} {
        foreach id [lmap id $args {RunsId $id}] {
            if {[core::journal open [RunsPath $id]]} {
                Fail [list RUNS RUNNING $id] "the run $id goes on: its journal\
                    is needed until it has ended"
            }
            ::file delete [RunsPath $id]
            incr gone
        }
        return $gone
    }
    return [JournalForget [dict merge $RunsKeep $options]]
}

# What a journal tells, as a tree.

# The events of journal ID as a dict: nodes (id -> dict: begin, the event; end,
# which is not there where it has none; tail, the end of its output; kids), tops
# (ids of those that have no parent), cells (event -> dict: arguments, and
# ended, key -> {good ?result?}), order (ids of the calls on cells).
proc ::deployer::RunsTree id {
    variable RunsNow
    set RunsNow {nodes {} tops {} cells {} order {}}
    try {
        RunsEach $id ::deployer::RunsTreeOne
        return $RunsNow
    } finally {
        unset RunsNow
    }
}

proc ::deployer::RunsTreeOne record {
    variable RunsNow
    foreach key {type phase} {
        set $key [expr {[dict exists $record $key]
            ? [dict get $record $key] : ""}]
    }
    set parent [expr {[dict exists $record parent]
        ? [dict get $record parent] : ""}]
    switch $type {
        cells {
            if {![dict exists $RunsNow cells $parent]} {
                set arguments {}
                catch {set arguments [lrange [dict get $record arguments] 0 end]}
                dict set RunsNow cells $parent \
                    [dict create arguments $arguments ended {}]
                dict lappend RunsNow order $parent
            }
            return
        }
        cell {
            if {[dict exists $RunsNow cells $parent]
                    && [dict exists $record key]
                    && [dict exists $record good]} {
                set ended [list [string is true -strict \
                    [dict get $record good]]]
                if {[dict exists $record result]} {
                    lappend ended [dict get $record result]
                }
                dict set RunsNow cells $parent ended \
                    [dict get $record key] $ended
            }
            return
        }
    }
    if {![dict exists $record id] || ![dict exists $record time]
            || ![RunsNumber [dict get $record time]]} {
        return
    }
    set id [dict get $record id]
    set known [dict exists $RunsNow nodes $id]
    if {$phase eq "begin" || $type in {message error}} {
        if {$known || ![RunsSound $record]} {
            return
        }
        dict set RunsNow nodes $id [dict create begin $record tail "" kids {}]
        if {[dict exists $RunsNow nodes $parent]} {
            dict update RunsNow nodes nodes {
                dict update nodes $parent node {
                    dict lappend node kids $id
                }
            }
        } else {
            dict lappend RunsNow tops $id
        }
    } elseif {$known && $phase eq "output"} {
        if {[dict exists $record data] || [dict exists $record base64]} {
            dict update RunsNow nodes nodes {
                dict update nodes $id node {
                    dict set node tail [logger::Tail [dict get $node tail] \
                        $record 2000]
                }
            }
        }
    } elseif {$known && $phase eq "end" && [RunsSound $record]} {
        dict set RunsNow nodes $id end $record
    }
}

# Whether VALUE is a number that can be counted and shown with: a time is one of
# the years that calendars know.
proc ::deployer::RunsNumber value {
    return [expr {[string is double -strict $value] && abs($value) < 1e11}]
}

# Whether what loggers count on is there.
proc ::deployer::RunsSound record {
    if {![dict exists $record type] || [dict get $record type] ni {
            action run file connect fork message error}
            || ![dict exists $record phase]
            || [dict get $record phase] ni {begin output end}} {
        return 0
    }
    if {[dict get $record phase] eq "end"
            && (![dict exists $record seconds]
                || ![RunsNumber [dict get $record seconds]])} {
        return 0
    }
    foreach {key kind} {status integer sudo boolean sandbox boolean} {
        if {[dict exists $record $key]
                && ![string is $kind -strict [dict get $record $key]]} {
            return 0
        }
    }
    if {[dict exists $record sudo] && ![dict exists $record user]} {
        return 0
    }
    return [switch [dict get $record type] {
        message {dict exists $record data}
        error {dict exists $record error}
        default {expr 1}
    }]
}

# How NODE of a run in STATE stands: done, failed, running, killed.
proc ::deployer::RunsState {node state} {
    if {[dict get $node begin type] in {message error}} {
        return [expr {[dict get $node begin type] eq "error"
            ? "failed" : "done"}]
    }
    if {![dict exists $node end]} {
        return [expr {$state eq "running" ? "running" : "killed"}]
    }
    return [expr {[lindex [logger::State [dict get $node end]] 0]
        ? "done" : "failed"}]
}

# The commands and changes of files that TREE has no end of.
proc ::deployer::RunsUnderWay tree {
    set found {}
    dict for {id node} [dict get $tree nodes] {
        if {[dict get $node begin type] in {run file}
                && ![dict exists $node end]} {
            set begin [dict get $node begin]
            set step {}
            foreach key {path host type command time} {
                dict set step $key [expr {[dict exists $begin $key]
                    ? [dict get $begin $key] : ""}]
            }
            lappend found $step
        }
    }
    return $found
}

# show ID ?-format text|dict?
proc ::deployer::RunsShow args {
    set options [RunsOptions {-format text|dict} args 1 1 \
        "show ID ?-format text|dict?"]
    set id [RunsId [lindex $args 0]]
    set run [RunsOpen $id]
    set tree [RunsTree $id]
    set state [dict get $run state]
    if {[dict exists $options format]
            && [dict get $options format] eq "dict"} {
        dict set run underway [RunsUnderWay $tree]
        dict set run tree [lmap top [dict get $tree tops] {
            RunsBranch $tree $top $state 0
        }]
        return $run
    }
    set lines [RunsTitle $run]
    foreach top [dict get $tree tops] {
        RunsLines $tree $top $state 0 lines
    }
    return [join $lines \n]
}

# The lines above a tree.
proc ::deployer::RunsTitle run {
    dict with run {}
    set call "$path $action"
    foreach argument $arguments {
        append call " " [list $argument]
    }
    set hosts "$hosts [expr {$hosts == 1 ? "host" : "hosts"}]"
    set lines [list "run $id: $state, [logger::Took $seconds], $hosts, $failed\
        failed"]
    lappend lines "[logger::ShowLine $call]  ([logger::ShowLine $root][expr {
        $sandbox ? ", sandbox" : ""}], [logger::Stamp $time],\
        [logger::ShowLine $user]@[logger::ShowLine $machine])"
    if {$resumes ne ""} {
        lappend lines "goes on with [logger::ShowLine $resumes]"
    }
    if {!$complete} {
        lappend lines "this journal is not complete: it could not be written"
    }
    return $lines
}

# The node ID and what is below, as nested dicts.
proc ::deployer::RunsBranch {tree id state depth} {
    set node [dict get $tree nodes $id]
    set branch [dict create state [RunsState $node $state]]
    foreach key {type path host command user sudo data time} {
        if {[dict exists $node begin $key]} {
            dict set branch $key [dict get $node begin $key]
        }
    }
    foreach key {status signal seconds bytes error} {
        if {[dict exists $node end $key]} {
            dict set branch $key [dict get $node end $key]
        }
    }
    dict set branch children {}
    # A parent is always met before, so there are no rings, but any depth.
    if {$depth < 100} {
        dict set branch children [lmap kid [dict get $node kids] {
            RunsBranch $tree $kid $state [expr {$depth + 1}]
        }]
    }
    return $branch
}

# The same as lines.
proc ::deployer::RunsLines {tree id state depth linesVar} {
    upvar 1 $linesVar lines
    set node [dict get $tree nodes $id]
    set begin [dict get $node begin]
    set type [dict get $begin type]
    set line [string repeat "  " $depth]
    if {$type in {action fork} && [dict exists $begin path]} {
        append line [logger::Show [dict get $begin path]] " "
    } elseif {$type in {run file connect} && [dict exists $begin host]} {
        append line [logger::Show [dict get $begin host]] \
            [expr {$type eq "run" ? "$ " : ": "}]
    }
    switch $type {
        message {
            append line [logger::ShowLine [dict get $begin data]]
        }
        error {
            append line "error: [logger::ShowLine [dict get $begin error]]"
        }
        default {
            append line [logger::What $begin]
            if {[dict exists $node end]} {
                append line " \[[lindex [logger::State \
                    [dict get $node end]] 1]\]"
            } elseif {$state eq "running"} {
                append line " \[goes on\]"
            } elseif {$type in {action fork}} {
                append line " \[had not ended\]"
            } else {
                append line " \[WAS UNDER WAY when the deployer was killed\]"
            }
        }
    }
    lappend lines $line
    if {$type eq "run" && [RunsState $node $state] ne "done"
            && [dict get $node tail] ne ""} {
        foreach text [split [string trimright [dict get $node tail]] \n] {
            lappend lines "[string repeat "  " $depth]  | [logger::Show $text]"
        }
    }
    if {$depth < 100} {
        foreach kid [dict get $node kids] {
            RunsLines $tree $kid $state [expr {$depth + 1}] lines
        }
    }
}

# Replay.

# replay ID ?-speed N? ?-idle SECONDS? ?-channel CHANNEL?
proc ::deployer::RunsReplay args {
    variable RunsNow
    set options [dict merge {speed 1 idle 2 channel stdout} [RunsOptions {
        -speed seconds0 -idle seconds0 -channel channel
    } args 1 1 "replay ID ?-speed N? ?-idle SECONDS? ?-channel CHANNEL?"]]
    set id [RunsId [lindex $args 0]]
    RunsOpen $id
    set RunsNow {}
    RunsEach $id ::deployer::RunsReplayOne
    # The end of a long output stands behind what came meanwhile.
    set records [lsort -real -index 0 $RunsNow]
    unset RunsNow
    set channel [dict get $options channel]
    set speed [dict get $options speed]
    set before ""
    set rests {}
    foreach record $records {
        lassign $record time event
        if {$before ne "" && $speed > 0 && $time > $before} {
            set pause [expr {min($time - $before, [dict get $options idle])
                / double($speed)}]
            if {$pause >= 0.001} {
                Await [Delay [expr {round($pause * 1000)}]]
            }
        }
        set before $time
        foreach line [RunsReplayLines $event rests] {
            puts $channel $line
        }
        flush $channel
    }
    return
}

proc ::deployer::RunsReplayOne record {
    variable RunsNow
    if {![dict exists $record time] || ![dict exists $record phase]
            || ![dict exists $record type] || ![dict exists $record id]
            || ![RunsNumber [dict get $record time]]} {
        return
    }
    lappend RunsNow [list [dict get $record time] $record]
}

# EVENT as lines. RESTSVAR: id and stream -> {event text} of a line that has no
# end yet.
proc ::deployer::RunsReplayLines {event restsVar} {
    upvar 1 $restsVar rests
    set id [dict get $event id]
    if {![RunsSound $event]} {
        return {}
    }
    if {[dict get $event phase] ne "output"
            || [dict get $event type] in {message error}} {
        set lines {}
        if {[dict get $event phase] eq "end"} {
            foreach key [list $id,stdout $id,stderr] {
                if {[dict exists $rests $key]} {
                    lassign [dict get $rests $key] begun text
                    lappend lines {*}[logger::Describe \
                        [dict replace $begun data $text]]
                    dict unset rests $key
                }
            }
        }
        return [concat $lines [logger::Describe $event]]
    }
    if {[dict exists $event base64]} {
        set count [expr {[dict exists $event bytes]
            ? [dict get $event bytes] : "some"}]
        return [logger::Describe [dict replace $event binary 1 bytes $count]]
    }
    if {[dict exists $event omitted]} {
        return [list "($id: [logger::ShowLine [dict get $event omitted]] bytes\
            were not kept)"]
    }
    if {![dict exists $event data] || ![dict exists $event stream]} {
        return {}
    }
    set key $id,[dict get $event stream]
    set text [string map {\r\n \n} [dict get $event data]]
    if {[dict exists $rests $key]} {
        set text [lindex [dict get $rests $key] 1]$text
        set event [dict merge [lindex [dict get $rests $key] 0] $event]
        dict unset rests $key
    }
    set last [string last \n $text]
    if {$last < [string length $text] - 1} {
        dict set rests $key [list $event [string range $text $last+1 end]]
    }
    if {$last < 0} {
        return {}
    }
    return [logger::Describe \
        [dict replace $event data [string range $text 0 $last]]]
}

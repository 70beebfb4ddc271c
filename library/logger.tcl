# logger.tcl -- what the ready-made loggers have in common.
#
# Layer T2. Each is a class deployer::logger::NAME in a package of that name.

namespace eval ::deployer::logger {
    # Characters that a channel keeps for a reader who is slow.
    variable ChannelKept 4194304
}

# A line of TEXT with what it would do to a terminal shown.
proc ::deployer::logger::Show text {
    return [::deployer::core::text show $text]
}

# The same of several lines, on one.
proc ::deployer::logger::ShowLine text {
    return [Show [string map {\r\n { ; } \n { ; } \t { }} [string trim $text]]]
}

# Takes options off the front of WORDS, all of which must be such. KINDS is as
# for ::deployer::TakeOptions, DEFAULTS a dict without dashes.
proc ::deployer::logger::Options {kinds words {defaults {}}} {
    set options [::deployer::TakeOptions $kinds words]
    if {[llength $words]} {
        ::deployer::Fail [list ARGUMENT [lindex $words 0]] "unexpected word\
            \"[::deployer::Shorten [lindex $words 0] 40]\": options have a\
            name, as -file PATH"
    }
    return [dict merge $defaults $options]
}

# The directory for files of ours.
proc ::deployer::logger::StatePath {} {
    set base ""
    if {[info exists ::env(XDG_STATE_HOME)]} {
        set base $::env(XDG_STATE_HOME)
    }
    if {[::file pathtype $base] ne "absolute"} {
        # A service or a cron job may have no HOME, or an empty one.
        set home [expr {[info exists ::env(HOME)] && $::env(HOME) ne ""
            ? "~" : "~$::tcl_platform(user)"}]
        set base [::deployer::LocalPath $home/.local/state]
    }
    return [::file join $base deployer]
}

# The same, made where it is missing.
proc ::deployer::logger::StateDirectory {} {
    set directory [StatePath]
    if {![::file isdirectory $directory]} {
        ::file mkdir $directory
        ::file attributes $directory -permissions 0700
    }
    return $directory
}

# Opens the file PATH to write at its end, for its owner alone.
proc ::deployer::logger::OpenFile path {
    set path [::deployer::LocalPath $path]
    if {[catch {
        ::open $path {WRONLY CREAT APPEND} 0600
    } channel options]} {
        ::deployer::Fail [list FILE [lindex [dict get $options -errorcode] 1] \
            localhost $path] "the log file $path cannot be opened:\
            [lindex [dict get $options -errorcode] 2]"
    }
    return $channel
}

# The channel to use for CHANNEL, and whether it is ours to close: writing must
# not wait for who reads there, and what others write there still may.
proc ::deployer::logger::OpenChannel channel {
    if {[catch {chan configure $channel -blocking}]} {
        ::deployer::Fail {OPTION -channel} \
            "-channel: there is no channel \"$channel\""
    }
    set number [lsearch -exact {stdin stdout stderr} $channel]
    if {$number <= 0} {
        chan configure $channel -blocking 0
        return [list $channel 0]
    }
    set path /dev/fd/$number
    if {[dict size [::deployer::core::terminal of $channel]]} {
        if {![catch {::deployer::core::terminal open $channel} own]} {
            return [list $own 1]
        }
    } elseif {![catch {::file stat $path facts}]
            && $facts(type) in {fifo characterSpecial}
            && ![catch {::open $path {WRONLY NONBLOCK NOCTTY}} own]} {
        chan configure $own -blocking 0
        return [list $own 1]
    }
    return [list $channel 0]
}

# The columns of the terminal that CHANNEL writes to; 0: it is none.
proc ::deployer::logger::ChannelColumns channel {
    set facts [::deployer::core::terminal of $channel]
    if {![dict size $facts]} {
        return 0
    }
    return [expr {[dict get $facts cols] > 0 ? [dict get $facts cols] : 80}]
}

# A time as in events, for people: local, with milliseconds.
proc ::deployer::logger::Stamp time {
    set milliseconds [expr {round($time * 1000)}]
    return [clock format [expr {$milliseconds / 1000}] \
        -format {%Y-%m-%d %H:%M:%S}][format .%03d \
            [expr {$milliseconds % 1000}]]
}

# SECONDS, short.
proc ::deployer::logger::Took seconds {
    return [::deployer::BarsTime $seconds 1]
}

# The names of the hosts or cells in KEYS, folded, and their number where there
# are several.
proc ::deployer::logger::Names keys {
    if {[llength $keys] == 1} {
        return [Show [join [lindex $keys 0]]]
    }
    if {[catch {::deployer::core::nodeset fold $keys} names]} {
        set names [join [lmap key $keys {join $key}] {, }]
    }
    return "[Show $names] ([llength $keys])"
}

# TEXT, why something failed on HOST, without what a line with its name says;
# the command is short.
proc ::deployer::logger::Reason {text host} {
    regsub {^/\S*: } $text {} text
    set text [string map [list " on host $host " { }] $text]
    if {[regexp {^command "(.*)" ((?:failed|was|did) .*)$} $text - command \
            rest]} {
        set text "\"[::deployer::Shorten $command 32]\" $rest"
    }
    return [ShowLine $text]
}

# TEXTS, a dict of keys to texts, as a list of {keys text}: those that are alike
# together, the fewest first.
proc ::deployer::logger::Groups texts {
    set gather [::deployer::core::gather new]
    try {
        ::deployer::core::gather put $gather $texts
        return [lmap group [::deployer::core::gather groups $gather] {
            list [dict get $group slugs] [dict get $group [expr {
                [dict get $group variants] > 1 ? "mask" : "text"}]]
        }]
    } finally {
        ::deployer::core::gather close $gather
    }
}

# What failed on each of many, as an event of the type error has it, in the same
# form.
proc ::deployer::logger::Alike failures {
    return [lmap group [Groups $failures] {
        lassign $group keys text
        list $keys [Reason $text [expr {
            [llength $keys] > 1 ? "<host>" : [lindex $keys 0]}]]
    }]
}

# What begins with EVENT, without its path and host.
proc ::deployer::logger::What event {
    set what ""
    if {[dict exists $event command]} {
        set what [ShowLine [dict get $event command]]
    }
    switch [dict get $event type] {
        connect {
            return connect
        }
        fork {
            return "fork $what"
        }
        run {
            if {[dict exists $event sudo] && [dict get $event sudo]} {
                return "sudo ([dict get $event user]) $what"
            }
        }
        file {
            if {[dict exists $event sudo] && [dict get $event sudo]} {
                return "$what (as [dict get $event user])"
            }
        }
    }
    return $what
}

# {GOOD TEXT}: how an event ended.
proc ::deployer::logger::State event {
    set seconds [Took [dict get $event seconds]]
    if {[dict exists $event signal] && [dict get $event signal] ne ""} {
        return [list 0 "signal [dict get $event signal], $seconds"]
    }
    if {[dict exists $event error] || [dict exists $event good]} {
        if {[dict exists $event status] && [dict get $event status] == -1} {
            return [list 0 "lost, $seconds"]
        }
        return [list 0 "failed, $seconds"]
    }
    if {[dict exists $event status] && [dict get $event status] != 0} {
        return [list 0 "status [dict get $event status], $seconds"]
    }
    return [list 1 "[expr {[IsChecked $event] ? "checked" : "ok"}], $seconds"]
}

# Whether EVENT is of something that a sandbox has only looked at. In a getter that
# is safe a command runs, and then has bytes.
proc ::deployer::logger::IsChecked event {
    if {![dict exists $event sandbox] || ![dict get $event sandbox]} {
        return 0
    }
    switch [dict get $event type] {
        run {
            return [expr {![dict exists $event bytes]}]
        }
        file {
            # Files can be read.
            return [expr {![dict exists $event command]
                || ![string match {open *} [dict get $event command]]}]
        }
    }
    return 0
}

# TAIL, the end of an output, with the piece in EVENT: no more than MOST characters
# and some. Of bytes that are no text the number is told.
proc ::deployer::logger::Tail {tail event most} {
    if {![dict exists $event binary] && ![dict exists $event base64]} {
        append tail [dict get $event data]
        return [string range $tail end-$most end]
    }
    set count [expr {[dict exists $event bytes]
        && [string is entier -strict [dict get $event bytes]]
        ? [dict get $event bytes] : 0}]
    if {[regexp {^(.*)\((\d{1,17}) bytes that are no text\)\n$} $tail - tail \
            before]} {
        scan $before %lld before
        incr count $before
    } elseif {$tail ne "" && [string index $tail end] ne "\n"} {
        append tail \n
    }
    return "[string range $tail end-$most end]($count bytes that are no text)\n"
}

# EVENT as lines of text for a log, without time.
proc ::deployer::logger::Describe event {
    set where ""
    if {[dict exists $event path]} {
        set where [Show [dict get $event path]]
    }
    set type [dict get $event type]
    set host ""
    if {[dict exists $event host] && $type ni {action fork message error}} {
        set host " [Show [dict get $event host]]"
    }
    switch [dict get $event phase] {
        begin {
            set mark [expr {$type eq "run" ? "$" : ":"}]
            return [list "$where$host$mark [What $event]"]
        }
        end {
            lassign [State $event] good text
            set lines [list "$where$host: [What $event]: $text"]
            if {[dict exists $event error]} {
                lappend lines "$where$host: [ShowLine [dict get $event error]]"
            }
            return $lines
        }
    }
    if {$type eq "error"} {
        return [list "$where: error: [ShowLine [dict get $event error]]"]
    }
    if {[dict exists $event binary]} {
        return [list "$where$host| ([dict get $event bytes] bytes that are no\
            text)"]
    }
    set mark [expr {$type eq "message" ? ":" : "|"}]
    return [lmap line [split [string trimright [dict get $event data] \n] \n] {
        string cat $where $host $mark " " [Show $line]
    }]
}

oo::class create ::deployer::logger::Base {
    # Told: ids of what goes on -> 1 where its error was an event of its own.
    variable Home Told

    # EVENT; an end whose error was told before has none.
    method Once event {
        if {![dict exists $event id]} {
            return $event
        }
        set parent [expr {[dict exists $event parent]
            ? [dict get $event parent] : ""}]
        if {[dict get $event type] eq "error"} {
            dict set Told $parent 1
        } elseif {[dict get $event phase] eq "end" && [info exists Told]
                && [dict exists $Told [dict get $event id]]} {
            dict unset Told [dict get $event id]
            if {![dict exists $event error]} {
                # It was caught there.
                return $event
            }
            if {[dict get $event type] in {action fork}} {
                # What is above ends with the same, or with another one that is
                # told first.
                dict set Told $parent 1
            }
            return [dict remove [dict replace $event good 0] error]
        }
        dict unset Told ""
        return $event
    }

    # By its name in -loggers: it dies with its use there.
    method MadeFor ns {
        set Home $ns
    }

    method IsMadeFor ns {
        return [expr {[info exists Home] && $Home eq $ns}]
    }

    # It is attached to nothing any more.
    method Left {} {
        my flush
        if {[info exists Home]} {
            unset Home
            my destroy
        }
    }

    # All that it got is where it goes.
    method flush {} {}

    method destroy {} {
        ::deployer::LoggerDies [self]
        if {[info object isa object [self]]} {
            my flush
            next
        }
    }
}

# Those that write to one channel, as -channel or -file says; else to standard
# error.
oo::class create ::deployer::logger::Channel {
    superclass ::deployer::logger::Base
    # Dropped: how many texts a reader who is slow has not got since he fell
    # behind. File: its path, where it writes to one.
    variable Channel Owned Dropped File

    method File {} {
        return [expr {[info exists File] ? $File : ""}]
    }

    # Writes TEXT and a newline. What a channel does not take, Tcl would keep
    # without a limit.
    method Put text {
        if {[chan pending output $Channel] > $::deployer::logger::ChannelKept} {
            incr Dropped
            return
        }
        if {[info exists Dropped]} {
            set text "($Dropped lines were dropped here, because nobody read\
                them)\n$text"
            unset Dropped
        }
        puts $Channel $text
        flush $Channel
    }

    method Open options {
        if {[dict exists $options file] && [dict exists $options channel]} {
            ::deployer::Fail {OPTION -channel} \
                "give either -file or -channel, not both"
        }
        if {[dict exists $options file]} {
            set File [dict get $options file]
            set Channel [::deployer::logger::OpenFile $File]
            set Owned 1
        } elseif {[dict exists $options channel]} {
            lassign [::deployer::logger::OpenChannel \
                [dict get $options channel]] Channel Owned
        } else {
            lassign [::deployer::logger::OpenChannel stderr] Channel Owned
        }
    }

    destructor {
        if {[info exists Owned] && $Owned} {
            catch {chan close $Channel}
        }
    }
}

# Those whose lines are made in C.
oo::class create ::deployer::logger::Lines {
    superclass ::deployer::logger::Channel
    variable Sink

    method Sink {} {
        return $Sink
    }

    # As if it had happened.
    method event event {
        ::deployer::core::sink put $Sink $event
    }

    method flush {} {
        ::deployer::core::sink flush $Sink $::deployer::LoggerPatience
    }

    # dict: queued bytes dropped failed.
    method state {} {
        return [::deployer::core::sink info $Sink]
    }

    destructor {
        if {[info exists Sink]} {
            catch {my flush}
            ::deployer::core::sink close $Sink
        }
        next
    }
}

# Those that keep what happens as a tree until its outermost part has ended. A
# subclass has the method Ended ID.
oo::class create ::deployer::logger::Memory {
    superclass ::deployer::logger::Channel
    # Nodes: id -> dict of parent, what, type, path, host; state, good,
    # error, once it has ended; tail, the end of its output; left, how many
    # events below it were too many, and gone, how many were forgotten. Kids: id ->
    # ids below it, in their order. Outside: what goes on and was too much ->
    # the node above it. Limit: of Nodes. Tail: characters kept.
    variable Channel Nodes Kids Outside Limit Tail

    method Prepare {limit tail} {
        set Nodes {}
        set Kids {}
        set Outside {}
        set Limit $limit
        set Tail $tail
    }

    method event event {
        # What was dropped before it came here has no id.
        if {![dict exists $event id]} {
            return
        }
        set id [dict get $event id]
        switch [dict get $event phase] {
            begin {
                my Begin $id $event
            }
            output {
                if {[dict get $event type] in {message error}} {
                    my Begin $id $event
                } elseif {[dict exists $Nodes $id]} {
                    dict set Nodes $id tail [::deployer::logger::Tail \
                        [dict get $Nodes $id tail] $event $Tail]
                }
            }
            end {
                dict unset Outside $id
                if {[dict exists $Nodes $id]} {
                    lassign [::deployer::logger::State $event] good state
                    dict set Nodes $id good $good
                    dict set Nodes $id state $state
                    if {[dict exists $event error]} {
                        dict set Nodes $id error [dict get $event error]
                    }
                    set outermost [expr {[dict get $Nodes $id parent] eq ""}]
                    my NodeEnded $id
                    if {$outermost} {
                        my Ended $id
                    }
                }
            }
        }
    }

    method Begin {id event} {
        set parent ""
        if {[dict exists $event parent]} {
            set parent [dict get $event parent]
        }
        set type [dict get $event type]
        set outside [dict exists $Outside $parent]
        if {$outside} {
            set parent [dict get $Outside $parent]
        }
        if {$parent ne "" && ![dict exists $Nodes $parent]} {
            set parent ""
        }
        if {$type in {message error} && $parent eq ""} {
            return
        }
        if {$parent ne "" && [dict size $Nodes] >= $Limit} {
            my MakeRoom
        }
        if {$parent ne "" && ($outside || [dict size $Nodes] >= $Limit)} {
            dict set Nodes $parent left \
                [expr {[dict get $Nodes $parent left] + 1}]
            if {$type ni {message error}} {
                dict set Outside $id $parent
            }
            return
        }
        set node [dict create parent $parent type $type tail "" \
            left 0 gone 0 good 1 state "" error "" path "" host ""]
        foreach key {path host} {
            if {[dict exists $event $key]} {
                dict set node $key [dict get $event $key]
            }
        }
        switch $type {
            message {
                dict set node what \
                    [::deployer::logger::ShowLine [dict get $event data]]
            }
            error {
                dict set node good 0
                dict set node what "error:\
                    [::deployer::logger::ShowLine [dict get $event error]]"
            }
            default {
                dict set node what [::deployer::logger::What $event]
            }
        }
        dict set Nodes $id $node
        if {$parent ne ""} {
            dict lappend Kids $parent $id
        }
        my NodeBegun $id
    }

    # There are too many parts.
    method MakeRoom {} {}

    method NodeBegun id {}

    method NodeEnded id {}

    method KidsOf id {
        return [expr {[dict exists $Kids $id] ? [dict get $Kids $id] : {}}]
    }

    # Forgets ID and all below.
    method Forget id {
        if {[dict exists $Nodes $id]} {
            foreach kid [my KidsOf $id] {
                my Forget $kid
            }
            dict unset Nodes $id
            dict unset Kids $id
        }
    }

    # Columns of a line; of a log many.
    method Room {} {
        set columns [::deployer::logger::ChannelColumns $Channel]
        return [expr {$columns == 0 ? 240 : max(20, $columns - 1)}]
    }

    method Line {id depth} {
        set node [dict get $Nodes $id]
        set line [string repeat "  " $depth]
        set type [dict get $node type]
        if {$type in {action fork} && $depth == 0
                || $type in {action fork} && [dict get $node path]
                    ne [dict get $Nodes [dict get $node parent] path]} {
            append line [::deployer::logger::Show [dict get $node path]] " "
        } elseif {$type in {run file connect} && [dict get $node host] ne ""} {
            append line [::deployer::logger::Show [dict get $node host]] \
                [expr {$type eq "run" ? "$ " : ": "}]
        }
        append line [dict get $node what]
        set state ""
        if {[dict get $node state] ne ""} {
            set state " \[[dict get $node state]\]"
        }
        if {$type in {message error}} {
            # The end of it says why.
            return $line
        }
        return [::deployer::core::text fit $line [expr {[my Room]
            - [::deployer::core::text width $state]}] ...]$state
    }

    method NamesOf ids {
        return [::deployer::logger::Names [lmap id $ids {
            dict get $Nodes $id host
        }]]
    }

    # Whether ID is a cell that is not of interest now.
    method IsAside id {
        return 0
    }

    # Whether ID is a cell that has ended well.
    method IsWell id {
        set node [dict get $Nodes $id]
        return [expr {[dict get $node type] eq "action"
            && [dict get $node host] ne "" && [dict get $node good]
            && [dict get $node state] ne ""}]
    }

    # ID and all below as lines; with TAILS, the end of what failed commands
    # have printed.
    method Render {id tails {depth 0}} {
        set lines [list [my Line $id $depth]]
        set node [dict get $Nodes $id]
        if {$tails && ![dict get $node good] && [dict get $node tail] ne ""} {
            foreach line [split [string trimright [dict get $node tail]] \n] {
                lappend lines "[string repeat "  " $depth]  |\
                    [::deployer::logger::Show $line]"
            }
        }
        if {[dict get $node gone]} {
            lappend lines "[string repeat "  " $depth]  ([dict get $node gone]\
                before are not kept)"
        }
        set aside {}
        set kids {}
        foreach kid [my KidsOf $id] {
            if {$tails && [my IsAside $kid]} {
                lappend aside $kid
            } else {
                lappend kids $kid
            }
        }
        if {[llength $aside]} {
            lappend lines "[string repeat "  " $depth]  (beside it:\
                [my NamesOf $aside])"
        }
        # Of many cells only those matter here in which something failed.
        set well {}
        if {$tails && [llength $kids] > 8} {
            set well [lsearch -all -inline -exact -not [lmap kid $kids {
                expr {[my IsWell $kid] ? $kid : ""}
            }] {}]
        }
        if {[llength $well] >= 4} {
            lappend lines "[string repeat "  " $depth]  (well:\
                [my NamesOf $well])"
        }
        foreach kid $kids {
            if {$kid ni $well || [llength $well] < 4} {
                lappend lines {*}[my Render $kid $tails [expr {$depth + 1}]]
            }
        }
        if {[dict get $node left]} {
            lappend lines "[string repeat "  " $depth]  (and\
                [dict get $node left] more)"
        }
        return $lines
    }
}

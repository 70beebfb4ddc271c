# expecttalk.tcl -- dialogues: with many ids at once, their logs, and our shell.
#
# Layer T3. Part of the package deployer::expect. To wait for many ids in one
# `expect -i` costs their number for each piece of output; so we wait for all of
# them in the event loop, and look by `expect -timeout 0` at the one that has
# something new.

# For each of the ids of WORDS what `expect` with these patterns does: the dict
# name -> result of the body, or {DEPLOYER HOSTS FAILED n tried}. Bodies run in
# the caller's frame, one after the other, with spawn_id set.
proc ::deployer::expect::each {words args} {
    set level [expr {[info level] - 1}]
    set opts {}
    if {[lindex $args 0] eq "-timeout" && [llength $args] > 1} {
        dict set opts timeout [lindex $args 1]
        set args [lrange $args 2 end]
    }
    set pairs [Pairs $words]
    set spec [Patterns $args $level]
    set timeout [TimeoutOf [dict merge $spec $opts] $level]
    if {[SandboxMode] ne ""} {
        # What was to talk there was not run.
        return [dict map {key id} $pairs {string cat}]
    }
    upvar 1 spawn_id current
    set had [info exists current]
    if {$had} {
        set old $current
    }
    set queue [EventsNew]
    set state [dict create open $pairs results {} failures {} timers {}]
    try {
        set code [Converse $level $queue $spec $timeout state]
    } finally {
        variable Events
        unset Events($queue)
        dict for {key timer} [dict get $state timers] {
            after cancel $timer
        }
        dict for {key id} [dict get $state open] {
            Unlisten $id
        }
        if {$had} {
            set current $old
        } else {
            unset -nocomplain current
        }
    }
    if {$code ne ""} {
        return {*}$code
    }
    set keys [dict keys $pairs]
    set failures [dict get $state failures]
    set results {}
    foreach key $keys {
        if {[dict exists $state results $key]} {
            dict set results $key [dict get $state results $key]
        }
    }
    if {[dict size $failures]} {
        return {*}[FanFail $keys [llength $keys] $results $failures {}]
    }
    return $results
}

# Runs the dialogues of STATE, a dict: open (key -> id), results and failures
# (key -> what it came to), timers. "", or the words for `return` where a body
# ended all of it by break, continue or return.
proc ::deployer::expect::Converse {level queue spec timeout stateVar} {
    upvar 1 $stateVar state
    dict for {key id} [dict get $state open] {
        Event $queue $key data
        Timer $queue $key $timeout state
    }
    while {[dict size [dict get $state open]]} {
        foreach {key what} [EventsTake $queue] {
            if {![dict exists $state open $key]} {
                continue
            }
            set id [dict get $state open $key]
            set hit [Once $level $id [dict get $spec words] result]
            if {$hit eq "timeout" && $what ne "timeout"} {
                # It was not what is looked for.
                Listen $queue $key $id
                continue
            }
            set body ""
            if {$hit eq "timeout" || $hit eq "eof"} {
                set name [dict get {timeout onTimeout eof onEof} $hit]
                if {![dict exists $spec $name]} {
                    dict set state failures $key [Miss $hit $level $id $key \
                        $timeout]
                    Done $id $key state
                    continue
                }
                set body [dict get $spec $name]
            } elseif {$hit ne ""} {
                set body [lindex [dict get $spec bodies] $hit]
            }
            # Without a hit one of expect_before or expect_after had it.
            set options {}
            set code 0
            if {$hit ne ""} {
                set code [RunBody $level $id $body result options]
            }
            switch -- $code {
                0 {
                    dict set state results $key $result
                    Done $id $key state
                }
                1 {
                    dict set state failures $key [Failure $result $options]
                    Done $id $key state
                }
                -101 {
                    Timer $queue $key $timeout state
                    Event $queue $key data
                }
                -102 {
                    Event $queue $key data
                }
                default {
                    dict incr options -level
                    return [list -options $options $result]
                }
            }
        }
    }
    return ""
}

# Looks once at what ID has printed, with the patterns in WORDS; expect_out is
# that of the frame LEVEL. The number of the pattern that matches; timeout where
# none does (yet); eof; "" where one of expect_before or expect_after did, whose
# result is in RESULTVAR then.
proc ::deployer::expect::Once {level id words resultVar} {
    variable Hit
    upvar 1 $resultVar result
    set outer $Hit
    set Hit ""
    set failed [catch {
        uplevel #$level [list ::expect -i $id -timeout 0 {*}$words]
    } result options]
    # Events run meanwhile, and in them others may look.
    set hit $Hit
    set Hit $outer
    if {$failed} {
        if {![IsOpen $id]} {
            # Somebody has closed it.
            return eof
        }
        if {[lindex [dict get $options -errorcode] 0] in {NONE REGEXP}} {
            Fail {ARGUMENT patterns} $result
        }
        return -options $options $result
    }
    return $hit
}

# The return code of BODY.
proc ::deployer::expect::RunBody {level id body resultVar optionsVar} {
    upvar 1 $resultVar result $optionsVar options
    uplevel #$level [list ::set spawn_id $id]
    return [catch {uplevel #$level $body} result options]
}

# The dialogue of KEY is over.
proc ::deployer::expect::Done {id key stateVar} {
    upvar 1 $stateVar state
    Unlisten $id
    dict unset state open $key
    if {[dict exists $state timers $key]} {
        after cancel [dict get $state timers $key]
        dict unset state timers $key
    }
}

# (Re)starts the time of KEY; a negative one is none.
proc ::deployer::expect::Timer {queue key timeout stateVar} {
    upvar 1 $stateVar state
    if {[dict exists $state timers $key]} {
        after cancel [dict get $state timers $key]
    }
    if {$timeout >= 0} {
        dict set state timers $key [after [expr {round($timeout * 1000)}] \
            [list ::deployer::expect::Event $queue $key timeout]]
    }
}

# The entry of a failure, as those of a fan-out.
proc ::deployer::expect::Failure {message options} {
    foreach {name default} [list -errorcode NONE -errorinfo $message] {
        if {![dict exists $options $name]} {
            dict set options $name $default
        }
    }
    dict set options -errorinfo [TrimTrace [dict get $options -errorinfo]]
    dict unset options -errorstack
    return [dict create message $message \
        errorcode [dict get $options -errorcode] \
        errorinfo [dict get $options -errorinfo] options $options]
}

# The failure of a dialogue in which no pattern matched: {DEPLOYER EXPECT EOF
# name} or {DEPLOYER EXPECT TIMEOUT name seconds}.
proc ::deployer::expect::Miss {hit level id name timeout} {
    variable Ids
    set text ""
    if {$hit eq "eof"} {
        set code [list EXPECT EOF $name]
        set message "none of the patterns came from $name before its output\
            ended"
        if {[uplevel #$level {::info exists expect_out(spawn_id)}]
                && [uplevel #$level {::set expect_out(spawn_id)}] eq $id} {
            set text [uplevel #$level {::set expect_out(buffer)}]
        }
    } else {
        set code [list EXPECT TIMEOUT $name $timeout]
        set message "none of the patterns came from $name within $timeout\
            seconds"
        set text [Unread $id]
    }
    # Without escape sequences (ECMA-48) and control characters.
    regsub -all {\u001b\[[0-9;?]*[ -/]*[@-~]} $text {} text
    regsub -all {[^[:print:]\n\t]} $text {} text
    set text [string trim [LastLines [string trim $text] 3]]
    if {$text ne ""} {
        append message ". The last of it: $text"
    }
    set object [lindex [dict get $Ids $id] 0]
    if {[info object isa object $object]} {
        namespace upvar [info object namespace $object] Host host
        set message [MaskFor $host $message]
    }
    return [Failure $message [list -code 1 -level 1 \
        -errorcode [list DEPLOYER {*}$code]]]
}

# What ID has printed and no pattern has taken.
proc ::deployer::expect::Unread id {
    return [apply {id {
        ::expect -i $id -timeout 0 -notransfer -re .+ {
            return $expect_out(0,string)
        }
    } ::} $id]
}

# The seconds that SPEC gives, else those of Expect's variable timeout.
proc ::deployer::expect::TimeoutOf {spec level} {
    if {[dict exists $spec timeout]} {
        set timeout [dict get $spec timeout]
    } elseif {[uplevel #$level {::info exists timeout}]} {
        set timeout [uplevel #$level {::set timeout}]
    } elseif {[info exists ::timeout]} {
        set timeout $::timeout
    } else {
        set timeout 10
    }
    if {$timeout == -1} {
        return -1
    }
    return [CheckOption -timeout seconds0 $timeout]
}

# Patterns and bodies as `expect` takes them, in one braced word (which is
# substituted in frame LEVEL) or in several. A dict: words, for Once; bodies, of
# its numbers; and where they were given timeout (seconds), and the bodies
# onTimeout and onEof.
proc ::deployer::expect::Patterns {words level} {
    if {[llength $words] == 1 && [regexp {^\s*\n\s*\S} [lindex $words 0]]} {
        set words [BracedWords [lindex $words 0] $level]
    } elseif {[llength $words] == 2 && [lindex $words 0] eq "-brace"} {
        set words [BracedWords [lindex $words 1] $level]
    }
    set spec {}
    set cases {}
    set bodies {}
    set flags {}
    set count [llength $words]
    for {set i 0} {$i < $count} {incr i} {
        set word [lindex $words $i]
        set kind pattern
        if {[string index $word 0] eq "-"} {
            set flag [Flag $word]
            if {$flag in {-i -timeout -glob -regexp -exact --}
                    && [incr i] >= $count} {
                Fail [list OPTION $flag] "\"$flag\" needs a word behind it"
            }
            switch -- $flag {
                -i {
                    Fail {OPTION -i} "-i has no place here: the ids are given\
                        in front of the patterns"
                }
                -timeout {
                    dict set spec timeout [lindex $words $i]
                    continue
                }
                -glob - -- {
                    lappend flags -glob
                }
                -regexp - -exact {
                    lappend flags $flag
                }
                -nobrace {
                    continue
                }
                default {
                    lappend flags $flag
                    continue
                }
            }
            set word [lindex $words $i]
        } elseif {$word in {timeout eof default full_buffer null}} {
            set kind $word
        }
        set body [lindex $words [incr i]]
        if {$kind in {timeout default} && ![dict exists $spec onTimeout]} {
            dict set spec onTimeout $body
        }
        if {$kind in {eof default} && ![dict exists $spec onEof]} {
            dict set spec onEof $body
        }
        if {$kind in {pattern full_buffer null}} {
            lappend cases {*}$flags $word [Marker [llength $bodies]]
            lappend bodies $body
        }
        set flags {}
    }
    lappend cases eof [Marker eof] timeout [Marker timeout]
    return [dict merge $spec [list words $cases bodies $bodies]]
}

# The body that tells Once which pattern it was.
proc ::deployer::expect::Marker hit {
    return [list ::set ::deployer::expect::Hit $hit]
}

# The flag that WORD is, or begins.
proc ::deployer::expect::Flag word {
    set flags {
        -glob -regexp -exact -notransfer -nocase -i -indices -iread -timestamp
        -timeout -nobrace --
    }
    if {$word eq "--"} {
        return --
    }
    if {[catch {tcl::prefix match -message flag $flags $word} flag]} {
        Fail [list OPTION $word] "$flag; a pattern that begins with \"-\" needs\
            -gl, -re or -ex in front"
    }
    return $flag
}

# The words of TEXT, substituted in frame LEVEL. Newlines and semicolons between
# words are white space.
proc ::deployer::expect::BracedWords {text level} {
    set words {}
    set piece ""
    foreach part [regexp -all -inline {[^\n;]*[\n;]|[^\n;]+$} $text] {
        append piece $part
        set text [regsub {[\n;]$} $piece {}]
        # One behind a backslash, or in quotes, braces or brackets, is none.
        if {[regexp {\\+$} $text slashes] && [string length $slashes] % 2
                || ![info complete $text]} {
            continue
        }
        if {[string index [string trimleft $piece] 0] ne "#"} {
            lappend words {*}[uplevel #$level "::list $piece"]
        }
        set piece ""
    }
    if {[string trim $piece] ne ""} {
        Fail {ARGUMENT patterns} "the patterns end inside of a quote, brace or\
            bracket: [Shorten $piece]"
    }
    return $words
}

# Logs.

# What the hosts of WORDS print from now on is added to FILE, whose name has %h
# for the name of each; or to a channel, whole lines behind the name. Without
# either, logging ends. What is sent is not logged: it may be a password.
proc ::deployer::expect::log {words args} {
    variable Logs
    set pairs [Pairs $words]
    set channel ""
    if {[lindex $args 0] in {-leaveopen -open} && [llength $args] == 2} {
        set channel [lindex $args 1]
        CheckChannel [lindex $args 0] $channel
    } elseif {[llength $args] > 1} {
        WrongArgs "deployer::expect::log IDS ?FILE | -leaveopen CHANNEL?"
    }
    set logs {}
    try {
        dict for {key id} $pairs {
            if {[State $id] ne "open"} {
                Fail [list ARGUMENT $id] "$id of $key is closed"
            }
            if {![AllSent $id]} {
                # It would change places with what is sent later.
                Fail [list ARGUMENT $id] "$id of $key has not read yet what was\
                    sent to it: it cannot be logged from now on, or no longer"
            }
            if {$channel ne ""} {
                dict set logs $id [list lines $channel $key]
            } elseif {[llength $args]} {
                set path [LocalPath [string map [list %% % %h $key] \
                    [lindex $args 0]]]
                if {$path in [lmap log [dict values $logs] {lindex $log 2}]} {
                    Fail {ARGUMENT file} "several hosts cannot have the log\
                        $path: its name needs %h, which stands for theirs"
                }
                dict set logs $id [list file [LogOpen $path] $path]
            }
        }
    } on error {message options} {
        dict for {id log} $logs {
            LogClose $log
        }
        return -options $options $message
    }
    dict for {key id} $pairs {
        if {[info exists Logs($id)]} {
            # That calls LogEnd.
            chan pop $id
        }
        if {[dict exists $logs $id]} {
            set Logs($id) [dict get $logs $id]
            chan configure [lindex [Known $id] 1] -encoding binary
            chan push $id [list ::deployer::expect::LogTransform $id]
        }
    }
    return
}

# A file for its owner alone; one that is there is continued.
proc ::deployer::expect::LogOpen path {
    if {[catch {open $path {WRONLY CREAT APPEND} 0600} channel options]} {
        Fail [list FILE [lindex [dict get $options -errorcode] 1] localhost \
            $path] "the log cannot be written: $channel"
    }
    chan configure $channel -translation binary -buffering none
    return $channel
}

proc ::deployer::expect::LogClose log {
    lassign $log kind channel
    if {$kind eq "file"} {
        catch {chan close $channel}
    }
}

# The channel transform of an id that is logged; see refchan(n), transchan(n).
proc ::deployer::expect::LogTransform {id method handle args} {
    variable Ids
    switch -- $method {
        initialize {
            return {initialize finalize read write drain flush}
        }
        finalize {
            LogEnd $id
        }
        read {
            LogPut $id [lindex $args 0]
            return [lindex $args 0]
        }
        write {
            # Tcl takes it for an error where the channel below has no room.
            # Ours, on the same terminal, waits for room.
            catch {
                puts -nonewline [lindex [dict get $Ids $id] 1] \
                    [lindex $args 0]
            }
        }
    }
    return ""
}

# A log that fails ends, and is reported as a background error; the dialogue
# goes on.
proc ::deployer::expect::LogPut {id bytes} {
    variable Logs
    variable LogRests
    lassign $Logs($id) kind channel name
    if {$kind eq "none"} {
        return
    }
    if {[catch {
        if {$kind eq "file"} {
            puts -nonewline $channel $bytes
        } else {
            append LogRests($id) $bytes
            set end [string last \n $LogRests($id)]
            if {$end >= 0} {
                set text [string range $LogRests($id) 0 $end]
                set LogRests($id) [string range $LogRests($id) $end+1 end]
                LogLines $channel $name $text
            }
        }
    } message options]} {
        set code [dict get $options -errorcode]
        if {[lindex $code 0] eq "POSIX"} {
            set code [list DEPLOYER FILE [lindex $code 1] localhost $name]
        }
        unset -nocomplain LogRests($id)
        LogClose $Logs($id)
        set Logs($id) none
        after 0 [list ::deployer::expect::LogFailed $code \
            "the log of $id ends: $message"]
    }
}

proc ::deployer::expect::LogFailed {code message} {
    return -code error -errorcode $code $message
}

# Writes lines, each behind the name of its host.
proc ::deployer::expect::LogLines {channel name bytes} {
    set text [encoding convertfrom utf-8 $bytes]
    foreach line [split [string trimright $text \n] \n] {
        puts $channel "$name: [string trimright $line \r]"
    }
    flush $channel
}

proc ::deployer::expect::LogEnd id {
    variable Logs
    variable LogRests
    if {[info exists LogRests($id)]} {
        if {$LogRests($id) ne ""} {
            lassign $Logs($id) kind channel name
            catch {LogLines $channel $name $LogRests($id)}
        }
        unset LogRests($id)
    }
    LogClose $Logs($id)
    unset Logs($id)
}

# The shell.

# A Tcl prompt with the package, in a process and on a terminal of its own, in
# which the FILEs have been sourced. Its id becomes the caller's spawn_id.
proc ::deployer::expect::shell args {
    variable Dir
    set opts [TakeOptions {-timeout text} args]
    set level [expr {[info level] - 1}]
    set timeout [TimeoutOf $opts $level]
    set object [pty spawn -size {24 1000} -env {TERM dumb} \
        [list [Tclsh] [file join $Dir expectshell.tcl]]]
    if {[catch {Take $object shell 1} id options]} {
        $object destroy
        return -options $options $id
    }
    Keep $object
    try {
        # Where it does not even begin, this tells.
        command -timeout $timeout $id {}
        foreach file $args {
            command -timeout $timeout $id \
                [list source -encoding utf-8 [LocalPath $file]]
        }
    } on error {message options} {
        close $id
        return -options $options $message
    }
    uplevel 1 [list ::set spawn_id $id]
    return $id
}

# The Tcl shell that runs this; the program `expect` has start files and options
# of its own.
proc ::deployer::expect::Tclsh {} {
    set here [info nameofexecutable]
    if {[string match tclsh* [file tail $here]]} {
        return $here
    }
    foreach name [list tclsh[info tclversion] tclsh] {
        set found [auto_execok $name]
        if {$found ne ""} {
            return [lindex $found 0]
        }
    }
    Fail {STATE expect} "there is no tclsh[info tclversion] in PATH"
}

# Evaluates SCRIPT in the shell of ID, at the top level there, and returns its
# result or raises its error. PATTERNS are for what it prints meanwhile; their
# bodies run as those of `each`, and it goes on.
proc ::deployer::expect::command args {
    set opts [TakeOptions {-timeout text -output text} args]
    if {[llength $args] < 2} {
        WrongArgs "deployer::expect::command ?-timeout SECONDS?\
            ?-output VARNAME? ID SCRIPT ?PATTERN BODY ...?"
    }
    set words [lassign $args id script]
    set level [expr {[info level] - 1}]
    if {![lindex [Known $id] 3]} {
        Fail [list ARGUMENT $id] \
            "$id is no shell: deployer::expect::shell makes one"
    }
    if {[State $id] ne "open"} {
        Fail [list EXPECT EOF [name $id]] "the shell $id has ended"
    }
    set spec [Patterns $words $level]
    foreach name {onTimeout onEof} {
        if {[dict exists $spec $name]} {
            Fail {ARGUMENT patterns} "the patterns of a command are for its\
                output: its end, and that of its time, are its result or an\
                error"
        }
    }
    set timeout [TimeoutOf [dict merge $spec $opts] $level]
    upvar 1 spawn_id current
    set had [info exists current]
    if {$had} {
        set old $current
    }
    if {[dict exists $opts output]} {
        upvar 1 [dict get $opts output] output
    }
    set output ""
    try {
        set reply [Exchange $level $id $script $spec $timeout output]
    } finally {
        if {$had} {
            set current $old
        } else {
            unset -nocomplain current
        }
    }
    if {[lindex $reply 0] eq "body"} {
        return {*}[lindex $reply 1]
    }
    lassign [lindex $reply 1] code result options
    if {!$code} {
        return $result
    }
    return -options [dict merge $options {-code 1 -level 1}] $result
}

# Sends SCRIPT to the shell of ID and waits for the end: {reply {CODE RESULT
# OPTIONS}}, or {body WORDS} where a body ended it, with words for `return`.
#
# The shell prints a line with a mark before the script runs, and behind its
# output the mark and the reply in base64; the mark is new each time. What a
# pattern takes is looked through as well, as one like `*` takes all.
proc ::deployer::expect::Exchange {level id script spec timeout outputVar} {
    upvar 1 $outputVar output
    set mark \1[core::token]
    ::exp_send -i $id -- "$mark\n[binary encode base64 -maxlen 900 \
        [encoding convertto utf-8 $script]]\n\1\n"
    set any [Marker any]
    set ends [list eof [Marker eof] timeout [Marker timeout]]
    # Those of the user end in the same two.
    set phases [dict create \
        begin [list -regexp $mark\r?\n $any {*}$ends] \
        output [linsert [dict get $spec words] end-4 -exact $mark $any \
            full_buffer $any] \
        reply [list -exact \1 $any -regexp .+ $any {*}$ends]]
    set phase begin
    set text ""
    set queue [EventsNew]
    set state [dict create timers {}]
    try {
        Timer $queue {} $timeout state
        set what data
        while 1 {
            set hit [Once $level $id [dict get $phases $phase] result]
            if {$hit eq "eof" || $hit eq "timeout" && $what eq "timeout"} {
                ShellMiss $hit $id $timeout
            }
            if {$hit eq "timeout"} {
                Listen $queue {} $id
                foreach {- what} [EventsTake $queue] {}
                continue
            }
            set what data
            if {$phase eq "begin"} {
                set phase output
                continue
            }
            append text [uplevel #$level {::set expect_out(buffer)}]
            if {$phase eq "output"} {
                set at [string first $mark $text]
                if {$at >= 0} {
                    append output [string range $text 0 $at-1]
                    set text [string range $text \
                        $at+[string length $mark] end]
                    set phase reply
                } elseif {[set at [MarkBegins $mark $text]] < 0} {
                    append output $text
                    set text ""
                } else {
                    append output [string range $text 0 $at-1]
                    set text [string range $text $at end]
                }
            }
            if {[string is integer -strict $hit]} {
                set code [RunBody $level $id \
                    [lindex [dict get $spec bodies] $hit] result options]
                if {$code ni {0 -101 -102}} {
                    dict incr options -level
                    return [list body [list -options $options $result]]
                }
                if {$code != -102} {
                    Timer $queue {} $timeout state
                }
            }
            if {$phase eq "reply" && [set at [string first \1 $text]] >= 0} {
                set output [string map {\r\n \n} $output]
                return [list reply [encoding convertfrom utf-8 \
                    [binary decode base64 [string range $text 0 $at-1]]]]
            }
        }
    } finally {
        variable Events
        unset Events($queue)
        dict for {key timer} [dict get $state timers] {
            after cancel $timer
        }
        Unlisten $id
    }
}

# Where in TEXT the beginning of MARK stands, whose rest is still to come; -1
# where there is none.
proc ::deployer::expect::MarkBegins {mark text} {
    set at [string last \1 $text]
    if {$at >= 0 && [string first [string range $text $at end] $mark] == 0} {
        return $at
    }
    return -1
}

proc ::deployer::expect::ShellMiss {hit id timeout} {
    set name [name $id]
    if {$hit eq "eof"} {
        Fail [list EXPECT EOF $name] \
            "the $name $id ended before the command did"
    }
    Fail [list EXPECT TIMEOUT $name $timeout] \
        "the command in the $name $id did not end within $timeout seconds, and\
        goes on"
}

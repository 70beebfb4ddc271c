# shellcomplete.tcl -- what may stand at the cursor of a line of the shell.
#
# Layer T3. A completion is what a Reader takes: the dict start (the index from
# which the word is replaced), words ({WORD DESCRIPTION SGR ENDS} ...) and hint
# (a line about what is expected, or ""). Places are looked up on classes, so
# nothing is made for it but arrays whose cells are asked for.

namespace eval ::deployer::shell {
    # Milliseconds that a -complete of the user's may take.
    variable CompleteLimit 5000
    # More cells than that are not listed before a ":" was typed.
    variable CompleteCells 50
    # What the names of arguments tell: all slugs, roles or groups, files here.
    variable CompleteKinds {
        host slugs hosts slugs slug slugs slugs slugs hostname slugs
        role roles roles roles group groups
        local files localfile files localpath files localdir files
    }
}

# The completion of TEXT at CURSOR in SHELL. A place that has gone offers nothing.
proc ::deployer::shell::Complete {shell text cursor} {
    try {
        return [CompleteAt $shell [Place $shell] $text $cursor]
    } trap {DEPLOYER CANCELLED} {message options} {
        return -options [dict incr options -level] $message
    } on error message {
        return [Completion $cursor {} $message]
    }
}

# The same at a place; where SHELL is "" there are no built-ins.
proc ::deployer::shell::CompleteAt {shell place text cursor} {
    variable Builtins
    set text [string range $text 0 $cursor-1]
    if {[string first \n $text] >= 0} {
        # Of lines that were pasted the last one counts.
        set line [lindex [LinesOf $text] end]
        if {$line ne $text} {
            set completion [CompleteAt $shell $place $line \
                [string length $line]]
            dict incr completion start \
                [expr {[string length $text] - [string length $line]}]
            return $completion
        }
    }
    set words [Split $text]
    lassign [lindex $words end] value start end whole
    if {[llength $words] && (!$whole || $end >= [string length $text])} {
        set words [lrange $words 0 end-1]
    } else {
        set value ""
        set start [string length $text]
        set end $start
    }
    set typed [dict create value $value start $start \
        raw [string range $text $start $end-1]]
    set mode action
    set builtin ""
    if {$shell ne "" && [llength $words]} {
        set builtin [lindex $words 0 0]
        if {[dict exists $Builtins $builtin]} {
            set mode [dict get $Builtins $builtin complete]
            if {$builtin in {--inspect --source-code}} {
                set mode member
            }
            if {$mode ni {path action member none}} {
                return [CompleteBuiltin $shell $mode $typed \
                    [string range $text [lindex $words 0 2] end]]
            }
            set words [lrange $words 1 end]
        }
    }
    if {$mode eq "none" || [lsearch -exact -index 0 $words --] >= 0} {
        return [Completion $start {}]
    }
    set completion [CompletePath $place $words $typed $mode]
    if {$shell ne "" && $mode eq "action" && ![llength $words]
            && $builtin eq ""} {
        dict for {name about} $Builtins {
            if {[string equal -length [string length $value] $value $name]} {
                dict lappend completion words \
                    [list $name [dict get $about doc] 36 " "]
            }
        }
    }
    return $completion
}

proc ::deployer::shell::Completion {start words {hint {}}} {
    return [dict create start $start words $words hint $hint]
}

# By {*}PREFIX SHELL TEXT, the text behind the name of a built-in: a list of
# {WORD DESCRIPTION}.
proc ::deployer::shell::CompleteBuiltin {shell prefix typed text} {
    set words {}
    set value [dict get $typed value]
    foreach pair [{*}$prefix $shell [string trimleft $text]] {
        lassign $pair word about
        if {[string equal -length [string length $value] $value $word]} {
            lappend words [list [Quote $word] $about {} " "]
        }
    }
    return [Completion [dict get $typed start] $words]
}

# What may follow WORDS, of which those of a path are read from PLACE. TYPED is
# a dict of value, start and raw (what stands there) of the word at the cursor.
# MODE says what is wanted: path (services and cells), action, or member (all).
proc ::deployer::shell::CompletePath {place words typed mode} {
    set start [dict get $typed start]
    set value [dict get $typed value]
    set found [Resolve $place $words]
    set place [dict get $found place]
    switch -- [dict get $found what] {
        incomplete {
            # Behind "at".
            return [Completion $start [CompleteCells [SpotOf $place] $value 0 ""]]
        }
        action {
            if {$mode ne "action"} {
                return [Completion $start {}]
            }
            return [CompleteArgument $place [dict get $found action] \
                [dict get $found arguments] $value $start]
        }
        unknown {
            return [Completion $start {} [dict get $found message]]
        }
    }
    # In a word of several parts the others lead further.
    set slash [string last / $value]
    set colon [string last : $value]
    set split [expr {$colon > $slash ? $colon : $slash + 1}]
    set head [string range $value 0 $split-1]
    set tail [string range $value $split end]
    set slashes [expr {$slash >= 0}]
    if {$head ne ""} {
        set found [Resolve $place [AsWords [list $head]]]
        if {[dict get $found what] ne "place"} {
            return [Completion $start {} [dict get $found message]]
        }
        set place [dict get $found place]
    }
    set spot [SpotOf $place]
    if {[string match :* $tail]} {
        set list [CompleteCells $spot [string range $tail 1 end] $slashes]
    } else {
        set list [CompleteMembers $spot $tail $mode $slashes]
    }
    if {[dict get $typed raw] eq $value} {
        return [Completion [expr {$start + $split}] $list]
    }
    # Where quotes are in it, the word is replaced as a whole.
    return [Completion $start [lmap each $list {
        lreplace $each 0 0 [Quote $head[lindex $each 0]]
    }]]
}

# The services and members of SPOT whose names begin with PREFIX.
proc ::deployer::shell::CompleteMembers {spot prefix mode slashes} {
    set kinds service
    if {$mode ne "path"} {
        lappend kinds action alias
        if {$mode eq "member" || $prefix ne ""} {
            lappend kinds property getter query
        }
    }
    set color [GroupColor [SpotGroup $spot]]
    set after [expr {$slashes ? "/" : " "}]
    set private [string match _* $prefix]
    set length [string length $prefix]
    set words {}
    dict for {name entry} [Members [dict get $spot class]] {
        if {[dict get $entry kind] ni $kinds
                || [string match _* $name] != $private
                || ![string equal -length $length $prefix $name]} {
            continue
        }
        if {[dict get $entry kind] eq "service"} {
            # It may have a group of its own.
            set own [dict get [Summary [dict get $entry class]] group]
            lappend words [list $name [CompleteAbout $spot $name $entry] \
                [expr {$own eq "" ? $color : [GroupColor $own]}] $after]
        } else {
            lappend words [list $name [CompleteAbout $spot $name $entry] \
                $color " "]
        }
    }
    if {$prefix eq "" && [SpotIsArray $spot]} {
        lappend words {*}[CompleteSomeCells $spot $slashes]
    }
    return $words
}

# One line about member NAME, which has ENTRY.
proc ::deployer::shell::CompleteAbout {spot name entry} {
    set target [list [dict get $spot class] ""]
    set about [lindex [split [string trim [InspectDoc $target $name]] \n] 0]
    if {$about ne ""} {
        return $about
    }
    switch -- [dict get $entry kind] {
        service {
            set summary [Summary [dict get $entry class]]
            set role [dict get $summary isolate]
            if {$role ne "" && ![dict get $summary justone]} {
                return "one cell for each host of the role $role"
            }
            return service
        }
        action {
            # The name stands beside it.
            return [string range [Usage $name $entry] \
                [string length $name]+1 end]
        }
        alias {
            return "the same as [dict get $entry target]"
        }
        property {
            if {[dict get $entry required]} {
                return "a property that has no value yet"
            }
            return "= [Shorten [PropertyValue $entry] 60]"
        }
    }
    return [dict get $entry kind]
}

# How an action is called: install PACKAGE ?FORCE? ?arg ...?
proc ::deployer::shell::Usage {name entry} {
    if {![dict exists $entry formals]} {
        return $name
    }
    return [string trimright "$name [FormalsUsage [dict get $entry formals]]"]
}

# The constant that a property's definition gives.
proc ::deployer::shell::PropertyValue entry {
    return [lindex [dict get $entry source] 2]
}

# The cells of SPOT whose indexes begin with PART, as words that begin with LEAD.
proc ::deployer::shell::CompleteCells {spot part slashes {lead :}} {
    if {![SpotIsArray $spot] || [catch {SpotIndexes $spot} indexes]} {
        return {}
    }
    if {$part ne ""} {
        set indexes [lsearch -all -inline -glob $indexes [GlobOf $part]*]
    }
    set color [GroupColor [SpotGroup $spot]]
    set after [expr {$slashes ? "/" : " "}]
    if {[llength $indexes] > 200} {
        return [lmap word [QuoteAll $indexes] {list $lead$word {} $color $after}]
    }
    set set [HostsSet [ViewOf [info object namespace [SpotArray $spot]]]]
    return [lmap word [QuoteAll $indexes] index $indexes {
        list $lead$word [HostAbout $set $index] $color $after
    }]
}

# The same where neither was typed: many are not listed.
proc ::deployer::shell::CompleteSomeCells {spot slashes} {
    variable CompleteCells
    if {[catch {SpotIndexes $spot} indexes]
            || [llength $indexes] <= $CompleteCells} {
        return [CompleteCells $spot "" $slashes]
    }
    set about "one of [llength $indexes] hosts, as :[lindex $indexes 0]"
    return [list [list : $about [GroupColor [SpotGroup $spot]] ""]]
}

# The address of the host SLUG of a set.
proc ::deployer::shell::HostAbout {set slug} {
    set position [core::hostset index $set $slug]
    if {$position < 0 || [catch {
        [core::hostset host $set $position] cget -address
    } address] || $address eq $slug} {
        return ""
    }
    return $address
}

# Arguments.

# What may stand behind ARGUMENTS of action NAME at PLACE and begins with VALUE.
proc ::deployer::shell::CompleteArgument {place name arguments value start} {
    set spot [SpotOf $place]
    set class [dict get $spot class]
    set entry [Member $class $name]
    if {[dict get $entry kind] eq "alias"} {
        set entry [Member $class [dict get $entry target]]
    }
    set hint [Usage $name $entry]
    if {![dict exists $entry formals]} {
        return [Completion $start {} $hint]
    }
    set after ""
    set about ""
    if {[dict get $entry complete] ne ""} {
        if {[catch {
            CompleteAsk $spot [dict get $entry complete] \
                [list {*}$arguments $value]
        } words options]} {
            if {[lrange [dict get $options -errorcode] 0 1]
                    eq {DEPLOYER CANCELLED} && [dict exists $options -late] == 0
            } {
                return -options [dict incr options -level] $words
            }
            return [Completion $start {} \
                "$hint ([Shorten "not completed: $words" 200])"]
        }
    } else {
        lassign [CompleteFormal $spot $entry [llength $arguments] $value] \
            words about after
    }
    if {$value ne ""} {
        set words [lsearch -all -inline -glob $words [GlobOf $value]*]
    }
    return [Completion $start [lmap word [QuoteAll $words] {
        list $word $about {} \
            [expr {$after eq "/" && [string match */ $word] ? "" : " "}]
    }] $hint]
}

# {WORDS ABOUT AFTER}: what the name and the default of an argument tell.
proc ::deployer::shell::CompleteFormal {spot entry position value} {
    variable CompleteKinds
    variable ::deployer::Groups
    set formals [dict get $entry formals]
    set formal [lindex $formals $position]
    if {$formal eq "" && [lindex $formals end] eq "args"} {
        set formal args
    }
    set name [lindex $formal 0]
    set kind ""
    if {[dict exists $CompleteKinds [string tolower $name]]} {
        set kind [dict get $CompleteKinds [string tolower $name]]
    }
    switch -- $kind {
        slugs - roles {
            if {[catch {
                core::hostset $kind [HostsSet [ViewOf \
                    [info object namespace [SpotMade $spot]]]]
            } words]} {
                set words {}
            }
            return [list $words {} {}]
        }
        groups {
            return [list $Groups {} {}]
        }
        files {
            return [list [CompleteFiles $value] {} /]
        }
    }
    if {[llength $formal] > 1 && [lindex $formal 1] ne ""} {
        return [list [list [lindex $formal 1]] "what $name is by default" {}]
    }
    return {}
}

# The instance at SPOT; of an array the array, so that no cell is made.
proc ::deployer::shell::SpotMade spot {
    dict set spot given {}
    return [PlaceTarget [SpotPlace $spot]]
}

# Files of this machine; directories have a slash at their ends.
proc ::deployer::shell::CompleteFiles value {
    set slash [string last / $value]
    set head [string range $value 0 $slash]
    set pattern [GlobOf [string range $value $slash+1 end]]*
    set directory [expr {$head eq "" ? "." : $head}]
    if {[catch {
        set names [glob -nocomplain -tails -directory $directory -- $pattern]
        if {[string match .* $pattern]} {
            lappend names {*}[glob -nocomplain -tails -directory $directory \
                -types hidden -- $pattern]
        }
    }]} {
        return {}
    }
    return [lmap name [lsort -unique $names] {
        if {$name in {. ..}} continue
        string cat $head $name \
            [expr {[file isdirectory [file join $directory $name]] ? "/" : ""}]
    }]
}

# The words that a -complete gives: {*}PREFIX WORDS, in the namespace of the
# instance, or of the first cell of an array. It runs as an action would, but
# shows nothing and asks nobody, changes no file in a sandbox, and is cancelled
# when it takes too long.
proc ::deployer::shell::CompleteAsk {spot prefix words} {
    variable CompleteLimit
    variable ::deployer::Ending
    if {[SpotIsArray $spot]} {
        while {[SpotIsArray $spot]
                && [set index [lindex [SpotIndexes $spot] 0]] ne ""} {
            dict lappend spot given $index
        }
    }
    set space [info object namespace [PlaceTarget [SpotPlace $spot]]]
    set context {-hidden 1}
    set root [set ${space}::Root]
    if {[dict get [set ${root}::Options] sandbox]} {
        # It reads, as a getter that is -safe.
        set context [SandboxEnter $context safe \
            [list ::deployer::SandboxReport $root]]
    }
    set w [Job [list ::namespace eval $space [list {*}$prefix $words]] $context]
    set timer [after $CompleteLimit [list ::deployer::JobCancel $w]]
    try {
        return [Await $w]
    } on error {message options} {
        if {[set co [JobOf $w]] ne ""} {
            # It was the waiting that was cancelled.
            set Ending($co) [core::waiter new]
            JobCancel $w
            catch {Await $Ending($co)}
            unset -nocomplain Ending($co)
        } elseif {$timer ni [after info]} {
            Fail {CANCELLED /} "it took more than\
                [expr {$CompleteLimit / 1000}] seconds" -late 1
        }
        return -options [dict incr options -level] $message
    } finally {
        after cancel $timer
        if {[dict exists $context -sandbox]} {
            SandboxLeave $context
        }
    }
}

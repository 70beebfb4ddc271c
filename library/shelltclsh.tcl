# shelltclsh.tcl -- a plain Tcl prompt in which a tree is the command `root`.
#
# Layer T3. It is a shell (shell.tcl) whose lines are Tcl: each is a job, so that
# it can wait and Ctrl-C ends what it waits for.

namespace eval ::deployer::shell {
    # Commands whose first argument is the name of a variable.
    variable TclshVariables {
        append array incr lappend lset parray set unset upvar variable vwait
    }
}

# Reads and evaluates lines until the end of the input. Meanwhile the root of
# PLACE is the command `root`. Returns the exit status.
proc ::deployer::shell::Tclsh place {
    variable Count
    set root [dict get $place root]
    set asks [expr {[OnTerminal stdin]
        && [dict get [core::terminal info] state] ne "none"}]
    if {[namespace which -command ::root] ni [list "" $root]} {
        Fail {ARGUMENT root} "there is a command \"root\" already, and the prompt\
            of Tcl needs that name for the tree"
    }
    set file [HistoryFile $root $asks]
    if {$file ne ""} {
        append file -tclsh
    }
    set shell [namespace current]::S[incr Count]
    set space [info object namespace $root]
    try {
        TclshName $space ::root
        dict set place root ::root
        Open $shell ::root $asks [list -history $file \
            -complete [list [namespace current]::TclshComplete] \
            -more [list [namespace current]::TclshIsOpen] -paint {} \
            -prompt2 [expr {$asks ? "... " : ""}]]
        upvar #0 $shell S
        set S(levels) [list [list $place {}]]
        set S(loop) [Job [list [namespace current]::TclshLoop $shell] {}]
        Await $S(loop)
        return $S(status)
    } finally {
        Close $shell
        if {[namespace exists $space]} {
            TclshName $space $root
        }
    }
}

# The instance of namespace NS gets the name NAME.
proc ::deployer::shell::TclshName {ns name} {
    set object [ObjectOf $ns]
    if {$object ne $name} {
        rename $object $name
        # Else it is looked for each time.
        set ${ns}::Self $name
    }
}

# What COMMAND, a full name, is an alias for: words, or {}. An alias is known by
# the name that it was made with.
proc ::deployer::shell::TclshAlias command {
    foreach name [list $command [string range $command 2 end]] {
        if {$name in [interp aliases {}]} {
            return [interp alias {} $name]
        }
    }
    return {}
}

proc ::deployer::shell::TclshLoop shell {
    upvar #0 $shell S
    if {$S(asks)} {
        set words root
        foreach step [dict get [Place $shell] steps] {
            lappend words $step
        }
        Warn $shell "Tcl [info patchlevel], deployer [package present deployer]:\
            \"$words\" is [PlacePath [Place $shell]]; Tab completes, Ctrl-D\
            leaves.\n"
    }
    set prompt "% "
    if {!$S(asks)} {
        set prompt ""
    }
    while {$S(over) eq ""} {
        if {[catch {$S(reader) read $prompt} read options]} {
            # It was ended, or the reader was taken away.
            if {$S(over) eq ""} {
                set S(over) hangup
                set S(status) 1
            }
            break
        }
        lassign $read what text
        switch -- $what {
            line {
                TclshLine $shell $text
            }
            eof {
                if {$S(asks)} {
                    Warn $shell \n
                }
                set S(over) exit
            }
        }
    }
    LoopOver $shell
}

# Whether more lines belong to TEXT. Brackets count here, other than at the prompt of
# the tree, where nothing is substituted.
proc ::deployer::shell::TclshIsOpen text {
    return [expr {![info complete $text\n]}]
}

# Evaluates TEXT and shows what tclsh would.
proc ::deployer::shell::TclshLine {shell text} {
    upvar #0 $shell S
    if {[string trim $text] eq ""} {
        return
    }
    set S(status) 0
    $S(reader) history add $text
    set shown [ShownBegin]
    lassign [RunFront $shell [list [namespace current]::TclshEvaluate $text] \
        [ShownContext $shell $shown] $text] code result options
    switch -- $code {
        0 - 2 {
            if {$result ne "" && ![WasShown $shown $result]} {
                TclshShow $shell $result
            }
        }
        default {
            TclshFailed $shell $result $options
        }
    }
    ShownEnd $shown
    if {![info object isa object $S(root)]} {
        Warn $shell "the tree is gone, and so is its prompt\n"
        set S(over) exit
    }
}

# Results are shown as they are where nobody looks at them.
proc ::deployer::shell::TclshShow {shell result} {
    upvar #0 $shell S
    if {[OnTerminal stdout] && [info object isa object $S(root)]} {
        Print $shell [core::text show -lines $result]\n
    } else {
        puts $result
        flush stdout
    }
}

proc ::deployer::shell::TclshFailed {shell message options} {
    upvar #0 $shell S
    set S(status) 1
    if {[dict exists $options -errorinfo]} {
        # Where tclsh has them.
        uplevel #0 [list set errorInfo \
            [TclshTrace [dict get $options -errorinfo]]]
        uplevel #0 [list set errorCode [dict get $options -errorcode]]
    }
    if {[dict exists $options -errorcode] && [lrange [dict get $options \
            -errorcode] 0 1] eq {DEPLOYER CANCELLED}} {
        set S(status) 130
        # There is no command "jobs" here.
        set message [expr {[dict exists $options -abandoned]
            ? "abandoned: what it began may still be ending" : "interrupted"}]
    }
    Warn $shell "[BehindKey $shell $options][Paint 31 \
        [core::text show -lines $message]]\n"
}

# The trace of an error without the frames that are the prompt's.
proc ::deployer::shell::TclshTrace trace {
    set ours "\n    \\(\"uplevel\" body line \\d+\\)\n    invoked from\
        within\n\"uplevel #0 \\\$text\"\n    \\(procedure\
        \"::deployer::shell::TclshEvaluate\" "
    if {[regexp -indices -- $ours $trace found]} {
        return [string range $trace 0 [lindex $found 0]-1]
    }
    return $trace
}

# The job of a line, at the global level. What it makes is the user's and stays.
proc ::deployer::shell::TclshEvaluate text {
    variable ::deployer::Owned
    try {
        return [uplevel #0 $text]
    } finally {
        set co [info coroutine]
        if {[info exists Owned($co)]} {
            foreach object $Owned($co) {
                Keep $object
            }
        }
    }
}

# Completion.

# What may stand at CURSOR of TEXT, a script.
proc ::deployer::shell::TclshComplete {text cursor} {
    set text [string range $text 0 $cursor-1]
    if {[regexp -indices {\$(\{?)((?:\w|:)*)$} $text whole brace name]} {
        return [TclshVariable [string range $text {*}$name] [lindex $name 0] \
            [expr {[lindex $brace 1] >= [lindex $brace 0] ? "\}" : ""}]]
    }
    lassign [TclshCommand $text] begin kind
    if {$kind eq "comment"} {
        return [Completion $cursor {}]
    }
    set words [Split [string range $text $begin end]]
    set value ""
    set start [expr {[string length $text] - $begin}]
    lassign [lindex $words end] last from to whole
    if {[llength $words] && (!$whole || $to >= $start)} {
        set words [lrange $words 0 end-1]
        set value $last
        set start $from
    }
    incr start $begin
    set raw [string range $text $start end]
    if {$kind eq "quote"} {
        # Inside of quotes names of files alone make sense.
        set at [expr {[string last "\"" $raw] + 1}]
        return [TclshFiles [string range $raw $at end] [expr {$start + $at}]]
    }
    if {![llength $words]} {
        return [Completion $start [TclshNames $value]]
    }
    set values [lmap word $words {lindex $word 0}]
    set found [TclshWords $values $value $start $raw]
    if {![llength [dict get $found words]] && $value ne ""} {
        return [TclshFiles $value $start]
    }
    return $found
}

# {BEGIN KIND} of the innermost command at the end of TEXT. KIND is quote in a
# word in quotes, comment in a comment, else "".
proc ::deployer::shell::TclshCommand text {
    set pattern {\A(?:\\(?:.|\n)|[ \t]+|[^\s\\"\[\]\{\};#]+|.|\n)}
    # Each is {KIND BEGIN}.
    set stack {{top 0}}
    set command 1
    set word 1
    set at 0
    set length [string length $text]
    while {$at < $length} {
        regexp -start $at -indices -- $pattern $text found
        set piece [string range $text $at [lindex $found 1]]
        set at [expr {[lindex $found 1] + 1}]
        set kind [lindex $stack end 0]
        if {$kind eq "quote" && $piece ni {"\"" "\["}} {
            continue
        }
        switch -- $piece {
            "\n" - ";" {
                lset stack end 1 $at
                set command 1
                set word 1
                continue
            }
            "\"" {
                if {$kind eq "quote"} {
                    set stack [lrange $stack 0 end-1]
                } elseif {$word} {
                    lappend stack [list quote $at]
                }
            }
            "\[" {
                lappend stack [list bracket $at]
                set command 1
                set word 1
                continue
            }
            "\{" {
                if {$word} {
                    lappend stack [list brace $at]
                    set command 1
                    continue
                }
            }
            "\]" - "\}" {
                set closes [expr {$piece eq "\]" ? "bracket" : "brace"}]
                if {$kind eq $closes} {
                    set stack [lrange $stack 0 end-1]
                }
            }
            "#" {
                if {$command} {
                    set end [string first \n $text $at]
                    if {$end < 0} {
                        return [list $at comment]
                    }
                    set at $end
                    continue
                }
            }
            default {
                if {[string trim $piece " \t"] eq ""} {
                    set word 1
                    continue
                }
            }
        }
        set command 0
        set word 0
    }
    lassign [lindex $stack end] kind begin
    if {$kind eq "quote"} {
        return [list [lindex $stack end-1 1] quote]
    }
    return [list $begin ""]
}

# Global variables, and those of namespaces that are named.
proc ::deployer::shell::TclshVariable {prefix start after} {
    set words {}
    foreach name [lsort [info vars ::[string trimleft [GlobOf $prefix] :]*]] {
        if {![string match ::* $prefix]} {
            set name [string range $name 2 end]
        }
        if {[array exists ::$name]} {
            lappend words [list $name array {} (]
        } else {
            lappend words [list $name [TclshShort ::$name] {} \
                [expr {$after eq "" ? "" : $after}]]
        }
    }
    return [Completion $start $words]
}

proc ::deployer::shell::TclshShort name {
    if {[catch {set $name} value]} {
        return ""
    }
    return [Shorten $value 60]
}

# Commands and namespaces whose names begin with PREFIX.
proc ::deployer::shell::TclshNames prefix {
    set absolute [string match ::* $prefix]
    set pattern ::[string trimleft [GlobOf $prefix] :]*
    set words {}
    foreach name [lsort [info commands $pattern]] {
        set shown [expr {$absolute ? $name : [string range $name 2 end]}]
        # What nobody calls is hidden, but not from those who ask for it.
        if {$shown ne "" && ($prefix ne "" || ![regexp {^(_|tcl|auto_)} $shown])} {
            lappend words [list [TclshQuote $shown] [TclshAbout $name] {} " "]
        }
    }
    set parent ::[namespace qualifiers [string trimleft $prefix :]]
    set tail [namespace tail $prefix]
    if {[namespace exists $parent]} {
        set tail [GlobOf $tail]
        foreach name [lsort [namespace children $parent $tail*]] {
            set shown [expr {$absolute ? $name : [string range $name 2 end]}]
            lappend words [list [TclshQuote $shown]:: namespace {} ""]
        }
    }
    return $words
}

# One line about a command.
proc ::deployer::shell::TclshAbout name {
    if {[info object isa object $name]} {
        if {[IsInstance $name]} {
            return "[InstancePath $name] of [info object class $name]"
        }
        return "a [info object class $name]"
    }
    if {[catch {info args $name} formals]} {
        return ""
    }
    return [join [lmap formal $formals {
        if {$formal eq "args"} {
            string cat "?arg ...?"
        } elseif {[info default $name $formal value]} {
            string cat ? $formal ?
        } else {
            string cat $formal
        }
    }]]
}

# VALUE as one word of a script.
proc ::deployer::shell::TclshQuote value {
    if {![regexp {[\s\\"$;\[\]\{\}]} $value]} {
        return $value
    }
    return [regsub -all {[\s\\"$;\[\]\{\}]} $value {\\&}]
}

proc ::deployer::shell::TclshFiles {value start} {
    return [Completion $start [lmap name [CompleteFiles $value] {
        list [TclshQuote $name] {} {} [expr {[string match */ $name] ? "" : " "}]
    }]]
}

# What may stand behind the words VALUES of a command and begins with VALUE.
proc ::deployer::shell::TclshWords {values value start raw} {
    variable TclshVariables
    variable ::deployer::InspectWords
    # A variable that holds the name of an object, as that of a container.
    if {[regexp {^\$\{?((?:\w|:)+)\}?$} [lindex $values 0] -> name]
            && ![catch {uplevel #0 [list set $name]} command]} {
        lset values 0 $command
    }
    set command [namespace which -command [lindex $values 0]]
    # The command that an alias stands for.
    set alias [TclshAlias $command]
    if {[llength $alias]} {
        set values [concat $alias [lrange $values 1 end]]
        set command [namespace which -command [lindex $values 0]]
    }
    set rest [lrange $values 1 end]
    if {$command eq ""} {
        return [Completion $start {}]
    }
    if {[IsInstance $command]} {
        return [TclshInstance $command $rest $value $start $raw]
    }
    if {[info object isa object $command]} {
        if {[llength $rest]} {
            return [Completion $start {}]
        }
        return [TclshList $start $value [info object methods $command -all]]
    }
    if {[namespace ensemble exists $command]} {
        return [TclshEnsemble $command $rest $value $start $raw]
    }
    if {[llength $rest]} {
        return [Completion $start {}]
    }
    if {$command eq "::deployer::inspect"} {
        return [TclshList $start $value [dict keys $InspectWords]]
    }
    if {[string trimleft $command :] in $TclshVariables} {
        return [TclshVariable $value $start " "]
    }
    return [Completion $start {}]
}

proc ::deployer::shell::TclshList {start value names {about {}}} {
    set names [lsearch -all -inline -glob [lsort -unique $names] \
        [GlobOf $value]*]
    return [Completion $start [lmap name $names {
        list [TclshQuote $name] $about {} " "
    }]]
}

# Services as words of a path; behind the first word stand methods too.
proc ::deployer::shell::TclshInstance {object rest value start raw} {
    if {[string first / $value] >= 0} {
        return [Completion $start {}]
    }
    set typed [dict create value $value start $start raw $raw]
    set found [CompletePath [PlaceAt $object] [AsWords $rest] $typed \
        [expr {[llength $rest] ? "action" : "member"}]]
    set place [Resolve [PlaceAt $object] [AsWords $rest]]
    if {[dict get $place what] eq "place" && ![string match :* $value]} {
        set class [dict get [SpotOf [dict get $place place]] class]
        set known [lmap word [dict get $found words] {lindex $word 0}]
        foreach name [lsort [info class methods $class -all]] {
            if {$name ni $known && [Member $class $name] eq ""
                    && ![string match <* $name]
                    && [string equal -length [string length $value] \
                        $value $name]} {
                dict lappend found words [list $name method 36 " "]
            }
        }
    }
    return $found
}

# The subcommands of an ensemble; one of them may be an ensemble as well.
proc ::deployer::shell::TclshEnsemble {command rest value start raw} {
    set config [namespace ensemble configure $command]
    set map [dict get $config -map]
    set names [dict get $config -subcommands]
    if {![llength $names]} {
        set names [dict keys $map]
    }
    if {![llength $names]} {
        set space [dict get $config -namespace]
        foreach pattern [namespace eval $space {::namespace export}] {
            lappend names {*}[lmap name [info commands ${space}::$pattern] {
                namespace tail $name
            }]
        }
    }
    if {![llength $rest]} {
        return [TclshList $start $value $names]
    }
    set word [lindex $rest 0]
    if {[dict exists $map $word]} {
        set target [dict get $map $word]
    } else {
        set target [list [dict get $config -namespace]::$word]
    }
    if {[namespace which -command [lindex $target 0]] eq $command} {
        return [Completion $start {}]
    }
    return [TclshWords [concat $target [lrange $rest 1 end]] $value $start $raw]
}

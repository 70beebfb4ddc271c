# shellbuiltins.tcl -- the words that the shell itself knows.
#
# Layer T3. Each is a procedure that gets the shell and the text behind its name.

namespace eval ::deployer::shell {
    variable Builtins {}        ;# name -> {doc complete proc usage}
}

# Builtin NAME -doc TEXT ?-usage TEXT? ?-complete CMDPREFIX|path|action|none? PROC
proc ::deployer::shell::Builtin {name args} {
    variable Builtins
    set about {doc {} complete none usage {}}
    foreach {option value} [lrange $args 0 end-1] {
        dict set about [string range $option 1 end] $value
    }
    dict set about proc [lindex $args end]
    dict set Builtins $name $about
}

apply {{} {
    set here ::deployer::shell
    foreach {name complete usage doc} {
        cd path "?PATH?"
            "go to a service: cd production web, cd production/web, .., /, -"
        ls path "?-l? ?PATH?"
            "services, actions and cells here; -l with what they say of themselves"
        find path "?PATH?" "all actions below"
        pwd none "" "where this is"
        clear none "" "clears the screen"
        exit none "" "leaves the subshell, or the shell (Ctrl-D)"
        return none "" "leaves a subshell"
        sandbox action "?PATH? ACTION ?ARG ...?"
            "checks what an action would do, and changes nothing"
        new none "" "another shell beside this one (with the server)"
        jobs none "" "what runs in the background"
        fg {} "?JOB?" "waits for a job; Ctrl-C ends it"
        kill {} "JOB" "ends a job"
        history {} "?list ?N??|show N|replay N ?SPEED?|resume N|lines ?N?"
            "what ran before; lines: what was typed before"
        set-option {} "NAME VALUE" "changes an option"
        show-options none "" "the options and what they do"
        help {} "?NAME?" "how this works; what NAME does"
        open_monitor none "" "shows what runs in a pane (with the server)"
        close-dead-panes none ""
            "closes panes of jobs that have ended (with the server)"
        --connect path "?PATH?" "a shell on a host"
        --inspect path "?PATH? ?NAME?" "what a service is made of"
        --source-code path "?PATH? ?NAME?" "its source"
        --run path "?PATH? ?-- COMMAND?" "a command on all hosts"
        --run-with-sudo path "?PATH? ?-- COMMAND?" "the same as root"
        --scp path "?PATH?" "moves files to and from a host"
        --version none "" "versions and names"
    } {
        set proc ${here}::Do[string totitle [string map {- {} _ {}} $name]]
        if {$complete eq ""} {
            set complete [list ${here}::CompleteWords $name]
        }
        ${here}::Builtin $name -doc $doc -usage $usage -complete $complete $proc
    }
}}

# The words of TEXT, which must be LEAST to MOST.
proc ::deployer::shell::BuiltinWords {name text least most} {
    variable Builtins
    if {![string is list $text]} {
        set text [split [string trim $text]]
    }
    set count [llength $text]
    if {$count < $least || $count > $most} {
        FailUsage [string trim "$name [dict get $Builtins $name usage]"]
    }
    return $text
}

# For completion of what is no path: {start N words {{WORD DESCRIPTION} ...}} is
# made of this list; TEXT is what stands behind the name.
proc ::deployer::shell::CompleteWords {name shell text} {
    variable Builtins
    variable Options
    upvar #0 $shell S
    set before [regexp -all {\S+\s} $text]
    switch -- $name {
        fg - kill {
            return [lmap number [expr {$before ? {} : [dict keys $S(jobs)]}] {
                list $number [dict get $S(jobs) $number text]
            }]
        }
        history {
            if {!$before} {
                return {
                    {list "what ran"} {lines "what was typed"}
                    {show "what one of these did"}
                    {replay "its outputs once more"}
                    {resume "goes on where it did not end well"}
                }
            }
        }
        set-option {
            if {!$before} {
                return [lmap {option about} $Options {
                    list $option [lindex $about 2]
                }]
            }
            set option [lindex [split $text] 0]
            if {$before == 1 && [dict exists $Options $option]} {
                return [lmap value [lindex [dict get $Options $option] 1] {
                    list $value {}
                }]
            }
        }
        help {
            if {!$before} {
                return [lmap {word about} $Builtins {
                    list $word [dict get $about doc]
                }]
            }
        }
    }
    return {}
}

# Navigation.

proc ::deployer::shell::DoCd {shell text} {
    # Without a path as in other shells: where one began.
    set place [PlaceOf $shell [expr {[string trim $text] eq "" ? "/" : $text}]]
    # What cannot be made is told now.
    PlaceTarget $place
    SetPlace $shell $place
}

proc ::deployer::shell::DoPwd {shell text} {
    BuiltinWords pwd $text 0 0
    set place [Place $shell]
    Print $shell "[Paint [GroupColor [PlaceGroup $place]] \
        [core::text show [PlacePath $place]]]\n"
}

proc ::deployer::shell::DoClear {shell text} {
    BuiltinWords clear $text 0 0
    if {[TerminalSmart] && [OnTerminal stdout]} {
        Print $shell \033\[H\033\[2J
    }
}

proc ::deployer::shell::DoExit {shell text} {
    upvar #0 $shell S
    BuiltinWords exit $text 0 0
    set S(leave) 1
}

proc ::deployer::shell::DoReturn {shell text} {
    upvar #0 $shell S
    BuiltinWords return $text 0 0
    if {[llength $S(levels)] < 2} {
        Fail {ARGUMENT return} "this is no subshell: \"exit\" leaves the shell"
    }
    set S(leave) 1
}

# Running.

proc ::deployer::shell::DoSandbox {shell text} {
    upvar #0 $shell S
    if {[string trim $text] eq ""} {
        FailUsage "sandbox ?PATH? ACTION ?ARG ...?"
    }
    set call [Understand $shell $text]
    dict set call arguments \
        [list [dict get $call name] {*}[dict get $call arguments]]
    dict set call name sandbox
    dict set call text "sandbox [dict get $call text]"
    if {[dict get $call background]} {
        JobStart $shell $call
        return
    }
    # It runs in the job of this line.
    set shown [ShownBegin]
    set context [ContextGet]
    ContextSet [dict merge $context [ShownContext $shell $shown]]
    try {
        set code [catch {Perform $call} result options]
        ContextSet $context
        if {$code} {
            return -options [dict incr options -level] $result
        }
        if {![IsInstance $result]} {
            Outcome $shell $call $shown 0 $result $options
        }
        Warn $shell "[Paint 33 "sandbox: nothing was changed"]\n"
    } finally {
        ShownEnd $shown
    }
}

proc ::deployer::shell::DoJobs {shell text} {
    upvar #0 $shell S
    BuiltinWords jobs $text 0 0
    set rows [lmap number [lsort -integer [dict keys $S(jobs)]] {
        set job [dict get $S(jobs) $number]
        list \[$number\] [JobState $shell $number] \
            [BarsTime [expr {([clock milliseconds] - [dict get $job start])
                / 1000.0}]] [dict get $job text]
    }]
    if {[llength $rows]} {
        Print $shell [string trimright [Table $shell $rows] \n]\n
    }
}

proc ::deployer::shell::DoFg {shell text} {
    upvar #0 $shell S
    set number [JobNumber $shell [lindex [BuiltinWords fg $text 0 1] 0]]
    Warn $shell "[Paint 36 "\[$number\]"]\
        [dict get $S(jobs) $number text]\n"
    set S(bring) $number
}

proc ::deployer::shell::DoKill {shell text} {
    foreach word [BuiltinWords kill $text 1 100] {
        JobKill $shell [JobNumber $shell $word]
    }
}

# Options.

proc ::deployer::shell::DoSetoption {shell text} {
    variable Options
    upvar #0 $shell S
    lassign [BuiltinWords set-option $text 2 2] name value
    if {![dict exists $Options $name]} {
        Fail [list ARGUMENT $name] "unknown option \"[Shorten $name 40]\": must\
            be [join [lsort [dict keys $Options]] {, }]"
    }
    set values [lindex [dict get $Options $name] 1]
    if {$value ni $values} {
        Fail [list ARGUMENT $value] "$name must be [join $values { or }], not\
            \"[Shorten $value 40]\""
    }
    dict set S(options) $name $value
}

proc ::deployer::shell::DoShowoptions {shell text} {
    variable Options
    upvar #0 $shell S
    BuiltinWords show-options $text 0 0
    set rows [lmap {name about} $Options {
        list $name [dict get $S(options) $name] [lindex $about 2]
    }]
    if {![FitsTable $rows [Columns $shell]]} {
        Print $shell [LongLines $shell [lmap row $rows {linsert $row 1 {}}]]
        return
    }
    Print $shell [string trimright [Table $shell $rows] \n]\n
}

# What comes later.

proc ::deployer::shell::NotYet name {
    Fail [list ARGUMENT $name] "$name comes with the server, which is not there\
        in this version"
}

proc ::deployer::shell::DoNew {shell text} {
    NotYet new
}

proc ::deployer::shell::DoOpenmonitor {shell text} {
    NotYet open_monitor
}

proc ::deployer::shell::DoClosedeadpanes {shell text} {
    NotYet close-dead-panes
}

# Hosts.

# A shell on a host.
proc ::deployer::shell::DoConnect {shell text} {
    upvar #0 $shell S
    set target [PlaceTarget [PlaceOf $shell $text]]
    set host [PickHost $target "Connect to which host?"]
    $host shell
}

# A host of TARGET: that of a cell, the only one, or the one that a human picks.
proc ::deployer::shell::PickHost {target question} {
    set ns [info object namespace $target]
    set view [ViewOf $ns]
    if {[IsolatedBy $ns] ne ""} {
        return [CellHost [IsolatedBy $ns]]
    }
    set set [HostsSet $view]
    set slugs [core::hostset slugs $set]
    if {[llength $slugs] == 1} {
        return [core::hostset host $set 0]
    }
    return [ConsoleSelectHost $ns $question]
}

proc ::deployer::shell::DoRun {shell text} {
    RunCommand $shell --run run $text
}

proc ::deployer::shell::DoRunwithsudo {shell text} {
    RunCommand $shell --run-with-sudo sudo $text
}

# Asks for a command where none is given, and runs it on all hosts of a place.
proc ::deployer::shell::RunCommand {shell name verb text} {
    upvar #0 $shell S
    set line ""
    if {[regexp {^(.*?)(?:^|\s)--\s(.*)$} $text -> text line]} {
        set line [string trim $line]
    }
    set place [PlaceOf $shell [string trim $text]]
    set target [PlaceTarget $place]
    set ns [info object namespace $target]
    set cell [IsolatedBy $ns]
    if {$cell ne ""} {
        # Its one host.
        set host [CellHost $cell]
        set words [list [ViewOf $cell] at $host $verb]
        set slugs [list [SlugOf $host]]
    } else {
        set words [list [ViewOf $ns] $verb]
        set slugs [core::hostset slugs [HostsSet [ViewOf $ns]]]
    }
    if {![llength $slugs]} {
        Fail {HOSTS COUNT 0} "[PlacePath $place] has no hosts"
    }
    if {$line eq ""} {
        Warn $shell "[expr {$verb eq "sudo" ? "As root on" : "On"}]\
            [core::text show [nodeset fold $slugs]]\n"
        set line [ConsoleInput $ns "Command:"]
    }
    set shown [ShownBegin]
    set call [dict create target $target name $name arguments [list $line] \
        path [PlacePath $place] text "$name $text -- $line" quiet 0 \
        background 0]
    set context [RunContext $shell $ns [ShownContext $shell $shown]]
    set before [ContextGet]
    ContextSet $context
    try {
        set code [catch {HostsDo {*}$words $line} result options]
        ContextSet $before
        RunContextEnd $context
        if {$code} {
            if {[dict exists $options -results]} {
                Result $shell $call [dict get $options -results] $shown
            }
            return -options [dict incr options -level] $result
        }
        Result $shell $call $result $shown
    } finally {
        ShownEnd $shown
    }
}

# What Launch gives an action of the instance of namespace NS, for code that is
# none.
proc ::deployer::shell::RunContext {shell ns context} {
    set options [set [set ${ns}::Root]::Options]
    if {[dict get $options terminal] eq "own"} {
        dict set context -terminal own
    }
    if {[dict get $options interactive]} {
        dict set context -bars 1
        set context [DecideEnter $context $ns]
    }
    if {[dict get $options sandbox]} {
        set context [SandboxEnter $context check \
            [list ::deployer::SandboxReport [set ${ns}::Root]]]
    }
    return $context
}

proc ::deployer::shell::RunContextEnd context {
    if {[dict exists $context -sandbox]} {
        SandboxLeave $context
    }
    if {[dict exists $context -decide]} {
        DecideLeave $context
    }
}

proc ::deployer::shell::DoScp {shell text} {
    upvar #0 $shell S
    Scp $shell [PlaceOf $shell $text] $S(silent)
}

# Looking.

# {PLACE NAME}: a place, and the name of a member of it or "".
proc ::deployer::shell::PlaceAndName {shell text} {
    if {[string trim $text] eq ""} {
        return [list [Place $shell] ""]
    }
    set words [Split $text]
    set found [Resolve [Place $shell] $words]
    if {[dict get $found what] eq "action"} {
        return [list [dict get $found place] [dict get $found action]]
    }
    return [list [PlaceOf $shell $text] ""]
}

proc ::deployer::shell::DoInspect {shell text} {
    lassign [PlaceAndName $shell $text] place name
    tailcall Inspect $shell $place {*}[expr {$name eq "" ? {} : [list $name]}]
}

proc ::deployer::shell::DoSourcecode {shell text} {
    lassign [PlaceAndName $shell $text] place name
    tailcall SourceCode $shell $place \
        {*}[expr {$name eq "" ? {} : [list $name]}]
}

proc ::deployer::shell::DoVersion {shell text} {
    upvar #0 $shell S
    BuiltinWords --version $text 0 0
    Print $shell "deployer [package present deployer], Tcl\
        [info patchlevel]\n[info hostname]\n[string trimleft \
        [info object class $S(root)] :]\n"
}

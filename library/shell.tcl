# shell.tcl -- the interactive shell: a tree of services at a prompt.
#
# Layer T3. The package deployer::shell. A shell is known by the name of an array:
#
#   root      the instance that all is below; made: whether the shell made it
#   asks      whether somebody sits at a terminal, which is the root's
#   levels    where the shell, and each subshell in it, is: {PLACE OBJECT} ...,
#             OBJECT being what the subshell is about
#   reader    what reads lines
#   running   what runs in the foreground, as RunFront has it; "" at the prompt
#   jobs      number -> what runs in the background, as JobStart has it
#   options   those of set-option
#   status    0, or 1 where the last line failed
#   over      "" or why it ends: exit, hangup
#   bring     number of the job that is to come to the foreground, or ""
#   leave     1: the (sub)shell is to be left
#   asking    a waiter that ends the question about what is still ending, or ""
#   hurry     1: what ends at the end is no longer waited for
#   signals   what they called before; faults: the handler of background errors
#   loop      the waiter of the loop; patience: a timer after a hangup
#   silent    1: without a terminal there are no prompts
#   told      whether Ctrl-C was answered while what ran last was running
#
# A PLACE is {root OBJECT steps {production web :web1}}. The loop, and each line
# that it runs, is a job of await.tcl.

package require deployer

namespace eval ::deployer::shell {
    namespace path ::deployer

    variable Count 0
    # Shells that run, the last one being what the keyboard talks to.
    variable Shells {}
    # name -> {value values doc}
    variable Options {
        error-trace {off {off on}
            "show where in the script an error happened"}
        keep-panes-open {off {off on}
            "panes of jobs stay when those have ended (with the server)"}
        page {on {off on}
            "show what is longer than the screen in a pager"}
    }

    variable Dir [file dirname [file normalize [info script]]]
    foreach name {
        shellwords shellcomplete shellinspect shellsource shellrun
        shelljobs shellresult shellbuiltins shelllook shellhistory shelltclsh
        shellscp shellpaint
    } {
        source -encoding utf-8 [file join $Dir $name.tcl]
    }
    unset name
}
namespace eval ::deployer {
    namespace ensemble create -command ::deployer::shell \
        -map {start ::deployer::shell::Start}
}

# deployer::shell start CLASS ?options?: runs a shell on the tree of CLASS, a
# service or an instance, and returns when it is left. Options are those of an
# instance, and -path PATH, where to begin, and -history FILE. With a terminal
# -terminal is own and -interactive 1. Returns the exit status of the last line.
proc ::deployer::shell::Start {class args} {
    variable Count
    set own {}
    set given {}
    foreach {name value} $args {
        if {$name in {-path -history}} {
            dict set own $name $value
        } else {
            lappend given $name $value
        }
    }
    if {[llength $args] % 2} {
        Fail [list OPTION [lindex $args end]] \
            "value for \"[Shorten [lindex $args end] 40]\" missing"
    }
    set asks [expr {[OnTerminal stdin]
        && [dict get [core::terminal info] state] ne "none"}]
    set found [uplevel 1 [list ::namespace which -command $class]]
    set made 0
    if {[IsInstance $found]} {
        if {[llength $given]} {
            Fail [list OPTION [lindex $given 0]] "options of an instance\
                belong where it is made: $class is there already"
        }
        set root $found
    } elseif {[IsService $found]} {
        if {$asks} {
            set given [list -terminal own -interactive 1 {*}$given]
        } elseif {[dict exists $given -interactive]
                && [string is false -strict [dict get $given -interactive]]} {
            # Said in so many words: nobody waits for prompts.
            dict set own -silent 1
        }
        set root [uplevel 1 [list $found new {*}$given]]
        set made 1
    } else {
        Fail [list ARGUMENT $class] "\"[Shorten $class 40]\" is neither a\
            service nor an instance of one"
    }
    set shell [namespace current]::S[incr Count]
    try {
        Open $shell $root $asks $own
        upvar #0 $shell S
        set S(made) $made
        set S(loop) [Job [list [namespace current]::Loop $shell] {}]
        Await $S(loop)
        return $S(status)
    } finally {
        Close $shell
        if {$made && [info object isa object $root]} {
            $root destroy
        }
    }
}

# Makes SHELL on the instance ROOT.
proc ::deployer::shell::Open {shell root asks given} {
    variable Options
    variable Shells
    upvar #0 $shell S
    array set S [list root $root made 0 asks $asks reader {} running {} \
        jobs {} status 0 over {} bring {} leave 0 asking {} \
        hurry 0 signals {} faults {} loop {} patience {} abandoned 0 stuck {} \
        silent [dict exists $given -silent] told 0]
    set S(options) [dict map {name about} $Options {lindex $about 0}]
    set place [dict create root $root steps {}]
    set S(levels) [list [list $place {}]]
    if {[dict exists $given -path]} {
        SetPlace $shell [dict remove \
            [PlaceOf $shell [dict get $given -path]] previous]
    }
    set file [expr {[dict exists $given -history]
        ? [dict get $given -history] : [HistoryFile $root $asks]}]
    set words {}
    if {$file ne ""} {
        lappend words -history $file
    }
    set given [dict merge [dict create \
        -complete [list [namespace current]::Complete $shell] \
        -more [list [namespace current]::IsOpen] \
        -paint [list [namespace current]::Spans $shell]] $given]
    if {[dict exists $given -prompt2]} {
        lappend words -prompt2 [dict get $given -prompt2]
    }
    set S(reader) [::deployer::Reader new {*}$words \
        -complete [dict get $given -complete] -more [dict get $given -more] \
        -paint [dict get $given -paint] -silent $S(silent)]
    lappend Shells $shell
    SignalsOn $shell
}

# The twin; what still runs has been ended by Loop.
proc ::deployer::shell::Close shell {
    variable Shells
    upvar #0 $shell S
    if {[array exists S]} {
        if {$shell in $Shells} {
            # Background errors are told when there is nothing else to do.
            update idletasks
            SignalsOff $shell
            set Shells [lsearch -all -inline -exact -not $Shells $shell]
        }
        if {$S(reader) ne ""} {
            $S(reader) destroy
        }
        dict for {number job} $S(jobs) {
            AsideEnd [dict get $job aside]
        }
        after cancel $S(patience)
        after cancel $S(stuck)
        unset S
    }
}

# Lines are kept for each project: that is the file of the root's class.
proc ::deployer::shell::HistoryFile {root asks} {
    if {!$asks} {
        return ""
    }
    set class [info object class $root]
    set file [lindex [inspect place $class] 0]
    set name [string trim $class :]
    if {$file ne ""} {
        set name [file rootname [file tail $file]]-$name
        append name -[format %08x [zlib crc32 \
            [encoding convertto utf-8 [file normalize $file]]]]
    }
    regsub -all {[^A-Za-z0-9._-]+} $name - name
    if {[catch {
        set directory [file join [logger::StateDirectory] lines]
        file mkdir $directory
        file attributes $directory -permissions 0700
    }]} {
        # Whoever has no place for it has no history.
        return ""
    }
    return [file join $directory [string range $name end-99 end]]
}

# What stands in TEXT, of which several lines may have come at once: what would
# be typed one after the other.
proc ::deployer::shell::LinesOf text {
    set lines {}
    set open ""
    foreach line [split $text \n] {
        append open $line
        if {[IsOpenLine $open]} {
            append open \n
        } else {
            lappend lines $open
            set open ""
        }
    }
    if {$open ne ""} {
        lappend lines [string range $open 0 end-1]
    }
    return $lines
}

# Whether more lines belong to the last one of TEXT.
proc ::deployer::shell::IsOpen text {
    return [IsOpenLine [lindex [LinesOf $text] end]]
}

# Whether a brace or a quote is open, or a backslash ends it.
proc ::deployer::shell::IsOpenLine text {
    set words [Split $text]
    return [expr {[llength $words] && [lindex $words 0 0] ne "#"
        && ![lindex $words end 3]}]
}

# The loop.

proc ::deployer::shell::Loop shell {
    upvar #0 $shell S
    Greet $shell
    while {$S(over) eq ""} {
        if {![info object isa object $S(root)]} {
            Warn $shell "the tree was destroyed: nothing is left to be done\n"
            set S(status) 1
            return
        }
        if {[catch {$S(reader) read [Prompt $shell]} read options]} {
            if {$S(over) eq ""} {
                # Not by HungUp: something is wrong with the terminal.
                Failed $shell $read $options
            }
            set S(over) hangup
            break
        }
        lassign $read what text
        switch -- $what {
            line {
                Line $shell $text
                if {$S(over) eq "exit"} {
                    PromptEnd $S(silent)
                }
            }
            eof {
                PromptEnd $S(silent)
                AtEnd $shell
            }
        }
    }
    JobsEnd $shell
    if {$S(over) eq "hangup"} {
        set S(status) 129
    }
    while {[llength $S(levels)] > 1} {
        Leave $shell
    }
    LoopOver $shell
}

proc ::deployer::shell::Greet shell {
    upvar #0 $shell S
    if {!$S(asks)} {
        return
    }
    # Without keys Tab is seen at Enter alone.
    set text "[deployer::inspect name $S(root)]: [expr {[TerminalSmart]
        ? "Tab shows" : "\"ls\", or Tab and Enter, show"}] what there is,\
        \"help\" tells more, Ctrl-D leaves."
    set text [join [Wrap $text [expr {[dict get [core::terminal info] cols]
        - 1}]] \n]\n
    if {[IsSandboxed $shell]} {
        append text [Paint 33 "Sandbox: nothing will be changed."] \n
    }
    Warn $shell $text
}

# The end of the input, or Ctrl-D at the prompt: leaves a subshell, or the shell.
proc ::deployer::shell::AtEnd shell {
    upvar #0 $shell S
    if {$S(asks) && [dict get [core::terminal info] state] ne "none"} {
        Warn $shell \n
    }
    if {[llength $S(levels)] == 1 && !$S(asks)} {
        # Whoever wrote these lines waits for all of them.
        while {[llength [set live [JobsLive $shell]]]} {
            FrontJob $shell [lindex $live 0]
        }
    }
    Exit $shell
}

# Leaves the subshell, or the shell where nothing speaks against that.
proc ::deployer::shell::Exit shell {
    upvar #0 $shell S
    if {[llength $S(levels)] > 1} {
        Leave $shell
    } elseif {[MayLeave $shell]} {
        set S(over) exit
    }
}

# The prompt that no line follows, where nobody's key ends it: what is printed next
# is somebody else's. SILENT: there is none.
proc ::deployer::shell::PromptEnd {{silent 0}} {
    if {![OnTerminal stdin] && !$silent} {
        # Who reads it may be gone.
        catch {
            puts stdout ""
            flush stdout
        }
    }
}

# Whether nothing runs in the background, or that may be ended.
proc ::deployer::shell::MayLeave shell {
    upvar #0 $shell S
    set count [llength [JobsLive $shell]]
    if {!$count || ![HasTerminal]} {
        return 1
    }
    set question "$count job[expr {$count == 1 ? " runs" : "s run"}] in the\
        background: end [expr {$count == 1 ? "it" : "them"}] and leave?"
    lassign [RunFront $shell [list ::deployer::ConsoleConfirm \
        [info object namespace $S(root)] -default 0 $question]] code answer
    # No answer is one, where the terminal has gone.
    return [expr {$code ? ![HasTerminal] : $answer}]
}

# The prompt.

# SGR of a group, "" for none.
proc ::deployer::shell::GroupColor group {
    switch -- $group {
        production {
            return 31
        }
        staging {
            return 33
        }
        beta - local {
            return 32
        }
        utility {
            return 35
        }
    }
    return ""
}

# Whether what is shown may have colours.
proc ::deployer::shell::HasColors {} {
    return [expr {[TerminalColors] && [OnTerminal stdout]}]
}

# TEXT in a colour, where there are any.
proc ::deployer::shell::Paint {sgr text} {
    if {$sgr eq "" || $text eq "" || ![HasColors]} {
        return $text
    }
    return "\033\[${sgr}m$text\033\[m"
}

proc ::deployer::shell::Prompt shell {
    upvar #0 $shell S
    set place [Place $shell]
    if {[catch {PlacePath $place} path]} {
        set path ?
    }
    set path [core::text show $path]
    if {!$S(asks) || ![TerminalSmart]} {
        return "$path> "
    }
    set before ""
    if {[IsSandboxed $shell]} {
        set before "sandbox "
    }
    set behind ""
    if {[dict size $S(jobs)]} {
        set behind " \[[dict size $S(jobs)]&\]"
    }
    set room [expr {max(8, [dict get [core::terminal info] cols] / 2
        - [string length "$before$behind> "])}]
    set path [CutLeft $path $room]
    if {[catch {PlaceGroup $place} group]} {
        set group ""
    }
    set color [GroupColor $group]
    return "[Paint 33 $before][Paint [expr {$color eq "" ? 1 : "1;$color"}] \
        $path][Paint 36 $behind]> "
}

# The end of TEXT, which is shown in so many columns.
proc ::deployer::shell::CutLeft {text columns} {
    if {[core::text width $text] <= $columns} {
        return $text
    }
    set ellipsis [TerminalEllipsis]
    set room [expr {$columns - [core::text width $ellipsis]}]
    while {[core::text width $text] > $room} {
        set text [string range $text 1 end]
    }
    return $ellipsis$text
}

proc ::deployer::shell::IsSandboxed shell {
    upvar #0 $shell S
    return [dict get [set [set [info object namespace $S(root)]::Root]::Options] \
        sandbox]
}

# Places.

proc ::deployer::shell::Place shell {
    upvar #0 $shell S
    return [lindex $S(levels) end 0]
}

proc ::deployer::shell::SetPlace {shell place} {
    upvar #0 $shell S
    lset S(levels) end 0 $place
}

# The place that the words of TEXT lead to from here; "": here.
proc ::deployer::shell::PlaceOf {shell text} {
    set words [Split $text]
    if {![llength $words]} {
        return [Place $shell]
    }
    set found [Resolve [Place $shell] $words]
    if {[dict get $found what] ne "place"} {
        if {[dict get $found what] eq "action"} {
            set name [dict get $found action]
            Fail [list ARGUMENT $name] "\"[Shorten $name 40]\" is an action of\
                [PlacePath [dict get $found place]], and no service"
        }
        FailUnknown $found
    }
    return [dict get $found place]
}

# Raises what FOUND, which Resolve gave, lacks.
proc ::deployer::shell::FailUnknown found {
    return -code error -errorcode [dict get $found code] \
        [dict get $found message]
}

# A subshell on OBJECT, an instance.
proc ::deployer::shell::Enter {shell object} {
    upvar #0 $shell S
    set place [dict create root $object steps {}]
    lappend S(levels) [list $place $object]
    if {$S(asks)} {
        Warn $shell "[Paint 2 "A subshell on [PlacePath $place]: \"return\" or\
            Ctrl-D leaves it."]\n"
    }
}

# The twin. What an action made for it goes with it.
proc ::deployer::shell::Leave shell {
    upvar #0 $shell S
    set object [lindex $S(levels) end 1]
    set S(levels) [lrange $S(levels) 0 end-1]
    if {[info object isa object $object]
            && [info exists ::deployer::Owned([info coroutine])]
            && $object in $::deployer::Owned([info coroutine])} {
        Keep $object
        $object destroy
    }
}

# console.tcl -- `my console`: questions of an action to a human.
#
# Layer T2. What it shows is in show.tcl, what is chosen from a list in pick.tcl.
# Where the instance is not interactive, or nobody sits at a terminal,
# a question takes its default or fails with {DEPLOYER INPUT question}. The end
# of the input is {DEPLOYER ABORT path}.

namespace eval ::deployer {
    # word -> procedure
    variable ConsoleWords {}
    foreach word {
        input password confirm choice progress table columns page warn
    } {
        dict set ConsoleWords $word Console[string totitle $word]
    }
    dict set ConsoleWords select_host ConsoleSelectHost
    dict set ConsoleWords select_service ConsoleSelectService
    unset word
}

# Evaluates `console WORD ARGS` for the instance of namespace NS.
proc ::deployer::Console {ns arguments} {
    variable ConsoleWords
    set arguments [lassign $arguments word]
    if {![dict exists $ConsoleWords $word]} {
        Fail [list ARGUMENT $word] "unknown word \"[Shorten $word 40]\": must be\
            [join [dict keys $ConsoleWords] {, }]"
    }
    tailcall [dict get $ConsoleWords $word] $ns {*}$arguments
}

# input ?-default TEXT? ?-answers LIST? QUESTION: a line of text.
proc ::deployer::ConsoleInput {ns args} {
    set options [ConsoleOptions {-default text -answers list} input args \
        QUESTION]
    lassign $args question
    tailcall ConsoleAsk $ns $question $options ConsoleInputCheck 0
}

proc ::deployer::ConsoleInputCheck {options text} {
    if {![dict exists $options answers]
            || $text in [dict get $options answers]} {
        return [list $text]
    }
    return [list {} "Please answer one of\
        [join [dict get $options answers] {, }]."]
}

# password QUESTION: a line that is not shown. It has no default.
proc ::deployer::ConsolePassword {ns args} {
    ConsoleOptions {} password args QUESTION
    lassign $args question
    return [JournalHide [ConsoleAsk $ns $question {} ConsoleInputCheck 1]]
}

# confirm ?-default BOOL? QUESTION: 1 for yes, 0 for no.
proc ::deployer::ConsoleConfirm {ns args} {
    set options [ConsoleOptions {-default bool} confirm args QUESTION]
    lassign $args question
    if {[dict exists $options default]} {
        dict set options shown \
            [expr {[dict get $options default] ? "yes" : "no"}]
    }
    tailcall ConsoleAsk $ns $question $options ConsoleConfirmCheck 0
}

proc ::deployer::ConsoleConfirmCheck {options text} {
    switch -- [string tolower $text] {
        1 - y - yes {
            return 1
        }
        0 - n - no {
            return 0
        }
    }
    return {{} "Please answer yes or no."}
}

# choice ?-default ITEM? QUESTION ITEMS: one of a list, told by its number or by
# itself.
proc ::deployer::ConsoleChoice {ns args} {
    set options [ConsoleOptions {-default text} choice args QUESTION ITEMS]
    lassign $args question items
    if {![string is list $items] || ![llength $items]} {
        Fail [list ARGUMENT items] "console choice needs a list of items to\
            choose from, not \"[Shorten $items 40]\""
    }
    if {[dict exists $options default]
            && [dict get $options default] ni $items} {
        Fail {OPTION -default} "console choice: the default\
            \"[Shorten [dict get $options default] 40]\" is none of the items"
    }
    if {[ConsoleIsOpen $ns]
            && [llength $items] > [dict get [core::terminal info] rows] - 4} {
        # They would not be seen all at once.
        set default ""
        if {[dict exists $options default]} {
            set default [lsearch -exact $items [dict get $options default]]
        }
        return [lindex $items [PickOne $ns $question $items $default]]
    }
    dict set options items $items
    tailcall ConsoleAsk $ns $question $options ConsoleChoiceCheck 0
}

proc ::deployer::ConsoleChoiceCheck {options text} {
    set items [dict get $options items]
    if {$text in $items} {
        return [list $text]
    }
    if {[regexp {^\d+$} $text] && [scan $text %d number] == 1
            && $number < [llength $items]} {
        return [list [lindex $items $number]]
    }
    return {{} "Please give the number of a line, or what stands behind it."}
}

# warn TEXT: to the terminal where there is one, and to the loggers.
proc ::deployer::ConsoleWarn {ns args} {
    ConsoleOptions {} warn args TEXT
    lassign $args text
    if {[ConsoleIsOpen $ns]} {
        set shown [core::text show -lines $text]
        TerminalPrint [expr {[TerminalColors]
            ? "\033\[33mWarning:\033\[m $shown\n" : "Warning: $shown\n"}]
        TerminalDrain
    }
    Report $ns "warning: $text"
    return
}

# Takes the options of SPEC (as TakeOptions) from the variable; as many words as
# NAMES must be left.
proc ::deployer::ConsoleOptions {spec word argsVar args} {
    upvar 1 $argsVar words
    set options [TakeOptions $spec words]
    if {[llength $words] != [llength $args]} {
        set usage [list my console $word]
        foreach name [dict keys $spec] {
            lappend usage "?$name VALUE?"
        }
        WrongArgs [join [concat $usage $args]]
    }
    return $options
}

# Whether somebody can be asked. A fork in a sandbox asks nothing, nor does what
# runs hidden.
proc ::deployer::ConsoleIsOpen ns {
    set context [ContextGet]
    if {[SandboxMode] ne "" && [dict exists $context -fork]
            || [dict exists $context -hidden]} {
        return 0
    }
    set options [set [set ${ns}::Root]::Options]
    return [expr {[dict get $options interactive]
        && [dict get $options terminal] ne "none" && [HasTerminal]}]
}

# Asks until {*}CHECK OPTIONS TEXT gives a value, the list {VALUE}, and not the
# list {{} WHY}. OPTIONS may hold default, what an empty line means, shown, what it
# is called then, and items.
proc ::deployer::ConsoleAsk {ns question options check secret} {
    set has [dict exists $options default]
    if {![ConsoleIsOpen $ns]} {
        if {$has} {
            return [dict get $options default]
        }
        ConsoleNobody $question
    }
    JobMay [list ask $question]
    set text ""
    if {[dict exists $options items]} {
        set line -1
        foreach item [dict get $options items] {
            append text [format "%4d  %s\n" [incr line] \
                [core::text show $item]]
        }
    }
    set ask [core::text show -lines $question]
    if {$has} {
        set shown [dict get $options [expr {[dict exists $options shown]
            ? "shown" : "default"}]]
        append ask " \[[core::text show $shown]\]"
    }
    append ask " "
    append text $ask
    while 1 {
        lassign [AskLine $text $secret] ended answer
        if {$ended} {
            ConsoleAbort $ns $question $ended
        }
        set answer [expr {$secret ? $answer : [string trim $answer]}]
        if {$answer eq "" && $has} {
            return [dict get $options default]
        }
        if {$answer eq ""} {
            continue
        }
        set checked [$check $options $answer]
        if {[llength $checked] == 1} {
            return [lindex $checked 0]
        }
        set text [core::text show [lindex $checked 1]]\n$ask
    }
}

proc ::deployer::ConsoleNobody question {
    Fail [list INPUT $question] "\"$question\" has no default, and nobody can be\
        asked: the instance is not interactive, or there is no terminal"
}

# The human does not answer. ENDED as of AskTyped. Of Ctrl-C there is the option
# -interrupted, as what it ends elsewhere has a status of its own.
proc ::deployer::ConsoleAbort {ns question ended} {
    if {$ended == 2} {
        Fail [list ABORT [PathOf $ns]] \
            "\"$question\" was not answered: it was interrupted" -interrupted 1
    }
    Fail [list ABORT [PathOf $ns]] \
        "\"$question\" was not answered: the input has ended"
}

# Shows TEXT on the terminal and reads one line, SECRET ones without echo:
# {ended line}.
proc ::deployer::AskLine {text secret} {
    set terminal [AskOpen]
    try {
        return [AskTyped $terminal $text $secret]
    } finally {
        AskClose $terminal
    }
}

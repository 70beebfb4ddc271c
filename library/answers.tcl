# answers.tcl -- the pairs of -answers: patterns, texts and their options.
#
# Layer T1. core::match compiles them; a dialogue itself runs in C.

namespace eval ::deployer {
    # How often a pair answers before a program is taken to ask for ever.
    variable AnswerLimit 100
}

# The compiled form of ANSWERS, "" where there is no pair. A pair is
#     ?-once|-always? ?-limit N? ?-timeout SEC? ?-secret? ?-re|-ex? PATTERN TEXT
# with -re, -ex or -- last, behind which any word is the pattern. Messages name
# the number of a pair and never a word: where one is missing it may be a text.
proc ::deployer::ParseAnswers answers {
    variable AnswerLimit
    if {![string is list $answers]} {
        Fail {OPTION -answers} \
            "-answers must be a list of patterns and texts"
    }
    set pairs {}
    while {[llength $answers]} {
        set pair [dict create kind re once 0 limit $AnswerLimit timeout 0]
        set number [expr {[llength $pairs] + 1}]
        set answers [AnswerOptions $answers $number pair]
        if {[llength $answers] < 2} {
            Fail {OPTION -answers} "-answers must be a list of patterns and\
                texts: pair $number has no text"
        }
        set answers [lassign $answers pattern text]
        lappend pairs [list [dict get $pair kind] $pattern $text \
            [dict get $pair once] [dict get $pair limit] \
            [dict get $pair timeout]]
    }
    if {$pairs eq ""} {
        return ""
    }
    return [core::match compile $pairs]
}

# Takes the options of a pair from the front of ANSWERS and sets them in the
# dict of PAIRVAR; returns what is left.
proc ::deployer::AnswerOptions {answers number pairVar} {
    upvar 1 $pairVar pair
    while {[string index [lindex $answers 0] 0] eq "-"} {
        set answers [lassign $answers option]
        switch -- $option {
            -re - -ex {
                dict set pair kind [string range $option 1 end]
                break
            }
            -- {
                break
            }
            -once {
                dict set pair once 1
            }
            -always {
                dict set pair once 0
            }
            -secret {
                # No text is ever shown.
            }
            -limit - -timeout {
                if {![llength $answers]} {
                    Fail {OPTION -answers} \
                        "-answers: $option of pair $number has no value"
                }
                set answers [lassign $answers value]
                dict set pair [string range $option 1 end] \
                    [AnswerNumber $option $value $number]
            }
            default {
                Fail {OPTION -answers} "-answers: pair $number begins with an\
                    unknown option: it must be -re, -ex, -once, -always,\
                    -limit, -timeout, -secret or --; a pattern that begins\
                    with \"-\" needs -re, -ex or -- before it"
            }
        }
    }
    return $answers
}

proc ::deployer::AnswerNumber {option value number} {
    if {$option eq "-limit"} {
        if {[string is integer -strict $value] && $value >= 1} {
            return [expr {$value + 0}]
        }
        set must "a number of 1 or more"
    } else {
        if {[string is double -strict $value] && $value > 0
                && $value < 1e9} {
            return $value
        }
        set must "a number of seconds above 0"
    }
    Fail {OPTION -answers} "-answers: $option of pair $number must be $must"
}

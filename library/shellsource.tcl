# shellsource.tcl -- the shell shows the source of a service, in colours.
#
# Layer T3.

namespace eval ::deployer::shell {
    # Parts of a source, as SourcePaint tells them, and their colours.
    variable SourceColors {comment 2 string 32 variable 36 definer 35 word 1}
    variable SourceDefiners {
        action describe getter group hosts isolate loggers map mixin
        property query roles service superclass filter method forward
        deployer::service deployer::define
    }
    variable SourceWords {
        append apply array break catch chan close concat continue coroutine
        dict else elseif error eval exec expr finally for foreach format
        if incr info join lappend lassign lindex linsert list llength lmap
        lrange lreplace lreverse lsearch lset lsort my namespace next on
        open proc puts read regexp regsub rename return scan self set split
        string subst switch tailcall throw trap try unset uplevel upvar
        variable vwait while yield
    }
}

# --source-code: the definition of what stands at PLACE, or of its member NAME,
# by one of the classes that it is made of.
proc ::deployer::shell::SourceCode {shell place {name {}}} {
    Page $shell [SourceShown $shell $place $name]
}

proc ::deployer::shell::SourceShown {shell place name} {
    upvar #0 $shell S
    set spot [SpotOf $place]
    set sources [SourcesOf [dict get $spot class] $name]
    if {![llength $sources]} {
        Fail [list ARGUMENT $name] "there is no \"[Shorten $name 40]\" in\
            [PlacePath $place]"
    }
    set index 0
    if {[llength $sources] > 1} {
        set items [lmap source $sources {lindex $source 0}]
        set what [PlacePath $place]
        if {$name ne ""} {
            set what "[string trimright $what /]/$name"
        }
        set chosen [ConsoleChoice [info object namespace $S(root)] \
            -default [lindex $items 0] "Which source of $what?" $items]
        set index [lsearch -exact $items $chosen]
    }
    lassign [lindex $sources $index] title text
    return "[Paint 2 "# [core::text show $title]"]\n[SourcePaint \
        [core::text show -lines $text]]"
}

# {TITLE TEXT} of each class of which CLASS is made, or which defines NAME.
proc ::deployer::shell::SourcesOf {class name} {
    set sources {}
    foreach owner [InspectClasses [list $class ""]] {
        if {![IsService $owner]} {
            if {$name eq "" || $name in [info class methods $owner -private]} {
                lappend sources [list $owner [SourceOfPlain $owner $name]]
            }
            continue
        }
        set facts [InspectFacts [list $owner ""]]
        if {$name eq ""} {
            lappend sources [list \
                [InspectPlaced $owner {*}[lrange [dict get $facts place] 0 1]] \
                [join [lmap command [dict get $facts source] {
                    Dedent $command
                }] \n]]
        } elseif {[dict exists $facts members $name]} {
            set entry [dict get $facts members $name]
            lappend sources [list \
                [InspectPlaced $owner {*}[lrange [dict get $entry place] 0 1]] \
                [Dedent [dict get $entry source]]]
        }
    }
    return $sources
}

# That of a class of which only TclOO knows.
proc ::deployer::shell::SourceOfPlain {class name} {
    set lines {}
    foreach method [lsort [info class methods $class -private]] {
        if {$name ni [list "" $method]
                || [info class methodtype $class $method] ne "method"} {
            continue
        }
        lassign [info class definition $class $method] formals body
        lappend lines [Dedent [list method $method $formals $body]]
    }
    if {$name ne ""} {
        return [join $lines \n]
    }
    return "oo::class create $class {\n[join [lmap line \
        [split [join $lines \n\n] \n] {
            expr {$line eq "" ? "" : "    $line"}
        }] \n]\n}"
}

# TEXT without the white space that all of its lines but the first begin with.
proc ::deployer::shell::Dedent text {
    set lines [split $text \n]
    set least ""
    foreach line [lrange $lines 1 end] {
        if {[string trim $line] eq ""} {
            continue
        }
        regexp {^[ \t]*} $line indent
        if {$least eq "" || [string length $indent] < $least} {
            set least [string length $indent]
        }
    }
    if {$least in {{} 0}} {
        return $text
    }
    set result [list [lindex $lines 0]]
    foreach line [lrange $lines 1 end] {
        lappend result [string range $line $least end]
    }
    return [join $result \n]
}

# TEXT, a script, in colours where the terminal has some.
proc ::deployer::shell::SourcePaint text {
    variable SourceColors
    if {[Paint 1 x] eq "x"} {
        return $text
    }
    set painted ""
    foreach part [SourceParts $text] {
        lassign $part kind piece
        if {$kind eq ""} {
            append painted $piece
            continue
        }
        # A pager shows each line by itself.
        append painted [join [lmap line [split $piece \n] {
            Paint [dict get $SourceColors $kind] $line
        }] \n]
    }
    return $painted
}

# TEXT in parts {KIND PIECE}: comment, string, variable, definer, word, or "".
# What a script means by braces is known to what evaluates it alone, so this
# guesses that they hold scripts.
proc ::deployer::shell::SourceParts text {
    variable SourceDefiners
    variable SourceWords
    set parts {}
    set plain ""
    # Whether a command begins here, and whether a word does.
    set command 1
    set begins 1
    set at 0
    set length [string length $text]
    set pattern {\A(?:\n|[ \t]+|\\(?:.|\n)|"(?:[^"\\]|\\.)*"|#[^\n]*|}
    append pattern {\$(?:\{[^\}]*\}|(?:[[:alnum:]_]|::)+)|[\[\]\{\};]|}
    append pattern {[^\s\\"$\[\]\{\};#][^\s\\$\[\]\{\};"]*|.)}
    while {$at < $length} {
        regexp -start $at -indices -- $pattern $text found
        set piece [string range $text $at [lindex $found 1]]
        set kind ""
        set first [string index $piece 0]
        set next 0
        set start 0
        switch -- $first {
            "\n" - ";" - "\{" - "\[" {
                set next 1
                set start 1
            }
            " " - "\t" {
                set next $command
                set start 1
            }
            "#" {
                if {$command} {
                    set kind comment
                    set next 1
                } else {
                    set piece "#"
                }
            }
            "\"" {
                if {$begins && [string length $piece] > 1} {
                    set kind string
                } else {
                    set piece "\""
                }
            }
            "\$" {
                if {[string length $piece] > 1} {
                    set kind variable
                }
            }
            default {
                if {$command && $piece in $SourceDefiners} {
                    set kind definer
                } elseif {$command && $piece in $SourceWords} {
                    set kind word
                }
            }
        }
        set at [expr {$at + [string length $piece]}]
        set command $next
        set begins $start
        if {$kind eq ""} {
            append plain $piece
            continue
        }
        if {$plain ne ""} {
            lappend parts [list "" $plain]
            set plain ""
        }
        lappend parts [list $kind $piece]
    }
    if {$plain ne ""} {
        lappend parts [list "" $plain]
    }
    return $parts
}

# maincomplete.tcl -- deployer::main: what the user's shell offers at Tab.
#
# Layer T3. `PROGRAM --complete WORD ...` has the words behind the program's name,
# the last one being that at the cursor. It prints a line, `:words` or `:files`,
# which says what the last word is (what the script prints comes before that), and
# candidates: the whole word, a tab and what
# it is. One that ends in a slash or colon goes on. Nothing is run for it but what
# -complete of an action says.

namespace eval ::deployer::program {}

# The exit status. Whatever goes wrong, there is nothing to offer then.
proc ::deployer::program::CompleteMain {class words} {
    set kind words
    set found {}
    catch {
        lassign [CompleteProgram $class $words] kind found
    }
    PrintCandidates $kind [lindex $words end] $found
    return 0
}

# FOUND, a list of {WORD TEXT}, as far as they begin with BEGIN.
proc ::deployer::program::PrintCandidates {kind begin found} {
    set lines [list :$kind]
    foreach pair $found {
        lassign $pair word text
        # What is no one line cannot be told.
        if {![string equal -length [string length $begin] $begin $word]
                || [regexp {[[:cntrl:]]} $word]} {
            continue
        }
        lappend lines $word\t[regsub -all {[[:cntrl:]]+} $text { }]
    }
    catch {
        chan configure stdout -encoding utf-8
        puts [join $lines \n]
        flush stdout
    }
}

# {KIND FOUND} for WORDS.
proc ::deployer::program::CompleteProgram {class words} {
    variable Commands
    variable Options
    variable Later
    if {[llength $words] <= 1} {
        set found {}
        dict for {command spec} $Commands {
            if {$command ni $Later} {
                lappend found [list $command [lindex $spec 2]]
            }
        }
        foreach option {--help --version} {
            lappend found [list $option [lindex [dict get $Options $option] 2]]
        }
        return [list words $found]
    }
    set rest [lassign $words command]
    if {$command eq "help"} {
        return [list words [lmap name [dict keys $Commands] {list $name ""}]]
    }
    set known [concat [lindex [dict get $Commands $command] 0] --help]
    set path ""
    set parallel {}
    # The options that stand before the word at the cursor.
    while {[llength $rest] > 1 && [string index [lindex $rest 0] 0] eq "-"} {
        set rest [lassign $rest option]
        if {$option eq "--"} {
            set known {}
            break
        }
        if {$option eq "-s"} {
            set option --socket
        }
        regexp {^(--[^=]+)=(.*)$} $option -> option value
        if {![info exists value] && [lindex [dict get $Options $option] 1]
                ne ""} {
            set rest [lassign $rest value]
            if {![llength $rest]} {
                return [CompleteValue $class $option $value]
            }
        }
        if {$option eq "--path"} {
            set path $value
        }
        unset -nocomplain value
    }
    set word [lindex $rest end]
    if {[llength $rest] == 1 && [string index $word 0] eq "-"} {
        if {[regexp {^(--[^=]+)=(.*)$} $word -> option value]} {
            lassign [CompleteValue $class $option $value] kind found
            return [list $kind [lmap pair $found {
                lreplace $pair 0 0 $option=[lindex $pair 0]
            }]]
        }
        return [list words [lmap option $known {
            list $option [lindex [dict get $Options $option] 2]
        }]]
    }
    if {$command ne "run"} {
        return {words {}}
    }
    return [CompletePlaced $class $path $rest]
}

# The value of OPTION that begins with BEGIN.
proc ::deployer::program::CompleteValue {class option begin} {
    switch -- $option {
        --log - --socket {
            return {files {}}
        }
        --path {
            lassign [CompletePlaced $class "" [list $begin]] kind found
            return [list $kind [lmap pair $found {
                if {[lindex $pair 2] ne "place"} continue
                set pair
            }]]
        }
    }
    return {words {}}
}

# The words of an action, seen from PATH. The line of a shell is made of them,
# which has all that is to be said about it.
proc ::deployer::program::CompletePlaced {class path words} {
    set root [$class new]
    try {
        set place [PlaceAt $root]
        if {$path ne ""} {
            set found [Resolve $place [AsWords [list $path]]]
            if {[dict get $found what] ne "place"} {
                return {words {}}
            }
            set place [dict get $found place]
        }
        set word [lindex $words end]
        set text ""
        foreach each [lrange $words 0 end-1] {
            append text [Quote $each] " "
        }
        set start [string length $text]
        if {$word ne ""} {
            append text [Quote $word]
        }
        set completion [CompleteAt "" $place $text [string length $text]]
        # What of the word stands before the part that is replaced.
        set head [SplitPlain [string range $text $start \
            [dict get $completion start]-1]]
        set found [lmap each [dict get $completion words] {
            lassign $each name about color ends
            list $head[lindex [Split $name] 0 0] $about \
                [expr {$ends eq "/" ? "place" : ""}] $ends
        }]
        set behind [llength [dict get [Resolve $place \
            [AsWords [lrange $words 0 end-1]]] action]]
        if {!$behind} {
            set found [CompleteSlashes $place $words $found]
        } elseif {![llength $found]
                && [string match */* $word]} {
            return {files {}}
        }
        return [list words $found]
    } finally {
        $root destroy
    }
}

# Services in FOUND end in a slash, so that one word holds the path.
proc ::deployer::program::CompleteSlashes {place words found} {
    return [lmap each $found {
        lassign $each name about kind ends
        set to [Resolve $place \
            [AsWords [linsert [lrange $words 0 end-1] end $name]]]
        if {[dict get $to what] eq "place"
                && [string index $name end] ni {/ :}} {
            list $name/ $about place
        } elseif {[string index $name end] eq ":"} {
            list $name $about place
        } else {
            list $name $about ""
        }
    }]
}

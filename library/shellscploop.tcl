# shellscploop.tcl -- the scp shell: files of a host and of this machine, side by side.
#
# Layer T3. Both machines are hosts with a directory, so that each command and its
# twin for this machine are one method that is told the side. Transfers and
# editing are in shellscpmove.tcl, what makes and removes in shellscpchange.tcl,
# Tab in shellscpcomplete.tcl.

namespace eval ::deployer::shell {
    namespace path ::deployer

    # word -> {method side arguments usage text}; arguments say what Tab
    # completes: any, directory (of the side), here, there (the way of a
    # transfer), command, none.
    variable ScpCommands {}
    apply {{} {
        upvar 1 ScpCommands commands
        foreach {word method arguments usage text} {
            ls      List    any       {?-l? ?-a? ?PATH ...?} {list files %s}
            cd      Go      directory {?PATH?} {change the directory %s}
            pwd     Where   none      {} {show the directory %s}
            stat    Facts   any       {PATH ...} {what is known about files %s}
            view    View    any       {PATH ...} {read files %s, a page at a time}
            edit    Edit    any       {PATH} {edit a file %s with $EDITOR}
            mkdir   Make    any       {?-p? PATH ...} {make directories %s}
            rm      Remove  any       {?-r? ?-f? PATH ...} {remove files %s}
            mv      Move    any       {PATH ... TARGET} {rename or move files %s}
            connect Connect none      {} {a shell %s, in its directory}
        } {
            dict set commands $word [list $method there $arguments $usage \
                [format $text "on the host"]]
            dict set commands l$word [list $method here $arguments $usage \
                [format $text "on this machine"]]
        }
        foreach {word method arguments usage text} {
            put    Put   here    {?options? PATH ... ?TARGET?} {copy files to the host}
            get    Get   there   {?options? PATH ... ?TARGET?} {copy files from the host}
            sudo   Sudo  command {COMMAND ...} {a command with the rights of root there}
            clear  Clear none    {} {clear the screen}
            help   Help  none    {?COMMAND?} {what there is}
            exit   Exit  none    {} {leave (as Ctrl-D)}
        } {
            dict set commands $word [list $method there $arguments $usage $text]
        }
    }}

    # option -> {kind text}; kind is flag, or what its value is.
    variable ScpTransferOptions {
        -recursive {flag {directories, with all that is in them}}
        -preserve  {flag {keep times and modes}}
        -resume    {flag {go on with what is half there}}
        -checksum  {flag {compare contents at the end}}
        -update    {size|time|checksum {leave out what is the same}}
        -limit     {RATE {bytes a second, as 500K}}
        -special   {fail|skip {what is neither file, directory nor link}}
    }
    # The same of those that look, make and remove, and of their twins.
    variable ScpOptions {
        ls {
            -l {with mode, owner, group, size and time}
            -a {names that begin with a dot, too}
        }
        mkdir {
            -p {those above it, too, and no error where it exists}
        }
        rm {
            -r {directories, with all that is in them}
            -f {do not ask, and no error where there is nothing}
        }
    }
    # What can be done with the rights of another user, on the host.
    variable ScpSudo {edit get ls mkdir mv put rm stat view}
    # Short forms, as those of scp and ls.
    variable ScpShort {-r -recursive -p -preserve}

    # How much of a file is shown.
    variable ScpViewLimit 8388608
}

# See Scp.
proc ::deployer::shell::ScpRun {shell place silent} {
    set object [PlaceTarget $place]
    set host [PickHost $object "Which host?"]
    set scp [ScpShell new $object $host [GroupColor [PlaceGroup $place]] \
        $silent]
    try {
        return [$scp run]
    } finally {
        $scp destroy
    }
}

oo::class create ::deployer::shell::ScpShell {
    # Home: namespace of the instance. Hosts, Dirs, Before: by side, the host, its
    # directory and the one before that. Batch: nobody sits there, Silent: who wants
    # no prompts then. Sandbox: the context of a sandbox. Color: of the host in the prompt, as words of SGR.
    # Listed: see shellscpcomplete.tcl. Ids: by side, {user 0} -> root, as far as they
    # were looked up. Ending: whether Ctrl-C has come in this command. Failures:
    # of its files, {message errorcode ...}. Made: by side, the directories of a
    # sandbox.
    variable Home Hosts Dirs Before Reader Job Left Batch Failed Sudo Listed \
        Sandbox Color Ids Ending Failures Made Silent

    constructor {object host {color {}} {silent 0}} {
        set Silent $silent
        set Color $color
        namespace path [list {*}[namespace path] ::deployer::shell \
            ::deployer]
        set Home [info object namespace $object]
        array set Hosts [list there $host \
            here [::deployer::localhost new -slug localhost]]
        array set Dirs [list here [pwd] there {}]
        array set Before {here {} there {}}
        array set Listed {}
        array set Ids {here {} there {}}
        set Ending 0
        set Failures {}
        set Made {here {} there {}}
        set Batch [expr {![OnTerminal stdin]}]
        set Failed 0
        set Left 0
        set Job ""
        set Sandbox ""
        set Reader ""
    }

    destructor {
        if {[info exists Reader] && $Reader ne ""} {
            $Reader destroy
        }
        if {[info exists Hosts(here)]} {
            $Hosts(here) destroy
        }
    }

    # Until it is left.
    method run {} {
        set object [self]
        if {[::deployer::InstanceInfo $Home sandboxed]} {
            set Sandbox [SandboxEnter {} check [list ::deployer::SandboxReport \
                [set ${Home}::Root]]]
        }
        set before $::deployer::Interrupt
        pty interrupt [list [namespace which my] Interrupted]
        try {
            my Do [list [namespace which my] Begin]
            if {$Failed} {
                # There is no host to be on.
                set Batch 1
            } else {
                my Loop
            }
        } finally {
            pty interrupt $before
            if {$Sandbox ne ""} {
                SandboxLeave $Sandbox
            }
        }
        return [expr {$Failed && $Batch}]
    }

    # The connection, and where it begins.
    method Begin {} {
        set Dirs(there) [my Place there .]
        if {[string index $Dirs(there) 0] ne "/"} {
            set Dirs(there) [$Hosts(there) getcwd]
        }
    }

    method Loop {} {
        set words {}
        set history [HistoryFile [ObjectOf [set ${Home}::Root]] \
            [expr {!$Batch}]]
        if {$history ne ""} {
            lappend words -history $history-scp
        }
        set Reader [::deployer::Reader new {*}$words \
            -complete [list [namespace which my] Complete] -silent $Silent]
        while {!$Left} {
            lassign [$Reader read [my Prompt]] kind text
            if {$kind eq "eof"} {
                break
            }
            if {$kind eq "line"} {
                my Line $text
                if {$Batch && $Failed} {
                    break
                }
            }
        }
        PromptEnd $Silent
    }

    method Line text {
        if {[string trim $text] eq "" || [string index $text 0] eq "#"} {
            return
        }
        $Reader history add $text
        set words [ScpWords $text]
        set Sudo 0
        set Failed 0
        set Failures {}
        my Do [list [namespace which my] Command $words]
        if {$Failed && [regexp {(?:^|\s)'[^'\s]*\s[^']*'(?:\s|$)} $text]} {
            my Complain "(names with blanks are quoted by \"...\" or {...}, not\
                by '...')"
        }
    }

    # Runs PREFIX in a job that Ctrl-C ends, and says what failed.
    method Do prefix {
        set context [ContextGet]
        if {!$Batch} {
            set context [dict merge $context {-terminal own -bars 1}]
        }
        if {$Sandbox ne ""} {
            set context [dict merge $context $Sandbox]
        }
        set Ending 0
        set Job [Job $prefix $context]
        set code [catch {Await $Job} message options]
        set job $Job
        set Job ""
        if {$code && [JobOf $job] ne ""} {
            # It was the waiting that was ended: so is what it waits for.
            JobCancel $job
            catch {Await $job}
            return -options $options $message
        }
        if {!$code} {
            return
        }
        set Failed 1
        if {[lrange [dict get $options -errorcode] 0 1] eq "DEPLOYER CANCELLED"} {
            my Complain "interrupted"
        } else {
            my Complain $message
            if {[lindex [dict get $options -errorcode] 0]
                    ni {POSIX TCL DEPLOYER}} {
                my Complain [dict get $options -errorinfo]
            }
        }
    }

    # Ctrl-C, while no command has the terminal.
    method Interrupted {} {
        if {$Job ne ""} {
            JobCancel $Job
            if {!$Batch && !$Ending} {
                # The key itself stands at the cursor.
                set Ending 1
                TerminalPrint " ending what runs ...\n"
            }
        } elseif {$Batch} {
            set Failed 1
            set Left 1
        }
    }

    method Complain message {
        set text [core::text show -lines $message]
        if {[ConsoleOnScreen $Home] && [OnTerminal stderr]} {
            set text [AtColumns $text [dict get [core::terminal info] cols]]
            if {[TerminalColors]} {
                set text \033\[31m$text\033\[m
            }
            TerminalPrint $text\n
            TerminalDrain
        } else {
            puts stderr $text
        }
    }

    method Print text {
        ConsolePrint $Home $text
    }

    # Both directories, in half of a line.
    method Prompt {} {
        set here [ScpShort $Dirs(here) [file normalize ~]]
        set slug [$Hosts(there) cget -slug]:
        if {$Sandbox ne ""} {
            set slug "sandbox $slug"
        }
        set there [core::text show $Dirs(there)]
        if {$Batch || ![TerminalSmart]} {
            return "$slug$there ([core::text show $here])> "
        }
        # Which host it is must be seen; of directories the ends tell most.
        set room [expr {[dict get [core::terminal info] cols] / 2 - 5}]
        set slug [core::text fit $slug [expr {$room / 2}] [TerminalEllipsis]]
        set room [expr {max(8, $room - [core::text width $slug])}]
        set there $slug[ScpTail $there [expr {$room * 2 / 3}]]
        set here [ScpTail $here [expr {$room + [core::text width $slug]
            - [core::text width $there]}]]
        if {[TerminalColors]} {
            set sgr 1[expr {$Color eq "" ? "" : ";"}]$Color
            return "\033\[${sgr}m$there\033\[m (\033\[2m$here\033\[m)> "
        }
        return "$there ($here)> "
    }

    # The command that WORDS, as ScpWords gives them, say.
    method Command words {
        lassign [lindex $words 0] name
        if {![dict exists $::deployer::shell::ScpCommands $name]} {
            set near [Nearest $name \
                [dict keys $::deployer::shell::ScpCommands]]
            ::deployer::Fail [list ARGUMENT $name] "there is no command\
                \"[Shorten $name 40]\"[expr {$near eq "" ? ""
                    : " (did you mean $near?)"}]; help lists them"
        }
        lassign [lindex $words end] value - - whole
        if {$whole == -1} {
            ::deployer::Fail [list ARGUMENT $value] "nothing stands behind the\
                backslash at the end of the line, which takes it as it is: two\
                of them are a backslash"
        }
        if {!$whole} {
            ::deployer::Fail [list ARGUMENT $value] \
                "the quotes of \"[Shorten $value 40]\" are not closed"
        }
        lassign [dict get $::deployer::shell::ScpCommands $name] method side
        set words [concat {*}[lmap word [lrange $words 1 end] {
            ScpExpanded $word
        }]]
        if {[llength $words] == 1 && [lindex $words 0 0] eq "--help"} {
            set words [list [list $name]]
            set method Help
        }
        my $method $side $name $words
    }

    # Runs BODY in the caller's frame. What fails of one file alone is kept for Told,
    # but for errors of IGNORE.
    method Try {body {ignore {}}} {
        try {
            uplevel 1 $body
        } trap {DEPLOYER FILE} {message options} {
            set code [dict get $options -errorcode]
            if {[lindex $code 2] in $ignore} {
                return
            }
            if {[dict exists $options -failures]
                    && [dict size [dict get $options -failures]] > 1} {
                # Each file of a tree.
                dict for {path failure} [dict get $options -failures] {
                    lappend Failures [dict get $failure message] \
                        [dict get $failure errorcode]
                }
            } else {
                lappend Failures $message $code
            }
            if {[lindex $code 2] in {
                    ECONNRESET ECONNABORTED ENOSPC EDQUOT EROFS}} {
                # The others would have it, too.
                my Told
            }
        }
        return
    }

    # The error that stands for those that Try has kept.
    method Told {} {
        set lines [lmap {message code} $Failures {
            set message
        }]
        if {![llength $lines]} {
            return
        }
        if {[llength $lines] > 20} {
            set lines [concat [lrange $lines 0 18] \
                [list "and [expr {[llength $lines] - 19}] more failures"]]
        }
        set code [lrange [lindex $Failures 1] 1 end]
        set Failures {}
        ::deployer::Fail $code [join $lines \n]
    }

    # Takes KINDS, a dict of option -> kind, off the words in WORDSVAR; those with
    # the rights of another user are among them on the host.
    method Options {side name kinds wordsVar} {
        upvar 1 $wordsVar words
        if {$side eq "there"} {
            dict set kinds -sudo flag
            dict set kinds -user USER
        }
        set opts {}
        while {[llength $words]} {
            lassign [lindex $words 0] value
            if {[string index $value 0] ne "-" || $value eq "-"} {
                break
            }
            set words [lrange $words 1 end]
            if {$value eq "--"} {
                break
            }
            if {[dict exists $::deployer::shell::ScpShort $value]
                    && ![dict exists $kinds $value]} {
                set value [dict get $::deployer::shell::ScpShort $value]
            }
            if {![dict exists $kinds $value] && [my Flags $kinds $value]} {
                # As -rf: one by one.
                set words [concat [lmap flag [split [string range $value 1 end] \
                    {}] {
                    list -$flag
                }] $words]
                continue
            }
            if {![dict exists $kinds $value]} {
                ::deployer::Fail [list OPTION $value] "$name: unknown option\
                    \"[Shorten $value 40]\": must be\
                    [join [lsort [dict keys $kinds]] {, }] or --"
            }
            if {[dict get $kinds $value] eq "flag"} {
                dict set opts $value {}
                continue
            }
            if {![llength $words]} {
                ::deployer::Fail [list OPTION $value] \
                    "value for \"$value\" missing"
            }
            set words [lassign $words next]
            dict set opts $value [list [lindex $next 0]]
        }
        if {$Sudo} {
            dict set opts -sudo {}
        }
        if {[dict exists $opts -user] && ![dict exists $opts -sudo]} {
            ::deployer::Fail {OPTION -user} "-user needs -sudo"
        }
        return $opts
    }

    # Whether VALUE is more than one letter, each a flag of KINDS.
    method Flags {kinds value} {
        set letters [split [string range $value 1 end] {}]
        foreach letter $letters {
            set flag -$letter
            if {[dict exists $::deployer::shell::ScpShort $flag]
                    && ![dict exists $kinds $flag]} {
                set flag [dict get $::deployer::shell::ScpShort $flag]
            }
            if {![dict exists $kinds $flag]
                    || [dict get $kinds $flag] ne "flag"} {
                return 0
            }
        }
        return [expr {[llength $letters] > 1}]
    }

    # Of OPTS, those of NAMES as words.
    method Given {opts args} {
        set given {}
        dict for {name value} $opts {
            if {$name in $args} {
                lappend given $name {*}$value
            }
        }
        return $given
    }

    method Count {name words least most} {
        if {[llength $words] < $least || [llength $words] > $most} {
            WrongArgs [string trimright "$name\
                [lindex [dict get $::deployer::shell::ScpCommands $name] 3]"]
        }
    }

    # PATH, absolute, as it is seen from the directory of SIDE.
    method Place {side path {opts {}}} {
        set host $Hosts($side)
        if {[string index $path 0] ne "/" && ![regexp $::deployer::TildePath \
                $path] && $Dirs($side) ne ""} {
            return [LogicalPath [PathBelow $Dirs($side) $path]]
        }
        set user ""
        if {[dict exists $opts -user]} {
            set user [lindex [dict get $opts -user] 0]
        }
        return [[info object namespace $host]::my RemotePath $path \
            [dict exists $opts -sudo] $user]
    }

    # The same of a word's PATTERN.
    method PlacePattern {side pattern} {
        if {[string index $pattern 0] in {/ ~}} {
            return $pattern
        }
        return [PathBelow [ScpLiteral $Dirs($side)] $pattern]
    }

    # What WORD means: {path shown ...}; an error where a pattern has no match.
    method Found {side word opts} {
        lassign $word value - - - pattern
        set path [my Place $side $value $opts]
        if {$pattern eq ""} {
            return [list $path $value]
        }
        set given [my Given $opts -sudo -user]
        set full [my PlacePattern $side $pattern]
        set found [$Hosts($side) glob {*}$given -- $full]
        if {![llength $found]} {
            if {[$Hosts($side) exists {*}$given -- $path]} {
                return [list $path $value]
            }
            set slug [$Hosts($side) cget -slug]
            ::deployer::Fail [list FILE ENOENT $slug $value] \
                "nothing on [ScpMachine $slug] matches [Shorten $value 200]"
        }
        set found [lsort $found]
        # Shown as they were asked for.
        set base [string trimright $Dirs($side) /]/
        set cut [expr {[string index $pattern 0] in {/ ~}
            ? 0 : [string length $base]}]
        set pairs {}
        foreach path $found {
            set shown $path
            if {[string first $base $path] == 0} {
                set shown [string range $path $cut end]
            }
            lappend pairs $path $shown
        }
        return $pairs
    }

    # The same of WORDS; Told tells what was not found.
    method FoundAll {side words opts} {
        set all {}
        foreach word $words {
            my Try {
                lappend all {*}[my Found $side $word $opts]
            }
        }
        return $all
    }

    # The commands that look.

    method Where {side name words} {
        my Count $name $words 0 0
        my Print "[core::text show $Dirs($side)]\n"
    }

    method Go {side name words} {
        my Options $side $name {} words
        my Count $name $words 0 1
        set path ~
        if {[llength $words]} {
            lassign [lindex $words 0] path
        }
        if {$path eq "-"} {
            set path $Before($side)
            if {$path eq ""} {
                ::deployer::Fail {ARGUMENT -} "there is no directory before\
                    this one"
            }
        } elseif {[llength $words]} {
            set found [my Found $side [lindex $words 0] {}]
            if {[llength $found] > 2} {
                ::deployer::Fail [list ARGUMENT $path] "[expr {
                    [llength $found] / 2}] names match [Shorten $path 80]"
            }
            set path [lindex $found 0]
        }
        set full [my Place $side $path]
        set facts [$Hosts($side) stat -- $full]
        if {[dict get $facts type] ne "directory"} {
            set slug [$Hosts($side) cget -slug]
            ::deployer::Fail [list FILE ENOTDIR $slug $full] \
                "[ShortPath $full] on [ScpMachine $slug] is no directory"
        }
        set Before($side) $Dirs($side)
        set Dirs($side) [Unslashed $full]
    }

    method List {side name words} {
        set opts [my Options $side $name {-l flag -a flag} words]
        set long [dict exists $opts -l]
        set all [dict exists $opts -a]
        set given [my Given $opts -sudo -user]
        set host $Hosts($side)
        set files {}
        set dirs {}
        if {![llength $words]} {
            set dirs [list $Dirs($side) .]
        }
        foreach word $words {
            set found {}
            my Try {
                set found [my Found $side $word $opts]
            }
            foreach {path shown} $found {
                my Try {
                    set facts [$host lstat {*}$given -- $path]
                    if {[dict get $facts type] eq "link" && !$long} {
                        # As ls does: a directory behind a link is gone into.
                        catch {set facts [$host stat {*}$given -- $path]}
                    }
                    if {[dict get $facts type] eq "directory"
                            && [llength $found] == 2} {
                        lappend dirs $path $shown
                    } else {
                        dict set files $shown $facts
                    }
                }
            }
        }
        set text [ScpListing $files $long [my Width] [my Owners $side \
            [expr {$long ? [dict values $files] : {}}]]]
        set several [expr {[llength $words] > 1}]
        foreach {path shown} $dirs {
            my Try {
                set entries [$host list -long {*}$given -- $path]
                if {$several} {
                    append text [expr {$text eq "" ? "" : "\n"}] \
                        [core::text show $shown]:\n
                }
                if {!$all} {
                    set entries [dict filter $entries script {entry facts} {
                        expr {[string index $entry 0] ne "."}
                    }]
                }
                my Remember $side $path [dict exists $opts -sudo] $entries
                append text [ScpListing $entries $long [my Width] \
                    [my Owners $side [expr {$long ? [dict values $entries]
                    : {}}]]]
            }
        }
        my Print $text
        my Told
    }

    # The names of the users and groups in LIST, which has facts: {user 0} -> root.
    # Those that have none, or cannot be had, are absent.
    method Owners {side list} {
        set wanted {}
        foreach facts $list {
            dict set wanted [list user [dict get $facts uid]] 1
            dict set wanted [list group [dict get $facts gid]] 1
        }
        set wanted [lmap id [dict keys $wanted] {
            if {[dict exists $Ids($side) $id]} continue
            set id
        }]
        if {[llength $wanted]} {
            foreach id $wanted {
                # It is looked for once.
                dict set Ids($side) $id ""
            }
            try {
                set found [ScpLookUp $Hosts($side) $wanted]
            } trap {DEPLOYER CANCELLED} {message options} {
                return -options $options $message
            } on error {} {
                # A host where no command runs.
                set found {}
            }
            set Ids($side) [dict merge $Ids($side) $found]
        }
        return [dict filter $Ids($side) value ?*]
    }

    # Columns of what is printed; 0: one name on each line.
    method Width {} {
        return [ConsoleWidth $Home {}]
    }

    method Facts {side name words} {
        set opts [my Options $side $name {} words]
        my Count $name $words 1 1000
        set given [my Given $opts -sudo -user]
        set text ""
        foreach {path shown} [my FoundAll $side $words $opts] {
            my Try {
                set facts [$Hosts($side) lstat {*}$given -- $path]
                set rows [list [list Path [core::text show $path]]]
                if {[dict get $facts type] eq "link"} {
                    lappend rows [list "Link to" [core::text show \
                        [$Hosts($side) readlink {*}$given -- $path]]]
                }
                append text [expr {$text eq "" ? "" : "\n"}] \
                    [core::text table [concat $rows [ScpFactRows $facts \
                        [my Owners $side [list $facts]]]] \
                        [dict create width [my Width] aligns {left left}]]
            }
        }
        my Print $text
        my Told
    }

    method View {side name words} {
        set opts [my Options $side $name {} words]
        my Count $name $words 1 1000
        set text ""
        set found [my FoundAll $side $words $opts]
        foreach {path shown} $found {
            my Try {
                set content [my Content $side $path $opts]
                if {[llength $words] > 1 || [llength $found] > 2} {
                    append text "==> $shown <==\n"
                }
                append text $content
            }
        }
        ConsolePage $Home $text
        my Told
    }

    # The text of a file, as far as it is shown.
    method Content {side path opts} {
        variable ::deployer::shell::ScpViewLimit
        set given [my Given $opts -sudo -user]
        set size [dict get [$Hosts($side) stat {*}$given -- $path] size]
        if {$size > $ScpViewLimit} {
            ::deployer::Fail [list FILE EFBIG [$Hosts($side) cget -slug] $path] \
                "[ShortPath $path] has [BarsSize $size], and view shows no more\
                than [BarsSize $ScpViewLimit]: get it instead"
        }
        set text [my Fetched $side $path $opts]
        if {[string first \0 $text] >= 0} {
            return "([BarsSize [string length $text]] that are no text)\n"
        }
        set text [encoding convertfrom utf-8 $text]
        if {[string index $text end] ni {{} \n}} {
            append text \n
        }
        return $text
    }

    # The others.

    method Sudo {side name words} {
        my Count $name $words 1 1000
        lassign [lindex $words 0] word
        variable ::deployer::shell::ScpSudo
        if {$word ni $ScpSudo} {
            ::deployer::Fail [list ARGUMENT $word] "sudo: \"[Shorten $word 40]\"\
                must be [join [lrange $ScpSudo 0 end-1] {, }] or\
                [lindex $ScpSudo end]"
        }
        set Sudo 1
        my Command $words
    }

    method Clear {side name words} {
        my Count $name $words 0 0
        if {[TerminalSmart] && [ConsoleOnScreen $Home]} {
            my Print "\033\[H\033\[2J"
        }
    }

    method Exit {side name words} {
        my Count $name $words 0 0
        set Left 1
    }

    method Help {side name words} {
        my Count $name $words 0 1
        set commands $::deployer::shell::ScpCommands
        set word [lindex $words 0 0]
        if {$word ne ""} {
            if {![dict exists $commands $word]} {
                ::deployer::Fail [list ARGUMENT $word] \
                    "there is no command \"[Shorten $word 40]\""
            }
            lassign [dict get $commands $word] - side - usage text
            set shown "$word $usage\n    $text\n"
            if {$word in {get put}} {
                dict for {option spec} $::deployer::shell::ScpTransferOptions {
                    lassign $spec kind what
                    append shown [format "    %-26s %s\n" [string trim \
                        "$option [expr {$kind eq "flag" ? "" : $kind}]"] $what]
                }
            }
            foreach {option what} [ScpOwnOptions $word] {
                append shown [format "    %-26s %s\n" $option $what]
            }
            if {$word in $::deployer::shell::ScpSudo} {
                foreach {option what} {
                    -sudo {with the rights of root there}
                    "-sudo -user USER" {with those of USER}
                } {
                    append shown [format "    %-26s %s\n" $option $what]
                }
            }
            my Print $shown
            return
        }
        set rows {}
        dict for {word spec} $commands {
            lappend rows [list $word [lindex $spec 3] [lindex $spec 4]]
        }
        my Print [core::text table [lsort -command ::deployer::shell::ScpOrder \
            $rows] [dict create width [my Width] \
            ellipsis [TerminalEllipsis] aligns {left left left}]]
        my Print "\nWords are quoted as in Tcl: {a b}, \"a b\" or a\\ b; * ? \[\]\
            and {a,b} are\npatterns. Ctrl-C ends a command, Ctrl-D the shell.\n"
    }
}

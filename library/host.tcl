# host.tcl -- class deployer::host: options, and how a command is run.
#
# Layer T1. A kind of host is a subclass that supplies two methods:
#
#   Connect           makes sure that commands can be started; may wait by
#                     ::deployer::Await. Returns 1 where it found an older
#                     connection, which could prove dead, else 0.
#   Start LINE OPTS   starts LINE by the host's login shell and returns the
#                     handle of the process at once. OPTS is the dict of
#                     core::ssh exec and core::spawn, to be handed on; with
#                     `shell` in it the login shell itself is meant. Of
#                     core::spawn a host that is elsewhere sets `beside`: the
#                     words that run the line %s there.
#
# It may extend Options (see there) and set the variable Shell to the path of
# the login shell where that is known; otherwise the first command finds it out.

namespace eval ::deployer {
    # Counts changes of options, so that hosts know when to look again.
    variable Generation 0
}

oo::class create ::deployer::host {
    # Own: options given here. Slug: the slug in force. Seen: the Generation
    # that Cwd, Exports (from -cwd and -env) belong to. Shell: path of the login
    # shell, "" while unknown, "?" where it cannot be known. Posix: whether that
    # takes POSIX syntax.
    # Masks, MasksSeen: see events.tcl.
    variable Own Slug Seen Cwd Exports Shell Posix Masks MasksSeen

    constructor args {
        set Own {}
        set Slug ""
        set Seen -1
        set Shell ""
        set Posix 0
        my Configure $args
        if {$Slug eq ""} {
            set Slug [my DefaultSlug]
            if {$Slug eq ""} {
                ::deployer::Fail {OPTION -slug} \
                    "a host made with \"new\" needs -slug here"
            }
            ::deployer::CheckOption -slug slug $Slug
        }
        ::deployer::core::hostset register [self] $Slug
    }

    destructor {
        my FsShut
        incr ::deployer::Generation
    }

    # A copy is a host of its own.
    method <cloned> original {
        next $original
        my FsClone
        ::deployer::core::hostset register [self] $Slug
    }

    # The slug where none is given: from the name of the command, save with
    # `new`, whose names mean nothing.
    method DefaultSlug {} {
        set name [namespace tail [self]]
        if {[regexp {^::oo::Obj\d+$} [self]]} {
            return ""
        }
        return $name
    }

    # The options: name -> {kind default}. Kinds are those of CheckOption.
    method Options {} {
        return {
            -slug {slug {}} -extends {host {}} -cwd {text {}} -env {env {}}
            -term {text {}} -sudopassword {secret {}} -data {dict {}}
        }
    }

    method configure args {
        set options [my Options]
        switch [llength $args] {
            0 {
                set all {}
                foreach option [lsort [dict keys $options]] {
                    lappend all [my Description $option]
                }
                return $all
            }
            1 {
                return [my Description [my OptionName [lindex $args 0]]]
            }
        }
        my Configure $args
        ::deployer::core::hostset register [self] $Slug
        incr ::deployer::Generation
        return
    }

    method cget option {
        return [my Get [my OptionName $option]]
    }

    # {option dbName dbClass default value}, as Tk describes an option.
    method Description option {
        set name [string range $option 1 end]
        return [list $option $name [string totitle $name] \
            [lindex [dict get [my Options] $option] 1] [my Get $option]]
    }

    method OptionName option {
        set options [my Options]
        if {[dict exists $options $option]} {
            return $option
        }
        set found [dict keys $options $option*]
        if {[llength $found] == 1 && [string length $option] > 1
                && [regexp {^-[a-z]+$} $option]} {
            return [lindex $found 0]
        }
        ::deployer::Fail [list OPTION $option] "unknown option \"$option\":\
            must be [join [lsort [dict keys $options]] {, }]"
    }

    # Sets options, all or, on an error, none.
    method Configure words {
        set options [my Options]
        set new $Own
        foreach {option value} $words {
            set option [my OptionName $option]
            if {[llength $words] % 2 && $option eq [lindex $words end]} {
                ::deployer::Fail [list OPTION $option] \
                    "value for \"$option\" missing"
            }
            set kind [lindex [dict get $options $option] 0]
            if {$kind eq "host" && $value ne ""} {
                set value [::deployer::WhichHost $value]
                if {$option eq "-extends"} {
                    my CheckExtends $value
                }
            }
            dict set new $option \
                [::deployer::CheckOption $option $kind $value]
        }
        set Own $new
        if {[dict exists $Own -slug] && [dict get $Own -slug] ne ""} {
            set Slug [dict get $Own -slug]
        }
    }

    method CheckExtends parent {
        while {$parent ne ""} {
            if {$parent eq [self]} {
                ::deployer::Fail {OPTION -extends} \
                    "a host cannot extend itself"
            }
            lassign [[info object namespace $parent]::my Own -extends] parent
        }
    }

    # {} or {value}: what is given for OPTION on this very host.
    method Own option {
        if {[dict exists $Own $option]} {
            return [list [dict get $Own $option]]
        }
        return {}
    }

    # What is given here or on the hosts that this one extends.
    method Given {} {
        if {![dict exists $Own -extends] || [dict get $Own -extends] eq ""} {
            return $Own
        }
        set parent [dict get $Own -extends]
        if {![info object isa object $parent]} {
            ::deployer::Fail [list HOSTS UNKNOWN $parent] \
                "host $Slug extends $parent, which no longer exists"
        }
        return [dict merge [[info object namespace $parent]::my Given] $Own]
    }

    # The value in force.
    method Get option {
        if {$option eq "-slug"} {
            return $Slug
        }
        if {[dict exists $Own $option]} {
            return [dict get $Own $option]
        }
        if {$option ne "-extends"} {
            set given [my Given]
            if {[dict exists $given $option]} {
                return [dict get $given $option]
            }
        }
        return [lindex [dict get [my Options] $option] 1]
    }

    # All of them: option -> value in force.
    method Values {} {
        set given [my Given]
        set values {}
        dict for {option spec} [my Options] {
            if {[dict exists $given $option]} {
                dict set values $option [dict get $given $option]
            } else {
                dict set values $option [lindex $spec 1]
            }
        }
        return [dict replace $values -slug $Slug]
    }

    method data {args} {
        set data [my Get -data]
        switch [llength $args] {
            0 {
                return $data
            }
            1 {
                set key [lindex $args 0]
                if {[dict exists $data $key]} {
                    return [dict get $data $key]
                }
                ::deployer::Fail [list ARGUMENT $key] \
                    "host $Slug has no data \"$key\""
            }
        }
        ::deployer::WrongArgs "[self] data ?KEY?"
    }

    # Every option with its value in force, without secrets.
    method effective {} {
        set effective [my Values]
        dict for {option spec} [my Options] {
            if {[lindex $spec 0] eq "secret" || $option eq "-extends"} {
                dict unset effective $option
            }
        }
        return $effective
    }

    method connect {} {
        ::deployer::JobMay connect
        my Look
        my Reach [::deployer::EventNow]
        return
    }

    method disconnect {} {
        my FsShut
    }

    method connected {} {
        return 1
    }

    # Looks at the options again where some host's have changed.
    method Look {} {
        if {$Seen != $::deployer::Generation} {
            my Refresh [my Values]
            set Seen $::deployer::Generation
        }
    }

    # Takes from VALUES, all options, what each command needs. Subclasses add
    # to it.
    method Refresh values {
        set Cwd [dict get $values -cwd]
        set Exports {}
        dict for {name value} [dict get $values -env] {
            lappend Exports [::deployer::ExportText $name $value]
        }
    }

    method Secrets {} {
        set secrets {}
        dict for {option spec} [my Options] {
            if {[lindex $spec 0] eq "secret"} {
                lappend secrets [my Get $option]
            }
        }
        return $secrets
    }

    method SudoPassword {} {
        return [my Get -sudopassword]
    }

    # LINE in the context of this coroutine, for a POSIX shell.
    method InContext line {
        set entry {}
        set context [::deployer::ContextMore]
        if {$context ne "" && [dict exists $context [self]]} {
            set entry [dict get $context [self]]
        }
        if {$entry eq "" && $Cwd eq "" && $Exports eq ""} {
            return $line
        }
        set cwd $Cwd
        set exports $Exports
        set prefixes {}
        if {[dict exists $entry cwd]} {
            set cwd [dict get $entry cwd]
        }
        if {[dict exists $entry env]} {
            lappend exports {*}[dict get $entry env]
        }
        if {[dict exists $entry prefix]} {
            set prefixes [dict get $entry prefix]
        }
        return [::deployer::ContextLine $cwd $exports $prefixes $line]
    }

    # What is sent for LINE: {text PROCOPTS}. The text begins by printing TOKEN
    # and the id of the command's session leader, which C takes out again.
    # Messages tell `title` of OPTS, where it is there, instead of LINE.
    method Command {line opts token} {
        set sudo [expr {$opts ne "" && [dict exists $opts sudo]}]
        set plain [expr {$opts ne "" && [dict exists $opts plain]}]
        set bare [expr {$opts ne "" && [dict exists $opts bare]}]
        if {$plain} {
            set inner $line
        } else {
            set inner [my InContext $line]
        }
        if {$Shell eq "" && ($sudo || $inner ne $line)} {
            # Quoting depends on the shell: let a command find it out.
            my Execute : {plain 1 untold 1}
        }
        if {!$Posix && !$sudo && $inner ne $line && $Shell ni {{} ?}} {
            # The context needs a POSIX shell, the line its own.
            set inner "/bin/sh -c [::deployer::QuotedFor $Shell \
                [my InContext "exec $Shell -c [::deployer::Quoted $line]"]]"
        }
        if {$bare} {
            # Nobody would take the start line out again.
            return [list $inner [list slug $Slug command $line]]
        }
        set common [list slug $Slug command [expr {[dict exists $opts title]
            ? [dict get $opts title] : $line}] token $token]
        if {$sudo} {
            return [my SudoCommand $inner $opts $token $common]
        }
        if {$Posix} {
            set start "echo $token \$\$ >&2; "
        } else {
            set start "sh -c 'echo $token \$PPID \$SHELL >&2'; "
        }
        return [list $start$inner [lappend common echo $start]]
    }

    method SudoCommand {inner opts token common} {
        set typed [dict exists $opts typed]
        set prompt [::deployer::core::token]
        set text [expr {$typed ? "sudo -H" : "sudo -S -H -p '$prompt'"}]
        set password [my SudoPassword]
        # What ends it, should the program end, asks with a prompt of C's own.
        set under [expr {$typed || $password eq "" ? "sudo -n -H"
            : "sudo -S -H -p deployer:password"}]
        if {[dict exists $opts user] && [dict get $opts user] ne ""} {
            set user " -u [::deployer::QuotedFor $Shell [dict get $opts user]]"
            append text $user
            append under $user
        }
        lappend common under "$under -- "
        # The start line is a line of its own: a syntax error behind it cannot
        # be taken for sudo's refusal.
        append text " -- /bin/sh -c " [::deployer::QuotedFor $Shell \
            "echo $token \$\$ >&2\n$inner"]
        lappend common echo ""
        if {$typed} {
            # Somebody sits there whom sudo asks in its own words.
            return [list $text $common]
        }
        lappend common prompt $prompt
        if {![dict exists $opts own] || [dict exists $opts stdin]
                || [dict exists $opts stdinchannel]} {
            # On a terminal keys such as Ctrl-C must come through at any time.
            lappend common hold 1 ask $::deployer::AskLimit
        }
        if {$password ne ""} {
            lappend common password $password
        }
        return [list $text $common]
    }

    # Connects and starts LINE: {proc reused}.
    method Begin {line opts} {
        if {![dict exists $opts plain]} {
            ::deployer::JobMay $line
        }
        my Look
        set span [::deployer::EventNow]
        set reused [my Reach $span]
        set token [::deployer::core::token]
        lassign [my Command $line $opts $token] text procOpts
        if {[string first \0 $text] >= 0} {
            # No shell takes one, and sshd ends the whole connection for it.
            ::deployer::Fail {ARGUMENT {}} \
                "a NUL character cannot be given to a command"
        }
        foreach name {merge stays} {
            if {[dict exists $opts $name]} {
                lappend procOpts $name 1
            }
        }
        if {[dict exists $opts terminal]} {
            # Dict of term, cols, rows, modes, shell, channel: what is not
            # given is that of core::spawn.
            lappend procOpts pty 1 {*}[dict get $opts terminal]
        }
        # It is told before it begins.
        if {$span ne ""} {
            set event ""
            if {$opts eq "" && [info exists Masks] && $MasksSeen == $Seen} {
                # Most commands, quickly. What waited since Look, for the
                # connection or for the shell, has taken Masks away.
                set event [::deployer::core::event quick $span $Slug $line \
                    $Masks]
            }
            if {$event eq "" && ![dict exists $opts untold]} {
                set event [my Tell $span $line $opts]
            }
            set span $event
            if {$span ne ""} {
                lappend procOpts event $span
            }
        }
        # procOpts may hold a password, which must not stand in an errorstack.
        if {[catch {my Start $text $procOpts} p options]} {
            if {$span ne ""} {
                ::deployer::EventOutcome $span 1 $p $options
            }
            ::deployer::Again $p $options
        }
        return [list $p $reused]
    }

    # Runs LINE to its end and returns the dict of core::proc run. OPTS: those
    # of `run` without their dash, sudo 1, plain 1 (without the context), untold
    # 1 (no event).
    method Execute {line opts} {
        set slug $Slug
        for {set try 0} 1 {incr try} {
            lassign [my Begin $line $opts] p reused
            if {$opts eq "" && !$::deployer::OutputLimit} {
                set w [::deployer::core::proc run $p]
                set failed [catch {::deployer::Await $w} outcome options]
            } else {
                set failed [catch {
                    ::deployer::RunWith $p $slug $opts
                } outcome options]
            }
            if {!$failed} {
                ::deployer::core::proc close $p
                # The host may be gone by now.
                if {[info exists Shell] && $Shell eq ""
                        && !([dict exists $opts sudo])} {
                    my Learn [dict get $outcome rest]
                }
                return $outcome
            }
            # A connection that died while nobody used it costs one more try.
            if {$reused && !$try && [string match {DEPLOYER CONNECT *} \
                    [dict get $options -errorcode]]} {
                ::deployer::core::proc close $p
                continue
            }
            ::deployer::Abandon [self] $p $line $opts $options $outcome
        }
    }

    # WORD in quotes for the shell that runs our own commands with KEY (FsKey):
    # the login shell, which is found out where the quotes depend on it, or that
    # of sudo.
    method Quoted {word {key {}}} {
        if {$key ne ""} {
            return [::deployer::Quoted $word]
        }
        my Look
        if {$Shell eq "" && [regexp {[\\!\n]} $word]} {
            my Execute : {plain 1 untold 1}
        }
        return [::deployer::QuotedFor $Shell $word]
    }

    # Remembers the login shell that the first command told.
    method Learn shell {
        if {$shell eq ""} {
            set shell ?
        }
        # It was waited for, so that options may be others.
        unset -nocomplain Masks
        set Shell $shell
        set Posix [expr {[file tail $Shell] in $::deployer::PosixShells}]
    }
}

# The host command that NAME means in the nearest calling frame that knows it.
# {DEPLOYER HOSTS UNKNOWN name} where there is none.
proc ::deployer::WhichHost name {
    set host [WhichObject $name]
    if {![info object isa typeof $host ::deployer::host]} {
        Fail [list HOSTS UNKNOWN $name] "\"$name\" is not one host"
    }
    return $host
}

# The same for a host or a container.
proc ::deployer::WhichObject name {
    for {set level 1} {$level <= [info level]} {incr level} {
        set found [uplevel $level [list ::namespace which -command $name]]
        if {$found ne "" && [info object isa object $found]
                && ([info object isa typeof $found ::deployer::host]
                    || [info object isa typeof $found ::deployer::hosts])} {
            return $found
        }
    }
    Fail [list HOSTS UNKNOWN $name] "there is no host \"$name\""
}

proc ::deployer::IsHost word {
    return [expr {[info object isa object $word]
        && [info object isa typeof $word ::deployer::host]}]
}

# As Tcl itself says it, with its code.
proc ::deployer::WrongArgs usage {
    return -code error -errorcode {TCL WRONGARGS} \
        "wrong # args: should be \"$usage\""
}

# VALUE of OPTION, checked and in its normal form.
proc ::deployer::CheckOption {option kind value} {
    switch -glob -- $kind {
        text - secret - host {
            if {[string first \0 $value] < 0} {
                return $value
            }
            set must "have no NUL character"
        }
        slug {
            if {$value ne "" && ![regexp {[\s/:]|^\d+$} $value]} {
                return $value
            }
            set must "have no white space, \"/\" or \":\" and not be all digits"
        }
        address {
            if {![regexp {[\s\0/]|^-} $value]} {
                return $value
            }
            set must "be a host name or an address"
        }
        port {
            if {[string is entier -strict $value] && $value >= 1
                    && $value <= 65535} {
                return [expr {$value + 0}]
            }
            set must "be a number from 1 to 65535"
        }
        seconds {
            if {[string is double -strict $value] && $value > 0
                    && $value < 1e9} {
                return $value
            }
            set must "be a number of seconds above 0"
        }
        seconds0 {
            if {[string is double -strict $value] && $value >= 0
                    && $value < 1e9} {
                return $value
            }
            set must "be a number of seconds"
        }
        count {
            if {[string is entier -strict $value] && $value >= 1} {
                return $value
            }
            set must "be a number of 1 or more"
        }
        count0 - amount {
            if {[string is entier -strict $value] && $value >= 0
                    && ($kind eq "amount" || $value < 1000000)} {
                return [expr {$value + 0}]
            }
            set must "be a number of 0 or more"
        }
        share* {
            # share1: at least 1 or 1%
            if {[regexp {^(\d+)(%?)$} $value -> number percent]
                    && [scan $number %lld number] == 1
                    && $number >= [string range $kind 5 end]
                    && ($percent eq "" || $number <= 100)} {
                return $number$percent
            }
            set must "be a number or a percentage"
        }
        bool {
            if {[string is boolean -strict $value]} {
                return [expr {!!$value}]
            }
            set must "be a boolean"
        }
        list {
            if {[string is list $value]} {
                return $value
            }
            set must "be a list"
        }
        dict {
            if {![catch {dict size $value}]} {
                return $value
            }
            set must "be a dict"
        }
        env {
            if {![catch {dict size $value}]} {
                dict for {name word} $value {
                    CheckEnvName $name
                }
                return $value
            }
            set must "be a dict of names and values"
        }
        command {
            if {[string is list $value]} {
                return $value
            }
            set must "be a command prefix"
        }
        size {
            if {[string is list $value] && [llength $value] == 2
                    && [regexp {^\d{1,5} \d{1,5}$} [join $value]]
                    && [scan $value {%d %d} rows cols] == 2
                    && $rows <= 65535 && $cols <= 65535} {
                return [list $rows $cols]
            }
            set must "be two numbers from 0 to 65535, rows and columns"
        }
        encoding {
            if {$value eq "binary" || $value in [encoding names]} {
                return $value
            }
            set must "be binary or a name that the command encoding names gives"
        }
        default {
            # A choice: words apart by "|"
            if {$value in [split $kind |]} {
                return $value
            }
            set must "be [join [split $kind |] {, }]"
        }
    }
    if {$kind ne "secret"} {
        append must ", not \"[Shorten $value 40]\""
    }
    Fail [list OPTION $option] "$option must $must"
}

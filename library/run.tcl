# run.tcl -- the options of run: input, dialogues, time limits, results.
#
# Layer T1. Works on handles of core::proc and names of hosts, so that it goes
# on where a host is destroyed meanwhile.

namespace eval ::deployer {
    variable RunOptionKinds {
        -pty auto|yes|no -stdin text -stdinchannel channel -timeout seconds
        -check bool -result text|dict -answers answers -onoutput command
        -parallel count -batch share1 -maxfail share0 -pause seconds0
        -encoding encoding -keepnewline bool
    }

    # For so many ms a question that sudo asks before the command begins, as for
    # a new password, may stand without an answer. Its messages come in pieces,
    # on a busy host with gaps.
    variable AskLimit 10000

    # So many bytes of output one run keeps; 0: as many as it may, see dpRun.c.
    variable OutputLimit 0

    variable Feeds              ;# process -> {channel configuration}
    array set Feeds {}

    # Ends the sessions of processes: SIGNAL, and for each PID HALF - HALF. Where
    # the id is not known (0), the halves of the token find the shell by its
    # command line; they come apart, so that this script does not find itself,
    # and it is looked for a while, as it may still be on its way. SIGNAL goes to
    # the leaders first of all ("-": none). A process that leads no session of
    # its own is ended with its descendants instead when the session is not all
    # ours (0 or init's, as seen from a container). All of /proc is read at the
    # begin and at the end, as that takes long. There may be nobody any more who
    # hears what this says. No quote, backslash, "!" or newline in it: any login
    # shell takes it.
    variable KillScript [string map {"\n        " " "} [string trim {
        trap "" HUP PIPE; exec < /dev/null > /dev/null 2>&1;
        F=$1; shift; S=; t=; n=0;
        st() { s=; while read -r l; do s="$s $l"; done < /proc/$1/stat;
        set -- ${s##*")" }; z=$1; f=$2; e=$4; };
        find() { for d in /proc/[0-9]*; do l=; read -r l < $d/cmdline;
        case $l in *$T*) P=${d#/proc/}; return;; esac; done; };
        get() { m=; while [ $# -gt 3 ]; do P=$1; T=$2$4;
        if [ $P = 0 ]; then find; fi;
        if [ $P = 0 ]; then m="$m 0 $2 - $4"; else if [ $F != - ]; then
        kill -$F -- -$P || kill -$F $P; fi; e=; st $P; e=${e:-$P};
        case $e in 0|1) t="$t $P";; *) S="$S $e";; esac; fi;
        shift 4; done; };
        ours() { v=; for d in /proc/[0-9]*; do z=; st ${d#/proc/};
        case $z in ""|Z|X) continue;; esac;
        p=${d#/proc/};
        case " $S " in *" $e "*) ;; *) case " $t " in *" $p "*) ;;
        *" $f "*) t="$t $p";; *) continue;; esac;; esac;
        v="$v $p"; done; [ "$v" ]; };
        left() { u=; for p in $v; do z=; st $p;
        case $z in ""|Z|X) ;; *) u="$u $p";; esac; done; v=$u;
        [ "$v" ] || { ours && kill -TERM $v; }; };
        rest() { sleep 0.02 || { sleep 1; n=$((n+50)); }; n=$((n+1)); };
        run() { get "$@"; while [ "$m" ] && [ $n -lt 25 ]; do rest; get $m;
        done; if [ "$t" ]; then ours; fi; ours || return; n=0;
        if [ $F != - ]; then while [ $n -lt 15 ]; do rest; left || return;
        done; fi; kill -TERM $v; kill -CONT $v; n=0;
        while [ $n -lt 100 ]; do rest; left || return; done;
        while [ $n -lt 150 ]; do kill -KILL $v; rest; left || return; done; };
        if [ -r /proc/self/stat ]; then run "$@"; else
        for i in TERM KILL; do for p; do if [ 0$p -gt 0 ]; then
        pkill -$i -s $p; kill -$i -- -$p; fi; done;
        if [ $i = TERM ]; then sleep 2; fi; done; fi;
    }]]
    core::ending script $KillScript
}

# Takes the options from the front of the list in ARGSVAR and leaves the one
# COMMAND. Returns a dict of name (without dash) -> value, only what is given.
proc ::deployer::RunOptions {verb argsVar} {
    variable RunOptionKinds
    upvar 1 $argsVar words
    set kinds $RunOptionKinds
    if {$verb eq "sudo"} {
        dict set kinds -user text
    }
    set opts [TakeOptions $kinds words]
    if {[llength $words] != 1} {
        WrongArgs "$verb ?options? COMMAND"
    }
    return $opts
}

# The general form: KINDS maps options to kinds of CheckOption; a kind "flag"
# takes no value. What is left in WORDSVAR begins with the first other word;
# `--` ends the options.
proc ::deployer::TakeOptions {kinds wordsVar} {
    upvar 1 $wordsVar words
    set opts {}
    set count [llength $words]
    for {set i 0} {$i < $count} {incr i} {
        set option [lindex $words $i]
        if {[string index $option 0] ne "-"} {
            break
        }
        if {$option eq "--"} {
            incr i
            break
        }
        if {![dict exists $kinds $option]} {
            Fail [list OPTION $option] "unknown option\
                \"[Shorten $option 40]\": must be\
                [join [lsort [dict keys $kinds]] {, }] or --"
        }
        set name [string range $option 1 end]
        set kind [dict get $kinds $option]
        if {$kind eq "flag"} {
            dict set opts $name 1
            continue
        }
        if {[incr i] >= $count} {
            Fail [list OPTION $option] "value for \"$option\" missing"
        }
        set value [lindex $words $i]
        switch -- $kind {
            answers {
                set value [ParseAnswers $value]
            }
            channel {
                CheckChannel $option $value
            }
            text {}
            default {
                set value [CheckOption $option $kind $value]
            }
        }
        dict set opts $name $value
    }
    set words [lrange $words $i end]
    return $opts
}

proc ::deployer::CheckChannel {option channel} {
    if {[catch {chan configure $channel -blocking}]} {
        Fail [list OPTION $option] "$option: there is no channel \"$channel\""
    }
}

# Lets process P run to its end with the options of `run` and returns its
# outcome. {DEPLOYER EXPIRED} when the time is over; P is the caller's.
proc ::deployer::RunWith {p slug opts} {
    variable OutputLimit
    set encoding utf-8
    if {[dict exists $opts encoding]} {
        set encoding [dict get $opts encoding]
    }
    set input {}
    if {[dict exists $opts stdin]} {
        set input [dict get $opts stdin]
        if {$encoding ne "binary"} {
            set input [encoding convertto $encoding $input]
        }
    }
    set answers {}
    if {[dict exists $opts answers]} {
        set answers [dict get $opts answers]
    }
    set user {}
    if {[dict exists $opts onoutput] && [dict get $opts onoutput] ne ""} {
        set user [list {*}[dict get $opts onoutput] $slug]
    }
    set feeds [expr {[dict exists $opts stdinchannel]
        && [dict get $opts stdinchannel] ne ""}]
    # Keys are for the command where it has the terminal and no other input.
    set keys [expr {[dict exists $opts own] && !$feeds
        && ![dict exists $opts stdin]}]
    if {$feeds || $keys || $answers ne ""} {
        set run {stdinopen 1}
    } else {
        set run [dict create stdin $input]
        set input {}
    }
    dict set run encoding $encoding
    if {$OutputLimit} {
        dict set run limit $OutputLimit
    }
    if {$answers ne ""} {
        dict set run answers $answers
    }
    if {[dict exists $opts show]} {
        set user [list ::deployer::TerminalShow $p [dict get $opts show] $user \
            [AsideNow]]
    }
    if {$user ne ""} {
        dict set run onoutput $user
    }
    if {[dict exists $opts terminal]} {
        set run [dict merge $run [TerminalRun $slug $opts $encoding $keys]]
    }
    set w [core::proc run $p $run]
    if {[dict exists $opts input]} {
        core::proc write $p \
            [encoding convertto $encoding [dict get $opts input]]
    }
    if {$input ne ""} {
        core::proc write $p $input
    }
    if {$feeds} {
        FeedStart [dict get $opts stdinchannel] $p
    }
    set timer ""
    if {[dict exists $opts timeout]} {
        set timer [after [expr {round([dict get $opts timeout] * 1000)}] \
            [list ::deployer::core::waiter finish $w expired \
                {-code 1 -level 0 -errorcode {DEPLOYER EXPIRED}}]]
    }
    try {
        set outcome [Await $w]
    } finally {
        if {$timer ne ""} {
            after cancel $timer
        }
        FeedStop $p
        if {[dict exists $opts show]} {
            TerminalShown $p [dict get $opts show]
        }
    }
    if {[dict exists $opts show]} {
        # Nothing is left to be shown by one who may exit.
        TerminalDrain
    }
    return $outcome
}

# Copies what CHANNEL gives to the input of P, as bytes, as fast as P takes
# them. Only while P runs is the channel ours.
proc ::deployer::FeedStart {channel p} {
    variable Feeds
    set config {}
    foreach option {-blocking -translation -encoding -eofchar} {
        lappend config $option [chan configure $channel $option]
    }
    set Feeds($p) [list $channel $config]
    chan configure $channel -blocking 0 -translation binary
    chan event $channel readable [list ::deployer::Feed $channel $p]
}

proc ::deployer::FeedStop p {
    variable Feeds
    if {[info exists Feeds($p)]} {
        lassign $Feeds($p) channel config
        unset Feeds($p)
        catch {chan event $channel readable {}}
        catch {chan configure $channel {*}$config}
    }
}

proc ::deployer::Feed {channel p} {
    set failed [catch {read $channel 65536} bytes]
    if {!$failed && $bytes ne ""} {
        core::proc write $p $bytes
    }
    if {$failed || [eof $channel]} {
        chan event $channel readable {}
        core::proc eof $p
    } elseif {[core::proc room $p] <= 0} {
        chan event $channel readable {}
        set w [core::proc writable $p]
        core::waiter call $w [list ::deployer::FeedAgain $channel $p $w]
    }
}

proc ::deployer::FeedAgain {channel p w} {
    variable Feeds
    core::waiter drop $w
    if {[info exists Feeds($p)]} {
        chan event $channel readable [list ::deployer::Feed $channel $p]
    }
}

# Why sudo refused, in the words that it said. What its parts say about each
# other's failure is no reason.
proc ::deployer::SudoReason said {
    set lines [lsearch -all -inline -not -regexp \
        [split [string trimright $said] \n] \
        {^sudo: error initializing audit plugin}]
    regsub {^sudo: } [LastLines [join $lines \n]] {} reason
    return $reason
}

# The value of `run` for the outcome of LINE, or its error.
proc ::deployer::RunResult {host slug line opts outcome} {
    set sudo [dict exists $opts sudo]
    if {[dict get $outcome status] != 0} {
        if {[dict exists $opts terminal] && ![dict exists $opts own]} {
            # What a human would see; there is no stream of errors.
            dict set outcome stderr [TerminalText [dict get $outcome stdout]]
        }
        if {$sudo && ![dict get $outcome started]
                && [dict get $outcome status] == 1} {
            set said [dict get $outcome stderr]
            if {[dict exists $opts title]} {
                set what [dict get $opts title]
            } else {
                set what "\"[Shorten $line]\""
            }
            set what "refused $what"
            # As where the user's password has expired. A question that read the
            # end of input at once looks like a line, but for its space.
            if {[dict exists $outcome asked] || [regexp {[:?] \n} $said]} {
                set what "did not run \"[Shorten $line]\", because it asked\
                    something that nobody answered (-answers can, or a\
                    terminal)"
            }
            Fail [list SUDO DENIED $slug] [MaskFor $host \
                "sudo on host $slug $what: [SudoReason $said]"]
        }
        if {![dict exists $opts check] || [dict get $opts check]} {
            # Who tells of it goes on behind what it left on the screen.
            set last [lindex [split [string range \
                [dict get $outcome stdout] end-4000 end] \n] end]
            FailCommand $host $slug $line $outcome -open \
                [expr {[dict exists $opts own] && [TerminalPlain $last] ne ""}]
        }
    }
    set chop [expr {![dict exists $opts keepnewline]
        || ![dict get $opts keepnewline]}]
    set out [dict get $outcome stdout]
    if {$chop} {
        set out [core::text chop $out]
    }
    if {![dict exists $opts result] || [dict get $opts result] eq "text"} {
        return $out
    }
    set err [dict get $outcome stderr]
    if {$chop} {
        set err [core::text chop $err]
    }
    return [dict create stdout $out stderr $err \
        status [dict get $outcome status] signal [dict get $outcome signal] \
        seconds [dict get $outcome seconds]]
}

# Ends process P of HOST after the error OPTIONS MESSAGE of waiting for it and
# raises what the caller is to see. Where the command still runs, what it
# started on the host is ended.
proc ::deployer::Abandon {host p line opts options message} {
    set code [dict get $options -errorcode]
    set expired [string match {DEPLOYER EXPIRED*} $code]
    set known 1
    if {[string match {DEPLOYER EXEC SIZE*} $code] && [IsHost $host]} {
        # The collector knows neither.
        set slug [$host cget -slug]
        set message [MaskFor $host "command \"[Shorten $line]\" on host\
            $slug[expr {[dict get [core::proc info $p] ended] ? ""
                : " was ended"}]: $message"]
        dict set options -errorcode [list DEPLOYER EXEC SIZE $slug]
        dict set options -errorinfo $message
    }
    if {[string match {DEPLOYER EXEC LOST*} $code] && [regexp \
            {^the command on \S+ (was cut off|could not be started): (.*)$} \
            $message - how why]} {
        # Nor does the connection.
        set message [MaskFor $host "command \"[Shorten $line]\" on host\
            [lindex $code 3] $how: $why"]
        if {$how eq "was cut off"} {
            append message "; whether it ran to its end is not known"
        }
        dict set options -errorinfo $message
    }
    if {[dict get [core::proc info $p] ended]} {
        core::proc close $p
    } else {
        # In a job of its own: cancelling again must not stop it.
        set w [Job [list ::deployer::Kill $p] {}]
        if {[string match {DEPLOYER WAIT*} $code]} {
            Detach $w
        } elseif {[catch {Await $w} known]} {
            set known 0
        }
        # Also where that was cancelled: whoever waits for the terminal is next.
        catch {core::proc close $p}
    }
    if {$expired} {
        set slug [dict get $opts slug]
        set seconds [dict get $opts timeout]
        set end [expr {$known ? "was ended" : "may still run: the host does not\
            answer any more"}]
        Fail [list EXEC TIMEOUT $slug $seconds] "command \"[Shorten $line]\" on\
            host $slug did not end within $seconds seconds and $end"
    }
    return -options $options $message
}

# Ends the session of process P and closes P. Waits, but not for ever. Returns
# whether P is known to have ended.
proc ::deployer::Kill p {
    set known [EndSession $p]
    catch {core::proc close $p}
    return $known
}

# The same without closing P.
proc ::deployer::EndSession p {
    set known 1
    # Who ends the program meanwhile does the rest.
    if {[catch {core::ending begin $p} ending]} {
        return $known
    }
    catch {
        set info [core::proc info $p]
        # One that waits for its turn is never asked for once P is closed.
        if {![dict get $info ended] && [dict get $info begun]} {
            set known 0
            set known [Await [core::ending end $ending]]
        }
    }
    core::ending done $ending
    return $known
}

# events.tcl -- what jobs and hosts do, as events.
#
# Layer T1. The events themselves are made in C (core::event) and go to sinks
# (core::sink). The key -event of the context is the event that something
# belongs to; a context without it tells nobody, and costs nothing.

namespace eval ::deployer {
    variable EventHosts         ;# slug -> host; while somebody wants to know
    variable EventHostsWanted 0
    # Whether hosts have to note (Noted) on whom something runs.
    variable EventNoting 0
    array set EventHosts {}
}

# The event that this code belongs to; "" where nobody listens.
proc ::deployer::EventNow {} {
    variable Contexts
    variable Plains
    set co [info coroutine]
    if {[info exists Plains($co)]} {
        return [lindex $Plains($co) 0]
    }
    if {[info exists Contexts($co)] && [dict exists $Contexts($co) -event]} {
        return [dict get $Contexts($co) -event]
    }
    return ""
}

# What decides about EventNoting has changed.
proc ::deployer::EventNotes {} {
    variable EventNoting
    variable EventHosts
    variable EventHostsWanted
    variable Resuming
    set EventNoting [expr {$Resuming || $EventHostsWanted
        || [array size EventHosts]}]
    core::event noting $EventNoting
}

# The job CO has failed, with this error. Returns the journal of the run that it
# was, "" where it was none.
proc ::deployer::EventsFailed {co result options} {
    set spans [lassign [core::event events $co] journal]
    foreach span $spans {
        core::event end $span [EventFailures $options] $result \
            [dict get $options -errorcode]
    }
    return $journal
}

# {failures DICT} of the return OPTIONS of what failed on some of many: message
# and errorcode of each, as far as an event has room for them.
proc ::deployer::EventFailures options {
    if {![dict exists $options -failures]} {
        return {}
    }
    set failures {}
    set count 0
    dict for {key failure} [dict get $options -failures] {
        if {[incr count] > 2000} {
            break
        }
        dict set failures $key [dict create \
            message [Shorten [dict get $failure message] 300] \
            errorcode [dict get $failure errorcode]]
    }
    return [list failures $failures]
}

# What a host does.

oo::define ::deployer::host {
    variable Slug Masks MasksSeen

    # As Connect, with its event below SPAN where it is not connected.
    method Reach span {
        if {$span eq "" || [my connected]} {
            return [my Connect]
        }
        set span [::deployer::core::event begin $span connect \
            [list host $Slug]]
        set code [catch {my Connect} result options]
        # Options may be others by now.
        unset -nocomplain Masks
        ::deployer::EventOutcome $span $code $result $options
        return -options $options $result
    }

    # What must not be seen in events, besides TEXTS.
    method Hidden texts {
        if {![info exists Masks] || $MasksSeen != $::deployer::Generation} {
            set Masks [lsearch -all -inline -exact -not [my Secrets] {}]
            set MasksSeen $::deployer::Generation
        }
        return [concat $Masks $texts]
    }

    # A logger may have to come back to this host.
    method Noted {} {
        if {$::deployer::Resuming} {
            ::deployer::ResumeTouch
        }
        if {$::deployer::EventHostsWanted} {
            set ::deployer::EventHosts($Slug) [self]
        } elseif {[array size ::deployer::EventHosts]} {
            array unset ::deployer::EventHosts
            ::deployer::EventNotes
        }
    }

    # The event of a process that runs LINE with OPTS (those of Execute), below
    # SPAN.
    method Tell {span line opts} {
        set facts [list host $Slug command $line]
        if {$::deployer::EventNoting} {
            my Noted
        }
        if {[dict exists $opts sudo]} {
            lappend facts sudo 1 user [expr {[dict exists $opts user]
                && [dict get $opts user] ne "" ? [dict get $opts user]
                : "root"}]
        }
        if {[dict exists $opts terminal]} {
            set terminal [dict merge {cols 80 rows 24} \
                [dict get $opts terminal]]
            lappend facts terminal [list [dict get $terminal rows] \
                [dict get $terminal cols]]
        }
        if {[dict exists $opts own] || [dict exists $opts show]} {
            # Somebody sees it already.
            lappend facts shown 1
        }
        set answers {}
        if {[dict exists $opts answers]} {
            foreach pair [dict get $opts answers] {
                # With a terminal they come back as an echo.
                lappend answers {*}[split [lindex $pair 2] \r\n]
            }
        }
        return [::deployer::core::event begin $span run $facts {} \
            [my Hidden {}] [lsearch -all -inline -exact -not $answers {}]]
    }
}

# Ends SPAN with the outcome of a `catch`; FACTS are for the end.
proc ::deployer::EventOutcome {span code result options {facts {}}} {
    if {$code == 1} {
        core::event end $span $facts $result [dict get $options -errorcode]
    } else {
        core::event end $span $facts
    }
}

# The verbs of files that change something or move bytes become events: the
# method of the verb stands behind one that tells.
proc ::deployer::EventVerb {method words} {
    set inner ${method}Untold
    oo::define ::deployer::host renamemethod $method $inner
    oo::define ::deployer::host method $method {opts args} [string map \
        [list %inner $inner %words [list $words] %method $method] {
        set span [::deployer::EventNow]
        if {$span eq ""} {
            tailcall my %inner $opts {*}$args
        }
        set facts [list host $Slug command [list %words {*}$args]]
        if {[::deployer::SandboxMode] ne ""} {
            lappend facts sandbox 1
        }
        if {[dict exists $opts sudo] && [dict get $opts sudo]} {
            lappend facts sudo 1 user [expr {[dict get $opts user] eq ""
                ? "root" : [dict get $opts user]}]
        }
        my Noted
        set span [::deployer::core::event begin $span file $facts {} \
            [my Hidden {}]]
        set code [catch {my %inner $opts {*}$args} result options]
        if {$code || "%method" ne "FileOpen"
                || [catch {::deployer::core::file follow $result $span}]} {
            ::deployer::EventOutcome $span $code $result $options \
                [::deployer::EventBytes $result]
        }
        dict incr options -level
        return -options $options $result
    }]
    oo::define ::deployer::host unexport $method $inner
}

# {bytes N} of what a transfer returns.
proc ::deployer::EventBytes result {
    if {![catch {dict exists $result bytes} known] && $known
            && [string is wideinteger -strict [dict get $result bytes]]} {
        return [list bytes [dict get $result bytes]]
    }
    return {}
}

apply {{} {
    foreach {method word} {
        FileGet get FilePut put FileOpen open FileMkdir mkdir
        FileRemove remove FileRename rename FileSymlink symlink FileLink link
        FileSetstat setstat
    } {
        ::deployer::EventVerb $method $word
    }
}}

# define.tcl -- the metaclass deployer::service, and how bodies are evaluated.
#
# Layer T2. What a body says becomes methods of a real TclOO class, so that
# `next`, `mixin` and `info class` tell the truth, and facts that are no
# methods, in the variable Facts of the class's own namespace: a dict with
#
#   space      namespace in which the class was defined
#   name       its simple name; outer: the class that it is nested in, or ""
#   place      {file line}, "" and 0 where they are not known (see BodyPlace)
#   source     the commands that defined it, each a list of words
#   members    name -> dict kind place source serial ..., in the order of
#              definition; serial counts the members of all classes
#   nested     the nested classes, which die with this one
#   roles isolate justone map hosts group describe loggers default
#              only those that this very class sets; map and hosts are
#              {DICT NAMESPACE}, names of hosts resolve in NAMESPACE

namespace eval ::deployer {
    # Counts the bodies that have ended, so that summaries know when to look.
    variable Epoch 0
    variable BodyCount 0
    variable Bodies             ;# namespace of a body at work -> dict
    array set Bodies {}

    variable KeptCount 0
    variable Kept               ;# id -> how many objects KeepClass waits for
    array set Kept {}

    variable MemberCount 0
    variable CoreWords {}       ;# commands of oo::define that were looked at

    # Bodies are evaluated in namespaces of their own below bodies, which find
    # the definers first, then the user's namespace, then the global one.
    namespace eval bodies {}
    namespace eval definers {}
    namespace eval kept {}

    namespace export service define
}

oo::class create ::deployer::service {
    superclass oo::class

    # NAME ?BODY?; the form NAME <nested> ... is for the definer `service`.
    self method create {name args} {
        if {[lindex $args 0] ne "<nested>"} {
            set space [uplevel 1 {::namespace current}]
            ::deployer::CheckFree $name $space \
                [::deployer::FramePlace [info frame -1] {{} 0}]
            if {[llength $args] > 1} {
                ::deployer::WrongArgs "deployer::service create NAME ?BODY?"
            }
            set body [lindex $args 0]
            set facts [dict create space $space place \
                [::deployer::BodyPlace [info frame -1] $body] \
                source [list [list deployer::service create $name $body]]]
            set args [list <nested> $facts ::deployer::Service $body ""]
        }
        if {![catch {next $name {*}$args} result options]} {
            return $result
        }
        # The frame of `next` is ours and says nothing.
        dict set options -errorinfo [string map [list "\n    invoked from\
            within\n\"next \$name {*}\$args\"" {}] \
            [dict get $options -errorinfo]]
        dict incr options -level
        return -options $options $result
    }

    # ?BODY?, or what `create` gives: <nested> FACTS SUPER BODY DEAL.
    constructor args {
        next
        trace add command [self] delete ::deployer::KeepClass
        if {[lindex $args 0] eq "<nested>"} {
            lassign $args - given super body deal
        } elseif {[llength $args] > 1} {
            ::deployer::WrongArgs "deployer::service new ?BODY?"
        } else {
            set super ::deployer::Service
            set body [lindex $args 0]
            set deal ""
            set given [dict create space [uplevel 1 {::namespace current}] \
                place [::deployer::BodyPlace [info frame -1] $body] \
                source [list [list deployer::service new $body]]]
        }
        variable Facts [dict merge [dict create \
            name [namespace tail [self]] outer "" members {} nested {}] $given]
        oo::define [self] superclass $super
        ::deployer::EvalBody [self] [dict get $Facts space] \
            [dict get $Facts place] $body [dict create deal $deal]
    }

    # A class that failed in its body dies here as well.
    destructor {
        variable Facts
        incr ::deployer::Epoch
        if {[info exists Facts]} {
            set nested [dict get $Facts nested]
            dict set Facts nested {}
            ::deployer::LeaveOuter [self] [dict get $Facts outer]
            foreach class $nested {
                if {[info object isa object $class]} {
                    $class destroy
                }
            }
        }
        if {[self next] ne ""} {
            next
        }
    }
}

# deployer::define CLASS BODY -- adds to a service; where the body fails the
# class is what it was. {DEPLOYER DEFINE word}.
proc ::deployer::define {class body} {
    set found [uplevel 1 [list ::namespace which -command $class]]
    if {![IsService $found]} {
        Fail [list DEFINE $class] "\"[Shorten $class 40]\" is no\
            service[AtPlace [FramePlace [info frame -1] {{} 0}]]"
    }
    set place [BodyPlace [info frame -1] $body]
    set space [uplevel 1 {::namespace current}]
    set deal [DealBegin $found]
    set code [catch {
        EvalBody $found $space $place $body \
            [dict create deal $deal again 1]
        DealEnd $deal
    } message options]
    if {$code} {
        DealUndo $deal
        # An error of the body is one of our caller's already.
        if {$code != 2} {
            dict incr options -level
        }
        return -options $options $message
    }
    namespace upvar [info object namespace $found] Facts facts
    dict lappend facts source [list deployer::define $class $body]
    return
}

# Raises {DEPLOYER DEFINE NAME} where NAME, seen from namespace SPACE, is taken;
# PLACE is where the definition stands.
proc ::deployer::CheckFree {name space place} {
    set full $name
    if {![string match ::* $name]} {
        set full [string trimright $space :]::$name
    }
    if {$name eq "" || [namespace which -command $full] eq ""} {
        return
    }
    set advice "there is another command of that name"
    if {[IsService $full]} {
        set advice "it exists already; destroy it first, or add to it with\
            deployer::define"
    }
    return -level 2 -code error -errorcode [list DEPLOYER DEFINE $name] \
        "service \"[Shorten $name 80]\" cannot be made:\
            $advice[AtPlace $place]"
}

# Nested CLASS dies; where OUTER lives on it forgets it.
proc ::deployer::LeaveOuter {class outer} {
    variable Epoch
    if {$outer eq "" || ![IsService $outer]} {
        return
    }
    namespace upvar [info object namespace $outer] Facts facts
    set at [lsearch -exact [dict get $facts nested] $class]
    if {$at < 0} {
        return
    }
    dict set facts nested [lreplace [dict get $facts nested] $at $at]
    dict for {name entry} [dict get $facts members] {
        if {[dict exists $entry class] && [dict get $entry class] eq $class} {
            dict unset facts members $name
            ::oo::define $outer deletemethod $name
        }
    }
    incr Epoch
}

# CLASS is about to die, or to leave what it belongs to and then die. Tcl 8.6
# looks at the class of a running method (when an error leaves it, for `self
# class`) without holding it, so a call on the class itself, which Tcl does hold
# it for, waits in a coroutine. Instances die with their class, but no namespace
# goes while code runs in it: when all of theirs are gone the wait is over.
proc ::deployer::KeepClass {class args} {
    variable KeptCount
    variable Kept
    set id [incr KeptCount]
    set objects {}
    set pending [list $class]
    while {[llength $pending]} {
        set pending [lassign $pending member]
        if {$member ne $class && ![IsService $member]} {
            # Nothing tells when that one dies.
            KeepClass $member
        }
        lappend pending {*}[info class subclasses $member]
        foreach object [info class instances $member] {
            dict set objects [info object namespace $object] 1
        }
    }
    if {![dict size $objects]} {
        return
    }
    set Kept($id) [dict size $objects]
    foreach ns [dict keys $objects] {
        set ${ns}::<kept> ""
        trace add variable ${ns}::<kept> unset [list ::deployer::LetGo $id]
    }
    coroutine ::deployer::kept::$id [info object namespace $class]::my eval yield
}

proc ::deployer::LetGo {id args} {
    variable Kept
    if {![incr Kept($id) -1]} {
        unset Kept($id)
        rename ::deployer::kept::$id {}
    }
}

proc ::deployer::IsService class {
    return [expr {[info object isa object $class]
        && [info object isa typeof $class ::deployer::service]}]
}

# Evaluates BODY for CLASS with the definers at hand. SPACE is the user's
# namespace, PLACE the {file line} where BODY begins. An error of the body
# becomes that of our caller. GIVEN is a dict:
#   within   for what an outer class says about this one: the dotted name of
#            this one, as it stands on the line PLACE
#   source   the words that stand there
#   deal     that of the deployer::define at work, else ""
#   again    1 where the class stands already
proc ::deployer::EvalBody {class space place body given} {
    variable Bodies
    variable BodyCount
    variable Epoch
    AdoptWords
    set ns ::deployer::bodies::[incr BodyCount]
    set path ::deployer::definers
    if {$space ne "::"} {
        lappend path $space
    }
    namespace eval $ns [list ::namespace path $path]
    set Bodies($ns) [dict merge [dict create class $class space $space \
        place $place at $place within "" source "" deal "" again 0 \
        reaches {} made {}] $given]
    set code [catch {namespace eval $ns $body} result options]
    if {$code == 2 && [dict get $options -code] == 1} {
        # return -code error
        set code 1
        dict set options -level 0
    }
    if {$code in {0 2}} {
        set code [catch {EndBody $ns} result options]
    } elseif {$code == 1} {
        lassign [UnknownWord $ns $result $options] result options
    } elseif {$code in {3 4}} {
        set word [expr {$code == 3 ? "break" : "continue"}]
        set result "the body of service \"$class\" has a \"$word\" outside of a\
            loop[AtPlace $place]"
        set code 1
        set options [list -code 1 -level 0 -errorinfo $result \
            -errorcode [list DEPLOYER DEFINE $word]]
    }
    unset Bodies($ns)
    namespace delete $ns
    incr Epoch
    if {!$code} {
        return
    }
    if {$code == 1} {
        dict set options -errorinfo [BodyTrace $ns $class $options]
    }
    dict incr options -level 2
    return -options $options $result
}

# MESSAGE and OPTIONS of an error of the body NS; where the body itself has a
# word that means nothing, those of an error that says so.
proc ::deployer::UnknownWord {ns message options} {
    variable Bodies
    if {[lrange [dict get $options -errorcode] 0 2] ne {TCL LOOKUP COMMAND}} {
        return [list $message $options]
    }
    set word [lindex [dict get $options -errorcode] 3]
    set trace [dict get $options -errorinfo]
    set tag "\n    (in namespace eval \"$ns\" script line "
    set at [string first $tag $trace]
    # Further frames are those of a command of the user's that failed.
    if {$at < 0 || [string first "\n    invoked from within\n" \
            [string range $trace 0 $at]] >= 0} {
        return [list $message $options]
    }
    set line [scan [string range $trace $at+[string length $tag] end] %d]
    set place [FramePlace [dict create line $line] \
        [dict get $Bodies($ns) place]]
    set told "\"[Shorten $word 40]\" is no word of a service's body, and no\
        command[AtPlace $place]"
    dict set options -errorcode [list DEPLOYER DEFINE $word]
    dict set options -errorinfo $told[string range $trace $at end]
    return [list $told $options]
}

# PLACE for the end of a sentence, "" where it is not known.
proc ::deployer::AtPlace place {
    lassign $place file line
    if {$file eq ""} {
        return ""
    }
    return " (file \"$file\" line $line)"
}

# The error trace of OPTIONS, of the body NS of CLASS, without our own frames.
proc ::deployer::BodyTrace {ns class options} {
    set trace [dict get $options -errorinfo]
    set tag "\n    (in namespace eval \"$ns\" script line "
    set here ""
    if {[set at [string last $tag $trace]] >= 0} {
        set line [scan [string range $trace \
            [expr {$at + [string length $tag]}] end] %d]
        set trace [string range $trace 0 $at-1]
        set here "\n    (body of service \"$class\" line $line)"
    }
    if {[string match {DEPLOYER DEFINE*} [dict get $options -errorcode]]
            || [string match {DEPLOYER STATE*} \
                [dict get $options -errorcode]]} {
        set inner [regexp -all -inline \
            {\n    \(body of service "[^\n]*" line \d+\)} $trace]
        set at [string first "\n    while executing\n" $trace]
        if {$at < 0} {
            set at [string first "\n    (" $trace]
        }
        if {$at >= 0} {
            set trace [string range $trace 0 $at-1][join $inner {}]
        }
    }
    return $trace$here
}

# What can be looked at only when the body NS has ended.
proc ::deployer::EndBody ns {
    variable Bodies
    variable Epoch
    set class [ClassOf $ns]
    set space [dict get $Bodies($ns) space]
    foreach reach [dict get $Bodies($ns) reaches] {
        lassign $reach definer path words at source
        dict set Bodies($ns) at $at
        dict set Bodies($ns) source $source
        set rest [lassign $path name]
        set within [string trimleft [dict get $Bodies($ns) within].$name .]
        set nested [OwnNested $ns $name [join [list $within {*}$rest] .]]
        if {[llength $rest]} {
            set words [linsert $words 0 [join $rest .]]
        }
        EvalBody $nested $space $at [list $definer {*}$words] [dict create \
            within $within source $source again 1 \
            deal [dict get $Bodies($ns) deal]]
        namespace upvar [info object namespace $nested] Facts inner
        if {$source ni [dict get $inner source]} {
            dict lappend inner source $source
        }
    }
    namespace upvar [info object namespace $class] Facts facts
    incr Epoch
    if {[dict exists $facts map]} {
        set summary [Summary $class]
        set declared [dict get $summary roles]
        lappend declared [dict get $summary isolate]
        foreach role [dict keys [lindex [dict get $facts map] 0]] {
            if {$role ni $declared} {
                FailDefine $ns $role "service $class does not declare the role\
                    \"$role\" that -map names"
            }
        }
    }
    if {[dict exists $facts justone]
            && [dict get [Summary $class] isolate] eq ""} {
        FailDefine $ns -justone "service $class does not isolate, so -justone\
            means nothing"
    }
}

# The nested service NAME of the class of body NS; an inherited one is first
# derived from, so that its own class stays as it is. PATH is for the error.
proc ::deployer::OwnNested {ns name path} {
    variable Bodies
    set class [ClassOf $ns]
    set member [Member $class $name]
    if {[dict exists $member class]} {
        set nested [dict get $member class]
        set owner [dict get $member owner]
        if {$owner eq $class} {
            return $nested
        }
        set lineage [Lineage $class]
        if {[lsearch -exact $lineage $owner]
                < [lsearch -exact $lineage $class]} {
            FailDefine $ns $path "\"$path\" reaches into \"$name\" of $owner,\
                which is mixed into $class and stands above it"
        }
        # It stays where it was among the members.
        AddNested $ns $name $nested [dict create \
            space [dict get $Bodies($ns) space] name $name outer $class \
            place [dict get $Bodies($ns) at] \
            source [list [dict get $Bodies($ns) source]]] {} \
            [dict get $member serial]
        return $class.$name
    }
    FailDefine $ns $path "\"$path\" reaches into \"$name\", which is no nested\
        service of $class"
}

# Words that other packages add to oo::define work in bodies too.
proc ::deployer::AdoptWords {} {
    variable CoreWords
    set commands [info commands ::oo::define::*]
    if {$commands eq $CoreWords} {
        return
    }
    set CoreWords $commands
    foreach command $commands {
        set word [namespace tail $command]
        if {[namespace which -command ::deployer::definers::$word] eq ""} {
            interp alias {} ::deployer::definers::$word \
                {} ::deployer::WordOfCore $word
        }
    }
}

# {file line} where BODY begins in the command of FRAME, a result of `info
# frame`; BASE is the place of the body that the command stands in. A third
# element, 1, says that BODY is not written out there, so that its lines cannot
# be told from each other.
proc ::deployer::BodyPlace {frame body {base {{} 0}}} {
    lassign [FramePlace $frame $base] file line fixed
    if {$file eq ""} {
        return {{} 0}
    }
    set command [dict get $frame cmd]
    set at [string last $body $command]
    if {$at <= 0 && $body ne ""} {
        return [list $file $line 1]
    }
    if {$body ne "" && $fixed eq ""} {
        incr line [regexp -all \n [string range $command 0 $at-1]]
    }
    return [list $file $line {*}$fixed]
}

proc ::deployer::FramePlace {frame base} {
    if {[dict exists $frame file]} {
        return [list [dict get $frame file] [dict get $frame line]]
    }
    lassign $base file line fixed
    if {$file eq "" || ![dict exists $frame line]} {
        return {{} 0}
    }
    if {$fixed ne ""} {
        return $base
    }
    return [list $file [expr {$line + [dict get $frame line] - 1}]]
}

# Called by a definer, itself called from a body: the body's namespace.
proc ::deployer::BodyOf word {
    variable Bodies
    set ns [uplevel 2 {::namespace current}]
    if {![info exists Bodies($ns)]} {
        Fail [list DEFINE $word] \
            "\"$word\" works only in the body of a service"
    }
    # Line and words go into the entry of a member, the line into errors.
    if {[dict get $Bodies($ns) within] eq ""} {
        dict set Bodies($ns) at [FramePlace [info frame -2] \
            [dict get $Bodies($ns) place]]
        dict set Bodies($ns) source \
            [list $word {*}[lrange [info level -1] 1 end]]
    }
    return $ns
}

# Raises {DEPLOYER DEFINE WORD}; the sentence ends in the file and line.
proc ::deployer::FailDefine {ns word message} {
    variable Bodies
    append message [AtPlace [dict get $Bodies($ns) at]]
    return -level 2 -code error -errorcode [list DEPLOYER DEFINE $word] $message
}

# Sets facts of the class that the body NS is about.
proc ::deployer::SetFact {ns key value} {
    variable Bodies
    set class [dict get $Bodies($ns) class]
    if {$key in {hosts map isolate justone roles}
            && [dict get $Bodies($ns) again]
            && [set instance [FirstInstance $class]] ne ""} {
        FailDefine $ns $key "service $class has instances, as $instance, which\
            have their hosts already: destroy them before \"$key\" changes"
    }
    namespace upvar [info object namespace $class] Facts facts
    dict set facts $key $value
}

# An instance of CLASS or of a class derived from it, "" where there is none.
proc ::deployer::FirstInstance class {
    set instance [lindex [info class instances $class] 0]
    foreach derived [info class subclasses $class] {
        if {$instance eq "" && [IsService $derived]} {
            set instance [FirstInstance $derived]
        }
    }
    return $instance
}

# Adds member NAME of KIND; ENTRY holds what else is known about it. A class has
# one member of a name, the last.
proc ::deployer::AddMember {ns kind name entry} {
    variable Bodies
    variable MemberCount
    set class [dict get $Bodies($ns) class]
    DropMember $ns $name
    namespace upvar [info object namespace $class] Facts facts
    if {[dict exists $facts members $name]} {
        # It keeps its place among the members.
        set serial [dict get $facts members $name serial]
    } else {
        set serial [incr MemberCount]
    }
    dict set facts members $name [dict create kind $kind \
        place [dict get $Bodies($ns) at] \
        source [dict get $Bodies($ns) source] serial $serial {*}$entry]
    # TclOO alone goes by the first letter.
    if {[string index $name 0] eq "_"} {
        ::oo::define $class unexport $name
    } else {
        ::oo::define $class export $name
    }
}

# Member NAME is about to be redefined: what came with the old one goes: its
# aliases, its being the default, its nested class.
proc ::deployer::DropMember {ns name} {
    variable Bodies
    set class [dict get $Bodies($ns) class]
    namespace upvar [info object namespace $class] Facts facts
    if {![dict exists $facts members $name]} {
        return
    }
    set old [dict get $facts members $name]
    if {[dict exists $facts default] && [dict get $facts default] eq $name} {
        dict unset facts default
    }
    switch -- [dict get $old kind] {
        action {
            foreach alias [dict get $old alias] {
                if {[dict exists $facts members $alias target]
                        && [dict get $facts members $alias target] eq $name} {
                    dict unset facts members $alias
                    ::oo::define $class deletemethod $alias
                }
            }
        }
        service {
            set nested [dict get $old class]
            dict set facts nested [lsearch -all -inline -exact -not \
                [dict get $facts nested] $nested]
            PutAside [dict get $Bodies($ns) deal] $nested
        }
    }
    # Only the place stays, until the new one is there.
    dict set facts members $name \
        [dict create kind none serial [dict get $old serial]]
}

# loggertrace.tcl -- the logger trace: what ran before something failed.
#
# Layer T2.

oo::class create ::deployer::logger::trace {
    superclass ::deployer::logger::Memory
    # Done: the last outermost actions that have ended, oldest first. Focus: the
    # path whose cells are of interest, "" for all.
    variable Focus Nodes Kids Channel Limit Print Done Keep

    # trace new ?-channel CHANNEL | -file PATH? ?-print BOOL? ?-limit N?
    #     ?-tail N? ?-keep N?
    # Keeps the last -limit parts, and -tail characters of the output of each. It
    # is printed where an outermost action has failed, unless -print is 0, and
    # `text` gives it at any time; so it does of the last -keep ones.
    constructor args {
        set options [::deployer::logger::Options {
            -channel text -file text -print bool -limit count -tail count
            -keep count
        } $args {print 1 limit 2000 tail 2000 keep 1}]
        my Open $options
        my Prepare [dict get $options limit] [dict get $options tail]
        set Print [dict get $options print]
        set Keep [dict get $options keep]
        set Done {}
        set Focus ""
    }

    method IsAside id {
        set node [dict get $Nodes $id]
        set path [dict get $node path]
        return [expr {$Focus ne "" && [dict get $node host] ne ""
            && [dict get $node type] eq "action"
            && [string first $path/ $Focus/] != 0
            && [string first $Focus/ $path/] != 0}]
    }

    # Whether ID is part of what runs in a cell.
    method IsInCell id {
        set parent [dict get $Nodes $id parent]
        return [expr {[dict exists $Nodes $parent]
            && [dict get $Nodes $parent host] ne ""}]
    }

    # What ran, and what still runs, as text; with a PATH without what ran in
    # other cells than those of it.
    method text {{path {}}} {
        set lines {}
        set Focus $path
        dict for {id node} $Nodes {
            if {[dict get $node parent] eq ""} {
                lappend lines {*}[my Render $id 1]
            }
        }
        set Focus ""
        return [join $lines \n]
    }

    # The oldest parts that are over go, a tenth of all at once: first what ran in
    # cells that have ended well.
    method MakeRoom {} {
        set most [expr {[dict size $Nodes] - max(1, $Limit / 10)}]
        set gone {}
        foreach id [dict keys $Nodes] {
            if {[dict size $Nodes] <= $most} {
                break
            }
            if {[dict exists $Nodes $id] && [my IsWell $id]
                    && ![my IsInCell $id]} {
                foreach kid [my KidsOf $id] {
                    dict lappend gone $id $kid
                    my Forget $kid
                }
            }
        }
        foreach id [dict keys $Nodes] {
            if {[dict size $Nodes] <= $most} {
                break
            }
            if {![dict exists $Nodes $id]} {
                continue
            }
            set node [dict get $Nodes $id]
            if {[dict get $node parent] ne ""
                    && ([dict get $node state] ne ""
                        || [dict get $node type] in {message error})} {
                dict lappend gone [dict get $node parent] $id
                my Forget $id
            }
        }
        dict for {parent ids} $gone {
            if {[dict exists $Nodes $parent]} {
                dict set Nodes $parent gone \
                    [expr {[dict get $Nodes $parent gone] + [llength $ids]}]
                dict set Kids $parent [lmap kid [dict get $Kids $parent] {
                    if {![dict exists $Nodes $kid]} continue
                    set kid
                }]
            }
        }
    }

    method Ended id {
        if {$Print && ![dict get $Nodes $id good]} {
            my Put "Trace of what failed:\n[join [my Render $id 1] \n]"
        }
        lappend Done $id
        while {[llength $Done] > $Keep} {
            set Done [lassign $Done oldest]
            my Forget $oldest
        }
    }
}

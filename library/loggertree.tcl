# loggertree.tcl -- the logger tree: what happened, indented.
#
# Layer T2.

oo::class create ::deployer::logger::tree {
    superclass ::deployer::logger::Memory
    variable Nodes Channel Live

    # tree new ?-channel CHANNEL | -file PATH? ?-live BOOL? ?-limit N?
    # It is printed when its outermost action has ended; with -live each line
    # when that begins, and once more what then fails.
    constructor args {
        set options [::deployer::logger::Options {
            -channel text -file text -live bool -limit count
        } $args {live 0 limit 10000}]
        my Open $options
        my Prepare [dict get $options limit] 0
        set Live [dict get $options live]
    }

    method Depth id {
        set depth -1
        while {$id ne ""} {
            incr depth
            set id [dict get $Nodes $id parent]
        }
        return $depth
    }

    method NodeBegun id {
        if {$Live} {
            my Put [my Line $id [my Depth $id]]
        }
    }

    method NodeEnded id {
        if {$Live && ![dict get $Nodes $id good]} {
            my Put [my Line $id [my Depth $id]]
        }
    }

    method Ended id {
        if {!$Live} {
            my Put [join [my Render $id 0] \n]
        }
        my Forget $id
    }
}

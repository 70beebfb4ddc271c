# loggerasciicast.tcl -- the logger asciicast: each terminal of a command as a
# recording, to be played by `deployer::pty play` or asciinema.
#
# Layer T2. The format: docs.asciinema.org/manual/asciicast/v2.

oo::class create ::deployer::logger::asciicast {
    superclass ::deployer::logger::Base
    # Files: id -> {channel begin}.
    variable Name Files

    # asciicast new ?-file NAME?: %h in it is the slug, %i the number of the
    # event, %t the time. By default in a directory of the user's own.
    constructor args {
        set options [::deployer::logger::Options {-file text} $args]
        if {![dict exists $options file]} {
            set directory [file join [::deployer::logger::StateDirectory] casts]
            file mkdir $directory
            dict set options file [file join \
                [string map {% %%} $directory] %t-%h-%i.cast]
        }
        set Name [dict get $options file]
        array set Files {}
    }

    destructor {
        foreach id [array names Files] {
            catch {chan close [lindex $Files($id) 0]}
        }
    }

    method event event {
        if {![dict exists $event id] || [dict get $event type] ne "run"} {
            return
        }
        set id [dict get $event id]
        set time [dict get $event time]
        switch [dict get $event phase] {
            begin {
                if {[dict exists $event terminal]} {
                    set Files($id) [list [my Begin $id $time $event] $time]
                }
            }
            output {
                if {[info exists Files($id)]} {
                    lassign $Files($id) channel start
                    set data [dict get $event data]
                    if {[dict exists $event binary]} {
                        set data [encoding convertfrom utf-8 $data]
                    }
                    puts $channel [format {[%.6f, "o", %s]} \
                        [expr {max(0, $time - $start)}] [my String $data]]
                }
            }
            end {
                if {[info exists Files($id)]} {
                    set channel [lindex $Files($id) 0]
                    unset Files($id)
                    chan close $channel
                }
            }
        }
    }

    method Begin {id time event} {
        lassign [dict get $event terminal] rows cols
        # A slug has no slash; one of dots alone would not be a name.
        set path [string map [list %% % %i $id %t [clock format \
            [expr {int($time)}] -format %Y%m%d-%H%M%S] %h [string map {.. __} \
            [dict get $event host]]] $Name]
        set channel [open [::deployer::LocalPath $path] w 0600]
        chan configure $channel -encoding utf-8 -translation lf \
            -buffering line
        puts $channel [format \
            {{"version": 2, "width": %d, "height": %d, "timestamp": %d, "title": %s}} \
            [expr {$cols > 0 ? $cols : 80}] [expr {$rows > 0 ? $rows : 24}] \
            [expr {int($time)}] [my String \
                "[dict get $event host]: [dict get $event command]"]]
        return $channel
    }

    # TEXT as a string of JSON.
    method String text {
        return [string range \
            [::deployer::core::sink encode [list text $text]] 8 end-1]
    }
}

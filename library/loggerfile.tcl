# loggerfile.tcl -- the logger file: lines of text with the time, in files that
# are turned when they are large.
#
# Layer T2.

oo::class create ::deployer::logger::file {
    superclass ::deployer::logger::Channel
    # Rest: id,stream -> a line that is not whole yet.
    variable Channel Owned Path Size Keep Format Written Rest

    # file new ?-file PATH? ?-size BYTES? ?-keep N? ?-format text|json?
    # PATH becomes PATH.1 when it has BYTES, and so on up to PATH.N.
    constructor args {
        set options [::deployer::logger::Options {
            -file text -size text -keep count -format text|json
        } $args {size 10M keep 5 format text}]
        if {![dict exists $options file]} {
            dict set options file [::file join \
                [::deployer::logger::StateDirectory] deployer.log]
        }
        set Path [::deployer::LocalPath [dict get $options file]]
        set Size [::deployer::TransferRate -size [dict get $options size]]
        set Keep [dict get $options keep]
        set Format [dict get $options format]
        array set Rest {}
        my Begin
    }

    method Begin {} {
        my Open [dict create file $Path]
        chan configure $Channel -encoding utf-8 -translation lf \
            -buffering none
        set Written [::file size $Path]
    }

    method event event {
        if {$Format eq "json"} {
            set text [::deployer::core::sink encode $event]\n
        } else {
            set text ""
            set stamp [::deployer::logger::Stamp [dict get $event time]]
            foreach each [my Whole [my Once $event]] {
                foreach line [::deployer::logger::Describe $each] {
                    append text $stamp " " $line \n
                }
            }
        }
        if {$text eq ""} {
            return
        }
        if {$Written >= $Size} {
            my Turn
        }
        puts -nonewline $Channel $text
        incr Written [string length $text]
    }

    # EVENT with whole lines of output alone, and before an end what is left.
    method Whole event {
        if {![dict exists $event id]} {
            return [list $event]
        }
        set id [dict get $event id]
        switch [dict get $event phase] {
            output {
                if {![dict exists $event stream]
                        || [dict exists $event binary]} {
                    return [list $event]
                }
                set key $id,[dict get $event stream]
                set data [dict get $event data]
                if {[info exists Rest($key)]} {
                    set data [dict get $Rest($key) data]$data
                    unset Rest($key)
                }
                set at [string last \n $data]
                set rest [string range $data $at+1 end]
                if {[string length $rest] > 8192} {
                    set rest ""
                    set at end
                }
                if {$rest ne ""} {
                    set Rest($key) [dict replace $event data $rest]
                }
                if {$at eq "end" || $at >= 0} {
                    return [list [dict replace $event \
                        data [string range $data 0 $at]]]
                }
                return {}
            }
            end {
                set events {}
                foreach key [lsort [array names Rest $id,*]] {
                    lappend events $Rest($key)
                    unset Rest($key)
                }
                return [lappend events $event]
            }
        }
        return [list $event]
    }

    method Turn {} {
        chan close $Channel
        for {set i [expr {$Keep - 1}]} {$i >= 1} {incr i -1} {
            if {[::file exists $Path.$i]} {
                ::file rename -force $Path.$i $Path.[expr {$i + 1}]
            }
        }
        # Another process may have done it.
        if {[::file exists $Path]} {
            ::file rename -force $Path $Path.1
        }
        my Begin
    }
}

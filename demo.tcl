unset -nocomplain env(LD_PRELOAD)
            set argv0 /tmp/int/examples/demo.tcl
            set argv {}
            source -encoding utf-8 /tmp/int/examples/demo.tcl

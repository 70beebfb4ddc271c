unset -nocomplain env(LD_PRELOAD)
            set argv0 /tmp/int/examples/console.tcl
            set argv 0.1
            source -encoding utf-8 /tmp/int/examples/console.tcl

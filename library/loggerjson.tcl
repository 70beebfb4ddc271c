# loggerjson.tcl -- the logger json: each event as one line of JSON.
#
# Layer T2. The lines are made and written in C.

oo::class create ::deployer::logger::json {
    superclass ::deployer::logger::Lines
    variable Channel Sink

    # json new ?-channel CHANNEL | -file PATH?
    constructor args {
        my Open [::deployer::logger::Options {-channel text -file text} $args]
        set Sink [::deployer::core::sink json $Channel]
    }
}

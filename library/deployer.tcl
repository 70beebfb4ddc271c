# deployer.tcl -- loads the Tcl half of the package, in order of its layers.
#
# Layer T1. Sourced by pkgIndex.tcl once the C library is in. Nothing runs at
# load but definitions.

namespace eval ::deployer {
    # What `namespace import ::deployer::*` brings. The layers above add theirs.
    namespace export host sshhost localhost exechost hosts nodeset pipe pty \
        quote buildinfo

    # Without this a global variable of the same name would be taken.
    variable file
    foreach file {
        errors quote await fanout context aside ask host sshhost localhost exechost
        answers run process pipe nodeset verbs hosts files shellfs filetree
        fileverbs open transfer sandbox sandboxfiles sandboxcopy mount pty
        terminal bars events service define definers redefine instance isolate
        loggers logger journal console show pick decision fork query inspect
        gather loggergather readerlist reader
    } {
        source -encoding utf-8 [file join [file dirname [info script]] $file.tcl]
    }
    unset file

    # Which libraries there are, and what they cannot do; see deployer(n).
    proc buildinfo {} {
        return [core::buildinfo]
    }

    # Its name is taken; what it will be comes later.
    proc server args {
        Fail {ARGUMENT server} "deployer::server comes with a later version of\
            deployer; this one, [package present deployer], has deployer::shell\
            start, in a terminal of its own"
    }

    # Larger parts are loaded when their command is first called.
    set ::auto_index(::deployer::main) {package require deployer::main}
    set ::auto_index(::deployer::shell) {package require deployer::shell}
}

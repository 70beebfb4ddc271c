# shellscp.tcl -- the scp shell: loads it when it is first asked for.
#
# Layer T3.

# --scp and `prog scp`: the shell on a host of PLACE. SHELL is the shell that it
# was called in, "" where there is none. 1, where there is no such host, or a
# command has failed and nobody sits there; else 0. SILENT: without a terminal there
# are no prompts.
proc ::deployer::shell::Scp {shell place {silent 0}} {
    package require -exact deployer::scp [package present deployer]
    tailcall ScpRun $shell $place $silent
}

#!/usr/bin/env tclsh
# hello.tcl -- the smallest service: one action on the local host.
#
#     tclsh examples/hello.tcl

package require deployer

deployer::localhost create here

deployer::service create Hello {
    property greeting {hello world}
    action say_hello {} {
        my hosts run "echo [deployer::quote [my greeting]] from \$(uname -n)"
    }
}

Hello create app -hosts {host here}

dict for {slug line} [app say_hello] {
    puts "$slug: $line"
}

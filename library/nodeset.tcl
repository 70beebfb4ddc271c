# nodeset.tcl -- deployer::nodeset: many names as one short text, and back.
#
# Layer T1. All of it is core::nodeset; the words here are the public ones.

namespace eval ::deployer {
    namespace ensemble create -command ::deployer::nodeset -map [dict create \
        contains {::deployer::core::nodeset contains} \
        count {::deployer::core::nodeset count} \
        difference {::deployer::core::nodeset difference} \
        expand {::deployer::core::nodeset expand} \
        fold {::deployer::core::nodeset fold} \
        intersect {::deployer::core::nodeset intersect} \
        union {::deployer::core::nodeset union} \
        xor {::deployer::core::nodeset xor}]
}

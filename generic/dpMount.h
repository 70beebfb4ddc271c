/*
 * dpMount.h -- file systems of hosts below paths of this process: core::mount.
 *
 * Layer L4.
 */

#ifndef DP_MOUNT_H
#define DP_MOUNT_H

#include "dpInterp.h"

/*
 * Makes ::deployer::core::mount. The first mount of the process registers a
 * file system with Tcl, which stays: without mounts it costs next to nothing.
 */
MODULE_SCOPE void DpMountInit(DpInterp *dpPtr);

#endif

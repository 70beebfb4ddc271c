/*
 * dpBuild.h -- the command core::buildinfo.
 *
 * Layer L4.
 */

#ifndef DP_BUILD_H
#define DP_BUILD_H

#include "dpInterp.h"

/* Makes ::deployer::core::buildinfo; libssh2 is started already. */
MODULE_SCOPE void DpBuildInit(DpInterp *dpPtr);

#endif

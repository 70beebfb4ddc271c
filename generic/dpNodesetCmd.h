/*
 * dpNodesetCmd.h -- the command core::nodeset.
 *
 * Layer L4.
 */

#ifndef DP_NODESET_CMD_H
#define DP_NODESET_CMD_H

#include "dpInterp.h"

/* Makes ::deployer::core::nodeset. */
MODULE_SCOPE void DpNodesetCmdInit(DpInterp *dpPtr);

#endif

/*
 * dpGatherCmd.h -- the command core::gather.
 *
 * Layer L4.
 */

#ifndef DP_GATHER_CMD_H
#define DP_GATHER_CMD_H

#include "dpInterp.h"

/* Makes ::deployer::core::gather. */
MODULE_SCOPE void DpGatherCmdInit(DpInterp *dpPtr);

#endif

/*
 * dpDiffCmd.h -- the command core::diff.
 *
 * Layer L4.
 */

#ifndef DP_DIFF_CMD_H
#define DP_DIFF_CMD_H

#include "dpInterp.h"

/* Makes ::deployer::core::diff. */
MODULE_SCOPE void DpDiffCmdInit(DpInterp *dpPtr);

#endif

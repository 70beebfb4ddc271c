/*
 * dpHostsetCmd.h -- the command core::hostset.
 *
 * Layer L4.
 */

#ifndef DP_HOSTSET_CMD_H
#define DP_HOSTSET_CMD_H

#include "dpInterp.h"

/* Makes the command. */
MODULE_SCOPE void DpHostsetCmdInit(DpInterp *dpPtr);

#endif

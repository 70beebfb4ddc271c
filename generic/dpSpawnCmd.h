/*
 * dpSpawnCmd.h -- the command core::spawn.
 *
 * Layer L4.
 */

#ifndef DP_SPAWN_CMD_H
#define DP_SPAWN_CMD_H

#include "dpInterp.h"

/* Makes the command. */
MODULE_SCOPE void DpSpawnCmdInit(DpInterp *dpPtr);

#endif

/*
 * dpPumpCmd.h -- the command core::pump.
 *
 * Layer L4.
 */

#ifndef DP_PUMP_CMD_H
#define DP_PUMP_CMD_H

#include "dpInterp.h"

/* Makes core::pump. */
MODULE_SCOPE void DpPumpCmdInit(DpInterp *dpPtr);

#endif

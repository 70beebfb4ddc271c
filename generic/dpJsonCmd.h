/*
 * dpJsonCmd.h -- the command core::json.
 *
 * Layer L4.
 */

#ifndef DP_JSON_CMD_H
#define DP_JSON_CMD_H

#include "dpBase.h"

/* Makes core::json. */
MODULE_SCOPE void DpJsonCmdInit(Tcl_Interp *interp);

#endif

/*
 * dpEditCmd.h -- core::edit: lines with editing keys for scripts.
 *
 * Layer L4.
 */

#ifndef DP_EDIT_CMD_H
#define DP_EDIT_CMD_H

#include "dpInterp.h"

MODULE_SCOPE void DpEditCmdInit(DpInterp *dpPtr);

#endif

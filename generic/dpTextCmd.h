/*
 * dpTextCmd.h -- the command core::text: texts as a terminal shows them.
 *
 * Layer L4.
 */

#ifndef DP_TEXT_CMD_H
#define DP_TEXT_CMD_H

#include "dpInterp.h"

/* Makes core::text. */
MODULE_SCOPE void DpTextCmdInit(DpInterp *dpPtr);

#endif

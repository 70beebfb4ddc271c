/*
 * dpCopyCmd.h -- the command core::copy: transfers for scripts.
 *
 * Layer L4.
 */

#ifndef DP_COPY_CMD_H
#define DP_COPY_CMD_H

#include "dpInterp.h"

/* Makes core::copy. */
MODULE_SCOPE void DpCopyCmdInit(DpInterp *dpPtr);

#endif

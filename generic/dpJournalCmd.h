/*
 * dpJournalCmd.h -- the command core::journal.
 *
 * Layer L4.
 */

#ifndef DP_JOURNAL_CMD_H
#define DP_JOURNAL_CMD_H

#include "dpEventInt.h"

/* Makes core::journal. */
MODULE_SCOPE void DpJournalCmdInit(DpInterp *dpPtr, Hub *hubPtr);

#endif

/*
 * dpEnding.h -- commands that still run when the program ends are ended.
 *
 * Layer L4. A command does not end with the connection that it was started by.
 * So each one that has a handle is kept in a list, with what it takes to end it
 * from beside, also when no script can run any more.
 */

#ifndef DP_ENDING_H
#define DP_ENDING_H

#include "dpProcCmd.h"

/* Counted. How one command is ended. */
typedef struct DpEnding DpEnding;

/* Of a command that was just begun; the strings of the options are copied. */
MODULE_SCOPE DpEnding *DpEndingNew(DpInterp *dpPtr, DpProc *procPtr,
	const DpProcOpts *optsPtr);
MODULE_SCOPE void DpEndingDrop(DpEnding *endingPtr);

/* It ends by itself when we go, and must not be disturbed. */
MODULE_SCOPE void DpEndingStays(DpEnding *endingPtr);

/*
 * Its owner lets an open session go: who has a command there is told at once, as
 * by DpSshClose; what still runs there is ended from beside, and then the session
 * is closed. False: there is nothing to end, and nothing was done.
 */
MODULE_SCOPE bool DpEndingPart(DpInterp *dpPtr, struct DpSsh *sshPtr);

/* The id of the command's session where it runs; 0: not known. */
MODULE_SCOPE long DpEndingPid(const DpEnding *endingPtr);

/* Makes core::ending. */
MODULE_SCOPE void DpEndingInit(DpInterp *dpPtr);

#endif

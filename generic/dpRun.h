/*
 * dpRun.h -- runs a command to its end: feeds it and collects its outputs.
 *
 * Layer L4.
 */

#ifndef DP_RUN_H
#define DP_RUN_H

#include "dpProc.h"
#include "dpWait.h"

typedef struct DpRun DpRun;

typedef struct DpRunSpec {
    Tcl_Obj *inPtr;             /* bytes of standard input, NULL: none */
    bool inOpen;                /* somebody else feeds it, and closes it */
    Tcl_Encoding encoding;      /* of the outputs, NULL: bytes; taken over */
    Tcl_Obj *onOutputPtr;       /* command prefix, a valid list, or NULL */
} DpRunSpec;

/*
 * Starts collecting; the caller passes on what the command tells by
 * DpRunNotify, ends it by DpRunEnd or DpRunCancel, and drops it.
 */
MODULE_SCOPE DpRun *DpRunNew(DpInterp *dpPtr, DpProc *procPtr,
	const DpRunSpec *specPtr);
MODULE_SCOPE Tcl_Obj *DpRunWaiter(DpRun *runPtr);
MODULE_SCOPE void DpRunNotify(DpRun *runPtr);

/*
 * The command has ended. The waiter finishes with the result, or with
 * the error in errPtr, after the last call of onoutput.
 */
MODULE_SCOPE void DpRunEnd(DpRun *runPtr, const DpError *errPtr);

/* Finishes with errPtr at once and calls no script any more. */
MODULE_SCOPE void DpRunCancel(DpRun *runPtr, const DpError *errPtr);
MODULE_SCOPE void DpRunDrop(DpRun *runPtr);

#endif

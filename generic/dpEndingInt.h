/*
 * dpEndingInt.h -- what dpEnding.c (which commands there are) and dpEndingKill.c
 * (how they are ended) share.
 *
 * Layer L4.
 */

#ifndef DP_ENDING_INT_H
#define DP_ENDING_INT_H

#include "dpEnding.h"

#include "dpObj.h"
#include "dpSsh.h"
#include "dpWait.h"

typedef struct DpEndings {
    DpInterp *dpPtr;
    Tcl_Obj *scriptPtr;         /* NULL: not given yet */
    DpEnding *firstPtr;
    struct DpParting *partings; /* of dpEndingKill.c */
} DpEndings;

struct DpEnding {
    int refCount;
    DpEndings *listPtr;         /* NULL: the program has ended */
    DpEnding *nextPtr, *prevPtr;
    DpProc *procPtr;            /* held */
    DpSsh *sshPtr;              /* where it runs; held, or NULL */
    Tcl_Obj *besidePtr;         /* of DpProcOpts, or NULL */
    char *token, *under, *password; /* of DpProcOpts, or NULL */
    bool stays;
    int pending;                /* so many scripts are ending it */
};

/*
 * Ends one command. The waiter gets whether that has begun, and is dropped.
 * listPtr NULL: the program has ended.
 */
MODULE_SCOPE void DpEndingKill(DpEndings *listPtr, DpEnding *endingPtr,
	DpWait *waitPtr);

/* Twin of DpEndingKill and DpEndingPart: forgets all that are under way. */
MODULE_SCOPE void DpEndingKillStop(DpEndings *listPtr);

/* At the end of the interpreter: all that still run are ended. */
MODULE_SCOPE const DpLeave dpEndingLeave;

#endif

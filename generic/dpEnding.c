/*
 * dpEnding.c -- commands that still run when the program ends are ended.
 *
 * Layer L4.
 *
 *   core::ending script TEXT      what ends sessions; see KillScript of run.tcl
 *   core::ending begin PROC       a script is ending PROC, also once that is
 *                                 closed; returns a handle
 *   core::ending end ENDING       ends it; returns a waiter of whether that has
 *                                 begun, done when it is over
 *   core::ending done ENDING      twin of begin
 *
 * This is the list of them; how they are ended is in dpEndingKill.c.
 */

#include "dpEndingInt.h"

/* Behind a handle of core::ending. */
typedef struct Pending {
    DpEnding *endingPtr;        /* held */
    unsigned long id;
} Pending;

/* --- the list --- */

DpEnding *
DpEndingNew(DpInterp *dpPtr, DpProc *procPtr, const DpProcOpts *optsPtr)
{
    DpEndings *listPtr = dpPtr->endingPtr;
    DpEnding *endingPtr = DpAlloc(sizeof(*endingPtr));

    endingPtr->refCount = 1;
    endingPtr->procPtr = procPtr;
    DpProcHold(procPtr);
    if (optsPtr->sshPtr != NULL) {
	endingPtr->sshPtr = optsPtr->sshPtr;
	DpSshHold(endingPtr->sshPtr);
    }
    if (optsPtr->besidePtr != NULL) {
	DpReplaceObj(&endingPtr->besidePtr, optsPtr->besidePtr);
    }
    endingPtr->token = DpStrdup(optsPtr->token);
    endingPtr->under = DpStrdup(optsPtr->under);
    if (optsPtr->under != NULL) {
	endingPtr->password = DpStrdup(optsPtr->password);
    }
    endingPtr->stays = optsPtr->stays;
    endingPtr->listPtr = listPtr;
    if (listPtr != NULL) {
	endingPtr->nextPtr = listPtr->firstPtr;
	if (listPtr->firstPtr != NULL) {
	    listPtr->firstPtr->prevPtr = endingPtr;
	}
	listPtr->firstPtr = endingPtr;
    }
    return endingPtr;
}

static void
Unlink(DpEnding *endingPtr)
{
    if (endingPtr->listPtr == NULL) {
	return;
    }
    if (endingPtr->prevPtr != NULL) {
	endingPtr->prevPtr->nextPtr = endingPtr->nextPtr;
    } else {
	endingPtr->listPtr->firstPtr = endingPtr->nextPtr;
    }
    if (endingPtr->nextPtr != NULL) {
	endingPtr->nextPtr->prevPtr = endingPtr->prevPtr;
    }
    endingPtr->listPtr = NULL;
}

void
DpEndingDrop(DpEnding *endingPtr)
{
    if (--endingPtr->refCount > 0) {
	return;
    }
    Unlink(endingPtr);
    DpProcDrop(endingPtr->procPtr);
    if (endingPtr->sshPtr != NULL) {
	DpSshDrop(endingPtr->sshPtr);
    }
    DpReleaseObj(&endingPtr->besidePtr);
    DpFree(endingPtr->token);
    DpFree(endingPtr->under);
    DpWipeFree(endingPtr->password);
    DpFree(endingPtr);
}

void
DpEndingStays(DpEnding *endingPtr)
{
    endingPtr->stays = true;
}

/*
 * Behind the local program of another host the id that we know at first is
 * that program's.
 */
long
DpEndingPid(const DpEnding *endingPtr)
{
    if (endingPtr->besidePtr != NULL && endingPtr->token != NULL
	    && !endingPtr->procPtr->started) {
	return 0;
    }
    return endingPtr->procPtr->pid;
}

/* --- core::ending --- */

static void
FreeList(void *value)
{
    DpEndings *listPtr = value;

    DpEndingKillStop(listPtr);
    while (listPtr->firstPtr != NULL) {
	Unlink(listPtr->firstPtr);
    }
    DpReleaseObj(&listPtr->scriptPtr);
    DpFree(listPtr);
}

/* Frees what stands behind a handle that is already forgotten. */
static void
FreePending(DpInterp *dpPtr, unsigned long id, void *value)
{
    Pending *pendingPtr = value;

    (void) dpPtr;
    (void) id;
    pendingPtr->endingPtr->pending--;
    DpEndingDrop(pendingPtr->endingPtr);
    DpFree(pendingPtr);
}

static int
BeginCmd(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    DpEnding *endingPtr = DpProcEnding(dpPtr, namePtr);
    Pending *pendingPtr;

    if (endingPtr == NULL) {
	return TCL_ERROR;
    }
    pendingPtr = DpAlloc(sizeof(*pendingPtr));
    pendingPtr->endingPtr = endingPtr;
    endingPtr->refCount++;
    endingPtr->pending++;
    pendingPtr->id = DpHandleNew(dpPtr, DP_ENDINGS, pendingPtr);
    Tcl_SetObjResult(interp, DpHandleObj(dpPtr, DP_ENDINGS, pendingPtr->id));
    return TCL_OK;
}

static int
EndCmd(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    void *value;
    DpWait *waitPtr;

    if (DpHandleFind(dpPtr, DP_ENDINGS, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    waitPtr = DpWaitNew(dpPtr);
    Tcl_SetObjResult(interp, DpWaitObj(waitPtr));
    DpEndingKill(dpPtr->endingPtr, ((Pending *) value)->endingPtr, waitPtr);
    return TCL_OK;
}

static int
DoneCmd(DpInterp *dpPtr, Tcl_Obj *namePtr)
{
    unsigned long id;
    void *value;

    if (DpHandleFind(dpPtr, DP_ENDINGS, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    id = ((Pending *) value)->id;
    DpHandleForget(dpPtr, DP_ENDINGS, id);
    FreePending(dpPtr, id, value);
    return TCL_OK;
}

static int
EndingCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"begin", "done", "end", "script", NULL
    };
    enum { BEGIN, DONE, END, SCRIPT };
    DpInterp *dpPtr = clientData;
    DpEndings *listPtr = dpPtr->endingPtr;
    int index;

    if (objc != 3) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand arg");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    switch (index) {
    case BEGIN:
	return BeginCmd(dpPtr, interp, objv[2]);
    case DONE:
	return DoneCmd(dpPtr, objv[2]);
    case END:
	return EndCmd(dpPtr, interp, objv[2]);
    case SCRIPT:
	if (listPtr != NULL) {
	    DpReplaceObj(&listPtr->scriptPtr, objv[2]);
	}
	break;
    }
    return TCL_OK;
}

void
DpEndingInit(DpInterp *dpPtr)
{
    if (dpPtr->endingPtr == NULL) {
	DpEndings *listPtr = DpAlloc(sizeof(*listPtr));

	listPtr->dpPtr = dpPtr;
	dpPtr->endingPtr = listPtr;
	dpPtr->endingFree = FreeList;
	DpInterpLeave(dpPtr, &dpEndingLeave);
	DpInterpAtEnd(dpPtr, DP_ENDINGS, FreePending);
    }
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::ending", EndingCmd,
	    dpPtr, NULL);
}

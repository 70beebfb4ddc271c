/*
 * dpWait.c -- one-shot results that scripts can wait for.
 *
 * Layer L4.
 */

#include "dpWait.h"

#include "dpObj.h"

#define MAX_DEPTH 100

struct DpWait {
    DpInterp *dpPtr;            /* held */
    int refCount;
    unsigned long id;           /* 0 once taken or dropped */
    bool done;
    Tcl_Obj *valuePtr;
    Tcl_Obj *optionsPtr;
    Tcl_Obj *callPtr;           /* what to call when done ... */
    DpWaitProc *tapProc;        /* ... or this */
    void *tapData;
    DpTask task;                /* calls it */
};

DpWait *
DpWaitNew(DpInterp *dpPtr)
{
    DpWait *waitPtr = DpAlloc(sizeof(*waitPtr));

    waitPtr->dpPtr = dpPtr;
    waitPtr->refCount = 2;
    DpInterpHold(dpPtr);
    waitPtr->id = DpHandleNew(dpPtr, DP_WAITS, waitPtr);
    return waitPtr;
}

Tcl_Obj *
DpWaitObj(DpWait *waitPtr)
{
    return DpHandleObj(waitPtr->dpPtr, DP_WAITS, waitPtr->id);
}

void
DpWaitHold(DpWait *waitPtr)
{
    waitPtr->refCount++;
}

void
DpWaitDrop(DpWait *waitPtr)
{
    if (--waitPtr->refCount > 0) {
	return;
    }
    DpTaskStop(&waitPtr->task);
    DpReleaseObj(&waitPtr->valuePtr);
    DpReleaseObj(&waitPtr->optionsPtr);
    DpReleaseObj(&waitPtr->callPtr);
    DpInterpDrop(waitPtr->dpPtr);
    DpFree(waitPtr);
}

bool
DpWaitIsDropped(const DpWait *waitPtr)
{
    return waitPtr->id == 0;
}

static void
CallTask(void *clientData)
{
    DpWait *waitPtr = clientData;
    Tcl_Interp *interp = waitPtr->dpPtr->interp;
    Tcl_Obj *callPtr = waitPtr->callPtr;
    int code;

    waitPtr->callPtr = NULL;
    if (callPtr == NULL) {
	return;
    }
    if (interp == NULL || Tcl_InterpDeleted(interp)) {
	Tcl_DecrRefCount(callPtr);
	return;
    }
    Tcl_Preserve(interp);
    code = Tcl_EvalObjEx(interp, callPtr, TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
    }
    Tcl_DecrRefCount(callPtr);
    Tcl_Release(interp);
}

static void ForgetWait(DpWait *waitPtr);

static void
TapTask(void *clientData)
{
    DpWait *waitPtr = clientData;
    DpWaitProc *tapProc = waitPtr->tapProc;

    /* The handle's reference goes; the one who called holds another. */
    waitPtr->tapProc = NULL;
    DpWaitHold(waitPtr);
    ForgetWait(waitPtr);
    tapProc(waitPtr->tapData, waitPtr->valuePtr, waitPtr->optionsPtr);
    DpWaitDrop(waitPtr);
}

void
DpWaitFinish(DpWait *waitPtr, Tcl_Obj *valuePtr, Tcl_Obj *optionsPtr)
{
    Tcl_IncrRefCount(valuePtr);
    if (optionsPtr != NULL) {
	Tcl_IncrRefCount(optionsPtr);
    }
    if (!waitPtr->done && waitPtr->id != 0) {
	waitPtr->done = true;
	DpReplaceObj(&waitPtr->valuePtr, valuePtr);
	DpReplaceObj(&waitPtr->optionsPtr, optionsPtr);
	if (waitPtr->tapProc != NULL) {
	    DpSoonStart(waitPtr->dpPtr->loopPtr, &waitPtr->task, TapTask,
		    waitPtr);
	} else if (waitPtr->callPtr != NULL) {
	    DpTaskStart(waitPtr->dpPtr->loopPtr, &waitPtr->task, CallTask,
		    waitPtr);
	}
    }
    Tcl_DecrRefCount(valuePtr);
    if (optionsPtr != NULL) {
	Tcl_DecrRefCount(optionsPtr);
    }
}

void
DpWaitFail(DpWait *waitPtr, const DpError *errPtr)
{
    DpWaitFinish(waitPtr, Tcl_NewStringObj(
	    errPtr->message != NULL ? errPtr->message : "", -1),
	    DpErrorOptions(errPtr));
}

/* Takes the handle away and its reference with it. */
static void
ForgetWait(DpWait *waitPtr)
{
    DpHandleForget(waitPtr->dpPtr, DP_WAITS, waitPtr->id);
    waitPtr->id = 0;
    DpTaskStop(&waitPtr->task);
    DpReleaseObj(&waitPtr->callPtr);
    DpWaitDrop(waitPtr);
}

int
DpWaitGet(DpInterp *dpPtr, Tcl_Obj *namePtr, DpWait **waitPtrPtr)
{
    void *value;

    if (DpHandleFind(dpPtr, DP_WAITS, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    *waitPtrPtr = value;
    return TCL_OK;
}

void
DpWaitTap(DpWait *waitPtr, DpWaitProc *proc, void *clientData)
{
    waitPtr->tapProc = proc;
    waitPtr->tapData = clientData;
    if (proc == NULL) {
	if (waitPtr->id != 0) {
	    ForgetWait(waitPtr);
	}
	return;
    }
    DpTaskStop(&waitPtr->task);
    DpReleaseObj(&waitPtr->callPtr);
    if (waitPtr->done) {
	DpSoonStart(waitPtr->dpPtr->loopPtr, &waitPtr->task, TapTask,
		waitPtr);
    }
}

static void
EndWait(DpInterp *dpPtr, unsigned long id, void *value)
{
    DpWait *waitPtr = value;

    (void) dpPtr;
    (void) id;
    waitPtr->id = 0;
    waitPtr->done = true;
    DpTaskStop(&waitPtr->task);
    DpReleaseObj(&waitPtr->callPtr);
    DpWaitDrop(waitPtr);
}

static int
TakeWait(Tcl_Interp *interp, DpWait *waitPtr)
{
    int code = TCL_OK;

    if (!waitPtr->done) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj("it is not ready", -1));
	Tcl_SetErrorCode(interp, "TCL", "OPERATION", "WAIT", (char *) NULL);
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, waitPtr->valuePtr);
    if (waitPtr->optionsPtr != NULL) {
	Tcl_Obj *optionsPtr = Tcl_DuplicateObj(waitPtr->optionsPtr);

	/* The outcome is this command's own, whatever level it had before. */
	Tcl_IncrRefCount(optionsPtr);
	if (Tcl_DictObjPut(NULL, optionsPtr, Tcl_NewStringObj("-level", -1),
		Tcl_NewIntObj(0)) == TCL_OK) {
	    code = Tcl_SetReturnOptions(interp, optionsPtr);
	}
	Tcl_DecrRefCount(optionsPtr);
    }
    ForgetWait(waitPtr);
    return code;
}

static int
BlockWait(Tcl_Interp *interp, DpWait *waitPtr)
{
    DpInterp *dpPtr = waitPtr->dpPtr;

    if (waitPtr->done) {
	return TCL_OK;
    }
    if (dpPtr->waitDepth >= MAX_DEPTH) {
	return DpFail(interp, "WAIT DEPTH 100",
		"more than %d nested waits: code that cannot yield (inside"
		" lsort -command, a trace, time) started too many that wait",
		MAX_DEPTH);
    }
    dpPtr->waitDepth++;
    waitPtr->refCount++;
    DpInterpHold(dpPtr);
    DpLoopWait(dpPtr->loopPtr, &waitPtr->done);
    dpPtr->waitDepth--;
    DpWaitDrop(waitPtr);
    DpInterpDrop(dpPtr);
    Tcl_ResetResult(interp);
    return TCL_OK;
}

static int
WaiterCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"block", "call", "drop", "finish", "new", "ready", "take", NULL
    };
    static const struct {
	int min, max;
	const char *usage;
    } words[] = {
	{3, 3, "waiter"}, {4, 4, "waiter prefix"}, {3, 3, "waiter"},
	{4, 5, "waiter value ?options?"}, {2, 2, ""}, {3, 3, "waiter"},
	{3, 3, "waiter"}
    };
    enum { BLOCK, CALL, DROP, FINISH, NEW, READY, TAKE };
    DpInterp *dpPtr = clientData;
    DpWait *waitPtr;
    void *value;
    int index;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc < words[index].min || objc > words[index].max) {
	Tcl_WrongNumArgs(interp, 2, objv, words[index].usage);
	return TCL_ERROR;
    }
    if (index == NEW) {
	waitPtr = DpWaitNew(dpPtr);
	Tcl_SetObjResult(interp, DpWaitObj(waitPtr));
	DpWaitDrop(waitPtr);
	return TCL_OK;
    }
    if (DpHandleFind(dpPtr, DP_WAITS, objv[2], &value) != TCL_OK) {
	if (index == FINISH || index == DROP) {
	    /* Results and time limits may race. */
	    Tcl_ResetResult(interp);
	    return TCL_OK;
	}
	return TCL_ERROR;
    }
    waitPtr = value;
    switch (index) {
    case BLOCK:
	return BlockWait(interp, waitPtr);
    case CALL:
	DpReplaceObj(&waitPtr->callPtr,
		Tcl_GetString(objv[3])[0] == '\0' ? NULL : objv[3]);
	if (waitPtr->callPtr != NULL && waitPtr->done) {
	    DpTaskStart(dpPtr->loopPtr, &waitPtr->task, CallTask, waitPtr);
	}
	return TCL_OK;
    case DROP:
	ForgetWait(waitPtr);
	return TCL_OK;
    case FINISH:
	DpWaitFinish(waitPtr, objv[3], objc > 4 ? objv[4] : NULL);
	return TCL_OK;
    case READY:
	Tcl_SetObjResult(interp, Tcl_NewBooleanObj(waitPtr->done));
	return TCL_OK;
    case TAKE:
	return TakeWait(interp, waitPtr);
    }
    return TCL_OK;
}

void
DpWaitInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_WAITS, EndWait);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::waiter",
	    WaiterCmd, dpPtr, NULL);
}

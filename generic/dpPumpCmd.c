/*
 * dpPumpCmd.c -- the command core::pump: pumps for scripts.
 *
 * Layer L4.
 *
 *     start SOURCE SINKS ?OPTIONS?
 *                         a handle; channels. OPTIONS: dict of checksum
 *                         NAME, stop BOOL, closein BOOL (see DpPumpSpec),
 *                         progress PREFIX (called with a dict of bytes and
 *                         seconds, ten times a second at most and at the end)
 *     done PUMP           a waiter of the dict that info gives
 *     info PUMP           complete bytes seconds checksum, source and sinks:
 *                         a dict of bytes and error (code and message, or
 *                         empty), or a list of such
 *     close PUMP          ends it where it still runs
 *     tail CHANNEL BYTES  see DpProcChanTail
 */

#include "dpPumpCmd.h"

#include "dpObj.h"
#include "dpProcChan.h"
#include "dpPump.h"
#include "dpWait.h"

#define PROGRESS_INTERVAL 100   /* ms */

typedef struct Handle {
    int refCount;               /* the table, and Tell while it runs */
    DpInterp *dpPtr;            /* held */
    unsigned long id;           /* 0: closed */
    DpPump *pumpPtr;
    int numSinks;
    DpWait *waitPtr;            /* of `done`; held, or NULL */
    Tcl_Obj *progressPtr;       /* prefix, or NULL */
    bool told;                  /* the last call was made */
    DpTimer timer;
    DpTask task;
} Handle;

static void Tell(void *clientData);

/* --- results --- */

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static Tcl_Obj *
FateObj(const Handle *handlePtr, int index)
{
    DpPumpFate fate = DpPumpGetFate(handlePtr->pumpPtr, index);
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    Put(dictPtr, "bytes", Tcl_NewWideIntObj((Tcl_WideInt) fate.bytes));
    Put(dictPtr, "error", fate.errorPtr != NULL ? fate.errorPtr
	    : Tcl_NewObj());
    return dictPtr;
}

static void
PutProgress(const Handle *handlePtr, Tcl_Obj *dictPtr)
{
    Put(dictPtr, "bytes", Tcl_NewWideIntObj(
	    (Tcl_WideInt) DpPumpBytes(handlePtr->pumpPtr)));
    Put(dictPtr, "seconds", Tcl_NewDoubleObj(
	    DpPumpSeconds(handlePtr->pumpPtr)));
}

static Tcl_Obj *
InfoObj(const Handle *handlePtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    Tcl_Obj *sinksPtr = Tcl_NewListObj(0, NULL);

    Put(dictPtr, "complete", Tcl_NewBooleanObj(
	    DpPumpIsComplete(handlePtr->pumpPtr)));
    PutProgress(handlePtr, dictPtr);
    Put(dictPtr, "checksum", Tcl_NewStringObj(
	    DpPumpDigest(handlePtr->pumpPtr), -1));
    Put(dictPtr, "source", FateObj(handlePtr, -1));
    for (int i = 0; i < handlePtr->numSinks; i++) {
	Tcl_ListObjAppendElement(NULL, sinksPtr, FateObj(handlePtr, i));
    }
    Put(dictPtr, "sinks", sinksPtr);
    return dictPtr;
}

/* --- progress and the end --- */

static void
DropHandle(Handle *handlePtr)
{
    if (--handlePtr->refCount == 0) {
	DpInterpDrop(handlePtr->dpPtr);
	DpFree(handlePtr);
    }
}

static void
Finish(Handle *handlePtr)
{
    if (handlePtr->waitPtr != NULL) {
	DpWaitFinish(handlePtr->waitPtr, InfoObj(handlePtr), NULL);
	DpWaitDrop(handlePtr->waitPtr);
	handlePtr->waitPtr = NULL;
    }
}

static void
TimerDue(void *clientData)
{
    Handle *handlePtr = clientData;

    DpTaskStart(handlePtr->dpPtr->loopPtr, &handlePtr->task, Tell, handlePtr);
}

static void
StartTimer(Handle *handlePtr)
{
    DpTimerStart(handlePtr->dpPtr->loopPtr, &handlePtr->timer,
	    PROGRESS_INTERVAL, TimerDue, handlePtr);
}

/* Calls the prefix; its errors are the background's. */
static void
CallProgress(Handle *handlePtr)
{
    Tcl_Interp *interp = handlePtr->dpPtr->interp;
    Tcl_Obj *callPtr = Tcl_DuplicateObj(handlePtr->progressPtr);
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    int code;

    PutProgress(handlePtr, dictPtr);
    Tcl_IncrRefCount(callPtr);
    Tcl_Preserve(interp);
    code = Tcl_ListObjAppendElement(interp, callPtr, dictPtr);
    if (code == TCL_OK) {
	code = Tcl_EvalObjEx(interp, callPtr,
		TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
    }
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
    }
    Tcl_Release(interp);
    Tcl_DecrRefCount(callPtr);
}

static void
Tell(void *clientData)
{
    Handle *handlePtr = clientData;
    bool isLast = DpPumpIsDone(handlePtr->pumpPtr);

    handlePtr->refCount++;
    if (handlePtr->dpPtr->interp != NULL
	    && !Tcl_InterpDeleted(handlePtr->dpPtr->interp)) {
	CallProgress(handlePtr);
    }
    if (handlePtr->id != 0) {
	if (isLast) {
	    handlePtr->told = true;
	    Finish(handlePtr);
	} else if (DpPumpIsDone(handlePtr->pumpPtr)) {
	    TimerDue(handlePtr);
	} else {
	    StartTimer(handlePtr);
	}
    }
    DropHandle(handlePtr);
}

static void
PumpDone(void *clientData)
{
    Handle *handlePtr = clientData;

    if (handlePtr->progressPtr == NULL) {
	Finish(handlePtr);
    } else {
	DpTimerStop(&handlePtr->timer);
	TimerDue(handlePtr);
    }
}

/* --- handles --- */

static void
CloseHandle(Handle *handlePtr)
{
    handlePtr->id = 0;
    DpTimerStop(&handlePtr->timer);
    DpTaskStop(&handlePtr->task);
    DpPumpCancel(handlePtr->pumpPtr);
    Finish(handlePtr);
    DpPumpDrop(handlePtr->pumpPtr);
    DpReleaseObj(&handlePtr->progressPtr);
    DropHandle(handlePtr);
}

static void
EndHandle(DpInterp *dpPtr, unsigned long id, void *value)
{
    (void) dpPtr;
    (void) id;
    CloseHandle(value);
}

/* --- core::pump --- */

static int
GetOptions(Tcl_Interp *interp, Tcl_Obj *dictPtr, DpPumpSpec *specPtr,
	Tcl_Obj **progressPtrPtr)
{
    static const char *const names[] = {
	"checksum", "closein", "progress", "stop", NULL
    };
    enum { CHECKSUM, CLOSEIN, PROGRESS, STOP };
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    int done, index, flag, length, code = TCL_OK;

    if (Tcl_DictObjFirst(interp, dictPtr, &search, &keyPtr, &valuePtr, &done)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    for (; !done && code == TCL_OK;
	    Tcl_DictObjNext(&search, &keyPtr, &valuePtr, &done)) {
	code = Tcl_GetIndexFromObj(interp, keyPtr, names, "option", TCL_EXACT,
		&index);
	if (code != TCL_OK) {
	    break;
	}
	switch (index) {
	case CHECKSUM:
	    specPtr->digest = Tcl_GetString(valuePtr)[0] == '\0' ? NULL
		    : Tcl_GetString(valuePtr);
	    break;
	case CLOSEIN:
	    code = Tcl_GetBooleanFromObj(interp, valuePtr, &flag);
	    specPtr->closeIn = flag;
	    break;
	case PROGRESS:
	    code = Tcl_ListObjLength(interp, valuePtr, &length);
	    *progressPtrPtr = length > 0 ? valuePtr : NULL;
	    break;
	case STOP:
	    code = Tcl_GetBooleanFromObj(interp, valuePtr, &flag);
	    specPtr->stop = flag;
	    break;
	}
    }
    Tcl_DictObjDone(&search);
    return code;
}

static int
StartSub(DpInterp *dpPtr, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    DpPumpSpec spec = {0};
    Tcl_Obj *progressPtr = NULL, **words;
    Tcl_Channel *sinks;
    Handle *handlePtr;
    int count, mode, code = TCL_ERROR;

    if (Tcl_ListObjGetElements(interp, objv[3], &count, &words) != TCL_OK
	    || (objc > 4 && GetOptions(interp, objv[4], &spec, &progressPtr)
	    != TCL_OK)) {
	return TCL_ERROR;
    }
    spec.source = Tcl_GetChannel(interp, Tcl_GetString(objv[2]), &mode);
    if (spec.source == NULL) {
	return TCL_ERROR;
    }
    sinks = DpAlloc((size_t) (count + 1) * sizeof(*sinks));
    for (int i = 0; i < count; i++) {
	sinks[i] = Tcl_GetChannel(interp, Tcl_GetString(words[i]), &mode);
	if (sinks[i] == NULL) {
	    goto done;
	}
    }
    handlePtr = DpAlloc(sizeof(*handlePtr));
    spec.sinks = sinks;
    spec.numSinks = count;
    spec.done = PumpDone;
    spec.clientData = handlePtr;
    handlePtr->pumpPtr = DpPumpNew(dpPtr, interp, &spec);
    if (handlePtr->pumpPtr == NULL) {
	DpFree(handlePtr);
	goto done;
    }
    handlePtr->refCount = 1;
    handlePtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    handlePtr->numSinks = count;
    if (progressPtr != NULL) {
	DpReplaceObj(&handlePtr->progressPtr, progressPtr);
	StartTimer(handlePtr);
    }
    handlePtr->id = DpHandleNew(dpPtr, DP_PUMPS, handlePtr);
    Tcl_SetObjResult(interp, DpHandleObj(dpPtr, DP_PUMPS, handlePtr->id));
    code = TCL_OK;

done:
    DpFree(sinks);
    return code;
}

static int
DoneSub(Tcl_Interp *interp, Handle *handlePtr)
{
    DpWait *waitPtr;

    if (handlePtr->waitPtr != NULL) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		"somebody waits for this pump already", -1));
	Tcl_SetErrorCode(interp, "TCL", "OPERATION", "PUMP", (char *) NULL);
	return TCL_ERROR;
    }
    waitPtr = DpWaitNew(handlePtr->dpPtr);
    Tcl_SetObjResult(interp, DpWaitObj(waitPtr));
    handlePtr->waitPtr = waitPtr;
    if (DpPumpIsDone(handlePtr->pumpPtr)
	    && (handlePtr->progressPtr == NULL || handlePtr->told)) {
	Finish(handlePtr);
    }
    return TCL_OK;
}

static int
TailSub(Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    Tcl_Channel channel;
    int mode, limit;

    channel = Tcl_GetChannel(interp, Tcl_GetString(objv[2]), &mode);
    if (channel == NULL
	    || Tcl_GetIntFromObj(interp, objv[3], &limit) != TCL_OK) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewBooleanObj(
	    DpProcChanTail(channel, limit > 0 ? (size_t) limit : 0)));
    return TCL_OK;
}

static int
PumpCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"close", "done", "info", "start", "tail", NULL
    };
    static const struct {
	int min, max;
	const char *usage;
    } words[] = {
	{3, 3, "pump"}, {3, 3, "pump"}, {3, 3, "pump"},
	{4, 5, "source sinks ?options?"}, {4, 4, "channel bytes"}
    };
    enum { CLOSE, DONE, INFO, START, TAIL };
    DpInterp *dpPtr = clientData;
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
    switch (index) {
    case START:
	return StartSub(dpPtr, interp, objc, objv);
    case TAIL:
	return TailSub(interp, objv);
    }
    if (DpHandleFind(dpPtr, DP_PUMPS, objv[2], &value) != TCL_OK) {
	return TCL_ERROR;
    }
    switch (index) {
    case CLOSE:
	DpHandleForget(dpPtr, DP_PUMPS, ((Handle *) value)->id);
	CloseHandle(value);
	break;
    case DONE:
	return DoneSub(interp, value);
    case INFO:
	Tcl_SetObjResult(interp, InfoObj(value));
	break;
    }
    return TCL_OK;
}

void
DpPumpCmdInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_PUMPS, EndHandle);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::pump", PumpCmd,
	    dpPtr, NULL);
}

/*
 * dpFsChanEnd.c -- the life of a channel's file, and how it ends.
 *
 * Layer L4. The file outlives a channel that does not block: what it held is
 * committed in the background, and an error of that is told there.
 */

#include "dpFsChanInt.h"

#include <errno.h>

/* Blocks of one file that are read ahead or written behind, in bytes. */
#define MAX_AHEAD (16 * 1024 * 1024)
#define MIN_BEHIND (256 * 1024)

/* How long the end of an interpreter waits for files to go, in ms. */
#define END_TIME 5000

#define LIST_KEY "::deployer::core::file"

/* --- life --- */

DpFsChan *
DpFsChanNew(DpInterp *dpPtr, DpFs *fsPtr, const char *path, unsigned flags)
{
    DpFsChan *chanPtr = DpAlloc(sizeof(*chanPtr));
    DpFsChanList *listPtr = DpFsChanListGet(dpPtr);
    size_t most = (size_t) fsPtr->depth * fsPtr->block;

    if (most > MAX_AHEAD) {
	most = MAX_AHEAD;
    }
    chanPtr->refCount = 1;
    chanPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    dpPtr->numChannels++;
    chanPtr->fsPtr = fsPtr;
    DpFsHold(fsPtr);
    chanPtr->path = DpStrdup(path);
    chanPtr->flags = flags;
    chanPtr->commit = true;
    chanPtr->blocking = true;
    chanPtr->hint = UINT64_MAX;
    chanPtr->maxWindow = (int) (most / fsPtr->block);
    if (chanPtr->maxWindow < 2) {
	chanPtr->maxWindow = 2;
    }
    chanPtr->window = chanPtr->maxWindow < 4 ? chanPtr->maxWindow : 4;
    chanPtr->most = most < MIN_BEHIND ? MIN_BEHIND : most;
    chanPtr->listPtr = listPtr;
    if (listPtr != NULL) {
	chanPtr->nextPtr = listPtr->firstPtr;
	if (listPtr->firstPtr != NULL) {
	    listPtr->firstPtr->prevPtr = chanPtr;
	}
	listPtr->firstPtr = chanPtr;
    }
    return chanPtr;
}

static void
LeaveList(DpFsChan *chanPtr)
{
    DpFsChanList *listPtr = chanPtr->listPtr;

    if (listPtr == NULL) {
	return;
    }
    if (chanPtr->prevPtr != NULL) {
	chanPtr->prevPtr->nextPtr = chanPtr->nextPtr;
    } else {
	listPtr->firstPtr = chanPtr->nextPtr;
    }
    if (chanPtr->nextPtr != NULL) {
	chanPtr->nextPtr->prevPtr = chanPtr->prevPtr;
    }
    chanPtr->listPtr = NULL;
}

void
DpFsChanDrop(DpFsChan *chanPtr)
{
    if (--chanPtr->refCount > 0) {
	return;
    }
    LeaveList(chanPtr);
    DpTaskStop(&chanPtr->task);
    DpFsReadEnd(chanPtr);
    DpFsWriteStop(chanPtr);
    if (chanPtr->savePtr != NULL) {
	DpFsSaveAbort(chanPtr->savePtr, NULL, NULL);
    } else {
	DpFsFileDrop(chanPtr->filePtr);
    }
    if (chanPtr->spanPtr != NULL) {
	DpSpanDrop(chanPtr->spanPtr);
    }
    DpErrorClear(&chanPtr->why);
    DpFree(chanPtr->path);
    DpFree(chanPtr->owner);
    DpFsDrop(chanPtr->fsPtr);
    chanPtr->dpPtr->numChannels--;
    DpInterpDrop(chanPtr->dpPtr);
    DpFree(chanPtr);
}

/* --- the end --- */

/* Tells the error of a file whose channel is gone. */
static void
ErrorTask(void *clientData)
{
    DpFsChan *chanPtr = clientData;
    Tcl_Interp *interp = chanPtr->dpPtr->interp;

    if (interp != NULL && !Tcl_InterpDeleted(interp)) {
	Tcl_Preserve(interp);
	DpErrorReport(interp, &chanPtr->why);
	Tcl_BackgroundException(interp, TCL_ERROR);
	Tcl_Release(interp);
    }
    DpFsChanDrop(chanPtr);
}

static void
SetEnded(DpFsChan *chanPtr, int error, const DpError *errPtr)
{
    chanPtr->ending = false;
    chanPtr->ended = true;
    DpFsChanWake(chanPtr);
    if (error != 0) {
	DpFsChanFail(chanPtr, error, errPtr);
    }
    if (chanPtr->spanPtr != NULL) {
	DpSpanFileEnded(chanPtr->spanPtr, chanPtr->bytes, &chanPtr->why);
    }
    if (chanPtr->error != 0 && chanPtr->closing && !chanPtr->waited
	    && chanPtr->listPtr != NULL) {
	DpTaskStart(chanPtr->fsPtr->loopPtr, &chanPtr->task, ErrorTask,
		chanPtr);
    } else {
	DpFsChanDrop(chanPtr);
    }
}

static void
SaveEnded(void *clientData, int error, const DpError *errPtr)
{
    SetEnded(clientData, error, errPtr);
}

/* It was given up on purpose: what was written is of no interest any more. */
static void
ThrownAway(void *clientData, int error, const DpError *errPtr)
{
    DpFsChan *chanPtr = clientData;

    if (!chanPtr->commit && !chanPtr->stopped) {
	chanPtr->error = 0;
	DpErrorClear(&chanPtr->why);
    }
    SetEnded(chanPtr, error, errPtr);
}

static void
FileClosed(void *clientData, const DpFsReply *replyPtr)
{
    DpFsChan *chanPtr = clientData;
    DpError why = {0};

    if (replyPtr->error != 0) {
	DpFsError(&why, chanPtr->fsPtr, replyPtr, "close", chanPtr->path);
    }
    SetEnded(chanPtr, replyPtr->error, &why);
    DpErrorClear(&why);
}

void
DpFsChanEnd(DpFsChan *chanPtr)
{
    DpFsSave *savePtr = chanPtr->savePtr;
    DpFsRequest request = {.kind = DP_FS_CLOSE, .filePtr = chanPtr->filePtr};

    if (!chanPtr->leaving || chanPtr->ending || chanPtr->ended) {
	return;
    }
    if (savePtr != NULL && !chanPtr->commit) {
	DpFsWriteStop(chanPtr);
    }
    if (DpFsWriteBusy(chanPtr)) {
	return;
    }
    chanPtr->ending = true;
    chanPtr->savePtr = NULL;
    chanPtr->filePtr = NULL;
    if (savePtr != NULL) {
	if (chanPtr->commit && chanPtr->error == 0
		&& (chanPtr->dirty || !chanPtr->lazy)) {
	    DpFsSaveCommit(savePtr, NULL, SaveEnded, chanPtr);
	} else {
	    DpFsSaveAbort(savePtr, ThrownAway, chanPtr);
	}
    } else if (request.filePtr == NULL
	    || !(chanPtr->flags & DP_FS_FOR_WRITE)) {
	DpFsFileDrop(request.filePtr);
	SetEnded(chanPtr, 0, NULL);
    } else {
	DpFsSubmit(chanPtr->fsPtr, &request, FileClosed, chanPtr);
    }
}

void
DpFsChanLeave(DpFsChan *chanPtr)
{
    if (!chanPtr->leaving) {
	chanPtr->leaving = true;
	chanPtr->refCount++;
	DpFsWriteSend(chanPtr);
	DpFsChanEnd(chanPtr);
    }
}

void
DpFsChanDiscard(DpFsChan *chanPtr)
{
    chanPtr->commit = false;
    chanPtr->closing = chanPtr->waited = true;
    DpFsChanLeave(chanPtr);
}

/* --- the interpreter --- */

static bool
IsEnding(const DpFsChanList *listPtr, const DpFs *fsPtr)
{
    const DpFsChan *chanPtr;

    for (chanPtr = listPtr->firstPtr; chanPtr != NULL;
	    chanPtr = chanPtr->nextPtr) {
	/* Those that are made of scripts come no further now. */
	if ((fsPtr == NULL || chanPtr->fsPtr == fsPtr)
		&& !chanPtr->fsPtr->scripted
		&& (chanPtr->openingPtr != NULL
		|| (chanPtr->leaving && !chanPtr->ended))) {
	    return true;
	}
    }
    return false;
}

static void
StopOne(DpFsChan *chanPtr)
{
    DpFsReply reply = {.error = ECONNABORTED,
	.message = "the connection was closed before the file was"};
    DpError why = {0};

    if (chanPtr->openingPtr != NULL) {
	DpFsChanStopOpening(chanPtr->openingPtr, &reply);
    } else if (!chanPtr->leaving && chanPtr->savePtr != NULL) {
	if (chanPtr->commit) {
	    chanPtr->commit = false;
	    chanPtr->stopped = true;
	    DpFsError(&why, chanPtr->fsPtr, &reply, "write to",
		    chanPtr->path);
	    DpFsChanFail(chanPtr, ECONNABORTED, &why);
	    DpErrorClear(&why);
	}
	DpFsReadEnd(chanPtr);
	DpFsWriteStop(chanPtr);
	DpFsChanLeave(chanPtr);
	/* Whoever waits for it hears of it. */
	DpFsChanCheck(chanPtr);
    }
}

static void
StopList(DpFsChanList *listPtr, DpFs *fsPtr)
{
    int64_t end = DpLoopNow() + END_TIME;
    DpFsChan *chanPtr, *nextPtr;

    for (chanPtr = listPtr->firstPtr; chanPtr != NULL; chanPtr = nextPtr) {
	nextPtr = chanPtr->nextPtr;
	if (fsPtr == NULL || chanPtr->fsPtr == fsPtr) {
	    StopOne(chanPtr);
	}
    }
    while (IsEnding(listPtr, fsPtr) && DpLoopNow() < end) {
	DpLoopPoll(listPtr->dpPtr->loopPtr, (int) (end - DpLoopNow()));
    }
}

/*
 * The interpreter or the thread ends, the loop still turns: what a script has
 * not closed must not become a target, and nothing of it stays. Scripts that
 * would hear of it are no more.
 */
static void
EndList(ClientData clientData)
{
    DpFsChanList *listPtr = clientData;

    StopList(listPtr, NULL);
    while (listPtr->firstPtr != NULL) {
	DpFsChan *chanPtr = listPtr->firstPtr;

	LeaveList(chanPtr);
	if (chanPtr->task.loopPtr != NULL) {
	    DpTaskStop(&chanPtr->task);
	    if (chanPtr->ended && chanPtr->closing && !chanPtr->waited) {
		/* It stood for an error that nobody is told any more. */
		DpFsChanDrop(chanPtr);
	    }
	}
    }
}

void
DpFsChanStop(DpInterp *dpPtr, DpFs *fsPtr)
{
    DpFsChanList *listPtr = dpPtr->interp == NULL ? NULL
	    : Tcl_GetAssocData(dpPtr->interp, LIST_KEY, NULL);

    if (listPtr != NULL && fsPtr == NULL) {
	EndList(listPtr);
    } else if (listPtr != NULL) {
	StopList(listPtr, fsPtr);
    }
}

static void
DeleteList(ClientData clientData, Tcl_Interp *interp)
{
    DpFsChanList *listPtr = clientData;

    (void) interp;
    Tcl_DeleteThreadExitHandler(EndList, listPtr);
    while (listPtr->firstPtr != NULL) {
	LeaveList(listPtr->firstPtr);
    }
    DpInterpDrop(listPtr->dpPtr);
    DpFree(listPtr);
}

DpFsChanList *
DpFsChanListGet(DpInterp *dpPtr)
{
    Tcl_Interp *interp = dpPtr->interp;
    DpFsChanList *listPtr;

    if (interp == NULL || Tcl_InterpDeleted(interp)) {
	return NULL;
    }
    listPtr = Tcl_GetAssocData(interp, LIST_KEY, NULL);
    if (listPtr == NULL) {
	listPtr = DpAlloc(sizeof(*listPtr));
	listPtr->dpPtr = dpPtr;
	DpInterpHold(dpPtr);
	Tcl_SetAssocData(interp, LIST_KEY, DeleteList, listPtr);
	/* Called before that of the interpreter's record, which is older. */
	Tcl_CreateThreadExitHandler(EndList, listPtr);
    }
    return listPtr;
}

/*
 * dpPump.c -- moves bytes from one stream into one or many.
 *
 * Layer L3.
 */

#include "dpPumpInt.h"

#include "dpObj.h"
#include "dpProcChan.h"
#include "dpPumpSum.h"

#include <errno.h>

typedef enum PumpState {
    PUMP_RUNNING,
    PUMP_ENDING,                /* ends write what they have, and let go */
    PUMP_DONE
} PumpState;

struct DpPump {
    int refCount;
    DpInterp *dpPtr;            /* held */
    PumpState state;
    DpPumpEnd *sourcePtr;
    DpPumpEnd **sinks;
    int numSinks;
    bool stop, closeIn;
    bool moving, again;         /* Move is on the stack; and shall go round */
    bool complete;
    uint64_t bytes;
    int64_t startTime, endTime; /* DpLoopNow */
    DpSum *sumPtr;              /* or NULL */
    char sum[DP_SUM_TEXT];
    DpTask task;                /* of the first move */
    void (*done)(void *clientData);
    void *clientData;
};

/* --- a stream of a command --- */

/* What the queues of commands keep while they are pumped. */
#define KEEP_SIZE (2 * (size_t) DP_PROC_HIGH)

typedef struct ProcEnd {
    DpPumpEnd end;              /* first */
    Tcl_Channel channel;        /* lent to us, NULL: not (any more) */
    DpProc *procPtr;            /* held */
    int stream;
} ProcEnd;

static DpBuf *
ProcQueue(DpPumpEnd *endPtr)
{
    ProcEnd *procEndPtr = (ProcEnd *) endPtr;

    return &procEndPtr->procPtr->out[procEndPtr->stream];
}

static void
ProcConsume(DpPumpEnd *endPtr, size_t count)
{
    ProcEnd *procEndPtr = (ProcEnd *) endPtr;

    DpProcConsume(procEndPtr->procPtr, procEndPtr->stream, count);
}

/* The end of one that is lost, as with its connection, ends no output. */
static bool
ProcAtEnd(DpPumpEnd *endPtr)
{
    const ProcEnd *procEndPtr = (ProcEnd *) endPtr;
    const DpProc *procPtr = procEndPtr->procPtr;

    if (DpErrorIsSet(&procPtr->error)) {
	DpPumpFail(endPtr, ECONNRESET, procPtr->error.message);
    }
    return procPtr->outEof[procEndPtr->stream] || procPtr->ended
	    || endPtr->errorPtr != NULL;
}

static size_t
ProcRoom(DpPumpEnd *endPtr)
{
    const DpProc *procPtr = ((ProcEnd *) endPtr)->procPtr;

    if (procPtr->inDone || procPtr->inClose) {
	DpPumpFail(endPtr, EPIPE, NULL);
	return 0;
    }
    return DpProcRoom(procPtr);
}

static void
ProcPut(DpPumpEnd *endPtr, const void *bytes, size_t count)
{
    DpProcWrite(((ProcEnd *) endPtr)->procPtr, bytes, count);
}

/* The queue behind a stream. */
static DpBuf *
StreamQueue(ProcEnd *procEndPtr)
{
    DpProc *procPtr = procEndPtr->procPtr;

    return procEndPtr->stream < 0 ? &procPtr->in
	    : &procPtr->out[procEndPtr->stream];
}

static void
ReturnChannel(ProcEnd *procEndPtr)
{
    Tcl_Channel channel = procEndPtr->channel;

    procEndPtr->channel = NULL;
    DpBufKeep(StreamQueue(procEndPtr), 0);
    if (channel != NULL) {
	DpProcChanReturn(channel);
    }
}

static void
ProcRelease(DpPumpEnd *endPtr, bool good)
{
    ProcEnd *procEndPtr = (ProcEnd *) endPtr;

    if (good && endPtr->pumpPtr->closeIn && endPtr->errorPtr == NULL
	    && endPtr != endPtr->pumpPtr->sourcePtr) {
	DpProcCloseIn(procEndPtr->procPtr);
    }
    ReturnChannel(procEndPtr);
    DpPumpReleased(endPtr);
}

static void
ProcFree(DpPumpEnd *endPtr)
{
    ProcEnd *procEndPtr = (ProcEnd *) endPtr;

    ReturnChannel(procEndPtr);
    DpProcDrop(procEndPtr->procPtr);
    DpReleaseObj(&endPtr->errorPtr);
    DpFree(procEndPtr);
}

static const DpPumpEndType procEndType = {
    .outlives = true,
    .queue = ProcQueue,
    .consume = ProcConsume,
    .atEnd = ProcAtEnd,
    .room = ProcRoom,
    .put = ProcPut,
    .release = ProcRelease,
    .free = ProcFree,
};

static void
LoanNotify(void *clientData)
{
    DpPumpMove(((ProcEnd *) clientData)->end.pumpPtr);
}

static void
LoanClosed(void *clientData)
{
    ProcEnd *procEndPtr = clientData;

    procEndPtr->channel = NULL;
    DpPumpFail(&procEndPtr->end, EBADF, "the channel was closed");
    DpPumpMove(procEndPtr->end.pumpPtr);
}

/*
 * An end that goes past the channel. NULL: only the channel itself will do, or
 * (*isLentPtr) somebody else has it.
 */
static DpPumpEnd *
NewProcEnd(DpPump *pumpPtr, Tcl_Channel channel, bool isSink,
	bool *isLentPtr)
{
    ProcEnd *procEndPtr;
    DpProcLoan loan = {LoanNotify, LoanClosed, NULL};

    /* What Tcl has in its buffers goes first, so through Tcl. */
    *isLentPtr = false;
    if (isSink && Tcl_OutputBuffered(channel) > 0) {
	Tcl_Flush(channel);
    }
    if ((isSink ? Tcl_OutputBuffered(channel) : Tcl_InputBuffered(channel))
	    > 0) {
	return NULL;
    }
    procEndPtr = DpAlloc(sizeof(*procEndPtr));
    loan.clientData = procEndPtr;
    procEndPtr->procPtr = DpProcChanLend(channel, &loan, &procEndPtr->stream,
	    isLentPtr);
    if (procEndPtr->procPtr == NULL) {
	DpFree(procEndPtr);
	return NULL;
    }
    DpProcHold(procEndPtr->procPtr);
    DpBufKeep(StreamQueue(procEndPtr), KEEP_SIZE);
    procEndPtr->channel = channel;
    procEndPtr->end.typePtr = &procEndType;
    procEndPtr->end.pumpPtr = pumpPtr;
    return &procEndPtr->end;
}

/* --- the pump --- */

void
DpPumpHold(DpPump *pumpPtr)
{
    pumpPtr->refCount++;
}

void
DpPumpDrop(DpPump *pumpPtr)
{
    if (--pumpPtr->refCount > 0) {
	return;
    }

    /* Ends may run scripts, whose events must not find a pump half gone. */
    pumpPtr->refCount = 1;
    pumpPtr->state = PUMP_DONE;
    DpTaskStop(&pumpPtr->task);
    if (pumpPtr->sourcePtr != NULL) {
	pumpPtr->sourcePtr->typePtr->free(pumpPtr->sourcePtr);
    }
    for (int i = 0; i < pumpPtr->numSinks; i++) {
	pumpPtr->sinks[i]->typePtr->free(pumpPtr->sinks[i]);
    }
    DpFree(pumpPtr->sinks);
    DpSumFree(pumpPtr->sumPtr);
    DpInterpDrop(pumpPtr->dpPtr);
    DpFree(pumpPtr);
}

void
DpPumpFail(DpPumpEnd *endPtr, int error, const char *message)
{
    Tcl_Obj *words[3];

    if (endPtr->errorPtr != NULL) {
	return;
    }
    Tcl_SetErrno(error);
    words[0] = Tcl_NewStringObj("POSIX", -1);
    words[1] = Tcl_NewStringObj(Tcl_ErrnoId(), -1);
    words[2] = Tcl_NewStringObj(Tcl_ErrnoMsg(error), -1);
    words[0] = Tcl_NewListObj(3, words);
    words[1] = Tcl_NewStringObj(message != NULL ? message
	    : Tcl_ErrnoMsg(error), -1);
    DpReplaceObj(&endPtr->errorPtr, Tcl_NewListObj(2, words));
}

static void
CheckDone(DpPump *pumpPtr)
{
    if (pumpPtr->state != PUMP_ENDING || !pumpPtr->sourcePtr->released) {
	return;
    }
    for (int i = 0; i < pumpPtr->numSinks; i++) {
	if (!pumpPtr->sinks[i]->released) {
	    return;
	}
    }
    pumpPtr->state = PUMP_DONE;
    pumpPtr->endTime = DpLoopNow();
    if (pumpPtr->sumPtr != NULL) {
	DpSumEnd(pumpPtr->sumPtr, pumpPtr->sum);
    }
    if (pumpPtr->done != NULL) {
	pumpPtr->done(pumpPtr->clientData);
    }
}

void
DpPumpReleased(DpPumpEnd *endPtr)
{
    DpPump *pumpPtr = endPtr->pumpPtr;

    if (!endPtr->released) {
	endPtr->released = true;
	if (!pumpPtr->moving) {
	    CheckDone(pumpPtr);
	}
    }
}

/* Has every end let go. */
static void
EndPump(DpPump *pumpPtr)
{
    bool good = pumpPtr->complete;

    pumpPtr->state = PUMP_ENDING;
    pumpPtr->sourcePtr->typePtr->release(pumpPtr->sourcePtr, good);
    for (int i = 0; i < pumpPtr->numSinks; i++) {
	DpPumpEnd *endPtr = pumpPtr->sinks[i];

	if (!endPtr->released) {
	    endPtr->typePtr->release(endPtr, good);
	}
    }
}

/*
 * How much every sink can take; those that have failed are let go. The number
 * of the others is put into *numPtr.
 */
static size_t
Room(DpPump *pumpPtr, int *numPtr)
{
    size_t least = SIZE_MAX;

    *numPtr = 0;
    for (int i = 0; i < pumpPtr->numSinks; i++) {
	DpPumpEnd *endPtr = pumpPtr->sinks[i];
	size_t room = 0;

	if (endPtr->errorPtr == NULL) {
	    room = endPtr->typePtr->room(endPtr);
	}
	if (endPtr->errorPtr != NULL) {
	    if (!endPtr->released) {
		endPtr->typePtr->release(endPtr, false);
	    }
	    continue;
	}
	(*numPtr)++;
	least = room < least ? room : least;
    }
    return least;
}

/* Moves what there is and fits, once. True: something was moved. */
static bool
MoveOnce(DpPump *pumpPtr)
{
    DpPumpEnd *sourcePtr = pumpPtr->sourcePtr;
    DpBuf *queuePtr = sourcePtr->typePtr->queue(sourcePtr);
    int numLive;
    size_t room = Room(pumpPtr, &numLive);
    size_t count = DpBufLength(queuePtr);

    if (sourcePtr->errorPtr != NULL
	    || (pumpPtr->stop && numLive < pumpPtr->numSinks)) {
	EndPump(pumpPtr);
	return false;
    }
    if (count == 0) {
	if (numLive == 0 && !sourcePtr->typePtr->outlives) {
	    EndPump(pumpPtr);
	} else if (sourcePtr->typePtr->atEnd(sourcePtr)) {
	    pumpPtr->complete = numLive > 0 && sourcePtr->errorPtr == NULL;
	    EndPump(pumpPtr);
	}
	return false;
    }
    if (numLive == 0) {
	EndPump(pumpPtr);
	return false;
    }
    count = count < room ? count : room;
    if (count == 0) {
	return false;
    }
    if (pumpPtr->sumPtr != NULL) {
	DpSumAdd(pumpPtr->sumPtr, DpBufData(queuePtr), count);
    }
    for (int i = 0; i < pumpPtr->numSinks; i++) {
	DpPumpEnd *endPtr = pumpPtr->sinks[i];

	if (endPtr->errorPtr == NULL) {
	    endPtr->typePtr->put(endPtr, DpBufData(queuePtr), count);
	    endPtr->bytes += count;
	}
    }
    pumpPtr->bytes += count;
    sourcePtr->bytes += count;
    sourcePtr->typePtr->consume(sourcePtr, count);
    return true;
}

/*
 * An end that takes or gives bytes at once comes back from inside: that is
 * this loop's matter.
 */
void
DpPumpMove(DpPump *pumpPtr)
{
    if (pumpPtr->state != PUMP_RUNNING) {
	return;
    }
    if (pumpPtr->moving) {
	pumpPtr->again = true;
	return;
    }
    DpPumpHold(pumpPtr);
    pumpPtr->moving = true;
    do {
	pumpPtr->again = false;
    } while (pumpPtr->state == PUMP_RUNNING
	    && (MoveOnce(pumpPtr) || pumpPtr->again));
    pumpPtr->moving = false;
    CheckDone(pumpPtr);
    DpPumpDrop(pumpPtr);
}

static void
FirstMove(void *clientData)
{
    DpPumpMove(clientData);
}

static int
FailTaken(Tcl_Interp *interp, Tcl_Channel channel)
{
    Tcl_SetObjResult(interp, Tcl_ObjPrintf("channel \"%s\" is busy: what it"
	    " carries goes elsewhere", Tcl_GetChannelName(channel)));
    Tcl_SetErrorCode(interp, "DEPLOYER", "ARGUMENT",
	    Tcl_GetChannelName(channel), (char *) NULL);
    return TCL_ERROR;
}

static int
NewEnd(DpPump *pumpPtr, Tcl_Interp *interp, Tcl_Channel channel, bool isSink,
	DpPumpEnd **slotPtr)
{
    bool isLent;

    if ((Tcl_GetChannelMode(channel) & (isSink ? TCL_WRITABLE : TCL_READABLE))
	    == 0) {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf("channel \"%s\" wasn't opened"
		" for %s", Tcl_GetChannelName(channel),
		isSink ? "writing" : "reading"));
	Tcl_SetErrorCode(interp, "DEPLOYER", "ARGUMENT",
		Tcl_GetChannelName(channel), (char *) NULL);
	return TCL_ERROR;
    }
    *slotPtr = NewProcEnd(pumpPtr, channel, isSink, &isLent);
    if (*slotPtr == NULL && !isLent) {
	*slotPtr = DpPumpChanNew(pumpPtr, pumpPtr->dpPtr, channel, isSink);
    }
    return *slotPtr == NULL ? FailTaken(interp, channel) : TCL_OK;
}

DpPump *
DpPumpNew(DpInterp *dpPtr, Tcl_Interp *interp, const DpPumpSpec *specPtr)
{
    DpPump *pumpPtr = DpAlloc(sizeof(*pumpPtr));

    pumpPtr->refCount = 1;
    pumpPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    pumpPtr->stop = specPtr->stop;
    pumpPtr->closeIn = specPtr->closeIn;
    pumpPtr->startTime = DpLoopNow();
    pumpPtr->moving = true;     /* nothing yet */
    if (specPtr->digest != NULL) {
	pumpPtr->sumPtr = DpSumNew(specPtr->digest);
	if (pumpPtr->sumPtr == NULL) {
	    DpFail(interp, "OPTION -checksum", "there is no checksum \"%s\":"
		    " sha256, sha1 and md5 are some", specPtr->digest);
	    goto failed;
	}
    }
    for (int i = 0; i < specPtr->numSinks; i++) {
	for (int j = -1; j < i; j++) {
	    if (specPtr->sinks[i] == (j < 0 ? specPtr->source
		    : specPtr->sinks[j])) {
		FailTaken(interp, specPtr->sinks[i]);
		goto failed;
	    }
	}
    }
    pumpPtr->sinks = DpAlloc((size_t) specPtr->numSinks
	    * sizeof(*pumpPtr->sinks));
    if (NewEnd(pumpPtr, interp, specPtr->source, false, &pumpPtr->sourcePtr)
	    != TCL_OK) {
	goto failed;
    }
    for (int i = 0; i < specPtr->numSinks; i++) {
	if (NewEnd(pumpPtr, interp, specPtr->sinks[i], true,
		&pumpPtr->sinks[i]) != TCL_OK) {
	    goto failed;
	}
	pumpPtr->numSinks++;
    }
    pumpPtr->moving = false;
    pumpPtr->done = specPtr->done;
    pumpPtr->clientData = specPtr->clientData;
    DpSoonStart(dpPtr->loopPtr, &pumpPtr->task, FirstMove, pumpPtr);
    return pumpPtr;

failed:
    DpPumpDrop(pumpPtr);
    return NULL;
}

void
DpPumpCancel(DpPump *pumpPtr)
{
    pumpPtr->done = NULL;
    if (pumpPtr->state == PUMP_RUNNING) {
	DpPumpHold(pumpPtr);
	EndPump(pumpPtr);
	CheckDone(pumpPtr);
	DpPumpDrop(pumpPtr);
    }
}

bool
DpPumpIsDone(const DpPump *pumpPtr)
{
    return pumpPtr->state == PUMP_DONE;
}

bool
DpPumpIsComplete(const DpPump *pumpPtr)
{
    return pumpPtr->complete;
}

uint64_t
DpPumpBytes(const DpPump *pumpPtr)
{
    return pumpPtr->bytes;
}

double
DpPumpSeconds(const DpPump *pumpPtr)
{
    int64_t end = pumpPtr->state == PUMP_DONE ? pumpPtr->endTime
	    : DpLoopNow();

    return (double) (end - pumpPtr->startTime) / 1000;
}

DpPumpFate
DpPumpGetFate(const DpPump *pumpPtr, int index)
{
    const DpPumpEnd *endPtr = index < 0 ? pumpPtr->sourcePtr
	    : pumpPtr->sinks[index];
    DpPumpFate fate = {endPtr->bytes, endPtr->errorPtr};

    return fate;
}

const char *
DpPumpDigest(const DpPump *pumpPtr)
{
    return pumpPtr->sum;
}

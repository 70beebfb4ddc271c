/*
 * dpPumpChan.c -- Tcl channels as ends of a pump.
 *
 * Layer L3. Such a channel may be made by a script, so whatever is done with
 * it is done from tasks and from its own events; only the queue between it and
 * the pump is touched elsewhere.
 */

#include "dpPumpInt.h"

#include "dpObj.h"

#include <errno.h>
#include <stdio.h>

/* One read or write, and the channel's buffer meanwhile. */
#define PIECE (64 * 1024)
/* Pieces in one turn, so that a file starves nobody. */
#define PIECES 16

/* How often is looked whether the script has closed the channel, in ms. */
#define LOOK_INTERVAL 200

#define SEATS_KEY "deployer::pump"

/*
 * A channel that pumps use, with the options that it had before. One may read
 * from it and one write to it; the last that leaves puts the options back.
 * Tcl tells nobody when a channel is gone that was closed while it wrote in
 * the background; so there is a reference of our own, and the end looks.
 */
typedef struct Seat {
    Tcl_Channel channel;        /* registered by us too; NULL: closed */
    int users;
    int mask;                   /* TCL_READABLE, TCL_WRITABLE: is used so */
    Tcl_DString options[5];
} Seat;

/* In the order in which they are put back: -translation binary sets others. */
static const char *const optionNames[] = {
    "-buffersize", "-translation", "-eofchar", "-encoding", "-blocking"
};

typedef struct ChanEnd {
    DpPumpEnd end;              /* first */
    DpInterp *dpPtr;            /* held */
    Seat *seatPtr;              /* NULL: left */
    int mask;                   /* TCL_READABLE: a source, or TCL_WRITABLE */
    DpBuf queue;
    bool handled;               /* our channel handler is set */
    bool atEnd;                 /* a source: nothing more will come */
    int readError;              /* a source: after the queue comes this */
    bool leaving;               /* release was called ... */
    bool good;                  /* ... for what is in the queue to be written */
    bool busy;                  /* Work is on the stack, perhaps in a script */
    DpTask task;
    DpTimer lookTimer;
} ChanEnd;

static void Work(void *clientData);
static void ChanReady(ClientData clientData, int mask);
static void ChanClosed(ClientData clientData);

/* --- seats --- */

static void
DeleteSeats(ClientData clientData, Tcl_Interp *interp)
{
    (void) interp;
    Tcl_DeleteHashTable(clientData);
    DpFree(clientData);
}

/* The table of an interpreter: channel -> Seat. NULL: it is being deleted. */
static Tcl_HashTable *
Seats(Tcl_Interp *interp)
{
    Tcl_HashTable *tablePtr;

    if (interp == NULL || Tcl_InterpDeleted(interp)) {
	return NULL;
    }
    tablePtr = Tcl_GetAssocData(interp, SEATS_KEY, NULL);
    if (tablePtr == NULL) {
	tablePtr = DpAlloc(sizeof(*tablePtr));
	Tcl_InitHashTable(tablePtr, TCL_ONE_WORD_KEYS);
	Tcl_SetAssocData(interp, SEATS_KEY, DeleteSeats, tablePtr);
    }
    return tablePtr;
}

static void
ForgetSeat(DpInterp *dpPtr, Seat *seatPtr)
{
    Tcl_HashTable *tablePtr = Seats(dpPtr->interp);
    Tcl_HashEntry *entryPtr = tablePtr == NULL || seatPtr->channel == NULL
	    ? NULL : Tcl_FindHashEntry(tablePtr, (char *) seatPtr->channel);

    if (entryPtr != NULL) {
	Tcl_DeleteHashEntry(entryPtr);
    }
}

/* The seat of a channel; NULL: another pump uses it in that way. */
static Seat *
TakeSeat(Tcl_Interp *interp, Tcl_Channel channel, int mask)
{
    char size[16] = "";
    Tcl_HashTable *tablePtr = Seats(interp);
    Tcl_HashEntry *entryPtr;
    Seat *seatPtr;
    int isNew;

    if (tablePtr == NULL) {
	return NULL;
    }
    entryPtr = Tcl_CreateHashEntry(tablePtr, (char *) channel, &isNew);
    if (!isNew) {
	seatPtr = Tcl_GetHashValue(entryPtr);
	if (seatPtr->mask & mask) {
	    return NULL;
	}
	seatPtr->users++;
	seatPtr->mask |= mask;
	return seatPtr;
    }
    seatPtr = DpAlloc(sizeof(*seatPtr));
    Tcl_SetHashValue(entryPtr, seatPtr);
    seatPtr->channel = channel;
    Tcl_RegisterChannel(NULL, channel);
    seatPtr->users = 1;
    seatPtr->mask = mask;
    for (size_t i = 0; i < DP_ARRAY_SIZE(optionNames); i++) {
	Tcl_DStringInit(&seatPtr->options[i]);
	Tcl_GetChannelOption(NULL, channel, optionNames[i],
		&seatPtr->options[i]);
    }
    snprintf(size, sizeof(size), "%d", PIECE);
    if (Tcl_GetChannelBufferSize(channel) < PIECE) {
	Tcl_SetChannelOption(NULL, channel, "-buffersize", size);
    }
    Tcl_SetChannelOption(NULL, channel, "-translation", "binary");
    Tcl_SetChannelOption(NULL, channel, "-blocking", "0");
    return seatPtr;
}

/*
 * Twin of TakeSeat. Scripts may run. A channel that is only ours by now stays
 * as it is, as closing must not wait for its peer.
 */
static void
LeaveSeat(ChanEnd *chanPtr)
{
    Seat *seatPtr = chanPtr->seatPtr;
    Tcl_Interp *interp = chanPtr->dpPtr->interp;
    bool isOpen;

    chanPtr->seatPtr = NULL;
    seatPtr->mask &= ~chanPtr->mask;
    if (--seatPtr->users > 0) {
	return;
    }
    ForgetSeat(chanPtr->dpPtr, seatPtr);
    isOpen = seatPtr->channel != NULL && interp != NULL
	    && Tcl_IsChannelRegistered(interp, seatPtr->channel);
    for (size_t i = 0; i < DP_ARRAY_SIZE(optionNames); i++) {
	if (isOpen) {
	    Tcl_SetChannelOption(NULL, seatPtr->channel, optionNames[i],
		    Tcl_DStringValue(&seatPtr->options[i]));
	}
	Tcl_DStringFree(&seatPtr->options[i]);
    }
    if (seatPtr->channel != NULL) {
	Tcl_UnregisterChannel(NULL, seatPtr->channel);
    }
    DpFree(seatPtr);
}

/* --- the channel --- */

static Tcl_Channel
Channel(const ChanEnd *chanPtr)
{
    return chanPtr->seatPtr == NULL ? NULL : chanPtr->seatPtr->channel;
}

/* Whether the channel is to tell when it is ready. Scripts may run. */
static void
Handle(ChanEnd *chanPtr, bool on)
{
    Tcl_Channel channel = Channel(chanPtr);

    if (channel == NULL || on == chanPtr->handled) {
	return;
    }
    chanPtr->handled = on;
    if (on) {
	Tcl_CreateChannelHandler(channel, chanPtr->mask, ChanReady, chanPtr);
    } else {
	Tcl_DeleteChannelHandler(channel, ChanReady, chanPtr);
    }
}

/* Takes back all that is registered, and the options. Scripts may run. */
static void
Leave(ChanEnd *chanPtr)
{
    DpTaskStop(&chanPtr->task);
    DpTimerStop(&chanPtr->lookTimer);
    if (chanPtr->seatPtr == NULL) {
	return;
    }
    Handle(chanPtr, false);
    if (Channel(chanPtr) != NULL) {
	Tcl_DeleteCloseHandler(Channel(chanPtr), ChanClosed, chanPtr);
    }
    LeaveSeat(chanPtr);
}

/*
 * Fails the end with the errno value and what the driver has said of it, which
 * is a list of return options with a message at its end.
 */
static void
FailIo(ChanEnd *chanPtr, int error)
{
    DpPumpEnd *endPtr = &chanPtr->end;
    Tcl_Obj *saidPtr = NULL, **words, *pair[2];
    int count = 0;

    if (endPtr->errorPtr == NULL && Channel(chanPtr) != NULL) {
	Tcl_GetChannelError(Channel(chanPtr), &saidPtr);
    }
    if (saidPtr == NULL) {
	DpPumpFail(endPtr, error, NULL);
	return;
    }
    if (Tcl_ListObjGetElements(NULL, saidPtr, &count, &words) != TCL_OK
	    || count % 2 == 0) {
	DpPumpFail(endPtr, error, NULL);
    } else {
	DpPumpFail(endPtr, error, Tcl_GetString(words[count - 1]));
	for (int i = 0; i + 1 < count; i += 2) {
	    if (strcmp(Tcl_GetString(words[i]), "-errorcode") == 0) {
		pair[0] = words[i + 1];
		pair[1] = words[count - 1];
		DpReplaceObj(&endPtr->errorPtr, Tcl_NewListObj(2, pair));
	    }
	}
    }
    Tcl_DecrRefCount(saidPtr);
}

/*
 * Reads what there is, up to the queue's size. Not into the queue itself, which
 * may move while a script runs.
 */
static void
ReadSome(ChanEnd *chanPtr)
{
    char bytes[PIECE];

    for (int i = 0; i < PIECES && Channel(chanPtr) != NULL; i++) {
	size_t room = DP_PUMP_QUEUE - DpBufLength(&chanPtr->queue);
	int count;

	if (chanPtr->atEnd || DpBufLength(&chanPtr->queue) >= DP_PUMP_QUEUE) {
	    break;
	}
	count = Tcl_Read(Channel(chanPtr), bytes,
		room < PIECE ? (int) room : PIECE);
	if (count > 0) {
	    DpBufAppend(&chanPtr->queue, bytes, (size_t) count);
	} else if (Channel(chanPtr) == NULL) {
	    break;
	} else if (count < 0 && Tcl_GetErrno() != EAGAIN) {
	    chanPtr->readError = Tcl_GetErrno();
	    chanPtr->atEnd = true;
	} else if (count == 0 && Tcl_Eof(Channel(chanPtr))) {
	    chanPtr->atEnd = true;
	} else {
	    break;
	}
	DpPumpMove(chanPtr->end.pumpPtr);
    }
    Handle(chanPtr, !chanPtr->atEnd && !chanPtr->leaving
	    && DpBufLength(&chanPtr->queue) < DP_PUMP_QUEUE);
}

/* Writes what Tcl has of the channel's. False: it has failed, or is gone. */
static bool
Flush(ChanEnd *chanPtr)
{
    if (Tcl_Flush(Channel(chanPtr)) != TCL_OK) {
	FailIo(chanPtr, Tcl_GetErrno());
    }
    return Channel(chanPtr) != NULL && chanPtr->end.errorPtr == NULL;
}

/*
 * Writes what the channel takes without keeping it. Not from the queue itself,
 * which may move while a script runs.
 */
static void
WriteSome(ChanEnd *chanPtr)
{
    char bytes[PIECE];
    size_t length;
    int count;

    /* This also tells how writing in the background has ended. */
    if (!Flush(chanPtr)) {
	return;
    }
    for (int i = 0; i < PIECES && Tcl_OutputBuffered(Channel(chanPtr)) == 0
	    && (length = DpBufLength(&chanPtr->queue)) > 0; i++) {
	count = length < PIECE ? (int) length : PIECE;
	memcpy(bytes, DpBufData(&chanPtr->queue), (size_t) count);
	count = Tcl_Write(Channel(chanPtr), bytes, count);
	if (count < 0) {
	    FailIo(chanPtr, Tcl_GetErrno());
	    return;
	}
	if (Channel(chanPtr) == NULL || !Flush(chanPtr)) {
	    return;
	}
	DpBufConsume(&chanPtr->queue, (size_t) count);
	DpPumpMove(chanPtr->end.pumpPtr);
    }
    Handle(chanPtr, Tcl_OutputBuffered(Channel(chanPtr)) > 0);
    if (!chanPtr->handled && DpBufLength(&chanPtr->queue) > 0) {
	DpTaskStart(chanPtr->dpPtr->loopPtr, &chanPtr->task, Work, chanPtr);
    }
}

/* Whether nothing that was put is still on its way. */
static bool
IsWritten(const ChanEnd *chanPtr)
{
    return DpBufLength(&chanPtr->queue) == 0
	    && Tcl_OutputBuffered(Channel(chanPtr)) == 0;
}

/* From the loop alone: scripts may run. */
static void
Work(void *clientData)
{
    ChanEnd *chanPtr = clientData;
    DpPump *pumpPtr = chanPtr->end.pumpPtr;
    bool isSink = chanPtr->mask == TCL_WRITABLE;

    if (chanPtr->busy) {
	return;
    }
    DpPumpHold(pumpPtr);
    chanPtr->busy = true;
    if (Channel(chanPtr) == NULL || chanPtr->end.errorPtr != NULL) {
	/* Nothing is done with it any more. */
    } else if (isSink) {
	WriteSome(chanPtr);
    } else if (!chanPtr->leaving) {
	ReadSome(chanPtr);
    }
    if (chanPtr->leaving && !chanPtr->end.released
	    && (!isSink || !chanPtr->good || Channel(chanPtr) == NULL
		    || chanPtr->end.errorPtr != NULL || IsWritten(chanPtr))) {
	Leave(chanPtr);
	DpPumpReleased(&chanPtr->end);
    } else {
	DpPumpMove(pumpPtr);
    }
    chanPtr->busy = false;
    DpPumpDrop(pumpPtr);
}

/* Has the end fail once the script has closed the channel. */
static void
Look(void *clientData)
{
    ChanEnd *chanPtr = clientData;
    Tcl_Interp *interp = chanPtr->dpPtr->interp;

    if (interp == NULL || Channel(chanPtr) == NULL) {
	return;
    }
    if (Tcl_IsChannelRegistered(interp, Channel(chanPtr))) {
	DpTimerStart(chanPtr->dpPtr->loopPtr, &chanPtr->lookTimer,
		LOOK_INTERVAL, Look, chanPtr);
	return;
    }
    DpPumpFail(&chanPtr->end, EBADF, "the channel was closed");
    DpTaskStart(chanPtr->dpPtr->loopPtr, &chanPtr->task, Work, chanPtr);
}

static void
ChanReady(ClientData clientData, int mask)
{
    (void) mask;
    Work(clientData);
}

/* Whoever closed it did not care for our reference. */
static void
ChanClosed(ClientData clientData)
{
    ChanEnd *chanPtr = clientData;

    Handle(chanPtr, false);
    ForgetSeat(chanPtr->dpPtr, chanPtr->seatPtr);
    chanPtr->seatPtr->channel = NULL;
    DpPumpFail(&chanPtr->end, EBADF, "the channel was closed");
    DpTaskStart(chanPtr->dpPtr->loopPtr, &chanPtr->task, Work, chanPtr);
}

/* --- the end of a pump --- */

static DpBuf *
ChanQueue(DpPumpEnd *endPtr)
{
    return &((ChanEnd *) endPtr)->queue;
}

static void
ChanConsume(DpPumpEnd *endPtr, size_t count)
{
    ChanEnd *chanPtr = (ChanEnd *) endPtr;

    DpBufConsume(&chanPtr->queue, count);
    if (!chanPtr->handled && !chanPtr->atEnd) {
	DpTaskStart(chanPtr->dpPtr->loopPtr, &chanPtr->task, Work, chanPtr);
    }
}

static bool
ChanAtEnd(DpPumpEnd *endPtr)
{
    ChanEnd *chanPtr = (ChanEnd *) endPtr;

    if (chanPtr->readError != 0) {
	FailIo(chanPtr, chanPtr->readError);
    }
    return chanPtr->atEnd || endPtr->errorPtr != NULL;
}

static size_t
ChanRoom(DpPumpEnd *endPtr)
{
    size_t length = DpBufLength(&((ChanEnd *) endPtr)->queue);

    return length < DP_PUMP_QUEUE ? DP_PUMP_QUEUE - length : 0;
}

static void
ChanPut(DpPumpEnd *endPtr, const void *bytes, size_t count)
{
    ChanEnd *chanPtr = (ChanEnd *) endPtr;

    DpBufAppend(&chanPtr->queue, bytes, count);
    if (!chanPtr->handled) {
	DpTaskStart(chanPtr->dpPtr->loopPtr, &chanPtr->task, Work, chanPtr);
    }
}

/* What a sink has is written, unless the source has failed. */
static void
ChanRelease(DpPumpEnd *endPtr, bool good)
{
    ChanEnd *chanPtr = (ChanEnd *) endPtr;

    chanPtr->leaving = true;
    chanPtr->good = good;
    if (!good) {
	DpBufFree(&chanPtr->queue);
    }
    DpTaskStart(chanPtr->dpPtr->loopPtr, &chanPtr->task, Work, chanPtr);
}

static void
ChanFree(DpPumpEnd *endPtr)
{
    ChanEnd *chanPtr = (ChanEnd *) endPtr;

    Leave(chanPtr);
    DpBufFree(&chanPtr->queue);
    DpReleaseObj(&endPtr->errorPtr);
    DpInterpDrop(chanPtr->dpPtr);
    DpFree(chanPtr);
}

static const DpPumpEndType chanEndType = {
    .queue = ChanQueue,
    .consume = ChanConsume,
    .atEnd = ChanAtEnd,
    .room = ChanRoom,
    .put = ChanPut,
    .release = ChanRelease,
    .free = ChanFree,
};

DpPumpEnd *
DpPumpChanNew(DpPump *pumpPtr, DpInterp *dpPtr, Tcl_Channel channel,
	bool isSink)
{
    int mask = isSink ? TCL_WRITABLE : TCL_READABLE;
    Seat *seatPtr = TakeSeat(dpPtr->interp, channel, mask);
    ChanEnd *chanPtr;

    if (seatPtr == NULL) {
	return NULL;
    }
    chanPtr = DpAlloc(sizeof(*chanPtr));
    chanPtr->end.typePtr = &chanEndType;
    chanPtr->end.pumpPtr = pumpPtr;
    chanPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    chanPtr->seatPtr = seatPtr;
    chanPtr->mask = mask;
    Tcl_CreateCloseHandler(channel, ChanClosed, chanPtr);
    Look(chanPtr);
    DpTaskStart(dpPtr->loopPtr, &chanPtr->task, Work, chanPtr);
    return &chanPtr->end;
}

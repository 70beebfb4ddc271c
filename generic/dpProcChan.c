/*
 * dpProcChan.c -- the streams of a command as Tcl channels.
 *
 * Layer L3. The bytes stand in the queues of the DpProc; the driver copies
 * from and to them and never waits, but for a channel in blocking mode, which
 * waits for our own descriptors alone.
 */

#include "dpProcChan.h"

#include <errno.h>

/*
 * What one call of the driver carries; Tcl's default of 4 KiB is slow. Where
 * more is waiting when a reader is told, it grows to all that ever waits: fcopy
 * goes to the notifier for each buffer, which costs as much as deciphering
 * 64 KiB of it.
 */
#define BUFFER_SIZE (32 * 1024)
#define BUFFER_MAX (2 * DP_PROC_HIGH)

/* What the queue of such a stream keeps, until its end. */
#define KEEP_SIZE (2 * (size_t) BUFFER_MAX)

/*
 * While one that flows has less than this, and more than one buffer, more is
 * waited for, GATHER_MS.
 */
#define GATHER_SIZE ((size_t) BUFFER_MAX / 4 * 3)
#define GATHER_MS 1

#define STDIN (-1)

/* One Tcl channel. */
typedef struct Port {
    DpProcChans *chansPtr;      /* holds it */
    Tcl_Channel channel;
    Tcl_ThreadId thread;        /* where the command's loop runs */
    int stream;                 /* DP_STDOUT, DP_STDERR or STDIN */
    int watched;                /* TCL_READABLE or TCL_WRITABLE, or 0 */
    bool blocking;
    bool lent;
    DpProcLoan loan;            /* while it is lent */
    size_t tail;                /* so many bytes are kept, 0: all */
    bool flows;                 /* GrowBuffer has seen much of it */
    bool gathered;              /* enough was waited for more */
    DpTimer gatherTimer;        /* runs while more is waited for */
    DpTask task;                /* calls Tcl_NotifyChannel */
    char name[DP_CHANNEL_NAME];
} Port;

struct DpProcChans {
    int refCount;               /* each open port, and the owner */
    DpInterp *dpPtr;            /* held: numChannels is counted there */
    DpProc *procPtr;            /* held */
    Port *ports[3];             /* indexed by stream + 1, NULL when closed */
    char names[3][DP_CHANNEL_NAME];
};

/* --- the set --- */

static void
DropChans(DpProcChans *chansPtr)
{
    if (--chansPtr->refCount > 0) {
	return;
    }
    if (chansPtr->procPtr->clientData == chansPtr) {
	chansPtr->procPtr->notify = NULL;
    }
    DpProcAbandon(chansPtr->procPtr);
    DpProcDrop(chansPtr->procPtr);
    DpInterpDrop(chansPtr->dpPtr);
    DpFree(chansPtr);
}

/* A stream whose channel is closed must not stop the command: read it away. */
static void
Discard(DpProcChans *chansPtr, int stream)
{
    DpProc *procPtr = chansPtr->procPtr;
    size_t length = DpBufLength(&procPtr->out[stream]);

    if (chansPtr->ports[stream + 1] == NULL && length > 0) {
	DpProcConsume(procPtr, stream, length);
    }
}

/* Nobody has read it yet: what is old gives way to what is new. */
static void
KeepTail(Port *portPtr)
{
    DpProc *procPtr = portPtr->chansPtr->procPtr;
    size_t length;

    if (portPtr->tail == 0 || portPtr->lent) {
	return;
    }
    length = DpBufLength(&procPtr->out[portPtr->stream]);
    if (length > 2 * portPtr->tail) {
	DpProcConsume(procPtr, portPtr->stream, length - portPtr->tail);
    }
}

/* --- readiness --- */

static bool
IsReady(const Port *portPtr)
{
    const DpProc *procPtr = portPtr->chansPtr->procPtr;

    if (portPtr->lent) {
	return false;
    }
    if (portPtr->stream == STDIN) {
	return procPtr->inDone || procPtr->inClose || DpProcRoom(procPtr) > 0;
    }
    return procPtr->outEof[portPtr->stream] || procPtr->ended
	    || DpBufLength(&procPtr->out[portPtr->stream]) > 0;
}

static void NotifyTask(void *clientData);

/* Has the channel told, from the loop, if it is ready and watched. */
static void
CheckPort(Port *portPtr)
{
    if (portPtr->watched != 0 && IsReady(portPtr)) {
	DpTaskStart(portPtr->chansPtr->procPtr->loopPtr, &portPtr->task,
		NotifyTask, portPtr);
    }
}

/* There was time enough for more. */
static void
GatherEnds(void *clientData)
{
    Port *portPtr = clientData;

    DpLoopGather(portPtr->chansPtr->procPtr->loopPtr, -1);
    portPtr->gathered = true;
    CheckPort(portPtr);
}

/* Twin of Gathers. */
static void
StopGather(Port *portPtr)
{
    if (portPtr->gatherTimer.loopPtr != NULL) {
	DpTimerStop(&portPtr->gatherTimer);
	DpLoopGather(portPtr->chansPtr->procPtr->loopPtr, -1);
    }
    portPtr->gathered = false;
}

/* Twin of CheckPort. */
static void
StopTask(Port *portPtr)
{
    StopGather(portPtr);
    DpTaskStop(&portPtr->task);
}

/*
 * Whether a stream that flows has too little yet for a reader to be told: then
 * more is waited for, a moment. Each piece costs a reader as fcopy a visit to the
 * notifier's thread, however small it is.
 */
static bool
Gathers(Port *portPtr)
{
    DpProc *procPtr = portPtr->chansPtr->procPtr;
    size_t length;

    if (!portPtr->flows || portPtr->gathered
	    || procPtr->outEof[portPtr->stream]) {
	return false;
    }
    length = DpBufLength(&procPtr->out[portPtr->stream]);
    if (length < BUFFER_SIZE || length >= GATHER_SIZE) {
	return false;
    }
    if (portPtr->gatherTimer.loopPtr == NULL) {
	DpLoopGather(procPtr->loopPtr, 1);
	DpTimerStart(procPtr->loopPtr, &portPtr->gatherTimer, GATHER_MS,
		GatherEnds, portPtr);
    }
    return true;
}

/*
 * A stream of which much comes: its bytes go straight into its queue, and to
 * Tcl in larger pieces if the script has set no size. Not called by Tcl: it
 * must not be filling a buffer of this channel.
 */
static void
GrowBuffer(Port *portPtr)
{
    DpBuf *queuePtr;

    if (portPtr->stream == STDIN || portPtr->flows) {
	return;
    }
    queuePtr = &portPtr->chansPtr->procPtr->out[portPtr->stream];
    if (DpBufLength(queuePtr) <= BUFFER_SIZE) {
	return;
    }
    portPtr->flows = true;
    DpBufKeep(queuePtr, KEEP_SIZE);
    DpProcSetHigh(portPtr->chansPtr->procPtr, BUFFER_MAX);
    if (Tcl_GetChannelBufferSize(portPtr->channel) == BUFFER_SIZE) {
	Tcl_SetChannelBufferSize(portPtr->channel, BUFFER_MAX);
    }
}

static void
NotifyTask(void *clientData)
{
    Port *portPtr = clientData;

    if (portPtr->watched == 0 || !IsReady(portPtr)) {
	return;
    }
    GrowBuffer(portPtr);
    if (Gathers(portPtr)) {
	return;
    }
    StopGather(portPtr);

    /*
     * Again in the next turn while it stays ready, as for a descriptor. Before
     * the call: the script may close the channel, which frees the port.
     */
    CheckPort(portPtr);
    Tcl_NotifyChannel(portPtr->channel, portPtr->watched);
}

void
DpProcChansNotify(void *clientData, DpProc *procPtr, int what)
{
    DpProcChans *chansPtr = clientData;

    (void) procPtr;
    (void) what;
    Discard(chansPtr, DP_STDOUT);
    Discard(chansPtr, DP_STDERR);
    chansPtr->refCount++;
    for (int i = 0; i < 3; i++) {
	Port *portPtr = chansPtr->ports[i];

	if (portPtr == NULL) {
	    continue;
	}
	KeepTail(portPtr);
	if (portPtr->lent) {
	    portPtr->loan.notify(portPtr->loan.clientData);
	} else {
	    CheckPort(portPtr);
	}
    }
    DropChans(chansPtr);
}

/* --- the driver --- */

/*
 * A channel that was moved to another thread is dead there: its command
 * belongs to the loop of the first.
 */
static bool
IsForeign(const Port *portPtr)
{
    return portPtr->thread != Tcl_GetCurrentThread();
}

/* Gives the channel the command's error, if it was lost. */
static int
LostError(Port *portPtr)
{
    const DpError *errPtr = &portPtr->chansPtr->procPtr->error;
    Tcl_Obj *optionsPtr, *listPtr, **wordsPtr;
    int count;

    if (!DpErrorIsSet(errPtr)) {
	return 0;
    }
    optionsPtr = DpErrorOptions(errPtr);
    if (Tcl_ListObjGetElements(NULL, optionsPtr, &count, &wordsPtr)
	    == TCL_OK) {
	listPtr = Tcl_NewListObj(count, wordsPtr);
	Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(
		errPtr->message != NULL ? errPtr->message : "", -1));
	Tcl_SetChannelError(portPtr->channel, listPtr);
    }
    Tcl_DecrRefCount(optionsPtr);
    return ECONNRESET;
}

/* Waits for a blocking channel. False: EAGAIN. */
static bool
WaitReady(Port *portPtr)
{
    while (!IsReady(portPtr)) {
	if (!portPtr->blocking) {
	    return false;
	}
	DpLoopPoll(portPtr->chansPtr->procPtr->loopPtr, -1);
    }
    return true;
}

static int
PortInputProc(ClientData clientData, char *bytes, int size, int *errorPtr)
{
    Port *portPtr = clientData;
    DpProc *procPtr = portPtr->chansPtr->procPtr;
    size_t count;

    if (IsForeign(portPtr)) {
	*errorPtr = EBADF;
	return -1;
    }
    if (portPtr->lent) {
	*errorPtr = EBUSY;
	return -1;
    }
    portPtr->tail = 0;
    if (!WaitReady(portPtr)) {
	*errorPtr = EAGAIN;
	return -1;
    }
    count = DpBufLength(&procPtr->out[portPtr->stream]);
    if (count == 0) {
	*errorPtr = LostError(portPtr);
	return *errorPtr == 0 ? 0 : -1;
    }
    if (count > (size_t) size) {
	count = (size_t) size;
    }
    memcpy(bytes, DpBufData(&procPtr->out[portPtr->stream]), count);
    if (procPtr->outEof[portPtr->stream]) {
	DpBufKeep(&procPtr->out[portPtr->stream], 0);
    }
    DpProcConsume(procPtr, portPtr->stream, count);
    return (int) count;
}

static int
PortOutputProc(ClientData clientData, const char *bytes, int count,
	int *errorPtr)
{
    Port *portPtr = clientData;
    DpProc *procPtr = portPtr->chansPtr->procPtr;
    size_t room;

    if (IsForeign(portPtr)) {
	*errorPtr = EBADF;
	return -1;
    }
    if (portPtr->lent) {
	*errorPtr = EBUSY;
	return -1;
    }
    if (!WaitReady(portPtr)) {
	*errorPtr = EAGAIN;
	return -1;
    }
    if (procPtr->inDone || procPtr->inClose) {
	*errorPtr = LostError(portPtr);
	if (*errorPtr == 0) {
	    *errorPtr = EPIPE;
	}
	return -1;
    }
    room = DpProcRoom(procPtr);
    if (room < (size_t) count) {
	count = (int) room;
    }
    DpProcWrite(procPtr, bytes, (size_t) count);
    return count;
}

static void
PortWatchProc(ClientData clientData, int mask)
{
    Port *portPtr = clientData;

    if (IsForeign(portPtr)) {
	return;
    }
    portPtr->watched = mask & (portPtr->stream == STDIN ? TCL_WRITABLE
	    : TCL_READABLE);
    if (portPtr->watched == 0) {
	StopTask(portPtr);
    } else {
	portPtr->tail = 0;
	CheckPort(portPtr);
    }
}

static int
PortBlockModeProc(ClientData clientData, int mode)
{
    ((Port *) clientData)->blocking = mode == TCL_MODE_BLOCKING;
    return 0;
}

static int
PortClose2Proc(ClientData clientData, Tcl_Interp *interp, int flags)
{
    Port *portPtr = clientData;
    DpProcChans *chansPtr = portPtr->chansPtr;

    (void) interp;
    if (IsForeign(portPtr)) {
	/*
	 * Its thread holds what it points to: all of it stays, as there is no
	 * right moment to give it back from here.
	 */
	return 0;
    }
    if (flags == TCL_CLOSE_READ) {
	/* Tcl_Close closes this side first, before it flushes the other. */
	return 0;
    }
    if (flags & TCL_CLOSE_READ) {
	/* Tcl_Close says this first of all, before it flushes. */
	return 0;
    }
    if (portPtr->lent) {
	portPtr->lent = false;
	portPtr->loan.closed(portPtr->loan.clientData);
    }
    if (portPtr->stream == STDIN) {
	DpProcCloseIn(chansPtr->procPtr);
    }
    if (flags & TCL_CLOSE_WRITE) {
	return 0;
    }
    StopTask(portPtr);
    chansPtr->ports[portPtr->stream + 1] = NULL;
    chansPtr->dpPtr->numChannels--;
    if (portPtr->stream != STDIN) {
	Discard(chansPtr, portPtr->stream);
    }
    DpFree(portPtr);
    DropChans(chansPtr);
    return 0;
}

static int
PortGetHandleProc(ClientData clientData, int direction,
	ClientData *handlePtr)
{
    (void) clientData;
    (void) direction;
    (void) handlePtr;
    return TCL_ERROR;
}

static void
PortThreadActionProc(ClientData clientData, int action)
{
    Port *portPtr = clientData;

    if (IsForeign(portPtr)) {
	return;
    }
    if (action == TCL_CHANNEL_THREAD_REMOVE) {
	StopTask(portPtr);
    } else {
	CheckPort(portPtr);
    }
}

static const Tcl_ChannelType portType = {
    "deployer",
    TCL_CHANNEL_VERSION_5,
    TCL_CLOSE2PROC,
    PortInputProc,
    PortOutputProc,
    NULL,                       /* seek */
    NULL,                       /* set option */
    NULL,                       /* get option */
    PortWatchProc,
    PortGetHandleProc,
    PortClose2Proc,
    PortBlockModeProc,
    NULL,                       /* flush */
    NULL,                       /* handler */
    NULL,                       /* wide seek */
    PortThreadActionProc,
    NULL                        /* truncate */
};

/* --- loans --- */

/* The port behind a channel; NULL: it is not one of ours. */
static Port *
FindPort(Tcl_Channel channel)
{
    Port *portPtr;

    if (Tcl_GetChannelType(channel) != &portType) {
	return NULL;
    }
    portPtr = Tcl_GetChannelInstanceData(channel);
    return IsForeign(portPtr) ? NULL : portPtr;
}

DpProc *
DpProcChanLend(Tcl_Channel channel, const DpProcLoan *loanPtr,
	int *streamPtr, bool *isLentPtr)
{
    Port *portPtr = FindPort(channel);

    *isLentPtr = portPtr != NULL && portPtr->lent;
    if (portPtr == NULL || portPtr->lent
	    || Tcl_GetTopChannel(channel) != channel) {
	return NULL;
    }
    portPtr->lent = true;
    portPtr->tail = 0;
    portPtr->loan = *loanPtr;
    *streamPtr = portPtr->stream;
    StopTask(portPtr);
    return portPtr->chansPtr->procPtr;
}

void
DpProcChanReturn(Tcl_Channel channel)
{
    Port *portPtr = FindPort(channel);

    if (portPtr != NULL && portPtr->lent) {
	portPtr->lent = false;
	CheckPort(portPtr);
    }
}

bool
DpProcChanTail(Tcl_Channel channel, size_t limit)
{
    Port *portPtr = FindPort(channel);

    if (portPtr == NULL || portPtr->stream == STDIN) {
	return false;
    }
    portPtr->tail = portPtr->watched != 0 ? 0 : limit;
    KeepTail(portPtr);
    return true;
}

/* --- making them --- */

static void
NewPort(DpProcChans *chansPtr, int stream)
{
    static const char *const prefixes[3] = {"cmdin", "cmdout", "cmderr"};
    Tcl_Interp *interp = chansPtr->dpPtr->interp;
    Port *portPtr = DpAlloc(sizeof(*portPtr));

    portPtr->chansPtr = chansPtr;
    portPtr->thread = Tcl_GetCurrentThread();
    portPtr->stream = stream;
    portPtr->blocking = true;

    DpChannelName(chansPtr->dpPtr, prefixes[stream + 1], portPtr,
	    portPtr->name);
    memcpy(chansPtr->names[stream + 1], portPtr->name, sizeof(portPtr->name));
    chansPtr->ports[stream + 1] = portPtr;
    chansPtr->refCount++;
    chansPtr->dpPtr->numChannels++;
    portPtr->channel = Tcl_CreateChannel(&portType, portPtr->name, portPtr,
	    stream == STDIN ? TCL_WRITABLE : TCL_READABLE);
    Tcl_RegisterChannel(interp, portPtr->channel);
    Tcl_SetChannelBufferSize(portPtr->channel, BUFFER_SIZE);
    Tcl_SetChannelOption(interp, portPtr->channel, "-translation", "binary");
    Tcl_SetChannelOption(interp, portPtr->channel, "-blocking", "0");
}

DpProcChans *
DpProcChansNew(DpInterp *dpPtr, DpProc *procPtr)
{
    DpProcChans *chansPtr = DpAlloc(sizeof(*chansPtr));

    chansPtr->refCount = 1;
    chansPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    chansPtr->procPtr = procPtr;
    DpProcHold(procPtr);
    NewPort(chansPtr, STDIN);
    NewPort(chansPtr, DP_STDOUT);
    if (!procPtr->merge) {
	NewPort(chansPtr, DP_STDERR);
    }
    return chansPtr;
}

Tcl_Obj *
DpProcChansNames(const DpProcChans *chansPtr)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);

    for (int i = 0; i < 3; i++) {
	Tcl_ListObjAppendElement(NULL, listPtr,
		Tcl_NewStringObj(chansPtr->names[i], -1));
    }
    return listPtr;
}

void
DpProcChansLeave(DpProcChans *chansPtr)
{
    chansPtr->procPtr->notify = DpProcChansNotify;
    chansPtr->procPtr->clientData = chansPtr;
    DropChans(chansPtr);
}

/*
 * dpSink.c -- where events go: commands of loggers, and channels as JSON.
 *
 * Layer L4.
 */

#include "dpSink.h"

#include "dpJson.h"
#include "dpObj.h"

#include <stdio.h>
#include <time.h>

/* What a logger may have in its queue: events, and bytes of their data. */
#define MAX_EVENTS 65536
#define MAX_BYTES ((size_t) 8 << 20)

/* The same for lines that a channel did not take yet. */
#define MAX_LINES ((size_t) 16 << 20)

/* So many ms, and so many events, a logger has in one turn of the loop. */
#define TURN_MS 10
#define TURN_EVENTS 256

/* A logger that took its turn rests as long as this many of them. */
#define REST_TURNS 4
#define MAX_REST_MS 1000

/* So many ms until a channel that took nothing is asked again. */
#define RETRY_MS 20

/* Lines are written without waiting for the loop when there are so many. */
#define WRITE_SIZE (64 * 1024)

typedef struct Entry {
    Tcl_Obj *eventPtr;          /* held */
    size_t size;
} Entry;

struct DpSink {
    int refCount;               /* the handle, and each list it stands in */
    unsigned long id;           /* of the handle, 0: closed */
    DpInterp *dpPtr;            /* held */
    Tcl_Obj *prefixPtr;         /* of a logger, else NULL */
    Tcl_Channel channel;        /* of JSON, registered; NULL: none */
    bool plain;                 /* writing there runs no script */

    Entry *entries;             /* a ring */
    size_t size, first, count;
    size_t bytes;               /* of data in it */
    DpBuf lines;                /* for the channel */

    DpTask task;
    DpTimer timer;
    bool running;               /* the logger is on the stack */
    bool failed;                /* it gets nothing any more */
    char *failure;              /* why */
    Tcl_WideInt dropped;        /* all; of these were told: */
    Tcl_WideInt told;
};

static void DrainTask(void *clientData);

static int64_t
Microseconds(void)
{
    struct timespec now;

    timespec_get(&now, TIME_UTC);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- life --- */

static DpSink *
NewSink(DpInterp *dpPtr)
{
    DpSink *sinkPtr = DpAlloc(sizeof(*sinkPtr));

    sinkPtr->refCount = 1;
    sinkPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    sinkPtr->id = DpHandleNew(dpPtr, DP_SINKS, sinkPtr);
    return sinkPtr;
}

DpSink *
DpSinkNewLogger(DpInterp *dpPtr, Tcl_Obj *prefixPtr)
{
    DpSink *sinkPtr = NewSink(dpPtr);

    DpReplaceObj(&sinkPtr->prefixPtr, prefixPtr);
    return sinkPtr;
}

static void
TakeChannel(DpSink *sinkPtr, Tcl_Channel channel)
{
    static const char *const plain[] = {"file", "pipe", "tcp", "tty"};
    const char *name = Tcl_ChannelName(Tcl_GetChannelType(channel));

    Tcl_RegisterChannel(NULL, channel);
    sinkPtr->channel = channel;
    sinkPtr->plain = false;
    for (size_t i = 0; i < DP_ARRAY_SIZE(plain); i++) {
	if (strcmp(name, plain[i]) == 0
		&& Tcl_GetTopChannel(channel) == channel
		&& Tcl_GetStackedChannel(channel) == NULL) {
	    sinkPtr->plain = true;
	}
    }
}

DpSink *
DpSinkNewJson(DpInterp *dpPtr, Tcl_Channel channel)
{
    DpSink *sinkPtr = NewSink(dpPtr);

    TakeChannel(sinkPtr, channel);
    return sinkPtr;
}

Tcl_Obj *
DpSinkObj(const DpSink *sinkPtr)
{
    return DpHandleObj(sinkPtr->dpPtr, DP_SINKS, sinkPtr->id);
}

int
DpSinkGet(DpInterp *dpPtr, Tcl_Obj *namePtr, DpSink **sinkPtrPtr)
{
    void *value;

    if (DpHandleFind(dpPtr, DP_SINKS, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    *sinkPtrPtr = value;
    return TCL_OK;
}

void
DpSinkHold(DpSink *sinkPtr)
{
    sinkPtr->refCount++;
}

static void
Empty(DpSink *sinkPtr)
{
    while (sinkPtr->count > 0) {
	Tcl_DecrRefCount(sinkPtr->entries[sinkPtr->first].eventPtr);
	sinkPtr->first = (sinkPtr->first + 1) % sinkPtr->size;
	sinkPtr->count--;
    }
    DpFree(sinkPtr->entries);
    sinkPtr->entries = NULL;
    sinkPtr->size = sinkPtr->first = 0;
    sinkPtr->bytes = 0;
    DpBufFree(&sinkPtr->lines);
}

static void
LeaveChannel(DpSink *sinkPtr)
{
    if (sinkPtr->channel != NULL) {
	Tcl_Channel channel = sinkPtr->channel;

	sinkPtr->channel = NULL;
	Tcl_UnregisterChannel(NULL, channel);
    }
}

void
DpSinkDrop(DpSink *sinkPtr)
{
    if (--sinkPtr->refCount > 0) {
	return;
    }
    DpTaskStop(&sinkPtr->task);
    DpTimerStop(&sinkPtr->timer);
    Empty(sinkPtr);
    LeaveChannel(sinkPtr);
    DpReleaseObj(&sinkPtr->prefixPtr);
    DpFree(sinkPtr->failure);
    DpInterpDrop(sinkPtr->dpPtr);
    DpFree(sinkPtr);
}

/* --- failures --- */

/* It gets no more; the script level hears why from a task. */
static void
Fail(DpSink *sinkPtr, const char *why)
{
    if (sinkPtr->failed) {
	return;
    }
    sinkPtr->failed = true;
    sinkPtr->failure = DpStrdup(why);
    Empty(sinkPtr);
    DpTimerStop(&sinkPtr->timer);
    DpTaskStart(sinkPtr->dpPtr->loopPtr, &sinkPtr->task, DrainTask, sinkPtr);
}

static bool
CanRun(const DpSink *sinkPtr)
{
    Tcl_Interp *interp = sinkPtr->dpPtr->interp;

    return interp != NULL && !Tcl_InterpDeleted(interp);
}

/* Calls {*}WORDS with the interpreter's state kept. False: it failed. */
static bool
Call(DpSink *sinkPtr, Tcl_Obj *wordsPtr, DpBuf *whyPtr)
{
    Tcl_Interp *interp = sinkPtr->dpPtr->interp;
    Tcl_InterpState state;
    int code;

    Tcl_Preserve(interp);
    state = Tcl_SaveInterpState(interp, TCL_OK);
    code = Tcl_EvalObjEx(interp, wordsPtr, TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
    if (code == TCL_ERROR && whyPtr != NULL) {
	const char *text = Tcl_GetStringResult(interp);

	DpBufAppend(whyPtr, text, strlen(text) + 1);
    }
    (void) Tcl_RestoreInterpState(interp, state);
    Tcl_Release(interp);
    return code != TCL_ERROR;
}

static void
TellFailure(DpSink *sinkPtr)
{
    Tcl_Obj *wordsPtr;
    char *failure = sinkPtr->failure;

    if (failure == NULL || !CanRun(sinkPtr)) {
	return;
    }
    sinkPtr->failure = NULL;
    wordsPtr = Tcl_NewListObj(0, NULL);
    Tcl_IncrRefCount(wordsPtr);
    Tcl_ListObjAppendElement(NULL, wordsPtr,
	    Tcl_NewStringObj("::deployer::SinkFailed", -1));
    Tcl_ListObjAppendElement(NULL, wordsPtr, DpSinkObj(sinkPtr));
    Tcl_ListObjAppendElement(NULL, wordsPtr, Tcl_NewStringObj(failure, -1));
    Call(sinkPtr, wordsPtr, NULL);
    Tcl_DecrRefCount(wordsPtr);
    DpFree(failure);
}

/* --- loggers --- */

static void
Push(DpSink *sinkPtr, Tcl_Obj *eventPtr, size_t size)
{
    size_t at;

    if (sinkPtr->count == sinkPtr->size) {
	size_t more = sinkPtr->size == 0 ? 64 : 2 * sinkPtr->size;
	Entry *entries = DpAlloc(more * sizeof(*entries));

	for (size_t i = 0; i < sinkPtr->count; i++) {
	    entries[i] = sinkPtr->entries[(sinkPtr->first + i)
		    % sinkPtr->size];
	}
	DpFree(sinkPtr->entries);
	sinkPtr->entries = entries;
	sinkPtr->size = more;
	sinkPtr->first = 0;
    }
    at = (sinkPtr->first + sinkPtr->count++) % sinkPtr->size;
    Tcl_IncrRefCount(eventPtr);
    sinkPtr->entries[at].eventPtr = eventPtr;
    sinkPtr->entries[at].size = size;
    sinkPtr->bytes += size;
}

/* The event that says how many were dropped since it was said last. */
static Tcl_Obj *
DroppedEvent(DpSink *sinkPtr)
{
    Tcl_WideInt count = sinkPtr->dropped - sinkPtr->told;
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    char text[160];

    sinkPtr->told = sinkPtr->dropped;
    snprintf(text, sizeof(text), "%lld events were dropped here, because they"
	    " came faster than they were taken", (long long) count);
#define ADD(obj) Tcl_ListObjAppendElement(NULL, listPtr, (obj))
    ADD(Tcl_NewStringObj("type", -1));
    ADD(Tcl_NewStringObj("message", -1));
    ADD(Tcl_NewStringObj("phase", -1));
    ADD(Tcl_NewStringObj("output", -1));
    ADD(Tcl_NewStringObj("time", -1));
    ADD(Tcl_NewDoubleObj((double) Microseconds() / 1e6));
    ADD(Tcl_NewStringObj("data", -1));
    ADD(Tcl_NewStringObj(text, -1));
    ADD(Tcl_NewStringObj("dropped", -1));
    ADD(Tcl_NewWideIntObj(count));
#undef ADD
    return listPtr;
}

static void
GiveOne(DpSink *sinkPtr, Tcl_Obj *eventPtr)
{
    Tcl_Obj *wordsPtr = Tcl_DuplicateObj(sinkPtr->prefixPtr);
    DpBuf why = {0};

    Tcl_IncrRefCount(wordsPtr);
    Tcl_ListObjAppendElement(NULL, wordsPtr, Tcl_NewStringObj("event", -1));
    Tcl_ListObjAppendElement(NULL, wordsPtr, eventPtr);
    if (!Call(sinkPtr, wordsPtr, &why)) {
	Fail(sinkPtr, (const char *) DpBufData(&why));
    }
    DpBufFree(&why);
    Tcl_DecrRefCount(wordsPtr);
}

/*
 * Gives events to the logger until that took so long, or so many are given.
 * Returns the microseconds that it took.
 */
static int64_t
GiveSome(DpSink *sinkPtr, int64_t limit, size_t most)
{
    int64_t start = Microseconds(), taken = 0;

    sinkPtr->running = true;
    while (!sinkPtr->failed && CanRun(sinkPtr) && most-- > 0
	    && taken < limit) {
	Tcl_Obj *eventPtr;

	if (sinkPtr->count > 0) {
	    Entry *entryPtr = &sinkPtr->entries[sinkPtr->first];

	    eventPtr = entryPtr->eventPtr;
	    sinkPtr->bytes -= entryPtr->size;
	    sinkPtr->first = (sinkPtr->first + 1) % sinkPtr->size;
	    sinkPtr->count--;
	} else if (sinkPtr->dropped > sinkPtr->told) {
	    eventPtr = DroppedEvent(sinkPtr);
	    Tcl_IncrRefCount(eventPtr);
	} else {
	    break;
	}
	GiveOne(sinkPtr, eventPtr);
	Tcl_DecrRefCount(eventPtr);
	taken = Microseconds() - start;
    }
    sinkPtr->running = false;
    return taken;
}

/* --- channels --- */

/* False: the channel takes no more at the moment. */
static bool
WriteLines(DpSink *sinkPtr)
{
    while (!sinkPtr->failed && DpBufLength(&sinkPtr->lines) > 0) {
	int count = (int) DpBufLength(&sinkPtr->lines);

	if (Tcl_OutputBuffered(sinkPtr->channel) > 0) {
	    /* Tcl would keep without any limit what it cannot write. */
	    if (Tcl_Flush(sinkPtr->channel) != TCL_OK) {
		Fail(sinkPtr, Tcl_ErrnoMsg(Tcl_GetErrno()));
		return true;
	    }
	    if (Tcl_OutputBuffered(sinkPtr->channel) > 0) {
		return false;
	    }
	}
	if (count > WRITE_SIZE) {
	    count = WRITE_SIZE;
	}
	if (Tcl_Write(sinkPtr->channel,
		(const char *) DpBufData(&sinkPtr->lines), count) != count
		|| Tcl_Flush(sinkPtr->channel) != TCL_OK) {
	    Fail(sinkPtr, Tcl_ErrnoMsg(Tcl_GetErrno()));
	    return true;
	}
	DpBufConsume(&sinkPtr->lines, (size_t) count);
    }
    return true;
}

static void
AddLine(DpSink *sinkPtr, Tcl_Obj *eventPtr)
{
    if (DpJsonEvent(NULL, &sinkPtr->lines, eventPtr) == TCL_OK) {
	DpBufAppend(&sinkPtr->lines, "\n", 1);
    }
}

/* --- turns --- */

static void
DrainTimer(void *clientData)
{
    DpSink *sinkPtr = clientData;

    DpTaskStart(sinkPtr->dpPtr->loopPtr, &sinkPtr->task, DrainTask, sinkPtr);
}

static void
Rest(DpSink *sinkPtr, int64_t milliseconds)
{
    DpTimerStart(sinkPtr->dpPtr->loopPtr, &sinkPtr->timer, milliseconds,
	    DrainTimer, sinkPtr);
}

static void
DrainTask(void *clientData)
{
    DpSink *sinkPtr = clientData;
    int64_t taken;

    if (sinkPtr->running) {
	/* It runs the event loop itself: one event after the other. */
	return;
    }
    sinkPtr->refCount++;
    if (sinkPtr->channel != NULL && !sinkPtr->failed) {
	bool done = WriteLines(sinkPtr);

	if (!sinkPtr->failed && done && sinkPtr->dropped > sinkPtr->told) {
	    Tcl_Obj *eventPtr = DroppedEvent(sinkPtr);

	    Tcl_IncrRefCount(eventPtr);
	    AddLine(sinkPtr, eventPtr);
	    Tcl_DecrRefCount(eventPtr);
	    done = WriteLines(sinkPtr);
	}
	if (!sinkPtr->failed && !done) {
	    Rest(sinkPtr, RETRY_MS);
	}
    } else if (sinkPtr->prefixPtr != NULL && !sinkPtr->failed) {
	taken = GiveSome(sinkPtr, TURN_MS * 1000, TURN_EVENTS);
	if (!sinkPtr->failed && sinkPtr->refCount > 1 && CanRun(sinkPtr)
		&& (sinkPtr->count > 0 || sinkPtr->dropped > sinkPtr->told)) {
	    if (taken < TURN_MS * 1000) {
		DpTaskStart(sinkPtr->dpPtr->loopPtr, &sinkPtr->task,
			DrainTask, sinkPtr);
	    } else {
		int64_t rest = REST_TURNS * taken / 1000;

		Rest(sinkPtr, rest < MAX_REST_MS ? rest : MAX_REST_MS);
	    }
	}
    }
    if (sinkPtr->failed) {
	TellFailure(sinkPtr);
    }
    DpSinkDrop(sinkPtr);
}

static size_t
Used(const DpSink *sinkPtr, size_t *mostPtr)
{
    if (sinkPtr->prefixPtr == NULL) {
	*mostPtr = MAX_LINES;
	return DpBufLength(&sinkPtr->lines);
    }
    *mostPtr = MAX_BYTES;
    return sinkPtr->bytes;
}

bool
DpSinkHasRoom(DpSink *sinkPtr, DpSinkUse use, size_t size)
{
    size_t most, used = Used(sinkPtr, &most), count = MAX_EVENTS;

    if (sinkPtr->failed || sinkPtr->id == 0) {
	return false;
    }
    if (use == DP_SINK_OUTPUT) {
	most /= 2;
	count /= 2;
    }
    if (used + size <= most && sinkPtr->count < count) {
	return true;
    }
    sinkPtr->dropped++;
    return false;
}

void
DpSinkPut(DpSink *sinkPtr, Tcl_Obj *eventPtr, DpSinkUse use, size_t size)
{
    if (!DpSinkHasRoom(sinkPtr, use, size)) {
	return;
    }
    if (sinkPtr->prefixPtr != NULL) {
	Push(sinkPtr, eventPtr, size);
    } else {
	AddLine(sinkPtr, eventPtr);
	if (sinkPtr->plain && DpBufLength(&sinkPtr->lines) >= WRITE_SIZE
		&& sinkPtr->timer.loopPtr == NULL
		&& !WriteLines(sinkPtr)) {
	    Rest(sinkPtr, RETRY_MS);
	}
	if (sinkPtr->failed || DpBufLength(&sinkPtr->lines) == 0) {
	    return;
	}
    }
    if (sinkPtr->timer.loopPtr == NULL) {
	DpTaskStart(sinkPtr->dpPtr->loopPtr, &sinkPtr->task, DrainTask,
		sinkPtr);
    }
}

void
DpSinkFlush(DpSink *sinkPtr, int milliseconds)
{
    int64_t end = DpLoopNow() + milliseconds;

    if (sinkPtr->running) {
	return;
    }
    sinkPtr->refCount++;
    if (sinkPtr->prefixPtr != NULL) {
	GiveSome(sinkPtr, (int64_t) milliseconds * 1000, SIZE_MAX);
    } else {
	while (!sinkPtr->failed && !WriteLines(sinkPtr)
		&& DpLoopNow() < end) {
	    Tcl_Sleep(1);
	}
    }
    if (sinkPtr->failed) {
	TellFailure(sinkPtr);
    }
    DpSinkDrop(sinkPtr);
}

void
DpSinkFlushAll(DpInterp *dpPtr, int milliseconds)
{
    Tcl_HashTable *tablePtr = &dpPtr->handles[DP_SINKS].table;
    int count = tablePtr->numEntries, found = 0;
    DpSink **sinks = DpAlloc(((size_t) count + 1) * sizeof(*sinks));
    Tcl_HashSearch search;
    Tcl_HashEntry *entryPtr = Tcl_FirstHashEntry(tablePtr, &search);

    /* What runs may close any of them. */
    for (; entryPtr != NULL; entryPtr = Tcl_NextHashEntry(&search)) {
	sinks[found] = Tcl_GetHashValue(entryPtr);
	DpSinkHold(sinks[found++]);
    }
    for (int i = 0; i < found; i++) {
	if (sinks[i]->id != 0) {
	    DpSinkFlush(sinks[i], milliseconds);
	}
	DpSinkDrop(sinks[i]);
    }
    DpFree(sinks);
}

/* --- the command --- */

static void
EndSink(DpInterp *dpPtr, unsigned long id, void *value)
{
    DpSink *sinkPtr = value;

    (void) dpPtr;
    (void) id;
    sinkPtr->id = 0;
    if (sinkPtr->channel != NULL) {
	DpSinkFlush(sinkPtr, 1000);
    }
    DpTaskStop(&sinkPtr->task);
    DpTimerStop(&sinkPtr->timer);
    LeaveChannel(sinkPtr);
    DpSinkDrop(sinkPtr);
}

static int
GetChannel(Tcl_Interp *interp, Tcl_Obj *namePtr, Tcl_Channel *channelPtr)
{
    int mode;

    *channelPtr = Tcl_GetChannel(interp, Tcl_GetString(namePtr), &mode);
    if (*channelPtr == NULL) {
	return TCL_ERROR;
    }
    if (!(mode & TCL_WRITABLE)) {
	return DpFail(interp, "OPTION -channel",
		"the channel \"%s\" is not open for writing",
		Tcl_GetString(namePtr));
    }
    return TCL_OK;
}

static Tcl_Obj *
InfoObj(const DpSink *sinkPtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("queued", -1),
	    Tcl_NewWideIntObj((Tcl_WideInt) sinkPtr->count));
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("bytes", -1),
	    Tcl_NewWideIntObj((Tcl_WideInt) (sinkPtr->bytes
	    + DpBufLength(&sinkPtr->lines))));
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("dropped", -1),
	    Tcl_NewWideIntObj(sinkPtr->dropped));
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("failed", -1),
	    Tcl_NewBooleanObj(sinkPtr->failed));
    return dictPtr;
}

/*
 * core::sink logger PREFIX, json CHANNEL -- a handle.
 * core::sink put SINK EVENT -- as if it had happened.
 * core::sink flush SINK MS -- nothing is left, or so much time has gone.
 * core::sink swap SINK CHANNEL -- further lines go there; flush it before.
 * core::sink info SINK -- dict: queued bytes dropped failed.
 * core::sink close SINK -- without a flush.
 * core::sink encode EVENT -- the line, without its end.
 */
static int
SinkCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"close", "encode", "flush", "info", "json", "logger", "put", "swap",
	NULL
    };
    static const int counts[] = {3, 3, 4, 3, 3, 3, 4, 4};
    static const char *const usages[] = {
	"sink", "event", "sink ms", "sink", "channel", "prefix", "sink event",
	"sink channel"
    };
    enum { CLOSE, ENCODE, FLUSH, INFO, JSON, LOGGER, PUT, SWAP };
    DpInterp *dpPtr = clientData;
    DpSink *sinkPtr;
    Tcl_Channel channel;
    DpBuf line = {0};
    int index, length, milliseconds;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != counts[index]) {
	Tcl_WrongNumArgs(interp, 2, objv, usages[index]);
	return TCL_ERROR;
    }
    switch (index) {
    case ENCODE:
	if (DpJsonEvent(interp, &line, objv[2]) != TCL_OK) {
	    DpBufFree(&line);
	    return TCL_ERROR;
	}
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		(const char *) DpBufData(&line), (int) DpBufLength(&line)));
	DpBufFree(&line);
	return TCL_OK;
    case LOGGER:
	if (Tcl_ListObjLength(interp, objv[2], &length) != TCL_OK) {
	    return TCL_ERROR;
	}
	Tcl_SetObjResult(interp,
		DpSinkObj(DpSinkNewLogger(dpPtr, objv[2])));
	return TCL_OK;
    case JSON:
	if (GetChannel(interp, objv[2], &channel) != TCL_OK) {
	    return TCL_ERROR;
	}
	Tcl_SetObjResult(interp, DpSinkObj(DpSinkNewJson(dpPtr, channel)));
	return TCL_OK;
    default:
	break;
    }
    if (DpSinkGet(dpPtr, objv[2], &sinkPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    switch (index) {
    case CLOSE:
	if (Tcl_InterpDeleted(interp)) {
	    /* What ends with the interpreter is still to be told: EndSink. */
	    return TCL_OK;
	}
	DpHandleForget(dpPtr, DP_SINKS, sinkPtr->id);
	sinkPtr->id = 0;
	DpTaskStop(&sinkPtr->task);
	DpTimerStop(&sinkPtr->timer);
	Empty(sinkPtr);
	LeaveChannel(sinkPtr);
	sinkPtr->failed = true;
	DpSinkDrop(sinkPtr);
	return TCL_OK;
    case FLUSH:
	if (Tcl_GetIntFromObj(interp, objv[3], &milliseconds) != TCL_OK) {
	    return TCL_ERROR;
	}
	DpSinkFlush(sinkPtr, milliseconds);
	return TCL_OK;
    case INFO:
	Tcl_SetObjResult(interp, InfoObj(sinkPtr));
	return TCL_OK;
    case PUT:
	if (Tcl_ListObjLength(interp, objv[3], &length) != TCL_OK) {
	    return TCL_ERROR;
	}
	DpSinkPut(sinkPtr, objv[3], DP_SINK_FRAME, 0);
	return TCL_OK;
    case SWAP:
	if (GetChannel(interp, objv[3], &channel) != TCL_OK) {
	    return TCL_ERROR;
	}
	LeaveChannel(sinkPtr);
	TakeChannel(sinkPtr, channel);
	return TCL_OK;
    default:
	return TCL_OK;
    }
}

void
DpSinkInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_SINKS, EndSink);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::sink", SinkCmd,
	    dpPtr, NULL);
}

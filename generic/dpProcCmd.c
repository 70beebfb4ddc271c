/*
 * dpProcCmd.c -- the command core::proc: commands for scripts.
 *
 * Layer L4. A handle such as "proc7" stands for a command wherever it runs;
 * it passes what the command tells to the collector or the channels, and to
 * those who wait.
 */

#include "dpProcCmd.h"

#include "dpEnding.h"
#include "dpEvent.h"
#include "dpMatchCmd.h"
#include "dpObj.h"
#include "dpProcChan.h"
#include "dpRun.h"
#include "dpSpawnCmd.h"
#include "dpTerm.h"
#include "dpWait.h"

/* Waiters for one thing; finished together. */
typedef struct Waits {
    DpWait **waits;             /* held */
    int count;
} Waits;

typedef struct Handle {
    DpInterp *dpPtr;            /* held */
    unsigned long id;
    DpProc *procPtr;            /* held */
    char *slug;
    char *command;
    bool hadPassword;
    DpEnding *endingPtr;        /* held */
    DpRun *runPtr;              /* the consumer: this ... */
    DpProcChans *chansPtr;      /* ... or this ... */
    DpProcTaker taker;          /* ... or this (notify NULL: not) or none */
    Waits ended;
    Waits writable;
    DpError error;              /* with ended: how the command failed */
    DpSpan *spanPtr;            /* held: hears of it; NULL: none or ended */
    bool collecting;            /* the run has still to tell the span */
} Handle;

/* --- waiters --- */

static Tcl_Obj *
AddWait(Handle *handlePtr, Waits *waitsPtr)
{
    DpWait *waitPtr = DpWaitNew(handlePtr->dpPtr);
    int kept = 0;

    /* Those that were given up must not pile up. */
    for (int i = 0; i < waitsPtr->count; i++) {
	if (DpWaitIsDropped(waitsPtr->waits[i])) {
	    DpWaitDrop(waitsPtr->waits[i]);
	} else {
	    waitsPtr->waits[kept++] = waitsPtr->waits[i];
	}
    }
    waitsPtr->waits = DpRealloc(waitsPtr->waits,
	    (size_t) (kept + 1) * sizeof(*waitsPtr->waits));
    waitsPtr->waits[kept] = waitPtr;
    waitsPtr->count = kept + 1;
    return DpWaitObj(waitPtr);
}

/* Finishes all with the value, or with the error if it is set. */
static void
FinishWaits(Waits *waitsPtr, Tcl_Obj *valuePtr, const DpError *errPtr)
{
    Tcl_IncrRefCount(valuePtr);
    for (int i = 0; i < waitsPtr->count; i++) {
	if (errPtr != NULL && DpErrorIsSet(errPtr)) {
	    DpWaitFail(waitsPtr->waits[i], errPtr);
	} else {
	    DpWaitFinish(waitsPtr->waits[i], valuePtr, NULL);
	}
	DpWaitDrop(waitsPtr->waits[i]);
    }
    Tcl_DecrRefCount(valuePtr);
    DpFree(waitsPtr->waits);
    waitsPtr->waits = NULL;
    waitsPtr->count = 0;
}

/* --- what the command tells --- */

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static void
PutStatus(Tcl_Obj *dictPtr, const DpProc *procPtr)
{
    int64_t end = procPtr->ended ? procPtr->endTime : DpLoopNow();

    Put(dictPtr, "status", Tcl_NewIntObj(procPtr->status));
    Put(dictPtr, "signal", Tcl_NewStringObj(procPtr->signalName, -1));
    Put(dictPtr, "seconds", Tcl_NewDoubleObj(
	    (double) (end - procPtr->startTime) / 1000));
}

static Tcl_Obj *
EndedObj(const DpProc *procPtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    PutStatus(dictPtr, procPtr);
    return dictPtr;
}

/*
 * How the command failed, if it did. sudo that asked more often than there was
 * something to answer never came to the command.
 */
static void
SetError(Handle *handlePtr)
{
    const DpProc *procPtr = handlePtr->procPtr;
    int answers = handlePtr->hadPassword ? 1 : 0;

    if (DpErrorIsSet(&procPtr->error)) {
	DpErrorCopy(&handlePtr->error, &procPtr->error);
    } else if (procPtr->promptText != NULL && !procPtr->started
	    && procPtr->prompts > answers) {
	DpErrorSet(&handlePtr->error, "SUDO PASSWORD", answers > 0
		? "sudo on host %s refuses the password: set the right one as"
		" -sudopassword of the host (command: %s)"
		: "sudo on host %s asks for a password and there is none: set"
		" -sudopassword of the host (command: %s)", handlePtr->slug,
		handlePtr->command);
	DpErrorAddData(&handlePtr->error, handlePtr->slug);
    } else if (procPtr->started && procPtr->inLost) {
	DpErrorSet(&handlePtr->error, "EXEC LOST", "the command on %s has run"
		" without its input: sudo asked something first that nobody"
		" answered (command: %s)", handlePtr->slug,
		handlePtr->command);
	DpErrorAddData(&handlePtr->error, handlePtr->slug);
    }
}

/* --- the span --- */

static bool
HasConsumer(const Handle *handlePtr)
{
    return handlePtr->runPtr != NULL || handlePtr->chansPtr != NULL
	    || handlePtr->taker.notify != NULL;
}

/* The command, and all that it printed, is over; or it is given up. */
static void
EndSpan(Handle *handlePtr)
{
    if (handlePtr->spanPtr != NULL) {
	DpSpan *spanPtr = handlePtr->spanPtr;

	handlePtr->spanPtr = NULL;
	DpSpanProcEnded(spanPtr, handlePtr->procPtr, &handlePtr->error);
	DpSpanDrop(spanPtr);
    }
}

static void
SpanFeed(void *data, int stream, const unsigned char *bytes, size_t n)
{
    Handle *handlePtr = data;

    if (handlePtr->spanPtr != NULL) {
	DpSpanOutput(handlePtr->spanPtr, stream, bytes, n);
    }
}

static void
SpanRunEnd(void *data)
{
    Handle *handlePtr = data;

    handlePtr->collecting = false;
    if (handlePtr->procPtr->ended) {
	EndSpan(handlePtr);
    }
}

/* Whether bytes can be written now; or no more at all, which is an answer. */
static bool
IsWritable(const DpProc *procPtr)
{
    return procPtr->inDone || procPtr->inClose || DpProcRoom(procPtr) > 0;
}

static size_t
Room(const DpProc *procPtr)
{
    return (procPtr->inDone || procPtr->inClose) ? 0 : DpProcRoom(procPtr);
}

static void
HandleNotify(void *clientData, DpProc *procPtr, int what)
{
    Handle *handlePtr = clientData;

    if (handlePtr->runPtr != NULL) {
	DpRunNotify(handlePtr->runPtr);
    } else if (handlePtr->chansPtr != NULL) {
	DpProcChansNotify(handlePtr->chansPtr, procPtr, what);
    }
    if (handlePtr->taker.notify != NULL) {
	handlePtr->taker.notify(handlePtr->taker.data, procPtr, what);
    }
    if (handlePtr->writable.count > 0 && IsWritable(procPtr)) {
	FinishWaits(&handlePtr->writable,
		Tcl_NewWideIntObj((Tcl_WideInt) Room(procPtr)), NULL);
    }
    if (what & DP_PROC_ENDED) {
	SetError(handlePtr);
	if (handlePtr->runPtr != NULL) {
	    DpRunEnd(handlePtr->runPtr, &handlePtr->error);
	}
	if (!handlePtr->collecting && HasConsumer(handlePtr)) {
	    EndSpan(handlePtr);
	}
	FinishWaits(&handlePtr->ended, EndedObj(procPtr), &handlePtr->error);
    }
}

/* --- handles --- */

Tcl_Obj *
DpProcHandleNew(DpInterp *dpPtr, DpProc *procPtr, const DpProcOpts *optsPtr)
{
    Handle *handlePtr = DpAlloc(sizeof(*handlePtr));

    handlePtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    handlePtr->procPtr = procPtr;
    DpProcHold(procPtr);
    handlePtr->slug = DpStrdup(optsPtr->slug);
    handlePtr->command = DpStrdup(optsPtr->command);
    handlePtr->hadPassword = optsPtr->password != NULL;
    if (optsPtr->eventPtr != NULL) {
	/* None, where it has ended meanwhile. */
	handlePtr->spanPtr = DpSpanFind(dpPtr, optsPtr->eventPtr);
    }
    if (handlePtr->spanPtr != NULL) {
	DpSpanHold(handlePtr->spanPtr);
    }

    procPtr->merge = optsPtr->merge;
    if (optsPtr->hasPty) {
	DpProcSetPty(procPtr, &optsPtr->pty);
    }
    procPtr->inHold = optsPtr->hold;
    procPtr->askTime = optsPtr->ask;
    procPtr->token = DpStrdup(optsPtr->token);
    procPtr->echoText = DpStrdup(optsPtr->echo);
    procPtr->promptText = DpStrdup(optsPtr->prompt);
    procPtr->password = DpStrdup(optsPtr->password);
    procPtr->notify = HandleNotify;
    procPtr->clientData = handlePtr;
    handlePtr->endingPtr = DpEndingNew(dpPtr, procPtr, optsPtr);
    handlePtr->id = DpHandleNew(dpPtr, DP_PROCS, handlePtr);
    return DpHandleObj(dpPtr, DP_PROCS, handlePtr->id);
}

/*
 * Lets go of a handle that is out of the table already. Channels that are
 * still open keep the command, else it is abandoned.
 */
static void
FreeHandle(Handle *handlePtr)
{
    DpProc *procPtr = handlePtr->procPtr;

    procPtr->notify = NULL;
    if (procPtr->ended && !handlePtr->collecting) {
	EndSpan(handlePtr);
    }
    if (!DpErrorIsSet(&handlePtr->error)) {
	DpErrorSet(&handlePtr->error, "EXEC LOST",
		"the command on %s was given up before its end: %s",
		handlePtr->slug, handlePtr->command);
	DpErrorAddData(&handlePtr->error, handlePtr->slug);
    }
    FinishWaits(&handlePtr->ended, Tcl_NewObj(), &handlePtr->error);
    FinishWaits(&handlePtr->writable, Tcl_NewIntObj(0), NULL);
    if (handlePtr->runPtr != NULL) {
	DpRunCancel(handlePtr->runPtr, &handlePtr->error);
	DpRunDrop(handlePtr->runPtr);
    }
    EndSpan(handlePtr);
    if (handlePtr->taker.notify != NULL) {
	handlePtr->taker.free(handlePtr->taker.data);
    }
    if (handlePtr->chansPtr != NULL) {
	DpProcChansLeave(handlePtr->chansPtr);
    } else {
	DpProcAbandon(procPtr);
    }
    DpEndingDrop(handlePtr->endingPtr);
    DpProcDrop(procPtr);
    DpErrorClear(&handlePtr->error);
    DpFree(handlePtr->slug);
    DpFree(handlePtr->command);
    DpInterpDrop(handlePtr->dpPtr);
    DpFree(handlePtr);
}

static void
EndHandle(DpInterp *dpPtr, unsigned long id, void *value)
{
    (void) dpPtr;
    (void) id;
    FreeHandle(value);
}

/* --- core::proc --- */

/* One consumer for the outputs of a command. */
static int
CheckFree(Tcl_Interp *interp, const Handle *handlePtr, Tcl_Obj *namePtr)
{
    if (!HasConsumer(handlePtr)) {
	return TCL_OK;
    }
    Tcl_SetObjResult(interp, Tcl_ObjPrintf("the outputs of \"%s\" are taken",
	    Tcl_GetString(namePtr)));
    Tcl_SetErrorCode(interp, "TCL", "OPERATION", "PROC", "TAKEN",
	    (char *) NULL);
    return TCL_ERROR;
}

int
DpProcTake(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *namePtr,
	const DpProcTaker *takerPtr, DpProc **procPtrPtr)
{
    Handle *handlePtr;
    void *value;

    if (DpHandleFind(dpPtr, DP_PROCS, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    handlePtr = value;
    if (CheckFree(interp, handlePtr, namePtr) != TCL_OK) {
	return TCL_ERROR;
    }
    handlePtr->taker = *takerPtr;
    *procPtrPtr = handlePtr->procPtr;
    return TCL_OK;
}

DpEnding *
DpProcEnding(DpInterp *dpPtr, Tcl_Obj *namePtr)
{
    void *value;

    return DpHandleFind(dpPtr, DP_PROCS, namePtr, &value) == TCL_OK
	    ? ((Handle *) value)->endingPtr : NULL;
}

void *
DpProcTaken(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *namePtr,
	void (*notify)(void *data, DpProc *procPtr, int what))
{
    Handle *handlePtr;
    void *value;

    if (DpHandleFind(dpPtr, DP_PROCS, namePtr, &value) != TCL_OK) {
	return NULL;
    }
    handlePtr = value;
    if (handlePtr->taker.notify == notify) {
	return handlePtr->taker.data;
    }
    Tcl_SetObjResult(interp, Tcl_ObjPrintf("\"%s\" has no such terminal",
	    Tcl_GetString(namePtr)));
    Tcl_SetErrorCode(interp, "TCL", "VALUE", "PROC", (char *) NULL);
    return NULL;
}

/* Reads the options of `run`; the encoding is the caller's to free. */
static int
GetRunSpec(Tcl_Interp *interp, Tcl_Obj *dictPtr, DpRunSpec *specPtr)
{
    static const char *const names[] = {
	"answers", "cast", "discard", "encoding", "keys", "limit", "newlines",
	"onoutput", "stdin", "stdinopen", "terminal", NULL
    };
    enum {
	ANSWERS, CAST, DISCARD, ENCODING, KEYS, LIMIT, NEWLINES, ONOUTPUT,
	STDIN, STDINOPEN, TERMINAL
    };
    const char *encoding = "utf-8";
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    int done = 1, index, flag, length, code = TCL_OK;

    memset(specPtr, 0, sizeof(*specPtr));
    if (dictPtr != NULL && Tcl_DictObjFirst(interp, dictPtr, &search, &keyPtr,
	    &valuePtr, &done) != TCL_OK) {
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
	case ANSWERS:
	    specPtr->answersPtr = valuePtr;
	    break;
	case CAST:
	    specPtr->castPtr = valuePtr;
	    break;
	case DISCARD:
	    code = Tcl_GetBooleanFromObj(interp, valuePtr, &flag);
	    specPtr->discard = flag;
	    break;
	case ENCODING:
	    encoding = Tcl_GetString(valuePtr);
	    break;
	case KEYS:
	    code = Tcl_GetBooleanFromObj(interp, valuePtr, &flag);
	    specPtr->keys = flag;
	    break;
	case LIMIT:
	    code = Tcl_GetIntFromObj(interp, valuePtr, &length);
	    specPtr->limit = length > 0 ? (size_t) length : 0;
	    break;
	case NEWLINES:
	    code = Tcl_GetBooleanFromObj(interp, valuePtr, &flag);
	    specPtr->newlines = flag;
	    break;
	case ONOUTPUT:
	    code = Tcl_ListObjLength(interp, valuePtr, &length);
	    specPtr->onOutputPtr = length > 0 ? valuePtr : NULL;
	    break;
	case STDIN:
	    specPtr->inPtr = valuePtr;
	    break;
	case STDINOPEN:
	    code = Tcl_GetBooleanFromObj(interp, valuePtr, &flag);
	    specPtr->inOpen = flag;
	    break;
	case TERMINAL:
	    code = Tcl_GetBooleanFromObj(interp, valuePtr, &flag);
	    specPtr->terminal = flag;
	    break;
	}
    }
    if (dictPtr != NULL) {
	Tcl_DictObjDone(&search);
    }
    if (code == TCL_OK && strcmp(encoding, "binary") != 0) {
	specPtr->encoding = Tcl_GetEncoding(interp, encoding);
	if (specPtr->encoding == NULL) {
	    code = TCL_ERROR;
	}
    }
    return code;
}

/* Lets the command of a new run have its dialogue; the set is let go. */
static void
AddAnswers(Handle *handlePtr, DpAnswerSet *setPtr, Tcl_Encoding encoding)
{
    const DpAnswersSpec spec = {
	.procPtr = handlePtr->procPtr, .encoding = encoding,
	.slug = handlePtr->slug, .command = handlePtr->command
    };

    DpProcWatched(handlePtr->procPtr);
    DpMatchAddTap(handlePtr->runPtr, setPtr, &spec);
    DpAnswerSetDrop(setPtr);
}

static int
RunSub(Tcl_Interp *interp, Handle *handlePtr, int objc, Tcl_Obj *const objv[])
{
    DpAnswerSet *answersPtr = NULL;
    DpRunSpec spec;
    DpTermTaps taps;

    if (CheckFree(interp, handlePtr, objv[2]) != TCL_OK
	    || GetRunSpec(interp, objc > 3 ? objv[3] : NULL, &spec)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (DpTermTapsOpen(interp, handlePtr->dpPtr, &spec, &taps) != TCL_OK) {
	if (spec.encoding != NULL) {
	    Tcl_FreeEncoding(spec.encoding);
	}
	return TCL_ERROR;
    }
    if (spec.answersPtr != NULL) {
	answersPtr = DpAnswerSetGet(interp, spec.answersPtr);
	if (answersPtr == NULL) {
	    if (spec.encoding != NULL) {
		Tcl_FreeEncoding(spec.encoding);
	    }
	    return TCL_ERROR;
	}
    }
    handlePtr->runPtr = DpRunNew(handlePtr->dpPtr, handlePtr->procPtr, &spec);
    DpTermTapsJoin(&taps, handlePtr->runPtr, handlePtr->procPtr);
    if (answersPtr != NULL) {
	AddAnswers(handlePtr, answersPtr, spec.encoding);
    }
    if (handlePtr->spanPtr != NULL) {
	const DpRunTap tap = {
	    .feedFrom = SpanFeed, .end = SpanRunEnd, .data = handlePtr
	};

	DpSpanEncoding(handlePtr->spanPtr, spec.encoding);
	handlePtr->collecting = true;
	DpRunAddTap(handlePtr->runPtr, &tap);
    }
    Tcl_SetObjResult(interp, DpRunWaiter(handlePtr->runPtr));
    if (handlePtr->procPtr->ended) {
	DpRunEnd(handlePtr->runPtr, &handlePtr->error);
    } else {
	DpRunNotify(handlePtr->runPtr);
    }
    return TCL_OK;
}

static int
ChannelsSub(Tcl_Interp *interp, Handle *handlePtr, int objc,
	Tcl_Obj *const objv[])
{
    (void) objc;
    if (handlePtr->chansPtr == NULL) {
	if (CheckFree(interp, handlePtr, objv[2]) != TCL_OK) {
	    return TCL_ERROR;
	}
	handlePtr->chansPtr = DpProcChansNew(handlePtr->dpPtr,
		handlePtr->procPtr);
	if (handlePtr->procPtr->ended) {
	    EndSpan(handlePtr);
	}
    }
    Tcl_SetObjResult(interp, DpProcChansNames(handlePtr->chansPtr));
    return TCL_OK;
}

static int
CloseSub(Tcl_Interp *interp, Handle *handlePtr, int objc,
	Tcl_Obj *const objv[])
{
    (void) interp;
    (void) objc;
    (void) objv;
    DpHandleForget(handlePtr->dpPtr, DP_PROCS, handlePtr->id);
    FreeHandle(handlePtr);
    return TCL_OK;
}

static int
EndedSub(Tcl_Interp *interp, Handle *handlePtr, int objc,
	Tcl_Obj *const objv[])
{
    (void) objc;
    (void) objv;
    Tcl_SetObjResult(interp, AddWait(handlePtr, &handlePtr->ended));
    if (handlePtr->procPtr->ended) {
	FinishWaits(&handlePtr->ended, EndedObj(handlePtr->procPtr),
		&handlePtr->error);
    }
    return TCL_OK;
}

static int
EofSub(Tcl_Interp *interp, Handle *handlePtr, int objc, Tcl_Obj *const objv[])
{
    (void) interp;
    (void) objc;
    (void) objv;
    DpProcCloseIn(handlePtr->procPtr);
    return TCL_OK;
}

static int
InfoSub(Tcl_Interp *interp, Handle *handlePtr, int objc,
	Tcl_Obj *const objv[])
{
    const DpProc *procPtr = handlePtr->procPtr;
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    (void) objc;
    (void) objv;
    Put(dictPtr, "pid", Tcl_NewLongObj(DpEndingPid(handlePtr->endingPtr)));
    Put(dictPtr, "started", Tcl_NewBooleanObj(procPtr->started));
    Put(dictPtr, "begun", Tcl_NewBooleanObj(procPtr->begun));
    Put(dictPtr, "ended", Tcl_NewBooleanObj(procPtr->ended));
    PutStatus(dictPtr, procPtr);
    Put(dictPtr, "rest", Tcl_NewStringObj(
	    procPtr->startRest != NULL ? procPtr->startRest : "", -1));
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

/* Nothing happens to a command without a terminal. */
static int
ResizeSub(Tcl_Interp *interp, Handle *handlePtr, int objc,
	Tcl_Obj *const objv[])
{
    int cols, rows;

    (void) objc;
    if (DpProcSizeGet(interp, objv[3], &cols) != TCL_OK
	    || DpProcSizeGet(interp, objv[4], &rows) != TCL_OK) {
	return TCL_ERROR;
    }
    DpProcResize(handlePtr->procPtr, cols, rows);
    return TCL_OK;
}

static int
RoomSub(Tcl_Interp *interp, Handle *handlePtr, int objc,
	Tcl_Obj *const objv[])
{
    (void) objc;
    (void) objv;
    Tcl_SetObjResult(interp,
	    Tcl_NewWideIntObj((Tcl_WideInt) Room(handlePtr->procPtr)));
    return TCL_OK;
}

static int
SignalSub(Tcl_Interp *interp, Handle *handlePtr, int objc,
	Tcl_Obj *const objv[])
{
    DpProc *procPtr = handlePtr->procPtr;
    const char *name = Tcl_GetString(objv[3]);
    size_t length;

    (void) objc;
    if (strncmp(name, "SIG", 3) == 0) {
	name += 3;
    }
    length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    if (length == 0 || name[length] != '\0') {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf(
		"bad signal \"%s\": it must be a name such as TERM",
		Tcl_GetString(objv[3])));
	Tcl_SetErrorCode(interp, "TCL", "VALUE", "SIGNAL", (char *) NULL);
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewBooleanObj(!procPtr->ended
	    && procPtr->typePtr->signal != NULL
	    && procPtr->typePtr->signal(procPtr, name)));
    return TCL_OK;
}

/* Returns how many bytes are taken: 0 once the command reads no more. */
static int
WriteSub(Tcl_Interp *interp, Handle *handlePtr, int objc,
	Tcl_Obj *const objv[])
{
    DpProc *procPtr = handlePtr->procPtr;
    int length;
    unsigned char *bytes = Tcl_GetByteArrayFromObj(objv[3], &length);

    (void) objc;
    if (procPtr->inDone || procPtr->inClose) {
	length = 0;
    }
    DpProcWrite(procPtr, bytes, (size_t) length);
    Tcl_SetObjResult(interp, Tcl_NewIntObj(length));
    return TCL_OK;
}

/* Finishes with the room there is; 0 when the command reads no more. */
static int
WritableSub(Tcl_Interp *interp, Handle *handlePtr, int objc,
	Tcl_Obj *const objv[])
{
    (void) objc;
    (void) objv;
    Tcl_SetObjResult(interp, AddWait(handlePtr, &handlePtr->writable));
    if (IsWritable(handlePtr->procPtr)) {
	FinishWaits(&handlePtr->writable,
		Tcl_NewWideIntObj((Tcl_WideInt) Room(handlePtr->procPtr)),
		NULL);
    }
    return TCL_OK;
}

typedef struct Sub {
    const char *name;
    int (*proc)(Tcl_Interp *interp, Handle *handlePtr, int objc,
	    Tcl_Obj *const objv[]);
    int min, max;
    const char *usage;
} Sub;

static int
ProcCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const Sub subs[] = {
	{"channels", ChannelsSub, 3, 3, "proc"},
	{"close", CloseSub, 3, 3, "proc"},
	{"ended", EndedSub, 3, 3, "proc"},
	{"eof", EofSub, 3, 3, "proc"},
	{"info", InfoSub, 3, 3, "proc"},
	{"resize", ResizeSub, 5, 5, "proc cols rows"},
	{"room", RoomSub, 3, 3, "proc"},
	{"run", RunSub, 3, 4, "proc ?options?"},
	{"signal", SignalSub, 4, 4, "proc name"},
	{"writable", WritableSub, 3, 3, "proc"},
	{"write", WriteSub, 4, 4, "proc bytes"},
	{NULL, NULL, 0, 0, NULL}
    };
    void *value;
    int index;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObjStruct(interp, objv[1], subs, sizeof(*subs),
	    "subcommand", 0, &index) != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc < subs[index].min || objc > subs[index].max) {
	Tcl_WrongNumArgs(interp, 2, objv, subs[index].usage);
	return TCL_ERROR;
    }
    if (DpHandleFind(clientData, DP_PROCS, objv[2], &value) != TCL_OK) {
	return TCL_ERROR;
    }
    return subs[index].proc(interp, value, objc, objv);
}

void
DpProcCmdInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_PROCS, EndHandle);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::proc", ProcCmd,
	    dpPtr, NULL);
    DpSpawnCmdInit(dpPtr);
    DpEndingInit(dpPtr);
}

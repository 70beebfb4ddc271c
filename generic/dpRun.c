/*
 * dpRun.c -- runs a command to its end: feeds it and collects its outputs.
 *
 * Layer L4. All bytes pass in C; one value is made at the end.
 */

#include "dpRun.h"

#include "dpDecode.h"
#include "dpObj.h"

#include <stdio.h>

/* So much of the end of each stream is kept where there is too much of it. */
#define TAIL_SIZE (64 * 1024)

/* How much taps get at once, so that what they keep is bounded. */
#define SLICE (16 * 1024)

/* Bytes that came from one stream without any of the other in between. */
typedef struct Piece {
    int stream;
    size_t length;
} Piece;

struct DpRun {
    int refCount;
    DpInterp *dpPtr;            /* held */
    DpProc *procPtr;            /* held */
    DpWait *waitPtr;            /* held */
    Tcl_Encoding encoding;      /* owned, NULL: bytes */

    Tcl_Obj *inPtr;             /* what is left to feed, or NULL */
    size_t fed;                 /* how much of it was */
    bool feeding;               /* Feed is on the stack */

    DpBuf out[2];               /* all that came */
    size_t limit;               /* of both, and of the text of each */
    bool newlines;              /* CRLF becomes LF in out */
    bool heldCr[2];             /* the last byte was a CR, not yet in out */
    bool discard;                /* out stays empty */
    DpRunTap *taps;
    int numTaps;
    unsigned char *slice;       /* what taps are given: a copy, as the queue
				 * of the command may move meanwhile */
    bool draining;              /* Drain is on the stack */

    bool ended;                 /* DpRunEnd was called */
    bool complete;              /* ended, and all output is taken */
    bool failed;                /* DpRunFail was called */
    bool tooMuch;               /* more came than is kept */
    bool over;                  /* the waiter is finished */
    DpError error;              /* how it ended */

    Tcl_Obj *onOutputPtr;       /* command prefix or NULL */
    DpBuf pieces;               /* Piece structs, not yet told */
    size_t told[2];             /* how much of out was passed on */
    DpDecoder decoders[2];
    DpTask task;                /* tells */
    bool telling;               /* TellTask is on the stack */
};

static void TellTask(void *clientData);

/* --- taps --- */

void
DpRunAddTap(DpRun *runPtr, const DpRunTap *tapPtr)
{
    runPtr->taps = DpRealloc(runPtr->taps,
	    (size_t) (runPtr->numTaps + 1) * sizeof(*runPtr->taps));
    runPtr->taps[runPtr->numTaps++] = *tapPtr;
}

static void
EndTaps(DpRun *runPtr)
{
    while (runPtr->numTaps > 0) {
	DpRunTap *tapPtr = &runPtr->taps[--runPtr->numTaps];

	if (tapPtr->end != NULL) {
	    tapPtr->end(tapPtr->data);
	}
    }
}

static bool
IsFull(const DpRun *runPtr)
{
    for (int i = 0; i < runPtr->numTaps; i++) {
	const DpRunTap *tapPtr = &runPtr->taps[i];

	if (tapPtr->full != NULL && tapPtr->full(tapPtr->data)) {
	    return true;
	}
    }
    return false;
}

static bool
IsBusy(const DpRun *runPtr)
{
    for (int i = 0; i < runPtr->numTaps; i++) {
	const DpRunTap *tapPtr = &runPtr->taps[i];

	if (tapPtr->busy != NULL && tapPtr->busy(tapPtr->data)) {
	    return true;
	}
    }
    return false;
}

void
DpRunDrop(DpRun *runPtr)
{
    if (--runPtr->refCount > 0) {
	return;
    }
    DpTaskStop(&runPtr->task);
    EndTaps(runPtr);
    DpFree(runPtr->taps);
    DpFree(runPtr->slice);
    for (int i = 0; i < 2; i++) {
	DpBufFree(&runPtr->out[i]);
	DpDecodeFree(&runPtr->decoders[i]);
    }
    DpBufFree(&runPtr->pieces);
    DpReleaseObj(&runPtr->inPtr);
    DpReleaseObj(&runPtr->onOutputPtr);
    DpErrorClear(&runPtr->error);
    if (runPtr->encoding != NULL) {
	Tcl_FreeEncoding(runPtr->encoding);
    }
    DpWaitDrop(runPtr->waitPtr);
    DpProcDrop(runPtr->procPtr);
    DpInterpDrop(runPtr->dpPtr);
    DpFree(runPtr);
}

/* --- the result --- */

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static void
SetTooMuch(DpRun *runPtr, const char *what)
{
    char text[64] = "1 GiB";

    runPtr->tooMuch = true;
    if (DpErrorIsSet(&runPtr->error)) {
	return;                 /* it was lost besides */
    }
    if (runPtr->limit < DP_DECODE_MAX) {
	snprintf(text, sizeof(text), "%zu bytes", runPtr->limit);
    }
    DpErrorSet(&runPtr->error, "EXEC SIZE", "its output is above %s%s: use"
	    " process or pipe, which keep nothing", text, what);
}

/*
 * The decoded output; the bytes are given back. Where there is too much of it
 * that is the error from now on, if there is no other, and its end is returned.
 */
static Tcl_Obj *
TakeOutput(DpRun *runPtr, int stream)
{
    DpBuf *bufPtr = &runPtr->out[stream];
    size_t length = DpBufLength(bufPtr);
    Tcl_Obj *textPtr = NULL;

    if (!runPtr->tooMuch) {
	textPtr = DpDecodeAll(runPtr->encoding, DpBufData(bufPtr), length,
		runPtr->limit);
	if (textPtr == NULL) {
	    SetTooMuch(runPtr, runPtr->encoding == NULL ? "" : " as a text, in"
		    " which a NUL and a byte of no character count as two"
		    " (-encoding binary keeps bytes)");
	}
    }
    if (textPtr == NULL) {
	if (length > TAIL_SIZE) {
	    DpBufConsume(bufPtr, length - TAIL_SIZE);
	}
	textPtr = DpDecodeAll(runPtr->encoding, DpBufData(bufPtr),
		DpBufLength(bufPtr), DP_DECODE_MAX);
    }
    DpBufFree(bufPtr);
    return textPtr;
}

/* What came before an error stands beside it in the return options. */
static void
FinishFailed(DpRun *runPtr)
{
    Tcl_Obj *optionsPtr = DpErrorOptions(&runPtr->error);

    Put(optionsPtr, "-stdout", TakeOutput(runPtr, DP_STDOUT));
    Put(optionsPtr, "-stderr", TakeOutput(runPtr, DP_STDERR));
    DpWaitFinish(runPtr->waitPtr, Tcl_NewStringObj(runPtr->error.message, -1),
	    optionsPtr);
}

static void
Finish(DpRun *runPtr)
{
    DpProc *procPtr = runPtr->procPtr;
    Tcl_Obj *dictPtr;

    if (runPtr->over) {
	return;
    }
    runPtr->over = true;
    EndTaps(runPtr);
    if (DpErrorIsSet(&runPtr->error)) {
	FinishFailed(runPtr);
	return;
    }
    dictPtr = Tcl_NewDictObj();
    Put(dictPtr, "stdout", TakeOutput(runPtr, DP_STDOUT));
    Put(dictPtr, "stderr", TakeOutput(runPtr, DP_STDERR));
    if (DpErrorIsSet(&runPtr->error)) {
	Tcl_DecrRefCount(dictPtr);
	DpWaitFail(runPtr->waitPtr, &runPtr->error);
	return;
    }
    Put(dictPtr, "status", Tcl_NewIntObj(procPtr->status));
    Put(dictPtr, "signal", Tcl_NewStringObj(procPtr->signalName, -1));
    Put(dictPtr, "seconds", Tcl_NewDoubleObj(
	    (double) (procPtr->endTime - procPtr->startTime) / 1000));
    Put(dictPtr, "pid", Tcl_NewLongObj(procPtr->pid));
    Put(dictPtr, "started", Tcl_NewBooleanObj(procPtr->started));
    if (procPtr->asked) {
	Put(dictPtr, "asked", Tcl_NewBooleanObj(1));
    }
    Put(dictPtr, "rest", Tcl_NewStringObj(
	    procPtr->startRest != NULL ? procPtr->startRest : "", -1));
    DpWaitFinish(runPtr->waitPtr, dictPtr, NULL);
}

/* --- standard input --- */

/*
 * Gives the command what it has room for. A producer that sends at once tells
 * of new room from inside of DpProcWrite: that is this loop's matter.
 */
static void
Feed(DpRun *runPtr)
{
    DpProc *procPtr = runPtr->procPtr;
    unsigned char *bytes;
    size_t room;
    int length;

    if (runPtr->inPtr == NULL || runPtr->feeding) {
	return;
    }
    runPtr->feeding = true;
    bytes = Tcl_GetByteArrayFromObj(runPtr->inPtr, &length);
    while (!procPtr->inDone && runPtr->fed < (size_t) length
	    && (room = DpProcRoom(procPtr)) > 0) {
	size_t count = (size_t) length - runPtr->fed;

	if (count > room) {
	    count = room;
	}
	runPtr->fed += count;
	DpProcWrite(procPtr, bytes + runPtr->fed - count, count);
    }
    if (procPtr->inDone || runPtr->fed == (size_t) length) {
	DpReleaseObj(&runPtr->inPtr);
	DpProcCloseIn(procPtr);
    }
    runPtr->feeding = false;
}

/* --- outputs --- */

/* Notes that so many bytes came, for onoutput. */
static void
AddPiece(DpRun *runPtr, int stream, size_t length)
{
    DpBuf *piecesPtr = &runPtr->pieces;
    Piece piece = {stream, length};

    if (DpBufLength(piecesPtr) > 0) {
	unsigned char *lastPtr = piecesPtr->bytes + piecesPtr->end
		- sizeof(piece);
	Piece last;

	memcpy(&last, lastPtr, sizeof(last));
	if (last.stream == stream) {
	    last.length += length;
	    memcpy(lastPtr, &last, sizeof(last));
	    return;
	}
    }
    DpBufAppend(piecesPtr, &piece, sizeof(piece));
}

/* Appends to out with CRLF made LF, also where it came in two pieces. */
static void
KeepLines(DpRun *runPtr, int stream, const unsigned char *bytes, size_t n)
{
    DpBuf *bufPtr = &runPtr->out[stream];
    unsigned char *start = DpBufReserve(bufPtr, n + 1), *to = start;
    bool held = runPtr->heldCr[stream];

    for (size_t i = 0; i < n; i++) {
	if (held && bytes[i] != '\n') {
	    *to++ = '\r';
	}
	held = bytes[i] == '\r';
	if (!held) {
	    *to++ = bytes[i];
	}
    }
    runPtr->heldCr[stream] = held;
    DpBufAdded(bufPtr, (size_t) (to - start));
}

/* Keeps output for the result and for onoutput. */
static void
Keep(DpRun *runPtr, int stream, const unsigned char *bytes, size_t n)
{
    DpBuf *bufPtr = &runPtr->out[stream];
    size_t before = DpBufLength(bufPtr);

    if (runPtr->discard) {
	return;
    }
    if (runPtr->newlines) {
	KeepLines(runPtr, stream, bytes, n);
    } else {
	DpBufAppend(bufPtr, bytes, n);
    }
    if (runPtr->onOutputPtr != NULL && DpBufLength(bufPtr) > before) {
	AddPiece(runPtr, stream, DpBufLength(bufPtr) - before);
    }
}

/*
 * Takes what there is of one output. What taps do may bring more of it, end
 * the command or fail the run: that is looked at when all of them had theirs.
 */
static void
Drain(DpRun *runPtr, int stream)
{
    DpBuf *bufPtr = &runPtr->procPtr->out[stream];
    size_t length;

    while ((length = DpBufLength(bufPtr)) > 0 && !runPtr->failed
	    && !IsFull(runPtr)) {
	if (runPtr->numTaps == 0) {
	    Keep(runPtr, stream, DpBufData(bufPtr), length);
	} else {
	    if (length > SLICE) {
		length = SLICE;
	    }
		if (runPtr->slice == NULL) {
	    /* Not zeroed: that would be much of what a short command costs. */
	    runPtr->slice = DpRealloc(NULL, SLICE);
	}
	memcpy(runPtr->slice, DpBufData(bufPtr), length);
	    Keep(runPtr, stream, runPtr->slice, length);
	    for (int i = 0; i < runPtr->numTaps; i++) {
		if (runPtr->taps[i].feed != NULL) {
		    runPtr->taps[i].feed(runPtr->taps[i].data, runPtr->slice,
			    length);
		}
		if (runPtr->taps[i].feedFrom != NULL) {
		    runPtr->taps[i].feedFrom(runPtr->taps[i].data, stream,
			    runPtr->slice, length);
		}
	    }
	}
	DpProcConsume(runPtr->procPtr, stream, length);
    }
}

/* The command has ended: whether all that it printed has gone where it goes. */
static bool
IsComplete(const DpRun *runPtr)
{
    return runPtr->ended && !IsBusy(runPtr)
	    && DpBufLength(&runPtr->procPtr->out[0]) == 0
	    && DpBufLength(&runPtr->procPtr->out[1]) == 0;
}

static void
Complete(DpRun *runPtr)
{
    runPtr->complete = true;
    for (int i = 0; i < 2; i++) {
	if (runPtr->heldCr[i]) {
	    runPtr->newlines = false;
	    runPtr->heldCr[i] = false;
	    Keep(runPtr, i, (const unsigned char *) "\r", 1);
	}
    }
    if (runPtr->onOutputPtr == NULL) {
	Finish(runPtr);
    } else {
	DpTaskStart(runPtr->procPtr->loopPtr, &runPtr->task, TellTask,
		runPtr);
    }
}

void
DpRunNotify(DpRun *runPtr)
{
    if (runPtr->over || runPtr->complete || runPtr->draining) {
	return;
    }
    runPtr->draining = true;
    if (!runPtr->ended) {
	Feed(runPtr);
    }
    for (int i = 0; i < runPtr->numTaps; i++) {
	if (runPtr->taps[i].room != NULL) {
	    runPtr->taps[i].room(runPtr->taps[i].data);
	}
    }
    Drain(runPtr, DP_STDOUT);
    Drain(runPtr, DP_STDERR);
    runPtr->draining = false;
    if (!runPtr->failed && DpBufLength(&runPtr->out[0])
	    + DpBufLength(&runPtr->out[1]) > runPtr->limit) {
	SetTooMuch(runPtr, "");
	runPtr->failed = true;
    }
    if (runPtr->failed) {
	Finish(runPtr);
	return;
    }
    if (DpBufLength(&runPtr->pieces) > 0) {
	DpTaskStart(runPtr->procPtr->loopPtr, &runPtr->task, TellTask,
		runPtr);
    }
    if (IsComplete(runPtr)) {
	Complete(runPtr);
    }
}

void
DpRunFail(DpRun *runPtr, const DpError *errPtr)
{
    if (runPtr->over || runPtr->failed) {
	return;
    }
    runPtr->failed = true;
    DpErrorCopy(&runPtr->error, errPtr);
    if (!runPtr->draining) {
	Finish(runPtr);
    }
}

/* Calls the prefix with one decoded piece; its errors are background ones. */
static void
CallOnOutput(DpRun *runPtr, int stream, size_t length, bool isLast)
{
    Tcl_Interp *interp = runPtr->dpPtr->interp;
    Tcl_Obj *textPtr = DpDecodeChunk(&runPtr->decoders[stream],
	    DpBufData(&runPtr->out[stream]) + runPtr->told[stream], length,
	    isLast);
    Tcl_Obj *commandPtr;
    int size, code;

    Tcl_IncrRefCount(textPtr);
    runPtr->told[stream] += length;
    if (runPtr->encoding == NULL) {
	Tcl_GetByteArrayFromObj(textPtr, &size);
    } else {
	Tcl_GetStringFromObj(textPtr, &size);
    }
    if (size > 0 && interp != NULL && !Tcl_InterpDeleted(interp)) {
	commandPtr = Tcl_DuplicateObj(runPtr->onOutputPtr);
	Tcl_IncrRefCount(commandPtr);
	Tcl_ListObjAppendElement(NULL, commandPtr, Tcl_NewStringObj(
		stream == DP_STDOUT ? "stdout" : "stderr", -1));
	Tcl_ListObjAppendElement(NULL, commandPtr, textPtr);
	Tcl_Preserve(interp);
	code = Tcl_EvalObjEx(interp, commandPtr,
		TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
	if (code != TCL_OK) {
	    Tcl_BackgroundException(interp, code);
	}
	Tcl_Release(interp);
	Tcl_DecrRefCount(commandPtr);
    }
    Tcl_DecrRefCount(textPtr);
}

/*
 * Passes on what came. A script that runs the event loop gets no second call
 * inside of the first: order is kept, and the outer loop does the rest.
 */
static void
TellTask(void *clientData)
{
    DpRun *runPtr = clientData;
    Piece piece;

    if (runPtr->telling) {
	return;
    }
    runPtr->telling = true;
    runPtr->refCount++;
    while (!runPtr->over && DpBufLength(&runPtr->pieces) > 0) {
	memcpy(&piece, DpBufData(&runPtr->pieces), sizeof(piece));
	DpBufConsume(&runPtr->pieces, sizeof(piece));
	CallOnOutput(runPtr, piece.stream, piece.length, false);
    }
    for (int i = 0; i < 2; i++) {
	/* What was cut off in the middle of a character. */
	if (!runPtr->over && runPtr->complete) {
	    CallOnOutput(runPtr, i, 0, true);
	}
    }
    runPtr->telling = false;
    if (runPtr->complete) {
	Finish(runPtr);
    }
    DpRunDrop(runPtr);
}

/* --- from the owner --- */

DpRun *
DpRunNew(DpInterp *dpPtr, DpProc *procPtr, const DpRunSpec *specPtr)
{
    DpRun *runPtr = DpAlloc(sizeof(*runPtr));

    runPtr->refCount = 1;
    runPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    runPtr->procPtr = procPtr;
    DpProcHold(procPtr);
    runPtr->waitPtr = DpWaitNew(dpPtr);
    runPtr->encoding = specPtr->encoding;
    runPtr->decoders[0].encoding = specPtr->encoding;
    runPtr->decoders[1].encoding = specPtr->encoding;
    runPtr->newlines = specPtr->newlines;
    runPtr->discard = specPtr->discard;
    runPtr->limit = specPtr->limit > 0 && specPtr->limit < DP_DECODE_MAX
	    ? specPtr->limit : DP_DECODE_MAX;
    DpReplaceObj(&runPtr->onOutputPtr, specPtr->onOutputPtr);
    DpReplaceObj(&runPtr->inPtr, specPtr->inPtr);
    if (specPtr->inPtr == NULL && !specPtr->inOpen) {
	DpProcCloseIn(procPtr);
    }
    return runPtr;
}

Tcl_Obj *
DpRunWaiter(DpRun *runPtr)
{
    return DpWaitObj(runPtr->waitPtr);
}

void
DpRunEnd(DpRun *runPtr, const DpError *errPtr)
{
    if (runPtr->over || runPtr->ended) {
	return;
    }
    runPtr->ended = true;
    if (DpErrorIsSet(errPtr) && !runPtr->failed) {
	DpErrorCopy(&runPtr->error, errPtr);
    }
    DpReleaseObj(&runPtr->inPtr);
    DpRunNotify(runPtr);
}

void
DpRunCancel(DpRun *runPtr, const DpError *errPtr)
{
    DpTaskStop(&runPtr->task);
    if (!runPtr->over) {
	DpErrorCopy(&runPtr->error, errPtr);
	Finish(runPtr);
    }
}

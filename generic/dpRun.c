/*
 * dpRun.c -- runs a command to its end: feeds it and collects its outputs.
 *
 * Layer L4. All bytes pass in C; one value is made at the end.
 */

#include "dpRun.h"

#include "dpDecode.h"
#include "dpObj.h"

/*
 * Outputs of both streams together. Tcl 8.6 ends the process on a value above
 * 2 GiB, and decoding can double the size.
 */
#define OUTPUT_LIMIT ((size_t) 1 << 30)

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
    bool ended;                 /* DpRunEnd was called */
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

void
DpRunDrop(DpRun *runPtr)
{
    if (--runPtr->refCount > 0) {
	return;
    }
    DpTaskStop(&runPtr->task);
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

/* The decoded output; the bytes are given back. */
static Tcl_Obj *
TakeOutput(DpRun *runPtr, int stream)
{
    DpBuf *bufPtr = &runPtr->out[stream];
    Tcl_Obj *textPtr = DpDecodeAll(runPtr->encoding, DpBufData(bufPtr),
	    DpBufLength(bufPtr));

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
    if (DpErrorIsSet(&runPtr->error)) {
	FinishFailed(runPtr);
	return;
    }
    dictPtr = Tcl_NewDictObj();
    Put(dictPtr, "stdout", TakeOutput(runPtr, DP_STDOUT));
    Put(dictPtr, "stderr", TakeOutput(runPtr, DP_STDERR));
    Put(dictPtr, "status", Tcl_NewIntObj(procPtr->status));
    Put(dictPtr, "signal", Tcl_NewStringObj(procPtr->signalName, -1));
    Put(dictPtr, "seconds", Tcl_NewDoubleObj(
	    (double) (procPtr->endTime - procPtr->startTime) / 1000));
    Put(dictPtr, "pid", Tcl_NewLongObj(procPtr->pid));
    Put(dictPtr, "started", Tcl_NewBooleanObj(procPtr->started));
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

static void
Drain(DpRun *runPtr, int stream)
{
    DpBuf *bufPtr = &runPtr->procPtr->out[stream];
    size_t length = DpBufLength(bufPtr);

    if (length == 0) {
	return;
    }
    DpBufAppend(&runPtr->out[stream], DpBufData(bufPtr), length);
    if (runPtr->onOutputPtr != NULL) {
	AddPiece(runPtr, stream, length);
    }
    DpProcConsume(runPtr->procPtr, stream, length);
}

void
DpRunNotify(DpRun *runPtr)
{
    if (runPtr->over || runPtr->ended) {
	return;
    }
    Feed(runPtr);
    if (DpBufLength(&runPtr->out[0]) + DpBufLength(&runPtr->out[1])
	    > OUTPUT_LIMIT) {
	DpErrorSet(&runPtr->error, "EXEC SIZE", "the command's output is"
		" above 1 GiB: use process or pipe, which keep nothing");
	Finish(runPtr);
	return;
    }
    Drain(runPtr, DP_STDOUT);
    Drain(runPtr, DP_STDERR);
    if (DpBufLength(&runPtr->pieces) > 0) {
	DpTaskStart(runPtr->procPtr->loopPtr, &runPtr->task, TellTask,
		runPtr);
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
	if (!runPtr->over && runPtr->ended) {
	    CallOnOutput(runPtr, i, 0, true);
	}
    }
    runPtr->telling = false;
    if (runPtr->ended) {
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
    DpRunNotify(runPtr);
    runPtr->ended = true;
    if (DpErrorIsSet(errPtr)) {
	DpErrorCopy(&runPtr->error, errPtr);
    }
    DpReleaseObj(&runPtr->inPtr);
    if (runPtr->onOutputPtr == NULL) {
	Finish(runPtr);
    } else if (!runPtr->over) {
	DpTaskStart(runPtr->procPtr->loopPtr, &runPtr->task, TellTask,
		runPtr);
    }
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

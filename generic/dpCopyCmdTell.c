/*
 * dpCopyCmdTell.c -- what core::copy tells: results, progress, questions.
 *
 * Layer L4. Scripts are called from a task alone.
 */

#include "dpCopyCmdInt.h"

#include "dpObj.h"

static void TellTask(void *clientData);

/* Part: results. */

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static void
PutNumber(Tcl_Obj *dictPtr, const char *key, uint64_t number)
{
    Put(dictPtr, key, Tcl_NewWideIntObj((Tcl_WideInt) number));
}

Tcl_Obj *
DpCopyCountsObj(const DpCopyHandle *handlePtr)
{
    const DpCopyCount *countPtr = DpCopyCounts(handlePtr->copyPtr);
    int64_t end = handlePtr->ended ? handlePtr->endTime : DpLoopNow();
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    PutNumber(dictPtr, "files", countPtr->files);
    PutNumber(dictPtr, "dirs", countPtr->dirs);
    PutNumber(dictPtr, "links", countPtr->links);
    PutNumber(dictPtr, "bytes", countPtr->bytes);
    PutNumber(dictPtr, "skipped", countPtr->skipped);
    PutNumber(dictPtr, "special", countPtr->special);
    PutNumber(dictPtr, "failed", countPtr->failed);
    PutNumber(dictPtr, "resumed", countPtr->resumed);
    Put(dictPtr, "seconds", Tcl_NewDoubleObj(
	    (double) (end - handlePtr->startTime) / 1000));
    return dictPtr;
}

static Tcl_Obj *
ResultObj(const DpCopyHandle *handlePtr)
{
    Tcl_Obj *dictPtr = DpCopyCountsObj(handlePtr);

    Put(dictPtr, "umask", Tcl_NewIntObj(DpCopyUmask(handlePtr->copyPtr)));
    Put(dictPtr, "uid", Tcl_NewWideIntObj(DpCopyUid(handlePtr->copyPtr)));
    Put(dictPtr, "target", DpFsPathObj(handlePtr->dstPtr,
	    DpCopyTarget(handlePtr->copyPtr)));
    return dictPtr;
}

/* path -> dict of message and errorcode. */
static Tcl_Obj *
FailuresObj(const DpCopyHandle *handlePtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    const DpCopyFailure *failures;
    int count;

    failures = DpCopyFailures(handlePtr->copyPtr, &count);
    for (int i = 0; i < count; i++) {
	Tcl_Obj *entryPtr = Tcl_NewDictObj(), *codePtr = NULL;
	Tcl_Obj *optionsPtr = DpErrorOptions(&failures[i].error);
	Tcl_Obj *keyPtr = Tcl_NewStringObj("-errorcode", -1);

	Tcl_IncrRefCount(optionsPtr);
	Tcl_IncrRefCount(keyPtr);
	Tcl_DictObjGet(NULL, optionsPtr, keyPtr, &codePtr);
	Put(entryPtr, "message",
		Tcl_NewStringObj(failures[i].error.message, -1));
	Put(entryPtr, "errorcode", codePtr);
	Tcl_DecrRefCount(keyPtr);
	Tcl_DecrRefCount(optionsPtr);
	Tcl_DictObjPut(NULL, dictPtr, DpFsPathObj(handlePtr->srcPtr,
		failures[i].path), entryPtr);
    }
    return dictPtr;
}

void
DpCopyFinishWaits(DpCopyHandle *handlePtr)
{
    const DpError *errPtr = DpCopyError(handlePtr->copyPtr);

    handlePtr->over = true;
    for (int i = 0; i < handlePtr->numWaits; i++) {
	DpWait *waitPtr = handlePtr->waits[i];

	if (DpErrorIsSet(errPtr)) {
	    Tcl_Obj *optionsPtr = DpErrorOptions(errPtr);

	    Put(optionsPtr, "-failures", FailuresObj(handlePtr));
	    Put(optionsPtr, "-counts", DpCopyCountsObj(handlePtr));
	    Put(optionsPtr, "-begun", Tcl_NewBooleanObj(
		    DpCopyCounts(handlePtr->copyPtr)->path != NULL));
	    DpWaitFinish(waitPtr, Tcl_NewStringObj(errPtr->message, -1),
		    optionsPtr);
	} else {
	    DpWaitFinish(waitPtr, ResultObj(handlePtr), NULL);
	}
	DpWaitDrop(waitPtr);
    }
    DpFree(handlePtr->waits);
    handlePtr->waits = NULL;
    handlePtr->numWaits = 0;
}

/* Part: questions. */

static void
FreeAsk(DpCopyQuestion *askPtr)
{
    DpCopyQuestion **linkPtr = &askPtr->handlePtr->asksPtr;

    while (*linkPtr != askPtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    *linkPtr = askPtr->nextPtr;
    for (int i = 0; i < 2; i++) {
	if (askPtr->sums[i] != NULL) {
	    DpCopySumDrop(askPtr->sums[i]);
	}
    }
    DpFree(askPtr);
}

void
DpCopyQuestionAnswer(DpCopyQuestion *askPtr, int same, const DpError *errPtr)
{
    DpCopyAsk *questionPtr = askPtr->askPtr;

    FreeAsk(askPtr);
    DpCopyAnswer(questionPtr, same, errPtr);
}

static void
SumDone(DpCopyQuestion *askPtr, int which, const unsigned char *sum,
	const DpError *errPtr)
{
    askPtr->sums[which] = NULL;
    if (errPtr != NULL) {
	DpCopyQuestionAnswer(askPtr, 0, errPtr);
	return;
    }
    memcpy(askPtr->bytes[which], sum, DP_SUM_BYTES);
    if (++askPtr->numDone == 2) {
	DpCopyQuestionAnswer(askPtr, memcmp(askPtr->bytes[0], askPtr->bytes[1],
		DP_SUM_BYTES) == 0, NULL);
    }
}

static void
SourceSumDone(void *clientData, const unsigned char *sum,
	const DpError *errPtr)
{
    SumDone(clientData, 0, sum, errPtr);
}

static void
TargetSumDone(void *clientData, const unsigned char *sum,
	const DpError *errPtr)
{
    SumDone(clientData, 1, sum, errPtr);
}

void
DpCopyAskProc(void *clientData, DpCopyAsk *questionPtr)
{
    DpCopyHandle *handlePtr = clientData;
    DpCopyQuestion *askPtr = DpAlloc(sizeof(*askPtr));

    askPtr->handlePtr = handlePtr;
    askPtr->askPtr = questionPtr;
    askPtr->id = ++handlePtr->lastAsk;
    askPtr->nextPtr = handlePtr->asksPtr;
    handlePtr->asksPtr = askPtr;
    questionPtr->answerData = askPtr;
    if (handlePtr->samePtr != NULL) {
	DpTaskStart(handlePtr->dpPtr->loopPtr, &handlePtr->task, TellTask,
		handlePtr);
	return;
    }
    askPtr->sums[0] = DpCopySumStart(handlePtr->srcPtr, questionPtr->src,
	    questionPtr->count, SourceSumDone, askPtr);
    askPtr->sums[1] = DpCopySumStart(handlePtr->dstPtr, questionPtr->dst,
	    questionPtr->count, TargetSumDone, askPtr);
}

void
DpCopyDropAskProc(void *clientData, DpCopyAsk *questionPtr)
{
    (void) clientData;
    FreeAsk(questionPtr->answerData);
}

/* Part: scripts. */

/* Evaluates a prefix with words, which it takes over. */
static void
Call(DpCopyHandle *handlePtr, Tcl_Obj *prefixPtr, int count, Tcl_Obj *const words[])
{
    Tcl_Interp *interp = handlePtr->dpPtr->interp;
    Tcl_Obj *commandPtr = Tcl_DuplicateObj(prefixPtr);
    int code;

    Tcl_IncrRefCount(commandPtr);
    for (int i = 0; i < count; i++) {
	Tcl_ListObjAppendElement(NULL, commandPtr, words[i]);
    }
    if (interp != NULL && !Tcl_InterpDeleted(interp)) {
	Tcl_Preserve(interp);
	code = Tcl_EvalObjEx(interp, commandPtr,
		TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
	if (code != TCL_OK) {
	    Tcl_BackgroundException(interp, code);
	}
	Tcl_Release(interp);
    }
    Tcl_DecrRefCount(commandPtr);
}

static void
TellProgress(DpCopyHandle *handlePtr)
{
    const DpCopyCount *countPtr = DpCopyCounts(handlePtr->copyPtr);
    Tcl_Obj *dictPtr = DpCopyCountsObj(handlePtr);

    if (handlePtr->slugPtr != NULL) {
	Put(dictPtr, "slug", handlePtr->slugPtr);
    }
    Put(dictPtr, "file", countPtr->path == NULL ? Tcl_NewObj()
	    : DpFsPathObj(handlePtr->srcPtr, countPtr->path));
    PutNumber(dictPtr, "total", countPtr->total);
    Put(dictPtr, "walked", Tcl_NewBooleanObj(countPtr->walked));
    Put(dictPtr, "done", Tcl_NewBooleanObj(handlePtr->ended));
    Call(handlePtr, handlePtr->progressPtr, 1, &dictPtr);
}

static void
TellAsk(DpCopyHandle *handlePtr, DpCopyQuestion *askPtr)
{
    const DpCopyAsk *questionPtr = askPtr->askPtr;
    Tcl_Obj *words[5];

    askPtr->told = true;
    words[0] = DpHandleObj(handlePtr->dpPtr, DP_COPIES, handlePtr->id);
    words[1] = Tcl_NewWideIntObj((Tcl_WideInt) askPtr->id);
    words[2] = DpFsPathObj(handlePtr->srcPtr, questionPtr->src);
    words[3] = DpFsPathObj(handlePtr->dstPtr, questionPtr->dst);
    words[4] = Tcl_NewWideIntObj(questionPtr->count);
    Call(handlePtr, handlePtr->samePtr, 5, words);
}

static DpCopyQuestion *
Untold(DpCopyHandle *handlePtr)
{
    for (DpCopyQuestion *askPtr = handlePtr->asksPtr; askPtr != NULL;
	    askPtr = askPtr->nextPtr) {
	if (!askPtr->told) {
	    return askPtr;
	}
    }
    return NULL;
}

void
DpCopyHandleRelease(DpCopyHandle *handlePtr)
{
    if (--handlePtr->refCount > 0) {
	return;
    }
    DpReleaseObj(&handlePtr->progressPtr);
    DpReleaseObj(&handlePtr->samePtr);
    DpReleaseObj(&handlePtr->slugPtr);
    DpInterpDrop(handlePtr->dpPtr);
    DpFree(handlePtr);
}

/*
 * Tells what there is to tell. A script that runs the event loop gets no
 * second call inside of the first.
 */
static void
TellTask(void *clientData)
{
    DpCopyHandle *handlePtr = clientData;
    DpCopyQuestion *askPtr;

    if (handlePtr->telling) {
	return;
    }
    handlePtr->telling = true;
    handlePtr->refCount++;
    while (!handlePtr->closed) {
	if ((askPtr = Untold(handlePtr)) != NULL) {
	    TellAsk(handlePtr, askPtr);
	} else if (handlePtr->due) {
	    handlePtr->due = false;
	    TellProgress(handlePtr);
	} else {
	    break;
	}
    }
    handlePtr->telling = false;
    if (!handlePtr->closed && handlePtr->ended && !handlePtr->over) {
	DpCopyFinishWaits(handlePtr);
    }
    DpCopyHandleRelease(handlePtr);
}

void
DpCopyProgressTimer(void *clientData)
{
    DpCopyHandle *handlePtr = clientData;

    handlePtr->due = true;
    DpTaskStart(handlePtr->dpPtr->loopPtr, &handlePtr->task, TellTask,
	    handlePtr);
    DpTimerStart(handlePtr->dpPtr->loopPtr, &handlePtr->timer, DP_COPY_PROGRESS,
	    DpCopyProgressTimer, handlePtr);
}

void
DpCopyDoneProc(void *clientData)
{
    DpCopyHandle *handlePtr = clientData;

    DpTimerStop(&handlePtr->timer);
    handlePtr->ended = true;
    handlePtr->endTime = DpLoopNow();
    handlePtr->due = handlePtr->progressPtr != NULL;
    if (handlePtr->due || handlePtr->telling) {
	DpTaskStart(handlePtr->dpPtr->loopPtr, &handlePtr->task, TellTask,
		handlePtr);
    } else {
	DpCopyFinishWaits(handlePtr);
    }
}

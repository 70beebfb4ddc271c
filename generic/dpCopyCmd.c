/*
 * dpCopyCmd.c -- the command core::copy: transfers for scripts.
 *
 * Layer L4.
 *
 *   core::copy start SRCFS SRC DSTFS DST ?OPTS?
 *                             a handle, such as copy3
 *   core::copy wait COPY      a waiter of its end: dict of what was done; an
 *                             error has -failures, -counts and -begun (whether
 *                             a file was) in its options
 *   core::copy info COPY      what was done up to now
 *   core::copy cancel COPY ?WORD?
 *                             it ends, with {CANCELLED WORD}, when what it
 *                             would leave is removed
 *   core::copy answer COPY ASK SAME ?MESSAGE CODE?
 *   core::copy close COPY     gives up what is still under way
 *   core::copy digest FS PATH ?COUNT?
 *                             a waiter of the SHA-256 of the first bytes
 *   core::copy remove FS PATH a waiter: the tree is gone
 *
 * OPTS is a dict: recursive preserve resume verify adopt special (fail or
 * skip) update (always size time checksum) limit window names umask uid into
 * slug, progress PREFIX (called with a dict) and same PREFIX (called with COPY
 * ASK SRC DST COUNT, to be answered: whether the first bytes are the same;
 * without it, both files are read).
 */

#include "dpCopyCmd.h"

#include "dpCopyCmdInt.h"
#include "dpObj.h"
#include "dpTree.h"

#include <stdio.h>

/* Part: handles. */

static void
CloseHandle(DpInterp *dpPtr, unsigned long id, void *value)
{
    DpCopyHandle *handlePtr = value;
    DpError error = {0};

    (void) dpPtr;
    (void) id;
    handlePtr->closed = true;
    DpTimerStop(&handlePtr->timer);
    DpTaskStop(&handlePtr->task);
    DpErrorSet(&error, "CANCELLED", "the transfer was closed");
    for (int i = 0; i < handlePtr->numWaits; i++) {
	DpWaitFail(handlePtr->waits[i], &error);
	DpWaitDrop(handlePtr->waits[i]);
    }
    DpErrorClear(&error);
    DpFree(handlePtr->waits);
    handlePtr->waits = NULL;
    handlePtr->numWaits = 0;
    DpCopyDrop(handlePtr->copyPtr);
    handlePtr->copyPtr = NULL;
    DpCopyHandleRelease(handlePtr);
}

/* The value of a key of OPTS, or NULL. */
static Tcl_Obj *
Get(Tcl_Obj *optsPtr, const char *key)
{
    Tcl_Obj *valuePtr = NULL, *keyPtr = Tcl_NewStringObj(key, -1);

    Tcl_IncrRefCount(keyPtr);
    Tcl_DictObjGet(NULL, optsPtr, keyPtr, &valuePtr);
    Tcl_DecrRefCount(keyPtr);
    return valuePtr;
}

static int
GetFlag(Tcl_Interp *interp, Tcl_Obj *optsPtr, const char *key, bool *flagPtr)
{
    Tcl_Obj *valuePtr = Get(optsPtr, key);
    int flag = 0;

    if (valuePtr != NULL
	    && Tcl_GetBooleanFromObj(interp, valuePtr, &flag) != TCL_OK) {
	return TCL_ERROR;
    }
    *flagPtr = flag;
    return TCL_OK;
}

static int
GetNumber(Tcl_Interp *interp, Tcl_Obj *optsPtr, const char *key,
	int64_t *numberPtr)
{
    Tcl_Obj *valuePtr = Get(optsPtr, key);
    Tcl_WideInt number;

    if (valuePtr == NULL) {
	return TCL_OK;
    }
    if (Tcl_GetWideIntFromObj(interp, valuePtr, &number) != TCL_OK) {
	return TCL_ERROR;
    }
    *numberPtr = number;
    return TCL_OK;
}

/* A prefix that may be called: a valid list, not empty. */
static int
GetPrefix(Tcl_Interp *interp, Tcl_Obj *optsPtr, const char *key,
	Tcl_Obj **slotPtr)
{
    Tcl_Obj *valuePtr = Get(optsPtr, key);
    int length;

    if (valuePtr == NULL) {
	return TCL_OK;
    }
    if (Tcl_ListObjLength(interp, valuePtr, &length) != TCL_OK) {
	return TCL_ERROR;
    }
    if (length > 0) {
	DpReplaceObj(slotPtr, valuePtr);
    }
    return TCL_OK;
}

static int
ReadOptions(Tcl_Interp *interp, Tcl_Obj *optsPtr, DpCopySpec *specPtr,
	DpCopyHandle *handlePtr)
{
    static const char *const updates[] = {
	"always", "size", "time", "checksum", NULL
    };
    static const char *const specials[] = {"fail", "skip", NULL};
    int64_t limit = 0, window = 0, names = 0, umask = -1, uid = -1;
    int size, update = DP_COPY_ALWAYS, special = 0;
    Tcl_Obj *valuePtr;

    if (Tcl_DictObjSize(interp, optsPtr, &size) != TCL_OK
	    || GetFlag(interp, optsPtr, "recursive", &specPtr->recursive)
		!= TCL_OK
	    || GetFlag(interp, optsPtr, "preserve", &specPtr->preserve)
		!= TCL_OK
	    || GetFlag(interp, optsPtr, "resume", &specPtr->resume) != TCL_OK
	    || GetFlag(interp, optsPtr, "verify", &specPtr->verify) != TCL_OK
	    || GetFlag(interp, optsPtr, "adopt", &specPtr->adopt) != TCL_OK
	    || GetNumber(interp, optsPtr, "limit", &limit) != TCL_OK
	    || GetNumber(interp, optsPtr, "window", &window) != TCL_OK
	    || GetNumber(interp, optsPtr, "names", &names) != TCL_OK
	    || GetNumber(interp, optsPtr, "umask", &umask) != TCL_OK
	    || GetNumber(interp, optsPtr, "uid", &uid) != TCL_OK
	    || GetPrefix(interp, optsPtr, "progress",
		&handlePtr->progressPtr) != TCL_OK
	    || GetPrefix(interp, optsPtr, "same", &handlePtr->samePtr)
		!= TCL_OK) {
	return TCL_ERROR;
    }
    valuePtr = Get(optsPtr, "update");
    if (valuePtr != NULL && Tcl_GetIndexFromObj(interp, valuePtr, updates,
	    "update", TCL_EXACT, &update) != TCL_OK) {
	return TCL_ERROR;
    }
    valuePtr = Get(optsPtr, "special");
    if (valuePtr != NULL && Tcl_GetIndexFromObj(interp, valuePtr, specials,
	    "special", TCL_EXACT, &special) != TCL_OK) {
	return TCL_ERROR;
    }
    DpReplaceObj(&handlePtr->slugPtr, Get(optsPtr, "slug"));
    specPtr->update = (DpCopyUpdate) update;
    specPtr->leaveSpecial = special == 1;
    specPtr->limit = limit > 0 ? (uint64_t) limit : 0;
    specPtr->window = window > 0 ? (size_t) window : 0;
    specPtr->names = names > 0 ? (size_t) names : 0;
    specPtr->umask = (int) umask;
    specPtr->uid = uid;
    return TCL_OK;
}

/* start SRCFS SRC DSTFS DST ?OPTS? */
static int
Start(DpInterp *dpPtr, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj *optsPtr = objc > 6 ? objv[6] : Tcl_NewObj();
    DpCopyHandle *handlePtr = DpAlloc(sizeof(*handlePtr));
    Tcl_DString src, dst, into;
    Tcl_Obj *intoPtr;
    DpCopySpec spec = {0};
    int code = TCL_ERROR;

    Tcl_IncrRefCount(optsPtr);
    handlePtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    handlePtr->refCount = 1;
    if (DpFsGet(dpPtr, interp, objv[2], &spec.srcPtr) != TCL_OK
	    || DpFsGet(dpPtr, interp, objv[4], &spec.dstPtr) != TCL_OK
	    || ReadOptions(interp, optsPtr, &spec, handlePtr) != TCL_OK
	    || DpFsPathBytes(interp, spec.srcPtr, objv[3], &src) != TCL_OK) {
	goto done;
    }
    if (DpFsPathBytes(interp, spec.dstPtr, objv[5], &dst) != TCL_OK) {
	goto freeSource;
    }
    intoPtr = Get(optsPtr, "into");
    if (intoPtr != NULL) {
	if (DpFsPathBytes(interp, spec.dstPtr, intoPtr, &into) != TCL_OK) {
	    goto freeTarget;
	}
	spec.into = Tcl_DStringValue(&into);
    }
    spec.src = Tcl_DStringValue(&src);
    spec.dst = Tcl_DStringValue(&dst);
    spec.ask = DpCopyAskProc;
    spec.dropAsk = DpCopyDropAskProc;
    spec.done = DpCopyDoneProc;
    spec.clientData = handlePtr;
    handlePtr->srcPtr = spec.srcPtr;
    handlePtr->dstPtr = spec.dstPtr;
    handlePtr->startTime = DpLoopNow();
    handlePtr->copyPtr = DpCopyStart(&spec);
    handlePtr->id = DpHandleNew(dpPtr, DP_COPIES, handlePtr);
    handlePtr->refCount++;
    if (handlePtr->progressPtr != NULL) {
	DpTimerStart(dpPtr->loopPtr, &handlePtr->timer, DP_COPY_PROGRESS,
		DpCopyProgressTimer, handlePtr);
    }
    Tcl_SetObjResult(interp, DpHandleObj(dpPtr, DP_COPIES, handlePtr->id));
    code = TCL_OK;
    if (intoPtr != NULL) {
	Tcl_DStringFree(&into);
    }

freeTarget:
    Tcl_DStringFree(&dst);
freeSource:
    Tcl_DStringFree(&src);
done:
    DpCopyHandleRelease(handlePtr);
    Tcl_DecrRefCount(optsPtr);
    return code;
}

static void
Wait(DpCopyHandle *handlePtr)
{
    DpWait *waitPtr = DpWaitNew(handlePtr->dpPtr);

    Tcl_SetObjResult(handlePtr->dpPtr->interp, DpWaitObj(waitPtr));
    handlePtr->waits = DpRealloc(handlePtr->waits,
	    (size_t) (handlePtr->numWaits + 1) * sizeof(waitPtr));
    handlePtr->waits[handlePtr->numWaits++] = waitPtr;
    if (handlePtr->over) {
	DpCopyFinishWaits(handlePtr);
    }
}

/* answer COPY ASK SAME ?MESSAGE CODE? */
static int
AnswerCmd(DpCopyHandle *handlePtr, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    Tcl_WideInt id;
    int same, numWords;
    Tcl_Obj **words;
    DpError error = {0};

    if (Tcl_GetWideIntFromObj(interp, objv[3], &id) != TCL_OK
	    || Tcl_GetBooleanFromObj(interp, objv[4], &same) != TCL_OK) {
	return TCL_ERROR;
    }
    for (DpCopyQuestion *askPtr = handlePtr->asksPtr; askPtr != NULL;
	    askPtr = askPtr->nextPtr) {
	if (askPtr->id != (unsigned long) id) {
	    continue;
	}
	if (objc == 5) {
	    DpCopyQuestionAnswer(askPtr, same, NULL);
	    return TCL_OK;
	}
	if (Tcl_ListObjGetElements(interp, objv[6], &numWords, &words)
		!= TCL_OK) {
	    return TCL_ERROR;
	}
	if (numWords > 2 && strcmp(Tcl_GetString(words[0]), "DEPLOYER") == 0) {
	    char code[48];

	    snprintf(code, sizeof(code), "%s %s", Tcl_GetString(words[1]),
		    Tcl_GetString(words[2]));
	    DpErrorSet(&error, code, "%s", Tcl_GetString(objv[5]));
	    for (int i = 3; i < numWords; i++) {
		DpErrorAddData(&error, Tcl_GetString(words[i]));
	    }
	} else {
	    DpErrorSet(&error, "FILE EIO", "%s", Tcl_GetString(objv[5]));
	}
	DpCopyQuestionAnswer(askPtr, 0, &error);
	DpErrorClear(&error);
	return TCL_OK;
    }
    /* It is no longer of interest. */
    return TCL_OK;
}

/* Part: checksums and trees, each with a waiter. */

static void
DigestDone(void *clientData, const unsigned char *sum, const DpError *errPtr)
{
    DpWait *waitPtr = clientData;
    char text[2 * DP_SUM_BYTES];

    if (errPtr != NULL) {
	DpWaitFail(waitPtr, errPtr);
    } else {
	for (int i = 0; i < DP_SUM_BYTES; i++) {
	    text[2 * i] = "0123456789abcdef"[sum[i] >> 4];
	    text[2 * i + 1] = "0123456789abcdef"[sum[i] & 15];
	}
	DpWaitFinish(waitPtr, Tcl_NewStringObj(text, sizeof(text)), NULL);
    }
    DpWaitDrop(waitPtr);
}

typedef struct Removal {
    DpWait *waitPtr;            /* held */
    DpFs *fsPtr;                /* held */
} Removal;

static void
RemoveDone(void *clientData, const DpFsReply *replyPtr, const char *path)
{
    Removal *removalPtr = clientData;
    DpError error = {0};

    if (replyPtr != NULL) {
	DpFsError(&error, removalPtr->fsPtr, replyPtr, "remove", path);
	DpWaitFail(removalPtr->waitPtr, &error);
	DpErrorClear(&error);
    } else {
	DpWaitFinish(removalPtr->waitPtr, Tcl_NewObj(), NULL);
    }
    DpWaitDrop(removalPtr->waitPtr);
    DpFsDrop(removalPtr->fsPtr);
    DpFree(removalPtr);
}

/* digest FS PATH ?COUNT?, remove FS PATH */
static int
StartOn(DpInterp *dpPtr, Tcl_Interp *interp, bool isDigest, int objc,
	Tcl_Obj *const objv[])
{
    Tcl_WideInt count = -1;
    Tcl_DString path;
    DpWait *waitPtr;
    DpFs *fsPtr;

    if (DpFsGet(dpPtr, interp, objv[2], &fsPtr) != TCL_OK
	    || (objc > 4 && Tcl_GetWideIntFromObj(interp, objv[4], &count)
		!= TCL_OK)
	    || DpFsPathBytes(interp, fsPtr, objv[3], &path) != TCL_OK) {
	return TCL_ERROR;
    }
    waitPtr = DpWaitNew(dpPtr);
    Tcl_SetObjResult(interp, DpWaitObj(waitPtr));
    if (isDigest) {
	DpCopySumStart(fsPtr, Tcl_DStringValue(&path), count, DigestDone,
		waitPtr);
    } else {
	Removal *removalPtr = DpAlloc(sizeof(*removalPtr));

	removalPtr->waitPtr = waitPtr;
	removalPtr->fsPtr = fsPtr;
	DpFsHold(fsPtr);
	DpTreeRemoveStart(fsPtr, Tcl_DStringValue(&path), RemoveDone,
		removalPtr);
    }
    Tcl_DStringFree(&path);
    return TCL_OK;
}

static int
CopyCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"answer", "cancel", "close", "digest", "info", "remove", "start",
	"wait", NULL
    };
    static const struct {
	int min, max;
	const char *usage;
    } words[] = {
	{5, 7, "copy ask same ?message code?"}, {3, 4, "copy ?word?"},
	{3, 3, "copy"}, {4, 5, "fs path ?count?"}, {3, 3, "copy"},
	{4, 4, "fs path"}, {6, 7, "srcFs src dstFs dst ?options?"},
	{3, 3, "copy"}
    };
    enum { ANSWER, CANCEL, CLOSE, DIGEST, INFO, REMOVE, START, WAIT };
    DpInterp *dpPtr = clientData;
    DpCopyHandle *handlePtr;
    DpError error = {0};
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
    if (objc < words[index].min || objc > words[index].max
	    || (index == ANSWER && objc == 6)) {
	Tcl_WrongNumArgs(interp, 2, objv, words[index].usage);
	return TCL_ERROR;
    }
    switch (index) {
    case START:
	return Start(dpPtr, interp, objc, objv);
    case DIGEST:
	return StartOn(dpPtr, interp, true, objc, objv);
    case REMOVE:
	return StartOn(dpPtr, interp, false, objc, objv);
    }
    if (DpHandleFind(dpPtr, DP_COPIES, objv[2], &value) != TCL_OK) {
	return TCL_ERROR;
    }
    handlePtr = value;
    switch (index) {
    case ANSWER:
	return AnswerCmd(handlePtr, interp, objc, objv);
    case CANCEL:
	DpErrorSet(&error, "CANCELLED", "the transfer was cancelled");
	DpErrorAddData(&error, objc > 3 ? Tcl_GetString(objv[3]) : "");
	DpCopyCancel(handlePtr->copyPtr, &error);
	DpErrorClear(&error);
	break;
    case CLOSE:
	DpHandleForget(dpPtr, DP_COPIES, handlePtr->id);
	CloseHandle(dpPtr, handlePtr->id, handlePtr);
	break;
    case INFO:
	Tcl_SetObjResult(interp, DpCopyCountsObj(handlePtr));
	break;
    case WAIT:
	Wait(handlePtr);
	break;
    }
    return TCL_OK;
}

/* Part: the end of the program. */

/* Whether one of them has not removed yet what it would leave. */
static bool
IsLeft(void *data, int64_t elapsed)
{
    DpInterp *dpPtr = data;
    Tcl_HashSearch search;

    (void) elapsed;
    for (Tcl_HashEntry *entryPtr = Tcl_FirstHashEntry(
	    &dpPtr->handles[DP_COPIES].table, &search); entryPtr != NULL;
	    entryPtr = Tcl_NextHashEntry(&search)) {
	const DpCopyHandle *handlePtr = Tcl_GetHashValue(entryPtr);

	if (!handlePtr->ended && !handlePtr->dstPtr->scripted) {
	    return true;
	}
    }
    return false;
}

/*
 * Cancels all. A target that is reached by scripts, of which none can run any
 * more, has a guard that removes what is left there.
 */
static void *
BeginLeaving(DpInterp *dpPtr)
{
    DpError error = {0};
    Tcl_HashSearch search;

    DpErrorSet(&error, "CANCELLED", "the program has ended");
    for (Tcl_HashEntry *entryPtr = Tcl_FirstHashEntry(
	    &dpPtr->handles[DP_COPIES].table, &search); entryPtr != NULL;
	    entryPtr = Tcl_NextHashEntry(&search)) {
	DpCopyHandle *handlePtr = Tcl_GetHashValue(entryPtr);

	if (handlePtr->ended || handlePtr->dstPtr->scripted) {
	    continue;
	}
	if (handlePtr->srcPtr->scripted) {
	    DpFsShut(handlePtr->srcPtr);
	}
	DpCopyCancel(handlePtr->copyPtr, &error);
    }
    DpErrorClear(&error);
    return IsLeft(dpPtr, 0) ? dpPtr : NULL;
}

static void
EndLeaving(void *data)
{
    /* What is still under way is given up with its handle. */
    (void) data;
}

static const DpLeave leave = {
    .begin = BeginLeaving,
    .left = IsLeft,
    .end = EndLeaving,
};

void
DpCopyCmdInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_COPIES, CloseHandle);
    DpInterpLeave(dpPtr, &leave);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::copy", CopyCmd,
	    dpPtr, NULL);
}

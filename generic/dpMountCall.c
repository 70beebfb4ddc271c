/*
 * dpMountCall.c -- operations on a host that Tcl's file system waits for.
 *
 * Layer L4. Tcl's procedures for files cannot yield: while one waits only our
 * own descriptors are served and no script runs. Scripts run where a file
 * system has to be made anew, or is made of scripts itself.
 */

#include "dpMountInt.h"

#include "dpFsCmd.h"
#include "dpObj.h"

#include <errno.h>

/* A host that could not be reached is left alone for so many milliseconds. */
#define RENEW_PAUSE 2000

/* As of waiters (dpWait.c). */
#define MAX_DEPTH 100

/* --- waiting --- */

bool
DpMountRun(DpMount *mountPtr, bool scripts, const bool *donePtr)
{
    DpInterp *dpPtr = mountPtr->dpPtr;

    if (scripts || mountPtr->fsPtr->scripted) {
	if (dpPtr->waitDepth >= MAX_DEPTH) {
	    Tcl_SetErrno(EDEADLK);
	    return false;
	}
	dpPtr->waitDepth++;
	DpLoopWait(dpPtr->loopPtr, donePtr);
	dpPtr->waitDepth--;
    }
    while (!*donePtr) {
	if (dpPtr->interp == NULL) {
	    /* Its loop has stopped: nothing will come any more. */
	    Tcl_SetErrno(EIO);
	    return false;
	}
	DpLoopPoll(dpPtr->loopPtr, -1);
    }
    return true;
}

/* --- scripts --- */

/* The errno value of a name as "ENOENT", or 0. Tcl tells it one way only. */
static int
ErrnoOf(const char *name)
{
    int saved = Tcl_GetErrno(), found = 0;

    for (int number = 1; number < 200 && found == 0; number++) {
	Tcl_SetErrno(number);
	if (strcmp(Tcl_ErrnoId(), name) == 0) {
	    found = number;
	}
    }
    Tcl_SetErrno(saved);
    return found;
}

int
DpMountErrno(Tcl_Obj *codePtr)
{
    static const struct {
	const char *first, *second;
	int error;
    } known[] = {
	{"CONNECT", "TIMEOUT", ETIMEDOUT},
	{"CONNECT", "REFUSED", ECONNREFUSED},
	{"CONNECT", "UNREACHABLE", EHOSTUNREACH},
	{"CONNECT", "RESOLVE", EHOSTUNREACH},
	{"CONNECT", "", ECONNRESET},
	{"HOSTKEY", "", EACCES},
	{"AUTH", "", EACCES},
	{"SUDO", "", EACCES},
	{"HOSTS", "", ENODEV},
	{"CANCELLED", "", EINTR},
	{"WAIT", "", EDEADLK}
    };
    Tcl_Obj **words;
    int count, error;

    if (codePtr == NULL || Tcl_ListObjGetElements(NULL, codePtr, &count,
	    &words) != TCL_OK || count < 2) {
	return EIO;
    }
    if (strcmp(Tcl_GetString(words[0]), "POSIX") == 0) {
	error = ErrnoOf(Tcl_GetString(words[1]));
	return error != 0 ? error : EIO;
    }
    if (strcmp(Tcl_GetString(words[0]), "DEPLOYER") != 0) {
	return EIO;
    }
    if (count > 2 && strcmp(Tcl_GetString(words[1]), "FILE") == 0) {
	error = ErrnoOf(Tcl_GetString(words[2]));
	return error != 0 ? error : EIO;
    }
    for (size_t i = 0; i < DP_ARRAY_SIZE(known); i++) {
	if (strcmp(Tcl_GetString(words[1]), known[i].first) == 0
		&& (known[i].second[0] == '\0' || (count > 2
		&& strcmp(Tcl_GetString(words[2]), known[i].second) == 0))) {
	    return known[i].error;
	}
    }
    return EIO;
}

static int
OptionsErrno(Tcl_Interp *interp, int code)
{
    Tcl_Obj *optionsPtr = Tcl_GetReturnOptions(interp, code);
    Tcl_Obj *keyPtr = Tcl_NewStringObj("-errorcode", -1);
    Tcl_Obj *codePtr = NULL;
    int error;

    Tcl_IncrRefCount(optionsPtr);
    Tcl_IncrRefCount(keyPtr);
    Tcl_DictObjGet(NULL, optionsPtr, keyPtr, &codePtr);
    error = DpMountErrno(codePtr);
    Tcl_DecrRefCount(keyPtr);
    Tcl_DecrRefCount(optionsPtr);
    return error;
}

Tcl_Obj *
DpMountEval(DpMount *mountPtr, Tcl_Obj *prefixPtr, int count,
	const char *const words[], int *errorPtr)
{
    Tcl_Interp *interp = mountPtr->dpPtr->interp;
    Tcl_InterpState state;
    Tcl_Obj *commandPtr, *resultPtr = NULL;
    int code;

    *errorPtr = EIO;
    if (interp == NULL || Tcl_InterpDeleted(interp)) {
	return NULL;
    }
    commandPtr = Tcl_DuplicateObj(prefixPtr);
    Tcl_IncrRefCount(commandPtr);
    for (int i = 0; i < count; i++) {
	Tcl_ListObjAppendElement(NULL, commandPtr,
		Tcl_NewStringObj(words[i], -1));
    }
    Tcl_Preserve(interp);
    state = Tcl_SaveInterpState(interp, TCL_OK);
    code = Tcl_EvalObjEx(interp, commandPtr,
	    TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
    if (code == TCL_OK) {
	resultPtr = Tcl_GetObjResult(interp);
	Tcl_IncrRefCount(resultPtr);
    } else {
	*errorPtr = OptionsErrno(interp, code);
    }
    Tcl_RestoreInterpState(interp, state);
    Tcl_DecrRefCount(commandPtr);
    Tcl_Release(interp);
    return resultPtr;
}

/* --- a live file system --- */

static bool
IsAlive(const DpFs *fsPtr)
{
    return !fsPtr->isShut && !DpErrorIsSet(&fsPtr->error);
}

/* Asks the prefix for a file system; an errno value, or 0. */
static int
Renew(DpMount *mountPtr)
{
    Tcl_Obj *namePtr;
    DpFs *fsPtr;
    int error;

    if (mountPtr->failedAt != 0
	    && DpLoopNow() - mountPtr->failedAt < RENEW_PAUSE) {
	return mountPtr->failedError;
    }
    namePtr = DpMountEval(mountPtr, mountPtr->prefixPtr, 0, NULL, &error);
    if (namePtr != NULL) {
	Tcl_Interp *interp = mountPtr->dpPtr->interp;

	error = EIO;
	if (interp != NULL && !mountPtr->gone) {
	    Tcl_InterpState state = Tcl_SaveInterpState(interp, TCL_OK);

	    if (DpFsGet(mountPtr->dpPtr, interp, namePtr, &fsPtr) == TCL_OK
		    && IsAlive(fsPtr)) {
		DpFsHold(fsPtr);
		DpFsDrop(mountPtr->fsPtr);
		mountPtr->fsPtr = fsPtr;
		error = 0;
	    }
	    Tcl_RestoreInterpState(interp, state);
	}
	Tcl_DecrRefCount(namePtr);
    }
    mountPtr->failedAt = error != 0 ? DpLoopNow() : 0;
    mountPtr->failedError = error;
    return error;
}

bool
DpMountMakeAlive(DpMount *mountPtr)
{
    int error;

    if (mountPtr->gone || mountPtr->dpPtr->interp == NULL) {
	Tcl_SetErrno(ENODEV);
	return false;
    }
    if (IsAlive(mountPtr->fsPtr)) {
	return true;
    }
    DpMountCacheClear(mountPtr);
    error = Renew(mountPtr);
    if (error != 0) {
	Tcl_SetErrno(error);
	return false;
    }
    return true;
}

bool
DpMountBegin(DpMountCall *callPtr, Tcl_Obj *pathPtr)
{
    const DpMountPath *foundPtr = Tcl_FSGetInternalRep(pathPtr,
	    &dpMountFilesystem);

    memset(callPtr, 0, sizeof(*callPtr));
    if (foundPtr == NULL) {
	Tcl_SetErrno(ENOENT);
	return false;
    }
    callPtr->mountPtr = foundPtr->mountPtr;
    DpMountHold(callPtr->mountPtr);
    callPtr->mountPtr->numCalls++;
    if (foundPtr->path == NULL) {
	Tcl_SetErrno(ENOENT);
	return false;
    }
    callPtr->path = DpStrdup(foundPtr->path);
    return DpMountMakeAlive(callPtr->mountPtr);
}

bool
DpMountBeginChange(DpMountCall *callPtr, Tcl_Obj *pathPtr)
{
    Tcl_Obj *resultPtr;
    int error = 0;

    if (!DpMountBegin(callPtr, pathPtr)) {
	return false;
    }
    if (callPtr->mountPtr->guardPtr == NULL
	    || DpMountGetKeep()->state != DP_KEEP_IDLE) {
	/* Within a command whose copy has failed (dpMountKeep.c) a script would
	 * run the handler of that command's end. */
	return true;
    }
    resultPtr = DpMountEval(callPtr->mountPtr, callPtr->mountPtr->guardPtr, 0,
	    NULL, &error);
    if (resultPtr != NULL) {
	error = Tcl_GetString(resultPtr)[0] != '\0' ? EROFS : 0;
	Tcl_DecrRefCount(resultPtr);
    }
    if (error != 0) {
	Tcl_SetErrno(error);
	return false;
    }
    return DpMountMakeAlive(callPtr->mountPtr);
}

void
DpMountEnd(DpMountCall *callPtr)
{
    DpFree(callPtr->path);
    callPtr->path = NULL;
    if (callPtr->mountPtr != NULL) {
	callPtr->mountPtr->numCalls--;
	DpMountRelease(callPtr->mountPtr);
	DpMountDrop(callPtr->mountPtr);
	callPtr->mountPtr = NULL;
    }
}

/* --- operations --- */

/* Room for one more entry of a directory. */
static void
AddEntry(DpMountAnswer *answerPtr, const DpFsEntry *entryPtr)
{
    size_t length = strlen(entryPtr->name) + 1;

    while (answerPtr->namesLength + length > answerPtr->namesSize) {
	answerPtr->namesSize = answerPtr->namesSize == 0 ? 4096
		: 2 * answerPtr->namesSize;
	answerPtr->names = DpRealloc(answerPtr->names, answerPtr->namesSize);
    }
    if (answerPtr->count == answerPtr->maxCount) {
	answerPtr->maxCount = answerPtr->maxCount == 0 ? 64
		: 2 * answerPtr->maxCount;
	answerPtr->attrs = DpRealloc(answerPtr->attrs,
		(size_t) answerPtr->maxCount * sizeof(*answerPtr->attrs));
    }
    memcpy(answerPtr->names + answerPtr->namesLength, entryPtr->name, length);
    answerPtr->namesLength += length;
    answerPtr->attrs[answerPtr->count++] = entryPtr->attr;
}

static void
AnswerDone(void *clientData, const DpFsReply *replyPtr)
{
    DpMountAnswer *answerPtr = clientData;

    for (int i = 0; i < replyPtr->numEntries; i++) {
	/* A host that lies must not lead us elsewhere. */
	if (strchr(replyPtr->entries[i].name, '/') == NULL) {
	    AddEntry(answerPtr, &replyPtr->entries[i]);
	}
    }
    if (replyPtr->more) {
	return;
    }
    answerPtr->opPtr = NULL;
    answerPtr->done = true;
    answerPtr->error = replyPtr->error;
    answerPtr->attr = replyPtr->attr;
    answerPtr->space = replyPtr->space;
    if (replyPtr->error == 0 && replyPtr->bytes != NULL) {
	answerPtr->bytes = DpStrdup((const char *) replyPtr->bytes);
    }
}

void
DpMountSubmit(DpMount *mountPtr, DpMountAnswer *answerPtr,
	const DpFsRequest *requestPtr)
{
    memset(answerPtr, 0, sizeof(*answerPtr));
    answerPtr->mountPtr = mountPtr;
    answerPtr->opPtr = DpFsSubmit(mountPtr->fsPtr, requestPtr, AnswerDone,
	    answerPtr);
}

int
DpMountWait(DpMountAnswer *answerPtr)
{
    if (!answerPtr->done && !DpMountRun(answerPtr->mountPtr, false,
	    &answerPtr->done)) {
	DpFsCancel(answerPtr->opPtr);
	answerPtr->opPtr = NULL;
	answerPtr->done = true;
	answerPtr->error = Tcl_GetErrno();
    }
    if (answerPtr->error == ECONNABORTED) {
	/* Closed under us, as after a disconnect. */
	answerPtr->error = ECONNRESET;
    }
    if (answerPtr->error != 0) {
	Tcl_SetErrno(answerPtr->error);
    }
    return answerPtr->error;
}

void
DpMountFree(DpMountAnswer *answerPtr)
{
    if (answerPtr->opPtr != NULL) {
	DpFsCancel(answerPtr->opPtr);
    }
    DpFree(answerPtr->bytes);
    DpFree(answerPtr->names);
    DpFree(answerPtr->attrs);
    memset(answerPtr, 0, sizeof(*answerPtr));
}

static bool
OnlyReads(DpFsKind kind)
{
    switch (kind) {
    case DP_FS_STAT:
    case DP_FS_LSTAT:
    case DP_FS_LIST:
    case DP_FS_READLINK:
    case DP_FS_REALPATH:
    case DP_FS_STATVFS:
	return true;
    default:
	return false;
    }
}

int
DpMountAsk(DpMount *mountPtr, DpMountAnswer *answerPtr,
	const DpFsRequest *requestPtr)
{
    for (int try = 0;; try++) {
	DpMountSubmit(mountPtr, answerPtr, requestPtr);
	if (DpMountWait(answerPtr) != ECONNRESET || try > 0
		|| !OnlyReads(requestPtr->kind)) {
	    break;
	}

	/* A connection that died while nobody used it costs one more try. */
	DpMountFree(answerPtr);
	if (!DpMountMakeAlive(mountPtr)) {
	    answerPtr->mountPtr = mountPtr;
	    answerPtr->done = true;
	    answerPtr->error = Tcl_GetErrno();
	    break;
	}
    }
    return answerPtr->error;
}

int
DpMountDo(DpMount *mountPtr, const DpFsRequest *requestPtr)
{
    DpMountAnswer answer;
    int error;

    DpMountCacheClear(mountPtr);
    error = DpMountAsk(mountPtr, &answer, requestPtr);
    DpMountFree(&answer);
    if (error != 0) {
	Tcl_SetErrno(error);
    }
    return error;
}

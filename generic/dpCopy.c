/*
 * dpCopy.c -- transfers: their lives and end, failures, the limit.
 *
 * Layer L3. Its begin is in dpCopyBegin.c, files are in dpCopyFile.c, directories
 * in dpCopyDir.c.
 */

#include "dpCopyInt.h"

#include <errno.h>
#include <stdio.h>

/* Less could not hold one piece of any file system. */
#define MIN_WINDOW (512 * 1024)

char *
DpCopyJoin(const char *dir, const char *name)
{
    size_t length = strlen(dir), size = length + strlen(name) + 2;
    char *path = DpAlloc(size);

    snprintf(path, size, "%s%s%s", dir,
	    length > 0 && dir[length - 1] == '/' ? "" : "/", name);
    return path;
}

/* Part: what is found out about the transfer. */

const DpCopyCount *
DpCopyCounts(const DpCopy *copyPtr)
{
    return &copyPtr->count;
}

const DpError *
DpCopyError(const DpCopy *copyPtr)
{
    return &copyPtr->error;
}

const DpCopyFailure *
DpCopyFailures(const DpCopy *copyPtr, int *countPtr)
{
    *countPtr = copyPtr->numFailures;
    return copyPtr->failures;
}

int
DpCopyUmask(const DpCopy *copyPtr)
{
    return copyPtr->umask;
}

int64_t
DpCopyUid(const DpCopy *copyPtr)
{
    return copyPtr->uid;
}

const char *
DpCopyTarget(const DpCopy *copyPtr)
{
    return copyPtr->dst;
}

DpFsAttr
DpCopyFinal(const DpCopy *copyPtr, const DpFsAttr *attrPtr,
	const DpFsAttr *oldPtr)
{
    DpFsAttr final = {.has = DP_FS_MODE};
    int umask = copyPtr->umask >= 0 ? copyPtr->umask : 022;
    bool keepOwner = false;

    if (copyPtr->spec.preserve && (attrPtr->has & DP_FS_MODE)) {
	final.mode = attrPtr->mode & 07777;
	if (copyPtr->uid == 0 && (attrPtr->has & DP_FS_OWNER)) {
	    final.has |= DP_FS_OWNER;
	    final.uid = attrPtr->uid;
	    final.gid = attrPtr->gid;
	} else {
	    /* They would speak for another owner than the source's. */
	    final.mode &= ~(uint32_t) 06000;
	    keepOwner = true;
	}
    } else if (oldPtr != NULL && (oldPtr->has & DP_FS_MODE)) {
	final.mode = oldPtr->mode & 07777;
	keepOwner = true;
    } else {
	final.mode = (attrPtr->has & DP_FS_MODE) ? attrPtr->mode & 0777 : 0666;
	final.mode &= ~(uint32_t) umask;
    }
    if (keepOwner && oldPtr != NULL && (oldPtr->has & DP_FS_OWNER)) {
	final.has |= DP_FS_OWNER;
	final.uid = oldPtr->uid;
	final.gid = oldPtr->gid;
    }
    if ((copyPtr->spec.preserve || copyPtr->spec.update == DP_COPY_TIME)
	    && (attrPtr->has & DP_FS_TIMES)) {
	final.has |= DP_FS_TIMES;
	final.atime = attrPtr->atime;
	final.atimeNsec = attrPtr->atimeNsec;
	final.mtime = attrPtr->mtime;
	final.mtimeNsec = attrPtr->mtimeNsec;
    }
    return final;
}

/* Part: failures. */

/* Nothing more begins; what is under way is given up. */
static void
StopAll(DpCopy *copyPtr)
{
    copyPtr->stopping = true;
    for (DpCopyDir *dirPtr = copyPtr->firstDirPtr; dirPtr != NULL;
	    dirPtr = dirPtr->nextPtr) {
	DpCopyDirGiveUp(dirPtr);
    }
    for (DpCopyFile *filePtr = copyPtr->firstFilePtr, *nextPtr;
	    filePtr != NULL; filePtr = nextPtr) {
	nextPtr = filePtr->nextPtr;
	DpCopyFileAbort(filePtr);
    }
    DpCopyKick(copyPtr);
}

void
DpCopyFailedBy(DpCopy *copyPtr, const char *path, const DpError *errPtr,
	bool isFatal)
{
    if (copyPtr->stopping) {
	/* That is what made the others fail. */
	return;
    }
    copyPtr->count.failed++;
    if (copyPtr->numFailures < DP_COPY_FAILURES) {
	DpCopyFailure *failurePtr;

	copyPtr->failures = DpRealloc(copyPtr->failures,
		(size_t) (copyPtr->numFailures + 1) * sizeof(*failurePtr));
	failurePtr = &copyPtr->failures[copyPtr->numFailures++];
	memset(failurePtr, 0, sizeof(*failurePtr));
	failurePtr->path = DpStrdup(path);
	DpErrorCopy(&failurePtr->error, errPtr);
    }
    if (isFatal) {
	StopAll(copyPtr);
    }
}

/*
 * The place that a path below the staging directory will have: the user knows
 * no other. A copy, or NULL where the path is none of those.
 */
static char *
FinalPath(const DpCopy *copyPtr, const char *path)
{
    const char *stage = copyPtr->stage;
    size_t length = stage != NULL ? strlen(stage) : 0, size;
    char *finalPath;

    if (length == 0 || strncmp(path, stage, length) != 0
	    || (path[length] != '/' && path[length] != '\0')) {
	return NULL;
    }
    size = strlen(copyPtr->dst) + strlen(path + length) + 1;
    finalPath = DpAlloc(size);
    snprintf(finalPath, size, "%s%s", copyPtr->dst, path + length);
    return finalPath;
}

void
DpCopyFailed(DpCopy *copyPtr, const char *path, const DpFs *fsPtr,
	const DpFsReply *replyPtr, const char *doing, const char *errorPath)
{
    DpError error = {0};
    char *finalPath = FinalPath(copyPtr, errorPath);
    bool isFatal;

    switch (replyPtr->error) {
    case ECONNRESET: case ECONNABORTED: case ENOSPC: case EROFS:
#ifdef EDQUOT
    case EDQUOT:
#endif
	isFatal = true;
	break;
    default:
	isFatal = false;
    }
    DpFsError(&error, fsPtr, replyPtr, doing,
	    finalPath != NULL ? finalPath : errorPath);
    DpFree(finalPath);
    DpCopyFailedBy(copyPtr, path, &error, isFatal);
    DpErrorClear(&error);
}

/* The one error of all failures: the first, with the number of the others. */
static void
SumUp(DpCopy *copyPtr)
{
    const DpError *firstPtr;

    if (DpErrorIsSet(&copyPtr->error) || copyPtr->numFailures == 0) {
	return;
    }
    firstPtr = &copyPtr->failures[0].error;
    if (copyPtr->count.failed == 1) {
	DpErrorCopy(&copyPtr->error, firstPtr);
	return;
    }
    DpErrorSet(&copyPtr->error, firstPtr->code, "%s (and %llu more failures)",
	    firstPtr->message,
	    (unsigned long long) copyPtr->count.failed - 1);
    for (int i = 0; i < firstPtr->numData; i++) {
	DpErrorAddData(&copyPtr->error, firstPtr->data[i]);
    }
}

/* Part: the end. */

static void
DoneTask(void *clientData)
{
    DpCopy *copyPtr = clientData;

    copyPtr->spec.done(copyPtr->spec.clientData);
}

static void
Over(DpCopy *copyPtr)
{
    copyPtr->state = DP_COPY_OVER;
    SumUp(copyPtr);
    DpTimerStop(&copyPtr->limitTimer);
    DpSoonStart(copyPtr->loopPtr, &copyPtr->doneTask, DoneTask, copyPtr);
}

static void
CleanDone(void *clientData, const DpFsReply *replyPtr, const char *path)
{
    DpCopy *copyPtr = clientData;

    (void) replyPtr;
    (void) path;
    copyPtr->removePtr = NULL;
    Over(copyPtr);
}

/* Nothing is under way any more: what is not to stay is removed. */
void
DpCopyFinish(DpCopy *copyPtr)
{
    copyPtr->stopping = true;
    if (copyPtr->state >= DP_COPY_CLEAN) {
	return;
    }
    if (copyPtr->stage != NULL) {
	copyPtr->state = DP_COPY_CLEAN;
	copyPtr->removePtr = DpTreeRemoveStart(copyPtr->dstPtr,
		copyPtr->stage, CleanDone, copyPtr);
	return;
    }
    Over(copyPtr);
}

/* Part: the pump. */

static void
PumpTask(void *clientData)
{
    DpCopy *copyPtr = clientData;

    if (copyPtr->state == DP_COPY_SOURCE && copyPtr->opPtr == NULL) {
	if (copyPtr->stopping) {
	    DpCopyFinish(copyPtr);
	} else {
	    DpCopyBegin(copyPtr);
	}
	return;
    }
    if (copyPtr->state != DP_COPY_RUN) {
	return;
    }
    for (DpCopyFile *filePtr = copyPtr->firstFilePtr, *nextPtr;
	    filePtr != NULL; filePtr = nextPtr) {
	nextPtr = filePtr->nextPtr;
	if (filePtr->step == DP_FILE_MOVE) {
	    DpCopyBulkFeed(filePtr);
	}
    }
    if (copyPtr->stopping) {
	DpCopyDirSweep(copyPtr);
    } else {
	DpCopyDirLaunch(copyPtr);
    }
    if (copyPtr->numFiles > 0 || copyPtr->firstDirPtr != NULL) {
	return;
    }
    copyPtr->count.walked = true;
    if (copyPtr->stage != NULL && copyPtr->count.failed == 0
	    && !copyPtr->stopping) {
	DpCopySeal(copyPtr);
    } else {
	DpCopyFinish(copyPtr);
    }
}

void
DpCopyKick(DpCopy *copyPtr)
{
    DpSoonStart(copyPtr->loopPtr, &copyPtr->task, PumpTask, copyPtr);
}

static void
LimitTimer(void *clientData)
{
    DpCopyKick(clientData);
}

/*
 * Tokens come with the time, for a tenth of a second at most. A piece may take
 * more than there are, and the next one waits until that is paid.
 */
bool
DpCopyAllow(DpCopy *copyPtr, size_t count)
{
    double rate = (double) copyPtr->spec.limit;
    int64_t now;

    if (copyPtr->spec.limit == 0) {
	return true;
    }
    now = DpLoopNow();
    copyPtr->tokens += rate * (double) (now - copyPtr->tokenTime) / 1000;
    if (copyPtr->tokens > rate / 10) {
	copyPtr->tokens = rate / 10;
    }
    copyPtr->tokenTime = now;
    if (copyPtr->tokens < 0) {
	int64_t wait = (int64_t) (-copyPtr->tokens * 1000 / rate) + 1;

	if (copyPtr->limitTimer.loopPtr == NULL) {
	    DpTimerStart(copyPtr->loopPtr, &copyPtr->limitTimer,
		    wait < 1000 ? wait : 1000, LimitTimer, copyPtr);
	}
	return false;
    }
    copyPtr->tokens -= (double) count;
    return true;
}

/* Part: lives. */

DpCopy *
DpCopyStart(const DpCopySpec *specPtr)
{
    DpCopy *copyPtr = DpAlloc(sizeof(*copyPtr));

    copyPtr->spec = *specPtr;
    copyPtr->spec.src = DpStrdup(specPtr->src);
    copyPtr->spec.dst = DpStrdup(specPtr->dst);
    copyPtr->spec.into = DpStrdup(specPtr->into);
    copyPtr->srcPtr = specPtr->srcPtr;
    DpFsHold(copyPtr->srcPtr);
    copyPtr->dstPtr = specPtr->dstPtr;
    DpFsHold(copyPtr->dstPtr);
    copyPtr->loopPtr = copyPtr->srcPtr->loopPtr;
    DpLoopHold(copyPtr->loopPtr);
    copyPtr->dst = DpStrdup(specPtr->dst);
    copyPtr->umask = specPtr->umask;
    copyPtr->uid = specPtr->uid;
    copyPtr->window = specPtr->window != 0 ? specPtr->window : DP_COPY_WINDOW;
    if (copyPtr->window < MIN_WINDOW) {
	copyPtr->window = MIN_WINDOW;
    }
    if (copyPtr->spec.names == 0) {
	copyPtr->spec.names = DP_COPY_NAMES;
    }
    copyPtr->tokenTime = DpLoopNow();
    DpCopyKick(copyPtr);
    return copyPtr;
}

void
DpCopyCancel(DpCopy *copyPtr, const DpError *errPtr)
{
    if (copyPtr->state == DP_COPY_OVER || DpErrorIsSet(&copyPtr->error)) {
	return;
    }
    DpErrorCopy(&copyPtr->error, errPtr);
    StopAll(copyPtr);
}

void
DpCopyDrop(DpCopy *copyPtr)
{
    DpTaskStop(&copyPtr->task);
    DpTaskStop(&copyPtr->doneTask);
    DpTimerStop(&copyPtr->limitTimer);
    if (copyPtr->opPtr != NULL) {
	DpFsCancel(copyPtr->opPtr);
    }
    if (copyPtr->removePtr != NULL) {
	DpTreeRemoveDrop(copyPtr->removePtr);
    }
    copyPtr->stopping = true;
    while (copyPtr->firstFilePtr != NULL) {
	DpCopyFileFree(copyPtr->firstFilePtr);
    }
    while (copyPtr->firstDirPtr != NULL) {
	DpCopyDirFree(copyPtr->firstDirPtr);
    }
    /* Those may have kicked it. */
    DpTaskStop(&copyPtr->task);
    for (int i = 0; i < copyPtr->numFailures; i++) {
	DpFree(copyPtr->failures[i].path);
	DpErrorClear(&copyPtr->failures[i].error);
    }
    DpFree(copyPtr->failures);
    DpErrorClear(&copyPtr->error);
    DpFree((char *) copyPtr->spec.src);
    DpFree((char *) copyPtr->spec.dst);
    DpFree((char *) copyPtr->spec.into);
    DpFree(copyPtr->dst);
    DpFree(copyPtr->stage);
    DpFree(copyPtr->probe);
    DpFree(copyPtr->real);
    DpFree(copyPtr->path);
    DpFsDrop(copyPtr->srcPtr);
    DpFsDrop(copyPtr->dstPtr);
    DpLoopDrop(copyPtr->loopPtr);
    DpFree(copyPtr);
}

/*
 * dpFsSaveEnd.c -- how a save goes on, and ends: commit, failure, abort.
 *
 * Layer L2.
 */

#include "dpFsSaveInt.h"

#include <errno.h>
#include <stdio.h>

static void Cleanup(DpFsSave *savePtr);

/* --- one operation after the other --- */

static void
StepDone(void *clientData, const DpFsReply *replyPtr)
{
    DpFsSave *savePtr = clientData;

    savePtr->busy = false;
    savePtr->step(savePtr, replyPtr);
}

void
DpSaveGo(DpFsSave *savePtr, const DpFsRequest *requestPtr, DpSaveStep *step)
{
    savePtr->busy = true;
    savePtr->step = step;
    DpFsSubmit(savePtr->fsPtr, requestPtr, StepDone, savePtr);
}

void
DpSaveGoPath(DpFsSave *savePtr, DpFsKind kind, const char *path,
	DpSaveStep *step)
{
    DpFsRequest request = {.kind = kind, .path = path};

    DpSaveGo(savePtr, &request, step);
}

void
DpSaveGoFile(DpFsSave *savePtr, DpFsKind kind, DpFsFile *filePtr,
	DpSaveStep *step)
{
    DpFsRequest request = {.kind = kind, .filePtr = filePtr};

    DpSaveGo(savePtr, &request, step);
}

/* --- ends --- */

static void
FreeSave(DpFsSave *savePtr)
{
    DpTaskStop(&savePtr->task);
    DpFsFileDrop(savePtr->filePtr);
    DpFsFileDrop(savePtr->sourcePtr);
    DpErrorClear(&savePtr->why);
    DpFree(savePtr->path);
    DpFree(savePtr->target);
    DpFree(savePtr->temp);
    DpFsDrop(savePtr->fsPtr);
    DpFree(savePtr);
}

/* Everything has happened: tells it, and the save is no more. */
static void
End(DpFsSave *savePtr)
{
    DpFsSaveDone *done = savePtr->done;
    void *clientData = savePtr->clientData;
    int error = savePtr->error;
    DpError why = savePtr->why;

    memset(&savePtr->why, 0, sizeof(why));
    FreeSave(savePtr);
    if (done != NULL) {
	done(clientData, error, error == 0 ? NULL : &why);
    }
    DpErrorClear(&why);
}

void
DpSaveTell(DpFsSave *savePtr)
{
    DpFsSaveDone *done = savePtr->done;

    savePtr->done = NULL;
    if (done != NULL) {
	done(savePtr->clientData, savePtr->error,
		savePtr->error == 0 ? NULL : &savePtr->why);
    }
}

void
DpSaveSetFailure(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    if (savePtr->error == 0) {
	savePtr->error = replyPtr->error;
	DpFsError(&savePtr->why, savePtr->fsPtr, replyPtr, "write to",
		savePtr->path);
    }
}

void
DpSaveFail(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    DpSaveSetFailure(savePtr, replyPtr);
    if (savePtr->committing || savePtr->aborting) {
	Cleanup(savePtr);
    } else {
	DpSaveTell(savePtr);
    }
}

void
DpSaveFailBecause(DpFsSave *savePtr, const DpFsReply *replyPtr,
	const char *reason)
{
    DpFsReply reply = *replyPtr;
    char text[512];

    snprintf(text, sizeof(text), "%s: %s", reason, replyPtr->message != NULL
	    ? replyPtr->message : Tcl_ErrnoMsg(replyPtr->error));
    if (replyPtr->error != ECONNRESET && replyPtr->error != ECONNABORTED) {
	reply.message = text;
    }
    DpSaveFail(savePtr, &reply);
}

void
DpSaveFailWith(DpFsSave *savePtr, int error, const char *message)
{
    DpFsReply reply = {.error = error, .message = message};

    DpSaveFail(savePtr, &reply);
}

bool
DpSaveIsOver(DpFsSave *savePtr)
{
    if (savePtr->aborting) {
	Cleanup(savePtr);
    }
    return savePtr->aborting;
}

/* Takes away what is there of us, one thing after the other, and ends. */

static void
HolderGone(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    (void) replyPtr;
    savePtr->placed = false;
    Cleanup(savePtr);
}

static void
TempGone(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    savePtr->made = false;
    if (replyPtr->error != 0 && replyPtr->error != ENOENT) {
	DpFsReply reply = *replyPtr;
	char text[512];

	snprintf(text, sizeof(text), "the temporary file %s is left there: %s",
		savePtr->temp, replyPtr->message != NULL
		? replyPtr->message : Tcl_ErrnoMsg(replyPtr->error));
	reply.message = text;
	DpSaveSetFailure(savePtr, &reply);
    }
    Cleanup(savePtr);
}

static void
Cleanup(DpFsSave *savePtr)
{
    DpFsFile *filePtr = savePtr->filePtr;

    if (savePtr->busy || savePtr->running > 0) {
	return;
    }
    savePtr->filePtr = NULL;
    DpFsFileDrop(filePtr);
    if (savePtr->made) {
	DpSaveGoPath(savePtr, DP_FS_UNLINK, savePtr->temp, TempGone);
    } else if (savePtr->placed) {
	DpSaveGoPath(savePtr, DP_FS_UNLINK, savePtr->target, HolderGone);
    } else {
	End(savePtr);
    }
}

/* --- the commit --- */

static void
Renamed(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    if (replyPtr->error != 0) {
	DpSaveFailBecause(savePtr, replyPtr, "it can't be replaced");
	return;
    }
    savePtr->made = savePtr->placed = false;
    End(savePtr);
}

static void
GoRename(DpFsSave *savePtr)
{
    DpFsRequest request = {.kind = DP_FS_RENAME, .path = savePtr->temp,
	.path2 = savePtr->target};

    DpSaveGo(savePtr, &request, Renamed);
}

static void
Adopted(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    if (replyPtr->error != 0 && replyPtr->error != ENOTSUP) {
	DpSaveFailBecause(savePtr, replyPtr,
		"its access list or security label can't be kept");
	return;
    }
    GoRename(savePtr);
}

static void
Closed(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    DpFsRequest request = {.kind = DP_FS_ADOPT, .path = savePtr->target,
	.path2 = savePtr->temp};

    if (replyPtr->error != 0) {
	DpSaveFail(savePtr, replyPtr);
    } else if (savePtr->inPlace) {
	End(savePtr);
    } else if (savePtr->old.has != 0 && !savePtr->placed) {
	DpSaveGo(savePtr, &request, Adopted);
    } else {
	GoRename(savePtr);
    }
}

static void
Synced(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    DpFsFile *filePtr = savePtr->filePtr;

    if (replyPtr->error != 0 && replyPtr->error != ENOTSUP) {
	DpSaveFail(savePtr, replyPtr);
	return;
    }
    savePtr->filePtr = NULL;
    DpSaveGoFile(savePtr, DP_FS_CLOSE, filePtr, Closed);
}

static void
GoSync(DpFsSave *savePtr)
{
    DpFsReply reply = {.error = 0};

    if (savePtr->flags & DP_SAVE_SYNC) {
	DpSaveGoFile(savePtr, DP_FS_FSYNC, savePtr->filePtr, Synced);
    } else {
	Synced(savePtr, &reply);
    }
}

static void
ModeSet(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    if (replyPtr->error != 0) {
	DpSaveFailBecause(savePtr, replyPtr, "its permissions can't be set");
	return;
    }
    GoSync(savePtr);
}

/* After the owner, whose change takes setuid bits away. */
static void
GoMode(DpFsSave *savePtr)
{
    DpFsRequest request = {.kind = DP_FS_FSETSTAT,
	.filePtr = savePtr->filePtr, .attr = savePtr->attr};

    request.attr.has &= DP_FS_MODE | DP_FS_TIMES;
    if (!(savePtr->attr.has & DP_FS_MODE)) {
	request.attr.has |= DP_FS_MODE;
	request.attr.mode = savePtr->old.has != 0 ? savePtr->old.mode
		: savePtr->newMode;
    }
    request.attr.mode &= DP_SAVE_PERM_MASK;
    DpSaveGo(savePtr, &request, ModeSet);
}

static void
OwnerSet(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    if (replyPtr->error != 0) {
	DpSaveFailBecause(savePtr, replyPtr, "its owner can't be set");
	return;
    }
    GoMode(savePtr);
}

static void
EndTask(void *clientData)
{
    Cleanup(clientData);
}

void
DpFsSaveCommit(DpFsSave *savePtr, const DpFsAttr *attrPtr, DpFsSaveDone *done,
	void *clientData)
{
    savePtr->committing = true;
    savePtr->done = done;
    savePtr->clientData = clientData;
    if (!savePtr->opened || savePtr->error != 0) {
	DpFsReply reply = {.error = EBADF};

	DpSaveSetFailure(savePtr, &reply);
	DpSoonStart(savePtr->fsPtr->loopPtr, &savePtr->task, EndTask, savePtr);
	return;
    }
    if (attrPtr != NULL) {
	savePtr->attr = *attrPtr;
    }
    if (savePtr->inPlace) {
	GoSync(savePtr);
    } else if (attrPtr != NULL && attrPtr->has & DP_FS_OWNER) {
	DpFsRequest request = {.kind = DP_FS_FSETSTAT,
	    .filePtr = savePtr->filePtr, .attr = *attrPtr};

	request.attr.has = DP_FS_OWNER;
	DpSaveGo(savePtr, &request, OwnerSet);
    } else {
	GoMode(savePtr);
    }
}

void
DpFsSaveForget(DpFsSave *savePtr)
{
    savePtr->done = NULL;
    savePtr->clientData = NULL;
}

void
DpFsSaveAbort(DpFsSave *savePtr, DpFsSaveDone *done, void *clientData)
{
    savePtr->aborting = true;
    savePtr->done = done;
    savePtr->clientData = clientData;
    /* Its own errors alone are told. */
    savePtr->error = 0;
    DpErrorClear(&savePtr->why);
    DpSoonStart(savePtr->fsPtr->loopPtr, &savePtr->task, EndTask, savePtr);
}

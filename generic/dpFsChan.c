/*
 * dpFsChan.c -- files of a file system as Tcl channels: the driver.
 *
 * Layer L4. The driver never waits, but for a channel in blocking mode and
 * where Tcl wants an answer at once, as for the size of a file; it then serves
 * our own descriptors alone.
 */

#include "dpFsChanInt.h"

#include <errno.h>

/* What Tcl hands over at once, at least and at most. */
#define MIN_BUFFER (32 * 1024)
#define MAX_BUFFER (128 * 1024)

/* --- readiness --- */

/* Writes for another place than the last, and reads, come after all before. */
static bool
MustDrain(const DpFsChan *chanPtr, uint64_t pos)
{
    return DpFsWriteBusy(chanPtr) && pos != chanPtr->wrote;
}

/* Where nothing can be done any more nobody waits for it. */
static bool
IsOver(const DpFsChan *chanPtr)
{
    return chanPtr->filePtr == NULL || chanPtr->closing
	    || chanPtr->error != 0;
}

static bool
CanRead(const DpFsChan *chanPtr)
{
    return IsOver(chanPtr)
	    || (!DpFsWriteBusy(chanPtr) && DpFsReadReady(chanPtr));
}

static bool
CanWrite(const DpFsChan *chanPtr)
{
    return IsOver(chanPtr) || (DpFsWriteRoom(chanPtr) && (chanPtr->appends
	    || !MustDrain(chanPtr, chanPtr->pos)));
}

static bool
IsDrained(const DpFsChan *chanPtr)
{
    return IsOver(chanPtr) || !DpFsWriteBusy(chanPtr);
}

static bool
HasEnded(const DpFsChan *chanPtr)
{
    return chanPtr->ended;
}

static int
ReadyMask(const DpFsChan *chanPtr)
{
    return (chanPtr->watched & TCL_READABLE && CanRead(chanPtr)
	    ? TCL_READABLE : 0) | (chanPtr->watched & TCL_WRITABLE
	    && CanWrite(chanPtr) ? TCL_WRITABLE : 0);
}

static void
NotifyTask(void *clientData)
{
    DpFsChan *chanPtr = clientData;
    int mask = ReadyMask(chanPtr);

    if (mask == 0) {
	return;
    }

    /*
     * Again in the next turn while it stays ready, as for a descriptor. Before
     * the call: the script may close the channel.
     */
    DpFsChanCheck(chanPtr);
    Tcl_NotifyChannel(chanPtr->channel, mask);
}

void
DpFsChanCheck(DpFsChan *chanPtr)
{
    bool isClosed = chanPtr->channel == NULL;

    DpFsChanWake(chanPtr);
    if (chanPtr->leaving) {
	DpFsChanEnd(chanPtr);
	if (isClosed) {
	    /* That may have been all of it. */
	    return;
	}
    } else if (chanPtr->watched & TCL_READABLE && !DpFsWriteBusy(chanPtr)
	    && chanPtr->error == 0) {
	DpFsReadAhead(chanPtr);
    }
    if (ReadyMask(chanPtr) != 0) {
	DpTaskStart(chanPtr->fsPtr->loopPtr, &chanPtr->task, NotifyTask,
		chanPtr);
    }
}

/* --- errors and waiting --- */

Tcl_Obj *
DpFsChanErrorObj(const DpError *errPtr)
{
    Tcl_Obj *optionsPtr = DpErrorOptions(errPtr), *listPtr, **wordsPtr;
    int count;

    Tcl_IncrRefCount(optionsPtr);
    if (Tcl_ListObjGetElements(NULL, optionsPtr, &count, &wordsPtr)
	    != TCL_OK) {
	count = 0;
    }
    listPtr = Tcl_NewListObj(count, wordsPtr);
    Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(
	    errPtr->message != NULL ? errPtr->message : "", -1));
    Tcl_DecrRefCount(optionsPtr);
    return listPtr;
}

/*
 * A channel that was moved to another thread is dead there, as its file belongs
 * to the loop of the first; and so is one whose interpreter has ended.
 */
static bool
IsDead(const DpFsChan *chanPtr)
{
    return chanPtr->thread != Tcl_GetCurrentThread()
	    || chanPtr->filePtr == NULL;
}

/* Tells the error of an earlier write: -1 and *errorPtr. */
static int
TellError(const DpFsChan *chanPtr, int *errorPtr)
{
    Tcl_SetChannelError(chanPtr->channel, DpFsChanErrorObj(&chanPtr->why));
    *errorPtr = chanPtr->error;
    return -1;
}

/* The answer of one that IsDead. */
static int
Refuse(const DpFsChan *chanPtr, int *errorPtr)
{
    if (chanPtr->thread == Tcl_GetCurrentThread() && chanPtr->error != 0) {
	return TellError(chanPtr, errorPtr);
    }
    *errorPtr = EBADF;
    return -1;
}

void
DpFsChanWake(DpFsChan *chanPtr)
{
    DpFsChanWait *waitPtr;

    for (waitPtr = chanPtr->waitPtr; waitPtr != NULL;
	    waitPtr = waitPtr->nextPtr) {
	waitPtr->done = waitPtr->done || waitPtr->cond(chanPtr);
    }
}

bool
DpFsChanWaitFor(DpFsChan *chanPtr, DpFsChanCond *cond)
{
    DpFsChanWait wait = {.nextPtr = chanPtr->waitPtr, .cond = cond};
    bool met;

    chanPtr->waitPtr = &wait;
    while (!(met = cond(chanPtr))) {
	wait.done = false;
	if (chanPtr->fsPtr->adopt != NULL && cond == HasEnded
		&& !chanPtr->fsPtr->isShut) {
	    /* That is a script whatever the rest is. */
	    DpLoopWait(chanPtr->fsPtr->loopPtr, &wait.done);
	} else {
	    DpFsWait(chanPtr->fsPtr, &wait.done);
	}
	if (!wait.done) {
	    met = cond(chanPtr);
	    break;
	}
    }
    chanPtr->waitPtr = wait.nextPtr;
    return met;
}

/* One operation whose answer is waited for. */
typedef struct Question {
    bool done;
    const DpFsChan *chanPtr;
    const char *doing;
    int error;
    DpError why;
    DpFsAttr attr;
} Question;

static void
Answered(void *clientData, const DpFsReply *replyPtr)
{
    Question *questionPtr = clientData;

    questionPtr->done = true;
    questionPtr->attr = replyPtr->attr;
    questionPtr->error = replyPtr->error;
    if (replyPtr->error != 0 && questionPtr->doing != NULL) {
	DpFsError(&questionPtr->why, questionPtr->chanPtr->fsPtr, replyPtr,
		questionPtr->doing, questionPtr->chanPtr->path);
    }
}

/*
 * Asks once all that was written has arrived. 0, or an errno value; with doing
 * it is told as a channel's error as well. The caller holds the channel.
 */
static int
Ask(DpFsChan *chanPtr, const DpFsRequest *requestPtr, const char *doing,
	DpFsAttr *attrPtr)
{
    Question question = {.chanPtr = chanPtr, .doing = doing};
    DpFsOp *opPtr;
    int error;

    DpFsWriteSend(chanPtr);
    if (!DpFsChanWaitFor(chanPtr, IsDrained) || chanPtr->closing
	    || chanPtr->filePtr == NULL) {
	return EBADF;
    }
    if (chanPtr->error != 0) {
	error = chanPtr->error;
	if (doing != NULL) {
	    TellError(chanPtr, &error);
	}
	return error;
    }
    opPtr = DpFsSubmit(chanPtr->fsPtr, requestPtr, Answered, &question);
    DpFsWait(chanPtr->fsPtr, &question.done);
    if (!question.done) {
	DpFsCancel(opPtr);
	return EIO;
    }
    if (chanPtr->closing) {
	DpErrorClear(&question.why);
	return EBADF;
    }
    if (question.error != 0 && doing != NULL) {
	Tcl_SetChannelError(chanPtr->channel,
		DpFsChanErrorObj(&question.why));
	DpErrorClear(&question.why);
    }
    if (attrPtr != NULL) {
	*attrPtr = question.attr;
    }
    return question.error;
}

/* --- the driver --- */

/* In blocking mode waits for cond. 0, or -1 and *errorPtr is told. */
static int
AwaitReady(DpFsChan *chanPtr, DpFsChanCond *cond, int *errorPtr)
{
    if (!cond(chanPtr)) {
	if (!chanPtr->blocking) {
	    *errorPtr = EAGAIN;
	    return -1;
	}
	if (!DpFsChanWaitFor(chanPtr, cond)) {
	    *errorPtr = EIO;
	    return -1;
	}
    }
    if (chanPtr->closing) {
	*errorPtr = EBADF;
	return -1;
    }
    return chanPtr->error != 0 || chanPtr->filePtr == NULL
	    ? Refuse(chanPtr, errorPtr) : 0;
}

static int
FileInputProc(ClientData clientData, char *bytes, int size, int *errorPtr)
{
    DpFsChan *chanPtr = clientData;
    int result;

    if (IsDead(chanPtr)) {
	return Refuse(chanPtr, errorPtr);
    }
    chanPtr->refCount++;
    DpFsWriteSend(chanPtr);
    result = 0;
    if (DpFsWriteBusy(chanPtr)) {
	result = AwaitReady(chanPtr, IsDrained, errorPtr);
    }
    if (result == 0) {
	DpFsReadAhead(chanPtr);
	result = AwaitReady(chanPtr, CanRead, errorPtr);
    }
    if (result == 0) {
	result = DpFsReadTake(chanPtr, bytes, size, errorPtr);
    }
    DpFsChanDrop(chanPtr);
    return result;
}

static int
FileOutputProc(ClientData clientData, const char *bytes, int count,
	int *errorPtr)
{
    DpFsChan *chanPtr = clientData;
    int result;

    if (IsDead(chanPtr)) {
	return Refuse(chanPtr, errorPtr);
    }
    chanPtr->refCount++;
    if (chanPtr->flags & DP_FS_APPEND) {
	chanPtr->pos = chanPtr->end;
    }
    if (MustDrain(chanPtr, chanPtr->pos)) {
	DpFsWriteSend(chanPtr);
    }
    result = AwaitReady(chanPtr, CanWrite, errorPtr);
    if (result == 0) {
	if (chanPtr->flags & DP_FS_APPEND) {
	    /* Scripts may have run meanwhile. */
	    chanPtr->pos = chanPtr->end;
	}
	DpFsWritePut(chanPtr, bytes, (size_t) count);
	DpFsReadDrop(chanPtr);
	result = count;
    }
    DpFsChanDrop(chanPtr);
    return result;
}

/* The end of the file as the host sees it now. */
static int
AskEnd(DpFsChan *chanPtr, int64_t *endPtr)
{
    DpFsRequest request = {.kind = DP_FS_FSTAT, .filePtr = chanPtr->filePtr};
    DpFsAttr attr = {.size = 0};
    int error;

    chanPtr->refCount++;
    error = Ask(chanPtr, &request, "tell the size of", &attr);
    DpFsChanDrop(chanPtr);
    *endPtr = (int64_t) attr.size;
    return error;
}

static Tcl_WideInt
FileWideSeekProc(ClientData clientData, Tcl_WideInt offset, int mode,
	int *errorPtr)
{
    DpFsChan *chanPtr = clientData;
    int64_t from = 0, to;

    if (IsDead(chanPtr)) {
	return Refuse(chanPtr, errorPtr);
    }
    if (mode == SEEK_CUR) {
	from = (int64_t) chanPtr->pos;
    } else if (mode == SEEK_END) {
	*errorPtr = AskEnd(chanPtr, &from);
	if (*errorPtr != 0) {
	    return -1;
	}
    }
    if (__builtin_add_overflow(from, (int64_t) offset, &to)) {
	*errorPtr = EOVERFLOW;
	return -1;
    }
    if (to < 0) {
	*errorPtr = EINVAL;
	return -1;
    }
    if ((uint64_t) to != chanPtr->pos) {
	chanPtr->pos = (uint64_t) to;
	DpFsReadSeek(chanPtr);
    }
    return to;
}

static int
FileSeekProc(ClientData clientData, long offset, int mode, int *errorPtr)
{
    return (int) FileWideSeekProc(clientData, offset, mode, errorPtr);
}

static int
FileTruncateProc(ClientData clientData, Tcl_WideInt length)
{
    DpFsChan *chanPtr = clientData;
    DpFsRequest request = {.kind = DP_FS_FSETSTAT,
	.filePtr = chanPtr->filePtr, .attr = {.has = DP_FS_SIZE,
	.size = (uint64_t) length}};
    int error;

    /* Tcl shows the errno of this one, and no words of ours. */
    if (IsDead(chanPtr)) {
	return EBADF;
    }
    if (!(chanPtr->flags & DP_FS_FOR_WRITE)) {
	return EINVAL;
    }
    chanPtr->refCount++;
    error = Ask(chanPtr, &request, NULL, NULL);
    if (error == 0) {
	chanPtr->dirty = true;
	chanPtr->end = chanPtr->hint = (uint64_t) length;
	DpFsReadDrop(chanPtr);
    }
    DpFsChanDrop(chanPtr);
    return error;
}

static void
FileWatchProc(ClientData clientData, int mask)
{
    DpFsChan *chanPtr = clientData;

    if (chanPtr->thread != Tcl_GetCurrentThread()) {
	return;
    }
    chanPtr->watched = mask & (TCL_READABLE | TCL_WRITABLE);
    if (chanPtr->watched == 0) {
	DpTaskStop(&chanPtr->task);
    } else {
	DpFsChanCheck(chanPtr);
    }
}

static int
FileBlockModeProc(ClientData clientData, int mode)
{
    ((DpFsChan *) clientData)->blocking = mode == TCL_MODE_BLOCKING;
    return 0;
}

/* -commit: whether the close keeps what was written. */
static int
FileSetOptionProc(ClientData clientData, Tcl_Interp *interp,
	const char *option, const char *value)
{
    DpFsChan *chanPtr = clientData;
    int commit;

    if (!(chanPtr->flags & DP_FS_FOR_WRITE)) {
	return Tcl_BadChannelOption(interp, option, "");
    }
    if (strcmp(option, "-commit") != 0) {
	return Tcl_BadChannelOption(interp, option, "commit");
    }
    if (Tcl_GetBoolean(interp, value, &commit) != TCL_OK) {
	return TCL_ERROR;
    }
    chanPtr->commit = commit;
    return TCL_OK;
}

static int
FileGetOptionProc(ClientData clientData, Tcl_Interp *interp,
	const char *option, Tcl_DString *valuePtr)
{
    DpFsChan *chanPtr = clientData;
    const char *value = chanPtr->commit ? "1" : "0";

    if (option == NULL) {
	if (chanPtr->flags & DP_FS_FOR_WRITE) {
	    Tcl_DStringAppendElement(valuePtr, "-commit");
	    Tcl_DStringAppendElement(valuePtr, value);
	}
	return TCL_OK;
    }
    if (!(chanPtr->flags & DP_FS_FOR_WRITE)) {
	return Tcl_BadChannelOption(interp, option, "");
    }
    if (strcmp(option, "-commit") != 0) {
	return Tcl_BadChannelOption(interp, option, "commit");
    }
    Tcl_DStringAppend(valuePtr, value, -1);
    return TCL_OK;
}

/* The object that stands for the channel dies with it. */
static void
ForgetOwner(DpFsChan *chanPtr)
{
    Tcl_Interp *interp = chanPtr->dpPtr->interp;
    char *owner = chanPtr->owner;
    Tcl_InterpState state;

    chanPtr->owner = NULL;
    if (owner != NULL && interp != NULL && !Tcl_InterpDeleted(interp)) {
	state = Tcl_SaveInterpState(interp, TCL_OK);
	Tcl_DeleteCommand(interp, owner);
	Tcl_RestoreInterpState(interp, state);
    }
    DpFree(owner);
}

/*
 * What is written becomes the target here. A blocking channel waits for that,
 * one that does not block tells an error in the background. Nothing is
 * committed once the interpreter is on its way out.
 */
static int
FileCloseProc(ClientData clientData, Tcl_Interp *interp)
{
    DpFsChan *chanPtr = clientData;
    Tcl_Interp *ours = chanPtr->dpPtr->interp;
    int error = 0;

    if (chanPtr->thread != Tcl_GetCurrentThread()) {
	/* Its thread holds what it points to: all of it stays. */
	return 0;
    }
    DpTaskStop(&chanPtr->task);
    chanPtr->watched = 0;
    if (ours == NULL || Tcl_InterpDeleted(ours)) {
	chanPtr->commit = false;
    }
    chanPtr->waited = chanPtr->blocking && chanPtr->flags & DP_FS_FOR_WRITE
	    && ours != NULL && !Tcl_InterpDeleted(ours);
    chanPtr->closing = true;
    chanPtr->channel = NULL;
    DpFsReadEnd(chanPtr);
    ForgetOwner(chanPtr);
    DpFsChanLeave(chanPtr);
    DpFsChanWake(chanPtr);
    if (chanPtr->waited) {
	DpFsChanWaitFor(chanPtr, HasEnded);
	error = chanPtr->error;
	if (error != 0 && interp != NULL) {
	    Tcl_SetChannelErrorInterp(interp,
		    DpFsChanErrorObj(&chanPtr->why));
	}
    }
    if (chanPtr->closed != NULL) {
	chanPtr->closed(chanPtr->closedData, error, &chanPtr->why);
    }
    DpFsChanDrop(chanPtr);
    return error;
}

static int
FileGetHandleProc(ClientData clientData, int direction, ClientData *handlePtr)
{
    (void) clientData;
    (void) direction;
    (void) handlePtr;
    return TCL_ERROR;
}

static void
FileThreadActionProc(ClientData clientData, int action)
{
    DpFsChan *chanPtr = clientData;

    if (chanPtr->thread != Tcl_GetCurrentThread()) {
	return;
    }
    if (action == TCL_CHANNEL_THREAD_REMOVE) {
	if (!chanPtr->closing) {
	    DpTaskStop(&chanPtr->task);
	}
    } else {
	DpFsChanCheck(chanPtr);
    }
}

static const Tcl_ChannelType fileType = {
    "deployer-file",
    TCL_CHANNEL_VERSION_5,
    FileCloseProc,
    FileInputProc,
    FileOutputProc,
    FileSeekProc,
    FileSetOptionProc,
    FileGetOptionProc,
    FileWatchProc,
    FileGetHandleProc,
    NULL,                       /* close2: a file has no two sides */
    FileBlockModeProc,
    NULL,                       /* flush */
    NULL,                       /* handler */
    FileWideSeekProc,
    FileThreadActionProc,
    FileTruncateProc
};

/* --- making one --- */

void
DpFsChanMake(DpFsChan *chanPtr)
{
    size_t size = chanPtr->fsPtr->block;
    char name[DP_CHANNEL_NAME];

    DpChannelName(chanPtr->dpPtr, "hostfile", chanPtr, name);
    chanPtr->thread = Tcl_GetCurrentThread();
    chanPtr->refCount++;
    chanPtr->channel = Tcl_CreateChannel(&fileType, name, chanPtr,
	    (chanPtr->flags & DP_FS_FOR_READ ? TCL_READABLE : 0)
	    | (chanPtr->flags & DP_FS_FOR_WRITE ? TCL_WRITABLE : 0));
    Tcl_SetChannelBufferSize(chanPtr->channel, size < MIN_BUFFER ? MIN_BUFFER
	    : size > MAX_BUFFER ? MAX_BUFFER : (int) size);
}

DpFsChan *
DpFsChanOf(Tcl_Channel channel)
{
    /* Below what was pushed on it. */
    for (; channel != NULL; channel = Tcl_GetStackedChannel(channel)) {
	if (Tcl_GetChannelType(channel) == &fileType) {
	    return Tcl_GetChannelInstanceData(channel);
	}
    }
    return NULL;
}

void
DpFsChanAbort(Tcl_Channel channel)
{
    DpFsChan *chanPtr = DpFsChanOf(channel);

    if (chanPtr != NULL) {
	chanPtr->commit = false;
    }
}

void
DpFsChanFollow(Tcl_Channel channel, DpSpan *spanPtr)
{
    DpFsChan *chanPtr = DpFsChanOf(channel);

    if (chanPtr == NULL) {
	return;
    }
    DpSpanHold(spanPtr);
    if (chanPtr->spanPtr != NULL) {
	DpSpanDrop(chanPtr->spanPtr);
    }
    chanPtr->spanPtr = spanPtr;
}

void
DpFsChanOnClose(Tcl_Channel channel, DpFsChanClosed *closed,
	void *clientData)
{
    DpFsChan *chanPtr = DpFsChanOf(channel);

    if (chanPtr != NULL) {
	chanPtr->closed = closed;
	chanPtr->closedData = clientData;
    }
}

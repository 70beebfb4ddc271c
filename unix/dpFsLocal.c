/*
 * dpFsLocal.c -- the files of this machine, by system calls in worker threads.
 *
 * Layer L2. Operations on paths run side by side, in no order. Those on one
 * file keep theirs, as on a server that takes one after the other; reads run
 * side by side, and so do writes to different places.
 */

#include "dpFsLocal.h"

#include "dpFsQueue.h"
#include "dpFsWork.h"

#include <errno.h>

#define BLOCK (256 * 1024)
#define DEPTH 8

typedef struct File File;

/* An operation that has not been answered. */
typedef struct Op {
    DpFsTurn turn;              /* first; in the queue of its file, or of fs */
    DpFsOp *opPtr;
    DpFsWork *workPtr;          /* held */
    DpJob *jobPtr;              /* NULL: no thread has it */
    File *filePtr;              /* NULL: it has a path */
    DpWatch watch;              /* until a stream is ready */
    bool inReply;               /* more of a LIST is being told */
} Op;

struct File {
    DpFsFile base;
    File *nextPtr, **prevLinkPtr;
    DpFsQueue queue;
    DpFsFd *fdPtr;              /* held */
    bool dropped;               /* to be freed after the last of queue ... */
    int busy;                   /* ... but not while somebody is at it */
};

typedef struct Local {
    DpFs base;
    DpFsQueue queue;            /* with paths; each is started at once */
    File *files;
} Local;

static DpFsQueue *
QueueOf(Op *opPtr)
{
    return opPtr->filePtr != NULL ? &opPtr->filePtr->queue
	    : &((Local *) opPtr->opPtr->fsPtr)->queue;
}

static void
FreeOp(Op *opPtr)
{
    DpWatchStop(&opPtr->watch);
    DpFsWorkDrop(opPtr->workPtr);
    DpFree(opPtr);
}

/* --- files --- */

static File *
NewFile(Local *localPtr, DpFsFd *fdPtr)
{
    File *filePtr = DpAlloc(sizeof(*filePtr));

    DpFsFileInit(&filePtr->base, &localPtr->base);
    DpFsQueueInit(&filePtr->queue);
    filePtr->queue.serial = fdPtr->stream;
    filePtr->queue.append = fdPtr->append;
    atomic_fetch_add(&fdPtr->refCount, 1);
    filePtr->fdPtr = fdPtr;
    filePtr->nextPtr = localPtr->files;
    if (filePtr->nextPtr != NULL) {
	filePtr->nextPtr->prevLinkPtr = &filePtr->nextPtr;
    }
    filePtr->prevLinkPtr = &localPtr->files;
    localPtr->files = filePtr;
    return filePtr;
}

/* Frees a file that nobody has any more once all is done. */
static void
CheckFile(File *filePtr)
{
    if (!filePtr->dropped || filePtr->busy > 0
	    || filePtr->queue.firstPtr != NULL) {
	return;
    }
    *filePtr->prevLinkPtr = filePtr->nextPtr;
    if (filePtr->nextPtr != NULL) {
	filePtr->nextPtr->prevLinkPtr = filePtr->prevLinkPtr;
    }
    DpFsFdDrop(filePtr->fdPtr);
    DpFsFileDone(&filePtr->base);
    DpFree(filePtr);
}

static void
CloseFile(DpFsFile *basePtr)
{
    File *filePtr = (File *) basePtr;

    filePtr->dropped = true;
    CheckFile(filePtr);
}

/* --- threads --- */

static void JobDone(void *clientData, void *data);

static void
StartOp(Op *opPtr)
{
    atomic_fetch_add(&opPtr->workPtr->refCount, 1);
    opPtr->jobPtr = DpJobStart(opPtr->opPtr->fsPtr->loopPtr, DpFsWorkRun,
	    JobDone, DpFsWorkDrop, opPtr->workPtr, opPtr);
}

/* Starts what can be started of a file's operations. */
static void
Schedule(File *filePtr)
{
    DpFsTurn *turnPtr;

    while ((turnPtr = DpFsQueueNext(&filePtr->queue)) != NULL) {
	StartOp((Op *) turnPtr);
    }
}

static void
StreamReady(void *clientData, int mask)
{
    Op *opPtr = clientData;

    (void) mask;
    DpWatchStop(&opPtr->watch);
    StartOp(opPtr);
}

/* Tells a part of a LIST and goes on with it. */
static void
TellMore(Op *opPtr, DpFsReply *replyPtr)
{
    replyPtr->more = true;
    opPtr->inReply = true;
    DpFsReplyTo(opPtr->opPtr, replyPtr);
    opPtr->inReply = false;
    if (opPtr->opPtr == NULL) {
	/* The file system was shut in there. */
	FreeOp(opPtr);
    } else if (opPtr->opPtr->done == NULL) {
	DpFsOp *fsOpPtr = opPtr->opPtr;

	DpFsQueueTake(QueueOf(opPtr), &opPtr->turn);
	FreeOp(opPtr);
	DpFsReplyError(fsOpPtr, ECONNABORTED, NULL);
    } else {
	StartOp(opPtr);
    }
}

static void
JobDone(void *clientData, void *data)
{
    Op *opPtr = clientData;
    DpFsWork *workPtr = data;
    DpFsOp *fsOpPtr = opPtr->opPtr;
    Local *localPtr = (Local *) fsOpPtr->fsPtr;
    File *filePtr = opPtr->filePtr;
    DpFsReply reply = {
	.error = workPtr->error, .attr = workPtr->attr,
	.bytes = workPtr->bytes, .count = workPtr->count,
	.entries = workPtr->entries, .numEntries = workPtr->numEntries,
	.space = workPtr->space
    };

    opPtr->jobPtr = NULL;
    if (workPtr->again && fsOpPtr->done != NULL) {
	DpWatchStart(localPtr->base.loopPtr, &opPtr->watch,
		workPtr->fdPtr->fd, workPtr->request.kind == DP_FS_READ
		? DP_READABLE : DP_WRITABLE, StreamReady, opPtr);
	return;
    }
    if (workPtr->more && workPtr->error == 0) {
	TellMore(opPtr, &reply);
	return;
    }
    DpFsQueueTake(QueueOf(opPtr), &opPtr->turn);
    if (workPtr->request.kind == DP_FS_OPEN && workPtr->error == 0) {
	reply.filePtr = &NewFile(localPtr, workPtr->fdPtr)->base;
    }
    if (filePtr != NULL) {
	Schedule(filePtr);
	filePtr->busy++;
    }
    DpFsReplyTo(fsOpPtr, &reply);
    FreeOp(opPtr);
    if (filePtr != NULL) {
	/* It holds the file system. */
	filePtr->busy--;
	CheckFile(filePtr);
    }
}

/* --- the kind --- */

static bool
SubmitLocal(DpFs *fsPtr, DpFsOp *fsOpPtr)
{
    const DpFsRequest *requestPtr = &fsOpPtr->request;
    File *filePtr = (File *) requestPtr->filePtr;
    Op *opPtr = DpAlloc(sizeof(*opPtr));

    (void) fsPtr;
    opPtr->opPtr = fsOpPtr;
    opPtr->filePtr = filePtr;
    opPtr->workPtr = DpFsWorkNew(requestPtr,
	    filePtr != NULL ? filePtr->fdPtr : NULL);
    fsOpPtr->data = opPtr;
    DpFsQueueAdd(QueueOf(opPtr), &opPtr->turn, requestPtr);
    if (filePtr == NULL) {
	StartOp(opPtr);
	return true;
    }
    if (requestPtr->kind == DP_FS_CLOSE) {
	filePtr->dropped = true;
    }
    Schedule(filePtr);
    return true;
}

/* A stream that never gets ready is not waited for any more. */
static void
CancelledLocal(DpFs *fsPtr, DpFsOp *fsOpPtr)
{
    Op *opPtr = fsOpPtr->data;

    (void) fsPtr;
    if (opPtr != NULL && opPtr->watch.loopPtr != NULL) {
	StreamReady(opPtr, 0);
    }
}

static void
ShutQueue(DpFsQueue *queuePtr)
{
    Op *opPtr;

    while ((opPtr = (Op *) queuePtr->firstPtr) != NULL) {
	DpFsOp *fsOpPtr = opPtr->opPtr;

	if (opPtr->jobPtr != NULL) {
	    DpJobCancel(opPtr->jobPtr);
	}
	DpFsQueueTake(queuePtr, &opPtr->turn);
	opPtr->opPtr = NULL;
	if (!opPtr->inReply) {
	    FreeOp(opPtr);
	}
	DpFsReplyError(fsOpPtr, ECONNABORTED, NULL);
    }
}

static void
ShutLocal(DpFs *fsPtr)
{
    Local *localPtr = (Local *) fsPtr;
    File *filePtr;

    ShutQueue(&localPtr->queue);
    /* What is called may drop any file: begin anew each time. */
    do {
	for (filePtr = localPtr->files; filePtr != NULL
		&& filePtr->queue.firstPtr == NULL;
		filePtr = filePtr->nextPtr) {
	    continue;
	}
	if (filePtr != NULL) {
	    filePtr->busy++;
	    ShutQueue(&filePtr->queue);
	    filePtr->busy--;
	    CheckFile(filePtr);
	}
    } while (filePtr != NULL);
}

static void
FreeLocal(DpFs *fsPtr)
{
    DpFree(fsPtr);
}

static const DpFsType localType = {
    .name = "local",
    .submit = SubmitLocal,
    .cancelled = CancelledLocal,
    .closeFile = CloseFile,
    .shut = ShutLocal,
    .free = FreeLocal,
};

DpFs *
DpFsLocalNew(DpLoop *loopPtr, const char *slug)
{
    Local *localPtr = DpAlloc(sizeof(*localPtr));

    DpFsInit(&localPtr->base, &localType, loopPtr, slug);
    localPtr->base.block = BLOCK;
    localPtr->base.depth = DEPTH;
    localPtr->base.native = true;
    DpFsQueueInit(&localPtr->queue);
    return &localPtr->base;
}

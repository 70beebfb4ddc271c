/*
 * dpFsWhole.c -- whole files, loaded and stored by several operations.
 *
 * Layer L2. For kinds of file systems that have no shorter way. A file that
 * fits into one block costs two round trips to load and three to store.
 */

#include "dpFs.h"

#include <errno.h>

/* A file that does not tell its size, as in /proc, is read in such steps. */
#define STEP (32 * 1024)

#define TYPE_MASK 0170000u
#define TYPE_DIR  0040000u
#define TYPE_FILE 0100000u

typedef struct Whole Whole;

/* One operation of those that make up the whole. */
typedef struct Part {
    struct Part *nextPtr, **prevLinkPtr;
    Whole *wholePtr;
    DpFsOp *opPtr;
    void (*done)(Whole *wholePtr, const struct Part *partPtr,
	    const DpFsReply *replyPtr);
    uint64_t offset;            /* READ */
    size_t count;
} Part;

struct Whole {
    DpFsOp *opPtr;              /* what is asked for; it holds fs */
    DpFs *fsPtr;
    void (*step)(Whole *wholePtr); /* after each answer: goes on, if it can */
    DpFsFile *filePtr;          /* open, ours to close */
    Part *parts;                /* under way */
    int numParts;
    int error;                  /* the first one ... */
    char *message;              /* ... and more about it, or NULL */
    unsigned char *bytes;       /* read, or a copy of what is to be written */
    size_t size;                /* LOAD: of bytes */
    /* LOAD */
    DpFsAttr attr;
    bool checked;               /* the answer of FSTAT was looked at */
    bool noSize;                /* it tells no size: read until the end */
    uint64_t end;               /* the file's size, or where it ends */
    uint64_t next;              /* nothing behind it is asked for yet */
    /* STORE */
    const char *path;           /* that is written: request.path2, or path */
    bool made;                  /* there is something to be removed again */
};

/* --- parts --- */

static void
EndPart(Part *partPtr)
{
    *partPtr->prevLinkPtr = partPtr->nextPtr;
    if (partPtr->nextPtr != NULL) {
	partPtr->nextPtr->prevLinkPtr = partPtr->prevLinkPtr;
    }
    partPtr->wholePtr->numParts--;
    DpFree(partPtr);
}

static void
SetError(Whole *wholePtr, int error, const char *message)
{
    if (wholePtr->error == 0) {
	wholePtr->error = error;
	wholePtr->message = DpStrdup(message);
    }
}

/* The end; nothing is under way. */
static void
Finish(Whole *wholePtr)
{
    DpFsOp *opPtr = wholePtr->opPtr;
    DpFsReply reply = {
	.error = wholePtr->error, .message = wholePtr->message
    };

    DpFsFileDrop(wholePtr->filePtr);
    if (wholePtr->error == 0 && opPtr->request.kind == DP_FS_LOAD) {
	reply.attr = wholePtr->attr;
	reply.bytes = wholePtr->bytes;
	reply.count = (size_t) wholePtr->end;
    }
    DpFsReplyTo(opPtr, &reply);
    DpFree(wholePtr->message);
    DpFree(wholePtr->bytes);
    DpFree(wholePtr);
}

static void
PartDone(void *clientData, const DpFsReply *replyPtr)
{
    Part *partPtr = clientData;
    Whole *wholePtr = partPtr->wholePtr;

    if (replyPtr->error != 0) {
	SetError(wholePtr, replyPtr->error, replyPtr->message);
    } else if (partPtr->done != NULL) {
	partPtr->done(wholePtr, partPtr, replyPtr);
    }
    EndPart(partPtr);
    wholePtr->step(wholePtr);
    if (wholePtr->numParts == 0) {
	Finish(wholePtr);
    }
}

static void
Submit(Whole *wholePtr, const DpFsRequest *requestPtr,
	void (*done)(Whole *wholePtr, const Part *partPtr,
		const DpFsReply *replyPtr))
{
    Part *partPtr = DpAlloc(sizeof(*partPtr));

    partPtr->wholePtr = wholePtr;
    partPtr->done = done;
    partPtr->offset = requestPtr->offset;
    partPtr->count = requestPtr->count;
    partPtr->nextPtr = wholePtr->parts;
    if (partPtr->nextPtr != NULL) {
	partPtr->nextPtr->prevLinkPtr = &partPtr->nextPtr;
    }
    partPtr->prevLinkPtr = &wholePtr->parts;
    wholePtr->parts = partPtr;
    wholePtr->numParts++;
    partPtr->opPtr = DpFsSubmit(wholePtr->fsPtr, requestPtr, PartDone,
	    partPtr);
}

static void
OpenDone(Whole *wholePtr, const Part *partPtr, const DpFsReply *replyPtr)
{
    (void) partPtr;
    wholePtr->filePtr = replyPtr->filePtr;
}

/* --- LOAD --- */

/* Room for so many bytes, and for the NUL behind them. */
static void
Reserve(Whole *wholePtr, size_t size)
{
    if (size >= wholePtr->size) {
	wholePtr->size = size + 1;
	wholePtr->bytes = DpRealloc(wholePtr->bytes, wholePtr->size);
    }
}

static void
StatDone(Whole *wholePtr, const Part *partPtr, const DpFsReply *replyPtr)
{
    (void) partPtr;
    wholePtr->attr = replyPtr->attr;
}

static void
ReadDone(Whole *wholePtr, const Part *partPtr, const DpFsReply *replyPtr);

static void
SubmitRead(Whole *wholePtr, uint64_t offset, size_t count)
{
    DpFsRequest request = {
	.kind = DP_FS_READ, .filePtr = wholePtr->filePtr, .offset = offset,
	.count = count
    };

    Reserve(wholePtr, (size_t) offset + count);
    Submit(wholePtr, &request, ReadDone);
}

/* Fewer bytes than were asked for are no end: the rest is asked for anew. */
static void
ReadDone(Whole *wholePtr, const Part *partPtr, const DpFsReply *replyPtr)
{
    size_t count = replyPtr->count;
    uint64_t end;

    if (count > partPtr->count) {
	count = partPtr->count;
    }
    end = partPtr->offset + count;
    if (count > 0) {
	memcpy(wholePtr->bytes + partPtr->offset, replyPtr->bytes, count);
    }
    if (!wholePtr->checked || wholePtr->noSize) {
	/* There is one of them at a time. */
	wholePtr->next = end;
	if (count == 0) {
	    wholePtr->noSize = false;
	    wholePtr->end = end;
	}
    } else if (count == 0) {
	/* It became shorter meanwhile. */
	if (end < wholePtr->end) {
	    wholePtr->end = end;
	}
    } else if (count < partPtr->count && end < wholePtr->end) {
	SubmitRead(wholePtr, end, partPtr->count - count);
    }
}

/* FSTAT and the first READ have answered. */
static void
CheckLoad(Whole *wholePtr)
{
    const DpFsAttr *attrPtr = &wholePtr->attr;

    wholePtr->checked = true;
    if ((attrPtr->has & DP_FS_MODE)
	    && (attrPtr->mode & TYPE_MASK) != TYPE_FILE) {
	SetError(wholePtr, (attrPtr->mode & TYPE_MASK) == TYPE_DIR ? EISDIR
		: EINVAL, NULL);
    } else if ((attrPtr->has & DP_FS_SIZE) && attrPtr->size > 0) {
	wholePtr->end = attrPtr->size;
	if (wholePtr->end > wholePtr->opPtr->request.count) {
	    SetError(wholePtr, EFBIG, NULL);
	}
    } else {
	wholePtr->noSize = wholePtr->next > 0;
	wholePtr->end = wholePtr->next;
    }
}

static void
LoadStep(Whole *wholePtr)
{
    const size_t most = wholePtr->opPtr->request.count;
    const size_t block = wholePtr->fsPtr->block;

    if (wholePtr->opPtr->done == NULL) {
	SetError(wholePtr, ECONNABORTED, NULL);
    }
    if (wholePtr->filePtr == NULL || wholePtr->error != 0) {
	return;
    }
    if (!wholePtr->checked) {
	if (wholePtr->bytes == NULL) {
	    DpFsRequest request = {
		.kind = DP_FS_FSTAT, .filePtr = wholePtr->filePtr
	    };

	    Submit(wholePtr, &request, StatDone);
	    /* One more than there may be shows a file that is too large. */
	    SubmitRead(wholePtr, 0, most < block ? most + 1 : block);
	    return;
	}
	if (wholePtr->numParts > 0) {
	    return;
	}
	CheckLoad(wholePtr);
    }
    if (wholePtr->noSize) {
	if (wholePtr->next > most) {
	    SetError(wholePtr, EFBIG, NULL);
	} else if (wholePtr->error == 0) {
	    SubmitRead(wholePtr, wholePtr->next, STEP);
	}
	return;
    }
    while (wholePtr->error == 0 && wholePtr->next < wholePtr->end
	    && wholePtr->numParts < wholePtr->fsPtr->depth) {
	uint64_t left = wholePtr->end - wholePtr->next;
	size_t count = left < block ? (size_t) left : block;

	SubmitRead(wholePtr, wholePtr->next, count);
	wholePtr->next += count;
    }
}

/* --- STORE --- */

static void
SubmitPath(Whole *wholePtr, DpFsKind kind, const char *path,
	const char *path2, void (*done)(Whole *wholePtr, const Part *partPtr,
		const DpFsReply *replyPtr))
{
    DpFsRequest request = {.kind = kind, .path = path, .path2 = path2};

    Submit(wholePtr, &request, done);
}

static void
RenameDone(Whole *wholePtr, const Part *partPtr, const DpFsReply *replyPtr)
{
    (void) partPtr;
    (void) replyPtr;
    wholePtr->made = false;
}

/*
 * All that makes the file complete, at once: a server takes it in this order.
 * A new owner costs the set-uid bits, contents the times.
 */
static void
SubmitContents(Whole *wholePtr)
{
    const DpFsRequest *allPtr = &wholePtr->opPtr->request;
    const size_t block = wholePtr->fsPtr->block;
    DpFsRequest request = {.filePtr = wholePtr->filePtr};

    request.kind = DP_FS_WRITE;
    while (request.offset < allPtr->count) {
	request.bytes = wholePtr->bytes + request.offset;
	request.count = allPtr->count - (size_t) request.offset;
	if (request.count > block) {
	    request.count = block;
	}
	Submit(wholePtr, &request, NULL);
	request.offset += request.count;
    }
    request.bytes = NULL;
    request.count = 0;
    request.offset = 0;
    request.kind = DP_FS_FSETSTAT;
    request.attr = allPtr->attr;
    request.attr.has &= DP_FS_OWNER;
    if (request.attr.has != 0) {
	Submit(wholePtr, &request, NULL);
    }
    request.attr.has = allPtr->attr.has & DP_FS_TIMES;
    if (!(allPtr->flags & DP_FS_UMASK)) {
	request.attr.has |= allPtr->attr.has & DP_FS_MODE;
    }
    if (request.attr.has != 0) {
	Submit(wholePtr, &request, NULL);
    }
    request.kind = DP_FS_CLOSE;
    wholePtr->filePtr = NULL;
    Submit(wholePtr, &request, NULL);
    DpFree(wholePtr->bytes);
    wholePtr->bytes = NULL;
}

static void
StoreStep(Whole *wholePtr)
{
    const DpFsRequest *requestPtr = &wholePtr->opPtr->request;

    if (wholePtr->filePtr != NULL) {
	wholePtr->made = true;
	SubmitContents(wholePtr);
	return;
    }
    if (wholePtr->numParts > 0 || !wholePtr->made) {
	return;
    }
    if (wholePtr->opPtr->done == NULL) {
	SetError(wholePtr, ECONNABORTED, NULL);
    }
    if (wholePtr->error != 0) {
	wholePtr->made = false;
	SubmitPath(wholePtr, DP_FS_UNLINK, wholePtr->path, NULL, NULL);
    } else if (requestPtr->path2 != NULL) {
	SubmitPath(wholePtr, DP_FS_RENAME, wholePtr->path, requestPtr->path,
		RenameDone);
    }
}

void
DpFsWholeStart(DpFsOp *opPtr)
{
    const DpFsRequest *requestPtr = &opPtr->request;
    Whole *wholePtr = DpAlloc(sizeof(*wholePtr));
    DpFsRequest request = {.kind = DP_FS_OPEN, .path = requestPtr->path};

    wholePtr->opPtr = opPtr;
    wholePtr->fsPtr = opPtr->fsPtr;
    if (requestPtr->kind == DP_FS_LOAD) {
	wholePtr->step = LoadStep;
	request.flags = DP_FS_FOR_READ;
    } else {
	wholePtr->step = StoreStep;
	wholePtr->path = requestPtr->path2 != NULL ? requestPtr->path2
		: requestPtr->path;
	wholePtr->bytes = DpRealloc(NULL, requestPtr->count);
	if (requestPtr->count > 0) {
	    memcpy(wholePtr->bytes, requestPtr->bytes, requestPtr->count);
	}
	request.path = wholePtr->path;
	request.flags = DP_FS_FOR_WRITE | DP_FS_CREATE | DP_FS_EXCLUSIVE;
	/* Nobody else reads what is to be private, not even in between. */
	request.attr.has = requestPtr->attr.has & DP_FS_MODE;
	request.attr.mode = (requestPtr->flags & DP_FS_UMASK)
		? requestPtr->attr.mode & 0777 : 0600;
    }
    Submit(wholePtr, &request, OpenDone);
}

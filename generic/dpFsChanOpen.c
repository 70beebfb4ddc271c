/*
 * dpFsChanOpen.c -- opening a file for a channel.
 *
 * Layer L4. To read, or to write at the end: the file itself. To write
 * otherwise: a file beside it, see dpFsSave.h.
 */

#include "dpFsChanInt.h"

#include <errno.h>

#define TYPE_MASK 0170000
#define TYPE_DIR  0040000
#define TYPE_FILE 0100000

struct DpFsChanOpening {
    DpFsChan *chanPtr;          /* what will be the channel */
    int pending;                /* answers that are still to come */
    int error;
    DpError why;
    bool known;                 /* attr is */
    DpFsAttr attr;
    DpFsChanOpened *opened;     /* one of the two; none: cancelled */
    DpFsChanDone *done;
    void *clientData;
};

static void
SetError(DpFsChanOpening *openingPtr, const DpFsReply *replyPtr)
{
    DpFsChan *chanPtr = openingPtr->chanPtr;

    if (openingPtr->error == 0) {
	openingPtr->error = replyPtr->error;
	DpFsError(&openingPtr->why, chanPtr->fsPtr, replyPtr, "open",
		chanPtr->path);
    }
}

static void
Finish(DpFsChanOpening *openingPtr)
{
    DpFsChan *chanPtr = openingPtr->chanPtr;
    int error = openingPtr->error;
    const DpError *errPtr = error == 0 ? NULL : &openingPtr->why;

    chanPtr->openingPtr = NULL;
    if (openingPtr->opened != NULL) {
	openingPtr->opened(openingPtr->clientData, error == 0 ? chanPtr : NULL,
		error, errPtr);
    } else if (openingPtr->done != NULL && error != 0) {
	openingPtr->done(openingPtr->clientData, NULL, error, errPtr);
    } else if (openingPtr->done != NULL) {
	DpFsChanMake(chanPtr);
	openingPtr->done(openingPtr->clientData, chanPtr->channel, 0, NULL);
    }
    if (chanPtr->stopped
	    || (openingPtr->opened == NULL && openingPtr->done == NULL)) {
	/* Stopped or cancelled: what was made goes again. */
	DpFsChanDiscard(chanPtr);
    }
    /* The save or file goes with it where nobody has taken it. */
    DpFsChanDrop(chanPtr);
    DpErrorClear(&openingPtr->why);
    DpFree(openingPtr);
}

/* --- a file that is read, or written at its end --- */

static void
PlainReady(DpFsChanOpening *openingPtr)
{
    DpFsChan *chanPtr = openingPtr->chanPtr;
    uint32_t type = openingPtr->attr.mode & TYPE_MASK;
    DpFsReply reply = {.error = EISDIR};

    if (openingPtr->known && openingPtr->attr.has & DP_FS_MODE) {
	if (type == TYPE_DIR) {
	    /* A host may open it, and fail later in words of its own. */
	    openingPtr->error = 0;
	    DpErrorClear(&openingPtr->why);
	    SetError(openingPtr, &reply);
	} else if (type != TYPE_FILE) {
	    /* Reads of a device have an order. */
	    chanPtr->window = chanPtr->maxWindow = 1;
	} else if (openingPtr->attr.has & DP_FS_SIZE) {
	    chanPtr->hint = openingPtr->attr.size;
	}
    }
    if (chanPtr->appends) {
	chanPtr->end = chanPtr->pos = chanPtr->wrote = chanPtr->ahead =
		openingPtr->known ? openingPtr->attr.size : 0;
    }
    Finish(openingPtr);
}

static void
PlainKnown(void *clientData, const DpFsReply *replyPtr)
{
    DpFsChanOpening *openingPtr = clientData;

    openingPtr->known = replyPtr->error == 0;
    openingPtr->attr = replyPtr->attr;
    if (--openingPtr->pending == 0) {
	PlainReady(openingPtr);
    }
}

static void
PlainOpened(void *clientData, const DpFsReply *replyPtr)
{
    DpFsChanOpening *openingPtr = clientData;

    openingPtr->chanPtr->filePtr = replyPtr->filePtr;
    if (replyPtr->error != 0) {
	SetError(openingPtr, replyPtr);
    }
    if (--openingPtr->pending == 0) {
	PlainReady(openingPtr);
    }
}

/* Both questions at once: one round trip. */
static void
StartPlain(DpFsChanOpening *openingPtr, uint32_t permissions)
{
    DpFsChan *chanPtr = openingPtr->chanPtr;
    DpFsRequest stat = {.kind = DP_FS_STAT, .path = chanPtr->path};
    DpFsRequest open = {.kind = DP_FS_OPEN, .path = chanPtr->path,
	.flags = chanPtr->flags, .attr = {.has = DP_FS_MODE,
	.mode = permissions & 07777}};

    openingPtr->pending = 2;
    chanPtr->appends = chanPtr->flags & DP_FS_APPEND;
    DpFsSubmit(chanPtr->fsPtr, &stat, PlainKnown, openingPtr);
    DpFsSubmit(chanPtr->fsPtr, &open, PlainOpened, openingPtr);
}

/* --- a file that will be replaced --- */

static void
EndKnown(void *clientData, const DpFsReply *replyPtr)
{
    DpFsChanOpening *openingPtr = clientData;
    DpFsChan *chanPtr = openingPtr->chanPtr;

    if (replyPtr->error != 0) {
	SetError(openingPtr, replyPtr);
    } else {
	chanPtr->pos = chanPtr->end = chanPtr->ahead = replyPtr->attr.size;
	chanPtr->hint = replyPtr->attr.size;
    }
    Finish(openingPtr);
}

static void
SaveOpened(void *clientData, int error, const DpError *errPtr)
{
    DpFsChanOpening *openingPtr = clientData;
    DpFsChan *chanPtr = openingPtr->chanPtr;
    const DpFsAttr *oldPtr = DpFsSaveTarget(chanPtr->savePtr);

    if (error != 0) {
	openingPtr->error = error;
	DpErrorCopy(&openingPtr->why, errPtr);
    } else {
	chanPtr->filePtr = DpFsSaveFile(chanPtr->savePtr);
	chanPtr->hint = 0;
	if (DpFsSaveInPlace(chanPtr->savePtr)) {
	    chanPtr->hint = UINT64_MAX;
	    chanPtr->window = chanPtr->maxWindow = 1;
	} else if (chanPtr->lazy && oldPtr->has & DP_FS_SIZE) {
	    chanPtr->hint = oldPtr->size;
	}
	/* What does not exist yet shall, also if nothing is written. */
	chanPtr->lazy = chanPtr->lazy && oldPtr->has != 0;
    }
    if (error == 0 && chanPtr->flags & DP_FS_AT_END && chanPtr->lazy) {
	DpFsRequest request = {.kind = DP_FS_FSTAT,
	    .filePtr = chanPtr->filePtr};

	DpFsSubmit(chanPtr->fsPtr, &request, EndKnown, openingPtr);
	return;
    }
    Finish(openingPtr);
}

static void
StartSave(DpFsChanOpening *openingPtr, uint32_t permissions)
{
    DpFsChan *chanPtr = openingPtr->chanPtr;
    unsigned flags = chanPtr->flags;
    DpFsSaveSpec spec = {.path = chanPtr->path, .mode = permissions};

    if (flags & DP_FS_FOR_READ) {
	spec.flags |= DP_SAVE_READ;
    }
    if (!(flags & DP_FS_CREATE)) {
	spec.flags |= DP_SAVE_EXISTING;
    } else if (flags & DP_FS_EXCLUSIVE) {
	spec.flags |= DP_SAVE_EXCLUSIVE;
    }
    if (!(flags & DP_FS_TRUNCATE) && !(spec.flags & DP_SAVE_EXCLUSIVE)) {
	spec.flags |= DP_SAVE_COPY;
	chanPtr->lazy = true;
    }
    chanPtr->savePtr = DpFsSaveStart(chanPtr->fsPtr, &spec, SaveOpened,
	    openingPtr);
}

/* --- both --- */

DpFsChanOpening *
DpFsChanStart(DpInterp *dpPtr, DpFs *fsPtr, const char *path, unsigned flags,
	uint32_t permissions, DpFsChanOpened *opened, void *clientData)
{
    DpFsChanOpening *openingPtr = DpAlloc(sizeof(*openingPtr));

    openingPtr->chanPtr = DpFsChanNew(dpPtr, fsPtr, path, flags);
    openingPtr->chanPtr->openingPtr = openingPtr;
    openingPtr->opened = opened;
    openingPtr->clientData = clientData;
    if (flags & DP_FS_FOR_WRITE
	    && (!(flags & DP_FS_APPEND) || flags & DP_FS_TRUNCATE)) {
	StartSave(openingPtr, permissions);
    } else {
	StartPlain(openingPtr, permissions);
    }
    return openingPtr;
}

DpFsChanOpening *
DpFsChanOpen(DpInterp *dpPtr, DpFs *fsPtr, const char *path, unsigned flags,
	uint32_t permissions, DpFsChanDone *done, void *clientData)
{
    DpFsChanOpening *openingPtr = DpFsChanStart(dpPtr, fsPtr, path, flags,
	    permissions, NULL, clientData);

    openingPtr->done = done;
    return openingPtr;
}

void
DpFsChanStopOpening(DpFsChanOpening *openingPtr, const DpFsReply *replyPtr)
{
    openingPtr->chanPtr->stopped = true;
    SetError(openingPtr, replyPtr);
}

void
DpFsChanCancel(DpFsChanOpening *openingPtr)
{
    openingPtr->opened = NULL;
    openingPtr->done = NULL;
}

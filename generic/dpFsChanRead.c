/*
 * dpFsChanRead.c -- reading ahead of a channel.
 *
 * Layer L4. Blocks are asked for in the order of the file and stand in a list;
 * how many there are grows as long as the file is read without a jump.
 */

#include "dpFsChanInt.h"

static void AskBlock(DpFsBlock *blockPtr);

/* --- blocks --- */

static DpFsBlock *
NewBlock(DpFsChan *chanPtr)
{
    DpFsBlock *blockPtr = chanPtr->sparePtr;

    if (blockPtr != NULL) {
	chanPtr->sparePtr = blockPtr->nextPtr;
    } else {
	blockPtr = DpRealloc(NULL, sizeof(*blockPtr) + chanPtr->fsPtr->block);
    }
    memset(blockPtr, 0, sizeof(*blockPtr));
    blockPtr->chanPtr = chanPtr;
    return blockPtr;
}

/* The first block goes; its memory is kept for the next. */
static void
DropFirst(DpFsChan *chanPtr)
{
    DpFsBlock *blockPtr = chanPtr->firstPtr;

    if (blockPtr->opPtr != NULL) {
	DpFsCancel(blockPtr->opPtr);
    }
    DpErrorClear(&blockPtr->why);
    chanPtr->firstPtr = blockPtr->nextPtr;
    if (chanPtr->firstPtr == NULL) {
	chanPtr->lastPtr = NULL;
    }
    chanPtr->numBlocks--;
    blockPtr->nextPtr = chanPtr->sparePtr;
    chanPtr->sparePtr = blockPtr;
}

static void
BlockDone(void *clientData, const DpFsReply *replyPtr)
{
    DpFsBlock *blockPtr = clientData;
    DpFsChan *chanPtr = blockPtr->chanPtr;
    size_t left = blockPtr->want - blockPtr->got;
    size_t count = replyPtr->count < left ? replyPtr->count : left;

    blockPtr->opPtr = NULL;
    if (replyPtr->error != 0) {
	blockPtr->error = replyPtr->error;
	DpFsError(&blockPtr->why, chanPtr->fsPtr, replyPtr, "read",
		chanPtr->path);
    } else if (count == 0) {
	blockPtr->eof = true;
    } else {
	memcpy(blockPtr->bytes + blockPtr->got, replyPtr->bytes, count);
	blockPtr->got += count;
	if (blockPtr->got < blockPtr->want) {
	    /* Short, which is no end: there may be more. */
	    AskBlock(blockPtr);
	} else if (blockPtr->offset >= chanPtr->hint) {
	    /* It has grown by a whole block. */
	    chanPtr->hint = UINT64_MAX;
	}
    }
    DpFsChanCheck(chanPtr);
}

static void
AskBlock(DpFsBlock *blockPtr)
{
    DpFsChan *chanPtr = blockPtr->chanPtr;
    DpFsRequest request = {.kind = DP_FS_READ, .filePtr = chanPtr->filePtr,
	.offset = blockPtr->offset + blockPtr->got,
	.count = blockPtr->want - blockPtr->got};

    blockPtr->opPtr = DpFsSubmit(chanPtr->fsPtr, &request, BlockDone,
	    blockPtr);
}

void
DpFsReadAhead(DpFsChan *chanPtr)
{
    while (chanPtr->numBlocks < chanPtr->window && chanPtr->filePtr != NULL) {
	DpFsBlock *lastPtr = chanPtr->lastPtr, *blockPtr;
	uint64_t offset = chanPtr->ahead;
	size_t want = chanPtr->fsPtr->block;

	if (lastPtr != NULL && (lastPtr->eof || lastPtr->error != 0
		|| lastPtr->offset >= chanPtr->hint)) {
	    /* One look behind what should be the end is enough. */
	    return;
	}
	if (offset < chanPtr->hint && chanPtr->hint - offset < want) {
	    want = (size_t) (chanPtr->hint - offset);
	}
	blockPtr = NewBlock(chanPtr);
	blockPtr->offset = offset;
	blockPtr->want = want;
	if (lastPtr == NULL) {
	    chanPtr->firstPtr = blockPtr;
	} else {
	    lastPtr->nextPtr = blockPtr;
	}
	chanPtr->lastPtr = blockPtr;
	chanPtr->numBlocks++;
	chanPtr->ahead += want;
	AskBlock(blockPtr);
    }
}

/* --- what the channel takes --- */

bool
DpFsReadReady(const DpFsChan *chanPtr)
{
    const DpFsBlock *blockPtr = chanPtr->firstPtr;

    return blockPtr != NULL && (blockPtr->got > blockPtr->used
	    || blockPtr->eof || blockPtr->error != 0);
}

int
DpFsReadTake(DpFsChan *chanPtr, char *bytes, int size, int *errorPtr)
{
    int taken = 0;

    while (taken < size && DpFsReadReady(chanPtr)) {
	DpFsBlock *blockPtr = chanPtr->firstPtr;
	size_t count = blockPtr->got - blockPtr->used;

	if (count == 0 && taken > 0) {
	    return taken;
	}
	if (count == 0) {
	    /* The end or an error: a further read looks again. */
	    if (blockPtr->error != 0) {
		Tcl_SetChannelError(chanPtr->channel,
			DpFsChanErrorObj(&blockPtr->why));
		*errorPtr = blockPtr->error;
		taken = -1;
	    }
	    DpFsReadDrop(chanPtr);
	    return taken;
	}
	if (count > (size_t) (size - taken)) {
	    count = (size_t) (size - taken);
	}
	memcpy(bytes + taken, blockPtr->bytes + blockPtr->used, count);
	blockPtr->used += count;
	taken += (int) count;
	chanPtr->bytes += count;
	chanPtr->pos += count;
	if (blockPtr->used == blockPtr->want) {
	    DropFirst(chanPtr);
	    if (chanPtr->window < chanPtr->maxWindow) {
		chanPtr->window = chanPtr->window * 2 < chanPtr->maxWindow
			? chanPtr->window * 2 : chanPtr->maxWindow;
	    }
	    DpFsReadAhead(chanPtr);
	}
    }
    return taken;
}

void
DpFsReadDrop(DpFsChan *chanPtr)
{
    while (chanPtr->firstPtr != NULL) {
	DropFirst(chanPtr);
    }
    chanPtr->ahead = chanPtr->pos;
}

void
DpFsReadSeek(DpFsChan *chanPtr)
{
    DpFsBlock *blockPtr = chanPtr->firstPtr;
    uint64_t pos = chanPtr->pos;

    while (blockPtr != NULL && pos >= blockPtr->offset + blockPtr->want
	    && !blockPtr->eof && blockPtr->error == 0) {
	DropFirst(chanPtr);
	blockPtr = chanPtr->firstPtr;
    }
    if (blockPtr != NULL && pos >= blockPtr->offset
	    && pos - blockPtr->offset <= blockPtr->got) {
	blockPtr->used = (size_t) (pos - blockPtr->offset);
	return;
    }
    if (blockPtr != NULL || pos != chanPtr->ahead) {
	DpFsReadDrop(chanPtr);
	chanPtr->window = 1;
    }
}

void
DpFsReadEnd(DpFsChan *chanPtr)
{
    DpFsReadDrop(chanPtr);
    while (chanPtr->sparePtr != NULL) {
	DpFsBlock *blockPtr = chanPtr->sparePtr;

	chanPtr->sparePtr = blockPtr->nextPtr;
	DpFree(blockPtr);
    }
}

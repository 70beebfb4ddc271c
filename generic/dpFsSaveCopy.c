/*
 * dpFsSaveCopy.c -- a save that begins with what its target holds.
 *
 * Layer L2. Each slot carries one block after the other, so many at once.
 */

#include "dpFsSaveInt.h"

static void NextBlock(DpSaveSlot *slotPtr);

/* One way of all slots: no more is under way. */
static void
SlotEnded(DpFsSave *savePtr)
{
    DpFsFile *sourcePtr = savePtr->sourcePtr;

    if (--savePtr->running > 0) {
	return;
    }
    savePtr->sourcePtr = NULL;
    DpFsFileDrop(sourcePtr);
    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (savePtr->error != 0) {
	DpSaveTell(savePtr);
    } else {
	DpSaveOpened(savePtr);
    }
}

static void ReadBlock(DpSaveSlot *slotPtr);

static void
BlockWritten(void *clientData, const DpFsReply *replyPtr)
{
    DpSaveSlot *slotPtr = clientData;
    DpFsSave *savePtr = slotPtr->savePtr;

    if (replyPtr->error != 0) {
	DpSaveSetFailure(savePtr, replyPtr);
	SlotEnded(savePtr);
	return;
    }
    slotPtr->offset += slotPtr->count;
    slotPtr->left -= slotPtr->count;
    if (slotPtr->left > 0) {
	/* A short read: there may be more of the block. */
	ReadBlock(slotPtr);
    } else {
	NextBlock(slotPtr);
    }
}

static void
BlockRead(void *clientData, const DpFsReply *replyPtr)
{
    DpSaveSlot *slotPtr = clientData;
    DpFsSave *savePtr = slotPtr->savePtr;
    DpFsRequest request = {.kind = DP_FS_WRITE, .filePtr = savePtr->filePtr,
	.offset = slotPtr->offset, .bytes = replyPtr->bytes,
	.count = replyPtr->count};

    if (replyPtr->error != 0) {
	DpSaveSetFailure(savePtr, replyPtr);
    } else if (replyPtr->count == 0) {
	savePtr->copyEof = true;
    }
    if (replyPtr->error != 0 || replyPtr->count == 0 || savePtr->aborting) {
	SlotEnded(savePtr);
	return;
    }
    slotPtr->count = replyPtr->count;
    DpFsSubmit(savePtr->fsPtr, &request, BlockWritten, slotPtr);
}

static void
ReadBlock(DpSaveSlot *slotPtr)
{
    DpFsSave *savePtr = slotPtr->savePtr;
    DpFsRequest request = {.kind = DP_FS_READ, .filePtr = savePtr->sourcePtr,
	.offset = slotPtr->offset, .count = slotPtr->left};

    DpFsSubmit(savePtr->fsPtr, &request, BlockRead, slotPtr);
}

static void
NextBlock(DpSaveSlot *slotPtr)
{
    DpFsSave *savePtr = slotPtr->savePtr;

    if (savePtr->copyEof || savePtr->error != 0 || savePtr->aborting) {
	SlotEnded(savePtr);
	return;
    }
    slotPtr->offset = savePtr->offset;
    slotPtr->left = savePtr->fsPtr->block;
    savePtr->offset += slotPtr->left;
    ReadBlock(slotPtr);
}

void
DpSaveSourceOpened(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    int slots = savePtr->fsPtr->depth;
    uint64_t blocks = savePtr->old.size / savePtr->fsPtr->block + 2;

    savePtr->sourcePtr = replyPtr->filePtr;
    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFailBecause(savePtr, replyPtr, "what it holds can't be read");
	return;
    }
    if (slots > DP_SAVE_MAX_SLOTS) {
	slots = DP_SAVE_MAX_SLOTS;
    }
    if (savePtr->old.has & DP_FS_SIZE && (uint64_t) slots > blocks) {
	slots = (int) blocks;
    }
    savePtr->running = slots;
    for (int i = 0; i < slots; i++) {
	savePtr->slots[i].savePtr = savePtr;
	NextBlock(&savePtr->slots[i]);
    }
}

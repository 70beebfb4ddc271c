/*
 * dpCopyBulk.c -- the content of a large file: many pieces under way.
 *
 * Layer L3. A piece that was read is given to the other side from inside of the
 * answer, at its offset, so that nothing waits for its turn and nothing is
 * copied here. What is being read and what is being written share one bound: a
 * slow sink stops the reading.
 */

#include "dpCopyInt.h"
#include "dpHoles.h"

#include <errno.h>

static void ReadDone(void *clientData, const DpFsReply *replyPtr);
static void WriteDone(void *clientData, const DpFsReply *replyPtr);

/* Part: pieces. */

static DpCopyPart *
NewPart(DpCopyFile *filePtr, uint64_t offset, size_t count)
{
    DpCopyPart *partPtr = DpAlloc(sizeof(*partPtr));

    partPtr->filePtr = filePtr;
    partPtr->number = filePtr->numAsked++;
    partPtr->offset = offset;
    partPtr->count = count;
    partPtr->nextPtr = filePtr->partsPtr;
    if (partPtr->nextPtr != NULL) {
	partPtr->nextPtr->prevPtr = partPtr;
    }
    filePtr->partsPtr = partPtr;
    filePtr->flight += count;
    return partPtr;
}

/*
 * Memory for a whole piece. That of those before is used again: what is new costs
 * a fault for each page, and more for zeros that nobody needs.
 */
static void
NewBytes(DpCopyPart *partPtr)
{
    DpCopyFile *filePtr = partPtr->filePtr;

    partPtr->bytes = filePtr->numSpares > 0
	    ? filePtr->spares[--filePtr->numSpares]
	    : DpRealloc(NULL, filePtr->block);
}

/* Twin of NewBytes; there may be none. */
static void
FreeBytes(DpCopyPart *partPtr)
{
    DpCopyFile *filePtr = partPtr->filePtr;

    if (partPtr->bytes != NULL && filePtr->numSpares < DP_COPY_SPARES) {
	filePtr->spares[filePtr->numSpares++] = partPtr->bytes;
    } else {
	DpFree(partPtr->bytes);
    }
    partPtr->bytes = NULL;
}

static void
FreePart(DpCopyPart *partPtr)
{
    DpCopyFile *filePtr = partPtr->filePtr;

    if (partPtr->prevPtr != NULL) {
	partPtr->prevPtr->nextPtr = partPtr->nextPtr;
    } else {
	filePtr->partsPtr = partPtr->nextPtr;
    }
    if (partPtr->nextPtr != NULL) {
	partPtr->nextPtr->prevPtr = partPtr->prevPtr;
    }
    filePtr->flight -= partPtr->count;
    if (partPtr->isPut) {
	DpCopyWideGive(filePtr, partPtr->count, partPtr->way);
    }
    FreeBytes(partPtr);
    DpFree(partPtr);
}

/* Asks for what is missing of a piece. */
static void
Read(DpCopyPart *partPtr)
{
    DpCopyFile *filePtr = partPtr->filePtr;
    DpFsRequest request = {.kind = DP_FS_READ, .filePtr = filePtr->inPtr,
	    .offset = partPtr->offset + partPtr->got,
	    .count = partPtr->count - partPtr->got};

    filePtr->numReads++;
    partPtr->opPtr = DpFsSubmit(filePtr->copyPtr->srcPtr, &request, ReadDone,
	    partPtr);
}

static bool
IsZero(const unsigned char *bytes, size_t count)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

static void
PartDone(DpCopyPart *partPtr)
{
    DpCopyFile *filePtr = partPtr->filePtr;

    filePtr->done += partPtr->count;
    filePtr->copyPtr->count.bytes += partPtr->count;
    FreePart(partPtr);
    DpCopyWideLook(filePtr);
    DpCopyBulkFeed(filePtr);
}

/* A piece is there: it is written, unless the target has it as a hole. */
static void
Write(DpCopyPart *partPtr, const unsigned char *bytes)
{
    DpCopyFile *filePtr = partPtr->filePtr;
    DpFsRequest request = {.kind = DP_FS_WRITE, .offset = partPtr->offset,
	    .count = partPtr->count, .bytes = bytes};

    filePtr->numPut++;
    if (IsZero(bytes, partPtr->count)) {
	PartDone(partPtr);
	return;
    }
    if (partPtr->offset + partPtr->count > filePtr->end) {
	filePtr->end = partPtr->offset + partPtr->count;
    }
    partPtr->isPut = true;
    request.filePtr = DpCopyWideTake(filePtr, partPtr->count, &partPtr->way);
    partPtr->opPtr = DpFsSubmit(filePtr->copyPtr->dstPtr, &request,
	    WriteDone, partPtr);
    FreeBytes(partPtr);
    DpCopyBulkFeed(filePtr);
}

static void
WriteDone(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyPart *partPtr = clientData;
    DpCopyFile *filePtr = partPtr->filePtr;

    partPtr->opPtr = NULL;
    if (replyPtr->error != 0) {
	DpCopyFileFail(filePtr, filePtr->copyPtr->dstPtr, replyPtr,
		"write to", filePtr->dst);
	return;
    }
    PartDone(partPtr);
}

/*
 * A piece is complete. In a part file no piece is asked to be written before
 * those in front of it: what is there after a failure is to have no gaps.
 */
static void
Deliver(DpCopyPart *partPtr, const unsigned char *bytes)
{
    DpCopyFile *filePtr = partPtr->filePtr;

    if (filePtr->isPart && partPtr->number != filePtr->numPut) {
	if (partPtr->bytes == NULL) {
	    NewBytes(partPtr);
	    memcpy(partPtr->bytes, bytes, partPtr->count);
	}
	partPtr->waits = true;
	return;
    }
    Write(partPtr, bytes);
    partPtr = filePtr->isPart ? filePtr->partsPtr : NULL;
    while (partPtr != NULL) {
	if (partPtr->waits && partPtr->number == filePtr->numPut) {
	    partPtr->waits = false;
	    Write(partPtr, partPtr->bytes);
	    partPtr = filePtr->partsPtr;
	} else {
	    partPtr = partPtr->nextPtr;
	}
    }
}

/* The end of the file came where a piece was expected. */
static void
GotEnd(DpCopyPart *partPtr)
{
    DpCopyFile *filePtr = partPtr->filePtr;
    DpFsReply reply = {.error = EIO,
	    .message = "it became shorter while it was read"};

    if (!filePtr->toEnd) {
	DpCopyFileFail(filePtr, filePtr->copyPtr->srcPtr, &reply, "read",
		filePtr->src);
	return;
    }
    filePtr->atEnd = true;
    filePtr->size = partPtr->offset + partPtr->got;
    filePtr->flight -= partPtr->count - partPtr->got;
    partPtr->count = partPtr->got;
    if (partPtr->count > 0) {
	Deliver(partPtr, partPtr->bytes);
    } else {
	PartDone(partPtr);
    }
}

static void
ReadDone(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyPart *partPtr = clientData;
    DpCopyFile *filePtr = partPtr->filePtr;

    partPtr->opPtr = NULL;
    filePtr->numReads--;
    if (replyPtr->error != 0) {
	DpCopyFileFail(filePtr, filePtr->copyPtr->srcPtr, replyPtr, "read",
		filePtr->src);
	return;
    }
    if (replyPtr->count == 0) {
	GotEnd(partPtr);
	return;
    }
    if (partPtr->got == 0 && replyPtr->count >= partPtr->count) {
	Deliver(partPtr, replyPtr->bytes);
	return;
    }
    if (partPtr->bytes == NULL) {
	NewBytes(partPtr);
    }
    if (replyPtr->count > partPtr->count - partPtr->got) {
	memcpy(partPtr->bytes + partPtr->got, replyPtr->bytes,
		partPtr->count - partPtr->got);
	partPtr->got = partPtr->count;
    } else {
	memcpy(partPtr->bytes + partPtr->got, replyPtr->bytes,
		replyPtr->count);
	partPtr->got += replyPtr->count;
    }
    if (partPtr->got < partPtr->count) {
	Read(partPtr);
    } else {
	Deliver(partPtr, partPtr->bytes);
    }
}

/* Part: the whole. */

/* Moves `next` over a hole; how much may be asked for there, 0 at the end. */
static size_t
NextPiece(DpCopyFile *filePtr)
{
    uint64_t left = filePtr->size > filePtr->next
	    ? filePtr->size - filePtr->next : 0;

    if (filePtr->toEnd) {
	return filePtr->atEnd || filePtr->partsPtr != NULL ? 0
		: filePtr->block;
    }
    if (left > 0 && filePtr->holesPtr != NULL) {
	uint64_t before = filePtr->next;

	left = DpHolesData(filePtr->holesPtr, &filePtr->next);
	filePtr->done += filePtr->next - before;
	filePtr->copyPtr->count.bytes += filePtr->next - before;
    }
    return left < filePtr->block ? (size_t) left : filePtr->block;
}

void
DpCopyBulkFeed(DpCopyFile *filePtr)
{
    size_t count;

    if (filePtr->inFeed) {
	return;
    }
    filePtr->inFeed = true;
    while (filePtr->numReads < filePtr->depth
	    && (filePtr->partsPtr == NULL
		|| (filePtr->flight + filePtr->block <= filePtr->charge
		    && !DpCopyWideIsFull(filePtr)))
	    && (count = NextPiece(filePtr)) > 0
	    && DpCopyAllow(filePtr->copyPtr, count)) {
	DpCopyPart *partPtr = NewPart(filePtr, filePtr->next, count);

	filePtr->next += count;
	Read(partPtr);
    }
    filePtr->inFeed = false;
    if (filePtr->partsPtr == NULL
	    && (filePtr->toEnd ? filePtr->atEnd
		: filePtr->next >= filePtr->size)) {
	DpFsFileDrop(filePtr->inPtr);
	filePtr->inPtr = NULL;
	DpCopyWideEnd(filePtr);
    }
}

/*
 * The count of a piece for sides that like these best: where they differ little
 * neither shall have to take one in two.
 */
static size_t
Block(size_t one, size_t other)
{
    size_t less = one < other ? one : other;
    size_t more = one < other ? other : one;

    return less > more / 2 ? less : more;
}

void
DpCopyBulkStart(DpCopyFile *filePtr)
{
    const DpFs *srcPtr = filePtr->copyPtr->srcPtr;
    const DpFs *dstPtr = filePtr->copyPtr->dstPtr;
    size_t ahead = srcPtr->block * (size_t) srcPtr->depth;

    filePtr->step = DP_FILE_MOVE;
    filePtr->end = filePtr->done = filePtr->next;
    filePtr->block = Block(srcPtr->block, dstPtr->block);
    if (filePtr->block > filePtr->copyPtr->window / 4) {
	filePtr->block = filePtr->copyPtr->window / 4;
    }
    /* As much is read ahead as the source likes, in pieces for both. */
    filePtr->depth = (int) (ahead / filePtr->block);
    if (filePtr->depth < 2) {
	filePtr->depth = 2;
    }
    DpCopyWideStart(filePtr);
    DpCopyBulkFeed(filePtr);
}

void
DpCopyBulkStop(DpCopyFile *filePtr)
{
    while (filePtr->partsPtr != NULL) {
	if (filePtr->partsPtr->opPtr != NULL) {
	    DpFsCancel(filePtr->partsPtr->opPtr);
	}
	FreePart(filePtr->partsPtr);
    }
    DpCopyWideStop(filePtr);
}

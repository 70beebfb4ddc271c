/*
 * dpBuf.c -- a queue of bytes in one piece of memory.
 *
 * Layer L0.
 */

#include "dpBuf.h"

/* An emptied queue keeps a block up to this size, if nothing else is said. */
#define KEEP_SIZE (16 * 1024)

unsigned char *
DpBufReserve(DpBuf *bufPtr, size_t count)
{
    size_t length = DpBufLength(bufPtr);
    size_t size;

    if (bufPtr->size - bufPtr->end >= count) {
	return bufPtr->bytes + bufPtr->end;
    }

    /*
     * Moving is worth it only when at least half of the block is free at the
     * front; else a full queue would be moved for every few bytes.
     */
    if (bufPtr->start >= bufPtr->size / 2
	    && bufPtr->size - length >= count) {
	memmove(bufPtr->bytes, bufPtr->bytes + bufPtr->start, length);
    } else {
	unsigned char *bytes;

	size = bufPtr->size < 512 ? 512 : bufPtr->size;
	if (size - length >= count && 2 * size <= bufPtr->keep) {
	    /* A stream comes by here again: then half of it will be free. */
	    size *= 2;
	}
	while (size - length < count) {
	    size *= 2;
	}
	bytes = DpRealloc(NULL, size);
	if (length > 0) {
	    memcpy(bytes, bufPtr->bytes + bufPtr->start, length);
	}
	DpFree(bufPtr->bytes);
	bufPtr->bytes = bytes;
	bufPtr->size = size;
    }
    bufPtr->start = 0;
    bufPtr->end = length;
    return bufPtr->bytes + length;
}

void
DpBufAdded(DpBuf *bufPtr, size_t count)
{
    bufPtr->end += count;
}

void
DpBufAppend(DpBuf *bufPtr, const void *bytes, size_t count)
{
    if (count > 0) {
	memcpy(DpBufReserve(bufPtr, count), bytes, count);
	bufPtr->end += count;
    }
}

void
DpBufConsume(DpBuf *bufPtr, size_t count)
{
    bufPtr->start += count;
    if (bufPtr->start == bufPtr->end) {
	bufPtr->start = bufPtr->end = 0;
	if (bufPtr->size > KEEP_SIZE && bufPtr->size > bufPtr->keep) {
	    DpBufFree(bufPtr);
	}
    }
}

void
DpBufPack(DpBuf *bufPtr)
{
    size_t length = DpBufLength(bufPtr);

    if (bufPtr->start >= bufPtr->size / 2 && length <= bufPtr->size / 8) {
	memmove(bufPtr->bytes, bufPtr->bytes + bufPtr->start, length);
	bufPtr->start = 0;
	bufPtr->end = length;
    }
}

void
DpBufKeep(DpBuf *bufPtr, size_t size)
{
    bufPtr->keep = size;
    DpBufConsume(bufPtr, 0);
}

void
DpBufCut(DpBuf *bufPtr, size_t offset, size_t count)
{
    unsigned char *at = DpBufData(bufPtr) + offset;

    memmove(at, at + count, DpBufLength(bufPtr) - offset - count);
    bufPtr->end -= count;
}

ptrdiff_t
DpBufFind(const DpBuf *bufPtr, size_t offset, const void *needle,
	size_t length)
{
    const unsigned char *bytes = DpBufData(bufPtr);
    const unsigned char *at = bytes + offset;
    size_t left;

    if (offset > DpBufLength(bufPtr)) {
	return -1;
    }
    if (length == 0) {
	return (ptrdiff_t) offset;
    }
    left = DpBufLength(bufPtr) - offset;
    while (left >= length) {
	const unsigned char *hit = memchr(at, *(const unsigned char *) needle,
		left - length + 1);

	if (hit == NULL) {
	    return -1;
	}
	if (memcmp(hit, needle, length) == 0) {
	    return hit - bytes;
	}
	left -= (size_t) (hit + 1 - at);
	at = hit + 1;
    }
    return -1;
}

void
DpBufFree(DpBuf *bufPtr)
{
    DpFree(bufPtr->bytes);
    bufPtr->bytes = NULL;
    bufPtr->start = bufPtr->end = bufPtr->size = 0;
}

void
DpBufWipe(DpBuf *bufPtr)
{
    DpWipe(bufPtr->bytes, bufPtr->size);
    DpBufFree(bufPtr);
}

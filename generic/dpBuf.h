/*
 * dpBuf.h -- a queue of bytes in one piece of memory.
 *
 * Layer L0. Bytes are appended at the end and consumed at the front; the
 * pointers that DpBufData and DpBufReserve return hold until the next append
 * or reserve.
 */

#ifndef DP_BUF_H
#define DP_BUF_H

#include "dpBase.h"

/* A zeroed struct is an empty queue without memory. */
typedef struct DpBuf {
    unsigned char *bytes;
    size_t start;               /* first byte that is not consumed */
    size_t end;                 /* behind the last byte */
    size_t size;                /* of bytes */
    size_t keep;                /* an emptied queue keeps a block up to this
				 * size; 0: 16 KiB */
} DpBuf;

static inline size_t
DpBufLength(const DpBuf *bufPtr)
{
    return bufPtr->end - bufPtr->start;
}

static inline unsigned char *
DpBufData(const DpBuf *bufPtr)
{
    return bufPtr->bytes + bufPtr->start;
}

/* Room for count more bytes at the end; DpBufAdded says how many were put. */
MODULE_SCOPE unsigned char *DpBufReserve(DpBuf *bufPtr, size_t count);
MODULE_SCOPE void DpBufAdded(DpBuf *bufPtr, size_t count);

MODULE_SCOPE void DpBufAppend(DpBuf *bufPtr, const void *bytes, size_t count);

/* Consumed to the end, memory above `keep` is given back. */
MODULE_SCOPE void DpBufConsume(DpBuf *bufPtr, size_t count);

/* Takes count bytes out at offset from the front. */
MODULE_SCOPE void DpBufCut(DpBuf *bufPtr, size_t offset, size_t count);

/* Where needle is, from the front, at or behind offset; -1: nowhere. */
MODULE_SCOPE ptrdiff_t DpBufFind(const DpBuf *bufPtr, size_t offset,
	const void *needle, size_t length);

/*
 * A moment at which little is left, before much comes: what is left moves to
 * the front now, where it is cheaper than in the middle of the next message.
 */
MODULE_SCOPE void DpBufPack(DpBuf *bufPtr);

/*
 * A queue through which a stream goes keeps its block, as new memory for each
 * few hundred kB costs more than the copying. 0 gives it back when it is empty.
 */
MODULE_SCOPE void DpBufKeep(DpBuf *bufPtr, size_t size);

/* Both leave `keep` as it is. */
MODULE_SCOPE void DpBufFree(DpBuf *bufPtr);
MODULE_SCOPE void DpBufWipe(DpBuf *bufPtr);     /* overwrites, then frees */

#endif

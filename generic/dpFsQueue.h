/*
 * dpFsQueue.h -- the operations on one open file, in their order.
 *
 * Layer L2. For kinds of file systems that could do several at once: reads run
 * side by side, and so do writes to different places; anything else waits for
 * what came before it.
 */

#ifndef DP_FS_QUEUE_H
#define DP_FS_QUEUE_H

#include "dpFs.h"

/* Embedded in the struct of an operation. */
typedef struct DpFsTurn {
    struct DpFsTurn *nextPtr, **prevLinkPtr;
    DpFsKind kind;
    uint64_t offset;
    size_t count;
    bool started;
} DpFsTurn;

typedef struct DpFsQueue {
    DpFsTurn *firstPtr, **endPtr;
    bool serial;                /* one after the other: it has no offsets */
    bool append;                /* its writes have none */
} DpFsQueue;

MODULE_SCOPE void DpFsQueueInit(DpFsQueue *queuePtr);
MODULE_SCOPE void DpFsQueueAdd(DpFsQueue *queuePtr, DpFsTurn *turnPtr,
	const DpFsRequest *requestPtr);
MODULE_SCOPE void DpFsQueueTake(DpFsQueue *queuePtr, DpFsTurn *turnPtr);

/* One that may start now, and has been marked so; NULL: none. */
MODULE_SCOPE DpFsTurn *DpFsQueueNext(DpFsQueue *queuePtr);

#endif

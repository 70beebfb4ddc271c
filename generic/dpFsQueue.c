/*
 * dpFsQueue.c -- the operations on one open file, in their order.
 *
 * Layer L2.
 */

#include "dpFsQueue.h"

void
DpFsQueueInit(DpFsQueue *queuePtr)
{
    memset(queuePtr, 0, sizeof(*queuePtr));
    queuePtr->endPtr = &queuePtr->firstPtr;
}

void
DpFsQueueAdd(DpFsQueue *queuePtr, DpFsTurn *turnPtr,
	const DpFsRequest *requestPtr)
{
    turnPtr->kind = requestPtr->kind;
    turnPtr->offset = requestPtr->offset;
    turnPtr->count = requestPtr->count;
    turnPtr->started = false;
    turnPtr->nextPtr = NULL;
    turnPtr->prevLinkPtr = queuePtr->endPtr;
    *queuePtr->endPtr = turnPtr;
    queuePtr->endPtr = &turnPtr->nextPtr;
}

void
DpFsQueueTake(DpFsQueue *queuePtr, DpFsTurn *turnPtr)
{
    *turnPtr->prevLinkPtr = turnPtr->nextPtr;
    if (turnPtr->nextPtr != NULL) {
	turnPtr->nextPtr->prevLinkPtr = turnPtr->prevLinkPtr;
    } else {
	queuePtr->endPtr = turnPtr->prevLinkPtr;
    }
}

/* Whether b has to wait until a, which came before it, is done. */
static bool
Conflict(const DpFsQueue *queuePtr, const DpFsTurn *aPtr,
	const DpFsTurn *bPtr)
{
    if (aPtr->kind != bPtr->kind || queuePtr->serial) {
	return true;
    }
    if (aPtr->kind == DP_FS_WRITE) {
	return queuePtr->append
		|| (aPtr->offset < bPtr->offset + bPtr->count
		&& bPtr->offset < aPtr->offset + aPtr->count);
    }
    return aPtr->kind != DP_FS_READ;
}

/* None overtakes one that waits: what is there fits or the rest waits, too. */
DpFsTurn *
DpFsQueueNext(DpFsQueue *queuePtr)
{
    DpFsTurn *turnPtr = queuePtr->firstPtr;

    while (turnPtr != NULL && turnPtr->started) {
	turnPtr = turnPtr->nextPtr;
    }
    if (turnPtr == NULL) {
	return NULL;
    }
    for (DpFsTurn *beforePtr = queuePtr->firstPtr; beforePtr != turnPtr;
	    beforePtr = beforePtr->nextPtr) {
	if (Conflict(queuePtr, beforePtr, turnPtr)) {
	    return NULL;
	}
    }
    turnPtr->started = true;
    return turnPtr;
}

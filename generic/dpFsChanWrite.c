/*
 * dpFsChanWrite.c -- writing behind a channel.
 *
 * Layer L4. What a script writes is on its way at once; small pieces that come
 * while others are in flight go together. The first error stops it all: a file
 * with a hole that nobody meant must never be taken for a whole one.
 */

#include "dpFsChanInt.h"

/* Appended bytes have one piece in flight, which may be this large. */
#define MAX_APPEND (1024 * 1024)

void
DpFsChanFail(DpFsChan *chanPtr, int error, const DpError *errPtr)
{
    if (chanPtr->error == 0) {
	chanPtr->error = error;
	DpErrorCopy(&chanPtr->why, errPtr);
    }
}

static void
FreeFlight(DpFsFlight *flightPtr)
{
    DpFsChan *chanPtr = flightPtr->chanPtr;

    if (flightPtr->prevPtr != NULL) {
	flightPtr->prevPtr->nextPtr = flightPtr->nextPtr;
    } else {
	chanPtr->flightPtr = flightPtr->nextPtr;
    }
    if (flightPtr->nextPtr != NULL) {
	flightPtr->nextPtr->prevPtr = flightPtr->prevPtr;
    }
    chanPtr->numFlights--;
    chanPtr->flying -= flightPtr->count;
    DpFree(flightPtr);
}

static void SendPending(DpFsChan *chanPtr, bool all);

static void
FlightDone(void *clientData, const DpFsReply *replyPtr)
{
    DpFsFlight *flightPtr = clientData;
    DpFsChan *chanPtr = flightPtr->chanPtr;

    FreeFlight(flightPtr);
    if (replyPtr->error != 0) {
	DpError why = {0};

	DpFsError(&why, chanPtr->fsPtr, replyPtr, "write to", chanPtr->path);
	DpFsChanFail(chanPtr, replyPtr->error, &why);
	DpErrorClear(&why);
	DpBufFree(&chanPtr->pend);
    }
    SendPending(chanPtr, chanPtr->leaving);
    DpFsChanCheck(chanPtr);
}

static void
Send(DpFsChan *chanPtr, uint64_t offset, const void *bytes, size_t count)
{
    DpFsFlight *flightPtr = DpAlloc(sizeof(*flightPtr));
    DpFsRequest request = {.kind = DP_FS_WRITE, .filePtr = chanPtr->filePtr,
	.offset = offset, .bytes = bytes, .count = count};

    flightPtr->chanPtr = chanPtr;
    flightPtr->count = count;
    flightPtr->nextPtr = chanPtr->flightPtr;
    if (chanPtr->flightPtr != NULL) {
	chanPtr->flightPtr->prevPtr = flightPtr;
    }
    chanPtr->flightPtr = flightPtr;
    chanPtr->numFlights++;
    chanPtr->flying += count;
    flightPtr->opPtr = DpFsSubmit(chanPtr->fsPtr, &request, FlightDone,
	    flightPtr);
}

/* Whether so many bytes may go now; where the host appends, in turn only. */
static bool
MayGo(const DpFsChan *chanPtr, size_t count)
{
    return chanPtr->numFlights == 0
	    || (!chanPtr->appends && count >= chanPtr->fsPtr->block);
}

/* All: also what is less than a block. */
static void
SendPending(DpFsChan *chanPtr, bool all)
{
    size_t block = chanPtr->fsPtr->block, count;

    while ((count = DpBufLength(&chanPtr->pend)) > 0
	    && MayGo(chanPtr, all ? block : count)) {
	uint64_t offset = chanPtr->wrote - count;

	if (chanPtr->appends && count > MAX_APPEND) {
	    count = MAX_APPEND;
	} else if (!chanPtr->appends && count > block) {
	    count = block;
	}
	Send(chanPtr, offset, DpBufData(&chanPtr->pend), count);
	DpBufConsume(&chanPtr->pend, count);
    }
}

void
DpFsWritePut(DpFsChan *chanPtr, const char *bytes, size_t count)
{
    uint64_t offset = chanPtr->pos;

    chanPtr->dirty = true;
    chanPtr->bytes += count;
    chanPtr->pos += count;
    chanPtr->wrote = chanPtr->pos;
    if (chanPtr->pos > chanPtr->end) {
	chanPtr->end = chanPtr->pos;
    }
    if (chanPtr->pos > chanPtr->hint) {
	chanPtr->hint = chanPtr->pos;
    }
    if (DpBufLength(&chanPtr->pend) == 0 && MayGo(chanPtr, count)) {
	/* Without a copy of ours. */
	Send(chanPtr, offset, bytes, count);
	return;
    }
    DpBufAppend(&chanPtr->pend, bytes, count);
    SendPending(chanPtr, false);
}

void
DpFsWriteSend(DpFsChan *chanPtr)
{
    SendPending(chanPtr, true);
}

void
DpFsWriteStop(DpFsChan *chanPtr)
{
    DpBufFree(&chanPtr->pend);
    while (chanPtr->flightPtr != NULL) {
	DpFsFlight *flightPtr = chanPtr->flightPtr;

	DpFsCancel(flightPtr->opPtr);
	FreeFlight(flightPtr);
    }
}

/*
 * fuzzPlay.c -- recordings of anybody: they are played to their end or an
 * error, keys in between, and what they print switches modes of a screen.
 *
 * The input: a byte (above 1: a key each so many turns), the key, the recording.
 */

#include "dpPlay.h"
#include "dpScreen.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of the event loop: one timer, which is due when we say so. */
struct DpLoop {
    DpTimer *timerPtr;
};

void
DpLoopHold(DpLoop *loopPtr)
{
    (void) loopPtr;
}

void
DpLoopDrop(DpLoop *loopPtr)
{
    (void) loopPtr;
}

int64_t
DpLoopNow(void)
{
    return 0;
}

void
DpTimerStart(DpLoop *loopPtr, DpTimer *timerPtr, int64_t milliseconds,
	DpProcedure *proc, void *clientData)
{
    if (milliseconds < 0) {
	abort();
    }
    timerPtr->loopPtr = loopPtr;
    timerPtr->proc = proc;
    timerPtr->clientData = clientData;
    loopPtr->timerPtr = timerPtr;
}

void
DpTimerStop(DpTimer *timerPtr)
{
    if (timerPtr->loopPtr != NULL) {
	timerPtr->loopPtr->timerPtr = NULL;
	timerPtr->loopPtr = NULL;
    }
}

static void
Show(DpProc *procPtr, DpScreen *screenPtr)
{
    char text[DP_SCREEN_RESET];
    DpBuf *outPtr = &procPtr->out[DP_STDOUT];

    if (DpBufLength(outPtr) == 0) {
	return;
    }
    DpScreenFeed(screenPtr, DpBufData(outPtr), DpBufLength(outPtr));
    if (DpScreenReset(screenPtr, text) > sizeof(text)) {
	abort();
    }
    DpProcConsume(procPtr, DP_STDOUT, DpBufLength(outPtr));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DpLoop loop = {NULL};
    DpError error = {{0}, {NULL}, 0, NULL};
    DpScreen screen = {0};
    DpProc *procPtr;
    unsigned turns = 0;

    if (size < 2) {
	return 0;
    }
    procPtr = DpPlayNew(&loop, "x", data + 2, size - 2, 1, 0, &error);
    DpErrorClear(&error);
    if (procPtr == NULL) {
	return 0;
    }
    DpProcHold(procPtr);
    while (!procPtr->ended) {
	DpTimer *timerPtr = loop.timerPtr;

	if (data[0] > 1 && ++turns % data[0] == 0) {
	    DpProcWrite(procPtr, data + 1, 1);
	} else if (timerPtr != NULL) {
	    DpTimerStop(timerPtr);
	    timerPtr->proc(timerPtr->clientData);
	} else {
	    /* Paused: nothing but a key helps. */
	    break;
	}
	Show(procPtr, &screen);
    }
    Show(procPtr, &screen);
    DpProcAbandon(procPtr);
    DpProcDrop(procPtr);
    return 0;
}

/*
 * dpBridge.c -- a command that sits behind the slave of a pseudo terminal.
 *
 * Layer L3. For programs that want a real terminal, as Expect does, where the
 * command runs on another host. It is the slave that we hold, not a channel on
 * the master: the master may be duplicated, and its last close hangs us up.
 */

#include "dpBridge.h"

#include "dpPty.h"

#include <errno.h>

/* One read; a terminal holds no more. */
#define READ_SIZE 4096

struct DpBridge {
    DpProc *procPtr;            /* held */
    int fd;                     /* -1: over */
    int cols, rows;             /* as the command was told last */
    bool pumping;               /* Pump is on the stack */
    DpWatch watch;
    void (*over)(void *clientData, bool hungUp);
    void *clientData;
};

static void BridgeReady(void *clientData, int mask);

static void
CloseSlave(DpBridge *bridgePtr)
{
    DpWatchStop(&bridgePtr->watch);
    if (bridgePtr->fd >= 0) {
	DpPtyCloseFd(bridgePtr->fd);
	bridgePtr->fd = -1;
    }
}

static void
EndBridge(DpBridge *bridgePtr, bool hungUp)
{
    CloseSlave(bridgePtr);
    bridgePtr->over(bridgePtr->clientData, hungUp);
}

static void
CheckSize(DpBridge *bridgePtr)
{
    int cols, rows;

    if (DpPtyGetSize(bridgePtr->fd, &cols, &rows)
	    && (cols != bridgePtr->cols || rows != bridgePtr->rows)) {
	bridgePtr->cols = cols;
	bridgePtr->rows = rows;
	DpProcResize(bridgePtr->procPtr, cols, rows);
    }
}

/* Writes what the command printed. True: all of it. */
static bool
PumpOut(DpBridge *bridgePtr)
{
    DpProc *procPtr = bridgePtr->procPtr;
    size_t length;

    while ((length = DpBufLength(&procPtr->out[DP_STDOUT])) > 0) {
	ptrdiff_t count = DpPtyWrite(bridgePtr->fd,
		DpBufData(&procPtr->out[DP_STDOUT]), length);

	if (count == -EAGAIN) {
	    return false;
	}
	if (count < 0) {
	    EndBridge(bridgePtr, true);
	    return false;
	}
	DpProcConsume(procPtr, DP_STDOUT, (size_t) count);
    }
    return true;
}

/* Reads what was typed, as far as there is room. */
static void
PumpIn(DpBridge *bridgePtr)
{
    DpProc *procPtr = bridgePtr->procPtr;
    char bytes[READ_SIZE];
    ptrdiff_t count;

    /* What is typed to a command that reads no more is thrown away. */
    while (procPtr->inDone || DpProcRoom(procPtr) > sizeof(bytes)) {
	count = DpPtyRead(bridgePtr->fd, bytes, sizeof(bytes));
	if (count == -EAGAIN) {
	    return;
	}
	if (count <= 0) {
	    EndBridge(bridgePtr, true);
	    return;
	}
	DpProcWrite(procPtr, bytes, (size_t) count);
	/* It may have been a password. */
	DpWipe(bytes, (size_t) count);
    }
}

/*
 * Moves what can be moved. A command that is told of room or reads at once
 * comes back from inside: that is this call's matter.
 */
static void
Pump(DpBridge *bridgePtr, bool readable)
{
    DpProc *procPtr = bridgePtr->procPtr;
    bool allOut;
    int mask;

    if (bridgePtr->fd < 0 || bridgePtr->pumping) {
	return;
    }
    bridgePtr->pumping = true;
    CheckSize(bridgePtr);
    allOut = PumpOut(bridgePtr);
    if (bridgePtr->fd >= 0 && allOut && procPtr->outEof[DP_STDOUT]) {
	EndBridge(bridgePtr, false);
    }
    if (bridgePtr->fd >= 0 && readable) {
	PumpIn(bridgePtr);
    }
    if (bridgePtr->fd >= 0) {
	mask = allOut ? 0 : DP_WRITABLE;
	if (procPtr->inDone || DpProcRoom(procPtr) > READ_SIZE) {
	    mask |= DP_READABLE;
	}
	DpWatchMask(&bridgePtr->watch, mask);
    }
    bridgePtr->pumping = false;
}

/* Without room nothing is read, and a hangup throws away what was typed. */
static void
BridgeReady(void *clientData, int mask)
{
    DpBridge *bridgePtr = clientData;

    if ((mask & DP_HANGUP) && !(mask & DP_READABLE)) {
	EndBridge(bridgePtr, true);
    } else {
	Pump(bridgePtr, (mask & (DP_READABLE | DP_HANGUP)) != 0);
    }
}

DpBridge *
DpBridgeNew(DpProc *procPtr, int fd,
	void (*over)(void *clientData, bool hungUp), void *clientData)
{
    DpBridge *bridgePtr = DpAlloc(sizeof(*bridgePtr));

    bridgePtr->procPtr = procPtr;
    DpProcHold(procPtr);
    bridgePtr->fd = fd;
    bridgePtr->over = over;
    bridgePtr->clientData = clientData;
    if (procPtr->ptyPtr != NULL) {
	bridgePtr->cols = procPtr->ptyPtr->cols;
	bridgePtr->rows = procPtr->ptyPtr->rows;
    }
    DpPtySetRaw(fd);
    DpWatchStart(procPtr->loopPtr, &bridgePtr->watch, fd, DP_READABLE,
	    BridgeReady, bridgePtr);
    return bridgePtr;
}

void
DpBridgeNotify(DpBridge *bridgePtr)
{
    Pump(bridgePtr, false);
}

bool
DpBridgeIsOver(const DpBridge *bridgePtr)
{
    return bridgePtr->fd < 0;
}

void
DpBridgeFree(DpBridge *bridgePtr)
{
    CloseSlave(bridgePtr);
    DpProcDrop(bridgePtr->procPtr);
    DpFree(bridgePtr);
}

/*
 * dpAgent.c -- a client of the ssh-agent protocol that never blocks.
 *
 * Layer L2. A call is: connect, send the request, read one answer.
 */

#include "dpAgent.h"
#include "dpAgentSock.h"
#include "dpWire.h"

#include <errno.h>

#define READ_SIZE (16 * 1024)

/*
 * A full queue of callers: tries again after 5, 10, 20 ... 320 ms, and gives
 * up after this time.
 */
#define FIRST_PAUSE 5
#define LAST_PAUSE 320
#define CONNECT_LIMIT (30 * 1000)

struct DpAgentCall {
    DpLoop *loopPtr;
    char *path;
    char *algorithm;            /* NULL: a list is asked for */
    DpAgentListProc *listProc;
    DpAgentSignProc *signProc;
    void *clientData;
    int fd;                     /* -1: no socket yet */
    bool connecting;
    int64_t start;              /* DpLoopNow */
    int pause;
    DpWatch watch;
    DpTimer timer;
    DpBuf out, in;
};

static void
FreeCall(DpAgentCall *callPtr)
{
    DpWatchStop(&callPtr->watch);
    DpTimerStop(&callPtr->timer);
    if (callPtr->fd >= 0) {
	DpAgentSockClose(callPtr->fd);
    }
    DpLoopDrop(callPtr->loopPtr);
    DpFree(callPtr->path);
    DpFree(callPtr->algorithm);
    DpBufFree(&callPtr->out);
    DpBufFree(&callPtr->in);
    DpFree(callPtr);
}

/*
 * Frees the call and tells its owner. The answer is decoded unless errPtr is
 * already set, and is the owner's afterwards (the signature) or freed.
 */
static void
Finish(DpAgentCall *callPtr, DpError *errPtr)
{
    DpAgentCall call = *callPtr;
    DpAgentIdentity *identities = NULL;
    unsigned char *sig = NULL;
    size_t sigLength = 0;
    int count = 0;

    if (!DpErrorIsSet(errPtr)) {
	const unsigned char *message = DpBufData(&callPtr->in) + 4;
	size_t length = DpBufLength(&callPtr->in) - 4;

	if (callPtr->algorithm == NULL) {
	    DpAgentDecodeList(message, length, &identities, &count, errPtr);
	} else {
	    DpAgentDecodeSign(message, length, callPtr->algorithm, &sig,
		    &sigLength, errPtr);
	}
    }
    FreeCall(callPtr);
    if (call.listProc != NULL) {
	call.listProc(call.clientData, identities, count,
		DpErrorIsSet(errPtr) ? errPtr : NULL);
	DpAgentFreeList(identities, count);
    } else {
	call.signProc(call.clientData, sig, sigLength,
		DpErrorIsSet(errPtr) ? errPtr : NULL);
    }
    DpErrorClear(errPtr);
}

static void
Fail(DpAgentCall *callPtr, int errorNumber)
{
    DpError error = {.code = ""};

    DpErrorSet(&error, "AUTH", "cannot talk to the ssh agent at \"%s\": %s",
	    callPtr->path, Tcl_ErrnoMsg(errorNumber));
    Finish(callPtr, &error);
}

static void
FailText(DpAgentCall *callPtr, const char *why)
{
    DpError error = {.code = ""};

    DpErrorSet(&error, "AUTH", "the ssh agent at \"%s\" %s", callPtr->path,
	    why);
    Finish(callPtr, &error);
}

/* The request, as far as the socket takes it. False: the call is gone. */
static bool
SendSome(DpAgentCall *callPtr)
{
    while (DpBufLength(&callPtr->out) > 0) {
	size_t count;
	int result = DpAgentSockSend(callPtr->fd, DpBufData(&callPtr->out),
		DpBufLength(&callPtr->out), &count);

	if (result == EAGAIN) {
	    return true;
	}
	if (result != 0) {
	    Fail(callPtr, result);
	    return false;
	}
	DpBufConsume(&callPtr->out, count);
    }
    DpWatchMask(&callPtr->watch, DP_READABLE);
    return true;
}

/* The answer, as far as it is there. */
static void
ReceiveSome(DpAgentCall *callPtr)
{
    DpError none = {.code = ""};

    for (;;) {
	size_t count, length = 0;
	int result = DpAgentSockReceive(callPtr->fd,
		DpBufReserve(&callPtr->in, READ_SIZE), READ_SIZE, &count);

	if (result == EAGAIN) {
	    return;
	}
	if (result != 0) {
	    Fail(callPtr, result);
	    return;
	}
	if (count == 0) {
	    FailText(callPtr, "closed the connection");
	    return;
	}
	DpBufAdded(&callPtr->in, count);
	if (DpBufLength(&callPtr->in) >= 4) {
	    DpWire wire;

	    DpWireInit(&wire, DpBufData(&callPtr->in), 4);
	    length = DpWireNumber(&wire);
	    if (length == 0 || length > DP_AGENT_MAX_MESSAGE
		    || DpBufLength(&callPtr->in) > 4 + length) {
		FailText(callPtr, "gave a malformed answer");
		return;
	    }
	    if (DpBufLength(&callPtr->in) == 4 + length) {
		Finish(callPtr, &none);
		return;
	    }
	}
    }
}

static void
SocketReady(void *clientData, int mask)
{
    DpAgentCall *callPtr = clientData;

    (void) mask;
    if (callPtr->connecting) {
	int result = DpAgentSockResult(callPtr->fd);

	if (result != 0) {
	    Fail(callPtr, result);
	    return;
	}
	callPtr->connecting = false;
    }
    if (SendSome(callPtr)) {
	ReceiveSome(callPtr);
    }
}

static void
Connect(void *clientData)
{
    DpAgentCall *callPtr = clientData;
    int result = DpAgentSockOpen(callPtr->path, &callPtr->fd);

    if (result == EAGAIN
	    && DpLoopNow() - callPtr->start < CONNECT_LIMIT) {
	DpTimerStart(callPtr->loopPtr, &callPtr->timer, callPtr->pause,
		Connect, callPtr);
	if (callPtr->pause < LAST_PAUSE) {
	    callPtr->pause *= 2;
	}
	return;
    }
    if (result != 0 && result != EINPROGRESS) {
	Fail(callPtr, result);
	return;
    }
    callPtr->connecting = result == EINPROGRESS;
    DpWatchStart(callPtr->loopPtr, &callPtr->watch, callPtr->fd,
	    DP_READABLE | DP_WRITABLE, SocketReady, callPtr);
}

/* A call whose connect begins in the next turn of the loop. */
static DpAgentCall *
NewCall(DpLoop *loopPtr, const char *path, void *clientData)
{
    DpAgentCall *callPtr = DpAlloc(sizeof(*callPtr));

    DpLoopHold(loopPtr);
    callPtr->loopPtr = loopPtr;
    callPtr->path = DpStrdup(path);
    callPtr->clientData = clientData;
    callPtr->fd = -1;
    callPtr->pause = FIRST_PAUSE;
    callPtr->start = DpLoopNow();
    DpTimerStart(loopPtr, &callPtr->timer, 0, Connect, callPtr);
    return callPtr;
}

DpAgentCall *
DpAgentList(DpLoop *loopPtr, const char *socketPath, DpAgentListProc *proc,
	void *clientData)
{
    DpAgentCall *callPtr = NewCall(loopPtr, socketPath, clientData);

    callPtr->listProc = proc;
    DpAgentEncodeList(&callPtr->out);
    return callPtr;
}

DpAgentCall *
DpAgentSign(DpLoop *loopPtr, const char *socketPath, const void *blob,
	size_t length, const char *algorithm, const void *data,
	size_t dataLength, DpAgentSignProc *proc, void *clientData)
{
    DpAgentCall *callPtr = NewCall(loopPtr, socketPath, clientData);

    callPtr->signProc = proc;
    callPtr->algorithm = DpStrdup(algorithm);
    DpAgentEncodeSign(&callPtr->out, blob, length, algorithm, data,
	    dataLength);
    return callPtr;
}

void
DpAgentCancel(DpAgentCall *callPtr)
{
    FreeCall(callPtr);
}

/*
 * dpSshIo.c -- the bytes between libssh2 and the transport.
 *
 * Layer L2. User-space buffers on both sides: libssh2 never sees a partial
 * send, and one receive takes what there is, up to a budget for each turn.
 */

#include "dpSshInt.h"

#include "dpSshKbd.h"

#include <errno.h>
#include <time.h>

/* Received in one turn before other sessions get theirs. */
#define TURN_BYTES (1024 * 1024)
/* So long (ns) one turn takes bytes: a byte or two in each packet is slow work. */
#define TURN_TIME 10000000
/* A piece that libssh2 gets at a time: smaller where it is busy with it long. */
#define CHUNK_MAX (32 * 1024)
#define CHUNK_MIN 1024
/* One receive when there is much to come. */
#define BULK_SIZE (256 * 1024)
/* Kept of the buffers while commands run. */
#define KEEP_SIZE (1024 * 1024)

/* libssh2's SEND: takes everything; DpSshPump sends it. */
static
LIBSSH2_SEND_FUNC(SendCallback)
{
    DpSsh *sshPtr = *abstract;

    (void) socket;
    (void) flags;
    if (sshPtr->inError != 0) {
	return -sshPtr->inError;
    }
    DpBufAppend(&sshPtr->outBuf, buffer, length);
    return (ssize_t) length;
}

static ptrdiff_t
Receive(DpSsh *sshPtr, void *bytes, size_t size)
{
    ptrdiff_t n;

    if (sshPtr->inEnd || sshPtr->transPtr == NULL) {
	return 0;
    }
    if (sshPtr->turnBytes >= TURN_BYTES) {
	sshPtr->turnSpent = true;
	return -EAGAIN;
    }
    if (sshPtr->dry) {
	return -EAGAIN;
    }
    if (sshPtr->quick && sshPtr->transPtr->typePtr->quick != NULL) {
	sshPtr->transPtr->typePtr->quick(sshPtr->transPtr);
    }
    n = sshPtr->transPtr->typePtr->recv(sshPtr->transPtr, bytes, size);
    if (n > 0) {
	sshPtr->turnBytes += (size_t) n;
	sshPtr->inTotal += (uint64_t) n;
	sshPtr->bulk = (size_t) n == size;
	sshPtr->dry = !sshPtr->bulk;
    } else if (n == 0) {
	sshPtr->inEnd = true;
    } else if (n == -EWOULDBLOCK || n == -EAGAIN) {
	sshPtr->dry = true;
	n = -EAGAIN;
    } else {
	sshPtr->inError = (int) -n;
	sshPtr->inEnd = true;
	n = 0;
    }
    return n;
}

static int64_t
Clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* libssh2 is through with the last piece. False: that was enough for a turn. */
static bool
HasTime(DpSsh *sshPtr)
{
    int64_t passed;

    if (sshPtr->giveTime == 0) {
	return true;
    }
    passed = Clock() - sshPtr->giveTime;
    sshPtr->giveTime = 0;
    sshPtr->turnTime += passed;
    if (passed > TURN_TIME && sshPtr->chunk > CHUNK_MIN) {
	sshPtr->chunk /= 2;
    } else if (passed < TURN_TIME / 4 && sshPtr->chunk < CHUNK_MAX) {
	sshPtr->chunk *= 2;
    }
    return sshPtr->turnTime < TURN_TIME;
}

/*
 * libssh2's RECV. Where the last receive was full, one large receive stands
 * for many of libssh2's small ones.
 */
static
LIBSSH2_RECV_FUNC(RecvCallback)
{
    DpSsh *sshPtr = *abstract;
    size_t there = DpBufLength(&sshPtr->inBuf);
    ptrdiff_t n;

    (void) socket;
    (void) flags;
    sshPtr->numAllocs = 0;
    sshPtr->sumAllocs = 0;
    if (sshPtr->stalls > 0) {
	return -EAGAIN;
    }
    if (sshPtr->state == DP_SSH_OPEN) {
	if (!HasTime(sshPtr)) {
	    sshPtr->turnSpent = true;
	}
	if (sshPtr->turnSpent) {
	    return -EAGAIN;
	}
	if (length > sshPtr->chunk) {
	    length = sshPtr->chunk;
	}
    }
    if (sshPtr->callLeft == 0) {
	/* What came may be for a channel that had its turn in this pass. */
	sshPtr->pumpAgain = true;
	return -EAGAIN;
    }
    if (length > sshPtr->callLeft) {
	length = sshPtr->callLeft;
    }
    if (there == 0 && !sshPtr->bulk) {
	n = Receive(sshPtr, buffer, length);
	if (n > 0) {
	    sshPtr->callLeft -= sshPtr->callLeft == SIZE_MAX ? 0 : (size_t) n;
	    sshPtr->giveTime = Clock();
	}
	return (ssize_t) n;
    }
    if (there == 0) {
	unsigned char *space = DpBufReserve(&sshPtr->inBuf, BULK_SIZE);

	n = Receive(sshPtr, space, BULK_SIZE);
	if (n <= 0) {
	    DpBufConsume(&sshPtr->inBuf, 0);
	    return (ssize_t) n;
	}
	DpBufAdded(&sshPtr->inBuf, (size_t) n);
	there = (size_t) n;
    }
    if (length > there) {
	length = there;
    }
    memcpy(buffer, DpBufData(&sshPtr->inBuf), length);
    DpBufConsume(&sshPtr->inBuf, length);
    if (sshPtr->callLeft != SIZE_MAX) {
	sshPtr->callLeft -= length;
    }
    sshPtr->giveTime = Clock();
    return (ssize_t) length;
}

/* The server said why it leaves; shown to the user, so made printable. */
static
LIBSSH2_DISCONNECT_FUNC(DisconnectCallback)
{
    DpSsh *sshPtr = *abstract;
    size_t n = 0;

    (void) session;
    (void) reason;
    (void) language;
    (void) language_len;
    if (message_len < 0 || message == NULL) {
	return;
    }
    DpFree(sshPtr->peerMessage);
    sshPtr->peerMessage = DpAlloc(257);
    for (int i = 0; i < message_len && n < 256; i++) {
	unsigned char c = (unsigned char) message[i];

	sshPtr->peerMessage[n++] = (char) (c < ' ' || c == 127 ? ' ' : c);
    }
}

/*
 * Whether libssh2 would read now. It does not while a human, an agent or a
 * worker is waited for, or somebody wants it to be silent; the socket would be
 * reported as ready for ever.
 */
bool
DpSshReads(const DpSsh *sshPtr)
{
    if (sshPtr->kbdPtr != NULL) {
	return DpSshKbdWants((DpSsh *) sshPtr);
    }
    return !sshPtr->inEnd && !sshPtr->blocked && sshPtr->stalls == 0
	    && sshPtr->state != DP_SSH_HOSTKEY
	    && sshPtr->signState != DP_SIGN_WAITS;
}

/* Sends what libssh2 has put out; the rest waits for the socket. */
void
DpSshFlush(DpSsh *sshPtr)
{
    DpBuf *outPtr = &sshPtr->outBuf;
    int mask = 0;

    if (sshPtr->transPtr == NULL) {
	return;
    }
    while (DpBufLength(outPtr) > 0) {
	ptrdiff_t n = sshPtr->transPtr->typePtr->send(sshPtr->transPtr,
		DpBufData(outPtr), DpBufLength(outPtr));

	if (n >= 0) {
	    DpBufConsume(outPtr, (size_t) n);
	} else if (n == -EAGAIN || n == -EWOULDBLOCK) {
	    mask |= DP_WRITABLE;
	    break;
	} else {
	    /* What the server sent before is still to be read. */
	    sshPtr->inError = (int) -n;
	    DpBufFree(outPtr);
	    DpSshPumpLater(sshPtr);
	    break;
	}
    }
    if (DpSshReads(sshPtr)) {
	mask |= DP_READABLE;
    }
    if (sshPtr->askId != 0) {
	/* A human need not answer for a peer that has gone. */
	mask |= DP_HANGUP;
    }
    sshPtr->transPtr->typePtr->want(sshPtr->transPtr, mask);
}

size_t
DpSshUnsent(const DpSsh *sshPtr)
{
    size_t count = DpBufLength(&sshPtr->outBuf);

    if (sshPtr->transPtr != NULL && sshPtr->transPtr->typePtr->unsent != NULL) {
	count += sshPtr->transPtr->typePtr->unsent(sshPtr->transPtr);
    }
    return count;
}

void
DpSshTrim(DpSsh *sshPtr)
{
    DpBufKeep(&sshPtr->inBuf, 0);
    DpBufKeep(&sshPtr->outBuf, 0);
    DpBufKeep(&sshPtr->inBuf, KEEP_SIZE);
    DpBufKeep(&sshPtr->outBuf, KEEP_SIZE);
    DpSshFreeBlocks(sshPtr);
}

/* Makes libssh2's session, with our own callbacks. False: no memory. */
bool
DpSshNewSession(DpSsh *sshPtr)
{
    LIBSSH2_SESSION *session = DpSshMakeSession(sshPtr);

    if (session == NULL) {
	return false;
    }
    sshPtr->session = session;
    sshPtr->chunk = CHUNK_MAX;
    DpSshLimitRead(sshPtr, SIZE_MAX);
    DpBufKeep(&sshPtr->inBuf, KEEP_SIZE);
    DpBufKeep(&sshPtr->outBuf, KEEP_SIZE);
#if LIBSSH2_VERSION_NUM >= 0x010b01
    libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_SEND,
	    (libssh2_cb_generic *) (void (*)(void)) SendCallback);
    libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_RECV,
	    (libssh2_cb_generic *) (void (*)(void)) RecvCallback);
    libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_DISCONNECT,
	    (libssh2_cb_generic *) (void (*)(void)) DisconnectCallback);
#else
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND,
	    (void *) SendCallback);
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV,
	    (void *) RecvCallback);
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_DISCONNECT,
	    (void *) DisconnectCallback);
#endif
    libssh2_session_set_blocking(session, 0);
    return true;
}

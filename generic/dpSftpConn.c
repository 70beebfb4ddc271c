/*
 * dpSftpConn.c -- one sftp-server: requests out, answers in, and its end.
 *
 * Layer L2. Requests are written as they come, without waiting for answers,
 * and an answer finds its call by the id. A message is put together in the
 * queue of the process, or in a chunk where that is full, and is not copied
 * again.
 */

#include "dpSftpInt.h"

#include <errno.h>
#include <stdio.h>

/* No more is put into one piece of memory. */
#define CHUNK_SIZE (256 * 1024)
/* The id of a call is its slot, and above that a number that changes. */
#define SLOT_BITS 24
#define SLOT_MASK ((1u << SLOT_BITS) - 1)
/* Memory that the answers keep while there are calls, and the requests while a
 * file is open. */
#define KEEP_SIZE (1024 * 1024)
/* As many chunks keep theirs while a file is open. */
#define SPARES 12
/* What is kept of standard error, at least. */
#define SAID_SIZE 1024
/* ms from the end of its output until a process counts as gone. */
#define LATE_TIME 2000

/* What the draft lets every server take (section 3), and what is best. */
#define SMALL_BLOCK (32 * 1024)
#define LARGE_BLOCK (255 * 1024)
/* A limit below this is not kept: each message costs more than it carries. */
#define LEAST_BLOCK 1000

static void Notified(void *clientData, DpProc *procPtr, int what);

void
DpSftpConnHold(DpSftpConn *connPtr)
{
    connPtr->refCount++;
}

void
DpSftpConnDrop(DpSftpConn *connPtr)
{
    if (--connPtr->refCount > 0) {
	return;
    }
    DpFree(connPtr->calls);
    DpFree(connPtr->lostText);
    DpBufFree(&connPtr->said);
    DpFree(connPtr);
}

bool
DpSftpConnIdle(const DpSftpConn *connPtr)
{
    return connPtr->state == DP_SFTP_READY && connPtr->numCalls == 0
	    && connPtr->numHandles == 0;
}

/* --- requests --- */

static int
GetSlot(DpSftpConn *connPtr)
{
    int slot = connPtr->freeSlot;

    if (slot >= 0) {
	connPtr->freeSlot = connPtr->calls[slot].nextFree;
	return slot;
    }
    slot = connPtr->numSlots;
    connPtr->numSlots = slot == 0 ? 64 : 2 * slot;
    connPtr->calls = DpRealloc(connPtr->calls,
	    (size_t) connPtr->numSlots * sizeof(*connPtr->calls));
    for (int i = connPtr->numSlots - 1; i >= slot; i--) {
	DpSftpCall *callPtr = &connPtr->calls[i];

	callPtr->id = (uint32_t) i;
	callPtr->used = false;
	callPtr->nextFree = connPtr->freeSlot;
	connPtr->freeSlot = i;
    }
    connPtr->freeSlot = connPtr->calls[slot].nextFree;
    return slot;
}

static void
FreeSlot(DpSftpConn *connPtr, DpSftpCall *callPtr)
{
    callPtr->used = false;
    callPtr->id += 1u << SLOT_BITS;
    callPtr->nextFree = connPtr->freeSlot;
    connPtr->freeSlot = (int) (callPtr->id & SLOT_MASK);
    connPtr->numCalls--;
}

/*
 * A chunk with the memory of one that went. What is new costs a fault for each
 * page, as often as a piece is written.
 */
static DpSftpChunk *
NewChunk(DpSftpConn *connPtr)
{
    DpSftpChunk *chunkPtr = connPtr->sparePtr;

    if (chunkPtr == NULL) {
	return DpAlloc(sizeof(*chunkPtr));
    }
    connPtr->sparePtr = chunkPtr->nextPtr;
    connPtr->numSpares--;
    chunkPtr->nextPtr = NULL;
    return chunkPtr;
}

static void
FreeChunk(DpSftpChunk *chunkPtr)
{
    DpBufFree(&chunkPtr->buf);
    DpFree(chunkPtr);
}

/*
 * Whether a message of so many bytes is put there: where it fits, and not where
 * others would have to be moved for it, but for few.
 */
static bool
Takes(const DpBuf *bufPtr, size_t bytes)
{
    size_t length = DpBufLength(bufPtr);

    return length == 0 || length + bytes <= CHUNK_SIZE
	    || (length < CHUNK_SIZE && bufPtr->size - bufPtr->end >= bytes);
}

/* Where bytes may go: the queue of the process while it takes and has room. */
static DpBuf *
GetSpace(DpSftpConn *connPtr, size_t bytes)
{
    DpProc *procPtr = connPtr->procPtr;
    DpSftpChunk *chunkPtr = connPtr->lastPtr;

    if (chunkPtr == NULL && Takes(&procPtr->in, bytes)) {
	return &procPtr->in;
    }
    if (chunkPtr == NULL || !Takes(&chunkPtr->buf, bytes)) {
	chunkPtr = NewChunk(connPtr);
	if (connPtr->lastPtr != NULL) {
	    connPtr->lastPtr->nextPtr = chunkPtr;
	} else {
	    connPtr->firstPtr = chunkPtr;
	}
	connPtr->lastPtr = chunkPtr;
    }
    return &chunkPtr->buf;
}

static void
Kick(DpProc *procPtr)
{
    if (!procPtr->ended && !procPtr->inDone) {
	procPtr->typePtr->kick(procPtr);
    }
}

/* The queue is empty: the next chunk becomes the queue. */
static void
NextChunk(DpSftpConn *connPtr)
{
    DpSftpChunk *chunkPtr = connPtr->firstPtr;
    DpProc *procPtr = connPtr->procPtr;
    DpBuf in;

    if (chunkPtr == NULL || DpBufLength(&procPtr->in) > 0) {
	return;
    }
    connPtr->firstPtr = chunkPtr->nextPtr;
    if (connPtr->firstPtr == NULL) {
	connPtr->lastPtr = NULL;
    }
    in = procPtr->in;
    procPtr->in = chunkPtr->buf;
    procPtr->in.keep = in.keep;
    chunkPtr->buf = in;
    if (connPtr->numSpares < SPARES) {
	chunkPtr->nextPtr = connPtr->sparePtr;
	connPtr->sparePtr = chunkPtr;
	connPtr->numSpares++;
    } else {
	FreeChunk(chunkPtr);
    }
    Kick(procPtr);
}

DpBuf *
DpSftpCallBegin(DpSftpConn *connPtr, DpSftpType type, size_t bytes,
	DpSftpDone *done, void *data, size_t *atPtr)
{
    DpBuf *bufPtr = GetSpace(connPtr, bytes);
    int slot = GetSlot(connPtr);        /* may move the calls */
    DpSftpCall *callPtr = &connPtr->calls[slot];

    callPtr->used = true;
    callPtr->done = done;
    callPtr->data = data;
    if (connPtr->numCalls++ == 0) {
	DpBufKeep(&connPtr->procPtr->out[DP_STDOUT], KEEP_SIZE);
	DpBufKeep(&connPtr->procPtr->in, KEEP_SIZE);
    }
    connPtr->idleSince = 0;
    DpBufReserve(bufPtr, bytes);
    *atPtr = DpSftpBegin(bufPtr, type, callPtr->id);
    return bufPtr;
}

void
DpSftpCallSend(DpSftpConn *connPtr, DpBuf *bufPtr, size_t at)
{
    DpSftpEnd(bufPtr, at);
    if (bufPtr == &connPtr->procPtr->in) {
	Kick(connPtr->procPtr);
    }
}

/* --- the end --- */

/* Lets go of the process, unless somebody is reading from it. */
static void
DropProc(DpSftpConn *connPtr)
{
    DpProc *procPtr = connPtr->procPtr;

    if (procPtr == NULL || connPtr->parsing) {
	return;
    }
    connPtr->procPtr = NULL;
    DpTimerStop(&connPtr->lateTimer);
    if (procPtr->notify == Notified) {
	procPtr->notify = NULL;
    } else if (procPtr->notify != NULL) {
	/* A handle that passes on what it is told. */
	procPtr->notify(procPtr->clientData, procPtr, DP_PROC_LEFT);
    }
    DpProcAbandon(procPtr);
    DpProcDrop(procPtr);
}

static void
FreeSpares(DpSftpConn *connPtr)
{
    DpSftpChunk *chunkPtr;

    while ((chunkPtr = connPtr->sparePtr) != NULL) {
	connPtr->sparePtr = chunkPtr->nextPtr;
	FreeChunk(chunkPtr);
    }
    connPtr->numSpares = 0;
}

static void
FreeChunks(DpSftpConn *connPtr)
{
    DpSftpChunk *chunkPtr;

    FreeSpares(connPtr);
    while ((chunkPtr = connPtr->firstPtr) != NULL) {
	connPtr->firstPtr = chunkPtr->nextPtr;
	FreeChunk(chunkPtr);
    }
    connPtr->lastPtr = NULL;
}

void
DpSftpConnLose(DpSftpConn *connPtr, int error, const char *text)
{
    DpSftp *sftpPtr = connPtr->sftpPtr;

    if (connPtr->state == DP_SFTP_LOST) {
	return;
    }
    connPtr->state = DP_SFTP_LOST;
    connPtr->lostErrno = error;
    connPtr->lostText = DpStrdup(text);
    DpSftpConnHold(connPtr);
    DpFsHold(&sftpPtr->fs);
    FreeChunks(connPtr);
    DropProc(connPtr);
    /* First, so that what users begin anew does not come here. */
    connPtr->sftpPtr = NULL;
    DpSftpConnGone(sftpPtr, connPtr);
    for (int i = 0; i < connPtr->numSlots; i++) {
	DpSftpCall *callPtr = &connPtr->calls[i];

	if (callPtr->used) {
	    DpSftpDone *done = callPtr->done;
	    void *data = callPtr->data;

	    FreeSlot(connPtr, callPtr);
	    done(connPtr, data, NULL);
	}
    }
    DpFsDrop(&sftpPtr->fs);
    DpSftpConnDrop(connPtr);
}

void
DpSftpConnBreak(DpSftpConn *connPtr, const char *what)
{
    char text[400];

    if (connPtr->state == DP_SFTP_LOST) {
	/* Whoever was told of a part of a list has closed it. */
	return;
    }
    snprintf(text, sizeof(text), "the sftp server of %s does not keep to the"
	    " protocol: it has sent %s", connPtr->sftpPtr->fs.slug, what);
    DpSftpConnLose(connPtr, ECONNRESET, text);
}

/* The last line that it wrote on standard error, printable; "" for none. */
static const char *
LastLine(const DpSftpConn *connPtr, char line[DP_SFTP_TEXT])
{
    const unsigned char *bytes;
    size_t end = DpBufLength(&connPtr->said), begin, n = 0;

    line[0] = '\0';
    if (end == 0) {
	return line;
    }
    bytes = DpBufData(&connPtr->said);
    while (end > 0 && bytes[end - 1] <= ' ') {
	end--;
    }
    begin = end;
    while (begin > 0 && bytes[begin - 1] != '\n') {
	begin--;
    }
    while (begin < end && n < DP_SFTP_TEXT - 1) {
	unsigned char c = bytes[begin++];

	line[n++] = (char) (c < ' ' ? ' ' : c >= 127 ? '?' : c);
    }
    line[n] = '\0';
    return line;
}

/* The process has ended, or will say nothing more. */
static void
Ended(DpSftpConn *connPtr)
{
    const DpProc *procPtr = connPtr->procPtr;
    const DpSsh *sshPtr = connPtr->sftpPtr->sshPtr;
    const char *slug = connPtr->sftpPtr->fs.slug;
    bool early = connPtr->state == DP_SFTP_HELLO;
    char line[DP_SFTP_TEXT], how[64], text[600];

    LastLine(connPtr, line);
    if (sshPtr != NULL && DpSshGetState(sshPtr) == DP_SSH_CLOSED) {
	DpSftpConnLose(connPtr, ECONNRESET, DpSshGetError(sshPtr)->message);
	return;
    }
    if (DpErrorIsSet(&procPtr->error)) {
	/* Not started, or cut off. */
	DpSftpConnLose(connPtr, early && strncmp(procPtr->error.code,
		"FILE ", 5) == 0 ? ENOSYS : ECONNRESET,
		procPtr->error.message);
	return;
    }
    if (procPtr->signalName[0] != '\0') {
	snprintf(how, sizeof(how), "was ended by signal %s",
		procPtr->signalName);
    } else if (procPtr->ended && procPtr->status >= 0) {
	snprintf(how, sizeof(how), "has ended with status %d",
		procPtr->status);
    } else {
	snprintf(how, sizeof(how), "has ended");
    }
    /* A command that never said hello is no sftp server. */
    snprintf(text, sizeof(text), "%s %s %s%s%s%s%s",
	    early ? "there is no sftp server on" : "the sftp server of", slug,
	    early ? "(what was started " : "", how, early ? ")" : "",
	    line[0] != '\0' ? ": " : "", line);
    DpSftpConnLose(connPtr, early ? ENOSYS : ECONNRESET, text);
}

static void
IsLate(void *clientData)
{
    DpSftpConn *connPtr = clientData;
    DpFs *fsPtr = &connPtr->sftpPtr->fs;

    DpSftpConnHold(connPtr);
    DpFsHold(fsPtr);
    Ended(connPtr);
    DpFsDrop(fsPtr);
    DpSftpConnDrop(connPtr);
}

/* --- answers --- */

static size_t
Block(uint64_t limit)
{
    return limit == 0 || limit > LARGE_BLOCK ? LARGE_BLOCK
	    : limit < LEAST_BLOCK ? LEAST_BLOCK : (size_t) limit;
}

static void
GotLimits(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    (void) data;
    if (replyPtr == NULL) {
	return;
    }
    if (replyPtr->type == DP_FXP_EXTENDED_REPLY) {
	DpWire wire = replyPtr->rest;
	uint64_t message = DpSftpGet64(&wire);
	uint64_t read = DpSftpGet64(&wire), write = DpSftpGet64(&wire);

	connPtr->handlesMost = DpSftpGet64(&wire);
	if (wire.failed) {
	    DpSftpConnBreak(connPtr, "limits that are cut short");
	    return;
	}
	/* 0 is no limit. What is around the bytes of a WRITE is below 1 KiB. */
	if (message >= 2 * 1024 && (write == 0 || write > message - 1024)) {
	    write = message - 1024;
	}
	connPtr->readMost = Block(read);
	connPtr->writeMost = Block(write);
    }
    connPtr->limited = true;
    DpSftpConnKnown(connPtr);
}

static void
GotVersion(DpSftpConn *connPtr, DpSftpReply *replyPtr)
{
    char text[100];

    if (replyPtr->id != DP_SFTP_VERSION) {
	snprintf(text, sizeof(text), "version %u, and not %d",
		(unsigned) replyPtr->id, DP_SFTP_VERSION);
	DpSftpConnBreak(connPtr, text);
	return;
    }
    if (!DpSftpGetExtensions(&replyPtr->rest, &connPtr->extensions)) {
	DpSftpConnBreak(connPtr, "a version that is cut short");
	return;
    }
    connPtr->state = DP_SFTP_READY;
    if (connPtr->extensions & DP_SFTP_LIMITS) {
	size_t at;
	DpBuf *bufPtr = DpSftpCallBegin(connPtr, DP_FXP_EXTENDED, 64,
		GotLimits, NULL, &at);

	DpSftpPutText(bufPtr, "limits@openssh.com");
	DpSftpCallSend(connPtr, bufPtr, at);
    } else {
	connPtr->limited = true;
	DpSftpConnKnown(connPtr);
    }
    if (connPtr->state == DP_SFTP_READY) {
	DpSftpConnReady(connPtr);
    }
}

/* One message, without its length. */
static void
Message(DpSftpConn *connPtr, const unsigned char *bytes, size_t count)
{
    DpSftpReply reply;
    const char *what = DpSftpDecode(&reply, bytes, count);
    uint32_t slot = reply.id & SLOT_MASK;
    DpSftpCall *callPtr;
    DpSftpDone *done;
    void *data;

    if (what != NULL) {
	DpSftpConnBreak(connPtr, what);
	return;
    }
    if (connPtr->state == DP_SFTP_HELLO || reply.type == DP_FXP_VERSION) {
	if (connPtr->state != DP_SFTP_HELLO
		|| reply.type != DP_FXP_VERSION) {
	    DpSftpConnBreak(connPtr, "a greeting at the wrong time, or none");
	    return;
	}
	GotVersion(connPtr, &reply);
	return;
    }
    callPtr = slot < (uint32_t) connPtr->numSlots ? &connPtr->calls[slot]
	    : NULL;
    if (callPtr == NULL || !callPtr->used || callPtr->id != reply.id) {
	DpSftpConnBreak(connPtr, "an answer to a question that was not asked,"
		" or is answered already");
	return;
    }
    done = callPtr->done;
    data = callPtr->data;
    FreeSlot(connPtr, callPtr);
    done(connPtr, data, &reply);
}

/*
 * What begins with other things than a greeting is no sftp server, but perhaps
 * a login shell that prints something.
 */
static void
Greeted(DpSftpConn *connPtr, const unsigned char *bytes, size_t count)
{
    char text[400], begin[41];
    size_t n = 0;

    while (n < count && n < sizeof(begin) - 1) {
	unsigned char c = bytes[n];

	begin[n++] = (char) (c < ' ' || c >= 127 ? '?' : c);
    }
    begin[n] = '\0';
    snprintf(text, sizeof(text), "there is no sftp server on %s: what answers"
	    " there begins with \"%s\" (a start file of the shell must not"
	    " print anything)", connPtr->sftpPtr->fs.slug, begin);
    DpSftpConnLose(connPtr, ENOSYS, text);
}

/* Takes every message that is there as a whole. */
static void
Parse(DpSftpConn *connPtr)
{
    DpProc *procPtr = connPtr->procPtr;
    DpBuf *bufPtr = &procPtr->out[DP_STDOUT];

    while (connPtr->state != DP_SFTP_LOST && DpBufLength(bufPtr) >= 4) {
	const unsigned char *bytes = DpBufData(bufPtr);
	size_t count = (size_t) bytes[0] << 24 | (size_t) bytes[1] << 16
		| (size_t) bytes[2] << 8 | bytes[3];

	if (connPtr->state == DP_SFTP_HELLO && (count > DP_SFTP_MAX_REPLY
		|| (DpBufLength(bufPtr) > 4 && bytes[4] != DP_FXP_VERSION))) {
	    Greeted(connPtr, bytes, DpBufLength(bufPtr));
	    return;
	}
	if (count < 5 || count > DP_SFTP_MAX_REPLY) {
	    char text[100];

	    snprintf(text, sizeof(text), "a message of %zu bytes", count);
	    DpSftpConnBreak(connPtr, text);
	    return;
	}
	if (DpBufLength(bufPtr) < 4 + count) {
	    return;
	}
	Message(connPtr, bytes + 4, count);
	if (connPtr->state != DP_SFTP_LOST) {
	    DpProcConsume(procPtr, DP_STDOUT, 4 + count);
	    DpBufPack(bufPtr);
	}
    }
}

/* Keeps the end of standard error. */
static void
TakeSaid(DpSftpConn *connPtr)
{
    DpBuf *bufPtr = &connPtr->procPtr->out[DP_STDERR];
    size_t count = DpBufLength(bufPtr);

    DpBufAppend(&connPtr->said, DpBufData(bufPtr), count);
    if (DpBufLength(&connPtr->said) > 4 * SAID_SIZE) {
	DpBufCut(&connPtr->said, 0, DpBufLength(&connPtr->said) - SAID_SIZE);
    }
    DpProcConsume(connPtr->procPtr, DP_STDERR, count);
}

static void
Readable(DpSftpConn *connPtr)
{
    DpProc *procPtr = connPtr->procPtr;

    if (connPtr->parsing) {
	/* A nested call: who is above goes on with it. */
	return;
    }
    connPtr->parsing = true;
    if (DpBufLength(&procPtr->out[DP_STDERR]) > 0) {
	TakeSaid(connPtr);
    }
    Parse(connPtr);
    connPtr->parsing = false;
    if (connPtr->state == DP_SFTP_LOST) {
	DropProc(connPtr);
	return;
    }
    if (connPtr->numCalls == 0) {
	DpBufKeep(&procPtr->out[DP_STDOUT], 0);
    }
    if (DpSftpConnIdle(connPtr)) {
	/* Between two writes to a file all may have been answered. */
	DpBufKeep(&procPtr->in, 0);
	FreeSpares(connPtr);
    }
    if (connPtr->idleSince == 0 && DpSftpConnIdle(connPtr)) {
	DpSftpConnRests(connPtr);
    }
}

static void
Notified(void *clientData, DpProc *procPtr, int what)
{
    DpSftpConn *connPtr = clientData;
    DpSftp *sftpPtr = connPtr->sftpPtr;

    if (sftpPtr == NULL) {
	return;
    }
    DpSftpConnHold(connPtr);
    DpFsHold(&sftpPtr->fs);
    DpProcHold(procPtr);
    if (what & DP_PROC_READABLE) {
	Readable(connPtr);
    }
    if ((what & DP_PROC_WRITABLE) && connPtr->state != DP_SFTP_LOST) {
	NextChunk(connPtr);
    }
    if ((what & DP_PROC_ENDED) && connPtr->state != DP_SFTP_LOST) {
	Readable(connPtr);
	if (connPtr->state != DP_SFTP_LOST) {
	    Ended(connPtr);
	}
    }
    if (connPtr->state != DP_SFTP_LOST && !connPtr->parsing
	    && (procPtr->outEof[DP_STDOUT] || procPtr->inDone)
	    && connPtr->lateTimer.loopPtr == NULL) {
	/* Nothing more will come of it, but its end will tell more. */
	DpTimerStart(procPtr->loopPtr, &connPtr->lateTimer, LATE_TIME, IsLate,
		connPtr);
    }
    DpProcDrop(procPtr);
    DpFsDrop(&sftpPtr->fs);
    DpSftpConnDrop(connPtr);
}

DpSftpConn *
DpSftpConnNew(DpSftp *sftpPtr, DpProc *procPtr)
{
    DpSftpConn *connPtr = DpAlloc(sizeof(*connPtr));
    DpBuf hello = {0};

    connPtr->refCount = 1;
    connPtr->sftpPtr = sftpPtr;
    connPtr->procPtr = procPtr;
    connPtr->state = DP_SFTP_HELLO;
    connPtr->freeSlot = -1;
    connPtr->readMost = connPtr->writeMost = SMALL_BLOCK;
    procPtr->notify = Notified;
    procPtr->clientData = connPtr;
    DpWirePutNumber(&hello, 5);
    DpWirePutByte(&hello, DP_FXP_INIT);
    DpWirePutNumber(&hello, DP_SFTP_VERSION);
    DpProcWrite(procPtr, DpBufData(&hello), DpBufLength(&hello));
    DpBufFree(&hello);
    if (procPtr->ended) {
	/* As on a session that is closed: it tells no more. */
	DpTimerStart(procPtr->loopPtr, &connPtr->lateTimer, 0, IsLate,
		connPtr);
    }
    return connPtr;
}

/*
 * dpProc.c -- a running command: streams, the start filter and the end.
 *
 * Layer L2.
 */

#include "dpProc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* More than this before the start line means that it will not come. */
#define HELD_LIMIT (64 * 1024)

static void
Notify(DpProc *procPtr, int what)
{
    if (procPtr->notify != NULL) {
	procPtr->notify(procPtr->clientData, procPtr, what);
    }
}

void
DpProcInit(DpProc *procPtr, const DpProcType *typePtr, DpLoop *loopPtr)
{
    procPtr->typePtr = typePtr;
    procPtr->loopPtr = loopPtr;
    procPtr->refCount = 1;
    procPtr->high = DP_PROC_HIGH;
    procPtr->status = -1;
    procPtr->startTime = DpLoopNow();
    DpLoopHold(loopPtr);
}

void
DpProcSetPty(DpProc *procPtr, const DpProcPty *ptyPtr)
{
    if (procPtr->ptyPtr == NULL) {
	procPtr->ptyPtr = DpAlloc(sizeof(*procPtr->ptyPtr));
    }
    *procPtr->ptyPtr = *ptyPtr;
    procPtr->merge = true;
}

void
DpProcHold(DpProc *procPtr)
{
    procPtr->refCount++;
}

void
DpProcDrop(DpProc *procPtr)
{
    DpLoop *loopPtr;

    if (--procPtr->refCount > 0) {
	return;
    }
    DpBufWipe(&procPtr->in);
    DpBufFree(&procPtr->out[0]);
    DpBufFree(&procPtr->out[1]);
    DpBufFree(&procPtr->held);
    DpErrorClear(&procPtr->error);
    DpFree(procPtr->token);
    DpFree(procPtr->promptText);
    DpWipeFree(procPtr->password);
    DpFree(procPtr->echoText);
    DpFree(procPtr->startRest);
    DpFree(procPtr->ptyPtr);
    loopPtr = procPtr->loopPtr;
    procPtr->typePtr->free(procPtr);
    DpLoopDrop(loopPtr);
}

bool
DpProcWants(const DpProc *procPtr, int stream)
{
    if (procPtr->abandoned) {
	return true;
    }
    if (!procPtr->typePtr->oneWindow) {
	return DpBufLength(&procPtr->out[stream]) < procPtr->high;
    }

    /*
     * In SSH both stop when either is full: reading only one of them would
     * let the other grow without bound inside libssh2.
     */
    return DpBufLength(&procPtr->out[0]) < procPtr->high
	    && DpBufLength(&procPtr->out[1]) < procPtr->high;
}

static void
Kick(DpProc *procPtr)
{
    if (!procPtr->ended) {
	procPtr->typePtr->kick(procPtr);
    }
}

void
DpProcSetHigh(DpProc *procPtr, size_t high)
{
    bool stopped = !DpProcWants(procPtr, DP_STDOUT)
	    || !DpProcWants(procPtr, DP_STDERR);

    procPtr->high = high;
    if (stopped) {
	Kick(procPtr);
    }
}

/* Takes out the lines with TOKEN in them, which `set -x` prints. */
static void
CutLines(DpBuf *heldPtr, const char *token)
{
    ptrdiff_t at;

    while ((at = DpBufFind(heldPtr, 0, token, strlen(token))) >= 0) {
	const unsigned char *bytes = DpBufData(heldPtr);
	size_t length = DpBufLength(heldPtr);
	size_t first = (size_t) at;
	const unsigned char *endPtr = memchr(bytes + at, '\n', length - first);

	while (first > 0 && bytes[first - 1] != '\n') {
	    first--;
	}
	DpBufCut(heldPtr, first, (endPtr == NULL ? length
		: (size_t) (endPtr + 1 - bytes)) - first);
    }
}

/* Gives up or ends the start filter: what was held is ordinary output. */
static void
ReleaseHeld(DpProc *procPtr, int stream)
{
    DpBuf *heldPtr = &procPtr->held;

    if (procPtr->echoText != NULL) {
	size_t length = strlen(procPtr->echoText);
	ptrdiff_t at;

	/* A shell that prints the line, under `set -v` or because it could not
	 * parse it, prints our part. */
	while ((at = DpBufFind(heldPtr, 0, procPtr->echoText, length)) >= 0) {
	    DpBufCut(heldPtr, (size_t) at, length);
	}
    }
    CutLines(heldPtr, procPtr->token);
    DpFree(procPtr->token);
    procPtr->token = NULL;
    DpTimerStop(&procPtr->askTimer);
    DpBufAppend(&procPtr->out[stream], DpBufData(heldPtr),
	    DpBufLength(heldPtr));
    DpBufFree(heldPtr);
}

/*
 * What ends the input of a terminal. The first one hands over a line that was
 * begun.
 */
static void
TypeEnd(DpProc *procPtr)
{
    static const char ends[2] = {4, 4};

    if (procPtr->ptyPtr != NULL && !procPtr->inDone) {
	DpBufAppend(&procPtr->in, ends, procPtr->inLine ? 2 : 1);
    }
}

/*
 * Puts bytes into `in` that go out before the start line, too, at an offset of
 * at most inFree. What sudo is told is wiped when it is sent.
 */
static void
PutIn(DpProc *procPtr, size_t at, const char *bytes, size_t n)
{
    DpBuf *inPtr = &procPtr->in;
    DpBuf queue = {0};

    /* At once, so that no copy of a secret stays in memory given back. */
    DpBufReserve(&queue, DpBufLength(inPtr) + n);
    DpBufAppend(&queue, DpBufData(inPtr), at);
    DpBufAppend(&queue, bytes, n);
    DpBufAppend(&queue, DpBufData(inPtr) + at, DpBufLength(inPtr) - at);
    queue.keep = inPtr->keep;
    DpBufWipe(inPtr);
    *inPtr = queue;
    procPtr->inFree += n;
}

/* The sudo prompt stands in `held`: send the password once, else give up. */
static void
Prompted(DpProc *procPtr)
{
    procPtr->prompts++;
    if (procPtr->password == NULL) {
	/* Not known or refused: sudo reads end of file and gives up. */
	DpBufWipe(&procPtr->in);
	procPtr->inFree = 0;
	procPtr->inLine = false;
	TypeEnd(procPtr);
	procPtr->inClose = true;
	procPtr->inHold = false;
    } else {
	PutIn(procPtr, 0, "\n", 1);
	PutIn(procPtr, 0, procPtr->password, strlen(procPtr->password));
	DpWipeFree(procPtr->password);
	procPtr->password = NULL;
    }
}

/*
 * Nobody has answered what sudo asks, so it reads the end of its input. On a
 * terminal that is typed, once for each question; what is held stays for the
 * command. Elsewhere what is held is thrown away: sudo would read it.
 */
static void
AskExpired(void *clientData)
{
    DpProc *procPtr = clientData;

    procPtr->asked = true;
    if (procPtr->ptyPtr != NULL) {
	PutIn(procPtr, procPtr->inFree, "\4", 1);
    } else {
	procPtr->inLost = !procPtr->inClose || DpBufLength(&procPtr->in) > 0;
	DpBufWipe(&procPtr->in);
	procPtr->inFree = 0;
	procPtr->inHold = false;
	procPtr->inClose = true;
    }
    Kick(procPtr);
}

/*
 * Looks whether what came last may be a question of sudo's. That is told from a
 * message by its line, which has no end, and by the time for which it stands.
 */
static void
CheckAsked(DpProc *procPtr, bool prompted)
{
    const DpBuf *heldPtr = &procPtr->held;
    size_t length = DpBufLength(heldPtr);

    if (procPtr->askTime <= 0 || !procPtr->inHold || length == 0) {
	return;
    }
    if (prompted || DpBufData(heldPtr)[length - 1] == '\n') {
	DpTimerStop(&procPtr->askTimer);
    } else {
	DpTimerStart(procPtr->loopPtr, &procPtr->askTimer, procPtr->askTime,
		AskExpired, procPtr);
    }
}

/*
 * On a terminal sudo ends the line on which the password was typed; without
 * the prompt that would be an empty one.
 */
static void
CutPromptLine(DpProc *procPtr)
{
    DpBuf *heldPtr = &procPtr->held;
    const unsigned char *bytes;
    size_t length;

    if (!procPtr->promptLine) {
	return;
    }
    bytes = DpBufData(heldPtr) + procPtr->promptAt;
    length = DpBufLength(heldPtr) - procPtr->promptAt;
    if (length == 0 || (length == 1 && bytes[0] == '\r')) {
	return;
    }
    procPtr->promptLine = false;
    if (bytes[0] == '\n') {
	DpBufCut(heldPtr, procPtr->promptAt, 1);
    } else if (bytes[0] == '\r' && bytes[1] == '\n') {
	DpBufCut(heldPtr, procPtr->promptAt, 2);
    }
}

/*
 * The offset of the start line in `held`, -1 where it is not there yet: the
 * token and a number. Elsewhere the token stands where a shell prints the
 * command; what `set -x` prints of it has the number too.
 */
static ptrdiff_t
FindStart(DpProc *procPtr)
{
    static const char word[] = "echo ";
    size_t before = sizeof(word) - 1;
    const DpBuf *heldPtr = &procPtr->held;
    const unsigned char *bytes = DpBufData(heldPtr);
    size_t length = strlen(procPtr->token);
    ptrdiff_t at = -1;

    do {
	size_t behind;

	at = DpBufFind(heldPtr, (size_t) (at + 1), procPtr->token, length);
	behind = (size_t) at + length;
	if (at < 0 || behind + 2 > DpBufLength(heldPtr)) {
	    return -1;
	}
	if (bytes[behind] == ' ' && isdigit(bytes[behind + 1])
		&& ((size_t) at < before
		|| memcmp(bytes + at - before, word, before) != 0)) {
	    return at;
	}
    } while (true);
}

/* How many bytes at the end of a buffer are the begin of word. */
static size_t
BeginAtEnd(const DpBuf *bufPtr, const char *word)
{
    size_t length = DpBufLength(bufPtr), count = strlen(word);

    if (count > length) {
	count = length;
    }
    while (count > 0 && memcmp(DpBufData(bufPtr) + length - count, word,
	    count) != 0) {
	count--;
    }
    return count;
}

/*
 * Lets go of what can be no part of a line or a prompt of ours: somebody who
 * looks on sees what else the host has to say or to ask.
 */
static void
PassHeld(DpProc *procPtr, int stream)
{
    DpBuf *heldPtr = &procPtr->held;
    size_t count = DpBufLength(heldPtr), back;
    ptrdiff_t at;

    if (procPtr->promptLine) {
	return;
    }
    at = DpBufFind(heldPtr, 0, procPtr->token, strlen(procPtr->token));
    if (at >= 0) {
	count = (size_t) at;
	while (count > 0 && DpBufData(heldPtr)[count - 1] != '\n') {
	    count--;
	}
    } else {
	back = BeginAtEnd(heldPtr, procPtr->token);
	if (procPtr->promptText != NULL) {
	    size_t other = BeginAtEnd(heldPtr, procPtr->promptText);

	    back = other > back ? other : back;
	}
	count -= back;
    }
    DpBufAppend(&procPtr->out[stream], DpBufData(heldPtr), count);
    DpBufConsume(heldPtr, count);
}

/*
 * Looks through what is held for prompts and the start line. The line ends
 * the filter.
 */
static void
Filter(DpProc *procPtr, int stream)
{
    DpBuf *heldPtr = &procPtr->held;
    size_t length;
    ptrdiff_t at;
    bool prompted = false;

    CutPromptLine(procPtr);
    if (procPtr->promptText != NULL) {
	length = strlen(procPtr->promptText);
	while ((at = DpBufFind(heldPtr, 0, procPtr->promptText, length)) >= 0) {
	    DpBufCut(heldPtr, (size_t) at, length);
	    prompted = (size_t) at == DpBufLength(heldPtr);
	    Prompted(procPtr);
	    procPtr->promptLine = procPtr->ptyPtr != NULL;
	    procPtr->promptAt = (size_t) at;
	    CutPromptLine(procPtr);
	}
    }
    length = strlen(procPtr->token);
    at = FindStart(procPtr);
    if (at >= 0) {
	unsigned char *line = DpBufData(heldPtr) + at;
	unsigned char *endPtr = memchr(line, '\n',
		DpBufLength(heldPtr) - (size_t) at);
	char *restPtr;

	if (endPtr == NULL) {
	    return;
	}
	*endPtr = '\0';
	procPtr->pid = strtol((char *) line + length, &restPtr, 10);
	while (*restPtr == ' ') {
	    restPtr++;
	}
	restPtr[strcspn(restPtr, "\r")] = '\0';
	procPtr->startRest = DpStrdup(restPtr);
	procPtr->started = true;
	DpBufCut(heldPtr, (size_t) at, (size_t) (endPtr + 1 - line));
	ReleaseHeld(procPtr, stream);
	Notify(procPtr, DP_PROC_STARTED);
    } else if (DpBufLength(heldPtr) > HELD_LIMIT) {
	ReleaseHeld(procPtr, stream);
    } else {
	CheckAsked(procPtr, prompted);
	if (procPtr->watched) {
	    PassHeld(procPtr, stream);
	}
    }
}

void
DpProcWatched(DpProc *procPtr)
{
    procPtr->watched = true;
    if (procPtr->token != NULL && procPtr->merge) {
	PassHeld(procPtr, DP_STDOUT);
    }
}

void
DpProcGot(DpProc *procPtr, int stream, const void *bytes, size_t count)
{
    if (procPtr->abandoned || count == 0) {
	return;
    }
    if (procPtr->merge) {
	stream = DP_STDOUT;
    }
    if (procPtr->token != NULL
	    && stream == (procPtr->merge ? DP_STDOUT : DP_STDERR)) {
	DpBufAppend(&procPtr->held, bytes, count);
	Filter(procPtr, stream);
	if (DpBufLength(&procPtr->out[stream]) == 0) {
	    return;
	}
    } else if (procPtr->out[stream].size > 0 && bytes
	    == DpBufData(&procPtr->out[stream])
	    + DpBufLength(&procPtr->out[stream])) {
	DpBufAdded(&procPtr->out[stream], count);
    } else {
	DpBufAppend(&procPtr->out[stream], bytes, count);
    }
    Notify(procPtr, DP_PROC_READABLE);
}

void *
DpProcSpace(DpProc *procPtr, int stream, void *other, size_t size)
{
    if (procPtr->abandoned || procPtr->token != NULL || procPtr->merge
	    || procPtr->out[stream].keep < size) {
	return other;
    }
    return DpBufReserve(&procPtr->out[stream], size);
}

void
DpProcGotEof(DpProc *procPtr, int stream)
{
    if (procPtr->outEof[stream]) {
	return;
    }
    procPtr->outEof[stream] = true;
    if (procPtr->token != NULL
	    && stream == (procPtr->merge ? DP_STDOUT : DP_STDERR)) {
	ReleaseHeld(procPtr, stream);
    }
    Notify(procPtr, DP_PROC_READABLE);
}

size_t
DpProcPending(const DpProc *procPtr)
{
    if (procPtr->inHold && !procPtr->started) {
	return procPtr->inFree;
    }
    return DpBufLength(&procPtr->in);
}

/*
 * Whether the end of input may come before the start line: sudo has the
 * password, nothing is held back and nobody answers more, so that it need not
 * wait. A terminal would lose what is typed before the command reads.
 */
static bool
IsAllTold(const DpProc *procPtr)
{
    return procPtr->prompts > 0 && procPtr->ptyPtr == NULL
	    && !procPtr->watched;
}

bool
DpProcInAtEnd(const DpProc *procPtr)
{
    return procPtr->inClose && !procPtr->inDone
	    && DpBufLength(&procPtr->in) == 0
	    && (!procPtr->inHold || procPtr->started || IsAllTold(procPtr));
}

void
DpProcSent(DpProc *procPtr, size_t count)
{
    bool wasFull = DpBufLength(&procPtr->in) >= DP_PROC_HIGH;

    if (procPtr->inFree > 0) {
	/* A password passed: nothing of it stays in the queue's memory. */
	size_t secret = count < procPtr->inFree ? count : procPtr->inFree;

	DpWipe(DpBufData(&procPtr->in), secret);
	procPtr->inFree -= secret;
    }
    DpBufConsume(&procPtr->in, count);
    if (wasFull || DpBufLength(&procPtr->in) == 0) {
	Notify(procPtr, DP_PROC_WRITABLE);
    }
}

void
DpProcInDone(DpProc *procPtr)
{
    if (!procPtr->inDone) {
	procPtr->inDone = true;
	DpBufWipe(&procPtr->in);
	procPtr->inFree = 0;
	Notify(procPtr, DP_PROC_WRITABLE);
    }
}

void
DpProcEnd(DpProc *procPtr, const DpError *errPtr)
{
    if (procPtr->ended) {
	return;
    }
    if (errPtr != NULL && !DpErrorIsSet(&procPtr->error)) {
	DpErrorCopy(&procPtr->error, errPtr);
    }
    DpProcGotEof(procPtr, DP_STDOUT);
    DpProcGotEof(procPtr, DP_STDERR);
    DpTimerStop(&procPtr->askTimer);
    procPtr->ended = true;
    procPtr->endTime = DpLoopNow();
    DpProcInDone(procPtr);
    DpWipeFree(procPtr->password);
    procPtr->password = NULL;
    Notify(procPtr, DP_PROC_ENDED);
}

void
DpProcConsume(DpProc *procPtr, int stream, size_t count)
{
    bool wanted = DpProcWants(procPtr, stream);

    DpBufConsume(&procPtr->out[stream], count);
    if (!wanted && DpProcWants(procPtr, stream)) {
	Kick(procPtr);
    }
}

size_t
DpProcRoom(const DpProc *procPtr)
{
    size_t length = DpBufLength(&procPtr->in);

    return length >= DP_PROC_HIGH ? 0 : DP_PROC_HIGH - length;
}

void
DpProcWrite(DpProc *procPtr, const void *bytes, size_t n)
{
    if (procPtr->inDone || procPtr->inClose || n == 0) {
	return;
    }
    DpBufAppend(&procPtr->in, bytes, n);
    procPtr->inLine = ((const char *) bytes)[n - 1] != '\n'
	    && ((const char *) bytes)[n - 1] != '\r';
    Kick(procPtr);
}

void
DpProcReply(DpProc *procPtr, const void *bytes, size_t n)
{
    if (procPtr->started || !procPtr->inHold) {
	DpProcWrite(procPtr, bytes, n);
    } else if (!procPtr->inDone && n > 0) {
	DpTimerStop(&procPtr->askTimer);
	PutIn(procPtr, procPtr->inFree, bytes, n);
	Kick(procPtr);
    }
}

void
DpProcCloseIn(DpProc *procPtr)
{
    if (!procPtr->inClose) {
	TypeEnd(procPtr);
	procPtr->inClose = true;
	Kick(procPtr);
    }
}

void
DpProcResize(DpProc *procPtr, int cols, int rows)
{
    DpProcPty *ptyPtr = procPtr->ptyPtr;

    if (ptyPtr == NULL || procPtr->ended || procPtr->abandoned
	    || (ptyPtr->cols == cols && ptyPtr->rows == rows)) {
	return;
    }
    ptyPtr->cols = cols;
    ptyPtr->rows = rows;
    procPtr->typePtr->resize(procPtr);
}

void
DpProcAbandon(DpProc *procPtr)
{
    if (procPtr->abandoned) {
	return;
    }
    procPtr->abandoned = true;
    procPtr->notify = NULL;
    DpTimerStop(&procPtr->askTimer);
    DpBufFree(&procPtr->out[0]);
    DpBufFree(&procPtr->out[1]);
    DpBufFree(&procPtr->held);
    DpBufWipe(&procPtr->in);
    if (!procPtr->ended) {
	procPtr->typePtr->abandon(procPtr);
    }
}

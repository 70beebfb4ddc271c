/*
 * dpSshExec.c -- commands of a session: "session" channels (RFC 4254).
 *
 * Layer L2. Each command is a DpProc. Channels are opened one at a time, as
 * libssh2 keeps the progress of an open in the session.
 */

#include "dpSshInt.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Every read has this length: libssh2 loses data without an error when a read
 * that has to adjust the window is repeated with another length.
 */
#define READ_SIZE (32 * 1024)
/* One read takes so much off the socket: a megabyte of packets at once would be
 * new memory in each turn, and out of the cache. */
#define READ_CALL (READ_SIZE + 4 * 1024)
/* One write; what libssh2 puts into one packet at most. */
#define WRITE_SIZE (32 * 1024)
/* No more is given to libssh2 while so much waits for the socket. */
#define OUT_HIGH (256 * 1024)
/* The window that is offered to the server, with few and many channels. */
#define WINDOW_SIZE (2 * 1024 * 1024)
#define WINDOW_MANY (256 * 1024)
/*
 * Of a subsystem: what it may send is what was asked for, so that this is no
 * memory, but must not be less than a fast line with a long way holds.
 */
#define WINDOW_BULK (16 * 1024 * 1024)
#define MANY 8
/* Tries, 5 ms apart and then twice as long each time, about 5 s in all. */
#define MAX_REFUSALS 10
/* After so many commands one channel more than the known limit is tried. */
#define PROBE_ENDS 16

/* libssh2 sends no request above 34 kB. A longer line goes by the input. */
#define LONG_LINE (32 * 1024)

static void
SetExecState(DpSshExecOp *opPtr, ExecState state)
{
    opPtr->state = state;
}

static void
LinkOp(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    opPtr->prevPtr = sshPtr->lastPtr;
    if (sshPtr->lastPtr != NULL) {
	sshPtr->lastPtr->nextPtr = opPtr;
    } else {
	sshPtr->firstPtr = opPtr;
    }
    sshPtr->lastPtr = opPtr;
}

static void
TakeOut(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    if (opPtr->prevPtr != NULL) {
	opPtr->prevPtr->nextPtr = opPtr->nextPtr;
    } else {
	sshPtr->firstPtr = opPtr->nextPtr;
    }
    if (opPtr->nextPtr != NULL) {
	opPtr->nextPtr->prevPtr = opPtr->prevPtr;
    } else {
	sshPtr->lastPtr = opPtr->prevPtr;
    }
    opPtr->nextPtr = opPtr->prevPtr = NULL;
}

/* Twin of LinkOp; drops the producer's reference. */
static void
UnlinkOp(DpSshExecOp *opPtr)
{
    if (opPtr->state != EXEC_GONE) {
	SetExecState(opPtr, EXEC_GONE);
	TakeOut(opPtr->sshPtr, opPtr);
	DpProcDrop(&opPtr->proc);
    }
}

static void
ExecKick(DpProc *procPtr)
{
    DpSsh *sshPtr = ((DpSshExecOp *) procPtr)->sshPtr;

    if (sshPtr->pumping) {
	sshPtr->pumpAgain = true;
    } else {
	DpSshPumpLater(sshPtr);
    }
}

/*
 * RFC 4254, section 6.9. libssh2 1.10 cannot send it; sshd before 7.9 does
 * not take it. The pump sends it.
 */
static bool
ExecSignal(DpProc *procPtr, const char *name)
{
    DpSshExecOp *opPtr = (DpSshExecOp *) procPtr;

    if (LIBSSH2_VERSION_NUM < 0x010b00 || opPtr->state != EXEC_RUNNING) {
	return false;
    }
    snprintf(opPtr->toSignal, sizeof(opPtr->toSignal), "%s", name);
    ExecKick(procPtr);
    return true;
}

static void
SignalStep(DpSshExecOp *opPtr)
{
#if LIBSSH2_VERSION_NUM >= 0x010b00
    if (opPtr->toSignal[0] != '\0' && libssh2_channel_signal_ex(
	    opPtr->channel, opPtr->toSignal, strlen(opPtr->toSignal))
	    != LIBSSH2_ERROR_EAGAIN) {
	opPtr->toSignal[0] = '\0';
    }
#else
    (void) opPtr;
#endif
}

/*
 * RFC 4254, section 6.7: sends the size that is in force by now. libssh2 that
 * is not done with an older one is asked again with that one.
 */
static bool
ResizeStep(DpSshExecOp *opPtr)
{
    const DpProcPty *ptyPtr = opPtr->proc.ptyPtr;

    if (ptyPtr == NULL || (!opPtr->sizing && ptyPtr->cols == opPtr->sentCols
	    && ptyPtr->rows == opPtr->sentRows)) {
	return false;
    }
    if (!opPtr->sizing) {
	opPtr->sizing = true;
	opPtr->sentCols = ptyPtr->cols;
	opPtr->sentRows = ptyPtr->rows;
    }
    if (libssh2_channel_request_pty_size_ex(opPtr->channel, opPtr->sentCols,
	    opPtr->sentRows, 0, 0) == LIBSSH2_ERROR_EAGAIN) {
	return false;
    }
    opPtr->sizing = false;
    return true;
}

static void
ExecAbandon(DpProc *procPtr)
{
    DpSshExecOp *opPtr = (DpSshExecOp *) procPtr;

    if (opPtr->state == EXEC_QUEUED) {
	UnlinkOp(opPtr);
    } else {
	ExecKick(procPtr);
    }
}

static void
ExecFree(DpProc *procPtr)
{
    DpSshExecOp *opPtr = (DpSshExecOp *) procPtr;
    DpSsh *sshPtr = opPtr->sshPtr;

    DpFree(opPtr->line);
    DpFree(opPtr);
    DpSshDrop(sshPtr);
}

static const DpProcType execType = {
    .name = "ssh",
    .oneWindow = true,
    .kick = ExecKick,
    .signal = ExecSignal,
    .resize = ExecKick,
    .abandon = ExecAbandon,
    .free = ExecFree,
};

static DpProc *
Start(DpSsh *sshPtr, const char *line, size_t length, bool subsystem)
{
    DpSshExecOp *opPtr = DpAlloc(sizeof(*opPtr));

    DpProcInit(&opPtr->proc, &execType, sshPtr->loopPtr);
    DpSshHold(sshPtr);
    opPtr->sshPtr = sshPtr;
    if (line != NULL) {
	opPtr->line = DpAlloc(length + 1);
	memcpy(opPtr->line, line, length);
    }
    opPtr->length = length;
    opPtr->subsystem = subsystem;
    opPtr->state = EXEC_GONE;
    DpProcHold(&opPtr->proc);   /* the caller's */
    if (sshPtr->state == DP_SSH_CLOSED) {
	DpErrorCopy(&opPtr->proc.error, &sshPtr->error);
	DpProcEnd(&opPtr->proc, NULL);
	DpProcDrop(&opPtr->proc);
	return &opPtr->proc;
    }
    SetExecState(opPtr, EXEC_QUEUED);
    LinkOp(sshPtr, opPtr);
    if (sshPtr->state == DP_SSH_OPEN) {
	/* Later: the caller sets the listener and the start filter first. */
	DpSshPumpLater(sshPtr);
    }
    return &opPtr->proc;
}

DpProc *
DpSshExec(DpSsh *sshPtr, const char *line, size_t length)
{
    return Start(sshPtr, line, length, false);
}

DpProc *
DpSshSubsystem(DpSsh *sshPtr, const char *name)
{
    return Start(sshPtr, name, strlen(name), true);
}

/* The command could not be run, or the connection died under it. */
static void
FailOp(DpSshExecOp *opPtr, const char *why)
{
    DpError err = {0};
    const char *slug = opPtr->sshPtr->config.slug;

    DpErrorSet(&err, "EXEC LOST", "the command on %s %s: %s", slug,
	    opPtr->state == EXEC_RUNNING || opPtr->state == EXEC_ENDING
		    ? "was cut off" : "could not be started", why);
    DpErrorAddData(&err, slug);
    DpProcEnd(&opPtr->proc, &err);
    DpErrorClear(&err);
}

void
DpSshExecEndAll(DpSsh *sshPtr)
{
    while (sshPtr->firstPtr != NULL) {
	DpSshExecOp *opPtr = sshPtr->firstPtr;

	/* The channel went with the session. */
	opPtr->channel = NULL;
	if (opPtr->state == EXEC_QUEUED || opPtr->state == EXEC_OPENING) {
	    /* The server never heard of it: it can be run anew elsewhere. */
	    DpProcEnd(&opPtr->proc, &sshPtr->error);
	} else {
	    FailOp(opPtr, sshPtr->error.message);
	}
	UnlinkOp(opPtr);
    }
    DpTimerStop(&sshPtr->openTimer);
    sshPtr->openingPtr = sshPtr->askingPtr = NULL;
    sshPtr->idleChannel = NULL;
    sshPtr->running = 0;
}

/*
 * The same for those that run, or just those whose process id is known, without an
 * end of the session. Their channels are closed one after another.
 */
void
DpSshExecLoseAll(DpSsh *sshPtr, bool all)
{
    DpSshExecOp *opPtr, *nextPtr;

    for (opPtr = sshPtr->firstPtr; opPtr != NULL; opPtr = nextPtr) {
	DpProcHold(&opPtr->proc);
	if (opPtr->state == EXEC_QUEUED || opPtr->state == EXEC_OPENING) {
	    DpProcEnd(&opPtr->proc, &sshPtr->error);
	} else if (all || opPtr->proc.token == NULL || opPtr->proc.started) {
	    FailOp(opPtr, sshPtr->error.message);
	}
	nextPtr = opPtr->nextPtr;
	if (opPtr->state == EXEC_QUEUED) {
	    UnlinkOp(opPtr);
	}
	DpProcDrop(&opPtr->proc);
    }
    DpSshPumpLater(sshPtr);
}

/* Nobody wants it any more, whatever it does. */
static bool
IsOver(const DpSshExecOp *opPtr)
{
    return opPtr->proc.abandoned || opPtr->proc.ended;
}

static const char *
LastError(DpSsh *sshPtr)
{
    char *text = NULL;

    libssh2_session_last_error(sshPtr->session, &text, NULL, 0);
    return text != NULL ? text : "";
}

static void
OpenAgain(void *clientData)
{
    DpSshPump(clientData);
}

/*
 * The server opened no channel. With others open that is its limit
 * (MaxSessions): the command goes back to wait for one of them to end. With
 * none open it may still be seeing to the last one: sshd counts a channel
 * until its process is reaped.
 */
static void
OpenRefused(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    sshPtr->running--;
    if (sshPtr->running > 0 && !IsOver(opPtr)) {
	sshPtr->limit = sshPtr->running;
	SetExecState(opPtr, EXEC_QUEUED);
	return;
    }
    if (sshPtr->started > 0 && opPtr->refusals < MAX_REFUSALS
	    && !IsOver(opPtr)) {
	SetExecState(opPtr, EXEC_QUEUED);
	DpTimerStart(sshPtr->loopPtr, &sshPtr->openTimer,
		5 << opPtr->refusals++, OpenAgain, sshPtr);
	return;
    }
    FailOp(opPtr, LastError(sshPtr));
    UnlinkOp(opPtr);
}

static bool
IsFull(const DpSsh *sshPtr)
{
    return sshPtr->limit >= 0 && sshPtr->running >= sshPtr->limit;
}

/* Opens the next channel, one at a time. True: progress. */
static bool
OpenStep(DpSsh *sshPtr)
{
    DpSshExecOp *opPtr = sshPtr->openingPtr;
    int rc;

    if (!DpSshIdleStep(sshPtr)) {
	return false;
    }
    if (opPtr == NULL) {
	if (sshPtr->openTimer.loopPtr != NULL || (IsFull(sshPtr)
		&& sshPtr->tenantsPtr == NULL)) {
	    return false;
	}
	for (opPtr = sshPtr->firstPtr; opPtr != NULL
		&& opPtr->state != EXEC_QUEUED; opPtr = opPtr->nextPtr) {
	    /* Those before it have had their turn. */
	}
	if (opPtr == NULL) {
	    return false;
	}
	if (IsFull(sshPtr)) {
	    DpSshTenantsCall(sshPtr);
	    return false;
	}
	SetExecState(opPtr, EXEC_OPENING);
	sshPtr->openingPtr = opPtr;
	sshPtr->running++;
    }
    opPtr->channel = libssh2_channel_open_ex(sshPtr->session, "session",
	    sizeof("session") - 1,
	    opPtr->subsystem ? WINDOW_BULK
		    : sshPtr->running > MANY || opPtr->proc.ptyPtr != NULL
		    ? WINDOW_MANY : WINDOW_SIZE,
	    LIBSSH2_CHANNEL_PACKET_DEFAULT, NULL, 0);
    if (opPtr->channel != NULL) {
	sshPtr->openingPtr = NULL;
	if (opPtr->proc.merge) {
	    /* libssh2 then keeps the two streams in the order they came. */
	    libssh2_channel_handle_extended_data2(opPtr->channel,
		    LIBSSH2_CHANNEL_EXTENDED_DATA_MERGE);
	    DpProcGotEof(&opPtr->proc, DP_STDERR);
	}
	if (opPtr->length > LONG_LINE && opPtr->proc.ptyPtr == NULL) {
	    char *line = DpSshLongLine(&opPtr->proc, opPtr->line,
		    opPtr->length);

	    DpFree(opPtr->line);
	    opPtr->line = line;
	    opPtr->length = strlen(line);
	}
	SetExecState(opPtr, IsOver(opPtr) ? EXEC_FREEING
		: opPtr->proc.ptyPtr != NULL ? EXEC_PTY : EXEC_REQUEST);
	return true;
    }
    rc = libssh2_session_last_errno(sshPtr->session);
    if (rc == LIBSSH2_ERROR_EAGAIN) {
	return false;
    }
    if (rc != LIBSSH2_ERROR_CHANNEL_FAILURE) {
	sshPtr->fatal = rc;
	return false;
    }
    sshPtr->openingPtr = NULL;
    OpenRefused(sshPtr, opPtr);
    return true;
}

/* The command was to have a terminal and gets none: it does not run. */
static bool
FailPty(DpSshExecOp *opPtr, const char *why)
{
    DpError err = {0};
    const char *slug = opPtr->sshPtr->config.slug;

    DpErrorSet(&err, "EXEC PTY", "the command on %s was not started, because"
	    " it can't have a terminal: %s", slug, why);
    DpErrorAddData(&err, slug);
    DpProcEnd(&opPtr->proc, &err);
    DpErrorClear(&err);
    SetExecState(opPtr, EXEC_FREEING);
    return true;
}

/*
 * One request at a time waits for its answer: libssh2 that finds the answer to
 * another channel's takes its own for refused. False: it is not our turn.
 */
static bool
MayAsk(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    if (sshPtr->askingPtr != NULL && sshPtr->askingPtr != opPtr) {
	return false;
    }
    sshPtr->askingPtr = opPtr;
    return true;
}

/* RFC 4254, section 6.2. */
static bool
PtyStep(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    const DpProcPty *ptyPtr = opPtr->proc.ptyPtr;
    int rc;

    if (opPtr->length > LONG_LINE) {
	return FailPty(opPtr, "its line is above 32 kB, and input, where such"
		" a line goes, belongs to the terminal");
    }
    if (!MayAsk(sshPtr, opPtr)) {
	return false;
    }
    if (!opPtr->sizing) {
	opPtr->sizing = true;
	opPtr->sentCols = ptyPtr->cols;
	opPtr->sentRows = ptyPtr->rows;
    }
    rc = libssh2_channel_request_pty_ex(opPtr->channel, ptyPtr->term,
	    (unsigned int) strlen(ptyPtr->term), (const char *) ptyPtr->modes,
	    (unsigned int) ptyPtr->numModes, opPtr->sentCols, opPtr->sentRows,
	    0, 0);
    if (rc == LIBSSH2_ERROR_EAGAIN) {
	return false;
    }
    opPtr->sizing = false;
    sshPtr->askingPtr = NULL;
    if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED) {
	return FailPty(opPtr, "the server refuses it; either it allows none"
		" to this user (PermitTTY, no-pty) or all are in use");
    }
    if (rc != 0) {
	FailOp(opPtr, LastError(sshPtr));
	SetExecState(opPtr, EXEC_FREEING);
	return true;
    }
    SetExecState(opPtr, EXEC_REQUEST);
    return true;
}

static void
RefuseSubsystem(DpSshExecOp *opPtr)
{
    DpError err = {0};
    const char *slug = opPtr->sshPtr->config.slug;

    DpErrorSet(&err, "FILE ENOSYS", "the SSH server of %s has no subsystem %s",
	    slug, opPtr->line);
    DpErrorAddData(&err, slug);
    DpErrorAddData(&err, opPtr->line);
    DpProcEnd(&opPtr->proc, &err);
    DpErrorClear(&err);
    SetExecState(opPtr, EXEC_FREEING);
}

static bool
RequestStep(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    const char *request = opPtr->line == NULL ? "shell"
	    : opPtr->subsystem ? "subsystem" : "exec";
    int rc;

    if (!MayAsk(sshPtr, opPtr)) {
	return false;
    }
    opPtr->proc.begun = true;
    rc = libssh2_channel_process_startup(opPtr->channel,
	    request, (unsigned int) strlen(request), opPtr->line,
	    (unsigned int) opPtr->length);
    if (rc == LIBSSH2_ERROR_EAGAIN) {
	return false;
    }
    sshPtr->askingPtr = NULL;
    if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED && opPtr->subsystem) {
	RefuseSubsystem(opPtr);
	return true;
    }
    if (rc != 0) {
	FailOp(opPtr, LastError(sshPtr));
	SetExecState(opPtr, EXEC_FREEING);
	return true;
    }
    SetExecState(opPtr, EXEC_RUNNING);
    if (sshPtr->started++ == 0) {
	/* From here on sshd has TCP_NODELAY set. */
	sshPtr->quick = false;
    }
    return true;
}

/*
 * Reads what there is of one stream, some of it also when another one in flood
 * has spent the turn: that would come first each time. True: progress.
 */
static bool
ReadStream(DpSsh *sshPtr, DpSshExecOp *opPtr, int stream)
{
    unsigned char bytes[READ_SIZE];
    bool progress = false;

    while (sshPtr->fatal == 0 && !opPtr->proc.outEof[stream]
	    && DpProcWants(&opPtr->proc, stream)
	    && !(progress && sshPtr->turnSpent)) {
	void *space = DpProcSpace(&opPtr->proc, stream, bytes, READ_SIZE);
	ssize_t n;

	DpSshLimitRead(sshPtr, READ_CALL);
	n = libssh2_channel_read_ex(opPtr->channel,
		stream == DP_STDERR ? SSH_EXTENDED_DATA_STDERR : 0,
		space, READ_SIZE);
	DpSshLimitRead(sshPtr, SIZE_MAX);
	if (n > 0) {
	    progress = true;
	    DpProcGot(&opPtr->proc, stream, space, (size_t) n);
	} else if (n == 0) {
	    /* End of file, or closed: nothing is queued for the stream. */
	    progress = true;
	    DpProcGotEof(&opPtr->proc, stream);
	} else {
	    if (n != LIBSSH2_ERROR_EAGAIN) {
		sshPtr->fatal = (int) n;
	    }
	    break;
	}
    }
    return progress;
}

/* Writes to the command's standard input. True: progress. */
static bool
WriteStep(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    DpProc *procPtr = &opPtr->proc;
    bool progress = false;

    while (!procPtr->inDone && DpBufLength(&sshPtr->outBuf) < OUT_HIGH) {
	size_t count = DpProcPending(procPtr);
	ssize_t n;

	if (count == 0) {
	    break;
	}
	if (libssh2_channel_eof(opPtr->channel) == 1
		&& opPtr->state == EXEC_ENDING) {
	    break;
	}
	n = libssh2_channel_write_ex(opPtr->channel, 0,
		(const char *) DpBufData(&procPtr->in),
		count < WRITE_SIZE ? count : WRITE_SIZE);
	sshPtr->giveTime = 0;
	if (n == LIBSSH2_ERROR_EAGAIN || n == 0) {
	    break;              /* the window is full */
	}
	progress = true;
	if (n < 0) {
	    DpProcInDone(procPtr);
	    break;
	}
	DpProcSent(procPtr, (size_t) n);
    }
    if (progress && DpBufLength(&sshPtr->outBuf) >= OUT_HIGH) {
	/* What there is room for next is for the others. */
	TakeOut(sshPtr, opPtr);
	LinkOp(sshPtr, opPtr);
    }
    if (DpProcInAtEnd(procPtr) && !opPtr->eofSent) {
	if (procPtr->ptyPtr != NULL) {
	    /* sshd has nothing to close where the terminal goes on. */
	    opPtr->eofSent = progress = true;
	    DpProcInDone(procPtr);
	} else if (libssh2_channel_send_eof(opPtr->channel)
		!= LIBSSH2_ERROR_EAGAIN) {
	    opPtr->eofSent = progress = true;
	    DpProcInDone(procPtr);
	}
    }
    return progress;
}

/* The close has come: what the server said of the command's end. */
static void
TakeStatus(DpSshExecOp *opPtr)
{
    DpProc *procPtr = &opPtr->proc;
    char *name = NULL;
    size_t length = 0;

    libssh2_channel_get_exit_signal(opPtr->channel, &name, &length, NULL,
	    NULL, NULL, NULL);
    if (name != NULL) {
	snprintf(procPtr->signalName, sizeof(procPtr->signalName), "%.*s",
		(int) length, name);
	free(name);             /* libssh2 was given no allocator */
	procPtr->status = -1;
    } else {
	procPtr->status = libssh2_channel_get_exit_status(opPtr->channel);
    }
    opPtr->closed = true;
    DpProcEnd(procPtr, NULL);
}

/*
 * Output is at its end. The close is waited for and not sent first: a command
 * may have closed its output and still be running.
 */
static bool
EndingStep(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    bool progress = WriteStep(sshPtr, opPtr);
    int rc = libssh2_channel_wait_closed(opPtr->channel);

    if (rc == LIBSSH2_ERROR_EAGAIN) {
	return progress;
    }
    if (rc != 0) {
	sshPtr->fatal = rc;
	return progress;
    }
    TakeStatus(opPtr);
    SetExecState(opPtr, EXEC_FREEING);
    return true;
}

/* Closes our side and frees the channel; output left is thrown away. */
static bool
FreeingStep(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    if (libssh2_channel_close(opPtr->channel) == LIBSSH2_ERROR_EAGAIN) {
	return false;
    }
    if (!opPtr->closed || sshPtr->idleChannel != NULL
	    || !DpSshKeepIdle(sshPtr, opPtr->channel)) {
	libssh2_channel_free(opPtr->channel);
    }
    if (sshPtr->idleState == DP_IDLE_REFUSED) {
	sshPtr->idleState = DP_IDLE_NONE;
    }
    opPtr->channel = NULL;
    if (--sshPtr->running == 0) {
	DpSshTrim(sshPtr);
    }
    if (sshPtr->limit >= 0 && ++sshPtr->ends % PROBE_ENDS == 0) {
	/* The limit may have been seen while sshd was behind: try for more. */
	sshPtr->limit++;
    }
    if (!opPtr->proc.ended) {
	DpProcEnd(&opPtr->proc, NULL);
    }
    UnlinkOp(opPtr);
    return true;
}

static bool
OpStep(DpSsh *sshPtr, DpSshExecOp *opPtr)
{
    bool progress = false;

    if (IsOver(opPtr) && (opPtr->state == EXEC_RUNNING
	    || opPtr->state == EXEC_ENDING
	    || (opPtr->state == EXEC_PTY && !opPtr->sizing)
	    || (opPtr->state == EXEC_REQUEST && !opPtr->proc.begun))) {
	SetExecState(opPtr, EXEC_FREEING);
    }
    switch (opPtr->state) {
    case EXEC_PTY:
	return PtyStep(sshPtr, opPtr);
    case EXEC_REQUEST:
	return RequestStep(sshPtr, opPtr);
    case EXEC_RUNNING:
	progress = ReadStream(sshPtr, opPtr, DP_STDOUT);
	progress |= ReadStream(sshPtr, opPtr, DP_STDERR);
	if (sshPtr->fatal != 0) {
	    return progress;
	}
	progress |= ResizeStep(opPtr);
	progress |= WriteStep(sshPtr, opPtr);
	SignalStep(opPtr);
	if (opPtr->proc.outEof[0] && opPtr->proc.outEof[1]) {
	    SetExecState(opPtr, EXEC_ENDING);
	    return true;
	}
	return progress;
    case EXEC_ENDING:
	return EndingStep(sshPtr, opPtr);
    case EXEC_FREEING:
	return FreeingStep(sshPtr, opPtr);
    case EXEC_QUEUED:
    case EXEC_OPENING:
    case EXEC_GONE:
	break;
    }
    return false;
}

bool
DpSshHasRoom(const DpSsh *sshPtr)
{
    if (sshPtr->state != DP_SSH_OPEN || sshPtr->openTimer.loopPtr != NULL
	    || (sshPtr->limit >= 0 && sshPtr->running + 1 >= sshPtr->limit)) {
	return false;
    }
    for (const DpSshExecOp *opPtr = sshPtr->firstPtr; opPtr != NULL;
	    opPtr = opPtr->nextPtr) {
	if (opPtr->state == EXEC_QUEUED) {
	    return false;
	}
    }
    return true;
}

/*
 * One sweep over every channel. True: progress was made. Once libssh2 has refused
 * a packet it is not called again: it would take the next one for good, which with
 * some ciphers is deciphered wrong then.
 */
bool
DpSshExecStep(DpSsh *sshPtr)
{
    bool progress = OpenStep(sshPtr);
    DpSshExecOp *opPtr, *nextPtr;

    for (opPtr = sshPtr->firstPtr; opPtr != NULL && sshPtr->fatal == 0;
	    opPtr = nextPtr) {
	bool gone;

	DpProcHold(&opPtr->proc);
	progress |= OpStep(sshPtr, opPtr);
	nextPtr = opPtr->nextPtr;
	gone = opPtr->state == EXEC_GONE;
	DpProcDrop(&opPtr->proc);
	if (gone) {
	    return true;        /* out of the list: begin anew */
	}
    }
    if (sshPtr->fatal == 0) {
	DpSshDrainStep(sshPtr);
    }
    if (sshPtr->fatal != 0) {
	/* A dead socket, or bytes that no SSH server sends. */
	DpSshFailLib(sshPtr, sshPtr->fatal, "lost the connection to");
	return false;
    }
    return progress;
}

/*
 * dpSpawn.c -- a local command as a DpProc: three pipes or a terminal, and a
 * process.
 *
 * Layer L2. No handler for SIGCHLD and no wait for any process but our own:
 * both belong to the application.
 */

#include "dpSpawn.h"

#include "dpFork.h"
#include "dpPoll.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HAVE_SYS_SYSCALL_H
#   include <sys/syscall.h>
#endif
#ifndef NSIG
#   define NSIG 65
#endif

/* One read takes at most so much, which is what a pipe of Linux holds. */
#define READ_SIZE (64 * 1024)

/* Reads of one stream in one turn, so that a flood starves nobody. */
#define READ_TURNS 4

/* Without pidfd_open, how often is looked for the end: from, up to (ms). */
#define REAP_FIRST 1
#define REAP_LAST 50

struct Spawned;

/*
 * Our end of a pipe. The master of a terminal is two of them, which have a
 * descriptor each because a set of descriptors takes none twice; that of `in`
 * stays open until the command is reaped, as closing the last one hangs up.
 */
typedef struct End {
    struct Spawned *spawnedPtr;
    int stream;                 /* -1: standard input */
    int fd;                     /* -1: closed */
    DpWatch watch;
} End;

typedef struct Spawned {
    DpProc proc;                /* first: a DpProc is cast to this */
    DpSpawnList *listPtr;       /* NULL once reaped or forgotten */
    struct Spawned *nextPtr, *prevPtr;
    pid_t pid;                  /* 0 once reaped */
    bool dead;                  /* not yet reaped, and leads a terminal */
    End in, out[2];
    bool flushing;              /* FlushInput is on the stack */
    int pidFd;                  /* -1: not watched that way */
    DpWatch pidWatch;
    DpTimer reapTimer;
    int reapDelay;              /* of reapTimer */
} Spawned;

static void CheckOver(Spawned *spawnedPtr);

static void
CloseEnd(End *endPtr)
{
    DpWatchStop(&endPtr->watch);
    if (endPtr->fd >= 0) {
	close(endPtr->fd);
	endPtr->fd = -1;
    }
}

/* --- standard input --- */

/* Nothing more can be written. */
static void
InputOver(End *endPtr)
{
    DpProc *procPtr = &endPtr->spawnedPtr->proc;

    if (procPtr->ptyPtr != NULL) {
	DpWatchStop(&endPtr->watch);
    } else {
	CloseEnd(endPtr);
    }
    DpProcInDone(procPtr);
}

static void InputReady(void *clientData, int mask);

/* Writes what may go and fits, and watches for what then matters. */
static void
FlushInput(Spawned *spawnedPtr)
{
    DpProc *procPtr = &spawnedPtr->proc;
    End *endPtr = &spawnedPtr->in;
    size_t count = 0;

    /* A consumer that is told of the room writes again: that is our loop. */
    if (spawnedPtr->flushing || endPtr->fd < 0 || procPtr->inDone) {
	return;
    }
    spawnedPtr->flushing = true;
    DpProcHold(procPtr);
    while (endPtr->fd >= 0 && (count = DpProcPending(procPtr)) > 0) {
	ssize_t sent = write(endPtr->fd, DpBufData(&procPtr->in), count);

	if (sent >= 0) {
	    DpProcSent(procPtr, (size_t) sent);
	} else if (errno == EAGAIN) {
	    break;
	} else if (errno != EINTR) {
	    InputOver(endPtr);
	}
    }
    if (endPtr->fd >= 0 && DpProcInAtEnd(procPtr)) {
	InputOver(endPtr);
    }
    if (endPtr->fd >= 0 && !procPtr->inDone) {
	/* Without bytes to write, for the reader's going away. */
	int mask = count > 0 ? DP_WRITABLE : 0;

	if (endPtr->watch.loopPtr == NULL) {
	    DpWatchStart(procPtr->loopPtr, &endPtr->watch, endPtr->fd, mask,
		    InputReady, endPtr);
	} else {
	    DpWatchMask(&endPtr->watch, mask);
	}
    }
    spawnedPtr->flushing = false;
    DpProcDrop(procPtr);
}

static void
InputReady(void *clientData, int mask)
{
    End *endPtr = clientData;

    if (mask & DP_HANGUP) {
	InputOver(endPtr);
    } else {
	FlushInput(endPtr->spawnedPtr);
    }
}

/* --- outputs --- */

static void
OutputAtEnd(End *endPtr)
{
    Spawned *spawnedPtr = endPtr->spawnedPtr;

    CloseEnd(endPtr);
    if (endPtr->stream == DP_STDOUT && spawnedPtr->proc.merge) {
	DpProcGotEof(&spawnedPtr->proc, DP_STDERR);
    }
    DpProcGotEof(&spawnedPtr->proc, endPtr->stream);
    CheckOver(spawnedPtr);
}

/* As read(2). A terminal gives what it has in pieces of 4 kB at most. */
static ssize_t
ReadEnd(const End *endPtr, char *bytes)
{
    bool inPieces = endPtr->spawnedPtr->proc.ptyPtr != NULL;
    size_t got = 0;
    ssize_t count;

    do {
	count = read(endPtr->fd, bytes + got, READ_SIZE - got);
	if (count > 0) {
	    got += (size_t) count;
	}
    } while (inPieces && count > 0 && got < READ_SIZE);
    return got > 0 ? (ssize_t) got : count;
}

static void
OutputReady(void *clientData, int mask)
{
    End *endPtr = clientData;
    Spawned *spawnedPtr = endPtr->spawnedPtr;
    DpProc *procPtr = &spawnedPtr->proc;
    char bytes[READ_SIZE];
    ssize_t count = READ_SIZE;

    (void) mask;
    DpProcHold(procPtr);
    for (int i = 0; i < READ_TURNS && count == READ_SIZE; i++) {
	bool atEnd = spawnedPtr->dead;

	if (!DpProcWants(procPtr, endPtr->stream)) {
	    /* Not a mask of 0: a hangup would be told again and again. */
	    DpWatchStop(&endPtr->watch);
	    break;
	}
	count = ReadEnd(endPtr, bytes);
	if (count > 0) {
	    DpProcGot(procPtr, endPtr->stream, bytes, (size_t) count);
	} else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
	    /* Of a terminal: EIO, nobody has its other end open any more. */
	    atEnd = true;
	}
	if (endPtr->fd < 0) {
	    break;
	}
	if (atEnd) {
	    OutputAtEnd(endPtr);
	    break;
	}
    }
    /* The start line or a prompt lets go of input that was held back. */
    FlushInput(spawnedPtr);
    DpProcDrop(procPtr);
}

static void
WatchOutput(End *endPtr)
{
    DpProc *procPtr = &endPtr->spawnedPtr->proc;

    if (endPtr->fd >= 0 && endPtr->watch.loopPtr == NULL
	    && DpProcWants(procPtr, endPtr->stream)) {
	DpWatchStart(procPtr->loopPtr, &endPtr->watch, endPtr->fd, DP_READABLE,
		OutputReady, endPtr);
    }
}

/* --- the end --- */

/* Twin of WatchDeath. */
static void
UnwatchDeath(Spawned *spawnedPtr)
{
    DpTimerStop(&spawnedPtr->reapTimer);
    DpWatchStop(&spawnedPtr->pidWatch);
    if (spawnedPtr->pidFd >= 0) {
	close(spawnedPtr->pidFd);
	spawnedPtr->pidFd = -1;
    }
}

static void
Unlink(Spawned *spawnedPtr)
{
    if (spawnedPtr->prevPtr != NULL) {
	spawnedPtr->prevPtr->nextPtr = spawnedPtr->nextPtr;
    } else {
	spawnedPtr->listPtr->firstPtr = spawnedPtr->nextPtr;
    }
    if (spawnedPtr->nextPtr != NULL) {
	spawnedPtr->nextPtr->prevPtr = spawnedPtr->prevPtr;
    }
    spawnedPtr->listPtr = NULL;
}

/* Drops the producer's reference. */
static void
Conclude(Spawned *spawnedPtr, const DpError *errPtr)
{
    spawnedPtr->pid = 0;
    UnwatchDeath(spawnedPtr);
    CloseEnd(&spawnedPtr->in);
    Unlink(spawnedPtr);
    DpProcEnd(&spawnedPtr->proc, errPtr);
    DpProcDrop(&spawnedPtr->proc);
}

/* The name of a signal without "SIG", or its number. */
static void
NameSignal(char *name, size_t size, int sig)
{
    const char *id = Tcl_SignalId(sig);

    if (strncmp(id, "SIG", 3) == 0) {
	snprintf(name, size, "%s", id + 3);
    } else {
	snprintf(name, size, "%d", sig);
    }
}

/* Takes the status of a process that is dead. False: it lives. */
static bool
Reap(Spawned *spawnedPtr)
{
    DpProc *procPtr = &spawnedPtr->proc;
    int status;
    pid_t pid;

    do {
	pid = waitpid(spawnedPtr->pid, &status, WNOHANG);
    } while (pid < 0 && errno == EINTR);
    if (pid == 0) {
	return false;
    }
    /* Not our child any more: somebody waited for all; no status is left. */
    if (pid > 0 && WIFEXITED(status)) {
	procPtr->status = WEXITSTATUS(status);
    } else if (pid > 0 && WIFSIGNALED(status)) {
	NameSignal(procPtr->signalName, sizeof(procPtr->signalName),
		WTERMSIG(status));
    }
    return true;
}

static void
DeathTimer(void *clientData)
{
    CheckOver(clientData);
}

static void
PidReady(void *clientData, int mask)
{
    (void) mask;
    CheckOver(clientData);
}

/* A descriptor that is readable when the process is dead, or -1. */
static int
OpenPid(pid_t pid)
{
#if defined(HAVE_DECL_SYS_PIDFD_OPEN) && HAVE_DECL_SYS_PIDFD_OPEN
    return (int) syscall(SYS_pidfd_open, pid, 0);
#else
    (void) pid;
    return -1;
#endif
}

static void
WatchDeath(Spawned *spawnedPtr)
{
    if (spawnedPtr->pidFd >= 0) {
	return;
    }
    spawnedPtr->pidFd = OpenPid(spawnedPtr->pid);
    if (spawnedPtr->pidFd >= 0) {
	spawnedPtr->pidFd = DpFdRaise(spawnedPtr->pidFd);
	DpWatchStart(spawnedPtr->proc.loopPtr, &spawnedPtr->pidWatch,
		spawnedPtr->pidFd, DP_READABLE, PidReady, spawnedPtr);
	return;
    }
    if (spawnedPtr->reapDelay < REAP_LAST) {
	spawnedPtr->reapDelay = spawnedPtr->reapDelay == 0 ? REAP_FIRST
		: 2 * spawnedPtr->reapDelay;
    }
    DpTimerStart(spawnedPtr->proc.loopPtr, &spawnedPtr->reapTimer,
	    spawnedPtr->reapDelay, DeathTimer, spawnedPtr);
}

/* Whether the process is dead, which Reap is to find as well. */
static bool
IsDead(const Spawned *spawnedPtr)
{
    siginfo_t info;

    memset(&info, 0, sizeof(info));
    return waitid(P_PID, (id_t) spawnedPtr->pid, &info,
	    WEXITED | WNOHANG | WNOWAIT) != 0 ? errno == ECHILD
	    : info.si_pid != 0;
}

/*
 * A terminal ends with its leader, as with sshd: what that left behind may have
 * it open for ever. What was written by then fits into one read, made once it
 * is wanted.
 */
static void
CheckLeader(Spawned *spawnedPtr)
{
    if (!spawnedPtr->dead && !IsDead(spawnedPtr)) {
	WatchDeath(spawnedPtr);
	return;
    }
    spawnedPtr->dead = true;
    UnwatchDeath(spawnedPtr);
    OutputReady(&spawnedPtr->out[DP_STDOUT], 0);
}

/* Reaps once no output can come; the caller holds a reference or is done. */
static void
CheckOver(Spawned *spawnedPtr)
{
    if (spawnedPtr->pid == 0) {
	return;
    }
    if (spawnedPtr->out[0].fd >= 0 || spawnedPtr->out[1].fd >= 0) {
	if (spawnedPtr->proc.ptyPtr != NULL) {
	    CheckLeader(spawnedPtr);
	}
	return;
    }
    if (Reap(spawnedPtr)) {
	Conclude(spawnedPtr, NULL);
    } else {
	WatchDeath(spawnedPtr);
    }
}

/* --- what a DpProc does --- */

static void
KickSpawned(DpProc *procPtr)
{
    Spawned *spawnedPtr = (Spawned *) procPtr;

    WatchOutput(&spawnedPtr->out[DP_STDOUT]);
    WatchOutput(&spawnedPtr->out[DP_STDERR]);
    if (spawnedPtr->dead && spawnedPtr->out[DP_STDOUT].fd >= 0
	    && DpProcWants(procPtr, DP_STDOUT)) {
	/* CheckLeader's read; not in here, as the caller may look at output. */
	DpTimerStart(procPtr->loopPtr, &spawnedPtr->reapTimer, 0, DeathTimer,
		spawnedPtr);
    }
    FlushInput(spawnedPtr);
}

static bool
SignalSpawned(DpProc *procPtr, const char *name)
{
    Spawned *spawnedPtr = (Spawned *) procPtr;

    if (spawnedPtr->pid == 0) {
	return false;
    }
    for (int sig = 1; sig < NSIG; sig++) {
	char known[16];

	NameSignal(known, sizeof(known), sig);
	if (strcmp(known, name) == 0) {
	    return kill(-spawnedPtr->pid, sig) == 0;
	}
    }
    return false;
}

static void
ResizeSpawned(DpProc *procPtr)
{
    Spawned *spawnedPtr = (Spawned *) procPtr;

    if (spawnedPtr->in.fd >= 0) {
	DpPtySetSize(spawnedPtr->in.fd, procPtr->ptyPtr->cols,
		procPtr->ptyPtr->rows);
    }
}

static void
AbandonSpawned(DpProc *procPtr)
{
    Spawned *spawnedPtr = (Spawned *) procPtr;

    CloseEnd(&spawnedPtr->in);
    CloseEnd(&spawnedPtr->out[DP_STDOUT]);
    CloseEnd(&spawnedPtr->out[DP_STDERR]);
    CheckOver(spawnedPtr);
}

static void
FreeSpawned(DpProc *procPtr)
{
    DpFree(procPtr);
}

static const DpProcType spawnedType = {
    .name = "local",
    .kick = KickSpawned,
    .signal = SignalSpawned,
    .resize = ResizeSpawned,
    .abandon = AbandonSpawned,
    .free = FreeSpawned,
};

/* --- the start --- */

/*
 * What failed, in a sentence. The name of the error stands in the code as in
 * Tcl's own {POSIX ENOENT ...}.
 */
static void
StartError(DpError *errPtr, const DpSpawnSpec *specPtr, DpForkStage stage,
	int error)
{
    const char *path = specPtr->argv[0];
    char code[32];

    errno = error;
    snprintf(code, sizeof(code), "FILE %s", Tcl_ErrnoId());
    if (stage == DP_FORK_CHDIR) {
	path = specPtr->cwd;
	DpErrorSet(errPtr, code,
		"couldn't run \"%s\" on %s in directory \"%s\": %s",
		specPtr->argv[0], specPtr->slug, path, Tcl_ErrnoMsg(error));
    } else {
	DpErrorSet(errPtr, code, "couldn't run \"%s\" on %s: %s", path,
		specPtr->slug, Tcl_ErrnoMsg(error));
    }
    DpErrorAddData(errPtr, specPtr->slug);
    DpErrorAddData(errPtr, path);
}

/* Makes a pipe: *ourPtr for us (index ours of it), *theirPtr for the child. */
static bool
MakePipe(int ours, int *ourPtr, int *theirPtr)
{
    int fds[2];

    if (DpForkPipe(fds) != 0) {
	return false;
    }
    *theirPtr = fds[1 - ours];
    *ourPtr = DpFdRaise(fds[ours]);
    fcntl(*ourPtr, F_SETFL, O_NONBLOCK);
    return true;
}

/* Three pipes, of which the last two may be one. False with errno. */
static bool
MakePipes(const DpSpawnSpec *specPtr, int ours[3], int theirs[3])
{
    if (!MakePipe(1, &ours[0], &theirs[0])
	    || !MakePipe(0, &ours[1], &theirs[1])) {
	return false;
    }
    if (specPtr->merge) {
	theirs[2] = theirs[1];
	return true;
    }
    return MakePipe(0, &ours[2], &theirs[2]);
}

/* A terminal: its master for us, twice, its slave for the child. */
static bool
MakeTerminal(const DpSpawnSpec *specPtr, int ours[3], int theirs[3])
{
    const DpProcPty *termPtr = specPtr->ptyPtr;
    DpPty pty;

    if (!DpPtyOpen(&pty)) {
	return false;
    }
    DpPtySetSize(pty.slave, termPtr->cols, termPtr->rows);
    DpPtySetModes(pty.slave, termPtr->modes, termPtr->numModes);
    theirs[0] = theirs[1] = theirs[2] = pty.slave;
    ours[0] = pty.master;
    if (specPtr->givePtr != NULL) {
	*specPtr->givePtr = pty;
	specPtr->givePtr->slave = -1;
	return true;
    }
    ours[0] = DpFdRaise(pty.master);
    fcntl(ours[0], F_SETFL, O_RDWR | O_NONBLOCK);
    ours[1] = fcntl(ours[0], F_DUPFD_CLOEXEC, 3);
    if (ours[1] < 0) {
	return false;
    }
    ours[1] = DpFdRaise(ours[1]);
    return true;
}

static void
CloseDistinct(const int fds[3])
{
    for (int i = 0; i < 3; i++) {
	if (fds[i] >= 0 && (i == 0 || fds[i] != fds[i - 1])) {
	    close(fds[i]);
	}
    }
}

static void
InitEnd(End *endPtr, Spawned *spawnedPtr, int stream, int fd)
{
    endPtr->spawnedPtr = spawnedPtr;
    endPtr->stream = stream;
    endPtr->fd = fd;
}

DpProc *
DpSpawn(DpLoop *loopPtr, DpSpawnList *listPtr, const DpSpawnSpec *specPtr,
	DpError *errPtr)
{
    DpForkSpec fork = {specPtr->argv, specPtr->env, specPtr->cwd,
	    {-1, -1, -1}, specPtr->ptyPtr != NULL, specPtr->login};
    DpForkStage stage = DP_FORK_FORK;
    int ours[3] = {-1, -1, -1};
    Spawned *spawnedPtr;
    pid_t pid = -1;
    bool made;
    int error;

    made = specPtr->ptyPtr != NULL ? MakeTerminal(specPtr, ours, fork.fds)
	    : MakePipes(specPtr, ours, fork.fds);
    if (made) {
	pid = DpForkExec(&fork, &stage);
    }
    error = errno;
    CloseDistinct(fork.fds);
    if (pid < 0) {
	CloseDistinct(ours);
	if (!made && specPtr->ptyPtr != NULL) {
	    DpPtyError(errPtr, specPtr->slug, error);
	} else {
	    StartError(errPtr, specPtr, stage, error);
	}
	return NULL;
    }

    spawnedPtr = DpAlloc(sizeof(*spawnedPtr));
    DpProcInit(&spawnedPtr->proc, &spawnedType, loopPtr);
    spawnedPtr->proc.begun = true;
    spawnedPtr->proc.merge = specPtr->merge;
    if (specPtr->ptyPtr != NULL) {
	DpProcSetPty(&spawnedPtr->proc, specPtr->ptyPtr);
	DpProcGotEof(&spawnedPtr->proc, DP_STDERR);
    }
    spawnedPtr->proc.pid = pid;
    spawnedPtr->pid = pid;
    spawnedPtr->pidFd = -1;
    spawnedPtr->listPtr = listPtr;
    spawnedPtr->nextPtr = listPtr->firstPtr;
    if (listPtr->firstPtr != NULL) {
	listPtr->firstPtr->prevPtr = spawnedPtr;
    }
    listPtr->firstPtr = spawnedPtr;
    if (specPtr->givePtr != NULL) {
	ours[0] = -1;
	DpProcInDone(&spawnedPtr->proc);
	DpProcGotEof(&spawnedPtr->proc, DP_STDOUT);
    }
    InitEnd(&spawnedPtr->in, spawnedPtr, -1, ours[0]);
    InitEnd(&spawnedPtr->out[DP_STDOUT], spawnedPtr, DP_STDOUT, ours[1]);
    InitEnd(&spawnedPtr->out[DP_STDERR], spawnedPtr, DP_STDERR, ours[2]);
    KickSpawned(&spawnedPtr->proc);
    if (specPtr->ptyPtr != NULL) {
	WatchDeath(spawnedPtr);
    }
    return &spawnedPtr->proc;
}

void
DpSpawnForget(DpSpawnList *listPtr)
{
    while (listPtr->firstPtr != NULL) {
	Spawned *spawnedPtr = listPtr->firstPtr;
	Tcl_Pid pid = (Tcl_Pid) (intptr_t) spawnedPtr->pid;
	DpError error = {{0}, {NULL}, 0, NULL};

	CloseEnd(&spawnedPtr->out[DP_STDOUT]);
	CloseEnd(&spawnedPtr->out[DP_STDERR]);
	if (Reap(spawnedPtr)) {
	    Conclude(spawnedPtr, NULL);
	    continue;
	}
	Tcl_DetachPids(1, &pid);
	DpErrorSet(&error, "EXEC LOST", "the interpreter that ran it is gone");
	Conclude(spawnedPtr, &error);
	DpErrorClear(&error);
    }
}

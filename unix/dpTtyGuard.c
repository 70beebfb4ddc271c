/*
 * dpTtyGuard.c -- a terminal's modes come back whatever ends this process.
 *
 * Layer L2. Signal handlers can find what they need only at file scope: this
 * is the one record of the package there, besides the lock of libssh2.
 */

#include "dpTtyGuard.h"

#include "dpFork.h"
#include "dpPoll.h"
#include "dpTty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYS_SYSCALL_H
#   include <sys/syscall.h>
#endif

/* Descriptors closed one by one where there is no close_range. */
#define CLOSE_LIMIT 65536

/* Signals that end or stop the process, where nobody handles them. */
static const int fatalSignals[] = {
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE,
    SIGILL, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGTSTP
};
static const int toldSignals[] = {SIGWINCH, SIGCONT};

#define NUM_FATAL DP_ARRAY_SIZE(fatalSignals)
#define NUM_TOLD DP_ARRAY_SIZE(toldSignals)

/* Shared with the guard, which is to see changes. */
typedef struct Page {
    volatile size_t count;
    volatile sig_atomic_t away; /* another program has the terminal */
    char bytes[DP_TTY_RESET];
} Page;

static struct {
    volatile sig_atomic_t active;
    pid_t pid;                  /* of this process: a fork of it is not meant */
    int fd;
    struct termios saved, raw;
    int wakeFds[2];
    Page *pagePtr;              /* MAP_FAILED where there is no memory */
    pid_t guardPid;             /* -1: none could be made */
    int guardFd;
    struct sigaction fatal[NUM_FATAL];
    bool ours[NUM_FATAL];
    struct sigaction told[NUM_TOLD];
    struct {
	bool taken;             /* they are told, not deadly */
	pid_t pid;
	int fds[2];
	atomic_int waits;       /* so many are told and not served yet */
	_Atomic(long long) first; /* when the first of them came (ms) */
	volatile int patience;  /* so long after it another is not deadly */
	struct sigaction old[2];
    } tell[DP_TOLD_KINDS];
    struct {
	pid_t pid;
	int fd;
	volatile size_t count;  /* 0: the screen may stay as it is */
	char bytes[DP_GUARD_STOP];
    } stop;
} ttyGuard;

/* Of each kind, 0 behind the last one. */
static const int tellSignals[DP_TOLD_KINDS][2] = {
    {SIGINT, 0}, {SIGHUP, SIGTERM}
};

/* The end of a terminal is told twice at once, by the kernel and by the shell. */
static const int tellPatience[DP_TOLD_KINDS] = {0, 5000};

TCL_DECLARE_MUTEX(ttyGuardMutex)

static void
WriteReset(int fd)
{
    size_t count;

    if (ttyGuard.pagePtr != MAP_FAILED
	    && (count = ttyGuard.pagePtr->count) > 0
	    && write(fd, ttyGuard.pagePtr->bytes, count) < 0) {
	/* There is nobody left to be told. */
    }
}

/* Part: signals. */

/*
 * Whether the terminal is this process's to change. In the background it is
 * only while nobody else has set its modes.
 */
static bool
IsOurs(void)
{
    struct termios now;

    return tcgetpgrp(ttyGuard.fd) == getpgrp()
	    || (tcgetattr(ttyGuard.fd, &now) == 0
	    && now.c_lflag == ttyGuard.raw.c_lflag
	    && now.c_oflag == ttyGuard.raw.c_oflag);
}

/* What is on the screen from now on is (not) for the guard to undo. */
static void
SetAway(int away)
{
    if (ttyGuard.pagePtr != MAP_FAILED) {
	ttyGuard.pagePtr->away = away;
    }
}

/* Restores, then lets the signal do what it does without us. */
static void
FatalSignal(int sig)
{
    int error = errno;

    if (ttyGuard.active && getpid() == ttyGuard.pid) {
	if (IsOurs()) {
	    WriteReset(ttyGuard.fd);
	    tcsetattr(ttyGuard.fd, TCSANOW, &ttyGuard.saved);
	}
	SetAway(1);
    }
    if (sig == SIGTSTP) {
	/* Our handler stays; SIGCONT makes the terminal raw again. */
	raise(SIGSTOP);
    } else {
	signal(sig, SIG_DFL);
	raise(sig);
    }
    errno = error;
}

static void
ToldSignal(int sig, siginfo_t *infoPtr, void *contextPtr)
{
    const struct sigaction *oldPtr = &ttyGuard.told[sig == SIGCONT];
    char byte = sig == SIGCONT ? DP_GUARD_CONT : DP_GUARD_WINCH;
    int error = errno;

    if (ttyGuard.active && getpid() == ttyGuard.pid) {
	if (tcgetpgrp(ttyGuard.fd) == getpgrp()) {
	    SetAway(0);
	}
	if (write(ttyGuard.wakeFds[1], &byte, 1) < 0) {
	    /* Full: there is enough to be told already. */
	}
    }
    errno = error;
    if (oldPtr->sa_flags & SA_SIGINFO) {
	oldPtr->sa_sigaction(sig, infoPtr, contextPtr);
    } else if (oldPtr->sa_handler != SIG_DFL
	    && oldPtr->sa_handler != SIG_IGN) {
	oldPtr->sa_handler(sig);
    }
}

/*
 * What is on the screen for as long as this process sees to it goes, and the
 * signal does what it does without us: a process group that nobody would let go
 * on is not stopped.
 */
static void
StopSignal(int sig)
{
    int error = errno;
    struct sigaction mine, plain;

    if (getpid() == ttyGuard.stop.pid && ttyGuard.stop.count > 0
	    && tcgetpgrp(ttyGuard.stop.fd) == getpgrp()
	    && write(ttyGuard.stop.fd, ttyGuard.stop.bytes,
	    ttyGuard.stop.count) < 0) {
	/* The terminal is full or gone. */
    }
    memset(&plain, 0, sizeof(plain));
    plain.sa_handler = SIG_DFL;
    sigaction(sig, &plain, &mine);
    raise(sig);
    sigaction(sig, &mine, NULL);
    errno = error;
}

static bool
IsPlain(const struct sigaction *actionPtr)
{
    return !(actionPtr->sa_flags & SA_SIGINFO)
	    && (actionPtr->sa_handler == SIG_DFL
	    || actionPtr->sa_handler == StopSignal);
}

static void
TakeSignals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    sigfillset(&action.sa_mask);
    /* The signal that the handler raises must come through at once. */
    action.sa_flags = SA_NODEFER | SA_RESTART | SA_ONSTACK;
    action.sa_handler = FatalSignal;
    for (size_t i = 0; i < NUM_FATAL; i++) {
	int sig = fatalSignals[i];

	sigdelset(&action.sa_mask, sig);
	sigaction(sig, NULL, &ttyGuard.fatal[i]);
	ttyGuard.ours[i] = IsPlain(&ttyGuard.fatal[i]);
	if (ttyGuard.ours[i]) {
	    sigaction(sig, &action, NULL);
	}
	sigaddset(&action.sa_mask, sig);
    }
    action.sa_flags = SA_RESTART | SA_SIGINFO | SA_ONSTACK;
    action.sa_sigaction = ToldSignal;
    for (size_t i = 0; i < NUM_TOLD; i++) {
	sigaction(toldSignals[i], NULL, &ttyGuard.told[i]);
    }
    for (size_t i = 0; i < NUM_TOLD; i++) {
	sigaction(toldSignals[i], &action, NULL);
    }
}

/* The twin. A handler that was put in place of ours meanwhile stays. */
static void
GiveSignals(void)
{
    struct sigaction now;

    for (size_t i = 0; i < NUM_FATAL; i++) {
	if (ttyGuard.ours[i] && sigaction(fatalSignals[i], NULL, &now) == 0
		&& now.sa_handler == FatalSignal) {
	    sigaction(fatalSignals[i], &ttyGuard.fatal[i], NULL);
	}
    }
    for (size_t i = 0; i < NUM_TOLD; i++) {
	if (sigaction(toldSignals[i], NULL, &now) == 0
		&& (now.sa_flags & SA_SIGINFO)
		&& now.sa_sigaction == ToldSignal) {
	    sigaction(toldSignals[i], &ttyGuard.told[i], NULL);
	}
    }
}

/* Part: the guard process. */

/*
 * The guard: waits for a byte (all is well) or the end of the pipe. It is in a
 * process group of its own, out of reach of what is sent to ours, with all
 * signals blocked, so that SIGTTOU does not keep it from its task. A shell that
 * was quicker has its own modes in force already: those stay, and it is told to
 * paint its prompt once more. After fork(2) in a process with threads: system
 * calls only.
 */
static void __attribute__((noreturn))
RunGuard(int pipeFd)
{
    struct termios now;
    ssize_t count;
    pid_t group;
    char byte;

    setpgid(0, 0);
    if (dup2(ttyGuard.fd, 1) < 0 || dup2(pipeFd, 0) < 0) {
	_exit(1);
    }
#if defined(HAVE_DECL_SYS_CLOSE_RANGE) && HAVE_DECL_SYS_CLOSE_RANGE
    if (syscall(SYS_close_range, 2U, ~0U, 0U) != 0)
#endif
    {
	for (int fd = 2; fd < CLOSE_LIMIT; fd++) {
	    close(fd);
	}
    }
    do {
	count = read(0, &byte, 1);
    } while (count < 0 && errno == EINTR);
    if (count == 0) {
	bool away = ttyGuard.pagePtr != MAP_FAILED && ttyGuard.pagePtr->away;

	if (!away) {
	    WriteReset(1);
	}

	/*
	 * Asked after the write, which may take its time: between this and what
	 * is set a shell that shows its prompt would lose its own.
	 */
	if (tcgetattr(1, &now) == 0) {
	    if (now.c_iflag == ttyGuard.raw.c_iflag
		    && now.c_oflag == ttyGuard.raw.c_oflag
		    && now.c_lflag == ttyGuard.raw.c_lflag) {
		tcsetattr(1, TCSANOW, &ttyGuard.saved);
	    } else if (!away && (group = tcgetpgrp(1)) > 1) {
		kill(-group, SIGWINCH);
	    }
	}
    }
    _exit(0);
}

/* Without a guard we go on: it is for the worst case only. */
static void
StartGuard(void)
{
    sigset_t all, old;
    int fds[2];

    ttyGuard.guardPid = -1;
    if (DpForkPipe(fds) != 0) {
	return;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    ttyGuard.guardPid = fork();
    if (ttyGuard.guardPid == 0) {
	RunGuard(fds[0]);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(fds[0]);
    if (ttyGuard.guardPid < 0) {
	close(fds[1]);
    } else {
	ttyGuard.guardFd = fds[1];
    }
}

static void
StopGuard(void)
{
    pid_t got;

    if (ttyGuard.guardPid < 0) {
	return;
    }
    if (write(ttyGuard.guardFd, "q", 1) < 0) {
	/* It is dead already. */
    }
    close(ttyGuard.guardFd);
    do {
	got = waitpid(ttyGuard.guardPid, NULL, 0);
    } while (got < 0 && errno == EINTR);
}

int
DpGuardBegin(int fd, const struct termios *savedPtr,
	const struct termios *rawPtr)
{
    int result = -1, error = EBUSY;

    Tcl_MutexLock(&ttyGuardMutex);
    if (!ttyGuard.active) {
	if (DpForkPipe(ttyGuard.wakeFds) != 0) {
	    error = errno;
	} else {
	    for (int i = 0; i < 2; i++) {
		fcntl(ttyGuard.wakeFds[i], F_SETFL, O_NONBLOCK);
	    }
	    ttyGuard.fd = fd;
	    ttyGuard.pid = getpid();
	    ttyGuard.saved = *savedPtr;
	    ttyGuard.raw = *rawPtr;
	    ttyGuard.pagePtr = mmap(NULL, sizeof(Page),
		    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);
	    StartGuard();
	    ttyGuard.active = 1;
	    TakeSignals();
	    result = ttyGuard.wakeFds[0];
	}
    }
    Tcl_MutexUnlock(&ttyGuardMutex);
    errno = error;
    return result;
}

bool
DpGuardModes(struct termios *savedPtr)
{
    bool active;

    Tcl_MutexLock(&ttyGuardMutex);
    active = ttyGuard.active;
    if (active) {
	*savedPtr = ttyGuard.saved;
    }
    Tcl_MutexUnlock(&ttyGuardMutex);
    return active;
}

void
DpGuardEnd(void)
{
    Tcl_MutexLock(&ttyGuardMutex);
    GiveSignals();
    ttyGuard.active = 0;
    StopGuard();
    close(ttyGuard.wakeFds[0]);
    close(ttyGuard.wakeFds[1]);
    if (ttyGuard.pagePtr != MAP_FAILED) {
	munmap(ttyGuard.pagePtr, sizeof(Page));
    }
    Tcl_MutexUnlock(&ttyGuardMutex);
}

void
DpGuardText(const void *bytes, size_t count)
{
    if (ttyGuard.pagePtr != MAP_FAILED) {
	/* Nothing is better than half of it. */
	ttyGuard.pagePtr->count = 0;
	memcpy(ttyGuard.pagePtr->bytes, bytes, count);
	ttyGuard.pagePtr->count = count;
    }
}

void
DpGuardAtStop(const void *bytes, size_t count)
{
    struct sigaction now, action;

    Tcl_MutexLock(&ttyGuardMutex);
    sigaction(SIGTSTP, NULL, &now);
    memset(&action, 0, sizeof(action));
    action.sa_handler = SIG_DFL;
    if (ttyGuard.stop.count > 0) {
	if (now.sa_handler == StopSignal) {
	    sigaction(SIGTSTP, &action, NULL);
	}
	ttyGuard.stop.count = 0;
	close(ttyGuard.stop.fd);
    } else if (now.sa_handler == StopSignal) {
	/* A guard that began meanwhile has put it back. */
	sigaction(SIGTSTP, &action, NULL);
    }
    if (count > 0 && count <= sizeof(ttyGuard.stop.bytes)) {
	ttyGuard.stop.fd = open("/dev/tty",
		O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (ttyGuard.stop.fd >= 0) {
	    ttyGuard.stop.fd = DpFdRaise(ttyGuard.stop.fd);
	    ttyGuard.stop.pid = getpid();
	    memcpy(ttyGuard.stop.bytes, bytes, count);
	    ttyGuard.stop.count = count;
	    sigaction(SIGTSTP, NULL, &now);
	    if (IsPlain(&now)) {
		action.sa_handler = StopSignal;
		action.sa_flags = SA_NODEFER | SA_RESTART | SA_ONSTACK;
		sigaction(SIGTSTP, &action, NULL);
	    }
	}
    }
    Tcl_MutexUnlock(&ttyGuardMutex);
}

/* Part: signals that the program wants to hear of. */

static long long
Milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/*
 * A second one that comes before the first was served ends the process: what
 * does not come back to its event loop is stopped so.
 */
static void
TellSignal(int sig)
{
    int error = errno;
    DpTold kind = sig == SIGINT ? DP_TOLD_INTERRUPT : DP_TOLD_END;

    if (getpid() != ttyGuard.tell[kind].pid) {
	FatalSignal(sig);
    } else if (ttyGuard.tell[kind].waits > 0) {
	if (Milliseconds() - ttyGuard.tell[kind].first
		>= ttyGuard.tell[kind].patience) {
	    FatalSignal(sig);
	}
	ttyGuard.tell[kind].waits++;
    } else {
	ttyGuard.tell[kind].first = Milliseconds();
	ttyGuard.tell[kind].waits = 1;
	if (write(ttyGuard.tell[kind].fds[1], "", 1) != 1) {
	    FatalSignal(sig);
	}
    }
    errno = error;
}

int
DpToldBegin(DpTold kind)
{
    struct sigaction action;
    int result = -1, error = EBUSY;

    memset(&action, 0, sizeof(action));
    action.sa_flags = SA_NODEFER | SA_RESTART | SA_ONSTACK;
    action.sa_handler = TellSignal;
    Tcl_MutexLock(&ttyGuardMutex);
    if (!ttyGuard.tell[kind].taken && !ttyGuard.active) {
	if (DpForkPipe(ttyGuard.tell[kind].fds) != 0) {
	    error = errno;
	} else {
	    for (int i = 0; i < 2; i++) {
		fcntl(ttyGuard.tell[kind].fds[i], F_SETFL, O_NONBLOCK);
	    }
	    ttyGuard.tell[kind].taken = true;
	    ttyGuard.tell[kind].pid = getpid();
	    ttyGuard.tell[kind].waits = 0;
	    ttyGuard.tell[kind].patience = tellPatience[kind];
	    for (int i = 0; i < 2 && tellSignals[kind][i] != 0; i++) {
		struct sigaction *oldPtr = &ttyGuard.tell[kind].old[i];

		sigaction(tellSignals[kind][i], NULL, oldPtr);
		/* Who has us ignore it, as nohup does, wants that. */
		if ((oldPtr->sa_flags & SA_SIGINFO)
			|| oldPtr->sa_handler != SIG_IGN) {
		    sigaction(tellSignals[kind][i], &action, NULL);
		}
	    }
	    result = ttyGuard.tell[kind].fds[0];
	}
    }
    Tcl_MutexUnlock(&ttyGuardMutex);
    errno = error;
    return result;
}

void
DpToldPatience(DpTold kind, int milliseconds)
{
    ttyGuard.tell[kind].patience = milliseconds;
}

int
DpToldServed(DpTold kind)
{
    char bytes[16];

    while (read(ttyGuard.tell[kind].fds[0], bytes, sizeof(bytes)) > 0) {
	/* They are counted elsewhere. */
    }
    return atomic_exchange(&ttyGuard.tell[kind].waits, 0);
}

long long
DpToldWaited(DpTold kind)
{
    return ttyGuard.tell[kind].waits > 0
	    ? Milliseconds() - ttyGuard.tell[kind].first : -1;
}

void
DpToldEnd(DpTold kind)
{
    struct sigaction now;

    Tcl_MutexLock(&ttyGuardMutex);
    for (int i = 0; i < 2 && tellSignals[kind][i] != 0; i++) {
	if (sigaction(tellSignals[kind][i], NULL, &now) == 0
		&& !(now.sa_flags & SA_SIGINFO)
		&& now.sa_handler == TellSignal) {
	    sigaction(tellSignals[kind][i], &ttyGuard.tell[kind].old[i],
		    NULL);
	}
    }
    ttyGuard.tell[kind].taken = false;
    close(ttyGuard.tell[kind].fds[0]);
    close(ttyGuard.tell[kind].fds[1]);
    Tcl_MutexUnlock(&ttyGuardMutex);
}

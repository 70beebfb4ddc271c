/*
 * dpTty.c -- the terminal that this process was started from.
 *
 * Layer L2.
 */

#include "dpTty.h"

#include "dpPoll.h"
#include "dpPty.h"
#include "dpTtyGuard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A shell gives the terminal back to one that runs without telling it (ms). */
#define PAUSED_MS 300

struct DpTty {
    DpLoop *loopPtr;
    int fd;
    struct termios saved, raw;
    DpWatch watch;
    DpWatch wake;               /* what signals tell */
    bool wantRead, wantWrite;
    bool paused;                /* in the background */
    DpTimer timer;              /* looks whether it still is */
    char reset[DP_TTY_RESET];
    size_t resetCount;
    DpTtyProc *proc;
    void *clientData;
};

static void
GetSize(int fd, int *colsPtr, int *rowsPtr)
{
    struct winsize size = {0};

    ioctl(fd, TIOCGWINSZ, &size);
    *colsPtr = size.ws_col > 0 ? size.ws_col : 80;
    *rowsPtr = size.ws_row > 0 ? size.ws_row : 24;
}

static bool
IsFront(int fd)
{
    return tcgetpgrp(fd) == getpgrp();
}

static int
OpenTerminal(void)
{
    return open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

void
DpTtyLook(DpTtyInfo *infoPtr)
{
    int fd = OpenTerminal();
    struct termios modes;

    memset(infoPtr, 0, sizeof(*infoPtr));
    infoPtr->cols = 80;
    infoPtr->rows = 24;
    if (fd < 0) {
	return;
    }
    GetSize(fd, &infoPtr->cols, &infoPtr->rows);
    /* One who waits for its turn is not to get the modes of the one before. */
    if (DpGuardModes(&modes) || tcgetattr(fd, &modes) == 0) {
	infoPtr->numModes = DpPtyGetModes(&modes, infoPtr->modes);
    }
    infoPtr->state = IsFront(fd) ? DP_TTY_FRONT : DP_TTY_BACK;
    close(fd);
}

/* --- what it tells --- */

static void
SetMask(DpTty *ttyPtr)
{
    int mask = 0;

    if (!ttyPtr->paused) {
	mask = (ttyPtr->wantRead ? DP_READABLE : 0)
		| (ttyPtr->wantWrite ? DP_WRITABLE : 0);
    }
    DpWatchMask(&ttyPtr->watch, mask);
}

static void
TellGone(DpTty *ttyPtr)
{
    DpWatchStop(&ttyPtr->watch);
    ttyPtr->proc(ttyPtr->clientData, DP_TTY_GONE);
}

static void
TtyReady(void *clientData, int mask)
{
    DpTty *ttyPtr = clientData;
    int what = 0;

    if ((mask & DP_HANGUP) && !(mask & DP_READABLE)) {
	TellGone(ttyPtr);
	return;
    }
    if ((mask & DP_READABLE) && ttyPtr->wantRead) {
	what |= DP_TTY_READABLE;
    }
    if ((mask & DP_WRITABLE) && ttyPtr->wantWrite) {
	what |= DP_TTY_WRITABLE;
    }
    if (what != 0) {
	ttyPtr->proc(ttyPtr->clientData, what);
    } else if (mask & DP_HANGUP) {
	TellGone(ttyPtr);
    }
}

static void Pause(DpTty *ttyPtr);

/* Goes on if this is the foreground now; may free. */
static void
Resume(DpTty *ttyPtr)
{
    if (!IsFront(ttyPtr->fd)) {
	Pause(ttyPtr);
	return;
    }
    DpTimerStop(&ttyPtr->timer);
    ttyPtr->paused = false;
    tcsetattr(ttyPtr->fd, TCSANOW, &ttyPtr->raw);
    SetMask(ttyPtr);
    ttyPtr->proc(ttyPtr->clientData, DP_TTY_RESUMED | DP_TTY_RESIZED);
}

static void
PausedTimer(void *clientData)
{
    Resume(clientData);
}

static void
Pause(DpTty *ttyPtr)
{
    ttyPtr->paused = true;
    SetMask(ttyPtr);
    DpTimerStart(ttyPtr->loopPtr, &ttyPtr->timer, PAUSED_MS, PausedTimer,
	    ttyPtr);
}

/* A signal came: the size, or this process goes on after it was stopped. */
static void
WakeReady(void *clientData, int mask)
{
    DpTty *ttyPtr = clientData;
    char bytes[64];
    bool resumed = false;
    ssize_t count;

    (void) mask;
    while ((count = read(ttyPtr->wake.fd, bytes, sizeof(bytes))) > 0) {
	resumed = resumed
		|| memchr(bytes, DP_GUARD_CONT, (size_t) count) != NULL;
    }
    if (resumed || ttyPtr->paused) {
	Resume(ttyPtr);
    } else {
	ttyPtr->proc(ttyPtr->clientData, DP_TTY_RESIZED);
    }
}

/* --- open and close --- */

/*
 * Nothing is changed, added or taken out in either direction. What was typed
 * already stays in the queue (TCSANOW, never TCSAFLUSH).
 */
static void
MakeRaw(struct termios *modesPtr)
{
    modesPtr->c_iflag &= ~(tcflag_t) (IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR
	    | IGNCR | ICRNL | IXON | IXOFF | IXANY);
#ifdef IUCLC
    modesPtr->c_iflag &= ~(tcflag_t) IUCLC;
#endif
    modesPtr->c_oflag &= ~(tcflag_t) OPOST;
    modesPtr->c_lflag &= ~(tcflag_t) (ECHO | ECHOE | ECHOK | ECHONL | ICANON
	    | ISIG | IEXTEN);
    modesPtr->c_cflag &= ~(tcflag_t) (CSIZE | PARENB);
    modesPtr->c_cflag |= CS8;
    modesPtr->c_cc[VMIN] = 1;
    modesPtr->c_cc[VTIME] = 0;
}

/* Sets errPtr; always NULL. */
static DpTty *
Refuse(DpError *errPtr, const char *why)
{
    DpErrorSet(errPtr, "STATE", "the terminal can't be used: %s", why);
    DpErrorAddData(errPtr, "terminal");
    return NULL;
}

DpTty *
DpTtyOpen(DpLoop *loopPtr, DpTtyProc *proc, void *clientData, DpError *errPtr)
{
    int fd = OpenTerminal(), wakeFd;
    struct termios saved, raw;
    DpTty *ttyPtr;

    if (fd < 0) {
	return Refuse(errPtr, "this process has none");
    }
    if (!IsFront(fd)) {
	close(fd);
	return Refuse(errPtr,
		"this process runs in the background of its shell");
    }
    if (tcgetattr(fd, &saved) != 0) {
	const char *why = Tcl_ErrnoMsg(errno);

	close(fd);
	return Refuse(errPtr, why);
    }
    fd = DpFdRaise(fd);
    raw = saved;
    MakeRaw(&raw);
    wakeFd = DpGuardBegin(fd, &saved, &raw);
    if (wakeFd < 0) {
	const char *why = errno == EBUSY
		? "another command of this process has it"
		: Tcl_ErrnoMsg(errno);

	close(fd);
	return Refuse(errPtr, why);
    }
    if (tcsetattr(fd, TCSANOW, &raw) != 0) {
	const char *why = Tcl_ErrnoMsg(errno);

	DpGuardEnd();
	close(fd);
	return Refuse(errPtr, why);
    }
    ttyPtr = DpAlloc(sizeof(*ttyPtr));
    ttyPtr->loopPtr = loopPtr;
    ttyPtr->fd = fd;
    ttyPtr->saved = saved;
    ttyPtr->raw = raw;
    ttyPtr->proc = proc;
    ttyPtr->clientData = clientData;
    DpWatchStart(loopPtr, &ttyPtr->watch, fd, 0, TtyReady, ttyPtr);
    DpWatchStart(loopPtr, &ttyPtr->wake, wakeFd, DP_READABLE, WakeReady,
	    ttyPtr);
    return ttyPtr;
}

/*
 * Where the shell has put this process in the background, modes that are not
 * ours any more are not ours to change; SIGTTOU would stop us as well.
 */
static void
Restore(DpTty *ttyPtr)
{
    struct termios now;
    sigset_t mask, old;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &mask, &old);
    if (IsFront(ttyPtr->fd) || (tcgetattr(ttyPtr->fd, &now) == 0
	    && now.c_lflag == ttyPtr->raw.c_lflag
	    && now.c_oflag == ttyPtr->raw.c_oflag)) {
	if (ttyPtr->resetCount > 0 && write(ttyPtr->fd, ttyPtr->reset,
		ttyPtr->resetCount) < 0) {
	    /* It takes nothing now; its modes matter more. */
	}
	tcsetattr(ttyPtr->fd, TCSANOW, &ttyPtr->saved);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
DpTtyClose(DpTty *ttyPtr)
{
    DpWatchStop(&ttyPtr->watch);
    DpWatchStop(&ttyPtr->wake);
    DpTimerStop(&ttyPtr->timer);
    Restore(ttyPtr);
    DpGuardEnd();
    close(ttyPtr->fd);
    DpFree(ttyPtr);
}

/* --- reading and writing --- */

void
DpTtyWant(DpTty *ttyPtr, bool read, bool write)
{
    ttyPtr->wantRead = read;
    ttyPtr->wantWrite = write;
    SetMask(ttyPtr);
}

/* The result of a system call; 0 where it is to be tried again later. */
static ptrdiff_t
Outcome(ssize_t count)
{
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK
	    || errno == EINTR)) {
	return 0;
    }
    return count;
}

/* In the background a read or write would stop this process. */
static bool
MayTouch(DpTty *ttyPtr)
{
    if (!ttyPtr->paused && !IsFront(ttyPtr->fd)) {
	Pause(ttyPtr);
    }
    return !ttyPtr->paused;
}

ptrdiff_t
DpTtyRead(DpTty *ttyPtr, void *bytes, size_t size)
{
    ssize_t count;

    if (!MayTouch(ttyPtr)) {
	return 0;
    }
    count = read(ttyPtr->fd, bytes, size);
    return count == 0 ? -1 : Outcome(count);
}

ptrdiff_t
DpTtyWrite(DpTty *ttyPtr, const void *bytes, size_t size)
{
    if (!MayTouch(ttyPtr)) {
	return 0;
    }
    return Outcome(write(ttyPtr->fd, bytes, size));
}

void
DpTtySize(const DpTty *ttyPtr, int *colsPtr, int *rowsPtr)
{
    GetSize(ttyPtr->fd, colsPtr, rowsPtr);
}

void
DpTtyReset(DpTty *ttyPtr, const void *bytes, size_t count)
{
    if (count > DP_TTY_RESET) {
	count = 0;
    }
    memcpy(ttyPtr->reset, bytes, count);
    ttyPtr->resetCount = count;
    DpGuardText(bytes, count);
}

/*
 * dpTtyEcho.c -- the terminal of this process while a human is asked.
 *
 * Layer L2.
 */

#include "dpTtyEcho.h"

#include "dpPoll.h"
#include "dpTtyGuard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct DpTtyEcho {
    int fd;
    struct termios saved, silent;
    DpWatch wake;               /* what signals tell */
    char *again;                /* so many bytes that ask once more */
    size_t count;
};

static bool
IsFront(int fd)
{
    return tcgetpgrp(fd) == getpgrp();
}

/*
 * This process goes on after it was stopped, and has other modes. Whoever sees
 * the prompt of a shell above the cursor does not know what is asked.
 */
static void
WakeReady(void *clientData, int mask)
{
    DpTtyEcho *echoPtr = clientData;
    bool goesOn = false;
    char bytes[64];
    ssize_t count;

    (void) mask;
    while ((count = read(echoPtr->wake.fd, bytes, sizeof(bytes))) > 0) {
	goesOn |= memchr(bytes, DP_GUARD_CONT, (size_t) count) != NULL;
    }
    if (!IsFront(echoPtr->fd)) {
	return;
    }
    tcsetattr(echoPtr->fd, TCSANOW, &echoPtr->silent);
    if (goesOn && echoPtr->count > 0
	    && write(echoPtr->fd, echoPtr->again, echoPtr->count) < 0) {
	/* The terminal is full or gone. */
    }
}

/* Sets errPtr; always NULL. */
static DpTtyEcho *
Refuse(int fd, DpError *errPtr, const char *why)
{
    if (fd >= 0) {
	close(fd);
    }
    DpErrorSet(errPtr, "STATE", "nobody can be asked on the terminal: %s", why);
    DpErrorAddData(errPtr, "terminal");
    return NULL;
}

/*
 * An interrupt would end this process in the middle of a question, and whatever
 * else it does. As the character that ends a line it comes at once.
 */
static void
SetAsk(struct termios *modesPtr, DpTtyAsk ask)
{
    cc_t interrupt = modesPtr->c_cc[VINTR];

    if (ask != DP_TTY_LINE) {
	modesPtr->c_lflag &= ~(tcflag_t) ECHO;
    }
    if (ask == DP_TTY_KEYS) {
	modesPtr->c_lflag &= ~(tcflag_t) (ICANON | ISIG | IEXTEN);
	modesPtr->c_iflag |= (tcflag_t) ICRNL;
	modesPtr->c_cc[VMIN] = 1;
	modesPtr->c_cc[VTIME] = 0;
    } else if (interrupt != _POSIX_VDISABLE) {
	modesPtr->c_cc[VINTR] = _POSIX_VDISABLE;
	modesPtr->c_cc[VEOL] = interrupt;
    }
}

DpTtyEcho *
DpTtyEchoOff(DpLoop *loopPtr, DpTtyAsk ask, const void *again, size_t count,
	DpError *errPtr)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios saved, silent;
    DpTtyEcho *echoPtr;
    int wakeFd;

    if (fd < 0) {
	return Refuse(fd, errPtr, "this process has none");
    }
    if (!IsFront(fd)) {
	kill(0, SIGTTIN);
    }
    if (!IsFront(fd)) {
	return Refuse(fd, errPtr,
		"this process runs in the background of its shell");
    }
    if (tcgetattr(fd, &saved) != 0) {
	return Refuse(fd, errPtr, Tcl_ErrnoMsg(errno));
    }
    fd = DpFdRaise(fd);
    silent = saved;
    SetAsk(&silent, ask);
    wakeFd = DpGuardBegin(fd, &saved, &silent);
    if (wakeFd < 0) {
	return Refuse(fd, errPtr, errno == EBUSY
		? "another command of this process has it"
		: Tcl_ErrnoMsg(errno));
    }
    if (tcsetattr(fd, TCSANOW, &silent) != 0) {
	const char *why = Tcl_ErrnoMsg(errno);

	DpGuardEnd();
	return Refuse(fd, errPtr, why);
    }
    echoPtr = DpAlloc(sizeof(*echoPtr));
    echoPtr->fd = fd;
    echoPtr->saved = saved;
    echoPtr->silent = silent;
    echoPtr->again = DpAlloc(count + 1);
    if (count > 0) {
	memcpy(echoPtr->again, again, count);
    }
    echoPtr->count = count;
    DpWatchStart(loopPtr, &echoPtr->wake, wakeFd, DP_READABLE, WakeReady,
	    echoPtr);
    return echoPtr;
}

void
DpTtyEchoOn(DpTtyEcho *echoPtr)
{
    DpWatchStop(&echoPtr->wake);
    if (IsFront(echoPtr->fd)) {
	tcsetattr(echoPtr->fd, TCSANOW, &echoPtr->saved);
    }
    DpGuardEnd();
    close(echoPtr->fd);
    DpFree(echoPtr->again);
    DpFree(echoPtr);
}

/*
 * dpStuck.c -- a thread that sees when a signal is told and nobody serves it.
 *
 * Layer L2.
 */

#include "dpStuck.h"

#include "dpFork.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define STACK_SIZE (256 * 1024)

struct DpStuck {
    DpTold kind;
    int fd;                     /* of DpToldBegin: readable while one waits */
    int wakeFds[2];             /* wakes the thread; its end is that of the
				 * thread */
    _Atomic(int64_t) beat;      /* when the loop beat last; 0: it need not */
    Tcl_AsyncHandler handler;
    pthread_t thread;
};

bool
DpStuckTold(const DpStuck *stuckPtr)
{
    return DpToldWaited(stuckPtr->kind) >= DP_STUCK_MS;
}

/* For so long (ms) the loop has not beat; -1: it need not. */
static int64_t
StoodStill(const DpStuck *stuckPtr)
{
    int64_t beat = stuckPtr->beat;

    return beat == 0 ? -1 : DpLoopNow() - beat;
}

bool
DpStuckStill(const DpStuck *stuckPtr)
{
    return StoodStill(stuckPtr) >= DP_STUCK_MS + DP_STUCK_BEAT_MS;
}

/* Whether the thread has been told to end. */
static bool
IsOver(DpStuck *stuckPtr)
{
    char bytes[16];
    ssize_t count = read(stuckPtr->wakeFds[0], bytes, sizeof(bytes));

    return count == 0 || (count < 0 && errno != EINTR);
}

/* Sleeps while there is nothing that could stand still. */
static void *
WatchThread(void *clientData)
{
    DpStuck *stuckPtr = clientData;
    int timeout = -1;

    for (;;) {
	struct pollfd fds[2] = {
	    {.fd = stuckPtr->wakeFds[0], .events = POLLIN},
	    {.fd = timeout < 0 ? stuckPtr->fd : -1, .events = POLLIN}
	};
	int count = poll(fds, 2, timeout);

	if (count < 0 && errno != EINTR) {
	    return NULL;
	}
	if (count > 0 && fds[0].revents != 0 && IsOver(stuckPtr)) {
	    return NULL;
	}
	if (DpStuckTold(stuckPtr) || DpStuckStill(stuckPtr)) {
	    Tcl_AsyncMark(stuckPtr->handler);
	    timeout = DP_STUCK_AGAIN_MS;
	} else if (DpToldWaited(stuckPtr->kind) >= 0
		|| StoodStill(stuckPtr) >= 0) {
	    timeout = DP_STUCK_BEAT_MS;
	} else {
	    timeout = -1;
	}
    }
}

void
DpStuckBeat(DpStuck *stuckPtr)
{
    bool wake = stuckPtr->beat == 0;

    stuckPtr->beat = DpLoopNow();
    if (wake && write(stuckPtr->wakeFds[1], "", 1) < 0) {
	/* Full, which wakes it as well. */
    }
}

void
DpStuckQuiet(DpStuck *stuckPtr)
{
    stuckPtr->beat = 0;
}

static void
FreeStuck(DpStuck *stuckPtr)
{
    for (int i = 0; i < 2; i++) {
	if (stuckPtr->wakeFds[i] >= 0) {
	    close(stuckPtr->wakeFds[i]);
	}
    }
    DpFree(stuckPtr);
}

/* Signals are for the process's own threads. */
static int
StartThread(DpStuck *stuckPtr)
{
    pthread_attr_t attr;
    sigset_t all, old;
    int rc;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&stuckPtr->thread, &attr, WatchThread, stuckPtr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

DpStuck *
DpStuckStart(DpTold kind, int fd, Tcl_AsyncHandler handler)
{
    DpStuck *stuckPtr = DpAlloc(sizeof(*stuckPtr));
    int error;

    stuckPtr->kind = kind;
    stuckPtr->fd = fd;
    stuckPtr->handler = handler;
    if (DpForkPipe(stuckPtr->wakeFds) != 0) {
	error = errno;
	stuckPtr->wakeFds[0] = stuckPtr->wakeFds[1] = -1;
    } else {
	fcntl(stuckPtr->wakeFds[1], F_SETFL, O_NONBLOCK);
	error = StartThread(stuckPtr);
    }
    if (error != 0) {
	FreeStuck(stuckPtr);
	errno = error;
	return NULL;
    }
    return stuckPtr;
}

void
DpStuckStop(DpStuck *stuckPtr)
{
    close(stuckPtr->wakeFds[1]);
    stuckPtr->wakeFds[1] = -1;
    pthread_join(stuckPtr->thread, NULL);
    FreeStuck(stuckPtr);
}

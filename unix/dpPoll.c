/*
 * dpPoll.c -- a set of descriptors to wait for: epoll(7) or poll(2).
 *
 * Layer L1.
 */

#include "dpPoll.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYS_EPOLL_H
#   include <sys/epoll.h>
#endif

#ifndef POLLRDHUP
#   define POLLRDHUP 0
#endif

/* Ready descriptors taken at once; more wait for the next turn. */
#define BATCH 128

struct DpPoll {
    int count;                  /* watches in the set */
    int wakeFds[2];             /* a pipe that ends a wait */
    DpWatch *batch[BATCH];      /* ready ones of the turn that runs */
    int masks[BATCH];
    int batchSize;
#ifdef HAVE_SYS_EPOLL_H
    int epollFd;
#else
    DpWatch **watches;          /* in the order of fds, from index 1 */
    struct pollfd *fds;         /* fds[0] is the wake pipe */
    int size;
#endif
};

int64_t
DpLoopNow(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
DpFdRaise(int fd)
{
    int raised;

    if (fd >= 1024) {
	return fd;
    }
    raised = fcntl(fd, F_DUPFD_CLOEXEC, 1024);
    if (raised < 0) {
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
    }
    close(fd);
    return raised;
}

void
DpPollWake(DpPoll *pollPtr)
{
    /* A full pipe wakes as well as one more byte would. */
    if (write(pollPtr->wakeFds[1], "", 1) < 0) {
	return;
    }
}

static void
DrainWake(DpPoll *pollPtr)
{
    char bytes[64];

    while (read(pollPtr->wakeFds[0], bytes, sizeof(bytes)) > 0) {
	/* All wakes are one. */
    }
}

static bool
OpenWake(DpPoll *pollPtr)
{
    if (pipe(pollPtr->wakeFds) < 0) {
	return false;
    }
    for (int i = 0; i < 2; i++) {
	pollPtr->wakeFds[i] = DpFdRaise(pollPtr->wakeFds[i]);
	fcntl(pollPtr->wakeFds[i], F_SETFD, FD_CLOEXEC);
	fcntl(pollPtr->wakeFds[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

int
DpPollCount(const DpPoll *pollPtr)
{
    return pollPtr->count;
}

/* A watch that goes away in mid-turn is not called any more. */
static void
ForgetReady(DpPoll *pollPtr, const DpWatch *watchPtr)
{
    for (int i = 0; i < pollPtr->batchSize; i++) {
	if (pollPtr->batch[i] == watchPtr) {
	    pollPtr->batch[i] = NULL;
	}
    }
}

static bool
CallReady(DpPoll *pollPtr)
{
    bool called = false;

    for (int i = 0; i < pollPtr->batchSize; i++) {
	DpWatch *watchPtr = pollPtr->batch[i];

	if (watchPtr != NULL) {
	    called = true;
	    watchPtr->proc(watchPtr->clientData, pollPtr->masks[i]);
	}
    }
    pollPtr->batchSize = 0;
    return called;
}

#ifdef HAVE_SYS_EPOLL_H

DpPoll *
DpPollNew(void)
{
    DpPoll *pollPtr = DpAlloc(sizeof(*pollPtr));
    struct epoll_event event = {.events = EPOLLIN};

    /* Not raised: Tcl's select must reach this one. */
    pollPtr->epollFd = epoll_create1(EPOLL_CLOEXEC);
    if (pollPtr->epollFd < 0) {
	DpFree(pollPtr);
	return NULL;
    }
    if (!OpenWake(pollPtr)) {
	close(pollPtr->epollFd);
	DpFree(pollPtr);
	return NULL;
    }
    epoll_ctl(pollPtr->epollFd, EPOLL_CTL_ADD, pollPtr->wakeFds[0], &event);
    return pollPtr;
}

void
DpPollFree(DpPoll *pollPtr)
{
    close(pollPtr->epollFd);
    close(pollPtr->wakeFds[0]);
    close(pollPtr->wakeFds[1]);
    DpFree(pollPtr);
}

int
DpPollFd(const DpPoll *pollPtr)
{
    return pollPtr->epollFd;
}

static void
Control(DpPoll *pollPtr, int operation, DpWatch *watchPtr)
{
    struct epoll_event event = {.data.ptr = watchPtr};

    event.events = ((watchPtr->mask & DP_READABLE) ? EPOLLIN : 0u)
	    | ((watchPtr->mask & DP_WRITABLE) ? EPOLLOUT : 0u)
	    | ((watchPtr->mask & DP_HANGUP) ? EPOLLRDHUP : 0u);
    epoll_ctl(pollPtr->epollFd, operation, watchPtr->fd, &event);
}

void
DpPollAdd(DpPoll *pollPtr, DpWatch *watchPtr)
{
    pollPtr->count++;
    Control(pollPtr, EPOLL_CTL_ADD, watchPtr);
}

void
DpPollChange(DpPoll *pollPtr, DpWatch *watchPtr)
{
    Control(pollPtr, EPOLL_CTL_MOD, watchPtr);
}

void
DpPollRemove(DpPoll *pollPtr, DpWatch *watchPtr)
{
    pollPtr->count--;
    Control(pollPtr, EPOLL_CTL_DEL, watchPtr);
    ForgetReady(pollPtr, watchPtr);
}

bool
DpPollRun(DpPoll *pollPtr, int milliseconds)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(pollPtr->epollFd, events, BATCH, milliseconds);

    pollPtr->batchSize = 0;
    for (int i = 0; i < count; i++) {
	uint32_t bits = events[i].events;
	int n = pollPtr->batchSize;

	if (events[i].data.ptr == NULL) {
	    DrainWake(pollPtr);
	    continue;
	}
	pollPtr->batch[n] = events[i].data.ptr;
	pollPtr->masks[n] = ((bits & EPOLLIN) ? DP_READABLE : 0)
		| ((bits & EPOLLOUT) ? DP_WRITABLE : 0)
		| ((bits & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) ? DP_HANGUP : 0);
	pollPtr->batchSize++;
    }
    return CallReady(pollPtr);
}

#else

DpPoll *
DpPollNew(void)
{
    DpPoll *pollPtr = DpAlloc(sizeof(*pollPtr));

    if (!OpenWake(pollPtr)) {
	DpFree(pollPtr);
	return NULL;
    }
    pollPtr->size = 64;
    pollPtr->fds = DpAlloc(64 * sizeof(*pollPtr->fds));
    pollPtr->watches = DpAlloc(64 * sizeof(*pollPtr->watches));
    pollPtr->fds[0].fd = pollPtr->wakeFds[0];
    pollPtr->fds[0].events = POLLIN;
    return pollPtr;
}

void
DpPollFree(DpPoll *pollPtr)
{
    close(pollPtr->wakeFds[0]);
    close(pollPtr->wakeFds[1]);
    DpFree(pollPtr->fds);
    DpFree(pollPtr->watches);
    DpFree(pollPtr);
}

int
DpPollFd(const DpPoll *pollPtr)
{
    (void) pollPtr;
    return -1;
}

static int
IndexOf(const DpPoll *pollPtr, const DpWatch *watchPtr)
{
    int i = 1;

    while (pollPtr->watches[i] != watchPtr) {
	i++;
    }
    return i;
}

static void
SetEvents(DpPoll *pollPtr, int i, const DpWatch *watchPtr)
{
    pollPtr->watches[i] = (DpWatch *) watchPtr;
    pollPtr->fds[i].fd = watchPtr->fd;
    pollPtr->fds[i].revents = 0;
    pollPtr->fds[i].events = (short)
	    (((watchPtr->mask & DP_READABLE) ? POLLIN : 0)
	    | ((watchPtr->mask & DP_WRITABLE) ? POLLOUT : 0)
	    | ((watchPtr->mask & DP_HANGUP) ? POLLRDHUP : 0));
}

void
DpPollAdd(DpPoll *pollPtr, DpWatch *watchPtr)
{
    int i = ++pollPtr->count;

    if (i >= pollPtr->size) {
	size_t size = (size_t) (pollPtr->size *= 2);

	pollPtr->fds = DpRealloc(pollPtr->fds, size * sizeof(*pollPtr->fds));
	pollPtr->watches = DpRealloc(pollPtr->watches,
		size * sizeof(*pollPtr->watches));
    }
    SetEvents(pollPtr, i, watchPtr);
}

void
DpPollChange(DpPoll *pollPtr, DpWatch *watchPtr)
{
    SetEvents(pollPtr, IndexOf(pollPtr, watchPtr), watchPtr);
}

void
DpPollRemove(DpPoll *pollPtr, DpWatch *watchPtr)
{
    int i = IndexOf(pollPtr, watchPtr);
    int last = pollPtr->count--;

    pollPtr->fds[i] = pollPtr->fds[last];
    pollPtr->watches[i] = pollPtr->watches[last];
    ForgetReady(pollPtr, watchPtr);
}

bool
DpPollRun(DpPoll *pollPtr, int milliseconds)
{
    int count = poll(pollPtr->fds, (nfds_t) pollPtr->count + 1, milliseconds);

    pollPtr->batchSize = 0;
    if (count > 0 && pollPtr->fds[0].revents != 0) {
	DrainWake(pollPtr);
    }
    for (int i = 1; count > 0 && i <= pollPtr->count
	    && pollPtr->batchSize < BATCH; i++) {
	int bits = pollPtr->fds[i].revents;
	int n = pollPtr->batchSize;

	if (bits == 0) {
	    continue;
	}
	pollPtr->batch[n] = pollPtr->watches[i];
	pollPtr->masks[n] = ((bits & POLLIN) ? DP_READABLE : 0)
		| ((bits & POLLOUT) ? DP_WRITABLE : 0)
		| ((bits & (POLLERR | POLLHUP | POLLNVAL | POLLRDHUP))
		    ? DP_HANGUP : 0);
	pollPtr->batchSize++;
    }
    return CallReady(pollPtr);
}

#endif

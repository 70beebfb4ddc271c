/*
 * dpPoll.h -- a set of descriptors to wait for, and other clock and wake calls.
 *
 * Layer L1. epoll(7) where there is one: then DpPollFd is one descriptor that
 * stands for all of them. Else poll(2): then there is none (-1).
 */

#ifndef DP_POLL_H
#define DP_POLL_H

#include "dpLoop.h"

typedef struct DpPoll DpPoll;

/* NULL with errno when the system has no descriptors left. */
MODULE_SCOPE DpPoll *DpPollNew(void);
MODULE_SCOPE void DpPollFree(DpPoll *pollPtr);
MODULE_SCOPE int DpPollFd(const DpPoll *pollPtr);
MODULE_SCOPE int DpPollCount(const DpPoll *pollPtr);

MODULE_SCOPE void DpPollAdd(DpPoll *pollPtr, DpWatch *watchPtr);
MODULE_SCOPE void DpPollChange(DpPoll *pollPtr, DpWatch *watchPtr);
MODULE_SCOPE void DpPollRemove(DpPoll *pollPtr, DpWatch *watchPtr);

/*
 * Waits up to milliseconds (-1: no limit) and calls the procedures of ready
 * watches. True if there was one. A watch that is removed meanwhile is not
 * called.
 */
MODULE_SCOPE bool DpPollRun(DpPoll *pollPtr, int milliseconds);

/* Ends a wait of DpPollRun from any thread. */
MODULE_SCOPE void DpPollWake(DpPoll *pollPtr);

/*
 * Moves fd to a number of 1024 or above, out of the way of Tcl's select, and
 * makes it close-on-exec. Where the limit forbids it fd stays where it is.
 * Returns the descriptor to use.
 */
MODULE_SCOPE int DpFdRaise(int fd);

#endif

/*
 * dpAgentSock.h -- the stream socket of an agent, without blocking.
 *
 * Layer L1. All but Close return 0 or an errno value; EAGAIN is to be tried
 * again when the socket is ready.
 */

#ifndef DP_AGENT_SOCK_H
#define DP_AGENT_SOCK_H

#include "dpBase.h"

/*
 * A socket that is connected to path. EAGAIN: the agent has too many callers
 * in its queue; there is no socket then, and no event will tell when there
 * is room. EINPROGRESS: there is one, which becomes writable.
 */
MODULE_SCOPE int DpAgentSockOpen(const char *path, int *fdPtr);

/* How a connection in progress ended. */
MODULE_SCOPE int DpAgentSockResult(int fd);

MODULE_SCOPE int DpAgentSockSend(int fd, const void *bytes, size_t length,
	size_t *countPtr);

/* A count of 0 is the end. */
MODULE_SCOPE int DpAgentSockReceive(int fd, void *bytes, size_t size,
	size_t *countPtr);
MODULE_SCOPE void DpAgentSockClose(int fd);

#endif

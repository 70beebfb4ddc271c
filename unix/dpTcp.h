/*
 * dpTcp.h -- connecting to a host and port without blocking.
 *
 * Layer L2.
 */

#ifndef DP_TCP_H
#define DP_TCP_H

#include "dpTransport.h"

typedef struct DpTcp DpTcp;

/*
 * Looks the name up (in a worker, unless it is a number) and tries its
 * addresses in turn, IPv6 and IPv4 alternating, a quarter of a second apart.
 * Ends by calling done with a transport, or with NULL and CONNECT RESOLVE,
 * REFUSED, UNREACHABLE or TIMEOUT; never from inside this function.
 */
MODULE_SCOPE DpTcp *DpTcpConnect(DpLoop *loopPtr, const char *slug,
	const char *address, int port, int64_t timeout,
	void (*done)(void *clientData, DpTransport *transPtr,
		const DpError *errPtr),
	void *clientData);

/* Ends an attempt whose done was not yet called. */
MODULE_SCOPE void DpTcpCancel(DpTcp *tcpPtr);

#endif

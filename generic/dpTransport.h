/*
 * dpTransport.h -- what carries the bytes of a session.
 *
 * Layer L2. A small table of functions, so that a session need not know
 * whether it runs over TCP, a command's pipes or a channel of another session.
 */

#ifndef DP_TRANSPORT_H
#define DP_TRANSPORT_H

#include "dpError.h"
#include "dpLoop.h"

typedef struct DpTransport DpTransport;

typedef struct DpTransportType {
    const char *name;
    /* Both return a count, or -EAGAIN or another negated errno. recv: 0 at
     * the end. */
    ptrdiff_t (*send)(DpTransport *transPtr, const void *bytes, size_t size);
    ptrdiff_t (*recv)(DpTransport *transPtr, void *bytes, size_t size);
    void (*want)(DpTransport *transPtr, int mask);
    /* Acknowledge at once: until the peer's sshd has set TCP_NODELAY, it
     * waits for our delayed acknowledgement (40 ms). NULL: no such thing. */
    void (*quick)(DpTransport *transPtr);
    /* Bytes taken by send that the peer's window and the line still keep
     * here. NULL: not known. */
    size_t (*unsent)(DpTransport *transPtr);
    int (*fd)(DpTransport *transPtr);   /* -1: none */
    void (*close)(DpTransport *transPtr); /* and free */
} DpTransportType;

struct DpTransport {
    const DpTransportType *typePtr;
    /* Set by the user of the transport; called by the loop. */
    void (*ready)(void *clientData, int mask);
    void *clientData;
};

#endif

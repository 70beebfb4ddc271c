/*
 * dpTtyEcho.h -- the terminal of this process without echo, for secrets.
 *
 * Layer L2. Echo comes back whatever ends this process, is on while it is
 * stopped, and off again when it goes on in the foreground.
 */

#ifndef DP_TTY_ECHO_H
#define DP_TTY_ECHO_H

#include "dpError.h"
#include "dpLoop.h"

typedef struct DpTtyEcho DpTtyEcho;

/*
 * Switches echo off. In the background this process is stopped until it is in
 * the foreground, as by reading. NULL: {STATE terminal} in errPtr.
 */
MODULE_SCOPE DpTtyEcho *DpTtyEchoOff(DpLoop *loopPtr, DpError *errPtr);

/* Its twin: switches it on, and frees. */
MODULE_SCOPE void DpTtyEchoOn(DpTtyEcho *echoPtr);

#endif

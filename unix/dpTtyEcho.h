/*
 * dpTtyEcho.h -- the terminal of this process while a human is asked.
 *
 * Layer L2. The modes that it had come back whatever ends this process, are
 * there while it is stopped, and change again when it goes on in the foreground.
 */

#ifndef DP_TTY_ECHO_H
#define DP_TTY_ECHO_H

#include "dpError.h"
#include "dpLoop.h"

typedef struct DpTtyEcho DpTtyEcho;

typedef enum DpTtyAsk {
    DP_TTY_SECRET,              /* a line that is not echoed */
    DP_TTY_LINE,                /* a line */
    DP_TTY_KEYS                 /* each key as it is typed, without echo */
} DpTtyAsk;

/*
 * Sets the modes. The key that interrupts ends a line as a newline does, and is
 * the last character of it, or is a key as any other. In the background this
 * process is stopped until it is in the foreground, as by reading. Bytes of again
 * are copied, and written when it goes on after it was stopped. NULL:
 * {STATE terminal} in errPtr.
 */
MODULE_SCOPE DpTtyEcho *DpTtyEchoOff(DpLoop *loopPtr, DpTtyAsk ask,
	const void *again, size_t count, DpError *errPtr);

/* Its twin: sets the modes that were there, and frees. */
MODULE_SCOPE void DpTtyEchoOn(DpTtyEcho *echoPtr);

#endif

/*
 * dpPtyChan.h -- an end of a pseudo terminal as a Tcl channel.
 *
 * Layer L3.
 */

#ifndef DP_PTY_CHAN_H
#define DP_PTY_CHAN_H

#include "dpInterp.h"

typedef struct DpPtyChanSpec {
    const char *name;           /* of the channel; NULL: one is made */
    const char *ptyName;        /* of the slave, for -name */
    int fd;                     /* taken over */
    int handleFd;               /* what Tcl_GetChannelHandle gives where that
				 * is not fd, else -1; taken over */
    DpProcedure *closed;        /* called when the channel is, or NULL */
    void *clientData;
} DpPtyChanSpec;

/*
 * Makes and registers the channel in dpPtr's interpreter: readable and
 * writable, non-blocking, in UTF-8 without changes of line ends. That the
 * other end is closed is end of file. Options of its own: -size {ROWS COLS}
 * and, to read, -name. Returns the name, refcount 0; NULL and a message where
 * that is in use (the descriptors are closed then).
 */
MODULE_SCOPE Tcl_Obj *DpPtyChanNew(DpInterp *dpPtr,
	const DpPtyChanSpec *specPtr);

#endif

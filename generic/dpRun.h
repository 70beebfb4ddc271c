/*
 * dpRun.h -- runs a command to its end: feeds it and collects its outputs.
 *
 * Layer L4.
 */

#ifndef DP_RUN_H
#define DP_RUN_H

#include "dpProc.h"
#include "dpWait.h"

typedef struct DpRun DpRun;

typedef struct DpRunSpec {
    Tcl_Obj *inPtr;             /* bytes of standard input, NULL: none */
    bool inOpen;                /* somebody else feeds it, and closes it */
    Tcl_Encoding encoding;      /* of the outputs, NULL: bytes; taken over */
    Tcl_Obj *onOutputPtr;       /* command prefix, a valid list, or NULL */
    Tcl_Obj *answersPtr;        /* for the caller: pairs of a dialogue */
    bool newlines;              /* CRLF of outputs becomes LF */
    bool discard;               /* no output is kept; not with onOutputPtr */
    bool terminal;              /* it gets the terminal of this process ... */
    bool keys;                  /* ... and what is typed there */
    Tcl_Obj *castPtr;           /* records it: a handle of core::cast, NULL */
    size_t limit;               /* of what is kept, 0: as much as may be */
} DpRunSpec;

/*
 * A tap sees each byte of both outputs as it came, in the order in which it
 * came. No script may run from any of these, nor may the run be dropped; what
 * they write to the command is fine. All but data may be NULL.
 */
typedef struct DpRunTap {
    void (*feed)(void *data, const unsigned char *bytes, size_t n);
    void (*feedFrom)(void *data, int stream, const unsigned char *bytes,
	    size_t n);          /* the same, told which output it was */
    bool (*full)(void *data);   /* while true no output is read: the command
				 * feels it. DpRunNotify when that changes */
    bool (*busy)(void *data);   /* while true the run does not end: it has
				 * still to do. DpRunNotify when it changes */
    void (*room)(void *data);   /* the command may take input again, or no
				 * more of it */
    void (*end)(void *data);    /* once, before the waiter finishes; the run
				 * does not use data afterwards */
    void *data;
} DpRunTap;

/*
 * Starts collecting; the caller passes on what the command tells by
 * DpRunNotify, ends it by DpRunEnd or DpRunCancel, and drops it.
 */
MODULE_SCOPE DpRun *DpRunNew(DpInterp *dpPtr, DpProc *procPtr,
	const DpRunSpec *specPtr);
MODULE_SCOPE Tcl_Obj *DpRunWaiter(DpRun *runPtr);
MODULE_SCOPE void DpRunNotify(DpRun *runPtr);

/* Adds a tap, a copy of the struct, before the first DpRunNotify. */
MODULE_SCOPE void DpRunAddTap(DpRun *runPtr, const DpRunTap *tapPtr);

/*
 * For taps: the run fails with errPtr, at once or, from inside of feed, when
 * that returns. The command is left to the owner of the run.
 */
MODULE_SCOPE void DpRunFail(DpRun *runPtr, const DpError *errPtr);

/*
 * The command has ended. The waiter finishes with the result, or with
 * the error in errPtr, after the last call of onoutput.
 */
MODULE_SCOPE void DpRunEnd(DpRun *runPtr, const DpError *errPtr);

/* Finishes with errPtr at once and calls no script any more. */
MODULE_SCOPE void DpRunCancel(DpRun *runPtr, const DpError *errPtr);
MODULE_SCOPE void DpRunDrop(DpRun *runPtr);

#endif

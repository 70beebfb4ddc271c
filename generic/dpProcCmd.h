/*
 * dpProcCmd.h -- the command core::proc and the options of commands.
 *
 * Layer L4.
 */

#ifndef DP_PROC_CMD_H
#define DP_PROC_CMD_H

#include "dpInterp.h"
#include "dpProc.h"

/* The options of a command; the strings are those of the dict's values. */
typedef struct DpProcOpts {
    const char *slug;           /* of the host, for errors; never NULL */
    const char *command;        /* for errors; never NULL */
    bool merge;
    bool hold;
    int ask;                    /* ms, with prompt and hold; 0: for ever */
    bool shell;                 /* the login shell, not a line */
    bool hasPty;
    DpProcPty pty;              /* with hasPty */
    const char *channel;        /* with hasPty: the Tcl channel, on a pseudo
				 * terminal, that it gets; NULL: none */
    const char *token;          /* the rest: NULL where not given */
    const char *echo;
    const char *prompt;
    const char *password;
    Tcl_Obj *cwdPtr;            /* local commands only */
    Tcl_Obj *envPtr;            /* local commands only; a dict */
    bool stays;                 /* it ends by itself: see dpEnding.h */
    Tcl_Obj *eventPtr;          /* what hears of it, by core::event */
    const char *under;          /* text before a line that may end it */
    Tcl_Obj *besidePtr;         /* local commands only: words that run the line
				 * %s where this command runs */
    struct DpSsh *sshPtr;       /* not of the dict: where it runs, or NULL */
} DpProcOpts;

/*
 * Reads the dict of options, which must outlive optsPtr. TCL_ERROR and a
 * message for a key or a value that is wrong.
 */
MODULE_SCOPE int DpProcOptsGet(Tcl_Interp *interp, Tcl_Obj *dictPtr,
	DpProcOpts *optsPtr);

/* Columns or rows, 0 to 65535; else {OPTION -size}. */
MODULE_SCOPE int DpProcSizeGet(Tcl_Interp *interp, Tcl_Obj *objPtr,
	int *sizePtr);

/*
 * Gives a command that was just begun its options and a handle, whose name is
 * returned. The handle takes a reference of its own.
 */
MODULE_SCOPE Tcl_Obj *DpProcHandleNew(DpInterp *dpPtr, DpProc *procPtr,
	const DpProcOpts *optsPtr);

/*
 * Somebody who takes what a command prints, as the collector of `run` and the
 * channels do; there is one at a time. DpProcTake fails with a message when
 * there is one already. free is called when the handle is closed.
 */
typedef struct DpProcTaker {
    void (*notify)(void *data, DpProc *procPtr, int what);
    void (*free)(void *data);
    void *data;
} DpProcTaker;
MODULE_SCOPE int DpProcTake(DpInterp *dpPtr, Tcl_Interp *interp,
	Tcl_Obj *namePtr, const DpProcTaker *takerPtr, DpProc **procPtrPtr);
/* The data of the taker with this notify; NULL and a message: another. */
MODULE_SCOPE void *DpProcTaken(DpInterp *dpPtr, Tcl_Interp *interp,
	Tcl_Obj *namePtr,
	void (*notify)(void *data, DpProc *procPtr, int what));

/* How the command of a handle is ended; NULL and a message: there is none. */
MODULE_SCOPE struct DpEnding *DpProcEnding(DpInterp *dpPtr, Tcl_Obj *namePtr);

/* Makes core::proc, core::spawn and core::ending. */
MODULE_SCOPE void DpProcCmdInit(DpInterp *dpPtr);

#endif

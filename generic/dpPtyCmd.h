/*
 * dpPtyCmd.h -- the command core::pty, and channels of commands' terminals.
 *
 * Layer L4.
 */

#ifndef DP_PTY_CMD_H
#define DP_PTY_CMD_H

#include "dpProcCmd.h"
#include "dpPty.h"

/* Opens a pseudo terminal of the size in the options; TCL_ERROR: a message. */
MODULE_SCOPE int DpPtyGet(Tcl_Interp *interp, const DpProcOpts *optsPtr,
	DpPty *ptyPtr);

/*
 * Gives a command whose handle was just made a channel of that name (none has
 * it) on the master of *ptyPtr, which is taken over. Where that has a slave
 * the command is bridged to it; else the terminal is the command's own.
 */
MODULE_SCOPE void DpPtyPut(DpInterp *dpPtr, Tcl_Obj *handlePtr,
	const DpPty *ptyPtr, const char *channel);

/* Makes core::pty. */
MODULE_SCOPE void DpPtyCmdInit(DpInterp *dpPtr);

#endif

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
    const char *token;          /* the rest: NULL where not given */
    const char *echo;
    const char *prompt;
    const char *password;
    Tcl_Obj *cwdPtr;            /* local commands only */
    Tcl_Obj *envPtr;            /* local commands only; a dict */
} DpProcOpts;

/*
 * Reads the dict of options, which must outlive optsPtr. TCL_ERROR and a
 * message for a key or a value that is wrong.
 */
MODULE_SCOPE int DpProcOptsGet(Tcl_Interp *interp, Tcl_Obj *dictPtr,
	DpProcOpts *optsPtr);

/*
 * Gives a command that was just begun its options and a handle, whose name is
 * returned. The handle takes a reference of its own.
 */
MODULE_SCOPE Tcl_Obj *DpProcHandleNew(DpInterp *dpPtr, DpProc *procPtr,
	const DpProcOpts *optsPtr);

/* Makes core::proc and core::spawn. */
MODULE_SCOPE void DpProcCmdInit(DpInterp *dpPtr);

#endif

/*
 * dpFsCmdInt.h -- what the files of core::fs share.
 *
 * Layer L4.
 */

#ifndef DP_FS_CMD_INT_H
#define DP_FS_CMD_INT_H

#include "dpFsCmd.h"
#include "dpWait.h"

/* The names of attributes as objects, for many of them. */
#define DP_FS_KEYS 10
MODULE_SCOPE void DpFsKeysInit(Tcl_Obj *keys[DP_FS_KEYS]);
MODULE_SCOPE void DpFsKeysFree(Tcl_Obj *keys[DP_FS_KEYS]);
MODULE_SCOPE Tcl_Obj *DpFsAttrList(const DpFsAttr *attrPtr,
	Tcl_Obj *keys[DP_FS_KEYS]);

/*
 * core::fs OP FS ARGS: leaves a waiter in interp. TCL_CONTINUE: objv[1] is no
 * operation.
 */
MODULE_SCOPE int DpFsCmdOp(DpInterp *dpPtr, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[]);

#endif

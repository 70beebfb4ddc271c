/*
 * dpFsScript.h -- a file system whose operations are Tcl commands.
 *
 * Layer L4.
 */

#ifndef DP_FS_SCRIPT_H
#define DP_FS_SCRIPT_H

#include "dpFs.h"
#include "dpInterp.h"

/*
 * A file system with one reference. Each operation is {*}PREFIX OP ARGS, called
 * from a task, which returns a waiter; ARGS is a dict. Some ops may be missing:
 * then the error code of the waiter is {DEPLOYER FILE ENOTSUP ...}.
 */
MODULE_SCOPE DpFs *DpFsScriptNew(DpInterp *dpPtr, Tcl_Obj *prefixPtr,
	const char *slug);

/*
 * Lets PREFIX do the ADOPT of another kind of file system, until Stop, which
 * ends what is under way.
 */
MODULE_SCOPE void DpFsScriptAdopt(DpInterp *dpPtr, DpFs *fsPtr,
	Tcl_Obj *prefixPtr);
MODULE_SCOPE void DpFsScriptAdoptStop(DpFs *fsPtr);

#endif

/*
 * dpFsCmd.h -- the command core::fs: file systems of hosts for scripts.
 *
 * Layer L4.
 */

#ifndef DP_FS_CMD_H
#define DP_FS_CMD_H

#include "dpFs.h"
#include "dpInterp.h"

/*
 * The file system behind a handle such as "fs3"; TCL_ERROR and a message where
 * there is none. It stays the handle's: hold it to keep it.
 */
MODULE_SCOPE int DpFsGet(DpInterp *dpPtr, Tcl_Interp *interp,
	Tcl_Obj *namePtr, DpFs **fsPtrPtr);

/*
 * A path for the host, in its encoding. The DString is initialised here, and
 * freed where this fails: {ARGUMENT {}} for an empty string and for a NUL.
 * interp may be NULL.
 */
MODULE_SCOPE int DpFsPathBytes(Tcl_Interp *interp, const DpFs *fsPtr,
	Tcl_Obj *pathPtr, Tcl_DString *bytesPtr);

/* A path or name of the host as a fresh object. */
MODULE_SCOPE Tcl_Obj *DpFsPathObj(const DpFs *fsPtr, const char *path);

/*
 * Attributes as a dict: size uid gid mode atime mtime ctime ino dev nlink, what
 * is known of them. Get takes size, uid and gid, mode, atime and mtime (one
 * stands for both); other keys are refused.
 */
MODULE_SCOPE Tcl_Obj *DpFsAttrObj(const DpFsAttr *attrPtr);
MODULE_SCOPE int DpFsAttrGet(Tcl_Interp *interp, Tcl_Obj *dictPtr,
	DpFsAttr *attrPtr);

/* Makes core::fs. */
MODULE_SCOPE void DpFsCmdInit(DpInterp *dpPtr);

#endif

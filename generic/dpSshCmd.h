/*
 * dpSshCmd.h -- the command core::ssh.
 *
 * Layer L4.
 */

#ifndef DP_SSH_CMD_H
#define DP_SSH_CMD_H

#include "dpInterp.h"
#include "dpSsh.h"

/* The session behind a handle such as "ssh3", which keeps it. */
MODULE_SCOPE int DpSshGet(DpInterp *dpPtr, Tcl_Obj *namePtr,
	DpSsh **sshPtrPtr);

MODULE_SCOPE void DpSshCmdInit(DpInterp *dpPtr);

#endif

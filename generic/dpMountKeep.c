/*
 * dpMountKeep.c -- a copy into a mount that fails at its end is an error, and
 * its source stays.
 *
 * Layer L4. Between file systems Tcl copies through channels and does not look
 * at what the close of the new file returns; for [file rename] it deletes the
 * source next. On a host it is the close that says whether the file was saved.
 * So when one has failed:
 *
 * 1. The paths that Tcl knows are made to be asked for again. In a copy the
 *    next one is that of the source, and then the new file's times are set,
 *    which nobody else does within the same command.
 * 2. From there on the source is taken for a file of ours, which refuses to be
 *    deleted.
 * 3. When the command ends a handler makes it fail, if it has not, and all is
 *    as before.
 */

#include "dpMountInt.h"

#include <errno.h>

/* Back to rest, if need be with paths asked for again. */
static void
Reset(DpMountKeep *keepPtr)
{
    if (keepPtr->state >= DP_KEEP_SOURCE) {
	Tcl_FSMountsChanged(&dpMountFilesystem);
    }
    keepPtr->state = DP_KEEP_IDLE;
    if (keepPtr->mountPtr != NULL) {
	DpMountDrop(keepPtr->mountPtr);
	keepPtr->mountPtr = NULL;
    }
    DpFree(keepPtr->path);
    DpFree(keepPtr->source);
    keepPtr->path = keepPtr->source = NULL;
    DpErrorClear(&keepPtr->error);
}

/* The command has ended: a success that was none becomes an error. */
static int
CommandEnds(ClientData clientData, Tcl_Interp *interp, int code)
{
    DpMountKeep *keepPtr = clientData;
    const char *message = keepPtr->error.message;

    if (interp != NULL && keepPtr->state != DP_KEEP_IDLE
	    && (code == TCL_OK || keepPtr->state == DP_KEEP_KEPT)) {
	Tcl_ResetResult(interp);
	Tcl_SetErrno(keepPtr->number);
	Tcl_PosixError(interp);
	Tcl_SetObjResult(interp, Tcl_ObjPrintf("%s%s%s",
		message != NULL ? message : Tcl_ErrnoMsg(keepPtr->number),
		keepPtr->state == DP_KEEP_KEPT ? "; not deleted: " : "",
		keepPtr->state == DP_KEEP_KEPT ? keepPtr->source : ""));
	code = TCL_ERROR;
    }
    Reset(keepPtr);
    return code;
}

void
DpMountKeepInit(DpMountKeep *keepPtr)
{
    keepPtr->handler = Tcl_AsyncCreate(CommandEnds, keepPtr);
}

void
DpMountKeepDone(DpMountKeep *keepPtr)
{
    Reset(keepPtr);
    Tcl_AsyncDelete(keepPtr->handler);
    keepPtr->handler = NULL;
}

void
DpMountKeepFailed(DpMountKeep *keepPtr, DpMount *mountPtr, const char *path,
	int number, const DpError *errPtr)
{
    if (keepPtr->handler == NULL || keepPtr->state != DP_KEEP_IDLE) {
	return;
    }
    keepPtr->state = DP_KEEP_FAILED;
    keepPtr->mountPtr = mountPtr;
    DpMountHold(mountPtr);
    keepPtr->path = DpStrdup(path);
    keepPtr->number = number;
    DpErrorCopy(&keepPtr->error, errPtr);
    Tcl_FSMountsChanged(&dpMountFilesystem);
    Tcl_AsyncMark(keepPtr->handler);
}

bool
DpMountKeepAsked(DpMountKeep *keepPtr, const char *path)
{
    if (keepPtr->state == DP_KEEP_FAILED) {
	DpFree(keepPtr->source);
	keepPtr->source = DpStrdup(path);
    }
    return keepPtr->state == DP_KEEP_SOURCE
	    && strcmp(keepPtr->source, path) == 0;
}

void
DpMountKeepTimes(DpMountKeep *keepPtr, DpMount *mountPtr, const char *path)
{
    if (keepPtr->state == DP_KEEP_FAILED && keepPtr->source != NULL
	    && keepPtr->mountPtr == mountPtr
	    && strcmp(keepPtr->path, path) == 0) {
	keepPtr->state = DP_KEEP_SOURCE;
	Tcl_FSMountsChanged(&dpMountFilesystem);
    }
}

void
DpMountKeepDeleted(DpMountKeep *keepPtr)
{
    if (keepPtr->state == DP_KEEP_SOURCE) {
	keepPtr->state = DP_KEEP_KEPT;
	Tcl_FSMountsChanged(&dpMountFilesystem);
    }
    Tcl_SetErrno(keepPtr->number);
}

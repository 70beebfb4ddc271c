/*
 * dpMountFs.c -- the table that Tcl calls for files in mounts.
 *
 * Layer L4.
 */

#include "dpMountInt.h"

#include <errno.h>

/* What [file system] tells behind "deployer": how the files are reached. */
static Tcl_Obj *
PathTypeProc(Tcl_Obj *pathPtr)
{
    const DpMountPath *foundPtr = Tcl_FSGetInternalRep(pathPtr,
	    &dpMountFilesystem);

    if (foundPtr == NULL || foundPtr->mountPtr->fsPtr == NULL) {
	return NULL;
    }
    return Tcl_NewStringObj(foundPtr->mountPtr->fsPtr->typePtr->name, -1);
}

static Tcl_Obj *
SeparatorProc(Tcl_Obj *pathPtr)
{
    (void) pathPtr;
    return Tcl_NewStringObj("/", 1);
}

/* The directory of a process is one of its own machine. */
static int
ChdirProc(Tcl_Obj *pathPtr)
{
    (void) pathPtr;
    Tcl_SetErrno(EOPNOTSUPP);
    return -1;
}

const Tcl_Filesystem dpMountFilesystem = {
    .typeName = "deployer",
    .structureLength = sizeof(Tcl_Filesystem),
    .version = TCL_FILESYSTEM_VERSION_1,
    .pathInFilesystemProc = DpMountPathIn,
    .dupInternalRepProc = DpMountPathDup,
    .freeInternalRepProc = DpMountPathFree,
    .createInternalRepProc = DpMountPathNew,
    .normalizePathProc = DpMountNormalProc,
    .filesystemPathTypeProc = PathTypeProc,
    .filesystemSeparatorProc = SeparatorProc,
    .statProc = DpMountStatProc,
    .accessProc = DpMountAccessProc,
    .openFileChannelProc = DpMountOpenProc,
    .matchInDirectoryProc = DpMountMatchProc,
    .utimeProc = DpMountUtimeProc,
    .linkProc = DpMountLinkProc,
    .fileAttrStringsProc = DpMountAttrStringsProc,
    .fileAttrsGetProc = DpMountAttrsGetProc,
    .fileAttrsSetProc = DpMountAttrsSetProc,
    .createDirectoryProc = DpMountMkdirProc,
    .removeDirectoryProc = DpMountRmdirProc,
    .deleteFileProc = DpMountDeleteProc,
    .copyFileProc = DpMountCopyProc,
    .renameFileProc = DpMountRenameProc,
    .copyDirectoryProc = DpMountCopyDirProc,
    .lstatProc = DpMountLstatProc,
    .chdirProc = ChdirProc
};

/*
 * dpMountFile.c -- single files of a mount: stat, access, open, links, making
 * and deleting.
 *
 * Layer L4.
 */

#include "dpMountInt.h"

#include "dpFsChan.h"
#include "dpFsCmd.h"
#include "dpMountStat.h"

#include <errno.h>
#include <stdio.h>

/* --- helpers --- */

int
DpMountFail(Tcl_Interp *interp, const char *doing, Tcl_Obj *pathPtr)
{
    if (interp != NULL) {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf("%s \"%s\": %s", doing,
		Tcl_GetString(pathPtr), Tcl_PosixError(interp)));
    }
    return TCL_ERROR;
}

char *
DpMountJoin(const char *directory, const char *name)
{
    size_t length = strlen(directory), size = length + strlen(name) + 2;
    char *path = DpAlloc(size);

    snprintf(path, size, "%s%s%s", directory,
	    length > 0 && directory[length - 1] == '/' ? "" : "/", name);
    return path;
}

Tcl_Obj *
DpMountOutside(const DpMount *mountPtr, const char *path)
{
    Tcl_Obj *resultPtr = Tcl_NewStringObj(mountPtr->point,
	    (int) mountPtr->pointLength);
    Tcl_DString text;

    if (path[0] != '\0' && strcmp(path, "/") != 0) {
	DpFsText(mountPtr->fsPtr, path, &text);
	Tcl_AppendToObj(resultPtr, Tcl_DStringValue(&text),
		Tcl_DStringLength(&text));
	Tcl_DStringFree(&text);
    }
    return resultPtr;
}

bool
DpMountStat(DpMount *mountPtr, const char *path, bool follow,
	DpFsAttr *attrPtr)
{
    DpFsRequest request = {
	.kind = follow ? DP_FS_STAT : DP_FS_LSTAT, .path = path
    };
    DpMountAnswer answer;
    int error;

    if (DpMountCacheGet(mountPtr, path, follow, attrPtr)) {
	return true;
    }
    error = DpMountAsk(mountPtr, &answer, &request);
    *attrPtr = answer.attr;
    DpMountFree(&answer);
    if (error != 0) {
	Tcl_SetErrno(error);
	return false;
    }
    DpMountCachePut(mountPtr, path, follow, attrPtr);
    return true;
}

/* --- stat and access --- */

static int
StatPath(Tcl_Obj *pathPtr, Tcl_StatBuf *statPtr, bool follow)
{
    DpMountCall call;
    DpFsAttr attr;
    int result = -1;

    if (DpMountBegin(&call, pathPtr)
	    && DpMountStat(call.mountPtr, call.path, follow, &attr)) {
	DpMountStatFill(statPtr, &attr, call.mountPtr->id);
	result = 0;
    }
    DpMountEnd(&call);
    return result;
}

int
DpMountStatProc(Tcl_Obj *pathPtr, Tcl_StatBuf *statPtr)
{
    return StatPath(pathPtr, statPtr, true);
}

int
DpMountLstatProc(Tcl_Obj *pathPtr, Tcl_StatBuf *statPtr)
{
    return StatPath(pathPtr, statPtr, false);
}

/* Where nobody said who we are there: the owner of the start directory. */
static void
FindIds(DpMount *mountPtr)
{
    DpFsRequest request = {.kind = DP_FS_STAT, .path = "."};
    DpMountAnswer answer;

    mountPtr->idsKnown = true;
    mountPtr->uid = UINT32_MAX;
    if (DpMountAsk(mountPtr, &answer, &request) == 0
	    && (answer.attr.has & DP_FS_OWNER)) {
	DpFree(mountPtr->gids);
	mountPtr->gids = DpAlloc(sizeof(*mountPtr->gids));
	mountPtr->uid = answer.attr.uid;
	mountPtr->gids[0] = answer.attr.gid;
	mountPtr->numGids = 1;
    }
    DpMountFree(&answer);
}

bool
DpMountMay(DpMount *mountPtr, const DpFsAttr *attrPtr, int mode)
{
    uint32_t allowed = attrPtr->mode & 7;

    if (mode == 0) {
	return true;
    }
    if (!mountPtr->idsKnown) {
	FindIds(mountPtr);
    }
    if (mountPtr->uid == 0) {
	return !(mode & 1) || DpMountType(attrPtr->mode) == 'd'
		|| (attrPtr->mode & 0111) != 0;
    }
    if (attrPtr->uid == mountPtr->uid) {
	allowed = attrPtr->mode >> 6 & 7;
    } else {
	for (int i = 0; i < mountPtr->numGids; i++) {
	    if (attrPtr->gid == mountPtr->gids[i]) {
		allowed = attrPtr->mode >> 3 & 7;
		break;
	    }
	}
    }
    return ((uint32_t) mode & ~allowed) == 0;
}

int
DpMountAccessProc(Tcl_Obj *pathPtr, int mode)
{
    DpMountCall call;
    DpFsAttr attr;
    int result = -1;

    if (DpMountBegin(&call, pathPtr)
	    && DpMountStat(call.mountPtr, call.path, true, &attr)) {
	if (DpMountMay(call.mountPtr, &attr, mode)) {
	    result = 0;
	} else {
	    Tcl_SetErrno(EACCES);
	}
    }
    DpMountEnd(&call);
    return result;
}

int
DpMountUtimeProc(Tcl_Obj *pathPtr, struct utimbuf *timesPtr)
{
    DpFsRequest request = {.kind = DP_FS_SETSTAT};
    DpMountCall call;
    int result = -1;

    DpMountTimes(&request.attr, timesPtr);
    if (DpMountBeginChange(&call, pathPtr)) {
	request.path = call.path;
	result = DpMountDo(call.mountPtr, &request) == 0 ? 0 : -1;
	DpMountKeepTimes(DpMountGetKeep(), call.mountPtr, call.path);
    }
    DpMountEnd(&call);
    return result;
}

/* --- open --- */

typedef struct Opening {
    bool done;
    Tcl_Channel channel;
    int error;
} Opening;

static void
Opened(void *clientData, Tcl_Channel channel, int error,
	const DpError *errPtr)
{
    Opening *openingPtr = clientData;

    (void) errPtr;
    openingPtr->done = true;
    openingPtr->channel = channel;
    openingPtr->error = error;
}

/* An open file. */
typedef struct File {
    DpMount *mountPtr;          /* held */
    char *path;                 /* where it is written, or NULL */
} File;

static void
FileCloses(void *clientData, int error, const DpError *errPtr)
{
    File *filePtr = clientData;
    DpMount *mountPtr = filePtr->mountPtr;

    mountPtr->numChannels--;
    if (filePtr->path != NULL) {
	mountPtr->numWriters--;
	DpMountCacheClear(mountPtr);
	if (error != 0) {
	    DpMountKeepFailed(DpMountGetKeep(), mountPtr, filePtr->path,
		    error, errPtr);
	}
    }
    DpMountDrop(mountPtr);
    DpFree(filePtr->path);
    DpFree(filePtr);
}

static void
WatchFile(DpMountCall *callPtr, Tcl_Channel channel, bool writes)
{
    File *filePtr = DpAlloc(sizeof(*filePtr));

    filePtr->mountPtr = callPtr->mountPtr;
    DpMountHold(filePtr->mountPtr);
    filePtr->mountPtr->numChannels++;
    if (writes) {
	filePtr->path = DpStrdup(callPtr->path);
	filePtr->mountPtr->numWriters++;
    }
    DpFsChanOnClose(channel, FileCloses, filePtr);
}

/* What is done with the file is told where somebody listens. */
static void
FollowFile(DpMountCall *callPtr, Tcl_Channel channel, bool writes)
{
    DpMount *mountPtr = callPtr->mountPtr;
    const char *words[2];
    Tcl_DString text;
    Tcl_Obj *namePtr;
    DpSpan *spanPtr;
    int error;

    if (mountPtr->eventPtr == NULL) {
	return;
    }
    DpFsText(mountPtr->fsPtr, callPtr->path, &text);
    words[0] = Tcl_DStringValue(&text);
    words[1] = writes ? "1" : "0";
    namePtr = DpMountEval(mountPtr, mountPtr->eventPtr, 2, words, &error);
    Tcl_DStringFree(&text);
    if (namePtr == NULL) {
	return;
    }
    if (Tcl_GetString(namePtr)[0] != '\0'
	    && DpSpanGet(mountPtr->dpPtr, namePtr, &spanPtr) == TCL_OK) {
	DpFsChanFollow(channel, spanPtr);
    }
    Tcl_DecrRefCount(namePtr);
}

static Tcl_Channel
OpenFile(DpMount *mountPtr, const char *path, unsigned flags, int permissions)
{
    Opening opening = {false, NULL, 0};
    DpFsChanOpening *pendingPtr = DpFsChanOpen(mountPtr->dpPtr,
	    mountPtr->fsPtr, path, flags, (uint32_t) permissions, Opened,
	    &opening);

    if (!DpMountRun(mountPtr, false, &opening.done)) {
	DpFsChanCancel(pendingPtr);
	return NULL;
    }
    if (opening.channel == NULL) {
	Tcl_SetErrno(opening.error == ECONNABORTED ? ECONNRESET
		: opening.error);
    }
    return opening.channel;
}

Tcl_Channel
DpMountOpenProc(Tcl_Interp *interp, Tcl_Obj *pathPtr, int mode,
	int permissions)
{
    const unsigned flags = DpMountFlags(mode);
    const bool writes = (flags & DP_FS_FOR_WRITE) != 0;
    Tcl_Channel channel = NULL;
    DpMountCall call;

    if (writes ? DpMountBeginChange(&call, pathPtr)
	    : DpMountBegin(&call, pathPtr)) {
	if (writes) {
	    DpMountCacheClear(call.mountPtr);
	}
	channel = OpenFile(call.mountPtr, call.path, flags, permissions);
    }
    if (channel == NULL) {
	DpMountFail(interp, "couldn't open", pathPtr);
    } else {
	WatchFile(&call, channel, writes);
	FollowFile(&call, channel, writes);
    }
    DpMountEnd(&call);
    return channel;
}

/* --- links --- */

/* What a link holds. A path from the root of the host is one below us. */
static Tcl_Obj *
ReadLink(DpMountCall *callPtr)
{
    DpFsRequest request = {.kind = DP_FS_READLINK, .path = callPtr->path};
    Tcl_Obj *resultPtr = NULL;
    DpMountAnswer answer;
    DpFsAttr attr;

    /* The root, and what is no link for certain, costs nothing. */
    if (callPtr->path[1] == '\0' || (DpMountCacheGet(callPtr->mountPtr,
	    callPtr->path, false, &attr) && DpMountType(attr.mode) != 'l')) {
	Tcl_SetErrno(EINVAL);
	return NULL;
    }
    if (DpMountAsk(callPtr->mountPtr, &answer, &request) == 0
	    && answer.bytes != NULL) {
	resultPtr = answer.bytes[0] == '/'
		? DpMountOutside(callPtr->mountPtr, answer.bytes)
		: DpFsPathObj(callPtr->mountPtr->fsPtr, answer.bytes);
	Tcl_IncrRefCount(resultPtr);
    } else if (Tcl_GetErrno() == EIO
	    && DpMountStat(callPtr->mountPtr, callPtr->path, false, &attr)) {
	Tcl_SetErrno(EINVAL);
    }
    DpMountFree(&answer);
    return resultPtr;
}

/* The text of a link to TARGET, or the path of a hard link's; or NULL. */
static char *
TargetPath(DpMountCall *callPtr, Tcl_Obj *targetPtr, bool hard)
{
    const DpMountPath *foundPtr;

    if (!hard && Tcl_FSGetPathType(targetPtr) == TCL_PATH_RELATIVE) {
	const char *target = Tcl_GetString(targetPtr);
	char *text = target[0] == '\0' ? NULL
		: DpMountHostPath(callPtr->mountPtr, target);

	if (text == NULL) {
	    Tcl_SetErrno(ENOENT);
	}
	return text;
    }
    foundPtr = Tcl_FSGetInternalRep(targetPtr, &dpMountFilesystem);
    if (foundPtr == NULL || foundPtr->mountPtr != callPtr->mountPtr) {
	/* No link on a host leads out of it. */
	Tcl_SetErrno(EXDEV);
	return NULL;
    }
    if (foundPtr->path == NULL) {
	Tcl_SetErrno(ENOENT);
    }
    return DpStrdup(foundPtr->path);
}

static bool
TargetExists(DpMountCall *callPtr, const char *target)
{
    DpFsAttr attr;
    char *directory, *path;
    bool exists;

    if (target[0] == '/') {
	return DpMountStat(callPtr->mountPtr, target, true, &attr);
    }
    directory = DpStrdup(callPtr->path);
    strrchr(directory, '/')[1] = '\0';
    path = DpMountJoin(directory, target);
    exists = DpMountStat(callPtr->mountPtr, path, true, &attr);
    DpFree(path);
    DpFree(directory);
    return exists;
}

/* As natively, the target must be there and the link must not. */
static bool
MakeLink(DpMountCall *callPtr, Tcl_Obj *targetPtr, bool hard)
{
    DpFsRequest request = {.kind = hard ? DP_FS_LINK : DP_FS_SYMLINK};
    char *target = TargetPath(callPtr, targetPtr, hard);
    DpFsAttr attr;
    bool made = false;

    if (target == NULL) {
	return false;
    }
    request.path = hard ? target : callPtr->path;
    request.path2 = hard ? callPtr->path : target;
    if (!TargetExists(callPtr, target)) {
	Tcl_SetErrno(ENOENT);
    } else if (DpMountStat(callPtr->mountPtr, callPtr->path, false, &attr)) {
	Tcl_SetErrno(EEXIST);
    } else {
	made = DpMountDo(callPtr->mountPtr, &request) == 0;
    }
    DpFree(target);
    return made;
}

Tcl_Obj *
DpMountLinkProc(Tcl_Obj *pathPtr, Tcl_Obj *targetPtr, int action)
{
    Tcl_Obj *resultPtr = NULL;
    DpMountCall call;

    if (targetPtr == NULL ? !DpMountBegin(&call, pathPtr)
	    : !DpMountBeginChange(&call, pathPtr)) {
	DpMountEnd(&call);
	return NULL;
    }
    if (targetPtr == NULL) {
	resultPtr = ReadLink(&call);
    } else if (!(action & (TCL_CREATE_SYMBOLIC_LINK
	    | TCL_CREATE_HARD_LINK))) {
	Tcl_SetErrno(ENODEV);
    } else if (MakeLink(&call, targetPtr,
	    !(action & TCL_CREATE_SYMBOLIC_LINK))) {
	resultPtr = targetPtr;
    }
    DpMountEnd(&call);
    return resultPtr;
}

/* --- making and deleting --- */

int
DpMountMkdirProc(Tcl_Obj *pathPtr)
{
    DpFsRequest request = {
	.kind = DP_FS_MKDIR, .attr = {.has = DP_FS_MODE, .mode = 0777}
    };
    DpMountCall call;
    DpFsAttr attr;
    int result = TCL_ERROR;

    if (DpMountBeginChange(&call, pathPtr)) {
	request.path = call.path;
	if (DpMountDo(call.mountPtr, &request) == 0) {
	    result = TCL_OK;
	} else if (Tcl_GetErrno() == EIO) {
	    /* Servers of SFTP have no words for that. */
	    Tcl_SetErrno(DpMountStat(call.mountPtr, call.path, false, &attr)
		    ? EEXIST : EIO);
	}
    }
    DpMountEnd(&call);
    return result;
}

int
DpMountDeleteProc(Tcl_Obj *pathPtr)
{
    const DpMountPath *foundPtr = Tcl_FSGetInternalRep(pathPtr,
	    &dpMountFilesystem);
    DpFsRequest request = {.kind = DP_FS_UNLINK};
    DpMountCall call;
    int result = TCL_ERROR;

    if (foundPtr != NULL && foundPtr->kept) {
	DpMountKeepDeleted(DpMountGetKeep());
	return TCL_ERROR;
    }
    if (DpMountBeginChange(&call, pathPtr)) {
	request.path = call.path;
	if (DpMountDo(call.mountPtr, &request) == 0) {
	    result = TCL_OK;
	}
    }
    DpMountEnd(&call);
    return result;
}

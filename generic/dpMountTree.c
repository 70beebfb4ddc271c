/*
 * dpMountTree.c -- renaming, copying and removing in mounts, also from one
 * host to another.
 *
 * Layer L4. Tcl itself copies between a mount and this machine.
 */

#include "dpMountInt.h"

#include "dpCopy.h"
#include "dpMountStat.h"

#include <errno.h>
#include <stdio.h>

/* So many files are deleted at once. */
#define MOST_UNDER_WAY 128

/* Two paths of one call by Tcl. */
typedef struct Pair {
    DpMountCall src, dst;
} Pair;

static bool
BeginPair(Pair *pairPtr, Tcl_Obj *srcPtr, Tcl_Obj *dstPtr)
{
    memset(pairPtr, 0, sizeof(*pairPtr));
    return DpMountBegin(&pairPtr->src, srcPtr)
	    && DpMountBeginChange(&pairPtr->dst, dstPtr);
}

static void
EndPair(Pair *pairPtr)
{
    DpMountEnd(&pairPtr->src);
    DpMountEnd(&pairPtr->dst);
}

/* Sets the file that an error is about, where Tcl wants to know. */
static void
SetErrorPath(Tcl_Obj **errorPtr, Tcl_Obj *pathPtr)
{
    Tcl_IncrRefCount(pathPtr);
    if (errorPtr != NULL) {
	*errorPtr = pathPtr;
    } else {
	Tcl_DecrRefCount(pathPtr);
    }
}

static bool
IsRoot(const char *path)
{
    return path[0] == '/' && path[1] == '\0';
}

/* --- rename --- */

static bool
IsEmpty(DpMount *mountPtr, const char *path)
{
    DpFsRequest request = {.kind = DP_FS_LIST, .path = path};
    DpMountAnswer list;
    bool isEmpty = DpMountAsk(mountPtr, &list, &request) == 0
	    && list.count == 0;

    DpMountFree(&list);
    return isEmpty;
}

/* Whether the host keeps both below the same mount point of its own. */
static bool
OnOneDisk(DpMount *mountPtr, const char *src, const char *dst)
{
    char *directory = DpStrdup(dst);
    DpFsRequest request = {.kind = DP_FS_STATVFS, .path = src};
    DpMountAnswer srcAnswer, dstAnswer;
    bool same;

    strrchr(directory, '/')[1] = '\0';
    DpMountSubmit(mountPtr, &srcAnswer, &request);
    request.path = directory;
    DpMountSubmit(mountPtr, &dstAnswer, &request);
    same = DpMountWait(&srcAnswer) != 0;
    same |= DpMountWait(&dstAnswer) != 0;
    same |= srcAnswer.space.id == dstAnswer.space.id;
    DpMountFree(&srcAnswer);
    DpMountFree(&dstAnswer);
    DpFree(directory);
    return same;
}

/* Why a rename failed of which the host says no more than that it did. */
static int
RenameError(DpMount *mountPtr, const char *src, const char *dst)
{
    size_t length = strlen(src);
    DpFsAttr from, to;
    bool isDir;

    if (strncmp(src, dst, length) == 0 && dst[length] == '/') {
	return EINVAL;
    }
    if (!DpMountStat(mountPtr, src, false, &from)) {
	return Tcl_GetErrno();
    }
    isDir = DpMountType(from.mode) == 'd';
    if (DpMountStat(mountPtr, dst, false, &to)) {
	if (isDir != (DpMountType(to.mode) == 'd')) {
	    return isDir ? ENOTDIR : EISDIR;
	}
	if (isDir && !IsEmpty(mountPtr, dst)) {
	    return EEXIST;
	}
    }
    return OnOneDisk(mountPtr, src, dst) ? EIO : EXDEV;
}

int
DpMountRenameProc(Tcl_Obj *srcPtr, Tcl_Obj *dstPtr)
{
    DpFsRequest request = {.kind = DP_FS_RENAME};
    int result = TCL_ERROR;
    Pair pair;

    if (!BeginPair(&pair, srcPtr, dstPtr)) {
	EndPair(&pair);
	return TCL_ERROR;
    }
    if (IsRoot(pair.src.path) || IsRoot(pair.dst.path)) {
	Tcl_SetErrno(EBUSY);
    } else if (pair.src.mountPtr != pair.dst.mountPtr) {
	/* Tcl copies, by the procedures below, and deletes. */
	Tcl_SetErrno(EXDEV);
	result = -1;
    } else {
	request.path = pair.src.path;
	request.path2 = pair.dst.path;
	if (DpMountDo(pair.src.mountPtr, &request) == 0) {
	    result = TCL_OK;
	} else if (Tcl_GetErrno() == ENOTEMPTY) {
	    /* What Tcl expects. */
	    Tcl_SetErrno(EEXIST);
	} else if (Tcl_GetErrno() == EIO) {
	    Tcl_SetErrno(RenameError(pair.src.mountPtr, pair.src.path,
		    pair.dst.path));
	}
    }
    EndPair(&pair);
    return result;
}

/* --- copy --- */

static void
CopyDone(void *clientData)
{
    *(bool *) clientData = true;
}

/* The errno value of an error as layers below have it. */
static int
ErrorNumber(const DpError *errPtr)
{
    Tcl_Obj *codePtr = Tcl_ObjPrintf("DEPLOYER %s", errPtr->code);
    int error;

    Tcl_IncrRefCount(codePtr);
    error = DpMountErrno(codePtr);
    Tcl_DecrRefCount(codePtr);
    return error;
}

/* A file or tree by the engine of transfers, with mode and times. */
static int
Transfer(Pair *pairPtr, bool recursive, Tcl_Obj **errorPtr)
{
    DpMount *srcPtr = pairPtr->src.mountPtr, *dstPtr = pairPtr->dst.mountPtr;
    bool done = false, scripts = srcPtr->dpPtr != dstPtr->dpPtr
	    || dstPtr->fsPtr->scripted;
    DpCopySpec spec = {
	.srcPtr = srcPtr->fsPtr, .dstPtr = dstPtr->fsPtr,
	.src = pairPtr->src.path, .dst = pairPtr->dst.path,
	.recursive = recursive, .preserve = true,
	/* As Tcl, it gives nothing away: no umask, no owner is needed. */
	.umask = 022, .uid = 1,
	.done = CopyDone, .clientData = &done
    };
    const DpCopyFailure *failures;
    DpCopy *copyPtr;
    int count, error = 0;

    DpMountCacheClear(dstPtr);
    copyPtr = DpCopyStart(&spec);
    if (!DpMountRun(srcPtr, scripts, &done)) {
	error = Tcl_GetErrno();
    } else if (DpErrorIsSet(DpCopyError(copyPtr))) {
	error = ErrorNumber(DpCopyError(copyPtr));
	failures = DpCopyFailures(copyPtr, &count);
	if (count > 0) {
	    error = ErrorNumber(&failures[0].error);
	    SetErrorPath(errorPtr, DpMountOutside(srcPtr, failures[0].path));
	    errorPtr = NULL;
	}
    }
    if (error != 0) {
	SetErrorPath(errorPtr, DpMountOutside(srcPtr, pairPtr->src.path));
    }
    DpCopyDrop(copyPtr);
    DpMountCacheClear(dstPtr);
    if (error == 0) {
	return TCL_OK;
    }
    Tcl_SetErrno(error);
    return TCL_ERROR;
}

/* A symbolic link as such, whatever it holds. */
static int
CopyLink(Pair *pairPtr)
{
    DpFsRequest request = {.kind = DP_FS_READLINK, .path = pairPtr->src.path};
    DpMount *dstPtr = pairPtr->dst.mountPtr;
    DpMountAnswer answer;
    DpFsAttr attr;
    int error = DpMountAsk(pairPtr->src.mountPtr, &answer, &request);

    if (error == 0) {
	char *temp = NULL;

	request.kind = DP_FS_SYMLINK;
	request.path = pairPtr->dst.path;
	request.path2 = answer.bytes;
	if (DpMountStat(dstPtr, pairPtr->dst.path, false, &attr)) {
	    /* The old one stays until the new one can take its place. */
	    temp = DpFsTempName(pairPtr->dst.path);
	    request.path = temp;
	}
	error = DpMountDo(dstPtr, &request);
	if (error == 0 && temp != NULL) {
	    request.kind = DP_FS_RENAME;
	    request.path2 = pairPtr->dst.path;
	    error = DpMountDo(dstPtr, &request);
	    if (error != 0) {
		request.kind = DP_FS_UNLINK;
		DpMountDo(dstPtr, &request);
	    }
	}
	DpFree(temp);
    }
    DpMountFree(&answer);
    if (error != 0) {
	Tcl_SetErrno(error);
	return TCL_ERROR;
    }
    return TCL_OK;
}

int
DpMountCopyProc(Tcl_Obj *srcPtr, Tcl_Obj *dstPtr)
{
    DpFsAttr from, to;
    int result = TCL_ERROR;
    Pair pair;

    if (BeginPair(&pair, srcPtr, dstPtr)
	    && DpMountStat(pair.src.mountPtr, pair.src.path, false, &from)) {
	if (DpMountStat(pair.dst.mountPtr, pair.dst.path, false, &to)
		&& DpMountType(to.mode) == 'd') {
	    Tcl_SetErrno(EISDIR);
	} else if (pair.src.mountPtr == pair.dst.mountPtr
		&& strcmp(pair.src.path, pair.dst.path) == 0) {
	    result = TCL_OK;
	} else if (DpMountType(from.mode) == 'l') {
	    result = CopyLink(&pair);
	} else {
	    result = Transfer(&pair, false, NULL);
	}
    }
    EndPair(&pair);
    return result;
}

int
DpMountCopyDirProc(Tcl_Obj *srcPtr, Tcl_Obj *dstPtr, Tcl_Obj **errorPtr)
{
    int result = TCL_ERROR;
    DpFsAttr attr;
    size_t length;
    Pair pair;

    if (!BeginPair(&pair, srcPtr, dstPtr)) {
	SetErrorPath(errorPtr, srcPtr);
	EndPair(&pair);
	return TCL_ERROR;
    }
    length = IsRoot(pair.src.path) ? 0 : strlen(pair.src.path);
    if (pair.src.mountPtr == pair.dst.mountPtr
	    && strncmp(pair.src.path, pair.dst.path, length) == 0
	    && (pair.dst.path[length] == '/'
	    || pair.dst.path[length] == '\0')) {
	Tcl_SetErrno(EINVAL);
	SetErrorPath(errorPtr, dstPtr);
    } else if (DpMountStat(pair.dst.mountPtr, pair.dst.path, false, &attr)) {
	Tcl_SetErrno(EEXIST);
	SetErrorPath(errorPtr, dstPtr);
    } else {
	result = Transfer(&pair, true, errorPtr);
    }
    EndPair(&pair);
    return result;
}

/* --- removing --- */

/* A directory that is being removed, below the one that asked for it. */
typedef struct Level {
    struct Level *upPtr;
    char *path;
    char *names;                /* of directories in it, each with its NUL */
    int left;                   /* of them */
    const char *nextName;
} Level;

static Level *
Push(Level *upPtr, char *path)
{
    Level *levelPtr = DpAlloc(sizeof(*levelPtr));

    levelPtr->upPtr = upPtr;
    levelPtr->path = path;
    return levelPtr;
}

static Level *
Pop(Level *levelPtr)
{
    Level *upPtr = levelPtr->upPtr;

    DpFree(levelPtr->path);
    DpFree(levelPtr->names);
    DpFree(levelPtr);
    return upPtr;
}

/* Waits for what was submitted; the first error and its path. */
static int
FinishBatch(DpMountAnswer *answers, char **paths, int count, char **badPtr)
{
    int error = 0;

    for (int i = 0; i < count; i++) {
	int code = DpMountWait(&answers[i]);

	/* Somebody else was faster. */
	if (code != 0 && code != ENOENT && error == 0) {
	    error = code;
	    *badPtr = paths[i];
	} else {
	    DpFree(paths[i]);
	}
	DpMountFree(&answers[i]);
    }
    return error;
}

/* Deletes what is no directory; the names of those are kept in the level. */
static int
EmptyLevel(DpMount *mountPtr, Level *levelPtr, const DpMountAnswer *listPtr,
	char **badPtr)
{
    DpMountAnswer answers[MOST_UNDER_WAY];
    char *paths[MOST_UNDER_WAY];
    const char *name = listPtr->names;
    size_t used = 0;
    int count = 0, error = 0;

    levelPtr->names = DpAlloc(listPtr->namesLength + 1);
    for (int i = 0; i < listPtr->count && error == 0;
	    i++, name += strlen(name) + 1) {
	char *path = DpMountJoin(levelPtr->path, name);
	DpFsAttr attr = listPtr->attrs[i];

	if (!(attr.has & DP_FS_MODE)
		&& !DpMountStat(mountPtr, path, false, &attr)) {
	    attr.mode = 0;
	}
	if (DpMountType(attr.mode) == 'd') {
	    memcpy(levelPtr->names + used, name, strlen(name) + 1);
	    used += strlen(name) + 1;
	    levelPtr->left++;
	    DpFree(path);
	} else {
	    DpFsRequest request = {.kind = DP_FS_UNLINK, .path = path};

	    DpMountSubmit(mountPtr, &answers[count], &request);
	    paths[count++] = path;
	    if (count == MOST_UNDER_WAY) {
		error = FinishBatch(answers, paths, count, badPtr);
		count = 0;
	    }
	}
    }
    levelPtr->nextName = levelPtr->names;
    if (count > 0) {
	char *bad = NULL;
	int code = FinishBatch(answers, paths, count, &bad);

	if (error == 0) {
	    error = code;
	    *badPtr = bad;
	} else {
	    DpFree(bad);
	}
    }
    return error;
}

/* As Tcl does for its own files, access is taken where it is missing. */
static void
TakeAccess(DpMount *mountPtr, const char *path)
{
    DpFsRequest request = {.kind = DP_FS_SETSTAT, .path = path};
    DpFsAttr attr;

    if (DpMountStat(mountPtr, path, false, &attr)
	    && (attr.mode & 0700) != 0700) {
	request.attr.has = DP_FS_MODE;
	request.attr.mode = (attr.mode & 07777) | 0700;
	DpMountDo(mountPtr, &request);
    }
}

/* Enters a directory: lists it and deletes the files. */
static int
Enter(DpMount *mountPtr, Level *levelPtr, char **badPtr)
{
    DpFsRequest request = {.kind = DP_FS_LIST, .path = levelPtr->path};
    DpMountAnswer list;
    int error;

    for (int try = 0;; try++) {
	error = DpMountAsk(mountPtr, &list, &request);
	if (error == 0) {
	    error = EmptyLevel(mountPtr, levelPtr, &list, badPtr);
	}
	DpMountFree(&list);
	if (error != EACCES || try > 0) {
	    break;
	}
	TakeAccess(mountPtr, levelPtr->path);
	DpFree(levelPtr->names);
	levelPtr->names = NULL;
	levelPtr->left = 0;
	DpFree(*badPtr);
	*badPtr = NULL;
    }
    if (error != 0 && *badPtr == NULL) {
	*badPtr = DpStrdup(levelPtr->path);
    }
    return error;
}

static int
RemoveEmpty(DpMount *mountPtr, const char *path)
{
    DpFsRequest request = {.kind = DP_FS_RMDIR, .path = path};
    int error = DpMountDo(mountPtr, &request);

    if (error == ENOTEMPTY
	    || (error == EIO && !IsEmpty(mountPtr, path))) {
	return EEXIST;
    }
    return error;
}

/* Links are deleted and not followed; no recursion, however deep it is. */
static int
RemoveTree(DpMount *mountPtr, const char *path, char **badPtr)
{
    Level *levelPtr = Push(NULL, DpStrdup(path));
    int error = Enter(mountPtr, levelPtr, badPtr);

    while (levelPtr != NULL && error == 0) {
	if (levelPtr->left > 0) {
	    char *next = DpMountJoin(levelPtr->path, levelPtr->nextName);

	    levelPtr->nextName += strlen(levelPtr->nextName) + 1;
	    levelPtr->left--;
	    levelPtr = Push(levelPtr, next);
	    error = Enter(mountPtr, levelPtr, badPtr);
	} else {
	    error = RemoveEmpty(mountPtr, levelPtr->path);
	    if (error != 0) {
		*badPtr = DpStrdup(levelPtr->path);
	    }
	    levelPtr = Pop(levelPtr);
	}
    }
    while (levelPtr != NULL) {
	levelPtr = Pop(levelPtr);
    }
    return error;
}

/* The text that answers a question about path; NULL: an error. To be freed. */
static char *
RealPath(DpMount *mountPtr, const char *path)
{
    DpFsRequest request = {.kind = DP_FS_REALPATH, .path = path};
    DpMountAnswer answer;
    char *real = NULL;

    if (DpMountAsk(mountPtr, &answer, &request) == 0) {
	real = DpStrdup(answer.bytes);
    }
    DpMountFree(&answer);
    return real;
}

bool
DpMountKeeps(const char *path)
{
    static const char *const kept[] = {
	"/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64",
	"/libx32", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin",
	"/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local",
	"/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/log",
	"/Applications", "/Library", "/System", "/Users"
    };
    bool found = IsRoot(path);

    for (size_t i = 0; i < DP_ARRAY_SIZE(kept) && !found; i++) {
	found = strcmp(path, kept[i]) == 0;
    }
    return found;
}

/*
 * Whether nobody means to delete all that is in path: a directory of the
 * system, or the home directory of the login or one above it.
 */
static bool
IsKept(DpMount *mountPtr, const char *path)
{
    char *real = RealPath(mountPtr, path), *home = RealPath(mountPtr, ".");
    const char *bare = real != NULL ? real : path;
    size_t length = strlen(bare);
    bool found = DpMountKeeps(bare);

    if (home != NULL && home[0] == '/' && home[1] != '\0'
	    && strncmp(home, bare, length) == 0) {
	found |= home[length] == '\0' || home[length] == '/';
    }
    DpFree(real);
    DpFree(home);
    return found;
}

int
DpMountRmdirProc(Tcl_Obj *pathPtr, int recursive, Tcl_Obj **errorPtr)
{
    char *bad = NULL;
    DpMountCall call;
    int error;

    if (!DpMountBeginChange(&call, pathPtr)) {
	error = Tcl_GetErrno();
    } else if (IsRoot(call.path)) {
	/* Never the whole host. */
	error = EBUSY;
    } else if (recursive && IsKept(call.mountPtr, call.path)) {
	error = EBUSY;
    } else {
	DpMountCacheClear(call.mountPtr);
	error = recursive ? RemoveTree(call.mountPtr, call.path, &bad)
		: RemoveEmpty(call.mountPtr, call.path);
	DpMountCacheClear(call.mountPtr);
    }
    if (error != 0) {
	SetErrorPath(errorPtr, bad == NULL ? pathPtr
		: DpMountOutside(call.mountPtr, bad));
	Tcl_SetErrno(error);
    }
    DpFree(bad);
    DpMountEnd(&call);
    return error == 0 ? TCL_OK : TCL_ERROR;
}

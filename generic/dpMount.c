/*
 * dpMount.c -- the table of mounts, paths below them, and core::mount.
 *
 * Layer L4. Tcl's list of file systems is one for the process, and so is the
 * one record that is registered there; what is mounted belongs to the thread,
 * as the connections do: other threads see the files of this machine there.
 */

#include "dpMountInt.h"

#include "dpFsCmd.h"
#include "dpObj.h"

#include <errno.h>

/* What Tcl keeps for us with the file system; lives as long as the process. */
typedef struct Registry {
    Tcl_ThreadDataKey key;      /* of each thread's Table */
} Registry;

typedef struct Table {
    DpMount *firstPtr;
    unsigned last;              /* number given last */
    bool hasExitHandler;
    DpMountKeep keep;
} Table;

/* So that two threads do not register at once. */
static Tcl_Mutex mountMutex;

/* --- the table --- */

/* The table of this thread, or NULL before the first mount of the process. */
static Table *
GetTable(void)
{
    Registry *registryPtr = Tcl_FSData(&dpMountFilesystem);

    return registryPtr == NULL ? NULL
	    : Tcl_GetThreadData(&registryPtr->key, sizeof(Table));
}

static void
Register(void)
{
    Tcl_MutexLock(&mountMutex);
    if (Tcl_FSData(&dpMountFilesystem) == NULL) {
	Tcl_FSRegister(DpAlloc(sizeof(Registry)), &dpMountFilesystem);
    }
    Tcl_MutexUnlock(&mountMutex);
}

/* Whether path (not below it: point itself) is at or below point. */
static bool
IsBelow(const char *path, const char *point, size_t length)
{
    return strncmp(path, point, length) == 0
	    && (path[length] == '/' || path[length] == '\0');
}

/* The mount at or above this normalized path. */
static DpMount *
FindMount(const char *path)
{
    Table *tablePtr = GetTable();
    DpMount *mountPtr = tablePtr == NULL ? NULL : tablePtr->firstPtr;

    while (mountPtr != NULL
	    && !IsBelow(path, mountPtr->point, mountPtr->pointLength)) {
	mountPtr = mountPtr->nextPtr;
    }
    return mountPtr;
}

DpMountKeep *
DpMountGetKeep(void)
{
    return &GetTable()->keep;
}

/* --- mounts --- */

void
DpMountHold(DpMount *mountPtr)
{
    mountPtr->refCount++;
}

void
DpMountDrop(DpMount *mountPtr)
{
    if (--mountPtr->refCount > 0) {
	return;
    }
    Tcl_DeleteHashTable(&mountPtr->cache);
    DpInterpDrop(mountPtr->dpPtr);
    DpFree(mountPtr->gids);
    DpFree(mountPtr->point);
    DpFree(mountPtr);
}

void
DpMountRelease(DpMount *mountPtr)
{
    if (mountPtr->gone && mountPtr->numCalls == 0
	    && mountPtr->fsPtr != NULL) {
	DpFsDrop(mountPtr->fsPtr);
	mountPtr->fsPtr = NULL;
	DpReleaseObj(&mountPtr->prefixPtr);
	DpReleaseObj(&mountPtr->namesPtr);
	DpReleaseObj(&mountPtr->guardPtr);
	DpReleaseObj(&mountPtr->eventPtr);
	DpReleaseObj(&mountPtr->dataPtr);
    }
}

static void InterpDeleted(ClientData clientData, Tcl_Interp *interp);

/* Takes a mount out of the table; path objects find out by the epoch. */
static void
Detach(DpMount *mountPtr)
{
    Table *tablePtr = GetTable();
    DpMount **slotPtr = &tablePtr->firstPtr;

    while (*slotPtr != mountPtr) {
	slotPtr = &(*slotPtr)->nextPtr;
    }
    *slotPtr = mountPtr->nextPtr;
    mountPtr->nextPtr = NULL;
    if (mountPtr->dpPtr->interp != NULL) {
	Tcl_DontCallWhenDeleted(mountPtr->dpPtr->interp, InterpDeleted,
		mountPtr);
    }
    mountPtr->gone = true;
    DpMountCacheClear(mountPtr);
    DpMountRelease(mountPtr);
    Tcl_FSMountsChanged(&dpMountFilesystem);
    DpMountDrop(mountPtr);
}

static void
InterpDeleted(ClientData clientData, Tcl_Interp *interp)
{
    (void) interp;
    Detach(clientData);
}

/* The thread ends, or the process, with interpreters left. */
static void
ThreadEnds(ClientData clientData)
{
    Table *tablePtr = clientData;

    tablePtr->hasExitHandler = false;
    while (tablePtr->firstPtr != NULL) {
	Detach(tablePtr->firstPtr);
    }
    DpMountKeepDone(&tablePtr->keep);
}

static DpMount *
NewMount(DpInterp *dpPtr, const char *point, DpFs *fsPtr, Tcl_Obj *prefixPtr)
{
    DpMount *mountPtr = DpAlloc(sizeof(*mountPtr));
    Table *tablePtr;

    Register();
    tablePtr = GetTable();
    if (!tablePtr->hasExitHandler) {
	tablePtr->hasExitHandler = true;
	Tcl_CreateThreadExitHandler(ThreadEnds, tablePtr);
	DpMountKeepInit(&tablePtr->keep);
    }
    mountPtr->refCount = 1;
    mountPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    mountPtr->id = ++tablePtr->last;
    mountPtr->point = DpStrdup(point);
    mountPtr->pointLength = strlen(point);
    mountPtr->fsPtr = fsPtr;
    DpFsHold(fsPtr);
    DpReplaceObj(&mountPtr->prefixPtr, prefixPtr);
    Tcl_InitHashTable(&mountPtr->cache, TCL_STRING_KEYS);
    mountPtr->nextPtr = tablePtr->firstPtr;
    tablePtr->firstPtr = mountPtr;
    Tcl_CallWhenDeleted(dpPtr->interp, InterpDeleted, mountPtr);
    Tcl_FSMountsChanged(&dpMountFilesystem);
    return mountPtr;
}

/* --- paths --- */

char *
DpMountHostPath(const DpMount *mountPtr, const char *path)
{
    Tcl_Encoding encoding = mountPtr->fsPtr->native ? NULL
	    : Tcl_GetEncoding(NULL, "utf-8");
    Tcl_DString bytes;
    char *result = NULL;

    Tcl_UtfToExternalDString(encoding, path[0] == '\0' ? "/" : path, -1,
	    &bytes);
    if (encoding != NULL) {
	Tcl_FreeEncoding(encoding);
    }
    if (strlen(Tcl_DStringValue(&bytes))
	    == (size_t) Tcl_DStringLength(&bytes)) {
	result = DpStrdup(Tcl_DStringValue(&bytes));
    }
    Tcl_DStringFree(&bytes);
    return result;
}

ClientData
DpMountPathNew(Tcl_Obj *pathPtr)
{
    Table *tablePtr = GetTable();
    DpMountPath *foundPtr;
    DpMount *mountPtr;
    Tcl_Obj *normalPtr;
    const char *path;
    bool kept = false;

    /* Normalizing takes system calls: not while nothing is mounted. */
    if (tablePtr == NULL || tablePtr->firstPtr == NULL) {
	return NULL;
    }
    normalPtr = Tcl_FSGetNormalizedPath(NULL, pathPtr);
    if (normalPtr == NULL) {
	return NULL;
    }
    path = Tcl_GetString(normalPtr);
    mountPtr = FindMount(path);
    if (mountPtr == NULL && DpMountKeepAsked(&tablePtr->keep, path)) {
	mountPtr = tablePtr->keep.mountPtr;
	kept = true;
    }
    if (mountPtr == NULL) {
	return NULL;
    }
    foundPtr = DpAlloc(sizeof(*foundPtr));
    foundPtr->mountPtr = mountPtr;
    foundPtr->kept = kept;
    DpMountHold(mountPtr);
    if (!kept) {
	foundPtr->path = DpMountHostPath(mountPtr, path + mountPtr->pointLength);
    }
    return foundPtr;
}

int
DpMountPathIn(Tcl_Obj *pathPtr, ClientData *clientDataPtr)
{
    ClientData found = DpMountPathNew(pathPtr);

    if (found == NULL) {
	return -1;
    }
    *clientDataPtr = found;
    return TCL_OK;
}

ClientData
DpMountPathDup(ClientData clientData)
{
    const DpMountPath *fromPtr = clientData;
    DpMountPath *toPtr = DpAlloc(sizeof(*toPtr));

    toPtr->mountPtr = fromPtr->mountPtr;
    DpMountHold(toPtr->mountPtr);
    toPtr->path = DpStrdup(fromPtr->path);
    toPtr->kept = fromPtr->kept;
    return toPtr;
}

void
DpMountPathFree(ClientData clientData)
{
    DpMountPath *foundPtr = clientData;

    DpMountDrop(foundPtr->mountPtr);
    DpFree(foundPtr->path);
    DpFree(foundPtr);
}

/* Whether a component of the path is "..". */
static bool
HasDots(const char *path)
{
    while ((path = strstr(path, "/..")) != NULL) {
	if (path[3] == '/' || path[3] == '\0') {
	    return true;
	}
	path += 3;
    }
    return false;
}

/* Takes ".." out by the text alone, where the host cannot say better. */
static void
RemoveDots(char *path)
{
    char *to = path;

    for (char *from = path; *from != '\0';) {
	size_t length = 1 + strcspn(from + 1, "/");

	if (length == 3 && memcmp(from, "/..", 3) == 0) {
	    while (to > path && *--to != '/') {
	    }
	} else {
	    memmove(to, from, length);
	    to += length;
	}
	from += length;
    }
    *to = '\0';
}

/* What the host makes of a directory, to be freed; NULL: it cannot tell. */
static char *
RealPath(DpMount *mountPtr, const char *path)
{
    DpFsRequest request = {.kind = DP_FS_REALPATH, .path = path};
    DpMountAnswer answer;
    char *result = NULL;

    DpMountHold(mountPtr);
    mountPtr->numCalls++;
    if (DpMountMakeAlive(mountPtr)) {
	if (DpMountAsk(mountPtr, &answer, &request) == 0
		&& answer.bytes != NULL && answer.bytes[0] == '/') {
	    result = DpStrdup(answer.bytes);
	}
	DpMountFree(&answer);
    }
    mountPtr->numCalls--;
    DpMountRelease(mountPtr);
    DpMountDrop(mountPtr);
    return result;
}

int
DpMountNormalProc(Tcl_Interp *interp, Tcl_Obj *pathPtr, int start)
{
    int length;
    const char *path = Tcl_GetStringFromObj(pathPtr, &length);
    DpMount *mountPtr = FindMount(path);
    char *hostPath, *tail, *real;

    (void) interp;
    if (mountPtr == NULL) {
	return start;
    }
    if (!HasDots(path + mountPtr->pointLength)) {
	return length;
    }
    hostPath = DpMountHostPath(mountPtr, path + mountPtr->pointLength);
    if (hostPath == NULL) {
	return length;
    }

    /* A link at the end stays one, as everywhere. */
    tail = strrchr(hostPath, '/');
    if (strcmp(tail, "/..") == 0) {
	tail += 3;
    }
    tail = DpStrdup(tail);
    hostPath[strlen(hostPath) - strlen(tail)] = '\0';
    /* Scripts may run in there, and unmount. */
    DpMountHold(mountPtr);
    real = RealPath(mountPtr, hostPath[0] != '\0' ? hostPath : "/");
    if (real == NULL) {
	RemoveDots(hostPath);
    }
    if (!mountPtr->gone) {
	Tcl_Obj *newPtr = DpMountOutside(mountPtr,
		real != NULL ? real : hostPath);
	Tcl_DString text;

	DpFsText(mountPtr->fsPtr, tail, &text);
	Tcl_AppendToObj(newPtr, Tcl_DStringValue(&text),
		Tcl_DStringLength(&text));
	Tcl_DStringFree(&text);
	Tcl_SetStringObj(pathPtr, Tcl_GetString(newPtr), -1);
	Tcl_IncrRefCount(newPtr);
	Tcl_DecrRefCount(newPtr);
    }
    DpMountDrop(mountPtr);
    DpFree(real);
    DpFree(hostPath);
    DpFree(tail);
    Tcl_GetStringFromObj(pathPtr, &length);
    return length;
}

void
DpMountMatch(Tcl_Obj *resultPtr, Tcl_Obj *dirPtr, const char *pattern)
{
    Table *tablePtr = GetTable();
    Tcl_Obj *normalPtr;
    const char *path;
    size_t length;

    if (tablePtr == NULL || tablePtr->firstPtr == NULL || pattern == NULL) {
	return;
    }
    normalPtr = Tcl_FSGetNormalizedPath(NULL, dirPtr);
    if (normalPtr == NULL) {
	return;
    }
    path = Tcl_GetString(normalPtr);
    length = strlen(path);
    if (length == 1) {
	length = 0;             /* the root */
    }
    for (DpMount *mountPtr = tablePtr->firstPtr; mountPtr != NULL;
	    mountPtr = mountPtr->nextPtr) {
	const char *name = strrchr(mountPtr->point, '/') + 1;

	if ((size_t) (name - mountPtr->point) == length + 1
		&& memcmp(mountPtr->point, path, length) == 0
		&& (name[0] != '.' || pattern[0] == '.')
		&& Tcl_StringMatch(name, pattern)) {
	    Tcl_ListObjAppendElement(NULL, resultPtr,
		    Tcl_NewStringObj(mountPtr->point, -1));
	}
    }
}

/* --- the command --- */

static int
Refuse(Tcl_Interp *interp, const char *point, const char *message)
{
    DpError error = {0};

    DpErrorSet(&error, "STATE", "cannot mount at %s: %s", point, message);
    DpErrorAddData(&error, point);
    DpErrorReport(interp, &error);
    DpErrorClear(&error);
    return TCL_ERROR;
}

/* The normalized path of a mount point, if something can be mounted there. */
static const char *
CheckPoint(Tcl_Interp *interp, Tcl_Obj *pathPtr)
{
    Tcl_Obj *normalPtr = Tcl_FSGetNormalizedPath(interp, pathPtr);
    Table *tablePtr = GetTable();
    const char *point;

    if (normalPtr == NULL) {
	return NULL;
    }
    point = Tcl_GetString(normalPtr);
    if (point[0] != '/' || point[1] == '\0') {
	Refuse(interp, point, "that is everything");
	return NULL;
    }
    if (FindMount(point) != NULL) {
	Refuse(interp, point, "there is a mount already");
	return NULL;
    }
    for (DpMount *mountPtr = tablePtr == NULL ? NULL : tablePtr->firstPtr;
	    mountPtr != NULL; mountPtr = mountPtr->nextPtr) {
	if (IsBelow(mountPtr->point, point, strlen(point))) {
	    Refuse(interp, point, "there is a mount below it");
	    return NULL;
	}
    }
    return point;
}

/* Takes {uid gid ...}. */
static int
SetIds(Tcl_Interp *interp, DpMount *mountPtr, Tcl_Obj *listPtr)
{
    Tcl_Obj **words;
    int count;

    if (Tcl_ListObjGetElements(interp, listPtr, &count, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    mountPtr->gids = DpAlloc(((size_t) count + 1) * sizeof(uint32_t));
    for (int i = 0; i < count; i++) {
	Tcl_WideInt id;

	if (Tcl_GetWideIntFromObj(interp, words[i], &id) != TCL_OK) {
	    return TCL_ERROR;
	}
	if (i == 0) {
	    mountPtr->uid = (uint32_t) id;
	    mountPtr->idsKnown = true;
	} else {
	    mountPtr->gids[mountPtr->numGids++] = (uint32_t) id;
	}
    }
    return TCL_OK;
}

static int
SetOptions(Tcl_Interp *interp, DpMount *mountPtr, Tcl_Obj *dictPtr)
{
    static const char *const names[] = {
	"cache", "data", "event", "guard", "ids", "names", NULL
    };
    enum { CACHE, DATA, EVENT, GUARD, IDS, NAMES } option;
    Tcl_Obj **words;
    double seconds;
    int count, index;

    if (Tcl_ListObjGetElements(interp, dictPtr, &count, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    for (int i = 0; i + 1 < count; i += 2) {
	if (Tcl_GetIndexFromObj(interp, words[i], names, "option", TCL_EXACT,
		&index) != TCL_OK) {
	    return TCL_ERROR;
	}
	option = index;
	switch (option) {
	case CACHE:
	    if (Tcl_GetDoubleFromObj(interp, words[i + 1], &seconds)
		    != TCL_OK) {
		return TCL_ERROR;
	    }
	    mountPtr->cacheTime = seconds > 0 && seconds < 1e9
		    ? (int64_t) (seconds * 1000) : 0;
	    break;
	case DATA:
	    DpReplaceObj(&mountPtr->dataPtr, words[i + 1]);
	    break;
	case EVENT:
	    DpReplaceObj(&mountPtr->eventPtr, words[i + 1]);
	    break;
	case GUARD:
	    DpReplaceObj(&mountPtr->guardPtr, words[i + 1]);
	    break;
	case IDS:
	    if (SetIds(interp, mountPtr, words[i + 1]) != TCL_OK) {
		return TCL_ERROR;
	    }
	    break;
	case NAMES:
	    DpReplaceObj(&mountPtr->namesPtr, words[i + 1]);
	    break;
	}
    }
    return TCL_OK;
}

/* core::mount add POINT PREFIX ?OPTIONS? -- returns the normalized point. */
static int
AddMount(DpInterp *dpPtr, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    Tcl_Obj *namePtr;
    DpMount *mountPtr;
    const char *point;
    DpFs *fsPtr;
    int code;

    if (objc != 4 && objc != 5) {
	Tcl_WrongNumArgs(interp, 2, objv, "point prefix ?options?");
	return TCL_ERROR;
    }
    code = Tcl_EvalObjEx(interp, objv[3], TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
    if (code != TCL_OK) {
	return code;
    }
    namePtr = Tcl_GetObjResult(interp);
    Tcl_IncrRefCount(namePtr);
    code = DpFsGet(dpPtr, interp, namePtr, &fsPtr);
    Tcl_DecrRefCount(namePtr);
    if (code != TCL_OK) {
	return code;
    }

    /* After the script, which may have mounted something itself. */
    point = CheckPoint(interp, objv[2]);
    if (point == NULL) {
	return TCL_ERROR;
    }
    mountPtr = NewMount(dpPtr, point, fsPtr, objv[3]);
    if (objc == 5 && SetOptions(interp, mountPtr, objv[4]) != TCL_OK) {
	Detach(mountPtr);
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewStringObj(mountPtr->point, -1));
    return TCL_OK;
}

/* core::mount remove POINT */
static int
RemoveMount(Tcl_Interp *interp, Tcl_Obj *pathPtr)
{
    Tcl_Obj *normalPtr = Tcl_FSGetNormalizedPath(interp, pathPtr);
    const char *point;
    DpMount *mountPtr;
    DpError error = {0};

    if (normalPtr == NULL) {
	return TCL_ERROR;
    }
    point = Tcl_GetString(normalPtr);
    mountPtr = FindMount(point);
    if (mountPtr == NULL || strcmp(mountPtr->point, point) != 0) {
	DpErrorSet(&error, "STATE", "nothing is mounted at %s", point);
    } else if (mountPtr->numChannels > 0) {
	DpErrorSet(&error, "STATE", "cannot unmount %s: %d file%s open there;"
		" close %s first", point, mountPtr->numChannels,
		mountPtr->numChannels == 1 ? " is" : "s are",
		mountPtr->numChannels == 1 ? "it" : "them");
    } else if (mountPtr->numCalls > 0) {
	DpErrorSet(&error, "STATE", "cannot unmount %s: it is in use", point);
    } else {
	Detach(mountPtr);
	return TCL_OK;
    }
    DpErrorAddData(&error, point);
    DpErrorReport(interp, &error);
    DpErrorClear(&error);
    return TCL_ERROR;
}

static void
PutText(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

/* core::mount list -- point -> dict of data, kind, channels, cached. */
static int
ListMounts(Tcl_Interp *interp)
{
    Table *tablePtr = GetTable();
    Tcl_Obj *resultPtr = Tcl_NewDictObj();

    for (DpMount *mountPtr = tablePtr == NULL ? NULL : tablePtr->firstPtr;
	    mountPtr != NULL; mountPtr = mountPtr->nextPtr) {
	Tcl_Obj *dictPtr = Tcl_NewDictObj();

	PutText(dictPtr, "data", mountPtr->dataPtr != NULL
		? mountPtr->dataPtr : Tcl_NewObj());
	PutText(dictPtr, "kind",
		Tcl_NewStringObj(mountPtr->fsPtr->typePtr->name, -1));
	PutText(dictPtr, "channels", Tcl_NewIntObj(mountPtr->numChannels));
	PutText(dictPtr, "cached",
		Tcl_NewIntObj((int) mountPtr->cache.numEntries));
	PutText(resultPtr, mountPtr->point, dictPtr);
    }
    Tcl_SetObjResult(interp, resultPtr);
    return TCL_OK;
}

static int
MountCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"add", "keeps", "list", "remove", NULL
    };
    enum { ADD, KEEPS, LIST, REMOVE } word;
    int index;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "word ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "word", TCL_EXACT, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    word = index;
    if (word == ADD) {
	return AddMount(clientData, interp, objc, objv);
    }
    if (objc != (word == LIST ? 2 : 3)) {
	Tcl_WrongNumArgs(interp, 2, objv, word == LIST ? ""
		: word == KEEPS ? "path" : "point");
	return TCL_ERROR;
    }
    if (word == KEEPS) {
	/* Of the system: asked by `remove -recursive` as well. */
	Tcl_SetObjResult(interp, Tcl_NewBooleanObj(
		DpMountKeeps(Tcl_GetString(objv[2]))));
	return TCL_OK;
    }
    return word == LIST ? ListMounts(interp) : RemoveMount(interp, objv[2]);
}

void
DpMountInit(DpInterp *dpPtr)
{
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::mount", MountCmd,
	    dpPtr, NULL);
}

/*
 * dpFsCmdOps.c -- the operations of core::fs: a waiter for each.
 *
 * Layer L4.
 */

#include "dpFsCmdInt.h"

#include "dpObj.h"

#include <stdlib.h>

/* The most that `load` takes unless it is told. */
#define LOAD_MAX (64 * 1024 * 1024)

/* What is known of an operation before it is called. */
typedef struct OpInfo {
    const char *name;
    DpFsKind kind;
    int min, max;               /* words, with "core::fs" */
    const char *usage;
    const char *doing;          /* for errors: "cannot DOING path" */
} OpInfo;

static const OpInfo opInfos[] = {
    {"adopt", DP_FS_ADOPT, 5, 5, "fs from to", "give the access list of"},
    {"link", DP_FS_LINK, 5, 5, "fs path new", "link"},
    {"list", DP_FS_LIST, 4, 4, "fs path", "list"},
    {"load", DP_FS_LOAD, 4, 5, "fs path ?max?", "read"},
    {"lsetstat", DP_FS_LSETSTAT, 5, 5, "fs path attributes",
	    "change the attributes of"},
    {"lstat", DP_FS_LSTAT, 4, 4, "fs path", "look at"},
    {"mkdir", DP_FS_MKDIR, 4, 5, "fs path ?attributes?",
	    "make the directory"},
    {"read", DP_FS_READ, 6, 6, "fs path offset count", "read"},
    {"readlink", DP_FS_READLINK, 4, 4, "fs path", "read the link"},
    {"realpath", DP_FS_REALPATH, 4, 4, "fs path", "resolve"},
    {"rename", DP_FS_RENAME, 5, 5, "fs from to", "rename"},
    {"rmdir", DP_FS_RMDIR, 4, 4, "fs path", "remove the directory"},
    {"setstat", DP_FS_SETSTAT, 5, 5, "fs path attributes",
	    "change the attributes of"},
    {"stat", DP_FS_STAT, 4, 4, "fs path", "look at"},
    {"statvfs", DP_FS_STATVFS, 4, 4, "fs path", "ask for the space of"},
    {"store", DP_FS_STORE, 5, 6, "fs path bytes ?options?", "write"},
    {"symlink", DP_FS_SYMLINK, 5, 5, "fs path text", "make the link"},
    {"unlink", DP_FS_UNLINK, 4, 4, "fs path", "remove"},
    {"write", DP_FS_WRITE, 6, 7, "fs path offset bytes ?flags?",
	    "write to"},
    {NULL, DP_FS_STAT, 0, 0, NULL, NULL}
};

typedef struct Entry {
    char *name;
    DpFsAttr attr;
} Entry;

/* An operation under way; freed with its end. */
typedef struct Call {
    const OpInfo *infoPtr;
    DpFs *fsPtr;                /* held */
    DpWait *waitPtr;            /* held */
    DpFsRequest request;        /* paths are copies */
    Entry *entries;             /* LIST: what came so far */
    int numEntries, sizeEntries;
    DpFsOp *opPtr;              /* LIST */
    Tcl_Obj *bytesPtr;          /* READ and WRITE: held */
    DpFsFile *filePtr;          /* the same: open */
} Call;

static void
FreeCall(Call *callPtr)
{
    for (int i = 0; i < callPtr->numEntries; i++) {
	DpFree(callPtr->entries[i].name);
    }
    DpFree(callPtr->entries);
    DpFsFileDrop(callPtr->filePtr);
    DpReleaseObj(&callPtr->bytesPtr);
    DpFree((char *) callPtr->request.path);
    DpFree((char *) callPtr->request.path2);
    if (callPtr->waitPtr != NULL) {
	DpWaitDrop(callPtr->waitPtr);
    }
    DpFsDrop(callPtr->fsPtr);
    DpFree(callPtr);
}

static void
FailCall(Call *callPtr, const DpFsReply *replyPtr)
{
    const DpFsRequest *requestPtr = &callPtr->request;
    const char *path2 = NULL;
    DpError err = {0};

    if (requestPtr->kind == DP_FS_RENAME || requestPtr->kind == DP_FS_LINK
	    || requestPtr->kind == DP_FS_ADOPT) {
	path2 = requestPtr->path2;
    }
    DpFsErrorTo(&err, callPtr->fsPtr, replyPtr, callPtr->infoPtr->doing,
	    requestPtr->path, path2);
    DpWaitFail(callPtr->waitPtr, &err);
    DpErrorClear(&err);
    FreeCall(callPtr);
}

static void
FinishCall(Call *callPtr, Tcl_Obj *valuePtr)
{
    DpWaitFinish(callPtr->waitPtr, valuePtr, NULL);
    FreeCall(callPtr);
}

/* --- results --- */

static Tcl_Obj *
SpaceObj(const DpFsSpace *spacePtr)
{
    const struct {
	const char *key;
	uint64_t value;
    } fields[] = {
	{"available", spacePtr->available}, {"blocks", spacePtr->blocks},
	{"blocksize", spacePtr->blockSize}, {"files", spacePtr->files},
	{"filesavailable", spacePtr->filesAvailable},
	{"filesfree", spacePtr->filesFree}, {"flags", spacePtr->flags},
	{"fragmentsize", spacePtr->fragmentSize}, {"free", spacePtr->free},
	{"id", spacePtr->id}, {"namemax", spacePtr->nameMax}
    };
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    for (size_t i = 0; i < DP_ARRAY_SIZE(fields); i++) {
	Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(fields[i].key, -1),
		Tcl_NewWideIntObj((Tcl_WideInt) fields[i].value));
    }
    return dictPtr;
}

static int
CompareEntries(const void *a, const void *b)
{
    return strcmp(((const Entry *) a)->name, ((const Entry *) b)->name);
}

/* name attributes name attributes ..., sorted. */
static Tcl_Obj *
EntriesObj(Call *callPtr)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(2 * callPtr->numEntries, NULL);
    Tcl_Obj *keys[DP_FS_KEYS];

    if (callPtr->numEntries > 0) {
	qsort(callPtr->entries, (size_t) callPtr->numEntries,
		sizeof(*callPtr->entries), CompareEntries);
    }
    DpFsKeysInit(keys);
    for (int i = 0; i < callPtr->numEntries; i++) {
	Tcl_ListObjAppendElement(NULL, listPtr, DpFsPathObj(callPtr->fsPtr,
		callPtr->entries[i].name));
	Tcl_ListObjAppendElement(NULL, listPtr, DpFsAttrList(
		&callPtr->entries[i].attr, keys));
    }
    DpFsKeysFree(keys);
    return listPtr;
}

static void
AddEntries(Call *callPtr, const DpFsReply *replyPtr)
{
    int count = callPtr->numEntries + replyPtr->numEntries;

    if (count > callPtr->sizeEntries) {
	callPtr->sizeEntries = 2 * count;
	callPtr->entries = DpRealloc(callPtr->entries,
		(size_t) callPtr->sizeEntries * sizeof(*callPtr->entries));
    }
    for (int i = 0; i < replyPtr->numEntries; i++) {
	Entry *entryPtr = &callPtr->entries[callPtr->numEntries++];

	entryPtr->name = DpStrdup(replyPtr->entries[i].name);
	entryPtr->attr = replyPtr->entries[i].attr;
    }
}

static Tcl_Obj *
ResultObj(Call *callPtr, const DpFsReply *replyPtr)
{
    Tcl_Obj *words[2];

    switch (callPtr->request.kind) {
    case DP_FS_STAT:
    case DP_FS_LSTAT:
	return DpFsAttrObj(&replyPtr->attr);
    case DP_FS_LIST:
	return EntriesObj(callPtr);
    case DP_FS_READLINK:
    case DP_FS_REALPATH:
	return DpFsPathObj(callPtr->fsPtr, (const char *) replyPtr->bytes);
    case DP_FS_STATVFS:
	return SpaceObj(&replyPtr->space);
    case DP_FS_LOAD:
	words[0] = Tcl_NewByteArrayObj(replyPtr->bytes,
		(int) replyPtr->count);
	words[1] = DpFsAttrObj(&replyPtr->attr);
	return Tcl_NewListObj(2, words);
    default:
	return Tcl_NewObj();
    }
}

static void
OpDone(void *clientData, const DpFsReply *replyPtr)
{
    Call *callPtr = clientData;

    if (replyPtr->error != 0) {
	FailCall(callPtr, replyPtr);
	return;
    }
    if (callPtr->request.kind == DP_FS_LIST) {
	AddEntries(callPtr, replyPtr);
	if (replyPtr->more) {
	    if (DpWaitIsDropped(callPtr->waitPtr)) {
		DpFsCancel(callPtr->opPtr);
		FreeCall(callPtr);
	    }
	    return;
	}
    }
    FinishCall(callPtr, ResultObj(callPtr, replyPtr));
}

/* --- a part of a file: open, read or write, close --- */

static void PartRead(Call *callPtr);

static void
PartClosed(void *clientData, const DpFsReply *replyPtr)
{
    Call *callPtr = clientData;

    if (replyPtr->error != 0) {
	FailCall(callPtr, replyPtr);
    } else if (callPtr->request.kind == DP_FS_READ) {
	FinishCall(callPtr, callPtr->bytesPtr);
    } else {
	FinishCall(callPtr, Tcl_NewObj());
    }
}

static void
PartClose(Call *callPtr)
{
    DpFsRequest request = {
	.kind = DP_FS_CLOSE, .filePtr = callPtr->filePtr
    };

    callPtr->filePtr = NULL;
    DpFsSubmit(callPtr->fsPtr, &request, PartClosed, callPtr);
}

static void
PartDone(void *clientData, const DpFsReply *replyPtr)
{
    Call *callPtr = clientData;
    int length;
    unsigned char *bytes;

    if (replyPtr->error != 0) {
	FailCall(callPtr, replyPtr);
	return;
    }
    if (callPtr->request.kind == DP_FS_WRITE || replyPtr->count == 0) {
	PartClose(callPtr);
	return;
    }
    Tcl_GetByteArrayFromObj(callPtr->bytesPtr, &length);
    bytes = Tcl_SetByteArrayLength(callPtr->bytesPtr,
	    length + (int) replyPtr->count);
    memcpy(bytes + length, replyPtr->bytes, replyPtr->count);
    callPtr->request.offset += replyPtr->count;
    callPtr->request.count -= replyPtr->count;
    if (callPtr->request.count == 0) {
	PartClose(callPtr);
    } else {
	PartRead(callPtr);
    }
}

static void
PartRead(Call *callPtr)
{
    DpFsRequest request = {
	.kind = DP_FS_READ, .filePtr = callPtr->filePtr,
	.offset = callPtr->request.offset, .count = callPtr->request.count
    };

    if (request.count > callPtr->fsPtr->block) {
	request.count = callPtr->fsPtr->block;
    }
    DpFsSubmit(callPtr->fsPtr, &request, PartDone, callPtr);
}

static void
PartOpened(void *clientData, const DpFsReply *replyPtr)
{
    Call *callPtr = clientData;
    DpFsRequest request = {
	.kind = DP_FS_WRITE, .offset = callPtr->request.offset
    };
    int length;

    if (replyPtr->error != 0) {
	FailCall(callPtr, replyPtr);
	return;
    }
    callPtr->filePtr = replyPtr->filePtr;
    if (callPtr->request.kind == DP_FS_READ) {
	PartRead(callPtr);
	return;
    }
    request.filePtr = callPtr->filePtr;
    request.bytes = Tcl_GetByteArrayFromObj(callPtr->bytesPtr, &length);
    request.count = (size_t) length;
    DpFsSubmit(callPtr->fsPtr, &request, PartDone, callPtr);
}

static void
PartOpen(Call *callPtr)
{
    DpFsRequest request = {
	.kind = DP_FS_OPEN, .path = callPtr->request.path,
	.flags = callPtr->request.flags
    };

    DpFsSubmit(callPtr->fsPtr, &request, PartOpened, callPtr);
}

/* --- arguments --- */

static int
GetSize(Tcl_Interp *interp, Tcl_Obj *objPtr, uint64_t *sizePtr)
{
    Tcl_WideInt value;

    if (Tcl_GetWideIntFromObj(interp, objPtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    if (value < 0) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		"a size cannot be below 0", -1));
	Tcl_SetErrorCode(interp, "TCL", "VALUE", "SIZE", (char *) NULL);
	return TCL_ERROR;
    }
    *sizePtr = (uint64_t) value;
    return TCL_OK;
}

static int
GetFlags(Tcl_Interp *interp, Tcl_Obj *listPtr, unsigned *flagsPtr)
{
    static const char *const names[] = {
	"append", "create", "exclusive", "truncate", NULL
    };
    static const unsigned flags[] = {
	DP_FS_APPEND, DP_FS_CREATE, DP_FS_EXCLUSIVE, DP_FS_TRUNCATE
    };
    Tcl_Obj **words;
    int count, index;

    if (Tcl_ListObjGetElements(interp, listPtr, &count, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    for (int i = 0; i < count; i++) {
	if (Tcl_GetIndexFromObj(interp, words[i], names, "flag", TCL_EXACT,
		&index) != TCL_OK) {
	    return TCL_ERROR;
	}
	*flagsPtr |= flags[index];
    }
    return TCL_OK;
}

/* A path in the encoding of the host, to be freed. */
static int
GetPath(Tcl_Interp *interp, const DpFs *fsPtr, Tcl_Obj *objPtr,
	const char **pathPtr)
{
    Tcl_DString bytes;

    if (DpFsPathBytes(interp, fsPtr, objPtr, &bytes) != TCL_OK) {
	return TCL_ERROR;
    }
    DpFree((char *) *pathPtr);
    *pathPtr = DpStrdup(Tcl_DStringValue(&bytes));
    Tcl_DStringFree(&bytes);
    return TCL_OK;
}

/* The options of `store`: attr DICT, temp PATH, umask BOOL. */
static int
GetStore(Tcl_Interp *interp, Call *callPtr, Tcl_Obj *dictPtr)
{
    static const char *const names[] = {"attr", "temp", "umask", NULL};
    enum { ATTR, TEMP, UMASK };
    DpFsRequest *requestPtr = &callPtr->request;
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    int done, index, flag, code = TCL_OK;

    if (Tcl_DictObjFirst(interp, dictPtr, &search, &keyPtr, &valuePtr, &done)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    for (; !done && code == TCL_OK;
	    Tcl_DictObjNext(&search, &keyPtr, &valuePtr, &done)) {
	code = Tcl_GetIndexFromObj(interp, keyPtr, names, "option",
		TCL_EXACT, &index);
	if (code != TCL_OK) {
	    break;
	}
	switch (index) {
	case ATTR:
	    code = DpFsAttrGet(interp, valuePtr, &requestPtr->attr);
	    break;
	case TEMP:
	    code = GetPath(interp, callPtr->fsPtr, valuePtr,
		    &requestPtr->path2);
	    break;
	case UMASK:
	    code = Tcl_GetBooleanFromObj(interp, valuePtr, &flag);
	    if (code == TCL_OK && flag) {
		requestPtr->flags |= DP_FS_UMASK;
	    }
	    break;
	}
    }
    Tcl_DictObjDone(&search);
    return code;
}

/* What stands behind the path. */
static int
GetArguments(Tcl_Interp *interp, Call *callPtr, int objc,
	Tcl_Obj *const objv[])
{
    DpFsRequest *requestPtr = &callPtr->request;
    uint64_t size = LOAD_MAX;
    int length;

    switch (requestPtr->kind) {
    case DP_FS_ADOPT:
    case DP_FS_LINK:
    case DP_FS_RENAME:
    case DP_FS_SYMLINK:
	return GetPath(interp, callPtr->fsPtr, objv[4], &requestPtr->path2);
    case DP_FS_SETSTAT:
    case DP_FS_LSETSTAT:
	return DpFsAttrGet(interp, objv[4], &requestPtr->attr);
    case DP_FS_MKDIR:
	return objc < 5 ? TCL_OK
		: DpFsAttrGet(interp, objv[4], &requestPtr->attr);
    case DP_FS_LOAD:
	if (objc > 4 && GetSize(interp, objv[4], &size) != TCL_OK) {
	    return TCL_ERROR;
	}
	requestPtr->count = size > INT32_MAX ? INT32_MAX : (size_t) size;
	return TCL_OK;
    case DP_FS_STORE:
	if (objc > 5 && GetStore(interp, callPtr, objv[5]) != TCL_OK) {
	    return TCL_ERROR;
	}
	/* Last, as the options may be the same object. */
	requestPtr->bytes = Tcl_GetByteArrayFromObj(objv[4], &length);
	requestPtr->count = (size_t) length;
	return TCL_OK;
    case DP_FS_READ:
	if (GetSize(interp, objv[4], &requestPtr->offset) != TCL_OK
		|| GetSize(interp, objv[5], &size) != TCL_OK) {
	    return TCL_ERROR;
	}
	requestPtr->count = size > INT32_MAX / 2 ? INT32_MAX / 2
		: (size_t) size;
	requestPtr->flags = DP_FS_FOR_READ;
	DpReplaceObj(&callPtr->bytesPtr, Tcl_NewByteArrayObj(NULL, 0));
	return TCL_OK;
    case DP_FS_WRITE:
	if (GetSize(interp, objv[4], &requestPtr->offset) != TCL_OK) {
	    return TCL_ERROR;
	}
	requestPtr->flags = DP_FS_FOR_WRITE;
	DpReplaceObj(&callPtr->bytesPtr, objv[5]);
	return objc < 7 ? TCL_OK
		: GetFlags(interp, objv[6], &requestPtr->flags);
    default:
	return TCL_OK;
    }
}

int
DpFsCmdOp(DpInterp *dpPtr, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    const OpInfo *infoPtr;
    Call *callPtr;
    DpFs *fsPtr;
    int index;

    if (Tcl_GetIndexFromObjStruct(NULL, objv[1], opInfos, sizeof(*opInfos),
	    "operation", TCL_EXACT, &index) != TCL_OK) {
	return TCL_CONTINUE;
    }
    infoPtr = &opInfos[index];
    if (objc < infoPtr->min || objc > infoPtr->max) {
	Tcl_WrongNumArgs(interp, 2, objv, infoPtr->usage);
	return TCL_ERROR;
    }
    if (DpFsGet(dpPtr, interp, objv[2], &fsPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    callPtr = DpAlloc(sizeof(*callPtr));
    callPtr->infoPtr = infoPtr;
    callPtr->fsPtr = fsPtr;
    DpFsHold(fsPtr);
    callPtr->request.kind = infoPtr->kind;
    if (GetPath(interp, fsPtr, objv[3], &callPtr->request.path) != TCL_OK
	    || GetArguments(interp, callPtr, objc, objv) != TCL_OK) {
	FreeCall(callPtr);
	return TCL_ERROR;
    }
    callPtr->waitPtr = DpWaitNew(dpPtr);
    Tcl_SetObjResult(interp, DpWaitObj(callPtr->waitPtr));
    if (infoPtr->kind == DP_FS_READ || infoPtr->kind == DP_FS_WRITE) {
	PartOpen(callPtr);
    } else {
	callPtr->opPtr = DpFsSubmit(fsPtr, &callPtr->request, OpDone,
		callPtr);
    }
    callPtr->request.bytes = NULL;
    return TCL_OK;
}

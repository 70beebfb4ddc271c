/*
 * dpFsScript.c -- a file system whose operations are Tcl commands.
 *
 * Layer L4. A command is called from a task and answers by a waiter, so that
 * it may itself wait for as long as it likes.
 */

#include "dpFsScript.h"

#include "dpFsCmdInt.h"
#include "dpFsQueue.h"
#include "dpObj.h"

#include <errno.h>

/* Each of them may be a process on the host. */
#define BLOCK (1024 * 1024)
#define DEPTH 4
#define LIMIT 8

typedef struct File File;

typedef struct Op {
    DpFsTurn turn;              /* first; in the queue of its file, or of fs */
    struct Op *nextReadyPtr;
    DpFsOp *opPtr;
    File *filePtr;              /* NULL: it has a path */
    Tcl_Obj *argsPtr;           /* held */
    DpWait *waitPtr;            /* held; NULL: the command was not called */
    bool called;                /* the command is being called */
    bool cancelled;             /* before that */
    DpTask task;
} Op;

struct File {
    DpFsFile base;
    File *nextPtr, **prevLinkPtr;
    DpFsQueue queue;
    Tcl_Obj *tokenPtr;          /* held: what `open` gave */
    bool dropped;               /* to be freed after the last of queue ... */
    int busy;                   /* ... but not while somebody is at it */
};

typedef struct Script {
    DpFs base;
    DpInterp *dpPtr;            /* held */
    Tcl_Obj *prefixPtr;         /* held */
    DpFsQueue queue;            /* with paths */
    File *files;
    Op *readyPtr, **readyEndPtr; /* may start, but there are too many */
    int running;
} Script;

static const char *const opNames[] = {
    [DP_FS_STAT] = "stat", [DP_FS_LSTAT] = "lstat",
    [DP_FS_SETSTAT] = "setstat", [DP_FS_LSETSTAT] = "lsetstat",
    [DP_FS_LIST] = "list", [DP_FS_MKDIR] = "mkdir",
    [DP_FS_RMDIR] = "rmdir", [DP_FS_UNLINK] = "unlink",
    [DP_FS_RENAME] = "rename", [DP_FS_LINK] = "link",
    [DP_FS_SYMLINK] = "symlink", [DP_FS_READLINK] = "readlink",
    [DP_FS_REALPATH] = "realpath", [DP_FS_STATVFS] = "statvfs",
    [DP_FS_OPEN] = "open", [DP_FS_READ] = "read", [DP_FS_WRITE] = "write",
    [DP_FS_FSTAT] = "fstat", [DP_FS_FSETSTAT] = "fsetstat",
    [DP_FS_FSYNC] = "fsync", [DP_FS_CLOSE] = "close",
    [DP_FS_LOAD] = "load", [DP_FS_STORE] = "store", [DP_FS_ADOPT] = "adopt"
};

/* --- what is asked --- */

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static Tcl_Obj *
FlagsObj(unsigned flags)
{
    static const struct {
	unsigned flag;
	const char *name;
    } names[] = {
	{DP_FS_FOR_READ, "read"}, {DP_FS_FOR_WRITE, "write"},
	{DP_FS_APPEND, "append"}, {DP_FS_CREATE, "create"},
	{DP_FS_TRUNCATE, "truncate"}, {DP_FS_EXCLUSIVE, "exclusive"}
    };
    Tcl_Obj *listPtr = Tcl_NewObj();

    for (size_t i = 0; i < DP_ARRAY_SIZE(names); i++) {
	if (flags & names[i].flag) {
	    Tcl_ListObjAppendElement(NULL, listPtr,
		    Tcl_NewStringObj(names[i].name, -1));
	}
    }
    return listPtr;
}

/* The dict that the command gets. */
static Tcl_Obj *
ArgsObj(const DpFs *fsPtr, const DpFsRequest *requestPtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    if (requestPtr->path != NULL) {
	Put(dictPtr, "path", DpFsPathObj(fsPtr, requestPtr->path));
    }
    if (requestPtr->path2 != NULL) {
	Put(dictPtr, "path2", DpFsPathObj(fsPtr, requestPtr->path2));
    }
    if (requestPtr->filePtr != NULL) {
	Put(dictPtr, "file", ((File *) requestPtr->filePtr)->tokenPtr);
    }
    switch (requestPtr->kind) {
    case DP_FS_OPEN:
	Put(dictPtr, "flags", FlagsObj(requestPtr->flags));
	break;
    case DP_FS_READ:
	Put(dictPtr, "offset", Tcl_NewWideIntObj((Tcl_WideInt)
		requestPtr->offset));
	Put(dictPtr, "count", Tcl_NewWideIntObj((Tcl_WideInt)
		requestPtr->count));
	return dictPtr;
    case DP_FS_WRITE:
	Put(dictPtr, "offset", Tcl_NewWideIntObj((Tcl_WideInt)
		requestPtr->offset));
	Put(dictPtr, "bytes", Tcl_NewByteArrayObj(requestPtr->bytes,
		(int) requestPtr->count));
	return dictPtr;
    case DP_FS_LOAD:
	Put(dictPtr, "count", Tcl_NewWideIntObj((Tcl_WideInt)
		requestPtr->count));
	return dictPtr;
    case DP_FS_STORE:
	Put(dictPtr, "bytes", Tcl_NewByteArrayObj(requestPtr->bytes,
		(int) requestPtr->count));
	Put(dictPtr, "umask", Tcl_NewBooleanObj(
		(requestPtr->flags & DP_FS_UMASK) != 0));
	break;
    default:
	break;
    }
    if (requestPtr->attr.has != 0) {
	Put(dictPtr, "attr", DpFsAttrObj(&requestPtr->attr));
    }
    return dictPtr;
}

/* --- what is answered --- */

/* The errno value of a name such as ENOENT; 0: there is none. */
static int
ErrnoOf(const char *name)
{
    const int saved = errno;
    int found = strcmp(name, "ENOTSUP") == 0 ? ENOTSUP : 0;

    for (int i = 1; i < 256 && found == 0; i++) {
	errno = i;
	if (strcmp(Tcl_ErrnoId(), name) == 0) {
	    found = i;
	}
    }
    errno = saved;
    return found;
}

/* The errno value that fits the code of an error. */
static int
ErrorOf(Tcl_Obj *optionsPtr)
{
    static const char *const lost[] = {
	"CONNECT", "AUTH", "HOSTKEY", "EXEC", NULL
    };
    Tcl_Obj *keyPtr = Tcl_NewStringObj("-errorcode", -1), *codePtr = NULL;
    Tcl_Obj **words;
    int count, error;
    const char *kind;

    Tcl_IncrRefCount(keyPtr);
    Tcl_DictObjGet(NULL, optionsPtr, keyPtr, &codePtr);
    Tcl_DecrRefCount(keyPtr);
    if (codePtr == NULL || Tcl_ListObjGetElements(NULL, codePtr, &count,
	    &words) != TCL_OK || count < 3
	    || strcmp(Tcl_GetString(words[0]), "DEPLOYER") != 0) {
	return EIO;
    }
    kind = Tcl_GetString(words[1]);
    if (strcmp(kind, "FILE") == 0) {
	error = ErrnoOf(Tcl_GetString(words[2]));
	return error != 0 ? error : EIO;
    }
    if (strcmp(kind, "SUDO") == 0) {
	return EACCES;
    }
    for (int i = 0; lost[i] != NULL; i++) {
	if (strcmp(kind, lost[i]) == 0 && (strcmp(kind, "EXEC") != 0
		|| strcmp(Tcl_GetString(words[2]), "LOST") == 0)) {
	    return ECONNRESET;
	}
    }
    return EIO;
}

static uint64_t
GetField(Tcl_Obj *dictPtr, const char *key, bool *foundPtr)
{
    Tcl_Obj *keyPtr = Tcl_NewStringObj(key, -1), *valuePtr = NULL;
    Tcl_WideInt value = 0;

    Tcl_IncrRefCount(keyPtr);
    *foundPtr = Tcl_DictObjGet(NULL, dictPtr, keyPtr, &valuePtr) == TCL_OK
	    && valuePtr != NULL
	    && Tcl_GetWideIntFromObj(NULL, valuePtr, &value) == TCL_OK;
    Tcl_DecrRefCount(keyPtr);
    return (uint64_t) value;
}

static void
GetAttr(Tcl_Obj *dictPtr, DpFsAttr *attrPtr)
{
    bool found, other;

    memset(attrPtr, 0, sizeof(*attrPtr));
    attrPtr->size = GetField(dictPtr, "size", &found);
    attrPtr->has |= found ? DP_FS_SIZE : 0;
    attrPtr->uid = (uint32_t) GetField(dictPtr, "uid", &found);
    attrPtr->gid = (uint32_t) GetField(dictPtr, "gid", &other);
    attrPtr->has |= found && other ? DP_FS_OWNER : 0;
    attrPtr->mode = (uint32_t) GetField(dictPtr, "mode", &found);
    attrPtr->has |= found ? DP_FS_MODE : 0;
    attrPtr->atime = (int64_t) GetField(dictPtr, "atime", &found);
    attrPtr->mtime = (int64_t) GetField(dictPtr, "mtime", &other);
    attrPtr->has |= found && other ? DP_FS_TIMES : 0;
    attrPtr->ctime = (int64_t) GetField(dictPtr, "ctime", &found);
    attrPtr->has |= found ? DP_FS_CTIME : 0;
    attrPtr->inode = GetField(dictPtr, "ino", &found);
    attrPtr->device = GetField(dictPtr, "dev", &other);
    attrPtr->nlink = GetField(dictPtr, "nlink", &found);
    attrPtr->has |= found && other ? DP_FS_INODE : 0;
}

static void
GetSpace(Tcl_Obj *dictPtr, DpFsSpace *spacePtr)
{
    const struct {
	const char *key;
	uint64_t *fieldPtr;
    } fields[] = {
	{"available", &spacePtr->available}, {"blocks", &spacePtr->blocks},
	{"blocksize", &spacePtr->blockSize}, {"files", &spacePtr->files},
	{"filesavailable", &spacePtr->filesAvailable},
	{"filesfree", &spacePtr->filesFree}, {"flags", &spacePtr->flags},
	{"fragmentsize", &spacePtr->fragmentSize},
	{"free", &spacePtr->free}, {"id", &spacePtr->id},
	{"namemax", &spacePtr->nameMax}
    };
    bool found;

    for (size_t i = 0; i < DP_ARRAY_SIZE(fields); i++) {
	*fields[i].fieldPtr = GetField(dictPtr, fields[i].key, &found);
    }
}

/* Tells the entries of a list: name attributes name attributes ... */
static void
TellEntries(DpFsOp *opPtr, Tcl_Obj **words, int count)
{
    DpFsReply reply = {0};
    DpFsEntry *entries = DpAlloc((size_t) (count / 2 + 1) * sizeof(*entries));
    Tcl_DString name;

    for (int i = 0; i + 1 < count; i += 2) {
	DpFsEntry *entryPtr = &entries[reply.numEntries];

	if (DpFsPathBytes(NULL, opPtr->fsPtr, words[i], &name) != TCL_OK) {
	    continue;
	}
	entryPtr->name = DpStrdup(Tcl_DStringValue(&name));
	Tcl_DStringFree(&name);
	GetAttr(words[i + 1], &entryPtr->attr);
	reply.numEntries++;
    }
    reply.entries = entries;
    DpFsReplyTo(opPtr, &reply);
    for (int i = 0; i < reply.numEntries; i++) {
	DpFree((char *) entries[i].name);
    }
    DpFree(entries);
}

static DpFsFile *
NewFile(Script *scriptPtr, Tcl_Obj *tokenPtr, unsigned flags)
{
    File *filePtr = DpAlloc(sizeof(*filePtr));

    DpFsFileInit(&filePtr->base, &scriptPtr->base);
    DpFsQueueInit(&filePtr->queue);
    filePtr->queue.append = (flags & DP_FS_APPEND) != 0;
    DpReplaceObj(&filePtr->tokenPtr, tokenPtr);
    filePtr->nextPtr = scriptPtr->files;
    if (filePtr->nextPtr != NULL) {
	filePtr->nextPtr->prevLinkPtr = &filePtr->nextPtr;
    }
    filePtr->prevLinkPtr = &scriptPtr->files;
    scriptPtr->files = filePtr;
    return &filePtr->base;
}

/* The answer; opPtr is gone afterwards. */
static void
Tell(DpFsOp *opPtr, Tcl_Obj *valuePtr)
{
    DpFsReply reply = {0};
    Tcl_Obj **words;
    Tcl_DString text;
    int count = 0;

    Tcl_DStringInit(&text);
    switch (opPtr->request.kind) {
    case DP_FS_STAT:
    case DP_FS_LSTAT:
    case DP_FS_FSTAT:
	GetAttr(valuePtr, &reply.attr);
	break;
    case DP_FS_LIST:
	if (Tcl_ListObjGetElements(NULL, valuePtr, &count, &words)
		== TCL_OK) {
	    TellEntries(opPtr, words, count);
	    return;
	}
	reply.error = EIO;
	break;
    case DP_FS_READLINK:
    case DP_FS_REALPATH:
	Tcl_DStringFree(&text);
	if (DpFsPathBytes(NULL, opPtr->fsPtr, valuePtr, &text) == TCL_OK) {
	    reply.bytes = (unsigned char *) Tcl_DStringValue(&text);
	    reply.count = (size_t) Tcl_DStringLength(&text);
	} else {
	    Tcl_DStringInit(&text);
	    reply.error = EIO;
	}
	break;
    case DP_FS_STATVFS:
	GetSpace(valuePtr, &reply.space);
	break;
    case DP_FS_OPEN:
	reply.filePtr = NewFile((Script *) opPtr->fsPtr, valuePtr,
		opPtr->request.flags);
	break;
    case DP_FS_READ:
	reply.bytes = Tcl_GetByteArrayFromObj(valuePtr, &count);
	reply.count = (size_t) count;
	reply.error = reply.count > opPtr->request.count ? EIO : 0;
	break;
    case DP_FS_LOAD:
	if (Tcl_ListObjGetElements(NULL, valuePtr, &count, &words) != TCL_OK
		|| count != 2) {
	    reply.error = EIO;
	    break;
	}
	GetAttr(words[1], &reply.attr);
	reply.bytes = Tcl_GetByteArrayFromObj(words[0], &count);
	reply.count = (size_t) count;
	break;
    default:
	break;
    }
    DpFsReplyTo(opPtr, &reply);
    Tcl_DStringFree(&text);
}

static void
TellError(DpFsOp *opPtr, Tcl_Obj *messagePtr, Tcl_Obj *optionsPtr)
{
    const char *message = Tcl_GetString(messagePtr);

    DpFsReplyError(opPtr, ErrorOf(optionsPtr),
	    message[0] != '\0' ? message : NULL);
}

/* --- operations and their turns --- */

static DpFsQueue *
QueueOf(Op *opPtr)
{
    return opPtr->filePtr != NULL ? &opPtr->filePtr->queue
	    : &((Script *) opPtr->opPtr->fsPtr)->queue;
}

static void
FreeOp(Op *opPtr)
{
    DpTaskStop(&opPtr->task);
    if (opPtr->waitPtr != NULL) {
	DpWaitTap(opPtr->waitPtr, NULL, NULL);
	DpWaitDrop(opPtr->waitPtr);
    }
    DpReleaseObj(&opPtr->argsPtr);
    DpFree(opPtr);
}

static void CallTask(void *clientData);

/* Starts what may start, as long as there are not too many. */
static void
RunReady(Script *scriptPtr)
{
    while (scriptPtr->readyPtr != NULL && scriptPtr->running < LIMIT) {
	Op *opPtr = scriptPtr->readyPtr;

	scriptPtr->readyPtr = opPtr->nextReadyPtr;
	if (scriptPtr->readyPtr == NULL) {
	    scriptPtr->readyEndPtr = &scriptPtr->readyPtr;
	}
	scriptPtr->running++;
	DpTaskStart(scriptPtr->base.loopPtr, &opPtr->task, CallTask, opPtr);
    }
}

static void
AddReady(Script *scriptPtr, Op *opPtr)
{
    opPtr->nextReadyPtr = NULL;
    *scriptPtr->readyEndPtr = opPtr;
    scriptPtr->readyEndPtr = &opPtr->nextReadyPtr;
}

static void
Schedule(Script *scriptPtr, File *filePtr)
{
    DpFsTurn *turnPtr;

    while ((turnPtr = DpFsQueueNext(&filePtr->queue)) != NULL) {
	AddReady(scriptPtr, (Op *) turnPtr);
    }
}

/* Frees a file that nobody has any more once all is done. */
static void
CheckFile(File *filePtr)
{
    if (!filePtr->dropped || filePtr->busy > 0
	    || filePtr->queue.firstPtr != NULL) {
	return;
    }
    *filePtr->prevLinkPtr = filePtr->nextPtr;
    if (filePtr->nextPtr != NULL) {
	filePtr->nextPtr->prevLinkPtr = filePtr->prevLinkPtr;
    }
    DpReleaseObj(&filePtr->tokenPtr);
    DpFsFileDone(&filePtr->base);
    DpFree(filePtr);
}

/* Ends an operation by its value, or by the error in options. */
static void
EndOp(Op *opPtr, Tcl_Obj *valuePtr, Tcl_Obj *optionsPtr)
{
    DpFsOp *fsOpPtr = opPtr->opPtr;
    Script *scriptPtr = (Script *) fsOpPtr->fsPtr;
    File *filePtr = opPtr->filePtr;
    bool cancelled = opPtr->cancelled;
    int code = TCL_OK;

    DpFsQueueTake(QueueOf(opPtr), &opPtr->turn);
    scriptPtr->running--;
    FreeOp(opPtr);
    Tcl_IncrRefCount(valuePtr);
    if (filePtr != NULL) {
	Schedule(scriptPtr, filePtr);
	filePtr->busy++;
    }
    RunReady(scriptPtr);
    if (optionsPtr != NULL) {
	Tcl_Obj *keyPtr = Tcl_NewStringObj("-code", -1), *codePtr = NULL;

	Tcl_IncrRefCount(keyPtr);
	if (Tcl_DictObjGet(NULL, optionsPtr, keyPtr, &codePtr) == TCL_OK
		&& codePtr != NULL) {
	    code = strcmp(Tcl_GetString(codePtr), "error") == 0 ? TCL_ERROR
		    : code;
	    Tcl_GetIntFromObj(NULL, codePtr, &code);
	}
	Tcl_DecrRefCount(keyPtr);
    }
    if (cancelled) {
	DpFsReplyError(fsOpPtr, ECONNABORTED, NULL);
    } else if (code == TCL_OK) {
	Tell(fsOpPtr, valuePtr);
    } else {
	TellError(fsOpPtr, valuePtr, optionsPtr);
    }
    Tcl_DecrRefCount(valuePtr);
    if (filePtr != NULL) {
	/* It holds the file system. */
	filePtr->busy--;
	CheckFile(filePtr);
    }
}

static void
WaitDone(void *clientData, Tcl_Obj *valuePtr, Tcl_Obj *optionsPtr)
{
    Op *opPtr = clientData;
    DpWait *waitPtr = opPtr->waitPtr;

    opPtr->waitPtr = NULL;
    Tcl_IncrRefCount(valuePtr);
    if (optionsPtr != NULL) {
	Tcl_IncrRefCount(optionsPtr);
    }
    EndOp(opPtr, valuePtr, optionsPtr);
    Tcl_DecrRefCount(valuePtr);
    if (optionsPtr != NULL) {
	Tcl_DecrRefCount(optionsPtr);
    }
    DpWaitDrop(waitPtr);
}

/* Calls {*}PREFIX OP ARGS. The file system may be shut by what is called. */
static void
CallTask(void *clientData)
{
    Op *opPtr = clientData;
    DpFsOp *fsOpPtr = opPtr->opPtr;
    Script *scriptPtr = (Script *) fsOpPtr->fsPtr;
    DpInterp *dpPtr = scriptPtr->dpPtr;
    Tcl_Interp *interp = dpPtr->interp;
    Tcl_Obj *callPtr, *valuePtr, *optionsPtr;
    DpWait *waitPtr;
    int code;

    if (interp == NULL || Tcl_InterpDeleted(interp)) {
	return;
    }
    if (opPtr->cancelled) {
	EndOp(opPtr, Tcl_NewStringObj("cancelled", -1), NULL);
	return;
    }
    callPtr = Tcl_DuplicateObj(scriptPtr->prefixPtr);
    Tcl_IncrRefCount(callPtr);
    Tcl_ListObjAppendElement(NULL, callPtr,
	    Tcl_NewStringObj(opNames[fsOpPtr->request.kind], -1));
    Tcl_ListObjAppendElement(NULL, callPtr, opPtr->argsPtr);
    DpFsHold(&scriptPtr->base);
    Tcl_Preserve(interp);
    opPtr->called = true;
    code = Tcl_EvalObjEx(interp, callPtr, TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
    optionsPtr = Tcl_GetReturnOptions(interp, code);
    Tcl_IncrRefCount(optionsPtr);
    valuePtr = Tcl_GetObjResult(interp);
    Tcl_IncrRefCount(valuePtr);
    opPtr->called = false;
    if (opPtr->opPtr == NULL) {
	/* It was shut meanwhile. */
	if (code == TCL_OK && DpWaitGet(dpPtr, valuePtr, &waitPtr)
		== TCL_OK) {
	    DpWaitTap(waitPtr, NULL, NULL);
	}
	FreeOp(opPtr);
    } else if (code == TCL_OK && DpWaitGet(dpPtr, valuePtr, &waitPtr)
	    == TCL_OK) {
	DpWaitHold(waitPtr);
	opPtr->waitPtr = waitPtr;
	DpWaitTap(waitPtr, WaitDone, opPtr);
    } else {
	if (code == TCL_OK) {
	    Tcl_DecrRefCount(valuePtr);
	    valuePtr = Tcl_NewStringObj("the command of a file system"
		    " returned no waiter", -1);
	    Tcl_IncrRefCount(valuePtr);
	    Tcl_DecrRefCount(optionsPtr);
	    optionsPtr = Tcl_GetReturnOptions(interp, TCL_ERROR);
	    Tcl_IncrRefCount(optionsPtr);
	}
	EndOp(opPtr, valuePtr, optionsPtr);
    }
    Tcl_ResetResult(interp);
    Tcl_Release(interp);
    Tcl_DecrRefCount(optionsPtr);
    Tcl_DecrRefCount(valuePtr);
    Tcl_DecrRefCount(callPtr);
    DpFsDrop(&scriptPtr->base);
}

/* --- the kind --- */

static bool
SubmitScript(DpFs *fsPtr, DpFsOp *fsOpPtr)
{
    Script *scriptPtr = (Script *) fsPtr;
    const DpFsRequest *requestPtr = &fsOpPtr->request;
    File *filePtr = (File *) requestPtr->filePtr;
    Op *opPtr = DpAlloc(sizeof(*opPtr));

    opPtr->opPtr = fsOpPtr;
    opPtr->filePtr = filePtr;
    DpReplaceObj(&opPtr->argsPtr, ArgsObj(fsPtr, requestPtr));
    fsOpPtr->data = opPtr;
    DpFsQueueAdd(QueueOf(opPtr), &opPtr->turn, requestPtr);
    if (filePtr != NULL) {
	if (requestPtr->kind == DP_FS_CLOSE) {
	    filePtr->dropped = true;
	}
	Schedule(scriptPtr, filePtr);
    } else {
	opPtr->turn.started = true;
	AddReady(scriptPtr, opPtr);
    }
    RunReady(scriptPtr);
    return true;
}

/* Ends the job behind the waiter, which then answers nobody. */
static void
CancelTask(void *clientData)
{
    Op *opPtr = clientData;
    Script *scriptPtr = (Script *) opPtr->opPtr->fsPtr;
    Tcl_Interp *interp = scriptPtr->dpPtr->interp;
    Tcl_Obj *callPtr;

    if (opPtr->waitPtr == NULL || DpWaitIsDropped(opPtr->waitPtr)
	    || interp == NULL || Tcl_InterpDeleted(interp)) {
	return;
    }
    callPtr = Tcl_NewStringObj("::deployer::JobCancel", -1);
    Tcl_IncrRefCount(callPtr);
    Tcl_ListObjAppendElement(NULL, callPtr, DpWaitObj(opPtr->waitPtr));
    Tcl_Preserve(interp);
    if (Tcl_EvalObjEx(interp, callPtr, TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT)
	    != TCL_OK) {
	Tcl_BackgroundException(interp, TCL_ERROR);
    }
    Tcl_Release(interp);
    Tcl_DecrRefCount(callPtr);
}

static void
CancelledScript(DpFs *fsPtr, DpFsOp *fsOpPtr)
{
    Op *opPtr = fsOpPtr->data;

    switch (fsOpPtr->request.kind) {
    case DP_FS_LIST:
    case DP_FS_LOAD:
    case DP_FS_READ:
    case DP_FS_STORE:
	break;
    default:
	/* Short; and to close or to remove something must still happen. */
	return;
    }
    if (opPtr->waitPtr != NULL) {
	DpTaskStart(fsPtr->loopPtr, &opPtr->task, CancelTask, opPtr);
    } else {
	opPtr->cancelled = !opPtr->called;
    }
}

static void
CloseFile(DpFsFile *basePtr)
{
    File *filePtr = (File *) basePtr;
    DpFs *fsPtr = basePtr->fsPtr;
    DpFsRequest request = {.kind = DP_FS_CLOSE, .filePtr = basePtr};

    if (filePtr->dropped || fsPtr->isShut
	    || DpErrorIsSet(&fsPtr->error)) {
	filePtr->dropped = true;
	CheckFile(filePtr);
    } else {
	DpFsSubmit(fsPtr, &request, NULL, NULL);
    }
}

static void
ShutQueue(DpFsQueue *queuePtr)
{
    Op *opPtr;

    while ((opPtr = (Op *) queuePtr->firstPtr) != NULL) {
	DpFsOp *fsOpPtr = opPtr->opPtr;

	DpFsQueueTake(queuePtr, &opPtr->turn);
	opPtr->opPtr = NULL;
	if (!opPtr->called) {
	    FreeOp(opPtr);
	}
	DpFsReplyError(fsOpPtr, ECONNABORTED, NULL);
    }
}

static void
ShutScript(DpFs *fsPtr)
{
    Script *scriptPtr = (Script *) fsPtr;
    File *filePtr;

    scriptPtr->readyPtr = NULL;
    scriptPtr->readyEndPtr = &scriptPtr->readyPtr;
    ShutQueue(&scriptPtr->queue);
    /* What is called may drop any file: begin anew each time. */
    do {
	for (filePtr = scriptPtr->files; filePtr != NULL
		&& filePtr->queue.firstPtr == NULL;
		filePtr = filePtr->nextPtr) {
	    continue;
	}
	if (filePtr != NULL) {
	    filePtr->busy++;
	    ShutQueue(&filePtr->queue);
	    filePtr->busy--;
	    CheckFile(filePtr);
	}
    } while (filePtr != NULL);
}

static void
FreeScript(DpFs *fsPtr)
{
    Script *scriptPtr = (Script *) fsPtr;

    DpReleaseObj(&scriptPtr->prefixPtr);
    DpInterpDrop(scriptPtr->dpPtr);
    DpFree(scriptPtr);
}

static const DpFsType scriptType = {
    .name = "script",
    .submit = SubmitScript,
    .cancelled = CancelledScript,
    .closeFile = CloseFile,
    .shut = ShutScript,
    .free = FreeScript,
};

DpFs *
DpFsScriptNew(DpInterp *dpPtr, Tcl_Obj *prefixPtr, const char *slug)
{
    Script *scriptPtr = DpAlloc(sizeof(*scriptPtr));

    DpFsInit(&scriptPtr->base, &scriptType, dpPtr->loopPtr, slug);
    scriptPtr->base.block = BLOCK;
    scriptPtr->base.depth = DEPTH;
    scriptPtr->base.scripted = true;
    scriptPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    DpReplaceObj(&scriptPtr->prefixPtr, prefixPtr);
    DpFsQueueInit(&scriptPtr->queue);
    scriptPtr->readyEndPtr = &scriptPtr->readyPtr;
    return &scriptPtr->base;
}

/* --- ADOPT for another kind: by a script at its side --- */

static void
AdoptDone(void *clientData, const DpFsReply *replyPtr)
{
    DpFsReplyTo(clientData, replyPtr);
}

static void
AdoptBySide(DpFs *fsPtr, DpFsOp *opPtr)
{
    DpFsRequest request = {
	.kind = DP_FS_ADOPT, .path = opPtr->request.path,
	.path2 = opPtr->request.path2
    };

    DpFsSubmit(fsPtr->adoptData, &request, AdoptDone, opPtr);
}

void
DpFsScriptAdopt(DpInterp *dpPtr, DpFs *fsPtr, Tcl_Obj *prefixPtr)
{
    DpFs *sidePtr;

    DpFsScriptAdoptStop(fsPtr);
    sidePtr = DpFsScriptNew(dpPtr, prefixPtr, fsPtr->slug);
    sidePtr->native = fsPtr->native;
    fsPtr->adoptData = sidePtr;
    fsPtr->adopt = AdoptBySide;
}

void
DpFsScriptAdoptStop(DpFs *fsPtr)
{
    DpFs *sidePtr = fsPtr->adoptData;

    if (fsPtr->adopt == AdoptBySide) {
	fsPtr->adopt = NULL;
	fsPtr->adoptData = NULL;
	DpFsShut(sidePtr);
	DpFsDrop(sidePtr);
    }
}

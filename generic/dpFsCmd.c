/*
 * dpFsCmd.c -- the command core::fs: file systems of hosts for scripts.
 *
 * Layer L4.
 *
 *   core::fs local ?OPTS?             this machine
 *   core::fs script PREFIX ?OPTS?     each operation is a command
 *   core::fs sftp PROC ?OPTS?         an sftp-server that runs already
 *   core::fs ssh SESSION ?OPTS?       channels of a session
 *   core::fs ready FS                 a waiter: what it can
 *   core::fs info FS                  how it is
 *   core::fs guard FS PROC            sets the guard later
 *   core::fs close FS
 *   core::fs OP FS ARGS               a waiter; dpFsCmdOps.c
 *
 * OPTS is a dict: adopt, block, depth, guard, limit, slug, tenant. PROC stays
 * the script's to close, after the file system. With tenant SESSION it is shut
 * (`info` then says lost) when a command waits for a channel of that session
 * and nobody uses the file system.
 */

#include "dpFsCmdInt.h"

#include "dpEnding.h"
#include "dpFsLocal.h"
#include "dpFsScript.h"
#include "dpProcCmd.h"
#include "dpSftp.h"
#include "dpSshCmd.h"

/* A tenant is idle when it was so many times in turn, so many ms apart. */
#define IDLE_LOOKS 4
#define LOOK_TIME 25
#define MAX_LOOKS 400

/* A waiter of `ready`. */
typedef struct Ready {
    DpWait *waitPtr;            /* held */
    struct Ready *nextPtr;
} Ready;

typedef struct Handle {
    DpInterp *dpPtr;            /* held */
    unsigned long id;
    DpFs *fsPtr;                /* held */
    bool isSftp;
    bool isReady;               /* or is known to be lost */
    Ready *readies;
    DpSshTenant tenant;
    DpTimer tenantTimer;        /* is it in use? */
    int idleLooks, looks;
} Handle;

/* The options of a new one; the objects are those of the dict. */
typedef struct Opts {
    const char *slug;
    Tcl_Obj *adoptPtr;          /* or NULL */
    Tcl_Obj *guardPtr;          /* or NULL */
    Tcl_Obj *tenantPtr;         /* or NULL */
    int limit, block, depth;    /* 0: as it is */
} Opts;

/* --- ready --- */

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static Tcl_Obj *
ReadyObj(const Handle *handlePtr)
{
    const DpFs *fsPtr = handlePtr->fsPtr;
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    Put(dictPtr, "name", Tcl_NewStringObj(fsPtr->typePtr->name, -1));
    Put(dictPtr, "slug", Tcl_NewStringObj(fsPtr->slug, -1));
    Put(dictPtr, "block", Tcl_NewWideIntObj((Tcl_WideInt) fsPtr->block));
    Put(dictPtr, "depth", Tcl_NewIntObj(fsPtr->depth));
    Put(dictPtr, "extensions", Tcl_NewStringObj(handlePtr->isSftp
	    ? DpSftpExtensions(fsPtr) : "", -1));
    return dictPtr;
}

static void
FinishReadies(Handle *handlePtr, const DpError *errPtr)
{
    while (handlePtr->readies != NULL) {
	Ready *readyPtr = handlePtr->readies;

	handlePtr->readies = readyPtr->nextPtr;
	if (DpErrorIsSet(errPtr)) {
	    DpWaitFail(readyPtr->waitPtr, errPtr);
	} else {
	    DpWaitFinish(readyPtr->waitPtr, ReadyObj(handlePtr), NULL);
	}
	DpWaitDrop(readyPtr->waitPtr);
	DpFree(readyPtr);
    }
}

static void
SftpReady(void *clientData, DpFs *fsPtr)
{
    Handle *handlePtr = clientData;

    handlePtr->isReady = true;
    FinishReadies(handlePtr, &fsPtr->error);
}

/* --- handles --- */

static Handle *
NewHandle(DpInterp *dpPtr, DpFs *fsPtr)
{
    Handle *handlePtr = DpAlloc(sizeof(*handlePtr));

    handlePtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    handlePtr->fsPtr = fsPtr;
    handlePtr->id = DpHandleNew(dpPtr, DP_FSES, handlePtr);
    return handlePtr;
}

/*
 * Whoever does one thing after the other is not under way at each moment, so
 * that one look is not enough.
 */
static void
TenantLook(void *clientData)
{
    Handle *handlePtr = clientData;
    DpFs *fsPtr = handlePtr->fsPtr;

    if (fsPtr->isShut || ++handlePtr->looks > MAX_LOOKS) {
	return;
    }
    if (fsPtr->numOps > 0 || fsPtr->numFiles > 0) {
	handlePtr->idleLooks = 0;
    } else if (++handlePtr->idleLooks == IDLE_LOOKS) {
	DpFsShut(fsPtr);
	return;
    }
    DpTimerStart(fsPtr->loopPtr, &handlePtr->tenantTimer, LOOK_TIME,
	    TenantLook, handlePtr);
}

/* A command waits for a channel of the session. */
static void
TenantWanted(void *clientData)
{
    Handle *handlePtr = clientData;

    if (handlePtr->isReady && handlePtr->tenantTimer.loopPtr == NULL) {
	handlePtr->idleLooks = handlePtr->looks = 0;
	DpTimerStart(handlePtr->fsPtr->loopPtr, &handlePtr->tenantTimer,
		LOOK_TIME, TenantLook, handlePtr);
    }
}

/* Lets go of a handle that is out of the table already. */
static void
FreeHandle(Handle *handlePtr)
{
    DpFs *fsPtr = handlePtr->fsPtr;
    DpError err = {0};

    DpSshTenantLeave(&handlePtr->tenant);
    DpTimerStop(&handlePtr->tenantTimer);
    if (handlePtr->isSftp && !handlePtr->isReady) {
	DpSftpReady(fsPtr, NULL, NULL);
    }
    DpErrorSet(&err, "FILE ECONNABORTED", "the files of host %s cannot be"
	    " reached: their file system was closed", fsPtr->slug);
    DpErrorAddData(&err, fsPtr->slug);
    DpErrorAddData(&err, "");
    FinishReadies(handlePtr, &err);
    DpErrorClear(&err);
    DpFsScriptAdoptStop(fsPtr);
    DpFsShut(fsPtr);
    DpFsDrop(fsPtr);
    DpInterpDrop(handlePtr->dpPtr);
    DpFree(handlePtr);
}

static void
EndHandle(DpInterp *dpPtr, unsigned long id, void *value)
{
    (void) dpPtr;
    (void) id;
    FreeHandle(value);
}

int
DpFsGet(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *namePtr,
	DpFs **fsPtrPtr)
{
    void *value;

    (void) interp;
    if (DpHandleFind(dpPtr, DP_FSES, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    *fsPtrPtr = ((Handle *) value)->fsPtr;
    return TCL_OK;
}

/* --- the guard --- */

/* It is expected to say nothing; what it says all the same is lost. */
static void
GuardNotify(void *data, DpProc *procPtr, int what)
{
    (void) data;
    (void) what;
    for (int i = 0; i < 2; i++) {
	DpProcConsume(procPtr, i, DpBufLength(&procPtr->out[i]));
    }
}

static void
GuardFree(void *data)
{
    (void) data;
}

static int
SetGuard(DpInterp *dpPtr, Tcl_Interp *interp, DpFs *fsPtr, Tcl_Obj *namePtr)
{
    const DpProcTaker taker = {.notify = GuardNotify, .free = GuardFree};
    DpProc *procPtr;

    if (DpProcTake(dpPtr, interp, namePtr, &taker, &procPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    DpEndingStays(DpProcEnding(dpPtr, namePtr));
    DpProcHold(procPtr);
    DpFsSetGuard(fsPtr, procPtr);
    return TCL_OK;
}

/* --- an sftp-server that has a handle of its own --- */

/*
 * Between the handle of the process, which goes on to watch for its end (and
 * for what sudo says), and the client.
 */
typedef struct Forward {
    DpProc *procPtr;            /* held */
    DpFs *fsPtr;                /* held */
    void (*notify)(void *clientData, DpProc *procPtr, int what);
    void *clientData;
} Forward;

static void
ForwardNotify(void *data, DpProc *procPtr, int what)
{
    Forward *forwardPtr = data;

    if (what & DP_PROC_LEFT) {
	forwardPtr->notify = NULL;
    } else if (forwardPtr->notify != NULL) {
	forwardPtr->notify(forwardPtr->clientData, procPtr, what);
    }
}

/* The handle is closed, and ends the process: nobody is to wait for it. */
static void
ForwardFree(void *data)
{
    Forward *forwardPtr = data;

    DpFsShut(forwardPtr->fsPtr);
    DpFsDrop(forwardPtr->fsPtr);
    DpProcDrop(forwardPtr->procPtr);
    DpFree(forwardPtr);
}

static int
NewSftp(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *namePtr,
	const char *slug, DpFs **fsPtrPtr)
{
    Forward *forwardPtr = DpAlloc(sizeof(*forwardPtr));
    const DpProcTaker taker = {
	.notify = ForwardNotify, .free = ForwardFree, .data = forwardPtr
    };
    void (*notify)(void *clientData, DpProc *procPtr, int what);
    void *clientData;
    DpProc *procPtr;

    if (DpProcTake(dpPtr, interp, namePtr, &taker, &procPtr) != TCL_OK) {
	DpFree(forwardPtr);
	return TCL_ERROR;
    }
    /* It ends with its input. */
    DpEndingStays(DpProcEnding(dpPtr, namePtr));
    DpProcHold(procPtr);
    forwardPtr->procPtr = procPtr;
    notify = procPtr->notify;
    clientData = procPtr->clientData;
    DpProcHold(procPtr);
    *fsPtrPtr = DpSftpNew(dpPtr->loopPtr, procPtr, slug);
    forwardPtr->fsPtr = *fsPtrPtr;
    DpFsHold(forwardPtr->fsPtr);
    forwardPtr->notify = procPtr->notify;
    forwardPtr->clientData = procPtr->clientData;
    procPtr->notify = notify;
    procPtr->clientData = clientData;
    return TCL_OK;
}

/* --- subcommands --- */

static int
GetOpts(Tcl_Interp *interp, Tcl_Obj *dictPtr, Opts *optsPtr)
{
    static const char *const names[] = {
	"adopt", "block", "depth", "guard", "limit", "slug", "tenant", NULL
    };
    enum { ADOPT, BLOCK, DEPTH, GUARD, LIMIT, SLUG, TENANT };
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    int done = 1, index, code = TCL_OK;

    memset(optsPtr, 0, sizeof(*optsPtr));
    optsPtr->slug = "localhost";
    if (dictPtr == NULL) {
	return TCL_OK;
    }
    if (Tcl_DictObjFirst(interp, dictPtr, &search, &keyPtr, &valuePtr, &done)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    for (; !done && code == TCL_OK;
	    Tcl_DictObjNext(&search, &keyPtr, &valuePtr, &done)) {
	bool given = Tcl_GetString(valuePtr)[0] != '\0';

	code = Tcl_GetIndexFromObj(interp, keyPtr, names, "option",
		TCL_EXACT, &index);
	if (code != TCL_OK) {
	    break;
	}
	switch (index) {
	case ADOPT:
	    optsPtr->adoptPtr = given ? valuePtr : NULL;
	    break;
	case BLOCK:
	    code = Tcl_GetIntFromObj(interp, valuePtr, &optsPtr->block);
	    break;
	case DEPTH:
	    code = Tcl_GetIntFromObj(interp, valuePtr, &optsPtr->depth);
	    break;
	case GUARD:
	    optsPtr->guardPtr = given ? valuePtr : NULL;
	    break;
	case LIMIT:
	    code = Tcl_GetIntFromObj(interp, valuePtr, &optsPtr->limit);
	    break;
	case SLUG:
	    optsPtr->slug = Tcl_GetString(valuePtr);
	    break;
	case TENANT:
	    optsPtr->tenantPtr = given ? valuePtr : NULL;
	    break;
	}
    }
    Tcl_DictObjDone(&search);
    return code;
}

typedef enum Kind {
    KIND_LOCAL, KIND_SCRIPT, KIND_SFTP, KIND_SSH
} Kind;

static int
NewFs(DpInterp *dpPtr, Tcl_Interp *interp, Kind kind, Tcl_Obj *wordPtr,
	const Opts *optsPtr, DpFs **fsPtrPtr)
{
    DpSsh *sshPtr;
    int count;

    switch (kind) {
    case KIND_LOCAL:
	*fsPtrPtr = DpFsLocalNew(dpPtr->loopPtr, optsPtr->slug);
	return TCL_OK;
    case KIND_SCRIPT:
	if (Tcl_ListObjLength(interp, wordPtr, &count) != TCL_OK) {
	    return TCL_ERROR;
	}
	*fsPtrPtr = DpFsScriptNew(dpPtr, wordPtr, optsPtr->slug);
	return TCL_OK;
    case KIND_SFTP:
	return NewSftp(dpPtr, interp, wordPtr, optsPtr->slug, fsPtrPtr);
    case KIND_SSH:
	if (DpSshGet(dpPtr, wordPtr, &sshPtr) != TCL_OK) {
	    return TCL_ERROR;
	}
	*fsPtrPtr = DpSftpPoolNew(sshPtr, optsPtr->slug, optsPtr->limit);
	return TCL_OK;
    }
    return TCL_ERROR;
}

/* core::fs local|script|sftp|ssh ?WORD? ?OPTS? */
static int
NewSub(DpInterp *dpPtr, Tcl_Interp *interp, Kind kind, int objc,
	Tcl_Obj *const objv[])
{
    const int words = kind == KIND_LOCAL ? 2 : 3;
    DpSsh *tenantSshPtr = NULL;
    Handle *handlePtr;
    Tcl_Obj *namePtr;
    Opts opts;
    DpFs *fsPtr;
    int count;

    if (objc < words || objc > words + 1) {
	static const char *const usages[] = {
	    "?options?", "prefix ?options?", "proc ?options?",
	    "session ?options?"
	};

	Tcl_WrongNumArgs(interp, 2, objv, usages[kind]);
	return TCL_ERROR;
    }
    if (GetOpts(interp, objc > words ? objv[words] : NULL, &opts) != TCL_OK
	    || (opts.adoptPtr != NULL && Tcl_ListObjLength(interp,
	    opts.adoptPtr, &count) != TCL_OK)
	    || (opts.tenantPtr != NULL && DpSshGet(dpPtr, opts.tenantPtr,
	    &tenantSshPtr) != TCL_OK)
	    || NewFs(dpPtr, interp, kind, kind == KIND_LOCAL ? NULL : objv[2],
	    &opts, &fsPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    if (opts.block > 0) {
	fsPtr->block = (size_t) opts.block;
    }
    if (opts.depth > 0) {
	fsPtr->depth = opts.depth;
    }
    if (opts.adoptPtr != NULL) {
	DpFsScriptAdopt(dpPtr, fsPtr, opts.adoptPtr);
    }
    handlePtr = NewHandle(dpPtr, fsPtr);
    handlePtr->isSftp = kind == KIND_SFTP || kind == KIND_SSH;
    handlePtr->isReady = !handlePtr->isSftp;
    if (handlePtr->isSftp) {
	DpSftpReady(fsPtr, SftpReady, handlePtr);
    }
    if (tenantSshPtr != NULL) {
	DpSshTenantEnter(tenantSshPtr, &handlePtr->tenant, TenantWanted,
		handlePtr);
    }
    namePtr = DpHandleObj(dpPtr, DP_FSES, handlePtr->id);
    if (opts.guardPtr != NULL && SetGuard(dpPtr, interp, fsPtr, opts.guardPtr)
	    != TCL_OK) {
	Tcl_IncrRefCount(namePtr);
	Tcl_DecrRefCount(namePtr);
	DpHandleForget(dpPtr, DP_FSES, handlePtr->id);
	FreeHandle(handlePtr);
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, namePtr);
    return TCL_OK;
}

static void
ReadySub(Handle *handlePtr, Tcl_Interp *interp)
{
    Ready *readyPtr = DpAlloc(sizeof(*readyPtr));

    readyPtr->waitPtr = DpWaitNew(handlePtr->dpPtr);
    readyPtr->nextPtr = handlePtr->readies;
    handlePtr->readies = readyPtr;
    Tcl_SetObjResult(interp, DpWaitObj(readyPtr->waitPtr));
    if (handlePtr->isReady) {
	FinishReadies(handlePtr, &handlePtr->fsPtr->error);
    }
}

/* lost: nothing works any more, for the reason in error. */
static void
InfoSub(Handle *handlePtr, Tcl_Interp *interp)
{
    const DpFs *fsPtr = handlePtr->fsPtr;
    Tcl_Obj *dictPtr = ReadyObj(handlePtr);
    bool lost = DpErrorIsSet(&fsPtr->error) || fsPtr->isShut;

    Put(dictPtr, "ready", Tcl_NewBooleanObj(handlePtr->isReady));
    Put(dictPtr, "lost", Tcl_NewBooleanObj(lost));
    Put(dictPtr, "error", Tcl_NewStringObj(
	    fsPtr->error.message != NULL ? fsPtr->error.message : "",
	    -1));
    Put(dictPtr, "guard", Tcl_NewBooleanObj(fsPtr->guardPtr != NULL
	    && !fsPtr->guardPtr->ended));
    Put(dictPtr, "ops", Tcl_NewIntObj(fsPtr->numOps));
    Put(dictPtr, "files", Tcl_NewIntObj(fsPtr->numFiles));
    Tcl_SetObjResult(interp, dictPtr);
}

static int
FsCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const kinds[] = {
	[KIND_LOCAL] = "local", [KIND_SCRIPT] = "script",
	[KIND_SFTP] = "sftp", [KIND_SSH] = "ssh", NULL
    };
    static const char *const subs[] = {
	"close", "guard", "info", "ready", NULL
    };
    enum { CLOSE, GUARD, INFO, READY };
    DpInterp *dpPtr = clientData;
    Handle *handlePtr;
    void *value;
    int index, code;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    code = DpFsCmdOp(dpPtr, interp, objc, objv);
    if (code != TCL_CONTINUE) {
	return code;
    }
    if (Tcl_GetIndexFromObj(NULL, objv[1], kinds, "kind", TCL_EXACT, &index)
	    == TCL_OK) {
	return NewSub(dpPtr, interp, (Kind) index, objc, objv);
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], subs, "subcommand", TCL_EXACT,
	    &index) != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != (index == GUARD ? 4 : 3)) {
	Tcl_WrongNumArgs(interp, 2, objv, index == GUARD ? "fs proc" : "fs");
	return TCL_ERROR;
    }
    if (DpHandleFind(dpPtr, DP_FSES, objv[2], &value) != TCL_OK) {
	return TCL_ERROR;
    }
    handlePtr = value;
    switch (index) {
    case CLOSE:
	DpHandleForget(dpPtr, DP_FSES, handlePtr->id);
	FreeHandle(handlePtr);
	return TCL_OK;
    case GUARD:
	return SetGuard(dpPtr, interp, handlePtr->fsPtr, objv[3]);
    case INFO:
	InfoSub(handlePtr, interp);
	return TCL_OK;
    case READY:
	ReadySub(handlePtr, interp);
	return TCL_OK;
    }
    return TCL_OK;
}

void
DpFsCmdInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_FSES, EndHandle);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::fs", FsCmd, dpPtr,
	    NULL);
}

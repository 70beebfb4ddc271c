/*
 * dpSshCmd.c -- the command core::ssh: sessions for scripts.
 *
 * Layer L4. A question for a human reaches the script by a task; the answer
 * comes back at any time by `core::ssh answer`.
 */

#include "dpSshCmd.h"

#include "dpEnding.h"
#include "dpObj.h"
#include "dpProcCmd.h"
#include "dpPtyCmd.h"
#include "dpSsh.h"
#include "dpWait.h"

#include <libssh2.h>

/* libssh2's own start is the one state of the process; it is not counted. */
TCL_DECLARE_MUTEX(initMutex)

/* A waiter of `opened`. */
typedef struct Opening {
    DpWait *waitPtr;            /* held */
    struct Opening *nextPtr;
} Opening;

/* A question that is to be put to the script. */
typedef struct Question {
    Tcl_Obj *callPtr;           /* held: the whole command */
    struct Question *nextPtr;
} Question;

/* What stands behind a handle; freed with it. */
typedef struct Handle {
    DpInterp *dpPtr;            /* held */
    unsigned long id;
    DpSsh *sshPtr;              /* held */
    Tcl_Obj *askPtr;            /* command prefix or NULL */
    bool opened;
    bool closed;
    bool parting;               /* somebody else closes it */
    Opening *openings;
    Question *questions;
    DpTask task;                /* puts the questions */
} Handle;

static void
FinishOpenings(Handle *handlePtr, const DpError *errPtr)
{
    while (handlePtr->openings != NULL) {
	Opening *openingPtr = handlePtr->openings;

	handlePtr->openings = openingPtr->nextPtr;
	if (errPtr != NULL) {
	    DpWaitFail(openingPtr->waitPtr, errPtr);
	} else {
	    DpWaitFinish(openingPtr->waitPtr, Tcl_NewObj(), NULL);
	}
	DpWaitDrop(openingPtr->waitPtr);
	DpFree(openingPtr);
    }
}

static void
SessionOpened(void *clientData)
{
    Handle *handlePtr = clientData;

    handlePtr->opened = true;
    FinishOpenings(handlePtr, NULL);
}

static void
SessionClosed(void *clientData, const DpError *errPtr)
{
    Handle *handlePtr = clientData;

    handlePtr->closed = true;
    FinishOpenings(handlePtr, errPtr);
}

int
DpSshGet(DpInterp *dpPtr, Tcl_Obj *namePtr, DpSsh **sshPtrPtr)
{
    void *value;

    if (DpHandleFind(dpPtr, DP_SESSIONS, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    *sshPtrPtr = ((Handle *) value)->sshPtr;
    return TCL_OK;
}

static void
AskTask(void *clientData)
{
    Handle *handlePtr = clientData;
    DpInterp *dpPtr = handlePtr->dpPtr;
    Question *questionPtr = handlePtr->questions;
    Tcl_Obj *callPtr;
    int code;

    if (questionPtr == NULL) {
	return;
    }
    handlePtr->questions = questionPtr->nextPtr;
    callPtr = questionPtr->callPtr;
    DpFree(questionPtr);
    if (handlePtr->questions != NULL) {
	DpTaskStart(dpPtr->loopPtr, &handlePtr->task, AskTask, handlePtr);
    }
    /* The script may close the handle: it is not used after this. */
    if (dpPtr->interp != NULL && !Tcl_InterpDeleted(dpPtr->interp)) {
	Tcl_Interp *interp = dpPtr->interp;

	Tcl_Preserve(interp);
	code = Tcl_EvalObjEx(interp, callPtr,
		TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
	if (code != TCL_OK) {
	    Tcl_BackgroundException(interp, code);
	}
	Tcl_Release(interp);
    }
    Tcl_DecrRefCount(callPtr);
}

static void
PutString(Tcl_Obj *dictPtr, const char *key, const char *value)
{
    if (value != NULL) {
	Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1),
		Tcl_NewStringObj(value, -1));
    }
}

/* Queues {*}ASKPREFIX id kind dict. */
static void
SessionAsks(void *clientData, const DpSshAsk *askPtr)
{
    static const char *const kinds[] = {
	[DP_ASK_HOSTKEY] = "hostkey",
	[DP_ASK_PASSPHRASE] = "passphrase",
	[DP_ASK_KEYBOARD] = "keyboard",
    };
    Handle *handlePtr = clientData;
    Question *questionPtr = DpAlloc(sizeof(*questionPtr));
    Question **endPtr = &handlePtr->questions;
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    Tcl_Obj *promptsPtr = Tcl_NewListObj(0, NULL);
    Tcl_Obj *echoPtr = Tcl_NewListObj(0, NULL);

    PutString(dictPtr, "host", askPtr->name);
    PutString(dictPtr, "name", askPtr->kind == DP_ASK_KEYBOARD
	    ? askPtr->title : askPtr->name);
    PutString(dictPtr, "instruction", askPtr->instruction);
    PutString(dictPtr, "file", askPtr->file);
    PutString(dictPtr, "type", askPtr->type);
    PutString(dictPtr, "fingerprint", askPtr->fingerprint);
    for (int i = 0; i < askPtr->numPrompts; i++) {
	Tcl_ListObjAppendElement(NULL, promptsPtr,
		Tcl_NewStringObj(askPtr->prompts[i], -1));
	Tcl_ListObjAppendElement(NULL, echoPtr,
		Tcl_NewBooleanObj(askPtr->echo[i]));
    }
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("prompts", -1),
	    promptsPtr);
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("echo", -1), echoPtr);
    questionPtr->callPtr = Tcl_DuplicateObj(handlePtr->askPtr);
    Tcl_IncrRefCount(questionPtr->callPtr);
    Tcl_ListObjAppendElement(NULL, questionPtr->callPtr,
	    Tcl_NewWideIntObj((Tcl_WideInt) askPtr->id));
    Tcl_ListObjAppendElement(NULL, questionPtr->callPtr,
	    Tcl_NewStringObj(kinds[askPtr->kind], -1));
    Tcl_ListObjAppendElement(NULL, questionPtr->callPtr, dictPtr);
    while (*endPtr != NULL) {
	endPtr = &(*endPtr)->nextPtr;
    }
    *endPtr = questionPtr;
    DpTaskStart(handlePtr->dpPtr->loopPtr, &handlePtr->task, AskTask,
	    handlePtr);
}

static const DpSshOwner owner = {
    .opened = SessionOpened,
    .closed = SessionClosed,
    .ask = SessionAsks,
};

/* Frees what stands behind a handle that is already forgotten. */
static void
FreeHandle(DpInterp *dpPtr, unsigned long id, void *value)
{
    Handle *handlePtr = value;
    DpError err = {0};

    (void) id;
    DpTaskStop(&handlePtr->task);
    while (handlePtr->questions != NULL) {
	Question *questionPtr = handlePtr->questions;

	handlePtr->questions = questionPtr->nextPtr;
	Tcl_DecrRefCount(questionPtr->callPtr);
	DpFree(questionPtr);
    }
    if (!handlePtr->parting) {
	DpSshClose(handlePtr->sshPtr);
    }
    DpErrorCopy(&err, DpSshGetError(handlePtr->sshPtr));
    FinishOpenings(handlePtr, &err);
    DpErrorClear(&err);
    DpSshDrop(handlePtr->sshPtr);
    DpReleaseObj(&handlePtr->askPtr);
    DpFree(handlePtr);
    DpInterpDrop(dpPtr);
}

/* Part: the config dict. */

typedef enum ConfigType {
    CONFIG_STRING, CONFIG_SECRET, CONFIG_INT, CONFIG_BOOL, CONFIG_LIST,
    CONFIG_POLICY
} ConfigType;

static const struct ConfigKey {
    const char *name;
    ConfigType type;
    size_t offset;              /* in DpSshConfig */
} configKeys[] = {
    {"address", CONFIG_STRING, offsetof(DpSshConfig, address)},
    {"agentsocket", CONFIG_STRING, offsetof(DpSshConfig, agentSocket)},
    {"ciphers", CONFIG_STRING, offsetof(DpSshConfig, ciphers)},
    {"compression", CONFIG_BOOL, offsetof(DpSshConfig, compression)},
    {"hostkey", CONFIG_POLICY, 0},
    {"hostkeyalgorithms", CONFIG_STRING,
	    offsetof(DpSshConfig, hostKeyAlgorithms)},
    {"keepalive", CONFIG_INT, offsetof(DpSshConfig, keepalive)},
    {"kex", CONFIG_STRING, offsetof(DpSshConfig, kex)},
    {"key", CONFIG_SECRET, offsetof(DpSshConfig, keyText)},
    {"keyfiles", CONFIG_LIST, offsetof(DpSshConfig, keyFiles)},
    {"keyfilesgiven", CONFIG_BOOL, offsetof(DpSshConfig, keyFilesGiven)},
    {"knownhosts", CONFIG_LIST, offsetof(DpSshConfig, knownFiles)},
    {"macs", CONFIG_STRING, offsetof(DpSshConfig, macs)},
    {"passphrase", CONFIG_SECRET, offsetof(DpSshConfig, passphrase)},
    {"password", CONFIG_SECRET, offsetof(DpSshConfig, password)},
    {"port", CONFIG_INT, offsetof(DpSshConfig, port)},
    {"slug", CONFIG_STRING, offsetof(DpSshConfig, slug)},
    {"username", CONFIG_STRING, offsetof(DpSshConfig, username)},
    {NULL, CONFIG_STRING, 0}
};

static int
GetList(Tcl_Interp *interp, Tcl_Obj *objPtr, char ***listPtr, int *countPtr)
{
    Tcl_Obj **elems;
    int count;

    if (Tcl_ListObjGetElements(interp, objPtr, &count, &elems) != TCL_OK) {
	return TCL_ERROR;
    }
    *listPtr = DpAlloc(((size_t) count + 1) * sizeof(**listPtr));
    for (int i = 0; i < count; i++) {
	(*listPtr)[i] = DpStrdup(Tcl_GetString(elems[i]));
    }
    *countPtr = count;
    return TCL_OK;
}

static int
GetConfigValue(Tcl_Interp *interp, const struct ConfigKey *keyPtr,
	Tcl_Obj *valuePtr, DpSshConfig *configPtr)
{
    static const char *const policies[] = {
	[DP_HOSTKEY_STRICT] = "strict",
	[DP_HOSTKEY_ASK] = "ask",
	[DP_HOSTKEY_ACCEPT_NEW] = "accept-new",
	[DP_HOSTKEY_OFF] = "off",
	NULL
    };
    char *field = (char *) configPtr + keyPtr->offset;
    int number, *countPtr;

    switch (keyPtr->type) {
    case CONFIG_STRING:
    case CONFIG_SECRET:
	DpWipeFree(*(char **) field);
	*(char **) field = Tcl_GetString(valuePtr)[0] == '\0' ? NULL
		: DpStrdup(Tcl_GetString(valuePtr));
	return TCL_OK;
    case CONFIG_INT:
	return Tcl_GetIntFromObj(interp, valuePtr, (int *) field);
    case CONFIG_BOOL:
	if (Tcl_GetBooleanFromObj(interp, valuePtr, &number) != TCL_OK) {
	    return TCL_ERROR;
	}
	*(bool *) field = number != 0;
	return TCL_OK;
    case CONFIG_LIST:
	countPtr = keyPtr->offset == offsetof(DpSshConfig, keyFiles)
		? &configPtr->numKeyFiles : &configPtr->numKnownFiles;
	return GetList(interp, valuePtr, (char ***) field, countPtr);
    case CONFIG_POLICY:
	if (Tcl_GetIndexFromObj(interp, valuePtr, policies, "policy",
		TCL_EXACT, &number) != TCL_OK) {
	    return TCL_ERROR;
	}
	configPtr->policy = (DpHostKeyPolicy) number;
	return TCL_OK;
    }
    return TCL_OK;
}

/* Fills configPtr from the dict; on an error it is freed. */
static int
GetConfig(Tcl_Interp *interp, Tcl_Obj *dictPtr, DpSshConfig *configPtr)
{
    Tcl_DictSearch search;
    Tcl_Obj *namePtr, *valuePtr;
    int done, index, agent = 1, timeout = 10000;
    int code = TCL_ERROR;

    memset(configPtr, 0, sizeof(*configPtr));
    configPtr->port = 22;
    configPtr->keepalive = 30;
    if (Tcl_DictObjFirst(interp, dictPtr, &search, &namePtr, &valuePtr,
	    &done) != TCL_OK) {
	return TCL_ERROR;
    }
    for (; !done; Tcl_DictObjNext(&search, &namePtr, &valuePtr, &done)) {
	const char *name = Tcl_GetString(namePtr);

	if (strcmp(name, "agent") == 0) {
	    if (Tcl_GetBooleanFromObj(interp, valuePtr, &agent) != TCL_OK) {
		goto done;
	    }
	} else if (strcmp(name, "timeout") == 0) {
	    if (Tcl_GetIntFromObj(interp, valuePtr, &timeout) != TCL_OK) {
		goto done;
	    }
	} else if (Tcl_GetIndexFromObjStruct(interp, namePtr, configKeys,
		sizeof(configKeys[0]), "key", TCL_EXACT, &index) != TCL_OK
		|| GetConfigValue(interp, &configKeys[index], valuePtr,
			configPtr) != TCL_OK) {
	    goto done;
	}
    }
    configPtr->timeout = timeout;
    if (!agent) {
	DpFree(configPtr->agentSocket);
	configPtr->agentSocket = NULL;
    }
    if (configPtr->slug == NULL || configPtr->address == NULL
	    || configPtr->username == NULL) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		"slug, address and username are required", -1));
	Tcl_SetErrorCode(interp, "TCL", "VALUE", "CONFIG", (char *) NULL);
	goto done;
    }
    code = TCL_OK;
done:
    Tcl_DictObjDone(&search);
    if (code != TCL_OK) {
	DpSshConfigFree(configPtr);
    }
    return code;
}

/* Part: subcommands. */

static void
FreeShared(void *value)
{
    DpSshShared *sharedPtr = value;

    DpSshKeysFree(sharedPtr->keysPtr);
    DpKnownCacheFree(sharedPtr->knownPtr);
    DpFree(sharedPtr);
}

static DpSshShared *
GetShared(DpInterp *dpPtr)
{
    DpSshShared *sharedPtr = dpPtr->sshPtr;

    if (sharedPtr == NULL) {
	sharedPtr = DpAlloc(sizeof(*sharedPtr));
	sharedPtr->loopPtr = dpPtr->loopPtr;
	sharedPtr->keysPtr = DpSshKeysNew(dpPtr->loopPtr);
	sharedPtr->knownPtr = DpKnownCacheNew();
	dpPtr->sshPtr = sharedPtr;
	dpPtr->sshFree = FreeShared;
	Tcl_MutexLock(&initMutex);
	libssh2_init(0);
	Tcl_MutexUnlock(&initMutex);
    }
    return sharedPtr;
}

static int
OpenCmd(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    DpSshConfig config;
    Handle *handlePtr;
    int words;

    if (Tcl_ListObjLength(interp, objv[3], &words) != TCL_OK
	    || GetConfig(interp, objv[2], &config) != TCL_OK) {
	return TCL_ERROR;
    }
    config.asks = words > 0;
    handlePtr = DpAlloc(sizeof(*handlePtr));
    handlePtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    if (words > 0) {
	DpReplaceObj(&handlePtr->askPtr, objv[3]);
    }
    handlePtr->id = DpHandleNew(dpPtr, DP_SESSIONS, handlePtr);
    handlePtr->sshPtr = DpSshOpen(GetShared(dpPtr), &config, &owner,
	    handlePtr);
    Tcl_SetObjResult(interp, DpHandleObj(dpPtr, DP_SESSIONS, handlePtr->id));
    return TCL_OK;
}

static int
OpenedCmd(Handle *handlePtr, Tcl_Interp *interp)
{
    DpWait *waitPtr = DpWaitNew(handlePtr->dpPtr);

    Tcl_SetObjResult(interp, DpWaitObj(waitPtr));
    if (handlePtr->closed) {
	DpWaitFail(waitPtr, DpSshGetError(handlePtr->sshPtr));
	DpWaitDrop(waitPtr);
    } else if (handlePtr->opened) {
	DpWaitFinish(waitPtr, Tcl_NewObj(), NULL);
	DpWaitDrop(waitPtr);
    } else {
	Opening *openingPtr = DpAlloc(sizeof(*openingPtr));

	openingPtr->waitPtr = waitPtr;
	openingPtr->nextPtr = handlePtr->openings;
	handlePtr->openings = openingPtr;
    }
    return TCL_OK;
}

static int
ExecCmd(Handle *handlePtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    DpProcOpts opts;
    DpPty pty;
    Tcl_DString line;
    Tcl_Obj *namePtr;
    DpProc *procPtr;
    const char *text;
    int length;

    if (DpProcOptsGet(interp, objv[4], &opts) != TCL_OK
	    || (opts.channel != NULL
	    && DpPtyGet(interp, &opts, &pty) != TCL_OK)) {
	return TCL_ERROR;
    }
    /* Bytes for the host: UTF-8 proper, without Tcl's form of NUL. */
    text = Tcl_GetStringFromObj(objv[3], &length);
    Tcl_DStringInit(&line);
    {
	Tcl_Encoding encoding = Tcl_GetEncoding(NULL, "utf-8");

	Tcl_UtfToExternalDString(encoding, text, length, &line);
	Tcl_FreeEncoding(encoding);
    }
    procPtr = DpSshExec(handlePtr->sshPtr,
	    opts.shell ? NULL : Tcl_DStringValue(&line),
	    opts.shell ? 0 : (size_t) Tcl_DStringLength(&line));
    Tcl_DStringFree(&line);
    opts.sshPtr = handlePtr->sshPtr;
    namePtr = DpProcHandleNew(handlePtr->dpPtr, procPtr, &opts);
    Tcl_IncrRefCount(namePtr);
    if (opts.channel != NULL) {
	DpPtyPut(handlePtr->dpPtr, namePtr, &pty, opts.channel);
    }
    Tcl_SetObjResult(interp, namePtr);
    Tcl_DecrRefCount(namePtr);
    DpProcDrop(procPtr);
    return TCL_OK;
}

static int
AnswerCmd(Handle *handlePtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    const char *answers[DP_ASK_MAX_PROMPTS];
    Tcl_WideInt id;
    Tcl_Obj **elems;
    int count;

    if (Tcl_GetWideIntFromObj(interp, objv[3], &id) != TCL_OK
	    || Tcl_ListObjGetElements(interp, objv[4], &count, &elems)
		    != TCL_OK) {
	return TCL_ERROR;
    }
    if (count > DP_ASK_MAX_PROMPTS) {
	count = DP_ASK_MAX_PROMPTS;
    }
    for (int i = 0; i < count; i++) {
	answers[i] = Tcl_GetString(elems[i]);
    }
    DpSshAnswer(handlePtr->sshPtr, (unsigned long) id, count, answers);
    return TCL_OK;
}

static int
InfoCmd(Handle *handlePtr, Tcl_Interp *interp)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    DpSshInfo info;

    DpSshGetInfo(handlePtr->sshPtr, &info);
    PutString(dictPtr, "fingerprint", info.fingerprint);
    PutString(dictPtr, "hostkeytype", info.hostKeyType);
    PutString(dictPtr, "banner", info.banner);
    PutString(dictPtr, "kex", info.kex);
    PutString(dictPtr, "hostkeyalgorithm", info.hostKeyAlgorithm);
    PutString(dictPtr, "cipher", info.cipher);
    PutString(dictPtr, "mac", info.mac);
    PutString(dictPtr, "compression", info.compression);
    PutString(dictPtr, "libssh2", libssh2_version(0));
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("channels", -1),
	    Tcl_NewIntObj(info.channels));
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

static void
CloseCmd(Handle *handlePtr)
{
    DpInterp *dpPtr = handlePtr->dpPtr;
    unsigned long id = handlePtr->id;

    DpHandleForget(dpPtr, DP_SESSIONS, id);
    handlePtr->parting = DpEndingPart(dpPtr, handlePtr->sshPtr);
    FreeHandle(dpPtr, id, handlePtr);
}

static int
SshCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"answer", "close", "exec", "info", "open", "opened", "state", NULL
    };
    static const struct {
	int words;
	const char *usage;
    } usages[] = {
	{5, "session id answers"}, {3, "session"},
	{5, "session line options"}, {3, "session"}, {4, "config askPrefix"},
	{3, "session"}, {3, "session"}
    };
    enum { ANSWER, CLOSE, EXEC, INFO, OPEN, OPENED, STATE };
    DpInterp *dpPtr = clientData;
    void *value;
    int index;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != usages[index].words) {
	Tcl_WrongNumArgs(interp, 2, objv, usages[index].usage);
	return TCL_ERROR;
    }
    if (index == OPEN) {
	return OpenCmd(dpPtr, interp, objv);
    }
    if (DpHandleFind(dpPtr, DP_SESSIONS, objv[2], &value) != TCL_OK) {
	return TCL_ERROR;
    }
    switch (index) {
    case ANSWER:
	return AnswerCmd(value, interp, objv);
    case CLOSE:
	CloseCmd(value);
	return TCL_OK;
    case EXEC:
	return ExecCmd(value, interp, objv);
    case INFO:
	return InfoCmd(value, interp);
    case OPENED:
	return OpenedCmd(value, interp);
    case STATE:
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		((Handle *) value)->closed ? "closed"
		: ((Handle *) value)->opened ? "open" : "connecting", -1));
	return TCL_OK;
    }
    return TCL_OK;
}

void
DpSshCmdInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_SESSIONS, FreeHandle);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::ssh", SshCmd,
	    dpPtr, NULL);
}

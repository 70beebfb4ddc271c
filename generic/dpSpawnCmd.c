/*
 * dpSpawnCmd.c -- the command core::spawn: a local command gets a handle.
 *
 * Layer L4.
 */

#include "dpSpawnCmd.h"

#include "dpPtyCmd.h"
#include "dpSpawn.h"

/* Words as the system takes them; each and the array are ours. */
static void
FreeWords(char **words, int count)
{
    for (int i = 0; i < count; i++) {
	DpFree(words[i]);
    }
    DpFree(words);
}

/*
 * A word in the system's encoding, or NULL and a message: no word of a system
 * call holds a NUL, and one that was cut there would mean something else.
 */
static char *
SystemWord(Tcl_Interp *interp, const char *text, int length)
{
    Tcl_DString external;
    char *word = NULL;

    Tcl_UtfToExternalDString(NULL, text, length, &external);
    if (strlen(Tcl_DStringValue(&external))
	    == (size_t) Tcl_DStringLength(&external)) {
	word = DpStrdup(Tcl_DStringValue(&external));
    } else {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		"a word of a command can't hold a NUL character", -1));
	Tcl_SetErrorCode(interp, "TCL", "VALUE", "NUL", (char *) NULL);
    }
    Tcl_DStringFree(&external);
    return word;
}

/* Appends to a NULL-terminated array that has room. */
static int
AddWord(Tcl_Interp *interp, char **words, int *countPtr, Tcl_Obj *objPtr)
{
    int length;
    const char *text = Tcl_GetStringFromObj(objPtr, &length);
    char *word = SystemWord(interp, text, length);

    if (word == NULL) {
	return TCL_ERROR;
    }
    words[(*countPtr)++] = word;
    return TCL_OK;
}

static int
AddEnv(Tcl_Interp *interp, char **words, int *countPtr, Tcl_Obj *envPtr)
{
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    int done, code = TCL_OK;

    if (envPtr == NULL) {
	return TCL_OK;
    }
    Tcl_DictObjFirst(NULL, envPtr, &search, &keyPtr, &valuePtr, &done);
    for (; !done && code == TCL_OK;
	    Tcl_DictObjNext(&search, &keyPtr, &valuePtr, &done)) {
	const char *name = Tcl_GetString(keyPtr);
	Tcl_Obj *wordPtr;

	if (name[0] == '\0' || strchr(name, '=') != NULL) {
	    Tcl_SetObjResult(interp, Tcl_ObjPrintf(
		    "bad name of an environment variable: \"%s\"", name));
	    Tcl_SetErrorCode(interp, "TCL", "VALUE", "ENV", (char *) NULL);
	    code = TCL_ERROR;
	    break;
	}
	wordPtr = Tcl_ObjPrintf("%s=%s", name, Tcl_GetString(valuePtr));
	Tcl_IncrRefCount(wordPtr);
	code = AddWord(interp, words, countPtr, wordPtr);
	Tcl_DecrRefCount(wordPtr);
    }
    Tcl_DictObjDone(&search);
    return code;
}

/*
 * A terminal's type is in the environment, where the user gave none; its size
 * is not, as that of ours would hide it.
 */
static void
AddTerm(char **words, int *countPtr, const DpProcPty *ptyPtr)
{
    char text[sizeof("TERM=") + sizeof(ptyPtr->term)] = "TERM=";
    bool given = false;

    for (int i = 0; i < *countPtr; i++) {
	given |= strncmp(words[i], text, strlen(text)) == 0;
    }
    if (!given) {
	strcat(text, ptyPtr->term);
	words[(*countPtr)++] = DpStrdup(text);
    }
    words[(*countPtr)++] = DpStrdup("COLUMNS");
    words[(*countPtr)++] = DpStrdup("LINES");
}

static void
FreeSpawns(void *value)
{
    DpSpawnForget(value);
    DpFree(value);
}

/*
 * Starts the words of a list. NULL and a message when that fails. With givePtr
 * the caller gets the master of its terminal.
 */
static DpProc *
SpawnWords(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *argvPtr,
	const DpProcOpts *optsPtr, DpPty *givePtr)
{
    DpSpawnList *listPtr = dpPtr->spawnPtr;
    DpSpawnSpec spec = {0};
    DpError error = {0};
    DpProc *procPtr = NULL;
    Tcl_Obj **wordsPtr;
    char **argv = NULL, **env = NULL, *cwd = NULL;
    int count, size = 0, numArgs = 0, numEnv = 0;

    if (Tcl_ListObjGetElements(interp, argvPtr, &count, &wordsPtr)
	    != TCL_OK) {
	return NULL;
    }
    if (count == 0 || listPtr == NULL) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(count == 0
		? "a command needs at least one word"
		: "the interpreter is being deleted", -1));
	Tcl_SetErrorCode(interp, "TCL", "VALUE", "COMMAND", (char *) NULL);
	return NULL;
    }

    argv = DpAlloc((size_t) (count + 1) * sizeof(*argv));
    for (int i = 0; i < count; i++) {
	if (AddWord(interp, argv, &numArgs, wordsPtr[i]) != TCL_OK) {
	    goto done;
	}
    }
    if (optsPtr->envPtr != NULL) {
	Tcl_DictObjSize(NULL, optsPtr->envPtr, &size);
    }
    env = DpAlloc((size_t) (size + 4) * sizeof(*env));
    if (AddEnv(interp, env, &numEnv, optsPtr->envPtr) != TCL_OK) {
	goto done;
    }
    if (optsPtr->hasPty) {
	AddTerm(env, &numEnv, &optsPtr->pty);
	spec.ptyPtr = &optsPtr->pty;
	spec.givePtr = givePtr;
    }
    if (optsPtr->cwdPtr != NULL) {
	cwd = SystemWord(interp, Tcl_GetString(optsPtr->cwdPtr), -1);
	if (cwd == NULL) {
	    goto done;
	}
    }
    spec.slug = optsPtr->slug;
    spec.argv = argv;
    spec.env = env;
    spec.cwd = cwd;
    spec.merge = optsPtr->merge;
    spec.login = optsPtr->shell;
    procPtr = DpSpawn(dpPtr->loopPtr, listPtr, &spec, &error);
    if (procPtr == NULL) {
	DpErrorReport(interp, &error);
	DpErrorClear(&error);
    }

done:
    FreeWords(argv, numArgs);
    FreeWords(env, numEnv);
    DpFree(cwd);
    return procPtr;
}

static int
SpawnCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    DpProcOpts opts;
    DpProc *procPtr;
    Tcl_Obj *handlePtr;
    DpPty pty;

    if (objc < 2 || objc > 3) {
	Tcl_WrongNumArgs(interp, 1, objv, "argv ?options?");
	return TCL_ERROR;
    }
    if (DpProcOptsGet(interp, objc > 2 ? objv[2] : NULL, &opts) != TCL_OK) {
	return TCL_ERROR;
    }
    procPtr = SpawnWords(clientData, interp, objv[1], &opts,
	    opts.channel != NULL ? &pty : NULL);
    if (procPtr == NULL) {
	return TCL_ERROR;
    }
    handlePtr = DpProcHandleNew(clientData, procPtr, &opts);
    Tcl_IncrRefCount(handlePtr);
    if (opts.channel != NULL) {
	DpPtyPut(clientData, handlePtr, &pty, opts.channel);
    }
    Tcl_SetObjResult(interp, handlePtr);
    Tcl_DecrRefCount(handlePtr);
    return TCL_OK;
}

void
DpSpawnCmdInit(DpInterp *dpPtr)
{
    if (dpPtr->spawnPtr == NULL) {
	dpPtr->spawnPtr = DpAlloc(sizeof(DpSpawnList));
	dpPtr->spawnFree = FreeSpawns;
    }
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::spawn", SpawnCmd,
	    dpPtr, NULL);
}

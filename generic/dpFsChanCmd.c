/*
 * dpFsChanCmd.c -- the command core::file: files of a host as channels.
 *
 * Layer L4.
 */

#include "dpFsChanInt.h"
#include "dpFsCmd.h"
#include "dpWait.h"

#define DEFAULT_PERMISSIONS 0666

/* --- access modes, as Tcl's open takes them --- */

static int
BadMode(Tcl_Interp *interp, const char *mode, const char *problem)
{
    const char *words[2] = {"ARGUMENT", mode};
    char *code = Tcl_Merge(2, words);

    DpFail(interp, code, "%s \"%s\": an access mode is r, r+, w, w+, a or a+,"
	    " with b for binary, or a list of RDONLY, WRONLY or RDWR and"
	    " APPEND, BINARY, CREAT, EXCL, NOCTTY, NONBLOCK, TRUNC", problem,
	    mode);
    Tcl_Free(code);
    return TCL_ERROR;
}

static int
LetterMode(Tcl_Interp *interp, const char *mode, unsigned *flagsPtr,
	bool *binaryPtr)
{
    bool plus = false;

    for (const char *p = mode + 1; *p != '\0'; p++) {
	bool *isPtr = *p == '+' ? &plus : *p == 'b' ? binaryPtr : NULL;

	if (isPtr == NULL || *isPtr) {
	    return BadMode(interp, mode, "bad access mode");
	}
	*isPtr = true;
    }
    switch (mode[0]) {
    case 'r':
	*flagsPtr = DP_FS_FOR_READ;
	break;
    case 'w':
	*flagsPtr = DP_FS_FOR_WRITE | DP_FS_CREATE | DP_FS_TRUNCATE;
	break;
    case 'a':
	*flagsPtr = DP_FS_FOR_WRITE | DP_FS_CREATE | DP_FS_APPEND;
	break;
    default:
	return BadMode(interp, mode, "bad access mode");
    }
    if (plus) {
	/* Tcl's a+ begins at the end, but writes where one seeks to. */
	if (*flagsPtr & DP_FS_APPEND) {
	    *flagsPtr ^= DP_FS_APPEND | DP_FS_AT_END;
	}
	*flagsPtr |= DP_FS_FOR_READ | DP_FS_FOR_WRITE;
    }
    return TCL_OK;
}

static int
ListMode(Tcl_Interp *interp, Tcl_Obj *modePtr, unsigned *flagsPtr,
	bool *binaryPtr)
{
    static const struct {
	const char *name;
	unsigned flag;          /* 0: of no meaning for a file of a host */
    } words[] = {
	{"RDONLY", DP_FS_FOR_READ}, {"WRONLY", DP_FS_FOR_WRITE},
	{"RDWR", DP_FS_FOR_READ | DP_FS_FOR_WRITE},
	{"APPEND", DP_FS_APPEND}, {"CREAT", DP_FS_CREATE},
	{"EXCL", DP_FS_EXCLUSIVE}, {"TRUNC", DP_FS_TRUNCATE},
	{"BINARY", 0}, {"NOCTTY", 0}, {"NONBLOCK", 0}, {NULL, 0}
    };
    Tcl_Obj **listPtr;
    int count, index, sides = 0;

    if (Tcl_ListObjGetElements(NULL, modePtr, &count, &listPtr) != TCL_OK) {
	return BadMode(interp, Tcl_GetString(modePtr), "bad access mode");
    }
    for (int i = 0; i < count; i++) {
	if (Tcl_GetIndexFromObjStruct(NULL, listPtr[i], words,
		sizeof(words[0]), "mode", TCL_EXACT, &index) != TCL_OK) {
	    return BadMode(interp, Tcl_GetString(listPtr[i]),
		    "bad access mode");
	}
	*flagsPtr |= words[index].flag;
	sides += index < 3;
	*binaryPtr |= strcmp(words[index].name, "BINARY") == 0;
    }
    if (sides != 1) {
	return BadMode(interp, Tcl_GetString(modePtr),
		"one of RDONLY, WRONLY and RDWR is missing or too many in");
    }
    return TCL_OK;
}

static int
AccessMode(Tcl_Interp *interp, Tcl_Obj *modePtr, unsigned *flagsPtr,
	bool *binaryPtr)
{
    const char *mode = Tcl_GetString(modePtr);

    *flagsPtr = 0;
    *binaryPtr = false;
    /* Tcl tells the two kinds apart in this way. */
    return mode[0] >= 'a' && mode[0] <= 'z'
	    ? LetterMode(interp, mode, flagsPtr, binaryPtr)
	    : ListMode(interp, modePtr, flagsPtr, binaryPtr);
}

/* --- core::file open --- */

typedef struct Opening {
    DpInterp *dpPtr;            /* held */
    DpWait *waitPtr;            /* held */
    bool binary;
} Opening;

static void
FileOpened(void *clientData, DpFsChan *chanPtr, int error,
	const DpError *errPtr)
{
    Opening *openingPtr = clientData;
    Tcl_Interp *interp = openingPtr->dpPtr->interp;

    if (error != 0) {
	DpWaitFail(openingPtr->waitPtr, errPtr);
    } else if (interp == NULL || Tcl_InterpDeleted(interp)
	    || DpWaitIsDropped(openingPtr->waitPtr)) {
	DpFsChanDiscard(chanPtr);
    } else {
	DpFsChanMake(chanPtr);
	Tcl_RegisterChannel(interp, chanPtr->channel);
	Tcl_SetChannelOption(NULL, chanPtr->channel,
		openingPtr->binary ? "-translation" : "-encoding",
		openingPtr->binary ? "binary" : "utf-8");
	DpWaitFinish(openingPtr->waitPtr, Tcl_NewStringObj(
		Tcl_GetChannelName(chanPtr->channel), -1), NULL);
    }
    DpWaitDrop(openingPtr->waitPtr);
    DpInterpDrop(openingPtr->dpPtr);
    DpFree(openingPtr);
}

static int
OpenOptions(Tcl_Interp *interp, Tcl_Obj *dictPtr, int *permissionsPtr)
{
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    int done, code = TCL_OK;

    if (Tcl_DictObjFirst(interp, dictPtr, &search, &keyPtr, &valuePtr, &done)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    for (; !done && code == TCL_OK;
	    Tcl_DictObjNext(&search, &keyPtr, &valuePtr, &done)) {
	if (strcmp(Tcl_GetString(keyPtr), "permissions") == 0) {
	    code = Tcl_GetIntFromObj(interp, valuePtr, permissionsPtr);
	} else {
	    Tcl_SetObjResult(interp, Tcl_ObjPrintf("unknown option \"%s\"",
		    Tcl_GetString(keyPtr)));
	    code = TCL_ERROR;
	}
    }
    Tcl_DictObjDone(&search);
    return code;
}

/* core::file open FS PATH ?ACCESS? ?OPTIONS? -> waiter of a channel's name. */
static int
OpenSub(DpInterp *dpPtr, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    unsigned flags = DP_FS_FOR_READ;
    int permissions = DEFAULT_PERMISSIONS;
    bool binary = false;
    Tcl_DString path;
    Opening *openingPtr;
    DpFs *fsPtr;

    if (DpFsGet(dpPtr, interp, objv[2], &fsPtr) != TCL_OK
	    || (objc > 4 && AccessMode(interp, objv[4], &flags, &binary)
	    != TCL_OK)
	    || (objc > 5 && OpenOptions(interp, objv[5], &permissions)
	    != TCL_OK)
	    || DpFsPathBytes(interp, fsPtr, objv[3], &path) != TCL_OK) {
	return TCL_ERROR;
    }
    openingPtr = DpAlloc(sizeof(*openingPtr));
    openingPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    openingPtr->binary = binary;
    openingPtr->waitPtr = DpWaitNew(dpPtr);
    Tcl_SetObjResult(interp, DpWaitObj(openingPtr->waitPtr));
    DpFsChanStart(dpPtr, fsPtr, Tcl_DStringValue(&path), flags,
	    (uint32_t) permissions, FileOpened, openingPtr);
    Tcl_DStringFree(&path);
    return TCL_OK;
}

/* --- channels of ours --- */

static DpFsChan *
FindFile(Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    Tcl_Channel channel = Tcl_GetChannel(interp, Tcl_GetString(namePtr), NULL);
    DpFsChan *chanPtr;

    if (channel == NULL) {
	return NULL;
    }
    chanPtr = DpFsChanOf(Tcl_GetTopChannel(channel));
    if (chanPtr == NULL) {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf(
		"channel \"%s\" is no file of a host",
		Tcl_GetString(namePtr)));
	Tcl_SetErrorCode(interp, "TCL", "LOOKUP", "CHANNEL",
		Tcl_GetString(namePtr), (char *) NULL);
    }
    return chanPtr;
}

static int
FileCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"abort", "access", "follow", "open", "own", "stop", NULL
    };
    static const struct {
	int min, max;
	const char *usage;
    } words[] = {
	{3, 3, "channel"}, {3, 3, "mode"}, {4, 4, "channel event"}, {4, 6, "fs path ?access? ?options?"},
	{4, 4, "channel command"}, {3, 3, "fs"}
    };
    enum { ABORT, ACCESS, FOLLOW, OPEN, OWN, STOP };
    DpSpan *spanPtr;
    unsigned flags;
    bool binary;
    DpFsChan *chanPtr;
    DpFs *fsPtr;
    int index;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc < words[index].min || objc > words[index].max) {
	Tcl_WrongNumArgs(interp, 2, objv, words[index].usage);
	return TCL_ERROR;
    }
    if (index == ACCESS) {
	return AccessMode(interp, objv[2], &flags, &binary);
    }
    if (index == STOP) {
	if (DpFsGet(clientData, interp, objv[2], &fsPtr) != TCL_OK) {
	    return TCL_ERROR;
	}
	DpFsHold(fsPtr);
	DpFsChanStop(clientData, fsPtr);
	DpFsDrop(fsPtr);
	return TCL_OK;
    }
    if (index == OPEN) {
	return OpenSub(clientData, interp, objc, objv);
    }
    chanPtr = FindFile(interp, objv[2]);
    if (chanPtr == NULL) {
	return TCL_ERROR;
    }
    if (index == FOLLOW) {
	if (DpSpanGet(clientData, objv[3], &spanPtr) != TCL_OK) {
	    return TCL_ERROR;
	}
	DpFsChanFollow(chanPtr->channel, spanPtr);
	return TCL_OK;
    }
    DpFree(chanPtr->owner);
    chanPtr->owner = NULL;
    if (index == ABORT) {
	/* What is written is thrown away by the close; nobody owns it now. */
	chanPtr->commit = false;
    } else if (Tcl_GetString(objv[3])[0] != '\0') {
	/* The command is deleted when the channel is closed. */
	chanPtr->owner = DpStrdup(Tcl_GetString(objv[3]));
    }
    return TCL_OK;
}

static void
DeleteCmd(ClientData clientData)
{
    DpInterp *dpPtr = clientData;

    /* Commands go before channels and before the loop stops. */
    DpFsChanStop(dpPtr, NULL);
    DpInterpDrop(dpPtr);
}

void
DpFsChanInit(DpInterp *dpPtr)
{
    DpInterpHold(dpPtr);
    DpFsChanListGet(dpPtr);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::file", FileCmd,
	    dpPtr, DeleteCmd);
}

/*
 * dpProcOpts.c -- the dict of options of a command.
 *
 * Layer L4. Of core::ssh exec and core::spawn.
 */

#include "dpProcCmd.h"

typedef enum Option {
    OPT_ASK, OPT_BESIDE, OPT_CHANNEL, OPT_COLS, OPT_COMMAND, OPT_CWD, OPT_ECHO,
    OPT_ENV, OPT_EVENT, OPT_HOLD, OPT_MERGE, OPT_MODES, OPT_PASSWORD, OPT_PROMPT, OPT_PTY,
    OPT_ROWS, OPT_SHELL, OPT_SLUG, OPT_STAYS, OPT_TERM, OPT_TOKEN, OPT_UNDER
} Option;

static const char *const optionNames[] = {
    "ask", "beside", "channel", "cols", "command", "cwd", "echo", "env",
    "event", "hold", "merge", "modes", "password", "prompt", "pty", "rows", "shell",
    "slug", "stays", "term", "token", "under", NULL
};

/* What a terminal is where nothing is said of it. */
#define DEFAULT_TERM "dumb"
#define DEFAULT_COLS 80
#define DEFAULT_ROWS 24
/* IUTF8 (RFC 8160), so that the terminal erases whole characters. */
static const unsigned char defaultModes[] = {42, 0, 0, 0, 1, 0};

int
DpProcSizeGet(Tcl_Interp *interp, Tcl_Obj *objPtr, int *sizePtr)
{
    if (Tcl_GetIntFromObj(NULL, objPtr, sizePtr) == TCL_OK && *sizePtr >= 0
	    && *sizePtr <= DP_PTY_MAX_SIZE) {
	return TCL_OK;
    }
    return DpFail(interp, "OPTION -size", "the size of a terminal must be two"
	    " numbers from 0 to %d, not \"%.40s\"", DP_PTY_MAX_SIZE,
	    Tcl_GetString(objPtr));
}

/* The type of a terminal, as it stands in TERM; "" means "dumb". */
static int
GetTerm(Tcl_Interp *interp, const char *term, DpProcPty *ptyPtr)
{
    size_t length = strlen(term);

    if (length == 0) {
	strcpy(ptyPtr->term, DEFAULT_TERM);
	return TCL_OK;
    }
    for (size_t i = 0; i < length; i++) {
	if (term[i] <= ' ' || term[i] > '~') {
	    length = sizeof(ptyPtr->term);
	}
    }
    if (length >= sizeof(ptyPtr->term)) {
	return DpFail(interp, "OPTION -term", "the type of a terminal must have"
		" at most %d printable ASCII characters, not \"%.80s\"",
		(int) sizeof(ptyPtr->term) - 1, term);
    }
    strcpy(ptyPtr->term, term);
    return TCL_OK;
}

static int
GetModes(Tcl_Interp *interp, Tcl_Obj *valuePtr, DpProcPty *ptyPtr)
{
    int length;
    unsigned char *bytes = Tcl_GetByteArrayFromObj(valuePtr, &length);

    if (length > DP_PTY_MODES) {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf(
		"modes of a terminal have at most %d bytes", DP_PTY_MODES));
	Tcl_SetErrorCode(interp, "TCL", "VALUE", "OPTION", (char *) NULL);
	return TCL_ERROR;
    }
    if (length > 0) {
	memcpy(ptyPtr->modes, bytes, (size_t) length);
	ptyPtr->numModes = (size_t) length;
    }
    return TCL_OK;
}

/* A channel is that of a terminal, and has a name of its own. */
static int
CheckChannel(Tcl_Interp *interp, const DpProcOpts *optsPtr)
{
    const char *problem = NULL;

    if (optsPtr->channel == NULL) {
	return TCL_OK;
    }
    if (!optsPtr->hasPty) {
	problem = "needs pty 1";
    } else if (Tcl_GetChannel(interp, optsPtr->channel, NULL) != NULL) {
	problem = "is there already";
    } else {
	Tcl_ResetResult(interp);
	return TCL_OK;
    }
    Tcl_SetObjResult(interp, Tcl_ObjPrintf("channel \"%s\" %s",
	    optsPtr->channel, problem));
    Tcl_SetErrorCode(interp, "TCL", "VALUE", "OPTION", (char *) NULL);
    return TCL_ERROR;
}

static int
GetFlag(Tcl_Interp *interp, Tcl_Obj *valuePtr, bool *flagPtr)
{
    int flag;

    if (Tcl_GetBooleanFromObj(interp, valuePtr, &flag) != TCL_OK) {
	return TCL_ERROR;
    }
    *flagPtr = flag != 0;
    return TCL_OK;
}

static int
GetOption(Tcl_Interp *interp, Option option, Tcl_Obj *valuePtr,
	DpProcOpts *optsPtr)
{
    const char *value = Tcl_GetString(valuePtr);
    const char *text = value[0] == '\0' ? NULL : value;
    int size;

    switch (option) {
    case OPT_ASK:
	return Tcl_GetIntFromObj(interp, valuePtr, &optsPtr->ask);
    case OPT_BESIDE:
	optsPtr->besidePtr = valuePtr;
	return Tcl_ListObjLength(interp, valuePtr, &size);
    case OPT_CHANNEL:
	optsPtr->channel = text;
	return TCL_OK;
    case OPT_COLS:
	return DpProcSizeGet(interp, valuePtr, &optsPtr->pty.cols);
    case OPT_COMMAND:
	optsPtr->command = value;
	return TCL_OK;
    case OPT_CWD:
	optsPtr->cwdPtr = text == NULL ? NULL : valuePtr;
	return TCL_OK;
    case OPT_ECHO:
	optsPtr->echo = text;
	return TCL_OK;
    case OPT_ENV:
	optsPtr->envPtr = valuePtr;
	return Tcl_DictObjSize(interp, valuePtr, &size);
    case OPT_EVENT:
	optsPtr->eventPtr = valuePtr;
	return TCL_OK;
    case OPT_HOLD:
	return GetFlag(interp, valuePtr, &optsPtr->hold);
    case OPT_MERGE:
	return GetFlag(interp, valuePtr, &optsPtr->merge);
    case OPT_MODES:
	return GetModes(interp, valuePtr, &optsPtr->pty);
    case OPT_PASSWORD:
	/* An empty one is a password, too. */
	optsPtr->password = value;
	return TCL_OK;
    case OPT_PROMPT:
	optsPtr->prompt = text;
	return TCL_OK;
    case OPT_PTY:
	return GetFlag(interp, valuePtr, &optsPtr->hasPty);
    case OPT_ROWS:
	return DpProcSizeGet(interp, valuePtr, &optsPtr->pty.rows);
    case OPT_SHELL:
	return GetFlag(interp, valuePtr, &optsPtr->shell);
    case OPT_SLUG:
	optsPtr->slug = value;
	return TCL_OK;
    case OPT_STAYS:
	return GetFlag(interp, valuePtr, &optsPtr->stays);
    case OPT_TERM:
	return GetTerm(interp, value, &optsPtr->pty);
    case OPT_TOKEN:
	optsPtr->token = text;
	return TCL_OK;
    case OPT_UNDER:
	optsPtr->under = text;
	return TCL_OK;
    }
    return TCL_OK;
}

int
DpProcOptsGet(Tcl_Interp *interp, Tcl_Obj *dictPtr, DpProcOpts *optsPtr)
{
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    int done, index, code = TCL_OK;

    memset(optsPtr, 0, sizeof(*optsPtr));
    optsPtr->slug = "localhost";
    optsPtr->command = "";
    strcpy(optsPtr->pty.term, DEFAULT_TERM);
    optsPtr->pty.cols = DEFAULT_COLS;
    optsPtr->pty.rows = DEFAULT_ROWS;
    memcpy(optsPtr->pty.modes, defaultModes, sizeof(defaultModes));
    optsPtr->pty.numModes = sizeof(defaultModes);
    if (dictPtr == NULL) {
	return TCL_OK;
    }
    if (Tcl_DictObjFirst(interp, dictPtr, &search, &keyPtr, &valuePtr, &done)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    for (; !done && code == TCL_OK;
	    Tcl_DictObjNext(&search, &keyPtr, &valuePtr, &done)) {
	code = Tcl_GetIndexFromObj(interp, keyPtr, optionNames, "option",
		TCL_EXACT, &index);
	if (code == TCL_OK) {
	    code = GetOption(interp, (Option) index, valuePtr, optsPtr);
	}
    }
    Tcl_DictObjDone(&search);
    if (code == TCL_OK && optsPtr->token == NULL
	    && (optsPtr->hold || optsPtr->prompt != NULL)) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		"hold and prompt need a token to end them", -1));
	Tcl_SetErrorCode(interp, "TCL", "VALUE", "OPTION", (char *) NULL);
	return TCL_ERROR;
    }
    return code == TCL_OK ? CheckChannel(interp, optsPtr) : code;
}

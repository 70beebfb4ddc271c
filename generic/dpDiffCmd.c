/*
 * dpDiffCmd.c -- the command core::diff.
 *
 * Layer L4.
 *
 *     diff OLD NEW ?SPEC?     the unified difference of two texts, "" where
 *                             there is none. SPEC is a dict: old and new (names
 *                             for the head), context (3), lines (of the result,
 *                             0: all)
 */

#include "dpDiffCmd.h"

#include "dpBuf.h"
#include "dpDiff.h"
#include "dpError.h"

/* The number under a key of SPEC, where there is one. */
static int
GetNumber(Tcl_Interp *interp, Tcl_Obj *dictPtr, const char *key,
	int *numberPtr)
{
    Tcl_Obj *keyPtr = Tcl_NewStringObj(key, -1), *valuePtr = NULL;
    int code;

    Tcl_IncrRefCount(keyPtr);
    code = Tcl_DictObjGet(interp, dictPtr, keyPtr, &valuePtr);
    if (code == TCL_OK && valuePtr != NULL) {
	code = Tcl_GetIntFromObj(interp, valuePtr, numberPtr);
	if (code == TCL_OK && *numberPtr < 0) {
	    code = DpFail(interp, "ARGUMENT spec", "%s must not be negative",
		    key);
	}
    }
    Tcl_DecrRefCount(keyPtr);
    return code;
}

/* The text under a key of SPEC, else NULL. It belongs to the dict. */
static int
GetText(Tcl_Interp *interp, Tcl_Obj *dictPtr, const char *key,
	const char **textPtr)
{
    Tcl_Obj *keyPtr = Tcl_NewStringObj(key, -1), *valuePtr = NULL;
    int code;

    Tcl_IncrRefCount(keyPtr);
    code = Tcl_DictObjGet(interp, dictPtr, keyPtr, &valuePtr);
    *textPtr = valuePtr != NULL ? Tcl_GetString(valuePtr) : NULL;
    Tcl_DecrRefCount(keyPtr);
    return code;
}

static int
DiffCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    DpDiffSpec spec = {.context = 3};
    DpBuf buf = {0};
    const char *oldText, *newText;
    int oldLength, newLength, lines = 0;

    (void) clientData;
    if (objc != 3 && objc != 4) {
	Tcl_WrongNumArgs(interp, 1, objv, "old new ?spec?");
	return TCL_ERROR;
    }
    if (objc == 4
	    && (GetNumber(interp, objv[3], "context", &spec.context) != TCL_OK
	    || GetNumber(interp, objv[3], "lines", &lines) != TCL_OK
	    || GetText(interp, objv[3], "old", &spec.oldName) != TCL_OK
	    || GetText(interp, objv[3], "new", &spec.newName) != TCL_OK)) {
	return TCL_ERROR;
    }
    spec.maxLines = (size_t) lines;
    oldText = Tcl_GetStringFromObj(objv[1], &oldLength);
    newText = Tcl_GetStringFromObj(objv[2], &newLength);
    DpDiffUnified(&buf, oldText, (size_t) oldLength, newText,
	    (size_t) newLength, &spec, NULL);
    if (DpBufLength(&buf) > (size_t) INT32_MAX) {
	DpBufFree(&buf);
	return DpFail(interp, "ARGUMENT size",
		"the differences are too large for one text");
    }
    if (DpBufLength(&buf) != 0) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj((char *) DpBufData(&buf),
		(int) DpBufLength(&buf)));
    }
    DpBufFree(&buf);
    return TCL_OK;
}

void
DpDiffCmdInit(DpInterp *dpPtr)
{
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::diff", DiffCmd,
	    dpPtr, NULL);
}

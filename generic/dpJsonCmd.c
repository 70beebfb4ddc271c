/*
 * dpJsonCmd.c -- the command core::json.
 *
 * Layer L4.
 */

#include "dpJsonCmd.h"

#include "dpError.h"
#include "dpJsonRead.h"

#include <stdio.h>

/* core::json decode TEXT -- the value. {DEPLOYER JSON position}. */
static int
JsonCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {"decode", NULL};
    const char *why, *text;
    Tcl_Obj *objPtr;
    char code[48];
    size_t at;
    int index, length;

    (void) clientData;
    if (objc != 3) {
	Tcl_WrongNumArgs(interp, 1, objv, "decode text");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    text = Tcl_GetStringFromObj(objv[2], &length);
    objPtr = DpJsonRead(text, (size_t) length, &at, &why);
    if (objPtr == NULL) {
	snprintf(code, sizeof(code), "JSON %d",
		Tcl_NumUtfChars(text, (int) at));
	return DpFail(interp, code, "this is no JSON: there is %s at character"
		" %s", why, code + 5);
    }
    Tcl_SetObjResult(interp, objPtr);
    return TCL_OK;
}

void
DpJsonCmdInit(Tcl_Interp *interp)
{
    Tcl_CreateObjCommand(interp, "::deployer::core::json", JsonCmd, NULL,
	    NULL);
}

/*
 * dpEcho.c -- core::echo: the terminal of this process while a human is asked.
 *
 * Layer L4.
 */

#include "dpEcho.h"

#include "dpTtyEcho.h"

/* The clientData of the command. */
typedef struct Echo {
    DpInterp *dpPtr;            /* held */
    DpTtyEcho *ttyPtr;          /* NULL: echo is on */
} Echo;

static void
SwitchOn(Echo *echoPtr)
{
    if (echoPtr->ttyPtr != NULL) {
	DpTtyEchoOn(echoPtr->ttyPtr);
	echoPtr->ttyPtr = NULL;
    }
}

/*
 * core::echo off|line|keys ?AGAIN? -- until core::echo on, or the end of the
 * interpreter: lines without echo, lines, and keys without echo, where Ctrl-C is
 * a character. What was set before stays. The text AGAIN is written where this
 * process goes on after it was stopped.
 */
static int
EchoCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {"keys", "line", "off", "on", NULL};
    static const DpTtyAsk asks[] = {DP_TTY_KEYS, DP_TTY_LINE, DP_TTY_SECRET};
    DpError error = {{0}, {NULL}, 0, NULL};
    Echo *echoPtr = clientData;
    int index;

    if (objc != 2 && objc != 3) {
	Tcl_WrongNumArgs(interp, 1, objv, "keys|line|off|on ?again?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (index == 3) {
	SwitchOn(echoPtr);
    } else if (echoPtr->ttyPtr == NULL) {
	Tcl_DString bytes;

	Tcl_DStringInit(&bytes);
	if (objc > 2) {
	    Tcl_UtfToExternalDString(NULL, Tcl_GetString(objv[2]), -1, &bytes);
	}
	echoPtr->ttyPtr = DpTtyEchoOff(echoPtr->dpPtr->loopPtr, asks[index],
		Tcl_DStringValue(&bytes), (size_t) Tcl_DStringLength(&bytes),
		&error);
	Tcl_DStringFree(&bytes);
	if (echoPtr->ttyPtr == NULL) {
	    DpErrorReport(interp, &error);
	    DpErrorClear(&error);
	    return TCL_ERROR;
	}
    }
    return TCL_OK;
}

static void
DeleteEcho(ClientData clientData)
{
    Echo *echoPtr = clientData;

    SwitchOn(echoPtr);
    DpInterpDrop(echoPtr->dpPtr);
    DpFree(echoPtr);
}

void
DpEchoInit(DpInterp *dpPtr)
{
    Echo *echoPtr = DpAlloc(sizeof(*echoPtr));

    echoPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::echo", EchoCmd,
	    echoPtr, DeleteEcho);
}

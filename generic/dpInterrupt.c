/*
 * dpInterrupt.c -- core::interrupt and core::hangup: Ctrl-C, and the end of the
 * terminal, for scripts.
 *
 * Layer L4.
 */

#include "dpInterrupt.h"

#include "dpTtyGuard.h"
#include "dpWait.h"

#include <errno.h>

/* The clientData of the command. */
typedef struct Interrupt {
    DpInterp *dpPtr;            /* held */
    DpTold kind;
    DpWatch watch;              /* idle: the signals are not ours */
    DpWait *waitPtr;            /* held, or NULL */
    bool came;                  /* one, and nobody waited */
} Interrupt;

static const char *
SignalName(const Interrupt *interruptPtr)
{
    return interruptPtr->kind == DP_TOLD_INTERRUPT ? "INT" : "HUP";
}

/* The value is 1 for a signal, 0 for the end of them. */
static void
Finish(Interrupt *interruptPtr, bool isSignal)
{
    DpWait *waitPtr = interruptPtr->waitPtr;

    if (waitPtr == NULL) {
	interruptPtr->came = isSignal;
	return;
    }
    interruptPtr->waitPtr = NULL;
    DpWaitFinish(waitPtr, Tcl_NewBooleanObj(isSignal), NULL);
    DpWaitDrop(waitPtr);
}

static void
Came(void *clientData, int mask)
{
    Interrupt *interruptPtr = clientData;

    (void) mask;
    DpToldServed(interruptPtr->kind);
    Finish(interruptPtr, true);
}

static int
SwitchOn(Interrupt *interruptPtr, Tcl_Interp *interp)
{
    int fd;

    if (interruptPtr->watch.loopPtr != NULL) {
	return TCL_OK;
    }
    fd = DpToldBegin(interruptPtr->kind);
    if (fd < 0) {
	return DpFail(interp, "STATE interrupt", "the signal %s cannot be"
		" had now: %s", SignalName(interruptPtr), Tcl_GetErrno() == EBUSY
		? "it is taken already, or a command has the terminal"
		: Tcl_PosixError(interp));
    }
    interruptPtr->came = false;
    DpWatchStart(interruptPtr->dpPtr->loopPtr, &interruptPtr->watch, fd,
	    DP_READABLE, Came, interruptPtr);
    return TCL_OK;
}

static void
SwitchOff(Interrupt *interruptPtr)
{
    if (interruptPtr->watch.loopPtr != NULL) {
	DpWatchStop(&interruptPtr->watch);
	DpToldEnd(interruptPtr->kind);
	Finish(interruptPtr, false);
    }
}

/*
 * core::interrupt on -- the signal INT no longer ends the process.
 * core::interrupt wait -- a waiter for the next one, one at a time; its value
 * is 0 where `off` comes first.
 * core::interrupt patience MS -- while it is on: another one so long after one
 * that was not served does not end the process.
 * core::interrupt off
 * core::hangup on|wait|patience|off -- the same for HUP and TERM.
 */
static int
InterruptCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"off", "on", "patience", "wait", NULL
    };
    Interrupt *interruptPtr = clientData;
    int index, milliseconds;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "off|on|patience|wait ?arg?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != (index == 2 ? 3 : 2)) {
	Tcl_WrongNumArgs(interp, 2, objv, index == 2 ? "ms" : NULL);
	return TCL_ERROR;
    }
    if (index == 0) {
	SwitchOff(interruptPtr);
	return TCL_OK;
    }
    if (index == 1) {
	return SwitchOn(interruptPtr, interp);
    }
    if (index == 2) {
	if (Tcl_GetIntFromObj(interp, objv[2], &milliseconds) != TCL_OK) {
	    return TCL_ERROR;
	}
	if (interruptPtr->watch.loopPtr != NULL) {
	    DpToldPatience(interruptPtr->kind, milliseconds);
	}
	return TCL_OK;
    }
    if (interruptPtr->waitPtr != NULL || interruptPtr->watch.loopPtr == NULL) {
	return DpFail(interp, "STATE interrupt", "the signal %s is not ours,"
		" or waited for already", SignalName(interruptPtr));
    }
    interruptPtr->waitPtr = DpWaitNew(interruptPtr->dpPtr);
    Tcl_SetObjResult(interp, DpWaitObj(interruptPtr->waitPtr));
    if (interruptPtr->came) {
	interruptPtr->came = false;
	Finish(interruptPtr, true);
    }
    return TCL_OK;
}

static void
DeleteInterrupt(ClientData clientData)
{
    Interrupt *interruptPtr = clientData;

    SwitchOff(interruptPtr);
    DpInterpDrop(interruptPtr->dpPtr);
    DpFree(interruptPtr);
}

void
DpInterruptInit(DpInterp *dpPtr)
{
    static const char *const names[DP_TOLD_KINDS] = {
	"::deployer::core::interrupt", "::deployer::core::hangup"
    };

    for (int kind = 0; kind < DP_TOLD_KINDS; kind++) {
	Interrupt *interruptPtr = DpAlloc(sizeof(*interruptPtr));

	interruptPtr->dpPtr = dpPtr;
	interruptPtr->kind = (DpTold) kind;
	DpInterpHold(dpPtr);
	Tcl_CreateObjCommand(dpPtr->interp, names[kind], InterruptCmd,
		interruptPtr, DeleteInterrupt);
    }
}

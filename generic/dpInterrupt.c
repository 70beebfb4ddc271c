/*
 * dpInterrupt.c -- core::interrupt and core::hangup: Ctrl-C, and the end of the
 * terminal, for scripts.
 *
 * Layer L4.
 */

#include "dpInterrupt.h"

#include "dpObj.h"
#include "dpStuck.h"
#include "dpWait.h"

#include <errno.h>

/* The clientData of the command. */
typedef struct Interrupt {
    DpInterp *dpPtr;            /* held */
    DpTold kind;
    DpWatch watch;              /* idle: the signals are not ours */
    DpWait *waitPtr;            /* held, or NULL */
    int came;                   /* so many, and nobody waited */
    Tcl_Obj *breakPtr;          /* held: what is called in the midst of what
				 * does not serve it; NULL: nothing is */
    Tcl_AsyncHandler handler;   /* with stuckPtr */
    DpStuck *stuckPtr;          /* NULL until breakPtr is set */
    DpTimer beat;               /* runs from one that was served until breakPtr
				 * is set anew */
} Interrupt;

static const char *
SignalName(const Interrupt *interruptPtr)
{
    return interruptPtr->kind == DP_TOLD_INTERRUPT ? "INT" : "HUP";
}

/* The value is how many have come, 0 for the end of them. */
static void
Finish(Interrupt *interruptPtr, int count)
{
    DpWait *waitPtr = interruptPtr->waitPtr;

    if (waitPtr == NULL) {
	interruptPtr->came = count;
	return;
    }
    interruptPtr->waitPtr = NULL;
    DpWaitFinish(waitPtr, Tcl_NewIntObj(count), NULL);
    DpWaitDrop(waitPtr);
}

static void
Beat(void *clientData)
{
    Interrupt *interruptPtr = clientData;

    DpStuckBeat(interruptPtr->stuckPtr);
    DpTimerStart(interruptPtr->dpPtr->loopPtr, &interruptPtr->beat,
	    DP_STUCK_BEAT_MS, Beat, interruptPtr);
}

static void
Came(void *clientData, int mask)
{
    Interrupt *interruptPtr = clientData;

    (void) mask;
    if (interruptPtr->breakPtr != NULL) {
	Beat(interruptPtr);
    }
    Finish(interruptPtr, interruptPtr->came
	    + DpToldServed(interruptPtr->kind));
}

/*
 * Called by Tcl between two commands or within a loop of bytecode. Only what
 * goes on well is broken off, and what the event loop does (interp is NULL there)
 * never. What is evaluated may be another interpreter of this thread.
 */
static int
Break(ClientData clientData, Tcl_Interp *interp, int code)
{
    Interrupt *interruptPtr = clientData;
    Tcl_Interp *ownPtr = interruptPtr->dpPtr->interp;
    Tcl_InterpState state;
    Tcl_Obj *breakPtr;
    bool told;
    int result;

    if (interp == NULL || code != TCL_OK || ownPtr == NULL
	    || interruptPtr->breakPtr == NULL
	    || Tcl_InterpDeleted(ownPtr) || Tcl_InterpDeleted(interp)) {
	return code;
    }
    told = DpStuckTold(interruptPtr->stuckPtr);
    if (!told && !DpStuckStill(interruptPtr->stuckPtr)) {
	return code;
    }
    breakPtr = Tcl_DuplicateObj(interruptPtr->breakPtr);
    Tcl_IncrRefCount(breakPtr);
    if (Tcl_ListObjAppendElement(NULL, breakPtr, Tcl_NewBooleanObj(told))
	    != TCL_OK) {
	Tcl_DecrRefCount(breakPtr);
	return code;
    }
    Tcl_Preserve(ownPtr);
    state = Tcl_SaveInterpState(ownPtr, code);
    result = Tcl_EvalObjEx(ownPtr, breakPtr, TCL_EVAL_DIRECT);
    if (result == TCL_ERROR) {
	Tcl_DiscardInterpState(state);
	if (interp != ownPtr) {
	    Tcl_TransferResult(ownPtr, result, interp);
	}
    } else {
	result = Tcl_RestoreInterpState(ownPtr, state);
    }
    Tcl_DecrRefCount(breakPtr);
    Tcl_Release(ownPtr);
    return result;
}

/* The twin of what SetBreak begins, and the thread's exit handler. */
static void
StopBreaks(ClientData clientData)
{
    Interrupt *interruptPtr = clientData;

    DpReleaseObj(&interruptPtr->breakPtr);
    DpTimerStop(&interruptPtr->beat);
    if (interruptPtr->stuckPtr != NULL) {
	Tcl_DeleteThreadExitHandler(StopBreaks, interruptPtr);
	DpStuckStop(interruptPtr->stuckPtr);
	interruptPtr->stuckPtr = NULL;
	Tcl_AsyncDelete(interruptPtr->handler);
    }
}

/*
 * The result is what it was before. The thread that watches stays, once there
 * was something to be called, until the signals are not ours.
 */
static int
SetBreak(Interrupt *interruptPtr, Tcl_Interp *interp, Tcl_Obj *prefixPtr)
{
    int length;

    (void) Tcl_GetStringFromObj(prefixPtr, &length);
    if (length > 0 && interruptPtr->stuckPtr == NULL) {
	interruptPtr->handler = Tcl_AsyncCreate(Break, interruptPtr);
	interruptPtr->stuckPtr = DpStuckStart(interruptPtr->kind,
		interruptPtr->watch.fd, interruptPtr->handler);
	if (interruptPtr->stuckPtr == NULL) {
	    int error = errno;

	    Tcl_AsyncDelete(interruptPtr->handler);
	    Tcl_SetErrno(error);
	    return DpFail(interp, "STATE interrupt", "what does not serve the"
		    " signal %s could not be seen: %s",
		    SignalName(interruptPtr), Tcl_PosixError(interp));
	}
	Tcl_CreateThreadExitHandler(StopBreaks, interruptPtr);
    }
    if (interruptPtr->stuckPtr != NULL) {
	DpTimerStop(&interruptPtr->beat);
	DpStuckQuiet(interruptPtr->stuckPtr);
    }
    if (interruptPtr->breakPtr != NULL) {
	Tcl_SetObjResult(interp, interruptPtr->breakPtr);
    }
    DpReplaceObj(&interruptPtr->breakPtr, length > 0 ? prefixPtr : NULL);
    return TCL_OK;
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
    interruptPtr->came = 0;
    DpWatchStart(interruptPtr->dpPtr->loopPtr, &interruptPtr->watch, fd,
	    DP_READABLE, Came, interruptPtr);
    return TCL_OK;
}

static void
SwitchOff(Interrupt *interruptPtr)
{
    if (interruptPtr->watch.loopPtr != NULL) {
	StopBreaks(interruptPtr);
	DpWatchStop(&interruptPtr->watch);
	DpToldEnd(interruptPtr->kind);
	Finish(interruptPtr, 0);
    }
}

/*
 * core::interrupt on -- the signal INT no longer ends the process.
 * core::interrupt wait -- a waiter for the next one, one at a time; its value
 * is how many have come at once, and 0 where `off` comes first.
 * core::interrupt patience MS -- while it is on: another one so long after one
 * that was not served does not end the process.
 * core::interrupt break PREFIX -- while it is on: PREFIX is called in the midst of
 * a script that keeps the event loop from serving one for a second, or that keeps
 * it from going on after one was served; again and again until it goes on. It
 * gets another word, 1 where one is not served. Its error is the error of the
 * script. "" takes it back. Returns what it was.
 * core::interrupt off
 * core::hangup on|wait|patience|break|off -- the same for HUP and TERM.
 */
static int
InterruptCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"break", "off", "on", "patience", "wait", NULL
    };
    enum { BREAK, OFF, ON, PATIENCE, WAIT };
    Interrupt *interruptPtr = clientData;
    int index, milliseconds;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "break|off|on|patience|wait ?arg?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != (index == PATIENCE || index == BREAK ? 3 : 2)) {
	Tcl_WrongNumArgs(interp, 2, objv, index == PATIENCE ? "ms"
		: index == BREAK ? "prefix" : NULL);
	return TCL_ERROR;
    }
    if (index == BREAK) {
	return interruptPtr->watch.loopPtr == NULL ? TCL_OK
		: SetBreak(interruptPtr, interp, objv[2]);
    }
    if (index == OFF) {
	SwitchOff(interruptPtr);
	return TCL_OK;
    }
    if (index == ON) {
	return SwitchOn(interruptPtr, interp);
    }
    if (index == PATIENCE) {
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
    if (interruptPtr->came > 0) {
	int count = interruptPtr->came;

	interruptPtr->came = 0;
	Finish(interruptPtr, count);
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

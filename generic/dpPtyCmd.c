/*
 * dpPtyCmd.c -- the command core::pty, and channels of commands' terminals.
 *
 * Layer L4.
 */

#include "dpPtyCmd.h"

#include "dpBridge.h"
#include "dpPoll.h"
#include "dpPtyChan.h"
#include "dpWait.h"

/*
 * A channel on a terminal, and the command behind it. Freed when the channel
 * is closed and the command's handle, too.
 */
typedef struct Term {
    DpProc *procPtr;            /* the handle holds it; NULL: that is closed */
    DpBridge *bridgePtr;        /* NULL: the terminal is the command's own */
    bool isOpen;                /* the channel is */
    bool hungUp;                /* the master is closed, or seems to be */
    bool isNamed;               /* name was there: DpPtyIsGone can be asked */
    char name[64];              /* of the slave */
    DpTimer timer;              /* asks again, once the channel is closed */
    bool told;                  /* the command's error was written */
    DpWait *overPtr;            /* held, or NULL */
} Term;

/* How often is looked whether a terminal of a local command is gone (ms). */
#define GONE_DELAY 500

static void TermTimer(void *clientData);

/* The value is 1 where the command still ran when its terminal went. */
static void
FinishOver(Term *termPtr, bool hungUp)
{
    DpWait *waitPtr = termPtr->overPtr;

    if (waitPtr != NULL) {
	termPtr->overPtr = NULL;
	DpWaitFinish(waitPtr, Tcl_NewBooleanObj(hungUp), NULL);
	DpWaitDrop(waitPtr);
    }
}

/*
 * Over is a terminal whose channel is closed and that nobody else has open,
 * as Expect may with a copy of the descriptor, or whose command has ended. A
 * local command that is at its end loses its terminal first.
 */
static void
CheckTerm(Term *termPtr, bool later)
{
    bool isGone;

    DpTimerStop(&termPtr->timer);
    if (termPtr->isOpen || termPtr->procPtr == NULL) {
	return;
    }
    if (termPtr->bridgePtr != NULL) {
	if (DpBridgeIsOver(termPtr->bridgePtr)) {
	    FinishOver(termPtr, termPtr->hungUp);
	}
    } else if (termPtr->procPtr->ended) {
	FinishOver(termPtr, false);
    } else if (termPtr->isNamed) {
	isGone = DpPtyIsGone(termPtr->name);
	if (isGone && termPtr->hungUp && later) {
	    FinishOver(termPtr, true);
	    return;
	}
	termPtr->hungUp = isGone;
	DpTimerStart(termPtr->procPtr->loopPtr, &termPtr->timer, GONE_DELAY,
		TermTimer, termPtr);
    }
}

static void
TermTimer(void *clientData)
{
    CheckTerm(clientData, true);
}

static void
FreeTerm(Term *termPtr)
{
    if (!termPtr->isOpen && termPtr->procPtr == NULL) {
	DpFree(termPtr);
    }
}

static void
TermNotify(void *data, DpProc *procPtr, int what)
{
    Term *termPtr = data;

    (void) what;
    if (DpErrorIsSet(&procPtr->error) && !termPtr->told) {
	/* Who sees but the terminal is to know, too. */
	termPtr->told = true;
	DpBufAppend(&procPtr->out[DP_STDOUT], procPtr->error.message,
		strlen(procPtr->error.message));
	DpBufAppend(&procPtr->out[DP_STDOUT], "\r\n", 2);
    }
    if (termPtr->bridgePtr != NULL) {
	DpBridgeNotify(termPtr->bridgePtr);
    }
    CheckTerm(termPtr, false);
}

static void
BridgeOver(void *clientData, bool hungUp)
{
    Term *termPtr = clientData;

    termPtr->hungUp = hungUp;
    CheckTerm(termPtr, false);
}

static void
TermClosed(void *clientData)
{
    Term *termPtr = clientData;

    termPtr->isOpen = false;
    CheckTerm(termPtr, false);
    FreeTerm(termPtr);
}

static void
TermLeft(void *data)
{
    Term *termPtr = data;

    if (termPtr->bridgePtr != NULL) {
	DpBridgeFree(termPtr->bridgePtr);
	termPtr->bridgePtr = NULL;
    }
    DpTimerStop(&termPtr->timer);
    termPtr->procPtr = NULL;
    FinishOver(termPtr, false);
    FreeTerm(termPtr);
}

int
DpPtyGet(Tcl_Interp *interp, const DpProcOpts *optsPtr, DpPty *ptyPtr)
{
    DpError error = {0};

    if (!DpPtyOpen(ptyPtr)) {
	DpPtyError(&error, optsPtr->slug, Tcl_GetErrno());
	DpErrorReport(interp, &error);
	DpErrorClear(&error);
	return TCL_ERROR;
    }
    DpPtySetSize(ptyPtr->master, optsPtr->pty.cols, optsPtr->pty.rows);
    return TCL_OK;
}

void
DpPtyPut(DpInterp *dpPtr, Tcl_Obj *handlePtr, const DpPty *ptyPtr,
	const char *channel)
{
    Term *termPtr = DpAlloc(sizeof(*termPtr));
    DpProcTaker taker = {TermNotify, TermLeft, termPtr};
    DpPtyChanSpec spec = {
	.name = channel, .ptyName = ptyPtr->name, .fd = ptyPtr->master,
	.handleFd = -1, .closed = TermClosed, .clientData = termPtr
    };
    Tcl_Obj *namePtr;

    /* It cannot fail: the handle is new. */
    DpProcTake(dpPtr, dpPtr->interp, handlePtr, &taker, &termPtr->procPtr);
    strcpy(termPtr->name, ptyPtr->name);
    termPtr->isNamed = !DpPtyIsGone(ptyPtr->name);
    DpPtySetNonblock(ptyPtr->master);
    if (ptyPtr->slave >= 0) {
	DpPtySetNonblock(ptyPtr->slave);
	termPtr->bridgePtr = DpBridgeNew(termPtr->procPtr,
		DpFdRaise(ptyPtr->slave), BridgeOver, termPtr);
    }
    termPtr->isOpen = true;
    namePtr = DpPtyChanNew(dpPtr, &spec);
    if (namePtr == NULL) {
	termPtr->isOpen = false;
    } else {
	Tcl_DecrRefCount(namePtr);
    }
    if (termPtr->procPtr->outEof[DP_STDOUT]) {
	/* It was over before it began. */
	TermNotify(termPtr, termPtr->procPtr, DP_PROC_READABLE);
    }
}

/* core::pty open ROWS COLS: {master slave name}, two channels and a path. */
static int
OpenSub(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    DpProcOpts opts = {.slug = "localhost"};
    DpPtyChanSpec spec = {.handleFd = -1};
    Tcl_Obj *listPtr;
    DpPty pty;
    int copy;

    if (DpProcSizeGet(interp, objv[2], &opts.pty.rows) != TCL_OK
	    || DpProcSizeGet(interp, objv[3], &opts.pty.cols) != TCL_OK
	    || DpPtyGet(interp, &opts, &pty) != TCL_OK) {
	return TCL_ERROR;
    }
    /*
     * Programs that get the slave as their standard input, by exec, must not
     * find that it doesn't block: the channel has one of its own.
     */
    copy = DpPtyReopen(&pty);
    if (copy < 0) {
	DpError error = {0};

	DpPtyError(&error, opts.slug, Tcl_GetErrno());
	DpPtyClose(&pty);
	DpErrorReport(interp, &error);
	DpErrorClear(&error);
	return TCL_ERROR;
    }
    DpPtySetNonblock(pty.master);
    listPtr = Tcl_NewListObj(0, NULL);
    spec.ptyName = pty.name;
    spec.fd = pty.master;
    Tcl_ListObjAppendElement(NULL, listPtr, DpPtyChanNew(dpPtr, &spec));
    spec.fd = copy;
    spec.handleFd = pty.slave;
    Tcl_ListObjAppendElement(NULL, listPtr, DpPtyChanNew(dpPtr, &spec));
    Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(pty.name, -1));
    Tcl_SetObjResult(interp, listPtr);
    return TCL_OK;
}

/*
 * core::pty over PROC: a waiter that finishes when the channel of a command is
 * closed, and nobody has its terminal any more (1) or the command has ended
 * (0). One for each command.
 */
static int
OverSub(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    Term *termPtr = DpProcTaken(dpPtr, interp, objv[2], TermNotify);

    if (termPtr == NULL) {
	return TCL_ERROR;
    }
    FinishOver(termPtr, false);
    termPtr->overPtr = DpWaitNew(dpPtr);
    Tcl_SetObjResult(interp, DpWaitObj(termPtr->overPtr));
    CheckTerm(termPtr, false);
    return TCL_OK;
}

static int
PtyCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const struct Sub {
	const char *name;
	int (*proc)(DpInterp *dpPtr, Tcl_Interp *interp,
		Tcl_Obj *const objv[]);
	int words;
	const char *usage;
    } subs[] = {
	{"open", OpenSub, 4, "rows cols"},
	{"over", OverSub, 3, "proc"},
	{NULL, NULL, 0, NULL}
    };
    int index;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObjStruct(interp, objv[1], subs, sizeof(*subs),
	    "subcommand", 0, &index) != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != subs[index].words) {
	Tcl_WrongNumArgs(interp, 2, objv, subs[index].usage);
	return TCL_ERROR;
    }
    return subs[index].proc(clientData, interp, objv);
}

void
DpPtyCmdInit(DpInterp *dpPtr)
{
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::pty", PtyCmd, dpPtr,
	    NULL);
}

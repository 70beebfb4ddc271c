/*
 * dpTerm.c -- a command that has the terminal of this process.
 *
 * Layer L4.
 */

#include "dpTerm.h"

#include "dpCast.h"
#include "dpError.h"
#include "dpScreen.h"
#include "dpTty.h"
#include "dpTtyGuard.h"
#include "dpTtyOut.h"

/*
 * Output that waits for the terminal. Little, because a key that stops the
 * command shows its effect behind all of it.
 */
#define OUT_HIGH (16 * 1024)

/* Keys on their way to the command; more are left in the terminal's queue. */
#define KEYS_HIGH (32 * 1024)
#define KEYS_READ (16 * 1024)

/* After a key the next one is expected for so many milliseconds. */
#define TYPING_MS 1000

typedef struct DpTerm {
    int refCount;               /* the run's, and calls on the stack */
    DpLoop *loopPtr;            /* of the interpreter, that ends the run */
    DpTty *ttyPtr;              /* NULL once it has its modes back */
    DpProc *procPtr;            /* held; NULL before it is joined */
    DpRun *runPtr;              /* ends the tap before it goes */
    bool keys;
    bool gone;                  /* the terminal was hung up */
    DpBuf out;                  /* not yet written */
    DpScreen screen;            /* as the output has left it */
} DpTerm;

static void
DropTerm(DpTerm *termPtr)
{
    if (--termPtr->refCount == 0) {
	DpBufFree(&termPtr->out);
	if (termPtr->procPtr != NULL) {
	    DpProcDrop(termPtr->procPtr);
	}
	DpFree(termPtr);
    }
}

/* Nothing can be read or written any more. */
static void
FailGone(DpTerm *termPtr)
{
    DpError error = {{0}, {NULL}, 0, NULL};

    if (termPtr->gone) {
	return;
    }
    termPtr->gone = true;
    DpBufFree(&termPtr->out);
    DpErrorSet(&error, "STATE", "the terminal of this process was closed while"
	    " a command had it");
    DpErrorAddData(&error, "terminal");
    DpRunFail(termPtr->runPtr, &error);
    DpErrorClear(&error);
}

static void
SetWants(DpTerm *termPtr)
{
    const DpProc *procPtr = termPtr->procPtr;

    if (termPtr->ttyPtr != NULL && !termPtr->gone) {
	DpTtyWant(termPtr->ttyPtr, termPtr->keys && !procPtr->ended
		&& !procPtr->inDone && !procPtr->inClose
		&& DpBufLength(&procPtr->in) < KEYS_HIGH,
		DpBufLength(&termPtr->out) > 0);
    }
}

/* --- the tap --- */

static void
TermFeed(void *data, const unsigned char *bytes, size_t n)
{
    DpTerm *termPtr = data;
    ptrdiff_t written = 0;

    if (termPtr->gone) {
	return;
    }
    if (DpScreenFeed(&termPtr->screen, bytes, n)) {
	char text[DP_SCREEN_RESET];

	DpTtyReset(termPtr->ttyPtr, text,
		DpScreenReset(&termPtr->screen, text));
    }
    if (DpBufLength(&termPtr->out) == 0) {
	written = DpTtyWrite(termPtr->ttyPtr, bytes, n);
	if (written < 0) {
	    FailGone(termPtr);
	    return;
	}
    }
    DpBufAppend(&termPtr->out, bytes + written, n - (size_t) written);
    SetWants(termPtr);
}

static bool
TermFull(void *data)
{
    const DpTerm *termPtr = data;

    return DpBufLength(&termPtr->out) >= OUT_HIGH;
}

static bool
TermBusy(void *data)
{
    const DpTerm *termPtr = data;

    return DpBufLength(&termPtr->out) > 0;
}

static void
TermRoom(void *data)
{
    SetWants(data);
}

/*
 * The terminal gets its modes back; where the program was cut off or killed,
 * what it had switched on the screen as well.
 */
static void
TermEnd(void *data)
{
    DpTerm *termPtr = data;
    const DpProc *procPtr = termPtr->procPtr;

    if (procPtr->ended && !DpErrorIsSet(&procPtr->error)
	    && procPtr->signalName[0] == '\0') {
	DpTtyReset(termPtr->ttyPtr, "", 0);
    }
    DpTtyClose(termPtr->ttyPtr);
    termPtr->ttyPtr = NULL;
    DropTerm(termPtr);
}

/* --- the terminal --- */

static void
Resized(DpTerm *termPtr)
{
    int cols, rows;

    DpTtySize(termPtr->ttyPtr, &cols, &rows);
    DpProcResize(termPtr->procPtr, cols, rows);
}

static void
ReadKeys(DpTerm *termPtr)
{
    unsigned char bytes[KEYS_READ];
    ptrdiff_t count = DpTtyRead(termPtr->ttyPtr, bytes, sizeof(bytes));

    if (count < 0) {
	FailGone(termPtr);
    } else if (count > 0) {
	DpLoopAttend(termPtr->loopPtr, TYPING_MS);
	DpProcWrite(termPtr->procPtr, bytes, (size_t) count);
	/* Passwords pass here. */
	DpWipe(bytes, (size_t) count);
    }
}

static void
WriteOut(DpTerm *termPtr)
{
    DpBuf *bufPtr = &termPtr->out;
    ptrdiff_t count;

    while (DpBufLength(bufPtr) > 0) {
	count = DpTtyWrite(termPtr->ttyPtr, DpBufData(bufPtr),
		DpBufLength(bufPtr));
	if (count < 0) {
	    FailGone(termPtr);
	    return;
	}
	if (count == 0) {
	    break;
	}
	DpBufConsume(bufPtr, (size_t) count);
    }
    /* Room, or all is shown: the run goes on, or ends. */
    DpRunNotify(termPtr->runPtr);
}

/*
 * What other programs and our own reset have left of the screen's modes is no
 * more than a guess: they are set as the command believes them to be. It paints
 * the screen anew when it is told of a new size, or asked to (Ctrl-L).
 */
static void
Resumed(DpTerm *termPtr)
{
    char text[DP_SCREEN_RESET];
    size_t count = DpScreenAgain(&termPtr->screen, text);

    if (count > 0 && DpTtyWrite(termPtr->ttyPtr, text, count) < 0) {
	FailGone(termPtr);
    }
}

/* Each step may end the run, and this with it. Keys go ahead of output. */
static void
TtyTold(void *clientData, int what)
{
    DpTerm *termPtr = clientData;

    if (termPtr->procPtr == NULL) {
	return;
    }
    termPtr->refCount++;
    if (what & DP_TTY_GONE) {
	FailGone(termPtr);
    }
    if ((what & DP_TTY_RESUMED) && termPtr->ttyPtr != NULL) {
	Resumed(termPtr);
    }
    if ((what & DP_TTY_RESIZED) && termPtr->ttyPtr != NULL) {
	Resized(termPtr);
    }
    if ((what & DP_TTY_READABLE) && termPtr->ttyPtr != NULL) {
	ReadKeys(termPtr);
    }
    if ((what & DP_TTY_WRITABLE) && termPtr->ttyPtr != NULL) {
	WriteOut(termPtr);
    }
    SetWants(termPtr);
    DropTerm(termPtr);
}

int
DpTermTapsOpen(Tcl_Interp *interp, DpInterp *dpPtr, const DpRunSpec *specPtr,
	DpTermTaps *tapsPtr)
{
    DpError error = {{0}, {NULL}, 0, NULL};
    DpTerm *termPtr;

    memset(tapsPtr, 0, sizeof(*tapsPtr));
    if (specPtr->castPtr != NULL && DpCastGet(dpPtr, specPtr->castPtr,
	    &tapsPtr->castPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    if (!specPtr->terminal) {
	return TCL_OK;
    }
    termPtr = DpAlloc(sizeof(*termPtr));
    termPtr->refCount = 1;
    termPtr->loopPtr = dpPtr->loopPtr;
    termPtr->keys = specPtr->keys;
    termPtr->ttyPtr = DpTtyOpen(dpPtr->loopPtr, TtyTold, termPtr, &error);
    if (termPtr->ttyPtr == NULL) {
	DpErrorReport(interp, &error);
	DpErrorClear(&error);
	DpFree(termPtr);
	if (tapsPtr->castPtr != NULL) {
	    DpCastDrop(tapsPtr->castPtr);
	}
	return TCL_ERROR;
    }
    tapsPtr->termPtr = termPtr;
    return TCL_OK;
}

void
DpTermTapsJoin(DpTermTaps *tapsPtr, DpRun *runPtr, DpProc *procPtr)
{
    DpTerm *termPtr = tapsPtr->termPtr;
    const DpRunTap tap = {
	.feed = TermFeed, .full = TermFull, .busy = TermBusy,
	.room = TermRoom, .end = TermEnd, .data = termPtr
    };

    if (tapsPtr->castPtr != NULL) {
	DpCastJoin(tapsPtr->castPtr, runPtr, procPtr);
    }
    if (termPtr != NULL) {
	termPtr->runPtr = runPtr;
	termPtr->procPtr = procPtr;
	DpProcHold(procPtr);
	DpRunAddTap(runPtr, &tap);
	DpProcWatched(procPtr);
	Resized(termPtr);
	SetWants(termPtr);
    }
}

/* --- core::terminal --- */

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static int
InfoSub(Tcl_Interp *interp)
{
    static const char *const states[] = {
	[DP_TTY_NONE] = "none", [DP_TTY_BACK] = "back",
	[DP_TTY_FRONT] = "front"
    };
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    DpTtyInfo info;

    DpTtyLook(&info);
    Put(dictPtr, "state", Tcl_NewStringObj(states[info.state], -1));
    Put(dictPtr, "cols", Tcl_NewIntObj(info.cols));
    Put(dictPtr, "rows", Tcl_NewIntObj(info.rows));
    Put(dictPtr, "modes", Tcl_NewByteArrayObj(info.modes,
	    (int) info.numModes));
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

/* The descriptor that a channel writes to. */
static int
GetOutput(Tcl_Interp *interp, Tcl_Obj *namePtr, int *fdPtr)
{
    Tcl_Channel channel = Tcl_GetChannel(interp, Tcl_GetString(namePtr), NULL);
    ClientData handle;

    if (channel == NULL) {
	return TCL_ERROR;
    }
    *fdPtr = -1;
    if (Tcl_GetChannelHandle(channel, TCL_WRITABLE, &handle) == TCL_OK) {
	*fdPtr = (int) (intptr_t) handle;
    }
    return TCL_OK;
}

static int
OfSub(Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    DpTtyOut out;
    int fd;

    if (GetOutput(interp, namePtr, &fd) != TCL_OK) {
	Tcl_DecrRefCount(dictPtr);
	return TCL_ERROR;
    }
    if (fd >= 0 && DpTtyOutLook(fd, &out)) {
	Put(dictPtr, "own", Tcl_NewIntObj(out.own));
	Put(dictPtr, "cols", Tcl_NewIntObj(out.cols));
    }
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

static int
OpenSub(Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    Tcl_Channel channel;
    int fd;

    if (GetOutput(interp, namePtr, &fd) != TCL_OK) {
	return TCL_ERROR;
    }
    fd = fd >= 0 ? DpTtyOutOpen(fd) : -1;
    if (fd < 0) {
	return DpFail(interp, "STATE terminal", "%s is no terminal that can be"
		" opened once more", Tcl_GetString(namePtr));
    }
    /* By its name Tcl would make it raw. */
    channel = Tcl_MakeFileChannel((ClientData) (intptr_t) fd, TCL_WRITABLE);
    Tcl_RegisterChannel(interp, channel);
    Tcl_SetChannelOption(NULL, channel, "-blocking", "0");
    Tcl_SetObjResult(interp, Tcl_NewStringObj(Tcl_GetChannelName(channel),
	    -1));
    return TCL_OK;
}

/*
 * core::terminal info -- dict: state (none, back or front), cols, rows and
 * modes, in the form that core::ssh exec takes.
 * core::terminal of CHANNEL -- what that writes to: {} is no terminal, else a
 * dict: own (1: this process was started from it), cols (0: not known).
 * core::terminal open CHANNEL -- a channel that writes to the same terminal
 * and never waits.
 * core::terminal atstop TEXT -- is written before Ctrl-Z stops this process; "":
 * nothing is.
 */
static int
TerminalCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {"atstop", "info", "of", "open", NULL};
    enum { ATSTOP, INFO, OF, OPEN };
    const char *text;
    int index, length;

    (void) clientData;
    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?channel?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != (index == INFO ? 2 : 3)) {
	Tcl_WrongNumArgs(interp, 2, objv, index == INFO ? NULL
		: index == ATSTOP ? "text" : "channel");
	return TCL_ERROR;
    }
    switch (index) {
    case ATSTOP:
	text = Tcl_GetStringFromObj(objv[2], &length);
	DpGuardAtStop(text, (size_t) length);
	return TCL_OK;
    case OF:
	return OfSub(interp, objv[2]);
    case OPEN:
	return OpenSub(interp, objv[2]);
    default:
	return InfoSub(interp);
    }
}

void
DpTermInit(DpInterp *dpPtr)
{
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::terminal",
	    TerminalCmd, dpPtr, NULL);
}

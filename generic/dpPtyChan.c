/*
 * dpPtyChan.c -- an end of a pseudo terminal as a Tcl channel.
 *
 * Layer L3. With a real descriptor, for Expect and exec. It is watched by our
 * own loop, so that its number may be above what Tcl's select can reach.
 */

#include "dpPtyChan.h"

#include "dpPty.h"

#include <errno.h>
#include <stdio.h>

/* What one call of the driver carries. */
#define BUFFER_SIZE (32 * 1024)

/* Whoever asks for the descriptor is likely to give it to select. */
#define SELECT_LIMIT 1024

typedef struct Port {
    DpInterp *dpPtr;            /* held: numChannels is counted there */
    Tcl_Channel channel;
    Tcl_ThreadId thread;        /* where the loop runs */
    int fd, handleFd;
    int wanted;                 /* TCL_READABLE, TCL_WRITABLE: by fileevent */
    int ready;                  /* the same: what is to be told */
    bool blocking;
    bool woken;                 /* of WaitReady */
    DpWatch watch;
    DpTask task;                /* calls Tcl_NotifyChannel */
    DpProcedure *closed;
    void *clientData;
    char ptyName[64];
    char name[DP_CHANNEL_NAME];
} Port;

/* A channel that was moved to another thread is dead there. */
static bool
IsForeign(const Port *portPtr)
{
    return portPtr->thread != Tcl_GetCurrentThread();
}

/* --- readiness --- */

static void PortReady(void *clientData, int mask);

static void
WatchPort(Port *portPtr)
{
    int mask = ((portPtr->wanted & TCL_READABLE) ? DP_READABLE : 0)
	    | ((portPtr->wanted & TCL_WRITABLE) ? DP_WRITABLE : 0);

    if (mask == 0) {
	DpWatchStop(&portPtr->watch);
    } else if (portPtr->watch.loopPtr == NULL) {
	DpWatchStart(portPtr->dpPtr->loopPtr, &portPtr->watch, portPtr->fd,
		mask, PortReady, portPtr);
    } else {
	DpWatchMask(&portPtr->watch, mask);
    }
}

/*
 * The watch begins anew before the call: the script may close the channel,
 * which frees the port.
 */
static void
NotifyTask(void *clientData)
{
    Port *portPtr = clientData;
    int ready = portPtr->ready & portPtr->wanted;

    portPtr->ready = 0;
    WatchPort(portPtr);
    if (ready != 0) {
	Tcl_NotifyChannel(portPtr->channel, ready);
    }
}

/* Stops the watch, which would call again until a script has run. */
static void
PortReady(void *clientData, int mask)
{
    Port *portPtr = clientData;

    DpWatchStop(&portPtr->watch);
    if (mask & (DP_READABLE | DP_HANGUP)) {
	portPtr->ready |= TCL_READABLE;
    }
    if (mask & (DP_WRITABLE | DP_HANGUP)) {
	portPtr->ready |= TCL_WRITABLE;
    }
    DpTaskStart(portPtr->dpPtr->loopPtr, &portPtr->task, NotifyTask, portPtr);
}

static void
WaitOver(void *clientData, int mask)
{
    Port *portPtr = clientData;

    (void) mask;
    DpWatchStop(&portPtr->watch);
    portPtr->woken = true;
}

/*
 * Waits for a blocking channel and for our own descriptors alone, among which
 * may be what feeds this terminal.
 */
static void
WaitReady(Port *portPtr, int mask)
{
    DpLoop *loopPtr = portPtr->dpPtr->loopPtr;

    DpWatchStop(&portPtr->watch);
    portPtr->woken = false;
    DpWatchStart(loopPtr, &portPtr->watch, portPtr->fd, mask, WaitOver,
	    portPtr);
    while (!portPtr->woken) {
	DpLoopPoll(loopPtr, -1);
    }
    WatchPort(portPtr);
}

/* --- the driver --- */

static int
PtyInputProc(ClientData clientData, char *bytes, int size, int *errorPtr)
{
    Port *portPtr = clientData;
    ptrdiff_t count;

    if (IsForeign(portPtr)) {
	*errorPtr = EBADF;
	return -1;
    }
    while ((count = DpPtyRead(portPtr->fd, bytes, (size_t) size)) == -EAGAIN
	    && portPtr->blocking) {
	WaitReady(portPtr, DP_READABLE);
    }
    if (count < 0) {
	*errorPtr = (int) -count;
	return -1;
    }
    return (int) count;
}

static int
PtyOutputProc(ClientData clientData, const char *bytes, int size,
	int *errorPtr)
{
    Port *portPtr = clientData;
    ptrdiff_t count;

    if (IsForeign(portPtr)) {
	*errorPtr = EBADF;
	return -1;
    }
    while ((count = DpPtyWrite(portPtr->fd, bytes, (size_t) size)) == -EAGAIN
	    && portPtr->blocking) {
	WaitReady(portPtr, DP_WRITABLE);
    }
    if (count < 0) {
	*errorPtr = (int) -count;
	return -1;
    }
    return (int) count;
}

static void
PtyWatchProc(ClientData clientData, int mask)
{
    Port *portPtr = clientData;

    if (IsForeign(portPtr)) {
	return;
    }
    portPtr->wanted = mask & (TCL_READABLE | TCL_WRITABLE);
    if (portPtr->wanted == 0) {
	DpTaskStop(&portPtr->task);
	portPtr->ready = 0;
    }
    if (portPtr->ready == 0) {
	WatchPort(portPtr);
    }
}

static int
PtyBlockModeProc(ClientData clientData, int mode)
{
    /* The descriptor never blocks: what feeds it may run in this thread. */
    ((Port *) clientData)->blocking = mode == TCL_MODE_BLOCKING;
    return 0;
}

static int
PtyCloseProc(ClientData clientData, Tcl_Interp *interp)
{
    Port *portPtr = clientData;

    (void) interp;
    if (IsForeign(portPtr)) {
	/* Its thread holds what it points to; see dpProcChan.c. */
	return 0;
    }
    DpTaskStop(&portPtr->task);
    DpWatchStop(&portPtr->watch);
    DpPtyCloseFd(portPtr->fd);
    if (portPtr->handleFd >= 0) {
	DpPtyCloseFd(portPtr->handleFd);
    }
    portPtr->dpPtr->numChannels--;
    if (portPtr->closed != NULL) {
	portPtr->closed(portPtr->clientData);
    }
    DpInterpDrop(portPtr->dpPtr);
    DpFree(portPtr);
    return 0;
}

static int
PtyGetHandleProc(ClientData clientData, int direction, ClientData *handlePtr)
{
    Port *portPtr = clientData;
    int fd = portPtr->handleFd >= 0 ? portPtr->handleFd : portPtr->fd;

    (void) direction;
    if (fd >= SELECT_LIMIT) {
	return TCL_ERROR;
    }
    *handlePtr = (ClientData) (intptr_t) fd;
    return TCL_OK;
}

static int
PtySetOptionProc(ClientData clientData, Tcl_Interp *interp, const char *option,
	const char *value)
{
    Port *portPtr = clientData;
    const char **words;
    int count, rows, cols;
    bool good;

    if (strcmp(option, "-size") != 0) {
	return Tcl_BadChannelOption(interp, option, "size");
    }
    if (Tcl_SplitList(interp, value, &count, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    good = count == 2 && Tcl_GetInt(NULL, words[0], &rows) == TCL_OK
	    && Tcl_GetInt(NULL, words[1], &cols) == TCL_OK
	    && rows >= 0 && rows <= DP_PTY_MAX_SIZE
	    && cols >= 0 && cols <= DP_PTY_MAX_SIZE;
    Tcl_Free((char *) words);
    if (!good) {
	return interp == NULL ? TCL_ERROR : DpFail(interp, "OPTION -size",
		"-size must be two numbers from 0 to %d, rows and columns,"
		" not \"%.40s\"", DP_PTY_MAX_SIZE, value);
    }
    DpPtySetSize(portPtr->fd, cols, rows);
    return TCL_OK;
}

static int
PtyGetOptionProc(ClientData clientData, Tcl_Interp *interp, const char *option,
	Tcl_DString *textPtr)
{
    Port *portPtr = clientData;
    bool all = option == NULL;
    char text[32];
    int cols = 0, rows = 0;

    if (!all && strcmp(option, "-name") != 0
	    && strcmp(option, "-size") != 0) {
	return Tcl_BadChannelOption(interp, option, "name size");
    }
    if (all) {
	Tcl_DStringAppendElement(textPtr, "-name");
	Tcl_DStringAppendElement(textPtr, portPtr->ptyName);
	Tcl_DStringAppendElement(textPtr, "-size");
    } else if (strcmp(option, "-name") == 0) {
	Tcl_DStringAppend(textPtr, portPtr->ptyName, -1);
	return TCL_OK;
    }
    DpPtyGetSize(portPtr->fd, &cols, &rows);
    snprintf(text, sizeof(text), "%d %d", rows, cols);
    if (all) {
	Tcl_DStringAppendElement(textPtr, text);
    } else {
	Tcl_DStringAppend(textPtr, text, -1);
    }
    return TCL_OK;
}

static void
PtyThreadActionProc(ClientData clientData, int action)
{
    Port *portPtr = clientData;

    if (IsForeign(portPtr)) {
	return;
    }
    if (action == TCL_CHANNEL_THREAD_REMOVE) {
	DpTaskStop(&portPtr->task);
	DpWatchStop(&portPtr->watch);
	portPtr->ready = 0;
    } else {
	WatchPort(portPtr);
    }
}

static const Tcl_ChannelType portType = {
    "pty",
    TCL_CHANNEL_VERSION_5,
    PtyCloseProc,
    PtyInputProc,
    PtyOutputProc,
    NULL,                       /* seek */
    PtySetOptionProc,
    PtyGetOptionProc,
    PtyWatchProc,
    PtyGetHandleProc,
    NULL,                       /* close2: a terminal has no half */
    PtyBlockModeProc,
    NULL,                       /* flush */
    NULL,                       /* handler */
    NULL,                       /* wide seek */
    PtyThreadActionProc,
    NULL                        /* truncate */
};

Tcl_Obj *
DpPtyChanNew(DpInterp *dpPtr, const DpPtyChanSpec *specPtr)
{
    Tcl_Interp *interp = dpPtr->interp;
    Port *portPtr;
    const char *name = specPtr->name;

    if (name != NULL && Tcl_GetChannel(interp, name, NULL) != NULL) {
	DpPtyCloseFd(specPtr->fd);
	if (specPtr->handleFd >= 0) {
	    DpPtyCloseFd(specPtr->handleFd);
	}
	Tcl_SetObjResult(interp, Tcl_ObjPrintf(
		"there is a channel \"%s\" already", name));
	Tcl_SetErrorCode(interp, "TCL", "VALUE", "CHANNEL", (char *) NULL);
	return NULL;
    }
    Tcl_ResetResult(interp);
    portPtr = DpAlloc(sizeof(*portPtr));
    portPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    portPtr->thread = Tcl_GetCurrentThread();
    portPtr->fd = specPtr->fd;
    portPtr->handleFd = specPtr->handleFd;
    portPtr->blocking = true;
    portPtr->closed = specPtr->closed;
    portPtr->clientData = specPtr->clientData;
    snprintf(portPtr->ptyName, sizeof(portPtr->ptyName), "%s",
	    specPtr->ptyName);
    if (name == NULL) {
	DpChannelName(dpPtr, "pty", portPtr, portPtr->name);
	name = portPtr->name;
    }
    dpPtr->numChannels++;
    portPtr->channel = Tcl_CreateChannel(&portType, name, portPtr,
	    TCL_READABLE | TCL_WRITABLE);
    Tcl_RegisterChannel(interp, portPtr->channel);
    Tcl_SetChannelBufferSize(portPtr->channel, BUFFER_SIZE);
    Tcl_SetChannelOption(interp, portPtr->channel, "-translation", "binary");
    Tcl_SetChannelOption(interp, portPtr->channel, "-encoding", "utf-8");
    Tcl_SetChannelOption(interp, portPtr->channel, "-buffering", "none");
    Tcl_SetChannelOption(interp, portPtr->channel, "-blocking", "0");
    return Tcl_NewStringObj(name, -1);
}

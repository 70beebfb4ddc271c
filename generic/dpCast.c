/*
 * dpCast.c -- records what terminals show, as asciicast version 2.
 *
 * Layer L4. The format: a header line and one line for each event, all JSON;
 * docs.asciinema.org/manual/asciicast/v2. Only output is recorded: keys may be
 * passwords.
 */

#include "dpCast.h"

#include "dpPlay.h"
#include "dpProcCmd.h"

#include <stdio.h>
#include <time.h>

/* What is recorded is in the file after so many milliseconds at most. */
#define FLUSH_MS 1000

struct DpCast {
    int refCount;               /* the handle, and each command */
    unsigned long id;           /* of the handle */
    DpInterp *dpPtr;            /* held */
    Tcl_Channel channel;        /* not registered; NULL: closed or failed */
    int64_t startTime;
    int cols, rows;             /* told last */
    DpTimer timer;              /* flushes */
    char *failure;              /* the error after which nothing more is
				 * recorded (ENOSPC), or NULL */
};

/* One command that is recorded. */
typedef struct Track {
    DpCast *castPtr;            /* held */
    DpProc *procPtr;            /* held */
    unsigned char rest[4];      /* a character that is not whole yet */
    size_t numRest;
} Track;

static void
CloseFile(DpCast *castPtr)
{
    DpTimerStop(&castPtr->timer);
    if (castPtr->channel != NULL) {
	Tcl_Channel channel = castPtr->channel;

	castPtr->channel = NULL;
	if (Tcl_Close(NULL, channel) != TCL_OK && castPtr->failure == NULL) {
	    castPtr->failure = DpStrdup(Tcl_ErrnoId());
	}
    }
}

void
DpCastDrop(DpCast *castPtr)
{
    if (--castPtr->refCount == 0) {
	CloseFile(castPtr);
	DpFree(castPtr->failure);
	DpInterpDrop(castPtr->dpPtr);
	DpFree(castPtr);
    }
}

/* A recording that cannot be written ends; the command goes on. */
static void
Check(DpCast *castPtr, bool good)
{
    if (!good) {
	castPtr->failure = DpStrdup(Tcl_ErrnoId());
	CloseFile(castPtr);
    }
}

static void
Flush(DpCast *castPtr)
{
    DpTimerStop(&castPtr->timer);
    if (castPtr->channel != NULL) {
	Check(castPtr, Tcl_Flush(castPtr->channel) == TCL_OK);
    }
}

static void
FlushTimer(void *clientData)
{
    Flush(clientData);
}

static void
WriteLine(DpCast *castPtr, const DpBuf *linePtr)
{
    int length = (int) DpBufLength(linePtr);

    if (castPtr->channel == NULL) {
	return;
    }
    Check(castPtr, Tcl_Write(castPtr->channel,
	    (const char *) DpBufData(linePtr), length) == length);
    if (castPtr->channel != NULL && castPtr->timer.loopPtr == NULL) {
	DpTimerStart(castPtr->dpPtr->loopPtr, &castPtr->timer, FLUSH_MS,
		FlushTimer, castPtr);
    }
}

/* --- JSON --- */

static void
AddText(DpBuf *bufPtr, const char *text)
{
    DpBufAppend(bufPtr, text, strlen(text));
}

/*
 * How many bytes the character at the front has, 0 where more of them are
 * needed, -1 where they are no UTF-8 (RFC 3629).
 */
static int
CharLength(const unsigned char *bytes, size_t count)
{
    unsigned char first = bytes[0], low = 0x80, high = 0xbf;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2
	    : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;

    if (length == 0) {
	return -1;
    }
    if (first == 0xe0) {
	low = 0xa0;
    } else if (first == 0xed) {
	high = 0x9f;
    } else if (first == 0xf0) {
	low = 0x90;
    } else if (first == 0xf4) {
	high = 0x8f;
    }
    for (size_t i = 1; i < length; i++) {
	if (i == count) {
	    return 0;
	}
	if (bytes[i] < low || bytes[i] > high) {
	    return -1;
	}
	low = 0x80;
	high = 0xbf;
    }
    return (int) length;
}

/*
 * Adds bytes as the inside of a JSON string; what is no UTF-8 becomes U+FFFD.
 * Returns how many are left at the end, the beginning of a character.
 */
static size_t
AddString(DpBuf *bufPtr, const unsigned char *bytes, size_t count)
{
    char escape[8];

    while (count > 0) {
	int length = CharLength(bytes, count);

	if (length == 0) {
	    return count;
	}
	if (length < 0) {
	    AddText(bufPtr, "\\ufffd");
	    length = 1;
	} else if (*bytes < 0x20 || *bytes == 0x7f || *bytes == '"'
		|| *bytes == '\\') {
	    sprintf(escape, "\\u%04x", *bytes);
	    AddText(bufPtr, escape);
	} else {
	    DpBufAppend(bufPtr, bytes, (size_t) length);
	}
	bytes += length;
	count -= (size_t) length;
    }
    return 0;
}

static void
AddEvent(DpBuf *bufPtr, const DpCast *castPtr, const char *kind)
{
    char text[48];
    int64_t ms = DpLoopNow() - castPtr->startTime;

    sprintf(text, "[%ld.%03d, \"%s\", \"", (long) (ms / 1000),
	    (int) (ms % 1000), kind);
    AddText(bufPtr, text);
}

/* --- the tap --- */

/* Another size of the terminal is an event of its own. */
static void
RecordSize(DpCast *castPtr, const DpProcPty *ptyPtr)
{
    DpBuf line = {0};
    char text[32];

    if (ptyPtr == NULL || ptyPtr->cols <= 0 || ptyPtr->rows <= 0
	    || (ptyPtr->cols == castPtr->cols
	    && ptyPtr->rows == castPtr->rows)) {
	return;
    }
    castPtr->cols = ptyPtr->cols;
    castPtr->rows = ptyPtr->rows;
    AddEvent(&line, castPtr, "r");
    sprintf(text, "%dx%d\"]\n", castPtr->cols, castPtr->rows);
    AddText(&line, text);
    WriteLine(castPtr, &line);
    DpBufFree(&line);
}

static void
TrackFeed(void *data, const unsigned char *bytes, size_t n)
{
    Track *trackPtr = data;
    DpCast *castPtr = trackPtr->castPtr;
    DpBuf line = {0}, whole = {0};
    size_t before;

    if (castPtr->channel == NULL) {
	return;
    }
    RecordSize(castPtr, trackPtr->procPtr->ptyPtr);
    if (trackPtr->numRest > 0) {
	DpBufAppend(&whole, trackPtr->rest, trackPtr->numRest);
	DpBufAppend(&whole, bytes, n);
	bytes = DpBufData(&whole);
	n = DpBufLength(&whole);
    }
    AddEvent(&line, castPtr, "o");
    before = DpBufLength(&line);
    trackPtr->numRest = AddString(&line, bytes, n);
    memcpy(trackPtr->rest, bytes + n - trackPtr->numRest, trackPtr->numRest);
    if (DpBufLength(&line) > before) {
	AddText(&line, "\"]\n");
	WriteLine(castPtr, &line);
    }
    DpBufFree(&line);
    DpBufFree(&whole);
}

static void
TrackEnd(void *data)
{
    Track *trackPtr = data;

    Flush(trackPtr->castPtr);
    DpCastDrop(trackPtr->castPtr);
    DpProcDrop(trackPtr->procPtr);
    DpFree(trackPtr);
}

int
DpCastGet(DpInterp *dpPtr, Tcl_Obj *objPtr, DpCast **castPtrPtr)
{
    void *value;

    if (DpHandleFind(dpPtr, DP_CASTS, objPtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    *castPtrPtr = value;
    (*castPtrPtr)->refCount++;
    return TCL_OK;
}

void
DpCastJoin(DpCast *castPtr, DpRun *runPtr, DpProc *procPtr)
{
    Track *trackPtr = DpAlloc(sizeof(*trackPtr));
    const DpRunTap tap = {
	.feed = TrackFeed, .end = TrackEnd, .data = trackPtr
    };

    trackPtr->castPtr = castPtr;
    trackPtr->procPtr = procPtr;
    DpProcHold(procPtr);
    DpRunAddTap(runPtr, &tap);
}

/* --- core::cast --- */

static void
EndCast(DpInterp *dpPtr, unsigned long id, void *value)
{
    (void) dpPtr;
    (void) id;
    CloseFile(value);
    DpCastDrop(value);
}

static int
OpenCast(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    DpBuf line = {0};
    DpCast *castPtr;
    Tcl_Channel channel;
    int cols, rows, length;
    const char *word;
    char text[96];

    if (Tcl_GetIntFromObj(interp, objv[3], &cols) != TCL_OK
	    || Tcl_GetIntFromObj(interp, objv[4], &rows) != TCL_OK) {
	return TCL_ERROR;
    }
    channel = Tcl_FSOpenFileChannel(interp, objv[2], "w", 0600);
    if (channel == NULL) {
	return TCL_ERROR;
    }
    Tcl_SetChannelOption(NULL, channel, "-translation", "binary");
    Tcl_SetChannelOption(NULL, channel, "-buffersize", "32768");
    castPtr = DpAlloc(sizeof(*castPtr));
    castPtr->refCount = 1;
    castPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    castPtr->channel = channel;
    castPtr->startTime = DpLoopNow();
    castPtr->cols = cols;
    castPtr->rows = rows;
    sprintf(text, "{\"version\": 2, \"width\": %d, \"height\": %d,"
	    " \"timestamp\": %ld, \"env\": {\"TERM\": \"", cols, rows,
	    (long) time(NULL));
    AddText(&line, text);
    word = Tcl_GetStringFromObj(objv[5], &length);
    AddString(&line, (const unsigned char *) word, (size_t) length);
    AddText(&line, "\"}}\n");
    WriteLine(castPtr, &line);
    DpBufFree(&line);
    castPtr->id = DpHandleNew(dpPtr, DP_CASTS, castPtr);
    Tcl_SetObjResult(interp, DpHandleObj(dpPtr, DP_CASTS, castPtr->id));
    return TCL_OK;
}

/* A process that plays; see dpPlay.h. */
static int
PlayCast(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    DpProcOpts opts;
    DpError error = {{0}, {NULL}, 0, NULL};
    DpProc *procPtr;
    unsigned char *bytes;
    double speed, maxWait;
    int length;

    if (Tcl_GetDoubleFromObj(interp, objv[4], &speed) != TCL_OK
	    || Tcl_GetDoubleFromObj(interp, objv[5], &maxWait) != TCL_OK
	    || DpProcOptsGet(interp, NULL, &opts) != TCL_OK) {
	return TCL_ERROR;
    }
    bytes = Tcl_GetByteArrayFromObj(objv[3], &length);
    procPtr = DpPlayNew(dpPtr->loopPtr, Tcl_GetString(objv[2]), bytes,
	    (size_t) length, speed, maxWait, &error);
    if (procPtr == NULL) {
	DpErrorReport(interp, &error);
	DpErrorClear(&error);
	return TCL_ERROR;
    }
    opts.command = Tcl_GetString(objv[2]);
    opts.merge = true;
    Tcl_SetObjResult(interp, DpProcHandleNew(dpPtr, procPtr, &opts));
    return TCL_OK;
}

/*
 * core::cast open PATH COLS ROWS TERM -- a handle; the file is new, and for
 * its owner alone. core::cast close CAST -- "" or what kept it incomplete (ENOSPC).
 * core::cast play NAME BYTES SPEED MAXWAIT -- the handle of a process.
 */
static int
CastCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {"close", "open", "play", NULL};
    static const int counts[] = {3, 6, 6};
    static const char *const usages[] = {
	"cast", "path cols rows term", "name bytes speed maxwait"
    };
    enum { CLOSE, OPEN, PLAY };
    DpInterp *dpPtr = clientData;
    DpCast *castPtr;
    void *value;
    int index;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != counts[index]) {
	Tcl_WrongNumArgs(interp, 2, objv, usages[index]);
	return TCL_ERROR;
    }
    switch (index) {
    case OPEN:
	return OpenCast(dpPtr, interp, objv);
    case PLAY:
	return PlayCast(dpPtr, interp, objv);
    case CLOSE:
	break;
    }
    if (DpHandleFind(dpPtr, DP_CASTS, objv[2], &value) != TCL_OK) {
	return TCL_ERROR;
    }
    castPtr = value;
    DpHandleForget(dpPtr, DP_CASTS, castPtr->id);
    CloseFile(castPtr);
    Tcl_SetObjResult(interp, Tcl_NewStringObj(
	    castPtr->failure != NULL ? castPtr->failure : "", -1));
    DpCastDrop(castPtr);
    return TCL_OK;
}

void
DpCastInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_CASTS, EndCast);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::cast", CastCmd,
	    dpPtr, NULL);
}

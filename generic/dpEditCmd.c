/*
 * dpEditCmd.c -- core::edit: lines with editing keys for scripts.
 *
 * Layer L4. Events come one by one to the waiter of `next`; those that come
 * before somebody waits are kept.
 */

#include "dpEditCmd.h"

#include "dpEditFile.h"
#include "dpEditLine.h"
#include "dpEditView.h"
#include "dpObj.h"
#include "dpWait.h"

#include <errno.h>

typedef struct Edit {
    DpInterp *dpPtr;            /* held */
    unsigned long id;
    DpEditLine *linePtr;
    Tcl_Encoding utf8;          /* Tcl's own form is another one */
    DpWait *waitPtr;            /* NULL: nobody waits */
    Tcl_Obj *eventsPtr;         /* a list of those that are kept */
} Edit;

/* Part: texts. */

/* Appends the characters of a text of Tcl's. */
static void
AddCodes(Edit *editPtr, Tcl_Obj *textPtr, DpBuf *bufPtr)
{
    Tcl_DString bytes;
    int length;
    const char *text = Tcl_GetStringFromObj(textPtr, &length);
    const unsigned char *p, *end;

    Tcl_UtfToExternalDString(editPtr->utf8, text, length, &bytes);
    p = (const unsigned char *) Tcl_DStringValue(&bytes);
    end = p + Tcl_DStringLength(&bytes);
    while (p < end) {
	uint32_t code = *p++;
	int left = code >= 0xF0 ? 3 : code >= 0xE0 ? 2 : code >= 0xC0 ? 1 : 0;

	if (left > 0) {
	    code &= 0x3Fu >> left;
	}
	for (; left > 0 && p < end && (*p & 0xC0) == 0x80; left--) {
	    code = code << 6 | (*p++ & 0x3F);
	}
	if (code != 0) {
	    DpBufAppend(bufPtr, &code, sizeof(code));
	}
    }
    Tcl_DStringFree(&bytes);
}

static Tcl_Obj *
TextObj(Edit *editPtr, const uint32_t *text, size_t count)
{
    Tcl_DString bytes, own;
    Tcl_Obj *objPtr;

    Tcl_DStringInit(&bytes);
    for (size_t i = 0; i < count; i++) {
	char utf8[4];

	Tcl_DStringAppend(&bytes, utf8, (int) DpEditUtf8(text[i], utf8));
    }
    Tcl_ExternalToUtfDString(editPtr->utf8, Tcl_DStringValue(&bytes),
	    Tcl_DStringLength(&bytes), &own);
    objPtr = Tcl_NewStringObj(Tcl_DStringValue(&own), Tcl_DStringLength(&own));
    Tcl_DStringFree(&own);
    Tcl_DStringFree(&bytes);
    return objPtr;
}

static void
PutExternal(Edit *editPtr, Tcl_Obj *textPtr, Tcl_DString *bytesPtr)
{
    int length;
    const char *text = Tcl_GetStringFromObj(textPtr, &length);

    Tcl_UtfToExternalDString(editPtr->utf8, text, length, bytesPtr);
}

/* Part: events. */

/*
 * {enter TEXT CURSOR}, {complete TEXT CURSOR}, {dropped}, {key CODE}, {paint TEXT},
 * {done TEXT}, {eof}, {interrupt}, {gone}.
 */
static Tcl_Obj *
EventObj(Edit *editPtr, DpLineEvent event, uint32_t key)
{
    static const char *const names[] = {
	[DP_LINE_ENTER] = "enter", [DP_LINE_COMPLETE] = "complete",
	[DP_LINE_DROPPED] = "dropped", [DP_LINE_KEY] = "key",
	[DP_LINE_PAINT] = "paint",
	[DP_LINE_DONE] = "done", [DP_LINE_EOF] = "eof",
	[DP_LINE_INTERRUPT] = "interrupt", [DP_LINE_GONE] = "gone"
    };
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    const uint32_t *text;
    size_t count, cursor;

    Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(names[event],
	    -1));
    if (event == DP_LINE_KEY) {
	Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewIntObj((int) key));
    } else if (event == DP_LINE_ENTER || event == DP_LINE_COMPLETE
	    || event == DP_LINE_DONE || event == DP_LINE_PAINT) {
	DpEditLineText(editPtr->linePtr, &text, &count, &cursor);
	Tcl_ListObjAppendElement(NULL, listPtr, TextObj(editPtr, text, count));
	if (event == DP_LINE_ENTER || event == DP_LINE_COMPLETE) {
	    Tcl_Obj *beforePtr = TextObj(editPtr, text, cursor);

	    Tcl_IncrRefCount(beforePtr);
	    Tcl_ListObjAppendElement(NULL, listPtr,
		    Tcl_NewIntObj(Tcl_GetCharLength(beforePtr)));
	    Tcl_DecrRefCount(beforePtr);
	}
    }
    return listPtr;
}

static void
Finish(Edit *editPtr, Tcl_Obj *eventPtr)
{
    DpWait *waitPtr = editPtr->waitPtr;

    editPtr->waitPtr = NULL;
    DpWaitFinish(waitPtr, eventPtr, NULL);
    DpWaitDrop(waitPtr);
}

static void
Told(void *clientData, DpLineEvent event, uint32_t key)
{
    Edit *editPtr = clientData;
    Tcl_Obj *eventPtr = EventObj(editPtr, event, key);

    if (editPtr->waitPtr != NULL) {
	Finish(editPtr, eventPtr);
    } else {
	Tcl_ListObjAppendElement(NULL, editPtr->eventsPtr, eventPtr);
    }
}

static void
Next(Edit *editPtr, Tcl_Interp *interp)
{
    Tcl_Obj *firstPtr;
    int count = 0;

    if (editPtr->waitPtr != NULL) {
	DpWaitDrop(editPtr->waitPtr);
    }
    editPtr->waitPtr = DpWaitNew(editPtr->dpPtr);
    Tcl_SetObjResult(interp, DpWaitObj(editPtr->waitPtr));
    Tcl_ListObjLength(NULL, editPtr->eventsPtr, &count);
    if (count > 0) {
	Tcl_ListObjIndex(NULL, editPtr->eventsPtr, 0, &firstPtr);
	Tcl_IncrRefCount(firstPtr);
	Tcl_ListObjReplace(NULL, editPtr->eventsPtr, 0, 1, 0, NULL);
	Finish(editPtr, firstPtr);
	Tcl_DecrRefCount(firstPtr);
    }
}

/* Part: the command. */

static int
Open(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *keysPtr)
{
    static const char *const names[] = {"", "emacs", "vi", NULL};
    static const DpEditKeys keys[] = {DP_EDIT_ANY, DP_EDIT_EMACS, DP_EDIT_VI};
    DpError error = {{0}, {NULL}, 0, NULL};
    Edit *editPtr;
    int index;

    if (Tcl_GetIndexFromObj(interp, keysPtr, names, "keys", TCL_EXACT, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    editPtr = DpAlloc(sizeof(*editPtr));
    editPtr->linePtr = DpEditLineNew(dpPtr->loopPtr, keys[index], Told,
	    editPtr, &error);
    if (editPtr->linePtr == NULL) {
	DpFree(editPtr);
	DpErrorReport(interp, &error);
	DpErrorClear(&error);
	return TCL_ERROR;
    }
    editPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    editPtr->utf8 = Tcl_GetEncoding(NULL, "utf-8");
    DpReplaceObj(&editPtr->eventsPtr, Tcl_NewListObj(0, NULL));
    editPtr->id = DpHandleNew(dpPtr, DP_EDITS, editPtr);
    Tcl_SetObjResult(interp, DpHandleObj(dpPtr, DP_EDITS, editPtr->id));
    return TCL_OK;
}

/* The terminal has its modes back, and the thread has ended. */
static void
EndEdit(DpInterp *dpPtr, unsigned long id, void *value)
{
    Edit *editPtr = value;

    (void) dpPtr;
    (void) id;
    DpEditLineFree(editPtr->linePtr);
    if (editPtr->waitPtr != NULL) {
	Finish(editPtr, Tcl_NewStringObj("gone", -1));
    }
    DpReleaseObj(&editPtr->eventsPtr);
    Tcl_FreeEncoding(editPtr->utf8);
    DpInterpDrop(editPtr->dpPtr);
    DpFree(editPtr);
}

static void
Begin(Edit *editPtr, Tcl_Obj *promptPtr, Tcl_Obj *morePtr)
{
    Tcl_DString prompt, more;

    PutExternal(editPtr, promptPtr, &prompt);
    PutExternal(editPtr, morePtr, &more);
    DpReplaceObj(&editPtr->eventsPtr, Tcl_NewListObj(0, NULL));
    DpEditLineBegin(editPtr->linePtr, Tcl_DStringValue(&prompt),
	    (size_t) Tcl_DStringLength(&prompt), Tcl_DStringValue(&more),
	    (size_t) Tcl_DStringLength(&more));
    Tcl_DStringFree(&prompt);
    Tcl_DStringFree(&more);
}

static void
Prompt(Edit *editPtr, Tcl_Obj *promptPtr)
{
    Tcl_DString prompt;

    PutExternal(editPtr, promptPtr, &prompt);
    DpEditLinePrompt(editPtr->linePtr, Tcl_DStringValue(&prompt),
	    (size_t) Tcl_DStringLength(&prompt));
    Tcl_DStringFree(&prompt);
}

static void
Print(Edit *editPtr, Tcl_Obj *textPtr, bool keep)
{
    Tcl_DString bytes;

    PutExternal(editPtr, textPtr, &bytes);
    DpEditLinePrint(editPtr->linePtr, Tcl_DStringValue(&bytes),
	    (size_t) Tcl_DStringLength(&bytes), keep);
    Tcl_DStringFree(&bytes);
}

static void
Ask(Edit *editPtr, Tcl_Obj *textPtr)
{
    Tcl_DString bytes;

    PutExternal(editPtr, textPtr, &bytes);
    DpEditLineAsk(editPtr->linePtr, Tcl_DStringValue(&bytes),
	    (size_t) Tcl_DStringLength(&bytes));
    Tcl_DStringFree(&bytes);
}

static void
Replace(Edit *editPtr, Tcl_Obj *oldPtr, Tcl_Obj *newPtr)
{
    DpBuf old = {0}, new = {0};

    AddCodes(editPtr, oldPtr, &old);
    AddCodes(editPtr, newPtr, &new);
    DpEditLineReplace(editPtr->linePtr, DpBufLength(&old) / sizeof(uint32_t),
	    (const uint32_t *) (const void *) DpBufData(&new),
	    DpBufLength(&new) / sizeof(uint32_t));
    DpBufFree(&old);
    DpBufFree(&new);
}

/*
 * Puts the spans of LISTPTR, {START END SGR ...}, into spans, and their number.
 * Tcl may count a character above U+FFFF as two.
 */
static int
GetSpans(Edit *editPtr, Tcl_Interp *interp, Tcl_Obj *listPtr,
	const uint32_t *text, size_t count, DpEditSpan *spans,
	size_t *countPtr)
{
    static const uint32_t high = 0x10000;
    Tcl_Obj **words, *highPtr = TextObj(editPtr, &high, 1);
    size_t at = 0, number = 0;
    int length, last = 0, seen = 0, wide;

    Tcl_IncrRefCount(highPtr);
    wide = Tcl_GetCharLength(highPtr);
    Tcl_DecrRefCount(highPtr);
    if (Tcl_ListObjGetElements(interp, listPtr, &length, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    for (int i = 0; i + 2 < length && number < DP_LINE_SPANS; i += 3) {
	DpEditSpan *spanPtr = &spans[number];
	const char *sgr = Tcl_GetString(words[i + 2]);
	size_t sgrLength = strlen(sgr);
	int ends[2];

	if (Tcl_GetIntFromObj(interp, words[i], &ends[0]) != TCL_OK
		|| Tcl_GetIntFromObj(interp, words[i + 1], &ends[1])
		!= TCL_OK) {
	    return TCL_ERROR;
	}
	if (ends[0] < last || ends[1] < ends[0]
		|| sgrLength >= sizeof(spanPtr->sgr)
		|| strspn(sgr, "0123456789;") != sgrLength) {
	    return DpFail(interp, "ARGUMENT span", "spans must be numbers in"
		    " their order with a colour each, as {0 2 36}");
	}
	last = ends[1];
	for (int end = 0; end < 2; end++) {
	    for (; seen < ends[end] && at < count; at++) {
		seen += text[at] > 0xFFFF ? wide : 1;
	    }
	    *(end == 0 ? &spanPtr->start : &spanPtr->end) = at;
	}
	memcpy(spanPtr->sgr, sgr, sgrLength + 1);
	number += spanPtr->end > spanPtr->start && sgrLength > 0;
    }
    *countPtr = number;
    return TCL_OK;
}

static int
Painted(Edit *editPtr, Tcl_Interp *interp, Tcl_Obj *textPtr,
	Tcl_Obj *listPtr)
{
    DpEditSpan spans[DP_LINE_SPANS];
    DpBuf text = {0};
    const uint32_t *codes;
    size_t count, number = 0;
    int result;

    AddCodes(editPtr, textPtr, &text);
    codes = (const uint32_t *) (const void *) DpBufData(&text);
    count = DpBufLength(&text) / sizeof(*codes);
    result = GetSpans(editPtr, interp, listPtr, codes, count, spans, &number);
    if (result == TCL_OK) {
	DpEditLinePainted(editPtr->linePtr, codes, count, spans, number);
    }
    DpBufFree(&text);
    return result;
}

static int
Remember(Edit *editPtr, Tcl_Interp *interp, Tcl_Obj *listPtr)
{
    Tcl_Obj **lines;
    int count;

    if (Tcl_ListObjGetElements(interp, listPtr, &count, &lines) != TCL_OK) {
	return TCL_ERROR;
    }
    for (int i = 0; i < count; i++) {
	DpBuf text = {0};

	AddCodes(editPtr, lines[i], &text);
	DpEditLineRemember(editPtr->linePtr,
		(const uint32_t *) (const void *) DpBufData(&text),
		DpBufLength(&text) / sizeof(uint32_t));
	DpBufFree(&text);
    }
    return TCL_OK;
}

static int
Reply(Edit *editPtr, Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    static const char *const names[] = {
	[DP_REPLY_DONE] = "done", [DP_REPLY_MORE] = "more",
	[DP_REPLY_NONE] = "none", [DP_REPLY_BEEP] = "beep",
	[DP_REPLY_KEY] = "key", NULL
    };
    int index;

    if (Tcl_GetIndexFromObj(interp, namePtr, names, "reply", TCL_EXACT, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    DpEditLineReply(editPtr->linePtr, (DpLineReply) index);
    return TCL_OK;
}

static int
Show(Edit *editPtr, Tcl_Interp *interp)
{
    DpError error = {{0}, {NULL}, 0, NULL};

    if (!DpEditLineShow(editPtr->linePtr, &error)) {
	DpErrorReport(interp, &error);
	DpErrorClear(&error);
	return TCL_ERROR;
    }
    return TCL_OK;
}

/* "" or the POSIX name of an error. */
static int
Append(Tcl_Interp *interp, Tcl_Obj *pathPtr, Tcl_Obj *textPtr, int maxLines)
{
    const char *path = Tcl_FSGetNativePath(pathPtr);
    int length, error;
    const unsigned char *bytes = Tcl_GetByteArrayFromObj(textPtr, &length);

    if (path == NULL) {
	error = ENOENT;
    } else {
	error = DpEditFileAppend(path, bytes, (size_t) length,
		(size_t) maxLines);
    }
    if (error != 0) {
	Tcl_SetErrno(error);
	Tcl_SetObjResult(interp, Tcl_NewStringObj(Tcl_ErrnoId(), -1));
    }
    return TCL_OK;
}

/*
 * core::edit there -- whether there is a line editor at all.
 * core::edit open KEYS -- "", emacs or vi; its handle.
 * core::edit begin EDIT PROMPT MORE -- a line begins, and is shown by `show`.
 * core::edit prompt EDIT PROMPT -- another one for that line.
 * core::edit paint EDIT BOOL -- whether `paint` is told; before `begin`.
 * core::edit painted EDIT TEXT {START END SGR ...} -- its answer: the colours of TEXT.
 * core::edit show|hide|drop|close EDIT
 * core::edit shown EDIT
 * core::edit next EDIT -- a waiter of the next event.
 * core::edit reply EDIT done|more|none|beep|key -- the answer to `enter` and
 * `complete`.
 * core::edit ask EDIT TEXT -- stands in the place of the line; "": no more.
 * core::edit replace EDIT OLD NEW -- before a reply; OLD stands before the cursor.
 * core::edit print EDIT TEXT KEEP
 * core::edit output EDIT BYTES -- the same for what a channel writes.
 * core::edit forget EDIT, remember EDIT LINES -- the history.
 * core::edit append FILE BYTES LINES -- its file; "" or the name of an error.
 */
static int
EditCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"append", "ask", "begin", "close", "drop", "forget", "hide", "next", "open", "output",
	"paint", "painted", "print", "prompt", "remember", "replace", "reply",
	"show", "shown", "there", NULL
    };
    enum {
	APPEND, ASK, BEGIN, CLOSE, DROP, FORGET, HIDE, NEXT, OPEN, OUTPUT,
	PAINT, PAINTED, PRINT, PROMPT, REMEMBER, REPLACE, REPLY, SHOW, SHOWN, THERE
    };
    static const int counts[] = {
	5, 4, 5, 3, 3, 3, 3, 3, 3, 4, 4, 5, 5, 4, 4, 5, 4, 3, 3, 2
    };
    DpInterp *dpPtr = clientData;
    Edit *editPtr;
    void *value;
    int index, keep, length;
    const char *text;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", TCL_EXACT,
	    &index) != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != counts[index]) {
	Tcl_WrongNumArgs(interp, 2, objv, "...");
	return TCL_ERROR;
    }
    if (index == THERE) {
	Tcl_SetObjResult(interp, Tcl_NewBooleanObj(DpEditThere()));
	return TCL_OK;
    }
    if (index == APPEND) {
	return Tcl_GetIntFromObj(interp, objv[4], &keep) != TCL_OK ? TCL_ERROR
		: Append(interp, objv[2], objv[3], keep);
    }
    if (index == OPEN) {
	return Open(dpPtr, interp, objv[2]);
    }
    if (DpHandleFind(dpPtr, DP_EDITS, objv[2], &value) != TCL_OK) {
	return TCL_ERROR;
    }
    editPtr = value;
    switch (index) {
    case ASK:
	Ask(editPtr, objv[3]);
	break;
    case BEGIN:
	Begin(editPtr, objv[3], objv[4]);
	break;
    case CLOSE:
	DpHandleForget(dpPtr, DP_EDITS, editPtr->id);
	EndEdit(dpPtr, editPtr->id, editPtr);
	break;
    case DROP:
	DpEditLineDrop(editPtr->linePtr);
	break;
    case FORGET:
	DpEditLineForget(editPtr->linePtr);
	break;
    case HIDE:
	DpEditLineHide(editPtr->linePtr);
	break;
    case NEXT:
	Next(editPtr, interp);
	break;
    case OUTPUT:
	text = (const char *) Tcl_GetByteArrayFromObj(objv[3], &length);
	DpEditLinePrint(editPtr->linePtr, text, (size_t) length, false);
	break;
    case PAINT:
	if (Tcl_GetBooleanFromObj(interp, objv[3], &keep) != TCL_OK) {
	    return TCL_ERROR;
	}
	DpEditLinePaint(editPtr->linePtr, keep);
	break;
    case PAINTED:
	return Painted(editPtr, interp, objv[3], objv[4]);
    case PRINT:
	if (Tcl_GetBooleanFromObj(interp, objv[4], &keep) != TCL_OK) {
	    return TCL_ERROR;
	}
	Print(editPtr, objv[3], keep);
	break;
    case PROMPT:
	Prompt(editPtr, objv[3]);
	break;
    case REMEMBER:
	return Remember(editPtr, interp, objv[3]);
    case REPLACE:
	Replace(editPtr, objv[3], objv[4]);
	break;
    case REPLY:
	return Reply(editPtr, interp, objv[3]);
    case SHOW:
	return Show(editPtr, interp);
    case SHOWN:
	Tcl_SetObjResult(interp, Tcl_NewBooleanObj(
		DpEditLineShown(editPtr->linePtr)));
	break;
    }
    return TCL_OK;
}

void
DpEditCmdInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_EDITS, EndEdit);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::edit", EditCmd,
	    dpPtr, NULL);
}

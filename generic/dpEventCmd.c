/*
 * dpEventCmd.c -- the command core::event, and the end of all events.
 *
 * Layer L4.
 */

#include "dpEventInt.h"

#include "dpJournalCmd.h"
#include "dpObj.h"

#include <stdlib.h>

/* So many ms each sink has at the end of the process. */
#define EXIT_MS 1000

static const char *const keyNames[] = {
    "type", "phase", "id", "parent", "time", "path", "host", "command",
    "user", "sudo", "sandbox", "interactive", "terminal", "shown", "stream",
    "data", "binary", "bytes", "status", "signal", "seconds", "error",
    "failures", NULL
};

static const char *const words[] = {
    "begin", "output", "end", "stdout", "stderr", "error", "run", "",
    "action", "-event", "-journal", "-resume",
    "-sandbox", "::deployer::Generation", "::oo::InfoObject::call"
};

static int
LaterFirst(const void *onePtr, const void *otherPtr)
{
    const DpSpan *one = *(DpSpan *const *) onePtr;
    const DpSpan *other = *(DpSpan *const *) otherPtr;

    return one->id < other->id ? 1 : one->id > other->id ? -1 : 0;
}

/* What is inside of something ends before it. */
static void
EndAll(Hub *hubPtr)
{
    Tcl_HashTable *tablePtr = &hubPtr->dpPtr->handles[DP_SPANS].table;
    int count = tablePtr->numEntries, found = 0;
    DpSpan **spans = DpAlloc(((size_t) count + 1) * sizeof(*spans));
    Tcl_HashSearch search;
    Tcl_HashEntry *entryPtr = Tcl_FirstHashEntry(tablePtr, &search);

    /* What goes on now has not ended: journals shall not say so. */
    DpJournalAbandonAll(hubPtr->dpPtr);
    for (; entryPtr != NULL; entryPtr = Tcl_NextHashEntry(&search)) {
	spans[found] = Tcl_GetHashValue(entryPtr);
	DpSpanHold(spans[found++]);
    }
    qsort(spans, (size_t) found, sizeof(*spans), LaterFirst);
    for (int i = 0; i < found; i++) {
	if (spans[i]->handle != 0) {
	    DpSpanEndLost(spans[i], "the deployer ended before this did");
	}
	DpSpanDrop(spans[i]);
    }
    DpFree(spans);
}

/* --- the command --- */

/*
 * Puts the values of a dict where they belong: those of a begin into given,
 * others into the event (which may be NULL: they are left out). What failed on
 * each host is for the error alone.
 */
static int
DpEventTake(Tcl_Interp *interp, Tcl_Obj *dictPtr, const DpMask *maskPtr,
	Tcl_Obj *given[GIVEN_LAST + 1], Event *eventPtr)
{
    Tcl_Obj **objv;
    int objc, key;

    if (Tcl_ListObjGetElements(interp, dictPtr, &objc, &objv) != TCL_OK) {
	return TCL_ERROR;
    }
    for (int i = 0; i + 1 < objc; i += 2) {
	Tcl_Obj *valuePtr = objv[i + 1];

	if (Tcl_GetIndexFromObj(interp, objv[i], keyNames, "key", TCL_EXACT,
		&key) != TCL_OK) {
	    return TCL_ERROR;
	}
	if (key == COMMAND || key == ERROR || key == DATA) {
	    valuePtr = DpEventClean(maskPtr, valuePtr);
	}
	if (key >= GIVEN_FIRST && key <= GIVEN_LAST) {
	    DpReplaceObj(&given[key], valuePtr);
	} else if (eventPtr != NULL && key != FAILURES) {
	    DpEventAdd(eventPtr, (Key) key, valuePtr);
	}
    }
    return TCL_OK;
}

/* What no text of the span may hold; false: these are no lists. */
static bool
TakeSecrets(DpSpan *spanPtr, Tcl_Interp *interp, int count,
	Tcl_Obj *const lists[])
{
    const char **secrets = NULL;
    Tcl_Obj **list;
    int length, found = 0;

    for (int i = 0; i < count; i++) {
	if (Tcl_ListObjGetElements(interp, lists[i], &length, &list)
		!= TCL_OK) {
	    DpFree(secrets);
	    return false;
	}
	if (length == 0) {
	    continue;
	}
	secrets = DpRealloc(secrets,
		(size_t) (found + length) * sizeof(*secrets));
	for (int j = 0; j < length; j++) {
	    secrets[found++] = Tcl_GetString(list[j]);
	}
	if (i == 0 && spanPtr->sinksPtr->journalPtr != NULL) {
	    DpJournalHide(spanPtr->sinksPtr->journalPtr, list, length);
	}
    }
    spanPtr->maskPtr = DpMaskNew(secrets, found);
    DpFree(secrets);
    return true;
}

/* It begins, with what is given; its handle is the result. */
static void
Begun(DpSpan *spanPtr, DpSpan *parentPtr, Tcl_Interp *interp)
{
    DpSpanBegun(spanPtr, parentPtr);
    Tcl_SetObjResult(interp, DpHandleObj(spanPtr->dpPtr, DP_SPANS,
	    spanPtr->handle));
}

/* begin PARENT TYPE DICT ?SINKS? ?SECRETS? ?ANSWERS? */
static int
BeginSub(Hub *hubPtr, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    DpSpan *parentPtr = DpSpanFind(hubPtr->dpPtr, objv[2]);
    DpSpan *spanPtr = DpSpanNew(hubPtr, parentPtr, objv[3],
	    objc > 5 ? objv[5] : NULL);

    if (objc > 6 && !TakeSecrets(spanPtr, interp, objc - 6, objv + 6)) {
	DpSpanDrop(spanPtr);
	return TCL_ERROR;
    }
    if (DpEventTake(interp, objv[4], spanPtr->maskPtr, spanPtr->given, NULL)
	    != TCL_OK) {
	DpSpanDrop(spanPtr);
	return TCL_ERROR;
    }
    Begun(spanPtr, parentPtr, interp);
    return TCL_OK;
}

/*
 * quick PARENT HOST COMMAND SECRETS -- not named as what others call a command:
 * the word would be looked for anew each time.
 */
static int
QuickSub(Hub *hubPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    DpSpan *parentPtr, *spanPtr;

    if (hubPtr->isNoting) {
	return TCL_OK;
    }
    parentPtr = DpSpanFind(hubPtr->dpPtr, objv[2]);
    spanPtr = DpSpanNew(hubPtr, parentPtr, hubPtr->words[W_RUN], NULL);
    if (!TakeSecrets(spanPtr, interp, 1, objv + 5)) {
	DpSpanDrop(spanPtr);
	return TCL_ERROR;
    }
    DpReplaceObj(&spanPtr->given[HOST], objv[3]);
    DpReplaceObj(&spanPtr->given[COMMAND], DpEventClean(spanPtr->maskPtr,
	    objv[4]));
    Begun(spanPtr, parentPtr, interp);
    return TCL_OK;
}

/*
 * Whether an error is the one that was told below, maybe with the place in the
 * tree in front of it.
 */
static bool
IsTold(const DpSpan *spanPtr, Tcl_Obj *errorPtr)
{
    const char *told, *error;
    int toldLength, length, more;

    if (spanPtr->failurePtr == NULL) {
	return false;
    }
    told = Tcl_GetStringFromObj(spanPtr->failurePtr, &toldLength);
    error = Tcl_GetStringFromObj(errorPtr, &length);
    more = length - toldLength;
    if (more == 0) {
	return strcmp(told, error) == 0;
    }
    return toldLength > 0 && more > 2 && error[0] == '/'
	    && memcmp(error + more - 2, ": ", 2) == 0
	    && strcmp(error + more, told) == 0;
}

/*
 * An error is told once as an event of its own, where it arose; whatever ends
 * with the same above has it in its end. What failed on each of many hosts is
 * told with it (NULL: nothing is known of such).
 */
static void
TellError(DpSpan *spanPtr, Tcl_Obj *errorPtr, Tcl_Obj *codePtr,
	Tcl_Obj *failuresPtr)
{
    void *value = NULL;
    Event event;

    if (!IsTold(spanPtr, errorPtr)) {
	Tcl_WideInt id = ++spanPtr->hubPtr->last;

	DpEventNew(&event, spanPtr->hubPtr);
	DpEventAdd(&event, TYPE, spanPtr->hubPtr->words[W_ERROR]);
	DpEventAdd(&event, PHASE, spanPtr->hubPtr->words[W_OUTPUT]);
	DpEventAddNumber(&event, ID, id);
	DpEventAddNumber(&event, PARENT, spanPtr->id);
	DpEventAddNumber(&event, TIME, DpEventNow());
	DpEventAdd(&event, PATH, spanPtr->given[PATH]);
	DpEventAdd(&event, HOST, spanPtr->given[HOST]);
	DpEventAdd(&event, DATA, codePtr);
	DpEventAdd(&event, ERROR, errorPtr);
	DpEventAdd(&event, FAILURES, failuresPtr);
	DpEventSend(spanPtr->sinksPtr, &event, DP_SINK_FRAME, 0);
    }
    if (spanPtr->above != 0) {
	value = DpHandleGet(spanPtr->dpPtr, DP_SPANS, spanPtr->above);
    }
    if (value != NULL) {
	DpReplaceObj(&((DpSpan *) value)->failurePtr, errorPtr);
    }
}

/* end SPAN ?DICT? ?ERROR CODE? -- nothing where it has ended. */
static int
EndSub(Hub *hubPtr, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    DpSpan *spanPtr = DpSpanFind(hubPtr->dpPtr, objv[2]);
    int64_t now;
    Event event;

    if (spanPtr == NULL) {
	return TCL_OK;
    }
    if (objc == 3) {
	DpSpanEndPlain(spanPtr);
	return TCL_OK;
    }
    DpSpanEndKids(spanPtr);
    if (objc > 5) {
	Tcl_Obj *cleanPtr = DpEventClean(spanPtr->maskPtr, objv[4]);
	Tcl_Obj *failuresPtr = NULL;

	if (Tcl_DictObjGet(interp, objv[3], hubPtr->keys[FAILURES],
		&failuresPtr) != TCL_OK) {
	    Tcl_ResetResult(interp);
	}
	Tcl_IncrRefCount(cleanPtr);
	TellError(spanPtr, cleanPtr, objv[5], failuresPtr);
	Tcl_DecrRefCount(cleanPtr);
    }
    DpSpanTellRest(spanPtr);
    now = DpEventNow();
    DpEventBegin(&event, spanPtr, W_END, now);
    DpSpanAddWhat(&event, spanPtr);
    if (DpEventTake(interp, objv[3], spanPtr->maskPtr, spanPtr->given,
	    &event) != TCL_OK) {
	DpEventForget(&event);
	return TCL_ERROR;
    }
    DpSpanAddSeconds(&event, spanPtr, now);
    if (objc > 5) {
	DpEventAdd(&event, ERROR, DpEventClean(spanPtr->maskPtr, objv[4]));
    }
    DpSpanEnd(spanPtr, &event);
    return TCL_OK;
}

/* plain CONTEXT */
static int
PlainSub(Hub *hubPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    static const int keys[] = {W_EVENT, W_JOURNAL};
    Tcl_Obj *pair[DP_ARRAY_SIZE(keys)];
    int count;

    if (Tcl_DictObjSize(interp, objv[2], &count) != TCL_OK) {
	return TCL_ERROR;
    }
    for (size_t i = 0; i < DP_ARRAY_SIZE(keys); i++) {
	(void) Tcl_DictObjGet(NULL, objv[2], hubPtr->words[keys[i]],
		&pair[i]);
	if (pair[i] == NULL) {
	    pair[i] = hubPtr->words[W_NONE];
	} else {
	    count--;
	}
    }
    if (count == 0) {
	Tcl_SetObjResult(interp, Tcl_NewListObj((int) DP_ARRAY_SIZE(pair),
		pair));
    }
    return TCL_OK;
}

/* tell PARENT TYPE DICT ?SINKS? -- a single event, as a message. */
static int
TellSub(Hub *hubPtr, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    DpSpan *parentPtr = DpSpanFind(hubPtr->dpPtr, objv[2]);
    DpSpan *spanPtr = DpSpanNew(hubPtr, parentPtr, objv[3],
	    objc > 5 ? objv[5] : NULL);
    Event more, event;
    int code;

    if (parentPtr != NULL) {
	DpReplaceObj(&spanPtr->given[HOST], parentPtr->given[HOST]);
    }
    DpEventNew(&more, hubPtr);
    code = DpEventTake(interp, objv[4], NULL, spanPtr->given, &more);
    DpEventBegin(&event, spanPtr, W_OUTPUT, spanPtr->startTime);
    DpEventAdd(&event, COMMAND, spanPtr->given[COMMAND]);
    for (int i = 0; i < more.count; i++) {
	DpEventAdd(&event, more.fields[i].key, more.fields[i].valuePtr);
    }
    DpEventForget(&more);
    if (code == TCL_OK) {
	DpEventSend(spanPtr->sinksPtr, &event, DP_SINK_FRAME, 0);
    } else {
	DpEventForget(&event);
    }
    DpSpanDrop(spanPtr);
    return code;
}

/* keep KIND NS METHOD ?LIST? */
static int
KeepSub(Hub *hubPtr, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    static const char *const kinds[] = {"action", "run", NULL};
    int kind, length;

    if (Tcl_GetIndexFromObj(interp, objv[2], kinds, "kind", 0, &kind)
	    != TCL_OK || (objc > 5 && Tcl_ListObjLength(interp, objv[5],
	    &length) != TCL_OK)) {
	return TCL_ERROR;
    }
    DpEventKeep(hubPtr, (DpEventKind) kind, objv[3], objv[4],
	    objc > 5 ? objv[5] : NULL);
    return TCL_OK;
}

/* output SPAN STREAM BYTES */
static int
OutputSub(Hub *hubPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    DpSpan *spanPtr;
    int length;
    unsigned char *bytes = Tcl_GetByteArrayFromObj(objv[4], &length);

    if (DpSpanGet(hubPtr->dpPtr, objv[2], &spanPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    DpSpanOutput(spanPtr, strcmp(Tcl_GetString(objv[3]), "stderr") == 0
	    ? DP_STDERR : DP_STDOUT, bytes, (size_t) length);
    (void) interp;
    return TCL_OK;
}

/*
 * core::event begin PARENT TYPE DICT ?SINKS? ?SECRETS? ?ANSWERS? -- something
 * begins below the event PARENT ("": none); DICT has what its begin says, and
 * SINKS hear of it besides those of the parent. SECRETS and ANSWERS stand in no
 * text of it, SECRETS in no line of its run's journal. Returns a handle.
 * core::event quick PARENT HOST COMMAND SECRETS -- the same for a plain command;
 * "" and nothing begins while the last `core::event noting` was true.
 * core::event cell TOLD SLUG NAME CO -- the same for an action of a cell, which
 * is all of the job CO. TOLD is the list CHANGES PARENT SINKS PATH SANDBOX
 * INTERACTIVE of its array. "" and nothing begins where this is not right any more.
 * core::event again CO NS METHOD CONTEXT -- the same for a method that the instance
 * of namespace NS has begun before, as job CO in that context. 0 where it is no
 * event; "" where it has to be found out anew.
 * core::event keep KIND NS METHOD ?LIST? -- LIST is what was found out, until the
 * next `changed`: for KIND action SINKS PATH SANDBOX INTERACTIVE, {} where that is no
 * event; for run see core::journal enter. Without it that is forgotten.
 * core::event changes -- a number for CHANGES.
 * core::event changed -- what was told until here is not right any more.
 * core::event end EVENT ?DICT? ?ERROR CODE? -- it ends; nothing if it has.
 * core::event job CO EVENT ?JOURNAL? -- EVENT ends with the job CO, and so does
 * the run of JOURNAL.
 * core::event over CO -- CO has ended, and so do its events, the last one first.
 * Its run has ended well: returns what `core::journal close` does, "" where there
 * is none.
 * core::event events CO -- the same, but ends nothing: a list of the journal and
 * the events; "" where there are none.
 * core::event plain CONTEXT -- {EVENT JOURNAL} where it says no more than these, ""
 * where it says more.
 * core::event output EVENT STREAM BYTES
 * core::event tell PARENT TYPE DICT ?SINKS? -- what has no length, as a message.
 */
static int
EventCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"again", "begin", "cell", "changed", "changes", "end", "events", "job",
	"keep", "noting", "output", "over", "plain", "quick", "tell", NULL
    };
    static const struct {
	int min, max;
	const char *usage;
    } usages[] = {
	{6, 6, "co ns method context"},
	{5, 8, "parent type dict ?sinks? ?secrets? ?answers?"},
	{6, 6, "told slug name co"}, {2, 2, NULL}, {2, 2, NULL},
	{3, 6, "span ?dict? ?error code?"}, {3, 3, "co"},
	{4, 5, "co event ?journal?"}, {5, 6, "kind ns method ?list?"},
	{3, 3, "boolean"}, {5, 5, "span stream bytes"},
	{3, 3, "co"}, {3, 3, "context"},
	{6, 6, "parent host command secrets"}, {5, 6, "parent type dict ?sinks?"}
    };
    enum {
	AGAIN, BEGIN, CELL, CHANGED, CHANGES, END, EVENTS, JOB, KEEP, NOTING, OUTPUT, OVER,
	PLAIN, QUICK, TELL
    };
    Hub *hubPtr = clientData;
    int index, flag;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc < usages[index].min || objc > usages[index].max) {
	Tcl_WrongNumArgs(interp, 2, objv, usages[index].usage);
	return TCL_ERROR;
    }
    switch (index) {
    case AGAIN:
	return DpEventAgainSub(hubPtr, interp, objv);
    case BEGIN:
	return BeginSub(hubPtr, interp, objc, objv);
    case CELL:
	return DpEventCellSub(hubPtr, interp, objv);
    case CHANGED:
	DpEventChanged(hubPtr);
	return TCL_OK;
    case CHANGES:
	Tcl_SetObjResult(interp, Tcl_NewWideIntObj(hubPtr->changes));
	return TCL_OK;
    case END:
	return EndSub(hubPtr, interp, objc, objv);
    case EVENTS:
	return DpEventEventsSub(hubPtr, interp, objv);
    case JOB:
	return DpEventJobSub(hubPtr, interp, objc, objv);
    case KEEP:
	return KeepSub(hubPtr, interp, objc, objv);
    case NOTING:
	if (Tcl_GetBooleanFromObj(interp, objv[2], &flag) != TCL_OK) {
	    return TCL_ERROR;
	}
	hubPtr->isNoting = flag != 0;
	return TCL_OK;
    case OUTPUT:
	return OutputSub(hubPtr, interp, objv);
    case OVER:
	return DpEventOverSub(hubPtr, interp, objv);
    case PLAIN:
	return PlainSub(hubPtr, interp, objv);
    case QUICK:
	return QuickSub(hubPtr, interp, objv);
    case TELL:
	return TellSub(hubPtr, interp, objc, objv);
    }
    return TCL_OK;
}

/* The process ends: loggers hear of that while they still can. */
static void
ThreadEnds(ClientData clientData)
{
    Hub *hubPtr = clientData;

    hubPtr->refCount++;
    EndAll(hubPtr);
    DpSinkFlushAll(hubPtr->dpPtr, EXIT_MS);
    DpHubDrop(hubPtr);
}

/*
 * So does the interpreter: only lines can still be written. This is the first
 * of the handles, out of the table already.
 */
static void
EndSpans(DpInterp *dpPtr, unsigned long id, void *value)
{
    DpSpan *spanPtr = value;
    int isNew;

    Tcl_SetHashValue(Tcl_CreateHashEntry(&dpPtr->handles[DP_SPANS].table,
	    (char *) (uintptr_t) id, &isNew), spanPtr);
    EndAll(spanPtr->hubPtr);
}

static void
CommandDeleted(ClientData clientData)
{
    Tcl_DeleteThreadExitHandler(ThreadEnds, clientData);
    DpHubDrop(clientData);
}

void
DpEventInit(DpInterp *dpPtr)
{
    Hub *hubPtr = DpAlloc(sizeof(*hubPtr));

    hubPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    hubPtr->refCount = 1;
    Tcl_InitHashTable(&hubPtr->jobs, TCL_STRING_KEYS);
    Tcl_InitHashTable(&hubPtr->kept, TCL_STRING_KEYS);
    for (int i = 0; i < NUM_KEYS; i++) {
	DpReplaceObj(&hubPtr->keys[i], Tcl_NewStringObj(keyNames[i], -1));
    }
    for (int i = 0; i < NUM_WORDS; i++) {
	DpReplaceObj(&hubPtr->words[i], Tcl_NewStringObj(words[i], -1));
    }
    DpInterpAtEnd(dpPtr, DP_SPANS, EndSpans);
    DpSinkInit(dpPtr);
    DpJournalCmdInit(dpPtr, hubPtr);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::event", EventCmd,
	    hubPtr, CommandDeleted);
    Tcl_CreateThreadExitHandler(ThreadEnds, hubPtr);
}

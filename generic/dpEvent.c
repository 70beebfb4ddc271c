/*
 * dpEvent.c -- what happens, as events that go to loggers.
 *
 * Layer L4. An event is a list of keys and values: as cheap as can be where it
 * only becomes a line of JSON, and a dict for who looks into it.
 */

#include "dpEventInt.h"

#include "dpObj.h"

#include <time.h>

/* A text of an event is not longer than so many characters. */
#define MAX_TEXT 65536

/*
 * A journal gets so many bytes of an output as they come, and of what is behind
 * them the end.
 */
#define JOURNAL_HEAD 32768

int64_t
DpEventNow(void)
{
    struct timespec now;

    timespec_get(&now, TIME_UTC);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- the hub --- */

void
DpHubDrop(Hub *hubPtr)
{
    if (--hubPtr->refCount > 0) {
	return;
    }
    for (int i = 0; i < NUM_KEYS; i++) {
	DpReleaseObj(&hubPtr->keys[i]);
    }
    for (int i = 0; i < NUM_WORDS; i++) {
	DpReleaseObj(&hubPtr->words[i]);
    }
    DpEventJobsFree(hubPtr);
    DpEventChanged(hubPtr);
    Tcl_DeleteHashTable(&hubPtr->kept);
    DpInterpDrop(hubPtr->dpPtr);
    DpFree(hubPtr);
}

static void
SinksDrop(Sinks *sinksPtr)
{
    if (--sinksPtr->refCount == 0) {
	for (int i = 0; i < sinksPtr->count; i++) {
	    DpSinkDrop(sinksPtr->list[i]);
	}
	if (sinksPtr->journalPtr != NULL) {
	    DpJournalDrop(sinksPtr->journalPtr);
	}
	DpFree(sinksPtr);
    }
}

/* Whether all of these are among the sinks already. */
static bool
AreKnown(const Sinks *sinksPtr, DpInterp *dpPtr, int count,
	Tcl_Obj *const names[])
{
    for (int i = 0; i < count; i++) {
	DpSink *sinkPtr;
	bool known = false;

	if (DpSinkGet(dpPtr, names[i], &sinkPtr) != TCL_OK) {
	    Tcl_ResetResult(dpPtr->interp);
	    return false;
	}
	for (int j = 0; j < sinksPtr->count && !known; j++) {
	    known = sinksPtr->list[j] == sinkPtr;
	}
	if (!known) {
	    return false;
	}
    }
    return true;
}

/* Those of the parent (NULL: none) and the ones in the list, if there is one. */
static Sinks *
SinksNew(DpInterp *dpPtr, Sinks *parentPtr, Tcl_Obj *listPtr)
{
    int before = parentPtr != NULL ? parentPtr->count : 0, more = 0;
    Tcl_Obj **names;
    Sinks *sinksPtr;

    if (listPtr != NULL && Tcl_ListObjGetElements(NULL, listPtr, &more,
	    &names) != TCL_OK) {
	more = 0;
    }
    if (parentPtr != NULL && AreKnown(parentPtr, dpPtr, more, names)) {
	parentPtr->refCount++;
	return parentPtr;
    }
    sinksPtr = DpAlloc(sizeof(*sinksPtr)
	    + (size_t) (before + more) * sizeof(*sinksPtr->list));
    sinksPtr->refCount = 1;
    if (parentPtr != NULL && parentPtr->journalPtr != NULL) {
	sinksPtr->journalPtr = parentPtr->journalPtr;
	DpJournalHold(sinksPtr->journalPtr);
    }
    for (int i = 0; i < before + more; i++) {
	DpSink *sinkPtr = NULL;
	bool known = false;

	if (i < before) {
	    sinkPtr = parentPtr->list[i];
	} else if (sinksPtr->journalPtr == NULL && DpJournalGet(dpPtr,
		names[i - before], &sinksPtr->journalPtr) == TCL_OK) {
	    DpJournalHold(sinksPtr->journalPtr);
	    continue;
	} else if (DpSinkGet(dpPtr, names[i - before], &sinkPtr) != TCL_OK) {
	    /* It was closed meanwhile. */
	    Tcl_ResetResult(dpPtr->interp);
	    continue;
	}
	for (int j = 0; j < sinksPtr->count; j++) {
	    known = known || sinksPtr->list[j] == sinkPtr;
	}
	if (!known) {
	    DpSinkHold(sinkPtr);
	    sinksPtr->list[sinksPtr->count++] = sinkPtr;
	}
    }
    return sinksPtr;
}

/* --- events --- */

void
DpEventBegin(Event *eventPtr, const DpSpan *spanPtr, int phase, int64_t time)
{
    Hub *hubPtr = spanPtr->hubPtr;

    DpEventNew(eventPtr, hubPtr);
    DpEventAdd(eventPtr, TYPE, spanPtr->typePtr);
    DpEventAdd(eventPtr, PHASE, hubPtr->words[phase]);
    DpEventAddNumber(eventPtr, ID, spanPtr->id);
    if (spanPtr->parent != 0) {
	DpEventAddNumber(eventPtr, PARENT, spanPtr->parent);
    }
    DpEventAddNumber(eventPtr, TIME, time);
    DpEventAdd(eventPtr, PATH, spanPtr->given[PATH]);
    DpEventAdd(eventPtr, HOST, spanPtr->given[HOST]);
}

void
DpEventSend(const Sinks *sinksPtr, Event *eventPtr, DpSinkUse use, size_t size)
{
    Tcl_Obj *listPtr;

    if (sinksPtr->journalPtr != NULL && eventPtr->isForJournal) {
	DpEventLine(sinksPtr->journalPtr, eventPtr);
    }
    if (sinksPtr->count > 0) {
	/* Only texts can be large. */
	for (int i = 0; i < eventPtr->count; i++) {
	    Tcl_Obj *valuePtr = eventPtr->fields[i].valuePtr;

	    if (valuePtr != NULL && valuePtr->bytes != NULL) {
		size += (size_t) valuePtr->length;
	    }
	}
	listPtr = DpEventList(eventPtr);
	Tcl_IncrRefCount(listPtr);
	for (int i = 0; i < sinksPtr->count; i++) {
	    DpSinkPut(sinksPtr->list[i], listPtr, use, size);
	}
	Tcl_DecrRefCount(listPtr);
    }
    DpEventForget(eventPtr);
}

/* A text without secrets, and not too long. */
Tcl_Obj *
DpEventClean(const DpMask *maskPtr, Tcl_Obj *textPtr)
{
    Tcl_Obj *cleanPtr = textPtr;
    DpBuf to = {0};
    int length;
    const char *text = Tcl_GetStringFromObj(textPtr, &length);

    if (maskPtr == NULL && length <= MAX_TEXT) {
	return textPtr;
    }
    if (maskPtr != NULL) {
	DpMaskText(maskPtr, text, (size_t) length, &to);
	cleanPtr = Tcl_NewStringObj((const char *) DpBufData(&to),
		(int) DpBufLength(&to));
	DpBufFree(&to);
    }
    if (Tcl_GetCharLength(cleanPtr) > MAX_TEXT) {
	Tcl_Obj *shortPtr = Tcl_GetRange(cleanPtr, 0, MAX_TEXT - 5);

	Tcl_AppendToObj(shortPtr, "(...)", -1);
	if (cleanPtr != textPtr) {
	    Tcl_DecrRefCount(cleanPtr);
	}
	cleanPtr = shortPtr;
    }
    return cleanPtr;
}

/* --- spans --- */

void
DpSpanHold(DpSpan *spanPtr)
{
    spanPtr->refCount++;
}

void
DpSpanDrop(DpSpan *spanPtr)
{
    if (--spanPtr->refCount > 0) {
	return;
    }
    DpReleaseObj(&spanPtr->typePtr);
    DpReleaseObj(&spanPtr->failurePtr);
    for (int i = 0; i <= GIVEN_LAST; i++) {
	DpReleaseObj(&spanPtr->given[i]);
    }
    for (int i = 0; i < 2; i++) {
	if (spanPtr->encoding != NULL) {
	    DpDecodeFree(&spanPtr->decoders[i]);
	}
	if (spanPtr->rest[i].bytes != NULL) {
	    DpBufFree(&spanPtr->rest[i]);
	}
    }
    if (spanPtr->encoding != NULL) {
	Tcl_FreeEncoding(spanPtr->encoding);
    }
    DpMaskFree(spanPtr->maskPtr);
    DpTailFree(spanPtr->tailPtr);
    SinksDrop(spanPtr->sinksPtr);
    DpHubDrop(spanPtr->hubPtr);
    DpInterpDrop(spanPtr->dpPtr);
    DpFree(spanPtr);
}

int
DpSpanGet(DpInterp *dpPtr, Tcl_Obj *namePtr, DpSpan **spanPtrPtr)
{
    void *value;

    if (DpHandleFind(dpPtr, DP_SPANS, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    *spanPtrPtr = value;
    return TCL_OK;
}

DpSpan *
DpSpanFind(DpInterp *dpPtr, Tcl_Obj *namePtr)
{
    DpSpan *spanPtr;

    if (Tcl_GetString(namePtr)[0] == '\0'
	    || DpSpanGet(dpPtr, namePtr, &spanPtr) != TCL_OK) {
	Tcl_ResetResult(dpPtr->interp);
	return NULL;
    }
    return spanPtr;
}

DpSpan *
DpSpanNew(Hub *hubPtr, DpSpan *parentPtr, Tcl_Obj *typePtr, Tcl_Obj *sinksPtr)
{
    static const Key inherited[] = {PATH, SANDBOX, INTERACTIVE};
    DpSpan *spanPtr = DpAlloc(sizeof(*spanPtr));

    spanPtr->refCount = 1;
    spanPtr->hubPtr = hubPtr;
    hubPtr->refCount++;
    spanPtr->dpPtr = hubPtr->dpPtr;
    DpInterpHold(spanPtr->dpPtr);
    spanPtr->id = ++hubPtr->last;
    DpReplaceObj(&spanPtr->typePtr, typePtr);
    spanPtr->startTime = DpEventNow();
    if (parentPtr != NULL) {
	spanPtr->above = parentPtr->handle;
	spanPtr->parent = parentPtr->id;
	for (size_t i = 0; i < DP_ARRAY_SIZE(inherited); i++) {
	    DpReplaceObj(&spanPtr->given[inherited[i]],
		    parentPtr->given[inherited[i]]);
	}
    }
    spanPtr->sinksPtr = SinksNew(hubPtr->dpPtr,
	    parentPtr != NULL ? parentPtr->sinksPtr : NULL, sinksPtr);
    return spanPtr;
}

/* Whether somebody has room for output of this size. */
static bool
IsHeard(const DpSpan *spanPtr, size_t size)
{
    for (int i = 0; i < spanPtr->sinksPtr->count; i++) {
	if (DpSinkHasRoom(spanPtr->sinksPtr->list[i], DP_SINK_OUTPUT, size)) {
	    return true;
	}
    }
    return false;
}

void
DpSpanEncoding(DpSpan *spanPtr, Tcl_Encoding encoding)
{
    const char *name = encoding != NULL ? Tcl_GetEncodingName(encoding) : "";

    if (spanPtr->encoding != NULL || encoding == NULL
	    || strcmp(name, "utf-8") == 0) {
	return;
    }
    spanPtr->encoding = Tcl_GetEncoding(NULL, name);
    spanPtr->decoders[0].encoding = spanPtr->encoding;
    spanPtr->decoders[1].encoding = spanPtr->encoding;
}

/*
 * How many of the bytes at the front are whole characters of UTF-8 (RFC 3629);
 * *badPtr: behind these come bytes that never are one. *plainPtr: Tcl writes
 * them in the same way.
 */
static size_t
WholeChars(const unsigned char *bytes, size_t count, bool *badPtr,
	bool *plainPtr)
{
    size_t at = 0;

    *badPtr = false;
    *plainPtr = true;
    while (at < count) {
	unsigned char byte = bytes[at];
	unsigned long code;
	size_t more;

	if (byte < 0x80) {
	    *plainPtr = *plainPtr && byte != 0;
	    at++;
	    continue;
	}
	more = byte >= 0xc2 && byte < 0xe0 ? 1 : byte >= 0xe0 && byte < 0xf0
		? 2 : byte >= 0xf0 && byte < 0xf5 ? 3 : 0;
	if (more == 0) {
	    *badPtr = true;
	    break;
	}
	code = byte & (0x3fu >> more);
	for (size_t i = 1; i <= more; i++) {
	    if (at + i == count) {
		return at;
	    }
	    if ((bytes[at + i] & 0xc0) != 0x80) {
		*badPtr = true;
		return at;
	    }
	    code = code << 6 | (bytes[at + i] & 0x3f);
	}
	if ((more == 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000)))
		|| (more == 3 && (code < 0x10000 || code > 0x10ffff))) {
	    *badPtr = true;
	    break;
	}
	*plainPtr = *plainPtr && more < 3;
	at += more + 1;
    }
    return at;
}

/*
 * The value for bytes of an output, refcount 0, and how many of them it has.
 * Bytes that are no text stay bytes.
 */
static Tcl_Obj *
DataObj(DpSpan *spanPtr, int stream, const unsigned char *bytes,
	size_t count, bool isLast, size_t *usedPtr, bool *binaryPtr)
{
    bool bad, plain;
    size_t whole;

    *binaryPtr = false;
    *usedPtr = count;
    if (spanPtr->encoding != NULL) {
	return DpDecodeChunk(&spanPtr->decoders[stream], bytes, count,
		isLast);
    }
    whole = WholeChars(bytes, count, &bad, &plain);
    if (bad || (isLast && whole < count)) {
	*binaryPtr = true;
	return Tcl_NewByteArrayObj(bytes, (int) count);
    }
    *usedPtr = whole;
    if (plain) {
	return Tcl_NewStringObj((const char *) bytes, (int) whole);
    } else {
	Tcl_Encoding encoding = Tcl_GetEncoding(NULL, "utf-8");
	Tcl_Obj *textPtr = DpDecodeAll(encoding, bytes, whole,
		DP_DECODE_MAX);

	Tcl_FreeEncoding(encoding);
	return textPtr;
    }
}

/* Tells what may be told of these bytes; returns how many that are. */
static size_t
TellBytes(DpSpan *spanPtr, int stream, const unsigned char *bytes,
	size_t count, bool isLast)
{
    Hub *hubPtr = spanPtr->hubPtr;
    DpJournal *journalPtr = spanPtr->sinksPtr->journalPtr;
    bool binary, isKept = journalPtr != NULL && spanPtr->tailPtr == NULL
	    && spanPtr->journaled < JOURNAL_HEAD
	    && DpJournalTakes(journalPtr, count);
    size_t used = count;
    int64_t now;
    Event event;
    Tcl_Obj *dataPtr;

    if (!isKept && !IsHeard(spanPtr, count)) {
	if (journalPtr != NULL) {
	    DpTailAdd(&spanPtr->tailPtr, stream, bytes, count, DpEventNow());
	}
	return count;
    }
    dataPtr = DataObj(spanPtr, stream, bytes, count, isLast, &used, &binary);
    if (used == 0) {
	Tcl_IncrRefCount(dataPtr);
	Tcl_DecrRefCount(dataPtr);
	return 0;
    }
    now = DpEventNow();
    DpEventBegin(&event, spanPtr, W_OUTPUT, now);
    event.isForJournal = isKept;
    if (isKept) {
	spanPtr->journaled += used;
    } else if (journalPtr != NULL) {
	DpTailAdd(&spanPtr->tailPtr, stream, bytes, used, now);
    }
    DpEventAdd(&event, SHOWN, spanPtr->given[SHOWN]);
    DpEventAdd(&event, STREAM, hubPtr->words[stream == DP_STDOUT
	    ? W_STDOUT : W_STDERR]);
    DpEventAdd(&event, DATA, dataPtr);
    if (binary) {
	DpEventAddNumber(&event, BINARY, 1);
    }
    DpEventAddNumber(&event, BYTES, (int64_t) used);
    DpEventSend(spanPtr->sinksPtr, &event, DP_SINK_OUTPUT, binary ? used : 0);
    return used;
}

/* The journal gets the end of a long output when that has ended. */
static void
TellTail(DpSpan *spanPtr)
{
    Hub *hubPtr = spanPtr->hubPtr;
    const unsigned char *bytes;
    Event event;
    size_t count;
    int64_t time;
    int stream;

    if (spanPtr->tailPtr == NULL) {
	return;
    }
    if (DpTailOmitted(spanPtr->tailPtr) > 0) {
	DpJournalOmitted(spanPtr->sinksPtr->journalPtr, spanPtr->id,
		DpTailOmitted(spanPtr->tailPtr));
    }
    while (DpTailNext(spanPtr->tailPtr, &stream, &bytes, &count, &time)) {
	Tcl_Obj *dataPtr;
	bool bad, plain, binary = false;

	if (!DpJournalTakes(spanPtr->sinksPtr->journalPtr, count)) {
	    DpJournalOmitted(spanPtr->sinksPtr->journalPtr, spanPtr->id,
		    (int64_t) count);
	    continue;
	}
	if (spanPtr->encoding == NULL
		&& WholeChars(bytes, count, &bad, &plain) == count) {
	    Tcl_Encoding encoding = Tcl_GetEncoding(NULL, "utf-8");

	    dataPtr = DpDecodeAll(encoding, bytes, count,
		    DP_DECODE_MAX);
	    Tcl_FreeEncoding(encoding);
	} else if (spanPtr->encoding != NULL) {
	    dataPtr = DpDecodeAll(spanPtr->encoding, bytes, count,
		    DP_DECODE_MAX);
	} else {
	    dataPtr = Tcl_NewByteArrayObj(bytes, (int) count);
	    binary = true;
	}
	DpEventNew(&event, hubPtr);
	DpEventAdd(&event, TYPE, spanPtr->typePtr);
	DpEventAdd(&event, PHASE, hubPtr->words[W_OUTPUT]);
	DpEventAddNumber(&event, ID, spanPtr->id);
	DpEventAddNumber(&event, TIME, time);
	DpEventAdd(&event, STREAM, hubPtr->words[stream == DP_STDOUT
		? W_STDOUT : W_STDERR]);
	DpEventAdd(&event, DATA, dataPtr);
	if (binary) {
	    DpEventAddNumber(&event, BINARY, 1);
	}
	DpEventAddNumber(&event, BYTES, (int64_t) count);
	DpEventLine(spanPtr->sinksPtr->journalPtr, &event);
	DpEventForget(&event);
    }
    DpTailFree(spanPtr->tailPtr);
    spanPtr->tailPtr = NULL;
}

/* What came, or with isLast what is left, goes through the mask. */
static void
TellMasked(DpSpan *spanPtr, int stream, const unsigned char *bytes,
	size_t count, bool isLast)
{
    DpBuf *restPtr = &spanPtr->rest[stream], to = {0};

    DpBufAppend(restPtr, bytes, count);
    if (DpBufLength(restPtr) == 0) {
	return;
    }
    if (spanPtr->maskPtr == NULL) {
	DpBufConsume(restPtr, TellBytes(spanPtr, stream, DpBufData(restPtr),
		DpBufLength(restPtr), isLast));
	return;
    }
    DpMaskStream(spanPtr->maskPtr, restPtr, isLast, &to);
    if (DpBufLength(&to) > 0) {
	size_t length = DpBufLength(&to);
	size_t used = TellBytes(spanPtr, stream, DpBufData(&to), length,
		isLast);

	if (used < length) {
	    /* The beginning of a character: before what is still held. */
	    DpBuf held = *restPtr;

	    memset(restPtr, 0, sizeof(*restPtr));
	    DpBufAppend(restPtr, DpBufData(&to) + used, length - used);
	    DpBufAppend(restPtr, DpBufData(&held), DpBufLength(&held));
	    DpBufFree(&held);
	}
    }
    DpBufFree(&to);
}

static bool
HasSinks(const DpSpan *spanPtr)
{
    return spanPtr->sinksPtr->count > 0
	    || spanPtr->sinksPtr->journalPtr != NULL;
}

void
DpSpanOutput(DpSpan *spanPtr, int stream, const unsigned char *bytes,
	size_t count)
{
    if (spanPtr->handle == 0) {
	return;
    }
    spanPtr->bytes += (Tcl_WideInt) count;
    if (!HasSinks(spanPtr)) {
	return;
    }
    if (spanPtr->maskPtr == NULL && DpBufLength(&spanPtr->rest[stream]) == 0) {
	size_t used = TellBytes(spanPtr, stream, bytes, count, false);

	DpBufAppend(&spanPtr->rest[stream], bytes + used, count - used);
    } else {
	TellMasked(spanPtr, stream, bytes, count, false);
    }
}

/* The one end of a span. The event, begun by Begin, goes out with it. */
void
DpSpanEnd(DpSpan *spanPtr, Event *eventPtr)
{
    unsigned long handle = spanPtr->handle;

    if (handle == 0) {
	return;
    }
    if (spanPtr->above != 0) {
	DpSpan *parentPtr = DpHandleGet(spanPtr->dpPtr, DP_SPANS,
		spanPtr->above);

	if (parentPtr != NULL) {
	    parentPtr->kids--;
	}
    }
    DpEventSend(spanPtr->sinksPtr, eventPtr, DP_SINK_FRAME, 0);
    spanPtr->handle = 0;
    DpHandleForget(spanPtr->dpPtr, DP_SPANS, handle);
    DpSpanDrop(spanPtr);
}

void
DpSpanTellRest(DpSpan *spanPtr)
{
    for (int i = 0; i < 2; i++) {
	if (HasSinks(spanPtr) && DpBufLength(&spanPtr->rest[i]) > 0) {
	    TellMasked(spanPtr, i, NULL, 0, true);
	}
    }
    TellTail(spanPtr);
}

void
DpSpanAddWhat(Event *eventPtr, const DpSpan *spanPtr)
{
    for (int key = COMMAND; key <= SANDBOX; key++) {
	DpEventAdd(eventPtr, (Key) key, spanPtr->given[key]);
    }
}

void
DpSpanAddSeconds(Event *eventPtr, const DpSpan *spanPtr, int64_t time)
{
    DpEventAddNumber(eventPtr, SECONDS, time - spanPtr->startTime);
}

/* Why something failed, if it did. */
static void
AddError(Event *eventPtr, const DpSpan *spanPtr, const DpError *errPtr)
{
    Tcl_Obj *textPtr, *cleanPtr;

    if (errPtr == NULL || !DpErrorIsSet(errPtr)) {
	return;
    }
    textPtr = Tcl_NewStringObj(errPtr->message, -1);
    cleanPtr = DpEventClean(spanPtr->maskPtr, textPtr);
    if (cleanPtr != textPtr) {
	Tcl_DecrRefCount(textPtr);
    }
    DpEventAdd(eventPtr, ERROR, cleanPtr);
}

void
DpSpanProcEnded(DpSpan *spanPtr, const DpProc *procPtr,
	const DpError *errPtr)
{
    int64_t now;
    Event event;

    if (spanPtr->handle == 0) {
	return;
    }
    DpSpanTellRest(spanPtr);
    now = DpEventNow();
    DpEventBegin(&event, spanPtr, W_END, now);
    DpSpanAddWhat(&event, spanPtr);
    DpEventAddNumber(&event, BYTES, spanPtr->bytes);
    if (procPtr->ended) {
	DpEventAddNumber(&event, STATUS, procPtr->status);
	DpEventAdd(&event, SIGNAL, procPtr->signalName[0] == '\0'
		? spanPtr->hubPtr->words[W_NONE]
		: Tcl_NewStringObj(procPtr->signalName, -1));
    }
    DpSpanAddSeconds(&event, spanPtr, now);
    AddError(&event, spanPtr, errPtr);
    DpSpanEnd(spanPtr, &event);
}

void
DpSpanFileEnded(DpSpan *spanPtr, uint64_t bytes, const DpError *errPtr)
{
    int64_t now;
    Event event;

    if (spanPtr->handle == 0) {
	return;
    }
    now = DpEventNow();
    DpEventBegin(&event, spanPtr, W_END, now);
    DpSpanAddWhat(&event, spanPtr);
    DpEventAddNumber(&event, BYTES, (int64_t) bytes);
    DpSpanAddSeconds(&event, spanPtr, now);
    AddError(&event, spanPtr, errPtr);
    DpSpanEnd(spanPtr, &event);
}

void
DpSpanBegun(DpSpan *spanPtr, DpSpan *parentPtr)
{
    Event event;

    spanPtr->handle = DpHandleNew(spanPtr->dpPtr, DP_SPANS, spanPtr);
    if (parentPtr != NULL) {
	parentPtr->kids++;
    }
    DpEventBegin(&event, spanPtr, W_BEGIN, spanPtr->startTime);
    for (int key = COMMAND; key <= GIVEN_LAST; key++) {
	DpEventAdd(&event, (Key) key, spanPtr->given[key]);
    }
    DpEventSend(spanPtr->sinksPtr, &event, DP_SINK_FRAME, 0);
}

void
DpSpanEndPlain(DpSpan *spanPtr)
{
    int64_t now;
    Event event;

    DpSpanEndKids(spanPtr);
    DpSpanTellRest(spanPtr);
    now = DpEventNow();
    DpEventBegin(&event, spanPtr, W_END, now);
    DpSpanAddWhat(&event, spanPtr);
    DpSpanAddSeconds(&event, spanPtr, now);
    DpSpanEnd(spanPtr, &event);
}

void
DpSpanEndLost(DpSpan *spanPtr, const char *why)
{
    int64_t now;
    Event event;

    DpSpanEndKids(spanPtr);
    DpSpanTellRest(spanPtr);
    now = DpEventNow();
    DpEventBegin(&event, spanPtr, W_END, now);
    DpSpanAddWhat(&event, spanPtr);
    DpSpanAddSeconds(&event, spanPtr, now);
    DpEventAdd(&event, ERROR, Tcl_NewStringObj(why, -1));
    DpSpanEnd(spanPtr, &event);
}

void
DpSpanEndKids(DpSpan *spanPtr)
{
    while (spanPtr->kids > 0) {
	Tcl_HashSearch search;
	Tcl_HashEntry *entryPtr = Tcl_FirstHashEntry(
		&spanPtr->dpPtr->handles[DP_SPANS].table, &search);
	DpSpan *kidPtr = NULL;

	for (; entryPtr != NULL && kidPtr == NULL;
		entryPtr = Tcl_NextHashEntry(&search)) {
	    DpSpan *otherPtr = Tcl_GetHashValue(entryPtr);

	    if (otherPtr->above == spanPtr->handle) {
		kidPtr = otherPtr;
	    }
	}
	if (kidPtr == NULL) {
	    return;
	}
	DpSpanEndLost(kidPtr, "it went on when what it was a part of had"
		" ended");
    }
}

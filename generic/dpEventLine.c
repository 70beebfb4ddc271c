/*
 * dpEventLine.c -- an event as a list of values, and as a line of a journal.
 *
 * Layer L4. Most runs have a journal and no logger: what is only written to a
 * file is never made a value of Tcl's.
 */

#include "dpEventInt.h"

#include "dpJson.h"

/* A key as it stands in an object of JSON, and of which kind its values are. */
#define NAME_SIZE 16
typedef struct Name {
    char text[NAME_SIZE];       /* with what is before and behind it */
    unsigned char length;
    unsigned char kind;         /* DpJsonKind */
} Name;

#define NAME(name, kind) {",\"" name "\":", sizeof(",\"" name "\":") - 1, kind}

static const Name names[NUM_KEYS] = {
    [TYPE] = NAME("type", DP_JSON_TEXT),
    [PHASE] = NAME("phase", DP_JSON_TEXT),
    [ID] = NAME("id", DP_JSON_WHOLE),
    [PARENT] = NAME("parent", DP_JSON_WHOLE),
    [TIME] = NAME("time", DP_JSON_REAL),
    [PATH] = NAME("path", DP_JSON_TEXT),
    [HOST] = NAME("host", DP_JSON_TEXT),
    [COMMAND] = NAME("command", DP_JSON_TEXT),
    [USER] = NAME("user", DP_JSON_TEXT),
    [SUDO] = NAME("sudo", DP_JSON_TRUTH),
    [SANDBOX] = NAME("sandbox", DP_JSON_TRUTH),
    [INTERACTIVE] = NAME("interactive", DP_JSON_TRUTH),
    [TERMINAL] = NAME("terminal", DP_JSON_TEXT),
    [SHOWN] = NAME("shown", DP_JSON_TRUTH),
    [STREAM] = NAME("stream", DP_JSON_TEXT),
    [DATA] = NAME("data", DP_JSON_DATA),
    [BINARY] = NAME("binary", DP_JSON_BINARY),
    [BYTES] = NAME("bytes", DP_JSON_WHOLE),
    [STATUS] = NAME("status", DP_JSON_WHOLE),
    [SIGNAL] = NAME("signal", DP_JSON_TEXT),
    [SECONDS] = NAME("seconds", DP_JSON_REAL),
    [ERROR] = NAME("error", DP_JSON_TEXT),
    [FAILURES] = NAME("failures", DP_JSON_NESTED),
};

/* --- an event --- */

void
DpEventNew(Event *eventPtr, Hub *hubPtr)
{
    eventPtr->hubPtr = hubPtr;
    eventPtr->isForJournal = true;
    eventPtr->count = 0;
}

/* The next field; NULL: somebody gave one key again and again. */
static Field *
NextField(Event *eventPtr, Key key)
{
    Field *fieldPtr;

    if (eventPtr->count == NUM_KEYS) {
	return NULL;
    }
    fieldPtr = &eventPtr->fields[eventPtr->count++];
    fieldPtr->key = key;
    return fieldPtr;
}

void
DpEventAdd(Event *eventPtr, Key key, Tcl_Obj *valuePtr)
{
    Field *fieldPtr;

    if (valuePtr == NULL) {
	return;
    }
    Tcl_IncrRefCount(valuePtr);
    fieldPtr = NextField(eventPtr, key);
    if (fieldPtr == NULL) {
	Tcl_DecrRefCount(valuePtr);
    } else {
	fieldPtr->valuePtr = valuePtr;
    }
}

void
DpEventAddNumber(Event *eventPtr, Key key, int64_t number)
{
    Field *fieldPtr = NextField(eventPtr, key);

    if (fieldPtr != NULL) {
	fieldPtr->valuePtr = NULL;
	fieldPtr->number = number;
    }
}

void
DpEventForget(Event *eventPtr)
{
    for (int i = 0; i < eventPtr->count; i++) {
	if (eventPtr->fields[i].valuePtr != NULL) {
	    Tcl_DecrRefCount(eventPtr->fields[i].valuePtr);
	}
    }
    eventPtr->count = 0;
}

/* --- a list --- */

Tcl_Obj *
DpEventList(const Event *eventPtr)
{
    Tcl_Obj *objv[2 * NUM_KEYS];
    int objc = 0;

    for (int i = 0; i < eventPtr->count; i++) {
	const Field *fieldPtr = &eventPtr->fields[i];

	objv[objc++] = eventPtr->hubPtr->keys[fieldPtr->key];
	if (fieldPtr->valuePtr != NULL) {
	    objv[objc++] = fieldPtr->valuePtr;
	} else if (names[fieldPtr->key].kind == DP_JSON_REAL) {
	    objv[objc++] = Tcl_NewDoubleObj((double) fieldPtr->number / 1e6);
	} else {
	    objv[objc++] = Tcl_NewWideIntObj((Tcl_WideInt) fieldPtr->number);
	}
    }
    return Tcl_NewListObj(objc, objv);
}

/* --- a line --- */

/* So much room any key needs, besides that of a text. */
#define FIELD_SIZE (NAME_SIZE + DP_JSON_DIGITS)

static bool
MayHide(Key key)
{
    return key == COMMAND || key == DATA || key == ERROR;
}

/* A value of any kind. */
static void
AddField(DpJournal *journalPtr, DpBuf *bufPtr, const Field *fieldPtr,
	bool isBinary)
{
    const Name *namePtr = &names[fieldPtr->key];
    int length;

    if (fieldPtr->key == DATA && isBinary) {
	/* These have been cleaned where they came from. */
	const unsigned char *bytes = Tcl_GetByteArrayFromObj(
		fieldPtr->valuePtr, &length);

	DpBufAppend(bufPtr, ",\"base64\":", 10);
	DpJsonBase64(bufPtr, bytes, (size_t) length);
	return;
    }
    DpBufAppend(bufPtr, namePtr->text, namePtr->length);
    if (MayHide(fieldPtr->key)) {
	DpJournalText(journalPtr, fieldPtr->valuePtr);
    } else {
	DpJsonValue(bufPtr, (DpJsonKind) namePtr->kind, fieldPtr->valuePtr);
    }
}

/*
 * How much room PutField takes for all of them, and the brackets; whether data
 * are binary, and the host, NULL where there is none.
 */
static size_t
LookAt(const Event *eventPtr, bool *binaryPtr, Tcl_Obj **hostPtrPtr)
{
    size_t room = (size_t) eventPtr->count * FIELD_SIZE + 2;

    *binaryPtr = false;
    *hostPtrPtr = NULL;
    for (int i = 0; i < eventPtr->count; i++) {
	const Field *fieldPtr = &eventPtr->fields[i];
	Tcl_Obj *valuePtr = fieldPtr->valuePtr;

	if (valuePtr != NULL && valuePtr->bytes != NULL) {
	    room += (size_t) valuePtr->length;
	}
	if (fieldPtr->key == BINARY) {
	    *binaryPtr = true;
	} else if (fieldPtr->key == HOST) {
	    *hostPtrPtr = valuePtr;
	}
    }
    return room;
}

/* What most fields are: returns the place behind it. NULL: AddField can it. */
static unsigned char *
PutField(unsigned char *to, const Field *fieldPtr, bool isMasked)
{
    const Name *namePtr = &names[fieldPtr->key];
    const Tcl_Obj *valuePtr = fieldPtr->valuePtr;

    memcpy(to, namePtr->text, NAME_SIZE);
    to += namePtr->length;
    if (valuePtr == NULL) {
	return namePtr->kind == DP_JSON_REAL
		? DpJsonPutMicros(to, fieldPtr->number)
		: DpJsonPutWhole(to, fieldPtr->number);
    }
    if (namePtr->kind == DP_JSON_TRUTH && valuePtr->bytes != NULL
	    && valuePtr->length == 1 && (valuePtr->bytes[0] == '0'
	    || valuePtr->bytes[0] == '1')) {
	/* As most are written. */
	bool isTrue = valuePtr->bytes[0] == '1';

	memcpy(to, isTrue ? "true " : "false", 5);
	return to + (isTrue ? 4 : 5);
    }
    if (namePtr->kind != DP_JSON_TEXT || valuePtr->bytes == NULL
	    || (isMasked && MayHide(fieldPtr->key))) {
	return NULL;
    }
    return DpJsonPlain(to, valuePtr->bytes, (size_t) valuePtr->length);
}

/* What begins on a host is on the disk before it does. */
static DpJournalUse
UseOf(const Event *eventPtr)
{
    const Hub *hubPtr = eventPtr->hubPtr;
    const char *type;

    if (eventPtr->count < 2 || eventPtr->fields[0].key != TYPE
	    || eventPtr->fields[1].valuePtr != hubPtr->words[W_BEGIN]) {
	return DP_JOURNAL_MORE;
    }
    if (eventPtr->fields[0].valuePtr == hubPtr->words[W_RUN]) {
	return DP_JOURNAL_STEP;
    }
    type = Tcl_GetString(eventPtr->fields[0].valuePtr);
    return strcmp(type, "run") == 0 || strcmp(type, "file") == 0
	    || strcmp(type, "connect") == 0 ? DP_JOURNAL_STEP
	    : DP_JOURNAL_MORE;
}

void
DpEventLine(DpJournal *journalPtr, const Event *eventPtr)
{
    DpBuf *bufPtr = DpJournalLine(journalPtr);
    DpJournalUse use = UseOf(eventPtr);
    unsigned char *from, *to;
    size_t start, room;
    bool isBinary, isMasked;
    Tcl_Obj *hostPtr;

    if (bufPtr == NULL) {
	return;
    }
    isMasked = DpJournalHides(journalPtr);
    start = DpBufLength(bufPtr);
    room = LookAt(eventPtr, &isBinary, &hostPtr);
    to = from = DpBufReserve(bufPtr, room);
    for (int i = 0; i < eventPtr->count; i++) {
	const Field *fieldPtr = &eventPtr->fields[i];
	unsigned char *next;

	/* A journal has each failure already, where it arose. */
	if (fieldPtr->key == BINARY || fieldPtr->key == FAILURES) {
	    continue;
	}
	next = PutField(to, fieldPtr, isMasked);
	if (next == NULL) {
	    DpBufAdded(bufPtr, (size_t) (to - from));
	    AddField(journalPtr, bufPtr, fieldPtr, isBinary);
	    next = from = DpBufReserve(bufPtr, room);
	}
	to = next;
    }
    *to++ = '}';
    DpBufAdded(bufPtr, (size_t) (to - from));
    /* In place of the first comma. */
    DpBufData(bufPtr)[start] = '{';
    DpJournalPut(journalPtr, use, hostPtr);
}

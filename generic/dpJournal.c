/*
 * dpJournal.c -- what a run did, as lines of JSON in a file of its own.
 *
 * Layer L4. The first line has a part of fixed length behind its first value,
 * which is written over at the end: who only wants to know how a run ended reads
 * one line, and a full disk does not keep that from being told.
 */

#include "dpJournal.h"

#include "dpJournalFile.h"
#include "dpJson.h"
#include "dpMask.h"
#include "dpObj.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define FIRST "{\"journal\":1,"
#define SUMMARY "\"state\":\"%s\",%*s\"complete\":%s,\"hosts\":%10d," \
	"\"failed\":%10d,\"seconds\":%14.3f"

/* What may wait for the first step. */
#define MAX_WAITING ((size_t) 1 << 20)

/* Of the outputs of a run; and no file gets larger than that. */
#define MAX_OUTPUT ((int64_t) 64 << 20)
#define MAX_FILE ((int64_t) 1 << 30)

/*
 * What has ended is written with what begins next: mostly that is at once. After
 * so many ms it is written by itself.
 */
#define WRITE_MS 20

/* A result that is longer is not kept. */
#define MAX_RESULT 16384

struct DpJournal {
    int refCount;               /* the handle, and each list of sinks */
    unsigned long id;           /* of the handle; 0: closed */
    DpInterp *dpPtr;            /* held */
    char *directory;            /* in the native encoding */
    Tcl_Obj *factsPtr;          /* held; NULL: they are written */
    Tcl_Obj *rootPtr;           /* held, or NULL */
    int64_t startTime;          /* us */
    char name[DP_JOURNAL_NAME + 16];    /* of the file */
    int fd;                     /* -1: not there yet, or not any more */
    int error;                  /* errno of what ended the writing */
    DpBuf lines;                /* not written yet */
    DpTimer timer;
    int64_t written;            /* bytes in the file */
    int64_t output;             /* bytes of outputs that were kept */
    Tcl_HashTable hosts;        /* on which something began */
    Tcl_HashTable failures;     /* hosts or cells that failed */
    Tcl_HashTable hidden;       /* texts */
    DpMask *maskPtr;            /* of these; NULL: none */
};

static int64_t
Microseconds(void)
{
    struct timespec now;

    timespec_get(&now, TIME_UTC);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
AddText(DpBuf *bufPtr, const char *text)
{
    DpBufAppend(bufPtr, text, strlen(text));
}

static void
AddMicros(DpBuf *bufPtr, int64_t micros)
{
    unsigned char *to = DpBufReserve(bufPtr, DP_JSON_DIGITS);

    DpBufAdded(bufPtr, (size_t) (DpJsonPutMicros(to, micros) - to));
}

/* --- life --- */

DpJournal *
DpJournalNew(DpInterp *dpPtr, const char *directory, Tcl_Obj *factsPtr,
	Tcl_Obj *rootPtr)
{
    DpJournal *journalPtr = DpAlloc(sizeof(*journalPtr));
    Tcl_DString native;

    journalPtr->refCount = 1;
    journalPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    Tcl_UtfToExternalDString(NULL, directory, -1, &native);
    journalPtr->directory = DpStrdup(Tcl_DStringValue(&native));
    Tcl_DStringFree(&native);
    DpReplaceObj(&journalPtr->factsPtr, factsPtr);
    DpReplaceObj(&journalPtr->rootPtr, rootPtr);
    journalPtr->startTime = Microseconds();
    journalPtr->fd = -1;
    Tcl_InitHashTable(&journalPtr->hosts, TCL_STRING_KEYS);
    Tcl_InitHashTable(&journalPtr->failures, TCL_STRING_KEYS);
    Tcl_InitHashTable(&journalPtr->hidden, TCL_STRING_KEYS);
    journalPtr->id = DpHandleNew(dpPtr, DP_JOURNALS, journalPtr);
    return journalPtr;
}

Tcl_Obj *
DpJournalObj(const DpJournal *journalPtr)
{
    return DpHandleObj(journalPtr->dpPtr, DP_JOURNALS, journalPtr->id);
}

int
DpJournalGet(DpInterp *dpPtr, Tcl_Obj *namePtr, DpJournal **journalPtrPtr)
{
    void *value;

    if (DpHandleFind(dpPtr, DP_JOURNALS, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    *journalPtrPtr = value;
    return TCL_OK;
}

void
DpJournalHold(DpJournal *journalPtr)
{
    journalPtr->refCount++;
}

/* Twin of Open. */
static void
CloseFile(DpJournal *journalPtr)
{
    if (journalPtr->fd >= 0) {
	DpJournalFileClose(journalPtr->fd);
	journalPtr->fd = -1;
    }
}

void
DpJournalDrop(DpJournal *journalPtr)
{
    if (--journalPtr->refCount > 0) {
	return;
    }
    DpTimerStop(&journalPtr->timer);
    CloseFile(journalPtr);
    DpReleaseObj(&journalPtr->factsPtr);
    DpReleaseObj(&journalPtr->rootPtr);
    Tcl_DeleteHashTable(&journalPtr->hosts);
    Tcl_DeleteHashTable(&journalPtr->failures);
    Tcl_DeleteHashTable(&journalPtr->hidden);
    DpMaskFree(journalPtr->maskPtr);
    DpBufFree(&journalPtr->lines);
    DpFree(journalPtr->directory);
    DpInterpDrop(journalPtr->dpPtr);
    DpFree(journalPtr);
}

/* --- secrets --- */

void
DpJournalHide(DpJournal *journalPtr, Tcl_Obj *const *texts, int count)
{
    bool more = false;
    const char **words;
    Tcl_HashEntry *entryPtr;
    Tcl_HashSearch search;
    int isNew, found = 0;

    for (int i = 0; i < count; i++) {
	/* A shorter one stands in anything. */
	if (strlen(Tcl_GetString(texts[i])) >= DP_MASK_MIN) {
	    Tcl_CreateHashEntry(&journalPtr->hidden, Tcl_GetString(texts[i]),
		    &isNew);
	    more = more || isNew;
	}
    }
    if (!more) {
	return;
    }
    words = DpAlloc((size_t) journalPtr->hidden.numEntries * sizeof(*words));
    for (entryPtr = Tcl_FirstHashEntry(&journalPtr->hidden, &search);
	    entryPtr != NULL; entryPtr = Tcl_NextHashEntry(&search)) {
	words[found++] = Tcl_GetHashKey(&journalPtr->hidden, entryPtr);
    }
    DpMaskFree(journalPtr->maskPtr);
    journalPtr->maskPtr = DpMaskNew(words, found);
    DpFree(words);
}

/* The text without what is hidden: itself, or one of refcount 0. */
static Tcl_Obj *
Clean(const DpJournal *journalPtr, Tcl_Obj *textPtr)
{
    Tcl_Obj *cleanPtr = textPtr;
    const char *text;
    DpBuf to = {0};
    int length;

    if (journalPtr->maskPtr == NULL) {
	return textPtr;
    }
    text = Tcl_GetStringFromObj(textPtr, &length);
    DpMaskText(journalPtr->maskPtr, text, (size_t) length, &to);
    if (DpBufLength(&to) != (size_t) length
	    || (length > 0 && memcmp(DpBufData(&to), text, (size_t) length)
	    != 0)) {
	cleanPtr = Tcl_NewStringObj((const char *) DpBufData(&to),
		(int) DpBufLength(&to));
    }
    DpBufFree(&to);
    return cleanPtr;
}

static void
AddString(DpJournal *journalPtr, DpBuf *bufPtr, Tcl_Obj *textPtr)
{
    Tcl_Obj *cleanPtr = Clean(journalPtr, textPtr);
    int length;
    const char *text = Tcl_GetStringFromObj(cleanPtr, &length);

    DpJsonString(bufPtr, text, length);
    if (cleanPtr != textPtr) {
	Tcl_DecrRefCount(cleanPtr);
    }
}

static void
AddArray(DpJournal *journalPtr, DpBuf *bufPtr, Tcl_Obj *listPtr)
{
    Tcl_Obj **objv;
    int objc = 0;

    if (Tcl_ListObjGetElements(NULL, listPtr, &objc, &objv) != TCL_OK) {
	objc = 0;
    }
    AddText(bufPtr, "[");
    for (int i = 0; i < objc; i++) {
	if (i > 0) {
	    AddText(bufPtr, ",");
	}
	AddString(journalPtr, bufPtr, objv[i]);
    }
    AddText(bufPtr, "]");
}

/* --- the file --- */

static void
Fail(DpJournal *journalPtr, int error)
{
    journalPtr->error = error;
    DpTimerStop(&journalPtr->timer);
    DpBufFree(&journalPtr->lines);
}

static int
Summary(const DpJournal *journalPtr, const char *state, double seconds,
	char *text, size_t size)
{
    return snprintf(text, size, SUMMARY, state,
	    (int) (DP_JOURNAL_STATE - strlen(state)), "",
	    journalPtr->error == 0 ? "true " : "false",
	    journalPtr->hosts.numEntries, journalPtr->failures.numEntries,
	    seconds);
}

/* The first line, into an empty buffer. */
static void
AddHeader(DpJournal *journalPtr, DpBuf *bufPtr)
{
    Tcl_Obj **objv;
    int objc = 0, isTrue;
    char text[256];

    AddText(bufPtr, FIRST);
    Summary(journalPtr, "open", 0, text, sizeof(text));
    AddText(bufPtr, text);
    AddText(bufPtr, ",\"id\":\"");
    DpBufAppend(bufPtr, journalPtr->name, strcspn(journalPtr->name, "."));
    AddText(bufPtr, "\",\"time\":");
    AddMicros(bufPtr, journalPtr->startTime);
    AddText(bufPtr, ",\"pid\":");
    DpJsonWhole(bufPtr, DpJournalFilePid());
    AddText(bufPtr, ",\"machine\":");
    DpJournalFileMachine(text, sizeof(text));
    DpJsonString(bufPtr, text, (int) strlen(text));
    if (Tcl_ListObjGetElements(NULL, journalPtr->factsPtr, &objc, &objv)
	    != TCL_OK) {
	objc = 0;
    }
    for (int i = 0; i + 1 < objc; i += 2) {
	const char *key = Tcl_GetString(objv[i]);

	AddText(bufPtr, ",\"");
	AddText(bufPtr, key);
	AddText(bufPtr, "\":");
	if (strcmp(key, "arguments") == 0) {
	    AddArray(journalPtr, bufPtr, objv[i + 1]);
	} else if (strcmp(key, "sandbox") == 0
		&& Tcl_GetBooleanFromObj(NULL, objv[i + 1], &isTrue)
		== TCL_OK) {
	    AddText(bufPtr, isTrue ? "true" : "false");
	} else {
	    AddString(journalPtr, bufPtr, objv[i + 1]);
	}
    }
    AddText(bufPtr, "}\n");
    DpReleaseObj(&journalPtr->factsPtr);
}

static void
Open(DpJournal *journalPtr)
{
    char moment[DP_JOURNAL_NAME];
    int error = EEXIST;
    DpBuf all = {0};

    /* Names in the order of their begins; no two runs have the same. */
    for (int64_t at = journalPtr->startTime; error == EEXIST
	    && at < journalPtr->startTime + 1000; at++) {
	DpJournalFileName(at, moment);
	snprintf(journalPtr->name, sizeof(journalPtr->name),
		"%s-%06d.jsonl", moment, (int) (at % 1000000));
	error = DpJournalFileMake(journalPtr->directory, journalPtr->name,
		&journalPtr->fd);
    }
    if (error != 0) {
	journalPtr->name[0] = '\0';
	Fail(journalPtr, error);
	return;
    }
    AddHeader(journalPtr, &all);
    DpBufAppend(&all, DpBufData(&journalPtr->lines),
	    DpBufLength(&journalPtr->lines));
    DpBufFree(&journalPtr->lines);
    journalPtr->lines = all;
}

/* What stands in memory goes to the file. */
static void
Write(DpJournal *journalPtr)
{
    size_t count = DpBufLength(&journalPtr->lines);
    int error;

    if (count == 0 || journalPtr->fd < 0) {
	return;
    }
    /* It would wake the loop for nothing. */
    DpTimerStop(&journalPtr->timer);
    error = journalPtr->written + (int64_t) count > MAX_FILE ? EFBIG
	    : DpJournalFileWrite(journalPtr->fd,
	    DpBufData(&journalPtr->lines), count);
    if (error != 0) {
	Fail(journalPtr, error);
	return;
    }
    journalPtr->written += (int64_t) count;
    DpBufConsume(&journalPtr->lines, count);
}

static void
WriteTimer(void *clientData)
{
    Write(clientData);
}

/* A line has come. */
static void
Added(DpJournal *journalPtr, DpJournalUse use)
{
    if (journalPtr->fd < 0) {
	if (use != DP_JOURNAL_STEP
		&& DpBufLength(&journalPtr->lines) < MAX_WAITING) {
	    return;
	}
	Open(journalPtr);
    }
    if (use == DP_JOURNAL_STEP
	    || DpBufLength(&journalPtr->lines) >= MAX_WAITING) {
	Write(journalPtr);
    } else if (journalPtr->error == 0 && journalPtr->timer.loopPtr == NULL) {
	DpTimerStart(journalPtr->dpPtr->loopPtr, &journalPtr->timer,
		WRITE_MS, WriteTimer, journalPtr);
    }
}

static bool
Takes(const DpJournal *journalPtr)
{
    return journalPtr->id != 0 && journalPtr->error == 0;
}

static void
Note(Tcl_HashTable *tablePtr, Tcl_Obj *keyPtr)
{
    int isNew;

    Tcl_CreateHashEntry(tablePtr, Tcl_GetString(keyPtr), &isNew);
}

/* --- lines --- */

DpBuf *
DpJournalLine(DpJournal *journalPtr)
{
    return Takes(journalPtr) ? &journalPtr->lines : NULL;
}

bool
DpJournalHides(const DpJournal *journalPtr)
{
    return journalPtr->maskPtr != NULL;
}

void
DpJournalText(DpJournal *journalPtr, Tcl_Obj *textPtr)
{
    AddString(journalPtr, &journalPtr->lines, textPtr);
}

void
DpJournalPut(DpJournal *journalPtr, DpJournalUse use, Tcl_Obj *hostPtr)
{
    if (use == DP_JOURNAL_STEP && hostPtr != NULL) {
	Note(&journalPtr->hosts, hostPtr);
    }
    DpBufAppend(&journalPtr->lines, "\n", 1);
    Added(journalPtr, use);
}

bool
DpJournalTakes(DpJournal *journalPtr, size_t count)
{
    if (!Takes(journalPtr)
	    || journalPtr->output + (int64_t) count > MAX_OUTPUT) {
	return false;
    }
    journalPtr->output += (int64_t) count;
    return true;
}

/* The begin of a line that is no event. */
static void
AddBegin(DpJournal *journalPtr, const char *type, const char *phase,
	const char *key, Tcl_WideInt id)
{
    const char *const texts[] = {"{\"type\":\"", type, "\",", phase, "\"", key,
	"\":"};
    size_t room = 2 * DP_JSON_DIGITS + 16;
    unsigned char *from, *to;

    for (size_t i = 0; i < DP_ARRAY_SIZE(texts); i++) {
	room += strlen(texts[i]);
    }
    to = from = DpBufReserve(&journalPtr->lines, room);
    for (size_t i = 0; i < DP_ARRAY_SIZE(texts); i++) {
	to = (unsigned char *) stpcpy((char *) to, texts[i]);
    }
    to = DpJsonPutWhole(to, id);
    to = (unsigned char *) stpcpy((char *) to, ",\"time\":");
    to = DpJsonPutMicros(to, Microseconds());
    DpBufAdded(&journalPtr->lines, (size_t) (to - from));
}

void
DpJournalOmitted(DpJournal *journalPtr, Tcl_WideInt id, int64_t count)
{
    char text[64];

    if (!Takes(journalPtr)) {
	return;
    }
    AddBegin(journalPtr, "run", "\"phase\":\"output\",", "id", id);
    snprintf(text, sizeof(text), ",\"omitted\":%lld}\n", (long long) count);
    AddText(&journalPtr->lines, text);
    Added(journalPtr, DP_JOURNAL_MORE);
}

void
DpJournalCells(DpJournal *journalPtr, Tcl_WideInt id, Tcl_Obj *argumentsPtr,
	Tcl_WideInt count)
{
    char text[64];

    if (!Takes(journalPtr)) {
	return;
    }
    AddBegin(journalPtr, "cells", "", "parent", id);
    AddText(&journalPtr->lines, ",\"arguments\":");
    AddArray(journalPtr, &journalPtr->lines, argumentsPtr);
    snprintf(text, sizeof(text), ",\"count\":%lld}\n", (long long) count);
    AddText(&journalPtr->lines, text);
    Added(journalPtr, DP_JOURNAL_MORE);
}

void
DpJournalCell(DpJournal *journalPtr, Tcl_WideInt id, Tcl_Obj *keyPtr,
	bool good, Tcl_Obj *resultPtr)
{
    DpBuf *bufPtr = &journalPtr->lines;
    Tcl_Obj *cleanPtr;
    int length;

    if (!Takes(journalPtr)) {
	return;
    }
    AddBegin(journalPtr, "cell", "", "parent", id);
    AddText(bufPtr, ",\"key\":");
    AddString(journalPtr, bufPtr, keyPtr);
    AddText(bufPtr, good ? ",\"good\":true" : ",\"good\":false");
    if (resultPtr != NULL) {
	(void) Tcl_GetStringFromObj(resultPtr, &length);
	cleanPtr = Clean(journalPtr, resultPtr);
	Tcl_IncrRefCount(cleanPtr);
	if (!good || (cleanPtr == resultPtr && length <= MAX_RESULT)) {
	    AddText(bufPtr, good ? ",\"result\":" : ",\"error\":");
	    AddString(journalPtr, bufPtr, cleanPtr);
	}
	Tcl_DecrRefCount(cleanPtr);
    }
    AddText(bufPtr, "}\n");
    if (!good) {
	Note(&journalPtr->failures, keyPtr);
    }
    Added(journalPtr, DP_JOURNAL_MORE);
}

void
DpJournalFailed(DpJournal *journalPtr, Tcl_Obj *keyPtr)
{
    Note(&journalPtr->failures, keyPtr);
}

/* --- the end --- */

static void
Forget(DpJournal *journalPtr)
{
    if (journalPtr->id != 0) {
	DpHandleForget(journalPtr->dpPtr, DP_JOURNALS, journalPtr->id);
	journalPtr->id = 0;
	DpTimerStop(&journalPtr->timer);
	CloseFile(journalPtr);
	DpJournalDrop(journalPtr);
    }
}

Tcl_Obj *
DpJournalClose(DpJournal *journalPtr, const char *state)
{
    double seconds = (double) (Microseconds() - journalPtr->startTime) / 1e6;
    Tcl_Obj *told[3], *listPtr;
    char text[256];
    int count, error = 0;

    Write(journalPtr);
    if (journalPtr->fd >= 0) {
	count = Summary(journalPtr, state, seconds, text, sizeof(text));
	error = DpJournalFilePatch(journalPtr->fd, sizeof(FIRST) - 1, text,
		(size_t) count);
    }
    if (journalPtr->error == 0) {
	journalPtr->error = error;
    }
    told[0] = journalPtr->rootPtr != NULL ? journalPtr->rootPtr
	    : Tcl_NewObj();
    told[1] = Tcl_NewStringObj(journalPtr->name,
	    (int) strcspn(journalPtr->name, "."));
    told[2] = Tcl_NewStringObj(journalPtr->error == 0 ? ""
	    : Tcl_ErrnoMsg(journalPtr->error), -1);
    listPtr = Tcl_NewListObj(3, told);
    Forget(journalPtr);
    return listPtr;
}

static void
EndJournal(DpInterp *dpPtr, unsigned long id, void *value)
{
    DpJournal *journalPtr = value;

    (void) dpPtr;
    (void) id;
    journalPtr->id = 0;
    Write(journalPtr);
    DpTimerStop(&journalPtr->timer);
    CloseFile(journalPtr);
    DpJournalDrop(journalPtr);
}

void
DpJournalAbandonAll(DpInterp *dpPtr)
{
    Tcl_HashTable *tablePtr = &dpPtr->handles[DP_JOURNALS].table;
    Tcl_HashEntry *entryPtr;
    Tcl_HashSearch search;

    while ((entryPtr = Tcl_FirstHashEntry(tablePtr, &search)) != NULL) {
	DpJournal *journalPtr = Tcl_GetHashValue(entryPtr);

	Write(journalPtr);
	Forget(journalPtr);
    }
}

void
DpJournalInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_JOURNALS, EndJournal);
}

/*
 * dpInterp.c -- what the package keeps for one interpreter.
 *
 * Layer L1.
 */

#include "dpInterp.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define ASSOC_KEY "::deployer::core"

/* A host that does not answer must not keep a program from its end. */
#define LEAVE_MS 4000
#define MAX_LEAVES 2

/* The record with what only its own end needs. */
typedef struct Record {
    DpInterp dp;                /* first: the two are one */
    DpHandleFree *freeProcs[DP_NUM_HANDLES];
    const DpLeave *leaves[MAX_LEAVES];
    int numLeaves;
    bool ended;
} Record;

static const char *const prefixes[DP_NUM_HANDLES] = {
    [DP_WAITS] = "wait",
    [DP_PROCS] = "proc",
    [DP_SESSIONS] = "ssh",
    [DP_CASTS] = "cast",
    [DP_FSES] = "fs",
    [DP_COPIES] = "copy",
    [DP_PUMPS] = "pump",
    [DP_ENDINGS] = "ending",
    [DP_GATHERS] = "gather",
    [DP_SPANS] = "event",
    [DP_SINKS] = "sink",
    [DP_JOURNALS] = "journal",
    [DP_EDITS] = "edit",
};

void
DpInterpLeave(DpInterp *dpPtr, const DpLeave *leavePtr)
{
    Record *recordPtr = (Record *) dpPtr;

    recordPtr->leaves[recordPtr->numLeaves++] = leavePtr;
}

/* Lets those of DpInterpLeave do what they have to. */
static void
Leave(Record *recordPtr)
{
    int64_t start = DpLoopNow(), elapsed = 0;
    void *data[MAX_LEAVES];
    bool left = false;

    for (int i = 0; i < recordPtr->numLeaves; i++) {
	data[i] = recordPtr->leaves[i]->begin(&recordPtr->dp);
	left |= data[i] != NULL;
    }
    while (left && elapsed < LEAVE_MS) {
	DpLoopPoll(recordPtr->dp.loopPtr, 20);
	elapsed = DpLoopNow() - start;
	left = false;
	for (int i = 0; i < recordPtr->numLeaves; i++) {
	    left |= data[i] != NULL
		    && recordPtr->leaves[i]->left(data[i], elapsed);
	}
    }
    for (int i = 0; i < recordPtr->numLeaves; i++) {
	if (data[i] != NULL) {
	    recordPtr->leaves[i]->end(data[i]);
	}
    }
}

/* Frees what stands behind the handles of one kind. */
static void
FreeHandles(Record *recordPtr, int kind)
{
    DpHandles *handlesPtr = &recordPtr->dp.handles[kind];
    Tcl_HashSearch search;
    Tcl_HashEntry *entryPtr;

    while ((entryPtr = Tcl_FirstHashEntry(&handlesPtr->table, &search))
	    != NULL) {
	unsigned long id = (unsigned long) (uintptr_t)
		Tcl_GetHashKey(&handlesPtr->table, entryPtr);
	void *value = Tcl_GetHashValue(entryPtr);

	Tcl_DeleteHashEntry(entryPtr);
	if (recordPtr->freeProcs[kind] != NULL) {
	    recordPtr->freeProcs[kind](&recordPtr->dp, id, value);
	}
    }
}

/* Twin of those who set the slot and its procedure. */
static void
FreeSlot(void **slotPtr, void (*freeProc)(void *value))
{
    if (*slotPtr != NULL) {
	freeProc(*slotPtr);
	*slotPtr = NULL;
    }
}

/*
 * The end of the interpreter or of the process, whichever is first: sessions
 * say goodbye, secrets are wiped. What uses others goes before them; procs end
 * with their sessions. What goes on is told to have ended before it is ended;
 * pumps go before anything else, as they must not take what is ended then for
 * what has ended.
 */
static void
EndRecord(ClientData clientData)
{
    static const int order[] = {
	DP_COPIES, DP_FSES, DP_SESSIONS, DP_PROCS, DP_ENDINGS, DP_CASTS,
	DP_SINKS, DP_JOURNALS, DP_EDITS, DP_WAITS, DP_GATHERS
    };
    Record *recordPtr = clientData;
    DpInterp *dpPtr = &recordPtr->dp;

    if (recordPtr->ended) {
	return;
    }
    recordPtr->ended = true;
    dpPtr->interp = NULL;
    FreeHandles(recordPtr, DP_SPANS);
    FreeHandles(recordPtr, DP_PUMPS);
    Leave(recordPtr);
    for (size_t i = 0; i < DP_ARRAY_SIZE(order); i++) {
	FreeHandles(recordPtr, order[i]);
    }
    FreeSlot(&dpPtr->endingPtr, dpPtr->endingFree);
    FreeSlot(&dpPtr->spawnPtr, dpPtr->spawnFree);
    FreeSlot(&dpPtr->sshPtr, dpPtr->sshFree);
    DpLoopStop(dpPtr->loopPtr);
}

static void
InterpDeleted(ClientData clientData, Tcl_Interp *interp)
{
    (void) interp;
    Tcl_DeleteThreadExitHandler(EndRecord, clientData);
    EndRecord(clientData);
    DpInterpDrop(clientData);
}

DpInterp *
DpInterpGet(Tcl_Interp *interp)
{
    Record *recordPtr = Tcl_GetAssocData(interp, ASSOC_KEY, NULL);
    DpLoop *loopPtr;

    if (recordPtr != NULL) {
	return &recordPtr->dp;
    }
    loopPtr = DpLoopNew();
    if (loopPtr == NULL) {
	return NULL;
    }
    recordPtr = DpAlloc(sizeof(*recordPtr));
    recordPtr->dp.refCount = 1;
    recordPtr->dp.interp = interp;
    recordPtr->dp.loopPtr = loopPtr;
    for (int i = 0; i < DP_NUM_HANDLES; i++) {
	recordPtr->dp.handles[i].prefix = prefixes[i];
	Tcl_InitHashTable(&recordPtr->dp.handles[i].table,
		TCL_ONE_WORD_KEYS);
    }
    Tcl_SetAssocData(interp, ASSOC_KEY, InterpDeleted, recordPtr);
    Tcl_CreateThreadExitHandler(EndRecord, recordPtr);
    return &recordPtr->dp;
}

void
DpInterpHold(DpInterp *dpPtr)
{
    dpPtr->refCount++;
}

void
DpInterpDrop(DpInterp *dpPtr)
{
    if (--dpPtr->refCount > 0) {
	return;
    }
    for (int i = 0; i < DP_NUM_HANDLES; i++) {
	Tcl_DeleteHashTable(&dpPtr->handles[i].table);
    }
    DpLoopDrop(dpPtr->loopPtr);
    DpFree(dpPtr);
}

void
DpInterpAtEnd(DpInterp *dpPtr, int kind, DpHandleFree *freeProc)
{
    ((Record *) dpPtr)->freeProcs[kind] = freeProc;
}

void
DpChannelName(DpInterp *dpPtr, const char *prefix, const void *data,
	char name[DP_CHANNEL_NAME])
{
    snprintf(name, DP_CHANNEL_NAME, "%s%p_%lu", prefix, data,
	    ++dpPtr->lastChannel);
}

unsigned long
DpHandleNew(DpInterp *dpPtr, int kind, void *value)
{
    DpHandles *handlesPtr = &dpPtr->handles[kind];
    unsigned long id = ++handlesPtr->last;
    int isNew;

    Tcl_SetHashValue(Tcl_CreateHashEntry(&handlesPtr->table,
	    (char *) (uintptr_t) id, &isNew), value);
    return id;
}

void *
DpHandleGet(DpInterp *dpPtr, int kind, unsigned long id)
{
    Tcl_HashEntry *entryPtr = Tcl_FindHashEntry(&dpPtr->handles[kind].table,
	    (char *) (uintptr_t) id);

    return entryPtr == NULL ? NULL : Tcl_GetHashValue(entryPtr);
}

int
DpHandleFind(DpInterp *dpPtr, int kind, Tcl_Obj *objPtr, void **valuePtr)
{
    DpHandles *handlesPtr = &dpPtr->handles[kind];
    const char *name = Tcl_GetString(objPtr), *at = name;
    const char *prefix = handlesPtr->prefix;
    unsigned long id = 0;

    *valuePtr = NULL;
    while (*prefix != '\0' && *at == *prefix) {
	at++;
	prefix++;
    }
    if (*prefix == '\0' && *at >= '1' && *at <= '9') {
	/* Handles are given up by the million: one that runs over is none. */
	while (*at >= '0' && *at <= '9' && id < ULONG_MAX / 10) {
	    id = 10 * id + (unsigned long) (*at++ - '0');
	}
	if (*at == '\0') {
	    *valuePtr = DpHandleGet(dpPtr, kind, id);
	}
    }
    if (*valuePtr == NULL) {
	Tcl_SetObjResult(dpPtr->interp, Tcl_ObjPrintf(
		"there is no \"%s\": it was closed or never existed", name));
	Tcl_SetErrorCode(dpPtr->interp, "TCL", "LOOKUP", "HANDLE", name,
		(char *) NULL);
	return TCL_ERROR;
    }
    return TCL_OK;
}

void
DpHandleForget(DpInterp *dpPtr, int kind, unsigned long id)
{
    Tcl_HashEntry *entryPtr = Tcl_FindHashEntry(&dpPtr->handles[kind].table,
	    (char *) (uintptr_t) id);

    if (entryPtr != NULL) {
	Tcl_DeleteHashEntry(entryPtr);
    }
}

Tcl_Obj *
DpHandleObj(DpInterp *dpPtr, int kind, unsigned long id)
{
    const char *prefix = dpPtr->handles[kind].prefix;
    char text[64], *digit = text + sizeof(text);
    size_t length = strlen(prefix);

    /* Each command makes several: printf takes ten times as long. */
    do {
	*--digit = (char) ('0' + id % 10);
	id /= 10;
    } while (id > 0);
    digit -= length;
    memcpy(digit, prefix, length);
    return Tcl_NewStringObj(digit, (int) (text + sizeof(text) - digit));
}

int
DpHandleCount(DpInterp *dpPtr, int kind)
{
    return (int) dpPtr->handles[kind].table.numEntries;
}

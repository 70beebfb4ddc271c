/*
 * dpEventJob.c -- events that end with a job, and those of actions.
 *
 * Layer L4. A job is told by the name of its coroutine. There may be thousands,
 * each with one event mostly.
 */

#include "dpEventInt.h"

#include "dpObj.h"

/* What ends with a job. */
typedef struct Job {
    Tcl_Obj *journalPtr;        /* held: the run that ends, too, or NULL */
    int count;
    unsigned long handles[];    /* of events, those begun first at the front */
} Job;

static void
FreeJob(Job *jobPtr)
{
    DpReleaseObj(&jobPtr->journalPtr);
    DpFree(jobPtr);
}

void
DpEventJobsFree(Hub *hubPtr)
{
    Tcl_HashSearch search;
    Tcl_HashEntry *entryPtr = Tcl_FirstHashEntry(&hubPtr->jobs, &search);

    for (; entryPtr != NULL; entryPtr = Tcl_NextHashEntry(&search)) {
	FreeJob(Tcl_GetHashValue(entryPtr));
    }
    Tcl_DeleteHashTable(&hubPtr->jobs);
}

void
DpEventJobAdd(Hub *hubPtr, Tcl_Obj *coPtr, unsigned long handle,
	Tcl_Obj *journalPtr)
{
    int isNew;
    Tcl_HashEntry *entryPtr = Tcl_CreateHashEntry(&hubPtr->jobs,
	    Tcl_GetString(coPtr), &isNew);
    Job *jobPtr = isNew ? NULL : Tcl_GetHashValue(entryPtr);
    int count = isNew ? 0 : jobPtr->count;

    jobPtr = DpRealloc(jobPtr, sizeof(*jobPtr)
	    + ((size_t) count + 1) * sizeof(*jobPtr->handles));
    if (isNew) {
	jobPtr->journalPtr = NULL;
    }
    if (journalPtr != NULL) {
	DpReplaceObj(&jobPtr->journalPtr, journalPtr);
    }
    jobPtr->handles[count] = handle;
    jobPtr->count = count + 1;
    Tcl_SetHashValue(entryPtr, jobPtr);
}

/* Its record, out of the table; NULL: nothing ends with it. */
static Job *
TakeJob(Hub *hubPtr, Tcl_Obj *coPtr)
{
    Tcl_HashEntry *entryPtr;
    Job *jobPtr;

    if (hubPtr->jobs.numEntries == 0) {
	return NULL;
    }
    entryPtr = Tcl_FindHashEntry(&hubPtr->jobs, Tcl_GetString(coPtr));
    if (entryPtr == NULL) {
	return NULL;
    }
    jobPtr = Tcl_GetHashValue(entryPtr);
    Tcl_DeleteHashEntry(entryPtr);
    return jobPtr;
}

/* Instances come and go, and nobody says that one has gone. */
#define MAX_KEPT 1000

/* The key, in a string that who calls has to free. */
static const char *
KeptKey(Tcl_DString *keyPtr, DpEventKind kind, Tcl_Obj *spacePtr,
	Tcl_Obj *methodPtr)
{
    Tcl_DStringInit(keyPtr);
    Tcl_DStringAppend(keyPtr, kind == DP_EVENT_RUN ? "r" : "a", 1);
    Tcl_DStringAppend(keyPtr, Tcl_GetString(spacePtr), spacePtr->length);
    Tcl_DStringAppend(keyPtr, " ", 1);
    return Tcl_DStringAppend(keyPtr, Tcl_GetString(methodPtr),
	    methodPtr->length);
}

Tcl_Obj *
DpEventKept(Hub *hubPtr, DpEventKind kind, Tcl_Obj *spacePtr,
	Tcl_Obj *methodPtr)
{
    Tcl_DString key;
    Tcl_HashEntry *entryPtr = Tcl_FindHashEntry(&hubPtr->kept,
	    KeptKey(&key, kind, spacePtr, methodPtr));

    Tcl_DStringFree(&key);
    return entryPtr != NULL ? Tcl_GetHashValue(entryPtr) : NULL;
}

static void
ForgetKept(Tcl_HashEntry *entryPtr)
{
    Tcl_Obj *listPtr = Tcl_GetHashValue(entryPtr);

    Tcl_DeleteHashEntry(entryPtr);
    Tcl_DecrRefCount(listPtr);
}

static void
ForgetAllKept(Hub *hubPtr)
{
    Tcl_HashSearch search;
    Tcl_HashEntry *entryPtr;

    while ((entryPtr = Tcl_FirstHashEntry(&hubPtr->kept, &search)) != NULL) {
	ForgetKept(entryPtr);
    }
}

void
DpEventKeep(Hub *hubPtr, DpEventKind kind, Tcl_Obj *spacePtr,
	Tcl_Obj *methodPtr, Tcl_Obj *listPtr)
{
    Tcl_HashEntry *entryPtr;
    Tcl_DString key;
    int isNew;

    (void) KeptKey(&key, kind, spacePtr, methodPtr);
    entryPtr = Tcl_FindHashEntry(&hubPtr->kept, Tcl_DStringValue(&key));
    if (entryPtr != NULL) {
	ForgetKept(entryPtr);
    }
    if (listPtr != NULL) {
	if (hubPtr->kept.numEntries >= MAX_KEPT) {
	    ForgetAllKept(hubPtr);
	}
	Tcl_IncrRefCount(listPtr);
	Tcl_SetHashValue(Tcl_CreateHashEntry(&hubPtr->kept,
		Tcl_DStringValue(&key), &isNew), listPtr);
    }
    Tcl_DStringFree(&key);
}

void
DpEventChanged(Hub *hubPtr)
{
    hubPtr->changes++;
    ForgetAllKept(hubPtr);
}

/* The run has ended well. */
static void
EndRun(Hub *hubPtr, Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    DpJournal *journalPtr;

    if (DpJournalGet(hubPtr->dpPtr, namePtr, &journalPtr) != TCL_OK) {
	Tcl_ResetResult(interp);
	return;
    }
    Tcl_SetObjResult(interp, DpJournalClose(journalPtr, "done"));
}

int
DpEventOverSub(Hub *hubPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    Job *jobPtr = TakeJob(hubPtr, objv[2]);

    if (jobPtr == NULL) {
	return TCL_OK;
    }
    for (int i = jobPtr->count - 1; i >= 0; i--) {
	DpSpan *spanPtr = DpHandleGet(hubPtr->dpPtr, DP_SPANS,
		jobPtr->handles[i]);

	/* What is above may have ended it. */
	if (spanPtr != NULL) {
	    DpSpanEndPlain(spanPtr);
	}
    }
    if (jobPtr->journalPtr != NULL) {
	EndRun(hubPtr, interp, jobPtr->journalPtr);
    }
    FreeJob(jobPtr);
    return TCL_OK;
}

int
DpEventEventsSub(Hub *hubPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    Job *jobPtr = TakeJob(hubPtr, objv[2]);
    Tcl_Obj *listPtr;

    if (jobPtr == NULL) {
	return TCL_OK;
    }
    listPtr = Tcl_NewListObj(0, NULL);
    Tcl_ListObjAppendElement(NULL, listPtr, jobPtr->journalPtr != NULL
	    ? jobPtr->journalPtr : hubPtr->words[W_NONE]);
    for (int i = jobPtr->count - 1; i >= 0; i--) {
	Tcl_ListObjAppendElement(NULL, listPtr, DpHandleObj(hubPtr->dpPtr,
		DP_SPANS, jobPtr->handles[i]));
    }
    Tcl_SetObjResult(interp, listPtr);
    FreeJob(jobPtr);
    return TCL_OK;
}

int
DpEventJobSub(Hub *hubPtr, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    DpSpan *spanPtr;

    (void) interp;
    if (DpSpanGet(hubPtr->dpPtr, objv[3], &spanPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    DpEventJobAdd(hubPtr, objv[2], spanPtr->handle,
	    objc > 4 ? objv[4] : NULL);
    return TCL_OK;
}

/* --- actions --- */

int
DpEventCellSub(Hub *hubPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    enum { T_CHANGES, T_PARENT, T_SINKS, T_PATH, T_SANDBOX, T_INTERACTIVE,
	T_COUNT };
    DpSpan *parentPtr, *spanPtr;
    Tcl_Obj **told, *pathPtr;
    const char *path, *slug;
    Tcl_WideInt changes;
    int count, pathLength, slugLength;

    if (Tcl_ListObjGetElements(interp, objv[2], &count, &told) != TCL_OK) {
	return TCL_ERROR;
    }
    if (count != T_COUNT || Tcl_GetWideIntFromObj(NULL, told[T_CHANGES],
	    &changes) != TCL_OK || changes != hubPtr->changes) {
	return TCL_OK;
    }
    parentPtr = DpSpanFind(hubPtr->dpPtr, told[T_PARENT]);
    spanPtr = DpSpanNew(hubPtr, parentPtr, hubPtr->words[W_ACTION],
	    told[T_SINKS]);
    path = Tcl_GetStringFromObj(told[T_PATH], &pathLength);
    slug = Tcl_GetStringFromObj(objv[3], &slugLength);
    pathPtr = Tcl_NewObj();
    Tcl_SetObjLength(pathPtr, pathLength + 1 + slugLength);
    memcpy(pathPtr->bytes, path, (size_t) pathLength);
    pathPtr->bytes[pathLength] = ':';
    memcpy(pathPtr->bytes + pathLength + 1, slug, (size_t) slugLength);
    DpReplaceObj(&spanPtr->given[PATH], pathPtr);
    DpReplaceObj(&spanPtr->given[HOST], objv[3]);
    DpReplaceObj(&spanPtr->given[COMMAND], DpEventClean(NULL, objv[4]));
    DpReplaceObj(&spanPtr->given[SANDBOX], told[T_SANDBOX]);
    DpReplaceObj(&spanPtr->given[INTERACTIVE], told[T_INTERACTIVE]);
    DpSpanBegun(spanPtr, parentPtr);
    DpEventJobAdd(hubPtr, objv[5], spanPtr->handle, NULL);
    Tcl_SetObjResult(interp, DpHandleObj(hubPtr->dpPtr, DP_SPANS,
	    spanPtr->handle));
    return TCL_OK;
}

int
DpEventAgainSub(Hub *hubPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    enum { K_SINKS, K_PATH, K_SANDBOX, K_INTERACTIVE, K_COUNT };
    Tcl_Obj **kept, *parentPtr, *journalPtr, *sandboxPtr, *sinksPtr, *keptPtr;
    DpSpan *abovePtr = NULL, *spanPtr;
    int count, numSinks;

    keptPtr = DpEventKept(hubPtr, DP_EVENT_ACTION, objv[3], objv[4]);
    if (keptPtr == NULL || Tcl_ListObjGetElements(NULL, keptPtr, &count,
	    &kept) != TCL_OK) {
	return TCL_OK;
    }
    if (count != K_COUNT) {
	Tcl_SetObjResult(interp, Tcl_NewBooleanObj(0));
	return TCL_OK;
    }
    if (Tcl_DictObjGet(interp, objv[5], hubPtr->words[W_SANDBOX], &sandboxPtr)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (sandboxPtr != NULL) {
	return TCL_OK;
    }
    sinksPtr = kept[K_SINKS];
    if (Tcl_ListObjLength(interp, sinksPtr, &numSinks) != TCL_OK) {
	return TCL_ERROR;
    }
    (void) Tcl_DictObjGet(NULL, objv[5], hubPtr->words[W_EVENT], &parentPtr);
    (void) Tcl_DictObjGet(NULL, objv[5], hubPtr->words[W_JOURNAL],
	    &journalPtr);
    if (parentPtr != NULL) {
	/* The journal hears of it by what is above. */
	journalPtr = NULL;
	abovePtr = DpSpanFind(hubPtr->dpPtr, parentPtr);
    } else if (journalPtr != NULL) {
	sinksPtr = Tcl_DuplicateObj(sinksPtr);
	Tcl_ListObjAppendElement(NULL, sinksPtr, journalPtr);
    } else if (numSinks == 0) {
	/* Nobody listens. */
	Tcl_SetObjResult(interp, Tcl_NewBooleanObj(0));
	return TCL_OK;
    }
    Tcl_IncrRefCount(sinksPtr);
    spanPtr = DpSpanNew(hubPtr, abovePtr, hubPtr->words[W_ACTION], sinksPtr);
    Tcl_DecrRefCount(sinksPtr);
    DpReplaceObj(&spanPtr->given[PATH], kept[K_PATH]);
    DpReplaceObj(&spanPtr->given[COMMAND], DpEventClean(NULL, objv[4]));
    DpReplaceObj(&spanPtr->given[SANDBOX], kept[K_SANDBOX]);
    DpReplaceObj(&spanPtr->given[INTERACTIVE], kept[K_INTERACTIVE]);
    DpSpanBegun(spanPtr, abovePtr);
    DpEventJobAdd(hubPtr, objv[2], spanPtr->handle, journalPtr);
    Tcl_SetObjResult(interp, DpHandleObj(hubPtr->dpPtr, DP_SPANS,
	    spanPtr->handle));
    return TCL_OK;
}

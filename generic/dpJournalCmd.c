/*
 * dpJournalCmd.c -- the command core::journal.
 *
 * Layer L4.
 */

#include "dpJournalCmd.h"

#include "dpJournalFile.h"
#include "dpObj.h"

#include <stdlib.h>
#include <tclOO.h>

/* So many variables decide where journals are. */
#define NUM_VARIABLES 2

/* What the jobs of a fan-out tell a journal. */
typedef struct Fan {
    DpJournal *journalPtr;      /* held */
    Tcl_WideInt id;             /* of the event that calls cells; 0: hosts */
} Fan;

/* Client data of core::journal. */
typedef struct Journals {
    DpInterp *dpPtr;            /* held */
    Hub *hubPtr;                /* held */
    Tcl_HashTable fans;         /* number of a fan-out -> Fan */
    Tcl_Obj *directoryPtr;      /* held, or NULL; see DirectorySub */
    char *variables[NUM_VARIABLES]; /* what they were then; NULL: not there */
} Journals;

/* The id of an event that goes on; 0: there is none. */
static Tcl_WideInt
SpanId(DpInterp *dpPtr, Tcl_Obj *namePtr)
{
    DpSpan *spanPtr;

    if (Tcl_GetString(namePtr)[0] == '\0'
	    || DpSpanGet(dpPtr, namePtr, &spanPtr) != TCL_OK) {
	Tcl_ResetResult(dpPtr->interp);
	return 0;
    }
    return spanPtr->id;
}

/* new DIRECTORY FACTS SECRETS ?ROOT? */
static int
NewSub(Journals *journalsPtr, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    DpJournal *journalPtr;
    Tcl_Obj **secrets;
    int length, count;

    if (Tcl_ListObjLength(interp, objv[3], &length) != TCL_OK
	    || Tcl_ListObjGetElements(interp, objv[4], &count, &secrets)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    journalPtr = DpJournalNew(journalsPtr->dpPtr, Tcl_GetString(objv[2]), objv[3],
	    objc > 5 ? objv[5] : NULL);
    DpJournalHide(journalPtr, secrets, count);
    Tcl_SetObjResult(interp, DpJournalObj(journalPtr));
    return TCL_OK;
}

/* open PATH -- whether the one who writes that journal lives. */
static int
OpenSub(Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    Tcl_DString native;
    bool isOpen = false;

    Tcl_UtfToExternalDString(NULL, Tcl_GetString(objv[2]), -1, &native);
    (void) DpJournalFileIsOpen(Tcl_DStringValue(&native), &isOpen);
    Tcl_DStringFree(&native);
    Tcl_SetObjResult(interp, Tcl_NewBooleanObj(isOpen));
    return TCL_OK;
}

/* What decides where journals are; with a path it is noted. */
static bool
IsSamePlace(Journals *journalsPtr, Tcl_Obj *pathPtr)
{
    static const char *const names[NUM_VARIABLES] = {
	"XDG_STATE_HOME", "HOME"
    };
    bool isSame = journalsPtr->directoryPtr != NULL;

    for (int i = 0; i < NUM_VARIABLES; i++) {
	const char *value = getenv(names[i]);
	char *kept = journalsPtr->variables[i];

	if (value == NULL ? kept != NULL : kept == NULL
		|| strcmp(value, kept) != 0) {
	    isSame = false;
	}
	if (pathPtr != NULL) {
	    DpFree(kept);
	    journalsPtr->variables[i] = DpStrdup(value);
	}
    }
    return isSame;
}

/*
 * directory ?PATH? -- what was given last, as long as what decides where that is
 * has not changed; "": it has. Tcl's own way through ::env looks at each variable
 * of the process.
 */
static int
DirectorySub(Journals *journalsPtr, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    bool isSame = IsSamePlace(journalsPtr, objc > 2 ? objv[2] : NULL);

    if (objc > 2) {
	DpReplaceObj(&journalsPtr->directoryPtr, objv[2]);
    } else if (isSame) {
	Tcl_SetObjResult(interp, journalsPtr->directoryPtr);
    }
    return TCL_OK;
}

/*
 * Whether two lists of lists have the same words: what a call of a method goes
 * through has no text, and to make that takes longer than all the rest.
 */
static bool
IsSameChain(Tcl_Obj *onePtr, Tcl_Obj *otherPtr)
{
    Tcl_Obj **ones, **others, **words, **otherWords;
    int count, otherCount, length, otherLength;

    if (Tcl_ListObjGetElements(NULL, onePtr, &count, &ones) != TCL_OK
	    || Tcl_ListObjGetElements(NULL, otherPtr, &otherCount, &others)
	    != TCL_OK || count != otherCount) {
	return false;
    }
    for (int i = 0; i < count; i++) {
	if (Tcl_ListObjGetElements(NULL, ones[i], &length, &words) != TCL_OK
		|| Tcl_ListObjGetElements(NULL, others[i], &otherLength,
		&otherWords) != TCL_OK || length != otherLength) {
	    return false;
	}
	for (int j = 0; j < length; j++) {
	    if (strcmp(Tcl_GetString(words[j]), Tcl_GetString(otherWords[j]))
		    != 0) {
		return false;
	    }
	}
    }
    return true;
}

static void
Append(Tcl_Obj *listPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(key, -1));
    Tcl_ListObjAppendElement(NULL, listPtr, valuePtr);
}

/* Whether a call of the method of the object goes through this. */
static bool
IsCallStill(Journals *journalsPtr, Tcl_Interp *interp, Tcl_Obj *objectPtr,
	const char *space, Tcl_Obj *methodPtr, Tcl_Obj *chainPtr)
{
    Tcl_Obj *words[3] = {
	journalsPtr->hubPtr->words[W_CALL], objectPtr, methodPtr
    };
    Tcl_Object object = Tcl_GetObjectFromObj(interp, objectPtr);
    bool isSame = object != NULL
	    && strcmp(Tcl_GetObjectNamespace(object)->fullName, space) == 0
	    && Tcl_EvalObjv(interp, 3, words, TCL_EVAL_GLOBAL) == TCL_OK
	    && IsSameChain(Tcl_GetObjResult(interp), chainPtr);

    Tcl_ResetResult(interp);
    return isSame;
}

/* Whether hosts have been told nothing else since this was noted. */
static bool
IsGeneration(Hub *hubPtr, Tcl_Obj *notedPtr)
{
    Tcl_Obj *nowPtr = Tcl_ObjGetVar2(hubPtr->dpPtr->interp,
	    hubPtr->words[W_GENERATION], NULL, TCL_GLOBAL_ONLY);

    return nowPtr != NULL
	    && strcmp(Tcl_GetString(nowPtr), Tcl_GetString(notedPtr)) == 0;
}

/* enter CONTEXT NS METHOD ARGUMENTS */
static int
EnterSub(Journals *journalsPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    enum { K_FACTS, K_ROOT, K_SANDBOX, K_OBJECT, K_CHAIN,
	K_GENERATION, K_SECRETS, K_COUNT };
    Hub *hubPtr = journalsPtr->hubPtr;
    Tcl_Obj **kept, **secrets, *keptPtr, *valuePtr, *factsPtr, *contextPtr;
    DpJournal *journalPtr;
    int count, numSecrets = 0, length, isInSandbox;

    keptPtr = DpEventKept(hubPtr, DP_EVENT_RUN, objv[3], objv[4]);
    if (Tcl_ListObjLength(interp, objv[5], &length) != TCL_OK
	    || Tcl_DictObjGet(interp, objv[2], hubPtr->words[W_RESUME],
	    &valuePtr) != TCL_OK) {
	return TCL_ERROR;
    }
    if (keptPtr == NULL || valuePtr != NULL || Tcl_ListObjGetElements(NULL,
	    keptPtr, &count, &kept) != TCL_OK || count != K_COUNT
	    || !IsSamePlace(journalsPtr, NULL)
	    || Tcl_GetBooleanFromObj(NULL, kept[K_SANDBOX], &isInSandbox)
	    != TCL_OK) {
	return TCL_OK;
    }
    Tcl_IncrRefCount(keptPtr);
    if (length > 0 && (!IsGeneration(hubPtr, kept[K_GENERATION])
	    || Tcl_ListObjGetElements(NULL, kept[K_SECRETS], &numSecrets,
	    &secrets) != TCL_OK
	    || !IsCallStill(journalsPtr, interp, kept[K_OBJECT],
	    Tcl_GetString(objv[3]), objv[4], kept[K_CHAIN]))) {
	Tcl_DecrRefCount(keptPtr);
	return TCL_OK;
    }
    (void) Tcl_DictObjGet(NULL, objv[2], hubPtr->words[W_SANDBOX], &valuePtr);
    factsPtr = Tcl_DuplicateObj(kept[K_FACTS]);
    Append(factsPtr, "arguments", objv[5]);
    Append(factsPtr, "sandbox", Tcl_NewBooleanObj(isInSandbox
	    || valuePtr != NULL));
    journalPtr = DpJournalNew(journalsPtr->dpPtr,
	    Tcl_GetString(journalsPtr->directoryPtr), factsPtr, kept[K_ROOT]);
    if (numSecrets > 0) {
	DpJournalHide(journalPtr, secrets, numSecrets);
    }
    Tcl_DecrRefCount(keptPtr);
    contextPtr = Tcl_DuplicateObj(objv[2]);
    Tcl_DictObjPut(NULL, contextPtr, hubPtr->words[W_JOURNAL],
	    DpJournalObj(journalPtr));
    Tcl_SetObjResult(interp, contextPtr);
    return TCL_OK;
}

/* tidy KEEP DAYS SIZE -- those of the directory that is kept; how many are gone. */
static int
TidySub(Journals *journalsPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    char oldest[DP_JOURNAL_NAME];
    Tcl_WideInt numbers[3], days;
    Tcl_DString native;
    int64_t now = DpEventNow();
    long gone;

    for (int i = 0; i < 3; i++) {
	if (Tcl_GetWideIntFromObj(interp, objv[2 + i], &numbers[i])
		!= TCL_OK) {
	    return TCL_ERROR;
	}
    }
    if (journalsPtr->directoryPtr == NULL) {
	return DpFail(interp, "ARGUMENT directory", "no directory was told yet");
    }
    days = now / 86400000000;
    DpJournalFileName(now - 86400000000 * (numbers[1] < days
	    ? numbers[1] : days), oldest);
    Tcl_UtfToExternalDString(NULL, Tcl_GetString(journalsPtr->directoryPtr),
	    -1, &native);
    gone = DpJournalFileTidy(Tcl_DStringValue(&native), numbers[0],
	    numbers[2], oldest);
    Tcl_DStringFree(&native);
    Tcl_SetObjResult(interp, Tcl_NewWideIntObj(gone));
    return TCL_OK;
}

/* Whether the return options are those of what was left out, not failed. */
static bool
IsSkipped(Tcl_Interp *interp, Tcl_Obj *optionsPtr)
{
    static const char *const words[] = {"DEPLOYER", "SKIPPED"};
    Tcl_Obj *keyPtr = Tcl_NewStringObj("-errorcode", -1), *codePtr = NULL;
    Tcl_Obj **code;
    int count;
    bool found = false;

    Tcl_IncrRefCount(keyPtr);
    if (Tcl_DictObjGet(interp, optionsPtr, keyPtr, &codePtr) == TCL_OK
	    && codePtr != NULL && Tcl_ListObjGetElements(interp, codePtr,
	    &count, &code) == TCL_OK && count >= 2) {
	found = strcmp(Tcl_GetString(code[0]), words[0]) == 0
		&& strcmp(Tcl_GetString(code[1]), words[1]) == 0;
    }
    Tcl_DecrRefCount(keyPtr);
    return found;
}

/* key FAN KEY CODE RESULT OPTIONS */
static int
KeySub(Journals *journalsPtr, Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    Tcl_Obj *resultPtr = objv[5];
    Tcl_HashEntry *entryPtr;
    const Fan *fanPtr;
    int number, code, length;

    if (journalsPtr->fans.numEntries == 0) {
	return TCL_OK;
    }
    if (Tcl_GetIntFromObj(interp, objv[2], &number) != TCL_OK
	    || Tcl_GetIntFromObj(interp, objv[4], &code) != TCL_OK) {
	return TCL_ERROR;
    }
    entryPtr = Tcl_FindHashEntry(&journalsPtr->fans,
	    (char *) (intptr_t) number);
    if (entryPtr == NULL
	    || (code == TCL_ERROR && IsSkipped(interp, objv[6]))) {
	return TCL_OK;
    }
    fanPtr = Tcl_GetHashValue(entryPtr);
    if (fanPtr->id == 0) {
	/* The events of the host say the rest. */
	if (code != TCL_OK) {
	    DpJournalFailed(fanPtr->journalPtr, objv[3]);
	}
	return TCL_OK;
    }
    (void) Tcl_GetStringFromObj(resultPtr, &length);
    if (code == TCL_OK && length > 0) {
	if (Tcl_GetObjectFromObj(interp, resultPtr) != NULL) {
	    /* It is nothing to another process. */
	    resultPtr = NULL;
	}
	Tcl_ResetResult(interp);
    }
    DpJournalCell(fanPtr->journalPtr, fanPtr->id, objv[3], code == TCL_OK,
	    resultPtr);
    return TCL_OK;
}

/* Twin of FanSub with a journal. */
static void
FreeFan(Tcl_HashEntry *entryPtr)
{
    Fan *fanPtr = Tcl_GetHashValue(entryPtr);

    Tcl_DeleteHashEntry(entryPtr);
    DpJournalDrop(fanPtr->journalPtr);
    DpFree(fanPtr);
}

/* fan NUMBER ?JOURNAL EVENT? */
static int
FanSub(Journals *journalsPtr, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    DpJournal *journalPtr;
    Tcl_HashEntry *entryPtr;
    Fan *fanPtr;
    int number, isNew;

    if (Tcl_GetIntFromObj(interp, objv[2], &number) != TCL_OK) {
	return TCL_ERROR;
    }
    entryPtr = Tcl_FindHashEntry(&journalsPtr->fans,
	    (char *) (intptr_t) number);
    if (entryPtr != NULL) {
	FreeFan(entryPtr);
    }
    if (objc < 5) {
	return TCL_OK;
    }
    if (DpJournalGet(journalsPtr->dpPtr, objv[3], &journalPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    fanPtr = DpAlloc(sizeof(*fanPtr));
    fanPtr->journalPtr = journalPtr;
    DpJournalHold(journalPtr);
    fanPtr->id = SpanId(journalsPtr->dpPtr, objv[4]);
    Tcl_SetHashValue(Tcl_CreateHashEntry(&journalsPtr->fans,
	    (char *) (intptr_t) number, &isNew), fanPtr);
    return TCL_OK;
}

/*
 * core::journal new DIRECTORY FACTS SECRETS ?ROOT? -- a handle, to stand among
 * the sinks of an event. FACTS is a list of keys and values, of which `arguments`
 * is a list.
 * core::journal enter CONTEXT NS METHOD ARGUMENTS -- the same, for what was called
 * before: `core::event keep run` of METHOD of the instance of namespace NS was the
 * list FACTS ROOT SANDBOX OBJECT CHAIN GENERATION SECRETS, FACTS without arguments
 * and sandbox; the last four are for calls with arguments, and CHAIN is what
 * `info object call` says. Returns CONTEXT with the handle; nothing is done, and ""
 * returned, where that is not right any more.
 * core::journal hide JOURNAL TEXTS -- these are *** from here on.
 * core::journal cells JOURNAL EVENT ARGUMENTS COUNT -- EVENT calls so many.
 * core::journal cell JOURNAL EVENT KEY GOOD ?RESULT? -- one of these has ended.
 * core::journal fan NUMBER JOURNAL EVENT -- the fan-out with this number is a
 * call on cells below EVENT; "": one on hosts.
 * core::journal key NUMBER KEY CODE RESULT OPTIONS -- a job of it has ended;
 * nothing where that is not of any journal.
 * core::journal fan NUMBER -- it is over.
 * core::journal failed JOURNAL KEY -- to be counted.
 * core::journal close JOURNAL STATE -- list of ROOT, id ("": no file), error.
 * core::journal directory ?PATH? -- keeps PATH, or gives what is kept; "" where
 * that may not be right any more.
 * core::journal tidy KEEP DAYS SIZE -- leaves so many files in that directory, of
 * so many days and so many bytes at most, and all that are being written.
 * core::journal open PATH -- whether the one who writes that file lives.
 */
static int
JournalCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"cell", "cells", "close", "directory", "enter", "failed", "fan", "hide",
	"key", "new", "open", "tidy", NULL
    };
    static const struct {
	int min, max;
	const char *usage;
    } usages[] = {
	{6, 7, "journal event key good ?result?"},
	{6, 6, "journal event arguments count"},
	{4, 4, "journal state"}, {2, 3, "?path?"},
	{6, 6, "context ns method arguments"}, {4, 4, "journal key"},
	{3, 5, "number ?journal event?"},
	{4, 4, "journal texts"},
	{7, 7, "number key code result options"}, {5, 6, "directory facts secrets ?root?"},
	{3, 3, "path"}, {5, 5, "keep days size"}
    };
    enum {
	CELL, CELLS, CLOSE, DIRECTORY, ENTER, FAILED, FAN, HIDE, KEY, NEW, OPEN, TIDY
    };
    Journals *journalsPtr = clientData;
    DpInterp *dpPtr = journalsPtr->dpPtr;
    DpJournal *journalPtr;
    Tcl_WideInt count;
    Tcl_Obj **texts;
    int index, isGood, length;

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
    if (index == ENTER) {
	return EnterSub(journalsPtr, interp, objv);
    }
    if (index == DIRECTORY) {
	return DirectorySub(journalsPtr, interp, objc, objv);
    }
    if (index == NEW) {
	return NewSub(journalsPtr, interp, objc, objv);
    }
    if (index == OPEN) {
	return OpenSub(interp, objv);
    }
    if (index == FAN) {
	return FanSub(journalsPtr, interp, objc, objv);
    }
    if (index == TIDY) {
	return TidySub(journalsPtr, interp, objv);
    }
    if (index == KEY) {
	return KeySub(journalsPtr, interp, objv);
    }
    if (DpJournalGet(dpPtr, objv[2], &journalPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    switch (index) {
    case CELL:
	if (Tcl_GetBooleanFromObj(interp, objv[5], &isGood) != TCL_OK) {
	    return TCL_ERROR;
	}
	DpJournalCell(journalPtr, SpanId(dpPtr, objv[3]), objv[4],
		isGood != 0, objc > 6 ? objv[6] : NULL);
	return TCL_OK;
    case CELLS:
	if (Tcl_ListObjLength(interp, objv[4], &length) != TCL_OK
		|| Tcl_GetWideIntFromObj(interp, objv[5], &count) != TCL_OK) {
	    return TCL_ERROR;
	}
	DpJournalCells(journalPtr, SpanId(dpPtr, objv[3]), objv[4], count);
	return TCL_OK;
    case CLOSE:
	if (strlen(Tcl_GetString(objv[3])) > DP_JOURNAL_STATE) {
	    return DpFail(interp, "ARGUMENT state", "\"%s\" is no state of a"
		    " journal", Tcl_GetString(objv[3]));
	}
	Tcl_SetObjResult(interp, DpJournalClose(journalPtr,
		Tcl_GetString(objv[3])));
	return TCL_OK;
    case FAILED:
	DpJournalFailed(journalPtr, objv[3]);
	return TCL_OK;
    case HIDE:
	if (Tcl_ListObjGetElements(interp, objv[3], &length, &texts)
		!= TCL_OK) {
	    return TCL_ERROR;
	}
	DpJournalHide(journalPtr, texts, length);
	return TCL_OK;
    default:
	return TCL_OK;
    }
}

static void
CommandDeleted(ClientData clientData)
{
    Journals *journalsPtr = clientData;
    Tcl_HashEntry *entryPtr;
    Tcl_HashSearch search;

    while ((entryPtr = Tcl_FirstHashEntry(&journalsPtr->fans, &search))
	    != NULL) {
	FreeFan(entryPtr);
    }
    Tcl_DeleteHashTable(&journalsPtr->fans);
    DpReleaseObj(&journalsPtr->directoryPtr);
    for (int i = 0; i < NUM_VARIABLES; i++) {
	DpFree(journalsPtr->variables[i]);
    }
    DpHubDrop(journalsPtr->hubPtr);
    DpInterpDrop(journalsPtr->dpPtr);
    DpFree(journalsPtr);
}

void
DpJournalCmdInit(DpInterp *dpPtr, Hub *hubPtr)
{
    Journals *journalsPtr = DpAlloc(sizeof(*journalsPtr));

    journalsPtr->dpPtr = dpPtr;
    DpInterpHold(dpPtr);
    journalsPtr->hubPtr = hubPtr;
    hubPtr->refCount++;
    Tcl_InitHashTable(&journalsPtr->fans, TCL_ONE_WORD_KEYS);
    DpJournalInit(dpPtr);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::journal",
	    JournalCmd, journalsPtr, CommandDeleted);
}

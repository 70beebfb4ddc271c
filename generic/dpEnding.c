/*
 * dpEnding.c -- commands that still run when the program ends are ended.
 *
 * Layer L4.
 *
 *   core::ending script TEXT      what ends sessions; see KillScript of run.tcl
 *   core::ending begin PROC       a script is ending PROC, also once that is
 *                                 closed; returns a handle
 *   core::ending done ENDING      it has done so
 *   core::ending end PROC         ends it without a host object to do it by;
 *                                 returns a waiter of whether that has begun
 *
 * At the end of the interpreter or the process one command for each connection
 * ends all that runs there. It is deaf to our going away, so that it is waited
 * for only until it has begun, and a little longer as most commands end at once.
 * So it is with a connection that is let go while commands run on it: it stays
 * until then, out of everybody's sight.
 */

#include "dpEnding.h"

#include "dpObj.h"
#include "dpSpawn.h"
#include "dpSsh.h"
#include "dpWait.h"

#include <stdio.h>

/* So long (ms) it is waited for commands that are being ended already. */
#define GRACE_MS 1000
/* A connection without room for one more command is seen by then. */
#define ROOM_MS 300
/* A connection that was let go, and one command, have so long (ms). */
#define PART_MS 5000
#define END_MS 15000
#define TICK_MS 20

/* The start line of the command that ends others, and the prompt of its sudo. */
#define START "deployer:ending"
#define PROMPT "deployer:password"

typedef struct Endings {
    DpInterp *dpPtr;
    Tcl_Obj *scriptPtr;         /* NULL: not given yet */
    DpEnding *firstPtr;
    struct Parting *partings;
} Endings;

struct DpEnding {
    int refCount;
    Endings *listPtr;           /* NULL: the program has ended */
    DpEnding *nextPtr, *prevPtr;
    DpProc *procPtr;            /* held */
    DpSsh *sshPtr;              /* where it runs; held, or NULL */
    Tcl_Obj *besidePtr;         /* of DpProcOpts, or NULL */
    char *token, *under, *password; /* of DpProcOpts, or NULL */
    bool stays;
    int pending;                /* so many scripts are ending it */
};

/* Behind a handle of core::ending. */
typedef struct Pending {
    DpEnding *endingPtr;        /* held */
    unsigned long id;
} Pending;

/* A command that ends all that runs on one connection for one user. */
typedef struct Target {
    struct Target *nextPtr;
    const DpEnding *wayPtr;     /* the first of those that it ends */
    DpBuf line;                 /* with the NUL at its end */
    DpProc *procPtr;            /* held; NULL: it could not be started */
    DpSsh *sparePtr;            /* where it runs, if the connection is full */
} Target;

typedef struct Leaving {
    Endings *listPtr;
    Target *targets;
    int64_t grace;              /* ms that one that has begun is waited for */
} Leaving;

/* Commands that are being ended while the program goes on. */
typedef struct Parting {
    Leaving leaving;            /* first */
    struct Parting *nextPtr;
    DpEnding **endings;         /* held, and pending */
    int count;
    DpSsh *sshPtr;              /* to be closed then; held, or NULL */
    DpWait *waitPtr;            /* gets whether it has begun; held, or NULL */
    DpTimer timer;
    int64_t startTime, limit;   /* DpLoopNow, ms */
} Parting;

/* --- the list --- */

DpEnding *
DpEndingNew(DpInterp *dpPtr, DpProc *procPtr, const DpProcOpts *optsPtr)
{
    Endings *listPtr = dpPtr->endingPtr;
    DpEnding *endingPtr = DpAlloc(sizeof(*endingPtr));

    endingPtr->refCount = 1;
    endingPtr->procPtr = procPtr;
    DpProcHold(procPtr);
    if (optsPtr->sshPtr != NULL) {
	endingPtr->sshPtr = optsPtr->sshPtr;
	DpSshHold(endingPtr->sshPtr);
    }
    if (optsPtr->besidePtr != NULL) {
	DpReplaceObj(&endingPtr->besidePtr, optsPtr->besidePtr);
    }
    endingPtr->token = DpStrdup(optsPtr->token);
    endingPtr->under = DpStrdup(optsPtr->under);
    if (optsPtr->under != NULL) {
	endingPtr->password = DpStrdup(optsPtr->password);
    }
    endingPtr->stays = optsPtr->stays;
    endingPtr->listPtr = listPtr;
    if (listPtr != NULL) {
	endingPtr->nextPtr = listPtr->firstPtr;
	if (listPtr->firstPtr != NULL) {
	    listPtr->firstPtr->prevPtr = endingPtr;
	}
	listPtr->firstPtr = endingPtr;
    }
    return endingPtr;
}

static void
Unlink(DpEnding *endingPtr)
{
    if (endingPtr->listPtr == NULL) {
	return;
    }
    if (endingPtr->prevPtr != NULL) {
	endingPtr->prevPtr->nextPtr = endingPtr->nextPtr;
    } else {
	endingPtr->listPtr->firstPtr = endingPtr->nextPtr;
    }
    if (endingPtr->nextPtr != NULL) {
	endingPtr->nextPtr->prevPtr = endingPtr->prevPtr;
    }
    endingPtr->listPtr = NULL;
}

void
DpEndingDrop(DpEnding *endingPtr)
{
    if (--endingPtr->refCount > 0) {
	return;
    }
    Unlink(endingPtr);
    DpProcDrop(endingPtr->procPtr);
    if (endingPtr->sshPtr != NULL) {
	DpSshDrop(endingPtr->sshPtr);
    }
    DpReleaseObj(&endingPtr->besidePtr);
    DpFree(endingPtr->token);
    DpFree(endingPtr->under);
    DpWipeFree(endingPtr->password);
    DpFree(endingPtr);
}

void
DpEndingStays(DpEnding *endingPtr)
{
    endingPtr->stays = true;
}

/*
 * Behind the local program of another host the id that we know at first is
 * that program's.
 */
long
DpEndingPid(const DpEnding *endingPtr)
{
    if (endingPtr->besidePtr != NULL && endingPtr->token != NULL
	    && !endingPtr->procPtr->started) {
	return 0;
    }
    return endingPtr->procPtr->pid;
}

/* --- the end --- */

static bool
IsSame(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The words that run a line where the command runs; NULL: on this machine. */
static Tcl_Obj *
Words(const DpEnding *endingPtr)
{
    return endingPtr->token != NULL ? endingPtr->besidePtr : NULL;
}

static bool
IsSameWay(const DpEnding *aPtr, const DpEnding *bPtr)
{
    Tcl_Obj *aWordsPtr = Words(aPtr), *bWordsPtr = Words(bPtr);

    return aPtr->sshPtr == bPtr->sshPtr
	    && (aPtr->procPtr->ptyPtr == NULL) == (bPtr->procPtr->ptyPtr == NULL)
	    && IsSame(aPtr->under, bPtr->under)
	    && IsSame(aPtr->password, bPtr->password)
	    && IsSame(aWordsPtr == NULL ? NULL : Tcl_GetString(aWordsPtr),
	    bWordsPtr == NULL ? NULL : Tcl_GetString(bWordsPtr));
}

/*
 * Whether it is, or may be, running and can be found. One that a script is
 * ending may have lost its connection on purpose.
 */
static bool
Runs(const DpEnding *endingPtr)
{
    const DpProc *procPtr = endingPtr->procPtr;

    return procPtr->begun && !endingPtr->stays
	    && (endingPtr->pending > 0 || !procPtr->ended)
	    && (DpEndingPid(endingPtr) != 0 || endingPtr->token != NULL);
}

static void
AddText(DpBuf *bufPtr, const char *text)
{
    DpBufAppend(bufPtr, text, strlen(text));
}

/* Adds the four words for one command: see KillScript of run.tcl. */
static void
AddCommand(DpBuf *linePtr, const DpEnding *endingPtr)
{
    const char *token = endingPtr->token != NULL ? endingPtr->token : "--";
    size_t half = strlen(token) / 2;
    char text[32];

    snprintf(text, sizeof(text), " %ld ", DpEndingPid(endingPtr));
    AddText(linePtr, text);
    DpBufAppend(linePtr, token, half);
    AddText(linePtr, " - ");
    AddText(linePtr, token + half);
}

static void
AddTarget(Leaving *leavingPtr, const DpEnding *endingPtr)
{
    Target *targetPtr = leavingPtr->targets;

    while (targetPtr != NULL && !IsSameWay(targetPtr->wayPtr, endingPtr)) {
	targetPtr = targetPtr->nextPtr;
    }
    if (targetPtr == NULL) {
	targetPtr = DpAlloc(sizeof(*targetPtr));
	targetPtr->wayPtr = endingPtr;
	targetPtr->nextPtr = leavingPtr->targets;
	leavingPtr->targets = targetPtr;
	if (endingPtr->under != NULL) {
	    AddText(&targetPtr->line, endingPtr->under);
	}
	AddText(&targetPtr->line, "sh -c 'trap \"\" HUP PIPE; echo " START
		" $$ >&2; ");
	AddText(&targetPtr->line,
		Tcl_GetString(leavingPtr->listPtr->scriptPtr));
	/* A terminal hangs up first, as editors save then. */
	AddText(&targetPtr->line, endingPtr->procPtr->ptyPtr != NULL
		? "' deployer HUP" : "' deployer -");
    }
    AddCommand(&targetPtr->line, endingPtr);
}

/* Nobody shall take what comes now for an end of its own. */
static void
SetLost(DpProc *procPtr)
{
    if (!procPtr->ended && !DpErrorIsSet(&procPtr->error)) {
	DpErrorSet(&procPtr->error, "EXEC LOST",
		"the interpreter that ran it is gone");
    }
}

/* Starts the line as a local program; WORDS are those that run one, or NULL. */
static DpProc *
SpawnLine(DpInterp *dpPtr, Tcl_Obj *wordsPtr, const DpBuf *linePtr)
{
    DpSpawnSpec spec = {.slug = "localhost"};
    DpError error = {0};
    DpProc *procPtr;
    Tcl_Obj **words;
    char **argv;
    int count;

    if (wordsPtr == NULL) {
	wordsPtr = Tcl_NewStringObj("/bin/sh -c %s", -1);
    }
    Tcl_IncrRefCount(wordsPtr);
    Tcl_ListObjGetElements(NULL, wordsPtr, &count, &words);
    argv = DpAlloc((size_t) (count + 1) * sizeof(*argv));
    for (int i = 0; i < count; i++) {
	const char *word = Tcl_GetString(words[i]);
	Tcl_DString external;

	Tcl_UtfToExternalDString(NULL, strcmp(word, "%s") == 0
		? (char *) DpBufData(linePtr) : word, -1, &external);
	argv[i] = DpStrdup(Tcl_DStringValue(&external));
	Tcl_DStringFree(&external);
    }
    spec.argv = argv;
    procPtr = DpSpawn(dpPtr->loopPtr, dpPtr->spawnPtr, &spec, &error);
    if (procPtr != NULL) {
	DpProcHold(procPtr);
    }
    DpErrorClear(&error);
    for (int i = 0; i < count; i++) {
	DpFree(argv[i]);
    }
    DpFree(argv);
    Tcl_DecrRefCount(wordsPtr);
    return procPtr;
}

/* Starts the command of a target, on its connection or on a spare one. */
static void
StartTarget(DpInterp *dpPtr, Target *targetPtr)
{
    const DpEnding *wayPtr = targetPtr->wayPtr;
    DpSsh *sshPtr = targetPtr->sparePtr != NULL ? targetPtr->sparePtr
	    : wayPtr->sshPtr;
    DpProc *procPtr = sshPtr == NULL
	    ? SpawnLine(dpPtr, Words(wayPtr), &targetPtr->line)
	    : DpSshExec(sshPtr, (char *) DpBufData(&targetPtr->line),
	    DpBufLength(&targetPtr->line) - 1);

    targetPtr->procPtr = procPtr;
    if (procPtr == NULL) {
	return;
    }
    procPtr->token = DpStrdup(START);
    if (wayPtr->password != NULL) {
	procPtr->promptText = DpStrdup(PROMPT);
	procPtr->password = DpStrdup(wayPtr->password);
	procPtr->inHold = true;
    }
    DpProcCloseIn(procPtr);
}

static void
StopTarget(Target *targetPtr)
{
    if (targetPtr->procPtr != NULL) {
	DpProcAbandon(targetPtr->procPtr);
	DpProcDrop(targetPtr->procPtr);
	targetPtr->procPtr = NULL;
    }
}

/* The same once more by a new connection: the old one is full, or dead. */
static void
TrySpare(DpInterp *dpPtr, Target *targetPtr)
{
    StopTarget(targetPtr);
    targetPtr->sparePtr = DpSshAgain(targetPtr->wayPtr->sshPtr);
    StartTarget(dpPtr, targetPtr);
}

static void
StartTargets(Leaving *leavingPtr)
{
    for (Target *targetPtr = leavingPtr->targets; targetPtr != NULL;
	    targetPtr = targetPtr->nextPtr) {
	DpBufAppend(&targetPtr->line, "", 1);
	StartTarget(leavingPtr->listPtr->dpPtr, targetPtr);
    }
}

static void
FreeTargets(Leaving *leavingPtr)
{
    while (leavingPtr->targets != NULL) {
	Target *targetPtr = leavingPtr->targets;

	leavingPtr->targets = targetPtr->nextPtr;
	StopTarget(targetPtr);
	if (targetPtr->sparePtr != NULL) {
	    DpSshClose(targetPtr->sparePtr);
	    DpSshDrop(targetPtr->sparePtr);
	}
	DpBufFree(&targetPtr->line);
	DpFree(targetPtr);
    }
}

static void *
BeginLeaving(DpInterp *dpPtr)
{
    Endings *listPtr = dpPtr->endingPtr;
    Leaving *leavingPtr;

    if (listPtr == NULL || listPtr->scriptPtr == NULL
	    || listPtr->firstPtr == NULL) {
	return NULL;
    }
    leavingPtr = DpAlloc(sizeof(*leavingPtr));
    leavingPtr->listPtr = listPtr;
    leavingPtr->grace = GRACE_MS;
    for (Parting *partingPtr = listPtr->partings; partingPtr != NULL;
	    partingPtr = partingPtr->nextPtr) {
	/* Its commands are pending, and so are ours now. */
	DpTimerStop(&partingPtr->timer);
    }
    for (const DpEnding *endingPtr = listPtr->firstPtr; endingPtr != NULL;
	    endingPtr = endingPtr->nextPtr) {
	if (Runs(endingPtr)) {
	    AddTarget(leavingPtr, endingPtr);
	    SetLost(endingPtr->procPtr);
	} else if (!endingPtr->procPtr->begun && !endingPtr->stays) {
	    /* It waits for its turn, which would come now. */
	    DpProcAbandon(endingPtr->procPtr);
	}
    }
    if (leavingPtr->targets == NULL) {
	DpFree(leavingPtr);
	return NULL;
    }
    StartTargets(leavingPtr);
    return leavingPtr;
}

static bool
IsLeft(void *data, int64_t elapsed)
{
    Leaving *leavingPtr = data;
    bool left = false;

    for (Target *targetPtr = leavingPtr->targets; targetPtr != NULL;
	    targetPtr = targetPtr->nextPtr) {
	DpSsh *sshPtr = targetPtr->wayPtr->sshPtr;
	DpProc *procPtr = targetPtr->procPtr;

	if (procPtr == NULL) {
	    continue;
	}
	if (!procPtr->started && sshPtr != NULL && targetPtr->sparePtr == NULL
		&& (procPtr->ended || (!procPtr->begun && elapsed >= ROOM_MS
		&& !DpSshHasRoom(sshPtr)))) {
	    TrySpare(leavingPtr->listPtr->dpPtr, targetPtr);
	    left = true;
	} else if (!procPtr->ended) {
	    left |= !procPtr->started || elapsed < leavingPtr->grace;
	}
    }
    return left;
}

static void
EndLeaving(void *data)
{
    Leaving *leavingPtr = data;

    FreeTargets(leavingPtr);
    for (const DpEnding *endingPtr = leavingPtr->listPtr->firstPtr;
	    endingPtr != NULL; endingPtr = endingPtr->nextPtr) {
	/* The local program in front of a host that did not answer. */
	if (endingPtr->besidePtr != NULL && Runs(endingPtr)
		&& !endingPtr->procPtr->ended) {
	    endingPtr->procPtr->typePtr->signal(endingPtr->procPtr, "TERM");
	}
    }
    DpFree(leavingPtr);
}

static const DpLeave leave = {
    .begin = BeginLeaving,
    .left = IsLeft,
    .end = EndLeaving,
};

/* --- while the program goes on --- */

/* Twin of BeginParting. */
static void
EndParting(Parting *partingPtr)
{
    Parting **linkPtr = &partingPtr->leaving.listPtr->partings;
    bool known = true;

    while (*linkPtr != partingPtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    *linkPtr = partingPtr->nextPtr;
    DpTimerStop(&partingPtr->timer);
    for (const Target *targetPtr = partingPtr->leaving.targets;
	    targetPtr != NULL; targetPtr = targetPtr->nextPtr) {
	known &= targetPtr->procPtr != NULL && targetPtr->procPtr->started;
    }
    FreeTargets(&partingPtr->leaving);
    for (int i = 0; i < partingPtr->count; i++) {
	partingPtr->endings[i]->pending--;
	DpEndingDrop(partingPtr->endings[i]);
    }
    DpFree(partingPtr->endings);
    if (partingPtr->sshPtr != NULL) {
	DpSshClose(partingPtr->sshPtr);
	DpSshDrop(partingPtr->sshPtr);
    }
    if (partingPtr->waitPtr != NULL) {
	DpWaitFinish(partingPtr->waitPtr, Tcl_NewBooleanObj(known), NULL);
	DpWaitDrop(partingPtr->waitPtr);
    }
    DpFree(partingPtr);
}

static void
TickParting(void *clientData)
{
    Parting *partingPtr = clientData;
    int64_t elapsed = DpLoopNow() - partingPtr->startTime;

    if (elapsed < partingPtr->limit
	    && IsLeft(&partingPtr->leaving, elapsed)) {
	DpTimerStart(partingPtr->leaving.listPtr->dpPtr->loopPtr,
		&partingPtr->timer, TICK_MS, TickParting, partingPtr);
    } else {
	EndParting(partingPtr);
    }
}

static Parting *
NewParting(Endings *listPtr, int64_t limit)
{
    Parting *partingPtr = DpAlloc(sizeof(*partingPtr));

    partingPtr->leaving.listPtr = listPtr;
    partingPtr->limit = limit;
    return partingPtr;
}

static void
AddToParting(Parting *partingPtr, DpEnding *endingPtr)
{
    partingPtr->endings = DpRealloc(partingPtr->endings,
	    (size_t) (partingPtr->count + 1) * sizeof(*partingPtr->endings));
    partingPtr->endings[partingPtr->count++] = endingPtr;
    endingPtr->refCount++;
    endingPtr->pending++;
}

static void
BeginParting(Parting *partingPtr)
{
    Endings *listPtr = partingPtr->leaving.listPtr;

    for (int i = 0; i < partingPtr->count; i++) {
	AddTarget(&partingPtr->leaving, partingPtr->endings[i]);
    }
    StartTargets(&partingPtr->leaving);
    partingPtr->nextPtr = listPtr->partings;
    listPtr->partings = partingPtr;
    partingPtr->startTime = DpLoopNow();
    DpTimerStart(listPtr->dpPtr->loopPtr, &partingPtr->timer, TICK_MS,
	    TickParting, partingPtr);
}

bool
DpEndingPart(DpInterp *dpPtr, DpSsh *sshPtr)
{
    Endings *listPtr = dpPtr->endingPtr;
    Parting *partingPtr;

    if (listPtr == NULL || listPtr->scriptPtr == NULL
	    || DpSshGetState(sshPtr) != DP_SSH_OPEN) {
	return false;
    }
    /* A command may have told who it is already. */
    DpSshCatchUp(sshPtr);
    if (DpSshGetState(sshPtr) != DP_SSH_OPEN) {
	return false;
    }
    partingPtr = NewParting(listPtr, PART_MS);
    partingPtr->leaving.grace = GRACE_MS;
    for (DpEnding *endingPtr = listPtr->firstPtr; endingPtr != NULL;
	    endingPtr = endingPtr->nextPtr) {
	if (endingPtr->sshPtr == sshPtr && Runs(endingPtr)) {
	    AddToParting(partingPtr, endingPtr);
	}
    }
    if (partingPtr->count == 0) {
	DpFree(partingPtr);
	return false;
    }
    partingPtr->sshPtr = sshPtr;
    DpSshHold(sshPtr);
    DpSshPart(sshPtr);
    BeginParting(partingPtr);
    return true;
}

/* --- core::ending --- */

static void
FreeList(void *value)
{
    Endings *listPtr = value;

    while (listPtr->partings != NULL) {
	EndParting(listPtr->partings);
    }
    while (listPtr->firstPtr != NULL) {
	Unlink(listPtr->firstPtr);
    }
    DpReleaseObj(&listPtr->scriptPtr);
    DpFree(listPtr);
}

/* Frees what stands behind a handle that is already forgotten. */
static void
FreePending(DpInterp *dpPtr, unsigned long id, void *value)
{
    Pending *pendingPtr = value;

    (void) dpPtr;
    (void) id;
    pendingPtr->endingPtr->pending--;
    DpEndingDrop(pendingPtr->endingPtr);
    DpFree(pendingPtr);
}

static int
BeginCmd(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    DpEnding *endingPtr = DpProcEnding(dpPtr, namePtr);
    Pending *pendingPtr;

    if (endingPtr == NULL) {
	return TCL_ERROR;
    }
    pendingPtr = DpAlloc(sizeof(*pendingPtr));
    pendingPtr->endingPtr = endingPtr;
    endingPtr->refCount++;
    endingPtr->pending++;
    pendingPtr->id = DpHandleNew(dpPtr, DP_ENDINGS, pendingPtr);
    Tcl_SetObjResult(interp, DpHandleObj(dpPtr, DP_ENDINGS, pendingPtr->id));
    return TCL_OK;
}

static int
EndCmd(DpInterp *dpPtr, Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    DpEnding *endingPtr = DpProcEnding(dpPtr, namePtr);
    Endings *listPtr = dpPtr->endingPtr;
    DpWait *waitPtr;

    if (endingPtr == NULL) {
	return TCL_ERROR;
    }
    waitPtr = DpWaitNew(dpPtr);
    Tcl_SetObjResult(interp, DpWaitObj(waitPtr));
    if (listPtr != NULL && listPtr->scriptPtr != NULL && Runs(endingPtr)) {
	Parting *partingPtr = NewParting(listPtr, END_MS);

	partingPtr->leaving.grace = END_MS;
	partingPtr->waitPtr = waitPtr;
	AddToParting(partingPtr, endingPtr);
	BeginParting(partingPtr);
    } else {
	DpWaitFinish(waitPtr, Tcl_NewBooleanObj(1), NULL);
	DpWaitDrop(waitPtr);
    }
    return TCL_OK;
}

static int
DoneCmd(DpInterp *dpPtr, Tcl_Obj *namePtr)
{
    unsigned long id;
    void *value;

    if (DpHandleFind(dpPtr, DP_ENDINGS, namePtr, &value) != TCL_OK) {
	return TCL_ERROR;
    }
    id = ((Pending *) value)->id;
    DpHandleForget(dpPtr, DP_ENDINGS, id);
    FreePending(dpPtr, id, value);
    return TCL_OK;
}

static int
EndingCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"begin", "done", "end", "script", NULL
    };
    enum { BEGIN, DONE, END, SCRIPT };
    DpInterp *dpPtr = clientData;
    Endings *listPtr = dpPtr->endingPtr;
    int index;

    if (objc != 3) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand arg");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], names, "subcommand", 0, &index)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    switch (index) {
    case BEGIN:
	return BeginCmd(dpPtr, interp, objv[2]);
    case DONE:
	return DoneCmd(dpPtr, objv[2]);
    case END:
	return EndCmd(dpPtr, interp, objv[2]);
    case SCRIPT:
	if (listPtr != NULL) {
	    DpReplaceObj(&listPtr->scriptPtr, objv[2]);
	}
	break;
    }
    return TCL_OK;
}

void
DpEndingInit(DpInterp *dpPtr)
{
    if (dpPtr->endingPtr == NULL) {
	Endings *listPtr = DpAlloc(sizeof(*listPtr));

	listPtr->dpPtr = dpPtr;
	dpPtr->endingPtr = listPtr;
	dpPtr->endingFree = FreeList;
	DpInterpLeave(dpPtr, &leave);
	DpInterpAtEnd(dpPtr, DP_ENDINGS, FreePending);
    }
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::ending", EndingCmd,
	    dpPtr, NULL);
}

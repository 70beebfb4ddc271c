/*
 * dpEndingKill.c -- ends commands from beside.
 *
 * Layer L4. One command for each connection ends all that runs there. It is deaf
 * to our going away, so that it is waited for only until it has begun, and a
 * little longer as most commands end at once. So it is with a connection that is
 * let go while commands run on it: it stays until then, out of everybody's sight.
 */

#include "dpEndingInt.h"

#include "dpSpawn.h"

#include <stdio.h>

/* So long (ms) it is waited for commands that are being ended already. */
#define GRACE_MS 1000
/* A connection without room for one more command is seen by then. */
#define ROOM_MS 300
/* One that is dead, by then: two round trips of a slow line are less. */
#define DEAD_MS 5000
/* A connection that was let go, and one command, have so long (ms). */
#define PART_MS 5000
#define END_MS 15000
/*
 * Who has begun, but not told its process id yet, has so long (ms) to do so:
 * where its shell has become another program nothing else finds it.
 */
#define TELL_MS 2000
#define TICK_MS 20

/* The start line of the command that ends others, and the prompt of its sudo. */
#define START "deployer:ending"
#define PROMPT "deployer:password"

/* A command that ends all that runs on one connection for one user. */
typedef struct Target {
    struct Target *nextPtr;
    const DpEnding *wayPtr;     /* the first of those that it ends */
    DpBuf line;                 /* with the NUL at its end */
    DpProc *procPtr;            /* held; NULL: it could not be started */
    DpSsh *sparePtr;            /* where it runs, if the connection is full */
    DpSsh *stalledPtr;          /* the connection, if it was stalled; held */
} Target;

/* One of the commands that are to be ended. */
typedef struct Victim {
    DpEnding *endingPtr;        /* held */
    bool over;                  /* had ended, as seen from here, before */
} Victim;

typedef struct Leaving {
    DpEndings *listPtr;
    Victim *victims;
    int count;
    DpSsh *sshPtr;              /* to be closed then; held, or NULL */
    int64_t spareTime;          /* the last spare connection was begun then */
    bool sent;                  /* the targets have been started ... */
    int64_t sentTime;           /* ... so long (ms) after the begin */
    Target *targets;
    int64_t grace;              /* ms that one that has begun is waited for */
} Leaving;

/* Commands that are being ended while the program goes on; they are pending. */
typedef struct DpParting {
    Leaving leaving;            /* first */
    struct DpParting *nextPtr;
    DpWait *waitPtr;            /* gets whether it has begun; held, or NULL */
    DpTimer timer;
    int64_t startTime;          /* DpLoopNow */
    int64_t limit;              /* ms, and once more for a spare connection */
} DpParting;

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

    return procPtr->begun && (endingPtr->pending > 0 || !procPtr->ended)
	    && (DpEndingPid(endingPtr) != 0 || endingPtr->token != NULL);
}

/* Not unless somebody asks for it where it ends by itself when we go. */
static bool
IsOurs(const DpEnding *endingPtr)
{
    return Runs(endingPtr) && !endingPtr->stays;
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

/*
 * The same once more by a new connection: the old one is full, or dead, or what
 * comes there stands in the way of all answers.
 */
static void
TrySpare(DpInterp *dpPtr, Target *targetPtr, bool isFull)
{
    DpSsh *sshPtr = targetPtr->wayPtr->sshPtr;

    StopTarget(targetPtr);
    if (!isFull && DpSshGetState(sshPtr) == DP_SSH_OPEN) {
	targetPtr->stalledPtr = sshPtr;
	DpSshHold(sshPtr);
	DpSshStall(sshPtr, true);
    }
    targetPtr->sparePtr = DpSshAgain(sshPtr);
    StartTarget(dpPtr, targetPtr);
}

static void
AddVictim(Leaving *leavingPtr, DpEnding *endingPtr)
{
    Victim *victimPtr;

    leavingPtr->victims = DpRealloc(leavingPtr->victims,
	    (size_t) (leavingPtr->count + 1) * sizeof(*leavingPtr->victims));
    victimPtr = &leavingPtr->victims[leavingPtr->count++];
    victimPtr->endingPtr = endingPtr;
    victimPtr->over = endingPtr->procPtr->ended;
    endingPtr->refCount++;
}

/* Whether one of them is still about to tell its process id. */
static bool
IsUntold(const Leaving *leavingPtr)
{
    for (int i = 0; i < leavingPtr->count; i++) {
	const DpEnding *endingPtr = leavingPtr->victims[i].endingPtr;

	if (DpEndingPid(endingPtr) == 0 && endingPtr->token != NULL
		&& !endingPtr->procPtr->ended && (endingPtr->sshPtr == NULL
		|| DpSshGetState(endingPtr->sshPtr) == DP_SSH_OPEN)) {
	    return true;
	}
    }
    return false;
}

static void
StartTargets(Leaving *leavingPtr)
{
    leavingPtr->sent = true;
    for (int i = 0; i < leavingPtr->count; i++) {
	const Victim *victimPtr = &leavingPtr->victims[i];
	const DpProc *procPtr = victimPtr->endingPtr->procPtr;

	/* What ended by itself meanwhile leaves behind what it wanted to. */
	if (victimPtr->over || !procPtr->ended || (procPtr->status < 0
		&& procPtr->signalName[0] == '\0')) {
	    AddTarget(leavingPtr, victimPtr->endingPtr);
	}
    }
    if (leavingPtr->sshPtr != NULL) {
	DpSshPart(leavingPtr->sshPtr, true);
    }
    for (Target *targetPtr = leavingPtr->targets; targetPtr != NULL;
	    targetPtr = targetPtr->nextPtr) {
	DpBufAppend(&targetPtr->line, "", 1);
	StartTarget(leavingPtr->listPtr->dpPtr, targetPtr);
    }
}

static void
FreeTargets(Leaving *leavingPtr)
{
    for (int i = 0; i < leavingPtr->count; i++) {
	DpEndingDrop(leavingPtr->victims[i].endingPtr);
    }
    DpFree(leavingPtr->victims);
    while (leavingPtr->targets != NULL) {
	Target *targetPtr = leavingPtr->targets;

	leavingPtr->targets = targetPtr->nextPtr;
	StopTarget(targetPtr);
	if (targetPtr->stalledPtr != NULL) {
	    DpSshStall(targetPtr->stalledPtr, false);
	    DpSshDrop(targetPtr->stalledPtr);
	}
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
    DpEndings *listPtr = dpPtr->endingPtr;
    Leaving *leavingPtr;

    if (listPtr == NULL || listPtr->scriptPtr == NULL
	    || listPtr->firstPtr == NULL) {
	return NULL;
    }
    leavingPtr = DpAlloc(sizeof(*leavingPtr));
    leavingPtr->listPtr = listPtr;
    leavingPtr->grace = GRACE_MS;
    for (DpParting *partingPtr = listPtr->partings; partingPtr != NULL;
	    partingPtr = partingPtr->nextPtr) {
	/* Its commands are pending, and so are ours now. */
	DpTimerStop(&partingPtr->timer);
    }
    for (DpEnding *endingPtr = listPtr->firstPtr; endingPtr != NULL;
	    endingPtr = endingPtr->nextPtr) {
	if (IsOurs(endingPtr)) {
	    AddVictim(leavingPtr, endingPtr);
	    SetLost(endingPtr->procPtr);
	} else if (!endingPtr->procPtr->begun && !endingPtr->stays) {
	    /* It waits for its turn, which would come now. */
	    DpProcAbandon(endingPtr->procPtr);
	}
    }
    if (leavingPtr->count == 0) {
	DpFree(leavingPtr);
	return NULL;
    }
    if (!IsUntold(leavingPtr)) {
	StartTargets(leavingPtr);
    }
    return leavingPtr;
}

static bool
IsLeft(void *data, int64_t elapsed)
{
    Leaving *leavingPtr = data;
    bool left = false;

    if (!leavingPtr->sent) {
	if (elapsed < TELL_MS && IsUntold(leavingPtr)) {
	    return true;
	}
	StartTargets(leavingPtr);
	leavingPtr->sentTime = elapsed;
    }
    elapsed -= leavingPtr->sentTime;
    for (Target *targetPtr = leavingPtr->targets; targetPtr != NULL;
	    targetPtr = targetPtr->nextPtr) {
	DpSsh *sshPtr = targetPtr->wayPtr->sshPtr;
	DpProc *procPtr = targetPtr->procPtr;

	if (procPtr == NULL) {
	    continue;
	}
	if (!procPtr->started && sshPtr != NULL && targetPtr->sparePtr == NULL
		&& (procPtr->ended || elapsed >= DEAD_MS
		|| (!procPtr->begun && elapsed >= ROOM_MS
		&& !DpSshHasRoom(sshPtr)))) {
	    TrySpare(leavingPtr->listPtr->dpPtr, targetPtr,
		    elapsed < DEAD_MS);
	    leavingPtr->spareTime = elapsed;
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
	if (endingPtr->besidePtr != NULL && IsOurs(endingPtr)
		&& !endingPtr->procPtr->ended) {
	    endingPtr->procPtr->typePtr->signal(endingPtr->procPtr, "TERM");
	}
    }
    DpFree(leavingPtr);
}

const DpLeave dpEndingLeave = {
    .begin = BeginLeaving,
    .left = IsLeft,
    .end = EndLeaving,
};

/* --- while the program goes on --- */

/* Twin of BeginParting. */
static void
EndParting(DpParting *partingPtr)
{
    DpParting **linkPtr = &partingPtr->leaving.listPtr->partings;
    DpSsh *sshPtr = partingPtr->leaving.sshPtr;
    bool known = partingPtr->leaving.sent;

    while (*linkPtr != partingPtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    *linkPtr = partingPtr->nextPtr;
    DpTimerStop(&partingPtr->timer);
    for (const Target *targetPtr = partingPtr->leaving.targets;
	    targetPtr != NULL; targetPtr = targetPtr->nextPtr) {
	known &= targetPtr->procPtr != NULL && targetPtr->procPtr->started;
    }
    for (int i = 0; !known && i < partingPtr->leaving.count; i++) {
	DpProc *procPtr = partingPtr->leaving.victims[i].endingPtr->procPtr;

	/* What did not get through may still be told by what runs it. */
	if (!procPtr->ended) {
	    (void) procPtr->typePtr->signal(procPtr, "KILL");
	}
    }
    for (int i = 0; i < partingPtr->leaving.count; i++) {
	partingPtr->leaving.victims[i].endingPtr->pending--;
    }
    FreeTargets(&partingPtr->leaving);
    if (sshPtr != NULL) {
	DpSshClose(sshPtr);
	DpSshDrop(sshPtr);
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
    DpParting *partingPtr = clientData;
    int64_t elapsed = DpLoopNow() - partingPtr->startTime;

    if (elapsed - partingPtr->leaving.spareTime < partingPtr->limit
	    && IsLeft(&partingPtr->leaving, elapsed)) {
	DpTimerStart(partingPtr->leaving.listPtr->dpPtr->loopPtr,
		&partingPtr->timer, TICK_MS, TickParting, partingPtr);
    } else {
	EndParting(partingPtr);
    }
}

static DpParting *
NewParting(DpEndings *listPtr, int64_t limit)
{
    DpParting *partingPtr = DpAlloc(sizeof(*partingPtr));

    partingPtr->leaving.listPtr = listPtr;
    partingPtr->limit = limit;
    return partingPtr;
}

static void
AddToParting(DpParting *partingPtr, DpEnding *endingPtr)
{
    AddVictim(&partingPtr->leaving, endingPtr);
    endingPtr->pending++;
}

static void
BeginParting(DpParting *partingPtr)
{
    DpEndings *listPtr = partingPtr->leaving.listPtr;

    if (!IsUntold(&partingPtr->leaving)) {
	StartTargets(&partingPtr->leaving);
    }
    partingPtr->nextPtr = listPtr->partings;
    listPtr->partings = partingPtr;
    partingPtr->startTime = DpLoopNow();
    DpTimerStart(listPtr->dpPtr->loopPtr, &partingPtr->timer, TICK_MS,
	    TickParting, partingPtr);
}

bool
DpEndingPart(DpInterp *dpPtr, DpSsh *sshPtr)
{
    DpEndings *listPtr = dpPtr->endingPtr;
    DpParting *partingPtr;

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
	if (endingPtr->sshPtr == sshPtr && IsOurs(endingPtr)) {
	    AddToParting(partingPtr, endingPtr);
	}
    }
    if (partingPtr->leaving.count == 0) {
	DpFree(partingPtr);
	return false;
    }
    partingPtr->leaving.sshPtr = sshPtr;
    DpSshHold(sshPtr);
    DpSshPart(sshPtr, false);
    BeginParting(partingPtr);
    return true;
}

void
DpEndingKill(DpEndings *listPtr, DpEnding *endingPtr, DpWait *waitPtr)
{
    if (listPtr != NULL && listPtr->scriptPtr != NULL && Runs(endingPtr)) {
	DpParting *partingPtr = NewParting(listPtr, END_MS);

	partingPtr->leaving.grace = END_MS;
	partingPtr->waitPtr = waitPtr;
	AddToParting(partingPtr, endingPtr);
	BeginParting(partingPtr);
    } else {
	DpWaitFinish(waitPtr, Tcl_NewBooleanObj(1), NULL);
	DpWaitDrop(waitPtr);
    }
}

void
DpEndingKillStop(DpEndings *listPtr)
{
    while (listPtr->partings != NULL) {
	EndParting(listPtr->partings);
    }
}

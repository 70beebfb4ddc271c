/*
 * dpLoop.c -- the event core: timers and tasks, under Tcl's notifier.
 *
 * Layer L1. Waiting for descriptors is done by unix/dpPoll.c.
 */

#include "dpLoop.h"

#include "dpPoll.h"
#include "dpWork.h"

/*
 * While a result is waited for, our own descriptors are looked at directly
 * for so many milliseconds before Tcl's notifier is asked, whose thread costs
 * two switches for each event; Tcl's files are looked at in between. Where
 * these, or timers of Tcl's, have something to do, the notifier has the wait
 * until they have been quiet for OTHERS_MS, so that none of a row is late.
 */
#define DIRECT_MS 4
#define OTHERS_MS 20

/* So long a turn under Tcl's notifier goes on where more is waited for. */
#define GATHER_MS 2

/*
 * Counted: the interpreter record holds it and so does everything that may
 * still stop a watch, timer or task after the interpreter has gone.
 */
struct DpLoop {
    int refCount;
    bool stopped;
    bool queued;                /* a LoopEvent stands in Tcl's queue */
    int gathers;                /* who would have more first: DpLoopGather */
    bool direct;                /* one may be put there without a wait */
    unsigned turns;             /* made so far in which something was done */
    unsigned events;            /* of Tcl's so far that were ours */
    int64_t attendUntil;        /* DpLoopNow: see DpLoopAttend */
    DpPoll *pollPtr;
    DpWork *workPtr;            /* NULL until the first job */
    DpTimer **timers;           /* binary heap, earliest first */
    int numTimers, maxTimers;
    DpTask tasks;               /* ring, tasks.nextPtr is the first */
    int numTasks;
    DpTask soon;                /* ring of those that run no script */
    int numSoon;
};

typedef struct LoopEvent {
    Tcl_Event header;
    DpLoop *loopPtr;
} LoopEvent;

/* Part: timers. */

static void
PlaceTimer(DpLoop *loopPtr, DpTimer *timerPtr, int i)
{
    loopPtr->timers[i] = timerPtr;
    timerPtr->index = i;
}

static void
SiftUp(DpLoop *loopPtr, DpTimer *timerPtr, int i)
{
    while (i > 0 && loopPtr->timers[(i - 1) / 2]->due > timerPtr->due) {
	PlaceTimer(loopPtr, loopPtr->timers[(i - 1) / 2], i);
	i = (i - 1) / 2;
    }
    PlaceTimer(loopPtr, timerPtr, i);
}

static void
SiftDown(DpLoop *loopPtr, DpTimer *timerPtr, int i)
{
    int child;

    while ((child = 2 * i + 1) < loopPtr->numTimers) {
	if (child + 1 < loopPtr->numTimers && loopPtr->timers[child + 1]->due
		< loopPtr->timers[child]->due) {
	    child++;
	}
	if (loopPtr->timers[child]->due >= timerPtr->due) {
	    break;
	}
	PlaceTimer(loopPtr, loopPtr->timers[child], i);
	i = child;
    }
    PlaceTimer(loopPtr, timerPtr, i);
}

void
DpTimerStart(DpLoop *loopPtr, DpTimer *timerPtr, int64_t milliseconds,
	DpProcedure *proc, void *clientData)
{
    DpTimerStop(timerPtr);
    if (loopPtr->numTimers == loopPtr->maxTimers) {
	loopPtr->maxTimers = loopPtr->maxTimers == 0 ? 32
		: 2 * loopPtr->maxTimers;
	loopPtr->timers = DpRealloc(loopPtr->timers,
		(size_t) loopPtr->maxTimers * sizeof(*loopPtr->timers));
    }
    timerPtr->loopPtr = loopPtr;
    timerPtr->due = DpLoopNow() + milliseconds;
    timerPtr->proc = proc;
    timerPtr->clientData = clientData;
    SiftUp(loopPtr, timerPtr, loopPtr->numTimers++);
}

void
DpTimerStop(DpTimer *timerPtr)
{
    DpLoop *loopPtr = timerPtr->loopPtr;
    DpTimer *lastPtr;
    int i = timerPtr->index;

    if (loopPtr == NULL) {
	return;
    }
    timerPtr->loopPtr = NULL;
    lastPtr = loopPtr->timers[--loopPtr->numTimers];
    if (lastPtr != timerPtr) {
	SiftUp(loopPtr, lastPtr, i);
	SiftDown(loopPtr, lastPtr, lastPtr->index);
    }
}

static bool
RunTimers(DpLoop *loopPtr)
{
    int64_t now;
    bool ran = false;

    if (loopPtr->numTimers == 0) {
	return false;
    }
    now = DpLoopNow();
    while (loopPtr->numTimers > 0 && loopPtr->timers[0]->due <= now) {
	DpTimer *timerPtr = loopPtr->timers[0];

	DpTimerStop(timerPtr);
	timerPtr->proc(timerPtr->clientData);
	ran = true;
    }
    return ran;
}

/* Part: tasks. */

static int LoopEventProc(Tcl_Event *eventPtr, int flags);

static void
QueueTurn(DpLoop *loopPtr)
{
    LoopEvent *eventPtr = (LoopEvent *) ckalloc(sizeof(*eventPtr));

    loopPtr->queued = true;
    eventPtr->header.proc = LoopEventProc;
    eventPtr->loopPtr = loopPtr;
    Tcl_QueueEvent(&eventPtr->header, TCL_QUEUE_TAIL);
}

/*
 * A task that is started between two turns of Tcl's has one at once: asking
 * the notifier, even without waiting, costs two switches of threads. Only one
 * between two times that it is asked, so that Tcl's own files come in turn.
 */
static void
QueueDirect(DpLoop *loopPtr)
{
    if (loopPtr->direct && !loopPtr->queued && !loopPtr->stopped) {
	loopPtr->direct = false;
	QueueTurn(loopPtr);
    }
}

static void
AddTask(DpLoop *loopPtr, DpTask *ringPtr, int *countPtr, DpTask *taskPtr,
	DpProcedure *proc, void *clientData)
{
    if (taskPtr->loopPtr != NULL) {
	return;
    }
    taskPtr->loopPtr = loopPtr;
    taskPtr->proc = proc;
    taskPtr->clientData = clientData;
    taskPtr->countPtr = countPtr;
    taskPtr->prevPtr = ringPtr->prevPtr;
    taskPtr->nextPtr = ringPtr;
    taskPtr->prevPtr->nextPtr = taskPtr;
    ringPtr->prevPtr = taskPtr;
    ++*countPtr;
    QueueDirect(loopPtr);
}

void
DpTaskStart(DpLoop *loopPtr, DpTask *taskPtr, DpProcedure *proc,
	void *clientData)
{
    AddTask(loopPtr, &loopPtr->tasks, &loopPtr->numTasks, taskPtr, proc,
	    clientData);
}

void
DpSoonStart(DpLoop *loopPtr, DpTask *taskPtr, DpProcedure *proc,
	void *clientData)
{
    AddTask(loopPtr, &loopPtr->soon, &loopPtr->numSoon, taskPtr, proc,
	    clientData);
}

void
DpTaskStop(DpTask *taskPtr)
{
    if (taskPtr->loopPtr == NULL) {
	return;
    }
    taskPtr->loopPtr = NULL;
    --*taskPtr->countPtr;
    taskPtr->prevPtr->nextPtr = taskPtr->nextPtr;
    taskPtr->nextPtr->prevPtr = taskPtr->prevPtr;
}

/*
 * Runs as many of a ring as there are now: those that they start wait for the
 * next turn, so that descriptors are never starved.
 */
static bool
RunTasks(DpTask *ringPtr, const int *countPtr)
{
    int count = *countPtr;
    bool ran = false;

    while (count-- > 0 && *countPtr > 0) {
	DpTask *taskPtr = ringPtr->nextPtr;

	DpTaskStop(taskPtr);
	taskPtr->proc(taskPtr->clientData);
	ran = true;
    }
    return ran;
}

/* Part: watches. */

void
DpWatchStart(DpLoop *loopPtr, DpWatch *watchPtr, int fd, int mask,
	DpFdProc *proc, void *clientData)
{
    DpWatchStop(watchPtr);
    watchPtr->loopPtr = loopPtr;
    watchPtr->fd = fd;
    watchPtr->mask = mask;
    watchPtr->proc = proc;
    watchPtr->clientData = clientData;
    DpPollAdd(loopPtr->pollPtr, watchPtr);
}

void
DpWatchMask(DpWatch *watchPtr, int mask)
{
    if (watchPtr->loopPtr != NULL && watchPtr->mask != mask) {
	watchPtr->mask = mask;
	DpPollChange(watchPtr->loopPtr->pollPtr, watchPtr);
    }
}

void
DpWatchStop(DpWatch *watchPtr)
{
    if (watchPtr->loopPtr != NULL) {
	DpPollRemove(watchPtr->loopPtr->pollPtr, watchPtr);
	watchPtr->loopPtr = NULL;
    }
}

/* Part: jobs. */

void
DpLoopThreads(DpLoop *loopPtr)
{
    if (loopPtr->workPtr == NULL) {
	loopPtr->workPtr = DpWorkNew(loopPtr->pollPtr);
    }
}

void
DpLoopPost(DpLoop *loopPtr, void (*done)(void *clientData, void *data),
	DpProcedure *freeProc, void *data)
{
    DpWorkPost(loopPtr->workPtr, done, freeProc, data);
}

DpJob *
DpJobStart(DpLoop *loopPtr, DpProcedure *run,
	void (*done)(void *clientData, void *data), DpProcedure *freeProc,
	void *data, void *clientData)
{
    DpLoopThreads(loopPtr);
    return DpWorkAdd(loopPtr->workPtr, run, done, freeProc, data, clientData);
}

/* Part: turns. */

/* Milliseconds until something of ours is due, at most limit (-1: none). */
static int
Timeout(const DpLoop *loopPtr, int limit, bool tasks)
{
    int64_t left;

    if (loopPtr->numSoon > 0 || (tasks && loopPtr->numTasks > 0)) {
	return 0;
    }
    if (loopPtr->numTimers == 0) {
	return limit;
    }
    left = loopPtr->timers[0]->due - DpLoopNow();
    if (left < 0) {
	left = 0;
    }
    return (limit >= 0 && left > limit) ? limit : (int) left;
}

/* One turn: wait, descriptors, worker results, timers and then tasks. */
static bool
Turn(DpLoop *loopPtr, int milliseconds, bool tasks)
{
    bool did;

    if (loopPtr->stopped) {
	return false;
    }
    loopPtr->refCount++;
    /*
     * What was put off may have ended the wait already: first of all, and then
     * nothing is waited for.
     */
    did = RunTasks(&loopPtr->soon, &loopPtr->numSoon);
    did |= DpPollRun(loopPtr->pollPtr,
	    Timeout(loopPtr, did ? 0 : milliseconds, tasks));
    if (loopPtr->workPtr != NULL) {
	did |= DpWorkDeliver(loopPtr->workPtr);
    }
    did |= RunTimers(loopPtr);
    did |= RunTasks(&loopPtr->soon, &loopPtr->numSoon);
    if (tasks) {
	did |= RunTasks(&loopPtr->tasks, &loopPtr->numTasks);
    }
    loopPtr->turns += did;
    DpLoopDrop(loopPtr);
    return did;
}

void
DpLoopPoll(DpLoop *loopPtr, int milliseconds)
{
    Turn(loopPtr, milliseconds, false);
}

void
DpLoopGather(DpLoop *loopPtr, int change)
{
    loopPtr->gathers += change;
}

/* A turn that Tcl's notifier has called for. */
static void
TclTurn(DpLoop *loopPtr)
{
    DpLoopHold(loopPtr);
    loopPtr->events++;
    Turn(loopPtr, 0, true);
    if (loopPtr->gathers > 0) {
	int64_t end = DpLoopNow() + GATHER_MS;

	while (loopPtr->gathers > 0 && DpLoopNow() < end
		&& !loopPtr->stopped) {
	    Turn(loopPtr, 1, true);
	}
    }
    DpLoopDrop(loopPtr);
}

static int
LoopEventProc(Tcl_Event *eventPtr, int flags)
{
    DpLoop *loopPtr = ((LoopEvent *) eventPtr)->loopPtr;

    if (!(flags & (TCL_FILE_EVENTS | TCL_TIMER_EVENTS))) {
	return 0;
    }
    loopPtr->queued = false;
    TclTurn(loopPtr);
    return 1;
}

static void
SetupProc(ClientData clientData, int flags)
{
    DpLoop *loopPtr = clientData;
    int timeout = Timeout(loopPtr, -1, true);
    Tcl_Time time;

    if (!(flags & (TCL_FILE_EVENTS | TCL_TIMER_EVENTS))) {
	return;
    }
    if (DpPollFd(loopPtr->pollPtr) < 0 && (timeout < 0 || timeout > 10)) {
	/* Without epoll the notifier can't see our descriptors. */
	timeout = 10;
    }
    if (timeout >= 0) {
	time.sec = timeout / 1000;
	time.usec = timeout % 1000 * 1000;
	Tcl_SetMaxBlockTime(&time);
    }
}

static void
CheckProc(ClientData clientData, int flags)
{
    DpLoop *loopPtr = clientData;

    if (!(flags & (TCL_FILE_EVENTS | TCL_TIMER_EVENTS)) || loopPtr->queued) {
	return;
    }
    loopPtr->direct = true;
    if (DpPollFd(loopPtr->pollPtr) >= 0 && Timeout(loopPtr, -1, true) != 0) {
	return;
    }
    QueueTurn(loopPtr);
}

static void
PollReady(ClientData clientData, int mask)
{
    DpLoop *loopPtr = clientData;

    (void) mask;
    TclTurn(loopPtr);
}

void
DpLoopAttend(DpLoop *loopPtr, int milliseconds)
{
    loopPtr->attendUntil = DpLoopNow() + milliseconds;
}

/* Tcl's timers and queued events, without its notifier. True: there were. */
static bool
ServiceTcl(void)
{
    int mode = Tcl_SetServiceMode(TCL_SERVICE_ALL);
    bool did = Tcl_ServiceAll();

    Tcl_SetServiceMode(mode);
    return did;
}

void
DpLoopWait(DpLoop *loopPtr, const bool *donePtr)
{
    int64_t now = DpLoopNow();
    int64_t lastOwn = now, lastOther = now - OTHERS_MS;
    int64_t lastService = now, lastFull = now;

    DpLoopHold(loopPtr);
    while (!*donePtr && !loopPtr->stopped) {
	bool other = false;
	unsigned turns = loopPtr->turns, events = loopPtr->events;

	if ((now - lastOwn < DIRECT_MS || now < loopPtr->attendUntil)
		&& now - lastOther >= OTHERS_MS
		&& (DpPollCount(loopPtr->pollPtr) > 0
		|| loopPtr->numTasks > 0 || loopPtr->numSoon > 0)) {
	    loopPtr->direct = false;
	    Turn(loopPtr, DIRECT_MS, true);
	    if (*donePtr) {
		break;
	    }
	    now = DpLoopNow();
	    if (loopPtr->turns != turns) {
		lastOwn = now;
		turns = loopPtr->turns;
	    }
	    if (now != lastService) {
		lastService = now;
		other = ServiceTcl();
	    }
	    if (now - lastFull >= DIRECT_MS && !*donePtr) {
		lastFull = now;
		other |= Tcl_DoOneEvent(TCL_ALL_EVENTS | TCL_DONT_WAIT);
	    }
	} else {
	    other = Tcl_DoOneEvent(TCL_ALL_EVENTS);
	    lastFull = now = DpLoopNow();
	}
	if (loopPtr->turns != turns) {
	    lastOwn = now;
	} else if (other && loopPtr->events == events) {
	    /*
	     * Not a turn of ours that found nothing left to do: each wait in
	     * the notifier would be followed by one, and so by the next wait.
	     */
	    lastOther = now;
	}
    }
    DpLoopDrop(loopPtr);
}

/* Part: the loop itself. */

DpLoop *
DpLoopNew(void)
{
    DpPoll *pollPtr = DpPollNew();
    DpLoop *loopPtr;

    if (pollPtr == NULL) {
	return NULL;
    }
    loopPtr = DpAlloc(sizeof(*loopPtr));
    loopPtr->refCount = 1;
    loopPtr->pollPtr = pollPtr;
    loopPtr->tasks.nextPtr = loopPtr->tasks.prevPtr = &loopPtr->tasks;
    loopPtr->soon.nextPtr = loopPtr->soon.prevPtr = &loopPtr->soon;
    Tcl_CreateEventSource(SetupProc, CheckProc, loopPtr);
    if (DpPollFd(pollPtr) >= 0) {
	Tcl_Time none = {0, 0};

	Tcl_CreateFileHandler(DpPollFd(pollPtr), TCL_READABLE, PollReady,
		loopPtr);

	/*
	 * Starts the notifier's thread now: its trigger pipe must get low
	 * descriptors, as select(2) aborts on one of 1024 and above.
	 */
	Tcl_WaitForEvent(&none);
    }
    return loopPtr;
}

static int
DeleteLoopEvent(Tcl_Event *eventPtr, ClientData clientData)
{
    return eventPtr->proc == LoopEventProc
	    && ((LoopEvent *) eventPtr)->loopPtr == clientData;
}

void
DpLoopStop(DpLoop *loopPtr)
{
    if (loopPtr->stopped) {
	return;
    }
    loopPtr->stopped = true;
    if (DpPollFd(loopPtr->pollPtr) >= 0) {
	Tcl_DeleteFileHandler(DpPollFd(loopPtr->pollPtr));
    }
    Tcl_DeleteEventSource(SetupProc, CheckProc, loopPtr);
    Tcl_DeleteEvents(DeleteLoopEvent, loopPtr);
    if (loopPtr->workPtr != NULL) {
	DpWorkFree(loopPtr->workPtr);
	loopPtr->workPtr = NULL;
    }
}

void
DpLoopHold(DpLoop *loopPtr)
{
    loopPtr->refCount++;
}

void
DpLoopDrop(DpLoop *loopPtr)
{
    if (--loopPtr->refCount > 0) {
	return;
    }
    DpPollFree(loopPtr->pollPtr);
    DpFree(loopPtr->timers);
    DpFree(loopPtr);
}

void
DpLoopCounts(DpLoop *loopPtr, DpLoopCount *countPtr)
{
    countPtr->watches = DpPollCount(loopPtr->pollPtr);
    countPtr->timers = loopPtr->numTimers;
    countPtr->tasks = loopPtr->numTasks + loopPtr->numSoon;
    countPtr->jobs = loopPtr->workPtr == NULL ? 0
	    : DpWorkCount(loopPtr->workPtr);
}

/*
 * dpLoop.h -- the event core: descriptors, timers, tasks and worker jobs.
 *
 * Layer L1. One loop for each interpreter; all its functions belong to the
 * thread of that interpreter, save that a job's run procedure is called in a
 * worker thread. Procedures called for descriptors and timers run no script:
 * scripts run from tasks alone, so that a nested event loop never stands on a
 * half-dispatched set of events.
 */

#ifndef DP_LOOP_H
#define DP_LOOP_H

#include "dpBase.h"

#define DP_READABLE 1
#define DP_WRITABLE 2
#define DP_HANGUP   4           /* error or hangup, reported in any case; asked
				 * for, also that the peer has ended its side */

typedef struct DpLoop DpLoop;

typedef void (DpFdProc)(void *clientData, int mask);
typedef void (DpProcedure)(void *clientData);

/*
 * The three below are embedded in the struct of their owner. A zeroed one is
 * idle. Starting registers it, stopping (always allowed) is the twin; owners
 * stop before they free.
 */
typedef struct DpWatch {
    DpLoop *loopPtr;            /* NULL while idle */
    int fd;
    int mask;
    DpFdProc *proc;
    void *clientData;
} DpWatch;

typedef struct DpTimer {
    DpLoop *loopPtr;            /* NULL while idle */
    int64_t due;                /* in ms of DpLoopNow */
    int index;                  /* place in the loop's heap */
    DpProcedure *proc;
    void *clientData;
} DpTimer;

typedef struct DpTask {
    DpLoop *loopPtr;            /* NULL while idle */
    struct DpTask *nextPtr, *prevPtr;
    int *countPtr;              /* of the ring it stands in */
    DpProcedure *proc;
    void *clientData;
} DpTask;

/* A loop is counted; the interpreter record holds it and so does each user. */
MODULE_SCOPE DpLoop *DpLoopNew(void);
MODULE_SCOPE void DpLoopHold(DpLoop *loopPtr);
MODULE_SCOPE void DpLoopDrop(DpLoop *loopPtr);

/* Takes the loop out of Tcl's notifier; watches left are not called again. */
MODULE_SCOPE void DpLoopStop(DpLoop *loopPtr);

/* Monotonic time in milliseconds. */
MODULE_SCOPE int64_t DpLoopNow(void);

/* Level-triggered. The mask may be 0: hangups are still reported. */
MODULE_SCOPE void DpWatchStart(DpLoop *loopPtr, DpWatch *watchPtr, int fd,
	int mask, DpFdProc *proc, void *clientData);
MODULE_SCOPE void DpWatchMask(DpWatch *watchPtr, int mask);
MODULE_SCOPE void DpWatchStop(DpWatch *watchPtr);

/* Starting one that runs moves it. It is idle when its procedure is called. */
MODULE_SCOPE void DpTimerStart(DpLoop *loopPtr, DpTimer *timerPtr,
	int64_t milliseconds, DpProcedure *proc, void *clientData);
MODULE_SCOPE void DpTimerStop(DpTimer *timerPtr);

/*
 * Calls proc from the next turn of the loop, with nothing of ours below it on
 * the stack. Starting one that is queued changes nothing.
 */
MODULE_SCOPE void DpTaskStart(DpLoop *loopPtr, DpTask *taskPtr,
	DpProcedure *proc, void *clientData);
MODULE_SCOPE void DpTaskStop(DpTask *taskPtr);

/*
 * The same for a procedure that runs no script, as the pump of a session:
 * DpLoopPoll serves these too. DpTaskStop is the twin here as well.
 */
MODULE_SCOPE void DpSoonStart(DpLoop *loopPtr, DpTask *taskPtr,
	DpProcedure *proc, void *clientData);

/*
 * Runs events until *donePtr is true: descriptors of ours directly, without
 * the notifier's thread in between, everything else of Tcl's in turn.
 */
MODULE_SCOPE void DpLoopWait(DpLoop *loopPtr, const bool *donePtr);

/*
 * Somebody waits for what the next events do, as a person who types: for so
 * many milliseconds DpLoopWait goes on waiting for descriptors of ours
 * directly, though none may come.
 */
MODULE_SCOPE void DpLoopAttend(DpLoop *loopPtr, int milliseconds);

/*
 * Somebody (change 1, and later -1) has put off what it would do, until more has
 * come or a timer of a millisecond has run: meanwhile a turn waits for
 * descriptors of ours itself, a little, and spares Tcl's notifier.
 */
MODULE_SCOPE void DpLoopGather(DpLoop *loopPtr, int change);

/*
 * One turn for a channel in blocking mode: waits up to milliseconds (-1: no
 * limit) and serves our own descriptors, timers, jobs and procedures of
 * DpSoonStart; no event of Tcl's and no task, so that no script runs.
 */
MODULE_SCOPE void DpLoopPoll(DpLoop *loopPtr, int milliseconds);

/* What is registered, for leak tests. */
typedef struct DpLoopCount {
    int watches, timers, tasks, jobs;
} DpLoopCount;
MODULE_SCOPE void DpLoopCounts(DpLoop *loopPtr, DpLoopCount *countPtr);

/*
 * Blocking work in a worker thread: run(data) there, then done(clientData,
 * data) in the loop's thread, then freeProc(data). After DpJobCancel neither
 * done nor clientData is used again; data is freed once run has returned.
 */
typedef struct DpJob DpJob;
MODULE_SCOPE DpJob *DpJobStart(DpLoop *loopPtr, DpProcedure *run,
	void (*done)(void *clientData, void *data), DpProcedure *freeProc,
	void *data, void *clientData);
MODULE_SCOPE void DpJobCancel(DpJob *jobPtr);

/*
 * From any thread: done(NULL, data) in the loop's thread, then freeProc(data).
 * DpLoopThreads must have been called before such a thread was started.
 */
MODULE_SCOPE void DpLoopThreads(DpLoop *loopPtr);
MODULE_SCOPE void DpLoopPost(DpLoop *loopPtr,
	void (*done)(void *clientData, void *data), DpProcedure *freeProc,
	void *data);

#endif

/*
 * dpWork.c -- worker threads for what would block the event thread.
 *
 * Layer L1. Host names, key derivation and RSA signatures are computed here.
 */

#include "dpWork.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define MAX_THREADS 8
#define IDLE_SECONDS 5
#define STACK_SIZE (256 * 1024)

struct DpJob {
    struct DpWork *workPtr;
    DpJob *nextPtr;             /* in the queue it stands in */
    DpProcedure *run;
    void (*done)(void *clientData, void *data);
    DpProcedure *freeProc;
    void *data;
    void *clientData;
    bool cancelled;             /* under the mutex */
};

/*
 * Lives until the owner has let go of it and the last thread has ended: a
 * thread that hangs in a name look-up must not hold up the process's end.
 */
struct DpWork {
    pthread_mutex_t mutex;      /* guards everything below */
    pthread_cond_t wanted;
    DpPoll *pollPtr;            /* NULL once the owner has gone */
    DpJob *firstPtr, **endPtr;  /* to be run */
    DpJob *ranPtr, **ranEndPtr; /* have been run */
    int threads;
    int idle;
    int count;                  /* jobs not yet delivered */
};

static void
FreeJob(DpJob *jobPtr)
{
    jobPtr->freeProc(jobPtr->data);
    DpFree(jobPtr);
}

static void
FreeWork(DpWork *workPtr)
{
    pthread_mutex_destroy(&workPtr->mutex);
    pthread_cond_destroy(&workPtr->wanted);
    DpFree(workPtr);
}

/* Waits for a job; NULL when there was none for long. The mutex is held. */
static DpJob *
NextJob(DpWork *workPtr)
{
    struct timespec until;
    DpJob *jobPtr;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IDLE_SECONDS;
    workPtr->idle++;
    while (workPtr->firstPtr == NULL && workPtr->pollPtr != NULL && rc == 0) {
	rc = pthread_cond_timedwait(&workPtr->wanted, &workPtr->mutex,
		&until);
    }
    workPtr->idle--;
    jobPtr = workPtr->firstPtr;
    if (jobPtr != NULL) {
	workPtr->firstPtr = jobPtr->nextPtr;
	if (workPtr->firstPtr == NULL) {
	    workPtr->endPtr = &workPtr->firstPtr;
	}
	jobPtr->nextPtr = NULL;
    }
    return jobPtr;
}

static void *
WorkerThread(void *clientData)
{
    DpWork *workPtr = clientData;
    DpJob *jobPtr;
    bool last;

    pthread_mutex_lock(&workPtr->mutex);
    while ((jobPtr = NextJob(workPtr)) != NULL) {
	bool skip = jobPtr->cancelled;

	pthread_mutex_unlock(&workPtr->mutex);
	if (!skip) {
	    jobPtr->run(jobPtr->data);
	}
	pthread_mutex_lock(&workPtr->mutex);
	if (workPtr->pollPtr != NULL) {
	    *workPtr->ranEndPtr = jobPtr;
	    workPtr->ranEndPtr = &jobPtr->nextPtr;
	    DpPollWake(workPtr->pollPtr);
	} else {
	    FreeJob(jobPtr);
	}
    }
    workPtr->threads--;
    last = workPtr->threads == 0 && workPtr->pollPtr == NULL;
    pthread_mutex_unlock(&workPtr->mutex);
    if (last) {
	FreeWork(workPtr);
    }
    return NULL;
}

DpWork *
DpWorkNew(DpPoll *pollPtr)
{
    DpWork *workPtr = DpAlloc(sizeof(*workPtr));

    pthread_mutex_init(&workPtr->mutex, NULL);
    pthread_cond_init(&workPtr->wanted, NULL);
    workPtr->pollPtr = pollPtr;
    workPtr->endPtr = &workPtr->firstPtr;
    workPtr->ranEndPtr = &workPtr->ranPtr;
    return workPtr;
}

/* Signals are for the process's own threads, never for a worker. */
static bool
StartThread(DpWork *workPtr)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;
    int rc;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&thread, &attr, WorkerThread, workPtr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return rc == 0;
}

DpJob *
DpWorkAdd(DpWork *workPtr, DpProcedure *run,
	void (*done)(void *clientData, void *data), DpProcedure *freeProc,
	void *data, void *clientData)
{
    DpJob *jobPtr = DpAlloc(sizeof(*jobPtr));
    bool inPlace = false;

    jobPtr->workPtr = workPtr;
    jobPtr->run = run;
    jobPtr->done = done;
    jobPtr->freeProc = freeProc;
    jobPtr->data = data;
    jobPtr->clientData = clientData;
    pthread_mutex_lock(&workPtr->mutex);
    workPtr->count++;
    if (workPtr->idle == 0 && workPtr->threads < MAX_THREADS) {
	workPtr->threads++;
	if (!StartThread(workPtr)) {
	    workPtr->threads--;
	    inPlace = workPtr->threads == 0;
	}
    }
    if (inPlace) {
	/* No thread is to be had: late is better than never. */
	run(data);
	*workPtr->ranEndPtr = jobPtr;
	workPtr->ranEndPtr = &jobPtr->nextPtr;
	DpPollWake(workPtr->pollPtr);
    } else {
	*workPtr->endPtr = jobPtr;
	workPtr->endPtr = &jobPtr->nextPtr;
	pthread_cond_signal(&workPtr->wanted);
    }
    pthread_mutex_unlock(&workPtr->mutex);
    return jobPtr;
}

void
DpWorkPost(DpWork *workPtr, void (*done)(void *clientData, void *data),
	DpProcedure *freeProc, void *data)
{
    DpJob *jobPtr = DpAlloc(sizeof(*jobPtr));

    jobPtr->workPtr = workPtr;
    jobPtr->done = done;
    jobPtr->freeProc = freeProc;
    jobPtr->data = data;
    pthread_mutex_lock(&workPtr->mutex);
    workPtr->count++;
    *workPtr->ranEndPtr = jobPtr;
    workPtr->ranEndPtr = &jobPtr->nextPtr;
    if (workPtr->pollPtr != NULL) {
	DpPollWake(workPtr->pollPtr);
    }
    pthread_mutex_unlock(&workPtr->mutex);
}

void
DpJobCancel(DpJob *jobPtr)
{
    DpWork *workPtr = jobPtr->workPtr;

    pthread_mutex_lock(&workPtr->mutex);
    jobPtr->cancelled = true;
    pthread_mutex_unlock(&workPtr->mutex);
}

bool
DpWorkDeliver(DpWork *workPtr)
{
    DpJob *jobPtr, *nextPtr;

    pthread_mutex_lock(&workPtr->mutex);
    jobPtr = workPtr->ranPtr;
    workPtr->ranPtr = NULL;
    workPtr->ranEndPtr = &workPtr->ranPtr;
    for (nextPtr = jobPtr; nextPtr != NULL; nextPtr = nextPtr->nextPtr) {
	workPtr->count--;
    }
    pthread_mutex_unlock(&workPtr->mutex);
    if (jobPtr == NULL) {
	return false;
    }
    for (; jobPtr != NULL; jobPtr = nextPtr) {
	nextPtr = jobPtr->nextPtr;
	if (!jobPtr->cancelled) {
	    jobPtr->done(jobPtr->clientData, jobPtr->data);
	}
	FreeJob(jobPtr);
    }
    return true;
}

int
DpWorkCount(DpWork *workPtr)
{
    int count;

    pthread_mutex_lock(&workPtr->mutex);
    count = workPtr->count;
    pthread_mutex_unlock(&workPtr->mutex);
    return count;
}

void
DpWorkFree(DpWork *workPtr)
{
    DpJob *lists[2];
    bool last;

    pthread_mutex_lock(&workPtr->mutex);
    workPtr->pollPtr = NULL;
    lists[0] = workPtr->firstPtr;
    lists[1] = workPtr->ranPtr;
    workPtr->firstPtr = workPtr->ranPtr = NULL;
    last = workPtr->threads == 0;
    pthread_cond_broadcast(&workPtr->wanted);
    pthread_mutex_unlock(&workPtr->mutex);
    for (int i = 0; i < 2; i++) {
	while (lists[i] != NULL) {
	    DpJob *jobPtr = lists[i];

	    lists[i] = jobPtr->nextPtr;
	    FreeJob(jobPtr);
	}
    }
    if (last) {
	FreeWork(workPtr);
    }
}

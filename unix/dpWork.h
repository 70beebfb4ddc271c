/*
 * dpWork.h -- the worker threads behind DpJobStart.
 *
 * Layer L1. Used by the loop alone.
 */

#ifndef DP_WORK_H
#define DP_WORK_H

#include "dpPoll.h"

typedef struct DpWork DpWork;

/*
 * Threads are made when there is work and end when there was none for some
 * seconds. When a job has been run the set is woken.
 */
MODULE_SCOPE DpWork *DpWorkNew(DpPoll *pollPtr);

/* Threads end by themselves after the job they run; nothing is waited for. */
MODULE_SCOPE void DpWorkFree(DpWork *workPtr);

MODULE_SCOPE DpJob *DpWorkAdd(DpWork *workPtr, DpProcedure *run,
	void (*done)(void *clientData, void *data), DpProcedure *freeProc,
	void *data, void *clientData);

/* From any thread: a job that needs no running, but only to be delivered. */
MODULE_SCOPE void DpWorkPost(DpWork *workPtr,
	void (*done)(void *clientData, void *data), DpProcedure *freeProc,
	void *data);

/* Delivers the jobs that have been run. True if there was one. */
MODULE_SCOPE bool DpWorkDeliver(DpWork *workPtr);

/* Jobs that are not yet delivered. */
MODULE_SCOPE int DpWorkCount(DpWork *workPtr);

#endif

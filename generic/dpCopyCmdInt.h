/*
 * dpCopyCmdInt.h -- what the two files of core::copy share.
 *
 * Layer L4.
 */

#ifndef DP_COPY_CMD_INT_H
#define DP_COPY_CMD_INT_H

#include "dpCopy.h"
#include "dpCopySum.h"
#include "dpFsCmd.h"
#include "dpWait.h"

/* Progress is told that often, in ms. */
#define DP_COPY_PROGRESS 100

typedef struct DpCopyHandle DpCopyHandle;

/* A question of the transfer that is not answered yet. */
typedef struct DpCopyQuestion {
    DpCopyHandle *handlePtr;
    struct DpCopyQuestion *nextPtr;
    DpCopyAsk *askPtr;
    unsigned long id;
    bool told;                  /* to the prefix */
    DpCopySum *sums[2];         /* without a prefix */
    unsigned char bytes[2][DP_SUM_BYTES];
    int numDone;
} DpCopyQuestion;

struct DpCopyHandle {
    DpInterp *dpPtr;            /* held */
    int refCount;               /* of the table, and of a running script */
    unsigned long id;
    DpCopy *copyPtr;
    DpFs *srcPtr, *dstPtr;      /* as the transfer's, which holds them */
    Tcl_Obj *progressPtr, *samePtr, *slugPtr;
    DpWait **waits;             /* held */
    int numWaits;
    DpCopyQuestion *asksPtr;
    unsigned long lastAsk;
    DpTimer timer;
    DpTask task;                /* calls the prefixes */
    bool telling;               /* that is on the stack */
    bool due;                   /* progress is to be told */
    bool ended;                 /* the transfer */
    bool over;                  /* and all is told */
    bool closed;
    int64_t startTime, endTime;
};

/* dpCopyCmdTell.c */

/* What was done up to now, as a dict. */
MODULE_SCOPE Tcl_Obj *DpCopyCountsObj(const DpCopyHandle *handlePtr);

/* The transfer has ended, and all is told: the waiters get it. */
MODULE_SCOPE void DpCopyFinishWaits(DpCopyHandle *handlePtr);

/* Procedures of the transfer and of the timer. */
MODULE_SCOPE void DpCopyAskProc(void *clientData, DpCopyAsk *askPtr);
MODULE_SCOPE void DpCopyDropAskProc(void *clientData, DpCopyAsk *askPtr);
MODULE_SCOPE void DpCopyDoneProc(void *clientData);
MODULE_SCOPE void DpCopyProgressTimer(void *clientData);

/* Answers a question and frees it. */
MODULE_SCOPE void DpCopyQuestionAnswer(DpCopyQuestion *questionPtr, int same,
	const DpError *errPtr);

MODULE_SCOPE void DpCopyHandleRelease(DpCopyHandle *handlePtr);

#endif

/*
 * dpLock.c -- a mutex for what worker threads share.
 *
 * Layer L1.
 */

#include "dpLock.h"

#include <pthread.h>

struct DpLock {
    pthread_mutex_t mutex;
};

DpLock *
DpLockNew(void)
{
    DpLock *lockPtr = DpAlloc(sizeof(*lockPtr));

    pthread_mutex_init(&lockPtr->mutex, NULL);
    return lockPtr;
}

void
DpLockFree(DpLock *lockPtr)
{
    pthread_mutex_destroy(&lockPtr->mutex);
    DpFree(lockPtr);
}

void
DpLockTake(DpLock *lockPtr)
{
    pthread_mutex_lock(&lockPtr->mutex);
}

void
DpLockGive(DpLock *lockPtr)
{
    pthread_mutex_unlock(&lockPtr->mutex);
}

/*
 * dpLock.h -- a mutex for what worker threads share.
 *
 * Layer L1. Not Tcl's: its calls are empty in code that is compiled without
 * TCL_THREADS.
 */

#ifndef DP_LOCK_H
#define DP_LOCK_H

#include "dpBase.h"

typedef struct DpLock DpLock;

MODULE_SCOPE DpLock *DpLockNew(void);
MODULE_SCOPE void DpLockFree(DpLock *lockPtr);

/* Not recursive. */
MODULE_SCOPE void DpLockTake(DpLock *lockPtr);
MODULE_SCOPE void DpLockGive(DpLock *lockPtr);

#endif

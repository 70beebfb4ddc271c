/*
 * dpWait.h -- one-shot results that scripts can wait for.
 *
 * Layer L4. Every asynchronous operation of the C level ends in one of these.
 */

#ifndef DP_WAIT_H
#define DP_WAIT_H

#include "dpError.h"
#include "dpInterp.h"

/*
 * Counted: the handle table holds it until it is taken or dropped, and so
 * does the operation that will finish it.
 */
typedef struct DpWait DpWait;

/* A fresh waiter with a handle; the caller gets a reference of its own. */
MODULE_SCOPE DpWait *DpWaitNew(DpInterp *dpPtr);
MODULE_SCOPE Tcl_Obj *DpWaitObj(DpWait *waitPtr);
MODULE_SCOPE void DpWaitHold(DpWait *waitPtr);
MODULE_SCOPE void DpWaitDrop(DpWait *waitPtr);

/*
 * Finishes with a value and return options (NULL: none). A second time, or
 * after the handle was dropped, nothing happens; the objects are freed then.
 */
MODULE_SCOPE void DpWaitFinish(DpWait *waitPtr, Tcl_Obj *valuePtr,
	Tcl_Obj *optionsPtr);
MODULE_SCOPE void DpWaitFail(DpWait *waitPtr, const DpError *errPtr);

/* True when nobody will look at a result any more. */
MODULE_SCOPE bool DpWaitIsDropped(const DpWait *waitPtr);

/* Makes ::deployer::core::waiter. */
MODULE_SCOPE void DpWaitInit(DpInterp *dpPtr);

#endif

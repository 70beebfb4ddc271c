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

/* What is behind a name such as "wait3"; TCL_ERROR and a message: nothing. */
MODULE_SCOPE int DpWaitGet(DpInterp *dpPtr, Tcl_Obj *namePtr,
	DpWait **waitPtrPtr);

/*
 * For C: takes the waiter from the scripts. It is called once with the result,
 * from the loop and never from inside of this, and the handle is gone then.
 * With NULL it is not called any more: the handle goes now. The caller holds
 * the waiter until either.
 */
typedef void (DpWaitProc)(void *clientData, Tcl_Obj *valuePtr,
	Tcl_Obj *optionsPtr);
MODULE_SCOPE void DpWaitTap(DpWait *waitPtr, DpWaitProc *proc,
	void *clientData);

/* True when nobody will look at a result any more. */
MODULE_SCOPE bool DpWaitIsDropped(const DpWait *waitPtr);

/* Makes ::deployer::core::waiter. */
MODULE_SCOPE void DpWaitInit(DpInterp *dpPtr);

#endif

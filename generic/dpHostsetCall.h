/*
 * dpHostsetCall.h -- what the subcommands of core::hostset share.
 *
 * Layer L4.
 */

#ifndef DP_HOSTSET_CALL_H
#define DP_HOSTSET_CALL_H

#include "dpHostsetObj.h"

/*
 * One call of a subcommand. `set` is the set that its first argument stands
 * for, held for the call, because other arguments may be the same value and
 * lose it.
 */
typedef struct DpHostsetCall {
    Tcl_Interp *interp;
    DpHostSpace *spacePtr;
    DpHostset *setPtr;          /* NULL where there is none to read */
    int objc;                   /* of the words behind the subcommand */
    Tcl_Obj *const *objv;
} DpHostsetCall;

/* The namespace that argument ARG names; NULL: without it, or there is none. */
MODULE_SCOPE Tcl_Namespace *DpHostsetCallSpace(DpHostsetCall *callPtr,
	int arg);

/* The result is a new set, whose reference is taken over. Always TCL_OK. */
MODULE_SCOPE int DpHostsetCallGive(DpHostsetCall *callPtr,
	DpHostset *setPtr);

/* The number that text of digits is; -1: it is none, or no int. */
MODULE_SCOPE int DpHostsetDigits(Tcl_Obj *objPtr);

/*
 * The place of an index: position (in role, -1: among all), slug or host, in
 * that order; -1: there is none.
 */
MODULE_SCOPE int DpHostsetFindIndex(DpHostsetCall *callPtr, int role,
	Tcl_Obj *indexPtr, Tcl_Namespace *nsPtr);

/* The subcommands of dpHostsetPick.c. */
MODULE_SCOPE int DpHostsetPickSub(DpHostsetCall *callPtr);
MODULE_SCOPE int DpHostsetOnlySub(DpHostsetCall *callPtr);
MODULE_SCOPE int DpHostsetWithoutSub(DpHostsetCall *callPtr);
MODULE_SCOPE int DpHostsetSelectSub(DpHostsetCall *callPtr);

#endif

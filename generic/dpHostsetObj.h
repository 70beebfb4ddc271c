/*
 * dpHostsetObj.h -- host sets as Tcl values, hosts and containers as objects.
 *
 * Layer L4.
 */

#ifndef DP_HOSTSET_OBJ_H
#define DP_HOSTSET_OBJ_H

#include "dpHostset.h"

/*
 * What a word means: a host, the hosts of a container, or neither of them. Both
 * are borrowed.
 */
typedef struct DpHostWord {
    DpHost *hostPtr;
    DpHostset *setPtr;
} DpHostWord;

/*
 * Names resolve as commands seen from namespace NSPTR (NULL: the global one).
 * An object that is being destroyed is no host any more.
 */
MODULE_SCOPE DpHostWord DpHostsetResolve(Tcl_Interp *interp,
	Tcl_Obj *wordPtr, Tcl_Namespace *nsPtr);

/* The namespace that has that name; NULL where there is none. */
MODULE_SCOPE Tcl_Namespace *DpHostsetNamespace(Tcl_Interp *interp,
	Tcl_Obj *namePtr);

/*
 * The object becomes a host with that slug, or a container of that set; what
 * it was before is replaced. TCL_ERROR and a message: it is no object.
 */
MODULE_SCOPE int DpHostRegister(Tcl_Interp *interp, DpHostSpace *spacePtr,
	Tcl_Obj *namePtr, Tcl_Obj *slugPtr);
MODULE_SCOPE int DpHostsetCarry(Tcl_Interp *interp, Tcl_Obj *namePtr,
	DpHostset *setPtr);

/*
 * The set that a value stands for, with a reference of the caller's. A value
 * that is only text, or of another interpreter, is parsed. NULL and an error
 * {DEPLOYER ARGUMENT hostset} or {DEPLOYER HOSTS UNKNOWN name}: it is no set.
 */
MODULE_SCOPE DpHostset *DpHostsetFromObj(Tcl_Interp *interp,
	DpHostSpace *spacePtr, Tcl_Obj *objPtr);

/* A fresh value of a set, refcount 0. */
MODULE_SCOPE Tcl_Obj *DpHostsetNewObj(DpHostset *setPtr);

/* The name of the host's object; NULL where it no longer exists. */
MODULE_SCOPE Tcl_Obj *DpHostName(DpHost *hostPtr);

/*
 * Sets the error {DEPLOYER <code> <word>}, the last word being data. Always
 * TCL_ERROR.
 */
MODULE_SCOPE int DpHostsetFail(Tcl_Interp *interp, const char *code,
	Tcl_Obj *wordPtr, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* {DEPLOYER HOSTS DUPLICATE slug} for one of two hosts. Always TCL_ERROR. */
MODULE_SCOPE int DpHostsetFailTwin(Tcl_Interp *interp, DpHost *hostPtr);

#endif

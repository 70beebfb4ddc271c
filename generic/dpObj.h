/*
 * dpObj.h -- the two ways in which a Tcl_Obj slot changes.
 *
 * Layer L0.
 */

#ifndef DP_OBJ_H
#define DP_OBJ_H

#include "dpBase.h"

static inline void
DpReplaceObj(Tcl_Obj **slotPtr, Tcl_Obj *objPtr)
{
    Tcl_Obj *oldPtr = *slotPtr;

    if (objPtr != NULL) {
	Tcl_IncrRefCount(objPtr);
    }
    *slotPtr = objPtr;
    if (oldPtr != NULL) {
	Tcl_DecrRefCount(oldPtr);
    }
}

static inline void
DpReleaseObj(Tcl_Obj **slotPtr)
{
    DpReplaceObj(slotPtr, NULL);
}

#endif

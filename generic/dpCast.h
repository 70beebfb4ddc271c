/*
 * dpCast.h -- records what terminals show, as asciicast version 2.
 *
 * Layer L4. A tap of the collector; one file may hold several commands one
 * after the other.
 */

#ifndef DP_CAST_H
#define DP_CAST_H

#include "dpRun.h"

typedef struct DpCast DpCast;

/*
 * The recording that objPtr names (a handle of core::cast), with a reference;
 * TCL_ERROR and a message where there is none.
 */
MODULE_SCOPE int DpCastGet(DpInterp *dpPtr, Tcl_Obj *objPtr,
	DpCast **castPtrPtr);
MODULE_SCOPE void DpCastDrop(DpCast *castPtr);

/* Records a command; the run takes over the reference. */
MODULE_SCOPE void DpCastJoin(DpCast *castPtr, DpRun *runPtr,
	DpProc *procPtr);

/* Makes core::cast. */
MODULE_SCOPE void DpCastInit(DpInterp *dpPtr);

#endif

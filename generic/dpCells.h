/*
 * dpCells.h -- the indexes of all cells of an array.
 *
 * Layer L4.
 */

#ifndef DP_CELLS_H
#define DP_CELLS_H

#include "dpHostsetObj.h"

/*
 * core::hostset cells: the list of the indexes (refcount 0) for levels as the
 * command takes them, in time and memory that grow with their number. NULL and
 * an error: {DEPLOYER ARGUMENT levels}, {DEPLOYER ISOLATE NOROLE path role},
 * {DEPLOYER HOSTS DUPLICATE slug}.
 */
MODULE_SCOPE Tcl_Obj *DpCellsList(Tcl_Interp *interp, DpHostSpace *spacePtr,
	DpHostset *setPtr, Tcl_Obj *levelsPtr);

#endif

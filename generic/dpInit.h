/*
 * dpInit.h -- the entry point of the package.
 *
 * Layer L5.
 */

#ifndef DP_INIT_H
#define DP_INIT_H

#include "dpBase.h"

extern __attribute__((visibility("default"))) int
	Deployer_Init(Tcl_Interp *interp);

#endif

/*
 * dpInterrupt.h -- core::interrupt: Ctrl-C for scripts.
 *
 * Layer L4.
 */

#ifndef DP_INTERRUPT_H
#define DP_INTERRUPT_H

#include "dpInterp.h"

/* Makes core::interrupt. */
MODULE_SCOPE void DpInterruptInit(DpInterp *dpPtr);

#endif

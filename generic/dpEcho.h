/*
 * dpEcho.h -- core::echo: the terminal of this process while a human is asked.
 *
 * Layer L4.
 */

#ifndef DP_ECHO_H
#define DP_ECHO_H

#include "dpInterp.h"

/* Makes core::echo. */
MODULE_SCOPE void DpEchoInit(DpInterp *dpPtr);

#endif

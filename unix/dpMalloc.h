/*
 * dpMalloc.h -- what the C library's malloc can tell of a block.
 *
 * Layer L0.
 */

#ifndef DP_MALLOC_H
#define DP_MALLOC_H

#include "dpBase.h"

/* So many bytes at least are in a block of malloc's; 0: that is not known. */
MODULE_SCOPE size_t DpMallocSize(void *ptr);

#endif

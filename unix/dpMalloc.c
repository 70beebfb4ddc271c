/*
 * dpMalloc.c -- what the C library's malloc can tell of a block.
 *
 * Layer L0.
 */

#include "dpMalloc.h"

#if defined(HAVE_MALLOC_H) && defined(HAVE_MALLOC_USABLE_SIZE)
#   include <malloc.h>
#   define USABLE_SIZE(ptr) malloc_usable_size(ptr)
#else
#   define USABLE_SIZE(ptr) ((void) (ptr), 0)
#endif

size_t
DpMallocSize(void *ptr)
{
    return USABLE_SIZE(ptr);
}

/*
 * dpBase.h -- what every file of the package includes first.
 *
 * Layer L0. Includes nothing of the operating system.
 */

#ifndef DP_BASE_H
#define DP_BASE_H

#include "config.h"

/* Without it tcl.h turns mutexes and conditions into nothing. */
#ifndef TCL_THREADS
#   define TCL_THREADS 1
#endif

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tcl.h>

/* Shared by the files of the package and by nobody else. */
#ifndef MODULE_SCOPE
#   define MODULE_SCOPE extern __attribute__((visibility("hidden")))
#endif

#define DP_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Memory comes from malloc and not from ckalloc, because Tcl's threaded
 * allocator hides overruns and leaks from AddressSanitizer. Out of memory
 * ends the process, as it does in Tcl. All four are safe in any thread.
 */
MODULE_SCOPE void *DpAlloc(size_t size);            /* zeroed */
MODULE_SCOPE void *DpRealloc(void *ptr, size_t size);
MODULE_SCOPE char *DpStrdup(const char *string);    /* NULL gives NULL */
MODULE_SCOPE void DpFree(void *ptr);                /* NULL is allowed */

/*
 * Overwrites a secret before its memory is given back; the compiler may not
 * leave it out. DpWipeFree takes a NUL-terminated string or NULL.
 */
MODULE_SCOPE void DpWipe(void *ptr, size_t size);
MODULE_SCOPE void DpWipeFree(char *string);

#endif

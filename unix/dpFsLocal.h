/*
 * dpFsLocal.h -- the files of this machine, by system calls in worker threads.
 *
 * Layer L2.
 */

#ifndef DP_FS_LOCAL_H
#define DP_FS_LOCAL_H

#include "dpFs.h"

/*
 * A file system with one reference, the caller's. Relative paths are seen from
 * the working directory at the time of the call; names are in the encoding of
 * the system.
 */
MODULE_SCOPE DpFs *DpFsLocalNew(DpLoop *loopPtr, const char *slug);

#endif

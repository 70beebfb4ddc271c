/*
 * dpFsWork.h -- one operation on a file of this machine, in a worker thread.
 *
 * Layer L2. Shared by dpFsLocal.c, whose thread owns the queues, and
 * dpFsWork.c, which makes the system calls.
 */

#ifndef DP_FS_WORK_H
#define DP_FS_WORK_H

#include "dpBuf.h"
#include "dpFs.h"

#include <stdatomic.h>

#define DP_FS_SPARES 8

/* An open file; counted, as a thread may still be at it. */
typedef struct DpFsFd {
    atomic_int refCount;
    _Atomic(void *) spares[DP_FS_SPARES];   /* memory for pieces, or NULL */
    int fd;                     /* -1: closed */
    bool stream;                /* has no offsets: a FIFO, a terminal */
    bool append;
} DpFsFd;

/* Counted: by its operation and by the thread's job. */
typedef struct DpFsWork {
    atomic_int refCount;
    DpFsRequest request;        /* paths and bytes are copies */
    DpFsFd *fdPtr;              /* held, or NULL; OPEN: the result */
    int error;
    bool again;                 /* to be tried again when fd is ready */
    size_t done;                /* WRITE: so many bytes are written */
    bool spare;                 /* request.bytes or bytes is of fdPtr's */
    DpFsAttr attr;
    unsigned char *bytes;
    size_t count;
    DpFsSpace space;
    void *dirPtr;               /* LIST: the open directory */
    DpBuf names;                /* LIST: each with its NUL */
    DpFsEntry *entries;
    int numEntries;
    bool more;                  /* LIST: there are more entries */
} DpFsWork;

MODULE_SCOPE void DpFsFdDrop(DpFsFd *fdPtr);    /* NULL is allowed */

/* Copies what the request refers to. Has one reference. */
MODULE_SCOPE DpFsWork *DpFsWorkNew(const DpFsRequest *requestPtr,
	DpFsFd *fdPtr);
MODULE_SCOPE void DpFsWorkDrop(void *clientData);

/* For a thread: does it. A LIST is done again until more is false. */
MODULE_SCOPE void DpFsWorkRun(void *clientData);

/* path, or the same seen from the working directory; to be freed. */
MODULE_SCOPE char *DpFsWorkPath(const char *path);

#endif

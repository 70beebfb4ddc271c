/*
 * dpCopy.h -- transfers: one file or a tree from one file system to another.
 *
 * Layer L3. No interpreter here. Many files are under way at once, a large one
 * by many requests; memory is bounded, whatever is copied. A file that exists
 * is replaced at once by a complete one, or stays as it is; a tree that does
 * not exist yet is made beside its place and put there when it is complete.
 */

#ifndef DP_COPY_H
#define DP_COPY_H

#include "dpFs.h"

typedef struct DpCopy DpCopy;

/* Bytes of content under way in one transfer. */
#define DP_COPY_WINDOW (16 * 1024 * 1024)

/* The names of one directory take no more memory: a host may lie. */
#define DP_COPY_NAMES (256 * 1024 * 1024)

/* A directory is given its content by a transfer up to this depth. */
#define DP_COPY_DEPTH 1000

/* So many failures are kept, of all of them only the number. */
#define DP_COPY_FAILURES 1000

/* When a file that exists is left as it is. */
typedef enum DpCopyUpdate {
    DP_COPY_ALWAYS,             /* never */
    DP_COPY_SIZE,               /* same size */
    DP_COPY_TIME,               /* same size and time of change */
    DP_COPY_CHECKSUM            /* same size and content, see ask */
} DpCopyUpdate;

typedef struct DpCopyCount {
    uint64_t files, dirs, links; /* made */
    uint64_t skipped;           /* were the same already */
    uint64_t special;           /* left out: neither file, directory nor link */
    uint64_t failed;
    uint64_t bytes, total;      /* copied; known so far of what there is */
    uint64_t resumed;           /* bytes that were there already */
    bool walked;                /* total is all */
    const char *path;           /* source of the file begun last, or NULL */
} DpCopyCount;

typedef struct DpCopyFailure {
    char *path;                 /* of the source */
    DpError error;
} DpCopyFailure;

/*
 * A question: do the first count bytes (-1: all) of two files agree? It is
 * answered by DpCopyAnswer unless it is dropped before.
 */
typedef struct DpCopyAsk {
    const char *src, *dst;
    int64_t count;
    void *data;                 /* the asker's */
    void *answerData;           /* the answerer's */
} DpCopyAsk;

typedef struct DpCopySpec {
    DpFs *srcPtr, *dstPtr;
    const char *src, *dst;
    const char *into;           /* where dst is a directory, the name in it */
    bool recursive, preserve;
    bool resume;                /* large files have a part file of fixed name
				 * that outlives a failure */
    bool verify;                /* asks before a file takes its place */
    bool adopt;                 /* ACL and label of a replaced file are kept */
    bool leaveSpecial;          /* special files are no failure */
    DpCopyUpdate update;
    uint64_t limit;             /* bytes a second, 0: none */
    size_t window;              /* 0: DP_COPY_WINDOW */
    size_t names;               /* 0: DP_COPY_NAMES */
    int umask;                  /* of dstPtr's host, -1: not known ... */
    int64_t uid;                /* ... and whom new files belong to there */
    void (*ask)(void *clientData, DpCopyAsk *askPtr);
    void (*dropAsk)(void *clientData, DpCopyAsk *askPtr);
    void (*done)(void *clientData); /* once; nothing is left under way */
    void *clientData;
} DpCopySpec;

/* The strings are copied, the file systems held. Nothing is called from here. */
MODULE_SCOPE DpCopy *DpCopyStart(const DpCopySpec *specPtr);

/* same: 1 or 0; else errPtr says why it cannot be told. */
MODULE_SCOPE void DpCopyAnswer(DpCopyAsk *askPtr, int same,
	const DpError *errPtr);

/* It ends with this error as soon as what it would leave is removed. */
MODULE_SCOPE void DpCopyCancel(DpCopy *copyPtr, const DpError *errPtr);

/* What is still under way is given up at once; done is not called. */
MODULE_SCOPE void DpCopyDrop(DpCopy *copyPtr);

MODULE_SCOPE const DpCopyCount *DpCopyCounts(const DpCopy *copyPtr);

/* The error of all, not set where it succeeded; the single ones. */
MODULE_SCOPE const DpError *DpCopyError(const DpCopy *copyPtr);
MODULE_SCOPE const DpCopyFailure *DpCopyFailures(const DpCopy *copyPtr,
	int *countPtr);

/* What was found out: -1 where it was not. */
MODULE_SCOPE int DpCopyUmask(const DpCopy *copyPtr);
MODULE_SCOPE int64_t DpCopyUid(const DpCopy *copyPtr);

/* Where it went, links followed and names added: the target's path. */
MODULE_SCOPE const char *DpCopyTarget(const DpCopy *copyPtr);

#endif

/*
 * dpDisk.h -- small local files, read whole or appended to by lines.
 *
 * Layer L1. All functions may be called in any thread, return 0 or an errno
 * value, and take paths in the native encoding.
 */

#ifndef DP_DISK_H
#define DP_DISK_H

#include "dpBuf.h"
#include "dpError.h"

/* Two equal ones of a path: the file has not changed. */
typedef struct DpDiskStamp {
    int64_t modified[2];        /* seconds and nanoseconds */
    int64_t changed[2];
    int64_t size;
    uint64_t inode;
    uint64_t device;
} DpDiskStamp;

/* The stamp of a file; fields only, so that memcmp compares it. */
MODULE_SCOPE int DpDiskStat(const char *path, DpDiskStamp *stampPtr);

/*
 * The permissions of a file of ours that others may read or write, as ssh(1)
 * refuses for a private key; else 0.
 */
MODULE_SCOPE int DpDiskTooOpen(const char *path);

/*
 * Appends the whole file to bufPtr. Does not wait for a FIFO or a terminal:
 * those are EINVAL; a directory is EISDIR, more than max bytes are EFBIG.
 * stampPtr may be NULL. On failure bufPtr is as before.
 */
MODULE_SCOPE int DpDiskRead(const char *path, size_t max, DpBuf *bufPtr,
	DpDiskStamp *stampPtr);

/*
 * Appends a line (with its newline) in one write under a lock, after a
 * missing newline at the end of what is there. Makes the file (0600) and
 * its directory (0700) where they are missing. All of it or nothing.
 */
MODULE_SCOPE int DpDiskAppendLine(const char *path, const char *line,
	size_t length);

/* Sets {FILE <POSIXNAME> slug path} and "cannot DO "PATH": REASON". */
MODULE_SCOPE void DpDiskError(DpError *errPtr, int errorNumber,
	const char *slug, const char *path, const char *what);

#endif

/*
 * dpFsSave.h -- a file that is written beside its target and then replaces it.
 *
 * Layer L2. The target is old or new, never half: what is written goes to a
 * temporary file (mode 0600) in the target's directory, which gets owner, mode,
 * ACL and label of the target and then its name. A target that is a symbolic
 * link is followed, the link stays. A target that is neither file nor directory
 * (a device, a FIFO) is written in place.
 */

#ifndef DP_FS_SAVE_H
#define DP_FS_SAVE_H

#include "dpFs.h"

typedef struct DpFsSave DpFsSave;

#define DP_SAVE_SYNC      0x01  /* to the disk before it gets its name */
#define DP_SAVE_READ      0x02  /* the file can be read as well */
#define DP_SAVE_EXISTING  0x04  /* the target must exist (ENOENT) ... */
#define DP_SAVE_EXCLUSIVE 0x08  /* ... or must not (EEXIST); it is made at
				 * once, empty, and gone after an abort */
#define DP_SAVE_COPY      0x10  /* begins with what the target holds */

/* Needed during DpFsSaveStart only. */
typedef struct DpFsSaveSpec {
    const char *path;
    unsigned flags;
    uint32_t mode;              /* of a new file, under the host's umask */
    DpFsAttr attr;              /* OWNER, MODE (without umask) and TIMES as has
				 * says: instead of those of the target */
} DpFsSaveSpec;

/*
 * error is 0 or an errno value; errPtr then says it whole and belongs to the
 * caller. Comes never from inside of the call that asked for it; it may abort
 * or commit. Runs no script.
 */
typedef void (DpFsSaveDone)(void *clientData, int error,
	const DpError *errPtr);

/*
 * Makes the temporary file. Each save that was started ends by DpFsSaveAbort or
 * DpFsSaveCommit, also one that has failed.
 */
MODULE_SCOPE DpFsSave *DpFsSaveStart(DpFs *fsPtr,
	const DpFsSaveSpec *specPtr, DpFsSaveDone *opened, void *clientData);

/*
 * Once it is open: the file for READ, WRITE, FSTAT and FSETSTAT (size); those
 * in flight have been answered before a commit. It stays the save's own.
 */
MODULE_SCOPE DpFsFile *DpFsSaveFile(const DpFsSave *savePtr);

/* Once it is open: the target as it was; has is 0 where there was none. */
MODULE_SCOPE const DpFsAttr *DpFsSaveTarget(const DpFsSave *savePtr);
MODULE_SCOPE bool DpFsSaveInPlace(const DpFsSave *savePtr);

/*
 * The file gets its attributes and its name, then done is called; on failure
 * the target is as it was and nothing new is left. The pointer is for
 * DpFsSaveForget until then. attrPtr: other attributes than those given at the
 * start, or NULL.
 */
MODULE_SCOPE void DpFsSaveCommit(DpFsSave *savePtr, const DpFsAttr *attrPtr,
	DpFsSaveDone *done, void *clientData);

/* The commit goes on, but done is not called. */
MODULE_SCOPE void DpFsSaveForget(DpFsSave *savePtr);

/*
 * At any time before a commit: the temporary file goes, what was asked before
 * is not answered. done (NULL is allowed) is called when it is gone; the error
 * is that of removing it.
 */
MODULE_SCOPE void DpFsSaveAbort(DpFsSave *savePtr, DpFsSaveDone *done,
	void *clientData);

#endif

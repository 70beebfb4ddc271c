/*
 * dpFsSaveInt.h -- what the files of a save share.
 *
 * Layer L2. One operation is under way at a time, each with the function that
 * goes on after it; only the copy of the old contents has several. An abort
 * waits for the operation that runs: a file that the host makes late must be
 * known, else it stayed.
 */

#ifndef DP_FS_SAVE_INT_H
#define DP_FS_SAVE_INT_H

#include "dpFsSave.h"

#define DP_SAVE_MAX_SLOTS 16    /* of a copy: so many blocks are held */
#define DP_SAVE_PERM_MASK 07777

typedef void (DpSaveStep)(DpFsSave *savePtr, const DpFsReply *replyPtr);

typedef struct DpSaveSlot {     /* one block of a copy on its way */
    DpFsSave *savePtr;
    uint64_t offset;
    size_t left;                /* still to be read */
    size_t count;               /* is being written */
} DpSaveSlot;

struct DpFsSave {
    DpFs *fsPtr;                /* held */
    char *path;                 /* as given, for errors */
    char *target;               /* where its links lead */
    char *temp;                 /* NULL until it is chosen */
    unsigned flags;
    uint32_t mode;
    DpFsAttr attr;              /* asked for by the caller */
    DpFsAttr old;               /* the target's; has is 0 where there is none */
    uint32_t newMode;           /* permissions of a new file */
    int links;                  /* followed so far */
    bool busy;                  /* an operation is under way */
    bool inPlace;
    bool made;                  /* temp exists, and is ours */
    bool placed;                /* target is an empty file of ours */
    bool opened;                /* the caller was told so */
    bool committing;
    bool aborting;
    DpSaveStep *step;           /* goes on after the operation */
    DpFsFile *filePtr;          /* what is written; ours */
    DpFsFile *sourcePtr;        /* what a copy reads */
    DpSaveSlot slots[DP_SAVE_MAX_SLOTS];
    int running;                /* slots on their way */
    uint64_t offset;            /* of the next block of a copy */
    bool copyEof;
    int error;                  /* errno of the first failure */
    DpError why;
    DpTask task;                /* answers that need no host */
    DpFsSaveDone *done;         /* of the start, the commit or the abort */
    void *clientData;
};

/* --- dpFsSaveEnd.c --- */

/* Begins an operation; step is called with its reply. */
MODULE_SCOPE void DpSaveGo(DpFsSave *savePtr,
	const DpFsRequest *requestPtr, DpSaveStep *step);
MODULE_SCOPE void DpSaveGoPath(DpFsSave *savePtr, DpFsKind kind,
	const char *path, DpSaveStep *step);
MODULE_SCOPE void DpSaveGoFile(DpFsSave *savePtr, DpFsKind kind,
	DpFsFile *filePtr, DpSaveStep *step);

/* Tells who started it that it is open, or what went wrong. */
MODULE_SCOPE void DpSaveTell(DpFsSave *savePtr);

/* Keeps the first failure. */
MODULE_SCOPE void DpSaveSetFailure(DpFsSave *savePtr,
	const DpFsReply *replyPtr);
/* A step failed: a start waits for its abort, a commit cleans up. */
MODULE_SCOPE void DpSaveFail(DpFsSave *savePtr, const DpFsReply *replyPtr);
/* The same with a reason of ours in front of the system's. */
MODULE_SCOPE void DpSaveFailBecause(DpFsSave *savePtr,
	const DpFsReply *replyPtr, const char *reason);
MODULE_SCOPE void DpSaveFailWith(DpFsSave *savePtr, int error,
	const char *message);

/* True where nothing of what was planned shall follow: then it cleans up. */
MODULE_SCOPE bool DpSaveIsOver(DpFsSave *savePtr);

/* --- dpFsSave.c --- */

MODULE_SCOPE void DpSaveOpened(DpFsSave *savePtr);

/* --- dpFsSaveCopy.c --- */

/* The target is open (or not) to be read: its contents are copied. */
MODULE_SCOPE void DpSaveSourceOpened(DpFsSave *savePtr,
	const DpFsReply *replyPtr);

#endif

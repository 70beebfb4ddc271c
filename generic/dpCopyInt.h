/*
 * dpCopyInt.h -- what the files of a transfer share.
 *
 * Layer L3.
 */

#ifndef DP_COPY_INT_H
#define DP_COPY_INT_H

#include "dpBuf.h"
#include "dpCopy.h"
#include "dpTree.h"

/* Types of files in a mode, as SFTP and POSIX have them. */
#define DP_TYPE(mode)     ((mode) & 0170000)
#define DP_TYPE_DIR       0040000
#define DP_TYPE_FILE      0100000
#define DP_TYPE_LINK      0120000

/* A file up to this size goes in one piece, by LOAD and STORE. */
#define DP_COPY_SMALL (256 * 1024)
/* So much memory of pieces of a large file is kept for the next ones. */
#define DP_COPY_SPARES 8

/* From this size on a part file is worth while. */
#define DP_COPY_PART (1024 * 1024)

/* So many files at once. */
#define DP_COPY_FILES 64

/* So many further connections write a large file. */
#define DP_COPY_WAYS 3

/* Where a transfer stands. */
typedef enum DpCopyState {
    DP_COPY_SOURCE,             /* STAT of the source */
    DP_COPY_MISSING,            /* LSTAT of it: is it a link to nothing? */
    DP_COPY_REAL,               /* its REALPATH */
    DP_COPY_TARGET,             /* LSTAT of the target */
    DP_COPY_LINK,               /* READLINK of it */
    DP_COPY_INSIDE,             /* REALPATH of where a tree goes */
    DP_COPY_STAGE,              /* MKDIR of the staging directory */
    DP_COPY_STAGED,             /* LSTAT of it: umask and owner */
    DP_COPY_CLOSED,             /* SETSTAT: nobody else gets in */
    DP_COPY_PROBE,              /* MKDIR of a directory ... */
    DP_COPY_PROBED,             /* ... that is looked at ... */
    DP_COPY_UNPROBE,            /* ... and removed */
    DP_COPY_RUN,                /* files and directories */
    DP_COPY_SEAL,               /* SETSTAT of the staging directory */
    DP_COPY_PLACE,              /* RENAME of it */
    DP_COPY_CLEAN,              /* it is removed */
    DP_COPY_OVER
} DpCopyState;

typedef struct DpCopyDir DpCopyDir;
typedef struct DpCopyFile DpCopyFile;
typedef struct DpCopyPart DpCopyPart;

struct DpCopy {
    DpCopySpec spec;            /* its strings are ours */
    DpFs *srcPtr, *dstPtr;      /* held */
    DpLoop *loopPtr;
    DpCopyState state;
    DpFsOp *opPtr;              /* of that state, or NULL */
    char *dst;                  /* the target in the end */
    char *stage;                /* the staging directory, or NULL */
    char *probe;
    char *real;                 /* REALPATH of a tree's source, or NULL */
    int hops;                   /* links followed at the target */
    DpFsAttr attr;              /* of the source */
    DpFsAttr old;               /* of the target ... */
    bool exists;                /* ... which exists */
    int umask;
    int64_t uid;

    bool stopping;              /* no further file begins */
    DpError error;              /* of all */
    DpCopyFailure *failures;
    int numFailures;
    DpCopyCount count;
    char *path;                 /* of count */

    DpCopyFile *firstFilePtr;   /* under way */
    int numFiles;
    size_t charged;             /* bytes of the window that they may use */
    size_t window;
    DpCopyDir *firstDirPtr;     /* all that are known */
    DpCopyDir *fileDirPtr;      /* have files to be begun, last first */
    DpCopyDir *subDirPtr;       /* have directories to be begun, last first */
    int numListing;
    int numQueued;              /* names not begun */
    DpTreeRemove *removePtr;

    double tokens;              /* bytes that the limit allows now */
    int64_t tokenTime;
    DpTimer limitTimer;
    DpTask task;                /* runs the pump */
    DpTask doneTask;
};

/* A directory on its way. */
struct DpCopyDir {
    DpCopy *copyPtr;
    DpCopyDir *parentPtr;       /* NULL: the root */
    DpCopyDir *prevPtr, *nextPtr;
    DpCopyDir *nextFilePtr, *nextSubPtr; /* of the two stacks */
    bool inFiles, inSubs;
    char *src, *dst;
    char *real;                 /* of one that was reached by a link */
    int depth;
    DpFsAttr attr;              /* of the source */
    bool fresh;                 /* was made by us */
    bool made, listed;
    bool given;                 /* up: what is left in it is not begun */
    int numActive;              /* children */
    DpFsOp *makeOpPtr, *listOpPtr, *endOpPtr;
    DpBuf files, dirs;          /* records of names */
};

typedef enum DpCopyStep {
    DP_FILE_LSTAT, DP_FILE_STAT, DP_FILE_REAL, DP_FILE_READLINK,
    DP_FILE_TARGET, DP_FILE_LINKTARGET, DP_FILE_OLDLINK, DP_FILE_SYMLINK,
    DP_FILE_LINKSTAT, DP_FILE_UPDATE, DP_FILE_LOAD, DP_FILE_STORE,
    DP_FILE_OPEN_IN, DP_FILE_STAT_IN, DP_FILE_HOLES, DP_FILE_PART,
    DP_FILE_SAME, DP_FILE_OLDPART,
    DP_FILE_OPEN_OUT, DP_FILE_STAT_OUT, DP_FILE_CUT, DP_FILE_MOVE, DP_FILE_SET, DP_FILE_CLOSE,
    DP_FILE_VERIFY, DP_FILE_ADOPT, DP_FILE_MODE, DP_FILE_RENAME,
    DP_FILE_OVERPART, DP_FILE_CLEAN
} DpCopyStep;

/* What is done for another connection to write the file. */
typedef enum DpCopyWideStep {
    DP_WIDE_NEVER,              /* there will be none */
    DP_WIDE_WATCH,              /* would it be worth while? */
    DP_WIDE_MARK,               /* yes: it gets an access time */
    DP_WIDE_MARKED,             /* which it has; the next connection */
    DP_WIDE_OPEN,               /* the file is opened on it */
    DP_WIDE_CHECK,              /* is it the same? */
    DP_WIDE_LAST,               /* no more: its other time */
    DP_WIDE_UNMARK              /* is given back its times */
} DpCopyWideStep;

/* Another handle of the file that is written, on another connection. */
typedef struct DpCopyWay {
    DpFsFile *filePtr;
    size_t flight;              /* bytes on their way */
} DpCopyWay;

/* A file on its way. One step at a time; a large one has parts in MOVE. */
struct DpCopyFile {
    DpCopy *copyPtr;
    DpCopyDir *dirPtr;          /* NULL: the one file of the transfer */
    DpCopyFile *prevPtr, *nextPtr;
    DpCopyStep step;
    DpFsOp *opPtr;              /* of the step */
    bool aborted;               /* fails when the step is over */
    bool failed;                /* and is told already */
    char *src, *dst;
    char *temp;                 /* what is written, NULL: dst itself */
    bool isPart;                /* temp outlives a failure */
    DpFsAttr part;              /* the part that is gone on with */
    bool tempMade;              /* there may be something to be removed */
    bool looked;                /* LSTAT was asked for already */
    char *text;                 /* of a link */
    DpFsAttr attr, old;
    bool exists;                /* old is the target's */
    size_t charge;
    uint64_t counted;           /* in count.total */
    DpCopyAsk ask;
    bool asking;

    DpFsFile *inPtr, *outPtr;
    uint64_t size;              /* as it was opened */
    uint64_t next;              /* not yet asked for */
    uint64_t done;              /* complete */
    uint64_t end;               /* behind the last byte written */
    bool toEnd;                 /* size is not known: as in /proc */
    bool atEnd;
    bool inFeed;
    uint64_t numAsked, numPut;  /* pieces: read, and written, in this order */
    DpCopyPart *partsPtr;
    unsigned char *spares[DP_COPY_SPARES];  /* memory of pieces that are gone */
    int numSpares;
    size_t flight;              /* bytes of parts */
    int numReads;
    size_t block;
    int depth;
    struct DpHoles *holesPtr;   /* NULL: not known */
    DpJob *jobPtr;              /* finds them */

    DpCopyWideStep wideStep;
    DpFsOp *wideOpPtr;          /* of it, or the close of a way */
    DpFsOp *statOpPtr;          /* asks for wideAttr */
    int64_t wideTime;           /* it is watched since then ... */
    uint64_t wideDone;          /* ... and from there */
    DpFsAttr wideAttr;
    int64_t wideMark;
    DpFsFile *newWayPtr;        /* is it the file? */
    DpCopyWay ways[DP_COPY_WAYS];
    int numWays;
    size_t wayFlight;           /* on their way to outPtr */
};

/* A piece of a large file: read, then written. */
struct DpCopyPart {
    DpCopyFile *filePtr;
    DpCopyPart *prevPtr, *nextPtr;
    DpFsOp *opPtr;
    uint64_t number;            /* its place among the pieces */
    bool waits;                 /* is read, but not yet its turn */
    uint64_t offset;
    bool isPut;                 /* is on its way ... */
    int way;                    /* ... there, as of DpCopyWideTake */
    size_t count, got;
    unsigned char *bytes;       /* of short reads, until there are count */
};

/* dpCopy.c */

/* The pump runs soon. */
MODULE_SCOPE void DpCopyKick(DpCopy *copyPtr);

/*
 * Tells a failure of source path; errors that all others would have too end
 * the transfer.
 */
MODULE_SCOPE void DpCopyFailed(DpCopy *copyPtr, const char *path,
	const DpFs *fsPtr, const DpFsReply *replyPtr, const char *doing,
	const char *errorPath);
/* The same with an error that is there. */
MODULE_SCOPE void DpCopyFailedBy(DpCopy *copyPtr, const char *path,
	const DpError *errPtr, bool isFatal);

/* Whether count bytes may be asked for now; if not, it is kicked in time. */
MODULE_SCOPE bool DpCopyAllow(DpCopy *copyPtr, size_t count);

/* What a new or replaced file, or directory, is given in the end. */
MODULE_SCOPE DpFsAttr DpCopyFinal(const DpCopy *copyPtr, const DpFsAttr *attrPtr,
	const DpFsAttr *oldPtr);

/* dir/name, to be freed. */
MODULE_SCOPE char *DpCopyJoin(const char *dir, const char *name);

/* Nothing is under way any more: what is not to stay is removed. */
MODULE_SCOPE void DpCopyFinish(DpCopy *copyPtr);

/* dpCopyBegin.c */

MODULE_SCOPE void DpCopyBegin(DpCopy *copyPtr);
/* Everything is there: the new tree gets its mode, then its name. */
MODULE_SCOPE void DpCopySeal(DpCopy *copyPtr);

/* dpCopyFile.c */

/* Begins with a file of a directory, or (dirPtr NULL) with the one file. */
MODULE_SCOPE void DpCopyFileStart(DpCopy *copyPtr, DpCopyDir *dirPtr,
	const char *name, const DpFsAttr *attrPtr, size_t charge);

/* The share of the window that a file of this size needs. */
MODULE_SCOPE size_t DpCopyCharge(const DpCopy *copyPtr, uint64_t size);

/* Ends it as soon as its step is over; parts are given up at once. */
MODULE_SCOPE void DpCopyFileAbort(DpCopyFile *filePtr);

/* Frees it at once; what it made is removed unwatched. */
MODULE_SCOPE void DpCopyFileFree(DpCopyFile *filePtr);

/* For the files below: an operation as the next step. */
MODULE_SCOPE void DpCopyFileSubmit(DpCopyFile *filePtr, DpCopyStep step,
	DpFs *fsPtr, const DpFsRequest *requestPtr);
MODULE_SCOPE void DpCopyFilePath(DpCopyFile *filePtr, DpCopyStep step,
	DpFs *fsPtr, DpFsKind kind, const char *path);
/* A question as the next step. */
MODULE_SCOPE void DpCopyFileAsk(DpCopyFile *filePtr, DpCopyStep step,
	const char *dst, int64_t count);
/* One of SET, CLOSE, VERIFY, ADOPT, MODE and RENAME, or what comes behind it. */
MODULE_SCOPE void DpCopyFileStep(DpCopyFile *filePtr, DpCopyStep step);

/* It has failed: what was begun is removed. */
MODULE_SCOPE void DpCopyFileFail(DpCopyFile *filePtr, const DpFs *fsPtr,
	const DpFsReply *replyPtr, const char *doing, const char *path);
MODULE_SCOPE void DpCopyFileError(DpCopyFile *filePtr, const DpFs *fsPtr,
	int error, const char *message, const char *doing, const char *path);
/* What was begun is removed, then it has ended. */
MODULE_SCOPE void DpCopyFileClean(DpCopyFile *filePtr);
MODULE_SCOPE void DpCopyFileEnd(DpCopyFile *filePtr);

/* dpCopyLook.c */

/* By the type of what there is. */
MODULE_SCOPE void DpCopyLookSort(DpCopyFile *filePtr);
/* It is neither file, directory nor link. */
MODULE_SCOPE void DpCopyLookSpecial(DpCopyFile *filePtr);
/* The answer to a step before LOAD. */
MODULE_SCOPE void DpCopyLookDone(DpCopyFile *filePtr,
	const DpFsReply *replyPtr);
MODULE_SCOPE void DpCopyLinkMade(DpCopyFile *filePtr);
/* It is the same already; it is not, and is written. */
MODULE_SCOPE void DpCopyFileSkip(DpCopyFile *filePtr);
MODULE_SCOPE void DpCopyFileBegin(DpCopyFile *filePtr);
/* Whether what is replaced has an ACL or a label that are to be kept. */
MODULE_SCOPE bool DpCopyFileMasked(const DpCopyFile *filePtr);
MODULE_SCOPE uint32_t DpCopyFileMode(const DpCopyFile *filePtr);
MODULE_SCOPE bool DpCopyFileAdopts(const DpCopyFile *filePtr);

/* dpCopyPart.c */

/* The answer to a step from OPEN_IN to CUT. */
MODULE_SCOPE void DpCopyPartDone(DpCopyFile *filePtr,
	const DpFsReply *replyPtr);
/* Whether the part file begins as the source does. */
MODULE_SCOPE void DpCopyPartSame(DpCopyFile *filePtr, bool same);
/*
 * The file has its name: a part that is left of an earlier transfer goes, as the
 * next step. False where there can be none.
 */
MODULE_SCOPE bool DpCopyPartOver(DpCopyFile *filePtr);

/* dpCopyBulk.c */

/* The large file is open on both sides. */
MODULE_SCOPE void DpCopyBulkStart(DpCopyFile *filePtr);
MODULE_SCOPE void DpCopyBulkFeed(DpCopyFile *filePtr);
MODULE_SCOPE void DpCopyBulkStop(DpCopyFile *filePtr);

/* dpCopyWide.c */

/* The content begins to flow; it is looked at again whenever a piece went. */
MODULE_SCOPE void DpCopyWideStart(DpCopyFile *filePtr);
MODULE_SCOPE void DpCopyWideLook(DpCopyFile *filePtr);

/* The handle that so many bytes go to, and its number for the twin. */
MODULE_SCOPE DpFsFile *DpCopyWideTake(DpCopyFile *filePtr, size_t count,
	int *wayPtr);
MODULE_SCOPE void DpCopyWideGive(DpCopyFile *filePtr, size_t count, int way);

/* Whether as much is being written as is of use. */
MODULE_SCOPE bool DpCopyWideIsFull(const DpCopyFile *filePtr);

/* All is written: the further handles are closed, then comes SET. */
MODULE_SCOPE void DpCopyWideEnd(DpCopyFile *filePtr);
MODULE_SCOPE void DpCopyWideStop(DpCopyFile *filePtr);

/* dpCopyDir.c */

/* A directory that is to be copied; NULL name: the root. real: see there. */
MODULE_SCOPE void DpCopyDirStart(DpCopy *copyPtr, DpCopyDir *parentPtr,
	const char *name, const DpFsAttr *attrPtr, char *real);
/* Begins what there is room for. */
MODULE_SCOPE void DpCopyDirLaunch(DpCopy *copyPtr);
/* A child of it has ended. */
MODULE_SCOPE void DpCopyDirLeft(DpCopyDir *dirPtr);
/* Nothing more of it begins. */
MODULE_SCOPE void DpCopyDirGiveUp(DpCopyDir *dirPtr);
MODULE_SCOPE void DpCopyDirFree(DpCopyDir *dirPtr);
/* Ends all that were given up and have nothing under way. */
MODULE_SCOPE void DpCopyDirSweep(DpCopy *copyPtr);
/* Whether directory real, reached by a link in dirPtr, is one above it. */
MODULE_SCOPE bool DpCopyDirLoops(DpCopyDir *dirPtr, const char *real);

#endif

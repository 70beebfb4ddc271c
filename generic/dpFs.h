/*
 * dpFs.h -- the file system of a host: asynchronous operations on its files.
 *
 * Layer L2. The one structure between those who reach files (SFTP, system
 * calls of this machine, shell commands) and those who use them (Tcl channels,
 * transfers, the mounted file system, the verbs). No interpreter here. Paths
 * are bytes that end in NUL, as the host has them.
 */

#ifndef DP_FS_H
#define DP_FS_H

#include "dpError.h"
#include "dpLoop.h"

struct DpProc;

/* What is known, or to be set, of a file. */
#define DP_FS_SIZE  0x01
#define DP_FS_OWNER 0x02        /* uid and gid */
#define DP_FS_MODE  0x04
#define DP_FS_TIMES 0x08        /* atime and mtime */
#define DP_FS_INODE 0x10        /* inode, device and nlink */
#define DP_FS_CTIME 0x20
typedef struct DpFsAttr {
    unsigned has;               /* mask of the above */
    uint32_t mode;              /* type and permissions as in stat(2) */
    uint32_t uid, gid;
    uint64_t size;
    int64_t atime, mtime, ctime; /* seconds since 1970 */
    uint32_t atimeNsec, mtimeNsec; /* 0 where the host does not tell */
    uint64_t inode, device, nlink;
} DpFsAttr;

typedef struct DpFsSpace {      /* as statvfs(3) */
    uint64_t blockSize, fragmentSize, blocks, free, available;
    uint64_t files, filesFree, filesAvailable, id, flags, nameMax;
} DpFsSpace;

typedef struct DpFsEntry {      /* of a directory; never "." and ".." */
    const char *name;
    DpFsAttr attr;              /* as lstat; has may be 0 */
} DpFsEntry;

typedef enum DpFsKind {
    DP_FS_STAT,                 /* path -> attr */
    DP_FS_LSTAT,                /* the same without following a link */
    DP_FS_SETSTAT,              /* path attr; size truncates */
    DP_FS_LSETSTAT,             /* of a link itself; times and owner */
    DP_FS_LIST,                 /* path -> entries; done comes repeatedly */
    DP_FS_MKDIR,                /* path attr (mode) */
    DP_FS_RMDIR,                /* path */
    DP_FS_UNLINK,               /* path */
    DP_FS_RENAME,               /* path path2; an existing file is replaced */
    DP_FS_LINK,                 /* path, path2 is its new second name */
    DP_FS_SYMLINK,              /* path is made and holds the text path2 */
    DP_FS_READLINK,             /* path -> bytes */
    DP_FS_REALPATH,             /* path -> bytes, absolute */
    DP_FS_STATVFS,              /* path -> space */
    DP_FS_OPEN,                 /* path flags attr (mode, of a new file)
				 * -> file */
    DP_FS_READ,                 /* file offset count -> bytes; fewer than
				 * count is no end, none is */
    DP_FS_WRITE,                /* file offset bytes count; all or an error */
    DP_FS_FSTAT,                /* file -> attr */
    DP_FS_FSETSTAT,             /* file attr */
    DP_FS_FSYNC,                /* file; ENOTSUP where it can't be had */
    DP_FS_CLOSE,                /* file; it is gone, whatever the result */
    /* Whole files, made of the above where there is no shorter way: */
    DP_FS_LOAD,                 /* path count (the most) -> bytes and attr of
				 * a regular file; EFBIG: there are more */
    DP_FS_STORE,                /* path bytes count attr, path2: as path2,
				 * which must not exist yet, then renamed to
				 * path; NULL: path itself must not exist. On
				 * failure nothing new is left */
    DP_FS_ADOPT                 /* path path2: the second gets the ACL and the
				 * security label of the first. ENOTSUP */
} DpFsKind;

/* Flags of DP_FS_OPEN. */
#define DP_FS_FOR_READ  0x01
#define DP_FS_FOR_WRITE 0x02
#define DP_FS_APPEND    0x04
#define DP_FS_CREATE    0x08
#define DP_FS_TRUNCATE  0x10
#define DP_FS_EXCLUSIVE 0x20    /* with CREATE: must not exist */
/* Flag of DP_FS_STORE: the mode is that of a new file, under the umask of the
 * host; without it the file gets this very mode (none: 0666 under the umask) */
#define DP_FS_UMASK     0x40

typedef struct DpFs DpFs;
typedef struct DpFsOp DpFsOp;
typedef struct DpFsFile DpFsFile;

/* Everything is needed during DpFsSubmit only; paths and bytes are copied. */
typedef struct DpFsRequest {
    DpFsKind kind;
    const char *path, *path2;
    DpFsFile *filePtr;
    unsigned flags;
    DpFsAttr attr;
    uint64_t offset;
    size_t count;
    const void *bytes;
} DpFsRequest;

/* Valid during the call of done only; what is not told is zero. */
typedef struct DpFsReply {
    int error;                  /* 0 or an errno value of this machine */
    const char *message;        /* more about it, or NULL */
    bool more;                  /* LIST: done will come again */
    DpFsAttr attr;
    DpFsFile *filePtr;          /* OPEN: the receiver owns it */
    const unsigned char *bytes; /* texts have a NUL behind them */
    size_t count;
    const DpFsEntry *entries;
    int numEntries;
    DpFsSpace space;
} DpFsReply;

/*
 * Called once (LIST: until more is false), never from inside DpFsSubmit. It
 * runs no script. It may submit, cancel, and drop what it likes.
 */
typedef void (DpFsDone)(void *clientData, const DpFsReply *replyPtr);

/* --- for users --- */

MODULE_SCOPE void DpFsHold(DpFs *fsPtr);
MODULE_SCOPE void DpFsDrop(DpFs *fsPtr);

/* What is under way fails with ECONNABORTED, and so does what comes later. */
MODULE_SCOPE void DpFsShut(DpFs *fsPtr);

/* The operation belongs to the file system; the pointer is for DpFsCancel. */
MODULE_SCOPE DpFsOp *DpFsSubmit(DpFs *fsPtr, const DpFsRequest *requestPtr,
	DpFsDone *done, void *clientData);

/* done is not called any more. What the host was told may still happen. */
MODULE_SCOPE void DpFsCancel(DpFsOp *opPtr);

/* Closes a file without asking how that went; NULL is allowed. */
MODULE_SCOPE void DpFsFileDrop(DpFsFile *filePtr);

/*
 * How many connections there are for operations that shall not wait for each
 * other; one more is made, up to wanted. 0: the line itself is full, and more
 * of them would be of no use.
 */
MODULE_SCOPE int DpFsWays(DpFs *fsPtr, int wanted);

/*
 * For those who cannot but wait, as a channel in blocking mode: until *donePtr,
 * which a done procedure sets, is true. No script runs (see DpLoopPoll) unless
 * the file system is made of scripts. Returns also where it was shut and there
 * is nothing left that could be answered.
 */
MODULE_SCOPE void DpFsWait(DpFs *fsPtr, const bool *donePtr);

/*
 * Sets {FILE <POSIXNAME> slug path} and "cannot DOING PATH on host SLUG:
 * REASON"; doing as in "read", "write to".
 */
MODULE_SCOPE void DpFsError(DpError *errPtr, const DpFs *fsPtr,
	const DpFsReply *replyPtr, const char *doing, const char *path);

/* The same for two paths: "cannot DOING PATH to PATH2 on ...". */
MODULE_SCOPE void DpFsErrorTo(DpError *errPtr, const DpFs *fsPtr,
	const DpFsReply *replyPtr, const char *doing, const char *path,
	const char *path2);

/* A path of the host as a string of Tcl's; the DString was not initialised. */
MODULE_SCOPE const char *DpFsText(const DpFs *fsPtr, const char *path,
	Tcl_DString *textPtr);

/* A new name beside path, of at most 255 bytes, that nobody can guess. */
MODULE_SCOPE char *DpFsTempName(const char *path);

/* Takes a reference to the guard; one that was there before is let go. */
MODULE_SCOPE void DpFsSetGuard(DpFs *fsPtr, struct DpProc *guardPtr);

/*
 * The host removes this file should we vanish before it has another name;
 * where the file system has nobody who would (guardPtr), nothing happens.
 */
MODULE_SCOPE void DpFsGuard(DpFs *fsPtr, const char *path);

/* --- for kinds of file systems --- */

typedef struct DpFsType {
    const char *name;
    /* Begins the operation, which ends by DpFsReplyTo, also at once. False:
     * there is none of this kind here (LOAD and STORE are then put together
     * from others, the rest is ENOTSUP). */
    bool (*submit)(DpFs *fsPtr, DpFsOp *opPtr);
    void (*cancelled)(DpFs *fsPtr, DpFsOp *opPtr); /* NULL: it runs on */
    void (*closeFile)(DpFsFile *filePtr);       /* as DpFsFileDrop, and free */
    int (*ways)(DpFs *fsPtr, int wanted); /* DpFsWays; NULL: there is one */
    void (*shut)(DpFs *fsPtr);  /* each operation has been answered then */
    void (*free)(DpFs *fsPtr);
} DpFsType;

/*
 * Counted: its users hold it, and so does each operation and each file. A kind
 * has a struct of its own that begins with this one.
 */
struct DpFs {
    const DpFsType *typePtr;
    DpLoop *loopPtr;            /* held */
    int refCount;
    char *slug;                 /* of the host, for errors */
    size_t block;               /* best count of one READ or WRITE */
    int depth;                  /* so many of those should be under way */
    int numOps, numFiles;
    bool isShut;
    bool scripted;              /* it goes on only where scripts run */
    bool native;                /* names are in the system's encoding, and not
				 * in UTF-8 */
    DpError error;              /* set: it is lost, and why */
    struct DpProc *guardPtr;    /* see DpFsGuard; held, or NULL */
    void (*adopt)(DpFs *fsPtr, DpFsOp *opPtr); /* ADOPT where the kind has
				 * none; NULL: ENOTSUP */
    void *adoptData;
    DpFsOp *latePtr;            /* those that DpFsReplyLater will answer */
};

struct DpFsFile {
    DpFs *fsPtr;                /* held */
};

struct DpFsOp {
    DpFs *fsPtr;                /* held */
    DpFsRequest request;        /* with copies of the paths; bytes are those of
				 * the caller, gone after submit */
    DpFsDone *done;             /* NULL: cancelled */
    void *clientData;
    void *data;                 /* of the kind */
    DpTask task;                /* of an answer that must wait for the loop */
    int lateError;
    DpFsOp *nextLatePtr, **prevLatePtr; /* in the list of fs */
    bool inSubmit;
    bool apart;                 /* its kind does not know of it */
};

/* The struct was zeroed; refCount becomes 1. */
MODULE_SCOPE void DpFsInit(DpFs *fsPtr, const DpFsType *typePtr,
	DpLoop *loopPtr, const char *slug);

/*
 * The answer. Unless more is set the operation is gone afterwards. From inside
 * of submit only DpFsReplyLater is allowed.
 */
MODULE_SCOPE void DpFsReplyTo(DpFsOp *opPtr, const DpFsReply *replyPtr);
MODULE_SCOPE void DpFsReplyError(DpFsOp *opPtr, int error,
	const char *message);
MODULE_SCOPE void DpFsReplyLater(DpFsOp *opPtr, int error);

MODULE_SCOPE void DpFsFileInit(DpFsFile *filePtr, DpFs *fsPtr);
/* Twin; the kind frees its struct. */
MODULE_SCOPE void DpFsFileDone(DpFsFile *filePtr);

/* dpFsWhole.c: LOAD and STORE put together from other operations. */
MODULE_SCOPE void DpFsWholeStart(DpFsOp *opPtr);

#endif

/*
 * dpMountInt.h -- what the files of the mounted file system share.
 *
 * Layer L4. All of it belongs to the thread that mounted.
 */

#ifndef DP_MOUNT_INT_H
#define DP_MOUNT_INT_H

#include "dpFs.h"
#include "dpMount.h"

/*
 * One mount. Counted: the table of its thread holds it, and so does each path
 * object that was found below it, each open channel and each call.
 */
typedef struct DpMount {
    int refCount;
    struct DpMount *nextPtr;    /* in the table */
    DpInterp *dpPtr;            /* held; of the interpreter that mounted */
    unsigned id;                /* tells files of different mounts apart */
    bool gone;                  /* unmounted */
    char *point;                /* normalized, without a slash at its end */
    size_t pointLength;
    DpFs *fsPtr;                /* held, dead or alive; NULL: see Release */
    Tcl_Obj *prefixPtr;         /* {*}PREFIX gives the handle of a live one */
    Tcl_Obj *namesPtr;          /* {*}NAMES user|group WORD: name or number */
    Tcl_Obj *guardPtr;          /* or NULL: {*}GUARD gives "" where the running
				 * code may change files */
    Tcl_Obj *eventPtr;          /* or NULL: {*}EVENT PATH 0|1 gives the event of
				 * a file that was opened (1: to write), or "" */
    Tcl_Obj *dataPtr;           /* of whoever mounted */
    int64_t failedAt;           /* DpLoopNow when prefix failed last, or 0 */
    int failedError;            /* and how */
    int numChannels, numWriters; /* that are open */
    int numCalls;               /* of Tcl's, under way */
    int64_t cacheTime;          /* milliseconds that attributes hold; 0: none */
    Tcl_HashTable cache;        /* path of the host -> CacheEntry */
    DpTask cacheTask;           /* empties it */
    bool idsKnown;
    uint32_t uid;               /* whom the host takes us for */
    int numGids;
    uint32_t *gids;
} DpMount;

/* The internal representation of a path object. */
typedef struct DpMountPath {
    DpMount *mountPtr;          /* held */
    char *path;                 /* of the host; NULL: it cannot be said there */
    bool kept;                  /* a file of this machine, see dpMountKeep.c */
} DpMountPath;

/* What Tcl overlooks when it copies into a mount; one for each thread. */
typedef struct DpMountKeep {
    Tcl_AsyncHandler handler;   /* runs at the end of Tcl's command */
    enum { DP_KEEP_IDLE, DP_KEEP_FAILED, DP_KEEP_SOURCE, DP_KEEP_KEPT } state;
    DpMount *mountPtr;          /* held; where a close failed ... */
    char *path;                 /* ... for this file */
    char *source;               /* file of this machine that was looked at */
    int number;                 /* errno value */
    DpError error;
} DpMountKeep;

MODULE_SCOPE const Tcl_Filesystem dpMountFilesystem;

MODULE_SCOPE void DpMountHold(DpMount *mountPtr);
MODULE_SCOPE void DpMountDrop(DpMount *mountPtr);

/* What is unmounted lets its file system go when no call uses it. */
MODULE_SCOPE void DpMountRelease(DpMount *mountPtr);

/* --- dpMount.c: paths --- */

MODULE_SCOPE int DpMountPathIn(Tcl_Obj *pathPtr, ClientData *clientDataPtr);
MODULE_SCOPE ClientData DpMountPathDup(ClientData clientData);
MODULE_SCOPE void DpMountPathFree(ClientData clientData);
MODULE_SCOPE ClientData DpMountPathNew(Tcl_Obj *pathPtr);

/* In the encoding of the host, to be freed; NULL: it cannot be said there. */
MODULE_SCOPE char *DpMountHostPath(const DpMount *mountPtr,
	const char *path);

/* Takes out what Tcl leaves of ".." behind links of the host. */
MODULE_SCOPE Tcl_FSNormalizePathProc DpMountNormalProc;

/* Of this thread; there must have been a mount. */
MODULE_SCOPE DpMountKeep *DpMountGetKeep(void);

/* For glob: the mounts that stand in this directory and match. */
MODULE_SCOPE void DpMountMatch(Tcl_Obj *resultPtr, Tcl_Obj *dirPtr,
	const char *pattern);

/* --- dpMountCall.c: calls that wait --- */

/*
 * One call by Tcl on a path. Begin fills it, with a copy of the path (a script
 * may change the object) and a live file system, made anew where it has died;
 * else it sets errno and returns false. End, always, is the twin.
 */
typedef struct DpMountCall {
    DpMount *mountPtr;          /* held, or NULL */
    char *path;                 /* NULL, or of the host */
} DpMountCall;
MODULE_SCOPE bool DpMountBegin(DpMountCall *callPtr, Tcl_Obj *pathPtr);

/* The same for a call that changes files; EROFS where the guard forbids it. */
MODULE_SCOPE bool DpMountBeginChange(DpMountCall *callPtr, Tcl_Obj *pathPtr);
MODULE_SCOPE void DpMountEnd(DpMountCall *callPtr);

/* A live file system, as Begin does it, in place of an operation. */
MODULE_SCOPE bool DpMountMakeAlive(DpMount *mountPtr);

/* An answer that is waited for. Only what was asked for is set. */
typedef struct DpMountAnswer {
    DpMount *mountPtr;
    DpFsOp *opPtr;              /* while it is under way */
    bool done;
    int error;
    DpFsAttr attr;
    DpFsSpace space;
    char *bytes;                /* text */
    char *names;                /* LIST: names in a row, each with its NUL */
    size_t namesLength, namesSize;
    DpFsAttr *attrs;            /* one for each name */
    int count, maxCount;
} DpMountAnswer;

/* Submits an operation; the answer must stay where it is until Free. */
MODULE_SCOPE void DpMountSubmit(DpMount *mountPtr, DpMountAnswer *answerPtr,
	const DpFsRequest *requestPtr);

/* Waits for it; returns its error, with errno set where there is one. */
MODULE_SCOPE int DpMountWait(DpMountAnswer *answerPtr);
MODULE_SCOPE void DpMountFree(DpMountAnswer *answerPtr);

/* Both. What only reads is asked once more where the connection was dead. */
MODULE_SCOPE int DpMountAsk(DpMount *mountPtr, DpMountAnswer *answerPtr,
	const DpFsRequest *requestPtr);

/* The same, of which only the error is of interest. */
MODULE_SCOPE int DpMountDo(DpMount *mountPtr, const DpFsRequest *requestPtr);

/*
 * Runs events until *donePtr: no scripts, unless the file system is made of
 * them or scripts is set. False: given up; errno is set.
 */
MODULE_SCOPE bool DpMountRun(DpMount *mountPtr, bool scripts,
	const bool *donePtr);

/*
 * Evaluates {*}PREFIX WORD ...: the result (refCount 1), or NULL and an errno
 * value for its error code in *errorPtr. The interpreter's result stays.
 */
MODULE_SCOPE Tcl_Obj *DpMountEval(DpMount *mountPtr, Tcl_Obj *prefixPtr,
	int count, const char *const words[], int *errorPtr);

/* The errno value of {DEPLOYER ...} or {POSIX ...}; EIO where it has none. */
MODULE_SCOPE int DpMountErrno(Tcl_Obj *codePtr);

/* --- dpMountKeep.c --- */

MODULE_SCOPE void DpMountKeepInit(DpMountKeep *keepPtr);
MODULE_SCOPE void DpMountKeepDone(DpMountKeep *keepPtr);

/* A close could not save what was written to this file. */
MODULE_SCOPE void DpMountKeepFailed(DpMountKeep *keepPtr, DpMount *mountPtr,
	const char *path, int number, const DpError *errPtr);

/* Tcl asks for a path of this machine. True: it is one that we keep. */
MODULE_SCOPE bool DpMountKeepAsked(DpMountKeep *keepPtr, const char *path);

/* The times of a file are set, as at the end of a copy. */
MODULE_SCOPE void DpMountKeepTimes(DpMountKeep *keepPtr, DpMount *mountPtr,
	const char *path);

/* A file that is kept shall be deleted: sets errno. */
MODULE_SCOPE void DpMountKeepDeleted(DpMountKeep *keepPtr);

/* --- dpMountCache.c --- */

/* Attributes of a path, of the link itself or of where it leads, as known. */
MODULE_SCOPE bool DpMountCacheGet(DpMount *mountPtr, const char *path,
	bool follow, DpFsAttr *attrPtr);
MODULE_SCOPE void DpMountCachePut(DpMount *mountPtr, const char *path,
	bool follow, const DpFsAttr *attrPtr);
MODULE_SCOPE void DpMountCacheClear(DpMount *mountPtr);

/* --- dpMountFile.c: single files --- */

/* Attributes from the cache or the host; else errno is set. */
MODULE_SCOPE bool DpMountStat(DpMount *mountPtr, const char *path,
	bool follow, DpFsAttr *attrPtr);

/* Whether mode (4 read, 2 write, 1 execute) is allowed to us; as access(2). */
MODULE_SCOPE bool DpMountMay(DpMount *mountPtr, const DpFsAttr *attrPtr,
	int mode);

/* "couldn't open ..." and the like with errno's text. Always TCL_ERROR. */
MODULE_SCOPE int DpMountFail(Tcl_Interp *interp, const char *doing,
	Tcl_Obj *pathPtr);

/* directory/name, to be freed. */
MODULE_SCOPE char *DpMountJoin(const char *directory, const char *name);

/* Path of the host as Tcl sees it, below the mount. */
MODULE_SCOPE Tcl_Obj *DpMountOutside(const DpMount *mountPtr,
	const char *path);

/* --- the procedures of the file system --- */

MODULE_SCOPE Tcl_FSStatProc DpMountStatProc, DpMountLstatProc;
MODULE_SCOPE Tcl_FSAccessProc DpMountAccessProc;
MODULE_SCOPE Tcl_FSOpenFileChannelProc DpMountOpenProc;
MODULE_SCOPE Tcl_FSUtimeProc DpMountUtimeProc;
MODULE_SCOPE Tcl_FSLinkProc DpMountLinkProc;
MODULE_SCOPE Tcl_FSMatchInDirectoryProc DpMountMatchProc;
MODULE_SCOPE Tcl_FSFileAttrStringsProc DpMountAttrStringsProc;
MODULE_SCOPE Tcl_FSFileAttrsGetProc DpMountAttrsGetProc;
MODULE_SCOPE Tcl_FSFileAttrsSetProc DpMountAttrsSetProc;
MODULE_SCOPE Tcl_FSCreateDirectoryProc DpMountMkdirProc;
MODULE_SCOPE Tcl_FSRemoveDirectoryProc DpMountRmdirProc;

/* Whether path, without links, is the root or a directory of the system. */
MODULE_SCOPE bool DpMountKeeps(const char *path);

MODULE_SCOPE Tcl_FSDeleteFileProc DpMountDeleteProc;
MODULE_SCOPE Tcl_FSCopyFileProc DpMountCopyProc;
MODULE_SCOPE Tcl_FSCopyDirectoryProc DpMountCopyDirProc;
MODULE_SCOPE Tcl_FSRenameFileProc DpMountRenameProc;

#endif

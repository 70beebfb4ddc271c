/*
 * dpSftpInt.h -- the inside of SFTP, shared by the dpSftp*.c files alone.
 *
 * Layer L2. A file system (DpSftp) has connections (DpSftpConn), each one
 * sftp-server; an operation becomes calls, each one request and its answer.
 */

#ifndef DP_SFTP_INT_H
#define DP_SFTP_INT_H

#include "dpSftp.h"
#include "dpSftpMsg.h"

typedef struct DpSftp DpSftp;
typedef struct DpSftpConn DpSftpConn;

/* Set in the memory of a message: 256 KiB and its length fit in a stream. */
#define DP_SFTP_MAX_REPLY (DP_PROC_HIGH - 4)

/*
 * The answer to a call; its slot is free again by now. replyPtr is NULL where
 * none will come: connPtr->lostErrno and lostText say why.
 */
typedef void (DpSftpDone)(DpSftpConn *connPtr, void *data,
	const DpSftpReply *replyPtr);

typedef struct DpSftpCall {
    uint32_t id;                /* slot, and how often it was used above that */
    int nextFree;
    bool used;
    DpSftpDone *done;
    void *data;
} DpSftpCall;

/* Requests on their way to the process once its queue is full. */
typedef struct DpSftpChunk {
    struct DpSftpChunk *nextPtr;
    DpBuf buf;
} DpSftpChunk;

typedef enum DpSftpState {
    DP_SFTP_HELLO,              /* its version has not come */
    DP_SFTP_READY,
    DP_SFTP_LOST
} DpSftpState;

/*
 * Lifetime: the file system's list holds it until it is lost, each file does,
 * and whoever is inside of it.
 */
struct DpSftpConn {
    int refCount;
    DpSftp *sftpPtr;            /* NULL once lost */
    DpSftpConn *nextPtr;        /* of the file system */
    DpSftpState state;
    DpProc *procPtr;            /* held; NULL once lost */
    bool parsing;
    unsigned extensions;
    bool limited;               /* limits are known, or there are none */
    size_t readMost, writeMost;
    uint64_t handlesMost;       /* 0: not known */
    DpSftpCall *calls;
    int numSlots, freeSlot;     /* freeSlot -1: none */
    int numCalls;               /* under way */
    int numHandles;             /* of files and directories, open or asked */
    int numLists;
    DpSftpChunk *firstPtr, *lastPtr;
    DpSftpChunk *sparePtr;      /* empty ones, with their memory */
    int numSpares;
    DpBuf said;                 /* the last of its standard error */
    DpTimer lateTimer;          /* it closed its output, but has not ended */
    int64_t idleSince;          /* DpLoopNow; 0: it is not idle */
    int lostErrno;
    char *lostText;             /* NULL: closed by us */
};

/* Operations that wait for a connection. */
typedef struct DpSftpWait {
    struct DpSftpWait *nextPtr;
    DpFsOp *opPtr;
} DpSftpWait;

struct DpSftp {
    DpFs fs;                    /* first */
    DpSsh *sshPtr;              /* NULL: the one connection was given */
    DpSshTenant tenant;         /* holds the session */
    int limit;                  /* of connections */
    int numConns;
    DpSftpConn *connsPtr;
    DpSftpWait *firstPtr, *lastPtr;
    DpTimer idleTimer;
    char *extensions;           /* names */
    void (*ready)(void *clientData, DpFs *fsPtr);
    void *readyData;
    DpTask readyTask;
    bool known;                 /* a server has told of itself, or is lost */
};

/* A file that is open; counted by its owner and the operations on it. */
typedef struct DpSftpFile {
    DpFsFile file;              /* first; fsPtr NULL once given back */
    int refCount;
    DpSftpConn *connPtr;        /* held */
    DpSftpHandle handle;
    bool closed;                /* the close was sent */
    char *path;                 /* to find out why something failed */
} DpSftpFile;

/* dpSftpConn.c */

/* Takes over the reference to procPtr. */
MODULE_SCOPE DpSftpConn *DpSftpConnNew(DpSftp *sftpPtr, DpProc *procPtr);
MODULE_SCOPE void DpSftpConnHold(DpSftpConn *connPtr);
MODULE_SCOPE void DpSftpConnDrop(DpSftpConn *connPtr);
/* Ends it; what is under way is answered. text NULL: we close it. */
MODULE_SCOPE void DpSftpConnLose(DpSftpConn *connPtr, int error,
	const char *text);
/*
 * A request: Begin, then DpWirePut* into the buffer, then Send, with which done
 * is sure to be called. In between nothing else may be done with connPtr.
 */
MODULE_SCOPE DpBuf *DpSftpCallBegin(DpSftpConn *connPtr, DpSftpType type,
	size_t bytes, DpSftpDone *done, void *data, size_t *atPtr);
MODULE_SCOPE void DpSftpCallSend(DpSftpConn *connPtr, DpBuf *bufPtr,
	size_t at);
/* What is sent is not SFTP: ends the connection. */
MODULE_SCOPE void DpSftpConnBreak(DpSftpConn *connPtr, const char *what);
MODULE_SCOPE bool DpSftpConnIdle(const DpSftpConn *connPtr);

/* dpSftpPool.c */

/* A connection for an operation on a path; NULL: it waits (DpSftpDefer). */
MODULE_SCOPE DpSftpConn *DpSftpPick(DpSftp *sftpPtr);

/* As DpFsWays. */
MODULE_SCOPE int DpSftpWays(DpFs *fsPtr, int wanted);
MODULE_SCOPE void DpSftpDefer(DpSftp *sftpPtr, DpFsOp *opPtr);
/* Runs those that can be run now. */
MODULE_SCOPE void DpSftpResume(DpSftp *sftpPtr);
/* It does not wait any more. False: it did not. */
MODULE_SCOPE bool DpSftpUndefer(DpSftp *sftpPtr, DpFsOp *opPtr);
/* The connection may be used; its limits are known; it is lost; it rests. */
MODULE_SCOPE void DpSftpConnReady(DpSftpConn *connPtr);
MODULE_SCOPE void DpSftpConnKnown(DpSftpConn *connPtr);
MODULE_SCOPE void DpSftpConnGone(DpSftp *sftpPtr, DpSftpConn *connPtr);
MODULE_SCOPE void DpSftpConnRests(DpSftpConn *connPtr);
MODULE_SCOPE void DpSftpShutAll(DpSftp *sftpPtr);

/* dpSftp.c */

/* Whether an operation on a path may be run there now. */
MODULE_SCOPE bool DpSftpTakes(const DpSftpConn *connPtr,
	const DpFsOp *opPtr);
MODULE_SCOPE void DpSftpRun(DpSftpConn *connPtr, DpFsOp *opPtr);
/* The answer without a reply, as the connection was lost. */
MODULE_SCOPE void DpSftpLostOp(DpSftpConn *connPtr, DpFsOp *opPtr);
MODULE_SCOPE void DpSftpFileHold(DpSftpFile *filePtr);
MODULE_SCOPE void DpSftpFileDrop(DpSftpFile *filePtr);
MODULE_SCOPE const DpFsType dpSftpType;

/* dpSftpList.c */
MODULE_SCOPE void DpSftpListStart(DpSftpConn *connPtr, DpFsOp *opPtr);
/* So many lists at once may be open on a connection; others wait. */
#define DP_SFTP_LISTS 64

/* dpSftpWhy.c */

/*
 * Answers an operation that failed with this status, once the reason is found
 * where the status alone does not tell. filePtr: of an operation on a file,
 * else NULL.
 */
MODULE_SCOPE void DpSftpWhy(DpSftpConn *connPtr, DpFsOp *opPtr,
	DpSftpFile *filePtr, const DpSftpReply *replyPtr);

#endif

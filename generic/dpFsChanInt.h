/*
 * dpFsChanInt.h -- what the files of the channels of a file system share.
 *
 * Layer L4.
 */

#ifndef DP_FS_CHAN_INT_H
#define DP_FS_CHAN_INT_H

#include "dpBuf.h"
#include "dpEvent.h"
#include "dpFsChan.h"
#include "dpFsSave.h"

typedef struct DpFsChan DpFsChan;

/* A piece of the file that was read ahead, or is being read. */
typedef struct DpFsBlock {
    struct DpFsBlock *nextPtr;
    DpFsChan *chanPtr;
    DpFsOp *opPtr;              /* NULL: nothing is asked any more */
    uint64_t offset;
    size_t want, got, used;
    bool eof;                   /* the file ended behind got */
    int error;
    DpError why;
    unsigned char bytes[];      /* as many as the block of the file system */
} DpFsBlock;

/* A piece that is being written. */
typedef struct DpFsFlight {
    struct DpFsFlight *nextPtr, *prevPtr;
    DpFsChan *chanPtr;
    DpFsOp *opPtr;
    size_t count;
} DpFsFlight;

/* Somebody who can't go on before cond is true; on the stack. */
typedef bool (DpFsChanCond)(const DpFsChan *chanPtr);
typedef struct DpFsChanWait {
    struct DpFsChanWait *nextPtr;
    DpFsChanCond *cond;
    bool done;
} DpFsChanWait;

/* The open files of one interpreter. */
typedef struct DpFsChanList {
    DpInterp *dpPtr;            /* held */
    DpFsChan *firstPtr;
} DpFsChanList;

/* Where `a+` and its like begin; beside the flags of dpFs.h. */
#define DP_FS_AT_END 0x1000

/*
 * Counted: by the Tcl channel, and while its end is under way, which outlives
 * the channel where that does not block.
 */
struct DpFsChan {
    int refCount;
    DpFsChanList *listPtr;      /* NULL: its interpreter is gone */
    DpFsChan *nextPtr, *prevPtr;
    DpInterp *dpPtr;            /* held */
    DpFs *fsPtr;                /* held */
    DpFsChanOpening *openingPtr; /* NULL once it is open */
    Tcl_Channel channel;        /* NULL once it is closed */
    Tcl_ThreadId thread;
    char *path;                 /* for errors */
    char *owner;                /* command that dies with it, or NULL */
    unsigned flags;             /* DP_FS_FOR_READ and so on */
    DpFsSave *savePtr;          /* or NULL: filePtr is our own */
    DpFsFile *filePtr;          /* NULL: it is over */
    bool appends;               /* the host puts what we write at the end */
    bool lazy;                  /* it is replaced only if it was changed */
    bool dirty;
    bool commit;                /* else the close throws away */
    bool blocking;
    int watched;                /* mask of Tcl's */
    DpTask task;                /* calls Tcl_NotifyChannel, or tells an error */
    DpFsChanWait *waitPtr;      /* the innermost one */
    uint64_t pos;               /* of the next byte, read or written */
    uint64_t end;               /* where appended bytes go */

    /* Reading. Blocks follow each other without a gap, the first at pos. */
    DpFsBlock *firstPtr, *lastPtr, *sparePtr;
    int numBlocks;
    int window;                 /* so many blocks shall there be ... */
    int maxWindow;              /* ... and never more */
    uint64_t ahead;             /* where the next block begins */
    uint64_t hint;              /* size that the host told; UINT64_MAX: none */

    /* Writing. What waits follows what is in flight. */
    DpFsFlight *flightPtr;
    int numFlights;
    size_t flying;              /* bytes in flight */
    size_t most;                /* bytes in flight and waiting, about */
    DpBuf pend;                 /* waits for its turn */
    uint64_t wrote;             /* behind the last byte that was given to us */
    int error;                  /* of the first write that failed */
    DpError why;

    DpSpan *spanPtr;            /* held; the event that its end ends, or NULL */
    uint64_t bytes;             /* that were read and written */
    DpFsChanClosed *closed;     /* called at the close, or NULL */
    void *closedData;
    bool closing;               /* the Tcl channel is closed */
    bool waited;                /* ... and its close waits for the end */
    bool stopped;               /* it was ended by others than its user */
    bool leaving;               /* the file is to end; counted */
    bool ending;                /* ... and that is under way */
    bool ended;
};

/* --- dpFsChanRead.c --- */

/* Asks for what is to be read next. */
MODULE_SCOPE void DpFsReadAhead(DpFsChan *chanPtr);
/* There are bytes, the end or an error. */
MODULE_SCOPE bool DpFsReadReady(const DpFsChan *chanPtr);
/* Only when ready. -1: *errorPtr is told, as a channel's error as well. */
MODULE_SCOPE int DpFsReadTake(DpFsChan *chanPtr, char *bytes, int size,
	int *errorPtr);
/* pos has become another: keeps of what was read what is of use. */
MODULE_SCOPE void DpFsReadSeek(DpFsChan *chanPtr);
/* Forgets what was read ahead. */
MODULE_SCOPE void DpFsReadDrop(DpFsChan *chanPtr);
/* The same, and gives back the memory. */
MODULE_SCOPE void DpFsReadEnd(DpFsChan *chanPtr);

/* --- dpFsChanWrite.c --- */

static inline bool
DpFsWriteBusy(const DpFsChan *chanPtr)
{
    return chanPtr->numFlights > 0 || DpBufLength(&chanPtr->pend) > 0;
}

static inline bool
DpFsWriteRoom(const DpFsChan *chanPtr)
{
    return chanPtr->flying + DpBufLength(&chanPtr->pend) < chanPtr->most;
}

/* Takes the bytes for pos. */
MODULE_SCOPE void DpFsWritePut(DpFsChan *chanPtr, const char *bytes,
	size_t count);
/* What waits for more is sent; DpFsWriteBusy ends when all has arrived. */
MODULE_SCOPE void DpFsWriteSend(DpFsChan *chanPtr);
/* Nothing more is written; what is in flight is not heard of. */
MODULE_SCOPE void DpFsWriteStop(DpFsChan *chanPtr);
/* Keeps the first error. */
MODULE_SCOPE void DpFsChanFail(DpFsChan *chanPtr, int error,
	const DpError *errPtr);

/* --- dpFsChan.c --- */

/* Makes the Tcl channel of a file that was opened. */
MODULE_SCOPE void DpFsChanMake(DpFsChan *chanPtr);

/* Something has changed: tells Tcl from the loop, or goes on with the end. */
MODULE_SCOPE void DpFsChanCheck(DpFsChan *chanPtr);

/* An error as Tcl_SetChannelError takes it, refcount 0. */
MODULE_SCOPE Tcl_Obj *DpFsChanErrorObj(const DpError *errPtr);

/* The channel behind a Tcl channel, or NULL. */
MODULE_SCOPE DpFsChan *DpFsChanOf(Tcl_Channel channel);

/*
 * Waits for cond as DpFsWait does: scripts may run, and close the channel.
 * False where it can't come true any more; the caller holds the channel.
 */
MODULE_SCOPE bool DpFsChanWaitFor(DpFsChan *chanPtr, DpFsChanCond *cond);
/* Something has changed: looks whether somebody waits for it. */
MODULE_SCOPE void DpFsChanWake(DpFsChan *chanPtr);

/* --- dpFsChanEnd.c --- */

/* One without a file yet and without a Tcl channel. */
MODULE_SCOPE DpFsChan *DpFsChanNew(DpInterp *dpPtr, DpFs *fsPtr,
	const char *path, unsigned flags);

/* Commits, throws away or closes, once nothing is in flight. */
MODULE_SCOPE void DpFsChanLeave(DpFsChan *chanPtr);
/* What it held is thrown away; nobody is told how that goes. */
MODULE_SCOPE void DpFsChanDiscard(DpFsChan *chanPtr);
/* Goes on with the above. */
MODULE_SCOPE void DpFsChanEnd(DpFsChan *chanPtr);
MODULE_SCOPE void DpFsChanDrop(DpFsChan *chanPtr);

/* The list of an interpreter; NULL: that is being deleted. */
MODULE_SCOPE DpFsChanList *DpFsChanListGet(DpInterp *dpPtr);
/*
 * Ends what is open of fs (NULL: of all of the interpreter), which is going to
 * be no more: nothing of it is committed, and nothing stays on the host. Waits
 * some seconds for that.
 */
MODULE_SCOPE void DpFsChanStop(DpInterp *dpPtr, DpFs *fsPtr);

/* --- dpFsChanOpen.c --- */

/* As DpFsChanOpen, but there is no Tcl channel yet. */
typedef void (DpFsChanOpened)(void *clientData, DpFsChan *chanPtr, int error,
	const DpError *errPtr);
MODULE_SCOPE DpFsChanOpening *DpFsChanStart(DpInterp *dpPtr, DpFs *fsPtr,
	const char *path, unsigned flags, uint32_t permissions,
	DpFsChanOpened *opened, void *clientData);
/* It will fail with this error, when what it made is known and can go. */
MODULE_SCOPE void DpFsChanStopOpening(DpFsChanOpening *openingPtr,
	const DpFsReply *replyPtr);

#endif

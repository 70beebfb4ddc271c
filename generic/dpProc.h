/*
 * dpProc.h -- a running command, wherever it runs: three streams and an end.
 *
 * Layer L2. The one structure between those who run commands (an SSH channel,
 * a local process) and those who use them (Tcl channels, the collector of
 * `run`, pumps). The producer fills out[] and drains in; the consumer drains
 * out[] and fills in. No interpreter here.
 */

#ifndef DP_PROC_H
#define DP_PROC_H

#include "dpBuf.h"
#include "dpError.h"
#include "dpLoop.h"

#define DP_STDOUT 0
#define DP_STDERR 1

/*
 * A producer stops above this many unread bytes in either stream, if a consumer
 * says nothing else (high).
 */
#define DP_PROC_HIGH (256 * 1024)

/*
 * The pseudo terminal of a command. The modes are as in RFC 4254, section 8,
 * with the end (0); none: those of a new terminal. Type and modes together
 * are what libssh2 takes, 256 bytes.
 */
#define DP_PTY_MODES 192
#define DP_PTY_MAX_SIZE 65535
typedef struct DpProcPty {
    char term[64];
    int cols, rows;             /* 0: not known */
    size_t numModes;            /* bytes of modes */
    unsigned char modes[DP_PTY_MODES];
} DpProcPty;

/* What a consumer is told (a mask); scripts must not run from there. */
#define DP_PROC_READABLE 1      /* bytes or end of file in out[0] or out[1] */
#define DP_PROC_WRITABLE 2      /* in has room, or inDone has become true */
#define DP_PROC_STARTED  4      /* the start line came: pid is known */
#define DP_PROC_ENDED    8      /* ended is true: the last event */
#define DP_PROC_LEFT     16     /* not of the producer: to one who stands
				 * between, the consumer behind is gone */

typedef struct DpProc DpProc;

/* What a kind of command supplies. */
typedef struct DpProcType {
    const char *name;
    bool oneWindow;             /* both outputs share one flow control */
    void (*kick)(DpProc *procPtr);      /* consumer consumed, wrote or closed */
    bool (*signal)(DpProc *procPtr, const char *name); /* without "SIG" */
    void (*resize)(DpProc *procPtr);    /* ptyPtr has another size */
    void (*abandon)(DpProc *procPtr);   /* nobody is interested any more */
    void (*free)(DpProc *procPtr);      /* last reference is gone */
} DpProcType;

/*
 * Lifetime: one reference by the producer until the command has ended (or was
 * abandoned and is closed), one by each consumer. `ended` comes when both
 * streams are at their end AND the status came (or the command is lost), in
 * either order.
 */
struct DpProc {
    const DpProcType *typePtr;
    DpLoop *loopPtr;
    int refCount;
    DpBuf in;                   /* bytes to its standard input */
    bool inClose;               /* consumer: end of file after in */
    bool inDone;                /* producer: nothing more is taken */
    bool inLine;                /* the last byte written ended no line */
    bool inHold;                /* keep `in` back until started ... */
    size_t inFree;              /* ... but for so many bytes at its front */
    DpBuf out[2];               /* bytes of its outputs */
    size_t high;                /* stops above this many bytes in either */
    bool outEof[2];             /* producer: nothing more will come */
    bool merge;                 /* standard error goes into out[0] */
    DpProcPty *ptyPtr;          /* its terminal (then merge is set), or NULL */
    bool begun;                 /* producer: it may be running by now */
    bool ended;
    bool abandoned;
    int status;                 /* exit status, -1 unknown */
    char signalName[16];        /* "TERM" when a signal ended it, else "" */
    DpError error;              /* set: could not start, or was lost */
    int64_t startTime, endTime; /* DpLoopNow */

    /*
     * The start filter. A line "TOKEN PID REST\n" that the command itself
     * prints first on standard error tells its process id; bytes before it
     * are held in `held` and go out without it. A sudo prompt (promptText)
     * before that line is answered with the password, once. sudo may ask more,
     * as for a new password: by DpProcReply somebody who is watching answers.
     */
    char *token;                /* NULL: no filter */
    char *promptText;           /* NULL: no sudo */
    char *password;             /* wiped when sent */
    char *echoText;             /* shell text to be cut out of messages */
    int prompts;                /* how often promptText came */
    bool promptLine;            /* the end of its line is still to be cut ... */
    size_t promptAt;            /* ... here in held */
    bool watched;               /* what is surely not ours is not held */
    int askTime;                /* ms that sudo's questions wait, 0: ever */
    DpTimer askTimer;
    bool asked;                 /* one got the end of input for an answer ... */
    bool inLost;                /* ... and input was thrown away for it */
    bool started;
    long pid;                   /* 0: not known */
    char *startRest;            /* REST */
    DpBuf held;

    void (*notify)(void *clientData, DpProc *procPtr, int what);
    void *clientData;
};

/* For producers. Init gives refCount 1, the producer's. */
MODULE_SCOPE void DpProcInit(DpProc *procPtr, const DpProcType *typePtr,
	DpLoop *loopPtr);
/* Gives it a terminal (a copy); before it begins. */
MODULE_SCOPE void DpProcSetPty(DpProc *procPtr, const DpProcPty *ptyPtr);
/* Room for bytes of a stream; the count that came is told by DpProcGot. */
MODULE_SCOPE bool DpProcWants(const DpProc *procPtr, int stream);
MODULE_SCOPE void DpProcGot(DpProc *procPtr, int stream, const void *bytes,
	size_t count);
/*
 * Where to put up to size bytes for DpProcGot: at the end of the queue, which
 * saves a copy, where a stream flows, else in `other`.
 */
MODULE_SCOPE void *DpProcSpace(DpProc *procPtr, int stream, void *other,
	size_t size);
MODULE_SCOPE void DpProcGotEof(DpProc *procPtr, int stream);
/* Bytes that may go to the command now (0 while held back). */
MODULE_SCOPE size_t DpProcPending(const DpProc *procPtr);
/* inClose is set and all of `in` is gone. */
MODULE_SCOPE bool DpProcInAtEnd(const DpProc *procPtr);
MODULE_SCOPE void DpProcSent(DpProc *procPtr, size_t count);
MODULE_SCOPE void DpProcInDone(DpProc *procPtr);
/* The end. errPtr NULL or an error that is copied. Drops nothing. */
MODULE_SCOPE void DpProcEnd(DpProc *procPtr, const DpError *errPtr);

/* For consumers. */
/* How many unread bytes a producer may leave (more than before). */
MODULE_SCOPE void DpProcSetHigh(DpProc *procPtr, size_t high);
MODULE_SCOPE void DpProcHold(DpProc *procPtr);
MODULE_SCOPE void DpProcDrop(DpProc *procPtr);
MODULE_SCOPE void DpProcConsume(DpProc *procPtr, int stream, size_t count);
MODULE_SCOPE size_t DpProcRoom(const DpProc *procPtr);
MODULE_SCOPE void DpProcWrite(DpProc *procPtr, const void *bytes, size_t n);
/* An answer to what it asked: before the start line, it overtakes input. */
MODULE_SCOPE void DpProcReply(DpProc *procPtr, const void *bytes, size_t n);
/* On a terminal that is what a human does: Ctrl-D is typed. */
MODULE_SCOPE void DpProcCloseIn(DpProc *procPtr);
/* Tells the new size of its terminal; nothing happens where it has none. */
MODULE_SCOPE void DpProcResize(DpProc *procPtr, int cols, int rows);
/* Somebody looks on: before the start line, too, output comes as it does. */
MODULE_SCOPE void DpProcWatched(DpProc *procPtr);
MODULE_SCOPE void DpProcAbandon(DpProc *procPtr);

#endif

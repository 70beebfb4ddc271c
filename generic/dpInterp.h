/*
 * dpInterp.h -- what the package keeps for one interpreter.
 *
 * Layer L1. There is no state outside of this record.
 */

#ifndef DP_INTERP_H
#define DP_INTERP_H

#include "dpLoop.h"

/* A table of handles such as "proc7"; the number is never used again. */
typedef struct DpHandles {
    const char *prefix;
    unsigned long last;         /* number given last */
    Tcl_HashTable table;        /* number -> struct */
} DpHandles;

enum {
    DP_WAITS, DP_PROCS, DP_SESSIONS, DP_CASTS, DP_FSES, DP_COPIES, DP_PUMPS,
    DP_ENDINGS, DP_GATHERS, DP_SPANS, DP_SINKS, DP_JOURNALS, DP_EDITS,
    DP_NUM_HANDLES
};

/*
 * Counted: AssocData holds it, and so does each struct that may live longer
 * than the interpreter. `interp` is NULL once that is being deleted.
 */
typedef struct DpInterp {
    int refCount;
    Tcl_Interp *interp;
    DpLoop *loopPtr;
    DpHandles handles[DP_NUM_HANDLES];
    int waitDepth;              /* nested event loops of waiter block */
    int numChannels;            /* Tcl channels of ours that are open */
    unsigned long lastChannel;  /* number given last, see DpChannelName */
    void *sshPtr;               /* of dpSshCmd: caches shared by sessions */
    void (*sshFree)(void *sshPtr);
    void *spawnPtr;             /* of dpSpawnCmd: local commands that run */
    void (*spawnFree)(void *spawnPtr);
    void *endingPtr;            /* of dpEnding: commands that may run */
    void (*endingFree)(void *endingPtr);
} DpInterp;

/* Called for each handle left when the interpreter or the process ends. */
typedef void (DpHandleFree)(DpInterp *dpPtr, unsigned long id, void *value);

/* The record of interp, made when it is not there; NULL: no descriptors. */
MODULE_SCOPE DpInterp *DpInterpGet(Tcl_Interp *interp);
MODULE_SCOPE void DpInterpHold(DpInterp *dpPtr);
MODULE_SCOPE void DpInterpDrop(DpInterp *dpPtr);

/* What is to be called at the end for the handles of one kind. */
MODULE_SCOPE void DpInterpAtEnd(DpInterp *dpPtr, int kind,
	DpHandleFree *freeProc);

/*
 * What hosts must still be told when the interpreter or the process ends: begin
 * starts it, and while one of them says that something is left, for LEAVE_MS at
 * most, the loop runs. No script does.
 */
typedef struct DpLeave {
    void *(*begin)(DpInterp *dpPtr);    /* NULL: there is nothing to do */
    bool (*left)(void *data, int64_t elapsed); /* ms since they began */
    void (*end)(void *data);
} DpLeave;

/* The struct must stay where it is. */
MODULE_SCOPE void DpInterpLeave(DpInterp *dpPtr, const DpLeave *leavePtr);

/*
 * A name for a channel of ours that no other one has, in no interpreter, as
 * channels may move; nor had here: whoever has kept the name of one that was
 * closed shall not meet another one by it.
 */
#define DP_CHANNEL_NAME 64
MODULE_SCOPE void DpChannelName(DpInterp *dpPtr, const char *prefix,
	const void *data, char name[DP_CHANNEL_NAME]);

/* Handles: give a number, look one up (TCL_ERROR and message), forget it. */
MODULE_SCOPE unsigned long DpHandleNew(DpInterp *dpPtr, int kind,
	void *value);
MODULE_SCOPE void *DpHandleGet(DpInterp *dpPtr, int kind, unsigned long id);
MODULE_SCOPE int DpHandleFind(DpInterp *dpPtr, int kind, Tcl_Obj *objPtr,
	void **valuePtr);
MODULE_SCOPE void DpHandleForget(DpInterp *dpPtr, int kind,
	unsigned long id);
MODULE_SCOPE Tcl_Obj *DpHandleObj(DpInterp *dpPtr, int kind,
	unsigned long id);
MODULE_SCOPE int DpHandleCount(DpInterp *dpPtr, int kind);

#endif

/*
 * dpPumpInt.h -- the ends of a pump, shared by the dpPump*.c files alone.
 *
 * Layer L3.
 */

#ifndef DP_PUMP_INT_H
#define DP_PUMP_INT_H

#include "dpBuf.h"
#include "dpPump.h"

typedef struct DpPumpEnd DpPumpEnd;

/* None of these runs a script. */
typedef struct DpPumpEndType {
    /* A source that nobody reads may go on until it has something to say, as
     * with a pipe; else it is let go at once. */
    bool outlives;

    /* Of a source: what there is, how much of it was taken, is that all? */
    DpBuf *(*queue)(DpPumpEnd *endPtr);
    void (*consume)(DpPumpEnd *endPtr, size_t count);
    bool (*atEnd)(DpPumpEnd *endPtr);

    /* Of a sink. room fails the end where nothing can be put any more. */
    size_t (*room)(DpPumpEnd *endPtr);
    void (*put)(DpPumpEnd *endPtr, const void *bytes, size_t count);

    /*
     * Nothing more is moved. Calls DpPumpReleased, now or, with what was put
     * on its way, later. good: the source was at its end.
     */
    void (*release)(DpPumpEnd *endPtr, bool good);
    /* Twin of the constructor, at any time; scripts may run. */
    void (*free)(DpPumpEnd *endPtr);
} DpPumpEndType;

/* A kind of end has a struct of its own that begins with this one. */
struct DpPumpEnd {
    const DpPumpEndType *typePtr;
    DpPump *pumpPtr;            /* its owner */
    uint64_t bytes;             /* moved */
    Tcl_Obj *errorPtr;          /* list of code and message: it has failed */
    bool released;
};

/* Looks what can be moved; for ends that have something new. */
MODULE_SCOPE void DpPumpMove(DpPump *pumpPtr);
MODULE_SCOPE void DpPumpReleased(DpPumpEnd *endPtr);
MODULE_SCOPE void DpPumpHold(DpPump *pumpPtr);

/* The end has failed, by an errno value; the first failure counts. */
MODULE_SCOPE void DpPumpFail(DpPumpEnd *endPtr, int error,
	const char *message);

/*
 * dpPumpChan.c: a Tcl channel of any kind. What is read of it in advance or
 * waits to be written is in a queue of DP_PUMP_QUEUE bytes. NULL: a pump
 * reads from it, or writes to it, already.
 */
#define DP_PUMP_QUEUE ((size_t) 256 * 1024)
MODULE_SCOPE DpPumpEnd *DpPumpChanNew(DpPump *pumpPtr, DpInterp *dpPtr,
	Tcl_Channel channel, bool isSink);

#endif

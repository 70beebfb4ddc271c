/*
 * dpSink.h -- where events go: commands of loggers, and channels as JSON.
 *
 * Layer L4. Giving an event to a sink never runs a script and never waits. A
 * command gets its events from a task of the loop, a bounded number at a time;
 * lines are written at once where the channel takes them. What there is no
 * room for is dropped and counted, output first.
 */

#ifndef DP_SINK_H
#define DP_SINK_H

#include "dpError.h"
#include "dpInterp.h"

typedef struct DpSink DpSink;

/* How much of room an event may take. */
typedef enum DpSinkUse {
    DP_SINK_OUTPUT,             /* may use half of the room */
    DP_SINK_FRAME               /* a begin, an end, a message: all of it */
} DpSinkUse;

/*
 * Both return a sink with a handle, which holds it. A logger is called as
 * {*}PREFIX event EVENT; the prefix is a valid list. The channel is
 * registered by the sink and stays open as long as that.
 */
MODULE_SCOPE DpSink *DpSinkNewLogger(DpInterp *dpPtr, Tcl_Obj *prefixPtr);
MODULE_SCOPE DpSink *DpSinkNewJson(DpInterp *dpPtr, Tcl_Channel channel);
MODULE_SCOPE Tcl_Obj *DpSinkObj(const DpSink *sinkPtr);
MODULE_SCOPE int DpSinkGet(DpInterp *dpPtr, Tcl_Obj *namePtr,
	DpSink **sinkPtrPtr);
MODULE_SCOPE void DpSinkHold(DpSink *sinkPtr);
MODULE_SCOPE void DpSinkDrop(DpSink *sinkPtr);

/* False: an event of that use and size would be dropped; it is counted. */
MODULE_SCOPE bool DpSinkHasRoom(DpSink *sinkPtr, DpSinkUse use, size_t size);

/*
 * Takes an event, a list of keys and values (which nobody changes any more),
 * of about so many bytes.
 */
MODULE_SCOPE void DpSinkPut(DpSink *sinkPtr, Tcl_Obj *eventPtr,
	DpSinkUse use, size_t size);

/*
 * Gives what is queued to its logger or channel, for at most so many
 * milliseconds; runs scripts.
 */
MODULE_SCOPE void DpSinkFlush(DpSink *sinkPtr, int milliseconds);

/* The same for all of them, at the end of the process. */
MODULE_SCOPE void DpSinkFlushAll(DpInterp *dpPtr, int milliseconds);

/* Makes core::sink. */
MODULE_SCOPE void DpSinkInit(DpInterp *dpPtr);

#endif

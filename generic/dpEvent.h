/*
 * dpEvent.h -- what happens, as events that go to loggers.
 *
 * Layer L4. A span is something that has a begin and an end: an action, a
 * command, a transfer. It knows its parent and the sinks that hear of it. No
 * script runs from any of these functions.
 */

#ifndef DP_EVENT_H
#define DP_EVENT_H

#include "dpProc.h"
#include "dpSink.h"

typedef struct DpSpan DpSpan;

MODULE_SCOPE int DpSpanGet(DpInterp *dpPtr, Tcl_Obj *namePtr,
	DpSpan **spanPtrPtr);
/* The same; NULL, and no message, where there is none. "" is none. */
MODULE_SCOPE DpSpan *DpSpanFind(DpInterp *dpPtr, Tcl_Obj *namePtr);
MODULE_SCOPE void DpSpanHold(DpSpan *spanPtr);
MODULE_SCOPE void DpSpanDrop(DpSpan *spanPtr);

/* The encoding of the outputs; NULL: UTF-8 where they are that. */
MODULE_SCOPE void DpSpanEncoding(DpSpan *spanPtr, Tcl_Encoding encoding);

/* What a command printed. */
MODULE_SCOPE void DpSpanOutput(DpSpan *spanPtr, int stream,
	const unsigned char *bytes, size_t count);

/* The command has ended; errPtr may be NULL. A second end is none. */
MODULE_SCOPE void DpSpanProcEnded(DpSpan *spanPtr, const DpProc *procPtr,
	const DpError *errPtr);

/*
 * A file that was open is closed, after so many bytes went through it; errPtr may
 * be NULL. A second end is none.
 */
MODULE_SCOPE void DpSpanFileEnded(DpSpan *spanPtr, uint64_t bytes,
	const DpError *errPtr);

/* Makes core::event. */
MODULE_SCOPE void DpEventInit(DpInterp *dpPtr);

#endif

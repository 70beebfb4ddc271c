/*
 * dpStuck.h -- a thread that sees when a signal is told and nobody serves it.
 *
 * Layer L2. A script that computes without end never gets back to the event
 * loop. Another thread can do no more than mark a handler of Tcl's, which Tcl
 * calls in the midst of that script.
 */

#ifndef DP_STUCK_H
#define DP_STUCK_H

#include "dpLoop.h"
#include "dpTtyGuard.h"

/*
 * So long (ms) one waits to be served, or the event loop stands still, before the
 * handler is marked ...
 */
#define DP_STUCK_MS 1000

/* ... and so often it is marked from then on. */
#define DP_STUCK_AGAIN_MS 20

/* So often the event loop tells that it does not stand still. */
#define DP_STUCK_BEAT_MS 250

typedef struct DpStuck DpStuck;

/*
 * Watches a kind of which DpToldBegin has given fd. NULL with errno: there is no
 * thread or no descriptor left. The handler must outlive it, and so must fd.
 */
MODULE_SCOPE DpStuck *DpStuckStart(DpTold kind, int fd,
	Tcl_AsyncHandler handler);

/*
 * One was served. The event loop goes on, and calls this again and again; it is
 * watched from the first time until DpStuckQuiet.
 */
MODULE_SCOPE void DpStuckBeat(DpStuck *stuckPtr);
MODULE_SCOPE void DpStuckQuiet(DpStuck *stuckPtr);

/* Whether one is not served for so long; whether the loop stands still. */
MODULE_SCOPE bool DpStuckTold(const DpStuck *stuckPtr);
MODULE_SCOPE bool DpStuckStill(const DpStuck *stuckPtr);

/* The twin: the thread has ended then. */
MODULE_SCOPE void DpStuckStop(DpStuck *stuckPtr);

#endif

/*
 * dpFsChan.h -- files of a file system as Tcl channels.
 *
 * Layer L4. Reads run ahead, writes behind. What is written goes to a temporary
 * file that replaces the target when the channel is closed (dpFsSave.h); with
 * DP_FS_APPEND it is written in place.
 */

#ifndef DP_FS_CHAN_H
#define DP_FS_CHAN_H

#include "dpEvent.h"
#include "dpFs.h"
#include "dpInterp.h"

/*
 * Called once, never from inside of DpFsChanOpen. The channel is in no
 * interpreter yet and has Tcl's defaults (blocking; -encoding of the system,
 * -translation auto); NULL: error is an errno value and errPtr says it whole.
 * Runs no script.
 */
typedef void (DpFsChanDone)(void *clientData, Tcl_Channel channel, int error,
	const DpError *errPtr);

typedef struct DpFsChanOpening DpFsChanOpening;

/*
 * flags: DP_FS_FOR_READ and so on as open(2) has them; permissions: of a new
 * file, under the umask of the host (0666 as a rule). The path is copied.
 */
MODULE_SCOPE DpFsChanOpening *DpFsChanOpen(DpInterp *dpPtr, DpFs *fsPtr,
	const char *path, unsigned flags, uint32_t permissions,
	DpFsChanDone *done, void *clientData);

/* done is not called any more; nothing is left behind. */
MODULE_SCOPE void DpFsChanCancel(DpFsChanOpening *openingPtr);

/*
 * What was written to this channel shall not become the target: the close that
 * follows removes it. Other channels are left alone.
 */
MODULE_SCOPE void DpFsChanAbort(Tcl_Channel channel);

/*
 * closed is called once, before the close of the channel returns: error and
 * errPtr say why one that waits could not save what was written; some callers
 * in Tcl do not look at what a close returns. Other channels are left alone.
 */
typedef void (DpFsChanClosed)(void *clientData, int error,
	const DpError *errPtr);
MODULE_SCOPE void DpFsChanOnClose(Tcl_Channel channel,
	DpFsChanClosed *closed, void *clientData);

/*
 * The event ends when what became of the file is known, with the bytes that went
 * through the channel. Other channels are left alone.
 */
MODULE_SCOPE void DpFsChanFollow(Tcl_Channel channel, DpSpan *spanPtr);

/* Makes ::deployer::core::file. */
MODULE_SCOPE void DpFsChanInit(DpInterp *dpPtr);

#endif

/*
 * dpTerm.h -- a command that has the terminal of this process.
 *
 * Layer L4. A tap of the collector: what the command prints goes to the
 * terminal, every key goes to the command, the size follows.
 */

#ifndef DP_TERM_H
#define DP_TERM_H

#include "dpRun.h"

/* What DpRunSpec asks for besides collecting. */
typedef struct DpTermTaps {
    struct DpTerm *termPtr;     /* NULL: not */
    struct DpCast *castPtr;     /* NULL: not */
} DpTermTaps;

/*
 * Takes the terminal and makes it raw where the spec wants it; TCL_ERROR and
 * {STATE terminal} or another message in interp. Then joins it to a command
 * and the run that collects it, which owns it from there on.
 */
MODULE_SCOPE int DpTermTapsOpen(Tcl_Interp *interp, DpInterp *dpPtr,
	const DpRunSpec *specPtr, DpTermTaps *tapsPtr);
MODULE_SCOPE void DpTermTapsJoin(DpTermTaps *tapsPtr, DpRun *runPtr,
	DpProc *procPtr);

/* Makes core::terminal. */
MODULE_SCOPE void DpTermInit(DpInterp *dpPtr);

#endif

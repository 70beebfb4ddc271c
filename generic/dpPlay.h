/*
 * dpPlay.h -- a recording (asciicast version 2) as a command that prints it.
 *
 * Layer L2. It takes keys on its standard input: q, Escape, Ctrl-C and Ctrl-D
 * end it (as if by SIGINT), the space bar stops it and lets it go on.
 */

#ifndef DP_PLAY_H
#define DP_PLAY_H

#include "dpProc.h"

/*
 * Plays the text of a recording: speed times as fast, no pause longer than
 * maxWait seconds (0: as the recording says). NULL and {ARGUMENT name} in
 * errPtr when it is none. A broken line in it ends the command with an error.
 */
MODULE_SCOPE DpProc *DpPlayNew(DpLoop *loopPtr, const char *name,
	const void *bytes, size_t count, double speed, double maxWait,
	DpError *errPtr);

#endif

/*
 * dpScreen.h -- which modes of a terminal a stream of output has switched.
 *
 * Layer L0. For a program that was cut off: what must be sent so that the
 * screen and the keys are as before it began.
 */

#ifndef DP_SCREEN_H
#define DP_SCREEN_H

#include "dpBase.h"

/* A zeroed struct is a terminal as it is at first. */
typedef struct DpScreen {
    enum {
	DP_SCREEN_TEXT, DP_SCREEN_ESCAPE, DP_SCREEN_SEQUENCE
    } state;
    char params[48];            /* of a sequence, as far as they have room */
    size_t numParams;
    unsigned switched;          /* bits of the table of modes */
    bool keypad;                /* application keypad */
    bool region;                /* scrolls in a part only */
    bool otherKeys;             /* xterm's modifyOtherKeys */
} DpScreen;

/* True: something that DpScreenReset tells has changed. */
MODULE_SCOPE bool DpScreenFeed(DpScreen *screenPtr,
	const unsigned char *bytes, size_t count);

/* What undoes it, at most DP_SCREEN_RESET bytes; returns how many. */
#define DP_SCREEN_RESET 200
MODULE_SCOPE size_t DpScreenReset(const DpScreen *screenPtr,
	char text[DP_SCREEN_RESET]);

/* The reverse, for a terminal that was reset: as the program believes it. */
MODULE_SCOPE size_t DpScreenAgain(const DpScreen *screenPtr,
	char text[DP_SCREEN_RESET]);

#endif

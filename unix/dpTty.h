/*
 * dpTty.h -- the terminal that this process was started from.
 *
 * Layer L2. It is opened anew (/dev/tty), so that O_NONBLOCK is this
 * descriptor's alone, and is raw from open to close. One at a time for each
 * process.
 */

#ifndef DP_TTY_H
#define DP_TTY_H

#include "dpProc.h"

typedef struct DpTty DpTty;

/* What the user of a terminal is told (a mask); no script runs from there. */
#define DP_TTY_READABLE 1
#define DP_TTY_WRITABLE 2
#define DP_TTY_RESIZED  4
#define DP_TTY_GONE     8       /* hung up: the last thing told */
#define DP_TTY_RESUMED  16      /* other programs have had it meanwhile */

typedef void (DpTtyProc)(void *clientData, int what);

typedef enum DpTtyState {
    DP_TTY_NONE,                /* this process has none */
    DP_TTY_BACK,                /* it has one, but runs in the background */
    DP_TTY_FRONT
} DpTtyState;

typedef struct DpTtyInfo {
    DpTtyState state;
    int cols, rows;             /* 80 x 24 where it is not known */
    size_t numModes;            /* in the form of DpProcPty */
    unsigned char modes[DP_PTY_MODES];
} DpTtyInfo;

/* Looks without touching. */
MODULE_SCOPE void DpTtyLook(DpTtyInfo *infoPtr);

/*
 * Opens it and makes it raw: every byte passes in both directions, no key has
 * a meaning here. It gets its modes back by DpTtyClose, before a signal that
 * ends or stops this process does so, and by a guard process where this one is
 * killed. NULL and {STATE terminal} in errPtr: no terminal, in the background,
 * or taken. Input that was not read stays for whoever reads next.
 */
MODULE_SCOPE DpTty *DpTtyOpen(DpLoop *loopPtr, DpTtyProc *proc,
	void *clientData, DpError *errPtr);
MODULE_SCOPE void DpTtyClose(DpTty *ttyPtr);

/* Tells from now on when there is something to read, or room to write. */
MODULE_SCOPE void DpTtyWant(DpTty *ttyPtr, bool read, bool write);

/*
 * As read(2) and write(2) without blocking; 0: nothing now, also while this
 * process is in the background; -1: the terminal is gone.
 */
MODULE_SCOPE ptrdiff_t DpTtyRead(DpTty *ttyPtr, void *bytes, size_t size);
MODULE_SCOPE ptrdiff_t DpTtyWrite(DpTty *ttyPtr, const void *bytes,
	size_t size);
MODULE_SCOPE void DpTtySize(const DpTty *ttyPtr, int *colsPtr, int *rowsPtr);

/*
 * Bytes (at most DP_TTY_RESET of them) that put the screen in order, written
 * whenever and however the terminal gets its modes back.
 */
#define DP_TTY_RESET 240
MODULE_SCOPE void DpTtyReset(DpTty *ttyPtr, const void *bytes, size_t count);

#endif

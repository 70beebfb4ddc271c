/*
 * dpTtyOut.h -- a terminal that lines are written to, whosever it is.
 *
 * Layer L2.
 */

#ifndef DP_TTY_OUT_H
#define DP_TTY_OUT_H

#include "dpBase.h"

typedef struct DpTtyOut {
    bool own;                   /* it is the one that this process was started
				 * from */
    int cols;                   /* 0: not known */
} DpTtyOut;

/* Looks without touching. False: the descriptor is no terminal. */
MODULE_SCOPE bool DpTtyOutLook(int fd, DpTtyOut *outPtr);

/*
 * Opens the same terminal once more, to write without waiting; its modes stay as
 * they are. -1: errno says why not.
 */
MODULE_SCOPE int DpTtyOutOpen(int fd);

#endif

/*
 * dpTtyGuard.h -- a terminal's modes come back whatever ends this process.
 *
 * Layer L2. Handlers restore them before a signal ends or stops the process; a
 * child that holds nothing but the terminal and a pipe restores them when it
 * was killed. Process-wide: there is at most one guard.
 */

#ifndef DP_TTY_GUARD_H
#define DP_TTY_GUARD_H

#include "dpBase.h"

#include <termios.h>

/* Bytes on the descriptor of DpGuardBegin. */
#define DP_GUARD_WINCH 'w'      /* the size has changed */
#define DP_GUARD_CONT  'c'      /* stopped, and goes on now */

/*
 * From now on the modes of fd come back. Returns a descriptor from which to
 * read what signals tell, non-blocking; -1 with errno (EBUSY: there is a guard
 * already). Handlers of the application's own are left alone where they decide
 * about the end of the process, and are called by ours for SIGWINCH, SIGCONT.
 */
MODULE_SCOPE int DpGuardBegin(int fd, const struct termios *savedPtr,
	const struct termios *rawPtr);

/* Its twin; the caller has restored the modes. */
MODULE_SCOPE void DpGuardEnd(void);

/* False: there is no guard; else the modes that come back. */
MODULE_SCOPE bool DpGuardModes(struct termios *savedPtr);

/* Bytes to be written when the modes come back, at most size of a pipe. */
MODULE_SCOPE void DpGuardText(const void *bytes, size_t count);

/*
 * From now on a SIGTSTP, where nobody else handles it, writes these bytes to the
 * terminal before it stops this process, at most DP_GUARD_STOP; 0: none.
 */
#define DP_GUARD_STOP 16
MODULE_SCOPE void DpGuardAtStop(const void *bytes, size_t count);

/* Signals that a program wants to hear of. */
typedef enum DpTold {
    DP_TOLD_INTERRUPT,          /* SIGINT */
    DP_TOLD_END,                /* SIGHUP and SIGTERM */
    DP_TOLD_KINDS
} DpTold;

/*
 * From now on these do not end this process. Returns a descriptor that is
 * readable once one has come; -1 with errno (EBUSY: somebody has them, or a
 * terminal is raw). DpToldServed has to be called then, which returns how many
 * have come: another SIGINT that comes before that ends the process, and so does
 * a SIGHUP or SIGTERM some seconds later. DpToldPatience gives that time, in
 * milliseconds, until the twin.
 */
MODULE_SCOPE int DpToldBegin(DpTold kind);
MODULE_SCOPE int DpToldServed(DpTold kind);
MODULE_SCOPE void DpToldPatience(DpTold kind, int milliseconds);

/*
 * From any thread: for so many milliseconds one has been waiting to be served;
 * -1: none does.
 */
MODULE_SCOPE long long DpToldWaited(DpTold kind);

/* The twin of DpToldBegin. */
MODULE_SCOPE void DpToldEnd(DpTold kind);

#endif

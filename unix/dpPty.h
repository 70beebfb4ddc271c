/*
 * dpPty.h -- pseudo terminals of the system: opening, size and modes.
 *
 * Layer L2.
 */

#ifndef DP_PTY_H
#define DP_PTY_H

#include "dpProc.h"

#include <termios.h>

typedef struct DpPty {
    int master, slave;          /* -1: not open */
    char name[64];              /* of the slave */
} DpPty;

/*
 * Opens both ends, close-on-exec and above the standard descriptors; neither
 * becomes a controlling terminal. False with errno: none is left, or there is
 * no descriptor for it.
 */
MODULE_SCOPE bool DpPtyOpen(DpPty *ptyPtr);
MODULE_SCOPE void DpPtyClose(DpPty *ptyPtr);

/* One sentence and {FILE <POSIXNAME> slug /dev/ptmx} for such an errno. */
MODULE_SCOPE void DpPtyError(DpError *errPtr, const char *slug, int error);

/*
 * Whether nobody has the master of this slave any more, as far as that can be
 * told: the slave's name is gone then, and comes back for a new terminal once
 * nobody has the slave either. Systems that keep the name never say so.
 */
MODULE_SCOPE bool DpPtyIsGone(const char *name);

/* Size, by either end. A new one of the master is told by SIGWINCH. */
MODULE_SCOPE void DpPtySetSize(int fd, int cols, int rows);
MODULE_SCOPE bool DpPtyGetSize(int fd, int *colsPtr, int *rowsPtr);

/* Bytes pass as they are, both ways. */
MODULE_SCOPE void DpPtySetRaw(int fd);

/*
 * The modes of a terminal in the form of RFC 4254, section 8, and the way
 * back; what the system or the table does not know is left as it is.
 */
MODULE_SCOPE size_t DpPtyGetModes(const struct termios *fromPtr,
	unsigned char modes[DP_PTY_MODES]);
MODULE_SCOPE void DpPtySetModes(int fd, const unsigned char *modes,
	size_t numModes);

/*
 * The slave once more, with a file description of its own that does not block
 * and a descriptor above what select reaches. -1 with errno.
 */
MODULE_SCOPE int DpPtyReopen(const DpPty *ptyPtr);
MODULE_SCOPE void DpPtySetNonblock(int fd);

/*
 * As read(2) and write(2), but -errno for an error, and a terminal whose other
 * end is closed (EIO) is at its end: 0.
 */
MODULE_SCOPE ptrdiff_t DpPtyRead(int fd, void *bytes, size_t size);
MODULE_SCOPE ptrdiff_t DpPtyWrite(int fd, const void *bytes, size_t size);
MODULE_SCOPE void DpPtyCloseFd(int fd);

#endif

/*
 * dpMountStat.h -- attributes, times and flags of files as the system has them.
 *
 * Layer L4. Numbers of the system's headers go no further than this.
 */

#ifndef DP_MOUNT_STAT_H
#define DP_MOUNT_STAT_H

#include "dpFs.h"

struct utimbuf;

/* As find -type has it: f d l p s c b, '?' for none of them. */
MODULE_SCOPE char DpMountType(uint32_t mode);

/*
 * What the host told, as stat(2) would. Files of mount number id never look
 * like those of another one, or of this machine, that have their inode.
 */
MODULE_SCOPE void DpMountStatFill(Tcl_StatBuf *statPtr,
	const DpFsAttr *attrPtr, unsigned id);

MODULE_SCOPE void DpMountTimes(DpFsAttr *attrPtr,
	const struct utimbuf *timesPtr);

/* Flags of open(2) as DP_FS_FOR_READ and so on. */
MODULE_SCOPE unsigned DpMountFlags(int mode);

#endif

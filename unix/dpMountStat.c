/*
 * dpMountStat.c -- attributes, times and flags of files as the system has them.
 *
 * Layer L4.
 */

#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <utime.h>

#include "dpMountStat.h"

char
DpMountType(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
	return 'f';
    case S_IFDIR:
	return 'd';
    case S_IFLNK:
	return 'l';
    case S_IFIFO:
	return 'p';
    case S_IFSOCK:
	return 's';
    case S_IFCHR:
	return 'c';
    case S_IFBLK:
	return 'b';
    }
    return '?';
}

void
DpMountStatFill(Tcl_StatBuf *statPtr, const DpFsAttr *attrPtr, unsigned id)
{
    memset(statPtr, 0, sizeof(*statPtr));
    statPtr->st_mode = attrPtr->mode;
    statPtr->st_nlink = 1;
    statPtr->st_size = (off_t) attrPtr->size;
    statPtr->st_uid = attrPtr->uid;
    statPtr->st_gid = attrPtr->gid;
    statPtr->st_atime = (time_t) attrPtr->atime;
    statPtr->st_mtime = (time_t) attrPtr->mtime;
    statPtr->st_ctime = (time_t) (attrPtr->has & DP_FS_CTIME
	    ? attrPtr->ctime : attrPtr->mtime);
    statPtr->st_blksize = 32 * 1024;
    statPtr->st_blocks = (blkcnt_t) ((attrPtr->size + 511) / 512);

    /*
     * Tcl takes two files for one that have the same inode and device, and
     * then does not copy: clones of a machine have them in common.
     */
    statPtr->st_dev = (dev_t) ((UINT64_C(1) << 62) | ((uint64_t) id << 44)
	    | (attrPtr->device & ((UINT64_C(1) << 44) - 1)));
    if (attrPtr->has & DP_FS_INODE) {
	statPtr->st_ino = (ino_t) attrPtr->inode;
	statPtr->st_nlink = (nlink_t) attrPtr->nlink;
    }
}

void
DpMountTimes(DpFsAttr *attrPtr, const struct utimbuf *timesPtr)
{
    attrPtr->has = DP_FS_TIMES;
    attrPtr->atime = timesPtr->actime;
    attrPtr->mtime = timesPtr->modtime;
}

unsigned
DpMountFlags(int mode)
{
    unsigned flags = 0;

    if ((mode & O_ACCMODE) != O_WRONLY) {
	flags |= DP_FS_FOR_READ;
    }
    if ((mode & O_ACCMODE) != O_RDONLY) {
	flags |= DP_FS_FOR_WRITE;
    }
    if (mode & O_APPEND) {
	flags |= DP_FS_APPEND;
    }
    if (mode & O_CREAT) {
	flags |= DP_FS_CREATE;
    }
    if (mode & O_TRUNC) {
	flags |= DP_FS_TRUNCATE;
    }
    if (mode & O_EXCL) {
	flags |= DP_FS_EXCLUSIVE;
    }
    return flags;
}

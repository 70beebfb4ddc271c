/*
 * dpCopyLook.c -- what a file of a transfer is, what is at its place; links.
 *
 * Layer L3.
 */

#include "dpCopyInt.h"

#include <errno.h>

void
DpCopyFileSkip(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    copyPtr->count.skipped++;
    copyPtr->count.total -= filePtr->counted;
    DpCopyFileEnd(filePtr);
}

/* Whether what is replaced has an ACL or a label that are to be kept. */
bool
DpCopyFileAdopts(const DpCopyFile *filePtr)
{
    const DpFs *fsPtr = filePtr->copyPtr->dstPtr;

    return filePtr->exists && filePtr->copyPtr->spec.adopt
	    && (fsPtr->adopt != NULL || fsPtr->native || fsPtr->scripted);
}

void
DpCopyFileBegin(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;
    DpFsRequest request = {.kind = DP_FS_LOAD, .path = filePtr->src,
	    .count = DP_COPY_SMALL};

    if (copyPtr->stage == NULL) {
	filePtr->temp = DpFsTempName(filePtr->dst);
    }
    if (filePtr->attr.size > DP_COPY_SMALL) {
	request.kind = DP_FS_OPEN;
	request.flags = DP_FS_FOR_READ;
	DpCopyFileSubmit(filePtr, DP_FILE_OPEN_IN, copyPtr->srcPtr, &request);
    } else {
	DpCopyFileSubmit(filePtr, DP_FILE_LOAD, copyPtr->srcPtr, &request);
    }
}

/* A file is to be written where `old` is, if it exists. */
static void
Decide(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;
    const DpFsAttr *oldPtr = &filePtr->old, *attrPtr = &filePtr->attr;
    bool sameSize;

    if (!filePtr->exists) {
	DpCopyFileBegin(filePtr);
	return;
    }
    switch (DP_TYPE(oldPtr->mode)) {
    case DP_TYPE_FILE:
	break;
    case DP_TYPE_LINK:
	/* In a tree a link is not followed: it could lead anywhere. */
	filePtr->exists = false;
	DpCopyFileBegin(filePtr);
	return;
    case DP_TYPE_DIR:
	DpCopyFileError(filePtr, copyPtr->dstPtr, EISDIR, "there is a directory of that"
		" name", "write to", filePtr->dst);
	return;
    default:
	DpCopyFileError(filePtr, copyPtr->dstPtr, ENOTSUP, "it is neither a file nor a"
		" directory, and nothing replaces it", "write to",
		filePtr->dst);
	return;
    }
    sameSize = (oldPtr->has & attrPtr->has & DP_FS_SIZE)
	    && oldPtr->size == attrPtr->size;
    switch (copyPtr->spec.update) {
    case DP_COPY_ALWAYS:
	break;
    case DP_COPY_SIZE:
	if (sameSize) {
	    DpCopyFileSkip(filePtr);
	    return;
	}
	break;
    case DP_COPY_TIME:
	if (sameSize && (oldPtr->has & attrPtr->has & DP_FS_TIMES)
		&& oldPtr->mtime == attrPtr->mtime) {
	    DpCopyFileSkip(filePtr);
	    return;
	}
	break;
    case DP_COPY_CHECKSUM:
	if (sameSize) {
	    DpCopyFileAsk(filePtr, DP_FILE_UPDATE, filePtr->dst, -1);
	    return;
	}
	break;
    }
    DpCopyFileBegin(filePtr);
}

/* The source is known: is there something at its place? */
static void
Look(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    if (filePtr->dirPtr == NULL) {
	filePtr->exists = copyPtr->exists;
	filePtr->old = copyPtr->old;
	Decide(filePtr);
    } else if (filePtr->dirPtr->fresh) {
	DpCopyFileBegin(filePtr);
    } else {
	DpCopyFilePath(filePtr, DP_FILE_TARGET, copyPtr->dstPtr, DP_FS_LSTAT,
		filePtr->dst);
    }
}

void
DpCopyLookSpecial(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    if (copyPtr->spec.leaveSpecial) {
	copyPtr->count.special++;
	DpCopyFileEnd(filePtr);
	return;
    }
    DpCopyFileError(filePtr, copyPtr->srcPtr, ENOTSUP, "it is a socket, a FIFO or a"
	    " device (-special skip leaves these out)", "copy",
	    filePtr->src);
}

static void
Link(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    if (filePtr->step == DP_FILE_STAT) {
	/* A host that lies could lead us on for ever. */
	DpCopyFileError(filePtr, copyPtr->srcPtr, ELOOP,
		"the host says that the link leads to a link", "follow link",
		filePtr->src);
    } else if (!copyPtr->spec.preserve) {
	DpCopyFilePath(filePtr, DP_FILE_STAT, copyPtr->srcPtr, DP_FS_STAT,
		filePtr->src);
    } else if (copyPtr->uid == 0 && !(filePtr->attr.has & DP_FS_OWNER)
	    && !filePtr->looked) {
	filePtr->looked = true;
	DpCopyFilePath(filePtr, DP_FILE_LSTAT, copyPtr->srcPtr, DP_FS_LSTAT,
		filePtr->src);
    } else {
	DpCopyFilePath(filePtr, DP_FILE_READLINK, copyPtr->srcPtr,
		DP_FS_READLINK, filePtr->src);
    }
}

/* By the type of what there is. */
void
DpCopyLookSort(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;
    const char *name;

    switch (DP_TYPE(filePtr->attr.mode)) {
    case DP_TYPE_FILE:
	if (filePtr->counted == 0 && filePtr->dirPtr != NULL) {
	    filePtr->counted = filePtr->attr.size;
	    copyPtr->count.total += filePtr->counted;
	}
	Look(filePtr);
	break;
    case DP_TYPE_LINK:
	Link(filePtr);
	break;
    case DP_TYPE_DIR:
	if (filePtr->step == DP_FILE_STAT) {
	    /* A link to it; does it lead up the tree? */
	    DpCopyFilePath(filePtr, DP_FILE_REAL, copyPtr->srcPtr,
		    DP_FS_REALPATH, filePtr->src);
	    break;
	}
	name = strrchr(filePtr->src, '/') + 1;
	DpCopyDirStart(copyPtr, filePtr->dirPtr, name, &filePtr->attr, NULL);
	DpCopyFileEnd(filePtr);
	break;
    default:
	DpCopyLookSpecial(filePtr);
    }
}

static void
GotReal(DpCopyFile *filePtr, const DpFsReply *replyPtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;
    const char *real = (const char *) replyPtr->bytes;

    if (replyPtr->error != 0) {
	DpCopyFileFail(filePtr, copyPtr->srcPtr, replyPtr, "follow link",
		filePtr->src);
    } else if (DpCopyDirLoops(filePtr->dirPtr, real)) {
	DpCopyFileError(filePtr, copyPtr->srcPtr, ELOOP, "the link leads to a directory"
		" above it (-preserve copies links as links)", "follow link",
		filePtr->src);
    } else {
	DpCopyDirStart(copyPtr, filePtr->dirPtr,
		strrchr(filePtr->src, '/') + 1, &filePtr->attr,
		DpStrdup(real));
	DpCopyFileEnd(filePtr);
    }
}

/* Part: links as links. */

static void
MakeLink(DpCopyFile *filePtr)
{
    DpFsRequest request = {.kind = DP_FS_SYMLINK, .path2 = filePtr->text};

    if (!filePtr->dirPtr->fresh) {
	filePtr->temp = DpFsTempName(filePtr->dst);
	DpFsGuard(filePtr->copyPtr->dstPtr, filePtr->temp);
    }
    request.path = filePtr->temp != NULL ? filePtr->temp : filePtr->dst;
    DpCopyFileSubmit(filePtr, DP_FILE_SYMLINK, filePtr->copyPtr->dstPtr, &request);
}

void
DpCopyLinkMade(DpCopyFile *filePtr)
{
    filePtr->copyPtr->count.links++;
    DpCopyFileEnd(filePtr);
}

static void
PlaceLink(DpCopyFile *filePtr)
{
    if (filePtr->temp == NULL) {
	DpCopyLinkMade(filePtr);
	return;
    }
    DpCopyFileStep(filePtr, DP_FILE_RENAME);
}

/* Times and owner of the link itself, as far as the host can. */
static void
GotSymlink(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;
    DpFsRequest request = {.kind = DP_FS_LSETSTAT,
	    .path = filePtr->temp != NULL ? filePtr->temp : filePtr->dst,
	    .attr = filePtr->attr};

    request.attr.has &= DP_FS_TIMES | (copyPtr->uid == 0 ? DP_FS_OWNER : 0);
    if (request.attr.has == 0) {
	PlaceLink(filePtr);
	return;
    }
    DpCopyFileSubmit(filePtr, DP_FILE_LINKSTAT, copyPtr->dstPtr, &request);
}

static void
GotLinkTarget(DpCopyFile *filePtr, const DpFsReply *replyPtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    if (replyPtr->error == ENOENT) {
	MakeLink(filePtr);
    } else if (replyPtr->error != 0) {
	DpCopyFileFail(filePtr, copyPtr->dstPtr, replyPtr, "make link",
		filePtr->dst);
    } else if (DP_TYPE(replyPtr->attr.mode) == DP_TYPE_DIR) {
	DpCopyFileError(filePtr, copyPtr->dstPtr, EISDIR,
		"there is a directory of that name", "make link",
		filePtr->dst);
    } else if (DP_TYPE(replyPtr->attr.mode) == DP_TYPE_LINK) {
	DpCopyFilePath(filePtr, DP_FILE_OLDLINK, copyPtr->dstPtr, DP_FS_READLINK,
		filePtr->dst);
    } else {
	MakeLink(filePtr);
    }
}

void
DpCopyLookDone(DpCopyFile *filePtr, const DpFsReply *replyPtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    switch (filePtr->step) {
    case DP_FILE_LSTAT:
    case DP_FILE_STAT:
	filePtr->attr = replyPtr->attr;
	DpCopyLookSort(filePtr);
	break;
    case DP_FILE_REAL:
	GotReal(filePtr, replyPtr);
	break;
    case DP_FILE_READLINK:
	filePtr->text = DpStrdup((const char *) replyPtr->bytes);
	if (filePtr->dirPtr->fresh) {
	    MakeLink(filePtr);
	} else {
	    DpCopyFilePath(filePtr, DP_FILE_LINKTARGET, copyPtr->dstPtr,
		    DP_FS_LSTAT, filePtr->dst);
	}
	break;
    case DP_FILE_LINKTARGET:
	GotLinkTarget(filePtr, replyPtr);
	break;
    case DP_FILE_OLDLINK:
	if (replyPtr->error == 0
		&& strcmp((const char *) replyPtr->bytes, filePtr->text) == 0) {
	    DpCopyFileSkip(filePtr);
	} else {
	    MakeLink(filePtr);
	}
	break;
    case DP_FILE_SYMLINK:
	GotSymlink(filePtr);
	break;
    case DP_FILE_LINKSTAT:
	PlaceLink(filePtr);
	break;
    case DP_FILE_TARGET:
	if (replyPtr->error != 0 && replyPtr->error != ENOENT) {
	    DpCopyFileFail(filePtr, copyPtr->dstPtr, replyPtr, "write to",
		    filePtr->dst);
	    break;
	}
	filePtr->exists = replyPtr->error == 0;
	filePtr->old = replyPtr->attr;
	Decide(filePtr);
	break;
    default:
	break;
    }
}

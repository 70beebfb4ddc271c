/*
 * dpCopyPart.c -- a large file of a transfer is opened: holes, part files.
 *
 * Layer L3.
 */

#include "dpCopyInt.h"
#include "dpHoles.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>

#define NAME_MAX_BYTES 255

/* The name of the part file of a target: fixed, and beside it. */
static char *
PartName(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t baseLength = strlen(base), size = strlen(path) + 64;
    char *name = DpAlloc(size);

    if (baseLength + sizeof("..part.deployer") - 1 <= NAME_MAX_BYTES) {
	snprintf(name, size, "%.*s.%s.part.deployer", (int) (base - path),
		path, base);
    } else {
	unsigned char sum[SHA256_DIGEST_LENGTH];
	int keep = NAME_MAX_BYTES - 16 - (int) sizeof("...part.deployer");

	/* Two names with the same begin shall have two parts. */
	SHA256((const unsigned char *) base, baseLength, sum);
	while (keep > 0 && ((unsigned char) base[keep] & 0xc0) == 0x80) {
	    keep--;
	}
	snprintf(name, size,
		"%.*s.%.*s.%02x%02x%02x%02x%02x%02x%02x%02x.part.deployer",
		(int) (base - path), path, keep, base, sum[0], sum[1],
		sum[2], sum[3], sum[4], sum[5], sum[6], sum[7]);
    }
    return name;
}

static void
OpenOut(DpCopyFile *filePtr, unsigned flags)
{
    DpFsRequest request = {.kind = DP_FS_OPEN,
	    .path = filePtr->temp != NULL ? filePtr->temp : filePtr->dst,
	    .flags = DP_FS_FOR_WRITE | flags};

    request.attr.has = DP_FS_MODE;
    request.attr.mode = DpCopyFileMasked(filePtr) ? DpCopyFileMode(filePtr)
	    : 0600;
    if (filePtr->temp != NULL && !filePtr->isPart) {
	DpFsGuard(filePtr->copyPtr->dstPtr, filePtr->temp);
    }
    DpCopyFileSubmit(filePtr, DP_FILE_OPEN_OUT, filePtr->copyPtr->dstPtr, &request);
}

static void
GotOpenIn(DpCopyFile *filePtr)
{
    DpFsRequest request = {.kind = DP_FS_FSTAT, .filePtr = filePtr->inPtr};

    DpCopyFileSubmit(filePtr, DP_FILE_STAT_IN, filePtr->copyPtr->srcPtr, &request);
}

/* The source is open: where does its content go? */
static void
FindOut(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    if (copyPtr->spec.resume && filePtr->temp != NULL
	    && filePtr->size >= DP_COPY_PART) {
	DpFree(filePtr->temp);
	filePtr->temp = PartName(filePtr->dst);
	filePtr->isPart = true;
	DpCopyFilePath(filePtr, DP_FILE_PART, copyPtr->dstPtr, DP_FS_LSTAT,
		filePtr->temp);
	return;
    }
    OpenOut(filePtr, DP_FS_CREATE | DP_FS_EXCLUSIVE);
}

static void
FindHoles(void *data)
{
    DpHolesFind(data);
}

static void
FreeHoles(void *data)
{
    DpHolesFree(data);
}

static void
GotHoles(void *clientData, void *data)
{
    DpCopyFile *filePtr = clientData;

    filePtr->jobPtr = NULL;
    filePtr->holesPtr = DpHolesTake(data);
    if (filePtr->aborted) {
	DpCopyFileClean(filePtr);
    } else {
	FindOut(filePtr);
    }
}

static void
GotStatIn(DpCopyFile *filePtr, const DpFsReply *replyPtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    filePtr->attr = replyPtr->attr;
    filePtr->size = replyPtr->attr.size;
    filePtr->toEnd = !(replyPtr->attr.has & DP_FS_SIZE)
	    || filePtr->size == 0;
    if ((replyPtr->attr.has & DP_FS_MODE)
	    && DP_TYPE(replyPtr->attr.mode) != DP_TYPE_FILE) {
	DpCopyLookSpecial(filePtr);
	return;
    }
    if (copyPtr->srcPtr->native && filePtr->size >= DP_COPY_PART) {
	/* A file of this machine can tell them without being read. */
	filePtr->step = DP_FILE_HOLES;
	filePtr->jobPtr = DpJobStart(copyPtr->loopPtr, FindHoles, GotHoles,
		FreeHoles, DpHolesNew(filePtr->src, &filePtr->attr), filePtr);
	return;
    }
    FindOut(filePtr);
}

/*
 * What an earlier transfer left is gone on with where it is surely ours and
 * begins as the source does.
 */
static void
GotPart(DpCopyFile *filePtr, const DpFsReply *replyPtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;
    const DpFsAttr *attrPtr = &replyPtr->attr;

    if (replyPtr->error != 0) {
	OpenOut(filePtr, DP_FS_CREATE | DP_FS_EXCLUSIVE);
	return;
    }
    filePtr->part = *attrPtr;
    filePtr->next = attrPtr->size;
    if (DP_TYPE(attrPtr->mode) == DP_TYPE_FILE && (attrPtr->mode & 077) == 0
	    && (attrPtr->has & DP_FS_OWNER)
	    && (int64_t) attrPtr->uid == copyPtr->uid
	    && (!(attrPtr->has & DP_FS_INODE) || attrPtr->nlink == 1)
	    && attrPtr->size > 0 && attrPtr->size <= filePtr->size) {
	DpCopyFileAsk(filePtr, DP_FILE_SAME, filePtr->temp, (int64_t) attrPtr->size);
	return;
    }
    DpCopyFilePath(filePtr, DP_FILE_OLDPART, copyPtr->dstPtr, DP_FS_UNLINK,
	    filePtr->temp);
}

/*
 * After a sudden end the last bytes of a part may have gaps, never more than
 * what was under way.
 */
void
DpCopyPartSame(DpCopyFile *filePtr, bool same)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    if (same) {
	copyPtr->count.resumed += filePtr->next;
	OpenOut(filePtr, 0);
    } else if (!filePtr->looked && filePtr->next > DP_COPY_WINDOW) {
	filePtr->looked = true;
	filePtr->next -= DP_COPY_WINDOW;
	DpCopyFileAsk(filePtr, DP_FILE_SAME, filePtr->temp, (int64_t) filePtr->next);
    } else {
	filePtr->next = 0;
	DpCopyFilePath(filePtr, DP_FILE_OLDPART, copyPtr->dstPtr, DP_FS_UNLINK,
		filePtr->temp);
    }
}

/* Smaller files never had one, and into a new directory nobody wrote before. */
bool
DpCopyPartOver(DpCopyFile *filePtr)
{
    DpCopyDir *dirPtr = filePtr->dirPtr;
    char *name;

    if (filePtr->isPart || filePtr->size < DP_COPY_PART
	    || (dirPtr != NULL && dirPtr->fresh)) {
	return false;
    }
    name = PartName(filePtr->dst);
    DpCopyFilePath(filePtr, DP_FILE_OVERPART, filePtr->copyPtr->dstPtr,
	    DP_FS_UNLINK, name);
    DpFree(name);
    return true;
}

static void
GotOpenOut(DpCopyFile *filePtr)
{
    DpFsRequest request = {.kind = DP_FS_FSTAT, .filePtr = filePtr->outPtr};

    if (filePtr->next == 0) {
	DpCopyBulkStart(filePtr);
	return;
    }
    DpCopyFileSubmit(filePtr, DP_FILE_STAT_OUT, filePtr->copyPtr->dstPtr,
	    &request);
}

/*
 * Is the part that was opened the one that was looked at? Whoever may write to
 * its directory could have put a link to something else there.
 */
static void
GotStatOut(DpCopyFile *filePtr, const DpFsReply *replyPtr)
{
    DpFsRequest request = {.kind = DP_FS_FSETSTAT,
	    .filePtr = filePtr->outPtr};
    const DpFsAttr *attrPtr = &replyPtr->attr, *partPtr = &filePtr->part;

    if (attrPtr->mode != partPtr->mode || attrPtr->uid != partPtr->uid
	    || attrPtr->size != partPtr->size
	    || ((attrPtr->has & partPtr->has & DP_FS_INODE)
		&& (attrPtr->inode != partPtr->inode
		    || attrPtr->device != partPtr->device))) {
	DpCopyFileError(filePtr, filePtr->copyPtr->dstPtr, EACCES,
		"its part file was exchanged for something else meanwhile",
		"write to", filePtr->dst);
	return;
    }
    request.attr.has = DP_FS_SIZE;
    request.attr.size = filePtr->next;
    DpCopyFileSubmit(filePtr, DP_FILE_CUT, filePtr->copyPtr->dstPtr, &request);
}

void
DpCopyPartDone(DpCopyFile *filePtr, const DpFsReply *replyPtr)
{
    switch (filePtr->step) {
    case DP_FILE_OPEN_IN:
	GotOpenIn(filePtr);
	break;
    case DP_FILE_STAT_IN:
	GotStatIn(filePtr, replyPtr);
	break;
    case DP_FILE_PART:
	GotPart(filePtr, replyPtr);
	break;
    case DP_FILE_OLDPART:
	filePtr->next = 0;
	OpenOut(filePtr, DP_FS_CREATE | DP_FS_EXCLUSIVE);
	break;
    case DP_FILE_OPEN_OUT:
	GotOpenOut(filePtr);
	break;
    case DP_FILE_STAT_OUT:
	GotStatOut(filePtr, replyPtr);
	break;
    case DP_FILE_CUT:
	DpCopyBulkStart(filePtr);
	break;
    default:
	break;
    }
}

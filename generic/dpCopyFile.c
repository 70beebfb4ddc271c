/*
 * dpCopyFile.c -- one file or link of a transfer, from its look-up to its name.
 *
 * Layer L3. One operation at a time, but for the pieces of a large file, which
 * are in dpCopyBulk.c. An operation that can leave something on the host is
 * never given up but waited for, so that what it made can be removed.
 */

#include "dpCopyInt.h"
#include "dpHoles.h"

#include <errno.h>

static void StepDone(void *clientData, const DpFsReply *replyPtr);

/* Part: lives. */

static void
NobodyAsks(void *clientData, const DpFsReply *replyPtr)
{
    (void) clientData;
    (void) replyPtr;
}

size_t
DpCopyCharge(const DpCopy *copyPtr, uint64_t size)
{
    size_t half = copyPtr->window / 2;

    if (size <= DP_COPY_SMALL) {
	return (size_t) size + 4096;
    }
    return size < half ? (size_t) size : half;
}

void
DpCopyFileFree(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    if (filePtr->opPtr != NULL) {
	DpFsCancel(filePtr->opPtr);
    }
    if (filePtr->asking) {
	copyPtr->spec.dropAsk(copyPtr->spec.clientData, &filePtr->ask);
    }
    if (filePtr->jobPtr != NULL) {
	DpJobCancel(filePtr->jobPtr);
    }
    DpHolesFree(filePtr->holesPtr);
    DpCopyBulkStop(filePtr);
    DpFsFileDrop(filePtr->inPtr);
    DpFsFileDrop(filePtr->outPtr);
    if (filePtr->tempMade && filePtr->temp != NULL && !filePtr->isPart) {
	DpFsRequest request = {.kind = DP_FS_UNLINK, .path = filePtr->temp};

	DpFsSubmit(copyPtr->dstPtr, &request, NobodyAsks, NULL);
    }
    if (filePtr->prevPtr != NULL) {
	filePtr->prevPtr->nextPtr = filePtr->nextPtr;
    } else {
	copyPtr->firstFilePtr = filePtr->nextPtr;
    }
    if (filePtr->nextPtr != NULL) {
	filePtr->nextPtr->prevPtr = filePtr->prevPtr;
    }
    copyPtr->numFiles--;
    copyPtr->charged -= filePtr->charge;
    DpFree(filePtr->src);
    DpFree(filePtr->dst);
    DpFree(filePtr->temp);
    DpFree(filePtr->text);
    while (filePtr->numSpares > 0) {
	DpFree(filePtr->spares[--filePtr->numSpares]);
    }
    DpFree(filePtr);
}

void
DpCopyFileEnd(DpCopyFile *filePtr)
{
    DpCopyDir *dirPtr = filePtr->dirPtr;

    DpCopyKick(filePtr->copyPtr);
    filePtr->tempMade = false;
    DpCopyFileFree(filePtr);
    if (dirPtr != NULL) {
	DpCopyDirLeft(dirPtr);
    }
}

void
DpCopyFileSubmit(DpCopyFile *filePtr, DpCopyStep step, DpFs *fsPtr,
	const DpFsRequest *requestPtr)
{
    filePtr->step = step;
    filePtr->opPtr = DpFsSubmit(fsPtr, requestPtr, StepDone, filePtr);
}

void
DpCopyFilePath(DpCopyFile *filePtr, DpCopyStep step, DpFs *fsPtr, DpFsKind kind,
	const char *path)
{
    DpFsRequest request = {.kind = kind, .path = path};

    DpCopyFileSubmit(filePtr, step, fsPtr, &request);
}

/* What was begun is removed, then the file has ended. */
void
DpCopyFileClean(DpCopyFile *filePtr)
{
    DpCopyBulkStop(filePtr);
    DpFsFileDrop(filePtr->inPtr);
    filePtr->inPtr = NULL;
    DpFsFileDrop(filePtr->outPtr);
    filePtr->outPtr = NULL;
    if (filePtr->tempMade && filePtr->temp != NULL && !filePtr->isPart) {
	filePtr->tempMade = false;
	DpCopyFilePath(filePtr, DP_FILE_CLEAN, filePtr->copyPtr->dstPtr,
		DP_FS_UNLINK, filePtr->temp);
	return;
    }
    DpCopyFileEnd(filePtr);
}

void
DpCopyFileFail(DpCopyFile *filePtr, const DpFs *fsPtr,
	const DpFsReply *replyPtr, const char *doing, const char *path)
{
    filePtr->failed = true;
    DpCopyFailed(filePtr->copyPtr, filePtr->src, fsPtr, replyPtr, doing,
	    path);
    DpCopyFileClean(filePtr);
}

void
DpCopyFileError(DpCopyFile *filePtr, const DpFs *fsPtr, int error, const char *message,
	const char *doing, const char *path)
{
    DpFsReply reply = {.error = error, .message = message};

    DpCopyFileFail(filePtr, fsPtr, &reply, doing, path);
}

void
DpCopyFileAbort(DpCopyFile *filePtr)
{
    if (filePtr->failed || filePtr->aborted) {
	return;
    }
    filePtr->aborted = true;
    if (filePtr->asking) {
	filePtr->asking = false;
	filePtr->copyPtr->spec.dropAsk(filePtr->copyPtr->spec.clientData,
		&filePtr->ask);
	DpCopyFileClean(filePtr);
    } else if (filePtr->step == DP_FILE_MOVE) {
	DpCopyFileClean(filePtr);
    } else if (filePtr->step == DP_FILE_LOAD && filePtr->opPtr != NULL) {
	DpFsCancel(filePtr->opPtr);
	filePtr->opPtr = NULL;
	DpCopyFileClean(filePtr);
    }
}

/* Part: questions about content. */

void
DpCopyFileAsk(DpCopyFile *filePtr, DpCopyStep step, const char *dst, int64_t count)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    filePtr->step = step;
    filePtr->asking = true;
    filePtr->ask.src = filePtr->src;
    filePtr->ask.dst = dst;
    filePtr->ask.count = count;
    filePtr->ask.data = filePtr;
    copyPtr->spec.ask(copyPtr->spec.clientData, &filePtr->ask);
}

/* Part: small files. */

static DpFsAttr
Final(const DpCopyFile *filePtr)
{
    return DpCopyFinal(filePtr->copyPtr, &filePtr->attr,
	    filePtr->exists ? &filePtr->old : NULL);
}

/*
 * Whether the host's umask, which is not known, makes the mode: the file is
 * made with that of the source and is never more open than in the end.
 */
bool
DpCopyFileMasked(const DpCopyFile *filePtr)
{
    const DpCopy *copyPtr = filePtr->copyPtr;

    return !copyPtr->spec.preserve && !filePtr->exists && !filePtr->isPart
	    && copyPtr->umask < 0;
}

uint32_t
DpCopyFileMode(const DpCopyFile *filePtr)
{
    return (filePtr->attr.has & DP_FS_MODE) ? filePtr->attr.mode & 0777 : 0666;
}

/*
 * Whether it is stored under its temporary name, for what comes in between. A
 * file system of scripts keeps ACL and label within STORE.
 */
static bool
StoresApart(const DpCopyFile *filePtr)
{
    const DpCopy *copyPtr = filePtr->copyPtr;

    return filePtr->temp != NULL && (copyPtr->spec.verify
	    || (DpCopyFileAdopts(filePtr) && !copyPtr->dstPtr->scripted));
}

static void
GotLoad(DpCopyFile *filePtr, const DpFsReply *replyPtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;
    DpFsRequest request = {.kind = DP_FS_STORE, .path = filePtr->dst,
	    .path2 = filePtr->temp, .bytes = replyPtr->bytes,
	    .count = replyPtr->count};

    if (replyPtr->error == EFBIG) {
	request = (DpFsRequest) {.kind = DP_FS_OPEN, .path = filePtr->src,
		.flags = DP_FS_FOR_READ};
	DpCopyFileSubmit(filePtr, DP_FILE_OPEN_IN, copyPtr->srcPtr, &request);
	return;
    }
    if (replyPtr->error != 0) {
	DpCopyFileFail(filePtr, copyPtr->srcPtr, replyPtr, "read",
		filePtr->src);
	return;
    }
    if (replyPtr->attr.has & DP_FS_MODE) {
	filePtr->attr = replyPtr->attr;
    }
    filePtr->size = replyPtr->count;
    request.attr = Final(filePtr);
    if (DpCopyFileMasked(filePtr)) {
	request.flags = DP_FS_UMASK;
	request.attr.mode = DpCopyFileMode(filePtr);
    }
    if (filePtr->temp != NULL) {
	DpFsGuard(copyPtr->dstPtr, filePtr->temp);
	if (StoresApart(filePtr)) {
	    request.path = filePtr->temp;
	    request.path2 = NULL;
	}
    }
    DpCopyFileSubmit(filePtr, DP_FILE_STORE, copyPtr->dstPtr, &request);
}

/* The file stands under its name. */
static void
Stored(DpCopyFile *filePtr)
{
    filePtr->copyPtr->count.files++;
    DpCopyFileEnd(filePtr);
}

static void
GotStore(DpCopyFile *filePtr)
{
    DpCopy *copyPtr = filePtr->copyPtr;

    copyPtr->count.bytes += filePtr->size;
    filePtr->tempMade = StoresApart(filePtr);
    if (copyPtr->spec.verify) {
	DpCopyFileStep(filePtr, DP_FILE_VERIFY);
    } else if (filePtr->tempMade) {
	DpCopyFileStep(filePtr, DP_FILE_ADOPT);
    } else {
	Stored(filePtr);
    }
}

void
DpCopyFileStep(DpCopyFile *filePtr, DpCopyStep step)
{
    DpCopy *copyPtr = filePtr->copyPtr;
    const char *made = filePtr->temp != NULL ? filePtr->temp : filePtr->dst;
    DpFsRequest request = {.kind = DP_FS_FSETSTAT};

    switch (step) {
    case DP_FILE_SET:
	request.filePtr = filePtr->outPtr;
	request.attr = Final(filePtr);
	if (DpCopyFileMasked(filePtr)) {
	    request.attr.has &= ~(unsigned) DP_FS_MODE;
	}
	if (filePtr->end != filePtr->size) {
	    request.attr.has |= DP_FS_SIZE;
	    request.attr.size = filePtr->size;
	}
	if (request.attr.has == 0) {
	    DpCopyFileStep(filePtr, DP_FILE_CLOSE);
	    break;
	}
	DpCopyFileSubmit(filePtr, step, copyPtr->dstPtr, &request);
	break;
    case DP_FILE_CLOSE:
	request.kind = DP_FS_CLOSE;
	request.filePtr = filePtr->outPtr;
	filePtr->outPtr = NULL;
	DpCopyFileSubmit(filePtr, step, copyPtr->dstPtr, &request);
	break;
    case DP_FILE_VERIFY:
	if (copyPtr->spec.verify) {
	    DpCopyFileAsk(filePtr, step, made, -1);
	    break;
	}
	/* fall through */
    case DP_FILE_ADOPT:
	if (filePtr->temp != NULL && DpCopyFileAdopts(filePtr)) {
	    request.kind = DP_FS_ADOPT;
	    request.path = filePtr->dst;
	    request.path2 = filePtr->temp;
	    DpCopyFileSubmit(filePtr, DP_FILE_ADOPT, copyPtr->dstPtr, &request);
	    break;
	}
	/* fall through */
    case DP_FILE_MODE:
	if (step == DP_FILE_MODE && copyPtr->spec.preserve) {
	    /* The ACL of the target has brought the mode of that. */
	    request.kind = DP_FS_SETSTAT;
	    request.path = filePtr->temp;
	    request.attr = Final(filePtr);
	    request.attr.has = DP_FS_MODE;
	    DpCopyFileSubmit(filePtr, step, copyPtr->dstPtr, &request);
	    break;
	}
	/* fall through */
    case DP_FILE_RENAME:
	if (filePtr->temp == NULL) {
	    Stored(filePtr);
	    break;
	}
	request.kind = DP_FS_RENAME;
	request.path = filePtr->temp;
	request.path2 = filePtr->dst;
	DpCopyFileSubmit(filePtr, DP_FILE_RENAME, copyPtr->dstPtr, &request);
	break;
    default:
	break;
    }
}

/* Part: answers. */

/* What a step was about, for its error: of the source, or (false) the target. */
static bool
Describe(const DpCopyFile *filePtr, const char **doingPtr)
{
    switch (filePtr->step) {
    case DP_FILE_LSTAT: case DP_FILE_STAT: case DP_FILE_OPEN_IN:
    case DP_FILE_STAT_IN:
	*doingPtr = "read";
	return true;
    case DP_FILE_READLINK:
	*doingPtr = "read link";
	return true;
    case DP_FILE_SYMLINK:
	*doingPtr = "make link";
	return false;
    case DP_FILE_SET: case DP_FILE_MODE:
	*doingPtr = "set owner, mode or times of";
	return false;
    case DP_FILE_ADOPT:
	*doingPtr = "keep the ACL and the label of";
	return false;
    default:
	*doingPtr = "write to";
	return false;
    }
}

/* Remembers what a step has made, so that it is given back. */
static void
NoteMade(DpCopyFile *filePtr, const DpFsReply *replyPtr)
{
    switch (filePtr->step) {
    case DP_FILE_OPEN_IN:
	filePtr->inPtr = replyPtr->filePtr;
	break;
    case DP_FILE_OPEN_OUT:
	filePtr->outPtr = replyPtr->filePtr;
	filePtr->tempMade = true;
	break;
    case DP_FILE_SYMLINK:
	filePtr->tempMade = true;
	break;
    case DP_FILE_STORE:
	filePtr->tempMade = StoresApart(filePtr);
	break;
    case DP_FILE_RENAME:
	filePtr->tempMade = false;
	break;
    default:
	break;
    }
}

/* Whether the step may fail without harm. */
static bool
MayFail(const DpCopyFile *filePtr, int error)
{
    switch (filePtr->step) {
    case DP_FILE_TARGET: case DP_FILE_LOAD: case DP_FILE_PART:
    case DP_FILE_REAL: case DP_FILE_LINKTARGET: case DP_FILE_OLDLINK:
    case DP_FILE_LINKSTAT: case DP_FILE_OLDPART: case DP_FILE_OVERPART:
	return true;
    case DP_FILE_ADOPT:
	return error == ENOTSUP;
    default:
	return false;
    }
}

static void
StepDone(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyFile *filePtr = clientData;
    DpCopy *copyPtr = filePtr->copyPtr;
    const char *doing;

    filePtr->opPtr = NULL;
    if (filePtr->step == DP_FILE_CLEAN) {
	DpCopyFileEnd(filePtr);
	return;
    }
    if (replyPtr->error == 0) {
	NoteMade(filePtr, replyPtr);
    }
    if (filePtr->aborted) {
	DpCopyFileClean(filePtr);
	return;
    }
    if (filePtr->step == DP_FILE_STAT && replyPtr->error == ENOENT) {
	DpCopyFileError(filePtr, filePtr->copyPtr->srcPtr, ENOENT,
		"it is a symbolic link that leads nowhere (-preserve copies"
		" links as links)", "read", filePtr->src);
	return;
    }
    if (replyPtr->error == EPERM && filePtr->exists && copyPtr->uid != 0
	    && (filePtr->step == DP_FILE_STORE
		|| filePtr->step == DP_FILE_SET)) {
	/* What is ours already can be given anything but another owner. */
	DpCopyFileError(filePtr, copyPtr->dstPtr, EPERM, "it can't be replaced"
		" by one of the same owner and group", "write to",
		filePtr->dst);
	return;
    }
    if (replyPtr->error != 0 && !MayFail(filePtr, replyPtr->error)) {
	bool isSource = Describe(filePtr, &doing);

	DpCopyFileFail(filePtr, isSource ? copyPtr->srcPtr : copyPtr->dstPtr,
		replyPtr, doing, isSource ? filePtr->src : filePtr->dst);
	return;
    }
    switch (filePtr->step) {
    case DP_FILE_LOAD:
	GotLoad(filePtr, replyPtr);
	break;
    case DP_FILE_STORE:
	GotStore(filePtr);
	break;
    case DP_FILE_SET:
	DpCopyFileStep(filePtr, DP_FILE_CLOSE);
	break;
    case DP_FILE_CLOSE:
	DpCopyFileStep(filePtr, DP_FILE_VERIFY);
	break;
    case DP_FILE_ADOPT:
	DpCopyFileStep(filePtr, DP_FILE_MODE);
	break;
    case DP_FILE_MODE:
	DpCopyFileStep(filePtr, DP_FILE_RENAME);
	break;
    case DP_FILE_RENAME:
	if (filePtr->text != NULL) {
	    DpCopyLinkMade(filePtr);
	} else if (!DpCopyPartOver(filePtr)) {
	    Stored(filePtr);
	}
	break;
    case DP_FILE_OVERPART:
	Stored(filePtr);
	break;
    default:
	if (filePtr->step < DP_FILE_LOAD) {
	    DpCopyLookDone(filePtr, replyPtr);
	} else {
	    DpCopyPartDone(filePtr, replyPtr);
	}
    }
}

void
DpCopyAnswer(DpCopyAsk *askPtr, int same, const DpError *errPtr)
{
    DpCopyFile *filePtr = askPtr->data;
    DpCopy *copyPtr = filePtr->copyPtr;

    filePtr->asking = false;
    if (errPtr != NULL) {
	filePtr->failed = true;
	DpCopyFailedBy(copyPtr, filePtr->src, errPtr, false);
	DpCopyFileClean(filePtr);
	return;
    }
    switch (filePtr->step) {
    case DP_FILE_UPDATE:
	if (same) {
	    DpCopyFileSkip(filePtr);
	} else {
	    DpCopyFileBegin(filePtr);
	}
	break;
    case DP_FILE_SAME:
	DpCopyPartSame(filePtr, same);
	break;
    case DP_FILE_VERIFY:
	if (same) {
	    DpCopyFileStep(filePtr, DP_FILE_ADOPT);
	    break;
	}
	filePtr->isPart = false;
	DpCopyFileError(filePtr, copyPtr->dstPtr, EIO, "the SHA-256 checksum of what was"
		" written is not that of the source", "write to",
		filePtr->dst);
	break;
    default:
	break;
    }
}

void
DpCopyFileStart(DpCopy *copyPtr, DpCopyDir *dirPtr, const char *name,
	const DpFsAttr *attrPtr, size_t charge)
{
    DpCopyFile *filePtr = DpAlloc(sizeof(*filePtr));

    filePtr->copyPtr = copyPtr;
    filePtr->dirPtr = dirPtr;
    filePtr->attr = *attrPtr;
    filePtr->charge = charge;
    filePtr->nextPtr = copyPtr->firstFilePtr;
    if (filePtr->nextPtr != NULL) {
	filePtr->nextPtr->prevPtr = filePtr;
    }
    copyPtr->firstFilePtr = filePtr;
    copyPtr->numFiles++;
    copyPtr->charged += charge;
    if (dirPtr != NULL) {
	filePtr->src = DpCopyJoin(dirPtr->src, name);
	filePtr->dst = DpCopyJoin(dirPtr->dst, name);
    } else {
	filePtr->src = DpStrdup(copyPtr->spec.src);
	filePtr->dst = DpStrdup(copyPtr->dst);
    }
    DpFree(copyPtr->path);
    copyPtr->path = DpStrdup(filePtr->src);
    copyPtr->count.path = copyPtr->path;
    if (!(attrPtr->has & DP_FS_MODE)) {
	DpCopyFilePath(filePtr, DP_FILE_LSTAT, copyPtr->srcPtr, DP_FS_LSTAT,
		filePtr->src);
	return;
    }
    if (DP_TYPE(attrPtr->mode) == DP_TYPE_FILE) {
	filePtr->counted = attrPtr->size;
    }
    filePtr->step = DP_FILE_LSTAT;
    DpCopyLookSort(filePtr);
}

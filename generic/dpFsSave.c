/*
 * dpFsSave.c -- a file that is written beside its target and then replaces it.
 *
 * Layer L2. The start: where the target is, what it is, and the temporary file.
 */

#include "dpFsSaveInt.h"

#include <errno.h>

#define MAX_LINKS 40            /* as Linux follows */

/* Of mode, as in stat(2), which every kind of file system tells. */
#define TYPE_MASK 0170000
#define TYPE_DIR  0040000
#define TYPE_FILE 0100000
#define TYPE_LINK 0120000

static void Resolve(DpFsSave *savePtr);
static void OpenTemp(DpFsSave *savePtr);

/* --- what the target is --- */

/* Where a link with this text leads: a fresh path. */
static char *
LinkTarget(const char *path, const char *text)
{
    const char *slash = strrchr(path, '/');
    size_t length;
    char *result;

    if (text[0] == '/' || slash == NULL) {
	return DpStrdup(text);
    }
    length = (size_t) (slash - path) + 1;
    result = DpAlloc(length + strlen(text) + 1);
    memcpy(result, path, length);
    strcpy(result + length, text);
    return result;
}

static void
LinkRead(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    char *target;

    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFail(savePtr, replyPtr);
	return;
    }
    target = LinkTarget(savePtr->target, (const char *) replyPtr->bytes);
    DpFree(savePtr->target);
    savePtr->target = target;
    Resolve(savePtr);
}

static void
InPlaceOpened(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    savePtr->filePtr = replyPtr->filePtr;
    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFail(savePtr, replyPtr);
	return;
    }
    savePtr->inPlace = true;
    DpSaveOpened(savePtr);
}

/* The empty file that holds the name of one that must not have been there. */

static void
HolderClosed(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFail(savePtr, replyPtr);
	return;
    }
    OpenTemp(savePtr);
}

static void
HolderKnown(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    DpFsFile *filePtr = savePtr->filePtr;

    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFail(savePtr, replyPtr);
	return;
    }
    savePtr->old = replyPtr->attr;
    savePtr->filePtr = NULL;
    DpSaveGoFile(savePtr, DP_FS_CLOSE, filePtr, HolderClosed);
}

static void
HolderOpened(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    savePtr->placed = replyPtr->error == 0;
    savePtr->filePtr = replyPtr->filePtr;
    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFail(savePtr, replyPtr);
	return;
    }
    DpSaveGoFile(savePtr, DP_FS_FSTAT, savePtr->filePtr, HolderKnown);
}

static void
TargetKnown(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    unsigned flags = savePtr->flags;
    uint32_t type = replyPtr->attr.mode & TYPE_MASK;
    bool exclusive = flags & DP_SAVE_EXCLUSIVE;

    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error == ENOENT && !(flags & DP_SAVE_EXISTING)) {
	if (exclusive) {
	    DpFsRequest request = {.kind = DP_FS_OPEN,
		.path = savePtr->target, .flags = DP_FS_FOR_WRITE
		| DP_FS_CREATE | DP_FS_EXCLUSIVE, .attr = {
		.has = DP_FS_MODE, .mode = savePtr->mode & DP_SAVE_PERM_MASK}};

	    DpSaveGo(savePtr, &request, HolderOpened);
	} else {
	    OpenTemp(savePtr);
	}
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFail(savePtr, replyPtr);
	return;
    }
    if (!(replyPtr->attr.has & DP_FS_MODE)) {
	type = TYPE_FILE;
    }
    if (exclusive) {
	DpSaveFailWith(savePtr, EEXIST, NULL);
    } else if (type == TYPE_LINK) {
	if (++savePtr->links > MAX_LINKS) {
	    DpSaveFailWith(savePtr, ELOOP, NULL);
	} else {
	    DpSaveGoPath(savePtr, DP_FS_READLINK, savePtr->target, LinkRead);
	}
    } else if (type == TYPE_DIR) {
	DpSaveFailWith(savePtr, EISDIR, NULL);
    } else if (type != TYPE_FILE) {
	DpFsRequest request = {.kind = DP_FS_OPEN, .path = savePtr->target,
	    .flags = DP_FS_FOR_WRITE
	    | (flags & DP_SAVE_READ ? DP_FS_FOR_READ : 0u)};

	DpSaveGo(savePtr, &request, InPlaceOpened);
    } else {
	savePtr->old = replyPtr->attr;
	savePtr->old.has |= DP_FS_MODE;
	OpenTemp(savePtr);
    }
}

/*
 * Link by link and not by REALPATH, which servers refuse for a link whose
 * target is not there. Directories on the way are the host's affair.
 */
static void
Resolve(DpFsSave *savePtr)
{
    DpSaveGoPath(savePtr, DP_FS_LSTAT, savePtr->target, TargetKnown);
}

/* --- the temporary file --- */

void
DpSaveOpened(DpFsSave *savePtr)
{
    savePtr->opened = true;
    DpSaveTell(savePtr);
}

static void
MaybeCopy(DpFsSave *savePtr)
{
    DpFsRequest request = {.kind = DP_FS_OPEN, .path = savePtr->target,
	.flags = DP_FS_FOR_READ};

    if (!(savePtr->flags & DP_SAVE_COPY) || savePtr->old.has == 0
	    || savePtr->placed) {
	DpSaveOpened(savePtr);
	return;
    }
    DpSaveGo(savePtr, &request, DpSaveSourceOpened);
}

/*
 * Where that is refused, as on a file system without permissions, the file has
 * those that it will have in the end.
 */
static void
TempPrivate(void *clientData, const DpFsReply *replyPtr)
{
    (void) clientData;
    (void) replyPtr;
}

static void
TempOwned(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFailBecause(savePtr, replyPtr, "its owner can't be kept");
	return;
    }
    MaybeCopy(savePtr);
}

/*
 * At once what may fail: the owner. A new file was made with its own
 * permissions, so that the host's umask is known, and is closed to others until
 * it is complete.
 */
static void
TempKnown(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    DpFsRequest request = {.kind = DP_FS_FSETSTAT,
	.filePtr = savePtr->filePtr};
    const DpFsAttr *mine = &replyPtr->attr, *old = &savePtr->old;
    const DpFsAttr *owner = savePtr->attr.has & DP_FS_OWNER ? &savePtr->attr
	    : old;
    bool known = mine->has & old->has & DP_FS_OWNER;

    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFail(savePtr, replyPtr);
	return;
    }
    if (known && mine->uid == old->uid && mine->uid != 0
	    && !(old->mode & 0200)) {
	/* To replace it would be possible, but it is not for writing. */
	DpSaveFailWith(savePtr, EACCES, NULL);
	return;
    }
    if (mine->has & owner->has & DP_FS_OWNER
	    && (mine->uid != owner->uid || mine->gid != owner->gid)) {
	request.attr.has = DP_FS_OWNER;
	request.attr.uid = owner->uid;
	request.attr.gid = owner->gid;
    }
    if (mine->has & DP_FS_MODE) {
	savePtr->newMode = mine->mode & DP_SAVE_PERM_MASK;
	if ((mine->mode & 0777) != 0600) {
	    request.attr.has |= DP_FS_MODE;
	    request.attr.mode = 0600;
	}
    }
    if (request.attr.has & DP_FS_OWNER) {
	DpSaveGo(savePtr, &request, TempOwned);
	return;
    }
    if (request.attr.has != 0) {
	/* What comes for the file comes after it: no need to wait. */
	DpFsSubmit(savePtr->fsPtr, &request, TempPrivate, NULL);
    }
    MaybeCopy(savePtr);
}

static void
TempOpened(DpFsSave *savePtr, const DpFsReply *replyPtr)
{
    savePtr->made = replyPtr->error == 0;
    savePtr->filePtr = replyPtr->filePtr;
    if (DpSaveIsOver(savePtr)) {
	return;
    }
    if (replyPtr->error == EACCES || replyPtr->error == EPERM) {
	DpSaveFailBecause(savePtr, replyPtr,
		"no temporary file can be made in its directory");
	return;
    }
    if (replyPtr->error != 0) {
	DpSaveFail(savePtr, replyPtr);
	return;
    }
    DpSaveGoFile(savePtr, DP_FS_FSTAT, savePtr->filePtr, TempKnown);
}

static void
OpenTemp(DpFsSave *savePtr)
{
    DpFsRequest request = {.kind = DP_FS_OPEN, .flags = DP_FS_FOR_WRITE
	| DP_FS_CREATE | DP_FS_EXCLUSIVE
	| (savePtr->flags & DP_SAVE_READ ? DP_FS_FOR_READ : 0u), .attr = {
	.has = DP_FS_MODE, .mode = 0600}};

    if (savePtr->temp == NULL) {
	savePtr->temp = DpFsTempName(savePtr->target);
	DpFsGuard(savePtr->fsPtr, savePtr->temp);
    }
    request.path = savePtr->temp;
    if (savePtr->old.has == 0) {
	request.attr.mode = savePtr->mode & 0777;
    }
    DpSaveGo(savePtr, &request, TempOpened);
}

DpFsSave *
DpFsSaveStart(DpFs *fsPtr, const DpFsSaveSpec *specPtr, DpFsSaveDone *opened,
	void *clientData)
{
    DpFsSave *savePtr = DpAlloc(sizeof(*savePtr));

    savePtr->fsPtr = fsPtr;
    DpFsHold(fsPtr);
    savePtr->path = DpStrdup(specPtr->path);
    savePtr->target = DpStrdup(specPtr->path);
    savePtr->flags = specPtr->flags;
    savePtr->mode = specPtr->mode;
    savePtr->attr = specPtr->attr;
    savePtr->done = opened;
    savePtr->clientData = clientData;
    Resolve(savePtr);
    return savePtr;
}

DpFsFile *
DpFsSaveFile(const DpFsSave *savePtr)
{
    return savePtr->filePtr;
}

const DpFsAttr *
DpFsSaveTarget(const DpFsSave *savePtr)
{
    return &savePtr->old;
}

bool
DpFsSaveInPlace(const DpFsSave *savePtr)
{
    return savePtr->inPlace;
}

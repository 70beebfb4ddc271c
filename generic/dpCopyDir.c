/*
 * dpCopyDir.c -- the directories of a transfer.
 *
 * Layer L3. A directory is made at the target and read at the source at the
 * same time. What is found waits as short records; the directory read last is
 * served first, so that what waits stays little however large the tree is.
 */

#include "dpCopyInt.h"

#include <errno.h>
#include <stdio.h>

/* So many directories are read at once ... */
#define LISTS 16

/* ... while fewer names than these wait. */
#define QUEUED 4096

/* A name that waits; the name itself and a NUL follow. */
typedef struct Found {
    uint64_t size;
    int64_t mtime;
    uint32_t mtimeNsec;
    uint32_t mode;
    uint32_t uid, gid;
    uint32_t length;            /* of the name with its NUL */
    uint32_t has;               /* as in DpFsAttr */
} Found;

static bool Check(DpCopyDir *dirPtr);

/* Part: names that wait. */

/* The same stack serves files and directories, by other fields. */
static void
PushFiles(DpCopyDir *dirPtr)
{
    DpCopy *copyPtr = dirPtr->copyPtr;

    if (!dirPtr->inFiles && DpBufLength(&dirPtr->files) > 0) {
	dirPtr->inFiles = true;
	dirPtr->nextFilePtr = copyPtr->fileDirPtr;
	copyPtr->fileDirPtr = dirPtr;
    }
}

static void
PushSubs(DpCopyDir *dirPtr)
{
    DpCopy *copyPtr = dirPtr->copyPtr;

    if (!dirPtr->inSubs && DpBufLength(&dirPtr->dirs) > 0) {
	dirPtr->inSubs = true;
	dirPtr->nextSubPtr = copyPtr->subDirPtr;
	copyPtr->subDirPtr = dirPtr;
    }
}

/* Out of the stacks. */
static void
Pull(DpCopyDir *dirPtr)
{
    DpCopyDir **linkPtr;

    if (dirPtr->inFiles) {
	linkPtr = &dirPtr->copyPtr->fileDirPtr;
	while (*linkPtr != dirPtr) {
	    linkPtr = &(*linkPtr)->nextFilePtr;
	}
	*linkPtr = dirPtr->nextFilePtr;
	dirPtr->inFiles = false;
    }
    if (dirPtr->inSubs) {
	linkPtr = &dirPtr->copyPtr->subDirPtr;
	while (*linkPtr != dirPtr) {
	    linkPtr = &(*linkPtr)->nextSubPtr;
	}
	*linkPtr = dirPtr->nextSubPtr;
	dirPtr->inSubs = false;
    }
}

static void
Put(DpCopyDir *dirPtr, const DpFsEntry *entryPtr)
{
    DpCopy *copyPtr = dirPtr->copyPtr;
    const DpFsAttr *attrPtr = &entryPtr->attr;
    Found found = {.size = attrPtr->size, .mtime = attrPtr->mtime,
	    .mtimeNsec = attrPtr->mtimeNsec, .mode = attrPtr->mode,
	    .uid = attrPtr->uid, .gid = attrPtr->gid,
	    .length = (uint32_t) strlen(entryPtr->name) + 1,
	    .has = attrPtr->has};
    bool isDir = (attrPtr->has & DP_FS_MODE)
	    && DP_TYPE(attrPtr->mode) == DP_TYPE_DIR;
    DpBuf *bufPtr = isDir ? &dirPtr->dirs : &dirPtr->files;

    if ((attrPtr->has & DP_FS_MODE) && DP_TYPE(attrPtr->mode) == DP_TYPE_FILE) {
	copyPtr->count.total += attrPtr->size;
    }
    DpBufAppend(bufPtr, &found, sizeof(found));
    DpBufAppend(bufPtr, entryPtr->name, found.length);
    copyPtr->numQueued++;
}

/* The first name of a queue; it is in the queue until Drop. */
static const char *
Peek(DpBuf *bufPtr, DpFsAttr *attrPtr)
{
    Found found;

    memcpy(&found, DpBufData(bufPtr), sizeof(found));
    memset(attrPtr, 0, sizeof(*attrPtr));
    attrPtr->has = found.has & (DP_FS_SIZE | DP_FS_OWNER | DP_FS_MODE
	    | DP_FS_TIMES);
    attrPtr->uid = found.uid;
    attrPtr->gid = found.gid;
    attrPtr->size = found.size;
    attrPtr->mode = found.mode;
    attrPtr->mtime = attrPtr->atime = found.mtime;
    attrPtr->mtimeNsec = attrPtr->atimeNsec = found.mtimeNsec;
    return (const char *) DpBufData(bufPtr) + sizeof(found);
}

static char *
Take(DpCopyDir *dirPtr, DpBuf *bufPtr, DpFsAttr *attrPtr)
{
    char *name = DpStrdup(Peek(bufPtr, attrPtr));

    DpBufConsume(bufPtr, sizeof(Found) + strlen(name) + 1);
    dirPtr->copyPtr->numQueued--;
    if (DpBufLength(bufPtr) == 0) {
	DpBufFree(bufPtr);
    }
    return name;
}

/* Forgets what waits. */
static void
Forget(DpCopyDir *dirPtr)
{
    DpFsAttr attr;

    Pull(dirPtr);
    while (DpBufLength(&dirPtr->files) > 0) {
	DpFree(Take(dirPtr, &dirPtr->files, &attr));
    }
    while (DpBufLength(&dirPtr->dirs) > 0) {
	DpFree(Take(dirPtr, &dirPtr->dirs, &attr));
    }
}

void
DpCopyDirLaunch(DpCopy *copyPtr)
{
    DpFsAttr attr;
    DpCopyDir *dirPtr;
    char *name;

    while ((dirPtr = copyPtr->fileDirPtr) != NULL
	    && copyPtr->numFiles < DP_COPY_FILES && !copyPtr->stopping) {
	size_t charge;

	Peek(&dirPtr->files, &attr);
	charge = DpCopyCharge(copyPtr, attr.size);
	if (copyPtr->charged + charge > copyPtr->window
		&& copyPtr->numFiles > 0) {
	    break;
	}
	/* A large one asks for each piece. */
	if (!DpCopyAllow(copyPtr, attr.size <= DP_COPY_SMALL
		? (size_t) attr.size : 0)) {
	    break;
	}
	name = Take(dirPtr, &dirPtr->files, &attr);
	if (DpBufLength(&dirPtr->files) == 0) {
	    copyPtr->fileDirPtr = dirPtr->nextFilePtr;
	    dirPtr->inFiles = false;
	}
	dirPtr->numActive++;
	DpCopyFileStart(copyPtr, dirPtr, name, &attr, charge);
	DpFree(name);
    }
    while ((dirPtr = copyPtr->subDirPtr) != NULL && !copyPtr->stopping
	    && (copyPtr->numListing == 0 ? copyPtr->numFiles == 0
		    || copyPtr->numQueued < QUEUED
		: copyPtr->numListing < LISTS
		    && copyPtr->numQueued < QUEUED)) {
	name = Take(dirPtr, &dirPtr->dirs, &attr);
	if (DpBufLength(&dirPtr->dirs) == 0) {
	    copyPtr->subDirPtr = dirPtr->nextSubPtr;
	    dirPtr->inSubs = false;
	}
	DpCopyDirStart(copyPtr, dirPtr, name, &attr, NULL);
	DpFree(name);
    }
}

/* Part: a directory. */

static void
Fail(DpCopyDir *dirPtr, const DpFs *fsPtr, const DpFsReply *replyPtr,
	const char *doing, const char *path)
{
    DpCopyDirGiveUp(dirPtr);
    DpCopyFailed(dirPtr->copyPtr, dirPtr->src, fsPtr, replyPtr, doing, path);
}

/* It can take what is in it. */
static void
Made(DpCopyDir *dirPtr)
{
    dirPtr->made = true;
    PushFiles(dirPtr);
    PushSubs(dirPtr);
    DpCopyKick(dirPtr->copyPtr);
    Check(dirPtr);
}

/* It may be there already. */
static void
LookDone(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyDir *dirPtr = clientData;
    DpFsReply reply = {.error = ENOTDIR};

    dirPtr->makeOpPtr = NULL;
    if (dirPtr->given) {
	Check(dirPtr);
	return;
    }
    if (replyPtr->error == 0
	    && DP_TYPE(replyPtr->attr.mode) == DP_TYPE_DIR) {
	Made(dirPtr);
	return;
    }
    if (replyPtr->error != 0) {
	reply = *replyPtr;
    } else if (DP_TYPE(replyPtr->attr.mode) == DP_TYPE_LINK) {
	reply.message = "there is a symbolic link, which is not followed"
		" inside of a tree";
    } else {
	reply.message = "there is something else of that name";
    }
    Fail(dirPtr, dirPtr->copyPtr->dstPtr, &reply, "make directory",
	    dirPtr->dst);
    Check(dirPtr);
}

static void
MakeDone(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyDir *dirPtr = clientData;
    DpCopy *copyPtr = dirPtr->copyPtr;
    DpFsRequest request = {.kind = DP_FS_LSTAT, .path = dirPtr->dst};

    dirPtr->makeOpPtr = NULL;
    if (dirPtr->given) {
	Check(dirPtr);
	return;
    }
    if (replyPtr->error == 0) {
	dirPtr->fresh = true;
	copyPtr->count.dirs++;
	Made(dirPtr);
	return;
    }
    if (dirPtr->parentPtr != NULL && !dirPtr->parentPtr->fresh
	    && replyPtr->error != ECONNRESET) {
	dirPtr->makeOpPtr = DpFsSubmit(copyPtr->dstPtr, &request, LookDone,
		dirPtr);
	return;
    }
    Fail(dirPtr, copyPtr->dstPtr, replyPtr, "make directory", dirPtr->dst);
    Check(dirPtr);
}

/*
 * Whether NAME is that of the tree that is being made, which nobody else knows:
 * the source and the target are the same machine, reached in two ways.
 */
static bool
IsStage(const DpCopy *copyPtr, const char *name)
{
    const char *slash;

    if (copyPtr->stage == NULL) {
	return false;
    }
    slash = strrchr(copyPtr->stage, '/');
    return strcmp(name, slash != NULL ? slash + 1 : copyPtr->stage) == 0;
}

static void
Entry(DpCopyDir *dirPtr, const DpFsEntry *entryPtr)
{
    const char *name = entryPtr->name;
    DpFsReply reply = {.error = EPROTO};

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
	return;
    }
    if (DpBufLength(&dirPtr->files) + DpBufLength(&dirPtr->dirs)
	    > dirPtr->copyPtr->spec.names) {
	reply.message = "there is no end to the names in it";
	Fail(dirPtr, dirPtr->copyPtr->srcPtr, &reply, "read directory",
		dirPtr->src);
	return;
    }
    if (IsStage(dirPtr->copyPtr, name)) {
	reply.error = EINVAL;
	reply.message = "it is in the directory that is to be copied";
	Fail(dirPtr, dirPtr->copyPtr->dstPtr, &reply, "copy a directory to",
		dirPtr->copyPtr->dst);
	return;
    }
    if (name[0] != '\0' && strchr(name, '/') == NULL) {
	Put(dirPtr, entryPtr);
	return;
    }
    reply.message = "the host names a file in it that cannot be in a"
	    " directory; nothing of that name was copied";
    DpCopyFailed(dirPtr->copyPtr, dirPtr->src, dirPtr->copyPtr->srcPtr,
	    &reply, "read directory", dirPtr->src);
}

static void
ListDone(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyDir *dirPtr = clientData;
    DpCopy *copyPtr = dirPtr->copyPtr;

    if (!replyPtr->more) {
	dirPtr->listOpPtr = NULL;
	dirPtr->listed = true;
	copyPtr->numListing--;
    }
    for (int i = 0; i < replyPtr->numEntries && !dirPtr->given; i++) {
	Entry(dirPtr, &replyPtr->entries[i]);
    }
    if (!dirPtr->given && replyPtr->error != 0) {
	Fail(dirPtr, copyPtr->srcPtr, replyPtr, "read directory",
		dirPtr->src);
    }
    if (!dirPtr->given && dirPtr->made) {
	PushFiles(dirPtr);
	PushSubs(dirPtr);
    }
    DpCopyKick(copyPtr);
    if (!replyPtr->more || dirPtr->given) {
	Check(dirPtr);
    }
}

void
DpCopyDirStart(DpCopy *copyPtr, DpCopyDir *parentPtr, const char *name,
	const DpFsAttr *attrPtr, char *real)
{
    DpCopyDir *dirPtr = DpAlloc(sizeof(*dirPtr));
    DpFsRequest request = {.kind = DP_FS_LIST};

    dirPtr->copyPtr = copyPtr;
    dirPtr->parentPtr = parentPtr;
    dirPtr->attr = *attrPtr;
    dirPtr->real = real;
    dirPtr->nextPtr = copyPtr->firstDirPtr;
    if (dirPtr->nextPtr != NULL) {
	dirPtr->nextPtr->prevPtr = dirPtr;
    }
    copyPtr->firstDirPtr = dirPtr;
    if (parentPtr != NULL) {
	parentPtr->numActive++;
	dirPtr->depth = parentPtr->depth + 1;
	dirPtr->src = DpCopyJoin(parentPtr->src, name);
	dirPtr->dst = DpCopyJoin(parentPtr->dst, name);
	request.kind = DP_FS_MKDIR;
	request.path = dirPtr->dst;
	request.attr.has = DP_FS_MODE;
	request.attr.mode = ((attrPtr->has & DP_FS_MODE)
		? attrPtr->mode & 0777 : 0777) | 0700;
	dirPtr->makeOpPtr = DpFsSubmit(copyPtr->dstPtr, &request, MakeDone,
		dirPtr);
    } else {
	dirPtr->src = DpStrdup(copyPtr->spec.src);
	dirPtr->dst = DpStrdup(copyPtr->stage != NULL ? copyPtr->stage
		: copyPtr->dst);
	dirPtr->made = true;
	dirPtr->fresh = !copyPtr->exists;
	if (dirPtr->fresh) {
	    copyPtr->count.dirs++;
	}
    }
    if (dirPtr->depth > DP_COPY_DEPTH) {
	DpFsReply reply = {.error = ELOOP,
		.message = "there are too many directories inside each other"};

	Fail(dirPtr, copyPtr->srcPtr, &reply, "copy directory", dirPtr->src);
	DpCopyKick(copyPtr);
	return;
    }
    request.kind = DP_FS_LIST;
    request.path = dirPtr->src;
    copyPtr->numListing++;
    dirPtr->listOpPtr = DpFsSubmit(copyPtr->srcPtr, &request, ListDone,
	    dirPtr);
}

void
DpCopyDirGiveUp(DpCopyDir *dirPtr)
{
    dirPtr->given = true;
    if (dirPtr->listOpPtr != NULL) {
	DpFsCancel(dirPtr->listOpPtr);
	dirPtr->listOpPtr = NULL;
	dirPtr->copyPtr->numListing--;
    }
    dirPtr->listed = true;
    Forget(dirPtr);
}

void
DpCopyDirFree(DpCopyDir *dirPtr)
{
    DpCopy *copyPtr = dirPtr->copyPtr;

    DpCopyDirGiveUp(dirPtr);
    if (dirPtr->makeOpPtr != NULL) {
	DpFsCancel(dirPtr->makeOpPtr);
    }
    if (dirPtr->endOpPtr != NULL) {
	DpFsCancel(dirPtr->endOpPtr);
    }
    if (dirPtr->prevPtr != NULL) {
	dirPtr->prevPtr->nextPtr = dirPtr->nextPtr;
    } else {
	copyPtr->firstDirPtr = dirPtr->nextPtr;
    }
    if (dirPtr->nextPtr != NULL) {
	dirPtr->nextPtr->prevPtr = dirPtr->prevPtr;
    }
    DpBufFree(&dirPtr->files);
    DpBufFree(&dirPtr->dirs);
    DpFree(dirPtr->src);
    DpFree(dirPtr->dst);
    DpFree(dirPtr->real);
    DpFree(dirPtr);
}

/* It is complete: its parent has one child less. */
static void
End(DpCopyDir *dirPtr)
{
    DpCopyDir *parentPtr = dirPtr->parentPtr;

    DpCopyKick(dirPtr->copyPtr);
    DpCopyDirFree(dirPtr);
    if (parentPtr != NULL) {
	DpCopyDirLeft(parentPtr);
    }
}

static void
EndDone(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyDir *dirPtr = clientData;

    dirPtr->endOpPtr = NULL;
    if (replyPtr->error != 0 && !dirPtr->given) {
	Fail(dirPtr, dirPtr->copyPtr->dstPtr, replyPtr, "set the mode of",
		dirPtr->dst);
    }
    End(dirPtr);
}

/*
 * Ends it when nothing more is to come; before, it is given its mode and times
 * where these are not right already. Returns whether it is gone.
 */
static bool
Check(DpCopyDir *dirPtr)
{
    DpCopy *copyPtr = dirPtr->copyPtr;
    DpFsRequest request = {.kind = DP_FS_SETSTAT, .path = dirPtr->dst};

    if (!dirPtr->listed || dirPtr->numActive > 0 || dirPtr->makeOpPtr != NULL
	    || dirPtr->endOpPtr != NULL || DpBufLength(&dirPtr->files) > 0
	    || DpBufLength(&dirPtr->dirs) > 0) {
	return false;
    }
    if (!dirPtr->given && (dirPtr->parentPtr != NULL
		|| copyPtr->stage == NULL)
	    && (copyPtr->spec.preserve
		|| (dirPtr->fresh && (dirPtr->parentPtr == NULL
		    || ((dirPtr->attr.has & DP_FS_MODE)
			&& (dirPtr->attr.mode & 0700) != 0700))))) {
	request.attr = DpCopyFinal(copyPtr, &dirPtr->attr, NULL);
	dirPtr->endOpPtr = DpFsSubmit(copyPtr->dstPtr, &request, EndDone,
		dirPtr);
	return false;
    }
    End(dirPtr);
    return true;
}

void
DpCopyDirLeft(DpCopyDir *dirPtr)
{
    dirPtr->numActive--;
    Check(dirPtr);
}

void
DpCopyDirSweep(DpCopy *copyPtr)
{
    DpCopyDir *dirPtr = copyPtr->firstDirPtr;

    while (dirPtr != NULL) {
	/* Its end may have been that of others, too. */
	dirPtr = Check(dirPtr) ? copyPtr->firstDirPtr : dirPtr->nextPtr;
    }
}

bool
DpCopyDirLoops(DpCopyDir *dirPtr, const char *real)
{
    size_t length = strlen(real);
    char *path;
    DpCopyDir *basePtr = dirPtr;
    bool loops;

    while (basePtr->real == NULL && basePtr->parentPtr != NULL) {
	basePtr = basePtr->parentPtr;
    }
    if (basePtr->real == NULL) {
	return false;
    }
    /* Where dirPtr really is: below the last link on the way to it. */
    path = strlen(dirPtr->src) == strlen(basePtr->src)
	    ? DpStrdup(basePtr->real)
	    : DpCopyJoin(basePtr->real, dirPtr->src + strlen(basePtr->src)
		    + (dirPtr->src[strlen(basePtr->src)] == '/'));
    loops = strncmp(path, real, length) == 0
	    && (path[length] == '\0' || path[length] == '/'
		|| (length > 0 && real[length - 1] == '/'));
    DpFree(path);
    return loops;
}

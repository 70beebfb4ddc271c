/*
 * dpCopyBegin.c -- the begin of a transfer, up to where its files go; the place
 * of a new tree.
 *
 * Layer L3. One operation after the other, each for one state.
 */

#include "dpCopyInt.h"

#include <errno.h>

/* So many links are followed from a target to what it stands for. */
#define MAX_HOPS 20

static void StateDone(void *clientData, const DpFsReply *replyPtr);
static void LookInside(DpCopy *copyPtr);

static void
Submit(DpCopy *copyPtr, DpCopyState state, DpFs *fsPtr,
	const DpFsRequest *requestPtr)
{
    copyPtr->state = state;
    copyPtr->opPtr = DpFsSubmit(fsPtr, requestPtr, StateDone, copyPtr);
}

static void
SubmitPath(DpCopy *copyPtr, DpCopyState state, DpFs *fsPtr, DpFsKind kind,
	const char *path)
{
    DpFsRequest request = {.kind = kind, .path = path};

    Submit(copyPtr, state, fsPtr, &request);
}

/* MKDIR with all permissions: what is missing then is the umask. */
static void
SubmitDir(DpCopy *copyPtr, DpCopyState state, const char *path)
{
    DpFsRequest request = {.kind = DP_FS_MKDIR, .path = path};

    request.attr.has = DP_FS_MODE;
    request.attr.mode = 0777;
    Submit(copyPtr, state, copyPtr->dstPtr, &request);
}

static void
Run(DpCopy *copyPtr)
{
    copyPtr->state = DP_COPY_RUN;
    if (DP_TYPE(copyPtr->attr.mode) == DP_TYPE_DIR) {
	DpCopyDirStart(copyPtr, NULL, NULL, &copyPtr->attr, copyPtr->real);
	copyPtr->real = NULL;
    } else {
	copyPtr->count.total = copyPtr->attr.size;
	copyPtr->count.walked = true;
	DpCopyFileStart(copyPtr, NULL, NULL, &copyPtr->attr,
		copyPtr->window);
    }
}

/* Finds out the umask and the owner of new files where that is needed. */
static void
Probe(DpCopy *copyPtr)
{
    bool isTree = DP_TYPE(copyPtr->attr.mode) == DP_TYPE_DIR;
    char *inside;

    if (isTree && !copyPtr->exists) {
	if (!copyPtr->spec.resume) {
	    copyPtr->stage = DpFsTempName(copyPtr->dst);
	}
	/* Else what is there already is to outlive a failure. */
	SubmitDir(copyPtr, DP_COPY_STAGE, copyPtr->stage != NULL
		? copyPtr->stage : copyPtr->dst);
	return;
    }
    if (copyPtr->umask >= 0 && copyPtr->uid >= 0) {
	Run(copyPtr);
	return;
    }
    if (!isTree && !copyPtr->spec.preserve && !copyPtr->spec.resume) {
	/* Nobody needs them: see DpCopyFileMasked. */
	Run(copyPtr);
	return;
    }
    inside = isTree ? DpCopyJoin(copyPtr->dst, "probe") : NULL;
    copyPtr->probe = DpFsTempName(isTree ? inside : copyPtr->dst);
    DpFree(inside);
    SubmitDir(copyPtr, DP_COPY_PROBE, copyPtr->probe);
}

static void
Learn(DpCopy *copyPtr, const DpFsAttr *attrPtr)
{
    if (attrPtr->has & DP_FS_MODE) {
	copyPtr->umask = (int) (~attrPtr->mode & 0777);
    }
    if (attrPtr->has & DP_FS_OWNER) {
	copyPtr->uid = attrPtr->uid;
    }
}

/* The transfer cannot be: the failure is that of the source as named. */
static void
Fail(DpCopy *copyPtr, const DpFs *fsPtr, int error, const char *message,
	const char *doing, const char *path)
{
    DpFsReply reply = {.error = error, .message = message};

    DpCopyFailed(copyPtr, copyPtr->spec.src, fsPtr, &reply, doing, path);
    DpCopyFinish(copyPtr);
}

static void
FailReply(DpCopy *copyPtr, const DpFs *fsPtr, const DpFsReply *replyPtr,
	const char *doing, const char *path)
{
    DpCopyFailed(copyPtr, copyPtr->spec.src, fsPtr, replyPtr, doing, path);
    DpCopyFinish(copyPtr);
}

static void
GotSource(DpCopy *copyPtr, const DpFsReply *replyPtr)
{
    uint32_t type = DP_TYPE(replyPtr->attr.mode);

    if (replyPtr->error == ENOENT) {
	SubmitPath(copyPtr, DP_COPY_MISSING, copyPtr->srcPtr, DP_FS_LSTAT,
		copyPtr->spec.src);
	return;
    }
    if (replyPtr->error != 0) {
	FailReply(copyPtr, copyPtr->srcPtr, replyPtr, "read",
		copyPtr->spec.src);
	return;
    }
    copyPtr->attr = replyPtr->attr;
    if (type == DP_TYPE_DIR && !copyPtr->spec.recursive) {
	Fail(copyPtr, copyPtr->srcPtr, EISDIR,
		"it is a directory, which -recursive copies", "copy",
		copyPtr->spec.src);
    } else if (type != DP_TYPE_DIR && type != DP_TYPE_FILE) {
	Fail(copyPtr, copyPtr->srcPtr, ENOTSUP,
		"it is neither a file nor a directory", "copy",
		copyPtr->spec.src);
    } else if (type == DP_TYPE_DIR) {
	/* For links that lead up the tree, and a target that is in it. */
	SubmitPath(copyPtr, DP_COPY_REAL, copyPtr->srcPtr, DP_FS_REALPATH,
		copyPtr->spec.src);
    } else {
	SubmitPath(copyPtr, DP_COPY_TARGET, copyPtr->dstPtr, DP_FS_LSTAT,
		copyPtr->dst);
    }
}

/* Something is there after all: a link to what is not. */
static void
GotMissing(DpCopy *copyPtr, const DpFsReply *replyPtr)
{
    bool isLink = replyPtr->error == 0
	    && DP_TYPE(replyPtr->attr.mode) == DP_TYPE_LINK;

    Fail(copyPtr, copyPtr->srcPtr, replyPtr->error != 0 ? replyPtr->error
	    : ENOENT, isLink ? "it is a symbolic link that leads nowhere"
	    : replyPtr->message, "read", copyPtr->spec.src);
}

static void
GotTarget(DpCopy *copyPtr, const DpFsReply *replyPtr)
{
    bool isTree = DP_TYPE(copyPtr->attr.mode) == DP_TYPE_DIR;
    uint32_t type = DP_TYPE(replyPtr->attr.mode);

    if (replyPtr->error == ENOENT) {
	copyPtr->exists = false;
	if (isTree) {
	    LookInside(copyPtr);
	} else {
	    Probe(copyPtr);
	}
	return;
    }
    if (replyPtr->error != 0) {
	FailReply(copyPtr, copyPtr->dstPtr, replyPtr, "write to",
		copyPtr->dst);
	return;
    }
    if (type == DP_TYPE_LINK) {
	SubmitPath(copyPtr, DP_COPY_LINK, copyPtr->dstPtr, DP_FS_READLINK,
		copyPtr->dst);
	return;
    }
    if (type == DP_TYPE_DIR && copyPtr->spec.into != NULL) {
	char *path = DpCopyJoin(copyPtr->dst, copyPtr->spec.into);

	DpFree(copyPtr->dst);
	copyPtr->dst = path;
	DpFree((char *) copyPtr->spec.into);
	copyPtr->spec.into = NULL;
	SubmitPath(copyPtr, DP_COPY_TARGET, copyPtr->dstPtr, DP_FS_LSTAT,
		copyPtr->dst);
	return;
    }
    copyPtr->exists = true;
    copyPtr->old = replyPtr->attr;
    if (isTree && type != DP_TYPE_DIR) {
	Fail(copyPtr, copyPtr->dstPtr, ENOTDIR,
		"it exists and is no directory", "copy a directory to",
		copyPtr->dst);
    } else if (!isTree && type == DP_TYPE_DIR) {
	Fail(copyPtr, copyPtr->dstPtr, EISDIR, "it is a directory",
		"copy a file to", copyPtr->dst);
    } else if (!isTree && type != DP_TYPE_FILE) {
	Fail(copyPtr, copyPtr->dstPtr, ENOTSUP, "it is neither a file nor a"
		" directory, and nothing replaces it", "write to",
		copyPtr->dst);
    } else if (isTree) {
	LookInside(copyPtr);
    } else {
	Probe(copyPtr);
    }
}

/* A tree that is copied into itself would have no end. */
static void
LookInside(DpCopy *copyPtr)
{
    char *slash, *path = DpStrdup(copyPtr->dst);

    if (copyPtr->real == NULL || !(copyPtr->srcPtr == copyPtr->dstPtr
	    || (copyPtr->srcPtr->native && copyPtr->dstPtr->native))) {
	DpFree(path);
	Probe(copyPtr);
	return;
    }
    slash = strrchr(path, '/');
    if (!copyPtr->exists && slash != NULL) {
	slash[slash == path] = '\0';
    }
    SubmitPath(copyPtr, DP_COPY_INSIDE, copyPtr->dstPtr, DP_FS_REALPATH,
	    !copyPtr->exists && slash == NULL ? "." : path);
    DpFree(path);
}

static void
GotInside(DpCopy *copyPtr, const DpFsReply *replyPtr)
{
    size_t length = strlen(copyPtr->real);
    const char *path = (const char *) replyPtr->bytes;

    /* An error will come again when the tree is made. */
    if (replyPtr->error == 0 && strncmp(path, copyPtr->real, length) == 0
	    && (path[length] == '\0' || path[length] == '/'
		|| copyPtr->real[length - 1] == '/')) {
	Fail(copyPtr, copyPtr->dstPtr, EINVAL,
		"it is in the directory that is to be copied",
		"copy a directory to", copyPtr->dst);
	return;
    }
    Probe(copyPtr);
}

/* The target is a link: what it stands for is replaced, and need not exist. */
static void
GotLink(DpCopy *copyPtr, const DpFsReply *replyPtr)
{
    const char *text = (const char *) replyPtr->bytes;
    char *path, *slash;

    if (replyPtr->error != 0) {
	FailReply(copyPtr, copyPtr->dstPtr, replyPtr, "write to",
		copyPtr->dst);
	return;
    }
    if (++copyPtr->hops > MAX_HOPS || replyPtr->count == 0) {
	Fail(copyPtr, copyPtr->dstPtr, ELOOP, NULL, "write to",
		copyPtr->dst);
	return;
    }
    slash = strrchr(copyPtr->dst, '/');
    if (text[0] == '/' || slash == NULL) {
	path = DpStrdup(text);
    } else {
	slash[1] = '\0';
	path = DpCopyJoin(copyPtr->dst, text);
    }
    DpFree(copyPtr->dst);
    copyPtr->dst = path;
    SubmitPath(copyPtr, DP_COPY_TARGET, copyPtr->dstPtr, DP_FS_LSTAT, path);
}

static void
GotStage(DpCopy *copyPtr, const DpFsReply *replyPtr)
{
    if (replyPtr->error != 0) {
	DpFree(copyPtr->stage);
	copyPtr->stage = NULL;
	FailReply(copyPtr, copyPtr->dstPtr, replyPtr, "make directory",
		copyPtr->dst);
	return;
    }
    if (copyPtr->stage != NULL) {
	DpFsGuard(copyPtr->dstPtr, copyPtr->stage);
    }
    SubmitPath(copyPtr, DP_COPY_STAGED, copyPtr->dstPtr, DP_FS_LSTAT,
	    copyPtr->stage != NULL ? copyPtr->stage : copyPtr->dst);
}

static void
GotStaged(DpCopy *copyPtr, const DpFsReply *replyPtr)
{
    DpFsRequest request = {.kind = DP_FS_SETSTAT, .path = copyPtr->stage};

    if (replyPtr->error != 0) {
	FailReply(copyPtr, copyPtr->dstPtr, replyPtr, "make directory",
		copyPtr->dst);
	return;
    }
    Learn(copyPtr, &replyPtr->attr);
    request.attr.has = DP_FS_MODE;
    request.attr.mode = 0700;
    if (copyPtr->stage == NULL) {
	request.path = copyPtr->dst;
	request.attr.mode |= DpCopyFinal(copyPtr, &copyPtr->attr, NULL).mode;
    }
    Submit(copyPtr, DP_COPY_CLOSED, copyPtr->dstPtr, &request);
}

/* Everything is there: the tree gets its mode, then its name. */
void
DpCopySeal(DpCopy *copyPtr)
{
    DpFsRequest request = {.kind = DP_FS_SETSTAT, .path = copyPtr->stage};

    request.attr = DpCopyFinal(copyPtr, &copyPtr->attr, NULL);
    Submit(copyPtr, DP_COPY_SEAL, copyPtr->dstPtr, &request);
}

static void
GotSealed(DpCopy *copyPtr, const DpFsReply *replyPtr)
{
    DpFsRequest request = {.kind = DP_FS_RENAME, .path = copyPtr->stage,
	    .path2 = copyPtr->dst};

    if (replyPtr->error != 0) {
	FailReply(copyPtr, copyPtr->dstPtr, replyPtr, "set the mode of",
		copyPtr->dst);
	return;
    }
    Submit(copyPtr, DP_COPY_PLACE, copyPtr->dstPtr, &request);
}

static void
StateDone(void *clientData, const DpFsReply *replyPtr)
{
    DpCopy *copyPtr = clientData;
    DpCopyState state = copyPtr->state;

    copyPtr->opPtr = NULL;
    if (state == DP_COPY_PLACE && replyPtr->error == 0) {
	DpFree(copyPtr->stage);
	copyPtr->stage = NULL;
	DpCopyFinish(copyPtr);
	return;
    }
    if (state == DP_COPY_STAGE && replyPtr->error != 0) {
	GotStage(copyPtr, replyPtr);
	return;
    }
    if (copyPtr->stopping && state != DP_COPY_PROBE
	    && state != DP_COPY_PROBED) {
	/* Cancelled meanwhile. */
	DpCopyFinish(copyPtr);
	return;
    }
    switch (state) {
    case DP_COPY_SOURCE:
	GotSource(copyPtr, replyPtr);
	break;
    case DP_COPY_MISSING:
	GotMissing(copyPtr, replyPtr);
	break;
    case DP_COPY_REAL:
	if (replyPtr->error == 0) {
	    copyPtr->real = DpStrdup((const char *) replyPtr->bytes);
	}
	SubmitPath(copyPtr, DP_COPY_TARGET, copyPtr->dstPtr, DP_FS_LSTAT,
		copyPtr->dst);
	break;
    case DP_COPY_TARGET:
	GotTarget(copyPtr, replyPtr);
	break;
    case DP_COPY_LINK:
	GotLink(copyPtr, replyPtr);
	break;
    case DP_COPY_INSIDE:
	GotInside(copyPtr, replyPtr);
	break;
    case DP_COPY_STAGE:
	GotStage(copyPtr, replyPtr);
	break;
    case DP_COPY_STAGED:
	GotStaged(copyPtr, replyPtr);
	break;
    case DP_COPY_PROBE:
	if (replyPtr->error != 0 && copyPtr->stopping) {
	    DpCopyFinish(copyPtr);
	} else if (replyPtr->error != 0) {
	    /* The reason will be that of the file, too. */
	    Run(copyPtr);
	} else {
	    SubmitPath(copyPtr, DP_COPY_PROBED, copyPtr->dstPtr, DP_FS_LSTAT,
		    copyPtr->probe);
	}
	break;
    case DP_COPY_PROBED:
	if (replyPtr->error == 0) {
	    Learn(copyPtr, &replyPtr->attr);
	}
	SubmitPath(copyPtr, DP_COPY_UNPROBE, copyPtr->dstPtr, DP_FS_RMDIR,
		copyPtr->probe);
	break;
    case DP_COPY_CLOSED:
	if (replyPtr->error != 0) {
	    FailReply(copyPtr, copyPtr->dstPtr, replyPtr, "make directory",
		    copyPtr->dst);
	} else {
	    Run(copyPtr);
	}
	break;
    case DP_COPY_UNPROBE:
	Run(copyPtr);
	break;
    case DP_COPY_SEAL:
	GotSealed(copyPtr, replyPtr);
	break;
    case DP_COPY_PLACE:
	FailReply(copyPtr, copyPtr->dstPtr, replyPtr, "make directory",
		copyPtr->dst);
	break;
    default:
	break;
    }
}

void
DpCopyBegin(DpCopy *copyPtr)
{
    SubmitPath(copyPtr, DP_COPY_SOURCE, copyPtr->srcPtr, DP_FS_STAT,
	    copyPtr->spec.src);
}

/*
 * dpSftp.c -- the operations of a file system by SFTP.
 *
 * Layer L2. Each is one request and its answer, save those that say otherwise;
 * lists are in dpSftpList.c, and what a failure means is in dpSftpWhy.c.
 */

#include "dpSftpInt.h"

#include <errno.h>

/* Room for what a request has besides its paths and bytes. */
#define REQUEST_SIZE 400

/* OpenSSH's server ends itself at a message above 256 KiB, two paths in it. */
#define PATH_MOST (64 * 1024)

/* Several requests that make one operation; the first that fails tells why. */
typedef struct Join {
    DpFsOp *opPtr;
    DpSftpFile *filePtr;        /* held, or NULL */
    int left;
    uint32_t status;
    char text[DP_SFTP_TEXT];
    bool lost;
} Join;

/* --- files --- */

void
DpSftpFileHold(DpSftpFile *filePtr)
{
    filePtr->refCount++;
}

void
DpSftpFileDrop(DpSftpFile *filePtr)
{
    if (--filePtr->refCount > 0) {
	return;
    }
    DpSftpConnDrop(filePtr->connPtr);
    DpFree(filePtr->path);
    DpFree(filePtr);
}

static void
Ignore(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    (void) connPtr;
    (void) data;
    (void) replyPtr;
}

/* Asks the server to close; what it answers goes to done. */
static void
SendClose(DpSftpFile *filePtr, DpSftpDone *done, void *data)
{
    DpSftpConn *connPtr = filePtr->connPtr;
    size_t at;
    DpBuf *bufPtr = DpSftpCallBegin(connPtr, DP_FXP_CLOSE, REQUEST_SIZE,
	    done, data, &at);

    DpSftpPutHandle(bufPtr, &filePtr->handle);
    filePtr->closed = true;
    connPtr->numHandles--;
    DpSftpCallSend(connPtr, bufPtr, at);
}

/* Its owner has no file any more. */
static void
ReleaseFile(DpSftpFile *filePtr)
{
    DpFsFileDone(&filePtr->file);
    DpSftpFileDrop(filePtr);
}

static void
CloseFile(DpFsFile *fsFilePtr)
{
    DpSftpFile *filePtr = (DpSftpFile *) fsFilePtr;

    if (!filePtr->closed && filePtr->connPtr->state == DP_SFTP_READY) {
	SendClose(filePtr, Ignore, NULL);
    }
    ReleaseFile(filePtr);
}

static DpSftpFile *
NewFile(DpSftpConn *connPtr, const DpSftpReply *replyPtr, const char *path)
{
    DpSftpFile *filePtr = DpAlloc(sizeof(*filePtr));

    DpFsFileInit(&filePtr->file, &connPtr->sftpPtr->fs);
    filePtr->refCount = 1;
    filePtr->connPtr = connPtr;
    DpSftpConnHold(connPtr);
    filePtr->handle.length = (uint16_t) replyPtr->count;
    memcpy(filePtr->handle.bytes, replyPtr->bytes, replyPtr->count);
    filePtr->path = DpStrdup(path);
    return filePtr;
}

/* --- answers --- */

void
DpSftpLostOp(DpSftpConn *connPtr, DpFsOp *opPtr)
{
    DpFsReplyError(opPtr, connPtr->lostErrno, connPtr->lostText);
}

/* The file of an operation, which is given back when it is answered. */
static DpSftpFile *
FileOf(DpFsOp *opPtr)
{
    DpSftpFile *filePtr = opPtr->data;

    opPtr->data = NULL;
    return filePtr;
}

/*
 * What came is not of the type wanted. STATUS: the operation failed. NULL: it
 * is lost. Else the server does not know what it was asked. Answers.
 */
static void
Otherwise(DpSftpConn *connPtr, DpFsOp *opPtr, DpSftpFile *filePtr,
	const DpSftpReply *replyPtr)
{
    if (replyPtr != NULL && replyPtr->type == DP_FXP_STATUS
	    && replyPtr->status != DP_FX_OK) {
	DpSftpWhy(connPtr, opPtr, filePtr, replyPtr);
	return;
    }
    if (replyPtr != NULL) {
	DpSftpConnBreak(connPtr, "an answer that does not fit the question");
    }
    DpSftpLostOp(connPtr, opPtr);
}

static bool
IsOk(const DpSftpReply *replyPtr)
{
    return replyPtr != NULL && replyPtr->type == DP_FXP_STATUS
	    && replyPtr->status == DP_FX_OK;
}

static void
GotStatus(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    DpFsOp *opPtr = data;
    DpSftpFile *filePtr = FileOf(opPtr);

    if (IsOk(replyPtr)) {
	DpFsReplyError(opPtr, 0, NULL);
    } else {
	Otherwise(connPtr, opPtr, filePtr, replyPtr);
    }
    if (filePtr != NULL) {
	DpSftpFileDrop(filePtr);
    }
}

static void
GotClosed(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    DpFsOp *opPtr = data;
    DpSftpFile *filePtr = FileOf(opPtr);

    ReleaseFile(filePtr);
    opPtr->request.filePtr = NULL;
    opPtr->data = filePtr;
    GotStatus(connPtr, opPtr, replyPtr);
}

static void
GotAttr(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    DpFsOp *opPtr = data;
    DpSftpFile *filePtr = FileOf(opPtr);

    if (replyPtr != NULL && replyPtr->type == DP_FXP_ATTRS) {
	DpFsReply reply = {.attr = replyPtr->attr};

	DpFsReplyTo(opPtr, &reply);
    } else {
	Otherwise(connPtr, opPtr, filePtr, replyPtr);
    }
    if (filePtr != NULL) {
	DpSftpFileDrop(filePtr);
    }
}

static void
GotHandle(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    DpFsOp *opPtr = data;

    if (replyPtr != NULL && replyPtr->type == DP_FXP_HANDLE) {
	DpFsReply reply = {0};

	reply.filePtr = &NewFile(connPtr, replyPtr, opPtr->request.path)
		->file;
	DpFsReplyTo(opPtr, &reply);
	return;
    }
    connPtr->numHandles--;
    Otherwise(connPtr, opPtr, NULL, replyPtr);
}

static void
GotData(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    DpFsOp *opPtr = data;
    DpSftpFile *filePtr = FileOf(opPtr);

    if (replyPtr != NULL && replyPtr->type == DP_FXP_DATA
	    && replyPtr->count <= opPtr->request.count
	    && (replyPtr->count > 0 || opPtr->request.count == 0)) {
	DpFsReply reply = {.bytes = replyPtr->bytes, .count = replyPtr->count};

	DpFsReplyTo(opPtr, &reply);
    } else if (replyPtr != NULL && replyPtr->type == DP_FXP_STATUS
	    && replyPtr->status == DP_FX_EOF) {
	DpFsReplyError(opPtr, 0, NULL);
    } else {
	/* No bytes would look like the end of the file. */
	Otherwise(connPtr, opPtr, filePtr, replyPtr);
    }
    DpSftpFileDrop(filePtr);
}

/* READLINK and REALPATH: one name. */
static void
GotName(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    DpFsOp *opPtr = data;

    if (replyPtr != NULL && replyPtr->type == DP_FXP_NAME
	    && replyPtr->numNames == 1) {
	DpSftpReply names = *replyPtr;
	DpFsEntry entry;
	DpFsReply reply = {0};

	if (!DpSftpGetName(&names, &entry, &reply.count)) {
	    DpSftpConnBreak(connPtr, "a name that is cut short");
	    DpSftpLostOp(connPtr, opPtr);
	    return;
	}
	reply.bytes = (const unsigned char *) entry.name;
	DpFsReplyTo(opPtr, &reply);
    } else {
	Otherwise(connPtr, opPtr, NULL, replyPtr);
    }
}

static void
GotSpace(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    DpFsOp *opPtr = data;

    if (replyPtr != NULL && replyPtr->type == DP_FXP_EXTENDED_REPLY) {
	DpWire wire = replyPtr->rest;
	DpFsReply reply = {0};

	if (!DpSftpGetSpace(&wire, &reply.space)) {
	    DpSftpConnBreak(connPtr, "an answer that is cut short");
	    DpSftpLostOp(connPtr, opPtr);
	    return;
	}
	DpFsReplyTo(opPtr, &reply);
    } else {
	Otherwise(connPtr, opPtr, NULL, replyPtr);
    }
}

static void
GotPart(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    Join *joinPtr = data;
    DpFsOp *opPtr = joinPtr->opPtr;

    if (replyPtr != NULL && replyPtr->type != DP_FXP_STATUS) {
	/* Those that are still under way are told of the end in here. */
	joinPtr->lost = true;
	DpSftpConnBreak(connPtr, "an answer that does not fit the question");
    } else if (replyPtr == NULL) {
	joinPtr->lost = true;
    } else if (replyPtr->status != DP_FX_OK
	    && joinPtr->status == DP_FX_OK) {
	char text[DP_SFTP_TEXT];

	joinPtr->status = replyPtr->status;
	if (DpSftpText(replyPtr, text) != NULL) {
	    memcpy(joinPtr->text, text, sizeof(text));
	}
    }
    if (--joinPtr->left > 0) {
	return;
    }
    if (joinPtr->lost) {
	DpSftpLostOp(connPtr, opPtr);
    } else if (joinPtr->status == DP_FX_OK) {
	DpFsReplyError(opPtr, 0, NULL);
    } else {
	DpSftpReply reply = {.type = DP_FXP_STATUS, .status = joinPtr->status,
		.bytes = (unsigned char *) joinPtr->text,
		.count = strlen(joinPtr->text)};

	DpSftpWhy(connPtr, opPtr, joinPtr->filePtr, &reply);
    }
    if (joinPtr->filePtr != NULL) {
	DpSftpFileDrop(joinPtr->filePtr);
    }
    DpFree(joinPtr);
}

/* --- requests --- */

/* An operation that is over before anything was sent. */
static void
Refuse(DpFsOp *opPtr, int error)
{
    if (opPtr->inSubmit) {
	DpFsReplyLater(opPtr, error);
    } else {
	DpFsReplyError(opPtr, error, NULL);
    }
}

/* Requests with one path or two, and attributes. */
static void
SendPaths(DpSftpConn *connPtr, DpSftpType type, const char *extension,
	const char *path, const char *path2, const DpFsAttr *attrPtr,
	DpSftpDone *done, void *data)
{
    size_t at;
    DpBuf *bufPtr = DpSftpCallBegin(connPtr, type, REQUEST_SIZE, done, data,
	    &at);

    if (extension != NULL) {
	DpSftpPutText(bufPtr, extension);
    }
    DpSftpPutText(bufPtr, path);
    if (path2 != NULL) {
	DpSftpPutText(bufPtr, path2);
    }
    if (attrPtr != NULL) {
	DpSftpPutAttr(bufPtr, attrPtr, ~0u);
    }
    DpSftpCallSend(connPtr, bufPtr, at);
}

static Join *
NewJoin(DpFsOp *opPtr, int count)
{
    Join *joinPtr = DpAlloc(sizeof(*joinPtr));

    joinPtr->opPtr = opPtr;
    joinPtr->filePtr = FileOf(opPtr);
    joinPtr->left = count;
    return joinPtr;
}

/*
 * Attributes of a file, a path or a link. The owner goes first and alone: a
 * chown takes the setuid bits away, and OpenSSH would do it last.
 */
static void
SendAttr(DpSftpConn *connPtr, DpFsOp *opPtr, DpSftpType type,
	const char *extension)
{
    const unsigned parts[2] = {
	DP_FS_OWNER, DP_FS_SIZE | DP_FS_MODE | DP_FS_TIMES
    };
    DpFsAttr *attrPtr = &opPtr->request.attr;
    DpSftpFile *filePtr = opPtr->data;
    bool both = (attrPtr->has & parts[0]) && (attrPtr->has & parts[1]);
    Join *joinPtr = both ? NewJoin(opPtr, 2) : NULL;

    for (int i = 0; i < 2; i++) {
	DpBuf *bufPtr;
	size_t at;

	if (!(attrPtr->has & parts[i])) {
	    continue;
	}
	bufPtr = DpSftpCallBegin(connPtr, type, REQUEST_SIZE,
		both ? GotPart : GotStatus, both ? (void *) joinPtr
		: (void *) opPtr, &at);
	if (extension != NULL) {
	    DpSftpPutText(bufPtr, extension);
	}
	if (filePtr != NULL) {
	    DpSftpPutHandle(bufPtr, &filePtr->handle);
	} else {
	    DpSftpPutText(bufPtr, opPtr->request.path);
	}
	DpSftpPutAttr(bufPtr, attrPtr, parts[i]);
	DpSftpCallSend(connPtr, bufPtr, at);
    }
}

static void
SendRead(DpSftpConn *connPtr, DpFsOp *opPtr)
{
    DpFsRequest *requestPtr = &opPtr->request;
    DpSftpFile *filePtr = opPtr->data;
    size_t at;
    DpBuf *bufPtr = DpSftpCallBegin(connPtr, DP_FXP_READ, REQUEST_SIZE,
	    GotData, opPtr, &at);

    if (requestPtr->count > connPtr->readMost) {
	requestPtr->count = connPtr->readMost;
    }
    DpSftpPutHandle(bufPtr, &filePtr->handle);
    DpSftpPut64(bufPtr, requestPtr->offset);
    DpWirePutNumber(bufPtr, (uint32_t) requestPtr->count);
    DpSftpCallSend(connPtr, bufPtr, at);
}

/* The bytes are copied once, into the message. */
static void
SendWrite(DpSftpConn *connPtr, DpFsOp *opPtr)
{
    const DpFsRequest *requestPtr = &opPtr->request;
    const unsigned char *bytes = requestPtr->bytes;
    DpSftpFile *filePtr = opPtr->data;
    size_t most = connPtr->writeMost, count = requestPtr->count, done = 0;
    Join *joinPtr = count > most
	    ? NewJoin(opPtr, (int) ((count + most - 1) / most)) : NULL;

    while (done < count) {
	size_t part = count - done < most ? count - done : most, at;
	DpBuf *bufPtr = DpSftpCallBegin(connPtr, DP_FXP_WRITE,
		REQUEST_SIZE + part, joinPtr != NULL ? GotPart : GotStatus,
		joinPtr != NULL ? (void *) joinPtr : (void *) opPtr, &at);

	DpSftpPutHandle(bufPtr, &filePtr->handle);
	DpSftpPut64(bufPtr, requestPtr->offset + done);
	DpWirePutString(bufPtr, bytes + done, part);
	done += part;
	DpSftpCallSend(connPtr, bufPtr, at);
    }
}

static void
SendHandle(DpSftpConn *connPtr, DpFsOp *opPtr, DpSftpType type,
	const char *extension, DpSftpDone *done)
{
    DpSftpFile *filePtr = opPtr->data;
    size_t at;
    DpBuf *bufPtr = DpSftpCallBegin(connPtr, type, REQUEST_SIZE, done, opPtr,
	    &at);

    if (extension != NULL) {
	DpSftpPutText(bufPtr, extension);
    }
    DpSftpPutHandle(bufPtr, &filePtr->handle);
    DpSftpCallSend(connPtr, bufPtr, at);
}

/* An operation on a file that is open, on its connection. */
static void
RunOnFile(DpFsOp *opPtr)
{
    DpSftpFile *filePtr = (DpSftpFile *) opPtr->request.filePtr;
    DpSftpConn *connPtr = filePtr->connPtr;

    if (connPtr->state != DP_SFTP_READY || filePtr->closed) {
	if (opPtr->request.kind == DP_FS_CLOSE) {
	    ReleaseFile(filePtr);
	}
	DpFsReplyLater(opPtr, connPtr->state != DP_SFTP_READY
		? connPtr->lostErrno : EBADF);
	return;
    }
    opPtr->data = filePtr;
    DpSftpFileHold(filePtr);
    switch (opPtr->request.kind) {
    case DP_FS_READ:
	SendRead(connPtr, opPtr);
	return;
    case DP_FS_WRITE:
	if (opPtr->request.count > 0) {
	    SendWrite(connPtr, opPtr);
	    return;
	}
	break;
    case DP_FS_FSTAT:
	SendHandle(connPtr, opPtr, DP_FXP_FSTAT, NULL, GotAttr);
	return;
    case DP_FS_FSETSTAT:
	if (opPtr->request.attr.has & (DP_FS_SIZE | DP_FS_OWNER | DP_FS_MODE
		| DP_FS_TIMES)) {
	    SendAttr(connPtr, opPtr, DP_FXP_FSETSTAT, NULL);
	    return;
	}
	break;
    case DP_FS_FSYNC:
	if (connPtr->extensions & DP_SFTP_FSYNC) {
	    SendHandle(connPtr, opPtr, DP_FXP_EXTENDED, "fsync@openssh.com",
		    GotStatus);
	    return;
	}
	DpSftpFileDrop(FileOf(opPtr));
	DpFsReplyLater(opPtr, ENOTSUP);
	return;
    default:
	SendClose(filePtr, GotClosed, opPtr);
	return;
    }
    /* There is nothing to be done. */
    DpSftpFileDrop(FileOf(opPtr));
    DpFsReplyLater(opPtr, 0);
}

static void
SendOpen(DpSftpConn *connPtr, DpFsOp *opPtr)
{
    const DpFsRequest *requestPtr = &opPtr->request;
    size_t at;
    DpBuf *bufPtr = DpSftpCallBegin(connPtr, DP_FXP_OPEN, REQUEST_SIZE,
	    GotHandle, opPtr, &at);

    connPtr->numHandles++;
    DpSftpPutText(bufPtr, requestPtr->path);
    /* The flags are those of the protocol (section 6.3). */
    DpWirePutNumber(bufPtr, requestPtr->flags & 0x3f);
    DpSftpPutAttr(bufPtr, &requestPtr->attr, DP_FS_MODE);
    DpSftpCallSend(connPtr, bufPtr, at);
}

/* An operation that an extension does, or nothing. */
static void
SendExtended(DpSftpConn *connPtr, DpFsOp *opPtr, unsigned extension,
	const char *name, DpSftpDone *done)
{
    const DpFsRequest *requestPtr = &opPtr->request;

    if (!(connPtr->extensions & extension)) {
	Refuse(opPtr, ENOTSUP);
    } else {
	SendPaths(connPtr, DP_FXP_EXTENDED, name, requestPtr->path,
		requestPtr->path2, NULL, done, opPtr);
    }
}

bool
DpSftpTakes(const DpSftpConn *connPtr, const DpFsOp *opPtr)
{
    return opPtr->request.kind != DP_FS_LIST
	    || connPtr->numLists < DP_SFTP_LISTS;
}

void
DpSftpRun(DpSftpConn *connPtr, DpFsOp *opPtr)
{
    const DpFsRequest *requestPtr = &opPtr->request;
    const char *path = requestPtr->path, *path2 = requestPtr->path2;
    DpFsAttr attr = requestPtr->attr;

    switch (requestPtr->kind) {
    case DP_FS_STAT:
	SendPaths(connPtr, DP_FXP_STAT, NULL, path, NULL, NULL, GotAttr,
		opPtr);
	return;
    case DP_FS_LSTAT:
	SendPaths(connPtr, DP_FXP_LSTAT, NULL, path, NULL, NULL, GotAttr,
		opPtr);
	return;
    case DP_FS_SETSTAT:
    case DP_FS_LSETSTAT:
	if (!(attr.has & (DP_FS_SIZE | DP_FS_OWNER | DP_FS_MODE
		| DP_FS_TIMES))) {
	    Refuse(opPtr, 0);
	} else if (requestPtr->kind == DP_FS_SETSTAT) {
	    SendAttr(connPtr, opPtr, DP_FXP_SETSTAT, NULL);
	} else if (connPtr->extensions & DP_SFTP_LSETSTAT) {
	    SendAttr(connPtr, opPtr, DP_FXP_EXTENDED, "lsetstat@openssh.com");
	} else {
	    Refuse(opPtr, ENOTSUP);
	}
	return;
    case DP_FS_LIST:
	DpSftpListStart(connPtr, opPtr);
	return;
    case DP_FS_MKDIR:
	if (!(attr.has & DP_FS_MODE)) {
	    attr.mode = 0777;
	}
	attr.has = DP_FS_MODE;
	SendPaths(connPtr, DP_FXP_MKDIR, NULL, path, NULL, &attr, GotStatus,
		opPtr);
	return;
    case DP_FS_RMDIR:
	SendPaths(connPtr, DP_FXP_RMDIR, NULL, path, NULL, NULL, GotStatus,
		opPtr);
	return;
    case DP_FS_UNLINK:
	SendPaths(connPtr, DP_FXP_REMOVE, NULL, path, NULL, NULL, GotStatus,
		opPtr);
	return;
    case DP_FS_RENAME:
	if (connPtr->extensions & DP_SFTP_POSIX_RENAME) {
	    SendPaths(connPtr, DP_FXP_EXTENDED, "posix-rename@openssh.com",
		    path, path2, NULL, GotStatus, opPtr);
	} else {
	    /* Fails where path2 exists (section 6.5). */
	    SendPaths(connPtr, DP_FXP_RENAME, NULL, path, path2, NULL,
		    GotStatus, opPtr);
	}
	return;
    case DP_FS_LINK:
	SendExtended(connPtr, opPtr, DP_SFTP_HARDLINK, "hardlink@openssh.com",
		GotStatus);
	return;
    case DP_FS_SYMLINK:
	if (connPtr->extensions & DP_SFTP_OPENSSH) {
	    /* Reversed: OpenSSH's PROTOCOL, section 4.1. */
	    SendPaths(connPtr, DP_FXP_SYMLINK, NULL, path2, path, NULL,
		    GotStatus, opPtr);
	} else {
	    SendPaths(connPtr, DP_FXP_SYMLINK, NULL, path, path2, NULL,
		    GotStatus, opPtr);
	}
	return;
    case DP_FS_READLINK:
	SendPaths(connPtr, DP_FXP_READLINK, NULL, path, NULL, NULL, GotName,
		opPtr);
	return;
    case DP_FS_REALPATH:
	SendPaths(connPtr, DP_FXP_REALPATH, NULL, path, NULL, NULL, GotName,
		opPtr);
	return;
    case DP_FS_STATVFS:
	SendExtended(connPtr, opPtr, DP_SFTP_STATVFS, "statvfs@openssh.com",
		GotSpace);
	return;
    case DP_FS_OPEN:
	SendOpen(connPtr, opPtr);
	return;
    default:
	Refuse(opPtr, ENOTSUP);
	return;
    }
}

/* --- the kind of file system --- */

static bool
IsLong(const char *path)
{
    return path != NULL && strlen(path) > PATH_MOST;
}

static bool
Submit(DpFs *fsPtr, DpFsOp *opPtr)
{
    DpSftp *sftpPtr = (DpSftp *) fsPtr;
    DpSftpConn *connPtr;

    if (IsLong(opPtr->request.path) || IsLong(opPtr->request.path2)) {
	DpFsReplyLater(opPtr, ENAMETOOLONG);
	return true;
    }
    switch (opPtr->request.kind) {
    case DP_FS_READ:
    case DP_FS_WRITE:
    case DP_FS_FSTAT:
    case DP_FS_FSETSTAT:
    case DP_FS_FSYNC:
    case DP_FS_CLOSE:
	RunOnFile(opPtr);
	return true;
    case DP_FS_LOAD:
    case DP_FS_STORE:
    case DP_FS_ADOPT:
	return false;
    default:
	break;
    }
    connPtr = DpSftpPick(sftpPtr);
    if (connPtr == NULL || !DpSftpTakes(connPtr, opPtr)) {
	DpSftpDefer(sftpPtr, opPtr);
    } else {
	DpSftpRun(connPtr, opPtr);
    }
    return true;
}

static void
Cancelled(DpFs *fsPtr, DpFsOp *opPtr)
{
    if (DpSftpUndefer((DpSftp *) fsPtr, opPtr)) {
	/* It was not begun, and is not now; nobody hears of it. */
	DpFsReplyError(opPtr, ECANCELED, NULL);
    }
}

static void
Shut(DpFs *fsPtr)
{
    DpSftp *sftpPtr = (DpSftp *) fsPtr;

    DpSftpShutAll(sftpPtr);
    if (sftpPtr->ready != NULL) {
	/* Who waits for the server waits for nothing. */
	if (!DpErrorIsSet(&fsPtr->error)) {
	    DpErrorSet(&fsPtr->error, "FILE ECONNABORTED", "the files of host"
		    " %s cannot be reached: their file system was closed",
		    fsPtr->slug);
	    DpErrorAddData(&fsPtr->error, fsPtr->slug);
	    DpErrorAddData(&fsPtr->error, "sftp");
	}
	DpSftpReady(fsPtr, sftpPtr->ready, sftpPtr->readyData);
    }
}

static void
Free(DpFs *fsPtr)
{
    DpSftp *sftpPtr = (DpSftp *) fsPtr;

    /* Held while connections end. */
    fsPtr->refCount = 1;
    DpSftpShutAll(sftpPtr);
    DpFree(sftpPtr->extensions);
    DpFree(sftpPtr);
}

const DpFsType dpSftpType = {
    .name = "sftp",
    .submit = Submit,
    .cancelled = Cancelled,
    .closeFile = CloseFile,
    .ways = DpSftpWays,
    .shut = Shut,
    .free = Free,
};

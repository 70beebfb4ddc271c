/*
 * dpSftpWhy.c -- why an operation by SFTP failed.
 *
 * Layer L2. Version 3 has few codes, and OpenSSH's sftp-server says "Failure"
 * for most of errno. What it looks like there afterwards tells the reason: we
 * ask for it, all at once, and only where the code alone does not tell.
 */

#include "dpSftpInt.h"

#include <errno.h>
#include <stdio.h>

/* What is asked; path2 where the operation has one. */
#define ASK_LSTAT   0x01
#define ASK_STAT    0x02
#define ASK_PARENT  0x04        /* stat of the directory of path */
#define ASK_SPACE   0x08        /* statvfs of that directory, or of the file */
#define ASK_LSTAT2  0x10
#define ASK_PARENT2 0x20
#define ASK_SPACE2  0x40
#define ASK_COUNT 7

#define TYPE_BITS 0170000
#define TYPE_DIR  0040000
#define TYPE_LINK 0120000
#define TYPE_FILE 0100000

/* statvfs@openssh.com: ST_RDONLY */
#define READ_ONLY 1

/* Less space than this is none: what is there may be in use otherwise. */
#define SPACE_LEFT (64 * 1024)
#define NAME_MAX_BYTES 255
#define PATH_MAX_BYTES 4096

typedef struct Why {
    DpFsOp *opPtr;
    DpSftpFile *filePtr;        /* held, or NULL */
    uint32_t status;
    char text[DP_SFTP_TEXT];    /* what the server said, or "" */
    int left;                   /* questions under way, and one of our own */
    unsigned there;             /* of ASK_*: was answered ... */
    unsigned missing;           /* ... by "no such file" */
    bool full;                  /* no handle is left, when it failed */
    bool lost;
    DpFsAttr attrs[ASK_COUNT];  /* by the number of the bit */
    DpFsSpace space, space2;
} Why;

/* One question. */
typedef struct Ask {
    Why *whyPtr;
    int number;
} Ask;

static bool
IsThere(const Why *whyPtr, unsigned ask)
{
    return (whyPtr->there & ask) != 0;
}

static uint32_t
TypeOf(const Why *whyPtr, unsigned ask)
{
    int number = 0;

    if (!IsThere(whyPtr, ask)) {
	return 0;
    }
    while (!(ask & 1u << number)) {
	number++;
    }
    return whyPtr->attrs[number].mode & TYPE_BITS;
}

static bool
IsDir(const Why *whyPtr, unsigned ask)
{
    return TypeOf(whyPtr, ask) == TYPE_DIR;
}

/* It is there, and is something else than a directory. */
static bool
IsNoDir(const Why *whyPtr, unsigned ask)
{
    uint32_t type = TypeOf(whyPtr, ask);

    return type != 0 && type != TYPE_DIR;
}

static bool
IsLong(const char *path)
{
    size_t length = 0;

    if (path == NULL) {
	return false;
    }
    for (const char *p = path; *p != '\0'; p++) {
	length = *p == '/' ? 0 : length + 1;
	if (length > NAME_MAX_BYTES) {
	    return true;
	}
    }
    return strlen(path) >= PATH_MAX_BYTES;
}

static bool
IsFull(const DpFsSpace *spacePtr, size_t wanted)
{
    uint64_t unit = spacePtr->fragmentSize != 0 ? spacePtr->fragmentSize
	    : spacePtr->blockSize;

    return (spacePtr->blocks != 0
		&& spacePtr->available * unit < wanted + SPACE_LEFT)
	    || (spacePtr->files != 0 && spacePtr->filesAvailable == 0);
}

/* The file system of the target of a change: read-only, or full? 0: neither. */
static int
SpaceError(const Why *whyPtr, size_t wanted)
{
    if (IsThere(whyPtr, ASK_SPACE)) {
	if (whyPtr->space.flags & READ_ONLY) {
	    return EROFS;
	}
	if (IsFull(&whyPtr->space, wanted)) {
	    return ENOSPC;
	}
    }
    return 0;
}

static bool
IsOtherSystem(const Why *whyPtr)
{
    return IsThere(whyPtr, ASK_SPACE) && IsThere(whyPtr, ASK_SPACE2)
	    && whyPtr->space.id != whyPtr->space2.id;
}

/* --- what it was --- */

/* Something new was to be stored, there is space, and it failed all the same. */
static int
WhyNotStored(const Why *whyPtr, const char **textPtr)
{
    if (!IsThere(whyPtr, ASK_SPACE)) {
	return EIO;
    }
    *textPtr = "the server gives no reason; its file system has space left, so"
	    " that it may be a quota, or a limit of the size of files";
    return EDQUOT;
}

static int
WhyOpen(const Why *whyPtr, const DpFsRequest *requestPtr,
	const char **textPtr)
{
    unsigned flags = requestPtr->flags;
    bool writes = (flags & (DP_FS_FOR_WRITE | DP_FS_CREATE | DP_FS_TRUNCATE))
	    != 0;
    int error;

    if ((flags & DP_FS_EXCLUSIVE) && IsThere(whyPtr, ASK_LSTAT)) {
	return EEXIST;
    }
    if (writes && IsDir(whyPtr, ASK_STAT)) {
	return EISDIR;
    }
    if (whyPtr->full) {
	return EMFILE;
    }
    error = writes ? SpaceError(whyPtr, 0) : 0;
    if (error == EROFS || (error != 0 && (flags & DP_FS_CREATE)
	    && !IsThere(whyPtr, ASK_STAT))) {
	return error;
    }
    if (IsThere(whyPtr, ASK_STAT) && TypeOf(whyPtr, ASK_STAT) != TYPE_FILE
	    && !IsDir(whyPtr, ASK_STAT)) {
	return ENXIO;           /* a FIFO without a reader, a socket */
    }
    if ((flags & DP_FS_CREATE) && !IsThere(whyPtr, ASK_STAT)) {
	return WhyNotStored(whyPtr, textPtr);
    }
    return writes && TypeOf(whyPtr, ASK_STAT) == TYPE_FILE
	    && (whyPtr->attrs[1].mode & 0111) ? ETXTBSY : EIO;
}

static int
WhyRename(const Why *whyPtr, bool replaces)
{
    int error = SpaceError(whyPtr, 0);

    if (error == EROFS) {
	return error;
    }
    if (!IsThere(whyPtr, ASK_LSTAT)) {
	return ENOENT;
    }
    if (!replaces && IsThere(whyPtr, ASK_LSTAT2)) {
	return ENOTSUP;
    }
    if (IsOtherSystem(whyPtr)) {
	return EXDEV;
    }
    if (IsDir(whyPtr, ASK_LSTAT2)) {
	return IsDir(whyPtr, ASK_LSTAT) ? ENOTEMPTY : EISDIR;
    }
    /* The same system may be mounted twice. */
    return error != 0 ? error : EXDEV;
}

/* A change to the bytes of a file. */
static int
WhyWrite(const Why *whyPtr, const DpFsRequest *requestPtr,
	const char **textPtr)
{
    int error = SpaceError(whyPtr, requestPtr->count);
    uint64_t end = requestPtr->offset + requestPtr->count;

    if (error != 0) {
	return error;
    }
    if (requestPtr->kind == DP_FS_WRITE && requestPtr->offset <= UINT32_MAX
	    && end > UINT32_MAX && IsThere(whyPtr, ASK_SPACE)) {
	*textPtr = "the server gives no reason; as it failed at 4 GiB, its"
		" file system may take no larger files";
	return EFBIG;
    }
    return WhyNotStored(whyPtr, textPtr);
}

/* FAILURE: anything that has no code of its own. */
static int
WhyFailure(const Why *whyPtr, bool replaces, const char **textPtr)
{
    const DpFsRequest *requestPtr = &whyPtr->opPtr->request;
    int space = SpaceError(whyPtr, 0);

    switch (requestPtr->kind) {
    case DP_FS_OPEN:
	return WhyOpen(whyPtr, requestPtr, textPtr);
    case DP_FS_LIST:
	return whyPtr->full ? EMFILE : EIO;
    case DP_FS_MKDIR:
    case DP_FS_SYMLINK:
	return IsThere(whyPtr, ASK_LSTAT) ? EEXIST : space != 0 ? space
		: WhyNotStored(whyPtr, textPtr);
    case DP_FS_RMDIR:
	return IsNoDir(whyPtr, ASK_LSTAT) ? ENOTDIR
		: space == EROFS ? space : ENOTEMPTY;
    case DP_FS_UNLINK:
	return IsDir(whyPtr, ASK_LSTAT) ? EISDIR
		: space == EROFS ? space : EIO;
    case DP_FS_RENAME:
	return WhyRename(whyPtr, replaces);
    case DP_FS_LINK:
	return IsThere(whyPtr, ASK_LSTAT2) ? EEXIST
		: space == EROFS ? space
		: IsDir(whyPtr, ASK_LSTAT) ? EPERM
		: IsOtherSystem(whyPtr) ? EXDEV : space != 0 ? space : EIO;
    case DP_FS_SETSTAT:
    case DP_FS_LSETSTAT:
	return space == EROFS ? space
		: (requestPtr->attr.has & DP_FS_SIZE)
		&& IsDir(whyPtr, ASK_STAT) ? EISDIR : space != 0 ? space : EIO;
    case DP_FS_READ:
	return IsDir(whyPtr, ASK_STAT) ? EISDIR : EIO;
    case DP_FS_WRITE:
    case DP_FS_FSETSTAT:
    case DP_FS_FSYNC:
    case DP_FS_CLOSE:
	return WhyWrite(whyPtr, requestPtr, textPtr);
    default:
	return EIO;
    }
}

/* NO_SUCH_FILE stands for ENOTDIR as well. */
static int
WhyMissing(const Why *whyPtr)
{
    const DpFsKind kind = whyPtr->opPtr->request.kind;

    if (IsNoDir(whyPtr, ASK_PARENT) || IsNoDir(whyPtr, ASK_PARENT2)
	    || (kind == DP_FS_LIST && IsNoDir(whyPtr, ASK_STAT))
	    || (kind == DP_FS_RMDIR && IsNoDir(whyPtr, ASK_LSTAT))
	    || (kind == DP_FS_RENAME && IsDir(whyPtr, ASK_LSTAT)
		&& IsNoDir(whyPtr, ASK_LSTAT2))) {
	return ENOTDIR;
    }
    return kind == DP_FS_OPEN && TypeOf(whyPtr, ASK_LSTAT) == TYPE_LINK
	    && (whyPtr->opPtr->request.flags & DP_FS_CREATE)
	    && IsDir(whyPtr, ASK_PARENT) && !IsThere(whyPtr, ASK_STAT)
	    ? ELOOP : ENOENT;
}

static void
Decide(DpSftpConn *connPtr, Why *whyPtr)
{
    DpFsOp *opPtr = whyPtr->opPtr;
    bool replaces = (connPtr->extensions & DP_SFTP_POSIX_RENAME) != 0;
    const char *text = NULL;
    char own[DP_SFTP_TEXT + 60];
    int error = DpSftpErrno(whyPtr->status, opPtr->request.kind);

    if (whyPtr->lost) {
	/* What it did say is all there is. */
    } else if (whyPtr->status == DP_FX_FAILURE) {
	error = WhyFailure(whyPtr, replaces, &text);
    } else if (whyPtr->status == DP_FX_NO_SUCH_FILE) {
	error = WhyMissing(whyPtr);
    }
    if (error == ENOTSUP && opPtr->request.kind == DP_FS_RENAME) {
	text = "the sftp server can't replace a file that exists";
    }
    if (text == NULL && whyPtr->text[0] != '\0') {
	text = whyPtr->text;
    } else if (text == NULL && error == EIO
	    && whyPtr->status == DP_FX_FAILURE) {
	text = "the sftp server gives no reason";
    } else if (text == NULL && error == EIO) {
	snprintf(own, sizeof(own), "the sftp server answers with status %u",
		(unsigned) whyPtr->status);
	text = own;
    }
    DpFsReplyError(opPtr, error, text);
    if (whyPtr->filePtr != NULL) {
	DpSftpFileDrop(whyPtr->filePtr);
    }
    DpFree(whyPtr);
}

/* --- questions --- */

static void
Told(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    Ask *askPtr = data;
    Why *whyPtr = askPtr->whyPtr;
    unsigned ask = 1u << askPtr->number;

    if (replyPtr == NULL) {
	whyPtr->lost = true;
    } else if (replyPtr->type == DP_FXP_ATTRS
	    && !(ask & (ASK_SPACE | ASK_SPACE2))) {
	whyPtr->there |= ask;
	whyPtr->attrs[askPtr->number] = replyPtr->attr;
    } else if (replyPtr->type == DP_FXP_EXTENDED_REPLY
	    && (ask & (ASK_SPACE | ASK_SPACE2))) {
	DpWire wire = replyPtr->rest;

	if (DpSftpGetSpace(&wire, ask == ASK_SPACE ? &whyPtr->space
		: &whyPtr->space2)) {
	    whyPtr->there |= ask;
	}
    }
    DpFree(askPtr);
    if (--whyPtr->left == 0) {
	Decide(connPtr, whyPtr);
    }
}

/* The directory that path stands in: a copy. */
static char *
ParentOf(const char *path)
{
    size_t length = strlen(path);
    char *parent;

    while (length > 1 && path[length - 1] == '/') {
	length--;
    }
    while (length > 0 && path[length - 1] != '/') {
	length--;
    }
    while (length > 1 && path[length - 1] == '/') {
	length--;
    }
    if (length == 0) {
	return DpStrdup(".");
    }
    parent = DpAlloc(length + 1);
    memcpy(parent, path, length);
    return parent;
}

static void
AskOne(DpSftpConn *connPtr, Why *whyPtr, unsigned ask, DpSftpType type,
	const char *extension, const char *path, const DpSftpHandle *handlePtr)
{
    Ask *askPtr = DpAlloc(sizeof(*askPtr));
    size_t at;
    DpBuf *bufPtr = DpSftpCallBegin(connPtr, type, 400, Told, askPtr, &at);

    askPtr->whyPtr = whyPtr;
    while (!(ask & 1u << askPtr->number)) {
	askPtr->number++;
    }
    whyPtr->left++;
    if (extension != NULL) {
	DpSftpPutText(bufPtr, extension);
    }
    if (handlePtr != NULL) {
	DpSftpPutHandle(bufPtr, handlePtr);
    } else {
	DpSftpPutText(bufPtr, path);
    }
    DpSftpCallSend(connPtr, bufPtr, at);
}

static void
AskAll(DpSftpConn *connPtr, Why *whyPtr, unsigned asks)
{
    const DpFsRequest *requestPtr = &whyPtr->opPtr->request;
    const char *path = requestPtr->path, *path2 = requestPtr->path2;
    char *parent, *parent2 = NULL;

    if (path == NULL) {
	path = whyPtr->filePtr->path;
    }
    parent = ParentOf(path);
    if (path2 != NULL) {
	parent2 = ParentOf(path2);
    } else {
	asks &= ~(ASK_LSTAT2 | ASK_PARENT2 | ASK_SPACE2);
    }
    if (!(connPtr->extensions & DP_SFTP_STATVFS)) {
	asks &= ~(ASK_SPACE | ASK_SPACE2);
    }
    if (asks & ASK_LSTAT) {
	AskOne(connPtr, whyPtr, ASK_LSTAT, DP_FXP_LSTAT, NULL, path, NULL);
    }
    if ((asks & ASK_STAT) && whyPtr->filePtr != NULL) {
	AskOne(connPtr, whyPtr, ASK_STAT, DP_FXP_FSTAT, NULL, NULL,
		&whyPtr->filePtr->handle);
    } else if (asks & ASK_STAT) {
	AskOne(connPtr, whyPtr, ASK_STAT, DP_FXP_STAT, NULL, path, NULL);
    }
    if (asks & ASK_PARENT) {
	AskOne(connPtr, whyPtr, ASK_PARENT, DP_FXP_STAT, NULL, parent, NULL);
    }
    if ((asks & ASK_SPACE) && whyPtr->filePtr != NULL
	    && !whyPtr->filePtr->closed
	    && (connPtr->extensions & DP_SFTP_FSTATVFS)) {
	AskOne(connPtr, whyPtr, ASK_SPACE, DP_FXP_EXTENDED,
		"fstatvfs@openssh.com", NULL, &whyPtr->filePtr->handle);
    } else if (asks & ASK_SPACE) {
	AskOne(connPtr, whyPtr, ASK_SPACE, DP_FXP_EXTENDED,
		"statvfs@openssh.com", parent, NULL);
    }
    if (asks & ASK_LSTAT2) {
	AskOne(connPtr, whyPtr, ASK_LSTAT2, DP_FXP_LSTAT, NULL, path2, NULL);
    }
    if (asks & ASK_PARENT2) {
	AskOne(connPtr, whyPtr, ASK_PARENT2, DP_FXP_STAT, NULL, parent2,
		NULL);
    }
    if (asks & ASK_SPACE2) {
	AskOne(connPtr, whyPtr, ASK_SPACE2, DP_FXP_EXTENDED,
		"statvfs@openssh.com", parent2, NULL);
    }
    DpFree(parent);
    DpFree(parent2);
}

/* What is to be asked after this status of such an operation. */
static unsigned
AsksFor(uint32_t status, const DpFsRequest *requestPtr)
{
    bool failed = status == DP_FX_FAILURE;

    if (!failed && status != DP_FX_NO_SUCH_FILE) {
	return 0;
    }
    switch (requestPtr->kind) {
    case DP_FS_OPEN:
	return failed ? ASK_LSTAT | ASK_STAT | ASK_SPACE
		: requestPtr->flags & DP_FS_CREATE
		? ASK_LSTAT | ASK_STAT | ASK_PARENT : 0;
    case DP_FS_LIST:
	return failed ? 0 : ASK_STAT | ASK_PARENT;
    case DP_FS_MKDIR:
    case DP_FS_SYMLINK:
	return failed ? ASK_LSTAT | ASK_SPACE : ASK_PARENT;
    case DP_FS_RMDIR:
    case DP_FS_UNLINK:
	return failed ? ASK_LSTAT | ASK_SPACE : ASK_LSTAT | ASK_PARENT;
    case DP_FS_RENAME:
    case DP_FS_LINK:
	return ASK_LSTAT | ASK_LSTAT2 | (failed ? ASK_SPACE | ASK_SPACE2
		: ASK_PARENT | ASK_PARENT2);
    case DP_FS_SETSTAT:
    case DP_FS_LSETSTAT:
	return failed ? ASK_STAT | ASK_SPACE : 0;
    case DP_FS_READ:
	return failed ? ASK_STAT : 0;
    case DP_FS_WRITE:
    case DP_FS_FSETSTAT:
    case DP_FS_FSYNC:
    case DP_FS_CLOSE:
	return failed ? ASK_SPACE : 0;
    default:
	return 0;
    }
}

void
DpSftpWhy(DpSftpConn *connPtr, DpFsOp *opPtr, DpSftpFile *filePtr,
	const DpSftpReply *replyPtr)
{
    const DpFsRequest *requestPtr = &opPtr->request;
    unsigned asks = AsksFor(replyPtr->status, requestPtr);
    Why *whyPtr = DpAlloc(sizeof(*whyPtr));
    char text[DP_SFTP_TEXT];

    whyPtr->opPtr = opPtr;
    whyPtr->filePtr = filePtr;
    if (filePtr != NULL) {
	DpSftpFileHold(filePtr);
    }
    whyPtr->status = replyPtr->status;
    if (DpSftpText(replyPtr, text) != NULL) {
	memcpy(whyPtr->text, text, sizeof(text));
    }
    whyPtr->full = connPtr->handlesMost != 0
	    && (uint64_t) connPtr->numHandles >= connPtr->handlesMost;
    whyPtr->left = 1;
    if (opPtr->done == NULL || connPtr->state != DP_SFTP_READY) {
	asks = 0;
	whyPtr->lost = true;
    }
    if (IsLong(requestPtr->path) || IsLong(requestPtr->path2)) {
	DpFsReplyError(opPtr, ENAMETOOLONG, NULL);
	if (filePtr != NULL) {
	    DpSftpFileDrop(filePtr);
	}
	DpFree(whyPtr);
	return;
    }
    if (asks != 0) {
	AskAll(connPtr, whyPtr, asks);
    }
    if (--whyPtr->left == 0) {
	Decide(connPtr, whyPtr);
    }
}

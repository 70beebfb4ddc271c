/*
 * dpSftpMsg.c -- messages of the SSH File Transfer Protocol, version 3.
 *
 * Layer L2. Answers come from a host that may be anything: a reader never goes
 * past the end of its message, and what is left over is an error as well.
 */

#include "dpSftpMsg.h"

#include <ctype.h>
#include <errno.h>

/* Section 5 of the draft. */
#define ATTR_SIZE 0x01
#define ATTR_UIDGID 0x02
#define ATTR_PERMISSIONS 0x04
#define ATTR_ACMODTIME 0x08
#define ATTR_EXTENDED 0x80000000u

#define TYPE_BITS 0170000

static const struct {
    const char *name, *version;
    unsigned bit;
} extensions[] = {
    {"posix-rename@openssh.com", "1", DP_SFTP_POSIX_RENAME},
    {"statvfs@openssh.com", "2", DP_SFTP_STATVFS},
    {"fstatvfs@openssh.com", "2", DP_SFTP_FSTATVFS},
    {"hardlink@openssh.com", "1", DP_SFTP_HARDLINK},
    {"fsync@openssh.com", "1", DP_SFTP_FSYNC},
    {"lsetstat@openssh.com", "1", DP_SFTP_LSETSTAT},
    {"limits@openssh.com", "1", DP_SFTP_LIMITS},
};

/* --- requests --- */

size_t
DpSftpBegin(DpBuf *bufPtr, DpSftpType type, uint32_t id)
{
    size_t at = DpBufLength(bufPtr);

    DpWirePutNumber(bufPtr, 0);
    DpWirePutByte(bufPtr, (uint8_t) type);
    DpWirePutNumber(bufPtr, id);
    return at;
}

void
DpSftpEnd(DpBuf *bufPtr, size_t at)
{
    size_t count = DpBufLength(bufPtr) - at - 4;
    unsigned char *bytes = DpBufData(bufPtr) + at;

    for (int i = 3; i >= 0; i--) {
	*bytes++ = (unsigned char) (count >> (8 * i));
    }
}

void
DpSftpPut64(DpBuf *bufPtr, uint64_t value)
{
    DpWirePutNumber(bufPtr, (uint32_t) (value >> 32));
    DpWirePutNumber(bufPtr, (uint32_t) value);
}

void
DpSftpPutText(DpBuf *bufPtr, const char *text)
{
    DpWirePutString(bufPtr, text, strlen(text));
}

void
DpSftpPutHandle(DpBuf *bufPtr, const DpSftpHandle *handlePtr)
{
    DpWirePutString(bufPtr, handlePtr->bytes, handlePtr->length);
}

/* Seconds that 32 bits without a sign can tell; others become the nearest. */
static uint32_t
WireTime(int64_t seconds)
{
    return seconds < 0 ? 0 : seconds > (int64_t) UINT32_MAX ? UINT32_MAX
	    : (uint32_t) seconds;
}

void
DpSftpPutAttr(DpBuf *bufPtr, const DpFsAttr *attrPtr, unsigned mask)
{
    unsigned has = attrPtr->has & mask;

    DpWirePutNumber(bufPtr, (has & DP_FS_SIZE ? ATTR_SIZE : 0)
	    | (has & DP_FS_OWNER ? ATTR_UIDGID : 0)
	    | (has & DP_FS_MODE ? ATTR_PERMISSIONS : 0)
	    | (has & DP_FS_TIMES ? ATTR_ACMODTIME : 0));
    if (has & DP_FS_SIZE) {
	DpSftpPut64(bufPtr, attrPtr->size);
    }
    if (has & DP_FS_OWNER) {
	DpWirePutNumber(bufPtr, attrPtr->uid);
	DpWirePutNumber(bufPtr, attrPtr->gid);
    }
    if (has & DP_FS_MODE) {
	DpWirePutNumber(bufPtr, attrPtr->mode);
    }
    if (has & DP_FS_TIMES) {
	DpWirePutNumber(bufPtr, WireTime(attrPtr->atime));
	DpWirePutNumber(bufPtr, WireTime(attrPtr->mtime));
    }
}

/* --- answers --- */

uint64_t
DpSftpGet64(DpWire *wirePtr)
{
    uint64_t high = DpWireNumber(wirePtr);

    return high << 32 | DpWireNumber(wirePtr);
}

static bool
GetAttr(DpWire *wirePtr, DpFsAttr *attrPtr)
{
    uint32_t flags = DpWireNumber(wirePtr);

    memset(attrPtr, 0, sizeof(*attrPtr));
    if (flags & ATTR_SIZE) {
	attrPtr->has |= DP_FS_SIZE;
	attrPtr->size = DpSftpGet64(wirePtr);
    }
    if (flags & ATTR_UIDGID) {
	attrPtr->has |= DP_FS_OWNER;
	attrPtr->uid = DpWireNumber(wirePtr);
	attrPtr->gid = DpWireNumber(wirePtr);
    }
    if (flags & ATTR_PERMISSIONS) {
	attrPtr->has |= DP_FS_MODE;
	attrPtr->mode = DpWireNumber(wirePtr);
    }
    if (flags & ATTR_ACMODTIME) {
	attrPtr->has |= DP_FS_TIMES;
	attrPtr->atime = DpWireNumber(wirePtr);
	attrPtr->mtime = DpWireNumber(wirePtr);
    }
    if (flags & ATTR_EXTENDED) {
	uint32_t count = DpWireNumber(wirePtr);

	/* Pairs of strings; a wrong count ends where the message ends. */
	while (count-- > 0 && !wirePtr->failed) {
	    size_t length;

	    DpWireString(wirePtr, &length);
	    DpWireString(wirePtr, &length);
	}
    }
    return !wirePtr->failed;
}

const char *
DpSftpDecode(DpSftpReply *replyPtr, const unsigned char *bytes, size_t count)
{
    DpWire wire;
    size_t length;

    memset(replyPtr, 0, sizeof(*replyPtr));
    DpWireInit(&wire, bytes, count);
    replyPtr->type = (DpSftpType) DpWireByte(&wire);
    replyPtr->id = DpWireNumber(&wire);
    switch (replyPtr->type) {
    case DP_FXP_STATUS:
	replyPtr->status = DpWireNumber(&wire);
	if (wire.left > 0) {
	    /* Servers of version 2 and some others send neither text nor
	     * language. */
	    replyPtr->bytes = DpWireString(&wire, &replyPtr->count);
	    if (wire.left > 0) {
		DpWireString(&wire, &length);
	    }
	}
	break;
    case DP_FXP_HANDLE:
	replyPtr->bytes = DpWireString(&wire, &replyPtr->count);
	if (replyPtr->count > sizeof(((DpSftpHandle *) NULL)->bytes)) {
	    return "a handle of more than 256 bytes";
	}
	break;
    case DP_FXP_DATA:
	replyPtr->bytes = DpWireString(&wire, &replyPtr->count);
	break;
    case DP_FXP_NAME:
	replyPtr->numNames = DpWireNumber(&wire);
	replyPtr->rest = wire;
	return wire.failed ? "a message that is cut short" : NULL;
    case DP_FXP_ATTRS:
	GetAttr(&wire, &replyPtr->attr);
	break;
    case DP_FXP_VERSION:        /* the version stands where others have an id */
    case DP_FXP_EXTENDED_REPLY:
	replyPtr->rest = wire;
	return wire.failed ? "a message that is cut short" : NULL;
    default:
	return "a message of an unknown type";
    }
    if (wire.failed) {
	return "a message that is cut short";
    }
    return wire.left > 0 && replyPtr->type != DP_FXP_STATUS
	    ? "a message with bytes left over" : NULL;
}

/* The type in "drwxr-xr-x", for servers that send permissions alone. */
static uint32_t
TypeOfLong(const unsigned char *text, size_t length)
{
    static const struct {
	char letter;
	uint32_t type;
    } types[] = {
	{'-', 0100000}, {'d', 0040000}, {'l', 0120000}, {'p', 0010000},
	{'s', 0140000}, {'c', 0020000}, {'b', 0060000}
    };

    for (size_t i = 0; length >= 10 && i < DP_ARRAY_SIZE(types); i++) {
	if (text[0] == (unsigned char) types[i].letter) {
	    return types[i].type;
	}
    }
    return 0;
}

bool
DpSftpGetName(DpSftpReply *replyPtr, DpFsEntry *entryPtr, size_t *lengthPtr)
{
    DpWire *wirePtr = &replyPtr->rest;
    const unsigned char *name = DpWireString(wirePtr, lengthPtr);
    size_t length;
    /* The first byte of its length is the NUL behind the name: no message is
     * so long that it were another. */
    const unsigned char *text = DpWireString(wirePtr, &length);

    if (!GetAttr(wirePtr, &entryPtr->attr) || name == NULL
	    || memchr(name, '\0', *lengthPtr) != NULL) {
	return false;
    }
    entryPtr->name = (const char *) name;
    if ((entryPtr->attr.has & DP_FS_MODE)
	    && (entryPtr->attr.mode & TYPE_BITS) == 0) {
	entryPtr->attr.mode |= TypeOfLong(text, length);
    }
    return true;
}

bool
DpSftpGetSpace(DpWire *wirePtr, DpFsSpace *spacePtr)
{
    uint64_t *const fields[] = {
	&spacePtr->blockSize, &spacePtr->fragmentSize, &spacePtr->blocks,
	&spacePtr->free, &spacePtr->available, &spacePtr->files,
	&spacePtr->filesFree, &spacePtr->filesAvailable, &spacePtr->id,
	&spacePtr->flags, &spacePtr->nameMax
    };

    for (size_t i = 0; i < DP_ARRAY_SIZE(fields); i++) {
	*fields[i] = DpSftpGet64(wirePtr);
    }
    return !wirePtr->failed;
}

static bool
Is(const unsigned char *bytes, size_t length, const char *text)
{
    return bytes != NULL && strlen(text) == length
	    && memcmp(bytes, text, length) == 0;
}

bool
DpSftpGetExtensions(DpWire *wirePtr, unsigned *setPtr)
{
    static const char vendor[] = "@openssh.com";
    const size_t tail = sizeof(vendor) - 1;

    *setPtr = 0;
    while (wirePtr->left > 0) {
	size_t nameLength, length;
	const unsigned char *name = DpWireString(wirePtr, &nameLength);
	const unsigned char *version = DpWireString(wirePtr, &length);

	if (wirePtr->failed) {
	    return false;
	}
	if (nameLength > tail && Is(name + nameLength - tail, tail, vendor)) {
	    *setPtr |= DP_SFTP_OPENSSH;
	}
	for (size_t i = 0; i < DP_ARRAY_SIZE(extensions); i++) {
	    if (Is(name, nameLength, extensions[i].name)
		    && Is(version, length, extensions[i].version)) {
		*setPtr |= extensions[i].bit;
	    }
	}
    }
    return true;
}

void
DpSftpExtensionNames(unsigned set, DpBuf *textPtr)
{
    for (size_t i = 0; i < DP_ARRAY_SIZE(extensions); i++) {
	if (set & extensions[i].bit) {
	    if (DpBufLength(textPtr) > 0) {
		DpBufAppend(textPtr, " ", 1);
	    }
	    DpBufAppend(textPtr, extensions[i].name,
		    strlen(extensions[i].name));
	}
    }
    DpBufAppend(textPtr, "", 1);
}

/* --- codes --- */

int
DpSftpErrno(uint32_t status, DpFsKind kind)
{
    switch (status) {
    case DP_FX_OK:
	return 0;
    case DP_FX_NO_SUCH_FILE:
    case 10:                    /* NO_SUCH_PATH */
	return ENOENT;
    case DP_FX_PERMISSION_DENIED:
	/* Who may not change a file is no owner of it. */
	return kind == DP_FS_SETSTAT || kind == DP_FS_LSETSTAT
		|| kind == DP_FS_FSETSTAT ? EPERM : EACCES;
    case DP_FX_BAD_MESSAGE:
	return EINVAL;
    case 6:                     /* NO_CONNECTION */
    case 7:                     /* CONNECTION_LOST */
	return ECONNRESET;
    case DP_FX_OP_UNSUPPORTED:
	return ENOTSUP;
    case 9:                     /* INVALID_HANDLE */
	return EBADF;
    case 11:                    /* FILE_ALREADY_EXISTS */
	return EEXIST;
    case 12:                    /* WRITE_PROTECT */
	return EROFS;
    case 14:                    /* NO_SPACE_ON_FILESYSTEM */
	return ENOSPC;
    case 15:                    /* QUOTA_EXCEEDED */
	return EDQUOT;
    case 18:                    /* DIR_NOT_EMPTY */
	return ENOTEMPTY;
    case 19:                    /* NOT_A_DIRECTORY */
	return ENOTDIR;
    case 20:                    /* INVALID_FILENAME */
    case 23:                    /* INVALID_PARAMETER */
	return EINVAL;
    case 21:                    /* LINK_LOOP */
	return ELOOP;
    case 24:                    /* FILE_IS_A_DIRECTORY */
	return EISDIR;
    default:
	return EIO;
    }
}

const char *
DpSftpText(const DpSftpReply *replyPtr, char text[DP_SFTP_TEXT])
{
    /* What servers say that know no more than the code. */
    static const char *const plain[] = {
	"success", "end of file", "no such file", "no such file or directory",
	"permission denied", "failure", "bad message", "no connection",
	"connection lost", "operation unsupported", "unsupported operation",
	"unknown error"
    };
    size_t n = 0;

    for (size_t i = 0; i < replyPtr->count && n < DP_SFTP_TEXT - 1; i++) {
	unsigned char c = replyPtr->bytes[i];

	text[n++] = (char) (c < ' ' ? ' ' : c >= 127 ? '?' : c);
    }
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '.')) {
	n--;
    }
    text[n] = '\0';
    for (size_t i = 0; i < DP_ARRAY_SIZE(plain); i++) {
	size_t at = 0;

	while (plain[i][at] != '\0'
		&& tolower((unsigned char) text[at]) == plain[i][at]) {
	    at++;
	}
	if (plain[i][at] == '\0' && text[at] == '\0') {
	    return NULL;
	}
    }
    return n > 0 ? text : NULL;
}

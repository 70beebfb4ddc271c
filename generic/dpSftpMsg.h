/*
 * dpSftpMsg.h -- messages of the SSH File Transfer Protocol, version 3.
 *
 * Layer L2. Format: draft-ietf-secsh-filexfer-02, and section 4 of OpenSSH's
 * PROTOCOL for its extensions. Nothing here knows of connections.
 */

#ifndef DP_SFTP_MSG_H
#define DP_SFTP_MSG_H

#include "dpFs.h"
#include "dpWire.h"

#define DP_SFTP_VERSION 3

typedef enum DpSftpType {
    DP_FXP_INIT = 1, DP_FXP_VERSION, DP_FXP_OPEN, DP_FXP_CLOSE, DP_FXP_READ,
    DP_FXP_WRITE, DP_FXP_LSTAT, DP_FXP_FSTAT, DP_FXP_SETSTAT,
    DP_FXP_FSETSTAT, DP_FXP_OPENDIR, DP_FXP_READDIR, DP_FXP_REMOVE,
    DP_FXP_MKDIR, DP_FXP_RMDIR, DP_FXP_REALPATH, DP_FXP_STAT, DP_FXP_RENAME,
    DP_FXP_READLINK, DP_FXP_SYMLINK,
    DP_FXP_STATUS = 101, DP_FXP_HANDLE, DP_FXP_DATA, DP_FXP_NAME,
    DP_FXP_ATTRS,
    DP_FXP_EXTENDED = 200, DP_FXP_EXTENDED_REPLY
} DpSftpType;

/* Codes of a STATUS; those above 8 are of later versions, but seen. */
#define DP_FX_OK 0
#define DP_FX_EOF 1
#define DP_FX_NO_SUCH_FILE 2
#define DP_FX_PERMISSION_DENIED 3
#define DP_FX_FAILURE 4
#define DP_FX_BAD_MESSAGE 5
#define DP_FX_OP_UNSUPPORTED 8

/* A handle of the server's; section 4 of the draft: at most 256 bytes. */
typedef struct DpSftpHandle {
    uint16_t length;
    unsigned char bytes[256];
} DpSftpHandle;

/* Extensions as bits. */
#define DP_SFTP_POSIX_RENAME 0x01
#define DP_SFTP_STATVFS      0x02
#define DP_SFTP_FSTATVFS     0x04
#define DP_SFTP_HARDLINK     0x08
#define DP_SFTP_FSYNC        0x10
#define DP_SFTP_LSETSTAT     0x20
#define DP_SFTP_LIMITS       0x40
#define DP_SFTP_OPENSSH      0x80       /* any of OpenSSH's */

/*
 * Requests. Begin returns where the message stands in bufPtr; End, which fills
 * in its length, takes that; between the two, DpWirePut* and these.
 */
MODULE_SCOPE size_t DpSftpBegin(DpBuf *bufPtr, DpSftpType type, uint32_t id);
MODULE_SCOPE void DpSftpEnd(DpBuf *bufPtr, size_t at);
MODULE_SCOPE void DpSftpPut64(DpBuf *bufPtr, uint64_t value);
MODULE_SCOPE void DpSftpPutText(DpBuf *bufPtr, const char *text);
MODULE_SCOPE void DpSftpPutHandle(DpBuf *bufPtr,
	const DpSftpHandle *handlePtr);
/* What of attrPtr is in mask, too; inode and ctime can't be sent. */
MODULE_SCOPE void DpSftpPutAttr(DpBuf *bufPtr, const DpFsAttr *attrPtr,
	unsigned mask);

/* An answer. Pointers are into the message. */
typedef struct DpSftpReply {
    DpSftpType type;
    uint32_t id;
    uint32_t status;            /* STATUS */
    const unsigned char *bytes; /* DATA, HANDLE; STATUS: its text */
    size_t count;
    DpFsAttr attr;              /* ATTRS */
    uint32_t numNames;          /* NAME; they stand in rest */
    DpWire rest;                /* NAME, EXTENDED_REPLY, VERSION */
} DpSftpReply;

/* Reads a message (without its length). NULL, or what is wrong with it. */
MODULE_SCOPE const char *DpSftpDecode(DpSftpReply *replyPtr,
	const unsigned char *bytes, size_t count);
/* The next of a NAME; its name ends in NUL. False: malformed. */
MODULE_SCOPE bool DpSftpGetName(DpSftpReply *replyPtr, DpFsEntry *entryPtr,
	size_t *lengthPtr);
MODULE_SCOPE uint64_t DpSftpGet64(DpWire *wirePtr);
/* An EXTENDED_REPLY to statvfs@openssh.com. False: malformed. */
MODULE_SCOPE bool DpSftpGetSpace(DpWire *wirePtr, DpFsSpace *spacePtr);
/* The extensions of a VERSION. False: malformed. */
MODULE_SCOPE bool DpSftpGetExtensions(DpWire *wirePtr, unsigned *setPtr);
/* Their names, with spaces between, into textPtr with a NUL. */
MODULE_SCOPE void DpSftpExtensionNames(unsigned set, DpBuf *textPtr);

/* The errno that a status stands for, by itself. */
MODULE_SCOPE int DpSftpErrno(uint32_t status, DpFsKind kind);
/* The text of a STATUS where it says more than its code; else NULL. */
#define DP_SFTP_TEXT 200
MODULE_SCOPE const char *DpSftpText(const DpSftpReply *replyPtr,
	char text[DP_SFTP_TEXT]);

#endif

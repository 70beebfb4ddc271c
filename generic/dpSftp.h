/*
 * dpSftp.h -- the files of a host by the SSH File Transfer Protocol.
 *
 * Layer L2. Version 3 (draft-ietf-secsh-filexfer-02) with OpenSSH's
 * extensions, over anything that runs an sftp-server.
 */

#ifndef DP_SFTP_H
#define DP_SFTP_H

#include "dpFs.h"
#include "dpProc.h"
#include "dpSsh.h"

/*
 * A file system over a process that was just begun, whose streams it takes:
 * an SSH channel with the subsystem, an sftp-server run by sudo or locally.
 * The reference to procPtr is taken over. Operations may be submitted at once.
 */
MODULE_SCOPE DpFs *DpSftpNew(DpLoop *loopPtr, DpProc *procPtr,
	const char *slug);

/*
 * One over several channels of a session, at most limit (0: our default),
 * which are opened as they are needed and given up while the session's
 * commands need them.
 */
MODULE_SCOPE DpFs *DpSftpPoolNew(DpSsh *sshPtr, const char *slug, int limit);

/*
 * For both: ready is called once, never from inside of this, when the server
 * has answered (block, depth and extensions are known) or is lost: then
 * fsPtr->error is set; its code begins with FILE ENOSYS where the host has no
 * sftp server. With NULL it is not called any more.
 */
MODULE_SCOPE void DpSftpReady(DpFs *fsPtr,
	void (*ready)(void *clientData, DpFs *fsPtr), void *clientData);

/* For both: names of the extensions that are used, with spaces between. */
MODULE_SCOPE const char *DpSftpExtensions(const DpFs *fsPtr);

#endif

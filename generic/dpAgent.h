/*
 * dpAgent.h -- a client of the ssh-agent protocol
 * (draft-ietf-sshm-ssh-agent) that never blocks.
 *
 * Layer L2. Belongs to the loop's thread. Each call has a socket of its own,
 * so that an agent which waits for its user holds up nobody else.
 */

#ifndef DP_AGENT_H
#define DP_AGENT_H

#include "dpBuf.h"
#include "dpError.h"
#include "dpLoop.h"

#define DP_AGENT_MAX_MESSAGE (256 * 1024)

typedef struct DpAgentIdentity {
    unsigned char *blob;        /* public key, SSH wire format */
    size_t length;
    char *type;                 /* "ssh-ed25519" */
    char *comment;
} DpAgentIdentity;

/*
 * The end of a call. errPtr is NULL or says what went wrong ({AUTH}, without
 * data; then there is nothing else). What is passed is valid until the
 * procedure returns. The call itself is gone by then: it is not to be
 * cancelled any more. Never called from inside the function that starts it.
 */
typedef void (DpAgentListProc)(void *clientData,
	const DpAgentIdentity *identities, int count, const DpError *errPtr);

/*
 * sig is without the name of the algorithm around it, as libssh2's sign
 * callback returns it, and is to be freed with DpFree by who gets it.
 */
typedef void (DpAgentSignProc)(void *clientData, unsigned char *sig,
	size_t length, const DpError *errPtr);

typedef struct DpAgentCall DpAgentCall;

/* Asks the agent at the socket for its keys. */
MODULE_SCOPE DpAgentCall *DpAgentList(DpLoop *loopPtr, const char *socketPath,
	DpAgentListProc *proc, void *clientData);

/*
 * Has data signed with the key of blob under algorithm ("rsa-sha2-512", else
 * the type of the key). An agent that answers with another algorithm is an
 * error. blob, algorithm and data are copied.
 */
MODULE_SCOPE DpAgentCall *DpAgentSign(DpLoop *loopPtr, const char *socketPath,
	const void *blob, size_t length, const char *algorithm,
	const void *data, size_t dataLength, DpAgentSignProc *proc,
	void *clientData);

/* Ends a call without calling its procedure. Not after that was called. */
MODULE_SCOPE void DpAgentCancel(DpAgentCall *callPtr);

/*
 * The messages alone, for tests and for those with a transport of their own
 * (agent forwarding). The encoders append a whole message with its length;
 * the decoders take one without.
 */
MODULE_SCOPE void DpAgentEncodeList(DpBuf *bufPtr);
MODULE_SCOPE void DpAgentEncodeSign(DpBuf *bufPtr, const void *blob,
	size_t length, const char *algorithm, const void *data,
	size_t dataLength);
MODULE_SCOPE bool DpAgentDecodeList(const void *message, size_t length,
	DpAgentIdentity **identitiesPtr, int *countPtr, DpError *errPtr);
MODULE_SCOPE bool DpAgentDecodeSign(const void *message, size_t length,
	const char *algorithm, unsigned char **sigPtr, size_t *sigLengthPtr,
	DpError *errPtr);
MODULE_SCOPE void DpAgentFreeList(DpAgentIdentity *identities, int count);

#endif

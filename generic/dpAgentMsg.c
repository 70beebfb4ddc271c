/*
 * dpAgentMsg.c -- the messages of the ssh-agent protocol
 * (draft-ietf-sshm-ssh-agent).
 *
 * Layer L2.
 */

#include "dpAgent.h"
#include "dpWire.h"

#define AGENT_FAILURE 5
#define AGENTC_REQUEST_IDENTITIES 11
#define AGENT_IDENTITIES_ANSWER 12
#define AGENTC_SIGN_REQUEST 13
#define AGENT_SIGN_RESPONSE 14

#define FLAG_RSA_SHA2_256 2
#define FLAG_RSA_SHA2_512 4

/* OpenSSH's agent has the same bound. */
#define MAX_IDENTITIES 2048

#define CERT_SUFFIX "-cert-v01@openssh.com"

/* The length of an algorithm's name without what marks a certificate. */
static size_t
PlainLength(const char *algorithm)
{
    size_t length = strlen(algorithm);
    size_t suffix = strlen(CERT_SUFFIX);

    if (length > suffix
	    && strcmp(algorithm + length - suffix, CERT_SUFFIX) == 0) {
	length -= suffix;
    }
    return length;
}

static bool
NameIs(const char *algorithm, const char *name)
{
    return PlainLength(algorithm) == strlen(name)
	    && memcmp(algorithm, name, strlen(name)) == 0;
}

void
DpAgentEncodeList(DpBuf *bufPtr)
{
    DpWirePutNumber(bufPtr, 1);
    DpWirePutByte(bufPtr, AGENTC_REQUEST_IDENTITIES);
}

void
DpAgentEncodeSign(DpBuf *bufPtr, const void *blob, size_t length,
	const char *algorithm, const void *data, size_t dataLength)
{
    uint32_t flags = NameIs(algorithm, "rsa-sha2-512") ? FLAG_RSA_SHA2_512
	    : NameIs(algorithm, "rsa-sha2-256") ? FLAG_RSA_SHA2_256 : 0;

    DpWirePutNumber(bufPtr, (uint32_t) (1 + 4 + length + 4 + dataLength + 4));
    DpWirePutByte(bufPtr, AGENTC_SIGN_REQUEST);
    DpWirePutString(bufPtr, blob, length);
    DpWirePutString(bufPtr, data, dataLength);
    DpWirePutNumber(bufPtr, flags);
}

/*
 * Checks the type of an answer; wirePtr is behind it. doing is what failed,
 * for the sentence.
 */
static bool
ReadType(DpWire *wirePtr, uint8_t expected, const char *doing,
	DpError *errPtr)
{
    uint8_t type = DpWireByte(wirePtr);

    if (!wirePtr->failed && type == expected) {
	return true;
    }
    if (!wirePtr->failed && type == AGENT_FAILURE) {
	DpErrorSet(errPtr, "AUTH", "the ssh agent refused to %s", doing);
    } else {
	DpErrorSet(errPtr, "AUTH", "the ssh agent gave a malformed answer");
    }
    return false;
}

/* One identity; false when it is malformed. */
static bool
ReadIdentity(DpWire *wirePtr, DpAgentIdentity *idPtr)
{
    const unsigned char *blob = DpWireString(wirePtr, &idPtr->length);
    size_t length;
    const char *comment = (const char *) DpWireString(wirePtr, &length);
    DpWire inner;

    if (wirePtr->failed) {
	return false;
    }
    DpWireInit(&inner, blob, idPtr->length);
    idPtr->type = DpWireText(&inner);
    if (idPtr->type == NULL) {
	return false;
    }
    idPtr->blob = DpAlloc(idPtr->length);
    memcpy(idPtr->blob, blob, idPtr->length);

    /* Only shown: a NUL in it cuts it off. */
    idPtr->comment = DpAlloc(length + 1);
    memcpy(idPtr->comment, comment, length);
    return true;
}

bool
DpAgentDecodeList(const void *message, size_t length,
	DpAgentIdentity **identitiesPtr, int *countPtr, DpError *errPtr)
{
    DpAgentIdentity *identities;
    uint32_t count;
    DpWire wire;
    int i;

    *identitiesPtr = NULL;
    *countPtr = 0;
    DpWireInit(&wire, message, length);
    if (!ReadType(&wire, AGENT_IDENTITIES_ANSWER, "list its keys", errPtr)) {
	return false;
    }
    count = DpWireNumber(&wire);

    /* Two lengths at least for each: do not trust the number before that. */
    if (wire.failed || count > MAX_IDENTITIES || count > wire.left / 8) {
	DpErrorSet(errPtr, "AUTH", "the ssh agent gave a malformed answer");
	return false;
    }
    identities = DpAlloc(count * sizeof(*identities));
    for (i = 0; i < (int) count; i++) {
	if (!ReadIdentity(&wire, &identities[i])) {
	    DpAgentFreeList(identities, i + 1);
	    DpErrorSet(errPtr, "AUTH",
		    "the ssh agent gave a malformed answer");
	    return false;
	}
    }
    *identitiesPtr = identities;
    *countPtr = (int) count;
    return true;
}

void
DpAgentFreeList(DpAgentIdentity *identities, int count)
{
    for (int i = 0; i < count; i++) {
	DpFree(identities[i].blob);
	DpFree(identities[i].type);
	DpFree(identities[i].comment);
    }
    DpFree(identities);
}

bool
DpAgentDecodeSign(const void *message, size_t length, const char *algorithm,
	unsigned char **sigPtr, size_t *sigLengthPtr, DpError *errPtr)
{
    const unsigned char *sig, *name;
    size_t sigLength, nameLength;
    DpWire wire, inner;

    *sigPtr = NULL;
    *sigLengthPtr = 0;
    DpWireInit(&wire, message, length);
    if (!ReadType(&wire, AGENT_SIGN_RESPONSE, "sign with its key", errPtr)) {
	return false;
    }
    sig = DpWireString(&wire, &sigLength);
    DpWireInit(&inner, sig, sigLength);
    name = DpWireString(&inner, &nameLength);
    if (name != NULL && (nameLength != PlainLength(algorithm)
	    || memcmp(name, algorithm, nameLength) != 0)) {
	/* Old agents pass over the flags and sign with ssh-rsa. */
	DpErrorSet(errPtr, "AUTH", "the ssh agent cannot sign as %.60s",
		algorithm);
	return false;
    }
    if (strncmp(algorithm, "sk-", 3) == 0) {
	/* Flags and a counter follow; libssh2 takes it all as it is. */
	sigLength = inner.left;
	sig = DpWireBytes(&inner, sigLength);
    } else {
	sig = DpWireString(&inner, &sigLength);
    }
    if (sig == NULL || sigLength == 0) {
	DpErrorSet(errPtr, "AUTH", "the ssh agent gave a malformed answer");
	return false;
    }
    *sigPtr = DpAlloc(sigLength);
    memcpy(*sigPtr, sig, sigLength);
    *sigLengthPtr = sigLength;
    return true;
}

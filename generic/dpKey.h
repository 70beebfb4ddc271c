/*
 * dpKey.h -- private keys: reading them in OpenSSH's and OpenSSL's formats,
 * and signing with them.
 *
 * Layer L2. All functions may be called in any thread. Reading an encrypted
 * key takes a tenth of a second or more (that is the purpose of its key
 * derivation) and so belongs in a worker.
 */

#ifndef DP_KEY_H
#define DP_KEY_H

#include "dpError.h"

#define DP_KEY_MAX_FILE (1024 * 1024)

/* Counted; does not change, so several threads may sign at once. */
typedef struct DpKey DpKey;

typedef enum DpKeyStatus {
    DP_KEY_OK,
    DP_KEY_NEEDS_PASSPHRASE,    /* is encrypted and none was given */
    DP_KEY_WRONG_PASSPHRASE,
    DP_KEY_BAD                  /* unreadable, malformed or of a kind we do
				 * not know: the error says which */
} DpKeyStatus;

/*
 * Reads a private key from text (OpenSSH, PKCS#8 or traditional PEM). slug
 * and name (a path or an option) are for the error alone, which is set for
 * every status but OK: {FILE EINVAL slug name} and one sentence. passphrase
 * NULL: none is at hand. Never asks on a terminal. The caller owns one
 * reference to *keyPtrPtr.
 */
MODULE_SCOPE DpKeyStatus DpKeyParse(const char *slug, const char *name,
	const char *text, size_t length, const char *passphrase,
	DpKey **keyPtrPtr, DpError *errPtr);

/* The same from a file; {FILE <POSIXNAME> slug path} when it is unreadable. */
MODULE_SCOPE DpKeyStatus DpKeyLoad(const char *slug, const char *path,
	const char *passphrase, DpKey **keyPtrPtr, DpError *errPtr);

MODULE_SCOPE void DpKeyHold(DpKey *keyPtr);
MODULE_SCOPE void DpKeyDrop(DpKey *keyPtr);        /* NULL is allowed */

/* Public part as an SSH wire blob, its type ("ssh-rsa"), the comment or "". */
MODULE_SCOPE const unsigned char *DpKeyBlob(const DpKey *keyPtr,
	size_t *lengthPtr);
MODULE_SCOPE const char *DpKeyType(const DpKey *keyPtr);
MODULE_SCOPE const char *DpKeyComment(const DpKey *keyPtr);

/*
 * Signs data; *sigPtr is DpAlloc'ed. The result is what libssh2's sign
 * callback returns: the signature without the name of the algorithm around
 * it. algorithm is ssh-ed25519, ecdsa-sha2-nistp256/384/521, rsa-sha2-512,
 * rsa-sha2-256 or ssh-rsa. False and {AUTH} when the key cannot do that.
 */
MODULE_SCOPE bool DpKeySign(const DpKey *keyPtr, const char *algorithm,
	const void *data, size_t length, unsigned char **sigPtr,
	size_t *sigLengthPtr, DpError *errPtr);

/*
 * The algorithm that the data of a userauth request (what libssh2 hands to
 * the sign callback: session id and request) asks to be signed with.
 */
MODULE_SCOPE bool DpKeyRequestAlgorithm(const void *data, size_t length,
	char *name, size_t size);

/*
 * What of a private key file can be had without its passphrase. A zeroed one
 * is empty; DpKeyPublicClear frees what it holds.
 */
typedef struct DpKeyPublic {
    unsigned char *blob;        /* NULL: not known */
    size_t length;
    char *type;
    char *comment;              /* "" where there is none or it is hidden */
    bool encrypted;
} DpKeyPublic;

/*
 * Finds the public part of the key in path: in the file itself when it is in
 * OpenSSH's format or not encrypted, else in path.pub. OK with blob NULL when
 * it cannot be known; BAD and the error as for DpKeyLoad.
 */
MODULE_SCOPE DpKeyStatus DpKeyPublicLoad(const char *slug, const char *path,
	DpKeyPublic *publicPtr, DpError *errPtr);

/* The same from the text of a private key, or of a line "type base64 ...". */
MODULE_SCOPE DpKeyStatus DpKeyPublicParse(const char *slug, const char *name,
	const char *text, size_t length, DpKeyPublic *publicPtr,
	DpError *errPtr);
MODULE_SCOPE void DpKeyPublicClear(DpKeyPublic *publicPtr);

#endif

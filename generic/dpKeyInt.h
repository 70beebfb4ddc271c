/*
 * dpKeyInt.h -- private keys, between the files of dpKey.
 *
 * Layer L2.
 */

#ifndef DP_KEY_INT_H
#define DP_KEY_INT_H

#include "dpBuf.h"
#include "dpKey.h"
#include "dpWire.h"

#include <openssl/evp.h>

#define DP_KEY_MIN_RSA_BITS 1024
#define DP_KEY_MAX_RSA_BITS 16384

/* Why a key cannot be used: the end of a sentence "... : <why>". */
typedef struct DpKeyWhy {
    char text[160];
} DpKeyWhy;

MODULE_SCOPE void DpKeySetWhy(DpKeyWhy *whyPtr, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The outside of an openssh-key-v1 file: all that can be read without its
 * passphrase. Pointers are into body. DpKeyFileClear frees (and wipes) it.
 */
typedef struct DpKeyFile {
    DpBuf body;
    char *cipher;               /* "none" when it is not encrypted */
    char *kdf;
    const unsigned char *options;
    size_t optionsLength;
    const unsigned char *blob;  /* the public key */
    size_t blobLength;
    const unsigned char *secret;
    size_t secretLength;
    const unsigned char *tag;   /* of an authenticating cipher */
    size_t tagLength;
} DpKeyFile;

/* Whether text has such a file in it. */
MODULE_SCOPE bool DpKeyFileIs(const char *text, size_t length);

/* Takes text apart; false and why when it is malformed. */
MODULE_SCOPE bool DpKeyFileOpen(DpKeyFile *filePtr, const char *text,
	size_t length, DpKeyWhy *whyPtr);

static inline bool
DpKeyFileEncrypted(const DpKeyFile *filePtr)
{
    return strcmp(filePtr->cipher, "none") != 0;
}

/* Decrypts and builds the key and its comment, both the caller's on OK. */
MODULE_SCOPE DpKeyStatus DpKeyFileDecrypt(const DpKeyFile *filePtr,
	const char *passphrase, EVP_PKEY **pkeyPtrPtr, char **commentPtr,
	DpKeyWhy *whyPtr);
MODULE_SCOPE void DpKeyFileClear(DpKeyFile *filePtr);

/*
 * Decrypts length bytes under an OpenSSH cipher name and a passphrase into
 * out. NEEDS_PASSPHRASE never; WRONG_PASSPHRASE when the tag does not fit.
 */
MODULE_SCOPE DpKeyStatus DpKeyCipherDecrypt(const DpKeyFile *filePtr,
	const char *passphrase, unsigned char *out, DpKeyWhy *whyPtr);

/*
 * Block and tag size of a cipher name; false for one that we do not know.
 */
MODULE_SCOPE bool DpKeyCipherSizes(const char *name, size_t *blockPtr,
	size_t *tagPtr);

/* Reads "type, numbers" of a private key (the inside of such a file). */
MODULE_SCOPE EVP_PKEY *DpKeyReadPrivate(DpWire *wirePtr, DpKeyWhy *whyPtr);

/*
 * Appends the public part as an SSH blob and gives its type; NULL and why
 * for a kind of key that we do not sign with.
 */
MODULE_SCOPE const char *DpKeyPutBlob(DpBuf *bufPtr, EVP_PKEY *pkeyPtr,
	DpKeyWhy *whyPtr);

/* SSH and OpenSSL names of the NIST curves. */
typedef struct DpKeyCurve {
    const char *type;           /* ecdsa-sha2-nistp256 */
    const char *name;           /* nistp256 */
    const char *group;          /* of OpenSSL */
    const char *digest;
    size_t size;                /* bytes of a coordinate */
} DpKeyCurve;

/* By any of type, name and group; NULL if there is none. */
MODULE_SCOPE const DpKeyCurve *DpKeyFindCurve(const char *name,
	size_t length);

#endif

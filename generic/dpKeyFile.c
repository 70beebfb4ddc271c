/*
 * dpKeyFile.c -- OpenSSH's own format of private keys, openssh-key-v1 (see
 * PROTOCOL.key in its sources).
 *
 * Layer L2.
 */

#include "dpKeyInt.h"

#define BEGIN_LINE "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END_LINE "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC "openssh-key-v1" /* its NUL is part of it */

/* The place of needle in text, or NULL. */
static const char *
FindText(const char *text, size_t length, const char *needle)
{
    size_t size = strlen(needle);

    while (length >= size) {
	const char *hit = memchr(text, needle[0], length - size + 1);

	if (hit == NULL) {
	    return NULL;
	}
	if (memcmp(hit, needle, size) == 0) {
	    return hit;
	}
	length -= (size_t) (hit + 1 - text);
	text = hit + 1;
    }
    return NULL;
}

bool
DpKeyFileIs(const char *text, size_t length)
{
    return FindText(text, length, BEGIN_LINE) != NULL;
}

bool
DpKeyFileOpen(DpKeyFile *filePtr, const char *text, size_t length,
	DpKeyWhy *whyPtr)
{
    const char *begin = FindText(text, length, BEGIN_LINE);
    const char *end;
    size_t block;
    DpWire wire;
    const unsigned char *magic;

    memset(filePtr, 0, sizeof(*filePtr));
    DpKeySetWhy(whyPtr, "the file is damaged");
    if (begin == NULL) {
	return false;
    }
    begin += strlen(BEGIN_LINE);
    end = FindText(begin, length - (size_t) (begin - text), END_LINE);
    if (end == NULL || !DpWireFromBase64(&filePtr->body, begin,
	    (size_t) (end - begin), true) || DpBufLength(&filePtr->body) == 0) {
	return false;
    }
    DpWireInit(&wire, DpBufData(&filePtr->body),
	    DpBufLength(&filePtr->body));
    magic = DpWireBytes(&wire, sizeof(MAGIC));
    if (magic == NULL || memcmp(magic, MAGIC, sizeof(MAGIC)) != 0) {
	return false;
    }
    filePtr->cipher = DpWireText(&wire);
    filePtr->kdf = DpWireText(&wire);
    filePtr->options = DpWireString(&wire, &filePtr->optionsLength);
    if (DpWireNumber(&wire) != 1) {
	if (!wire.failed) {
	    DpKeySetWhy(whyPtr, "it holds more than one key");
	}
	return false;
    }
    filePtr->blob = DpWireString(&wire, &filePtr->blobLength);
    filePtr->secret = DpWireString(&wire, &filePtr->secretLength);
    if (wire.failed || filePtr->cipher == NULL || filePtr->kdf == NULL) {
	return false;
    }
    if (!DpKeyCipherSizes(filePtr->cipher, &block, &filePtr->tagLength)) {
	DpKeySetWhy(whyPtr, "the cipher \"%.60s\" is not known",
		filePtr->cipher);
	return false;
    }
    filePtr->tag = DpWireBytes(&wire, filePtr->tagLength);
    if (!DpKeyFileEncrypted(filePtr) && (filePtr->optionsLength > 0
	    || strcmp(filePtr->kdf, "none") != 0)) {
	return false;
    }
    return !wire.failed && wire.left == 0 && filePtr->secretLength >= block
	    && filePtr->secretLength % block == 0;
}

void
DpKeyFileClear(DpKeyFile *filePtr)
{
    DpFree(filePtr->cipher);
    DpFree(filePtr->kdf);
    DpBufWipe(&filePtr->body);
    memset(filePtr, 0, sizeof(*filePtr));
}

/* Whether the rest is the padding 1, 2, 3 ... of less than a block. */
static bool
IsPadding(const DpWire *wirePtr)
{
    if (wirePtr->failed || wirePtr->left >= 256) {
	return false;
    }
    for (size_t i = 0; i < wirePtr->left; i++) {
	if (wirePtr->bytes[i] != i + 1) {
	    return false;
	}
    }
    return true;
}

/* Whether the public part of the private key is the one of the file. */
static bool
SamePublic(const DpKeyFile *filePtr, EVP_PKEY *pkeyPtr, DpKeyWhy *whyPtr)
{
    DpBuf blob = {0};
    bool same = DpKeyPutBlob(&blob, pkeyPtr, whyPtr) != NULL
	    && DpBufLength(&blob) == filePtr->blobLength
	    && memcmp(DpBufData(&blob), filePtr->blob, filePtr->blobLength)
		== 0;

    if (!same) {
	DpKeySetWhy(whyPtr, "its public and private parts do not belong"
		" together");
    }
    DpBufFree(&blob);
    return same;
}

/* The decrypted part: check numbers, key, comment, padding. */
static DpKeyStatus
ReadSecret(const DpKeyFile *filePtr, const unsigned char *secret,
	EVP_PKEY **pkeyPtrPtr, char **commentPtr, DpKeyWhy *whyPtr)
{
    DpWire wire;
    uint32_t check;
    EVP_PKEY *pkeyPtr;
    char *comment;

    DpWireInit(&wire, secret, filePtr->secretLength);
    check = DpWireNumber(&wire);
    if (check != DpWireNumber(&wire)) {
	if (DpKeyFileEncrypted(filePtr)) {
	    return DP_KEY_WRONG_PASSPHRASE;
	}
	DpKeySetWhy(whyPtr, "the file is damaged");
	return DP_KEY_BAD;
    }
    pkeyPtr = DpKeyReadPrivate(&wire, whyPtr);
    if (pkeyPtr == NULL) {
	return DP_KEY_BAD;
    }
    comment = DpWireText(&wire);
    if (!IsPadding(&wire)) {
	DpKeySetWhy(whyPtr, "the file is damaged");
	goto bad;
    }
    if (!SamePublic(filePtr, pkeyPtr, whyPtr)) {
	goto bad;
    }
    *pkeyPtrPtr = pkeyPtr;
    *commentPtr = comment != NULL ? comment : DpStrdup("");
    return DP_KEY_OK;

bad:
    EVP_PKEY_free(pkeyPtr);
    DpFree(comment);
    return DP_KEY_BAD;
}

DpKeyStatus
DpKeyFileDecrypt(const DpKeyFile *filePtr, const char *passphrase,
	EVP_PKEY **pkeyPtrPtr, char **commentPtr, DpKeyWhy *whyPtr)
{
    unsigned char *secret;
    DpKeyStatus status;

    if (!DpKeyFileEncrypted(filePtr)) {
	return ReadSecret(filePtr, filePtr->secret, pkeyPtrPtr, commentPtr,
		whyPtr);
    }
    if (passphrase == NULL) {
	return DP_KEY_NEEDS_PASSPHRASE;
    }
    secret = DpAlloc(filePtr->secretLength);
    status = DpKeyCipherDecrypt(filePtr, passphrase, secret, whyPtr);
    if (status == DP_KEY_OK) {
	status = ReadSecret(filePtr, secret, pkeyPtrPtr, commentPtr, whyPtr);
    }
    DpWipe(secret, filePtr->secretLength);
    DpFree(secret);
    return status;
}

/*
 * dpKey.c -- private keys: reading them in any format, and signing.
 *
 * Layer L2. OpenSSH's own format is read by dpKeyFile.c, because libssh2 and
 * OpenSSL ask for a passphrase in the middle of things or not at all; PEM is
 * OpenSSL's.
 */

#include "dpKey.h"
#include "dpDisk.h"
#include "dpKeyInt.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdatomic.h>

#define PEM_BEGIN "-----BEGIN "
#define PUTTY_BEGIN "PuTTY-User-Key-File"

#define SSH_MSG_USERAUTH_REQUEST 50

struct DpKey {
    atomic_int refCount;
    EVP_PKEY *pkeyPtr;          /* itself counted, and wiped by OpenSSL */
    DpBuf blob;
    const char *type;           /* static */
    char *comment;
};

/* Never NULL: what comes after may add to it and search in it. */
static inline const char *
BufText(const DpBuf *bufPtr)
{
    return DpBufLength(bufPtr) > 0 ? (const char *) DpBufData(bufPtr) : "";
}

/* What the passphrase callback of OpenSSL works with. */
typedef struct PassphraseCall {
    const char *passphrase;     /* NULL: none is at hand */
    bool asked;
} PassphraseCall;

/*
 * Reading.
 */

/* Takes pkeyPtr and comment over; NULL and why when its kind is unknown. */
static DpKey *
NewKey(EVP_PKEY *pkeyPtr, char *comment, DpKeyWhy *whyPtr)
{
    DpKey *keyPtr = DpAlloc(sizeof(*keyPtr));

    atomic_init(&keyPtr->refCount, 1);
    keyPtr->pkeyPtr = pkeyPtr;
    keyPtr->comment = comment;
    keyPtr->type = DpKeyPutBlob(&keyPtr->blob, pkeyPtr, whyPtr);
    if (keyPtr->type == NULL) {
	DpKeyDrop(keyPtr);
	return NULL;
    }
    return keyPtr;
}

static int
GivePassphrase(char *buffer, int size, int forWriting, void *clientData)
{
    PassphraseCall *callPtr = clientData;
    size_t length;

    (void) forWriting;
    callPtr->asked = true;
    if (callPtr->passphrase == NULL) {
	return -1;
    }
    length = strlen(callPtr->passphrase);
    if (length > (size_t) size) {
	return -1;
    }
    memcpy(buffer, callPtr->passphrase, length);
    return (int) length;
}

/* Text by OpenSSL's readers. */
static DpKeyStatus
ReadPem(const char *text, size_t length, const char *passphrase,
	EVP_PKEY **pkeyPtrPtr, DpKeyWhy *whyPtr)
{
    PassphraseCall call = {passphrase, false};
    BIO *bioPtr = BIO_new_mem_buf(text, (int) length);

    *pkeyPtrPtr = bioPtr != NULL
	    ? PEM_read_bio_PrivateKey(bioPtr, NULL, GivePassphrase, &call)
	    : NULL;
    BIO_free(bioPtr);
    if (*pkeyPtrPtr != NULL) {
	return DP_KEY_OK;
    }
    if (call.asked) {
	return passphrase == NULL
		? DP_KEY_NEEDS_PASSPHRASE : DP_KEY_WRONG_PASSPHRASE;
    }
    DpKeySetWhy(whyPtr, "the file is damaged, or holds no private key of a"
	    " known kind");
    return DP_KEY_BAD;
}

static bool
StartsWith(const char *text, size_t length, const char *prefix)
{
    return length >= strlen(prefix)
	    && memcmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether a line of text begins with prefix. */
static bool
HasLine(const char *text, size_t length, const char *prefix)
{
    const char *end = text + length;

    while (text < end) {
	const char *newline;

	if (StartsWith(text, (size_t) (end - text), prefix)) {
	    return true;
	}
	newline = memchr(text, '\n', (size_t) (end - text));
	if (newline == NULL) {
	    return false;
	}
	text = newline + 1;
    }
    return false;
}

/* What the text is, when it is no private key. */
static void
ExplainText(const char *text, size_t length, DpKeyWhy *whyPtr)
{
    if (length == 0) {
	DpKeySetWhy(whyPtr, "it is empty");
    } else if (StartsWith(text, length, PUTTY_BEGIN)) {
	DpKeySetWhy(whyPtr, "it is a key of PuTTY's; \"puttygen KEY -O"
		" private-openssh\" converts it");
    } else if (StartsWith(text, length, "ssh-")
	    || StartsWith(text, length, "ecdsa-")) {
	DpKeySetWhy(whyPtr, "it is a public key, the private one is needed");
    } else {
	DpKeySetWhy(whyPtr, "it is not a private key");
    }
}

/* Text of either format. The passphrase may be NULL. */
static DpKeyStatus
ReadText(const char *text, size_t length, const char *passphrase,
	DpKey **keyPtrPtr, DpKeyWhy *whyPtr)
{
    EVP_PKEY *pkeyPtr = NULL;
    char *comment = NULL;
    DpKeyStatus status;

    *keyPtrPtr = NULL;
    if (length > DP_KEY_MAX_FILE) {
	DpKeySetWhy(whyPtr, "it is too large");
	return DP_KEY_BAD;
    }
    if (DpKeyFileIs(text, length)) {
	DpKeyFile file;

	status = DpKeyFileOpen(&file, text, length, whyPtr)
		? DpKeyFileDecrypt(&file, passphrase, &pkeyPtr, &comment,
		    whyPtr)
		: DP_KEY_BAD;
	DpKeyFileClear(&file);
    } else if (HasLine(text, length, PEM_BEGIN)) {
	status = ReadPem(text, length, passphrase, &pkeyPtr, whyPtr);
	comment = status == DP_KEY_OK ? DpStrdup("") : NULL;
    } else {
	ExplainText(text, length, whyPtr);
	status = DP_KEY_BAD;
    }
    if (status != DP_KEY_OK) {
	return status;
    }
    *keyPtrPtr = NewKey(pkeyPtr, comment, whyPtr);
    return *keyPtrPtr != NULL ? DP_KEY_OK : DP_KEY_BAD;
}

/* The error for a status, in the words that the user sees. */
static void
SetError(DpError *errPtr, DpKeyStatus status, const char *slug,
	const char *name, const DpKeyWhy *whyPtr)
{
    const char *why = whyPtr->text;

    if (status == DP_KEY_OK) {
	return;
    }
    if (status == DP_KEY_NEEDS_PASSPHRASE) {
	why = "it is encrypted and there is no passphrase";
    } else if (status == DP_KEY_WRONG_PASSPHRASE) {
	why = "the passphrase is wrong";
    }
    DpErrorSet(errPtr, "FILE EINVAL", "cannot use the private key \"%s\": %s",
	    name, why);
    DpErrorAddData(errPtr, slug);
    DpErrorAddData(errPtr, name);
}

DpKeyStatus
DpKeyParse(const char *slug, const char *name, const char *text,
	size_t length, const char *passphrase, DpKey **keyPtrPtr,
	DpError *errPtr)
{
    DpKeyWhy why = {""};
    DpKeyStatus status;

    /* OpenSSL's queue of errors is left as it was: others look at it. */
    ERR_set_mark();
    status = ReadText(text, length, passphrase, keyPtrPtr, &why);
    ERR_pop_to_mark();
    SetError(errPtr, status, slug, name, &why);
    return status;
}

DpKeyStatus
DpKeyLoad(const char *slug, const char *path, const char *passphrase,
	DpKey **keyPtrPtr, DpError *errPtr)
{
    DpBuf text = {0};
    int result = DpDiskRead(path, DP_KEY_MAX_FILE, &text, NULL);
    DpKeyStatus status = DP_KEY_BAD;

    *keyPtrPtr = NULL;
    if (result != 0) {
	DpDiskError(errPtr, result, slug, path, "read the private key");
    } else {
	status = DpKeyParse(slug, path, BufText(&text), DpBufLength(&text),
		passphrase, keyPtrPtr, errPtr);
    }
    DpBufWipe(&text);
    return status;
}

void
DpKeyHold(DpKey *keyPtr)
{
    atomic_fetch_add(&keyPtr->refCount, 1);
}

void
DpKeyDrop(DpKey *keyPtr)
{
    if (keyPtr == NULL || atomic_fetch_sub(&keyPtr->refCount, 1) != 1) {
	return;
    }
    EVP_PKEY_free(keyPtr->pkeyPtr);
    DpBufFree(&keyPtr->blob);
    DpFree(keyPtr->comment);
    DpFree(keyPtr);
}

const unsigned char *
DpKeyBlob(const DpKey *keyPtr, size_t *lengthPtr)
{
    *lengthPtr = DpBufLength(&keyPtr->blob);
    return DpBufData(&keyPtr->blob);
}

const char *
DpKeyType(const DpKey *keyPtr)
{
    return keyPtr->type;
}

const char *
DpKeyComment(const DpKey *keyPtr)
{
    return keyPtr->comment;
}

/*
 * Signing.
 */

/* The digest for an algorithm of this key; false when it has no such. */
static bool
FindDigest(const DpKey *keyPtr, const char *algorithm, const char **digestPtr)
{
    const DpKeyCurve *curvePtr;

    if (strcmp(keyPtr->type, "ssh-rsa") == 0) {
	*digestPtr = strcmp(algorithm, "rsa-sha2-512") == 0 ? "SHA512"
		: strcmp(algorithm, "rsa-sha2-256") == 0 ? "SHA256"
		: strcmp(algorithm, "ssh-rsa") == 0 ? "SHA1" : NULL;
	return *digestPtr != NULL;
    }
    if (strcmp(keyPtr->type, algorithm) != 0) {
	return false;
    }
    curvePtr = DpKeyFindCurve(algorithm, strlen(algorithm));
    *digestPtr = curvePtr != NULL ? curvePtr->digest : NULL;
    return true;
}

/* From OpenSSL's form of an ECDSA signature to two mpints. */
static bool
ConvertEcdsa(const unsigned char *der, size_t length, DpBuf *outPtr)
{
    ECDSA_SIG *sigPtr = d2i_ECDSA_SIG(NULL, &der, (long) length);
    const BIGNUM *numbers[2];
    unsigned char bytes[EVP_MAX_MD_SIZE * 2];

    if (sigPtr == NULL) {
	return false;
    }
    ECDSA_SIG_get0(sigPtr, &numbers[0], &numbers[1]);
    for (int i = 0; i < 2; i++) {
	int count = BN_bn2bin(numbers[i], bytes);

	DpWirePutMpint(outPtr, bytes, (size_t) count);
    }
    ECDSA_SIG_free(sigPtr);
    return true;
}

/* The signature in OpenSSL's form, or NULL. */
static unsigned char *
SignData(EVP_PKEY *pkeyPtr, const char *digest, const void *data,
	size_t length, size_t *sigLengthPtr)
{
    EVP_MD_CTX *ctxPtr = EVP_MD_CTX_new();
    unsigned char *sig = NULL;

    if (ctxPtr == NULL || EVP_DigestSignInit_ex(ctxPtr, NULL, digest, NULL,
	    NULL, pkeyPtr, NULL) != 1
	    || EVP_DigestSign(ctxPtr, NULL, sigLengthPtr, data, length) != 1) {
	goto done;
    }
    sig = DpAlloc(*sigLengthPtr);
    if (EVP_DigestSign(ctxPtr, sig, sigLengthPtr, data, length) != 1) {
	DpFree(sig);
	sig = NULL;
    }

done:
    EVP_MD_CTX_free(ctxPtr);
    return sig;
}

bool
DpKeySign(const DpKey *keyPtr, const char *algorithm, const void *data,
	size_t length, unsigned char **sigPtr, size_t *sigLengthPtr,
	DpError *errPtr)
{
    const char *digest;
    unsigned char *sig;
    size_t sigLength;
    bool ok = true;

    *sigPtr = NULL;
    *sigLengthPtr = 0;
    if (!FindDigest(keyPtr, algorithm, &digest)) {
	DpErrorSet(errPtr, "AUTH", "a key of type %s cannot sign as %.60s",
		keyPtr->type, algorithm);
	return false;
    }
    ERR_set_mark();
    sig = SignData(keyPtr->pkeyPtr, digest, data, length, &sigLength);
    if (sig != NULL && EVP_PKEY_is_a(keyPtr->pkeyPtr, "EC")) {
	DpBuf out = {0};

	ok = ConvertEcdsa(sig, sigLength, &out);
	DpFree(sig);
	sig = out.bytes;
	sigLength = DpBufLength(&out);
    }
    ERR_pop_to_mark();
    if (sig == NULL || !ok) {
	DpFree(sig);
	DpErrorSet(errPtr, "AUTH", "a key of type %s failed to sign as %s",
		keyPtr->type, algorithm);
	return false;
    }
    *sigPtr = sig;
    *sigLengthPtr = sigLength;
    return true;
}

bool
DpKeyRequestAlgorithm(const void *data, size_t length, char *name,
	size_t size)
{
    DpWire wire;
    const unsigned char *bytes;
    size_t count;

    DpWireInit(&wire, data, length);
    DpWireString(&wire, &count);        /* session id */
    if (DpWireByte(&wire) != SSH_MSG_USERAUTH_REQUEST) {
	return false;
    }
    DpWireString(&wire, &count);        /* user */
    DpWireString(&wire, &count);        /* service */
    bytes = DpWireString(&wire, &count);
    if (bytes == NULL || count != strlen("publickey")
	    || memcmp(bytes, "publickey", count) != 0) {
	return false;
    }
    DpWireByte(&wire);                  /* with a signature */
    bytes = DpWireString(&wire, &count);
    if (bytes == NULL || count >= size
	    || memchr(bytes, '\0', count) != NULL) {
	return false;
    }
    memcpy(name, bytes, count);
    name[count] = '\0';
    return true;
}

/*
 * The public part alone.
 */

void
DpKeyPublicClear(DpKeyPublic *publicPtr)
{
    DpFree(publicPtr->blob);
    DpFree(publicPtr->type);
    DpFree(publicPtr->comment);
    memset(publicPtr, 0, sizeof(*publicPtr));
}

/* Fills from a blob; false when there is no type in front of it. */
static bool
SetPublic(DpKeyPublic *publicPtr, const unsigned char *blob, size_t length,
	const char *comment, size_t commentLength)
{
    DpWire wire;
    char *type;

    DpWireInit(&wire, blob, length);
    type = DpWireText(&wire);
    if (type == NULL || type[0] == '\0') {
	DpFree(type);
	return false;
    }
    publicPtr->type = type;
    publicPtr->blob = DpAlloc(length);
    memcpy(publicPtr->blob, blob, length);
    publicPtr->length = length;
    publicPtr->comment = DpAlloc(commentLength + 1);
    memcpy(publicPtr->comment, comment, commentLength);
    return true;
}

static bool
IsBlank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first line "type base64 comment" of text. */
static bool
ReadPublicLine(const char *text, size_t length, DpKeyPublic *publicPtr)
{
    const char *newline = memchr(text, '\n', length);
    const char *end = newline != NULL ? newline : text + length;
    const char *type = text, *base64, *comment;
    DpBuf blob = {0};
    bool ok;

    while (end > text && (end[-1] == '\r' || IsBlank(end[-1]))) {
	end--;
    }
    while (text < end && !IsBlank(*text)) {
	text++;
    }
    base64 = text + 1;
    if (text == end || memchr(type, '\0', (size_t) (end - type)) != NULL) {
	return false;
    }
    for (text++; text < end && !IsBlank(*text); text++) {
	/* Only where it ends. */
    }
    comment = text < end ? text + 1 : end;
    ok = DpWireFromBase64(&blob, base64, (size_t) (text - base64), false)
	    && DpBufLength(&blob) > 0
	    && SetPublic(publicPtr, DpBufData(&blob), DpBufLength(&blob),
		comment, (size_t) (end - comment))
	    && strlen(publicPtr->type) == (size_t) (base64 - 1 - type)
	    && memcmp(publicPtr->type, type, strlen(publicPtr->type)) == 0;
    if (!ok) {
	DpKeyPublicClear(publicPtr);
    }
    DpBufFree(&blob);
    return ok;
}

/* The public part of an openssh-key-v1 file that is encrypted. */
static DpKeyStatus
ReadPublicFile(const char *text, size_t length, DpKeyPublic *publicPtr,
	DpKeyWhy *whyPtr)
{
    DpKeyFile file;
    DpKeyStatus status = DP_KEY_BAD;

    if (DpKeyFileOpen(&file, text, length, whyPtr)
	    && SetPublic(publicPtr, file.blob, file.blobLength, "", 0)) {
	publicPtr->encrypted = true;
	status = DP_KEY_OK;
    }
    DpKeyFileClear(&file);
    return status;
}

DpKeyStatus
DpKeyPublicParse(const char *slug, const char *name, const char *text,
	size_t length, DpKeyPublic *publicPtr, DpError *errPtr)
{
    DpKeyWhy why = {""};
    DpKey *keyPtr;
    DpKeyStatus status;

    memset(publicPtr, 0, sizeof(*publicPtr));
    if (ReadPublicLine(text, length, publicPtr)) {
	return DP_KEY_OK;
    }
    ERR_set_mark();
    status = ReadText(text, length, NULL, &keyPtr, &why);
    ERR_pop_to_mark();
    if (status == DP_KEY_OK) {
	SetPublic(publicPtr, DpBufData(&keyPtr->blob),
		DpBufLength(&keyPtr->blob), keyPtr->comment,
		strlen(keyPtr->comment));
	DpKeyDrop(keyPtr);
    } else if (status == DP_KEY_NEEDS_PASSPHRASE) {
	status = DP_KEY_OK;
	publicPtr->encrypted = true;
	if (DpKeyFileIs(text, length)) {
	    status = ReadPublicFile(text, length, publicPtr, &why);
	}
    }
    SetError(errPtr, status, slug, name, &why);
    return status;
}

DpKeyStatus
DpKeyPublicLoad(const char *slug, const char *path, DpKeyPublic *publicPtr,
	DpError *errPtr)
{
    DpBuf text = {0};
    int result = DpDiskRead(path, DP_KEY_MAX_FILE, &text, NULL);
    DpKeyStatus status = DP_KEY_BAD;

    memset(publicPtr, 0, sizeof(*publicPtr));
    if (result != 0) {
	DpDiskError(errPtr, result, slug, path, "read the private key");
	return DP_KEY_BAD;
    }
    status = DpKeyPublicParse(slug, path, BufText(&text), DpBufLength(&text),
	    publicPtr, errPtr);
    DpBufWipe(&text);
    if (status == DP_KEY_OK && publicPtr->blob == NULL) {
	/* It is a help only: whatever is wrong with it is no matter. */
	size_t size = strlen(path) + sizeof(".pub");
	char *publicPath = DpAlloc(size);

	memcpy(publicPath, path, strlen(path));
	memcpy(publicPath + strlen(path), ".pub", sizeof(".pub"));
	if (DpDiskRead(publicPath, DP_KEY_MAX_FILE, &text, NULL) == 0) {
	    ReadPublicLine(BufText(&text), DpBufLength(&text), publicPtr);
	    publicPtr->encrypted = true;
	}
	DpFree(publicPath);
	DpBufFree(&text);
    }
    return status;
}

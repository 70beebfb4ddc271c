/*
 * fuzzKey.c -- anything as a private key.
 *
 * The first byte of the input tells what the rest is: a file; the body of a
 * file of OpenSSH's (put into base64 here, which chance would never form);
 * the decrypted part of one; a public key line.
 */

#include "dpKeyInt.h"

#include <openssl/err.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A key that was accepted has to sign under its name. */
static void
Use(DpKey *keyPtr)
{
    DpError error = {.code = ""};
    const char *algorithm = DpKeyType(keyPtr);
    unsigned char *sig;
    size_t length;

    if (strcmp(algorithm, "ssh-rsa") == 0) {
	algorithm = "rsa-sha2-256";
    }
    if (DpKeySign(keyPtr, algorithm, "data", 4, &sig, &length, &error)
	    != (sig != NULL)) {
	abort();
    }
    DpFree(sig);
    DpErrorClear(&error);
    DpKeyDrop(keyPtr);
}

static void
TryText(const char *text, size_t size, const char *passphrase)
{
    DpError error = {.code = ""};
    DpKeyPublic public;
    DpKey *keyPtr;
    DpKeyStatus status = DpKeyParse("slug", "name", text, size, passphrase,
	    &keyPtr, &error);

    if ((status == DP_KEY_OK) != (keyPtr != NULL)
	    || (status == DP_KEY_OK) == DpErrorIsSet(&error)) {
	abort();
    }
    DpErrorClear(&error);
    if (keyPtr != NULL) {
	Use(keyPtr);
    }
    DpKeyPublicParse("slug", "name", text, size, &public, &error);
    DpKeyPublicClear(&public);
    DpErrorClear(&error);
}

static void
TryBody(const uint8_t *data, size_t size)
{
    DpBuf text = {0};

    DpBufAppend(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n", 36);
    DpWirePutBase64(&text, data, size);
    DpBufAppend(&text, "\n-----END OPENSSH PRIVATE KEY-----\n", 35);
    TryText((const char *) DpBufData(&text), DpBufLength(&text),
	    "secret");
    DpBufFree(&text);
}

static void
TrySecret(const uint8_t *data, size_t size)
{
    DpKeyWhy why;
    DpWire wire;
    EVP_PKEY *pkeyPtr;

    DpWireInit(&wire, data, size);
    pkeyPtr = DpKeyReadPrivate(&wire, &why);
    if (pkeyPtr != NULL) {
	DpBuf blob = {0};

	if (DpKeyPutBlob(&blob, pkeyPtr, &why) == NULL) {
	    abort();
	}
	DpBufFree(&blob);
	EVP_PKEY_free(pkeyPtr);
    }
    ERR_clear_error();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy;

    if (size < 2) {
	return 0;
    }
    size--;
    copy = DpAlloc(size);       /* exact: no byte behind it may be read */
    memcpy(copy, data + 1, size);
    switch (data[0] % 4) {
    case 0:
	/* No passphrase: an encrypted PEM may ask for hours of work. */
	TryText(copy, size, NULL);
	break;
    case 1:
	TryBody((const uint8_t *) copy, size);
	break;
    case 2:
	TrySecret((const uint8_t *) copy, size);
	break;
    default:
	TryText(copy, size, "");
	break;
    }
    DpFree(copy);
    return 0;
}

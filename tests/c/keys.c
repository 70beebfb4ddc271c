/*
 * keys.c -- tests of keys, known hosts and the agent client, as a program
 * that prints a line "ok N - NAME" for each.
 *
 *     keys-test DIRECTORY
 *
 * DIRECTORY is empty and stays behind. Where SSH_AUTH_SOCK names an agent,
 * that one is given keys and used.
 */

#include "keys.h"

#include "dpWire.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>

bool
TapCheck(Tap *tapPtr, bool ok, const char *format, ...)
{
    va_list args;

    printf("%s %d - ", ok ? "ok" : "not ok", ++tapPtr->count);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    tapPtr->failed += !ok;
    return ok;
}

void
TapSkip(Tap *tapPtr, const char *reason, const char *name)
{
    printf("ok %d - %s # SKIP %s\n", ++tapPtr->count, name, reason);
}

char *
TapPath(const Tap *tapPtr, const char *name)
{
    size_t size = strlen(tapPtr->dir) + strlen(name) + 2;
    char *path = DpAlloc(size);

    snprintf(path, size, "%s/%s", tapPtr->dir, name);
    return path;
}

/* "cd DIRECTORY && (FORMAT)" as a fresh string. */
static char *
ShellLine(const Tap *tapPtr, const char *format, va_list args)
{
    char command[2000];
    size_t size = sizeof(command) + strlen(tapPtr->dir) + 40;
    char *line = DpAlloc(size);

    vsnprintf(command, sizeof(command), format, args);
    snprintf(line, size, "cd '%s' && (%s) 2>/dev/null", tapPtr->dir,
	    command);
    return line;
}

bool
TapShell(const Tap *tapPtr, const char *format, ...)
{
    va_list args;
    char *line;
    char *quiet;
    int status;

    va_start(args, format);
    line = ShellLine(tapPtr, format, args);
    va_end(args);
    quiet = DpAlloc(strlen(line) + 20);
    sprintf(quiet, "%s </dev/null >&2", line);
    status = system(quiet);
    DpFree(quiet);
    DpFree(line);
    return status == 0;
}

char *
TapOutput(const Tap *tapPtr, const char *format, ...)
{
    char *text = DpAlloc(4096);
    va_list args;
    char *line;
    FILE *file;

    va_start(args, format);
    line = ShellLine(tapPtr, format, args);
    va_end(args);
    file = popen(line, "r");
    if (file != NULL) {
	if (fgets(text, 4096, file) == NULL) {
	    text[0] = '\0';
	}
	pclose(file);
    }
    text[strcspn(text, "\n")] = '\0';
    DpFree(line);
    return text;
}

char *
TapRead(const Tap *tapPtr, const char *name, size_t *lengthPtr)
{
    char *path = TapPath(tapPtr, name);
    FILE *file = fopen(path, "rb");
    char *text = DpAlloc(1 << 20);
    size_t length = 0;

    if (file != NULL) {
	length = fread(text, 1, (1 << 20) - 1, file);
	fclose(file);
    }
    if (lengthPtr != NULL) {
	*lengthPtr = length;
    }
    DpFree(path);
    return text;
}

void
TapWrite(const Tap *tapPtr, const char *name, const char *text,
	size_t length)
{
    char *path = TapPath(tapPtr, name);
    FILE *file = fopen(path, "wb");

    if (file != NULL) {
	fwrite(text, 1, length, file);
	fclose(file);
    }
    DpFree(path);
}

/*
 * Verification, by other ways than the signing goes.
 */

static EVP_PKEY *
FromParams(const char *type, OSSL_PARAM_BLD *builderPtr)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builderPtr);
    EVP_PKEY_CTX *ctxPtr = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkeyPtr = NULL;

    EVP_PKEY_fromdata_init(ctxPtr);
    EVP_PKEY_fromdata(ctxPtr, &pkeyPtr, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctxPtr);
    OSSL_PARAM_free(params);
    return pkeyPtr;
}

static EVP_PKEY *
PublicKey(const unsigned char *blob, size_t length)
{
    DpWire wire;
    char *type;
    size_t sizes[2];
    const unsigned char *parts[2];
    OSSL_PARAM_BLD *builderPtr = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkeyPtr = NULL;

    DpWireInit(&wire, blob, length);
    type = DpWireText(&wire);
    if (type == NULL) {
	goto done;
    }
    parts[0] = DpWireString(&wire, &sizes[0]);
    if (strcmp(type, "ssh-ed25519") == 0) {
	pkeyPtr = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
		parts[0], sizes[0]);
	goto done;
    }
    parts[1] = DpWireString(&wire, &sizes[1]);
    if (wire.failed) {
	goto done;
    }
    if (strcmp(type, "ssh-rsa") == 0) {
	BIGNUM *e = BN_bin2bn(parts[0], (int) sizes[0], NULL);
	BIGNUM *n = BN_bin2bn(parts[1], (int) sizes[1], NULL);

	OSSL_PARAM_BLD_push_BN(builderPtr, OSSL_PKEY_PARAM_RSA_E, e);
	OSSL_PARAM_BLD_push_BN(builderPtr, OSSL_PKEY_PARAM_RSA_N, n);
	pkeyPtr = FromParams("RSA", builderPtr);
	BN_free(e);
	BN_free(n);
    } else {
	char group[20];

	snprintf(group, sizeof(group), "P-%.3s", (const char *) parts[0] + 5);
	OSSL_PARAM_BLD_push_utf8_string(builderPtr,
		OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	OSSL_PARAM_BLD_push_octet_string(builderPtr, OSSL_PKEY_PARAM_PUB_KEY,
		parts[1], sizes[1]);
	pkeyPtr = FromParams("EC", builderPtr);
    }

done:
    DpFree(type);
    OSSL_PARAM_BLD_free(builderPtr);
    return pkeyPtr;
}

/* Two mpints of the wire as OpenSSL wants an ECDSA signature. */
static unsigned char *
EcdsaToDer(const unsigned char *sig, size_t length, size_t *derLengthPtr)
{
    DpWire wire;
    size_t sizes[2];
    const unsigned char *r, *s;
    ECDSA_SIG *sigPtr;
    unsigned char *der = NULL, *copy;
    int count;

    DpWireInit(&wire, sig, length);
    r = DpWireMpint(&wire, &sizes[0]);
    s = DpWireMpint(&wire, &sizes[1]);
    if (wire.failed || wire.left > 0) {
	return NULL;
    }
    sigPtr = ECDSA_SIG_new();
    ECDSA_SIG_set0(sigPtr, BN_bin2bn(r, (int) sizes[0], NULL),
	    BN_bin2bn(s, (int) sizes[1], NULL));
    count = i2d_ECDSA_SIG(sigPtr, &der);
    ECDSA_SIG_free(sigPtr);
    copy = DpAlloc((size_t) count);
    memcpy(copy, der, (size_t) count);
    OPENSSL_free(der);
    *derLengthPtr = (size_t) count;
    return copy;
}

bool
VerifySignature(const unsigned char *blob, size_t length,
	const char *algorithm, const void *data, size_t dataLength,
	const unsigned char *sig, size_t sigLength)
{
    static const char *const digests[][2] = {
	{"ssh-ed25519", NULL}, {"ssh-rsa", "SHA1"},
	{"rsa-sha2-256", "SHA256"}, {"rsa-sha2-512", "SHA512"},
	{"ecdsa-sha2-nistp256", "SHA256"}, {"ecdsa-sha2-nistp384", "SHA384"},
	{"ecdsa-sha2-nistp521", "SHA512"},
    };
    EVP_PKEY *pkeyPtr = PublicKey(blob, length);
    EVP_MD_CTX *ctxPtr = EVP_MD_CTX_new();
    const char *digest = NULL;
    unsigned char *der = NULL;
    bool ok = pkeyPtr != NULL;

    for (size_t i = 0; i < DP_ARRAY_SIZE(digests); i++) {
	if (strcmp(digests[i][0], algorithm) == 0) {
	    digest = digests[i][1];
	}
    }
    if (ok && strncmp(algorithm, "ecdsa-", 6) == 0) {
	der = EcdsaToDer(sig, sigLength, &sigLength);
	sig = der;
	ok = der != NULL;
    }
    ok = ok && EVP_DigestVerifyInit_ex(ctxPtr, NULL, digest, NULL, NULL,
	    pkeyPtr, NULL) == 1
	    && EVP_DigestVerify(ctxPtr, sig, sigLength, data, dataLength)
		== 1;
    EVP_MD_CTX_free(ctxPtr);
    EVP_PKEY_free(pkeyPtr);
    DpFree(der);
    return ok;
}

/*
 * The formats below everything.
 */

static bool
Decodes(const char *text, const char *expected)
{
    DpBuf buf = {0};
    bool ok = DpWireFromBase64(&buf, text, strlen(text), false);

    if (expected == NULL) {
	ok = !ok;
    } else {
	ok = ok && DpBufLength(&buf) == strlen(expected)
		&& memcmp(DpBufData(&buf), expected, strlen(expected)) == 0;
    }
    DpBufFree(&buf);
    return ok;
}

void
TestWire(Tap *tapPtr)
{
    static const unsigned char bytes[] = {
	0, 0, 0, 2, 'h', 'i', 0, 0, 0, 2, 0, 0x80, 0, 0, 0, 1, 0x80, 7
    };
    DpWire wire;
    DpBuf buf = {0};
    size_t length;
    char *text;

    TapCheck(tapPtr, Decodes("", "") && Decodes("Zg==", "f")
	    && Decodes("Zm8=", "fo") && Decodes("Zm9v", "foo")
	    && Decodes("Zm9vYmFy", "foobar"), "base64 is decoded");
    TapCheck(tapPtr, Decodes("Z", NULL) && Decodes("Zg", NULL)
	    && Decodes("Zg=", NULL) && Decodes("Zg===", NULL)
	    && Decodes("Zh==", NULL) && Decodes("Zm9=", NULL)
	    && Decodes("====", NULL) && Decodes("Zg==Zg==", NULL)
	    && Decodes("Zm 9v", NULL) && Decodes("Zm9\xc3", NULL),
	    "malformed base64 is refused");

    DpWireInit(&wire, bytes, sizeof(bytes));
    text = DpWireText(&wire);
    TapCheck(tapPtr, text != NULL && strcmp(text, "hi") == 0,
	    "a string is read");
    DpFree(text);
    TapCheck(tapPtr, DpWireMpint(&wire, &length) != NULL && length == 1,
	    "a positive number is read without its zero");
    TapCheck(tapPtr, DpWireMpint(&wire, &length) == NULL && wire.failed
	    && DpWireByte(&wire) == 0, "a negative number fails the reader");
    DpWireInit(&wire, bytes, 5);
    TapCheck(tapPtr, DpWireString(&wire, &length) == NULL && length == 0
	    && wire.failed, "a string that is cut off fails the reader");

    DpWirePutMpint(&buf, (const unsigned char *) "\0\0\x80", 3);
    TapCheck(tapPtr, DpBufLength(&buf) == 6
	    && memcmp(DpBufData(&buf), "\0\0\0\2\0\x80", 6) == 0,
	    "a number is written with one zero where it needs one");
    DpBufFree(&buf);
}

int
main(int argc, char *argv[])
{
    Tap tap = {0};

    if (argc != 2) {
	fprintf(stderr, "usage: keys-test DIRECTORY\n");
	return 2;
    }
    InitTcl(argv[0]);
    tap.dir = argv[1];
    TestWire(&tap);
    TestKeys(&tap);
    TestBadKeys(&tap);
    TestKnown(&tap);
    TestKnownFiles(&tap);
    TestAgent(&tap);
    printf("1..%d\n", tap.count);
    return tap.failed > 0;
}

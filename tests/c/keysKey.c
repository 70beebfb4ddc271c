/*
 * keysKey.c -- tests of private keys: every type, format and cipher that
 * ssh-keygen writes, and files that are no keys.
 */

#include "keys.h"

#include "dpBcrypt.h"
#include "dpWire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PASSPHRASE "open sesame"

typedef struct KeyType {
    const char *name;
    const char *options;        /* of ssh-keygen */
    const char *algorithms[4];
} KeyType;

static const KeyType keyTypes[] = {
    {"ed25519", "-t ed25519", {"ssh-ed25519"}},
    {"ecdsa256", "-t ecdsa -b 256", {"ecdsa-sha2-nistp256"}},
    {"ecdsa384", "-t ecdsa -b 384", {"ecdsa-sha2-nistp384"}},
    {"ecdsa521", "-t ecdsa -b 521", {"ecdsa-sha2-nistp521"}},
    {"rsa", "-t rsa -b 2048", {"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"}},
};

static const char *const formats[] = {"RFC4716", "PEM", "PKCS8"};

/* Parses a file with all its parts checked; the error is thrown away. */
static DpKeyStatus
Load(const Tap *tapPtr, const char *name, const char *passphrase,
	DpKey **keyPtrPtr)
{
    char *path = TapPath(tapPtr, name);
    DpError error = {.code = ""};
    DpKeyStatus status = DpKeyLoad("slug", path, passphrase, keyPtrPtr,
	    &error);

    if ((status == DP_KEY_OK) != (*keyPtrPtr != NULL)
	    || (status == DP_KEY_OK) == DpErrorIsSet(&error)) {
	printf("# status %d, error %s\n", status, error.code);
	status = DP_KEY_BAD;
    }
    DpErrorClear(&error);
    DpFree(path);
    return status;
}

/* Whether the blob is the one of the file NAME.pub, as ssh-keygen sees it. */
static bool
SameAsPublicFile(const Tap *tapPtr, const char *name,
	const unsigned char *blob, size_t length)
{
    DpBuf text = {0};
    char *expected = TapOutput(tapPtr, "cut -d ' ' -f 2 '%s.pub'", name);
    bool same;

    DpWirePutBase64(&text, blob, length);
    DpWirePutByte(&text, 0);
    same = strcmp((const char *) DpBufData(&text), expected) == 0;
    DpBufFree(&text);
    DpFree(expected);
    return same;
}

/* Every algorithm of the key, checked by OpenSSL; others are refused. */
static bool
SignsRight(const DpKey *keyPtr, const KeyType *typePtr)
{
    static const char data[] = "something to be signed";
    size_t length;
    const unsigned char *blob = DpKeyBlob(keyPtr, &length);
    DpError error = {.code = ""};
    unsigned char *sig;
    size_t sigLength;
    bool ok = true;

    for (int i = 0; typePtr->algorithms[i] != NULL; i++) {
	const char *algorithm = typePtr->algorithms[i];

	/* More than once: numbers have leading zeros by chance. */
	for (int j = 0; ok && j < 8; j++) {
	    ok = DpKeySign(keyPtr, algorithm, data, sizeof(data) - j, &sig,
		    &sigLength, &error)
		    && VerifySignature(blob, length, algorithm, data,
			sizeof(data) - j, sig, sigLength);
	    DpFree(sig);
	}
    }
    if (DpKeySign(keyPtr, "ssh-dss", data, sizeof(data), &sig, &sigLength,
	    &error) || sig != NULL || strcmp(error.code, "AUTH") != 0) {
	ok = false;
    }
    DpErrorClear(&error);
    return ok;
}

static void
TestOne(Tap *tapPtr, const KeyType *typePtr, const char *format)
{
    char name[64], locked[80];
    DpKey *keyPtr;
    DpKeyPublic public;
    DpError error = {.code = ""};
    const unsigned char *blob;
    size_t length;
    char *path, *firstLine;

    snprintf(name, sizeof(name), "%s-%s", typePtr->name, format);
    snprintf(locked, sizeof(locked), "%s-locked", name);
    TapShell(tapPtr, "ssh-keygen -q %s -m %s -N '' -C 'a comment' -f %s"
	    " && cp -p %s %s && cp -p %s.pub %s.pub"
	    " && ssh-keygen -q -p -a 2 -m %s -P '' -N '%s' -f %s",
	    typePtr->options, format, name, name, locked, name, locked,
	    format, PASSPHRASE, locked);
    if (!TapCheck(tapPtr, Load(tapPtr, name, NULL, &keyPtr) == DP_KEY_OK,
	    "%s is read", name)) {
	return;
    }
    blob = DpKeyBlob(keyPtr, &length);
    TapCheck(tapPtr, SameAsPublicFile(tapPtr, name, blob, length)
	    && DpWireNamed(blob, length, DpKeyType(keyPtr)),
	    "%s has the public part of its .pub", name);
    TapCheck(tapPtr, SignsRight(keyPtr, typePtr), "%s signs", name);
    TapCheck(tapPtr, strcmp(DpKeyComment(keyPtr), "a comment") == 0
	    || strcmp(DpKeyComment(keyPtr), "") == 0, "%s has its comment",
	    name);
    DpKeyHold(keyPtr);
    DpKeyDrop(keyPtr);
    DpKeyDrop(keyPtr);

    TapCheck(tapPtr, Load(tapPtr, locked, NULL, &keyPtr)
	    == DP_KEY_NEEDS_PASSPHRASE, "%s asks for its passphrase", locked);
    TapCheck(tapPtr, Load(tapPtr, locked, "wrong", &keyPtr)
	    == DP_KEY_WRONG_PASSPHRASE
	    && Load(tapPtr, locked, "", &keyPtr) == DP_KEY_WRONG_PASSPHRASE,
	    "%s notices a wrong passphrase", locked);
    TapCheck(tapPtr, Load(tapPtr, locked, PASSPHRASE, &keyPtr) == DP_KEY_OK
	    && SignsRight(keyPtr, typePtr), "%s signs once it is open",
	    locked);
    DpKeyDrop(keyPtr);

    path = TapPath(tapPtr, locked);
    TapCheck(tapPtr, DpKeyPublicLoad("slug", path, &public, &error)
	    == DP_KEY_OK && public.encrypted && public.blob != NULL
	    && SameAsPublicFile(tapPtr, name, public.blob, public.length),
	    "%s tells its public part without passphrase", locked);
    DpKeyPublicClear(&public);
    TapShell(tapPtr, "rm %s.pub", locked);
    firstLine = TapOutput(tapPtr, "head -n 1 %s", locked);
    TapCheck(tapPtr, DpKeyPublicLoad("slug", path, &public, &error)
	    == DP_KEY_OK && public.encrypted
	    && (public.blob != NULL)
		== (strstr(firstLine, "OPENSSH") != NULL),
	    "%s tells it without .pub if it is in OpenSSH's format", locked);
    DpKeyPublicClear(&public);
    DpErrorClear(&error);
    DpFree(firstLine);
    DpFree(path);
}

static void
TestCiphers(Tap *tapPtr)
{
    static const char *const ciphers[] = {
	"aes256-ctr", "aes192-ctr", "aes128-ctr", "aes256-cbc", "aes192-cbc",
	"aes128-cbc", "3des-cbc", "aes256-gcm@openssh.com",
	"aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"
    };

    for (size_t i = 0; i < DP_ARRAY_SIZE(ciphers); i++) {
	DpKey *keyPtr = NULL;
	char name[64];

	snprintf(name, sizeof(name), "cipher%d", (int) i);
	if (!TapShell(tapPtr, "ssh-keygen -q -t ed25519 -a 2 -Z %s -N '%s'"
		" -f %s", ciphers[i], PASSPHRASE, name)) {
	    TapSkip(tapPtr, "ssh-keygen lacks this cipher", ciphers[i]);
	    continue;
	}
	TapCheck(tapPtr, Load(tapPtr, name, PASSPHRASE, &keyPtr) == DP_KEY_OK
		&& SignsRight(keyPtr, &keyTypes[0]), "a key under %s",
		ciphers[i]);
	DpKeyDrop(keyPtr);
	TapCheck(tapPtr, Load(tapPtr, name, "wrong", &keyPtr)
		== DP_KEY_WRONG_PASSPHRASE,
		"a wrong passphrase under %s is noticed", ciphers[i]);
    }
}

static void
TestBcrypt(Tap *tapPtr)
{
    static const unsigned char expected[] = {
	0x5b, 0xbf, 0x0c, 0xc2, 0x93, 0x58, 0x7f, 0x1c,
	0x36, 0x35, 0x55, 0x5c, 0x27, 0x79, 0x65, 0x98,
	0xd4, 0x7e, 0x57, 0x90, 0x71, 0xbf, 0x42, 0x7e,
	0x9d, 0x8f, 0xbe, 0x84, 0x2a, 0xba, 0x34, 0xd9
    };
    unsigned char key[DP_BCRYPT_MAX_KEY + 1];

    TapCheck(tapPtr, DpBcryptDerive("password", 8, "salt", 4, 4, key,
	    sizeof(expected)) && memcmp(key, expected, sizeof(expected)) == 0,
	    "bcrypt_pbkdf gives its published value");
    TapCheck(tapPtr, !DpBcryptDerive("", 0, "salt", 4, 4, key, 32)
	    && !DpBcryptDerive("a", 1, "", 0, 4, key, 32)
	    && !DpBcryptDerive("a", 1, "salt", 4, 0, key, 32)
	    && !DpBcryptDerive("a", 1, "salt", 4, 1, key, 0)
	    && !DpBcryptDerive("a", 1, "salt", 4, 1, key, sizeof(key)),
	    "bcrypt_pbkdf refuses empty and too large arguments");
}

void
TestKeys(Tap *tapPtr)
{
    TestBcrypt(tapPtr);
    for (size_t i = 0; i < DP_ARRAY_SIZE(keyTypes); i++) {
	for (size_t j = 0; j < DP_ARRAY_SIZE(formats); j++) {
	    TestOne(tapPtr, &keyTypes[i], formats[j]);
	}
    }
    TestCiphers(tapPtr);
}

/*
 * Files that cannot be used.
 */

/* Whether text is refused as bad, with words in the message. */
static bool
Refuses(const char *text, size_t length, const char *words)
{
    DpError error = {.code = ""};
    DpKey *keyPtr = NULL;
    DpKeyStatus status = DpKeyParse("slug", "NAME", text, length, "x",
	    &keyPtr, &error);
    bool ok = status == DP_KEY_BAD && keyPtr == NULL
	    && strcmp(error.code, "FILE EINVAL") == 0 && error.numData == 2
	    && strcmp(error.data[0], "slug") == 0
	    && strcmp(error.data[1], "NAME") == 0
	    && strstr(error.message, words) != NULL
	    && strstr(error.message, "NAME") != NULL;

    if (!ok) {
	printf("# status %d, message %s\n", status,
		error.message != NULL ? error.message : "none");
    }
    DpKeyDrop(keyPtr);
    DpErrorClear(&error);
    return ok;
}

static bool
RefusesFile(const Tap *tapPtr, const char *name, const char *words)
{
    size_t length;
    char *text = TapRead(tapPtr, name, &length);
    bool ok = Refuses(text, length, words);

    DpFree(text);
    return ok;
}

/* A key in OpenSSH's format with the byte at offset of its body changed. */
static bool
RefusesChanged(const char *text, size_t at, const char *words)
{
    const char *begin = strchr(text, '\n') + 1;
    const char *end = strstr(begin, "-----END");
    DpBuf body = {0}, changed = {0};
    bool ok = DpWireFromBase64(&body, begin, (size_t) (end - begin), true)
	    && at < DpBufLength(&body);

    if (ok) {
	DpBufData(&body)[at] ^= 1;
	DpBufAppend(&changed, text, (size_t) (begin - text));
	DpWirePutBase64(&changed, DpBufData(&body), DpBufLength(&body));
	DpBufAppend(&changed, "\n", 1);
	DpBufAppend(&changed, end, strlen(end));
	ok = Refuses((const char *) DpBufData(&changed),
		DpBufLength(&changed), words);
    }
    DpBufFree(&body);
    DpBufFree(&changed);
    return ok;
}

/* Every byte of an unencrypted key matters, save those of its comment. */
static void
TestChanged(Tap *tapPtr, const char *name)
{
    char *text = TapRead(tapPtr, name, NULL);
    const char *begin = strchr(text, '\n') + 1;
    DpBuf body = {0};
    size_t bad = 0, first = 0, length;

    DpWireFromBase64(&body, begin,
	    (size_t) (strstr(begin, "-----END") - begin), true);
    length = DpBufLength(&body);
    for (size_t i = 0; i < length; i++) {
	ptrdiff_t comment = DpBufFind(&body, 0, "a comment", 9);

	if ((ptrdiff_t) i >= comment && (ptrdiff_t) i < comment + 9) {
	    continue;
	}
	if (!RefusesChanged(text, i, "")) {
	    first = bad++ == 0 ? i : first;
	}
    }
    TapCheck(tapPtr, bad == 0, "%s with any byte changed is refused", name);
    if (bad > 0) {
	printf("# %d of %d, the first at %d\n", (int) bad, (int) length,
		(int) first);
    }
    DpBufFree(&body);
    DpFree(text);
}

static bool
FailsWith(const Tap *tapPtr, const char *name, const char *code)
{
    char *path = TapPath(tapPtr, name);
    DpError error = {.code = ""};
    DpKeyPublic public;
    DpKey *keyPtr;
    bool ok = DpKeyLoad("slug", path, NULL, &keyPtr, &error) == DP_KEY_BAD
	    && keyPtr == NULL && strcmp(error.code, code) == 0
	    && error.numData == 2 && strcmp(error.data[1], path) == 0;

    ok = ok && DpKeyPublicLoad("slug", path, &public, &error) == DP_KEY_BAD
	    && strcmp(error.code, code) == 0;
    DpErrorClear(&error);
    DpFree(path);
    return ok;
}

/* Cut at every place, a key is refused or asks, and nothing else happens. */
static void
TestCut(Tap *tapPtr, const char *name)
{
    size_t length, bad = 0;
    char *text = TapRead(tapPtr, name, &length);
    DpError error = {.code = ""};
    DpKey *keyPtr;

    /* The last line may lose its end in PEM. */
    length = (size_t) (strstr(text, "-----END") - text);
    for (size_t i = 0; i < length; i++) {
	char *copy = DpAlloc(i);        /* exact, for the sanitizer */

	memcpy(copy, text, i);
	bad += DpKeyParse("slug", "NAME", copy, i, NULL, &keyPtr, &error)
		== DP_KEY_OK;
	DpKeyDrop(keyPtr);
	DpFree(copy);
    }
    TapCheck(tapPtr, bad == 0, "%s is refused wherever it is cut", name);
    DpErrorClear(&error);
    DpFree(text);
}

static void
TestRequest(Tap *tapPtr)
{
    char name[32];
    DpBuf data = {0};
    size_t length;
    bool short_ = false;

    DpWirePutString(&data, "session id", 10);
    DpWirePutByte(&data, 50);
    DpWirePutString(&data, "user", 4);
    DpWirePutString(&data, "ssh-connection", 14);
    DpWirePutString(&data, "publickey", 9);
    DpWirePutByte(&data, 1);
    DpWirePutString(&data, "rsa-sha2-256", 12);
    length = DpBufLength(&data);
    DpWirePutString(&data, "blob", 4);
    TapCheck(tapPtr, DpKeyRequestAlgorithm(DpBufData(&data),
	    DpBufLength(&data), name, sizeof(name))
	    && strcmp(name, "rsa-sha2-256") == 0,
	    "the algorithm of a login request is found");
    for (size_t i = 0; i < length; i++) {
	short_ = short_ || DpKeyRequestAlgorithm(DpBufData(&data), i, name,
		sizeof(name));
    }
    TapCheck(tapPtr, !short_ && !DpKeyRequestAlgorithm(DpBufData(&data),
	    DpBufLength(&data), name, 12),
	    "a login request that is cut off has none");
    DpBufFree(&data);
}

void
TestBadKeys(Tap *tapPtr)
{
    size_t length;
    char *text, *crlf;
    DpKey *keyPtr = NULL;
    DpError error = {.code = ""};
    DpKeyPublic public;

    TapCheck(tapPtr, FailsWith(tapPtr, "missing", "FILE ENOENT"),
	    "a missing file");
    TapCheck(tapPtr, FailsWith(tapPtr, ".", "FILE EISDIR"), "a directory");
    TapShell(tapPtr, "mkfifo fifo");
    TapCheck(tapPtr, FailsWith(tapPtr, "fifo", "FILE EINVAL"),
	    "a FIFO without a writer does not block");
    TapShell(tapPtr, "head -c 1048577 /dev/zero >large");
    TapCheck(tapPtr, FailsWith(tapPtr, "large", "FILE EFBIG"),
	    "a file that is too large");
    TapShell(tapPtr, "touch empty");
    TapCheck(tapPtr, FailsWith(tapPtr, "empty", "FILE EINVAL"),
	    "an empty file");
    TapCheck(tapPtr, Refuses("", 0, "empty"), "an empty text");
    TapCheck(tapPtr, Refuses("hello\n", 6, "not a private key"),
	    "a text that is something else");
    TapCheck(tapPtr, Refuses("PuTTY-User-Key-File-3: ssh-ed25519\n", 35,
	    "puttygen"), "a key of PuTTY's");
    TapCheck(tapPtr, RefusesFile(tapPtr, "rsa-PEM.pub", "public key"),
	    "a public key in place of the private one");
    if (TapShell(tapPtr, "ssh-keygen -q -t dsa -N '' -f dsa"
	    " && ssh-keygen -q -t dsa -m PEM -N '' -f dsa-pem")) {
	TapCheck(tapPtr, RefusesFile(tapPtr, "dsa", "ssh-dss")
		&& RefusesFile(tapPtr, "dsa-pem", "DSA"),
		"DSA is not supported, and named");
    } else {
	TapSkip(tapPtr, "ssh-keygen makes no DSA keys", "DSA");
    }
    if (TapShell(tapPtr, "openssl genpkey -algorithm ed448 -out ed448"
	    " && openssl ecparam -name secp256k1 -genkey -noout -out koblitz"
	    " && openssl genrsa -out rsa512 512")) {
	TapCheck(tapPtr, RefusesFile(tapPtr, "ed448", "ED448")
		&& RefusesFile(tapPtr, "koblitz", "secp256k1")
		&& RefusesFile(tapPtr, "rsa512", "512"),
		"other kinds of key are not supported, and named");
    } else {
	TapSkip(tapPtr, "no openssl program", "other kinds of key");
    }
    TestChanged(tapPtr, "ed25519-RFC4716");
    TestChanged(tapPtr, "ecdsa521-RFC4716");
    TestChanged(tapPtr, "rsa-RFC4716");
    TestCut(tapPtr, "ecdsa256-RFC4716");
    TestCut(tapPtr, "ecdsa256-PEM");
    TestCut(tapPtr, "ed25519-RFC4716-locked");

    text = TapRead(tapPtr, "ed25519-RFC4716", &length);
    crlf = DpAlloc(2 * length);
    length = 0;
    for (char *at = text; *at != '\0'; at++) {
	if (*at == '\n') {
	    crlf[length++] = '\r';
	}
	crlf[length++] = *at;
    }
    TapCheck(tapPtr, DpKeyParse("slug", "NAME", crlf, length, NULL, &keyPtr,
	    &error) == DP_KEY_OK, "a file with CRLF line ends");
    TapCheck(tapPtr, strcmp(DpKeyComment(keyPtr), "a comment") == 0,
	    "the comment of a key");
    DpKeyDrop(keyPtr);
    DpFree(text);
    DpFree(crlf);

    text = TapRead(tapPtr, "rsa-PEM.pub", &length);
    TapCheck(tapPtr, DpKeyPublicParse("slug", "NAME", text, length, &public,
	    &error) == DP_KEY_OK && strcmp(public.type, "ssh-rsa") == 0
	    && strcmp(public.comment, "a comment") == 0 && !public.encrypted,
	    "the line of a .pub file");
    DpKeyPublicClear(&public);
    DpFree(text);
    DpErrorClear(&error);
    TestRequest(tapPtr);
}

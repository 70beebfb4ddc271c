/*
 * dpKeyCipher.c -- the ciphers that openssh-key-v1 files are encrypted with.
 *
 * Layer L2.
 */

#include "dpBcrypt.h"
#include "dpKeyInt.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

/*
 * Some milliseconds each: above that, a key would take minutes. (ssh-keygen
 * -a; its default is 16, later 24.)
 */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#   define MAX_ROUNDS 1
#else
#   define MAX_ROUNDS 16384
#endif

#define MAX_KEY_SIZE 64
#define MAX_IV_SIZE 16
#define CHACHA_KEY_SIZE 32
#define CHACHA_IV_SIZE 16
#define POLY_SIZE 16

typedef struct Cipher {
    const char *name;
    const char *fetchName;      /* of OpenSSL; NULL is the chacha20 variant */
    size_t keySize, ivSize, blockSize, tagSize;
} Cipher;

static const Cipher ciphers[] = {
    {"aes256-ctr", "AES-256-CTR", 32, 16, 16, 0},
    {"aes192-ctr", "AES-192-CTR", 24, 16, 16, 0},
    {"aes128-ctr", "AES-128-CTR", 16, 16, 16, 0},
    {"aes256-cbc", "AES-256-CBC", 32, 16, 16, 0},
    {"aes192-cbc", "AES-192-CBC", 24, 16, 16, 0},
    {"aes128-cbc", "AES-128-CBC", 16, 16, 16, 0},
    {"3des-cbc", "DES-EDE3-CBC", 24, 8, 8, 0},
    {"aes256-gcm@openssh.com", "AES-256-GCM", 32, 12, 16, 16},
    {"aes128-gcm@openssh.com", "AES-128-GCM", 16, 12, 16, 16},
    {"chacha20-poly1305@openssh.com", NULL, 64, 0, 8, 16},
};

static const Cipher *
FindCipher(const char *name)
{
    for (size_t i = 0; i < DP_ARRAY_SIZE(ciphers); i++) {
	if (strcmp(ciphers[i].name, name) == 0) {
	    return &ciphers[i];
	}
    }
    return NULL;
}

bool
DpKeyCipherSizes(const char *name, size_t *blockPtr, size_t *tagPtr)
{
    const Cipher *cipherPtr = FindCipher(name);

    if (strcmp(name, "none") == 0) {
	*blockPtr = 8;
	*tagPtr = 0;
	return true;
    }
    if (cipherPtr == NULL) {
	return false;
    }
    *blockPtr = cipherPtr->blockSize;
    *tagPtr = cipherPtr->tagSize;
    return true;
}

/* Decrypts by a cipher of OpenSSL; *tagOkPtr says whether the tag fitted. */
static bool
DecryptEvp(const Cipher *cipherPtr, const DpKeyFile *filePtr,
	const unsigned char *key, const unsigned char *iv, unsigned char *out,
	bool *tagOkPtr)
{
    EVP_CIPHER *evpPtr = EVP_CIPHER_fetch(NULL, cipherPtr->fetchName, NULL);
    EVP_CIPHER_CTX *ctxPtr = EVP_CIPHER_CTX_new();
    int count = 0, rest = 0;
    bool ok = evpPtr != NULL && ctxPtr != NULL
	    && EVP_DecryptInit_ex2(ctxPtr, evpPtr, key, iv, NULL) == 1
	    && EVP_CIPHER_CTX_set_padding(ctxPtr, 0) == 1
	    && (cipherPtr->tagSize == 0
		|| EVP_CIPHER_CTX_ctrl(ctxPtr, EVP_CTRL_AEAD_SET_TAG,
		    (int) filePtr->tagLength, (void *) filePtr->tag) == 1)
	    && EVP_DecryptUpdate(ctxPtr, out, &count, filePtr->secret,
		(int) filePtr->secretLength) == 1;

    *tagOkPtr = ok && EVP_DecryptFinal_ex(ctxPtr, out + count, &rest) == 1;
    EVP_CIPHER_CTX_free(ctxPtr);
    EVP_CIPHER_free(evpPtr);
    return ok;
}

/* The Poly1305 tag of bytes. */
static bool
ComputePoly(const unsigned char *key, const unsigned char *bytes,
	size_t length, unsigned char tag[POLY_SIZE])
{
    EVP_MAC *macPtr = EVP_MAC_fetch(NULL, "POLY1305", NULL);
    EVP_MAC_CTX *ctxPtr = macPtr != NULL ? EVP_MAC_CTX_new(macPtr) : NULL;
    size_t size;
    bool ok = ctxPtr != NULL
	    && EVP_MAC_init(ctxPtr, key, CHACHA_KEY_SIZE, NULL) == 1
	    && EVP_MAC_update(ctxPtr, bytes, length) == 1
	    && EVP_MAC_final(ctxPtr, tag, &size, POLY_SIZE) == 1;

    EVP_MAC_CTX_free(ctxPtr);
    EVP_MAC_free(macPtr);
    return ok;
}

/*
 * OpenSSH's own composition: the tag's key is the first half of block 0 of
 * the stream, the text is encrypted from block 1 on. The sequence number,
 * which is the nonce, is 0 in a file; so all of the IV but the counter is.
 */
static bool
DecryptChacha(const DpKeyFile *filePtr, const unsigned char *key,
	unsigned char *out, bool *tagOkPtr)
{
    EVP_CIPHER *evpPtr = EVP_CIPHER_fetch(NULL, "ChaCha20", NULL);
    EVP_CIPHER_CTX *ctxPtr = EVP_CIPHER_CTX_new();
    unsigned char iv[CHACHA_IV_SIZE] = {0};
    unsigned char polyKey[CHACHA_KEY_SIZE] = {0};
    unsigned char tag[POLY_SIZE];
    int count;
    bool ok = evpPtr != NULL && ctxPtr != NULL
	    && EVP_EncryptInit_ex2(ctxPtr, evpPtr, key, iv, NULL) == 1
	    && EVP_EncryptUpdate(ctxPtr, polyKey, &count, polyKey,
		sizeof(polyKey)) == 1
	    && ComputePoly(polyKey, filePtr->secret, filePtr->secretLength,
		tag);

    *tagOkPtr = ok && filePtr->tagLength == POLY_SIZE
	    && CRYPTO_memcmp(tag, filePtr->tag, POLY_SIZE) == 0;
    iv[0] = 1;
    if (*tagOkPtr) {
	ok = EVP_DecryptInit_ex2(ctxPtr, evpPtr, key, iv, NULL) == 1
		&& EVP_DecryptUpdate(ctxPtr, out, &count, filePtr->secret,
		    (int) filePtr->secretLength) == 1;
    }
    DpWipe(polyKey, sizeof(polyKey));
    EVP_CIPHER_CTX_free(ctxPtr);
    EVP_CIPHER_free(evpPtr);
    return ok;
}

DpKeyStatus
DpKeyCipherDecrypt(const DpKeyFile *filePtr, const char *passphrase,
	unsigned char *out, DpKeyWhy *whyPtr)
{
    const Cipher *cipherPtr = FindCipher(filePtr->cipher);
    unsigned char key[MAX_KEY_SIZE + MAX_IV_SIZE];
    DpKeyStatus status = DP_KEY_BAD;
    const unsigned char *salt;
    size_t saltLength;
    uint32_t rounds;
    DpWire wire;
    bool ok, tagOk;

    DpWireInit(&wire, filePtr->options, filePtr->optionsLength);
    salt = DpWireString(&wire, &saltLength);
    rounds = DpWireNumber(&wire);
    if (cipherPtr == NULL || strcmp(filePtr->kdf, "bcrypt") != 0
	    || wire.failed || wire.left > 0 || saltLength == 0
	    || rounds == 0) {
	DpKeySetWhy(whyPtr, "its encryption parameters are malformed");
	return DP_KEY_BAD;
    }
    if (rounds > MAX_ROUNDS) {
	DpKeySetWhy(whyPtr, "it wants %lu rounds of key derivation, more than"
		" the %d that are allowed", (unsigned long) rounds,
		MAX_ROUNDS);
	return DP_KEY_BAD;
    }
    if (passphrase[0] == '\0') {
	return DP_KEY_WRONG_PASSPHRASE;
    }
    if (!DpBcryptDerive(passphrase, strlen(passphrase), salt, saltLength,
	    rounds, key, cipherPtr->keySize + cipherPtr->ivSize)) {
	DpKeySetWhy(whyPtr, "its key derivation failed");
	goto done;
    }
    if (cipherPtr->fetchName != NULL) {
	ok = DecryptEvp(cipherPtr, filePtr, key, key + cipherPtr->keySize,
		out, &tagOk);
    } else {
	ok = DecryptChacha(filePtr, key, out, &tagOk);
    }
    if (!ok) {
	DpKeySetWhy(whyPtr, "the cipher %s is not available",
		cipherPtr->name);
    } else {
	status = tagOk ? DP_KEY_OK : DP_KEY_WRONG_PASSPHRASE;
    }

done:
    DpWipe(key, sizeof(key));
    return status;
}

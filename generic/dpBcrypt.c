/*
 * dpBcrypt.c -- bcrypt_pbkdf, the key derivation of encrypted OpenSSH keys.
 *
 * Layer L0. Blowfish is needed in its key schedule alone, which OpenSSL does
 * not give (and only its legacy provider has the cipher), so it is here. Its
 * initial tables are the first bits of the fraction of pi; they are computed
 * and not listed: that takes a tenth of a usual derivation and leaves nothing
 * to mistype.
 */

#include "dpBcrypt.h"

#include <openssl/bn.h>
#include <openssl/evp.h>

#define NUM_SUBKEYS 18
#define NUM_BOX_WORDS (4 * 256)
#define TABLE_WORDS (NUM_SUBKEYS + NUM_BOX_WORDS)

/* 64 guard bits for what is cut off; each term gives 47 bits. */
#define FRACTION_BITS (32 * TABLE_WORDS + 64)
#define NUM_TERMS (FRACTION_BITS / 47 + 2)

#define HASH_SIZE 32                    /* of one bcrypt */
#define HASH_WORDS (HASH_SIZE / 4)
#define DIGEST_SIZE 64                  /* SHA-512 */

typedef struct Blowfish {
    uint32_t subkeys[NUM_SUBKEYS];
    uint32_t boxes[4][256];
} Blowfish;

/* All that a derivation uses, in one piece so that it is wiped at once. */
typedef struct Work {
    Blowfish initial;           /* from pi */
    Blowfish state;
    unsigned char passDigest[DIGEST_SIZE];
    unsigned char saltDigest[DIGEST_SIZE];
    unsigned char hash[HASH_SIZE];
    unsigned char sum[HASH_SIZE];
} Work;

static inline uint32_t
LoadWord(const unsigned char *bytes)
{
    return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16
	    | (uint32_t) bytes[2] << 8 | bytes[3];
}

/* The sum of terms from..to-1 of a series is sum / divisor. */
typedef struct Part {
    BIGNUM *factor;             /* product of the terms' numerators */
    BIGNUM *divisor;            /* product of their denominators */
    BIGNUM *sum;
} Part;

/* Numbers of the context's frame; the last one tells whether all are there. */
static bool
GetPart(BN_CTX *ctxPtr, Part *partPtr)
{
    partPtr->factor = BN_CTX_get(ctxPtr);
    partPtr->divisor = BN_CTX_get(ctxPtr);
    partPtr->sum = BN_CTX_get(ctxPtr);
    return partPtr->sum != NULL;
}

/* One term of Chudnovsky's series for 1/pi, relative to the one before. */
static bool
ComputeTerm(Part *partPtr, unsigned long k)
{
    BIGNUM *divisor = partPtr->divisor;

    if (!BN_set_word(partPtr->factor, 6 * k - 5)
	    || !BN_mul_word(partPtr->factor, 2 * k - 1)
	    || !BN_mul_word(partPtr->factor, 6 * k - 1)
	    || !BN_set_word(divisor, 640320) || !BN_mul_word(divisor, 640320)
	    || !BN_mul_word(divisor, 640320 / 24) || !BN_mul_word(divisor, k)
	    || !BN_mul_word(divisor, k) || !BN_mul_word(divisor, k)
	    || !BN_set_word(partPtr->sum, 545140134)
	    || !BN_mul_word(partPtr->sum, k)
	    || !BN_add_word(partPtr->sum, 13591409)) {
	return false;
    }
    BN_set_negative(partPtr->sum, k % 2);
    return true;
}

/* Terms from..to-1 in halves, so that large numbers meet large ones. */
static bool
SumTerms(BN_CTX *ctxPtr, Part *partPtr, unsigned long from, unsigned long to)
{
    unsigned long middle = from + (to - from) / 2;
    Part right;
    bool ok;

    if (to - from == 1) {
	return ComputeTerm(partPtr, from) && BN_mul(partPtr->sum,
		partPtr->sum, partPtr->factor, ctxPtr);
    }
    BN_CTX_start(ctxPtr);
    ok = GetPart(ctxPtr, &right)
	    && SumTerms(ctxPtr, partPtr, from, middle)
	    && SumTerms(ctxPtr, &right, middle, to)
	    && BN_mul(partPtr->sum, partPtr->sum, right.divisor, ctxPtr)
	    && BN_mul(right.sum, right.sum, partPtr->factor, ctxPtr)
	    && BN_add(partPtr->sum, partPtr->sum, right.sum)
	    && BN_mul(partPtr->factor, partPtr->factor, right.factor, ctxPtr)
	    && BN_mul(partPtr->divisor, partPtr->divisor, right.divisor,
		ctxPtr);
    BN_CTX_end(ctxPtr);
    return ok;
}

/* root = sqrt(10005) * 2^FRACTION_BITS, rounded down, by Newton's method. */
static bool
ComputeRoot(BN_CTX *ctxPtr, BIGNUM *root)
{
    BIGNUM *square, *next;
    bool ok;

    BN_CTX_start(ctxPtr);
    square = BN_CTX_get(ctxPtr);
    next = BN_CTX_get(ctxPtr);
    ok = next != NULL && BN_set_word(square, 10005)
	    && BN_lshift(square, square, 2 * FRACTION_BITS)
	    && BN_set_word(next, 101) && BN_lshift(next, next, FRACTION_BITS);
    if (ok) {
	/* From above, it falls until it is there. */
	do {
	    ok = BN_copy(root, next) != NULL
		    && BN_div(next, NULL, square, root, ctxPtr)
		    && BN_add(next, next, root) && BN_rshift1(next, next);
	} while (ok && BN_cmp(next, root) < 0);
    }
    BN_CTX_end(ctxPtr);
    return ok;
}

/* The tables are the first words of the fraction of pi. */
static bool
InitBlowfish(Blowfish *fishPtr)
{
    BN_CTX *ctxPtr = BN_CTX_new();
    unsigned char *bytes = DpAlloc(FRACTION_BITS / 8 + 1);
    uint32_t *words = DpAlloc(TABLE_WORDS * sizeof(*words));
    BIGNUM *pi;
    Part part;
    bool ok = false;

    if (ctxPtr == NULL) {
	goto done;
    }
    BN_CTX_start(ctxPtr);

    /* pi = 426880 sqrt(10005) divisor / (13591409 divisor + sum) */
    pi = BN_CTX_get(ctxPtr);
    ok = GetPart(ctxPtr, &part) && SumTerms(ctxPtr, &part, 1, NUM_TERMS)
	    && ComputeRoot(ctxPtr, pi)
	    && BN_mul(pi, pi, part.divisor, ctxPtr)
	    && BN_mul_word(pi, 426880)
	    && BN_mul_word(part.divisor, 13591409)
	    && BN_add(part.sum, part.sum, part.divisor)
	    && BN_div(pi, NULL, pi, part.sum, ctxPtr)
	    && BN_bn2binpad(pi, bytes, FRACTION_BITS / 8 + 1) > 0;
    BN_CTX_end(ctxPtr);
    if (!ok) {
	goto done;
    }
    for (int i = 0; i < TABLE_WORDS; i++) {
	words[i] = LoadWord(bytes + 1 + 4 * i);
    }
    memcpy(fishPtr->subkeys, words, sizeof(fishPtr->subkeys));
    memcpy(fishPtr->boxes, words + NUM_SUBKEYS, sizeof(fishPtr->boxes));

done:
    BN_CTX_free(ctxPtr);
    DpFree(bytes);
    DpFree(words);
    return ok;
}

static inline uint32_t
Scramble(const Blowfish *fishPtr, uint32_t x)
{
    return ((fishPtr->boxes[0][x >> 24] + fishPtr->boxes[1][x >> 16 & 255])
	    ^ fishPtr->boxes[2][x >> 8 & 255]) + fishPtr->boxes[3][x & 255];
}

static inline void
EncryptBlock(const Blowfish *fishPtr, uint32_t *leftPtr, uint32_t *rightPtr)
{
    uint32_t left = *leftPtr, right = *rightPtr;

    for (int i = 0; i < 16; i += 2) {
	left ^= fishPtr->subkeys[i];
	right ^= Scramble(fishPtr, left);
	right ^= fishPtr->subkeys[i + 1];
	left ^= Scramble(fishPtr, right);
    }
    *leftPtr = right ^ fishPtr->subkeys[17];
    *rightPtr = left ^ fishPtr->subkeys[16];
}

/* The big-endian word at index of a digest that is repeated for ever. */
static inline uint32_t
DigestWord(const unsigned char *digest, unsigned index)
{
    return LoadWord(digest + 4 * index % DIGEST_SIZE);
}

/*
 * Goes on with the chain of encryptions through count words: each pair is
 * replaced by the last result encrypted, with the salt mixed in before.
 * saltIndex is the place of the first word in the repeated salt.
 */
static void
ReplaceWords(Blowfish *fishPtr, uint32_t *words, unsigned count,
	const unsigned char *salt, unsigned saltIndex, uint32_t pair[2])
{
    for (unsigned i = 0; i < count; i += 2) {
	if (salt != NULL) {
	    pair[0] ^= DigestWord(salt, saltIndex + i);
	    pair[1] ^= DigestWord(salt, saltIndex + i + 1);
	}
	EncryptBlock(fishPtr, &pair[0], &pair[1]);
	words[i] = pair[0];
	words[i + 1] = pair[1];
    }
}

/* One key schedule; salt may be NULL. */
static void
ExpandKey(Blowfish *fishPtr, const unsigned char *salt,
	const unsigned char *key)
{
    uint32_t pair[2] = {0, 0};

    for (unsigned i = 0; i < NUM_SUBKEYS; i++) {
	fishPtr->subkeys[i] ^= DigestWord(key, i);
    }
    ReplaceWords(fishPtr, fishPtr->subkeys, NUM_SUBKEYS, salt, 0, pair);
    for (unsigned i = 0; i < 4; i++) {
	ReplaceWords(fishPtr, fishPtr->boxes[i], 256, salt,
		NUM_SUBKEYS + 256 * i, pair);
    }
}

/* workPtr->hash from the two digests: bcrypt as bcrypt_pbkdf uses it. */
static void
HashOnce(Work *workPtr)
{
    static const char text[HASH_SIZE + 1] = "OxychromaticBlowfishSwatDynamite";
    Blowfish *fishPtr = &workPtr->state;
    uint32_t words[HASH_WORDS];

    memcpy(fishPtr, &workPtr->initial, sizeof(*fishPtr));
    ExpandKey(fishPtr, workPtr->saltDigest, workPtr->passDigest);
    for (int i = 0; i < 64; i++) {
	ExpandKey(fishPtr, NULL, workPtr->saltDigest);
	ExpandKey(fishPtr, NULL, workPtr->passDigest);
    }
    for (unsigned i = 0; i < HASH_WORDS; i++) {
	words[i] = DigestWord((const unsigned char *) text, i);
    }
    for (int i = 0; i < HASH_WORDS; i += 2) {
	for (int j = 0; j < 64; j++) {
	    EncryptBlock(fishPtr, &words[i], &words[i + 1]);
	}
    }
    for (int i = 0; i < HASH_SIZE; i++) {
	/* Little-endian, unlike everything else here. */
	workPtr->hash[i] = (unsigned char) (words[i / 4] >> 8 * (i % 4));
    }
    DpWipe(words, sizeof(words));
}

/* The digest of bytes and, unless it is NULL, more after them. */
static bool
Digest(EVP_MD_CTX *ctxPtr, const void *bytes, size_t length,
	const unsigned char *more, size_t moreLength, unsigned char *digest)
{
    return EVP_DigestInit_ex(ctxPtr, EVP_sha512(), NULL) == 1
	    && EVP_DigestUpdate(ctxPtr, bytes, length) == 1
	    && (more == NULL
		|| EVP_DigestUpdate(ctxPtr, more, moreLength) == 1)
	    && EVP_DigestFinal_ex(ctxPtr, digest, NULL) == 1;
}

/* workPtr->sum for one block of the key; index counts from 1. */
static bool
DeriveBlock(Work *workPtr, EVP_MD_CTX *ctxPtr, const void *salt,
	size_t saltLength, uint32_t rounds, uint32_t index)
{
    const unsigned char counter[4] = {
	(unsigned char) (index >> 24), (unsigned char) (index >> 16),
	(unsigned char) (index >> 8), (unsigned char) index
    };

    if (!Digest(ctxPtr, salt, saltLength, counter, sizeof(counter),
	    workPtr->saltDigest)) {
	return false;
    }
    HashOnce(workPtr);
    memcpy(workPtr->sum, workPtr->hash, HASH_SIZE);
    while (--rounds > 0) {
	if (!Digest(ctxPtr, workPtr->hash, HASH_SIZE, NULL, 0,
		workPtr->saltDigest)) {
	    return false;
	}
	HashOnce(workPtr);
	for (int i = 0; i < HASH_SIZE; i++) {
	    workPtr->sum[i] ^= workPtr->hash[i];
	}
    }
    return true;
}

bool
DpBcryptDerive(const void *passphrase, size_t length, const void *salt,
	size_t saltLength, uint32_t rounds, unsigned char *key,
	size_t keyLength)
{
    size_t numBlocks = (keyLength + HASH_SIZE - 1) / HASH_SIZE;
    EVP_MD_CTX *ctxPtr;
    Work *workPtr;
    bool ok = false;

    if (length == 0 || saltLength == 0 || keyLength == 0 || rounds == 0
	    || keyLength > DP_BCRYPT_MAX_KEY) {
	return false;
    }
    workPtr = DpAlloc(sizeof(*workPtr));
    ctxPtr = EVP_MD_CTX_new();
    if (ctxPtr == NULL || !Digest(ctxPtr, passphrase, length, NULL, 0,
	    workPtr->passDigest)) {
	goto done;
    }
    if (!InitBlowfish(&workPtr->initial)) {
	goto done;
    }

    /*
     * The blocks are interleaved: with n of them, block i gives the bytes i,
     * i + n, i + 2n ... of the key.
     */
    for (size_t i = 0; i < numBlocks; i++) {
	if (!DeriveBlock(workPtr, ctxPtr, salt, saltLength, rounds,
		(uint32_t) i + 1)) {
	    goto done;
	}
	for (size_t j = 0; j < HASH_SIZE && j * numBlocks + i < keyLength;
		j++) {
	    key[j * numBlocks + i] = workPtr->sum[j];
	}
    }
    ok = true;

done:
    EVP_MD_CTX_free(ctxPtr);
    DpWipe(workPtr, sizeof(*workPtr));
    DpFree(workPtr);
    return ok;
}

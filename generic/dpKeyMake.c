/*
 * dpKeyMake.c -- between the SSH form of keys and OpenSSL's.
 *
 * Layer L2.
 */

#include "dpKeyInt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdio.h>

#define ED25519_SIZE 32

static const DpKeyCurve curves[] = {
    {"ecdsa-sha2-nistp256", "nistp256", "prime256v1", "SHA256", 32},
    {"ecdsa-sha2-nistp384", "nistp384", "secp384r1", "SHA384", 48},
    {"ecdsa-sha2-nistp521", "nistp521", "secp521r1", "SHA512", 66},
};

/* The numbers of an RSA key in the order of the file, then derived ones. */
enum { RSA_N, RSA_E, RSA_D, RSA_IQMP, RSA_P, RSA_Q, RSA_DP, RSA_DQ,
    NUM_RSA };
#define NUM_RSA_READ (RSA_Q + 1)

void
DpKeySetWhy(DpKeyWhy *whyPtr, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(whyPtr->text, sizeof(whyPtr->text), format, args);
    va_end(args);

    /* Names in it may come from the file. */
    for (char *at = whyPtr->text; *at != '\0'; at++) {
	if ((unsigned char) *at < ' ' || (unsigned char) *at >= 0x7f) {
	    *at = '?';
	}
    }
}

const DpKeyCurve *
DpKeyFindCurve(const char *name, size_t length)
{
    for (size_t i = 0; i < DP_ARRAY_SIZE(curves); i++) {
	const char *names[] = {
	    curves[i].type, curves[i].name, curves[i].group
	};

	for (size_t j = 0; j < DP_ARRAY_SIZE(names); j++) {
	    if (strlen(names[j]) == length
		    && memcmp(names[j], name, length) == 0) {
		return &curves[i];
	    }
	}
    }
    return NULL;
}

/*
 * Reading.
 */

static EVP_PKEY *
ReadEd25519(DpWire *wirePtr)
{
    size_t publicLength, secretLength;
    const unsigned char *public = DpWireString(wirePtr, &publicLength);
    const unsigned char *secret = DpWireString(wirePtr, &secretLength);

    /* The secret is the seed with the public key once more behind it. */
    if (wirePtr->failed || publicLength != ED25519_SIZE
	    || secretLength != 2 * ED25519_SIZE
	    || memcmp(public, secret + ED25519_SIZE, ED25519_SIZE) != 0) {
	return NULL;
    }
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret,
	    ED25519_SIZE);
}

/* A key of OpenSSL from its parameters. */
static EVP_PKEY *
MakeKey(const char *type, OSSL_PARAM_BLD *builderPtr)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builderPtr);
    EVP_PKEY_CTX *ctxPtr = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkeyPtr = NULL;

    if (params == NULL || ctxPtr == NULL
	    || EVP_PKEY_fromdata_init(ctxPtr) != 1
	    || EVP_PKEY_fromdata(ctxPtr, &pkeyPtr, EVP_PKEY_KEYPAIR, params)
		!= 1) {
	pkeyPtr = NULL;
    }
    EVP_PKEY_CTX_free(ctxPtr);
    OSSL_PARAM_free(params);
    return pkeyPtr;
}

/*
 * A number of a private key. BN_secure_new has also OpenSSL's copies of it
 * wiped.
 */
static BIGNUM *
ReadSecretNumber(DpWire *wirePtr, size_t maxLength)
{
    size_t length;
    const unsigned char *bytes = DpWireMpint(wirePtr, &length);
    BIGNUM *number = BN_secure_new();

    if (bytes == NULL || length > maxLength || number == NULL
	    || BN_bin2bn(bytes, (int) length, number) == NULL) {
	BN_clear_free(number);
	return NULL;
    }
    return number;
}

static EVP_PKEY *
ReadEcdsa(DpWire *wirePtr, const DpKeyCurve *curvePtr)
{
    size_t nameLength, pointLength;
    const char *name = (const char *) DpWireString(wirePtr, &nameLength);
    const unsigned char *point = DpWireString(wirePtr, &pointLength);
    BIGNUM *secret = ReadSecretNumber(wirePtr, curvePtr->size);
    OSSL_PARAM_BLD *builderPtr = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctxPtr = NULL;
    EVP_PKEY *pkeyPtr = NULL;

    if (name == NULL || DpKeyFindCurve(name, nameLength) != curvePtr
	    || pointLength != 2 * curvePtr->size + 1 || secret == NULL
	    || BN_is_zero(secret) || builderPtr == NULL
	    || !OSSL_PARAM_BLD_push_utf8_string(builderPtr,
		OSSL_PKEY_PARAM_GROUP_NAME, curvePtr->group, 0)
	    || !OSSL_PARAM_BLD_push_octet_string(builderPtr,
		OSSL_PKEY_PARAM_PUB_KEY, point, pointLength)
	    || !OSSL_PARAM_BLD_push_BN(builderPtr, OSSL_PKEY_PARAM_PRIV_KEY,
		secret)) {
	goto done;
    }
    pkeyPtr = MakeKey("EC", builderPtr);
    ctxPtr = pkeyPtr != NULL
	    ? EVP_PKEY_CTX_new_from_pkey(NULL, pkeyPtr, NULL) : NULL;
    if (ctxPtr == NULL || EVP_PKEY_pairwise_check(ctxPtr) != 1) {
	EVP_PKEY_free(pkeyPtr);
	pkeyPtr = NULL;
    }

done:
    EVP_PKEY_CTX_free(ctxPtr);
    OSSL_PARAM_BLD_free(builderPtr);
    BN_clear_free(secret);
    return pkeyPtr;
}

/*
 * Fills the exponents for one prime, and checks that the public exponent
 * fits the private one there. Wrong numbers would give signatures from which
 * the key could be computed.
 */
static bool
CheckPrime(BN_CTX *ctxPtr, BIGNUM **numbers, int prime, int exponent)
{
    BIGNUM *less = numbers[exponent];
    BIGNUM *product = BN_secure_new();
    bool ok = product != NULL && BN_is_odd(numbers[prime])
	    && BN_num_bits(numbers[prime]) > 1
	    && BN_sub(less, numbers[prime], BN_value_one())
	    && BN_mod_mul(product, numbers[RSA_E], numbers[RSA_D], less,
		ctxPtr)
	    && BN_is_one(product);

    if (ok) {
	ok = BN_copy(product, less) != NULL
		&& BN_mod(numbers[exponent], numbers[RSA_D], product, ctxPtr);
    }
    BN_clear_free(product);
    return ok;
}

/* Whether all the numbers of an RSA key belong together. */
static bool
CheckRsa(BIGNUM **numbers)
{
    BN_CTX *ctxPtr = BN_CTX_secure_new();
    BIGNUM *product = BN_secure_new();
    bool ok = ctxPtr != NULL && product != NULL
	    && BN_mul(product, numbers[RSA_P], numbers[RSA_Q], ctxPtr)
	    && BN_cmp(product, numbers[RSA_N]) == 0
	    && CheckPrime(ctxPtr, numbers, RSA_P, RSA_DP)
	    && CheckPrime(ctxPtr, numbers, RSA_Q, RSA_DQ)
	    && BN_mod_mul(product, numbers[RSA_IQMP], numbers[RSA_Q],
		numbers[RSA_P], ctxPtr)
	    && BN_is_one(product);

    BN_clear_free(product);
    BN_CTX_free(ctxPtr);
    return ok;
}

static EVP_PKEY *
ReadRsa(DpWire *wirePtr, DpKeyWhy *whyPtr)
{
    static const char *const params[NUM_RSA] = {
	OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
	OSSL_PKEY_PARAM_RSA_COEFFICIENT1, OSSL_PKEY_PARAM_RSA_FACTOR1,
	OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
	OSSL_PKEY_PARAM_RSA_EXPONENT2
    };
    BIGNUM *numbers[NUM_RSA] = {NULL};
    OSSL_PARAM_BLD *builderPtr = NULL;
    EVP_PKEY *pkeyPtr = NULL;
    int bits;

    for (int i = 0; i < NUM_RSA; i++) {
	numbers[i] = i < NUM_RSA_READ
		? ReadSecretNumber(wirePtr, DP_KEY_MAX_RSA_BITS / 8)
		: BN_secure_new();
	if (numbers[i] == NULL) {
	    goto done;
	}
    }
    bits = BN_num_bits(numbers[RSA_N]);
    if (bits < DP_KEY_MIN_RSA_BITS) {
	DpKeySetWhy(whyPtr, "an RSA key of %d bits is too short to be safe",
		bits);
	goto done;
    }
    builderPtr = OSSL_PARAM_BLD_new();
    if (builderPtr == NULL || !CheckRsa(numbers)) {
	goto done;
    }
    for (int i = 0; i < NUM_RSA; i++) {
	if (!OSSL_PARAM_BLD_push_BN(builderPtr, params[i], numbers[i])) {
	    goto done;
	}
    }
    pkeyPtr = MakeKey("RSA", builderPtr);

done:
    OSSL_PARAM_BLD_free(builderPtr);
    for (int i = 0; i < NUM_RSA; i++) {
	BN_clear_free(numbers[i]);
    }
    return pkeyPtr;
}

EVP_PKEY *
DpKeyReadPrivate(DpWire *wirePtr, DpKeyWhy *whyPtr)
{
    char *type = DpWireText(wirePtr);
    const DpKeyCurve *curvePtr;
    EVP_PKEY *pkeyPtr = NULL;

    DpKeySetWhy(whyPtr, "the file is damaged");
    if (type == NULL) {
	return NULL;
    }
    curvePtr = DpKeyFindCurve(type, strlen(type));
    if (strcmp(type, "ssh-ed25519") == 0) {
	pkeyPtr = ReadEd25519(wirePtr);
    } else if (strcmp(type, "ssh-rsa") == 0) {
	pkeyPtr = ReadRsa(wirePtr, whyPtr);
    } else if (curvePtr != NULL && strcmp(type, curvePtr->type) == 0) {
	pkeyPtr = ReadEcdsa(wirePtr, curvePtr);
    } else {
	DpKeySetWhy(whyPtr, "keys of type \"%.60s\" are not supported (only"
		" ed25519, ecdsa and rsa are)", type);
    }
    DpFree(type);
    return pkeyPtr;
}

/*
 * The public part.
 */

static void
PutText(DpBuf *bufPtr, const char *text)
{
    DpWirePutString(bufPtr, text, strlen(text));
}

static bool
PutNumber(DpBuf *bufPtr, EVP_PKEY *pkeyPtr, const char *param)
{
    BIGNUM *number = NULL;
    unsigned char *bytes;
    int length;

    if (EVP_PKEY_get_bn_param(pkeyPtr, param, &number) != 1) {
	return false;
    }
    length = BN_num_bytes(number);
    bytes = DpAlloc((size_t) length);
    BN_bn2bin(number, bytes);
    DpWirePutMpint(bufPtr, bytes, (size_t) length);
    DpFree(bytes);
    BN_free(number);
    return true;
}

/* The point without compression, whatever form the key came in. */
static bool
PutPoint(DpBuf *bufPtr, EVP_PKEY *pkeyPtr, const DpKeyCurve *curvePtr)
{
    int size = (int) curvePtr->size;
    BIGNUM *x = NULL, *y = NULL;
    bool ok = EVP_PKEY_get_bn_param(pkeyPtr, OSSL_PKEY_PARAM_EC_PUB_X, &x)
	    == 1
	    && EVP_PKEY_get_bn_param(pkeyPtr, OSSL_PKEY_PARAM_EC_PUB_Y, &y)
	    == 1;

    if (ok) {
	unsigned char *bytes;

	DpWirePutNumber(bufPtr, 2 * (uint32_t) size + 1);
	DpWirePutByte(bufPtr, 4);
	bytes = DpBufReserve(bufPtr, 2 * (size_t) size);
	ok = BN_bn2binpad(x, bytes, size) == size
		&& BN_bn2binpad(y, bytes + size, size) == size;
	DpBufAdded(bufPtr, 2 * (size_t) size);
    }
    BN_free(x);
    BN_free(y);
    return ok;
}

const char *
DpKeyPutBlob(DpBuf *bufPtr, EVP_PKEY *pkeyPtr, DpKeyWhy *whyPtr)
{
    const DpKeyCurve *curvePtr;
    const char *name = EVP_PKEY_get0_type_name(pkeyPtr);
    char group[64] = "";
    int bits = EVP_PKEY_get_bits(pkeyPtr);

    DpKeySetWhy(whyPtr, "the file is damaged");
    if (EVP_PKEY_is_a(pkeyPtr, "ED25519")) {
	unsigned char bytes[ED25519_SIZE];
	size_t length = sizeof(bytes);

	if (EVP_PKEY_get_raw_public_key(pkeyPtr, bytes, &length) != 1) {
	    return NULL;
	}
	PutText(bufPtr, "ssh-ed25519");
	DpWirePutString(bufPtr, bytes, length);
	return "ssh-ed25519";
    }
    if (EVP_PKEY_is_a(pkeyPtr, "RSA")) {
	if (bits < DP_KEY_MIN_RSA_BITS || bits > DP_KEY_MAX_RSA_BITS) {
	    DpKeySetWhy(whyPtr, "an RSA key of %d bits is too %s", bits,
		    bits < DP_KEY_MIN_RSA_BITS ? "short to be safe" : "long");
	    return NULL;
	}
	PutText(bufPtr, "ssh-rsa");
	return PutNumber(bufPtr, pkeyPtr, OSSL_PKEY_PARAM_RSA_E)
		&& PutNumber(bufPtr, pkeyPtr, OSSL_PKEY_PARAM_RSA_N)
		? "ssh-rsa" : NULL;
    }
    if (!EVP_PKEY_is_a(pkeyPtr, "EC")) {
	DpKeySetWhy(whyPtr, "keys of type \"%.60s\" are not supported (only"
		" ed25519, ecdsa and rsa are)", name != NULL ? name : "?");
	return NULL;
    }
    EVP_PKEY_get_utf8_string_param(pkeyPtr, OSSL_PKEY_PARAM_GROUP_NAME,
	    group, sizeof(group), NULL);
    curvePtr = DpKeyFindCurve(group, strlen(group));
    if (curvePtr == NULL) {
	DpKeySetWhy(whyPtr, "keys on the curve \"%.60s\" are not supported"
		" (only nistp256, nistp384 and nistp521 are)",
		group[0] != '\0' ? group : "?");
	return NULL;
    }
    PutText(bufPtr, curvePtr->type);
    PutText(bufPtr, curvePtr->name);
    return PutPoint(bufPtr, pkeyPtr, curvePtr) ? curvePtr->type : NULL;
}

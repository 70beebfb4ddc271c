/*
 * dpPumpSum.c -- checksums of streams, by OpenSSL.
 *
 * Layer L0.
 */

#include "dpPumpSum.h"

#include <openssl/evp.h>

struct DpSum {
    EVP_MD_CTX *ctxPtr;
};

DpSum *
DpSumNew(const char *name)
{
    EVP_MD *mdPtr = EVP_MD_fetch(NULL, name, NULL);
    DpSum *sumPtr = NULL;

    /* One of variable length has no text of its own. */
    if (mdPtr != NULL && (EVP_MD_get_flags(mdPtr) & EVP_MD_FLAG_XOF) == 0) {
	sumPtr = DpAlloc(sizeof(*sumPtr));
	sumPtr->ctxPtr = EVP_MD_CTX_new();
	if (sumPtr->ctxPtr == NULL
		|| EVP_DigestInit_ex(sumPtr->ctxPtr, mdPtr, NULL) != 1) {
	    DpSumFree(sumPtr);
	    sumPtr = NULL;
	}
    }
    EVP_MD_free(mdPtr);
    return sumPtr;
}

void
DpSumAdd(DpSum *sumPtr, const void *bytes, size_t count)
{
    EVP_DigestUpdate(sumPtr->ctxPtr, bytes, count);
}

void
DpSumEnd(DpSum *sumPtr, char text[DP_SUM_TEXT])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int count = 0;

    EVP_DigestFinal_ex(sumPtr->ctxPtr, bytes, &count);
    for (unsigned int i = 0; i < count; i++) {
	text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
	text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    text[2 * count] = '\0';
}

void
DpSumFree(DpSum *sumPtr)
{
    if (sumPtr != NULL) {
	EVP_MD_CTX_free(sumPtr->ctxPtr);
	DpFree(sumPtr);
    }
}

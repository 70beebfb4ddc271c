/*
 * dpKnownMatch.c -- which lines of a known_hosts file speak of a host.
 *
 * Layer L2.
 */

#include "dpKnownInt.h"
#include "dpWire.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_PORT 22
#define SHA1_BLOCK 64

char *
DpKnownName(const char *host, int port)
{
    size_t size = strlen(host) + 16;
    char *name = DpAlloc(size);

    if (port == 0 || port == DEFAULT_PORT) {
	snprintf(name, size, "%s", host);
    } else {
	snprintf(name, size, "[%s]:%d", host, port);
    }
    for (char *at = name; *at != '\0'; at++) {
	*at = DpKnownLower(*at);
    }
    return name;
}

/*
 * HMAC-SHA1 of text by its definition: the ready-made one fetches its
 * algorithm anew each time, and a hashed file needs one for each line.
 */
static bool
HashHost(EVP_MD_CTX *ctxPtr, const EVP_MD *sha1Ptr,
	const unsigned char salt[DP_KNOWN_SALT_SIZE], const char *text,
	unsigned char out[DP_KNOWN_SALT_SIZE])
{
    unsigned char pad[SHA1_BLOCK];

    for (int i = 0; i < SHA1_BLOCK; i++) {
	pad[i] = (i < DP_KNOWN_SALT_SIZE ? salt[i] : 0) ^ 0x36;
    }
    if (EVP_DigestInit_ex(ctxPtr, sha1Ptr, NULL) != 1
	    || EVP_DigestUpdate(ctxPtr, pad, SHA1_BLOCK) != 1
	    || EVP_DigestUpdate(ctxPtr, text, strlen(text)) != 1
	    || EVP_DigestFinal_ex(ctxPtr, out, NULL) != 1) {
	return false;
    }
    for (int i = 0; i < SHA1_BLOCK; i++) {
	pad[i] ^= 0x36 ^ 0x5c;
    }
    return EVP_DigestInit_ex(ctxPtr, sha1Ptr, NULL) == 1
	    && EVP_DigestUpdate(ctxPtr, pad, SHA1_BLOCK) == 1
	    && EVP_DigestUpdate(ctxPtr, out, DP_KNOWN_SALT_SIZE) == 1
	    && EVP_DigestFinal_ex(ctxPtr, out, NULL) == 1;
}

/* A pattern with * and ? against all of a name; never worse than n * m. */
static bool
MatchPattern(const char *name, const char *pattern, size_t length)
{
    const char *end = pattern + length;
    const char *star = NULL;    /* behind the last star */
    const char *retry = NULL;   /* what it has swallowed up to */

    while (*name != '\0') {
	if (pattern < end && *pattern == '*') {
	    star = ++pattern;
	    retry = name;
	} else if (pattern < end && (*pattern == '?' || *pattern == *name)) {
	    pattern++;
	    name++;
	} else if (star != NULL) {
	    pattern = star;
	    name = ++retry;
	} else {
	    return false;
	}
    }
    while (pattern < end && *pattern == '*') {
	pattern++;
    }
    return pattern == end;
}

/* A comma list of patterns; one with ! before it that matches forbids. */
static bool
MatchList(const char *name, const char *list, size_t length)
{
    const char *end = list + length;
    bool found = false;

    while (list < end) {
	const char *comma = memchr(list, ',', (size_t) (end - list));
	const char *stop = comma != NULL ? comma : end;
	bool negated = *list == '!';

	if (negated) {
	    list++;
	}
	if (stop > list
		&& MatchPattern(name, list, (size_t) (stop - list))) {
	    if (negated) {
		return false;
	    }
	    found = true;
	}
	list = stop + 1;
    }
    return found;
}

static void
AddMatch(DpKnownMatches *matchesPtr, int index)
{
    matchesPtr->indices = DpKnownGrow(matchesPtr->indices, matchesPtr->count,
	    &matchesPtr->max, sizeof(*matchesPtr->indices));
    matchesPtr->indices[matchesPtr->count++] = index;
}

/* The lines whose plain names are this one. */
static void
FindPlain(const DpKnownFile *filePtr, const char *name,
	DpKnownMatches *matchesPtr)
{
    size_t length = strlen(name);
    uint32_t hash = DpKnownHash(name, length);
    int low = 0, high = filePtr->numRows;

    while (low < high) {
	int middle = low + (high - low) / 2;

	if (filePtr->rows[middle].hash < hash) {
	    low = middle + 1;
	} else {
	    high = middle;
	}
    }
    for (; low < filePtr->numRows && filePtr->rows[low].hash == hash; low++) {
	const DpKnownRow *rowPtr = &filePtr->rows[low];

	if (rowPtr->nameLength == length && memcmp(
		DpKnownText(filePtr, rowPtr->name), name, length) == 0) {
	    AddMatch(matchesPtr, rowPtr->entry);
	}
    }
}

/* The lines with patterns or hashed names that match this one. */
static void
FindOthers(const DpKnownFile *filePtr, const char *name,
	DpKnownMatches *matchesPtr)
{
    EVP_MD_CTX *ctxPtr = NULL;
    EVP_MD *sha1Ptr = NULL;

    for (int i = 0; i < filePtr->numOthers; i++) {
	const DpKnownEntry *entryPtr = &filePtr->entries[filePtr->others[i]];
	const char *names = DpKnownText(filePtr, entryPtr->names);
	unsigned char digest[DP_KNOWN_SALT_SIZE];
	bool found;

	if (entryPtr->kind == DP_KNOWN_HASHED) {
	    if (ctxPtr == NULL) {
		ctxPtr = EVP_MD_CTX_new();
		sha1Ptr = EVP_MD_fetch(NULL, "SHA1", NULL);
	    }
	    found = ctxPtr != NULL && sha1Ptr != NULL
		    && HashHost(ctxPtr, sha1Ptr,
			(const unsigned char *) names, name, digest)
		    && memcmp(digest, names + DP_KNOWN_SALT_SIZE,
			DP_KNOWN_SALT_SIZE) == 0;
	} else {
	    found = MatchList(name, names, entryPtr->namesLength);
	}
	if (found) {
	    AddMatch(matchesPtr, filePtr->others[i]);
	}
    }
    EVP_MD_CTX_free(ctxPtr);
    EVP_MD_free(sha1Ptr);
}

static int
CompareInts(const void *leftPtr, const void *rightPtr)
{
    int left = *(const int *) leftPtr, right = *(const int *) rightPtr;

    return left < right ? -1 : left > right;
}

void
DpKnownFileFind(const DpKnownFile *filePtr, const char *name,
	DpKnownMatches *matchesPtr)
{
    matchesPtr->count = 0;
    FindPlain(filePtr, name, matchesPtr);
    FindOthers(filePtr, name, matchesPtr);
    if (matchesPtr->count > 1) {
	qsort(matchesPtr->indices, (size_t) matchesPtr->count,
		sizeof(*matchesPtr->indices), CompareInts);
    }
}

bool
DpKnownPutHashed(DpBuf *bufPtr, const char *name)
{
    unsigned char salt[DP_KNOWN_SALT_SIZE], digest[DP_KNOWN_SALT_SIZE];
    EVP_MD_CTX *ctxPtr = EVP_MD_CTX_new();
    EVP_MD *sha1Ptr = EVP_MD_fetch(NULL, "SHA1", NULL);
    bool ok = ctxPtr != NULL && sha1Ptr != NULL
	    && RAND_bytes(salt, DP_KNOWN_SALT_SIZE) == 1
	    && HashHost(ctxPtr, sha1Ptr, salt, name, digest);

    if (ok) {
	DpBufAppend(bufPtr, "|1|", 3);
	DpWirePutBase64(bufPtr, salt, DP_KNOWN_SALT_SIZE);
	DpBufAppend(bufPtr, "|", 1);
	DpWirePutBase64(bufPtr, digest, DP_KNOWN_SALT_SIZE);
    }
    EVP_MD_CTX_free(ctxPtr);
    EVP_MD_free(sha1Ptr);
    return ok;
}

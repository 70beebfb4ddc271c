/*
 * dpMask.c -- takes secrets out of texts, whole or as they stream by.
 *
 * Layer L0. There are few secrets, and most bytes begin none of them.
 */

#include "dpMask.h"

#define STARS "***"

typedef struct Word {
    char *bytes;
    size_t length;
} Word;

struct DpMask {
    Word *words;                /* the longest first */
    int count;
    bool first[256];            /* bytes that begin one */
};

DpMask *
DpMaskNew(const char *const *words, int count)
{
    DpMask *maskPtr = NULL;

    for (int i = 0; i < count; i++) {
	size_t length = strlen(words[i]);
	int at;

	if (length == 0) {
	    continue;
	}
	if (maskPtr == NULL) {
	    maskPtr = DpAlloc(sizeof(*maskPtr));
	    maskPtr->words = DpAlloc((size_t) count * sizeof(Word));
	}
	for (at = maskPtr->count; at > 0
		&& maskPtr->words[at - 1].length < length; at--) {
	    maskPtr->words[at] = maskPtr->words[at - 1];
	}
	maskPtr->words[at].bytes = DpStrdup(words[i]);
	maskPtr->words[at].length = length;
	maskPtr->count++;
	maskPtr->first[(unsigned char) words[i][0]] = true;
    }
    return maskPtr;
}

void
DpMaskFree(DpMask *maskPtr)
{
    if (maskPtr == NULL) {
	return;
    }
    for (int i = 0; i < maskPtr->count; i++) {
	DpWipeFree(maskPtr->words[i].bytes);
    }
    DpFree(maskPtr->words);
    DpFree(maskPtr);
}

/*
 * The length of the secret that these bytes begin with, 0: none. *partPtr
 * becomes true where more bytes could make one of it.
 */
static size_t
Match(const DpMask *maskPtr, const unsigned char *bytes, size_t length,
	size_t least, bool *partPtr)
{
    for (int i = 0; i < maskPtr->count; i++) {
	const Word *wordPtr = &maskPtr->words[i];

	if (wordPtr->length < least) {
	    continue;
	}
	if (wordPtr->length <= length) {
	    if (memcmp(wordPtr->bytes, bytes, wordPtr->length) == 0) {
		return wordPtr->length;
	    }
	} else if (memcmp(wordPtr->bytes, bytes, length) == 0) {
	    *partPtr = true;
	}
    }
    return 0;
}

/* Returns how many of the bytes are dealt with. */
static size_t
Copy(const DpMask *maskPtr, const unsigned char *bytes, size_t length,
	size_t least, bool isLast, DpBuf *toPtr)
{
    size_t from = 0, at = 0;

    while (at < length) {
	bool part = false;
	size_t found = 0;

	if (maskPtr->first[bytes[at]]) {
	    found = Match(maskPtr, bytes + at, length - at, least, &part);
	}
	if (part && !isLast) {
	    break;
	}
	if (found == 0) {
	    at++;
	    continue;
	}
	DpBufAppend(toPtr, bytes + from, at - from);
	DpBufAppend(toPtr, STARS, sizeof(STARS) - 1);
	at += found;
	from = at;
    }
    DpBufAppend(toPtr, bytes + from, at - from);
    return at;
}

void
DpMaskText(const DpMask *maskPtr, const void *text, size_t length,
	DpBuf *toPtr)
{
    Copy(maskPtr, text, length, 1, true, toPtr);
}

void
DpMaskStream(const DpMask *maskPtr, DpBuf *fromPtr, bool isLast,
	DpBuf *toPtr)
{
    DpBufConsume(fromPtr, Copy(maskPtr, DpBufData(fromPtr),
	    DpBufLength(fromPtr), DP_MASK_MIN, isLast, toPtr));
}

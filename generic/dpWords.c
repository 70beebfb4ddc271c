/*
 * dpWords.c -- many words looked for at once, in one pass over the bytes.
 *
 * Layer L0.
 */

#include "dpWords.h"

#define NONE UINT16_MAX

struct DpWords {
    uint16_t *next;             /* state * numClasses + class -> state */
    size_t numClasses;
    uint16_t classes[256];      /* of a byte; 0: in no word */
    bool begins[256];           /* bytes with which a word begins */
    int soleBegin;              /* the one such byte, or -1 */
    bool *ends;                 /* state: words end here */
    int *heads;                 /* state -> first word that is all of it, -1 */
    uint16_t *links;            /* state -> shorter state where words end, 0 */
    int *same;                  /* word -> next one with the same bytes, -1 */
    size_t numStates;
};

static void
MakeClasses(DpWords *wordsPtr, const DpWord *words, int count)
{
    bool used[256] = {false};
    size_t numUsed = 0, numBegins = 0, next;

    for (int i = 0; i < count; i++) {
	const unsigned char *bytes = words[i].bytes;

	wordsPtr->begins[bytes[0]] = true;
	for (size_t k = 0; k < words[i].length; k++) {
	    used[bytes[k]] = true;
	}
    }
    wordsPtr->soleBegin = -1;
    for (int byte = 0; byte < 256; byte++) {
	numUsed += used[byte];
	numBegins += wordsPtr->begins[byte];
	if (wordsPtr->begins[byte]) {
	    wordsPtr->soleBegin = byte;
	}
    }
    if (numBegins != 1) {
	wordsPtr->soleBegin = -1;
    }
    next = numUsed < 256 ? 1 : 0;
    for (int byte = 0; byte < 256; byte++) {
	if (used[byte]) {
	    wordsPtr->classes[byte] = (uint16_t) next++;
	}
    }
    wordsPtr->numClasses = next;
}

/* The tree of all words; a missing branch is NONE. */
static void
MakeTree(DpWords *wordsPtr, const DpWord *words, int count)
{
    wordsPtr->numStates = 1;
    for (int i = 0; i < count; i++) {
	const unsigned char *bytes = words[i].bytes;
	size_t state = 0;
	int *slotPtr;

	for (size_t k = 0; k < words[i].length; k++) {
	    uint16_t *nextPtr = &wordsPtr->next[state * wordsPtr->numClasses
		    + wordsPtr->classes[bytes[k]]];

	    if (*nextPtr == NONE) {
		*nextPtr = (uint16_t) wordsPtr->numStates++;
	    }
	    state = *nextPtr;
	}
	/* In the order of the words. */
	for (slotPtr = &wordsPtr->heads[state]; *slotPtr >= 0;
		slotPtr = &wordsPtr->same[*slotPtr]) {
	    continue;
	}
	*slotPtr = i;
	wordsPtr->ends[state] = true;
    }
}

/*
 * Fills the missing branches: where a word goes on no more, the longest other
 * word does that the last bytes may be the beginning of. From short to long.
 */
static void
MakeLinks(DpWords *wordsPtr)
{
    size_t numClasses = wordsPtr->numClasses;
    uint16_t *queue = DpAlloc(wordsPtr->numStates * sizeof(*queue));
    uint16_t *shorter = DpAlloc(wordsPtr->numStates * sizeof(*shorter));
    size_t first = 0, last = 0;

    for (size_t k = 0; k < numClasses; k++) {
	uint16_t *nextPtr = &wordsPtr->next[k];

	if (*nextPtr == NONE) {
	    *nextPtr = 0;
	} else {
	    queue[last++] = *nextPtr;
	}
    }
    while (first < last) {
	size_t state = queue[first++], back = shorter[state];

	wordsPtr->links[state] = (uint16_t) (wordsPtr->heads[back] >= 0
		? back : wordsPtr->links[back]);
	wordsPtr->ends[state] |= wordsPtr->ends[back];
	for (size_t k = 0; k < numClasses; k++) {
	    uint16_t *nextPtr = &wordsPtr->next[state * numClasses + k];
	    uint16_t other = wordsPtr->next[back * numClasses + k];

	    if (*nextPtr == NONE) {
		*nextPtr = other;
	    } else {
		shorter[*nextPtr] = other;
		queue[last++] = *nextPtr;
	    }
	}
    }
    DpFree(queue);
    DpFree(shorter);
}

DpWords *
DpWordsNew(const DpWord *words, int count)
{
    DpWords *wordsPtr;
    size_t rows = 1;

    for (int i = 0; i < count; i++) {
	if (words[i].length > DP_WORDS_BYTES - (rows - 1)) {
	    return NULL;
	}
	rows += words[i].length;
    }
    wordsPtr = DpAlloc(sizeof(*wordsPtr));
    MakeClasses(wordsPtr, words, count);
    wordsPtr->next = DpAlloc(rows * wordsPtr->numClasses
	    * sizeof(*wordsPtr->next));
    memset(wordsPtr->next, 0xff, rows * wordsPtr->numClasses
	    * sizeof(*wordsPtr->next));
    wordsPtr->ends = DpAlloc(rows * sizeof(*wordsPtr->ends));
    wordsPtr->links = DpAlloc(rows * sizeof(*wordsPtr->links));
    wordsPtr->heads = DpAlloc(rows * sizeof(*wordsPtr->heads));
    wordsPtr->same = DpAlloc((size_t) (count + 1) * sizeof(*wordsPtr->same));
    for (size_t state = 0; state < rows; state++) {
	wordsPtr->heads[state] = -1;
    }
    for (int i = 0; i < count; i++) {
	wordsPtr->same[i] = -1;
    }
    MakeTree(wordsPtr, words, count);
    MakeLinks(wordsPtr);
    return wordsPtr;
}

void
DpWordsFree(DpWords *wordsPtr)
{
    if (wordsPtr == NULL) {
	return;
    }
    DpFree(wordsPtr->next);
    DpFree(wordsPtr->ends);
    DpFree(wordsPtr->links);
    DpFree(wordsPtr->heads);
    DpFree(wordsPtr->same);
    DpFree(wordsPtr);
}

size_t
DpWordsScan(const DpWords *wordsPtr, uint32_t *statePtr,
	const unsigned char *bytes, size_t count, bool *endsPtr)
{
    const unsigned char *at = bytes, *endPtr = bytes + count;
    size_t state = *statePtr;

    *endsPtr = false;
    while (at < endPtr) {
	if (state == 0) {
	    /* Most bytes are part of no word at all. */
	    if (wordsPtr->soleBegin >= 0) {
		at = memchr(at, wordsPtr->soleBegin, (size_t) (endPtr - at));
		if (at == NULL) {
		    at = endPtr;
		}
	    } else {
		while (at < endPtr && !wordsPtr->begins[*at]) {
		    at++;
		}
	    }
	    if (at == endPtr) {
		break;
	    }
	}
	state = wordsPtr->next[state * wordsPtr->numClasses
		+ wordsPtr->classes[*at++]];
	if (wordsPtr->ends[state]) {
	    *endsPtr = true;
	    break;
	}
    }
    *statePtr = (uint32_t) state;
    return (size_t) (at - bytes);
}

int
DpWordsEnding(const DpWords *wordsPtr, uint32_t *nodePtr, int word)
{
    word = word < 0 ? wordsPtr->heads[*nodePtr] : wordsPtr->same[word];
    while (word < 0) {
	*nodePtr = wordsPtr->links[*nodePtr];
	if (*nodePtr == 0) {
	    return -1;
	}
	word = wordsPtr->heads[*nodePtr];
    }
    return word;
}

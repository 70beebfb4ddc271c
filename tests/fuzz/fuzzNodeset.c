/*
 * fuzzNodeset.c -- any two texts as node sets; their laws must hold.
 *
 * The first line of the input is one text, the rest is the other.
 */

#include "dpNodeset.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small, so that inputs run fast; a folded text may need more. */
#define NAMES 5000
#define BYTES 200000

static void
Require(bool condition)
{
    if (!condition) {
	abort();
    }
}

static bool
Parse(DpNodeset *setPtr, uint64_t factor, const void *bytes, size_t length)
{
    DpNodesetBudget budget = {NAMES * factor, BYTES * factor};
    char *text = DpAlloc(length);       /* exact: no byte behind it is read */
    DpError error = {0};
    bool ok;

    if (length > 0) {
	memcpy(text, bytes, length);
    }
    ok = DpNodesetParse(setPtr, &budget, text, length, &error);
    Require(ok != DpErrorIsSet(&error));
    Require(ok || (error.numData == 1 && error.message != NULL));
    DpErrorClear(&error);
    DpFree(text);
    return ok;
}

static void
Copy(DpNodeset *toPtr, DpNodesetOp op, const DpNodeset *leftPtr,
	const DpNodeset *rightPtr)
{
    memset(toPtr, 0, sizeof(*toPtr));
    DpNodesetCombine(toPtr, DP_NODESET_UNION, leftPtr);
    DpNodesetCombine(toPtr, op, rightPtr);
}

/* The first names of a set, and what the text of `a` says of them alone. */
static void
CheckAmong(const DpNodeset *aPtr, const uint8_t *data, size_t size,
	const DpNodeset *otherPtr)
{
    DpNodesetName names[4];
    DpNodeset some = {.among = names};
    uint32_t cursor = 0;

    while (some.numAmong < 4 && DpNodesetNext(otherPtr, &cursor,
	    &names[some.numAmong].bytes, &names[some.numAmong].length)) {
	some.numAmong++;
    }
    Require(Parse(&some, 1, data, size));
    for (uint32_t i = 0; i < some.numAmong; i++) {
	Require(DpNodesetHas(&some, names[i].bytes, names[i].length)
		== DpNodesetHas(aPtr, names[i].bytes, names[i].length));
    }
    DpNodesetFree(&some);
}

/* The folded text stands for the same names, and folds to itself. */
static void
CheckFold(const DpNodeset *setPtr)
{
    DpNodeset again = {0};
    DpBuf text = {0}, textAgain = {0};
    uint32_t cursor = 0, count = 0;
    const char *bytes;
    size_t length;

    DpNodesetFold(setPtr, &text);
    Require(Parse(&again, 1000, text.bytes, DpBufLength(&text)));
    while (DpNodesetNext(setPtr, &cursor, &bytes, &length)) {
	Require(DpNodesetHas(&again, bytes, length));
	count++;
    }
    Require(count == setPtr->count && count == again.count);
    DpNodesetFold(&again, &textAgain);
    Require(DpBufLength(&text) == DpBufLength(&textAgain)
	    && (count == 0 || memcmp(text.bytes, textAgain.bytes,
	    DpBufLength(&text)) == 0));
    DpBufFree(&text);
    DpBufFree(&textAgain);
    DpNodesetFree(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t first = newline != NULL ? (size_t) (newline - data) : size;
    DpNodeset a = {0}, b = {0};
    bool ok = Parse(&a, 1, data, first);

    if (ok && newline != NULL) {
	ok = Parse(&b, 1, newline + 1, size - first - 1);
    }
    if (ok) {
	DpNodeset either, both, onlyA, onlyB, one;

	CheckFold(&a);
	CheckAmong(&a, data, first, &a);
	CheckAmong(&a, data, first, &b);
	Copy(&either, DP_NODESET_UNION, &a, &b);
	Copy(&both, DP_NODESET_INTERSECTION, &a, &b);
	Copy(&onlyA, DP_NODESET_DIFFERENCE, &a, &b);
	Copy(&onlyB, DP_NODESET_DIFFERENCE, &b, &a);
	Copy(&one, DP_NODESET_XOR, &a, &b);
	CheckFold(&one);
	Require(either.count == a.count + onlyB.count);
	Require(a.count == both.count + onlyA.count);
	Require(b.count == both.count + onlyB.count);
	Require(one.count == onlyA.count + onlyB.count);
	DpNodesetFree(&either);
	DpNodesetFree(&both);
	DpNodesetFree(&onlyA);
	DpNodesetFree(&onlyB);
	DpNodesetFree(&one);
    }
    DpNodesetFree(&a);
    DpNodesetFree(&b);
    return 0;
}

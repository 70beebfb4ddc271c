/*
 * fuzzMatch.c -- patterns in a stream that comes in pieces; what is found must
 * be what a search of all that came since the last match finds.
 *
 * The input: a byte (1: characters are bytes), a byte for the sizes of pieces,
 * lines of patterns ("e" a literal text, anything else an expression, behind
 * it), an empty line, the stream.
 */

#include "dpMatch.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATTERNS 5
#define STREAM 3000

typedef struct Input {
    bool isBytes;
    uint8_t seed;
    int count;
    DpMatchPattern patterns[PATTERNS];
    Tcl_Obj *own[PATTERNS];     /* the same for the search of everything */
    DpBuf stream;
} Input;

/*
 * Expressions whose compilation or matching takes for ever are left out: also
 * back references beside loops, as Tcl's own matcher never ends for "()*\1".
 */
static bool
IsTame(const char *text, size_t length)
{
    int bounds = 0, loops = 0;
    bool refersBack = false;

    for (size_t i = 0; i < length; i++) {
	bounds += text[i] == '{';
	loops += text[i] == '*' || text[i] == '+' || text[i] == '?';
	refersBack |= i > 0 && text[i - 1] == '\\'
		&& text[i] >= '1' && text[i] <= '9';
    }
    return length <= 40 && bounds <= 1 && loops <= 4
	    && !(refersBack && bounds + loops > 0);
}

/* The stream is valid UTF-8 unless characters are bytes. */
static void
AddStream(Input *inputPtr, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && i < STREAM; i++) {
	unsigned char byte = data[i] == 0 ? 'x' : data[i];
	unsigned char text[4] = {0xf0, 0x9f, 0x98, 0x80 | (byte & 0x3f)};

	if (byte < 0x80 || inputPtr->isBytes) {
	    DpBufAppend(&inputPtr->stream, &byte, 1);
	} else if (byte < 0xf0) {
	    text[0] = 0xc3;
	    DpBufAppend(&inputPtr->stream, text, 1);
	    DpBufAppend(&inputPtr->stream, text + 3, 1);
	} else {
	    DpBufAppend(&inputPtr->stream, text, 4);
	}
    }
}

static bool
ReadInput(Input *inputPtr, const uint8_t *data, size_t size)
{
    const uint8_t *endPtr = data + size;

    if (size < 3) {
	return false;
    }
    inputPtr->isBytes = data[0] & 1;
    inputPtr->seed = data[1];
    data += 2;
    while (data < endPtr && *data != '\n') {
	const uint8_t *newline = memchr(data, '\n', (size_t) (endPtr - data));
	const char *text = (const char *) data + 1;
	size_t length;
	DpMatchPattern *patternPtr = &inputPtr->patterns[inputPtr->count];

	if (newline == NULL || inputPtr->count == PATTERNS) {
	    return false;
	}
	length = (size_t) (newline - data) - 1;
	patternPtr->isRegexp = *data != 'e';
	for (size_t i = 0; i < length; i++) {
	    if (text[i] <= 0) {
		return false;
	    }
	}
	if (!IsTame(text, length)) {
	    return false;
	}
	patternPtr->textPtr = Tcl_NewStringObj(text, (int) length);
	Tcl_IncrRefCount(patternPtr->textPtr);
	inputPtr->own[inputPtr->count] = Tcl_NewStringObj(text, (int) length);
	Tcl_IncrRefCount(inputPtr->own[inputPtr->count]);
	inputPtr->count++;
	data = newline + 1;
    }
    if (data < endPtr) {
	AddStream(inputPtr, data + 1, (size_t) (endPtr - data - 1));
    }
    return inputPtr->count > 0 && DpBufLength(&inputPtr->stream) > 0;
}

/* Bytes at the end that are half a character. */
static size_t
Partial(const unsigned char *bytes, size_t count)
{
    for (size_t i = 1; i <= 3 && i <= count; i++) {
	unsigned char byte = bytes[count - i];

	if (byte >= 0xc0) {
	    return (byte >= 0xf0 ? 4u : 2u) > i ? i : 0;
	}
	if (byte < 0x80) {
	    break;
	}
    }
    return 0;
}

static size_t
ByteOf(const unsigned char *bytes, bool isBytes, long units)
{
    size_t at = 0;

    while (units > 0) {
	if (isBytes || bytes[at] < 0x80) {
	    at++;
	    units--;
	} else if (bytes[at] < 0xf0) {
	    at += 2;
	    units--;
	} else {
	    at += 4;
	    units -= sizeof(Tcl_UniChar) == 2 ? 2 : 1;
	}
    }
    return at;
}

/*
 * Searches all of rest; returns the pattern that begins first, -1, or -2 where
 * there is a match without characters.
 */
static int
Search(Input *inputPtr, const unsigned char *rest, size_t length,
	size_t *endPtr)
{
    size_t whole = length - (inputPtr->isBytes ? 0 : Partial(rest, length));
    size_t best = length + 1;
    int found = -1;
    Tcl_DString utf;
    Tcl_Obj *textPtr;

    if (inputPtr->isBytes) {
	textPtr = Tcl_NewByteArrayObj(rest, (int) whole);
    } else {
	Tcl_Encoding utf8 = Tcl_GetEncoding(NULL, "utf-8");

	Tcl_ExternalToUtfDString(utf8, (const char *) rest, (int) whole, &utf);
	textPtr = Tcl_NewStringObj(Tcl_DStringValue(&utf),
		Tcl_DStringLength(&utf));
	Tcl_DStringFree(&utf);
	Tcl_FreeEncoding(utf8);
    }
    Tcl_IncrRefCount(textPtr);
    for (int i = 0; i < inputPtr->count; i++) {
	const DpMatchPattern *patternPtr = &inputPtr->patterns[i];
	int size;
	const char *text = Tcl_GetStringFromObj(patternPtr->textPtr, &size);
	Tcl_RegExp regexp;
	Tcl_RegExpInfo info;
	size_t start;

	if (!patternPtr->isRegexp) {
	    for (start = 0; start + (size_t) size <= length; start++) {
		if (memcmp(rest + start, text, (size_t) size) == 0) {
		    break;
		}
	    }
	    if (start + (size_t) size <= length && start < best) {
		best = start;
		found = i;
		*endPtr = start + (size_t) size;
	    }
	    continue;
	}
	regexp = Tcl_GetRegExpFromObj(NULL, inputPtr->own[i],
		TCL_REG_ADVANCED);
	if (whole == 0 || Tcl_RegExpExecObj(NULL, regexp, textPtr, 0, 1,
		whole < length ? TCL_REG_NOTEOL : 0) <= 0) {
	    continue;
	}
	Tcl_RegExpGetInfo(regexp, &info);
	if (info.matches[0].start == info.matches[0].end) {
	    found = -2;
	    break;
	}
	start = ByteOf(rest, inputPtr->isBytes, info.matches[0].start);
	if (start < best) {
	    best = start;
	    found = i;
	    *endPtr = ByteOf(rest, inputPtr->isBytes, info.matches[0].end);
	}
    }
    Tcl_DecrRefCount(textPtr);
    return found;
}

/* Both ways, piece by piece. */
static void
Compare(Input *inputPtr, DpMatchSet *setPtr)
{
    Tcl_Encoding utf8 = Tcl_GetEncoding(NULL, "utf-8");
    DpMatch *matchPtr = DpMatchNew(setPtr,
	    inputPtr->isBytes ? NULL : utf8);
    bool off[PATTERNS] = {false};
    const unsigned char *bytes = DpBufData(&inputPtr->stream);
    size_t length = DpBufLength(&inputPtr->stream);
    size_t begin = 0, at = 0;
    unsigned int random = inputPtr->seed;

    while (at < length) {
	size_t count, end = 0;
	unsigned char *piece;
	int pair;

	random = random * 1103515245 + 12345;
	count = (random >> 16) % (inputPtr->seed % 2 ? 5 : 60) + 1;
	if (count > length - at) {
	    count = length - at;
	}
	piece = DpAlloc(count);         /* exact: no byte behind it is read */
	memcpy(piece, bytes + at, count);
	at += count;
	DpMatchFeed(matchPtr, piece, count);
	do {
	    int expected = begin < at
		    ? Search(inputPtr, bytes + begin, at - begin, &end) : -1;

	    if (expected == -2) {
		DpFree(piece);
		goto done;
	    }
	    pair = DpMatchNext(matchPtr, off);
	    if (pair != expected) {
		abort();
	    }
	    if (pair >= 0) {
		begin += end;
	    }
	} while (pair >= 0);
	DpFree(piece);
    }

done:
    DpMatchFree(matchPtr);
    Tcl_FreeEncoding(utf8);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    Input input = {.count = 0};
    DpMatchSet *setPtr;
    Tcl_Obj *reasonPtr;
    int index;

    if (!ready) {
	Tcl_FindExecutable("fuzzMatch");
	ready = true;
    }
    if (ReadInput(&input, data, size)) {
	setPtr = DpMatchSetNew(NULL, input.patterns, input.count, &reasonPtr,
		&index);
	if (setPtr == NULL) {
	    Tcl_IncrRefCount(reasonPtr);
	    Tcl_DecrRefCount(reasonPtr);
	} else {
	    Compare(&input, setPtr);
	    DpMatchSetDrop(setPtr);
	}
    }
    for (int i = 0; i < input.count; i++) {
	Tcl_DecrRefCount(input.patterns[i].textPtr);
	Tcl_DecrRefCount(input.own[i]);
    }
    DpBufFree(&input.stream);
    return 0;
}

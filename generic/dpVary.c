/*
 * dpVary.c -- finds what differs from host to host in outputs that say the
 * same: names, addresses, times, numbers.
 *
 * Layer L0. Words (letters, digits, underscores, all above ASCII) are looked at
 * one after the other, and the forms are tried where one begins.
 */

#include "dpVaryInt.h"

/* In templates. No UTF-8 holds it; where a text does all the same, twice. */
#define MARK "\xff"

static char
Lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}

/* Whether this name stands here, in any case of letters, and is a word. */
static bool
IsHost(const DpVary *varyPtr, const char *at, size_t length)
{
    const char *end = varyPtr->text + varyPtr->length;

    if (length == 0 || (size_t) (end - at) < length) {
	return false;
    }
    for (size_t i = 0; i < length; i++) {
	if (Lower(at[i]) != Lower(varyPtr->host[i])) {
	    return false;
	}
    }
    return at + length == end || !DpVaryIs(at + length, DP_VARY_WORD);
}

static bool
TakeHost(const DpVary *varyPtr, DpVaryCursor *cursorPtr)
{
    if (varyPtr->hostLength == 0
	    || Lower(*cursorPtr->at) != Lower(*varyPtr->host)) {
	return false;
    }
    if (IsHost(varyPtr, cursorPtr->at, varyPtr->hostLength)) {
	cursorPtr->at += varyPtr->hostLength;
	return true;
    }
    if (IsHost(varyPtr, cursorPtr->at, varyPtr->shortLength)) {
	cursorPtr->at += varyPtr->shortLength;
	return true;
    }
    return false;
}

/* Whether a minus here is a sign and not a hyphen. */
static bool
IsSign(const DpVary *varyPtr, const DpVaryCursor *cursorPtr)
{
    char before;

    if (cursorPtr->end - cursorPtr->at < 2 || *cursorPtr->at != '-'
	    || !DpVaryIs(cursorPtr->at + 1, DP_VARY_DIGIT)) {
	return false;
    }
    if (cursorPtr->at == varyPtr->text) {
	return true;
    }
    before = cursorPtr->at[-1];
    return before == ' ' || before == '\t' || before == '\n'
	    || before == '=' || before == '(' || before == ',';
}

/* What is known of the bytes of a word together. */
static int
KindOf(const char *at, const char *end)
{
    int any = 0, all = DP_VARY_HEX;

    for (; at < end; at++) {
	any |= dpVaryKinds[(unsigned char) *at];
	all &= dpVaryKinds[(unsigned char) *at];
    }
    return (any & (DP_VARY_DIGIT | DP_VARY_LETTER)) | all;
}

/*
 * A piece that begins where a word does and ends there or behind it; kind is
 * KindOf the word.
 */
static bool
TakeWord(const DpVary *varyPtr, DpVaryCursor *cursorPtr, const char *wordEnd,
	int kind, DpVaryKind *kindPtr)
{
    size_t length = (size_t) (wordEnd - cursorPtr->at);
    char behind = wordEnd < cursorPtr->end ? *wordEnd : '\0';

    if (TakeHost(varyPtr, cursorPtr)) {
	*kindPtr = DP_VARY_HOST;
	return true;
    }
    if (varyPtr->onlyHost) {
	return false;
    }
    if (!(kind & DP_VARY_DIGIT)) {
	if (length >= 3 && length <= 9
		&& DpVaryIsTimeName(cursorPtr->at, wordEnd)
		&& DpVaryTakeTime(cursorPtr)) {
	    *kindPtr = DP_VARY_TIME;
	    return true;
	}
	if (!(kind & DP_VARY_HEX)) {
	    return false;
	}
    }
    if (kind & DP_VARY_HEX) {
	*kindPtr = DP_VARY_ADDRESS;
	if (behind == ':' && length <= 4 && DpVaryTakeAddress6(cursorPtr)) {
	    return true;
	}
	if ((behind == ':' || behind == '-') && length == 2
		&& DpVaryTakeCardAddress(cursorPtr)) {
	    return true;
	}
	*kindPtr = DP_VARY_ID;
	if (behind == '-' && length == 8 && DpVaryTakeUuid(cursorPtr)) {
	    return true;
	}
	if (length >= 7 && (kind & DP_VARY_DIGIT) && (kind & DP_VARY_LETTER)) {
	    cursorPtr->at = wordEnd;
	    return true;
	}
    }
    if (!DpVaryIs(cursorPtr->at, DP_VARY_DIGIT)) {
	return false;
    }
    if (length > 2 && cursorPtr->at[0] == '0'
	    && (cursorPtr->at[1] == 'x' || cursorPtr->at[1] == 'X')
	    && (KindOf(cursorPtr->at + 2, wordEnd) & DP_VARY_HEX)) {
	*kindPtr = DP_VARY_ID;
	cursorPtr->at = wordEnd;
	return true;
    }
    *kindPtr = DP_VARY_ADDRESS;
    if (behind == '.' && length <= 3 && DpVaryTakeAddress4(cursorPtr)) {
	return true;
    }
    *kindPtr = DP_VARY_TIME;
    if (length <= 6 && (behind == ':' || behind == '-' || behind == '/'
	    || behind == ' ' || behind == '.')
	    && DpVaryTakeTime(cursorPtr)) {
	return true;
    }
    *kindPtr = DP_VARY_NUMBER;
    return DpVaryTakeFigure(cursorPtr, true);
}

/* Whether a word is worth a closer look; most are not. */
static inline bool
MayTake(const DpVary *varyPtr, const char *word, const char *wordEnd,
	const char *end, int any)
{
    return (any & DP_VARY_DIGIT)
	    || (varyPtr->hostLength > 0
	    && Lower(*word) == Lower(*varyPtr->host))
	    || (*word >= 'A' && *word <= 'W' && wordEnd - word >= 3
	    && DpVaryIsTimeName(word, wordEnd))
	    || (wordEnd < end && (*wordEnd == ':' || *wordEnd == '-'));
}

/* Says what was taken, and goes on behind it. */
static bool
Found(DpVary *varyPtr, DpVarySpan *spanPtr, const char *from,
	const DpVaryCursor *cursorPtr, DpVaryKind kind)
{
    spanPtr->offset = (size_t) (from - varyPtr->text);
    spanPtr->length = (size_t) (cursorPtr->at - from);
    spanPtr->kind = kind;
    varyPtr->at = (size_t) (cursorPtr->at - varyPtr->text);
    return true;
}

/* The digits next in a word that is not one piece as a whole. */
static bool
NextInWord(DpVary *varyPtr, DpVaryCursor *cursorPtr, const char *wordEnd,
	DpVarySpan *spanPtr)
{
    const char *at = cursorPtr->at;

    while (at < wordEnd && !DpVaryIs(at, DP_VARY_DIGIT)) {
	at++;
    }
    cursorPtr->at = at;
    return at < wordEnd && DpVaryTakeFigure(cursorPtr, false)
	    && Found(varyPtr, spanPtr, at, cursorPtr, DP_VARY_NUMBER);
}

void
DpVaryBegin(DpVary *varyPtr, const char *text, size_t length,
	const char *host, size_t hostLength)
{
    const char *dot = hostLength > 0 ? memchr(host, '.', hostLength) : NULL;

    memset(varyPtr, 0, sizeof(*varyPtr));
    varyPtr->text = text;
    varyPtr->length = length;
    varyPtr->host = host;
    varyPtr->hostLength = hostLength;
    /* Not of an address. */
    if (dot != NULL && (KindOf(host, dot) & DP_VARY_LETTER)) {
	varyPtr->shortLength = (size_t) (dot - host);
    }
}

void
DpVarySkip(DpVary *varyPtr, const char *same, size_t length)
{
    if (varyPtr->length - varyPtr->at >= length
	    && memcmp(varyPtr->text + varyPtr->at, same, length) == 0) {
	varyPtr->at += length;
    }
}

bool
DpVaryNext(DpVary *varyPtr, DpVarySpan *spanPtr)
{
    DpVaryCursor cursor = {
	varyPtr->text + varyPtr->at, varyPtr->text + varyPtr->length
    };
    DpVaryKind kind;

    while (cursor.at < cursor.end) {
	const char *from = cursor.at, *wordEnd;
	int any = 0, all = DP_VARY_HEX;
	bool begins;

	while (from < cursor.end && !DpVaryIs(from, DP_VARY_WORD)
		&& *from != ':' && *from != '-') {
	    from++;
	}
	cursor.at = from;
	if (from == cursor.end) {
	    break;
	}
	begins = from == varyPtr->text || !DpVaryIs(from - 1, DP_VARY_WORD);
	if (!DpVaryIs(from, DP_VARY_WORD)) {
	    if (varyPtr->onlyHost) {
		cursor.at = from + 1;
		continue;
	    }
	    if (*from == ':' && (from == varyPtr->text || (begins
		    && from[-1] != ':')) && DpVaryTakeAddress6(&cursor)) {
		return Found(varyPtr, spanPtr, from, &cursor,
			DP_VARY_ADDRESS);
	    }
	    if (*from == '-' && IsSign(varyPtr, &cursor)) {
		cursor.at++;
		if (DpVaryTakeFigure(&cursor, true)) {
		    return Found(varyPtr, spanPtr, from, &cursor,
			    DP_VARY_NUMBER);
		}
	    }
	    cursor.at = from + 1;
	    continue;
	}
	wordEnd = from;
	while (wordEnd < cursor.end && DpVaryIs(wordEnd, DP_VARY_LETTER)) {
	    wordEnd++;
	}
	if ((wordEnd == cursor.end || !DpVaryIs(wordEnd, DP_VARY_WORD))
		&& !(begins && MayTake(varyPtr, from, wordEnd, cursor.end,
		0))) {
	    /* Most words are letters alone. */
	    cursor.at = wordEnd;
	    continue;
	}
	for (wordEnd = from; wordEnd < cursor.end; wordEnd++) {
	    int one = dpVaryKinds[(unsigned char) *wordEnd];

	    if (!(one & DP_VARY_WORD)) {
		break;
	    }
	    any |= one;
	    all &= one;
	}
	if (begins && MayTake(varyPtr, from, wordEnd, cursor.end, any)
		&& TakeWord(varyPtr, &cursor, wordEnd,
		(any & (DP_VARY_DIGIT | DP_VARY_LETTER)) | all, &kind)) {
	    return Found(varyPtr, spanPtr, from, &cursor, kind);
	}
	if ((any & DP_VARY_DIGIT) && !varyPtr->onlyHost
		&& NextInWord(varyPtr, &cursor, wordEnd, spanPtr)) {
	    return true;
	}
	cursor.at = wordEnd;
    }
    varyPtr->at = varyPtr->length;
    return false;
}

/* Part: templates. */

/* Appends bytes that do not vary, which are whole up to the next piece. */
static void
AddPlain(DpBuf *bufPtr, const char *at, size_t length, bool *blankPtr)
{
    unsigned char *to = DpBufReserve(bufPtr, 2 * length + 1), *from = to;
    const char *end = at + length;

    for (; at < end; at++) {
	if ((unsigned char) *at > ' ' && *at != MARK[0] && !*blankPtr) {
	    *to++ = (unsigned char) *at;
	    continue;
	}
	if (*at == ' ' || *at == '\t' || *at == '\r') {
	    *blankPtr = true;
	    continue;
	}
	if (*blankPtr && *at != '\n') {
	    *to++ = ' ';
	}
	*blankPtr = false;
	if (*at == MARK[0]) {
	    *to++ = (unsigned char) MARK[0];
	}
	*to++ = (unsigned char) *at;
    }
    DpBufAdded(bufPtr, (size_t) (to - from));
}

/*
 * Kinds don't count: among identifiers there are some that have only digits,
 * and of the names of hosts only its own is known.
 */
bool
DpVaryTemplate(DpBuf *bufPtr, const DpVary *varyPtr)
{
    DpVary vary = *varyPtr;
    const char *text = vary.text;
    DpVarySpan span;
    size_t at = 0;
    bool blank = false, named = false;

    while (DpVaryNext(&vary, &span)) {
	AddPlain(bufPtr, text + at, span.offset - at, &blank);
	if (blank) {
	    DpBufAppend(bufPtr, " ", 1);
	    blank = false;
	}
	DpBufAppend(bufPtr, MARK "0", 2);
	at = span.offset + span.length;
	named = named || span.kind == DP_VARY_HOST;
    }
    AddPlain(bufPtr, text + at, vary.length - at, &blank);
    return named;
}

const char *
DpVaryName(DpVaryKind kind)
{
    static const char *const names[DP_VARY_NUM_KINDS] = {
	"host", "address", "time", "number", "id"
    };

    return names[kind];
}

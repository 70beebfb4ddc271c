/*
 * dpMatch.c -- finds patterns in a stream of output, whatever pieces it comes
 * in.
 *
 * Layer L3. One automaton (dpWords) looks for all literal texts, and for one
 * text that each regular expression needs, if there is such. Only behind that
 * text the expression itself is tried, on what has come since the place where
 * its match may begin; Tcl's matcher tells that place (TCL_REG_CANMATCH). So a
 * flood of output passes the automaton alone.
 *
 * Streams are looked at as UTF-8; those in bytes have characters below 256.
 */

#include "dpMatch.h"

#include "dpNeedle.h"
#include "dpObj.h"
#include "dpWords.h"

/* Bytes that are kept before the place where a match may begin. */
#define CONTEXT 16

typedef struct Pattern {
    Tcl_Obj *textPtr;           /* held; its own, so that it never changes */
    Tcl_RegExp regexp;          /* of textPtr; NULL: literal */
    int word;                   /* in the automaton, -1: none is needed */
    bool noHint;                /* Tcl can't tell where a match may begin */
} Pattern;

/* The automaton for one kind of stream, and the lengths of its words. */
typedef struct Table {
    DpWords *wordsPtr;
    size_t *lengths;
    size_t longest;             /* of the literal patterns */
} Table;

enum { TEXT, BYTES, NUM_TABLES };

struct DpMatchSet {
    int refCount;
    int count;
    int numRegexps;
    Pattern *patterns;
    int *owners;                /* word -> pattern */
    int numWords;
    Table tables[NUM_TABLES];   /* made on first use */
    Tcl_Encoding utf8;          /* owned */
    Tcl_UniChar *chars;         /* scratch */
    size_t room;                /* characters in there */
};

/* Where an expression's next match may begin, and its text was seen last. */
typedef struct Track {
    size_t from;
    ptrdiff_t seen;             /* -1: not since the last match */
} Track;

/* Offsets are those in `data`; they are negative for what is gone. */
struct DpMatch {
    DpMatchSet *setPtr;         /* held */
    const Table *tablePtr;
    bool isBytes;
    DpDecoder decoder;          /* encodings that are not UTF-8 */
    DpBuf window;               /* where data must stay: the data */
    const unsigned char *data;
    size_t length;
    size_t scanned;             /* how much the automaton has seen */
    uint32_t state;             /* of the automaton */
    bool fresh;                 /* data begins where a match may see a begin */
    Track *tracks;              /* of each pattern */
};

typedef struct Found {
    int pattern;                /* -1: nothing */
    ptrdiff_t start;
    size_t end;
} Found;

/* Part: characters. */

static inline bool
IsTrail(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* How many bytes a character that begins with this one has, as UTF-8. */
static size_t
CharSize(unsigned char byte)
{
    return byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3
	    : byte < 0xf5 ? 4 : 1;
}

/*
 * One character; each byte of what is no UTF-8 is a character of its own, as
 * Tcl has it. Returns how many bytes it has.
 */
static size_t
GetChar(const unsigned char *bytes, size_t count, uint32_t *charPtr)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t size = CharSize(bytes[0]);
    uint32_t value = bytes[0] & masks[size];

    *charPtr = bytes[0];
    if (size == 1 || size > count) {
	return 1;
    }
    for (size_t i = 1; i < size; i++) {
	if (!IsTrail(bytes[i])) {
	    return 1;
	}
	value = value << 6 | (bytes[i] & 0x3f);
    }
    *charPtr = value;
    return size;
}

/* How many elements of Tcl_UniChar such a character takes. */
static inline size_t
NumUnits(uint32_t value)
{
    return sizeof(Tcl_UniChar) == 2 && value > 0xffff ? 2 : 1;
}

/* The bytes at the end that are only the begin of a character. */
static size_t
CountPartial(const unsigned char *bytes, size_t count)
{
    for (size_t i = 1; i <= 3 && i <= count; i++) {
	unsigned char byte = bytes[count - i];

	if (!IsTrail(byte)) {
	    return CharSize(byte) > i ? i : 0;
	}
    }
    return 0;
}

/* How many bytes the first so many units of the text have. */
static size_t
BytesOfUnits(const DpMatch *matchPtr, size_t offset, size_t units)
{
    const unsigned char *bytes = matchPtr->data + offset;
    size_t left = matchPtr->length - offset, passed = 0;

    if (matchPtr->isBytes) {
	return units;
    }
    while (units > 0 && passed < left) {
	uint32_t value;

	if (bytes[passed] < 0x80) {
	    passed++;
	    units--;
	    continue;
	}
	passed += GetChar(bytes + passed, left - passed, &value);
	units -= NumUnits(value) > units ? units : NumUnits(value);
    }
    return passed;
}

/* A part of the data as Tcl's matcher takes it, refcount 1. */
static Tcl_Obj *
TextObj(const DpMatch *matchPtr, size_t offset, size_t count)
{
    DpMatchSet *setPtr = matchPtr->setPtr;
    const unsigned char *bytes = matchPtr->data + offset;
    size_t passed = 0, units = 0;
    Tcl_UniChar *chars;
    Tcl_Obj *textPtr;

    if (setPtr->room < count) {
	setPtr->room = count + count / 2;
	DpFree(setPtr->chars);
	setPtr->chars = DpRealloc(NULL, setPtr->room * sizeof(*chars));
    }
    chars = setPtr->chars;
    while (passed < count) {
	uint32_t value = bytes[passed];

	if (value < 0x80 || matchPtr->isBytes) {
	    passed++;
	} else {
	    passed += GetChar(bytes + passed, count - passed, &value);
	}
	if (NumUnits(value) == 2) {
	    value -= 0x10000;
	    chars[units++] = (Tcl_UniChar) (0xd800 | (value >> 10));
	    value = 0xdc00 | (value & 0x3ff);
	}
	chars[units++] = (Tcl_UniChar) value;
    }
    textPtr = Tcl_NewUnicodeObj(chars, (int) units);
    Tcl_IncrRefCount(textPtr);
    return textPtr;
}

/* Part: sets. */

/* Makes a table: literals in the form of its streams, texts of expressions. */
static void
MakeTable(DpMatchSet *setPtr, int kind)
{
    Table *tablePtr = &setPtr->tables[kind];
    size_t count = (size_t) setPtr->numWords + 1;
    DpWord *words = DpAlloc(count * sizeof(*words));
    Tcl_DString *strings = DpAlloc(count * sizeof(*strings));

    tablePtr->lengths = DpAlloc(count * sizeof(*tablePtr->lengths));
    for (int i = 0; i < setPtr->numWords; i++) {
	const Pattern *patternPtr = &setPtr->patterns[setPtr->owners[i]];
	const char *text = Tcl_GetString(patternPtr->textPtr);
	char needle[DP_NEEDLE_SIZE];
	int length;

	Tcl_DStringInit(&strings[i]);
	if (patternPtr->regexp != NULL) {
	    length = (int) DpNeedleFind(text, needle);
	    Tcl_DStringAppend(&strings[i], needle, length);
	} else if (kind == BYTES) {
	    Tcl_Obj *bytesPtr = Tcl_NewStringObj(text, -1);
	    unsigned char *bytes = Tcl_GetByteArrayFromObj(bytesPtr, &length);

	    Tcl_DStringAppend(&strings[i], (char *) bytes, length);
	    Tcl_DecrRefCount(bytesPtr);
	} else {
	    Tcl_DStringFree(&strings[i]);
	    Tcl_UtfToExternalDString(setPtr->utf8, text, -1, &strings[i]);
	}
	words[i].bytes = Tcl_DStringValue(&strings[i]);
	words[i].length = (size_t) Tcl_DStringLength(&strings[i]);
	tablePtr->lengths[i] = words[i].length;
	if (patternPtr->regexp == NULL
		&& words[i].length > tablePtr->longest) {
	    tablePtr->longest = words[i].length;
	}
    }
    tablePtr->wordsPtr = DpWordsNew(words, setPtr->numWords);
    for (int i = 0; i < setPtr->numWords; i++) {
	Tcl_DStringFree(&strings[i]);
    }
    DpFree(strings);
    DpFree(words);
}

/*
 * Whether Tcl's matcher may be wrong about the place where a match may begin
 * that is not complete: it takes no account of what back references and
 * look-ahead could do with more text.
 */
static bool
LooksBeyond(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
	if (*p == '\\' && p[1] >= '1' && p[1] <= '9') {
	    return true;
	}
    }
    return strstr(text, "(?=") != NULL || strstr(text, "(?!") != NULL;
}

/* Compiles one pattern; NULL or the reason against it. */
static Tcl_Obj *
MakePattern(Tcl_Interp *interp, DpMatchSet *setPtr, int index,
	const DpMatchPattern *fromPtr)
{
    Pattern *patternPtr = &setPtr->patterns[index];
    char needle[DP_NEEDLE_SIZE];
    int length;
    const char *text = Tcl_GetStringFromObj(fromPtr->textPtr, &length);
    Tcl_Obj *reasonPtr = NULL, *emptyPtr;

    patternPtr->word = -1;
    DpReplaceObj(&patternPtr->textPtr, Tcl_NewStringObj(text, length));
    if (length == 0) {
	return Tcl_NewStringObj("it is empty", -1);
    }
    if (!fromPtr->isRegexp) {
	patternPtr->word = setPtr->numWords;
	setPtr->owners[setPtr->numWords++] = index;
	return NULL;
    }
    setPtr->numRegexps++;
    patternPtr->regexp = Tcl_GetRegExpFromObj(interp, patternPtr->textPtr,
	    TCL_REG_ADVANCED | TCL_REG_CANMATCH);
    if (patternPtr->regexp == NULL) {
	return Tcl_NewStringObj(interp != NULL ? Tcl_GetStringResult(interp)
		: "it is no regular expression", -1);
    }
    patternPtr->noHint = LooksBeyond(text);
    emptyPtr = Tcl_NewObj();
    Tcl_IncrRefCount(emptyPtr);
    if (Tcl_RegExpExecObj(NULL, patternPtr->regexp, emptyPtr, 0, 1, 0) > 0) {
	reasonPtr = Tcl_NewStringObj("it matches where there is nothing", -1);
    }
    Tcl_DecrRefCount(emptyPtr);
    if (DpNeedleFind(text, needle) > 0) {
	patternPtr->word = setPtr->numWords;
	setPtr->owners[setPtr->numWords++] = index;
    }
    return reasonPtr;
}

DpMatchSet *
DpMatchSetNew(Tcl_Interp *interp, const DpMatchPattern *patterns, int count,
	Tcl_Obj **reasonPtr, int *indexPtr)
{
    DpMatchSet *setPtr = DpAlloc(sizeof(*setPtr));

    setPtr->refCount = 1;
    setPtr->count = count;
    setPtr->utf8 = Tcl_GetEncoding(NULL, "utf-8");
    setPtr->patterns = DpAlloc(((size_t) count + 1)
	    * sizeof(*setPtr->patterns));
    setPtr->owners = DpAlloc(((size_t) count + 1) * sizeof(*setPtr->owners));
    for (int i = 0; i < count; i++) {
	Tcl_Obj *whyPtr = MakePattern(interp, setPtr, i, &patterns[i]);

	if (whyPtr != NULL) {
	    *reasonPtr = whyPtr;
	    *indexPtr = i;
	    DpMatchSetDrop(setPtr);
	    return NULL;
	}
    }
    MakeTable(setPtr, TEXT);
    if (setPtr->tables[TEXT].wordsPtr == NULL) {
	*reasonPtr = Tcl_ObjPrintf("they have more than %d bytes in all",
		DP_WORDS_BYTES);
	*indexPtr = -1;
	DpMatchSetDrop(setPtr);
	return NULL;
    }
    return setPtr;
}

void
DpMatchSetHold(DpMatchSet *setPtr)
{
    setPtr->refCount++;
}

void
DpMatchSetDrop(DpMatchSet *setPtr)
{
    if (--setPtr->refCount > 0) {
	return;
    }
    for (int i = 0; i < setPtr->count; i++) {
	DpReleaseObj(&setPtr->patterns[i].textPtr);
    }
    for (int i = 0; i < NUM_TABLES; i++) {
	DpWordsFree(setPtr->tables[i].wordsPtr);
	DpFree(setPtr->tables[i].lengths);
    }
    Tcl_FreeEncoding(setPtr->utf8);
    DpFree(setPtr->patterns);
    DpFree(setPtr->owners);
    DpFree(setPtr->chars);
    DpFree(setPtr);
}

/* Part: streams. */

DpMatch *
DpMatchNew(DpMatchSet *setPtr, Tcl_Encoding encoding)
{
    DpMatch *matchPtr = DpAlloc(sizeof(*matchPtr));
    int kind = encoding == NULL ? BYTES : TEXT;

    matchPtr->setPtr = setPtr;
    DpMatchSetHold(setPtr);
    if (setPtr->tables[kind].wordsPtr == NULL) {
	MakeTable(setPtr, kind);
    }
    matchPtr->tablePtr = &setPtr->tables[kind];
    matchPtr->isBytes = encoding == NULL;
    if (encoding != NULL
	    && strcmp(Tcl_GetEncodingName(encoding), "utf-8") != 0) {
	matchPtr->decoder.encoding = encoding;
    }
    matchPtr->fresh = true;
    matchPtr->tracks = DpAlloc(((size_t) setPtr->count + 1)
	    * sizeof(*matchPtr->tracks));
    for (int i = 0; i < setPtr->count; i++) {
	matchPtr->tracks[i].seen = -1;
    }
    return matchPtr;
}

void
DpMatchFree(DpMatch *matchPtr)
{
    if (matchPtr == NULL) {
	return;
    }
    DpDecodeFree(&matchPtr->decoder);
    DpBufFree(&matchPtr->window);
    DpFree(matchPtr->tracks);
    DpMatchSetDrop(matchPtr->setPtr);
    DpFree(matchPtr);
}

size_t
DpMatchHeld(const DpMatch *matchPtr)
{
    return DpBufLength(&matchPtr->window);
}

/* Whether what is looked at is our copy. */
static bool
HasWindow(const DpMatch *matchPtr)
{
    return matchPtr->setPtr->numRegexps > 0
	    || matchPtr->decoder.encoding != NULL;
}

static void
FeedDecoded(DpMatch *matchPtr, const void *bytes, size_t count)
{
    Tcl_Obj *textPtr = DpDecodeChunk(&matchPtr->decoder, bytes, count, false);
    Tcl_DString utf;
    int length;
    const char *text;

    Tcl_IncrRefCount(textPtr);
    text = Tcl_GetStringFromObj(textPtr, &length);
    Tcl_UtfToExternalDString(matchPtr->setPtr->utf8, text, length, &utf);
    DpBufAppend(&matchPtr->window, Tcl_DStringValue(&utf),
	    (size_t) Tcl_DStringLength(&utf));
    Tcl_DStringFree(&utf);
    Tcl_DecrRefCount(textPtr);
}

void
DpMatchFeed(DpMatch *matchPtr, const void *bytes, size_t count)
{
    if (!HasWindow(matchPtr)) {
	matchPtr->data = bytes;
	matchPtr->length = count;
	matchPtr->scanned = 0;
	return;
    }
    if (matchPtr->decoder.encoding != NULL) {
	FeedDecoded(matchPtr, bytes, count);
    } else {
	DpBufAppend(&matchPtr->window, bytes, count);
    }
    matchPtr->length = DpBufLength(&matchPtr->window);
    if (matchPtr->length > 0) {
	matchPtr->data = DpBufData(&matchPtr->window);
    }
}

/*
 * Lets the automaton see what it has not yet. A literal that begins before the
 * one found first may end behind it, but not by more than the longest has.
 */
static void
FindLiteral(DpMatch *matchPtr, const bool *off, Found *foundPtr)
{
    const DpMatchSet *setPtr = matchPtr->setPtr;
    const Table *tablePtr = matchPtr->tablePtr;
    size_t limit = matchPtr->length;

    if (setPtr->numWords == 0) {
	matchPtr->scanned = matchPtr->length;
    }
    while (matchPtr->scanned < limit) {
	bool ends;
	int word = -1;
	uint32_t node;

	matchPtr->scanned += DpWordsScan(tablePtr->wordsPtr, &matchPtr->state,
		matchPtr->data + matchPtr->scanned, limit - matchPtr->scanned,
		&ends);
	if (!ends) {
	    return;
	}
	node = matchPtr->state;
	while ((word = DpWordsEnding(tablePtr->wordsPtr, &node, word)) >= 0) {
	    int pattern = setPtr->owners[word];
	    ptrdiff_t start = (ptrdiff_t) matchPtr->scanned
		    - (ptrdiff_t) tablePtr->lengths[word];

	    if (setPtr->patterns[pattern].regexp != NULL) {
		matchPtr->tracks[pattern].seen = start;
	    } else if (!off[pattern] && (foundPtr->pattern < 0
		    || start < foundPtr->start || (start == foundPtr->start
		    && pattern < foundPtr->pattern))) {
		size_t last = (size_t) (start + (ptrdiff_t) tablePtr->longest);

		*foundPtr = (Found) {pattern, start, matchPtr->scanned};
		limit = last < matchPtr->length ? last : matchPtr->length;
	    }
	}
    }
}

/* Whether a match of an expression may be there. */
static bool
MayMatch(const DpMatch *matchPtr, int pattern)
{
    const Track *trackPtr = &matchPtr->tracks[pattern];

    return trackPtr->from < matchPtr->length
	    && (matchPtr->setPtr->patterns[pattern].word < 0
	    || trackPtr->seen >= (ptrdiff_t) trackPtr->from);
}

/* Where the character before an offset begins. */
static size_t
CharBefore(const DpMatch *matchPtr, size_t offset)
{
    size_t begin = offset - 1;

    while (!matchPtr->isBytes && begin > 0 && offset - begin < 4
	    && IsTrail(matchPtr->data[begin])) {
	begin--;
    }
    return begin;
}

/* Runs an expression on a part of the data. As Tcl_RegExpExecObj returns. */
static int
Execute(DpMatch *matchPtr, Tcl_RegExp regexp, size_t begin, size_t end,
	Tcl_RegExpInfo *infoPtr)
{
    Tcl_Obj *textPtr = TextObj(matchPtr, begin, end - begin);
    int flags = 0, code;

    if (begin > 0 || !matchPtr->fresh) {
	flags |= TCL_REG_NOTBOL;
    }
    if (end < matchPtr->length) {
	flags |= TCL_REG_NOTEOL;
    }
    code = Tcl_RegExpExecObj(NULL, regexp, textPtr, 0, 1, flags);
    Tcl_RegExpGetInfo(regexp, infoPtr);
    Tcl_DecrRefCount(textPtr);
    return code;
}

/*
 * Tries an expression; better than what is found already, it replaces that.
 * The character before decides on \m, \y and the begin of a line, so it is
 * looked at as well. No match begins with it, but one may seem to, because
 * what is before that is not seen: then it is done with one more.
 */
static void
TryRegexp(DpMatch *matchPtr, int pattern, Found *foundPtr)
{
    Tcl_RegExp regexp = matchPtr->setPtr->patterns[pattern].regexp;
    Track *trackPtr = &matchPtr->tracks[pattern];
    size_t begin = trackPtr->from, end = matchPtr->length, from, start;
    Tcl_RegExpInfo info;
    int code;

    if (!matchPtr->isBytes) {
	end -= CountPartial(matchPtr->data, end);
    }
    if (end <= begin) {
	return;
    }
    if (begin > 0) {
	begin = CharBefore(matchPtr, begin);
    }
    do {
	code = Execute(matchPtr, regexp, begin, end, &info);
	start = code <= 0 ? end : begin + BytesOfUnits(matchPtr, begin,
		(size_t) info.matches[0].start);
	if (start >= trackPtr->from) {
	    break;
	}
	begin = begin == 0 ? trackPtr->from : CharBefore(matchPtr, begin);
    } while (true);
    if (code > 0 && info.matches[0].end > info.matches[0].start) {
	if (foundPtr->pattern < 0 || (ptrdiff_t) start < foundPtr->start
		|| ((ptrdiff_t) start == foundPtr->start
		&& pattern < foundPtr->pattern)) {
	    *foundPtr = (Found) {pattern, (ptrdiff_t) start,
		    begin + BytesOfUnits(matchPtr, begin,
		    (size_t) info.matches[0].end)};
	}
	return;
    }
    if (matchPtr->setPtr->patterns[pattern].noHint) {
	return;
    }
    from = end;
    if (code == 0 && info.extendStart >= 0) {
	from = begin + BytesOfUnits(matchPtr, begin,
		(size_t) info.extendStart);
    }
    if (from > trackPtr->from) {
	trackPtr->from = from;
    }
}

/* Takes the front of the data away; offsets go with it. */
static void
Advance(DpMatch *matchPtr, size_t count)
{
    matchPtr->data += count;
    matchPtr->length -= count;
    if (HasWindow(matchPtr)) {
	DpBufConsume(&matchPtr->window, count);
    }
}

/* A match is over: everything begins anew behind it. */
static void
TakeMatch(DpMatch *matchPtr, size_t end)
{
    Advance(matchPtr, end);
    matchPtr->scanned = 0;
    matchPtr->state = 0;
    matchPtr->fresh = true;
    for (int i = 0; i < matchPtr->setPtr->count; i++) {
	matchPtr->tracks[i] = (Track) {.from = 0, .seen = -1};
    }
}

/* Nothing matches: only where a match may have begun is kept. */
static void
KeepRest(DpMatch *matchPtr, const bool *off)
{
    const DpMatchSet *setPtr = matchPtr->setPtr;
    size_t cut = matchPtr->length;

    for (int i = 0; i < setPtr->count; i++) {
	if (setPtr->patterns[i].regexp != NULL && !off[i]) {
	    size_t from = matchPtr->tracks[i].from;

	    from = from > CONTEXT ? from - CONTEXT : 0;
	    cut = from < cut ? from : cut;
	}
    }
    if (matchPtr->length - cut > DP_MATCH_WINDOW) {
	cut = matchPtr->length - DP_MATCH_WINDOW;
    }
    while (!matchPtr->isBytes && cut < matchPtr->length
	    && IsTrail(matchPtr->data[cut])) {
	cut++;
    }
    if (cut == 0) {
	return;
    }
    Advance(matchPtr, cut);
    matchPtr->scanned -= cut;
    matchPtr->fresh = false;
    for (int i = 0; i < setPtr->count; i++) {
	Track *trackPtr = &matchPtr->tracks[i];

	trackPtr->from -= trackPtr->from < cut ? trackPtr->from : cut;
	trackPtr->seen = trackPtr->seen < (ptrdiff_t) cut ? -1
		: trackPtr->seen - (ptrdiff_t) cut;
    }
}

int
DpMatchNext(DpMatch *matchPtr, const bool *off)
{
    const DpMatchSet *setPtr = matchPtr->setPtr;
    Found found = {-1, 0, 0};

    if (matchPtr->length == 0) {
	return -1;
    }
    FindLiteral(matchPtr, off, &found);
    for (int i = 0; setPtr->numRegexps > 0 && i < setPtr->count; i++) {
	/* With a literal found, the automaton has not seen what is behind. */
	if (setPtr->patterns[i].regexp != NULL && !off[i]
		&& (found.pattern >= 0 || MayMatch(matchPtr, i))) {
	    TryRegexp(matchPtr, i, &found);
	}
    }
    if (found.pattern < 0) {
	KeepRest(matchPtr, off);
	return -1;
    }
    TakeMatch(matchPtr, found.end);
    return found.pattern;
}

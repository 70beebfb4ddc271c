/*
 * dpNodesetParse.c -- texts of sets of names: operators, brackets, ranges.
 *
 * Layer L4. One pass from left to right without recursion. How many names an
 * operand stands for is known before the first one is made.
 */

#include "dpNodeset.h"

#include <stdio.h>

/* Longer numbers are kept as they are written and can't end a range. */
#define MAX_DIGITS 18

/*
 * How much of a long text a message shows on each side of the error; and how
 * much is too long for the error's code.
 */
#define EXCERPT 30
#define MAX_DATA 200

/* One element of a bracket: a number as it is written, or a range. */
typedef struct Item {
    const char *text;           /* NULL: a range */
    size_t length;              /* of text; of a range its longest number */
    uint64_t first, last, step;
    uint32_t width;             /* numbers get zeros in front up to it */
} Item;

/* What an operand is made of: literal text, or a bracket. */
typedef struct Piece {
    const char *text;           /* NULL: a bracket */
    size_t length;              /* of text; of a bracket its longest item */
    size_t firstItem, numItems;
    size_t item;                /* which one is on now */
    uint64_t value;             /* its number now */
    size_t at;                  /* where it begins in the name */
} Piece;

typedef struct Parser {
    DpNodeset *setPtr;
    DpNodesetBudget *budgetPtr;
    DpError *errPtr;
    const char *text, *end;
    const char *at;             /* what is read next */
    Item *items;                /* of the present operand */
    size_t numItems, roomItems;
    Piece *pieces;
    size_t numPieces, roomPieces;
    char *name;                 /* the name that is being made */
    size_t roomName;
    bool *reached;              /* scratch of IsNamed */
    size_t roomReached;
} Parser;

static bool
IsSpace(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
IsDigit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
IsOperator(char c)
{
    return c == ',' || c == '!' || c == '&' || c == '^';
}

/*
 * Left out besides white space and what has a meaning here: what Tcl quotes in
 * a list, wildcards, and 0xC0, with which a NUL begins in Tcl's strings.
 */
static bool
IsName(char c)
{
    unsigned char byte = (unsigned char) c;

    if (byte <= ' ' || byte == 0x7f || byte == 0xc0) {
	return false;
    }
    switch (c) {
    case ',': case '!': case '&': case '^': case '[': case ']':
    case '{': case '}': case '"': case '\\': case '*': case '?':
	return false;
    }
    return true;
}

static bool
IsContinued(char c)
{
    return ((unsigned char) c & 0xc0) == 0x80;
}

/* Sets the error; its data is the text, or of a long one the excerpt. */
static void
SetError(Parser *parserPtr, size_t character, const char *excerpt,
	const char *why)
{
    size_t length = (size_t) (parserPtr->end - parserPtr->text);
    char text[MAX_DATA + 1] = "";

    DpErrorSet(parserPtr->errPtr, "NODESET",
	    "no valid node set, at character %lu of \"%s\": %s",
	    (unsigned long) character, excerpt, why);
    if (length <= MAX_DATA) {
	memcpy(text, parserPtr->text, length);
	excerpt = text;
    }
    DpErrorAddData(parserPtr->errPtr, excerpt);
}

/* Reports an error at a place of the text. Always false. */
static bool __attribute__((format(printf, 3, 4)))
Wrong(Parser *parserPtr, const char *place, const char *format, ...)
{
    const char *from = parserPtr->text, *to = parserPtr->end;
    char why[200], excerpt[2 * EXCERPT + 8];
    size_t character = 1;
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    for (const char *p = parserPtr->text; p < place; p++) {
	character += !IsContinued(*p);
    }
    if (to - from > 2 * EXCERPT) {
	from = place - from > EXCERPT ? place - EXCERPT : from;
	to = to - place > EXCERPT ? place + EXCERPT : to;
	while (from < place && IsContinued(*from)) {
	    from++;
	}
	while (to > place && to < parserPtr->end && IsContinued(*to)) {
	    to--;
	}
    }
    snprintf(excerpt, sizeof(excerpt), "%s%.*s%s",
	    from > parserPtr->text ? "..." : "", (int) (to - from), from,
	    to < parserPtr->end ? "..." : "");
    for (char *p = excerpt; *p != '\0'; p++) {
	*p = IsSpace(*p) ? ' ' : *p;
    }
    SetError(parserPtr, character, excerpt, why);
    return false;
}

/* Reports a character that may not stand where it does. Always false. */
static bool
WrongChar(Parser *parserPtr, const char *where)
{
    unsigned char byte = (unsigned char) *parserPtr->at;

    if (byte == 0xc0) {
	return Wrong(parserPtr, parserPtr->at,
		"a NUL character can't stand %s", where);
    }
    if (byte < ' ' || byte >= 0x7f) {
	return Wrong(parserPtr, parserPtr->at,
		"the byte 0x%02x can't stand %s", byte, where);
    }
    return Wrong(parserPtr, parserPtr->at, "\"%c\" can't stand %s", byte,
	    where);
}

static bool
TooMany(Parser *parserPtr, const char *place)
{
    return Wrong(parserPtr, place, "up to here it is more than one call "
	    "takes, which is %lu names or %lu MiB of them",
	    (unsigned long) DP_NODESET_NAMES,
	    (unsigned long) (DP_NODESET_BYTES >> 20));
}

/* Takes what an operand stands for off the budget, or reports it. */
static bool
Spend(Parser *parserPtr, const char *place, uint64_t count, size_t length)
{
    DpNodesetBudget *budgetPtr = parserPtr->budgetPtr;

    if (count > budgetPtr->names || length > budgetPtr->bytes / count) {
	return TooMany(parserPtr, place);
    }
    budgetPtr->names -= count;
    budgetPtr->bytes -= count * length;
    return true;
}

static void
SkipSpace(Parser *parserPtr)
{
    while (parserPtr->at < parserPtr->end && IsSpace(*parserPtr->at)) {
	parserPtr->at++;
    }
}

static bool
LooksAt(const Parser *parserPtr, char c)
{
    return parserPtr->at < parserPtr->end && *parserPtr->at == c;
}

/*
 * The digits of one number, with the white space around. The reports are of
 * whatever stands in place of a number.
 */
static bool
ReadNumber(Parser *parserPtr, const char *open, const char **textPtr,
	size_t *lengthPtr)
{
    SkipSpace(parserPtr);
    *textPtr = parserPtr->at;
    while (parserPtr->at < parserPtr->end && IsDigit(*parserPtr->at)) {
	parserPtr->at++;
    }
    *lengthPtr = (size_t) (parserPtr->at - *textPtr);
    if (*lengthPtr > 0) {
	SkipSpace(parserPtr);
	return true;
    }
    if (parserPtr->at == parserPtr->end) {
	return Wrong(parserPtr, open, "the \"[\" is not closed");
    }
    switch (*parserPtr->at) {
    case ']': case ',': case '-': case '/':
	return Wrong(parserPtr, parserPtr->at,
		"there is no number before \"%c\"", *parserPtr->at);
    }
    return WrongChar(parserPtr, "in brackets, only numbers, ranges such as "
	    "1-9 or 0-9/2, and commas");
}

/* A number of at most MAX_DIGITS digits. */
static bool
ToNumber(Parser *parserPtr, const char *text, size_t length,
	uint64_t *valuePtr)
{
    if (length > MAX_DIGITS) {
	return Wrong(parserPtr, text,
		"a number of a range has at most %d digits", MAX_DIGITS);
    }
    *valuePtr = 0;
    for (size_t i = 0; i < length; i++) {
	*valuePtr = *valuePtr * 10 + (uint64_t) (text[i] - '0');
    }
    return true;
}

/* The rest of a range, from its hyphen on; itemPtr has the first number. */
static bool
ReadRange(Parser *parserPtr, const char *open, Item *itemPtr)
{
    const char *low = itemPtr->text, *high, *step;
    size_t lowLength = itemPtr->length, highLength, stepLength;

    parserPtr->at++;
    itemPtr->text = NULL;
    itemPtr->step = 1;
    if (!ReadNumber(parserPtr, open, &high, &highLength)
	    || !ToNumber(parserPtr, low, lowLength, &itemPtr->first)
	    || !ToNumber(parserPtr, high, highLength, &itemPtr->last)) {
	return false;
    }
    if (LooksAt(parserPtr, '/')) {
	parserPtr->at++;
	if (!ReadNumber(parserPtr, open, &step, &stepLength)
		|| !ToNumber(parserPtr, step, stepLength, &itemPtr->step)) {
	    return false;
	}
	if (itemPtr->step == 0) {
	    return Wrong(parserPtr, step, "a step is 1 or more");
	}
    }
    itemPtr->width = lowLength > 1 && *low == '0' ? (uint32_t) lowLength : 0;
    itemPtr->length = highLength;
    if (lowLength != highLength && (itemPtr->width > 0
	    || (highLength > 1 && *high == '0'))) {
	return Wrong(parserPtr, low, "the ends %.*s and %.*s of a range with "
		"leading zeros differ in width", (int) lowLength, low,
		(int) highLength, high);
    }
    if (itemPtr->first > itemPtr->last) {
	return Wrong(parserPtr, low, "the range %.*s-%.*s runs backwards",
		(int) lowLength, low, (int) highLength, high);
    }
    return true;
}

static Item *
NewItem(Parser *parserPtr)
{
    if (parserPtr->numItems == parserPtr->roomItems) {
	parserPtr->roomItems = parserPtr->roomItems != 0
		? parserPtr->roomItems * 2 : 8;
	parserPtr->items = DpRealloc(parserPtr->items,
		parserPtr->roomItems * sizeof(*parserPtr->items));
    }
    memset(&parserPtr->items[parserPtr->numItems], 0,
	    sizeof(*parserPtr->items));
    return &parserPtr->items[parserPtr->numItems++];
}

static Piece *
NewPiece(Parser *parserPtr)
{
    if (parserPtr->numPieces == parserPtr->roomPieces) {
	parserPtr->roomPieces = parserPtr->roomPieces != 0
		? parserPtr->roomPieces * 2 : 8;
	parserPtr->pieces = DpRealloc(parserPtr->pieces,
		parserPtr->roomPieces * sizeof(*parserPtr->pieces));
    }
    memset(&parserPtr->pieces[parserPtr->numPieces], 0,
	    sizeof(*parserPtr->pieces));
    return &parserPtr->pieces[parserPtr->numPieces++];
}

/*
 * A bracket as the last piece. *countPtr, at most the budget, is multiplied by
 * how many numbers it stands for.
 */
static bool
ReadBracket(Parser *parserPtr, uint64_t *countPtr)
{
    uint64_t limit = parserPtr->budgetPtr->names;
    const char *open = parserPtr->at++;
    Piece *piecePtr = NewPiece(parserPtr);
    uint64_t count = 0;

    piecePtr->firstItem = parserPtr->numItems;
    SkipSpace(parserPtr);
    if (LooksAt(parserPtr, ']')) {
	return Wrong(parserPtr, open, "the brackets are empty");
    }
    for (;;) {
	Item *itemPtr = NewItem(parserPtr);
	uint64_t more = 1;

	if (!ReadNumber(parserPtr, open, &itemPtr->text, &itemPtr->length)) {
	    return false;
	}
	if (LooksAt(parserPtr, '-')) {
	    if (!ReadRange(parserPtr, open, itemPtr)) {
		return false;
	    }
	    more += (itemPtr->last - itemPtr->first) / itemPtr->step;
	} else if (LooksAt(parserPtr, '/')) {
	    return Wrong(parserPtr, parserPtr->at,
		    "a step needs a range before it, as in 0-9/2");
	}
	if (more > limit || (count += more) > limit) {
	    return TooMany(parserPtr, open);
	}
	if (itemPtr->length > piecePtr->length) {
	    piecePtr->length = itemPtr->length;
	}
	if (parserPtr->at == parserPtr->end) {
	    return Wrong(parserPtr, open, "the \"[\" is not closed");
	}
	if (*parserPtr->at == ']') {
	    break;
	}
	if (*parserPtr->at != ',') {
	    return WrongChar(parserPtr, "behind a number in brackets");
	}
	parserPtr->at++;
    }
    parserPtr->at++;
    piecePtr->numItems = parserPtr->numItems - piecePtr->firstItem;
    if (count > limit / *countPtr) {
	return TooMany(parserPtr, open);
    }
    *countPtr *= count;
    return true;
}

/* Sets a bracket to one of its items. */
static void
SetItem(Parser *parserPtr, Piece *piecePtr, size_t item)
{
    piecePtr->item = item;
    piecePtr->value = parserPtr->items[piecePtr->firstItem + item].first;
}

/* The next number of a bracket; false when it begins anew, or is text. */
static bool
Step(Parser *parserPtr, Piece *piecePtr)
{
    const Item *itemPtr
	    = &parserPtr->items[piecePtr->firstItem + piecePtr->item];

    if (piecePtr->text != NULL) {
	return false;
    }
    if (itemPtr->text == NULL
	    && itemPtr->last - piecePtr->value >= itemPtr->step) {
	piecePtr->value += itemPtr->step;
	return true;
    }
    if (piecePtr->item + 1 < piecePtr->numItems) {
	SetItem(parserPtr, piecePtr, piecePtr->item + 1);
	return true;
    }
    SetItem(parserPtr, piecePtr, 0);
    return false;
}

/* Writes a number with leading zeros up to width; the length. */
static size_t
PutNumber(char *to, uint64_t value, uint32_t width)
{
    char digits[24];
    uint32_t count = 0;
    size_t length;

    do {
	digits[count++] = (char) ('0' + value % 10);
	value /= 10;
    } while (value != 0);
    while (count < width) {
	digits[count++] = '0';
    }
    length = count;
    while (count > 0) {
	*to++ = digits[--count];
    }
    return length;
}

/* Writes the name from a piece on; its length. */
static size_t
PutPieces(Parser *parserPtr, size_t from)
{
    size_t at = parserPtr->pieces[from].at;

    for (size_t i = from; i < parserPtr->numPieces; i++) {
	Piece *piecePtr = &parserPtr->pieces[i];
	const char *text = piecePtr->text;
	size_t length = piecePtr->length;

	piecePtr->at = at;
	if (text == NULL) {
	    const Item *itemPtr
		    = &parserPtr->items[piecePtr->firstItem + piecePtr->item];

	    if (itemPtr->text == NULL) {
		at += PutNumber(parserPtr->name + at, piecePtr->value,
			itemPtr->width);
		continue;
	    }
	    text = itemPtr->text;
	    length = itemPtr->length;
	}
	memcpy(parserPtr->name + at, text, length);
	at += length;
    }
    return at;
}

/* Applies all names of an operand with brackets, the last one fastest. */
static void
ApplyPieces(Parser *parserPtr, DpNodesetOp op)
{
    size_t from = 0;

    for (size_t i = 0; i < parserPtr->numPieces; i++) {
	if (parserPtr->pieces[i].text == NULL) {
	    SetItem(parserPtr, &parserPtr->pieces[i], 0);
	}
    }
    for (;;) {
	DpNodesetApply(parserPtr->setPtr, op, parserPtr->name,
		PutPieces(parserPtr, from));
	from = parserPtr->numPieces;
	do {
	    if (from == 0) {
		return;
	    }
	    from--;
	} while (!Step(parserPtr, &parserPtr->pieces[from]));
    }
}

/* Marks where one item of a bracket can end that begins at a place of a name. */
static void
ReachItem(const Item *itemPtr, const char *from, size_t length, bool *ends)
{
    uint64_t value = 0;

    if (itemPtr->text != NULL) {
	if (itemPtr->length <= length
		&& memcmp(from, itemPtr->text, itemPtr->length) == 0) {
	    ends[itemPtr->length] = true;
	}
	return;
    }
    for (size_t i = 0; i < length && i < MAX_DIGITS && IsDigit(from[i]); i++) {
	value = value * 10 + (uint64_t) (from[i] - '0');
	if ((i + 1 == itemPtr->width || (i + 1 > itemPtr->width
		&& (i == 0 || *from != '0')))
		&& value >= itemPtr->first && value <= itemPtr->last
		&& (value - itemPtr->first) % itemPtr->step == 0) {
	    ends[i + 1] = true;
	}
    }
}

/*
 * Whether the operand names a name: from the places that the pieces so far can
 * reach follow those of the next one. Brackets side by side leave several.
 */
static bool
IsNamed(Parser *parserPtr, const DpNodesetName *namePtr)
{
    size_t places = namePtr->length + 1;
    bool *reached, *next;

    if (parserPtr->roomReached < 2 * places) {
	parserPtr->roomReached = 4 * places;
	parserPtr->reached = DpRealloc(parserPtr->reached,
		parserPtr->roomReached * sizeof(bool));
    }
    reached = parserPtr->reached;
    next = reached + places;
    memset(reached, 0, places * sizeof(bool));
    reached[0] = true;
    for (size_t i = 0; i < parserPtr->numPieces; i++) {
	const Piece *piecePtr = &parserPtr->pieces[i];
	bool *swap = reached;

	memset(next, 0, places * sizeof(bool));
	for (size_t at = 0; at < places; at++) {
	    const char *from = namePtr->bytes + at;
	    size_t length = namePtr->length - at;

	    if (!reached[at]) {
		continue;
	    }
	    if (piecePtr->text != NULL) {
		if (piecePtr->length <= length && memcmp(from,
			piecePtr->text, piecePtr->length) == 0) {
		    next[at + piecePtr->length] = true;
		}
		continue;
	    }
	    for (size_t item = 0; item < piecePtr->numItems; item++) {
		ReachItem(&parserPtr->items[piecePtr->firstItem + item],
			from, length, next + at);
	    }
	}
	reached = next;
	next = swap;
    }
    return reached[namePtr->length];
}

/* Applies those names of an operand that are asked for. */
static void
ApplyAmong(Parser *parserPtr, DpNodesetOp op)
{
    DpNodeset *setPtr = parserPtr->setPtr;

    for (uint32_t i = 0; i < setPtr->numAmong; i++) {
	const DpNodesetName *namePtr = &setPtr->among[i];

	if (IsNamed(parserPtr, namePtr)) {
	    DpNodesetApply(setPtr, op, namePtr->bytes, namePtr->length);
	}
    }
}

/* One name or pattern, applied to the set by an operator. */
static bool
ReadOperand(Parser *parserPtr, DpNodesetOp op)
{
    const char *begin = parserPtr->at;
    uint64_t count = 1;
    size_t length = 0;

    if (*begin == '@') {
	return Wrong(parserPtr, begin, "there are no groups here; a name "
		"can't begin with \"@\"");
    }
    parserPtr->numItems = parserPtr->numPieces = 0;
    while (parserPtr->at < parserPtr->end) {
	const char *from = parserPtr->at;

	while (parserPtr->at < parserPtr->end && IsName(*parserPtr->at)) {
	    parserPtr->at++;
	}
	if (parserPtr->at > from) {
	    Piece *piecePtr = NewPiece(parserPtr);

	    piecePtr->text = from;
	    piecePtr->length = (size_t) (parserPtr->at - from);
	} else if (*from == '[') {
	    if (!ReadBracket(parserPtr, &count)) {
		return false;
	    }
	} else if (*from == ']') {
	    return Wrong(parserPtr, from, "there is no \"[\" for this \"]\"");
	} else if (IsSpace(*from) || IsOperator(*from)) {
	    break;
	} else {
	    return WrongChar(parserPtr, "in a name");
	}
    }
    for (size_t i = 0; i < parserPtr->numPieces; i++) {
	length += parserPtr->pieces[i].length;
    }
    if (!Spend(parserPtr, begin, count, length)) {
	return false;
    }
    DpNodesetBegin(parserPtr->setPtr);
    if (parserPtr->numPieces == 1 && parserPtr->pieces[0].text != NULL) {
	DpNodesetApply(parserPtr->setPtr, op, begin, length);
    } else if (parserPtr->setPtr->among != NULL
	    && count / (parserPtr->numItems + parserPtr->numPieces)
	    > parserPtr->setPtr->numAmong) {
	ApplyAmong(parserPtr, op);
    } else {
	if (parserPtr->roomName < length) {
	    parserPtr->name = DpRealloc(parserPtr->name, length * 2);
	    parserPtr->roomName = length * 2;
	}
	ApplyPieces(parserPtr, op);
    }
    DpNodesetEnd(parserPtr->setPtr, op);
    return true;
}

static DpNodesetOp
OpOf(char c)
{
    switch (c) {
    case '!':
	return DP_NODESET_DIFFERENCE;
    case '&':
	return DP_NODESET_INTERSECTION;
    case '^':
	return DP_NODESET_XOR;
    }
    return DP_NODESET_UNION;
}

/* Operands and operators in turn; white space alone is a comma. */
static bool
ReadText(Parser *parserPtr)
{
    const char *operator = NULL;
    bool any = false;

    for (;;) {
	SkipSpace(parserPtr);
	if (parserPtr->at == parserPtr->end) {
	    break;
	}
	if (IsOperator(*parserPtr->at)) {
	    if (!any || operator != NULL) {
		return Wrong(parserPtr, parserPtr->at,
			"there is no name before \"%c\"", *parserPtr->at);
	    }
	    operator = parserPtr->at++;
	    continue;
	}
	if (!ReadOperand(parserPtr, operator != NULL ? OpOf(*operator)
		: DP_NODESET_UNION)) {
	    return false;
	}
	any = true;
	operator = NULL;
    }
    if (operator != NULL) {
	return Wrong(parserPtr, operator, "there is no name behind \"%c\"",
		*operator);
    }
    return true;
}

bool
DpNodesetParse(DpNodeset *setPtr, DpNodesetBudget *budgetPtr,
	const char *text, size_t length, DpError *errPtr)
{
    Parser parser = {
	.setPtr = setPtr, .budgetPtr = budgetPtr, .errPtr = errPtr,
	.text = text, .end = text + length, .at = text
    };
    bool ok = ReadText(&parser);

    DpFree(parser.items);
    DpFree(parser.pieces);
    DpFree(parser.name);
    DpFree(parser.reached);
    return ok;
}

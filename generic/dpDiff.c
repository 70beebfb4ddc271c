/*
 * dpDiff.c -- the unified difference of two texts.
 *
 * Layer L0. The way from one to the other is that of E. W. Myers, "An O(ND)
 * Difference Algorithm and Its Variations" (Algorithmica 1, 1986), in linear
 * space: the middle of the shortest way is met from both ends, then each half
 * is done by itself. Lines are numbers by then, and those that only one text
 * has are out already.
 */

#include "dpDiff.h"

#include <limits.h>
#include <stdio.h>

/* Steps until a block is taken as replaced: less than half a second. */
#define DIFF_BUDGET 100000000LL

/* One of the two texts. */
typedef struct DiffText {
    const unsigned char *bytes;
    size_t length;
    size_t *starts;             /* offset of each line, and one behind all */
    int *numbers;               /* of each line: equal where the lines are */
    bool *changed;              /* whether a line is not in the other text */
    int count;                  /* of lines */
    int *seen;                  /* the numbers of lines that both texts have */
    int *places;                /* where those lines are */
    int seenCount;
} DiffText;

/* What the search needs. */
typedef struct DiffSearch {
    DiffText *oldPtr;
    DiffText *newPtr;
    int *forward;               /* furthest x on each diagonal x - y */
    int *backward;
    long long budget;           /* steps that are left */
} DiffSearch;

/* A piece of either text that was replaced. */
typedef struct DiffHunk {
    int oldFrom, oldTo;
    int newFrom, newTo;
} DiffHunk;

/* Where the differences go. */
typedef struct DiffOut {
    DpBuf *bufPtr;
    size_t lines;               /* put so far */
    size_t maxLines;
    bool cut;
} DiffOut;

/* Part: lines. */

static void
SplitLines(DiffText *textPtr, const void *bytes, size_t length)
{
    const unsigned char *at = bytes, *end = at + length;
    size_t count = 0;

    textPtr->bytes = bytes;
    textPtr->length = length;
    for (const unsigned char *p = at; p < end; count++) {
	const unsigned char *newline = memchr(p, '\n', (size_t) (end - p));

	p = newline == NULL ? end : newline + 1;
    }
    /* Numbers of lines are ints; no text of a call has two thousand million. */
    textPtr->count = count > INT_MAX / 4 ? INT_MAX / 4 : (int) count;
    textPtr->starts = DpAlloc((count + 1) * sizeof(size_t));
    textPtr->numbers = DpAlloc(count * sizeof(int));
    textPtr->changed = DpAlloc(count * sizeof(bool));
    textPtr->seen = DpAlloc(count * sizeof(int));
    textPtr->places = DpAlloc(count * sizeof(int));
    count = 0;
    for (const unsigned char *p = at; p < end; count++) {
	const unsigned char *newline = memchr(p, '\n', (size_t) (end - p));

	textPtr->starts[count] = (size_t) (p - at);
	p = newline == NULL ? end : newline + 1;
    }
    textPtr->starts[count] = length;
}

static void
FreeText(DiffText *textPtr)
{
    DpFree(textPtr->starts);
    DpFree(textPtr->numbers);
    DpFree(textPtr->changed);
    DpFree(textPtr->seen);
    DpFree(textPtr->places);
}

static size_t
LineLength(const DiffText *textPtr, int line)
{
    return textPtr->starts[line + 1] - textPtr->starts[line];
}

/* FNV-1a, as 64 bits. */
static uint64_t
HashLine(const DiffText *textPtr, int line)
{
    uint64_t hash = 0xcbf29ce484222325ULL;

    for (size_t i = textPtr->starts[line]; i < textPtr->starts[line + 1];
	    i++) {
	hash = (hash ^ textPtr->bytes[i]) * 0x100000001b3ULL;
    }
    return hash ^ (hash >> 29);
}

/*
 * Gives equal lines of both texts one number, that of the first in both texts
 * one behind the other, and says which lines only one of them has.
 */
static void
NumberLines(DiffText *texts)
{
    size_t total = (size_t) texts[0].count + (size_t) texts[1].count;
    size_t size = 16;
    int *slots;
    unsigned char *in;

    while (size < 2 * total) {
	size *= 2;
    }
    slots = DpAlloc(size * sizeof(int));        /* number + 1; 0: empty */
    in = DpAlloc(total + 1);                    /* bits: old, new */
    for (int side = 0; side < 2; side++) {
	DiffText *textPtr = &texts[side];

	for (int i = 0; i < textPtr->count; i++) {
	    size_t slot = (size_t) HashLine(textPtr, i) & (size - 1);
	    size_t length = LineLength(textPtr, i);
	    int number = side == 0 ? i : texts[0].count + i;

	    for (; slots[slot] != 0; slot = (slot + 1) & (size - 1)) {
		int known = slots[slot] - 1;
		const DiffText *otherPtr = &texts[known >= texts[0].count];
		int line = known >= texts[0].count
			? known - texts[0].count : known;

		if (LineLength(otherPtr, line) == length
			&& memcmp(otherPtr->bytes + otherPtr->starts[line],
			textPtr->bytes + textPtr->starts[i], length) == 0) {
		    number = known;
		    break;
		}
	    }
	    slots[slot] = number + 1;
	    textPtr->numbers[i] = number;
	    in[number] |= (unsigned char) (1 << side);
	}
    }
    for (int side = 0; side < 2; side++) {
	DiffText *textPtr = &texts[side];

	for (int i = 0; i < textPtr->count; i++) {
	    if (in[textPtr->numbers[i]] != 3) {
		textPtr->changed[i] = true;
		continue;
	    }
	    textPtr->seen[textPtr->seenCount] = textPtr->numbers[i];
	    textPtr->places[textPtr->seenCount++] = i;
	}
    }
    DpFree(slots);
    DpFree(in);
}

/* Part: the search. */

/*
 * The middle of the shortest way through a box whose corners differ. False
 * where the budget is spent.
 */
static bool
FindMiddle(DiffSearch *searchPtr, int x0, int x1, int y0, int y1, int *xPtr,
	int *yPtr)
{
    const int *xs = searchPtr->oldPtr->seen, *ys = searchPtr->newPtr->seen;
    int *forward = searchPtr->forward, *backward = searchPtr->backward;
    const int least = x0 - y1, most = x1 - y0;
    const int fromStart = x0 - y0, fromEnd = x1 - y1;
    int fMin = fromStart, fMax = fromStart, bMin = fromEnd, bMax = fromEnd;
    const bool odd = ((fromStart - fromEnd) & 1) != 0;

    forward[fromStart] = x0;
    backward[fromEnd] = x1;
    for (;;) {
	/* Diagonals outside of the box are never the better neighbour. */
	if (fMin > least) {
	    forward[--fMin - 1] = -1;
	} else {
	    fMin++;
	}
	if (fMax < most) {
	    forward[++fMax + 1] = -1;
	} else {
	    fMax--;
	}
	for (int d = fMax; d >= fMin; d -= 2) {
	    int low = forward[d - 1], high = forward[d + 1];
	    int x = low < high ? high : low + 1, y = x - d;

	    while (x < x1 && y < y1 && xs[x] == ys[y]) {
		x++;
		y++;
		searchPtr->budget--;
	    }
	    forward[d] = x;
	    if (odd && bMin <= d && d <= bMax && backward[d] <= x) {
		*xPtr = x;
		*yPtr = y;
		return true;
	    }
	}
	if (bMin > least) {
	    backward[--bMin - 1] = INT_MAX;
	} else {
	    bMin++;
	}
	if (bMax < most) {
	    backward[++bMax + 1] = INT_MAX;
	} else {
	    bMax--;
	}
	for (int d = bMax; d >= bMin; d -= 2) {
	    int low = backward[d - 1], high = backward[d + 1];
	    int x = low < high ? low : high - 1, y = x - d;

	    while (x > x0 && y > y0 && xs[x - 1] == ys[y - 1]) {
		x--;
		y--;
		searchPtr->budget--;
	    }
	    backward[d] = x;
	    if (!odd && fMin <= d && d <= fMax && x <= forward[d]) {
		*xPtr = x;
		*yPtr = y;
		return true;
	    }
	}
	searchPtr->budget -= fMax - fMin + bMax - bMin + 2;
	if (searchPtr->budget < 0) {
	    return false;
	}
    }
}

/* Marks what differs in a box. Each half has half of the way: no deep calls. */
static void
Compare(DiffSearch *searchPtr, int x0, int x1, int y0, int y1)
{
    DiffText *oldPtr = searchPtr->oldPtr, *newPtr = searchPtr->newPtr;
    int x, y;

    while (x0 < x1 && y0 < y1 && oldPtr->seen[x0] == newPtr->seen[y0]) {
	x0++;
	y0++;
    }
    while (x0 < x1 && y0 < y1
	    && oldPtr->seen[x1 - 1] == newPtr->seen[y1 - 1]) {
	x1--;
	y1--;
    }
    if (x0 < x1 && y0 < y1
	    && FindMiddle(searchPtr, x0, x1, y0, y1, &x, &y)) {
	Compare(searchPtr, x0, x, y0, y);
	Compare(searchPtr, x, x1, y, y1);
	return;
    }
    while (x0 < x1) {
	oldPtr->changed[oldPtr->places[x0++]] = true;
    }
    while (y0 < y1) {
	newPtr->changed[newPtr->places[y0++]] = true;
    }
}

static void
FindChanges(DiffText *texts)
{
    DiffSearch search = {.oldPtr = &texts[0], .newPtr = &texts[1]};
    size_t diagonals = (size_t) texts[0].seenCount
	    + (size_t) texts[1].seenCount + 3;
    int *memory = DpAlloc(2 * diagonals * sizeof(int));

    search.forward = memory + texts[1].seenCount + 1;
    search.backward = search.forward + diagonals;
    search.budget = DIFF_BUDGET;
    Compare(&search, 0, texts[0].seenCount, 0, texts[1].seenCount);
    DpFree(memory);
}

/*
 * Moves each run of changed lines as far down as its lines allow, which is
 * where a human sees it: a block that was put in ends with its own last line.
 */
static void
SlideChanges(DiffText *textPtr)
{
    int at = 0;

    while (at < textPtr->count) {
	int from = at, to;

	if (!textPtr->changed[at]) {
	    at++;
	    continue;
	}
	for (to = from; to < textPtr->count && textPtr->changed[to]; to++) {
	}
	while (to < textPtr->count && !textPtr->changed[to]
		&& textPtr->numbers[from] == textPtr->numbers[to]) {
	    textPtr->changed[from++] = false;
	    textPtr->changed[to++] = true;
	    while (to < textPtr->count && textPtr->changed[to]) {
		to++;
	    }
	}
	at = to;
    }
}

/* Part: the result. */

/* Room for one more line? */
static bool
MayPut(DiffOut *outPtr)
{
    if (outPtr->maxLines != 0 && outPtr->lines >= outPtr->maxLines) {
	outPtr->cut = true;
	return false;
    }
    outPtr->lines++;
    return true;
}

static void
PutLine(DiffOut *outPtr, char sign, const DiffText *textPtr, int line)
{
    static const char noNewline[] = "\n\\ No newline at end of file\n";
    size_t length = LineLength(textPtr, line);
    const unsigned char *bytes = textPtr->bytes + textPtr->starts[line];

    if (!MayPut(outPtr)) {
	return;
    }
    DpBufAppend(outPtr->bufPtr, &sign, 1);
    DpBufAppend(outPtr->bufPtr, bytes, length);
    if (length == 0 || bytes[length - 1] != '\n') {
	DpBufAppend(outPtr->bufPtr, noNewline, sizeof(noNewline) - 1);
    }
}

/* The lines FROM up to TO as the head of a hunk tells them. */
static int
PutRange(char *text, size_t size, char sign, int from, int to)
{
    if (to - from == 1) {
	return snprintf(text, size, "%c%d", sign, from + 1);
    }
    /* An empty range is named by the line before it. */
    return snprintf(text, size, "%c%d,%d", sign, to > from ? from + 1 : from,
	    to - from);
}

static void
PutHunk(DiffOut *outPtr, DiffText *texts, const DiffHunk *hunks, int count,
	int context)
{
    const DiffHunk *lastPtr = &hunks[count - 1];
    int before = hunks[0].oldFrom < context ? hunks[0].oldFrom : context;
    int left = texts[0].count - lastPtr->oldTo;
    int after = left < context ? left : context;
    int old = hunks[0].oldFrom - before;
    char text[64];

    if (!MayPut(outPtr)) {
	return;
    }
    DpBufAppend(outPtr->bufPtr, "@@ ", 3);
    DpBufAppend(outPtr->bufPtr, text, (size_t) PutRange(text, sizeof(text),
	    '-', old, lastPtr->oldTo + after));
    DpBufAppend(outPtr->bufPtr, " ", 1);
    DpBufAppend(outPtr->bufPtr, text, (size_t) PutRange(text, sizeof(text),
	    '+', hunks[0].newFrom - before, lastPtr->newTo + after));
    DpBufAppend(outPtr->bufPtr, " @@\n", 4);
    for (int i = 0; i < count && !outPtr->cut; i++) {
	while (old < hunks[i].oldFrom) {
	    PutLine(outPtr, ' ', &texts[0], old++);
	}
	while (old < hunks[i].oldTo) {
	    PutLine(outPtr, '-', &texts[0], old++);
	}
	for (int line = hunks[i].newFrom; line < hunks[i].newTo; line++) {
	    PutLine(outPtr, '+', &texts[1], line);
	}
    }
    for (int i = 0; i < after && !outPtr->cut; i++) {
	PutLine(outPtr, ' ', &texts[0], old + i);
    }
}

/* The changes as hunks, allocated; how many. */
static int
ListHunks(DiffText *texts, DiffHunk **hunksPtr)
{
    DiffHunk *hunks = NULL;
    int count = 0, room = 0, x = 0, y = 0;

    while (x < texts[0].count || y < texts[1].count) {
	DiffHunk hunk = {.oldFrom = x, .newFrom = y};

	while (x < texts[0].count && texts[0].changed[x]) {
	    x++;
	}
	while (y < texts[1].count && texts[1].changed[y]) {
	    y++;
	}
	if (x == hunk.oldFrom && y == hunk.newFrom) {
	    x++;
	    y++;
	    continue;
	}
	hunk.oldTo = x;
	hunk.newTo = y;
	if (count == room) {
	    room = room == 0 ? 16 : 2 * room;
	    hunks = DpRealloc(hunks, (size_t) room * sizeof(DiffHunk));
	}
	hunks[count++] = hunk;
    }
    *hunksPtr = hunks;
    return count;
}

static void
PutHunks(DiffOut *outPtr, DiffText *texts, const DpDiffSpec *specPtr,
	DpDiffCounts *countsPtr)
{
    DiffHunk *hunks;
    int count = ListHunks(texts, &hunks);
    int context = specPtr->context < 0 ? 0 : specPtr->context;
    int next;

    if (count > 0 && specPtr->oldName != NULL && specPtr->newName != NULL) {
	DpBufAppend(outPtr->bufPtr, "--- ", 4);
	DpBufAppend(outPtr->bufPtr, specPtr->oldName,
		strlen(specPtr->oldName));
	DpBufAppend(outPtr->bufPtr, "\n+++ ", 5);
	DpBufAppend(outPtr->bufPtr, specPtr->newName,
		strlen(specPtr->newName));
	DpBufAppend(outPtr->bufPtr, "\n", 1);
    }
    for (int first = 0; first < count; first = next) {
	/* Changes whose context touches are shown together. */
	for (next = first + 1; next < count
		&& (int64_t) hunks[next].oldFrom - hunks[next - 1].oldTo
		<= 2 * (int64_t) context; next++) {
	}
	if (!outPtr->cut) {
	    PutHunk(outPtr, texts, &hunks[first], next - first, context);
	}
    }
    for (int i = 0; i < count; i++) {
	countsPtr->removed += (size_t) (hunks[i].oldTo - hunks[i].oldFrom);
	countsPtr->added += (size_t) (hunks[i].newTo - hunks[i].newFrom);
    }
    countsPtr->cut = outPtr->cut;
    if (outPtr->cut) {
	char text[128];

	/* Programs that read differences pass such lines over. */
	DpBufAppend(outPtr->bufPtr, text, (size_t) snprintf(text, sizeof(text),
		"\\ Cut off here: %lu lines removed and %lu added in all\n",
		(unsigned long) countsPtr->removed,
		(unsigned long) countsPtr->added));
    }
    DpFree(hunks);
}

void
DpDiffUnified(DpBuf *bufPtr, const void *oldBytes, size_t oldLength,
	const void *newBytes, size_t newLength, const DpDiffSpec *specPtr,
	DpDiffCounts *countsPtr)
{
    DiffText texts[2] = {{0}, {0}};
    DpDiffCounts counts = {0};
    DiffOut out = {.bufPtr = bufPtr, .maxLines = specPtr->maxLines};

    if (oldLength != newLength || (oldLength != 0
	    && memcmp(oldBytes, newBytes, oldLength) != 0)) {
	SplitLines(&texts[0], oldLength != 0 ? oldBytes : "", oldLength);
	SplitLines(&texts[1], newLength != 0 ? newBytes : "", newLength);
	NumberLines(texts);
	FindChanges(texts);
	SlideChanges(&texts[0]);
	SlideChanges(&texts[1]);
	PutHunks(&out, texts, specPtr, &counts);
	FreeText(&texts[0]);
	FreeText(&texts[1]);
    }
    if (countsPtr != NULL) {
	*countsPtr = counts;
    }
}

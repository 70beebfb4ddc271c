/*
 * dpNodesetFold.c -- sets of names as short texts.
 *
 * Layer L4. Names are sorted by pattern (the name without its numbers). Each
 * name of a pattern is then a point, one coordinate for each number, and the
 * points are joined to boxes, one dimension after another from the last: those
 * that differ in this one alone become one. Linear, but for the sort.
 */

#include "dpNodeset.h"

/* Stands for a number in a pattern; no name can hold it. */
#define HOLE 1

/* Longer numbers stay text: those up to here have a code below 2^63. */
#define MAX_DIGITS 18

/* The end of each chain of nodes. */
#define END 0

/*
 * While a dimension is joined: points that are equal in all dimensions before
 * it, and whose sets of numbers in those behind it are one chain of nodes.
 */
typedef struct Box {
    uint32_t row;               /* its least point */
    uint32_t chain;             /* END or the number of a node + 1 */
    uint32_t shared;            /* dimensions equal to the box before */
    uint32_t next;              /* index + 1 of the next one in its group */
} Box;

/* The last box of a group while a run of boxes is looked through. */
typedef struct Group {
    uint32_t run;               /* 0, or the run for which the rest is true */
    uint32_t index;             /* among the groups of the run */
} Group;

/* The points of one pattern. */
typedef struct Fold {
    DpBuf *outPtr;
    const unsigned char *pattern;
    uint32_t patternLength;
    uint32_t numRows, numDims;
    uint64_t *codes;            /* numRows times numDims */
    uint32_t *rows;             /* sorted */
    Box *boxes, *joined;
    uint32_t numBoxes;
    uint32_t *heads, *tails;    /* first and last box of each group, + 1 */
    Group *groups;              /* by chain */
    uint32_t roomGroups;
    uint32_t run;
    DpIntern nodes;             /* each: the chain behind it, then codes */
    DpBuf scratch;              /* a node in the making */
} Fold;

static bool
IsDigit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/*
 * The code of a number: as many as there are shorter texts of digits, plus its
 * value. So codes order by length first, and 1, 01 and 001 are different.
 */
static uint64_t
CodeOf(const char *digits, size_t length)
{
    uint64_t code = 0, power = 1, value = 0;

    for (size_t i = 0; i < length; i++) {
	value = value * 10 + (uint64_t) (digits[i] - '0');
	if (i > 0) {
	    code += power;
	}
	power *= 10;
    }
    return code + value;
}

/* The other way round; *powerPtr is 10 to the number of digits. */
static uint32_t
DigitsOf(uint64_t code, uint64_t *valuePtr, uint64_t *powerPtr)
{
    uint32_t length = 1;
    uint64_t power = 10;

    while (code >= power) {
	code -= power;
	power *= 10;
	length++;
    }
    *valuePtr = code;
    *powerPtr = power;
    return length;
}

/* How many digits begin here, of which a number is made; 0: they stay text. */
static size_t
NumberAt(const char *bytes, size_t length, size_t *runPtr)
{
    size_t run = 0;

    while (run < length && IsDigit((unsigned char) bytes[run])) {
	run++;
    }
    *runPtr = run;
    return run <= MAX_DIGITS ? run : 0;
}

/* Appends the pattern of a name; or writes its codes, where that is no NULL. */
static void
Split(const char *bytes, size_t length, DpBuf *patternPtr, uint64_t *codes)
{
    size_t i = 0, run;

    while (i < length) {
	size_t digits = NumberAt(bytes + i, length - i, &run);

	if (codes != NULL) {
	    if (digits > 0) {
		*codes++ = CodeOf(bytes + i, digits);
	    }
	    i += run > 0 ? run : 1;
	} else if (digits > 0) {
	    *DpBufReserve(patternPtr, 1) = HOLE;
	    DpBufAdded(patternPtr, 1);
	    i += run;
	} else {
	    run = run > 0 ? run : 1;
	    DpBufAppend(patternPtr, bytes + i, run);
	    i += run;
	}
    }
}

/* How many leading dimensions two rows share. */
static uint32_t
Shared(const Fold *foldPtr, uint32_t a, uint32_t b)
{
    const uint64_t *left = foldPtr->codes + (size_t) a * foldPtr->numDims;
    const uint64_t *right = foldPtr->codes + (size_t) b * foldPtr->numDims;
    uint32_t shared = 0;

    while (shared < foldPtr->numDims && left[shared] == right[shared]) {
	shared++;
    }
    return shared;
}

/* Whether row a comes before row b; no two are equal. */
static bool
IsBefore(const Fold *foldPtr, uint32_t a, uint32_t b)
{
    uint32_t dim = Shared(foldPtr, a, b);

    return dim < foldPtr->numDims
	    && foldPtr->codes[(size_t) a * foldPtr->numDims + dim]
	    < foldPtr->codes[(size_t) b * foldPtr->numDims + dim];
}

/* Merges two sorted neighbours, [low, middle) and [middle, high). */
static void
Merge(const Fold *foldPtr, const uint32_t *from, uint32_t *to, size_t low,
	size_t middle, size_t high)
{
    size_t left = low, right = middle;

    for (size_t i = low; i < high; i++) {
	if (right >= high || (left < middle
		&& !IsBefore(foldPtr, from[right], from[left]))) {
	    to[i] = from[left++];
	} else {
	    to[i] = from[right++];
	}
    }
}

/* Fills foldPtr->rows in ascending order; most sets are sorted already. */
static void
SortRows(Fold *foldPtr)
{
    size_t count = foldPtr->numRows;
    uint32_t *rows = DpAlloc(count * sizeof(*rows)), *other;
    bool sorted = true;

    for (uint32_t i = 0; i < count; i++) {
	rows[i] = i;
	sorted = sorted && (i == 0 || IsBefore(foldPtr, i - 1, i));
    }
    foldPtr->rows = rows;
    if (sorted) {
	return;
    }
    other = DpAlloc(count * sizeof(*other));
    for (size_t width = 1; width < count; width *= 2) {
	uint32_t *swap = foldPtr->rows;

	for (size_t low = 0; low < count; low += 2 * width) {
	    size_t middle = count - low > width ? low + width : count;
	    size_t high = count - middle > width ? middle + width : count;

	    Merge(foldPtr, foldPtr->rows, other, low, middle, high);
	}
	foldPtr->rows = other;
	other = swap;
    }
    DpFree(other);
}

/* Each point is a box at first. */
static void
MakeBoxes(Fold *foldPtr)
{
    uint32_t count = foldPtr->numRows;

    foldPtr->boxes = DpAlloc(count * sizeof(*foldPtr->boxes));
    foldPtr->joined = DpAlloc(count * sizeof(*foldPtr->joined));
    foldPtr->heads = DpAlloc(count * sizeof(*foldPtr->heads));
    foldPtr->tails = DpAlloc(count * sizeof(*foldPtr->tails));
    foldPtr->numBoxes = count;
    for (uint32_t i = 0; i < count; i++) {
	Box *boxPtr = &foldPtr->boxes[i];

	boxPtr->row = foldPtr->rows[i];
	boxPtr->chain = END;
	boxPtr->shared = i > 0
		? Shared(foldPtr, foldPtr->rows[i - 1], boxPtr->row) : 0;
    }
}

/* A record of groups for each chain that there is. */
static void
GrowGroups(Fold *foldPtr)
{
    uint32_t need = foldPtr->nodes.count + 1;
    uint32_t room = foldPtr->roomGroups;

    if (need > room) {
	foldPtr->roomGroups = need + need / 2;
	foldPtr->groups = DpRealloc(foldPtr->groups,
		foldPtr->roomGroups * sizeof(*foldPtr->groups));
	memset(foldPtr->groups + room, 0,
		(foldPtr->roomGroups - room) * sizeof(*foldPtr->groups));
    }
}

/*
 * Sorts boxes, from begin on as long as they share the dimensions before dim,
 * into groups by chain. *endPtr is behind the last one; the number of groups.
 */
static uint32_t
GroupRun(Fold *foldPtr, uint32_t dim, uint32_t begin, uint32_t *endPtr)
{
    uint32_t count = 0, i = begin;

    foldPtr->run++;
    do {
	Group *groupPtr = &foldPtr->groups[foldPtr->boxes[i].chain];

	foldPtr->boxes[i].next = 0;
	if (groupPtr->run != foldPtr->run) {
	    groupPtr->run = foldPtr->run;
	    groupPtr->index = count;
	    foldPtr->heads[count++] = i + 1;
	} else {
	    foldPtr->boxes[foldPtr->tails[groupPtr->index] - 1].next = i + 1;
	}
	foldPtr->tails[groupPtr->index] = i + 1;
	i++;
    } while (i < foldPtr->numBoxes && foldPtr->boxes[i].shared >= dim);
    *endPtr = i;
    return count;
}

/* The chain of a group: the node of its numbers in dim, made if need be. */
static uint32_t
ChainOf(Fold *foldPtr, uint32_t dim, uint32_t head)
{
    uint64_t word = foldPtr->boxes[head - 1].chain;
    DpBuf *nodePtr = &foldPtr->scratch;

    DpBufConsume(nodePtr, DpBufLength(nodePtr));
    DpBufAppend(nodePtr, &word, sizeof(word));
    for (uint32_t i = head; i != 0; i = foldPtr->boxes[i - 1].next) {
	size_t row = foldPtr->boxes[i - 1].row;

	DpBufAppend(nodePtr, &foldPtr->codes[row * foldPtr->numDims + dim],
		sizeof(*foldPtr->codes));
    }
    return DpInternAdd(&foldPtr->nodes, DpBufData(nodePtr),
	    (uint32_t) DpBufLength(nodePtr)) + 1;
}

/*
 * Joins the boxes that differ in one dimension alone. Those behind it have
 * been joined, so that they are told by their chain; those before it are
 * single numbers and come sorted, so that equal ones are neighbours.
 */
static void
JoinDim(Fold *foldPtr, uint32_t dim)
{
    uint32_t count = 0, i = 0, end;
    Box *swap = foldPtr->boxes;

    GrowGroups(foldPtr);
    while (i < foldPtr->numBoxes) {
	uint32_t numGroups = GroupRun(foldPtr, dim, i, &end);

	for (uint32_t group = 0; group < numGroups; group++) {
	    uint32_t head = foldPtr->heads[group];
	    Box *boxPtr = &foldPtr->joined[count++];

	    boxPtr->row = foldPtr->boxes[head - 1].row;
	    boxPtr->shared = group == 0 ? foldPtr->boxes[i].shared : dim;
	    boxPtr->chain = ChainOf(foldPtr, dim, head);
	}
	i = end;
    }
    foldPtr->boxes = foldPtr->joined;
    foldPtr->joined = swap;
    foldPtr->numBoxes = count;
}

static void
PutNumber(DpBuf *outPtr, uint64_t value, uint32_t length)
{
    unsigned char *to = DpBufReserve(outPtr, length);

    for (uint32_t i = length; i > 0; i--) {
	to[i - 1] = (unsigned char) ('0' + value % 10);
	value /= 10;
    }
    DpBufAdded(outPtr, length);
}

/*
 * Appends the numbers of a node, as ranges in brackets where there are more
 * than one. A range goes on from 9 to 10, unless it has leading zeros.
 */
static void
PutNode(DpBuf *outPtr, const unsigned char *node, size_t count)
{
    uint64_t code, value, power, high = 0, highPower = 0;
    uint32_t length, highLength = 0;
    bool padded = false, open = false;

    if (count > 1) {
	DpBufAppend(outPtr, "[", 1);
    }
    for (size_t i = 0; i < count; i++) {
	memcpy(&code, node + i * sizeof(code), sizeof(code));
	length = DigitsOf(code, &value, &power);
	if (i > 0 && value == high + 1 && (length == highLength
		|| (length == highLength + 1 && value == highPower
		&& !padded))) {
	    open = true;
	} else {
	    if (open) {
		DpBufAppend(outPtr, "-", 1);
		PutNumber(outPtr, high, highLength);
	    }
	    if (i > 0) {
		DpBufAppend(outPtr, ",", 1);
	    }
	    PutNumber(outPtr, value, length);
	    padded = length > 1 && value < power / 10;
	    open = false;
	}
	high = value;
	highLength = length;
	highPower = power;
    }
    if (open) {
	DpBufAppend(outPtr, "-", 1);
	PutNumber(outPtr, high, highLength);
    }
    if (count > 1) {
	DpBufAppend(outPtr, "]", 1);
    }
}

static void
PutBox(Fold *foldPtr, uint32_t chain)
{
    DpBuf *outPtr = foldPtr->outPtr;
    uint32_t length, from = 0;
    uint64_t next;

    for (uint32_t i = 0; i < foldPtr->patternLength; i++) {
	const unsigned char *node;

	if (foldPtr->pattern[i] != HOLE) {
	    continue;
	}
	DpBufAppend(outPtr, foldPtr->pattern + from, i - from);
	from = i + 1;
	node = DpInternBytes(&foldPtr->nodes, chain - 1, &length);
	memcpy(&next, node, sizeof(next));
	PutNode(outPtr, node + sizeof(next), length / sizeof(next) - 1);
	chain = (uint32_t) next;
    }
    DpBufAppend(outPtr, foldPtr->pattern + from,
	    foldPtr->patternLength - from);
}

/* Appends the text of one pattern; codes, numRows and numDims are filled. */
static void
FoldRows(Fold *foldPtr)
{
    SortRows(foldPtr);
    MakeBoxes(foldPtr);
    for (uint32_t dim = foldPtr->numDims; dim > 0; dim--) {
	JoinDim(foldPtr, dim - 1);
    }
    for (uint32_t i = 0; i < foldPtr->numBoxes; i++) {
	if (i > 0) {
	    DpBufAppend(foldPtr->outPtr, ",", 1);
	}
	PutBox(foldPtr, foldPtr->boxes[i].chain);
    }
    DpFree(foldPtr->rows);
    DpFree(foldPtr->boxes);
    DpFree(foldPtr->joined);
    DpFree(foldPtr->heads);
    DpFree(foldPtr->tails);
    DpFree(foldPtr->groups);
    DpInternFree(&foldPtr->nodes);
    DpBufFree(&foldPtr->scratch);
}

/* The members of a set by pattern. */
typedef struct Sorted {
    DpIntern patterns;
    uint32_t *patternOf;        /* member -> pattern */
    uint32_t *cursors;          /* the members, pattern by pattern */
    uint32_t *starts;           /* pattern -> its first one in cursors */
} Sorted;

/* Finds the pattern of each member, and counts. */
static void
SortByPattern(const DpNodeset *setPtr, Sorted *sortedPtr)
{
    uint32_t cursor = 0, i = 0;
    DpBuf pattern = {0};
    const char *bytes;
    size_t length;

    sortedPtr->patternOf = DpAlloc(setPtr->count * sizeof(uint32_t));
    sortedPtr->cursors = DpAlloc(setPtr->count * sizeof(uint32_t));
    memcpy(sortedPtr->patterns.key, setPtr->names.key,
	    sizeof(setPtr->names.key));
    while (DpNodesetNext(setPtr, &cursor, &bytes, &length)) {
	DpBufConsume(&pattern, DpBufLength(&pattern));
	Split(bytes, length, &pattern, NULL);
	sortedPtr->patternOf[i++] = DpInternAdd(&sortedPtr->patterns,
		DpBufData(&pattern), (uint32_t) DpBufLength(&pattern));
    }
    DpBufFree(&pattern);

    /* The start of each pattern stands one ahead until all are in place. */
    sortedPtr->starts = DpAlloc((sortedPtr->patterns.count + 2)
	    * sizeof(uint32_t));
    for (i = 0; i < setPtr->count; i++) {
	sortedPtr->starts[sortedPtr->patternOf[i] + 2]++;
    }
    for (i = 2; i < sortedPtr->patterns.count + 2; i++) {
	sortedPtr->starts[i] += sortedPtr->starts[i - 1];
    }
    for (cursor = 0, i = 0;
	    DpNodesetNext(setPtr, &cursor, &bytes, &length); i++) {
	sortedPtr->cursors[sortedPtr->starts[sortedPtr->patternOf[i] + 1]++]
		= cursor - 1;
    }
}

/* Fills the codes of a pattern's names, which begin at cursors. */
static void
FillCodes(Fold *foldPtr, const DpNodeset *setPtr, const uint32_t *cursors)
{
    const char *bytes;
    size_t length;

    for (uint32_t i = 0; i < foldPtr->patternLength; i++) {
	foldPtr->numDims += foldPtr->pattern[i] == HOLE;
    }
    foldPtr->codes = DpAlloc((size_t) foldPtr->numRows * foldPtr->numDims
	    * sizeof(*foldPtr->codes));
    for (uint32_t row = 0; row < foldPtr->numRows; row++) {
	uint32_t cursor = cursors[row];

	DpNodesetNext(setPtr, &cursor, &bytes, &length);
	Split(bytes, length, NULL,
		foldPtr->codes + (size_t) row * foldPtr->numDims);
    }
}

/* Appends the text of a pattern; a name that is alone in it stays as it is. */
static void
FoldPattern(const DpNodeset *setPtr, const Sorted *sortedPtr,
	uint32_t pattern, DpBuf *outPtr)
{
    const uint32_t *cursors = sortedPtr->cursors + sortedPtr->starts[pattern];
    Fold fold = {.outPtr = outPtr};

    fold.numRows = sortedPtr->starts[pattern + 1]
	    - sortedPtr->starts[pattern];
    if (fold.numRows == 1) {
	uint32_t cursor = cursors[0];
	const char *bytes;
	size_t length;

	DpNodesetNext(setPtr, &cursor, &bytes, &length);
	DpBufAppend(outPtr, bytes, length);
	return;
    }
    fold.pattern = DpInternBytes(&sortedPtr->patterns, pattern,
	    &fold.patternLength);
    memcpy(fold.nodes.key, setPtr->names.key, sizeof(fold.nodes.key));
    FillCodes(&fold, setPtr, cursors);
    FoldRows(&fold);
    DpFree(fold.codes);
}

void
DpNodesetFold(const DpNodeset *setPtr, DpBuf *outPtr)
{
    Sorted sorted = {0};

    if (setPtr->count == 0) {
	return;
    }
    SortByPattern(setPtr, &sorted);
    for (uint32_t i = 0; i < sorted.patterns.count; i++) {
	if (i > 0) {
	    DpBufAppend(outPtr, ",", 1);
	}
	FoldPattern(setPtr, &sorted, i, outPtr);
    }
    DpInternFree(&sorted.patterns);
    DpFree(sorted.patternOf);
    DpFree(sorted.cursors);
    DpFree(sorted.starts);
}

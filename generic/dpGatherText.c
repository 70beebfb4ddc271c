/*
 * dpGatherText.c -- the groups of a gather as text for a terminal.
 *
 * Layer L4. A group is a line with its hosts, their output, and lines that tell
 * what hides behind the <number> and such in it. What hosts printed is shown
 * and not obeyed.
 */

#include "dpGatherText.h"

#include "dpDiff.h"
#include "dpWidth.h"

#include <stdio.h>

/* Around what is put in place of a piece, until colours are. No UTF-8. */
#define ON "\xfe"
#define OFF "\xff"

#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define CYAN "\033[36m"
#define PLAIN "\033[m"

/* Columns that a value may take in a line of its own. */
#define VALUE_WIDTH 40

/* How many lines of the terminal the names of a group may take. */
#define NAME_LINES 3

#define ERROR_PREFIX "stderr: "

static void
Put(DpBuf *bufPtr, const char *text)
{
    DpBufAppend(bufPtr, text, strlen(text));
}

/* What is in a buffer, also in one that never had anything. */
static const char *
Bytes(const DpBuf *bufPtr)
{
    return DpBufLength(bufPtr) == 0 ? "" : (const char *) DpBufData(bufPtr);
}

static void
PutAll(DpBuf *bufPtr, const DpBuf *fromPtr)
{
    DpBufAppend(bufPtr, Bytes(fromPtr), DpBufLength(fromPtr));
}

/* The same as a terminal may have it, on one line. */
static void
ShowAll(DpBuf *bufPtr, const DpBuf *fromPtr)
{
    DpWidthShow(bufPtr, Bytes(fromPtr), DpBufLength(fromPtr), 0);
}

static void
PutColor(DpBuf *bufPtr, const DpGatherStyle *stylePtr, const char *color)
{
    if (stylePtr->color) {
	Put(bufPtr, color);
    }
}

/* Part: outputs. */

/* <number 1>, or <number> where there is no line about it. */
static void
PutPlace(DpBuf *bufPtr, const DpGatherField *fieldPtr, bool numbered)
{
    char text[32];

    if (numbered && fieldPtr->legend > 0) {
	sprintf(text, "<%s %lu>", DpVaryName(fieldPtr->span.kind),
		(unsigned long) fieldPtr->legend);
    } else {
	sprintf(text, "<%s>", DpVaryName(fieldPtr->span.kind));
    }
    Put(bufPtr, text);
}

/* Appends the bytes [from, to) of a stream, with places in it if mask is. */
static void
PutPart(DpBuf *bufPtr, const DpGatherView *viewPtr, int stream, uint32_t from,
	uint32_t to, bool mask, bool numbered)
{
    const DpGatherText *textPtr = &viewPtr->texts[stream];
    size_t at = from;

    for (uint32_t i = 0; mask && i < viewPtr->counts[stream]; i++) {
	const DpGatherField *fieldPtr = &viewPtr->fields[stream][i];

	if (!fieldPtr->differs || fieldPtr->span.offset < at
		|| fieldPtr->span.offset >= to) {
	    continue;
	}
	DpBufAppend(bufPtr, textPtr->bytes + at, fieldPtr->span.offset - at);
	if (numbered) {
	    Put(bufPtr, ON);
	}
	PutPlace(bufPtr, fieldPtr, numbered);
	if (numbered) {
	    Put(bufPtr, OFF);
	}
	at = fieldPtr->span.offset + fieldPtr->span.length;
    }
    DpBufAppend(bufPtr, textPtr->bytes + at, to - at);
}

static void
PutGap(DpBuf *bufPtr, const DpGatherText *textPtr)
{
    char text[64];

    if (textPtr->total > textPtr->length) {
	sprintf(text, "\n(... %llu bytes left out ...)\n",
		(unsigned long long) (textPtr->total - textPtr->length));
	Put(bufPtr, text);
    }
}

static void
PutStream(DpBuf *bufPtr, const DpGatherView *viewPtr, int stream, bool mask,
	bool numbered)
{
    const DpGatherText *textPtr = &viewPtr->texts[stream];

    PutPart(bufPtr, viewPtr, stream, 0, textPtr->head, mask, numbered);
    PutGap(bufPtr, textPtr);
    PutPart(bufPtr, viewPtr, stream, textPtr->head, textPtr->length, mask,
	    numbered);
}

static void
EndLine(DpBuf *bufPtr, size_t start)
{
    if (DpBufLength(bufPtr) > start
	    && DpBufData(bufPtr)[DpBufLength(bufPtr) - 1] != '\n') {
	Put(bufPtr, "\n");
    }
}

/* Both outputs, whole lines, errors behind and marked. */
static void
PutOutputs(DpBuf *bufPtr, const DpGatherView *viewPtr, bool mask,
	bool numbered)
{
    size_t start = DpBufLength(bufPtr), at = 0, length;
    DpBuf errors = {0};

    PutStream(bufPtr, viewPtr, 0, mask, numbered);
    EndLine(bufPtr, start);
    PutStream(&errors, viewPtr, 1, mask, numbered);
    EndLine(&errors, 0);
    length = DpBufLength(&errors);
    while (at < length) {
	const unsigned char *line = DpBufData(&errors) + at;
	const unsigned char *end = memchr(line, '\n', length - at);
	size_t count = (size_t) (end - line) + 1;

	Put(bufPtr, ERROR_PREFIX);
	DpBufAppend(bufPtr, line, count);
	at += count;
    }
    DpBufFree(&errors);
}

/* Appends text as it is shown, with colours for ON and OFF. */
static void
PutShown(DpBuf *bufPtr, const DpGatherStyle *stylePtr, const DpBuf *textPtr)
{
    const unsigned char *at, *end;
    DpBuf shown = {0};

    if (DpBufLength(textPtr) == 0) {
	return;
    }
    DpWidthShow(&shown, (const char *) DpBufData(textPtr),
	    DpBufLength(textPtr), DP_WIDTH_LINES);
    at = DpBufData(&shown);
    end = at + DpBufLength(&shown);
    while (at < end) {
	const unsigned char *from = at;

	while (at < end && *at < (unsigned char) ON[0]) {
	    at++;
	}
	DpBufAppend(bufPtr, from, (size_t) (at - from));
	if (at < end) {
	    PutColor(bufPtr, stylePtr,
		    *at++ == (unsigned char) ON[0] ? CYAN : PLAIN);
	}
    }
    DpBufFree(&shown);
}

/* Part: the line over a group. */

/* Why the group is as it is, for people: "status 3", "killed by TERM". */
static void
PutEnd(DpBuf *bufPtr, const DpGatherGroup *groupPtr)
{
    switch (groupPtr->end) {
    case DP_GATHER_TEXT:
	return;
    case DP_GATHER_STATUS:
	if (groupPtr->statusLength == 1 && *groupPtr->status == '0') {
	    return;
	}
	Put(bufPtr, ": status ");
	break;
    case DP_GATHER_SIGNAL:
	Put(bufPtr, ": ended by signal ");
	break;
    case DP_GATHER_ERROR:
	Put(bufPtr, groupPtr->statusLength > 0 ? ": failed, " : ": failed");
	break;
    }
    DpWidthShow(bufPtr, groupPtr->status, groupPtr->statusLength, 0);
}

/*
 * The names of the hosts, as they are shown, no longer than so many columns:
 * cut behind a comma where there is one.
 */
static void
PutNames(DpBuf *bufPtr, const DpGather *gatherPtr, uint32_t id, size_t columns)
{
    DpBuf folded = {0}, shown = {0};
    uint32_t *hosts = DpGatherHosts(gatherPtr, id);
    size_t fits, length, used;
    DpGatherGroup group;
    const char *names;

    DpGatherGet(gatherPtr, id, &group);
    DpGatherFold(gatherPtr, hosts, group.numHosts, &folded);
    DpFree(hosts);
    ShowAll(&shown, &folded);
    length = DpBufLength(&shown);
    names = Bytes(&shown);
    fits = DpWidthFit(names, length, columns, &used);
    if (fits < length) {
	size_t comma = fits;

	while (comma > 0 && names[comma - 1] != ',') {
	    comma--;
	}
	fits = comma > 0 ? comma : fits;
    }
    DpBufAppend(bufPtr, names, fits);
    if (fits < length) {
	Put(bufPtr, "...");
    }
    DpBufFree(&folded);
    DpBufFree(&shown);
}

static bool
IsBad(const DpGatherGroup *groupPtr)
{
    return groupPtr->end >= DP_GATHER_SIGNAL
	    || (groupPtr->end == DP_GATHER_STATUS
	    && (groupPtr->statusLength != 1 || *groupPtr->status != '0'));
}

static size_t
NameColumns(const DpGatherStyle *stylePtr)
{
    return NAME_LINES * stylePtr->width > 60
	    ? NAME_LINES * stylePtr->width - 40 : 20;
}

/* Whether a place shows that there is more than one variant. */
static bool
Differs(const DpGatherView *viewPtr)
{
    for (int i = 0; i < 2; i++) {
	for (uint32_t j = 0; j < viewPtr->counts[i]; j++) {
	    if (viewPtr->fields[i][j].differs) {
		return true;
	    }
	}
    }
    return false;
}

static void
PutHead(DpBuf *bufPtr, const DpGatherView *viewPtr,
	const DpGatherStyle *stylePtr)
{
    const DpGatherGroup *groupPtr = &viewPtr->group;
    DpBuf head = {0};
    char text[64];
    size_t columns;

    PutNames(&head, viewPtr->gatherPtr, groupPtr->id,
	    NameColumns(stylePtr));
    if (groupPtr->numHosts > 1) {
	sprintf(text, " (%lu%s)", (unsigned long) groupPtr->numHosts,
		groupPtr->numVariants > 1 && !Differs(viewPtr)
		? ", blanks differ" : "");
	Put(&head, text);
    }
    PutEnd(&head, groupPtr);
    if (viewPtr->texts[0].total == 0 && viewPtr->texts[1].total == 0) {
	Put(&head, groupPtr->end == DP_GATHER_TEXT
		|| (groupPtr->end == DP_GATHER_STATUS && !IsBad(groupPtr))
		? ": no output" : ", no output");
    }
    Put(bufPtr, "-- ");
    PutColor(bufPtr, stylePtr, IsBad(groupPtr) ? BOLD RED : BOLD);
    PutAll(bufPtr, &head);
    PutColor(bufPtr, stylePtr, PLAIN);
    columns = 4 + DpWidthText(Bytes(&head),
	    DpBufLength(&head));
    Put(bufPtr, columns < stylePtr->width ? " " : "");
    for (; columns < stylePtr->width; columns++) {
	Put(bufPtr, "-");
    }
    Put(bufPtr, "\n");
    DpBufFree(&head);
}

/* Part: the lines that tell what differs. */

static void
PutValue(DpBuf *bufPtr, const DpGatherValue *valuePtr)
{
    DpBuf shown = {0};
    size_t used, fits;

    DpWidthShow(&shown, valuePtr->bytes, valuePtr->length, 0);
    fits = DpWidthFit(Bytes(&shown), DpBufLength(&shown),
	    VALUE_WIDTH, &used);
    DpBufAppend(bufPtr, Bytes(&shown), fits);
    if (fits < DpBufLength(&shown)) {
	Put(bufPtr, "...");
    }
    DpBufFree(&shown);
}

/* Names in a line about values; where they are too long, their number. */
static void
PutHosts(DpBuf *bufPtr, const DpGatherView *viewPtr,
	const DpGatherField *fieldPtr, uint32_t value,
	const DpGatherStyle *stylePtr)
{
    DpBuf names = {0}, shown = {0};
    char text[32];
    size_t fits, used;

    DpGatherViewHosts(viewPtr, fieldPtr, value, &names);
    ShowAll(&shown, &names);
    fits = DpWidthFit(Bytes(&shown), DpBufLength(&shown),
	    stylePtr->width > 40 ? stylePtr->width / 2 : 20, &used);
    if (fits == DpBufLength(&shown)) {
	DpBufAppend(bufPtr, Bytes(&shown), fits);
    } else {
	sprintf(text, "%lu hosts",
		(unsigned long) fieldPtr->values[value].numHosts);
	Put(bufPtr, text);
    }
    DpBufFree(&names);
    DpBufFree(&shown);
}

/* The least or most of numbers and one host that has it. */
static void
PutExtreme(DpBuf *bufPtr, const DpGatherView *viewPtr, int stream,
	uint32_t field, uint32_t variant)
{
    uint32_t cursor = 0, host, length;
    DpGatherValue value;

    if (!DpGatherViewValue(viewPtr, stream, field, variant, &value)
	    || !DpGatherNextHost(viewPtr->gatherPtr, variant, &cursor,
	    &host)) {
	return;
    }
    PutValue(bufPtr, &value);
    Put(bufPtr, " on ");
    value.bytes = DpGatherSlug(viewPtr->gatherPtr, host, &length);
    value.length = length;
    PutValue(bufPtr, &value);
}

/* Values with the fewest hosts first; there are few. */
static uint32_t
NextValue(const DpGatherField *fieldPtr, unsigned *donePtr)
{
    uint32_t best = fieldPtr->numValues;

    for (uint32_t i = 0; i < fieldPtr->numValues; i++) {
	if (!(*donePtr & 1u << i) && (best == fieldPtr->numValues
		|| fieldPtr->values[i].numHosts
		< fieldPtr->values[best].numHosts)) {
	    best = i;
	}
    }
    *donePtr |= 1u << best;
    return best;
}

static void
PutLegendLine(DpBuf *bufPtr, const DpGatherView *viewPtr, int stream,
	uint32_t field, const DpGatherStyle *stylePtr)
{
    const DpGatherField *fieldPtr = &viewPtr->fields[stream][field];
    unsigned done = 0;

    Put(bufPtr, "   ");
    PutColor(bufPtr, stylePtr, CYAN);
    PutPlace(bufPtr, fieldPtr, true);
    PutColor(bufPtr, stylePtr, PLAIN);
    Put(bufPtr, ": ");
    if (fieldPtr->numValues > DP_GATHER_VALUES) {
	PutExtreme(bufPtr, viewPtr, stream, field, fieldPtr->leastVariant);
	Put(bufPtr, " to ");
	PutExtreme(bufPtr, viewPtr, stream, field, fieldPtr->mostVariant);
	Put(bufPtr, "\n");
	return;
    }
    for (uint32_t i = 0; i < fieldPtr->numValues; i++) {
	uint32_t value = NextValue(fieldPtr, &done);

	Put(bufPtr, i > 0 ? ", " : "");
	PutValue(bufPtr, &fieldPtr->values[value]);
	Put(bufPtr, " on ");
	PutHosts(bufPtr, viewPtr, fieldPtr, value, stylePtr);
    }
    Put(bufPtr, "\n");
}

static void
PutLegend(DpBuf *bufPtr, const DpGatherView *viewPtr,
	const DpGatherStyle *stylePtr)
{
    char text[64];

    for (int i = 0; i < 2; i++) {
	for (uint32_t j = 0; j < viewPtr->counts[i]; j++) {
	    if (viewPtr->fields[i][j].legend > 0) {
		PutLegendLine(bufPtr, viewPtr, i, j, stylePtr);
	    }
	}
    }
    if (viewPtr->numMore > 0) {
	sprintf(text, "   (%lu more that differ)\n",
		(unsigned long) viewPtr->numMore);
	Put(bufPtr, text);
    }
}

static void
PutGroup(DpBuf *bufPtr, const DpGatherView *viewPtr,
	const DpGatherStyle *stylePtr)
{
    DpBuf outputs = {0};

    PutHead(bufPtr, viewPtr, stylePtr);
    PutOutputs(&outputs, viewPtr, true, true);
    PutShown(bufPtr, stylePtr, &outputs);
    PutLegend(bufPtr, viewPtr, stylePtr);
    DpBufFree(&outputs);
}

/* Part: differences. */

/* The lines of a text, to be found by their numbers. */
typedef struct Lines {
    DpBuf text;                 /* as it is shown */
    DpBuf compared;             /* as many lines, without what varies */
    DpBuf starts;               /* size_t each: where the lines begin */
} Lines;

static void
LinesInit(Lines *linesPtr, const DpGatherView *viewPtr)
{
    static const DpGatherStyle plain = {0, false, false};
    DpBuf outputs = {0};
    size_t at = 0;

    memset(linesPtr, 0, sizeof(*linesPtr));
    PutOutputs(&outputs, viewPtr, true, true);
    PutShown(&linesPtr->text, &plain, &outputs);
    DpBufConsume(&outputs, DpBufLength(&outputs));
    PutOutputs(&outputs, viewPtr, false, false);
    if (!DpGatherIsMasked(viewPtr->gatherPtr)) {
	PutAll(&linesPtr->compared, &outputs);
    } else if (DpBufLength(&outputs) > 0) {
	uint32_t length;
	const char *slug = DpGatherSlug(viewPtr->gatherPtr,
		viewPtr->group.firstHost, &length);
	DpVary vary;

	DpVaryBegin(&vary, Bytes(&outputs),
		DpBufLength(&outputs), slug, length);
	DpVaryTemplate(&linesPtr->compared, &vary);
    }
    DpBufFree(&outputs);
    while (at < DpBufLength(&linesPtr->text)) {
	const unsigned char *line = DpBufData(&linesPtr->text) + at;
	const unsigned char *end = memchr(line, '\n',
		DpBufLength(&linesPtr->text) - at);

	DpBufAppend(&linesPtr->starts, &at, sizeof(at));
	at += (size_t) (end - line) + 1;
    }
}

static void
LinesFree(Lines *linesPtr)
{
    DpBufFree(&linesPtr->text);
    DpBufFree(&linesPtr->compared);
    DpBufFree(&linesPtr->starts);
}

/* Appends a line, counted from 0, with its newline. */
static void
PutLine(DpBuf *bufPtr, const Lines *linesPtr, size_t number)
{
    const size_t *starts = (const size_t *) (const void *)
	    Bytes(&linesPtr->starts);
    size_t count = DpBufLength(&linesPtr->starts) / sizeof(*starts), end;

    if (number >= count) {
	Put(bufPtr, "\n");
	return;
    }
    end = number + 1 < count ? starts[number + 1]
	    : DpBufLength(&linesPtr->text);
    DpBufAppend(bufPtr, DpBufData(&linesPtr->text) + starts[number],
	    end - starts[number]);
}

/*
 * The first line of "-N,COUNT" or "-N", counted from 0. An empty range is named
 * by the line before it.
 */
static size_t
HunkStart(const char *text)
{
    unsigned long line = 0, count = 1;

    if (text == NULL || sscanf(text + 1, "%lu,%lu", &line, &count) < 1) {
	return 0;
    }
    return count > 0 && line > 0 ? line - 1 : line;
}

/*
 * Appends a unified difference of the compared lines with those that are
 * shown in their places. Behind the difference is a NUL.
 */
static void
PutDiffLines(DpBuf *bufPtr, const DpGatherStyle *stylePtr, const DpBuf *diffPtr,
	const Lines *oldPtr, const Lines *newPtr)
{
    const char *at = (const char *) DpBufData(diffPtr);
    const char *end = at + DpBufLength(diffPtr) - 1, *next;
    size_t oldLine = 0, newLine = 0;

    for (; at < end; at = next) {
	next = memchr(at, '\n', (size_t) (end - at));
	next = next != NULL ? next + 1 : end;
	switch (*at) {
	case '@':
	    PutColor(bufPtr, stylePtr, CYAN);
	    DpBufAppend(bufPtr, at, (size_t) (next - at));
	    oldLine = HunkStart(memchr(at, '-', (size_t) (next - at)));
	    newLine = HunkStart(memchr(at, '+', (size_t) (next - at)));
	    break;
	case '-':
	    PutColor(bufPtr, stylePtr, RED);
	    Put(bufPtr, "-");
	    PutLine(bufPtr, oldPtr, oldLine++);
	    break;
	case '+':
	    PutColor(bufPtr, stylePtr, GREEN);
	    Put(bufPtr, "+");
	    PutLine(bufPtr, newPtr, newLine++);
	    break;
	case ' ':
	    Put(bufPtr, " ");
	    PutLine(bufPtr, newPtr, newLine++);
	    oldLine++;
	    continue;
	default:
	    continue;
	}
	if (stylePtr->color) {
	    /* Before the newline. */
	    DpBufCut(bufPtr, DpBufLength(bufPtr) - 1, 1);
	    Put(bufPtr, PLAIN "\n");
	}
    }
}

/* Appends what is different from the group oldPtr, line by line. */
static void
PutDiff(DpBuf *bufPtr, const DpGatherView *oldPtr, const Lines *oldLinesPtr,
	const DpGatherView *newPtr, const DpGatherStyle *stylePtr)
{
    DpDiffSpec spec = {.context = 3};
    DpBuf names = {0}, diff = {0};
    Lines newLines;

    PutHead(bufPtr, newPtr, stylePtr);
    LinesInit(&newLines, newPtr);
    if (DpBufLength(&oldLinesPtr->compared) == 0) {
	PutAll(bufPtr, &newLines.text);
    } else {
	DpDiffUnified(&diff, Bytes(&oldLinesPtr->compared),
		DpBufLength(&oldLinesPtr->compared),
		Bytes(&newLines.compared),
		DpBufLength(&newLines.compared), &spec, NULL);
	PutColor(bufPtr, stylePtr, BOLD);
	PutNames(&names, oldPtr->gatherPtr, oldPtr->group.id,
		NameColumns(stylePtr));
	if (DpBufLength(&diff) == 0) {
	    Put(bufPtr, "(the same output as ");
	    PutAll(bufPtr, &names);
	    Put(bufPtr, ")");
	} else {
	    Put(bufPtr, "--- ");
	    PutAll(bufPtr, &names);
	    Put(bufPtr, "\n+++ ");
	    PutNames(bufPtr, newPtr->gatherPtr, newPtr->group.id,
		    NameColumns(stylePtr));
	}
	PutColor(bufPtr, stylePtr, PLAIN);
	Put(bufPtr, "\n");
	DpBufAppend(&diff, "", 1);
	PutDiffLines(bufPtr, stylePtr, &diff, oldLinesPtr, &newLines);
    }
    PutLegend(bufPtr, newPtr, stylePtr);
    LinesFree(&newLines);
    DpBufFree(&names);
    DpBufFree(&diff);
}

/* Part: everything. */

void
DpGatherShowGroup(const DpGather *gatherPtr, uint32_t id,
	const DpGatherStyle *stylePtr, DpBuf *bufPtr)
{
    DpGatherView view;

    DpGatherViewInit(&view, gatherPtr, id);
    PutGroup(bufPtr, &view, stylePtr);
    DpGatherViewFree(&view);
}

/* What the others are compared with: the last that is no message of ours. */
static uint32_t
Reference(const DpGather *gatherPtr, const uint32_t *ids, uint32_t count)
{
    DpGatherGroup group;

    while (count > 0) {
	DpGatherGet(gatherPtr, ids[--count], &group);
	if (group.end != DP_GATHER_ERROR) {
	    return ids[count];
	}
    }
    return DP_INTERN_NONE;
}

void
DpGatherShow(const DpGather *gatherPtr, const DpGatherStyle *stylePtr,
	DpBuf *bufPtr)
{
    uint32_t *ids;
    uint32_t count = DpGatherGroups(gatherPtr, &ids);
    uint32_t reference = stylePtr->diff
	    ? Reference(gatherPtr, ids, count) : DP_INTERN_NONE;
    DpGatherView old, view;
    Lines oldLines;

    if (reference != DP_INTERN_NONE) {
	DpGatherViewInit(&old, gatherPtr, reference);
	LinesInit(&oldLines, &old);
    }
    for (uint32_t i = 0; i < count; i++) {
	DpGatherViewInit(&view, gatherPtr, ids[i]);
	if (reference == DP_INTERN_NONE || ids[i] == reference
		|| view.group.end == DP_GATHER_ERROR) {
	    PutGroup(bufPtr, &view, stylePtr);
	} else {
	    PutDiff(bufPtr, &old, &oldLines, &view, stylePtr);
	}
	DpGatherViewFree(&view);
    }
    if (reference != DP_INTERN_NONE) {
	LinesFree(&oldLines);
	DpGatherViewFree(&old);
    }
    DpFree(ids);
}

void
DpGatherPlain(const DpGatherView *viewPtr, int stream, bool mask,
	DpBuf *bufPtr)
{
    PutStream(bufPtr, viewPtr, stream, mask, false);
}

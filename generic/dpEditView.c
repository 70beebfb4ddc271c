/*
 * dpEditView.c -- a line that is edited, on the screen.
 *
 * Layer L0.
 */

#include "dpEditView.h"

#include "dpWidth.h"

#include <stdio.h>

size_t
DpEditUtf8(uint32_t code, char *bytes)
{
    if (code < 0x80) {
	bytes[0] = (char) code;
	return 1;
    }
    if (code < 0x800) {
	bytes[0] = (char) (0xC0 | code >> 6);
	bytes[1] = (char) (0x80 | (code & 0x3F));
	return 2;
    }
    if (code < 0x10000) {
	bytes[0] = (char) (0xE0 | code >> 12);
	bytes[1] = (char) (0x80 | (code >> 6 & 0x3F));
	bytes[2] = (char) (0x80 | (code & 0x3F));
	return 3;
    }
    bytes[0] = (char) (0xF0 | (code >> 18 & 7));
    bytes[1] = (char) (0x80 | (code >> 12 & 0x3F));
    bytes[2] = (char) (0x80 | (code >> 6 & 0x3F));
    bytes[3] = (char) (0x80 | (code & 0x3F));
    return 4;
}

/* The character at bytes, which are not at their end; what is no UTF-8: '?'. */
static size_t
GetChar(const char *bytes, size_t count, uint32_t *codePtr)
{
    const unsigned char *p = (const unsigned char *) bytes;
    size_t length = p[0] < 0x80 ? 1 : p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3
	    : p[0] >= 0xC0 ? 2 : 0;
    uint32_t code;

    if (length == 0 || length > count) {
	*codePtr = '?';
	return 1;
    }
    code = length == 1 ? p[0] : p[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
	code = code << 6 | (p[i] & 0x3F);
    }
    *codePtr = code;
    return length;
}

/* Part: which rows there are. */

typedef struct Layout {
    DpEditRows *rowsPtr;
    int cols;
    char color[64];             /* what a prompt has switched on, or a span */
    size_t colorLength;
    bool on;                    /* whether that holds where the row ends */
} Layout;

static DpEditRow *
Row(Layout *layoutPtr)
{
    return &layoutPtr->rowsPtr->rows[layoutPtr->rowsPtr->count - 1];
}

static void
AddRow(Layout *layoutPtr)
{
    DpEditRows *rowsPtr = layoutPtr->rowsPtr;
    DpEditRow *rowPtr;

    if (rowsPtr->count == rowsPtr->size) {
	rowsPtr->size = rowsPtr->size > 0 ? 2 * rowsPtr->size : 8;
	rowsPtr->rows = DpRealloc(rowsPtr->rows,
		(size_t) rowsPtr->size * sizeof(*rowsPtr->rows));
    }
    rowPtr = &rowsPtr->rows[rowsPtr->count++];
    memset(rowPtr, 0, sizeof(*rowPtr));
    rowPtr->start = rowPtr->end = DpBufLength(&rowsPtr->bytes);
}

/* A row can be drawn alone: no colour goes on into the next one. */
static void
EndColor(Layout *layoutPtr)
{
    if (layoutPtr->on) {
	DpBufAppend(&layoutPtr->rowsPtr->bytes, "\033[m", 3);
	Row(layoutPtr)->end = DpBufLength(&layoutPtr->rowsPtr->bytes);
	layoutPtr->on = false;
    }
}

static void
BeginColor(Layout *layoutPtr)
{
    if (layoutPtr->colorLength > 0 && !layoutPtr->on) {
	DpBufAppend(&layoutPtr->rowsPtr->bytes, layoutPtr->color,
		layoutPtr->colorLength);
	layoutPtr->on = true;
    }
}

static void
AddBytes(Layout *layoutPtr, const char *bytes, size_t count, int width)
{
    DpEditRow *rowPtr;

    if (Row(layoutPtr)->width + width > layoutPtr->cols) {
	EndColor(layoutPtr);
	AddRow(layoutPtr);
    }
    BeginColor(layoutPtr);
    DpBufAppend(&layoutPtr->rowsPtr->bytes, bytes, count);
    rowPtr = Row(layoutPtr);
    rowPtr->end = DpBufLength(&layoutPtr->rowsPtr->bytes);
    rowPtr->width += width;
}

/* Characters that change the order of others, or are not to be seen. */
static bool
IsHidden(uint32_t code)
{
    return (code >= 0x200B && code <= 0x200F && code != 0x200D)
	    || (code >= 0x202A && code <= 0x202E)
	    || (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF
	    || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF;
}

static void
AddChar(Layout *layoutPtr, uint32_t code)
{
    char bytes[16];

    if (code == '\t') {
	do {
	    AddBytes(layoutPtr, " ", 1, 1);
	} while (Row(layoutPtr)->width % 8 != 0
		&& Row(layoutPtr)->width < layoutPtr->cols);
    } else if (code < 0x20 || code == 0x7F) {
	bytes[0] = '^';
	bytes[1] = (char) (code ^ 0x40);
	AddBytes(layoutPtr, bytes, 1, 1);
	AddBytes(layoutPtr, bytes + 1, 1, 1);
    } else if ((code >= 0x80 && code < 0xA0) || IsHidden(code)) {
	int count = snprintf(bytes, sizeof(bytes), "<U+%04X>",
		(unsigned) (code & 0xFFFFFFu));

	for (int i = 0; i < count; i++) {
	    AddBytes(layoutPtr, bytes + i, 1, 1);
	}
    } else {
	AddBytes(layoutPtr, bytes, DpEditUtf8(code, bytes), DpWidthOf(code));
    }
}

/* The end of CSI ... m at text, 0 where there is none. */
static size_t
ColorLength(const char *text, size_t length)
{
    size_t i = 2;

    if (length < 3 || text[0] != '\033' || text[1] != '[') {
	return 0;
    }
    while (i < length && ((text[i] >= '0' && text[i] <= '9')
	    || text[i] == ';' || text[i] == ':')) {
	i++;
    }
    return i < length && text[i] == 'm' ? i + 1 : 0;
}

static void
AddPrompt(Layout *layoutPtr, const char *text, size_t length)
{
    int first = layoutPtr->rowsPtr->count - 1;

    for (size_t i = 0, n; i < length; i += n) {
	uint32_t code;

	n = ColorLength(text + i, length - i);
	if (n > 0) {
	    if (n == 3 || (n == 4 && text[i + 2] == '0')) {
		EndColor(layoutPtr);
		layoutPtr->colorLength = 0;
		continue;
	    }
	    BeginColor(layoutPtr);
	    DpBufAppend(&layoutPtr->rowsPtr->bytes, text + i, n);
	    layoutPtr->on = true;
	    if (layoutPtr->colorLength + n <= sizeof(layoutPtr->color)) {
		memcpy(layoutPtr->color + layoutPtr->colorLength, text + i, n);
		layoutPtr->colorLength += n;
	    }
	    continue;
	}
	n = GetChar(text + i, length - i, &code);
	if (code == '\n') {
	    EndColor(layoutPtr);
	    AddRow(layoutPtr);
	} else {
	    AddChar(layoutPtr, code);
	}
    }
    layoutPtr->colorLength = 0;
    EndColor(layoutPtr);
    for (int i = first; i < layoutPtr->rowsPtr->count; i++) {
	DpEditRow *rowPtr = &layoutPtr->rowsPtr->rows[i];

	rowPtr->fixed = rowPtr->end - rowPtr->start;
	rowPtr->fixedCols = rowPtr->width;
    }
}

/* From here on the text has the colour of a span; NULL: none. */
static void
SetColor(Layout *layoutPtr, const DpEditSpan *spanPtr)
{
    EndColor(layoutPtr);
    layoutPtr->colorLength = 0;
    if (spanPtr != NULL) {
	layoutPtr->colorLength = (size_t) snprintf(layoutPtr->color,
		sizeof(layoutPtr->color), "\033[%sm", spanPtr->sgr);
    }
}

/* Marks have the colour of their character. */
static bool
IsMark(uint32_t code)
{
    return code >= 0x300 && !IsHidden(code) && DpWidthOf(code) == 0;
}

/* Where the next character comes to stand, which takes so many columns. */
static void
SetCursor(Layout *layoutPtr, int width)
{
    DpEditRows *rowsPtr = layoutPtr->rowsPtr;

    rowsPtr->cursorRow = rowsPtr->count - 1;
    rowsPtr->cursorCol = Row(layoutPtr)->width;
    if (rowsPtr->cursorCol + (width > 0 ? width : 1) > layoutPtr->cols) {
	rowsPtr->cursorRow++;
	rowsPtr->cursorCol = 0;
    }
}

static void
MakeRows(DpEditRows *rowsPtr, const DpEditShape *shapePtr)
{
    Layout layout = {.rowsPtr = rowsPtr, .cols = shapePtr->cols};
    const DpEditSpan *spanPtr = shapePtr->spans, *seenPtr = NULL,
	    *endPtr = spanPtr + shapePtr->spanCount;

    DpBufConsume(&rowsPtr->bytes, DpBufLength(&rowsPtr->bytes));
    rowsPtr->count = 0;
    AddRow(&layout);
    AddPrompt(&layout, shapePtr->prompt, shapePtr->promptLength);
    for (size_t i = 0; i < shapePtr->count; i++) {
	uint32_t code = shapePtr->text[i];

	while (spanPtr < endPtr && spanPtr->end <= i) {
	    spanPtr++;
	}
	if (!IsMark(code)) {
	    const DpEditSpan *nowPtr = spanPtr < endPtr && spanPtr->start <= i
		    && code != '\n' ? spanPtr : NULL;

	    if (nowPtr != seenPtr) {
		SetColor(&layout, nowPtr);
		seenPtr = nowPtr;
	    }
	}
	if (i == shapePtr->cursor) {
	    SetCursor(&layout, code == '\n' ? 1 : code < 0x80 ? 1
		    : DpWidthOf(code));
	}
	if (code == '\n') {
	    /* The cursor may stand behind a row that is full. */
	    if (i == shapePtr->cursor && rowsPtr->cursorRow
		    == rowsPtr->count) {
		AddRow(&layout);
	    }
	    AddRow(&layout);
	    AddPrompt(&layout, shapePtr->more, shapePtr->moreLength);
	} else {
	    AddChar(&layout, code);
	}
    }
    SetColor(&layout, NULL);
    if (shapePtr->cursor >= shapePtr->count) {
	SetCursor(&layout, 1);
    }
    if (rowsPtr->cursorRow == rowsPtr->count) {
	AddRow(&layout);
    }
}

/* Part: how the screen comes to look like that. */

static void
Put(DpBuf *outPtr, const char *text)
{
    DpBufAppend(outPtr, text, strlen(text));
}

static void
PutCount(DpBuf *outPtr, int count, char letter)
{
    char text[24];

    snprintf(text, sizeof(text), "\033[%d%c", count, letter);
    Put(outPtr, text);
}

/* To a row; a new one below is made by a newline, which scrolls. */
static void
MoveTo(DpEditView *viewPtr, DpBuf *outPtr, int row, int col)
{
    int last = viewPtr->seen > 0 ? viewPtr->seen - 1 : 0;
    int known = row < last ? row : last;

    if (known < viewPtr->row) {
	PutCount(outPtr, viewPtr->row - known, 'A');
    } else if (known > viewPtr->row) {
	PutCount(outPtr, known - viewPtr->row, 'B');
    }
    for (viewPtr->row = known; viewPtr->row < row; viewPtr->row++) {
	Put(outPtr, "\r\n");
	viewPtr->col = 0;
    }
    if (row >= viewPtr->seen) {
	viewPtr->seen = row + 1;
    }
    if (viewPtr->col == col) {
	return;
    }
    if (viewPtr->col > col && viewPtr->col - col <= 4) {
	for (int i = viewPtr->col; i > col; i--) {
	    Put(outPtr, "\b");
	}
    } else {
	Put(outPtr, "\r");
	if (col > 0) {
	    PutCount(outPtr, col, 'C');
	}
    }
    viewPtr->col = col;
}

/* Whether a mark stands at `at` of a row. */
static bool
MarkAt(const char *bytes, size_t length, size_t at)
{
    uint32_t code;

    if (at >= length || bytes[at] == '\033') {
	return false;
    }
    GetChar(bytes + at, length - at, &code);
    return DpWidthOf(code) == 0;
}

/* A place in a row, and where the colour of what stands there began. */
typedef struct RowPlace {
    size_t at, colorAt;         /* SIZE_MAX: no colour */
    int col, colorCol;
} RowPlace;

/*
 * Where two rows begin to differ, in bytes, and the column of that. Never within
 * a prompt or a colour, and never between a character and its marks.
 */
static size_t
SameUntil(const char *old, size_t oldLength, const char *new,
	const DpEditRow *rowPtr, int *colPtr)
{
    size_t length = rowPtr->end - rowPtr->start, same = 0, end;
    RowPlace now = {rowPtr->fixed, SIZE_MAX, rowPtr->fixedCols, 0}, back = now;
    uint32_t code;

    while (same < length && same < oldLength && old[same] == new[same]) {
	same++;
    }
    *colPtr = 0;
    if (same < rowPtr->fixed) {
	return 0;
    }
    for (; now.at < length; now.at = end) {
	size_t color = ColorLength(new + now.at, length - now.at);

	end = now.at + (color > 0 ? color
		: GetChar(new + now.at, length - now.at, &code));
	if (end > same) {
	    break;
	}
	if (color == 3) {
	    now.colorAt = SIZE_MAX;
	} else if (color > 0) {
	    now.colorAt = now.at;
	    now.colorCol = now.col;
	} else if (DpWidthOf(code) > 0) {
	    back = now;
	    now.col += DpWidthOf(code);
	}
    }
    /* A mark that is there, or was there, goes with its character. */
    if (MarkAt(new, length, now.at) || MarkAt(old, oldLength, now.at)) {
	if (now.col == rowPtr->fixedCols) {
	    return 0;
	}
	now = back;
    }
    if (now.colorAt != SIZE_MAX) {
	now.at = now.colorAt;
	now.col = now.colorCol;
    }
    *colPtr = now.col;
    return now.at;
}

static void
DrawRow(DpEditView *viewPtr, DpBuf *outPtr, int i)
{
    const DpEditRow *newPtr = &viewPtr->next.rows[i];
    const char *new = (const char *) DpBufData(&viewPtr->next.bytes)
	    + newPtr->start, *old = "";
    size_t length = newPtr->end - newPtr->start, oldLength = 0, same = 0;
    int oldWidth = 0, col = 0;

    if (i < viewPtr->drawn.count) {
	const DpEditRow *oldPtr = &viewPtr->drawn.rows[i];

	old = (const char *) DpBufData(&viewPtr->drawn.bytes) + oldPtr->start;
	oldLength = oldPtr->end - oldPtr->start;
	oldWidth = oldPtr->width;
    }
    if (length == oldLength && memcmp(old, new, length) == 0
	    && i < viewPtr->seen) {
	return;
    }
    same = SameUntil(old, oldLength, new, newPtr, &col);
    MoveTo(viewPtr, outPtr, i, col);
    DpBufAppend(outPtr, new + same, length - same);
    viewPtr->col = newPtr->width < viewPtr->cols ? newPtr->width : -1;
    if (oldWidth > newPtr->width) {
	Put(outPtr, "\033[K");
    }
}

/* Leaves in rows what is seen of them. */
static void
CutRows(DpEditRows *rowsPtr, int top, int count)
{
    memmove(rowsPtr->rows, rowsPtr->rows + top,
	    (size_t) count * sizeof(*rowsPtr->rows));
    rowsPtr->count = count;
    rowsPtr->cursorRow -= top;
}

void
DpEditViewDraw(DpEditView *viewPtr, DpBuf *outPtr, const DpEditShape *shapePtr)
{
    DpEditRows *nextPtr = &viewPtr->next, swap;
    int count;

    if (viewPtr->seen == 0) {
	/* What is below a new one is not known. */
	Put(outPtr, "\r\033[J");
	viewPtr->row = viewPtr->col = viewPtr->top = 0;
	viewPtr->drawn.count = 0;
    }
    viewPtr->cols = shapePtr->cols;
    viewPtr->rows = shapePtr->rows;
    MakeRows(nextPtr, shapePtr);
    count = nextPtr->count < shapePtr->rows ? nextPtr->count : shapePtr->rows;
    if (nextPtr->cursorRow < viewPtr->top) {
	viewPtr->top = nextPtr->cursorRow;
    }
    if (nextPtr->cursorRow >= viewPtr->top + count) {
	viewPtr->top = nextPtr->cursorRow - count + 1;
    }
    if (viewPtr->top + count > nextPtr->count) {
	viewPtr->top = nextPtr->count - count;
    }
    CutRows(nextPtr, viewPtr->top, count);
    for (int i = 0; i < count; i++) {
	DrawRow(viewPtr, outPtr, i);
    }
    if (viewPtr->seen > count) {
	MoveTo(viewPtr, outPtr, count, 0);
	Put(outPtr, "\033[J");
	viewPtr->seen = count;
    }
    MoveTo(viewPtr, outPtr, nextPtr->cursorRow, nextPtr->cursorCol);
    swap = viewPtr->drawn;
    viewPtr->drawn = *nextPtr;
    *nextPtr = swap;
}

void
DpEditViewErase(DpEditView *viewPtr, DpBuf *outPtr)
{
    if (viewPtr->seen > 0) {
	MoveTo(viewPtr, outPtr, 0, 0);
	Put(outPtr, "\033[J");
	DpEditViewForget(viewPtr);
    }
}

void
DpEditViewLeave(DpEditView *viewPtr, DpBuf *outPtr)
{
    if (viewPtr->seen > 0) {
	MoveTo(viewPtr, outPtr, viewPtr->seen - 1, 0);
	Put(outPtr, "\r\n");
	DpEditViewForget(viewPtr);
    }
}

void
DpEditViewForget(DpEditView *viewPtr)
{
    viewPtr->seen = viewPtr->row = viewPtr->col = viewPtr->top = 0;
    viewPtr->drawn.count = 0;
}

void
DpEditViewResize(DpEditView *viewPtr, int cols)
{
    int row = 0;

    if (viewPtr->seen == 0 || cols == viewPtr->cols) {
	return;
    }
    for (int i = 0; i < viewPtr->row && i < viewPtr->drawn.count; i++) {
	int width = viewPtr->drawn.rows[i].width;

	row += width > cols ? (width + cols - 1) / cols : 1;
    }
    viewPtr->row = row + (viewPtr->col > 0 ? viewPtr->col / cols : 0);
    viewPtr->col = -1;
    viewPtr->seen = viewPtr->row + 1;
    viewPtr->drawn.count = 0;
    viewPtr->cols = cols;
}

void
DpEditViewFree(DpEditView *viewPtr)
{
    DpBufFree(&viewPtr->drawn.bytes);
    DpBufFree(&viewPtr->next.bytes);
    DpFree(viewPtr->drawn.rows);
    DpFree(viewPtr->next.rows);
    memset(viewPtr, 0, sizeof(*viewPtr));
}

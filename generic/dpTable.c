/*
 * dpTable.c -- texts in rows and columns, as lines of a terminal.
 *
 * Layer L4.
 */

#include "dpTable.h"

#include "dpWidth.h"

/* Columns between two columns. */
#define GAP 2

/*
 * Where lines have no limit no cell is padded beyond this, else one long text
 * would make each of a million rows as long. It stands out instead.
 */
#define PAD_MAX 1024

/* A column is made narrower down to so much, while others have more. */
#define NARROW 4

typedef struct Cell {
    size_t start, length;       /* in Table.texts */
    size_t width;               /* of its longest line */
    size_t next;                /* while it is written: the next line */
} Cell;

typedef struct Column {
    size_t width;
    size_t longest;             /* before something is left out */
    DpTableAlign align;
    bool number;                /* all are numbers so far */
    bool filled;                /* and there is one */
} Column;

typedef struct Table {
    const DpTableStyle *stylePtr;
    DpBuf texts;                /* of all cells */
    Cell *cells;                /* row after row; the headers are the first */
    size_t numRows, numColumns;
    Column *columns;
    DpBuf *linesPtr;
} Table;

/*
 * A number with its sign, fraction and exponent, and one of the units that
 * tools print behind it.
 */
static bool
IsNumber(const char *text, size_t length)
{
    size_t at = 0, digits = 0, dots = 0, letters = 0;

    if (at < length && (text[at] == '-' || text[at] == '+')) {
	at++;
    }
    for (; at < length; at++) {
	if (text[at] >= '0' && text[at] <= '9') {
	    digits++;
	} else if (text[at] == '.' && dots == 0) {
	    dots++;
	} else if (text[at] != ',' || digits == 0) {
	    break;
	}
    }
    if (digits == 0) {
	return false;
    }
    if (at + 1 < length && text[at] == 'e') {
	size_t mark = at;

	at += text[at + 1] == '-' || text[at + 1] == '+' ? 2 : 1;
	digits = at;
	while (at < length && text[at] >= '0' && text[at] <= '9') {
	    at++;
	}
	if (at == digits) {
	    at = mark;
	}
    }
    if (at < length && text[at] == ' ') {
	at++;
    }
    while (at < length && letters < 3
	    && strchr("%kKMGTPEiBbmunshd", text[at]) != NULL) {
	at++;
	letters++;
    }
    return at == length;
}

/* What stands for a value that is not there. */
static bool
IsNothing(const char *text, size_t length)
{
    return length == 0 || (length == 1 && text[0] == '-');
}

static const char *
CellText(const Table *tablePtr, const Cell *cellPtr)
{
    return cellPtr->length == 0 ? ""
	    : (const char *) DpBufData(&tablePtr->texts) + cellPtr->start;
}

/* Bytes of the line that begins here. */
static size_t
LineLength(const char *text, size_t length)
{
    const char *endPtr = memchr(text, '\n', length);

    return endPtr == NULL ? length : (size_t) (endPtr - text);
}

static void
AddCell(Table *tablePtr, Cell *cellPtr, Tcl_Obj *objPtr)
{
    int count;
    const char *text = Tcl_GetStringFromObj(objPtr, &count);
    size_t length = (size_t) count, at = 0;

    /* An empty line below the text is no part of a table. */
    while (length > 0 && text[length - 1] == '\n') {
	length--;
    }
    cellPtr->start = DpBufLength(&tablePtr->texts);
    DpWidthShow(&tablePtr->texts, text, length, DP_WIDTH_LINES);
    cellPtr->length = DpBufLength(&tablePtr->texts) - cellPtr->start;
    text = CellText(tablePtr, cellPtr);
    while (1) {
	size_t line = LineLength(text + at, cellPtr->length - at);
	size_t width = DpWidthText(text + at, line);

	if (width > cellPtr->width) {
	    cellPtr->width = width;
	}
	at += line + 1;
	if (at > cellPtr->length) {
	    break;
	}
    }
}

static int
ReadRow(Tcl_Interp *interp, Table *tablePtr, size_t row, Tcl_Obj *listPtr,
	bool header)
{
    Cell *cells = tablePtr->cells + row * tablePtr->numColumns;
    Tcl_Obj **words;
    int count;

    if (Tcl_ListObjGetElements(interp, listPtr, &count, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    for (size_t i = 0; i < (size_t) count && i < tablePtr->numColumns; i++) {
	Column *columnPtr = tablePtr->columns + i;
	Cell *cellPtr = cells + i;
	const char *text;

	AddCell(tablePtr, cellPtr, words[i]);
	if (cellPtr->width > columnPtr->longest) {
	    columnPtr->longest = cellPtr->width;
	}
	text = CellText(tablePtr, cellPtr);
	if (!header && !IsNothing(text, cellPtr->length)) {
	    columnPtr->filled = true;
	    columnPtr->number = columnPtr->number
		    && IsNumber(text, cellPtr->length);
	}
    }
    return TCL_OK;
}

/* The most elements that a row has; -1: one is no list. */
static int
CountColumns(Tcl_Interp *interp, const DpTableStyle *stylePtr, int numRows,
	Tcl_Obj **rows)
{
    int most = 0, count;

    if (stylePtr->headersPtr != NULL && Tcl_ListObjLength(interp,
	    stylePtr->headersPtr, &most) != TCL_OK) {
	return -1;
    }
    for (int i = 0; i < numRows; i++) {
	if (Tcl_ListObjLength(interp, rows[i], &count) != TCL_OK) {
	    return -1;
	}
	if (count > most) {
	    most = count;
	}
    }
    return most;
}

/* What the columns take where none is wider than limit. */
static size_t
TotalWidth(const Table *tablePtr, size_t limit, bool numbers)
{
    size_t total = 0;

    for (size_t i = 0; i < tablePtr->numColumns; i++) {
	const Column *columnPtr = tablePtr->columns + i;
	size_t width = columnPtr->longest;

	if (width > limit && (numbers || columnPtr->align != DP_TABLE_RIGHT)) {
	    width = limit;
	}
	total += width + (i > 0 ? GAP : 0);
    }
    return total;
}

/*
 * The widest columns give what is missing, and columns of numbers only where
 * the others have nothing left: a number that is cut is another number.
 */
static void
SetWidths(Table *tablePtr)
{
    size_t width = tablePtr->stylePtr->width, limit = PAD_MAX;
    bool numbers = false;

    for (size_t i = 0; i < tablePtr->numColumns; i++) {
	Column *columnPtr = tablePtr->columns + i;

	if (columnPtr->align == DP_TABLE_AUTO) {
	    columnPtr->align = columnPtr->number && columnPtr->filled
		    ? DP_TABLE_RIGHT : DP_TABLE_LEFT;
	}
    }
    if (width > 0) {
	size_t low = NARROW, high = width > NARROW ? width : NARROW;

	numbers = TotalWidth(tablePtr, NARROW, false) > width;
	while (low < high) {
	    size_t middle = (low + high + 1) / 2;

	    if (TotalWidth(tablePtr, middle, numbers) <= width) {
		low = middle;
	    } else {
		high = middle - 1;
	    }
	}
	limit = low;
    }
    for (size_t i = 0; i < tablePtr->numColumns; i++) {
	Column *columnPtr = tablePtr->columns + i;

	columnPtr->width = columnPtr->longest;
	if (columnPtr->width > limit
		&& (numbers || columnPtr->align != DP_TABLE_RIGHT)) {
	    columnPtr->width = limit;
	}
    }
    if (width > 0) {
	/* What rounding has left goes to those that want it, from the left. */
	size_t total = TotalWidth(tablePtr, limit, numbers);

	for (size_t i = 0; i < tablePtr->numColumns && total < width; i++) {
	    Column *columnPtr = tablePtr->columns + i;

	    if (columnPtr->width < columnPtr->longest) {
		columnPtr->width++;
		total++;
	    }
	}
    }
}

static void
AddSpaces(DpBuf *bufPtr, size_t count)
{
    if (count > 0) {
	memset(DpBufReserve(bufPtr, count), ' ', count);
	DpBufAdded(bufPtr, count);
    }
}

/*
 * Appends one line of text, padded or cut to width. LAST: without spaces behind
 * it. With !cut what is too long stands out.
 */
static void
AddLine(DpBuf *bufPtr, const char *text, size_t length, size_t width,
	DpTableAlign align, const char *ellipsis, bool cut, bool last)
{
    size_t used, free, before = 0;
    size_t fits = DpWidthFit(text, length, cut ? width : SIZE_MAX, &used);

    if (fits < length) {
	size_t dots = DpWidthText(ellipsis, strlen(ellipsis));

	fits = DpWidthFit(text, length, width > dots ? width - dots : 0,
		&used);
	DpBufAppend(bufPtr, text, fits);
	if (dots <= width) {
	    DpBufAppend(bufPtr, ellipsis, strlen(ellipsis));
	    used += dots;
	}
	AddSpaces(bufPtr, last || used > width ? 0 : width - used);
	return;
    }
    free = used < width ? width - used : 0;
    if (align == DP_TABLE_RIGHT) {
	before = free;
    } else if (align == DP_TABLE_CENTER) {
	before = free / 2;
    }
    AddSpaces(bufPtr, before);
    DpBufAppend(bufPtr, text, length);
    if (!last) {
	AddSpaces(bufPtr, free - before);
    }
}

/* The end of a line, without the spaces behind the last text. */
static void
EndLine(const Table *tablePtr, size_t start)
{
    const DpTableStyle *stylePtr = tablePtr->stylePtr;
    DpBuf *bufPtr = tablePtr->linesPtr;
    const char *text = (const char *) DpBufData(bufPtr) + start;
    size_t length = DpBufLength(bufPtr) - start, used;

    while (length > 0 && text[length - 1] == ' ') {
	length--;
	bufPtr->end--;
    }
    if (stylePtr->width > 0 && DpWidthFit(text, length, stylePtr->width,
	    &used) < length) {
	/* More columns than there is room for. */
	size_t dots = DpWidthText(stylePtr->ellipsis,
		strlen(stylePtr->ellipsis));
	size_t fits = DpWidthFit(text, length, stylePtr->width > dots
		? stylePtr->width - dots : 0, &used);

	bufPtr->end -= length - fits;
	if (dots <= stylePtr->width) {
	    DpBufAppend(bufPtr, stylePtr->ellipsis,
		    strlen(stylePtr->ellipsis));
	}
    }
    DpBufAppend(bufPtr, "\n", 1);
}

static void
WriteRow(const Table *tablePtr, Cell *cells, bool header)
{
    const DpTableStyle *stylePtr = tablePtr->stylePtr;
    DpBuf *bufPtr = tablePtr->linesPtr;
    bool more = true;

    while (more) {
	size_t start;

	more = false;
	/* Colours take no columns, and a line may end in the middle. */
	if (header) {
	    DpBufAppend(bufPtr, stylePtr->bold, strlen(stylePtr->bold));
	}
	DpBufReserve(bufPtr, 1);
	start = DpBufLength(bufPtr);
	for (size_t i = 0; i < tablePtr->numColumns; i++) {
	    const Column *columnPtr = tablePtr->columns + i;
	    Cell *cellPtr = cells + i;
	    const char *text = CellText(tablePtr, cellPtr) + cellPtr->next;
	    size_t length = cellPtr->length - cellPtr->next;

	    if (i > 0) {
		AddSpaces(bufPtr, GAP);
	    }
	    length = LineLength(text, length);
	    AddLine(bufPtr, text, length, columnPtr->width, columnPtr->align,
		    stylePtr->ellipsis, stylePtr->width > 0,
		    i + 1 == tablePtr->numColumns);
	    cellPtr->next += length;
	    if (cellPtr->next < cellPtr->length) {
		cellPtr->next++;
		more = true;
	    }
	}
	EndLine(tablePtr, start);
	if (header) {
	    bufPtr->end--;
	    DpBufAppend(bufPtr, stylePtr->plain, strlen(stylePtr->plain));
	    DpBufAppend(bufPtr, "\n", 1);
	}
    }
}

static void
WriteRule(const Table *tablePtr)
{
    DpBuf *bufPtr = tablePtr->linesPtr;
    const char *rule = tablePtr->stylePtr->rule;
    size_t start;

    DpBufReserve(bufPtr, 1);
    start = DpBufLength(bufPtr);
    for (size_t i = 0; i < tablePtr->numColumns; i++) {
	if (i > 0) {
	    AddSpaces(bufPtr, GAP);
	}
	for (size_t k = 0; k < tablePtr->columns[i].width; k++) {
	    DpBufAppend(bufPtr, rule, strlen(rule));
	}
    }
    EndLine(tablePtr, start);
}

int
DpTableLay(Tcl_Interp *interp, Tcl_Obj *rowsPtr, const DpTableStyle *stylePtr,
	DpBuf *linesPtr)
{
    Table table = {.stylePtr = stylePtr, .linesPtr = linesPtr};
    size_t first = stylePtr->headersPtr != NULL;
    int numRows, numColumns, code = TCL_OK;
    Tcl_Obj **rows;

    /* A row may be the same value as the list, and change its form. */
    rowsPtr = Tcl_DuplicateObj(rowsPtr);
    Tcl_IncrRefCount(rowsPtr);
    if (Tcl_ListObjGetElements(interp, rowsPtr, &numRows, &rows) != TCL_OK
	    || (numColumns = CountColumns(interp, stylePtr, numRows, rows))
	    < 0) {
	Tcl_DecrRefCount(rowsPtr);
	return TCL_ERROR;
    }
    table.numRows = (size_t) numRows + first;
    table.numColumns = (size_t) numColumns;
    table.cells = DpAlloc((table.numRows * table.numColumns + 1)
	    * sizeof(Cell));
    table.columns = DpAlloc((table.numColumns + 1) * sizeof(Column));
    for (size_t i = 0; i < table.numColumns; i++) {
	table.columns[i].number = true;
	if (i < (size_t) stylePtr->numAligns) {
	    table.columns[i].align = stylePtr->aligns[i];
	}
    }
    if (first) {
	code = ReadRow(interp, &table, 0, stylePtr->headersPtr, true);
    }
    for (int i = 0; i < numRows && code == TCL_OK; i++) {
	code = ReadRow(interp, &table, (size_t) i + first, rows[i], false);
    }
    if (code == TCL_OK && table.numColumns > 0) {
	SetWidths(&table);
	for (size_t i = 0; i < table.numRows; i++) {
	    WriteRow(&table, table.cells + i * table.numColumns, i < first);
	    if (i < first) {
		WriteRule(&table);
	    }
	}
    }
    DpBufFree(&table.texts);
    DpFree(table.cells);
    DpFree(table.columns);
    Tcl_DecrRefCount(rowsPtr);
    return code;
}

/*
 * Whether the words fit into so many columns of lines lines; the widths of the
 * columns are put into widths.
 */
static bool
Fits(const Cell *cells, size_t count, size_t lines, size_t width,
	size_t *widths)
{
    size_t total = 0;

    for (size_t i = 0, column = 0; i < count; i += lines, column++) {
	widths[column] = 0;
	for (size_t k = i; k < count && k < i + lines; k++) {
	    if (cells[k].width > widths[column]) {
		widths[column] = cells[k].width;
	    }
	}
	total += widths[column] + (i > 0 ? GAP : 0);
	if (total > width) {
	    return false;
	}
    }
    return true;
}

int
DpTableColumns(Tcl_Interp *interp, Tcl_Obj *wordsPtr, size_t width,
	const char *ellipsis, DpBuf *linesPtr)
{
    DpTableStyle style = {.width = width, .ellipsis = ellipsis};
    Table table = {.stylePtr = &style, .linesPtr = linesPtr};
    size_t most = width / (GAP + 1) + 1, lines = 1, count;
    size_t *widths;
    Tcl_Obj **words;
    int numWords;

    if (Tcl_ListObjGetElements(interp, wordsPtr, &numWords, &words)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    count = (size_t) numWords;
    table.cells = DpAlloc((count + 1) * sizeof(Cell));
    for (size_t i = 0; i < count; i++) {
	AddCell(&table, table.cells + i, words[i]);
    }
    if (most > count) {
	most = count > 0 ? count : 1;
    }
    widths = DpAlloc(most * sizeof(*widths));
    lines = (count + most - 1) / most;
    if (lines == 0) {
	lines = 1;
    }
    while (lines < count
	    && !Fits(table.cells, count, lines, width, widths)) {
	size_t columns = (count + lines - 1) / lines;

	/* The next number of lines that makes fewer columns. */
	lines = columns > 1 ? (count + columns - 2) / (columns - 1) : count;
    }
    if (lines >= count) {
	widths[0] = width;
    }
    for (size_t line = 0; line < lines && line < count; line++) {
	size_t start;

	DpBufReserve(linesPtr, 1);
	start = DpBufLength(linesPtr);
	for (size_t i = line, column = 0; i < count; i += lines, column++) {
	    const Cell *cellPtr = table.cells + i;
	    const char *text = CellText(&table, cellPtr);

	    if (column > 0) {
		AddSpaces(linesPtr, GAP);
	    }
	    AddLine(linesPtr, text, LineLength(text, cellPtr->length),
		    widths[column], DP_TABLE_LEFT, ellipsis, width > 0,
		    i + lines >= count);
	}
	EndLine(&table, start);
    }
    DpFree(widths);
    DpFree(table.cells);
    DpBufFree(&table.texts);
    return TCL_OK;
}

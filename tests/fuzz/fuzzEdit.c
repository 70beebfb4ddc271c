/*
 * fuzzEdit.c -- keys of a terminal, and a line that is drawn step by step: the
 * screen is always as if the line had been drawn at once.
 *
 * The input: a byte each for the columns and rows, then what is typed.
 */

#include "dpEditInput.h"
#include "dpEditView.h"
#include "dpWidth.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_TEXT 400
#define MAX_SIDE 24

static void
Check(bool holds)
{
    if (!holds) {
	abort();
    }
}

/*
 * A terminal: each cell is a sum of its character, its colour and marks; 1: second
 * half.
 */
typedef struct Screen {
    uint32_t cells[MAX_SIDE][MAX_SIDE];
    int cols, rows, row, col;   /* col may be cols: a break is due */
    uint32_t color;
} Screen;

static void
NewLine(Screen *screenPtr)
{
    if (screenPtr->row + 1 < screenPtr->rows) {
	screenPtr->row++;
	return;
    }
    memmove(screenPtr->cells[0], screenPtr->cells[1],
	    sizeof(screenPtr->cells) - sizeof(screenPtr->cells[0]));
    memset(screenPtr->cells[screenPtr->rows - 1], 0,
	    sizeof(screenPtr->cells[0]));
}

static void
PutChar(Screen *screenPtr, uint32_t code)
{
    int width = DpWidthOf(code);
    uint32_t *row = screenPtr->cells[screenPtr->row];

    if (width == 0) {
	int col = screenPtr->col - 1;

	if (col > 0 && row[col] == 1) {
	    col--;
	}
	if (col >= 0) {
	    row[col] = row[col] * 31 + code;
	}
	return;
    }
    /* A row is never broken by the terminal. */
    Check(screenPtr->col + width <= screenPtr->cols);
    row[screenPtr->col] = code == ' ' && screenPtr->color == 0 ? 0
	    : code * 31 + screenPtr->color * 7919;
    if (width == 2) {
	row[screenPtr->col + 1] = 1;
    }
    screenPtr->col += width;
}

static void
Control(Screen *screenPtr, int number, char letter)
{
    int col = screenPtr->col < screenPtr->cols ? screenPtr->col
	    : screenPtr->cols - 1;

    switch (letter) {
    case 'A':
	Check(screenPtr->row >= number);
	screenPtr->row -= number;
	break;
    case 'B':
	Check(screenPtr->row + number < screenPtr->rows);
	screenPtr->row += number;
	break;
    case 'C':
	screenPtr->col += number;
	Check(screenPtr->col < screenPtr->cols);
	break;
    case 'K':
	memset(&screenPtr->cells[screenPtr->row][col], 0,
		(size_t) (screenPtr->cols - col) * sizeof(uint32_t));
	break;
    case 'J':
	Control(screenPtr, 0, 'K');
	for (int i = screenPtr->row + 1; i < screenPtr->rows; i++) {
	    memset(screenPtr->cells[i], 0, sizeof(screenPtr->cells[i]));
	}
	break;
    default:
	Check(letter == 'm');
	/* Nothing is switched on twice. */
	Check(number == 0 || screenPtr->color == 0);
	screenPtr->color = (uint32_t) number;
    }
}

static void
Feed(Screen *screenPtr, const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
	uint32_t code;

	if (text[i] == '\033') {
	    int number = 0;

	    Check(i + 2 < length && text[i + 1] == '[');
	    for (i += 2; text[i] >= '0' && text[i] <= '9'; i++) {
		number = number * 10 + text[i] - '0';
	    }
	    /* More numbers have colours only. */
	    i += strspn(text + i, "0123456789;");
	    Control(screenPtr, number, text[i++]);
	    continue;
	}
	if (text[i] == '\r') {
	    screenPtr->col = 0;
	} else if (text[i] == '\n') {
	    NewLine(screenPtr);
	} else if (text[i] == '\b') {
	    Check(screenPtr->col > 0);
	    screenPtr->col--;
	} else {
	    size_t count = (text[i] & 0x80) == 0 ? 1 : (text[i] & 0x20) == 0 ? 2
		    : (text[i] & 0x10) == 0 ? 3 : 4;

	    code = (unsigned char) text[i];
	    if (count > 1) {
		code &= 0x7Fu >> count;
	    }
	    for (size_t j = 1; j < count; j++) {
		code = code << 6 | (text[i + j] & 0x3F);
	    }
	    Check(code >= 0x20 && (code < 0x7F || code >= 0xA0));
	    PutChar(screenPtr, code);
	    i += count;
	    continue;
	}
	i++;
    }
}

static void
FeedAll(Screen *screenPtr, DpBuf *outPtr)
{
    if (DpBufLength(outPtr) > 0) {
	Feed(screenPtr, (const char *) DpBufData(outPtr),
		DpBufLength(outPtr));
    }
    Check(screenPtr->color == 0);
}

typedef struct Line {
    uint32_t text[MAX_TEXT];
    size_t count, cursor;
    DpEditInput input;
    DpEditView view;
    Screen screen;
    int cols, rows;
} Line;

static void
Insert(Line *linePtr, uint32_t code)
{
    if (linePtr->count == MAX_TEXT) {
	return;
    }
    memmove(linePtr->text + linePtr->cursor + 1,
	    linePtr->text + linePtr->cursor,
	    (linePtr->count - linePtr->cursor) * sizeof(uint32_t));
    linePtr->text[linePtr->cursor++] = code;
    linePtr->count++;
}

/* Colours by chance, which change with the cursor also. */
static size_t
MakeSpans(const Line *linePtr, DpEditSpan spans[8])
{
    size_t count = 0, at = 0;

    for (uint32_t i = 0; i < 8; i++) {
	uint32_t sum = i * 7 + (uint32_t) (linePtr->cursor / 3)
		+ (at < linePtr->count ? linePtr->text[at] : 0);

	at += sum % 5;
	spans[count].start = at;
	at += 1 + sum % 7;
	spans[count].end = at;
	snprintf(spans[count].sgr, sizeof(spans[count].sgr), "%u",
		30 + sum % 3);
	count += sum % 4 != 0;
    }
    return count;
}

static void
Draw(Line *linePtr)
{
    static const char prompt[] = "\033[1;31mp\xC3\xA9 >\033[m ";
    DpEditSpan spans[8];
    DpEditShape shape = {
	.prompt = prompt, .promptLength = sizeof(prompt) - 1, .more = "+ ",
	.moreLength = 2, .text = linePtr->text, .count = linePtr->count,
	.cursor = linePtr->cursor, .cols = linePtr->cols,
	.rows = linePtr->rows, .spans = spans,
	.spanCount = MakeSpans(linePtr, spans)
    };
    Screen fresh;
    DpEditView view = {0};
    DpBuf out = {0};
    int first;

    DpEditViewDraw(&linePtr->view, &out, &shape);
    FeedAll(&linePtr->screen, &out);
    DpBufFree(&out);
    /* The same part of the line is looked at. */
    view.top = linePtr->view.top;
    memset(&fresh, 0, sizeof(fresh));
    fresh.cols = linePtr->cols;
    fresh.rows = linePtr->rows;
    view.seen = 1;
    DpEditViewDraw(&view, &out, &shape);
    FeedAll(&fresh, &out);
    Check(view.top == linePtr->view.top && view.seen == linePtr->view.seen);
    Check(view.row == linePtr->view.row);
    Check(fresh.col == linePtr->screen.col);
    first = linePtr->screen.row - linePtr->view.row;
    Check(first >= 0 && first + view.seen <= linePtr->rows);
    for (int i = 0; i < view.seen; i++) {
	Check(memcmp(fresh.cells[fresh.row - view.row + i],
		linePtr->screen.cells[first + i], sizeof(fresh.cells[0]))
		== 0);
    }
    DpBufFree(&out);
    DpEditViewFree(&view);
}

static void
Key(void *clientData, uint32_t key)
{
    Line *linePtr = clientData;

    Check(key == DP_KEY_PASTE || (key & ~DP_KEY_META) < 0x300000);
    switch (key) {
    case DP_KEY_LEFT:
	linePtr->cursor -= linePtr->cursor > 0;
	break;
    case DP_KEY_RIGHT:
	linePtr->cursor += linePtr->cursor < linePtr->count;
	break;
    case DP_KEY_HOME:
	linePtr->cursor = 0;
	break;
    case DP_KEY_END:
	linePtr->cursor = linePtr->count;
	break;
    case DP_KEY_DELETE:
	if (linePtr->cursor < linePtr->count) {
	    memmove(linePtr->text + linePtr->cursor,
		    linePtr->text + linePtr->cursor + 1,
		    (--linePtr->count - linePtr->cursor) * sizeof(uint32_t));
	}
	break;
    case DP_KEY_PASTE:
	for (int i = 0; i < 50; i++) {
	    Insert(linePtr, (uint32_t) ('a' + i % 26));
	}
	break;
    case '\r':
	Insert(linePtr, '\n');
	break;
    case 0x15:
	linePtr->count = linePtr->cursor = 0;
	break;
    default:
	if (key <= 0x10FFFF) {
	    Insert(linePtr, key);
	}
    }
    Draw(linePtr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Line line;

    if (size < 2 || size > 2000) {
	return 0;
    }
    memset(&line, 0, sizeof(line));
    line.screen.cols = line.cols = 8 + data[0] % (MAX_SIDE - 8);
    line.screen.rows = line.rows = 1 + data[1] % (MAX_SIDE - 1);
    DpEditInputBytes(&line.input, data + 2, size - 2, Key, &line);
    DpEditInputEnd(&line.input, Key, &line);
    DpEditInputFree(&line.input);
    DpEditViewFree(&line.view);
    return 0;
}

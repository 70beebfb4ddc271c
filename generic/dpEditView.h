/*
 * dpEditView.h -- a line that is edited, on the screen.
 *
 * Layer L0. Rows are written one by one and never left to the terminal to break;
 * what has changed since it was drawn is written, and nothing else.
 */

#ifndef DP_EDIT_VIEW_H
#define DP_EDIT_VIEW_H

#include "dpBuf.h"

typedef struct DpEditRow {
    size_t start, end;          /* of its bytes */
    int width;                  /* columns */
    size_t fixed;               /* bytes of a prompt at its begin, */
    int fixedCols;              /* and their columns */
} DpEditRow;

typedef struct DpEditRows {
    DpBuf bytes;
    DpEditRow *rows;
    int count, size;
    int cursorRow, cursorCol;
} DpEditRows;

/* A zeroed struct has drawn nothing. */
typedef struct DpEditView {
    DpEditRows drawn, next;
    int top;                    /* first row of the line that is seen */
    int seen;                   /* rows that are on the screen */
    int row, col;               /* of the cursor, from the first seen; col -1:
				 * not known */
    int cols, rows;             /* of the screen when it was drawn */
} DpEditView;

/* Characters of the text that have a colour. */
typedef struct DpEditSpan {
    size_t start, end;
    char sgr[16];               /* as "36" or "1;31" */
} DpEditSpan;

/* What is to be seen. */
typedef struct DpEditShape {
    const char *prompt;         /* UTF-8 with colours (CSI ... m), more than one
				 * line perhaps */
    size_t promptLength;
    const char *more;           /* before each further line */
    size_t moreLength;
    const uint32_t *text;
    size_t count, cursor;
    const DpEditSpan *spans;    /* in order, none reaches into another */
    size_t spanCount;
    int cols, rows;
} DpEditShape;

/* Appends what turns the screen into this. */
MODULE_SCOPE void DpEditViewDraw(DpEditView *viewPtr, DpBuf *outPtr,
	const DpEditShape *shapePtr);

/* Wipes it out; the cursor stands where it began. */
MODULE_SCOPE void DpEditViewErase(DpEditView *viewPtr, DpBuf *outPtr);

/* Leaves it there; the cursor stands on a new line below. */
MODULE_SCOPE void DpEditViewLeave(DpEditView *viewPtr, DpBuf *outPtr);

/* Nothing is on the screen any more. */
MODULE_SCOPE void DpEditViewForget(DpEditView *viewPtr);

/*
 * The screen has another width, and has broken rows that are too long for it;
 * where the cursor is by that.
 */
MODULE_SCOPE void DpEditViewResize(DpEditView *viewPtr, int cols);

MODULE_SCOPE void DpEditViewFree(DpEditView *viewPtr);

/* UTF-8 of a character; at most four bytes, their number. */
MODULE_SCOPE size_t DpEditUtf8(uint32_t code, char *bytes);

#endif

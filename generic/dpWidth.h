/*
 * dpWidth.h -- how many columns of a terminal a text takes, and how it is shown
 * without being obeyed.
 *
 * Layer L0. Texts are Tcl's own UTF-8, in which a character above U+FFFF may be
 * two surrogates of three bytes, and NUL is two bytes.
 */

#ifndef DP_WIDTH_H
#define DP_WIDTH_H

#include "dpBuf.h"

/* The bytes of the first character of a text that is not empty. */
MODULE_SCOPE size_t DpWidthChar(const char *text, size_t length,
	uint32_t *codePtr);

/* Columns of one character: 0, 1 or 2; 0 for controls. */
MODULE_SCOPE int DpWidthOf(uint32_t code);

/* Columns of a text that is shown, as DpWidthShow leaves it, on one line. */
MODULE_SCOPE size_t DpWidthText(const char *text, size_t length);

/*
 * How many bytes of such a text fit into so many columns, with the marks that
 * belong to the last character; *usedPtr: the columns that they take.
 */
MODULE_SCOPE size_t DpWidthFit(const char *text, size_t length, size_t columns,
	size_t *usedPtr);

/* What DpWidthShow lets pass. */
#define DP_WIDTH_LINES  1       /* newlines; tabs become spaces */
#define DP_WIDTH_COLORS 2       /* CSI ... m; they are undone at the end */

/*
 * Appends the text as a terminal may have it: controls as ^[ or <U+009B>, and
 * so those that turn the direction of writing, with which one text can look like
 * another. A carriage return before a newline is left out with LINES.
 */
MODULE_SCOPE void DpWidthShow(DpBuf *bufPtr, const char *text, size_t length,
	int flags);

#endif

/*
 * dpEditPast.h -- the lines that were, and a search in them.
 *
 * Layer L0.
 */

#ifndef DP_EDIT_PAST_H
#define DP_EDIT_PAST_H

#include "dpBuf.h"

typedef struct DpPastLine {
    uint32_t *text;
    size_t count;
} DpPastLine;

/* A zeroed struct has none. */
typedef struct DpEditPast {
    DpPastLine *lines;
    size_t count, size;
} DpEditPast;

MODULE_SCOPE void DpEditPastAdd(DpEditPast *pastPtr, const uint32_t *text,
	size_t count);
MODULE_SCOPE void DpEditPastFree(DpEditPast *pastPtr);

/*
 * The nearest line from *indexPtr on, in a direction (-1 or 1), that begins with
 * text and is longer. False: none.
 */
MODULE_SCOPE bool DpEditPastBegins(const DpEditPast *pastPtr, size_t *indexPtr,
	int direction, const uint32_t *text, size_t count);

/*
 * The nearest place that holds text: in line *indexPtr at *offsetPtr or beyond
 * it in the direction, then in others. Lower case letters stand for both, where
 * text has no others. False: none, and nothing is changed.
 */
MODULE_SCOPE bool DpEditPastFind(const DpEditPast *pastPtr, size_t *indexPtr,
	size_t *offsetPtr, int direction, const uint32_t *text, size_t count);

#endif

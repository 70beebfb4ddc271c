/*
 * dpEditPast.c -- the lines that were, and a search in them.
 *
 * Layer L0.
 */

#include "dpEditPast.h"

void
DpEditPastAdd(DpEditPast *pastPtr, const uint32_t *text, size_t count)
{
    DpPastLine *linePtr;

    if (pastPtr->count == pastPtr->size) {
	pastPtr->size = pastPtr->size > 0 ? 2 * pastPtr->size : 64;
	pastPtr->lines = DpRealloc(pastPtr->lines,
		pastPtr->size * sizeof(*pastPtr->lines));
    }
    linePtr = &pastPtr->lines[pastPtr->count++];
    linePtr->text = DpAlloc((count + 1) * sizeof(*text));
    linePtr->count = count;
    if (count > 0) {
	memcpy(linePtr->text, text, count * sizeof(*text));
    }
}

void
DpEditPastFree(DpEditPast *pastPtr)
{
    for (size_t i = 0; i < pastPtr->count; i++) {
	DpFree(pastPtr->lines[i].text);
    }
    DpFree(pastPtr->lines);
    memset(pastPtr, 0, sizeof(*pastPtr));
}

bool
DpEditPastBegins(const DpEditPast *pastPtr, size_t *indexPtr, int direction,
	const uint32_t *text, size_t count)
{
    for (size_t i = *indexPtr; i < pastPtr->count; i += (size_t) direction) {
	const DpPastLine *linePtr = &pastPtr->lines[i];

	if (linePtr->count > count && (count == 0 || memcmp(linePtr->text, text,
		count * sizeof(*text)) == 0)) {
	    *indexPtr = i;
	    return true;
	}
    }
    return false;
}

static uint32_t
Fold(uint32_t code, bool fold)
{
    return fold && code >= 'A' && code <= 'Z' ? code + 'a' - 'A' : code;
}

static bool
IsAt(const DpPastLine *linePtr, size_t offset, const uint32_t *text,
	size_t count, bool fold)
{
    for (size_t i = 0; i < count; i++) {
	if (Fold(linePtr->text[offset + i], fold) != text[i]) {
	    return false;
	}
    }
    return true;
}

bool
DpEditPastFind(const DpEditPast *pastPtr, size_t *indexPtr, size_t *offsetPtr,
	int direction, const uint32_t *text, size_t count)
{
    size_t index = *indexPtr, offset = *offsetPtr;
    bool fold = true, first = true;

    for (size_t i = 0; i < count; i++) {
	fold = fold && !(text[i] >= 'A' && text[i] <= 'Z');
    }
    for (; index < pastPtr->count; index += (size_t) direction) {
	const DpPastLine *linePtr = &pastPtr->lines[index];

	if (linePtr->count >= count) {
	    size_t last = linePtr->count - count;

	    if (!first) {
		offset = direction > 0 ? 0 : last;
	    } else if (direction < 0 && offset > last && offset != SIZE_MAX) {
		offset = last;
	    }
	    for (; offset <= last; offset += (size_t) direction) {
		if (IsAt(linePtr, offset, text, count, fold)) {
		    *indexPtr = index;
		    *offsetPtr = offset;
		    return true;
		}
	    }
	}
	first = false;
    }
    return false;
}

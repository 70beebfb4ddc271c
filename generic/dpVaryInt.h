/*
 * dpVaryInt.h -- the forms of names, addresses, times and numbers; inside of
 * dpVary.
 *
 * Layer L0. Each of the functions takes a form that stands at the cursor as a
 * whole, and moves the cursor behind it, or gives false and leaves it.
 */

#ifndef DP_VARY_INT_H
#define DP_VARY_INT_H

#include "dpVary.h"

/* What a byte is. */
#define DP_VARY_WORD    1
#define DP_VARY_DIGIT   2
#define DP_VARY_HEX     4
#define DP_VARY_LETTER  8

MODULE_SCOPE const unsigned char dpVaryKinds[256];

/* A place in a text, and where that ends. */
typedef struct DpVaryCursor {
    const char *at, *end;
} DpVaryCursor;

static inline bool
DpVaryIs(const char *at, int kind)
{
    return (dpVaryKinds[(unsigned char) *at] & kind) != 0;
}

/* Dates, times of the day, and both. One may begin with a name: does it? */
MODULE_SCOPE bool DpVaryIsTimeName(const char *at, const char *end);
MODULE_SCOPE bool DpVaryTakeTime(DpVaryCursor *cursorPtr);

MODULE_SCOPE bool DpVaryTakeAddress4(DpVaryCursor *cursorPtr);
MODULE_SCOPE bool DpVaryTakeAddress6(DpVaryCursor *cursorPtr);
MODULE_SCOPE bool DpVaryTakeCardAddress(DpVaryCursor *cursorPtr);
MODULE_SCOPE bool DpVaryTakeUuid(DpVaryCursor *cursorPtr);

/*
 * Digits, as in 1.5, 1,234,567, 12.0.3; where a word begins also with an
 * exponent or a unit, as far as the word has no more than these.
 */
MODULE_SCOPE bool DpVaryTakeFigure(DpVaryCursor *cursorPtr, bool begins);

#endif

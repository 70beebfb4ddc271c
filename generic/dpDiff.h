/*
 * dpDiff.h -- the unified difference of two texts.
 *
 * Layer L0. The format is that of diff -u (POSIX.1-2008, diff, "Diff -u Output
 * Format"): patch(1) takes it. Pieces of memory, any bytes; a line ends behind
 * its newline.
 */

#ifndef DP_DIFF_H
#define DP_DIFF_H

#include "dpBuf.h"

/* Zeroed: no lines of context, no names, no limits. */
typedef struct DpDiffSpec {
    const char *oldName;        /* for the lines --- and +++; NULL: neither */
    const char *newName;
    int context;                /* lines shown around a change */
    size_t maxLines;            /* of the result, behind which it is cut off
				 * with a line that says so; 0: no limit */
} DpDiffSpec;

/* What was found. */
typedef struct DpDiffCounts {
    size_t removed;             /* lines of the old text alone */
    size_t added;               /* lines of the new text alone */
    bool cut;                   /* maxLines was reached */
} DpDiffCounts;

/*
 * Appends the differences to bufPtr, nothing where there are none. The way is
 * the shortest there is, but for texts so different that it would be looked for
 * too long: there a whole block is replaced. Memory is a few words for each
 * line. Tells the counts where countsPtr is not NULL.
 */
MODULE_SCOPE void DpDiffUnified(DpBuf *bufPtr, const void *oldBytes,
	size_t oldLength, const void *newBytes, size_t newLength,
	const DpDiffSpec *specPtr, DpDiffCounts *countsPtr);

#endif

/*
 * dpMatch.h -- finds patterns in a stream of output, whatever pieces it comes
 * in.
 *
 * Layer L3. Patterns are literal texts or Tcl's advanced regular expressions.
 * They are compiled once to a set that any number of streams of one thread
 * share. The match that begins first in what has come wins, of several that
 * begin at one place the first pattern; what is matched is consumed, with all
 * before it.
 */

#ifndef DP_MATCH_H
#define DP_MATCH_H

#include "dpDecode.h"

/*
 * A match of a regular expression that comes in several pieces is found when
 * it is not longer than this. That of a literal text may have any length.
 */
#define DP_MATCH_WINDOW (16 * 1024)

typedef struct DpMatchPattern {
    Tcl_Obj *textPtr;
    bool isRegexp;
} DpMatchPattern;

/* Counted: whoever compiles it holds it, and so does each stream. */
typedef struct DpMatchSet DpMatchSet;

/*
 * NULL and the reason in *reasonPtr (refcount 0), with the index of the pattern
 * at fault in *indexPtr (-1: all of them). The interpreter may be NULL.
 */
MODULE_SCOPE DpMatchSet *DpMatchSetNew(Tcl_Interp *interp,
	const DpMatchPattern *patterns, int count, Tcl_Obj **reasonPtr,
	int *indexPtr);
MODULE_SCOPE void DpMatchSetHold(DpMatchSet *setPtr);
MODULE_SCOPE void DpMatchSetDrop(DpMatchSet *setPtr);

/* One stream. */
typedef struct DpMatch DpMatch;

/* The encoding (NULL: characters are bytes) must outlive the stream. */
MODULE_SCOPE DpMatch *DpMatchNew(DpMatchSet *setPtr, Tcl_Encoding encoding);
MODULE_SCOPE void DpMatchFree(DpMatch *matchPtr);

/*
 * Takes the next bytes, which must stay where they are until DpMatchNext has
 * returned -1. That returns the patterns that match, one after another, but
 * for those whose flag in `off` is set; a pattern never comes back once it is.
 */
MODULE_SCOPE void DpMatchFeed(DpMatch *matchPtr, const void *bytes,
	size_t count);
MODULE_SCOPE int DpMatchNext(DpMatch *matchPtr, const bool *off);

/* How many bytes wait for more, for tests. */
MODULE_SCOPE size_t DpMatchHeld(const DpMatch *matchPtr);

#endif

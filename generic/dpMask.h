/*
 * dpMask.h -- takes secrets out of texts, whole or as they stream by.
 *
 * Layer L0.
 */

#ifndef DP_MASK_H
#define DP_MASK_H

#include "dpBuf.h"

typedef struct DpMask DpMask;

/*
 * The words are copied, and wiped at the end. NULL where there are none; empty
 * words don't count. Of a stream only words of DP_MASK_MIN bytes and more are
 * taken out: shorter ones stand in anything.
 */
#define DP_MASK_MIN 4
MODULE_SCOPE DpMask *DpMaskNew(const char *const *words, int count);
MODULE_SCOPE void DpMaskFree(DpMask *maskPtr);

/* Appends the text with "***" for each secret. */
MODULE_SCOPE void DpMaskText(const DpMask *maskPtr, const void *text,
	size_t length, DpBuf *toPtr);

/*
 * The same for what streams through fromPtr: what may be the beginning of a
 * secret stays there, unless isLast.
 */
MODULE_SCOPE void DpMaskStream(const DpMask *maskPtr, DpBuf *fromPtr,
	bool isLast, DpBuf *toPtr);

#endif

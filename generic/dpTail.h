/*
 * dpTail.h -- the end of what a command prints, with its times.
 *
 * Layer L0.
 */

#ifndef DP_TAIL_H
#define DP_TAIL_H

#include "dpBuf.h"

/* So many bytes of it are kept. */
#define DP_TAIL_SIZE 32768

typedef struct DpTail DpTail;

/* Bytes of a stream that came at that time (us); *tailPtrPtr may be NULL. */
MODULE_SCOPE void DpTailAdd(DpTail **tailPtrPtr, int stream,
	const unsigned char *bytes, size_t count, int64_t time);

/* How many bytes came before those that are kept. */
MODULE_SCOPE int64_t DpTailOmitted(const DpTail *tailPtr);

/* The next piece, in order, which is taken; false: there is none. */
MODULE_SCOPE bool DpTailNext(DpTail *tailPtr, int *streamPtr,
	const unsigned char **bytesPtr, size_t *countPtr, int64_t *timePtr);
MODULE_SCOPE void DpTailFree(DpTail *tailPtr);

#endif

/*
 * dpCopySum.h -- the SHA-256 checksum of a file, read by many requests.
 *
 * Layer L3.
 */

#ifndef DP_COPY_SUM_H
#define DP_COPY_SUM_H

#include "dpFs.h"

typedef struct DpCopySum DpCopySum;

#define DP_SUM_BYTES 32

/* Called once: sum of DP_SUM_BYTES, or an error. The handle is gone then. */
typedef void (DpCopySumDone)(void *clientData, const unsigned char *sum,
	const DpError *errPtr);

/* Of the first count bytes (-1: all); fewer of them are an error. */
MODULE_SCOPE DpCopySum *DpCopySumStart(DpFs *fsPtr, const char *path,
	int64_t count, DpCopySumDone *done, void *clientData);
MODULE_SCOPE void DpCopySumDrop(DpCopySum *sumPtr);

#endif

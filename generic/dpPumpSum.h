/*
 * dpPumpSum.h -- checksums of streams.
 *
 * Layer L0.
 */

#ifndef DP_PUMP_SUM_H
#define DP_PUMP_SUM_H

#include "dpBase.h"

/* The longest in hexadecimal, with its NUL. */
#define DP_SUM_TEXT 129

typedef struct DpSum DpSum;

/* By the name that OpenSSL gives it, as "sha256"; NULL: there is none. */
MODULE_SCOPE DpSum *DpSumNew(const char *name);
MODULE_SCOPE void DpSumAdd(DpSum *sumPtr, const void *bytes, size_t count);
MODULE_SCOPE void DpSumEnd(DpSum *sumPtr, char text[DP_SUM_TEXT]);
MODULE_SCOPE void DpSumFree(DpSum *sumPtr);     /* NULL is allowed */

#endif

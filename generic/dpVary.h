/*
 * dpVary.h -- finds what differs from host to host in outputs that say the
 * same: names, addresses, times, numbers.
 *
 * Layer L0. A scanner: from front to back, each byte is looked at a bounded
 * number of times. Texts are ASCII or UTF-8, any bytes do no harm.
 */

#ifndef DP_VARY_H
#define DP_VARY_H

#include "dpBuf.h"

typedef enum DpVaryKind {
    DP_VARY_HOST,               /* the host's own name */
    DP_VARY_ADDRESS,            /* of IPv4, IPv6 or a network card */
    DP_VARY_TIME,               /* a date, a time of the day, or both */
    DP_VARY_NUMBER,             /* with its unit; versions too */
    DP_VARY_ID,                 /* UUIDs and other hexadecimal ones */
    DP_VARY_NUM_KINDS
} DpVaryKind;

typedef struct DpVarySpan {
    size_t offset, length;
    DpVaryKind kind;
} DpVarySpan;

/* A text that is gone through; the caller owns text and host. */
typedef struct DpVary {
    const char *text;
    size_t length;
    size_t at;                  /* up to here it was looked at */
    const char *host;           /* its own name, length 0: not looked for */
    size_t hostLength;
    size_t shortLength;         /* of the name without its domain, or 0 */
    bool onlyHost;              /* nothing else is looked for */
} DpVary;

MODULE_SCOPE void DpVaryBegin(DpVary *varyPtr, const char *text,
	size_t length, const char *host, size_t hostLength);

/* The next piece that varies; false at the end of the text. */
MODULE_SCOPE bool DpVaryNext(DpVary *varyPtr, DpVarySpan *spanPtr);

/*
 * Goes on behind some bytes that are next in the text, if they are: those
 * between two pieces of another text with the same template. They are not
 * looked at.
 */
MODULE_SCOPE void DpVarySkip(DpVary *varyPtr, const char *same,
	size_t length);

/*
 * Appends a text that was begun, with one mark for each piece that varies and
 * one blank for each run of blanks: equal results say the same. Blanks at the
 * end of lines don't count. Lines stay lines. True: the host's name is in it.
 */
MODULE_SCOPE bool DpVaryTemplate(DpBuf *bufPtr, const DpVary *varyPtr);

/* "host", "address", "time", "number", "id". */
MODULE_SCOPE const char *DpVaryName(DpVaryKind kind);

#endif

/*
 * dpGatherInt.h -- what a gather is made of; for the files of dpGather alone.
 *
 * Layer L4.
 */

#ifndef DP_GATHER_INT_H
#define DP_GATHER_INT_H

#include "dpGather.h"

#include <openssl/evp.h>

#define NONE DP_INTERN_NONE
#define SUM_BYTES 32

/* A stream of a host that runs. */
typedef struct DpGatherStream {
    DpBuf head;                 /* all of it, or its beginning */
    DpBuf tail;                 /* the end of one that was cut */
    uint64_t total;
    size_t half;                /* bytes of the end that are kept */
    EVP_MD_CTX *sumPtr;         /* of one that was cut, else NULL */
} DpGatherStream;

typedef struct DpGatherSource {
    DpGatherStream *streams;    /* two; NULL: ended, or nothing came yet */
    uint32_t variant;           /* NONE: it has not ended */
    uint32_t next;              /* of the same variant, or NONE */
} DpGatherSource;

typedef struct DpGatherVariant {
    uint32_t firstHost, lastHost;
    uint32_t numHosts;
    uint32_t group;
    uint32_t before, next;      /* in the group, or NONE */
    bool named;                 /* its group is that of the output without the
				 * name of its one host */
} DpGatherVariant;

typedef struct DpGatherSet {
    uint32_t firstVariant, lastVariant;
    uint32_t numHosts, numVariants;
    uint64_t changed;           /* when, by the gather's clock */
} DpGatherSet;

/* In front of the texts of a variant in the table. */
typedef struct DpGatherRecord {
    uint32_t status;            /* number in the table of statuses */
    uint32_t lengths[2], heads[2];
    uint64_t totals[2];
    unsigned char sums[2][SUM_BYTES];   /* zeros where all is kept */
} DpGatherRecord;

struct DpGather {
    DpGatherSpec spec;
    DpIntern slugs;
    DpGatherSource *hosts;      /* by number, as all arrays */
    uint32_t roomHosts;
    uint32_t numRunning;
    DpIntern statuses;          /* DpGatherEnd as a byte, and the text */
    DpIntern texts;             /* records and texts; the number is a
				 * variant */
    DpGatherVariant *variants;
    uint32_t roomVariants;
    DpIntern templates;         /* the number is a group */
    DpGatherSet *groups;
    uint32_t roomGroups;
    uint32_t numGroups;         /* that have hosts */
    uint64_t clock;             /* counts changes */
    uint64_t asked;             /* its value when changes were told */
    size_t liveBytes;           /* of streams */
    DpBuf record, template;     /* in the making */
};

/* The end of a stream that was cut, as it is kept. */
MODULE_SCOPE size_t DpGatherTailStart(const DpGatherStream *streamPtr);

MODULE_SCOPE void DpGatherReadRecord(const DpGather *gatherPtr,
	uint32_t variant, DpGatherRecord *recordPtr);
MODULE_SCOPE DpGatherEnd DpGatherEndOf(const DpGather *gatherPtr,
	uint32_t status);

#endif

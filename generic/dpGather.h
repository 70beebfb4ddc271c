/*
 * dpGather.h -- the outputs of many hosts, equal ones together.
 *
 * Layer L4. Knows no interpreter. Texts are Tcl's own UTF-8.
 *
 * A *variant* is one output with its status, as it came from one host or from
 * several. A *group* is all variants that say the same, where what varies from
 * host to host (dpVary.h) does not count; without masks each variant is a
 * group.
 *
 * Memory: each variant is kept once. Of a stream above `limit` bytes the
 * beginning and the end are kept, half of the limit each, and a SHA-256 of all
 * of it by which it is compared. Once all together have `total` bytes, a stream
 * that comes from then on keeps DP_GATHER_SCARCE of them. While a host runs the
 * end of a stream may have twice its size.
 */

#ifndef DP_GATHER_H
#define DP_GATHER_H

#include "dpBuf.h"
#include "dpIntern.h"

#define DP_GATHER_LIMIT (256 * 1024)
#define DP_GATHER_TOTAL ((size_t) 256 << 20)
#define DP_GATHER_SCARCE (8 * 1024)
#define DP_GATHER_MAX (64 << 20)        /* what limit may be */

/* How an output ended. */
typedef enum DpGatherEnd {
    DP_GATHER_TEXT,             /* nothing is known but the text */
    DP_GATHER_STATUS,           /* with a number */
    DP_GATHER_SIGNAL,           /* by a signal, its name */
    DP_GATHER_ERROR             /* an error code; the output is its message */
} DpGatherEnd;

/* One of the two outputs of a variant. */
typedef struct DpGatherText {
    const char *bytes;          /* what is kept; until the next change */
    uint32_t length;
    uint32_t head;              /* bytes before what was left out */
    uint64_t total;             /* bytes there were; = length: all is kept */
} DpGatherText;

typedef struct DpGatherGroup {
    uint32_t id;                /* stays the same */
    uint32_t numHosts;          /* 0: the hosts are in other groups now */
    uint32_t numVariants;
    uint32_t firstHost;         /* the number of the one that came first */
    uint32_t variant;           /* that host's */
    DpGatherEnd end;
    const char *status;         /* of statusLength; until the next change */
    uint32_t statusLength;
} DpGatherGroup;

typedef struct DpGatherSpec {
    bool mask;                  /* what varies does not count */
    size_t limit, total;        /* 0: those above */
} DpGatherSpec;

typedef struct DpGather DpGather;

MODULE_SCOPE DpGather *DpGatherNew(const DpGatherSpec *specPtr);
MODULE_SCOPE void DpGatherFree(DpGather *gatherPtr);

/* The number of a host, made if need be; hosts count from 0 as they come. */
MODULE_SCOPE uint32_t DpGatherHost(DpGather *gatherPtr, const char *slug,
	size_t length);
MODULE_SCOPE const char *DpGatherSlug(const DpGather *gatherPtr,
	uint32_t host, uint32_t *lengthPtr);

/*
 * What a host printed on stream 0 or 1 (standard error), and its end. False:
 * it has ended before, nothing changes.
 */
MODULE_SCOPE bool DpGatherAdd(DpGather *gatherPtr, uint32_t host, int stream,
	const char *bytes, size_t length);
MODULE_SCOPE bool DpGatherFinish(DpGather *gatherPtr, uint32_t host,
	DpGatherEnd end, const char *status, size_t length);

/* Numbers of hosts and groups, and the bytes that are kept. */
typedef struct DpGatherCounts {
    uint32_t hosts, running, groups, variants;
    size_t bytes;
} DpGatherCounts;
MODULE_SCOPE void DpGatherCount(const DpGather *gatherPtr,
	DpGatherCounts *countsPtr);

/*
 * Ids of the groups that have hosts, those with the fewest first; or of those
 * that changed since this was asked last, also without hosts, in the order of
 * their ids. How many; the caller frees the array.
 */
MODULE_SCOPE uint32_t DpGatherGroups(const DpGather *gatherPtr,
	uint32_t **idsPtr);
MODULE_SCOPE uint32_t DpGatherChanged(DpGather *gatherPtr,
	uint32_t **idsPtr);
MODULE_SCOPE void DpGatherGet(const DpGather *gatherPtr, uint32_t id,
	DpGatherGroup *groupPtr);

/* The hosts of a group as they came; the caller frees the array. */
MODULE_SCOPE uint32_t *DpGatherHosts(const DpGather *gatherPtr, uint32_t id);

/*
 * Appends the folded names of hosts, which are sorted. Names that no node set
 * can hold stand behind the others.
 */
MODULE_SCOPE void DpGatherFold(const DpGather *gatherPtr, uint32_t *hosts,
	uint32_t count, DpBuf *bufPtr);

/*
 * The variants of a group one after the other, cursor from 0 on; false at the
 * end. *hostPtr is the host whose name does not count in it, or
 * DP_INTERN_NONE.
 */
MODULE_SCOPE bool DpGatherNextVariant(const DpGather *gatherPtr, uint32_t id,
	uint32_t *cursorPtr, uint32_t *variantPtr, uint32_t *hostPtr);

/* The same of the hosts of a variant. */
MODULE_SCOPE bool DpGatherNextHost(const DpGather *gatherPtr,
	uint32_t variant, uint32_t *cursorPtr, uint32_t *hostPtr);

MODULE_SCOPE void DpGatherRead(const DpGather *gatherPtr, uint32_t variant,
	int stream, DpGatherText *textPtr);

/* Whether what varies counts in this group; names may vary all the same. */
MODULE_SCOPE bool DpGatherIsMasked(const DpGather *gatherPtr);

/*
 * A host that runs, from *cursorPtr (0 at first) on; its output as far as it is
 * kept, which holds until the next change. False: no more.
 */
MODULE_SCOPE bool DpGatherNextRunning(const DpGather *gatherPtr,
	uint32_t *cursorPtr, uint32_t *hostPtr, DpGatherText textPtrs[2]);

#endif

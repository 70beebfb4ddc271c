/*
 * dpGatherAsk.c -- the groups of a gather, their hosts and texts.
 *
 * Layer L4.
 */

#include "dpGatherInt.h"

#include "dpNodeset.h"

#include <stdlib.h>

void
DpGatherCount(const DpGather *gatherPtr, DpGatherCounts *countsPtr)
{
    countsPtr->hosts = gatherPtr->slugs.count;
    countsPtr->running = gatherPtr->numRunning;
    countsPtr->groups = gatherPtr->numGroups;
    countsPtr->variants = gatherPtr->texts.count;
    countsPtr->bytes = gatherPtr->texts.used + gatherPtr->templates.used
	    + gatherPtr->liveBytes;
}

/* What groups are ordered by. */
typedef struct Rank {
    uint32_t id, numHosts, firstHost;
    bool bad;
} Rank;

static bool
IsBad(const DpGatherGroup *groupPtr)
{
    return groupPtr->end >= DP_GATHER_SIGNAL
	    || (groupPtr->end == DP_GATHER_STATUS
	    && (groupPtr->statusLength != 1 || *groupPtr->status != '0'));
}

static int
CompareRanks(const void *left, const void *right)
{
    const Rank *a = left, *b = right;

    if (a->numHosts != b->numHosts) {
	return a->numHosts < b->numHosts ? -1 : 1;
    }
    if (a->bad != b->bad) {
	return a->bad ? -1 : 1;
    }
    return a->firstHost < b->firstHost ? -1 : a->firstHost > b->firstHost;
}

uint32_t
DpGatherGroups(const DpGather *gatherPtr, uint32_t **idsPtr)
{
    uint32_t count = 0;
    Rank *ranks = DpAlloc((gatherPtr->numGroups + 1) * sizeof(*ranks));

    for (uint32_t id = 0; id < gatherPtr->templates.count; id++) {
	if (gatherPtr->groups[id].numHosts > 0) {
	    DpGatherGroup group;

	    DpGatherGet(gatherPtr, id, &group);
	    ranks[count++] = (Rank) {
		id, group.numHosts, group.firstHost, IsBad(&group)
	    };
	}
    }
    qsort(ranks, count, sizeof(*ranks), CompareRanks);
    *idsPtr = DpAlloc((count + 1) * sizeof(**idsPtr));
    for (uint32_t i = 0; i < count; i++) {
	(*idsPtr)[i] = ranks[i].id;
    }
    DpFree(ranks);
    return count;
}

uint32_t
DpGatherChanged(DpGather *gatherPtr, uint32_t **idsPtr)
{
    uint32_t count = 0;

    *idsPtr = DpAlloc((gatherPtr->templates.count + 1) * sizeof(**idsPtr));
    for (uint32_t id = 0; id < gatherPtr->templates.count; id++) {
	if (gatherPtr->groups[id].changed > gatherPtr->asked) {
	    (*idsPtr)[count++] = id;
	}
    }
    gatherPtr->asked = gatherPtr->clock;
    return count;
}

/* The variant of the host that came first is the one to show. */
void
DpGatherGet(const DpGather *gatherPtr, uint32_t id, DpGatherGroup *groupPtr)
{
    const DpGatherSet *fromPtr = &gatherPtr->groups[id];
    DpGatherRecord record;

    memset(groupPtr, 0, sizeof(*groupPtr));
    groupPtr->id = id;
    groupPtr->firstHost = NONE;
    groupPtr->status = "";
    groupPtr->numHosts = fromPtr->numHosts;
    groupPtr->numVariants = fromPtr->numVariants;
    if (fromPtr->numVariants == 0) {
	return;
    }
    for (uint32_t i = fromPtr->firstVariant; i != NONE;
	    i = gatherPtr->variants[i].next) {
	uint32_t host = gatherPtr->variants[i].firstHost;

	for (; host != NONE; host = gatherPtr->hosts[host].next) {
	    if (host < groupPtr->firstHost) {
		groupPtr->firstHost = host;
		groupPtr->variant = i;
	    }
	}
    }
    DpGatherReadRecord(gatherPtr, groupPtr->variant, &record);
    groupPtr->end = DpGatherEndOf(gatherPtr, record.status);
    groupPtr->status = (const char *) DpInternBytes(&gatherPtr->statuses,
	    record.status, &groupPtr->statusLength) + 1;
    groupPtr->statusLength--;
}

static int
CompareNumbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *) left, b = *(const uint32_t *) right;

    return a < b ? -1 : a > b;
}

uint32_t *
DpGatherHosts(const DpGather *gatherPtr, uint32_t id)
{
    const DpGatherSet *groupPtr = &gatherPtr->groups[id];
    uint32_t *hosts = DpAlloc((groupPtr->numHosts + 1) * sizeof(*hosts));
    uint32_t count = 0, cursor = 0, variant, host;

    while (DpGatherNextVariant(gatherPtr, id, &cursor, &variant, &host)) {
	host = gatherPtr->variants[variant].firstHost;
	for (; host != NONE; host = gatherPtr->hosts[host].next) {
	    hosts[count++] = host;
	}
    }
    qsort(hosts, count, sizeof(*hosts), CompareNumbers);
    return hosts;
}

/* Whether a text of node sets can hold this name. */
static bool
IsFoldable(const char *slug, uint32_t length)
{
    if (length == 0 || *slug == '@') {
	return false;
    }
    for (uint32_t i = 0; i < length; i++) {
	unsigned char byte = (unsigned char) slug[i];

	if (byte <= ' ' || byte == 0x7F
		|| strchr("[],!&^{}\"\\*?", byte) != NULL) {
	    return false;
	}
    }
    return true;
}

void
DpGatherFold(const DpGather *gatherPtr, uint32_t *hosts, uint32_t count,
	DpBuf *bufPtr)
{
    DpNodeset set = {0};
    DpBuf others = {0};

    memcpy(set.names.key, gatherPtr->slugs.key, sizeof(set.names.key));
    qsort(hosts, count, sizeof(*hosts), CompareNumbers);
    DpNodesetBegin(&set);
    for (uint32_t i = 0; i < count; i++) {
	uint32_t length;
	const char *slug = DpGatherSlug(gatherPtr, hosts[i], &length);

	if (IsFoldable(slug, length)) {
	    DpNodesetApply(&set, DP_NODESET_UNION, slug, length);
	} else {
	    DpBufAppend(&others, ",", 1);
	    DpBufAppend(&others, slug, length);
	}
    }
    DpNodesetEnd(&set, DP_NODESET_UNION);
    DpNodesetFold(&set, bufPtr);
    if (DpBufLength(&others) > 0) {
	size_t skip = set.count == 0;

	DpBufAppend(bufPtr, DpBufData(&others) + skip,
		DpBufLength(&others) - skip);
    }
    DpBufFree(&others);
    DpNodesetFree(&set);
}

/* A cursor is 0, then the number of the variant behind + 1, NONE at the end. */
bool
DpGatherNextVariant(const DpGather *gatherPtr, uint32_t id,
	uint32_t *cursorPtr, uint32_t *variantPtr, uint32_t *hostPtr)
{
    const DpGatherSet *groupPtr = &gatherPtr->groups[id];
    const DpGatherVariant *thisPtr;

    if (*cursorPtr == NONE || groupPtr->numVariants == 0) {
	return false;
    }
    *variantPtr = *cursorPtr == 0 ? groupPtr->firstVariant : *cursorPtr - 1;
    thisPtr = &gatherPtr->variants[*variantPtr];
    *cursorPtr = thisPtr->next == NONE ? NONE : thisPtr->next + 1;
    *hostPtr = thisPtr->named ? thisPtr->firstHost : NONE;
    return true;
}

bool
DpGatherNextHost(const DpGather *gatherPtr, uint32_t variant,
	uint32_t *cursorPtr, uint32_t *hostPtr)
{
    uint32_t next;

    if (*cursorPtr == NONE) {
	return false;
    }
    *hostPtr = *cursorPtr == 0 ? gatherPtr->variants[variant].firstHost
	    : *cursorPtr - 1;
    next = gatherPtr->hosts[*hostPtr].next;
    *cursorPtr = next == NONE ? NONE : next + 1;
    return true;
}

void
DpGatherRead(const DpGather *gatherPtr, uint32_t variant, int stream,
	DpGatherText *textPtr)
{
    uint32_t length;
    const char *bytes = (const char *) DpInternBytes(&gatherPtr->texts,
	    variant, &length) + sizeof(DpGatherRecord);
    DpGatherRecord record;

    DpGatherReadRecord(gatherPtr, variant, &record);
    textPtr->bytes = stream == 0 ? bytes : bytes + record.lengths[0];
    textPtr->length = record.lengths[stream];
    textPtr->head = record.heads[stream];
    textPtr->total = record.totals[stream];
}

bool
DpGatherIsMasked(const DpGather *gatherPtr)
{
    return gatherPtr->spec.mask;
}

bool
DpGatherNextRunning(const DpGather *gatherPtr, uint32_t *cursorPtr,
	uint32_t *hostPtr, DpGatherText textPtrs[2])
{
    uint32_t host = *cursorPtr;

    while (host < gatherPtr->slugs.count
	    && gatherPtr->hosts[host].variant != NONE) {
	host++;
    }
    *cursorPtr = host + 1;
    *hostPtr = host;
    if (host >= gatherPtr->slugs.count) {
	return false;
    }
    memset(textPtrs, 0, 2 * sizeof(*textPtrs));
    for (int i = 0; i < 2 && gatherPtr->hosts[host].streams != NULL; i++) {
	const DpGatherStream *streamPtr = &gatherPtr->hosts[host].streams[i];
	const DpBuf *bufPtr = DpBufLength(&streamPtr->tail) > 0
		? &streamPtr->tail : &streamPtr->head;
	size_t skip = bufPtr == &streamPtr->tail
		? DpGatherTailStart(streamPtr) : 0;

	if (DpBufLength(bufPtr) > 0) {
	    textPtrs[i].bytes = (const char *) DpBufData(bufPtr) + skip;
	    textPtrs[i].length = (uint32_t) (DpBufLength(bufPtr) - skip);
	}
	textPtrs[i].total = streamPtr->total;
    }
    return true;
}

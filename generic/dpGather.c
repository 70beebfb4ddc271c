/*
 * dpGather.c -- the outputs of many hosts, equal ones together.
 *
 * Layer L4. Variants are byte strings of one table: a record of their lengths
 * and both texts. Groups are those of another: what is left of a variant
 * without what varies. A variant that several hosts gave names none of them as
 * its own, so it may move to another group when its second host comes; so the
 * groups are the same in whatever order the hosts end.
 */

#include "dpGatherInt.h"

#include "dpVary.h"

#include <openssl/rand.h>

/* Part: streams. */

static size_t
LimitOf(const DpGather *gatherPtr)
{
    return gatherPtr->texts.used + gatherPtr->templates.used
	    + gatherPtr->liveBytes < gatherPtr->spec.total
	    || gatherPtr->spec.limit < DP_GATHER_SCARCE
	    ? gatherPtr->spec.limit : DP_GATHER_SCARCE;
}

/* How many of the bytes are whole characters. */
static size_t
WholeBefore(const unsigned char *bytes, size_t length)
{
    for (size_t i = 1; i <= 3 && i <= length; i++) {
	unsigned char byte = bytes[length - i];

	if (byte >= 0xC0) {
	    return i == (byte < 0xE0 ? 2u : byte < 0xF0 ? 3u : 4u)
		    ? length : length - i;
	}
	if (byte < 0x80) {
	    break;
	}
    }
    return length;
}

/* How many bytes there are before the first whole character. */
static size_t
PartBefore(const unsigned char *bytes, size_t length)
{
    size_t i = 0;

    while (i < 3 && i < length && (bytes[i] & 0xC0) == 0x80) {
	i++;
    }
    return i;
}

/* Without OpenSSL's sum a stream is told by beginning, end and length alone. */
static void
SumMore(DpGatherStream *streamPtr, const void *bytes, size_t length)
{
    if (streamPtr->sumPtr != NULL
	    && EVP_DigestUpdate(streamPtr->sumPtr, bytes, length) != 1) {
	EVP_MD_CTX_free(streamPtr->sumPtr);
	streamPtr->sumPtr = NULL;
    }
}

/* From here on only beginning and end are kept. */
static void
Cut(DpGatherStream *streamPtr, size_t limit)
{
    size_t length = DpBufLength(&streamPtr->head), keep;

    streamPtr->half = limit / 2 > 0 ? limit / 2 : 1;
    streamPtr->sumPtr = EVP_MD_CTX_new();
    if (streamPtr->sumPtr != NULL && EVP_DigestInit_ex(streamPtr->sumPtr,
	    EVP_sha256(), NULL) != 1) {
	EVP_MD_CTX_free(streamPtr->sumPtr);
	streamPtr->sumPtr = NULL;
    }
    if (length == 0) {
	return;
    }
    SumMore(streamPtr, DpBufData(&streamPtr->head), length);
    keep = length < streamPtr->half ? length : WholeBefore(
	    DpBufData(&streamPtr->head), streamPtr->half);
    DpBufAppend(&streamPtr->tail, DpBufData(&streamPtr->head) + keep,
	    length - keep);
    DpBufCut(&streamPtr->head, keep, length - keep);
}

static void
AppendTail(DpGatherStream *streamPtr, const char *bytes, size_t length)
{
    SumMore(streamPtr, bytes, length);
    if (length > streamPtr->half) {
	bytes += length - streamPtr->half;
	length = streamPtr->half;
    }
    DpBufAppend(&streamPtr->tail, bytes, length);
    length = DpBufLength(&streamPtr->tail);
    if (length > 2 * streamPtr->half) {
	DpBufConsume(&streamPtr->tail, length - streamPtr->half);
    }
}

static size_t
Held(const DpGatherStream *streamPtr)
{
    return DpBufLength(&streamPtr->head) + DpBufLength(&streamPtr->tail);
}

static void
StreamAdd(DpGather *gatherPtr, DpGatherStream *streamPtr, const char *bytes,
	size_t length)
{
    size_t limit = LimitOf(gatherPtr), before = Held(streamPtr);
    size_t length0 = DpBufLength(&streamPtr->head);

    streamPtr->total += length;
    if (streamPtr->half == 0
	    && (length0 > limit || length > limit - length0)) {
	/* Of what is new the head may take a part. */
	size_t half = limit / 2 > 0 ? limit / 2 : 1;
	size_t more = length0 < half ? WholeBefore(
		(const unsigned char *) bytes, half - length0) : 0;

	DpBufAppend(&streamPtr->head, bytes, more);
	Cut(streamPtr, limit);
	bytes += more;
	length -= more;
    }
    if (streamPtr->half == 0) {
	DpBufAppend(&streamPtr->head, bytes, length);
    } else {
	AppendTail(streamPtr, bytes, length);
    }
    gatherPtr->liveBytes = gatherPtr->liveBytes + Held(streamPtr) - before;
}

size_t
DpGatherTailStart(const DpGatherStream *streamPtr)
{
    size_t length = DpBufLength(&streamPtr->tail);
    size_t start = length > streamPtr->half ? length - streamPtr->half : 0;

    if (length > 0 && streamPtr->total > Held(streamPtr) - start) {
	start += PartBefore(DpBufData(&streamPtr->tail) + start,
		length - start);
    }
    return start;
}

static void
FreeStreams(DpGather *gatherPtr, DpGatherSource *hostPtr)
{
    if (hostPtr->streams == NULL) {
	return;
    }
    for (int i = 0; i < 2; i++) {
	DpGatherStream *streamPtr = &hostPtr->streams[i];

	gatherPtr->liveBytes -= Held(streamPtr);
	DpBufFree(&streamPtr->head);
	DpBufFree(&streamPtr->tail);
	EVP_MD_CTX_free(streamPtr->sumPtr);
    }
    DpFree(hostPtr->streams);
    hostPtr->streams = NULL;
}

/* Part: variants and groups. */

void
DpGatherReadRecord(const DpGather *gatherPtr, uint32_t variant,
	DpGatherRecord *recordPtr)
{
    uint32_t length;

    memcpy(recordPtr, DpInternBytes(&gatherPtr->texts, variant, &length),
	    sizeof(*recordPtr));
}

DpGatherEnd
DpGatherEndOf(const DpGather *gatherPtr, uint32_t status)
{
    uint32_t length;

    return (DpGatherEnd) *DpInternBytes(&gatherPtr->statuses, status,
	    &length);
}

/* What the variant without what varies says goes into gatherPtr->template. */
static bool
MakeTemplate(DpGather *gatherPtr, uint32_t variant, const char *slug,
	size_t slugLength)
{
    DpBuf *bufPtr = &gatherPtr->template;
    bool named = false;
    DpGatherRecord record;

    DpBufConsume(bufPtr, DpBufLength(bufPtr));
    DpGatherReadRecord(gatherPtr, variant, &record);
    DpBufAppend(bufPtr, &record.status, sizeof(record.status));
    for (int i = 0; i < 2; i++) {
	DpGatherText text;
	DpVary vary;

	DpGatherRead(gatherPtr, variant, i, &text);
	DpVaryBegin(&vary, text.bytes, text.length, slug, slugLength);
	vary.onlyHost = !gatherPtr->spec.mask;
	named = DpVaryTemplate(bufPtr, &vary) || named;
	if (i == 0) {
	    /* No template has it. */
	    DpBufAppend(bufPtr, "\xff", 2);
	}
    }
    return named;
}

/* The group where the variant belongs; a host's name counts if slug is NULL. */
static uint32_t
GroupOf(DpGather *gatherPtr, uint32_t variant, const char *slug,
	size_t slugLength, bool *namedPtr)
{
    DpBuf *bufPtr = &gatherPtr->template;
    DpGatherRecord record;

    *namedPtr = false;
    DpGatherReadRecord(gatherPtr, variant, &record);
    if (record.totals[0] == record.lengths[0]
	    && record.totals[1] == record.lengths[1]
	    && (gatherPtr->spec.mask || (slug != NULL
	    && DpGatherEndOf(gatherPtr, record.status) == DP_GATHER_ERROR))) {
	*namedPtr = MakeTemplate(gatherPtr, variant, slug, slugLength);
	if (gatherPtr->spec.mask || *namedPtr) {
	    return DpInternAdd(&gatherPtr->templates, DpBufData(bufPtr),
		    (uint32_t) DpBufLength(bufPtr));
	}
    }

    /* Shorter than any template. */
    DpBufConsume(bufPtr, DpBufLength(bufPtr));
    DpBufAppend(bufPtr, &variant, sizeof(variant));
    return DpInternAdd(&gatherPtr->templates, DpBufData(bufPtr),
	    (uint32_t) DpBufLength(bufPtr));
}

static void
Touch(DpGather *gatherPtr, DpGatherSet *groupPtr)
{
    groupPtr->changed = ++gatherPtr->clock;
}

static void
JoinGroup(DpGather *gatherPtr, uint32_t variant, uint32_t group)
{
    DpGatherVariant *variantPtr = &gatherPtr->variants[variant];
    DpGatherSet *groupPtr;

    if (group >= gatherPtr->roomGroups) {
	uint32_t room = gatherPtr->roomGroups;

	gatherPtr->roomGroups = room != 0 ? 2 * room : 8;
	gatherPtr->groups = DpRealloc(gatherPtr->groups,
		gatherPtr->roomGroups * sizeof(DpGatherSet));
	memset(gatherPtr->groups + room, 0,
		(gatherPtr->roomGroups - room) * sizeof(DpGatherSet));
    }
    groupPtr = &gatherPtr->groups[group];
    if (groupPtr->numVariants == 0) {
	groupPtr->firstVariant = groupPtr->lastVariant = NONE;
	gatherPtr->numGroups++;
    }
    variantPtr->group = group;
    variantPtr->before = groupPtr->lastVariant;
    variantPtr->next = NONE;
    if (groupPtr->lastVariant == NONE) {
	groupPtr->firstVariant = variant;
    } else {
	gatherPtr->variants[groupPtr->lastVariant].next = variant;
    }
    groupPtr->lastVariant = variant;
    groupPtr->numVariants++;
    groupPtr->numHosts += variantPtr->numHosts;
    Touch(gatherPtr, groupPtr);
}

static void
LeaveGroup(DpGather *gatherPtr, uint32_t variant)
{
    DpGatherVariant *variantPtr = &gatherPtr->variants[variant];
    DpGatherSet *groupPtr = &gatherPtr->groups[variantPtr->group];

    if (variantPtr->before == NONE) {
	groupPtr->firstVariant = variantPtr->next;
    } else {
	gatherPtr->variants[variantPtr->before].next = variantPtr->next;
    }
    if (variantPtr->next == NONE) {
	groupPtr->lastVariant = variantPtr->before;
    } else {
	gatherPtr->variants[variantPtr->next].before = variantPtr->before;
    }
    groupPtr->numVariants--;
    groupPtr->numHosts -= variantPtr->numHosts;
    gatherPtr->numGroups -= groupPtr->numVariants == 0;
    Touch(gatherPtr, groupPtr);
}

/* A variant that is new has its first host. */
static void
FirstHost(DpGather *gatherPtr, uint32_t variant, uint32_t host)
{
    DpGatherVariant *variantPtr;
    uint32_t length, group;
    const char *slug = DpGatherSlug(gatherPtr, host, &length);

    if (variant >= gatherPtr->roomVariants) {
	gatherPtr->roomVariants = gatherPtr->roomVariants != 0
		? 2 * gatherPtr->roomVariants : 8;
	gatherPtr->variants = DpRealloc(gatherPtr->variants,
		gatherPtr->roomVariants * sizeof(DpGatherVariant));
    }
    variantPtr = &gatherPtr->variants[variant];
    memset(variantPtr, 0, sizeof(*variantPtr));
    variantPtr->firstHost = variantPtr->lastHost = host;
    variantPtr->numHosts = 1;
    group = GroupOf(gatherPtr, variant, slug, length, &variantPtr->named);
    JoinGroup(gatherPtr, variant, group);
}

static void
MoreHosts(DpGather *gatherPtr, uint32_t variant, uint32_t host)
{
    DpGatherVariant *variantPtr = &gatherPtr->variants[variant];

    if (variantPtr->named) {
	uint32_t group = GroupOf(gatherPtr, variant, NULL, 0,
		&variantPtr->named);

	variantPtr->named = false;
	if (group != variantPtr->group) {
	    LeaveGroup(gatherPtr, variant);
	    JoinGroup(gatherPtr, variant, group);
	}
    }
    gatherPtr->hosts[variantPtr->lastHost].next = host;
    variantPtr->lastHost = host;
    variantPtr->numHosts++;
    gatherPtr->groups[variantPtr->group].numHosts++;
    Touch(gatherPtr, &gatherPtr->groups[variantPtr->group]);
}

/* Part: what comes in. */

DpGather *
DpGatherNew(const DpGatherSpec *specPtr)
{
    DpGather *gatherPtr = DpAlloc(sizeof(*gatherPtr));
    uint64_t key[2];

    gatherPtr->spec = *specPtr;
    if (gatherPtr->spec.limit == 0) {
	gatherPtr->spec.limit = DP_GATHER_LIMIT;
    }
    if (gatherPtr->spec.total == 0) {
	gatherPtr->spec.total = DP_GATHER_TOTAL;
    }

    /* Without random numbers only the protection from bad outputs is lost. */
    if (RAND_bytes((unsigned char *) key, sizeof(key)) == 1) {
	memcpy(gatherPtr->slugs.key, key, sizeof(key));
	memcpy(gatherPtr->statuses.key, key, sizeof(key));
	memcpy(gatherPtr->texts.key, key, sizeof(key));
	memcpy(gatherPtr->templates.key, key, sizeof(key));
    }
    return gatherPtr;
}

void
DpGatherFree(DpGather *gatherPtr)
{
    for (uint32_t i = 0; i < gatherPtr->slugs.count; i++) {
	FreeStreams(gatherPtr, &gatherPtr->hosts[i]);
    }
    DpInternFree(&gatherPtr->slugs);
    DpInternFree(&gatherPtr->statuses);
    DpInternFree(&gatherPtr->texts);
    DpInternFree(&gatherPtr->templates);
    DpFree(gatherPtr->hosts);
    DpFree(gatherPtr->variants);
    DpFree(gatherPtr->groups);
    DpBufFree(&gatherPtr->record);
    DpBufFree(&gatherPtr->template);
    DpFree(gatherPtr);
}

uint32_t
DpGatherHost(DpGather *gatherPtr, const char *slug, size_t length)
{
    uint32_t count = gatherPtr->slugs.count;
    uint32_t host = DpInternAdd(&gatherPtr->slugs, slug, (uint32_t) length);

    if (host < count) {
	return host;
    }
    if (host >= gatherPtr->roomHosts) {
	gatherPtr->roomHosts = gatherPtr->roomHosts != 0
		? 2 * gatherPtr->roomHosts : 8;
	gatherPtr->hosts = DpRealloc(gatherPtr->hosts,
		gatherPtr->roomHosts * sizeof(DpGatherSource));
    }
    gatherPtr->hosts[host] = (DpGatherSource) {NULL, NONE, NONE};
    gatherPtr->numRunning++;
    return host;
}

const char *
DpGatherSlug(const DpGather *gatherPtr, uint32_t host, uint32_t *lengthPtr)
{
    return (const char *) DpInternBytes(&gatherPtr->slugs, host, lengthPtr);
}

bool
DpGatherAdd(DpGather *gatherPtr, uint32_t host, int stream,
	const char *bytes, size_t length)
{
    DpGatherSource *hostPtr = &gatherPtr->hosts[host];

    if (hostPtr->variant != NONE) {
	return false;
    }
    if (hostPtr->streams == NULL) {
	hostPtr->streams = DpAlloc(2 * sizeof(DpGatherStream));
    }
    if (length > 0) {
	StreamAdd(gatherPtr, &hostPtr->streams[stream], bytes, length);
    }
    return true;
}

/* Appends what is kept of a stream, and puts its lengths into the record. */
static void
AddStream(DpGather *gatherPtr, DpGatherStream *streamPtr,
	DpGatherRecord *recordPtr, int i)
{
    DpBuf *bufPtr = &gatherPtr->record;
    size_t head = DpBufLength(&streamPtr->head);
    size_t start = DpGatherTailStart(streamPtr);
    size_t tail = DpBufLength(&streamPtr->tail) - start;

    if (head > 0) {
	DpBufAppend(bufPtr, DpBufData(&streamPtr->head), head);
    }
    if (tail > 0) {
	DpBufAppend(bufPtr, DpBufData(&streamPtr->tail) + start, tail);
    }
    recordPtr->heads[i] = (uint32_t) head;
    recordPtr->lengths[i] = (uint32_t) (head + tail);
    recordPtr->totals[i] = streamPtr->total;
    if (head + tail == streamPtr->total) {
	/* Whether it was cut for a while makes no difference. */
	recordPtr->heads[i] = recordPtr->lengths[i];
    } else if (streamPtr->sumPtr != NULL) {
	EVP_DigestFinal_ex(streamPtr->sumPtr, recordPtr->sums[i], NULL);
    }
}

bool
DpGatherFinish(DpGather *gatherPtr, uint32_t host, DpGatherEnd end,
	const char *status, size_t length)
{
    DpBuf *bufPtr = &gatherPtr->record;
    uint32_t count = gatherPtr->texts.count, variant;
    unsigned char kind = (unsigned char) end;
    DpGatherRecord record;

    if (gatherPtr->hosts[host].variant != NONE) {
	return false;
    }
    DpBufConsume(bufPtr, DpBufLength(bufPtr));
    DpBufAppend(bufPtr, &kind, 1);
    DpBufAppend(bufPtr, status, length);
    memset(&record, 0, sizeof(record));
    record.status = DpInternAdd(&gatherPtr->statuses, DpBufData(bufPtr),
	    (uint32_t) length + 1);
    DpBufConsume(bufPtr, DpBufLength(bufPtr));
    DpBufAppend(bufPtr, &record, sizeof(record));
    if (gatherPtr->hosts[host].streams != NULL) {
	for (int i = 0; i < 2; i++) {
	    AddStream(gatherPtr, &gatherPtr->hosts[host].streams[i],
		    &record, i);
	}
	FreeStreams(gatherPtr, &gatherPtr->hosts[host]);
    }
    memcpy(DpBufData(bufPtr), &record, sizeof(record));
    variant = DpInternAdd(&gatherPtr->texts, DpBufData(bufPtr),
	    (uint32_t) DpBufLength(bufPtr));
    gatherPtr->hosts[host].variant = variant;
    gatherPtr->numRunning--;
    if (variant < count) {
	MoreHosts(gatherPtr, variant, host);
    } else {
	FirstHost(gatherPtr, variant, host);
    }
    return true;
}

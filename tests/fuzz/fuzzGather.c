/*
 * fuzzGather.c -- outputs of a few hosts, in any pieces and any order.
 *
 * The first byte of the input chooses limits, masks and style. The rest are
 * operations: a byte for the host and what it does, a byte for the length, and
 * so many bytes of output.
 */

#include "dpGatherText.h"
#include "dpVary.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOSTS 8

static const char *const slugs[HOSTS] = {
    "web1", "web2", "web13", "db.example.com", "10.0.0.1", "a", "x y", "[b]"
};

/* What the hosts printed, to be put in once more the other way round. */
static DpBuf outputs[HOSTS][2];
static DpGatherEnd ends[HOSTS];

static void
Require(bool condition)
{
    if (!condition) {
	abort();
    }
}

/* Pieces come in order, one behind the other, and none is empty. */
static void
CheckVary(const uint8_t *data, size_t size)
{
    char *text = DpAlloc(size);         /* exact: no byte behind it is read */
    DpBuf template = {0};
    size_t at = 0;
    DpVarySpan span;
    DpVary vary;

    if (size > 0) {
	memcpy(text, data, size);
    }
    DpVaryBegin(&vary, text, size, slugs[3], strlen(slugs[3]));
    DpVaryTemplate(&template, &vary);
    while (DpVaryNext(&vary, &span)) {
	Require(span.offset >= at && span.length > 0
		&& span.offset + span.length <= size
		&& span.kind < DP_VARY_NUM_KINDS);
	Require(memchr(text + span.offset, '\n', span.length) == NULL);
	at = span.offset + span.length;
    }
    DpBufFree(&template);
    DpFree(text);
}

static DpGather *
New(uint8_t choice)
{
    DpGatherSpec spec = {
	.mask = (choice & 1) != 0,
	.limit = (choice & 2) ? 7 : 0,
	.total = (choice & 4) ? 64 : 0
    };

    return DpGatherNew(&spec);
}

/* Each host is in one group; all that is shown is printable. */
static void
CheckGroups(DpGather *gatherPtr, uint8_t choice)
{
    DpGatherStyle style = {
	.width = choice, .color = (choice & 8) != 0,
	.diff = (choice & 16) != 0
    };
    bool seen[HOSTS] = {false};
    DpBuf text = {0};
    uint32_t *ids, count, before = 0;
    DpGatherCounts counts;
    size_t length;

    DpGatherCount(gatherPtr, &counts);
    count = DpGatherGroups(gatherPtr, &ids);
    Require(count == counts.groups);
    for (uint32_t i = 0; i < count; i++) {
	DpGatherGroup group;
	uint32_t *hosts;

	DpGatherGet(gatherPtr, ids[i], &group);
	Require(group.numHosts >= before && group.numVariants > 0);
	before = group.numHosts;
	hosts = DpGatherHosts(gatherPtr, ids[i]);
	Require(hosts[0] == group.firstHost);
	for (uint32_t j = 0; j < group.numHosts; j++) {
	    Require(hosts[j] < HOSTS && !seen[hosts[j]]);
	    seen[hosts[j]] = true;
	}
	DpFree(hosts);
    }
    DpFree(ids);
    DpGatherShow(gatherPtr, &style, &text);
    length = DpBufLength(&text);
    for (size_t i = 0; i < length; i++) {
	unsigned char byte = DpBufData(&text)[i];

	Require(byte >= ' ' || byte == '\n' || (byte == '\033'
		&& style.color));
    }
    DpBufFree(&text);
    DpFree((DpGatherChanged(gatherPtr, &ids), ids));
}

/* The groups do not depend on the order of the hosts, if nothing is cut. */
static void
CheckOrder(const DpGather *gatherPtr, uint8_t choice)
{
    DpGather *otherPtr = New(choice);
    DpGatherCounts counts, others;

    for (int i = HOSTS - 1; i >= 0; i--) {
	uint32_t host = DpGatherHost(otherPtr, slugs[i], strlen(slugs[i]));

	for (int j = 0; j < 2; j++) {
	    size_t length = DpBufLength(&outputs[i][j]);

	    Require(length == 0 || DpGatherAdd(otherPtr, host, j,
		    (const char *) DpBufData(&outputs[i][j]), length));
	}
	Require(DpGatherFinish(otherPtr, host, ends[i], "3", 1));
    }
    DpGatherCount(gatherPtr, &counts);
    DpGatherCount(otherPtr, &others);
    Require(others.running == 0 && counts.running == 0);
    Require((choice & 6) || (counts.groups == others.groups
	    && counts.variants == others.variants));
    DpGatherFree(otherPtr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t choice = size > 0 ? data[0] : 0;
    bool ended[HOSTS] = {false};
    DpGather *gatherPtr = New(choice);
    size_t at = 1;

    CheckVary(data, size);
    for (uint32_t i = 0; i < HOSTS; i++) {
	Require(DpGatherHost(gatherPtr, slugs[i], strlen(slugs[i])) == i);
	ends[i] = DP_GATHER_TEXT;
    }
    while (at + 2 <= size) {
	uint32_t host = data[at] % HOSTS;
	int stream = data[at] >> 3 & 1;
	size_t length = data[at + 1];
	bool good;

	if (data[at] >= 0xf0) {
	    ends[host] = ended[host] ? ends[host]
		    : (DpGatherEnd) (data[at + 1] % 4);
	    good = DpGatherFinish(gatherPtr, host, ends[host], "3", 1);
	    Require(good == !ended[host]);
	    ended[host] = true;
	    at += 2;
	    continue;
	}
	at += 2;
	length = length < size - at ? length : size - at;
	good = DpGatherAdd(gatherPtr, host, stream,
		(const char *) data + at, length);
	Require(good == !ended[host]);
	if (good && length > 0) {
	    DpBufAppend(&outputs[host][stream], data + at, length);
	}
	at += length;
	if (data[at - length - 2] >= 0xe8) {
	    CheckGroups(gatherPtr, choice);
	}
    }
    for (uint32_t i = 0; i < HOSTS; i++) {
	if (!ended[i]) {
	    DpGatherFinish(gatherPtr, i, ends[i], "3", 1);
	}
    }
    CheckGroups(gatherPtr, choice);
    CheckOrder(gatherPtr, choice);
    for (int i = 0; i < HOSTS; i++) {
	DpBufFree(&outputs[i][0]);
	DpBufFree(&outputs[i][1]);
    }
    DpGatherFree(gatherPtr);
    return 0;
}

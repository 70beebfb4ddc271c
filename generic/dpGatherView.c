/*
 * dpGatherView.c -- what differs among the hosts of a group, and how.
 *
 * Layer L4. The variants of a group have the same pieces in the same order, so
 * they are gone through side by side with the one that is shown.
 */

#include "dpGatherView.h"

#include <stdlib.h>

/* The pieces of a text of a variant; host: whose name does not count. */
static void
Begin(const DpGather *gatherPtr, DpVary *varyPtr, const DpGatherText *textPtr,
	uint32_t host)
{
    const char *slug = NULL;
    uint32_t length = 0;

    if (host != DP_INTERN_NONE) {
	slug = DpGatherSlug(gatherPtr, host, &length);
    }
    DpVaryBegin(varyPtr, textPtr->bytes, textPtr->length, slug, length);
    varyPtr->onlyHost = !DpGatherIsMasked(gatherPtr);
}

/* What a unit makes of a number; those that compare have the same kind. */
static const struct {
    const char *name;
    char kind;                  /* t: seconds */
    double factor;
} units[] = {
    {"", 'b', 1}, {"B", 'b', 1},
    {"k", 'b', 1e3}, {"K", 'b', 1e3}, {"kB", 'b', 1e3}, {"KB", 'b', 1e3},
    {"M", 'b', 1e6}, {"MB", 'b', 1e6}, {"G", 'b', 1e9}, {"GB", 'b', 1e9},
    {"T", 'b', 1e12}, {"TB", 'b', 1e12},
    {"P", 'b', 1e15}, {"PB", 'b', 1e15},
    {"Ki", 'b', 1024.0}, {"KiB", 'b', 1024.0},
    {"Mi", 'b', 1048576.0}, {"MiB", 'b', 1048576.0},
    {"Gi", 'b', 1073741824.0}, {"GiB", 'b', 1073741824.0},
    {"Ti", 'b', 1099511627776.0}, {"TiB", 'b', 1099511627776.0},
    {"ns", 't', 1e-9}, {"us", 't', 1e-6}, {"ms", 't', 1e-3}, {"s", 't', 1},
};

/*
 * Whether a value is a number that can be compared with others of the same
 * *kindPtr: decimals and a unit, but no version and no thousands.
 */
static bool
IsNumeric(const DpVarySpan *spanPtr, const char *bytes, double *numberPtr,
	char *kindPtr)
{
    char copy[32], *endPtr;

    if (spanPtr->kind != DP_VARY_NUMBER || spanPtr->length >= sizeof(copy)) {
	return false;
    }
    memcpy(copy, bytes, spanPtr->length);
    copy[spanPtr->length] = '\0';
    *numberPtr = strtod(copy, &endPtr);
    for (size_t i = 0; i < DP_ARRAY_SIZE(units); i++) {
	if (strcmp(endPtr, units[i].name) == 0) {
	    *numberPtr *= units[i].factor;
	    *kindPtr = units[i].kind;
	    return true;
	}
    }
    return false;
}

static void
ForgetValues(DpGatherField *fieldPtr)
{
    for (int i = 0; i < DP_GATHER_VALUES; i++) {
	DpBufFree(&fieldPtr->values[i].variants);
    }
}

/* What a variant of so many hosts has in the place of a field. */
static void
Count(DpGatherField *fieldPtr, const char *bytes, const DpVarySpan *spanPtr,
	uint32_t numHosts, uint32_t variant)
{
    DpGatherValue *valuePtr = fieldPtr->values;
    double number;
    char kind;

    /* Most often it is as on the first host, or one too many. */
    for (uint32_t i = 0; i < fieldPtr->numValues && i < DP_GATHER_VALUES;
	    i++, valuePtr++) {
	if (valuePtr->length == spanPtr->length
		&& memcmp(valuePtr->bytes, bytes, spanPtr->length) == 0) {
	    valuePtr->numHosts += numHosts;
	    if (i > 0 && fieldPtr->numValues <= DP_GATHER_VALUES) {
		DpBufAppend(&valuePtr->variants, &variant, sizeof(variant));
	    }
	    return;
	}
    }
    fieldPtr->differs = fieldPtr->numValues > 0;
    if (fieldPtr->numValues < DP_GATHER_VALUES) {
	valuePtr->bytes = bytes;
	valuePtr->length = spanPtr->length;
	valuePtr->numHosts = numHosts;
	if (fieldPtr->numValues > 0) {
	    DpBufAppend(&valuePtr->variants, &variant, sizeof(variant));
	}
	fieldPtr->numValues++;
    } else if (fieldPtr->numValues == DP_GATHER_VALUES) {
	fieldPtr->numValues++;
	ForgetValues(fieldPtr);
    }
    if (!fieldPtr->numeric) {
	return;
    }
    if (!IsNumeric(spanPtr, bytes, &number, &kind)
	    || (fieldPtr->numValues > 1 && kind != fieldPtr->numberKind)) {
	fieldPtr->numeric = false;
	return;
    }
    fieldPtr->numberKind = kind;
    if (fieldPtr->numValues == 1 || number < fieldPtr->least) {
	fieldPtr->least = number;
	fieldPtr->leastVariant = variant;
    }
    if (fieldPtr->numValues == 1 || number > fieldPtr->most) {
	fieldPtr->most = number;
	fieldPtr->mostVariant = variant;
    }
}

static uint32_t
CountHosts(const DpGather *gatherPtr, uint32_t variant)
{
    uint32_t cursor = 0, count = 0, host;

    while (DpGatherNextHost(gatherPtr, variant, &cursor, &host)) {
	count++;
    }
    return count;
}

/* The pieces of the variant that is shown. */
static void
FirstFields(DpGatherView *viewPtr, int stream, uint32_t host)
{
    uint32_t room = 0, count = 0;
    DpGatherField *fields = NULL;
    DpVarySpan span;
    DpVary vary;

    Begin(viewPtr->gatherPtr, &vary, &viewPtr->texts[stream], host);
    while (DpVaryNext(&vary, &span)) {
	if (count == room) {
	    room = room == 0 ? 16 : 2 * room;
	    fields = DpRealloc(fields, room * sizeof(*fields));
	}
	memset(&fields[count], 0, sizeof(*fields));
	fields[count].span = span;
	fields[count].numeric = true;
	count++;
    }
    viewPtr->fields[stream] = fields;
    viewPtr->counts[stream] = count;
}

/* What one variant has in all places. */
static void
CountVariant(DpGatherView *viewPtr, uint32_t variant, uint32_t named)
{
    uint32_t numHosts = CountHosts(viewPtr->gatherPtr, variant);

    for (int i = 0; i < 2; i++) {
	const char *first = viewPtr->texts[i].bytes;
	DpGatherField *fieldPtr = viewPtr->fields[i];
	DpGatherText text;
	DpVarySpan span;
	DpVary vary;
	size_t at = 0;

	if (viewPtr->counts[i] == 0) {
	    continue;
	}
	DpGatherRead(viewPtr->gatherPtr, variant, i, &text);
	Begin(viewPtr->gatherPtr, &vary, &text, named);
	for (uint32_t j = 0; j < viewPtr->counts[i]; j++, fieldPtr++) {
	    DpVarySkip(&vary, first + at, fieldPtr->span.offset - at);
	    if (!DpVaryNext(&vary, &span)) {
		break;
	    }
	    Count(fieldPtr, text.bytes + span.offset, &span, numHosts,
		    variant);
	    at = fieldPtr->span.offset + fieldPtr->span.length;
	}
    }
}

/*
 * Which places are worth a line: those with few values, and numbers. That a
 * name, a time or an identifier differs from host to host is what they are for.
 */
static void
NumberLegend(DpGatherView *viewPtr)
{
    for (int i = 0; i < 2; i++) {
	for (uint32_t j = 0; j < viewPtr->counts[i]; j++) {
	    DpGatherField *fieldPtr = &viewPtr->fields[i][j];
	    uint32_t numValues = fieldPtr->numValues;

	    if (!fieldPtr->differs || fieldPtr->span.kind == DP_VARY_HOST
		    || fieldPtr->span.kind == DP_VARY_TIME
		    || ((numValues > DP_GATHER_VALUES
		    || numValues == viewPtr->group.numHosts)
		    && !fieldPtr->numeric)) {
		continue;
	    }
	    if (viewPtr->numLegend == DP_GATHER_LEGEND) {
		viewPtr->numMore++;
	    } else {
		fieldPtr->legend = ++viewPtr->numLegend;
	    }
	}
    }
}

void
DpGatherViewInit(DpGatherView *viewPtr, const DpGather *gatherPtr,
	uint32_t id)
{
    uint32_t cursor = 0, variant, named;

    memset(viewPtr, 0, sizeof(*viewPtr));
    viewPtr->gatherPtr = gatherPtr;
    DpGatherGet(gatherPtr, id, &viewPtr->group);
    for (int i = 0; i < 2; i++) {
	DpGatherRead(gatherPtr, viewPtr->group.variant, i,
		&viewPtr->texts[i]);
    }
    if (viewPtr->group.numVariants < 2) {
	return;
    }
    while (DpGatherNextVariant(gatherPtr, id, &cursor, &variant, &named)) {
	if (variant == viewPtr->group.variant) {
	    FirstFields(viewPtr, 0, named);
	    FirstFields(viewPtr, 1, named);
	    CountVariant(viewPtr, variant, named);
	}
    }
    cursor = 0;
    while (DpGatherNextVariant(gatherPtr, id, &cursor, &variant, &named)) {
	if (variant != viewPtr->group.variant) {
	    CountVariant(viewPtr, variant, named);
	}
    }
    NumberLegend(viewPtr);
}

void
DpGatherViewFree(DpGatherView *viewPtr)
{
    for (int i = 0; i < 2; i++) {
	for (uint32_t j = 0; j < viewPtr->counts[i]; j++) {
	    ForgetValues(&viewPtr->fields[i][j]);
	}
	DpFree(viewPtr->fields[i]);
    }
}

/* Puts the hosts of variants into the array; how many. */
static uint32_t
HostsOf(const DpGather *gatherPtr, const DpBuf *variantsPtr, uint32_t *hosts)
{
    size_t numVariants = DpBufLength(variantsPtr) / sizeof(uint32_t);
    uint32_t count = 0, host, variant;

    for (size_t i = 0; i < numVariants; i++) {
	uint32_t cursor = 0;

	memcpy(&variant, DpBufData(variantsPtr) + i * sizeof(variant),
		sizeof(variant));
	while (DpGatherNextHost(gatherPtr, variant, &cursor, &host)) {
	    hosts[count++] = host;
	}
    }
    return count;
}

/* Variants of the group that have the first value: all but those of others. */
static void
FirstVariants(const DpGatherView *viewPtr, const DpGatherField *fieldPtr,
	DpBuf *bufPtr)
{
    const DpGather *gatherPtr = viewPtr->gatherPtr;
    uint32_t cursor = 0, variant, named, other;
    DpGatherCounts counts;
    bool *others;

    DpGatherCount(gatherPtr, &counts);
    others = DpAlloc((counts.variants + 1) * sizeof(*others));
    for (uint32_t i = 1; i < fieldPtr->numValues; i++) {
	const DpBuf *listPtr = &fieldPtr->values[i].variants;

	for (size_t at = 0; at < DpBufLength(listPtr); at += sizeof(other)) {
	    memcpy(&other, DpBufData(listPtr) + at, sizeof(other));
	    others[other] = true;
	}
    }
    while (DpGatherNextVariant(gatherPtr, viewPtr->group.id, &cursor,
	    &variant, &named)) {
	if (!others[variant]) {
	    DpBufAppend(bufPtr, &variant, sizeof(variant));
	}
    }
    DpFree(others);
}

void
DpGatherViewHosts(const DpGatherView *viewPtr,
	const DpGatherField *fieldPtr, uint32_t value, DpBuf *bufPtr)
{
    uint32_t *hosts = DpAlloc((viewPtr->group.numHosts + 1)
	    * sizeof(*hosts));
    DpBuf first = {0};
    uint32_t count;

    if (value == 0) {
	FirstVariants(viewPtr, fieldPtr, &first);
    }
    count = HostsOf(viewPtr->gatherPtr, value == 0 ? &first
	    : &fieldPtr->values[value].variants, hosts);
    DpGatherFold(viewPtr->gatherPtr, hosts, count, bufPtr);
    DpBufFree(&first);
    DpFree(hosts);
}

bool
DpGatherViewValue(const DpGatherView *viewPtr, int stream, uint32_t field,
	uint32_t variant, DpGatherValue *valuePtr)
{
    uint32_t cursor = 0, other, named, i = 0;
    DpGatherText text;
    DpVarySpan span;
    DpVary vary;

    while (DpGatherNextVariant(viewPtr->gatherPtr, viewPtr->group.id,
	    &cursor, &other, &named) && other != variant) {
	/* Only its name is looked for. */
    }
    DpGatherRead(viewPtr->gatherPtr, variant, stream, &text);
    Begin(viewPtr->gatherPtr, &vary, &text, named);
    while (DpVaryNext(&vary, &span)) {
	if (i++ == field) {
	    memset(valuePtr, 0, sizeof(*valuePtr));
	    valuePtr->bytes = text.bytes + span.offset;
	    valuePtr->length = span.length;
	    return true;
	}
    }
    return false;
}

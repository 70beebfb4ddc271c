/*
 * dpGatherView.h -- what differs among the hosts of a group, and how.
 *
 * Layer L4.
 */

#ifndef DP_GATHER_VIEW_H
#define DP_GATHER_VIEW_H

#include "dpGather.h"
#include "dpVary.h"

/* So many different values of a place are told apart. */
#define DP_GATHER_VALUES 4

/* So many places of a group get a line of their own. */
#define DP_GATHER_LEGEND 8

typedef struct DpGatherValue {
    const char *bytes;          /* in the text of a variant */
    size_t length;
    uint32_t numHosts;
    DpBuf variants;             /* uint32_t each; not of a field's first value,
				 * which all others have */
} DpGatherValue;

/* A piece of the output that may vary. */
typedef struct DpGatherField {
    DpVarySpan span;            /* in the text of the group's variant */
    bool differs;
    uint32_t legend;            /* its number from 1 on, or 0 */
    uint32_t numValues;         /* above DP_GATHER_VALUES: too many */
    DpGatherValue values[DP_GATHER_VALUES];
    bool numeric;               /* all of them are numbers of one kind */
    char numberKind;
    double least, most;         /* in that unit without factor */
    uint32_t leastVariant, mostVariant; /* of the first host with it */
} DpGatherField;

/*
 * Both streams of a group. Holds until the gather changes.
 */
typedef struct DpGatherView {
    const DpGather *gatherPtr;
    DpGatherGroup group;
    DpGatherText texts[2];
    DpGatherField *fields[2];
    uint32_t counts[2];
    uint32_t numLegend;
    uint32_t numMore;           /* places that would have a line, too */
} DpGatherView;

MODULE_SCOPE void DpGatherViewInit(DpGatherView *viewPtr,
	const DpGather *gatherPtr, uint32_t id);
MODULE_SCOPE void DpGatherViewFree(DpGatherView *viewPtr);

/* Appends the names of the hosts that have one of the values, folded. */
MODULE_SCOPE void DpGatherViewHosts(const DpGatherView *viewPtr,
	const DpGatherField *fieldPtr, uint32_t value, DpBuf *bufPtr);

/* What a variant has in the place of a field; to show, once. */
MODULE_SCOPE bool DpGatherViewValue(const DpGatherView *viewPtr, int stream,
	uint32_t field, uint32_t variant, DpGatherValue *valuePtr);

#endif

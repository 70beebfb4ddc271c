/*
 * dpGatherText.h -- the groups of a gather as text for a terminal.
 *
 * Layer L4.
 */

#ifndef DP_GATHER_TEXT_H
#define DP_GATHER_TEXT_H

#include "dpGatherView.h"

typedef struct DpGatherStyle {
    size_t width;               /* columns of the lines over groups */
    bool color;
    bool diff;                  /* other groups as differences from the largest
				 * one */
} DpGatherStyle;

/* Appends all groups, those with the fewest hosts first. */
MODULE_SCOPE void DpGatherShow(const DpGather *gatherPtr,
	const DpGatherStyle *stylePtr, DpBuf *bufPtr);

/* Appends one group in the same way, without differences. */
MODULE_SCOPE void DpGatherShowGroup(const DpGather *gatherPtr, uint32_t id,
	const DpGatherStyle *stylePtr, DpBuf *bufPtr);

/*
 * Appends a stream of the group: as the first host printed it, or with <number>
 * and such where hosts differ. Nothing else is changed.
 */
MODULE_SCOPE void DpGatherPlain(const DpGatherView *viewPtr, int stream,
	bool mask, DpBuf *bufPtr);

#endif

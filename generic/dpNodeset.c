/*
 * dpNodeset.c -- sets of names: members, operators.
 *
 * Layer L4. A name keeps its number for good; leaving the set only empties
 * its place. So an operator costs as much as its right side has names, and
 * a chain of a hundred thousand of them is no more than linear.
 */

#include "dpNodeset.h"

#define NONE DP_INTERN_NONE

/* The number of a name, given one if it has none. */
static uint32_t
NameNumber(DpNodeset *setPtr, const char *bytes, size_t length)
{
    uint32_t name = DpInternAdd(&setPtr->names, bytes, (uint32_t) length);

    if (name >= setPtr->roomNames) {
	uint32_t room = setPtr->roomNames != 0 ? setPtr->roomNames * 2 : 8;

	setPtr->places = DpRealloc(setPtr->places,
		room * sizeof(*setPtr->places));
	setPtr->touched = DpRealloc(setPtr->touched,
		room * sizeof(*setPtr->touched));
	for (uint32_t i = setPtr->roomNames; i < room; i++) {
	    setPtr->places[i] = NONE;
	    setPtr->touched[i] = 0;
	}
	setPtr->roomNames = room;
    }
    return name;
}

static void
Insert(DpNodeset *setPtr, uint32_t name)
{
    if (setPtr->numOrder == setPtr->roomOrder) {
	setPtr->roomOrder = setPtr->roomOrder != 0 ? setPtr->roomOrder * 2
		: 8;
	setPtr->order = DpRealloc(setPtr->order,
		setPtr->roomOrder * sizeof(*setPtr->order));
    }
    setPtr->places[name] = setPtr->numOrder;
    setPtr->order[setPtr->numOrder++] = name;
    setPtr->count++;
}

static void
Remove(DpNodeset *setPtr, uint32_t name)
{
    setPtr->order[setPtr->places[name]] = NONE;
    setPtr->places[name] = NONE;
    setPtr->count--;
}

void
DpNodesetBegin(DpNodeset *setPtr)
{
    setPtr->operand++;
}

void
DpNodesetApply(DpNodeset *setPtr, DpNodesetOp op, const char *bytes,
	size_t length)
{
    uint32_t name;

    if (op == DP_NODESET_UNION || op == DP_NODESET_XOR) {
	name = NameNumber(setPtr, bytes, length);
    } else {
	name = DpInternFind(&setPtr->names, bytes, (uint32_t) length);
	if (name == NONE) {
	    return;
	}
    }
    switch (op) {
    case DP_NODESET_UNION:
	if (setPtr->places[name] == NONE) {
	    Insert(setPtr, name);
	}
	break;
    case DP_NODESET_DIFFERENCE:
	if (setPtr->places[name] != NONE) {
	    Remove(setPtr, name);
	}
	break;
    case DP_NODESET_INTERSECTION:
	setPtr->touched[name] = setPtr->operand;
	break;
    case DP_NODESET_XOR:
	if (setPtr->touched[name] == setPtr->operand) {
	    break;              /* twice in one operand */
	}
	setPtr->touched[name] = setPtr->operand;
	if (setPtr->places[name] == NONE) {
	    Insert(setPtr, name);
	} else {
	    Remove(setPtr, name);
	}
	break;
    }
}

/*
 * An intersection drops what its right side has not touched. What it goes
 * through came in since the last one, or was touched by that.
 */
void
DpNodesetEnd(DpNodeset *setPtr, DpNodesetOp op)
{
    uint32_t kept = 0;

    if (op != DP_NODESET_INTERSECTION) {
	return;
    }
    for (uint32_t i = 0; i < setPtr->numOrder; i++) {
	uint32_t name = setPtr->order[i];

	if (name == NONE) {
	    continue;
	}
	if (setPtr->touched[name] == setPtr->operand) {
	    setPtr->places[name] = kept;
	    setPtr->order[kept++] = name;
	} else {
	    setPtr->places[name] = NONE;
	}
    }
    setPtr->numOrder = setPtr->count = kept;
}

void
DpNodesetCombine(DpNodeset *setPtr, DpNodesetOp op,
	const DpNodeset *otherPtr)
{
    uint32_t cursor = 0;
    const char *bytes;
    size_t length;

    DpNodesetBegin(setPtr);
    while (DpNodesetNext(otherPtr, &cursor, &bytes, &length)) {
	DpNodesetApply(setPtr, op, bytes, length);
    }
    DpNodesetEnd(setPtr, op);
}

bool
DpNodesetHas(const DpNodeset *setPtr, const char *bytes, size_t length)
{
    uint32_t name = DpInternFind(&setPtr->names, bytes, (uint32_t) length);

    return name != NONE && setPtr->places[name] != NONE;
}

bool
DpNodesetNext(const DpNodeset *setPtr, uint32_t *cursorPtr,
	const char **bytesPtr, size_t *lengthPtr)
{
    uint32_t length;

    while (*cursorPtr < setPtr->numOrder) {
	uint32_t name = setPtr->order[(*cursorPtr)++];

	if (name != NONE) {
	    *bytesPtr = (const char *) DpInternBytes(&setPtr->names, name,
		    &length);
	    *lengthPtr = length;
	    return true;
	}
    }
    return false;
}

void
DpNodesetFree(DpNodeset *setPtr)
{
    DpInternFree(&setPtr->names);
    DpFree(setPtr->places);
    DpFree(setPtr->touched);
    DpFree(setPtr->order);
    memset(setPtr, 0, sizeof(*setPtr));
}

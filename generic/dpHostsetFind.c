/*
 * dpHostsetFind.c -- members by slug or by host, and slugs that are not unique.
 *
 * Layer L4. A set has a table of slugs, made when somebody looks for one and
 * made anew after any host got another slug.
 */

#include "dpHostset.h"

/* The slots of a hash table for COUNT hosts, as a power of two. */
static unsigned
TableSize(int count)
{
    unsigned size = 4;

    while (size < 2u * (unsigned) count) {
	size *= 2;
    }
    return size;
}

/*
 * Fills TABLE, of MASK + 1 zeroes, with index + 1 of each host; of hosts with
 * one slug the first stands in it. Returns one of the others, or NULL.
 */
static DpHost *
FillTable(int *table, unsigned mask, DpHost *const *hosts, int count)
{
    DpHost *twinPtr = NULL;

    for (int i = 0; i < count; i++) {
	DpHost *hostPtr = hosts[i];
	unsigned slot = hostPtr->hash & mask;
	bool known = false;

	for (; table[slot] != 0; slot = (slot + 1) & mask) {
	    const DpHost *otherPtr = hosts[table[slot] - 1];

	    if (otherPtr->hash == hostPtr->hash
		    && DpHostTextIsSame(otherPtr->slugPtr, hostPtr->slugPtr)) {
		if (otherPtr != hostPtr) {
		    twinPtr = hostPtr;
		}
		known = true;
		break;
	    }
	}
	if (!known) {
	    table[slot] = i + 1;
	}
    }
    return twinPtr;
}

/* Sees to it that a set that is no cell has a table for the slugs of now. */
static DpHost *
NeedTable(DpHostset *basePtr)
{
    unsigned long changes = basePtr->spacePtr->slugChanges;
    unsigned size = TableSize(basePtr->numMembers);
    DpHost *twinPtr;

    if (basePtr->table != NULL && basePtr->tableChanges == changes) {
	return NULL;
    }
    DpFree(basePtr->table);
    basePtr->table = DpAlloc(size * sizeof(int));
    basePtr->tableMask = size - 1;
    basePtr->tableChanges = changes;
    twinPtr = FillTable(basePtr->table, basePtr->tableMask, basePtr->members,
	    basePtr->numMembers);
    if (twinPtr == NULL) {
	basePtr->checked = changes;
    }
    return twinPtr;
}

DpHost *
DpHostsetTwin(DpHostset *setPtr)
{
    DpHostset *basePtr = DpHostsetBase(setPtr);

    if (basePtr->checked == basePtr->spacePtr->slugChanges) {
	return NULL;
    }
    DpFree(basePtr->table);
    basePtr->table = NULL;
    return NeedTable(basePtr);
}

DpHost *
DpHostTwin(DpHost *const *hosts, int count)
{
    unsigned size = TableSize(count);
    int *table = DpAlloc(size * sizeof(int));
    DpHost *twinPtr = FillTable(table, size - 1, hosts, count);

    DpFree(table);
    return twinPtr;
}

/* The place in the base of the host with that slug, -1: none. */
static int
LookUp(DpHostset *basePtr, Tcl_Obj *slugPtr)
{
    unsigned hash = DpHostTextHash(slugPtr);
    unsigned slot;

    NeedTable(basePtr);
    slot = hash & basePtr->tableMask;
    for (; basePtr->table[slot] != 0; slot = (slot + 1) & basePtr->tableMask) {
	int place = basePtr->table[slot] - 1;

	DpHost *hostPtr = basePtr->members[place];

	if (hostPtr->hash == hash
		&& DpHostTextIsSame(hostPtr->slugPtr, slugPtr)) {
	    return place;
	}
    }
    return -1;
}

int
DpHostsetSlugPlace(DpHostset *setPtr, Tcl_Obj *slugPtr)
{
    int place = LookUp(DpHostsetBase(setPtr), slugPtr);

    return place >= 0 && DpHostsetIndex(setPtr, place) >= 0 ? place : -1;
}

int
DpHostsetHostPlace(DpHostset *setPtr, const DpHost *hostPtr)
{
    DpHostset *basePtr = DpHostsetBase(setPtr);
    int place = LookUp(basePtr, hostPtr->slugPtr);

    if (place >= 0 && basePtr->members[place] != hostPtr) {
	/* Two members have one slug by now, which is rare. */
	place = -1;
	for (int i = 0; i < basePtr->numMembers; i++) {
	    if (basePtr->members[i] == hostPtr) {
		place = i;
		break;
	    }
	}
    }
    return place >= 0 && DpHostsetIndex(setPtr, place) >= 0 ? place : -1;
}

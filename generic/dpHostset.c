/*
 * dpHostset.c -- ordered sets of hosts with roles, shared by reference.
 *
 * Layer L4.
 */

#include "dpHostset.h"

#include "dpObj.h"

#include <stdlib.h>

/* From here on a few of many are sorted and not found by a scan of all. */
#define FEW 16

/* So many roles are looked at for equal places, which are then shared. */
#define SHARED 16

DpHostSpace *
DpHostSpaceNew(Tcl_Interp *interp)
{
    DpHostSpace *spacePtr = DpAlloc(sizeof(*spacePtr));

    spacePtr->refCount = 1;
    spacePtr->interp = interp;
    return spacePtr;
}

void
DpHostSpaceHold(DpHostSpace *spacePtr)
{
    spacePtr->refCount++;
}

void
DpHostSpaceDrop(DpHostSpace *spacePtr)
{
    if (--spacePtr->refCount == 0) {
	DpFree(spacePtr);
    }
}

/* FNV-1a. */
unsigned
DpHostTextHash(Tcl_Obj *objPtr)
{
    int length;
    const char *text = Tcl_GetStringFromObj(objPtr, &length);
    unsigned hash = 2166136261u;

    for (int i = 0; i < length; i++) {
	hash = (hash ^ (unsigned char) text[i]) * 16777619u;
    }
    return hash ^ (hash >> 15);
}

bool
DpHostTextIsSame(Tcl_Obj *aPtr, Tcl_Obj *bPtr)
{
    int aLength, bLength;
    const char *a, *b;

    if (aPtr == bPtr) {
	return true;
    }
    a = Tcl_GetStringFromObj(aPtr, &aLength);
    b = Tcl_GetStringFromObj(bPtr, &bLength);
    return aLength == bLength && memcmp(a, b, (size_t) aLength) == 0;
}

DpHost *
DpHostNew(DpHostSpace *spacePtr, Tcl_Object object, Tcl_Obj *slugPtr)
{
    DpHost *hostPtr = DpAlloc(sizeof(*hostPtr));

    hostPtr->refCount = 1;
    hostPtr->spacePtr = spacePtr;
    DpHostSpaceHold(spacePtr);
    spacePtr->numHosts++;
    hostPtr->object = object;
    hostPtr->hash = DpHostTextHash(slugPtr);
    DpReplaceObj(&hostPtr->slugPtr, slugPtr);
    return hostPtr;
}

void
DpHostSetSlug(DpHost *hostPtr, Tcl_Obj *slugPtr)
{
    if (DpHostTextIsSame(hostPtr->slugPtr, slugPtr)) {
	return;
    }
    hostPtr->hash = DpHostTextHash(slugPtr);
    DpReplaceObj(&hostPtr->slugPtr, slugPtr);
    hostPtr->spacePtr->slugChanges++;
}

void
DpHostHold(DpHost *hostPtr)
{
    hostPtr->refCount++;
}

void
DpHostDrop(DpHost *hostPtr)
{
    if (--hostPtr->refCount > 0) {
	return;
    }
    DpReleaseObj(&hostPtr->slugPtr);
    hostPtr->spacePtr->numHosts--;
    DpHostSpaceDrop(hostPtr->spacePtr);
    DpFree(hostPtr);
}

static DpPlaces *
NewPlaces(const int *at, int count)
{
    DpPlaces *placesPtr = DpAlloc(sizeof(*placesPtr)
	    + (size_t) count * sizeof(int));

    placesPtr->refCount = 1;
    placesPtr->count = count;
    placesPtr->sorted = true;
    for (int i = 0; i < count; i++) {
	placesPtr->at[i] = at[i];
	if (i > 0 && at[i] < at[i - 1]) {
	    placesPtr->sorted = false;
	}
    }
    return placesPtr;
}

static void
DropPlaces(DpPlaces *placesPtr)
{
    if (placesPtr == NULL || --placesPtr->refCount > 0) {
	return;
    }
    DpFree(placesPtr->where);
    DpFree(placesPtr);
}

/* The index in sorted places of the first that is not below PLACE. */
static int
LowerBound(const DpPlaces *placesPtr, int place)
{
    int low = 0;
    int high = placesPtr->count;

    while (low < high) {
	int middle = low + (high - low) / 2;

	if (placesPtr->at[middle] < place) {
	    low = middle + 1;
	} else {
	    high = middle;
	}
    }
    return low;
}

/* The index of PLACE, one of numMembers, or -1. */
static int
FindPlace(DpPlaces *placesPtr, int place, int numMembers)
{
    if (placesPtr->sorted) {
	int index = LowerBound(placesPtr, place);

	return index < placesPtr->count && placesPtr->at[index] == place
		? index : -1;
    }
    if (placesPtr->where == NULL) {
	placesPtr->where = DpAlloc((size_t) numMembers * sizeof(int));
	for (int i = 0; i < numMembers; i++) {
	    placesPtr->where[i] = -1;
	}
	for (int i = 0; i < placesPtr->count; i++) {
	    placesPtr->where[placesPtr->at[i]] = i;
	}
    }
    return placesPtr->where[place];
}

static DpHostset *
NewSet(DpHostSpace *spacePtr, int numPicks)
{
    DpHostset *setPtr = DpAlloc(sizeof(*setPtr)
	    + (size_t) numPicks * sizeof(setPtr->picks[0]));

    setPtr->refCount = 1;
    setPtr->spacePtr = spacePtr;
    DpHostSpaceHold(spacePtr);
    spacePtr->numSets++;
    setPtr->numPicks = numPicks;
    return setPtr;
}

void
DpHostsetHold(DpHostset *setPtr)
{
    setPtr->refCount++;
}

static void
FreeParts(DpHost **members, int numMembers, DpRole *roles, int numRoles)
{
    for (int i = 0; i < numMembers; i++) {
	DpHostDrop(members[i]);
    }
    DpFree(members);
    for (int i = 0; i < numRoles; i++) {
	DpReleaseObj(&roles[i].namePtr);
	DropPlaces(roles[i].placesPtr);
    }
    DpFree(roles);
}

void
DpHostsetDrop(DpHostset *setPtr)
{
    if (--setPtr->refCount > 0) {
	return;
    }
    FreeParts(setPtr->members, setPtr->numMembers, setPtr->roles,
	    setPtr->numRoles);
    DpFree(setPtr->table);
    DropPlaces(setPtr->restPtr);
    DpFree(setPtr->restOf);
    DropPlaces(setPtr->unionPtr);
    if (setPtr->basePtr != NULL) {
	DpHostsetDrop(setPtr->basePtr);
    }
    setPtr->spacePtr->numSets--;
    DpHostSpaceDrop(setPtr->spacePtr);
    DpFree(setPtr);
}

void
DpHostsetBegin(DpHostsetBuild *buildPtr, DpHostSpace *spacePtr)
{
    memset(buildPtr, 0, sizeof(*buildPtr));
    buildPtr->spacePtr = spacePtr;
    DpHostSpaceHold(spacePtr);
    buildPtr->mark = ++spacePtr->mark;
}

/* Ends the role that is being filled. */
static void
CloseRole(DpHostsetBuild *buildPtr)
{
    DpRole *rolePtr;

    if (buildPtr->numRoles == 0) {
	return;
    }
    rolePtr = &buildPtr->roles[buildPtr->numRoles - 1];
    if (rolePtr->placesPtr != NULL) {
	/* Ended before; the one behind it was taken out again. */
	return;
    }
    for (int i = 0; i < buildPtr->count; i++) {
	buildPtr->taken[buildPtr->at[i]] = false;
    }
    for (int i = 0; i < buildPtr->numRoles - 1 && i < SHARED; i++) {
	DpPlaces *otherPtr = buildPtr->roles[i].placesPtr;

	if (otherPtr->count == buildPtr->count && (buildPtr->count == 0
		|| memcmp(otherPtr->at, buildPtr->at,
		(size_t) buildPtr->count * sizeof(int)) == 0)) {
	    otherPtr->refCount++;
	    rolePtr->placesPtr = otherPtr;
	    buildPtr->count = 0;
	    return;
	}
    }
    rolePtr->placesPtr = NewPlaces(buildPtr->at, buildPtr->count);
    buildPtr->count = 0;
}

void
DpHostsetRole(DpHostsetBuild *buildPtr, Tcl_Obj *namePtr)
{
    CloseRole(buildPtr);
    if (buildPtr->numRoles == buildPtr->maxRoles) {
	buildPtr->maxRoles = 2 * buildPtr->maxRoles + 2;
	buildPtr->roles = DpRealloc(buildPtr->roles,
		(size_t) buildPtr->maxRoles * sizeof(DpRole));
    }
    memset(&buildPtr->roles[buildPtr->numRoles], 0, sizeof(DpRole));
    DpReplaceObj(&buildPtr->roles[buildPtr->numRoles++].namePtr, namePtr);
}

/* Makes room for one more in each of the arrays that Add writes to. */
static void
GrowBuild(DpHostsetBuild *buildPtr)
{
    if (buildPtr->numMembers == buildPtr->maxMembers) {
	int max = 2 * buildPtr->maxMembers + 4;

	buildPtr->members = DpRealloc(buildPtr->members,
		(size_t) max * sizeof(DpHost *));
	buildPtr->taken = DpRealloc(buildPtr->taken,
		(size_t) max * sizeof(bool));
	buildPtr->maxMembers = max;
    }
    if (buildPtr->count == buildPtr->maxCount) {
	buildPtr->maxCount = 2 * buildPtr->maxCount + 4;
	buildPtr->at = DpRealloc(buildPtr->at,
		(size_t) buildPtr->maxCount * sizeof(int));
    }
}

bool
DpHostsetMember(DpHostsetBuild *buildPtr, DpHost *hostPtr)
{
    if (hostPtr->mark == buildPtr->mark) {
	return false;
    }
    GrowBuild(buildPtr);
    hostPtr->mark = buildPtr->mark;
    hostPtr->slot = buildPtr->numMembers;
    DpHostHold(hostPtr);
    buildPtr->taken[buildPtr->numMembers] = false;
    buildPtr->members[buildPtr->numMembers++] = hostPtr;
    return true;
}

void
DpHostsetAdd(DpHostsetBuild *buildPtr, DpHost *hostPtr)
{
    DpHostsetMember(buildPtr, hostPtr);
    GrowBuild(buildPtr);
    if (!buildPtr->taken[hostPtr->slot]) {
	buildPtr->taken[hostPtr->slot] = true;
	buildPtr->at[buildPtr->count++] = hostPtr->slot;
    }
}

DpHostset *
DpHostsetEnd(DpHostsetBuild *buildPtr)
{
    DpHostset *setPtr = NewSet(buildPtr->spacePtr, 0);

    CloseRole(buildPtr);
    setPtr->numMembers = buildPtr->numMembers;
    setPtr->members = DpRealloc(buildPtr->members,
	    (size_t) buildPtr->numMembers * sizeof(DpHost *));
    setPtr->numRoles = buildPtr->numRoles;
    setPtr->roles = buildPtr->roles;
    setPtr->checked = ~0UL;
    buildPtr->members = NULL;
    buildPtr->numMembers = 0;
    buildPtr->roles = NULL;
    buildPtr->numRoles = 0;
    DpHostsetAbort(buildPtr);
    return setPtr;
}

void
DpHostsetAbort(DpHostsetBuild *buildPtr)
{
    FreeParts(buildPtr->members, buildPtr->numMembers, buildPtr->roles,
	    buildPtr->numRoles);
    DpFree(buildPtr->at);
    DpFree(buildPtr->taken);
    DpHostSpaceDrop(buildPtr->spacePtr);
}

DpHostset *
DpHostsetCell(DpHostset *setPtr, int role, int index)
{
    DpHostset *cellPtr;
    int before = 0;

    while (before < setPtr->numPicks && setPtr->picks[before].role < role) {
	before++;
    }
    if (before < setPtr->numPicks && setPtr->picks[before].role == role) {
	/* It holds one host already. */
	DpHostsetHold(setPtr);
	return setPtr;
    }
    cellPtr = NewSet(setPtr->spacePtr, setPtr->numPicks + 1);
    for (int i = 0; i < setPtr->numPicks; i++) {
	cellPtr->picks[i < before ? i : i + 1] = setPtr->picks[i];
    }
    cellPtr->picks[before].role = role;
    cellPtr->picks[before].place = DpHostsetRolePlace(setPtr, role, index);
    cellPtr->basePtr = DpHostsetBase(setPtr);
    DpHostsetHold(cellPtr->basePtr);
    return cellPtr;
}

/* The pick of a cell for ROLE, NULL where that is whole. */
static const struct DpPick *
PickOf(const DpHostset *setPtr, int role)
{
    for (int i = 0; i < setPtr->numPicks; i++) {
	if (setPtr->picks[i].role == role) {
	    return &setPtr->picks[i];
	}
    }
    return NULL;
}

/*
 * The members of a cell that stand in roles which are whole, ascending. All
 * cells of an array have the same ones, so the base keeps the last answer.
 */
static DpPlaces *
RestOf(DpHostset *cellPtr)
{
    DpHostset *basePtr = cellPtr->basePtr;
    bool same = basePtr->restPtr != NULL
	    && basePtr->numRestOf == cellPtr->numPicks;
    bool *taken;
    int *at;
    int count = 0;

    for (int i = 0; same && i < cellPtr->numPicks; i++) {
	same = basePtr->restOf[i] == cellPtr->picks[i].role;
    }
    if (same) {
	return basePtr->restPtr;
    }
    DropPlaces(basePtr->restPtr);
    basePtr->numRestOf = cellPtr->numPicks;
    basePtr->restOf = DpRealloc(basePtr->restOf,
	    (size_t) cellPtr->numPicks * sizeof(int));
    for (int i = 0; i < cellPtr->numPicks; i++) {
	basePtr->restOf[i] = cellPtr->picks[i].role;
    }
    taken = DpAlloc((size_t) basePtr->numMembers * sizeof(bool));
    for (int role = 0; role < basePtr->numRoles; role++) {
	const DpPlaces *placesPtr = basePtr->roles[role].placesPtr;

	if (PickOf(cellPtr, role) != NULL) {
	    continue;
	}
	for (int i = 0; i < placesPtr->count; i++) {
	    count += !taken[placesPtr->at[i]];
	    taken[placesPtr->at[i]] = true;
	}
    }
    at = DpAlloc((size_t) count * sizeof(int));
    count = 0;
    for (int i = 0; i < basePtr->numMembers; i++) {
	if (taken[i]) {
	    at[count++] = i;
	}
    }
    basePtr->restPtr = NewPlaces(at, count);
    DpFree(at);
    DpFree(taken);
    return basePtr->restPtr;
}

static int
CompareInts(const void *aPtr, const void *bPtr)
{
    int a = *(const int *) aPtr;
    int b = *(const int *) bPtr;

    return (a > b) - (a < b);
}

/* The members of a cell as places of its base: the union of its roles. */
static DpPlaces *
UnionOf(DpHostset *cellPtr)
{
    DpPlaces *restPtr;
    int *extra, *at;
    int numExtra = 0;
    int count = 0;
    int next = 0;

    if (cellPtr->unionPtr != NULL) {
	return cellPtr->unionPtr;
    }
    restPtr = RestOf(cellPtr);
    extra = DpAlloc((size_t) cellPtr->numPicks * sizeof(int));
    for (int i = 0; i < cellPtr->numPicks; i++) {
	int place = cellPtr->picks[i].place;

	if (FindPlace(restPtr, place, cellPtr->basePtr->numMembers) < 0) {
	    extra[numExtra++] = place;
	}
    }
    if (numExtra == 0) {
	restPtr->refCount++;
	cellPtr->unionPtr = restPtr;
	DpFree(extra);
	return restPtr;
    }
    qsort(extra, (size_t) numExtra, sizeof(int), CompareInts);
    at = DpAlloc((size_t) (restPtr->count + numExtra) * sizeof(int));
    for (int i = 0; i < numExtra; i++) {
	if (i > 0 && extra[i] == extra[i - 1]) {
	    continue;
	}
	while (next < restPtr->count && restPtr->at[next] < extra[i]) {
	    at[count++] = restPtr->at[next++];
	}
	at[count++] = extra[i];
    }
    while (next < restPtr->count) {
	at[count++] = restPtr->at[next++];
    }
    cellPtr->unionPtr = NewPlaces(at, count);
    DpFree(at);
    DpFree(extra);
    return cellPtr->unionPtr;
}

int
DpHostsetCount(DpHostset *setPtr)
{
    return setPtr->basePtr != NULL ? UnionOf(setPtr)->count
	    : setPtr->numMembers;
}

int
DpHostsetPlace(DpHostset *setPtr, int index)
{
    return setPtr->basePtr != NULL ? UnionOf(setPtr)->at[index] : index;
}

int
DpHostsetIndex(DpHostset *setPtr, int place)
{
    return setPtr->basePtr == NULL ? place
	    : FindPlace(UnionOf(setPtr), place, setPtr->basePtr->numMembers);
}

int
DpHostsetFindRole(DpHostset *setPtr, Tcl_Obj *namePtr)
{
    const DpHostset *basePtr = DpHostsetBase(setPtr);

    for (int i = 0; i < basePtr->numRoles; i++) {
	if (DpHostTextIsSame(basePtr->roles[i].namePtr, namePtr)) {
	    return i;
	}
    }
    return -1;
}

int
DpHostsetRoleCount(DpHostset *setPtr, int role)
{
    return PickOf(setPtr, role) != NULL ? 1
	    : DpHostsetBase(setPtr)->roles[role].placesPtr->count;
}

int
DpHostsetRolePlace(DpHostset *setPtr, int role, int index)
{
    const struct DpPick *pickPtr = PickOf(setPtr, role);

    return pickPtr != NULL ? pickPtr->place
	    : DpHostsetBase(setPtr)->roles[role].placesPtr->at[index];
}

int
DpHostsetRoleIndex(DpHostset *setPtr, int role, int place)
{
    const struct DpPick *pickPtr = PickOf(setPtr, role);
    DpHostset *basePtr = DpHostsetBase(setPtr);

    if (pickPtr != NULL) {
	return pickPtr->place == place ? 0 : -1;
    }
    return FindPlace(basePtr->roles[role].placesPtr, place,
	    basePtr->numMembers);
}

/* Adds the members at PLACES to ROLE of a build, in the order of the role. */
static void
AddWanted(DpHostsetBuild *buildPtr, DpHostset *setPtr, int role,
	const int *places, int count)
{
    DpHostset *basePtr = DpHostsetBase(setPtr);
    int size = DpHostsetRoleCount(setPtr, role);

    if ((long) count * FEW < size) {
	int *found = DpAlloc((size_t) count * sizeof(int));
	int numFound = 0;

	for (int i = 0; i < count; i++) {
	    int index = DpHostsetRoleIndex(setPtr, role, places[i]);

	    if (index >= 0) {
		found[numFound++] = index;
	    }
	}
	qsort(found, (size_t) numFound, sizeof(int), CompareInts);
	for (int i = 0; i < numFound; i++) {
	    DpHostsetAdd(buildPtr, basePtr->members[
		    DpHostsetRolePlace(setPtr, role, found[i])]);
	}
	DpFree(found);
	return;
    }
    for (int i = 0; i < size; i++) {
	DpHost *hostPtr = basePtr->members[
		DpHostsetRolePlace(setPtr, role, i)];

	/* All that are wanted were added before: they have the mark. */
	if (hostPtr->mark == buildPtr->mark) {
	    DpHostsetAdd(buildPtr, hostPtr);
	}
    }
}

DpHostset *
DpHostsetSubset(DpHostset *setPtr, const int *places, int count,
	const bool *keep)
{
    DpHostset *basePtr = DpHostsetBase(setPtr);
    DpHostset *subsetPtr;
    DpHostsetBuild build;

    DpHostsetBegin(&build, setPtr->spacePtr);
    for (int i = 0; i < count; i++) {
	/* Before any role, so that the order of the members stays. */
	DpHostsetMember(&build, basePtr->members[places[i]]);
    }
    for (int role = 0; role < basePtr->numRoles; role++) {
	if (keep != NULL && !keep[role]) {
	    continue;
	}
	DpHostsetRole(&build, basePtr->roles[role].namePtr);
	AddWanted(&build, setPtr, role, places, count);
	if (keep == NULL && build.count == 0) {
	    DpReleaseObj(&build.roles[--build.numRoles].namePtr);
	}
    }
    subsetPtr = DpHostsetEnd(&build);
    subsetPtr->checked = basePtr->checked;
    return subsetPtr;
}

bool
DpHostsetIsCovered(const DpHostset *setPtr)
{
    bool *taken = DpAlloc((size_t) setPtr->numMembers * sizeof(bool));
    int count = 0;

    for (int role = 0; role < setPtr->numRoles; role++) {
	const DpPlaces *placesPtr = setPtr->roles[role].placesPtr;

	for (int i = 0; i < placesPtr->count; i++) {
	    count += !taken[placesPtr->at[i]];
	    taken[placesPtr->at[i]] = true;
	}
    }
    DpFree(taken);
    return count == setPtr->numMembers;
}

/*
 * dpHostsetPick.c -- the subcommands of core::hostset that leave hosts out.
 *
 * Layer L4.
 */

#include "dpHostsetCall.h"

#include <stdlib.h>

/* From here on a few of many are sorted and not found by a scan of all. */
#define FEW 16

Tcl_Namespace *
DpHostsetCallSpace(DpHostsetCall *callPtr, int arg)
{
    return arg < callPtr->objc
	    ? DpHostsetNamespace(callPtr->interp, callPtr->objv[arg]) : NULL;
}

int
DpHostsetCallGive(DpHostsetCall *callPtr, DpHostset *setPtr)
{
    Tcl_SetObjResult(callPtr->interp, DpHostsetNewObj(setPtr));
    DpHostsetDrop(setPtr);
    return TCL_OK;
}

int
DpHostsetDigits(Tcl_Obj *objPtr)
{
    const char *text = Tcl_GetString(objPtr);
    int number = 0;

    if (*text == '\0') {
	return -1;
    }
    for (; *text != '\0'; text++) {
	if (*text < '0' || *text > '9' || number > 99999999) {
	    return -1;
	}
	number = 10 * number + (*text - '0');
    }
    return number;
}

/* Places that were collected, each maybe more than once. */
typedef struct Picked {
    int *places;
    int count;
    int max;
} Picked;

static void
PickPlace(Picked *pickedPtr, int place)
{
    if (pickedPtr->count == pickedPtr->max) {
	pickedPtr->max = 2 * pickedPtr->max + 8;
	pickedPtr->places = DpRealloc(pickedPtr->places,
		(size_t) pickedPtr->max * sizeof(int));
    }
    pickedPtr->places[pickedPtr->count++] = place;
}

static int
CompareInts(const void *aPtr, const void *bPtr)
{
    int a = *(const int *) aPtr;
    int b = *(const int *) bPtr;

    return (a > b) - (a < b);
}

/* Puts places of a set in order, each once. */
static void
SortPicked(Picked *pickedPtr, DpHostset *setPtr)
{
    int numMembers = DpHostsetBase(setPtr)->numMembers;
    int count = 0;

    if ((long) pickedPtr->count * FEW < numMembers) {
	if (pickedPtr->count > 1) {
	    qsort(pickedPtr->places, (size_t) pickedPtr->count, sizeof(int),
		    CompareInts);
	}
	for (int i = 0; i < pickedPtr->count; i++) {
	    if (i == 0 || pickedPtr->places[i] != pickedPtr->places[i - 1]) {
		pickedPtr->places[count++] = pickedPtr->places[i];
	    }
	}
    } else {
	bool *taken = DpAlloc((size_t) numMembers * sizeof(bool));

	for (int i = 0; i < pickedPtr->count; i++) {
	    taken[pickedPtr->places[i]] = true;
	}
	for (int i = 0; i < numMembers; i++) {
	    if (taken[i]) {
		pickedPtr->places[count++] = i;
	    }
	}
	DpFree(taken);
    }
    pickedPtr->count = count;
}

/* Picks a host that was named, if it is a member, and keeps its roles. */
static void
PickHost(DpHostset *setPtr, DpHost *hostPtr, Picked *pickedPtr, bool *keep)
{
    int place = DpHostsetHostPlace(setPtr, hostPtr);

    if (place < 0) {
	return;
    }
    PickPlace(pickedPtr, place);
    for (int role = 0; role < DpHostsetBase(setPtr)->numRoles; role++) {
	keep[role] = keep[role]
		|| DpHostsetRoleIndex(setPtr, role, place) >= 0;
    }
}

/* pick SET WORDS SPACE */
int
DpHostsetPickSub(DpHostsetCall *callPtr)
{
    DpHostset *setPtr = callPtr->setPtr;
    Tcl_Namespace *nsPtr = DpHostsetCallSpace(callPtr, 2);
    Picked picked = {NULL, 0, 0};
    Tcl_Obj **words;
    int numWords;
    bool *keep;

    if (Tcl_ListObjGetElements(NULL, callPtr->objv[1], &numWords, &words)
	    != TCL_OK) {
	return DpHostsetFail(callPtr->interp, "ARGUMENT", callPtr->objv[1],
		"\"%.80s\" is no list of roles",
		Tcl_GetString(callPtr->objv[1]));
    }
    keep = DpAlloc((size_t) DpHostsetBase(setPtr)->numRoles * sizeof(bool));
    for (int i = 0; i < numWords; i++) {
	int role = DpHostsetFindRole(setPtr, words[i]);
	DpHostWord word;

	if (role >= 0) {
	    int count = DpHostsetRoleCount(setPtr, role);

	    keep[role] = true;
	    for (int j = 0; j < count; j++) {
		PickPlace(&picked, DpHostsetRolePlace(setPtr, role, j));
	    }
	    continue;
	}
	if (strcmp(Tcl_GetString(words[i]), "*") == 0) {
	    DpHostsetHold(setPtr);
	    DpFree(keep);
	    DpFree(picked.places);
	    return DpHostsetCallGive(callPtr, setPtr);
	}
	word = DpHostsetResolve(callPtr->interp, words[i], nsPtr);
	if (word.hostPtr != NULL) {
	    PickHost(setPtr, word.hostPtr, &picked, keep);
	} else if (word.setPtr != NULL) {
	    DpHostset *otherPtr = DpHostsetBase(word.setPtr);
	    int count = DpHostsetCount(word.setPtr);

	    for (int j = 0; j < count; j++) {
		PickHost(setPtr, otherPtr->members[
			DpHostsetPlace(word.setPtr, j)], &picked, keep);
	    }
	}
    }
    SortPicked(&picked, setPtr);
    setPtr = DpHostsetSubset(setPtr, picked.places, picked.count, keep);
    DpFree(keep);
    DpFree(picked.places);
    return DpHostsetCallGive(callPtr, setPtr);
}

int
DpHostsetFindIndex(DpHostsetCall *callPtr, int role, Tcl_Obj *indexPtr,
	Tcl_Namespace *nsPtr)
{
    DpHostset *setPtr = callPtr->setPtr;
    int index = DpHostsetDigits(indexPtr);
    int place;
    DpHostWord word;

    if (index >= 0 && index < (role < 0 ? DpHostsetCount(setPtr)
	    : DpHostsetRoleCount(setPtr, role))) {
	return role < 0 ? DpHostsetPlace(setPtr, index)
		: DpHostsetRolePlace(setPtr, role, index);
    }
    place = DpHostsetSlugPlace(setPtr, indexPtr);
    if (place < 0) {
	word = DpHostsetResolve(callPtr->interp, indexPtr, nsPtr);
	if (word.hostPtr != NULL) {
	    place = DpHostsetHostPlace(setPtr, word.hostPtr);
	}
    }
    if (place >= 0 && role >= 0
	    && DpHostsetRoleIndex(setPtr, role, place) < 0) {
	return -1;
    }
    return place;
}

/* Gives the members at the places, or, with `others`, all but those. */
static int
GivePlaces(DpHostsetCall *callPtr, Picked *pickedPtr, bool others)
{
    DpHostset *setPtr = callPtr->setPtr;
    Picked left = {NULL, 0, 0};
    Picked *wantedPtr = pickedPtr;
    DpHostset *subsetPtr;

    SortPicked(pickedPtr, setPtr);
    if (others) {
	int count = DpHostsetCount(setPtr);
	int next = 0;

	for (int i = 0; i < count; i++) {
	    int place = DpHostsetPlace(setPtr, i);

	    while (next < pickedPtr->count
		    && pickedPtr->places[next] < place) {
		next++;
	    }
	    if (next == pickedPtr->count
		    || pickedPtr->places[next] != place) {
		PickPlace(&left, place);
	    }
	}
	wantedPtr = &left;
    }
    subsetPtr = DpHostsetSubset(setPtr, wantedPtr->places, wantedPtr->count,
	    NULL);
    DpFree(left.places);
    DpFree(pickedPtr->places);
    return DpHostsetCallGive(callPtr, subsetPtr);
}

/* only, without and select: SET WORDS ?SPACE?. Words that mean no member are
 * left out; with `slugs` they are slugs and nothing else. */
static int
ByWords(DpHostsetCall *callPtr, bool slugs, bool others)
{
    Tcl_Namespace *nsPtr = DpHostsetCallSpace(callPtr, 2);
    Picked picked = {NULL, 0, 0};
    Tcl_Obj **words;
    int count;

    if (Tcl_ListObjGetElements(NULL, callPtr->objv[1], &count, &words)
	    != TCL_OK) {
	return DpHostsetFail(callPtr->interp, "ARGUMENT", callPtr->objv[1],
		"\"%.80s\" is no list of hosts",
		Tcl_GetString(callPtr->objv[1]));
    }
    for (int i = 0; i < count; i++) {
	int place = slugs ? DpHostsetSlugPlace(callPtr->setPtr, words[i])
		: DpHostsetFindIndex(callPtr, -1, words[i], nsPtr);

	if (place >= 0) {
	    PickPlace(&picked, place);
	}
    }
    return GivePlaces(callPtr, &picked, others);
}

int
DpHostsetOnlySub(DpHostsetCall *callPtr)
{
    return ByWords(callPtr, false, false);
}

int
DpHostsetWithoutSub(DpHostsetCall *callPtr)
{
    return ByWords(callPtr, false, true);
}

int
DpHostsetSelectSub(DpHostsetCall *callPtr)
{
    return ByWords(callPtr, true, false);
}

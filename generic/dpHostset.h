/*
 * dpHostset.h -- ordered sets of hosts with roles, shared by reference.
 *
 * Layer L4. Evaluates nothing: names are made and looked up in dpHostsetObj.
 */

#ifndef DP_HOSTSET_H
#define DP_HOSTSET_H

#include "dpBase.h"

#include <tclOO.h>

/*
 * What the sets of one interpreter share. Counted: the commands, each host and
 * each set hold it; `interp` is NULL once that is being deleted.
 */
typedef struct DpHostSpace {
    int refCount;
    Tcl_Interp *interp;
    uint64_t mark;              /* given out last, see DpHost */
    unsigned long slugChanges;  /* counts hosts that got another slug */
    int numHosts;
    int numSets;
} DpHostSpace;

/*
 * A host. Counted: the host object holds it, and so does each set; it outlives
 * its object.
 */
typedef struct DpHost {
    int refCount;
    unsigned hash;              /* of the slug */
    DpHostSpace *spacePtr;      /* held */
    Tcl_Object object;          /* NULL once that is destroyed */
    Tcl_Obj *slugPtr;
    uint64_t mark;              /* whose `slot` this is: scratch of one call */
    int slot;
} DpHost;

/* Where a role's hosts stand among the members. Counted; shared by roles. */
typedef struct DpPlaces {
    int refCount;
    int count;
    bool sorted;                /* ascending */
    int *where;                 /* member -> index here or -1; made on demand */
    int at[];
} DpPlaces;

typedef struct DpRole {
    Tcl_Obj *namePtr;
    DpPlaces *placesPtr;
} DpRole;

/*
 * A set; immutable and counted. A cell is another set, its base, seen with some
 * roles reduced to one host: it has picks and no members or roles of its own.
 * What is made on demand does not change what the set means.
 */
typedef struct DpHostset {
    int refCount;
    DpHostSpace *spacePtr;      /* held */
    int numMembers;
    int numRoles;
    DpHost **members;           /* held */
    DpRole *roles;
    int *table;                 /* hash of slugs: member + 1; on demand */
    unsigned tableMask;
    unsigned long tableChanges; /* slugChanges that the table was made for */
    unsigned long checked;      /* slugChanges for which slugs are unique */
    DpPlaces *restPtr;          /* union of the roles that are not in restOf */
    int *restOf;
    int numRestOf;
    struct DpHostset *basePtr;  /* held; of a cell, never a cell itself */
    DpPlaces *unionPtr;         /* a cell's members in the base; on demand */
    int numPicks;
    struct DpPick {
	int role;
	int place;              /* member of the base */
    } picks[];                  /* in order of roles */
} DpHostset;

/* What a new set is made of, see DpHostsetBegin. */
typedef struct DpHostsetBuild {
    DpHostSpace *spacePtr;
    uint64_t mark;
    DpHost **members;
    int numMembers;
    int maxMembers;
    DpRole *roles;
    int numRoles;
    int maxRoles;
    int *at;                    /* the role that is being filled */
    int count;
    int maxCount;
    bool *taken;                /* by member: is in that role */
    int maxTaken;
} DpHostsetBuild;

MODULE_SCOPE DpHostSpace *DpHostSpaceNew(Tcl_Interp *interp);
MODULE_SCOPE void DpHostSpaceHold(DpHostSpace *spacePtr);
MODULE_SCOPE void DpHostSpaceDrop(DpHostSpace *spacePtr);

/* Texts of slugs and roles. */
MODULE_SCOPE unsigned DpHostTextHash(Tcl_Obj *objPtr);
MODULE_SCOPE bool DpHostTextIsSame(Tcl_Obj *aPtr, Tcl_Obj *bPtr);

/* A fresh host with one reference. */
MODULE_SCOPE DpHost *DpHostNew(DpHostSpace *spacePtr, Tcl_Object object,
	Tcl_Obj *slugPtr);
MODULE_SCOPE void DpHostSetSlug(DpHost *hostPtr, Tcl_Obj *slugPtr);
MODULE_SCOPE void DpHostHold(DpHost *hostPtr);
MODULE_SCOPE void DpHostDrop(DpHost *hostPtr);

MODULE_SCOPE void DpHostsetHold(DpHostset *setPtr);
MODULE_SCOPE void DpHostsetDrop(DpHostset *setPtr);

/*
 * Makes a set: Begin; for each role Role and then Add for its hosts in order;
 * End, which gives a set with one reference. Only one build may run at a time,
 * and no script while it does. Abort in place of End frees everything.
 */
MODULE_SCOPE void DpHostsetBegin(DpHostsetBuild *buildPtr,
	DpHostSpace *spacePtr);
MODULE_SCOPE void DpHostsetRole(DpHostsetBuild *buildPtr, Tcl_Obj *namePtr);
MODULE_SCOPE void DpHostsetAdd(DpHostsetBuild *buildPtr, DpHost *hostPtr);
MODULE_SCOPE DpHostset *DpHostsetEnd(DpHostsetBuild *buildPtr);
MODULE_SCOPE void DpHostsetAbort(DpHostsetBuild *buildPtr);

/*
 * Between Begin and the first Role: a member, to be put in a role later. False:
 * it is one already.
 */
MODULE_SCOPE bool DpHostsetMember(DpHostsetBuild *buildPtr, DpHost *hostPtr);

/* The cell in which ROLE holds only its host INDEX; one reference. */
MODULE_SCOPE DpHostset *DpHostsetCell(DpHostset *setPtr, int role, int index);

/*
 * The members at PLACES (of the base, ascending), in the roles for which KEEP
 * is set; KEEP NULL: in those that have some of them. One reference.
 */
MODULE_SCOPE DpHostset *DpHostsetSubset(DpHostset *setPtr, const int *places,
	int count, const bool *keep);

/* The set that owns members and roles: of a cell its base, else itself. */
static inline DpHostset *
DpHostsetBase(DpHostset *setPtr)
{
    return setPtr->basePtr != NULL ? setPtr->basePtr : setPtr;
}

/*
 * Reading. A place is an index into the members of the base; an index counts
 * the members of the set, or the hosts of a role.
 */
MODULE_SCOPE int DpHostsetCount(DpHostset *setPtr);
MODULE_SCOPE int DpHostsetPlace(DpHostset *setPtr, int index);
MODULE_SCOPE int DpHostsetIndex(DpHostset *setPtr, int place);
MODULE_SCOPE int DpHostsetFindRole(DpHostset *setPtr, Tcl_Obj *namePtr);
MODULE_SCOPE int DpHostsetRoleCount(DpHostset *setPtr, int role);
MODULE_SCOPE int DpHostsetRolePlace(DpHostset *setPtr, int role, int index);
MODULE_SCOPE int DpHostsetRoleIndex(DpHostset *setPtr, int role, int place);

/* The place of the host with that slug or of that host; -1: not a member. */
MODULE_SCOPE int DpHostsetSlugPlace(DpHostset *setPtr, Tcl_Obj *slugPtr);
MODULE_SCOPE int DpHostsetHostPlace(DpHostset *setPtr, const DpHost *hostPtr);

/* Whether each member stands in a role, as it has to. */
MODULE_SCOPE bool DpHostsetIsCovered(const DpHostset *setPtr);

/* One of two different members with one slug, NULL: there are none. */
MODULE_SCOPE DpHost *DpHostsetTwin(DpHostset *setPtr);

/* The same for an array; NULL: all slugs are different. */
MODULE_SCOPE DpHost *DpHostTwin(DpHost *const *hosts, int count);

#endif

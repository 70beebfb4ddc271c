/*
 * dpCells.c -- the indexes of all cells of an array.
 *
 * Layer L4. The roles of each level are compiled to nodes: what stands in a
 * role, given the hosts chosen at the levels above. A node is evaluated when an
 * isolated role needs it and keeps its hosts until a choice that it depends on
 * changes; so roles that no cell is made of cost nothing.
 */

#include "dpCells.h"

#include "dpError.h"
#include "dpObj.h"

#include <stdlib.h>

#define MAX_LEVELS 1000
#define MAX_CELLS 5000000

enum NodeKind {
    N_HOSTS,                    /* fixed: hosts are there from the beginning */
    N_ROLE,                     /* a role of a set, or all members */
    N_CHOICE,                   /* the host chosen at a level */
    N_UNION,                    /* of the parts, in their order */
    N_ORDERED                   /* the same in the order of another node */
};

typedef struct Node {
    enum NodeKind kind;
    struct Node *nextPtr;       /* list of all nodes */
    DpHostset *setPtr;          /* N_ROLE; borrowed from the run */
    int role;                   /* N_ROLE; -1: all members */
    struct Level *levelPtr;     /* the last choice that this depends on */
    bool foreign;               /* has hosts that a map names */
    struct Node **parts;
    int numParts;
    struct Node *orderPtr;      /* N_ORDERED */
    unsigned long serial;       /* of levelPtr when it was evaluated, or 0 */
    DpHost **hosts;
    int count;
    int *ranks;                 /* host id -> index in hosts, on demand */
    int numRanks;
} Node;

typedef struct Level {
    int depth;
    int numRoles;
    Tcl_Obj **names;            /* held */
    Node **roles;               /* of the level's set */
    Node *membersPtr;           /* of the level's set, in order */
    int isolated;               /* role or -1 */
    Node **cellRoles;           /* of its cell */
    Node *cellPtr;              /* members of its cell, in order */
    DpHost *chosenPtr;
    unsigned long serial;       /* of that choice */
} Level;

typedef struct Run {
    Tcl_Interp *interp;
    DpHostSpace *spacePtr;
    uint64_t mark;              /* hosts that have it have an id, their slot */
    int numIds;
    uint64_t *seen;             /* id -> stamp of the union that has it */
    int maxSeen;
    uint64_t stamp;
    Node *nodes;
    Level *levels;
    int numLevels;
    DpHostset **sets;           /* held */
    int numSets;
    Level **isolating;
    int numIsolating;
    long numCells;              /* counted in a first round */
    Tcl_Obj *listPtr;           /* made in a second */
} Run;

static Node *
NewNode(Run *runPtr, enum NodeKind kind)
{
    Node *nodePtr = DpAlloc(sizeof(*nodePtr));

    nodePtr->kind = kind;
    nodePtr->nextPtr = runPtr->nodes;
    runPtr->nodes = nodePtr;
    return nodePtr;
}

static Node *
NewRoleNode(Run *runPtr, DpHostset *setPtr, int role)
{
    Node *nodePtr = NewNode(runPtr, N_ROLE);

    nodePtr->setPtr = setPtr;
    nodePtr->role = role;
    return nodePtr;
}

static void
AddPart(Node *nodePtr, Node *partPtr)
{
    nodePtr->parts = DpRealloc(nodePtr->parts,
	    (size_t) (nodePtr->numParts + 1) * sizeof(Node *));
    nodePtr->parts[nodePtr->numParts++] = partPtr;
    nodePtr->foreign |= partPtr->foreign;
    if (partPtr->levelPtr != NULL && (nodePtr->levelPtr == NULL
	    || nodePtr->levelPtr->depth < partPtr->levelPtr->depth)) {
	nodePtr->levelPtr = partPtr->levelPtr;
    }
}

/* The id of a host, which indexes `seen` and `ranks`. */
static int
IdOf(Run *runPtr, DpHost *hostPtr)
{
    if (hostPtr->mark != runPtr->mark) {
	hostPtr->mark = runPtr->mark;
	hostPtr->slot = runPtr->numIds++;
	if (runPtr->numIds > runPtr->maxSeen) {
	    int max = 2 * runPtr->numIds;

	    runPtr->seen = DpRealloc(runPtr->seen,
		    (size_t) max * sizeof(uint64_t));
	    memset(runPtr->seen + runPtr->maxSeen, 0,
		    (size_t) (max - runPtr->maxSeen) * sizeof(uint64_t));
	    runPtr->maxSeen = max;
	}
    }
    return hostPtr->slot;
}

static void
RoomFor(Node *nodePtr, int count)
{
    nodePtr->hosts = DpRealloc(nodePtr->hosts,
	    (size_t) count * sizeof(DpHost *));
}

static void
EvalRole(Node *nodePtr)
{
    DpHostset *setPtr = nodePtr->setPtr;
    DpHostset *basePtr = DpHostsetBase(setPtr);

    nodePtr->count = nodePtr->role < 0 ? DpHostsetCount(setPtr)
	    : DpHostsetRoleCount(setPtr, nodePtr->role);
    RoomFor(nodePtr, nodePtr->count);
    for (int i = 0; i < nodePtr->count; i++) {
	nodePtr->hosts[i] = basePtr->members[nodePtr->role < 0
		? DpHostsetPlace(setPtr, i)
		: DpHostsetRolePlace(setPtr, nodePtr->role, i)];
    }
}

/* The parts have been evaluated. */
static void
EvalUnion(Run *runPtr, Node *nodePtr)
{
    uint64_t stamp = ++runPtr->stamp;
    int most = 0;

    for (int i = 0; i < nodePtr->numParts; i++) {
	most += nodePtr->parts[i]->count;
    }
    RoomFor(nodePtr, most);
    nodePtr->count = 0;
    for (int i = 0; i < nodePtr->numParts; i++) {
	const Node *partPtr = nodePtr->parts[i];

	for (int j = 0; j < partPtr->count; j++) {
	    int id = IdOf(runPtr, partPtr->hosts[j]);

	    if (runPtr->seen[id] != stamp) {
		runPtr->seen[id] = stamp;
		nodePtr->hosts[nodePtr->count++] = partPtr->hosts[j];
	    }
	}
    }
}

typedef struct Ranked {
    int rank;
    DpHost *hostPtr;
} Ranked;

static int
CompareRanks(const void *aPtr, const void *bPtr)
{
    int a = ((const Ranked *) aPtr)->rank;
    int b = ((const Ranked *) bPtr)->rank;

    return (a > b) - (a < b);
}

/* Sees to it that the ranks of a node, which has been evaluated, are there. */
static void
NeedRanks(Run *runPtr, Node *nodePtr)
{
    if (nodePtr->numRanks != 0) {
	return;
    }
    for (int i = 0; i < nodePtr->count; i++) {
	IdOf(runPtr, nodePtr->hosts[i]);
    }
    nodePtr->numRanks = runPtr->numIds;
    nodePtr->ranks = DpRealloc(nodePtr->ranks,
	    (size_t) nodePtr->numRanks * sizeof(int));
    for (int i = 0; i < nodePtr->count; i++) {
	nodePtr->ranks[nodePtr->hosts[i]->slot] = i;
    }
}

/* Puts the hosts of a union into the order of the other node. */
static void
OrderUnion(Run *runPtr, Node *nodePtr)
{
    Ranked *ranked = DpAlloc((size_t) nodePtr->count * sizeof(Ranked));
    bool sorted = true;

    NeedRanks(runPtr, nodePtr->orderPtr);
    for (int i = 0; i < nodePtr->count; i++) {
	ranked[i].hostPtr = nodePtr->hosts[i];
	ranked[i].rank = nodePtr->orderPtr->ranks[nodePtr->hosts[i]->slot];
	sorted = sorted && (i == 0 || ranked[i - 1].rank < ranked[i].rank);
    }
    if (!sorted) {
	qsort(ranked, (size_t) nodePtr->count, sizeof(Ranked), CompareRanks);
	for (int i = 0; i < nodePtr->count; i++) {
	    nodePtr->hosts[i] = ranked[i].hostPtr;
	}
    }
    DpFree(ranked);
}

/* Sees to it that the hosts of a node are those of the choices of now. */
static void
Evaluate(Run *runPtr, Node *nodePtr)
{
    unsigned long serial = nodePtr->levelPtr == NULL ? 1
	    : nodePtr->levelPtr->serial;

    if (nodePtr->serial == serial) {
	return;
    }
    for (int i = 0; i < nodePtr->numParts; i++) {
	Evaluate(runPtr, nodePtr->parts[i]);
    }
    nodePtr->serial = serial;
    nodePtr->numRanks = 0;
    switch (nodePtr->kind) {
    case N_HOSTS:
	break;
    case N_ROLE:
	EvalRole(nodePtr);
	break;
    case N_CHOICE:
	RoomFor(nodePtr, 1);
	nodePtr->hosts[0] = nodePtr->levelPtr->chosenPtr;
	nodePtr->count = 1;
	break;
    case N_UNION:
	EvalUnion(runPtr, nodePtr);
	break;
    case N_ORDERED:
	Evaluate(runPtr, nodePtr->orderPtr);
	EvalUnion(runPtr, nodePtr);
	OrderUnion(runPtr, nodePtr);
	break;
    }
}

/* An error of the shape of the levels. Always TCL_ERROR. */
static int
FailLevels(Run *runPtr, const char *why)
{
    return DpFail(runPtr->interp, "ARGUMENT levels", "bad levels: %s", why);
}

static void
AddRole(Level *levelPtr, Tcl_Obj *namePtr, Node *nodePtr)
{
    size_t count = (size_t) levelPtr->numRoles + 1;

    levelPtr->names = DpRealloc(levelPtr->names, count * sizeof(Tcl_Obj *));
    levelPtr->roles = DpRealloc(levelPtr->roles, count * sizeof(Node *));
    levelPtr->names[levelPtr->numRoles] = NULL;
    DpReplaceObj(&levelPtr->names[levelPtr->numRoles], namePtr);
    levelPtr->roles[levelPtr->numRoles++] = nodePtr;
}

/* The role of that name or -1. */
static int
FindRole(const Level *levelPtr, const char *name)
{
    for (int i = 0; i < levelPtr->numRoles; i++) {
	if (strcmp(Tcl_GetString(levelPtr->names[i]), name) == 0) {
	    return i;
	}
    }
    return -1;
}

/* The level's set is SETPTR, whose reference the run takes over. */
static int
TakeSet(Run *runPtr, Level *levelPtr, DpHostset *setPtr)
{
    DpHostset *basePtr = DpHostsetBase(setPtr);
    DpHost *twinPtr;

    runPtr->sets = DpRealloc(runPtr->sets,
	    (size_t) (runPtr->numSets + 1) * sizeof(DpHostset *));
    runPtr->sets[runPtr->numSets++] = setPtr;
    twinPtr = DpHostsetTwin(setPtr);
    if (twinPtr != NULL) {
	return DpHostsetFailTwin(runPtr->interp, twinPtr);
    }
    for (int role = 0; role < basePtr->numRoles; role++) {
	AddRole(levelPtr, basePtr->roles[role].namePtr,
		NewRoleNode(runPtr, setPtr, role));
    }
    levelPtr->membersPtr = NewRoleNode(runPtr, setPtr, -1);
    return TCL_OK;
}

/* The node for the words of one role of a map; NULL: they are no list. */
static Node *
MapRole(Run *runPtr, Level *parentPtr, Tcl_Obj *wordsPtr, Tcl_Namespace *nsPtr)
{
    Node *nodePtr;
    Node *namedPtr = NULL;
    Tcl_Obj **words;
    int count;

    if (Tcl_ListObjGetElements(NULL, wordsPtr, &count, &words) != TCL_OK) {
	return NULL;
    }
    nodePtr = NewNode(runPtr, N_UNION);
    for (int i = 0; i < count; i++) {
	const char *name = Tcl_GetString(words[i]);
	int role;
	DpHostWord word;
	Node *partPtr;

	if (strcmp(name, "*") == 0) {
	    partPtr = parentPtr->cellPtr;
	} else if ((role = FindRole(parentPtr, name)) >= 0) {
	    partPtr = parentPtr->cellRoles[role];
	} else {
	    word = DpHostsetResolve(runPtr->interp, words[i], nsPtr);
	    if (word.hostPtr != NULL) {
		if (namedPtr == NULL) {
		    /* Those that follow each other share one node. */
		    namedPtr = NewNode(runPtr, N_HOSTS);
		    namedPtr->foreign = true;
		    RoomFor(namedPtr, count - i);
		    AddPart(nodePtr, namedPtr);
		}
		namedPtr->hosts[namedPtr->count++] = word.hostPtr;
		continue;
	    }
	    if (word.setPtr == NULL) {
		continue;
	    }
	    partPtr = NewRoleNode(runPtr, word.setPtr, -1);
	    partPtr->foreign = true;
	}
	AddPart(nodePtr, partPtr);
	namedPtr = NULL;
    }
    if (nodePtr->numParts == 1 && nodePtr->parts[0] != namedPtr) {
	return nodePtr->parts[0];
    }
    return nodePtr;
}

static int
MapLevel(Run *runPtr, Level *parentPtr, Level *levelPtr, Tcl_Obj *mapPtr,
	Tcl_Obj *spaceNamePtr)
{
    Tcl_Namespace *nsPtr = DpHostsetNamespace(runPtr->interp, spaceNamePtr);
    Tcl_DictSearch search;
    Tcl_Obj *namePtr, *wordsPtr;
    int done;
    int code = TCL_OK;

    if (Tcl_DictObjFirst(NULL, mapPtr, &search, &namePtr, &wordsPtr, &done)
	    != TCL_OK) {
	return FailLevels(runPtr, "a map must be a dict");
    }
    levelPtr->membersPtr = NewNode(runPtr, N_UNION);
    while (!done) {
	Node *nodePtr = MapRole(runPtr, parentPtr, wordsPtr, nsPtr);

	if (nodePtr == NULL) {
	    code = FailLevels(runPtr, "each role of a map must have a list");
	    break;
	}
	AddRole(levelPtr, namePtr, nodePtr);
	AddPart(levelPtr->membersPtr, nodePtr);
	Tcl_DictObjNext(&search, &namePtr, &wordsPtr, &done);
    }
    Tcl_DictObjDone(&search);
    return code;
}

/* Makes the set of a level from its source. */
static int
SourceLevel(Run *runPtr, Level *parentPtr, Level *levelPtr, Tcl_Obj *sourcePtr)
{
    Tcl_Obj **words;
    int count;
    const char *kind;

    if (Tcl_ListObjGetElements(NULL, sourcePtr, &count, &words) != TCL_OK) {
	return FailLevels(runPtr, "a source must be a list");
    }
    if (count == 0) {
	for (int i = 0; i < parentPtr->numRoles; i++) {
	    AddRole(levelPtr, parentPtr->names[i], parentPtr->cellRoles[i]);
	}
	levelPtr->membersPtr = parentPtr->cellPtr;
	return TCL_OK;
    }
    kind = Tcl_GetString(words[0]);
    if (count == 3 && strcmp(kind, "map") == 0) {
	return MapLevel(runPtr, parentPtr, levelPtr, words[1], words[2]);
    }
    if (count == 2 && strcmp(kind, "hosts") == 0) {
	DpHostset *setPtr = DpHostsetFromObj(runPtr->interp,
		runPtr->spacePtr, words[1]);

	return setPtr == NULL ? TCL_ERROR : TakeSet(runPtr, levelPtr, setPtr);
    }
    return FailLevels(runPtr,
	    "a source must be {}, {map MAP SPACE} or {hosts SET}");
}

/* Isolates a level on a role, or on none, and makes what its cell holds. */
static int
IsolateLevel(Run *runPtr, Level *levelPtr, Tcl_Obj *rolePtr, Tcl_Obj *pathPtr)
{
    const char *role = Tcl_GetString(rolePtr);
    const char *path = Tcl_GetString(pathPtr);
    Node *choicePtr;

    levelPtr->cellRoles = DpAlloc((size_t) levelPtr->numRoles
	    * sizeof(Node *));
    for (int i = 0; i < levelPtr->numRoles; i++) {
	levelPtr->cellRoles[i] = levelPtr->roles[i];
    }
    levelPtr->isolated = -1;
    levelPtr->cellPtr = levelPtr->membersPtr;
    if (role[0] == '\0') {
	return TCL_OK;
    }
    levelPtr->isolated = FindRole(levelPtr, role);
    if (levelPtr->isolated < 0) {
	Tcl_Obj *codePtr = Tcl_ObjPrintf("DEPLOYER ISOLATE NOROLE");

	Tcl_ListObjAppendElement(NULL, codePtr, pathPtr);
	Tcl_ListObjAppendElement(NULL, codePtr, rolePtr);
	Tcl_SetObjResult(runPtr->interp, Tcl_ObjPrintf(
		"%.200s isolates on role \"%.80s\", which neither its parent"
		" passes on nor its own hosts name", path, role));
	Tcl_SetObjErrorCode(runPtr->interp, codePtr);
	return TCL_ERROR;
    }
    runPtr->isolating[runPtr->numIsolating++] = levelPtr;
    choicePtr = NewNode(runPtr, N_CHOICE);
    choicePtr->levelPtr = levelPtr;
    /* Joined with other roles below, it may meet a host that has its slug. */
    choicePtr->foreign = levelPtr->roles[levelPtr->isolated]->foreign;
    levelPtr->cellRoles[levelPtr->isolated] = choicePtr;
    levelPtr->cellPtr = NewNode(runPtr, N_ORDERED);
    levelPtr->cellPtr->orderPtr = levelPtr->membersPtr;
    for (int i = 0; i < levelPtr->numRoles; i++) {
	AddPart(levelPtr->cellPtr, levelPtr->cellRoles[i]);
    }
    return TCL_OK;
}

/* Compiles the levels; the set that all begins with is level 0. */
static int
Compile(Run *runPtr, DpHostset *setPtr, Tcl_Obj *levelsPtr)
{
    Tcl_Obj *nonePtr = Tcl_NewObj();
    Tcl_Obj **levels, **words;
    int count, numWords;
    int code;

    if (Tcl_ListObjGetElements(NULL, levelsPtr, &count, &levels) != TCL_OK) {
	Tcl_DecrRefCount(nonePtr);
	return FailLevels(runPtr, "they must be a list");
    }
    if (count > MAX_LEVELS) {
	Tcl_DecrRefCount(nonePtr);
	return FailLevels(runPtr, "there are more than 1000");
    }
    Tcl_IncrRefCount(nonePtr);
    runPtr->levels = DpAlloc((size_t) (count + 1) * sizeof(Level));
    runPtr->isolating = DpAlloc((size_t) count * sizeof(Level *));
    runPtr->numLevels = 1;
    DpHostsetHold(setPtr);
    code = TakeSet(runPtr, &runPtr->levels[0], setPtr);
    if (code == TCL_OK) {
	code = IsolateLevel(runPtr, &runPtr->levels[0], nonePtr, nonePtr);
    }
    for (int i = 0; code == TCL_OK && i < count; i++) {
	Level *levelPtr = &runPtr->levels[i + 1];

	runPtr->numLevels++;
	levelPtr->depth = i + 1;
	if (Tcl_ListObjGetElements(NULL, levels[i], &numWords, &words)
		!= TCL_OK || numWords != 3) {
	    code = FailLevels(runPtr, "each must be {SOURCE ROLE PATH}");
	    break;
	}
	code = SourceLevel(runPtr, levelPtr - 1, levelPtr, words[0]);
	if (code == TCL_OK) {
	    code = IsolateLevel(runPtr, levelPtr, words[1], words[2]);
	}
    }
    Tcl_DecrRefCount(nonePtr);
    return code;
}

/* Too many cells. Always TCL_ERROR. */
static int
FailCells(Run *runPtr)
{
    return DpFail(runPtr->interp, "ARGUMENT levels",
	    "these levels make more than %d cells", MAX_CELLS);
}

/*
 * Counts the cell that the choices of now make, or, in the second round, adds
 * its index.
 */
static int
AddIndex(Run *runPtr)
{
    Tcl_Obj *indexPtr;

    if (runPtr->listPtr == NULL) {
	if (++runPtr->numCells > MAX_CELLS) {
	    return FailCells(runPtr);
	}
	return TCL_OK;
    }
    if (runPtr->numIsolating == 1) {
	indexPtr = runPtr->isolating[0]->chosenPtr->slugPtr;
    } else {
	indexPtr = Tcl_NewListObj(0, NULL);
	for (int i = 0; i < runPtr->numIsolating; i++) {
	    Tcl_ListObjAppendElement(NULL, indexPtr,
		    runPtr->isolating[i]->chosenPtr->slugPtr);
	}
    }
    Tcl_ListObjAppendElement(NULL, runPtr->listPtr, indexPtr);
    return TCL_OK;
}

/* Goes through the hosts of the isolating level so deep and of those below. */
static int
Enumerate(Run *runPtr, int depth)
{
    Level *levelPtr;
    Node *nodePtr;
    unsigned long before;

    if (depth == runPtr->numIsolating) {
	return AddIndex(runPtr);
    }
    levelPtr = runPtr->isolating[depth];
    nodePtr = levelPtr->roles[levelPtr->isolated];
    before = nodePtr->serial;
    Evaluate(runPtr, nodePtr);
    if (nodePtr->foreign && nodePtr->serial != before) {
	DpHost *twinPtr = DpHostTwin(nodePtr->hosts, nodePtr->count);

	if (twinPtr != NULL) {
	    return DpHostsetFailTwin(runPtr->interp, twinPtr);
	}
    }
    for (int i = 0; i < nodePtr->count; i++) {
	levelPtr->chosenPtr = nodePtr->hosts[i];
	levelPtr->serial++;
	if (runPtr->listPtr == NULL && levelPtr->serial > MAX_CELLS) {
	    /* Maybe without one cell below them all. */
	    return FailCells(runPtr);
	}
	if (Enumerate(runPtr, depth + 1) != TCL_OK) {
	    return TCL_ERROR;
	}
    }
    return TCL_OK;
}

static void
FreeRun(Run *runPtr)
{
    while (runPtr->nodes != NULL) {
	Node *nodePtr = runPtr->nodes;

	runPtr->nodes = nodePtr->nextPtr;
	DpFree(nodePtr->parts);
	DpFree(nodePtr->hosts);
	DpFree(nodePtr->ranks);
	DpFree(nodePtr);
    }
    for (int i = 0; i < runPtr->numLevels; i++) {
	Level *levelPtr = &runPtr->levels[i];

	for (int j = 0; j < levelPtr->numRoles; j++) {
	    DpReleaseObj(&levelPtr->names[j]);
	}
	DpFree(levelPtr->names);
	DpFree(levelPtr->roles);
	DpFree(levelPtr->cellRoles);
    }
    for (int i = 0; i < runPtr->numSets; i++) {
	DpHostsetDrop(runPtr->sets[i]);
    }
    DpFree(runPtr->levels);
    DpFree(runPtr->isolating);
    DpFree(runPtr->sets);
    DpFree(runPtr->seen);
}

Tcl_Obj *
DpCellsList(Tcl_Interp *interp, DpHostSpace *spacePtr, DpHostset *setPtr,
	Tcl_Obj *levelsPtr)
{
    Run run;

    memset(&run, 0, sizeof(run));
    run.interp = interp;
    run.spacePtr = spacePtr;
    if (Compile(&run, setPtr, levelsPtr) == TCL_OK) {
	/* After the sets were made, which use the marks of hosts as well. */
	run.mark = ++spacePtr->mark;
	if (Enumerate(&run, 0) == TCL_OK) {
	    run.listPtr = Tcl_NewListObj(0, NULL);
	    Enumerate(&run, 0);
	}
    }
    FreeRun(&run);
    return run.listPtr;
}

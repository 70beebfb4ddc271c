/*
 * dpHostsetCmd.c -- the command core::hostset.
 *
 * Layer L4.
 */

#include "dpHostsetCmd.h"

#include "dpCells.h"
#include "dpError.h"
#include "dpHostsetCall.h"

#define ASSOC_KEY "::deployer::core::hostset"

typedef int (SubProc)(DpHostsetCall *callPtr);

/* Adds all members of a set to the role that is being filled. */
static void
AddAll(DpHostsetBuild *buildPtr, DpHostset *setPtr)
{
    DpHostset *basePtr = DpHostsetBase(setPtr);
    int count = DpHostsetCount(setPtr);

    for (int i = 0; i < count; i++) {
	DpHostsetAdd(buildPtr, basePtr->members[DpHostsetPlace(setPtr, i)]);
    }
}

static void
AddRole(DpHostsetBuild *buildPtr, DpHostset *setPtr, int role)
{
    DpHostset *basePtr = DpHostsetBase(setPtr);
    int count = DpHostsetRoleCount(setPtr, role);

    for (int i = 0; i < count; i++) {
	DpHostsetAdd(buildPtr, basePtr->members[
		DpHostsetRolePlace(setPtr, role, i)]);
    }
}

/*
 * Adds what the words of a role mean; with a set to map, its roles and `*`
 * come first, and a word that means nothing is passed over. *namedPtr becomes
 * true where hosts come in by name.
 */
static int
FillRole(DpHostsetCall *callPtr, DpHostsetBuild *buildPtr, Tcl_Obj *rolePtr,
	Tcl_Obj *listPtr, Tcl_Namespace *nsPtr, bool *namedPtr)
{
    Tcl_Obj **words;
    int count;

    if (Tcl_ListObjGetElements(NULL, listPtr, &count, &words) != TCL_OK) {
	return DpHostsetFail(callPtr->interp, "ARGUMENT", rolePtr,
		"role %.80s must be a list of hosts", Tcl_GetString(rolePtr));
    }
    DpHostsetRole(buildPtr, rolePtr);
    for (int i = 0; i < count; i++) {
	DpHostWord word;

	if (callPtr->setPtr != NULL) {
	    int role;

	    if (strcmp(Tcl_GetString(words[i]), "*") == 0) {
		AddAll(buildPtr, callPtr->setPtr);
		continue;
	    }
	    role = DpHostsetFindRole(callPtr->setPtr, words[i]);
	    if (role >= 0) {
		AddRole(buildPtr, callPtr->setPtr, role);
		continue;
	    }
	}
	word = DpHostsetResolve(callPtr->interp, words[i], nsPtr);
	if (word.hostPtr != NULL) {
	    DpHostsetAdd(buildPtr, word.hostPtr);
	    *namedPtr = true;
	} else if (word.setPtr != NULL) {
	    AddAll(buildPtr, word.setPtr);
	    *namedPtr = true;
	} else if (callPtr->setPtr == NULL) {
	    return DpHostsetFail(callPtr->interp, "HOSTS UNKNOWN", words[i],
		    "there is no host \"%.80s\" (role %.80s)",
		    Tcl_GetString(words[i]), Tcl_GetString(rolePtr));
	}
    }
    return TCL_OK;
}

/* make and map: the set of DICT, role -> words. */
static int
GiveRoles(DpHostsetCall *callPtr, Tcl_Obj *dictPtr, Tcl_Namespace *nsPtr)
{
    Tcl_DictSearch search;
    Tcl_Obj *rolePtr, *listPtr;
    DpHostsetBuild build;
    DpHostset *setPtr;
    DpHost *twinPtr;
    bool named = false;
    int done;
    int code = TCL_OK;

    if (Tcl_DictObjFirst(NULL, dictPtr, &search, &rolePtr, &listPtr, &done)
	    != TCL_OK) {
	return DpFail(callPtr->interp, "ARGUMENT roles",
		"roles must be a dict of role and list of hosts");
    }
    DpHostsetBegin(&build, callPtr->spacePtr);
    while (!done && code == TCL_OK) {
	code = FillRole(callPtr, &build, rolePtr, listPtr, nsPtr, &named);
	Tcl_DictObjNext(&search, &rolePtr, &listPtr, &done);
    }
    Tcl_DictObjDone(&search);
    if (code != TCL_OK) {
	DpHostsetAbort(&build);
	return code;
    }
    setPtr = DpHostsetEnd(&build);
    if (callPtr->setPtr != NULL && !named) {
	setPtr->checked = DpHostsetBase(callPtr->setPtr)->checked;
    }
    twinPtr = DpHostsetTwin(setPtr);
    if (twinPtr != NULL) {
	DpHostsetFailTwin(callPtr->interp, twinPtr);
	DpHostsetDrop(setPtr);
	return TCL_ERROR;
    }
    return DpHostsetCallGive(callPtr, setPtr);
}

/* make ROLES SPACE */
static int
MakeSub(DpHostsetCall *callPtr)
{
    return GiveRoles(callPtr, callPtr->objv[0], DpHostsetCallSpace(callPtr, 1));
}

/* map SET MAP SPACE */
static int
MapSub(DpHostsetCall *callPtr)
{
    return GiveRoles(callPtr, callPtr->objv[1], DpHostsetCallSpace(callPtr, 2));
}

/* The role of an argument; TCL_ERROR: there is none of that name. */
static int
GetRole(DpHostsetCall *callPtr, Tcl_Obj *namePtr, int *rolePtr)
{
    *rolePtr = DpHostsetFindRole(callPtr->setPtr, namePtr);
    if (*rolePtr >= 0) {
	return TCL_OK;
    }
    return DpHostsetFail(callPtr->interp, "ARGUMENT", namePtr,
	    "there is no role \"%.80s\" in this set", Tcl_GetString(namePtr));
}

/* cell SET ROLE POSITION */
static int
CellSub(DpHostsetCall *callPtr)
{
    int role;
    int index = DpHostsetDigits(callPtr->objv[2]);

    if (GetRole(callPtr, callPtr->objv[1], &role) != TCL_OK) {
	return TCL_ERROR;
    }
    if (index < 0 || index >= DpHostsetRoleCount(callPtr->setPtr, role)) {
	return DpHostsetFail(callPtr->interp, "ARGUMENT", callPtr->objv[2],
		"role \"%.80s\" has no host at position \"%.40s\"",
		Tcl_GetString(callPtr->objv[1]),
		Tcl_GetString(callPtr->objv[2]));
    }
    return DpHostsetCallGive(callPtr,
	    DpHostsetCell(callPtr->setPtr, role, index));
}

/*
 * The hosts that an optional role argument limits a call to: *rolePtr is -1
 * without it. False: there is no such role.
 */
static bool
OptionalRole(DpHostsetCall *callPtr, int arg, int *rolePtr)
{
    *rolePtr = -1;
    if (arg < callPtr->objc && Tcl_GetString(callPtr->objv[arg])[0] != '\0') {
	*rolePtr = DpHostsetFindRole(callPtr->setPtr, callPtr->objv[arg]);
	return *rolePtr >= 0;
    }
    return true;
}

static int
CountOf(DpHostset *setPtr, int role)
{
    return role < 0 ? DpHostsetCount(setPtr)
	    : DpHostsetRoleCount(setPtr, role);
}

static DpHost *
HostAt(DpHostset *setPtr, int role, int index)
{
    return DpHostsetBase(setPtr)->members[role < 0
	    ? DpHostsetPlace(setPtr, index)
	    : DpHostsetRolePlace(setPtr, role, index)];
}

/* count SET ?ROLE? */
static int
CountSub(DpHostsetCall *callPtr)
{
    int role;
    bool there = OptionalRole(callPtr, 1, &role);

    Tcl_SetObjResult(callPtr->interp,
	    Tcl_NewIntObj(there ? CountOf(callPtr->setPtr, role) : 0));
    return TCL_OK;
}

/* The name of a host; NULL and {DEPLOYER HOSTS UNKNOWN slug}: it is gone. */
static Tcl_Obj *
NameOf(DpHostsetCall *callPtr, DpHost *hostPtr)
{
    Tcl_Obj *namePtr = DpHostName(hostPtr);

    if (namePtr == NULL) {
	DpHostsetFail(callPtr->interp, "HOSTS UNKNOWN", hostPtr->slugPtr,
		"host %.80s no longer exists",
		Tcl_GetString(hostPtr->slugPtr));
    }
    return namePtr;
}

/* The names of the hosts of a role, or of all; refcount 0, NULL and error. */
static Tcl_Obj *
Names(DpHostsetCall *callPtr, int role)
{
    int count = CountOf(callPtr->setPtr, role);
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);

    for (int i = 0; i < count; i++) {
	Tcl_Obj *namePtr = NameOf(callPtr, HostAt(callPtr->setPtr, role, i));

	if (namePtr == NULL) {
	    Tcl_IncrRefCount(listPtr);
	    Tcl_DecrRefCount(listPtr);
	    return NULL;
	}
	Tcl_ListObjAppendElement(NULL, listPtr, namePtr);
    }
    return listPtr;
}

/* hosts SET ?ROLE? */
static int
HostsSub(DpHostsetCall *callPtr)
{
    int role;
    Tcl_Obj *listPtr;

    if (!OptionalRole(callPtr, 1, &role)) {
	return TCL_OK;
    }
    listPtr = Names(callPtr, role);
    if (listPtr == NULL) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(callPtr->interp, listPtr);
    return TCL_OK;
}

/* dict SET */
static int
DictSub(DpHostsetCall *callPtr)
{
    DpHostset *basePtr = DpHostsetBase(callPtr->setPtr);
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    Tcl_IncrRefCount(dictPtr);
    for (int role = 0; role < basePtr->numRoles; role++) {
	Tcl_Obj *listPtr = Names(callPtr, role);

	if (listPtr == NULL) {
	    Tcl_DecrRefCount(dictPtr);
	    return TCL_ERROR;
	}
	Tcl_DictObjPut(NULL, dictPtr, basePtr->roles[role].namePtr, listPtr);
    }
    Tcl_SetObjResult(callPtr->interp, dictPtr);
    Tcl_DecrRefCount(dictPtr);
    return TCL_OK;
}

/*
 * slugs SET ?ROLE? -- {DEPLOYER HOSTS DUPLICATE slug} where a slug was changed
 * to one that another member has: they are keys of results.
 */
static int
SlugsSub(DpHostsetCall *callPtr)
{
    DpHost *twinPtr = DpHostsetTwin(callPtr->setPtr);
    Tcl_Obj *listPtr;
    int role, count;

    if (twinPtr != NULL) {
	return DpHostsetFailTwin(callPtr->interp, twinPtr);
    }
    if (!OptionalRole(callPtr, 1, &role)) {
	return TCL_OK;
    }
    listPtr = Tcl_NewListObj(0, NULL);
    count = CountOf(callPtr->setPtr, role);
    for (int i = 0; i < count; i++) {
	Tcl_ListObjAppendElement(NULL, listPtr,
		HostAt(callPtr->setPtr, role, i)->slugPtr);
    }
    Tcl_SetObjResult(callPtr->interp, listPtr);
    return TCL_OK;
}

/* roles SET */
static int
RolesSub(DpHostsetCall *callPtr)
{
    DpHostset *basePtr = DpHostsetBase(callPtr->setPtr);
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);

    for (int role = 0; role < basePtr->numRoles; role++) {
	Tcl_ListObjAppendElement(NULL, listPtr, basePtr->roles[role].namePtr);
    }
    Tcl_SetObjResult(callPtr->interp, listPtr);
    return TCL_OK;
}

/* has SET ROLE */
static int
HasSub(DpHostsetCall *callPtr)
{
    Tcl_SetObjResult(callPtr->interp, Tcl_NewBooleanObj(
	    DpHostsetFindRole(callPtr->setPtr, callPtr->objv[1]) >= 0));
    return TCL_OK;
}

static int
FailPosition(DpHostsetCall *callPtr)
{
    return DpHostsetFail(callPtr->interp, "HOSTS UNKNOWN", callPtr->objv[1],
	    "there is no host at position \"%.40s\"",
	    Tcl_GetString(callPtr->objv[1]));
}

/* host SET POSITION ?ROLE? */
static int
HostSub(DpHostsetCall *callPtr)
{
    int index = DpHostsetDigits(callPtr->objv[1]);
    int role;
    bool there = OptionalRole(callPtr, 2, &role);
    Tcl_Obj *namePtr;

    if (!there || index < 0 || index >= CountOf(callPtr->setPtr, role)) {
	return FailPosition(callPtr);
    }
    namePtr = NameOf(callPtr, HostAt(callPtr->setPtr, role, index));
    if (namePtr == NULL) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(callPtr->interp, namePtr);
    return TCL_OK;
}

/* slug SET POSITION ?ROLE? -- the host may be gone. */
static int
SlugSub(DpHostsetCall *callPtr)
{
    int index = DpHostsetDigits(callPtr->objv[1]);
    int role;
    bool there = OptionalRole(callPtr, 2, &role);

    if (!there || index < 0 || index >= CountOf(callPtr->setPtr, role)) {
	return FailPosition(callPtr);
    }
    Tcl_SetObjResult(callPtr->interp,
	    HostAt(callPtr->setPtr, role, index)->slugPtr);
    return TCL_OK;
}

/* index SET INDEX ?ROLE? ?SPACE? */
static int
IndexSub(DpHostsetCall *callPtr)
{
    int place = -1;
    int role;

    if (OptionalRole(callPtr, 2, &role)) {
	place = DpHostsetFindIndex(callPtr, role, callPtr->objv[1],
		DpHostsetCallSpace(callPtr, 3));
    }
    if (place >= 0) {
	place = role < 0 ? DpHostsetIndex(callPtr->setPtr, place)
		: DpHostsetRoleIndex(callPtr->setPtr, role, place);
    }
    Tcl_SetObjResult(callPtr->interp, Tcl_NewIntObj(place));
    return TCL_OK;
}

/* cells SET LEVELS */
static int
CellsSub(DpHostsetCall *callPtr)
{
    Tcl_Obj *listPtr = DpCellsList(callPtr->interp, callPtr->spacePtr,
	    callPtr->setPtr, callPtr->objv[1]);

    if (listPtr == NULL) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(callPtr->interp, listPtr);
    return TCL_OK;
}

/* register OBJECT SLUG */
static int
RegisterSub(DpHostsetCall *callPtr)
{
    return DpHostRegister(callPtr->interp, callPtr->spacePtr,
	    callPtr->objv[0], callPtr->objv[1]);
}

/* carry SET OBJECT */
static int
CarrySub(DpHostsetCall *callPtr)
{
    return DpHostsetCarry(callPtr->interp, callPtr->objv[1],
	    callPtr->setPtr);
}

/* stats: what there is in memory. */
static int
StatsSub(DpHostsetCall *callPtr)
{
    Tcl_SetObjResult(callPtr->interp, Tcl_ObjPrintf("hosts %d sets %d",
	    callPtr->spacePtr->numHosts, callPtr->spacePtr->numSets));
    return TCL_OK;
}

typedef struct Sub {
    const char *name;
    SubProc *proc;
    bool reads;                 /* the first argument is a set */
    int min, max;               /* arguments */
    const char *usage;
} Sub;

static const Sub subs[] = {
    {"carry", CarrySub, true, 2, 2, "set object"},
    {"cell", CellSub, true, 3, 3, "set role position"},
    {"cells", CellsSub, true, 2, 2, "set levels"},
    {"count", CountSub, true, 1, 2, "set ?role?"},
    {"dict", DictSub, true, 1, 1, "set"},
    {"has", HasSub, true, 2, 2, "set role"},
    {"host", HostSub, true, 2, 3, "set position ?role?"},
    {"hosts", HostsSub, true, 1, 2, "set ?role?"},
    {"index", IndexSub, true, 2, 4, "set index ?role? ?space?"},
    {"make", MakeSub, false, 2, 2, "roles space"},
    {"map", MapSub, true, 3, 3, "set map space"},
    {"only", DpHostsetOnlySub, true, 2, 3, "set indexes ?space?"},
    {"pick", DpHostsetPickSub, true, 3, 3, "set words space"},
    {"register", RegisterSub, false, 2, 2, "object slug"},
    {"roles", RolesSub, true, 1, 1, "set"},
    {"select", DpHostsetSelectSub, true, 2, 2, "set slugs"},
    {"slug", SlugSub, true, 2, 3, "set position ?role?"},
    {"slugs", SlugsSub, true, 1, 2, "set ?role?"},
    {"stats", StatsSub, false, 0, 0, ""},
    {"without", DpHostsetWithoutSub, true, 2, 3, "set indexes ?space?"},
    {NULL, NULL, false, 0, 0, NULL}
};

static int
HostsetCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    DpHostsetCall call = {interp, clientData, NULL, objc - 2, objv + 2};
    int index;
    int code;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObjStruct(interp, objv[1], subs, sizeof(Sub),
	    "subcommand", TCL_EXACT, &index) != TCL_OK) {
	return TCL_ERROR;
    }
    if (call.objc < subs[index].min || call.objc > subs[index].max) {
	Tcl_WrongNumArgs(interp, 2, objv, subs[index].usage);
	return TCL_ERROR;
    }
    if (subs[index].reads) {
	call.setPtr = DpHostsetFromObj(interp, call.spacePtr, objv[2]);
	if (call.setPtr == NULL) {
	    return TCL_ERROR;
	}
    }
    code = subs[index].proc(&call);
    if (call.setPtr != NULL) {
	DpHostsetDrop(call.setPtr);
    }
    return code;
}

static void
SpaceEnded(ClientData clientData, Tcl_Interp *interp)
{
    DpHostSpace *spacePtr = clientData;

    (void) interp;
    spacePtr->interp = NULL;
    DpHostSpaceDrop(spacePtr);
}

static void
CommandEnded(ClientData clientData)
{
    DpHostSpaceDrop(clientData);
}

void
DpHostsetCmdInit(DpInterp *dpPtr)
{
    Tcl_Interp *interp = dpPtr->interp;
    DpHostSpace *spacePtr = Tcl_GetAssocData(interp, ASSOC_KEY, NULL);

    if (spacePtr == NULL) {
	spacePtr = DpHostSpaceNew(interp);
	Tcl_SetAssocData(interp, ASSOC_KEY, SpaceEnded, spacePtr);
    }
    DpHostSpaceHold(spacePtr);
    Tcl_CreateObjCommand(interp, "::deployer::core::hostset", HostsetCmd,
	    spacePtr, CommandEnded);
}

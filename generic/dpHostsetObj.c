/*
 * dpHostsetObj.c -- host sets as Tcl values, hosts and containers as objects.
 *
 * Layer L4. The string of a set is the list {MEMBERS ROLES}: the names of the
 * host objects, and role -> list of positions among them.
 */

#include "dpHostsetObj.h"

#include "dpError.h"
#include "dpObj.h"

#include <stdio.h>

static void FreeIntRep(Tcl_Obj *objPtr);
static void DupIntRep(Tcl_Obj *fromPtr, Tcl_Obj *toPtr);
static void UpdateString(Tcl_Obj *objPtr);

/* Sets are made from text by DpHostsetFromObj alone: it knows the space. */
static const Tcl_ObjType hostsetType = {
    "deployerHostset", FreeIntRep, DupIntRep, UpdateString, NULL
};

static void
HostObjectDeleted(ClientData clientData)
{
    DpHost *hostPtr = clientData;

    hostPtr->object = NULL;
    DpHostDrop(hostPtr);
}

/*
 * A copied host is none until its class registers it: the copy is another
 * object, which is not told here. Without a procedure Tcl would copy the
 * pointer.
 */
static int
CloneHost(Tcl_Interp *interp, ClientData oldData, ClientData *newDataPtr)
{
    (void) interp;
    (void) oldData;
    *newDataPtr = NULL;
    return TCL_OK;
}

static const Tcl_ObjectMetadataType hostType = {
    TCL_OO_METADATA_VERSION_CURRENT, "deployer host", HostObjectDeleted,
    CloneHost
};

static void
ContainerDeleted(ClientData clientData)
{
    DpHostsetDrop(clientData);
}

static int
CloneContainer(Tcl_Interp *interp, ClientData oldData, ClientData *newDataPtr)
{
    (void) interp;
    DpHostsetHold(oldData);
    *newDataPtr = oldData;
    return TCL_OK;
}

static const Tcl_ObjectMetadataType containerType = {
    TCL_OO_METADATA_VERSION_CURRENT, "deployer hosts", ContainerDeleted,
    CloneContainer
};

/* Takes out characters of which a precision in a format left only a part. */
static void
DropParts(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0';) {
	unsigned char lead = (unsigned char) *from;
	int wanted = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0;
	int count = 1;

	while (count <= wanted && ((unsigned char) from[count] & 0xc0) == 0x80) {
	    count++;
	}
	if (count > wanted) {
	    memmove(to, from, (size_t) count);
	    to += count;
	}
	from += count;
    }
    *to = '\0';
}

int
DpHostsetFail(Tcl_Interp *interp, const char *code, Tcl_Obj *wordPtr,
	const char *format, ...)
{
    Tcl_Obj *codePtr = Tcl_ObjPrintf("DEPLOYER %s", code);
    char message[600];
    va_list args;

    Tcl_ListObjAppendElement(NULL, codePtr, wordPtr);
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    DropParts(message);
    Tcl_SetObjResult(interp, Tcl_NewStringObj(message, -1));
    Tcl_SetObjErrorCode(interp, codePtr);
    return TCL_ERROR;
}

int
DpHostsetFailTwin(Tcl_Interp *interp, DpHost *hostPtr)
{
    return DpHostsetFail(interp, "HOSTS DUPLICATE", hostPtr->slugPtr,
	    "two different hosts have the slug \"%.80s\"",
	    Tcl_GetString(hostPtr->slugPtr));
}

int
DpHostRegister(Tcl_Interp *interp, DpHostSpace *spacePtr, Tcl_Obj *namePtr,
	Tcl_Obj *slugPtr)
{
    Tcl_Object object = Tcl_GetObjectFromObj(interp, namePtr);
    DpHost *hostPtr;

    if (object == NULL) {
	return TCL_ERROR;
    }
    if (Tcl_ObjectDeleted(object)) {
	/* Its metadata may be gone already and would not go again. */
	return TCL_OK;
    }
    hostPtr = Tcl_ObjectGetMetadata(object, &hostType);
    if (hostPtr != NULL) {
	DpHostSetSlug(hostPtr, slugPtr);
    } else {
	Tcl_ObjectSetMetadata(object, &hostType,
		DpHostNew(spacePtr, object, slugPtr));
    }
    return TCL_OK;
}

int
DpHostsetCarry(Tcl_Interp *interp, Tcl_Obj *namePtr, DpHostset *setPtr)
{
    Tcl_Object object = Tcl_GetObjectFromObj(interp, namePtr);

    if (object == NULL) {
	return TCL_ERROR;
    }
    if (Tcl_ObjectDeleted(object)) {
	return TCL_OK;
    }
    DpHostsetHold(setPtr);
    Tcl_ObjectSetMetadata(object, &containerType, setPtr);
    return TCL_OK;
}

Tcl_Namespace *
DpHostsetNamespace(Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    return Tcl_FindNamespace(interp, Tcl_GetString(namePtr), NULL, 0);
}

DpHostWord
DpHostsetResolve(Tcl_Interp *interp, Tcl_Obj *wordPtr, Tcl_Namespace *nsPtr)
{
    const char *name = Tcl_GetString(wordPtr);
    Tcl_Object object = NULL;
    DpHostWord word = {NULL, NULL};

    if (name[0] == ':' && name[1] == ':') {
	/* Seen the same from everywhere: the word may remember the command. */
	object = Tcl_GetObjectFromObj(interp, wordPtr);
    } else {
	Tcl_Command command = Tcl_FindCommand(interp, name, nsPtr,
		nsPtr == NULL ? TCL_GLOBAL_ONLY : 0);

	if (command != NULL) {
	    Tcl_Obj *fullPtr = Tcl_NewObj();

	    Tcl_IncrRefCount(fullPtr);
	    Tcl_GetCommandFullName(interp, command, fullPtr);
	    object = Tcl_GetObjectFromObj(interp, fullPtr);
	    Tcl_DecrRefCount(fullPtr);
	}
    }
    if (object == NULL) {
	Tcl_ResetResult(interp);
	return word;
    }
    if (!Tcl_ObjectDeleted(object)) {
	word.hostPtr = Tcl_ObjectGetMetadata(object, &hostType);
	word.setPtr = Tcl_ObjectGetMetadata(object, &containerType);
    }
    return word;
}

Tcl_Obj *
DpHostName(DpHost *hostPtr)
{
    Tcl_Obj *namePtr;

    if (hostPtr->object == NULL || Tcl_ObjectDeleted(hostPtr->object)) {
	return NULL;
    }
    namePtr = Tcl_GetObjectName(hostPtr->spacePtr->interp, hostPtr->object);
    return Tcl_GetString(namePtr)[0] != '\0' ? namePtr : NULL;
}

static DpHostset *
SetOf(const Tcl_Obj *objPtr)
{
    return objPtr->internalRep.twoPtrValue.ptr1;
}

static void
FreeIntRep(Tcl_Obj *objPtr)
{
    DpHostsetDrop(SetOf(objPtr));
    objPtr->typePtr = NULL;
}

static void
TakeIntRep(Tcl_Obj *objPtr, DpHostset *setPtr)
{
    DpHostsetHold(setPtr);
    objPtr->internalRep.twoPtrValue.ptr1 = setPtr;
    objPtr->internalRep.twoPtrValue.ptr2 = NULL;
    objPtr->typePtr = &hostsetType;
}

static void
DupIntRep(Tcl_Obj *fromPtr, Tcl_Obj *toPtr)
{
    TakeIntRep(toPtr, SetOf(fromPtr));
}

/* The list of positions of a role. */
static Tcl_Obj *
PositionsObj(DpHostset *setPtr, int role)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    int count = DpHostsetRoleCount(setPtr, role);

    for (int i = 0; i < count; i++) {
	Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewIntObj(DpHostsetIndex(
		setPtr, DpHostsetRolePlace(setPtr, role, i))));
    }
    return listPtr;
}

/*
 * A host that is gone has no name; what stands for it here is no command's
 * name, so that a later host of the same name is not taken for it.
 */
static void
UpdateString(Tcl_Obj *objPtr)
{
    DpHostset *setPtr = SetOf(objPtr);
    DpHostset *basePtr = DpHostsetBase(setPtr);
    Tcl_Obj *parts[2];
    Tcl_Obj *listPtr;
    const char *text;
    int length;
    int count = DpHostsetCount(setPtr);

    parts[0] = Tcl_NewListObj(0, NULL);
    for (int i = 0; i < count; i++) {
	DpHost *hostPtr = basePtr->members[DpHostsetPlace(setPtr, i)];
	Tcl_Obj *namePtr = DpHostName(hostPtr);

	if (namePtr == NULL) {
	    namePtr = Tcl_ObjPrintf("%s (gone)",
		    Tcl_GetString(hostPtr->slugPtr));
	}
	Tcl_ListObjAppendElement(NULL, parts[0], namePtr);
    }
    parts[1] = Tcl_NewListObj(0, NULL);
    for (int role = 0; role < basePtr->numRoles; role++) {
	Tcl_ListObjAppendElement(NULL, parts[1], basePtr->roles[role].namePtr);
	Tcl_ListObjAppendElement(NULL, parts[1], PositionsObj(setPtr, role));
    }
    listPtr = Tcl_NewListObj(2, parts);
    Tcl_IncrRefCount(listPtr);
    text = Tcl_GetStringFromObj(listPtr, &length);
    objPtr->bytes = ckalloc((unsigned) length + 1);
    memcpy(objPtr->bytes, text, (size_t) length + 1);
    objPtr->length = length;
    Tcl_DecrRefCount(listPtr);
}

Tcl_Obj *
DpHostsetNewObj(DpHostset *setPtr)
{
    Tcl_Obj *objPtr = Tcl_NewObj();

    Tcl_InvalidateStringRep(objPtr);
    TakeIntRep(objPtr, setPtr);
    return objPtr;
}

/* A value that is no set: {DEPLOYER ARGUMENT text}. Always NULL. */
static DpHostset *
FailParse(Tcl_Interp *interp, Tcl_Obj *objPtr, const char *why)
{
    char start[81];

    snprintf(start, sizeof(start), "%.80s", Tcl_GetString(objPtr));
    DpFail(interp, "ARGUMENT hostset", "\"%s\" is no host set: %s", start,
	    why);
    return NULL;
}

/* The hosts of a list of names; NULL and an error. The caller frees it. */
static DpHost **
ParseMembers(Tcl_Interp *interp, Tcl_Obj *objPtr, Tcl_Obj *listPtr,
	int *countPtr)
{
    Tcl_Obj **words;
    DpHost **hosts;
    int count;

    if (Tcl_ListObjGetElements(NULL, listPtr, &count, &words) != TCL_OK) {
	FailParse(interp, objPtr, "its members must be a list");
	return NULL;
    }
    hosts = DpAlloc((size_t) count * sizeof(DpHost *));
    for (int i = 0; i < count; i++) {
	hosts[i] = DpHostsetResolve(interp, words[i], NULL).hostPtr;
	if (hosts[i] == NULL) {
	    DpHostsetFail(interp, "HOSTS UNKNOWN", words[i],
		    "there is no host \"%.80s\"", Tcl_GetString(words[i]));
	    DpFree(hosts);
	    return NULL;
	}
    }
    *countPtr = count;
    return hosts;
}

/* Fills a build from text; NULL, or what is wrong with it. */
static const char *
ParseRoles(Tcl_Obj *rolesPtr, DpHost **hosts, int count,
	DpHostsetBuild *buildPtr)
{
    Tcl_Obj *namePtr, *listPtr;
    Tcl_Obj **words;
    Tcl_DictSearch search;
    int numWords, numRoles, place, done;
    const char *why = NULL;

    for (int i = 0; i < count; i++) {
	if (!DpHostsetMember(buildPtr, hosts[i])) {
	    return "a host stands in it twice";
	}
    }
    if (Tcl_ListObjLength(NULL, rolesPtr, &numWords) != TCL_OK
	    || Tcl_DictObjSize(NULL, rolesPtr, &numRoles) != TCL_OK
	    || numWords != 2 * numRoles) {
	return "its roles must be a dict, each once";
    }
    Tcl_DictObjFirst(NULL, rolesPtr, &search, &namePtr, &listPtr, &done);
    while (!done && why == NULL) {
	DpHostsetRole(buildPtr, namePtr);
	if (Tcl_ListObjGetElements(NULL, listPtr, &numWords, &words)
		!= TCL_OK) {
	    why = "a role must have a list of positions";
	    break;
	}
	for (int i = 0; i < numWords; i++) {
	    if (Tcl_GetIntFromObj(NULL, words[i], &place) != TCL_OK
		    || place < 0 || place >= count) {
		why = "a position in a role is not that of a member";
		break;
	    }
	    DpHostsetAdd(buildPtr, hosts[place]);
	}
	Tcl_DictObjNext(&search, &namePtr, &listPtr, &done);
    }
    Tcl_DictObjDone(&search);
    return why;
}

/* The set that a text means, one reference; NULL and an error. */
static DpHostset *
ParseSet(Tcl_Interp *interp, DpHostSpace *spacePtr, Tcl_Obj *objPtr)
{
    /* A list of its own: the value may be one that something else reads. */
    Tcl_Obj *listPtr = Tcl_NewStringObj(Tcl_GetString(objPtr), -1);
    Tcl_Obj **parts;
    DpHost **hosts = NULL;
    DpHost *twinPtr;
    DpHostset *setPtr = NULL;
    DpHostsetBuild build;
    const char *why;
    int numParts, count;

    Tcl_IncrRefCount(listPtr);
    if (Tcl_ListObjGetElements(NULL, listPtr, &numParts, &parts) != TCL_OK
	    || numParts != 2) {
	FailParse(interp, objPtr, "it must be a list of members and roles");
	goto done;
    }
    hosts = ParseMembers(interp, objPtr, parts[0], &count);
    if (hosts == NULL) {
	goto done;
    }
    DpHostsetBegin(&build, spacePtr);
    why = ParseRoles(parts[1], hosts, count, &build);
    if (why != NULL) {
	DpHostsetAbort(&build);
	FailParse(interp, objPtr, why);
	goto done;
    }
    setPtr = DpHostsetEnd(&build);
    if (!DpHostsetIsCovered(setPtr)) {
	FailParse(interp, objPtr, "a member stands in no role");
	DpHostsetDrop(setPtr);
	setPtr = NULL;
	goto done;
    }
    twinPtr = DpHostsetTwin(setPtr);
    if (twinPtr != NULL) {
	DpHostsetFailTwin(interp, twinPtr);
	DpHostsetDrop(setPtr);
	setPtr = NULL;
    }
  done:
    DpFree(hosts);
    Tcl_DecrRefCount(listPtr);
    return setPtr;
}

DpHostset *
DpHostsetFromObj(Tcl_Interp *interp, DpHostSpace *spacePtr, Tcl_Obj *objPtr)
{
    DpHostset *setPtr;

    if (objPtr->typePtr == &hostsetType
	    && SetOf(objPtr)->spacePtr == spacePtr) {
	setPtr = SetOf(objPtr);
	DpHostsetHold(setPtr);
	return setPtr;
    }
    setPtr = ParseSet(interp, spacePtr, objPtr);
    if (setPtr == NULL) {
	return NULL;
    }
    /* The string stays: it was asked for by ParseSet. */
    if (objPtr->typePtr != NULL && objPtr->typePtr->freeIntRepProc != NULL) {
	objPtr->typePtr->freeIntRepProc(objPtr);
    }
    TakeIntRep(objPtr, setPtr);
    return setPtr;
}

/*
 * dpMountAttr.c -- file attributes in a mount: -group -owner -permissions.
 *
 * Layer L4. Forms and messages are those of Tcl on Unix.
 */

#include "dpMountInt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { GROUP, OWNER, PERMISSIONS };

const char *const *
DpMountAttrStringsProc(Tcl_Obj *pathPtr, Tcl_Obj **objPtrPtr)
{
    static const char *const names[] = {
	"-group", "-owner", "-permissions", NULL
    };

    (void) pathPtr;
    (void) objPtrPtr;
    return names;
}

/* The name of a number, or the number of a name; NULL where there is none. */
static Tcl_Obj *
Translate(DpMount *mountPtr, bool group, const char *word)
{
    const char *words[] = {group ? "group" : "user", word};
    Tcl_Obj *resultPtr;
    int error;

    if (mountPtr->namesPtr == NULL) {
	return NULL;
    }
    resultPtr = DpMountEval(mountPtr, mountPtr->namesPtr, 2, words, &error);
    if (resultPtr != NULL && Tcl_GetString(resultPtr)[0] == '\0') {
	Tcl_DecrRefCount(resultPtr);
	resultPtr = NULL;
    }
    return resultPtr;
}

int
DpMountAttrsGetProc(Tcl_Interp *interp, int index, Tcl_Obj *pathPtr,
	Tcl_Obj **objPtrPtr)
{
    DpMountCall call;
    DpFsAttr attr;
    int code = TCL_OK;

    if (!DpMountBegin(&call, pathPtr)
	    || !DpMountStat(call.mountPtr, call.path, true, &attr)) {
	code = DpMountFail(interp, "could not read", pathPtr);
    } else if (index == PERMISSIONS) {
	*objPtrPtr = Tcl_ObjPrintf("%0#5lo", (long) (attr.mode & 0x7fff));
    } else {
	char number[16];
	Tcl_Obj *namePtr;

	snprintf(number, sizeof(number), "%lu",
		(unsigned long) (index == GROUP ? attr.gid : attr.uid));
	namePtr = Translate(call.mountPtr, index == GROUP, number);
	*objPtrPtr = namePtr != NULL ? Tcl_DuplicateObj(namePtr)
		: Tcl_NewStringObj(number, -1);
	if (namePtr != NULL) {
	    Tcl_DecrRefCount(namePtr);
	}
    }
    DpMountEnd(&call);
    return code;
}

/* --- permissions in words --- */

/* "rwxr-s--T": all nine places. */
static bool
ParseNine(const char *text, uint32_t *modePtr)
{
    uint32_t mode = 0;

    if (strlen(text) != 9) {
	return false;
    }
    for (int i = 0; i < 9; i++) {
	const uint32_t bit = 1u << (8 - i);
	const uint32_t special = 1u << (11 - i / 3);
	const char c = text[i];

	if (c == '-') {
	    continue;
	}
	if (c == "rwx"[i % 3]) {
	    mode |= bit;
	} else if (i % 3 == 2 && c == (i == 8 ? 't' : 's')) {
	    mode |= bit | special;
	} else if (i % 3 == 2 && c == (i == 8 ? 'T' : 'S')) {
	    mode |= special;
	} else {
	    return false;
	}
    }
    *modePtr = mode;
    return true;
}

/* The bits of who (u g o a) for one letter of chmod. */
static bool
ClauseBits(const char **textPtr, uint32_t *whoPtr, char *opPtr,
	uint32_t *whatPtr)
{
    static const struct {
	char letter;
	uint32_t bits;
    } who[] = {
	{'u', 04700}, {'g', 02070}, {'o', 01007}, {'a', 07777}
    }, what[] = {
	{'r', 0444}, {'w', 0222}, {'x', 0111}, {'s', 06000}, {'t', 01000}
    };
    const char *text = *textPtr;
    size_t i;

    *whoPtr = *whatPtr = 0;
    for (; *text != '\0'; text++) {
	for (i = 0; i < DP_ARRAY_SIZE(who) && who[i].letter != *text; i++) {
	}
	if (i == DP_ARRAY_SIZE(who)) {
	    break;
	}
	*whoPtr |= who[i].bits;
    }
    if (*whoPtr == 0) {
	*whoPtr = 07777;
    }
    *opPtr = *text;
    if (*text != '+' && *text != '-' && *text != '=') {
	return false;
    }
    for (text++; *text != '\0' && *text != ','; text++) {
	for (i = 0; i < DP_ARRAY_SIZE(what) && what[i].letter != *text; i++) {
	}
	if (i == DP_ARRAY_SIZE(what)) {
	    return false;
	}
	*whatPtr |= what[i].bits;
    }
    *textPtr = *text == ',' ? text + 1 : text;
    return true;
}

/* "u+w,go=rx" */
static bool
ParseClauses(const char *text, uint32_t *modePtr)
{
    uint32_t mode = *modePtr, who, what;
    char op;

    while (*text != '\0') {
	if (!ClauseBits(&text, &who, &op, &what)) {
	    return false;
	}
	if (op == '=') {
	    mode &= ~who;
	}
	mode = op == '-' ? mode & ~(who & what) : mode | (who & what);
    }
    *modePtr = mode;
    return true;
}

/* A number: one that begins with 0 is octal, as ever. */
static bool
ParseNumber(Tcl_Obj *objPtr, uint32_t *modePtr)
{
    const char *text = Tcl_GetString(objPtr);
    char *end;
    long mode;

    while (*text == ' ' || *text == '\t' || *text == '\n') {
	text++;
    }
    if (text[0] == '0' && text[1] >= '0' && text[1] <= '7') {
	mode = strtol(text, &end, 8);
	if (*end != '\0') {
	    return false;
	}
    } else if (Tcl_GetLongFromObj(NULL, objPtr, &mode) != TCL_OK) {
	return false;
    }
    *modePtr = (uint32_t) mode & 07777;
    return true;
}

/* --- setting --- */

static int
SetPermissions(Tcl_Interp *interp, DpMountCall *callPtr, Tcl_Obj *pathPtr,
	Tcl_Obj *valuePtr)
{
    const char *text = Tcl_GetString(valuePtr);
    DpFsRequest request = {.kind = DP_FS_SETSTAT, .path = callPtr->path};
    uint32_t mode;
    DpFsAttr attr;

    if (!ParseNumber(valuePtr, &mode)) {
	if (!DpMountStat(callPtr->mountPtr, callPtr->path, true, &attr)) {
	    return DpMountFail(interp, "could not read", pathPtr);
	}
	mode = attr.mode & 07777;
	if (!ParseNine(text, &mode) && !ParseClauses(text, &mode)) {
	    if (interp != NULL) {
		Tcl_SetObjResult(interp, Tcl_ObjPrintf(
			"unknown permission string format \"%s\"", text));
		Tcl_SetErrorCode(interp, "TCL", "VALUE", "PERMISSION",
			(char *) NULL);
	    }
	    return TCL_ERROR;
	}
    }
    request.attr.has = DP_FS_MODE;
    request.attr.mode = mode;
    if (DpMountDo(callPtr->mountPtr, &request) != 0) {
	return DpMountFail(interp, "could not set permissions for file",
		pathPtr);
    }
    return TCL_OK;
}

static int
NoSuchName(Tcl_Interp *interp, bool group, Tcl_Obj *pathPtr,
	const char *name)
{
    const char *kind = group ? "group" : "user";

    if (interp != NULL) {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf("could not set %s for file"
		" \"%s\": %s \"%s\" does not exist", group ? "group" : "owner",
		Tcl_GetString(pathPtr), kind, name));
	Tcl_SetErrorCode(interp, "TCL", "LOOKUP", group ? "GROUP" : "USER",
		name, (char *) NULL);
    }
    return TCL_ERROR;
}

static int
SetOwner(Tcl_Interp *interp, DpMountCall *callPtr, bool group,
	Tcl_Obj *pathPtr, Tcl_Obj *valuePtr)
{
    const char *doing = group ? "could not set group for file"
	    : "could not set owner for file";
    DpFsRequest request = {.kind = DP_FS_SETSTAT, .path = callPtr->path};
    DpFsAttr attr;
    long id;

    if (Tcl_GetLongFromObj(NULL, valuePtr, &id) != TCL_OK) {
	Tcl_Obj *numberPtr = Translate(callPtr->mountPtr, group,
		Tcl_GetString(valuePtr));
	int code = TCL_ERROR;

	if (numberPtr != NULL) {
	    code = Tcl_GetLongFromObj(NULL, numberPtr, &id);
	    Tcl_DecrRefCount(numberPtr);
	}
	if (code != TCL_OK) {
	    return NoSuchName(interp, group, pathPtr,
		    Tcl_GetString(valuePtr));
	}
    }

    /* They are set together only. */
    if (!DpMountStat(callPtr->mountPtr, callPtr->path, true, &attr)) {
	return DpMountFail(interp, doing, pathPtr);
    }
    request.attr.has = DP_FS_OWNER;
    request.attr.uid = group ? attr.uid : (uint32_t) id;
    request.attr.gid = group ? (uint32_t) id : attr.gid;
    if (DpMountDo(callPtr->mountPtr, &request) != 0) {
	return DpMountFail(interp, doing, pathPtr);
    }
    return TCL_OK;
}

int
DpMountAttrsSetProc(Tcl_Interp *interp, int index, Tcl_Obj *pathPtr,
	Tcl_Obj *valuePtr)
{
    DpMountCall call;
    int code;

    if (!DpMountBeginChange(&call, pathPtr)) {
	code = DpMountFail(interp, index == PERMISSIONS
		? "could not set permissions for file" : index == GROUP
		? "could not set group for file"
		: "could not set owner for file", pathPtr);
    } else if (index == PERMISSIONS) {
	code = SetPermissions(interp, &call, pathPtr, valuePtr);
    } else {
	code = SetOwner(interp, &call, index == GROUP, pathPtr, valuePtr);
    }
    DpMountEnd(&call);
    return code;
}

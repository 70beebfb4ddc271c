/*
 * dpMountGlob.c -- glob in a mount.
 *
 * Layer L4. One listing tells the attributes of all entries; only symbolic
 * links are asked for where they lead, all at once.
 */

#include "dpMountInt.h"

#include "dpMountStat.h"

#include <errno.h>

/* So many questions are under way at most. */
#define MOST_UNDER_WAY 256

/* An entry of a directory that fits the pattern. */
typedef struct Match {
    char *name;                 /* as Tcl has it */
    char *path;                 /* of the host */
    DpFsAttr attr;              /* lstat */
    DpMountAnswer answer;       /* where a link leads */
    bool asked;
} Match;

static int
TypeBit(char type)
{
    switch (type) {
    case 'f':
	return TCL_GLOB_TYPE_FILE;
    case 'd':
	return TCL_GLOB_TYPE_DIR;
    case 'l':
	return TCL_GLOB_TYPE_LINK;
    case 'p':
	return TCL_GLOB_TYPE_PIPE;
    case 's':
	return TCL_GLOB_TYPE_SOCK;
    case 'c':
	return TCL_GLOB_TYPE_CHAR;
    case 'b':
	return TCL_GLOB_TYPE_BLOCK;
    }
    return 0;
}

/*
 * As Tcl's own: types are those of what a link leads to, or "l" itself;
 * linkPtr is of the entry, attrPtr of what it leads to, NULL: to nothing.
 */
static bool
FitsTypes(DpMount *mountPtr, const Tcl_GlobTypeData *typesPtr,
	const char *name, const DpFsAttr *linkPtr, const DpFsAttr *attrPtr)
{
    static const struct {
	int bit, mode;
    } wanted[] = {
	{TCL_GLOB_PERM_R, 4}, {TCL_GLOB_PERM_W, 2}, {TCL_GLOB_PERM_X, 1}
    };
    const int perm = typesPtr->perm;

    if (perm != 0 && attrPtr == NULL) {
	return false;
    }
    if ((perm & TCL_GLOB_PERM_RONLY) && (attrPtr->mode & 0222)) {
	return false;
    }
    if ((perm & TCL_GLOB_PERM_HIDDEN) && name[0] != '.') {
	return false;
    }
    for (size_t i = 0; i < DP_ARRAY_SIZE(wanted); i++) {
	if ((perm & wanted[i].bit)
		&& !DpMountMay(mountPtr, attrPtr, wanted[i].mode)) {
	    return false;
	}
    }
    if (typesPtr->type == 0) {
	return perm != 0 || attrPtr != NULL;
    }
    return (attrPtr != NULL
	    && (typesPtr->type & TypeBit(DpMountType(attrPtr->mode))))
	    || ((typesPtr->type & TCL_GLOB_TYPE_LINK)
	    && DpMountType(linkPtr->mode) == 'l');
}

/* One path, without a pattern. */
static int
MatchOne(DpMountCall *callPtr, Tcl_Obj *resultPtr, Tcl_Obj *pathPtr,
	const Tcl_GlobTypeData *typesPtr)
{
    const char *name = strrchr(callPtr->path, '/') + 1;
    DpFsAttr link, attr;
    bool fits = DpMountStat(callPtr->mountPtr, callPtr->path, false, &link);

    if (fits && typesPtr != NULL) {
	bool leads = DpMountType(link.mode) != 'l';

	attr = link;
	if (!leads) {
	    leads = DpMountStat(callPtr->mountPtr, callPtr->path, true,
		    &attr);
	}
	fits = FitsTypes(callPtr->mountPtr, typesPtr, name, &link,
		leads ? &attr : NULL);
    }
    if (fits) {
	Tcl_ListObjAppendElement(NULL, resultPtr, pathPtr);
    }
    return TCL_OK;
}

/* Asks where links lead, a batch at a time. The error of a lost connection. */
static int
FollowLinks(DpMount *mountPtr, Match *matches, int count)
{
    int lost = 0;

    for (int i = 0, first = 0, pending = 0; i <= count; i++) {
	if (i == count || pending == MOST_UNDER_WAY) {
	    for (; first < i; first++) {
		Match *matchPtr = &matches[first];
		int error = matchPtr->asked ? DpMountWait(&matchPtr->answer)
			: 0;

		if (error == ECONNRESET || error == EINTR) {
		    lost = error;
		} else if (matchPtr->asked && error == 0) {
		    DpMountCachePut(mountPtr, matchPtr->path, true,
			    &matchPtr->answer.attr);
		}
	    }
	    pending = 0;
	}
	if (i < count && (DpMountType(matches[i].attr.mode) == 'l'
		|| !(matches[i].attr.has & DP_FS_MODE))) {
	    DpFsRequest request = {
		.kind = DP_FS_STAT, .path = matches[i].path
	    };

	    DpMountSubmit(mountPtr, &matches[i].answer, &request);
	    matches[i].asked = true;
	    pending++;
	}
    }
    return lost;
}

/* "." and ".." are no entries here, but to Tcl they are. */
static int
AddDots(DpMountCall *callPtr, const char *pattern, Match *matches)
{
    static const char *const names[] = {".", ".."};
    int count = 0;

    for (size_t i = 0; i < DP_ARRAY_SIZE(names); i++) {
	if (Tcl_StringMatch(names[i], pattern)) {
	    matches[count].name = DpStrdup(names[i]);
	    matches[count++].path = DpMountJoin(callPtr->path, names[i]);
	}
    }
    return count;
}

/* The entries of a listing that fit the pattern; the caller frees them. */
static Match *
FindMatches(DpMountCall *callPtr, const DpMountAnswer *listPtr,
	const char *pattern, bool hidden, int *countPtr)
{
    Match *matches = DpAlloc(((size_t) listPtr->count + 2)
	    * sizeof(*matches));
    const char *name = listPtr->names;
    int count = hidden ? AddDots(callPtr, pattern, matches) : 0;

    for (int i = 0; i < listPtr->count; i++, name += strlen(name) + 1) {
	char *path = DpMountJoin(callPtr->path, name);
	Tcl_DString text;

	DpMountCachePut(callPtr->mountPtr, path, false, &listPtr->attrs[i]);
	DpFsText(callPtr->mountPtr->fsPtr, name, &text);
	if ((name[0] == '.') == hidden
		&& Tcl_StringMatch(Tcl_DStringValue(&text), pattern)) {
	    matches[count].name = DpStrdup(Tcl_DStringValue(&text));
	    matches[count].path = path;
	    matches[count].attr = listPtr->attrs[i];
	    path = NULL;
	    count++;
	}
	Tcl_DStringFree(&text);
	DpFree(path);
    }
    *countPtr = count;
    return matches;
}

static void
AddMatches(DpMountCall *callPtr, Tcl_Obj *resultPtr, Tcl_Obj *pathPtr,
	const Tcl_GlobTypeData *typesPtr, Match *matches, int count)
{
    int length;
    const char *directory = Tcl_GetStringFromObj(pathPtr, &length);
    const bool slash = length == 0 || directory[length - 1] != '/';

    for (int i = 0; i < count; i++) {
	Match *matchPtr = &matches[i];
	const DpFsAttr *attrPtr = &matchPtr->attr;

	if (matchPtr->asked) {
	    attrPtr = matchPtr->answer.error == 0 ? &matchPtr->answer.attr
		    : NULL;
	}
	if (typesPtr == NULL || FitsTypes(callPtr->mountPtr, typesPtr,
		matchPtr->name, &matchPtr->attr, attrPtr)) {
	    Tcl_Obj *objPtr = Tcl_NewStringObj(directory, length);

	    Tcl_AppendToObj(objPtr, "/", slash);
	    Tcl_AppendToObj(objPtr, matchPtr->name, -1);
	    Tcl_ListObjAppendElement(NULL, resultPtr, objPtr);
	}
    }
}

static int
MatchAll(Tcl_Interp *interp, DpMountCall *callPtr, Tcl_Obj *resultPtr,
	Tcl_Obj *pathPtr, const char *pattern,
	const Tcl_GlobTypeData *typesPtr)
{
    DpFsRequest request = {.kind = DP_FS_LIST, .path = callPtr->path};
    const bool hidden = pattern[0] == '.'
	    || (pattern[0] == '\\' && pattern[1] == '.')
	    || (typesPtr != NULL && (typesPtr->perm & TCL_GLOB_PERM_HIDDEN));
    DpMountAnswer list;
    Match *matches;
    int count, error = DpMountAsk(callPtr->mountPtr, &list, &request);

    if (error == EIO) {
	DpFsAttr attr;

	/* Servers of SFTP have no words for that. */
	if (DpMountStat(callPtr->mountPtr, callPtr->path, true, &attr)
		&& DpMountType(attr.mode) != 'd') {
	    error = ENOTDIR;
	}
    }
    if (error != 0) {
	DpMountFree(&list);
	if (error == ENOENT || error == ENOTDIR) {
	    return TCL_OK;
	}
	Tcl_SetErrno(error);
	return DpMountFail(interp, "couldn't read directory", pathPtr);
    }
    matches = FindMatches(callPtr, &list, pattern, hidden, &count);
    DpMountFree(&list);
    if (typesPtr != NULL) {
	error = FollowLinks(callPtr->mountPtr, matches, count);
    }
    if (error == 0) {
	AddMatches(callPtr, resultPtr, pathPtr, typesPtr, matches, count);
    }
    for (int i = 0; i < count; i++) {
	if (matches[i].asked) {
	    DpMountFree(&matches[i].answer);
	}
	DpFree(matches[i].name);
	DpFree(matches[i].path);
    }
    DpFree(matches);
    if (error != 0) {
	Tcl_SetErrno(error);
	return DpMountFail(interp, "couldn't read directory", pathPtr);
    }
    return TCL_OK;
}

int
DpMountMatchProc(Tcl_Interp *interp, Tcl_Obj *resultPtr, Tcl_Obj *pathPtr,
	const char *pattern, Tcl_GlobTypeData *typesPtr)
{
    DpMountCall call;
    int code = TCL_OK;

    if (typesPtr != NULL && typesPtr->type == TCL_GLOB_TYPE_MOUNT) {
	DpMountMatch(resultPtr, pathPtr, pattern);
	return TCL_OK;
    }
    if (!DpMountBegin(&call, pathPtr)) {
	/* A host that is away has no empty directories. */
	if (Tcl_GetErrno() != ENOENT) {
	    code = DpMountFail(interp, "couldn't read directory", pathPtr);
	}
    } else if (pattern == NULL || pattern[0] == '\0') {
	code = MatchOne(&call, resultPtr, pathPtr, typesPtr);
    } else {
	code = MatchAll(interp, &call, resultPtr, pathPtr, pattern, typesPtr);
    }
    DpMountEnd(&call);
    return code;
}

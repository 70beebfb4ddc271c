/*
 * dpFsCmdObj.c -- paths and attributes of files as objects of Tcl's.
 *
 * Layer L4.
 */

#include "dpFsCmdInt.h"

int
DpFsPathBytes(Tcl_Interp *interp, const DpFs *fsPtr, Tcl_Obj *pathPtr,
	Tcl_DString *bytesPtr)
{
    Tcl_Encoding encoding = fsPtr->native ? NULL
	    : Tcl_GetEncoding(NULL, "utf-8");
    int length;
    const char *path = Tcl_GetStringFromObj(pathPtr, &length);

    Tcl_UtfToExternalDString(encoding, path, length, bytesPtr);
    if (encoding != NULL) {
	Tcl_FreeEncoding(encoding);
    }
    if (length > 0 && strlen(Tcl_DStringValue(bytesPtr))
	    == (size_t) Tcl_DStringLength(bytesPtr)) {
	return TCL_OK;
    }
    Tcl_DStringFree(bytesPtr);
    if (interp == NULL) {
	return TCL_ERROR;
    }
    return DpFail(interp, "ARGUMENT {}", length > 0
	    ? "a path cannot have a NUL character"
	    : "an empty string is no path");
}

Tcl_Obj *
DpFsPathObj(const DpFs *fsPtr, const char *path)
{
    Tcl_DString text;
    Tcl_Obj *pathPtr;

    DpFsText(fsPtr, path, &text);
    pathPtr = Tcl_NewStringObj(Tcl_DStringValue(&text),
	    Tcl_DStringLength(&text));
    Tcl_DStringFree(&text);
    return pathPtr;
}

typedef enum Key {
    KEY_ATIME, KEY_CTIME, KEY_DEV, KEY_GID, KEY_INO, KEY_MODE, KEY_MTIME,
    KEY_NLINK, KEY_SIZE, KEY_UID
} Key;

static const char *const keyNames[DP_FS_KEYS + 1] = {
    "atime", "ctime", "dev", "gid", "ino", "mode", "mtime", "nlink", "size",
    "uid", NULL
};

void
DpFsKeysInit(Tcl_Obj *keys[DP_FS_KEYS])
{
    for (int i = 0; i < DP_FS_KEYS; i++) {
	keys[i] = Tcl_NewStringObj(keyNames[i], -1);
	Tcl_IncrRefCount(keys[i]);
    }
}

void
DpFsKeysFree(Tcl_Obj *keys[DP_FS_KEYS])
{
    for (int i = 0; i < DP_FS_KEYS; i++) {
	Tcl_DecrRefCount(keys[i]);
    }
}

/* As a list, which takes a fraction of a dict's memory. */
Tcl_Obj *
DpFsAttrList(const DpFsAttr *attrPtr, Tcl_Obj *keys[DP_FS_KEYS])
{
    const struct {
	Key key;
	unsigned has;
	uint64_t value;
    } fields[] = {
	{KEY_ATIME, DP_FS_TIMES, (uint64_t) attrPtr->atime},
	{KEY_CTIME, DP_FS_CTIME, (uint64_t) attrPtr->ctime},
	{KEY_DEV, DP_FS_INODE, attrPtr->device},
	{KEY_GID, DP_FS_OWNER, attrPtr->gid},
	{KEY_INO, DP_FS_INODE, attrPtr->inode},
	{KEY_MODE, DP_FS_MODE, attrPtr->mode},
	{KEY_MTIME, DP_FS_TIMES, (uint64_t) attrPtr->mtime},
	{KEY_NLINK, DP_FS_INODE, attrPtr->nlink},
	{KEY_SIZE, DP_FS_SIZE, attrPtr->size},
	{KEY_UID, DP_FS_OWNER, attrPtr->uid}
    };
    Tcl_Obj *words[2 * DP_FS_KEYS];
    int count = 0;

    for (size_t i = 0; i < DP_ARRAY_SIZE(fields); i++) {
	if (attrPtr->has & fields[i].has) {
	    words[count++] = keys[fields[i].key];
	    words[count++] = Tcl_NewWideIntObj((Tcl_WideInt)
		    fields[i].value);
	}
    }
    return Tcl_NewListObj(count, words);
}

Tcl_Obj *
DpFsAttrObj(const DpFsAttr *attrPtr)
{
    Tcl_Obj *keys[DP_FS_KEYS];
    Tcl_Obj *listPtr;

    DpFsKeysInit(keys);
    listPtr = DpFsAttrList(attrPtr, keys);
    DpFsKeysFree(keys);
    return listPtr;
}

static int
CheckPairs(Tcl_Interp *interp, unsigned given)
{
    const unsigned uid = 1u << KEY_UID, gid = 1u << KEY_GID;

    if (!(given & uid) == !(given & gid)) {
	return TCL_OK;
    }
    Tcl_SetObjResult(interp, Tcl_NewStringObj(
	    "uid and gid are set together", -1));
    Tcl_SetErrorCode(interp, "TCL", "VALUE", "ATTRIBUTES", (char *) NULL);
    return TCL_ERROR;
}

int
DpFsAttrGet(Tcl_Interp *interp, Tcl_Obj *dictPtr, DpFsAttr *attrPtr)
{
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    Tcl_WideInt value;
    unsigned given = 0;
    int done, index;

    memset(attrPtr, 0, sizeof(*attrPtr));
    if (Tcl_DictObjFirst(interp, dictPtr, &search, &keyPtr, &valuePtr, &done)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    for (; !done; Tcl_DictObjNext(&search, &keyPtr, &valuePtr, &done)) {
	if (Tcl_GetIndexFromObj(interp, keyPtr, keyNames, "attribute",
		TCL_EXACT, &index) != TCL_OK
		|| Tcl_GetWideIntFromObj(interp, valuePtr, &value)
		!= TCL_OK) {
	    Tcl_DictObjDone(&search);
	    return TCL_ERROR;
	}
	given |= 1u << index;
	switch ((Key) index) {
	case KEY_ATIME:
	    attrPtr->has |= DP_FS_TIMES;
	    attrPtr->atime = value;
	    break;
	case KEY_MTIME:
	    attrPtr->has |= DP_FS_TIMES;
	    attrPtr->mtime = value;
	    break;
	case KEY_GID:
	    attrPtr->has |= DP_FS_OWNER;
	    attrPtr->gid = (uint32_t) value;
	    break;
	case KEY_UID:
	    attrPtr->has |= DP_FS_OWNER;
	    attrPtr->uid = (uint32_t) value;
	    break;
	case KEY_MODE:
	    attrPtr->has |= DP_FS_MODE;
	    attrPtr->mode = (uint32_t) value;
	    break;
	case KEY_SIZE:
	    attrPtr->has |= DP_FS_SIZE;
	    attrPtr->size = (uint64_t) value;
	    break;
	default:
	    Tcl_DictObjDone(&search);
	    Tcl_SetObjResult(interp, Tcl_ObjPrintf(
		    "attribute \"%s\" cannot be set", keyNames[index]));
	    Tcl_SetErrorCode(interp, "TCL", "VALUE", "ATTRIBUTES",
		    (char *) NULL);
	    return TCL_ERROR;
	}
    }
    Tcl_DictObjDone(&search);
    if (!(given & (1u << KEY_ATIME))) {
	attrPtr->atime = attrPtr->mtime;
    }
    if (!(given & (1u << KEY_MTIME))) {
	attrPtr->mtime = attrPtr->atime;
    }
    return CheckPairs(interp, given);
}

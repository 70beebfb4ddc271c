/*
 * dpTextCmd.c -- the command core::text: texts as a terminal shows them.
 *
 * Layer L4.
 *
 *     show ?-lines? ?-colors? TEXT    without what a terminal would obey; with
 *                                     -lines newlines stay, with -colors colours
 *     width TEXT                      columns of a text that is shown
 *     fit TEXT COLUMNS ?ELLIPSIS?     the part that fits, with ELLIPSIS where
 *                                     something is left out
 *     pad TEXT COLUMNS                the text and spaces
 *     table ROWS OPTIONS              a dict of headers, aligns (lists), width,
 *                                     ellipsis, rule, bold, plain
 *     columns WORDS WIDTH ELLIPSIS    as ls; 0: one on each line
 *     chop TEXT                       without one newline at its end; texts of
 *                                     any size, and bytes stay bytes
 */

#include "dpTextCmd.h"

#include "dpError.h"
#include "dpTable.h"
#include "dpWidth.h"

#include <limits.h>

/* The buffer, which is freed, as the result. */
static int
SetText(Tcl_Interp *interp, DpBuf *bufPtr)
{
    size_t length = DpBufLength(bufPtr);
    int code = TCL_OK;

    if (length >= INT_MAX) {
	code = DpFail(interp, "ARGUMENT text",
		"a text of 2 GiB and more cannot be shown");
    } else if (length > 0) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		(const char *) DpBufData(bufPtr), (int) length));
    }
    DpBufFree(bufPtr);
    return code;
}

static int
ShowText(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    static const char *const names[] = {"-colors", "-lines", NULL};
    static const int values[] = {DP_WIDTH_COLORS, DP_WIDTH_LINES};
    DpBuf shown = {0};
    int flags = 0, length, index;
    const char *text;

    if (objc < 3) {
	Tcl_WrongNumArgs(interp, 2, objv, "?-lines? ?-colors? text");
	return TCL_ERROR;
    }
    for (int i = 2; i < objc - 1; i++) {
	if (Tcl_GetIndexFromObj(interp, objv[i], names, "option", TCL_EXACT,
		&index) != TCL_OK) {
	    return TCL_ERROR;
	}
	flags |= values[index];
    }
    text = Tcl_GetStringFromObj(objv[objc - 1], &length);
    DpWidthShow(&shown, text, (size_t) length, flags);
    return SetText(interp, &shown);
}

static int
WidthOfText(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    const char *text;
    int length;

    if (objc != 3) {
	Tcl_WrongNumArgs(interp, 2, objv, "text");
	return TCL_ERROR;
    }
    text = Tcl_GetStringFromObj(objv[2], &length);
    Tcl_SetObjResult(interp, Tcl_NewWideIntObj(
	    (Tcl_WideInt) DpWidthText(text, (size_t) length)));
    return TCL_OK;
}

static int
GetColumns(Tcl_Interp *interp, Tcl_Obj *objPtr, size_t *columnsPtr)
{
    int columns;

    if (Tcl_GetIntFromObj(interp, objPtr, &columns) != TCL_OK) {
	return TCL_ERROR;
    }
    *columnsPtr = columns > 0 ? (size_t) columns : 0;
    return TCL_OK;
}

static int
FitText(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    const char *text, *ellipsis = "";
    size_t columns, used, fits, dots;
    DpBuf shown = {0};
    int length;

    if (objc != 4 && objc != 5) {
	Tcl_WrongNumArgs(interp, 2, objv, "text columns ?ellipsis?");
	return TCL_ERROR;
    }
    if (GetColumns(interp, objv[3], &columns) != TCL_OK) {
	return TCL_ERROR;
    }
    text = Tcl_GetStringFromObj(objv[2], &length);
    fits = DpWidthFit(text, (size_t) length, columns, &used);
    if (fits == (size_t) length) {
	Tcl_SetObjResult(interp, objv[2]);
	return TCL_OK;
    }
    if (objc == 5) {
	ellipsis = Tcl_GetString(objv[4]);
    }
    dots = DpWidthText(ellipsis, strlen(ellipsis));
    if (dots <= columns) {
	fits = DpWidthFit(text, (size_t) length, columns - dots, &used);
    }
    DpBufAppend(&shown, text, fits);
    if (dots <= columns) {
	DpBufAppend(&shown, ellipsis, strlen(ellipsis));
    }
    return SetText(interp, &shown);
}

static int
PadText(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    size_t columns, width;
    DpBuf shown = {0};
    const char *text;
    int length;

    if (objc != 4) {
	Tcl_WrongNumArgs(interp, 2, objv, "text columns");
	return TCL_ERROR;
    }
    if (GetColumns(interp, objv[3], &columns) != TCL_OK) {
	return TCL_ERROR;
    }
    text = Tcl_GetStringFromObj(objv[2], &length);
    width = DpWidthText(text, (size_t) length);
    DpBufAppend(&shown, text, (size_t) length);
    for (; width < columns; width++) {
	DpBufAppend(&shown, " ", 1);
    }
    return SetText(interp, &shown);
}

/* The value of a key of the options, NULL where it is not there. */
static Tcl_Obj *
Option(Tcl_Obj *dictPtr, const char *name)
{
    Tcl_Obj *keyPtr = Tcl_NewStringObj(name, -1), *valuePtr = NULL;

    Tcl_IncrRefCount(keyPtr);
    Tcl_DictObjGet(NULL, dictPtr, keyPtr, &valuePtr);
    Tcl_DecrRefCount(keyPtr);
    return valuePtr;
}

static const char *
TextOption(Tcl_Obj *dictPtr, const char *name, const char *otherwise)
{
    Tcl_Obj *valuePtr = Option(dictPtr, name);

    return valuePtr == NULL ? otherwise : Tcl_GetString(valuePtr);
}

/* The aligns of the options into an array that the caller frees. */
static int
GetAligns(Tcl_Interp *interp, Tcl_Obj *listPtr, DpTableAlign **alignsPtr,
	int *countPtr)
{
    static const char *const names[] = {
	[DP_TABLE_AUTO] = "auto", [DP_TABLE_LEFT] = "left",
	[DP_TABLE_RIGHT] = "right", [DP_TABLE_CENTER] = "center", NULL
    };
    Tcl_Obj **words;
    int count, index;

    if (Tcl_ListObjGetElements(interp, listPtr, &count, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    *alignsPtr = DpAlloc(((size_t) count + 1) * sizeof(**alignsPtr));
    for (int i = 0; i < count; i++) {
	if (Tcl_GetIndexFromObj(interp, words[i], names, "alignment",
		TCL_EXACT, &index) != TCL_OK) {
	    return TCL_ERROR;
	}
	(*alignsPtr)[i] = (DpTableAlign) index;
    }
    *countPtr = count;
    return TCL_OK;
}

static int
TableText(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    DpTableAlign *aligns = NULL;
    DpTableStyle style = {0};
    DpBuf lines = {0};
    Tcl_Obj *valuePtr;
    int code = TCL_OK, count;

    if (objc != 4) {
	Tcl_WrongNumArgs(interp, 2, objv, "rows options");
	return TCL_ERROR;
    }
    if (Tcl_DictObjSize(interp, objv[3], &count) != TCL_OK) {
	return TCL_ERROR;
    }
    style.headersPtr = Option(objv[3], "headers");
    style.ellipsis = TextOption(objv[3], "ellipsis", "...");
    style.rule = TextOption(objv[3], "rule", "-");
    style.bold = TextOption(objv[3], "bold", "");
    style.plain = TextOption(objv[3], "plain", "");
    valuePtr = Option(objv[3], "width");
    if (valuePtr != NULL) {
	code = GetColumns(interp, valuePtr, &style.width);
    }
    valuePtr = Option(objv[3], "aligns");
    if (code == TCL_OK && valuePtr != NULL) {
	code = GetAligns(interp, valuePtr, &aligns, &style.numAligns);
	style.aligns = aligns;
    }
    if (code == TCL_OK) {
	code = DpTableLay(interp, objv[2], &style, &lines);
    }
    DpFree(aligns);
    if (code != TCL_OK) {
	DpBufFree(&lines);
	return code;
    }
    return SetText(interp, &lines);
}

static int
ColumnsText(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    DpBuf lines = {0};
    size_t width;

    if (objc != 5) {
	Tcl_WrongNumArgs(interp, 2, objv, "words width ellipsis");
	return TCL_ERROR;
    }
    if (GetColumns(interp, objv[3], &width) != TCL_OK
	    || DpTableColumns(interp, objv[2], width, Tcl_GetString(objv[4]),
	    &lines) != TCL_OK) {
	DpBufFree(&lines);
	return TCL_ERROR;
    }
    return SetText(interp, &lines);
}

/*
 * Unlike `string range` this makes no array of the characters, which of a large
 * text are 2 GiB.
 */
static int
ChopText(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    const unsigned char *bytes;
    Tcl_Obj *textPtr;
    bool isBytes;
    int length;

    if (objc != 3) {
	Tcl_WrongNumArgs(interp, 2, objv, "text");
	return TCL_ERROR;
    }
    textPtr = objv[2];
    isBytes = textPtr->bytes == NULL && textPtr->typePtr != NULL
	    && strcmp(textPtr->typePtr->name, "bytearray") == 0;
    bytes = isBytes ? Tcl_GetByteArrayFromObj(textPtr, &length)
	    : (unsigned char *) Tcl_GetStringFromObj(textPtr, &length);
    if (length > 0 && bytes[length - 1] == '\n') {
	textPtr = isBytes ? Tcl_NewByteArrayObj(bytes, length - 1)
		: Tcl_NewStringObj((const char *) bytes, length - 1);
    }
    Tcl_SetObjResult(interp, textPtr);
    return TCL_OK;
}

static const struct {
    const char *name;
    int (*proc)(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[]);
} subcommands[] = {
    {"chop", ChopText},
    {"columns", ColumnsText},
    {"fit", FitText},
    {"pad", PadText},
    {"show", ShowText},
    {"table", TableText},
    {"width", WidthOfText},
    {NULL, NULL}
};

static int
TextCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    int word;

    (void) clientData;
    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "word ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObjStruct(interp, objv[1], subcommands,
	    sizeof(subcommands[0]), "word", TCL_EXACT, &word) != TCL_OK) {
	return TCL_ERROR;
    }
    return subcommands[word].proc(interp, objc, objv);
}

void
DpTextCmdInit(DpInterp *dpPtr)
{
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::text", TextCmd,
	    dpPtr, NULL);
}

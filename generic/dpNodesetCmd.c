/*
 * dpNodesetCmd.c -- the command core::nodeset: sets of names as plain strings.
 *
 * Layer L4.
 *
 *     fold TEXT ...           the folded text of all that the texts name
 *     expand TEXT ...         the list of the names
 *     count TEXT ...          their number
 *     union, intersect, difference, xor TEXT ...
 *                             folded, of the texts from left to right
 *     contains TEXT NAMES     whether the first has all of the second
 *     among TEXT WORDS        those of a list of words that the text names; costs
 *                             no more than there are words, or names
 *
 * A text may also be a list of texts.
 */

#include "dpNodesetCmd.h"

#include "dpNodeset.h"

#include <openssl/rand.h>

/* What one call works on. */
typedef struct Call {
    Tcl_Interp *interp;
    DpNodesetBudget budget;     /* of all texts together */
    uint64_t key[2];
    DpNodeset set;              /* the result */
} Call;

/*
 * A list of texts is their union, but is written with braces around those that
 * have brackets. No text has a character that Tcl quotes, so where there is
 * one the value is taken for a list.
 */
static bool
IsQuoted(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
	if (text[i] == '{' || text[i] == '}' || text[i] == '"'
		|| text[i] == '\\') {
	    return true;
	}
    }
    return false;
}

/* Whether the value is a list that was never written as a string. */
static bool
IsPureList(Tcl_Obj *objPtr)
{
    return objPtr->bytes == NULL && objPtr->typePtr != NULL
	    && objPtr->typePtr == Tcl_GetObjType("list");
}

/* Evaluates the text objPtr into a set that is empty. */
static int
ParseObj(Call *callPtr, Tcl_Obj *objPtr, DpNodeset *setPtr)
{
    DpError error = {0};
    DpBuf joined = {0};
    const char *text = "";
    int count, intLength = 0;
    Tcl_Obj **words;
    size_t length;
    bool ok;

    memcpy(setPtr->names.key, callPtr->key, sizeof(callPtr->key));
    if (!IsPureList(objPtr)) {
	text = Tcl_GetStringFromObj(objPtr, &intLength);
    }
    length = (size_t) intLength;
    if ((IsPureList(objPtr) || IsQuoted(text, length))
	    && Tcl_ListObjGetElements(NULL, objPtr, &count, &words)
	    == TCL_OK && count > 0) {
	for (int i = 0; i < count; i++) {
	    text = Tcl_GetStringFromObj(words[i], &intLength);
	    DpBufAppend(&joined, text, (size_t) intLength);
	    DpBufAppend(&joined, " ", 1);
	}
	text = (const char *) DpBufData(&joined);
	length = DpBufLength(&joined) - 1;
    }
    ok = DpNodesetParse(setPtr, &callPtr->budget, text, length, &error);
    DpBufFree(&joined);
    if (!ok) {
	DpErrorReport(callPtr->interp, &error);
	DpErrorClear(&error);
	return TCL_ERROR;
    }
    return TCL_OK;
}

/* Puts the texts together from left to right. */
static int
Evaluate(Call *callPtr, DpNodesetOp op, int objc, Tcl_Obj *const objv[])
{
    int code = TCL_OK;

    for (int i = 0; i < objc && code == TCL_OK; i++) {
	DpNodeset other = {0};

	if (i == 0) {
	    code = ParseObj(callPtr, objv[0], &callPtr->set);
	    continue;
	}
	code = ParseObj(callPtr, objv[i], &other);
	if (code == TCL_OK) {
	    DpNodesetCombine(&callPtr->set, op, &other);
	}
	DpNodesetFree(&other);
    }
    return code;
}

static Tcl_Obj *
FoldedObj(const DpNodeset *setPtr)
{
    DpBuf text = {0};
    Tcl_Obj *resultPtr;

    DpNodesetFold(setPtr, &text);
    resultPtr = DpBufLength(&text) == 0 ? Tcl_NewObj()
	    : Tcl_NewStringObj((const char *) DpBufData(&text),
	    (int) DpBufLength(&text));
    DpBufFree(&text);
    return resultPtr;
}

static Tcl_Obj *
NamesObj(const DpNodeset *setPtr)
{
    Tcl_Obj **words = DpAlloc(setPtr->count * sizeof(*words));
    Tcl_Obj *resultPtr;
    uint32_t cursor = 0;
    const char *bytes;
    size_t length;
    int count = 0;

    while (DpNodesetNext(setPtr, &cursor, &bytes, &length)) {
	words[count++] = Tcl_NewStringObj(bytes, (int) length);
    }
    resultPtr = Tcl_NewListObj(count, words);
    DpFree(words);
    return resultPtr;
}

/* Whether the second text is a part of the first. */
static int
Contains(Call *callPtr, Tcl_Obj *const objv[])
{
    DpNodeset names = {0};
    int code = ParseObj(callPtr, objv[0], &callPtr->set);

    if (code == TCL_OK) {
	code = ParseObj(callPtr, objv[1], &names);
    }
    if (code == TCL_OK) {
	DpNodesetCombine(&names, DP_NODESET_DIFFERENCE, &callPtr->set);
	Tcl_SetObjResult(callPtr->interp,
		Tcl_NewBooleanObj(names.count == 0));
    }
    DpNodesetFree(&names);
    return code;
}

/* Those of the words in objv[1] that the text in objv[0] names. */
static int
Among(Call *callPtr, Tcl_Obj *const objv[])
{
    DpNodesetName *names;
    Tcl_Obj *resultPtr;
    Tcl_Obj **words;
    int count, length, code;

    if (Tcl_ListObjGetElements(callPtr->interp, objv[1], &count, &words)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    names = DpAlloc(((size_t) count + 1) * sizeof(*names));
    for (int i = 0; i < count; i++) {
	names[i].bytes = Tcl_GetStringFromObj(words[i], &length);
	names[i].length = (size_t) length;
    }
    callPtr->set.among = names;
    callPtr->set.numAmong = (uint32_t) count;
    code = ParseObj(callPtr, objv[0], &callPtr->set);
    if (code == TCL_OK) {
	resultPtr = Tcl_NewObj();
	for (int i = 0; i < count; i++) {
	    if (DpNodesetHas(&callPtr->set, names[i].bytes,
		    names[i].length)) {
		Tcl_ListObjAppendElement(NULL, resultPtr, words[i]);
	    }
	}
	Tcl_SetObjResult(callPtr->interp, resultPtr);
    }
    DpFree(names);
    return code;
}

/* What is done with the set that the texts stand for. */
enum { FOLD, EXPAND, COUNT, CONTAINS, AMONG };

static const struct {
    const char *name;
    DpNodesetOp op;
    int what;
} subcommands[] = {
    {"among", DP_NODESET_UNION, AMONG},
    {"contains", DP_NODESET_UNION, CONTAINS},
    {"count", DP_NODESET_UNION, COUNT},
    {"difference", DP_NODESET_DIFFERENCE, FOLD},
    {"expand", DP_NODESET_UNION, EXPAND},
    {"fold", DP_NODESET_UNION, FOLD},
    {"intersect", DP_NODESET_INTERSECTION, FOLD},
    {"union", DP_NODESET_UNION, FOLD},
    {"xor", DP_NODESET_XOR, FOLD},
    {NULL, DP_NODESET_UNION, FOLD}
};

static Tcl_Obj *
ResultObj(const DpNodeset *setPtr, int what)
{
    switch (what) {
    case EXPAND:
	return NamesObj(setPtr);
    case COUNT:
	return Tcl_NewWideIntObj(setPtr->count);
    }
    return FoldedObj(setPtr);
}

static int
NodesetCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    Call call = {
	.interp = interp, .budget = {DP_NODESET_NAMES, DP_NODESET_BYTES}
    };
    int word, code;

    (void) clientData;
    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "word text ?text ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObjStruct(interp, objv[1], subcommands,
	    sizeof(subcommands[0]), "word", TCL_EXACT, &word) != TCL_OK) {
	return TCL_ERROR;
    }
    if (subcommands[word].what >= CONTAINS && objc != 4) {
	Tcl_WrongNumArgs(interp, 2, objv,
		subcommands[word].what == AMONG ? "text words" : "text names");
	return TCL_ERROR;
    }
    if (objc < 3) {
	Tcl_WrongNumArgs(interp, 2, objv, "text ?text ...?");
	return TCL_ERROR;
    }

    /* Without random numbers only the protection from bad names is lost. */
    if (RAND_bytes((unsigned char *) call.key, sizeof(call.key)) != 1) {
	memset(call.key, 0, sizeof(call.key));
    }
    if (subcommands[word].what == CONTAINS) {
	code = Contains(&call, objv + 2);
    } else if (subcommands[word].what == AMONG) {
	code = Among(&call, objv + 2);
    } else {
	code = Evaluate(&call, subcommands[word].op, objc - 2, objv + 2);
	if (code == TCL_OK) {
	    Tcl_SetObjResult(interp,
		    ResultObj(&call.set, subcommands[word].what));
	}
    }
    DpNodesetFree(&call.set);
    return code;
}

void
DpNodesetCmdInit(DpInterp *dpPtr)
{
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::nodeset",
	    NodesetCmd, dpPtr, NULL);
}

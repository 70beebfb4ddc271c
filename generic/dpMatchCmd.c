/*
 * dpMatchCmd.c -- the command core::match, and dialogues of core::proc run.
 *
 * Layer L4.
 *
 *     compile PAIRS           PAIRS, checked and compiled (see dpAnswers.h)
 *     play PAIRS ENCODING CHUNKS
 *                             which pairs would answer the chunks of bytes of
 *                             one stream: a list of chunk and pair in turn,
 *                             then how many bytes are kept
 */

#include "dpMatchCmd.h"

/* Part: dialogues. */

static void
TapFeed(void *data, int stream, const unsigned char *bytes, size_t n)
{
    DpAnswersFeed(data, stream, bytes, n);
}

static void
TapEnd(void *data)
{
    DpAnswersFree(data);
}

static void
TapFail(void *clientData, const DpError *errPtr)
{
    DpRunFail(clientData, errPtr);
}

void
DpMatchAddTap(DpRun *runPtr, DpAnswerSet *setPtr,
	const DpAnswersSpec *specPtr)
{
    DpAnswersSpec spec = *specPtr;
    DpRunTap tap = {.feedFrom = TapFeed, .end = TapEnd};

    spec.fail = TapFail;
    spec.clientData = runPtr;
    tap.data = DpAnswersNew(setPtr, &spec);
    DpRunAddTap(runPtr, &tap);
}

/* Part: core::match. */

static int
CompileSub(Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    DpAnswerSet *setPtr = DpAnswerSetGet(interp, objv[2]);

    if (setPtr == NULL) {
	return TCL_ERROR;
    }
    DpAnswerSetDrop(setPtr);
    Tcl_SetObjResult(interp, objv[2]);
    return TCL_OK;
}

static Tcl_Obj *
Play(DpAnswerSet *setPtr, Tcl_Encoding encoding, int count,
	Tcl_Obj *const *chunks)
{
    Tcl_Obj *resultPtr = Tcl_NewListObj(0, NULL);
    DpMatch *matchPtr = DpMatchNew(DpAnswerSetPatterns(setPtr), encoding);
    bool *off = DpAlloc(((size_t) DpAnswerSetCount(setPtr) + 1)
	    * sizeof(*off));
    int pair;

    for (int i = 0; i < count; i++) {
	int length;
	unsigned char *bytes = Tcl_GetByteArrayFromObj(chunks[i], &length);

	DpMatchFeed(matchPtr, bytes, (size_t) length);
	while ((pair = DpMatchNext(matchPtr, off)) >= 0) {
	    off[pair] = DpAnswerSetIsOnce(setPtr, pair);
	    Tcl_ListObjAppendElement(NULL, resultPtr, Tcl_NewIntObj(i));
	    Tcl_ListObjAppendElement(NULL, resultPtr, Tcl_NewIntObj(pair));
	}
    }
    Tcl_ListObjAppendElement(NULL, resultPtr,
	    Tcl_NewWideIntObj((Tcl_WideInt) DpMatchHeld(matchPtr)));
    DpMatchFree(matchPtr);
    DpFree(off);
    return resultPtr;
}

static int
PlaySub(Tcl_Interp *interp, Tcl_Obj *const objv[])
{
    Tcl_Encoding encoding = NULL;
    DpAnswerSet *setPtr;
    Tcl_Obj **chunks;
    int count;

    if (Tcl_ListObjGetElements(interp, objv[4], &count, &chunks) != TCL_OK) {
	return TCL_ERROR;
    }
    setPtr = DpAnswerSetGet(interp, objv[2]);
    if (setPtr == NULL) {
	return TCL_ERROR;
    }
    if (strcmp(Tcl_GetString(objv[3]), "binary") != 0) {
	encoding = Tcl_GetEncoding(interp, Tcl_GetString(objv[3]));
	if (encoding == NULL) {
	    DpAnswerSetDrop(setPtr);
	    return TCL_ERROR;
	}
    }
    Tcl_SetObjResult(interp, Play(setPtr, encoding, count, chunks));
    if (encoding != NULL) {
	Tcl_FreeEncoding(encoding);
    }
    DpAnswerSetDrop(setPtr);
    return TCL_OK;
}

static int
MatchCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const subs[] = {"compile", "play", NULL};
    enum { COMPILE, PLAY };
    int sub;

    (void) clientData;
    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], subs, "subcommand", 0, &sub)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != (sub == COMPILE ? 3 : 5)) {
	Tcl_WrongNumArgs(interp, 2, objv,
		sub == COMPILE ? "pairs" : "pairs encoding chunks");
	return TCL_ERROR;
    }
    return sub == COMPILE ? CompileSub(interp, objv) : PlaySub(interp, objv);
}

void
DpMatchCmdInit(DpInterp *dpPtr)
{
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::match", MatchCmd,
	    dpPtr, NULL);
}

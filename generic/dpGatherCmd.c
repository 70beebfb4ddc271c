/*
 * dpGatherCmd.c -- the command core::gather: outputs of many hosts, equal ones
 * together.
 *
 * Layer L4.
 *
 *     new ?SPEC?              a gather, empty. SPEC is a dict: mask (1), limit
 *                             and total (bytes, see dpGather.h)
 *     close GATHER
 *     add GATHER SLUG STREAM CHUNK
 *                             what a host prints, stdout or stderr
 *     end GATHER SLUG ?STATUS ?SIGNAL??
 *                             the host has ended: with a status, or by a signal
 *     fail GATHER SLUG CODE MESSAGE
 *                             or with an error, of which MESSAGE is the output
 *     put GATHER RESULTS      a whole dict of results or failures
 *     groups GATHER           a dict for each group, outliers first
 *     changed GATHER          the same of groups that changed since this was
 *                             called last; one whose count is 0 is no more
 *     show GATHER ?STYLE? ?ID?
 *                             all of it as text, or a group. STYLE is a dict:
 *                             width (80), color (0), diff (0)
 *     running GATHER          slug -> last line, of hosts that have not ended
 *     info GATHER             hosts running groups variants bytes
 */

#include "dpGatherCmd.h"

#include "dpError.h"
#include "dpGatherText.h"

#include <limits.h>

/* The value of a handle. */
typedef struct Handle {
    DpGather *gatherPtr;
    unsigned long id;
} Handle;

/* What is asked of a gather. */
typedef struct Call {
    DpInterp *dpPtr;
    Tcl_Interp *interp;
    Handle *handlePtr;
    DpGather *gatherPtr;        /* its own */
    int objc;                   /* behind the handle */
    Tcl_Obj *const *objv;
} Call;

/* Part: values. */

static Tcl_Obj *
TextObj(DpBuf *bufPtr)
{
    Tcl_Obj *objPtr = DpBufLength(bufPtr) == 0 ? Tcl_NewObj()
	    : Tcl_NewStringObj((const char *) DpBufData(bufPtr),
	    (int) DpBufLength(bufPtr));

    DpBufFree(bufPtr);
    return objPtr;
}

static int
SetText(Tcl_Interp *interp, DpBuf *bufPtr)
{
    if (DpBufLength(bufPtr) >= INT_MAX) {
	DpBufFree(bufPtr);
	return DpFail(interp, "ARGUMENT results",
		"the outputs are above 2 GiB and cannot be one text");
    }
    if (DpBufLength(bufPtr) > 0) {
	/* The last newline is that of puts. */
	DpBufCut(bufPtr, DpBufLength(bufPtr) - 1, 1);
    }
    Tcl_SetObjResult(interp, TextObj(bufPtr));
    return TCL_OK;
}

static void
PutKey(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

/* The value of a key of a dict, NULL: it has none, or is no dict. */
static Tcl_Obj *
GetKey(Tcl_Obj *dictPtr, const char *key)
{
    Tcl_Obj *keyPtr = Tcl_NewStringObj(key, -1), *valuePtr = NULL;

    Tcl_IncrRefCount(keyPtr);
    if (Tcl_DictObjGet(NULL, dictPtr, keyPtr, &valuePtr) != TCL_OK) {
	valuePtr = NULL;
    }
    Tcl_DecrRefCount(keyPtr);
    return valuePtr;
}

static Tcl_Obj *
SlugObj(const DpGather *gatherPtr, uint32_t host)
{
    uint32_t length;
    const char *slug = DpGatherSlug(gatherPtr, host, &length);

    return Tcl_NewStringObj(slug, (int) length);
}

static Tcl_Obj *
PlainObj(const DpGatherView *viewPtr, int stream, bool mask)
{
    DpBuf text = {0};

    DpGatherPlain(viewPtr, stream, mask, &text);
    return TextObj(&text);
}

static Tcl_Obj *
GroupObj(const DpGather *gatherPtr, uint32_t id)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj(), *slugsPtr = Tcl_NewListObj(0, NULL);
    DpGatherGroup group;
    DpGatherView view;
    DpBuf folded = {0};
    uint32_t *hosts;

    DpGatherGet(gatherPtr, id, &group);
    hosts = DpGatherHosts(gatherPtr, id);
    for (uint32_t i = 0; i < group.numHosts; i++) {
	Tcl_ListObjAppendElement(NULL, slugsPtr,
		SlugObj(gatherPtr, hosts[i]));
    }
    DpGatherFold(gatherPtr, hosts, group.numHosts, &folded);
    DpFree(hosts);
    PutKey(dictPtr, "id", Tcl_NewWideIntObj(id));
    PutKey(dictPtr, "hosts", TextObj(&folded));
    PutKey(dictPtr, "slugs", slugsPtr);
    PutKey(dictPtr, "count", Tcl_NewWideIntObj(group.numHosts));
    PutKey(dictPtr, "variants", Tcl_NewWideIntObj(group.numVariants));
    if (group.numHosts == 0) {
	return dictPtr;
    }
    DpGatherViewInit(&view, gatherPtr, id);
    PutKey(dictPtr, "text", PlainObj(&view, 0, false));
    PutKey(dictPtr, "mask", PlainObj(&view, 0, true));
    PutKey(dictPtr, "stderr", PlainObj(&view, 1, false));
    DpGatherViewFree(&view);
    PutKey(dictPtr, "status", group.end == DP_GATHER_STATUS
	    ? Tcl_NewStringObj(group.status, (int) group.statusLength)
	    : Tcl_NewObj());
    PutKey(dictPtr, "signal", group.end == DP_GATHER_SIGNAL
	    ? Tcl_NewStringObj(group.status, (int) group.statusLength)
	    : Tcl_NewObj());
    PutKey(dictPtr, "errorcode", group.end == DP_GATHER_ERROR
	    ? Tcl_NewStringObj(group.status, (int) group.statusLength)
	    : Tcl_NewObj());
    return dictPtr;
}

static Tcl_Obj *
GroupsObj(const DpGather *gatherPtr, const uint32_t *ids, uint32_t count)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);

    for (uint32_t i = 0; i < count; i++) {
	Tcl_ListObjAppendElement(NULL, listPtr, GroupObj(gatherPtr, ids[i]));
    }
    return listPtr;
}

/* Part: what comes in. */

static uint32_t
HostOf(Call *callPtr, Tcl_Obj *slugPtr)
{
    int length;
    const char *slug = Tcl_GetStringFromObj(slugPtr, &length);

    return DpGatherHost(callPtr->gatherPtr, slug, (size_t) length);
}

static int
Ended(Call *callPtr, Tcl_Obj *slugPtr)
{
    return DpFail(callPtr->interp, "ARGUMENT slug",
	    "host %.100s has ended before", Tcl_GetString(slugPtr));
}

static int
Add(Call *callPtr, Tcl_Obj *slugPtr, int stream, Tcl_Obj *chunkPtr)
{
    int length;
    const char *bytes = Tcl_GetStringFromObj(chunkPtr, &length);

    return DpGatherAdd(callPtr->gatherPtr, HostOf(callPtr, slugPtr), stream,
	    bytes, (size_t) length) ? TCL_OK : Ended(callPtr, slugPtr);
}

static int
Finish(Call *callPtr, Tcl_Obj *slugPtr, DpGatherEnd end, Tcl_Obj *statusPtr)
{
    int length = 0;
    const char *status = statusPtr == NULL ? ""
	    : Tcl_GetStringFromObj(statusPtr, &length);

    return DpGatherFinish(callPtr->gatherPtr, HostOf(callPtr, slugPtr), end,
	    status, (size_t) length) ? TCL_OK : Ended(callPtr, slugPtr);
}

/* Without a status it is a text, with a signal that is what counts. */
static int
FinishAs(Call *callPtr, Tcl_Obj *slugPtr, Tcl_Obj *statusPtr,
	Tcl_Obj *signalPtr)
{
    int length = 0;

    if (signalPtr != NULL) {
	Tcl_GetStringFromObj(signalPtr, &length);
	if (length > 0) {
	    return Finish(callPtr, slugPtr, DP_GATHER_SIGNAL, signalPtr);
	}
    }
    if (statusPtr != NULL) {
	Tcl_GetStringFromObj(statusPtr, &length);
    }
    return length > 0
	    ? Finish(callPtr, slugPtr, DP_GATHER_STATUS, statusPtr)
	    : Finish(callPtr, slugPtr, DP_GATHER_TEXT, NULL);
}

/* The words of an error code that do not name the host. */
static Tcl_Obj *
CodeWithout(Tcl_Obj *codePtr, Tcl_Obj *slugPtr)
{
    Tcl_Obj *listPtr, **words;
    int count;

    if (Tcl_ListObjGetElements(NULL, codePtr, &count, &words) != TCL_OK) {
	return Tcl_DuplicateObj(codePtr);
    }
    listPtr = Tcl_NewListObj(0, NULL);
    for (int i = 0; i < count; i++) {
	if (strcmp(Tcl_GetString(words[i]), Tcl_GetString(slugPtr)) != 0) {
	    Tcl_ListObjAppendElement(NULL, listPtr, words[i]);
	}
    }
    return listPtr;
}

static int
Fail(Call *callPtr, Tcl_Obj *slugPtr, Tcl_Obj *codePtr, Tcl_Obj *messagePtr)
{
    Tcl_Obj *wordsPtr = CodeWithout(codePtr, slugPtr);
    int code;

    Tcl_IncrRefCount(wordsPtr);
    code = Add(callPtr, slugPtr, 0, messagePtr);
    if (code == TCL_OK) {
	code = Finish(callPtr, slugPtr, DP_GATHER_ERROR, wordsPtr);
    }
    Tcl_DecrRefCount(wordsPtr);
    return code;
}

/*
 * Whether a value may be a dict with these keys. Only where both words are in
 * it, it is taken for a list, which an output should not become in vain.
 */
static bool
HasKeys(Tcl_Obj *valuePtr, const char *one, const char *other)
{
    if (valuePtr->bytes != NULL && (strstr(valuePtr->bytes, one) == NULL
	    || strstr(valuePtr->bytes, other) == NULL)) {
	return false;
    }
    if (valuePtr->bytes == NULL && valuePtr->typePtr != NULL
	    && valuePtr->typePtr != Tcl_GetObjType("dict")
	    && valuePtr->typePtr != Tcl_GetObjType("list")) {
	return false;
    }
    return GetKey(valuePtr, one) != NULL && GetKey(valuePtr, other) != NULL;
}

/* One result: a text, what run -result dict gives, or a failure. */
static int
PutResult(Call *callPtr, Tcl_Obj *slugPtr, Tcl_Obj *valuePtr)
{
    if (HasKeys(valuePtr, "stdout", "status")) {
	Tcl_Obj *errorsPtr = GetKey(valuePtr, "stderr");

	if (Add(callPtr, slugPtr, 0, GetKey(valuePtr, "stdout")) != TCL_OK
		|| (errorsPtr != NULL
		&& Add(callPtr, slugPtr, 1, errorsPtr) != TCL_OK)) {
	    return TCL_ERROR;
	}
	return FinishAs(callPtr, slugPtr, GetKey(valuePtr, "status"),
		GetKey(valuePtr, "signal"));
    }
    if (HasKeys(valuePtr, "message", "errorcode")) {
	return Fail(callPtr, slugPtr, GetKey(valuePtr, "errorcode"),
		GetKey(valuePtr, "message"));
    }
    if (Add(callPtr, slugPtr, 0, valuePtr) != TCL_OK) {
	return TCL_ERROR;
    }
    return Finish(callPtr, slugPtr, DP_GATHER_TEXT, NULL);
}

/* Part: subcommands. */

static int
AddSub(Call *callPtr)
{
    static const char *const streams[] = {"stdout", "stderr", NULL};
    int stream;

    if (Tcl_GetIndexFromObj(callPtr->interp, callPtr->objv[1], streams,
	    "stream", TCL_EXACT, &stream) != TCL_OK) {
	return TCL_ERROR;
    }
    return Add(callPtr, callPtr->objv[0], stream, callPtr->objv[2]);
}

static int
EndSub(Call *callPtr)
{
    return FinishAs(callPtr, callPtr->objv[0],
	    callPtr->objc > 1 ? callPtr->objv[1] : NULL,
	    callPtr->objc > 2 ? callPtr->objv[2] : NULL);
}

static int
FailSub(Call *callPtr)
{
    return Fail(callPtr, callPtr->objv[0], callPtr->objv[1],
	    callPtr->objv[2]);
}

static int
PutSub(Call *callPtr)
{
    Tcl_Obj *slugPtr, *valuePtr;
    Tcl_DictSearch search;
    int done, code = TCL_OK;

    if (Tcl_DictObjFirst(callPtr->interp, callPtr->objv[0], &search,
	    &slugPtr, &valuePtr, &done) != TCL_OK) {
	return TCL_ERROR;
    }
    while (!done && code == TCL_OK) {
	code = PutResult(callPtr, slugPtr, valuePtr);
	Tcl_DictObjNext(&search, &slugPtr, &valuePtr, &done);
    }
    Tcl_DictObjDone(&search);
    return code;
}

static int
GroupsSub(Call *callPtr)
{
    uint32_t *ids;
    uint32_t count = DpGatherGroups(callPtr->gatherPtr, &ids);

    Tcl_SetObjResult(callPtr->interp,
	    GroupsObj(callPtr->gatherPtr, ids, count));
    DpFree(ids);
    return TCL_OK;
}

static int
ChangedSub(Call *callPtr)
{
    uint32_t *ids;
    uint32_t count = DpGatherChanged(callPtr->gatherPtr, &ids);

    Tcl_SetObjResult(callPtr->interp,
	    GroupsObj(callPtr->gatherPtr, ids, count));
    DpFree(ids);
    return TCL_OK;
}

/* The numbers of STYLE or SPEC that are there. */
static int
GetNumber(Tcl_Interp *interp, Tcl_Obj *dictPtr, const char *key, int most,
	int *numberPtr)
{
    Tcl_Obj *valuePtr = GetKey(dictPtr, key);

    if (valuePtr == NULL) {
	return TCL_OK;
    }
    if (Tcl_GetIntFromObj(interp, valuePtr, numberPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    if (*numberPtr < 0 || *numberPtr > most) {
	return DpFail(interp, "ARGUMENT spec", "%s must be from 0 to %d",
		key, most);
    }
    return TCL_OK;
}

static int
ShowSub(Call *callPtr)
{
    DpGatherStyle style = {.width = 80};
    int width = 80, color = 0, diff = 0;
    DpBuf text = {0};

    if (callPtr->objc > 0 && (GetNumber(callPtr->interp, callPtr->objv[0],
	    "width", 10000, &width) != TCL_OK
	    || GetNumber(callPtr->interp, callPtr->objv[0], "color", 1,
	    &color) != TCL_OK
	    || GetNumber(callPtr->interp, callPtr->objv[0], "diff", 1,
	    &diff) != TCL_OK)) {
	return TCL_ERROR;
    }
    style.width = (size_t) width;
    style.color = color == 1;
    style.diff = diff == 1;
    if (callPtr->objc > 1) {
	uint32_t *ids;
	uint32_t count = DpGatherGroups(callPtr->gatherPtr, &ids), i;
	Tcl_WideInt id;

	if (Tcl_GetWideIntFromObj(callPtr->interp, callPtr->objv[1], &id)
		!= TCL_OK) {
	    DpFree(ids);
	    return TCL_ERROR;
	}
	for (i = 0; i < count && (Tcl_WideInt) ids[i] != id; i++) {
	    /* Only its place is looked for. */
	}
	DpFree(ids);
	if (i == count) {
	    return DpFail(callPtr->interp, "ARGUMENT id",
		    "there is no group %s",
		    Tcl_GetString(callPtr->objv[1]));
	}
	DpGatherShowGroup(callPtr->gatherPtr, (uint32_t) id, &style, &text);
    } else {
	DpGatherShow(callPtr->gatherPtr, &style, &text);
    }
    return SetText(callPtr->interp, &text);
}

/* The last line of a text that is not empty. */
static Tcl_Obj *
LastLine(const DpGatherText *textPtr)
{
    size_t end = textPtr->length, start;

    while (end > 0 && (textPtr->bytes[end - 1] == '\n'
	    || textPtr->bytes[end - 1] == '\r')) {
	end--;
    }
    start = end;
    while (start > 0 && textPtr->bytes[start - 1] != '\n') {
	start--;
    }
    return Tcl_NewStringObj(end > start ? textPtr->bytes + start : "",
	    (int) (end - start));
}

static int
RunningSub(Call *callPtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    uint32_t cursor = 0, host;
    DpGatherText texts[2];

    while (DpGatherNextRunning(callPtr->gatherPtr, &cursor, &host, texts)) {
	Tcl_DictObjPut(NULL, dictPtr, SlugObj(callPtr->gatherPtr, host),
		LastLine(&texts[texts[0].length > 0 ? 0 : 1]));
    }
    Tcl_SetObjResult(callPtr->interp, dictPtr);
    return TCL_OK;
}

static int
InfoSub(Call *callPtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    DpGatherCounts counts;

    DpGatherCount(callPtr->gatherPtr, &counts);
    PutKey(dictPtr, "hosts", Tcl_NewWideIntObj(counts.hosts));
    PutKey(dictPtr, "running", Tcl_NewWideIntObj(counts.running));
    PutKey(dictPtr, "groups", Tcl_NewWideIntObj(counts.groups));
    PutKey(dictPtr, "variants", Tcl_NewWideIntObj(counts.variants));
    PutKey(dictPtr, "bytes", Tcl_NewWideIntObj((Tcl_WideInt) counts.bytes));
    Tcl_SetObjResult(callPtr->interp, dictPtr);
    return TCL_OK;
}

static void
FreeGather(DpInterp *dpPtr, unsigned long id, void *value)
{
    Handle *handlePtr = value;

    (void) dpPtr;
    (void) id;
    DpGatherFree(handlePtr->gatherPtr);
    DpFree(handlePtr);
}

static int
CloseSub(Call *callPtr)
{
    DpHandleForget(callPtr->dpPtr, DP_GATHERS, callPtr->handlePtr->id);
    FreeGather(callPtr->dpPtr, callPtr->handlePtr->id, callPtr->handlePtr);
    return TCL_OK;
}

/* core::gather new ?SPEC? */
static int
NewSub(DpInterp *dpPtr, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int mask = 1, limit = 0, total = 0;
    DpGatherSpec spec = {0};
    Tcl_Obj *maskPtr;
    Handle *handlePtr;

    if (objc > 3) {
	Tcl_WrongNumArgs(interp, 2, objv, "?spec?");
	return TCL_ERROR;
    }
    if (objc == 3) {
	maskPtr = GetKey(objv[2], "mask");
	if ((maskPtr != NULL && Tcl_GetBooleanFromObj(interp, maskPtr, &mask)
		!= TCL_OK) || GetNumber(interp, objv[2], "limit",
		DP_GATHER_MAX, &limit) != TCL_OK
		|| GetNumber(interp, objv[2], "total", INT_MAX, &total)
		!= TCL_OK) {
	    return TCL_ERROR;
	}
    }
    spec.mask = mask != 0;
    spec.limit = (size_t) limit;
    spec.total = (size_t) total;
    handlePtr = DpAlloc(sizeof(*handlePtr));
    handlePtr->gatherPtr = DpGatherNew(&spec);
    handlePtr->id = DpHandleNew(dpPtr, DP_GATHERS, handlePtr);
    Tcl_SetObjResult(interp, DpHandleObj(dpPtr, DP_GATHERS,
	    handlePtr->id));
    return TCL_OK;
}

static const struct {
    const char *name;
    int (*proc)(Call *callPtr); /* NULL: makes a gather */
    int min, max;               /* words behind the handle */
    const char *words;
} subcommands[] = {
    {"add", AddSub, 3, 3, "gather slug stream chunk"},
    {"changed", ChangedSub, 0, 0, "gather"},
    {"close", CloseSub, 0, 0, "gather"},
    {"end", EndSub, 1, 3, "gather slug ?status ?signal??"},
    {"fail", FailSub, 3, 3, "gather slug code message"},
    {"groups", GroupsSub, 0, 0, "gather"},
    {"info", InfoSub, 0, 0, "gather"},
    {"new", NULL, 0, 0, NULL},
    {"put", PutSub, 1, 1, "gather results"},
    {"running", RunningSub, 0, 0, "gather"},
    {"show", ShowSub, 0, 2, "gather ?style? ?id?"},
    {NULL, NULL, 0, 0, NULL}
};

static int
GatherCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    DpInterp *dpPtr = clientData;
    Call call = {.dpPtr = dpPtr, .interp = interp};
    void *value;
    int sub;

    if (objc < 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "subcommand ?arg ...?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObjStruct(interp, objv[1], subcommands,
	    sizeof(subcommands[0]), "subcommand", TCL_EXACT, &sub)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (subcommands[sub].proc == NULL) {
	return NewSub(dpPtr, interp, objc, objv);
    }
    call.objc = objc - 3;
    call.objv = objv + 3;
    if (call.objc < subcommands[sub].min
	    || call.objc > subcommands[sub].max) {
	Tcl_WrongNumArgs(interp, 2, objv, subcommands[sub].words);
	return TCL_ERROR;
    }
    if (DpHandleFind(dpPtr, DP_GATHERS, objv[2], &value) != TCL_OK) {
	return TCL_ERROR;
    }
    call.handlePtr = value;
    call.gatherPtr = call.handlePtr->gatherPtr;
    return subcommands[sub].proc(&call);
}

void
DpGatherCmdInit(DpInterp *dpPtr)
{
    DpInterpAtEnd(dpPtr, DP_GATHERS, FreeGather);
    Tcl_CreateObjCommand(dpPtr->interp, "::deployer::core::gather",
	    GatherCmd, dpPtr, NULL);
}

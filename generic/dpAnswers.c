/*
 * dpAnswers.c -- a dialogue: sends texts when the output matches patterns.
 *
 * Layer L3.
 *
 * A pair with a time limit that has not matched yet is a step. The first of
 * them in order is awaited: when its time has passed since the last answer (at
 * first: since the command began) the dialogue fails. Pairs without one may
 * match at any time, or never.
 */

#include "dpAnswers.h"

#include "dpObj.h"

#include <stdio.h>

typedef struct Pair {
    Tcl_Obj *patternPtr;        /* held, for messages */
    Tcl_Obj *textPtr;           /* held; a secret */
    bool once;
    int limit;                  /* answers */
    double seconds;             /* 0: none */
} Pair;

struct DpAnswerSet {
    int refCount;
    int count;
    Pair *pairs;
    DpMatchSet *patternsPtr;    /* held */
};

struct DpAnswers {
    DpAnswerSet *setPtr;        /* held */
    DpAnswersSpec spec;
    DpMatch *streams[2];        /* made on first use */
    int *counts;                /* of answers to each pair */
    bool *off;                  /* pairs that are done */
    int step;                   /* pair that is awaited; count: none */
    bool begun;                 /* the command had begun when its time did */
    bool over;
    DpError error;              /* to be told by Deliver */
    DpBuf replies;              /* to be sent by Deliver */
    DpTask task;                /* Deliver */
    DpTimer timer;              /* of the step */
};

/* Part: the compiled value. */

static void FreeSetRep(Tcl_Obj *objPtr);
static void DupSetRep(Tcl_Obj *fromPtr, Tcl_Obj *toPtr);

/* The string is always there: it is what the value was made of. */
static const Tcl_ObjType setType = {
    "deployer-answers", FreeSetRep, DupSetRep, NULL, NULL
};

static void
FreeSetRep(Tcl_Obj *objPtr)
{
    DpAnswerSetDrop(objPtr->internalRep.twoPtrValue.ptr1);
    objPtr->typePtr = NULL;
}

static void
DupSetRep(Tcl_Obj *fromPtr, Tcl_Obj *toPtr)
{
    DpAnswerSet *setPtr = fromPtr->internalRep.twoPtrValue.ptr1;

    setPtr->refCount++;
    toPtr->internalRep.twoPtrValue.ptr1 = setPtr;
    toPtr->typePtr = &setType;
}

void
DpAnswerSetDrop(DpAnswerSet *setPtr)
{
    if (--setPtr->refCount > 0) {
	return;
    }
    for (int i = 0; i < setPtr->count; i++) {
	DpReleaseObj(&setPtr->pairs[i].patternPtr);
	DpReleaseObj(&setPtr->pairs[i].textPtr);
    }
    if (setPtr->patternsPtr != NULL) {
	DpMatchSetDrop(setPtr->patternsPtr);
    }
    DpFree(setPtr->pairs);
    DpFree(setPtr);
}

/* Reads one pair. Values that are wrong here are the library's fault. */
static int
GetPair(Tcl_Interp *interp, Tcl_Obj *objPtr, Pair *pairPtr,
	DpMatchPattern *patternPtr)
{
    static const char *const kinds[] = {"ex", "re", NULL};
    Tcl_Obj **words;
    int count, kind, once;

    if (Tcl_ListObjGetElements(interp, objPtr, &count, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    if (count != 6) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj("a pair has six words", -1));
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, words[0], kinds, "kind", TCL_EXACT, &kind)
	    != TCL_OK
	    || Tcl_GetBooleanFromObj(interp, words[3], &once) != TCL_OK
	    || Tcl_GetIntFromObj(interp, words[4], &pairPtr->limit) != TCL_OK
	    || Tcl_GetDoubleFromObj(interp, words[5], &pairPtr->seconds)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    patternPtr->textPtr = words[1];
    patternPtr->isRegexp = kind == 1;
    DpReplaceObj(&pairPtr->patternPtr, words[1]);
    DpReplaceObj(&pairPtr->textPtr, words[2]);
    pairPtr->once = once;
    return TCL_OK;
}

static int
MakeSet(Tcl_Interp *interp, Tcl_Obj *objPtr, DpAnswerSet *setPtr)
{
    DpMatchPattern *patterns;
    Tcl_Obj **words, *reasonPtr;
    int count, index, code = TCL_OK;

    if (Tcl_ListObjGetElements(interp, objPtr, &count, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    setPtr->pairs = DpAlloc((size_t) (count + 1) * sizeof(*setPtr->pairs));
    patterns = DpAlloc((size_t) (count + 1) * sizeof(*patterns));
    for (int i = 0; i < count && code == TCL_OK; i++) {
	setPtr->count++;
	code = GetPair(interp, words[i], &setPtr->pairs[i], &patterns[i]);
    }
    if (code == TCL_OK) {
	setPtr->patternsPtr = DpMatchSetNew(interp, patterns, count,
		&reasonPtr, &index);
    }
    if (code == TCL_OK && setPtr->patternsPtr == NULL) {
	/* Not the pattern: with a word too few a text may stand there. */
	Tcl_IncrRefCount(reasonPtr);
	code = index < 0
		? DpFail(interp, "OPTION -answers", "-answers: the patterns are"
		" too long: %s", Tcl_GetString(reasonPtr))
		: DpFail(interp, "OPTION -answers", "-answers: the pattern of"
		" pair %d cannot be used: %s", index + 1,
		Tcl_GetString(reasonPtr));
	Tcl_DecrRefCount(reasonPtr);
    }
    DpFree(patterns);
    return code;
}

DpAnswerSet *
DpAnswerSetGet(Tcl_Interp *interp, Tcl_Obj *objPtr)
{
    DpAnswerSet *setPtr;

    if (objPtr->typePtr != &setType) {
	const Tcl_ObjType *typePtr;

	setPtr = DpAlloc(sizeof(*setPtr));
	setPtr->refCount = 1;
	if (MakeSet(interp, objPtr, setPtr) != TCL_OK) {
	    DpAnswerSetDrop(setPtr);
	    return NULL;
	}
	Tcl_GetString(objPtr);
	typePtr = objPtr->typePtr;
	if (typePtr != NULL && typePtr->freeIntRepProc != NULL) {
	    typePtr->freeIntRepProc(objPtr);
	}
	objPtr->internalRep.twoPtrValue.ptr1 = setPtr;
	objPtr->typePtr = &setType;
    }
    setPtr = objPtr->internalRep.twoPtrValue.ptr1;
    setPtr->refCount++;
    return setPtr;
}

DpMatchSet *
DpAnswerSetPatterns(DpAnswerSet *setPtr)
{
    return setPtr->patternsPtr;
}

int
DpAnswerSetCount(const DpAnswerSet *setPtr)
{
    return setPtr->count;
}

bool
DpAnswerSetIsOnce(const DpAnswerSet *setPtr, int pair)
{
    return setPtr->pairs[pair].once;
}

/* Part: a dialogue. */

static void Expire(void *clientData);

/* The text of a pattern for a message: one line, not long. */
static Tcl_Obj *
PatternObj(const Pair *pairPtr)
{
    Tcl_Obj *textPtr = Tcl_NewObj();
    int length = Tcl_GetCharLength(pairPtr->patternPtr);

    Tcl_IncrRefCount(textPtr);
    if (length > 60) {
	Tcl_Obj *beginPtr = Tcl_GetRange(pairPtr->patternPtr, 0, 56);

	Tcl_IncrRefCount(beginPtr);
	Tcl_AppendObjToObj(textPtr, beginPtr);
	Tcl_AppendToObj(textPtr, "...", 3);
	Tcl_DecrRefCount(beginPtr);
    } else {
	Tcl_AppendObjToObj(textPtr, pairPtr->patternPtr);
    }
    return textPtr;
}

/* Sends what there is to send and tells of a failure, whatever came first. */
static void
Deliver(void *clientData)
{
    DpAnswers *answersPtr = clientData;
    DpBuf replies = answersPtr->replies;

    memset(&answersPtr->replies, 0, sizeof(answersPtr->replies));
    if (DpBufLength(&replies) > 0) {
	DpProcReply(answersPtr->spec.procPtr, DpBufData(&replies),
		DpBufLength(&replies));
    }
    DpBufWipe(&replies);
    if (DpErrorIsSet(&answersPtr->error)) {
	/* May free us. */
	answersPtr->spec.fail(answersPtr->spec.clientData, &answersPtr->error);
    }
}

static void
DeliverSoon(DpAnswers *answersPtr)
{
    DpSoonStart(answersPtr->spec.procPtr->loopPtr, &answersPtr->task, Deliver,
	    answersPtr);
}

/* Begins the time of the step that is awaited now. */
static void
StartStep(DpAnswers *answersPtr)
{
    const DpAnswerSet *setPtr = answersPtr->setPtr;

    while (answersPtr->step < setPtr->count
	    && (setPtr->pairs[answersPtr->step].seconds <= 0
	    || answersPtr->counts[answersPtr->step] > 0)) {
	answersPtr->step++;
    }
    DpTimerStop(&answersPtr->timer);
    if (answersPtr->step < setPtr->count) {
	double seconds = setPtr->pairs[answersPtr->step].seconds;

	answersPtr->begun = answersPtr->spec.procPtr->begun;
	DpTimerStart(answersPtr->spec.procPtr->loopPtr, &answersPtr->timer,
		(int64_t) (seconds * 1000 + 0.5), Expire, answersPtr);
    }
}

static void
Expire(void *clientData)
{
    DpAnswers *answersPtr = clientData;
    const DpAnswersSpec *specPtr = &answersPtr->spec;
    const Pair *pairPtr = &answersPtr->setPtr->pairs[answersPtr->step];
    char seconds[TCL_DOUBLE_SPACE];
    Tcl_Obj *patternPtr;

    if (!answersPtr->begun) {
	/* It waited for its turn, when no question could come. */
	StartStep(answersPtr);
	return;
    }
    snprintf(seconds, sizeof(seconds), "%g", pairPtr->seconds);
    patternPtr = PatternObj(pairPtr);
    DpErrorSet(&answersPtr->error, "EXEC TIMEOUT", "nothing that matches"
	    " \"%s\" came from host %s within %s seconds, so the command was"
	    " ended: %s", Tcl_GetString(patternPtr), specPtr->slug, seconds,
	    specPtr->command);
    Tcl_DecrRefCount(patternPtr);
    DpErrorAddData(&answersPtr->error, specPtr->slug);
    DpErrorAddData(&answersPtr->error, seconds);
    answersPtr->over = true;
    DeliverSoon(answersPtr);
}

/* The pair has matched too often: it answers its own question. */
static void
FailLimit(DpAnswers *answersPtr, int pair)
{
    const DpAnswersSpec *specPtr = &answersPtr->spec;
    const Pair *pairPtr = &answersPtr->setPtr->pairs[pair];
    Tcl_Obj *patternPtr = PatternObj(pairPtr);

    DpErrorSet(&answersPtr->error, "INPUT", "host %s asks again and again:"
	    " \"%s\" was answered %d times and matches once more, so the"
	    " command was ended: %s", specPtr->slug, Tcl_GetString(patternPtr),
	    pairPtr->limit, specPtr->command);
    Tcl_DecrRefCount(patternPtr);
    DpErrorAddData(&answersPtr->error, Tcl_GetString(pairPtr->patternPtr));
    answersPtr->over = true;
}

static void
AddReply(DpAnswers *answersPtr, const Pair *pairPtr)
{
    Tcl_Encoding encoding = answersPtr->spec.encoding;
    Tcl_DString external;
    int length;

    if (encoding == NULL) {
	unsigned char *bytes;
	Tcl_Obj *copyPtr = Tcl_DuplicateObj(pairPtr->textPtr);

	Tcl_IncrRefCount(copyPtr);
	bytes = Tcl_GetByteArrayFromObj(copyPtr, &length);
	DpBufAppend(&answersPtr->replies, bytes, (size_t) length);
	DpWipe(bytes, (size_t) length);
	Tcl_DecrRefCount(copyPtr);
	return;
    }
    Tcl_GetStringFromObj(pairPtr->textPtr, &length);
    Tcl_UtfToExternalDString(encoding, Tcl_GetString(pairPtr->textPtr),
	    length, &external);
    DpBufAppend(&answersPtr->replies, Tcl_DStringValue(&external),
	    (size_t) Tcl_DStringLength(&external));
    DpWipe(Tcl_DStringValue(&external),
	    (size_t) Tcl_DStringLength(&external));
    Tcl_DStringFree(&external);
}

static void
Answer(DpAnswers *answersPtr, int pair)
{
    const Pair *pairPtr = &answersPtr->setPtr->pairs[pair];

    if (answersPtr->counts[pair] >= pairPtr->limit) {
	FailLimit(answersPtr, pair);
	return;
    }
    answersPtr->counts[pair]++;
    answersPtr->off[pair] = pairPtr->once;
    AddReply(answersPtr, pairPtr);
    StartStep(answersPtr);
}

DpAnswers *
DpAnswersNew(DpAnswerSet *setPtr, const DpAnswersSpec *specPtr)
{
    DpAnswers *answersPtr = DpAlloc(sizeof(*answersPtr));
    size_t count = (size_t) setPtr->count + 1;

    answersPtr->setPtr = setPtr;
    setPtr->refCount++;
    answersPtr->spec = *specPtr;
    answersPtr->counts = DpAlloc(count * sizeof(*answersPtr->counts));
    answersPtr->off = DpAlloc(count * sizeof(*answersPtr->off));
    StartStep(answersPtr);
    return answersPtr;
}

void
DpAnswersFeed(DpAnswers *answersPtr, int stream, const void *bytes,
	size_t count)
{
    DpMatch **matchSlot = &answersPtr->streams[stream];
    int pair;

    if (answersPtr->over || count == 0) {
	return;
    }
    if (*matchSlot == NULL) {
	*matchSlot = DpMatchNew(answersPtr->setPtr->patternsPtr,
		answersPtr->spec.encoding);
    }
    DpMatchFeed(*matchSlot, bytes, count);
    while (!answersPtr->over
	    && (pair = DpMatchNext(*matchSlot, answersPtr->off)) >= 0) {
	Answer(answersPtr, pair);
    }
    if (answersPtr->over || DpBufLength(&answersPtr->replies) > 0) {
	DeliverSoon(answersPtr);
    }
}

void
DpAnswersFree(DpAnswers *answersPtr)
{
    if (answersPtr == NULL) {
	return;
    }
    DpTaskStop(&answersPtr->task);
    DpTimerStop(&answersPtr->timer);
    DpMatchFree(answersPtr->streams[0]);
    DpMatchFree(answersPtr->streams[1]);
    DpBufWipe(&answersPtr->replies);
    DpErrorClear(&answersPtr->error);
    DpFree(answersPtr->counts);
    DpFree(answersPtr->off);
    DpAnswerSetDrop(answersPtr->setPtr);
    DpFree(answersPtr);
}

/*
 * dpAnswers.h -- a dialogue: sends texts when the output matches patterns.
 *
 * Layer L3. The pairs of -answers are compiled once, to a value that all hosts
 * share; a DpAnswers is one command's dialogue. No text is ever part of a
 * message.
 */

#ifndef DP_ANSWERS_H
#define DP_ANSWERS_H

#include "dpMatch.h"
#include "dpProc.h"

/* Compiled pairs; counted as in dpMatch.h. */
typedef struct DpAnswerSet DpAnswerSet;

/*
 * The set that a value stands for: a list of {ex|re PATTERN TEXT ONCE LIMIT
 * SECONDS}, where SECONDS 0 is no time limit. It is kept in the value, and
 * held for the caller. NULL and an error in interp: {DEPLOYER OPTION -answers}.
 */
MODULE_SCOPE DpAnswerSet *DpAnswerSetGet(Tcl_Interp *interp, Tcl_Obj *objPtr);
MODULE_SCOPE void DpAnswerSetDrop(DpAnswerSet *setPtr);

/* The patterns alone, and how often one may match (1: once), for tests. */
MODULE_SCOPE DpMatchSet *DpAnswerSetPatterns(DpAnswerSet *setPtr);
MODULE_SCOPE int DpAnswerSetCount(const DpAnswerSet *setPtr);
MODULE_SCOPE bool DpAnswerSetIsOnce(const DpAnswerSet *setPtr, int pair);

typedef struct DpAnswersSpec {
    DpProc *procPtr;            /* gets the texts; must outlive the dialogue */
    Tcl_Encoding encoding;      /* of the command; NULL: bytes; not owned */
    const char *slug, *command; /* for errors; must outlive it as well */
    /* The dialogue failed and is over. Called from the event loop. */
    void (*fail)(void *clientData, const DpError *errPtr);
    void *clientData;
} DpAnswersSpec;

typedef struct DpAnswers DpAnswers;

MODULE_SCOPE DpAnswers *DpAnswersNew(DpAnswerSet *setPtr,
	const DpAnswersSpec *specPtr);

/* Output of a stream, in order. Answers are sent from the event loop. */
MODULE_SCOPE void DpAnswersFeed(DpAnswers *answersPtr, int stream,
	const void *bytes, size_t count);
MODULE_SCOPE void DpAnswersFree(DpAnswers *answersPtr);

#endif

/*
 * dpJournal.h -- what a run did, as lines of JSON in a file of its own.
 *
 * Layer L4. The file is made when the first step on a host begins: a run that
 * touches no host leaves none. What stands in memory is on the disk before the
 * next step begins. Nothing here fails or delays a run: a journal that cannot
 * be written stops, and says so at its end.
 */

#ifndef DP_JOURNAL_H
#define DP_JOURNAL_H

#include "dpBuf.h"
#include "dpInterp.h"

typedef struct DpJournal DpJournal;

/* What the line is about. */
typedef enum DpJournalUse {
    DP_JOURNAL_MORE,            /* may wait in memory for some ms */
    DP_JOURNAL_STEP             /* something begins on a host */
} DpJournalUse;

/*
 * A journal that will be a file of the directory (in Tcl's form of UTF-8) and
 * begin with these facts, a list of keys and values, of which `arguments` is a
 * list. Its handle holds it. The root (or NULL) is for who is told of its end.
 */
MODULE_SCOPE DpJournal *DpJournalNew(DpInterp *dpPtr, const char *directory,
	Tcl_Obj *factsPtr, Tcl_Obj *rootPtr);
MODULE_SCOPE Tcl_Obj *DpJournalObj(const DpJournal *journalPtr);
MODULE_SCOPE int DpJournalGet(DpInterp *dpPtr, Tcl_Obj *namePtr,
	DpJournal **journalPtrPtr);
MODULE_SCOPE void DpJournalHold(DpJournal *journalPtr);
MODULE_SCOPE void DpJournalDrop(DpJournal *journalPtr);

/* Texts that are *** in all further lines. */
MODULE_SCOPE void DpJournalHide(DpJournal *journalPtr, Tcl_Obj *const *texts,
	int count);

/*
 * A line: where Line gives a buffer (NULL: nothing more is taken) the object of
 * an event is put there, texts that may hold a secret by Text, as strings, if
 * it hides any; Put ends it. host (or NULL) is where it happens.
 */
MODULE_SCOPE DpBuf *DpJournalLine(DpJournal *journalPtr);
MODULE_SCOPE bool DpJournalHides(const DpJournal *journalPtr);
MODULE_SCOPE void DpJournalText(DpJournal *journalPtr, Tcl_Obj *textPtr);
MODULE_SCOPE void DpJournalPut(DpJournal *journalPtr, DpJournalUse use,
	Tcl_Obj *hostPtr);

/* So many bytes of output were not kept of the command with this id. */
MODULE_SCOPE void DpJournalOmitted(DpJournal *journalPtr, Tcl_WideInt id,
	int64_t count);

/* False: no more output is to be kept; else so many bytes of it are. */
MODULE_SCOPE bool DpJournalTakes(DpJournal *journalPtr, size_t count);

/*
 * The calls on the cells of an array, of which `arguments` is the list, below
 * the event with this id; and the end of one of them. A text that could hold
 * a secret is not kept: then the line has no result.
 */
MODULE_SCOPE void DpJournalCells(DpJournal *journalPtr, Tcl_WideInt id,
	Tcl_Obj *argumentsPtr, Tcl_WideInt count);
MODULE_SCOPE void DpJournalCell(DpJournal *journalPtr, Tcl_WideInt id,
	Tcl_Obj *keyPtr, bool good, Tcl_Obj *resultPtr);

/* Counts a host or cell as failed. */
MODULE_SCOPE void DpJournalFailed(DpJournal *journalPtr, Tcl_Obj *keyPtr);

/*
 * The run has ended, in this state of at most so many letters. Returns a list,
 * refcount 0: root, id ("" where there is no file), error ("" where all is
 * written).
 */
#define DP_JOURNAL_STATE 11
MODULE_SCOPE Tcl_Obj *DpJournalClose(DpJournal *journalPtr, const char *state);

/* The process ends before the runs do: their journals end here. */
MODULE_SCOPE void DpJournalAbandonAll(DpInterp *dpPtr);

/* What the end of the interpreter does. */
MODULE_SCOPE void DpJournalInit(DpInterp *dpPtr);

#endif

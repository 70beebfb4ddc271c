/*
 * dpEventInt.h -- what the files of the events share.
 *
 * Layer L4.
 */

#ifndef DP_EVENT_INT_H
#define DP_EVENT_INT_H

#include "dpEvent.h"

#include "dpDecode.h"
#include "dpJournal.h"
#include "dpMask.h"
#include "dpTail.h"

/* The keys of an event, in the order in which they stand in one. */
typedef enum Key {
    TYPE, PHASE, ID, PARENT, TIME, PATH, HOST, COMMAND, USER, SUDO, SANDBOX,
    INTERACTIVE, TERMINAL, SHOWN, STREAM, DATA, BINARY, BYTES, STATUS, SIGNAL,
    SECONDS, ERROR, FAILURES, NUM_KEYS
} Key;

/* Keys that come from whoever begins something, and those that it inherits. */
#define GIVEN_FIRST PATH
#define GIVEN_LAST SHOWN

enum { W_BEGIN, W_OUTPUT, W_END, W_STDOUT, W_STDERR, W_ERROR, W_RUN, W_NONE,
    W_ACTION, W_EVENT, W_JOURNAL, W_RESUME, W_SANDBOX,
    W_GENERATION, W_CALL, NUM_WORDS };

/* What hears of a span; shared by those below it. */
typedef struct Sinks {
    int refCount;
    DpJournal *journalPtr;      /* held, or NULL */
    int count;
    DpSink *list[];             /* held */
} Sinks;

/* The hub of an interpreter: client data of core::event. */
typedef struct Hub {
    DpInterp *dpPtr;            /* held */
    int refCount;               /* the command and each span */
    Tcl_WideInt last;           /* id of the event begun last */
    bool isNoting;              /* each host has to be told, see QuickSub */
    Tcl_WideInt changes;        /* of what cells tell, see DpEventCellSub */
    Tcl_HashTable jobs;         /* coroutine -> Job */
    Tcl_HashTable kept;         /* see DpEventKept -> list, held */
    Tcl_Obj *keys[NUM_KEYS];    /* held */
    Tcl_Obj *words[NUM_WORDS];  /* held */
} Hub;

struct DpSpan {
    int refCount;
    Hub *hubPtr;                /* held */
    DpInterp *dpPtr;            /* held */
    unsigned long handle;       /* 0: ended */
    Tcl_WideInt id;
    Tcl_WideInt parent;         /* id of the parent, 0: none */
    Tcl_Obj *typePtr;           /* held */
    unsigned long above;        /* handle of the parent, 0: none */
    int kids;                   /* spans inside of it that have no end yet */
    Tcl_Obj *given[GIVEN_LAST + 1]; /* held, by key; NULL: not there */
    Tcl_Obj *failurePtr;        /* the error that was told last, or NULL */
    Sinks *sinksPtr;            /* held */
    DpMask *maskPtr;            /* or NULL */
    Tcl_Encoding encoding;      /* owned, or NULL */
    DpDecoder decoders[2];
    DpBuf rest[2];              /* what may be the beginning of a secret, or
				 * of a character */
    Tcl_WideInt bytes;          /* that were printed */
    size_t journaled;           /* of these, what the journal has in full */
    DpTail *tailPtr;            /* what it gets of the rest, or NULL */
    int64_t startTime;          /* us */
};

/*
 * A key with its value: one of Tcl, or a number that becomes one where a sink
 * hears of it; of TIME and SECONDS that is microseconds.
 */
typedef struct Field {
    Key key;
    Tcl_Obj *valuePtr;          /* held; NULL: the number */
    int64_t number;
} Field;

/* An event that is being put together. */
typedef struct Event {
    Hub *hubPtr;
    bool isForJournal;          /* not set: a journal does not get it */
    int count;
    Field fields[NUM_KEYS];
} Event;

MODULE_SCOPE int64_t DpEventNow(void);  /* us */
MODULE_SCOPE void DpHubDrop(Hub *hubPtr);

/* Put a value into an event, which holds it; NULL is left out. */
MODULE_SCOPE void DpEventAdd(Event *eventPtr, Key key, Tcl_Obj *valuePtr);
MODULE_SCOPE void DpEventAddNumber(Event *eventPtr, Key key, int64_t number);

/* An event without anything in it; lets go of all that is in one. */
MODULE_SCOPE void DpEventNew(Event *eventPtr, Hub *hubPtr);
MODULE_SCOPE void DpEventForget(Event *eventPtr);

/* The event as a list of keys and values, refcount 0. */
MODULE_SCOPE Tcl_Obj *DpEventList(const Event *eventPtr);

/* The event as a line of the journal, where that takes one. */
MODULE_SCOPE void DpEventLine(DpJournal *journalPtr, const Event *eventPtr);

/* Begins an event of a span, of this time, with what each of them has. */
MODULE_SCOPE void DpEventBegin(Event *eventPtr, const DpSpan *spanPtr,
	int phase, int64_t time);

/* Gives the event to the sinks and forgets it; size is that of data that is no
 * text. */
MODULE_SCOPE void DpEventSend(const Sinks *sinksPtr, Event *eventPtr,
	DpSinkUse use, size_t size);

/* A text without secrets, and not too long: itself, or one of refcount 0. */
MODULE_SCOPE Tcl_Obj *DpEventClean(const DpMask *maskPtr, Tcl_Obj *textPtr);

/*
 * A span that is not begun yet: below parentPtr (NULL: none), with its sinks
 * and those in the list (NULL: none).
 */
MODULE_SCOPE DpSpan *DpSpanNew(Hub *hubPtr, DpSpan *parentPtr,
	Tcl_Obj *typePtr, Tcl_Obj *sinksPtr);

/*
 * The rest of its outputs; for an end, what it is that ends, and its time; its
 * one end, with the event for that.
 */
MODULE_SCOPE void DpSpanTellRest(DpSpan *spanPtr);
MODULE_SCOPE void DpSpanAddWhat(Event *eventPtr, const DpSpan *spanPtr);
MODULE_SCOPE void DpSpanAddSeconds(Event *eventPtr, const DpSpan *spanPtr,
	int64_t time);
MODULE_SCOPE void DpSpanEnd(DpSpan *spanPtr, Event *eventPtr);

/* It begins, with what is given; gets its handle. */
MODULE_SCOPE void DpSpanBegun(DpSpan *spanPtr, DpSpan *parentPtr);

/* It ends, with nothing more to say, and all that goes on inside of it. */
MODULE_SCOPE void DpSpanEndPlain(DpSpan *spanPtr);

/* Ends what goes on inside of it; ends it, too, without its own outcome. */
MODULE_SCOPE void DpSpanEndKids(DpSpan *spanPtr);
MODULE_SCOPE void DpSpanEndLost(DpSpan *spanPtr, const char *why);

/* An event, and maybe the run of a journal (or NULL), ends with a job. */
MODULE_SCOPE void DpEventJobAdd(Hub *hubPtr, Tcl_Obj *coPtr,
	unsigned long handle, Tcl_Obj *journalPtr);
MODULE_SCOPE void DpEventJobsFree(Hub *hubPtr);

/*
 * What was found out about a method of the instance of that namespace, until
 * anything changes that it may depend on: NULL where that is not there. Keep puts
 * the list there, NULL takes it away; Changed takes all away.
 */
typedef enum DpEventKind {
    DP_EVENT_ACTION, DP_EVENT_RUN
} DpEventKind;
MODULE_SCOPE Tcl_Obj *DpEventKept(Hub *hubPtr, DpEventKind kind,
	Tcl_Obj *spacePtr, Tcl_Obj *methodPtr);
MODULE_SCOPE void DpEventKeep(Hub *hubPtr, DpEventKind kind,
	Tcl_Obj *spacePtr, Tcl_Obj *methodPtr, Tcl_Obj *listPtr);
MODULE_SCOPE void DpEventChanged(Hub *hubPtr);

/* Subcommands of core::event, see there. */
MODULE_SCOPE int DpEventAgainSub(Hub *hubPtr, Tcl_Interp *interp,
	Tcl_Obj *const objv[]);
MODULE_SCOPE int DpEventCellSub(Hub *hubPtr, Tcl_Interp *interp,
	Tcl_Obj *const objv[]);
MODULE_SCOPE int DpEventJobSub(Hub *hubPtr, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[]);
MODULE_SCOPE int DpEventOverSub(Hub *hubPtr, Tcl_Interp *interp,
	Tcl_Obj *const objv[]);
MODULE_SCOPE int DpEventEventsSub(Hub *hubPtr, Tcl_Interp *interp,
	Tcl_Obj *const objv[]);

#endif

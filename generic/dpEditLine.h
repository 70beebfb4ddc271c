/*
 * dpEditLine.h -- a line that is read from the terminal of this process.
 *
 * Layer L2. Keys, engine, history and screen come together here. Nothing waits,
 * and no script runs: whoever reads is told, and answers when it can.
 */

#ifndef DP_EDIT_LINE_H
#define DP_EDIT_LINE_H

#include "dpEdit.h"
#include "dpEditView.h"
#include "dpLoop.h"

/* A line has no more colours than that. */
#define DP_LINE_SPANS 64

typedef struct DpEditLine DpEditLine;

typedef enum DpLineEvent {
    DP_LINE_ENTER,              /* the key; answered by DpEditLineReply */
    DP_LINE_COMPLETE,           /* the same */
    DP_LINE_DROPPED,            /* Ctrl-C: the answer is not wanted any more */
    DP_LINE_KEY,                /* the one that was asked for */
    DP_LINE_PAINT,              /* the text has changed; answered by
				 * DpEditLinePainted */
    DP_LINE_DONE,               /* all below: the line is over, and the terminal
				 * has its modes back */
    DP_LINE_EOF,
    DP_LINE_INTERRUPT,
    DP_LINE_GONE                /* the terminal was hung up */
} DpLineEvent;

/* May be called from inside of what is called here. */
typedef void (DpLineProc)(void *clientData, DpLineEvent event, uint32_t key);

/* NULL and an error of DpEditNew. */
MODULE_SCOPE DpEditLine *DpEditLineNew(DpLoop *loopPtr, DpEditKeys keys,
	DpLineProc *proc, void *clientData, DpError *errPtr);
MODULE_SCOPE void DpEditLineFree(DpEditLine *linePtr);

/* Begins a line; the texts are UTF-8 and are copied. It is not shown yet. */
MODULE_SCOPE void DpEditLineBegin(DpEditLine *linePtr, const char *prompt,
	size_t promptLength, const char *more, size_t moreLength);

/* Another prompt for the line that has begun. */
MODULE_SCOPE void DpEditLinePrompt(DpEditLine *linePtr, const char *prompt,
	size_t length);

/* Takes the terminal, errors as DpTtyOpen; gives it back and leaves no trace. */
MODULE_SCOPE bool DpEditLineShow(DpEditLine *linePtr, DpError *errPtr);
MODULE_SCOPE void DpEditLineHide(DpEditLine *linePtr);
MODULE_SCOPE bool DpEditLineShown(const DpEditLine *linePtr);
MODULE_SCOPE bool DpEditLineActive(const DpEditLine *linePtr);

/*
 * Text above the line, which is shown, as the terminal is to get it. A last line
 * without an end waits a moment for it. KEEP: the line as it stands stays, and
 * is drawn once more below.
 */
MODULE_SCOPE void DpEditLinePrint(DpEditLine *linePtr, const char *text,
	size_t length, bool keep);

/* The line, until the next call of anything here. */
MODULE_SCOPE void DpEditLineText(DpEditLine *linePtr, const uint32_t **textPtr,
	size_t *countPtr, size_t *cursorPtr);

/* Answers to DP_LINE_ENTER and DP_LINE_COMPLETE. */
typedef enum DpLineReply {
    DP_REPLY_DONE,              /* it is the line */
    DP_REPLY_MORE,              /* a further line belongs to it */
    DP_REPLY_NONE,              /* go on */
    DP_REPLY_BEEP,              /* the same, and say that nothing was found */
    DP_REPLY_KEY                /* tell the next key, and go on to wait */
} DpLineReply;
MODULE_SCOPE void DpEditLineReply(DpEditLine *linePtr, DpLineReply reply);

/* What stands in the place of the line until the next call, or the next line. */
MODULE_SCOPE void DpEditLineAsk(DpEditLine *linePtr, const char *text,
	size_t length);

/* Before such a reply: other text for characters before the cursor. */
MODULE_SCOPE void DpEditLineReplace(DpEditLine *linePtr, size_t count,
	const uint32_t *text, size_t length);

/*
 * Whether DP_LINE_PAINT is told, which is once until its answer, and after all keys
 * that have come. TEXT of the answer is what the spans belong to: where the line
 * has become another one they are fitted, and it is told anew.
 */
MODULE_SCOPE void DpEditLinePaint(DpEditLine *linePtr, bool wanted);
MODULE_SCOPE void DpEditLinePainted(DpEditLine *linePtr, const uint32_t *text,
	size_t count, const DpEditSpan *spans, size_t spanCount);

/* Ends it without a line; nothing is told. */
MODULE_SCOPE void DpEditLineDrop(DpEditLine *linePtr);

/* The history, oldest first. */
MODULE_SCOPE void DpEditLineForget(DpEditLine *linePtr);
MODULE_SCOPE void DpEditLineRemember(DpEditLine *linePtr, const uint32_t *text,
	size_t count);

#endif

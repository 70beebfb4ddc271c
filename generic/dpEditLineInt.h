/*
 * dpEditLineInt.h -- what the files of dpEditLine share.
 *
 * Layer L2.
 */

#ifndef DP_EDIT_LINE_INT_H
#define DP_EDIT_LINE_INT_H

#include "dpEditInput.h"
#include "dpEditLine.h"
#include "dpEditPast.h"
#include "dpEditView.h"
#include "dpTty.h"

/* Bytes of keys that wait while an answer is due. */
#define DP_LINE_HELD 65536

/* A text that is longer has no colours. */
#define DP_LINE_PAINTED 1000

/* A character that is text, and no key. */
#define DP_KEY_TEXT 0x4000000u

typedef enum DpLineState {
    DP_LINE_IS_IDLE,                       /* there is no line */
    DP_LINE_IS_READING,
    DP_LINE_IS_ENTERING,                   /* an answer is due */
    DP_LINE_IS_COMPLETING,                 /* the same; keys are kept */
    DP_LINE_IS_TELLING,                        /* the same, but the next key is to be told */
    DP_LINE_IS_ENDING                      /* over, but not all is written */
} DpLineState;

struct DpEditLine {
    DpLoop *loopPtr;
    DpEdit *editPtr;
    DpTty *ttyPtr;              /* NULL: hidden */
    DpLineProc *proc;
    void *clientData;
    DpLineState state;
    DpLineEvent ending;         /* what to tell at its end */
    DpEditInput input;
    DpBuf keys;                 /* uint32_t each, not handled yet */
    DpTimer escapeTimer;
    DpBuf prompt, more;
    DpBuf question;             /* in the place of the line, where there is one */
    DpEditView view;
    DpBuf out;                  /* not yet written */
    DpBuf late;                 /* a printed line without an end */
    DpTimer lateTimer;
    DpEditPast past;
    size_t at;                  /* in it; its count: the line itself */
    DpBuf own;                  /* the line itself, while another is seen */
    struct {
	bool on, failed;
	int direction;
	DpBuf pattern, last;    /* uint32_t each */
	DpBuf prompt;
	size_t index, offset;   /* where it was found */
	bool found;
    } search;
    struct {
	bool wanted;            /* somebody paints */
	bool due;               /* the text is another one than was painted */
	bool asked;             /* told, and not answered yet */
	DpBuf text;             /* what the spans belong to, uint32_t each */
	DpEditSpan spans[DP_LINE_SPANS];
	size_t count;
    } paint;
};

/* Handles keys that wait, as far as the line goes. */
MODULE_SCOPE void DpLineProcess(DpEditLine *linePtr);

/* A DpKeyProc. */
MODULE_SCOPE void DpLineTakeKey(void *clientData, uint32_t key);

/* What the engine stops for, until it wants a key or an answer is due. */
MODULE_SCOPE void DpLineDoAll(DpEditLine *linePtr, DpEditAct act);

/* Draws, writes, and says what is waited for; may end the line. */
MODULE_SCOPE void DpLineSettle(DpEditLine *linePtr);

/* Makes the colours those of this text; tells that it is to be painted; forgets. */
MODULE_SCOPE void DpLinePaintFit(DpEditLine *linePtr, const uint32_t *text,
	size_t count);
MODULE_SCOPE void DpLinePaintAsk(DpEditLine *linePtr);
MODULE_SCOPE void DpLinePaintReset(DpEditLine *linePtr);

/* Bytes for the terminal; and the sound for what cannot be done. */
MODULE_SCOPE void DpLinePut(DpEditLine *linePtr, const char *text);
MODULE_SCOPE void DpLineBeep(DpEditLine *linePtr);

/* Ends the line; the event is told once all is written. */
MODULE_SCOPE void DpLineFinish(DpEditLine *linePtr, DpLineEvent event);

#endif

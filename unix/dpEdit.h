/*
 * dpEdit.h -- libedit as an engine: keys go in, a line comes out.
 *
 * Layer L2. Some commands of libedit read further keys in loops of their own, so
 * it runs in a thread. The two never run at the same time: a call below returns
 * once the thread wants a key, or something that is not libedit's to do. It has
 * no terminal, and draws nowhere.
 */

#ifndef DP_EDIT_H
#define DP_EDIT_H

#include "dpError.h"

typedef struct DpEdit DpEdit;

/* What the engine stops for. */
typedef enum DpEditAct {
    DP_EDIT_KEY,                /* it wants a key; all below: DpEditGo is due */
    DP_EDIT_ENTER,
    DP_EDIT_COMPLETE,
    DP_EDIT_EOF,                /* Ctrl-D */
    DP_EDIT_CLEAR,              /* the screen */
    DP_EDIT_BACK,               /* search in the history, incrementally */
    DP_EDIT_FORWARD,
    DP_EDIT_PREV,               /* lines of the history */
    DP_EDIT_NEXT,
    DP_EDIT_PREV_SAME,          /* that begin as this one does */
    DP_EDIT_NEXT_SAME,
    DP_EDIT_FIRST,
    DP_EDIT_LAST,
    DP_EDIT_NUM_ACTS
} DpEditAct;

/* Which keys; ANY: as ~/.editrc says, else those of emacs. */
typedef enum DpEditKeys { DP_EDIT_ANY, DP_EDIT_EMACS, DP_EDIT_VI } DpEditKeys;

/* The key that leaves the insert mode of vi, as no other code follows it. */
#define DP_EDIT_ESCAPE 0x80

/* NULL and {STATE editor} in errPtr: the package was built without libedit. */
MODULE_SCOPE bool DpEditThere(void);
MODULE_SCOPE DpEdit *DpEditNew(DpEditKeys keys, DpError *errPtr);
MODULE_SCOPE void DpEditFree(DpEdit *editPtr);
MODULE_SCOPE bool DpEditIsVi(const DpEdit *editPtr);

/* Begins an empty line, from any state; whatever waits for a key is dropped. */
MODULE_SCOPE void DpEditBegin(DpEdit *editPtr);

/* Whether a command has begun that wants more keys. */
MODULE_SCOPE bool DpEditBusy(const DpEdit *editPtr);

/* Gives a key, a Unicode character. */
MODULE_SCOPE DpEditAct DpEditKey(DpEdit *editPtr, uint32_t code);

/* What it stopped for is done. */
MODULE_SCOPE DpEditAct DpEditGo(DpEdit *editPtr);

/* The line, until the next call. */
MODULE_SCOPE void DpEditText(DpEdit *editPtr, const uint32_t **textPtr,
	size_t *countPtr, size_t *cursorPtr);

/*
 * Changes of the line from outside: text at the cursor (false: the line would
 * be too long), characters before it taken out, another cursor.
 */
MODULE_SCOPE bool DpEditInsert(DpEdit *editPtr, const uint32_t *text,
	size_t count);
MODULE_SCOPE void DpEditDelete(DpEdit *editPtr, size_t count);
MODULE_SCOPE void DpEditMove(DpEdit *editPtr, size_t cursor);

#endif

/*
 * dpEditNone.c -- what stands for the engine where there is no libedit.
 *
 * Layer L2.
 */

#include "dpEdit.h"

#ifndef HAVE_LIBEDIT

bool
DpEditThere(void)
{
    return false;
}

DpEdit *
DpEditNew(DpEditKeys keys, DpError *errPtr)
{
    (void) keys;
    DpErrorSet(errPtr, "STATE", "the package was built without libedit");
    DpErrorAddData(errPtr, "editor");
    return NULL;
}

/* The rest is for what DpEditNew has made. */

void
DpEditFree(DpEdit *editPtr)
{
    (void) editPtr;
}

bool
DpEditIsVi(const DpEdit *editPtr)
{
    (void) editPtr;
    return false;
}

void
DpEditBegin(DpEdit *editPtr)
{
    (void) editPtr;
}

bool
DpEditBusy(const DpEdit *editPtr)
{
    (void) editPtr;
    return false;
}

DpEditAct
DpEditKey(DpEdit *editPtr, uint32_t code)
{
    (void) editPtr;
    (void) code;
    return DP_EDIT_EOF;
}

DpEditAct
DpEditGo(DpEdit *editPtr)
{
    (void) editPtr;
    return DP_EDIT_KEY;
}

void
DpEditText(DpEdit *editPtr, const uint32_t **textPtr, size_t *countPtr,
	size_t *cursorPtr)
{
    (void) editPtr;
    *textPtr = NULL;
    *countPtr = *cursorPtr = 0;
}

bool
DpEditInsert(DpEdit *editPtr, const uint32_t *text, size_t count)
{
    (void) editPtr;
    (void) text;
    (void) count;
    return false;
}

void
DpEditDelete(DpEdit *editPtr, size_t count)
{
    (void) editPtr;
    (void) count;
}

void
DpEditMove(DpEdit *editPtr, size_t cursor)
{
    (void) editPtr;
    (void) cursor;
}

#endif

/*
 * dpEditInput.h -- bytes of a terminal as keys and pastes.
 *
 * Layer L0. UTF-8; sequences that mean no key here, as of a mouse, are no keys.
 */

#ifndef DP_EDIT_INPUT_H
#define DP_EDIT_INPUT_H

#include "dpBuf.h"

/* A key is a character (Ctrl-C is 3), with or without META, or one of these. */
#define DP_KEY_META 0x1000000u
enum {
    DP_KEY_UP = 0x200000, DP_KEY_DOWN, DP_KEY_RIGHT, DP_KEY_LEFT, DP_KEY_HOME,
    DP_KEY_END, DP_KEY_DELETE, DP_KEY_PAGE_UP, DP_KEY_PAGE_DOWN,
    DP_KEY_WORD_RIGHT, DP_KEY_WORD_LEFT, DP_KEY_WORD_DELETE,
    DP_KEY_PASTE                /* its text is in `paste` */
};
#define DP_KEY_ESCAPE 0x1B

/* A paste that is longer is cut. */
#define DP_PASTE_MAX (1 << 20)

typedef void (DpKeyProc)(void *clientData, uint32_t key);

/* A zeroed struct waits for the first byte. */
typedef struct DpEditInput {
    int state;
    bool meta;                  /* Escape stood before */
    char sequence[32];
    size_t length;              /* of it, or of what is left out */
    uint32_t code;              /* of a character that is not whole */
    int left;                   /* bytes of it to come */
    DpBuf paste;                /* bytes */
    size_t over;                /* bytes of the mark of its end */
} DpEditInput;

MODULE_SCOPE void DpEditInputBytes(DpEditInput *inputPtr,
	const unsigned char *bytes, size_t count, DpKeyProc *proc,
	void *clientData);

/* Whether more is to come, or a lone Escape was typed. */
static inline bool
DpEditInputWaits(const DpEditInput *inputPtr)
{
    return inputPtr->state != 0;
}

/* Whether it is an Escape that may be a key, or the begin of one. */
MODULE_SCOPE bool DpEditInputAtEscape(const DpEditInput *inputPtr);

/* Whether a paste goes on. */
MODULE_SCOPE bool DpEditInputPastes(const DpEditInput *inputPtr);

/* Nothing more has come: a lone Escape is the key, what is half is nothing. */
MODULE_SCOPE void DpEditInputEnd(DpEditInput *inputPtr, DpKeyProc *proc,
	void *clientData);

MODULE_SCOPE void DpEditInputFree(DpEditInput *inputPtr);

#endif

/*
 * dpEditInput.c -- bytes of a terminal as keys and pastes.
 *
 * Layer L0. Sequences are those of ECMA-48 and xterm's control sequences
 * (ctlseqs): CSI, SS3, mouse reports, bracketed paste.
 */

#include "dpEditInput.h"

#include <stdlib.h>

enum {
    GROUND, CHARACTER, ESCAPE, CSI, SS3, MOUSE, LINUX, STRING, STRING_END, PASTE
};

/* A string of the terminal's own that is longer is none. */
#define STRING_MAX 4096

static const char pasteEnd[] = "\033[201~";
#define PASTE_END (sizeof(pasteEnd) - 1)

static void
Tell(DpEditInput *inputPtr, uint32_t key, DpKeyProc *proc, void *clientData)
{
    bool meta = inputPtr->meta;

    inputPtr->meta = false;
    inputPtr->state = GROUND;
    proc(clientData, meta ? key | DP_KEY_META : key);
}

/* The key of CSI or SS3 with this final byte; 0: none. */
static uint32_t
LetterKey(char letter, int modifier)
{
    bool word = modifier == 3 || modifier == 5 || modifier == 7;

    switch (letter) {
    case 'A': return DP_KEY_UP;
    case 'B': return DP_KEY_DOWN;
    case 'C': return word ? DP_KEY_WORD_RIGHT : DP_KEY_RIGHT;
    case 'D': return word ? DP_KEY_WORD_LEFT : DP_KEY_LEFT;
    case 'H': return DP_KEY_HOME;
    case 'F': return DP_KEY_END;
    default: return 0;
    }
}

static uint32_t
NumberKey(int number, int modifier)
{
    switch (number) {
    case 1: case 7: return DP_KEY_HOME;
    case 4: case 8: return DP_KEY_END;
    case 3: return modifier == 3 || modifier == 5 ? DP_KEY_WORD_DELETE
	    : DP_KEY_DELETE;
    case 5: return DP_KEY_PAGE_UP;
    case 6: return DP_KEY_PAGE_DOWN;
    default: return 0;
    }
}

/* A control sequence is whole; its parameters are in `sequence`. */
static void
TakeSequence(DpEditInput *inputPtr, char final, DpKeyProc *proc,
	void *clientData)
{
    int numbers[2] = {0, 0};
    uint32_t key = 0;
    char *text = inputPtr->sequence, *end;

    inputPtr->state = GROUND;
    inputPtr->meta = false;
    if (inputPtr->length >= sizeof(inputPtr->sequence)) {
	return;
    }
    text[inputPtr->length] = '\0';
    if (final == 'M' && inputPtr->length == 0) {
	inputPtr->state = MOUSE;
	return;
    }
    if (final == '[' && inputPtr->length == 0) {
	inputPtr->state = LINUX;
	return;
    }
    if (text[strspn(text, "0123456789;")] != '\0') {
	return;
    }
    numbers[0] = (int) strtol(text, &end, 10);
    if (*end == ';') {
	numbers[1] = (int) strtol(end + 1, NULL, 10);
    }
    if (final == '~' && numbers[0] == 200) {
	inputPtr->state = PASTE;
	inputPtr->over = 0;
	return;
    }
    key = final == '~' ? NumberKey(numbers[0], numbers[1])
	    : LetterKey(final, numbers[1]);
    if (key != 0) {
	proc(clientData, key);
    }
}

/* The text of a paste has come to its end. */
static void
TakePaste(DpEditInput *inputPtr, unsigned char byte, DpKeyProc *proc,
	void *clientData)
{
    if (byte == (unsigned char) pasteEnd[inputPtr->over]) {
	if (++inputPtr->over == PASTE_END) {
	    inputPtr->state = GROUND;
	    proc(clientData, DP_KEY_PASTE);
	    DpBufFree(&inputPtr->paste);
	}
	return;
    }
    if (DpBufLength(&inputPtr->paste) < DP_PASTE_MAX) {
	DpBufAppend(&inputPtr->paste, pasteEnd, inputPtr->over);
    }
    inputPtr->over = byte == '\033';
    if (inputPtr->over == 0 && DpBufLength(&inputPtr->paste) < DP_PASTE_MAX) {
	DpBufAppend(&inputPtr->paste, &byte, 1);
    }
}

/* The first byte of a character. */
static void
TakeFirst(DpEditInput *inputPtr, unsigned char byte, DpKeyProc *proc,
	void *clientData)
{
    inputPtr->state = CHARACTER;
    if (byte < 0x80) {
	Tell(inputPtr, byte, proc, clientData);
    } else if (byte >= 0xC2 && byte < 0xE0) {
	inputPtr->code = byte & 0x1F;
	inputPtr->left = 1;
    } else if (byte >= 0xE0 && byte < 0xF0) {
	inputPtr->code = byte & 0x0F;
	inputPtr->left = 2;
    } else if (byte >= 0xF0 && byte < 0xF5) {
	inputPtr->code = byte & 0x07;
	inputPtr->left = 3;
    } else {
	inputPtr->state = GROUND;
	inputPtr->meta = false;
    }
}

/* False: the byte is the first of something else. */
static bool
TakeNext(DpEditInput *inputPtr, unsigned char byte, DpKeyProc *proc,
	void *clientData)
{
    uint32_t code;

    if ((byte & 0xC0) != 0x80) {
	inputPtr->state = GROUND;
	inputPtr->meta = false;
	return false;
    }
    code = inputPtr->code = inputPtr->code << 6 | (byte & 0x3F);
    if (--inputPtr->left > 0) {
	return true;
    }
    if (code < 0xA0 || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) {
	inputPtr->state = GROUND;
	inputPtr->meta = false;
    } else {
	Tell(inputPtr, code, proc, clientData);
    }
    return true;
}

static void
TakeEscape(DpEditInput *inputPtr, unsigned char byte, DpKeyProc *proc,
	void *clientData)
{
    inputPtr->length = 0;
    switch (byte) {
    case '[':
	inputPtr->state = CSI;
	break;
    case 'O':
	inputPtr->state = SS3;
	break;
    case ']':
	inputPtr->state = STRING;
	break;
    case '\033':
	proc(clientData, DP_KEY_ESCAPE);
	break;
    default:
	inputPtr->meta = true;
	TakeFirst(inputPtr, byte, proc, clientData);
    }
}

/* False: the byte is to be looked at once more. */
static bool
TakeByte(DpEditInput *inputPtr, unsigned char byte, DpKeyProc *proc,
	void *clientData)
{
    uint32_t key;

    switch (inputPtr->state) {
    case GROUND:
	if (byte == '\033') {
	    inputPtr->state = ESCAPE;
	} else {
	    TakeFirst(inputPtr, byte, proc, clientData);
	}
	return true;
    case CHARACTER:
	return TakeNext(inputPtr, byte, proc, clientData);
    case ESCAPE:
	TakeEscape(inputPtr, byte, proc, clientData);
	return true;
    case CSI:
	if (byte < 0x20 || byte >= 0x7F) {
	    /* It was none. */
	    inputPtr->state = GROUND;
	    return false;
	}
	if (byte >= 0x40) {
	    TakeSequence(inputPtr, (char) byte, proc, clientData);
	} else {
	    if (inputPtr->length < sizeof(inputPtr->sequence)) {
		inputPtr->sequence[inputPtr->length++] = (char) byte;
	    }
	}
	return true;
    case SS3:
	if (byte < 0x20) {
	    inputPtr->state = GROUND;
	    return false;
	}
	if (byte >= '0' && byte <= '9') {
	    return true;
	}
	inputPtr->state = GROUND;
	key = LetterKey((char) byte, 0);
	if (key != 0) {
	    proc(clientData, key);
	}
	return true;
    case MOUSE:
	if (++inputPtr->length == 3) {
	    inputPtr->state = GROUND;
	}
	return true;
    case LINUX:
	inputPtr->state = GROUND;
	return true;
    case STRING:
	if (byte == '\033') {
	    inputPtr->state = STRING_END;
	} else if (byte == 7 || byte == 3 || ++inputPtr->length > STRING_MAX) {
	    inputPtr->state = GROUND;
	    return byte != 3;
	}
	return true;
    case STRING_END:
	inputPtr->state = GROUND;
	return byte == '\\';
    default:
	TakePaste(inputPtr, byte, proc, clientData);
	return true;
    }
}

void
DpEditInputBytes(DpEditInput *inputPtr, const unsigned char *bytes,
	size_t count, DpKeyProc *proc, void *clientData)
{
    for (size_t i = 0; i < count; i++) {
	while (!TakeByte(inputPtr, bytes[i], proc, clientData)) {
	    /* In another state now. */
	}
    }
}

bool
DpEditInputAtEscape(const DpEditInput *inputPtr)
{
    return inputPtr->state == ESCAPE;
}

bool
DpEditInputPastes(const DpEditInput *inputPtr)
{
    return inputPtr->state == PASTE;
}

void
DpEditInputEnd(DpEditInput *inputPtr, DpKeyProc *proc, void *clientData)
{
    int state = inputPtr->state;

    if (state == PASTE) {
	return;
    }
    inputPtr->state = GROUND;
    inputPtr->meta = false;
    if (state == ESCAPE) {
	proc(clientData, DP_KEY_ESCAPE);
    }
}

void
DpEditInputFree(DpEditInput *inputPtr)
{
    DpBufFree(&inputPtr->paste);
    memset(inputPtr, 0, sizeof(*inputPtr));
}

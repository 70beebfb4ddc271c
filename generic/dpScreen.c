/*
 * dpScreen.c -- which modes of a terminal a stream of output has switched.
 *
 * Layer L0. Private modes and sequences as in xterm's "Control Sequences".
 */

#include "dpScreen.h"

#include <stdio.h>
#include <stdlib.h>

#define ESC 0x1b

/* Modes of CSI ? N h and l, in the order in which they are undone. */
static const struct {
    int number;
    bool normal;                /* on in a terminal as it is at first */
} modes[] = {
    {1, false},                 /* application cursor keys */
    {9, false}, {1000, false}, {1001, false}, {1002, false}, {1003, false},
    {1004, false}, {1005, false}, {1006, false}, {1015, false}, /* mouse */
    {2004, false},              /* bracketed paste */
    {7, true},                  /* wrap at the end of a line */
    {25, true},                 /* the cursor is seen */
    {47, false}, {1047, false}, {1049, false},  /* the other screen */
};

static void
SwitchModes(DpScreen *screenPtr, bool on)
{
    const char *params = screenPtr->params + 1;

    while (*params != '\0') {
	char *endPtr;
	long number = strtol(params, &endPtr, 10);

	for (size_t i = 0; i < DP_ARRAY_SIZE(modes); i++) {
	    if (modes[i].number == number) {
		if (on == modes[i].normal) {
		    screenPtr->switched &= ~(1u << i);
		} else {
		    screenPtr->switched |= 1u << i;
		}
	    }
	}
	if (endPtr == params && *params != ';') {
	    return;
	}
	params = *endPtr == ';' ? endPtr + 1 : endPtr;
    }
}

/* A whole sequence: CSI params final. */
static void
Sequence(DpScreen *screenPtr, char final)
{
    char *params = screenPtr->params;

    if (screenPtr->numParams == sizeof(screenPtr->params)) {
	return;
    }
    params[screenPtr->numParams] = '\0';
    if (params[0] == '?' && (final == 'h' || final == 'l')) {
	SwitchModes(screenPtr, final == 'h');
    } else if (final == 'r' && params[0] != '?') {
	screenPtr->region = params[0] != '\0';
    } else if (final == 'm' && strncmp(params, ">4", 2) == 0) {
	screenPtr->otherKeys = params[2] == ';' && params[3] >= '1'
		&& params[3] <= '9';
    } else if (final == 'p' && strcmp(params, "!") == 0) {
	screenPtr->keypad = screenPtr->region = false;
    }
}

static void
Escape(DpScreen *screenPtr, char byte)
{
    screenPtr->state = DP_SCREEN_TEXT;
    switch (byte) {
    case '[':
	screenPtr->state = DP_SCREEN_SEQUENCE;
	screenPtr->numParams = 0;
	break;
    case '=':
    case '>':
	screenPtr->keypad = byte == '=';
	break;
    case 'c':
	/* Everything is as at first. */
	memset(screenPtr, 0, sizeof(*screenPtr));
	break;
    case ESC:
	screenPtr->state = DP_SCREEN_ESCAPE;
	break;
    }
}

bool
DpScreenFeed(DpScreen *screenPtr, const unsigned char *bytes, size_t count)
{
    DpScreen before = *screenPtr;
    const unsigned char *endPtr = bytes + count;

    while (bytes < endPtr) {
	unsigned char byte = *bytes++;

	switch (screenPtr->state) {
	case DP_SCREEN_TEXT:
	    if (byte != ESC) {
		bytes = memchr(bytes, ESC, (size_t) (endPtr - bytes));
		if (bytes == NULL) {
		    bytes = endPtr;
		}
	    } else {
		screenPtr->state = DP_SCREEN_ESCAPE;
	    }
	    break;
	case DP_SCREEN_ESCAPE:
	    Escape(screenPtr, (char) byte);
	    break;
	case DP_SCREEN_SEQUENCE:
	    if (byte >= 0x20 && byte < 0x40) {
		if (screenPtr->numParams < sizeof(screenPtr->params)) {
		    screenPtr->params[screenPtr->numParams++] = (char) byte;
		}
	    } else if (byte == ESC) {
		screenPtr->state = DP_SCREEN_ESCAPE;
	    } else if (byte >= 0x40) {
		screenPtr->state = DP_SCREEN_TEXT;
		Sequence(screenPtr, (char) byte);
	    }
	    break;
	}
    }
    return before.switched != screenPtr->switched
	    || before.keypad != screenPtr->keypad
	    || before.region != screenPtr->region
	    || before.otherKeys != screenPtr->otherKeys;
}

size_t
DpScreenReset(const DpScreen *screenPtr, char text[DP_SCREEN_RESET])
{
    size_t count = 0;

    if (screenPtr->otherKeys) {
	count += (size_t) sprintf(text + count, "\033[>4m");
    }
    if (screenPtr->keypad) {
	count += (size_t) sprintf(text + count, "\033>");
    }
    if (screenPtr->region) {
	/* It moves the cursor. */
	count += (size_t) sprintf(text + count, "\0337\033[r\0338");
    }
    if (screenPtr->switched != 0 || count > 0) {
	count += (size_t) sprintf(text + count, "\033[m");
    }
    for (size_t i = 0; i < DP_ARRAY_SIZE(modes); i++) {
	if (screenPtr->switched & (1u << i)) {
	    count += (size_t) sprintf(text + count, "\033[?%d%c",
		    modes[i].number, modes[i].normal ? 'h' : 'l');
	}
    }
    return count;
}

/* The margins of a region are not known: the program sets them as it paints. */
size_t
DpScreenAgain(const DpScreen *screenPtr, char text[DP_SCREEN_RESET])
{
    size_t count = 0;

    for (size_t i = DP_ARRAY_SIZE(modes); i-- > 0;) {
	if (screenPtr->switched & (1u << i)) {
	    count += (size_t) sprintf(text + count, "\033[?%d%c",
		    modes[i].number, modes[i].normal ? 'l' : 'h');
	}
    }
    if (screenPtr->keypad) {
	count += (size_t) sprintf(text + count, "\033=");
    }
    if (screenPtr->otherKeys) {
	count += (size_t) sprintf(text + count, "\033[>4;2m");
    }
    return count;
}

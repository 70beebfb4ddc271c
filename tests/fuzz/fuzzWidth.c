/*
 * fuzzWidth.c -- texts that are shown: no control passes but those that may, and
 * what fits into so many columns is no wider.
 *
 * The input: a byte with the flags, a byte with the columns, the text, which need
 * not be UTF-8.
 */

#include "dpWidth.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
Check(bool holds)
{
    if (!holds) {
	abort();
    }
}

/* Sequences of colours are left out of what is looked at. */
static size_t
SkipColor(const char *text, size_t length)
{
    size_t i = 2;

    Check(length >= 3 && text[1] == '[');
    while (i < length && text[i] != 'm') {
	Check((text[i] >= '0' && text[i] <= '9') || text[i] == ';'
		|| text[i] == ':');
	i++;
    }
    Check(i < length);
    return i + 1;
}

static void
CheckShown(const char *text, size_t length, int flags)
{
    for (size_t at = 0; at < length;) {
	uint32_t code;
	size_t count = DpWidthChar(text + at, length - at, &code);

	if (code == '\033') {
	    Check(flags & DP_WIDTH_COLORS);
	    count = SkipColor(text + at, length - at);
	} else if (code == '\n') {
	    Check(flags & DP_WIDTH_LINES);
	} else {
	    Check(code >= 0x20 && (code < 0x7F || code >= 0xA0));
	    Check((code < 0x202A || code > 0x202E)
		    && (code < 0x2066 || code > 0x2069));
	}
	at += count;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DpBuf shown = {0};
    size_t columns, used, fits, length;
    const char *text;
    int flags;

    if (size < 2) {
	return 0;
    }
    flags = data[0] & (DP_WIDTH_LINES | DP_WIDTH_COLORS);
    columns = data[1];
    DpWidthShow(&shown, (const char *) data + 2, size - 2, flags);
    length = DpBufLength(&shown);
    if (length > 0) {
	text = (const char *) DpBufData(&shown);
	CheckShown(text, length, flags);
	fits = DpWidthFit(text, length, columns, &used);
	Check(fits <= length && used <= columns);
	Check(DpWidthText(text, fits) == used);
	Check(fits == length || DpWidthText(text, length) > columns);
    }
    DpBufFree(&shown);
    return 0;
}

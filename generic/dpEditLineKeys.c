/*
 * dpEditLineKeys.c -- what the keys of a line that is read do.
 *
 * Layer L2.
 */

#include "dpEditLineInt.h"
#include "dpWidth.h"

/* Part: changes of the line. */

static void
SetLine(DpEditLine *linePtr, const uint32_t *newText, size_t newCount,
	size_t newCursor)
{
    const uint32_t *text;
    size_t count, cursor;

    DpEditText(linePtr->editPtr, &text, &count, &cursor);
    DpEditMove(linePtr->editPtr, count);
    DpEditDelete(linePtr->editPtr, count);
    DpEditInsert(linePtr->editPtr, newText, newCount);
    DpEditMove(linePtr->editPtr, newCursor);
}

/* Shows line `index` of the history; its count is the line itself. */
static void
GoTo(DpEditLine *linePtr, size_t index, size_t cursor)
{
    const uint32_t *text, *own;
    size_t count, old;

    if (linePtr->at == linePtr->past.count) {
	DpEditText(linePtr->editPtr, &text, &count, &old);
	DpBufFree(&linePtr->own);
	DpBufAppend(&linePtr->own, text, count * sizeof(*text));
    }
    linePtr->at = index;
    if (index == linePtr->past.count) {
	count = DpBufLength(&linePtr->own) / sizeof(*own);
	own = (const uint32_t *) (const void *) DpBufData(&linePtr->own);
	SetLine(linePtr, own, count, cursor < count ? cursor : count);
    } else {
	const DpPastLine *pastPtr = &linePtr->past.lines[index];

	SetLine(linePtr, pastPtr->text, pastPtr->count,
		cursor < pastPtr->count ? cursor : pastPtr->count);
    }
}

/* The line above or below the cursor, in a text of several. False: none. */
static bool
MoveLine(DpEditLine *linePtr, int direction)
{
    const uint32_t *text;
    size_t count, cursor, start, end, col;

    DpEditText(linePtr->editPtr, &text, &count, &cursor);
    for (start = cursor; start > 0 && text[start - 1] != '\n'; start--) {
	/* To the begin of this line. */
    }
    col = cursor - start;
    if (direction < 0) {
	if (start == 0) {
	    return false;
	}
	end = start - 1;
	for (start = end; start > 0 && text[start - 1] != '\n'; start--) {
	    /* To the begin of the one above. */
	}
    } else {
	for (end = cursor; end < count && text[end] != '\n'; end++) {
	    /* To the end of this line. */
	}
	if (end == count) {
	    return false;
	}
	start = end + 1;
	for (end = start; end < count && text[end] != '\n'; end++) {
	    /* To the end of the one below. */
	}
    }
    DpEditMove(linePtr->editPtr, start + col < end ? start + col : end);
    return true;
}

static void
Step(DpEditLine *linePtr, int direction, bool same)
{
    size_t index = linePtr->at + (size_t) direction, count, cursor;
    const uint32_t *text;

    if (!same) {
	if (!MoveLine(linePtr, direction)) {
	    if (index > linePtr->past.count) {
		DpLineBeep(linePtr);
	    } else {
		GoTo(linePtr, index, SIZE_MAX);
	    }
	}
	return;
    }
    DpEditText(linePtr->editPtr, &text, &count, &cursor);
    if (index <= linePtr->past.count && DpEditPastBegins(&linePtr->past,
	    &index, direction, text, cursor)) {
	GoTo(linePtr, index, cursor > 0 ? cursor : SIZE_MAX);
    } else if (direction > 0 && linePtr->at < linePtr->past.count) {
	GoTo(linePtr, linePtr->past.count, SIZE_MAX);
    } else {
	DpLineBeep(linePtr);
    }
}

static void
DeleteNext(DpEditLine *linePtr)
{
    const uint32_t *text;
    size_t count, cursor;

    DpEditText(linePtr->editPtr, &text, &count, &cursor);
    if (cursor < count) {
	DpEditMove(linePtr->editPtr, cursor + 1);
	DpEditDelete(linePtr->editPtr, 1);
    } else {
	DpLineBeep(linePtr);
    }
}

/* Part: the search. */

static size_t
PatternCount(const DpEditLine *linePtr)
{
    return DpBufLength(&linePtr->search.pattern) / sizeof(uint32_t);
}

/* From line index and offset on. */
static void
SearchFrom(DpEditLine *linePtr, size_t index, size_t offset)
{
    const uint32_t *pattern = (const uint32_t *) (const void *)
	    DpBufData(&linePtr->search.pattern);

    if (PatternCount(linePtr) == 0) {
	linePtr->search.found = linePtr->search.failed = false;
	return;
    }
    if (index < linePtr->past.count && DpEditPastFind(&linePtr->past, &index,
	    &offset, linePtr->search.direction, pattern,
	    PatternCount(linePtr))) {
	linePtr->search.index = index;
	linePtr->search.offset = offset;
	linePtr->search.found = true;
	linePtr->search.failed = false;
    } else {
	linePtr->search.failed = true;
	DpLineBeep(linePtr);
    }
}

/* From the newest line, or where the history is looked at. */
static void
SearchAnew(DpEditLine *linePtr)
{
    size_t count = linePtr->past.count;

    linePtr->search.found = false;
    if (linePtr->search.direction > 0) {
	SearchFrom(linePtr, 0, 0);
    } else {
	SearchFrom(linePtr, linePtr->at < count ? linePtr->at : count - 1,
		SIZE_MAX - 1);
    }
}

static void
SearchNext(DpEditLine *linePtr, int direction)
{
    linePtr->search.direction = direction;
    if (PatternCount(linePtr) == 0) {
	DpBufAppend(&linePtr->search.pattern, DpBufData(&linePtr->search.last),
		DpBufLength(&linePtr->search.last));
	SearchAnew(linePtr);
    } else if (linePtr->search.found) {
	SearchFrom(linePtr, linePtr->search.index,
		linePtr->search.offset + (size_t) direction);
    } else {
	SearchAnew(linePtr);
    }
}

static void
SearchBegin(DpEditLine *linePtr, int direction)
{
    linePtr->search.on = true;
    linePtr->search.failed = linePtr->search.found = false;
    linePtr->search.direction = direction;
    DpBufFree(&linePtr->search.pattern);
}

static void
SearchEnd(DpEditLine *linePtr, bool accept)
{
    linePtr->search.on = false;
    if (PatternCount(linePtr) > 0) {
	DpBufFree(&linePtr->search.last);
	DpBufAppend(&linePtr->search.last, DpBufData(&linePtr->search.pattern),
		DpBufLength(&linePtr->search.pattern));
    }
    if (accept && linePtr->search.found) {
	GoTo(linePtr, linePtr->search.index, linePtr->search.offset);
    }
}

/* True: the key was for the search. */
static bool
SearchKey(DpEditLine *linePtr, uint32_t key)
{
    DpBuf *patternPtr = &linePtr->search.pattern;
    uint32_t code = key & ~DP_KEY_TEXT;

    switch (key) {
    case 'R' - '@':
	SearchNext(linePtr, -1);
	return true;
    case 'S' - '@':
	SearchNext(linePtr, 1);
	return true;
    case 'G' - '@':
	SearchEnd(linePtr, false);
	return true;
    case DP_KEY_ESCAPE:
	SearchEnd(linePtr, true);
	return true;
    case '\b':
    case 0x7F:
	if (PatternCount(linePtr) > 0) {
	    patternPtr->end -= sizeof(code);
	}
	SearchAnew(linePtr);
	return true;
    default:
	if (code < 0x20 || code > 0x10FFFF) {
	    SearchEnd(linePtr, true);
	    return false;
	}
	DpBufAppend(patternPtr, &code, sizeof(code));
	if (linePtr->search.found) {
	    SearchFrom(linePtr, linePtr->search.index,
		    linePtr->search.offset);
	} else {
	    SearchAnew(linePtr);
	}
	return true;
    }
}

/* Part: keys. */

static DpEditAct
Do(DpEditLine *linePtr, DpEditAct act)
{
    const uint32_t *text;
    size_t count, cursor;

    switch (act) {
    case DP_EDIT_ENTER:
	DpEditText(linePtr->editPtr, &text, &count, &cursor);
	DpEditMove(linePtr->editPtr, count);
	linePtr->state = DP_LINE_IS_ENTERING;
	linePtr->proc(linePtr->clientData, DP_LINE_ENTER, 0);
	return DP_EDIT_KEY;
    case DP_EDIT_COMPLETE:
	linePtr->state = DP_LINE_IS_COMPLETING;
	linePtr->proc(linePtr->clientData, DP_LINE_COMPLETE, 0);
	return DP_EDIT_KEY;
    case DP_EDIT_EOF:
	DpEditText(linePtr->editPtr, &text, &count, &cursor);
	if (count == 0) {
	    DpLineFinish(linePtr, DP_LINE_EOF);
	    return DP_EDIT_KEY;
	}
	DeleteNext(linePtr);
	break;
    case DP_EDIT_CLEAR:
	DpEditViewForget(&linePtr->view);
	DpLinePut(linePtr, "\033[H\033[2J");
	break;
    case DP_EDIT_BACK:
    case DP_EDIT_FORWARD:
	SearchBegin(linePtr, act == DP_EDIT_BACK ? -1 : 1);
	break;
    case DP_EDIT_PREV:
    case DP_EDIT_NEXT:
	Step(linePtr, act == DP_EDIT_PREV ? -1 : 1, false);
	break;
    case DP_EDIT_PREV_SAME:
    case DP_EDIT_NEXT_SAME:
	Step(linePtr, act == DP_EDIT_PREV_SAME ? -1 : 1, true);
	break;
    case DP_EDIT_FIRST:
	if (linePtr->past.count > 0) {
	    GoTo(linePtr, 0, SIZE_MAX);
	}
	break;
    case DP_EDIT_LAST:
	GoTo(linePtr, linePtr->past.count, SIZE_MAX);
	break;
    default:
	break;
    }
    return DpEditGo(linePtr->editPtr);
}

/* What the engine stops for, until it wants a key or an answer is due. */
void
DpLineDoAll(DpEditLine *linePtr, DpEditAct act)
{
    while (act != DP_EDIT_KEY && linePtr->state == DP_LINE_IS_READING) {
	act = Do(linePtr, act);
    }
}

/* The codes of a key for the engine, with a 0 behind. */
static void
CodesOf(const DpEditLine *linePtr, uint32_t key, uint32_t codes[8])
{
    static const char *const names[] = {
	"\033[A", "\033[B", "\033[C", "\033[D", "\033[H", "\033[F", "\033[3~",
	"\033[5~", "\033[6~", "\033[1;5C", "\033[1;5D", "\033[3;5~"
    };
    size_t count = 0;

    if (key & DP_KEY_META) {
	codes[count++] = DpEditIsVi(linePtr->editPtr) ? DP_EDIT_ESCAPE
		: DP_KEY_ESCAPE;
	codes[count++] = key & ~DP_KEY_META;
    } else if (key >= DP_KEY_UP
	    && key - DP_KEY_UP < DP_ARRAY_SIZE(names)) {
	for (const char *p = names[key - DP_KEY_UP]; *p != '\0'; p++) {
	    codes[count++] = (unsigned char) *p;
	}
    } else if (key == DP_KEY_ESCAPE) {
	if (DpEditIsVi(linePtr->editPtr)) {
	    codes[count++] = DP_EDIT_ESCAPE;
	}
    } else {
	codes[count++] = key;
    }
    codes[count] = UINT32_MAX;
}

/* The cursor never stands between a character and its marks. */
static void
SkipMarks(DpEditLine *linePtr, size_t before)
{
    const uint32_t *text;
    size_t count, cursor, at;

    if (linePtr->state != DP_LINE_IS_READING || DpEditBusy(linePtr->editPtr)) {
	return;
    }
    DpEditText(linePtr->editPtr, &text, &count, &cursor);
    at = cursor;
    while (at > 0 && at < count && text[at] >= 0x300
	    && DpWidthOf(text[at]) == 0) {
	at = cursor < before ? at - 1 : at + 1;
    }
    if (at != cursor) {
	DpEditMove(linePtr->editPtr, at);
    }
}

static void
HandleKey(DpEditLine *linePtr, uint32_t key)
{
    uint32_t codes[16], code = key & ~DP_KEY_TEXT;
    const uint32_t *text;
    size_t count, before;

    if (key == 3) {
	DpLineFinish(linePtr, DP_LINE_INTERRUPT);
	return;
    }
    if (linePtr->search.on && SearchKey(linePtr, key)) {
	return;
    }
    if (key & DP_KEY_TEXT) {
	DpEditInsert(linePtr->editPtr, &code, 1);
	return;
    }
    DpEditText(linePtr->editPtr, &text, &count, &before);
    CodesOf(linePtr, key, codes);
    for (size_t i = 0; codes[i] != UINT32_MAX && linePtr->state == DP_LINE_IS_READING;
	    i++) {
	DpLineDoAll(linePtr, DpEditKey(linePtr->editPtr, codes[i]));
    }
    SkipMarks(linePtr, before);
}

/* Handles keys that wait, as far as the line goes. */
void
DpLineProcess(DpEditLine *linePtr)
{
    uint32_t key;

    while (DpBufLength(&linePtr->keys) > 0 && (linePtr->state == DP_LINE_IS_READING
	    || linePtr->state == DP_LINE_IS_TELLING)) {
	memcpy(&key, DpBufData(&linePtr->keys), sizeof(key));
	DpBufConsume(&linePtr->keys, sizeof(key));
	if (linePtr->state == DP_LINE_IS_TELLING) {
	    linePtr->state = DP_LINE_IS_COMPLETING;
	    linePtr->proc(linePtr->clientData, DP_LINE_KEY, key & ~DP_KEY_TEXT);
	} else {
	    HandleKey(linePtr, key);
	}
    }
}

/* What was pasted as characters: lines end as ours do, controls are left out. */
static void
TakePaste(DpEditLine *linePtr)
{
    const unsigned char *p = DpBufData(&linePtr->input.paste),
	    *end = p + DpBufLength(&linePtr->input.paste);
    bool direct = linePtr->state == DP_LINE_IS_READING && !linePtr->search.on
	    && DpBufLength(&linePtr->keys) == 0;
    DpBuf text = {0};
    size_t count;
    uint32_t *codes;

    while (p < end) {
	uint32_t code = *p++;
	int left = code >= 0xF0 ? 3 : code >= 0xE0 ? 2 : code >= 0xC0 ? 1 : 0;

	if (left > 0) {
	    code &= 0x3Fu >> left;
	    for (; left > 0 && p < end && (*p & 0xC0) == 0x80; left--) {
		code = code << 6 | (*p++ & 0x3F);
	    }
	    if (left > 0 || code < 0xA0 || code > 0x10FFFF
		    || (code >= 0xD800 && code <= 0xDFFF)) {
		continue;
	    }
	} else if (code == '\r') {
	    code = '\n';
	    p += p < end && *p == '\n';
	} else if ((code < 0x20 && code != '\t' && code != '\n')
		|| code >= 0x7F) {
	    continue;
	}
	DpBufAppend(&text, &code, sizeof(code));
    }
    codes = (uint32_t *) (void *) DpBufData(&text);
    count = DpBufLength(&text) / sizeof(*codes);
    /* A line that was pasted whole is not yet to be run. */
    while (count > 0 && codes[count - 1] == '\n') {
	count--;
    }
    if (direct) {
	if (!DpEditInsert(linePtr->editPtr, codes, count)) {
	    DpLineBeep(linePtr);
	}
    } else {
	for (size_t i = 0; i < count && DpBufLength(&linePtr->keys) < DP_LINE_HELD;
		i++) {
	    uint32_t key = codes[i] | DP_KEY_TEXT;

	    DpBufAppend(&linePtr->keys, &key, sizeof(key));
	}
    }
    DpBufFree(&text);
}

void
DpLineTakeKey(void *clientData, uint32_t key)
{
    DpEditLine *linePtr = clientData;

    if (key == DP_KEY_PASTE) {
	TakePaste(linePtr);
    } else if (key == 3 && linePtr->state == DP_LINE_IS_COMPLETING) {
	/* What was typed for the answer goes with it. */
	DpBufFree(&linePtr->keys);
	linePtr->state = DP_LINE_IS_READING;
	linePtr->proc(linePtr->clientData, DP_LINE_DROPPED, 0);
	DpLineDoAll(linePtr, DpEditGo(linePtr->editPtr));
    } else {
	DpBufAppend(&linePtr->keys, &key, sizeof(key));
	DpLineProcess(linePtr);
    }
}


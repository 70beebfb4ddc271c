/*
 * dpVaryForms.c -- the forms of addresses, times and numbers.
 *
 * Layer L0. Each looks ahead a bounded way, but for digits, which are taken
 * whatever their number. Addresses are written as in RFC 4291 and UUIDs as in
 * RFC 9562; times as date(1), syslog, ls, ISO 8601 and the log of Apache have
 * them.
 */

#include "dpVaryInt.h"

const unsigned char dpVaryKinds[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0,
    0, 13, 13, 13, 13, 13, 13, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 1,
    0, 13, 13, 13, 13, 13, 13, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};

/* Whether a word, or what looks like one, goes on here. */
static bool
GoesOn(const DpVaryCursor *cursorPtr)
{
    return cursorPtr->at < cursorPtr->end
	    && DpVaryIs(cursorPtr->at, DP_VARY_WORD);
}

/* Takes between min and max characters of a kind; more of them are no match. */
static bool
Take(DpVaryCursor *cursorPtr, int kind, int min, int max)
{
    int count = 0;

    while (cursorPtr->at < cursorPtr->end && DpVaryIs(cursorPtr->at, kind)) {
	if (++count > max) {
	    return false;
	}
	cursorPtr->at++;
    }
    return count >= min;
}

static bool
TakeChar(DpVaryCursor *cursorPtr, char c)
{
    if (cursorPtr->at < cursorPtr->end && *cursorPtr->at == c) {
	cursorPtr->at++;
	return true;
    }
    return false;
}

/* One of the characters; which one, or 0. */
static char
TakeOf(DpVaryCursor *cursorPtr, const char *chars)
{
    if (cursorPtr->at >= cursorPtr->end) {
	return 0;
    }
    for (; *chars != '\0'; chars++) {
	if (*cursorPtr->at == *chars) {
	    cursorPtr->at++;
	    return *chars;
	}
    }
    return 0;
}

/* One blank, or two where a day has one digit. */
static bool
TakeBlank(DpVaryCursor *cursorPtr)
{
    if (!TakeChar(cursorPtr, ' ')) {
	return false;
    }
    TakeChar(cursorPtr, ' ');
    return true;
}

/* Part: times. */

#define NAME(a, b, c) ((uint32_t) (a) << 16 | (uint32_t) (b) << 8 | (c))

static bool
IsMonth(uint32_t name)
{
    switch (name) {
    case NAME('J', 'a', 'n'): case NAME('F', 'e', 'b'):
    case NAME('M', 'a', 'r'): case NAME('A', 'p', 'r'):
    case NAME('M', 'a', 'y'): case NAME('J', 'u', 'n'):
    case NAME('J', 'u', 'l'): case NAME('A', 'u', 'g'):
    case NAME('S', 'e', 'p'): case NAME('O', 'c', 't'):
    case NAME('N', 'o', 'v'): case NAME('D', 'e', 'c'):
	return true;
    }
    return false;
}

static bool
IsWeekday(uint32_t name)
{
    switch (name) {
    case NAME('M', 'o', 'n'): case NAME('T', 'u', 'e'):
    case NAME('W', 'e', 'd'): case NAME('T', 'h', 'u'):
    case NAME('F', 'r', 'i'): case NAME('S', 'a', 't'):
    case NAME('S', 'u', 'n'):
	return true;
    }
    return false;
}

static uint32_t
NameAt(const char *at, const char *end)
{
    return end - at < 3 ? 0 : NAME((unsigned char) at[0],
	    (unsigned char) at[1], (unsigned char) at[2]);
}

bool
DpVaryIsTimeName(const char *at, const char *end)
{
    uint32_t name = NameAt(at, end);

    return IsMonth(name) || IsWeekday(name);
}

/* The rest of a word whose first three letters are a name, as in March. */
static bool
TakeNameRest(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr;

    if (!Take(&cursor, DP_VARY_LETTER, 3, 9) || GoesOn(&cursor)) {
	return false;
    }
    TakeChar(&cursor, '.');
    *cursorPtr = cursor;
    return true;
}

static bool
TakeMonth(DpVaryCursor *cursorPtr)
{
    return IsMonth(NameAt(cursorPtr->at, cursorPtr->end))
	    && TakeNameRest(cursorPtr);
}

static bool
TakeWeekday(DpVaryCursor *cursorPtr)
{
    return IsWeekday(NameAt(cursorPtr->at, cursorPtr->end))
	    && TakeNameRest(cursorPtr);
}

/* A number of so many digits that is a word. */
static bool
TakeNumber(DpVaryCursor *cursorPtr, int min, int max)
{
    DpVaryCursor cursor = *cursorPtr;

    if (!Take(&cursor, DP_VARY_DIGIT, min, max) || GoesOn(&cursor)) {
	return false;
    }
    *cursorPtr = cursor;
    return true;
}

/* Behind a clock: +01:00, Z, UTC. */
static void
TakeZone(DpVaryCursor *cursorPtr)
{
    static const char *const names[] = {
	"UTC", "GMT", "CET", "CEST", "EST", "EDT", "PST", "PDT", "MST", "MDT",
	"CST", "CDT", "BST", "IST", "JST", "MSK"
    };
    DpVaryCursor cursor = *cursorPtr;

    TakeChar(&cursor, ' ');
    if (TakeOf(&cursor, "+-")) {
	if (Take(&cursor, DP_VARY_DIGIT, 2, 4) && (!TakeChar(&cursor, ':')
		|| Take(&cursor, DP_VARY_DIGIT, 2, 2)) && !GoesOn(&cursor)) {
	    *cursorPtr = cursor;
	}
	return;
    }
    if (Take(&cursor, DP_VARY_LETTER, 1, 4) && !GoesOn(&cursor)) {
	const char *name = cursorPtr->at + (*cursorPtr->at == ' ');
	size_t length = (size_t) (cursor.at - name);

	if (length == 1 && *name == 'Z' && name == cursorPtr->at) {
	    *cursorPtr = cursor;
	}
	for (size_t i = 0; i < DP_ARRAY_SIZE(names); i++) {
	    if (*names[i] == *name && strlen(names[i]) == length
		    && memcmp(names[i], name, length) == 0) {
		*cursorPtr = cursor;
	    }
	}
    }
}

/* 5:21, 05:21:07, 05:21:07.123456, each with AM, PM and a zone. */
static bool
TakeClock(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr, half;

    if (!Take(&cursor, DP_VARY_DIGIT, 1, 2) || !TakeChar(&cursor, ':')
	    || !Take(&cursor, DP_VARY_DIGIT, 2, 2)) {
	return false;
    }
    if (cursor.at + 1 < cursor.end && *cursor.at == ':'
	    && DpVaryIs(cursor.at + 1, DP_VARY_DIGIT)) {
	cursor.at++;
	if (!Take(&cursor, DP_VARY_DIGIT, 2, 2)) {
	    return false;
	}
	half = cursor;
	if (TakeOf(&half, ".,") && Take(&half, DP_VARY_DIGIT, 1, 9)) {
	    cursor = half;
	}
    }
    half = cursor;
    TakeChar(&half, ' ');
    if (TakeOf(&half, "APap") && TakeOf(&half, "Mm") && !GoesOn(&half)) {
	cursor = half;
    }
    half = cursor;
    TakeZone(&half);
    if (GoesOn(&half) || (half.at < half.end && *half.at == ':'
	    && half.at + 1 < half.end && DpVaryIs(half.at + 1, DP_VARY_WORD))) {
	return false;
    }
    *cursorPtr = half;
    return true;
}

/* A blank or one of the characters, and a clock. Nothing is no error. */
static void
TakeClockBehind(DpVaryCursor *cursorPtr, const char *chars)
{
    DpVaryCursor cursor = *cursorPtr;

    if ((TakeOf(&cursor, chars) || TakeBlank(&cursor))
	    && TakeClock(&cursor)) {
	*cursorPtr = cursor;
    }
}

static void
TakeYearBehind(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr;

    TakeChar(&cursor, ',');
    if (TakeBlank(&cursor) && TakeNumber(&cursor, 4, 4)
	    && !(cursor.at < cursor.end && *cursor.at == ':')) {
	*cursorPtr = cursor;
    }
}

/* Nov 23 05:21:07 2026; Nov  3  2026; Nov 23 */
static bool
TakeMonthDay(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr;

    if (!TakeMonth(&cursor) || !TakeBlank(&cursor)
	    || !TakeNumber(&cursor, 1, 2)) {
	return false;
    }
    if (cursor.at < cursor.end && *cursor.at == ':') {
	return false;
    }
    TakeYearBehind(&cursor);
    TakeClockBehind(&cursor, ",");
    TakeYearBehind(&cursor);
    *cursorPtr = cursor;
    return true;
}

/* 23 Nov 2026 05:21:07; 23/Nov/2026:05:21:07 +0000; 23-Nov-2026 */
static bool
TakeDayMonth(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr;
    char separator;

    if (!TakeNumber(&cursor, 1, 2)) {
	return false;
    }
    TakeChar(&cursor, '.');
    separator = TakeOf(&cursor, " /-");
    if (separator == 0 || !TakeMonth(&cursor)) {
	return false;
    }
    if (separator == ' ') {
	/* A size and a date by ls: 10 Nov 23 05:21 */
	DpVaryCursor day = cursor;

	if (TakeBlank(&day) && TakeNumber(&day, 1, 2)
		&& !(day.at < day.end && *day.at == ':')) {
	    return false;
	}
    }
    *cursorPtr = cursor;
    if (TakeOf(&cursor, " /-") && TakeNumber(&cursor, 4, 4)) {
	*cursorPtr = cursor;
    }
    TakeClockBehind(cursorPtr, ":,");
    return true;
}

/* 2026-11-23, 2026/11/23, with a clock behind a T or a blank. */
static bool
TakeIsoDate(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr;
    char separator;

    if (!Take(&cursor, DP_VARY_DIGIT, 4, 4)) {
	return false;
    }
    separator = TakeOf(&cursor, "-/");
    if (separator == 0 || !Take(&cursor, DP_VARY_DIGIT, 2, 2)
	    || !TakeChar(&cursor, separator)
	    || !Take(&cursor, DP_VARY_DIGIT, 2, 2)) {
	return false;
    }
    *cursorPtr = cursor;
    TakeClockBehind(cursorPtr, "T_,");
    return !GoesOn(cursorPtr);
}

bool
DpVaryTakeTime(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr;

    if (!DpVaryIs(cursor.at, DP_VARY_DIGIT)) {
	if (TakeWeekday(&cursor)) {
	    TakeChar(&cursor, ',');
	    if (!TakeBlank(&cursor)) {
		return false;
	    }
	}
	if (TakeMonthDay(&cursor) || (cursor.at != cursorPtr->at
		&& (TakeDayMonth(&cursor) || TakeIsoDate(&cursor)))) {
	    *cursorPtr = cursor;
	    return true;
	}
	return false;
    }
    return TakeIsoDate(cursorPtr) || TakeClock(cursorPtr)
	    || TakeDayMonth(cursorPtr);
}

/* Part: addresses and identifiers. */

/* 10.0.0.1 */
bool
DpVaryTakeAddress4(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr;

    for (int i = 0; i < 4; i++) {
	int value = 0;
	const char *digits;

	if (i > 0 && !TakeChar(&cursor, '.')) {
	    return false;
	}
	digits = cursor.at;
	if (!Take(&cursor, DP_VARY_DIGIT, 1, 3)) {
	    return false;
	}
	while (digits < cursor.at) {
	    value = value * 10 + (*digits++ - '0');
	}
	if (value > 255) {
	    return false;
	}
    }
    if (GoesOn(&cursor) || (cursor.at + 1 < cursor.end && *cursor.at == '.'
	    && DpVaryIs(cursor.at + 1, DP_VARY_DIGIT))) {
	return false;
    }
    *cursorPtr = cursor;
    return true;
}

/* fe80::1, with an address of IPv4 in its last place too. */
bool
DpVaryTakeAddress6(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr;
    bool gap = false, digit = false;
    int count = 0;

    if (*cursor.at == ':') {
	if (cursor.end - cursor.at < 3 || cursor.at[1] != ':'
		|| !DpVaryIs(cursor.at + 2, DP_VARY_HEX)) {
	    return false;
	}
	cursor.at += 2;
	gap = true;
    }
    while (count < 9) {
	const char *group = cursor.at;
	DpVaryCursor last = cursor;

	if (count > 0 && DpVaryTakeAddress4(&last)) {
	    cursor = last;
	    count += 2;
	    digit = true;
	    break;
	}
	if (!Take(&cursor, DP_VARY_HEX, 1, 4)) {
	    return false;
	}
	for (; group < cursor.at; group++) {
	    digit = digit || DpVaryIs(group, DP_VARY_DIGIT);
	}
	count++;
	if (cursor.end - cursor.at < 2 || *cursor.at != ':') {
	    break;
	}
	if (cursor.at[1] == ':') {
	    if (gap) {
		return false;
	    }
	    gap = true;
	    cursor.at += 2;
	    if (cursor.at >= cursor.end || !DpVaryIs(cursor.at, DP_VARY_HEX)) {
		break;
	    }
	} else if (DpVaryIs(cursor.at + 1, DP_VARY_HEX)) {
	    cursor.at++;
	} else {
	    break;
	}
    }
    if (GoesOn(&cursor) || !digit || (gap ? count > 7 : count != 8)) {
	return false;
    }
    *cursorPtr = cursor;
    return true;
}

/* 52:54:00:12:34:56 */
bool
DpVaryTakeCardAddress(DpVaryCursor *cursorPtr)
{
    DpVaryCursor cursor = *cursorPtr;
    char separator = 0;

    for (int i = 0; i < 6; i++) {
	if (i == 1) {
	    separator = TakeOf(&cursor, ":-");
	    if (separator == 0) {
		return false;
	    }
	} else if (i > 1 && !TakeChar(&cursor, separator)) {
	    return false;
	}
	if (!Take(&cursor, DP_VARY_HEX, 2, 2)) {
	    return false;
	}
    }
    if (GoesOn(&cursor) || (cursor.at + 1 < cursor.end
	    && *cursor.at == separator
	    && DpVaryIs(cursor.at + 1, DP_VARY_HEX))) {
	return false;
    }
    *cursorPtr = cursor;
    return true;
}

/* 550e8400-e29b-41d4-a716-446655440000 */
bool
DpVaryTakeUuid(DpVaryCursor *cursorPtr)
{
    static const int lengths[] = {8, 4, 4, 4, 12};
    DpVaryCursor cursor = *cursorPtr;

    for (size_t i = 0; i < DP_ARRAY_SIZE(lengths); i++) {
	if ((i > 0 && !TakeChar(&cursor, '-'))
		|| !Take(&cursor, DP_VARY_HEX, lengths[i], lengths[i])) {
	    return false;
	}
    }
    if (GoesOn(&cursor)) {
	return false;
    }
    *cursorPtr = cursor;
    return true;
}

/* Part: numbers. */

static bool
IsUnit(const char *unit, size_t length)
{
    static const char *const units[] = {
	"s", "ms", "us", "ns", "m", "h", "d", "min", "sec", "B", "b",
	"k", "K", "M", "G", "T", "P", "kB", "KB", "MB", "GB", "TB", "PB",
	"Ki", "Mi", "Gi", "Ti", "KiB", "MiB", "GiB", "TiB", "PiB", "Hz",
	"kHz", "MHz", "GHz", "C", "W", "V", "A", "x"
    };

    for (size_t i = 0; i < DP_ARRAY_SIZE(units); i++) {
	if (*units[i] == *unit && strlen(units[i]) == length
		&& memcmp(units[i], unit, length) == 0) {
	    return true;
	}
    }
    return false;
}

/* Whether `count` digits and no more begin here. */
static bool
AreDigits(const char *at, const char *end, int count)
{
    for (int i = 0; i < count; i++, at++) {
	if (at >= end || !DpVaryIs(at, DP_VARY_DIGIT)) {
	    return false;
	}
    }
    return at >= end || !DpVaryIs(at, DP_VARY_DIGIT);
}

bool
DpVaryTakeFigure(DpVaryCursor *cursorPtr, bool begins)
{
    DpVaryCursor cursor = *cursorPtr, more;
    const char *unit;

    while (cursor.at < cursor.end && DpVaryIs(cursor.at, DP_VARY_DIGIT)) {
	cursor.at++;
	if (cursor.end - cursor.at >= 2
		&& DpVaryIs(cursor.at + 1, DP_VARY_DIGIT)
		&& (*cursor.at == '.' || (*cursor.at == ','
		&& AreDigits(cursor.at + 1, cursor.end, 3)))) {
	    cursor.at++;
	}
    }
    if (cursor.at == cursorPtr->at) {
	return false;
    }
    if (begins && GoesOn(&cursor)) {
	more = cursor;
	if (TakeOf(&more, "eE") && (TakeOf(&more, "+-") || true)
		&& Take(&more, DP_VARY_DIGIT, 1, 3) && !GoesOn(&more)) {
	    cursor = more;
	}
	more = cursor;
	unit = more.at;
	if (Take(&more, DP_VARY_LETTER, 1, 3) && !GoesOn(&more)
		&& IsUnit(unit, (size_t) (more.at - unit))) {
	    cursor = more;
	}
    }
    *cursorPtr = cursor;
    return true;
}

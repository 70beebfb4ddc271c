/*
 * dpJson.c -- events as lines of JSON (RFC 8259).
 *
 * Layer L0.
 */

#include "dpJson.h"

#include <math.h>
#include <stdio.h>

static void
AddText(DpBuf *bufPtr, const char *text)
{
    DpBufAppend(bufPtr, text, strlen(text));
}

static void
AddUnit(DpBuf *bufPtr, int unit)
{
    char text[8];

    snprintf(text, sizeof(text), "\\u%04x", (unsigned) unit & 0xffff);
    AddText(bufPtr, text);
}

/* Bytes that stand in a string as they are. */
static bool
IsPlain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* Whether all of eight bytes are plain. */
static bool
ArePlain(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\';

    /* The top bit of a byte below x is set in (byte - x) & ~byte; what a borrow
     * out of it spoils comes behind one that is not plain. */
    return ((eight | (eight + ones) | ((eight - ones * 0x20) & ~eight)
	    | ((quote - ones) & ~quote) | ((slash - ones) & ~slash))
	    & ones << 7) == 0;
}

/* How many bytes at the front are plain, eight at once where all of them are. */
static size_t
PlainBytes(const char *text, size_t length)
{
    size_t at = 0;
    uint64_t eight;

    for (; at + 8 <= length; at += 8) {
	memcpy(&eight, text + at, 8);
	if (!ArePlain(eight)) {
	    break;
	}
    }
    if (length - at < 8) {
	memset(&eight, ' ', 8);
	memcpy(&eight, text + at, length - at);
	if (ArePlain(eight)) {
	    return length;
	}
    }
    while (at < length && IsPlain((unsigned char) text[at])) {
	at++;
    }
    return at;
}

unsigned char *
DpJsonPlain(unsigned char *to, const char *text, size_t length)
{
    size_t at = 0;
    uint64_t eight;

    *to++ = '"';
    for (; at + 8 <= length; at += 8) {
	memcpy(&eight, text + at, 8);
	if (!ArePlain(eight)) {
	    return NULL;
	}
	memcpy(to + at, &eight, 8);
    }
    for (; at < length; at++) {
	if (!IsPlain((unsigned char) text[at])) {
	    return NULL;
	}
	to[at] = (unsigned char) text[at];
    }
    to[at] = '"';
    return to + at + 1;
}

void
DpJsonString(DpBuf *bufPtr, const char *text, int length)
{
    const char *end = text + length;
    unsigned char *to = DpBufReserve(bufPtr, (size_t) length + DP_JSON_ROOM);
    unsigned char *after = DpJsonPlain(to, text, (size_t) length);

    if (after != NULL) {
	/* Most are plain to their end. */
	DpBufAdded(bufPtr, (size_t) (after - to));
	return;
    }
    AddText(bufPtr, "\"");
    while (text < end) {
	const char *from = text;
	Tcl_UniChar unit = 0;

	text += PlainBytes(text, (size_t) (end - text));
	DpBufAppend(bufPtr, from, (size_t) (text - from));
	if (text == end) {
	    break;
	}
	switch (*text) {
	case '"':
	    AddText(bufPtr, "\\\"");
	    text++;
	    continue;
	case '\\':
	    AddText(bufPtr, "\\\\");
	    text++;
	    continue;
	case '\n':
	    AddText(bufPtr, "\\n");
	    text++;
	    continue;
	case '\r':
	    AddText(bufPtr, "\\r");
	    text++;
	    continue;
	case '\t':
	    AddText(bufPtr, "\\t");
	    text++;
	    continue;
	default:
	    break;
	}
	from = text;
	text += Tcl_UtfToUniChar(text, &unit);
	if (unit < 0xa0 || (unit >= 0xd800 && unit < 0xe000)
		|| unit == 0x2028 || unit == 0x2029 || unit == 0xfeff) {
	    /* Controls; halves of a pair, which Tcl keeps apart; what a
	     * reader that looks for line ends may stumble over. */
	    AddUnit(bufPtr, unit);
	} else {
	    DpBufAppend(bufPtr, from, (size_t) (text - from));
	}
    }
    AddText(bufPtr, "\"");
}

/* RFC 4648, section 4. */
void
DpJsonBase64(DpBuf *bufPtr, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char *to = DpBufReserve(bufPtr, (count + 2) / 3 * 4 + 2);
    size_t length = 0;

    to[length++] = '"';
    for (size_t i = 0; i < count; i += 3) {
	size_t left = count - i;
	unsigned long value = (unsigned long) bytes[i] << 16;

	if (left > 1) {
	    value |= (unsigned long) bytes[i + 1] << 8;
	}
	if (left > 2) {
	    value |= bytes[i + 2];
	}
	to[length++] = (unsigned char) digits[value >> 18 & 63];
	to[length++] = (unsigned char) digits[value >> 12 & 63];
	to[length++] = (unsigned char)
		(left > 1 ? digits[value >> 6 & 63] : '=');
	to[length++] = (unsigned char) (left > 2 ? digits[value & 63] : '=');
    }
    to[length++] = '"';
    DpBufAdded(bufPtr, length);
}

/* The keys whose values are no strings. */
static DpJsonKind
KindOf(const char *name, int length)
{
#define IS(text) (memcmp(name, (text), sizeof(text) - 1) == 0)
    switch (length) {
    case 2:
	return IS("id") ? DP_JSON_WHOLE : DP_JSON_TEXT;
    case 4:
	return IS("time") ? DP_JSON_REAL : IS("data") ? DP_JSON_DATA
		: IS("sudo") ? DP_JSON_TRUTH : DP_JSON_TEXT;
    case 5:
	return IS("bytes") ? DP_JSON_WHOLE : IS("shown") ? DP_JSON_TRUTH
		: DP_JSON_TEXT;
    case 6:
	return IS("parent") || IS("status") ? DP_JSON_WHOLE
		: IS("binary") ? DP_JSON_BINARY : DP_JSON_TEXT;
    case 7:
	return IS("seconds") ? DP_JSON_REAL : IS("sandbox") ? DP_JSON_TRUTH
		: IS("dropped") ? DP_JSON_WHOLE : DP_JSON_TEXT;
    case 8:
	return IS("failures") ? DP_JSON_NESTED : DP_JSON_TEXT;
    case 11:
	return IS("interactive") ? DP_JSON_TRUTH : DP_JSON_TEXT;
    default:
	return DP_JSON_TEXT;
    }
#undef IS
}

static const char pairs[] =
	"00010203040506070809101112131415161718192021222324"
	"25262728293031323334353637383940414243444546474849"
	"50515253545556575859606162636465666768697071727374"
	"75767778798081828384858687888990919293949596979899";

/* Decimal digits, at least one, before end; returns the first. */
static unsigned char *
Digits(unsigned char *end, uint64_t value)
{
    do {
	end -= 2;
	memcpy(end, pairs + 2 * (value % 100), 2);
	value /= 100;
    } while (value > 0);
    /* The first of a pair may be none. */
    return end + (*end == '0');
}

/* What stands from there to end moves to its place. */
static unsigned char *
Moved(unsigned char *to, const unsigned char *from, const unsigned char *end)
{
    memcpy(to, from, (size_t) (end - from));
    return to + (end - from);
}

unsigned char *
DpJsonPutWhole(unsigned char *to, int64_t whole)
{
    unsigned char text[DP_JSON_DIGITS], *end = text + sizeof(text);
    unsigned char *digit;

    if (whole >= 0 && whole < 10) {
	*to = (unsigned char) ('0' + whole);
	return to + 1;
    }
    digit = Digits(end, whole < 0 ? 0 - (uint64_t) whole : (uint64_t) whole);
    if (whole < 0) {
	*--digit = '-';
    }
    return Moved(to, digit, end);
}

static unsigned char *
PutMillionths(unsigned char *to, uint64_t millionths, bool isNegative)
{
    unsigned char text[DP_JSON_DIGITS], *end = text + sizeof(text);
    unsigned part = (unsigned) (millionths % 1000000);

    if (isNegative) {
	*to++ = '-';
    }
    to = Moved(to, Digits(end, millionths / 1000000), end);
    *to++ = '.';
    memcpy(to, pairs + 2 * (part / 10000), 2);
    memcpy(to + 2, pairs + 2 * (part / 100 % 100), 2);
    memcpy(to + 4, pairs + 2 * (part % 100), 2);
    return to + 6;
}

unsigned char *
DpJsonPutMicros(unsigned char *to, int64_t micros)
{
    return PutMillionths(to, micros < 0 ? 0 - (uint64_t) micros
	    : (uint64_t) micros, micros < 0);
}

void
DpJsonWhole(DpBuf *bufPtr, Tcl_WideInt whole)
{
    unsigned char *to = DpBufReserve(bufPtr, DP_JSON_DIGITS);

    DpBufAdded(bufPtr, (size_t) (DpJsonPutWhole(to, whole) - to));
}

void
DpJsonReal(DpBuf *bufPtr, double real)
{
    unsigned char *to = DpBufReserve(bufPtr, DP_JSON_DIGITS);
    unsigned char *end = PutMillionths(to,
	    (uint64_t) (fabs(real) * 1e6 + 0.5), real < 0);

    DpBufAdded(bufPtr, (size_t) (end - to));
}

static void
AddString(DpBuf *bufPtr, Tcl_Obj *objPtr)
{
    int length;
    const char *text = Tcl_GetStringFromObj(objPtr, &length);

    DpJsonString(bufPtr, text, length);
}

/*
 * A dict as an object, in which the values are dicts of strings. False, with
 * nothing written: it is none.
 */
static bool
AddNested(DpBuf *bufPtr, Tcl_Obj *dictPtr, int depth)
{
    size_t start = DpBufLength(bufPtr);
    Tcl_Obj **objv;
    int objc;

    if (Tcl_ListObjGetElements(NULL, dictPtr, &objc, &objv) != TCL_OK
	    || objc % 2 != 0) {
	return false;
    }
    AddText(bufPtr, "{");
    for (int i = 0; i < objc; i += 2) {
	if (i > 0) {
	    AddText(bufPtr, ",");
	}
	AddString(bufPtr, objv[i]);
	AddText(bufPtr, ":");
	if (depth == 0) {
	    AddString(bufPtr, objv[i + 1]);
	} else if (!AddNested(bufPtr, objv[i + 1], depth - 1)) {
	    DpBufCut(bufPtr, start, DpBufLength(bufPtr) - start);
	    return false;
	}
    }
    AddText(bufPtr, "}");
    return true;
}

void
DpJsonValue(DpBuf *bufPtr, DpJsonKind kind, Tcl_Obj *objPtr)
{
    Tcl_WideInt whole;
    double real;
    int flag;

    switch (kind) {
    case DP_JSON_WHOLE:
	if (Tcl_GetWideIntFromObj(NULL, objPtr, &whole) == TCL_OK) {
	    DpJsonWhole(bufPtr, whole);
	    return;
	}
	break;
    case DP_JSON_REAL:
	if (Tcl_GetDoubleFromObj(NULL, objPtr, &real) == TCL_OK
		&& isfinite(real) && fabs(real) < 1e12) {
	    DpJsonReal(bufPtr, real);
	    return;
	}
	break;
    case DP_JSON_TRUTH:
	if (Tcl_GetBooleanFromObj(NULL, objPtr, &flag) == TCL_OK) {
	    AddText(bufPtr, flag ? "true" : "false");
	    return;
	}
	break;
    case DP_JSON_NESTED:
	if (AddNested(bufPtr, objPtr, 1)) {
	    return;
	}
	break;
    case DP_JSON_TEXT:
    case DP_JSON_DATA:
    case DP_JSON_BINARY:
	break;
    }
    AddString(bufPtr, objPtr);
}

static bool
IsBinary(int objc, Tcl_Obj *const objv[])
{
    int flag, length;

    for (int i = 0; i < objc; i += 2) {
	const char *name = Tcl_GetStringFromObj(objv[i], &length);

	if (KindOf(name, length) == DP_JSON_BINARY
		&& Tcl_GetBooleanFromObj(NULL, objv[i + 1], &flag) == TCL_OK
		&& flag) {
	    return true;
	}
    }
    return false;
}

/* A key of this kind with the colon behind it, and this before it. */
static void
AddKey(DpBuf *bufPtr, char before, DpJsonKind kind, const char *name,
	int length)
{
    unsigned char *to = DpBufReserve(bufPtr, (size_t) length + 4);

    if (kind != DP_JSON_TEXT
	    || PlainBytes(name, (size_t) length) == (size_t) length) {
	*to++ = (unsigned char) before;
	*to++ = '"';
	memcpy(to, name, (size_t) length);
	to[length] = '"';
	to[length + 1] = ':';
	DpBufAdded(bufPtr, (size_t) length + 4);
    } else {
	DpBufAppend(bufPtr, &before, 1);
	DpJsonString(bufPtr, name, length);
	DpBufAppend(bufPtr, ":", 1);
    }
}

/* An even number of words. */
static void
AddWords(DpBuf *bufPtr, int objc, Tcl_Obj *const objv[])
{
    char before = '{';

    for (int i = 0; i < objc; i += 2) {
	int length;
	const char *name = Tcl_GetStringFromObj(objv[i], &length);
	DpJsonKind kind = KindOf(name, length);

	if (kind == DP_JSON_BINARY) {
	    continue;
	}
	if (kind == DP_JSON_DATA && IsBinary(objc, objv)) {
	    unsigned char *bytes = Tcl_GetByteArrayFromObj(objv[i + 1],
		    &length);

	    AddKey(bufPtr, before, kind, "base64", 6);
	    DpJsonBase64(bufPtr, bytes, (size_t) length);
	} else {
	    AddKey(bufPtr, before, kind, name, length);
	    DpJsonValue(bufPtr, kind, objv[i + 1]);
	}
	before = ',';
    }
    AddText(bufPtr, before == '{' ? "{}" : "}");
}

int
DpJsonEvent(Tcl_Interp *interp, DpBuf *bufPtr, Tcl_Obj *listPtr)
{
    Tcl_Obj **objv;
    int objc;

    if (Tcl_ListObjGetElements(interp, listPtr, &objc, &objv) != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc % 2 != 0) {
	if (interp != NULL) {
	    Tcl_SetObjResult(interp, Tcl_NewStringObj(
		    "an event is a dict, and a value is missing", -1));
	    Tcl_SetErrorCode(interp, "TCL", "VALUE", "DICTIONARY",
		    (char *) NULL);
	}
	return TCL_ERROR;
    }
    AddWords(bufPtr, objc, objv);
    return TCL_OK;
}

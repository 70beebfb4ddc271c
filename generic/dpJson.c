/*
 * dpJson.c -- events as lines of JSON (RFC 8259).
 *
 * Layer L0.
 */

#include "dpJson.h"

#include <math.h>
#include <stdio.h>

typedef enum Kind { TEXT, WHOLE, REAL, TRUTH, DATA, BINARY, NESTED } Kind;

/* The keys whose values are no strings, the shortest first. */
static const struct {
    const char *name;
    int length;
    Kind kind;
} keys[] = {
    {"id", 2, WHOLE}, {"time", 4, REAL}, {"data", 4, DATA},
    {"sudo", 4, TRUTH}, {"bytes", 5, WHOLE}, {"shown", 5, TRUTH},
    {"parent", 6, WHOLE}, {"status", 6, WHOLE}, {"binary", 6, BINARY},
    {"dropped", 7, WHOLE}, {"seconds", 7, REAL}, {"sandbox", 7, TRUTH},
    {"failures", 8, NESTED}, {"interactive", 11, TRUTH}
};

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

void
DpJsonString(DpBuf *bufPtr, const char *text, int length)
{
    const char *end = text + length, *plain = text;

    while (plain < end && IsPlain((unsigned char) *plain)) {
	plain++;
    }
    if (plain == end) {
	/* Most are plain to their end. */
	unsigned char *to = DpBufReserve(bufPtr, (size_t) length + 2);

	to[0] = '"';
	if (length > 0) {
	    memcpy(to + 1, text, (size_t) length);
	}
	to[length + 1] = '"';
	DpBufAdded(bufPtr, (size_t) length + 2);
	return;
    }
    AddText(bufPtr, "\"");
    while (text < end) {
	const char *from = text;
	Tcl_UniChar unit = 0;

	while (text < end && IsPlain((unsigned char) *text)) {
	    text++;
	}
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
static void
AddBase64(DpBuf *bufPtr, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char *to = DpBufReserve(bufPtr, (count + 2) / 3 * 4 + 1);
    size_t length = 0;

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
    DpBufAdded(bufPtr, length);
}

static Kind
KindOf(Tcl_Obj *namePtr)
{
    int length;
    const char *name = Tcl_GetStringFromObj(namePtr, &length);

    for (size_t i = 0; i < DP_ARRAY_SIZE(keys) && keys[i].length <= length;
	    i++) {
	if (keys[i].length == length && name[0] == keys[i].name[0]
		&& memcmp(name, keys[i].name, (size_t) length) == 0) {
	    return keys[i].kind;
	}
    }
    return TEXT;
}

/* Decimal digits, at least so many. */
static void
AddDigits(DpBuf *bufPtr, uint64_t value, int least)
{
    char text[24], *digit = text + sizeof(text);

    do {
	*--digit = (char) ('0' + value % 10);
	value /= 10;
	least--;
    } while (value > 0 || least > 0);
    DpBufAppend(bufPtr, digit, (size_t) (text + sizeof(text) - digit));
}

/* With six decimals; printf, which is exact, takes ten times as long. */
static void
AddReal(DpBuf *bufPtr, double real)
{
    uint64_t millionths = (uint64_t) (fabs(real) * 1e6 + 0.5);

    if (real < 0) {
	AddText(bufPtr, "-");
    }
    AddDigits(bufPtr, millionths / 1000000, 1);
    AddText(bufPtr, ".");
    AddDigits(bufPtr, millionths % 1000000, 6);
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

/* A value; what is not of its key's kind is written as a string. */
static void
AddValue(DpBuf *bufPtr, Kind kind, Tcl_Obj *objPtr)
{
    Tcl_WideInt whole;
    double real;
    int flag;

    switch (kind) {
    case WHOLE:
	if (Tcl_GetWideIntFromObj(NULL, objPtr, &whole) == TCL_OK) {
	    if (whole < 0) {
		AddText(bufPtr, "-");
	    }
	    AddDigits(bufPtr, whole < 0 ? 0 - (uint64_t) whole
		    : (uint64_t) whole, 1);
	    return;
	}
	break;
    case REAL:
	if (Tcl_GetDoubleFromObj(NULL, objPtr, &real) == TCL_OK
		&& isfinite(real) && fabs(real) < 1e12) {
	    AddReal(bufPtr, real);
	    return;
	}
	break;
    case TRUTH:
	if (Tcl_GetBooleanFromObj(NULL, objPtr, &flag) == TCL_OK) {
	    AddText(bufPtr, flag ? "true" : "false");
	    return;
	}
	break;
    case NESTED:
	if (AddNested(bufPtr, objPtr, 1)) {
	    return;
	}
	break;
    case TEXT:
    case DATA:
    case BINARY:
	break;
    }
    AddString(bufPtr, objPtr);
}

static bool
IsBinary(int objc, Tcl_Obj *const objv[])
{
    int flag;

    for (int i = 0; i < objc; i += 2) {
	if (KindOf(objv[i]) == BINARY
		&& Tcl_GetBooleanFromObj(NULL, objv[i + 1], &flag) == TCL_OK
		&& flag) {
	    return true;
	}
    }
    return false;
}

int
DpJsonEvent(Tcl_Interp *interp, DpBuf *bufPtr, Tcl_Obj *listPtr)
{
    Tcl_Obj **objv;
    bool binary;
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
    binary = IsBinary(objc, objv);
    AddText(bufPtr, "{");
    for (int i = 0, count = 0; i < objc; i += 2) {
	Kind kind = KindOf(objv[i]);

	if (kind == BINARY) {
	    continue;
	}
	if (count++ > 0) {
	    DpBufAppend(bufPtr, ",", 1);
	}
	if (kind == DATA && binary) {
	    int length;
	    unsigned char *bytes = Tcl_GetByteArrayFromObj(objv[i + 1],
		    &length);

	    AddText(bufPtr, "\"base64\":\"");
	    AddBase64(bufPtr, bytes, (size_t) length);
	    AddText(bufPtr, "\"");
	    continue;
	}
	AddString(bufPtr, objv[i]);
	DpBufAppend(bufPtr, ":", 1);
	AddValue(bufPtr, kind, objv[i + 1]);
    }
    AddText(bufPtr, "}");
    return TCL_OK;
}

/*
 * dpJson.c -- events as lines of JSON (RFC 8259).
 *
 * Layer L0.
 */

#include "dpJson.h"

#include <math.h>
#include <stdio.h>

typedef enum Kind { TEXT, WHOLE, REAL, TRUTH, DATA, BINARY, NESTED } Kind;

/* The keys whose values are no strings. */
static const struct {
    const char *name;
    Kind kind;
} keys[] = {
    {"id", WHOLE}, {"parent", WHOLE}, {"bytes", WHOLE}, {"status", WHOLE},
    {"dropped", WHOLE}, {"time", REAL}, {"seconds", REAL}, {"sudo", TRUTH},
    {"sandbox", TRUTH}, {"shown", TRUTH}, {"interactive", TRUTH},
    {"data", DATA}, {"binary", BINARY}, {"failures", NESTED}
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
    const char *end = text + length;

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
KindOf(const char *name)
{
    for (size_t i = 0; i < DP_ARRAY_SIZE(keys); i++) {
	if (strcmp(name, keys[i].name) == 0) {
	    return keys[i].kind;
	}
    }
    return TEXT;
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
    char text[64];
    int flag;

    switch (kind) {
    case WHOLE:
	if (Tcl_GetWideIntFromObj(NULL, objPtr, &whole) == TCL_OK) {
	    snprintf(text, sizeof(text), "%lld", (long long) whole);
	    AddText(bufPtr, text);
	    return;
	}
	break;
    case REAL:
	if (Tcl_GetDoubleFromObj(NULL, objPtr, &real) == TCL_OK
		&& isfinite(real) && fabs(real) < 1e15) {
	    snprintf(text, sizeof(text), "%.6f", real);
	    AddText(bufPtr, text);
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
	if (KindOf(Tcl_GetString(objv[i])) == BINARY
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
	Kind kind = KindOf(Tcl_GetString(objv[i]));

	if (kind == BINARY) {
	    continue;
	}
	if (count++ > 0) {
	    AddText(bufPtr, ",");
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
	AddText(bufPtr, ":");
	AddValue(bufPtr, kind, objv[i + 1]);
    }
    AddText(bufPtr, "}");
    return TCL_OK;
}

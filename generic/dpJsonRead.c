/*
 * dpJsonRead.c -- texts of JSON (RFC 8259) as values of Tcl.
 *
 * Layer L0.
 */

#include "dpJsonRead.h"

#include "dpBuf.h"

/* Values in values: more than anybody writes by hand or for a reason. */
#define MAX_DEPTH 64

typedef struct Reader {
    const char *text;
    size_t length, at;
    int depth;
    const char *why;            /* NULL: nothing is wrong */
    DpBuf buf;                  /* of the string that is read */
} Reader;

static Tcl_Obj *ReadValue(Reader *readerPtr);

static Tcl_Obj *
Wrong(Reader *readerPtr, const char *why)
{
    if (readerPtr->why == NULL) {
	readerPtr->why = why;
    }
    return NULL;
}

static void
Discard(Tcl_Obj *objPtr)
{
    Tcl_IncrRefCount(objPtr);
    Tcl_DecrRefCount(objPtr);
}

/* The next byte that is no white space, which is not taken; -1: the end. */
static int
Peek(Reader *readerPtr)
{
    while (readerPtr->at < readerPtr->length) {
	char byte = readerPtr->text[readerPtr->at];

	if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r') {
	    return (unsigned char) byte;
	}
	readerPtr->at++;
    }
    return -1;
}

static bool
Take(Reader *readerPtr, const char *word)
{
    size_t length = strlen(word);

    if (readerPtr->length - readerPtr->at < length || memcmp(
	    readerPtr->text + readerPtr->at, word, length) != 0) {
	return false;
    }
    readerPtr->at += length;
    return true;
}

/* The four digits behind \u; -1: they are none. */
static int
Unit(Reader *readerPtr)
{
    int unit = 0;

    if (readerPtr->length - readerPtr->at < 4) {
	return -1;
    }
    for (int i = 0; i < 4; i++) {
	char byte = readerPtr->text[readerPtr->at++];

	unit <<= 4;
	if (byte >= '0' && byte <= '9') {
	    unit |= byte - '0';
	} else if (byte >= 'a' && byte <= 'f') {
	    unit |= byte - 'a' + 10;
	} else if (byte >= 'A' && byte <= 'F') {
	    unit |= byte - 'A' + 10;
	} else {
	    return -1;
	}
    }
    return unit;
}

/* What stands behind a backslash. */
static bool
Escape(Reader *readerPtr)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *foundPtr;
    char byte, text[TCL_UTF_MAX + 1];
    int unit;

    if (readerPtr->at == readerPtr->length) {
	return false;
    }
    byte = readerPtr->text[readerPtr->at++];
    if (byte == 'u') {
	unit = Unit(readerPtr);
	if (unit < 0) {
	    return false;
	}
	/* Halves of a pair stay two, as Tcl keeps them. */
	DpBufAppend(&readerPtr->buf, text,
		(size_t) Tcl_UniCharToUtf(unit, text));
	return true;
    }
    foundPtr = byte == '\0' ? NULL : strchr(from, byte);
    if (foundPtr == NULL) {
	return false;
    }
    DpBufAppend(&readerPtr->buf, &to[foundPtr - from], 1);
    return true;
}

/* A string, at its first quote. */
static Tcl_Obj *
ReadString(Reader *readerPtr)
{
    DpBuf *bufPtr = &readerPtr->buf;
    size_t from = ++readerPtr->at;

    DpBufConsume(bufPtr, DpBufLength(bufPtr));
    while (readerPtr->at < readerPtr->length) {
	unsigned char byte = (unsigned char) readerPtr->text[readerPtr->at];

	if (byte == '"') {
	    DpBufAppend(bufPtr, readerPtr->text + from, readerPtr->at - from);
	    readerPtr->at++;
	    return DpBufLength(bufPtr) == 0 ? Tcl_NewObj()
		    : Tcl_NewStringObj((const char *) DpBufData(bufPtr),
		    (int) DpBufLength(bufPtr));
	}
	if (byte < 0x20) {
	    return Wrong(readerPtr, "a control character in a string");
	}
	if (byte == '\\') {
	    DpBufAppend(bufPtr, readerPtr->text + from, readerPtr->at - from);
	    readerPtr->at++;
	    if (!Escape(readerPtr)) {
		return Wrong(readerPtr, "an unknown escape in a string");
	    }
	    from = readerPtr->at;
	    continue;
	}
	readerPtr->at++;
    }
    return Wrong(readerPtr, "a string without its end");
}

/* Digits, at least one. */
static bool
Digits(Reader *readerPtr)
{
    size_t from = readerPtr->at;

    while (readerPtr->at < readerPtr->length
	    && readerPtr->text[readerPtr->at] >= '0'
	    && readerPtr->text[readerPtr->at] <= '9') {
	readerPtr->at++;
    }
    return readerPtr->at > from;
}

static Tcl_Obj *
ReadNumber(Reader *readerPtr)
{
    size_t from = readerPtr->at, first;
    bool good;

    (void) Take(readerPtr, "-");
    first = readerPtr->at;
    good = Digits(readerPtr) && (readerPtr->text[first] != '0'
	    || readerPtr->at == first + 1);
    if (good && Take(readerPtr, ".")) {
	good = Digits(readerPtr);
    }
    if (good && (Take(readerPtr, "e") || Take(readerPtr, "E"))) {
	(void) (Take(readerPtr, "+") || Take(readerPtr, "-"));
	good = Digits(readerPtr);
    }
    if (!good) {
	return Wrong(readerPtr, "no value");
    }
    return Tcl_NewStringObj(readerPtr->text + from,
	    (int) (readerPtr->at - from));
}

static Tcl_Obj *
ReadArray(Reader *readerPtr)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL), *valuePtr;

    readerPtr->at++;
    if (Peek(readerPtr) == ']') {
	readerPtr->at++;
	return listPtr;
    }
    while ((valuePtr = ReadValue(readerPtr)) != NULL) {
	int byte;

	Tcl_ListObjAppendElement(NULL, listPtr, valuePtr);
	byte = Peek(readerPtr);
	if (byte != ',' && byte != ']') {
	    Wrong(readerPtr, "an array without its end");
	    break;
	}
	readerPtr->at++;
	if (byte == ']') {
	    return listPtr;
	}
    }
    Discard(listPtr);
    return NULL;
}

static Tcl_Obj *
ReadObject(Reader *readerPtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();

    readerPtr->at++;
    if (Peek(readerPtr) == '}') {
	readerPtr->at++;
	return dictPtr;
    }
    for (;;) {
	Tcl_Obj *keyPtr, *valuePtr;
	int byte;

	if (Peek(readerPtr) != '"') {
	    Wrong(readerPtr, "an object without the name of a value");
	    break;
	}
	keyPtr = ReadString(readerPtr);
	if (keyPtr == NULL) {
	    break;
	}
	Tcl_IncrRefCount(keyPtr);
	if (Peek(readerPtr) != ':') {
	    Tcl_DecrRefCount(keyPtr);
	    Wrong(readerPtr, "a name without a value");
	    break;
	}
	readerPtr->at++;
	valuePtr = ReadValue(readerPtr);
	if (valuePtr != NULL) {
	    Tcl_DictObjPut(NULL, dictPtr, keyPtr, valuePtr);
	}
	Tcl_DecrRefCount(keyPtr);
	if (valuePtr == NULL) {
	    break;
	}
	byte = Peek(readerPtr);
	if (byte != ',' && byte != '}') {
	    Wrong(readerPtr, "an object without its end");
	    break;
	}
	readerPtr->at++;
	if (byte == '}') {
	    return dictPtr;
	}
    }
    Discard(dictPtr);
    return NULL;
}

static Tcl_Obj *
ReadValue(Reader *readerPtr)
{
    Tcl_Obj *objPtr;
    int byte = Peek(readerPtr);

    switch (byte) {
    case '"':
	return ReadString(readerPtr);
    case '{':
    case '[':
	if (readerPtr->depth == MAX_DEPTH) {
	    return Wrong(readerPtr, "too many values inside of others");
	}
	readerPtr->depth++;
	objPtr = byte == '{' ? ReadObject(readerPtr) : ReadArray(readerPtr);
	readerPtr->depth--;
	return objPtr;
    case 't':
	if (Take(readerPtr, "true")) {
	    return Tcl_NewIntObj(1);
	}
	break;
    case 'f':
	if (Take(readerPtr, "false")) {
	    return Tcl_NewIntObj(0);
	}
	break;
    case 'n':
	if (Take(readerPtr, "null")) {
	    return Tcl_NewObj();
	}
	break;
    case -1:
	break;
    default:
	return ReadNumber(readerPtr);
    }
    return Wrong(readerPtr, "no value");
}

Tcl_Obj *
DpJsonRead(const char *text, size_t length, size_t *atPtr,
	const char **whyPtr)
{
    Reader reader = {.text = text, .length = length};
    Tcl_Obj *objPtr = ReadValue(&reader);

    if (objPtr != NULL && Peek(&reader) >= 0) {
	Discard(objPtr);
	objPtr = Wrong(&reader, "more than one value");
    }
    *atPtr = reader.at;
    *whyPtr = reader.why;
    DpBufFree(&reader.buf);
    return objPtr;
}

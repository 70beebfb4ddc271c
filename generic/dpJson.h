/*
 * dpJson.h -- events as lines of JSON (RFC 8259).
 *
 * Layer L0.
 */

#ifndef DP_JSON_H
#define DP_JSON_H

#include "dpBuf.h"

/* What a value is: numbers and truth values are no strings. */
typedef enum DpJsonKind {
    DP_JSON_TEXT, DP_JSON_WHOLE, DP_JSON_REAL, DP_JSON_TRUTH, DP_JSON_DATA,
    DP_JSON_BINARY, DP_JSON_NESTED
} DpJsonKind;

/* Appends a string with its quotes; the text is in Tcl's form of UTF-8. */
MODULE_SCOPE void DpJsonString(DpBuf *bufPtr, const char *text, int length);

/*
 * Puts the text with its quotes where there is room for DP_JSON_ROOM bytes more
 * than it has, and returns the place behind it; NULL: something in it needs
 * to be escaped.
 */
#define DP_JSON_ROOM 10
MODULE_SCOPE unsigned char *DpJsonPlain(unsigned char *to, const char *text,
	size_t length);

/* The same for a number, which has at most DP_JSON_DIGITS bytes. */
#define DP_JSON_DIGITS 24
MODULE_SCOPE unsigned char *DpJsonPutWhole(unsigned char *to, int64_t whole);
MODULE_SCOPE unsigned char *DpJsonPutMicros(unsigned char *to,
	int64_t micros);

/*
 * Append numbers; a real has six decimals and is below 1e12. printf, which is
 * exact, takes ten times as long.
 */
MODULE_SCOPE void DpJsonWhole(DpBuf *bufPtr, Tcl_WideInt whole);
MODULE_SCOPE void DpJsonReal(DpBuf *bufPtr, double real);

/* Appends a value; what is not of its kind is written as a string. */
MODULE_SCOPE void DpJsonValue(DpBuf *bufPtr, DpJsonKind kind, Tcl_Obj *objPtr);

/* Appends bytes as a string in base64. */
MODULE_SCOPE void DpJsonBase64(DpBuf *bufPtr, const unsigned char *bytes,
	size_t count);

/*
 * Appends the object of an event, a list of keys and values: numbers and
 * truth values for the keys that have such, strings else. Where the key
 * `binary` is true, `data` is a byte array and becomes `base64`. TCL_ERROR and
 * a message in interp (which may be NULL) where it is no such list.
 */
MODULE_SCOPE int DpJsonEvent(Tcl_Interp *interp, DpBuf *bufPtr,
	Tcl_Obj *listPtr);

#endif

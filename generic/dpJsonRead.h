/*
 * dpJsonRead.h -- texts of JSON (RFC 8259) as values of Tcl.
 *
 * Layer L0. What is read came from elsewhere: its depth is bounded, and memory
 * is in proportion to its length.
 */

#ifndef DP_JSON_READ_H
#define DP_JSON_READ_H

#include "dpBase.h"

/*
 * An object is a dict (of equal names the last one counts), an array a list, a
 * number its text; true and false are 1 and 0, null is "". The text is in
 * Tcl's form of UTF-8 and has nothing but white space around the one value.
 * Refcount 0; NULL: *whyPtr says what is wrong at byte *atPtr.
 */
MODULE_SCOPE Tcl_Obj *DpJsonRead(const char *text, size_t length,
	size_t *atPtr, const char **whyPtr);

#endif

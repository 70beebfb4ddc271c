/*
 * fuzzJson.c -- any text as JSON; what was read is written and read again.
 */

#include "dpJson.h"
#include "dpJsonRead.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argcPtr, char ***argvPtr);

static void
Require(bool condition)
{
    if (!condition) {
	abort();
    }
}

int
LLVMFuzzerInitialize(int *argcPtr, char ***argvPtr)
{
    (void) argcPtr;
    Tcl_FindExecutable((*argvPtr)[0]);
    return 0;
}

/* Tcl's form of the bytes, as a channel reads them. */
static void
ToTcl(const uint8_t *data, size_t size, DpBuf *textPtr)
{
    Tcl_Encoding encoding = Tcl_GetEncoding(NULL, "utf-8");
    Tcl_DString string;

    Tcl_ExternalToUtfDString(encoding, (const char *) data, (int) size,
	    &string);
    DpBufAppend(textPtr, Tcl_DStringValue(&string),
	    (size_t) Tcl_DStringLength(&string));
    Tcl_DStringFree(&string);
    Tcl_FreeEncoding(encoding);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DpBuf from = {0}, to = {0};
    Tcl_Obj *objPtr, *againPtr;
    const char *why = NULL, *text;
    char *exact;
    size_t at = 0, length;
    int count;

    ToTcl(data, size, &from);
    length = DpBufLength(&from);
    exact = DpAlloc(length);            /* no byte behind it is read */
    if (length > 0) {
	memcpy(exact, DpBufData(&from), length);
    }
    objPtr = DpJsonRead(exact, length, &at, &why);
    Require(at <= length && (objPtr == NULL) == (why != NULL));
    if (objPtr != NULL) {
	Tcl_IncrRefCount(objPtr);
	text = Tcl_GetStringFromObj(objPtr, &count);
	DpJsonString(&to, text, count);
	againPtr = DpJsonRead((const char *) DpBufData(&to),
		DpBufLength(&to), &at, &why);
	Require(againPtr != NULL);
	Tcl_IncrRefCount(againPtr);
	Require(strcmp(Tcl_GetString(againPtr), text) == 0);
	Tcl_DecrRefCount(againPtr);
	Tcl_DecrRefCount(objPtr);
    }
    DpBufFree(&from);
    DpBufFree(&to);
    DpFree(exact);
    return 0;
}

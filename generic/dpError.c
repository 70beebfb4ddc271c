/*
 * dpError.c -- an error as layers without an interpreter carry it.
 *
 * Layer L0.
 */

#include "dpError.h"

#include <stdio.h>

/* A fresh string from a format. */
static char *
FormatString(const char *format, va_list args)
{
    va_list again;
    char none[1];
    int length;
    char *text;

    va_copy(again, args);
    /* A buffer for the count: the sanitizers' gcc warns of NULL here. */
    length = vsnprintf(none, sizeof(none), format, args);
    if (length < 0) {
	length = 0;
    }
    text = DpAlloc((size_t) length + 1);
    vsnprintf(text, (size_t) length + 1, format, again);
    va_end(again);
    return text;
}

void
DpErrorSet(DpError *errPtr, const char *code, const char *format, ...)
{
    va_list args;
    char *message;

    /* Before the old one is freed: an argument may be part of it. */
    va_start(args, format);
    message = FormatString(format, args);
    va_end(args);
    DpErrorClear(errPtr);
    snprintf(errPtr->code, sizeof(errPtr->code), "%s", code);
    errPtr->message = message;
}

void
DpErrorAddData(DpError *errPtr, const char *word)
{
    if (errPtr->numData < DP_ERROR_DATA) {
	errPtr->data[errPtr->numData++] = DpStrdup(word != NULL ? word : "");
    }
}

void
DpErrorCopy(DpError *toPtr, const DpError *fromPtr)
{
    DpErrorClear(toPtr);
    memcpy(toPtr->code, fromPtr->code, sizeof(toPtr->code));
    toPtr->message = DpStrdup(fromPtr->message);
    for (int i = 0; i < fromPtr->numData; i++) {
	DpErrorAddData(toPtr, fromPtr->data[i]);
    }
}

void
DpErrorClear(DpError *errPtr)
{
    for (int i = 0; i < errPtr->numData; i++) {
	DpFree(errPtr->data[i]);
    }
    DpFree(errPtr->message);
    memset(errPtr, 0, sizeof(*errPtr));
}

/* The list DEPLOYER <words> <data>, refcount 0. */
static Tcl_Obj *
CodeObj(const DpError *errPtr)
{
    Tcl_Obj *codePtr = Tcl_ObjPrintf("DEPLOYER %s", errPtr->code);

    for (int i = 0; i < errPtr->numData; i++) {
	Tcl_ListObjAppendElement(NULL, codePtr,
		Tcl_NewStringObj(errPtr->data[i], -1));
    }
    return codePtr;
}

int
DpErrorReport(Tcl_Interp *interp, const DpError *errPtr)
{
    Tcl_SetObjResult(interp, Tcl_NewStringObj(
	    errPtr->message != NULL ? errPtr->message : "", -1));
    Tcl_SetObjErrorCode(interp, CodeObj(errPtr));
    return TCL_ERROR;
}

Tcl_Obj *
DpErrorOptions(const DpError *errPtr)
{
    Tcl_Obj *optionsPtr = Tcl_NewDictObj();

    Tcl_DictObjPut(NULL, optionsPtr, Tcl_NewStringObj("-code", -1),
	    Tcl_NewIntObj(TCL_ERROR));
    Tcl_DictObjPut(NULL, optionsPtr, Tcl_NewStringObj("-level", -1),
	    Tcl_NewIntObj(0));
    Tcl_DictObjPut(NULL, optionsPtr, Tcl_NewStringObj("-errorcode", -1),
	    CodeObj(errPtr));
    return optionsPtr;
}

int
DpFail(Tcl_Interp *interp, const char *code, const char *format, ...)
{
    va_list args;
    char *message;

    va_start(args, format);
    message = FormatString(format, args);
    va_end(args);
    Tcl_SetObjResult(interp, Tcl_NewStringObj(message, -1));
    Tcl_SetObjErrorCode(interp, Tcl_ObjPrintf("DEPLOYER %s", code));
    DpFree(message);
    return TCL_ERROR;
}

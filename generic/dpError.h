/*
 * dpError.h -- an error as layers without an interpreter carry it.
 *
 * Layer L0. The error code of the Tcl level is {DEPLOYER <code words> <data>}.
 */

#ifndef DP_ERROR_H
#define DP_ERROR_H

#include "dpBase.h"

#define DP_ERROR_DATA 4

/*
 * A zeroed struct is "no error". Holds only malloc'd memory, so that a worker
 * thread can hand one to the event thread.
 */
typedef struct DpError {
    char code[48];              /* fixed words: "CONNECT TIMEOUT"; "" is none */
    char *data[DP_ERROR_DATA];  /* data words of the error code */
    int numData;
    char *message;              /* one sentence for the user */
} DpError;

static inline bool
DpErrorIsSet(const DpError *errPtr)
{
    return errPtr->code[0] != '\0';
}

/* Replaces what errPtr holds; data words are gone and are to be added anew. */
MODULE_SCOPE void DpErrorSet(DpError *errPtr, const char *code,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
MODULE_SCOPE void DpErrorAddData(DpError *errPtr, const char *word);
MODULE_SCOPE void DpErrorCopy(DpError *toPtr, const DpError *fromPtr);
MODULE_SCOPE void DpErrorClear(DpError *errPtr);

/* Sets result and errorCode of interp from errPtr. Always TCL_ERROR. */
MODULE_SCOPE int DpErrorReport(Tcl_Interp *interp, const DpError *errPtr);

/* A fresh return options dict {-code 1 -errorcode ...}, refcount 0. */
MODULE_SCOPE Tcl_Obj *DpErrorOptions(const DpError *errPtr);

/*
 * Sets an error of our own in interp: code is a Tcl list of the words after
 * DEPLOYER. Always TCL_ERROR.
 */
MODULE_SCOPE int DpFail(Tcl_Interp *interp, const char *code,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif

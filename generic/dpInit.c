/*
 * dpInit.c -- the one exported symbol, and the commands about the package.
 *
 * Layer L5.
 */

#include "dpInit.h"

#include "dpBuild.h"
#include "dpCast.h"
#include "dpCopyCmd.h"
#include "dpDiffCmd.h"
#include "dpEcho.h"
#include "dpEditCmd.h"
#include "dpEvent.h"
#include "dpFsChan.h"
#include "dpFsCmd.h"
#include "dpGatherCmd.h"
#include "dpHostsetCmd.h"
#include "dpInterrupt.h"
#include "dpJsonCmd.h"
#include "dpMatchCmd.h"
#include "dpMount.h"
#include "dpNodesetCmd.h"
#include "dpProcCmd.h"
#include "dpPtyCmd.h"
#include "dpPumpCmd.h"
#include "dpSshCmd.h"
#include "dpTerm.h"
#include "dpTextCmd.h"
#include "dpWait.h"

#include <openssl/rand.h>
#include <tclOO.h>

/* core::token -- 32 hexadecimal digits that nobody can guess. */
static int
TokenCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    unsigned char bytes[16];
    char text[2 * sizeof(bytes)];

    (void) clientData;
    if (objc != 1) {
	Tcl_WrongNumArgs(interp, 1, objv, "");
	return TCL_ERROR;
    }
    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
	return DpFail(interp, "STATE random",
		"OpenSSL has no random numbers to give");
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
	text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
	text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    Tcl_SetObjResult(interp, Tcl_NewStringObj(text, sizeof(text)));
    return TCL_OK;
}

static void
PutCount(Tcl_Obj *dictPtr, const char *key, int count)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1),
	    Tcl_NewIntObj(count));
}

/* core::stats -- how many of each thing there are, for leak tests. */
static int
StatsCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    DpInterp *dpPtr = clientData;
    Tcl_Obj *dictPtr;
    DpLoopCount count;

    if (objc != 1) {
	Tcl_WrongNumArgs(interp, 1, objv, "");
	return TCL_ERROR;
    }
    dictPtr = Tcl_NewDictObj();
    DpLoopCounts(dpPtr->loopPtr, &count);
    PutCount(dictPtr, "waiters", DpHandleCount(dpPtr, DP_WAITS));
    PutCount(dictPtr, "procs", DpHandleCount(dpPtr, DP_PROCS));
    PutCount(dictPtr, "sessions", DpHandleCount(dpPtr, DP_SESSIONS));
    PutCount(dictPtr, "filesystems", DpHandleCount(dpPtr, DP_FSES));
    PutCount(dictPtr, "copies", DpHandleCount(dpPtr, DP_COPIES));
    PutCount(dictPtr, "endings", DpHandleCount(dpPtr, DP_ENDINGS));
    PutCount(dictPtr, "pumps", DpHandleCount(dpPtr, DP_PUMPS));
    PutCount(dictPtr, "gathers", DpHandleCount(dpPtr, DP_GATHERS));
    PutCount(dictPtr, "spans", DpHandleCount(dpPtr, DP_SPANS));
    PutCount(dictPtr, "edits", DpHandleCount(dpPtr, DP_EDITS));
    PutCount(dictPtr, "sinks", DpHandleCount(dpPtr, DP_SINKS));
    PutCount(dictPtr, "journals", DpHandleCount(dpPtr, DP_JOURNALS));
    PutCount(dictPtr, "channels", dpPtr->numChannels);
    PutCount(dictPtr, "watches", count.watches);
    PutCount(dictPtr, "timers", count.timers);
    PutCount(dictPtr, "tasks", count.tasks);
    PutCount(dictPtr, "jobs", count.jobs);
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

int
Deployer_Init(Tcl_Interp *interp)
{
    DpInterp *dpPtr;

    if (Tcl_InitStubs(interp, "8.6", 0) == NULL
	    || Tcl_OOInitStubs(interp) == NULL) {
	return TCL_ERROR;
    }
    dpPtr = DpInterpGet(interp);
    if (dpPtr == NULL) {
	return DpFail(interp, "STATE descriptors",
		"there is no descriptor left for the event loop: %s",
		Tcl_PosixError(interp));
    }
    if (Tcl_CreateNamespace(interp, "::deployer::core", NULL, NULL)
	    == NULL) {
	Tcl_ResetResult(interp);
    }
    Tcl_CreateObjCommand(interp, "::deployer::core::token", TokenCmd, dpPtr,
	    NULL);
    Tcl_CreateObjCommand(interp, "::deployer::core::stats", StatsCmd, dpPtr,
	    NULL);
    DpWaitInit(dpPtr);
    DpDiffCmdInit(dpPtr);
    DpEventInit(dpPtr);
    DpJsonCmdInit(interp);
    DpMatchCmdInit(dpPtr);
    DpNodesetCmdInit(dpPtr);
    DpProcCmdInit(dpPtr);
    DpPtyCmdInit(dpPtr);
    DpPumpCmdInit(dpPtr);
    DpSshCmdInit(dpPtr);
    DpBuildInit(dpPtr);
    DpFsCmdInit(dpPtr);
    DpCopyCmdInit(dpPtr);
    DpFsChanInit(dpPtr);
    DpGatherCmdInit(dpPtr);
    DpMountInit(dpPtr);
    DpHostsetCmdInit(dpPtr);
    DpCastInit(dpPtr);
    DpTermInit(dpPtr);
    DpEchoInit(dpPtr);
    DpEditCmdInit(dpPtr);
    DpInterruptInit(dpPtr);
    DpTextCmdInit(dpPtr);
    return Tcl_PkgProvide(interp, PACKAGE_NAME, PACKAGE_VERSION);
}

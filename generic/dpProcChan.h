/*
 * dpProcChan.h -- the streams of a command as Tcl channels.
 *
 * Layer L3.
 */

#ifndef DP_PROC_CHAN_H
#define DP_PROC_CHAN_H

#include "dpInterp.h"
#include "dpProc.h"

/* The channels of one command. */
typedef struct DpProcChans DpProcChans;

/*
 * Makes and registers the channels in dpPtr's interpreter: standard input,
 * output and, unless it is merged, error; non-blocking and binary. The set
 * is then the owner's too, until DpProcChansLeave. Their names are in
 * DpProcChansNames.
 */
MODULE_SCOPE DpProcChans *DpProcChansNew(DpInterp *dpPtr, DpProc *procPtr);

/* A fresh list of the three names, "" for one that was never there. */
MODULE_SCOPE Tcl_Obj *DpProcChansNames(const DpProcChans *chansPtr);

/* Tells the channels, as the notify procedure of a DpProc. */
MODULE_SCOPE void DpProcChansNotify(void *clientData, DpProc *procPtr,
	int what);

/*
 * The owner goes; the command is the channels' own from then on, and is
 * abandoned when the last of them is closed.
 */
MODULE_SCOPE void DpProcChansLeave(DpProcChans *chansPtr);

#endif

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
 * Somebody in C who takes the place of the script at a channel. Neither
 * procedure runs a script; with `closed` the loan is over.
 */
typedef struct DpProcLoan {
    void (*notify)(void *clientData);   /* there are bytes, room or an end */
    void (*closed)(void *clientData);   /* the channel is being closed */
    void *clientData;
} DpProcLoan;

/*
 * Lends the stream of a channel until DpProcChanReturn or `closed`; meanwhile
 * the channel itself is busy (EBUSY). What Tcl has buffered for it is not
 * looked at. Returns the command (hold it) and which of its streams it is (-1:
 * standard input). NULL: it is no channel of ours, a transformation sits on
 * it, or it is lent already (*isLentPtr).
 */
MODULE_SCOPE DpProc *DpProcChanLend(Tcl_Channel channel,
	const DpProcLoan *loanPtr, int *streamPtr, bool *isLentPtr);
MODULE_SCOPE void DpProcChanReturn(Tcl_Channel channel);

/*
 * Until somebody reads an output or waits for it, no more than its last bytes
 * are kept (from limit to twice as many), so that it stops nobody. False: it is
 * no such channel.
 */
MODULE_SCOPE bool DpProcChanTail(Tcl_Channel channel, size_t limit);

/*
 * The owner goes; the command is the channels' own from then on, and is
 * abandoned when the last of them is closed.
 */
MODULE_SCOPE void DpProcChansLeave(DpProcChans *chansPtr);

#endif

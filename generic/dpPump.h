/*
 * dpPump.h -- moves bytes from one stream into one or many.
 *
 * Layer L3. The slowest sink sets the pace; what nobody takes stays where it
 * is, so that the source stops. A sink that fails is left out. Bytes of a
 * command go from its queue into the queues of other commands, with one copy
 * for each; those of other Tcl channels take one queue more.
 */

#ifndef DP_PUMP_H
#define DP_PUMP_H

#include "dpInterp.h"

typedef struct DpPump DpPump;

typedef struct DpPumpSpec {
    Tcl_Channel source;
    const Tcl_Channel *sinks;
    int numSinks;
    const char *digest;         /* name of a checksum, NULL: none */
    bool stop;                  /* the first sink that fails ends it */
    bool closeIn;               /* the source's end is told to commands */
    void (*done)(void *clientData); /* it is over; runs no script */
    void *clientData;
} DpPumpSpec;

/* How one of its ends fared. */
typedef struct DpPumpFate {
    uint64_t bytes;
    Tcl_Obj *errorPtr;          /* list of error code and message, or NULL */
} DpPumpFate;

/*
 * Begins with the loop's next turn. To be called where scripts may run; NULL
 * and a message: a channel is not open for that, or taken. Streams of commands
 * are lent (see dpProcChan.h), other channels are made binary and non-blocking
 * until it is over. All stay open.
 */
MODULE_SCOPE DpPump *DpPumpNew(DpInterp *dpPtr, Tcl_Interp *interp,
	const DpPumpSpec *specPtr);

/* Ends it where it is; done is not called. Scripts may run. */
MODULE_SCOPE void DpPumpCancel(DpPump *pumpPtr);
MODULE_SCOPE void DpPumpDrop(DpPump *pumpPtr);  /* twin of DpPumpNew */

MODULE_SCOPE bool DpPumpIsDone(const DpPump *pumpPtr);
/* The source has ended without an error and all of it was taken by a sink. */
MODULE_SCOPE bool DpPumpIsComplete(const DpPump *pumpPtr);
/* How much has come from the source; and since when, in seconds. */
MODULE_SCOPE uint64_t DpPumpBytes(const DpPump *pumpPtr);
MODULE_SCOPE double DpPumpSeconds(const DpPump *pumpPtr);
/* index -1 is the source, then the sinks in order. */
MODULE_SCOPE DpPumpFate DpPumpGetFate(const DpPump *pumpPtr, int index);
/* The checksum in hexadecimal once it is done, "" without one. */
MODULE_SCOPE const char *DpPumpDigest(const DpPump *pumpPtr);

#endif

/*
 * dpBridge.h -- a command that sits behind the slave of a pseudo terminal.
 *
 * Layer L3.
 */

#ifndef DP_BRIDGE_H
#define DP_BRIDGE_H

#include "dpProc.h"

typedef struct DpBridge DpBridge;

/*
 * Passes bytes both ways between a command and fd, a slave that does not block
 * (taken over, made raw); neither side grows without bound. The caller passes
 * on what the command tells. After the command's last byte the slave is
 * closed: end of file for whoever has the master. A new size of the terminal
 * is told to the command when bytes pass. `over` is called once, when either
 * side has ended; `hungUp` says that it was the master's.
 */
MODULE_SCOPE DpBridge *DpBridgeNew(DpProc *procPtr, int fd,
	void (*over)(void *clientData, bool hungUp), void *clientData);
MODULE_SCOPE void DpBridgeNotify(DpBridge *bridgePtr);
MODULE_SCOPE bool DpBridgeIsOver(const DpBridge *bridgePtr);
MODULE_SCOPE void DpBridgeFree(DpBridge *bridgePtr);

#endif

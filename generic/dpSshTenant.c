/*
 * dpSshTenant.c -- those who give up channels of a session for its commands.
 *
 * Layer L2.
 */

#include "dpSshInt.h"

DpLoop *
DpSshLoop(const DpSsh *sshPtr)
{
    return sshPtr->loopPtr;
}

void
DpSshTenantEnter(DpSsh *sshPtr, DpSshTenant *tenantPtr,
	void (*wanted)(void *clientData), void *clientData)
{
    DpSshHold(sshPtr);
    tenantPtr->sshPtr = sshPtr;
    tenantPtr->wanted = wanted;
    tenantPtr->clientData = clientData;
    tenantPtr->nextPtr = sshPtr->tenantsPtr;
    sshPtr->tenantsPtr = tenantPtr;
}

void
DpSshTenantLeave(DpSshTenant *tenantPtr)
{
    DpSsh *sshPtr = tenantPtr->sshPtr;
    DpSshTenant **linkPtr;

    if (sshPtr == NULL) {
	return;
    }
    for (linkPtr = &sshPtr->tenantsPtr; *linkPtr != tenantPtr;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* It is in there. */
    }
    *linkPtr = tenantPtr->nextPtr;
    tenantPtr->sshPtr = NULL;
    DpSshDrop(sshPtr);
}

/* A channel that one of them gives up ends in this pass or a later one. */
void
DpSshTenantsCall(DpSsh *sshPtr)
{
    DpSshTenant *tenantPtr, *nextPtr;

    for (tenantPtr = sshPtr->tenantsPtr; tenantPtr != NULL;
	    tenantPtr = nextPtr) {
	nextPtr = tenantPtr->nextPtr;
	tenantPtr->wanted(tenantPtr->clientData);
    }
}

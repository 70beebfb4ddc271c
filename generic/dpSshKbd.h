/*
 * dpSshKbd.h -- keyboard-interactive login (RFC 4256).
 *
 * Layer L2.
 */

#ifndef DP_SSH_KBD_H
#define DP_SSH_KBD_H

#include "dpSshInt.h"

/*
 * Goes on with the login. True when it has ended, *rcPtr then is libssh2's
 * result; false while the server, or a human, is waited for.
 */
MODULE_SCOPE bool DpSshKbdStep(DpSsh *sshPtr, int *rcPtr);

/* The answers to the prompts that were asked. */
MODULE_SCOPE void DpSshKbdAnswer(DpSsh *sshPtr, int count,
	const char *const *answers);

/* The transport is ready while the login runs. */
MODULE_SCOPE void DpSshKbdReady(DpSsh *sshPtr);
MODULE_SCOPE bool DpSshKbdWants(DpSsh *sshPtr);

MODULE_SCOPE void DpSshKbdStop(DpSsh *sshPtr);

#endif

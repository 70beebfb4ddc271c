/*
 * dpSshIdle.c -- a channel to read a session by that runs no command.
 *
 * Layer L2.
 */

#include "dpSshInt.h"

/* The window that is offered to the server; little is ever sent into it. */
#define IDLE_WINDOW (256 * 1024)

/*
 * Gets a channel to read an idle session by: opened, and closed at once. True:
 * it is there, or can't be had.
 */
bool
DpSshIdleStep(DpSsh *sshPtr)
{
    int rc;

    if (sshPtr->idleState == DP_IDLE_OPENING) {
	sshPtr->idleChannel = libssh2_channel_open_ex(sshPtr->session,
		"session", sizeof("session") - 1, IDLE_WINDOW,
		LIBSSH2_CHANNEL_PACKET_DEFAULT, NULL, 0);
	if (sshPtr->idleChannel == NULL) {
	    rc = libssh2_session_last_errno(sshPtr->session);
	    if (rc == LIBSSH2_ERROR_EAGAIN) {
		return false;
	    }
	    if (rc != LIBSSH2_ERROR_CHANNEL_FAILURE) {
		sshPtr->fatal = rc;
	    }
	    sshPtr->idleState = DP_IDLE_REFUSED;
	    return true;
	}
	sshPtr->idleState = DP_IDLE_CLOSING;
    }
    if (sshPtr->idleState == DP_IDLE_CLOSING) {
	rc = libssh2_channel_close(sshPtr->idleChannel);
	if (rc == LIBSSH2_ERROR_EAGAIN) {
	    return false;
	}
	if (rc != 0) {
	    sshPtr->fatal = rc;
	}
	sshPtr->idleState = DP_IDLE_READY;
    }
    return true;
}

/*
 * libssh2 reads the socket only on behalf of a channel, but the server sends
 * things that belong to none, and closes. Where nobody has read all there is,
 * because there is no command or none that may give more output now, a channel
 * that is closed on both sides does it; what comes for others is kept within
 * their windows.
 */
void
DpSshDrainStep(DpSsh *sshPtr)
{
    char byte;
    ssize_t n;

    if (sshPtr->turnSpent || sshPtr->pumpAgain || sshPtr->openingPtr != NULL
	    || ((sshPtr->dry || sshPtr->inEnd)
		    && DpBufLength(&sshPtr->inBuf) == 0)) {
	return;
    }
    if (sshPtr->idleState == DP_IDLE_NONE) {
	sshPtr->idleState = DP_IDLE_OPENING;
    }
    if (!DpSshIdleStep(sshPtr)) {
	return;
    }
    if (sshPtr->idleState == DP_IDLE_REFUSED) {
	/* Until somebody wants to read. */
	sshPtr->blocked = true;
	return;
    }
    if (sshPtr->fatal != 0) {
	return;
    }
    n = libssh2_channel_read_ex(sshPtr->idleChannel, 0, &byte, 1);
    if (n < 0 && n != LIBSSH2_ERROR_EAGAIN) {
	sshPtr->fatal = (int) n;
    }
}

/*
 * Keeps a channel that has ended for DpSshDrainStep. False: it must not be read any
 * more, because libssh2 would widen its window, which is no longer there.
 */
bool
DpSshKeepIdle(DpSsh *sshPtr, LIBSSH2_CHANNEL *channel)
{
    unsigned long initial = 0;
    unsigned long window = libssh2_channel_window_read_ex(channel, NULL,
	    &initial);

    if (window < initial / 4 * 3 + 1) {
	return false;
    }
    sshPtr->idleChannel = channel;
    sshPtr->idleState = DP_IDLE_READY;
    return true;
}

/*
 * dpSsh.c -- a session: its states, its one pump and its transport buffers.
 *
 * Layer L2. The rules that libssh2 imposes are met here: one function drives
 * it, sends never block and receives have a budget.
 */

#include "dpSshInt.h"

#include "dpSshKbd.h"
#include "dpTcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes before the end of the key exchange; more is no SSH server. */
#define HANDSHAKE_BYTES (512 * 1024)
#define CLOSED_TEXT "the connection to %s was closed by this side"
/* Keepalives without an answer before the peer counts as dead. */
#define ALIVE_COUNT 3

static void
StartPump(void *clientData)
{
    DpSshPump(clientData);
}

void
DpSshPumpLater(DpSsh *sshPtr)
{
    DpSoonStart(sshPtr->loopPtr, &sshPtr->pumpTask, StartPump, sshPtr);
}

void
DpSshHold(DpSsh *sshPtr)
{
    sshPtr->refCount++;
}

DpSshState
DpSshGetState(const DpSsh *sshPtr)
{
    return sshPtr->state;
}

const DpError *
DpSshGetError(const DpSsh *sshPtr)
{
    return &sshPtr->error;
}

static void
LimitReached(void *clientData)
{
    DpSsh *sshPtr = clientData;
    double seconds = (double) sshPtr->config.timeout / 1000;

    if (sshPtr->state == DP_SSH_HANDSHAKE) {
	const char *banner = sshPtr->session == NULL ? NULL
		: libssh2_session_banner_get(sshPtr->session);

	if (banner == NULL) {
	    DpSshFail(sshPtr, "CONNECT TIMEOUT", "cannot connect to %s: %s"
		    " port %d accepts connections but has sent no SSH banner"
		    " within %g s", sshPtr->config.slug,
		    sshPtr->config.address, sshPtr->config.port, seconds);
	} else {
	    DpSshFail(sshPtr, "CONNECT TIMEOUT", "cannot connect to %s: the"
		    " key exchange with %s port %d has not ended within %g s",
		    sshPtr->config.slug, sshPtr->config.address,
		    sshPtr->config.port, seconds);
	}
    } else if (!sshPtr->agentDone || sshPtr->agentCallPtr != NULL) {
	DpSshFail(sshPtr, "CONNECT TIMEOUT", "cannot log in to %s as %s: the"
		" ssh agent at \"%s\" has not answered within %g s",
		sshPtr->config.slug, sshPtr->config.username,
		sshPtr->config.agentSocket, seconds);
    } else {
	DpSshFail(sshPtr, "CONNECT TIMEOUT", "cannot log in to %s as %s: the"
		" server has not answered within %g s", sshPtr->config.slug,
		sshPtr->config.username, seconds);
    }
}

void
DpSshStartLimit(DpSsh *sshPtr)
{
    if (sshPtr->config.timeout > 0) {
	DpTimerStart(sshPtr->loopPtr, &sshPtr->limitTimer,
		sshPtr->config.timeout, LimitReached, sshPtr);
    }
}

/*
 * The only place where the state changes. Time limits run in the states that
 * wait for the server and stand still where a human is asked.
 */
void
DpSshSetState(DpSsh *sshPtr, DpSshState state)
{
    sshPtr->state = state;
    switch (state) {
    case DP_SSH_HANDSHAKE:
    case DP_SSH_METHODS:
    case DP_SSH_LOGIN:
	DpSshStartLimit(sshPtr);
	break;
    case DP_SSH_CONNECT:
    case DP_SSH_HOSTKEY:
    case DP_SSH_OPEN:
    case DP_SSH_CLOSED:
	DpTimerStop(&sshPtr->limitTimer);
	break;
    }
}

/*
 * Gives up the libssh2 session. With the receive side at its end nothing in
 * there waits any more, so this does not block.
 */
static void
FreeSession(DpSsh *sshPtr)
{
    if (sshPtr->session != NULL) {
	sshPtr->inEnd = true;
	sshPtr->bulk = false;
	DpBufFree(&sshPtr->inBuf);
	if (sshPtr->fatal != 0 && sshPtr->inError == 0) {
	    /*
	     * The close of a channel that cannot be sent waits for no answer,
	     * which libssh2 would look for in what it has taken in already.
	     */
	    sshPtr->inError = EPROTO;
	}
	for (int i = 0; i < 100; i++) {
	    if (libssh2_session_free(sshPtr->session)
		    != LIBSSH2_ERROR_EAGAIN) {
		break;
	    }
	}
	sshPtr->session = NULL;
    }
    DpSshFreeBlocks(sshPtr);
    if (sshPtr->transPtr != NULL) {
	sshPtr->transPtr->typePtr->close(sshPtr->transPtr);
	sshPtr->transPtr = NULL;
    }
    DpBufFree(&sshPtr->inBuf);
    DpBufWipe(&sshPtr->outBuf);
}

/* The twin of DpSshOpen: takes back every registration. */
static void
Shut(DpSsh *sshPtr)
{
    if (sshPtr->tcpPtr != NULL) {
	DpTcpCancel(sshPtr->tcpPtr);
	sshPtr->tcpPtr = NULL;
    }
    DpSshSetState(sshPtr, DP_SSH_CLOSED);
    DpTimerStop(&sshPtr->aliveTimer);
    DpTaskStop(&sshPtr->pumpTask);
    DpSshAuthStop(sshPtr);
    FreeSession(sshPtr);
    DpSshExecEndAll(sshPtr);
}

static void
FailWith(DpSsh *sshPtr)
{
    const DpSshOwner *ownerPtr = sshPtr->ownerPtr;

    if (sshPtr->state == DP_SSH_CLOSED) {
	return;
    }
    sshPtr->refCount++;
    DpSshKbdStop(sshPtr);
    /* Best effort: the server learns that we leave. */
    if (sshPtr->session != NULL && !sshPtr->inEnd && sshPtr->inError == 0) {
	libssh2_session_disconnect(sshPtr->session, ownerPtr == NULL
		? "disconnected by user" : "connection given up");
	DpSshFlush(sshPtr);
    }
    Shut(sshPtr);
    sshPtr->ownerPtr = NULL;
    if (ownerPtr != NULL) {
	ownerPtr->closed(sshPtr->clientData, &sshPtr->error);
    }
    DpSshDrop(sshPtr);
}

static void
FailArgs(DpSsh *sshPtr, const char *code, const char *data1,
	const char *data2, const char *format, va_list args)
{
    char message[2048];

    if (sshPtr->state == DP_SSH_CLOSED) {
	return;
    }
    vsnprintf(message, sizeof(message), format, args);
    DpErrorSet(&sshPtr->error, code, "%s", message);
    DpErrorAddData(&sshPtr->error, sshPtr->config.slug);
    if (data1 != NULL) {
	DpErrorAddData(&sshPtr->error, data1);
    }
    if (data2 != NULL) {
	DpErrorAddData(&sshPtr->error, data2);
    }
    FailWith(sshPtr);
}

void
DpSshFail(DpSsh *sshPtr, const char *code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    FailArgs(sshPtr, code, NULL, NULL, format, args);
    va_end(args);
}

void
DpSshFailData(DpSsh *sshPtr, const char *code, const char *data1,
	const char *data2, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    FailArgs(sshPtr, code, data1, data2, format, args);
    va_end(args);
}

void
DpSshFailLib(DpSsh *sshPtr, int rc, const char *doing)
{
    const DpSshConfig *configPtr = &sshPtr->config;
    const char *banner = libssh2_session_banner_get(sshPtr->session);
    const char *code = "CONNECT KEX";
    const char *why = "";
    char *text = NULL;

    libssh2_session_last_error(sshPtr->session, &text, NULL, 0);
    if (sshPtr->peerMessage != NULL) {
	code = "CONNECT CLOSED";
	why = sshPtr->peerMessage;
    } else if (sshPtr->inError != 0) {
	code = "CONNECT CLOSED";
	why = Tcl_ErrnoMsg(sshPtr->inError);
    } else if (sshPtr->inEnd) {
	code = "CONNECT CLOSED";
	why = "the server has closed the connection";
    } else if (sshPtr->state == DP_SSH_HANDSHAKE && banner == NULL) {
	code = "CONNECT BANNER";
	why = "what answers there is not an SSH server";
    } else if (sshPtr->spun || rc == LIBSSH2_ERROR_DECRYPT
	    || rc == LIBSSH2_ERROR_INVALID_MAC) {
	why = "a packet is not as the server has sent it: the line damages"
		" bytes, or somebody changes them";
    } else if (rc == LIBSSH2_ERROR_KEX_FAILURE) {
	/* 1.10 has RSA host keys with SHA-1 alone, which is out of use. */
	why = "the server and libssh2 " LIBSSH2_VERSION " have no algorithm"
		" in common (key exchange, host key, cipher or MAC)";
    } else if (text != NULL) {
	why = text;
    }
    DpSshFail(sshPtr, code, "%s %s (%s port %d): %s (libssh2 error %d)",
	    doing, configPtr->slug, configPtr->address, configPtr->port, why,
	    rc);
}

unsigned long
DpSshAskOwner(DpSsh *sshPtr, DpSshAsk *askPtr)
{
    if (sshPtr->ownerPtr == NULL || !sshPtr->config.asks) {
	return 0;
    }
    DpTimerStop(&sshPtr->limitTimer);
    askPtr->id = sshPtr->askId = ++sshPtr->lastAskId;
    sshPtr->ownerPtr->ask(sshPtr->clientData, askPtr);
    return askPtr->id;
}

void
DpSshAnswer(DpSsh *sshPtr, unsigned long id, int count,
	const char *const *answers)
{
    if (id == 0 || id != sshPtr->askId || sshPtr->state == DP_SSH_CLOSED) {
	return;
    }
    sshPtr->askId = 0;
    if (sshPtr->state == DP_SSH_HOSTKEY) {
	sshPtr->verdict = (count == 1 && strcmp(answers[0], "yes") == 0)
		? DP_VERDICT_YES : DP_VERDICT_NO;
    } else {
	DpSshStartLimit(sshPtr);
	DpSshAuthAnswer(sshPtr, count, answers);
    }
    DpSshPumpLater(sshPtr);
}

/*
 * Keeps the connection alive, and finds out that the peer is dead: it must
 * answer each keepalive, so that some byte comes in each interval.
 */
static void
AliveTick(void *clientData)
{
    DpSsh *sshPtr = clientData;
    int64_t interval = (int64_t) sshPtr->config.keepalive * 1000;
    /* What is not read may well be there. */
    int64_t silent = sshPtr->blocked || sshPtr->stalls > 0 ? 0
	    : DpLoopNow() - sshPtr->lastRecv;
    int next;

    DpTimerStart(sshPtr->loopPtr, &sshPtr->aliveTimer, interval, AliveTick,
	    sshPtr);
    if (silent >= interval * (ALIVE_COUNT + 1) - interval / 2) {
	DpSshFail(sshPtr, "CONNECT CLOSED", "the connection to %s is dead:"
		" nothing was heard from %s port %d for %d s",
		sshPtr->config.slug, sshPtr->config.address,
		sshPtr->config.port, (int) (silent / 1000));
	return;
    }
    libssh2_keepalive_send(sshPtr->session, &next);
    DpSshFlush(sshPtr);
}

static void
Opened(DpSsh *sshPtr)
{
    DpSshAuthStop(sshPtr);
    DpSshSetState(sshPtr, DP_SSH_OPEN);
    sshPtr->lastRecv = DpLoopNow();
    if (sshPtr->config.keepalive > 0) {
	libssh2_keepalive_config(sshPtr->session, 1, 1);
	DpTimerStart(sshPtr->loopPtr, &sshPtr->aliveTimer,
		(int64_t) sshPtr->config.keepalive * 1000, AliveTick, sshPtr);
    }
    if (sshPtr->ownerPtr != NULL) {
	sshPtr->ownerPtr->opened(sshPtr->clientData);
    }
}

/* State HANDSHAKE: banner, key exchange. True: progress. */
static bool
HandshakeStep(DpSsh *sshPtr)
{
    int rc = libssh2_session_handshake(sshPtr->session,
	    sshPtr->transPtr->typePtr->fd(sshPtr->transPtr));
    const char *banner = libssh2_session_banner_get(sshPtr->session);

    if (sshPtr->inTotal > HANDSHAKE_BYTES) {
	DpSshFail(sshPtr, "CONNECT BANNER", "cannot connect to %s: %s port %d"
		" sends data without end and is not an SSH server",
		sshPtr->config.slug, sshPtr->config.address,
		sshPtr->config.port);
	return false;
    }
    if (banner != NULL && strncmp(banner, "SSH-", 4) == 0
	    && strncmp(banner, "SSH-2.0-", 8) != 0
	    && strncmp(banner, "SSH-1.99-", 9) != 0) {
	/*
	 * RFC 4253, section 4.2 and 5.1; libssh2 does not look. Other lines
	 * may stand before this one.
	 */
	DpSshFail(sshPtr, "CONNECT BANNER", "cannot connect to %s: %s port %d"
		" speaks \"%.40s\" and not version 2 of SSH",
		sshPtr->config.slug, sshPtr->config.address,
		sshPtr->config.port, banner);
	return false;
    }
    if (rc == LIBSSH2_ERROR_EAGAIN) {
	return false;
    }
    if (rc != 0) {
	DpSshFailLib(sshPtr, rc, "cannot connect to");
	return false;
    }
    DpSshSetState(sshPtr, DP_SSH_HOSTKEY);
    return true;
}

/* One step in the state that the session is in. True: progress. */
static bool
Step(DpSsh *sshPtr)
{
    switch (sshPtr->state) {
    case DP_SSH_HANDSHAKE:
	return HandshakeStep(sshPtr);
    case DP_SSH_HOSTKEY:
	if (DpSshHostKeyStep(sshPtr)) {
	    DpSshSetState(sshPtr, DP_SSH_METHODS);
	    return true;
	}
	return false;
    case DP_SSH_METHODS:
	return DpSshMethodsStep(sshPtr);
    case DP_SSH_LOGIN:
	if (!DpSshLoginStep(sshPtr)) {
	    return false;
	}
	if (sshPtr->state == DP_SSH_LOGIN
		&& libssh2_userauth_authenticated(sshPtr->session)) {
	    Opened(sshPtr);
	}
	return true;
    case DP_SSH_OPEN:
	return DpSshExecStep(sshPtr);
    case DP_SSH_CONNECT:
    case DP_SSH_CLOSED:
	break;
    }
    return false;
}

/* The end of the receive side, once libssh2 has had every byte. */
static void
CheckEnd(DpSsh *sshPtr)
{
    if (sshPtr->state != DP_SSH_OPEN || DpBufLength(&sshPtr->inBuf) > 0
	    || (!sshPtr->inEnd && sshPtr->inError == 0)) {
	return;
    }
    DpSshFail(sshPtr, "CONNECT CLOSED", "the connection to %s was closed: %s",
	    sshPtr->config.slug,
	    sshPtr->peerMessage != NULL ? sshPtr->peerMessage
	    : sshPtr->inError != 0 ? Tcl_ErrnoMsg(sshPtr->inError)
	    : "the server has ended it");
}

/*
 * The only caller of libssh2. Any call there may take in data for another
 * channel, and no descriptor event follows; so it goes round until a whole
 * pass has made no progress.
 */
void
DpSshPump(DpSsh *sshPtr)
{
    if (sshPtr->pumping) {
	sshPtr->pumpAgain = true;
	return;
    }
    if (sshPtr->session == NULL || sshPtr->kbdPtr != NULL) {
	return;
    }
    DpSshHold(sshPtr);
    sshPtr->pumping = true;
    sshPtr->turnBytes = 0;
    sshPtr->turnTime = 0;
    sshPtr->giveTime = 0;
    sshPtr->turnSpent = false;
    sshPtr->blocked = false;
    do {
	sshPtr->pumpAgain = false;
    } while (Step(sshPtr) || (sshPtr->pumpAgain && !sshPtr->turnSpent));
    sshPtr->pumping = false;
    if (sshPtr->turnBytes > 0) {
	sshPtr->lastRecv = DpLoopNow();
    }
    if (sshPtr->state != DP_SSH_CLOSED) {
	DpSshFlush(sshPtr);
	CheckEnd(sshPtr);
    }
    if (sshPtr->state != DP_SSH_CLOSED && !sshPtr->blocked
	    && sshPtr->stalls == 0
	    && (sshPtr->turnSpent || DpBufLength(&sshPtr->inBuf) > 0)) {
	DpSshPumpLater(sshPtr);
    }
    DpSshDrop(sshPtr);
}

void
DpSshCatchUp(DpSsh *sshPtr)
{
    DpSshPump(sshPtr);
}

void
DpSshStall(DpSsh *sshPtr, bool stalled)
{
    sshPtr->stalls += stalled ? 1 : -1;
    if (sshPtr->stalls == 0) {
	sshPtr->lastRecv = DpLoopNow();
    }
    DpSshPumpLater(sshPtr);
}

static void
TransportReady(void *clientData, int mask)
{
    DpSsh *sshPtr = clientData;

    if ((mask & DP_HANGUP) && (!DpSshReads(sshPtr) || sshPtr->askId != 0)) {
	/* Would be reported for ever, and what is waited for is in vain. */
	DpSshFail(sshPtr, "CONNECT CLOSED", "the connection to %s (%s port %d)"
		" was closed by the server", sshPtr->config.slug,
		sshPtr->config.address, sshPtr->config.port);
	return;
    }
    sshPtr->dry = false;
    if (sshPtr->kbdPtr != NULL) {
	DpSshKbdReady(sshPtr);
    } else {
	DpSshPump(sshPtr);
    }
}

static void
Connected(void *clientData, DpTransport *transPtr, const DpError *errPtr)
{
    DpSsh *sshPtr = clientData;

    sshPtr->tcpPtr = NULL;
    if (transPtr == NULL) {
	DpErrorCopy(&sshPtr->error, errPtr);
	FailWith(sshPtr);
	return;
    }
    sshPtr->transPtr = transPtr;
    transPtr->ready = TransportReady;
    transPtr->clientData = sshPtr;
    sshPtr->quick = true;
    if (!DpSshKnownLoad(sshPtr)) {
	return;
    }
    if (!DpSshNewSession(sshPtr)) {
	DpSshFail(sshPtr, "CONNECT KEX", "cannot connect to %s: libssh2 gives"
		" no session", sshPtr->config.slug);
	return;
    }
    if (!DpSshSetMethods(sshPtr)) {
	return;
    }
    DpSshSetState(sshPtr, DP_SSH_HANDSHAKE);
    DpSshPump(sshPtr);
}

DpSsh *
DpSshOpen(DpSshShared *sharedPtr, DpSshConfig *configPtr,
	const DpSshOwner *ownerPtr, void *clientData)
{
    DpSsh *sshPtr = DpAlloc(sizeof(*sshPtr));

    sshPtr->refCount = 1;
    sshPtr->sharedPtr = sharedPtr;
    sshPtr->loopPtr = sharedPtr->loopPtr;
    DpLoopHold(sshPtr->loopPtr);
    sshPtr->config = *configPtr;
    memset(configPtr, 0, sizeof(*configPtr));
    sshPtr->ownerPtr = ownerPtr;
    sshPtr->clientData = clientData;
    sshPtr->limit = -1;
    sshPtr->state = DP_SSH_CONNECT;
    sshPtr->startTime = DpLoopNow();
    DpSshAuthStart(sshPtr);
    sshPtr->tcpPtr = DpTcpConnect(sshPtr->loopPtr, sshPtr->config.slug,
	    sshPtr->config.address, sshPtr->config.port,
	    sshPtr->config.timeout, Connected, sshPtr);
    return sshPtr;
}

/* A copy of a list of strings. */
static char **
CopyStrings(char *const *strings, int count)
{
    char **copies = DpAlloc(((size_t) count + 1) * sizeof(*copies));

    for (int i = 0; i < count; i++) {
	copies[i] = DpStrdup(strings[i]);
    }
    return copies;
}

DpSsh *
DpSshAgain(const DpSsh *sshPtr)
{
    DpSshConfig config = sshPtr->config;
    char **texts[] = {
	&config.slug, &config.address, &config.username, &config.password,
	&config.passphrase, &config.keyText, &config.agentSocket,
	&config.ciphers, &config.macs, &config.kex, &config.hostKeyAlgorithms
    };

    for (size_t i = 0; i < DP_ARRAY_SIZE(texts); i++) {
	*texts[i] = DpStrdup(*texts[i]);
    }
    config.keyFiles = CopyStrings(config.keyFiles, config.numKeyFiles);
    config.knownFiles = CopyStrings(config.knownFiles, config.numKnownFiles);
    config.asks = false;
    if (config.policy == DP_HOSTKEY_ASK) {
	config.policy = DP_HOSTKEY_STRICT;
    }
    return DpSshOpen(sshPtr->sharedPtr, &config, NULL, NULL);
}

void
DpSshClose(DpSsh *sshPtr)
{
    sshPtr->ownerPtr = NULL;
    DpSshFail(sshPtr, "CONNECT CLOSED", CLOSED_TEXT, sshPtr->config.slug);
}

void
DpSshPart(DpSsh *sshPtr, bool all)
{
    sshPtr->ownerPtr = NULL;
    DpErrorSet(&sshPtr->error, "CONNECT CLOSED", CLOSED_TEXT,
	    sshPtr->config.slug);
    DpErrorAddData(&sshPtr->error, sshPtr->config.slug);
    DpSshExecLoseAll(sshPtr, all);
}

void
DpSshConfigFree(DpSshConfig *configPtr)
{
    DpFree(configPtr->slug);
    DpFree(configPtr->address);
    DpFree(configPtr->username);
    DpWipeFree(configPtr->password);
    DpWipeFree(configPtr->passphrase);
    DpWipeFree(configPtr->keyText);
    for (int i = 0; i < configPtr->numKeyFiles; i++) {
	DpFree(configPtr->keyFiles[i]);
    }
    DpFree(configPtr->keyFiles);
    DpFree(configPtr->agentSocket);
    for (int i = 0; i < configPtr->numKnownFiles; i++) {
	DpFree(configPtr->knownFiles[i]);
    }
    DpFree(configPtr->knownFiles);
    DpFree(configPtr->ciphers);
    DpFree(configPtr->macs);
    DpFree(configPtr->kex);
    DpFree(configPtr->hostKeyAlgorithms);
    memset(configPtr, 0, sizeof(*configPtr));
}

void
DpSshDrop(DpSsh *sshPtr)
{
    if (--sshPtr->refCount > 0) {
	return;
    }
    if (sshPtr->state != DP_SSH_CLOSED) {
	sshPtr->refCount = 2;
	sshPtr->ownerPtr = NULL;
	DpSshClose(sshPtr);
	sshPtr->refCount = 0;
    }
    DpSshConfigFree(&sshPtr->config);
    DpErrorClear(&sshPtr->error);
    DpFree(sshPtr->fingerprint);
    DpFree(sshPtr->hostKeyType);
    DpFree(sshPtr->peerMessage);
    DpFree(sshPtr->methods);
    DpBufFree(&sshPtr->tried);
    DpBufFree(&sshPtr->triedMethods);
    DpKnownDrop(sshPtr->knownPtr);
    DpLoopDrop(sshPtr->loopPtr);
    DpFree(sshPtr);
}

void
DpSshGetInfo(DpSsh *sshPtr, DpSshInfo *infoPtr)
{
    LIBSSH2_SESSION *session = sshPtr->session;

    memset(infoPtr, 0, sizeof(*infoPtr));
    infoPtr->fingerprint = sshPtr->fingerprint;
    infoPtr->hostKeyType = sshPtr->hostKeyType;
    infoPtr->channels = sshPtr->running;
    if (session == NULL) {
	return;
    }
    infoPtr->banner = libssh2_session_banner_get(session);
    infoPtr->kex = libssh2_session_methods(session, LIBSSH2_METHOD_KEX);
    infoPtr->hostKeyAlgorithm = libssh2_session_methods(session,
	    LIBSSH2_METHOD_HOSTKEY);
    infoPtr->cipher = libssh2_session_methods(session,
	    LIBSSH2_METHOD_CRYPT_CS);
    infoPtr->mac = libssh2_session_methods(session, LIBSSH2_METHOD_MAC_CS);
    infoPtr->compression = libssh2_session_methods(session,
	    LIBSSH2_METHOD_COMP_CS);
}

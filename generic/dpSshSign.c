/*
 * dpSshSign.c -- the signature that proves a key: by the agent, or by a key
 * of a file that may have to be decrypted first.
 *
 * Layer L2. Nothing here blocks: libssh2 is told to come again until the
 * agent, a worker or a human has answered.
 */

#include "dpSshInt.h"

#include "dpSshKbd.h"

#include <stdio.h>

/* How often a passphrase is asked for, or tried. */
#define MAX_PASSPHRASES 3

/* Gives up what a signature, or the question for a passphrase, holds. */
void
DpSshSignDrop(DpSsh *sshPtr)
{
    DpSshKeyWaitStop(&sshPtr->keyWait);
    if (sshPtr->signJobPtr != NULL) {
	DpJobCancel(sshPtr->signJobPtr);
	sshPtr->signJobPtr = NULL;
    }
    if (sshPtr->agentCallPtr != NULL) {
	DpAgentCancel(sshPtr->agentCallPtr);
	sshPtr->agentCallPtr = NULL;
    }
    if (sshPtr->askedEntryPtr != NULL) {
	/* Others wait for the answer: one of them is to ask. */
	DpSshKeyGiveUp(sshPtr->askedEntryPtr, 0);
	DpSshKeyDrop(sshPtr->askedEntryPtr);
	sshPtr->askedEntryPtr = NULL;
    }
    DpFree(sshPtr->sig);
    sshPtr->sig = NULL;
    sshPtr->signState = DP_SIGN_IDLE;
}

static void
Signed(DpSsh *sshPtr, unsigned char *sig, size_t length)
{
    sshPtr->sig = sig;
    sshPtr->sigLength = length;
    sshPtr->signState = sig != NULL ? DP_SIGN_DONE : DP_SIGN_FAILED;
    DpSshPumpLater(sshPtr);
}

static void
AgentSigned(void *clientData, unsigned char *sig, size_t length,
	const DpError *errPtr)
{
    DpSsh *sshPtr = clientData;

    sshPtr->agentCallPtr = NULL;
    Signed(sshPtr, errPtr == NULL ? sig : NULL, length);
}

/* A signature that a worker computes: an RSA one takes milliseconds. */
typedef struct SignWork {
    DpKey *keyPtr;
    char algorithm[64];
    unsigned char *data;
    size_t length;
    unsigned char *sig;
    size_t sigLength;
} SignWork;

static void
RunSign(void *data)
{
    SignWork *workPtr = data;
    DpError err = {0};

    if (!DpKeySign(workPtr->keyPtr, workPtr->algorithm, workPtr->data,
	    workPtr->length, &workPtr->sig, &workPtr->sigLength, &err)) {
	workPtr->sig = NULL;
    }
    DpErrorClear(&err);
}

static void
SignDone(void *clientData, void *data)
{
    DpSsh *sshPtr = clientData;
    SignWork *workPtr = data;
    unsigned char *sig = workPtr->sig;

    workPtr->sig = NULL;
    sshPtr->signJobPtr = NULL;
    Signed(sshPtr, sig, workPtr->sigLength);
}

static void
FreeSign(void *data)
{
    SignWork *workPtr = data;

    DpKeyDrop(workPtr->keyPtr);
    DpFree(workPtr->data);
    DpFree(workPtr->sig);
    DpFree(workPtr);
}

/* The sign callback looks again at a key that was locked. */
static void
KeyChanged(void *clientData)
{
    DpSsh *sshPtr = clientData;

    DpSshStartLimit(sshPtr);
    sshPtr->signState = DP_SIGN_IDLE;
    DpSshPumpLater(sshPtr);
}

void
DpSshAwaitKey(DpSsh *sshPtr, DpSshKeyEntry *entryPtr)
{
    /* A human may be asked for it, by another session. */
    DpTimerStop(&sshPtr->limitTimer);
    DpSshKeyWaitStart(entryPtr, &sshPtr->keyWait, KeyChanged, sshPtr);
}

/*
 * Gets a locked key going: with the passphrase of the host, else by asking
 * once for all hosts that use it. False: there is no way.
 */
bool
DpSshUnlockKey(DpSsh *sshPtr, DpSshTry *tryPtr)
{
    static const bool echo[] = {false};
    const DpSshConfig *configPtr = &sshPtr->config;
    DpSshKeyEntry *entryPtr = tryPtr->entryPtr;
    char prompt[600];
    const char *prompts[] = {prompt};
    DpSshAsk ask = {
	.kind = DP_ASK_PASSPHRASE,
	.name = configPtr->slug,
	.instruction = "",
	.file = DpSshKeyName(entryPtr),
	.numPrompts = 1,
	.prompts = prompts,
	.echo = echo,
    };

    if (configPtr->passphrase != NULL && !tryPtr->phraseTried) {
	tryPtr->phraseTried = true;
	DpSshAwaitKey(sshPtr, entryPtr);
	DpSshKeyUnlock(entryPtr, configPtr->passphrase, false);
	return true;
    }
    if (!configPtr->asks || DpSshKeyFailures(entryPtr) - tryPtr->failures
	    >= MAX_PASSPHRASES) {
	return false;
    }
    snprintf(prompt, sizeof(prompt), "Enter passphrase for key '%.500s': ",
	    DpSshKeyName(entryPtr));
    DpSshKeyAsking(entryPtr);
    DpSshKeyHold(entryPtr);
    sshPtr->askedEntryPtr = entryPtr;
    if (DpSshAskOwner(sshPtr, &ask) == 0) {
	sshPtr->askedEntryPtr = NULL;
	DpSshKeyGiveUp(entryPtr, 0);
	DpSshKeyDrop(entryPtr);
	return false;
    }
    return true;
}

/* The answer to a passphrase question: one, or none. */
void
DpSshAuthAnswer(DpSsh *sshPtr, int count, const char *const *answers)
{
    DpSshKeyEntry *entryPtr = sshPtr->askedEntryPtr;

    if (entryPtr == NULL) {
	DpSshKbdAnswer(sshPtr, count, answers);
	return;
    }
    sshPtr->askedEntryPtr = NULL;
    if (count > 0) {
	DpSshAwaitKey(sshPtr, entryPtr);
	DpSshKeyUnlock(entryPtr, answers[0], true);
    } else {
	/* Who has not got it for one host has not got it for the next. */
	sshPtr->signState = DP_SIGN_FAILED;
	DpSshKeyGiveUp(entryPtr, MAX_PASSPHRASES);
    }
    DpSshKeyDrop(entryPtr);
}

/* Signs with a key of a file, now or in a worker. */
static DpSignState
SignWithKey(DpSsh *sshPtr, DpSshTry *tryPtr, const char *algorithm,
	const unsigned char *data, size_t length)
{
    DpKey *keyPtr = NULL;
    DpError err = {0};
    SignWork *workPtr;

    switch (DpSshKeyGet(tryPtr->entryPtr, &keyPtr)) {
    case DP_SSH_KEY_READY:
	break;
    case DP_SSH_KEY_BUSY:
	DpSshAwaitKey(sshPtr, tryPtr->entryPtr);
	return DP_SIGN_WAITS;
    case DP_SSH_KEY_LOCKED:
	return DpSshUnlockKey(sshPtr, tryPtr) ? DP_SIGN_WAITS
		: DP_SIGN_FAILED;
    case DP_SSH_KEY_BAD:
	return DP_SIGN_FAILED;
    }
    if (strcmp(DpKeyType(keyPtr), "ssh-rsa") != 0) {
	bool ok = DpKeySign(keyPtr, algorithm, data, length, &sshPtr->sig,
		&sshPtr->sigLength, &err);

	DpErrorClear(&err);
	return ok ? DP_SIGN_DONE : DP_SIGN_FAILED;
    }
    workPtr = DpAlloc(sizeof(*workPtr));
    DpKeyHold(keyPtr);
    workPtr->keyPtr = keyPtr;
    snprintf(workPtr->algorithm, sizeof(workPtr->algorithm), "%s", algorithm);
    workPtr->data = DpAlloc(length);
    memcpy(workPtr->data, data, length);
    workPtr->length = length;
    sshPtr->signJobPtr = DpJobStart(sshPtr->loopPtr, RunSign, SignDone,
	    FreeSign, workPtr, sshPtr);
    return DP_SIGN_WAITS;
}

/*
 * libssh2 wants the login request signed. It calls again with the same data
 * as long as it gets EAGAIN (state sent1 of userauth_publickey).
 */
LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(DpSshSignCallback)
{
    DpSsh *sshPtr = *abstract;
    DpSshTry *tryPtr = &sshPtr->tries[sshPtr->nextTry];
    char algorithm[64];

    (void) session;
    sshPtr->signCalled = true;
    if (sshPtr->signState == DP_SIGN_IDLE) {
	if (!DpKeyRequestAlgorithm(data, data_len, algorithm,
		sizeof(algorithm))) {
	    sshPtr->signState = DP_SIGN_FAILED;
	} else if (tryPtr->kind == DP_TRY_AGENT) {
	    sshPtr->agentCallPtr = DpAgentSign(sshPtr->loopPtr,
		    sshPtr->config.agentSocket, tryPtr->blob, tryPtr->length,
		    algorithm, data, data_len, AgentSigned, sshPtr);
	    sshPtr->signState = sshPtr->agentCallPtr != NULL ? DP_SIGN_WAITS
		    : DP_SIGN_FAILED;
	} else {
	    sshPtr->signState = SignWithKey(sshPtr, tryPtr, algorithm, data,
		    data_len);
	}
    }
    switch (sshPtr->signState) {
    case DP_SIGN_DONE:
	*sig = sshPtr->sig;
	*sig_len = sshPtr->sigLength;
	sshPtr->sig = NULL;
	sshPtr->signState = DP_SIGN_IDLE;
	return 0;
    case DP_SIGN_FAILED:
	sshPtr->signState = DP_SIGN_IDLE;
	return -1;
    default:
	return LIBSSH2_ERROR_EAGAIN;
    }
}

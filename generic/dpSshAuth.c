/*
 * dpSshAuth.c -- logging in: RFC 4252, in the order that OpenSSH's client has.
 *
 * Layer L2. Keys of the agent and of files, keyboard-interactive, password.
 * Nothing here blocks: signatures come from the agent or a worker while
 * libssh2 is told to come again.
 */

#include "dpSshInt.h"

#include "dpSshKbd.h"

#include <stdio.h>

/*
 * sshd closes after six failures (MaxAuthTries), and each key that it does
 * not take is one.
 */
#define MAX_ATTEMPTS 6
/* Factors that one login may need behind the first. */
#define MAX_RELISTS 4

#define LOCKED "encrypted, and there is no right passphrase"

void
DpSshAuthTried(DpSsh *sshPtr, const char *method, const char *format, ...)
{
    DpBuf *listPtr = &sshPtr->triedMethods;
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (DpBufLength(&sshPtr->tried) > 0) {
	DpBufAppend(&sshPtr->tried, ", ", 2);
    }
    DpBufAppend(&sshPtr->tried, text, strlen(text));
    if (method != NULL && DpBufFind(listPtr, 0, method, strlen(method)) < 0) {
	if (DpBufLength(listPtr) > 0) {
	    DpBufAppend(listPtr, " ", 1);
	}
	DpBufAppend(listPtr, method, strlen(method));
    }
}

/* Part: which keys are there. */

static void
FreeIdentities(DpSsh *sshPtr)
{
    for (int i = 0; i < sshPtr->numIdentities; i++) {
	DpFree(sshPtr->identities[i].blob);
	DpFree(sshPtr->identities[i].type);
	DpFree(sshPtr->identities[i].comment);
    }
    DpFree(sshPtr->identities);
    sshPtr->identities = NULL;
    sshPtr->numIdentities = 0;
}

static void
AgentListed(void *clientData, const DpAgentIdentity *identities, int count,
	const DpError *errPtr)
{
    DpSsh *sshPtr = clientData;

    sshPtr->agentCallPtr = NULL;
    sshPtr->agentDone = true;
    if (errPtr == NULL && count > 0) {
	sshPtr->identities = DpAlloc((size_t) count
		* sizeof(*sshPtr->identities));
	sshPtr->numIdentities = count;
	for (int i = 0; i < count; i++) {
	    DpAgentIdentity *toPtr = &sshPtr->identities[i];

	    toPtr->blob = DpAlloc(identities[i].length);
	    memcpy(toPtr->blob, identities[i].blob, identities[i].length);
	    toPtr->length = identities[i].length;
	    toPtr->type = DpStrdup(identities[i].type);
	    toPtr->comment = DpStrdup(identities[i].comment);
	}
    }
    if (errPtr != NULL) {
	DpSshAuthTried(sshPtr, NULL, "%s", errPtr->message);
    }
    DpSshPump(sshPtr);
}

void
DpSshAuthStart(DpSsh *sshPtr)
{
    if (sshPtr->config.agentSocket == NULL) {
	sshPtr->agentDone = true;
	return;
    }
    /* Asked while the connection is made, so that it costs no time. */
    sshPtr->agentCallPtr = DpAgentList(sshPtr->loopPtr,
	    sshPtr->config.agentSocket, AgentListed, sshPtr);
    if (sshPtr->agentCallPtr == NULL) {
	sshPtr->agentDone = true;
    }
}

static void
FreeTries(DpSsh *sshPtr)
{
    for (int i = 0; i < sshPtr->numTries; i++) {
	DpSshTry *tryPtr = &sshPtr->tries[i];

	DpFree(tryPtr->blob);
	DpFree(tryPtr->type);
	DpFree(tryPtr->label);
	DpSshKeyDrop(tryPtr->entryPtr);
    }
    DpFree(sshPtr->tries);
    sshPtr->tries = NULL;
    sshPtr->numTries = 0;
}

/* Twin of DpSshAuthStart, and the end of all that a login holds. */
void
DpSshAuthStop(DpSsh *sshPtr)
{
    DpSshKbdStop(sshPtr);
    DpSshSignDrop(sshPtr);
    FreeTries(sshPtr);
    FreeIdentities(sshPtr);
    DpWipeFree(sshPtr->config.password);
    sshPtr->config.password = NULL;
    DpWipeFree(sshPtr->config.passphrase);
    sshPtr->config.passphrase = NULL;
    DpWipeFree(sshPtr->config.keyText);
    sshPtr->config.keyText = NULL;
}

static DpSshTry *
AddTry(DpSsh *sshPtr, const void *blob, size_t length, const char *type,
	const char *label)
{
    DpSshTry *tryPtr;

    sshPtr->tries = DpRealloc(sshPtr->tries,
	    (size_t) (sshPtr->numTries + 1) * sizeof(*sshPtr->tries));
    tryPtr = &sshPtr->tries[sshPtr->numTries++];
    memset(tryPtr, 0, sizeof(*tryPtr));
    tryPtr->blob = DpAlloc(length);
    memcpy(tryPtr->blob, blob, length);
    tryPtr->length = length;
    tryPtr->type = DpStrdup(type);
    tryPtr->label = DpStrdup(label);
    return tryPtr;
}

static bool
HasBlob(const DpSshKeyEntry *entryPtr, const void *blob, size_t length)
{
    const DpKeyPublic *publicPtr = DpSshKeyPublic(entryPtr);

    return publicPtr->blob != NULL && publicPtr->length == length
	    && memcmp(publicPtr->blob, blob, length) == 0;
}

static void
AddAgentTry(DpSsh *sshPtr, int i)
{
    const DpAgentIdentity *idPtr = &sshPtr->identities[i];

    AddTry(sshPtr, idPtr->blob, idPtr->length, idPtr->type,
	    idPtr->comment[0] != '\0' ? idPtr->comment : idPtr->type)->kind
	    = DP_TRY_AGENT;
}

/* The keys that config names; entries[] gets NULL where one is unusable. */
static bool
FindEntries(DpSsh *sshPtr, DpSshKeyEntry **entries, int count)
{
    const DpSshConfig *configPtr = &sshPtr->config;

    for (int i = 0; i < count; i++) {
	bool isText = i == configPtr->numKeyFiles;
	DpError err = {0};

	entries[i] = DpSshKeyFind(sshPtr->sharedPtr->keysPtr,
		configPtr->slug, isText ? NULL : configPtr->keyFiles[i],
		isText ? configPtr->keyText : NULL, &err);
	if (entries[i] != NULL) {
	    continue;
	}
	if (isText || configPtr->keyFilesGiven) {
	    DpSshFailData(sshPtr, err.code,
		    isText ? "-key" : configPtr->keyFiles[i], NULL,
		    "cannot log in to %s: %s", configPtr->slug, err.message);
	    DpErrorClear(&err);
	    return false;
	}
	DpSshAuthTried(sshPtr, "publickey", "key %s left out (%s)",
		configPtr->keyFiles[i], err.message);
	DpErrorClear(&err);
    }
    return true;
}

/*
 * The order of ssh(1): keys of the agent that are named as files too, other
 * keys of the agent, files. So many of the agent's others are left out that
 * the files and the password still get their turn within MaxAuthTries.
 */
static bool
MakeTries(DpSsh *sshPtr)
{
    const DpSshConfig *configPtr = &sshPtr->config;
    int count = configPtr->numKeyFiles + (configPtr->keyText != NULL);
    DpSshKeyEntry **entries = DpAlloc(((size_t) count + 1)
	    * sizeof(*entries));
    bool *inAgent = DpAlloc((size_t) sshPtr->numIdentities + 1);
    int files = 0, others = 0, room;
    bool ok = FindEntries(sshPtr, entries, count);

    if (!ok) {
	goto done;
    }
    for (int i = 0; i < count; i++) {
	bool found = false;

	for (int k = 0; entries[i] != NULL && k < sshPtr->numIdentities;
		k++) {
	    const DpAgentIdentity *idPtr = &sshPtr->identities[k];

	    if (HasBlob(entries[i], idPtr->blob, idPtr->length)) {
		inAgent[k] = found = true;
		AddAgentTry(sshPtr, k);
	    }
	}
	if (found) {
	    DpSshKeyDrop(entries[i]);
	    entries[i] = NULL;
	} else if (entries[i] != NULL) {
	    files++;
	}
    }
    room = MAX_ATTEMPTS - 1 - sshPtr->numTries - files
	    - (configPtr->password != NULL);
    for (int k = 0; k < sshPtr->numIdentities; k++) {
	if (inAgent[k]) {
	    continue;
	}
	if (others++ < room) {
	    AddAgentTry(sshPtr, k);
	}
    }
    if (others > room && room >= 0) {
	DpSshAuthTried(sshPtr, "publickey", "%d keys of the agent left out"
		" (the server allows about %d tries; name one with -keyfile)",
		others - room, MAX_ATTEMPTS);
    }
    for (int i = 0; i < count; i++) {
	const DpKeyPublic *publicPtr;
	DpKey *keyPtr = NULL;
	DpSshTry *tryPtr;

	if (entries[i] == NULL) {
	    continue;
	}
	publicPtr = DpSshKeyPublic(entries[i]);
	DpSshKeyGet(entries[i], &keyPtr);
	if (publicPtr->blob != NULL) {
	    tryPtr = AddTry(sshPtr, publicPtr->blob, publicPtr->length,
		    publicPtr->type, DpSshKeyName(entries[i]));
	} else if (keyPtr != NULL) {
	    size_t length;
	    const unsigned char *blob = DpKeyBlob(keyPtr, &length);

	    tryPtr = AddTry(sshPtr, blob, length, DpKeyType(keyPtr),
		    DpSshKeyName(entries[i]));
	} else {
	    /* Only decrypting shows what it is: when its turn comes. */
	    tryPtr = AddTry(sshPtr, "", 0, "", DpSshKeyName(entries[i]));
	}
	tryPtr->kind = DP_TRY_FILE;
	tryPtr->entryPtr = entries[i];
	tryPtr->failures = DpSshKeyBefore(entries[i], sshPtr->startTime);
	entries[i] = NULL;
    }
done:
    for (int i = 0; i < count; i++) {
	DpSshKeyDrop(entries[i]);
    }
    DpFree(entries);
    DpFree(inAgent);
    return ok;
}

/* Part: the steps. */

static bool
Offers(const DpSsh *sshPtr, const char *method)
{
    size_t length = strlen(method);
    const char *p = sshPtr->methods;

    while (p != NULL) {
	if (strncmp(p, method, length) == 0
		&& (p[length] == ',' || p[length] == '\0')) {
	    return true;
	}
	p = strchr(p, ',');
	p = p == NULL ? NULL : p + 1;
    }
    return false;
}

static void
FailAuth(DpSsh *sshPtr)
{
    const DpSshConfig *configPtr = &sshPtr->config;
    char *text = NULL;

    DpBufAppend(&sshPtr->tried, "", 1);
    DpBufAppend(&sshPtr->triedMethods, "", 1);
    if (sshPtr->peerMessage != NULL) {
	text = sshPtr->peerMessage;
    }
    DpSshFailData(sshPtr, "AUTH", configPtr->username,
	    (char *) DpBufData(&sshPtr->triedMethods),
	    "cannot log in to %s (%s port %d) as %s: %s%s%s; the server takes"
	    " %s%s", configPtr->slug, configPtr->address, configPtr->port,
	    configPtr->username,
	    DpBufLength(&sshPtr->tried) > 1
		    ? (char *) DpBufData(&sshPtr->tried)
		    : "there is nothing to log in with",
	    text != NULL ? "; the server says: " : "",
	    text != NULL ? text : "",
	    sshPtr->methods != NULL ? sshPtr->methods : "no login",
	    sshPtr->rsaRefused ? ". This libssh2 (" LIBSSH2_VERSION ") signs"
	    " with RSA keys in a way (SHA-1) that servers since OpenSSH 8.8"
	    " refuse: use an ed25519 or ecdsa key, or libssh2 1.11" : "");
}

static bool
Lost(DpSsh *sshPtr, int rc)
{
    if (rc != LIBSSH2_ERROR_SOCKET_DISCONNECT
	    && rc != LIBSSH2_ERROR_SOCKET_RECV
	    && rc != LIBSSH2_ERROR_SOCKET_SEND
	    && !(sshPtr->inEnd && DpBufLength(&sshPtr->inBuf) == 0)) {
	return false;
    }
    if (sshPtr->attempts > 0 || sshPtr->peerMessage != NULL) {
	/* "Too many authentication failures": what was tried is the news. */
	FailAuth(sshPtr);
    } else {
	DpSshFailLib(sshPtr, rc, "cannot log in to");
    }
    return true;
}

bool
DpSshMethodsStep(DpSsh *sshPtr)
{
    const DpSshConfig *configPtr = &sshPtr->config;
    const char *list;
    int rc;

    if (!sshPtr->agentDone) {
	return false;
    }
    if (!sshPtr->triesMade) {
	sshPtr->triesMade = true;
	if (!MakeTries(sshPtr)) {
	    return false;
	}
	if (sshPtr->numTries > 0) {
	    /*
	     * With a key at hand the question can wait: it costs a round trip,
	     * and most log-ins never need the answer.
	     */
	    sshPtr->methods = DpStrdup("publickey");
	    DpSshSetState(sshPtr, DP_SSH_LOGIN);
	    return true;
	}
    }
    list = libssh2_userauth_list(sshPtr->session, configPtr->username,
	    (unsigned int) strlen(configPtr->username));
    if (list == NULL) {
	if (libssh2_userauth_authenticated(sshPtr->session)) {
	    /* The server wants no proof ("none"). */
	    DpSshSetState(sshPtr, DP_SSH_LOGIN);
	    return true;
	}
	rc = libssh2_session_last_errno(sshPtr->session);
	if (rc != LIBSSH2_ERROR_EAGAIN && !Lost(sshPtr, rc)) {
	    DpSshFailLib(sshPtr, rc, "cannot log in to");
	}
	return false;
    }
    if (sshPtr->step == DP_LOGIN_NONE_LEFT) {
	if (strcmp(list, sshPtr->methods) == 0) {
	    FailAuth(sshPtr);
	    return false;
	}
	/* Something was accepted, and the server wants more: once again. */
	sshPtr->step = DP_LOGIN_KEYS;
	sshPtr->nextTry = 0;
	sshPtr->keyboardTried = sshPtr->passwordTried = false;
    }
    DpFree(sshPtr->methods);
    sshPtr->methods = DpStrdup(list);
    sshPtr->listed = true;
    DpSshSetState(sshPtr, DP_SSH_LOGIN);
    return true;
}

/* Whether a key is of no use because it could not be decrypted. */
static bool
IsLocked(const DpSshTry *tryPtr)
{
    DpKey *keyPtr;

    return tryPtr->entryPtr != NULL
	    && DpSshKeyGet(tryPtr->entryPtr, &keyPtr) != DP_SSH_KEY_READY;
}

/* The next key. True: progress. */
static bool
KeyStep(DpSsh *sshPtr)
{
    DpSshTry *tryPtr;
    bool isRsa;
    int rc;

    if (!Offers(sshPtr, "publickey")
	    || sshPtr->nextTry >= sshPtr->numTries) {
	if (!sshPtr->listed) {
	    DpSshSetState(sshPtr, DP_SSH_METHODS);
	    return true;
	}
	sshPtr->step = DP_LOGIN_KEYBOARD;
	return true;
    }
    tryPtr = &sshPtr->tries[sshPtr->nextTry];
    if (tryPtr->length == 0) {
	DpKey *keyPtr = NULL;
	size_t length;
	const unsigned char *blob;

	/* An encrypted PEM key without a .pub: decrypt it first. */
	if (sshPtr->signState == DP_SIGN_IDLE) {
	    sshPtr->signState = DP_SIGN_WAITS;
	    switch (DpSshKeyGet(tryPtr->entryPtr, &keyPtr)) {
	    case DP_SSH_KEY_READY:
		blob = DpKeyBlob(keyPtr, &length);
		tryPtr->blob = DpRealloc(tryPtr->blob, length);
		memcpy(tryPtr->blob, blob, length);
		tryPtr->length = length;
		DpFree(tryPtr->type);
		tryPtr->type = DpStrdup(DpKeyType(keyPtr));
		sshPtr->signState = DP_SIGN_IDLE;
		return true;
	    case DP_SSH_KEY_BUSY:
		DpSshAwaitKey(sshPtr, tryPtr->entryPtr);
		break;
	    default:
		if (!DpSshUnlockKey(sshPtr, tryPtr)) {
		    sshPtr->signState = DP_SIGN_FAILED;
		}
	    }
	}
	if (sshPtr->signState != DP_SIGN_FAILED) {
	    return false;
	}
	sshPtr->signState = DP_SIGN_IDLE;
	DpSshAuthTried(sshPtr, "publickey", "key %s (" LOCKED ")",
		tryPtr->label);
	sshPtr->nextTry++;
	return true;
    }
    rc = libssh2_userauth_publickey(sshPtr->session, sshPtr->config.username,
	    tryPtr->blob, tryPtr->length, DpSshSignCallback, (void **) &sshPtr);
    if (rc == LIBSSH2_ERROR_EAGAIN) {
	return false;
    }
    if (rc == 0) {
	return true;
    }
    if (Lost(sshPtr, rc)) {
	return false;
    }
    isRsa = strcmp(tryPtr->type, "ssh-rsa") == 0;
    if (LIBSSH2_VERSION_NUM < 0x010b00 && isRsa) {
	sshPtr->rsaRefused = true;
    }
    DpSshAuthTried(sshPtr, "publickey", "%s %s%s (%s)",
	    tryPtr->kind == DP_TRY_AGENT ? "agent key" : "key",
	    tryPtr->label,
	    LIBSSH2_VERSION_NUM < 0x010b00 && isRsa ? " with SHA-1" : "",
	    !sshPtr->signCalled ? "refused"
	    : rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED
		    && IsLocked(tryPtr) ? LOCKED
	    : "not enough or its signature refused");
    sshPtr->attempts++;
    sshPtr->nextTry++;
    if (!sshPtr->listed || (sshPtr->signCalled && !sshPtr->relisted)) {
	/* Accepted and yet not in: the server may want a second factor. */
	sshPtr->relisted = sshPtr->signCalled;
	DpSshSetState(sshPtr, DP_SSH_METHODS);
    }
    sshPtr->signCalled = false;
    return true;
}

static bool
PasswordStep(DpSsh *sshPtr)
{
    const DpSshConfig *configPtr = &sshPtr->config;
    int rc;

    if (!Offers(sshPtr, "password") || configPtr->password == NULL
	    || sshPtr->passwordTried) {
	sshPtr->step = DP_LOGIN_NONE_LEFT;
	return true;
    }
    rc = libssh2_userauth_password_ex(sshPtr->session, configPtr->username,
	    (unsigned int) strlen(configPtr->username), configPtr->password,
	    (unsigned int) strlen(configPtr->password), NULL);
    if (rc == LIBSSH2_ERROR_EAGAIN) {
	return false;
    }
    if (rc == 0) {
	return true;
    }
    if (Lost(sshPtr, rc)) {
	return false;
    }
    sshPtr->passwordTried = true;
    sshPtr->attempts++;
    DpSshAuthTried(sshPtr, "password", rc == LIBSSH2_ERROR_PASSWORD_EXPIRED
	    ? "password (has expired and must be changed on the host)"
	    : "password (refused)");
    return true;
}

static bool
KeyboardStep(DpSsh *sshPtr)
{
    const DpSshConfig *configPtr = &sshPtr->config;
    bool wanted = configPtr->asks || (configPtr->password != NULL
	    && (!Offers(sshPtr, "password") || sshPtr->passwordTried));
    int rc;

    if (!Offers(sshPtr, "keyboard-interactive") || !wanted
	    || sshPtr->keyboardTried) {
	sshPtr->step = DP_LOGIN_PASSWORD;
	return true;
    }
    if (!DpSshKbdStep(sshPtr, &rc)) {
	return false;
    }
    if (rc == 0) {
	return true;
    }
    if (Lost(sshPtr, rc)) {
	return false;
    }
    sshPtr->keyboardTried = true;
    sshPtr->attempts++;
    DpSshAuthTried(sshPtr, "keyboard-interactive",
	    "keyboard-interactive%s (refused)",
	    sshPtr->passwordTried ? " with the password" : "");
    return true;
}

bool
DpSshLoginStep(DpSsh *sshPtr)
{
    switch (sshPtr->step) {
    case DP_LOGIN_KEYS:
	return KeyStep(sshPtr);
    case DP_LOGIN_KEYBOARD:
	return KeyboardStep(sshPtr);
    case DP_LOGIN_PASSWORD:
	return PasswordStep(sshPtr);
    case DP_LOGIN_NONE_LEFT:
	if (sshPtr->attempts > 0 && sshPtr->relists++ < MAX_RELISTS) {
	    /* Any of it may have been accepted as one factor of several. */
	    DpSshSetState(sshPtr, DP_SSH_METHODS);
	    return true;
	}
	FailAuth(sshPtr);
	return false;
    }
    return false;
}

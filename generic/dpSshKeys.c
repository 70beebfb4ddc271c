/*
 * dpSshKeys.c -- private keys that are decrypted once for all sessions.
 *
 * Layer L2.
 */

#include "dpSshKeys.h"

#include "dpDisk.h"

#include <openssl/evp.h>

#define DIGEST_SIZE 32

struct DpSshKeys {
    DpLoop *loopPtr;
    DpSshKeyEntry *firstPtr;
};

/*
 * Counted: the set holds it, and each session that may use the key. A job
 * that decrypts holds it as well.
 */
struct DpSshKeyEntry {
    int refCount;
    DpSshKeyEntry *nextPtr;     /* in the set */
    DpLoop *loopPtr;
    unsigned char digest[DIGEST_SIZE]; /* of the text */
    char *name;                 /* path, or "-key" */
    char *slug;                 /* of the host that named it first */
    char *text;                 /* NULL once decrypted; wiped */
    size_t length;
    DpKeyPublic public;
    DpKey *keyPtr;              /* NULL while locked */
    bool busy;
    bool asked;                 /* the passphrase tried now is an answer */
    int failures;               /* wrong answers */
    int64_t lastFailure;        /* DpLoopNow */
    int before;                 /* failures that are over and done with */
    DpJob *jobPtr;
    DpSshKeyWait *waits;
};

/* What a worker needs to decrypt a key, and what comes out. */
typedef struct Unlock {
    char *name, *slug, *text, *passphrase;
    size_t length;
    DpKeyStatus status;
    DpKey *keyPtr;
    DpError error;
} Unlock;

DpSshKeys *
DpSshKeysNew(DpLoop *loopPtr)
{
    DpSshKeys *keysPtr = DpAlloc(sizeof(*keysPtr));

    keysPtr->loopPtr = loopPtr;
    return keysPtr;
}

static void
WipeText(char **textPtr, size_t length)
{
    if (*textPtr != NULL) {
	DpWipe(*textPtr, length);
	DpFree(*textPtr);
	*textPtr = NULL;
    }
}

void
DpSshKeyHold(DpSshKeyEntry *entryPtr)
{
    entryPtr->refCount++;
}

void
DpSshKeyDrop(DpSshKeyEntry *entryPtr)
{
    if (entryPtr == NULL || --entryPtr->refCount > 0) {
	return;
    }
    if (entryPtr->jobPtr != NULL) {
	DpJobCancel(entryPtr->jobPtr);
    }
    WipeText(&entryPtr->text, entryPtr->length);
    DpKeyPublicClear(&entryPtr->public);
    DpKeyDrop(entryPtr->keyPtr);
    DpFree(entryPtr->name);
    DpFree(entryPtr->slug);
    DpFree(entryPtr);
}

void
DpSshKeysFree(DpSshKeys *keysPtr)
{
    while (keysPtr->firstPtr != NULL) {
	DpSshKeyEntry *entryPtr = keysPtr->firstPtr;

	keysPtr->firstPtr = entryPtr->nextPtr;
	DpSshKeyDrop(entryPtr);
    }
    DpFree(keysPtr);
}

/* Reads a whole key file; NULL and the error when that fails. */
static char *
ReadFile(const char *slug, const char *path, size_t *lengthPtr,
	DpError *errPtr)
{
    DpBuf text = {0};
    int error = DpDiskRead(path, DP_KEY_MAX_FILE, &text, NULL);
    int mode;

    if (error != 0) {
	DpDiskError(errPtr, error, slug, path, "read the key file");
	return NULL;
    }
    mode = DpDiskTooOpen(path);
    if (mode != 0) {
	DpBufWipe(&text);
	DpErrorSet(errPtr, "FILE EACCES", "cannot use the key file \"%s\":"
		" others may read it (its permissions are %04o); run"
		" chmod 600 on it", path, (unsigned int) mode);
	DpErrorAddData(errPtr, slug);
	DpErrorAddData(errPtr, path);
	return NULL;
    }
    *lengthPtr = DpBufLength(&text);
    DpBufAppend(&text, "", 1);
    return (char *) text.bytes;
}

/* Parses what can be had without a passphrase. */
static bool
FillEntry(DpSshKeyEntry *entryPtr, DpError *errPtr)
{
    DpKeyStatus status = DpKeyPublicParse(entryPtr->slug, entryPtr->name,
	    entryPtr->text, entryPtr->length, &entryPtr->public, errPtr);

    if (status == DP_KEY_BAD) {
	return false;
    }
    if (!entryPtr->public.encrypted) {
	status = DpKeyParse(entryPtr->slug, entryPtr->name, entryPtr->text,
		entryPtr->length, NULL, &entryPtr->keyPtr, errPtr);
	if (status == DP_KEY_BAD) {
	    return false;
	}
	DpErrorClear(errPtr);
	if (status == DP_KEY_OK) {
	    WipeText(&entryPtr->text, entryPtr->length);
	}
    }
    if (entryPtr->public.blob == NULL && entryPtr->keyPtr == NULL
	    && strcmp(entryPtr->name, "-key") != 0) {
	/* An old PEM file hides it; there may be a .pub beside it. */
	DpKeyPublicClear(&entryPtr->public);
	DpKeyPublicLoad(entryPtr->slug, entryPtr->name, &entryPtr->public,
		errPtr);
	DpErrorClear(errPtr);
    }
    return true;
}

DpSshKeyEntry *
DpSshKeyFind(DpSshKeys *keysPtr, const char *slug, const char *path,
	const char *text, DpError *errPtr)
{
    unsigned char digest[DIGEST_SIZE];
    DpSshKeyEntry *entryPtr;
    size_t length = 0;
    char *copy;

    if (text != NULL) {
	copy = DpStrdup(text);
	length = strlen(text);
    } else {
	copy = ReadFile(slug, path, &length, errPtr);
	if (copy == NULL) {
	    return NULL;
	}
    }
    EVP_Digest(copy, length, digest, NULL, EVP_sha256(), NULL);
    for (entryPtr = keysPtr->firstPtr; entryPtr != NULL;
	    entryPtr = entryPtr->nextPtr) {
	if (memcmp(entryPtr->digest, digest, DIGEST_SIZE) == 0) {
	    WipeText(&copy, length);
	    entryPtr->refCount++;
	    return entryPtr;
	}
    }
    entryPtr = DpAlloc(sizeof(*entryPtr));
    entryPtr->refCount = 2;
    entryPtr->loopPtr = keysPtr->loopPtr;
    memcpy(entryPtr->digest, digest, DIGEST_SIZE);
    entryPtr->name = DpStrdup(text != NULL ? "-key" : path);
    entryPtr->slug = DpStrdup(slug);
    entryPtr->text = copy;
    entryPtr->length = length;
    if (!FillEntry(entryPtr, errPtr)) {
	entryPtr->refCount = 1;
	DpSshKeyDrop(entryPtr);
	return NULL;
    }
    entryPtr->nextPtr = keysPtr->firstPtr;
    keysPtr->firstPtr = entryPtr;
    return entryPtr;
}

const DpKeyPublic *
DpSshKeyPublic(const DpSshKeyEntry *entryPtr)
{
    return &entryPtr->public;
}

const char *
DpSshKeyName(const DpSshKeyEntry *entryPtr)
{
    return entryPtr->name;
}

DpSshKeyState
DpSshKeyGet(DpSshKeyEntry *entryPtr, DpKey **keyPtrPtr)
{
    if (entryPtr->keyPtr != NULL) {
	*keyPtrPtr = entryPtr->keyPtr;
	return DP_SSH_KEY_READY;
    }
    return entryPtr->busy ? DP_SSH_KEY_BUSY : DP_SSH_KEY_LOCKED;
}

int
DpSshKeyFailures(const DpSshKeyEntry *entryPtr)
{
    return entryPtr->failures;
}

static void
CountFailures(DpSshKeyEntry *entryPtr, int count)
{
    if (count > 0) {
	entryPtr->failures += count;
	entryPtr->lastFailure = DpLoopNow();
    }
}

int
DpSshKeyBefore(DpSshKeyEntry *entryPtr, int64_t startTime)
{
    if (startTime >= entryPtr->lastFailure) {
	entryPtr->before = entryPtr->failures;
    }
    return entryPtr->before;
}

void
DpSshKeyWaitStart(DpSshKeyEntry *entryPtr, DpSshKeyWait *waitPtr,
	void (*ready)(void *clientData), void *clientData)
{
    DpSshKeyWaitStop(waitPtr);
    waitPtr->entryPtr = entryPtr;
    waitPtr->ready = ready;
    waitPtr->clientData = clientData;
    waitPtr->nextPtr = entryPtr->waits;
    waitPtr->prevPtrPtr = &entryPtr->waits;
    if (waitPtr->nextPtr != NULL) {
	waitPtr->nextPtr->prevPtrPtr = &waitPtr->nextPtr;
    }
    entryPtr->waits = waitPtr;
}

void
DpSshKeyWaitStop(DpSshKeyWait *waitPtr)
{
    if (waitPtr->entryPtr == NULL) {
	return;
    }
    *waitPtr->prevPtrPtr = waitPtr->nextPtr;
    if (waitPtr->nextPtr != NULL) {
	waitPtr->nextPtr->prevPtrPtr = waitPtr->prevPtrPtr;
    }
    waitPtr->entryPtr = NULL;
}

/* The entry has changed: each who waits is called once. */
static void
Wake(DpSshKeyEntry *entryPtr)
{
    DpSshKeyWait *list = entryPtr->waits;

    entryPtr->busy = false;
    entryPtr->refCount++;
    /* Those who wait again during their call do so in a new list. */
    entryPtr->waits = NULL;
    if (list != NULL) {
	list->prevPtrPtr = &list;
    }
    while (list != NULL) {
	DpSshKeyWait *waitPtr = list;

	DpSshKeyWaitStop(waitPtr);
	waitPtr->ready(waitPtr->clientData);
    }
    DpSshKeyDrop(entryPtr);
}

void
DpSshKeyAsking(DpSshKeyEntry *entryPtr)
{
    entryPtr->busy = true;
}

void
DpSshKeyGiveUp(DpSshKeyEntry *entryPtr, int failures)
{
    CountFailures(entryPtr, failures);
    Wake(entryPtr);
}

static void
RunUnlock(void *data)
{
    Unlock *unlockPtr = data;

    unlockPtr->status = DpKeyParse(unlockPtr->slug, unlockPtr->name,
	    unlockPtr->text, unlockPtr->length, unlockPtr->passphrase,
	    &unlockPtr->keyPtr, &unlockPtr->error);
}

static void
UnlockDone(void *clientData, void *data)
{
    DpSshKeyEntry *entryPtr = clientData;
    Unlock *unlockPtr = data;

    entryPtr->jobPtr = NULL;
    if (unlockPtr->status == DP_KEY_OK) {
	entryPtr->keyPtr = unlockPtr->keyPtr;
	unlockPtr->keyPtr = NULL;
	WipeText(&entryPtr->text, entryPtr->length);
    } else if (entryPtr->asked) {
	CountFailures(entryPtr, 1);
    }
    Wake(entryPtr);
}

static void
FreeUnlock(void *data)
{
    Unlock *unlockPtr = data;

    WipeText(&unlockPtr->text, unlockPtr->length);
    DpWipeFree(unlockPtr->passphrase);
    DpFree(unlockPtr->name);
    DpFree(unlockPtr->slug);
    DpKeyDrop(unlockPtr->keyPtr);
    DpErrorClear(&unlockPtr->error);
    DpFree(unlockPtr);
}

void
DpSshKeyUnlock(DpSshKeyEntry *entryPtr, const char *passphrase, bool asked)
{
    Unlock *unlockPtr;

    if (entryPtr->keyPtr != NULL || entryPtr->jobPtr != NULL) {
	return;
    }
    unlockPtr = DpAlloc(sizeof(*unlockPtr));
    unlockPtr->name = DpStrdup(entryPtr->name);
    unlockPtr->slug = DpStrdup(entryPtr->slug);
    unlockPtr->passphrase = DpStrdup(passphrase);
    unlockPtr->length = entryPtr->length;
    unlockPtr->text = DpAlloc(entryPtr->length + 1);
    memcpy(unlockPtr->text, entryPtr->text, entryPtr->length);
    entryPtr->busy = true;
    entryPtr->asked = asked;
    entryPtr->jobPtr = DpJobStart(entryPtr->loopPtr, RunUnlock, UnlockDone,
	    FreeUnlock, unlockPtr, entryPtr);
}

/*
 * dpSshKeys.h -- private keys that are decrypted once for all sessions.
 *
 * Layer L2. Keys are known by the digest of their text, so that a changed
 * file is a new key. All are wiped when the set is freed.
 */

#ifndef DP_SSH_KEYS_H
#define DP_SSH_KEYS_H

#include "dpKey.h"
#include "dpLoop.h"

typedef struct DpSshKeys DpSshKeys;
typedef struct DpSshKeyEntry DpSshKeyEntry;

/* Somebody who waits for a key; embedded and zeroed by its owner. */
typedef struct DpSshKeyWait {
    DpSshKeyEntry *entryPtr;    /* NULL while idle */
    struct DpSshKeyWait *nextPtr, **prevPtrPtr;
    void (*ready)(void *clientData);
    void *clientData;
} DpSshKeyWait;

typedef enum DpSshKeyState {
    DP_SSH_KEY_READY,           /* the key is there */
    DP_SSH_KEY_LOCKED,          /* encrypted: call Unlock */
    DP_SSH_KEY_BUSY,            /* somebody unlocks it, or asks for it */
    DP_SSH_KEY_BAD              /* the error says why */
} DpSshKeyState;

MODULE_SCOPE DpSshKeys *DpSshKeysNew(DpLoop *loopPtr);
MODULE_SCOPE void DpSshKeysFree(DpSshKeys *keysPtr);

/*
 * Finds or makes the entry of the key in a file (text NULL) or text. NULL
 * and the error when it can't be read. The caller gets a reference.
 */
MODULE_SCOPE DpSshKeyEntry *DpSshKeyFind(DpSshKeys *keysPtr,
	const char *slug, const char *path, const char *text,
	DpError *errPtr);
MODULE_SCOPE void DpSshKeyHold(DpSshKeyEntry *entryPtr);
MODULE_SCOPE void DpSshKeyDrop(DpSshKeyEntry *entryPtr);

/* Public part (blob NULL: not known without the passphrase). */
MODULE_SCOPE const DpKeyPublic *DpSshKeyPublic(const DpSshKeyEntry *entryPtr);
MODULE_SCOPE const char *DpSshKeyName(const DpSshKeyEntry *entryPtr);

/* The state; *keyPtrPtr is set when it is READY (not a reference). */
MODULE_SCOPE DpSshKeyState DpSshKeyGet(DpSshKeyEntry *entryPtr,
	DpKey **keyPtrPtr);

/*
 * Says that the caller asks for the passphrase: others see BUSY until
 * DpSshKeyUnlock or DpSshKeyGiveUp, which counts as so many wrong answers.
 */
MODULE_SCOPE void DpSshKeyAsking(DpSshKeyEntry *entryPtr);
MODULE_SCOPE void DpSshKeyGiveUp(DpSshKeyEntry *entryPtr, int failures);

/*
 * Decrypts in a worker and then calls all who wait. A wrong passphrase
 * leaves the entry LOCKED; where a human was asked for it, it counts.
 */
MODULE_SCOPE void DpSshKeyUnlock(DpSshKeyEntry *entryPtr,
	const char *passphrase, bool asked);
MODULE_SCOPE int DpSshKeyFailures(const DpSshKeyEntry *entryPtr);

/*
 * How many of the failures do not count for a session that began then. Those
 * that begin together share what they are told; later ones ask anew.
 */
MODULE_SCOPE int DpSshKeyBefore(DpSshKeyEntry *entryPtr, int64_t startTime);

/* Calls ready once when a BUSY entry has changed. */
MODULE_SCOPE void DpSshKeyWaitStart(DpSshKeyEntry *entryPtr,
	DpSshKeyWait *waitPtr, void (*ready)(void *clientData),
	void *clientData);
MODULE_SCOPE void DpSshKeyWaitStop(DpSshKeyWait *waitPtr);

#endif

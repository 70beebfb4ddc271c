/*
 * dpSsh.h -- an SSH session: one state machine over libssh2.
 *
 * Layer L2. No interpreter: who owns a session is told what happens by the
 * procedures of DpSshOwner, which run no script.
 */

#ifndef DP_SSH_H
#define DP_SSH_H

#include "dpKnown.h"
#include "dpProc.h"
#include "dpSshKeys.h"

typedef struct DpSsh DpSsh;

typedef enum DpHostKeyPolicy {
    DP_HOSTKEY_STRICT,          /* unknown keys are refused */
    DP_HOSTKEY_ASK,             /* the owner is asked */
    DP_HOSTKEY_ACCEPT_NEW,      /* unknown keys are accepted and recorded */
    DP_HOSTKEY_OFF              /* unknown ones pass, changed ones do not */
} DpHostKeyPolicy;

/* What a session is made from; all strings are the session's own copies. */
typedef struct DpSshConfig {
    char *slug;                 /* for messages and error codes */
    char *address;
    int port;
    char *username;
    char *password;             /* secret; NULL: none */
    char *passphrase;           /* secret, for encrypted keys; NULL: none */
    char *keyText;              /* secret, a private key; NULL: none */
    char **keyFiles;            /* in the order to be tried */
    int numKeyFiles;
    bool keyFilesGiven;         /* named by the user: must be readable */
    char *agentSocket;          /* NULL: no agent */
    char **knownFiles;          /* the first is written to */
    int numKnownFiles;
    DpHostKeyPolicy policy;
    int64_t timeout;            /* ms for each of connect, handshake, login */
    int keepalive;              /* seconds, 0: off */
    bool compression;
    bool asks;                  /* somebody can be asked */
    char *ciphers, *macs, *kex, *hostKeyAlgorithms; /* NULL: ours */
} DpSshConfig;

typedef enum DpSshAskKind {
    DP_ASK_HOSTKEY,             /* answer "yes" accepts */
    DP_ASK_PASSPHRASE,          /* one answer, or none for "have not got it" */
    DP_ASK_KEYBOARD             /* one answer for each prompt */
} DpSshAskKind;

#define DP_ASK_MAX_PROMPTS 64

/* A question for a human. Strings are valid during the call. */
typedef struct DpSshAsk {
    unsigned long id;
    DpSshAskKind kind;
    const char *name;           /* the slug of the host */
    const char *title, *instruction; /* keyboard: what the server sends */
    const char *file;           /* passphrase: of which key */
    const char *type, *fingerprint; /* host key */
    int numPrompts;
    const char *const *prompts;
    const bool *echo;
} DpSshAsk;

typedef struct DpSshOwner {
    void (*opened)(void *clientData);
    /* The end, of an attempt to connect or of an open session. */
    void (*closed)(void *clientData, const DpError *errPtr);
    void (*ask)(void *clientData, const DpSshAsk *askPtr);
} DpSshOwner;

typedef enum DpSshState {
    DP_SSH_CONNECT,             /* the transport is being made */
    DP_SSH_HANDSHAKE,
    DP_SSH_HOSTKEY,             /* waits for an answer about the host key */
    DP_SSH_METHODS,             /* which ways to log in does the server take */
    DP_SSH_LOGIN,
    DP_SSH_OPEN,
    DP_SSH_CLOSED
} DpSshState;

/* Things that sessions of one interpreter share. */
typedef struct DpSshShared {
    DpLoop *loopPtr;
    DpSshKeys *keysPtr;         /* decrypted keys */
    DpKnownCache *knownPtr;     /* parsed known_hosts files */
    struct DpSshThread *threadPtr; /* reserved for sessions in threads */
} DpSshShared;

/* Facts for `info`; strings belong to the session. */
typedef struct DpSshInfo {
    const char *fingerprint, *hostKeyType, *banner;
    const char *kex, *cipher, *mac, *compression, *hostKeyAlgorithm;
    int channels;               /* running */
} DpSshInfo;

/* The ciphers that are offered where -ciphers says nothing: comma list, best first. */
MODULE_SCOPE const char *DpSshCiphers(void);

/* Starts connecting. Owns what configPtr points to from now on. Counted. */
MODULE_SCOPE DpSsh *DpSshOpen(DpSshShared *sharedPtr, DpSshConfig *configPtr,
	const DpSshOwner *ownerPtr, void *clientData);
MODULE_SCOPE void DpSshDrop(DpSsh *sshPtr);

/*
 * Says goodbye and closes; commands on it are lost. The owner is not called
 * any more, but keeps its reference.
 */
MODULE_SCOPE void DpSshClose(DpSsh *sshPtr);

/*
 * The same for an open session, but the connection stays: for what is begun from
 * now on, until it is closed. Without `all` so do commands that have not told
 * their process id yet, until this is called once more.
 */
MODULE_SCOPE void DpSshPart(DpSsh *sshPtr, bool all);

/*
 * One more connection to the same host, without an owner; nobody is asked
 * anything. Counted.
 */
MODULE_SCOPE DpSsh *DpSshAgain(const DpSsh *sshPtr);
MODULE_SCOPE void DpSshHold(DpSsh *sshPtr);

MODULE_SCOPE DpSshState DpSshGetState(const DpSsh *sshPtr);
MODULE_SCOPE DpLoop *DpSshLoop(const DpSsh *sshPtr);
MODULE_SCOPE void DpSshGetInfo(DpSsh *sshPtr, DpSshInfo *infoPtr);
MODULE_SCOPE const DpError *DpSshGetError(const DpSsh *sshPtr);

/* The answer to a question; one that is not open is ignored. */
MODULE_SCOPE void DpSshAnswer(DpSsh *sshPtr, unsigned long id, int count,
	const char *const *answers);

/*
 * Runs a line by the login shell of the host; line NULL is that shell itself.
 * The command waits its turn when the server allows no more channels. The
 * caller gets a reference, and may give it a terminal before the loop runs.
 */
MODULE_SCOPE DpProc *DpSshExec(DpSsh *sshPtr, const char *line,
	size_t length);

/*
 * The same for a subsystem (RFC 4254, section 6.5), with a window for bulk. A
 * server that has none ends it with {FILE ENOSYS slug name}.
 */
MODULE_SCOPE DpProc *DpSshSubsystem(DpSsh *sshPtr, const char *name);

/*
 * Somebody who keeps channels of a session that are not needed all the time.
 * wanted is called while a command waits for a channel; it may abandon
 * commands and runs no script. Leaving is always allowed.
 */
typedef struct DpSshTenant {
    struct DpSshTenant *nextPtr;
    DpSsh *sshPtr;              /* held; NULL: it is none */
    void (*wanted)(void *clientData);
    void *clientData;
} DpSshTenant;
MODULE_SCOPE void DpSshTenantEnter(DpSsh *sshPtr, DpSshTenant *tenantPtr,
	void (*wanted)(void *clientData), void *clientData);
MODULE_SCOPE void DpSshTenantLeave(DpSshTenant *tenantPtr);

/* Whether a channel can be had without taking the last from commands. */
MODULE_SCOPE bool DpSshHasRoom(const DpSsh *sshPtr);

/* Takes in what has come by now. */
MODULE_SCOPE void DpSshCatchUp(DpSsh *sshPtr);

/*
 * Nothing is read until everybody who wanted that has taken it back: what floods
 * the line leaves it, and us, to others.
 */
MODULE_SCOPE void DpSshStall(DpSsh *sshPtr, bool stalled);

/* Bytes that wait for the line: what the peer's windows did not keep back. */
MODULE_SCOPE size_t DpSshUnsent(const DpSsh *sshPtr);

/* Frees the strings of a config, wiping secrets. */
MODULE_SCOPE void DpSshConfigFree(DpSshConfig *configPtr);

#endif

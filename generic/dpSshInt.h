/*
 * dpSshInt.h -- the inside of a session, shared by the dpSsh*.c files alone.
 *
 * Layer L2.
 */

#ifndef DP_SSH_INT_H
#define DP_SSH_INT_H

#include "dpAgent.h"
#include "dpSsh.h"
#include "dpTransport.h"

#include <libssh2.h>

/* What libssh2 has of packets at one time, when all that comes is read. */
#define DP_SSH_BLOCKS 4

typedef struct DpSshExecOp DpSshExecOp;

/* One way to log in that is still to be tried. */
typedef struct DpSshTry {
    enum { DP_TRY_AGENT, DP_TRY_FILE } kind;
    unsigned char *blob;        /* public key */
    size_t length;
    char *type;
    char *label;                /* for messages: path or comment */
    DpSshKeyEntry *entryPtr;    /* of a file */
    bool phraseTried;           /* the passphrase of the host */
    int failures;               /* wrong answers for the key before this */
} DpSshTry;

/* Where a signature comes from while libssh2 waits for it. */
typedef enum DpSignState {
    DP_SIGN_IDLE,
    DP_SIGN_WAITS,              /* for the agent, a worker or a passphrase */
    DP_SIGN_DONE,
    DP_SIGN_FAILED
} DpSignState;

/* What is being tried. */
typedef enum DpLoginStep {
    DP_LOGIN_KEYS,
    DP_LOGIN_KEYBOARD,
    DP_LOGIN_PASSWORD,
    DP_LOGIN_NONE_LEFT
} DpLoginStep;

/*
 * Lifetime: the handle of the script level holds it, each command (until it
 * has ended) holds it, and a pump that runs holds it. Closing ends all
 * commands, so that the last reference goes soon after.
 *
 * Only Pump (dpSsh.c) and what it calls use `session`. While a worker thread
 * asks keyboard-interactive questions it alone does.
 */
struct DpSsh {
    int refCount;
    DpSshShared *sharedPtr;
    DpLoop *loopPtr;            /* held */
    DpSshConfig config;
    const DpSshOwner *ownerPtr; /* NULL once closed by the owner */
    void *clientData;
    DpSshState state;
    DpError error;              /* why it is closed */

    /* Transport: user-space buffers let libssh2 never see a partial send. */
    struct DpTcp *tcpPtr;       /* while connecting */
    DpTransport *transPtr;
    DpBuf inBuf, outBuf;
    bool inEnd;                 /* the peer has closed its side */
    int inError;                /* errno of a failed receive or send */
    bool bulk;                  /* the last receive was full */
    size_t turnBytes;           /* received in this turn */
    int64_t turnTime;           /* ns that libssh2 had with it */
    int64_t giveTime;           /* it is busy with a piece since then, or 0 */
    size_t chunk;               /* so much is a piece */
    size_t callLeft;            /* libssh2 may read so much in this call */
    bool turnSpent;             /* more may be there: come back */
    int stalls;                 /* so many want nothing to be read: DpSshStall */
    uint64_t inTotal;
    int64_t lastRecv;           /* DpLoopNow of the last byte */
    bool quick;                 /* acknowledge at once */
    bool dry;                   /* nothing to receive until the next event */

    LIBSSH2_SESSION *session;
    void *blocks[DP_SSH_BLOCKS]; /* of packets, for libssh2 to use again */
    int numBlocks;
    unsigned numAllocs;         /* since libssh2 asked for bytes, and how */
    size_t sumAllocs;           /* much that was */
    bool spun;                  /* too much: it is in a loop of its own */
    bool pumping, pumpAgain;
    DpTask pumpTask;
    int64_t startTime;          /* DpLoopNow */
    DpTimer limitTimer;         /* of connect, handshake, login */
    DpTimer aliveTimer;
    char *fingerprint;
    char *hostKeyType;
    char *peerMessage;          /* of the server's disconnect message */

    /* Host key. */
    DpKnown *knownPtr;
    enum { DP_VERDICT_NONE, DP_VERDICT_ASKED, DP_VERDICT_YES, DP_VERDICT_NO }
	    verdict;

    /* Login. */
    char *methods;              /* what the server takes, or is thought to */
    bool listed;                /* it has said so itself */
    DpLoginStep step;
    DpSshTry *tries;
    int numTries, nextTry;
    int attempts;               /* failed ones that the server counts */
    bool triesMade;
    bool passwordTried, keyboardTried, relisted;
    int relists;                /* for a second factor, at the end */
    bool agentDone;
    DpAgentCall *agentCallPtr;
    DpAgentIdentity *identities; /* copies */
    int numIdentities;
    DpBuf tried;                /* text: what was tried and how it ended */
    DpBuf triedMethods;         /* list of methods for the error code */
    bool rsaRefused;            /* an RSA key was refused by libssh2 1.10 */
    DpSignState signState;
    bool signCalled;
    unsigned char *sig;
    size_t sigLength;
    DpJob *signJobPtr;
    DpSshKeyWait keyWait;
    DpSshKeyEntry *askedEntryPtr; /* passphrase asked for; held */
    struct DpSshKbd *kbdPtr;    /* keyboard-interactive in a thread */
    bool kbdDone;               /* it has ended with this result */
    int kbdRc;

    unsigned long askId;        /* of the open question, 0: none */
    unsigned long lastAskId;

    /* Channels. */
    DpSshExecOp *firstPtr, *lastPtr;
    int running;                /* channels that are open or being opened */
    int limit;                  /* of running, as the server has shown */
    int started;                /* channels that ever ran */
    int ends;                   /* channels freed since there is a limit */
    DpSshExecOp *openingPtr;
    DpSshExecOp *askingPtr;     /* a request of its is not answered yet */
    LIBSSH2_CHANNEL *idleChannel; /* see DpSshDrainStep */
    enum { DP_IDLE_NONE, DP_IDLE_OPENING, DP_IDLE_CLOSING, DP_IDLE_READY,
	    DP_IDLE_REFUSED } idleState;
    bool blocked;               /* the socket is not read for want of it */
    DpTimer openTimer;          /* a refused open is tried again */
    DpSshTenant *tenantsPtr;    /* they stay while they hold the session */
    int fatal;                  /* libssh2's error that ends the session */
};

typedef enum ExecState {
    EXEC_QUEUED,                /* waits for its turn to be opened */
    EXEC_OPENING,
    EXEC_PTY,                   /* the request of a terminal is under way */
    EXEC_REQUEST,               /* the exec request is under way */
    EXEC_RUNNING,
    EXEC_ENDING,                /* output is at its end, close is awaited */
    EXEC_FREEING,
    EXEC_GONE                   /* not in the session's list any more */
} ExecState;

/*
 * Lifetime: the session's list holds it until the channel is freed (the
 * producer's reference of DpProc); it holds the session as long as it lives.
 */
struct DpSshExecOp {
    DpProc proc;                /* first */
    DpSsh *sshPtr;              /* held */
    DpSshExecOp *nextPtr, *prevPtr; /* the session's list, in order */
    ExecState state;
    LIBSSH2_CHANNEL *channel;
    char *line;                 /* NULL: the login shell */
    size_t length;
    bool subsystem;             /* line is its name */
    bool sizing;                /* libssh2 is at a request with a size ... */
    int sentCols, sentRows;     /* ... which is this one, or the last sent */
    bool eofSent;
    bool closed;                /* by the server, and all is read */
    char toSignal[16];          /* to be sent, "" for none */
    int refusals;               /* opens that the server refused when alone */
};

/* dpSsh.c */
MODULE_SCOPE void DpSshPump(DpSsh *sshPtr);
MODULE_SCOPE void DpSshPumpLater(DpSsh *sshPtr);
MODULE_SCOPE void DpSshSetState(DpSsh *sshPtr, DpSshState state);
/* The time limit of the state begins anew. */
MODULE_SCOPE void DpSshStartLimit(DpSsh *sshPtr);
/* Ends the session for this reason; data word slug is added. */
MODULE_SCOPE void DpSshFail(DpSsh *sshPtr, const char *code,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with more data words behind the slug (NULL: none). */
MODULE_SCOPE void DpSshFailData(DpSsh *sshPtr, const char *code,
	const char *data1, const char *data2, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* Ends it for what libssh2 reports, as CONNECT KEX, CLOSED or BANNER. */
MODULE_SCOPE void DpSshFailLib(DpSsh *sshPtr, int rc, const char *doing);
MODULE_SCOPE unsigned long DpSshAskOwner(DpSsh *sshPtr, DpSshAsk *askPtr);

/* dpSshMem.c: a session of libssh2; NULL: no memory. */
MODULE_SCOPE LIBSSH2_SESSION *DpSshMakeSession(DpSsh *sshPtr);
/* Gives back what is kept for its packets. */
MODULE_SCOPE void DpSshFreeBlocks(DpSsh *sshPtr);

/* dpSshIo.c */
MODULE_SCOPE bool DpSshNewSession(DpSsh *sshPtr);
/* Sends what libssh2 has put out; the rest waits for the socket. */
MODULE_SCOPE void DpSshFlush(DpSsh *sshPtr);
/*
 * So much is enough for what libssh2 is called for next; SIZE_MAX: no limit.
 * Else it would first read all there is into packets of its own.
 */
static inline void
DpSshLimitRead(DpSsh *sshPtr, size_t count)
{
    sshPtr->callLeft = count;
}
/* Gives back memory of the buffers, where nothing is in them. */
MODULE_SCOPE void DpSshTrim(DpSsh *sshPtr);
/* Whether libssh2 would read now. */
MODULE_SCOPE bool DpSshReads(const DpSsh *sshPtr);

/* dpSshHostKey.c: state HOSTKEY. True: go on. */
MODULE_SCOPE bool DpSshKnownLoad(DpSsh *sshPtr);
MODULE_SCOPE bool DpSshHostKeyStep(DpSsh *sshPtr);
MODULE_SCOPE bool DpSshSetMethods(DpSsh *sshPtr);

/* dpSshAuth.c: states METHODS and LOGIN. True: progress was made. */
MODULE_SCOPE void DpSshAuthStart(DpSsh *sshPtr);
MODULE_SCOPE bool DpSshMethodsStep(DpSsh *sshPtr);
MODULE_SCOPE bool DpSshLoginStep(DpSsh *sshPtr);
/* dpSshSign.c */
MODULE_SCOPE LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(DpSshSignCallback);
MODULE_SCOPE void DpSshSignDrop(DpSsh *sshPtr);
/* False: there is no way to get at the key. */
MODULE_SCOPE bool DpSshUnlockKey(DpSsh *sshPtr, DpSshTry *tryPtr);
/* Waits for somebody else who unlocks the key, without a time limit. */
MODULE_SCOPE void DpSshAwaitKey(DpSsh *sshPtr, DpSshKeyEntry *entryPtr);
MODULE_SCOPE void DpSshAuthAnswer(DpSsh *sshPtr, int count,
	const char *const *answers);
MODULE_SCOPE void DpSshAuthStop(DpSsh *sshPtr);
/* One more thing that did not let us in; method NULL: nothing was sent. */
MODULE_SCOPE void DpSshAuthTried(DpSsh *sshPtr, const char *method,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

/* dpSshLong.c: the line that runs the long one, to be freed. */
MODULE_SCOPE char *DpSshLongLine(DpProc *procPtr, const char *line,
	size_t length);

/* dpSshIdle.c; see there. */
MODULE_SCOPE bool DpSshIdleStep(DpSsh *sshPtr);
MODULE_SCOPE void DpSshDrainStep(DpSsh *sshPtr);
MODULE_SCOPE bool DpSshKeepIdle(DpSsh *sshPtr, LIBSSH2_CHANNEL *channel);

/* dpSshTenant.c: a command waits for a channel. */
MODULE_SCOPE void DpSshTenantsCall(DpSsh *sshPtr);

/* dpSshExec.c: state OPEN. True: progress was made. */
MODULE_SCOPE bool DpSshExecStep(DpSsh *sshPtr);
MODULE_SCOPE void DpSshExecEndAll(DpSsh *sshPtr);
MODULE_SCOPE void DpSshExecLoseAll(DpSsh *sshPtr, bool all);

#endif

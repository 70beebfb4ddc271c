/*
 * dpSftpPool.c -- which connection an operation goes to, and how many of them
 * there are.
 *
 * Layer L2. A file system over a session has one connection to begin with, gets
 * more while all of them are busy, and gives them up when they rest: after some
 * time, and at once where a command of the session waits for a channel.
 */

#include "dpSftpInt.h"

#include <errno.h>

/* Connections of a session, where its user does not say. */
#define DEFAULT_LIMIT 4
/* Another is opened when each one has so many calls under way. */
#define BUSY_CALLS 16
/* ms of rest: of all connections but one, and of the last. */
#define REST_MORE 10000
#define REST_LAST 60000
/* Bytes under way that fill a fast line with a round trip of 40 ms. */
#define FLIGHT (8 * 1024 * 1024)

/* Where so much waits for the line, no window of a channel stops it. */
#define FULL_LINE (512 * 1024)

/* --- connections --- */

static void
AddConn(DpSftp *sftpPtr, DpProc *procPtr)
{
    DpSftpConn *connPtr = DpSftpConnNew(sftpPtr, procPtr);

    connPtr->nextPtr = sftpPtr->connsPtr;
    sftpPtr->connsPtr = connPtr;
    sftpPtr->numConns++;
}

/* Twin of AddConn. */
static void
RemoveConn(DpSftp *sftpPtr, DpSftpConn *connPtr)
{
    DpSftpConn **linkPtr;

    for (linkPtr = &sftpPtr->connsPtr; *linkPtr != connPtr;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* It is in there. */
    }
    *linkPtr = connPtr->nextPtr;
    sftpPtr->numConns--;
    DpSftpConnDrop(connPtr);
}

static void
OpenConn(DpSftp *sftpPtr)
{
    AddConn(sftpPtr, DpSshSubsystem(sftpPtr->sshPtr, "sftp"));
}

static DpSftpConn *
FindState(const DpSftp *sftpPtr, DpSftpState state)
{
    DpSftpConn *connPtr;

    for (connPtr = sftpPtr->connsPtr; connPtr != NULL
	    && connPtr->state != state; connPtr = connPtr->nextPtr) {
	/* Not this one. */
    }
    return connPtr;
}

DpSftpConn *
DpSftpPick(DpSftp *sftpPtr)
{
    DpSftpConn *bestPtr = NULL;

    for (DpSftpConn *connPtr = sftpPtr->connsPtr; connPtr != NULL;
	    connPtr = connPtr->nextPtr) {
	if (connPtr->state == DP_SFTP_READY && (bestPtr == NULL
		|| connPtr->numCalls < bestPtr->numCalls)) {
	    bestPtr = connPtr;
	}
    }
    if (bestPtr == NULL) {
	if (sftpPtr->numConns == 0) {
	    OpenConn(sftpPtr);
	}
	return NULL;
    }
    if (bestPtr->numCalls >= BUSY_CALLS && sftpPtr->numConns < sftpPtr->limit
	    && FindState(sftpPtr, DP_SFTP_HELLO) == NULL
	    && DpSshHasRoom(sftpPtr->sshPtr)) {
	OpenConn(sftpPtr);
    }
    return bestPtr;
}

int
DpSftpWays(DpFs *fsPtr, int wanted)
{
    DpSftp *sftpPtr = (DpSftp *) fsPtr;
    int ready = 0;

    if (sftpPtr->sshPtr != NULL && DpSshUnsent(sftpPtr->sshPtr) > FULL_LINE) {
	return 0;
    }
    for (DpSftpConn *connPtr = sftpPtr->connsPtr; connPtr != NULL;
	    connPtr = connPtr->nextPtr) {
	ready += connPtr->state == DP_SFTP_READY;
    }
    if (ready > 0 && ready < wanted && sftpPtr->numConns < sftpPtr->limit
	    && FindState(sftpPtr, DP_SFTP_HELLO) == NULL
	    && DpSshHasRoom(sftpPtr->sshPtr)) {
	OpenConn(sftpPtr);
    }
    return ready;
}

/* --- operations that wait --- */

void
DpSftpDefer(DpSftp *sftpPtr, DpFsOp *opPtr)
{
    DpSftpWait *waitPtr = DpAlloc(sizeof(*waitPtr));

    waitPtr->opPtr = opPtr;
    if (sftpPtr->lastPtr != NULL) {
	sftpPtr->lastPtr->nextPtr = waitPtr;
    } else {
	sftpPtr->firstPtr = waitPtr;
    }
    sftpPtr->lastPtr = waitPtr;
}

static DpFsOp *
TakeFirst(DpSftp *sftpPtr)
{
    DpSftpWait *waitPtr = sftpPtr->firstPtr;
    DpFsOp *opPtr = waitPtr->opPtr;

    sftpPtr->firstPtr = waitPtr->nextPtr;
    if (sftpPtr->firstPtr == NULL) {
	sftpPtr->lastPtr = NULL;
    }
    DpFree(waitPtr);
    return opPtr;
}

bool
DpSftpUndefer(DpSftp *sftpPtr, DpFsOp *opPtr)
{
    DpSftpWait *waitPtr, *beforePtr = NULL;

    for (waitPtr = sftpPtr->firstPtr; waitPtr != NULL
	    && waitPtr->opPtr != opPtr; waitPtr = waitPtr->nextPtr) {
	beforePtr = waitPtr;
    }
    if (waitPtr == NULL) {
	return false;
    }
    if (beforePtr == NULL) {
	TakeFirst(sftpPtr);
	return true;
    }
    beforePtr->nextPtr = waitPtr->nextPtr;
    if (sftpPtr->lastPtr == waitPtr) {
	sftpPtr->lastPtr = beforePtr;
    }
    DpFree(waitPtr);
    return true;
}

void
DpSftpResume(DpSftp *sftpPtr)
{
    DpFsHold(&sftpPtr->fs);
    while (sftpPtr->firstPtr != NULL) {
	DpSftpConn *connPtr = DpSftpPick(sftpPtr);

	if (connPtr == NULL
		|| !DpSftpTakes(connPtr, sftpPtr->firstPtr->opPtr)) {
	    break;
	}
	DpSftpRun(connPtr, TakeFirst(sftpPtr));
    }
    DpFsDrop(&sftpPtr->fs);
}

/* None of those that wait can be served. */
static void
FailWaiting(DpSftp *sftpPtr, int error, const char *text)
{
    /* What their users begin anew comes after these. */
    DpSftpWait *lastPtr = sftpPtr->lastPtr;
    bool isLast = lastPtr == NULL;

    while (!isLast && sftpPtr->firstPtr != NULL) {
	isLast = sftpPtr->firstPtr == lastPtr;
	DpFsReplyError(TakeFirst(sftpPtr), error, text);
    }
}

/* --- what a connection tells --- */

static void
TellReady(void *clientData)
{
    DpSftp *sftpPtr = clientData;
    void (*ready)(void *, DpFs *) = sftpPtr->ready;

    sftpPtr->ready = NULL;
    DpFsHold(&sftpPtr->fs);
    ready(sftpPtr->readyData, &sftpPtr->fs);
    DpFsDrop(&sftpPtr->fs);
}

static void
CheckKnown(DpSftp *sftpPtr)
{
    if (sftpPtr->ready != NULL
	    && (sftpPtr->known || DpErrorIsSet(&sftpPtr->fs.error))) {
	DpSoonStart(sftpPtr->fs.loopPtr, &sftpPtr->readyTask, TellReady,
		sftpPtr);
    }
}

void
DpSftpConnReady(DpSftpConn *connPtr)
{
    DpSftpResume(connPtr->sftpPtr);
}

void
DpSftpConnKnown(DpSftpConn *connPtr)
{
    DpSftp *sftpPtr = connPtr->sftpPtr;
    DpFs *fsPtr = &sftpPtr->fs;
    DpBuf names = {0};

    if (sftpPtr->known) {
	/* The server is the same, and others may rely on what was told. */
	return;
    }
    fsPtr->block = connPtr->readMost < connPtr->writeMost ? connPtr->readMost
	    : connPtr->writeMost;
    fsPtr->depth = (int) (FLIGHT / fsPtr->block);
    if (fsPtr->depth > 256) {
	fsPtr->depth = 256;
    }
    DpSftpExtensionNames(connPtr->extensions, &names);
    sftpPtr->extensions = DpStrdup((char *) DpBufData(&names));
    DpBufFree(&names);
    sftpPtr->known = true;
    CheckKnown(sftpPtr);
}

void
DpSftpConnGone(DpSftp *sftpPtr, DpSftpConn *connPtr)
{
    DpFs *fsPtr = &sftpPtr->fs;

    RemoveConn(sftpPtr, connPtr);
    if (connPtr->lostText == NULL) {
	/* Closed by us; those that wait get another. */
	if (sftpPtr->firstPtr != NULL && !fsPtr->isShut) {
	    DpSftpResume(sftpPtr);
	}
	return;
    }
    if (sftpPtr->sshPtr == NULL
	    || DpSshGetState(sftpPtr->sshPtr) == DP_SSH_CLOSED
	    || (!sftpPtr->known && sftpPtr->numConns == 0)) {
	if (!DpErrorIsSet(&fsPtr->error)) {
	    DpErrorSet(&fsPtr->error, connPtr->lostErrno == ENOSYS
		    ? "FILE ENOSYS" : "FILE ECONNRESET", "%s",
		    connPtr->lostText);
	    DpErrorAddData(&fsPtr->error, fsPtr->slug);
	    DpErrorAddData(&fsPtr->error, "sftp");
	}
	CheckKnown(sftpPtr);
    }
    if (sftpPtr->numConns == 0) {
	FailWaiting(sftpPtr, connPtr->lostErrno, connPtr->lostText);
    } else if (!fsPtr->isShut) {
	/* They may have waited for this one alone. */
	DpSftpResume(sftpPtr);
    }
}

/* --- rest --- */

static void
CheckRest(void *clientData)
{
    DpSftp *sftpPtr = clientData;
    DpSftpConn *connPtr, *nextPtr;
    int64_t now = DpLoopNow();
    bool rests = false;

    for (connPtr = sftpPtr->connsPtr; connPtr != NULL; connPtr = nextPtr) {
	nextPtr = connPtr->nextPtr;
	if (connPtr->idleSince == 0) {
	    continue;
	}
	if (now - connPtr->idleSince >= (sftpPtr->numConns > 1 ? REST_MORE
		: REST_LAST)) {
	    DpSftpConnLose(connPtr, ECONNABORTED, NULL);
	} else {
	    rests = true;
	}
    }
    if (rests) {
	DpTimerStart(sftpPtr->fs.loopPtr, &sftpPtr->idleTimer, REST_MORE,
		CheckRest, sftpPtr);
    }
}

void
DpSftpConnRests(DpSftpConn *connPtr)
{
    DpSftp *sftpPtr = connPtr->sftpPtr;

    connPtr->idleSince = DpLoopNow();
    if (sftpPtr->sshPtr != NULL && sftpPtr->idleTimer.loopPtr == NULL) {
	DpTimerStart(sftpPtr->fs.loopPtr, &sftpPtr->idleTimer, REST_MORE,
		CheckRest, sftpPtr);
    }
}

/*
 * A command waits for a channel: what rests goes, and what is to be a further
 * connection is not needed. (Called from the pump, where no file system ends.)
 */
static void
Wanted(void *clientData)
{
    DpSftp *sftpPtr = clientData;
    DpSftpConn *connPtr, *nextPtr;

    for (connPtr = sftpPtr->connsPtr; connPtr != NULL; connPtr = nextPtr) {
	nextPtr = connPtr->nextPtr;
	if (DpSftpConnIdle(connPtr) || (connPtr->state == DP_SFTP_HELLO
		&& FindState(sftpPtr, DP_SFTP_READY) != NULL)) {
	    DpSftpConnLose(connPtr, ECONNABORTED, NULL);
	}
    }
}

/* --- the whole --- */

void
DpSftpShutAll(DpSftp *sftpPtr)
{
    while (sftpPtr->connsPtr != NULL) {
	DpSftpConnLose(sftpPtr->connsPtr, ECONNABORTED, NULL);
    }
    FailWaiting(sftpPtr, ECONNABORTED, NULL);
    DpTimerStop(&sftpPtr->idleTimer);
    DpTaskStop(&sftpPtr->readyTask);
    DpSshTenantLeave(&sftpPtr->tenant);
}

static DpSftp *
NewSftp(DpLoop *loopPtr, const char *slug, int limit)
{
    DpSftp *sftpPtr = DpAlloc(sizeof(*sftpPtr));

    DpFsInit(&sftpPtr->fs, &dpSftpType, loopPtr, slug);
    sftpPtr->limit = limit;
    return sftpPtr;
}

DpFs *
DpSftpNew(DpLoop *loopPtr, DpProc *procPtr, const char *slug)
{
    DpSftp *sftpPtr = NewSftp(loopPtr, slug, 1);

    AddConn(sftpPtr, procPtr);
    return &sftpPtr->fs;
}

DpFs *
DpSftpPoolNew(DpSsh *sshPtr, const char *slug, int limit)
{
    DpSftp *sftpPtr = NewSftp(DpSshLoop(sshPtr), slug,
	    limit > 0 ? limit : DEFAULT_LIMIT);

    DpSshTenantEnter(sshPtr, &sftpPtr->tenant, Wanted, sftpPtr);
    sftpPtr->sshPtr = sshPtr;
    return &sftpPtr->fs;
}

void
DpSftpReady(DpFs *fsPtr, void (*ready)(void *clientData, DpFs *fsPtr),
	void *clientData)
{
    DpSftp *sftpPtr = (DpSftp *) fsPtr;

    sftpPtr->ready = ready;
    sftpPtr->readyData = clientData;
    if (ready == NULL) {
	DpTaskStop(&sftpPtr->readyTask);
	return;
    }
    if (!sftpPtr->known && sftpPtr->numConns == 0
	    && !DpErrorIsSet(&fsPtr->error) && !fsPtr->isShut) {
	OpenConn(sftpPtr);
    }
    CheckKnown(sftpPtr);
}

const char *
DpSftpExtensions(const DpFs *fsPtr)
{
    const DpSftp *sftpPtr = (const DpSftp *) fsPtr;

    return sftpPtr->extensions != NULL ? sftpPtr->extensions : "";
}

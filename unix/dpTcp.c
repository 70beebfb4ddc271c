/*
 * dpTcp.c -- connecting to a host and port without blocking.
 *
 * Layer L2.
 */

#include "dpTcp.h"

#include "dpPoll.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#  include <linux/sockios.h>
#endif

/* The next address gets its chance after so long (RFC 8305, section 5). */
#define STAGGER_MS 250
#define MAX_ADDRESSES 16

/*
 * A server on a quick line sends for long what is read sooner than it comes: the
 * loop would sleep and be woken for each few packets, which takes more time than
 * they do. So after FLOW_BYTES without a pause the system tells of a socket only
 * when LOW_BYTES are there. It has paused when fewer than these came in PAUSE_MS:
 * then it is told of each byte again, and that is the most that one may wait, twice.
 */
#define FLOW_BYTES (32 * 1024 * 1024)
#define LOW_BYTES (256 * 1024)
#define PAUSE_MS 2

/* A connected socket. */
typedef struct TcpTransport {
    DpTransport base;
    DpWatch watch;
    uint64_t flow;              /* bytes since the last pause ... */
    uint64_t looked;            /* ... when that was looked at last */
    DpTimer look;               /* runs while much comes */
    bool isLow;                 /* told of when LOW_BYTES are there */
} TcpTransport;

/* One name look-up in a worker thread. */
typedef struct LookUp {
    char *address;
    char port[8];
    int flags;
    int rc;                     /* of getaddrinfo */
    int systemError;            /* errno for EAI_SYSTEM */
    struct addrinfo *listPtr;
} LookUp;

/* One address that is being tried. */
typedef struct Attempt {
    DpTcp *tcpPtr;
    DpWatch watch;
    int fd;                     /* -1: not begun or given up */
} Attempt;

struct DpTcp {
    DpLoop *loopPtr;
    char *slug;
    char *address;
    int port;
    int64_t timeout;
    void (*done)(void *clientData, DpTransport *transPtr,
	    const DpError *errPtr);
    void *clientData;
    DpJob *jobPtr;              /* name look-up under way */
    LookUp *lookUpPtr;          /* result that is used */
    const struct addrinfo *order[MAX_ADDRESSES];
    Attempt attempts[MAX_ADDRESSES];
    int count;                  /* of order */
    int next;                   /* to be tried next */
    int pending;                /* attempts under way */
    int lastErrno;              /* of the attempt that failed last */
    DpTimer stagger;
    DpTimer limit;
    DpTask task;
};

static ptrdiff_t
TcpSend(DpTransport *transPtr, const void *bytes, size_t size)
{
    TcpTransport *tcpPtr = (TcpTransport *) transPtr;
    ssize_t n;

    do {
	n = send(tcpPtr->watch.fd, bytes, size, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* The socket is readable with so many bytes, or at their end. */
static void
SetLow(TcpTransport *tcpPtr, int count)
{
    tcpPtr->isLow = count > 1;
    setsockopt(tcpPtr->watch.fd, SOL_SOCKET, SO_RCVLOWAT, &count,
	    sizeof(count));
}

/* Has it paused? */
static void
LookTimer(void *clientData)
{
    TcpTransport *tcpPtr = clientData;

    if (tcpPtr->flow - tcpPtr->looked < LOW_BYTES) {
	if (tcpPtr->isLow) {
	    SetLow(tcpPtr, 1);
	}
	return;
    }
    if (!tcpPtr->isLow && tcpPtr->flow >= FLOW_BYTES) {
	SetLow(tcpPtr, LOW_BYTES);
    }
    tcpPtr->looked = tcpPtr->flow;
    DpTimerStart(tcpPtr->watch.loopPtr, &tcpPtr->look, PAUSE_MS, LookTimer,
	    tcpPtr);
}

static ptrdiff_t
TcpRecv(DpTransport *transPtr, void *bytes, size_t size)
{
    TcpTransport *tcpPtr = (TcpTransport *) transPtr;
    ssize_t n;

    do {
	n = recv(tcpPtr->watch.fd, bytes, size, 0);
    } while (n < 0 && errno == EINTR);
    if (n >= LOW_BYTES / 4 && tcpPtr->look.loopPtr == NULL) {
	tcpPtr->flow = tcpPtr->looked = 0;
	DpTimerStart(tcpPtr->watch.loopPtr, &tcpPtr->look, PAUSE_MS,
		LookTimer, tcpPtr);
    }
    tcpPtr->flow += n > 0 ? (uint64_t) n : 0;
    return n < 0 ? -errno : n;
}

static void
TcpWant(DpTransport *transPtr, int mask)
{
    DpWatchMask(&((TcpTransport *) transPtr)->watch, mask);
}

static void
TcpQuick(DpTransport *transPtr)
{
#ifdef TCP_QUICKACK
    int on = 1;

    setsockopt(((TcpTransport *) transPtr)->watch.fd, IPPROTO_TCP,
	    TCP_QUICKACK, &on, sizeof(on));
#else
    (void) transPtr;
#endif
}

static size_t
TcpUnsent(DpTransport *transPtr)
{
#ifdef SIOCOUTQNSD
    int count;

    if (ioctl(((TcpTransport *) transPtr)->watch.fd, SIOCOUTQNSD, &count) == 0
	    && count > 0) {
	return (size_t) count;
    }
#else
    (void) transPtr;
#endif
    return 0;
}

static int
TcpFd(DpTransport *transPtr)
{
    return ((TcpTransport *) transPtr)->watch.fd;
}

static void
TcpClose(DpTransport *transPtr)
{
    TcpTransport *tcpPtr = (TcpTransport *) transPtr;

    DpTimerStop(&tcpPtr->look);
    DpWatchStop(&tcpPtr->watch);
    close(tcpPtr->watch.fd);
    DpFree(tcpPtr);
}

static const DpTransportType tcpType = {
    .name = "tcp",
    .send = TcpSend,
    .recv = TcpRecv,
    .want = TcpWant,
    .quick = TcpQuick,
    .unsent = TcpUnsent,
    .fd = TcpFd,
    .close = TcpClose,
};

static void
TcpReady(void *clientData, int mask)
{
    TcpTransport *tcpPtr = clientData;

    if (tcpPtr->base.ready != NULL) {
	tcpPtr->base.ready(tcpPtr->base.clientData, mask);
    }
}

static void
FreeLookUp(void *data)
{
    LookUp *lookUpPtr = data;

    if (lookUpPtr->listPtr != NULL) {
	freeaddrinfo(lookUpPtr->listPtr);
    }
    DpFree(lookUpPtr->address);
    DpFree(lookUpPtr);
}

/* In a worker thread, or for a number in place. */
static void
RunLookUp(void *data)
{
    LookUp *lookUpPtr = data;
    struct addrinfo hints = {
	.ai_family = AF_UNSPEC,
	.ai_socktype = SOCK_STREAM,
	.ai_flags = lookUpPtr->flags,
    };

    lookUpPtr->rc = getaddrinfo(lookUpPtr->address, lookUpPtr->port, &hints,
	    &lookUpPtr->listPtr);
    lookUpPtr->systemError = errno;
}

static void
StopAttempt(Attempt *attemptPtr)
{
    DpWatchStop(&attemptPtr->watch);
    if (attemptPtr->fd >= 0) {
	close(attemptPtr->fd);
	attemptPtr->fd = -1;
    }
}

/* Twin of DpTcpConnect. */
void
DpTcpCancel(DpTcp *tcpPtr)
{
    DpTimerStop(&tcpPtr->stagger);
    DpTimerStop(&tcpPtr->limit);
    DpTaskStop(&tcpPtr->task);
    for (int i = 0; i < tcpPtr->next; i++) {
	StopAttempt(&tcpPtr->attempts[i]);
    }
    if (tcpPtr->jobPtr != NULL) {
	DpJobCancel(tcpPtr->jobPtr);
    }
    if (tcpPtr->lookUpPtr != NULL) {
	FreeLookUp(tcpPtr->lookUpPtr);
    }
    DpFree(tcpPtr->slug);
    DpFree(tcpPtr->address);
    DpFree(tcpPtr);
}

static void
Finish(DpTcp *tcpPtr, DpTransport *transPtr, const DpError *errPtr)
{
    void (*done)(void *, DpTransport *, const DpError *) = tcpPtr->done;
    void *clientData = tcpPtr->clientData;

    DpTcpCancel(tcpPtr);
    done(clientData, transPtr, errPtr);
}

static void
FailErrno(DpTcp *tcpPtr, int error)
{
    DpError err = {0};

    if (error == ECONNREFUSED) {
	DpErrorSet(&err, "CONNECT REFUSED",
		"cannot connect to %s: %s port %d refuses connections;"
		" is an SSH server running there?",
		tcpPtr->slug, tcpPtr->address, tcpPtr->port);
    } else if (error == ETIMEDOUT) {
	DpErrorSet(&err, "CONNECT TIMEOUT",
		"cannot connect to %s: no answer from %s port %d within"
		" %g s", tcpPtr->slug, tcpPtr->address, tcpPtr->port,
		(double) tcpPtr->timeout / 1000);
    } else {
	DpErrorSet(&err, "CONNECT UNREACHABLE",
		"cannot connect to %s: %s port %d: %s", tcpPtr->slug,
		tcpPtr->address, tcpPtr->port, Tcl_ErrnoMsg(error));
    }
    DpErrorAddData(&err, tcpPtr->slug);
    Finish(tcpPtr, NULL, &err);
    DpErrorClear(&err);
}

static void TryNext(void *clientData);

/* The socket of an attempt is writable: connected or failed. */
static void
AttemptReady(void *clientData, int mask)
{
    Attempt *attemptPtr = clientData;
    DpTcp *tcpPtr = attemptPtr->tcpPtr;
    TcpTransport *transPtr;
    int error = 0;
    socklen_t size = sizeof(error);

    (void) mask;
    getsockopt(attemptPtr->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == EINPROGRESS) {
	return;
    }
    if (error != 0) {
	tcpPtr->lastErrno = error;
	tcpPtr->pending--;
	StopAttempt(attemptPtr);
	if (tcpPtr->next < tcpPtr->count || tcpPtr->pending == 0) {
	    TryNext(tcpPtr);
	}
	return;
    }
    DpWatchStop(&attemptPtr->watch);
    transPtr = DpAlloc(sizeof(*transPtr));
    transPtr->base.typePtr = &tcpType;
    DpWatchStart(tcpPtr->loopPtr, &transPtr->watch, attemptPtr->fd,
	    DP_READABLE, TcpReady, transPtr);
    attemptPtr->fd = -1;
    Finish(tcpPtr, &transPtr->base, NULL);
}

/* False with lastErrno when the attempt has failed at once. */
static bool
StartAttempt(DpTcp *tcpPtr, int i)
{
    Attempt *attemptPtr = &tcpPtr->attempts[i];
    const struct addrinfo *infoPtr = tcpPtr->order[i];
    int on = 1;
    int fd = socket(infoPtr->ai_family, SOCK_STREAM, 0);

    if (fd < 0) {
	tcpPtr->lastErrno = errno;
	return false;
    }
    fd = DpFdRaise(fd);
    attemptPtr->tcpPtr = tcpPtr;
    attemptPtr->fd = fd;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (connect(fd, infoPtr->ai_addr, infoPtr->ai_addrlen) < 0
	    && errno != EINPROGRESS) {
	tcpPtr->lastErrno = errno;
	StopAttempt(attemptPtr);
	return false;
    }
    DpWatchStart(tcpPtr->loopPtr, &attemptPtr->watch, fd, DP_WRITABLE,
	    AttemptReady, attemptPtr);
    tcpPtr->pending++;
    return true;
}

static void
TryNext(void *clientData)
{
    DpTcp *tcpPtr = clientData;

    while (tcpPtr->next < tcpPtr->count) {
	int i = tcpPtr->next++;

	tcpPtr->attempts[i].fd = -1;
	if (StartAttempt(tcpPtr, i)) {
	    if (tcpPtr->next < tcpPtr->count) {
		DpTimerStart(tcpPtr->loopPtr, &tcpPtr->stagger, STAGGER_MS,
			TryNext, tcpPtr);
	    }
	    return;
	}
    }
    if (tcpPtr->pending == 0) {
	FailErrno(tcpPtr, tcpPtr->lastErrno);
    }
}

static void
LimitReached(void *clientData)
{
    FailErrno(clientData, ETIMEDOUT);
}

/* Puts the addresses in order: the families take turns, the first leads. */
static void
OrderAddresses(DpTcp *tcpPtr)
{
    const struct addrinfo *list = tcpPtr->lookUpPtr->listPtr;
    const struct addrinfo *rest[2] = {list, list};
    int first = list->ai_family;
    int turn = 0;

    while (tcpPtr->count < MAX_ADDRESSES
	    && (rest[0] != NULL || rest[1] != NULL)) {
	const struct addrinfo *infoPtr = rest[turn];

	while (infoPtr != NULL && (infoPtr->ai_family == first) != (turn == 0)) {
	    infoPtr = infoPtr->ai_next;
	}
	if (infoPtr != NULL) {
	    tcpPtr->order[tcpPtr->count++] = infoPtr;
	    infoPtr = infoPtr->ai_next;
	}
	rest[turn] = infoPtr;
	turn = !turn;
    }
}

/* The look-up has ended; owns lookUpPtr. */
static void
LookedUp(DpTcp *tcpPtr, LookUp *lookUpPtr)
{
    tcpPtr->lookUpPtr = lookUpPtr;
    if (lookUpPtr->rc != 0 || lookUpPtr->listPtr == NULL) {
	DpError err = {0};

	DpErrorSet(&err, "CONNECT RESOLVE",
		"cannot connect to %s: the name \"%s\" is not known: %s",
		tcpPtr->slug, tcpPtr->address,
		lookUpPtr->rc == EAI_SYSTEM
			? Tcl_ErrnoMsg(lookUpPtr->systemError)
			: gai_strerror(lookUpPtr->rc));
	DpErrorAddData(&err, tcpPtr->slug);
	Finish(tcpPtr, NULL, &err);
	DpErrorClear(&err);
	return;
    }
    OrderAddresses(tcpPtr);
    TryNext(tcpPtr);
}

static void
LookUpDone(void *clientData, void *data)
{
    DpTcp *tcpPtr = clientData;
    LookUp *copyPtr = DpAlloc(sizeof(*copyPtr));
    LookUp *lookUpPtr = data;

    /* The job frees its data: what is still needed moves out of it. */
    *copyPtr = *lookUpPtr;
    lookUpPtr->listPtr = NULL;
    lookUpPtr->address = NULL;
    tcpPtr->jobPtr = NULL;
    LookedUp(tcpPtr, copyPtr);
}

static void
StartTask(void *clientData)
{
    DpTcp *tcpPtr = clientData;
    LookUp *lookUpPtr = tcpPtr->lookUpPtr;

    tcpPtr->lookUpPtr = NULL;
    LookedUp(tcpPtr, lookUpPtr);
}

DpTcp *
DpTcpConnect(DpLoop *loopPtr, const char *slug, const char *address, int port,
	int64_t timeout,
	void (*done)(void *clientData, DpTransport *transPtr,
		const DpError *errPtr),
	void *clientData)
{
    DpTcp *tcpPtr = DpAlloc(sizeof(*tcpPtr));
    LookUp *lookUpPtr = DpAlloc(sizeof(*lookUpPtr));

    tcpPtr->loopPtr = loopPtr;
    tcpPtr->slug = DpStrdup(slug);
    tcpPtr->address = DpStrdup(address);
    tcpPtr->port = port;
    tcpPtr->timeout = timeout;
    tcpPtr->done = done;
    tcpPtr->clientData = clientData;
    if (timeout > 0) {
	DpTimerStart(loopPtr, &tcpPtr->limit, timeout, LimitReached, tcpPtr);
    }
    lookUpPtr->address = DpStrdup(address);
    snprintf(lookUpPtr->port, sizeof(lookUpPtr->port), "%d", port);
    lookUpPtr->flags = AI_NUMERICHOST | AI_NUMERICSERV;
    RunLookUp(lookUpPtr);
    if (lookUpPtr->rc == 0) {
	tcpPtr->lookUpPtr = lookUpPtr;
	DpSoonStart(loopPtr, &tcpPtr->task, StartTask, tcpPtr);
	return tcpPtr;
    }
    lookUpPtr->flags = AI_NUMERICSERV;
    tcpPtr->jobPtr = DpJobStart(loopPtr, RunLookUp, LookUpDone, FreeLookUp,
	    lookUpPtr, tcpPtr);
    return tcpPtr;
}

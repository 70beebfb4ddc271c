/*
 * l2.c -- the plain C libssh2 client that the benchmarks are measured against.
 *
 * usage: l2 MODE -p PORT -u USER -k KEYFILE -K HOSTKEY.pub ?-n COUNT?
 *		?-c PARALLEL? ADDRESS ...
 *
 * Modes: fan   `true` on each address, cold, PARALLEL at once
 *        one   the same for the first address only
 *        seq   COUNT times `true`, one after another, on one connection
 *        par8  the same, eight at once
 *        idle  connects to each address COUNT times and holds them all
 *
 * One line comes out, a Tcl dict: times in ms; `wall` is until all is closed,
 * `result` until the first connection's last command has ended. The client does what any correct one must
 * (it compares the host key, reads to the end, waits for the close, looks at
 * the exit status) and nothing else: one thread, poll, no allocation of its
 * own once it runs.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_WIDTH 8
#define READ_SIZE 32768

typedef struct Options {
    const char *mode;
    int port;
    const char *user;
    const char *keyFile;
    const char *hostKeyFile;
    int count;
    int parallel;
    int width;                  /* commands at once on one connection */
    bool hold;                  /* mode idle: stay connected */
    unsigned char hostKey[2048]; /* the one key that all servers show */
    size_t hostKeyLength;
} Options;

typedef struct Chan {
    enum { CH_IDLE, CH_OPEN, CH_EXEC, CH_READ, CH_CLOSE, CH_FREE } state;
    LIBSSH2_CHANNEL *channel;
} Chan;

typedef struct Conn {
    enum { CO_NONE, CO_CONNECT, CO_HANDSHAKE, CO_AUTH, CO_RUN, CO_BYE,
	CO_HELD, CO_DONE, CO_FAILED } state;
    int fd;
    LIBSSH2_SESSION *session;
    bool quickAck;              /* until the first command runs */
    int total;                  /* commands to run here */
    int begun;
    int ended;                  /* those that have ended well */
    double endTime;             /* when the last one did */
    Chan *openerPtr;            /* libssh2 opens one channel at a time */
    Chan chans[MAX_WIDTH];
} Conn;

static double
NowMs(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static long
ResidentKb(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL) {
	return 0;
    }
    if (fscanf(file, "%ld %ld", &size, &resident) != 2) {
	resident = 0;
    }
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Tells why on standard error; the connection counts as failed. */
static void
Fail(Conn *connPtr, const char *what)
{
    char *message = NULL;

    if (connPtr->session != NULL) {
	libssh2_session_last_error(connPtr->session, &message, NULL, 0);
    }
    fprintf(stderr, "l2: %s: %s\n", what,
	    message != NULL && *message != '\0' ? message : strerror(errno));
    connPtr->state = CO_FAILED;
}

static int
Base64Value(int c)
{
    static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;

    return found != NULL ? (int) (found - digits) : -1;
}

/* Reads the second word of a .pub file into optPtr->hostKey. */
static bool
ReadHostKey(Options *optPtr)
{
    char text[4096];
    unsigned int bits = 0;
    int numBits = 0;
    size_t i;
    FILE *file = fopen(optPtr->hostKeyFile, "r");

    if (file == NULL) {
	return false;
    }
    if (fscanf(file, "%*s %4095s", text) != 1) {
	text[0] = '\0';
    }
    fclose(file);
    for (i = 0; Base64Value(text[i]) >= 0; i++) {
	bits = bits << 6 | (unsigned int) Base64Value(text[i]);
	numBits += 6;
	if (numBits >= 8
		&& optPtr->hostKeyLength < sizeof optPtr->hostKey) {
	    numBits -= 8;
	    optPtr->hostKey[optPtr->hostKeyLength++] =
		    (unsigned char) (bits >> numBits);
	}
    }
    return optPtr->hostKeyLength > 0;
}

/*
 * libssh2's receive callback: without TCP_QUICKACK the first command of each
 * connection waits 40 ms for our own delayed acknowledgement, because sshd
 * sets TCP_NODELAY only when the session starts.
 */
static ssize_t
Receive(libssh2_socket_t fd, void *buffer, size_t length, int flags,
	void **abstract)
{
    const Conn *connPtr = *abstract;
    int one = 1;
    ssize_t count;

    if (connPtr->quickAck) {
	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
    }
    count = recv(fd, buffer, length, flags);
    return count < 0 ? -errno : count;
}

static bool
StartConnect(Conn *connPtr, const Options *optPtr, const char *address)
{
    struct sockaddr_in to;
    int one = 1;

    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons((unsigned short) optPtr->port);
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
	errno = EINVAL;
	Fail(connPtr, address);
	return false;
    }
    connPtr->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
    if (connPtr->fd < 0) {
	Fail(connPtr, "socket");
	return false;
    }
    setsockopt(connPtr->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(connPtr->fd, (struct sockaddr *) &to, sizeof to) < 0
	    && errno != EINPROGRESS) {
	Fail(connPtr, address);
	return false;
    }
    connPtr->state = CO_CONNECT;
    connPtr->quickAck = true;
    return true;
}

/* The connection stands: a session for it, in non-blocking mode. */
static bool
StartSession(Conn *connPtr)
{
    int error = 0;
    socklen_t length = sizeof error;

    getsockopt(connPtr->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
	errno = error;
	Fail(connPtr, "connect");
	return false;
    }
    connPtr->session = libssh2_session_init_ex(NULL, NULL, NULL, connPtr);
    if (connPtr->session == NULL) {
	errno = ENOMEM;
	Fail(connPtr, "session");
	return false;
    }
#if LIBSSH2_VERSION_NUM >= 0x010b01
    libssh2_session_callback_set2(connPtr->session, LIBSSH2_CALLBACK_RECV,
	    (libssh2_cb_generic *) Receive);
#else
    libssh2_session_callback_set(connPtr->session, LIBSSH2_CALLBACK_RECV,
	    (void *) Receive);
#endif
    libssh2_session_set_blocking(connPtr->session, 0);
    connPtr->state = CO_HANDSHAKE;
    return true;
}

static bool
HostKeyMatches(const Conn *connPtr, const Options *optPtr)
{
    size_t length;
    int type;
    const char *key = libssh2_session_hostkey(connPtr->session, &length,
	    &type);

    return key != NULL && length == optPtr->hostKeyLength
	    && memcmp(key, optPtr->hostKey, length) == 0;
}

/* One step of one command. True: something happened. */
static bool
StepChan(Conn *connPtr, Chan *chanPtr)
{
    char buffer[READ_SIZE];
    ssize_t count;
    int rc;

    switch (chanPtr->state) {
    case CH_IDLE:
	if (connPtr->begun == connPtr->total || connPtr->openerPtr != NULL) {
	    return false;
	}
	connPtr->begun++;
	connPtr->openerPtr = chanPtr;
	chanPtr->state = CH_OPEN;
	return true;
    case CH_OPEN:
	chanPtr->channel = libssh2_channel_open_session(connPtr->session);
	if (chanPtr->channel == NULL) {
	    if (libssh2_session_last_errno(connPtr->session)
		    != LIBSSH2_ERROR_EAGAIN) {
		Fail(connPtr, "open");
	    }
	    return false;
	}
	connPtr->openerPtr = NULL;
	chanPtr->state = CH_EXEC;
	return true;
    case CH_EXEC:
	rc = libssh2_channel_exec(chanPtr->channel, "true");
	if (rc == LIBSSH2_ERROR_EAGAIN) {
	    return false;
	}
	if (rc != 0) {
	    Fail(connPtr, "exec");
	    return false;
	}
	connPtr->quickAck = false;
	chanPtr->state = CH_READ;
	return true;
    case CH_READ:
	count = libssh2_channel_read(chanPtr->channel, buffer, sizeof buffer);
	if (count == LIBSSH2_ERROR_EAGAIN) {
	    return false;
	}
	if (count < 0) {
	    Fail(connPtr, "read");
	    return false;
	}
	if (count == 0 && libssh2_channel_eof(chanPtr->channel)) {
	    chanPtr->state = CH_CLOSE;
	}
	return true;
    case CH_CLOSE:
	/* It returns 0 only when the peer's close, and so the exit status
	 * before it, has come. */
	rc = libssh2_channel_close(chanPtr->channel);
	if (rc == LIBSSH2_ERROR_EAGAIN) {
	    return false;
	}
	if (rc != 0 || libssh2_channel_get_exit_status(chanPtr->channel)
		!= 0) {
	    Fail(connPtr, "close");
	    return false;
	}
	chanPtr->state = CH_FREE;
	return true;
    case CH_FREE:
	if (libssh2_channel_free(chanPtr->channel) == LIBSSH2_ERROR_EAGAIN) {
	    return false;
	}
	chanPtr->channel = NULL;
	chanPtr->state = CH_IDLE;
	connPtr->ended++;
	connPtr->endTime = NowMs();
	return true;
    }
    return false;
}

/*
 * Runs a connection until nothing happens any more. Every pass goes through
 * all of its channels: any call may have taken in another one's packets.
 */
static void
RunConn(Conn *connPtr, const Options *optPtr)
{
    bool progress;
    int rc, i;

    if (connPtr->state == CO_CONNECT && !StartSession(connPtr)) {
	return;
    }
    if (connPtr->state == CO_HANDSHAKE) {
	rc = libssh2_session_handshake(connPtr->session, connPtr->fd);
	if (rc == LIBSSH2_ERROR_EAGAIN) {
	    return;
	}
	if (rc != 0 || !HostKeyMatches(connPtr, optPtr)) {
	    Fail(connPtr, "handshake or host key");
	    return;
	}
	connPtr->state = CO_AUTH;
    }
    if (connPtr->state == CO_AUTH) {
	rc = libssh2_userauth_publickey_fromfile(connPtr->session,
		optPtr->user, NULL, optPtr->keyFile, NULL);
	if (rc == LIBSSH2_ERROR_EAGAIN) {
	    return;
	}
	if (rc != 0) {
	    Fail(connPtr, "auth");
	    return;
	}
	connPtr->state = optPtr->hold ? CO_HELD : CO_RUN;
    }
    if (connPtr->state == CO_RUN) {
	do {
	    progress = false;
	    for (i = 0; i < optPtr->width; i++) {
		progress |= StepChan(connPtr, &connPtr->chans[i]);
		if (connPtr->state == CO_FAILED) {
		    return;
		}
	    }
	} while (progress);
	if (connPtr->ended < connPtr->total) {
	    return;
	}
	connPtr->state = CO_BYE;
    }
    if (connPtr->state == CO_BYE) {
	if (libssh2_session_disconnect(connPtr->session, "done")
		== LIBSSH2_ERROR_EAGAIN) {
	    return;
	}
	libssh2_session_free(connPtr->session);
	close(connPtr->fd);
	connPtr->session = NULL;
	connPtr->state = CO_DONE;
    }
}

static short
Events(const Conn *connPtr)
{
    if (connPtr->state == CO_CONNECT) {
	return POLLOUT;
    }
    return POLLIN | ((libssh2_session_block_directions(connPtr->session)
	    & LIBSSH2_SESSION_BLOCK_OUTBOUND) ? POLLOUT : 0);
}

/*
 * Brings all connections to their end (with `hold`: to standing open), at most
 * `parallel` at once. Held ones go on where they stand.
 */
static void
RunAll(Conn *conns, int numConns, const Options *optPtr, char **addresses,
	int numAddresses)
{
    struct pollfd *polls = calloc((size_t) optPtr->parallel, sizeof *polls);
    Conn **active = calloc((size_t) optPtr->parallel, sizeof *active);
    int next = 0, numActive = 0, i;

    if (polls == NULL || active == NULL) {
	abort();
    }
    while (next < numConns || numActive > 0) {
	while (next < numConns && numActive < optPtr->parallel) {
	    Conn *connPtr = &conns[next];

	    if (connPtr->state == CO_HELD) {
		connPtr->state = CO_RUN;
		RunConn(connPtr, optPtr);
		active[numActive++] = connPtr;
	    } else if (StartConnect(connPtr, optPtr,
		    addresses[next % numAddresses])) {
		active[numActive++] = connPtr;
	    }
	    next++;
	}
	for (i = 0; i < numActive; i++) {
	    polls[i].fd = active[i]->fd;
	    polls[i].events = Events(active[i]);
	}
	if (poll(polls, (nfds_t) numActive, 30000) <= 0) {
	    fprintf(stderr, "l2: nothing happens\n");
	    exit(1);
	}
	for (i = numActive - 1; i >= 0; i--) {
	    if (polls[i].revents != 0) {
		RunConn(active[i], optPtr);
	    }
	    if (active[i]->state >= CO_HELD) {
		active[i] = active[--numActive];
		polls[i] = polls[numActive];
	    }
	}
    }
    free(polls);
    free(active);
}

static int
Usage(void)
{
    fprintf(stderr, "usage: l2 fan|one|seq|par8|idle -p PORT -u USER"
	    " -k KEYFILE -K HOSTKEY.pub ?-n COUNT? ?-c PARALLEL?"
	    " ADDRESS ...\n");
    return 2;
}

static bool
ParseOptions(Options *optPtr, int argc, char **argv)
{
    int c;

    memset(optPtr, 0, sizeof *optPtr);
    optPtr->port = 22;
    optPtr->user = "root";
    optPtr->count = 1000;
    optPtr->parallel = 32;
    optPtr->width = 1;
    if (argc < 2) {
	return false;
    }
    optPtr->mode = argv[1];
    optind = 2;
    while ((c = getopt(argc, argv, "p:u:k:K:n:c:")) != -1) {
	switch (c) {
	case 'p': optPtr->port = atoi(optarg); break;
	case 'u': optPtr->user = optarg; break;
	case 'k': optPtr->keyFile = optarg; break;
	case 'K': optPtr->hostKeyFile = optarg; break;
	case 'n': optPtr->count = atoi(optarg); break;
	case 'c': optPtr->parallel = atoi(optarg); break;
	default: return false;
	}
    }
    return optind < argc && optPtr->keyFile != NULL
	    && optPtr->hostKeyFile != NULL && optPtr->count > 0
	    && optPtr->parallel > 0;
}

int
main(int argc, char **argv)
{
    Options options;
    Conn *conns;
    struct rusage usage;
    bool warm, idle;
    int numConns, numAddresses, commands, i, ok = 0;
    long before, after;
    double start, wall;

    if (!ParseOptions(&options, argc, argv)) {
	return Usage();
    }
    idle = strcmp(options.mode, "idle") == 0;
    warm = strcmp(options.mode, "seq") == 0
	    || strcmp(options.mode, "par8") == 0;
    numAddresses = argc - optind;
    if (idle) {
	numConns = numAddresses * options.count;
    } else if (strcmp(options.mode, "fan") == 0) {
	numConns = numAddresses;
    } else if (warm || strcmp(options.mode, "one") == 0) {
	numConns = 1;
    } else {
	return Usage();
    }
    if (!ReadHostKey(&options)) {
	fprintf(stderr, "l2: no key in %s\n", options.hostKeyFile);
	return 1;
    }
    conns = calloc((size_t) numConns, sizeof *conns);
    if (conns == NULL || libssh2_init(0) != 0) {
	return 1;
    }
    commands = idle ? 0 : warm ? options.count : 1;
    for (i = 0; i < numConns; i++) {
	conns[i].total = commands;
    }
    options.width = strcmp(options.mode, "par8") == 0 ? MAX_WIDTH : 1;

    before = ResidentKb();
    start = NowMs();
    options.hold = idle || warm;
    RunAll(conns, numConns, &options, argv + optind, numAddresses);
    if (warm && conns[0].state == CO_HELD) {
	options.hold = false;
	start = NowMs();
	RunAll(conns, numConns, &options, argv + optind, numAddresses);
    }
    wall = NowMs() - start;
    after = ResidentKb();

    for (i = 0; i < numConns; i++) {
	ok += conns[i].state == (idle ? CO_HELD : CO_DONE);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("mode %s libssh2 %s connections %d ok %d commands %d wall %.3f"
	    " cpu %.3f result %.3f", options.mode, libssh2_version(0), numConns, ok,
	    numConns * commands, wall,
	    (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3
	    + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
	    / 1e3, idle ? 0 : conns[0].endTime - start);
    if (idle) {
	printf(" kbeach %.1f", (double) (after - before) / numConns);
    }
    printf("\n");
    free(conns);
    return ok == numConns ? 0 : 1;
}

/*
 * relay.c -- a long line: forwards TCP connections with a delay each way.
 *
 * usage: relay DELAY-MS LISTEN-ADDRESS ADDRESS PORT
 *
 * Prints the port that it listens on and ends with its standard input. What
 * comes in is handed on when it is DELAY old, in both directions and whatever
 * its size: there is no limit of bandwidth, but a direction in which QUEUE_MAX
 * bytes are on their way takes no more, as a line with a very large window.
 * A connection is accepted at once, and so costs no round trip.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 262144
#define QUEUE_MAX (256u << 20)
#define MAX_LINKS 256

typedef struct Chunk {
    struct Chunk *nextPtr;
    uint64_t due;               /* ns */
    size_t length, sent;
    char bytes[];
} Chunk;

typedef struct Way {            /* one direction of a link */
    int from, to;
    Chunk *firstPtr, *lastPtr;
    size_t queued;
    uint64_t endDue;            /* of the end of input */
    bool ended;                 /* no more comes in */
    bool closed;                /* and the other side knows */
    bool full;                  /* the receiver takes nothing right now */
} Way;

typedef struct Link {
    bool used;
    Way ways[2];
} Link;

static uint64_t
Now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* A socket for ADDRESS that does not block; to is filled. */
static int
Socket(const char *address, int port, struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memset(to, 0, sizeof *to);
    to->sin_family = AF_INET;
    to->sin_port = htons((unsigned short) port);
    if (fd < 0 || inet_pton(AF_INET, address, &to->sin_addr) != 1) {
	perror(address);
	exit(1);
    }
    return fd;
}

static void
NoDelay(int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void
LinkClose(Link *linkPtr)
{
    close(linkPtr->ways[0].from);
    close(linkPtr->ways[0].to);
    for (int i = 0; i < 2; i++) {
	Chunk *chunkPtr = linkPtr->ways[i].firstPtr;

	while (chunkPtr != NULL) {
	    Chunk *nextPtr = chunkPtr->nextPtr;

	    free(chunkPtr);
	    chunkPtr = nextPtr;
	}
    }
    memset(linkPtr, 0, sizeof *linkPtr);
}

static void
LinkOpen(Link *links, int client, const char *address, int port)
{
    struct sockaddr_in to;
    int server = Socket(address, port, &to);
    Link *linkPtr = links;

    while (linkPtr < links + MAX_LINKS && linkPtr->used) {
	linkPtr++;
    }
    if (linkPtr == links + MAX_LINKS
	    || (connect(server, (struct sockaddr *) &to, sizeof to) < 0
	    && errno != EINPROGRESS)) {
	close(client);
	close(server);
	return;
    }
    NoDelay(client);
    NoDelay(server);
    memset(linkPtr, 0, sizeof *linkPtr);
    linkPtr->used = true;
    linkPtr->ways[0].from = linkPtr->ways[1].to = client;
    linkPtr->ways[0].to = linkPtr->ways[1].from = server;
}

/* Takes in what has come. False: the link is broken. */
static bool
Take(Way *wayPtr, uint64_t delay)
{
    while (!wayPtr->ended && wayPtr->queued < QUEUE_MAX) {
	char bytes[CHUNK];
	ssize_t count = recv(wayPtr->from, bytes, sizeof bytes, 0);
	Chunk *chunkPtr;

	if (count == 0) {
	    wayPtr->ended = true;
	    wayPtr->endDue = Now() + delay;
	    return true;
	}
	if (count < 0) {
	    return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
	}
	chunkPtr = malloc(sizeof *chunkPtr + (size_t) count);
	if (chunkPtr == NULL) {
	    return false;
	}
	memcpy(chunkPtr->bytes, bytes, (size_t) count);
	chunkPtr->nextPtr = NULL;
	chunkPtr->due = Now() + delay;
	chunkPtr->length = (size_t) count;
	chunkPtr->sent = 0;
	if (wayPtr->firstPtr == NULL) {
	    wayPtr->firstPtr = chunkPtr;
	} else {
	    wayPtr->lastPtr->nextPtr = chunkPtr;
	}
	wayPtr->lastPtr = chunkPtr;
	wayPtr->queued += (size_t) count;
	if (count < CHUNK) {
	    return true;
	}
    }
    return true;
}

/* Hands on what is old enough. False: the link is broken. */
static bool
Give(Way *wayPtr, uint64_t now)
{
    while (wayPtr->firstPtr != NULL && wayPtr->firstPtr->due <= now) {
	Chunk *chunkPtr = wayPtr->firstPtr;
	ssize_t count = send(wayPtr->to, chunkPtr->bytes + chunkPtr->sent,
		chunkPtr->length - chunkPtr->sent, MSG_NOSIGNAL);

	if (count < 0) {
	    wayPtr->full = errno == EAGAIN || errno == ENOTCONN;
	    return wayPtr->full || errno == EINTR;
	}
	chunkPtr->sent += (size_t) count;
	wayPtr->queued -= (size_t) count;
	if (chunkPtr->sent < chunkPtr->length) {
	    continue;
	}
	wayPtr->firstPtr = chunkPtr->nextPtr;
	free(chunkPtr);
    }
    if (wayPtr->firstPtr == NULL && wayPtr->ended && !wayPtr->closed
	    && wayPtr->endDue <= now) {
	shutdown(wayPtr->to, SHUT_WR);
	wayPtr->closed = true;
    }
    return true;
}

/* Lowers *whenPtr to the time at which this direction has something to do. */
static void
NextDue(const Way *wayPtr, uint64_t *whenPtr)
{
    uint64_t due = wayPtr->firstPtr != NULL ? wayPtr->firstPtr->due
	    : wayPtr->ended && !wayPtr->closed ? wayPtr->endDue : UINT64_MAX;

    if (!wayPtr->full && due < *whenPtr) {
	*whenPtr = due;
    }
}

/*
 * One turn: waits for input, for a receiver that was full, or for the next
 * chunk to be old enough, and does what is to be done. False: it is over.
 */
static bool
Turn(Link *links, int listener, uint64_t delay, const char *address, int port)
{
    struct pollfd polls[2 + 2 * MAX_LINKS];
    uint64_t now = Now(), when = UINT64_MAX;
    struct timespec timeout, *timeoutPtr = NULL;
    nfds_t n = 2;

    polls[0] = (struct pollfd) {0, POLLIN, 0};
    polls[1] = (struct pollfd) {listener, POLLIN, 0};
    for (Link *linkPtr = links; linkPtr < links + MAX_LINKS; linkPtr++) {
	for (int i = 0; linkPtr->used && i < 2; i++) {
	    const Way *inPtr = &linkPtr->ways[i];
	    const Way *outPtr = &linkPtr->ways[1 - i];

	    NextDue(inPtr, &when);
	    /* A half that has ended is not asked: poll would not wait. */
	    polls[n++] = (struct pollfd) {
		inPtr->ended && !outPtr->full ? -1 : inPtr->from,
		(short) ((!inPtr->ended && inPtr->queued < QUEUE_MAX
			? POLLIN : 0) | (outPtr->full ? POLLOUT : 0)), 0};
	}
    }
    if (when != UINT64_MAX) {
	uint64_t left = when > now ? when - now : 0;

	timeout.tv_sec = (time_t) (left / 1000000000u);
	timeout.tv_nsec = (long) (left % 1000000000u);
	timeoutPtr = &timeout;
    }
    if (ppoll(polls, n, timeoutPtr, NULL) < 0 && errno != EINTR) {
	return false;
    }
    if (polls[0].revents != 0) {
	char byte;

	if (read(0, &byte, 1) <= 0) {
	    return false;
	}
    }
    n = 2;
    for (Link *linkPtr = links; linkPtr < links + MAX_LINKS; linkPtr++) {
	bool ok = true;

	if (!linkPtr->used) {
	    continue;
	}
	for (int i = 0; i < 2; i++) {
	    short seen = polls[n++].revents;

	    if (seen & (POLLOUT | POLLERR | POLLHUP)) {
		linkPtr->ways[1 - i].full = false;
	    }
	    if (seen & (POLLIN | POLLERR | POLLHUP)) {
		ok = ok && Take(&linkPtr->ways[i], delay);
	    }
	}
	now = Now();
	for (int i = 0; i < 2; i++) {
	    ok = ok && (linkPtr->ways[i].full
		    || Give(&linkPtr->ways[i], now));
	}
	if (!ok || (linkPtr->ways[0].closed && linkPtr->ways[1].closed)) {
	    LinkClose(linkPtr);
	}
    }
    if (polls[1].revents != 0) {
	int client = accept4(listener, NULL, NULL,
		SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (client >= 0) {
	    LinkOpen(links, client, address, port);
	}
    }
    return true;
}

int
main(int argc, char **argv)
{
    static Link links[MAX_LINKS];
    struct sockaddr_in at;
    socklen_t length = sizeof at;
    uint64_t delay;
    int listener;

    if (argc != 5) {
	fprintf(stderr, "usage: relay DELAY-MS LISTEN-ADDRESS ADDRESS"
		" PORT\n");
	return 2;
    }
    delay = (uint64_t) (strtod(argv[1], NULL) * 1e6);
    listener = Socket(argv[2], 0, &at);
    if (bind(listener, (struct sockaddr *) &at, sizeof at) < 0
	    || listen(listener, 128) < 0
	    || getsockname(listener, (struct sockaddr *) &at, &length) < 0) {
	perror(argv[2]);
	return 1;
    }
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    while (Turn(links, listener, delay, argv[3], atoi(argv[4]))) {
	continue;
    }
    return 0;
}

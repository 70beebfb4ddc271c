/*
 * l2files.c -- the plain C libssh2 loops that files and streams are measured
 * against.
 *
 * usage: l2files MODE -p PORT -u USER -k KEYFILE -K HOSTKEY.pub ?-b BYTES?
 *		?-c CIPHERS? ?-n? ADDRESS ...
 *
 * Modes: get ADDRESS REMOTE LOCAL      one file by SFTP
 *        put ADDRESS LOCAL REMOTE
 *        down ADDRESS COMMAND          what the command prints is thrown away
 *        up ADDRESS COMMAND BYTES      so many zero bytes for its input
 *        pipe ADDRESS COMMAND ADDRESS COMMAND    of one into the other
 *
 * -b is what one call of libssh2 is given: for SFTP it makes the depth of the
 * pipeline, as libssh2 keeps four times so much under way when it reads, and
 * all of it when it writes. -n: non-blocking calls and poll; pipe has that
 * anyway. One line comes out, a Tcl dict: wall and cpu in ms are those of the
 * transfer alone, on connections that stand, until the last byte is known to
 * be there.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
#include <libssh2_sftp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Blocks between the two hosts of a pipe. */
#define PIPE_BLOCK 32768
#define PIPE_BLOCKS 32

typedef struct Options {
    const char *mode;
    int port;
    const char *user;
    const char *keyFile;
    const char *hostKeyFile;
    const char *ciphers;
    size_t size;                /* -b */
    bool poll;                  /* -n */
} Options;

typedef struct Conn {
    int fd;
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;   /* a command, or NULL */
} Conn;

static double
NowMs(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static double
CpuMs(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3
	    + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
	    / 1e3;
}

/* Tells why and ends the program. */
static void
Die(const Conn *connPtr, const char *what)
{
    char *message = NULL;

    if (connPtr != NULL && connPtr->session != NULL) {
	libssh2_session_last_error(connPtr->session, &message, NULL, 0);
    }
    fprintf(stderr, "l2files: %s: %s\n", what,
	    message != NULL && *message != '\0' ? message : strerror(errno));
    exit(1);
}

/* True: the call is to be made again, and the connection is ready for it. */
static bool
Again(const Conn *connPtr, ssize_t rc)
{
    struct pollfd poller = {connPtr->fd, 0, 0};
    int directions;

    if (rc != LIBSSH2_ERROR_EAGAIN) {
	return false;
    }
    directions = libssh2_session_block_directions(connPtr->session);
    poller.events = (short) (((directions & LIBSSH2_SESSION_BLOCK_OUTBOUND)
	    ? POLLOUT : 0) | ((directions & LIBSSH2_SESSION_BLOCK_INBOUND)
	    ? POLLIN : 0));
    poll(&poller, 1, 60000);
    return true;
}

/* Whether FILE's key is the one that the server shows. */
static bool
HostKeyMatches(const Conn *connPtr, const char *file)
{
    static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[4096] = "";
    size_t length, i, j = 0;
    unsigned bits = 0;
    int numBits = 0, type;
    const char *key = libssh2_session_hostkey(connPtr->session, &length,
	    &type);
    FILE *chan = fopen(file, "r");

    if (chan == NULL || fscanf(chan, "%*s %4095s", text) != 1) {
	Die(NULL, file);
    }
    fclose(chan);
    for (i = 0; text[i] != '\0' && strchr(digits, text[i]) != NULL; i++) {
	bits = bits << 6 | (unsigned) (strchr(digits, text[i]) - digits);
	numBits += 6;
	if (numBits >= 8) {
	    numBits -= 8;
	    if (j >= length || (unsigned char) key[j++]
		    != (unsigned char) (bits >> numBits)) {
		return false;
	    }
	}
    }
    return j > 0 && j == length;
}

static void
Connect(Conn *connPtr, const Options *optPtr, const char *address)
{
    struct sockaddr_in to;
    int one = 1;

    memset(&to, 0, sizeof to);
    memset(connPtr, 0, sizeof *connPtr);
    to.sin_family = AF_INET;
    to.sin_port = htons((unsigned short) optPtr->port);
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
	errno = EINVAL;
	Die(NULL, address);
    }
    connPtr->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connPtr->fd < 0
	    || connect(connPtr->fd, (struct sockaddr *) &to, sizeof to) < 0) {
	Die(NULL, address);
    }
    setsockopt(connPtr->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connPtr->session = libssh2_session_init();
    if (connPtr->session == NULL) {
	Die(NULL, "session");
    }
    if (optPtr->ciphers != NULL
	    && (libssh2_session_method_pref(connPtr->session,
		    LIBSSH2_METHOD_CRYPT_CS, optPtr->ciphers) != 0
	    || libssh2_session_method_pref(connPtr->session,
		    LIBSSH2_METHOD_CRYPT_SC, optPtr->ciphers) != 0)) {
	Die(connPtr, optPtr->ciphers);
    }
    if (libssh2_session_handshake(connPtr->session, connPtr->fd) != 0) {
	Die(connPtr, "handshake");
    }
    if (!HostKeyMatches(connPtr, optPtr->hostKeyFile)) {
	Die(NULL, "wrong host key");
    }
    if (libssh2_userauth_publickey_fromfile(connPtr->session, optPtr->user,
	    NULL, optPtr->keyFile, NULL) != 0) {
	Die(connPtr, "authentication");
    }
}

static void
SetPolling(Conn *connPtr)
{
    fcntl(connPtr->fd, F_SETFL, fcntl(connPtr->fd, F_GETFL) | O_NONBLOCK);
    libssh2_session_set_blocking(connPtr->session, 0);
}

static void
Exec(Conn *connPtr, const char *command)
{
    connPtr->channel = libssh2_channel_open_session(connPtr->session);
    if (connPtr->channel == NULL
	    || libssh2_channel_exec(connPtr->channel, command) != 0) {
	Die(connPtr, command);
    }
}

/* Waits for the end of the command, which must be a good one. */
static void
EndExec(Conn *connPtr)
{
    libssh2_session_set_blocking(connPtr->session, 1);
    if (libssh2_channel_close(connPtr->channel) != 0
	    || libssh2_channel_get_exit_status(connPtr->channel) != 0) {
	Die(connPtr, "the command failed");
    }
    libssh2_channel_free(connPtr->channel);
    connPtr->channel = NULL;
}

static void
Disconnect(Conn *connPtr)
{
    libssh2_session_set_blocking(connPtr->session, 1);
    libssh2_session_disconnect(connPtr->session, "done");
    libssh2_session_free(connPtr->session);
    close(connPtr->fd);
}

static char *
Buffer(size_t size)
{
    char *buffer = calloc(1, size);

    if (buffer == NULL) {
	Die(NULL, "memory");
    }
    return buffer;
}

static LIBSSH2_SFTP_HANDLE *
OpenRemote(Conn *connPtr, LIBSSH2_SFTP **sftpPtr, const char *path,
	unsigned long flags)
{
    LIBSSH2_SFTP_HANDLE *handle;

    *sftpPtr = libssh2_sftp_init(connPtr->session);
    if (*sftpPtr == NULL) {
	Die(connPtr, "sftp");
    }
    handle = libssh2_sftp_open(*sftpPtr, path, flags, 0644);
    if (handle == NULL) {
	Die(connPtr, path);
    }
    return handle;
}

static uint64_t
Get(Conn *connPtr, const Options *optPtr, const char *remote,
	const char *local)
{
    LIBSSH2_SFTP *sftp;
    LIBSSH2_SFTP_HANDLE *handle = OpenRemote(connPtr, &sftp, remote,
	    LIBSSH2_FXF_READ);
    char *buffer = Buffer(optPtr->size);
    int fd = open(local, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    uint64_t total = 0;
    ssize_t count;

    if (fd < 0) {
	Die(NULL, local);
    }
    if (optPtr->poll) {
	SetPolling(connPtr);
    }
    for (;;) {
	do {
	    count = libssh2_sftp_read(handle, buffer, optPtr->size);
	} while (Again(connPtr, count));
	if (count < 0) {
	    Die(connPtr, remote);
	}
	if (count == 0) {
	    break;
	}
	if (write(fd, buffer, (size_t) count) != count) {
	    Die(NULL, local);
	}
	total += (uint64_t) count;
    }
    libssh2_session_set_blocking(connPtr->session, 1);
    libssh2_sftp_close(handle);
    libssh2_sftp_shutdown(sftp);
    close(fd);
    free(buffer);
    return total;
}

static uint64_t
Put(Conn *connPtr, const Options *optPtr, const char *local,
	const char *remote)
{
    LIBSSH2_SFTP *sftp;
    LIBSSH2_SFTP_HANDLE *handle = OpenRemote(connPtr, &sftp, remote,
	    LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT | LIBSSH2_FXF_TRUNC);
    int fd = open(local, O_RDONLY | O_CLOEXEC);
    struct stat info;
    uint64_t done = 0, size;
    char *bytes;

    if (fd < 0 || fstat(fd, &info) < 0) {
	Die(NULL, local);
    }
    size = (uint64_t) info.st_size;
    bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
	Die(NULL, local);
    }
    if (optPtr->poll) {
	SetPolling(connPtr);
    }
    while (done < size) {
	size_t left = (size_t) (size - done);
	ssize_t count;

	/* It sends all that it is given and has not sent yet, and returns
	 * once some of it is acknowledged. */
	do {
	    count = libssh2_sftp_write(handle, bytes + done,
		    left < optPtr->size ? left : optPtr->size);
	} while (Again(connPtr, count));
	if (count < 0) {
	    Die(connPtr, remote);
	}
	done += (uint64_t) count;
    }
    libssh2_session_set_blocking(connPtr->session, 1);
    libssh2_sftp_close(handle);
    libssh2_sftp_shutdown(sftp);
    munmap(bytes, size);
    close(fd);
    return done;
}

static uint64_t
Down(Conn *connPtr, const Options *optPtr, const char *command)
{
    char *buffer = Buffer(optPtr->size);
    uint64_t total = 0;
    ssize_t count;

    Exec(connPtr, command);
    if (optPtr->poll) {
	SetPolling(connPtr);
    }
    for (;;) {
	do {
	    count = libssh2_channel_read(connPtr->channel, buffer,
		    optPtr->size);
	} while (Again(connPtr, count));
	if (count < 0) {
	    Die(connPtr, command);
	}
	if (count == 0 && libssh2_channel_eof(connPtr->channel)) {
	    break;
	}
	total += (uint64_t) count;
    }
    EndExec(connPtr);
    free(buffer);
    return total;
}

static uint64_t
Up(Conn *connPtr, const Options *optPtr, const char *command, uint64_t size)
{
    char *buffer = Buffer(optPtr->size);
    uint64_t done = 0;

    Exec(connPtr, command);
    if (optPtr->poll) {
	SetPolling(connPtr);
    }
    while (done < size) {
	uint64_t left = size - done;
	ssize_t count;

	do {
	    count = libssh2_channel_write(connPtr->channel, buffer,
		    left < optPtr->size ? (size_t) left : optPtr->size);
	} while (Again(connPtr, count));
	if (count < 0) {
	    Die(connPtr, command);
	}
	done += (uint64_t) count;
    }
    libssh2_session_set_blocking(connPtr->session, 1);
    libssh2_channel_send_eof(connPtr->channel);
    EndExec(connPtr);
    free(buffer);
    return done;
}

/* Reads in blocks of one size, as libssh2 wants, into a ring of them. */
static uint64_t
Pipe(Conn *fromPtr, const char *fromCommand, Conn *toPtr,
	const char *toCommand)
{
    char *ring = Buffer((size_t) PIPE_BLOCK * PIPE_BLOCKS);
    size_t lengths[PIPE_BLOCKS] = {0}, sent = 0;
    unsigned first = 0, last = 0;
    uint64_t total = 0;
    bool ended = false;

    Exec(fromPtr, fromCommand);
    Exec(toPtr, toCommand);
    SetPolling(fromPtr);
    SetPolling(toPtr);
    while (!ended || first != last) {
	struct pollfd pollers[2] = {{fromPtr->fd, POLLIN, 0},
	    {toPtr->fd, POLLIN, 0}};
	bool progress = false;
	ssize_t count;

	if (!ended && last - first < PIPE_BLOCKS) {
	    count = libssh2_channel_read(fromPtr->channel,
		    ring + (size_t) (last % PIPE_BLOCKS) * PIPE_BLOCK,
		    PIPE_BLOCK);
	    if (count < 0 && count != LIBSSH2_ERROR_EAGAIN) {
		Die(fromPtr, fromCommand);
	    }
	    if (count > 0) {
		lengths[last++ % PIPE_BLOCKS] = (size_t) count;
		total += (uint64_t) count;
		progress = true;
	    } else if (count == 0 && libssh2_channel_eof(fromPtr->channel)) {
		ended = true;
		progress = true;
	    }
	}
	if (first != last) {
	    unsigned slot = first % PIPE_BLOCKS;

	    count = libssh2_channel_write(toPtr->channel,
		    ring + (size_t) slot * PIPE_BLOCK + sent,
		    lengths[slot] - sent);
	    if (count < 0 && count != LIBSSH2_ERROR_EAGAIN) {
		Die(toPtr, toCommand);
	    }
	    if (count > 0) {
		sent += (size_t) count;
		if (sent == lengths[slot]) {
		    first++;
		    sent = 0;
		}
		progress = true;
	    }
	}
	if (progress) {
	    continue;
	}
	if (last - first == PIPE_BLOCKS) {
	    pollers[0].fd = -1;
	}
	if (libssh2_session_block_directions(fromPtr->session)
		& LIBSSH2_SESSION_BLOCK_OUTBOUND) {
	    pollers[0].events |= POLLOUT;
	}
	if (libssh2_session_block_directions(toPtr->session)
		& LIBSSH2_SESSION_BLOCK_OUTBOUND) {
	    pollers[1].events |= POLLOUT;
	}
	if (poll(pollers, 2, 60000) == 0) {
	    Die(NULL, "nothing happens");
	}
    }
    EndExec(fromPtr);
    libssh2_session_set_blocking(toPtr->session, 1);
    libssh2_channel_send_eof(toPtr->channel);
    EndExec(toPtr);
    free(ring);
    return total;
}

static int
Usage(void)
{
    fprintf(stderr, "usage: l2files get|put|down|up|pipe -p PORT -u USER"
	    " -k KEYFILE -K HOSTKEY.pub ?-b BYTES? ?-c CIPHERS? ?-n?"
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
    optPtr->size = 1 << 20;
    if (argc < 2) {
	return false;
    }
    optPtr->mode = argv[1];
    optind = 2;
    while ((c = getopt(argc, argv, "p:u:k:K:b:c:n")) != -1) {
	switch (c) {
	case 'p': optPtr->port = atoi(optarg); break;
	case 'u': optPtr->user = optarg; break;
	case 'k': optPtr->keyFile = optarg; break;
	case 'K': optPtr->hostKeyFile = optarg; break;
	case 'b': optPtr->size = strtoul(optarg, NULL, 10); break;
	case 'c': optPtr->ciphers = optarg; break;
	case 'n': optPtr->poll = true; break;
	default: return false;
	}
    }
    return optPtr->keyFile != NULL && optPtr->hostKeyFile != NULL
	    && optPtr->size > 0;
}

int
main(int argc, char **argv)
{
    Options options;
    Conn conn, sink;
    uint64_t bytes;
    double start, cpu;
    char **words;
    int count;
    bool twoHosts;

    if (!ParseOptions(&options, argc, argv)) {
	return Usage();
    }
    words = argv + optind;
    count = argc - optind;
    twoHosts = strcmp(options.mode, "pipe") == 0;
    if (count != (twoHosts ? 4 : strcmp(options.mode, "down") == 0 ? 2 : 3)
	    || libssh2_init(0) != 0) {
	return Usage();
    }
    Connect(&conn, &options, words[0]);
    if (twoHosts) {
	Connect(&sink, &options, words[2]);
    }
    start = NowMs();
    cpu = CpuMs();
    if (strcmp(options.mode, "get") == 0) {
	bytes = Get(&conn, &options, words[1], words[2]);
    } else if (strcmp(options.mode, "put") == 0) {
	bytes = Put(&conn, &options, words[1], words[2]);
    } else if (strcmp(options.mode, "down") == 0) {
	bytes = Down(&conn, &options, words[1]);
    } else if (strcmp(options.mode, "up") == 0) {
	bytes = Up(&conn, &options, words[1],
		strtoull(words[2], NULL, 10));
    } else if (twoHosts) {
	bytes = Pipe(&conn, words[1], &sink, words[3]);
    } else {
	return Usage();
    }
    printf("mode %s libssh2 %s cipher %s mac %s bytes %llu wall %.3f"
	    " cpu %.3f\n", options.mode, libssh2_version(0),
	    libssh2_session_methods(conn.session, LIBSSH2_METHOD_CRYPT_SC),
	    libssh2_session_methods(conn.session, LIBSSH2_METHOD_MAC_SC),
	    (unsigned long long) bytes, NowMs() - start, CpuMs() - cpu);
    Disconnect(&conn);
    if (twoHosts) {
	Disconnect(&sink);
    }
    return 0;
}

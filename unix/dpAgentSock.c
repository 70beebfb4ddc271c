/*
 * dpAgentSock.c -- the stream socket of an agent, without blocking.
 *
 * Layer L1.
 */

#include "dpAgentSock.h"
#include "dpPoll.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef MSG_NOSIGNAL
#   define SEND_FLAGS MSG_NOSIGNAL
#else
#   define SEND_FLAGS 0
#endif

/* A socket that neither blocks nor is inherited, in *fdPtr. */
static int
NewSocket(int *fdPtr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0) {
	return errno;
    }
    fd = DpFdRaise(fd);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
	int result = errno;

	close(fd);
	return result;
    }
#ifdef SO_NOSIGPIPE
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int) {1}, sizeof(int));
#endif
    *fdPtr = fd;
    return 0;
}

int
DpAgentSockOpen(const char *path, int *fdPtr)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int result;

    if (strlen(path) >= sizeof(address.sun_path)) {
	return ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path));
    result = NewSocket(fdPtr);
    if (result != 0) {
	return result;
    }
    if (connect(*fdPtr, (struct sockaddr *) &address, sizeof(address)) == 0) {
	return 0;
    }

    /* A connect that a signal interrupts goes on by itself. */
    result = errno == EINTR ? EINPROGRESS : errno;
    if (result != EINPROGRESS) {
	close(*fdPtr);
	*fdPtr = -1;
    }
    return result;
}

int
DpAgentSockResult(int fd)
{
    int result = 0;
    socklen_t length = sizeof(result);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &length) != 0) {
	return errno;
    }
    return result;
}

int
DpAgentSockSend(int fd, const void *bytes, size_t length, size_t *countPtr)
{
    ssize_t count;

    do {
	count = send(fd, bytes, length, SEND_FLAGS);
    } while (count < 0 && errno == EINTR);
    *countPtr = count > 0 ? (size_t) count : 0;
    return count >= 0 ? 0 : errno == EWOULDBLOCK ? EAGAIN : errno;
}

int
DpAgentSockReceive(int fd, void *bytes, size_t size, size_t *countPtr)
{
    ssize_t count;

    do {
	count = recv(fd, bytes, size, 0);
    } while (count < 0 && errno == EINTR);
    *countPtr = count > 0 ? (size_t) count : 0;
    return count >= 0 ? 0 : errno == EWOULDBLOCK ? EAGAIN : errno;
}

void
DpAgentSockClose(int fd)
{
    close(fd);
}

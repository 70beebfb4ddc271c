/*
 * dpEditFile.c -- the file of a history, to which several processes append.
 *
 * Layer L2. The lock is on the file itself. Whoever makes it shorter puts another
 * one in its place, so that who has waited for the lock looks whether it still is
 * the file.
 */

#include "dpEditFile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A lock is held for a moment; who hangs with it is not waited for (ms). */
#define LOCK_MS 200

/* Below that nobody counts lines; above it the oldest go whatever their number. */
#define SIZE_SMALL (64 * 1024)
#define SIZE_MAX_KEPT (1024 * 1024)

static void
Lock(int fd)
{
    const struct timespec moment = {0, 1000000};

    for (int i = 0; i < LOCK_MS && flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
	nanosleep(&moment, NULL);
    }
}

/* The file, locked; -1 with errno. */
static int
OpenLocked(const char *path)
{
    struct stat ours, now;
    int fd;

    for (int i = 0; i < 100; i++) {
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK
		| O_NOCTTY, 0600);
	if (fd < 0) {
	    return -1;
	}
	Lock(fd);
	if (fstat(fd, &ours) == 0 && stat(path, &now) == 0
		&& ours.st_ino == now.st_ino && ours.st_dev == now.st_dev) {
	    if (!S_ISREG(ours.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	    }
	    return fd;
	}
	close(fd);
    }
    errno = EAGAIN;
    return -1;
}

/* 0 or an errno. */
static int
WriteAll(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
	ssize_t written = write(fd, bytes, count);

	if (written < 0 && errno != EINTR) {
	    return errno;
	}
	if (written > 0) {
	    bytes += written;
	    count -= (size_t) written;
	}
    }
    return 0;
}

/* Puts what is to be kept of bytes in the place of the file. */
static void
Replace(const char *path, const char *bytes, size_t count)
{
    size_t length = strlen(path);
    char *other = DpAlloc(length + 32);
    int fd;

    snprintf(other, length + 32, "%s.%ld", path, (long) getpid());
    fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
	bool written = WriteAll(fd, bytes, count) == 0;

	written = close(fd) == 0 && written;
	if (!written || rename(other, path) != 0) {
	    unlink(other);
	}
    }
    DpFree(other);
}

/* Leaves the last lines, where there are a quarter more. */
static void
Shorten(int fd, const char *path, size_t maxLines)
{
    struct stat info;
    size_t size, got = 0, lines = 0, at;
    char *bytes;

    if (fstat(fd, &info) != 0 || info.st_size < SIZE_SMALL
	    || info.st_size > 64 * SIZE_MAX_KEPT) {
	return;
    }
    size = (size_t) info.st_size;
    bytes = DpAlloc(size);
    while (got < size) {
	ssize_t count = pread(fd, bytes + got, size - got, (off_t) got);

	if (count <= 0) {
	    break;
	}
	got += (size_t) count;
    }
    for (size_t i = 0; i < got; i++) {
	lines += bytes[i] == '\n';
    }
    if (got == size && (lines > maxLines + maxLines / 4
	    || size > 2 * SIZE_MAX_KEPT)) {
	lines = 0;
	for (at = size - 1; at > 0; at--) {
	    if (bytes[at - 1] == '\n' && (++lines >= maxLines
		    || size - at > SIZE_MAX_KEPT)) {
		break;
	    }
	}
	Replace(path, bytes + at, size - at);
    }
    DpFree(bytes);
}

int
DpEditFileAppend(const char *path, const void *bytes, size_t count,
	size_t maxLines)
{
    int fd = OpenLocked(path), error;

    if (fd < 0) {
	return errno;
    }
    error = WriteAll(fd, bytes, count);
    if (error == 0) {
	Shorten(fd, path, maxLines);
    }
    close(fd);
    return error;
}

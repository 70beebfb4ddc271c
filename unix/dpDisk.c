/*
 * dpDisk.c -- small local files, read whole or appended to by lines.
 *
 * Layer L1.
 */

#include "dpDisk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE (16 * 1024)

/* How often and how long to wait for the lock of an append. */
#define LOCK_TRIES 100
#define LOCK_NANOSECONDS (2 * 1000 * 1000)

static void
FillStamp(DpDiskStamp *stampPtr, const struct stat *statPtr)
{
    memset(stampPtr, 0, sizeof(*stampPtr));
    stampPtr->modified[0] = statPtr->st_mtim.tv_sec;
    stampPtr->modified[1] = statPtr->st_mtim.tv_nsec;
    stampPtr->changed[0] = statPtr->st_ctim.tv_sec;
    stampPtr->changed[1] = statPtr->st_ctim.tv_nsec;
    stampPtr->size = statPtr->st_size;
    stampPtr->inode = statPtr->st_ino;
    stampPtr->device = statPtr->st_dev;
}

int
DpDiskTooOpen(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)
	    || info.st_uid != getuid() || (info.st_mode & 077) == 0) {
	return 0;
    }
    return (int) (info.st_mode & 0777);
}

int
DpDiskStat(const char *path, DpDiskStamp *stampPtr)
{
    struct stat info;

    if (stat(path, &info) != 0) {
	return errno;
    }
    FillStamp(stampPtr, &info);
    return 0;
}

/* Reads descriptor fd to its end; at most max bytes. */
static int
ReadAll(int fd, size_t expected, size_t max, DpBuf *bufPtr)
{
    size_t total = 0;

    for (;;) {
	/*
	 * All of it is reserved at once, so that a secret is not left behind
	 * in blocks that the buffer has outgrown.
	 */
	size_t room = total < expected ? expected - total + 1 : READ_SIZE;
	ssize_t count = read(fd, DpBufReserve(bufPtr, room), room);

	if (count < 0 && errno == EINTR) {
	    continue;
	}
	if (count < 0) {
	    return errno == EAGAIN ? EINVAL : errno;
	}
	if (count == 0) {
	    return 0;
	}
	DpBufAdded(bufPtr, (size_t) count);
	total += (size_t) count;
	if (total > max) {
	    return EFBIG;
	}
    }
}

int
DpDiskRead(const char *path, size_t max, DpBuf *bufPtr,
	DpDiskStamp *stampPtr)
{
    /* O_NONBLOCK: to open a FIFO without a writer would wait for one. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat info;
    size_t before = DpBufLength(bufPtr);
    int result = 0;

    if (fd < 0) {
	return errno;
    }
    if (fstat(fd, &info) != 0) {
	result = errno;
    } else if (S_ISDIR(info.st_mode)) {
	result = EISDIR;
    } else if (!S_ISREG(info.st_mode)
	    && (!S_ISCHR(info.st_mode) || isatty(fd))) {
	/* Among the devices, /dev/null is much used as an empty file. */
	result = EINVAL;
    } else if (info.st_size > 0 && (uintmax_t) info.st_size > max) {
	result = EFBIG;
    } else {
	result = ReadAll(fd, (size_t) info.st_size, max, bufPtr);
    }
    close(fd);
    if (result != 0) {
	bufPtr->end = bufPtr->start + before;
    } else if (stampPtr != NULL) {
	FillStamp(stampPtr, &info);
    }
    return result;
}

/* Opens path for appending; makes it and its directory. */
static int
OpenAppend(const char *path, int *fdPtr)
{
    const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY
	    | O_NONBLOCK;
    const char *slash = strrchr(path, '/');
    int result;

    *fdPtr = open(path, flags, 0600);
    if (*fdPtr < 0 && errno == ENOENT && slash != NULL && slash != path) {
	char *directory = DpStrdup(path);

	directory[slash - path] = '\0';
	result = mkdir(directory, 0700) != 0 ? errno : 0;
	DpFree(directory);
	if (result != 0 && result != EEXIST) {
	    return result;
	}
	*fdPtr = open(path, flags, 0600);
    }
    return *fdPtr < 0 ? errno : 0;
}

/*
 * Takes the lock of a file that is open. A lock that somebody keeps is not
 * waited for: the single write with O_APPEND is nearly as good.
 */
static void
LockFile(int fd)
{
    const struct timespec pause = {0, LOCK_NANOSECONDS};

    for (int i = 0; i < LOCK_TRIES; i++) {
	if (flock(fd, LOCK_EX | LOCK_NB) == 0
		|| (errno != EWOULDBLOCK && errno != EINTR)) {
	    return;
	}
	nanosleep(&pause, NULL);
    }
}

int
DpDiskAppendLine(const char *path, const char *line, size_t length)
{
    struct stat info;
    DpBuf out = {0};
    char last;
    ssize_t count;
    int fd, result;

    result = OpenAppend(path, &fd);
    if (result != 0) {
	return result;
    }
    LockFile(fd);
    if (fstat(fd, &info) != 0) {
	result = errno;
	goto done;
    }
    if (info.st_size > 0 && pread(fd, &last, 1, info.st_size - 1) == 1
	    && last != '\n') {
	DpBufAppend(&out, "\n", 1);
    }
    DpBufAppend(&out, line, length);
    do {
	count = write(fd, DpBufData(&out), DpBufLength(&out));
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
	result = errno;
    } else if ((size_t) count < DpBufLength(&out)) {
	/* Half a line would spoil the next one. */
	result = ftruncate(fd, info.st_size) != 0 ? errno : ENOSPC;
    }

done:
    DpBufFree(&out);
    close(fd);
    return result;
}

void
DpDiskError(DpError *errPtr, int errorNumber, const char *slug,
	const char *path, const char *what)
{
    char code[sizeof(errPtr->code)];

    errno = errorNumber;
    snprintf(code, sizeof(code), "FILE %s", Tcl_ErrnoId());
    DpErrorSet(errPtr, code, "cannot %s \"%s\": %s", what, path,
	    Tcl_ErrnoMsg(errorNumber));
    DpErrorAddData(errPtr, slug);
    DpErrorAddData(errPtr, path);
}

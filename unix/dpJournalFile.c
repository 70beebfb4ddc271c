/*
 * dpJournalFile.c -- a file that one process writes and others may read.
 *
 * Layer L1.
 */

#include "dpJournalFile.h"

#include "dpPoll.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The first directory may have other rights already; new ones are private. */
static int
MakeDirectories(const char *directory)
{
    char *path = DpStrdup(directory);
    int result = 0;

    for (char *slash = strchr(path + 1, '/'); result == 0;
	    slash = strchr(slash + 1, '/')) {
	if (slash != NULL) {
	    *slash = '\0';
	}
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
	    struct stat info;
	    int why = errno;

	    /* A directory on a read-only disk is EROFS, and there. */
	    result = stat(path, &info) == 0 ? 0 : why;
	}
	if (slash == NULL) {
	    break;
	}
	*slash = '/';
    }
    DpFree(path);
    return result;
}

static int
Lock(int fd, int command, struct flock *lockPtr)
{
    memset(lockPtr, 0, sizeof(*lockPtr));
    lockPtr->l_type = F_WRLCK;
    lockPtr->l_whence = SEEK_SET;
    return fcntl(fd, command, lockPtr) == 0 ? 0 : errno;
}

int
DpJournalFileMake(const char *directory, const char *name, int *fdPtr)
{
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY;
    size_t length = strlen(directory) + strlen(name) + 2;
    char *path = DpAlloc(length);
    struct flock lock;
    int fd, result = 0;

    snprintf(path, length, "%s/%s", directory, name);
    fd = open(path, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
	result = MakeDirectories(directory);
	if (result == 0) {
	    fd = open(path, flags, 0600);
	}
    }
    if (fd < 0 && result == 0) {
	result = errno;
    }
    if (fd >= 0) {
	*fdPtr = DpFdRaise(fd);
#ifdef F_OFD_SETLK
	/* Without locks, as on some network file systems, it is still of use. */
	(void) Lock(*fdPtr, F_OFD_SETLK, &lock);
#else
	(void) Lock(*fdPtr, F_SETLK, &lock);
#endif
    }
    DpFree(path);
    return result;
}

int
DpJournalFileWrite(int fd, const void *bytes, size_t count)
{
    const char *from = bytes;
    size_t done = 0;
    off_t begin;

    while (done < count) {
	ssize_t written = write(fd, from + done, count - done);

	if (written > 0) {
	    done += (size_t) written;
	} else if (written == 0 || errno != EINTR) {
	    int result = written == 0 ? ENOSPC : errno;

	    /* Half a record at the end would be no harm, but is no use. */
	    begin = lseek(fd, 0, SEEK_CUR);
	    if (done > 0 && begin >= 0 && ftruncate(fd, begin - (off_t) done)
		    == 0) {
		(void) lseek(fd, begin - (off_t) done, SEEK_SET);
	    }
	    return result;
	}
    }
    return 0;
}

int
DpJournalFilePatch(int fd, size_t offset, const void *bytes, size_t count)
{
    ssize_t written = pwrite(fd, bytes, count, (off_t) offset);

    return written < 0 ? errno : (size_t) written < count ? ENOSPC : 0;
}

void
DpJournalFileClose(int fd)
{
    close(fd);
}

/* Whether the file, found from an open directory or AT_FDCWD, is being written. */
static int
IsOpenAt(int directory, const char *path, bool *isOpenPtr)
{
    /* O_NONBLOCK: to open a FIFO without a writer would wait for one. */
    int fd = openat(directory, path,
	    O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct flock lock;
    int result;

    *isOpenPtr = false;
    if (fd < 0) {
	return errno;
    }
#ifdef F_OFD_GETLK
    result = Lock(fd, F_OFD_GETLK, &lock);
#else
    result = Lock(fd, F_GETLK, &lock);
#endif
    *isOpenPtr = result == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return result;
}

int
DpJournalFileIsOpen(const char *path, bool *isOpenPtr)
{
    return IsOpenAt(AT_FDCWD, path, isOpenPtr);
}

typedef char Name[DP_JOURNAL_FILE];

/* YYYYMMDD-HHMMSS-NNNNNN.jsonl */
static bool
IsName(const char *name)
{
    static const char form[] = "99999999-999999-999999.jsonl";
    size_t at = 0;

    for (; name[at] != '\0' && form[at] != '\0'; at++) {
	if (form[at] == '9' ? name[at] < '0' || name[at] > '9'
		: name[at] != form[at]) {
	    return false;
	}
    }
    return name[at] == form[at];
}

static int
NewestFirst(const void *onePtr, const void *otherPtr)
{
    return -strcmp(onePtr, otherPtr);
}

/* The names of all journals of a directory, which are freed by who calls. */
static Name *
FindNames(DIR *directory, size_t *countPtr)
{
    Name *names = NULL;
    const struct dirent *entryPtr;
    size_t room = 0, count = 0;

    while ((entryPtr = readdir(directory)) != NULL) {
	if (!IsName(entryPtr->d_name)) {
	    continue;
	}
	if (count == room) {
	    room = room == 0 ? 256 : 2 * room;
	    names = DpRealloc(names, room * sizeof(*names));
	}
	memcpy(names[count++], entryPtr->d_name, strlen(entryPtr->d_name) + 1);
    }
    if (count > 1) {
	qsort(names, count, sizeof(*names), NewestFirst);
    }
    *countPtr = count;
    return names;
}

long
DpJournalFileTidy(const char *path, int64_t keep, int64_t size,
	const char *oldest)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    Name *names;
    size_t count;
    int64_t kept = 0, total = 0;
    long gone = 0;

    if (directory == NULL) {
	if (fd >= 0) {
	    close(fd);
	}
	return 0;
    }
    names = FindNames(directory, &count);
    for (size_t i = 0; i < count; i++) {
	struct stat info;
	bool isOpen;

	if (fstatat(fd, names[i], &info, AT_SYMLINK_NOFOLLOW) != 0
		|| !S_ISREG(info.st_mode)) {
	    continue;
	}
	kept++;
	total += (int64_t) info.st_size;
	if (kept <= keep && (total <= size || kept == 1)
		&& strcmp(names[i], oldest) >= 0) {
	    continue;
	}
	(void) IsOpenAt(fd, names[i], &isOpen);
	if (!isOpen && unlinkat(fd, names[i], 0) == 0) {
	    gone++;
	}
    }
    DpFree(names);
    closedir(directory);
    return gone;
}

void
DpJournalFileName(int64_t microseconds, char *name)
{
    time_t seconds = (time_t) (microseconds / 1000000);
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL
	    || strftime(name, DP_JOURNAL_NAME, "%Y%m%d-%H%M%S", &parts) == 0) {
	name[0] = '\0';
    }
}

long
DpJournalFilePid(void)
{
    return (long) getpid();
}

void
DpJournalFileMachine(char *name, size_t size)
{
    if (gethostname(name, size) != 0) {
	name[0] = '\0';
    }
    name[size - 1] = '\0';
    /* What is no name of a host could be anything. */
    for (char *at = name; *at != '\0'; at++) {
	if ((unsigned char) *at < 0x21 || (unsigned char) *at > 0x7e) {
	    *at = '_';
	}
    }
}

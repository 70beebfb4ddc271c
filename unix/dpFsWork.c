/*
 * dpFsWork.c -- one operation on a file of this machine, in a worker thread.
 *
 * Layer L2. Nothing here waits for a FIFO, a terminal or a lock.
 */

#include "dpFsWork.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#ifdef __linux__
#   include <sys/xattr.h>
#endif

/* A READ answers with no more than this, an answer of LIST has so many. */
#define READ_MAX (1024 * 1024)
#define LIST_MAX 1000

/*
 * Pieces of a large file: memory that is new each time costs more than the
 * copying into it, so what one has done with serves the next.
 */
#define SPARE_SIZE (256 * 1024)
#define SPARE_FROM (64 * 1024)

/* Memory for one piece; to be given to FreePiece. */
static void *
NewPiece(DpFsWork *workPtr, size_t count)
{
    DpFsFd *fdPtr = workPtr->fdPtr;

    if (fdPtr == NULL || count <= SPARE_FROM || count > SPARE_SIZE) {
	return DpRealloc(NULL, count);
    }
    workPtr->spare = true;
    for (int i = 0; i < DP_FS_SPARES; i++) {
	void *bytes = atomic_exchange(&fdPtr->spares[i], NULL);

	if (bytes != NULL) {
	    return bytes;
	}
    }
    return DpRealloc(NULL, SPARE_SIZE);
}

static void
FreePiece(DpFsWork *workPtr, void *bytes)
{
    for (int i = 0; workPtr->spare && bytes != NULL && i < DP_FS_SPARES; i++) {
	void *none = NULL;

	if (atomic_compare_exchange_strong(&workPtr->fdPtr->spares[i], &none,
		bytes)) {
	    return;
	}
    }
    DpFree(bytes);
}

void
DpFsFdDrop(DpFsFd *fdPtr)
{
    if (fdPtr == NULL || atomic_fetch_sub(&fdPtr->refCount, 1) > 1) {
	return;
    }
    if (fdPtr->fd >= 0) {
	close(fdPtr->fd);
    }
    for (int i = 0; i < DP_FS_SPARES; i++) {
	DpFree(fdPtr->spares[i]);
    }
    DpFree(fdPtr);
}

DpFsWork *
DpFsWorkNew(const DpFsRequest *requestPtr, DpFsFd *fdPtr)
{
    DpFsWork *workPtr = DpAlloc(sizeof(*workPtr));
    DpFsRequest *copyPtr = &workPtr->request;

    atomic_init(&workPtr->refCount, 1);
    *copyPtr = *requestPtr;
    copyPtr->filePtr = NULL;
    copyPtr->path = DpFsWorkPath(requestPtr->path);
    /* The text of a link is no path of ours. */
    copyPtr->path2 = requestPtr->kind == DP_FS_SYMLINK
	    ? DpStrdup(requestPtr->path2) : DpFsWorkPath(requestPtr->path2);
    copyPtr->bytes = NULL;
    if (fdPtr != NULL) {
	atomic_fetch_add(&fdPtr->refCount, 1);
	workPtr->fdPtr = fdPtr;
    }
    if (requestPtr->bytes != NULL) {
	void *bytes = NewPiece(workPtr, requestPtr->count);

	memcpy(bytes, requestPtr->bytes, requestPtr->count);
	copyPtr->bytes = bytes;
    }
    return workPtr;
}

void
DpFsWorkDrop(void *clientData)
{
    DpFsWork *workPtr = clientData;

    if (atomic_fetch_sub(&workPtr->refCount, 1) > 1) {
	return;
    }
    if (workPtr->dirPtr != NULL) {
	closedir(workPtr->dirPtr);
    }
    DpFree((char *) workPtr->request.path);
    DpFree((char *) workPtr->request.path2);
    FreePiece(workPtr, (void *) workPtr->request.bytes);
    FreePiece(workPtr, workPtr->bytes);
    DpFsFdDrop(workPtr->fdPtr);
    DpBufFree(&workPtr->names);
    DpFree(workPtr->entries);
    DpFree(workPtr);
}

char *
DpFsWorkPath(const char *path)
{
    char cwd[PATH_MAX];
    char *full;
    size_t size;

    /* The working directory may be another when the thread comes to it. */
    if (path == NULL || path[0] == '/' || path[0] == '\0'
	    || getcwd(cwd, sizeof(cwd)) == NULL) {
	return DpStrdup(path);
    }
    size = strlen(cwd) + strlen(path) + 2;
    full = DpAlloc(size);
    snprintf(full, size, "%s/%s", cwd, path);
    return full;
}

/* --- attributes --- */

static void
GetAttr(const struct stat *statPtr, DpFsAttr *attrPtr)
{
    memset(attrPtr, 0, sizeof(*attrPtr));
    attrPtr->has = DP_FS_SIZE | DP_FS_OWNER | DP_FS_MODE | DP_FS_TIMES
	    | DP_FS_INODE | DP_FS_CTIME;
    attrPtr->mode = statPtr->st_mode;
    attrPtr->uid = statPtr->st_uid;
    attrPtr->gid = statPtr->st_gid;
    attrPtr->size = (uint64_t) statPtr->st_size;
    attrPtr->atime = statPtr->st_atim.tv_sec;
    attrPtr->mtime = statPtr->st_mtim.tv_sec;
    attrPtr->ctime = statPtr->st_ctim.tv_sec;
    attrPtr->atimeNsec = (uint32_t) statPtr->st_atim.tv_nsec;
    attrPtr->mtimeNsec = (uint32_t) statPtr->st_mtim.tv_nsec;
    attrPtr->inode = statPtr->st_ino;
    attrPtr->device = statPtr->st_dev;
    attrPtr->nlink = statPtr->st_nlink;
}

static int
Stat(DpFsWork *workPtr)
{
    const char *path = workPtr->request.path;
    struct stat info;
    int rc;

    switch (workPtr->request.kind) {
    case DP_FS_FSTAT:
	rc = fstat(workPtr->fdPtr->fd, &info);
	break;
    case DP_FS_LSTAT:
	rc = lstat(path, &info);
	break;
    default:
	rc = stat(path, &info);
	break;
    }
    if (rc != 0) {
	return errno;
    }
    GetAttr(&info, &workPtr->attr);
    return 0;
}

static void
GetTimes(const DpFsAttr *attrPtr, struct timespec times[2])
{
    times[0].tv_sec = (time_t) attrPtr->atime;
    times[0].tv_nsec = attrPtr->atimeNsec;
    times[1].tv_sec = (time_t) attrPtr->mtime;
    times[1].tv_nsec = attrPtr->mtimeNsec;
}

/*
 * Sets what attrPtr has, of path (fd -1) or of fd. In an order in which nothing
 * undoes what came before: a new owner costs the set-uid bits, new contents
 * the times.
 */
static int
SetAttr(int fd, const char *path, const DpFsAttr *attrPtr, bool noFollow)
{
    const int flags = noFollow ? AT_SYMLINK_NOFOLLOW : 0;
    struct timespec times[2];

    if ((attrPtr->has & DP_FS_SIZE)
	    && (fd >= 0 ? ftruncate(fd, (off_t) attrPtr->size)
		: noFollow ? (errno = ENOTSUP, -1)
		: truncate(path, (off_t) attrPtr->size)) != 0) {
	return errno;
    }
    if ((attrPtr->has & DP_FS_OWNER)
	    && (fd >= 0 ? fchown(fd, attrPtr->uid, attrPtr->gid)
		: fchownat(AT_FDCWD, path, attrPtr->uid, attrPtr->gid, flags))
		!= 0) {
	return errno;
    }
    if ((attrPtr->has & DP_FS_MODE)
	    && (fd >= 0 ? fchmod(fd, attrPtr->mode & 07777)
		: fchmodat(AT_FDCWD, path, attrPtr->mode & 07777, flags))
		!= 0) {
	return errno;
    }
    if (attrPtr->has & DP_FS_TIMES) {
	GetTimes(attrPtr, times);
	if ((fd >= 0 ? futimens(fd, times)
		: utimensat(AT_FDCWD, path, times, flags)) != 0) {
	    return errno;
	}
    }
    return 0;
}

static int
Space(DpFsWork *workPtr)
{
    DpFsSpace *spacePtr = &workPtr->space;
    struct statvfs info;

    if (statvfs(workPtr->request.path, &info) != 0) {
	return errno;
    }
    spacePtr->blockSize = info.f_bsize;
    spacePtr->fragmentSize = info.f_frsize;
    spacePtr->blocks = info.f_blocks;
    spacePtr->free = info.f_bfree;
    spacePtr->available = info.f_bavail;
    spacePtr->files = info.f_files;
    spacePtr->filesFree = info.f_ffree;
    spacePtr->filesAvailable = info.f_favail;
    spacePtr->id = info.f_fsid;
    spacePtr->flags = info.f_flag;
    spacePtr->nameMax = info.f_namemax;
    return 0;
}

/* --- directories and names --- */

static int
List(DpFsWork *workPtr)
{
    struct dirent *direntPtr;
    struct stat info;
    size_t offset = 0;

    workPtr->more = false;
    workPtr->numEntries = 0;
    DpBufConsume(&workPtr->names, DpBufLength(&workPtr->names));
    if (workPtr->dirPtr == NULL) {
	workPtr->dirPtr = opendir(workPtr->request.path);
	if (workPtr->dirPtr == NULL) {
	    return errno;
	}
	workPtr->entries = DpRealloc(NULL,
		LIST_MAX * sizeof(*workPtr->entries));
    }
    while (errno = 0, (direntPtr = readdir(workPtr->dirPtr)) != NULL) {
	const char *name = direntPtr->d_name;
	DpFsEntry *entryPtr = &workPtr->entries[workPtr->numEntries];

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
	    continue;
	}
	if (fstatat(dirfd(workPtr->dirPtr), name, &info,
		AT_SYMLINK_NOFOLLOW) == 0) {
	    GetAttr(&info, &entryPtr->attr);
	} else if (errno == ENOENT) {
	    /* It went away meanwhile. */
	    continue;
	} else {
	    memset(&entryPtr->attr, 0, sizeof(entryPtr->attr));
	}
	DpBufAppend(&workPtr->names, name, strlen(name) + 1);
	if (++workPtr->numEntries == LIST_MAX) {
	    workPtr->more = true;
	    break;
	}
    }
    if (direntPtr == NULL && errno != 0) {
	return errno;
    }
    /* Only now do the names stay where they are. */
    for (int i = 0; i < workPtr->numEntries; i++) {
	workPtr->entries[i].name = (char *) DpBufData(&workPtr->names)
		+ offset;
	offset += strlen(workPtr->entries[i].name) + 1;
    }
    return 0;
}

static int
ReadLink(DpFsWork *workPtr)
{
    char text[PATH_MAX];
    ssize_t length = readlink(workPtr->request.path, text, sizeof(text) - 1);

    if (length < 0) {
	return errno;
    }
    text[length] = '\0';
    workPtr->bytes = (unsigned char *) DpStrdup(text);
    workPtr->count = (size_t) length;
    return 0;
}

/* As OpenSSH's server does it the last part of the path may be missing. */
static int
RealPath(DpFsWork *workPtr)
{
    const char *path = workPtr->request.path;
    char resolved[PATH_MAX];
    char *full, *parent, *slash;
    size_t length;

    if (realpath(path, resolved) == NULL) {
	if (errno != ENOENT) {
	    return errno;
	}
	parent = DpStrdup(path);
	length = strlen(parent);
	while (length > 1 && parent[length - 1] == '/') {
	    parent[--length] = '\0';
	}
	slash = strrchr(parent, '/');
	if (slash == NULL || strcmp(slash, "/..") == 0
		|| (*slash = '\0',
		    realpath(slash == parent ? "/" : parent, resolved)
		    == NULL)) {
	    DpFree(parent);
	    return ENOENT;
	}
	length = strlen(resolved);
	full = DpAlloc(length + strlen(slash + 1) + 2);
	memcpy(full, resolved, length);
	if (length > 1) {
	    full[length++] = '/';
	}
	strcpy(full + length, slash + 1);
	DpFree(parent);
    } else {
	full = DpStrdup(resolved);
    }
    workPtr->bytes = (unsigned char *) full;
    workPtr->count = strlen(full);
    return 0;
}

/* --- files --- */

/*
 * Opens path so that nothing waits, neither here nor later: a FIFO without
 * anybody at its other end, a terminal without a line.
 */
static int
OpenFd(const char *path, unsigned flags, uint32_t mode, DpFsFd **fdPtrPtr)
{
    int how = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat info;
    DpFsFd *fdPtr;
    int fd;

    how |= (flags & DP_FS_FOR_WRITE)
	    ? ((flags & DP_FS_FOR_READ) ? O_RDWR : O_WRONLY) : O_RDONLY;
    how |= (flags & DP_FS_APPEND) ? O_APPEND : 0;
    how |= (flags & DP_FS_CREATE) ? O_CREAT : 0;
    how |= (flags & DP_FS_TRUNCATE) ? O_TRUNC : 0;
    how |= (flags & DP_FS_EXCLUSIVE) ? O_EXCL : 0;
    do {
	fd = open(path, how, (mode_t) mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
	return errno;
    }
    if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
	close(fd);
	return EISDIR;
    }
    fdPtr = DpAlloc(sizeof(*fdPtr));
    atomic_init(&fdPtr->refCount, 1);
    fdPtr->fd = fd;
    fdPtr->append = (flags & DP_FS_APPEND) != 0;
    fdPtr->stream = !S_ISREG(info.st_mode) && lseek(fd, 0, SEEK_CUR) < 0;
    *fdPtrPtr = fdPtr;
    return 0;
}

static int
Open(DpFsWork *workPtr)
{
    const DpFsRequest *requestPtr = &workPtr->request;

    return OpenFd(requestPtr->path, requestPtr->flags,
	    (requestPtr->attr.has & DP_FS_MODE)
	    ? requestPtr->attr.mode & 07777 : 0666, &workPtr->fdPtr);
}

static int
Read(DpFsWork *workPtr)
{
    const DpFsFd *fdPtr = workPtr->fdPtr;
    size_t count = workPtr->request.count;
    ssize_t got;

    if (count > READ_MAX) {
	count = READ_MAX;
    }
    if (workPtr->bytes == NULL) {
	workPtr->bytes = NewPiece(workPtr, count);
    }
    do {
	got = fdPtr->stream ? read(fdPtr->fd, workPtr->bytes, count)
		: pread(fdPtr->fd, workPtr->bytes, count,
			(off_t) workPtr->request.offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
	return errno;
    }
    workPtr->count = (size_t) got;
    return 0;
}

static int
Write(DpFsWork *workPtr)
{
    const DpFsFd *fdPtr = workPtr->fdPtr;
    const DpFsRequest *requestPtr = &workPtr->request;

    while (workPtr->done < requestPtr->count) {
	const char *at = (const char *) requestPtr->bytes + workPtr->done;
	size_t left = requestPtr->count - workPtr->done;
	ssize_t put = fdPtr->stream || fdPtr->append
		? write(fdPtr->fd, at, left)
		: pwrite(fdPtr->fd, at, left,
			(off_t) (requestPtr->offset + workPtr->done));

	if (put == 0 || (put < 0 && errno != EINTR)) {
	    return put == 0 ? EIO : errno;
	}
	workPtr->done += put > 0 ? (size_t) put : 0;
    }
    return 0;
}

static int
Sync(DpFsWork *workPtr)
{
    if (fsync(workPtr->fdPtr->fd) == 0) {
	return 0;
    }
    return errno == EINVAL || errno == EROFS ? ENOTSUP : errno;
}

static int
Close(DpFsWork *workPtr)
{
    int fd = workPtr->fdPtr->fd;

    workPtr->fdPtr->fd = -1;
    return close(fd) == 0 || errno == EINTR ? 0 : errno;
}

static int
Load(DpFsWork *workPtr)
{
    const size_t most = workPtr->request.count;
    struct stat info;
    DpFsFd *fdPtr;
    size_t size;
    int error;

    error = OpenFd(workPtr->request.path, DP_FS_FOR_READ, 0, &fdPtr);
    if (error != 0) {
	return error;
    }
    if (fstat(fdPtr->fd, &info) != 0) {
	error = errno;
	goto done;
    }
    if (!S_ISREG(info.st_mode)) {
	error = EINVAL;
	goto done;
    }
    if ((uintmax_t) info.st_size > most) {
	error = EFBIG;
	goto done;
    }
    GetAttr(&info, &workPtr->attr);
    /* One more, so that the end shows; what /proc has says 0. */
    size = (size_t) info.st_size + 1;
    workPtr->bytes = DpRealloc(NULL, size);
    for (;;) {
	ssize_t got;

	if (workPtr->count == size) {
	    if (size > most) {
		error = EFBIG;
		break;
	    }
	    size = size * 2 + 4096;
	    workPtr->bytes = DpRealloc(workPtr->bytes, size);
	}
	got = read(fdPtr->fd, workPtr->bytes + workPtr->count,
		size - workPtr->count);
	if (got == 0) {
	    error = workPtr->count > most ? EFBIG : 0;
	    break;
	}
	if (got < 0 && errno != EINTR) {
	    error = errno;
	    break;
	}
	workPtr->count += got > 0 ? (size_t) got : 0;
    }

done:
    DpFsFdDrop(fdPtr);
    return error;
}

static int
Store(DpFsWork *workPtr)
{
    DpFsRequest *requestPtr = &workPtr->request;
    const bool byMask = (requestPtr->flags & DP_FS_UMASK) != 0;
    const char *path = requestPtr->path2 != NULL ? requestPtr->path2
	    : requestPtr->path;
    DpFsAttr attr = requestPtr->attr;
    uint32_t mode = 0666;
    int error, rc;

    if (attr.has & DP_FS_MODE) {
	mode = byMask ? attr.mode & 0777 : 0600;
    }
    if (byMask) {
	attr.has &= ~(unsigned) DP_FS_MODE;
    }
    attr.has &= ~(unsigned) DP_FS_SIZE;
    error = OpenFd(path, DP_FS_FOR_WRITE | DP_FS_CREATE | DP_FS_EXCLUSIVE,
	    mode, &workPtr->fdPtr);
    if (error != 0) {
	return error;
    }
    error = Write(workPtr);
    if (error == 0) {
	error = SetAttr(workPtr->fdPtr->fd, NULL, &attr, false);
    }
    rc = Close(workPtr);
    if (error == 0) {
	error = rc;
    }
    if (error == 0 && requestPtr->path2 != NULL
	    && rename(path, requestPtr->path) != 0) {
	error = errno;
    }
    if (error != 0) {
	unlink(path);
    }
    return error;
}

#ifdef __linux__
/* The second file gets this attribute of the first, or has it no more. */
static int
AdoptOne(const char *from, const char *to, const char *name)
{
    char value[16 * 1024];
    ssize_t length = lgetxattr(from, name, value, sizeof(value));

    if (length >= 0) {
	return lsetxattr(to, name, value, (size_t) length, 0) == 0 ? 0
		: errno;
    }
    if (errno == ENODATA) {
	/* A new file may have inherited some. */
	return lremovexattr(to, name) == 0 || errno == ENODATA
		|| errno == ENOTSUP || errno == EPERM || errno == EACCES
		? 0 : errno;
    }
    return errno == ENOTSUP ? 0 : errno;
}

static int
Adopt(DpFsWork *workPtr)
{
    static const char *const names[] = {
	"system.posix_acl_access", "system.posix_acl_default",
	"security.selinux"
    };
    int error = 0;

    for (size_t i = 0; i < DP_ARRAY_SIZE(names) && error == 0; i++) {
	error = AdoptOne(workPtr->request.path, workPtr->request.path2,
		names[i]);
    }
    return error;
}
#else
static int
Adopt(DpFsWork *workPtr)
{
    (void) workPtr;
    return ENOTSUP;
}
#endif

static int
Result(int rc)
{
    return rc == 0 ? 0 : errno;
}

static int
Run(DpFsWork *workPtr)
{
    const DpFsRequest *requestPtr = &workPtr->request;
    const char *path = requestPtr->path, *path2 = requestPtr->path2;

    switch (requestPtr->kind) {
    case DP_FS_STAT:
    case DP_FS_LSTAT:
    case DP_FS_FSTAT:
	return Stat(workPtr);
    case DP_FS_SETSTAT:
	return SetAttr(-1, path, &requestPtr->attr, false);
    case DP_FS_LSETSTAT:
	return SetAttr(-1, path, &requestPtr->attr, true);
    case DP_FS_FSETSTAT:
	return SetAttr(workPtr->fdPtr->fd, NULL, &requestPtr->attr, false);
    case DP_FS_LIST:
	return List(workPtr);
    case DP_FS_MKDIR:
	return Result(mkdir(path, (requestPtr->attr.has & DP_FS_MODE)
		? (mode_t) (requestPtr->attr.mode & 07777) : 0777));
    case DP_FS_RMDIR:
	return Result(rmdir(path));
    case DP_FS_UNLINK:
	return Result(unlink(path));
    case DP_FS_RENAME:
	return Result(rename(path, path2));
    case DP_FS_LINK:
	return Result(linkat(AT_FDCWD, path, AT_FDCWD, path2, 0));
    case DP_FS_SYMLINK:
	return Result(symlink(path2, path));
    case DP_FS_READLINK:
	return ReadLink(workPtr);
    case DP_FS_REALPATH:
	return RealPath(workPtr);
    case DP_FS_STATVFS:
	return Space(workPtr);
    case DP_FS_OPEN:
	return Open(workPtr);
    case DP_FS_READ:
	return Read(workPtr);
    case DP_FS_WRITE:
	return Write(workPtr);
    case DP_FS_FSYNC:
	return Sync(workPtr);
    case DP_FS_CLOSE:
	return Close(workPtr);
    case DP_FS_LOAD:
	return Load(workPtr);
    case DP_FS_STORE:
	return Store(workPtr);
    case DP_FS_ADOPT:
	return Adopt(workPtr);
    }
    return ENOTSUP;
}

void
DpFsWorkRun(void *clientData)
{
    DpFsWork *workPtr = clientData;
    const DpFsKind kind = workPtr->request.kind;

    workPtr->error = Run(workPtr);
    workPtr->again = workPtr->error == EAGAIN
	    && (kind == DP_FS_READ || kind == DP_FS_WRITE);
}

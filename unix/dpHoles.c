/*
 * dpHoles.c -- where a file of this machine has data, and where holes.
 *
 * Layer L2. Where the system does not tell, all of a file is data.
 */

#define _GNU_SOURCE 1           /* SEEK_DATA */

#include "dpHoles.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file with more pieces than that is read as a whole from there on. */
#define MAX_PIECES 16384

typedef struct Piece {
    uint64_t start, end;
} Piece;

struct DpHoles {
    char *path;
    uint64_t size, inode, device;
    Piece *pieces;              /* of data, in order */
    int numPieces;
};

DpHoles *
DpHolesNew(const char *path, const DpFsAttr *attrPtr)
{
    DpHoles *holesPtr = DpAlloc(sizeof(*holesPtr));

    holesPtr->path = DpStrdup(path);
    holesPtr->size = attrPtr->size;
    holesPtr->inode = attrPtr->inode;
    holesPtr->device = attrPtr->device;
    return holesPtr;
}

static void
Add(DpHoles *holesPtr, uint64_t start, uint64_t end)
{
    if (end > holesPtr->size) {
	end = holesPtr->size;
    }
    if (start >= end) {
	return;
    }
    holesPtr->pieces = DpRealloc(holesPtr->pieces,
	    (size_t) (holesPtr->numPieces + 1) * sizeof(Piece));
    holesPtr->pieces[holesPtr->numPieces++] = (Piece) {start, end};
}

#ifdef SEEK_DATA
/* Whether fd is the file that is read, and has all of it. */
static bool
IsSame(const DpHoles *holesPtr, int fd)
{
    struct stat facts;

    return fstat(fd, &facts) == 0 && facts.st_ino == holesPtr->inode
	    && facts.st_dev == holesPtr->device
	    && (uint64_t) facts.st_size >= holesPtr->size;
}

/* False: something kept it from being known. */
static bool
Find(DpHoles *holesPtr, int fd)
{
    const off_t size = (off_t) holesPtr->size;
    off_t at = 0, end = lseek(fd, 0, SEEK_HOLE);

    if (end >= size || end < 0) {
	/* None, or this file system does not tell. */
	return false;
    }
    while (at < size) {
	if (holesPtr->numPieces == MAX_PIECES) {
	    Add(holesPtr, (uint64_t) at, holesPtr->size);
	    break;
	}
	at = lseek(fd, at, SEEK_DATA);
	if (at < 0) {
	    /* Nothing but a hole is left. */
	    return errno == ENXIO;
	}
	end = lseek(fd, at, SEEK_HOLE);
	if (end < 0) {
	    return false;
	}
	Add(holesPtr, (uint64_t) at, (uint64_t) end);
	at = end;
    }
    return true;
}
#endif

void
DpHolesFind(DpHoles *holesPtr)
{
    bool isKnown = false;

#ifdef SEEK_DATA
    int fd = open(holesPtr->path, O_RDONLY | O_CLOEXEC | O_NOCTTY
	    | O_NONBLOCK);

    if (fd >= 0) {
	/* A file that took its place, or was cut, has holes of its own. */
	isKnown = IsSame(holesPtr, fd) && Find(holesPtr, fd)
		&& IsSame(holesPtr, fd);
	close(fd);
    }
#endif
    if (!isKnown) {
	holesPtr->numPieces = 0;
	Add(holesPtr, 0, holesPtr->size);
    }
}

DpHoles *
DpHolesTake(DpHoles *holesPtr)
{
    DpHoles *newPtr = DpAlloc(sizeof(*newPtr));

    newPtr->size = holesPtr->size;
    newPtr->pieces = holesPtr->pieces;
    newPtr->numPieces = holesPtr->numPieces;
    holesPtr->pieces = NULL;
    holesPtr->numPieces = 0;
    return newPtr;
}

uint64_t
DpHolesData(const DpHoles *holesPtr, uint64_t *offsetPtr)
{
    int low = 0, high = holesPtr->numPieces;

    /* The first piece that ends behind the offset. */
    while (low < high) {
	int middle = low + (high - low) / 2;

	if (holesPtr->pieces[middle].end <= *offsetPtr) {
	    low = middle + 1;
	} else {
	    high = middle;
	}
    }
    if (low == holesPtr->numPieces) {
	*offsetPtr = holesPtr->size;
	return 0;
    }
    if (holesPtr->pieces[low].start > *offsetPtr) {
	*offsetPtr = holesPtr->pieces[low].start;
    }
    return holesPtr->pieces[low].end - *offsetPtr;
}

void
DpHolesFree(DpHoles *holesPtr)
{
    if (holesPtr != NULL) {
	DpFree(holesPtr->path);
	DpFree(holesPtr->pieces);
	DpFree(holesPtr);
    }
}

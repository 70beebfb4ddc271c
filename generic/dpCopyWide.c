/*
 * dpCopyWide.c -- a large file is written on several connections at once.
 *
 * Layer L3. A server takes so many bytes on a channel until it has confirmed
 * some of them (2 MiB with OpenSSH), which a long line makes slow. So a file
 * that would take much longer is opened again, on another connection, and its
 * pieces go to all of them by turns.
 *
 * It is opened again by its name, and who may write to the directory could have
 * put a link to another file there. What was opened must have the owner of ours
 * and show an access time that ours is given by its first handle for a moment:
 * only the owner of a file can give it one.
 */

#include "dpCopyInt.h"

#include <openssl/rand.h>
#include <time.h>

/*
 * ms that a file is watched, that it must still take to be worth another way,
 * and that a connection may take to stand.
 */
#define WATCH_TIME 300
#define WORTH_TIME 800
#define STAND_TIME 10000
/*
 * Bytes that each way is given before they are confirmed: half more than
 * OpenSSH takes on a channel. What else comes only waits, in memory that no
 * cache holds.
 */
#define WAY_BYTES (3 * 1024 * 1024)

static void Closed(void *clientData, const DpFsReply *replyPtr);
static void Stepped(void *clientData, const DpFsReply *replyPtr);

static void
Submit(DpCopyFile *filePtr, DpCopyWideStep step,
	const DpFsRequest *requestPtr)
{
    filePtr->wideStep = step;
    filePtr->wideOpPtr = DpFsSubmit(filePtr->copyPtr->dstPtr, requestPtr,
	    Stepped, filePtr);
}

static void
Stat(DpCopyFile *filePtr, DpCopyWideStep step, DpFsFile *fsFilePtr)
{
    DpFsRequest request = {.kind = DP_FS_FSTAT, .filePtr = fsFilePtr};

    Submit(filePtr, step, &request);
}

/* The times of the file by its first handle. */
static void
SetTimes(DpCopyFile *filePtr, DpCopyWideStep step, int64_t atime,
	int64_t mtime)
{
    DpFsRequest request = {.kind = DP_FS_FSETSTAT,
	    .filePtr = filePtr->outPtr};

    request.attr.has = DP_FS_TIMES;
    request.attr.atime = atime;
    request.attr.mtime = mtime;
    Submit(filePtr, step, &request);
}

/* How long, in ms, it will still take at the pace so far. */
static int64_t
TimeLeft(const DpCopyFile *filePtr)
{
    uint64_t passed = (uint64_t) (DpLoopNow() - filePtr->wideTime);
    uint64_t moved = filePtr->done - filePtr->wideDone;
    uint64_t left = filePtr->size - filePtr->done;

    if (moved / (passed + 1) == 0) {
	return INT64_MAX;
    }
    return (int64_t) (left / (moved / (passed + 1)));
}

/* The way that was made is one of them. */
static void
AddWay(DpCopyFile *filePtr)
{
    filePtr->ways[filePtr->numWays++].filePtr = filePtr->newWayPtr;
    filePtr->newWayPtr = NULL;
    filePtr->wideStep = DP_WIDE_MARKED;
    filePtr->wideTime = DpLoopNow();
    filePtr->wideDone = filePtr->done;
}

static void
Stepped(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyFile *filePtr = clientData;
    const DpFsAttr *attrPtr = &replyPtr->attr;
    const unsigned wanted = DP_FS_OWNER | DP_FS_TIMES;
    bool isKnown = replyPtr->error == 0 && (attrPtr->has & wanted) == wanted;

    filePtr->wideOpPtr = NULL;
    switch (filePtr->wideStep) {
    case DP_WIDE_MARK:
	/* It was asked for its attributes before. */
	if (replyPtr->error == 0 && (filePtr->wideAttr.has & wanted)
		!= wanted) {
	    Stat(filePtr, DP_WIDE_LAST, filePtr->outPtr);
	    return;
	}
	filePtr->wideStep = replyPtr->error == 0 ? DP_WIDE_MARKED
		: DP_WIDE_NEVER;
	filePtr->wideTime = DpLoopNow();
	filePtr->wideDone = filePtr->done;
	DpCopyWideLook(filePtr);
	break;
    case DP_WIDE_OPEN:
	if (replyPtr->error == 0) {
	    filePtr->newWayPtr = replyPtr->filePtr;
	    Stat(filePtr, DP_WIDE_CHECK, filePtr->newWayPtr);
	} else {
	    Stat(filePtr, DP_WIDE_LAST, filePtr->outPtr);
	}
	return;
    case DP_WIDE_CHECK:
	if (isKnown && attrPtr->uid == filePtr->wideAttr.uid
		&& attrPtr->atime == filePtr->wideMark) {
	    AddWay(filePtr);
	    DpCopyWideLook(filePtr);
	    break;
	}
	/* Another file, or a host that does not keep the time. */
	DpFsFileDrop(filePtr->newWayPtr);
	filePtr->newWayPtr = NULL;
	Stat(filePtr, DP_WIDE_LAST, filePtr->outPtr);
	return;
    case DP_WIDE_LAST:
	/* It may have been the last piece that gave it this time. */
	SetTimes(filePtr, DP_WIDE_UNMARK,
		(filePtr->wideAttr.has & DP_FS_TIMES)
		? filePtr->wideAttr.atime : time(NULL),
		isKnown ? attrPtr->mtime : time(NULL));
	return;
    default:
	filePtr->wideStep = DP_WIDE_NEVER;
	break;
    }
    DpCopyBulkFeed(filePtr);
}

static void
GotAttr(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyFile *filePtr = clientData;

    filePtr->statOpPtr = NULL;
    if (replyPtr->error == 0) {
	filePtr->wideAttr = replyPtr->attr;
    }
}

/*
 * Both requests are behind all that is to be written, so they are sent at once.
 * The next piece gives the file its time of change again.
 */
static void
Mark(DpCopyFile *filePtr)
{
    DpFsRequest request = {.kind = DP_FS_FSTAT, .filePtr = filePtr->outPtr};
    uint32_t random;
    int64_t now = time(NULL);

    if (RAND_bytes((unsigned char *) &random, (int) sizeof(random)) != 1) {
	filePtr->wideStep = DP_WIDE_NEVER;
	return;
    }
    /* Of the last 30 years, but not of now, which reading can give. */
    filePtr->wideMark = now - 86400
	    - (int64_t) (random % (30u * 365 * 86400));
    filePtr->statOpPtr = DpFsSubmit(filePtr->copyPtr->dstPtr, &request,
	    GotAttr, filePtr);
    SetTimes(filePtr, DP_WIDE_MARK, filePtr->wideMark, now);
}

void
DpCopyWideStart(DpCopyFile *filePtr)
{
    /* The pieces of a part file are to be written in their order. */
    filePtr->wideStep = filePtr->isPart || filePtr->toEnd
	    || filePtr->copyPtr->spec.limit != 0 ? DP_WIDE_NEVER
	    : DP_WIDE_WATCH;
    filePtr->wideTime = DpLoopNow();
    filePtr->wideDone = filePtr->done;
}

void
DpCopyWideLook(DpCopyFile *filePtr)
{
    DpFs *dstPtr = filePtr->copyPtr->dstPtr;
    int64_t passed = DpLoopNow() - filePtr->wideTime;
    int ready;

    if (filePtr->wideStep == DP_WIDE_WATCH && passed >= WATCH_TIME) {
	/* The connection comes while the mark is set. */
	if (TimeLeft(filePtr) < WORTH_TIME || DpFsWays(dstPtr, 2) == 0) {
	    filePtr->wideTime += passed;
	    filePtr->wideDone = filePtr->done;
	    return;
	}
	Mark(filePtr);
    } else if (filePtr->wideStep == DP_WIDE_MARKED) {
	ready = DpFsWays(dstPtr, filePtr->numWays + 2);
	if (filePtr->numWays == DP_COPY_WAYS || passed > STAND_TIME
		|| ready == 0
		|| (passed > WATCH_TIME / 3
		    && TimeLeft(filePtr) < WORTH_TIME)) {
	    Stat(filePtr, DP_WIDE_LAST, filePtr->outPtr);
	} else if (ready >= filePtr->numWays + 2) {
	    DpFsRequest request = {.kind = DP_FS_OPEN,
		    .flags = DP_FS_FOR_WRITE,
		    .path = filePtr->temp != NULL ? filePtr->temp
			    : filePtr->dst};

	    Submit(filePtr, DP_WIDE_OPEN, &request);
	}
    }
}

DpFsFile *
DpCopyWideTake(DpCopyFile *filePtr, size_t count, int *wayPtr)
{
    size_t least = filePtr->wayFlight;

    *wayPtr = -1;
    for (int i = 0; i < filePtr->numWays; i++) {
	if (filePtr->ways[i].flight < least) {
	    least = filePtr->ways[i].flight;
	    *wayPtr = i;
	}
    }
    if (*wayPtr < 0) {
	filePtr->wayFlight += count;
	return filePtr->outPtr;
    }
    filePtr->ways[*wayPtr].flight += count;
    return filePtr->ways[*wayPtr].filePtr;
}

bool
DpCopyWideIsFull(const DpCopyFile *filePtr)
{
    size_t flight = filePtr->wayFlight;

    for (int i = 0; i < filePtr->numWays; i++) {
	flight += filePtr->ways[i].flight;
    }
    return flight >= WAY_BYTES * ((size_t) filePtr->numWays + 1);
}

void
DpCopyWideGive(DpCopyFile *filePtr, size_t count, int way)
{
    if (way < 0) {
	filePtr->wayFlight -= count;
    } else {
	filePtr->ways[way].flight -= count;
    }
}

/* One more is closed, or there was none. */
static void
Closed(void *clientData, const DpFsReply *replyPtr)
{
    DpCopyFile *filePtr = clientData;
    DpFsRequest request = {.kind = DP_FS_CLOSE};

    filePtr->wideOpPtr = NULL;
    if (replyPtr != NULL && replyPtr->error != 0) {
	DpCopyFileFail(filePtr, filePtr->copyPtr->dstPtr, replyPtr,
		"write to", filePtr->dst);
	return;
    }
    if (filePtr->numWays == 0) {
	DpCopyFileStep(filePtr, DP_FILE_SET);
	return;
    }
    request.filePtr = filePtr->ways[--filePtr->numWays].filePtr;
    filePtr->wideOpPtr = DpFsSubmit(filePtr->copyPtr->dstPtr, &request,
	    Closed, filePtr);
}

void
DpCopyWideEnd(DpCopyFile *filePtr)
{
    if (filePtr->wideStep == DP_WIDE_MARKED) {
	Stat(filePtr, DP_WIDE_LAST, filePtr->outPtr);
    }
    if (filePtr->wideOpPtr != NULL) {
	/* It comes back here, by the feed. */
	return;
    }
    filePtr->wideStep = DP_WIDE_NEVER;
    Closed(filePtr, NULL);
}

void
DpCopyWideStop(DpCopyFile *filePtr)
{
    if (filePtr->wideOpPtr != NULL) {
	DpFsCancel(filePtr->wideOpPtr);
	filePtr->wideOpPtr = NULL;
    }
    if (filePtr->statOpPtr != NULL) {
	DpFsCancel(filePtr->statOpPtr);
	filePtr->statOpPtr = NULL;
    }
    filePtr->wideStep = DP_WIDE_NEVER;
    DpFsFileDrop(filePtr->newWayPtr);
    filePtr->newWayPtr = NULL;
    while (filePtr->numWays > 0) {
	DpFsFileDrop(filePtr->ways[--filePtr->numWays].filePtr);
    }
}

/*
 * dpCopySum.c -- the SHA-256 checksum of a file, read by many requests.
 *
 * Layer L3. Pieces are asked for ahead and may come in any order; the sum takes
 * them in theirs.
 */

#include "dpCopySum.h"

#include <errno.h>
#include <openssl/evp.h>

/* Bytes of one piece, and under way together. */
#define PIECE (256 * 1024)
#define AHEAD (4 * 1024 * 1024)

typedef struct Piece {
    DpCopySum *sumPtr;
    struct Piece *nextPtr;      /* behind it in the file */
    DpFsOp *opPtr;
    uint64_t offset;
    size_t count, got;
    unsigned char *bytes;
} Piece;

struct DpCopySum {
    DpFs *fsPtr;                /* held */
    DpFsFile *filePtr;
    DpFsOp *opPtr;              /* OPEN */
    char *path;
    uint64_t next, limit;       /* asked for up to; not behind */
    bool toEnd;                 /* the end may come before limit */
    bool atEnd;
    Piece *firstPtr, *lastPtr;  /* in the order of the file */
    size_t piece;
    EVP_MD_CTX *mdPtr;
    DpCopySumDone *done;
    void *clientData;
};

static void Feed(DpCopySum *sumPtr);

static void
Stop(DpCopySum *sumPtr)
{
    Piece *piecePtr;

    while ((piecePtr = sumPtr->firstPtr) != NULL) {
	sumPtr->firstPtr = piecePtr->nextPtr;
	if (piecePtr->opPtr != NULL) {
	    DpFsCancel(piecePtr->opPtr);
	}
	DpFree(piecePtr->bytes);
	DpFree(piecePtr);
    }
    sumPtr->lastPtr = NULL;
    if (sumPtr->opPtr != NULL) {
	DpFsCancel(sumPtr->opPtr);
	sumPtr->opPtr = NULL;
    }
    DpFsFileDrop(sumPtr->filePtr);
    sumPtr->filePtr = NULL;
}

void
DpCopySumDrop(DpCopySum *sumPtr)
{
    Stop(sumPtr);
    EVP_MD_CTX_free(sumPtr->mdPtr);
    DpFree(sumPtr->path);
    DpFsDrop(sumPtr->fsPtr);
    DpFree(sumPtr);
}

static void
Fail(DpCopySum *sumPtr, const DpFsReply *replyPtr)
{
    DpError error = {0};

    DpFsError(&error, sumPtr->fsPtr, replyPtr, "read", sumPtr->path);
    sumPtr->done(sumPtr->clientData, NULL, &error);
    DpErrorClear(&error);
    DpCopySumDrop(sumPtr);
}

static void
End(DpCopySum *sumPtr)
{
    unsigned char sum[EVP_MAX_MD_SIZE];

    EVP_DigestFinal_ex(sumPtr->mdPtr, sum, NULL);
    sumPtr->done(sumPtr->clientData, sum, NULL);
    DpCopySumDrop(sumPtr);
}

static void ReadDone(void *clientData, const DpFsReply *replyPtr);

static void
Read(Piece *piecePtr)
{
    DpFsRequest request = {.kind = DP_FS_READ,
	    .filePtr = piecePtr->sumPtr->filePtr,
	    .offset = piecePtr->offset + piecePtr->got,
	    .count = piecePtr->count - piecePtr->got};

    piecePtr->opPtr = DpFsSubmit(piecePtr->sumPtr->fsPtr, &request, ReadDone,
	    piecePtr);
}

/* The sum takes what is there without a gap. False: sumPtr has ended. */
static bool
Take(DpCopySum *sumPtr)
{
    Piece *piecePtr;

    while ((piecePtr = sumPtr->firstPtr) != NULL && piecePtr->opPtr == NULL) {
	if (piecePtr->got < piecePtr->count) {
	    /* The end; pieces behind it have nothing. */
	    if (!sumPtr->toEnd) {
		DpFsReply reply = {.error = EIO,
			.message = "it is shorter than it was"};

		Fail(sumPtr, &reply);
		return false;
	    }
	    sumPtr->atEnd = true;
	}
	EVP_DigestUpdate(sumPtr->mdPtr, piecePtr->bytes, piecePtr->got);
	if (sumPtr->atEnd) {
	    End(sumPtr);
	    return false;
	}
	sumPtr->firstPtr = piecePtr->nextPtr;
	if (sumPtr->firstPtr == NULL) {
	    sumPtr->lastPtr = NULL;
	}
	DpFree(piecePtr->bytes);
	DpFree(piecePtr);
    }
    return true;
}

static void
ReadDone(void *clientData, const DpFsReply *replyPtr)
{
    Piece *piecePtr = clientData;
    DpCopySum *sumPtr = piecePtr->sumPtr;
    size_t count = replyPtr->count;

    piecePtr->opPtr = NULL;
    if (replyPtr->error != 0) {
	Fail(sumPtr, replyPtr);
	return;
    }
    if (count > piecePtr->count - piecePtr->got) {
	count = piecePtr->count - piecePtr->got;
    }
    if (count > 0) {
	memcpy(piecePtr->bytes + piecePtr->got, replyPtr->bytes, count);
	piecePtr->got += count;
	if (piecePtr->got < piecePtr->count) {
	    Read(piecePtr);
	    return;
	}
    }
    if (Take(sumPtr)) {
	Feed(sumPtr);
    }
}

static void
Feed(DpCopySum *sumPtr)
{
    while (sumPtr->next < sumPtr->limit && (sumPtr->firstPtr == NULL
	    || sumPtr->next - sumPtr->firstPtr->offset < AHEAD)) {
	Piece *piecePtr = DpAlloc(sizeof(*piecePtr));
	uint64_t left = sumPtr->limit - sumPtr->next;

	piecePtr->sumPtr = sumPtr;
	piecePtr->offset = sumPtr->next;
	piecePtr->count = left < sumPtr->piece ? (size_t) left
		: sumPtr->piece;
	piecePtr->bytes = DpAlloc(piecePtr->count);
	if (sumPtr->lastPtr != NULL) {
	    sumPtr->lastPtr->nextPtr = piecePtr;
	} else {
	    sumPtr->firstPtr = piecePtr;
	}
	sumPtr->lastPtr = piecePtr;
	sumPtr->next += piecePtr->count;
	Read(piecePtr);
    }
    if (sumPtr->firstPtr == NULL) {
	End(sumPtr);
    }
}

static void
OpenDone(void *clientData, const DpFsReply *replyPtr)
{
    DpCopySum *sumPtr = clientData;

    sumPtr->opPtr = NULL;
    if (replyPtr->error != 0) {
	Fail(sumPtr, replyPtr);
	return;
    }
    sumPtr->filePtr = replyPtr->filePtr;
    if (sumPtr->mdPtr == NULL
	    || EVP_DigestInit_ex(sumPtr->mdPtr, EVP_sha256(), NULL) != 1) {
	DpFsReply reply = {.error = ENOMEM};

	Fail(sumPtr, &reply);
	return;
    }
    Feed(sumPtr);
}

DpCopySum *
DpCopySumStart(DpFs *fsPtr, const char *path, int64_t count,
	DpCopySumDone *done, void *clientData)
{
    DpCopySum *sumPtr = DpAlloc(sizeof(*sumPtr));
    DpFsRequest request = {.kind = DP_FS_OPEN, .path = path,
	    .flags = DP_FS_FOR_READ};

    sumPtr->fsPtr = fsPtr;
    DpFsHold(fsPtr);
    sumPtr->path = DpStrdup(path);
    sumPtr->toEnd = count < 0;
    sumPtr->limit = count < 0 ? UINT64_MAX / 2 : (uint64_t) count;
    sumPtr->piece = fsPtr->block > PIECE ? fsPtr->block : PIECE;
    sumPtr->done = done;
    sumPtr->clientData = clientData;
    sumPtr->mdPtr = EVP_MD_CTX_new();
    sumPtr->opPtr = DpFsSubmit(fsPtr, &request, OpenDone, sumPtr);
    return sumPtr;
}

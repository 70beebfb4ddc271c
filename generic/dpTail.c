/*
 * dpTail.c -- the end of what a command prints, with its times.
 *
 * Layer L0.
 */

#include "dpTail.h"

/* What comes within so many us is one piece; there are so many of them. */
#define SAME_TIME 100000
#define MAX_PIECES 256

typedef struct Piece {
    int stream;
    int64_t time;               /* us */
    size_t count;
} Piece;

struct DpTail {
    DpBuf bytes;
    Piece pieces[MAX_PIECES];   /* a ring */
    int first, count;
    int64_t omitted;
    size_t taken;               /* bytes of the piece that was given last */
};

/* Drops so many bytes from the front, or more where a character begins. */
static void
Drop(DpTail *tailPtr, size_t count)
{
    while (count > 0 && tailPtr->count > 0) {
	Piece *piecePtr = &tailPtr->pieces[tailPtr->first];
	const unsigned char *bytes = DpBufData(&tailPtr->bytes);
	size_t less = count < piecePtr->count ? count : piecePtr->count;

	count -= less;
	while (less < piecePtr->count && (bytes[less] & 0xc0) == 0x80) {
	    less++;
	}
	DpBufConsume(&tailPtr->bytes, less);
	tailPtr->omitted += (int64_t) less;
	piecePtr->count -= less;
	if (piecePtr->count == 0) {
	    tailPtr->first = (tailPtr->first + 1) % MAX_PIECES;
	    tailPtr->count--;
	}
    }
}

void
DpTailAdd(DpTail **tailPtrPtr, int stream, const unsigned char *bytes,
	size_t count, int64_t time)
{
    DpTail *tailPtr = *tailPtrPtr;
    Piece *lastPtr = NULL;

    if (tailPtr == NULL) {
	tailPtr = *tailPtrPtr = DpAlloc(sizeof(*tailPtr));
	tailPtr->bytes.keep = 2 * DP_TAIL_SIZE;
    }
    if (count > DP_TAIL_SIZE) {
	/* All of what is there goes, too. */
	Drop(tailPtr, DpBufLength(&tailPtr->bytes));
	tailPtr->omitted += (int64_t) (count - DP_TAIL_SIZE);
	bytes += count - DP_TAIL_SIZE;
	count = DP_TAIL_SIZE;
    }
    if (DpBufLength(&tailPtr->bytes) + count > DP_TAIL_SIZE) {
	Drop(tailPtr, DpBufLength(&tailPtr->bytes) + count - DP_TAIL_SIZE);
    }
    if (tailPtr->count > 0) {
	lastPtr = &tailPtr->pieces[(tailPtr->first + tailPtr->count - 1)
		% MAX_PIECES];
    }
    if (lastPtr == NULL || lastPtr->stream != stream
	    || time - lastPtr->time > SAME_TIME || time < lastPtr->time) {
	if (tailPtr->count == MAX_PIECES) {
	    Drop(tailPtr, tailPtr->pieces[tailPtr->first].count);
	}
	lastPtr = &tailPtr->pieces[(tailPtr->first + tailPtr->count++)
		% MAX_PIECES];
	lastPtr->stream = stream;
	lastPtr->time = time;
	lastPtr->count = 0;
    }
    DpBufAppend(&tailPtr->bytes, bytes, count);
    lastPtr->count += count;
}

int64_t
DpTailOmitted(const DpTail *tailPtr)
{
    return tailPtr->omitted;
}

bool
DpTailNext(DpTail *tailPtr, int *streamPtr, const unsigned char **bytesPtr,
	size_t *countPtr, int64_t *timePtr)
{
    Piece *piecePtr = &tailPtr->pieces[tailPtr->first];

    if (tailPtr->taken > 0) {
	DpBufConsume(&tailPtr->bytes, tailPtr->taken);
	tailPtr->taken = 0;
    }
    if (tailPtr->count == 0) {
	return false;
    }
    *streamPtr = piecePtr->stream;
    *bytesPtr = DpBufData(&tailPtr->bytes);
    *countPtr = tailPtr->taken = piecePtr->count;
    *timePtr = piecePtr->time;
    tailPtr->first = (tailPtr->first + 1) % MAX_PIECES;
    tailPtr->count--;
    return true;
}

void
DpTailFree(DpTail *tailPtr)
{
    if (tailPtr != NULL) {
	DpBufFree(&tailPtr->bytes);
	DpFree(tailPtr);
    }
}

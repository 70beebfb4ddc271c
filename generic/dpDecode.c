/*
 * dpDecode.c -- bytes of a command as Tcl values, whole or piece by piece.
 *
 * Layer L0.
 */

#include "dpDecode.h"

Tcl_Obj *
DpDecodeChunk(DpDecoder *decoderPtr, const void *bytes, size_t count,
	bool isLast)
{
    DpBuf *restPtr = &decoderPtr->rest;
    Tcl_Obj *textPtr;
    int code;

    if (decoderPtr->encoding == NULL) {
	return Tcl_NewByteArrayObj(bytes, (int) count);
    }
    textPtr = Tcl_NewObj();
    DpBufAppend(restPtr, bytes, count);
    do {
	int flags = (decoderPtr->begun ? 0 : TCL_ENCODING_START)
		| (isLast ? TCL_ENCODING_END : 0);
	char utf[4096];
	int numRead, numWrote, numChars;

	if (DpBufLength(restPtr) == 0) {
	    break;
	}
	code = Tcl_ExternalToUtf(NULL, decoderPtr->encoding,
		(char *) DpBufData(restPtr), (int) DpBufLength(restPtr), flags,
		&decoderPtr->state, utf, sizeof(utf), &numRead, &numWrote,
		&numChars);
	decoderPtr->begun = true;
	DpBufConsume(restPtr, (size_t) numRead);
	Tcl_AppendToObj(textPtr, utf, numWrote);
    } while (code == TCL_CONVERT_NOSPACE);
    return textPtr;
}

void
DpDecodeFree(DpDecoder *decoderPtr)
{
    DpBufFree(&decoderPtr->rest);
}

/* How many bytes there are that mean the same in Tcl's own form of a string. */
static size_t
PlainBytes(const unsigned char *bytes, size_t count)
{
    size_t i = 0;

    for (; i + 8 <= count; i += 8) {
	uint64_t word;

	/* No byte has its high bit set, and none is 0. */
	memcpy(&word, bytes + i, sizeof(word));
	if ((word & UINT64_C(0x8080808080808080)) != 0
		|| ((word - UINT64_C(0x0101010101010101))
			& UINT64_C(0x8080808080808080)) != 0) {
	    break;
	}
    }
    while (i < count && bytes[i] != 0 && bytes[i] < 0x80) {
	i++;
    }
    return i;
}

/* So many bytes are decoded by Tcl at once, where some are not plain. */
#define PIECE 1024

/*
 * Appends the characters that are whole in the next piece, in the last one all.
 * Returns how many bytes these are.
 */
static size_t
DecodePiece(Tcl_Encoding encoding, Tcl_EncodingState *statePtr, bool isFirst,
	const unsigned char *bytes, size_t count, Tcl_Obj *textPtr)
{
    size_t piece = count < PIECE ? count : PIECE;
    int flags = (isFirst ? TCL_ENCODING_START : 0)
	    | (piece == count ? TCL_ENCODING_END : 0);
    char utf[4 * PIECE];
    int numRead, numWrote, numChars;

    Tcl_ExternalToUtf(NULL, encoding, (const char *) bytes, (int) piece, flags,
	    statePtr, utf, sizeof(utf), &numRead, &numWrote, &numChars);
    Tcl_AppendToObj(textPtr, utf, numWrote);
    return (size_t) numRead;
}

/* Whether the text of these bytes of UTF-8 is too long for its NULs alone. */
static bool
IsTooLong(const unsigned char *bytes, size_t count, size_t limit)
{
    size_t length = count;

    if (count > limit / 2) {
	for (size_t i = 0; i < count; i++) {
	    length += bytes[i] == 0;
	}
    }
    return length > limit;
}

Tcl_Obj *
DpDecodeAll(Tcl_Encoding encoding, const unsigned char *bytes, size_t count,
	size_t limit)
{
    bool isUtf = encoding != NULL
	    && strcmp(Tcl_GetEncodingName(encoding), "utf-8") == 0;
    Tcl_EncodingState state = NULL;
    size_t used = 0, step;
    Tcl_Obj *textPtr;
    int length;

    if (count > limit || (isUtf && IsTooLong(bytes, count, limit))) {
	return NULL;
    }
    if (encoding == NULL) {
	return Tcl_NewByteArrayObj(bytes, (int) count);
    }
    textPtr = Tcl_NewObj();
    while (used < count) {
	/* Tcl decodes a character at a time, which is slow for most texts. */
	step = isUtf ? PlainBytes(bytes + used, count - used) : 0;
	if (step > 0) {
	    Tcl_AppendToObj(textPtr, (const char *) bytes + used, (int) step);
	} else {
	    step = DecodePiece(encoding, &state, used == 0, bytes + used,
		    count - used, textPtr);
	}
	used += step;
	Tcl_GetStringFromObj(textPtr, &length);
	if ((size_t) length > limit) {
	    Tcl_DecrRefCount(textPtr);
	    return NULL;
	}
	if (step == 0) {
	    break;              /* Tcl leaves out half a character at the end */
	}
    }
    return textPtr;
}

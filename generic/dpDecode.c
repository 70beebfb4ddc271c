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

/* Only bytes that mean the same in Tcl's own form of a string. */
static bool
IsPlain(const unsigned char *bytes, size_t count)
{
    size_t i = 0;

    for (; i + 8 <= count; i += 8) {
	uint64_t word;

	/* No byte has its high bit set, and none is 0. */
	memcpy(&word, bytes + i, sizeof(word));
	if ((word & UINT64_C(0x8080808080808080)) != 0
		|| ((word - UINT64_C(0x0101010101010101))
			& UINT64_C(0x8080808080808080)) != 0) {
	    return false;
	}
    }
    for (; i < count; i++) {
	if (bytes[i] == 0 || bytes[i] >= 0x80) {
	    return false;
	}
    }
    return true;
}

Tcl_Obj *
DpDecodeAll(Tcl_Encoding encoding, const unsigned char *bytes, size_t count)
{
    Tcl_DString utf;
    Tcl_Obj *textPtr;

    if (encoding == NULL) {
	return Tcl_NewByteArrayObj(bytes, (int) count);
    }
    /* Tcl decodes a character at a time, which is slow for the usual case. */
    if (count == 0 || (strcmp(Tcl_GetEncodingName(encoding), "utf-8") == 0
	    && IsPlain(bytes, count))) {
	return Tcl_NewStringObj((const char *) bytes, (int) count);
    }
    Tcl_ExternalToUtfDString(encoding, (const char *) bytes, (int) count,
	    &utf);
    textPtr = Tcl_NewStringObj(Tcl_DStringValue(&utf),
	    Tcl_DStringLength(&utf));
    Tcl_DStringFree(&utf);
    return textPtr;
}

/*
 * dpDecode.h -- bytes of a command as Tcl values, whole or piece by piece.
 *
 * Layer L0.
 */

#ifndef DP_DECODE_H
#define DP_DECODE_H

#include "dpBuf.h"

/* One stream that is decoded as it comes. A zeroed struct gives bytes. */
typedef struct DpDecoder {
    Tcl_Encoding encoding;      /* NULL: bytes stay bytes; not owned */
    Tcl_EncodingState state;
    bool begun;
    DpBuf rest;                 /* the beginning of a character */
} DpDecoder;

/*
 * The characters that are whole with these bytes, refcount 0; with isLast
 * also what is left, as Tcl decodes a broken character.
 */
MODULE_SCOPE Tcl_Obj *DpDecodeChunk(DpDecoder *decoderPtr, const void *bytes,
	size_t count, bool isLast);
MODULE_SCOPE void DpDecodeFree(DpDecoder *decoderPtr);

/*
 * Tcl 8.6 ends the process on a value of 2 GiB, which it also makes to look at
 * the characters of a text: two bytes for each.
 */
#define DP_DECODE_MAX (((size_t) 1 << 30) - 64)

/*
 * All of a stream at once, refcount 0. NULL: the value would have more than
 * limit bytes (at most DP_DECODE_MAX) in Tcl's form, in which a NUL has two.
 */
MODULE_SCOPE Tcl_Obj *DpDecodeAll(Tcl_Encoding encoding,
	const unsigned char *bytes, size_t count, size_t limit);

#endif

/*
 * dpWire.h -- the number, string and base64 formats that SSH files and
 * messages are made of (RFC 4251, section 5).
 *
 * Layer L0. A reader never goes past its end: once something was too short it
 * is failed and stays so, and every further read gives nothing.
 */

#ifndef DP_WIRE_H
#define DP_WIRE_H

#include "dpBuf.h"

typedef struct DpWire {
    const unsigned char *bytes;
    size_t left;
    bool failed;
} DpWire;

MODULE_SCOPE void DpWireInit(DpWire *wirePtr, const void *bytes, size_t length);

/* Zero when there are not so many bytes. */
MODULE_SCOPE uint8_t DpWireByte(DpWire *wirePtr);
MODULE_SCOPE uint32_t DpWireNumber(DpWire *wirePtr);

/* The next length bytes, or NULL. The pointer is into the reader's memory. */
MODULE_SCOPE const unsigned char *DpWireBytes(DpWire *wirePtr, size_t length);

/* A string with its length before it, or NULL with length 0. */
MODULE_SCOPE const unsigned char *DpWireString(DpWire *wirePtr,
	size_t *lengthPtr);

/* A string that may be used as C string: a copy, or NULL (also for a NUL). */
MODULE_SCOPE char *DpWireText(DpWire *wirePtr);

/* A positive mpint without its leading zero byte; NULL for a negative one. */
MODULE_SCOPE const unsigned char *DpWireMpint(DpWire *wirePtr,
	size_t *lengthPtr);

/* True when the string of a key or signature blob begins with this name. */
MODULE_SCOPE bool DpWireNamed(const void *blob, size_t length,
	const char *name);

MODULE_SCOPE void DpWirePutByte(DpBuf *bufPtr, uint8_t value);
MODULE_SCOPE void DpWirePutNumber(DpBuf *bufPtr, uint32_t value);
MODULE_SCOPE void DpWirePutString(DpBuf *bufPtr, const void *bytes,
	size_t length);
MODULE_SCOPE void DpWirePutMpint(DpBuf *bufPtr, const unsigned char *bytes,
	size_t length);

/*
 * Base64 with padding. The decoder appends at most length bytes to bufPtr and
 * skips white space where skipSpace is true; false for anything malformed.
 */
MODULE_SCOPE void DpWirePutBase64(DpBuf *bufPtr, const void *bytes,
	size_t length);
MODULE_SCOPE bool DpWireFromBase64(DpBuf *bufPtr, const char *text,
	size_t length, bool skipSpace);

#endif

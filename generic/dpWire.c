/*
 * dpWire.c -- the number, string and base64 formats that SSH files and
 * messages are made of (RFC 4251, section 5).
 *
 * Layer L0.
 */

#include "dpWire.h"

static const char base64Digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
DpWireInit(DpWire *wirePtr, const void *bytes, size_t length)
{
    wirePtr->bytes = bytes;
    wirePtr->left = length;
    wirePtr->failed = false;
}

const unsigned char *
DpWireBytes(DpWire *wirePtr, size_t length)
{
    const unsigned char *bytes = wirePtr->bytes;

    if (wirePtr->failed || length > wirePtr->left || bytes == NULL) {
	wirePtr->failed = true;
	return NULL;
    }
    wirePtr->bytes += length;
    wirePtr->left -= length;
    return bytes;
}

uint8_t
DpWireByte(DpWire *wirePtr)
{
    const unsigned char *bytes = DpWireBytes(wirePtr, 1);

    return bytes != NULL ? bytes[0] : 0;
}

uint32_t
DpWireNumber(DpWire *wirePtr)
{
    const unsigned char *bytes = DpWireBytes(wirePtr, 4);

    if (bytes == NULL) {
	return 0;
    }
    return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16
	    | (uint32_t) bytes[2] << 8 | bytes[3];
}

const unsigned char *
DpWireString(DpWire *wirePtr, size_t *lengthPtr)
{
    size_t length = DpWireNumber(wirePtr);
    const unsigned char *bytes = DpWireBytes(wirePtr, length);

    *lengthPtr = bytes != NULL ? length : 0;
    return bytes;
}

char *
DpWireText(DpWire *wirePtr)
{
    size_t length;
    const unsigned char *bytes = DpWireString(wirePtr, &length);
    char *text;

    if (bytes == NULL || memchr(bytes, '\0', length) != NULL) {
	return NULL;
    }
    text = DpAlloc(length + 1);
    memcpy(text, bytes, length);
    return text;
}

const unsigned char *
DpWireMpint(DpWire *wirePtr, size_t *lengthPtr)
{
    const unsigned char *bytes = DpWireString(wirePtr, lengthPtr);

    if (bytes == NULL || *lengthPtr == 0) {
	return bytes;
    }
    if (bytes[0] & 0x80) {
	wirePtr->failed = true;
	*lengthPtr = 0;
	return NULL;
    }
    if (bytes[0] == 0) {
	bytes++;
	(*lengthPtr)--;
    }
    return bytes;
}

bool
DpWireNamed(const void *blob, size_t length, const char *name)
{
    DpWire wire;
    size_t count;
    const unsigned char *bytes;

    DpWireInit(&wire, blob, length);
    bytes = DpWireString(&wire, &count);
    return bytes != NULL && count == strlen(name)
	    && memcmp(bytes, name, count) == 0;
}

void
DpWirePutByte(DpBuf *bufPtr, uint8_t value)
{
    DpBufAppend(bufPtr, &value, 1);
}

void
DpWirePutNumber(DpBuf *bufPtr, uint32_t value)
{
    unsigned char bytes[4] = {
	(unsigned char) (value >> 24), (unsigned char) (value >> 16),
	(unsigned char) (value >> 8), (unsigned char) value
    };

    DpBufAppend(bufPtr, bytes, 4);
}

void
DpWirePutString(DpBuf *bufPtr, const void *bytes, size_t length)
{
    DpWirePutNumber(bufPtr, (uint32_t) length);
    DpBufAppend(bufPtr, bytes, length);
}

void
DpWirePutMpint(DpBuf *bufPtr, const unsigned char *bytes, size_t length)
{
    while (length > 0 && bytes[0] == 0) {
	bytes++;
	length--;
    }
    if (length > 0 && (bytes[0] & 0x80)) {
	DpWirePutNumber(bufPtr, (uint32_t) length + 1);
	DpWirePutByte(bufPtr, 0);
	DpBufAppend(bufPtr, bytes, length);
    } else {
	DpWirePutString(bufPtr, bytes, length);
    }
}

void
DpWirePutBase64(DpBuf *bufPtr, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;

    for (; length > 0; from += 3) {
	size_t count = length < 3 ? length : 3;
	uint32_t group = (uint32_t) from[0] << 16;
	char digits[4];

	if (count > 1) {
	    group |= (uint32_t) from[1] << 8;
	}
	if (count > 2) {
	    group |= from[2];
	}
	for (size_t i = 0; i < 4; i++) {
	    digits[i] = i <= count
		    ? base64Digits[group >> (18 - 6 * i) & 63] : '=';
	}
	DpBufAppend(bufPtr, digits, 4);
	length -= count;
    }
}

/* The value of a base64 digit, or -1. */
static int
DigitValue(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') {
	return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
	return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
	return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
DpWireFromBase64(DpBuf *bufPtr, const char *text, size_t length,
	bool skipSpace)
{
    unsigned char *to = DpBufReserve(bufPtr, length / 4 * 3 + 3);
    unsigned char *start = to;
    uint32_t group = 0;
    int numDigits = 0, numPads = 0;

    for (size_t i = 0; i < length; i++) {
	unsigned char c = (unsigned char) text[i];
	int value = DigitValue(c);

	if (skipSpace && (c == ' ' || (c >= '\t' && c <= '\r'))) {
	    continue;
	}
	if (c == '=' && numDigits + numPads < 4 && numDigits >= 2) {
	    numPads++;
	    continue;
	}
	if (value < 0 || numPads > 0) {
	    return false;
	}
	group = group << 6 | (uint32_t) value;
	if (++numDigits == 4) {
	    *to++ = (unsigned char) (group >> 16);
	    *to++ = (unsigned char) (group >> 8);
	    *to++ = (unsigned char) group;
	    numDigits = 0;
	    group = 0;
	}
    }
    if (numDigits != 0) {
	if (numDigits + numPads != 4) {
	    return false;
	}

	/* The bits behind the last byte have to be zero: one text, one blob. */
	group <<= 6 * numPads;
	if ((group & (numPads == 2 ? 0xFFFF : 0xFF)) != 0) {
	    return false;
	}
	*to++ = (unsigned char) (group >> 16);
	if (numPads == 1) {
	    *to++ = (unsigned char) (group >> 8);
	}
    }
    DpBufAdded(bufPtr, (size_t) (to - start));
    return true;
}

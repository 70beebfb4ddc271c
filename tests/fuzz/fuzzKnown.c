/*
 * fuzzKnown.c -- any text as a known_hosts file, any host looked up in it.
 *
 * The first line of the input is the host, the second the key in base64.
 */

#include "dpKnown.h"
#include "dpWire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the first line off the input, as a fresh string. */
static char *
TakeLine(const uint8_t **dataPtr, size_t *sizePtr)
{
    const uint8_t *newline = memchr(*dataPtr, '\n', *sizePtr);
    size_t length = newline != NULL ? (size_t) (newline - *dataPtr)
	    : *sizePtr;
    char *line = DpAlloc(length + 1);

    memcpy(line, *dataPtr, length);
    *dataPtr += length;
    *sizePtr -= length;
    if (newline != NULL) {
	*dataPtr += 1;
	*sizePtr -= 1;
    }
    return line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int ports[] = {0, 22, 2222};
    char *host, *base64, *text;
    DpBuf blob = {0};
    DpKnown *knownPtr;

    if (size == 0) {
	return 0;
    }
    host = TakeLine(&data, &size);
    base64 = TakeLine(&data, &size);
    DpWireFromBase64(&blob, base64, strlen(base64), true);
    text = DpAlloc(size);       /* exact: no byte behind it may be read */
    memcpy(text, data, size);
    knownPtr = DpKnownParse("known_hosts", text, size);
    DpFree(text);
    for (size_t i = 0; i < DP_ARRAY_SIZE(ports); i++) {
	const char *types[4];
	DpKnownPlace place;
	DpKnownStatus status = DpKnownCheck(knownPtr, host, ports[i],
		blob.bytes, DpBufLength(&blob), &place);
	int count = DpKnownTypes(knownPtr, host, ports[i], types, 4);

	/* A decision has a line, and a known key has its type. */
	if ((status == DP_KNOWN_UNKNOWN) != (place.line == 0)
		|| (status == DP_KNOWN_MATCH && count == 0)) {
	    abort();
	}
    }
    DpKnownDrop(knownPtr);
    DpBufFree(&blob);
    DpFree(host);
    DpFree(base64);
    return 0;
}

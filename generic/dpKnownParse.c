/*
 * dpKnownParse.c -- the text of a known_hosts file into rows that are sorted
 * by the hash of a plain name.
 *
 * Layer L2. So a thousand hosts can look themselves up in a file of a
 * thousand lines; only lines with patterns or hashed names are tried one by
 * one.
 */

#include "dpKnown.h"
#include "dpKnownInt.h"
#include "dpWire.h"

#include <stdlib.h>

void *
DpKnownGrow(void *array, int count, int *maxPtr, size_t size)
{
    if (count < *maxPtr) {
	return array;
    }
    *maxPtr = *maxPtr > 0 ? 2 * *maxPtr : 16;
    return DpRealloc(array, (size_t) *maxPtr * size);
}

static inline bool
IsBlank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* FNV-1a: spreads names, defends nothing (the file is the user's own). */
uint32_t
DpKnownHash(const char *name, size_t length)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++) {
	hash = (hash ^ (unsigned char) name[i]) * 16777619u;
    }
    return hash;
}

static size_t
PutText(DpKnownFile *filePtr, const void *bytes, size_t length)
{
    size_t offset = DpBufLength(&filePtr->text);

    DpBufAppend(&filePtr->text, bytes, length);
    DpBufAppend(&filePtr->text, "", 1);
    return offset;
}

/* The next word of a line, or NULL at its end. */
static const char *
NextWord(const char **atPtr, const char *end, size_t *lengthPtr)
{
    const char *at = *atPtr;
    const char *word;

    while (at < end && IsBlank(*at)) {
	at++;
    }
    word = at;
    while (at < end && !IsBlank(*at)) {
	at++;
    }
    *atPtr = at;
    *lengthPtr = (size_t) (at - word);
    return at > word ? word : NULL;
}

static inline bool
WordIs(const char *word, size_t length, const char *text)
{
    return length == strlen(text) && memcmp(word, text, length) == 0;
}

/* Takes "|1|salt|hash" apart into 20 + 20 bytes. */
static bool
ParseHashed(const char *names, size_t length, DpBuf *outPtr)
{
    const char *bar;
    const char *end = names + length;

    if (length < 3 || memcmp(names, "|1|", 3) != 0) {
	return false;
    }
    names += 3;
    bar = memchr(names, '|', (size_t) (end - names));
    return bar != NULL
	    && DpWireFromBase64(outPtr, names, (size_t) (bar - names), false)
	    && DpBufLength(outPtr) == DP_KNOWN_SALT_SIZE
	    && DpWireFromBase64(outPtr, bar + 1, (size_t) (end - bar - 1),
		false)
	    && DpBufLength(outPtr) == 2 * DP_KNOWN_SALT_SIZE;
}

/* Enters the names of the newest entry into the index, or its others. */
static void
IndexNames(DpKnownFile *filePtr)
{
    int index = filePtr->numEntries - 1;
    DpKnownEntry *entryPtr = &filePtr->entries[index];
    size_t at = entryPtr->names;
    size_t end = at + entryPtr->namesLength;

    if (entryPtr->kind != DP_KNOWN_PLAIN) {
	filePtr->others = DpKnownGrow(filePtr->others, filePtr->numOthers,
		&filePtr->maxOthers, sizeof(*filePtr->others));
	filePtr->others[filePtr->numOthers++] = index;
	return;
    }
    while (at < end) {
	const char *name = DpKnownText(filePtr, at);
	const char *comma = memchr(name, ',', end - at);
	size_t length = comma != NULL ? (size_t) (comma - name) : end - at;

	if (length == 0) {
	    at++;
	    continue;
	}
	filePtr->rows = DpKnownGrow(filePtr->rows, filePtr->numRows,
		&filePtr->maxRows, sizeof(*filePtr->rows));
	filePtr->rows[filePtr->numRows++] = (DpKnownRow) {
	    DpKnownHash(name, length), index, at, length
	};
	at += length + 1;
    }
}

/* Fills the names of an entry from the first word of a line. */
static bool
ParseNames(DpKnownFile *filePtr, DpKnownEntry *entryPtr, const char *names,
	size_t length)
{
    char *copy;

    if (names[0] == '|') {
	DpBuf hashed = {0};
	bool ok = ParseHashed(names, length, &hashed);

	if (ok) {
	    entryPtr->kind = DP_KNOWN_HASHED;
	    entryPtr->namesLength = 2 * DP_KNOWN_SALT_SIZE;
	    entryPtr->names = PutText(filePtr, DpBufData(&hashed),
		    2 * DP_KNOWN_SALT_SIZE);
	}
	DpBufFree(&hashed);
	return ok;
    }
    entryPtr->kind = DP_KNOWN_PLAIN;
    entryPtr->namesLength = length;
    entryPtr->names = PutText(filePtr, names, length);
    copy = (char *) filePtr->text.bytes + entryPtr->names;
    for (size_t i = 0; i < length; i++) {
	copy[i] = DpKnownLower(copy[i]);
	if (copy[i] == '*' || copy[i] == '?'
		|| (copy[i] == '!' && (i == 0 || copy[i - 1] == ','))) {
	    entryPtr->kind = DP_KNOWN_PATTERNS;
	}
    }
    return true;
}

/* One line; anything that is no entry is passed over, as ssh does. */
static void
ParseLine(DpKnownFile *filePtr, const char *at, size_t length, int line)
{
    const char *end = at + length;
    const char *names, *type, *base64;
    size_t namesLength, typeLength, base64Length;
    size_t before = DpBufLength(&filePtr->text);
    DpKnownEntry entry = {.line = line};
    DpBuf blob = {0};

    if (length > DP_KNOWN_MAX_LINE || memchr(at, '\0', length) != NULL) {
	return;
    }
    names = NextWord(&at, end, &namesLength);
    if (names == NULL || names[0] == '#') {
	return;
    }
    if (names[0] == '@') {
	/* Keys of authorities are not used: no host certificates here. */
	if (!WordIs(names, namesLength, "@revoked")) {
	    return;
	}
	entry.revoked = true;
	names = NextWord(&at, end, &namesLength);
    }
    type = NextWord(&at, end, &typeLength);
    base64 = NextWord(&at, end, &base64Length);
    if (names == NULL || names[0] == '@' || type == NULL || base64 == NULL
	    || !DpWireFromBase64(&blob, base64, base64Length, false)) {
	goto done;
    }
    entry.type = PutText(filePtr, type, typeLength);
    if (!DpWireNamed(DpBufData(&blob), DpBufLength(&blob),
	    DpKnownText(filePtr, entry.type))
	    || !ParseNames(filePtr, &entry, names, namesLength)) {
	filePtr->text.end = filePtr->text.start + before;
	goto done;
    }
    entry.blobLength = DpBufLength(&blob);
    entry.blob = PutText(filePtr, DpBufData(&blob), entry.blobLength);
    filePtr->entries = DpKnownGrow(filePtr->entries, filePtr->numEntries,
	    &filePtr->maxEntries, sizeof(*filePtr->entries));
    filePtr->entries[filePtr->numEntries++] = entry;
    IndexNames(filePtr);

done:
    DpBufFree(&blob);
}

static int
CompareRows(const void *leftPtr, const void *rightPtr)
{
    uint32_t left = ((const DpKnownRow *) leftPtr)->hash;
    uint32_t right = ((const DpKnownRow *) rightPtr)->hash;

    return left < right ? -1 : left > right;
}

DpKnownFile *
DpKnownFileParse(const char *path, const char *text, size_t length)
{
    DpKnownFile *filePtr = DpAlloc(sizeof(*filePtr));
    int line = 0;

    atomic_init(&filePtr->refCount, 1);
    filePtr->path = DpStrdup(path);
    while (length > 0) {
	const char *newline = memchr(text, '\n', length);
	size_t count = newline != NULL ? (size_t) (newline - text) : length;

	ParseLine(filePtr, text, count, ++line);
	if (newline == NULL) {
	    break;
	}
	text += count + 1;
	length -= count + 1;
    }
    if (filePtr->numRows > 1) {
	qsort(filePtr->rows, (size_t) filePtr->numRows,
		sizeof(*filePtr->rows), CompareRows);
    }
    return filePtr;
}

void
DpKnownFileDrop(DpKnownFile *filePtr)
{
    if (filePtr == NULL || atomic_fetch_sub(&filePtr->refCount, 1) != 1) {
	return;
    }
    DpFree(filePtr->path);
    DpBufFree(&filePtr->text);
    DpFree(filePtr->entries);
    DpFree(filePtr->rows);
    DpFree(filePtr->others);
    DpFree(filePtr);
}

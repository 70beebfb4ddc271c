/*
 * dpKnownInt.h -- a parsed known_hosts file, between the files of dpKnown.
 *
 * Layer L2.
 */

#ifndef DP_KNOWN_INT_H
#define DP_KNOWN_INT_H

#include "dpBuf.h"

#include <stdatomic.h>

/* Of the salt and of the hash of a hashed name. */
#define DP_KNOWN_SALT_SIZE 20

typedef enum DpKnownKind {
    DP_KNOWN_PLAIN,             /* every name has a row in the index */
    DP_KNOWN_PATTERNS,          /* some name has * ? or a leading ! */
    DP_KNOWN_HASHED
} DpKnownKind;

/* Strings and blobs are offsets into the text of their file. */
typedef struct DpKnownEntry {
    int line;
    DpKnownKind kind;
    bool revoked;
    size_t names, namesLength;  /* the list; salt and hash when hashed */
    size_t type;                /* NUL-terminated */
    size_t blob, blobLength;
} DpKnownEntry;

typedef struct DpKnownRow {
    uint32_t hash;
    int entry;
    size_t name, nameLength;
} DpKnownRow;

/* A parsed file. Counted; does not change once it is made. */
typedef struct DpKnownFile {
    atomic_int refCount;
    char *path;
    DpBuf text;
    DpKnownEntry *entries;
    int numEntries, maxEntries;
    DpKnownRow *rows;           /* sorted by hash */
    int numRows, maxRows;
    int *others;                /* entries that are not DP_KNOWN_PLAIN */
    int numOthers, maxOthers;
} DpKnownFile;

/* The lines that speak of a host, as indices of entries in their order. */
typedef struct DpKnownMatches {
    int *indices;
    int count, max;
} DpKnownMatches;

static inline const char *
DpKnownText(const DpKnownFile *filePtr, size_t offset)
{
    return (const char *) filePtr->text.bytes + offset;
}

static inline char
DpKnownLower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

MODULE_SCOPE uint32_t DpKnownHash(const char *name, size_t length);

/* Makes room for one more element in an array that doubles. */
MODULE_SCOPE void *DpKnownGrow(void *array, int count, int *maxPtr,
	size_t size);

/* The caller owns one reference; Drop allows NULL. */
MODULE_SCOPE DpKnownFile *DpKnownFileParse(const char *path,
	const char *text, size_t length);
MODULE_SCOPE void DpKnownFileDrop(DpKnownFile *filePtr);

/* The name that a host has in the files: lower case, [host]:port. */
MODULE_SCOPE char *DpKnownName(const char *host, int port);

/* Replaces what is in matchesPtr by all lines for a name, in their order. */
MODULE_SCOPE void DpKnownFileFind(const DpKnownFile *filePtr,
	const char *name, DpKnownMatches *matchesPtr);

/* Appends "|1|salt|hash" for a name, with a new salt. */
MODULE_SCOPE bool DpKnownPutHashed(DpBuf *bufPtr, const char *name);

#endif

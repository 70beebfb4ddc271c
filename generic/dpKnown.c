/*
 * dpKnown.c -- the known_hosts files of OpenSSH (sshd(8)): which keys belong
 * to which host.
 *
 * Layer L2.
 */

#include "dpKnown.h"
#include "dpDisk.h"
#include "dpKnownInt.h"
#include "dpLock.h"
#include "dpWire.h"

#include <errno.h>
#include <openssl/evp.h>

struct DpKnown {
    atomic_int refCount;
    int numFiles;
    DpKnownFile **files;
};

typedef struct CacheEntry {
    struct CacheEntry *nextPtr;
    DpDiskStamp stamp;
    DpKnownFile *filePtr;
} CacheEntry;

struct DpKnownCache {
    DpLock *lockPtr;
    CacheEntry *firstPtr;
};

/*
 * Loading.
 */

DpKnownCache *
DpKnownCacheNew(void)
{
    DpKnownCache *cachePtr = DpAlloc(sizeof(*cachePtr));

    cachePtr->lockPtr = DpLockNew();
    return cachePtr;
}

void
DpKnownCacheFree(DpKnownCache *cachePtr)
{
    CacheEntry *entryPtr, *nextPtr;

    if (cachePtr == NULL) {
	return;
    }
    for (entryPtr = cachePtr->firstPtr; entryPtr != NULL;
	    entryPtr = nextPtr) {
	nextPtr = entryPtr->nextPtr;
	DpKnownFileDrop(entryPtr->filePtr);
	DpFree(entryPtr);
    }
    DpLockFree(cachePtr->lockPtr);
    DpFree(cachePtr);
}

/* A new reference to the file at path, or NULL and its errno value. */
static DpKnownFile *
ReadFile(const char *path, DpDiskStamp *stampPtr, int *resultPtr)
{
    DpBuf text = {0};
    DpKnownFile *filePtr = NULL;

    memset(stampPtr, 0, sizeof(*stampPtr));
    *resultPtr = DpDiskRead(path, DP_KNOWN_MAX_FILE, &text, stampPtr);
    if (*resultPtr == ENOENT || *resultPtr == ENOTDIR) {
	*resultPtr = 0;
	filePtr = DpKnownFileParse(path, "", 0);
    } else if (*resultPtr == 0) {
	filePtr = DpKnownFileParse(path, DpBufLength(&text) > 0
		? (const char *) DpBufData(&text) : "", DpBufLength(&text));
    }
    DpBufFree(&text);
    return filePtr;
}

/* The same by way of the cache, whose lock is held. */
static DpKnownFile *
ReadCached(DpKnownCache *cachePtr, const char *path, int *resultPtr)
{
    CacheEntry *entryPtr;
    DpDiskStamp stamp;

    for (entryPtr = cachePtr->firstPtr; entryPtr != NULL;
	    entryPtr = entryPtr->nextPtr) {
	if (strcmp(entryPtr->filePtr->path, path) == 0) {
	    break;
	}
    }
    *resultPtr = DpDiskStat(path, &stamp);
    if (*resultPtr != 0 || entryPtr == NULL
	    || memcmp(&entryPtr->stamp, &stamp, sizeof(stamp)) != 0) {
	DpKnownFile *filePtr = ReadFile(path, &stamp, resultPtr);

	if (filePtr == NULL) {
	    return NULL;
	}
	if (entryPtr == NULL) {
	    entryPtr = DpAlloc(sizeof(*entryPtr));
	    entryPtr->nextPtr = cachePtr->firstPtr;
	    cachePtr->firstPtr = entryPtr;
	} else {
	    DpKnownFileDrop(entryPtr->filePtr);
	}
	entryPtr->filePtr = filePtr;
	entryPtr->stamp = stamp;
    }
    atomic_fetch_add(&entryPtr->filePtr->refCount, 1);
    return entryPtr->filePtr;
}

static DpKnown *
NewKnown(int maxFiles)
{
    DpKnown *knownPtr = DpAlloc(sizeof(*knownPtr));

    atomic_init(&knownPtr->refCount, 1);
    knownPtr->files = DpAlloc((size_t) maxFiles * sizeof(*knownPtr->files));
    return knownPtr;
}

DpKnown *
DpKnownLoad(DpKnownCache *cachePtr, const char *slug, int numFiles,
	const char *const *files, DpError *errPtr)
{
    DpKnown *knownPtr = NewKnown(numFiles);

    for (int i = 0; i < numFiles; i++) {
	DpKnownFile *filePtr;
	DpDiskStamp stamp;
	int result;

	if (cachePtr != NULL) {
	    DpLockTake(cachePtr->lockPtr);
	    filePtr = ReadCached(cachePtr, files[i], &result);
	    DpLockGive(cachePtr->lockPtr);
	} else {
	    filePtr = ReadFile(files[i], &stamp, &result);
	}
	if (filePtr == NULL) {
	    DpDiskError(errPtr, result, slug, files[i],
		    "read the known hosts file");
	    DpKnownDrop(knownPtr);
	    return NULL;
	}
	knownPtr->files[knownPtr->numFiles++] = filePtr;
    }
    return knownPtr;
}

DpKnown *
DpKnownParse(const char *name, const char *text, size_t length)
{
    DpKnown *knownPtr = NewKnown(1);

    knownPtr->files[0] = DpKnownFileParse(name, text, length);
    knownPtr->numFiles = 1;
    return knownPtr;
}

void
DpKnownHold(DpKnown *knownPtr)
{
    atomic_fetch_add(&knownPtr->refCount, 1);
}

void
DpKnownDrop(DpKnown *knownPtr)
{
    if (knownPtr == NULL || atomic_fetch_sub(&knownPtr->refCount, 1) != 1) {
	return;
    }
    for (int i = 0; i < knownPtr->numFiles; i++) {
	DpKnownFileDrop(knownPtr->files[i]);
    }
    DpFree(knownPtr->files);
    DpFree(knownPtr);
}

/* What one line says of a key. */
static DpKnownStatus
JudgeEntry(const DpKnownFile *filePtr, const DpKnownEntry *entryPtr,
	const void *blob, size_t length)
{
    bool equal = entryPtr->blobLength == length
	    && memcmp(DpKnownText(filePtr, entryPtr->blob), blob, length) == 0;

    if (entryPtr->revoked) {
	return equal ? DP_KNOWN_REVOKED : DP_KNOWN_UNKNOWN;
    }
    if (equal) {
	return DP_KNOWN_MATCH;
    }
    return DpWireNamed(blob, length, DpKnownText(filePtr, entryPtr->type))
	    ? DP_KNOWN_CHANGED : DP_KNOWN_OTHER_TYPE;
}

/* How much a line's word counts against that of others. */
static int
StatusWeight(DpKnownStatus status)
{
    switch (status) {
    case DP_KNOWN_UNKNOWN:
	return 0;
    case DP_KNOWN_OTHER_TYPE:
	return 1;
    case DP_KNOWN_CHANGED:
	return 2;
    case DP_KNOWN_MATCH:
	return 3;
    case DP_KNOWN_REVOKED:
	break;
    }
    return 4;
}

DpKnownStatus
DpKnownCheck(const DpKnown *knownPtr, const char *host, int port,
	const void *blob, size_t length, DpKnownPlace *placePtr)
{
    char *name = DpKnownName(host, port);
    DpKnownStatus status = DP_KNOWN_UNKNOWN;
    DpKnownPlace place = {NULL, 0};
    DpKnownMatches matches = {0};

    for (int i = 0; i < knownPtr->numFiles; i++) {
	const DpKnownFile *filePtr = knownPtr->files[i];

	DpKnownFileFind(filePtr, name, &matches);
	for (int j = 0; j < matches.count; j++) {
	    const DpKnownEntry *entryPtr =
		    &filePtr->entries[matches.indices[j]];
	    DpKnownStatus said = JudgeEntry(filePtr, entryPtr, blob, length);

	    if (StatusWeight(said) > StatusWeight(status)) {
		status = said;
		place.file = filePtr->path;
		place.line = entryPtr->line;
	    }
	}
    }
    DpFree(matches.indices);
    DpFree(name);
    if (placePtr != NULL) {
	*placePtr = place;
    }
    return status;
}

int
DpKnownTypes(const DpKnown *knownPtr, const char *host, int port,
	const char **types, int max)
{
    char *name = DpKnownName(host, port);
    DpKnownMatches matches = {0};
    int count = 0;

    for (int i = 0; i < knownPtr->numFiles; i++) {
	const DpKnownFile *filePtr = knownPtr->files[i];

	DpKnownFileFind(filePtr, name, &matches);
	for (int j = 0; j < matches.count && count < max; j++) {
	    const DpKnownEntry *entryPtr =
		    &filePtr->entries[matches.indices[j]];
	    const char *type = DpKnownText(filePtr, entryPtr->type);
	    int k = 0;

	    while (k < count && strcmp(types[k], type) != 0) {
		k++;
	    }
	    if (k == count && !entryPtr->revoked) {
		types[count++] = type;
	    }
	}
    }
    DpFree(matches.indices);
    DpFree(name);
    return count;
}

/*
 * Writing.
 */

/* A name that stays one word and stands for itself alone in the file. */
static bool
IsPlainName(const char *name)
{
    if (name[0] == '\0' || strchr("@#|!", name[0]) != NULL) {
	return false;
    }
    for (; *name != '\0'; name++) {
	if ((unsigned char) *name <= ' ' || *name == 0x7f
		|| strchr(",*?", *name) != NULL) {
	    return false;
	}
    }
    return true;
}

/* The type in front of a key blob, if it is one word. */
static char *
BlobType(const void *blob, size_t length)
{
    DpWire wire;
    char *type;

    DpWireInit(&wire, blob, length);
    type = DpWireText(&wire);
    if (type != NULL && !IsPlainName(type)) {
	DpFree(type);
	return NULL;
    }
    return type;
}

bool
DpKnownAppend(const char *slug, const char *file, const char *host, int port,
	const void *blob, size_t length, bool hashed, DpError *errPtr)
{
    char *name = DpKnownName(host, port);
    char *type = BlobType(blob, length);
    DpBuf line = {0};
    int result = EINVAL;

    if (type == NULL || !IsPlainName(name)) {
	goto done;
    }
    if (!hashed) {
	DpBufAppend(&line, name, strlen(name));
    } else if (!DpKnownPutHashed(&line, name)) {
	goto done;
    }
    DpBufAppend(&line, " ", 1);
    DpBufAppend(&line, type, strlen(type));
    DpBufAppend(&line, " ", 1);
    DpWirePutBase64(&line, blob, length);
    DpBufAppend(&line, "\n", 1);
    result = DpDiskAppendLine(file, (const char *) DpBufData(&line),
	    DpBufLength(&line));

done:
    if (result != 0) {
	DpDiskError(errPtr, result, slug, file,
		"add a host key to the known hosts file");
    }
    DpBufFree(&line);
    DpFree(type);
    DpFree(name);
    return result == 0;
}

void
DpKnownFingerprint(const void *blob, size_t length,
	char out[DP_FINGERPRINT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digestLength = 0;
    DpBuf text = {0};
    size_t count;

    out[0] = '\0';
    if (EVP_Digest(blob, length, digest, &digestLength, EVP_sha256(), NULL)
	    != 1) {
	return;
    }
    DpBufAppend(&text, "SHA256:", 7);
    DpWirePutBase64(&text, digest, digestLength);
    count = DpBufLength(&text);
    while (count > 0 && DpBufData(&text)[count - 1] == '=') {
	count--;
    }
    memcpy(out, DpBufData(&text), count);
    out[count] = '\0';
    DpBufFree(&text);
}

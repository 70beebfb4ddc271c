/*
 * dpKnown.h -- the known_hosts files of OpenSSH (sshd(8)): which keys belong
 * to which host.
 *
 * Layer L2. All functions may be called in any thread; a DpKnown does not
 * change once it is loaded.
 */

#ifndef DP_KNOWN_H
#define DP_KNOWN_H

#include "dpError.h"

#define DP_KNOWN_MAX_FILE (16 * 1024 * 1024)
#define DP_KNOWN_MAX_LINE (64 * 1024)   /* longer lines are skipped */
#define DP_FINGERPRINT_SIZE 64

/* What one or more known_hosts files say, in their order. Counted. */
typedef struct DpKnown DpKnown;

/*
 * Parsed files, shared by all hosts that name them: a file is read again only
 * when its time, size or inode have changed. May be used by several threads
 * at once. What was loaded outlives the cache.
 */
typedef struct DpKnownCache DpKnownCache;

typedef enum DpKnownStatus {
    DP_KNOWN_UNKNOWN,           /* nothing is recorded for the host */
    DP_KNOWN_MATCH,
    DP_KNOWN_OTHER_TYPE,        /* only keys of other types are recorded; ssh
				 * treats this as it does a changed key */
    DP_KNOWN_CHANGED,           /* another key of this type is recorded */
    DP_KNOWN_REVOKED            /* the key is marked @revoked */
} DpKnownStatus;

/* The line that decided; file is NULL where there is none. */
typedef struct DpKnownPlace {
    const char *file;           /* belongs to the DpKnown */
    int line;                   /* from 1 */
} DpKnownPlace;

MODULE_SCOPE DpKnownCache *DpKnownCacheNew(void);
MODULE_SCOPE void DpKnownCacheFree(DpKnownCache *cachePtr);

/*
 * Loads files (paths in the native encoding; "~" is not expanded). A missing
 * file counts as empty. One that cannot be read, is no file or is too large
 * gives NULL and the error {FILE <POSIXNAME> slug path}. The cache may be
 * NULL. The caller owns one reference.
 */
MODULE_SCOPE DpKnown *DpKnownLoad(DpKnownCache *cachePtr, const char *slug,
	int numFiles, const char *const *files, DpError *errPtr);

/* The same from text; name is what places call it. */
MODULE_SCOPE DpKnown *DpKnownParse(const char *name, const char *text,
	size_t length);

MODULE_SCOPE void DpKnownHold(DpKnown *knownPtr);
MODULE_SCOPE void DpKnownDrop(DpKnown *knownPtr);  /* NULL is allowed */

/*
 * What is known of the key (an SSH wire blob) for a host. A port other than
 * 22 is looked up as [host]:port alone. placePtr may be NULL.
 */
MODULE_SCOPE DpKnownStatus DpKnownCheck(const DpKnown *knownPtr,
	const char *host, int port, const void *blob, size_t length,
	DpKnownPlace *placePtr);

/*
 * The key types recorded for a host ("ssh-ed25519", "ssh-rsa", ...), in their
 * order and each once, at most max of them; the strings belong to knownPtr.
 * Returns how many. An "ssh-rsa" key is what the host key algorithms
 * rsa-sha2-512 and rsa-sha2-256 use as well.
 */
MODULE_SCOPE int DpKnownTypes(const DpKnown *knownPtr, const char *host,
	int port, const char **types, int max);

/*
 * Appends a line for the key to file in one write under a lock, so that
 * processes that append at once do not mix. Makes the file (0600) and its
 * directory (0700) where they are missing. With hashed the host's name is not
 * readable in the file. False and {FILE <POSIXNAME> slug path} on failure.
 */
MODULE_SCOPE bool DpKnownAppend(const char *slug, const char *file,
	const char *host, int port, const void *blob, size_t length,
	bool hashed, DpError *errPtr);

/* "SHA256:..." as ssh-keygen -l prints it, into out. */
MODULE_SCOPE void DpKnownFingerprint(const void *blob, size_t length,
	char out[DP_FINGERPRINT_SIZE]);

#endif

/*
 * dpSshHostKey.c -- is it the right server? And which algorithms are used.
 *
 * Layer L2. Host keys are compared with known_hosts (sshd(8)).
 */

#include "dpSshInt.h"

#include "dpCpu.h"

#include <stdio.h>

/* Key types in the order that OpenSSH prefers them in. */
static const char *const keyTypes[] = {
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521", "ssh-rsa"
};

/*
 * With instructions for AES the modes of AES are several times faster than
 * ChaCha20; without, it is the other way round, and tables for AES can be seen in
 * the cache.
 */
#define CHACHA "chacha20-poly1305@openssh.com"
#define GCM "aes128-gcm@openssh.com,aes256-gcm@openssh.com"
#define CTR "aes128-ctr,aes192-ctr,aes256-ctr"
#define MACS "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com," \
	"hmac-sha2-256,hmac-sha2-512,hmac-sha1"

bool
DpSshKnownLoad(DpSsh *sshPtr)
{
    DpSshConfig *configPtr = &sshPtr->config;

    sshPtr->knownPtr = DpKnownLoad(sshPtr->sharedPtr->knownPtr,
	    configPtr->slug, configPtr->numKnownFiles,
	    (const char *const *) configPtr->knownFiles, &sshPtr->error);
    if (sshPtr->knownPtr == NULL) {
	DpError err = sshPtr->error;

	memset(&sshPtr->error, 0, sizeof(sshPtr->error));
	DpSshFailData(sshPtr, err.code, err.numData > 1 ? err.data[1] : NULL,
		NULL, "cannot connect to %s: %s", configPtr->slug,
		err.message);
	DpErrorClear(&err);
	return false;
    }
    return true;
}

static void
AppendType(DpBuf *listPtr, const char *type)
{
    const char *names = strcmp(type, "ssh-rsa") == 0
	    ? "rsa-sha2-512,rsa-sha2-256,ssh-rsa" : type;

    if (DpBufLength(listPtr) > 0) {
	DpBufAppend(listPtr, ",", 1);
    }
    DpBufAppend(listPtr, names, strlen(names));
}

static bool
HasType(const char *const *types, int count, const char *type)
{
    for (int i = 0; i < count; i++) {
	if (strcmp(types[i], type) == 0) {
	    return true;
	}
    }
    return false;
}

/*
 * Key types that known_hosts has for the host stand first: a server with
 * several keys must show one that we can check. Among these, and behind them, it
 * is OpenSSH's order.
 */
static char *
HostKeyAlgorithms(DpSsh *sshPtr)
{
    const int numTypes = (int) DP_ARRAY_SIZE(keyTypes);
    const char *known[16];
    int count = DpKnownTypes(sshPtr->knownPtr, sshPtr->config.address,
	    sshPtr->config.port, known, (int) DP_ARRAY_SIZE(known));
    DpBuf list = {0};

    if (count == 0 && sshPtr->config.port != 22) {
	count = DpKnownTypes(sshPtr->knownPtr, sshPtr->config.address, 22,
		known, (int) DP_ARRAY_SIZE(known));
    }
    for (int i = 0; i < numTypes; i++) {
	if (HasType(known, count, keyTypes[i])) {
	    AppendType(&list, keyTypes[i]);
	}
    }
    for (int i = 0; i < count; i++) {
	if (!HasType(keyTypes, numTypes, known[i])) {
	    AppendType(&list, known[i]);
	}
    }
    for (int i = 0; i < numTypes; i++) {
	if (!HasType(known, count, keyTypes[i])) {
	    AppendType(&list, keyTypes[i]);
	}
    }
    DpBufAppend(&list, "", 1);
    return (char *) list.bytes;
}

/* Those names of a comma list that this libssh2 knows; "" for none. */
static char *
Supported(DpSsh *sshPtr, int method, const char *list)
{
    const char **names = NULL;
    int count = libssh2_session_supported_algs(sshPtr->session, method,
	    &names);
    char *kept = DpAlloc(strlen(list) + 1);
    size_t used = 0;

    while (*list != '\0') {
	size_t length = strcspn(list, ",");

	for (int i = 0; i < count; i++) {
	    if (strlen(names[i]) == length
		    && strncmp(names[i], list, length) == 0) {
		if (used > 0) {
		    kept[used++] = ',';
		}
		memcpy(kept + used, list, length);
		used += length;
		break;
	    }
	}
	list += length + (list[length] == ',');
    }
    if (names != NULL) {
	libssh2_free(sshPtr->session, names);
    }
    return kept;
}

/*
 * Unknown names are taken out here: libssh2 does it with a memcpy of ranges
 * that overlap.
 */
static bool
SetMethod(DpSsh *sshPtr, int method, const char *option, const char *list)
{
    char *kept = Supported(sshPtr, method, list);
    bool ok = kept[0] != '\0'
	    && libssh2_session_method_pref(sshPtr->session, method, kept)
		    == 0;

    DpFree(kept);
    if (!ok) {
	DpSshFail(sshPtr, "CONNECT KEX", "cannot connect to %s: libssh2 %s"
		" knows none of %s \"%s\"", sshPtr->config.slug,
		libssh2_version(0), option, list);
    }
    return ok;
}

const char *
DpSshCiphers(void)
{
    return DpCpuHasAes() ? GCM "," CTR "," CHACHA : CHACHA "," GCM "," CTR;
}

bool
DpSshSetMethods(DpSsh *sshPtr)
{
    DpSshConfig *configPtr = &sshPtr->config;
    const char *ciphers = configPtr->ciphers != NULL ? configPtr->ciphers
	    : DpSshCiphers();
    const char *macs = configPtr->macs != NULL ? configPtr->macs : MACS;
    char *types = configPtr->hostKeyAlgorithms != NULL
	    ? DpStrdup(configPtr->hostKeyAlgorithms)
	    : HostKeyAlgorithms(sshPtr);
    bool ok = SetMethod(sshPtr, LIBSSH2_METHOD_CRYPT_CS, "-ciphers", ciphers)
	    && SetMethod(sshPtr, LIBSSH2_METHOD_CRYPT_SC, "-ciphers", ciphers)
	    && SetMethod(sshPtr, LIBSSH2_METHOD_MAC_CS, "-macs", macs)
	    && SetMethod(sshPtr, LIBSSH2_METHOD_MAC_SC, "-macs", macs)
	    && SetMethod(sshPtr, LIBSSH2_METHOD_HOSTKEY,
		    "-hostkeyalgorithms", types);

    DpFree(types);
    if (ok && configPtr->kex != NULL) {
	char list[2048];

	/*
	 * Two entries of the list are signals to the server and no methods:
	 * without them it sends no extension info, and its packets can be cut
	 * (Terrapin). libssh2 1.10 does not know them and leaves them out.
	 */
	snprintf(list, sizeof(list),
		"%s,ext-info-c,kex-strict-c-v00@openssh.com", configPtr->kex);
	ok = SetMethod(sshPtr, LIBSSH2_METHOD_KEX, "-kex", configPtr->kex)
		&& SetMethod(sshPtr, LIBSSH2_METHOD_KEX, "-kex", list);
    }
    if (ok && configPtr->compression) {
	libssh2_session_flag(sshPtr->session, LIBSSH2_FLAG_COMPRESS, 1);
    }
    return ok;
}

/* "ssh-ed25519" out of the wire blob of a key. */
static char *
BlobType(const unsigned char *blob, size_t length)
{
    size_t size;
    char *type;

    if (length < 4) {
	return DpStrdup("");
    }
    size = (size_t) blob[0] << 24 | (size_t) blob[1] << 16
	    | (size_t) blob[2] << 8 | blob[3];
    if (size > length - 4 || size > 64) {
	return DpStrdup("");
    }
    type = DpAlloc(size + 1);
    memcpy(type, blob + 4, size);
    return type;
}

static void
RefuseChanged(DpSsh *sshPtr, DpKnownStatus status,
	const DpKnownPlace *placePtr)
{
    const DpSshConfig *configPtr = &sshPtr->config;

    if (status == DP_KNOWN_REVOKED) {
	DpSshFailData(sshPtr, "HOSTKEY CHANGED",
		sshPtr->fingerprint, NULL, "the host key %s %s of %s"
		" (%s port %d) is marked as revoked in %s line %d; do not"
		" trust this server", sshPtr->hostKeyType,
		sshPtr->fingerprint, configPtr->slug, configPtr->address,
		configPtr->port, placePtr->file, placePtr->line);
    } else if (LIBSSH2_VERSION_NUM < 0x010b00
	    && status == DP_KNOWN_OTHER_TYPE) {
	/* The server's RSA key could not be asked for, were that the one. */
	DpSshFailData(sshPtr, "HOSTKEY CHANGED",
		sshPtr->fingerprint, NULL, "the host key of %s (%s port %d)"
		" has changed: it now shows %s %s, and %s line %d has a key of"
		" another type. If that is an RSA key it may still be right:"
		" this libssh2 (" LIBSSH2_VERSION ") cannot check those of"
		" servers since OpenSSH 8.8. Then check the new key and add"
		" it, or use libssh2 1.11",
		configPtr->slug, configPtr->address, configPtr->port,
		sshPtr->hostKeyType, sshPtr->fingerprint, placePtr->file,
		placePtr->line);
    } else {
	DpSshFailData(sshPtr, "HOSTKEY CHANGED",
		sshPtr->fingerprint, NULL, "the host key of %s (%s port %d)"
		" has changed: it now shows %s %s, which is not the key in"
		" %s line %d; somebody may stand between you and the host."
		" If the key was changed on purpose, remove that line",
		configPtr->slug, configPtr->address, configPtr->port,
		sshPtr->hostKeyType, sshPtr->fingerprint, placePtr->file,
		placePtr->line);
    }
}

static void
RefuseUnknown(DpSsh *sshPtr)
{
    const DpSshConfig *configPtr = &sshPtr->config;

    DpSshFailData(sshPtr, "HOSTKEY UNKNOWN", sshPtr->fingerprint, NULL,
	    "the host key of %s (%s port %d) is"
	    " not known: %s %s; check it, then add it to %s or use -hostkey"
	    " accept-new", configPtr->slug, configPtr->address,
	    configPtr->port, sshPtr->hostKeyType, sshPtr->fingerprint,
	    configPtr->numKnownFiles > 0 ? configPtr->knownFiles[0]
	    : "a known_hosts file");
}

/* What known_hosts says of the key. */
static DpKnownStatus
Judge(const DpSsh *sshPtr, const char *blob, size_t length,
	DpKnownPlace *placePtr)
{
    const DpSshConfig *configPtr = &sshPtr->config;
    DpKnownStatus status = DpKnownCheck(sshPtr->knownPtr, configPtr->address,
	    configPtr->port, blob, length, placePtr);

    if (status == DP_KNOWN_UNKNOWN && configPtr->port != 22
	    && DpKnownCheck(sshPtr->knownPtr, configPtr->address, 22, blob,
		    length, NULL) == DP_KNOWN_MATCH) {
	/* ssh(1) takes the host's own key at another of its ports as well. */
	status = DP_KNOWN_MATCH;
    }
    return status;
}

/*
 * Records an accepted key, unless that has been done meanwhile. A file that
 * can't be written, or has another key by now, fails the session.
 */
static bool
Record(DpSsh *sshPtr, const char *blob, size_t length)
{
    const DpSshConfig *configPtr = &sshPtr->config;
    DpError err = {0};
    DpKnown *knownPtr;

    if (configPtr->numKnownFiles == 0) {
	return true;
    }
    knownPtr = DpKnownLoad(sshPtr->sharedPtr->knownPtr, configPtr->slug,
	    configPtr->numKnownFiles,
	    (const char *const *) configPtr->knownFiles, &err);
    if (knownPtr != NULL) {
	DpKnownPlace place = {NULL, 0};
	DpKnownStatus status;

	DpKnownDrop(sshPtr->knownPtr);
	sshPtr->knownPtr = knownPtr;
	status = Judge(sshPtr, blob, length, &place);
	if (status == DP_KNOWN_MATCH) {
	    return true;
	}
	if (status != DP_KNOWN_UNKNOWN) {
	    RefuseChanged(sshPtr, status, &place);
	    return false;
	}
	if (DpKnownAppend(configPtr->slug, configPtr->knownFiles[0],
		configPtr->address, configPtr->port, blob, length, false,
		&err)) {
	    return true;
	}
    }
    DpSshFailData(sshPtr, err.code, configPtr->knownFiles[0], NULL,
	    "cannot connect to %s: %s", configPtr->slug, err.message);
    DpErrorClear(&err);
    return false;
}

static void
Ask(DpSsh *sshPtr)
{
    static const char *const prompts[] = {
	"Are you sure you want to continue connecting (yes/no)? "
    };
    static const bool echo[] = {true};
    DpSshAsk ask = {
	.kind = DP_ASK_HOSTKEY,
	.name = sshPtr->config.slug,
	.instruction = "",
	.type = sshPtr->hostKeyType,
	.fingerprint = sshPtr->fingerprint,
	.numPrompts = 1,
	.prompts = prompts,
	.echo = echo,
    };

    sshPtr->verdict = DP_VERDICT_ASKED;
    if (DpSshAskOwner(sshPtr, &ask) == 0) {
	RefuseUnknown(sshPtr);
    }
}

bool
DpSshHostKeyStep(DpSsh *sshPtr)
{
    const DpSshConfig *configPtr = &sshPtr->config;
    DpKnownPlace place = {NULL, 0};
    DpKnownStatus status;
    size_t length;
    int type;
    const char *blob = libssh2_session_hostkey(sshPtr->session, &length,
	    &type);

    if (blob == NULL) {
	DpSshFail(sshPtr, "CONNECT KEX", "cannot connect to %s: the server"
		" has shown no host key", configPtr->slug);
	return false;
    }
    switch (sshPtr->verdict) {
    case DP_VERDICT_ASKED:
	return false;
    case DP_VERDICT_YES:
	return Record(sshPtr, blob, length);
    case DP_VERDICT_NO:
	RefuseUnknown(sshPtr);
	return false;
    case DP_VERDICT_NONE:
	break;
    }
    sshPtr->fingerprint = DpAlloc(DP_FINGERPRINT_SIZE);
    DpKnownFingerprint(blob, length, sshPtr->fingerprint);
    sshPtr->hostKeyType = BlobType((const unsigned char *) blob, length);
    status = Judge(sshPtr, blob, length, &place);
    switch (status) {
    case DP_KNOWN_MATCH:
	return true;
    case DP_KNOWN_CHANGED:
    case DP_KNOWN_OTHER_TYPE:
    case DP_KNOWN_REVOKED:
	RefuseChanged(sshPtr, status, &place);
	return false;
    case DP_KNOWN_UNKNOWN:
	break;
    }
    switch (configPtr->policy) {
    case DP_HOSTKEY_OFF:
	return true;
    case DP_HOSTKEY_ACCEPT_NEW:
	return Record(sshPtr, blob, length);
    case DP_HOSTKEY_ASK:
	Ask(sshPtr);
	return false;
    case DP_HOSTKEY_STRICT:
	RefuseUnknown(sshPtr);
	return false;
    }
    return false;
}

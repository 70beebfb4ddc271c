/*
 * keysKnown.c -- tests of known_hosts files, beside what ssh-keygen -F says
 * of the same files.
 */

#include "keys.h"

#include "dpKnown.h"
#include "dpWire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUM_KEYS 4

/* Public keys that the lines are made of; in blobs and as base64. */
typedef struct Keys {
    DpKeyPublic public[NUM_KEYS];
    char *text[NUM_KEYS];       /* "type base64" */
} Keys;

enum { ED_A, ED_B, EC, RSA };

static void
LoadKeys(const Tap *tapPtr, Keys *keysPtr)
{
    static const char *const names[NUM_KEYS] = {
	"ed25519-RFC4716.pub", "ed25519-PKCS8.pub", "ecdsa256-PEM.pub",
	"rsa-PEM.pub"
    };
    DpError error = {.code = ""};

    for (int i = 0; i < NUM_KEYS; i++) {
	size_t length;
	char *text = TapRead(tapPtr, names[i], &length);

	DpKeyPublicParse("slug", names[i], text, length, &keysPtr->public[i],
		&error);
	*strstr(text, " a comment") = '\0';
	keysPtr->text[i] = text;
    }
    DpErrorClear(&error);
}

static void
FreeKeys(Keys *keysPtr)
{
    for (int i = 0; i < NUM_KEYS; i++) {
	DpKeyPublicClear(&keysPtr->public[i]);
	DpFree(keysPtr->text[i]);
    }
}

static DpKnownStatus
Check(const DpKnown *knownPtr, const Keys *keysPtr, const char *host,
	int port, int key, int *linePtr)
{
    DpKnownPlace place;
    DpKnownStatus status = DpKnownCheck(knownPtr, host, port,
	    keysPtr->public[key].blob, keysPtr->public[key].length, &place);

    *linePtr = place.line;
    return status;
}

typedef struct Case {
    const char *host;
    int port;
    int key;
    DpKnownStatus status;
    int line;
} Case;

/* The file that most of the cases look into; %1..%4 are the keys. */
static const char fileText[] =
    "# a comment\n"                                             /* 1 */
    "\n"
    "plain,alias,10.0.0.1 %1\n"                                 /* 3 */
    "\t plain %3 with a comment\n"
    "[plain]:2222 %2\n"                                         /* 5 */
    "*.example.com,!bad.example.com %1\n"
    "h?st* %1\n"                                                /* 7 */
    "@revoked gone,plain %4\n"
    "gone %4\n"                                                 /* 9 */
    "@cert-authority * %1\n"
    "@strange plain2 %1\n"                                      /* 11 */
    "UPPER.Case %1\r\n"
    "garbage\n"                                                 /* 13 */
    "garbage ssh-ed25519\n"
    "garbage ssh-ed25519 AAAA\n"                                /* 15 */
    "garbage ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==\n"
    "|1|bad|bad %1\n"                                           /* 17 */
    "old 1024 35 1234567890\n"
    "[fe80::1%eth0]:22 %1\n"                                    /* 19 */
    "2001:db8::1 %1\n"
    "[2001:db8::1]:2022 %2\n"                                   /* 21 */
    "!only %1\n"
    ",, %1\n"                                                   /* 23 */
    "many %1\n"
    "many %2\n"                                                 /* 25 */
    "[*.example.com]:2222 %2\n"
    "@revoked * %3\n"                                           /* 27 */
    "last %1";

static const Case cases[] = {
    {"plain", 22, ED_A, DP_KNOWN_MATCH, 3},
    {"plain", 0, ED_A, DP_KNOWN_MATCH, 3},
    {"PLAIN", 22, ED_A, DP_KNOWN_MATCH, 3},
    {"alias", 22, ED_A, DP_KNOWN_MATCH, 3},
    {"10.0.0.1", 22, ED_A, DP_KNOWN_MATCH, 3},
    {"10.0.0.2", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"plai", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"plainx", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"plain", 22, ED_B, DP_KNOWN_CHANGED, 3},
    {"alias", 22, RSA, DP_KNOWN_OTHER_TYPE, 3},
    {"plain", 22, RSA, DP_KNOWN_REVOKED, 8},
    {"plain", 2222, ED_B, DP_KNOWN_MATCH, 5},
    {"plain", 2222, ED_A, DP_KNOWN_CHANGED, 5},
    {"plain", 2223, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"a.example.com", 22, ED_A, DP_KNOWN_MATCH, 6},
    {"A.B.Example.COM", 22, ED_A, DP_KNOWN_MATCH, 6},
    {".example.com", 22, ED_A, DP_KNOWN_MATCH, 6},
    {"example.com", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"bad.example.com", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"a.example.com", 2222, ED_B, DP_KNOWN_MATCH, 26},
    {"host7", 22, ED_A, DP_KNOWN_MATCH, 7},
    {"hst", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"gone", 22, RSA, DP_KNOWN_REVOKED, 8},
    {"gone", 22, ED_A, DP_KNOWN_OTHER_TYPE, 9},
    {"plain2", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"upper.case", 22, ED_A, DP_KNOWN_MATCH, 12},
    {"garbage", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"old", 22, RSA, DP_KNOWN_UNKNOWN, 0},
    {"2001:DB8::1", 22, ED_A, DP_KNOWN_MATCH, 20},
    {"2001:db8::1", 2022, ED_B, DP_KNOWN_MATCH, 21},
    {"only", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"", 22, ED_A, DP_KNOWN_UNKNOWN, 0},
    {"many", 22, ED_B, DP_KNOWN_MATCH, 25},
    {"many", 22, ED_A, DP_KNOWN_MATCH, 24},
    {"nobody", 22, EC, DP_KNOWN_REVOKED, 27},
    {"last", 22, ED_A, DP_KNOWN_MATCH, 28},
};

/* fileText with the keys put in. */
static void
FillText(const Keys *keysPtr, const char *format, DpBuf *bufPtr)
{
    for (; *format != '\0'; format++) {
	if (format[0] == '%' && format[1] >= '1' && format[1] <= '4') {
	    const char *text = keysPtr->text[*++format - '1'];

	    DpBufAppend(bufPtr, text, strlen(text));
	} else {
	    DpBufAppend(bufPtr, format, 1);
	}
    }
}

/* Whether ssh-keygen -F finds a host in a file of the directory. */
static bool
KeygenFinds(const Tap *tapPtr, const char *file, const char *host, int port)
{
    return port == 22 || port == 0
	    ? TapShell(tapPtr, "ssh-keygen -F '%s' -f %s", host, file)
	    : TapShell(tapPtr, "ssh-keygen -F '[%s]:%d' -f %s", host, port,
		file);
}

static void
TestCases(Tap *tapPtr, const Keys *keysPtr, const DpKnown *knownPtr,
	const char *file, bool lines)
{
    for (size_t i = 0; i < DP_ARRAY_SIZE(cases); i++) {
	const Case *casePtr = &cases[i];
	int line;
	DpKnownStatus status = Check(knownPtr, keysPtr, casePtr->host,
		casePtr->port, casePtr->key, &line);
	bool ok = status == casePtr->status
		&& (!lines || line == casePtr->line);

	/* Lines 10 and 27 are for all hosts, in ssh-keygen's eyes. */
	TapCheck(tapPtr, ok, "%s: \"%s\" port %d with key %d is %d at %d",
		file, casePtr->host, casePtr->port, casePtr->key,
		casePtr->status, casePtr->line);
	if (!ok) {
	    printf("# is %d at %d\n", status, line);
	}
    }
}

/* A file of many hosts, hashed by ssh-keygen, host by host like it. */
static void
TestHashed(Tap *tapPtr, const Keys *keysPtr)
{
    static const char *const hosts[] = {
	"alpha", "beta.example.com", "10.1.2.3", "2001:db8::7", "gamma"
    };
    DpBuf text = {0};
    DpError error = {.code = ""};
    char *path = TapPath(tapPtr, "hashed");
    DpKnown *knownPtr;
    bool same = true, found = true;
    int line;

    FillText(keysPtr, "alpha %1\nbeta.example.com,10.1.2.3 %3\n"
	    "[alpha]:2222 %2\n2001:db8::7 %1\n[2001:db8::7]:99 %4\n", &text);
    TapWrite(tapPtr, "hashed", (const char *) DpBufData(&text),
	    DpBufLength(&text));
    DpBufFree(&text);
    TapShell(tapPtr, "ssh-keygen -H -f hashed && ! grep alpha hashed");
    knownPtr = DpKnownLoad(NULL, "slug", 1, (const char *const *) &path,
	    &error);
    TapCheck(tapPtr, knownPtr != NULL
	    && Check(knownPtr, keysPtr, "alpha", 22, ED_A, &line)
		== DP_KNOWN_MATCH
	    && Check(knownPtr, keysPtr, "Alpha", 2222, ED_A, &line)
		== DP_KNOWN_CHANGED
	    && Check(knownPtr, keysPtr, "10.1.2.3", 22, EC, &line)
		== DP_KNOWN_MATCH
	    && Check(knownPtr, keysPtr, "2001:db8::7", 99, RSA, &line)
		== DP_KNOWN_MATCH
	    && Check(knownPtr, keysPtr, "beta", 22, EC, &line)
		== DP_KNOWN_UNKNOWN,
	    "names hashed by ssh-keygen -H are found");
    for (size_t i = 0; i < DP_ARRAY_SIZE(hosts); i++) {
	static const int ports[] = {22, 99, 2222};

	for (size_t j = 0; j < DP_ARRAY_SIZE(ports); j++) {
	    bool ours = Check(knownPtr, keysPtr, hosts[i], ports[j], ED_A,
		    &line) != DP_KNOWN_UNKNOWN;

	    found = found || ours;
	    same = same && ours == KeygenFinds(tapPtr, "hashed", hosts[i],
		    ports[j]);
	}
    }
    TapCheck(tapPtr, same && found, "they are those that ssh-keygen -F"
	    " finds");
    DpKnownDrop(knownPtr);
    DpErrorClear(&error);
    DpFree(path);
}

/* The same answer as ssh-keygen -F for the hand-made lines, one by one. */
static void
TestLikeKeygen(Tap *tapPtr, const Keys *keysPtr)
{
    static const char *const lists[] = {
	"a", "a,b", "b,a", "*", "?", "a*", "*a", "*a*", "a?", "!a", "*,!a",
	"!a,*", "!b,*", "[a]:22", "[a]:2222", "[*]:2222", "*:2222", "A", "a,",
	",a", "a,,b", "**", "*?*", "[a", "a]", "!", "!*", "*,!*", "a.b",
	"a!b", "|1|", "|1|x|y"
    };
    static const char *const hosts[] = {"a", "b", "aa", "ba", "a.b", "A"};
    static const int ports[] = {22, 2222};
    int differ = 0;

    for (size_t i = 0; i < DP_ARRAY_SIZE(lists); i++) {
	DpBuf text = {0};
	DpKnown *knownPtr;

	DpBufAppend(&text, lists[i], strlen(lists[i]));
	FillText(keysPtr, " %1\n", &text);
	TapWrite(tapPtr, "one", (const char *) DpBufData(&text),
		DpBufLength(&text));
	knownPtr = DpKnownParse("one", (const char *) DpBufData(&text),
		DpBufLength(&text));
	for (size_t j = 0; j < 2 * DP_ARRAY_SIZE(hosts); j++) {
	    const char *host = hosts[j / 2];
	    int line;
	    bool ours = Check(knownPtr, keysPtr, host, ports[j % 2], ED_A,
		    &line) == DP_KNOWN_MATCH;

	    if (ours != KeygenFinds(tapPtr, "one", host, ports[j % 2])) {
		printf("# \"%s\" and %s:%d: we say %d\n", lists[i], host,
			ports[j % 2], ours);
		differ++;
	    }
	}
	DpKnownDrop(knownPtr);
	DpBufFree(&text);
    }
    TapCheck(tapPtr, differ == 0, "patterns mean what they mean to"
	    " ssh-keygen -F");
}

static void
TestTypes(Tap *tapPtr, const DpKnown *knownPtr)
{
    const char *types[8];

    TapCheck(tapPtr, DpKnownTypes(knownPtr, "plain", 22, types, 8) == 2
	    && strcmp(types[0], "ssh-ed25519") == 0
	    && strcmp(types[1], "ecdsa-sha2-nistp256") == 0,
	    "the types of a host, without the revoked one");
    TapCheck(tapPtr, DpKnownTypes(knownPtr, "plain", 22, types, 1) == 1
	    && DpKnownTypes(knownPtr, "many", 22, types, 8) == 1
	    && DpKnownTypes(knownPtr, "nobody", 22, types, 8) == 0,
	    "each type once, and not more than there is room for");
}

static void
TestFingerprint(Tap *tapPtr, const Keys *keysPtr)
{
    char *expected = TapOutput(tapPtr,
	    "ssh-keygen -l -f ed25519-RFC4716.pub | cut -d ' ' -f 2");
    char fingerprint[DP_FINGERPRINT_SIZE];

    DpKnownFingerprint(keysPtr->public[ED_A].blob,
	    keysPtr->public[ED_A].length, fingerprint);
    TapCheck(tapPtr, strcmp(fingerprint, expected) == 0
	    && strlen(expected) == 50, "a fingerprint as ssh-keygen -l");
    DpFree(expected);
}

static void
TestBounds(Tap *tapPtr, const Keys *keysPtr)
{
    static const char *const line = "b %1\n";
    DpBuf text = {0};
    DpKnown *knownPtr;
    int number;

    DpBufAppend(&text, "a,", 2);
    while (DpBufLength(&text) < DP_KNOWN_MAX_LINE) {
	DpBufAppend(&text, "aaaaaaaa,", 9);
    }
    FillText(keysPtr, "a %1\n", &text);
    DpBufAppend(&text, "b\0 x\n", 5);
    FillText(keysPtr, line, &text);
    knownPtr = DpKnownParse("text", (const char *) DpBufData(&text),
	    DpBufLength(&text));
    TapCheck(tapPtr, Check(knownPtr, keysPtr, "a", 22, ED_A, &number)
	    == DP_KNOWN_UNKNOWN && Check(knownPtr, keysPtr, "b", 22, ED_A,
	    &number) == DP_KNOWN_MATCH && number == 3,
	    "lines that are too long or have a NUL are passed over");
    DpKnownDrop(knownPtr);
    DpBufFree(&text);
}

void
TestKnown(Tap *tapPtr)
{
    Keys keys;
    DpBuf text = {0};
    DpKnown *knownPtr;

    LoadKeys(tapPtr, &keys);
    FillText(&keys, fileText, &text);
    TapWrite(tapPtr, "known", (const char *) DpBufData(&text),
	    DpBufLength(&text));
    knownPtr = DpKnownParse("known", (const char *) DpBufData(&text),
	    DpBufLength(&text));
    TestCases(tapPtr, &keys, knownPtr, "known", true);
    TestTypes(tapPtr, knownPtr);
    DpKnownHold(knownPtr);
    DpKnownDrop(knownPtr);
    DpKnownDrop(knownPtr);
    DpBufFree(&text);
    TestHashed(tapPtr, &keys);
    TestLikeKeygen(tapPtr, &keys);
    TestFingerprint(tapPtr, &keys);
    TestBounds(tapPtr, &keys);
    FreeKeys(&keys);
}

/*
 * Files: appending, the cache, errors.
 */

static bool
Append(const Tap *tapPtr, const Keys *keysPtr, const char *file,
	const char *host, int port, int key, bool hashed)
{
    char *path = TapPath(tapPtr, file);
    DpError error = {.code = ""};
    bool ok = DpKnownAppend("slug", path, host, port,
	    keysPtr->public[key].blob, keysPtr->public[key].length, hashed,
	    &error);

    ok = ok && !DpErrorIsSet(&error);
    DpErrorClear(&error);
    DpFree(path);
    return ok;
}

static int
Mode(const Tap *tapPtr, const char *name)
{
    char *path = TapPath(tapPtr, name);
    struct stat info = {0};

    stat(path, &info);
    DpFree(path);
    return (int) (info.st_mode & 0777);
}

static void
TestAppend(Tap *tapPtr, const Keys *keysPtr)
{
    char *text, *expected;

    TapCheck(tapPtr, Append(tapPtr, keysPtr, "new/known_hosts", "Host", 22,
	    ED_A, false) && Append(tapPtr, keysPtr, "new/known_hosts",
	    "2001:db8::5", 2222, RSA, false)
	    && Append(tapPtr, keysPtr, "new/known_hosts", "hidden", 23, EC,
		true), "keys are added to a new file");
    TapCheck(tapPtr, Mode(tapPtr, "new") == 0700
	    && Mode(tapPtr, "new/known_hosts") == 0600,
	    "file and directory are the user's alone");
    TapCheck(tapPtr, KeygenFinds(tapPtr, "new/known_hosts", "host", 22)
	    && KeygenFinds(tapPtr, "new/known_hosts", "2001:db8::5", 2222)
	    && KeygenFinds(tapPtr, "new/known_hosts", "hidden", 23)
	    && !KeygenFinds(tapPtr, "new/known_hosts", "hidden", 22)
	    && !TapShell(tapPtr, "grep hidden new/known_hosts"),
	    "ssh-keygen -F finds them, and no hidden name is readable");
    TapWrite(tapPtr, "unended", "# no newline", 12);
    Append(tapPtr, keysPtr, "unended", "host", 22, ED_A, false);
    text = TapRead(tapPtr, "unended", NULL);
    expected = DpAlloc(1000);
    snprintf(expected, 1000, "# no newline\nhost %s\n", keysPtr->text[ED_A]);
    TapCheck(tapPtr, strcmp(text, expected) == 0,
	    "a missing newline is added first");
    DpFree(text);
    DpFree(expected);
    TapCheck(tapPtr, !Append(tapPtr, keysPtr, "unended", "a b", 22, ED_A,
	    false) && !Append(tapPtr, keysPtr, "unended", "a\nb", 22, ED_A,
	    false) && !Append(tapPtr, keysPtr, "unended", "*", 22, ED_A,
	    false) && !Append(tapPtr, keysPtr, "unended", "", 22, ED_A,
	    false) && !Append(tapPtr, keysPtr, "unended", "@revoked", 22,
	    ED_A, false), "names that would mean something else are refused");
    TapCheck(tapPtr, !Append(tapPtr, keysPtr, "none/none/file", "a", 22,
	    ED_A, false) && !Append(tapPtr, keysPtr, ".", "a", 22, ED_A,
	    false), "a place that cannot be written is an error");
    TapShell(tapPtr, "ln -s target link");
    TapCheck(tapPtr, Append(tapPtr, keysPtr, "link", "a", 22, ED_A, false)
	    && TapShell(tapPtr, "test -L link && grep a target"),
	    "a symbolic link is followed");
}

/* Processes that append at once. */
static void
TestParallel(Tap *tapPtr, const Keys *keysPtr)
{
    enum { PROCESSES = 8, LINES = 40 };
    pid_t pids[PROCESSES];
    char *count;
    bool ok = true;

    fflush(stdout);
    for (int i = 0; i < PROCESSES; i++) {
	pids[i] = fork();
	if (pids[i] == 0) {
	    for (int j = 0; ok && j < LINES; j++) {
		char host[32];

		snprintf(host, sizeof(host), "host-%d-%d", i, j);
		ok = Append(tapPtr, keysPtr, "shared", host, 22, RSA,
			j % 2 == 0);
	    }
	    _exit(!ok);
	}
    }
    for (int i = 0; i < PROCESSES; i++) {
	int status = -1;

	waitpid(pids[i], &status, 0);
	ok = ok && status == 0;
    }
    count = TapOutput(tapPtr, "grep -c '^[^ ][^ ]* %s$' shared",
	    keysPtr->text[RSA]);
    TapCheck(tapPtr, ok && atoi(count) == PROCESSES * LINES
	    && KeygenFinds(tapPtr, "shared", "host-7-38", 22),
	    "lines of processes that append at once do not mix");
    DpFree(count);
}

static DpKnown *
LoadTwo(const Tap *tapPtr, DpKnownCache *cachePtr, const char *first,
	const char *second, DpError *errPtr)
{
    char *paths[2] = {TapPath(tapPtr, first), TapPath(tapPtr, second)};
    DpKnown *knownPtr = DpKnownLoad(cachePtr, "slug", 2,
	    (const char *const *) paths, errPtr);

    DpFree(paths[0]);
    DpFree(paths[1]);
    return knownPtr;
}

static void
TestCache(Tap *tapPtr, const Keys *keysPtr)
{
    DpKnownCache *cachePtr = DpKnownCacheNew();
    DpError error = {.code = ""};
    DpKnown *knownPtr, *laterPtr;
    const char *types[2][1];
    int line;

    TapShell(tapPtr, "rm -f second");
    knownPtr = LoadTwo(tapPtr, cachePtr, "known", "second", &error);
    laterPtr = LoadTwo(tapPtr, cachePtr, "known", "second", &error);
    DpKnownTypes(knownPtr, "plain", 22, types[0], 1);
    DpKnownTypes(laterPtr, "plain", 22, types[1], 1);
    TapCheck(tapPtr, types[0][0] == types[1][0],
	    "a file that has not changed is shared");
    DpKnownDrop(laterPtr);
    Append(tapPtr, keysPtr, "second", "new", 22, ED_A, false);
    laterPtr = LoadTwo(tapPtr, cachePtr, "known", "second", &error);
    TapCheck(tapPtr, Check(knownPtr, keysPtr, "new", 22, ED_A, &line)
	    == DP_KNOWN_UNKNOWN && Check(laterPtr, keysPtr, "new", 22, ED_A,
	    &line) == DP_KNOWN_MATCH && Check(laterPtr, keysPtr, "plain", 22,
	    ED_A, &line) == DP_KNOWN_MATCH,
	    "one that has changed is read again, and all files count");
    DpKnownCacheFree(cachePtr);
    TapCheck(tapPtr, Check(laterPtr, keysPtr, "new", 22, ED_A, &line)
	    == DP_KNOWN_MATCH, "what was loaded outlives the cache");
    DpKnownDrop(knownPtr);
    DpKnownDrop(laterPtr);
    DpErrorClear(&error);
}

typedef struct ThreadWork {
    const Tap *tapPtr;
    const Keys *keysPtr;
    DpKnownCache *cachePtr;
    int bad;
} ThreadWork;

static void *
RunThread(void *clientData)
{
    ThreadWork *workPtr = clientData;
    DpError error = {.code = ""};
    int line;

    for (int i = 0; i < 100; i++) {
	DpKnown *knownPtr = LoadTwo(workPtr->tapPtr, workPtr->cachePtr,
		"known", "moving", &error);

	workPtr->bad += knownPtr == NULL || Check(knownPtr, workPtr->keysPtr,
		"plain", 22, ED_A, &line) != DP_KNOWN_MATCH;
	DpKnownDrop(knownPtr);
    }
    DpErrorClear(&error);
    return NULL;
}

static void
TestThreads(Tap *tapPtr, const Keys *keysPtr)
{
    enum { THREADS = 4 };
    DpKnownCache *cachePtr = DpKnownCacheNew();
    ThreadWork work[THREADS];
    pthread_t threads[THREADS];
    int bad = 0;

    for (int i = 0; i < THREADS; i++) {
	work[i] = (ThreadWork) {tapPtr, keysPtr, cachePtr, 0};
	pthread_create(&threads[i], NULL, RunThread, &work[i]);
    }
    for (int i = 0; i < 50; i++) {
	Append(tapPtr, keysPtr, "moving", "host", 22, ED_A, true);
    }
    for (int i = 0; i < THREADS; i++) {
	pthread_join(threads[i], NULL);
	bad += work[i].bad;
    }
    DpKnownCacheFree(cachePtr);
    TapCheck(tapPtr, bad == 0, "threads share a cache while a file changes");
}

static bool
LoadFails(Tap *tapPtr, const char *name, const char *code)
{
    char *path = TapPath(tapPtr, name);
    DpError error = {.code = ""};
    DpKnown *knownPtr = DpKnownLoad(NULL, "slug", 1,
	    (const char *const *) &path, &error);
    bool ok = knownPtr == NULL && strcmp(error.code, code) == 0
	    && error.numData == 2 && strcmp(error.data[0], "slug") == 0
	    && strcmp(error.data[1], path) == 0;

    DpKnownDrop(knownPtr);
    DpErrorClear(&error);
    DpFree(path);
    return ok;
}

/* The same as somebody whom the file's mode keeps out; root is not. */
static bool
LoadFailsForOthers(Tap *tapPtr, const char *name, const char *code)
{
    int status = -1;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
	if (geteuid() == 0 && setuid(65534) != 0) {
	    _exit(2);
	}
	_exit(!LoadFails(tapPtr, name, code));
    }
    waitpid(pid, &status, 0);
    return status == 0;
}

void
TestKnownFiles(Tap *tapPtr)
{
    Keys keys;
    DpError error = {.code = ""};
    DpKnown *knownPtr;

    LoadKeys(tapPtr, &keys);
    TestAppend(tapPtr, &keys);
    TestParallel(tapPtr, &keys);
    TestCache(tapPtr, &keys);
    TestThreads(tapPtr, &keys);
    TapCheck(tapPtr, LoadFails(tapPtr, ".", "FILE EISDIR"),
	    "a directory in place of a file");
    TapCheck(tapPtr, LoadFails(tapPtr, "fifo", "FILE EINVAL"),
	    "a FIFO in place of a file");
    TapShell(tapPtr, "head -c 17000000 /dev/zero >huge");
    TapCheck(tapPtr, LoadFails(tapPtr, "huge", "FILE EFBIG"),
	    "a file that is too large is no known hosts file");
    TapShell(tapPtr, "touch secret; chmod 0 secret");
    TapCheck(tapPtr, LoadFailsForOthers(tapPtr, "secret", "FILE EACCES"),
	    "a file that may not be read");
    knownPtr = DpKnownLoad(NULL, "slug", 1,
	    (const char *const []) {"/dev/null"}, &error);
    TapCheck(tapPtr, knownPtr != NULL, "/dev/null is an empty file");
    DpKnownDrop(knownPtr);
    DpErrorClear(&error);
    FreeKeys(&keys);
}

/*
 * keysAgent.c -- tests of the agent client, on a real event loop: with
 * ssh-agent, and with agents that misbehave.
 */

#include "keys.h"

#include "dpAgent.h"
#include "dpWire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What came of a call. */
typedef struct Result {
    bool done;
    int calls;
    int count;
    DpAgentIdentity *identities; /* copies */
    unsigned char *sig;
    size_t sigLength;
    DpError error;
} Result;

static void
Listed(void *clientData, const DpAgentIdentity *identities, int count,
	const DpError *errPtr)
{
    Result *resultPtr = clientData;

    resultPtr->done = true;
    resultPtr->calls++;
    if (errPtr != NULL) {
	DpErrorCopy(&resultPtr->error, errPtr);
	return;
    }
    resultPtr->count = count;
    resultPtr->identities = DpAlloc((size_t) count * sizeof(*identities));
    for (int i = 0; i < count; i++) {
	DpAgentIdentity *toPtr = &resultPtr->identities[i];

	toPtr->length = identities[i].length;
	toPtr->blob = DpAlloc(toPtr->length);
	memcpy(toPtr->blob, identities[i].blob, toPtr->length);
	toPtr->type = DpStrdup(identities[i].type);
	toPtr->comment = DpStrdup(identities[i].comment);
    }
}

static void
Signed(void *clientData, unsigned char *sig, size_t length,
	const DpError *errPtr)
{
    Result *resultPtr = clientData;

    resultPtr->done = true;
    resultPtr->calls++;
    resultPtr->sig = sig;
    resultPtr->sigLength = length;
    if (errPtr != NULL) {
	DpErrorCopy(&resultPtr->error, errPtr);
    }
}

static void
Clear(Result *resultPtr)
{
    DpAgentFreeList(resultPtr->identities, resultPtr->count);
    DpFree(resultPtr->sig);
    DpErrorClear(&resultPtr->error);
    memset(resultPtr, 0, sizeof(*resultPtr));
}

/*
 * With ssh-agent.
 */

static void
TestSigns(Tap *tapPtr, DpLoop *loopPtr, const char *path,
	const DpAgentIdentity *idPtr)
{
    static const char data[] = "something to be signed";
    const char *algorithms[] = {idPtr->type, NULL, NULL};
    bool ok = true;

    if (strcmp(idPtr->type, "ssh-rsa") == 0) {
	/* ssh-rsa itself: whether SHA-1 is allowed is the system's matter. */
	algorithms[0] = "rsa-sha2-256";
	algorithms[1] = "rsa-sha2-512";
    }
    for (int i = 0; algorithms[i] != NULL; i++) {
	Result result = {0};

	DpAgentSign(loopPtr, path, idPtr->blob, idPtr->length, algorithms[i],
		data, sizeof(data), Signed, &result);
	DpLoopWait(loopPtr, &result.done);
	ok = ok && !DpErrorIsSet(&result.error)
		&& VerifySignature(idPtr->blob, idPtr->length, algorithms[i],
		    data, sizeof(data), result.sig, result.sigLength);
	Clear(&result);
    }
    TapCheck(tapPtr, ok, "ssh-agent signs with its %s key", idPtr->type);
}

static void
TestRealAgent(Tap *tapPtr, DpLoop *loopPtr, const char *path)
{
    Result result = {0}, refused = {0};
    DpAgentCall *callPtr;

    TapShell(tapPtr, "ssh-add -q ed25519-RFC4716 ecdsa256-RFC4716"
	    " ecdsa384-RFC4716 ecdsa521-RFC4716 rsa-RFC4716");
    callPtr = DpAgentList(loopPtr, path, Listed, &result);
    TapCheck(tapPtr, callPtr != NULL && !result.done,
	    "nothing is called before the loop runs");
    DpLoopWait(loopPtr, &result.done);
    TapCheck(tapPtr, result.count == 5 && !DpErrorIsSet(&result.error)
	    && result.calls == 1
	    && strcmp(result.identities[0].type, "ssh-ed25519") == 0
	    && strcmp(result.identities[0].comment, "a comment") == 0,
	    "ssh-agent lists its keys");
    for (int i = 0; i < result.count; i++) {
	TestSigns(tapPtr, loopPtr, path, &result.identities[i]);
    }
    if (result.count > 0) {
	DpAgentIdentity *idPtr = &result.identities[0];

	idPtr->blob[idPtr->length - 1] ^= 1;
	DpAgentSign(loopPtr, path, idPtr->blob, idPtr->length, idPtr->type,
		"data", 4, Signed, &refused);
	DpLoopWait(loopPtr, &refused.done);
	TapCheck(tapPtr, strcmp(refused.error.code, "AUTH") == 0
		&& refused.sig == NULL
		&& strstr(refused.error.message, "refused") != NULL,
		"ssh-agent refuses a key that it has not");
	Clear(&refused);
    }
    Clear(&result);

    TapShell(tapPtr, "ssh-add -q -D");
    DpAgentList(loopPtr, path, Listed, &result);
    DpLoopWait(loopPtr, &result.done);
    TapCheck(tapPtr, result.count == 0 && !DpErrorIsSet(&result.error),
	    "an agent without keys is no error");
    Clear(&result);
}

/* Many at once, each with its own socket. */
static void
TestMany(Tap *tapPtr, DpLoop *loopPtr, const char *path)
{
    enum { CALLS = 300 };
    Result *results = DpAlloc(CALLS * sizeof(*results));
    int bad = 0;

    for (int i = 0; i < CALLS; i++) {
	DpAgentList(loopPtr, path, Listed, &results[i]);
    }
    for (int i = 0; i < CALLS; i++) {
	DpLoopWait(loopPtr, &results[i].done);
	bad += DpErrorIsSet(&results[i].error) || results[i].calls != 1;
	Clear(&results[i]);
    }
    TapCheck(tapPtr, bad == 0, "%d calls at once", CALLS);
    DpFree(results);
}

/*
 * Agents that misbehave: a listener in this process, with one answer.
 */

typedef struct Fake {
    DpLoop *loopPtr;
    char *path;
    int fd;
    DpWatch watch;
    const void *answer;
    size_t length;
    size_t piece;               /* bytes for each turn; 0: all at once */
    bool keepOpen;
    int client;                 /* -1: none */
    DpWatch clientWatch;
    DpTimer timer;
    size_t sent;
} Fake;

static void
FakeEnd(Fake *fakePtr)
{
    DpTimerStop(&fakePtr->timer);
    DpWatchStop(&fakePtr->clientWatch);
    if (fakePtr->client >= 0) {
	close(fakePtr->client);
	fakePtr->client = -1;
    }
}

static void
FakeAnswer(void *clientData)
{
    Fake *fakePtr = clientData;
    size_t left = fakePtr->length - fakePtr->sent;
    size_t count = fakePtr->piece == 0 || fakePtr->piece > left ? left
	    : fakePtr->piece;

    if (count > 0 && send(fakePtr->client,
	    (const char *) fakePtr->answer + fakePtr->sent, count,
	    MSG_NOSIGNAL) < 0) {
	FakeEnd(fakePtr);
	return;
    }
    fakePtr->sent += count;
    if (fakePtr->sent < fakePtr->length) {
	DpTimerStart(fakePtr->loopPtr, &fakePtr->timer, 1, FakeAnswer,
		fakePtr);
    } else if (!fakePtr->keepOpen) {
	FakeEnd(fakePtr);
    }
}

/* The request came, or the client has gone. */
static void
FakeRequest(void *clientData, int mask)
{
    Fake *fakePtr = clientData;
    char bytes[4096];

    (void) mask;
    if (recv(fakePtr->client, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0) {
	FakeEnd(fakePtr);
	return;
    }
    DpWatchStop(&fakePtr->clientWatch);
    FakeAnswer(fakePtr);
}

static void
FakeAccept(void *clientData, int mask)
{
    Fake *fakePtr = clientData;

    (void) mask;
    FakeEnd(fakePtr);
    fakePtr->sent = 0;
    fakePtr->client = accept(fakePtr->fd, NULL, NULL);
    if (fakePtr->client >= 0) {
	DpWatchStart(fakePtr->loopPtr, &fakePtr->clientWatch,
		fakePtr->client, DP_READABLE, FakeRequest, fakePtr);
    }
}

/* Listens; accepts only once FakeServe is called. */
static void
FakeListen(Fake *fakePtr, const Tap *tapPtr, DpLoop *loopPtr, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memset(fakePtr, 0, sizeof(*fakePtr));
    fakePtr->loopPtr = loopPtr;
    fakePtr->client = -1;
    fakePtr->path = TapPath(tapPtr, "fake");
    unlink(fakePtr->path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s",
	    fakePtr->path);
    fakePtr->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    fcntl(fakePtr->fd, F_SETFD, FD_CLOEXEC);
    if (bind(fakePtr->fd, (struct sockaddr *) &address, sizeof(address)) != 0
	    || listen(fakePtr->fd, backlog) != 0) {
	printf("# cannot listen at %s\n", fakePtr->path);
    }
}

static void
FakeServe(void *clientData)
{
    Fake *fakePtr = clientData;

    DpWatchStart(fakePtr->loopPtr, &fakePtr->watch, fakePtr->fd, DP_READABLE,
	    FakeAccept, fakePtr);
}

static void
FakeClose(Fake *fakePtr)
{
    FakeEnd(fakePtr);
    DpWatchStop(&fakePtr->watch);
    close(fakePtr->fd);
    unlink(fakePtr->path);
    DpFree(fakePtr->path);
}

typedef struct FakeCase {
    const char *name;
    const char *answer;
    size_t length;
    const char *words;          /* of the error; NULL: an empty list */
} FakeCase;

static const FakeCase fakeCases[] = {
    {"closes at once", "", 0, "closed"},
    {"closes in the length", "\0\0", 2, "closed"},
    {"closes in the answer", "\0\0\0\5\14\0\0", 7, "closed"},
    {"gives a length of 0", "\0\0\0\0", 4, "malformed"},
    {"gives a huge length", "\177\377\377\377\14", 5, "malformed"},
    {"gives more than it says", "\0\0\0\5\14\0\0\0\0x", 10, "malformed"},
    {"gives another type", "\0\0\0\1\6", 5, "malformed"},
    {"fails", "\0\0\0\1\5", 5, "refused"},
    {"lists more keys than there are", "\0\0\0\5\14\0\0\0\1", 9,
	"malformed"},
    {"lists a million keys", "\0\0\0\5\14\0\20\0\0", 9, "malformed"},
    {"lists a key without a type",
	"\0\0\0\16\14\0\0\0\1\0\0\0\1x\0\0\0\0", 18, "malformed"},
    {"lists no keys", "\0\0\0\5\14\0\0\0\0", 9, NULL},
};

static void
TestFakes(Tap *tapPtr, DpLoop *loopPtr)
{
    Fake fake;

    FakeListen(&fake, tapPtr, loopPtr, 5);
    FakeServe(&fake);
    for (size_t i = 0; i < 2 * DP_ARRAY_SIZE(fakeCases); i++) {
	const FakeCase *casePtr = &fakeCases[i / 2];
	Result result = {0};
	bool ok;

	if (i % 2 && strstr(casePtr->name, "more than it says") != NULL) {
	    continue;           /* the answer is complete before */
	}
	fake.answer = casePtr->answer;
	fake.length = casePtr->length;
	fake.piece = i % 2;
	DpAgentList(loopPtr, fake.path, Listed, &result);
	DpLoopWait(loopPtr, &result.done);
	ok = casePtr->words == NULL
		? !DpErrorIsSet(&result.error) && result.count == 0
		: strcmp(result.error.code, "AUTH") == 0
		    && strstr(result.error.message, casePtr->words) != NULL;
	TapCheck(tapPtr, ok && result.calls == 1, "an agent that %s%s",
		casePtr->name, i % 2 ? ", byte by byte" : "");
	if (!ok) {
	    printf("# %s\n", result.error.message);
	}
	Clear(&result);
    }

    /* Old agents pass over the flags. */
    {
	static const char answer[] = "\0\0\0\24\16\0\0\0\17\0\0\0\7ssh-rsa"
		"\0\0\0\0";
	Result result = {0};

	fake.answer = answer;
	fake.length = sizeof(answer) - 1;
	fake.piece = 0;
	DpAgentSign(loopPtr, fake.path, "blob", 4, "rsa-sha2-512", "data", 4,
		Signed, &result);
	DpLoopWait(loopPtr, &result.done);
	TapCheck(tapPtr, result.sig == NULL && result.error.message != NULL
		&& strstr(result.error.message, "rsa-sha2-512") != NULL,
		"an agent that signs with another algorithm");
	Clear(&result);
    }
    FakeClose(&fake);
}

/* A call is cancelled in each of its states; nothing is called or left. */
static void
TestCancel(Tap *tapPtr, DpLoop *loopPtr)
{
    Fake fake;
    Result result = {0};
    DpAgentCall *callPtr;
    DpLoopCount count;

    FakeListen(&fake, tapPtr, loopPtr, 5);
    callPtr = DpAgentList(loopPtr, fake.path, Listed, &result);
    DpAgentCancel(callPtr);
    callPtr = DpAgentList(loopPtr, fake.path, Listed, &result);
    DpLoopPoll(loopPtr, 20);
    DpLoopPoll(loopPtr, 20);
    DpAgentCancel(callPtr);
    FakeClose(&fake);
    DpLoopPoll(loopPtr, 0);
    DpLoopCounts(loopPtr, &count);
    TapCheck(tapPtr, result.calls == 0 && count.watches == 0
	    && count.timers == 0, "a call that is cancelled leaves nothing");
}

/* A queue of callers that is full does not hold up the loop. */
static void
TestBacklog(Tap *tapPtr, DpLoop *loopPtr)
{
    enum { CALLS = 6 };
    Result results[CALLS] = {{0}};
    Fake fake;
    DpTimer timer = {0};
    int64_t start, took;
    int done = 0;

    FakeListen(&fake, tapPtr, loopPtr, 0);
    fake.answer = fakeCases[DP_ARRAY_SIZE(fakeCases) - 1].answer;
    fake.length = 9;
    start = DpLoopNow();
    for (int i = 0; i < CALLS; i++) {
	DpAgentList(loopPtr, fake.path, Listed, &results[i]);
    }
    while (DpLoopNow() - start < 60) {
	DpLoopPoll(loopPtr, 10);
    }
    took = DpLoopNow() - start;
    for (int i = 0; i < CALLS; i++) {
	done += results[i].done;
    }
    TapCheck(tapPtr, done == 0 && took < 2000,
	    "a full queue at the agent is waited for without blocking");
    DpTimerStart(loopPtr, &timer, 0, FakeServe, &fake);
    for (int i = 0; i < CALLS; i++) {
	/* The fake serves one at a time and ends it for the next one. */
	DpLoopWait(loopPtr, &results[i].done);
	done += !DpErrorIsSet(&results[i].error);
	Clear(&results[i]);
    }
    TapCheck(tapPtr, done >= 1, "and used when there is room");
    FakeClose(&fake);
}

static void
TestNoAgent(Tap *tapPtr, DpLoop *loopPtr)
{
    static const char *const names[] = {"nothing-here", "known"};
    char longPath[300];
    Result result = {0};

    for (size_t i = 0; i < DP_ARRAY_SIZE(names); i++) {
	char *path = TapPath(tapPtr, names[i]);

	DpAgentList(loopPtr, path, Listed, &result);
	DpLoopWait(loopPtr, &result.done);
	TapCheck(tapPtr, strcmp(result.error.code, "AUTH") == 0
		&& strstr(result.error.message, path) != NULL,
		"no agent at \"%s\"", names[i]);
	Clear(&result);
	DpFree(path);
    }
    memset(longPath, 'x', sizeof(longPath) - 1);
    longPath[sizeof(longPath) - 1] = '\0';
    DpAgentList(loopPtr, longPath, Listed, &result);
    DpLoopWait(loopPtr, &result.done);
    TapCheck(tapPtr, strcmp(result.error.code, "AUTH") == 0,
	    "a path that is too long");
    Clear(&result);
}

void
TestAgent(Tap *tapPtr)
{
    DpLoop *loopPtr = DpLoopNew();
    const char *path = getenv("SSH_AUTH_SOCK");
    DpLoopCount count;

    if (path != NULL && path[0] != '\0') {
	TestRealAgent(tapPtr, loopPtr, path);
	TestMany(tapPtr, loopPtr, path);
    } else {
	TapSkip(tapPtr, "no SSH_AUTH_SOCK", "ssh-agent");
    }
    TestFakes(tapPtr, loopPtr);
    TestCancel(tapPtr, loopPtr);
    TestBacklog(tapPtr, loopPtr);
    TestNoAgent(tapPtr, loopPtr);
    DpLoopCounts(loopPtr, &count);
    TapCheck(tapPtr, count.watches == 0 && count.timers == 0
	    && count.tasks == 0, "no watch, timer or task is left");
    DpLoopStop(loopPtr);
    DpLoopDrop(loopPtr);
}

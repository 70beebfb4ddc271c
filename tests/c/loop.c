/*
 * loop.c -- everybody is served while DpLoopWait waits for descriptors of ours:
 * files, timers and alerts of Tcl's. For tests/loop.test.
 *
 *     loop-test quiet|busy|attended|both ?file|timer|alert?
 *     loop-test nested|idle|typing
 *
 * Prints what was done, of one kind or of all at once. A count that is not
 * reached is waited for without end; the test has a limit.
 */

#include "dpLoop.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NUM_FILE 300
#define NUM_TIMER 60
#define NUM_ALERT 40
#define NUM_OWN 2000
#define NUM_KEYS 1000

void InitTcl(const char *program);

typedef struct Test {
    DpLoop *loopPtr;
    DpWatch watch;              /* of ours */
    DpTask task;
    int ownFds[2];
    int fileFds[2];             /* of Tcl's */
    bool attend;
    const char *kind;           /* NULL: all */
    int limit;                  /* of own events, 0: none */
    int own, file, timer, alert, nested;
    Tcl_ThreadId threadId;
    sem_t answered;
    bool done;
} Test;

typedef struct AlertEvent {
    Tcl_Event header;
    Test *testPtr;
} AlertEvent;

static void
Byte(int fd)
{
    if (write(fd, "x", 1) != 1) {
	perror("write");
    }
}

static void
TakeByte(int fd)
{
    char byte;

    if (read(fd, &byte, 1) != 1) {
	perror("read");
    }
}

static bool
Has(const Test *testPtr, const char *kind)
{
    return testPtr->kind == NULL || strcmp(testPtr->kind, kind) == 0;
}

static void
Check(Test *testPtr)
{
    testPtr->done = testPtr->own >= testPtr->limit
	    && (!Has(testPtr, "file") || testPtr->file >= NUM_FILE)
	    && (!Has(testPtr, "timer") || testPtr->timer >= NUM_TIMER)
	    && (!Has(testPtr, "alert") || testPtr->alert >= NUM_ALERT);
}

/* Goes on until all else is done: there is always something of ours. */
static void
OwnReady(void *clientData, int mask)
{
    Test *testPtr = clientData;

    (void) mask;
    TakeByte(testPtr->ownFds[0]);
    testPtr->own++;
    if (testPtr->attend) {
	DpLoopAttend(testPtr->loopPtr, 60000);
    }
    if (testPtr->limit > 0 && !testPtr->done) {
	Byte(testPtr->ownFds[1]);
    }
    Check(testPtr);
}

static void
FileReady(ClientData clientData, int mask)
{
    Test *testPtr = clientData;

    (void) mask;
    TakeByte(testPtr->fileFds[0]);
    if (++testPtr->file < NUM_FILE) {
	Byte(testPtr->fileFds[1]);
    }
    Check(testPtr);
}

static void
TimerDue(ClientData clientData)
{
    Test *testPtr = clientData;

    if (++testPtr->timer < NUM_TIMER) {
	Tcl_CreateTimerHandler(1, TimerDue, testPtr);
    }
    Check(testPtr);
}

static int
Alerted(Tcl_Event *eventPtr, int flags)
{
    Test *testPtr = ((AlertEvent *) eventPtr)->testPtr;

    (void) flags;
    testPtr->alert++;
    sem_post(&testPtr->answered);
    Check(testPtr);
    return 1;
}

/* One alert after the other, each when the one before was answered. */
static void *
AlertThread(void *clientData)
{
    Test *testPtr = clientData;

    for (int i = 0; i < NUM_ALERT; i++) {
	AlertEvent *eventPtr = (AlertEvent *) ckalloc(sizeof(*eventPtr));

	eventPtr->header.proc = Alerted;
	eventPtr->testPtr = testPtr;
	Tcl_ThreadQueueEvent(testPtr->threadId, &eventPtr->header,
		TCL_QUEUE_TAIL);
	Tcl_ThreadAlert(testPtr->threadId);
	sem_wait(&testPtr->answered);
    }
    return NULL;
}

static void
TestOthers(Test *testPtr)
{
    pthread_t thread;

    Byte(testPtr->ownFds[1]);
    if (Has(testPtr, "file")) {
	Tcl_CreateFileHandler(testPtr->fileFds[0], TCL_READABLE, FileReady,
		testPtr);
	Byte(testPtr->fileFds[1]);
    }
    if (Has(testPtr, "timer")) {
	Tcl_CreateTimerHandler(1, TimerDue, testPtr);
    }
    if (Has(testPtr, "alert")) {
	pthread_create(&thread, NULL, AlertThread, testPtr);
    }
    DpLoopWait(testPtr->loopPtr, &testPtr->done);
    if (Has(testPtr, "alert")) {
	pthread_join(thread, NULL);
    }
    Tcl_DeleteFileHandler(testPtr->fileFds[0]);
    printf("own %d file %d timer %d alert %d\n",
	    testPtr->own >= (testPtr->limit > 0 ? testPtr->limit : 1),
	    testPtr->file, testPtr->timer, testPtr->alert);
}

/* A timer of Tcl's that waits itself, for something of ours. */
static void
NestedReady(void *clientData, int mask)
{
    Test *testPtr = clientData;

    (void) mask;
    TakeByte(testPtr->ownFds[0]);
    testPtr->own++;
    testPtr->done = true;
}

static void
NestedDue(ClientData clientData)
{
    Test *testPtr = clientData;

    Byte(testPtr->ownFds[1]);
    testPtr->done = false;
    DpLoopWait(testPtr->loopPtr, &testPtr->done);
    testPtr->nested++;
    testPtr->done = testPtr->nested == NUM_TIMER;
    if (!testPtr->done) {
	Tcl_CreateTimerHandler(0, NestedDue, testPtr);
    }
}

static void
TestNested(Test *testPtr)
{
    DpWatchStart(testPtr->loopPtr, &testPtr->watch, testPtr->ownFds[0],
	    DP_READABLE, NestedReady, testPtr);
    Tcl_CreateTimerHandler(0, NestedDue, testPtr);
    while (testPtr->nested < NUM_TIMER) {
	testPtr->done = false;
	DpLoopWait(testPtr->loopPtr, &testPtr->done);
    }
    printf("own %d nested %d\n", testPtr->own, testPtr->nested);
}

static void
Over(ClientData clientData)
{
    Test *testPtr = clientData;

    testPtr->done = true;
}

static long
Switches(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

/*
 * With nothing to do this process sleeps: a second in which somebody may type,
 * and a half in which nobody does, without a few hundred wake-ups.
 */
static void
TestIdle(Test *testPtr)
{
    long before;

    DpLoopAttend(testPtr->loopPtr, 50);
    Tcl_CreateTimerHandler(100, Over, testPtr);
    DpLoopWait(testPtr->loopPtr, &testPtr->done);
    before = Switches();
    testPtr->done = false;
    Tcl_CreateTimerHandler(1000, Over, testPtr);
    DpLoopWait(testPtr->loopPtr, &testPtr->done);
    printf("idle %d\n", Switches() - before < 50);
}

/* How often the notifier had the wait: it is Tcl's own behind a hook. */
static int waits;

static int
CountWait(CONST86 Tcl_Time *timePtr)
{
    static Tcl_NotifierProcs none;
    Tcl_NotifierProcs hooks = none;
    int result;

    if (timePtr == NULL || timePtr->sec > 0 || timePtr->usec > 0) {
	waits++;
    }
    Tcl_SetNotifier(&none);
    result = Tcl_WaitForEvent(timePtr);
    hooks.waitForEventProc = CountWait;
    Tcl_SetNotifier(&hooks);
    return result;
}

/* Types a key a moment after the one before was shown, until all are. */
static void *
TypistThread(void *clientData)
{
    Test *testPtr = clientData;
    struct timespec moment = {0, 200000};

    for (int i = 0; i < NUM_KEYS; i++) {
	nanosleep(&moment, NULL);
	Byte(testPtr->ownFds[1]);
	sem_wait(&testPtr->answered);
    }
    return NULL;
}

static void
KeyShown(void *clientData)
{
    Test *testPtr = clientData;

    testPtr->done = ++testPtr->own >= NUM_KEYS;
    sem_post(&testPtr->answered);
}

/* As a session does it, which pumps soon after it was given a key. */
static void
KeyReady(void *clientData, int mask)
{
    Test *testPtr = clientData;

    (void) mask;
    TakeByte(testPtr->ownFds[0]);
    DpLoopAttend(testPtr->loopPtr, 60000);
    DpSoonStart(testPtr->loopPtr, &testPtr->task, KeyShown, testPtr);
}

static void
Nothing(ClientData clientData)
{
    (void) clientData;
}

/*
 * Timers of Tcl's at the beginning, and then nothing but keys: the notifier has
 * the wait for a few milliseconds, in which there is time for a hundred keys, and
 * not for ever.
 */
static void
TestTyping(Test *testPtr)
{
    Tcl_NotifierProcs hooks = {0};
    pthread_t thread;

    DpWatchStart(testPtr->loopPtr, &testPtr->watch, testPtr->ownFds[0],
	    DP_READABLE, KeyReady, testPtr);
    hooks.waitForEventProc = CountWait;
    Tcl_SetNotifier(&hooks);
    Tcl_CreateTimerHandler(2, Nothing, NULL);
    Tcl_CreateTimerHandler(4, Nothing, NULL);
    pthread_create(&thread, NULL, TypistThread, testPtr);
    DpLoopWait(testPtr->loopPtr, &testPtr->done);
    pthread_join(thread, NULL);
    printf("keys %d few %d\n", testPtr->own, waits < NUM_KEYS * 3 / 10);
}

int
main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    Test test = {0};

    InitTcl(argv[0]);
    test.kind = argc > 2 ? argv[2] : NULL;
    if (pipe(test.ownFds) != 0 || pipe(test.fileFds) != 0) {
	perror("pipe");
	return 1;
    }
    test.loopPtr = DpLoopNew();
    test.threadId = Tcl_GetCurrentThread();
    sem_init(&test.answered, 0, 0);
    test.attend = strcmp(mode, "attended") == 0 || strcmp(mode, "both") == 0;
    if (strcmp(mode, "busy") == 0 || strcmp(mode, "both") == 0) {
	test.limit = NUM_OWN;
    }
    if (strcmp(mode, "nested") == 0) {
	TestNested(&test);
    } else if (strcmp(mode, "typing") == 0) {
	TestTyping(&test);
    } else {
	DpWatchStart(test.loopPtr, &test.watch, test.ownFds[0], DP_READABLE,
		OwnReady, &test);
	if (strcmp(mode, "idle") == 0) {
	    TestIdle(&test);
	} else {
	    TestOthers(&test);
	}
    }
    DpWatchStop(&test.watch);
    DpLoopStop(test.loopPtr);
    DpLoopDrop(test.loopPtr);
    for (int i = 0; i < 2; i++) {
	close(test.ownFds[i]);
	close(test.fileFds[i]);
    }
    return 0;
}

/*
 * dpSshKbd.c -- keyboard-interactive login (RFC 4256).
 *
 * Layer L2. libssh2 wants the answers from inside its callback, while a human
 * takes minutes. So this one exchange runs in a thread, which alone uses the
 * session meanwhile; the event thread passes on prompts and answers, and says
 * when the transport is ready.
 */

#include "dpSshKbd.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Lifetime: the session holds it while the exchange runs, the thread and each
 * message that is under way hold it as well. Fields are guarded by the mutex.
 */
typedef struct DpSshKbd {
    int refCount;
    Tcl_Mutex mutex;
    Tcl_Condition changed;
    DpSsh *sshPtr;              /* NULL once the session has let go */
    DpLoop *loopPtr;
    Tcl_ThreadId thread;
    DpTask startTask;
    bool running;               /* the thread is to be joined */
    bool ready;                 /* the transport can go on */
    bool stop;
    bool wants;                 /* the thread waits for the transport */
    int rc;                     /* libssh2's result */
    char *title, *instruction;
    int numPrompts;
    char **prompts;
    bool *echo;
    int numAnswers;
    char **answers;             /* secret */
    bool answered;
    bool passwordUsed;
} DpSshKbd;

static void
FreeStrings(char **strings, int count)
{
    for (int i = 0; i < count; i++) {
	DpWipeFree(strings[i]);
    }
    DpFree(strings);
}

static void
FreeQuestion(DpSshKbd *kbdPtr)
{
    DpFree(kbdPtr->title);
    DpFree(kbdPtr->instruction);
    FreeStrings(kbdPtr->prompts, kbdPtr->numPrompts);
    DpFree(kbdPtr->echo);
    FreeStrings(kbdPtr->answers, kbdPtr->numAnswers);
    kbdPtr->title = kbdPtr->instruction = NULL;
    kbdPtr->prompts = kbdPtr->answers = NULL;
    kbdPtr->echo = NULL;
    kbdPtr->numPrompts = kbdPtr->numAnswers = 0;
    kbdPtr->answered = false;
}

static void
DropKbd(void *data)
{
    DpSshKbd *kbdPtr = data;
    bool last;

    Tcl_MutexLock(&kbdPtr->mutex);
    last = --kbdPtr->refCount == 0;
    Tcl_MutexUnlock(&kbdPtr->mutex);
    if (last) {
	FreeQuestion(kbdPtr);
	Tcl_MutexFinalize(&kbdPtr->mutex);
	Tcl_ConditionFinalize(&kbdPtr->changed);
	DpFree(kbdPtr);
    }
}

/* Sends a message to the event thread. The mutex is held. */
static void
Post(DpSshKbd *kbdPtr, void (*proc)(void *clientData, void *data))
{
    kbdPtr->refCount++;
    DpLoopPost(kbdPtr->loopPtr, proc, DropKbd, kbdPtr);
}

/* Part: in the event thread. */

static void
WantTransport(void *clientData, void *data)
{
    DpSshKbd *kbdPtr = data;
    DpSsh *sshPtr = kbdPtr->sshPtr;

    (void) clientData;
    if (sshPtr != NULL && sshPtr->transPtr != NULL) {
	sshPtr->transPtr->typePtr->want(sshPtr->transPtr, DP_READABLE
		| (DpBufLength(&sshPtr->outBuf) > 0 ? DP_WRITABLE : 0));
    }
}

void
DpSshKbdReady(DpSsh *sshPtr)
{
    DpSshKbd *kbdPtr = sshPtr->kbdPtr;

    sshPtr->transPtr->typePtr->want(sshPtr->transPtr, 0);
    Tcl_MutexLock(&kbdPtr->mutex);
    kbdPtr->wants = false;
    kbdPtr->ready = true;
    Tcl_ConditionNotify(&kbdPtr->changed);
    Tcl_MutexUnlock(&kbdPtr->mutex);
}

bool
DpSshKbdWants(DpSsh *sshPtr)
{
    DpSshKbd *kbdPtr = sshPtr->kbdPtr;
    bool wants;

    Tcl_MutexLock(&kbdPtr->mutex);
    wants = kbdPtr->wants;
    Tcl_MutexUnlock(&kbdPtr->mutex);
    return wants;
}

static void
GiveAnswers(DpSshKbd *kbdPtr, int count, const char *const *answers)
{
    Tcl_MutexLock(&kbdPtr->mutex);
    if (!kbdPtr->answered) {
	kbdPtr->answers = DpAlloc(((size_t) count + 1)
		* sizeof(*kbdPtr->answers));
	kbdPtr->numAnswers = count;
	for (int i = 0; i < count; i++) {
	    kbdPtr->answers[i] = DpStrdup(answers[i]);
	}
	kbdPtr->answered = true;
	Tcl_ConditionNotify(&kbdPtr->changed);
    }
    Tcl_MutexUnlock(&kbdPtr->mutex);
}

void
DpSshKbdAnswer(DpSsh *sshPtr, int count, const char *const *answers)
{
    if (sshPtr->kbdPtr != NULL) {
	GiveAnswers(sshPtr->kbdPtr, count, answers);
    }
}

/*
 * The server asks. The password that is configured answers the first question
 * that hides what is typed; the rest is for a human.
 */
static void
PutQuestion(void *clientData, void *data)
{
    DpSshKbd *kbdPtr = data;
    DpSsh *sshPtr = kbdPtr->sshPtr;
    DpSshAsk ask = {.kind = DP_ASK_KEYBOARD};

    (void) clientData;
    if (sshPtr == NULL) {
	return;
    }
    if (kbdPtr->numPrompts == 1 && !kbdPtr->echo[0]
	    && sshPtr->config.password != NULL && !kbdPtr->passwordUsed) {
	const char *answers[] = {sshPtr->config.password};

	kbdPtr->passwordUsed = true;
	sshPtr->passwordTried = true;
	GiveAnswers(kbdPtr, 1, answers);
	return;
    }
    ask.name = sshPtr->config.slug;
    ask.title = kbdPtr->title;
    ask.instruction = kbdPtr->instruction;
    ask.numPrompts = kbdPtr->numPrompts;
    ask.prompts = (const char *const *) kbdPtr->prompts;
    ask.echo = kbdPtr->echo;
    if (kbdPtr->numPrompts == 0 || DpSshAskOwner(sshPtr, &ask) == 0) {
	GiveAnswers(kbdPtr, 0, NULL);
    } else if (sshPtr->transPtr != NULL) {
	sshPtr->transPtr->typePtr->want(sshPtr->transPtr, DP_HANGUP);
    }
}

static void
Finished(void *clientData, void *data)
{
    DpSshKbd *kbdPtr = data;
    DpSsh *sshPtr = kbdPtr->sshPtr;

    (void) clientData;
    if (sshPtr == NULL) {
	return;
    }
    DpSshKbdStop(sshPtr);
    sshPtr->kbdDone = true;
    sshPtr->kbdRc = kbdPtr->rc;
    DpSshPump(sshPtr);
}

/* Part: in the thread. */

/* Waits until *flagPtr or stop; false: stop. The mutex is held. */
static bool
Await(DpSshKbd *kbdPtr, bool *flagPtr)
{
    while (!*flagPtr && !kbdPtr->stop) {
	Tcl_ConditionWait(&kbdPtr->changed, &kbdPtr->mutex, NULL);
    }
    *flagPtr = false;
    return !kbdPtr->stop;
}

static char *
CopyText(const void *text, size_t length)
{
    char *copy = DpAlloc(length + 1);

    if (length > 0) {
	/* Else libssh2 may give NULL. */
	memcpy(copy, text, length);
    }
    return copy;
}

static
LIBSSH2_USERAUTH_KBDINT_RESPONSE_FUNC(AnswerCallback)
{
    DpSsh *sshPtr = *abstract;
    DpSshKbd *kbdPtr = sshPtr->kbdPtr;

    Tcl_MutexLock(&kbdPtr->mutex);
    FreeQuestion(kbdPtr);
    kbdPtr->title = CopyText(name, (size_t) name_len);
    kbdPtr->instruction = CopyText(instruction, (size_t) instruction_len);
    kbdPtr->prompts = DpAlloc(((size_t) num_prompts + 1)
	    * sizeof(*kbdPtr->prompts));
    kbdPtr->echo = DpAlloc((size_t) num_prompts + 1);
    kbdPtr->numPrompts = num_prompts;
    for (int i = 0; i < num_prompts; i++) {
	kbdPtr->prompts[i] = CopyText(prompts[i].text, prompts[i].length);
	kbdPtr->echo[i] = prompts[i].echo != 0;
    }
    Post(kbdPtr, PutQuestion);
    Await(kbdPtr, &kbdPtr->answered);
    for (int i = 0; i < num_prompts; i++) {
	const char *answer = i < kbdPtr->numAnswers ? kbdPtr->answers[i] : "";

	/* libssh2 frees it by free(). */
	responses[i].text = DpStrdup(answer);
	responses[i].length = (unsigned int) strlen(answer);
    }
    Tcl_MutexUnlock(&kbdPtr->mutex);
}

/* Sends what libssh2 has put out. Only system calls on the transport. */
static void
SendOut(DpSsh *sshPtr)
{
    while (DpBufLength(&sshPtr->outBuf) > 0) {
	ptrdiff_t n = sshPtr->transPtr->typePtr->send(sshPtr->transPtr,
		DpBufData(&sshPtr->outBuf), DpBufLength(&sshPtr->outBuf));

	if (n <= 0) {
	    return;
	}
	DpBufConsume(&sshPtr->outBuf, (size_t) n);
    }
}

static Tcl_ThreadCreateType
KeyboardThread(ClientData clientData)
{
    DpSshKbd *kbdPtr = clientData;
    DpSsh *sshPtr = kbdPtr->sshPtr;
    const char *username = sshPtr->config.username;
    bool stop = false;
    int rc;

    for (;;) {
	sshPtr->turnBytes = 0;
	rc = libssh2_userauth_keyboard_interactive_ex(sshPtr->session,
		username, (unsigned int) strlen(username), AnswerCallback);
	SendOut(sshPtr);
	if (rc != LIBSSH2_ERROR_EAGAIN || stop) {
	    break;
	}
	Tcl_MutexLock(&kbdPtr->mutex);
	kbdPtr->wants = true;
	Post(kbdPtr, WantTransport);
	stop = !Await(kbdPtr, &kbdPtr->ready);
	Tcl_MutexUnlock(&kbdPtr->mutex);
	if (stop) {
	    break;
	}
    }
    Tcl_MutexLock(&kbdPtr->mutex);
    kbdPtr->rc = rc;
    Post(kbdPtr, Finished);
    Tcl_MutexUnlock(&kbdPtr->mutex);
    DropKbd(kbdPtr);
    TCL_THREAD_CREATE_RETURN;
}

/* Part: start and stop, in the event thread. */

static void
StartThread(void *clientData)
{
    DpSshKbd *kbdPtr = clientData;
    DpSsh *sshPtr = kbdPtr->sshPtr;

    kbdPtr->refCount++;
    if (Tcl_CreateThread(&kbdPtr->thread, KeyboardThread, kbdPtr,
	    TCL_THREAD_STACK_DEFAULT, TCL_THREAD_JOINABLE) == TCL_OK) {
	kbdPtr->running = true;
	return;
    }
    DropKbd(kbdPtr);
    DpSshKbdStop(sshPtr);
    sshPtr->kbdDone = true;
    sshPtr->kbdRc = LIBSSH2_ERROR_ALLOC;
    DpSshPump(sshPtr);
}

bool
DpSshKbdStep(DpSsh *sshPtr, int *rcPtr)
{
    DpSshKbd *kbdPtr;

    if (sshPtr->kbdDone) {
	sshPtr->kbdDone = false;
	*rcPtr = sshPtr->kbdRc;
	return true;
    }
    kbdPtr = DpAlloc(sizeof(*kbdPtr));
    kbdPtr->refCount = 1;
    kbdPtr->sshPtr = sshPtr;
    kbdPtr->loopPtr = sshPtr->loopPtr;
    sshPtr->kbdPtr = kbdPtr;
    DpLoopThreads(sshPtr->loopPtr);
    /* Not from here: the pump that called has still to flush. */
    DpSoonStart(sshPtr->loopPtr, &kbdPtr->startTask, StartThread, kbdPtr);
    return false;
}

/*
 * Twin of DpSshKbdStep. The thread waits for nothing but us, so that it can be
 * joined at once; after that the session is the event thread's again.
 */
void
DpSshKbdStop(DpSsh *sshPtr)
{
    DpSshKbd *kbdPtr = sshPtr->kbdPtr;
    int result;

    if (kbdPtr == NULL) {
	return;
    }
    DpTaskStop(&kbdPtr->startTask);
    if (kbdPtr->running) {
	Tcl_MutexLock(&kbdPtr->mutex);
	kbdPtr->stop = true;
	Tcl_ConditionNotify(&kbdPtr->changed);
	Tcl_MutexUnlock(&kbdPtr->mutex);
	Tcl_JoinThread(kbdPtr->thread, &result);
	kbdPtr->running = false;
    }
    kbdPtr->sshPtr = NULL;
    sshPtr->kbdPtr = NULL;
    DropKbd(kbdPtr);
}

/*
 * fuzzSftp.c -- an sftp-server that says anything, while its client is used.
 *
 * The input is a list of steps, each a byte and what belongs to it: an
 * operation begins, the last is cancelled, the last file is closed, bytes come from the
 * server as they stand here, or put into a message that answers the oldest
 * request. In the end the server ends, or the client shuts.
 */

#include "dpSftp.h"
#include "dpSftpMsg.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_OPS 64
#define MAX_FILES 16
#define MAX_TASKS 256
#define MAX_IDS 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- in place of the event loop --- */

struct DpLoop {
    DpTask *tasks[MAX_TASKS];
    int numTasks;
    DpTimer *timers[MAX_TASKS];
    int numTimers;
};

void
DpLoopHold(DpLoop *loopPtr)
{
    (void) loopPtr;
}

void
DpLoopDrop(DpLoop *loopPtr)
{
    (void) loopPtr;
}

int64_t
DpLoopNow(void)
{
    return 1;
}

void
DpLoopWait(DpLoop *loopPtr, const bool *donePtr)
{
    (void) loopPtr;
    (void) donePtr;
    abort();
}

void
DpLoopPoll(DpLoop *loopPtr, int milliseconds)
{
    (void) loopPtr;
    (void) milliseconds;
    abort();
}

void
DpSoonStart(DpLoop *loopPtr, DpTask *taskPtr, DpProcedure *proc,
	void *clientData)
{
    if (taskPtr->loopPtr != NULL) {
	return;
    }
    if (loopPtr->numTasks == MAX_TASKS) {
	abort();
    }
    taskPtr->loopPtr = loopPtr;
    taskPtr->proc = proc;
    taskPtr->clientData = clientData;
    loopPtr->tasks[loopPtr->numTasks++] = taskPtr;
}

void
DpTaskStart(DpLoop *loopPtr, DpTask *taskPtr, DpProcedure *proc,
	void *clientData)
{
    DpSoonStart(loopPtr, taskPtr, proc, clientData);
}

void
DpTaskStop(DpTask *taskPtr)
{
    DpLoop *loopPtr = taskPtr->loopPtr;

    if (loopPtr == NULL) {
	return;
    }
    taskPtr->loopPtr = NULL;
    for (int i = 0; i < loopPtr->numTasks; i++) {
	if (loopPtr->tasks[i] == taskPtr) {
	    memmove(&loopPtr->tasks[i], &loopPtr->tasks[i + 1],
		    (size_t) (loopPtr->numTasks - i - 1) * sizeof(taskPtr));
	    loopPtr->numTasks--;
	    return;
	}
    }
    abort();
}

void
DpTimerStart(DpLoop *loopPtr, DpTimer *timerPtr, int64_t milliseconds,
	DpProcedure *proc, void *clientData)
{
    (void) milliseconds;
    if (timerPtr->loopPtr == NULL) {
	if (loopPtr->numTimers == MAX_TASKS) {
	    abort();
	}
	loopPtr->timers[loopPtr->numTimers++] = timerPtr;
    }
    timerPtr->loopPtr = loopPtr;
    timerPtr->proc = proc;
    timerPtr->clientData = clientData;
}

void
DpTimerStop(DpTimer *timerPtr)
{
    DpLoop *loopPtr = timerPtr->loopPtr;

    if (loopPtr == NULL) {
	return;
    }
    timerPtr->loopPtr = NULL;
    for (int i = 0; i < loopPtr->numTimers; i++) {
	if (loopPtr->timers[i] == timerPtr) {
	    loopPtr->timers[i] = loopPtr->timers[--loopPtr->numTimers];
	    return;
	}
    }
    abort();
}

static void
RunTasks(DpLoop *loopPtr)
{
    while (loopPtr->numTasks > 0) {
	DpTask *taskPtr = loopPtr->tasks[0];

	DpTaskStop(taskPtr);
	taskPtr->proc(taskPtr->clientData);
    }
}

static void
RunTimers(DpLoop *loopPtr)
{
    while (loopPtr->numTimers > 0) {
	DpTimer *timerPtr = loopPtr->timers[0];

	DpTimerStop(timerPtr);
	timerPtr->proc(timerPtr->clientData);
    }
}

/* --- in place of sessions: there are none --- */

DpProc *
DpSshSubsystem(DpSsh *sshPtr, const char *name)
{
    (void) sshPtr;
    (void) name;
    abort();
}

DpSshState
DpSshGetState(const DpSsh *sshPtr)
{
    (void) sshPtr;
    abort();
}

const DpError *
DpSshGetError(const DpSsh *sshPtr)
{
    (void) sshPtr;
    abort();
}

DpLoop *
DpSshLoop(const DpSsh *sshPtr)
{
    (void) sshPtr;
    abort();
}

bool
DpSshHasRoom(const DpSsh *sshPtr)
{
    (void) sshPtr;
    abort();
}

size_t
DpSshUnsent(const DpSsh *sshPtr)
{
    (void) sshPtr;
    abort();
}

void
DpSshTenantEnter(DpSsh *sshPtr, DpSshTenant *tenantPtr,
	void (*wanted)(void *clientData), void *clientData)
{
    (void) sshPtr;
    (void) tenantPtr;
    (void) wanted;
    (void) clientData;
    abort();
}

void
DpSshTenantLeave(DpSshTenant *tenantPtr)
{
    if (tenantPtr->sshPtr != NULL) {
	abort();
    }
}

/* --- the server's side --- */

typedef struct Server {
    DpProc proc;                /* first */
    uint32_t ids[MAX_IDS];      /* of requests, in a ring */
    unsigned firstId, numIds;
} Server;

/* Notes the ids of whole requests and throws them away. */
static void
Kick(DpProc *procPtr)
{
    Server *serverPtr = (Server *) procPtr;
    DpBuf *inPtr = &procPtr->in;

    while (DpBufLength(inPtr) >= 9) {
	DpWire wire;
	size_t count;

	DpWireInit(&wire, DpBufData(inPtr), DpBufLength(inPtr));
	count = DpWireNumber(&wire);
	if (count < 5 || count > wire.left) {
	    abort();            /* no client writes that */
	}
	if (DpWireByte(&wire) != DP_FXP_INIT && serverPtr->numIds < MAX_IDS) {
	    serverPtr->ids[(serverPtr->firstId + serverPtr->numIds++)
		    % MAX_IDS] = DpWireNumber(&wire);
	}
	DpProcSent(procPtr, 4 + count);
    }
}

static bool
Signal(DpProc *procPtr, const char *name)
{
    (void) procPtr;
    (void) name;
    return false;
}

static void
Nothing(DpProc *procPtr)
{
    (void) procPtr;
}

static const DpProcType serverType = {
    "fuzz", false, Kick, Signal, Nothing, Nothing, Nothing
};

/* The message of these bytes, type first, as an answer to the oldest. */
static void
Answer(Server *serverPtr, const uint8_t *bytes, size_t count)
{
    DpBuf buf = {0};
    uint32_t id = 0;

    if (serverPtr->numIds > 0) {
	id = serverPtr->ids[serverPtr->firstId];
	serverPtr->firstId = (serverPtr->firstId + 1) % MAX_IDS;
	serverPtr->numIds--;
    }
    DpWirePutNumber(&buf, (uint32_t) count + 4);
    DpWirePutByte(&buf, bytes[0]);
    DpWirePutNumber(&buf, id);
    DpBufAppend(&buf, bytes + 1, count - 1);
    DpProcGot(&serverPtr->proc, DP_STDOUT, DpBufData(&buf), DpBufLength(&buf));
    DpBufFree(&buf);
}

/* --- the client's side --- */

typedef struct Client {
    DpFs *fsPtr;
    DpFsOp *ops[MAX_OPS];
    int numOps;
    DpFsFile *files[MAX_FILES];
    int numFiles;
    unsigned sum;               /* of all that came, so that it is read */
} Client;

typedef struct Use {
    Client *clientPtr;
    DpFsOp *opPtr;
} Use;

static void
Done(void *clientData, const DpFsReply *replyPtr)
{
    Use *usePtr = clientData;
    Client *clientPtr = usePtr->clientPtr;

    for (size_t i = 0; i < replyPtr->count; i++) {
	clientPtr->sum += replyPtr->bytes[i];
    }
    for (int i = 0; i < replyPtr->numEntries; i++) {
	clientPtr->sum += (unsigned) strlen(replyPtr->entries[i].name);
	if (strchr(replyPtr->entries[i].name, '/') != NULL) {
	    abort();
	}
    }
    if (replyPtr->message != NULL) {
	clientPtr->sum += (unsigned) strlen(replyPtr->message);
    }
    if (replyPtr->filePtr != NULL) {
	if (replyPtr->error != 0) {
	    abort();
	}
	if (clientPtr->numFiles < MAX_FILES) {
	    clientPtr->files[clientPtr->numFiles++] = replyPtr->filePtr;
	} else {
	    DpFsFileDrop(replyPtr->filePtr);
	}
    }
    if (!replyPtr->more) {
	for (int i = 0; i < clientPtr->numOps; i++) {
	    if (clientPtr->ops[i] == usePtr->opPtr) {
		clientPtr->ops[i] = clientPtr->ops[--clientPtr->numOps];
		break;
	    }
	}
	DpFree(usePtr);
    }
}

static void
Begin(Client *clientPtr, unsigned step)
{
    static const char bytes[] = "bytes";
    DpFsRequest request = {
	.kind = (DpFsKind) (step % (DP_FS_STORE + 1)), .path = "/d/f",
	.path2 = "/d/g", .flags = step, .offset = step, .count = 5,
	.bytes = bytes, .attr = {.has = step, .mode = step}
    };
    Use *usePtr;

    if (clientPtr->numOps == MAX_OPS) {
	return;
    }
    if (request.kind >= DP_FS_READ && request.kind <= DP_FS_CLOSE) {
	if (clientPtr->numFiles == 0) {
	    return;
	}
	request.filePtr = clientPtr->files[clientPtr->numFiles - 1];
	request.path = request.path2 = NULL;
	if (request.kind == DP_FS_CLOSE) {
	    clientPtr->numFiles--;
	}
	if (request.kind == DP_FS_WRITE && (step & 0x20)) {
	    /* More than one message. */
	    static const char many[100000];

	    request.bytes = many;
	    request.count = sizeof(many);
	}
    }
    usePtr = DpAlloc(sizeof(*usePtr));
    usePtr->clientPtr = clientPtr;
    usePtr->opPtr = clientPtr->ops[clientPtr->numOps++] =
	    DpFsSubmit(clientPtr->fsPtr, &request, Done, usePtr);
}

/* One is not wanted any more; what it was given is freed now. */
static void
Cancel(Client *clientPtr)
{
    DpFsOp *opPtr;
    Use *usePtr;

    if (clientPtr->numOps > 0) {
	opPtr = clientPtr->ops[--clientPtr->numOps];
	usePtr = opPtr->clientData;
	DpFsCancel(opPtr);
	DpFree(usePtr);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DpLoop loop = {.numTasks = 0};
    Client client = {.fsPtr = NULL};
    Server *serverPtr = DpAlloc(sizeof(*serverPtr));
    DpError error = {.code = ""};

    DpProcInit(&serverPtr->proc, &serverType, &loop);
    DpProcHold(&serverPtr->proc);
    client.fsPtr = DpSftpNew(&loop, &serverPtr->proc, "host");
    for (size_t at = 0; at < size;) {
	unsigned step = data[at++];
	size_t count;

	if (step < 0x80) {
	    Begin(&client, step);
	} else if (step < 0x90) {
	    Cancel(&client);
	} else if (step < 0x98 && client.numFiles > 0) {
	    DpFsFileDrop(client.files[--client.numFiles]);
	} else if (step < 0x9c && step > 0x98) {
	    DpFsShut(client.fsPtr);
	} else if (at < size) {
	    count = data[at++];
	    count = count < size - at ? count : size - at;
	    if (step < 0xa8) {
		DpProcGot(&serverPtr->proc, DP_STDERR, data + at, count);
	    } else if (step < 0xb8 || count == 0) {
		DpProcGot(&serverPtr->proc, DP_STDOUT, data + at, count);
	    } else {
		Answer(serverPtr, data + at, count);
	    }
	    at += count;
	}
	RunTasks(&loop);
    }
    if (size % 3 == 0) {
	RunTimers(&loop);
    } else if (size % 3 == 1) {
	serverPtr->proc.status = 1;
	DpProcEnd(&serverPtr->proc, NULL);
    }
    RunTasks(&loop);
    DpFsShut(client.fsPtr);
    RunTasks(&loop);
    if (client.numOps > 0) {
	abort();                /* each is answered by now */
    }
    while (client.numFiles > 0) {
	DpFsFileDrop(client.files[--client.numFiles]);
    }
    DpErrorCopy(&error, &client.fsPtr->error);
    DpErrorClear(&error);
    DpFsDrop(client.fsPtr);
    if (loop.numTasks > 0 || loop.numTimers > 0) {
	abort();
    }
    DpProcEnd(&serverPtr->proc, NULL);
    if (serverPtr->proc.refCount != 1) {
	abort();
    }
    DpProcDrop(&serverPtr->proc);
    DpFree(serverPtr);
    return 0;
}

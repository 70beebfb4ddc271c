/*
 * dpFs.c -- the file system of a host: operations and their lives.
 *
 * Layer L2.
 */

#include "dpFs.h"

#include "dpProc.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>

/* File names of 255 bytes are the most that common file systems take. */
#define NAME_MAX_BYTES 255

/* So many bytes of a path stand in a message. */
#define MESSAGE_PATH 240

void
DpFsInit(DpFs *fsPtr, const DpFsType *typePtr, DpLoop *loopPtr,
	const char *slug)
{
    fsPtr->typePtr = typePtr;
    fsPtr->loopPtr = loopPtr;
    DpLoopHold(loopPtr);
    fsPtr->refCount = 1;
    fsPtr->slug = DpStrdup(slug);
    fsPtr->block = 32 * 1024;
    fsPtr->depth = 64;
}

void
DpFsHold(DpFs *fsPtr)
{
    fsPtr->refCount++;
}

static void
DropGuard(DpFs *fsPtr)
{
    DpProc *guardPtr = fsPtr->guardPtr;

    fsPtr->guardPtr = NULL;
    if (guardPtr != NULL) {
	DpProcCloseIn(guardPtr);
	DpProcDrop(guardPtr);
    }
}

void
DpFsSetGuard(DpFs *fsPtr, DpProc *guardPtr)
{
    DropGuard(fsPtr);
    fsPtr->guardPtr = guardPtr;
}

void
DpFsDrop(DpFs *fsPtr)
{
    DpLoop *loopPtr = fsPtr->loopPtr;

    if (--fsPtr->refCount > 0) {
	return;
    }
    DropGuard(fsPtr);
    DpErrorClear(&fsPtr->error);
    DpFree(fsPtr->slug);
    fsPtr->typePtr->free(fsPtr);
    DpLoopDrop(loopPtr);
}

/* --- operations --- */

static void
FreeOp(DpFsOp *opPtr)
{
    DpFs *fsPtr = opPtr->fsPtr;

    DpTaskStop(&opPtr->task);
    DpFree((char *) opPtr->request.path);
    DpFree((char *) opPtr->request.path2);
    DpFree(opPtr);
    fsPtr->numOps--;
    DpFsDrop(fsPtr);
}

static void
AnswerLate(void *clientData)
{
    DpFsOp *opPtr = clientData;

    *opPtr->prevLatePtr = opPtr->nextLatePtr;
    if (opPtr->nextLatePtr != NULL) {
	opPtr->nextLatePtr->prevLatePtr = opPtr->prevLatePtr;
    }
    DpFsReplyError(opPtr, opPtr->lateError, NULL);
}

DpFsOp *
DpFsSubmit(DpFs *fsPtr, const DpFsRequest *requestPtr, DpFsDone *done,
	void *clientData)
{
    DpFsOp *opPtr = DpAlloc(sizeof(*opPtr));

    DpFsHold(fsPtr);
    fsPtr->numOps++;
    opPtr->fsPtr = fsPtr;
    opPtr->request = *requestPtr;
    opPtr->request.path = DpStrdup(requestPtr->path);
    opPtr->request.path2 = DpStrdup(requestPtr->path2);
    opPtr->done = done;
    opPtr->clientData = clientData;
    if (fsPtr->isShut || DpErrorIsSet(&fsPtr->error)) {
	if (requestPtr->kind == DP_FS_CLOSE) {
	    DpFsFileDrop(requestPtr->filePtr);
	}
	opPtr->request.bytes = NULL;
	DpFsReplyLater(opPtr, fsPtr->isShut ? ECONNABORTED : ECONNRESET);
	return opPtr;
    }
    opPtr->inSubmit = true;
    if (!fsPtr->typePtr->submit(fsPtr, opPtr)) {
	opPtr->apart = true;
	if (requestPtr->kind == DP_FS_LOAD
		|| requestPtr->kind == DP_FS_STORE) {
	    DpFsWholeStart(opPtr);
	} else if (requestPtr->kind == DP_FS_ADOPT && fsPtr->adopt != NULL) {
	    fsPtr->adopt(fsPtr, opPtr);
	} else {
	    DpFsReplyLater(opPtr, ENOTSUP);
	}
    }
    opPtr->inSubmit = false;
    opPtr->request.bytes = NULL;
    return opPtr;
}

void
DpFsCancel(DpFsOp *opPtr)
{
    opPtr->done = NULL;
    opPtr->clientData = NULL;
    if (!opPtr->apart && opPtr->fsPtr->typePtr->cancelled != NULL) {
	opPtr->fsPtr->typePtr->cancelled(opPtr->fsPtr, opPtr);
    }
}

void
DpFsReplyTo(DpFsOp *opPtr, const DpFsReply *replyPtr)
{
    DpFsDone *done = opPtr->done;

    if (done != NULL) {
	/* A list that goes on may be cancelled in here: opPtr stays. */
	done(opPtr->clientData, replyPtr);
    } else if (replyPtr->filePtr != NULL) {
	DpFsFileDrop(replyPtr->filePtr);
    }
    if (!replyPtr->more) {
	FreeOp(opPtr);
    }
}

void
DpFsReplyError(DpFsOp *opPtr, int error, const char *message)
{
    DpFsReply reply = {.error = error, .message = message};

    DpFsReplyTo(opPtr, &reply);
}

void
DpFsReplyLater(DpFsOp *opPtr, int error)
{
    DpFs *fsPtr = opPtr->fsPtr;

    opPtr->lateError = error;
    opPtr->apart = true;
    opPtr->nextLatePtr = fsPtr->latePtr;
    if (fsPtr->latePtr != NULL) {
	fsPtr->latePtr->prevLatePtr = &opPtr->nextLatePtr;
    }
    opPtr->prevLatePtr = &fsPtr->latePtr;
    fsPtr->latePtr = opPtr;
    DpSoonStart(fsPtr->loopPtr, &opPtr->task, AnswerLate, opPtr);
}

void
DpFsShut(DpFs *fsPtr)
{
    if (fsPtr->isShut) {
	return;
    }
    fsPtr->isShut = true;
    DpFsHold(fsPtr);
    fsPtr->typePtr->shut(fsPtr);
    /* What is submitted by those that are told comes to an end here, too. */
    while (fsPtr->latePtr != NULL) {
	AnswerLate(fsPtr->latePtr);
    }
    DropGuard(fsPtr);
    DpFsDrop(fsPtr);
}

void
DpFsWait(DpFs *fsPtr, const bool *donePtr)
{
    DpFsHold(fsPtr);
    while (!*donePtr) {
	if (fsPtr->isShut) {
	    /* The loop may have ended as well. */
	    if (fsPtr->latePtr == NULL) {
		break;
	    }
	    AnswerLate(fsPtr->latePtr);
	} else if (fsPtr->scripted) {
	    DpLoopWait(fsPtr->loopPtr, donePtr);
	    break;
	} else {
	    DpLoopPoll(fsPtr->loopPtr, -1);
	}
    }
    DpFsDrop(fsPtr);
}

/* --- files --- */

void
DpFsFileInit(DpFsFile *filePtr, DpFs *fsPtr)
{
    filePtr->fsPtr = fsPtr;
    DpFsHold(fsPtr);
    fsPtr->numFiles++;
}

void
DpFsFileDone(DpFsFile *filePtr)
{
    filePtr->fsPtr->numFiles--;
    DpFsDrop(filePtr->fsPtr);
    filePtr->fsPtr = NULL;
}

int
DpFsWays(DpFs *fsPtr, int wanted)
{
    return fsPtr->typePtr->ways == NULL ? 1
	    : fsPtr->typePtr->ways(fsPtr, wanted);
}

void
DpFsFileDrop(DpFsFile *filePtr)
{
    if (filePtr != NULL) {
	filePtr->fsPtr->typePtr->closeFile(filePtr);
    }
}

/* --- names and errors --- */

const char *
DpFsText(const DpFs *fsPtr, const char *path, Tcl_DString *textPtr)
{
    Tcl_Encoding encoding = fsPtr->native ? NULL
	    : Tcl_GetEncoding(NULL, "utf-8");
    const char *text = Tcl_ExternalToUtfDString(encoding, path, -1, textPtr);

    if (encoding != NULL) {
	Tcl_FreeEncoding(encoding);
    }
    return text;
}

/*
 * PATH for people: of a very long one the begin and the end, in BUFFER. The
 * error code has all of it.
 */
static const char *
Abridged(const Tcl_DString *pathPtr, char buffer[MESSAGE_PATH + 4])
{
    const char *path = Tcl_DStringValue(pathPtr);
    int length = Tcl_DStringLength(pathPtr);
    int begin = MESSAGE_PATH / 2, end = length - MESSAGE_PATH / 2;

    if (length <= MESSAGE_PATH) {
	return path;
    }
    /* Not in the middle of a character of UTF-8. */
    while (begin > 0 && ((unsigned char) path[begin] & 0xc0) == 0x80) {
	begin--;
    }
    while (end < length && ((unsigned char) path[end] & 0xc0) == 0x80) {
	end++;
    }
    snprintf(buffer, MESSAGE_PATH + 4, "%.*s...%s", begin, path, path + end);
    return buffer;
}

/* What went wrong, in words. */
static const char *
Reason(const DpFs *fsPtr, const DpFsReply *replyPtr)
{
    if (replyPtr->message != NULL) {
	return replyPtr->message;
    }
    if (replyPtr->error == ECONNRESET && fsPtr->error.message != NULL) {
	return fsPtr->error.message;
    }
    if (replyPtr->error == ECONNABORTED && fsPtr->isShut) {
	return "its file system was closed";
    }
    return Tcl_ErrnoMsg(replyPtr->error);
}

void
DpFsErrorTo(DpError *errPtr, const DpFs *fsPtr, const DpFsReply *replyPtr,
	const char *doing, const char *path, const char *path2)
{
    const int saved = errno;
    Tcl_DString name, name2;
    char code[48], buffer[MESSAGE_PATH + 4], buffer2[MESSAGE_PATH + 4];

    DpFsText(fsPtr, path, &name);
    DpFsText(fsPtr, path2 != NULL ? path2 : "", &name2);
    /* Tcl tells the name of errno alone. */
    errno = replyPtr->error;
    snprintf(code, sizeof(code), "FILE %s", Tcl_ErrnoId());
    errno = saved;
    DpErrorSet(errPtr, code, "cannot %s %s%s%s on host %s: %s", doing,
	    Abridged(&name, buffer), path2 != NULL ? " to " : "",
	    Abridged(&name2, buffer2), fsPtr->slug,
	    Reason(fsPtr, replyPtr));
    DpErrorAddData(errPtr, fsPtr->slug);
    DpErrorAddData(errPtr, Tcl_DStringValue(&name));
    Tcl_DStringFree(&name);
    Tcl_DStringFree(&name2);
}

void
DpFsError(DpError *errPtr, const DpFs *fsPtr, const DpFsReply *replyPtr,
	const char *doing, const char *path)
{
    DpFsErrorTo(errPtr, fsPtr, replyPtr, doing, path, NULL);
}

char *
DpFsTempName(const char *path)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t dirLength = (size_t) (base - path), baseLength = strlen(base);
    unsigned char bytes[12];
    char token[sizeof(bytes) + 1];
    char *name;
    size_t size, most = NAME_MAX_BYTES - sizeof(token) - sizeof("..deployer");

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
	/* Without chance the host still refuses a name that exists. */
	memset(bytes, 0, sizeof(bytes));
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
	token[i] = digits[bytes[i] & 31];
    }
    token[sizeof(bytes)] = '\0';
    if (baseLength > most) {
	baseLength = most;
	/* Not in the middle of a character of UTF-8. */
	while (baseLength > 0 && ((unsigned char) base[baseLength] & 0xc0)
		== 0x80) {
	    baseLength--;
	}
    }
    size = dirLength + baseLength + sizeof(token) + sizeof("..deployer") + 2;
    name = DpAlloc(size);
    snprintf(name, size, "%.*s.%.*s.%s.deployer", (int) dirLength, path,
	    (int) baseLength, base, token);
    return name;
}

/*
 * A line for each name, as printf's %b reads it: what is not plain, as a
 * newline, goes as octal numbers.
 */
void
DpFsGuard(DpFs *fsPtr, const char *path)
{
    DpProc *guardPtr = fsPtr->guardPtr;
    DpBuf line = {0};

    if (guardPtr == NULL || guardPtr->ended) {
	return;
    }
    for (const char *p = path; *p != '\0'; p++) {
	char text[8];

	if (*p > ' ' && *p <= '~' && *p != '\\') {
	    DpBufAppend(&line, p, 1);
	} else {
	    DpBufAppend(&line, text, (size_t) snprintf(text, sizeof(text),
		    "\\0%03o", (unsigned char) *p));
	}
    }
    DpBufAppend(&line, "\n", 1);
    DpProcWrite(guardPtr, DpBufData(&line), DpBufLength(&line));
    DpBufFree(&line);
}

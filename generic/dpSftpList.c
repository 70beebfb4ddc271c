/*
 * dpSftpList.c -- the entries of a directory by SFTP.
 *
 * Layer L2. OPENDIR, several READDIR at once, CLOSE. Each READDIR gets the next
 * entries whatever the order of the answers, so that nothing depends on it;
 * but servers that are not like OpenSSH's may not expect two for one handle.
 */

#include "dpSftpInt.h"

#include <errno.h>

/* READDIRs under way: at first, and of a directory that goes on. */
#define FIRST_READS 2
#define MOST_READS 8
/* Entries that are handed over together. */
#define BATCH 128

typedef struct List {
    DpFsOp *opPtr;
    DpSftpHandle handle;
    int underWay;               /* READDIRs */
    int mayBe;                  /* so many of them */
    bool isOpen;
    bool over;                  /* its end, or an error, came */
    bool busy;                  /* entries are being handed over */
    bool failed, lost;
    uint32_t status;            /* with failed */
    char text[DP_SFTP_TEXT];
} List;

static void GotEntries(DpSftpConn *connPtr, void *data,
	const DpSftpReply *replyPtr);

static void
Closed(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    (void) data;
    (void) replyPtr;
    connPtr->numHandles--;
}

/* Answers the operation once nothing of it is under way. */
static void
CheckOver(DpSftpConn *connPtr, List *listPtr)
{
    DpFsOp *opPtr = listPtr->opPtr;

    if (!listPtr->over || listPtr->underWay > 0 || listPtr->busy) {
	return;
    }
    connPtr->numLists--;
    if (connPtr->state == DP_SFTP_READY) {
	if (listPtr->isOpen) {
	    size_t at;
	    DpBuf *bufPtr = DpSftpCallBegin(connPtr, DP_FXP_CLOSE, 300,
		    Closed, NULL, &at);

	    DpSftpPutHandle(bufPtr, &listPtr->handle);
	    DpSftpCallSend(connPtr, bufPtr, at);
	} else {
	    connPtr->numHandles--;
	}
	DpSftpResume(connPtr->sftpPtr);
    }
    if (listPtr->lost || connPtr->state != DP_SFTP_READY) {
	DpSftpLostOp(connPtr, opPtr);
    } else if (listPtr->failed) {
	DpSftpReply reply = {.type = DP_FXP_STATUS, .status = listPtr->status,
		.bytes = (unsigned char *) listPtr->text,
		.count = strlen(listPtr->text)};

	DpSftpWhy(connPtr, opPtr, NULL, &reply);
    } else {
	DpFsReplyError(opPtr, 0, NULL);
    }
    DpFree(listPtr);
}

static void
AskMore(DpSftpConn *connPtr, List *listPtr)
{
    while (!listPtr->over && listPtr->underWay < listPtr->mayBe
	    && connPtr->state == DP_SFTP_READY) {
	size_t at;
	DpBuf *bufPtr = DpSftpCallBegin(connPtr, DP_FXP_READDIR, 300,
		GotEntries, listPtr, &at);

	DpSftpPutHandle(bufPtr, &listPtr->handle);
	listPtr->underWay++;
	DpSftpCallSend(connPtr, bufPtr, at);
    }
}

static void
Fail(List *listPtr, const DpSftpReply *replyPtr)
{
    char text[DP_SFTP_TEXT];

    listPtr->over = true;
    if (!listPtr->failed) {
	listPtr->failed = true;
	listPtr->status = replyPtr->status;
	if (DpSftpText(replyPtr, text) != NULL) {
	    memcpy(listPtr->text, text, sizeof(text));
	}
    }
}

/* No answer, or one that does not fit. */
static void
Lost(DpSftpConn *connPtr, List *listPtr, const DpSftpReply *replyPtr,
	const char *what)
{
    bool wasBusy = listPtr->busy;

    listPtr->over = listPtr->lost = true;
    if (replyPtr != NULL) {
	/* The others of this list are told of the end in here. */
	listPtr->busy = true;
	DpSftpConnBreak(connPtr, what);
	listPtr->busy = wasBusy;
    }
    CheckOver(connPtr, listPtr);
}

/* Whether an entry is one to be told; "/" in a name can only be malice. */
static bool
IsName(const char *name, size_t length, bool *dotPtr)
{
    *dotPtr = (length == 1 && name[0] == '.')
	    || (length == 2 && name[0] == '.' && name[1] == '.');
    return length > 0 && memchr(name, '/', length) == NULL;
}

/* Hands over the entries of one answer. False: it is malformed. */
static bool
HandOver(List *listPtr, const DpSftpReply *replyPtr)
{
    DpFsEntry entries[BATCH];
    DpSftpReply names = *replyPtr;
    int count = 0;

    for (uint32_t i = 0; i < replyPtr->numNames; i++) {
	size_t length;
	bool isDot;

	if (!DpSftpGetName(&names, &entries[count], &length)
		|| !IsName(entries[count].name, length, &isDot)) {
	    return false;
	}
	if (!isDot) {
	    count++;
	}
	if (count == BATCH || (i == replyPtr->numNames - 1 && count > 0)) {
	    DpFsReply reply = {.more = true, .entries = entries,
		    .numEntries = count};

	    DpFsReplyTo(listPtr->opPtr, &reply);
	    count = 0;
	}
    }
    if (count > 0) {
	/* The last of all was a dot. */
	DpFsReply reply = {.more = true, .entries = entries,
		.numEntries = count};

	DpFsReplyTo(listPtr->opPtr, &reply);
    }
    return true;
}

static void
GotEntries(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    List *listPtr = data;
    bool ok = true;

    listPtr->underWay--;
    if (replyPtr == NULL) {
	Lost(connPtr, listPtr, NULL, NULL);
	return;
    }
    if (replyPtr->type == DP_FXP_STATUS && replyPtr->status == DP_FX_EOF) {
	listPtr->over = true;
    } else if (replyPtr->type == DP_FXP_STATUS
	    && replyPtr->status != DP_FX_OK) {
	Fail(listPtr, replyPtr);
    } else if (replyPtr->type == DP_FXP_NAME) {
	/* Whoever gets them may shut the file system. */
	listPtr->busy = true;
	ok = HandOver(listPtr, replyPtr);
	listPtr->busy = false;
	if (listPtr->opPtr->done == NULL) {
	    listPtr->over = true;       /* cancelled */
	}
	if (connPtr->extensions & DP_SFTP_OPENSSH) {
	    listPtr->mayBe = MOST_READS;
	}
    } else {
	ok = false;
    }
    if (!ok) {
	Lost(connPtr, listPtr, replyPtr, replyPtr->type == DP_FXP_NAME
		? "a list of names that is malformed"
		: "an answer that does not fit the question");
	return;
    }
    if (connPtr->state != DP_SFTP_READY) {
	listPtr->over = listPtr->lost = true;
    }
    AskMore(connPtr, listPtr);
    CheckOver(connPtr, listPtr);
}

static void
GotOpen(DpSftpConn *connPtr, void *data, const DpSftpReply *replyPtr)
{
    List *listPtr = data;

    if (replyPtr != NULL && replyPtr->type == DP_FXP_HANDLE) {
	listPtr->handle.length = (uint16_t) replyPtr->count;
	memcpy(listPtr->handle.bytes, replyPtr->bytes, replyPtr->count);
	listPtr->isOpen = true;
	listPtr->over = listPtr->opPtr->done == NULL;
	listPtr->mayBe = connPtr->extensions & DP_SFTP_OPENSSH
		? FIRST_READS : 1;
	AskMore(connPtr, listPtr);
	CheckOver(connPtr, listPtr);
    } else if (replyPtr != NULL && replyPtr->type == DP_FXP_STATUS
	    && replyPtr->status != DP_FX_OK) {
	Fail(listPtr, replyPtr);
	CheckOver(connPtr, listPtr);
    } else {
	Lost(connPtr, listPtr, replyPtr,
		"an answer that does not fit the question");
    }
}

void
DpSftpListStart(DpSftpConn *connPtr, DpFsOp *opPtr)
{
    List *listPtr = DpAlloc(sizeof(*listPtr));
    size_t at, length = strlen(opPtr->request.path);
    DpBuf *bufPtr = DpSftpCallBegin(connPtr, DP_FXP_OPENDIR, 300 + length,
	    GotOpen, listPtr, &at);

    listPtr->opPtr = opPtr;
    connPtr->numHandles++;
    connPtr->numLists++;
    DpWirePutString(bufPtr, opPtr->request.path, length);
    DpSftpCallSend(connPtr, bufPtr, at);
}

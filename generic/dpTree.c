/*
 * dpTree.c -- removes a tree, many of its files at once.
 *
 * Layer L3. A directory goes when all in it has gone. Directories are read a
 * few at a time, the last found first, so that few names wait.
 */

#include "dpTree.h"

#include <errno.h>
#include <stdio.h>

#define IS_DIR(mode) (((mode) & 0170000) == 0040000)

/* So many directories are read at once. */
#define LISTS 8

typedef struct Node Node;
typedef struct Op Op;

struct DpTreeRemove {
    DpFs *fsPtr;                /* held */
    void (*done)(void *clientData, const DpFsReply *replyPtr,
	    const char *path);
    void *clientData;
    Node *waitingPtr;           /* directories to be read, last first */
    Op *opsPtr;                 /* under way */
    int numLists;
    int error;                  /* of the first failure ... */
    char *message, *path;       /* ... and what it was about */
};

/* A directory. */
struct Node {
    DpTreeRemove *removePtr;
    Node *parentPtr;
    Node *nextPtr;              /* of those that wait */
    char *path;
    bool mayEnter;              /* its mode lets us remove what is in it */
    int numLeft;                /* entries, and 1 while it is read */
};

/* An operation, of a directory or (name) of a file in it. */
struct Op {
    DpTreeRemove *removePtr;
    Node *nodePtr;
    Op *prevPtr, *nextPtr;
    DpFsOp *opPtr;
    char *path;                 /* of a file */
};

static void Left(Node *nodePtr);
static void Launch(DpTreeRemove *removePtr);

static void
Submit(Node *nodePtr, DpFsKind kind, char *path, DpFsDone *done)
{
    DpTreeRemove *removePtr = nodePtr->removePtr;
    DpFsRequest request = {.kind = kind,
	    .path = path != NULL ? path : nodePtr->path};
    Op *opPtr = DpAlloc(sizeof(*opPtr));

    opPtr->removePtr = removePtr;
    opPtr->nodePtr = nodePtr;
    opPtr->path = path;
    opPtr->nextPtr = removePtr->opsPtr;
    if (opPtr->nextPtr != NULL) {
	opPtr->nextPtr->prevPtr = opPtr;
    }
    removePtr->opsPtr = opPtr;
    if (kind == DP_FS_SETSTAT) {
	request.attr.has = DP_FS_MODE;
	request.attr.mode = 0700;
    }
    opPtr->opPtr = DpFsSubmit(removePtr->fsPtr, &request, done, opPtr);
}

static void
FreeOp(Op *opPtr)
{
    if (opPtr->prevPtr != NULL) {
	opPtr->prevPtr->nextPtr = opPtr->nextPtr;
    } else {
	opPtr->removePtr->opsPtr = opPtr->nextPtr;
    }
    if (opPtr->nextPtr != NULL) {
	opPtr->nextPtr->prevPtr = opPtr->prevPtr;
    }
    DpFree(opPtr->path);
    DpFree(opPtr);
}

static void
FreeNode(Node *nodePtr)
{
    DpFree(nodePtr->path);
    DpFree(nodePtr);
}

/* Remembers the first failure; what is gone already is none. */
static void
Note(DpTreeRemove *removePtr, const DpFsReply *replyPtr, const char *path)
{
    if (replyPtr->error != 0 && replyPtr->error != ENOENT
	    && removePtr->path == NULL) {
	removePtr->error = replyPtr->error;
	removePtr->message = DpStrdup(replyPtr->message);
	removePtr->path = DpStrdup(path);
    }
}

static void
Free(DpTreeRemove *removePtr)
{
    DpFsDrop(removePtr->fsPtr);
    DpFree(removePtr->message);
    DpFree(removePtr->path);
    DpFree(removePtr);
}

/* The root has gone, or could not go. */
static void
End(DpTreeRemove *removePtr)
{
    DpFsReply reply = {.error = removePtr->error,
	    .message = removePtr->message};

    if (removePtr->done != NULL) {
	removePtr->done(removePtr->clientData,
		removePtr->path != NULL ? &reply : NULL, removePtr->path);
    }
    Free(removePtr);
}

static void
RmdirDone(void *clientData, const DpFsReply *replyPtr)
{
    Op *opPtr = clientData;
    Node *nodePtr = opPtr->nodePtr, *parentPtr = nodePtr->parentPtr;
    DpTreeRemove *removePtr = nodePtr->removePtr;

    FreeOp(opPtr);
    Note(removePtr, replyPtr, nodePtr->path);
    FreeNode(nodePtr);
    if (parentPtr != NULL) {
	Left(parentPtr);
    } else {
	End(removePtr);
    }
}

/* One thing less in a directory: it goes with the last. */
static void
Left(Node *nodePtr)
{
    if (--nodePtr->numLeft == 0) {
	Submit(nodePtr, DP_FS_RMDIR, NULL, RmdirDone);
    }
}

static void
UnlinkDone(void *clientData, const DpFsReply *replyPtr)
{
    Op *opPtr = clientData;
    Node *nodePtr = opPtr->nodePtr;

    Note(nodePtr->removePtr, replyPtr, opPtr->path);
    FreeOp(opPtr);
    Left(nodePtr);
}

static Node *
NewNode(DpTreeRemove *removePtr, Node *parentPtr, char *path)
{
    Node *nodePtr = DpAlloc(sizeof(*nodePtr));

    nodePtr->removePtr = removePtr;
    nodePtr->parentPtr = parentPtr;
    nodePtr->path = path;
    nodePtr->numLeft = 1;
    return nodePtr;
}

static void
AddNode(DpTreeRemove *removePtr, Node *parentPtr, char *path, bool mayEnter)
{
    Node *nodePtr = NewNode(removePtr, parentPtr, path);

    nodePtr->mayEnter = mayEnter;
    nodePtr->nextPtr = removePtr->waitingPtr;
    removePtr->waitingPtr = nodePtr;
}

static void
Entry(Node *nodePtr, const DpFsEntry *entryPtr)
{
    size_t size = strlen(nodePtr->path) + strlen(entryPtr->name) + 2;
    char *path;

    if (strchr(entryPtr->name, '/') != NULL || entryPtr->name[0] == '\0'
	    || strcmp(entryPtr->name, ".") == 0
	    || strcmp(entryPtr->name, "..") == 0) {
	/* It would lead out of the tree. */
	return;
    }
    path = DpAlloc(size);
    snprintf(path, size, "%s/%s", nodePtr->path, entryPtr->name);
    nodePtr->numLeft++;
    if ((entryPtr->attr.has & DP_FS_MODE) && IS_DIR(entryPtr->attr.mode)) {
	AddNode(nodePtr->removePtr, nodePtr, path,
		(entryPtr->attr.mode & 0700) == 0700);
    } else {
	Submit(nodePtr, DP_FS_UNLINK, path, UnlinkDone);
    }
}

static void
ListDone(void *clientData, const DpFsReply *replyPtr)
{
    Op *opPtr = clientData;
    Node *nodePtr = opPtr->nodePtr;
    DpTreeRemove *removePtr = nodePtr->removePtr;

    for (int i = 0; i < replyPtr->numEntries; i++) {
	Entry(nodePtr, &replyPtr->entries[i]);
    }
    if (replyPtr->more) {
	return;
    }
    Note(removePtr, replyPtr, nodePtr->path);
    FreeOp(opPtr);
    removePtr->numLists--;
    Launch(removePtr);
    Left(nodePtr);
}

static void
EnterDone(void *clientData, const DpFsReply *replyPtr)
{
    Op *opPtr = clientData;
    Node *nodePtr = opPtr->nodePtr;

    /* If it could not be, reading tells why. */
    (void) replyPtr;
    FreeOp(opPtr);
    Submit(nodePtr, DP_FS_LIST, NULL, ListDone);
}

static void
Launch(DpTreeRemove *removePtr)
{
    while (removePtr->numLists < LISTS && removePtr->waitingPtr != NULL) {
	Node *nodePtr = removePtr->waitingPtr;

	removePtr->waitingPtr = nodePtr->nextPtr;
	removePtr->numLists++;
	if (nodePtr->mayEnter) {
	    Submit(nodePtr, DP_FS_LIST, NULL, ListDone);
	} else {
	    Submit(nodePtr, DP_FS_SETSTAT, NULL, EnterDone);
	}
    }
}

/* What is to go: a link to a directory goes without what is in that. */
static void
RootDone(void *clientData, const DpFsReply *replyPtr)
{
    Op *opPtr = clientData;
    Node *nodePtr = opPtr->nodePtr;
    DpTreeRemove *removePtr = opPtr->removePtr;

    FreeOp(opPtr);
    if (replyPtr->error != 0) {
	Note(removePtr, replyPtr, nodePtr->path);
	FreeNode(nodePtr);
	End(removePtr);
    } else if (IS_DIR(replyPtr->attr.mode)) {
	nodePtr->mayEnter = (replyPtr->attr.mode & 0700) == 0700;
	removePtr->waitingPtr = nodePtr;
	Launch(removePtr);
    } else {
	Submit(nodePtr, DP_FS_UNLINK, NULL, RmdirDone);
    }
}

DpTreeRemove *
DpTreeRemoveStart(DpFs *fsPtr, const char *path,
	void (*done)(void *clientData, const DpFsReply *replyPtr,
	const char *path), void *clientData)
{
    DpTreeRemove *removePtr = DpAlloc(sizeof(*removePtr));
    Node *rootPtr;

    removePtr->fsPtr = fsPtr;
    DpFsHold(fsPtr);
    removePtr->done = done;
    removePtr->clientData = clientData;
    rootPtr = NewNode(removePtr, NULL, DpStrdup(path));
    Submit(rootPtr, DP_FS_LSTAT, NULL, RootDone);
    return removePtr;
}

void
DpTreeRemoveDrop(DpTreeRemove *removePtr)
{
    removePtr->done = NULL;
}

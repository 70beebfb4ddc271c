/*
 * dpTree.h -- removes a tree, many of its files at once.
 *
 * Layer L3.
 */

#ifndef DP_TREE_H
#define DP_TREE_H

#include "dpFs.h"

typedef struct DpTreeRemove DpTreeRemove;

/*
 * Removes path and all in it; links are removed and never followed. done gets
 * the first reply that failed and its path, or NULL twice; the handle is gone
 * then.
 */
MODULE_SCOPE DpTreeRemove *DpTreeRemoveStart(DpFs *fsPtr, const char *path,
	void (*done)(void *clientData, const DpFsReply *replyPtr,
	const char *path), void *clientData);

/* Nobody looks on any more; done is not called. What runs, runs. */
MODULE_SCOPE void DpTreeRemoveDrop(DpTreeRemove *removePtr);

#endif

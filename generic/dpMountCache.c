/*
 * dpMountCache.c -- attributes of files that were just told by the host.
 *
 * Layer L4. They hold for some time, and never beyond the next turn of the
 * event loop: whatever else this process does on the host, by a command or a
 * transfer, waits for it there, so a script never sees what it changed itself
 * as it was before.
 */

#include "dpMountInt.h"

#include "dpMountStat.h"

/* Of large trees; what comes on top is asked for anew. */
#define MOST_ENTRIES 20000

typedef struct CacheEntry {
    int64_t until[2];           /* DpLoopNow; 0: not known */
    DpFsAttr attr[2];           /* lstat, stat */
} CacheEntry;

bool
DpMountCacheGet(DpMount *mountPtr, const char *path, bool follow,
	DpFsAttr *attrPtr)
{
    Tcl_HashEntry *entryPtr = mountPtr->cache.numEntries == 0 ? NULL
	    : Tcl_FindHashEntry(&mountPtr->cache, path);
    const CacheEntry *cachePtr;

    if (entryPtr == NULL) {
	return false;
    }
    cachePtr = Tcl_GetHashValue(entryPtr);
    if (cachePtr->until[follow] <= DpLoopNow()) {
	return false;
    }
    *attrPtr = cachePtr->attr[follow];
    return true;
}

static void
ClearTask(void *clientData)
{
    DpMountCacheClear(clientData);
}

void
DpMountCachePut(DpMount *mountPtr, const char *path, bool follow,
	const DpFsAttr *attrPtr)
{
    Tcl_HashEntry *entryPtr;
    CacheEntry *cachePtr;
    int isNew;

    /* A file that is being written changes under us. */
    if (mountPtr->cacheTime == 0 || mountPtr->gone || mountPtr->numWriters > 0
	    || !(attrPtr->has & DP_FS_MODE)
	    || mountPtr->cache.numEntries >= MOST_ENTRIES
	    || mountPtr->dpPtr->interp == NULL) {
	return;
    }
    entryPtr = Tcl_CreateHashEntry(&mountPtr->cache, path, &isNew);
    if (isNew) {
	Tcl_SetHashValue(entryPtr, DpAlloc(sizeof(*cachePtr)));
    }
    cachePtr = Tcl_GetHashValue(entryPtr);
    cachePtr->until[follow] = DpLoopNow() + mountPtr->cacheTime;
    cachePtr->attr[follow] = *attrPtr;
    if (!follow && DpMountType(attrPtr->mode) != 'l') {
	/* It leads to itself. */
	cachePtr->until[true] = cachePtr->until[false];
	cachePtr->attr[true] = *attrPtr;
    }
    DpTaskStart(mountPtr->dpPtr->loopPtr, &mountPtr->cacheTask, ClearTask,
	    mountPtr);
}

void
DpMountCacheClear(DpMount *mountPtr)
{
    Tcl_HashSearch search;
    Tcl_HashEntry *entryPtr;

    DpTaskStop(&mountPtr->cacheTask);
    if (mountPtr->cache.numEntries == 0) {
	return;
    }
    for (entryPtr = Tcl_FirstHashEntry(&mountPtr->cache, &search);
	    entryPtr != NULL; entryPtr = Tcl_NextHashEntry(&search)) {
	DpFree(Tcl_GetHashValue(entryPtr));
    }
    Tcl_DeleteHashTable(&mountPtr->cache);
    Tcl_InitHashTable(&mountPtr->cache, TCL_STRING_KEYS);
}

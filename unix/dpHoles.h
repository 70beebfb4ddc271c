/*
 * dpHoles.h -- where a file of this machine has data, and where holes.
 *
 * Layer L2.
 */

#ifndef DP_HOLES_H
#define DP_HOLES_H

#include "dpFs.h"

typedef struct DpHoles DpHoles;

/* Of the open file with these attributes. Nothing is looked at yet. */
MODULE_SCOPE DpHoles *DpHolesNew(const char *path, const DpFsAttr *attrPtr);

/*
 * Looks; where that file no longer stands there, all of it is data. May block,
 * and may be called in any thread.
 */
MODULE_SCOPE void DpHolesFind(DpHoles *holesPtr);

/* A fresh one with what was found; the other is left empty. */
MODULE_SCOPE DpHoles *DpHolesTake(DpHoles *holesPtr);

/*
 * Moves *offsetPtr to where data begins, there or behind it, and tells how
 * many bytes of data there are, 0 at the end.
 */
MODULE_SCOPE uint64_t DpHolesData(const DpHoles *holesPtr,
	uint64_t *offsetPtr);

MODULE_SCOPE void DpHolesFree(DpHoles *holesPtr);       /* NULL is allowed */

#endif

/*
 * dpEditFile.h -- the file of a history, to which several processes append.
 *
 * Layer L2.
 */

#ifndef DP_EDIT_FILE_H
#define DP_EDIT_FILE_H

#include "dpBase.h"

/*
 * Appends whole lines, and leaves no more than the last maxLines where there are
 * many more. The file is made where there is none, and for nobody else to read.
 * Returns 0 or an errno.
 */
MODULE_SCOPE int DpEditFileAppend(const char *path, const void *bytes,
	size_t count, size_t maxLines);

#endif

/*
 * dpFsWhole.c -- whole files, loaded and stored by several operations.
 *
 * Layer L2. For kinds of file systems that have no shorter way.
 */

#include "dpFs.h"

#include <errno.h>

void
DpFsWholeStart(DpFsOp *opPtr)
{
    DpFsReplyLater(opPtr, ENOTSUP);
}

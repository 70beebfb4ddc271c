/*
 * dpSshCmd.h -- the command core::ssh.
 *
 * Layer L4.
 */

#ifndef DP_SSH_CMD_H
#define DP_SSH_CMD_H

#include "dpInterp.h"

MODULE_SCOPE void DpSshCmdInit(DpInterp *dpPtr);

#endif

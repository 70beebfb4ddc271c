/*
 * dpMatchCmd.h -- the command core::match, and dialogues of core::proc run.
 *
 * Layer L4.
 */

#ifndef DP_MATCH_CMD_H
#define DP_MATCH_CMD_H

#include "dpAnswers.h"
#include "dpInterp.h"
#include "dpRun.h"

/*
 * Adds a dialogue to a run that was not told of anything yet. The spec needs
 * no fail and clientData: its failure is the run's. What it points to must
 * outlive the run.
 */
MODULE_SCOPE void DpMatchAddTap(DpRun *runPtr, DpAnswerSet *setPtr,
	const DpAnswersSpec *specPtr);

/* Makes ::deployer::core::match. */
MODULE_SCOPE void DpMatchCmdInit(DpInterp *dpPtr);

#endif

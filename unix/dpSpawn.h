/*
 * dpSpawn.h -- a local command as a DpProc.
 *
 * Layer L2.
 */

#ifndef DP_SPAWN_H
#define DP_SPAWN_H

#include "dpPty.h"

/*
 * The local commands of one interpreter that are not reaped yet; a zeroed
 * struct is empty.
 */
typedef struct DpSpawnList {
    struct Spawned *firstPtr;
} DpSpawnList;

typedef struct DpSpawnSpec {
    const char *slug;           /* for errors */
    char *const *argv;          /* NULL-terminated, at least one word */
    char *const *env;           /* "NAME=VALUE" put over our environment,
				 * NULL-terminated, or NULL */
    const char *cwd;            /* or NULL */
    bool merge;                 /* one pipe for both outputs: exact order */
    bool login;                 /* a login shell */
    const DpProcPty *ptyPtr;    /* its terminal, NULL: it has pipes */
    DpPty *givePtr;             /* with ptyPtr: gets the master, which is then
				 * the caller's; NULL: the DpProc keeps it */
} DpSpawnSpec;

/*
 * Starts it in a session and process group of its own. NULL and
 * {FILE <POSIXNAME> slug path} in errPtr when there is no such program,
 * directory, or nothing left to start one with. The reference is the
 * producer's: consumers take their own before the loop runs again.
 *
 * As with ssh the command has ended when its outputs are at their end (so when
 * a background process let go of them, too) and it is reaped. It is reaped
 * last, so that signals reach its process group and no other. Relies on
 * SIGPIPE being ignored, as Tcl does when it starts.
 *
 * On a terminal it leads the terminal's session. Nothing that it wrote before
 * its end is lost; only what a background process still has in the kernel
 * when the leader exits may be, as the kernel hangs the terminal up then. A
 * command whose master was given away has no streams, only an end.
 */
MODULE_SCOPE DpProc *DpSpawn(DpLoop *loopPtr, DpSpawnList *listPtr,
	const DpSpawnSpec *specPtr, DpError *errPtr);

/*
 * The loop ends: all commands of the list are lost, and those that still run
 * are left to Tcl, which reaps them when it next starts one.
 */
MODULE_SCOPE void DpSpawnForget(DpSpawnList *listPtr);

#endif

/*
 * dpFork.h -- starts a program in a session of its own.
 *
 * Layer L2.
 */

#ifndef DP_FORK_H
#define DP_FORK_H

#include "dpBase.h"

#include <sys/types.h>

/* Where starting a program failed. */
typedef enum DpForkStage {
    DP_FORK_FORK,               /* no process could be made */
    DP_FORK_CHDIR,              /* the working directory */
    DP_FORK_EXEC                /* the program */
} DpForkStage;

typedef struct DpForkSpec {
    char *const *argv;          /* NULL-terminated; argv[0] by PATH */
    char *const *env;           /* "NAME=VALUE" put over our environment
				 * ("NAME": not in it), NULL-terminated, or
				 * NULL */
    const char *cwd;            /* or NULL */
    int fds[3];                 /* its standard descriptors, all above 2 */
    bool tty;                   /* fds[0] becomes its controlling terminal */
    bool login;                 /* its argv[0] says that it is a login shell */
} DpForkSpec;

/*
 * Starts it with signals at their defaults and no descriptors but the three.
 * The caller keeps fds. Returns its process id once the program itself runs,
 * which leads a new session; else -1 with errno and where it failed.
 */
MODULE_SCOPE pid_t DpForkExec(const DpForkSpec *specPtr,
	DpForkStage *stagePtr);

/* Two close-on-exec descriptors above 2, as pipe(2). */
MODULE_SCOPE int DpForkPipe(int fds[2]);

#endif

/*
 * dpFork.c -- starts a program in a session of its own.
 *
 * Layer L2. By vfork(2): its cost does not grow with the size of the process
 * (fork: 1.3 ms at 100 MB, 11 ms at 1 GB; vfork: 0.2 ms always), and unlike
 * posix_spawn(3) it can change the directory and start a session everywhere.
 * Threads may hold any lock meanwhile, and the memory is the parent's, so the
 * child makes system calls on what was prepared for it and nothing else.
 */

#include "dpFork.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HAVE_SYS_SYSCALL_H
#   include <sys/syscall.h>
#endif
#ifndef NSIG
#   define NSIG 65
#endif

/* Where programs are when PATH is not set. */
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* Descriptors closed one by one where there is no close_range. */
#define CLOSE_LIMIT 65536

extern char **environ;

/* What the child needs, all of it made before there is one. */
typedef struct Plan {
    const DpForkSpec *specPtr;
    char **argv;
    char **envp;
    char **paths;               /* the program in each directory of PATH */
    char **shellArgv;           /* /bin/sh <path> <arguments> */
    int reportFd;               /* a Report when something fails */
    int maxFd;                  /* above the last that may be open */
} Plan;

typedef struct Report {
    DpForkStage stage;
    int error;
} Report;

static size_t
CountWords(char *const *words)
{
    size_t count = 0;

    while (words != NULL && words[count] != NULL) {
	count++;
    }
    return count;
}

/* Whether two "NAME=VALUE" have the same name; the first may be "NAME". */
static bool
SameName(const char *one, const char *two)
{
    size_t length = strcspn(one, "=");

    return strncmp(one, two, length) == 0 && two[length] == '=';
}

/* The words of the program; the first is made anew for a login shell. */
static char **
MakeArgv(const DpForkSpec *specPtr)
{
    size_t argc = CountWords(specPtr->argv);
    char **argv = DpAlloc((argc + 1) * sizeof(*argv));

    memcpy(argv, specPtr->argv, argc * sizeof(*argv));
    if (specPtr->login) {
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash != NULL ? slash + 1 : argv[0];

	argv[0] = DpAlloc(strlen(name) + 2);
	argv[0][0] = '-';
	strcpy(argv[0] + 1, name);
    }
    return argv;
}

/* Our environment with env put over it; the strings stay where they are. */
static char **
MergeEnv(char *const *env)
{
    size_t numNew = CountWords(env), numOld = CountWords(environ);
    char **merged = DpAlloc((numNew + numOld + 1) * sizeof(*merged));
    size_t count = 0;

    for (size_t i = 0; i < numOld; i++) {
	size_t j = 0;

	while (j < numNew && !SameName(env[j], environ[i])) {
	    j++;
	}
	if (j == numNew) {
	    merged[count++] = environ[i];
	}
    }
    for (size_t j = 0; j < numNew; j++) {
	if (strchr(env[j], '=') != NULL) {
	    merged[count++] = env[j];
	}
    }
    return merged;
}

static const char *
PathOf(char **envp)
{
    for (; *envp != NULL; envp++) {
	if (strncmp(*envp, "PATH=", 5) == 0) {
	    return *envp + 5;
	}
    }
    return DEFAULT_PATH;
}

/*
 * The file names to try, in one block of memory. They are tried in the child,
 * as those of a relative PATH depend on its directory.
 */
static char **
ProgramPaths(const char *program, const char *path)
{
    size_t length = strlen(program), num = 1;
    char **paths, *bytes;

    if (length == 0) {
	return DpAlloc(sizeof(*paths));
    }
    if (strchr(program, '/') != NULL) {
	path = "";
    }
    for (const char *p = path; *p != '\0'; p++) {
	num += *p == ':';
    }
    paths = DpAlloc((num + 1) * sizeof(*paths) + strlen(path)
	    + num * (length + 2));
    bytes = (char *) (paths + num + 1);
    for (size_t i = 0; i < num; i++) {
	size_t dirLength = strcspn(path, ":");

	paths[i] = bytes;
	memcpy(bytes, path, dirLength);
	bytes += dirLength;
	if (dirLength > 0) {
	    *bytes++ = '/';
	}
	memcpy(bytes, program, length + 1);
	bytes += length + 1;
	path += dirLength + (path[dirLength] == ':');
    }
    return paths;
}

static char **
ShellArgv(char *const *argv)
{
    size_t argc = CountWords(argv);
    char **shellArgv = DpAlloc((argc + 2) * sizeof(*shellArgv));

    shellArgv[0] = "/bin/sh";
    memcpy(shellArgv + 2, argv + 1, (argc - 1) * sizeof(*shellArgv));
    return shellArgv;
}

/* --- in the child --- */

static void
CloseRange(unsigned first, unsigned last, int maxFd)
{
    if (first > last) {
	return;
    }
#if defined(HAVE_DECL_SYS_CLOSE_RANGE) && HAVE_DECL_SYS_CLOSE_RANGE
    if (syscall(SYS_close_range, first, last, 0) == 0) {
	return;
    }
#endif
    for (int fd = (int) first; fd < maxFd && (unsigned) fd <= last; fd++) {
	close(fd);
    }
}

/*
 * What the C library keeps to itself (32 and 33 in glibc) it lets nobody touch,
 * but posix_spawn(3) of glibc, by which make starts us, leaves it ignored. For
 * the kernel, whose struct is another one on each machine, zeros mean SIG_DFL
 * without flags everywhere; the last word is the size of its mask.
 */
static void
ResetHidden(int sig)
{
#if defined(__linux__) && defined(SYS_rt_sigaction)
    const unsigned long zeros[16] = {0};

    syscall(SYS_rt_sigaction, sig, zeros, NULL, (size_t) 8);
#else
    (void) sig;
#endif
}

/*
 * A handler of ours would run in our own memory, and what we ignore (SIGPIPE,
 * as tclsh does) would stay ignored.
 */
static void
ResetSignals(void)
{
    struct sigaction action;
    sigset_t none;

    memset(&action, 0, sizeof(action));
    action.sa_handler = SIG_DFL;
    for (int sig = 1; sig < NSIG; sig++) {
	if (sigaction(sig, &action, NULL) != 0) {
	    ResetHidden(sig);
	}
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* As execvp(3) without its memory. Returns the error. */
static int
ExecProgram(const Plan *planPtr)
{
    char *const *argv = planPtr->argv;
    int error = ENOENT;

    for (char **pathPtr = planPtr->paths; *pathPtr != NULL; pathPtr++) {
	execve(*pathPtr, argv, planPtr->envp);
	if (errno == ENOEXEC) {
	    /* A script without #! is the shell's. */
	    planPtr->shellArgv[1] = *pathPtr;
	    execve(planPtr->shellArgv[0], planPtr->shellArgv, planPtr->envp);
	    return ENOEXEC;
	}
	if (errno == EACCES) {
	    error = EACCES;
	} else if (errno != ENOENT && errno != ENOTDIR) {
	    return errno;
	}
    }
    return error;
}

static void __attribute__((noreturn))
RunChild(const Plan *planPtr)
{
    const DpForkSpec *specPtr = planPtr->specPtr;
    Report report;

    setsid();
    for (int i = 0; i < 3; i++) {
	dup2(specPtr->fds[i], i);
    }
    if (specPtr->tty) {
	ioctl(0, TIOCSCTTY, 0);
    }
    CloseRange(3, (unsigned) planPtr->reportFd - 1, planPtr->maxFd);
    CloseRange((unsigned) planPtr->reportFd + 1, ~0U, planPtr->maxFd);
    if (specPtr->cwd != NULL && chdir(specPtr->cwd) != 0) {
	report.stage = DP_FORK_CHDIR;
	report.error = errno;
    } else {
	ResetSignals();
	report.stage = DP_FORK_EXEC;
	report.error = ExecProgram(planPtr);
    }
    if (write(planPtr->reportFd, &report, sizeof(report)) < 0) {
	/* The exit status is all that is left to tell. */
    }
    _exit(127);
}

/* --- in the parent --- */

int
DpForkPipe(int fds[2])
{
#ifdef HAVE_PIPE2
    if (pipe2(fds, O_CLOEXEC) != 0) {
	return -1;
    }
#else
    if (pipe(fds) != 0) {
	return -1;
    }
    fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    fcntl(fds[1], F_SETFD, FD_CLOEXEC);
#endif
    for (int i = 0; i < 2; i++) {
	int fd = fds[i];

	/* Our own standard descriptors may be closed. */
	if (fd < 3) {
	    fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	    close(fd);
	}
    }
    if (fds[0] < 0 || fds[1] < 0) {
	int error = errno;

	close(fds[0]);
	close(fds[1]);
	errno = error;
	return -1;
    }
    return 0;
}

static int
MaxFd(void)
{
    long limit = sysconf(_SC_OPEN_MAX);

    return (limit < 0 || limit > CLOSE_LIMIT) ? CLOSE_LIMIT : (int) limit;
}

/*
 * A function of its own, so that the child finds nothing of the parent's in
 * registers that it could change. No signal may come to the child before its
 * handlers are gone.
 */
static pid_t __attribute__((noinline))
StartChild(const Plan *planPtr)
{
    sigset_t all, old;
    pid_t pid;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid = vfork();
    if (pid == 0) {
	RunChild(planPtr);
    }
    error = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = error;
    return pid;
}

pid_t
DpForkExec(const DpForkSpec *specPtr, DpForkStage *stagePtr)
{
    Plan plan = {.specPtr = specPtr, .maxFd = MaxFd()};
    Report report;
    int fds[2], error = 0;
    ssize_t count;
    pid_t pid;

    *stagePtr = DP_FORK_FORK;
    if (DpForkPipe(fds) != 0) {
	return -1;
    }
    plan.reportFd = fds[1];
    plan.argv = MakeArgv(specPtr);
    plan.envp = MergeEnv(specPtr->env);
    plan.paths = ProgramPaths(specPtr->argv[0], PathOf(plan.envp));
    plan.shellArgv = ShellArgv(specPtr->argv);
    pid = StartChild(&plan);
    error = errno;
    close(fds[1]);
    if (pid > 0) {
	do {
	    count = read(fds[0], &report, sizeof(report));
	} while (count < 0 && errno == EINTR);
	if (count == (ssize_t) sizeof(report)) {
	    waitpid(pid, NULL, 0);
	    *stagePtr = report.stage;
	    error = report.error;
	    pid = -1;
	}
    }
    close(fds[0]);
    if (specPtr->login) {
	DpFree(plan.argv[0]);
    }
    DpFree(plan.argv);
    DpFree(plan.envp);
    DpFree(plan.paths);
    DpFree(plan.shellArgv);
    errno = error;
    return pid;
}

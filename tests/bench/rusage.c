/*
 * rusage.c -- runs a command and tells what it cost, as a Tcl dict.
 *
 * usage: rusage FILE COMMAND ?ARG ...?
 *
 * FILE gets one line: wall, user and sys in milliseconds, maxrss in KiB,
 * status. User and system time are those of wait4: the command and all of its
 * children that were waited for.
 */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
TimevalMs(struct timeval time)
{
    return (double) time.tv_sec * 1e3 + (double) time.tv_usec / 1e3;
}

static double
NowMs(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

int
main(int argc, char **argv)
{
    struct rusage usage;
    double start;
    int status;
    pid_t pid;
    FILE *out;

    if (argc < 3) {
	fprintf(stderr, "usage: rusage FILE COMMAND ?ARG ...?\n");
	return 2;
    }
    /* Close-on-exec: the command starts with nothing of ours. */
    out = fopen(argv[1], "we");
    if (out == NULL) {
	perror(argv[1]);
	return 2;
    }
    start = NowMs();
    pid = fork();
    if (pid < 0) {
	perror("fork");
	return 2;
    }
    if (pid == 0) {
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	_exit(127);
    }
    if (wait4(pid, &status, 0, &usage) < 0) {
	perror("wait4");
	return 2;
    }
    fprintf(out, "wall %.3f user %.3f sys %.3f maxrss %ld status %d\n",
	    NowMs() - start, TimevalMs(usage.ru_utime),
	    TimevalMs(usage.ru_stime), usage.ru_maxrss,
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/*
 * terminal.c -- whoever sits at a terminal, for the benchmarks: holds pseudo
 * terminals, starts commands on them, types and reads.
 *
 * usage: terminal keys COUNT GAP FIRST -- COMMAND ... -- COMMAND ...
 *        terminal flood COMMAND ?ARG ...?
 *        terminal stop COUNT FIRST COMMAND ?ARG ...?
 *        terminal write BYTES
 *
 * A line comes out, a Tcl dict.
 *
 * keys: both commands run at the same time, FIRST is typed to each, and once
 * it has printed READY keys are typed, in turn twenty to the one and twenty to
 * the other, COUNT to each: a key when the one before was shown, but no two
 * within GAP milliseconds. The lists a and b are the microseconds from each
 * key to its echo.
 *
 * flood: bytes that were shown, milliseconds from the first to the last
 * (stream) and from the start to the end (wall), and what the command cost
 * (cpu).
 *
 * stop: types FIRST, which floods, and an interrupt when it does, COUNT times;
 * the list stop is the milliseconds until nothing but STOPPED comes.
 *
 * write: so many bytes in lines to standard output.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 20                /* keys to one command in a row */
#define LINE_KEYS 60            /* then the line is taken back */
#define LIMIT_MS 20000          /* for anything that is waited for */

typedef struct Terminal {
    int fd;                     /* the side of whoever sits there */
    pid_t pid;
    int typed;                  /* keys on the line */
} Terminal;

static double
NowUs(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

static void
Die(const char *what)
{
    fprintf(stderr, "terminal: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void
Start(Terminal *termPtr, char **argv)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};

    memset(termPtr, 0, sizeof(*termPtr));
    termPtr->pid = forkpty(&termPtr->fd, NULL, NULL, &size);
    if (termPtr->pid < 0) {
	Die("forkpty");
    }
    if (termPtr->pid == 0) {
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
    }
    /* Else the other command would keep it from being hung up. */
    fcntl(termPtr->fd, F_SETFD, FD_CLOEXEC);
}

/* Hangs up and waits for the end. */
static void
End(Terminal *termPtr)
{
    close(termPtr->fd);
    while (waitpid(termPtr->pid, NULL, 0) < 0 && errno == EINTR) {
	/* Again. */
    }
}

static void
Type(Terminal *termPtr, const char *text, size_t count)
{
    while (count > 0) {
	ssize_t n = write(termPtr->fd, text, count);

	if (n < 0) {
	    Die("write");
	}
	text += n;
	count -= (size_t) n;
    }
}

/* What comes within milliseconds; 0: nothing, -1: the end. */
static ssize_t
Read(Terminal *termPtr, char *bytes, size_t size, int milliseconds)
{
    struct pollfd ready = {.fd = termPtr->fd, .events = POLLIN};
    ssize_t count;

    if (poll(&ready, 1, milliseconds) <= 0) {
	return 0;
    }
    count = read(termPtr->fd, bytes, size);
    return count > 0 ? count : -1;
}

static void
Quiet(Terminal *termPtr, int milliseconds)
{
    char bytes[4096];

    while (Read(termPtr, bytes, sizeof(bytes), milliseconds) > 0) {
	/* All of it. */
    }
}

/* Reads until text comes. */
static void
Await(Terminal *termPtr, const char *text)
{
    static char bytes[1 << 16];
    size_t length = strlen(text), kept = 0;

    for (;;) {
	ssize_t count = Read(termPtr, bytes + kept, sizeof(bytes) - kept,
		LIMIT_MS);

	if (count <= 0) {
	    fprintf(stderr, "terminal: no \"%s\" but: %.*s\n", text,
		    (int) kept, bytes);
	    exit(2);
	}
	kept += (size_t) count;
	if (memmem(bytes, kept, text, length) != NULL) {
	    return;
	}
	if (kept > sizeof(bytes) / 2) {
	    memmove(bytes, bytes + kept - length, length);
	    kept = length;
	}
    }
}

static void
Print(const char *name, const double *values, int count)
{
    printf("%s {", name);
    for (int i = 0; i < count; i++) {
	printf(i == 0 ? "%.1f" : " %.1f", values[i]);
    }
    printf("} ");
}

/* --- keys --- */

/* Microseconds until the key is shown. */
static double
Key(Terminal *termPtr, char key)
{
    double start = NowUs();
    char bytes[4096];
    ssize_t count;

    Type(termPtr, &key, 1);
    do {
	count = Read(termPtr, bytes, sizeof(bytes), LIMIT_MS);
	if (count <= 0) {
	    fprintf(stderr, "terminal: a key was not shown\n");
	    exit(2);
	}
    } while (memchr(bytes, key, (size_t) count) == NULL);
    termPtr->typed++;
    return NowUs() - start;
}

static void
Keys(Terminal *termPtr, double *values, int count, double gap)
{
    for (int i = 0; i < count; i++) {
	double start = NowUs(), left;

	values[i] = Key(termPtr, (char) ('a' + i % 26));
	left = gap - (NowUs() - start);
	if (left > 0) {
	    usleep((useconds_t) left);
	}
    }
    if (termPtr->typed >= LINE_KEYS) {
	/* Ctrl-U, and all that it erases. */
	Type(termPtr, "\025", 1);
	Quiet(termPtr, 50);
	termPtr->typed = 0;
    }
}

static int
KeysMode(int argc, char **argv)
{
    char **commands[2] = {NULL, NULL};
    Terminal terms[2];
    double *values[2];
    int count, found = 0;
    double gap;

    if (argc < 7) {
	return 2;
    }
    count = atoi(argv[0]);
    gap = atof(argv[1]) * 1e3;
    for (int i = 3; i < argc && found < 2; i++) {
	if (strcmp(argv[i], "--") == 0) {
	    argv[i] = NULL;
	    commands[found++] = argv + i + 1;
	}
    }
    if (found < 2) {
	return 2;
    }
    for (int i = 0; i < 2; i++) {
	values[i] = calloc((size_t) count, sizeof(double));
	Start(&terms[i], commands[i]);
    }
    for (int i = 0; i < 2; i++) {
	if (argv[2][0] != '\0') {
	    char bytes[4096];

	    /* A prompt: somebody listens. */
	    if (Read(&terms[i], bytes, sizeof(bytes), LIMIT_MS) <= 0) {
		Die("no prompt");
	    }
	    Quiet(&terms[i], 300);
	    Type(&terms[i], argv[2], strlen(argv[2]));
	}
	Await(&terms[i], "READY");
	Quiet(&terms[i], 300);
	/* For warming up. */
	Keys(&terms[i], values[i], count < BLOCK ? count : BLOCK, 0);
    }
    for (int at = 0; at < count; at += BLOCK) {
	for (int i = 0; i < 2; i++) {
	    Keys(&terms[i], values[i] + at,
		    count - at < BLOCK ? count - at : BLOCK, gap);
	}
    }
    for (int i = 0; i < 2; i++) {
	End(&terms[i]);
	Print(i == 0 ? "a" : "b", values[i], count);
	free(values[i]);
    }
    printf("\n");
    return 0;
}

/* --- flood --- */

static int
FloodMode(int argc, char **argv)
{
    static char bytes[1 << 16];
    double start = NowUs(), first = 0, last = 0;
    struct rusage usage;
    long long total = 0;
    Terminal term;
    ssize_t count;
    int status;

    if (argc < 1) {
	return 2;
    }
    Start(&term, argv);
    while ((count = Read(&term, bytes, sizeof(bytes), -1)) > 0) {
	last = NowUs();
	if (total == 0) {
	    first = last;
	}
	total += count;
    }
    close(term.fd);
    if (wait4(term.pid, &status, 0, &usage) < 0) {
	Die("wait4");
    }
    printf("bytes %lld stream %.1f wall %.1f cpu %.1f status %d\n", total,
	    (last - first) / 1e3, (NowUs() - start) / 1e3,
	    (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3
	    + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3,
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

/* --- stop --- */

static int
StopMode(int argc, char **argv)
{
    static char bytes[1 << 16];
    double *values;
    Terminal term;
    int count;

    if (argc < 3) {
	return 2;
    }
    count = atoi(argv[0]);
    values = calloc((size_t) count, sizeof(double));
    Start(&term, argv + 2);
    if (Read(&term, bytes, sizeof(bytes), LIMIT_MS) <= 0) {
	Die("no prompt");
    }
    Quiet(&term, 300);
    for (int i = 0; i < count; i++) {
	ssize_t total = 0, n;
	double start;

	Type(&term, argv[1], strlen(argv[1]));
	while (total < (4 << 20)) {
	    n = Read(&term, bytes, sizeof(bytes), LIMIT_MS);
	    if (n <= 0) {
		Die("no flood");
	    }
	    total += n;
	}
	start = NowUs();
	Type(&term, "\003", 1);
	Await(&term, "STOPPED");
	values[i] = (NowUs() - start) / 1e3;
	Quiet(&term, 100);
    }
    End(&term);
    Print("stop", values, count);
    printf("\n");
    free(values);
    return 0;
}

/* --- write --- */

static int
WriteMode(int argc, char **argv)
{
    static char bytes[80 * 512];
    long long left;

    if (argc < 1) {
	return 2;
    }
    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 79; i < sizeof(bytes); i += 80) {
	bytes[i] = '\n';
    }
    left = atoll(argv[0]);
    while (left > 0) {
	ssize_t n = write(1, bytes, left < (long long) sizeof(bytes)
		? (size_t) left : sizeof(bytes));

	if (n < 0) {
	    Die("write");
	}
	left -= n;
    }
    return 0;
}

int
main(int argc, char **argv)
{
    static const struct {
	const char *name;
	int (*proc)(int argc, char **argv);
    } modes[] = {
	{"keys", KeysMode}, {"flood", FloodMode}, {"stop", StopMode},
	{"write", WriteMode}
    };
    int status = 2;

    for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
	if (strcmp(argv[1], modes[i].name) == 0) {
	    status = modes[i].proc(argc - 2, argv + 2);
	}
    }
    if (status == 2) {
	fprintf(stderr, "usage: see the head of terminal.c\n");
    }
    return status;
}

/*
 * dpPty.c -- pseudo terminals of the system: opening, size and modes.
 *
 * Layer L2. By posix_openpt(3), which needs no library of its own.
 */

#include "dpPty.h"

#include "dpPoll.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#ifndef IUTF8
#   define IUTF8 0
#endif

/* What a mode of RFC 4254 is here. */
typedef enum ModeKind {
    MODE_CHAR, MODE_INPUT, MODE_LOCAL, MODE_OUTPUT
} ModeKind;

/*
 * Modes that somebody uses on a pseudo terminal, no more than DP_PTY_MODES
 * holds. Those of a serial line are left out.
 */
static const struct Mode {
    unsigned char opcode;
    ModeKind kind;
    tcflag_t value;             /* index of c_cc, or a flag */
} modeTable[] = {
    {1, MODE_CHAR, VINTR}, {2, MODE_CHAR, VQUIT}, {3, MODE_CHAR, VERASE},
    {4, MODE_CHAR, VKILL}, {5, MODE_CHAR, VEOF}, {6, MODE_CHAR, VEOL},
#ifdef VEOL2
    {7, MODE_CHAR, VEOL2},
#endif
    {8, MODE_CHAR, VSTART}, {9, MODE_CHAR, VSTOP}, {10, MODE_CHAR, VSUSP},
#ifdef VREPRINT
    {12, MODE_CHAR, VREPRINT},
#endif
#ifdef VWERASE
    {13, MODE_CHAR, VWERASE},
#endif
#ifdef VLNEXT
    {14, MODE_CHAR, VLNEXT},
#endif
#ifdef VDISCARD
    {18, MODE_CHAR, VDISCARD},
#endif
    {33, MODE_INPUT, ISTRIP}, {34, MODE_INPUT, INLCR}, {35, MODE_INPUT, IGNCR},
    {36, MODE_INPUT, ICRNL}, {38, MODE_INPUT, IXON}, {39, MODE_INPUT, IXANY},
    {40, MODE_INPUT, IXOFF}, {41, MODE_INPUT, IMAXBEL}, {42, MODE_INPUT, IUTF8},
    {50, MODE_LOCAL, ISIG}, {51, MODE_LOCAL, ICANON}, {53, MODE_LOCAL, ECHO},
    {54, MODE_LOCAL, ECHOE}, {55, MODE_LOCAL, ECHOK}, {56, MODE_LOCAL, ECHONL},
    {57, MODE_LOCAL, NOFLSH}, {58, MODE_LOCAL, TOSTOP},
    {59, MODE_LOCAL, IEXTEN},
#ifdef ECHOCTL
    {60, MODE_LOCAL, ECHOCTL},
#endif
#ifdef ECHOKE
    {61, MODE_LOCAL, ECHOKE},
#endif
    {70, MODE_OUTPUT, OPOST},
#ifdef ONLCR
    {72, MODE_OUTPUT, ONLCR},
#endif
};

/* An opcode and a number of four bytes. */
#define MODE_SIZE 5
/* A character that is switched off. */
#define MODE_NO_CHAR 255

_Static_assert(DP_ARRAY_SIZE(modeTable) * MODE_SIZE + 1 <= DP_PTY_MODES,
	"all modes fit into a request");

/* Moves fd above the standard descriptors; -1 with errno, and fd is closed. */
static int
AboveStandard(int fd)
{
    int newFd, error;

    if (fd > 2 || fd < 0) {
	return fd;
    }
    newFd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    error = errno;
    close(fd);
    errno = error;
    return newFd;
}

static bool
NameSlave(DpPty *ptyPtr)
{
#ifdef HAVE_PTSNAME_R
    int error = ptsname_r(ptyPtr->master, ptyPtr->name, sizeof(ptyPtr->name));

    if (error != 0) {
	errno = error;
	return false;
    }
#else
    const char *name = ptsname(ptyPtr->master);

    if (name == NULL || strlen(name) >= sizeof(ptyPtr->name)) {
	return false;
    }
    strcpy(ptyPtr->name, name);
#endif
    return true;
}

bool
DpPtyOpen(DpPty *ptyPtr)
{
    int error;

    ptyPtr->slave = -1;
    ptyPtr->master = AboveStandard(posix_openpt(O_RDWR | O_NOCTTY));
    if (ptyPtr->master < 0) {
	return false;
    }
    fcntl(ptyPtr->master, F_SETFD, FD_CLOEXEC);
    if (grantpt(ptyPtr->master) == 0 && unlockpt(ptyPtr->master) == 0
	    && NameSlave(ptyPtr)) {
#ifdef TIOCGPTPEER
	/* The right one, too, where /dev/pts is of another mount namespace. */
	ptyPtr->slave = ioctl(ptyPtr->master, TIOCGPTPEER,
		O_RDWR | O_NOCTTY | O_CLOEXEC);
#endif
	if (ptyPtr->slave < 0) {
	    ptyPtr->slave = open(ptyPtr->name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	}
	ptyPtr->slave = AboveStandard(ptyPtr->slave);
    }
    if (ptyPtr->slave >= 0) {
	return true;
    }
    error = errno;
    DpPtyClose(ptyPtr);
    errno = error;
    return false;
}

void
DpPtyClose(DpPty *ptyPtr)
{
    if (ptyPtr->slave >= 0) {
	close(ptyPtr->slave);
    }
    if (ptyPtr->master >= 0) {
	close(ptyPtr->master);
    }
    ptyPtr->slave = ptyPtr->master = -1;
}

void
DpPtyError(DpError *errPtr, const char *slug, int error)
{
    char code[32];

    errno = error;
    snprintf(code, sizeof(code), "FILE %s", Tcl_ErrnoId());
    if (error == ENOSPC || error == EAGAIN) {
	DpErrorSet(errPtr, code, "no pseudo terminal is left on %s: close some,"
		" or raise the limit (sysctl kernel.pty.max)", slug);
    } else {
	DpErrorSet(errPtr, code, "couldn't open a pseudo terminal on %s: %s",
		slug, Tcl_ErrnoMsg(error));
    }
    DpErrorAddData(errPtr, slug);
    DpErrorAddData(errPtr, "/dev/ptmx");
}

bool
DpPtyIsGone(const char *name)
{
    return access(name, F_OK) != 0 && errno == ENOENT;
}

void
DpPtySetSize(int fd, int cols, int rows)
{
    struct winsize size = {
	.ws_col = (unsigned short) cols, .ws_row = (unsigned short) rows
    };

    ioctl(fd, TIOCSWINSZ, &size);
}

bool
DpPtyGetSize(int fd, int *colsPtr, int *rowsPtr)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) != 0) {
	return false;
    }
    *colsPtr = size.ws_col;
    *rowsPtr = size.ws_row;
    return true;
}

void
DpPtySetRaw(int fd)
{
    struct termios modes;

    if (tcgetattr(fd, &modes) != 0) {
	return;
    }
    modes.c_iflag &= ~(tcflag_t) (IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR
	    | IGNCR | ICRNL | IXON | IXOFF);
    modes.c_oflag &= ~(tcflag_t) OPOST;
    modes.c_lflag &= ~(tcflag_t) (ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    tcsetattr(fd, TCSANOW, &modes);
}

static tcflag_t *
FlagsOf(struct termios *modesPtr, ModeKind kind)
{
    return kind == MODE_INPUT ? &modesPtr->c_iflag
	    : kind == MODE_LOCAL ? &modesPtr->c_lflag : &modesPtr->c_oflag;
}

size_t
DpPtyGetModes(const struct termios *fromPtr,
	unsigned char modes[DP_PTY_MODES])
{
    struct termios have = *fromPtr;
    size_t count = 0;

    for (size_t i = 0; i < DP_ARRAY_SIZE(modeTable); i++) {
	const struct Mode *modePtr = &modeTable[i];
	unsigned char value;

	if (modePtr->kind == MODE_CHAR) {
	    cc_t c = have.c_cc[modePtr->value];

	    value = c == _POSIX_VDISABLE ? MODE_NO_CHAR : c;
	} else if (modePtr->value == 0) {
	    continue;           /* not known here */
	} else {
	    value = (*FlagsOf(&have, modePtr->kind) & modePtr->value) != 0;
	}
	modes[count++] = modePtr->opcode;
	memset(modes + count, 0, 3);
	modes[count + 3] = value;
	count += MODE_SIZE - 1;
    }
    modes[count++] = 0;
    return count;
}

void
DpPtySetModes(int fd, const unsigned char *modes, size_t numModes)
{
    struct termios have;

    if (tcgetattr(fd, &have) != 0) {
	return;
    }
    /* Others have no argument of which the length is known. */
    for (; numModes >= MODE_SIZE && modes[0] != 0 && modes[0] < 160;
	    modes += MODE_SIZE, numModes -= MODE_SIZE) {
	for (size_t i = 0; i < DP_ARRAY_SIZE(modeTable); i++) {
	    const struct Mode *modePtr = &modeTable[i];

	    if (modePtr->opcode != modes[0]) {
		continue;
	    }
	    if (modePtr->kind == MODE_CHAR) {
		have.c_cc[modePtr->value] = modes[4] == MODE_NO_CHAR
			? _POSIX_VDISABLE : modes[4];
	    } else if (modes[4] != 0) {
		*FlagsOf(&have, modePtr->kind) |= modePtr->value;
	    } else {
		*FlagsOf(&have, modePtr->kind) &= ~modePtr->value;
	    }
	}
    }
    tcsetattr(fd, TCSANOW, &have);
}

int
DpPtyReopen(const DpPty *ptyPtr)
{
    int flags = O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK;
    int fd = -1;

#ifdef TIOCGPTPEER
    fd = ioctl(ptyPtr->master, TIOCGPTPEER, flags);
#endif
    if (fd < 0) {
	fd = open(ptyPtr->name, flags);
    }
    fd = AboveStandard(fd);
    return fd < 0 ? fd : DpFdRaise(fd);
}

void
DpPtySetNonblock(int fd)
{
    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
}

ptrdiff_t
DpPtyRead(int fd, void *bytes, size_t size)
{
    ssize_t count;

    do {
	count = read(fd, bytes, size);
    } while (count < 0 && errno == EINTR);
    if (count >= 0) {
	return count;
    }
    return errno == EIO ? 0 : -errno;
}

ptrdiff_t
DpPtyWrite(int fd, const void *bytes, size_t size)
{
    ssize_t count;

    do {
	count = write(fd, bytes, size);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

void
DpPtyCloseFd(int fd)
{
    close(fd);
}

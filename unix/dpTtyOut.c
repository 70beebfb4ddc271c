/*
 * dpTtyOut.c -- a terminal that lines are written to, whosever it is.
 *
 * Layer L2.
 */

#include "dpTtyOut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

bool
DpTtyOutLook(int fd, DpTtyOut *outPtr)
{
    struct winsize size;

    outPtr->own = false;
    outPtr->cols = 0;
    if (!isatty(fd)) {
	return false;
    }
    /* Of any other one this is not known (POSIX: ENOTTY). */
    outPtr->own = tcgetpgrp(fd) != -1;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
	outPtr->cols = size.ws_col;
    }
    return true;
}

int
DpTtyOutOpen(int fd)
{
    char path[32];

    if (!isatty(fd)) {
	return -1;
    }
    snprintf(path, sizeof(path), "/dev/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

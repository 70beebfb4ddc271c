/*
 * dpSshLong.c -- a command line that is too long for a request.
 *
 * Layer L2. It is given to a shell by its standard input, with an end that
 * shows that all of it has come.
 */

#include "dpSshInt.h"

#include <stdio.h>

#define LINE_END "#deployer"

/*
 * Puts a long line in front of the input, and what reads and runs it there in
 * its place: by the login shell, as sshd would. The token stands there too, so
 * that the command can be found and ended before it begins. The input proper
 * waits for the start line, because head may read ahead.
 */
char *
DpSshLongLine(DpProc *procPtr, const char *line, size_t length)
{
    DpBuf queue = {0};
    char text[512];

    DpBufAppend(&queue, line, length);
    DpBufAppend(&queue, LINE_END, strlen(LINE_END));
    procPtr->inFree = DpBufLength(&queue);
    procPtr->inHold = procPtr->token != NULL;
    DpBufAppend(&queue, DpBufData(&procPtr->in), DpBufLength(&procPtr->in));
    DpBufWipe(&procPtr->in);
    procPtr->in = queue;
    snprintf(text, sizeof(text), "exec sh -c 'c=$(head -c %zu); case $c in"
	    " *\"" LINE_END "\") exec \"$SHELL\" -c \"${c%%" LINE_END "}\";;"
	    " esac; echo the command has not come whole >&2; exit 255' %.64s",
	    procPtr->inFree,
	    procPtr->token != NULL ? procPtr->token : "deployer");
    return DpStrdup(text);
}

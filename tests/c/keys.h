/*
 * keys.h -- what the files of the test program for keys share.
 */

#ifndef KEYS_H
#define KEYS_H

#include "dpBuf.h"
#include "dpError.h"
#include "dpKey.h"
#include "dpLoop.h"

/* A run: counts, and a directory of its own. */
typedef struct Tap {
    const char *dir;
    int count;
    int failed;
} Tap;

/* Prints "ok N - NAME" or "not ok N - NAME"; gives ok back. */
bool TapCheck(Tap *tapPtr, bool ok, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void TapSkip(Tap *tapPtr, const char *reason, const char *name);

/* A path in the directory; valid until freed with DpFree. */
char *TapPath(const Tap *tapPtr, const char *name);

/*
 * Runs a shell command in the directory, with its output thrown away; true
 * when it succeeded.
 */
bool TapShell(const Tap *tapPtr, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The first line of the output of a shell command, or "". */
char *TapOutput(const Tap *tapPtr, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* All of a file in the directory as a string, "" when there is none. */
char *TapRead(const Tap *tapPtr, const char *name, size_t *lengthPtr);
void TapWrite(const Tap *tapPtr, const char *name, const char *text,
	size_t length);

/*
 * Whether sig (as libssh2 gets it) is a signature of data under a public
 * blob, by OpenSSL.
 */
bool VerifySignature(const unsigned char *blob, size_t length,
	const char *algorithm, const void *data, size_t dataLength,
	const unsigned char *sig, size_t sigLength);

/* The groups of tests. */
void TestWire(Tap *tapPtr);
void TestKeys(Tap *tapPtr);
void TestBadKeys(Tap *tapPtr);
void TestKnown(Tap *tapPtr);
void TestKnownFiles(Tap *tapPtr);
void TestAgent(Tap *tapPtr);

/* Makes Tcl's functions usable in this process. */
void InitTcl(const char *program);

#endif

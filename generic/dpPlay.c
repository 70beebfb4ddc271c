/*
 * dpPlay.c -- a recording (asciicast version 2) as a command that prints it.
 *
 * Layer L2. The file comes from anywhere: each line is checked as it is read.
 * Only output is played; sizes, keys and marks are left out.
 */

#include "dpPlay.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* The first line and one event may be as long as that. */
#define LINE_LIMIT (16 * 1024 * 1024)
/* Milliseconds to wait for an event, however slowly it is to be played. */
#define MAX_WAIT 1e12

typedef struct Play {
    DpProc proc;                /* first: the two are one */
    DpBuf text;                 /* lines that are not played yet */
    long line;                  /* number of the next one */
    char *name;                 /* of the recording, for errors */
    double speed, maxWait;
    double time;                /* of the event played last, in the file */
    DpBuf next;                 /* what is to be printed ... */
    bool due;                   /* ... now, when there is room */
    bool paused;
    DpTimer timer;
} Play;

static void PlayMore(Play *playPtr);

/* --- JSON, as far as it stands in such a file --- */

typedef struct Reader {
    const char *at, *endPtr;
} Reader;

static void
SkipSpace(Reader *readerPtr)
{
    while (readerPtr->at < readerPtr->endPtr
	    && strchr(" \t\r", *readerPtr->at) != NULL
	    && *readerPtr->at != '\0') {
	readerPtr->at++;
    }
}

static bool
Take(Reader *readerPtr, char byte)
{
    SkipSpace(readerPtr);
    if (readerPtr->at == readerPtr->endPtr || *readerPtr->at != byte) {
	return false;
    }
    readerPtr->at++;
    return true;
}

static bool
TakeNumber(Reader *readerPtr, double *numberPtr)
{
    char text[40], *endPtr;
    size_t count = 0;

    SkipSpace(readerPtr);
    while (count < sizeof(text) - 1 && readerPtr->at < readerPtr->endPtr
	    && (isdigit((unsigned char) *readerPtr->at)
	    || (*readerPtr->at != '\0'
	    && strchr("+-.eE", *readerPtr->at) != NULL))) {
	text[count++] = *readerPtr->at++;
    }
    text[count] = '\0';
    *numberPtr = strtod(text, &endPtr);
    return count > 0 && *endPtr == '\0' && *numberPtr >= 0
	    && *numberPtr < 1e9;
}

/* Four hexadecimal digits; -1: there are none. */
static long
TakeHex(Reader *readerPtr)
{
    char digits[5] = "";

    if (readerPtr->endPtr - readerPtr->at < 4) {
	return -1;
    }
    for (int i = 0; i < 4; i++) {
	digits[i] = *readerPtr->at++;
	if (!isxdigit((unsigned char) digits[i])) {
	    return -1;
	}
    }
    return strtol(digits, NULL, 16);
}

static void
AddCharacter(DpBuf *bufPtr, unsigned long c)
{
    unsigned char bytes[4];
    size_t count = 0;

    if (c < 0x80) {
	bytes[count++] = (unsigned char) c;
    } else if (c < 0x800) {
	bytes[count++] = (unsigned char) (0xc0 | c >> 6);
    } else if (c < 0x10000) {
	bytes[count++] = (unsigned char) (0xe0 | c >> 12);
	bytes[count++] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
    } else {
	bytes[count++] = (unsigned char) (0xf0 | c >> 18);
	bytes[count++] = (unsigned char) (0x80 | (c >> 12 & 0x3f));
	bytes[count++] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80) {
	bytes[count++] = (unsigned char) (0x80 | (c & 0x3f));
    }
    DpBufAppend(bufPtr, bytes, count);
}

/* What follows \u: one character, where need be of two surrogates. */
static bool
TakeUnicode(Reader *readerPtr, DpBuf *bufPtr)
{
    long c = TakeHex(readerPtr), low;
    Reader ahead = *readerPtr;

    if (c < 0) {
	return false;
    }
    if (c >= 0xd800 && c < 0xdc00 && ahead.endPtr - ahead.at >= 6
	    && ahead.at[0] == '\\' && ahead.at[1] == 'u') {
	ahead.at += 2;
	low = TakeHex(&ahead);
	if (low >= 0xdc00 && low < 0xe000) {
	    *readerPtr = ahead;
	    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
    }
    if (c >= 0xd800 && c < 0xe000) {
	c = 0xfffd;
    }
    AddCharacter(bufPtr, (unsigned long) c);
    return true;
}

/* A string; its characters are added to bufPtr (NULL: left out). */
static bool
TakeString(Reader *readerPtr, DpBuf *bufPtr)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    DpBuf unused = {0};
    DpBuf *toPtr = bufPtr != NULL ? bufPtr : &unused;
    bool good = false;

    if (!Take(readerPtr, '"')) {
	return false;
    }
    while (readerPtr->at < readerPtr->endPtr) {
	char byte = *readerPtr->at++;
	const char *foundPtr;

	if (byte == '"') {
	    good = true;
	    break;
	}
	if (byte != '\\') {
	    DpBufAppend(toPtr, &byte, 1);
	    continue;
	}
	if (readerPtr->at == readerPtr->endPtr) {
	    break;
	}
	byte = *readerPtr->at++;
	if (byte == 'u') {
	    if (!TakeUnicode(readerPtr, toPtr)) {
		break;
	    }
	    continue;
	}
	foundPtr = byte == '\0' ? NULL : strchr(from, byte);
	if (foundPtr == NULL) {
	    break;
	}
	DpBufAppend(toPtr, &to[foundPtr - from], 1);
    }
    DpBufFree(&unused);
    return good;
}

/* --- lines --- */

/* The next line without its end; false: there is none. */
static bool
NextLine(Play *playPtr, Reader *readerPtr, size_t *lengthPtr)
{
    size_t length = DpBufLength(&playPtr->text);
    const char *bytes, *newline;

    if (length == 0) {
	return false;
    }
    bytes = (const char *) DpBufData(&playPtr->text);
    newline = memchr(bytes, '\n', length);
    readerPtr->at = bytes;
    readerPtr->endPtr = newline == NULL ? bytes + length : newline;
    *lengthPtr = (size_t) (readerPtr->endPtr - bytes)
	    + (newline == NULL ? 0 : 1);
    playPtr->line++;
    return true;
}

/*
 * The header. Of its keys only the version and the limit of pauses matter; the
 * words are looked for, as their values hold nothing that looks like them.
 */
static bool
ReadHeader(Play *playPtr)
{
    static const char versionKey[] = "\"version\"";
    static const char idleKey[] = "\"idle_time_limit\"";
    size_t length;
    ptrdiff_t at;
    double version = 0, limit;
    Reader reader, key;

    if (!NextLine(playPtr, &reader, &length) || !Take(&reader, '{')) {
	return false;
    }
    key = reader;
    at = DpBufFind(&playPtr->text, 0, versionKey, sizeof(versionKey) - 1);
    if (at < 0 || (size_t) at >= length) {
	return false;
    }
    key.at = (const char *) DpBufData(&playPtr->text) + at
	    + sizeof(versionKey) - 1;
    if (!Take(&key, ':') || !TakeNumber(&key, &version)
	    || (int) version != 2) {
	return false;
    }
    at = DpBufFind(&playPtr->text, 0, idleKey, sizeof(idleKey) - 1);
    if (playPtr->maxWait <= 0 && at >= 0 && (size_t) at < length) {
	key.at = (const char *) DpBufData(&playPtr->text) + at
		+ sizeof(idleKey) - 1;
	if (Take(&key, ':') && TakeNumber(&key, &limit)) {
	    playPtr->maxWait = limit;
	}
    }
    DpBufConsume(&playPtr->text, length);
    return true;
}

/* One event; output is left in next. False: the line is broken. */
static bool
ReadEvent(Reader reader, Play *playPtr, double *timePtr)
{
    DpBuf kind = {0};
    bool isOutput;

    SkipSpace(&reader);
    if (reader.at == reader.endPtr) {
	return true;
    }
    if (!Take(&reader, '[') || !TakeNumber(&reader, timePtr)
	    || !Take(&reader, ',') || !TakeString(&reader, &kind)) {
	DpBufFree(&kind);
	return false;
    }
    isOutput = DpBufLength(&kind) == 1 && DpBufData(&kind)[0] == 'o';
    DpBufFree(&kind);
    return !isOutput || (Take(&reader, ',')
	    && TakeString(&reader, &playPtr->next) && Take(&reader, ']'));
}

/* --- the command --- */

static void
EndPlay(Play *playPtr, int status, const char *signalName)
{
    DpProc *procPtr = &playPtr->proc;

    DpTimerStop(&playPtr->timer);
    if (!procPtr->ended) {
	procPtr->status = status;
	strcpy(procPtr->signalName, signalName);
	DpProcHold(procPtr);
	DpProcEnd(procPtr, NULL);
	DpProcDrop(procPtr);
	DpProcDrop(procPtr);
    }
}

static void
FailPlay(Play *playPtr)
{
    DpProc *procPtr = &playPtr->proc;
    DpError error = {{0}, {NULL}, 0, NULL};

    DpErrorSet(&error, "ARGUMENT", "line %ld of the recording %s is not an"
	    " event of asciicast version 2", playPtr->line, playPtr->name);
    DpErrorAddData(&error, playPtr->name);
    DpProcEnd(procPtr, &error);
    DpErrorClear(&error);
    DpProcDrop(procPtr);
}

static void
PlayDue(void *clientData)
{
    Play *playPtr = clientData;

    playPtr->due = true;
    PlayMore(playPtr);
}

/* Prints what stands in next. */
static void
PrintNext(Play *playPtr)
{
    DpBuf now = playPtr->next;

    memset(&playPtr->next, 0, sizeof(playPtr->next));
    playPtr->due = false;
    if (DpBufLength(&now) > 0) {
	DpProcGot(&playPtr->proc, DP_STDOUT, DpBufData(&now),
		DpBufLength(&now));
    }
    DpBufFree(&now);
}

/* Reads up to the next output and waits for its time. False: no more. */
static bool
ReadNext(Play *playPtr)
{
    double time = playPtr->time, wait;
    size_t length;
    Reader reader;

    do {
	if (!NextLine(playPtr, &reader, &length)) {
	    EndPlay(playPtr, 0, "");
	    return false;
	}
	if (length > LINE_LIMIT || !ReadEvent(reader, playPtr, &time)) {
	    FailPlay(playPtr);
	    return false;
	}
	DpBufConsume(&playPtr->text, length);
    } while (DpBufLength(&playPtr->next) == 0);
    wait = time - playPtr->time;
    playPtr->time = time;
    if (playPtr->maxWait > 0 && wait > playPtr->maxWait) {
	wait = playPtr->maxWait;
    }
    wait = wait > 0 ? wait * 1000 / playPtr->speed : 0;
    if (wait > MAX_WAIT) {
	wait = MAX_WAIT;
    }
    if (wait < 1) {
	playPtr->due = true;
    } else {
	DpTimerStart(playPtr->proc.loopPtr, &playPtr->timer, (int64_t) wait,
		PlayDue, playPtr);
    }
    return true;
}

/* Prints what is due as far as it is wanted; ends with the last line. */
static void
PlayMore(Play *playPtr)
{
    DpProc *procPtr = &playPtr->proc;

    DpProcHold(procPtr);
    while (!playPtr->paused && !procPtr->ended
	    && playPtr->timer.loopPtr == NULL
	    && DpProcWants(procPtr, DP_STDOUT)) {
	if (playPtr->due) {
	    PrintNext(playPtr);
	} else if (!ReadNext(playPtr)) {
	    break;
	}
    }
    DpProcDrop(procPtr);
}

static void
PlayKick(DpProc *procPtr)
{
    Play *playPtr = (Play *) procPtr;
    size_t count = DpProcPending(procPtr);
    bool stop = false;

    for (size_t i = 0; i < count; i++) {
	switch (DpBufData(&procPtr->in)[i]) {
	case 'q': case 'Q': case 3: case 4: case 27:
	    stop = true;
	    break;
	case ' ':
	    playPtr->paused = !playPtr->paused;
	    break;
	}
    }
    DpProcHold(procPtr);
    if (count > 0) {
	DpProcSent(procPtr, count);
    }
    if (stop) {
	EndPlay(playPtr, -1, "INT");
    } else {
	PlayMore(playPtr);
    }
    DpProcDrop(procPtr);
}

static bool
PlaySignal(DpProc *procPtr, const char *name)
{
    EndPlay((Play *) procPtr, -1, strlen(name) < sizeof(procPtr->signalName)
	    ? name : "TERM");
    return true;
}

static void
PlayResize(DpProc *procPtr)
{
    (void) procPtr;
}

static void
PlayAbandon(DpProc *procPtr)
{
    EndPlay((Play *) procPtr, -1, "TERM");
}

static void
PlayFree(DpProc *procPtr)
{
    Play *playPtr = (Play *) procPtr;

    DpTimerStop(&playPtr->timer);
    DpBufFree(&playPtr->text);
    DpBufFree(&playPtr->next);
    DpFree(playPtr->name);
    DpFree(playPtr);
}

static const DpProcType playType = {
    "play", false, PlayKick, PlaySignal, PlayResize, PlayAbandon, PlayFree
};

DpProc *
DpPlayNew(DpLoop *loopPtr, const char *name, const void *bytes, size_t count,
	double speed, double maxWait, DpError *errPtr)
{
    Play *playPtr = DpAlloc(sizeof(*playPtr));
    DpProc *procPtr = &playPtr->proc;

    DpProcInit(procPtr, &playType, loopPtr);
    procPtr->begun = true;
    procPtr->merge = true;
    playPtr->name = DpStrdup(name);
    playPtr->speed = speed;
    playPtr->maxWait = maxWait;
    DpBufAppend(&playPtr->text, bytes, count);
    if (!ReadHeader(playPtr)) {
	DpErrorSet(errPtr, "ARGUMENT", "%s is not a recording of asciicast"
		" version 2", name);
	DpErrorAddData(errPtr, name);
	DpProcDrop(procPtr);
	return NULL;
    }
    DpTimerStart(loopPtr, &playPtr->timer, 0, PlayDue, playPtr);
    return procPtr;
}

/*
 * dpEditLine.c -- a line that is read from the terminal of this process.
 *
 * Layer L2.
 */

#include "dpEditLineInt.h"


/* Bracketed paste (xterm, ctlseqs: mode 2004). */
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

/* For how long a key that begins with Escape may take to come whole (ms). */
#define ESCAPE_MS 50
#define SEQUENCE_MS 500

/* For how long a printed line waits for its end. */
#define LATE_MS 200
#define LATE_MAX 4096

/* A screen is no narrower than that. */
#define MIN_COLS 8

/* After a key the next one is expected for so many milliseconds. */
#define TYPING_MS 1000

/*
 * Bytes taken in one turn. What is behind the line belongs to whoever reads the
 * terminal next: it is read byte by byte, but for a paste.
 */
#define TURN_BYTES 1024
#define PASTE_BYTES 4096

/* Part: the screen. */

void
DpLinePut(DpEditLine *linePtr, const char *text)
{
    DpBufAppend(&linePtr->out, text, strlen(text));
}

/* Writes what it takes now. False: the terminal is gone. */
static bool
Flush(DpEditLine *linePtr)
{
    DpBuf *bufPtr = &linePtr->out;

    while (linePtr->ttyPtr != NULL && DpBufLength(bufPtr) > 0) {
	ptrdiff_t count = DpTtyWrite(linePtr->ttyPtr, DpBufData(bufPtr),
		DpBufLength(bufPtr));

	if (count < 0) {
	    return false;
	}
	if (count == 0) {
	    break;
	}
	DpBufConsume(bufPtr, (size_t) count);
    }
    return true;
}

static void
SetWants(DpEditLine *linePtr)
{
    bool read = linePtr->state == DP_LINE_IS_READING || linePtr->state == DP_LINE_IS_TELLING
	    || (linePtr->state == DP_LINE_IS_COMPLETING
	    && DpBufLength(&linePtr->keys) < DP_LINE_HELD);

    if (linePtr->ttyPtr != NULL) {
	DpTtyWant(linePtr->ttyPtr, read, DpBufLength(&linePtr->out) > 0);
    }
}

/* Shows its begin and end of a search in place of the prompt. */
static void
SearchPrompt(DpEditLine *linePtr)
{
    DpBuf *bufPtr = &linePtr->search.prompt;
    const uint32_t *pattern = (const uint32_t *) (const void *)
	    DpBufData(&linePtr->search.pattern);
    const char *text = linePtr->search.direction < 0 ? "(reverse-i-search)`"
	    : "(i-search)`";
    char bytes[4];

    DpBufConsume(bufPtr, DpBufLength(bufPtr));
    if (linePtr->search.failed) {
	DpBufAppend(bufPtr, "(failed)", 8);
    }
    DpBufAppend(bufPtr, text, strlen(text));
    for (size_t i = 0; i < DpBufLength(&linePtr->search.pattern)
	    / sizeof(*pattern); i++) {
	uint32_t code = pattern[i] == '\n' ? ' ' : pattern[i];

	DpBufAppend(bufPtr, bytes, DpEditUtf8(code, bytes));
    }
    DpBufAppend(bufPtr, "': ", 3);
}

static void
Draw(DpEditLine *linePtr)
{
    DpEditShape shape;
    const DpBuf *promptPtr = &linePtr->prompt;

    if (linePtr->ttyPtr == NULL || linePtr->state == DP_LINE_IS_IDLE
	    || linePtr->state == DP_LINE_IS_ENDING) {
	return;
    }
    DpEditText(linePtr->editPtr, &shape.text, &shape.count, &shape.cursor);
    DpLinePaintFit(linePtr, shape.text, shape.count);
    shape.spans = linePtr->paint.spans;
    shape.spanCount = linePtr->paint.count;
    if (linePtr->search.on) {
	SearchPrompt(linePtr);
	promptPtr = &linePtr->search.prompt;
	if (linePtr->search.found) {
	    const DpPastLine *pastPtr
		    = &linePtr->past.lines[linePtr->search.index];

	    shape.text = pastPtr->text;
	    shape.count = pastPtr->count;
	    shape.cursor = linePtr->search.offset;
	    shape.spanCount = 0;
	}
    }
    if (DpBufLength(&linePtr->question) > 0) {
	promptPtr = &linePtr->question;
	shape.count = shape.cursor = shape.spanCount = 0;
    }
    shape.prompt = (const char *) DpBufData(promptPtr);
    shape.promptLength = DpBufLength(promptPtr);
    shape.more = (const char *) DpBufData(&linePtr->more);
    shape.moreLength = DpBufLength(&linePtr->more);
    DpTtySize(linePtr->ttyPtr, &shape.cols, &shape.rows);
    if (shape.cols < MIN_COLS) {
	shape.cols = MIN_COLS;
    }
    if (shape.cols != linePtr->view.cols || shape.rows != linePtr->view.rows) {
	/* The signal comes later than the size. */
	DpEditViewResize(&linePtr->view, shape.cols);
	DpEditViewErase(&linePtr->view, &linePtr->out);
    }
    DpEditViewDraw(&linePtr->view, &linePtr->out, &shape);
}

/* Draws, writes, and says what is waited for; may end the line. */
void
DpLineSettle(DpEditLine *linePtr)
{
    Draw(linePtr);
    if (!Flush(linePtr)) {
	DpEditLineDrop(linePtr);
	linePtr->proc(linePtr->clientData, DP_LINE_GONE, 0);
	return;
    }
    SetWants(linePtr);
    DpLinePaintAsk(linePtr);
}

void
DpLineBeep(DpEditLine *linePtr)
{
    DpLinePut(linePtr, "\a");
}

/* Part: the end of a line. */

/* The terminal gets its modes back. */
static void
GiveBack(DpEditLine *linePtr)
{
    DpTimerStop(&linePtr->lateTimer);
    DpTimerStop(&linePtr->escapeTimer);
    if (linePtr->ttyPtr != NULL) {
	Flush(linePtr);
	DpTtyReset(linePtr->ttyPtr, "", 0);
	DpTtyClose(linePtr->ttyPtr);
	linePtr->ttyPtr = NULL;
    }
    DpBufFree(&linePtr->out);
    DpEditViewForget(&linePtr->view);
}

static void
CheckEnd(DpEditLine *linePtr)
{
    if (linePtr->state == DP_LINE_IS_ENDING && DpBufLength(&linePtr->out) == 0) {
	GiveBack(linePtr);
	linePtr->state = DP_LINE_IS_IDLE;
	linePtr->proc(linePtr->clientData, linePtr->ending, 0);
    }
}

static void
FlushLate(DpEditLine *linePtr)
{
    DpTimerStop(&linePtr->lateTimer);
    if (DpBufLength(&linePtr->late) > 0) {
	DpBufAppend(&linePtr->out, DpBufData(&linePtr->late),
		DpBufLength(&linePtr->late));
	DpLinePut(linePtr, "\r\n");
	DpBufFree(&linePtr->late);
    }
}

void
DpLineFinish(DpEditLine *linePtr, DpLineEvent event)
{
    size_t count, cursor;
    const uint32_t *text;

    linePtr->search.on = false;
    if (linePtr->ttyPtr != NULL) {
	if (event == DP_LINE_INTERRUPT) {
	    DpEditText(linePtr->editPtr, &text, &count, &cursor);
	    DpEditMove(linePtr->editPtr, count);
	    Draw(linePtr);
	    DpLinePut(linePtr, "^C");
	} else {
	    Draw(linePtr);
	}
	DpEditViewLeave(&linePtr->view, &linePtr->out);
	FlushLate(linePtr);
	DpLinePut(linePtr, PASTE_OFF);
    }
    linePtr->state = DP_LINE_IS_ENDING;
    linePtr->ending = event;
    if (!Flush(linePtr)) {
	DpBufFree(&linePtr->out);
    }
    CheckEnd(linePtr);
}

static void
EscapeDue(void *clientData)
{
    DpEditLine *linePtr = clientData;

    DpEditInputEnd(&linePtr->input, DpLineTakeKey, linePtr);
    DpLineSettle(linePtr);
}

static void
SetTimer(DpEditLine *linePtr)
{
    bool lone = DpEditInputAtEscape(&linePtr->input);
    bool quick = linePtr->search.on || linePtr->state == DP_LINE_IS_TELLING
	    || DpEditIsVi(linePtr->editPtr);

    DpTimerStop(&linePtr->escapeTimer);
    if (linePtr->ttyPtr != NULL && DpEditInputWaits(&linePtr->input)
	    && !DpEditInputPastes(&linePtr->input) && (!lone || quick)) {
	DpTimerStart(linePtr->loopPtr, &linePtr->escapeTimer,
		lone ? ESCAPE_MS : SEQUENCE_MS, EscapeDue, linePtr);
    }
}

/* Part: the terminal. */

static bool
WantsKeys(const DpEditLine *linePtr)
{
    return linePtr->ttyPtr != NULL && (linePtr->state == DP_LINE_IS_READING
	    || linePtr->state == DP_LINE_IS_TELLING || (linePtr->state == DP_LINE_IS_COMPLETING
	    && DpBufLength(&linePtr->keys) < DP_LINE_HELD));
}

/* False: the terminal is gone. */
static bool
ReadKeys(DpEditLine *linePtr)
{
    unsigned char bytes[PASTE_BYTES];

    for (int i = 0; i < TURN_BYTES && WantsKeys(linePtr); i++) {
	ptrdiff_t count = DpTtyRead(linePtr->ttyPtr, bytes,
		DpEditInputPastes(&linePtr->input) ? sizeof(bytes) : 1);

	if (count < 0) {
	    return false;
	}
	if (count == 0) {
	    break;
	}
	DpEditInputBytes(&linePtr->input, bytes, (size_t) count, DpLineTakeKey,
		linePtr);
    }
    DpLoopAttend(linePtr->loopPtr, TYPING_MS);
    return true;
}

static void
TtyTold(void *clientData, int what)
{
    DpEditLine *linePtr = clientData;

    if (what & DP_TTY_RESUMED) {
	DpEditViewForget(&linePtr->view);
	DpLinePut(linePtr, PASTE_ON);
    }
    if ((what & DP_TTY_GONE) || ((what & DP_TTY_READABLE)
	    && !ReadKeys(linePtr))) {
	DpEditLineDrop(linePtr);
	linePtr->proc(linePtr->clientData, DP_LINE_GONE, 0);
	return;
    }
    SetTimer(linePtr);
    DpLineSettle(linePtr);
    CheckEnd(linePtr);
}

bool
DpEditLineShow(DpEditLine *linePtr, DpError *errPtr)
{
    static const char reset[] = PASTE_OFF "\r\n";
    int cols, rows;

    if (linePtr->ttyPtr != NULL) {
	return true;
    }
    linePtr->ttyPtr = DpTtyOpen(linePtr->loopPtr, TtyTold, linePtr, errPtr);
    if (linePtr->ttyPtr == NULL) {
	return false;
    }
    DpTtyReset(linePtr->ttyPtr, reset, sizeof(reset) - 1);
    /* Text that stands before the cursor stays: the line begins below it. */
    DpTtySize(linePtr->ttyPtr, &cols, &rows);
    for (int i = 0; i < cols; i++) {
	DpLinePut(linePtr, " ");
    }
    DpLinePut(linePtr, "\r" PASTE_ON);
    DpEditViewForget(&linePtr->view);
    DpLineProcess(linePtr);
    DpLineSettle(linePtr);
    return true;
}

void
DpEditLineHide(DpEditLine *linePtr)
{
    if (linePtr->ttyPtr == NULL || linePtr->state == DP_LINE_IS_ENDING) {
	return;
    }
    DpEditViewErase(&linePtr->view, &linePtr->out);
    FlushLate(linePtr);
    DpLinePut(linePtr, PASTE_OFF);
    GiveBack(linePtr);
}

bool
DpEditLineShown(const DpEditLine *linePtr)
{
    return linePtr->ttyPtr != NULL && linePtr->state != DP_LINE_IS_ENDING;
}

bool
DpEditLineActive(const DpEditLine *linePtr)
{
    return linePtr->state != DP_LINE_IS_IDLE;
}

/* Part: printing. */

static void
LateDue(void *clientData)
{
    DpEditLine *linePtr = clientData;

    DpEditViewErase(&linePtr->view, &linePtr->out);
    FlushLate(linePtr);
    DpLineSettle(linePtr);
}

void
DpEditLinePrint(DpEditLine *linePtr, const char *text, size_t length,
	bool keep)
{
    size_t end = length;

    if (!DpEditLineShown(linePtr)) {
	return;
    }
    while (end > 0 && text[end - 1] != '\n' && !keep) {
	end--;
    }
    if (keep) {
	DpEditViewLeave(&linePtr->view, &linePtr->out);
    } else if (end > 0) {
	DpEditViewErase(&linePtr->view, &linePtr->out);
    }
    if (end > 0 && DpBufLength(&linePtr->late) > 0) {
	DpBufAppend(&linePtr->out, DpBufData(&linePtr->late),
		DpBufLength(&linePtr->late));
	DpBufFree(&linePtr->late);
    }
    for (size_t i = 0; i < end; i++) {
	if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) {
	    DpLinePut(linePtr, "\r");
	}
	DpBufAppend(&linePtr->out, text + i, 1);
    }
    if (keep && end > 0 && text[end - 1] != '\n') {
	DpLinePut(linePtr, "\r\n");
    }
    DpBufAppend(&linePtr->late, text + end, length - end);
    if (DpBufLength(&linePtr->late) > LATE_MAX) {
	LateDue(linePtr);
	return;
    }
    DpTimerStop(&linePtr->lateTimer);
    if (DpBufLength(&linePtr->late) > 0) {
	DpTimerStart(linePtr->loopPtr, &linePtr->lateTimer, LATE_MS, LateDue,
		linePtr);
    }
    DpLineSettle(linePtr);
}

/* Part: for whoever reads. */

DpEditLine *
DpEditLineNew(DpLoop *loopPtr, DpEditKeys keys, DpLineProc *proc,
	void *clientData, DpError *errPtr)
{
    DpEdit *editPtr = DpEditNew(keys, errPtr);
    DpEditLine *linePtr;

    if (editPtr == NULL) {
	return NULL;
    }
    linePtr = DpAlloc(sizeof(*linePtr));
    linePtr->loopPtr = loopPtr;
    linePtr->editPtr = editPtr;
    linePtr->proc = proc;
    linePtr->clientData = clientData;
    return linePtr;
}

void
DpEditLineFree(DpEditLine *linePtr)
{
    DpEditLineDrop(linePtr);
    DpEditFree(linePtr->editPtr);
    DpEditInputFree(&linePtr->input);
    DpEditViewFree(&linePtr->view);
    DpEditPastFree(&linePtr->past);
    DpBufFree(&linePtr->keys);
    DpBufFree(&linePtr->prompt);
    DpBufFree(&linePtr->more);
    DpBufFree(&linePtr->question);
    DpBufFree(&linePtr->late);
    DpBufFree(&linePtr->own);
    DpBufFree(&linePtr->search.pattern);
    DpBufFree(&linePtr->search.last);
    DpBufFree(&linePtr->search.prompt);
    DpBufFree(&linePtr->paint.text);
    DpFree(linePtr);
}

void
DpEditLineDrop(DpEditLine *linePtr)
{
    if (linePtr->state != DP_LINE_IS_ENDING) {
	DpEditLineHide(linePtr);
    }
    GiveBack(linePtr);
    linePtr->state = DP_LINE_IS_IDLE;
}

void
DpEditLineBegin(DpEditLine *linePtr, const char *prompt, size_t promptLength,
	const char *more, size_t moreLength)
{
    DpEditLineDrop(linePtr);
    DpBufFree(&linePtr->prompt);
    DpBufAppend(&linePtr->prompt, prompt, promptLength);
    DpBufFree(&linePtr->more);
    DpBufAppend(&linePtr->more, more, moreLength);
    DpBufFree(&linePtr->question);
    DpEditBegin(linePtr->editPtr);
    linePtr->at = linePtr->past.count;
    linePtr->search.on = false;
    DpLinePaintReset(linePtr);
    linePtr->state = DP_LINE_IS_READING;
}

void
DpEditLinePrompt(DpEditLine *linePtr, const char *prompt, size_t length)
{
    DpBufFree(&linePtr->prompt);
    DpBufAppend(&linePtr->prompt, prompt, length);
    if (DpEditLineShown(linePtr)) {
	DpLineSettle(linePtr);
    }
}

void
DpEditLineText(DpEditLine *linePtr, const uint32_t **textPtr,
	size_t *countPtr, size_t *cursorPtr)
{
    DpEditText(linePtr->editPtr, textPtr, countPtr, cursorPtr);
}

void
DpEditLineAsk(DpEditLine *linePtr, const char *text, size_t length)
{
    DpBufFree(&linePtr->question);
    DpBufAppend(&linePtr->question, text, length);
    Draw(linePtr);
}

void
DpEditLineReplace(DpEditLine *linePtr, size_t count, const uint32_t *text,
	size_t length)
{
    DpEditDelete(linePtr->editPtr, count);
    if (!DpEditInsert(linePtr->editPtr, text, length)) {
	DpLineBeep(linePtr);
    }
}

void
DpEditLineReply(DpEditLine *linePtr, DpLineReply reply)
{
    static const uint32_t newline = '\n';

    if (linePtr->state != DP_LINE_IS_ENTERING && linePtr->state != DP_LINE_IS_COMPLETING) {
	return;
    }
    if (reply == DP_REPLY_DONE) {
	DpLineFinish(linePtr, DP_LINE_DONE);
	return;
    }
    if (reply == DP_REPLY_KEY) {
	linePtr->state = DP_LINE_IS_TELLING;
    } else {
	if (reply == DP_REPLY_MORE) {
	    DpEditInsert(linePtr->editPtr, &newline, 1);
	} else if (reply == DP_REPLY_BEEP) {
	    DpLineBeep(linePtr);
	}
	linePtr->state = DP_LINE_IS_READING;
	DpLineDoAll(linePtr, DpEditGo(linePtr->editPtr));
    }
    DpLineProcess(linePtr);
    DpLineSettle(linePtr);
}

/* Part: the history. */

void
DpEditLineForget(DpEditLine *linePtr)
{
    DpEditPastFree(&linePtr->past);
    linePtr->at = 0;
    linePtr->search.on = false;
}

void
DpEditLineRemember(DpEditLine *linePtr, const uint32_t *text, size_t count)
{
    bool atEnd = linePtr->at == linePtr->past.count;

    DpEditPastAdd(&linePtr->past, text, count);
    if (atEnd) {
	linePtr->at = linePtr->past.count;
    }
}

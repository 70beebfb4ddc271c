/*
 * dpEditLinePaint.c -- the colours of a line that is read.
 *
 * Layer L2. Whoever reads is told that the text has changed, and answers with the
 * colours of that text. What comes between is not its: until then colours stay
 * only at words that the change has not touched.
 */

#include "dpEditLineInt.h"

/* Words have colours, and a key that is typed at one may change them. */
static bool
IsBetween(uint32_t code)
{
    return code == ' ' || code == '\t' || code == '\n' || code == '/'
	    || code == ':';
}

/* Sets what the colours belong to. */
static void
SetText(DpEditLine *linePtr, const uint32_t *text, size_t count)
{
    DpBuf *bufPtr = &linePtr->paint.text;

    DpBufConsume(bufPtr, DpBufLength(bufPtr));
    DpBufAppend(bufPtr, text, count * sizeof(*text));
}

void
DpLinePaintReset(DpEditLine *linePtr)
{
    DpBufFree(&linePtr->paint.text);
    linePtr->paint.count = 0;
    linePtr->paint.due = linePtr->paint.asked = false;
}

void
DpLinePaintFit(DpEditLine *linePtr, const uint32_t *text, size_t count)
{
    const uint32_t *old = (const uint32_t *) (const void *)
	    DpBufData(&linePtr->paint.text);
    size_t oldCount = DpBufLength(&linePtr->paint.text) / sizeof(*old);
    size_t begin = 0, rest = 0, kept = 0, least;

    if (!linePtr->paint.wanted) {
	return;
    }
    if (count > DP_LINE_PAINTED) {
	DpLinePaintReset(linePtr);
	return;
    }
    least = count < oldCount ? count : oldCount;
    while (begin < least && text[begin] == old[begin]) {
	begin++;
    }
    if (begin == count && begin == oldCount) {
	return;
    }
    while (rest < least - begin && text[count - 1 - rest]
	    == old[oldCount - 1 - rest]) {
	rest++;
    }
    for (size_t i = 0; i < linePtr->paint.count; i++) {
	DpEditSpan *spanPtr = &linePtr->paint.spans[i];

	if (spanPtr->end > begin || (spanPtr->end == begin && begin < count
		&& !IsBetween(text[begin]))) {
	    if (spanPtr->start < oldCount - rest
		    || (count > rest && !IsBetween(text[count - rest - 1]))) {
		continue;
	    }
	    spanPtr->start = spanPtr->start + count - oldCount;
	    spanPtr->end = spanPtr->end + count - oldCount;
	}
	linePtr->paint.spans[kept++] = *spanPtr;
    }
    linePtr->paint.count = kept;
    linePtr->paint.due = count > 0;
    SetText(linePtr, text, count);
}

void
DpLinePaintAsk(DpEditLine *linePtr)
{
    if (linePtr->paint.due && !linePtr->paint.asked && linePtr->ttyPtr != NULL
	    && (linePtr->state == DP_LINE_IS_READING
	    || linePtr->state == DP_LINE_IS_COMPLETING)) {
	linePtr->paint.due = false;
	linePtr->paint.asked = true;
	linePtr->proc(linePtr->clientData, DP_LINE_PAINT, 0);
    }
}

void
DpEditLinePaint(DpEditLine *linePtr, bool wanted)
{
    DpLinePaintReset(linePtr);
    linePtr->paint.wanted = wanted;
}

void
DpEditLinePainted(DpEditLine *linePtr, const uint32_t *text, size_t count,
	const DpEditSpan *spans, size_t spanCount)
{
    linePtr->paint.asked = false;
    if (!linePtr->paint.wanted || linePtr->state == DP_LINE_IS_IDLE
	    || linePtr->state == DP_LINE_IS_ENDING || count > DP_LINE_PAINTED
	    || spanCount > DP_LINE_SPANS) {
	return;
    }
    SetText(linePtr, text, count);
    memcpy(linePtr->paint.spans, spans, spanCount * sizeof(*spans));
    linePtr->paint.count = spanCount;
    linePtr->paint.due = false;
    if (linePtr->ttyPtr != NULL) {
	DpLineSettle(linePtr);
    }
}

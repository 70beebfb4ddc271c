/*
 * dpNeedle.c -- a text that every match of a regular expression contains.
 *
 * Layer L0. Looks only at what stands outside of parentheses: runs of ordinary
 * characters there have to come in each match, unless there is a "|".
 */

#include "dpNeedle.h"

#include <ctype.h>

typedef struct Run {
    char text[DP_NEEDLE_SIZE];
    size_t length;
    char *best;                 /* of DP_NEEDLE_SIZE */
    size_t bestLength;
} Run;

static void
EndRun(Run *runPtr)
{
    if (runPtr->length > runPtr->bestLength) {
	memcpy(runPtr->best, runPtr->text, runPtr->length);
	runPtr->bestLength = runPtr->length;
    }
    runPtr->length = 0;
}

static void
AddChar(Run *runPtr, char c)
{
    if (runPtr->length == DP_NEEDLE_SIZE) {
	EndRun(runPtr);
    }
    runPtr->text[runPtr->length++] = c;
}

/* Ends the run before its last character, which may come or not. */
static void
DropChar(Run *runPtr)
{
    if (runPtr->length > 0) {
	runPtr->length--;
    }
    EndRun(runPtr);
}

/* Behind the bracket expression at p, NULL where it does not end. */
static const char *
SkipBrackets(const char *p)
{
    p++;
    if (*p == '^') {
	p++;
    }
    if (*p == ']') {
	p++;
    }
    while (*p != ']') {
	if (*p == '\0') {
	    return NULL;
	}
	if (*p == '\\') {
	    if (*++p == '\0') {
		return NULL;
	    }
	} else if (*p == '[' && p[1] != '\0' && strchr(".:=", p[1]) != NULL) {
	    const char closing[] = {p[1], ']', '\0'};

	    p = strstr(p + 2, closing);
	    if (p == NULL) {
		return NULL;
	    }
	    p++;
	}
	p++;
    }
    return p + 1;
}

/* Behind the group in parentheses at p, NULL where it does not end. */
static const char *
SkipGroup(const char *p)
{
    int depth = 0;

    do {
	switch (*p) {
	case '\0':
	    return NULL;
	case '\\':
	    if (*++p == '\0') {
		return NULL;
	    }
	    p++;
	    break;
	case '[':
	    p = SkipBrackets(p);
	    if (p == NULL) {
		return NULL;
	    }
	    break;
	default:
	    depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
	    p++;
	}
    } while (depth > 0);
    return p;
}

/* Behind an escape at p; a quoted character is added to the run. */
static const char *
SkipEscape(Run *runPtr, const char *p)
{
    unsigned char c = (unsigned char) *++p;

    if (c == '\0') {
	return NULL;
    }
    p++;
    if (c < 0x80 && !isalnum(c)) {
	AddChar(runPtr, (char) c);
	return p;
    }
    EndRun(runPtr);
    if (c == 'c' && *p != '\0') {
	return p + 1;
    }
    /* Numbers: more digits than belong to them are left out, too. */
    if (isdigit(c) || c == 'x' || c == 'u' || c == 'U') {
	while (isxdigit((unsigned char) *p)) {
	    p++;
	}
    }
    return p;
}

/* Behind the options that may stand at the begin; NULL: they change all. */
static const char *
SkipOptions(const char *p)
{
    size_t length;

    if (strncmp(p, "***", 3) == 0 || strstr(p, "(?#") != NULL) {
	return NULL;
    }
    if (p[0] != '(' || p[1] != '?' || !isalpha((unsigned char) p[2])) {
	return p;
    }
    /* Those about newlines; not: no case, white space, other syntaxes. */
    length = strspn(p + 2, "nwsmpt");
    return p[2 + length] == ')' ? p + 3 + length : NULL;
}

size_t
DpNeedleFind(const char *pattern, char needle[DP_NEEDLE_SIZE])
{
    Run run = {.length = 0, .best = needle, .bestLength = 0};
    const char *p = SkipOptions(pattern);

    while (p != NULL && *p != '\0') {
	switch (*p) {
	case '\\':
	    p = SkipEscape(&run, p);
	    break;
	case '[':
	    EndRun(&run);
	    p = SkipBrackets(p);
	    break;
	case '(':
	    EndRun(&run);
	    p = SkipGroup(p);
	    break;
	case ')':
	case '|':
	    return 0;
	case '*':
	case '?':
	    DropChar(&run);
	    p++;
	    break;
	case '{':
	    if (isdigit((unsigned char) p[1])) {
		DropChar(&run);
		p = strchr(p, '}');
		p = p == NULL ? NULL : p + 1;
		break;
	    }
	    EndRun(&run);
	    p++;
	    break;
	case '+':
	case '.':
	case '^':
	case '$':
	    EndRun(&run);
	    p++;
	    break;
	default:
	    if ((unsigned char) *p < 0x80) {
		AddChar(&run, *p);
	    } else {
		EndRun(&run);
	    }
	    p++;
	}
    }
    if (p == NULL) {
	return 0;
    }
    EndRun(&run);
    return run.bestLength;
}

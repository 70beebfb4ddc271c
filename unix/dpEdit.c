/*
 * dpEdit.c -- libedit as an engine: keys go in, a line comes out.
 *
 * Layer L2. libedit sets modes of what it takes for its terminal, and asks it for
 * its size: that is a pseudo terminal on which nobody is. What it draws goes to
 * /dev/null, as its display counts no combining characters and has one screen
 * only. Its history and its searches are not used: the latter read and write
 * behind their buffers with long lines, and take a newline for the end.
 */

#include "dpEdit.h"

#include "dpPty.h"

#ifdef HAVE_LIBEDIT

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __APPLE__
#   include <xlocale.h>
#endif

/*
 * Its own screen. A line that does not fit makes it write behind its buffers, so
 * that this grows with the line. A character takes at most CELLS columns.
 */
#define COLS 1000
#define ROWS 64
#define MAX_ROWS 32000
#define CELLS 8

/* What is bound to its own command for the end of the line. */
#define KEY_END 0x81

/* A start file of more bytes is no start file. */
#define MAX_EDITRC 65536

struct DpEdit {
    pthread_t thread;
    pthread_mutex_t mutex;      /* guards `ours`; who has the turn has the rest */
    pthread_cond_t changed;
    bool ours;                  /* the turn is the caller's */
    bool begin;                 /* the line is to be dropped, and begun anew */
    bool quit;
    bool failed;                /* there is no engine */
    bool vi;
    DpEditKeys keys;
    DpEditAct act;              /* what it stopped for */
    uint32_t key;               /* the one that is given */
    bool hasKey;
    bool stale;                 /* the line was changed from outside */
    int reads;                  /* keys that the command that runs has wanted */
    int rows;                   /* of its screen */
    DpPty pty;
    FILE *nullPtr;              /* in */
    FILE *outPtr;               /* out */
    EditLine *elPtr;
};

/* Part: whose turn it is. */

static void
GiveTurn(DpEdit *editPtr, bool ours)
{
    pthread_mutex_lock(&editPtr->mutex);
    editPtr->ours = ours;
    pthread_cond_broadcast(&editPtr->changed);
    while (editPtr->ours == ours) {
	pthread_cond_wait(&editPtr->changed, &editPtr->mutex);
    }
    pthread_mutex_unlock(&editPtr->mutex);
}

/* In the thread: stops for the caller. */
static void
Stop(DpEdit *editPtr, DpEditAct act)
{
    editPtr->act = act;
    GiveTurn(editPtr, true);
}

/* In the caller: until it stops. */
static DpEditAct
Run(DpEdit *editPtr)
{
    GiveTurn(editPtr, false);
    return editPtr->act;
}

/* Part: what libedit calls. */

static DpEdit *
Self(EditLine *elPtr)
{
    void *data = NULL;

    el_wget(elPtr, EL_CLIENTDATA, &data);
    return data;
}

/* Rows that a text takes at most. */
static size_t
CountRows(const wchar_t *text, size_t count)
{
    size_t rows = 2, cells = 0;

    for (size_t i = 0; i < count; i++) {
	if (text[i] == L'\n') {
	    rows += cells / COLS + 1;
	    cells = 0;
	} else {
	    cells += text[i] >= 0x20 && text[i] < 0x7F ? 1 : CELLS;
	}
    }
    return rows + cells / COLS;
}

/* In the thread: its screen has room, and is as the line is. */
static void
Fit(DpEdit *editPtr)
{
    const LineInfoW *infoPtr = el_wline(editPtr->elPtr);
    size_t rows = CountRows(infoPtr->buffer,
	    (size_t) (infoPtr->lastchar - infoPtr->buffer));

    if (rows + 2 > (size_t) editPtr->rows) {
	while (rows + 2 > (size_t) editPtr->rows) {
	    editPtr->rows *= 2;
	}
	DpPtySetSize(editPtr->pty.slave, COLS, editPtr->rows);
	el_resize(editPtr->elPtr);
	editPtr->stale = true;
    }
    if (editPtr->stale) {
	editPtr->stale = false;
	el_wset(editPtr->elPtr, EL_REFRESH);
    }
}

/* 1: a key; -1: an end of the input ends whatever reads. */
static int
GetKey(EditLine *elPtr, wchar_t *codePtr)
{
    DpEdit *editPtr = Self(elPtr);

    editPtr->reads++;
    while (!editPtr->hasKey && !editPtr->begin && !editPtr->quit) {
	Stop(editPtr, DP_EDIT_KEY);
    }
    if (editPtr->begin || editPtr->quit) {
	*codePtr = 0;
	errno = EINTR;
	return -1;
    }
    Fit(editPtr);
    editPtr->hasKey = false;
    *codePtr = (wchar_t) editPtr->key;
    return 1;
}

static unsigned char
Act(EditLine *elPtr, DpEditAct act)
{
    Stop(Self(elPtr), act);
    return CC_REFRESH;
}

#define ACT(name, act) \
    static unsigned char \
    name(EditLine *elPtr, wint_t key) \
    { \
	(void) key; \
	return Act(elPtr, act); \
    }

ACT(ActEnter, DP_EDIT_ENTER)
ACT(ActComplete, DP_EDIT_COMPLETE)
ACT(ActEof, DP_EDIT_EOF)
ACT(ActClear, DP_EDIT_CLEAR)
ACT(ActBack, DP_EDIT_BACK)
ACT(ActForward, DP_EDIT_FORWARD)
ACT(ActPrev, DP_EDIT_PREV)
ACT(ActNext, DP_EDIT_NEXT)
ACT(ActPrevSame, DP_EDIT_PREV_SAME)
ACT(ActNextSame, DP_EDIT_NEXT_SAME)
ACT(ActFirst, DP_EDIT_FIRST)
ACT(ActLast, DP_EDIT_LAST)

/*
 * To the end of the line. libedit before 2024 puts the cursor of vi before an
 * empty one, and writes there. CC_ARGHACK: what has begun, as `d`, goes on.
 */
static unsigned char
ActEnd(EditLine *elPtr, wint_t key)
{
    static const wchar_t again[] = {KEY_END, 0};
    const LineInfoW *infoPtr = el_wline(elPtr);

    (void) key;
    if (infoPtr->lastchar == infoPtr->buffer) {
	return CC_ERROR;
    }
    el_wpush(elPtr, again);
    return CC_ARGHACK;
}

/* Names of our own, for EL_BIND. The strings stay where they are. */
static const struct {
    const wchar_t *name;
    unsigned char (*func)(EditLine *, wint_t);
} functions[] = {
    {L"dp-enter", ActEnter}, {L"dp-complete", ActComplete},
    {L"dp-eof", ActEof}, {L"dp-clear", ActClear}, {L"dp-back", ActBack},
    {L"dp-forward", ActForward}, {L"dp-prev", ActPrev},
    {L"dp-next", ActNext}, {L"dp-prev-same", ActPrevSame},
    {L"dp-next-same", ActNextSame}, {L"dp-first", ActFirst},
    {L"dp-last", ActLast}, {L"dp-end", ActEnd}
};

/* Part: keys. */

/* Commands of libedit's that are not used, and what stands for them. */
static const struct {
    const wchar_t *name, *ours;
} instead[] = {
    {L"ed-newline", L"dp-enter"}, {L"ed-prev-history", L"dp-prev"},
    {L"ed-next-history", L"dp-next"},
    {L"ed-search-prev-history", L"dp-prev-same"},
    {L"ed-search-next-history", L"dp-next-same"},
    {L"em-inc-search-prev", L"dp-back"},
    {L"em-inc-search-next", L"dp-forward"},
    {L"vi-search-prev", L"dp-back"}, {L"vi-search-next", L"dp-forward"},
    {L"vi-repeat-search-prev", L"dp-next-same"},
    {L"vi-repeat-search-next", L"dp-prev-same"},
    {L"vi-to-history-line", L"dp-last"}, {L"ed-clear-screen", L"dp-clear"},
    {L"ed-redisplay", L"dp-clear"}, {L"em-delete-or-list", L"dp-eof"},
    {L"vi-list-or-eof", L"dp-eof"}, {L"ed-end-of-file", L"dp-eof"},
    {L"ed-complete", L"dp-complete"}, {L"rl_complete", L"dp-complete"},
    {L"rl-complete", L"dp-complete"}, {L"ed-command", L"ed-unassigned"},
    {L"vi-histedit", L"ed-unassigned"}, {L"vi-alias", L"ed-unassigned"},
    {L"vi-history-word", L"ed-unassigned"},
    {L"vi-comment-out", L"ed-unassigned"},
    {L"ed-start-over", L"ed-unassigned"},
    {L"vi-undo-line", L"ed-unassigned"}, {L"ed-move-to-end", L"dp-end"},
    /* It copies out of memory that it has given back. */
    {L"em-copy-prev-word", L"ed-unassigned"}
};

typedef struct Binding {
    const wchar_t *key, *name;
} Binding;

/* In all modes. */
static const Binding common[] = {
    {L"\n", L"dp-enter"}, {L"\r", L"dp-enter"}, {L"\t", L"dp-complete"},
    {L"\004", L"dp-eof"}, {L"\014", L"dp-clear"}, {L"\016", L"dp-next"},
    {L"\020", L"dp-prev"}, {L"\022", L"dp-back"}, {L"\023", L"dp-forward"},
    {L"\033[A", L"dp-prev"}, {L"\033[B", L"dp-next"},
    {L"\033[C", L"ed-next-char"}, {L"\033[D", L"ed-prev-char"},
    {L"\033[H", L"ed-move-to-beg"}, {L"\033[F", L"dp-end"},
    {L"\005", L"dp-end"},
    {L"\033[3~", L"ed-delete-next-char"}, {L"\033[5~", L"dp-prev-same"},
    {L"\033[6~", L"dp-next-same"}
};

/* Where keys insert themselves. */
static const Binding inserting[] = {
    {L"\026", L"ed-quoted-insert"}, {L"\032", L"ed-unassigned"},
    {L"\021", L"ed-quoted-insert"}, {L"\034", L"ed-unassigned"},
    {L"\003", L"ed-unassigned"},
    {L"\033[1;5C", L"em-next-word"}, {L"\033[1;5D", L"ed-prev-word"},
    {L"\033[1;3C", L"em-next-word"}, {L"\033[1;3D", L"ed-prev-word"},
    {L"\033[3;5~", L"em-delete-next-word"}
};

static const Binding emacs[] = {
    {L"\033<", L"dp-first"}, {L"\033>", L"dp-last"},
    {L"\033p", L"dp-prev-same"}, {L"\033n", L"dp-next-same"},
    {L"\033P", L"dp-prev-same"}, {L"\033N", L"dp-next-same"},
    {L"\033x", L"ed-unassigned"}, {L"\033X", L"ed-unassigned"},
    {L"\033\014", L"dp-clear"}, {L"\033\177", L"ed-delete-prev-word"},
    {L"\033\010", L"ed-delete-prev-word"}, {L"\033\037", L"ed-unassigned"}
};

static const Binding viCommand[] = {
    {L"k", L"dp-prev"}, {L"j", L"dp-next"}, {L"-", L"dp-prev"},
    {L"+", L"dp-next"}, {L"K", L"dp-prev-same"}, {L"J", L"dp-next-same"},
    {L"/", L"dp-back"}, {L"?", L"dp-forward"}, {L"n", L"dp-prev-same"},
    {L"N", L"dp-next-same"}, {L"G", L"dp-last"}, {L":", L"ed-unassigned"},
    {L"v", L"ed-unassigned"}, {L"@", L"ed-unassigned"},
    {L"_", L"ed-unassigned"}, {L"#", L"ed-unassigned"},
    {L"[", L"ed-unassigned"}, {L"O", L"ed-unassigned"},
    {L"$", L"dp-end"}, {L"U", L"ed-unassigned"}
};

static void
Bind(EditLine *elPtr, const Binding *bindings, size_t count, bool alt)
{
    for (size_t i = 0; i < count; i++) {
	if (alt) {
	    el_wset(elPtr, EL_BIND, L"-a", bindings[i].key, bindings[i].name,
		    NULL);
	} else {
	    el_wset(elPtr, EL_BIND, bindings[i].key, bindings[i].name, NULL);
	}
    }
}

#define BIND(bindings, alt) \
    Bind(editPtr->elPtr, bindings, DP_ARRAY_SIZE(bindings), alt)

static void
BindKeys(DpEdit *editPtr)
{
    const Binding end = {(const wchar_t[]) {KEY_END, 0}, L"ed-move-to-end"};

    /* What libedit takes for Meta is a letter to us. */
    for (wchar_t code = 0x80; code <= 0xFF; code++) {
	wchar_t key[2] = {code, 0};
	const Binding letter = {key, code < 0xA0 ? L"ed-unassigned"
		: L"ed-insert"};

	Bind(editPtr->elPtr, &letter, 1, false);
    }
    BIND(common, false);
    BIND(inserting, false);
    Bind(editPtr->elPtr, &end, 1, false);
    if (editPtr->vi) {
	const Binding escape = {(const wchar_t[]) {DP_EDIT_ESCAPE, 0},
		L"vi-command-mode"};

	BIND(common, true);
	BIND(viCommand, true);
	Bind(editPtr->elPtr, &escape, 1, false);
	Bind(editPtr->elPtr, &escape, 1, true);
	Bind(editPtr->elPtr, &end, 1, true);
    } else {
	BIND(emacs, false);
    }
}

/*
 * A line of ~/.editrc: only what binds keys is ours to obey. What comes first
 * says which keys there are.
 */
static void
TakeLine(DpEdit *editPtr, TokenizerW *tokPtr, const wchar_t *line, bool first)
{
    static const wchar_t mine[] = L"deployer:";
    const wchar_t **argv, *words[8] = {NULL};
    int argc;

    tok_wreset(tokPtr);
    if (tok_wstr(tokPtr, line, &argc, &argv) != 0 || argc < 2
	    || argc >= (int) DP_ARRAY_SIZE(words)) {
	return;
    }
    for (int i = 0; i < argc; i++) {
	words[i] = argv[i];
	for (size_t j = 0; i > 0 && j < DP_ARRAY_SIZE(instead); j++) {
	    if (wcscmp(words[i], instead[j].name) == 0) {
		words[i] = instead[j].ours;
		break;
	    }
	}
    }
    if (wcsncmp(words[0], mine, DP_ARRAY_SIZE(mine) - 1) == 0) {
	words[0] += DP_ARRAY_SIZE(mine) - 1;
    }
    if (wcscmp(words[0], L"bind") != 0) {
	return;
    }
    if (wcscmp(words[1], L"-v") == 0 || wcscmp(words[1], L"-e") == 0) {
	if (first && editPtr->keys == DP_EDIT_ANY) {
	    editPtr->vi = words[1][1] == L'v';
	}
    } else if (!first) {
	el_wparse(editPtr->elPtr, argc, words);
    }
}

static void
TakeFile(DpEdit *editPtr, const char *text, bool first)
{
    wchar_t *wide = DpAlloc((strlen(text) + 1) * sizeof(*wide));
    TokenizerW *tokPtr = tok_winit(NULL);
    wchar_t *line = wide, *end;

    if (tokPtr != NULL && mbstowcs(wide, text, strlen(text)) != (size_t) -1) {
	for (; line != NULL; line = end) {
	    end = wcschr(line, L'\n');
	    if (end != NULL) {
		*end++ = 0;
	    }
	    line += wcsspn(line, L" \t");
	    if (*line != L'#' && *line != 0) {
		TakeLine(editPtr, tokPtr, line, first);
	    }
	}
    }
    if (tokPtr != NULL) {
	tok_wend(tokPtr);
    }
    DpFree(wide);
}

/* The text of ~/.editrc, "" where there is none. */
static char *
ReadFile(void)
{
    const char *path = getenv("EDITRC"), *home = getenv("HOME");
    char *text = DpAlloc(MAX_EDITRC + 1), name[4096];
    size_t count;
    FILE *filePtr;

    if (path == NULL) {
	snprintf(name, sizeof(name), "%s/.editrc", home != NULL ? home : "");
	path = name;
    }
    filePtr = path[0] != '\0' ? fopen(path, "re") : NULL;
    if (filePtr != NULL) {
	count = fread(text, 1, MAX_EDITRC, filePtr);
	text[count < MAX_EDITRC ? count : 0] = '\0';
	fclose(filePtr);
    }
    return text;
}

/* Part: the thread. */

static bool
Open(DpEdit *editPtr)
{
    char *text;

    if (!DpPtyOpen(&editPtr->pty)) {
	return false;
    }
    editPtr->rows = ROWS;
    DpPtySetSize(editPtr->pty.slave, COLS, ROWS);
    editPtr->nullPtr = fopen("/dev/null", "re");
    editPtr->outPtr = fopen("/dev/null", "we");
    if (editPtr->nullPtr == NULL || editPtr->outPtr == NULL) {
	return false;
    }
    editPtr->elPtr = el_init_fd("deployer", editPtr->nullPtr, editPtr->outPtr,
	    editPtr->outPtr, editPtr->pty.slave, editPtr->pty.slave,
	    editPtr->pty.slave);
    if (editPtr->elPtr == NULL) {
	return false;
    }
    el_wset(editPtr->elPtr, EL_CLIENTDATA, editPtr);
    el_wset(editPtr->elPtr, EL_SIGNAL, 0);
    el_wset(editPtr->elPtr, EL_GETCFN, GetKey);
    for (size_t i = 0; i < DP_ARRAY_SIZE(functions); i++) {
	el_wset(editPtr->elPtr, EL_ADDFN, functions[i].name, L"",
		functions[i].func);
    }
    text = ReadFile();
    editPtr->vi = editPtr->keys == DP_EDIT_VI;
    TakeFile(editPtr, text, true);
    el_wset(editPtr->elPtr, EL_EDITOR, editPtr->vi ? L"vi" : L"emacs");
    BindKeys(editPtr);
    TakeFile(editPtr, text, false);
    DpFree(text);
    el_wset(editPtr->elPtr, EL_EDITMODE, 1);
    return true;
}

static void
Close(DpEdit *editPtr)
{
    if (editPtr->elPtr != NULL) {
	el_end(editPtr->elPtr);
    }
    if (editPtr->nullPtr != NULL) {
	fclose(editPtr->nullPtr);
    }
    if (editPtr->outPtr != NULL) {
	fclose(editPtr->outPtr);
    }
    DpPtyClose(&editPtr->pty);
}

/*
 * Input is UTF-8 whatever the locale of the process is, which stays as it is.
 * Unbuffered, el_wgets runs one command each time.
 */
static void *
EditThread(void *clientData)
{
    static const char *const names[] = {"C.UTF-8", "en_US.UTF-8", "UTF-8"};
    DpEdit *editPtr = clientData;
    locale_t locale = (locale_t) 0;
    int count;

    for (size_t i = 0; i < DP_ARRAY_SIZE(names) && locale == (locale_t) 0;
	    i++) {
	locale = newlocale(LC_CTYPE_MASK, names[i], (locale_t) 0);
    }
    if (locale != (locale_t) 0) {
	uselocale(locale);
    }
    editPtr->failed = !Open(editPtr);
    while (!editPtr->failed && !editPtr->quit) {
	if (editPtr->begin) {
	    editPtr->begin = false;
	    editPtr->hasKey = false;
	    el_wset(editPtr->elPtr, EL_UNBUFFERED, 0);
	    el_wset(editPtr->elPtr, EL_UNBUFFERED, 1);
	}
	editPtr->reads = 0;
	el_wgets(editPtr->elPtr, &count);
    }
    Close(editPtr);
    uselocale(LC_GLOBAL_LOCALE);
    if (locale != (locale_t) 0) {
	freelocale(locale);
    }
    pthread_mutex_lock(&editPtr->mutex);
    editPtr->ours = true;
    pthread_cond_broadcast(&editPtr->changed);
    pthread_mutex_unlock(&editPtr->mutex);
    return NULL;
}

/* Signals are for the process's own threads. */
static bool
StartThread(DpEdit *editPtr)
{
    sigset_t all, old;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&editPtr->thread, NULL, EditThread, editPtr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0;
}

/* Part: for others. */

bool
DpEditThere(void)
{
    return true;
}

static void
FreeEdit(DpEdit *editPtr)
{
    pthread_mutex_destroy(&editPtr->mutex);
    pthread_cond_destroy(&editPtr->changed);
    DpFree(editPtr);
}

DpEdit *
DpEditNew(DpEditKeys keys, DpError *errPtr)
{
    DpEdit *editPtr = DpAlloc(sizeof(*editPtr));
    bool failed = true;

    editPtr->keys = keys;
    editPtr->pty.master = editPtr->pty.slave = -1;
    editPtr->begin = true;
    pthread_mutex_init(&editPtr->mutex, NULL);
    pthread_cond_init(&editPtr->changed, NULL);
    if (StartThread(editPtr)) {
	pthread_mutex_lock(&editPtr->mutex);
	while (!editPtr->ours) {
	    pthread_cond_wait(&editPtr->changed, &editPtr->mutex);
	}
	pthread_mutex_unlock(&editPtr->mutex);
	failed = editPtr->failed;
	if (failed) {
	    pthread_join(editPtr->thread, NULL);
	}
    }
    if (failed) {
	FreeEdit(editPtr);
	DpErrorSet(errPtr, "STATE", "the line editor cannot be started: there"
		" is no thread, terminal or descriptor left for it");
	DpErrorAddData(errPtr, "editor");
	return NULL;
    }
    return editPtr;
}

void
DpEditFree(DpEdit *editPtr)
{
    editPtr->quit = true;
    Run(editPtr);
    pthread_join(editPtr->thread, NULL);
    FreeEdit(editPtr);
}

bool
DpEditIsVi(const DpEdit *editPtr)
{
    return editPtr->vi;
}

/* What a macro types belongs to the line that was. */
void
DpEditBegin(DpEdit *editPtr)
{
    editPtr->begin = true;
    while (Run(editPtr) != DP_EDIT_KEY) {
	editPtr->begin = true;
    }
}

bool
DpEditBusy(const DpEdit *editPtr)
{
    return editPtr->reads > 1;
}

DpEditAct
DpEditKey(DpEdit *editPtr, uint32_t code)
{
    editPtr->key = code;
    editPtr->hasKey = true;
    return Run(editPtr);
}

DpEditAct
DpEditGo(DpEdit *editPtr)
{
    return Run(editPtr);
}

void
DpEditText(DpEdit *editPtr, const uint32_t **textPtr, size_t *countPtr,
	size_t *cursorPtr)
{
    const LineInfoW *infoPtr = el_wline(editPtr->elPtr);

    *textPtr = (const uint32_t *) infoPtr->buffer;
    *countPtr = (size_t) (infoPtr->lastchar - infoPtr->buffer);
    *cursorPtr = (size_t) (infoPtr->cursor - infoPtr->buffer);
    if (*cursorPtr > *countPtr) {
	*cursorPtr = *countPtr;
    }
}

void
DpEditMove(DpEdit *editPtr, size_t cursor)
{
    int now = el_cursor(editPtr->elPtr, 0);

    el_cursor(editPtr->elPtr, (int) cursor - now);
    editPtr->stale = true;
}

/*
 * A command that has begun, as `d` of vi, remembers where in the line; what has
 * no key ends it.
 */
static void
EndCommand(DpEdit *editPtr)
{
    for (int i = 0; i < 10 && editPtr->reads > 1
	    && editPtr->act == DP_EDIT_KEY; i++) {
	DpEditKey(editPtr, 0);
    }
}

/* False: the line would be too long. */
bool
DpEditInsert(DpEdit *editPtr, const uint32_t *text, size_t count)
{
    const LineInfoW *infoPtr = el_wline(editPtr->elPtr);
    wchar_t *wide;

    if (count == 0) {
	return true;
    }
    EndCommand(editPtr);
    if (CountRows(infoPtr->buffer, (size_t) (infoPtr->lastchar
	    - infoPtr->buffer)) + CountRows((const wchar_t *) text, count)
	    > MAX_ROWS) {
	return false;
    }
    wide = DpAlloc((count + 1) * sizeof(*wide));
    memcpy(wide, text, count * sizeof(*wide));
    el_winsertstr(editPtr->elPtr, wide);
    DpFree(wide);
    editPtr->stale = true;
    return true;
}

void
DpEditDelete(DpEdit *editPtr, size_t count)
{
    const LineInfoW *infoPtr = el_wline(editPtr->elPtr);

    EndCommand(editPtr);
    if (count > (size_t) (infoPtr->cursor - infoPtr->buffer)) {
	count = (size_t) (infoPtr->cursor - infoPtr->buffer);
    }
    el_deletestr(editPtr->elPtr, (int) count);
    editPtr->stale = true;
}

_Static_assert(sizeof(wchar_t) == sizeof(uint32_t), "wchar_t holds no character");

#endif

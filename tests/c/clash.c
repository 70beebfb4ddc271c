/*
 * clash.c -- somebody else in the process who uses the libssh2 of the system: a
 * Tcl extension for tests/clash.test.
 *
 *     other open LIBRARY
 *     other ssh2 ADDRESS PORT USER KEYFILE ROUNDS COMMAND
 *     other curl URL KEYFILE ROUNDS
 *     other result
 *
 * A library is opened for all of the process (RTLD_GLOBAL). What is begun runs in
 * a thread of its own, each round with a connection of its own. The result is ""
 * until it has ended, then {VERSION BYTES}, or what went wrong.
 */

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tcl.h>

#define NUM_WORDS 6

/* Of curl.h, which need not be there. */
#define CURL_WRITEDATA 10001
#define CURL_URL 10002
#define CURL_PUBLIC_KEYFILE 10152
#define CURL_PRIVATE_KEYFILE 10153
#define CURL_WRITEFUNCTION 20011
#define CURL_NOSIGNAL 99

typedef struct Other {
    void *handle;               /* of the library opened last */
    char words[NUM_WORDS][300]; /* of what is under way */
    long bytes;                 /* read in all rounds */
    char text[300];             /* the result */
    pthread_t thread;
    bool running;
    atomic_bool over;
} Other;

/* The functions of libssh2 that are called, as libssh2.h has them. */
typedef struct Api {
    int (*init)(int flags);
    const char *(*version)(int required);
    void *(*newSession)(void *, void *, void *, void *);
    void (*setTimeout)(void *session, long ms);
    int (*handshake)(void *session, int fd);
    int (*login)(void *session, const char *user, unsigned length,
	    const char *publicKey, const char *privateKey, const char *phrase);
    void *(*channel)(void *session, const char *kind, unsigned length,
	    unsigned window, unsigned packet, const char *, unsigned);
    int (*start)(void *channel, const char *kind, unsigned length,
	    const char *command, unsigned commandLength);
    ssize_t (*read)(void *channel, int stream, char *buffer, size_t size);
    int (*freeChannel)(void *channel);
    int (*disconnect)(void *session, int reason, const char *, const char *);
    int (*freeSession)(void *session);
} Api;

extern __attribute__((visibility("default"))) int
	Clash_Init(Tcl_Interp *interp);

/* Puts the address of a symbol where a pointer to it is; false without one. */
static bool
Find(Other *otherPtr, const char *name, void *slotPtr)
{
    void *symbol = dlsym(otherPtr->handle, name);

    memcpy(slotPtr, &symbol, sizeof symbol);
    if (symbol == NULL) {
	snprintf(otherPtr->text, sizeof otherPtr->text, "there is no %s", name);
    }
    return symbol != NULL;
}

static int
Connect(const char *address, int port)
{
    struct sockaddr_in peer = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t) port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && (inet_pton(AF_INET, address, &peer.sin_addr) != 1
	    || connect(fd, (struct sockaddr *) &peer, sizeof peer) != 0)) {
	close(fd);
	return -1;
    }
    return fd;
}

/* One connection, one command. What failed, or NULL. */
static const char *
Ssh2Round(Other *otherPtr, const Api *api, int fd, void *session)
{
    char (*words)[300] = otherPtr->words;
    char buffer[16384], public[310];
    void *channel;
    ssize_t count;

    snprintf(public, sizeof public, "%s.pub", words[3]);
    api->setTimeout(session, 120000);
    if (api->handshake(session, fd) != 0) {
	return "handshake";
    }
    if (api->login(session, words[2], (unsigned) strlen(words[2]), public,
	    words[3], NULL) != 0) {
	return "login";
    }
    channel = api->channel(session, "session", 7, 2097152, 32768, NULL, 0);
    if (channel == NULL) {
	return "channel";
    }
    if (api->start(channel, "exec", 4, words[5], (unsigned) strlen(words[5]))
	    != 0) {
	return "exec";
    }
    while ((count = api->read(channel, 0, buffer, sizeof buffer)) > 0) {
	otherPtr->bytes += count;
    }
    if (api->freeChannel(channel) != 0 || count < 0) {
	return "read";
    }
    api->disconnect(session, 11, "done", "");
    return NULL;
}

static void *
Ssh2Thread(void *clientData)
{
    Other *otherPtr = clientData;
    Api api;
    const char *failed = NULL;
    int rounds = atoi(otherPtr->words[4]);

    if (!Find(otherPtr, "libssh2_init", &api.init)
	    || !Find(otherPtr, "libssh2_version", &api.version)
	    || !Find(otherPtr, "libssh2_session_init_ex", &api.newSession)
	    || !Find(otherPtr, "libssh2_session_set_timeout", &api.setTimeout)
	    || !Find(otherPtr, "libssh2_session_handshake", &api.handshake)
	    || !Find(otherPtr, "libssh2_userauth_publickey_fromfile_ex",
		    &api.login)
	    || !Find(otherPtr, "libssh2_channel_open_ex", &api.channel)
	    || !Find(otherPtr, "libssh2_channel_process_startup", &api.start)
	    || !Find(otherPtr, "libssh2_channel_read_ex", &api.read)
	    || !Find(otherPtr, "libssh2_channel_free", &api.freeChannel)
	    || !Find(otherPtr, "libssh2_session_disconnect_ex",
		    &api.disconnect)
	    || !Find(otherPtr, "libssh2_session_free", &api.freeSession)) {
	goto done;
    }
    api.init(0);
    for (int i = 0; i < rounds && failed == NULL; i++) {
	int fd = Connect(otherPtr->words[0], atoi(otherPtr->words[1]));
	void *session = api.newSession(NULL, NULL, NULL, NULL);

	failed = fd < 0 || session == NULL ? "connect"
		: Ssh2Round(otherPtr, &api, fd, session);
	if (session != NULL) {
	    api.freeSession(session);
	}
	if (fd >= 0) {
	    close(fd);
	}
    }
    if (failed != NULL) {
	snprintf(otherPtr->text, sizeof otherPtr->text, "no %s", failed);
    } else {
	snprintf(otherPtr->text, sizeof otherPtr->text, "%s %ld",
		api.version(0), otherPtr->bytes);
    }

done:
    atomic_store(&otherPtr->over, true);
    return NULL;
}

static size_t
CurlWrite(char *data, size_t size, size_t count, void *clientData)
{
    (void) data;
    ((Other *) clientData)->bytes += (long) (size * count);
    return size * count;
}

static void *
CurlThread(void *clientData)
{
    Other *otherPtr = clientData;
    void *(*init)(void);
    int (*setopt)(void *curl, int option, ...);
    int (*perform)(void *curl);
    void (*cleanup)(void *curl);
    const char *(*version)(void);
    char public[310];
    int rounds = atoi(otherPtr->words[2]), code = 0;

    if (!Find(otherPtr, "curl_easy_init", &init)
	    || !Find(otherPtr, "curl_easy_setopt", &setopt)
	    || !Find(otherPtr, "curl_easy_perform", &perform)
	    || !Find(otherPtr, "curl_easy_cleanup", &cleanup)
	    || !Find(otherPtr, "curl_version", &version)) {
	goto done;
    }
    snprintf(public, sizeof public, "%s.pub", otherPtr->words[1]);
    for (int i = 0; i < rounds && code == 0; i++) {
	void *curl = init();

	setopt(curl, CURL_NOSIGNAL, 1L);
	setopt(curl, CURL_URL, otherPtr->words[0]);
	setopt(curl, CURL_PRIVATE_KEYFILE, otherPtr->words[1]);
	setopt(curl, CURL_PUBLIC_KEYFILE, public);
	setopt(curl, CURL_WRITEFUNCTION, CurlWrite);
	setopt(curl, CURL_WRITEDATA, otherPtr);
	code = perform(curl);
	cleanup(curl);
    }
    if (code != 0) {
	snprintf(otherPtr->text, sizeof otherPtr->text, "curl %d", code);
    } else {
	const char *part = strstr(version(), "libssh2/");

	snprintf(otherPtr->text, sizeof otherPtr->text, "%.*s %ld",
		(int) (part != NULL ? strcspn(part + 8, " ") : 4),
		part != NULL ? part + 8 : "none", otherPtr->bytes);
    }

done:
    atomic_store(&otherPtr->over, true);
    return NULL;
}

static int
Open(Other *otherPtr, Tcl_Interp *interp, const char *library)
{
    otherPtr->handle = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
    if (otherPtr->handle == NULL) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(dlerror(), -1));
	return TCL_ERROR;
    }
    return TCL_OK;
}

static int
Begin(Other *otherPtr, Tcl_Interp *interp, void *(*body)(void *), int objc,
	Tcl_Obj *const objv[])
{
    if (otherPtr->running || otherPtr->handle == NULL || objc > NUM_WORDS) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj("not now", -1));
	return TCL_ERROR;
    }
    for (int i = 0; i < objc; i++) {
	snprintf(otherPtr->words[i], sizeof otherPtr->words[i], "%s",
		Tcl_GetString(objv[i]));
    }
    otherPtr->bytes = 0;
    atomic_store(&otherPtr->over, false);
    otherPtr->running = pthread_create(&otherPtr->thread, NULL, body, otherPtr)
	    == 0;
    return otherPtr->running ? TCL_OK : TCL_ERROR;
}

static int
Result(Other *otherPtr, Tcl_Interp *interp)
{
    if (otherPtr->running && atomic_load(&otherPtr->over)) {
	pthread_join(otherPtr->thread, NULL);
	otherPtr->running = false;
	Tcl_SetObjResult(interp, Tcl_NewStringObj(otherPtr->text, -1));
    }
    return TCL_OK;
}

static int
OtherCmd(ClientData clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const words[] = {"open", "ssh2", "curl", "result", NULL};
    static const int counts[] = {3, 8, 5, 2};
    Other *otherPtr = clientData;
    int index;

    if (objc < 2 || Tcl_GetIndexFromObj(interp, objv[1], words, "word",
	    TCL_EXACT, &index) != TCL_OK || objc != counts[index]) {
	Tcl_WrongNumArgs(interp, 1, objv, "open|ssh2|curl|result ?arg ...?");
	return TCL_ERROR;
    }
    switch (index) {
    case 0:
	return Open(otherPtr, interp, Tcl_GetString(objv[2]));
    case 1:
	return Begin(otherPtr, interp, Ssh2Thread, objc - 2, objv + 2);
    case 2:
	return Begin(otherPtr, interp, CurlThread, objc - 2, objv + 2);
    default:
	return Result(otherPtr, interp);
    }
}

static void
Free(ClientData clientData)
{
    Other *otherPtr = clientData;

    if (otherPtr->running) {
	pthread_join(otherPtr->thread, NULL);
    }
    free(otherPtr);
}

int
Clash_Init(Tcl_Interp *interp)
{
    Other *otherPtr;

    if (Tcl_InitStubs(interp, "8.6", 0) == NULL) {
	return TCL_ERROR;
    }
    otherPtr = calloc(1, sizeof *otherPtr);
    if (otherPtr == NULL) {
	return TCL_ERROR;
    }
    Tcl_CreateObjCommand(interp, "other", OtherCmd, otherPtr, Free);
    return TCL_OK;
}

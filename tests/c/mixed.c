/*
 * mixed.c -- a connection whose two directions have different ciphers, with the
 * libssh2 that the package has in it; for tests/ciphers.test.
 *
 * usage: mixed-test ADDRESS PORT USER KEYFILE CIPHER-TO-SERVER CIPHER-FROM-SERVER
 *
 * A command sends back what it was sent. Prints {CIPHER CIPHER BYTES} as they are,
 * or says what went wrong and ends with 1.
 */

#include <arpa/inet.h>
#include <libssh2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOTAL 300000
#define PIECE 30000

static int
Fail(LIBSSH2_SESSION *session, const char *what)
{
    char *message = NULL;

    if (session != NULL) {
	libssh2_session_last_error(session, &message, NULL, 0);
    }
    fprintf(stderr, "%s: %s\n", what, message != NULL ? message : "");
    return 1;
}

/* A piece at a time, and each comes back before the next one goes. */
static int
Echo(LIBSSH2_SESSION *session, LIBSSH2_CHANNEL *channel)
{
    static char sent[PIECE], got[PIECE];
    int total = 0;

    for (size_t i = 0; i < sizeof(sent); i++) {
	sent[i] = (char) (i * 7 + i / 256);
    }
    for (; total < TOTAL; total += PIECE) {
	for (size_t done = 0; done < sizeof(sent);) {
	    ssize_t n = libssh2_channel_write(channel, sent + done,
		    sizeof(sent) - done);

	    if (n <= 0) {
		return Fail(session, "write") - 1;
	    }
	    done += (size_t) n;
	}
	for (size_t done = 0; done < sizeof(got);) {
	    ssize_t n = libssh2_channel_read(channel, got + done,
		    sizeof(got) - done);

	    if (n <= 0) {
		return Fail(session, "read") - 1;
	    }
	    done += (size_t) n;
	}
	if (memcmp(sent, got, sizeof(sent)) != 0) {
	    return Fail(NULL, "other bytes came back") - 1;
	}
    }
    return total;
}

int
main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;
    const char *to, *from;
    int fd, total;

    if (argc != 7) {
	return Fail(NULL, "usage: mixed-test ADDRESS PORT USER KEYFILE"
		" CIPHER CIPHER");
    }
    address.sin_port = htons((unsigned short) atoi(argv[2]));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1
	    || connect(fd, (struct sockaddr *) &address, sizeof(address))
	    != 0) {
	return Fail(NULL, "connect");
    }
    if (libssh2_init(0) != 0) {
	return Fail(NULL, "libssh2_init");
    }
    session = libssh2_session_init();
    libssh2_session_set_timeout(session, 60000);
    if (libssh2_session_method_pref(session, LIBSSH2_METHOD_CRYPT_CS, argv[5])
	    != 0 || libssh2_session_method_pref(session,
	    LIBSSH2_METHOD_CRYPT_SC, argv[6]) != 0) {
	return Fail(session, "ciphers");
    }
    if (libssh2_session_handshake(session, fd) != 0) {
	return Fail(session, "handshake");
    }
    if (libssh2_userauth_publickey_fromfile(session, argv[3], NULL, argv[4],
	    "") != 0) {
	return Fail(session, "log in");
    }
    channel = libssh2_channel_open_session(session);
    if (channel == NULL || libssh2_channel_exec(channel, "cat") != 0) {
	return Fail(session, "cat");
    }
    total = Echo(session, channel);
    to = libssh2_session_methods(session, LIBSSH2_METHOD_CRYPT_CS);
    from = libssh2_session_methods(session, LIBSSH2_METHOD_CRYPT_SC);
    printf("%s %s %d\n", to, from, total);
    libssh2_channel_free(channel);
    libssh2_session_free(session);
    close(fd);
    return total == TOTAL ? 0 : 1;
}

/*
 * fuzzAgent.c -- anything as an answer of an agent, or as the login request
 * that is to be signed.
 */

#include "dpAgent.h"
#include "dpKey.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const algorithms[] = {
	"ssh-ed25519", "rsa-sha2-512", "sk-ssh-ed25519@openssh.com",
	"rsa-sha2-256-cert-v01@openssh.com"
    };
    uint8_t *copy = DpAlloc(size); /* exact: no byte behind may be read */
    DpError error = {.code = ""};
    DpAgentIdentity *identities;
    char name[16];
    bool ok;
    int count;

    if (size > 0) {
	memcpy(copy, data, size);
    }
    ok = DpAgentDecodeList(copy, size, &identities, &count, &error);
    if (ok == DpErrorIsSet(&error) || (!ok && identities != NULL)) {
	abort();
    }
    DpAgentFreeList(identities, ok ? count : 0);
    for (size_t i = 0; i < DP_ARRAY_SIZE(algorithms); i++) {
	unsigned char *sig;
	size_t length;

	DpErrorClear(&error);
	ok = DpAgentDecodeSign(copy, size, algorithms[i], &sig, &length,
		&error);
	if (ok == DpErrorIsSet(&error) || ok != (sig != NULL)) {
	    abort();
	}
	DpFree(sig);
    }
    DpKeyRequestAlgorithm(copy, size, name, sizeof(name));
    DpErrorClear(&error);
    DpFree(copy);
    return 0;
}

/*
 * dpAlloc.c -- memory, and the wiping of secrets.
 *
 * Layer L0.
 */

#include "dpBase.h"

#include <openssl/crypto.h>
#include <stdlib.h>

/* So much is cleared sooner than calloc, which passes its quick lists by. */
#define SMALL_SIZE 1024

void *
DpAlloc(size_t size)
{
    void *ptr;

    if (size == 0) {
	size = 1;
    }
    ptr = size <= SMALL_SIZE ? malloc(size) : calloc(1, size);
    if (ptr != NULL && size <= SMALL_SIZE) {
	memset(ptr, 0, size);
    }
    if (ptr == NULL) {
	Tcl_Panic("deployer: unable to allocate %lu bytes",
		(unsigned long) size);
    }
    return ptr;
}

void *
DpRealloc(void *ptr, size_t size)
{
    void *newPtr = realloc(ptr, size != 0 ? size : 1);

    if (newPtr == NULL) {
	Tcl_Panic("deployer: unable to allocate %lu bytes",
		(unsigned long) size);
    }
    return newPtr;
}

char *
DpStrdup(const char *string)
{
    size_t size;
    char *copy;

    if (string == NULL) {
	return NULL;
    }
    size = strlen(string) + 1;
    copy = DpAlloc(size);
    memcpy(copy, string, size);
    return copy;
}

void
DpFree(void *ptr)
{
    free(ptr);
}

void
DpWipe(void *ptr, size_t size)
{
    if (ptr != NULL) {
	OPENSSL_cleanse(ptr, size);
    }
}

void
DpWipeFree(char *string)
{
    if (string != NULL) {
	OPENSSL_cleanse(string, strlen(string));
	free(string);
    }
}

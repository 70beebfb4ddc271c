/*
 * dpSshMem.c -- the memory of libssh2: that of packets is used again.
 *
 * Layer L2.
 */

#include "dpSshInt.h"

#include "dpMalloc.h"

#include <stdlib.h>

/*
 * libssh2 has one block of memory for each packet that comes. They are the
 * largest that it asks for, and mostly the last ones in use: malloc would give
 * them back to the system and take them from there again, page for page, which
 * costs a tenth of all the time that a stream needs here.
 */
#define PACKET_MIN (16 * 1024)
#define PACKET_BLOCK (34 * 1024)

/*
 * libssh2 1.11 takes a ChaCha20 packet that was changed on its way for a good
 * one, looks at the same bytes again, with new memory, and never ends: not even
 * to ask for bytes. Between two times that it does, 35,000 bytes at most are
 * worked up; above these limits it gets no memory, and so gives up.
 */
#define SPIN_ALLOCS 50000
#define SPIN_BYTES ((size_t) 128 << 20)

static bool
Spins(DpSsh *sshPtr, size_t count)
{
    sshPtr->numAllocs++;
    sshPtr->sumAllocs += count;
    sshPtr->spun |= sshPtr->numAllocs > SPIN_ALLOCS
	    || sshPtr->sumAllocs > SPIN_BYTES;
    return sshPtr->spun;
}

/*
 * All of it is malloc's: libssh2 also frees what others have given to it, and
 * the other way round. NULL where there is none, which libssh2 can handle.
 */
static
LIBSSH2_ALLOC_FUNC(AllocCallback)
{
    DpSsh *sshPtr = *abstract;

    if (Spins(sshPtr, count)) {
	return NULL;
    }
    if (count < PACKET_MIN || count > PACKET_BLOCK) {
	return malloc(count);
    }
    if (sshPtr->numBlocks > 0) {
	return sshPtr->blocks[--sshPtr->numBlocks];
    }
    return malloc(PACKET_BLOCK);
}

static
LIBSSH2_FREE_FUNC(FreeCallback)
{
    DpSsh *sshPtr = *abstract;
    size_t size = DpMallocSize(ptr);

    if (size >= PACKET_BLOCK && size < 2 * PACKET_BLOCK
	    && sshPtr->numBlocks < DP_SSH_BLOCKS) {
	sshPtr->blocks[sshPtr->numBlocks++] = ptr;
	return;
    }
    free(ptr);
}

static
LIBSSH2_REALLOC_FUNC(ReallocCallback)
{
    (void) abstract;
    return realloc(ptr, count);
}

LIBSSH2_SESSION *
DpSshMakeSession(DpSsh *sshPtr)
{
    return libssh2_session_init_ex(AllocCallback, FreeCallback,
	    ReallocCallback, sshPtr);
}

void
DpSshFreeBlocks(DpSsh *sshPtr)
{
    while (sshPtr->numBlocks > 0) {
	free(sshPtr->blocks[--sshPtr->numBlocks]);
    }
}

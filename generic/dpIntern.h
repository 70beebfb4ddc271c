/*
 * dpIntern.h -- byte strings, each kept once and known by a number.
 *
 * Layer L0. Numbers are given from 0 on and stay; nothing is taken out.
 */

#ifndef DP_INTERN_H
#define DP_INTERN_H

#include "dpBase.h"

#define DP_INTERN_NONE UINT32_MAX

typedef struct DpInternEntry {
    size_t offset;              /* into bytes */
    uint32_t length;
    uint32_t hash;
} DpInternEntry;

/*
 * A zeroed struct is an empty table. Where outsiders choose the strings, the
 * key is set to random numbers first, else they could make all of them fall
 * into one place of the table.
 */
typedef struct DpIntern {
    uint64_t key[2];
    unsigned char *bytes;       /* all strings, one behind the other */
    size_t used, size;          /* of bytes */
    DpInternEntry *entries;
    uint32_t count, room;       /* of entries */
    uint32_t *slots;            /* number of an entry + 1, 0 is free */
    uint32_t numSlots;          /* a power of two, or 0 */
} DpIntern;

/* The number of a string, or DP_INTERN_NONE. */
MODULE_SCOPE uint32_t DpInternFind(const DpIntern *internPtr,
	const void *bytes, uint32_t length);

/* The same; a string that is not there is added, its number is the count. */
MODULE_SCOPE uint32_t DpInternAdd(DpIntern *internPtr, const void *bytes,
	uint32_t length);

/* The string of a number; the pointer holds until the next add. */
MODULE_SCOPE const unsigned char *DpInternBytes(const DpIntern *internPtr,
	uint32_t number, uint32_t *lengthPtr);

MODULE_SCOPE void DpInternFree(DpIntern *internPtr);

#endif

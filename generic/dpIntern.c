/*
 * dpIntern.c -- byte strings, each kept once and known by a number.
 *
 * Layer L0. The hash is SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", 2012) on words in the machine's byte order.
 */

#include "dpIntern.h"

static inline uint64_t
Rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void
SipRound(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = Rotate(v[1], 13) ^ v[0];
    v[3] = Rotate(v[3], 16) ^ v[2];
    v[0] = Rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = Rotate(v[3], 21) ^ v[0];
    v[1] = Rotate(v[1], 17) ^ v[2];
    v[2] = Rotate(v[2], 32);
}

static uint32_t
Hash(const uint64_t key[2], const unsigned char *bytes, uint32_t length)
{
    uint64_t v[4] = {
	key[0] ^ UINT64_C(0x736f6d6570736575),
	key[1] ^ UINT64_C(0x646f72616e646f6d),
	key[0] ^ UINT64_C(0x6c7967656e657261),
	key[1] ^ UINT64_C(0x7465646279746573)
    };
    uint64_t word, last = (uint64_t) length << 56;
    uint32_t left = length;

    for (; left >= 8; left -= 8, bytes += 8) {
	memcpy(&word, bytes, 8);
	v[3] ^= word;
	SipRound(v);
	v[0] ^= word;
    }
    for (uint32_t i = 0; i < left; i++) {
	last |= (uint64_t) bytes[i] << (8 * i);
    }
    v[3] ^= last;
    SipRound(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    SipRound(v);
    SipRound(v);
    SipRound(v);
    word = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t) (word ^ word >> 32);
}

/* The slot of a string: the one it is in, or the free one where it belongs. */
static uint32_t
SlotOf(const DpIntern *internPtr, uint32_t hash, const void *bytes,
	uint32_t length)
{
    uint32_t mask = internPtr->numSlots - 1;
    uint32_t slot = hash & mask;

    while (internPtr->slots[slot] != 0) {
	const DpInternEntry *entryPtr
		= &internPtr->entries[internPtr->slots[slot] - 1];

	if (entryPtr->hash == hash && entryPtr->length == length
		&& memcmp(internPtr->bytes + entryPtr->offset, bytes, length)
		== 0) {
	    break;
	}
	slot = (slot + 1) & mask;
    }
    return slot;
}

/* Twice as many slots; the entries find their places anew. */
static void
GrowSlots(DpIntern *internPtr)
{
    uint32_t numSlots = internPtr->numSlots != 0 ? internPtr->numSlots * 2
	    : 16;
    uint32_t *slots = DpAlloc(numSlots * sizeof(*slots));

    for (uint32_t i = 0; i < internPtr->count; i++) {
	uint32_t slot = internPtr->entries[i].hash & (numSlots - 1);

	while (slots[slot] != 0) {
	    slot = (slot + 1) & (numSlots - 1);
	}
	slots[slot] = i + 1;
    }
    DpFree(internPtr->slots);
    internPtr->slots = slots;
    internPtr->numSlots = numSlots;
}

/* Room for one more entry and for length more bytes. */
static void
Grow(DpIntern *internPtr, uint32_t length)
{
    if (internPtr->count == internPtr->room) {
	internPtr->room = internPtr->room != 0 ? internPtr->room * 2 : 8;
	internPtr->entries = DpRealloc(internPtr->entries,
		internPtr->room * sizeof(*internPtr->entries));
    }
    if (internPtr->size - internPtr->used < length) {
	size_t size = internPtr->size < 128 ? 128 : internPtr->size;

	while (size - internPtr->used < length) {
	    size *= 2;
	}
	internPtr->bytes = DpRealloc(internPtr->bytes, size);
	internPtr->size = size;
    }
}

uint32_t
DpInternFind(const DpIntern *internPtr, const void *bytes, uint32_t length)
{
    uint32_t number;

    if (internPtr->count == 0) {
	return DP_INTERN_NONE;
    }
    number = internPtr->slots[SlotOf(internPtr,
	    Hash(internPtr->key, bytes, length), bytes, length)];
    return number != 0 ? number - 1 : DP_INTERN_NONE;
}

uint32_t
DpInternAdd(DpIntern *internPtr, const void *bytes, uint32_t length)
{
    uint32_t hash = Hash(internPtr->key, bytes, length);
    DpInternEntry *entryPtr;
    uint32_t slot;

    /* At most three of four slots are taken. */
    if (internPtr->count >= internPtr->numSlots / 4 * 3) {
	GrowSlots(internPtr);
    }
    slot = SlotOf(internPtr, hash, bytes, length);
    if (internPtr->slots[slot] != 0) {
	return internPtr->slots[slot] - 1;
    }
    Grow(internPtr, length);
    entryPtr = &internPtr->entries[internPtr->count];
    entryPtr->offset = internPtr->used;
    entryPtr->length = length;
    entryPtr->hash = hash;
    if (length > 0) {
	memcpy(internPtr->bytes + internPtr->used, bytes, length);
	internPtr->used += length;
    }
    internPtr->slots[slot] = ++internPtr->count;
    return internPtr->count - 1;
}

const unsigned char *
DpInternBytes(const DpIntern *internPtr, uint32_t number,
	uint32_t *lengthPtr)
{
    *lengthPtr = internPtr->entries[number].length;
    return internPtr->bytes + internPtr->entries[number].offset;
}

void
DpInternFree(DpIntern *internPtr)
{
    DpFree(internPtr->bytes);
    DpFree(internPtr->entries);
    DpFree(internPtr->slots);
    memset(internPtr, 0, sizeof(*internPtr));
}

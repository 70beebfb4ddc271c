/*
 * dpWords.h -- many words looked for at once, in one pass over the bytes.
 *
 * Layer L0. The automaton of Aho and Corasick (CACM 18, 1975): one step for
 * each byte whatever the number of words, and what was seen so far is a number,
 * so that the bytes may come in any pieces.
 */

#ifndef DP_WORDS_H
#define DP_WORDS_H

#include "dpBase.h"

/* All words together: the table has a row for each byte of them. */
#define DP_WORDS_BYTES 16384

typedef struct DpWord {
    const void *bytes;
    size_t length;              /* above 0 */
} DpWord;

typedef struct DpWords DpWords;

/* NULL where the words have more than DP_WORDS_BYTES. Copies what it needs. */
MODULE_SCOPE DpWords *DpWordsNew(const DpWord *words, int count);
MODULE_SCOPE void DpWordsFree(DpWords *wordsPtr);

/*
 * Goes on from *statePtr (0 at first) and stops behind the first byte at which
 * a word ends, or at the end. Returns how many bytes it passed; *endsPtr says
 * whether a word ended there.
 */
MODULE_SCOPE size_t DpWordsScan(const DpWords *wordsPtr, uint32_t *statePtr,
	const unsigned char *bytes, size_t count, bool *endsPtr);

/*
 * The words that end in a state, the longest first: word -1 and a copy of the
 * state give the first, then each gives the next, -1 behind the last.
 */
MODULE_SCOPE int DpWordsEnding(const DpWords *wordsPtr, uint32_t *nodePtr,
	int word);

#endif

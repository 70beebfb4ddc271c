/*
 * dpNodeset.h -- sets of names, and their texts such as web[1-100],db[01-03].
 *
 * Layer L4. Knows no interpreter all the same: it reads text of outsiders and
 * is fuzzed alone.
 */

#ifndef DP_NODESET_H
#define DP_NODESET_H

#include "dpBuf.h"
#include "dpError.h"
#include "dpIntern.h"

/* Operators; their characters in a text are , ! & and ^. */
typedef enum DpNodesetOp {
    DP_NODESET_UNION, DP_NODESET_DIFFERENCE, DP_NODESET_INTERSECTION,
    DP_NODESET_XOR
} DpNodesetOp;

/* A name that somebody else owns. */
typedef struct DpNodesetName {
    const char *bytes;
    size_t length;
} DpNodesetName;

/*
 * Names in the order in which they came in. A zeroed struct is an empty set
 * without memory; `names.key` is set where outsiders choose the names.
 */
typedef struct DpNodeset {
    const DpNodesetName *among; /* NULL, or the only names that are asked for:
				 * whether others are there is left open */
    uint32_t numAmong;
    DpIntern names;             /* all that were ever members or looked for */
    uint32_t *places;           /* name -> index in order, or NONE */
    uint32_t *touched;          /* name -> the last operand with it */
    uint32_t roomNames;         /* of places and of touched */
    uint32_t *order;            /* names of the members; NONE is a gap */
    uint32_t numOrder, roomOrder;
    uint32_t count;             /* members */
    uint32_t operand;           /* number of the present one */
} DpNodeset;

/*
 * How much texts may still expand to, counting all of their operands; taken
 * off before memory is. Bounds work and memory for a whole command.
 */
typedef struct DpNodesetBudget {
    uint64_t names, bytes;
} DpNodesetBudget;

#define DP_NODESET_NAMES UINT64_C(10000000)
#define DP_NODESET_BYTES (UINT64_C(256) << 20)

/*
 * Evaluates a text into an empty set. False: errPtr is set ({DEPLOYER NODESET
 * text}) and the set holds what came before. Not NUL-terminated.
 */
MODULE_SCOPE bool DpNodesetParse(DpNodeset *setPtr,
	DpNodesetBudget *budgetPtr, const char *text, size_t length,
	DpError *errPtr);

/* Changes a set by all names of another one. */
MODULE_SCOPE void DpNodesetCombine(DpNodeset *setPtr, DpNodesetOp op,
	const DpNodeset *otherPtr);

/*
 * The same name by name: begin, apply each, end. A name may come twice. What a
 * text can't hold (white space, control characters) is no name.
 */
MODULE_SCOPE void DpNodesetBegin(DpNodeset *setPtr);
MODULE_SCOPE void DpNodesetApply(DpNodeset *setPtr, DpNodesetOp op,
	const char *bytes, size_t length);
MODULE_SCOPE void DpNodesetEnd(DpNodeset *setPtr, DpNodesetOp op);

MODULE_SCOPE bool DpNodesetHas(const DpNodeset *setPtr, const char *bytes,
	size_t length);

/* The next member, cursor from 0 on; false at the end. */
MODULE_SCOPE bool DpNodesetNext(const DpNodeset *setPtr, uint32_t *cursorPtr,
	const char **bytesPtr, size_t *lengthPtr);

/* Appends the folded text: patterns as they came first, numbers ascending. */
MODULE_SCOPE void DpNodesetFold(const DpNodeset *setPtr, DpBuf *outPtr);

MODULE_SCOPE void DpNodesetFree(DpNodeset *setPtr);

#endif

/*
 * dpNeedle.h -- a text that every match of a regular expression contains.
 *
 * Layer L0.
 */

#ifndef DP_NEEDLE_H
#define DP_NEEDLE_H

#include "dpBase.h"

#define DP_NEEDLE_SIZE 64

/*
 * Puts the longest such text of ASCII characters that it can see in a valid
 * advanced expression (re_syntax(n)) and returns its length; 0: none. Where it
 * does not understand a construct it says none.
 */
MODULE_SCOPE size_t DpNeedleFind(const char *pattern,
	char needle[DP_NEEDLE_SIZE]);

#endif

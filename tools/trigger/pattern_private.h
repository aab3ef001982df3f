/*
 * What reading a pattern (pattern.c) and matching by it (pattern_match.c) share: the tree that was read is
 * the pattern, once it is judged. Private to these two.
 */
#ifndef TOOLS_PATTERN_PRIVATE_H
#define TOOLS_PATTERN_PRIVATE_H

#include "tools/trigger/pattern.h"

#include <locale.h>
#include <string.h>

struct pattern {
	struct ddb_arena arena;
	struct ddb_value fields;
	locale_t letters; /* for equals-ignore-case; 0: not needed */
};

static inline bool pattern_is(const struct ddb_attribute *member, const char *name)
{
	return member->name_length == strlen(name) && !memcmp(member->name, name, member->name_length);
}

/* Of an operator such as {"prefix": …}: its one member. */
static inline const struct ddb_attribute *pattern_operator(const struct ddb_value *matcher)
{
	return &matcher->attributes[0];
}

enum pattern_comparison {
	PATTERN_EQUAL,
	PATTERN_LESS,
	PATTERN_LESS_OR_EQUAL,
	PATTERN_GREATER,
	PATTERN_GREATER_OR_EQUAL,
	PATTERN_COMPARISONS,
};
/* By the text of a comparison in "numeric"; PATTERN_COMPARISONS: it is none. */
enum pattern_comparison pattern_comparison(const struct ddb_value *text);

#endif

/*
 * Event patterns, as Lambda's event filtering has them: which records of a stream a trigger is for. A pattern
 * is an object that names members of the record as an event shows it; what stands under a name is an object
 * again, or an array of what the member may be. A pattern is judged strictly when it is read, also whether a
 * record can have such a member at all, because what no pattern fits is passed over in silence. Matching
 * cannot fail, allocates nothing, and visits each pair of pattern and record nodes of the same place once.
 * Immutable once read: any thread.
 */
#ifndef TOOLS_PATTERN_H
#define TOOLS_PATTERN_H

#include "engine/value.h"

enum { PATTERN_BYTES_MAX = 4096 };

struct pattern;

/* DDB_VALIDATION: says where and why; DDB_NO_MEMORY. *ret is the caller's. */
DDB_MUST_CHECK enum ddb_code pattern_new(
	const char *text, size_t length, struct pattern **ret, struct ddb_error *err);
void pattern_free(struct pattern *pattern); /* NULL is fine */

/* `record`: an element of an event's Records, as the JSON reader gives it. */
bool pattern_matches(const struct pattern *pattern, const struct ddb_value *record);

#endif

/*
 * Items out of a file, one after the other: a JSON array, JSON lines (or objects one after another), or
 * DynamoDB JSON lines ({"Item": {…}}), each also gzipped, "-" being standard input. Memory is one item's. One
 * thread.
 */
#ifndef TOOLS_SOURCE_H
#define TOOLS_SOURCE_H

#include "engine/value.h"

struct source;

/* NULL, with errno set, when the file cannot be opened. */
struct source *source_open(const char *path);
void source_close(struct source *source);

/*
 * The next item, canonical, in `arena`; *ret_end at the end. DDB_VALIDATION and others: the text is refused,
 * with the line; there is no going on.
 */
DDB_MUST_CHECK enum ddb_code source_next(struct source *source, struct ddb_arena *arena,
	struct ddb_value *ret, bool *ret_end, struct ddb_error *err);

/* The line that the last item began at, from 1. */
uint64_t source_line(const struct source *source);
/* How much of the file is read, 0 to 1; negative when that cannot be told. */
double source_progress(const struct source *source);

#endif

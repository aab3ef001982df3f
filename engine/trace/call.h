/*
 * One traced call, and its line of JSON. Rows say how each detail is written and in which order. Results are
 * read after the call, and only when it succeeded. Everything is borrowed.
 */
#ifndef TRACE_CALL_H
#define TRACE_CALL_H

#include "engine/engine.h"

enum { TRACE_LINE_MAX = 256 << 10 }; /* bytes: two keys with every byte escaped, and some more */

/* What the line may show; NULL: not shown. */
struct trace_call {
	const char *operation;
	const char *table, *table_to, *index;
	const struct ddb_value *item; /* whole: shows as its key */
	const struct ddb_value *key, *to;
	const struct ddb_value *partition, *partition_to;
	const struct ddb_scratch_name *scratch, *scratch_to, *consume, *consume_as, *keep;
	const uint8_t *directory, *directory_to;
	const enum ddb_condition *condition;
	const enum ddb_return_values *return_values;
	const enum ddb_select *select;
	const enum ddb_provisional *kind;
	const enum ddb_view_kind *view;
	const size_t *count;
	const uint64_t *offset, *size;
	const bool *provisional, *exchange, *exclusive, *no_replace, *meta_only, *keys_only, *backward;
	const bool *conditional, *filtered, *projected, *consistent, *token;
	const size_t *done; /* of a failed call, too */
	const bool *replaced, *unchanged, *found, *existed, *more, *repeated;
	const size_t *examined, *returned, *unprocessed;
	const uint64_t *items;
};

/* The line, with its newline. */
void trace_call_write(const struct trace_call *call, enum ddb_code code, struct ddb_buffer *out);

#endif

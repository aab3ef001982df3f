/*
 * A strict JSON reader that is fed in pieces and builds a value tree: objects become M, arrays L, strings S,
 * numbers exact N. One grammar for documents, lines, definitions and requests. It stops at the end of the
 * first complete value and judges every byte when it comes: text that can no longer become a value is refused
 * at once. Refused: duplicate names, invalid UTF-8, lone surrogates, control characters in strings, numbers
 * out of DynamoDB's range, nesting over the limit, more nodes than the limit. Time is linear in the text;
 * memory is bounded by the arena.
 */
#ifndef DDB_JSON_H
#define DDB_JSON_H

#include "engine/buffer.h"
#include "engine/value.h"

enum ddb_json_state {
	DDB_JSON_MORE,    /* a proper prefix of a value (or only white space) so far */
	DDB_JSON_DONE,    /* the value is complete */
	DDB_JSON_REFUSED, /* it can no longer become one; stays so */
};

struct ddb_json_limits {
	unsigned nesting; /* containers within containers, the outermost counted; at most 128 */
	size_t nodes;     /* values in all */
	bool object_only; /* the outermost value must be an object */
};

struct ddb_json; /* the reader */

/* The tree is built in `arena`, which must outlive reader and tree. NULL: no memory. */
struct ddb_json *ddb_json_new(struct ddb_arena *arena, const struct ddb_json_limits *limits);
void ddb_json_free(struct ddb_json *json);
/* Back to the beginning, for the next value; the arena stays the caller's to reset. */
void ddb_json_restart(struct ddb_json *json);

/*
 * Feeds `length` bytes; *ret_used (may be NULL) says how many were taken: all, unless the value ended before.
 * A number at top level ends only with a byte that cannot belong to it or with ddb_json_end.
 * On DDB_JSON_REFUSED *err has code and reason: DDB_VALIDATION (DDB_ITEM_TOO_LARGE for the node limit;
 * DDB_NO_MEMORY), with "at line L, column C" in the message.
 */
enum ddb_json_state ddb_json_feed(
	struct ddb_json *json, const char *bytes, size_t length, size_t *ret_used, struct ddb_error *err);
/* The text ends here: DONE if a value is complete (a top-level number may now be), else REFUSED with the
 * reason. */
enum ddb_json_state ddb_json_end(struct ddb_json *json, struct ddb_error *err);
/* Whether anything but white space has been fed since the start. */
bool ddb_json_started(const struct ddb_json *json);
/* The line and column (from 1) of the next byte. */
void ddb_json_position(const struct ddb_json *json, size_t *ret_line, size_t *ret_column);

/* The finished tree; valid until restart or the arena's end. */
const struct ddb_value *ddb_json_value(const struct ddb_json *json);

/* One whole text: value, white space, end. */
DDB_MUST_CHECK enum ddb_code ddb_json_read(struct ddb_arena *arena, const struct ddb_json_limits *limits,
	const char *text, size_t length, struct ddb_value *ret, struct ddb_error *err);

#endif

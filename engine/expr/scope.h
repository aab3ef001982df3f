/*
 * The names and values that the expressions of one request share: ExpressionAttributeNames and
 * ExpressionAttributeValues, and which of them were used. One scope per request, one thread; everything
 * parsed in it lives in its arena and points into the names and values.
 */
#ifndef DDB_EXPR_SCOPE_H
#define DDB_EXPR_SCOPE_H

#include "engine/value.h"

enum {
	DDB_EXPRESSION_MAX = 4096, /* bytes of one expression, as sent */
	DDB_OPERATORS_MAX = 300,
	DDB_IN_OPERANDS_MAX = 100,
	DDB_PLACEHOLDER_MAX = 255,
	DDB_PLACEHOLDER_BYTES_MAX = 2 << 20, /* of all names and values */
};

struct ddb_scope {
	struct ddb_arena *arena;
	const struct ddb_value *names;  /* M of S: "#n" -> name; NULL: not in the request */
	const struct ddb_value *values; /* M: ":v" -> value; NULL: not in the request */
	/* Of paths and xattrs: literals, `quoted` names, reserved words as names. */
	bool literals;
	bool *names_used, *values_used; /* by position */
	unsigned expressions;           /* parsed so far */
};

/*
 * Checks the names and values themselves (keys begin with # or :, lengths, not empty; values are typed, so
 * that their own rules were kept). DDB_VALIDATION in the service's words.
 */
DDB_MUST_CHECK enum ddb_code ddb_scope_init(struct ddb_scope *scope, struct ddb_arena *arena,
	const struct ddb_value *names, const struct ddb_value *values, bool literals, struct ddb_error *err);
/* When all expressions are parsed: what was given and not used, or given without any expression. */
DDB_MUST_CHECK enum ddb_code ddb_scope_finish(const struct ddb_scope *scope, struct ddb_error *err);

#endif

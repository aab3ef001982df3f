/*
 * Projection expressions: which parts of an item a response has. Immutable; any thread.
 */
#ifndef DDB_EXPR_SELECTION_H
#define DDB_EXPR_SELECTION_H

#include "engine/expr/scope.h"

struct ddb_selection;

/* DDB_VALIDATION: syntax, paths that are equal, overlap or conflict. */
DDB_MUST_CHECK enum ddb_code ddb_selection_parse(struct ddb_scope *scope, const char *text, size_t length,
	const struct ddb_selection **ret, struct ddb_error *err);
/* Whole top-level attributes by name (AttributesToGet): an L of S. */
DDB_MUST_CHECK enum ddb_code ddb_selection_of_names(struct ddb_arena *arena, const struct ddb_value *names,
	const struct ddb_selection **ret, struct ddb_error *err);

/* The part of `item`; shares with it what it can. List elements come compacted, in ascending order. */
DDB_MUST_CHECK enum ddb_code ddb_selection_apply(struct ddb_arena *arena,
	const struct ddb_selection *selection, const struct ddb_value *item, struct ddb_value *ret,
	struct ddb_error *err);
/* The distinct top-level attributes that it names, in byte order. */
size_t ddb_selection_names(const struct ddb_selection *selection, const struct ddb_value **ret /* S each */);

#endif

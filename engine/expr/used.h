/*
 * How the parser looks up the names and values of a scope. Private to engine/expr.
 */
#ifndef DDB_EXPR_USED_H
#define DDB_EXPR_USED_H

#include "engine/expr/scope.h"

enum expr_scope_part { EXPR_SCOPE_NAMES, EXPR_SCOPE_VALUES };

/* What "#n" or ":v" stands for, which counts as used from now on; NULL: it is not defined. */
const struct ddb_value *expr_scope_use(
	struct ddb_scope *scope, enum expr_scope_part part, const char *name, size_t length);

#endif

/*
 * The parameters from before there were expressions, onto the same evaluator. `json` is a parameter's value
 * as the JSON reader gave it. DDB_SERIALIZATION for wrong JSON types, DDB_VALIDATION in the service's words.
 */
#ifndef DDB_EXPR_LEGACY_H
#define DDB_EXPR_LEGACY_H

#include "engine/expr/changes.h"
#include "engine/expr/keycondition.h"
#include "engine/expr/predicate.h"

/* Expected, QueryFilter, ScanFilter. `operator_` is ConditionalOperator's value or NULL. */
enum ddb_legacy_use { DDB_LEGACY_EXPECTED, DDB_LEGACY_QUERY_FILTER, DDB_LEGACY_SCAN_FILTER };
DDB_MUST_CHECK enum ddb_code ddb_legacy_predicate(struct ddb_arena *arena, enum ddb_legacy_use use,
	const struct ddb_value *json, const struct ddb_value *operator_, const struct ddb_predicate **ret,
	struct ddb_error *err);
/* KeyConditions. */
DDB_MUST_CHECK enum ddb_code ddb_legacy_key_condition(struct ddb_arena *arena, const struct ddb_value *json,
	const struct ddb_key_condition **ret, struct ddb_error *err);
/* AttributeUpdates. */
DDB_MUST_CHECK enum ddb_code ddb_legacy_changes(struct ddb_arena *arena, const struct ddb_value *json,
	const struct ddb_changes **ret, struct ddb_error *err);

#endif

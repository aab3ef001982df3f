/*
 * Legacy parameters: any JSON as any of them. Nothing but a refusal, or what can be asked and applied.
 */
#include "engine/expr/legacy.h"
#include "engine/json.h"

#include "tests/fuzz/expressions.h"
#include <stdlib.h>

enum { ITEMS = 3, MEMORY = 16 << 20 };

static void check_refusal(enum ddb_code code, const struct ddb_error *err)
{
	fuzz_check_error(code, err);
	FUZZ_CHECK(code == DDB_VALIDATION || code == DDB_SERIALIZATION);
}

static void run_predicate(struct fuzz_expression *expression, struct ddb_arena *arena,
	enum ddb_legacy_use use, const struct ddb_value *json)
{
	static const struct ddb_value either = {.type = DDB_S, .count = 2, .bytes = (const uint8_t *)"OR"};
	const struct ddb_predicate *all = NULL, *any = NULL;
	struct ddb_error err = {0};
	enum ddb_code code = ddb_legacy_predicate(arena, use, json, NULL, &all, &err);
	if (code) {
		check_refusal(code, &err);
		return;
	}
	code = ddb_legacy_predicate(arena, use, json, &either, &any, &err);
	FUZZ_CHECK(!code == (json->count >= 2));
	for (unsigned i = 0; i < ITEMS; i++) {
		struct ddb_value item = fuzz_item(expression);
		bool holds = ddb_predicate_holds(all, &item);
		FUZZ_CHECK(!any || !holds || ddb_predicate_holds(any, &item));
	}
	ddb_predicate_holds(all, NULL);
}

static void run_key_condition(struct ddb_arena *arena, const struct ddb_value *json)
{
	static const struct ddb_key_attribute hash = {"a", 1, DDB_S}, range = {"b", 1, DDB_N};
	static const struct ddb_key_schema schema = {1, 1, &hash, &range};
	const struct ddb_key_condition *condition = NULL;
	struct ddb_key_range resolved;
	struct ddb_error err = {0};
	enum ddb_code code = ddb_legacy_key_condition(arena, json, &condition, &err);
	if (!code)
		code = ddb_key_condition_resolve(arena, condition, &schema, &resolved, &err);
	if (code)
		check_refusal(code, &err);
	else
		FUZZ_CHECK(resolved.partition.type == DDB_S && resolved.partition.count);
}

static void run_changes(
	struct fuzz_expression *expression, struct ddb_arena *arena, const struct ddb_value *json)
{
	const struct ddb_changes *changes = NULL;
	struct ddb_error err = {0};
	enum ddb_code code = ddb_legacy_changes(arena, json, &changes, &err);
	if (code)
		check_refusal(code, &err);
	for (unsigned i = 0; !code && i < ITEMS; i++) {
		struct ddb_value item = fuzz_item(expression), made;
		enum ddb_code applied = ddb_changes_apply(arena, changes, &item, &made, NULL, &err);
		if (applied)
			check_refusal(applied, &err);
		else
			fuzz_check_canonical(&made);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct ddb_json_limits limits = {.nesting = 128, .nodes = 10000};
	struct fuzz_expression expression = {0};
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_value json;
	fuzz_expression_init(&expression, bytes, size, false);
	ddb_arena_init(&arena, MEMORY);
	if (!ddb_json_read(&arena, &limits, expression.text, expression.length, &json, NULL)) {
		run_predicate(&expression, &arena, DDB_LEGACY_EXPECTED, &json);
		run_predicate(&expression, &arena, DDB_LEGACY_QUERY_FILTER, &json);
		run_predicate(&expression, &arena, DDB_LEGACY_SCAN_FILTER, &json);
		run_changes(&expression, &arena, &json);
		if (json.type != DDB_NULL)
			run_key_condition(&arena, &json);
	}
	fuzz_expression_done(&expression);
	return 0;
}

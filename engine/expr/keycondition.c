#include "engine/expr/keycondition.h"
#include "engine/expr/condition.h"
#include "engine/expr/keytest.h"

#include <string.h>

/* ---- What the expression may be ---- */

struct reading {
	struct ddb_key_condition *condition;
	struct ddb_error *err;
};

static enum ddb_code fail_operator(const char *name, struct ddb_error *err)
{
	return ddb_fail(err, DDB_VALIDATION, "Invalid operator used in KeyConditionExpression: %s", name);
}

static const char *operator_text(const struct expr_node *node)
{
	return node->kind == EXPR_FUNCTION ? node->function->name : expr_kind_text(node->kind);
}

static bool is_begins_with(const struct expr_node *node)
{
	return node->kind == EXPR_FUNCTION && !strcmp(node->function->name, "begins_with");
}

static enum ddb_code check_operator(const struct expr_node *node, struct ddb_error *err)
{
	bool allowed = (node->kind >= EXPR_EQ && node->kind <= EXPR_BETWEEN && node->kind != EXPR_NE) ||
		       is_begins_with(node);
	if (!allowed)
		return fail_operator(operator_text(node), err);
	if ((node->kind == EXPR_BETWEEN || node->kind == EXPR_FUNCTION) && node->first->kind != EXPR_PATH &&
		node->first->kind != EXPR_FUNCTION)
		return ddb_fail(err, DDB_VALIDATION,
			"Invalid condition in KeyConditionExpression: %s operator must have the key "
			"attribute as its first operand",
			operator_text(node));
	return DDB_OK;
}

/* The one path among the operands. */
static enum ddb_code find_attribute(
	const struct expr_node *node, const struct expr_path **ret, struct ddb_error *err)
{
	const struct expr_path *path = NULL;
	for (const struct expr_node *operand = node->first; operand; operand = operand->next) {
		if (operand->kind == EXPR_FUNCTION)
			return ddb_fail(err, DDB_VALIDATION,
				"KeyConditionExpressions cannot contain nested operations");
		if (operand->kind != EXPR_PATH)
			continue;
		if (path)
			return ddb_fail(err, DDB_VALIDATION,
				"Invalid condition in KeyConditionExpression: Multiple attribute names used "
				"in one condition");
		if (operand->path->count > 1)
			return ddb_fail(err, DDB_VALIDATION,
				"KeyConditionExpressions cannot have conditions on nested attributes");
		path = operand->path;
	}
	if (!path)
		return ddb_fail(err, DDB_VALIDATION,
			"Invalid condition in KeyConditionExpression: No key attribute specified");
	*ret = path;
	return DDB_OK;
}

/* With the value on its left an ordering means its mirror image. */
static enum expr_kind mirrored(enum expr_kind kind)
{
	static const enum expr_kind mirror[EXPR_KINDS] = {
		[EXPR_LT] = EXPR_GT, [EXPR_LE] = EXPR_GE, [EXPR_GT] = EXPR_LT, [EXPR_GE] = EXPR_LE};
	return mirror[kind] ? mirror[kind] : kind;
}

static const struct expr_key_test *find_test(
	const struct ddb_key_condition *condition, const char *name, uint32_t length)
{
	for (unsigned i = 0; i < condition->count; i++) {
		const struct expr_key_test *test = &condition->tests[i];
		if (test->length == length && !memcmp(test->name, name, length))
			return test;
	}
	return NULL;
}

static enum ddb_code read_test(struct reading *reading, const struct expr_node *node)
{
	struct ddb_key_condition *condition = reading->condition;
	const struct expr_path *path = NULL;
	enum ddb_code code = check_operator(node, reading->err);
	if (!code)
		code = find_attribute(node, &path, reading->err);
	if (code)
		return code;
	struct expr_key_test test = {path->steps[0].name, path->steps[0].length, node->kind, {NULL, NULL}};
	if (find_test(condition, test.name, test.length))
		return ddb_fail(reading->err, DDB_VALIDATION,
			"KeyConditionExpressions must only contain one condition per key");
	if (condition->count == EXPR_KEY_TESTS_MAX)
		return ddb_fail(reading->err, DDB_VALIDATION, "Query key condition not supported");
	if (node->first->kind != EXPR_PATH)
		test.kind = mirrored(node->kind);
	unsigned count = 0;
	for (const struct expr_node *operand = node->first; operand; operand = operand->next) {
		if (operand->kind == EXPR_VALUE)
			test.values[count++] = operand->value;
	}
	condition->tests[condition->count++] = test;
	return DDB_OK;
}

/* As deep as parentheses are. */
static enum ddb_code read_condition(struct reading *reading, const struct expr_node *node)
{
	if (node->kind != EXPR_AND)
		return read_test(reading, node);
	for (const struct expr_node *operand = node->first; operand; operand = operand->next) {
		enum ddb_code code = read_condition(reading, operand);
		if (code)
			return code;
	}
	return DDB_OK;
}

enum ddb_code ddb_key_condition_parse(struct ddb_scope *scope, const char *text, size_t length,
	const struct ddb_key_condition **ret, struct ddb_error *err)
{
	struct expr_parser parser;
	enum ddb_code code = expr_parser_init(
		&parser, scope, EXPR_CONDITIONS, "KeyConditionExpression", text, length, err);
	if (code)
		return code;
	const struct expr_node *root = expr_parse_condition(&parser);
	code = expr_parser_finish(&parser);
	if (code)
		return code;
	struct ddb_key_condition *condition = ddb_arena_alloc(scope->arena, sizeof(*condition));
	if (!condition)
		return ddb_fail_memory(err);
	condition->count = 0;
	code = read_condition(&(struct reading){condition, err}, root);
	if (!code)
		*ret = condition;
	return code;
}

/* ---- Over a key ---- */

static enum ddb_code fail_missed(const struct ddb_key_attribute *attribute, struct ddb_error *err)
{
	return ddb_fail(
		err, DDB_VALIDATION, "Query condition missed key schema element: %s", attribute->name);
}

static enum ddb_code fail_unsupported(struct ddb_error *err)
{
	return ddb_fail(err, DDB_VALIDATION, "Query key condition not supported");
}

static enum ddb_code check_value(const struct ddb_key_attribute *attribute, bool range,
	const struct ddb_value *value, struct ddb_error *err)
{
	if (value->type != attribute->type)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: Condition parameter type does not "
			"match schema type");
	if (value->type == DDB_N)
		return DDB_OK;
	if (!value->count)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values are not valid. The AttributeValue for a key attribute "
			"cannot contain an empty %s value. Key: %s",
			value->type == DDB_S ? "string" : "binary", attribute->name);
	if (range && value->count > DDB_RANGE_KEY_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: Aggregated size of all range keys has "
			"exceeded the size limit of 1024 bytes");
	if (!range && value->count > DDB_HASH_KEY_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: Size of hashkey has exceeded the "
			"maximum size limit of2048 bytes");
	return DDB_OK;
}

static enum ddb_code check_values(const struct ddb_key_attribute *attribute, bool range,
	const struct expr_key_test *test, struct ddb_error *err)
{
	enum ddb_code code = check_value(attribute, range, test->values[0], err);
	if (!code && test->kind == EXPR_BETWEEN)
		code = check_value(attribute, range, test->values[1], err);
	if (!code && test->kind == EXPR_FUNCTION && attribute->type == DDB_N)
		code = fail_unsupported(err);
	return code;
}

static enum ddb_code resolve_partition(struct ddb_arena *arena, const struct ddb_key_condition *condition,
	const struct ddb_key_schema *schema, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value list = {.type = DDB_L, .count = schema->hash_count};
	list.elements = ddb_arena_array(arena, schema->hash_count, sizeof(*list.elements));
	if (!list.elements)
		return ddb_fail_memory(err);
	for (unsigned i = 0; i < schema->hash_count; i++) {
		const struct ddb_key_attribute *attribute = &schema->hash[i];
		const struct expr_key_test *test =
			find_test(condition, attribute->name, attribute->name_length);
		if (!test)
			return fail_missed(attribute, err);
		if (test->kind != EXPR_EQ)
			return fail_unsupported(err);
		enum ddb_code code = check_values(attribute, false, test, err);
		if (code)
			return code;
		list.elements[i] = *test->values[0];
	}
	*ret = schema->hash_count == 1 ? list.elements[0] : list;
	return DDB_OK;
}

static void resolve_test(const struct expr_key_test *test, struct ddb_key_range *range)
{
	const struct ddb_value *value = test->values[0];
	bool inclusive = test->kind != EXPR_LT && test->kind != EXPR_GT;
	if (test->kind == EXPR_EQ) {
		range->prefix[range->prefix_count++] = *value;
	} else if (test->kind == EXPR_FUNCTION) {
		range->has_begins_with = true;
		range->begins_with = *value;
	} else if (test->kind == EXPR_LT || test->kind == EXPR_LE) {
		range->upper = (struct ddb_bound){true, inclusive, *value};
	} else {
		range->lower = (struct ddb_bound){true, inclusive, *value};
		if (test->kind == EXPR_BETWEEN)
			range->upper = (struct ddb_bound){true, true, *test->values[1]};
	}
}

/* From the left, up to the first that is no `=`; *ret_next is the first attribute that has no test. */
static enum ddb_code resolve_sort_key(const struct ddb_key_condition *condition,
	const struct ddb_key_schema *schema, struct ddb_key_range *range, unsigned *ret_used,
	const struct ddb_key_attribute **ret_next, struct ddb_error *err)
{
	const struct expr_key_test *test = NULL;
	*ret_used = 0;
	*ret_next = NULL;
	while (*ret_used < schema->range_count && (!test || test->kind == EXPR_EQ)) {
		const struct ddb_key_attribute *attribute = &schema->range[*ret_used];
		test = find_test(condition, attribute->name, attribute->name_length);
		if (!test) {
			*ret_next = attribute;
			break;
		}
		enum ddb_code code = check_values(attribute, true, test, err);
		if (code)
			return code;
		resolve_test(test, range);
		++*ret_used;
	}
	return DDB_OK;
}

enum ddb_code ddb_key_condition_resolve(struct ddb_arena *arena, const struct ddb_key_condition *condition,
	const struct ddb_key_schema *schema, struct ddb_key_range *ret, struct ddb_error *err)
{
	struct ddb_key_range range = {0};
	const struct ddb_key_attribute *next = NULL;
	unsigned used = 0;
	enum ddb_code code = resolve_partition(arena, condition, schema, &range.partition, err);
	if (!code)
		code = resolve_sort_key(condition, schema, &range, &used, &next, err);
	if (code)
		return code;
	/* What is left is about attributes behind a gap, or none of the key. */
	if (condition->count > schema->hash_count + used)
		return next ? fail_missed(next, err) : fail_unsupported(err);
	*ret = range;
	return DDB_OK;
}

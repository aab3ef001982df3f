#include "engine/expr/legacy.h"
#include "engine/expr/change.h"
#include "engine/expr/condition.h"
#include "engine/expr/keytest.h"
#include "engine/typed.h"

#include <string.h>

#define INVALID "One or more parameter values were invalid: "

struct reading {
	struct ddb_arena *arena;
	const char *parameter; /* as the service spells it in paths: "expected" */
	struct ddb_error *err;
};

/* ---- Members ---- */

static const struct ddb_value *member(const struct ddb_value *json, const char *name)
{
	const struct ddb_value *value = ddb_map_get(json, name, strlen(name));
	return value && value->type == DDB_NULL ? NULL : value; /* null is as good as absent */
}

static enum ddb_code check_type(const struct ddb_value *json, enum ddb_type type, struct ddb_error *err)
{
	if (!json || json->type == type)
		return DDB_OK;
	if (json->type == DDB_M)
		return ddb_fail(err, DDB_SERIALIZATION, "Start of structure or map found where not expected");
	if (json->type == DDB_L)
		return ddb_fail(err, DDB_SERIALIZATION, "Start of list found where not expected");
	if (type == DDB_M || type == DDB_L)
		return ddb_fail(err, DDB_SERIALIZATION, "Unexpected field type");
	return ddb_fail(err, DDB_SERIALIZATION, "%s cannot be converted to %s",
		json->type == DDB_S   ? "STRING_VALUE"
		: json->type == DDB_N ? "NUMBER_VALUE"
		: json->boolean       ? "TRUE_VALUE"
				      : "FALSE_VALUE",
		type == DDB_BOOL ? "Boolean" : "String");
}

/* *ret is NULL when it is not there. */
static enum ddb_code read_member(const struct reading *reading, const struct ddb_value *json,
	const char *name, enum ddb_type type, const struct ddb_value **ret)
{
	*ret = member(json, name);
	return check_type(*ret, type, reading->err);
}

static enum ddb_code read_value(
	const struct reading *reading, const struct ddb_value *json, const struct ddb_value **ret)
{
	struct ddb_value *value = ddb_arena_alloc(reading->arena, sizeof(*value));
	if (!value)
		return ddb_fail_memory(reading->err);
	*ret = value;
	return ddb_typed_read_value(reading->arena, json, value, reading->err);
}

static enum ddb_code check_attributes(const struct reading *reading, const struct ddb_value *json)
{
	enum ddb_code code = check_type(json, DDB_M, reading->err);
	for (uint32_t i = 0; !code && i < json->count; i++)
		code = check_type(&json->attributes[i].value, DDB_M, reading->err);
	return code;
}

/* ---- Comparison operators ---- */

enum {
	SCALAR_TYPES = 1 << DDB_S | 1 << DDB_N | 1 << DDB_B,
	TEXT_TYPES = 1 << DDB_S | 1 << DDB_B,
	ANY_TYPE = ~0,
};

static const struct comparison {
	const char *name;
	unsigned least, most; /* values */
	unsigned types;
	enum expr_kind kind; /* EXPR_FUNCTION: `function` */
	const char *function;
	bool indexable; /* may be a key condition */
} comparisons[] = {
	{"IN", 1, UINT32_MAX, SCALAR_TYPES, EXPR_IN, NULL, false},
	{"NULL", 0, 0, 0, EXPR_FUNCTION, "attribute_not_exists", false},
	{"BETWEEN", 2, 2, SCALAR_TYPES, EXPR_BETWEEN, NULL, true},
	{"LT", 1, 1, SCALAR_TYPES, EXPR_LT, NULL, true},
	{"NOT_CONTAINS", 1, 1, SCALAR_TYPES, EXPR_NOT, "contains", false},
	{"EQ", 1, 1, ANY_TYPE, EXPR_EQ, NULL, true},
	{"GT", 1, 1, SCALAR_TYPES, EXPR_GT, NULL, true},
	{"NOT_NULL", 0, 0, 0, EXPR_FUNCTION, "attribute_exists", false},
	{"NE", 1, 1, ANY_TYPE, EXPR_NE, NULL, false},
	{"LE", 1, 1, SCALAR_TYPES, EXPR_LE, NULL, true},
	{"BEGINS_WITH", 1, 1, TEXT_TYPES, EXPR_FUNCTION, "begins_with", true},
	{"GE", 1, 1, SCALAR_TYPES, EXPR_GE, NULL, true},
	{"CONTAINS", 1, 1, SCALAR_TYPES, EXPR_FUNCTION, "contains", false},
};

#define OPERATORS "[IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]"

static bool is_text(const struct ddb_value *value, const char *text)
{
	return value->count == strlen(text) && !memcmp(value->bytes, text, value->count);
}

static enum ddb_code find_comparison(const struct reading *reading, const struct ddb_attribute *attribute,
	const struct ddb_value *name, const struct comparison **ret)
{
	for (size_t i = 0; i < sizeof(comparisons) / sizeof(*comparisons); i++) {
		if (is_text(name, comparisons[i].name)) {
			*ret = &comparisons[i];
			return DDB_OK;
		}
	}
	return ddb_fail(reading->err, DDB_VALIDATION,
		"1 validation error detected: Value '%.*s' at '%s.%.*s.member.comparisonOperator' failed to "
		"satisfy constraint: Member must satisfy enum value set: " OPERATORS,
		(int)name->count, (const char *)name->bytes, reading->parameter, (int)attribute->name_length,
		attribute->name);
}

/* What an attribute is compared with, and how. */
struct test {
	const struct comparison *comparison;
	uint32_t count;
	const struct ddb_value **values;
};

static enum ddb_code check_values(const struct test *test, struct ddb_error *err)
{
	const struct comparison *comparison = test->comparison;
	if (test->count < comparison->least || test->count > comparison->most)
		return ddb_fail(err, DDB_VALIDATION,
			INVALID "Invalid number of argument(s) for the %s ComparisonOperator",
			comparison->name);
	for (uint32_t i = 0; i < test->count; i++) {
		uint8_t type = test->values[i]->type;
		if (type != test->values[0]->type)
			return ddb_fail(err, DDB_VALIDATION,
				INVALID "AttributeValues inside AttributeValueList must be of same type");
		if (!(comparison->types >> type & 1))
			return ddb_fail(err, DDB_VALIDATION,
				INVALID "ComparisonOperator %s is not valid for %s AttributeValue type",
				comparison->name, ddb_type_name((enum ddb_type)type));
	}
	if (comparison->kind == EXPR_BETWEEN && ddb_scalar_compare(test->values[0], test->values[1]) > 0)
		return ddb_fail(err, DDB_VALIDATION,
			"The BETWEEN condition was provided a range where the lower bound is greater than "
			"the upper bound");
	return DDB_OK;
}

static enum ddb_code read_values(
	const struct reading *reading, const struct ddb_value *list, struct test *test)
{
	enum ddb_code code = DDB_OK;
	test->values = ddb_arena_array(reading->arena, list->count, sizeof(struct ddb_value *));
	if (!test->values)
		return ddb_fail_memory(reading->err);
	for (test->count = 0; test->count < list->count && !code; test->count++)
		code = read_value(reading, &list->elements[test->count], &test->values[test->count]);
	return code;
}

/* {"ComparisonOperator": …, "AttributeValueList": […]} */
static enum ddb_code read_condition(
	const struct reading *reading, const struct ddb_attribute *attribute, struct test *ret)
{
	const struct ddb_value *operator_, *list;
	enum ddb_code code = read_member(reading, &attribute->value, "ComparisonOperator", DDB_S, &operator_);
	if (!code)
		code = read_member(reading, &attribute->value, "AttributeValueList", DDB_L, &list);
	if (code)
		return code;
	*ret = (struct test){0};
	if (!operator_)
		return ddb_fail(reading->err, DDB_VALIDATION,
			"1 validation error detected: Value null at '%s.%.*s.member.comparisonOperator' "
			"failed to satisfy constraint: Member must not be null",
			reading->parameter, (int)attribute->name_length, attribute->name);
	code = find_comparison(reading, attribute, operator_, &ret->comparison);
	if (!code && list)
		code = read_values(reading, list, ret);
	return code ? code : check_values(ret, reading->err);
}

/* ---- Expected ---- */

struct expectation {
	const struct ddb_value *operator_, *list, *value, *exists;
};

static enum ddb_code read_expectation(
	const struct reading *reading, const struct ddb_value *json, struct expectation *ret)
{
	enum ddb_code code = read_member(reading, json, "ComparisonOperator", DDB_S, &ret->operator_);
	if (!code)
		code = read_member(reading, json, "AttributeValueList", DDB_L, &ret->list);
	if (!code)
		code = read_member(reading, json, "Value", DDB_M, &ret->value);
	return code ? code : read_member(reading, json, "Exists", DDB_BOOL, &ret->exists);
}

/* Which members may stand beside which. */
static enum ddb_code check_expectation(const struct reading *reading, const struct ddb_attribute *attribute,
	const struct expectation *expectation)
{
	const struct ddb_value *exists = expectation->exists;
	bool bare = !expectation->operator_;
	const struct {
		bool wrong;
		const char *text;
	} rows[] = {
		{expectation->list && expectation->value,
			"Value and AttributeValueList cannot be used together"},
		{!bare && exists, "Exists and ComparisonOperator cannot be used together"},
		{bare && expectation->list, "AttributeValueList can only be used with a ComparisonOperator"},
		{bare && !exists && !expectation->value, "Value must be provided when Exists is null"},
		{bare && exists && exists->boolean && !expectation->value,
			"Value must be provided when Exists is true"},
		{bare && exists && !exists->boolean && expectation->value,
			"Value cannot be used when Exists is false"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].wrong)
			return ddb_fail(reading->err, DDB_VALIDATION, INVALID "%s for Attribute: %.*s",
				rows[i].text, (int)attribute->name_length, attribute->name);
	}
	return DDB_OK;
}

static enum ddb_code read_single_value(
	const struct reading *reading, const struct ddb_value *value, struct test *test)
{
	test->values = ddb_arena_array(reading->arena, 1, sizeof(struct ddb_value *));
	if (!test->values)
		return ddb_fail_memory(reading->err);
	test->count = 1;
	return read_value(reading, value, &test->values[0]);
}

/* {"Value": …}, {"Exists": false}, or a condition, whose only value may be in Value. */
static enum ddb_code read_expected(
	const struct reading *reading, const struct ddb_attribute *attribute, struct test *ret)
{
	static const struct ddb_value equal = {.type = DDB_S, .count = 2, .bytes = (const uint8_t *)"EQ"},
				      null = {.type = DDB_S, .count = 4, .bytes = (const uint8_t *)"NULL"};
	struct expectation expectation = {0};
	enum ddb_code code = read_expectation(reading, &attribute->value, &expectation);
	if (!code)
		code = check_expectation(reading, attribute, &expectation);
	if (code)
		return code;
	*ret = (struct test){0};
	const struct ddb_value *operator_ = expectation.operator_ ? expectation.operator_
					    : expectation.value   ? &equal
								  : &null;
	code = find_comparison(reading, attribute, operator_, &ret->comparison);
	if (code)
		return code;
	if (ret->comparison->least && !expectation.value && !expectation.list)
		return ddb_fail(reading->err, DDB_VALIDATION,
			INVALID "Value or AttributeValueList must be used with ComparisonOperator: %s for "
				"Attribute: %.*s",
			ret->comparison->name, (int)attribute->name_length, attribute->name);
	if (expectation.list)
		code = read_values(reading, expectation.list, ret);
	else if (expectation.value)
		code = read_single_value(reading, expectation.value, ret);
	return code ? code : check_values(ret, reading->err);
}

/* ---- Predicates ---- */

/* NULL: no memory. So below. */
static struct expr_node *attribute_node(struct ddb_arena *arena, const struct ddb_attribute *attribute)
{
	const struct expr_step step = {.name = attribute->name, .length = attribute->name_length};
	const struct expr_path *path = expr_path_new(arena, &step, 1);
	return path ? expr_node_path(arena, path) : NULL;
}

static struct expr_node *comparison_node(struct ddb_arena *arena, enum expr_kind kind,
	const struct ddb_attribute *attribute, const struct test *test)
{
	struct expr_node *path = attribute_node(arena, attribute);
	struct expr_node *node = path ? expr_node_of(arena, kind, path, NULL) : NULL;
	for (uint32_t i = 0; node && i < test->count; i++) {
		struct expr_node *value = expr_node_value(arena, test->values[i]);
		if (!value)
			return NULL;
		expr_node_add(node, value);
	}
	return node;
}

static struct expr_node *call_node(struct ddb_arena *arena, const char *function,
	const struct ddb_attribute *attribute, const struct test *test)
{
	struct expr_node *node = comparison_node(arena, EXPR_FUNCTION, attribute, test);
	if (node)
		node->function = expr_function_named(function);
	return node;
}

/* NOT_CONTAINS says that the attribute is there, too. */
static struct expr_node *absence_node(
	struct ddb_arena *arena, const struct ddb_attribute *attribute, const struct test *test)
{
	static const struct test none = {0};
	struct expr_node *call = call_node(arena, test->comparison->function, attribute, test);
	struct expr_node *there = call_node(arena, "attribute_exists", attribute, &none);
	struct expr_node *absent = call && there ? expr_node_of(arena, EXPR_NOT, call, NULL) : NULL;
	return absent ? expr_node_of(arena, EXPR_AND, there, absent) : NULL;
}

static struct expr_node *test_node(
	struct ddb_arena *arena, const struct ddb_attribute *attribute, const struct test *test)
{
	const struct comparison *comparison = test->comparison;
	if (comparison->kind == EXPR_NOT)
		return absence_node(arena, attribute, test);
	if (comparison->kind == EXPR_FUNCTION)
		return call_node(arena, comparison->function, attribute, test);
	return comparison_node(arena, comparison->kind, attribute, test);
}

static enum ddb_code read_operator(const struct ddb_value *json, const struct ddb_value *operator_,
	enum expr_kind *ret, struct ddb_error *err)
{
	*ret = EXPR_AND;
	if (!operator_ || operator_->type == DDB_NULL)
		return DDB_OK;
	enum ddb_code code = check_type(operator_, DDB_S, err);
	if (code)
		return code;
	if (!is_text(operator_, "AND") && !is_text(operator_, "OR"))
		return ddb_fail(err, DDB_VALIDATION,
			"1 validation error detected: Value '%.*s' at 'conditionalOperator' failed to "
			"satisfy "
			"constraint: Member must satisfy enum value set: [OR, AND]",
			(int)operator_->count, (const char *)operator_->bytes);
	if (!json)
		return ddb_fail(err, DDB_VALIDATION,
			INVALID "ConditionalOperator cannot be used without Filter or Expected");
	if (json->type == DDB_M && json->count < 2)
		return ddb_fail(err, DDB_VALIDATION,
			INVALID
			"ConditionalOperator can only be used when Filter or Expected has two or more "
			"elements");
	if (is_text(operator_, "OR"))
		*ret = EXPR_OR;
	return DDB_OK;
}

static enum ddb_code read_tests(const struct reading *reading, enum ddb_legacy_use use,
	const struct ddb_value *json, struct expr_node *chain)
{
	enum ddb_code code = check_attributes(reading, json);
	for (uint32_t i = 0; !code && i < json->count; i++) {
		const struct ddb_attribute *attribute = &json->attributes[i];
		struct test test;
		code = use == DDB_LEGACY_EXPECTED ? read_expected(reading, attribute, &test)
						  : read_condition(reading, attribute, &test);
		if (code)
			break;
		struct expr_node *node = test_node(reading->arena, attribute, &test);
		if (!node)
			return ddb_fail_memory(reading->err);
		expr_node_add(chain, node);
	}
	return code;
}

enum ddb_code ddb_legacy_predicate(struct ddb_arena *arena, enum ddb_legacy_use use,
	const struct ddb_value *json, const struct ddb_value *operator_, const struct ddb_predicate **ret,
	struct ddb_error *err)
{
	static const char *const parameters[] = {
		[DDB_LEGACY_EXPECTED] = "expected",
		[DDB_LEGACY_QUERY_FILTER] = "queryFilter",
		[DDB_LEGACY_SCAN_FILTER] = "scanFilter",
	};
	const struct reading reading = {arena, parameters[use], err};
	const struct ddb_value *given = json && json->type != DDB_NULL ? json : NULL;
	enum expr_kind kind;
	enum ddb_code code = read_operator(given, operator_, &kind, err);
	if (code)
		return code;
	struct ddb_predicate *predicate = ddb_arena_alloc(arena, sizeof(*predicate));
	struct expr_node *chain = expr_node_new(arena, kind);
	if (!predicate || !chain)
		return ddb_fail_memory(err);
	code = given ? read_tests(&reading, use, given, chain) : DDB_OK;
	if (code)
		return code;
	predicate->condition = chain;
	*ret = predicate;
	return DDB_OK;
}

/* ---- KeyConditions ---- */

static enum ddb_code read_key_tests(
	const struct reading *reading, const struct ddb_value *json, struct ddb_key_condition *condition)
{
	enum ddb_code code = DDB_OK;
	for (uint32_t i = 0; !code && i < json->count; i++) {
		const struct ddb_attribute *attribute = &json->attributes[i];
		struct test test;
		code = read_condition(reading, attribute, &test);
		if (code)
			break;
		if (!test.comparison->indexable)
			return ddb_fail(reading->err, DDB_VALIDATION,
				"Attempted conditional constraint is not an indexable operation");
		struct expr_key_test *made = &condition->tests[condition->count++];
		*made = (struct expr_key_test){
			attribute->name, attribute->name_length, test.comparison->kind, {NULL, NULL}};
		for (uint32_t j = 0; j < test.count; j++)
			made->values[j] = test.values[j];
	}
	return code;
}

enum ddb_code ddb_legacy_key_condition(struct ddb_arena *arena, const struct ddb_value *json,
	const struct ddb_key_condition **ret, struct ddb_error *err)
{
	const struct reading reading = {arena, "keyConditions", err};
	enum ddb_code code = check_attributes(&reading, json);
	if (code)
		return code;
	if (json->count < 1 || json->count > EXPR_KEY_TESTS_MAX)
		return ddb_fail(err, DDB_VALIDATION, "Conditions can be of length 1 or 2 only");
	struct ddb_key_condition *condition = ddb_arena_alloc(arena, sizeof(*condition));
	if (!condition)
		return ddb_fail_memory(err);
	condition->count = 0;
	code = read_key_tests(&reading, json, condition);
	if (!code)
		*ret = condition;
	return code;
}

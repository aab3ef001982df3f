/*
 * Key conditions: whatever is taken is a filter too, and an item is in the range exactly if that filter
 * holds.
 */
#include "engine/expr/keycondition.h"
#include "engine/expr/predicate.h"

#include "tests/fuzz/expressions.h"
#include <string.h>

enum { ITEMS = 12 };

/* Of the types that the scope's values have, so that often enough all fits. */
static void make_schema(struct fuzz_expression *expression, struct ddb_key_attribute attributes[4],
	struct ddb_key_schema *ret)
{
	static const char letters[] = "a\0b\0c\0d";
	for (size_t i = 0; i < 4; i++)
		attributes[i] = (struct ddb_key_attribute){
			&letters[2 * i], 1, (enum ddb_type)(DDB_S + fuzz_dice_below(&expression->dice, 3))};
	ret->hash_count = 1 + (unsigned)fuzz_dice_below(&expression->dice, 2);
	ret->range_count = (unsigned)fuzz_dice_below(&expression->dice, 3);
	ret->hash = attributes;
	ret->range = attributes + ret->hash_count;
}

static bool same(const struct ddb_value *item, const struct ddb_key_attribute *attribute,
	const struct ddb_value *wanted)
{
	const struct ddb_value *value = ddb_map_get(item, attribute->name, attribute->name_length);
	FUZZ_CHECK(wanted->type == (uint8_t)attribute->type);
	return value && ddb_value_equal(value, wanted);
}

static bool within(const struct ddb_value *value, const struct ddb_key_range *range)
{
	if (!value)
		return !range->lower.given && !range->upper.given && !range->has_begins_with;
	if (range->lower.given) {
		int order = value->type == range->lower.value.type
				    ? ddb_scalar_compare(value, &range->lower.value)
				    : -1;
		if (order < 0 || (!order && !range->lower.inclusive))
			return false;
	}
	if (range->upper.given) {
		int order = value->type == range->upper.value.type
				    ? ddb_scalar_compare(value, &range->upper.value)
				    : 1;
		if (order > 0 || (!order && !range->upper.inclusive))
			return false;
	}
	const struct ddb_value *prefix = &range->begins_with;
	return !range->has_begins_with || (value->type == prefix->type && value->count >= prefix->count &&
						  !memcmp(value->bytes, prefix->bytes, prefix->count));
}

static bool in_range(
	const struct ddb_value *item, const struct ddb_key_schema *schema, const struct ddb_key_range *range)
{
	for (unsigned i = 0; i < schema->hash_count; i++) {
		if (!same(item, &schema->hash[i],
			    schema->hash_count > 1 ? &range->partition.elements[i] : &range->partition))
			return false;
	}
	for (unsigned i = 0; i < range->prefix_count; i++) {
		if (!same(item, &schema->range[i], &range->prefix[i]))
			return false;
	}
	if (range->prefix_count == schema->range_count) {
		FUZZ_CHECK(!range->lower.given && !range->upper.given && !range->has_begins_with);
		return true;
	}
	const struct ddb_key_attribute *last = &schema->range[range->prefix_count];
	return within(ddb_map_get(item, last->name, last->name_length), range);
}

/* The range's own values, so that items are in it now and then. */
static struct ddb_value nearby_item(struct fuzz_expression *expression, const struct ddb_key_schema *schema,
	const struct ddb_key_range *range)
{
	struct ddb_value item = fuzz_item(expression);
	for (unsigned i = 0; i < schema->hash_count + range->prefix_count; i++) {
		const struct ddb_value *value = i >= schema->hash_count
							? &range->prefix[i - schema->hash_count]
						: schema->hash_count > 1 ? &range->partition.elements[i]
									 : &range->partition;
		const struct ddb_key_attribute *attribute = &schema->hash[i];
		const struct ddb_value *with = ddb_map_with(
			&expression->making, &item, attribute->name, attribute->name_length, value);
		FUZZ_CHECK(with);
		item = *with;
	}
	return item;
}

static void check(struct fuzz_expression *expression, const struct ddb_key_condition *condition,
	const struct ddb_predicate *filter)
{
	struct ddb_key_attribute attributes[4];
	struct ddb_key_schema schema;
	struct ddb_key_range range;
	struct ddb_error err = {0};
	make_schema(expression, attributes, &schema);
	enum ddb_code code = ddb_key_condition_resolve(&expression->making, condition, &schema, &range, &err);
	if (code) {
		fuzz_expression_refused(code, &err);
		return;
	}
	FUZZ_CHECK(schema.hash_count == 1 || range.partition.count == schema.hash_count);
	FUZZ_CHECK(range.prefix_count <= schema.range_count);
	struct ddb_value item = fuzz_item(expression);
	FUZZ_CHECK(ddb_predicate_holds(filter, &item) == in_range(&item, &schema, &range));
	item = nearby_item(expression, &schema, &range);
	FUZZ_CHECK(ddb_predicate_holds(filter, &item) == in_range(&item, &schema, &range));
}

static void run(const uint8_t *bytes, size_t size, bool literals)
{
	struct fuzz_expression expression = {0};
	const struct ddb_key_condition *condition = NULL;
	const struct ddb_predicate *filter = NULL;
	struct ddb_error err = {0};
	fuzz_expression_init(&expression, bytes, size, literals);
	enum ddb_code code = ddb_key_condition_parse(
		&expression.scope, expression.text, expression.length, &condition, &err);
	if (code) {
		fuzz_expression_refused(code, &err);
	} else {
		expression.arena.max *= 2;
		FUZZ_CHECK(!ddb_predicate_parse(&expression.scope, DDB_FILTER_EXPRESSION, expression.text,
			expression.length, &filter, NULL));
	}
	for (unsigned i = 0; !code && i < ITEMS; i++)
		check(&expression, condition, filter);
	fuzz_expression_done(&expression);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	run(bytes, size, false);
	run(bytes, size, true);
	return 0;
}

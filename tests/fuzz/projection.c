/*
 * Projections: a canonical part of the item, of the attributes named and no others, and all of those that are
 * named whole.
 */
#include "engine/expr/selection.h"

#include "tests/fuzz/expressions.h"
#include <string.h>

enum { ITEMS = 4 };

static bool is_named(const struct ddb_attribute *attribute, const struct ddb_value *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i].count == attribute->name_length &&
			!memcmp(names[i].bytes, attribute->name, attribute->name_length))
			return true;
	}
	return false;
}

static void check_part(
	const struct ddb_selection *selection, const struct ddb_value *item, const struct ddb_value *part)
{
	const struct ddb_value *names;
	size_t count = ddb_selection_names(selection, &names);
	fuzz_check_canonical(part);
	FUZZ_CHECK(ddb_item_size(part) <= ddb_item_size(item));
	for (size_t i = 1; i < count; i++)
		FUZZ_CHECK(ddb_scalar_compare(&names[i - 1], &names[i]) < 0);
	for (uint32_t i = 0; i < part->count; i++) {
		const struct ddb_attribute *attribute = &part->attributes[i];
		const struct ddb_value *whole = ddb_map_get(item, attribute->name, attribute->name_length);
		FUZZ_CHECK(is_named(attribute, names, count));
		FUZZ_CHECK(whole && whole->type == attribute->value.type);
	}
}

/* By the names alone: whole attributes, every one that is there. */
static void check_names(struct fuzz_expression *expression, const struct ddb_selection *selection,
	const struct ddb_value *item, const struct ddb_value *part)
{
	const struct ddb_selection *whole = NULL;
	const struct ddb_value *names;
	struct ddb_value list = {.type = DDB_L}, wider;
	list.count = (uint32_t)ddb_selection_names(selection, &names);
	list.elements = (struct ddb_value *)names;
	FUZZ_CHECK(!ddb_selection_of_names(&expression->making, &list, &whole, NULL));
	FUZZ_CHECK(!ddb_selection_apply(&expression->making, whole, item, &wider, NULL));
	check_part(whole, item, &wider);
	for (uint32_t i = 0; i < item->count; i++) {
		const struct ddb_attribute *attribute = &item->attributes[i];
		const struct ddb_value *found = ddb_map_get(&wider, attribute->name, attribute->name_length);
		FUZZ_CHECK(!found == !is_named(attribute, names, list.count));
		FUZZ_CHECK(!found || ddb_value_equal(found, &attribute->value));
	}
	FUZZ_CHECK(part->count <= wider.count);
}

static void run(const uint8_t *bytes, size_t size, bool literals)
{
	struct fuzz_expression expression = {0};
	const struct ddb_selection *selection = NULL;
	struct ddb_error err = {0};
	fuzz_expression_init(&expression, bytes, size, literals);
	enum ddb_code code =
		ddb_selection_parse(&expression.scope, expression.text, expression.length, &selection, &err);
	if (code)
		fuzz_expression_refused(code, &err);
	for (unsigned i = 0; !code && i < ITEMS; i++) {
		struct ddb_value item = fuzz_item(&expression), part;
		FUZZ_CHECK(!ddb_selection_apply(&expression.making, selection, &item, &part, NULL));
		check_part(selection, &item, &part);
		check_names(&expression, selection, &item, &part);
	}
	fuzz_expression_done(&expression);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	run(bytes, size, false);
	run(bytes, size, true);
	return 0;
}

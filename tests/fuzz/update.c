/*
 * Update expressions: an answer is canonical and the same each time, only what is written changes, and what
 * is touched is a part of the image.
 */
#include "engine/expr/changes.h"

#include "tests/fuzz/expressions.h"

enum { ITEMS = 4 };

static bool writes(const struct ddb_changes *changes, const struct ddb_attribute *attribute)
{
	return ddb_changes_write(changes, attribute->name, attribute->name_length, NULL);
}

/* All that is in `a` and not written is in `b`. */
static void check_kept(
	const struct ddb_changes *changes, const struct ddb_value *a, const struct ddb_value *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct ddb_attribute *attribute = &a->attributes[i];
		const struct ddb_value *other = ddb_map_get(b, attribute->name, attribute->name_length);
		FUZZ_CHECK(
			writes(changes, attribute) || (other && ddb_value_equal(&attribute->value, other)));
	}
}

static void check_touched(struct fuzz_expression *expression, const struct ddb_changes *changes,
	const struct ddb_value *image, enum ddb_image which)
{
	struct ddb_value part;
	FUZZ_CHECK(!ddb_changes_touched(&expression->making, changes, image, which, &part, NULL));
	fuzz_check_canonical(&part);
	FUZZ_CHECK(ddb_item_size(&part) <= ddb_item_size(image));
	for (uint32_t i = 0; i < part.count; i++) {
		const struct ddb_attribute *attribute = &part.attributes[i];
		FUZZ_CHECK(writes(changes, attribute));
		FUZZ_CHECK(ddb_map_get(image, attribute->name, attribute->name_length));
	}
}

/* A plain SET of a whole attribute is what is there then. */
static void check_values(const struct ddb_changes *changes, const struct ddb_value *made)
{
	const struct ddb_value *value;
	for (uint32_t i = 0; i < made->count; i++) {
		const struct ddb_attribute *attribute = &made->attributes[i];
		ddb_changes_write(changes, attribute->name, attribute->name_length, &value);
		FUZZ_CHECK(!value || ddb_value_equal(value, &attribute->value));
	}
}

static void apply(
	struct fuzz_expression *expression, const struct ddb_changes *changes, const struct ddb_value *item)
{
	static const struct ddb_value none = {.type = DDB_M};
	struct ddb_value made, again;
	struct ddb_error err = {0};
	size_t written = 0, written_again = 0;
	enum ddb_code code = ddb_changes_apply(&expression->making, changes, item, &made, &written, &err);
	FUZZ_CHECK(
		code == ddb_changes_apply(&expression->making, changes, item, &again, &written_again, NULL));
	if (code) {
		fuzz_expression_refused(code, &err);
		return;
	}
	FUZZ_CHECK(ddb_value_equal(&made, &again) && written == written_again && written >= 3);
	FUZZ_CHECK(item || !made.count || ddb_changes_create(changes));
	fuzz_check_canonical(&made);
	check_kept(changes, item ? item : &none, &made);
	check_kept(changes, &made, item ? item : &none);
	check_values(changes, &made);
	check_touched(expression, changes, item ? item : &none, DDB_IMAGE_OLD);
	check_touched(expression, changes, &made, DDB_IMAGE_NEW);
}

static void run(const uint8_t *bytes, size_t size, bool literals)
{
	struct fuzz_expression expression = {0};
	const struct ddb_changes *changes = NULL;
	struct ddb_error err = {0};
	fuzz_expression_init(&expression, bytes, size, literals);
	enum ddb_code code =
		ddb_changes_parse(&expression.scope, expression.text, expression.length, &changes, &err);
	if (code)
		fuzz_expression_refused(code, &err);
	for (unsigned i = 0; !code && i < ITEMS; i++) {
		struct ddb_value item = fuzz_item(&expression);
		apply(&expression, changes, i ? &item : NULL);
	}
	fuzz_expression_done(&expression);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	run(bytes, size, false);
	run(bytes, size, true);
	return 0;
}

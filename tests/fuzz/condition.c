/*
 * Conditions: NOT (…) is the opposite, filters say the same, and an attribute that is not mentioned does not
 * count.
 */
#include "engine/expr/predicate.h"

#include "tests/fuzz/expressions.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 4 };

/* Without one attribute, it may not matter. */
static void check_mentions(struct fuzz_expression *expression, const struct ddb_predicate *predicate,
	const struct ddb_value *item)
{
	for (uint32_t i = 0; i < item->count; i++) {
		const struct ddb_attribute *attribute = &item->attributes[i];
		if (ddb_predicate_mentions(predicate, attribute->name, attribute->name_length))
			continue;
		const struct ddb_value *less = ddb_map_with(
			&expression->making, item, attribute->name, attribute->name_length, NULL);
		FUZZ_CHECK(less);
		FUZZ_CHECK(ddb_predicate_holds(predicate, less) == ddb_predicate_holds(predicate, item));
	}
}

static void check_answers(struct fuzz_expression *expression, const struct ddb_predicate *predicate,
	const struct ddb_predicate *same, const struct ddb_predicate *opposite)
{
	for (unsigned i = 0; i < ITEMS; i++) {
		struct ddb_value made = fuzz_item(expression);
		const struct ddb_value *item = i ? &made : NULL;
		bool holds = ddb_predicate_holds(predicate, item);
		FUZZ_CHECK(ddb_predicate_holds(same, item) == holds);
		FUZZ_CHECK(!opposite || ddb_predicate_holds(opposite, item) == !holds);
		if (item)
			check_mentions(expression, predicate, item);
	}
}

/* NULL: with NOT ( ) around it is too long, has too many operators, or had parentheses. */
static const struct ddb_predicate *negate(struct fuzz_expression *expression)
{
	size_t length = expression->length + 6;
	char *text = malloc(length);
	const struct ddb_predicate *opposite = NULL;
	struct ddb_error err = {0};
	FUZZ_CHECK(text);
	memcpy(text, "NOT (", 5);
	memcpy(text + 5, expression->text, expression->length);
	text[length - 1] = ')';
	enum ddb_code code = ddb_predicate_parse(
		&expression->scope, DDB_CONDITION_EXPRESSION, text, length, &opposite, &err);
	free(text);
	if (!code)
		return opposite;
	fuzz_expression_refused(code, &err);
	FUZZ_CHECK(strstr(err.message, "redundant") || strstr(err.message, "too many") ||
		   strstr(err.message, "exceeded the maximum"));
	return NULL;
}

static void run(const uint8_t *bytes, size_t size, bool literals)
{
	struct fuzz_expression expression = {0};
	const struct ddb_predicate *predicate = NULL, *same = NULL;
	struct ddb_error err = {0};
	fuzz_expression_init(&expression, bytes, size, literals);
	enum ddb_code code = ddb_predicate_parse(&expression.scope, DDB_CONDITION_EXPRESSION, expression.text,
		expression.length, &predicate, &err);
	if (code) {
		fuzz_expression_refused(code, &err);
		fuzz_expression_done(&expression);
		return;
	}
	/* The first tree is in the arena still: room for three. */
	expression.arena.max *= 3;
	FUZZ_CHECK(!ddb_predicate_parse(
		&expression.scope, DDB_FILTER_EXPRESSION, expression.text, expression.length, &same, &err));
	check_answers(&expression, predicate, same, negate(&expression));
	fuzz_expression_done(&expression);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	run(bytes, size, false);
	run(bytes, size, true);
	return 0;
}

/*
 * What parsing costs: counted in memory, since every part that is parsed takes some, and a parser that went
 * back would take it again. Texts of the kinds that have killed parsers, at each size up to the largest; and
 * an arena of any size too small is a refusal.
 */
#include "engine/expr/changes.h"
#include "engine/expr/keycondition.h"
#include "engine/expr/predicate.h"
#include "engine/expr/selection.h"
#include "engine/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
	BASE = 32 << 10, /* what an arena takes at first */
	EACH = 400,      /* bytes of memory a byte of text */
};

enum kind { CONDITION, KEY, UPDATE, PROJECTION };

static enum ddb_code parse(
	struct ddb_arena *arena, enum kind kind, const char *text, size_t length, struct ddb_error *err)
{
	struct ddb_scope scope;
	const struct ddb_predicate *predicate;
	const struct ddb_key_condition *condition;
	const struct ddb_changes *changes;
	const struct ddb_selection *selection;
	enum ddb_code code = ddb_scope_init(&scope, arena, NULL, NULL, true, err);
	if (code)
		return code;
	if (kind == CONDITION)
		return ddb_predicate_parse(&scope, DDB_FILTER_EXPRESSION, text, length, &predicate, err);
	if (kind == KEY)
		return ddb_key_condition_parse(&scope, text, length, &condition, err);
	if (kind == UPDATE)
		return ddb_changes_parse(&scope, text, length, &changes, err);
	return ddb_selection_parse(&scope, text, length, &selection, err);
}

/* `begin`, then `middle` as often as there is room, `core`, and `end` as often as `middle`. */
struct family {
	enum kind kind;
	const char *begin, *middle, *core, *end;
};

static const struct family families[] = {
	{CONDITION, "", "(", "a=1", ")"},
	{CONDITION, "", "(", "", ""},
	{CONDITION, "", "NOT ", "a=1", ""},
	{CONDITION, "", "NOT (", "a=1", ")"},
	{CONDITION, "", "NOT(NOT ", "a=1", ")"},
	{CONDITION, "", "f(", "a", ")"},
	{CONDITION, "", "f(", "", ""},
	{CONDITION, "", "f(a,", "a", ")"},
	{CONDITION, "", "size(", "a", ")"},
	{CONDITION, "", "(a=1 OR ", "a=1", ")"},
	{CONDITION, "", "(a)=(", "a", ")"},
	{CONDITION, "", "(a=", "", ""},
	{CONDITION, "", "a=1 AND ", "a=1", ""},
	{CONDITION, "", "a=1 OR NOT ", "a=1", ""},
	{CONDITION, "a IN (", "a,", "a", ")"},
	{CONDITION, "", "a IN (", "a", ")"},
	{CONDITION, "", "a BETWEEN ", "1", ""},
	{CONDITION, "", "a.", "a=1", ""},
	{CONDITION, "a", "[0]", "=1", ""},
	{CONDITION, "a='", "''", "'", ""},
	{CONDITION, "a=1", "0", "", ""},
	{CONDITION, "a=1e", "9", "", ""},
	{CONDITION, "a[", "9", "]=1", ""},
	{CONDITION, "", "!", "", ""},
	{CONDITION, "a=1", " ", "", ""},
	{KEY, "", "(", "a=1", ")"},
	{KEY, "", "(a=1 AND ", "a=1", ")"},
	{KEY, "", "a=1 AND ", "a=1", ""},
	{UPDATE, "SET a=", "(", "1", ")"},
	{UPDATE, "SET a=", "(1+", "1", ")"},
	{UPDATE, "SET a=", "1+", "1", ""},
	{UPDATE, "SET a=1", ",a=1", "", ""},
	{UPDATE, "SET a=", "if_not_exists(a,", "1", ")"},
	{UPDATE, "SET a=", "-", "1", ""},
	{UPDATE, "REMOVE a", ",a", "", ""},
	{UPDATE, "", "SET a=1 ", "", ""},
	{PROJECTION, "a", ",a", "", ""},
	{PROJECTION, "a", ".a", "", ""},
	{PROJECTION, "a", ",`a`", "", ""},
	{PROJECTION, "a", "[0]", "", ""},
};

static size_t make_text(const struct family *family, size_t room, char ret[DDB_EXPRESSION_MAX + 1])
{
	size_t fixed = strlen(family->begin) + strlen(family->core);
	size_t each = strlen(family->middle) + strlen(family->end);
	char *at = stpcpy(ret, family->begin);
	size_t times = (room - fixed) / each;
	for (size_t i = 0; i < times; i++)
		at = stpcpy(at, family->middle);
	at = stpcpy(at, family->core);
	for (size_t i = 0; *family->end && i < times; i++)
		at = stpcpy(at, family->end);
	return (size_t)(at - ret);
}

static void test_linear(void **state)
{
	(void)state;
	char text[DDB_EXPRESSION_MAX + 1];
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		for (size_t room = 64; room <= DDB_EXPRESSION_MAX; room *= 2) {
			DDB_ARENA_AUTO struct ddb_arena arena = {0};
			struct ddb_error err = {0};
			size_t length = make_text(&families[i], room, text);
			ddb_arena_init(&arena, BASE + EACH * length);
			enum ddb_code code = parse(&arena, families[i].kind, text, length, &err);
			if (code && code != DDB_VALIDATION)
				fail_msg("%s: %.60s", err.message, text);
		}
	}
}

/* Paths of which each is all right are sorted, and none is compared with all others. */
static void test_many_paths(void **state)
{
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	char text[DDB_EXPRESSION_MAX + 1] = "";
	struct ddb_error err = {0};
	size_t length = 0;
	for (unsigned i = 0; length < DDB_EXPRESSION_MAX - 10; i++)
		length += (size_t)sprintf(text + length, "%sx%x", i ? "," : "", i);
	ddb_arena_init(&arena, BASE + EACH * length);
	assert_int_equal(parse(&arena, PROJECTION, text, length, &err), DDB_OK);
}

static void test_no_memory(void **state)
{
	(void)state;
	static const struct {
		enum kind kind;
		const char *text;
	} texts[] = {
		{CONDITION, "(a.b[0] = 'x' OR NOT size(b) IN (1, 2)) AND c BETWEEN 1 AND 2 AND "
			    "begins_with(d, 'e')"},
		{KEY, "a = 'x' AND b BETWEEN 1 AND 2"},
		{UPDATE, "SET a = if_not_exists(b, 1) + 2, c = list_append(d, e) REMOVE f, g[1] ADD h 1"},
		{PROJECTION, "a, b.c, d[1].e"},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		enum ddb_code code = DDB_NO_MEMORY;
		size_t refusals = 0;
		for (size_t max = 0; code; max += 16, refusals++) {
			DDB_ARENA_AUTO struct ddb_arena arena = {0};
			struct ddb_error err = {0};
			assert_true(max < BASE);
			ddb_arena_init(&arena, max);
			code = parse(&arena, texts[i].kind, texts[i].text, strlen(texts[i].text), &err);
			assert_true(!code || code == DDB_NO_MEMORY);
			assert_int_equal(err.code, code);
		}
		assert_true(refusals > 10);
	}
}

/* ---- Use ---- */

/* Everything that makes a new item or part of one, in an arena of that size. */
static enum ddb_code use(struct ddb_arena *arena, const struct ddb_changes *changes,
	const struct ddb_selection *selection, const struct ddb_value *item, struct ddb_error *err)
{
	struct ddb_value made, part;
	enum ddb_code code = ddb_changes_apply(arena, changes, item, &made, NULL, err);
	if (!code)
		code = ddb_changes_touched(arena, changes, item, DDB_IMAGE_OLD, &part, err);
	if (!code)
		code = ddb_changes_touched(arena, changes, &made, DDB_IMAGE_NEW, &part, err);
	return code ? code : ddb_selection_apply(arena, selection, item, &part, err);
}

static void test_no_memory_for_items(void **state)
{
	(void)state;
	static const char update[] = "SET a = a + 1, l = list_append(l, l), m.x[0] = 2 REMOVE m.y",
			  projection[] = "a, m.x[0], m.y",
			  document[] = "{\"a\":1,\"l\":[1],\"m\":{\"x\":[1],\"y\":2}}";
	static const struct ddb_json_limits limits = {.nesting = 8, .nodes = 100};
	DDB_ARENA_AUTO struct ddb_arena parsed = {0};
	const struct ddb_changes *changes;
	const struct ddb_selection *selection;
	struct ddb_scope scope;
	struct ddb_value item;
	size_t refusals = 0;
	ddb_arena_init(&parsed, 1 << 20);
	assert_int_equal(ddb_json_read(&parsed, &limits, document, strlen(document), &item, NULL), DDB_OK);
	assert_int_equal(ddb_scope_init(&scope, &parsed, NULL, NULL, true, NULL), DDB_OK);
	assert_int_equal(ddb_changes_parse(&scope, update, strlen(update), &changes, NULL), DDB_OK);
	assert_int_equal(
		ddb_selection_parse(&scope, projection, strlen(projection), &selection, NULL), DDB_OK);
	enum ddb_code code = DDB_NO_MEMORY;
	for (size_t max = 0; code; max += 16, refusals++) {
		DDB_ARENA_AUTO struct ddb_arena arena = {0};
		struct ddb_error err = {0};
		assert_true(max < BASE);
		ddb_arena_init(&arena, max);
		code = use(&arena, changes, selection, &item, &err);
		assert_true(!code || code == DDB_NO_MEMORY);
		assert_int_equal(err.code, code);
	}
	assert_true(refusals > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linear),
		cmocka_unit_test(test_many_paths),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_no_memory_for_items),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

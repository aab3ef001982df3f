/*
 * Expressions and documents as text, for tests of the local engine that ask conditions or make changes.
 * Documents are plain JSON with ' for ".
 */
#ifndef LOCAL_EXPRESSIONS_H
#define LOCAL_EXPRESSIONS_H

#include "local_fixture.h"

HELPER struct ddb_value doc(struct fixture *f, const char *text)
{
	static const struct ddb_json_limits limits = {.nesting = 64, .nodes = 10000, .object_only = true};
	char *quoted = ddb_arena_copy(&f->arena, text, strlen(text));
	struct ddb_value value = {.type = DDB_NULL};
	for (char *at = quoted; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	assert_ok(f, ddb_json_read(&f->arena, &limits, quoted, strlen(quoted), &value, &f->err));
	return value;
}
#define DOC(text) doc(f, text)

HELPER struct ddb_scope scope_of(struct fixture *f, const char *values)
{
	struct ddb_scope scope;
	struct ddb_value *given = NULL;
	if (values) {
		struct ddb_value read = doc(f, values);
		given = ddb_arena_copy(&f->arena, &read, sizeof read);
	}
	assert_ok(f, ddb_scope_init(&scope, &f->arena, NULL, given, false, &f->err));
	return scope;
}

/* `values`: {':v': …}, or NULL. */
HELPER const struct ddb_predicate *condition(struct fixture *f, const char *text, const char *values)
{
	struct ddb_scope scope = scope_of(f, values);
	const struct ddb_predicate *predicate = NULL;
	assert_ok(f, ddb_predicate_parse(
			     &scope, DDB_CONDITION_EXPRESSION, text, strlen(text), &predicate, &f->err));
	return predicate;
}

HELPER const struct ddb_changes *changes(struct fixture *f, const char *text, const char *values)
{
	struct ddb_scope scope = scope_of(f, values);
	const struct ddb_changes *made = NULL;
	assert_ok(f, ddb_changes_parse(&scope, text, strlen(text), &made, &f->err));
	return made;
}

HELPER void assert_value(
	struct fixture *f, bool there, const struct ddb_value *value, const char *wanted, int line)
{
	if (there != !!wanted)
		fail_msg("line %d: %s", line, there ? "a value that should not be there" : "no value");
	if (!wanted)
		return;
	struct ddb_value other = doc(f, wanted);
	if (!ddb_value_equal(value, &other))
		fail_msg("line %d: another value than %s", line, wanted);
}
/* What the answer has; NULL: nothing. */
#define assert_attributes(answer, wanted)                                                                    \
	assert_value(f, (answer).has_attributes, &(answer).attributes, wanted, __LINE__)
#define assert_item(answer, wanted) assert_value(f, (answer).has_item, &(answer).item, wanted, __LINE__)

HELPER uint64_t table_units(const struct ddb_capacity *capacity)
{
	assert_true(capacity->count > 0);
	assert_null(capacity->arms[0].index);
	assert_int_equal(capacity->arms[0].half_units % 2, 0);
	return capacity->arms[0].half_units / 2;
}

#endif

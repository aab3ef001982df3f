/*
 * UpdateItem on the local engine: what is made of an item, what is answered for each ReturnValues, and which
 * updates are refused. What each expression does has tests of its own.
 */
#include "local_expressions.h"

#include "engine/expr/legacy.h"

struct updated {
	enum ddb_code code;
	struct ddb_put_result result;
	struct ddb_write_answer answer;
};

static struct updated update(
	struct fixture *f, const char *key, const struct ddb_changes *made, enum ddb_return_values values)
{
	struct updated updated = {.code = DDB_OK};
	const struct ddb_write_terms terms = {
		.return_values = values, .arena = &f->arena, .answer = &updated.answer};
	const struct ddb_update_item request = {
		.table = "Users", .key = DOC(key), .changes = made, .terms = &terms};
	memset(&updated.answer, 0x55, sizeof updated.answer);
	updated.code = OP(f->engine, update_item, &request, &updated.result, &f->err);
	return updated;
}

static struct updated update_text(struct fixture *f, const char *key, const char *text, const char *values,
	enum ddb_return_values wanted)
{
	return update(f, key, changes(f, text, values), wanted);
}

static void assert_stored(struct fixture *f, const char *key, const char *wanted)
{
	struct ddb_get_result got = get(f, "Users", DOC(key));
	assert_value(f, got.found, &got.entry.item, wanted, 0);
}

#define KEY_A "{'id':'a'}"

/* ---- ReturnValues ---- */

/* A row: the item before (NULL: none), what is changed, and what each ReturnValues answers. */
static const struct {
	const char *before, *text, *values;
	const char *after; /* NULL: still none */
	const char *answers[DDB_RETURN_UPDATED_NEW + 1];
} rows[] = {
#define ANSWERS(all_old, updated_old, all_new, updated_new)                                                  \
	{                                                                                                    \
		[DDB_RETURN_ALL_OLD] = all_old, [DDB_RETURN_UPDATED_OLD] = updated_old,                      \
		[DDB_RETURN_ALL_NEW] = all_new, [DDB_RETURN_UPDATED_NEW] = updated_new                       \
	}
	/* Made. */
	{NULL, "SET n = :v", "{':v':1}", "{'id':'a','n':1}",
		ANSWERS(NULL, NULL, "{'id':'a','n':1}", "{'n':1}")},
	{NULL, "ADD n :v", "{':v':5}", "{'id':'a','n':5}",
		ANSWERS(NULL, NULL, "{'id':'a','n':5}", "{'n':5}")},
	/* Changed. */
	{"{'id':'a','n':1,'t':'x'}", "SET n = n + :v", "{':v':1}", "{'id':'a','n':2,'t':'x'}",
		ANSWERS("{'id':'a','n':1,'t':'x'}", "{'n':1}", "{'id':'a','n':2,'t':'x'}", "{'n':2}")},
	/* An attribute that comes, one that goes. */
	{"{'id':'a','t':'x'}", "SET n = :v REMOVE t", "{':v':1}", "{'id':'a','n':1}",
		ANSWERS("{'id':'a','t':'x'}", "{'t':'x'}", "{'id':'a','n':1}", "{'n':1}")},
	{"{'id':'a','t':'x'}", "REMOVE t", NULL, "{'id':'a'}",
		ANSWERS("{'id':'a','t':'x'}", "{'t':'x'}", "{'id':'a'}", NULL)},
	{"{'id':'a','n':1}", "REMOVE t", NULL, "{'id':'a','n':1}",
		ANSWERS("{'id':'a','n':1}", NULL, "{'id':'a','n':1}", NULL)},
	/* Only the leaf that was touched. */
	{"{'id':'a','m':{'b':1,'c':2}}", "SET m.b = :v", "{':v':3}", "{'id':'a','m':{'b':3,'c':2}}",
		ANSWERS("{'id':'a','m':{'b':1,'c':2}}", "{'m':{'b':1}}", "{'id':'a','m':{'b':3,'c':2}}",
			"{'m':{'b':3}}")},
	{"{'id':'a','l':[1,2,3]}", "SET l[1] = :v", "{':v':9}", "{'id':'a','l':[1,9,3]}",
		ANSWERS("{'id':'a','l':[1,2,3]}", "{'l':[2]}", "{'id':'a','l':[1,9,3]}", "{'l':[9]}")},
	{"{'id':'a','l':[1,2,3]}", "REMOVE l[0]", NULL, "{'id':'a','l':[2,3]}",
		ANSWERS("{'id':'a','l':[1,2,3]}", "{'l':[1]}", "{'id':'a','l':[2,3]}", NULL)},
	/* Nothing is other than it was: the answers are the same all the same. */
	{"{'id':'a','n':1}", "SET n = :v", "{':v':1}", "{'id':'a','n':1}",
		ANSWERS("{'id':'a','n':1}", "{'n':1}", "{'id':'a','n':1}", "{'n':1}")},
	/* What only removes makes nothing. */
	{NULL, "REMOVE t", NULL, NULL, ANSWERS(NULL, NULL, NULL, NULL)},
	/* The key alone. */
	{NULL, NULL, NULL, "{'id':'a'}", ANSWERS(NULL, NULL, "{'id':'a'}", NULL)},
	{"{'id':'a','n':1}", NULL, NULL, "{'id':'a','n':1}",
		ANSWERS("{'id':'a','n':1}", NULL, "{'id':'a','n':1}", NULL)},
};

static void returns_values(void **state)
{
	F;
	create(f, "Users", "id:S");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (enum ddb_return_values wanted = DDB_RETURN_NONE; wanted <= DDB_RETURN_UPDATED_NEW;
			wanted++) {
			delete (f, "Users", DOC(KEY_A));
			if (rows[i].before)
				put(f, "Users", DOC(rows[i].before));
			struct updated updated = update(f, KEY_A,
				rows[i].text ? changes(f, rows[i].text, rows[i].values) : NULL, wanted);
			if (updated.code || updated.answer.has_attributes != !!rows[i].answers[wanted])
				fail_msg("row %zu, ReturnValues %d: %d", i, wanted, updated.code);
			assert_attributes(updated.answer, rows[i].answers[wanted]);
			assert_item(updated.answer, NULL);
			assert_stored(f, KEY_A, rows[i].after);
		}
	}
}

static void returns_nothing_of_a_failure(void **state)
{
	F;
	create(f, "Users", "id:S");
	put(f, "Users", DOC("{'id':'a','n':1}"));
	for (enum ddb_return_values wanted = DDB_RETURN_NONE; wanted <= DDB_RETURN_UPDATED_NEW; wanted++) {
		struct ddb_put_result result = {.meta.version = 99};
		struct ddb_write_answer answer;
		const struct ddb_write_terms terms = {.condition = condition(f, "n = :v", "{':v':2}"),
			.return_values = wanted,
			.arena = &f->arena,
			.answer = &answer};
		const struct ddb_update_item request = {.table = "Users",
			.key = DOC(KEY_A),
			.changes = changes(f, "SET n = :v", "{':v':3}"),
			.terms = &terms};
		assert_code(f, OP(f->engine, update_item, &request, &result, &f->err),
			DDB_CONDITIONAL_CHECK_FAILED);
		assert_false(answer.has_attributes || answer.has_item);
		assert_int_equal(result.meta.version, 99);
		assert_stored(f, KEY_A, "{'id':'a','n':1}");
	}
}

/* ---- The item and its record ---- */

static void keeps_what_it_is(void **state)
{
	F;
	create(f, "Users", "id:S");
	struct ddb_put_result first = put(f, "Users", DOC("{'id':'a','n':1}"));
	struct updated same = update_text(f, KEY_A, "SET n = :v", "{':v':1}", DDB_RETURN_NONE);
	assert_true(same.result.unchanged && same.result.replaced);
	assert_true(same.result.meta.version == first.meta.version);
	struct updated other = update_text(f, KEY_A, "SET n = :v", "{':v':2}", DDB_RETURN_NONE);
	assert_false(other.result.unchanged);
	assert_true(other.result.meta.version > first.meta.version);
	assert_true(other.result.meta.serial == first.meta.serial);
	struct updated none = update_text(f, "{'id':'b'}", "REMOVE n", NULL, DDB_RETURN_NONE);
	assert_true(none.result.unchanged && !none.result.replaced);
	assert_int_equal(none.result.meta.version, 0);
	assert_int_equal(counts(f, "Users").items, 1);
}

/* AttributeUpdates, too, make an item only when they have something to put there. */
static void makes_items_of_legacy_updates(void **state)
{
	F;
	static const struct {
		const char *json, *wanted;
	} made[] = {
		{"{'n':{'Action':'DELETE'}}", NULL},
		{"{'n':{'Action':'DELETE','Value':{'NS':['1']}}}", NULL},
		{"{'n':{'Action':'PUT','Value':{'N':'1'}}}", "{'id':'a','n':1}"},
		{"{'n':{'Action':'ADD','Value':{'N':'2'}},'t':{'Action':'DELETE'}}", "{'id':'a','n':2}"},
	};
	create(f, "Users", "id:S");
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		struct ddb_value json = DOC(made[i].json);
		const struct ddb_changes *legacy;
		assert_ok(f, ddb_legacy_changes(&f->arena, &json, &legacy, &f->err));
		delete (f, "Users", DOC(KEY_A));
		assert_int_equal(update(f, KEY_A, legacy, DDB_RETURN_NONE).code, DDB_OK);
		assert_stored(f, KEY_A, made[i].wanted);
	}
}

/* The condition sees no key in an item that is not there yet; the changes do. */
static void begins_with_the_key(void **state)
{
	F;
	struct ddb_put_result result;
	create(f, "Users", "id:S");
	struct ddb_write_terms terms = {.condition = condition(f, "attribute_exists(id)", NULL)};
	struct ddb_update_item request = {.table = "Users",
		.key = DOC(KEY_A),
		.changes = changes(f, "SET kept = id", NULL),
		.terms = &terms};
	assert_code(f, OP(f->engine, update_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_false(get(f, "Users", DOC(KEY_A)).found);
	terms.condition = condition(f, "attribute_not_exists(id)", NULL);
	assert_ok(f, OP(f->engine, update_item, &request, &result, &f->err));
	assert_stored(f, KEY_A, "{'id':'a','kept':'a'}");
}

static void sees_the_item_as_it_was(void **state)
{
	F;
	create(f, "Users", "id:S");
	put(f, "Users", DOC("{'id':'a','n':1,'t':2}"));
	update_text(f, KEY_A, "SET n = t, t = n", NULL, DDB_RETURN_NONE);
	assert_stored(f, KEY_A, "{'id':'a','n':2,'t':1}");
}

/* ---- Refusals ---- */

static void refuses_its_key(void **state)
{
	F;
	static const char *const texts[] = {"SET sk = :v", "REMOVE sk", "ADD sk :v", "SET n = :v REMOVE pk"};
	create(f, "Users", "pk:S,sk:N");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char wanted[100];
		snprintf(wanted, sizeof wanted,
			"Cannot update attribute %s. This attribute is part of the key", i < 3 ? "sk" : "pk");
		/* Also to the value that it has, and of a missing item. */
		struct updated updated = update_text(f, "{'pk':'p','sk':1}", texts[i],
			strchr(texts[i], ':') ? "{':v':1}" : NULL, DDB_RETURN_NONE);
		assert_int_equal(updated.code, DDB_VALIDATION);
		assert_string_equal(f->err.message, wanted);
	}
	assert_int_equal(counts(f, "Users").items, 0);
}

static void refuses_parts_of_index_keys(void **state)
{
	F;
	static const char text[] =
		"{'KeySchema':[{'AttributeName':'id','KeyType':'HASH'}],"
		"'AttributeDefinitions':[{'AttributeName':'id','AttributeType':'S'},"
		"{'AttributeName':'g','AttributeType':'S'},{'AttributeName':'r','AttributeType':'N'}],"
		"'GlobalSecondaryIndexes':[{'IndexName':'all','KeySchema':[{'AttributeName':'g','KeyType':'"
		"HASH'},"
		"{'AttributeName':'r','KeyType':'RANGE'}],'Projection':{'ProjectionType':'ALL'}}]}";
	struct ddb_definition *definition;
	struct ddb_value json = DOC(text);
	assert_ok(f, ddb_definition_from_json(&json, &definition, &f->err));
	assert_ok(f, OP(f->engine, create_table, "Users", definition, &f->err));
	ddb_definition_unref(definition);
	assert_int_equal(
		update_text(f, KEY_A, "SET g.x = :v", "{':v':1}", DDB_RETURN_NONE).code, DDB_VALIDATION);
	assert_string_equal(f->err.message,
		"Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
		"IndexKey: g");
	assert_int_equal(update_text(f, KEY_A, "REMOVE r[0]", NULL, DDB_RETURN_NONE).code, DDB_VALIDATION);
	assert_non_null(strstr(f->err.message, "IndexKey: r"));
	assert_int_equal(
		update_text(f, KEY_A, "SET g = :v", "{':v':1}", DDB_RETURN_NONE).code, DDB_VALIDATION);
	assert_non_null(strstr(f->err.message, "Type mismatch for Index Key"));
	assert_false(get(f, "Users", DOC(KEY_A)).found);
	assert_int_equal(update_text(f, KEY_A, "SET g = :v", "{':v':'x'}", DDB_RETURN_NONE).code, DDB_OK);
}

/* Appending to an item's file may repeat the key. */
static void is_lenient_with_its_key(void **state)
{
	F;
	struct ddb_put_result result;
	struct ddb_write_answer answer;
	const struct ddb_write_terms terms = {
		.return_values = DDB_RETURN_UPDATED_NEW, .arena = &f->arena, .answer = &answer};
	create(f, "Users", "pk:S,sk:N");
	struct ddb_update_item request = {.table = "Users",
		.key = DOC("{'pk':'p','sk':1}"),
		.changes = setting(&f->arena, DOC("{'pk':'p','sk':1,'n':1}")),
		.lenient_keys = true,
		.terms = &terms};
	assert_ok(f, OP(f->engine, update_item, &request, &result, &f->err));
	assert_attributes(answer, "{'n':1}");
	request.changes = setting(&f->arena, DOC("{'pk':'p','sk':2,'n':1}"));
	assert_refused(f, OP(f->engine, update_item, &request, &result, &f->err), DDB_VALIDATION,
		"Cannot update attribute sk. This attribute is part of the key");
	request.changes = changes(f, "REMOVE pk", NULL);
	assert_refused(f, OP(f->engine, update_item, &request, &result, &f->err), DDB_VALIDATION,
		"Cannot update attribute pk. This attribute is part of the key");
	assert_stored(f, "{'pk':'p','sk':1}", "{'pk':'p','sk':1,'n':1}");
}

static void refuses_expressions(void **state)
{
	F;
	static const char item[] = "{'id':'a','n':1,'t':'x','l':[1]}";
	static const struct {
		const char *text, *values, *wanted;
	} refused[] = {
		{"SET m.x = :v", "{':v':1}",
			"The document path provided in the update expression is invalid for update"},
		{"SET n = nowhere + :v", "{':v':1}",
			"The provided expression refers to an attribute that does not exist in the item"},
		{"SET n = t + :v", "{':v':1}",
			"An operand in the update expression has an incorrect data type"},
		{"ADD t :v", "{':v':1}", "An operand in the update expression has an incorrect data type"},
	};
	create(f, "Users", "id:S");
	struct ddb_put_result before = put(f, "Users", DOC(item));
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct updated updated =
			update_text(f, KEY_A, refused[i].text, refused[i].values, DDB_RETURN_ALL_NEW);
		assert_int_equal(updated.code, DDB_VALIDATION);
		assert_string_equal(f->err.message, refused[i].wanted);
	}
	assert_stored(f, KEY_A, item);
	assert_true(get(f, "Users", DOC(KEY_A)).entry.meta.version == before.meta.version);
}

/* ---- Sizes ---- */

static const char too_large[] = "Item size to update has exceeded the maximum allowed size";

/* SET of that many bytes to a path. */
static enum ddb_code set_text(
	struct fixture *f, const char *key, const char *text, size_t length, const char *rest)
{
	struct ddb_value none = {.type = DDB_M},
			 values = with(&f->arena, &none, ":v", filled(&f->arena, length, 'x'));
	struct ddb_scope scope;
	const struct ddb_changes *made;
	char whole[200];
	snprintf(whole, sizeof whole, "SET %s = :v %s", text, rest);
	assert_ok(f, ddb_scope_init(&scope, &f->arena, NULL, &values, false, &f->err));
	assert_ok(f, ddb_changes_parse(&scope, whole, strlen(whole), &made, &f->err));
	return update(f, key, made, DDB_RETURN_NONE).code;
}

/* The larger of the finished item and of what the update writes. */
static void limits_sizes(void **state)
{
	F;
	static const struct {
		const char *item, *text, *rest;
		size_t overhead; /* of what is written, beside the value */
	} cases[] = {
		{"{'id':'a'}", "t", "", 3 + 19 + 1},
		{"{'id':'a','u':1,'w':1}", "t", "REMOVE u, w", 3 + 19 + 1 + 2 * 2},
		{"{'id':'a','d':[1]}", "d[0]", "", 3 + 19 + 1 + 1},
		{"{'id':'a','m':{'x':1}}", "m.x", "", 3 + 19 + 2},
	};
	create(f, "Users", "id:S");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t most = DDB_ITEM_SIZE_MAX - cases[i].overhead;
		put(f, "Users", DOC(cases[i].item));
		assert_refused(f, set_text(f, KEY_A, cases[i].text, most + 1, cases[i].rest),
			DDB_ITEM_TOO_LARGE, too_large);
		assert_stored(f, KEY_A, cases[i].item);
		assert_ok(f, set_text(f, KEY_A, cases[i].text, most, cases[i].rest));
	}
	/* The finished item: id, a, t with 3 bytes, then what is set. */
	put(f, "Users", DOC("{'id':'a'}"));
	assert_ok(f, set_text(f, KEY_A, "t", 200000, ""));
	size_t most = DDB_ITEM_SIZE_MAX - 3 - 200001 - 1;
	assert_refused(f, set_text(f, KEY_A, "u", most + 1, ""), DDB_ITEM_TOO_LARGE, too_large);
	assert_ok(f, set_text(f, KEY_A, "u", most, ""));
	assert_int_equal(get(f, "Users", DOC(KEY_A)).entry.meta.size, DDB_ITEM_SIZE_MAX);
	/* What is removed counts no more. */
	assert_ok(f, set_text(f, KEY_A, "w", most, "REMOVE u"));
}

/* ---- Threads ---- */

enum { ADDERS = 4, ADDITIONS = 100 };

struct adder {
	struct fixture *f;
	const struct ddb_changes *changes;
};

static void *add(void *context)
{
	const struct adder *adder = context;
	struct ddb_error err;
	struct ddb_attribute id = {"id", 2, ddb_string("x", 1)};
	const struct ddb_update_item request = {.table = "Users",
		.key = {.type = DDB_M, .count = 1, .attributes = &id},
		.changes = adder->changes};
	for (unsigned i = 0; i < ADDITIONS; i++) {
		struct ddb_put_result result;
		if (OP(adder->f->engine, update_item, &request, &result, &err))
			abort();
	}
	return NULL;
}

static void no_addition_is_lost(void **state)
{
	F;
	pthread_t threads[ADDERS];
	create(f, "Users", "id:S");
	struct adder adder = {.f = f, .changes = changes(f, "ADD n :v", "{':v':1}")};
	for (unsigned i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add, &adder), 0);
	for (unsigned i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_stored(f, "{'id':'x'}", "{'id':'x','n':400}");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(returns_values),
		CASE(returns_nothing_of_a_failure),
		CASE(keeps_what_it_is),
		CASE(makes_items_of_legacy_updates),
		CASE(begins_with_the_key),
		CASE(sees_the_item_as_it_was),
		CASE(refuses_its_key),
		CASE(refuses_parts_of_index_keys),
		CASE(is_lenient_with_its_key),
		CASE(refuses_expressions),
		CASE(limits_sizes),
		CASE(no_addition_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Conditions of puts, deletes and updates on the local engine: what they see, what a refusal leaves and
 * answers. The grammar has tests of its own.
 */
#include "local_expressions.h"

enum operation { PUT, DELETE, UPDATE, OPERATIONS };

struct asked {
	struct ddb_write_terms terms;
	struct ddb_write_answer answer;
};

static void ask(struct fixture *f, struct asked *asked, const char *text, const char *values)
{
	memset(&asked->answer, 0x55, sizeof asked->answer); /* what is not set is seen */
	asked->terms = (struct ddb_write_terms){.condition = text ? condition(f, text, values) : NULL,
		.return_on_failure = true,
		.arena = &f->arena,
		.answer = &asked->answer};
}

/* Puts {id, n: 9}, deletes, or sets n to 9. */
static enum ddb_code run(struct fixture *f, enum operation operation, const char *id, struct asked *asked)
{
	struct ddb_value none = {.type = DDB_M},
			 key = with(&f->arena, &none, "id", ddb_string(id, strlen(id)));
	struct ddb_put_result result;
	struct ddb_delete_result deleted;
	if (operation == PUT)
		return OP(f->engine, put_item,
			&(struct ddb_put_item){.table = "Users",
				.item = with(&f->arena, &key, "n", int_value(&f->arena, 9)),
				.terms = &asked->terms},
			&result, &f->err);
	if (operation == DELETE)
		return OP(f->engine, delete_item,
			&(struct ddb_delete_item){.table = "Users", .key = key, .terms = &asked->terms},
			&deleted, &f->err);
	return OP(f->engine, update_item,
		&(struct ddb_update_item){.table = "Users",
			.key = key,
			.changes = changes(f, "SET n = :n", "{':n':9}"),
			.terms = &asked->terms},
		&result, &f->err);
}

static const char before[] = "{'id':'a','n':1,'t':'text'}";

/* The store's items are as they were. */
static void assert_untouched(struct fixture *f)
{
	struct ddb_value wanted = DOC(before);
	assert_true(ddb_value_equal(item_at(f, "Users", DOC("{'id':'a'}")), &wanted));
	assert_false(get(f, "Users", DOC("{'id':'b'}")).found);
	assert_int_equal(counts(f, "Users").items, 1);
}

static void of_every_operation(void **state)
{
	F;
	static const struct {
		const char *id, *text, *values;
		bool holds;
	} rows[] = {
		{"a", "n = :v", "{':v':1}", true},
		{"a", "n = :v", "{':v':2}", false},
		{"a", "n > :v AND begins_with(t, :t)", "{':v':0,':t':'te'}", true},
		{"a", "attribute_exists(id)", NULL, true},
		{"a", "attribute_not_exists(id)", NULL, false},
		{"b", "attribute_not_exists(id)", NULL, true},
		{"b", "attribute_exists(id)", NULL, false},
		{"b", "NOT n = :v", "{':v':1}", true},
		{"b", "n <> :v", "{':v':1}", true},
		{"b", "n < :v", "{':v':1}", false},
		/* Of a missing item not even the key is there. */
		{"b", "id = :id", "{':id':'b'}", false},
	};
	create(f, "Users", "id:S");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (enum operation operation = PUT; operation < OPERATIONS; operation++) {
			struct asked asked;
			delete (f, "Users", DOC("{'id':'b'}"));
			put(f, "Users", DOC(before));
			ask(f, &asked, rows[i].text, rows[i].values);
			enum ddb_code code = run(f, operation, rows[i].id, &asked);
			if (code != (rows[i].holds ? DDB_OK : DDB_CONDITIONAL_CHECK_FAILED))
				fail_msg("%s of %s if %s: %d",
					(const char *[]){"put", "delete", "update"}[operation], rows[i].id,
					rows[i].text, code);
			assert_false(asked.answer.has_attributes);
			if (rows[i].holds) {
				assert_item(asked.answer, NULL);
				continue;
			}
			assert_string_equal(f->err.message, "The conditional request failed");
			assert_item(asked.answer, *rows[i].id == 'a' ? before : NULL);
			assert_untouched(f);
		}
	}
}

/* The item that a refusal answers is only told to who asks for it. */
static void tells_the_item_when_asked(void **state)
{
	F;
	create(f, "Users", "id:S");
	put(f, "Users", DOC(before));
	for (enum operation operation = PUT; operation < OPERATIONS; operation++) {
		struct asked asked;
		ask(f, &asked, "n = :v", "{':v':2}");
		asked.terms.return_on_failure = false;
		assert_code(f, run(f, operation, "a", &asked), DDB_CONDITIONAL_CHECK_FAILED);
		assert_item(asked.answer, NULL);
		assert_int_equal(table_units(&asked.answer.capacity), 1);
		asked.terms.answer = NULL;
		asked.terms.return_on_failure = true;
		assert_code(f, run(f, operation, "a", &asked), DDB_CONDITIONAL_CHECK_FAILED);
	}
	assert_untouched(f);
}

/* Both must hold; a refusal answers the item for either. */
static void beside_the_trees_own(void **state)
{
	F;
	struct ddb_put_result result;
	struct asked asked;
	create(f, "Users", "id:S");
	put(f, "Users", DOC(before));
	struct ddb_put_item request = {.table = "Users",
		.item = DOC("{'id':'a'}"),
		.condition = DDB_IF_ABSENT,
		.terms = &asked.terms};
	ask(f, &asked, "n = :v", "{':v':1}");
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_item(asked.answer, before);
	request.condition = DDB_IF_PRESENT;
	ask(f, &asked, "n = :v", "{':v':2}");
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_untouched(f);
	ask(f, &asked, "n = :v", "{':v':1}");
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	assert_true(result.replaced);
}

/* A scratch file is neither consumed nor kept by a write that is refused. */
static void refused_with_scratch_files(void **state)
{
	F;
	struct ddb_scratch_meta meta;
	struct ddb_scratch_name name = scratch("x"), other = scratch("y");
	struct ddb_put_result result;
	struct ddb_delete_result deleted = {.existed = false};
	struct asked asked;
	create(f, "Users", "id:S");
	put(f, "Users", DOC(before));
	assert_ok(f, OP(f->engine, scratch_create, &name, 0600, true, &meta, &f->err));
	ask(f, &asked, "n = :v", "{':v':2}");
	const struct ddb_put_item request = {
		.table = "Users", .item = DOC("{'id':'a'}"), .consume = &name, .terms = &asked.terms};
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	const struct ddb_delete_item removal = {.table = "Users",
		.key = DOC("{'id':'a'}"),
		.keep = &other,
		.kept_text = "text",
		.kept_length = 4,
		.terms = &asked.terms};
	assert_code(f, OP(f->engine, delete_item, &removal, &deleted, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_ok(f, OP(f->engine, scratch_stat, &name, &meta, &f->err));
	assert_code(f, OP(f->engine, scratch_stat, &other, &meta, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_untouched(f);
}

/* ---- ReturnValues of puts and deletes ---- */

static void returns_what_was(void **state)
{
	F;
	create(f, "Users", "id:S");
	for (enum operation operation = PUT; operation <= DELETE; operation++) {
		struct asked asked;
		put(f, "Users", DOC(before));
		ask(f, &asked, NULL, NULL);
		assert_ok(f, run(f, operation, "b", &asked));
		assert_attributes(asked.answer, NULL);
		asked.terms.return_values = DDB_RETURN_ALL_OLD;
		assert_ok(f, run(f, operation, "a", &asked));
		assert_attributes(asked.answer, before);
		assert_item(asked.answer, NULL);
		delete (f, "Users", DOC("{'id':'b'}"));
		assert_ok(f, run(f, operation, "b", &asked));
		assert_attributes(asked.answer, NULL);
		/* Also over an equal one. */
		put(f, "Users", DOC("{'id':'b','n':9}"));
		assert_ok(f, run(f, operation, "b", &asked));
		assert_attributes(asked.answer, "{'id':'b','n':9}");
		/* A refusal has no attributes. */
		put(f, "Users", DOC(before));
		ask(f, &asked, "n = :v", "{':v':2}");
		asked.terms.return_values = DDB_RETURN_ALL_OLD;
		assert_code(f, run(f, operation, "a", &asked), DDB_CONDITIONAL_CHECK_FAILED);
		assert_attributes(asked.answer, NULL);
	}
}

static void refuses_return_values_of_updates(void **state)
{
	F;
	create(f, "Users", "id:S");
	put(f, "Users", DOC(before));
	for (enum ddb_return_values values = DDB_RETURN_UPDATED_OLD; values <= DDB_RETURN_UPDATED_NEW;
		values++) {
		for (enum operation operation = PUT; operation <= DELETE; operation++) {
			struct asked asked;
			ask(f, &asked, NULL, NULL);
			asked.terms.return_values = values;
			assert_refused(f, run(f, operation, "a", &asked), DDB_VALIDATION,
				"ReturnValues can only be ALL_OLD or NONE");
		}
	}
	assert_untouched(f);
}

/* ---- Threads ---- */

enum { CLIMBERS = 4, STEPS = 50 };

struct climber {
	struct fixture *f;
	const struct ddb_predicate *conditions[STEPS];
	const struct ddb_changes *steps[STEPS];
	unsigned won;
};

/* Each step is the one thread's whose condition comes first. */
static void *climb(void *context)
{
	struct climber *climber = context;
	struct ddb_error err;
	struct ddb_attribute id = {"id", 2, ddb_string("x", 1)};
	struct ddb_value key = {.type = DDB_M, .count = 1, .attributes = &id};
	for (unsigned i = 0; i < STEPS; i++) {
		struct ddb_write_terms terms = {.condition = climber->conditions[i]};
		struct ddb_update_item request = {
			.table = "Users", .key = key, .changes = climber->steps[i], .terms = &terms};
		struct ddb_put_result result;
		enum ddb_code code = OP(climber->f->engine, update_item, &request, &result, &err);
		if (code && code != DDB_CONDITIONAL_CHECK_FAILED)
			abort();
		climber->won += code == DDB_OK;
	}
	return NULL;
}

static void one_thread_wins(void **state)
{
	F;
	static struct climber climbers[CLIMBERS];
	pthread_t threads[CLIMBERS];
	unsigned won = 0;
	create(f, "Users", "id:S");
	put(f, "Users", DOC("{'id':'x','n':0}"));
	for (unsigned i = 0; i < CLIMBERS; i++) {
		climbers[i] = (struct climber){.f = f};
		for (unsigned k = 0; k < STEPS; k++) {
			char values[32];
			snprintf(values, sizeof values, "{':v':%u}", k);
			climbers[i].conditions[k] = condition(f, "n = :v", values);
			climbers[i].steps[k] = changes(f, "SET n = n + :v", "{':v':1}");
		}
	}
	for (unsigned i = 0; i < CLIMBERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, climb, &climbers[i]), 0);
	for (unsigned i = 0; i < CLIMBERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		won += climbers[i].won;
	}
	char wanted[16];
	snprintf(wanted, sizeof wanted, "%u", won);
	assert_string_equal(text_of(&f->arena, item_at(f, "Users", DOC("{'id':'x'}")), "n"), wanted);
	assert_int_equal(won, STEPS); /* whoever made the last step tries the next */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(of_every_operation),
		CASE(tells_the_item_when_asked),
		CASE(beside_the_trees_own),
		CASE(refused_with_scratch_files),
		CASE(returns_what_was),
		CASE(refuses_return_values_of_updates),
		CASE(one_thread_wins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

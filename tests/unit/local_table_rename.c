/*
 * Tables under other names in the local engine: what stays, what is replaced, and what refuses it.
 */
#include "local_fixture.h"

static enum ddb_code rename_to(struct fixture *f, const char *from, const char *to)
{
	return OP(f->engine, rename_table, from, to, &f->err);
}

static struct ddb_table *describe(struct fixture *f, const char *name)
{
	struct ddb_table *table = NULL;
	assert_ok(f, OP(f->engine, describe_table, name, &table, &f->err));
	return table;
}

static void assert_absent(struct fixture *f, const char *name)
{
	struct ddb_table *table;
	struct ddb_get_result result;
	struct ddb_get_item request = {.table = name, .key = MAP("id=S:a")};
	assert_code(f, OP(f->engine, describe_table, name, &table, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_code(
		f, OP(f->engine, get_item, &f->arena, &request, &result, &f->err), DDB_RESOURCE_NOT_FOUND);
}

static size_t tables(struct fixture *f)
{
	struct ddb_table_names names;
	assert_ok(f, OP(f->engine, list_tables, &f->arena, NULL, 0, &names, &f->err));
	return names.count;
}

static void keeps_all_but_the_name(void **state)
{
	F;
	create(f, "Users", "id:S");
	struct ddb_value long_key = MAP("n=N:1");
	long_key = with(&f->arena, &long_key, "id", filled(&f->arena, 300, 'k'));
	put(f, "Users", long_key);
	struct ddb_put_result put_before = put(f, "Users", MAP("id=S:a", "n=N:2"));
	struct ddb_table *before = describe(f, "Users"), *after;
	struct ddb_find_alias request = {.table = "People"};
	struct ddb_value found;
	assert_ok(f, rename_to(f, "Users", "People"));
	assert_absent(f, "Users");
	after = describe(f, "People");
	assert_string_equal(after->name, "People");
	assert_string_equal(before->name, "Users"); /* what was described stays as it was */
	assert_int_equal(after->id, before->id);
	assert_true(after->created_ns == before->created_ns && after->changed_ns == before->changed_ns);
	assert_string_equal(after->uuid, before->uuid);
	assert_true(ddb_definition_equal(after->definition, before->definition));
	ddb_table_unref(before);
	ddb_table_unref(after);
	engine_reopen(f);
	assert_absent(f, "Users");
	assert_int_equal(tables(f), 1);
	assert_int_equal(counts(f, "People").items, 2);
	struct ddb_get_result item = get(f, "People", MAP("id=S:a"));
	assert_true(item.found);
	assert_same_meta(&item.entry.meta, &put_before.meta);
	assert_true(alias(NULL, ddb_map_get(&long_key, "id", 2), false, request.alias));
	assert_ok(f, OP(f->engine, find_alias, &f->arena, &request, &found, &f->err));
	assert_int_equal(put(f, "People", MAP("id=S:b")).meta.serial, put_before.meta.serial + 1);
	create(f, "Users", "id:S"); /* the name is free */
	put(f, "Users", MAP("id=S:other"));
	assert_int_equal(counts(f, "People").items, 3);
}

static void refuses(void **state)
{
	F;
	char longest[300];
	memset(longest, 'x', sizeof longest);
	longest[256] = '\0';
	const char *bad[] = {"", "ab", "a/b", "with space", longest};
	create(f, "Users", "id:S");
	create(f, "Full", "id:S");
	put(f, "Full", MAP("id=S:a"));
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_code(f, rename_to(f, "Users", bad[i]), DDB_VALIDATION);
	assert_refused(f, rename_to(f, "None", "Some"), DDB_RESOURCE_NOT_FOUND,
		"Requested resource not found: Table: None not found");
	assert_code(f, rename_to(f, "None", "None"), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, rename_to(f, "", "Some"), DDB_RESOURCE_NOT_FOUND);
	assert_refused(f, rename_to(f, "Users", "Full"), DDB_RESOURCE_IN_USE, "Table has items: Full");
	struct ddb_definition *guarded = definition_read(f,
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],"
		"\"BillingMode\":\"PAY_PER_REQUEST\",\"DeletionProtectionEnabled\":true}");
	assert_ok(f, OP(f->engine, create_table, "Guarded", guarded, &f->err));
	ddb_definition_unref(guarded);
	assert_refused(f, rename_to(f, "Users", "Guarded"), DDB_VALIDATION,
		"Resource cannot be deleted as it is currently protected against deletion. "
		"Disable deletion protection first.");
	assert_int_equal(tables(f), 3);
	assert_ok(f, rename_to(f, "Guarded", "Kept")); /* its own name is not guarded */
	assert_ok(f, rename_to(f, "Full", "Full"));
	assert_int_equal(counts(f, "Full").items, 1);
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.read_only = true});
	assert_code(f, rename_to(f, "Users", "Other"), DDB_ACCESS_DENIED);
}

static void replaces_an_empty_table(void **state)
{
	F;
	create(f, "Users", "id:S");
	create(f, "Empty", "pk:S,sk:N");
	put(f, "Users", MAP("id=S:a"));
	put(f, "Empty", MAP("pk=S:a", "sk=N:1"));
	delete (f, "Empty", MAP("pk=S:a", "sk=N:1"));
	struct ddb_table *users = describe(f, "Users"), *renamed;
	assert_ok(f, rename_to(f, "Users", "Empty"));
	renamed = describe(f, "Empty");
	assert_int_equal(renamed->id, users->id);
	assert_false(renamed->definition->has_range);
	ddb_table_unref(users);
	ddb_table_unref(renamed);
	assert_true(get(f, "Empty", MAP("id=S:a")).found);
	assert_int_equal(tables(f), 1);
	assert_sound(f);
	create(f, "Draft", NULL); /* a provisional one, too */
	assert_ok(f, rename_to(f, "Empty", "Draft"));
	assert_true(get(f, "Draft", MAP("id=S:a")).found);
}

static void renames_provisional_tables(void **state)
{
	F;
	struct ddb_value item = MAP(DDB_PROVISIONAL_HASH "=S:a");
	create(f, "Draft", NULL);
	assert_ok(f, rename_to(f, "Draft", "Other"));
	struct ddb_table *table = describe(f, "Other");
	assert_int_equal(table->provisional, DDB_PROVISIONAL);
	ddb_table_unref(table);
	assert_ok(f, OP(f->engine, settle_table, "Other", DDB_PROVISIONAL_SIMPLE, &f->err));
	put(f, "Other", item);
	assert_ok(f, rename_to(f, "Other", "Third"));
	table = describe(f, "Third");
	assert_int_equal(table->provisional, DDB_PROVISIONAL_SIMPLE);
	ddb_table_unref(table);
	assert_true(get(f, "Third", item).found);
}

/* ---- Under load ---- */

enum { ROUNDS = 300, PUTS = 50, ROUNDS_MAX = 1000000 };

struct work {
	struct ddb_engine *engine;
	const bool *stop;
	unsigned puts, odd;
};

/* Puts to a table that has one of two names at any time: under each it is there or not. */
static void *put_on(void *context)
{
	struct work *work = context;
	static const char *const names[] = {"Here", "There"};
	struct ddb_error err;
	for (unsigned i = 0; !__atomic_load_n(work->stop, __ATOMIC_RELAXED); i++) {
		struct ddb_put_result result;
		struct ddb_number number;
		ddb_number_from_int(work->puts, &number);
		struct ddb_attribute attribute = {"id", 2, ddb_number_value(&number)};
		struct ddb_put_item request = {.table = names[i % 2],
			.item = {.type = DDB_M, .count = 1, .attributes = &attribute},
			.condition = DDB_IF_ABSENT};
		enum ddb_code code = OP(work->engine, put_item, &request, &result, &err);
		__atomic_fetch_add(&work->puts, code == DDB_OK, __ATOMIC_RELAXED);
		work->odd += code != DDB_OK && code != DDB_RESOURCE_NOT_FOUND;
	}
	return NULL;
}

static void loses_nothing_under_load(void **state)
{
	F;
	pthread_t thread;
	bool stop = false;
	struct work work = {.engine = f->engine, .stop = &stop};
	create(f, "Here", "id:N");
	assert_int_equal(pthread_create(&thread, NULL, put_on, &work), 0);
	for (unsigned i = 0; i < ROUNDS || i % 2 ||
			     (i < ROUNDS_MAX && __atomic_load_n(&work.puts, __ATOMIC_RELAXED) < PUTS);
		i++) {
		const char *from = i % 2 ? "There" : "Here", *to = i % 2 ? "Here" : "There";
		enum ddb_code code = rename_to(f, from, to);
		struct ddb_table *table = NULL;
		enum ddb_code gone = OP(f->engine, describe_table, from, &table, &f->err);
		if (code || gone != DDB_RESOURCE_NOT_FOUND) {
			__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
			pthread_join(thread, NULL);
			fail_msg("round %u: %d, %d", i, code, gone);
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(work.odd, 0);
	assert_true(work.puts >= PUTS);
	assert_int_equal(counts(f, "Here").items, work.puts);
	assert_int_equal(tables(f), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_all_but_the_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaces_an_empty_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(renames_provisional_tables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loses_nothing_under_load, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * BatchWriteItem on the local engine: all is checked before anything is done, what it consumes, and what is
 * left when the disk is full.
 */
#include "local_fixture.h"

#include <signal.h>
#include <sys/resource.h>

static enum ddb_code write_code(struct fixture *f, const struct ddb_batch_write *requests, size_t count,
	struct ddb_batch_write_result *ret)
{
	return OP(f->engine, batch_write, &f->arena, requests, count, ret, &f->err);
}

static struct ddb_batch_write_result write_all(
	struct fixture *f, const struct ddb_batch_write *requests, size_t count)
{
	struct ddb_batch_write_result result;
	assert_ok(f, write_code(f, requests, count, &result));
	assert_int_equal(result.unprocessed_count, 0);
	return result;
}

static uint64_t only_arm(const struct ddb_capacity *capacity)
{
	assert_int_equal(capacity->count, 1);
	assert_null(capacity->arms[0].index);
	return capacity->arms[0].half_units;
}

static void writes_and_deletes(void **state)
{
	F;
	create(f, "Users", "id:S");
	create(f, "Pairs", "pk:S,sk:N");
	put(f, "Users", MAP("id=S:old", "n=N:1"));
	put(f, "Users", MAP("id=S:gone", "n=N:1"));
	put(f, "Pairs", MAP("pk=S:p", "sk=N:1"));
	const struct ddb_batch_write requests[] = {
		{.table = "Users", .value = MAP("id=S:new", "n=N:2")},
		{.table = "Pairs", .value = MAP("pk=S:p", "sk=N:2")},
		{.table = "Users", .value = MAP("id=S:old", "n=N:3")},
		{.table = "Users", .value = MAP("id=S:gone"), .deletes = true},
		{.table = "Users", .value = MAP("id=S:never"), .deletes = true},
		{.table = "Pairs", .value = MAP("pk=S:p", "sk=N:1.0"), .deletes = true},
	};
	struct ddb_batch_write_result result = write_all(f, requests, 6);
	assert_string_equal(text_of(&f->arena, item_at(f, "Users", MAP("id=S:new")), "n"), "2");
	assert_string_equal(text_of(&f->arena, item_at(f, "Users", MAP("id=S:old")), "n"), "3");
	assert_false(get(f, "Users", MAP("id=S:gone")).found);
	assert_true(get(f, "Pairs", MAP("pk=S:p", "sk=N:2")).found);
	assert_false(get(f, "Pairs", MAP("pk=S:p", "sk=N:1")).found);
	assert_int_equal(counts(f, "Users").items, 2);
	assert_int_equal(counts(f, "Pairs").items, 1);
	/* Tables in the order in which they occur. */
	assert_int_equal(result.table_count, 2);
	assert_string_equal(result.tables[0], "Users");
	assert_string_equal(result.tables[1], "Pairs");
	assert_int_equal(only_arm(&result.capacities[0]), 2 * 4);
	assert_int_equal(only_arm(&result.capacities[1]), 2 * 2);
}

static void equal_items_stay(void **state)
{
	F;
	create(f, "Users", "id:S");
	struct ddb_put_result before = put(f, "Users", MAP("id=S:a", "n=N:1"));
	const struct ddb_batch_write request = {.table = "Users", .value = MAP("id=S:a", "n=N:1.0")};
	write_all(f, &request, 1);
	assert_true(get(f, "Users", MAP("id=S:a")).entry.meta.version == before.meta.version);
}

/* A write of b bytes rounds up to KB, over what is there, too. */
static void consumes(void **state)
{
	F;
	create(f, "Users", "id:S");
	struct ddb_value a = MAP("id=S:a"), b = MAP("id=S:b"), c = MAP("id=S:c");
	put(f, "Users", with(&f->arena, &a, "t", filled(&f->arena, 5000, 'x')));
	put(f, "Users", with(&f->arena, &b, "t", filled(&f->arena, 2048 - 4, 'x')));
	const struct ddb_batch_write requests[] = {
		{.table = "Users", .value = MAP("id=S:a")},                                          /* 5 */
		{.table = "Users", .value = b, .deletes = true},                                     /* 2 */
		{.table = "Users", .value = with(&f->arena, &c, "t", filled(&f->arena, 1021, 'x'))}, /* 2 */
	};
	struct ddb_batch_write_result result = write_all(f, requests, 3);
	assert_int_equal(only_arm(&result.capacities[0]), 2 * (5 + 2 + 2));
}

/* ---- Refusals: nothing is written ---- */

static const char duplicates[] = "Provided list of item keys contains duplicates";

static void refuses_as_a_whole(void **state)
{
	F;
	struct ddb_value a = MAP("id=S:a");
	create(f, "Users", "id:S");
	create(f, "Num", "id:N");
	const struct {
		struct ddb_batch_write bad;
		enum ddb_code code;
		const char *text;
	} cases[] = {
		{{.table = "Users", .value = MAP("x=S:a")}, DDB_VALIDATION,
			"One or more parameter values were invalid: Missing the key id in the item"},
		{{.table = "Users", .value = MAP("id=N:1")}, DDB_VALIDATION,
			"One or more parameter values were invalid: Type mismatch for key id expected: S "
			"actual: N"},
		{{.table = "Users", .value = ddb_string("x", 1)}, DDB_VALIDATION,
			"One or more parameter values were invalid: An item is a map"},
		{{.table = "Users", .value = with(&f->arena, &a, "t", filled(&f->arena, 409600, 'x'))},
			DDB_ITEM_TOO_LARGE, "Item size has exceeded the maximum allowed size"},
		{{.table = "Users", .value = MAP("id=S:x", "y=S:y"), .deletes = true}, DDB_VALIDATION,
			"The provided key element does not match the schema"},
		{{.table = "Nobody", .value = MAP("id=S:x")}, DDB_RESOURCE_NOT_FOUND,
			"Requested resource not found"},
		{{.table = "Users", .value = MAP("id=S:first")}, DDB_VALIDATION, duplicates},
		{{.table = "Users", .value = MAP("id=S:first"), .deletes = true}, DDB_VALIDATION, duplicates},
		{{.table = "Num", .value = MAP("id=N:1e3")}, DDB_VALIDATION, duplicates},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct ddb_batch_write requests[] = {
			{.table = "Users", .value = MAP("id=S:first")},
			{.table = "Num", .value = MAP("id=N:1000")},
			cases[i].bad,
			{.table = "Users", .value = MAP("id=S:last")},
		};
		struct ddb_batch_write_result result = {.table_count = 99};
		assert_refused(f, write_code(f, requests, 4, &result), cases[i].code, cases[i].text);
		assert_int_equal(result.table_count, 99);
		assert_int_equal(counts(f, "Users").items + counts(f, "Num").items, 0);
	}
}

static void same_keys_in_other_tables(void **state)
{
	F;
	create(f, "Users", "id:S");
	create(f, "Others", "id:S");
	const struct ddb_batch_write requests[] = {
		{.table = "Users", .value = MAP("id=S:a")},
		{.table = "Others", .value = MAP("id=S:a")},
	};
	write_all(f, requests, 2);
	assert_int_equal(counts(f, "Users").items + counts(f, "Others").items, 2);
}

static void limits_their_number(void **state)
{
	F;
	struct ddb_batch_write requests[DDB_BATCH_WRITES_MAX + 1];
	struct ddb_batch_write_result result;
	create(f, "Users", "id:S");
	for (unsigned i = 0; i <= DDB_BATCH_WRITES_MAX; i++) {
		char text[16];
		snprintf(text, sizeof text, "id=S:%u", i);
		requests[i] = (struct ddb_batch_write){.table = "Users", .value = MAP(text)};
	}
	assert_code(f, write_code(f, requests, 26, &result), DDB_VALIDATION);
	assert_non_null(strstr(f->err.message, "Member must have length less than or equal to 25"));
	assert_code(f, write_code(f, requests, 0, &result), DDB_VALIDATION);
	assert_int_equal(counts(f, "Users").items, 0);
	write_all(f, requests, 25);
	assert_int_equal(counts(f, "Users").items, 25);
}

/* The largest that there can be: more than 10 MB in one transaction. */
static void takes_the_largest(void **state)
{
	F;
	struct ddb_batch_write requests[DDB_BATCH_WRITES_MAX];
	create(f, "Users", "id:S");
	struct ddb_value most = filled(&f->arena, DDB_ITEM_SIZE_MAX - 2 - 2 - 1, 'x');
	for (unsigned i = 0; i < DDB_BATCH_WRITES_MAX; i++) {
		char text[16];
		snprintf(text, sizeof text, "id=S:%02u", i);
		struct ddb_value key = MAP(text);
		requests[i] =
			(struct ddb_batch_write){.table = "Users", .value = with(&f->arena, &key, "t", most)};
	}
	struct ddb_batch_write_result result = write_all(f, requests, DDB_BATCH_WRITES_MAX);
	assert_int_equal(only_arm(&result.capacities[0]), 2 * 25 * 400);
	assert_int_equal(counts(f, "Users").bytes, 25 * DDB_ITEM_SIZE_MAX);
}

/* ---- A full disk ---- */

static void fill(struct fixture *f, const struct ddb_value *large)
{
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; i < 1000 && !code; i++) {
		struct ddb_put_result result;
		char text[16];
		snprintf(text, sizeof text, "id=S:%u", i);
		struct ddb_value key = MAP(text);
		struct ddb_put_item request = {.table = "Users", .item = with(&f->arena, &key, "t", *large)};
		code = OP(f->engine, put_item, &request, &result, &f->err);
	}
	assert_int_equal(code, DDB_STORE_FULL);
}

static void full_disk(void **state)
{
	F;
	struct rlimit before, limit;
	struct ddb_value x = MAP("id=S:x"), y = MAP("id=S:y"), large = filled(&f->arena, 200000, 'x');
	x = with(&f->arena, &x, "t", large);
	y = with(&f->arena, &y, "t", large);
	create(f, "Users", "id:S");
	create(f, "Others", "id:S");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 3000000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fill(f, &large);
	struct ddb_batch_write_result result = {.table_count = 99};
	const struct ddb_batch_write refused[] = {
		{.table = "Users", .value = x}, {.table = "Others", .value = y}};
	enum ddb_code all_refused = write_code(f, refused, 2, &result);
	size_t untouched = result.table_count;
	/* What makes room is done, also beside what is refused, and in the order of the requests. */
	const struct ddb_batch_write mixed[] = {
		{.table = "Others", .value = y},
		{.table = "Users", .value = MAP("id=S:0"), .deletes = true},
		{.table = "Users", .value = MAP("id=S:1"), .deletes = true},
	};
	enum ddb_code some_refused = write_code(f, mixed, 3, &result);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(all_refused, DDB_STORE_FULL);
	assert_int_equal(untouched, 99);
	assert_int_equal(some_refused, DDB_OK);
	assert_int_equal(result.unprocessed_count, 1);
	assert_int_equal(result.unprocessed[0], 0);
	assert_false(get(f, "Users", MAP("id=S:0")).found || get(f, "Users", MAP("id=S:1")).found);
	assert_int_equal(counts(f, "Others").items, 0);
	assert_int_equal(result.table_count, 2);
	assert_int_equal(result.capacities[0].count, 0);
	assert_int_equal(only_arm(&result.capacities[1]), 2 * 2 * 196);
	write_all(f, mixed, 1);
}

/* ---- Against tables that change ---- */

static struct {
	struct fixture *f;
	struct ddb_definition *definition;
	bool armed;
} replacement;

/* Between the checks of a batch and its transaction, once, the table is another one. */
static void measure_and_replace(const struct ddb_table *table, const struct ddb_value *item, uint32_t ret[2])
{
	struct ddb_engine *engine = replacement.f->engine;
	measure(table, item, ret);
	if (!replacement.armed)
		return;
	replacement.armed = false;
	assert_ok(replacement.f, OP(engine, delete_table, "Comes", false, &replacement.f->err));
	assert_ok(replacement.f,
		OP(engine, create_table, "Comes", replacement.definition, &replacement.f->err));
}

static void table_replaced_meanwhile(void **state)
{
	F;
	static const struct ddb_rendering_hooks replacing = {.measure = measure_and_replace, .alias = alias};
	const struct ddb_local_options options = {.hooks = &replacing};
	const struct ddb_batch_write requests[] = {
		{.table = "Stays", .value = MAP("id=S:a")}, {.table = "Comes", .value = MAP("id=S:a")}};
	struct ddb_batch_write_result result;
	engine_close(f);
	assert_ok(f, ddb_local_open(f->path, &options, &f->engine, &f->err));
	replacement.f = f;
	create(f, "Stays", "id:S");
	create(f, "Comes", "id:S");
	replacement.definition = definition_of(f, "id:S");
	replacement.armed = true;
	assert_ok(f, write_code(f, requests, 2, &result));
	assert_false(replacement.armed);
	assert_true(get(f, "Comes", MAP("id=S:a")).found);
	ddb_definition_unref(replacement.definition);
	/* It may no longer take the item. */
	delete (f, "Stays", MAP("id=S:a"));
	replacement.definition = definition_of(f, "id:N");
	replacement.armed = true;
	assert_code(f, write_code(f, requests, 2, &result), DDB_VALIDATION);
	assert_false(get(f, "Stays", MAP("id=S:a")).found);
	ddb_definition_unref(replacement.definition);
}

struct redefiner {
	struct fixture *f;
	struct ddb_definition *definition;
	bool failed;
};

static void *drop_and_create(void *context)
{
	struct redefiner *redefiner = context;
	struct ddb_engine *engine = redefiner->f->engine;
	struct ddb_error err;
	for (unsigned i = 0; i < 200; i++)
		if (OP(engine, delete_table, "Comes", false, &err) ||
			OP(engine, create_table, "Comes", redefiner->definition, &err))
			redefiner->failed = true;
	return NULL;
}

/* Either all of a batch is in, or its table was not there. */
static void tables_that_go(void **state)
{
	F;
	struct redefiner redefiner = {.f = f, .definition = definition_of(f, "id:S")};
	pthread_t thread;
	create(f, "Stays", "id:S");
	create(f, "Comes", "id:S");
	assert_int_equal(pthread_create(&thread, NULL, drop_and_create, &redefiner), 0);
	uint64_t written = 0;
	for (unsigned i = 0; i < 400; i++) {
		char text[16];
		snprintf(text, sizeof text, "id=S:%u", i);
		const struct ddb_batch_write requests[] = {
			{.table = "Stays", .value = MAP(text)}, {.table = "Comes", .value = MAP(text)}};
		struct ddb_batch_write_result result;
		enum ddb_code code = write_code(f, requests, 2, &result);
		assert_true(code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND);
		written += code == DDB_OK;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(redefiner.failed);
	assert_int_equal(counts(f, "Stays").items, written);
	ddb_definition_unref(redefiner.definition);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(writes_and_deletes),
		CASE(equal_items_stay),
		CASE(consumes),
		CASE(refuses_as_a_whole),
		CASE(same_keys_in_other_tables),
		CASE(limits_their_number),
		CASE(takes_the_largest),
		CASE(full_disk),
		CASE(table_replaced_meanwhile),
		CASE(tables_that_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

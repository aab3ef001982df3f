/*
 * GetItem's capacity and selection, and BatchGetItem: what is refused, what comes back in which order, what
 * has no room, one view of all tables.
 */
#include "local_fixture.h"

static struct ddb_batch_get_result batch(struct fixture *f, struct ddb_batch_get request)
{
	struct ddb_batch_get_result result;
	assert_ok(f, OP(f->engine, batch_get, &f->arena, &request, 1, &result, &f->err));
	return result;
}

static struct ddb_value *keys_of(struct fixture *f, unsigned first, unsigned count)
{
	struct ddb_value *keys = ddb_arena_array(&f->arena, count ? count : 1, sizeof *keys);
	char text[32];
	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof text, "pk=S:%u", first + i);
		keys[i] = MAP(text);
	}
	return keys;
}

/* An item of exactly `size` bytes, in DynamoDB's counting. */
static void put_sized(struct fixture *f, const char *table, struct ddb_value key, size_t size)
{
	size_t rest = size - ddb_item_size(&key) - 1;
	put(f, table, with(&f->arena, &key, "t", filled(&f->arena, rest, 'x')));
}

static uint64_t table_units(const struct ddb_capacity *capacity)
{
	assert_int_equal(capacity->count, 1);
	assert_null(capacity->arms[0].index);
	return capacity->arms[0].half_units;
}

/* ---- GetItem ---- */

static void charges_gets_by_size(void **state)
{
	F;
	static const struct {
		size_t size;
		unsigned units; /* of 4 KB */
	} cases[] = {{10, 1}, {4095, 1}, {4096, 1}, {4097, 2}, {8192, 2}, {8193, 3}, {409600, 100}};
	create(f, "Sizes", "pk:S");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ddb_get_item request = {.table = "Sizes", .key = MAP("pk=S:k")};
		struct ddb_get_result result;
		put_sized(f, "Sizes", request.key, cases[i].size);
		assert_ok(f, OP(f->engine, get_item, &f->arena, &request, &result, &f->err));
		assert_int_equal(result.entry.meta.size, cases[i].size);
		assert_int_equal(table_units(&result.capacity), cases[i].units);
		request.consistent = true;
		assert_ok(f, OP(f->engine, get_item, &f->arena, &request, &result, &f->err));
		assert_int_equal(table_units(&result.capacity), 2 * cases[i].units);
		request.key = MAP("pk=S:none");
		assert_ok(f, OP(f->engine, get_item, &f->arena, &request, &result, &f->err));
		assert_false(result.found);
		assert_int_equal(table_units(&result.capacity), 2);
	}
}

/* ---- BatchGetItem ---- */

static void gets_in_order(void **state)
{
	F;
	create(f, "Even", "pk:S");
	for (unsigned i = 0; i < 100; i += 2) {
		struct ddb_value item = keys_of(f, i, 1)[0];
		put(f, "Even", with(&f->arena, &item, "x", int_value(&f->arena, i)));
	}
	for (unsigned count = 0; count <= 100; count += 20) {
		struct ddb_batch_get request = {
			.table = "Even", .key_count = count, .keys = keys_of(f, 0, count)};
		struct ddb_batch_get_result result = batch(f, request);
		assert_int_equal(result.count, count / 2);
		assert_int_equal(result.unprocessed_count, 0);
		for (unsigned i = 0; i < result.count; i++)
			assert_int_equal(atoi(text_of(&f->arena, &result.items[i], "x")), 2 * (int)i);
		if (count)
			assert_int_equal(table_units(&result.capacity), count); /* missing ones, too */
		else
			assert_int_equal(result.capacity.count, 0);
		request.consistent = true;
		result = batch(f, request);
		assert_int_equal(count ? table_units(&result.capacity) : 0, 2 * count);
	}
}

static void charges_each_item(void **state)
{
	F;
	create(f, "Sizes", "pk:S");
	struct ddb_value *keys = keys_of(f, 0, 3);
	for (unsigned i = 0; i < 3; i++)
		put_sized(f, "Sizes", keys[i], 4097);
	struct ddb_batch_get_result result =
		batch(f, (struct ddb_batch_get){.table = "Sizes", .key_count = 3, .keys = keys});
	assert_int_equal(table_units(&result.capacity), 6); /* together they would be 4 */
}

static void gets_from_several_tables(void **state)
{
	F;
	create(f, "One", "pk:S");
	create(f, "Two", "pk:S,sk:N");
	struct ddb_value simple = MAP("pk=S:a"), composite = MAP("pk=S:a", "sk=N:1"),
			 absent = MAP("pk=S:a", "sk=N:2");
	struct ddb_value second[] = {absent, composite};
	put(f, "One", simple);
	put(f, "Two", composite);
	struct ddb_batch_get requests[] = {{.table = "One", .key_count = 1, .keys = &simple},
		{.table = "Two", .key_count = 2, .keys = second, .consistent = true}};
	struct ddb_batch_get_result results[2];
	assert_ok(f, OP(f->engine, batch_get, &f->arena, requests, 2, results, &f->err));
	assert_int_equal(results[0].count, 1);
	assert_true(ddb_value_equal(&results[0].items[0], &simple));
	assert_int_equal(results[1].count, 1);
	assert_true(ddb_value_equal(&results[1].items[0], &composite));
	assert_int_equal(table_units(&results[0].capacity), 1);
	assert_int_equal(table_units(&results[1].capacity), 4);
}

static void refuses_batches(void **state)
{
	F;
	create(f, "One", "pk:S");
	create(f, "Two", "pk:N");
	struct ddb_value *keys = keys_of(f, 0, 101), twice[2] = {keys[0], keys[0]},
			 equal[2] = {MAP("pk=N:1000"), MAP("pk=N:1e3")}, bad[2] = {keys[0], MAP("x=S:a")};
	struct {
		struct ddb_batch_get requests[2];
		enum ddb_code code;
		const char *text;
	} cases[] = {
		{{{.table = "One", .key_count = 101, .keys = keys}}, DDB_VALIDATION,
			"Too many items requested for the BatchGetItem call"},
		{{{.table = "One", .key_count = 100, .keys = keys},
			 {.table = "Two", .key_count = 1, .keys = equal}},
			DDB_VALIDATION, "Too many items requested for the BatchGetItem call"},
		{{{.table = "One", .key_count = SIZE_MAX, .keys = keys},
			 {.table = "Two", .key_count = 2, .keys = equal}},
			DDB_VALIDATION, "Too many items requested for the BatchGetItem call"},
		{{{.table = "One", .key_count = 2, .keys = twice}}, DDB_VALIDATION,
			"Provided list of item keys contains duplicates"},
		{{{.table = "Two", .key_count = 2, .keys = equal}}, DDB_VALIDATION,
			"Provided list of item keys contains duplicates"},
		{{{.table = "One", .key_count = 1, .keys = keys},
			 {.table = "One", .key_count = 1, .keys = keys}},
			DDB_VALIDATION, "Provided list of item keys contains duplicates"},
		{{{.table = "One", .key_count = 2, .keys = bad}}, DDB_VALIDATION,
			"The provided key element does not match the schema"},
		{{{.table = "One", .key_count = 1, .keys = keys},
			 {.table = "Nobody", .key_count = 1, .keys = keys}},
			DDB_RESOURCE_NOT_FOUND, "Requested resource not found"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ddb_batch_get_result results[2] = {{.count = 77}, {.count = 78}};
		size_t count = cases[i].requests[1].table ? 2 : 1;
		assert_refused(f,
			OP(f->engine, batch_get, &f->arena, cases[i].requests, count, results, &f->err),
			cases[i].code, cases[i].text);
		assert_true(results[0].count == 77 && results[1].count == 78);
	}
	/* The same key of another table is another one. */
	create(f, "Three", "pk:S");
	struct ddb_batch_get both[] = {{.table = "One", .key_count = 1, .keys = keys},
		{.table = "Three", .key_count = 1, .keys = keys}};
	struct ddb_batch_get_result results[2];
	assert_ok(f, OP(f->engine, batch_get, &f->arena, both, 2, results, &f->err));
}

/* 16 MiB are 41 items of 400 KB less 16 KB; what comes behind the first without room is left, small or not.
 */
static void leaves_what_has_no_room(void **state)
{
	F;
	enum { COUNT = 44, FIT = DDB_BATCH_BYTES_MAX / DDB_ITEM_SIZE_MAX };
	create(f, "Large", "pk:S");
	create(f, "Small", "pk:S");
	struct ddb_value *keys = keys_of(f, 10, COUNT), small = keys_of(f, 0, 1)[0];
	for (unsigned i = 0; i < COUNT; i++)
		put_sized(f, "Large", keys[i], i == COUNT - 1 ? 10 : DDB_ITEM_SIZE_MAX);
	put(f, "Small", small);
	struct ddb_batch_get requests[] = {{.table = "Large", .key_count = COUNT, .keys = keys},
		{.table = "Small", .key_count = 1, .keys = &small}};
	struct ddb_batch_get_result results[2];
	assert_int_equal(FIT, 40);
	assert_ok(f, OP(f->engine, batch_get, &f->arena, requests, 2, results, &f->err));
	assert_int_equal(results[0].count, FIT);
	assert_int_equal(results[0].unprocessed_count, COUNT - FIT);
	for (size_t i = 0; i < COUNT - FIT; i++)
		assert_int_equal(results[0].unprocessed[i], FIT + i);
	assert_int_equal(table_units(&results[0].capacity), 100 * FIT);
	assert_int_equal(results[1].count, 0);
	assert_int_equal(results[1].unprocessed_count, 1);
	assert_int_equal(results[1].capacity.count, 0);
	/* Asked again they come. */
	requests[0].keys = keys + FIT;
	requests[0].key_count = COUNT - FIT;
	assert_ok(f, OP(f->engine, batch_get, &f->arena, requests, 2, results, &f->err));
	assert_int_equal(results[0].count, COUNT - FIT);
	assert_int_equal(results[1].count, 1);
}

/* ---- One view ---- */

struct writer {
	struct fixture *f;
	bool stop; /* atomic */
	const char *failure;
};

/* Both items always get the same number, in one transaction. */
static void *write_pairs(void *context)
{
	struct writer *writer = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, 1 << 20);
	for (int i = 1; !__atomic_load_n(&writer->stop, __ATOMIC_RELAXED); i++) {
		ddb_arena_reset(&arena);
		struct ddb_value items[] = {map_of(&arena, "pk=S:0", NULL), map_of(&arena, "pk=S:1", NULL)};
		for (unsigned k = 0; k < 2; k++)
			items[k] = with(&arena, &items[k], "x", int_value(&arena, i));
		struct ddb_put_many request = {.table = "Pair", .items = items, .count = 2};
		struct ddb_put_many_result done;
		struct ddb_error err;
		if (OP(writer->f->engine, put_many, &request, &done, &err))
			writer->failure = "a put failed";
	}
	return NULL;
}

static void reads_one_view(void **state)
{
	F;
	struct writer writer = {.f = f};
	pthread_t thread;
	create(f, "Pair", "pk:S");
	struct ddb_value *keys = keys_of(f, 0, 2);
	struct ddb_batch_get request = {.table = "Pair", .key_count = 2, .keys = keys};
	assert_int_equal(pthread_create(&thread, NULL, write_pairs, &writer), 0);
	const char *failure = NULL, *first = NULL;
	unsigned changes = 0;
	for (unsigned i = 0; i < 100000 && !failure && changes < 50; i++) {
		struct ddb_batch_get_result result;
		DDB_ARENA_AUTO struct ddb_arena arena = {0};
		ddb_arena_init(&arena, 1 << 20);
		if (OP(f->engine, batch_get, &arena, &request, 1, &result, &f->err))
			failure = "a get failed";
		else if (result.count == 1)
			failure = "half of a pair";
		if (failure || result.count == 0)
			continue;
		const char *one = text_of(&arena, &result.items[0], "x");
		if (strcmp(one, text_of(&arena, &result.items[1], "x")) != 0)
			failure = "two states at once";
		changes += !first || strcmp(one, first) != 0;
		first = ddb_arena_copy(&f->arena, one, strlen(one));
	}
	__atomic_store_n(&writer.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (failure || writer.failure)
		fail_msg("%s", failure ? failure : writer.failure);
	assert_true(changes > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(charges_gets_by_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gets_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(charges_each_item, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gets_from_several_tables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_batches, set_up, tear_down),
		cmocka_unit_test_setup_teardown(leaves_what_has_no_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reads_one_view, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

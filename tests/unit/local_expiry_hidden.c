/*
 * With hide_expired: what has expired is not found by any read, of a table or of an index, page by page;
 * writes and their conditions find it; what is shown says when it will no longer be. Without, everything is
 * shown until it is removed.
 */
#include "local_expiry_fixture.h"

static int set_up_hiding(void **state)
{
	int failed = set_up(state);
	if (!failed)
		open_hiding(*state, true);
	return failed;
}

enum { ITEMS = 400 };

static bool is_hidden(const struct ddb_value *item)
{
	int64_t time;
	return told_time(item, &time) && time <= NOW && time >= NOW - YEARS;
}

static size_t fill(struct fixture *f)
{
	size_t shown = 0;
	create_from(f, "Table", with_ttl);
	for (unsigned i = 0; i < ITEMS; i++) {
		struct ddb_value item = expiring_item(f, i, 2);
		shown += !is_hidden(&item);
		put(f, "Table", item);
	}
	assert_true(shown > 100 && shown < ITEMS - 50);
	return shown;
}

static void get_does_not_find_it(void **state)
{
	F;
	fill(f);
	for (unsigned i = 0; i < ITEMS; i++) {
		struct ddb_value item = expiring_item(f, i, 2), key = expiring_key(f, i);
		struct ddb_get_item request = {.table = "Table", .key = key, .meta_only = i % 2};
		struct ddb_get_result result = {.found = false};
		struct ddb_batch_get batch = {.table = "Table", .keys = &key, .key_count = 1};
		struct ddb_batch_get_result got;
		int64_t time;
		assert_ok(f, OP(f->engine, get_item, &f->arena, &request, &result, &f->err));
		assert_int_equal(result.found, !is_hidden(&item));
		if (result.found && told_time(&item, &time) && time > NOW)
			assert_true(result.entry.meta.expires == time);
		else if (result.found)
			assert_true(result.entry.meta.expires == 0);
		assert_ok(f, OP(f->engine, batch_get, &f->arena, &batch, 1, &got, &f->err));
		assert_int_equal(got.count, !is_hidden(&item));
	}
	open_hiding(f, false);
	for (unsigned i = 0; i < ITEMS; i++) {
		struct ddb_get_result result = get(f, "Table", expiring_key(f, i));
		assert_true(result.found && result.entry.meta.expires == 0);
	}
}

/* All that a query finds, in pages of so many; what was examined comes too. */
static size_t count_all(struct fixture *f, struct ddb_query request, size_t *ret_examined)
{
	size_t count = 0;
	struct ddb_page page;
	struct ddb_value last;
	*ret_examined = 0;
	do {
		page = query(f, request);
		count += page.count;
		*ret_examined += page.examined;
		for (size_t i = 0; request.select != DDB_SELECT_COUNT && i < page.count; i++) {
			struct ddb_entry *entry = &page.entries[i];
			assert_false(!request.keys_only && is_hidden(&entry->item));
			assert_true(entry->meta.expires == 0 || entry->meta.expires > NOW);
		}
		last = page.last;
		request.start = &last;
	} while (page.more);
	return count;
}

static void pages_pass_over_it(void **state)
{
	F;
	size_t shown = fill(f), examined, indexed = 0;
	static const uint32_t limits[] = {0, 1, 7, 100};
	for (unsigned i = 0; i < ITEMS; i++) {
		struct ddb_value item = expiring_item(f, i, 2);
		indexed += !is_hidden(&item) && ddb_map_get(&item, "s", 1);
	}
	for (unsigned i = 0; i < 4; i++) {
		struct ddb_query forms_of[] = {
			{.keys_only = true}, {.select = DDB_SELECT_COUNT}, {.select = DDB_SELECT_DEFAULT}};
		for (unsigned k = 0; k < 3; k++) {
			struct ddb_query request = forms_of[k];
			request.table = "Table";
			request.limit = limits[i];
			assert_int_equal(count_all(f, request, &examined), shown);
			assert_int_equal(examined, ITEMS);
			request.index = "by-s"; /* which does not project the time */
			assert_int_equal(count_all(f, request, &examined), indexed);
		}
		ddb_arena_reset(&f->arena);
	}
	open_hiding(f, false);
	assert_int_equal(
		count_all(f, (struct ddb_query){.table = "Table", .select = DDB_SELECT_COUNT}, &examined),
		ITEMS);
}

static void a_partition_is_read_both_ways(void **state)
{
	F;
	size_t examined, forth = 0, back = 0;
	size_t shown = fill(f);
	for (unsigned i = 0; i < PARTITIONS; i++) {
		char text[160];
		for (unsigned wide = 0; wide < 2; wide++) {
			snprintf(text, sizeof text, "%0*u", wide ? 110 : 3, i);
			struct ddb_value pk = ddb_string(text, strlen(text));
			struct ddb_query request = {.table = "Table", .range = PARTITION(pk), .limit = 3};
			forth += count_all(f, request, &examined);
			request.backward = request.keys_only = true;
			back += count_all(f, request, &examined);
		}
	}
	assert_int_equal(forth, shown);
	assert_int_equal(back, shown);
}

/* Nothing that is there is overwritten by who wants to make something new. */
static void writes_find_it(void **state)
{
	F;
	create_from(f, "Table", with_ttl);
	struct ddb_value item = MAP("pk=S:a", "sk=N:1", "ttl=N:1699999999", "x=N:1"),
			 key = MAP("pk=S:a", "sk=N:1");
	put(f, "Table", item);
	assert_false(get(f, "Table", key).found);
	struct ddb_put_result result;
	struct ddb_put_item request = {.table = "Table", .item = item, .condition = DDB_IF_ABSENT};
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	struct ddb_update_item update = {.table = "Table",
		.key = key,
		.changes = SET("ttl=N:1700000009"),
		.condition = DDB_IF_PRESENT};
	assert_ok(f, OP(f->engine, update_item, &update, &result, &f->err));
	assert_true(result.replaced && result.meta.expires == 1700000009);
	assert_string_equal(text_of(&f->arena, item_at(f, "Table", key), "x"), "1");
	local_of(f->engine)->expiry_now = 1700000008;
	assert_true(get(f, "Table", key).found);
	local_of(f->engine)->expiry_now = 1700000009;
	assert_false(get(f, "Table", key).found);
	assert_true(delete (f, "Table", key));
	assert_int_equal(counts(f, "Table").items, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(get_does_not_find_it, set_up_hiding, tear_down),
		cmocka_unit_test_setup_teardown(pages_pass_over_it, set_up_hiding, tear_down),
		cmocka_unit_test_setup_teardown(a_partition_is_read_both_ways, set_up_hiding, tear_down),
		cmocka_unit_test_setup_teardown(writes_find_it, set_up_hiding, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

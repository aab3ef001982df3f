/*
 * The life of streams: turning on and off, tables that are renamed and deleted, what is no longer kept,
 * pages, and who watches.
 */
#include "local_stream_fixture.h"
#include "local_records.h"

#include <sched.h>

#define ID(id) "{\"id\":{\"S\":\"" id "\"}}"

static uint64_t end_of(struct fixture *f, const char *table)
{
	return read_page(f, (struct ddb_read_stream){.table = table, .after = UINT64_MAX}).next;
}

static const char *told_by(struct fixture *f, const char *table, const char *label, bool closed)
{
	struct ddb_stream_page page = read_page(f, (struct ddb_read_stream){.table = table, .label = label});
	assert_int_equal(page.closed, closed);
	return text_of_page(f, &page);
}

static void assert_no_stream(struct fixture *f, const char *table, const char *label)
{
	struct ddb_stream_page page;
	const struct ddb_read_stream request = {.table = table, .label = label};
	assert_code(
		f, OP(f->engine, read_stream, &f->arena, &request, &page, &f->err), DDB_RESOURCE_NOT_FOUND);
}

static struct ddb_table *describe(struct fixture *f, const char *name)
{
	struct ddb_table *table;
	assert_ok(f, OP(f->engine, describe_table, name, &table, &f->err));
	return table;
}

/* ---- On and off ---- */

static void test_on_and_off(void **state)
{
	F;
	create_streamed(f, "Users", false, NULL);
	put(f, "Users", MAP("id=S:unseen"));
	assert_no_stream(f, "Users", NULL);
	assert_int_equal(streams_of(f, "Users").count, 0);
	set_stream(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:a"));
	set_stream(f, "Users", false, NULL);
	put(f, "Users", MAP("id=S:unseen-again"));
	set_stream(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:b"));
	set_stream(f, "Users", false, "NEW_IMAGE"); /* off and on in one */
	put(f, "Users", MAP("id=S:c"));
	for (unsigned round = 0; round < 2; round++) {
		struct ddb_streams streams = streams_of(f, "Users");
		assert_int_equal(streams.count, 3);
		const struct ddb_stream *all = streams.streams;
		for (size_t i = 0; i < 3; i++) {
			assert_string_equal(all[i].table, "Users");
			assert_int_equal(strlen(all[i].label), strlen("YYYY-MM-DDThh:mm:ss.fff"));
			assert_true(strlen(all[i].shard) >= 28);
			assert_int_equal(all[i].hash.type, DDB_S);
			assert_string_equal(all[i].hash.name, "id");
			assert_int_equal(all[i].range.type, 0);
			assert_int_equal(all[i].until_ns != 0, i < 2);
			assert_int_equal(all[i].last != 0, i < 2);
			assert_true(i == 0 || all[i].first > all[i - 1].last);
			assert_true(i == 0 || all[i].since_ns > all[i - 1].since_ns);
		}
		assert_int_equal(all[1].view, DDB_STREAM_KEYS_ONLY);
		assert_int_equal(all[2].view, DDB_STREAM_NEW);
		assert_string_equal(told_by(f, "Users", all[0].label, true), "INSERT " ID("a") " 3\n");
		assert_string_equal(told_by(f, "Users", all[1].label, true), "INSERT " ID("b") " 3\n");
		assert_string_equal(
			told_by(f, "Users", all[2].label, false), "INSERT " ID("c") " +" ID("c") " 6\n");
		assert_string_equal(told(f, "Users"), "INSERT " ID("c") " +" ID("c") " 6\n");
		DDB_TABLE_AUTO struct ddb_table *table = describe(f, "Users");
		assert_true(table->stream_ns == all[2].since_ns);
		assert_no_stream(f, "Users", "2020-01-01T00:00:00.000");
		assert_no_stream(f, "None", all[2].label);
		engine_reopen(f);
	}
}

static enum ddb_code convert(void *context, struct ddb_arena *arena, const struct ddb_definition *definition,
	const struct ddb_value *item, struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_value *name = ddb_map_get(item, DDB_PROVISIONAL_HASH, strlen(DDB_PROVISIONAL_HASH));
	(void)context, (void)definition, (void)err;
	*ret = map_of(arena, "id=S:?", NULL);
	ret->attributes[0].value = *name;
	return DDB_OK;
}

static void test_defined(void **state)
{
	F;
	create(f, "Made", NULL);
	assert_ok(f, OP(f->engine, settle_table, "Made", DDB_PROVISIONAL_SIMPLE, &f->err));
	put(f, "Made", MAP("\xffpk=S:before"));
	const struct ddb_define_table request = {
		.table = "Made", .definition = streamed(f, false, "KEYS_ONLY"), .convert = convert};
	assert_ok(f, OP(f->engine, define_table, &request, &f->err));
	ddb_definition_unref(request.definition);
	put(f, "Made", MAP("id=S:after"));
	assert_true(get(f, "Made", MAP("id=S:before")).found);
	assert_string_equal(told(f, "Made"), "INSERT " ID("after") " 7\n");
}

/* ---- Names ---- */

static void test_rename(void **state)
{
	F;
	create_streamed(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:a"));
	set_stream(f, "Users", false, NULL);
	set_stream(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:b"));
	create_streamed(f, "People", false, "KEYS_ONLY"); /* empty, and replaced */
	put(f, "People", MAP("id=S:c"));
	delete (f, "People", MAP("id=S:c"));
	assert_ok(f, OP(f->engine, rename_table, "Users", "People", &f->err));
	put(f, "People", MAP("id=S:d"));
	assert_string_equal(told(f, "People"), "INSERT " ID("b") " 3\nINSERT " ID("d") " 3\n");
	assert_no_stream(f, "Users", NULL);
	assert_int_equal(streams_of(f, "Users").count, 0);
	struct ddb_streams streams = streams_of(f, "People");
	assert_int_equal(streams.count, 3);
	assert_string_equal(told_by(f, "People", streams.streams[0].label, true), "INSERT " ID("a") " 3\n");
	assert_string_equal(told_by(f, "People", streams.streams[2].label, true),
		"INSERT " ID("c") " 3\nREMOVE " ID("c") " 3\n");
}

static void test_delete(void **state)
{
	F;
	create_streamed(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:a"));
	assert_ok(f, OP(f->engine, delete_table, "Users", false, &f->err));
	struct ddb_streams streams = streams_of(f, NULL);
	assert_int_equal(streams.count, 1);
	assert_string_equal(told_by(f, "Users", streams.streams[0].label, true), "INSERT " ID("a") " 3\n");
	assert_no_stream(f, "Users", NULL);
	create_streamed(f, "Users", false, "KEYS_ONLY");
	assert_string_equal(told(f, "Users"), "");
	assert_string_equal(told_by(f, "Users", streams.streams[0].label, true), "INSERT " ID("a") " 3\n");
	assert_int_equal(streams_of(f, NULL).count, 2);
	/* A provisional table, or one without a stream, leaves none. */
	create(f, "Kindless", NULL);
	assert_ok(f, OP(f->engine, delete_table, "Kindless", true, &f->err));
	assert_int_equal(streams_of(f, NULL).count, 2);
}

static void test_list(void **state)
{
	F;
	static const char *const names[] = {"Ddd", "Aaa", "Ccc", "Bbb"};
	char order[64] = "";
	for (size_t i = 0; i < 4; i++)
		create_streamed(f, names[i], false, "KEYS_ONLY");
	set_stream(f, "Ccc", false, "NEW_IMAGE");
	struct ddb_list_streams request = {.limit = 2};
	struct ddb_streams streams = {.more = true};
	for (unsigned pages = 1; streams.more; pages++) {
		assert_ok(f, OP(f->engine, list_streams, &f->arena, &request, &streams, &f->err));
		for (size_t i = 0; i < streams.count; i++)
			strncat(order, streams.streams[i].table, 1);
		assert_true(pages <= 3 && streams.count <= 2 && streams.count > 0);
		request.after = &streams.streams[streams.count - 1];
	}
	assert_string_equal(order, "ABCCD");
}

/* ---- Pages ---- */

static void test_pages(void **state)
{
	F;
	create_streamed(f, "Users", false, "NEW_IMAGE");
	uint64_t start = end_of(f, "Users");
	for (unsigned i = 0; i < 5; i++) {
		char id[16];
		snprintf(id, sizeof id, "id=S:%u", i);
		struct ddb_value item = MAP(id);
		put(f, "Users", with(&f->arena, &item, "text", filled(&f->arena, 1000, 'x')));
	}
	struct ddb_read_stream request = {.table = "Users", .limit = 2};
	static const size_t sizes[] = {2, 2, 1};
	for (size_t i = 0; i < 3; i++) {
		struct ddb_stream_page page = read_page(f, request);
		assert_int_equal(page.count, sizes[i]);
		assert_int_equal(page.more, i < 2);
		assert_false(page.closed);
		assert_true(page.next >= page.records[page.count - 1].sequence);
		request.after = page.next;
	}
	/* By bytes; the first always comes. */
	request = (struct ddb_read_stream){.table = "Users", .max_bytes = 2100};
	assert_int_equal(read_page(f, request).count, 2);
	request.max_bytes = 1;
	struct ddb_stream_page page = read_page(f, request);
	assert_int_equal(page.count, 1);
	assert_true(page.more);
	/* From a record on, and from behind all. */
	request = (struct ddb_read_stream){.table = "Users", .after = page.records[0].sequence, .kept = true};
	assert_int_equal(read_page(f, request).count, 4);
	request.after--;
	assert_int_equal(read_page(f, request).count, 5);
	request.after = start;
	assert_int_equal(read_page(f, request).count, 5);
	uint64_t end = end_of(f, "Users");
	request.after = end;
	assert_int_equal(read_page(f, request).count, 0);
	put(f, "Users", MAP("id=S:later"));
	assert_int_equal(read_page(f, request).count, 1);
	/* A stream that is off ends. */
	const struct ddb_stream *on = streams_of(f, "Users").streams;
	set_stream(f, "Users", false, NULL);
	request = (struct ddb_read_stream){.table = "Users", .label = on->label, .limit = 5};
	page = read_page(f, request);
	assert_true(page.more && !page.closed);
	request.after = page.next;
	page = read_page(f, request);
	assert_int_equal(page.count, 1);
	assert_true(!page.more && page.closed);
	request.after = UINT64_MAX;
	page = read_page(f, request);
	assert_true(page.count == 0 && page.closed && page.next == page.stream.last);
}

/* ---- A day later ---- */

static void test_trimming(void **state)
{
	F;
	struct ddb_stream_page page;
	set_time(f, 1000 * HOUR);
	create_streamed(f, "Users", false, "KEYS_ONLY");
	create_streamed(f, "Idle", false, "KEYS_ONLY");
	uint64_t idle = end_of(f, "Idle");
	put(f, "Users", MAP("id=S:a"));
	set_time(f, 1001 * HOUR);
	put(f, "Users", MAP("id=S:b"));
	page = read_page(f, (struct ddb_read_stream){.table = "Users"});
	uint64_t first = page.records[0].sequence, second = page.records[1].sequence;
	set_time(f, 1024 * HOUR); /* exactly a day */
	assert_string_equal(told(f, "Users"), "INSERT " ID("a") " 3\nINSERT " ID("b") " 3\n");
	set_time(f, 1024 * HOUR + 1);
	for (unsigned round = 0; round < 2; round++) {
		/* Not shown, whether or not it is still there. */
		assert_int_equal(count_records(f, LOCAL_STREAM_RECORD), round ? 1 : 2);
		assert_string_equal(told(f, "Users"), "INSERT " ID("b") " 3\n");
		struct ddb_read_stream request = {.table = "Users", .after = first - 1, .kept = true};
		assert_code(
			f, OP(f->engine, read_stream, &f->arena, &request, &page, &f->err), DDB_TRIMMED_DATA);
		request.after = first;
		assert_int_equal(read_page(f, request).count, 1);
		request.after = second;
		assert_int_equal(read_page(f, request).count, 0);
		assert_true(local_streams_tend(local_of(f->engine)));
	}
	/* Who waits at the end of a stream where nothing happens is not behind. */
	struct ddb_read_stream waits = {.table = "Idle", .after = idle, .kept = true};
	waits.after = read_page(f, waits).next;
	set_time(f, 1100 * HOUR);
	assert_true(local_streams_tend(local_of(f->engine)));
	assert_int_equal(count_records(f, LOCAL_STREAM_RECORD), 0);
	assert_int_equal(read_page(f, waits).count, 0);
	assert_string_equal(told(f, "Users"), "");
	put(f, "Users", MAP("id=S:c"));
	assert_string_equal(told(f, "Users"), "INSERT " ID("c") " 3\n");
	engine_reopen(f);
	set_time(f, 1100 * HOUR);
	struct ddb_read_stream request = {.table = "Users", .after = first, .kept = true};
	assert_refused(f, OP(f->engine, read_stream, &f->arena, &request, &page, &f->err), DDB_TRIMMED_DATA,
		"The operation attempted to read past the oldest stream record in a shard");
}

/* More than a step removes, and more than a page passes over. */
static void test_trimming_many(void **state)
{
	F;
	enum { MANY = 5000 };
	set_time(f, 1000 * HOUR);
	create_streamed(f, "Users", false, "KEYS_ONLY");
	for (unsigned i = 0; i < MANY;) {
		struct ddb_value items[1000];
		for (unsigned k = 0; k < 1000; k++, i++) {
			char id[32];
			snprintf(id, sizeof id, "id=S:%u", i);
			items[k] = MAP(id);
		}
		struct ddb_put_many_result done;
		const struct ddb_put_many many = {.table = "Users", .items = items, .count = 1000};
		assert_ok(f, OP(f->engine, put_many, &many, &done, &f->err));
	}
	set_time(f, 1030 * HOUR);
	put(f, "Users", MAP("id=S:new"));
	struct ddb_read_stream request = {.table = "Users"};
	unsigned pages = 0, count = 0;
	for (bool more = true; more; pages++) {
		struct ddb_stream_page page = read_page(f, request);
		more = page.more;
		count += page.count;
		request.after = page.next;
	}
	assert_int_equal(count, 1);
	assert_int_equal(pages, 2);
	assert_true(local_streams_tend(local_of(f->engine)));
	assert_int_equal(count_records(f, LOCAL_STREAM_RECORD), 1);
	assert_string_equal(told(f, "Users"), "INSERT " ID("new") " 5\n");
}

static void test_end_of_streams(void **state)
{
	F;
	enum { TABLES = 300 };
	set_time(f, 1000 * HOUR);
	for (unsigned i = 0; i < TABLES; i++) {
		char name[32];
		snprintf(name, sizeof name, "Table%u", i);
		create_streamed(f, name, false, "KEYS_ONLY");
		put(f, name, MAP("id=S:a"));
		assert_ok(f, OP(f->engine, delete_table, name, false, &f->err));
	}
	create_streamed(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:a"));
	set_time(f, 1010 * HOUR);
	set_stream(f, "Users", false, NULL);
	char label[DDB_STREAM_LABEL_MAX];
	strcpy(label, streams_of(f, "Users").streams[0].label);
	set_time(f, 1034 * HOUR);
	assert_int_equal(streams_of(f, NULL).count, 1);
	assert_string_equal(told_by(f, "Users", label, true), ""); /* its record is too old */
	assert_int_equal(count_records(f, LOCAL_STREAM), TABLES + 1);
	assert_true(local_streams_tend(local_of(f->engine)));
	assert_int_equal(count_records(f, LOCAL_STREAM), 1);
	assert_int_equal(count_records(f, LOCAL_STREAM_RECORD), 0);
	set_time(f, 1034 * HOUR + 1);
	assert_no_stream(f, "Users", label);
	assert_int_equal(streams_of(f, NULL).count, 0);
	assert_true(local_streams_tend(local_of(f->engine)));
	assert_int_equal(count_records(f, LOCAL_STREAM), 0);
	assert_int_equal(count_records(f, LOCAL_TOMBSTONE), 0);
}

/* The thread does the same by itself, when a store is opened. */
static void test_thread(void **state)
{
	F;
	set_time(f, 1000 * HOUR); /* long ago */
	create_streamed(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:a"));
	/* Its round may be under way by either clock. */
	local_worker_stop(&local_of(f->engine)->streams.worker);
	assert_int_equal(count_records(f, LOCAL_STREAM_RECORD), 1);
	engine_reopen(f);
	while (count_records(f, LOCAL_STREAM_RECORD) > 0)
		sched_yield();
	assert_string_equal(told(f, "Users"), "");
}

/* ---- Watching ---- */

struct watch {
	struct fixture *f;
	unsigned stirred, seen;
	uint64_t after;
};

/* What is committed can be read already. */
static void stirred(void *context)
{
	struct watch *watch = context;
	watch->stirred++;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, 1 << 20);
	struct ddb_stream_page page;
	const struct ddb_read_stream request = {.table = "Users", .after = watch->after};
	if (OP(watch->f->engine, read_stream, &arena, &request, &page, NULL))
		return;
	watch->seen += (unsigned)page.count;
	watch->after = page.next;
}

static void test_watch(void **state)
{
	F;
	struct watch watch = {.f = f};
	create_streamed(f, "Users", false, "KEYS_ONLY");
	create_streamed(f, "Plain", false, NULL);
	f->engine->ops->watch_streams(f->engine, stirred, &watch);
	put(f, "Plain", MAP("id=S:a"));
	assert_int_equal(watch.stirred, 0);
	put(f, "Users", MAP("id=S:a"));
	assert_int_equal(watch.stirred, 1);
	put(f, "Users", MAP("id=S:a"));
	assert_int_equal(watch.stirred, 1);
	delete (f, "Users", MAP("id=S:none"));
	assert_int_equal(watch.stirred, 1);
	delete (f, "Users", MAP("id=S:a"));
	assert_int_equal(watch.stirred, 2);
	assert_int_equal(watch.seen, 2);
	set_stream(f, "Users", false, NULL);
	assert_int_equal(watch.stirred, 3);
	set_stream(f, "Users", false, "KEYS_ONLY");
	f->engine->ops->watch_streams(f->engine, NULL, NULL);
	put(f, "Users", MAP("id=S:b"));
	assert_int_equal(watch.stirred, 3);
}

/* ---- A store that cannot be written ---- */

static void test_read_only(void **state)
{
	F;
	create_streamed(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:a"));
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.read_only = true});
	assert_string_equal(told(f, "Users"), "INSERT " ID("a") " 3\n");
	assert_int_equal(streams_of(f, NULL).count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_on_and_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_defined, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rename, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_delete, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trimming, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trimming_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end_of_streams, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_thread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_watch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_read_only, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

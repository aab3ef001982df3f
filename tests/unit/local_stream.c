/*
 * Streams of the local engine: which records a change leaves, in every way an item can change.
 */
#include "local_stream_fixture.h"

#include "engine/expr/changes.h"
#include <sched.h>

#define ID_A "{\"id\":{\"S\":\"a\"}}"
#define ID_B "{\"id\":{\"S\":\"b\"}}"
#define A(n) "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"" n "\"}}"
#define B(n) "{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"" n "\"}}"

/* ---- Put, delete ---- */

static void test_views(void **state)
{
	F;
	static const struct {
		const char *view, *wanted;
	} rows[] = {
		{"KEYS_ONLY", "INSERT " ID_A " 3\nMODIFY " ID_A " 3\nREMOVE " ID_A " 3\n"},
		{"NEW_IMAGE",
			"INSERT " ID_A " +" A("1") " 9\nMODIFY " ID_A " +" A("2") " 9\nREMOVE " ID_A " 3\n"},
		{"OLD_IMAGE",
			"INSERT " ID_A " 3\nMODIFY " ID_A " -" A("1") " 9\nREMOVE " ID_A " -" A("2") " 9\n"},
		{"NEW_AND_OLD_IMAGES", "INSERT " ID_A " +" A("1") " 9\nMODIFY " ID_A " -" A("1") " +" A(
					       "2") " 15\nREMOVE " ID_A " -" A("2") " 9\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		create_streamed(f, rows[i].view, false, rows[i].view);
		put(f, rows[i].view, MAP("id=S:a", "n=N:1"));
		put(f, rows[i].view, MAP("id=S:a", "n=N:2"));
		delete (f, rows[i].view, MAP("id=S:a"));
		assert_string_equal(told(f, rows[i].view), rows[i].wanted);
	}
}

/* ---- What changes nothing ---- */

static struct ddb_value set_of(struct fixture *f, const char *first, const char *second)
{
	struct ddb_value *elements = ddb_arena_array(&f->arena, 2, sizeof *elements);
	elements[0] = ddb_string(first, strlen(first));
	elements[1] = ddb_string(second, strlen(second));
	struct ddb_value set = {.type = DDB_SS, .count = 2, .elements = elements};
	assert_ok(f, ddb_set_sort(&set, &f->err));
	return set;
}

static struct ddb_put_result update(
	struct fixture *f, struct ddb_value key, const struct ddb_changes *changes)
{
	struct ddb_put_result result;
	const struct ddb_update_item request = {.table = "Users", .key = key, .changes = changes};
	assert_ok(f, OP(f->engine, update_item, &request, &result, &f->err));
	return result;
}

static void test_nothing(void **state)
{
	F;
	create_streamed(f, "Users", false, "NEW_AND_OLD_IMAGES");
	struct ddb_value item = MAP("id=S:a", "n=N:1");
	item = with(&f->arena, &item, "s", set_of(f, "x", "y"));
	put(f, "Users", item);
	const char *once = told(f, "Users");
	assert_non_null(strstr(once, "INSERT "));
	/* Equal, in another order, at another time. */
	put(f, "Users", item);
	put(f, "Users", with(&f->arena, &item, "s", set_of(f, "y", "x")));
	struct ddb_put_result result;
	const struct ddb_put_item dated = {.table = "Users", .item = item, .mtime_ns = 77};
	assert_ok(f, OP(f->engine, put_item, &dated, &result, &f->err));
	const struct ddb_set_mtime time = {.table = "Users", .key = MAP("id=S:a"), .mtime_ns = 78};
	assert_ok(f, OP(f->engine, set_mtime, &time, &f->err));
	assert_true(update(f, MAP("id=S:a"), SET("n=N:1")).unchanged);
	/* Deletes of nothing, a swap and a move to where things are. */
	assert_false(delete (f, "Users", MAP("id=S:none")));
	const struct ddb_move_item same = {.table = "Users", .from = MAP("id=S:a"), .to = MAP("id=S:a")};
	assert_ok(f, OP(f->engine, move_item, &same, &f->err));
	/* What is refused. */
	const struct ddb_put_item absent = {
		.table = "Users", .item = MAP("id=S:a"), .condition = DDB_IF_ABSENT};
	assert_code(f, OP(f->engine, put_item, &absent, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	struct ddb_delete_result deleted;
	const struct ddb_delete_item other = {.table = "Users", .key = MAP("id=S:a"), .if_version = 1};
	assert_code(f, OP(f->engine, delete_item, &other, &deleted, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_string_equal(told(f, "Users"), once);
}

/* ---- Updates and many at once ---- */

static void test_updates(void **state)
{
	F;
	create_streamed(f, "Users", false, "NEW_AND_OLD_IMAGES");
	update(f, MAP("id=S:a"), SET("n=N:1"));
	update(f, MAP("id=S:a"), SET("n=N:2"));
	assert_string_equal(told(f, "Users"),
		"INSERT " ID_A " +" A("1") " 9\nMODIFY " ID_A " -" A("1") " +" A("2") " 15\n");
}

static void test_many(void **state)
{
	F;
	create_streamed(f, "Users", false, "NEW_IMAGE");
	create_streamed(f, "Others", false, "OLD_IMAGE");
	create_streamed(f, "Plain", false, NULL);
	const struct ddb_value items[] = {MAP("id=S:a", "n=N:1"), MAP("id=S:b", "n=N:1"),
		MAP("id=S:a", "n=N:1"), MAP("id=S:a", "n=N:2")};
	struct ddb_put_many_result done;
	const struct ddb_put_many many = {.table = "Users", .items = items, .count = 4};
	assert_ok(f, OP(f->engine, put_many, &many, &done, &f->err));
	const struct ddb_batch_write requests[] = {{.table = "Users", .value = MAP("id=S:b", "n=N:2")},
		{.table = "Others", .value = MAP("id=S:a", "n=N:1")},
		{.table = "Plain", .value = MAP("id=S:a", "n=N:1")},
		{.table = "Users", .deletes = true, .value = MAP("id=S:a")},
		{.table = "Others", .deletes = true, .value = MAP("id=S:none")}};
	struct ddb_batch_write_result result;
	assert_ok(f, OP(f->engine, batch_write, &f->arena, requests, 5, &result, &f->err));
	assert_string_equal(told(f, "Users"),
		"INSERT " ID_A " +" A("1") " 9\nINSERT " ID_B " +" B("1") " 9\nMODIFY " ID_A " +" A(
			"2") " 9\nMODIFY " ID_B " +" B("2") " 9\nREMOVE " ID_A " 3\n");
	assert_string_equal(told(f, "Others"), "INSERT " ID_A " 3\n");
	struct ddb_stream_page page;
	const struct ddb_read_stream request = {.table = "Plain"};
	assert_refused(f, OP(f->engine, read_stream, &f->arena, &request, &page, &f->err),
		DDB_RESOURCE_NOT_FOUND, "Requested resource not found: Stream not found");
}

/* ---- Moves ---- */

static void move(struct fixture *f, const char *from, const char *to, bool exchange)
{
	const struct ddb_move_item request = {
		.table = "Users", .from = MAP(from), .to = MAP(to), .exchange = exchange};
	assert_ok(f, OP(f->engine, move_item, &request, &f->err));
}

static void test_moves(void **state)
{
	F;
	create_streamed(f, "Users", false, "NEW_AND_OLD_IMAGES");
	put(f, "Users", MAP("id=S:a", "n=N:1"));
	uint64_t before = read_page(f, (struct ddb_read_stream){.table = "Users"}).next;
	move(f, "id=S:a", "id=S:b", false);
	struct ddb_stream_page page =
		read_page(f, (struct ddb_read_stream){.table = "Users", .after = before});
	assert_string_equal(
		text_of_page(f, &page), "REMOVE " ID_A " -" A("1") " 9\nINSERT " ID_B " +" B("1") " 9\n");
	assert_true(page.records[1].sequence == get(f, "Users", MAP("id=S:b")).entry.meta.version);
	/* Over another one. */
	put(f, "Users", MAP("id=S:a", "n=N:2"));
	before = read_page(f, (struct ddb_read_stream){.table = "Users"}).next;
	move(f, "id=S:a", "id=S:b", false);
	page = read_page(f, (struct ddb_read_stream){.table = "Users", .after = before});
	assert_string_equal(text_of_page(f, &page),
		"REMOVE " ID_A " -" A("2") " 9\nMODIFY " ID_B " -" B("1") " +" B("2") " 15\n");
	/* A swap; and one of equals, which shows in no key. */
	put(f, "Users", MAP("id=S:a", "n=N:3"));
	before = read_page(f, (struct ddb_read_stream){.table = "Users"}).next;
	move(f, "id=S:a", "id=S:b", true);
	page = read_page(f, (struct ddb_read_stream){.table = "Users", .after = before});
	assert_string_equal(text_of_page(f, &page),
		"MODIFY " ID_B " -" B("2") " +" B("3") " 15\nMODIFY " ID_A " -" A("3") " +" A("2") " 15\n");
	put(f, "Users", MAP("id=S:a", "n=N:3"));
	before = read_page(f, (struct ddb_read_stream){.table = "Users"}).next;
	move(f, "id=S:a", "id=S:b", true);
	assert_int_equal(read_page(f, (struct ddb_read_stream){.table = "Users", .after = before}).count, 0);
}

#define ORDER(id, at) "{\"at\":{\"N\":\"" at "\"},\"id\":{\"S\":\"" id "\"}}"

static void test_partition(void **state)
{
	F;
	create_streamed(f, "Orders", true, "NEW_AND_OLD_IMAGES");
	put(f, "Orders", MAP("id=S:a", "at=N:1"));
	put(f, "Orders", MAP("id=S:a", "at=N:2"));
	uint64_t before = read_page(f, (struct ddb_read_stream){.table = "Orders"}).next;
	const struct ddb_move_partition request = {
		.table = "Orders", .from = text_value(&f->arena, "S:a"), .to = text_value(&f->arena, "S:b")};
	assert_ok(f, OP(f->engine, move_partition, &request, &f->err));
	struct ddb_stream_page page =
		read_page(f, (struct ddb_read_stream){.table = "Orders", .after = before});
	assert_string_equal(text_of_page(f, &page),
		"REMOVE " ORDER("a", "1") " -" ORDER("a", "1") " 14\nINSERT " ORDER("b", "1") " +" ORDER(
			"b", "1") " 14\n"
				  "REMOVE " ORDER("a", "2") " -" ORDER("a", "2") " 14\nINSERT " ORDER(
					  "b", "2") " +" ORDER("b", "2") " 14\n");
	assert_true(page.records[1].sequence == get(f, "Orders", MAP("id=S:b", "at=N:1")).entry.meta.version);
}

/* More records than a job's own number has room for; writers beside it, so that the commit is shared. */
enum { LARGE = LOCAL_VERSIONS / 2 + 1000 };

struct beside {
	struct fixture *f;
	unsigned done; /* atomic */
	bool stop;     /* atomic */
};

static void *write_beside(void *context)
{
	struct beside *beside = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, 1 << 20);
	for (unsigned i = 0; !__atomic_load_n(&beside->stop, __ATOMIC_SEQ_CST); i++) {
		char n[32];
		struct ddb_put_result result;
		snprintf(n, sizeof n, "at=N:%u", i);
		const struct ddb_put_item request = {
			.table = "Orders", .item = map_of(&arena, "id=S:beside", n, NULL)};
		if (OP(beside->f->engine, put_item, &request, &result, NULL))
			abort();
		__atomic_add_fetch(&beside->done, 1, __ATOMIC_SEQ_CST);
		ddb_arena_reset(&arena);
	}
	return NULL;
}

static uint64_t last_sequence(struct fixture *f, size_t *ret_count)
{
	struct ddb_read_stream request = {.table = "Orders"};
	uint64_t last = 0;
	*ret_count = 0;
	for (bool more = true; more;) {
		struct ddb_stream_page page = read_page(f, request);
		for (size_t i = 0; i < page.count; i++) {
			assert_true(page.records[i].sequence > last);
			last = page.records[i].sequence;
		}
		*ret_count += page.count;
		request.after = page.next;
		more = page.more;
	}
	return last;
}

static void test_large_partition(void **state)
{
	F;
	pthread_t thread;
	size_t count;
	struct beside beside = {.f = f};
	create_streamed(f, "Orders", true, "KEYS_ONLY");
	for (unsigned i = 0; i < LARGE;) {
		struct ddb_value items[1000];
		unsigned some = 0;
		for (; some < 1000 && i < LARGE; some++, i++) {
			char at[32];
			snprintf(at, sizeof at, "at=N:%u", i);
			items[some] = MAP("id=S:a", at);
		}
		struct ddb_put_many_result done;
		const struct ddb_put_many many = {.table = "Orders", .items = items, .count = some};
		assert_ok(f, OP(f->engine, put_many, &many, &done, &f->err));
	}
	assert_int_equal(pthread_create(&thread, NULL, write_beside, &beside), 0);
	while (__atomic_load_n(&beside.done, __ATOMIC_SEQ_CST) == 0)
		sched_yield();
	const struct ddb_move_partition request = {
		.table = "Orders", .from = text_value(&f->arena, "S:a"), .to = text_value(&f->arena, "S:b")};
	assert_ok(f, OP(f->engine, move_partition, &request, &f->err));
	__atomic_store_n(&beside.stop, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	uint64_t last = last_sequence(f, &count);
	assert_int_equal(count, 3 * LARGE + beside.done);
	/* What comes later has higher numbers, here and when the store was opened again. */
	put(f, "Orders", MAP("id=S:c", "at=N:1"));
	uint64_t next = last_sequence(f, &count);
	assert_true(next > last);
	engine_reopen(f);
	put(f, "Orders", MAP("id=S:c", "at=N:2"));
	assert_true(last_sequence(f, &count) > next);
	assert_int_equal(count, 3 * LARGE + beside.done + 2);
}

/* ---- Scratch files that become items and back ---- */

static void test_scratch(void **state)
{
	F;
	struct ddb_scratch_meta meta;
	struct ddb_put_result result;
	struct ddb_delete_result deleted;
	const struct ddb_scratch_name name = scratch(".tmp");
	create_streamed(f, "Users", false, "KEYS_ONLY");
	assert_ok(f, OP(f->engine, scratch_create, &name, 0644, true, &meta, &f->err));
	const struct ddb_put_item request = {.table = "Users", .item = MAP("id=S:a"), .consume = &name};
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	const struct ddb_delete_item away = {
		.table = "Users", .key = MAP("id=S:a"), .keep = &name, .kept_text = ""};
	assert_ok(f, OP(f->engine, delete_item, &away, &deleted, &f->err));
	assert_string_equal(told(f, "Users"), "INSERT " ID_A " 3\nREMOVE " ID_A " 3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_views, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_updates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_moves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_partition, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_large_partition, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_scratch, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

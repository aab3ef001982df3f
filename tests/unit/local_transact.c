/*
 * TransactWriteItems and TransactGetItems of the local engine: what the API's cases cannot show, since it
 * takes several threads, a store that fails, or other limits.
 */
#include "local_expressions.h"

#include "engine/local/local_private.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define KEY(id) MAP("id=S:" id)

static int set_up_tables(void **state)
{
	if (set_up(state))
		return -1;
	F;
	create(f, "Acc", "id:S");
	create(f, "Log", "who:S,at:N");
	return 0;
}

static enum ddb_code write_with(struct fixture *f, const struct ddb_transact_action *actions, size_t count,
	const char *token, struct ddb_transact_result *ret)
{
	const struct ddb_transact_write request = {
		.count = count, .actions = actions, .token = token, .identity = "i", .identity_length = 1};
	return OP(f->engine, transact_write, &f->arena, &request, ret, &f->err);
}

/* ---- Limits ---- */

static void counts_are_limited(void **state)
{
	F;
	struct ddb_transact_action actions[DDB_TRANSACT_MAX + 1];
	struct ddb_transact_get gets[DDB_TRANSACT_MAX + 1];
	struct ddb_transact_result written;
	struct ddb_transact_get_result got;
	for (unsigned i = 0; i <= DDB_TRANSACT_MAX; i++) {
		char id[16];
		snprintf(id, sizeof id, "id=S:%u", i);
		struct ddb_value key = map_of(&f->arena, id, NULL);
		actions[i] =
			(struct ddb_transact_action){.kind = DDB_TRANSACT_PUT, .table = "Acc", .value = key};
		gets[i] = (struct ddb_transact_get){.table = "Acc", .key = key};
	}
	assert_code(f, write_with(f, actions, DDB_TRANSACT_MAX + 1, NULL, &written), DDB_VALIDATION);
	assert_code(f, write_with(f, actions, 0, NULL, &written), DDB_VALIDATION);
	assert_ok(f, write_with(f, actions, DDB_TRANSACT_MAX, NULL, &written));
	assert_int_equal(counts(f, "Acc").items, DDB_TRANSACT_MAX);
	assert_code(f, OP(f->engine, transact_get, &f->arena, gets, DDB_TRANSACT_MAX + 1, &got, &f->err),
		DDB_VALIDATION);
	assert_code(f, OP(f->engine, transact_get, &f->arena, gets, 0, &got, &f->err), DDB_VALIDATION);
	assert_ok(f, OP(f->engine, transact_get, &f->arena, gets, DDB_TRANSACT_MAX, &got, &f->err));
	for (unsigned i = 0; i < DDB_TRANSACT_MAX; i++)
		assert_true(got.items[i].found);
}

/* The items that are told with reasons have a bound together. */
static void told_items_are_bounded(void **state)
{
	enum { BYTES = 390000, ITEMS = 30 };
	F;
	struct ddb_transact_action actions[ITEMS];
	struct ddb_transact_result result;
	size_t bytes = 0;
	for (unsigned i = 0; i < ITEMS; i++) {
		char id[16];
		snprintf(id, sizeof id, "id=S:%u", i);
		struct ddb_value key = map_of(&f->arena, id, NULL);
		put(f, "Acc", with(&f->arena, &key, "x", filled(&f->arena, BYTES, 'x')));
		actions[i] = (struct ddb_transact_action){.kind = DDB_TRANSACT_CHECK,
			.table = "Acc",
			.value = key,
			.condition = condition(f, "attribute_not_exists(id)", NULL),
			.return_on_failure = true};
	}
	assert_code(f, write_with(f, actions, ITEMS, NULL, &result), DDB_TRANSACTION_CANCELED);
	for (unsigned i = 0; i < ITEMS; i++) {
		assert_int_equal(result.reasons[i].code, DDB_CONDITIONAL_CHECK_FAILED);
		bytes += result.reasons[i].has_item ? ddb_item_size(&result.reasons[i].item) : 0;
	}
	assert_true(bytes <= DDB_REASONS_ITEMS_MAX && bytes + BYTES + 100 > DDB_REASONS_ITEMS_MAX);
}

static void create_collected(struct fixture *f)
{
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.collection_max = 1000});
	struct ddb_definition *definition = definition_read(f,
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"},"
		"{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"},"
		"{\"AttributeName\":\"l\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],"
		"\"LocalSecondaryIndexes\":[{\"IndexName\":\"loc\",\"KeySchema\":["
		"{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"l\",\"KeyType\":\"RANGE\"}],"
		"\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}]}");
	assert_ok(f, OP(f->engine, create_table, "Col", definition, &f->err));
	ddb_definition_unref(definition);
}

static struct ddb_value large_row(struct fixture *f, const char *sort, size_t bytes)
{
	char text[16];
	snprintf(text, sizeof text, "sk=S:%s", sort);
	struct ddb_value item = map_of(&f->arena, "id=S:a", text, NULL);
	return with(&f->arena, &item, "x", filled(&f->arena, bytes, 'x'));
}

static void collections_are_limited(void **state)
{
	F;
	struct ddb_transact_result result;
	create_collected(f);
	const struct ddb_transact_action actions[] = {
		{.kind = DDB_TRANSACT_PUT, .table = "Acc", .value = KEY("a")},
		{.kind = DDB_TRANSACT_PUT, .table = "Col", .value = large_row(f, "1", 600)},
		{.kind = DDB_TRANSACT_PUT, .table = "Col", .value = large_row(f, "2", 600)},
	};
	assert_code(f, write_with(f, actions, 3, "t", &result), DDB_TRANSACTION_CANCELED);
	assert_int_equal(result.reason_count, 3);
	assert_int_equal(result.reasons[0].code, DDB_OK);
	assert_int_equal(result.reasons[1].code, DDB_OK);
	assert_string_equal(ddb_reason_name(result.reasons[2].code), "ItemCollectionSizeLimitExceeded");
	assert_int_equal(counts(f, "Acc").items + counts(f, "Col").items, 0);
	assert_ok(f, write_with(f, actions, 2, "t", &result)); /* the token was not used */
	assert_false(result.repeated);
	assert_true(result.collection_bytes[0] == UINT64_MAX && result.collection_bytes[1] > 600);
}

static void collections_in_a_view(void **state)
{
	F;
	struct ddb_engine *view;
	struct ddb_put_result ignored;
	struct ddb_commit_result result;
	const struct ddb_open_view transaction = {.kind = DDB_TRANSACTION};
	const struct ddb_commit request = {.check_count = 0};
	create_collected(f);
	assert_ok(f, OP(f->engine, open_view, &transaction, &view, &f->err));
	struct ddb_put_item put_request = {.table = "Col", .item = large_row(f, "1", 600)};
	assert_ok(f, OP(view, put_item, &put_request, &ignored, &f->err));
	put_request.item = large_row(f, "2", 600);
	assert_code(f, OP(view, put_item, &put_request, &ignored, &f->err), DDB_ITEM_COLLECTION_TOO_LARGE);
	put_request.item = KEY("a");
	put_request.table = "Acc";
	assert_ok(f, OP(view, put_item, &put_request, &ignored, &f->err));
	/* Another item of the collection, which nobody has read. */
	put(f, "Col", large_row(f, "3", 600));
	assert_code(f, OP(view, commit, &f->arena, &request, &result, &f->err), DDB_TRANSACTION_CANCELED);
	assert_int_equal(result.reason_count, 1);
	assert_int_equal(result.reasons[0].code, DDB_ITEM_COLLECTION_TOO_LARGE);
	assert_string_equal(text_of(&f->arena, &result.reasons[0].key, "sk"), "1");
	assert_int_equal(counts(f, "Acc").items, 0);
	delete (f, "Col", MAP("id=S:a", "sk=S:3"));
	assert_ok(f, OP(view, commit, &f->arena, &request, &result, &f->err));
	view->ops->close(view);
	assert_int_equal(counts(f, "Acc").items + counts(f, "Col").items, 2);
}

/* ---- A store that fails ---- */

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_store(void **state)
{
	F;
	char path[96], id[16];
	struct stat file;
	struct ddb_transact_result result;
	struct ddb_transact_action actions[10];
	for (unsigned i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "id=S:%u", i);
		struct ddb_value item = map_of(&f->arena, id, NULL);
		actions[i] = (struct ddb_transact_action){.kind = DDB_TRANSACT_PUT,
			.table = "Acc",
			.value = with(&f->arena, &item, "x", filled(&f->arena, 390000, 'x'))};
	}
	snprintf(path, sizeof path, "%s/data.mdb", f->path);
	assert_int_equal(stat(path, &file), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_files((rlim_t)file.st_size + (1 << 20));
	enum ddb_code code = write_with(f, actions, 10, "t", &result);
	limit_files(RLIM_INFINITY);
	signal(SIGXFSZ, SIG_DFL);
	assert_true(code == DDB_STORE_FULL || code == DDB_INTERNAL);
	assert_int_equal(counts(f, "Acc").items, 0);
	assert_ok(f, write_with(f, actions, 10, "t", &result));
	assert_false(result.repeated);
	assert_int_equal(counts(f, "Acc").items, 10);
}

static void no_memory_for_the_answer(void **state)
{
	F;
	DDB_ARENA_AUTO struct ddb_arena small = {0};
	struct ddb_transact_result result;
	const struct ddb_transact_action action = {
		.kind = DDB_TRANSACT_PUT, .table = "Acc", .value = KEY("a")};
	const struct ddb_transact_write request = {.count = 1, .actions = &action};
	for (size_t max = 0;; max += 64) {
		ddb_arena_done(&small);
		ddb_arena_init(&small, max);
		enum ddb_code code = OP(f->engine, transact_write, &small, &request, &result, &f->err);
		if (!code)
			break;
		assert_int_equal(code, DDB_NO_MEMORY);
		assert_int_equal(counts(f, "Acc").items, 0);
		assert_true(max < 1 << 20);
	}
	assert_int_equal(counts(f, "Acc").items, 1);
}

/* ---- Several threads ---- */

enum { WORKERS = 4, ROUNDS = 100 };

struct worker {
	struct ddb_engine *engine;
	pthread_t thread;
	const struct ddb_changes *add;
	struct ddb_value keys[2];
	unsigned first;
};

/* Adds one to two counters: in one transaction, or one by one. */
static void add_to_both(struct worker *worker, bool together, const char *token)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_error err;
	struct ddb_put_result ignored;
	struct ddb_transact_result result;
	ddb_arena_init(&arena, ARENA_MAX);
	const struct ddb_transact_action actions[] = {
		{.kind = DDB_TRANSACT_UPDATE,
			.table = "Acc",
			.value = worker->keys[worker->first],
			.changes = worker->add},
		{.kind = DDB_TRANSACT_UPDATE,
			.table = "Acc",
			.value = worker->keys[!worker->first],
			.changes = worker->add},
	};
	const struct ddb_transact_write request = {
		.count = 2, .actions = actions, .token = token, .identity = "", .identity_length = 0};
	if (together && OP(worker->engine, transact_write, &arena, &request, &result, &err))
		abort();
	for (unsigned i = 0; !together && i < 2; i++) {
		const struct ddb_update_item update = {
			.table = "Acc", .key = worker->keys[i], .changes = worker->add};
		if (OP(worker->engine, update_item, &update, &ignored, &err))
			abort();
	}
}

/* Both counters are equal whenever they are read together, but for what is added one by one. */
static void read_both(struct worker *worker)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_error err;
	struct ddb_transact_get_result got;
	const struct ddb_transact_get gets[] = {
		{.table = "Acc", .key = worker->keys[0]}, {.table = "Acc", .key = worker->keys[1]}};
	ddb_arena_init(&arena, ARENA_MAX);
	if (OP(worker->engine, transact_get, &arena, gets, 2, &got, &err))
		abort();
	int one = got.items[0].found ? atoi(text_of(&arena, &got.items[0].entry.item, "n")) : 0;
	int other = got.items[1].found ? atoi(text_of(&arena, &got.items[1].entry.item, "n")) : 0;
	if (abs(one - other) > 1) /* one worker adds one by one */
		abort();
}

static void *work(void *context)
{
	struct worker *worker = context;
	char token[32];
	for (unsigned i = 0; i < ROUNDS; i++) {
		snprintf(token, sizeof token, "round-%u", i);
		add_to_both(worker, worker->first == 1, NULL);
		add_to_both(worker, true, token); /* once in all */
		read_both(worker);
	}
	return NULL;
}

static void nothing_is_lost(void **state)
{
	F;
	struct worker workers[WORKERS];
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.engine = f->engine,
			.add = changes(f, "ADD n :n", "{':n':1}"),
			.keys = {KEY("a"), KEY("b")},
			.first = i > 0};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	char sum[16];
	snprintf(sum, sizeof sum, "%d", WORKERS * ROUNDS + ROUNDS);
	assert_string_equal(text_of(&f->arena, item_at(f, "Acc", KEY("a")), "n"), sum);
	assert_string_equal(text_of(&f->arena, item_at(f, "Acc", KEY("b")), "n"), sum);
}

static void *remake(void *context)
{
	struct fixture *f = context;
	struct ddb_error err;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct ddb_definition *definition = NULL;
		static const struct ddb_key_attribute hash = {"id", 2, DDB_S};
		if (ddb_definition_simple(&hash, NULL, &definition, &err) ||
			OP(f->engine, delete_table, "Acc", false, &err) ||
			OP(f->engine, create_table, "Acc", definition, &err))
			abort();
		ddb_definition_unref(definition);
	}
	return NULL;
}

/* A table that is made anew meanwhile: a transaction is on the old one, on the new one, or on none. */
static void tables_come_and_go(void **state)
{
	F;
	pthread_t thread;
	struct ddb_transact_result result;
	struct ddb_transact_get_result got;
	const struct ddb_transact_action actions[] = {
		{.kind = DDB_TRANSACT_PUT, .table = "Acc", .value = KEY("a")},
		{.kind = DDB_TRANSACT_PUT, .table = "Log", .value = MAP("who=S:a", "at=N:1")},
	};
	const struct ddb_transact_get gets[] = {{.table = "Acc", .key = KEY("a")}};
	assert_int_equal(pthread_create(&thread, NULL, remake, f), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		enum ddb_code code = write_with(f, actions, 2, NULL, &result);
		assert_true(code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND);
		code = OP(f->engine, transact_get, &f->arena, gets, 1, &got, &f->err);
		assert_true(code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND);
	}
	pthread_join(thread, NULL);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up_tables, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(counts_are_limited),
		TEST(told_items_are_bounded),
		TEST(collections_are_limited),
		TEST(collections_in_a_view),
		TEST(full_store),
		TEST(no_memory_for_the_answer),
		TEST(nothing_is_lost),
		TEST(tables_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * A stream says everything: whatever was done to a table, its records from the first on, each of which fits
 * what came before, make the same table again. So they do when the process dies at any instant.
 */
#include "local_stream_fixture.h"

#include <signal.h>
#include <sys/wait.h>

enum { HASHES = 6, RANGES = 8, OPERATIONS = 4000, DEATHS = 12, REPLAY_PAGE = 37 };

/* ---- The table by its stream ---- */

struct replayed {
	struct ddb_value *items; /* sorted by nothing */
	size_t count, room;
};

static bool same_key(const struct ddb_value *item, const struct ddb_value *key)
{
	for (uint32_t i = 0; i < key->count; i++) {
		const struct ddb_attribute *part = &key->attributes[i];
		const struct ddb_value *value = ddb_map_get(item, part->name, part->name_length);
		if (!value || !ddb_value_equal(value, &part->value))
			return false;
	}
	return true;
}

static struct ddb_value *find(struct replayed *replayed, const struct ddb_value *key)
{
	for (size_t i = 0; i < replayed->count; i++)
		if (same_key(&replayed->items[i], key))
			return &replayed->items[i];
	return NULL;
}

static void replay_record(struct replayed *replayed, const struct ddb_stream_record *record)
{
	struct ddb_value *item = find(replayed, &record->key);
	assert_int_equal(record->has_old, item != NULL);
	assert_int_equal(record->event == DDB_EVENT_INSERT, item == NULL);
	assert_int_equal(record->event == DDB_EVENT_REMOVE, !record->has_new);
	if (item)
		assert_true(ddb_value_equal(item, &record->old_image));
	if (item && record->has_new)
		assert_false(ddb_value_equal(item, &record->new_image));
	if (!item) {
		assert_true(replayed->count < replayed->room);
		item = &replayed->items[replayed->count++];
	}
	if (record->has_new)
		*item = record->new_image;
	else
		*item = replayed->items[--replayed->count];
}

static struct replayed replay(struct fixture *f)
{
	struct replayed replayed = {.room = HASHES * RANGES};
	struct ddb_read_stream request = {.table = "Orders", .limit = REPLAY_PAGE};
	uint64_t last = 0;
	replayed.items = ddb_arena_array(&f->arena, replayed.room, sizeof *replayed.items);
	for (bool more = true; more;) {
		struct ddb_stream_page page = read_page(f, request);
		for (size_t i = 0; i < page.count; i++) {
			assert_true(page.records[i].sequence > last);
			last = page.records[i].sequence;
			replay_record(&replayed, &page.records[i]);
		}
		request.after = page.next;
		more = page.more;
	}
	return replayed;
}

static void assert_replays(struct fixture *f)
{
	struct replayed replayed = replay(f);
	struct ddb_page page = query(f, (struct ddb_query){.table = "Orders"});
	assert_false(page.more);
	assert_int_equal(page.count, replayed.count);
	for (size_t i = 0; i < page.count; i++) {
		const struct ddb_value *item = find(&replayed, &page.entries[i].item);
		assert_non_null(item);
		assert_true(ddb_value_equal(item, &page.entries[i].item));
	}
}

/* ---- Doing something ---- */

struct worker {
	struct ddb_engine *engine;
	struct ddb_arena arena; /* of one operation */
	uint64_t state;
};

static unsigned pick(struct worker *worker, unsigned below)
{
	worker->state = worker->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(worker->state >> 33) % below;
}

static struct ddb_value some_hash(struct worker *worker)
{
	char text[16];
	snprintf(text, sizeof text, "S:h%u", pick(worker, HASHES));
	return text_value(&worker->arena, text);
}

static struct ddb_value some_key(struct worker *worker)
{
	char at[16];
	snprintf(at, sizeof at, "at=N:%u", pick(worker, RANGES));
	struct ddb_value key = map_of(&worker->arena, at, NULL);
	return with(&worker->arena, &key, "id", some_hash(worker));
}

static struct ddb_value some_item(struct worker *worker)
{
	struct ddb_value item = some_key(worker);
	char n[16];
	snprintf(n, sizeof n, "N:%u", pick(worker, 3));
	if (pick(worker, 2))
		item = with(&worker->arena, &item, "n", text_value(&worker->arena, n));
	if (pick(worker, 8) == 0)
		item = with(&worker->arena, &item, "text",
			filled(&worker->arena, pick(worker, 20000), (char)('a' + pick(worker, 2))));
	return item;
}

static void do_put(struct worker *worker)
{
	struct ddb_put_result result;
	const struct ddb_put_item request = {.table = "Orders",
		.item = some_item(worker),
		.condition = (enum ddb_condition)pick(worker, 3)};
	(void)OP(worker->engine, put_item, &request, &result, NULL);
}

static void do_delete(struct worker *worker)
{
	struct ddb_delete_result result;
	const struct ddb_delete_item request = {.table = "Orders", .key = some_key(worker)};
	(void)OP(worker->engine, delete_item, &request, &result, NULL);
}

static void do_update(struct worker *worker)
{
	struct ddb_put_result result;
	char n[16];
	snprintf(n, sizeof n, "n=N:%u", pick(worker, 4));
	const struct ddb_update_item request = {.table = "Orders",
		.key = some_key(worker),
		.changes = setting(&worker->arena, map_of(&worker->arena, n, NULL))};
	(void)OP(worker->engine, update_item, &request, &result, NULL);
}

static void do_move(struct worker *worker)
{
	const struct ddb_move_item request = {.table = "Orders",
		.from = some_key(worker),
		.to = some_key(worker),
		.exchange = pick(worker, 2),
		.no_replace = pick(worker, 4) == 0};
	(void)OP(worker->engine, move_item, &request, NULL);
}

static void do_move_partition(struct worker *worker)
{
	const struct ddb_move_partition request = {
		.table = "Orders", .from = some_hash(worker), .to = some_hash(worker)};
	(void)OP(worker->engine, move_partition, &request, NULL);
}

static void do_put_many(struct worker *worker)
{
	struct ddb_value items[10];
	struct ddb_put_many_result result;
	for (unsigned i = 0; i < 10; i++)
		items[i] = some_item(worker);
	if (pick(worker, 4) == 0)
		items[5].count = 0; /* what comes before it is put */
	const struct ddb_put_many request = {.table = "Orders", .items = items, .count = 10};
	(void)OP(worker->engine, put_many, &request, &result, NULL);
}

static void do_batch(struct worker *worker)
{
	struct ddb_batch_write requests[5];
	struct ddb_batch_write_result result;
	for (unsigned i = 0; i < 5; i++) {
		bool deletes = pick(worker, 2);
		requests[i] = (struct ddb_batch_write){.table = "Orders",
			.deletes = deletes,
			.value = deletes ? some_key(worker) : some_item(worker)};
	}
	(void)OP(worker->engine, batch_write, &worker->arena, requests, 5, &result, NULL);
}

static void do_something(struct worker *worker)
{
	static void (*const ways[])(struct worker *) = {do_put, do_put, do_put, do_delete, do_update,
		do_update, do_move, do_move_partition, do_put_many, do_batch};
	ways[pick(worker, sizeof ways / sizeof *ways)](worker);
	ddb_arena_reset(&worker->arena);
}

static void begin(struct worker *worker, struct fixture *f, uint64_t seed)
{
	*worker = (struct worker){.engine = f->engine, .state = seed};
	ddb_arena_init(&worker->arena, 16 << 20);
}

/* ---- The tests ---- */

static void test_replay(void **state)
{
	F;
	struct worker worker;
	create_streamed(f, "Orders", true, "NEW_AND_OLD_IMAGES");
	begin(&worker, f, 1);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		do_something(&worker);
		if (i % (OPERATIONS / 8) == 0) {
			assert_replays(f);
			engine_reopen(f);
			worker.engine = f->engine;
		}
	}
	assert_replays(f);
	ddb_arena_done(&worker.arena);
}

struct race {
	struct fixture *f;
	uint64_t seed;
};

static void *run_beside(void *context)
{
	const struct race *race = context;
	struct worker worker;
	begin(&worker, race->f, race->seed);
	for (unsigned i = 0; i < OPERATIONS / 4; i++)
		do_something(&worker);
	ddb_arena_done(&worker.arena);
	return NULL;
}

static void test_replay_of_threads(void **state)
{
	F;
	pthread_t threads[4];
	struct race races[4];
	create_streamed(f, "Orders", true, "NEW_AND_OLD_IMAGES");
	for (unsigned i = 0; i < 4; i++) {
		races[i] = (struct race){.f = f, .seed = 100 + i};
		assert_int_equal(pthread_create(&threads[i], NULL, run_beside, &races[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_replays(f);
}

/* A byte for each operation that is done; until it is killed. */
static _Noreturn void live(struct fixture *f, uint64_t seed, int progress)
{
	struct worker worker;
	engine_open(f);
	begin(&worker, f, seed);
	for (;;) {
		do_something(&worker);
		if (write(progress, "", 1) != 1)
			_exit(1);
	}
}

static void die_once(struct fixture *f, unsigned round)
{
	int progress[2];
	char done;
	assert_int_equal(pipe(progress), 0);
	engine_close(f);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(progress[0]);
		live(f, 1000 + round, progress[1]);
	}
	close(progress[1]);
	for (unsigned i = 0; i < 20 + 17 * round; i++)
		assert_int_equal(read(progress[0], &done, 1), 1);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(progress[0]);
	engine_open(f);
}

static void test_deaths(void **state)
{
	F;
	create_streamed(f, "Orders", true, "NEW_AND_OLD_IMAGES");
	for (unsigned round = 0; round < DEATHS; round++) {
		die_once(f, round);
		assert_replays(f);
		assert_sound(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_replay_of_threads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deaths, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

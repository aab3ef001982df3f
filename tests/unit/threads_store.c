/* Writers, readers, a verifier and syncs at once on one store, which is closed in the midst of its work. */
#include "tests/unit/storedir.h"

enum {
	WRITERS = 3,
	READERS = 2,
	THREADS = WRITERS + READERS + 2,
	ROUNDS = 60,
	SIZES = 12000, /* bytes of a body: from part of a page to several */
	LOOKS = 300,   /* at most, by who goes on until the writers are done: a slow machine has other work */
	VERIFIES = 20,
};

static struct storedir dir;
static const char *const sides[] = {"left", "right"};

struct shared {
	struct store *store;
	atomic_uint writing; /* writers that are not done */
	atomic_uint seen;    /* pairs that were read */
};

struct worker {
	struct shared *shared;
	unsigned number;
	const char *failure;
	pthread_t thread;
};

static int setup(void **state)
{
	(void)state;
	storedir_make(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	storedir_done(&dir);
	return 0;
}

/* ---- Writers: both sides of a pair change in one job ---- */

struct pair {
	unsigned writer, round;
};

static size_t key_of(char ret[64], const char *side, unsigned writer, unsigned place)
{
	return (size_t)snprintf(ret, 64, "%s/%u/%u", side, writer, place);
}

static enum ddb_code pair_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct pair *pair = context;
	char key[64], head[32];
	static const uint8_t body[SIZES];
	size_t body_length = pair->round * 977 % SIZES;
	int head_length = snprintf(head, sizeof head, "%u", pair->round);
	for (unsigned i = 0; i < 2; i++) {
		size_t length = key_of(key, sides[i], pair->writer, pair->round % 4);
		enum ddb_code code = pair->round % 8 == 7
					     ? store_delete(txn, key, length, NULL, err)
					     : store_put(txn, key, length, head, (size_t)head_length, body,
						       body_length, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

static void *write_pairs(void *context)
{
	struct worker *worker = context;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct pair pair = {worker->number, round};
		if (store_write(worker->shared->store, pair_job, &pair, round % 16 == 0, NULL))
			worker->failure = "a write failed";
	}
	worker->shared->writing--;
	return NULL;
}

/* ---- Readers ---- */

/* The number and the length of one side; false: it is not there. */
static bool side_read(struct store_txn *view, struct ddb_arena *arena, const char *side, unsigned writer,
	unsigned place, unsigned ret[2])
{
	char key[64], head[32] = "";
	struct store_value value;
	size_t length = key_of(key, side, writer, place);
	enum ddb_code code = store_get(view, arena, key, length, true, &value, NULL);
	ret[0] = ret[1] = 0;
	if (code == DDB_OK) {
		memcpy(head, value.head, value.head_length < sizeof head ? value.head_length : 0);
		ret[0] = (unsigned)strtoul(head, NULL, 10);
		ret[1] = (unsigned)value.body_length;
	}
	return code == DDB_OK;
}

static const char *walk(struct store_txn *view)
{
	const char *failure = NULL;
	uint8_t last[64];
	const uint8_t *key;
	size_t last_length = 0, length;
	struct store_cursor *cursor;
	bool found;
	if (store_cursor_open(view, &cursor, NULL))
		return "no cursor";
	enum ddb_code code = store_cursor_seek(cursor, "", 0, &found, NULL);
	for (; !code && found && !failure; code = store_cursor_next(cursor, &found, NULL)) {
		store_cursor_key(cursor, &key, &length);
		if (length > sizeof last ||
			(last_length && memcmp(last, key, length < last_length ? length : last_length) >= 0))
			failure = "keys are out of order";
		else
			memcpy(last, key, last_length = length);
	}
	store_cursor_close(cursor);
	return code ? "a walk failed" : failure;
}

static const char *look(struct shared *shared, struct ddb_arena *arena)
{
	struct store_txn *view;
	const char *failure = NULL;
	unsigned values[2][2];
	bool found[2];
	if (store_view(shared->store, &view, NULL))
		return "no view";
	for (unsigned i = 0; i < WRITERS * 4 && !failure; i++) {
		ddb_arena_reset(arena);
		for (unsigned side = 0; side < 2; side++)
			found[side] = side_read(view, arena, sides[side], i / 4, i % 4, values[side]);
		if (found[0] != found[1] || memcmp(values[0], values[1], sizeof values[0]) != 0)
			failure = "half of a job is visible";
		else if (found[0] && values[0][1] != values[0][0] * 977 % SIZES)
			failure = "a head with another one's body";
		shared->seen += found[0];
	}
	if (!failure)
		failure = walk(view);
	store_view_end(view);
	return failure;
}

static void *read_pairs(void *context)
{
	struct worker *worker = context;
	struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	for (unsigned i = 0; i < LOOKS && !worker->failure && worker->shared->writing; i++)
		worker->failure = look(worker->shared, &arena);
	ddb_arena_done(&arena);
	return NULL;
}

static void ignore_finding(void *context, const uint8_t *key, size_t length, const char *what)
{
	(void)key, (void)length, (void)what;
	++*(unsigned *)context;
}

static void *verify_all(void *context)
{
	struct worker *worker = context;
	struct store_txn *view;
	unsigned findings = 0;
	for (unsigned i = 0; i < VERIFIES && !worker->failure && worker->shared->writing; i++) {
		if (store_view(worker->shared->store, &view, NULL)) {
			worker->failure = "no view";
			break;
		}
		if (store_verify(view, ignore_finding, &findings, NULL) || findings)
			worker->failure = "the store is not sound";
		store_view_end(view);
	}
	return NULL;
}

static void *sync_all(void *context)
{
	struct worker *worker = context;
	for (unsigned i = 0; i < LOOKS && !worker->failure && worker->shared->writing; i++) {
		struct store_status before, after;
		store_status(worker->shared->store, &before);
		if (store_sync(worker->shared->store, NULL))
			worker->failure = "a sync failed";
		store_status(worker->shared->store, &after);
		if (after.synced_commits < before.commits)
			worker->failure = "what was committed before the sync is not synced";
	}
	return NULL;
}

static void test_all_at_once(void **state)
{
	struct shared shared = {.store = storedir_open(dir.store), .writing = WRITERS};
	struct worker workers[THREADS];
	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		void *(*const others[])(void *) = {verify_all, sync_all};
		void *(*run)(void *) = i < WRITERS             ? write_pairs
				       : i < WRITERS + READERS ? read_pairs
							       : others[i - WRITERS - READERS];
		workers[i] = (struct worker){.shared = &shared, .number = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		if (workers[i].failure)
			fail_msg("thread %u: %s", i, workers[i].failure);
	store_close(shared.store);
	shared.store = storedir_open(dir.store);
	struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	const char *failure = look(&shared, &arena);
	if (failure)
		fail_msg("after all: %s", failure);
	assert_true(shared.seen >= WRITERS * 3); /* the fourth place of each was deleted last or put last */
	assert_int_equal(storedir_verify(shared.store)->count, 0);
	ddb_arena_done(&arena);
	store_close(shared.store);
}

/* Closing right behind the last write, with the thread that syncs asleep, waiting or at work. */
static void test_closing(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		struct shared shared = {.store = storedir_open(dir.store), .writing = WRITERS};
		struct worker workers[WRITERS];
		for (unsigned i = 0; i < WRITERS; i++) {
			workers[i] = (struct worker){.shared = &shared, .number = i};
			assert_int_equal(
				pthread_create(&workers[i].thread, NULL, write_pairs, &workers[i]), 0);
		}
		for (unsigned i = 0; i < WRITERS; i++)
			pthread_join(workers[i].thread, NULL);
		for (unsigned i = 0; i < WRITERS; i++)
			assert_null(workers[i].failure);
		store_close(shared.store);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
